//! `raftctl log diff`: whether logs hold the same entries, what became of their tails, and who could be elected.

use std::ffi::OsString;

use clap_complete::ArgValueCandidates;

use super::{damage_failure, name, sources, walk_failure};
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::{Cell, Table};
use crate::cli::progress::Progress;
use crate::cli::{Context, completions};
use crate::inspect::diff::{Diff, DiffError, Difference, LogEnds, Verdict, diff};
use crate::inspect::log::Source;
use crate::inspect::tails::Tail;

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl log diff n1 n2 n3
  raftctl log diff n1 ./copy-of-data -o json
  raftctl log diff demo.tar

A shorter log is no difference. For entries that no log knows to be committed it says whether they are committed,
possibly committed or certainly not committed, and why; and who could win an election now, with whose votes. Give the
logs of all members: those that are missing may hold anything.

Exits with 0 when the logs agree, 5 when tails differ above what is committed, 7 when committed entries differ.")]
pub struct Args {
    /// Nodes or data directories, two or more; or a bundle, for all nodes in it
    #[arg(value_name = "NODE|PATH", required = true, add = ArgValueCandidates::new(completions::node_names))]
    pub sources: Vec<OsString>,
}

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    let sources = sources(context, &arguments.sources)?;
    if sources.len() < 2 {
        return Err(
            Failure::new("E0101", "one log cannot be compared").fix("name two logs or more, or a bundle of them")
        );
    }
    let progress = Progress::new(context, "comparing", sources.iter().map(Source::length_bytes).sum());
    let (diff, damage) = diff(&sources, &|bytes| progress.advance(bytes)).map_err(|error| refusal(&sources, &error))?;
    drop(progress);
    match context.printer.is_table() {
        true => print(context, &diff)?,
        false => context.printer.document("raftctl.log-diff/v1", &diff)?,
    }
    if sources.iter().any(Source::is_running) {
        context.printer.note("note: nodes run, and may have moved on while their logs were read");
    }
    damage_failure(context, &damage)?;
    let first = diff.differences.iter().find(|difference| is_worst(difference, &diff));
    match (diff.verdict, first) {
        (Verdict::Agree, _) | (_, None) => Ok(Exit::Done),
        (Verdict::TailsDiffer, Some(first)) => Err(Failure::new("E0403", "the logs differ above what is committed")
            .cause(sentence(first))
            .fix("nothing, if the cluster runs: the next leader repairs the tail")),
        (Verdict::CommittedDiffer, Some(first)) => Err(Failure::new("E0402", "committed entries differ")
            .cause(sentence(first))
            .fix("stop the cluster and keep copies of all data directories")),
    }
}

fn refusal(sources: &[Source], error: &DiffError) -> Failure {
    match error {
        DiffError::Walk { name, source } => {
            let its = sources.iter().find(|source| source.name() == *name).unwrap_or(&sources[0]);
            walk_failure(its, source)
        }
        DiffError::Redacted { .. } => Failure::new("E0416", "the logs cannot be compared")
            .because(error)
            .fix("compare redacted logs with each other, or take a bundle without --redact-values"),
        DiffError::Clusters { .. } => Failure::new("E0405", error.to_string()).fix("compare nodes of one cluster"),
    }
}

fn is_worst(difference: &Difference, diff: &Diff) -> bool {
    diff.verdict == Verdict::TailsDiffer || difference.verdict() == Verdict::CommittedDiffer
}

fn print(context: &Context, diff: &Diff) -> Result<(), Failure> {
    let printer = &context.printer;
    let mut table = Table::new(&["LOG", ">FIRST", ">LAST", ">OF TERM", ">COMMIT", ">SNAPSHOT", ">TERM", "STATE"]);
    for log in &diff.logs {
        table.row([
            Cell::from(name(log.node.as_deref(), &log.path)),
            Cell::known(log.first),
            Cell::known(log.last),
            Cell::known(log.last_term),
            Cell::from(log.commit.to_string()),
            Cell::known(log.snapshot),
            Cell::known(log.term),
            Cell::from(state(log)),
        ]);
    }
    printer.table(&table)?;
    match (diff.differences.is_empty(), diff.agree_until) {
        (true, Some(until)) => {
            printer.line(format_args!("identical up to {until}, the last entry two of them hold"))?;
        }
        (true, None) => printer.line("no entry is in two of them")?,
        (false, until) => {
            if let Some(until) = until {
                printer.line(format_args!("identical up to {until}"))?;
            }
        }
    }
    for difference in &diff.differences {
        printer.line(sentence(difference))?;
    }
    for tail in &diff.tails {
        printer.line(verdict(tail))?;
    }
    for election in &diff.elections {
        printer.line(&election.reason)?;
    }
    Ok(())
}

fn state(log: &LogEnds) -> &'static str {
    match (log.damaged, log.recovering) {
        (true, _) => "damaged",
        (false, true) => "recovering",
        (false, false) => "whole",
    }
}

fn sentence(difference: &Difference) -> String {
    let [one, other] = &difference.between;
    let [term, other_term] = difference.terms;
    let weight =
        if difference.committed { "both know it to be committed" } else { "not known to be committed by both" };
    let index = difference.index;
    format!("{one} has {index}@{term}, {other} has {index}@{other_term}: {weight}")
}

/// `41..43 of term 3, on n1: certainly not committed: …`
fn verdict(tail: &Tail) -> String {
    let range = if tail.first == tail.last { tail.first.to_string() } else { format!("{}..{}", tail.first, tail.last) };
    let bold = anstyle::Style::new().bold();
    let holders = tail.held_by.join(" ");
    let (term, fate) = (tail.term, tail.verdict.words());
    format!("{range} of term {term}, on {holders}: {bold}{fate}{bold:#}: {}", tail.reason)
}
