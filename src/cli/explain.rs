//! `raftctl explain`: the page of an error code, or a rule of Raft.

use super::Context;
use super::failure::{Exit, Failure};

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl explain E0201
  raftctl explain R47
  raftctl explain")]
pub struct Args {
    /// An error code such as E0201, or a rule such as R47; without it, the list
    #[arg(value_name = "CODE")]
    pub word: Option<String>,
}

pub fn run(_context: &Context, _arguments: Args) -> Result<Exit, Failure> {
    todo!()
}
