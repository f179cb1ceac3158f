//! `raftctl cluster restart`: stops nodes and starts them again.

use std::time::Duration;

use clap_complete::ArgValueCandidates;

use crate::cli::Context;
use crate::cli::arguments::node_name;
use crate::cli::completions;
use crate::cli::failure::{Exit, Failure};
use crate::cli::selection::{self, LocalCluster, LocalNode};
use crate::cli::status;
use crate::client::view::ClusterView;
use crate::cluster::process;

use super::{local, stop};

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl cluster restart n2
  raftctl cluster restart --rolling")]
pub struct Args {
    /// Nodes, or `leader` [default: all]
    #[arg(value_name = "NODE", value_parser = node_name,
        add = ArgValueCandidates::new(completions::node_names))]
    pub nodes: Vec<String>,

    /// One after the other, each only when the one before is back and caught up
    #[arg(long)]
    pub rolling: bool,
}

/// How long one node may take to come back and catch up.
const BACK_PATIENCE: Duration = Duration::from_secs(60);

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    let (cluster, _) = selection::local_cluster(context)?;
    let nodes = local::nodes_meant(context, &cluster, &arguments.nodes)?;
    let groups: Vec<Vec<LocalNode>> =
        if arguments.rolling { nodes.into_iter().map(|node| vec![node]).collect() } else { vec![nodes] };
    for group in groups {
        let running: Vec<LocalNode> = group.iter().filter(|node| process::is_held(&node.directory)).cloned().collect();
        stop::stop(context, &running);
        local::start(context, &cluster.directory, &group)?;
        wait_back(context, &cluster, &group, arguments.rolling)?;
    }
    Ok(Exit::Done)
}

/// Waits until the nodes answer again; in a rolling restart until the whole cluster is healthy.
fn wait_back(context: &Context, cluster: &LocalCluster, group: &[LocalNode], rolling: bool) -> Result<(), Failure> {
    let back = |view: &ClusterView| {
        let answers = |node: &LocalNode| view.members.iter().any(|member| member.name == node.name && member.reachable);
        group.iter().all(answers) && (!rolling || view.is_healthy())
    };
    let view = status::wait_for(context, cluster, context.timeout_or(BACK_PATIENCE), back)?;
    if back(&view) {
        return Ok(());
    }
    let names: Vec<&str> = group.iter().map(|node| node.name.as_str()).collect();
    Err(Failure::new("E0502", format!("{} started, but is not ready", names.join(" ")))
        .cause(view.problems.first().map_or_else(|| "it does not answer yet".to_owned(), |one| one.message.clone()))
        .fix("raftctl status --wait healthy"))
}
