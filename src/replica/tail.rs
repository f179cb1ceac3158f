//! The newest records of the log, in memory, exactly as they lie on the disk and travel.
//!
//! Records are kept as the slices they came in, one after another; where each record ends is known, so that any run
//! of them is handed out by cutting slices, never by copying. The tail proves the chain: a record that does not
//! continue the one before it is not taken. It may forget old records from the front, because the log files have
//! them. Which records are right is the core's to decide; the tail only knows bytes.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::codec::{RecordError, RecordHeader};
use crate::raft::{Index, LogId};

/// Consecutive records up to the end of the log.
#[derive(Clone, Debug)]
pub(super) struct Tail {
    /// Index of the first record kept; the one after the end of the log when none is.
    first: Index,
    /// Check of the entry before `first`.
    base_check: u32,
    /// Check of the last entry of the log.
    last_check: u32,
    /// Where the first kept record starts in the stream of all records ever pushed, in bytes.
    origin: u64,
    /// Where each kept record ends in that stream.
    ends: VecDeque<u64>,
    chunks: VecDeque<Chunk>,
}

/// One slice of whole records.
#[derive(Clone, Debug)]
struct Chunk {
    first: Index,
    /// Where it starts in the stream.
    start: u64,
    bytes: Bytes,
}

impl Chunk {
    /// What lies here of the stream from `start` to `end`.
    fn part(&self, start: u64, end: u64) -> Bytes {
        let from = start.saturating_sub(self.start) as usize;
        let to = self.bytes.len().min((end - self.start) as usize);
        if from == 0 && to == self.bytes.len() { self.bytes.clone() } else { self.bytes.slice(from..to) }
    }
}

/// Why records do not continue the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoContinuation {
    #[error("no record can be read where {index} belongs")]
    Unreadable { index: Index, source: RecordError },
    #[error("the record of {found} lies where {index} belongs")]
    OtherIndex { index: Index, found: LogId },
    #[error("{id} continues an entry with check {link:08x}, but the entry before it here has {check:08x}")]
    BrokenLink { id: LogId, link: u32, check: u32 },
}

impl Tail {
    /// A tail that keeps nothing yet and continues behind an entry with `base_check`.
    pub(super) fn new(first: Index, base_check: u32) -> Tail {
        Tail { first, base_check, last_check: base_check, origin: 0, ends: VecDeque::new(), chunks: VecDeque::new() }
    }

    pub(super) fn first(&self) -> Index {
        self.first
    }

    /// Index of the last entry of the log.
    pub(super) fn last(&self) -> Index {
        Index(self.first.0 + self.ends.len() as u64 - 1)
    }

    /// The link that the next record must carry.
    pub(super) fn last_check(&self) -> u32 {
        self.last_check
    }

    /// Check of the entry before the first record kept.
    pub(super) fn base_check(&self) -> u32 {
        self.base_check
    }

    pub(super) fn bytes(&self) -> u64 {
        self.end() - self.origin
    }

    /// Adds whole records behind the last one. Their checksums were proven where they came in; that each continues
    /// the one before is proven here.
    ///
    /// # Errors
    /// The first record that does not fit; nothing of `bytes` is kept then.
    pub(super) fn push(&mut self, bytes: Bytes) -> Result<(), NoContinuation> {
        if bytes.is_empty() {
            return Ok(());
        }
        let start = self.end();
        let first = self.last().next();
        let kept = self.ends.len();
        let mut check = self.last_check;
        let mut at = 0;
        while at < bytes.len() {
            let index = Index(self.first.0 + self.ends.len() as u64);
            match continues(&bytes[at..], index, check) {
                Ok(header) => {
                    at += header.total_bytes();
                    check = header.check;
                }
                Err(problem) => {
                    self.ends.truncate(kept);
                    return Err(problem);
                }
            }
            self.ends.push_back(start + at as u64);
        }
        self.last_check = check;
        self.chunks.push_back(Chunk { first, start, bytes });
        Ok(())
    }

    /// Forgets everything from `from` on, because other entries take its place.
    pub(super) fn truncate(&mut self, from: Index) {
        assert!(from >= self.first, "what may have been forgotten is committed, and committed entries are forever");
        if from > self.last() {
            return;
        }
        self.last_check = self.check_before(from);
        let end = self.start_of(from);
        self.ends.truncate((from - self.first) as usize);
        while let Some(chunk) = self.chunks.back_mut() {
            if chunk.start < end {
                chunk.bytes.truncate((end - chunk.start) as usize);
                break;
            }
            self.chunks.pop_back();
        }
    }

    /// Forgets whole slices from the front until at most `bytes_max` are left, but nothing behind `upto`.
    pub(super) fn release(&mut self, upto: Index, bytes_max: u64) {
        while self.bytes() > bytes_max
            && let Some(front) = self.chunks.front()
        {
            let next = self.chunks.get(1).map_or(self.last().next(), |second| second.first);
            if next.prev() > upto {
                return;
            }
            self.base_check = self.check_before(next);
            self.origin = front.start + front.bytes.len() as u64;
            self.ends.drain(..(next - self.first) as usize);
            self.first = next;
            self.chunks.pop_front();
        }
    }

