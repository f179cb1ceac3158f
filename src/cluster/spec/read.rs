//! From bytes to a YAML value, bounded: size, brackets, nesting, aliases and documents are limited before or while
//! parsing, and what the parser refuses is placed in the text.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_yaml::Value;

use super::error::SpecError;
use super::locate::{self, Place, Step};
use super::walk;
use super::{FILE_BYTES_MAX, NODES_MAX, Spec, is_name, text_of_size};

/// Most opening brackets and braces in a file: the parser's time grows with the square of their nesting.
const BRACKETS_MAX: usize = 1_000;

const SIZE_HINT: &str = "a cluster file has a few lines; files to start from lie in clusters/";

/// Most `--set` options of one command.
const OVERRIDES_MAX: usize = 100;

/// Where a cluster's description comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    File(PathBuf),
    Stdin,
    /// No file: so many nodes with default settings.
    Size {
        cluster: String,
        nodes: usize,
    },
}

impl Source {
    /// How messages call it.
    pub fn label(&self) -> String {
        match self {
            Source::File(path) => path.display().to_string(),
            Source::Stdin => "stdin".to_owned(),
            Source::Size { .. } => "--nodes".to_owned(),
        }
    }

    /// What is remembered, so that the same name from another place is noticed; none when there is no file.
    pub fn remembered(&self) -> Option<PathBuf> {
        match self {
            Source::File(path) => std::fs::canonicalize(path).ok().or_else(|| std::path::absolute(path).ok()),
            Source::Stdin | Source::Size { .. } => None,
        }
    }
}

/// Reads and checks a cluster's description. `name` replaces the file's; each of `overrides` is `KEY.PATH=VALUE`.
///
/// # Errors
/// One message about the first thing that is wrong.
pub fn read(source: &Source, name: Option<&str>, overrides: &[String]) -> Result<Spec, SpecError> {
    let origin = source.label();
    let text = match source {
        Source::File(path) => read_file(path, &origin)?,
        Source::Stdin => read_bounded(std::io::stdin().lock(), &origin)?,
        Source::Size { cluster, nodes } => {
            if !(1..=NODES_MAX).contains(nodes) {
                let what = format!("{nodes} is not a number of nodes that a cluster can have");
                return Err(SpecError::whole(&origin, what).hint(format!("1 to {NODES_MAX}; 3 or 5 make sense")));
            }
            text_of_size(cluster, *nodes)
        }
    };
    parse(&origin, &text, name, overrides)
}

/// Checks a description that is in memory.
pub(super) fn parse(origin: &str, text: &str, name: Option<&str>, overrides: &[String]) -> Result<Spec, SpecError> {
    // Editors on Windows begin a file with it; it says nothing and is no part of the text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    refuse_brackets(origin, text)?;
    let mut value: Value = serde_yaml::from_str(text).map_err(|error| syntax_error(origin, text, &error))?;
    let mut overridden = Vec::new();
    if let Some(name) = name {
        if !is_name(name) {
            return Err(SpecError::whole("--name", format!("`{name}` cannot name a cluster"))
                .hint("a to z, 0 to 9 and -, at most 40 of them"));
        }
        set(&mut value, &["cluster".to_owned()], Value::String(name.to_owned()));
    }
    if overrides.len() > OVERRIDES_MAX {
        return Err(SpecError::whole("--set", format!("more than {OVERRIDES_MAX} values are set")));
    }
    for one in overrides {
        let (path, new) = parse_override(one)?;
        overridden.push((path.iter().cloned().map(Step::Key).collect(), format!("--set {one}")));
        set(&mut value, &path, new);
    }
    walk::Walk { origin, text, overridden }.spec(&value)
}

fn read_file(path: &Path, origin: &str) -> Result<String, SpecError> {
    let refuse = |error: std::io::Error| {
        let error_kind = error.kind();
        let refused = SpecError::whole(origin, format!("cannot be read: {error}"));
        match error_kind {
            std::io::ErrorKind::NotFound => refused.hint("files to start from lie in clusters/"),
            _ => refused,
        }
    };
    let meta = std::fs::metadata(path).map_err(refuse)?;
    if meta.is_dir() {
        return Err(SpecError::whole(origin, "is a directory, not a cluster file"));
    }
    read_bounded(std::fs::File::open(path).map_err(refuse)?, origin)
}

fn read_bounded(reader: impl Read, origin: &str) -> Result<String, SpecError> {
    let mut bytes = Vec::new();
    let limit = FILE_BYTES_MAX as u64 + 1;
    reader
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(|error| SpecError::whole(origin, format!("cannot be read: {error}")))?;
    if bytes.len() > FILE_BYTES_MAX {
        return Err(SpecError::whole(origin, "is larger than 1 MiB; this is not a cluster file").hint(SIZE_HINT));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]).into_owned();
        let line = valid.matches('\n').count() + 1;
        let column = valid.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        SpecError::at(origin, &valid, Place { line, column, width: 1 }, "is not UTF-8 text from here on")
            .hint("save the file as UTF-8, which plain letters and digits always are")
    })
}

