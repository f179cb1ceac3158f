//! `raftctl cluster logs`: prints what node processes have logged.

use clap_complete::ArgValueCandidates;

use crate::cli::Context;
use crate::cli::arguments::{instant, node_name};
use crate::cli::completions;
use crate::cli::failure::{Exit, Failure};

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl cluster logs
  raftctl cluster logs n1 -f
  raftctl cluster logs --tail 20")]
pub struct Args {
    /// Nodes [default: all]
    #[arg(value_name = "NODE", value_parser = node_name,
        add = ArgValueCandidates::new(completions::node_names))]
    pub nodes: Vec<String>,

    /// Then print lines as they come, until interrupted
    #[arg(short, long)]
    pub follow: bool,

    /// Only lines from this time on: RFC 3339, or a span back such as 10m
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub since: Option<jiff::Timestamp>,

    /// Only the last so many lines of each node
    #[arg(long, value_name = "N")]
    pub tail: Option<usize>,
}

pub fn run(_context: &Context, _arguments: Args) -> Result<Exit, Failure> {
    todo!()
}
