//! A picture of the segments of a log: one line per file, one character per piece of it, so that one sees at a glance
//! where it is whole, what a snapshot covers, how far it is known to be committed and how far it was synced.
//!
//! Drawn from one pass: which entries lie in which piece is noted, and what they are is told at the end, when the
//! commit index is known. Memory is a fixed number of pieces per segment, which widen as more of the file is met.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use crate::raft::Index;
use crate::storage::reader::Item;
use crate::storage::segment::SEGMENT_HEADER_BYTES;

/// Pieces that one segment is drawn with.
pub const PIECES: usize = 50;

/// Bytes of a piece at first.
const PIECE_BYTES_MIN: u64 = 16;

/// Most segments that are drawn, the newest.
const SEGMENTS_MAX: usize = 1_000;

/// What the characters mean, in the order of their weight: the heaviest in a piece is shown.
pub const LEGEND: &str = "s snapshot  = committed  - synced  ~ not synced  x dead  t torn  ! damage";

/// One segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SegmentPicture {
    pub file: String,
    pub sequence: u64,
    /// `founded rolled truncated reset`: why it was begun.
    pub opened: &'static str,
    /// First and last entry that counts; null when none does.
    pub first: Option<u64>,
    pub last: Option<u64>,
    pub file_bytes: u64,
    /// Bytes behind the header that one character stands for.
    pub piece_bytes: u64,
    /// One character for each piece of what is written, blank where nothing is: `LEGEND`.
    pub pieces: String,
}

/// Notes what is met on a walk.
#[derive(Debug, Default)]
pub struct Artist(Vec<Sketch>);

#[derive(Debug)]
struct Sketch {
    file: Arc<Path>,
    picture: SegmentPicture,
    pieces: [Piece; PIECES],
    /// Everything before this byte was synced.
    synced_to: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Piece {
    /// Last entry that begins or goes on here, and where its record begins.
    last: Option<(Index, u64)>,
    mark: Option<char>,
}

impl Artist {
    pub fn note(&mut self, item: &Item) {
        match item {
            Item::Segment(segment) => {
                if self.0.len() == SEGMENTS_MAX {
                    self.0.remove(0);
                }
                let picture = SegmentPicture {
                    file: segment.file.display().to_string(),
                    sequence: segment.header.sequence,
                    opened: segment.header.cause.word(),
                    first: None,
                    last: None,
                    file_bytes: segment.length_bytes,
                    piece_bytes: PIECE_BYTES_MIN,
                    pieces: String::new(),
                };
                let (file, pieces) = (segment.file.clone(), [Piece::default(); PIECES]);
                self.0.push(Sketch { file, picture, pieces, synced_to: 0 });
            }
            Item::Record { offset, header, .. } => {
                let Some(sketch) = self.0.last_mut() else { return };
                let index = header.id.index;
                sketch.picture.first = sketch.picture.first.or(Some(index.0));
                sketch.picture.last = Some(index.0);
                sketch.fill(*offset, header.total_bytes() as u64, |piece| piece.last = Some((index, *offset)));
            }
            Item::Marker { offset, .. } => {
                if let Some(sketch) = self.0.last_mut() {
                    sketch.synced_to = *offset;
                }
            }
            Item::Damage(damage) => self.mark(&damage.file, damage.offset, 1, '!'),
            Item::TornTail { file, offset, length_bytes } => self.mark(file, *offset, *length_bytes, 't'),
            Item::Dead { file, offset, length_bytes, .. } => self.mark(file, *offset, *length_bytes, 'x'),
        }
    }

    /// The pictures, now that it is known what is committed and what a snapshot covers.
    pub fn finish(self, commit: Index, snapshot: Index) -> Vec<SegmentPicture> {
        let draw = |mut sketch: Sketch| {
            let pieces = sketch.pieces.iter().map(|piece| piece.character(commit, snapshot, sketch.synced_to));
            sketch.picture.pieces = pieces.collect::<String>().trim_end().to_owned();
            sketch.picture
        };
        self.0.into_iter().map(draw).collect()
    }

