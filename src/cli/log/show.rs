//! `raftctl log show`: entries as they lie on disk.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use clap::ValueEnum;
use clap_complete::ArgValueCandidates;
use serde::Serialize;

use super::{damage_failure, follow, sources, walk_failure};
use crate::cli::arguments::{Range, instant, range};
use crate::cli::failure::{Exit, Failure};
use crate::cli::{Context, completions};
use crate::codec::{Kind, RecordHeader};
use crate::inspect::entry::{EntryView, Place};
use crate::inspect::filter::Filter;
use crate::inspect::log::Source;
use crate::raft::LogId;
use crate::storage::reader::{Damage, Item};

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl log show n1
  raftctl log show n1 --index 100..200 --kind command
  raftctl log show n1 --key colour --reverse --limit 1
  raftctl log show ./copy-of-data -o json
  raftctl log show n1 --tail 5 -f

A word is a node of the selected cluster; with `/` or `.` in it, it is a path. Nodes may run meanwhile.")]
pub struct Args {
    /// Nodes, data directories or segment files
    #[arg(value_name = "NODE|PATH", required = true, add = ArgValueCandidates::new(completions::node_names))]
    pub sources: Vec<OsString>,

    /// Only these indexes, both ends included: A..B, A.., ..B or A
    #[arg(long, value_name = "RANGE", value_parser = range, help_heading = "Which entries")]
    pub index: Option<Range>,

    /// Only these terms, both ends included: A..B, A.., ..B or A
    #[arg(long, value_name = "RANGE", value_parser = range, help_heading = "Which entries")]
    pub term: Option<Range>,

    /// Only entries of this kind; may be repeated
    #[arg(long, value_name = "KIND", help_heading = "Which entries")]
    pub kind: Vec<EntryKind>,

    /// Only commands on this key
    #[arg(long, value_name = "KEY", conflicts_with = "prefix", help_heading = "Which entries")]
    pub key: Option<OsString>,

    /// Only commands on keys that begin with this
    #[arg(long, value_name = "PREFIX", help_heading = "Which entries")]
    pub prefix: Option<OsString>,

    /// Only writes of the session whose name begins so, as -o json shows it
    #[arg(long, value_name = "SESSION", value_parser = session, help_heading = "Which entries")]
    pub session: Option<String>,

    /// Only entries written at or after this time: RFC 3339, or a span back such as 10m
    #[arg(long, value_name = "TIME", value_parser = instant, help_heading = "Which entries")]
    pub since: Option<jiff::Timestamp>,

    /// Only entries written at or before this time
    #[arg(long, value_name = "TIME", value_parser = instant, help_heading = "Which entries")]
    pub until: Option<jiff::Timestamp>,

    /// Newest first
    #[arg(long, conflicts_with_all = ["tail", "follow"], help_heading = "Which entries")]
    pub reverse: bool,

    /// Stop after so many entries
    #[arg(long, value_name = "N", help_heading = "Which entries")]
    pub limit: Option<u64>,

    /// Only the last so many of the entries that match
    #[arg(long, value_name = "N", conflicts_with = "limit", help_heading = "Which entries")]
    pub tail: Option<u64>,

    /// Then print entries as they are written, until interrupted
    #[arg(short, long, conflicts_with = "limit")]
    pub follow: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EntryKind {
    /// The first entry of a leader's term
    Noop,
    /// A write
    Command,
    /// Who is in the cluster
    Config,
    /// Time passing, and nothing else
    Tick,
}

/// Entries that one pass over a log keeps when they are wanted newest first; a longer answer takes several passes.
const REVERSE_WINDOW: u64 = 50_000;

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    let sources = sources(context, &arguments.sources)?;
    if arguments.follow && sources.len() > 1 {
        return Err(Failure::new("E0101", "-f follows one log at a time").fix("name one node or path"));
    }
    if let Some(source) = sources.iter().find(|source| arguments.follow && source.data_dir().is_none()) {
        return Err(Failure::new("E0101", format!("{} cannot be followed", source.name()))
            .cause("it is not part of a data directory, so nothing will be added to it")
            .fix("leave out -f"));
    }
    let mut damage = Vec::new();
    let show = Show {
        context,
        filter: filter(&arguments),
        shorten: context.printer.is_table() && context.printer.stdout_is_terminal(),
    };
    for source in &sources {
        if context.printer.is_table() && sources.len() > 1 {
            context.printer.line(format_args!("{}:", source.name()))?;
        }
        show.heading()?;
        let found = show.source(source, &arguments)?;
        if arguments.follow {
            follow::run(&show, source, found.last, found.sequence)?;
        }
        damage.extend(source.confirm(found.damage).map_err(|error| walk_failure(source, &error))?);
    }
    damage_failure(context, &damage)
}

fn filter(arguments: &Args) -> Filter {
    let ends = |range: Range| (range.first, range.last);
    let millis = |time: jiff::Timestamp| u64::try_from(time.as_millisecond()).unwrap_or(0);
    Filter {
        index: arguments.index.map(ends),
        term: arguments.term.map(ends),
        kinds: arguments.kind.iter().map(|kind| kind.stored()).collect(),
        key: arguments.key.clone().map(OsString::into_vec),
        prefix: arguments.prefix.clone().map(OsString::into_vec),
        session: arguments.session.clone(),
        since_ms: arguments.since.map(millis),
        until_ms: arguments.until.map(millis),
    }
}

/// The beginning of a session's name: up to 32 hexadecimal digits.
fn session(text: &str) -> Result<String, String> {
    let is_name = !text.is_empty() && text.len() <= 32 && text.chars().all(|digit| digit.is_ascii_hexdigit());
    if is_name { Ok(text.to_ascii_lowercase()) } else { Err("a session has up to 32 hexadecimal digits".to_owned()) }
}

