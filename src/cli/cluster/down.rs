//! `raftctl cluster down`: stops a cluster.

use clap_complete::ArgValueCandidates;

use crate::cli::Context;
use crate::cli::arguments::cluster_name;
use crate::cli::completions;
use crate::cli::failure::{Exit, Failure};

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

pub fn run(_context: &Context, _arguments: Args) -> Result<Exit, Failure> {
    todo!()
}
