//! `raftctl log stat`: how much of what a log holds.

use std::ffi::OsString;

use clap_complete::ArgValueCandidates;

use crate::cli::failure::{Exit, Failure};
use crate::cli::{Context, completions};

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl log stat n1
  raftctl log stat n1 n2 n3 -o json")]
pub struct Args {
    /// Nodes, data directories or segment files
    #[arg(value_name = "NODE|PATH", required = true, add = ArgValueCandidates::new(completions::node_names))]
    pub sources: Vec<OsString>,
}

pub fn run(_context: &Context, _arguments: Args) -> Result<Exit, Failure> {
    todo!()
}
