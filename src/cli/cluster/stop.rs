//! `raftctl cluster stop`: stops nodes in good order.

use super::local;
use clap_complete::ArgValueCandidates;

use crate::cli::Context;
use crate::cli::arguments::node_name;
use crate::cli::completions;
use crate::cli::failure::{Exit, Failure};
use crate::cli::selection::{self, LocalNode};
use crate::cluster::process::{self, STOP_PATIENCE};

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl cluster stop n2
  raftctl cluster stop")]
pub struct Args {
    /// Nodes, or `leader` [default: all]
    #[arg(value_name = "NODE", value_parser = node_name,
        add = ArgValueCandidates::new(completions::node_names))]
    pub nodes: Vec<String>,
}

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    let (cluster, _) = selection::local_cluster(context)?;
    if arguments.nodes.is_empty() {
        let all = super::down::Args { name: Some(cluster.name), all: false, purge: false, yes: false };
        return super::down::run(context, all);
    }
    let nodes = local::nodes_meant(context, &cluster, &arguments.nodes)?;
    stop(context, &nodes);
    Ok(Exit::Done)
}

/// Stops nodes in good order, and says so for each.
pub(super) fn stop(context: &Context, nodes: &[LocalNode]) {
    let late = process::stop(&local::directories(nodes), STOP_PATIENCE);
    for node in nodes {
        let how = if late.contains(&node.directory) { "did not stop in time and was killed" } else { "stopped" };
        context.printer.note(format_args!("{}: {how}", node.name));
    }
}
