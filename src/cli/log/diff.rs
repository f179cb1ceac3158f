//! `raftctl log diff`: whether logs hold the same entries.

use std::ffi::OsString;

use clap_complete::ArgValueCandidates;

use super::{damage_failure, sources, walk_failure};
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::{Cell, Table};
use crate::cli::{Context, completions};
use crate::inspect::diff::{Diff, DiffError, Difference, Verdict, diff};

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl log diff n1 n2 n3
  raftctl log diff n1 ./copy-of-data

A shorter log is no difference. Exits with 0 when the logs agree, 5 when tails differ above what is committed,
7 when committed entries differ.")]
pub struct Args {
    /// Nodes or data directories, two or more
    #[arg(value_name = "NODE|PATH", required = true, num_args = 2.., add = ArgValueCandidates::new(completions::node_names))]
    pub sources: Vec<OsString>,
}

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    let sources = sources(context, &arguments.sources)?;
    let (diff, damage) = diff(&sources).map_err(|error| match &error {
        DiffError::Walk(walk) => walk_failure(&sources[0], walk),
        DiffError::Clusters { .. } => Failure::new("E0405", error.to_string()).fix("compare nodes of one cluster"),
    })?;
    match context.printer.is_table() {
        true => print(context, &diff)?,
        false => context.printer.document("raftctl.log-diff/v1", &diff)?,
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

fn is_worst(difference: &Difference, diff: &Diff) -> bool {
    diff.verdict == Verdict::TailsDiffer || difference.verdict() == Verdict::CommittedDiffer
}

fn print(context: &Context, diff: &Diff) -> Result<(), Failure> {
    let mut table = Table::new(&["LOG", ">FIRST", ">LAST", ">TERM", ">COMMIT"]);
    for log in &diff.logs {
        table.row([
            Cell::from(log.node.clone().unwrap_or_else(|| log.path.clone())),
            Cell::known(log.first),
            Cell::known(log.last),
            Cell::known(log.last_term),
            Cell::from(log.commit.to_string()),
        ]);
    }
    context.printer.table(&table)?;
    match (diff.differences.is_empty(), diff.agree_until) {
        (true, Some(until)) => {
            context.printer.line(format_args!("identical up to {until}, the last entry two of them hold"))?
        }
        (true, None) => context.printer.line("no entry is in two of them")?,
        (false, _) => {}
    }
    for difference in &diff.differences {
        context.printer.line(sentence(difference))?;
    }
    Ok(())
}

fn sentence(difference: &Difference) -> String {
    let [one, other] = &difference.between;
    let [term, other_term] = difference.terms;
    let weight =
        if difference.committed { "both know it to be committed" } else { "not known to be committed by both" };
    let index = difference.index;
    format!("{one} has {index}@{term}, {other} has {index}@{other_term}: {weight}")
}
