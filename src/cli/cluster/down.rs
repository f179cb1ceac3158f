//! `raftctl cluster down`: stops a cluster.

use std::path::Path;
use std::time::Instant;

use rustix::process::Signal;

use super::local;
use clap_complete::ArgValueCandidates;

use crate::cli::Context;
use crate::cli::arguments::cluster_name;
use crate::cli::completions;
use crate::cli::failure::{Exit, Failure};
use crate::cli::selection::{self, LocalCluster};
use crate::cluster::process::{self, LOOK_EVERY, STOP_PATIENCE};
use crate::storage::layout::RunFile;

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl cluster down
  raftctl cluster down demo --purge
  raftctl cluster down --all")]
pub struct Args {
    /// The cluster [default: the selected one]
    #[arg(value_name = "NAME", value_parser = cluster_name, conflicts_with = "all",
        add = ArgValueCandidates::new(completions::cluster_names))]
    pub name: Option<String>,

    /// Every local cluster
    #[arg(long)]
    pub all: bool,

    /// Remove data, identities and logs too; asks
    #[arg(long)]
    pub purge: bool,

    /// Answer questions with yes
    #[arg(long)]
    pub yes: bool,
}

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    let home = selection::home(&context.environment)?;
    let clusters = match (&arguments.name, arguments.all) {
        (_, true) => selection::clusters(&home)?,
        (Some(name), false) => vec![selection::named(&home, name)?],
        (None, false) if arguments.purge && context.global.cluster.is_none() => vec![the_only_one(&home)?],
        (None, false) => vec![selection::local_cluster(context)?.0],
    };
    for cluster in &clusters {
        if arguments.purge {
            let question = format!("remove all data of {} in {}", cluster.name, cluster.directory.display());
            local::confirm(context, arguments.yes, &question)?;
            purge(context, cluster)?;
        } else {
            stop(context, cluster)?;
        }
    }
    Ok(Exit::Done)
}

fn the_only_one(home: &Path) -> Result<LocalCluster, Failure> {
    let mut all = selection::clusters(home)?;
    match (all.pop(), all.is_empty()) {
        (Some(cluster), true) => Ok(cluster),
        (None, _) => Err(Failure::new("E0203", "there is no cluster")),
        (Some(_), false) => Err(Failure::new("E0202", "which cluster is to be removed is not clear")
            .fix("raftctl cluster down NAME --purge")),
    }
}

/// Stops the nodes in good order, and the supervisor that looks after them.
pub(super) fn stop(context: &Context, cluster: &LocalCluster) -> Result<(), Failure> {
    let dirs = local::directories(&selection::nodes(cluster)?);
    let ran = dirs.iter().filter(|dir| process::is_held(dir)).count();
    if let Some(supervisor) = local::supervisor(&cluster.directory) {
        // It stops its nodes by itself; when it has just ended they are stopped below.
        let _ = process::signal(&supervisor, Signal::TERM);
        wait_for_end(&supervisor);
    }
    let late = process::stop(&dirs, STOP_PATIENCE);
    for path in &late {
        context.printer.warning(format_args!("{} did not stop in time and was killed", path.display()));
    }
    if let Some(dir) = process::wait_down(&dirs, LOOK_EVERY).first() {
        return Err(Failure::new("E0216", format!("{} is still running", dir.display())));
    }
    let word = if ran == 0 { "down" } else { "stopped" };
    context.printer.note(format_args!("{}: {word}", cluster.name));
    Ok(())
}

fn wait_for_end(supervisor: &RunFile) {
    let deadline = Instant::now() + STOP_PATIENCE * 2;
    while Instant::now() < deadline && supervisor.is_alive().unwrap_or(false) {
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Stops the cluster and removes everything it has on this machine.
pub(super) fn purge(context: &Context, cluster: &LocalCluster) -> Result<(), Failure> {
    stop(context, cluster)?;
    let cannot = |path: &Path, error: &std::io::Error| {
        Failure::new("E0206", format!("{} cannot be removed", path.display())).because(error)
    };
    for node in selection::nodes(cluster)?.iter().filter(|node| node.directory.is_symlink()) {
        // A node that was restored into a place of its own.
        let place = std::fs::canonicalize(&node.directory).map_err(|error| cannot(&node.directory, &error))?;
        std::fs::remove_dir_all(&place).map_err(|error| cannot(&place, &error))?;
    }
    std::fs::remove_dir_all(&cluster.directory).map_err(|error| cannot(&cluster.directory, &error))?;
    context.printer.note(format_args!("{}: removed", cluster.name));
    Ok(())
}
