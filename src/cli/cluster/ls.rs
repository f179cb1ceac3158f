//! `raftctl cluster ls`: lists local clusters.

use serde::Serialize;

use super::local;
use crate::cli::Context;
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::{Cell, Table};
use crate::cli::selection;
use crate::cluster::process;

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl cluster ls
  raftctl cluster ls -o json")]
pub struct Args {}

pub fn run(context: &Context, _arguments: Args) -> Result<Exit, Failure> {
    let home = selection::home(&context.environment)?;
    let mut views = Vec::new();
    for cluster in selection::clusters(&home)? {
        let nodes = selection::nodes(&cluster)?;
        let running = nodes.iter().filter(|node| process::is_held(&node.directory)).count();
        views.push(ClusterLine {
            name: cluster.name.clone(),
            nodes: nodes.len(),
            running,
            supervisor_pid: local::supervisor(&cluster.directory).map(|file| file.pid),
            directory: cluster.directory.display().to_string(),
        });
    }
    if !context.printer.is_table() {
        context.printer.document("raftctl.clusters/v1", &ClusterLines { clusters: views })?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["CLUSTER", ">NODES", ">RUNNING", ">SUPERVISOR", "DIRECTORY"]);
    for view in &views {
        table.row([
            Cell::from(view.name.as_str()),
            Cell::from(view.nodes.to_string()),
            Cell::from(view.running.to_string()),
            Cell::known(view.supervisor_pid),
            Cell::from(view.directory.as_str()),
        ]);
    }
    context.printer.table(&table)?;
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct ClusterLines {
    clusters: Vec<ClusterLine>,
}

#[derive(Serialize)]
struct ClusterLine {
    name: String,
    nodes: usize,
    running: usize,
    supervisor_pid: Option<u32>,
    directory: String,
}
