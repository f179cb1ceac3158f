//! The newest changes of the map, each with what was there before, so that who watches a key misses none of them.
//!
//! Part of the replicated state: every replica keeps the same changes and forgets them at the same entry, so a watcher
//! may go on at any node. Bounded in changes and in bytes; what is forgotten is forgotten by whole revisions. A clone
//! shares all chunks and costs one reference for each.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use rapidhash::v3::rapidhash_v3;

use super::kv::{Entry, KeyValueMap};

/// Changes in one chunk: what a change of a shared history copies at most.
const CHUNK_CHANGES: usize = 256;

/// What one change counts as beside its keys and values. Part of the format, as the limits are.
const CHANGE_BYTES: u64 = 64;

/// One key's change.
#[derive(Clone, Debug)]
pub struct Change {
    /// Index of the entry that changed it.
    pub revision: u64,
    /// None when it was deleted.
    pub current: Option<Entry>,
    /// None when it was created.
    pub previous: Option<Entry>,
}

/// How much is kept. Part of the format: every replica must agree on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryLimits {
    pub changes_max: usize,
    /// Of keys and values, before and after, and a fixed share for each change.
    pub bytes_max: u64,
}

impl Default for HistoryLimits {
    fn default() -> HistoryLimits {
        HistoryLimits { changes_max: 64 * 1024, bytes_max: 32 << 20 }
    }
}

impl HistoryLimits {
    /// Small enough that a simulation of a few writes meets every bound.
    pub fn tiny() -> HistoryLimits {
        HistoryLimits { changes_max: 6, bytes_max: 6 * (CHANGE_BYTES + 40) }
    }
}

/// The changes of late, as of one log index.
#[derive(Clone, Debug)]
pub struct History {
    /// Oldest first, none of them empty.
    chunks: VecDeque<Arc<Vec<Change>>>,
    /// Changes at the start of the first chunk that are forgotten.
    skipped: usize,
    len: usize,
    bytes: u64,
    forgotten_to: u64,
    limits: HistoryLimits,
}

/// A history that is put together again from a snapshot. It holds what was before each change: what came after is what
/// was before the next one, or what the map has.
#[derive(Debug)]
pub struct RestoringHistory {
    limits: HistoryLimits,
    forgotten_to: u64,
    /// Revision, key, and what was there before.
    changes: Vec<(u64, Vec<u8>, Option<Entry>)>,
    scratch: Vec<u8>,
}

/// Why changes are not the history of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    #[error("change number {number} does not come behind the one before it")]
    Order { number: u64 },
    #[error("change number {number} cannot have led to what is there now")]
    Content { number: u64 },
    #[error("there are more changes than the limits allow")]
    TooMany,
    #[error("the changes have digest {found:016x}, not {stated:016x}")]
    Digest { stated: u64, found: u64 },
}

impl Change {
    pub fn key(&self) -> &[u8] {
        let entry = self.current.as_ref().or(self.previous.as_ref());
        entry.expect("a change is from something or to something").key()
    }

    fn bytes(&self) -> u64 {
        let of_one = |entry: &Option<Entry>| entry.as_ref().map_or(0, |entry| entry.key().len() + entry.value().len());
        CHANGE_BYTES + (of_one(&self.current) + of_one(&self.previous)) as u64
    }
}

impl History {
    /// A history in which nothing up to `forgotten_to` is known.
    pub fn new(limits: HistoryLimits, forgotten_to: u64) -> History {
        History { chunks: VecDeque::new(), skipped: 0, len: 0, bytes: 0, forgotten_to, limits }
    }

    /// Notes a change. Revisions never fall.
    #[inline]
    pub(super) fn push(&mut self, change: Change) {
        self.bytes += change.bytes();
        self.len += 1;
        if let Some(last) = self.chunks.back_mut()
            && last.len() < CHUNK_CHANGES
        {
            return Arc::make_mut(last).push(change);
        }
        let mut chunk = Vec::with_capacity(CHUNK_CHANGES);
        chunk.push(change);
        self.chunks.push_back(Arc::new(chunk));
    }

