//! `raftctl log state`: the keys and values as they were at an entry, what changed between two, and the history of a key.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use clap_complete::ArgValueCandidates;
use serde::Serialize;

use super::{replay_failure, source};
use crate::api::Item;
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::{Cell, Table, printable};
use crate::cli::progress::Progress;
use crate::cli::values::ItemView;
use crate::cli::{Context, completions};
use crate::inspect::entry::EntryView;
use crate::inspect::log::Source;
use crate::inspect::replay::{Begin, Change, Replay, ReplayError, Step, changes};
use crate::raft::{Index, LogId};
use crate::state_machine::{Applied, Entry, Outcome, StateMachine};

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl log state n1 --at 120
  raftctl log state n1 --at 120 --diff 150
  raftctl log state n1 --key colour
  raftctl log state ./copy-of-data --at 120 --prefix user/ -o json

The log is applied again, from the newest snapshot at or below the entry when there is one. Exits with 3 when --key is
given and the key is not there.")]
pub struct Args {
    /// A node, a data directory, or a node in a bundle, as FILE:NODE
    #[arg(value_name = "NODE|PATH", add = ArgValueCandidates::new(completions::node_names))]
    pub source: OsString,

    /// The entry behind which to look [default: the last]
    #[arg(long, value_name = "INDEX")]
    pub at: Option<u64>,

    /// Show what is different behind this entry
    #[arg(long, value_name = "INDEX")]
    pub diff: Option<u64>,

    /// Only this key, with all that was written to it
    #[arg(long, value_name = "KEY", conflicts_with = "prefix")]
    pub key: Option<OsString>,

    /// Only keys that begin with this
    #[arg(long, value_name = "PREFIX")]
    pub prefix: Option<OsString>,
}

/// `raftctl.log-state/v1`
#[derive(Serialize)]
struct State {
    node: Option<String>,
    path: String,
    at: u64,
    term: u64,
    /// Last entry of the snapshot that it was made from; null when it was made from the log alone.
    snapshot: Option<u64>,
    /// Known to be committed, on this disk alone.
    commit: u64,
    /// In the whole state.
    keys: u64,
    items: Vec<ItemView>,
    /// With --key: what was written to it, as far back as the disk knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<Vec<Written>>,
}

/// One write to a key.
#[derive(Serialize)]
struct Written {
    entry: EntryView,
    /// What it did, in one sentence.
    effect: String,
    /// The key behind it; null when it is not there.
    after: Option<ItemView>,
}

/// `raftctl.log-state-diff/v1`
#[derive(Serialize)]
struct Difference {
    node: Option<String>,
    path: String,
    from: u64,
    to: u64,
    changes: Vec<ChangeView>,
}

#[derive(Serialize)]
struct ChangeView {
    /// `added removed changed`.
    change: &'static str,
    before: Option<ItemView>,
    after: Option<ItemView>,
}

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    let source = source(context, &arguments.source)?;
    let progress = Progress::new(context, format!("applying {}", source.name()), source.length_bytes());
    let advance = |bytes| progress.advance(bytes);
    match arguments.diff {
        Some(to) => difference(context, &arguments, &source, to, &advance),
        None => state(context, &arguments, &source, &advance),
    }
}

fn state(context: &Context, arguments: &Args, source: &Source, progress: &dyn Fn(u64)) -> Result<Exit, Failure> {
    let failed = |error: ReplayError| replay_failure(source, &error);
    let begin = match (&arguments.key, arguments.at) {
        (Some(_), _) => Begin::Early,
        (None, at) => Begin::Near(Index(at.unwrap_or(u64::MAX))),
    };
    let mut replay = Replay::open(source, begin, progress).map_err(failed)?;
    let key = arguments.key.as_deref().map(OsStr::as_bytes);
    let mut history = Vec::new();
    let mut note = |machine: &StateMachine, step: &Step| {
        if let Some(key) = key
            && step.concerns(key, machine)
        {
            history.push(Written::new(source, machine, step, key));
        }
    };
    run_to(&mut replay, arguments.at, &mut note).map_err(failed)?;
    warn_of_uncommitted(context, source, replay.at());
    let machine = replay.machine();
    let items = wanted(arguments, machine.map().entries()).map(view).collect::<Vec<_>>();
    let is_absent = key.is_some() && items.is_empty();
    let state = State {
        node: source.node.clone(),
        path: source.path.display().to_string(),
        at: replay.at().index.0,
        term: replay.at().term.0,
        snapshot: replay.base().map(|base| base.index.0),
        commit: source.newest_commit().0,
        keys: machine.map().len() as u64,
        items,
        history: key.map(|_| history),
    };
    match context.printer.is_table() {
        true => print(context, &state)?,
        false => context.printer.document("raftctl.log-state/v1", &state)?,
    }
    Ok(if is_absent { Exit::Absent } else { Exit::Done })
}

