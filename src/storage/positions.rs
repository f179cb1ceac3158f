//! Where entries lie, shared between the one writer and any number of readers; and reading them back.
//!
//! The map holds one place per 64 KiB of log, so that it stays small (16 bytes for some 200 entries); a reader steps
//! from there. It names only what is durable and counts. A truncation cuts the map; a reader that looked just before
//! still reads the old bytes, which are never overwritten, so the caller checks terms before it uses what it got.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use bytes::{Bytes, BytesMut};

use super::disk::Disk;
use super::reader::{Damage, DamageKind};
use super::scanner::{Expected, Piece, Scanner};
use super::wal::Tip;
use crate::raft::{Index, StorageId, Term};

/// Log bytes between two places that are remembered.
const STRIDE_BYTES: u64 = 64 * 1024;

/// Bytes fetched at once; small, since catching up reads about a message's worth at a time.
const READ_CHUNK_BYTES: usize = 256 * 1024;

/// Why entries could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("entries {first} to {last} were asked for, but the log holds {have_first} to {have_last}")]
    OutOfRange { first: Index, last: Index, have_first: Index, have_last: Index },
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("damaged: {0}")]
    Damaged(Damage),
}

/// Reads entries back from the log files, from any thread, while writing goes on.
#[derive(Clone, Debug)]
pub struct LogReader {
    disk: Arc<dyn Disk>,
    storage: StorageId,
    positions: Arc<Positions>,
}

/// The map, behind a lock that is held only to look up or to change it, never while a file is touched.
#[derive(Debug, Default)]
pub(super) struct Positions(RwLock<Vec<Mapped>>);

/// One segment's part of the map.
#[derive(Debug)]
struct Mapped {
    path: Arc<Path>,
    sequence: u64,
    first: Index,
    /// The entry before `first`, which the log may begin behind.
    before: Tip,
    /// Last entry that is durable and counts; the one before `first` when there is none.
    last: Index,
    /// Entries and their offsets, rising; the first is the segment's first entry.
    places: Vec<(Index, u64)>,
}

/// Where reading begins.
struct Start {
    path: Arc<Path>,
    sequence: u64,
    index: Index,
    offset: u64,
    /// Last entry of that segment.
    last: Index,
}

impl LogReader {
    pub(super) fn new(disk: Arc<dyn Disk>, storage: StorageId, positions: Arc<Positions>) -> LogReader {
        LogReader { disk, storage, positions }
    }

    /// Consecutive whole records from `first` on: at least one, at most up to `last`, no more than fit `max_bytes`
    /// (but one in any case); may stop early where a segment ends. Checksums are proved; the caller checks terms.
    ///
    /// # Errors
    /// `OutOfRange` when not all that is asked for is durable and counts; `Damaged` and `Io` are the disk's fault.
    pub fn read(&self, first: Index, last: Index, max_bytes: usize) -> Result<Bytes, ReadError> {
        let start = self.positions.find(first, last)?;
        let path = start.path.clone();
        match self.read_from(&start, first, last.min(start.last), max_bytes) {
            Ok(records) => Ok(records),
            Err(Failure::Damaged(damage)) => Err(ReadError::Damaged(damage)),
            Err(Failure::Io(source)) => {
                if source.kind() == io::ErrorKind::NotFound {
                    // The segment may have been removed since it was looked up; then the map says so.
                    self.positions.find(first, last)?;
                }
                Err(ReadError::Io { path: path.to_path_buf(), source })
            }
        }
    }

    /// The first and the last index that can be read; the last is the one before the first when there are none.
    pub fn range(&self) -> (Index, Index) {
        self.positions.range()
    }

    fn read_from(&self, start: &Start, first: Index, last: Index, max_bytes: usize) -> Result<Bytes, Failure> {
        let file = self.disk.open(&start.path)?;
        let expected = Expected { next: start.index, link: None, term: Term(0) };
        let chunk_bytes = READ_CHUNK_BYTES;
        let mut scanner = Scanner::from_middle(file, self.storage, start.sequence, start.offset, expected, chunk_bytes);
        let mut records = BytesMut::new();
        while scanner.expected.next <= last {
            match scanner.step()? {
                Piece::Record { header, .. } if header.id.index < first => {}
                Piece::Record { record, .. } => {
                    if !records.is_empty() && records.len() + record.len() > max_bytes {
                        break;
                    }
                    records.extend_from_slice(&record);
                }
                Piece::Marker(_) => {}
                Piece::Nothing { offset } => {
                    let explanation = format!("entry {} is not there any more", scanner.expected.next);
                    return Err(Failure::Damaged(Damage::new(&start.path, offset, DamageKind::Missing, explanation)));
                }
                Piece::Bad { offset, kind, explanation } => {
                    return Err(Failure::Damaged(Damage::new(&start.path, offset, kind, explanation)));
                }
            }
        }
        assert!(!records.is_empty(), "a range that is in the map holds at least one record");
        Ok(records.freeze())
    }
}

