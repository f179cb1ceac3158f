//! What a TAB offers: words that may stand at the cursor, or keys with the beginning that was typed.
//!
//! Only the text before the cursor counts. Nothing is asked of a cluster here.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use super::order;
use crate::cli::words;

/// What could stand at the cursor.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// One of these, as it is to be typed.
    Words(Vec<String>),
    /// A key that begins with this.
    Keys(Vec<u8>),
}

const CONSISTENCIES: &[&str] = &["linearizable", "lease", "stale"];

/// Where the word at the end of `before` begins, and what it may become.
pub(super) fn wanted(before: &str, nodes: &[String]) -> (usize, Wanted) {
    let start = start_of_last_word(before);
    let (typed, current) = before.split_at(start);
    let nothing = Wanted::Words(Vec::new());
    let Ok(typed) = words::split(typed.replace('\\', "\\\\").as_bytes()) else { return (start, nothing) };
    let typed: Vec<String> = typed.into_iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let wanted = match typed.split_first() {
        None => fitting(first_words(), current),
        Some((first, rest)) => match first.strip_prefix('\\') {
            Some(name) if rest.is_empty() => fitting(meta_arguments(name, nodes), current),
            Some(_) => nothing,
            None => argument(first, rest, current, nodes),
        },
    };
    (start, wanted)
}

/// A key as a word of a line; none when it cannot be typed as one.
pub(super) fn quoted(key: &str) -> Option<String> {
    let is_plain = |one: char| one.is_alphanumeric() || "_./:@%+,=-".contains(one);
    if key.is_empty() || key.starts_with('-') {
        return None;
    }
    if key.chars().all(is_plain) {
        return Some(key.to_owned());
    }
    Some(match key.contains('\'') {
        false => format!("'{key}'"),
        true => format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\"")),
    })
}

fn first_words() -> Vec<String> {
    let metas = order::META.iter().map(|(name, ..)| format!("\\{name}"));
    order::verbs().into_iter().chain(metas).collect()
}

fn meta_arguments(name: &str, nodes: &[String]) -> Vec<String> {
    let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect();
    match name {
        "consistency" => words(CONSISTENCIES),
        "timing" | "history" => words(&["on", "off"]),
        "node" => nodes.iter().cloned().chain(["leader".to_owned(), "off".to_owned()]).collect(),
        "help" => order::verbs().into_iter().chain(order::META.iter().map(|(name, ..)| format!("\\{name}"))).collect(),
        _ => Vec::new(),
    }
}

/// What may follow `rest` behind a verb.
fn argument(verb: &str, rest: &[String], current: &str, nodes: &[String]) -> Wanted {
    let definition = order::definition();
    let Some(verb) = definition.find_subcommand(verb) else { return Wanted::Words(Vec::new()) };
    let takes_value = |flag: &str| {
        let flag = flag.strip_prefix("--").filter(|name| !name.contains('='));
        let found = |name: &str| verb.get_arguments().find(|one| one.get_long() == Some(name));
        flag.and_then(found).is_some_and(|one| one.get_action().takes_values())
    };
    if let Some(flag) = rest.last().filter(|last| takes_value(last)) {
        return match flag.as_str() {
            "--consistency" => fitting(CONSISTENCIES.iter().map(|word| (*word).to_owned()).collect(), current),
            "--node" => fitting(nodes.iter().cloned().chain(["leader".to_owned()]).collect(), current),
            "--prefix" => keys(current),
            _ => Wanted::Words(Vec::new()),
        };
    }
    if current.starts_with('-') {
        let flags = verb.get_arguments().filter_map(|one| one.get_long()).map(|name| format!("--{name}"));
        return fitting(flags.collect(), current);
    }
    let is_value = |at: usize| at > 0 && takes_value(&rest[at - 1]);
    let has_key = (0..rest.len()).any(|at| !rest[at].starts_with('-') && !is_value(at));
    match has_key || verb.get_positionals().next().is_none() {
        true => Wanted::Words(Vec::new()),
        false => keys(current),
    }
}