impl EntryKind {
    fn stored(self) -> Kind {
        match self {
            EntryKind::Noop => Kind::Noop,
            EntryKind::Command => Kind::Command,
            EntryKind::Config => Kind::Config,
            EntryKind::Tick => Kind::Tick,
        }
    }
}

/// How entries are printed, and which.
pub(super) struct Show<'a> {
    pub context: &'a Context,
    pub filter: Filter,
    shorten: bool,
}

/// What was met while printing.
#[derive(Default)]
struct Found {
    damage: Vec<Damage>,
    /// Last entry of the log, wanted or not, and the sequence number of the newest segment.
    last: Option<LogId>,
    sequence: u64,
}

/// `raftctl.log-note/v1`: what is on the disk and is no entry.
#[derive(Serialize)]
struct LogNote<'a> {
    node: Option<&'a str>,
    /// `torn-tail`, `damage` or `truncated`.
    note: &'static str,
    says: String,
}

impl Show<'_> {
    fn heading(&self) -> Result<(), Failure> {
        match self.context.printer.is_table() {
            true => self.context.printer.line(row("INDEX", "TERM", "TIME", "KIND", "WHAT IT SAYS")),
            false => Ok(()),
        }
    }

    fn source(&self, source: &Source, arguments: &Args) -> Result<Found, Failure> {
        let limit = arguments.limit.unwrap_or(u64::MAX);
        if arguments.reverse {
            return self.reversed(source, limit);
        }
        match arguments.tail {
            Some(count) => {
                let (total, _) = self.pass(source, &mut |_, _| Ok(true))?;
                let skipped = total.saturating_sub(count);
                let (_, found) = self.pass(source, &mut |number, view| match number >= skipped {
                    true => self.entry(&view()).map(|()| true),
                    false => Ok(true),
                })?;
                Ok(found)
            }
            None if limit == 0 => Ok(Found::default()),
            None => {
                let (_, found) = self.pass(source, &mut |number, view| {
                    self.entry(&view())?;
                    Ok(number + 1 < limit)
                })?;
                Ok(found)
            }
        }
    }

    /// Newest first, window by window from the end: memory stays bounded however long the log is.
    fn reversed(&self, source: &Source, limit: u64) -> Result<Found, Failure> {
        let (total, found) = self.pass(source, &mut |_, _| Ok(true))?;
        let stop = total.saturating_sub(limit);
        let mut end = total;
        while end > stop {
            let start = end.saturating_sub(REVERSE_WINDOW).max(stop);
            let mut window = Vec::new();
            self.pass(source, &mut |number, view| {
                if number >= start {
                    window.push(view());
                }
                Ok(number + 1 < end)
            })?;
            for view in window.iter().rev() {
                self.entry(view)?;
            }
            end = start;
        }
        Ok(found)
    }

    /// Calls `each` with the number, from 0, of every wanted entry, until it says no more. Returns how many there were.
    fn pass(&self, source: &Source, each: &mut Each<'_>) -> Result<(u64, Found), Failure> {
        let mut found = Found::default();
        let mut number = 0;
        for item in source.walk().map_err(|error| walk_failure(source, &error))? {
            match item {
                Item::Record { file, offset, header, payload } => {
                    found.last = Some(header.id);
                    if self.filter.wants(&header, &payload) {
                        let file = file.display().to_string();
                        let place = Place { node: source.node.as_deref(), file: &file, offset };
                        let go_on = each(number, &|| EntryView::new(&header, &payload, place, self.shorten))?;
                        number += 1;
                        if !go_on {
                            break;
                        }
                    }
                }
                Item::Damage(damage) => found.damage.push(damage),
                Item::TornTail { file, offset, length_bytes } => {
                    self.context.printer.detail(format_args!(
                        "{} at byte {offset}: {length_bytes} bytes of a write that never completed",
                        file.display()
                    ));
                }
                Item::Segment(segment) => found.sequence = segment.header.sequence,
                Item::Marker { .. } | Item::Dead { .. } => {}
            }
        }
        Ok((number, found))
    }

    pub(super) fn entry(&self, view: &EntryView) -> Result<(), Failure> {
        let printer = &self.context.printer;
        if !printer.is_table() {
            return printer.item("raftctl.entry/v1", view);
        }
        let time = view.time.as_deref().unwrap_or("–");
        printer.line(row(&view.index.to_string(), &view.term.to_string(), time, view.kind, &view.says))
    }

    pub(super) fn note(&self, source: &Source, note: &'static str, says: String) -> Result<(), Failure> {
        match self.context.printer.is_table() {
            true => self.context.printer.line(says),
            false => {
                let note = LogNote { node: source.node.as_deref(), note, says };
                self.context.printer.item("raftctl.log-note/v1", &note)
            }
        }
    }

    pub(super) fn view(
        &self,
        source: &Source,
        header: &RecordHeader,
        payload: &[u8],
        file: &str,
        offset: u64,
    ) -> EntryView {
        EntryView::new(header, payload, Place { node: source.node.as_deref(), file, offset }, self.shorten)
    }
}

/// Takes the number of an entry and what makes its view, and says whether to go on.
type Each<'a> = dyn FnMut(u64, &dyn Fn() -> EntryView) -> Result<bool, Failure> + 'a;

/// Columns wide enough for most logs; lines are printed as they are read, so no column can wait for its widest cell.
fn row(index: &str, term: &str, time: &str, kind: &str, says: &str) -> String {
    format!("{index:>8}  {term:>5}  {time:<24}  {kind:<7}  {says}")
}
