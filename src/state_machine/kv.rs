//! The ordered map: keys with their values, the revisions that made them, and a digest of it all.
//!
//! `apply` depends on the map and the command alone, so every replica that applies the same log holds the same map and
//! gives the same outcomes (I5). A clone is a snapshot and costs the same whatever the map holds: the tree is shared
//! and copied where one side changes it. One entry is one allocation of metadata, key and value together, and never a
//! slice of a larger buffer; only a long key is kept once more, in the tree. Where commands come from and who asks is
//! not known here.

use core::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;
use rapidhash::v3::rapidhash_v3;

use super::command::{CommandRef, Current, ExpectRef, OperationRef, Outcome, Rejection, UpdateRef};
use super::history::{Change, History, HistoryLimits};
use super::key::Key;
use super::leases::{LEASE_MS_MAX, Lease, Leases};

#[cfg(test)]
mod tests;
mod transact;

/// The digest is published whenever a multiple of this index has been applied, so that replicas that are not equally
/// far can still be compared.
pub const DIGEST_INTERVAL: u64 = 1_000;

/// Most overdue keys that one entry removes, so that no entry takes long.
pub const VANISHED_PER_ENTRY_MAX: usize = 256;

/// The map as of one log index.
#[derive(Clone, Debug)]
pub struct KeyValueMap {
    entries: OrdMap<Key, Entry>,
    applied: u64,
    value_bytes_max: u64,
    /// Sum of the hashes of all entries, so that the order of changes does not matter and each change costs only
    /// itself.
    sum: u64,
    published: Option<(u64, u64)>,
    history: History,
    leases: Leases,
    /// Where entries and values are put together before they are copied into an allocation of their size.
    scratch: Vec<u8>,
}

/// One key with its value and history, in one shared allocation; cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Entry(Arc<[u8]>);

/// Which part of the map to list.
#[derive(Clone, Copy, Debug)]
pub struct Scan<'a> {
    pub prefix: &'a [u8],
    /// Only keys behind this one.
    pub after: Option<&'a [u8]>,
    pub items_max: usize,
    /// Of keys, and of values unless `keys_only`; the first entry is listed whatever its size.
    pub bytes_max: usize,
    pub keys_only: bool,
}

/// Entries in key order.
#[derive(Clone, Debug)]
pub struct Page {
    pub entries: Vec<Entry>,
    /// Whether entries with the prefix lie behind the last one listed.
    pub more: bool,
}

/// What a snapshot says of a map besides its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapFacts {
    /// Index of the last entry that was applied.
    pub applied: u64,
    /// How many keys there are.
    pub entries: u64,
    /// The digest of all entries, as of `applied`.
    pub sum: u64,
    /// The newest published digest, with the index it belongs to.
    pub published: Option<(u64, u64)>,
}

/// A map that is put together again from a snapshot, entry by entry.
#[derive(Debug)]
pub struct Restoring {
    map: KeyValueMap,
    facts: MapFacts,
    last: Option<Key>,
}

/// Why entries do not make the map that they are said to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    #[error("key number {number} does not come behind the one before it")]
    Order { number: u64 },
    #[error("key number {number} has revisions that cannot be")]
    History { number: u64 },
    #[error("there are {found} keys where {stated} should be")]
    Count { stated: u64, found: u64 },
    #[error("the keys have digest {found:016x}, not {stated:016x}")]
    Digest { stated: u64, found: u64 },
    #[error("the published digest is of index {index}, which is not a published one")]
    Published { index: u64 },
}

impl KeyValueMap {
    /// The empty map, as of before the first entry of a log.
    pub fn new(value_bytes_max: u64) -> KeyValueMap {
        KeyValueMap {
            entries: OrdMap::new(),
            applied: 0,
            value_bytes_max,
            sum: 0,
            published: None,
            history: History::new(HistoryLimits::default(), 0),
            leases: Leases::default(),
            scratch: Vec::new(),
        }
    }

    /// The same map with another bound of its history, which is empty still.
    #[must_use]
    pub fn with_history(mut self, limits: HistoryLimits) -> KeyValueMap {
        assert!(self.history.is_empty(), "the bound of a history is known before its first change");
        self.history = History::new(limits, self.history.forgotten_to());
        self
    }

    /// The same map with the history and leases that a snapshot had beside it.
    #[must_use]
    pub fn with_restored(self, history: History, leases: Leases) -> KeyValueMap {
        KeyValueMap { history, leases, ..self }
    }

