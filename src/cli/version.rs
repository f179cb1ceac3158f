//! `raftctl version`: the version and the formats it reads and writes.

use serde::Serialize;

use super::Context;
use super::failure::{Exit, Failure};
use crate::codec::record::RECORD_VERSION;

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl version
  raftctl version -o json")]
pub struct Args {}

#[derive(Serialize)]
struct Version {
    version: &'static str,
    /// Version of the records of the log, on disk and between nodes.
    record_format: u8,
    /// Version of the JSON Lines protocol of `pipe`.
    pipe_protocol: u8,
    os: &'static str,
    architecture: &'static str,
}

const VERSION: Version = Version {
    version: env!("CARGO_PKG_VERSION"),
    record_format: RECORD_VERSION,
    pipe_protocol: 1,
    os: std::env::consts::OS,
    architecture: std::env::consts::ARCH,
};

pub fn run(context: &Context, _arguments: Args) -> Result<Exit, Failure> {
    if !context.printer.is_table() {
        context.printer.document("raftctl.version/v1", &VERSION)?;
        return Ok(Exit::Done);
    }
    context.printer.line(format_args!("raftctl {} ({} {})", VERSION.version, VERSION.os, VERSION.architecture))?;
    context
        .printer
        .line(format_args!("record format {}, pipe protocol {}", VERSION.record_format, VERSION.pipe_protocol))?;
    Ok(Exit::Done)
}