    /// The slices that hold `first..=last`. All of it must be kept.
    pub(super) fn slices(&self, first: Index, last: Index) -> Vec<Bytes> {
        assert!(first >= self.first && first <= last && last <= self.last(), "only what is kept is asked for");
        let (start, end) = (self.start_of(first), self.end_of(last));
        if let Some(newest) = self.chunks.back().filter(|newest| newest.start <= start) {
            return vec![newest.part(start, end)];
        }
        let (from, to) = (self.chunk_at(start), self.chunk_at(end - 1));
        let mut slices = Vec::with_capacity(to - from + 1);
        slices.extend((from..=to).map(|at| self.chunks[at].part(start, end)));
        slices
    }

    /// The records from `first` on that lie in one piece, but none behind `last`.
    pub(super) fn piece(&self, first: Index, last: Index) -> Bytes {
        assert!(first >= self.first && first <= last && last <= self.last(), "only what is kept is asked for");
        let start = self.start_of(first);
        self.chunks[self.chunk_at(start)].part(start, self.end_of(last))
    }

    /// The last index from `first` on such that the records up to it, but at least one, take at most `bytes_max`.
    pub(super) fn page_end(&self, first: Index, last: Index, bytes_max: usize) -> Index {
        assert!(first >= self.first && last <= self.last(), "only what is kept is asked for");
        let limit = self.start_of(first).saturating_add(bytes_max as u64);
        if self.end_of(last) <= limit {
            return last;
        }
        let fitting = self.ends.partition_point(|end| *end <= limit) as u64;
        // `fitting` counts records from `self.first` on, so this is the index of the last that fits.
        Index((self.first.0 + fitting - 1).clamp(first.0, last.0))
    }

    /// The check of the entry before `index`, which may be the one before the first kept.
    fn check_before(&self, index: Index) -> u32 {
        if index == self.first {
            return self.base_check;
        }
        let (check, _) =
            RecordHeader::peek_chain(self.record(index.prev())).expect("kept records were read when they were pushed");
        check
    }

    fn record(&self, index: Index) -> &[u8] {
        let start = self.start_of(index);
        let chunk = &self.chunks[self.chunk_at(start)];
        &chunk.bytes[(start - chunk.start) as usize..(self.end_of(index) - chunk.start) as usize]
    }

    /// The slice that holds the byte at `position`. What is asked for most often was pushed last.
    fn chunk_at(&self, position: u64) -> usize {
        match self.chunks.back() {
            Some(newest) if newest.start <= position => self.chunks.len() - 1,
            _ => self.chunks.partition_point(|chunk| chunk.start <= position) - 1,
        }
    }

    fn start_of(&self, index: Index) -> u64 {
        match index - self.first {
            0 => self.origin,
            offset => self.ends[offset as usize - 1],
        }
    }

    fn end_of(&self, index: Index) -> u64 {
        self.ends[(index - self.first) as usize]
    }

    fn end(&self) -> u64 {
        self.ends.back().copied().unwrap_or(self.origin)
    }
}

/// Reads the record at the start of `bytes` and proves that it is the entry at `index` behind one with `check`.
pub(super) fn continues(bytes: &[u8], index: Index, check: u32) -> Result<RecordHeader, NoContinuation> {
    let header = RecordHeader::peek(bytes, index).map_err(|source| NoContinuation::Unreadable { index, source })?;
    if header.total_bytes() > bytes.len() {
        let source = RecordError::Short { have: bytes.len(), need: header.total_bytes() };
        return Err(NoContinuation::Unreadable { index, source });
    }
    if header.id.index != index {
        return Err(NoContinuation::OtherIndex { index, found: header.id });
    }
    if header.link != check {
        return Err(NoContinuation::BrokenLink { id: header.id, link: header.link, check });
    }
    Ok(header)
}

#[cfg(test)]
mod tests {
    use bytes::{BufMut, BytesMut};

    use super::*;
    use crate::codec::{Kind, append_record};

    const BASE_CHECK: u32 = 77;

    /// Records `first..first + count` of `term` behind one with `link`, in one slice; and the check of the last.
    fn records(first: u64, count: u64, term: u64, mut link: u32) -> (Bytes, u32) {
        let mut buffer = BytesMut::new();
        for index in first..first + count {
            let id = LogId::new(index, term);
            // Lengths differ, so that wrong arithmetic shows.
            let payload = vec![term as u8; (index % 5) as usize];
            link = append_record(&mut buffer, link, Kind::Command, id, 0, |out| out.put_slice(&payload));
        }
        (buffer.freeze(), link)
    }

    /// Entries 10 to 18 in slices of 3.
    fn tail() -> Tail {
        let mut tail = Tail::new(Index(10), BASE_CHECK);
        for first in [10, 13, 16] {
            let (bytes, _) = records(first, 3, 1, tail.last_check());
            tail.push(bytes).unwrap();
        }
        tail
    }

