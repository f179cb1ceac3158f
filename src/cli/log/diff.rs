//! `raftctl log diff`: whether logs hold the same entries.

use std::ffi::OsString;

use clap_complete::ArgValueCandidates;

use crate::cli::failure::{Exit, Failure};
use crate::cli::{Context, completions};

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl log diff n1 n2 n3
  raftctl log diff n1 ./copy-of-data

A shorter log is no difference. Exits with 0 when the logs agree, 5 when tails differ above what is committed,
7 when committed entries differ.")]
pub struct Args {
    /// Nodes or data directories, two or more
    #[arg(value_name = "NODE|PATH", required = true, num_args = 2.., add = ArgValueCandidates::new(completions::node_names))]
    pub sources: Vec<OsString>,
}

pub fn run(_context: &Context, _arguments: Args) -> Result<Exit, Failure> {
    todo!()
}
