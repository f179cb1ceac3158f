//! The entries of one log on stdout: forwards, newest first, or only the last ones; as a table, as JSON lines or as
//! comma-separated values.
//!
//! Memory stays bounded however long the log is: forwards nothing is kept, backwards only the places of entries in one
//! segment, up to a bound. Segments that hold nothing of what is wanted are not read where the index alone tells.

use serde::Serialize;

use super::walk_failure;
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::cli::progress::Progress;
use crate::codec::RecordHeader;
use crate::inspect::entry::EntryView;
use crate::inspect::filter::Filter;
use crate::inspect::log::{Source, StoredEntry, read_entry, watch};
use crate::raft::{Index, LogId};
use crate::storage::reader::{Damage, Item};

/// Places of entries that one pass over a segment keeps; a segment with more of them that are wanted newest first takes
/// several passes.
const PLACES_MAX: usize = 500_000;

const CSV_HEADING: &str = "node,index,term,time,kind,says,op,key,value,base64,session,serial,payload_bytes,file,offset";

/// How entries are printed, and which.
pub(super) struct Show<'a> {
    pub(super) context: &'a Context,
    pub(super) source: &'a Source,
    pub(super) filter: Filter,
    progress: &'a Progress,
    csv: bool,
    shorten: bool,
}

/// What was met while printing.
#[derive(Default)]
pub(super) struct Found {
    /// Entries that were printed.
    pub(super) shown: u64,
    pub(super) damage: Vec<Damage>,
    /// Last entry of the log, wanted or not, and the sequence number of the newest segment.
    pub(super) last: Option<LogId>,
    pub(super) sequence: u64,
    /// First entry of the oldest segment, when reading began.
    pub(super) oldest: Option<Index>,
}

/// `raftctl.log-note/v1`: what is on the disk and is no entry.
#[derive(Serialize)]
struct LogNote<'a> {
    node: Option<&'a str>,
    /// `truncated compacted installed`.
    note: &'static str,
    says: String,
}

/// Entries of one segment, or of all from `first` on.
#[derive(Clone, Copy)]
struct Span {
    first: Index,
    last: Option<Index>,
    /// To the end, though nothing more can be wanted: somebody goes on from there.
    whole: bool,
}

/// Takes the number of an entry, from 0, and the entry; says whether to go on.
type Each<'a> = dyn FnMut(u64, StoredEntry) -> Result<bool, Failure> + 'a;