    fn mark(&mut self, file: &Path, offset: u64, length_bytes: u64, mark: char) {
        if let Some(sketch) = self.0.iter_mut().rev().find(|sketch| *sketch.file == *file) {
            sketch.fill(offset, length_bytes, |piece| piece.mark = Some(mark));
        }
    }
}

impl Sketch {
    fn fill(&mut self, offset: u64, length_bytes: u64, change: impl Fn(&mut Piece)) {
        let start = offset.saturating_sub(SEGMENT_HEADER_BYTES as u64);
        let end = (start + length_bytes).saturating_sub(1).max(start);
        while end / self.picture.piece_bytes >= PIECES as u64 {
            self.widen();
        }
        let place = |byte: u64| usize::try_from(byte / self.picture.piece_bytes).expect("pieces are few");
        self.pieces[place(start)..=place(end)].iter_mut().for_each(change);
    }

    /// Makes one piece of two.
    fn widen(&mut self) {
        for at in 0..PIECES {
            self.pieces[at] = match self.pieces.get(2 * at..2 * at + 2) {
                Some([one, other]) => Piece { last: other.last.or(one.last), mark: one.mark.or(other.mark) },
                _ => Piece::default(),
            };
        }
        self.picture.piece_bytes *= 2;
    }
}

impl Piece {
    fn character(&self, commit: Index, snapshot: Index, synced_to: u64) -> char {
        match (self.mark, self.last) {
            (Some(mark), _) => mark,
            (None, None) => ' ',
            (None, Some((index, _))) if index <= snapshot => 's',
            (None, Some((index, _))) if index <= commit => '=',
            (None, Some((_, offset))) if offset < synced_to => '-',
            (None, Some(_)) => '~',
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::codec::{Kind, RecordHeader};
    use crate::raft::{ClusterId, LogId, NodeId, StorageId, Term};
    use crate::storage::reader::{Damage, DamageKind, SegmentItem};
    use crate::storage::segment::{Cause, Marker, SegmentHeader};

    #[test]
    fn every_piece_shows_what_lies_in_it() {
        let file: Arc<Path> = Arc::from(Path::new("a.seg"));
        let header = SegmentHeader {
            cluster_id: ClusterId(1),
            node: NodeId(1),
            storage: StorageId(1),
            sequence: 1,
            first: Index(1),
            term_before: Term(0),
            link: 0,
            cause: Cause::Founded,
        };
        let at = |byte: u64| SEGMENT_HEADER_BYTES as u64 + byte;
        let record = |index: u64, offset: u64| Item::Record {
            file: file.clone(),
            offset: at(offset),
            header: RecordHeader {
                check: 0,
                link: 0,
                length_bytes: 0,
                kind: Kind::Noop,
                version: 1,
                id: LogId::new(index, 1),
                wall_ms: 0,
            },
            payload: Bytes::new(),
        };
        let marker =
            Marker { sequence: 1, offset: 300, last: Index(3), last_check: 0, commit_hint: Index(2), continued: false };
        let mut artist = Artist::default();
        artist.note(&Item::Segment(SegmentItem { file: file.clone(), header, length_bytes: 8_192, until: None }));
        for (index, offset) in [(1, 0), (2, 48), (3, 96), (4, 144)] {
            artist.note(&record(index, offset));
        }
        artist.note(&Item::Marker { file: file.clone(), offset: at(200), marker });
        artist.note(&record(5, 256));
        let explanation = String::new();
        let damage = Damage { file: file.clone(), offset: at(304), kind: DamageKind::Record, explanation };
        artist.note(&Item::Damage(damage));
        artist.note(&Item::TornTail { file: file.clone(), offset: at(320), length_bytes: 16 });
        let short = artist.0[0].pieces;
        assert!(short.iter().any(|piece| piece.mark == Some('t')), "{short:?}");
        artist.note(&record(9, 1_504));
        let pictures = artist.finish(Index(3), Index(1));
        assert_eq!((pictures[0].first, pictures[0].last, pictures[0].piece_bytes), (Some(1), Some(9), 32));
        // Of what shares a piece, the later entry and the mark are shown.
        assert_eq!(pictures[0].pieces, format!("s===--  ~!t{}~", " ".repeat(36)));
    }
}
