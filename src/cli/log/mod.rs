//! `raftctl log`: reads Raft logs from disk, whether nodes run or not.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

pub mod diff;
pub mod follow;
pub mod show;
pub mod stat;

use super::failure::{Exit, Failure};
use super::{Context, selection};
use crate::inspect::log::Source;
use crate::storage::reader::{Damage, WalkError};

#[derive(Clone, Debug, clap::Subcommand)]
#[command(disable_help_subcommand = true)]
#[command(after_help = "\
Examples:
  raftctl log show n1
  raftctl log diff n1 n2 n3
  raftctl log stat n1")]
pub enum Command {
    /// Print entries: index, term, time, kind and what they say
    Show(show::Args),
    /// Compare logs: 0 they agree, 5 tails differ above commit, 7 committed entries differ
    Diff(diff::Args),
    /// Count entries, terms, bytes and segments
    Stat(stat::Args),
}

pub fn run(context: &Context, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Show(arguments) => show::run(context, arguments),
        Command::Diff(arguments) => diff::run(context, arguments),
        Command::Stat(arguments) => stat::run(context, arguments),
    }
}

/// What NODE|PATH words name: with `/` or `.` a path, else a node of the selected local cluster. No guessing.
fn sources(context: &Context, words: &[OsString]) -> Result<Vec<Source>, Failure> {
    words.iter().map(|word| source(context, word)).collect()
}

fn source(context: &Context, word: &OsString) -> Result<Source, Failure> {
    let is_path = word.as_bytes().iter().any(|byte| matches!(byte, b'/' | b'.'));
    if is_path {
        let path = PathBuf::from(word);
        std::fs::metadata(&path)
            .map_err(|error| Failure::new("E0107", format!("{} cannot be read", path.display())).because(&error))?;
        return Ok(Source { node: None, path });
    }
    let name = word.to_string_lossy();
    let (cluster, _) = selection::local_cluster(context)?;
    if name == "leader" {
        return Err(Failure::new("E0204", "offline commands read files, and no file says who leads")
            .cause("`leader` is answered by a running cluster only")
            .fix("name the node; raftctl status shows who leads"));
    }
    let node = selection::node_named(&cluster, &name)?;
    Ok(Source { node: Some(node.name), path: node.directory })
}

fn walk_failure(source: &Source, error: &WalkError) -> Failure {
    match error {
        WalkError::NotALog { .. } => Failure::new("E0404", format!("{} holds no log", source.name()))
            .because(error)
            .fix("name a node, its data directory or a segment"),
        WalkError::Io { .. } => {
            Failure::new("E0107", format!("the log of {} cannot be read", source.name())).because(error)
        }
    }
}

/// The end of a command that has printed all it could.
fn damage_failure(context: &Context, damage: &[Damage]) -> Result<Exit, Failure> {
    let Some(first) = damage.first() else { return Ok(Exit::Done) };
    for one in damage {
        context.printer.warning(one);
    }
    Err(Failure::new("E0401", format!("stored data is damaged in {}", first.file.display()))
        .cause(first.to_string())
        .fix("keep a copy; the other nodes hold the same committed entries"))
}
