//! The shape of the whole log: which term wrote each index, and how many bytes each entry takes.
//!
//! Terms are kept as runs, lengths as running totals, so a term look-up costs a binary search over terms and a byte
//! count costs two look-ups, whatever the length of the log. Payloads are not here (contract of the house).

use std::collections::VecDeque;

use super::shape::Shape;
use super::types::{Index, LogId, Term};

/// Encoded length of a no-op entry: a record header without payload. The codec asserts that it agrees.
pub const NOOP_LENGTH_BYTES: u32 = 40;

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
    pub(super) fn of(shape: &Shape) -> Log {
        assert_eq!(shape.first, Index(1), "without compaction a log begins at 1");
        let mut log = Log { base: LogId::ZERO, runs: Vec::new(), totals: VecDeque::new(), base_total: 0 };
        log.extend(shape, shape.first);
        log
    }

    /// First index kept.
    pub(super) fn first(&self) -> Index {
        self.base.index.next()
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
