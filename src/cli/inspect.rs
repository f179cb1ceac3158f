//! `raftctl inspect`: says what a file or directory is and what is in it.

use std::path::PathBuf;

use super::Context;
use super::failure::{Exit, Failure};

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl inspect ~/.local/state/raftctl/demo
  raftctl inspect n1/data/hard_state
  raftctl inspect n1/data/log/*.seg -o json

Keys are never printed. Of damaged files it prints all it can and exits with 7.")]
pub struct Args {
    /// Files or directories
    #[arg(value_name = "PATH", required = true, value_hint = clap::ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
}

pub fn run(_context: &Context, _arguments: Args) -> Result<Exit, Failure> {
    todo!()
}
