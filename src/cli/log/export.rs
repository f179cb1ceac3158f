//! `raftctl log export`: a log as JSON lines that can be imported again.

use std::ffi::OsString;

use clap_complete::ArgValueCandidates;

use super::{damaged, source, walk_failure};
use crate::cli::arguments::{OutputFormat, Range, range};
use crate::cli::failure::{Exit, Failure};
use crate::cli::progress::Progress;
use crate::cli::{Context, completions};
use crate::codec::record::LINK_ORIGIN;
use crate::inspect::export::{
    END_SCHEMA, ENTRY_SCHEMA, EXPORT_SCHEMA, ExportEnd, ExportHeader, ExportedEntry, hexadecimal,
};
use crate::inspect::log::{Source, StoredEntry};
use crate::raft::{ClusterId, Index, LogId, NodeId};
use crate::storage::reader::{Damage, Item};
use crate::storage::segment::SegmentHeader;

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl log export n1 > n1.jsonl
  raftctl log export n1 --index 100..200 | jq -r .says
  raftctl log export n1 | raftctl log import - --out ./copy

Always JSON lines: a header, a line for each entry with its payload as base64 and its checksum, and a last line that
says how many they were. `log import` makes the same records from it, byte for byte. Snapshots are not part of it.
Ends at the first damage, and then exits with 7.")]
pub struct Args {
    /// A node, a data directory or a segment file
    #[arg(value_name = "NODE|PATH", add = ArgValueCandidates::new(completions::node_names))]
    pub source: OsString,

    /// Only these indexes, both ends included: A..B, A.., ..B or A
    #[arg(long, value_name = "RANGE", value_parser = range)]
    pub index: Option<Range>,
}

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    if context.printer.format() == OutputFormat::Yaml {
        return Err(Failure::new("E0101", "an export is JSON lines").fix("leave out -o yaml"));
    }
    let source = source(context, &arguments.source)?;
    let wanted = arguments.index.unwrap_or(Range::ALL);
    let progress = Progress::new(context, format!("exporting {}", source.name()), source.length_bytes());
    let mut export = Export::new(context, &source);
    let mut damage = None;
    let walk = source.walk().map_err(|error| walk_failure(&source, &error))?;
    for item in walk.starting_at(Index(wanted.first)) {
        match item {
            Item::Segment(segment) => export.segment(&segment.header),
            Item::Record { header, .. } if header.id.index.0 > wanted.last => break,
            Item::Record { file, offset, header, payload } => {
                progress.advance(header.total_bytes() as u64);
                if wanted.contains(header.id.index.0) {
                    export.entry(&StoredEntry { file, offset, header, payload })?;
                }
                export.before = (header.id, header.check);
            }
            Item::Damage(found) => {
                damage = Some(found);
                break;
            }
            Item::Marker { .. } | Item::TornTail { .. } | Item::Dead { .. } => {}
        }
    }
    drop(progress);
    export.end(damage.is_none())?;
    match damage {
        None => Ok(Exit::Done),
        Some(found) => Err(ended_early(&source, found)?),
    }
}

/// A running node's half-written entry looks like damage at first.
fn ended_early(source: &Source, found: Damage) -> Result<Failure, Failure> {
    let confirmed = source.confirm(vec![found]).map_err(|error| walk_failure(source, &error))?;
    Ok(confirmed.first().map_or_else(
        || {
            Failure::new("E0107", format!("the log of {} changed while it was read", source.name()))
                .fix("export it again, up to an earlier entry")
        },
        damaged,
    ))
}

struct Export<'a> {
    context: &'a Context,
    source: &'a Source,
    owner: (ClusterId, NodeId),
    /// The entry that was met last, and its check.
    before: (LogId, u32),
    has_begun: bool,
    entries: u64,
}

impl<'a> Export<'a> {
    fn new(context: &'a Context, source: &'a Source) -> Export<'a> {
        let (owner, before) = ((ClusterId(0), NodeId(0)), (LogId::ZERO, LINK_ORIGIN));
        Export { context, source, owner, before, has_begun: false, entries: 0 }
    }

    fn segment(&mut self, header: &SegmentHeader) {
        self.owner = (header.cluster_id, header.node);
        self.before = (LogId { index: header.first.prev(), term: header.term_before }, header.link);
    }

    fn begin(&mut self) -> Result<(), Failure> {
        self.has_begun = true;
        let (before, check) = self.before;
        let header = ExportHeader {
            cluster_id: self.owner.0.to_string(),
            node_id: self.owner.1.0.to_string(),
            before_index: before.index.0,
            before_term: before.term.0,
            before_check: hexadecimal(check),
            commit: self.source.newest_commit().0,
        };
        self.context.printer.item(EXPORT_SCHEMA, &header)
    }

    fn entry(&mut self, entry: &StoredEntry) -> Result<(), Failure> {
        if !self.has_begun {
            self.begin()?;
        }
        self.entries += 1;
        self.context.printer.item(ENTRY_SCHEMA, &ExportedEntry::new(entry))
    }

    fn end(&mut self, complete: bool) -> Result<(), Failure> {
        if !self.has_begun {
            self.begin()?;
        }
        self.context.printer.item(END_SCHEMA, &ExportEnd { entries: self.entries, complete })
    }
}