    /// Takes back the newest change.
    pub(super) fn take_back(&mut self) -> Change {
        let chunk = Arc::make_mut(self.chunks.back_mut().expect("what was noted can be taken back"));
        let change = chunk.pop().expect("no chunk is empty");
        if chunk.is_empty() {
            self.chunks.pop_back();
        }
        self.len -= 1;
        self.bytes -= change.bytes();
        change
    }

    /// Forgets what exceeds the limits, by whole revisions. Called once the changes of an entry are all noted.
    #[inline]
    pub(super) fn trim(&mut self) {
        while self.len > self.limits.changes_max || self.bytes > self.limits.bytes_max {
            self.forget_oldest();
        }
    }

    #[cold]
    fn forget_oldest(&mut self) {
        let Some(oldest) = self.oldest() else { return };
        let revision = oldest.revision;
        self.forgotten_to = revision;
        while let Some(oldest) = self.oldest()
            && oldest.revision == revision
        {
            self.bytes -= oldest.bytes();
            self.len -= 1;
            self.skipped += 1;
            if self.chunks.front().is_some_and(|chunk| chunk.len() == self.skipped) {
                self.chunks.pop_front();
                self.skipped = 0;
            }
        }
    }

    fn oldest(&self) -> Option<&Change> {
        self.chunks.front().map(|chunk| &chunk[self.skipped])
    }

    /// Changes of later revisions than this are all here.
    pub fn forgotten_to(&self) -> u64 {
        self.forgotten_to
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn limits(&self) -> HistoryLimits {
        self.limits
    }

    /// Digest of all that is known.
    pub fn sum(&self) -> u64 {
        let of_one = |change: &Change| {
            let previous = change.previous.as_ref().map_or(0, Entry::hash);
            rapidhash_v3(&[change.revision, rapidhash_v3(change.key()), previous].map(u64::to_le_bytes).concat())
        };
        self.iter().fold(self.forgotten_to, |sum, change| sum.wrapping_add(of_one(change)))
    }

    /// All changes, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Change> {
        self.chunks.iter().flat_map(|chunk| chunk.iter()).skip(self.skipped)
    }

    /// The changes after `revision`, oldest first; those that are forgotten are missing.
    pub fn after(&self, revision: u64) -> impl Iterator<Item = &Change> {
        let is_before = |change: &Change| change.revision <= revision;
        let chunk = self.chunks.partition_point(|chunk| chunk.last().is_some_and(is_before));
        let at = self.chunks.get(chunk).map_or(0, |chunk| chunk.partition_point(is_before));
        let skip = if chunk == 0 { at.max(self.skipped) } else { at };
        self.chunks.range(chunk..).flat_map(|chunk| chunk.iter()).skip(skip)
    }
}

impl RestoringHistory {
    pub fn new(limits: HistoryLimits, forgotten_to: u64) -> RestoringHistory {
        RestoringHistory { limits, forgotten_to, changes: Vec::new(), scratch: Vec::new() }
    }