/// To `at`, or to the end.
fn run_to(
    replay: &mut Replay<'_>,
    at: Option<u64>,
    look: &mut dyn FnMut(&StateMachine, &Step),
) -> Result<(), ReplayError> {
    match replay.run_to(Index(at.unwrap_or(u64::MAX)), look) {
        Err(ReplayError::Ends { .. }) if at.is_none() => Ok(()),
        other => other,
    }
}

fn warn_of_uncommitted(context: &Context, source: &Source, at: LogId) {
    let commit = source.newest_commit();
    if at.index > commit {
        let from = commit.next();
        context
            .printer
            .warning(format_args!("entries {from}..{} are not known to be committed, and may be replaced", at.index));
    }
}

fn print(context: &Context, state: &State) -> Result<(), Failure> {
    let printer = &context.printer;
    let from = state.snapshot.map_or_else(String::new, |last| format!(", from the snapshot of entry {last}"));
    let keys = if state.keys == 1 { "1 key".to_owned() } else { format!("{} keys", state.keys) };
    printer.note(format_args!("behind entry {}@{}: {keys}{from}", state.at, state.term));
    let shorten = printer.stdout_is_terminal();
    if let Some(history) = &state.history {
        if let Some(last) = state.snapshot {
            printer.note(format_args!("what was written before entry {} is not known any more", last + 1));
        }
        let mut table = Table::new(&[">INDEX", ">TERM", "TIME", "WHAT IT SAYS", "EFFECT"]);
        for written in history {
            let entry = &written.entry;
            table.row([
                Cell::from(entry.index.to_string()),
                Cell::from(entry.term.to_string()),
                Cell::known(entry.time.clone()),
                Cell::from(shown(&entry.says, shorten)),
                Cell::from(written.effect.clone()),
            ]);
        }
        return printer.table(&table);
    }
    let mut table = Table::new(&["KEY", ">REVISION", ">CREATED", ">VERSION", "VALUE"]);
    for item in &state.items {
        let value = item.value.as_deref().unwrap_or_default();
        table.row([
            Cell::from(printable(item.key.as_bytes(), shorten)),
            Cell::from(item.revision.to_string()),
            Cell::from(item.created.to_string()),
            Cell::from(item.version.to_string()),
            Cell::from(printable(value.as_bytes(), shorten)),
        ]);
    }
    printer.table(&table)
}

fn difference(
    context: &Context,
    arguments: &Args,
    source: &Source,
    to: u64,
    progress: &dyn Fn(u64),
) -> Result<Exit, Failure> {
    let failed = |error: ReplayError| replay_failure(source, &error);
    let last = |replay: &Replay<'_>| replay.at().index.0;
    let earlier = arguments.at.map_or(to, |at| at.min(to));
    let mut replay = Replay::open(source, Begin::Near(Index(earlier)), progress).map_err(failed)?;
    replay.run_to(Index(earlier), &mut |_, _| {}).map_err(failed)?;
    let first = replay.machine().clone();
    let later = arguments.at.map(|at| at.max(to));
    run_to(&mut replay, later, &mut |_, _| {}).map_err(failed)?;
    warn_of_uncommitted(context, source, replay.at());
    let at = arguments.at.unwrap_or(last(&replay));
    let (from, then) = if at <= to { (&first, replay.machine()) } else { (replay.machine(), &first) };
    let is_wanted = |change: &Change| {
        let (Change::Added(entry) | Change::Removed(entry) | Change::Changed { to: entry, .. }) = change;
        is_wanted(arguments, entry.key())
    };
    let found = changes(from, then).filter(is_wanted);
    if context.printer.is_table() {
        context.printer.note(format_args!("what is different behind entry {to}, compared with entry {at}"));
        let shorten = context.printer.stdout_is_terminal();
        for change in found {
            context.printer.line(line(&change, shorten))?;
        }
        return Ok(Exit::Done);
    }
    let changes = found.map(ChangeView::new).collect();
    let (node, path) = (source.node.clone(), source.path.display().to_string());
    context.printer.document("raftctl.log-state-diff/v1", &Difference { node, path, from: at, to, changes })?;
    Ok(Exit::Done)
}

