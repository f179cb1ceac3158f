//! One line of the shell as what it asks for.
//!
//! A word decides: those of `submit` and of the reads mean what they mean after `raftctl`, with the same flags; those that
//! begin with a backslash are about the shell. Nothing is done here.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{FromArgMatches as _, Subcommand as _};

use crate::api::Consistency;
use crate::cli::arguments;
use crate::cli::failure::Failure;
use crate::cli::hints;
use crate::cli::output::printable;
use crate::cli::submit::Operation;
use crate::cli::submit_lines::takes_stdin;
use crate::cli::words;
use crate::cli::{get, scan, watch};

/// What a line asks for.
#[derive(Debug)]
pub(super) enum Order {
    /// A blank line or a comment.
    Nothing,
    Write(Box<Operation>),
    /// `txn` alone: its text is in the lines that follow.
    Block,
    Read(Box<Reading>),
    Status,
    Leader,
    /// Print this.
    Help(String),
    /// Of these four, nothing asks for what holds.
    Consistency(Option<Consistency>),
    Timing(Option<bool>),
    /// `Some(None)` is off.
    Node(Option<Option<String>>),
    History(Option<bool>),
    Quit,
}

#[derive(Debug)]
pub(super) enum Reading {
    Get(get::Args),
    Scan(scan::Args),
    Watch(watch::Args),
}

/// What reads do unless their line says otherwise.
pub(super) struct Defaults {
    pub(super) consistency: Consistency,
    pub(super) node: Option<String>,
}

#[derive(clap::Subcommand)]
enum Verb {
    #[command(flatten)]
    Write(Operation),
    /// Print the value of a key
    Get(get::Args),
    /// List keys and values in order
    Scan(scan::Args),
    /// Print changes as they happen, until Ctrl-C
    Watch(watch::Args),
}

/// Words about the shell, what may follow each, and what it does.
pub(super) const META: &[(&str, &str, &str)] = &[
    ("status", "", "Who leads, how far everybody is, and what is wrong"),
    ("leader", "", "The name of the node that leads"),
    ("consistency", "[HOW]", "How reads are answered from now on: linearizable, lease or stale"),
    ("node", "[NODE|off]", "Read at this node from now on; writes go to the leader"),
    ("timing", "[on|off]", "Print how long each line took"),
    ("history", "[on|off]", "What was typed; with off, nothing more is kept of it"),
    ("help", "[COMMAND]", "This list, or what one command takes"),
    ("quit", "", "Leave, as Ctrl-D does"),
];

/// Lines to imitate.
const EXAMPLES: &[(&str, &str)] = &[
    ("put", "  put colour green\n  put worker/7 alive --ttl 30s\n  put photo -f photo.jpg"),
    ("delete", "  delete colour"),
    ("append", "  append journal 'one more line,'"),
    ("incr", "  incr visits\n  incr visits -5"),
    ("cas", "  cas colour blue --expect green\n  cas lock me --absent --ttl 10s"),
    ("txn", "  txn -f move.yaml\n  txn\n  then: [{ op: put, key: a, value: one }, { op: incr, key: b }]\n  ."),
    ("lease", "  lease worker/7 30s\n  lease worker/7 off"),
    ("get", "  get colour\n  get colour --consistency stale --node n3"),
    ("scan", "  scan\n  scan user/ --keys-only --limit 10"),
    ("watch", "  watch colour\n  watch --prefix user/ --prev\n  watch colour --count 1"),
];

/// Words somebody may type, and the line that was meant.
const GUESSES: &[(&str, &str)] = &[
    ("?", "\\help"),
    ("exit", "\\quit"),
    ("q", "\\quit"),
    ("h", "\\help"),
    ("set", "put KEY VALUE"),
    ("del", "delete KEY"),
    ("rm", "delete KEY"),
    ("read", "get KEY"),
    ("ls", "scan"),
    ("keys", "scan --keys-only"),
    ("list", "scan"),
    ("begin", "txn"),
    ("multi", "txn"),
];

