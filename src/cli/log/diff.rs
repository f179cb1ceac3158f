//! `raftctl log diff`: whether logs hold the same entries.

use std::ffi::OsString;

use clap_complete::ArgValueCandidates;

use crate::cli::failure::{Exit, Failure};
use crate::inspect::compare::{compare, outline};

use super::source::{damaged, not_a_log, source};
use crate::cli::{Context, completions};

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
    let sources = arguments.sources.iter().map(|argument| source(context, argument)).collect::<Result<Vec<_>, _>>()?;
    let mut outlines = Vec::new();
    for source in &sources {
        outlines.push(outline(&source.path).map_err(|error| not_a_log(&error))?);
    }
    let comparison = compare(&outlines);
    let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
    let printer = &context.printer;
    if printer.is_table() {
        for (name, outline) in names.iter().zip(&outlines) {
            printer.line(format_args!("{name}: up to {}, known committed {}", outline.last(), outline.commit_hint))?;
        }
        printer.line(match comparison.differ_at {
            None => format!("identical up to {}", comparison.agree_up_to),
            Some(index) if comparison.committed_differ => format!("COMMITTED entries differ from {index} on"),
            Some(index) => format!("identical up to {}, tails differ from {index} on", comparison.agree_up_to),
        })?;
    } else {
        printer.document("raftctl.log-diff/v1", &comparison)?;
    }
    let damage: Vec<String> = outlines.into_iter().flat_map(|outline| outline.damaged).collect();
    if !damage.is_empty() {
        return Err(damaged("a log", &damage));
    }
    let lists = names.join(" ");
    match comparison.differ_at {
        None => Ok(Exit::Done),
        Some(index) if comparison.committed_differ => {
            Err(Failure::new("E0402", format!("{lists} hold different committed entries at {index}")))
        }
        Some(index) => Err(Failure::new("E0403", format!("the tails of {lists} differ from {index} on"))),
    }
}