    /// Applies the entry at `revision`, which must be the one after the last applied (R50). `now_ms` is the log time
    /// with the entry's own stamp. Keys that are overdue by then vanish behind the write, except those it has changed:
    /// no entry changes a key twice.
    pub fn apply(&mut self, revision: u64, now_ms: u64, update: &UpdateRef<'_>) -> Outcome {
        let outcome = match update {
            UpdateRef::Command(command) => self.execute(revision, now_ms, *command),
            UpdateRef::Transaction(transaction) => self.transact(revision, now_ms, transaction),
        };
        self.advance(revision, now_ms);
        outcome
    }

    /// Applies a put, as `apply` does.
    #[inline]
    pub(super) fn put(&mut self, revision: u64, now_ms: u64, key: &[u8], value: &[u8]) -> Outcome {
        let outcome = self.write(revision, key, value);
        self.advance(revision, now_ms);
        outcome
    }

    /// Passes over an entry that carries no write: the digest knows how far the map is, and what is overdue vanishes.
    pub fn skip(&mut self, revision: u64, now_ms: u64) {
        self.advance(revision, now_ms);
    }

    /// Changes the longest value accepted from the next command on; part of a configuration entry, hence the same on
    /// every replica.
    pub fn set_value_bytes_max(&mut self, bytes: u64) {
        self.value_bytes_max = bytes;
    }

    pub fn get(&self, key: &[u8]) -> Option<&Entry> {
        self.entries.get(&Key::new(key))
    }