/// What the line asks for.
///
/// # Errors
/// It is no command, with what was probably meant.
pub(super) fn parse(line: &[u8], defaults: &Defaults) -> Result<Order, Failure> {
    let line = line.trim_ascii();
    let (is_meta, rest) = match line.strip_prefix(b"\\") {
        Some(rest) => (true, rest),
        None => (false, line),
    };
    let words = words::split(rest).map_err(|error| {
        Failure::new("E0101", "the line is not understood").because(&error).fix("quotes are as in a shell")
    })?;
    let texts: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let Some((first, arguments)) = texts.split_first() else {
        return if is_meta { Err(unknown("\\")) } else { Ok(Order::Nothing) };
    };
    if is_meta {
        return meta(first, arguments);
    }
    if !verbs().contains(first) {
        return Err(unknown(first));
    }
    if texts == ["txn"] {
        return Ok(Order::Block);
    }
    verb(first, words, defaults)
}

/// Words that begin a line that works with keys.
pub(super) fn verbs() -> Vec<String> {
    definition().get_subcommands().map(|one| one.get_name().to_owned()).collect()
}

/// Everything that works with keys, as the parser has it.
pub(super) fn definition() -> clap::Command {
    let mut root = Verb::augment_subcommands(clap::Command::new("shell"))
        .no_binary_name(true)
        .disable_help_subcommand(true)
        .subcommand_required(true);
    for (name, examples) in EXAMPLES {
        root = root.mut_subcommand(name, |one| one.bin_name(*name).after_help(format!("Examples:\n{examples}")));
    }
    root
}

pub(super) fn consistency_word(consistency: Consistency) -> &'static str {
    match consistency {
        Consistency::Linearizable => "linearizable",
        Consistency::Lease => "lease",
        Consistency::Stale => "stale",
    }
}

fn verb(first: &str, words: Vec<OsString>, defaults: &Defaults) -> Result<Order, Failure> {
    let mut parser = definition();
    for name in ["get", "scan", "watch"] {
        parser = parser.mut_subcommand(name, |one| {
            one.mut_arg("consistency", |arg| arg.default_value(consistency_word(defaults.consistency)))
        });
    }
    let parsed = parser.try_get_matches_from(words).and_then(|matches| Verb::from_arg_matches(&matches));
    let verb = match parsed {
        Ok(verb) => verb,
        Err(error) if error.kind() == ErrorKind::DisplayHelp => return help(Some(first)).map(Order::Help),
        Err(error) => return Err(hints::plain(&error).fix(format!("\\help {first}"))),
    };
    Ok(match verb {
        Verb::Write(operation) if takes_stdin(&operation) => {
            return Err(Failure::new("E0101", "the line is not understood")
                .cause("`-f -` would read the lines of the shell themselves")
                .fix("give a file, or for a transaction `txn` alone"));
        }
        Verb::Write(operation) => Order::Write(Box::new(operation)),
        Verb::Get(arguments) => reading(Reading::Get(arguments), defaults),
        Verb::Scan(arguments) => reading(Reading::Scan(arguments), defaults),
        Verb::Watch(arguments) => reading(Reading::Watch(arguments), defaults),
    })
}

fn reading(mut reading: Reading, defaults: &Defaults) -> Order {
    let (Reading::Get(get::Args { reading: options, .. })
    | Reading::Scan(scan::Args { reading: options, .. })
    | Reading::Watch(watch::Args { reading: options, .. })) = &mut reading;
    options.node = options.node.take().or_else(|| defaults.node.clone());
    Order::Read(Box::new(reading))
}

fn meta(word: &str, arguments: &[String]) -> Result<Order, Failure> {
    let Some((name, usage, _)) = META.iter().find(|(name, ..)| *name == word) else {
        return Err(unknown(&format!("\\{word}")));
    };
    let wrong = |why: String| {
        Failure::new("E0101", format!("\\{name} is not understood")).cause(why).fix(format!("\\{name} {usage}").trim())
    };
    let argument = match arguments {
        [] => None,
        [one] if !usage.is_empty() => Some(one.as_str()),
        _ => return Err(wrong("there are too many words".to_owned())),
    };
    let on_off = |text: Option<&str>| match text {
        None => Ok(None),
        Some("on") => Ok(Some(true)),
        Some("off") => Ok(Some(false)),
        Some(text) => Err(wrong(format!("`{}` is neither on nor off", printable(text.as_bytes(), true)))),
    };
    Ok(match *name {
        "status" => Order::Status,
        "leader" => Order::Leader,
        "consistency" => Order::Consistency(argument.map(arguments::consistency).transpose().map_err(wrong)?),
        "timing" => Order::Timing(on_off(argument)?),
        "history" => Order::History(on_off(argument)?),
        "node" => Order::Node(match argument {
            None => None,
            Some("off") => Some(None),
            Some(node) => Some(Some(arguments::node_name(node).map_err(wrong)?)),
        }),
        "help" => Order::Help(help(argument)?),
        "quit" => Order::Quit,
        name => unreachable!("{name} is in the list and has no meaning"),
    })
}

