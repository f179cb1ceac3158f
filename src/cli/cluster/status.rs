//! `raftctl cluster status`: shows one local cluster with its processes.

use clap_complete::ArgValueCandidates;

use crate::cli::Context;
use crate::cli::arguments::cluster_name;
use crate::cli::failure::{Exit, Failure};
use crate::cli::{completions, status};

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl cluster status
  raftctl cluster status demo -o json
  raftctl cluster status --wait healthy --timeout 30s")]
#[group(id = "ClusterStatusArgs")]
pub struct Args {
    /// The cluster [default: the selected one]
    #[arg(value_name = "NAME", value_parser = cluster_name, add = ArgValueCandidates::new(completions::cluster_names))]
    pub name: Option<String>,

    #[command(flatten)]
    pub status: status::Args,
}

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    let mut global = context.global.clone();
    if let Some(name) = arguments.name {
        global.cluster = Some(name);
    }
    // Verbs under `cluster` see local clusters only.
    global.endpoint.clear();
    let mut environment = context.environment.clone();
    environment.endpoint = None;
    status::run(&Context::new(global, environment), arguments.status)
}