    pub fn scan(&self, scan: Scan<'_>) -> Page {
        let start = match scan.after {
            Some(after) if after >= scan.prefix => Bound::Excluded(Key::new(after)),
            _ => Bound::Included(Key::new(scan.prefix)),
        };
        let mut page = Page { entries: Vec::new(), more: false };
        let mut bytes = 0_usize;
        for (_, entry) in self.entries.range((start, Bound::Unbounded)) {
            if !entry.key().starts_with(scan.prefix) {
                break;
            }
            bytes += entry.key().len() + if scan.keys_only { 0 } else { entry.value().len() };
            let is_first = page.entries.is_empty();
            if page.entries.len() >= scan.items_max || (bytes > scan.bytes_max && !is_first) {
                page.more = true;
                break;
            }
            page.entries.push(entry.clone());
        }
        page
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Index of the last entry that was applied.
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// The newest published digest and the index it belongs to. Equal maps have equal digests; keys, values,
    /// revisions and versions all count.
    pub fn digest(&self) -> Option<(u64, u64)> {
        self.published
    }

    /// What a snapshot of this map must say besides its entries.
    pub fn facts(&self) -> MapFacts {
        MapFacts { applied: self.applied, entries: self.len() as u64, sum: self.sum, published: self.published }
    }

    /// All entries, in key order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// The changes of late.
    pub fn history(&self) -> &History {
        &self.history
    }

    pub fn leases(&self) -> &Leases {
        &self.leases
    }

    /// The digest of the map as it is now.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    #[inline]
    fn advance(&mut self, revision: u64, now_ms: u64) {
        assert_eq!(revision, self.applied + 1, "entries are applied in order, each once");
        self.applied = revision;
        if !self.leases.is_empty() {
            self.remove_overdue(revision, now_ms);
        }
        self.history.trim();
        if revision.is_multiple_of(DIGEST_INTERVAL) {
            self.published = Some((revision, self.sum));
        }
    }

    fn remove_overdue(&mut self, revision: u64, now_ms: u64) {
        let is_untouched = |key: &Vec<u8>| self.get(key).is_some_and(|entry| entry.revision() != revision);
        let overdue: Vec<Vec<u8>> =
            self.leases.overdue(now_ms).filter(is_untouched).take(VANISHED_PER_ENTRY_MAX).collect();
        for key in overdue {
            self.delete(revision, &key);
        }
    }

    fn execute(&mut self, revision: u64, now_ms: u64, command: CommandRef<'_>) -> Outcome {
        match command.operation {
            OperationRef::Put { value } => self.write(revision, command.key, value),
            OperationRef::Delete => self.delete(revision, command.key),
            OperationRef::Append { value } => self.append(revision, command.key, value),
            OperationRef::Incr { by } => self.incr(revision, command.key, by),
            OperationRef::Cas { expect, value } => self.cas(revision, command.key, expect, value),
            OperationRef::Lease { ttl_ms } => self.lease(now_ms, command.key, ttl_ms),
        }
    }

    /// Sets a key, whose lease ends with that.
    #[inline]
    fn write(&mut self, revision: u64, key: &[u8], value: &[u8]) -> Outcome {
        match self.set(revision, key, value) {
            Ok(()) => {
                if !self.leases.is_empty() {
                    self.leases.set(key, None);
                }
                Outcome::Written
            }
            Err(because) => Outcome::Rejected { because },
        }
    }

    fn delete(&mut self, revision: u64, key: &[u8]) -> Outcome {
        let Some(old) = self.entries.remove(&Key::new(key)) else { return Outcome::Deleted { found: false } };
        self.sum = self.sum.wrapping_sub(old.hash());
        self.history.push(Change { revision, current: None, previous: Some(old) });
        if !self.leases.is_empty() {
            self.leases.set(key, None);
        }
        Outcome::Deleted { found: true }
    }

    fn lease(&mut self, now_ms: u64, key: &[u8], ttl_ms: u64) -> Outcome {
        let found = self.get(key).is_some();
        if found {
            let ttl_ms = ttl_ms.min(LEASE_MS_MAX);
            let lease = Lease { ttl_ms, ends_ms: now_ms.saturating_add(ttl_ms) };
            self.leases.set(key, (ttl_ms > 0).then_some(lease));
        }
        Outcome::Leased { found }
    }

    fn append(&mut self, revision: u64, key: &[u8], value: &[u8]) -> Outcome {
        let Some(entry) = self.entries.get(&Key::new(key)) else { return self.write(revision, key, value) };
        let size_bytes = entry.value().len() as u64 + value.len() as u64;
        if size_bytes > self.value_bytes_max {
            let because = Rejection::ValueTooLarge { size_bytes, limit_bytes: self.value_bytes_max };
            return Outcome::Rejected { because };
        }
        let joined = [entry.value(), value].concat();
        match self.set(revision, key, &joined) {
            Ok(()) => Outcome::Written,
            Err(because) => Outcome::Rejected { because },
        }
    }

    fn incr(&mut self, revision: u64, key: &[u8], by: i64) -> Outcome {
        let old = match self.entries.get(&Key::new(key)) {
            None => Some(0),
            Some(entry) => parse_number(entry.value()),
        };
        let Some(old) = old else { return Outcome::Rejected { because: Rejection::NotANumber } };
        let Some(value) = old.checked_add(by) else { return Outcome::Rejected { because: Rejection::Overflow } };
        match self.set(revision, key, value.to_string().as_bytes()) {
            Ok(()) => Outcome::Incremented { value },
            Err(because) => Outcome::Rejected { because },
        }
    }

    fn cas(&mut self, revision: u64, key: &[u8], expect: ExpectRef<'_>, value: &[u8]) -> Outcome {
        let entry = self.entries.get(&Key::new(key));
        let holds = match (expect, entry) {
            (ExpectRef::Absent, entry) => entry.is_none(),
            (ExpectRef::Value(expected), Some(entry)) => entry.value() == expected,
            (ExpectRef::Revision(expected), Some(entry)) => entry.revision() == expected,
            (ExpectRef::Value(_) | ExpectRef::Revision(_), None) => false,
        };
        if holds {
            return self.write(revision, key, value);
        }
        Outcome::ConditionFailed { current: entry.map(Entry::to_current) }
    }

    #[inline]
    fn set(&mut self, revision: u64, key: &[u8], value: &[u8]) -> Result<(), Rejection> {
        let size_bytes = value.len() as u64;
        if size_bytes > self.value_bytes_max {
            return Err(Rejection::ValueTooLarge { size_bytes, limit_bytes: self.value_bytes_max });
        }
        let place = Key::new(key);
        let scratch = &mut self.scratch;
        let change = if let Some(entry) = self.entries.get_mut(&place) {
            let new = Entry::build(scratch, [entry.created(), revision, entry.version() + 1], key, value);
            self.sum = self.sum.wrapping_sub(entry.hash()).wrapping_add(new.hash());
            let current = Some(new.clone());
            Change { revision, current, previous: Some(core::mem::replace(entry, new)) }
        } else {
            let new = Entry::build(scratch, [revision, revision, 1], key, value);
            self.sum = self.sum.wrapping_add(new.hash());
            self.entries.insert(place, new.clone());
            Change { revision, current: Some(new), previous: None }
        };
        self.history.push(change);
        Ok(())
    }
}

impl Restoring {
    /// Begins with an empty map that is to become what `facts` say.
    pub fn new(value_bytes_max: u64, facts: MapFacts) -> Restoring {
        Restoring { map: KeyValueMap::new(value_bytes_max), facts, last: None }
    }

