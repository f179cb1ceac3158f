//! `raftctl sim …`: whole clusters in one thread, simulated from a seed, and stories told by scripts.

mod guard;
mod report;
mod run;
mod swarm;

use std::collections::BTreeSet;
use std::time::Duration;

use super::Context;
use super::arguments;
use super::failure::{Exit, Failure};
use crate::raft::{Rule, Rules};
use crate::sim::plan::NODES_MAX;
use crate::sim::{FAULTS, Fault, RunOptions};

#[derive(Clone, Debug, clap::Subcommand)]
#[command(disable_help_subcommand = true)]
#[command(after_help = "\
Examples:
  raftctl sim run 42
  raftctl sim run 42 --without rot,wipe --trace
  raftctl sim run tests/scripts/commit/figure_8_an_old_term_is_not_committed_by_counting.script
  raftctl sim swarm --count 1000")]
pub enum Command {
    /// Run one seed, or a script, and say what came of it
    Run(run::Args),
    /// Run many seeds on all cores until one breaks an invariant
    Swarm(swarm::Args),
}

/// What a world is made of beside its seed.
#[derive(Clone, Debug, clap::Args)]
pub struct WorldOptions {
    /// Simulated time with faults; recovery comes on top
    #[arg(long, value_name = "SPAN", default_value = "60s", value_parser = arguments::timeout, help_heading = "World")]
    pub time: Duration,

    /// Faults to do without, comma-separated; `raftctl sim run --help` lists them
    #[arg(long, value_name = "FAULTS", value_delimiter = ',', value_parser = fault, help_heading = "World")]
    pub without: Vec<Fault>,

    /// The number of nodes, 1 to 7; else the seed chooses
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..=NODES_MAX), help_heading = "World")]
    pub nodes: Option<u64>,

    /// No faults before this
    #[arg(long, value_name = "SPAN", value_parser = arguments::timeout, help_heading = "World")]
    pub quiet_until: Option<Duration>,

    /// Disks that answer syncs they have not made: sound nodes break, and it must be noticed
    #[arg(long, help_heading = "World")]
    pub lying_disks: bool,

    /// Rules that the nodes do not keep, comma-separated, as R47,R20; it must be noticed
    #[arg(long = "break", value_name = "RULES", value_parser = rules, help_heading = "World")]
    pub broken: Option<Rules>,
}

impl WorldOptions {
    fn options(&self) -> RunOptions {
        RunOptions {
            span: self.time,
            without: self.without.iter().copied().collect::<BTreeSet<Fault>>(),
            nodes: self.nodes,
            quiet_until: self.quiet_until.unwrap_or_default(),
            lying_disks: self.lying_disks,
            rules: self.broken.unwrap_or_default(),
        }
    }
}

pub fn run(context: &Context, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Run(arguments) => run::run(context, arguments),
        Command::Swarm(arguments) => swarm::run(context, &arguments),
    }
}

fn rules(words: &str) -> Result<Rules, String> {
    words.parse::<Rules>().map_err(|error| {
        let ids: Vec<&str> = Rule::all().map(Rule::id).collect();
        format!("{error}; there are {}", ids.join(" "))
    })
}

fn fault(word: &str) -> Result<Fault, String> {
    Fault::of_word(word).ok_or_else(|| {
        let words: Vec<&str> = FAULTS.iter().map(|(_, word)| *word).collect();
        format!("there is no such fault; there are {}", words.join(" "))
    })
}
