//! `raftctl check …`: puts what a cluster promises to the proof.
//!
//! `workload` asks and remembers, `faults` breaks and mends meanwhile, `history` is what was remembered, as values and as
//! lines, `judge` searches for an order, `shrink` makes a failure small, `picture` draws it.

mod faults;
mod history;
mod judge;
mod linearizable;
mod picture;
mod report;
mod shrink;
mod workload;

use super::Context;
use super::failure::{Exit, Failure};

#[derive(Clone, Debug, clap::Subcommand)]
#[command(disable_help_subcommand = true)]
#[command(after_help = "\
Examples:
  raftctl check linearizable --local 3 --kill --isolate
  raftctl check linearizable --history run.jsonl")]
pub enum Command {
    /// Whether all that clients hear can be explained by one copy of the data
    Linearizable(linearizable::Args),
}

pub fn run(context: &Context, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Linearizable(arguments) => linearizable::run(context, &arguments),
    }
}
