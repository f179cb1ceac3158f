//! `raftctl config`: checks cluster files.

use std::path::PathBuf;

use super::Context;
use super::failure::{Exit, Failure};

#[derive(Clone, Debug, clap::Subcommand)]
#[command(disable_help_subcommand = true)]
pub enum Command {
    /// Check cluster files and say what is wrong, with line and column
    Check(CheckArgs),
}

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl config check clusters/three-nodes.yaml")]
pub struct CheckArgs {
    /// Cluster files; `-` is stdin
    #[arg(value_name = "FILE", required = true, value_hint = clap::ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
}

pub fn run(_context: &Context, _command: Command) -> Result<Exit, Failure> {
    todo!()
}