fn help(about: Option<&str>) -> Result<String, Failure> {
    let Some(word) = about else { return Ok(overview()) };
    let name = word.trim_start_matches('\\');
    if let Some((name, usage, what)) = META.iter().find(|(one, ..)| *one == name) {
        return Ok(format!("{what}\n\nUsage: \\{name} {usage}"));
    }
    match definition().find_subcommand_mut(name) {
        Some(verb) => Ok(verb.render_help().ansi().to_string()),
        None => Err(unknown(word)),
    }
}

fn overview() -> String {
    const NAME_WIDTH: usize = 20;
    let mut text = String::from("Keys and values:\n");
    for one in definition().get_subcommands() {
        let about = one.get_about().map(ToString::to_string).unwrap_or_default();
        text.push_str(&format!("  {:<NAME_WIDTH$} {about}\n", one.get_name()));
    }
    text.push_str("\nThe shell:\n");
    for (name, usage, what) in META {
        text.push_str(&format!("  {:<NAME_WIDTH$} {what}\n", format!("\\{name} {usage}")));
    }
    text.push_str(
        "\nQuotes are as in a shell; # begins a comment. `txn` alone takes a transaction\n\
         from the lines that follow, up to a line with a single `.`. A line that begins\n\
         with a blank is not kept in the history. Ctrl-C clears the line, ends a watch\n\
         or gives up a wait; Ctrl-D leaves.\n",
    );
    text
}