    pub fn len(&self) -> usize {
        self.changes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Adds the next change: what was there before it, as revisions and version and the value.
    ///
    /// # Errors
    /// Changes out of order, or more than there may be.
    pub fn push(&mut self, revision: u64, key: &[u8], previous: Option<([u64; 3], &[u8])>) -> Result<(), HistoryError> {
        let number = self.changes.len() as u64 + 1;
        let last = self.changes.last().map_or(self.forgotten_to.saturating_add(1), |(revision, ..)| *revision);
        if revision < last || previous.is_some_and(|([_, before, _], _)| before >= revision) {
            return Err(HistoryError::Order { number });
        }
        if self.changes.len() >= self.limits.changes_max {
            return Err(HistoryError::TooMany);
        }
        let previous = previous.map(|(history, value)| Entry::build(&mut self.scratch, history, key, value));
        self.changes.push((revision, key.to_vec(), previous));
        Ok(())
    }

    /// The history, if it leads to `map` and has this digest.
    ///
    /// # Errors
    /// It leads to another map, or is not what was written.
    pub fn finish(self, map: &KeyValueMap, stated: u64) -> Result<History, HistoryError> {
        let mut after: BTreeMap<Vec<u8>, Option<Entry>> = BTreeMap::new();
        let mut newest_first = Vec::with_capacity(self.changes.len());
        for (at, (revision, key, previous)) in self.changes.into_iter().enumerate().rev() {
            let number = at as u64 + 1;
            let known = after.insert(key.clone(), previous.clone());
            let current = known.unwrap_or_else(|| map.get(&key).cloned());
            let is_possible = match &current {
                Some(entry) => entry.revision() == revision,
                None => previous.is_some(),
            };
            if !is_possible || revision > map.applied() {
                return Err(HistoryError::Content { number });
            }
            newest_first.push(Change { revision, current, previous });
        }
        let mut history = History::new(self.limits, self.forgotten_to);
        newest_first.into_iter().rev().for_each(|change| history.push(change));
        let found = history.sum();
        if found != stated {
            return Err(HistoryError::Digest { stated, found });
        }
        Ok(history)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn change(revision: u64, value: &[u8]) -> Change {
        let mut scratch = Vec::new();
        Change {
            revision,
            current: Some(Entry::build(&mut scratch, [revision, revision, 1], b"k", value)),
            previous: None,
        }
    }

    fn revisions<'a>(changes: impl Iterator<Item = &'a Change>) -> Vec<u64> {
        changes.map(|change| change.revision).collect()
    }

    proptest! {
        /// Against a plain list: what is known, from where on, and that a copy stays as it was.
        #[test]
        fn it_knows_the_newest_changes_by_whole_revisions(
            sizes in proptest::collection::vec((0_usize..4, 0_usize..60), 1..1_200),
            changes_max in 1_usize..900,
            taken_back in 0_usize..3,
        ) {
            let limits = HistoryLimits { changes_max, bytes_max: 400 * (CHANGE_BYTES + 20) };
            let mut history = History::new(limits, 0);
            let mut all = Vec::new();
            let mut halfway = None;
            for (revision, (count, value_bytes)) in (1..).zip(&sizes) {
                for _ in 0..*count {
                    history.push(change(revision, &vec![7; *value_bytes]));
                    all.push((revision, CHANGE_BYTES + 1 + *value_bytes as u64));
                }
                for _ in 0..taken_back.min(*count) {
                    prop_assert_eq!(history.take_back().revision, all.pop().map_or(0, |(revision, _)| revision));
                }
                history.trim();
                if revision as usize == sizes.len() / 2 {
                    halfway = Some((history.clone(), revisions(history.iter())));
                }
            }
            let from = history.forgotten_to();
            let kept: Vec<_> = all.iter().filter(|(revision, _)| *revision > from).collect();
            let bytes: u64 = kept.iter().map(|(_, bytes)| bytes).sum();
            prop_assert_eq!((history.len(), history.bytes), (kept.len(), bytes));
            prop_assert!(history.len() <= changes_max && bytes <= limits.bytes_max);
            if let Some((_, _)) = all.iter().rfind(|(revision, _)| *revision == from) {
                let with_it: Vec<_> = all.iter().filter(|(revision, _)| *revision >= from).collect();
                let bytes: u64 = with_it.iter().map(|(_, bytes)| bytes).sum();
                prop_assert!(with_it.len() > changes_max || bytes > limits.bytes_max, "nothing is forgotten early");
            }
            for after in [0, from, from + 1, from + 300, u64::MAX] {
                let expected: Vec<u64> =
                    kept.iter().map(|(revision, _)| *revision).filter(|revision| *revision > after).collect();
                prop_assert_eq!(revisions(history.after(after)), expected);
            }
            prop_assert_eq!(revisions(history.iter()), revisions(history.after(0)));
            if let Some((copy, before)) = halfway {
                prop_assert_eq!(revisions(copy.iter()), before);
            }
        }
    }
}
