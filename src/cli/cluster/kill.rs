//! `raftctl cluster kill`: ends nodes at once, as a crash would.

use clap_complete::ArgValueCandidates;

use crate::cli::Context;
use crate::cli::arguments::node_name;
use crate::cli::completions;
use crate::cli::failure::{Exit, Failure};

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl cluster kill leader
  raftctl cluster kill n1 n2 --signal TERM")]
pub struct Args {
    /// Nodes, or `leader`
    #[arg(value_name = "NODE", value_parser = node_name, required = true,
        add = ArgValueCandidates::new(completions::node_names))]
    pub nodes: Vec<String>,

    /// Signal to send, with or without SIG
    #[arg(long, value_name = "SIGNAL", default_value = "KILL")]
    pub signal: String,
}

pub fn run(_context: &Context, _arguments: Args) -> Result<Exit, Failure> {
    todo!()
}
