//! `raftctl cluster`: local clusters, their processes and files. One file per verb.

pub mod down;
mod foreground;
pub mod heal;
pub mod isolate;
pub mod kill;
pub(in crate::cli) mod local;
pub mod logs;
pub mod ls;
pub mod pause;
pub(in crate::cli) mod private;
pub mod restart;
pub mod resume;
pub mod run;
pub mod start;
pub mod status;
pub mod stop;
pub mod up;

use super::Context;
use super::failure::{Exit, Failure};

#[derive(Clone, Debug, clap::Subcommand)]
#[command(disable_help_subcommand = true)]
#[command(after_help = "\
Examples:
  raftctl cluster up clusters/three-nodes.yaml
  raftctl cluster kill leader
  raftctl cluster restart n2")]
pub enum Command {
    /// Start a cluster, or bring it back
    Up(up::Args),
    /// Stop a cluster; data, ports and name stay
    Down(down::Args),
    /// Start nodes that are down
    Start(start::Args),
    /// Stop nodes in good order
    Stop(stop::Args),
    /// Stop nodes and start them again
    Restart(restart::Args),
    /// Start a private cluster, run a command with it, and remove it
    Run(run::Args),
    /// End nodes at once, as a crash would
    Kill(kill::Args),
    /// Freeze nodes where they are
    Pause(pause::Args),
    /// Wake nodes that were paused
    Resume(resume::Args),
    /// Cut nodes off from the others, as a broken network would
    Isolate(isolate::Args),
    /// Take up the links that were cut
    Heal(heal::Args),
    /// List local clusters and what runs
    Ls(ls::Args),
    /// Who leads, how far everybody is, and the processes
    Status(status::Args),
    /// Print what node processes have logged
    Logs(logs::Args),
}

pub fn run(context: &Context, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Up(arguments) => up::run(context, arguments),
        Command::Down(arguments) => down::run(context, arguments),
        Command::Start(arguments) => start::run(context, arguments),
        Command::Stop(arguments) => stop::run(context, arguments),
        Command::Restart(arguments) => restart::run(context, arguments),
        Command::Run(arguments) => run::run(context, &arguments),
        Command::Kill(arguments) => kill::run(context, arguments),
        Command::Pause(arguments) => pause::run(context, arguments),
        Command::Resume(arguments) => resume::run(context, arguments),
        Command::Isolate(arguments) => isolate::run(context, arguments),
        Command::Heal(arguments) => heal::run(context, arguments),
        Command::Ls(arguments) => ls::run(context, arguments),
        Command::Status(arguments) => status::run(context, arguments),
        Command::Logs(arguments) => logs::run(context, arguments),
    }
}
