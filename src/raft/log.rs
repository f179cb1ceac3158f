//! The shape of the whole log: which term wrote each index, and how many bytes each entry takes.
//!
//! Terms are kept as runs, lengths as running totals, so a term look-up costs a binary search over terms and a byte
//! count costs two look-ups, whatever the length of the log. Payloads are not here (contract of the house).

use std::collections::VecDeque;

use super::shape::Shape;
use super::snapshot::SnapshotMeta;
use super::types::{Index, LogId, Term};

/// Encoded length of a no-op entry: a record header without payload. The codec asserts that it agrees.
pub const NOOP_LENGTH_BYTES: u32 = 26;

#[derive(Clone, Debug, Hash)]
pub(super) struct Log {
    /// The entry before the first kept one; zero while nothing has been compacted.
    base: LogId,
    /// `(first index, term)`, both strictly rising.
    runs: Vec<(Index, Term)>,
    /// Total encoded bytes up to and including each kept entry.
    totals: VecDeque<u64>,
    /// Total encoded bytes up to and including `base`.
    base_total: u64,
}

impl Log {
    /// The log that was found beside a snapshot; none when entries are missing between the two, or before the log.
    ///
    /// Of a log that begins between 1 and the snapshot's end nothing names the entry before its first, so that first
    /// entry itself becomes the base.
    pub(super) fn found(shape: &Shape, snapshot: Option<&SnapshotMeta>) -> Option<Log> {
        if shape.first == Index(1) {
            let mut log = Log::behind(LogId::ZERO, 0);
            log.extend(shape, shape.first);
            return Some(log);
        }
        let snapshot = snapshot.filter(|snapshot| shape.first <= snapshot.last.index.next())?;
        if shape.first == snapshot.last.index.next() {
            let mut log = Log::behind(snapshot.last, snapshot.log_bytes);
            log.extend(shape, shape.first);
            return Some(log);
        }
        let base = LogId { term: shape.term_at(shape.first)?, index: shape.first };
        let covered = usize::try_from(snapshot.last.index - base.index).ok()?;
        let covered: u64 = shape.lengths.iter().skip(1).take(covered).map(|length| u64::from(*length)).sum();
        let mut log = Log::behind(base, snapshot.log_bytes.checked_sub(covered)?);
        log.extend(shape, base.index.next());
        Some(log)
    }

    /// An empty log that continues behind `base`, up to which all entries together take `base_total` bytes.
    pub(super) fn behind(base: LogId, base_total: u64) -> Log {
        Log { base, runs: Vec::new(), totals: VecDeque::new(), base_total }
    }

    /// Forgets the entries up to `upto`, which must be kept still.
    pub(super) fn compact(&mut self, upto: Index) {
        let base = self.id_at(upto).expect("only entries that are kept are forgotten");
        let base_total = self.total_at(upto);
        self.totals.drain(..usize::try_from(upto - self.base.index).expect("a log fits in memory"));
        (self.base, self.base_total) = (base, base_total);
        // The run that holds the first entry kept, if one is.
        let begun = self.runs.partition_point(|(first, _)| *first <= upto.next());
        if self.totals.is_empty() {
            self.runs.clear();
        } else {
            self.runs.drain(..begun - 1);
            self.runs[0].0 = upto.next();
        }
    }

    /// First index kept.
    pub(super) fn first(&self) -> Index {
        self.base.index.next()
    }

    /// The entry before the first kept one.
    pub(super) fn base(&self) -> LogId {
        self.base
    }

    /// Encoded bytes of all entries up to `index`, those that are forgotten included.
    pub(super) fn bytes_upto(&self, index: Index) -> u64 {
        self.total_at(index)
    }

    pub(super) fn last(&self) -> LogId {
        let index = Index(self.base.index.0 + self.totals.len() as u64);
        let term = self.runs.last().map_or(self.base.term, |(_, term)| *term);
        LogId { term, index }
    }