    /// Adds the next key in order, with the revisions that created and last changed it and its version.
    ///
    /// # Errors
    /// Keys out of order, and histories that no log can give.
    pub fn push(&mut self, history: [u64; 3], key: &[u8], value: &[u8]) -> Result<(), RestoreError> {
        let number = self.map.len() as u64 + 1;
        let place = Key::new(key);
        if self.last.as_ref().is_some_and(|last| *last >= place) {
            return Err(RestoreError::Order { number });
        }
        let [created, revision, version] = history;
        if created < 1 || created > revision || revision > self.facts.applied || version < 1 {
            return Err(RestoreError::History { number });
        }
        let entry = Entry::build(&mut self.map.scratch, history, key, value);
        self.map.sum = self.map.sum.wrapping_add(entry.hash());
        self.last = Some(place.clone());
        self.map.entries.insert(place, entry);
        Ok(())
    }

    /// The map, if it is what was said; with no lease, and a history in which nothing is known yet.
    ///
    /// # Errors
    /// Keys are missing or too many, or one of them is not what it was.
    pub fn finish(mut self) -> Result<KeyValueMap, RestoreError> {
        let MapFacts { applied, entries: stated, sum, published } = self.facts;
        let found = self.map.len() as u64;
        if found != stated {
            return Err(RestoreError::Count { stated, found });
        }
        if self.map.sum != sum {
            return Err(RestoreError::Digest { stated: sum, found: self.map.sum });
        }
        if let Some((index, _)) = published
            && (index == 0 || index > applied || !index.is_multiple_of(DIGEST_INTERVAL))
        {
            return Err(RestoreError::Published { index });
        }
        self.map.applied = applied;
        self.map.published = published;
        self.map.history = History::new(HistoryLimits::default(), applied);
        Ok(self.map)
    }
}

/// Layout of an entry: created, revision, version, hash, key length; then key, then value.
const REVISION_AT: usize = 8;
const VERSION_AT: usize = 16;
const HASH_AT: usize = 24;
const KEY_LENGTH_AT: usize = 32;
const KEY_AT: usize = 36;

impl Entry {
    pub fn key(&self) -> &[u8] {
        &self.0[KEY_AT..self.value_at()]
    }

    pub fn value(&self) -> &[u8] {
        &self.0[self.value_at()..]
    }

    /// Index of the entry that created the key.
    pub fn created(&self) -> u64 {
        self.number(0)
    }

    /// Index of the entry that last changed the key.
    pub fn revision(&self) -> u64 {
        self.number(REVISION_AT)
    }

    /// How often the key was written since it was created, starting at 1.
    pub fn version(&self) -> u64 {
        self.number(VERSION_AT)
    }

    pub(crate) fn build(scratch: &mut Vec<u8>, history: [u64; 3], key: &[u8], value: &[u8]) -> Entry {
        let key_length = u32::try_from(key.len()).expect("keys are far below 4 GiB");
        let mut head = [0; KEY_AT];
        for (at, number) in history.iter().enumerate() {
            head[at * 8..at * 8 + 8].copy_from_slice(&number.to_le_bytes());
        }
        head[KEY_LENGTH_AT..].copy_from_slice(&key_length.to_le_bytes());
        scratch.clear();
        scratch.reserve(KEY_AT + key.len() + value.len());
        scratch.extend_from_slice(&head);
        scratch.extend_from_slice(key);
        scratch.extend_from_slice(value);
        let hash = rapidhash_v3(scratch);
        scratch[HASH_AT..KEY_LENGTH_AT].copy_from_slice(&hash.to_le_bytes());
        Entry(Arc::from(scratch.as_slice()))
    }

    fn to_current(&self) -> Current {
        Current { value: self.value().to_vec(), revision: self.revision(), version: self.version() }
    }

    fn value_at(&self) -> usize {
        let length = u32::from_le_bytes(self.0[KEY_LENGTH_AT..KEY_AT].try_into().expect("four bytes are four bytes"));
        KEY_AT + length as usize
    }

    fn number(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.0[at..at + 8].try_into().expect("eight bytes are eight bytes"))
    }

    /// Hash of everything else in the entry.
    pub(super) fn hash(&self) -> u64 {
        self.number(HASH_AT)
    }
}

/// A number as `incr` writes it: digits, with a minus sign when negative. Leading zeros and a plus sign are read, too;
/// nothing around the number is.
fn parse_number(value: &[u8]) -> Option<i64> {
    core::str::from_utf8(value).ok()?.parse().ok()
}
