//! `raftctl cluster pause`: freezes nodes where they are.

use rustix::process::Signal;

use super::{kill, local};
use clap_complete::ArgValueCandidates;

use crate::cli::Context;
use crate::cli::arguments::node_name;
use crate::cli::completions;
use crate::cli::failure::{Exit, Failure};
use crate::cli::selection;

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

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    let (cluster, _) = selection::local_cluster(context)?;
    let nodes = local::nodes_meant(context, &cluster, &arguments.nodes)?;
    kill::send(context, &nodes, Signal::STOP)?;
    for node in &nodes {
        context.printer.note(format_args!("{}: paused until: raftctl cluster resume {}", node.name, node.name));
    }
    Ok(Exit::Done)
}