    /// Term of the entry at `index`; none before the base and behind the end.
    pub(super) fn term_at(&self, index: Index) -> Option<Term> {
        if index == self.base.index {
            return Some(self.base.term);
        }
        if index < self.base.index || index > self.last().index {
            return None;
        }
        let after = self.runs.partition_point(|(first, _)| *first <= index);
        Some(self.runs[after - 1].1)
    }

    pub(super) fn id_at(&self, index: Index) -> Option<LogId> {
        self.term_at(index).map(|term| LogId { term, index })
    }

    pub(super) fn push(&mut self, term: Term, length: u32) {
        self.push_run(term, &[length]);
    }

    /// Appends entries of one term with these encoded lengths.
    pub(super) fn push_run(&mut self, term: Term, lengths: &[u32]) {
        let last = self.last();
        assert!(term >= last.term, "terms in a log never fall");
        if self.runs.last().is_none_or(|(_, newest)| *newest != term) && !lengths.is_empty() {
            self.runs.push((last.index.next(), term));
        }
        let mut total = self.totals.back().copied().unwrap_or(self.base_total);
        self.totals.extend(lengths.iter().map(|length| {
            total += u64::from(*length);
            total
        }));
    }

    /// Appends the entries of `shape` from index `from` on, which must be the next index.
    pub(super) fn extend(&mut self, shape: &Shape, from: Index) {
        let mut first = shape.first;
        let mut lengths = &shape.lengths[..];
        for (term, count) in &shape.terms {
            let (run, behind) = lengths.split_at(*count as usize);
            let known = usize::try_from(from.0.saturating_sub(first.0)).map_or(run.len(), |known| known.min(run.len()));
            if known < run.len() {
                assert_eq!(first + known as u64, self.last().index.next(), "entries are appended without gaps");
                self.push_run(*term, &run[known..]);
            }
            first = first + run.len() as u64;
            lengths = behind;
        }
    }

    /// Drops the entry at `from` and everything behind it.
    pub(super) fn truncate(&mut self, from: Index) {
        assert!(from > self.base.index, "compacted entries are never truncated");
        let kept = usize::try_from(from.0 - self.base.index.0 - 1).expect("a log fits in memory");
        self.totals.truncate(kept);
        while self.runs.last().is_some_and(|(first, _)| *first >= from) {
            self.runs.pop();
        }
    }

    /// Encoded bytes of the entries in `(after, upto]`.
    pub(super) fn bytes_between(&self, after: Index, upto: Index) -> u64 {
        self.total_at(upto) - self.total_at(after)
    }

    /// The greatest index so that the entries from `first` to it fit in `bytes`, but at least `first` itself (R31).
    pub(super) fn fitting(&self, first: Index, bytes: u64) -> Index {
        let limit = self.total_at(first.prev()).saturating_add(bytes);
        let count = self.totals.partition_point(|total| *total <= limit) as u64;
        Index(self.base.index.0 + count).max(first).min(self.last().index)
    }

    /// The shape of the entries `first..=last`, without configurations.
    pub(super) fn shape(&self, first: Index, last: Index) -> Shape {
        let mut shape = Shape::empty(first);
        if last < first {
            return shape;
        }
        let mut run = self.runs.partition_point(|(start, _)| *start <= first) - 1;
        let mut index = first;
        while index <= last {
            let end = self.runs.get(run + 1).map_or(last, |(next, _)| next.prev().min(last));
            let count = u32::try_from(end.0 - index.0 + 1).expect("a message holds far fewer entries");
            shape.terms.push((self.runs[run].1, count));
            index = end.next();
            run += 1;
        }
        let mut before = self.total_at(first.prev());
        shape.lengths.reserve_exact(usize::try_from(last.0 - first.0 + 1).expect("a message fits in memory"));
        for position in self.position(first)..=self.position(last) {
            let total = self.totals[position];
            shape.lengths.push(u32::try_from(total - before).expect("an entry is below 4 GiB"));
            before = total;
        }
        shape
    }

