//! `raftctl log`: reads Raft logs from disk, whether nodes run or not.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

pub mod bisect;
pub mod diff;
pub mod export;
pub mod follow;
pub mod import;
mod listing;
pub(in crate::cli) mod plot;
pub mod show;
pub mod stat;
pub mod state;
pub mod verify;

use super::failure::{Exit, Failure};
use super::{Context, selection};
use crate::inspect::bundle::{self, Bundle};
use crate::inspect::log::Source;
use crate::inspect::replay::ReplayError;
use crate::storage::archive::ArchiveError;
use crate::storage::reader::{Damage, WalkError};

#[derive(Clone, Debug, clap::Subcommand)]
#[command(disable_help_subcommand = true)]
#[command(after_help = "\
Examples:
  raftctl log show n1
  raftctl log diff n1 n2 n3
  raftctl log state n1 --at 120 --key colour
  raftctl log diff demo.tar
  raftctl log show demo.tar:n1 --tail 20

A bundle is read as it is: FILE:NODE is one node in it, FILE all of them.")]
pub enum Command {
    /// Print entries: index, term, time, kind and what they say
    Show(Box<show::Args>),
    /// Prove every byte: 0 it is whole, 7 it is damaged, with a report
    Verify(verify::Args),
    /// Compare logs: 0 they agree, 5 tails differ above commit, 7 committed entries differ
    Diff(diff::Args),
    /// Count entries and show how sizes, terms and times are spread
    Stat(stat::Args),
    /// The keys and values as they were at an entry, what changed since, or the history of a key
    State(state::Args),
    /// Find the entry that first made something true of a key
    Bisect(bisect::Args),
    /// Print a log as JSON lines that can be imported again
    Export(export::Args),
    /// Make a directory of segments from an export, for reading it offline
    Import(import::Args),
}

pub fn run(context: &Context, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Show(arguments) => show::run(context, *arguments),
        Command::Verify(arguments) => verify::run(context, arguments),
        Command::Diff(arguments) => diff::run(context, arguments),
        Command::Stat(arguments) => stat::run(context, arguments),
        Command::State(arguments) => state::run(context, arguments),
        Command::Bisect(arguments) => bisect::run(context, arguments),
        Command::Export(arguments) => export::run(context, arguments),
        Command::Import(arguments) => import::run(context, arguments),
    }
}

/// What NODE|PATH words name: with `/` or `.` a path, else a node of the selected local cluster. No guessing.
/// A bundle stands for all the nodes in it.
pub(super) fn sources(context: &Context, words: &[OsString]) -> Result<Vec<Source>, Failure> {
    let named = words.iter().map(|word| match bundle_in(word)? {
        Some(bundle) => bundled(&bundle),
        None => node_or_directory(context, word).map(|source| vec![source]),
    });
    let sources = named.collect::<Result<Vec<_>, Failure>>()?.concat();
    warn_of_redaction(context, &sources);
    Ok(sources)
}

/// What one NODE|PATH word names, where only one log can be used.
pub(in crate::cli) fn source(context: &Context, word: &OsString) -> Result<Source, Failure> {
    let source = match bundle_in(word)? {
        Some(bundle) => {
            let mut logs = bundled(&bundle)?;
            if logs.len() > 1 {
                let names: Vec<String> = logs.iter().map(Source::name).collect();
                return Err(Failure::new("E0415", format!("{} holds several logs", bundle.path().display()))
                    .cause("this needs one of them")
                    .fix(format!("name it: {}", names.join(", "))));
            }
            logs.remove(0)
        }
        None => node_or_directory(context, word)?,
    };
    warn_of_redaction(context, std::slice::from_ref(&source));
    Ok(source)
}

/// The bundle that a word names, or something in one.
fn bundle_in(word: &OsString) -> Result<Option<Bundle>, Failure> {
    match is_path(word) {
        true => bundle::open(Path::new(word)).map_err(|error| archive_failure(&error)),
        false => Ok(None),
    }
}

/// One log or more: the one that was named in a bundle, or all.
fn bundled(bundle: &Bundle) -> Result<Vec<Source>, Failure> {
    let file = bundle.path().display();
    if let Some(named) = bundle.named() {
        let is_there = named.disk().exists(&named.path).unwrap_or(false);
        let known: Vec<String> = bundle.nodes().iter().map(|node| bundle.name_of(node)).collect();
        return match is_there {
            true => Ok(vec![named]),
            false => Err(Failure::new("E0415", format!("{} is not there", named.name()))
                .cause(format!("{file} has nothing of that name"))
                .fix(format!("name one of {}", known.join(", ")))),
        };
    }
    let logs = bundle.logs();
    match logs.is_empty() {
        false => Ok(logs),
        true => Err(Failure::new("E0415", format!("{file} holds no logs"))
            .cause("it was made without --with-log")
            .fix(format!("raftctl inspect {file} shows what is in it"))),
    }
}