/// `+ colour = green`, `- colour = red`, `~ colour = red → green`
fn line(change: &Change, shorten: bool) -> String {
    let text = |bytes: &[u8]| printable(bytes, shorten);
    match change {
        Change::Added(entry) => format!("+ {} = {}", text(entry.key()), text(entry.value())),
        Change::Removed(entry) => format!("- {} = {}", text(entry.key()), text(entry.value())),
        Change::Changed { from, to } => {
            format!("~ {} = {} → {}", text(from.key()), text(from.value()), text(to.value()))
        }
    }
}

fn wanted<'a>(arguments: &'a Args, entries: impl Iterator<Item = &'a Entry>) -> impl Iterator<Item = &'a Entry> {
    entries.filter(|entry| is_wanted(arguments, entry.key()))
}

fn is_wanted(arguments: &Args, key: &[u8]) -> bool {
    arguments.key.as_deref().is_none_or(|wanted| wanted.as_bytes() == key)
        && arguments.prefix.as_deref().is_none_or(|prefix| key.starts_with(prefix.as_bytes()))
}

/// An entry's text was made without being cut; a person's table is cut here.
fn shown(text: &str, shorten: bool) -> String {
    // What is printable is so already; escaping it again would double its backslashes.
    match shorten && text.chars().count() > crate::cli::output::PREVIEW_CHARACTERS {
        true => text.chars().take(crate::cli::output::PREVIEW_CHARACTERS).chain(['…']).collect(),
        false => text.to_owned(),
    }
}

pub(in crate::cli) fn view(entry: &Entry) -> ItemView {
    let item = Item {
        key: entry.key().to_vec(),
        value: entry.value().to_vec(),
        revision: Index(entry.revision()),
        created: Index(entry.created()),
        version: entry.version(),
    };
    ItemView::of(&item, true, false)
}

impl Written {
    fn new(source: &Source, machine: &StateMachine, step: &Step, key: &[u8]) -> Written {
        let after = machine.map().get(key);
        let entry = step.entry.view(source.node.as_deref(), false);
        let effect = match step.has_vanished(key, machine) {
            true => "vanished: its lease had ended".to_owned(),
            false => effect(step, after),
        };
        Written { effect, after: after.map(view), entry }
    }
}

impl ChangeView {
    fn new(change: Change) -> ChangeView {
        match change {
            Change::Added(entry) => ChangeView { change: "added", before: None, after: Some(view(&entry)) },
            Change::Removed(entry) => ChangeView { change: "removed", before: Some(view(&entry)), after: None },
            Change::Changed { from, to } => {
                ChangeView { change: "changed", before: Some(view(&from)), after: Some(view(&to)) }
            }
        }
    }
}

/// What a write did, in one sentence.
pub(super) fn effect(step: &Step, after: Option<&Entry>) -> String {
    let written = match &step.applied {
        None => return "nothing".to_owned(),
        Some(Applied::Discarded) => return "nothing: its session had given up this write".to_owned(),
        Some(Applied::SessionExpired) => return "nothing: its session had ended".to_owned(),
        Some(Applied::Written(written)) => written,
    };
    if written.revision != step.entry.header.id.index.0 {
        return format!("nothing: it repeats entry {}", written.revision);
    }
    match &written.outcome {
        Outcome::Written | Outcome::Incremented { .. } => match after {
            Some(entry) => format!("version {}: {}", entry.version(), printable(entry.value(), true)),
            None => "written".to_owned(),
        },
        Outcome::Deleted { found: true } => "deleted".to_owned(),
        Outcome::Deleted { found: false } => "nothing: the key was not there".to_owned(),
        Outcome::ConditionFailed { .. } => "nothing: the condition did not hold".to_owned(),
        Outcome::Rejected { .. } => "nothing: it was rejected".to_owned(),
        Outcome::Leased { found: true } => "leased".to_owned(),
        Outcome::Leased { found: false } => "nothing: the key was not there".to_owned(),
        Outcome::Transaction(transaction) => {
            let changed = after.filter(|entry| entry.revision() == written.revision);
            let value =
                changed.map(|entry| format!(": version {}: {}", entry.version(), printable(entry.value(), true)));
            format!("took its {} branch{}", transaction.branch.word(), value.unwrap_or_default())
        }
        Outcome::TransactionRejected(rejection) => {
            format!("nothing: step {} of its {} branch was rejected", rejection.step, rejection.branch.word())
        }
    }
}
