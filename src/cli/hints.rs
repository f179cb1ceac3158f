//! Wrong guesses get the right line: words of other tools, words that belong below another command, words and flags
//! that raftctl will have and does not have yet, and plain slips of the finger.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::failure::Failure;

/// A word somebody may type as a command, and the line that was meant.
const GUESSES: &[(&[&str], &str, &str)] = &[
    (
        &["logs"],
        "`cluster logs` is what processes print, `log show` is the Raft log",
        "raftctl cluster logs, or raftctl log show n1",
    ),
    (&["ps"], "processes belong to local clusters", "raftctl cluster status, or raftctl cluster ls"),
    (&["ls"], "the local clusters are listed below `cluster`", "raftctl cluster ls"),
    (&["list"], "the local clusters are listed below `cluster`", "raftctl cluster ls"),
    (&["members"], "status lists the members", "raftctl status"),
    (&["nodes"], "status lists the members", "raftctl status"),
    (&["health"], "status says whether the cluster is healthy", "raftctl status --check"),
    (&["up"], "clusters are started below `cluster`", "raftctl cluster up clusters/three-nodes.yaml"),
    (&["start"], "processes are handled below `cluster`", "raftctl cluster start"),
    (&["stop"], "processes are handled below `cluster`", "raftctl cluster stop"),
    (&["restart"], "processes are handled below `cluster`", "raftctl cluster restart"),
    (&["down"], "processes are handled below `cluster`", "raftctl cluster down"),
    (&["kill"], "processes are handled below `cluster`", "raftctl cluster kill n1"),
    (&["isolate"], "links are cut below `cluster`", "raftctl cluster isolate n1"),
    (&["heal"], "links are handled below `cluster`", "raftctl cluster heal"),
    (&["pause"], "processes are handled below `cluster`", "raftctl cluster pause n1"),
    (&["resume"], "processes are handled below `cluster`", "raftctl cluster resume n1"),
    (&["set"], "writes are submitted", "raftctl submit put KEY VALUE"),
    (&["write"], "writes are submitted", "raftctl submit put KEY VALUE"),
    (&["del"], "writes are submitted", "raftctl submit delete KEY"),
    (&["rm"], "writes are submitted", "raftctl submit delete KEY"),
    (&["read"], "reads need no log entry", "raftctl get KEY"),
    (&["keys"], "scan lists what is stored", "raftctl scan --keys-only"),
    (&["show"], "entries of the Raft log are shown below `log`", "raftctl log show n1"),
    (&["diff"], "logs are compared below `log`", "raftctl log diff n1 n2 n3"),
    (&["verify"], "logs are proved below `log`, snapshots below `snapshot`", "raftctl log verify n1"),
    (&["bisect"], "logs are searched below `log`", "raftctl log bisect n1 --until 'key=K value=V'"),
    (&["history"], "the history of a key is read from a log", "raftctl log state n1 --key KEY"),
    (&["validate"], "cluster files are checked below `config`", "raftctl config check FILE"),
    (&["completion"], "the command has a plural name", "raftctl completions bash"),
    (&["submit", "get"], "a read is no command for the log, so it is not submitted", "raftctl get KEY"),
    (&["submit", "scan"], "a read is no command for the log, so it is not submitted", "raftctl scan PREFIX"),
    (&["submit", "set"], "the word for it is put", "raftctl submit put KEY VALUE"),
    (&["submit", "del"], "the word for it is delete", "raftctl submit delete KEY"),
    (&["cluster", "list"], "the word for it is ls", "raftctl cluster ls"),
    (&["cluster", "ps"], "status shows the nodes and their processes", "raftctl cluster status"),
    (&["cluster", "log"], "`cluster logs` is what processes print, `log show` is the Raft log", "raftctl cluster logs"),
    (&["log", "logs"], "`cluster logs` is what processes print, `log show` is the Raft log", "raftctl cluster logs"),
    (&["log", "tail"], "log show follows with -f", "raftctl log show n1 --tail 10 -f"),
];

