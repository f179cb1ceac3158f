//! `raftctl cluster heal`: takes up the links that `isolate` has cut.

use clap_complete::ArgValueCandidates;

use super::isolate::{ask_each, ids};
use super::local;
use crate::api::Ask;
use crate::cli::arguments::node_name;
use crate::cli::failure::{Exit, Failure};
use crate::cli::selection::{self, LocalNode};
use crate::cli::{Context, completions};
use crate::cluster::process;

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl cluster heal
  raftctl cluster heal n1")]
pub struct Args {
    /// Nodes; all their links are taken up, whichever side had cut them [default: all nodes]
    #[arg(value_name = "NODE", value_parser = node_name,
        add = ArgValueCandidates::new(completions::node_names))]
    pub nodes: Vec<String>,
}

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    let (cluster, _) = selection::local_cluster(context)?;
    let meant = local::nodes_meant(context, &cluster, &arguments.nodes)?;
    let all = selection::nodes(&cluster)?;
    let peers = ids(meant.iter())?;
    let is_meant = |node: &LocalNode| meant.iter().any(|one| one.name == node.name);
    // A node that is down has no links that are cut, and one that is paused cannot be asked.
    let mut asks = Vec::new();
    for node in all {
        match process::running(&node.directory) {
            Some(run) if !process::is_paused(run.pid) => {
                let peers = if is_meant(&node) { Vec::new() } else { peers.clone() };
                asks.push((node, Ask::Heal { peers }));
            }
            Some(_) => context.printer.note(format_args!("{}: is paused and was not asked", node.name)),
            None => {}
        }
    }
    let names: Vec<String> = asks.iter().map(|(node, _)| node.name.clone()).collect();
    let cut = ask_each(context, &cluster, asks)?;
    for (name, links) in names.iter().zip(cut) {
        if meant.iter().any(|node| node.name == *name) && links.is_empty() {
            context.printer.note(format_args!("{name}: in touch again"));
        }
    }
    Ok(Exit::Done)
}
