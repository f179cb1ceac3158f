//! `raftctl log show`: entries as they lie on disk.

use std::ffi::OsString;

use clap::ValueEnum;
use clap_complete::ArgValueCandidates;

use crate::cli::arguments::{Range, instant, range};
use crate::cli::failure::{Exit, Failure};
use crate::cli::{Context, completions};

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl log show n1
  raftctl log show n1 --index 100..200 --kind command
  raftctl log show n1 --key colour --reverse --limit 1
  raftctl log show ./copy-of-data -o json
  raftctl log show n1 --tail 5 -f

A word is a node of the selected cluster; with `/` or `.` in it, it is a path. Nodes may run meanwhile.")]
pub struct Args {
    /// Nodes, data directories or segment files
    #[arg(value_name = "NODE|PATH", required = true, add = ArgValueCandidates::new(completions::node_names))]
    pub sources: Vec<OsString>,

    /// Only these indexes, both ends included: A..B, A.., ..B or A
    #[arg(long, value_name = "RANGE", value_parser = range, help_heading = "Which entries")]
    pub index: Option<Range>,

    /// Only these terms, both ends included: A..B, A.., ..B or A
    #[arg(long, value_name = "RANGE", value_parser = range, help_heading = "Which entries")]
    pub term: Option<Range>,

    /// Only entries of this kind; may be repeated
    #[arg(long, value_name = "KIND", help_heading = "Which entries")]
    pub kind: Vec<EntryKind>,

    /// Only commands on this key
    #[arg(long, value_name = "KEY", conflicts_with = "prefix", help_heading = "Which entries")]
    pub key: Option<OsString>,

    /// Only commands on keys that begin with this
    #[arg(long, value_name = "PREFIX", help_heading = "Which entries")]
    pub prefix: Option<OsString>,

    /// Only entries written at or after this time: RFC 3339, or a span back such as 10m
    #[arg(long, value_name = "TIME", value_parser = instant, help_heading = "Which entries")]
    pub since: Option<jiff::Timestamp>,

    /// Only entries written at or before this time
    #[arg(long, value_name = "TIME", value_parser = instant, help_heading = "Which entries")]
    pub until: Option<jiff::Timestamp>,

    /// Newest first
    #[arg(long, conflicts_with_all = ["tail", "follow"], help_heading = "Which entries")]
    pub reverse: bool,

    /// Stop after so many entries
    #[arg(long, value_name = "N", help_heading = "Which entries")]
    pub limit: Option<u64>,

    /// Only the last so many of the entries that match
    #[arg(long, value_name = "N", conflicts_with = "limit", help_heading = "Which entries")]
    pub tail: Option<u64>,

    /// Then print entries as they are written, until interrupted
    #[arg(short, long)]
    pub follow: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EntryKind {
    /// The first entry of a leader's term
    Noop,
    /// A write
    Command,
    /// Who is in the cluster
    Config,
}

pub fn run(_context: &Context, _arguments: Args) -> Result<Exit, Failure> {
    todo!()
}