impl<'a> Show<'a> {
    pub(super) fn new(
        context: &'a Context,
        filter: Filter,
        csv: bool,
        source: &'a Source,
        progress: &'a Progress,
    ) -> Show<'a> {
        let shorten = context.printer.is_table() && context.printer.stdout_is_terminal() && !csv;
        Show { context, source, filter, progress, csv, shorten }
    }

    pub(super) fn is_table(&self) -> bool {
        self.context.printer.is_table() && !self.csv
    }

    pub(super) fn heading(&self) -> Result<(), Failure> {
        match (self.csv, self.is_table()) {
            (true, _) => self.context.printer.line(CSV_HEADING),
            (false, true) => self.context.printer.line(row("INDEX", "TERM", "TIME", "KIND", "WHAT IT SAYS")),
            (false, false) => Ok(()),
        }
    }

    /// The first `limit` of those that are wanted.
    pub(super) fn forward(&self, limit: u64, whole: bool) -> Result<Found, Failure> {
        let span = Span { first: self.filter.first(), last: None, whole };
        let mut found = Found::default();
        if limit == 0 {
            return Ok(found);
        }
        let shown = self.pass(span, &mut found, &mut |number, entry| {
            self.entry(&entry)?;
            Ok(number + 1 < limit)
        })?;
        found.shown = shown;
        Ok(found)
    }

    /// The last `count` of those that are wanted, in order.
    pub(super) fn tail(&self, count: u64, whole: bool) -> Result<Found, Failure> {
        let mut found = Found::default();
        let mut have = 0;
        let mut first = Index(u64::MAX);
        for segment in self.segments()? {
            if have >= count {
                break;
            }
            first = segment.first;
            have += self.pass(segment, &mut found, &mut |_, _| Ok(true))?;
        }
        let skipped = have.saturating_sub(count);
        let span = Span { first, last: None, whole };
        found.damage.clear();
        let met = self.pass(span, &mut found, &mut |number, entry| match number >= skipped {
            true => self.entry(&entry).map(|()| true),
            false => Ok(true),
        })?;
        found.shown = met - skipped.min(met);
        Ok(found)
    }

    /// The last `limit` of those that are wanted, the newest first.
    pub(super) fn newest_first(&self, limit: u64) -> Result<Found, Failure> {
        let mut found = Found::default();
        for segment in self.segments()? {
            let mut end = u64::MAX;
            while found.shown < limit && end > 0 {
                end = self.segment_backwards(segment, end, limit, &mut found)?;
            }
            if found.shown >= limit {
                break;
            }
        }
        Ok(found)
    }

    /// Prints the entries before number `end` of a segment, newest first, as many as can be kept in mind; gives the
    /// number of the first one printed.
    fn segment_backwards(&self, segment: Span, end: u64, limit: u64, found: &mut Found) -> Result<u64, Failure> {
        let keep = usize::try_from(limit - found.shown).unwrap_or(PLACES_MAX).min(PLACES_MAX);
        let mut places = std::collections::VecDeque::new();
        let mut file = None;
        let mut met = 0;
        self.pass(segment, found, &mut |number, entry| {
            if number >= end {
                return Ok(false);
            }
            met = number + 1;
            if places.len() == keep {
                places.pop_front();
            }
            places.push_back(entry.offset);
            file.get_or_insert(entry.file);
            Ok(true)
        })?;
        let Some(path) = file else { return Ok(0) };
        let unreadable =
            |error: std::io::Error| Failure::new("E0107", format!("{} cannot be read", path.display())).because(&error);
        let opened = self.source.disk().open(&path).map_err(unreadable)?;
        for offset in places.iter().rev() {
            self.entry(&read_entry(opened.as_ref(), &path, *offset, segment.first).map_err(unreadable)?)?;
        }
        found.shown += places.len() as u64;
        Ok(met - places.len() as u64)
    }

    /// The segments that may hold what is wanted, the newest first.
    fn segments(&self) -> Result<Vec<Span>, Failure> {
        let walk = self.source.walk().map_err(|error| walk_failure(self.source, &error))?;
        let walk = walk.starting_at(self.filter.first());
        let live = walk.segments().filter(|one| one.until.is_none_or(|until| until >= one.header.first));
        let mut spans: Vec<Span> =
            live.map(|one| Span { first: one.header.first, last: one.until, whole: false }).collect();
        let wanted = self.filter.index.map_or(u64::MAX, |(_, last)| last);
        spans.retain(|span| span.first.0 <= wanted);
        spans.reverse();
        Ok(spans)
    }

    /// Calls `each` for every wanted entry of the span, until it says no more. Returns how many there were.
    fn pass(&self, span: Span, found: &mut Found, each: &mut Each<'_>) -> Result<u64, Failure> {
        let mut number = 0;
        let advance = |bytes| self.progress.advance(bytes);
        let walk = self.source.walk().map_err(|error| walk_failure(self.source, &error))?;
        found.oldest = found.oldest.or(walk.segments().next().map(|segment| segment.header.first));
        for item in watch(walk.starting_at(span.first), &advance) {
            match item {
                Item::Record { file, offset, header, payload } => {
                    let is_over = span.last.is_some_and(|last| header.id.index > last);
                    if is_over || !span.whole && self.filter.is_behind(&header) {
                        break;
                    }
                    found.last = Some(header.id);
                    if header.id.index >= span.first && self.filter.wants(&header, &payload) {
                        let go_on = each(number, StoredEntry { file, offset, header, payload })?;
                        number += 1;
                        if !go_on {
                            break;
                        }
                    }
                }
                Item::Damage(damage) => {
                    if !found.damage.contains(&damage) {
                        found.damage.push(damage);
                    }
                }
                Item::TornTail { file, offset, length_bytes } => {
                    self.context.printer.detail(format_args!(
                        "{} at byte {offset}: {length_bytes} bytes of the last write, which never completed, or may have been synced and is damaged",
                        file.display()
                    ));
                }
                Item::Segment(segment) => found.sequence = segment.header.sequence,
                Item::Marker { .. } | Item::Dead { .. } => {}
            }
        }
        Ok(number)
    }

    pub(super) fn wants(&self, header: &RecordHeader, payload: &[u8]) -> bool {
        self.filter.wants(header, payload)
    }

    pub(super) fn entry(&self, entry: &StoredEntry) -> Result<(), Failure> {
        let printer = &self.context.printer;
        if printer.stdout_is_terminal() {
            self.progress.clear();
        }
        let view = entry.view(self.source.node.as_deref(), self.shorten);
        if self.csv {
            return printer.line(csv_line(&view));
        }
        if !printer.is_table() {
            return printer.item("raftctl.entry/v1", &view);
        }
        let time = view.time.as_deref().unwrap_or("–");
        printer.line(row(&view.index.to_string(), &view.term.to_string(), time, view.kind, &view.says))
    }

    /// What happened to the log and is no entry; beside comma-separated values it is talk.
    pub(super) fn note(&self, note: &'static str, says: String) -> Result<(), Failure> {
        let printer = &self.context.printer;
        if self.csv {
            printer.note(says);
            return Ok(());
        }
        match printer.is_table() {
            true => printer.line(says),
            false => {
                let note = LogNote { node: self.source.node.as_deref(), note, says };
                printer.item("raftctl.log-note/v1", &note)
            }
        }
    }
}

/// Columns wide enough for most logs; lines are printed as they are read, so no column can wait for its widest cell.
fn row(index: &str, term: &str, time: &str, kind: &str, says: &str) -> String {
    format!("{index:>8}  {term:>5}  {time:<24}  {kind:<7}  {says}")
}

fn csv_line(view: &EntryView) -> String {
    let command = view.command.as_ref();
    let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let text = |text: Option<&String>| csv_cell(text.map_or("", String::as_str));
    [
        text(view.node.as_ref()),
        view.index.to_string(),
        view.term.to_string(),
        view.time.clone().unwrap_or_default(),
        view.kind.to_owned(),
        csv_cell(&view.says),
        command.map_or(if view.transaction.is_some() { "txn" } else { "" }, |command| command.op).to_owned(),
        text(command.map(|command| &command.key)),
        text(command.and_then(|command| command.value.as_ref())),
        command.map(|command| command.base64.to_string()).unwrap_or_default(),
        view.session.clone().unwrap_or_default(),
        number(view.serial),
        view.payload_bytes.to_string(),
        csv_cell(&view.file),
        view.offset.to_string(),
    ]
    .join(",")
}

/// Quoted where it must be (RFC 4180).
fn csv_cell(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_a_line_of_values_is_quoted() {
        for (text, cell) in
            [("green", "green"), ("a,b", "\"a,b\""), ("say \"so\"", "\"say \"\"so\"\"\""), ("\n", "\"\n\"")]
        {
            assert_eq!(csv_cell(text), cell);
        }
    }
}
