//! Steps through one segment, piece by piece, and says what each is; what that means is for `reader` to judge.
//!
//! Promises: a record or a marker that is handed out is whole, stands where it says, and continues what came before
//! it. Memory is one chunk, or one record when that is larger. Never writes.

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::disk::DiskFile;
use super::reader::DamageKind;
use super::segment::{MARKER_BYTES, MARKER_KIND, MARKER_LENGTH, Marker, SEGMENT_HEADER_BYTES, SegmentHeader, u32_at};
use crate::codec::record::{RECORD_HEADER_BYTES, RECORD_VERSION, RecordError, RecordHeader};
use crate::raft::{Index, StorageId, Term};

/// Bytes fetched at once while a whole segment is read.
pub(super) const SCAN_CHUNK_BYTES: usize = 1024 * 1024;

/// What the next record must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) next: Index,
    /// `check` of the entry before; none when reading begins in the middle.
    pub(super) link: Option<u32>,
    /// Term of the entry before; terms never fall.
    pub(super) term: Term,
}

/// One step's find.
#[derive(Debug)]
pub(super) enum Piece {
    Record {
        offset: u64,
        header: RecordHeader,
        /// Header and payload.
        record: Bytes,
    },
    Marker(Marker),
    /// Zeros, or the end of the file.
    Nothing {
        offset: u64,
    },
    /// Neither. The scanner stays where it is.
    Bad {
        offset: u64,
        kind: DamageKind,
        explanation: String,
    },
}

/// A place in one segment.
#[derive(Debug)]
pub(super) struct Scanner {
    file: Arc<dyn DiskFile>,
    storage: StorageId,
    sequence: u64,
    chunk: Bytes,
    chunk_start: u64,
    chunk_bytes: usize,
    position: u64,
    pub(super) expected: Expected,
}

impl Expected {
    /// What a segment's header says must come first.
    pub(super) fn from_header(header: &SegmentHeader) -> Expected {
        Expected { next: header.first, link: Some(header.link), term: header.term_before }
    }
}

impl Scanner {
    /// Starts behind the header.
    pub(super) fn new(file: Arc<dyn DiskFile>, header: &SegmentHeader) -> Scanner {
        let start = SEGMENT_HEADER_BYTES as u64;
        let expected = Expected::from_header(header);
        Scanner::from_middle(file, header.storage, header.sequence, start, expected, SCAN_CHUNK_BYTES)
    }

    /// Starts at `position`, where a record or a marker must begin.
    pub(super) fn from_middle(
        file: Arc<dyn DiskFile>,
        storage: StorageId,
        sequence: u64,
        position: u64,
        expected: Expected,
        chunk_bytes: usize,
    ) -> Scanner {
        Scanner { file, storage, sequence, chunk: Bytes::new(), chunk_start: 0, chunk_bytes, position, expected }
    }

    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// The next piece; moves behind it unless it is bad or nothing.
    pub(super) fn step(&mut self) -> io::Result<Piece> {
        let head = self.window(self.position, RECORD_HEADER_BYTES.max(MARKER_BYTES))?;
        if Marker::is_claimed(&head) {
            return Ok(self.marker(&head));
        }
        if head.iter().take(RECORD_HEADER_BYTES).all(|byte| *byte == 0) {
            return Ok(Piece::Nothing { offset: self.position });
        }
        let record = match RecordHeader::peek(&head, self.expected.next) {
            Ok(header) => self.window(self.position, header.total_bytes())?,
            Err(_) => head,
        };
        Ok(self.record(record))
    }

    /// Looks again at what was bad a moment ago: whether a writer has completed it in the meantime.
    pub(super) fn is_whole_now(&mut self) -> io::Result<bool> {
        self.chunk = Bytes::new();
        let before = (self.position, self.expected);
        let is_whole = matches!(self.step()?, Piece::Record { .. } | Piece::Marker(_));
        (self.position, self.expected) = before;
        Ok(is_whole)
    }

    fn marker(&mut self, head: &[u8]) -> Piece {
        let offset = self.position;
        let Some(marker) = Marker::decode(head, self.storage, self.sequence, offset) else {
            let explanation = "a sync marker is not whole, or not of this place".to_owned();
            return Piece::Bad { offset, kind: DamageKind::Marker, explanation };
        };
        let fits = marker.last.next() == self.expected.next
            && self.expected.link.is_none_or(|link| link == marker.last_check)
            && marker.commit_hint <= marker.last;
        if !fits {
            let explanation = format!(
                "a sync marker for entry {} stands where entry {} should follow",
                marker.last, self.expected.next
            );
            return Piece::Bad { offset, kind: DamageKind::Chain, explanation };
        }
        self.position += MARKER_BYTES as u64;
        Piece::Marker(marker)
    }

    fn record(&mut self, bytes: Bytes) -> Piece {
        let offset = self.position;
        let header = match RecordHeader::read(&bytes, self.expected.next) {
            Ok(header) => header,
            Err(error) => return bad_record(offset, &error, self.expected.next),
        };
        let Expected { next, link, term } = self.expected;
        let wrong = if header.id.index != next {
            Some(format!("entry {} where entry {next} should be", header.id))
        } else if link.is_some_and(|link| link != header.link) {
            Some(format!(
                "entry {} is whole but continues another entry {} than the one before it",
                header.id,
                next.prev()
            ))
        } else if header.id.term < term {
            Some(format!("entry {} follows one of term {term}", header.id))
        } else {
            None
        };
        if let Some(explanation) = wrong {
            return Piece::Bad { offset, kind: DamageKind::Chain, explanation };
        }
        self.expected = Expected { next: next.next(), link: Some(header.check), term: header.id.term };
        self.position += header.total_bytes() as u64;
        Piece::Record { offset, header, record: bytes.slice(..header.total_bytes()) }
    }

