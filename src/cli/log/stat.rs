//! `raftctl log stat`: how much of what a log holds, and how it is spread.

use std::ffi::OsString;
use std::time::Duration;

use clap_complete::ArgValueCandidates;
use serde::Serialize;

use super::plot::{bar, plot};
use super::{damage_failure, name, sources, walk_failure};
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::{Cell, Table};
use crate::cli::progress::Progress;
use crate::cli::{Context, completions};
use crate::inspect::stat::{LogStat, stat};

/// Most terms that are shown to a person, the newest.
const TERMS_SHOWN: usize = 20;

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl log stat n1
  raftctl log stat n1 n2 n3 -o json

Entries by size, kind and term, and entries per second over the leaders' clocks as a plot.")]
pub struct Args {
    /// Nodes, data directories, segment files or bundles
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
        let progress = Progress::new(context, format!("counting {}", source.name()), source.length_bytes());
        let (stat, found) =
            stat(&source, &|bytes| progress.advance(bytes)).map_err(|error| walk_failure(&source, &error))?;
        logs.push(stat);
        damage.extend(found);
    }
    if context.printer.is_table() {
        context.printer.table(&table(&logs))?;
        for log in &logs {
            context.printer.line(format_args!("\n{}", name(log.node.as_deref(), &log.path)))?;
            histograms(context, log)?;
        }
    } else {
        context.printer.document("raftctl.log-stat/v1", &Stats { logs })?;
    }
    damage_failure(context, &damage)
}

/// One row per log.
fn table(logs: &[LogStat]) -> Table {
    let mut table = Table::new(&[
        "LOG",
        ">ENTRIES",
        ">FIRST",
        ">LAST",
        ">TERMS",
        ">COMMIT",
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
            Cell::from(name(log.node.as_deref(), &log.path)),
            number(log.entries),
            Cell::known(log.first),
            Cell::known(log.last),
            number(log.terms),
            number(log.commit),
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

fn histograms(context: &Context, log: &LogStat) -> Result<(), Failure> {
    let kinds = [
        ("command", log.commands),
        ("noop", log.noops),
        ("config", log.configs),
        ("tick", log.ticks),
        ("unknown", log.unknown),
    ];
    let kinds = kinds.iter().filter(|(_, entries)| *entries > 0).map(|(kind, entries)| ((*kind).to_owned(), *entries));
    bars(context, "kinds", kinds.collect())?;
    let used = log.sizes.iter().filter(|size| size.entries > 0);
    let sizes = used.map(|size| (format!("≤ {}", bytes(size.up_to_bytes)), size.entries));
    bars(context, "payloads", sizes.collect())?;
    let hidden = log.by_term.len().saturating_sub(TERMS_SHOWN);
    let terms = log.by_term[hidden..].iter().map(|term| {
        let range = format!("{} {}..{}", term.term, term.first, term.last);
        (range, term.entries)
    });
    bars(context, if hidden == 0 { "terms" } else { "newest terms" }, terms.collect())?;
    rates(context, log)
}

fn bars(context: &Context, heading: &str, rows: Vec<(String, u64)>) -> Result<(), Failure> {
    let most = rows.iter().map(|(_, number)| *number).max().unwrap_or(0);
    let wide = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (at, (name, number)) in rows.iter().enumerate() {
        let heading = if at == 0 { heading } else { "" };
        let padding = " ".repeat(wide - name.chars().count());
        let width = most.to_string().len();
        context
            .printer
            .line(format_args!("  {heading:<12} {name}{padding}  {number:>width$}  {}", bar(*number, most)))?;
    }
    Ok(())
}

fn rates(context: &Context, log: &LogStat) -> Result<(), Failure> {
    let samples: Vec<(u64, u64)> = log.rates.buckets.iter().map(|bucket| (bucket.time_ms, bucket.entries)).collect();
    let Some(plot) = plot(&samples, log.rates.bucket_ms) else { return Ok(()) };
    for (at, line) in plot.lines.iter().enumerate() {
        let heading = if at == 0 { "rate" } else { "" };
        let scale = if at == 0 { format!("{:.1}/s", plot.most_per_second) } else { String::new() };
        context.printer.line(format_args!("  {heading:<12} {scale:>10} │{line}"))?;
    }
    let (from, to) = (log.first_time.as_deref().unwrap_or("–"), log.last_time.as_deref().unwrap_or("–"));
    let column = humantime::format_duration(Duration::from_millis(plot.column_ms));
    context.printer.line(format_args!("  {:<12} {:>10} └ {from} to {to}, a column is {column}", "", ""))
}

/// A power of two with the largest unit that divides it.
fn bytes(number: u64) -> String {
    match number {
        number if number >= 1 << 20 => format!("{} MiB", number >> 20),
        number if number >= 1 << 10 => format!("{} KiB", number >> 10),
        number => format!("{number} B"),
    }
}
