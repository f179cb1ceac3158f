//! `raftctl log show`: entries as they lie on disk.

use std::ffi::OsString;
use std::time::Duration;

use clap::ValueEnum;
use clap_complete::ArgValueCandidates;

use crate::cli::arguments::bytes;
use crate::cli::arguments::{Range, instant, range};
use crate::cli::failure::{Exit, Failure};
use crate::codec::{Kind, RecordHeader};
use crate::inspect::entry::{self, EntryView};
use crate::storage::reader::{Item, walk};

use super::source::{Source, damaged, not_a_log, source};
use crate::cli::{Context, completions};

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
    #[arg(short, long)]
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
}

/// How often a followed log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    let mut damage = Vec::new();
    let several = arguments.sources.len() > 1;
    let mut followed = Vec::new();
    for argument in &arguments.sources {
        let source = source(context, argument)?;
        let filter = Filter::of(&arguments)?;
        let mut shown = Shown { name: several.then(|| source.name.clone()), last: 0 };
        let lines = read(&source, &filter, 0, &mut damage, &mut shown)?;
        let lines = cut(lines, &arguments);
        print(context, &shown, &lines)?;
        followed.push((source, filter, shown));
    }
    while arguments.follow {
        context.printer.flush()?;
        std::thread::sleep(LOOK_EVERY);
        for (source, filter, shown) in &mut followed {
            let lines = read(source, filter, shown.last, &mut Vec::new(), shown)?;
            print(context, shown, &lines)?;
        }
    }
    if damage.is_empty() { Ok(Exit::Done) } else { Err(damaged("a log", &damage)) }
}

/// What has been printed of one source.
struct Shown {
    /// Printed before each line when there are several sources.
    name: Option<String>,
    /// Last index that was read.
    last: u64,
}

struct Filter {
    index: Option<Range>,
    term: Option<Range>,
    kinds: Vec<Kind>,
    key: Option<Vec<u8>>,
    prefix: Option<Vec<u8>>,
    since_ms: Option<u64>,
    until_ms: Option<u64>,
}

impl Filter {
    fn of(arguments: &Args) -> Result<Filter, Failure> {
        let millis = |time: jiff::Timestamp| u64::try_from(time.as_millisecond()).unwrap_or(0);
        let kind = |kind: &EntryKind| match kind {
            EntryKind::Noop => Kind::Noop,
            EntryKind::Command => Kind::Command,
            EntryKind::Config => Kind::Config,
        };
        Ok(Filter {
            index: arguments.index,
            term: arguments.term,
            kinds: arguments.kind.iter().map(kind).collect(),
            key: arguments.key.as_deref().map(|key| bytes(key, false)).transpose()?,
            prefix: arguments.prefix.as_deref().map(|prefix| bytes(prefix, false)).transpose()?,
            since_ms: arguments.since.map(millis),
            until_ms: arguments.until.map(millis),
        })
    }

    fn takes(&self, header: &RecordHeader, payload: &[u8]) -> bool {
        self.index.is_none_or(|range| range.contains(header.id.index.0))
            && self.term.is_none_or(|range| range.contains(header.id.term.0))
            && (self.kinds.is_empty() || self.kinds.contains(&header.kind))
            && self.since_ms.is_none_or(|since| header.wall_ms >= since)
            && self.until_ms.is_none_or(|until| header.wall_ms <= until)
            && self.takes_key(header, payload)
    }

    fn takes_key(&self, header: &RecordHeader, payload: &[u8]) -> bool {
        if self.key.is_none() && self.prefix.is_none() {
            return true;
        }
        let Some(key) = entry::key_of(header, payload) else { return false };
        self.key.as_ref().is_none_or(|wanted| *wanted == key)
            && self.prefix.as_ref().is_none_or(|prefix| key.starts_with(prefix))
    }
}

/// One thing that is printed.
enum Line {
    Entry(EntryView),
    Note(String),
}

/// Everything behind `after` that the filter takes, and what is wrong with the log.
fn read(
    source: &Source,
    filter: &Filter,
    after: u64,
    damage: &mut Vec<String>,
    shown: &mut Shown,
) -> Result<Vec<Line>, Failure> {
    let mut lines = Vec::new();
    for item in walk(&source.path).map_err(|error| not_a_log(&error))? {
        match item {
            Item::Record { header, payload, .. } => {
                shown.last = shown.last.max(header.id.index.0);
                if header.id.index.0 > after && filter.takes(&header, &payload) {
                    lines.push(Line::Entry(entry::view(&header, &payload)));
                }
            }
            Item::Damage(found) if after == 0 => {
                lines.push(Line::Note(format!("DAMAGE {found}")));
                damage.push(found.to_string());
            }
            Item::Dead { from, replaced_by, .. } if after == 0 => {
                lines.push(Line::Note(format!("older entries from {from} on were replaced, in segment {replaced_by}")));
            }
            Item::TornTail { length_bytes, .. } if after == 0 => {
                lines.push(Line::Note(format!("{length_bytes} bytes of a write that is not finished")));
            }
            _ => {}
        }
    }
    Ok(lines)
}

fn cut(mut lines: Vec<Line>, arguments: &Args) -> Vec<Line> {
    if arguments.reverse {
        lines.reverse();
    }
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    if let Some(limit) = arguments.limit {
        lines.truncate(count(limit));
    }
    if let Some(tail) = arguments.tail {
        lines = lines.split_off(lines.len().saturating_sub(count(tail)));
    }
    lines
}

fn print(context: &Context, shown: &Shown, lines: &[Line]) -> Result<(), Failure> {
    let printer = &context.printer;
    let prefix = shown.name.as_ref().map(|name| format!("{name}  ")).unwrap_or_default();
    for line in lines {
        match line {
            Line::Entry(view) if printer.is_table() => printer.line(format_args!(
                "{prefix}{:>8}  {:>5}  {}  {:<8} {}",
                view.index, view.term, view.time, view.kind, view.says
            ))?,
            Line::Entry(view) => printer.item("raftctl.log-entry/v1", view)?,
            Line::Note(text) if printer.is_table() => printer.line(format_args!("{prefix}-- {text}"))?,
            Line::Note(text) => printer.note(text),
        }
    }
    Ok(())
}
