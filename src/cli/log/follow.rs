//! `raftctl log show -f`: entries as they reach the disk.
//!
//! Looks at the newest segments a few times a second, and again only when a file has changed. A truncated tail is a
//! line of its own, and so is a compaction; a write under way is not shown before it is whole.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::listing::{Found, Show};
use super::walk_failure;
use crate::cli::failure::Failure;
use crate::inspect::log::StoredEntry;
use crate::raft::{Index, LogId, Term};
use crate::storage::reader::{self, Item};
use crate::storage::segment::Cause;

/// Time between two looks at the files.
const POLL: Duration = Duration::from_millis(100);

/// A look that took long is followed by a pause so many times as long, so that a big segment costs little.
const PAUSE_FACTOR: u32 = 4;

/// Goes on behind what was `found`, until `limit` entries were shown in all.
///
/// Follows until then, until the reader of stdout goes away, or until the process is interrupted.
pub(super) fn run(show: &Show<'_>, found: &Found, limit: u64) -> Result<(), Failure> {
    let left = limit - found.shown;
    let mut follower = Follower {
        show,
        last: found.last,
        sequence: found.sequence,
        cut: None,
        oldest: found.oldest,
        seen: None,
        left,
    };
    while follower.left > 0 {
        show.context.printer.flush()?;
        let began = Instant::now();
        follower.look()?;
        if follower.left > 0 {
            thread::sleep(POLL.max(began.elapsed() * PAUSE_FACTOR));
        }
    }
    Ok(())
}

struct Follower<'a> {
    show: &'a Show<'a>,
    /// Last entry that was met.
    last: Option<LogId>,
    /// Sequence number of the segment it was met in.
    sequence: u64,
    /// First and last index of entries that were cut and not yet replaced.
    cut: Option<(Index, Index)>,
    /// First entry of the oldest segment, at the last look.
    oldest: Option<Index>,
    /// Newest segment and its time of change, at the last look.
    seen: Option<(PathBuf, SystemTime)>,
    /// Entries that are still to be shown.
    left: u64,
}

impl Follower<'_> {
    fn look(&mut self) -> Result<(), Failure> {
        let segments = self.show.source.segment_names();
        self.compacted(segments.first().map(|segment| segment.first))?;
        let Some(newest) = segments.last() else { return Ok(()) };
        let stamp = fs::metadata(&newest.path).and_then(|metadata| metadata.modified()).ok();
        let stamp = stamp.map(|modified| (newest.path.clone(), modified));
        if stamp.is_none() || stamp == self.seen {
            return Ok(());
        }
        // Noted before reading: what is written while we read changes the stamp again.
        self.seen = stamp;
        let start = self.sequence;
        for segment in segments.iter().filter(|segment| segment.sequence >= start) {
            self.segment(&segment.path)?;
        }
        Ok(())
    }

    /// Old segments are removed when a snapshot has taken their place.
    fn compacted(&mut self, oldest: Option<Index>) -> Result<(), Failure> {
        if let (Some(before), Some(now)) = (self.oldest, oldest)
            && now > before
        {
            self.show.note("compacted", format!("compacted {before}..{}", now.prev()))?;
        }
        self.oldest = oldest.or(self.oldest);
        Ok(())
    }

    fn segment(&mut self, path: &Path) -> Result<(), Failure> {
        for item in reader::walk(path).map_err(|error| walk_failure(self.show.source, &error))? {
            match item {
                Item::Segment(segment) if segment.header.sequence > self.sequence => {
                    self.sequence = segment.header.sequence;
                    match segment.header.cause {
                        Cause::Truncated => self.truncate(segment.header.first),
                        Cause::Reset => self.installed(segment.header.first, segment.header.term_before)?,
                        Cause::Founded | Cause::Rolled => {}
                    }
                }
                Item::Record { file, offset, header, payload } => {
                    if self.left == 0 || self.last.is_some_and(|last| header.id.index <= last.index) {
                        continue;
                    }
                    self.last = Some(header.id);
                    if let Some((from, end)) = self.cut.take() {
                        let says = format!("truncated {from}..{end}, conflict with term {}", header.id.term);
                        self.show.note("truncated", says)?;
                    }
                    if self.show.wants(&header, &payload) {
                        self.show.entry(&StoredEntry { file, offset, header, payload })?;
                        self.left -= 1;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A snapshot was received and has taken the place of the whole log.
    fn installed(&mut self, first: Index, term_before: Term) -> Result<(), Failure> {
        let last = LogId { index: first.prev(), term: term_before };
        (self.last, self.cut, self.oldest) = (Some(last), None, Some(first));
        self.show.note("installed", format!("a snapshot up to {last} was installed; the log goes on with {first}"))
    }

    /// Entries from `from` on are gone. Said when the first entry that replaces them is there, for its term.
    fn truncate(&mut self, from: Index) {
        let Some(last) = self.last.filter(|last| last.index >= from) else { return };
        let (first, end) = self.cut.map_or((from, last.index), |(first, end)| (first.min(from), end.max(last.index)));
        self.cut = Some((first, end));
        self.last = Some(LogId { index: from.prev(), term: last.term });
    }
}