    /// The first valid marker behind the current position, if there is one.
    pub(super) fn find_marker(&self) -> io::Result<Option<Marker>> {
        self.search(|bytes, offset| Marker::decode(bytes, self.storage, self.sequence, offset), MARKER_BYTES)
    }

    /// Moves on to the next valid record or marker behind the current position, whatever it continues; false when
    /// there is none.
    pub(super) fn resume(&mut self) -> io::Result<bool> {
        let found = self.search(|bytes, offset| self.recognise(bytes, offset), RECORD_HEADER_BYTES)?;
        let Some((offset, expected)) = found else { return Ok(false) };
        self.position = offset;
        self.expected = expected;
        Ok(true)
    }

    /// What would have to be expected here for the marker or record at the start of `bytes` to fit.
    fn recognise(&self, bytes: &[u8], offset: u64) -> Option<(u64, Expected)> {
        if let Some(marker) = Marker::decode(bytes, self.storage, self.sequence, offset) {
            let expected =
                Expected { next: marker.last.next(), link: Some(marker.last_check), term: self.expected.term };
            return (expected.next >= self.expected.next).then_some((offset, expected));
        }
        let claimed = RecordHeader::peek(bytes, self.expected.next).ok()?;
        let ahead = claimed.id.index.0.checked_sub(self.expected.next.0)?;
        // No more entries can be missing than would fit in between, which keeps garbage from being checksummed at every
        // byte.
        let missing_max = (offset - self.position) / RECORD_HEADER_BYTES as u64;
        if claimed.version != RECORD_VERSION || ahead > missing_max || claimed.id.term < self.expected.term {
            return None;
        }
        let mut whole = vec![0; claimed.total_bytes()];
        let length = self.file.read_at(&mut whole, offset).ok()?;
        let header = RecordHeader::read(&whole[..length], self.expected.next).ok()?;
        let expected = Expected { next: header.id.index, link: Some(header.link), term: header.id.term };
        Some((offset, expected))
    }

    /// Tries `probe` at every byte behind the current position, with at least `width` bytes to look at except near the
    /// end of the file.
    fn search<T>(&self, probe: impl Fn(&[u8], u64) -> Option<T>, width: usize) -> io::Result<Option<T>> {
        let mut start = self.position + 1;
        let most = SCAN_CHUNK_BYTES + MARKER_BYTES;
        let mut buffer = vec![0; bounded_by(self.file.as_ref(), start, most)?];
        loop {
            let length = self.file.read_at(&mut buffer, start)?;
            let is_last = length < most;
            let probed = if is_last { length } else { SCAN_CHUNK_BYTES };
            let bytes = &buffer[..length];
            for at in candidates(bytes, probed, width) {
                if let Some(found) = probe(&bytes[at..], start + at as u64) {
                    return Ok(Some(found));
                }
            }
            if is_last {
                return Ok(None);
            }
            start += SCAN_CHUNK_BYTES as u64;
        }
    }

    /// `need` bytes from `start` on; fewer at the end of the file.
    fn window(&mut self, start: u64, need: usize) -> io::Result<Bytes> {
        let inside = start.checked_sub(self.chunk_start).and_then(|skip| usize::try_from(skip).ok());
        if let Some(skip) = inside
            && skip + need <= self.chunk.len()
        {
            return Ok(self.chunk.slice(skip..skip + need));
        }
        let mut bytes = vec![0; bounded_by(self.file.as_ref(), start, need.max(self.chunk_bytes))?];
        let length = self.file.read_at(&mut bytes, start)?;
        bytes.truncate(length);
        self.chunk = Bytes::from(bytes);
        self.chunk_start = start;
        Ok(self.chunk.slice(..need.min(length)))
    }
}

/// How many bytes from `offset` on lead up to the last one that is not zero; zero when all are.
pub(super) fn used_bytes(file: &dyn DiskFile, offset: u64) -> io::Result<u64> {
    let mut used = 0;
    let mut start = offset;
    let mut buffer = vec![0; bounded_by(file, start, SCAN_CHUNK_BYTES)?];
    loop {
        let length = file.read_at(&mut buffer, start)?;
        if let Some(last) = buffer[..length].iter().rposition(|byte| *byte != 0) {
            used = start + last as u64 + 1 - offset;
        }
        if length < SCAN_CHUNK_BYTES {
            return Ok(used);
        }
        start += length as u64;
    }
}

/// How much of `most` bytes a file can have from `start` on: a small one needs no large buffer.
fn bounded_by(file: &dyn DiskFile, start: u64, most: usize) -> io::Result<usize> {
    let left = file.length_bytes()?.saturating_sub(start);
    Ok(usize::try_from(left).unwrap_or(usize::MAX).min(most))
}

/// Places that may begin a marker or a record: the byte at 12 is a marker's kind, or the one at 11 has a record's version.
fn candidates(bytes: &[u8], probed: usize, width: usize) -> impl Iterator<Item = usize> {
    let end = probed.min((bytes.len() + 1).saturating_sub(width));
    (0..end).filter(move |at| {
        let is_marker = bytes[at + 12] == MARKER_KIND && u32_at(bytes, at + 8) == MARKER_LENGTH;
        is_marker || RecordHeader::claims_version(bytes[at + 11])
    })
}

fn bad_record(offset: u64, error: &RecordError, next: Index) -> Piece {
    if let RecordError::Version { version } = error {
        let explanation =
            format!("record format version {version} is not known; this program reads version {RECORD_VERSION}");
        return Piece::Bad { offset, kind: DamageKind::Version, explanation };
    }
    let explanation = format!("entry {next} should be here: {error}");
    Piece::Bad { offset, kind: DamageKind::Record, explanation }
}