fn keys(current: &str) -> Wanted {
    match unquoted(current) {
        Some(prefix) => Wanted::Keys(prefix),
        None => Wanted::Words(Vec::new()),
    }
}

/// Words that go on from `current`, each with the blank behind it.
fn fitting(words: Vec<String>, current: &str) -> Wanted {
    Wanted::Words(words.into_iter().filter(|word| word.starts_with(current)).map(|word| word + " ").collect())
}

/// What a word stands for that may still be typed, with its last quote open.
fn unquoted(current: &str) -> Option<Vec<u8>> {
    let closed = ["", "'", "\""].iter().find_map(|end| words::split(format!("{current}{end}").as_bytes()).ok())?;
    match closed.len() {
        0 => Some(Vec::new()),
        1 => closed.into_iter().next().map(OsString::into_vec),
        _ => None,
    }
}

/// Behind the last blank that is neither quoted nor escaped.
fn start_of_last_word(text: &str) -> usize {
    let (mut start, mut quote, mut is_escaped) = (0, None, false);
    for (at, one) in text.char_indices() {
        match (one, quote) {
            _ if is_escaped => is_escaped = false,
            ('\\', None | Some('"')) => is_escaped = true,
            ('\'' | '"', None) => quote = Some(one),
            (_, Some(open)) if one == open => quote = None,
            (' ' | '\t', None) => start = at + 1,
            _ => {}
        }
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(before: &str) -> Vec<String> {
        match wanted(before, &["n1".to_owned(), "n2".to_owned()]).1 {
            Wanted::Words(words) => words,
            Wanted::Keys(prefix) => panic!("{before:?} wants keys with {prefix:?}"),
        }
    }

    fn key_at(before: &str) -> (usize, String) {
        match wanted(before, &[]) {
            (start, Wanted::Keys(prefix)) => (start, String::from_utf8(prefix).unwrap()),
            (_, Wanted::Words(words)) => panic!("{before:?} wants words {words:?}"),
        }
    }

    #[test]
    fn the_first_word_is_a_command() {
        assert_eq!(words("pu"), ["put "]);
        assert_eq!(words("\\st"), ["\\status "]);
        assert!(words("").len() > 15);
        assert_eq!(words("\\consistency l"), ["linearizable ", "lease "]);
        assert_eq!(words("\\node n"), ["n1 ", "n2 "]);
        assert_eq!(words("\\help \\ti"), ["\\timing "]);
        assert!(words("\\status x").is_empty());
    }

    #[test]
    fn then_keys_flags_and_their_values_stand_where_they_may() {
        assert_eq!(key_at("put us"), (4, "us".to_owned()));
        assert_eq!(key_at("get "), (4, String::new()));
        assert_eq!(key_at("put --ttl 3s k"), (13, "k".to_owned()));
        assert_eq!(key_at("watch --prefix u"), (15, "u".to_owned()));
        assert!(words("put k v").is_empty(), "a value is not completed");
        assert!(words("txn x").is_empty());
        assert_eq!(words("put k v --tt"), ["--ttl "]);
        assert_eq!(words("get k --consistency s"), ["stale "]);
        assert_eq!(words("get k --node l"), ["leader "]);
    }

    #[test]
    fn keys_are_quoted_so_that_they_come_back_as_one_word() {
        assert_eq!(key_at("get 'a b"), (4, "a b".to_owned()));
        assert_eq!(key_at("get a\\ b"), (4, "a b".to_owned()));
        for key in ["plain/key.1", "a b", "it's", "a\"b'c\\d", "a'\\\"b", "#x", "grün"] {
            let line = format!("get {}", quoted(key).unwrap());
            assert_eq!(super::words::split(line.as_bytes()).unwrap()[1].to_str(), Some(key), "{line}");
        }
        assert_eq!((quoted(""), quoted("-f")), (None, None));
    }
}
