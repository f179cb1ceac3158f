//! `raftctl log verify`: proves every byte of logs and of what lies beside them.

use std::ffi::OsString;
use std::time::Instant;

use clap_complete::ArgValueCandidates;
use serde::Serialize;

use super::{damaged, name, sources, walk_failure};
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::{Cell, Table};
use crate::cli::progress::Progress;
use crate::cli::{Context, completions};
use crate::inspect::verify::{Verification, verify};

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl log verify n1 n2 n3
  raftctl log verify ./copy-of-data -o json
  raftctl log verify demo.tar

Checksums, the chain from entry to entry, the hard state, and snapshots with the entries they end with. A write that
never completed at the end of a log is a note, not damage. Exits with 7 when anything is damaged.")]
pub struct Args {
    /// Nodes, data directories, segment files or bundles
    #[arg(value_name = "NODE|PATH", required = true, add = ArgValueCandidates::new(completions::node_names))]
    pub sources: Vec<OsString>,
}

#[derive(Serialize)]
struct Report {
    logs: Vec<Verification>,
}

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    let mut logs = Vec::new();
    let mut damage = Vec::new();
    let began = Instant::now();
    for source in sources(context, &arguments.sources)? {
        let progress = Progress::new(context, format!("verifying {}", source.name()), source.length_bytes());
        let (log, found) =
            verify(&source, &|bytes| progress.advance(bytes)).map_err(|error| walk_failure(&source, &error))?;
        logs.push(log);
        damage.extend(found);
    }
    let seconds = began.elapsed().as_secs_f64();
    let bytes: u64 = logs.iter().map(|log| log.checked_bytes).sum();
    context.printer.detail(format_args!("{bytes} bytes in {seconds:.2} s: {:.0} MB/s", bytes as f64 / seconds / 1e6));
    match context.printer.is_table() {
        true => print(context, &logs)?,
        false => context.printer.document("raftctl.log-verify/v1", &Report { logs })?,
    }
    damage.first().map_or(Ok(Exit::Done), |first| Err(damaged(first)))
}

fn print(context: &Context, logs: &[Verification]) -> Result<(), Failure> {
    let printer = &context.printer;
    let mut table =
        Table::new(&["LOG", "VERDICT", ">ENTRIES", ">FIRST", ">LAST", ">COMMIT", ">SEGMENTS", ">SNAPSHOTS", ">BYTES"]);
    for log in logs {
        let verdict = match log.damage.len() {
            0 => "whole".to_owned(),
            1 => "DAMAGED in 1 place".to_owned(),
            places => format!("DAMAGED in {places} places"),
        };
        table.row([
            Cell::from(name(log.node.as_deref(), &log.path)),
            Cell::from(verdict),
            Cell::from(log.entries.to_string()),
            Cell::known(log.first),
            Cell::known(log.last),
            Cell::from(log.commit.to_string()),
            Cell::from(log.segments.to_string()),
            Cell::from(log.snapshots.len().to_string()),
            Cell::from(log.checked_bytes.to_string()),
        ]);
    }
    printer.table(&table)?;
    for log in logs {
        let red = anstyle::Style::new().fg_color(Some(anstyle::AnsiColor::Red.into()));
        for damage in &log.damage {
            let place = format!("{} at byte {}", damage.file, damage.offset);
            printer.line(format_args!("{red}DAMAGE{red:#} {place}: {}: {}", damage.kind, damage.explanation))?;
        }
        for note in &log.notes {
            printer.line(format_args!("note: {note}"))?;
        }
        if log.not_understood > 0 {
            let count = log.not_understood;
            printer.line(format_args!(
                "note: {} holds {count} entries that this version does not know",
                name(log.node.as_deref(), &log.path)
            ))?;
        }
    }
    Ok(())
}
