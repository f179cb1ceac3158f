//! `raftctl node`: runs one node in the foreground until it is told to stop.

use std::path::PathBuf;

use super::Context;
use super::failure::{Exit, Failure};
use crate::node::{self, Finished, NodeError, NodeOptions, Supervision};
use crate::observe::Level;
use crate::storage::OpenError;

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

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    let supervision = match (arguments.die_with_parent, arguments.detached) {
        (Some(pid), _) => Supervision::DieWithParent(pid),
        (None, true) => Supervision::Detached,
        (None, false) => Supervision::None,
    };
    let options = NodeOptions {
        dir: arguments.data_dir,
        supervision,
        echo: supervision == Supervision::None,
        log_level: log_level(context.environment.log.as_deref())?,
    };
    match node::run(&options) {
        Ok(Finished::Stopped) => Ok(Exit::Done),
        Ok(Finished::Interrupted) => Ok(Exit::Interrupted),
        Err(error) => Err(failure(&error, &options)),
    }
}

fn log_level(text: Option<&str>) -> Result<Level, Failure> {
    let Some(text) = text else { return Ok(Level::Info) };
    text.parse().map_err(|_| {
        Failure::new("E0602", format!("RAFTCTL_LOG={text} is not a level")).fix("use error, warn, info or debug")
    })
}

fn failure(error: &NodeError, options: &NodeOptions) -> Failure {
    let dir = options.dir.display();
    let code = match error {
        NodeError::NoNode(..) => "E0601",
        NodeError::NotMember(_) | NodeError::Open(OpenError::NotFounded { .. }) => "E0603",
        NodeError::Mixed(_) => "E0609",
        NodeError::Superseded(_) => "E0610",
        NodeError::Open(OpenError::Locked { .. }) => "E0604",
        NodeError::Open(OpenError::Damaged(_) | OpenError::TermLost { .. }) => "E0401",
        NodeError::Bind(_) | NodeError::Listen { .. } => "E0605",
        NodeError::Identity(_) => "E0606",
        NodeError::Fault(_) | NodeError::Close(_) => "E0607",
        NodeError::Open(_) | NodeError::Boot(_) | NodeError::RunFile(_) | NodeError::System { .. } => "E0608",
    };
    let fix = match code {
        "E0401" => format!("see what is readable with `raftctl inspect {dir}`"),
        "E0604" => "find the process that has it open with `raftctl cluster ls`".to_owned(),
        "E0610" => format!("use the other cluster; only if that was a mistake, remove {dir}/superseded"),
        "E0605" => format!("stop what uses the port, or change `listen` in {dir}/node.yaml"),
        _ => format!("`raftctl explain {code}` says more"),
    };
    Failure::new(code, format!("the node in {dir} ended")).because(error).fix(fix)
}
