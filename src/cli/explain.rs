//! `raftctl explain`: the page of an error code, or a rule of Raft. Works offline.

use serde::Serialize;

use super::catalogue::{self, Page};
use super::failure::{Exit, Failure};
use super::output::{Cell, Table};
use super::{Context, hints};

/// The rules as they are documented; lines of the form ``- **R47** Sentence. (§5.4.2) `where` · `script` `` are read.
const RULES: &str = include_str!("../../docs/raft.md");

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl explain E0201
  raftctl explain R47
  raftctl explain")]
pub struct Args {
    /// An error code such as E0201, or a rule such as R47; without it, the list
    #[arg(value_name = "CODE")]
    pub word: Option<String>,
}

/// One documented rule, invariant or story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Rule {
    rule: &'static str,
    meaning: String,
    /// Section of the paper or the thesis.
    source: Option<String>,
    /// Where the code holds it.
    code: Option<String>,
    script: Option<String>,
}

#[derive(Serialize)]
struct ErrorPage {
    code: &'static str,
    title: &'static str,
    meaning: &'static str,
    action: &'static str,
    exit: u8,
}

#[derive(Serialize)]
struct Everything {
    errors: Vec<ErrorPage>,
    rules: Vec<Rule>,
}

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    let Some(word) = arguments.word else { return list(context) };
    let wanted = word.to_uppercase();
    if let Some(page) = catalogue::page(&wanted) {
        return explain_error(context, page);
    }
    let rules = rules();
    if let Some(rule) = rules.iter().find(|rule| rule.rule == wanted) {
        return explain_rule(context, rule);
    }
    let known = catalogue::pages().map(|page| page.code).chain(rules.iter().map(|rule| rule.rule));
    let failure = Failure::new("E0110", format!("there is no page for `{word}`"));
    Err(match hints::did_you_mean(&wanted, known) {
        Some(near) => failure.fix(format!("raftctl explain {near}")),
        None => failure.fix("raftctl explain lists all codes and rules"),
    })
}

fn explain_error(context: &Context, page: &Page) -> Result<Exit, Failure> {
    let printer = &context.printer;
    if !printer.is_table() {
        printer.document("raftctl.explanation/v1", &ErrorPage::from(page))?;
        return Ok(Exit::Done);
    }
    let bold = anstyle::Style::new().bold();
    printer.line(format_args!("{bold}{}: {}{bold:#}\n\n{}\n", page.code, page.title, page.meaning))?;
    printer.line(format_args!("What to do: {}\nUsual exit code: {}", page.action, page.exit.code()))?;
    Ok(Exit::Done)
}

fn explain_rule(context: &Context, rule: &Rule) -> Result<Exit, Failure> {
    let printer = &context.printer;
    if !printer.is_table() {
        printer.document("raftctl.explanation/v1", rule)?;
        return Ok(Exit::Done);
    }
    let bold = anstyle::Style::new().bold();
    printer.line(format_args!("{bold}{}{bold:#}: {}", rule.rule, rule.meaning))?;
    for (name, value) in [("Source", &rule.source), ("Code", &rule.code), ("Script", &rule.script)] {
        if let Some(value) = value {
            printer.line(format_args!("{name}: {value}"))?;
        }
    }
    Ok(Exit::Done)
}

fn list(context: &Context) -> Result<Exit, Failure> {
    let printer = &context.printer;
    if !printer.is_table() {
        let errors = catalogue::pages().map(ErrorPage::from).collect();
        printer.document("raftctl.explanations/v1", &Everything { errors, rules: rules() })?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["CODE", "MEANING"]);
    for page in catalogue::pages() {
        table.row([Cell::from(page.code), Cell::from(page.title)]);
    }
    for rule in rules() {
        table.row([Cell::from(rule.rule), Cell::from(rule.meaning)]);
    }
    printer.table(&table)?;
    Ok(Exit::Done)
}

impl From<&Page> for ErrorPage {
    fn from(page: &Page) -> ErrorPage {
        let Page { code, title, meaning, action, exit } = *page;
        ErrorPage { code, title, meaning, action, exit: exit.code() }
    }
}

fn rules() -> Vec<Rule> {
    RULES.lines().filter_map(rule_in).collect()
}

fn rule_in(line: &'static str) -> Option<Rule> {
    let (rule, rest) = line.strip_prefix("- **")?.split_once("**")?;
    let digits = rule.strip_prefix(['R', 'I', 'P', 'T'])?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let plain = |text: &str| Some(text.trim().replace('`', "")).filter(|text| !text.is_empty());
    let (said, scripts) = rest.split_once(" · ").unwrap_or((rest, ""));
    let (meaning, code) = match said.find('`') {
        Some(at) => said.split_at(at),
        None => (said, ""),
    };
    let meaning = meaning.trim();
    let (meaning, source) = match meaning.strip_suffix(')').and_then(|text| text.rsplit_once(" (")) {
        Some((meaning, source)) => (meaning, source),
        None => (meaning, ""),
    };
    Some(Rule { rule, meaning: plain(meaning)?, source: plain(source), code: plain(code), script: plain(scripts) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_list_are_rules_and_nothing_else_is() {
        let rule =
            rule_in("- **R47** A sentence. (§5.4.2, thesis 3.6) `src/raft/x.rs` `tally` · `a.script` `b.script`")
                .unwrap();
        assert_eq!((rule.rule, rule.meaning.as_str()), ("R47", "A sentence."));
        assert_eq!(rule.source.as_deref(), Some("§5.4.2, thesis 3.6"));
        assert_eq!(rule.code.as_deref(), Some("src/raft/x.rs tally"));
        assert_eq!(rule.script.as_deref(), Some("a.script b.script"));
        let short = rule_in("- **T3** A story.").unwrap();
        assert_eq!((short.meaning.as_str(), short.source, short.script), ("A story.", None, None));
        for other in ["- R47 x", "## Rules", "R47 is a rule", "- **R** x", "- **R47x** x", "- **R47**"] {
            assert_eq!(rule_in(other), None, "{other}");
        }
    }

    #[test]
    fn the_documented_rules_are_there_once_each() {
        let rules = rules();
        let mut names: Vec<&str> = rules.iter().map(|rule| rule.rule).collect();
        assert!(names.len() > 20, "the list of rules was read");
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count, "a rule is documented once");
    }
}