/// Commands of the design that this version does not have.
const COMMANDS_LATER: &[&[&str]] = &[
    &["cluster", "scale"],
    &["chaos"],
    &["top"],
    &["events"],
    &["metrics"],
    &["join"],
    &["leave"],
    &["member"],
    &["token"],
    &["cert"],
    &["doctor"],
    &["generate"],
    &["learn"],
    &["context"],
    &["config", "schema"],
    &["config", "view"],
];

/// Flags of the design that this version does not have, wherever they are given.
const FLAGS_LATER: &[&str] = &["--bootstrap", "--listen", "--advertise", "--redact-values", "--data-dir"];

/// Turns what the parser refused into a failure, with the line that was probably meant.
pub fn usage_failure(error: &clap::Error, typed: &[OsString]) -> Failure {
    let words = command_words(typed);
    let wrong_word = wrong_submit_word(&words, typed).or_else(|| context_text(error, ContextKind::InvalidSubcommand));
    if let Some(word) = wrong_word {
        return wrong_command(&words, &word, error);
    }
    if let (ErrorKind::UnknownArgument, Some(flag)) = (error.kind(), context_text(error, ContextKind::InvalidArg)) {
        let name = flag.split('=').next().unwrap_or(&flag);
        if FLAGS_LATER.contains(&name) {
            return Failure::new("E0103", format!("{name} is not supported yet")).fix("leave it out");
        }
    }
    plain(error)
}

/// The candidate closest to `word`, or the first one when none is close.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> &'a str {
    let best = candidates.into_iter().enumerate().min_by_key(|(position, one)| (distance(word, one), *position));
    best.map_or("", |(_, one)| one)
}

/// The candidate that `word` is probably a slip of.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const DISTANCE_MAX: usize = 2;
    let one = nearest(word, candidates);
    (!one.is_empty() && distance(word, one) <= DISTANCE_MAX.min(word.len() / 2 + 1)).then_some(one)
}

fn wrong_command(words: &[String], word: &str, error: &clap::Error) -> Failure {
    let mut full: Vec<&str> = words.iter().map(String::as_str).collect();
    if full.last() != Some(&word) {
        full.push(word);
    }
    let line = full.join(" ");
    if COMMANDS_LATER.contains(&full.as_slice()) {
        return Failure::new("E0103", format!("`{line}` is not supported yet"))
            .fix("raftctl --help lists what is there");
    }
    let failure = Failure::new("E0102", format!("there is no command `{line}`"));
    if let Some((_, why, right)) = GUESSES.iter().find(|(guess, _, _)| *guess == full.as_slice()) {
        return failure.cause(*why).fix(*right);
    }
    let parent = full[..full.len() - 1].join(" ");
    let parent = if parent.is_empty() { "raftctl".to_owned() } else { format!("raftctl {parent}") };
    let siblings = super::help::command_names(&full[..full.len() - 1]);
    match did_you_mean(word, siblings.iter().map(String::as_str)) {
        Some(near) => failure.fix(format!("{parent} {near}")),
        None => match context_text(error, ContextKind::SuggestedSubcommand) {
            Some(near) => failure.fix(format!("{parent} {near}")),
            None => failure.fix(format!("{parent} --help lists the commands")),
        },
    }
}

/// `submit WORD` is read as the `-` of `submit -`; a word that is not `-` was meant as a command.
fn wrong_submit_word(words: &[String], typed: &[OsString]) -> Option<String> {
    if words != ["submit"] {
        return None;
    }
    let behind = typed.iter().skip_while(|word| *word != "submit").nth(1)?.to_str()?;
    (!behind.starts_with('-')).then(|| behind.to_owned())
}

/// The parser's own words, in our shape.
pub fn plain(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n");
    let first = paragraphs.next().unwrap_or_default().trim_start_matches("error: ");
    let mut what = first.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let mut tries: Vec<String> = Vec::new();
    for paragraph in paragraphs {
        for line in paragraph.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(tip) = line.strip_prefix("tip: ") {
                tries.push(tip.to_owned());
            } else if let Some(usage) = line.strip_prefix("Usage: ") {
                tries.push(usage.to_owned());
            } else if line.starts_with('[') {
                what = format!("{what} {line}");
            }
        }
    }
    let failure = Failure::new("E0101", what.trim());
    match tries.is_empty() {
        true => failure.fix("--help shows what is possible"),
        false => failure.fix(tries.join("\n")),
    }
}

