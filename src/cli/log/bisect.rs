//! `raftctl log bisect`: the entry that first made something true of a key.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;

use clap_complete::ArgValueCandidates;
use serde::Serialize;

use super::state::{effect, view};
use super::{replay_failure, source};
use crate::cli::failure::{Exit, Failure};
use crate::cli::progress::Progress;
use crate::cli::values::ItemView;
use crate::cli::{Context, completions, words};
use crate::inspect::bisect::{Bisection, Condition, Found, bisect};
use crate::inspect::entry::EntryView;
use crate::inspect::log::Source;

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl log bisect n1 --until 'key=colour value=green'
  raftctl log bisect n1 --until 'key=user/7 absent'
  raftctl log bisect ./copy-of-data --until 'key=hits version=100' -o json

A condition names a key and what is to be true of it: value=V, version=N, revision=N, exists or absent; all of it must
hold. Words with blanks are quoted as in a shell. Exits with 5 when it never became true.")]
pub struct Args {
    /// A node or a data directory
    #[arg(value_name = "NODE|PATH", add = ArgValueCandidates::new(completions::node_names))]
    pub source: OsString,

    /// What is to become true, as in 'key=colour value=green'
    #[arg(long, value_name = "CONDITION")]
    pub until: OsString,
}

/// `raftctl.log-bisect/v1`
#[derive(Serialize)]
struct Answer {
    node: Option<String>,
    path: String,
    condition: String,
    /// It held already behind the entry that the search began with; then there is no entry.
    held_before: bool,
    /// The search began behind this entry, and ended with the other.
    from: u64,
    to: u64,
    /// Null when none made it true.
    entry: Option<EntryView>,
    before: Option<ItemView>,
    after: Option<ItemView>,
}

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    let condition = condition(&arguments.until)?;
    let source = source(context, &arguments.source)?;
    let progress = Progress::new(context, format!("applying {}", source.name()), source.length_bytes());
    let answer = bisect(&source, &condition, &|bytes| progress.advance(bytes))
        .map_err(|error| replay_failure(&source, &error))?;
    drop(progress);
    let text = arguments.until.to_string_lossy().into_owned();
    if !context.printer.is_table() {
        context.printer.document("raftctl.log-bisect/v1", &Answer::new(&source, text.clone(), &answer))?;
    }
    if let Some(found) = &answer.found {
        return if context.printer.is_table() { print(context, &source, found) } else { Ok(Exit::Done) };
    }
    if answer.held_before {
        let from = answer.from;
        context.printer.note(format_args!("it was true already behind entry {from}, the earliest that is known"));
        return Ok(Exit::Done);
    }
    Err(Failure::new("E0408", format!("`{text}` was never true")).cause(format!(
        "{} was applied from behind entry {} to entry {}",
        source.name(),
        answer.from,
        answer.to
    )))
}

fn condition(text: &OsString) -> Result<Condition, Failure> {
    let refused = |error: &dyn std::error::Error| {
        Failure::new("E0101", format!("`{}` is no condition", text.to_string_lossy()))
            .cause(error.to_string())
            .fix("write for example 'key=colour value=green'")
    };
    let words = words::split(text.as_bytes()).map_err(|error| refused(&error))?;
    Condition::parse(words.iter().map(|word| word.as_bytes())).map_err(|error| refused(&error))
}

fn print(context: &Context, source: &Source, found: &Found) -> Result<Exit, Failure> {
    let entry = found.step.entry.view(source.node.as_deref(), context.printer.stdout_is_terminal());
    let printer = &context.printer;
    printer.line(format_args!("entry {}@{} made it true: {}", entry.index, entry.term, entry.says))?;
    let before = found.before.as_ref().map_or_else(
        || "the key was not there".to_owned(),
        |old| {
            let value = crate::cli::output::printable(old.value(), true);
            format!("version {}: {value}, since entry {}", old.version(), old.revision())
        },
    );
    printer.line(format_args!("  before  {before}"))?;
    printer.line(format_args!("  after   {}", effect(&found.step, found.after.as_ref())))?;
    printer.line(format_args!("  time    {}", entry.time.as_deref().unwrap_or("–")))?;
    printer.line(format_args!("  place   {} at byte {}", entry.file, entry.offset))?;
    Ok(Exit::Done)
}

impl Answer {
    fn new(source: &Source, condition: String, answer: &Bisection) -> Answer {
        let found = answer.found.as_ref();
        Answer {
            node: source.node.clone(),
            path: source.path.display().to_string(),
            condition,
            held_before: answer.held_before,
            from: answer.from.index.0,
            to: answer.to.index.0,
            entry: found.map(|found| found.step.entry.view(source.node.as_deref(), false)),
            before: found.and_then(|found| found.before.as_ref()).map(view),
            after: found.and_then(|found| found.after.as_ref()).map(view),
        }
    }
}
