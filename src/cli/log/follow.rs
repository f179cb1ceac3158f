//! `raftctl log show -f`: entries as they reach the disk.
//!
//! Looks at the newest segments a few times a second, and again only when a file has changed. A truncated tail is a
//! line of its own; a write under way is not shown before it is whole.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::show::Show;
use super::walk_failure;
use crate::cli::failure::Failure;
use crate::inspect::log::Source;
use crate::raft::{Index, LogId};
use crate::storage::layout::{log_dir, parse_segment_name};
use crate::storage::reader::{self, Item};
use crate::storage::segment::Cause;

/// Time between two looks at the files.
const POLL: Duration = Duration::from_millis(100);

/// A look that took long is followed by a pause so many times as long, so that a big segment costs little.
const PAUSE_FACTOR: u32 = 4;

/// Follows until the reader of stdout goes away or the process is interrupted; returns only with the former.
pub(super) fn run(show: &Show<'_>, source: &Source, last: Option<LogId>) -> Result<(), Failure> {
    let mut follower = Follower { show, source, last, sequence: 0, seen: None };
    loop {
        show.context.printer.flush()?;
        let began = Instant::now();
        follower.look()?;
        thread::sleep(POLL.max(began.elapsed() * PAUSE_FACTOR));
    }
}

struct Follower<'a> {
    show: &'a Show<'a>,
    source: &'a Source,
    /// Last entry that was met.
    last: Option<LogId>,
    /// Sequence number of the segment it was met in.
    sequence: u64,
    /// Newest segment and its time of change, at the last look.
    seen: Option<(PathBuf, SystemTime)>,
}

impl Follower<'_> {
    fn look(&mut self) -> Result<(), Failure> {
        let segments = self.segments();
        let Some((_, newest)) = segments.last() else { return Ok(()) };
        let stamp = fs::metadata(newest).and_then(|metadata| metadata.modified()).ok();
        let stamp = stamp.map(|modified| (newest.clone(), modified));
        if stamp.is_none() || stamp == self.seen {
            return Ok(());
        }
        // Noted before reading: what is written while we read changes the stamp again.
        self.seen = stamp;
        let start = self.sequence;
        for (_, path) in segments.iter().filter(|(sequence, _)| *sequence >= start) {
            self.segment(path)?;
        }
        Ok(())
    }

    fn segment(&mut self, path: &Path) -> Result<(), Failure> {
        for item in reader::walk(path).map_err(|error| walk_failure(self.source, &error))? {
            match item {
                Item::Segment(segment) if segment.header.sequence > self.sequence => {
                    let is_known = self.sequence == 0;
                    self.sequence = segment.header.sequence;
                    if segment.header.cause == Cause::Truncated && !is_known {
                        self.truncated(segment.header.first)?;
                    }
                }
                Item::Record { file, offset, header, payload } => {
                    if self.last.is_some_and(|last| header.id.index <= last.index) {
                        continue;
                    }
                    self.last = Some(header.id);
                    if self.show.filter.wants(&header, &payload) {
                        let file = file.display().to_string();
                        self.show.entry(&self.show.view(self.source, &header, &payload, &file, offset))?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn truncated(&mut self, from: Index) -> Result<(), Failure> {
        let Some(last) = self.last.filter(|last| last.index >= from) else { return Ok(()) };
        let says = format!("truncated {from}..{}, conflict with term {}", last.index, last.term);
        self.last = (from > Index(1)).then(|| LogId { index: from.prev(), term: last.term });
        self.show.note(self.source, "truncated", says)
    }

    /// Sequence numbers and paths of the segments, oldest first.
    fn segments(&self) -> Vec<(u64, PathBuf)> {
        let folder = self.source.data_dir().map(|data| log_dir(&data));
        let entries = folder.and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten().flatten();
        let named = |path: PathBuf| {
            let (sequence, _) = parse_segment_name(path.file_name()?.to_str()?)?;
            Some((sequence, path))
        };
        let mut segments: Vec<(u64, PathBuf)> = entries.filter_map(|entry| named(entry.path())).collect();
        segments.sort();
        segments
    }
}