fn refuse_brackets(origin: &str, text: &str) -> Result<(), SpecError> {
    let Some((at, _)) = text.match_indices(['[', '{']).nth(BRACKETS_MAX) else { return Ok(()) };
    let place = place_of_offset(text, at);
    Err(SpecError::at(
        origin,
        text,
        place,
        format!("more than {BRACKETS_MAX} opening brackets: this is no cluster file"),
    )
    .hint(SIZE_HINT))
}

fn syntax_error(origin: &str, text: &str, error: &serde_yaml::Error) -> SpecError {
    let message = error.to_string();
    if message.contains("more than one document") {
        let place = locate::second_document(text).unwrap_or_default();
        let what = "a second document starts here; a file describes one cluster";
        return SpecError::at(origin, text, at_least_first(place), what)
            .hint("put the other cluster into its own file");
    }
    if message.contains("duplicate entry") {
        let (key, place) = locate::duplicate_key(text).unwrap_or_default();
        let what = if key.is_empty() { message } else { format!("the key `{key}` is here a second time") };
        return SpecError::at(origin, text, at_least_first(place), what).hint("remove one of the two");
    }
    if message.contains("repetition limit") {
        let place = first_alias(text).map_or_else(Place::default, |at| place_of_offset(text, at));
        let what = "aliases repeat more than a cluster file can hold; the first one is here";
        return SpecError::at(origin, text, at_least_first(place), what)
            .hint("write the values out instead of repeating them with `*`");
    }
    let place = error.location().map_or_else(Place::default, |found| Place {
        line: found.line(),
        column: found.column(),
        width: 1,
    });
    let what = strip_location(&message);
    let what = match what {
        "" => "is not YAML".to_owned(),
        what => format!("is not YAML that can be read: {what}"),
    };
    let is_too_deep = what.contains("recursion limit");
    let error = SpecError::at(origin, text, at_least_first(place), what);
    if is_too_deep { error.hint(SIZE_HINT) } else { error }
}

/// Where the first `*name` stands that is not inside a word. It may be in a comment or a string; then there is another.
fn first_alias(text: &str) -> Option<usize> {
    let opens = |at: usize| text[..at].chars().next_back().is_none_or(|before| " \t\n[,:-{".contains(before));
    let is_name = |at: usize| text[at + 1..].starts_with(|after: char| after.is_alphanumeric());
    text.match_indices('*').map(|(at, _)| at).find(|at| opens(*at) && is_name(*at))
}

/// The parser appends ` at line 3 column 5`, which the message already says in front.
fn strip_location(message: &str) -> &str {
    match message.find(" at line ") {
        Some(at) => &message[..at],
        None => message,
    }
}

fn at_least_first(place: Place) -> Place {
    Place { line: place.line.max(1), column: place.column.max(1), width: place.width.max(1) }
}

fn place_of_offset(text: &str, offset: usize) -> Place {
    let before = &text[..offset];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    Place { line, column, width: 1 }
}

fn parse_override(one: &str) -> Result<(Vec<String>, Value), SpecError> {
    const BYTES_MAX: usize = 1_024;
    let origin = "--set";
    let Some((path, value)) = one.split_once('=').filter(|_| one.len() <= BYTES_MAX) else {
        return Err(SpecError::whole(origin, format!("`{}` sets nothing", shortened(one)))
            .hint("write KEY=VALUE, for example --set raft.election_timeout=2s"));
    };
    let steps: Vec<String> = path.split('.').map(str::to_owned).collect();
    let sections = ["raft", "storage", "limits"];
    let in_section = steps.len() == 2 && sections.contains(&steps[0].as_str());
    if !in_section && path != "http" {
        let known = walk::settable_keys();
        let near = nearest(path, known.iter().map(String::as_str));
        let refused = SpecError::whole(origin, format!("`{path}` is not a key that can be set"));
        return Err(refused.hint(
            near.map_or_else(|| format!("one of: {}", known.join(" ")), |near| format!("did you mean `{near}`?")),
        ));
    }
    // A scalar, never a structure: brackets in it stay text and are refused by the key's own check.
    let value = match value {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        text => text.parse::<u64>().map_or_else(|_| Value::String(text.to_owned()), Value::from),
    };
    Ok((steps, value))
}

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

/// Puts a value where `path` leads, making the mappings on the way. What is no mapping is left for the check.
fn set(value: &mut Value, path: &[String], new: Value) {
    let Some((first, rest)) = path.split_first() else { return };
    if value.is_null() {
        *value = Value::Mapping(serde_yaml::Mapping::new());
    }
    let Value::Mapping(mapping) = value else { return };
    let key = Value::String(first.clone());
    if rest.is_empty() {
        mapping.insert(key, new);
        return;
    }
    if !mapping.contains_key(&key) {
        mapping.insert(key.clone(), Value::Null);
    }
    set(mapping.get_mut(&key).expect("the key was just put there"), rest, new);
}

/// The known word that `typed` most likely meant: at most a third of its letters differ.
pub fn nearest<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const LENGTH_MAX: usize = 64;
    if typed.len() > LENGTH_MAX {
        return None;
    }
    let best = known.map(|word| (distance(typed, word), word)).min()?;
    (best.0 * 3 <= typed.chars().count().max(3)).then_some(best.1)
}

/// How many letters must be added, removed or replaced.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replace = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