    fn ids(tail: &Tail, first: u64, last: u64) -> Vec<u64> {
        let mut found = Vec::new();
        for slice in tail.slices(Index(first), Index(last)) {
            let mut rest = &slice[..];
            while !rest.is_empty() {
                let header = RecordHeader::read(rest, Index(first)).unwrap();
                found.push(header.id.index.0);
                rest = &rest[header.total_bytes()..];
            }
        }
        found
    }

    #[test]
    fn every_run_of_records_can_be_cut_out() {
        let tail = tail();
        for first in 10..=18 {
            for last in first..=18 {
                assert_eq!(ids(&tail, first, last), (first..=last).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn pieces_put_together_are_the_whole_run() {
        let tail = tail();
        for first in 10..=18 {
            for last in first..=18 {
                let mut next = first;
                while next <= last {
                    let piece = tail.piece(Index(next), Index(last));
                    let whole = tail.slices(Index(next), Index(last));
                    assert_eq!(piece, whole[0]);
                    next = (next / 3 * 3 + 4).min(last + 1);
                }
            }
        }
    }

    #[test]
    fn a_cut_tail_continues_behind_what_is_left() {
        for from in 10..=19 {
            let mut tail = tail();
            tail.truncate(Index(from));
            assert_eq!(tail.last(), Index(from - 1));
            let (whole, _) = records(10, from - 10, 1, BASE_CHECK);
            assert_eq!(tail.bytes(), whole.len() as u64);
            let (bytes, check) = records(from, 2, 2, records(10, from - 10, 1, BASE_CHECK).1);
            tail.push(bytes).unwrap();
            assert_eq!((tail.last(), tail.last_check()), (Index(from + 1), check));
            assert_eq!(ids(&tail, 10, from + 1), (10..=from + 1).collect::<Vec<_>>());
        }
    }

    #[test]
    fn release_forgets_whole_slices_and_nothing_that_is_still_needed() {
        let mut tail = tail();
        let last_check = tail.last_check();
        tail.release(Index(14), 0);
        assert_eq!(tail.first(), Index(13), "the slice with 15 is needed as a whole");
        assert_eq!(ids(&tail, 13, 18), (13..=18).collect::<Vec<_>>());
        tail.truncate(Index(13));
        assert_eq!(tail.last_check(), records(10, 3, 1, BASE_CHECK).1, "the check before the first record is known");
        let (bytes, _) = records(13, 6, 1, tail.last_check());
        tail.push(bytes).unwrap();
        tail.release(Index(18), 0);
        assert_eq!((tail.first(), tail.last(), tail.bytes()), (Index(19), Index(18), 0));
        assert_eq!(tail.last_check(), last_check);
    }

    #[test]
    fn release_keeps_what_fits() {
        let mut tail = tail();
        let second = tail.end_of(Index(18)) - tail.start_of(Index(13));
        tail.release(Index(18), second);
        assert_eq!(tail.first(), Index(13));
    }

    #[test]
    fn pages_end_at_the_last_record_that_fits_but_hold_at_least_one() {
        let tail = tail();
        for first in 10..=18 {
            for last in first..=18 {
                for bytes_max in 0..500 {
                    let end = tail.page_end(Index(first), Index(last), bytes_max).0;
                    let bytes = |to| (tail.end_of(Index(to)) - tail.start_of(Index(first))) as usize;
                    assert!(end >= first && end <= last);
                    assert!(end == first || bytes(end) <= bytes_max);
                    assert!(end == last || bytes(end + 1) > bytes_max);
                }
            }
        }
    }

    #[test]
    fn records_that_do_not_continue_the_log_are_not_taken() {
        let mut tail = tail();
        let check = tail.last_check();
        let (wrong_link, _) = records(19, 1, 1, check ^ 1);
        assert!(matches!(tail.push(wrong_link), Err(NoContinuation::BrokenLink { .. })));
        let (gap, _) = records(20, 1, 1, check);
        assert!(matches!(tail.push(gap), Err(NoContinuation::OtherIndex { .. })));
        let (good, good_check) = records(19, 1, 1, check);
        let (bad_behind, _) = records(20, 1, 1, good_check ^ 1);
        let both = [good.clone(), bad_behind].concat();
        assert!(matches!(tail.push(both.into()), Err(NoContinuation::BrokenLink { .. })));
        assert!(matches!(tail.push(good.slice(..good.len() - 1)), Err(NoContinuation::Unreadable { .. })));
        assert_eq!((tail.last(), tail.last_check()), (Index(18), check), "nothing was kept of them");
        tail.push(good).unwrap();
        assert_eq!(tail.last(), Index(19));
    }

    #[test]
    #[should_panic(expected = "committed entries are forever")]
    fn cutting_behind_what_was_forgotten_is_a_bug() {
        let mut tail = tail();
        tail.release(Index(12), 0);
        tail.truncate(Index(12));
    }
}
