//! `raftctl cluster resume`: wakes nodes that were paused.

use rustix::process::Signal;

use super::{kill, local};
use clap_complete::ArgValueCandidates;

use crate::cli::Context;
use crate::cli::arguments::node_name;
use crate::cli::completions;
use crate::cli::failure::{Exit, Failure};
use crate::cli::selection::{self, LocalNode};
use crate::cluster::process;

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl cluster resume
  raftctl cluster resume n2")]
pub struct Args {
    /// Nodes [default: all that are paused]
    #[arg(value_name = "NODE", value_parser = node_name,
        add = ArgValueCandidates::new(completions::node_names))]
    pub nodes: Vec<String>,
}

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    let (cluster, _) = selection::local_cluster(context)?;
    let mut nodes = local::nodes_meant(context, &cluster, &arguments.nodes)?;
    let is_paused = |node: &LocalNode| process::running(&node.directory).is_some_and(|run| process::is_paused(run.pid));
    if arguments.nodes.is_empty() {
        nodes.retain(is_paused);
    }
    let paused: Vec<bool> = nodes.iter().map(is_paused).collect();
    kill::send(context, &nodes, Signal::CONT)?;
    for (node, was_paused) in nodes.iter().zip(paused) {
        let what = if was_paused { "resumed" } else { "was not paused" };
        context.printer.note(format_args!("{}: {what}", node.name));
    }
    Ok(Exit::Done)
}
