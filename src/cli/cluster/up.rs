//! `raftctl cluster up`: starts a cluster, or brings it back.

use std::path::PathBuf;

use crate::cli::Context;
use crate::cli::arguments::cluster_name;
use crate::cli::failure::{Exit, Failure};

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl cluster up clusters/three-nodes.yaml
  raftctl cluster up -d --nodes 5 --name five
  raftctl cluster up clusters/three-nodes.yaml --set raft.election_timeout=2s
  raftctl cluster up clusters/three-nodes.yaml --dry-run

In the foreground it prints the logs of all nodes; Ctrl-C stops them. What runs already is left alone.")]
pub struct Args {
    /// Cluster file; `-` is stdin; without one, the cluster that --cluster names, else a new one called demo
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub file: Option<PathBuf>,

    /// Without a file: how many nodes [default: 3]
    #[arg(long, value_name = "N", conflicts_with = "file", value_parser = clap::value_parser!(u8).range(1..=9))]
    pub nodes: Option<u8>,

    /// Name of the cluster, instead of the file's
    #[arg(long, value_name = "NAME", value_parser = cluster_name)]
    pub name: Option<String>,

    /// Override a key of the file; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,

    /// Return when the cluster is writable and every node is in touch, and leave it running
    #[arg(short, long)]
    pub detach: bool,

    /// Show what would be done and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Start nodes again when they die
    #[arg(long)]
    pub restart_nodes: bool,

    /// The file has moved: take this path for the cluster's own from now on
    #[arg(long)]
    pub adopt: bool,

    /// Remove all data of the cluster first; asks
    #[arg(long)]
    pub fresh: bool,

    /// Answer questions with yes
    #[arg(long)]
    pub yes: bool,
}

pub fn run(_context: &Context, _arguments: Args) -> Result<Exit, Failure> {
    todo!()
}