pub(in crate::cli) fn archive_failure(error: &ArchiveError) -> Failure {
    match error {
        ArchiveError::Io { path, .. } => {
            Failure::new("E0107", format!("{} cannot be read", path.display())).because(error)
        }
        ArchiveError::Foreign { .. } => {
            Failure::new("E0404", error.to_string()).fix("unpack it with tar, and name the directory of a node in it")
        }
        ArchiveError::Damaged { path, .. } => Failure::new("E0401", format!("{} is damaged", path.display()))
            .because(error)
            .fix("copy it again from where it was made"),
    }
}

fn warn_of_redaction(context: &Context, sources: &[Source]) {
    let names: Vec<String> = sources.iter().filter(|source| source.is_redacted()).map(Source::name).collect();
    if !names.is_empty() {
        context.printer.warning(format_args!(
            "{}: values were redacted and snapshots left out; which conditions held, and what the state was, may not \
             be as it looks",
            names.join(" ")
        ));
    }
}

fn is_path(word: &OsString) -> bool {
    word.as_bytes().iter().any(|byte| matches!(byte, b'/' | b'.'))
}

fn node_or_directory(context: &Context, word: &OsString) -> Result<Source, Failure> {
    if is_path(word) {
        let path = PathBuf::from(word);
        std::fs::metadata(&path)
            .map_err(|error| Failure::new("E0107", format!("{} cannot be read", path.display())).because(&error))?;
        return Ok(Source::at(path));
    }
    let name = word.to_string_lossy();
    let (cluster, _) = selection::local_cluster(context)?;
    if name == "leader" {
        return Err(Failure::new("E0204", "offline commands read files, and no file says who leads")
            .cause("`leader` is answered by a running cluster only")
            .fix("name the node; raftctl status shows who leads"));
    }
    let node = selection::node_named(&cluster, &name)?;
    Ok(Source::of_node(node.name, node.directory))
}

/// What a line calls a log: its node, or the path that was given.
fn name<'a>(node: Option<&'a str>, path: &'a str) -> &'a str {
    node.unwrap_or(path)
}

pub(in crate::cli) fn walk_failure(source: &Source, error: &WalkError) -> Failure {
    match error {
        WalkError::NotALog { .. } => Failure::new("E0404", format!("{} holds no log", source.name()))
            .because(error)
            .fix("name a node, its data directory or a segment"),
        WalkError::Io { .. } => {
            Failure::new("E0107", format!("the log of {} cannot be read", source.name())).because(error)
        }
    }
}

/// Why the state at an entry of `source` cannot be told.
fn replay_failure(source: &Source, error: &ReplayError) -> Failure {
    let name = source.name();
    match error {
        ReplayError::Walk(error) => walk_failure(source, error),
        ReplayError::Damaged { damage, reached } => {
            let failure = Failure::new("E0401", format!("the log of {name} is damaged behind entry {reached}"));
            failure
                .cause(damage.to_string())
                .fix(format!("the state up to there can be told: --at {}; or ask another node's log", reached.index))
        }
        ReplayError::BeginsLater { .. } if source.is_redacted() => Failure::new(
            "E0416",
            format!("{name} does not hold that state"),
        )
        .cause(format!("{error}: snapshots hold values, and were left out"))
        .fix("raftctl log show prints the entries that are left; a bundle without --redact-values holds the state"),
        ReplayError::BeginsLater { .. } => Failure::new("E0406", format!("{name} does not hold that state any more"))
            .because(error)
            .fix("another node's log may begin earlier"),
        ReplayError::Forgotten { oldest } => Failure::new("E0406", format!("{name} does not hold that state any more"))
            .because(error)
            .fix(format!("--at {} or later; another node's log may begin earlier", oldest.index)),
        ReplayError::Ends { last } => Failure::new("E0406", format!("{name} does not hold that entry"))
            .because(error)
            .fix(format!("--at {} or earlier", last.index)),
        ReplayError::NotUnderstood { id, .. } => {
            Failure::new("E0407", format!("{name} holds what this version does not know"))
                .because(error)
                .fix(format!("--at {} or earlier, or a newer raftctl", id.index.prev()))
        }
    }
}

/// The end of a command that has printed all it could.
pub(super) fn damage_failure(context: &Context, damage: &[Damage]) -> Result<Exit, Failure> {
    let Some(first) = damage.first() else { return Ok(Exit::Done) };
    for one in damage {
        context.printer.warning(one);
    }
    Err(damaged(first))
}

fn damaged(first: &Damage) -> Failure {
    Failure::new("E0401", format!("stored data is damaged in {}", first.file.display()))
        .cause(first.to_string())
        .fix("keep a copy; the other nodes hold the same committed entries")
}
