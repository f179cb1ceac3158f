//! `raftctl cluster kill`: ends nodes at once, as a crash would.

use rustix::process::Signal;

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
  raftctl cluster kill leader
  raftctl cluster kill n1 n2 --signal TERM")]
pub struct Args {
    /// Nodes, or `leader`
    #[arg(value_name = "NODE", value_parser = node_name, required = true,
        add = ArgValueCandidates::new(completions::node_names))]
    pub nodes: Vec<String>,

    /// Signal to send, with or without SIG
    #[arg(long, value_name = "SIGNAL", default_value = "KILL")]
    pub signal: String,
}

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    let signal = process::signal_named(&arguments.signal).ok_or_else(|| {
        Failure::new("E0217", format!("{} is not a signal", arguments.signal))
            .fix("one of KILL TERM INT QUIT HUP ABRT SEGV STOP CONT")
    })?;
    let (cluster, _) = selection::local_cluster(context)?;
    let nodes = local::nodes_meant(context, &cluster, &arguments.nodes)?;
    let (nodes, down): (Vec<LocalNode>, Vec<LocalNode>) =
        nodes.into_iter().partition(|node| process::running(&node.directory).is_some());
    if nodes.is_empty() {
        return send(context, &down, signal).map(|()| Exit::Done);
    }
    for node in &down {
        context.printer.note(format_args!("{}: was down already", node.name));
    }
    send(context, &nodes, signal)?;
    if signal == Signal::KILL {
        process::wait_down(&local::directories(&nodes), STOP_PATIENCE);
    }
    for node in &nodes {
        context.printer.note(format_args!("{}: {} sent", node.name, arguments.signal.to_ascii_uppercase()));
    }
    Ok(Exit::Done)
}

/// Sends one signal to each node.
///
/// # Errors
/// A node that is down, before anything is sent.
pub(super) fn send(context: &Context, nodes: &[LocalNode], signal: Signal) -> Result<(), Failure> {
    let mut runs = Vec::new();
    for node in nodes {
        let run = process::running(&node.directory).ok_or_else(|| {
            Failure::new("E0218", format!("{} is down", node.name)).fix(format!("raftctl cluster start {}", node.name))
        })?;
        runs.push((node, run));
    }
    for (node, run) in runs {
        context.printer.detail(format_args!("{}: process {}", node.name, run.pid));
        process::signal(&run, signal)
            .map_err(|error| Failure::new("E0218", format!("{} got no signal", node.name)).because(&error))?;
    }
    Ok(())
}
