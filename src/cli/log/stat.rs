//! `raftctl log stat`: how much of what a log holds.

use std::ffi::OsString;

use clap_complete::ArgValueCandidates;
use serde::Serialize;

use super::{damage_failure, sources, walk_failure};
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::{Cell, Table};
use crate::cli::{Context, completions};
use crate::inspect::stat::{LogStat, stat};

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl log stat n1
  raftctl log stat n1 n2 n3 -o json")]
pub struct Args {
    /// Nodes, data directories or segment files
    #[arg(value_name = "NODE|PATH", required = true, add = ArgValueCandidates::new(completions::node_names))]
    pub sources: Vec<OsString>,
}

#[derive(Serialize)]
struct Stats {
    logs: Vec<LogStat>,
}

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    let mut logs = Vec::new();
    let mut damage = Vec::new();
    for source in sources(context, &arguments.sources)? {
        let (stat, found) = stat(&source).map_err(|error| walk_failure(&source, &error))?;
        logs.push(stat);
        damage.extend(found);
    }
    match context.printer.is_table() {
        true => context.printer.table(&table(&logs))?,
        false => context.printer.document("raftctl.log-stat/v1", &Stats { logs })?,
    }
    damage_failure(context, &damage)
}

/// One column per log.
fn table(logs: &[LogStat]) -> Table {
    let mut table = Table::new(&[
        "LOG",
        ">ENTRIES",
        ">FIRST",
        ">LAST",
        ">TERMS",
        ">COMMIT",
        ">COMMANDS",
        ">NOOPS",
        ">CONFIGS",
        ">TICKS",
        ">RECORD BYTES",
        ">SEGMENTS",
        ">FILE BYTES",
        ">SYNCS",
        ">DEAD BYTES",
        ">TORN BYTES",
        ">DAMAGED",
    ]);
    for log in logs {
        let number = |number: u64| Cell::from(number.to_string());
        table.row([
            Cell::from(log.node.clone().unwrap_or_else(|| log.path.clone())),
            number(log.entries),
            Cell::known(log.first),
            Cell::known(log.last),
            number(log.terms),
            number(log.commit),
            number(log.commands),
            number(log.noops),
            number(log.configs),
            number(log.ticks),
            number(log.record_bytes),
            number(log.segments),
            number(log.file_bytes),
            number(log.sync_markers),
            number(log.dead_bytes),
            number(log.torn_bytes),
            number(log.damaged),
        ]);
    }
    table
}
