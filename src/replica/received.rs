//! The record bytes of appends that arrived in this turn, until the core has said which of them count.
//!
//! The core sees shapes only: it may take an append as a whole, in part, or not at all, and may replace what an
//! earlier message of the same turn brought. So arrivals are kept as they came, and the bytes of each appended entry
//! are looked up by its log id: equal log ids are equal entries (I3).

use core::mem;

use bytes::Bytes;

use crate::codec::RecordHeader;
use crate::raft::{Index, LogId, Shape, Term};

/// What arrived since the last drain, oldest first. The turn's number of inputs bounds it.
#[derive(Clone, Debug, Default)]
pub(super) struct Received {
    runs: Vec<Run>,
}

/// The records of one append.
#[derive(Clone, Debug)]
struct Run {
    first: Index,
    last: LogId,
    records: Vec<Bytes>,
    length_bytes: usize,
}

/// Whole records cut out of what arrived.
#[derive(Clone, Debug)]
pub(super) struct Cut {
    pub(super) last: Index,
    pub(super) records: Vec<Bytes>,
    pub(super) length_bytes: usize,
    /// Size of everything that arrived with them, and stays in memory as long as they do.
    pub(super) arrived_bytes: usize,
}

impl Received {
    /// Keeps the records of an append. False when they are not those that `shape` describes.
    #[must_use]
    pub(super) fn push(&mut self, shape: &Shape, records: Vec<Bytes>) -> bool {
        let length_bytes = records.iter().map(Bytes::len).sum();
        if length_bytes as u64 != shape.bytes() {
            return false;
        }
        if let Some(last) = shape.last_id() {
            self.runs.push(Run { first: shape.first, last, records, length_bytes });
        }
        true
    }

    pub(super) fn clear(&mut self) {
        self.runs.clear();
    }

    /// Takes the records of the entries from `next` on, up to `last` or as far as one message brought them. Each entry
    /// is asked for once.
    pub(super) fn cut(&mut self, next: Index, last: Index, term_at: impl Fn(Index) -> Option<Term>) -> Option<Cut> {
        self.runs.iter_mut().find_map(|run| run.cut(next, last, &term_at))
    }
}

impl Run {
    fn cut(&mut self, next: Index, last: Index, term_at: &impl Fn(Index) -> Option<Term>) -> Option<Cut> {
        let is_whole = self.first == next && self.last.index <= last;
        if is_whole && term_at(self.last.index) == Some(self.last.term) {
            let (records, length_bytes) = (mem::take(&mut self.records), self.length_bytes);
            return Some(Cut { last: self.last.index, records, length_bytes, arrived_bytes: length_bytes });
        }
        if self.first > next || self.last.index < next {
            return None;
        }
        self.cut_part(next, last, term_at)
    }

    fn cut_part(&self, next: Index, last: Index, term_at: &impl Fn(Index) -> Option<Term>) -> Option<Cut> {
        let mut cut = Cut { last: next, records: Vec::new(), length_bytes: 0, arrived_bytes: self.length_bytes };
        for slice in &self.records {
            let (mut at, mut from, mut to) = (0, 0, 0);
            while at < slice.len() {
                let header =
                    RecordHeader::peek(&slice[at..], next).expect("records were decoded to derive their shape");
                let index = header.id.index;
                let counts = index >= next && index <= last && term_at(index) == Some(header.id.term);
                if index < next {
                    from = at + header.total_bytes();
                    to = from;
                } else if counts {
                    to = at + header.total_bytes();
                    cut.last = index;
                } else {
                    break;
                }
                at += header.total_bytes();
            }
            if to > from {
                cut.records.push(slice.slice(from..to));
                cut.length_bytes += to - from;
            }
            if to < slice.len() {
                break;
            }
        }
        (!cut.records.is_empty()).then_some(cut)
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;
    use crate::codec::{Kind, append_record};

    /// Entries of the given terms from `first` on, `per_slice` in a slice.
    fn append(first: u64, terms: &[u64], per_slice: usize) -> (Shape, Vec<Bytes>) {
        let mut shape = Shape::empty(Index(first));
        let mut records = Vec::new();
        for (number, chunk) in terms.chunks(per_slice).enumerate() {
            let mut buffer = BytesMut::new();
            for (offset, term) in chunk.iter().enumerate() {
                let start = buffer.len();
                let id = LogId::new(first + (number * per_slice + offset) as u64, *term);
                append_record(&mut buffer, 0, Kind::Noop, id, 0, |_| ());
                shape.push(id.term, (buffer.len() - start) as u32, None);
            }
            records.push(buffer.freeze());
        }
        (shape, records)
    }

    fn ids(cut: &Cut) -> Vec<LogId> {
        let bytes = cut.records.concat();
        assert_eq!(bytes.len(), cut.length_bytes);
        bytes
            .chunks(crate::codec::RECORD_HEADER_BYTES)
            .map(|one| RecordHeader::read(one, Index(0)).unwrap().id)
            .collect()
    }

    fn range(first: u64, last: u64, term: u64) -> Vec<LogId> {
        (first..=last).map(|index| LogId::new(index, term)).collect()
    }

    #[test]
    fn every_part_of_a_message_can_be_cut_out() {
        for per_slice in 1..=4 {
            let arrived = || {
                let mut received = Received::default();
                let (shape, records) = append(5, &[2, 2, 2, 2], per_slice);
                assert!(received.push(&shape, records));
                received
            };
            for next in 5..=8 {
                for last in next..=10 {
                    let mut received = arrived();
                    let cut = received.cut(Index(next), Index(last), |_| Some(Term(2))).unwrap();
                    assert_eq!(ids(&cut), range(next, last.min(8), 2), "{next}..={last} in slices of {per_slice}");
                    assert_eq!(cut.last, Index(last.min(8)));
                }
            }
            let mut received = arrived();
            assert!(received.cut(Index(4), Index(9), |_| Some(Term(2))).is_none());
            assert!(received.cut(Index(9), Index(9), |_| Some(Term(2))).is_none());
        }
    }

    #[test]
    fn of_two_messages_the_one_with_the_right_terms_counts() {
        let mut received = Received::default();
        for (first, terms) in [(5, [2, 2, 2]), (6, [3, 3, 3]), (5, [2, 2, 2])] {
            let (shape, records) = append(first, &terms, 2);
            assert!(received.push(&shape, records));
        }
        // The log is 5@2 6@3 7@3 8@3: the oldest message was overwritten from 6 on, the last came too late.
        let term_at = |index: Index| Some(Term(if index <= Index(5) { 2 } else { 3 }));
        let first = received.cut(Index(5), Index(8), term_at).unwrap();
        assert_eq!(ids(&first), range(5, 5, 2));
        let rest = received.cut(Index(6), Index(8), term_at).unwrap();
        assert_eq!(ids(&rest), range(6, 8, 3));
    }

    #[test]
    fn records_of_another_length_than_the_shape_says_are_not_taken() {
        let (shape, mut records) = append(5, &[2, 2], 1);
        records.pop();
        assert!(!Received::default().push(&shape, records));
    }
}
