//! `raftctl get`: one value.

use std::ffi::OsString;

use super::Context;
use super::arguments::ReadOptions;
use super::failure::{Exit, Failure};

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl get colour
  raftctl get photo --raw > photo.jpg
  raftctl get colour --consistency stale --node n3

Exits with 3 when the key is not there.")]
pub struct Args {
    /// The key
    #[arg(value_name = "KEY", allow_negative_numbers = true)]
    pub key: OsString,

    /// Print exactly the bytes of the value, without a newline behind
    #[arg(long, conflicts_with = "base64")]
    pub raw: bool,

    /// Read the key and print the value as base64
    #[arg(long)]
    pub base64: bool,

    #[command(flatten)]
    pub reading: ReadOptions,
}

pub fn run(_context: &Context, _arguments: Args) -> Result<Exit, Failure> {
    todo!()
}
