//! `raftctl log stat`: how much of what a log holds.

use std::ffi::OsString;

use clap_complete::ArgValueCandidates;

use crate::cli::failure::{Exit, Failure};
use crate::inspect::summary::{LogSummary, summarize};

use super::source::{damaged, not_a_log, source};
use crate::cli::{Context, completions};

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

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    let mut damage = Vec::new();
    for argument in &arguments.sources {
        let source = source(context, argument)?;
        let summary = summarize(&source.path).map_err(|error| not_a_log(&error))?;
        print(context, &source.name, &summary)?;
        damage.extend(summary.damage);
    }
    if damage.is_empty() { Ok(Exit::Done) } else { Err(damaged("a log", &damage)) }
}

#[derive(serde::Serialize)]
struct Named<'a> {
    source: &'a str,
    #[serde(flatten)]
    summary: &'a LogSummary,
}

/// The numbers of one log; shared with `inspect`.
pub(in crate::cli) fn print(context: &Context, name: &str, summary: &LogSummary) -> Result<(), Failure> {
    let printer = &context.printer;
    if !printer.is_table() {
        return printer.item("raftctl.log-stat/v1", &Named { source: name, summary });
    }
    let known = |value: Option<u64>| value.map_or_else(|| "–".to_owned(), |value| value.to_string());
    let counts = |list: Vec<String>| list.join(", ");
    printer.line(format_args!("{name}: entries {} to {}", known(summary.first), known(summary.last)))?;
    printer.line(format_args!(
        "  {}",
        counts(summary.kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect())
    ))?;
    let terms = summary.terms.iter().map(|(term, count)| format!("term {term}: {count}")).collect();
    printer.line(format_args!("  {}", counts(terms)))?;
    if let (Some(from), Some(to)) = (&summary.from, &summary.to) {
        printer.line(format_args!("  written from {from} to {to}"))?;
    }
    printer.line(format_args!(
        "  {} bytes of records, {} segments of {} bytes in all, {} sync markers, known committed {}",
        summary.record_bytes, summary.segments, summary.file_bytes, summary.sync_markers, summary.commit_hint
    ))?;
    if summary.torn_bytes > 0 || summary.dead_bytes > 0 {
        let (torn, dead) = (summary.torn_bytes, summary.dead_bytes);
        printer.line(format_args!("  {torn} bytes of an unfinished write, {dead} bytes of replaced entries"))?;
    }
    summary.damage.iter().try_for_each(|one| printer.line(format_args!("  DAMAGE {one}")))
}