    /// Going down from `index`, the first entry whose term is not above `term` (R34, R35).
    pub(super) fn last_not_above(&self, index: Index, term: Term) -> LogId {
        let mut index = index.min(self.last().index);
        while let Some(own) = self.term_at(index) {
            if own <= term || index == self.base.index {
                return LogId { term: own, index };
            }
            let run = self.runs.partition_point(|(first, _)| *first <= index) - 1;
            index = self.runs[run].0.prev();
        }
        LogId { term: Term(0), index }
    }

    fn total_at(&self, index: Index) -> u64 {
        if index <= self.base.index { self.base_total } else { self.totals[self.position(index)] }
    }

    fn position(&self, index: Index) -> usize {
        usize::try_from(index.0 - self.base.index.0 - 1).expect("a log fits in memory")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Entries of these terms from 1 on, of lengths that differ.
    fn shape(terms: &[u64]) -> Shape {
        let mut shape = Shape::empty(Index(1));
        for (number, term) in terms.iter().enumerate() {
            shape.push(Term(*term), 10 + u32::try_from(number).unwrap(), None);
        }
        shape
    }

    const TERMS: [u64; 9] = [1, 1, 2, 2, 2, 5, 6, 6, 6];

    #[test]
    fn a_compacted_log_says_the_same_of_what_it_keeps() {
        let whole = Log::found(&shape(&TERMS), None).unwrap();
        for upto in 1..=9 {
            let mut log = whole.clone();
            log.compact(Index(upto));
            assert_eq!(
                (log.first(), log.last(), log.base()),
                (Index(upto + 1), whole.last(), whole.id_at(Index(upto)).unwrap())
            );
            assert_eq!(log.term_at(Index(upto - 1)), None, "what is before the base is forgotten");
            for index in (upto..=9).map(Index) {
                assert_eq!(log.term_at(index), whole.term_at(index));
                assert_eq!(log.bytes_upto(index), whole.bytes_upto(index));
                for last in (index.0 + 1..=9).map(Index) {
                    assert_eq!(log.shape(index.next(), last), whole.shape(index.next(), last));
                }
            }
            log.push(Term(6), 7);
            log.push(Term(8), 7);
            assert_eq!((log.term_at(Index(10)), log.last()), (Some(Term(6)), LogId::new(11, 8)));
            log.truncate(Index(upto + 1));
            assert_eq!(log.last(), log.base(), "everything behind the base can be truncated");
        }
    }

    #[test]
    fn compacting_in_steps_is_compacting_at_once() {
        for between in 1..=9 {
            for upto in between..=9 {
                let mut steps = Log::found(&shape(&TERMS), None).unwrap();
                let mut once = steps.clone();
                steps.compact(Index(between));
                steps.compact(Index(upto));
                once.compact(Index(upto));
                assert_eq!(format!("{steps:?}"), format!("{once:?}"));
            }
        }
    }

    #[test]
    fn a_found_log_joins_its_snapshot_or_is_refused() {
        let whole = shape(&TERMS);
        let original = Log::found(&whole, None).unwrap();
        let snapshot = |index: u64| SnapshotMeta {
            last: original.id_at(Index(index)).unwrap(),
            log_bytes: original.bytes_upto(Index(index)),
            ..SnapshotMeta::default()
        };
        for first in 2..=10_u64 {
            let mut rest = Shape::empty(Index(first));
            for index in first..=9 {
                rest.push(whole.term_at(Index(index)).unwrap(), whole.lengths[index as usize - 1], None);
            }
            assert!(Log::found(&rest, None).is_none(), "entries before {first} are missing");
            for covered in 1..=9 {
                let log = Log::found(&rest, Some(&snapshot(covered)));
                assert_eq!(log.is_some(), covered + 1 >= first, "snapshot at {covered}, log from {first}");
                let Some(log) = log else { continue };
                assert_eq!(log.last(), original.last());
                for index in (log.base().index.0..=9).map(Index) {
                    assert_eq!(log.term_at(index), original.term_at(index));
                    assert_eq!(log.bytes_upto(index), original.bytes_upto(index));
                }
            }
        }
    }
}
