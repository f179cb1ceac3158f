//! `raftctl cluster pause`: freezes nodes where they are.

use clap_complete::ArgValueCandidates;

use crate::cli::Context;
use crate::cli::arguments::node_name;
use crate::cli::completions;
use crate::cli::failure::{Exit, Failure};

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl cluster pause leader")]
pub struct Args {
    /// Nodes, or `leader`
    #[arg(value_name = "NODE", value_parser = node_name, required = true,
        add = ArgValueCandidates::new(completions::node_names))]
    pub nodes: Vec<String>,
}

pub fn run(_context: &Context, _arguments: Args) -> Result<Exit, Failure> {
    todo!()
}