fn context_text(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(list) => list.first().cloned(),
        _ => None,
    }
}

/// The words that lead to the command that was meant, as far as they are known ones.
fn command_words(typed: &[OsString]) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in typed.iter().skip(1).filter_map(|word| word.to_str()) {
        if word.starts_with('-') {
            continue;
        }
        let known: Vec<&str> = words.iter().map(String::as_str).collect();
        if super::help::command_names(&known).iter().any(|name| name == word) {
            words.push(word.to_owned());
        }
    }
    words
}

/// How many letters must be added, dropped, changed or swapped with a neighbour.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let width = other.len() + 1;
    let mut costs: Vec<usize> = (0..width).collect();
    let mut before: Vec<usize> = Vec::new();
    for row in 1..=one.len() {
        let mut next = vec![row];
        for column in 1..width {
            let same = usize::from(one[row - 1] != other[column - 1]);
            let mut cost = (costs[column - 1] + same).min(costs[column] + 1).min(next[column - 1] + 1);
            let swapped =
                row > 1 && column > 1 && one[row - 1] == other[column - 2] && one[row - 2] == other[column - 1];
            if swapped {
                cost = cost.min(before[column - 2] + 1);
            }
            next.push(cost);
        }
        before = std::mem::replace(&mut costs, next);
    }
    costs[width - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(line: &str) -> Failure {
        let typed: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let error = super::super::help::command().try_get_matches_from(&typed).unwrap_err();
        usage_failure(&error, &typed)
    }

    #[test]
    fn wrong_guesses_get_the_right_line() {
        for (line, code, fix) in [
            ("raftctl logs", "E0102", "raftctl cluster logs, or raftctl log show n1"),
            ("raftctl ps", "E0102", "raftctl cluster status, or raftctl cluster ls"),
            ("raftctl members", "E0102", "raftctl status"),
            ("raftctl up", "E0102", "raftctl cluster up clusters/three-nodes.yaml"),
            ("raftctl submit get k", "E0102", "raftctl get KEY"),
            ("raftctl statsu", "E0102", "raftctl status"),
            ("raftctl cluster strat", "E0102", "raftctl cluster start"),
            ("raftctl submit ptu k v", "E0102", "raftctl submit put"),
            ("raftctl --cluster demo logs", "E0102", "raftctl cluster logs, or raftctl log show n1"),
            ("raftctl top", "E0103", "raftctl --help lists what is there"),
            ("raftctl cluster scale 5", "E0103", "raftctl --help lists what is there"),
            ("raftctl submit put k v --bootstrap", "E0103", "leave it out"),
            ("raftctl submit put k v --listen=x", "E0103", "leave it out"),
        ] {
            let failure = failure(line);
            assert_eq!((failure.code, failure.fix.as_deref(), failure.exit.code()), (code, Some(fix), 2), "{line}");
        }
    }

    #[test]
    fn other_slips_keep_the_parsers_words_and_show_the_usage() {
        let failure = failure("raftctl submit put k");
        assert_eq!(failure.code, "E0101");
        assert!(failure.fix.unwrap().contains("raftctl submit put"), "the usage is shown");
        let failure = super::tests::failure("raftctl --timeout 30 status");
        assert!(failure.what.contains("did you mean `30s`?"), "{}", failure.what);
    }

    #[test]
    fn no_guess_is_a_real_command_and_none_is_said_twice() {
        for (guess, _, _) in GUESSES {
            let (word, parents) = guess.split_last().unwrap();
            let names = super::super::help::command_names(parents);
            assert!(!names.iter().any(|name| name == word), "{guess:?} is a real command");
            assert!(!COMMANDS_LATER.contains(guess), "{guess:?} is promised for later");
        }
        for later in COMMANDS_LATER {
            let (word, parents) = later.split_last().unwrap();
            let names = super::super::help::command_names(parents);
            assert!(!names.iter().any(|name| name == word), "{later:?} is there already");
        }
    }

    #[test]
    fn distances_count_slips() {
        assert_eq!(distance("status", "status"), 0);
        assert_eq!(distance("statsu", "status"), 1);
        assert_eq!(distance("stat", "status"), 2);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(did_you_mean("zzz", ["put", "get"]), None);
    }
}
