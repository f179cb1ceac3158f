//! `raftctl cluster ls`: lists local clusters.

use crate::cli::Context;
use crate::cli::failure::{Exit, Failure};

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl cluster ls
  raftctl cluster ls -o json")]
pub struct Args {}

pub fn run(_context: &Context, _arguments: Args) -> Result<Exit, Failure> {
    todo!()
}
