//! `raftctl status`: who leads, how far everybody is, and what is wrong.

use clap::ValueEnum;

use super::Context;
use super::failure::{Exit, Failure};

#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl status
  raftctl status --check && echo healthy
  raftctl status --wait writable --timeout 30s
  raftctl status -o json | jq .leader")]
pub struct Args {
    /// Exit with 5 unless the cluster is healthy
    #[arg(long)]
    pub check: bool,

    /// Wait until the cluster is in this state, at most --timeout; exit with 5 if it is not
    #[arg(long, value_name = "STATE")]
    pub wait: Option<WaitFor>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WaitFor {
    /// A leader is in touch with a majority
    Writable,
    /// Writable, all members reachable and caught up, no error among the problems
    Healthy,
}

pub fn run(_context: &Context, _arguments: Args) -> Result<Exit, Failure> {
    todo!()
}
