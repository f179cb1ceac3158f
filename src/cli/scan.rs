//! `raftctl scan`: keys and values in order.

use std::ffi::OsString;

use super::Context;
use super::arguments::ReadOptions;
use super::failure::{Exit, Failure};

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl scan
  raftctl scan user/ --keys-only
  raftctl scan user/ --limit 10 -o json")]
pub struct Args {
    /// Only keys that begin with this [default: all]
    #[arg(value_name = "PREFIX", allow_negative_numbers = true)]
    pub prefix: Option<OsString>,

    /// Print keys without their values
    #[arg(long)]
    pub keys_only: bool,

    /// Most keys to print [default: all]
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,

    /// Read the prefix and print keys and values as base64
    #[arg(long)]
    pub base64: bool,

    #[command(flatten)]
    pub reading: ReadOptions,
}

pub fn run(_context: &Context, _arguments: Args) -> Result<Exit, Failure> {
    todo!()
}
