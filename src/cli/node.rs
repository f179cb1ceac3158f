//! `raftctl node`: runs one node in the foreground until it is told to stop.

use std::path::PathBuf;

use super::Context;
use super::failure::{Exit, Failure};

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl node --data-dir ~/.local/state/raftctl/demo/nodes/n1

The directory says everything: name, cluster, addresses and identity. `raftctl cluster up` prepares it.
SIGTERM hands leadership over, finishes what is open and exits with 0.")]
pub struct Args {
    /// Directory of the node, with node.yaml, data/ and identity/ in it
    #[arg(long, value_name = "DIR", env = "RAFTCTL_NODE_DATA_DIR", value_hint = clap::ValueHint::DirPath)]
    pub data_dir: PathBuf,

    /// End when this process, the supervisor, ends
    #[arg(long, value_name = "PID", hide = true)]
    pub die_with_parent: Option<u32>,

    /// Leave the caller's session
    #[arg(long, hide = true)]
    pub detached: bool,
}

pub fn run(_context: &Context, _arguments: Args) -> Result<Exit, Failure> {
    todo!()
}
