//! `raftctl cluster start`: starts nodes that are down.

use super::local;
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
  raftctl cluster start
  raftctl cluster start n2")]
pub struct Args {
    /// Nodes, or `leader` [default: all]
    #[arg(value_name = "NODE", value_parser = node_name,
        add = ArgValueCandidates::new(completions::node_names))]
    pub nodes: Vec<String>,
}

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    let (cluster, _) = selection::local_cluster(context)?;
    let nodes = local::nodes_meant(context, &cluster, &arguments.nodes)?;
    let (running, down): (Vec<LocalNode>, Vec<LocalNode>) =
        nodes.into_iter().partition(|node| process::is_held(&node.directory));
    for node in &running {
        context.printer.note(format_args!("{}: runs already", node.name));
    }
    local::start(context, &cluster.directory, &down)?;
    Ok(Exit::Done)
}
