//! `raftctl pipe`: JSON Lines in and out on one connection, many requests in flight.

use clap_complete::ArgValueCandidates;

use super::Context;
use super::arguments::node_name;
use super::completions;
use super::failure::{Exit, Failure};

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  echo '{\"id\":1,\"op\":\"put\",\"key\":\"k\",\"value\":\"v\"}' | raftctl pipe
  echo '{\"op\":\"hello\"}' | raftctl pipe

Every request gets exactly one answer, in the order of completion. At the end of the input open requests are
finished, and the exit code is 0 whatever the answers were.")]
pub struct Args {
    /// Most requests that are open at once; beyond that stdin is not read
    #[arg(long, value_name = "N", default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub in_flight: u32,

    /// Stay with this node instead of following the leader
    #[arg(long, value_name = "NODE", value_parser = node_name, add = ArgValueCandidates::new(completions::node_names))]
    pub node: Option<String>,
}

pub fn run(_context: &Context, _arguments: Args) -> Result<Exit, Failure> {
    todo!()
}