fn unknown(word: &str) -> Failure {
    let failure = Failure::new(
        "E0102",
        format!("there is no command `{}`", printable(word.as_bytes(), true).replace("\\\\", "\\")),
    );
    let bare = word.trim_start_matches('\\');
    if bare == "raftctl" {
        return failure.cause("lines hold what follows it").fix("leave it out");
    }
    let verbs = verbs();
    if word.starts_with('\\') && verbs.iter().any(|verb| verb == bare) {
        return failure.fix(bare);
    }
    if META.iter().any(|(name, ..)| *name == bare) {
        return failure.cause("words about the shell begin with a backslash").fix(format!("\\{bare}"));
    }
    if let Some((_, right)) = GUESSES.iter().find(|(guess, _)| *guess == bare) {
        return failure.fix(*right);
    }
    let near_verb = || hints::did_you_mean(bare, verbs.iter().map(String::as_str)).map(str::to_owned);
    let near_meta = || hints::did_you_mean(bare, META.iter().map(|(name, ..)| *name)).map(|name| format!("\\{name}"));
    let near = if word.starts_with('\\') { near_meta().or_else(near_verb) } else { near_verb().or_else(near_meta) };
    failure.fix(near.unwrap_or_else(|| "\\help lists what there is".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::arguments::Lease;

    fn defaults() -> Defaults {
        Defaults { consistency: Consistency::Linearizable, node: None }
    }

    fn order(line: &str) -> Order {
        parse(line.as_bytes(), &defaults()).unwrap()
    }

    fn wrong(line: &str) -> (&'static str, String) {
        let failure = parse(line.as_bytes(), &defaults()).unwrap_err();
        (failure.code, failure.fix.unwrap_or_default())
    }

    #[test]
    fn lines_mean_what_they_mean_behind_raftctl() {
        let Order::Write(put) = order("  put colour 'dark green' --ttl 30s  # a comment") else { panic!("a write") };
        let Operation::Put(put) = *put else { panic!("a put") };
        assert_eq!((put.key.to_str(), put.value.value.unwrap().to_str()), (Some("colour"), Some("dark green")));
        assert_eq!(put.ttl, Some(std::time::Duration::from_secs(30)));
        let Order::Write(lease) = order("lease k off --revision 4") else { panic!("a write") };
        assert!(matches!(*lease, Operation::Lease(lease) if lease.ttl == Lease::Off && lease.revision == Some(4)));
        let Order::Write(incr) = order("incr n -5") else { panic!("a write") };
        assert!(matches!(*incr, Operation::Incr(incr) if incr.by == -5));
        assert!(matches!(order("txn"), Order::Block));
        assert!(matches!(order("txn -f move.yaml"), Order::Write(_)));
        for line in ["", "   ", "# nothing"] {
            assert!(matches!(order(line), Order::Nothing), "{line:?}");
        }
    }

    #[test]
    fn reads_follow_the_settings_unless_they_say_otherwise() {
        let defaults = Defaults { consistency: Consistency::Stale, node: Some("n2".to_owned()) };
        let reading = |line: &str| match parse(line.as_bytes(), &defaults).unwrap() {
            Order::Read(reading) => {
                let options = match *reading {
                    Reading::Get(arguments) => arguments.reading,
                    Reading::Scan(arguments) => arguments.reading,
                    Reading::Watch(arguments) => arguments.reading,
                };
                (options.consistency, options.node)
            }
            other => panic!("{other:?}"),
        };
        for line in ["get k", "scan", "watch k"] {
            assert_eq!(reading(line), (Consistency::Stale, Some("n2".to_owned())), "{line}");
        }
        let said = reading("get k --consistency linearizable --node n1");
        assert_eq!(said, (Consistency::Linearizable, Some("n1".to_owned())));
    }

    #[test]
    fn words_about_the_shell_are_read_and_checked() {
        assert!(matches!(order("\\timing on"), Order::Timing(Some(true))));
        assert!(matches!(order("\\timing"), Order::Timing(None)));
        assert!(matches!(order("\\consistency stale"), Order::Consistency(Some(Consistency::Stale))));
        assert!(matches!(order("\\node off"), Order::Node(Some(None))));
        assert!(matches!(order("\\node n2"), Order::Node(Some(Some(node))) if node == "n2"));
        assert!(matches!(order("\\quit"), Order::Quit));
        assert_eq!(wrong("\\timing maybe"), ("E0101", "\\timing [on|off]".to_owned()));
        assert_eq!(wrong("\\status now"), ("E0101", "\\status".to_owned()));
        assert_eq!(wrong("\\node N2").0, "E0101");
        assert_eq!(wrong("\\consistency strong").0, "E0101");
    }

    #[test]
    fn wrong_words_get_the_line_that_was_meant() {
        for (line, code, fix) in [
            ("ptu k v", "E0102", "put"),
            ("\\stauts", "E0102", "\\status"),
            ("status", "E0102", "\\status"),
            ("exit", "E0102", "\\quit"),
            ("\\put k v", "E0102", "put"),
            ("set k v", "E0102", "put KEY VALUE"),
            ("raftctl get k", "E0102", "leave it out"),
            ("frobnicate", "E0102", "\\help lists what there is"),
            ("\\", "E0102", "\\help lists what there is"),
            ("put k", "E0101", "\\help put"),
            ("get k --consistancy stale", "E0101", "\\help get"),
            ("put k 'open", "E0101", "quotes are as in a shell"),
            ("put k -f -", "E0101", "give a file, or for a transaction `txn` alone"),
        ] {
            assert_eq!(wrong(line), (code, fix.to_owned()), "{line}");
        }
        let failure = parse(b"\x1b[2Jx", &defaults()).unwrap_err();
        assert!(!failure.what.contains('\x1b'), "{}", failure.what);
    }

    #[test]
    fn every_word_has_help_with_what_it_takes() {
        let Order::Help(all) = order("\\help") else { panic!("help") };
        for verb in verbs() {
            assert!(all.contains(&format!("  {verb} ")), "{verb} is listed");
            let Order::Help(text) = order(&format!("\\help {verb}")) else { panic!("help") };
            let text = anstream::adapter::strip_str(&text).to_string();
            assert!(text.contains(&format!("Usage: {verb}")) && text.contains("Examples:\n  "), "{text}");
            assert!(matches!(order(&format!("{verb} --help")), Order::Help(_)));
        }
        for (name, ..) in META {
            assert!(
                all.contains(&format!("  \\{name} ")) && matches!(order(&format!("\\help {name}")), Order::Help(_))
            );
        }
        for (guess, _) in GUESSES {
            assert!(
                !verbs().iter().any(|verb| verb == guess) && META.iter().all(|(name, ..)| name != guess),
                "{guess}"
            );
        }
    }
}
