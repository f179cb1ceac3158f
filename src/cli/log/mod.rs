//! `raftctl log`: reads Raft logs from disk, whether nodes run or not.

pub mod diff;
pub mod show;
pub(super) mod source;
pub mod stat;

use super::Context;
use super::failure::{Exit, Failure};

#[derive(Clone, Debug, clap::Subcommand)]
#[command(disable_help_subcommand = true)]
pub enum Command {
    /// Print entries: index, term, time, kind and what they say
    Show(show::Args),
    /// Compare logs: 0 they agree, 5 tails differ above commit, 7 committed entries differ
    Diff(diff::Args),
    /// Count entries, terms, bytes and segments
    Stat(stat::Args),
}

pub fn run(context: &Context, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Show(arguments) => show::run(context, arguments),
        Command::Diff(arguments) => diff::run(context, arguments),
        Command::Stat(arguments) => stat::run(context, arguments),
    }
}
