//! Where entries lie: which segment holds an index, and a spot at or before it from which to step.
//!
//! Sparse on purpose: one spot for each batch that was written, so that the map of a log of millions of entries stays
//! small, and a read steps over at most one batch before it reaches what it wants.

use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};

use super::disk::{Disk, DiskFile};
use super::journal::ReadError;
use super::reader::Damage;
use super::scanner::{Expected, Piece, Scanner};
use super::segment::SegmentHeader;
use crate::raft::{Index, Term};

/// Bytes fetched at once while entries are read back.
const READ_CHUNK_BYTES: usize = 256 * 1024;

/// A new spot is noted only this many bytes behind the one before.
const SPOT_EVERY_BYTES: u64 = 32 * 1024;

/// One segment and spots in it.
#[derive(Clone, Debug)]
struct Place {
    path: Arc<Path>,
    header: SegmentHeader,
    /// Index and offset of records, both rising; the first entry of the segment is always among them.
    spots: Vec<(Index, u64)>,
}

/// The map of the live log.
#[derive(Debug, Default)]
pub(super) struct Places {
    segments: Vec<Place>,
    last: Index,
}

impl Places {
    /// A segment begins; entries from its first index on are no longer found in earlier ones.
    pub(super) fn begin(&mut self, path: Arc<Path>, header: SegmentHeader) {
        while self.segments.last().is_some_and(|place| place.header.first >= header.first) {
            self.segments.pop();
        }
        if let Some(place) = self.segments.last_mut() {
            place.spots.retain(|(index, _)| *index < header.first);
        }
        self.last = self.last.min(header.first.prev());
        self.segments.push(Place { path, header, spots: Vec::new() });
    }

    /// The entry `index` begins at `offset` of the newest segment.
    pub(super) fn note(&mut self, index: Index, offset: u64) {
        let place = self.segments.last_mut().expect("entries lie in a segment");
        if place.spots.last().is_none_or(|(_, spot)| offset >= spot + SPOT_EVERY_BYTES) {
            place.spots.push((index, offset));
        }
    }

    pub(super) fn extend_to(&mut self, last: Index) {
        self.last = last;
    }

    fn find(&self, index: Index) -> Option<(&Place, (Index, u64))> {
        let after = self.segments.partition_point(|place| place.header.first <= index);
        let place = &self.segments[after.checked_sub(1)?];
        let after = place.spots.partition_point(|(spot, _)| *spot <= index);
        Some((place, *place.spots.get(after.checked_sub(1)?)?))
    }

    fn first(&self) -> Index {
        self.segments.first().map_or(Index(1), |place| place.header.first)
    }

    /// The last index that is found in the same segment as `index`.
    fn end_of_segment(&self, index: Index) -> Index {
        let after = self.segments.partition_point(|place| place.header.first <= index);
        self.segments.get(after).map_or(self.last, |place| place.header.first.prev())
    }
}

/// Reads entries back from the log files, from any thread, while writing goes on.
#[derive(Clone, Debug)]
pub struct LogReader {
    disk: Arc<dyn Disk>,
    places: Arc<Mutex<Places>>,
}

impl LogReader {
    pub(super) fn new(disk: Arc<dyn Disk>, places: Arc<Mutex<Places>>) -> LogReader {
        LogReader { disk, places }
    }

    /// Consecutive whole records from `first` on: at least one, at most up to `last`, no more than fit `max_bytes`
    /// (but one in any case); may stop early where a segment ends. Checksums are proved; the caller checks terms.
    ///
    /// # Errors
    /// The range is not in the log, the disk refused, or what lies there is damaged.
    pub fn read(&self, first: Index, last: Index, max_bytes: usize) -> Result<Bytes, ReadError> {
        let (path, header, spot, end) = self.locate(first, last)?;
        let failed = |source| ReadError::Io { path: path.to_path_buf(), source };
        let file: Arc<dyn DiskFile> = self.disk.open(&path).map_err(failed)?;
        let expected = Expected { next: spot.0, link: None, term: Term(0) };
        let chunk = READ_CHUNK_BYTES.min(max_bytes.max(1));
        let mut scanner = Scanner::from_middle(file, header.storage, header.sequence, spot.1, expected, chunk);
        let mut records = BytesMut::new();
        while scanner.expected.next <= end {
            match scanner.step().map_err(failed)? {
                Piece::Record { header, record, .. } if header.id.index >= first => {
                    if !records.is_empty() && records.len() + record.len() > max_bytes {
                        break;
                    }
                    records.extend_from_slice(&record);
                }
                Piece::Record { .. } | Piece::Marker(_) => {}
                Piece::Bad { offset, kind, explanation } => {
                    return Err(ReadError::Damaged(Damage::new(&path, offset, kind, explanation)));
                }
                Piece::Nothing { offset } => {
                    let explanation = format!("entry {} should be here", scanner.expected.next);
                    let kind = super::reader::DamageKind::Missing;
                    return Err(ReadError::Damaged(Damage::new(&path, offset, kind, explanation)));
                }
            }
        }
        Ok(records.freeze())
    }

    fn locate(&self, first: Index, last: Index) -> Result<(Arc<Path>, SegmentHeader, (Index, u64), Index), ReadError> {
        let places = self.places.lock().expect("nothing panics while it holds the map");
        let outside = ReadError::OutOfRange { first, last, have_first: places.first(), have_last: places.last };
        if first > last || last > places.last {
            return Err(outside);
        }
        let Some((place, spot)) = places.find(first) else { return Err(outside) };
        Ok((Arc::clone(&place.path), place.header, spot, last.min(places.end_of_segment(first))))
    }
}