enum Failure {
    Io(io::Error),
    Damaged(Damage),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Io(error)
    }
}

impl Positions {
    /// Adds an empty segment behind the others, which replaces everything from its first entry on.
    pub(super) fn open_segment(&self, path: Arc<Path>, sequence: u64, before: Tip) {
        let first = before.id.index.next();
        let mut map = self.0.write().expect("no holder of the lock panics");
        map.retain(|segment| segment.first < first);
        for segment in map.iter_mut() {
            segment.last = segment.last.min(first.prev());
            segment.places.retain(|(index, _)| *index < first);
        }
        map.push(Mapped { path, sequence, first, before, last: first.prev(), places: Vec::new() });
    }

    /// Forgets everything; a segment opened next begins the log.
    pub(super) fn clear(&self) {
        self.0.write().expect("no holder of the lock panics").clear();
    }

    /// Forgets the segments of which no entry is behind `index`, but never the newest; gives the sequence number of the
    /// oldest that is left.
    pub(super) fn compact(&self, index: Index) -> u64 {
        let mut map = self.0.write().expect("no holder of the lock panics");
        let behind = map.len().saturating_sub(1);
        let count = map.iter().take(behind).take_while(|segment| segment.last <= index).count();
        map.drain(..count);
        map.first().expect("a log has a segment").sequence
    }

    /// Makes what was written to the newest segment readable: its last entry, and places in it.
    pub(super) fn publish(&self, last: Index, places: &mut Vec<(Index, u64)>) {
        let mut map = self.0.write().expect("no holder of the lock panics");
        let newest = map.last_mut().expect("a segment is opened before it is written");
        newest.last = last;
        newest.places.append(places);
    }

    /// The entry that the log begins behind.
    pub(super) fn origin(&self) -> Tip {
        self.0.read().expect("no holder of the lock panics").first().map_or(Tip::ORIGIN, |segment| segment.before)
    }

    pub(super) fn range(&self) -> (Index, Index) {
        let map = self.0.read().expect("no holder of the lock panics");
        match (map.first(), map.last()) {
            (Some(first), Some(last)) => (first.first, last.last),
            _ => (Index(1), Index(0)),
        }
    }

    fn find(&self, first: Index, last: Index) -> Result<Start, ReadError> {
        let (have_first, have_last) = self.range();
        let out_of_range = ReadError::OutOfRange { first, last, have_first, have_last };
        if first > last || first < have_first {
            return Err(out_of_range);
        }
        let map = self.0.read().expect("no holder of the lock panics");
        let behind = map.partition_point(|segment| segment.first <= first);
        let Some(segment) = behind.checked_sub(1).map(|at| &map[at]) else { return Err(out_of_range) };
        let have_last = map.last().map_or(have_last, |segment| segment.last);
        if last > have_last || first > segment.last {
            return Err(out_of_range);
        }
        let behind = segment.places.partition_point(|(index, _)| *index <= first);
        let (index, offset) = segment.places[behind.checked_sub(1).expect("the first entry of a segment has a place")];
        Ok(Start { path: segment.path.clone(), sequence: segment.sequence, index, offset, last: segment.last })
    }
}

/// Chooses which entries of a segment get a place in the map.
#[derive(Debug, Default)]
pub(super) struct Strides {
    /// Offset of the newest place; none in a segment without one.
    newest: Option<u64>,
    /// Chosen and not yet published.
    pub(super) chosen: Vec<(Index, u64)>,
}

impl Strides {
    pub(super) fn note(&mut self, index: Index, offset: u64) {
        if self.newest.is_none_or(|newest| offset >= newest + STRIDE_BYTES) {
            self.newest = Some(offset);
            self.chosen.push((index, offset));
        }
    }
}
