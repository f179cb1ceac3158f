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

use super::command::{CommandRef, Current, ExpectRef, OperationRef, Outcome, Rejection};
use super::key::Key;

/// The digest is published whenever a multiple of this index has been applied, so that replicas that are not equally
/// far can still be compared.
pub const DIGEST_INTERVAL: u64 = 1_000;

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
            scratch: Vec::new(),
        }
    }

    /// Applies the command of the entry at `revision`, which must be the one after the last applied (R50).
    pub fn apply(&mut self, revision: u64, command: CommandRef<'_>) -> Outcome {
        let outcome = match command.operation {
            OperationRef::Put { value } => self.write(revision, command.key, value),
            OperationRef::Delete => self.delete(command.key),
            OperationRef::Append { value } => self.append(revision, command.key, value),
            OperationRef::Incr { by } => self.incr(revision, command.key, by),
            OperationRef::Cas { expect, value } => self.cas(revision, command.key, expect, value),
        };
        self.advance(revision);
        outcome
    }

    /// Applies a put, as `apply` does.
    #[inline]
    pub(super) fn put(&mut self, revision: u64, key: &[u8], value: &[u8]) -> Outcome {
        let outcome = self.write(revision, key, value);
        self.advance(revision);
        outcome
    }

    /// Passes over an entry that carries no command, so that the digest knows how far the map is.
    pub fn skip(&mut self, revision: u64) {
        self.advance(revision);
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

    /// The digest of the map as it is now.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    fn advance(&mut self, revision: u64) {
        assert_eq!(revision, self.applied + 1, "entries are applied in order, each once");
        self.applied = revision;
        if revision.is_multiple_of(DIGEST_INTERVAL) {
            self.published = Some((revision, self.sum));
        }
    }

    fn write(&mut self, revision: u64, key: &[u8], value: &[u8]) -> Outcome {
        match self.set(revision, key, value) {
            Ok(()) => Outcome::Written,
            Err(because) => Outcome::Rejected { because },
        }
    }

    fn delete(&mut self, key: &[u8]) -> Outcome {
        let old = self.entries.remove(&Key::new(key));
        if let Some(old) = &old {
            self.sum = self.sum.wrapping_sub(old.hash());
        }
        Outcome::Deleted { found: old.is_some() }
    }

    fn append(&mut self, revision: u64, key: &[u8], value: &[u8]) -> Outcome {
        let Some(entry) = self.entries.get(&Key::new(key)) else { return self.write(revision, key, value) };
        let size_bytes = entry.value().len() as u64 + value.len() as u64;
        if size_bytes > self.value_bytes_max {
            let because = Rejection::ValueTooLarge { size_bytes, limit_bytes: self.value_bytes_max };
            return Outcome::Rejected { because };
        }
        let joined = [entry.value(), value].concat();
        self.write(revision, key, &joined)
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
        let current = entry.map(|entry| Current {
            value: entry.value().to_vec(),
            revision: entry.revision(),
            version: entry.version(),
        });
        Outcome::ConditionFailed { current }
    }

    fn set(&mut self, revision: u64, key: &[u8], value: &[u8]) -> Result<(), Rejection> {
        let size_bytes = value.len() as u64;
        if size_bytes > self.value_bytes_max {
            return Err(Rejection::ValueTooLarge { size_bytes, limit_bytes: self.value_bytes_max });
        }
        let place = Key::new(key);
        let scratch = &mut self.scratch;
        if let Some(entry) = self.entries.get_mut(&place) {
            self.sum = self.sum.wrapping_sub(entry.hash());
            if !entry.overwrite(revision, value) {
                *entry = Entry::build(scratch, [entry.created(), revision, entry.version() + 1], key, value);
            }
            self.sum = self.sum.wrapping_add(entry.hash());
        } else {
            let new = Entry::build(scratch, [revision, revision, 1], key, value);
            self.sum = self.sum.wrapping_add(new.hash());
            self.entries.insert(place, new);
        }
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

    /// The map, if it is what was said.
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

    fn build(scratch: &mut Vec<u8>, history: [u64; 3], key: &[u8], value: &[u8]) -> Entry {
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

    /// Changes the value in place if the new one is as long and nobody else holds this entry, such as a snapshot.
    fn overwrite(&mut self, revision: u64, value: &[u8]) -> bool {
        let (value_at, version) = (self.value_at(), self.version() + 1);
        if self.0.len() - value_at != value.len() {
            return false;
        }
        let Some(bytes) = Arc::get_mut(&mut self.0) else { return false };
        bytes[REVISION_AT..VERSION_AT].copy_from_slice(&revision.to_le_bytes());
        bytes[VERSION_AT..HASH_AT].copy_from_slice(&version.to_le_bytes());
        bytes[HASH_AT..KEY_LENGTH_AT].fill(0);
        bytes[value_at..].copy_from_slice(value);
        let hash = rapidhash_v3(bytes);
        bytes[HASH_AT..KEY_LENGTH_AT].copy_from_slice(&hash.to_le_bytes());
        true
    }

    fn value_at(&self) -> usize {
        let length = u32::from_le_bytes(self.0[KEY_LENGTH_AT..KEY_AT].try_into().expect("four bytes are four bytes"));
        KEY_AT + length as usize
    }

    fn number(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.0[at..at + 8].try_into().expect("eight bytes are eight bytes"))
    }

    /// Hash of everything else in the entry.
    fn hash(&self) -> u64 {
        self.number(HASH_AT)
    }
}

/// A number as `incr` writes it: digits, with a minus sign when negative. Leading zeros and a plus sign are read, too;
/// nothing around the number is.
fn parse_number(value: &[u8]) -> Option<i64> {
    core::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::command::{Command, Expect, Operation};
    use super::*;

    const VALUE_BYTES_MAX: u64 = 24;

    /// The map as one would write it without a thought for speed.
    #[derive(Clone, Default)]
    struct Model(BTreeMap<Vec<u8>, Known>);

    #[derive(Clone, Debug, PartialEq)]
    struct Known {
        value: Vec<u8>,
        created: u64,
        revision: u64,
        version: u64,
    }

    impl Model {
        fn apply(&mut self, revision: u64, command: &Command) -> Outcome {
            let old = self.0.get(&command.key).cloned();
            let (new, outcome) = match &command.operation {
                Operation::Put { value } => (value.clone(), Outcome::Written),
                Operation::Delete => {
                    self.0.remove(&command.key);
                    return Outcome::Deleted { found: old.is_some() };
                }
                Operation::Append { value } => {
                    let mut joined = old.clone().map(|known| known.value).unwrap_or_default();
                    joined.extend(value);
                    (joined, Outcome::Written)
                }
                Operation::Incr { by } => {
                    let text = old.clone().map_or(Ok("0".to_owned()), |known| String::from_utf8(known.value));
                    let Ok(Ok(number)) = text.map(|text| text.parse::<i128>()) else {
                        return Outcome::Rejected { because: Rejection::NotANumber };
                    };
                    if i64::try_from(number).is_err() {
                        return Outcome::Rejected { because: Rejection::NotANumber };
                    }
                    match i64::try_from(number + i128::from(*by)) {
                        Ok(value) => (value.to_string().into_bytes(), Outcome::Incremented { value }),
                        Err(_) => return Outcome::Rejected { because: Rejection::Overflow },
                    }
                }
                Operation::Cas { expect, value } => {
                    let holds = match expect {
                        Expect::Absent => old.is_none(),
                        Expect::Value(expected) => old.as_ref().is_some_and(|known| known.value == *expected),
                        Expect::Revision(expected) => old.as_ref().is_some_and(|known| known.revision == *expected),
                    };
                    if !holds {
                        let current = old.map(|known| Current {
                            value: known.value,
                            revision: known.revision,
                            version: known.version,
                        });
                        return Outcome::ConditionFailed { current };
                    }
                    (value.clone(), Outcome::Written)
                }
            };
            if new.len() as u64 > VALUE_BYTES_MAX {
                let because = Rejection::ValueTooLarge { size_bytes: new.len() as u64, limit_bytes: VALUE_BYTES_MAX };
                return Outcome::Rejected { because };
            }
            let (created, version) = old.map_or((revision, 1), |known| (known.created, known.version + 1));
            self.0.insert(command.key.clone(), Known { value: new, created, revision, version });
            outcome
        }

        fn items(&self) -> Vec<(Vec<u8>, Known)> {
            self.0.clone().into_iter().collect()
        }
    }

    fn items(map: &KeyValueMap) -> Vec<(Vec<u8>, Known)> {
        let everything =
            Scan { prefix: b"", after: None, items_max: usize::MAX, bytes_max: usize::MAX, keys_only: false };
        let known = |entry: &Entry| Known {
            value: entry.value().to_vec(),
            created: entry.created(),
            revision: entry.revision(),
            version: entry.version(),
        };
        map.scan(everything).entries.iter().map(|entry| (entry.key().to_vec(), known(entry))).collect()
    }

    fn sum_from_scratch(map: &KeyValueMap) -> u64 {
        map.entries.iter().fold(0, |sum, (_, entry)| {
            let mut bytes = entry.0.to_vec();
            bytes[HASH_AT..KEY_LENGTH_AT].fill(0);
            sum.wrapping_add(rapidhash_v3(&bytes))
        })
    }

    /// Few and similar keys, so that commands meet.
    fn any_key() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![Just(vec![]), proptest::collection::vec(prop_oneof![Just(0), Just(b'a'), Just(255)], 1..3)]
    }

    fn any_value() -> impl Strategy<Value = Vec<u8>> {
        let number = prop_oneof![(-3_i64..3), Just(i64::MAX), Just(i64::MIN)];
        prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..20),
            number.prop_map(|number| number.to_string().into_bytes()),
            Just(b"99999999999999999999".to_vec()),
        ]
    }

    fn any_command() -> impl Strategy<Value = Command> {
        let expect = prop_oneof![
            Just(Expect::Absent),
            any_value().prop_map(Expect::Value),
            (1_u64..60).prop_map(Expect::Revision),
        ];
        let operation = prop_oneof![
            any_value().prop_map(|value| Operation::Put { value }),
            Just(Operation::Delete),
            any_value().prop_map(|value| Operation::Append { value }),
            prop_oneof![(-3_i64..3), any::<i64>()].prop_map(|by| Operation::Incr { by }),
            (expect, any_value()).prop_map(|(expect, value)| Operation::Cas { expect, value }),
        ];
        (any_key(), operation).prop_map(|(key, operation)| Command { key, operation })
    }

    proptest! {
        #[test]
        fn the_map_does_what_the_model_does(commands in proptest::collection::vec(any_command(), 1..60)) {
            let mut map = KeyValueMap::new(VALUE_BYTES_MAX);
            let mut model = Model::default();
            let mut halfway = None;
            for (revision, command) in (1..).zip(&commands) {
                prop_assert_eq!(map.apply(revision, command.view()), model.apply(revision, command));
                prop_assert_eq!(map.sum, sum_from_scratch(&map));
                if revision as usize == commands.len() / 2 {
                    halfway = Some((map.clone(), model.clone()));
                }
            }
            prop_assert_eq!(items(&map), model.items());
            if let Some((map, model)) = halfway {
                prop_assert_eq!(items(&map), model.items(), "a snapshot does not change afterwards");
            }
        }

        #[test]
        fn pages_put_together_are_the_whole_list(
            keys in proptest::collection::btree_set(any_key(), 0..20),
            prefix in any_key(),
            items_max in 1_usize..4,
            bytes_max in 0_usize..8,
        ) {
            let mut map = KeyValueMap::new(VALUE_BYTES_MAX);
            for (revision, key) in (1..).zip(&keys) {
                map.apply(revision, CommandRef { key, operation: OperationRef::Put { value: b"vv" } });
            }
            let expected: Vec<Vec<u8>> = keys.iter().filter(|key| key.starts_with(&prefix)).cloned().collect();
            let mut listed: Vec<Vec<u8>> = Vec::new();
            loop {
                let after = listed.last().cloned();
                let scan = Scan { prefix: &prefix, after: after.as_deref(), items_max, bytes_max, keys_only: true };
                let page = map.scan(scan);
                prop_assert!(page.entries.len() <= items_max);
                let bytes: usize = page.entries.iter().map(|entry| entry.key().len()).sum();
                prop_assert!(bytes <= bytes_max || page.entries.len() == 1);
                prop_assert!(!page.more || !page.entries.is_empty(), "every page goes on");
                listed.extend(page.entries.iter().map(|entry| entry.key().to_vec()));
                if !page.more {
                    break;
                }
            }
            prop_assert_eq!(listed, expected);
        }
    }

    fn put(map: &mut KeyValueMap, key: &[u8], value: &[u8]) {
        let revision = map.applied() + 1;
        map.apply(revision, CommandRef { key, operation: OperationRef::Put { value } });
    }

    #[test]
    fn a_scan_behind_a_key_before_the_prefix_starts_at_the_prefix() {
        let mut map = KeyValueMap::new(VALUE_BYTES_MAX);
        for key in [b"a".as_slice(), b"b1", b"b2", b"c"] {
            put(&mut map, key, b"");
        }
        let scan = Scan { prefix: b"b", after: Some(b"a"), items_max: 9, bytes_max: 99, keys_only: false };
        let keys: Vec<Vec<u8>> = map.scan(scan).entries.iter().map(|entry| entry.key().to_vec()).collect();
        assert_eq!(keys, [b"b1".to_vec(), b"b2".to_vec()]);
        assert!(map.scan(Scan { after: Some(b"c"), ..scan }).entries.is_empty());
    }

    #[test]
    fn what_was_listed_does_not_change_when_the_map_does() {
        let mut map = KeyValueMap::new(VALUE_BYTES_MAX);
        put(&mut map, b"k", b"old");
        let listed = map.get(b"k").expect("it was written").clone();
        let snapshot = map.clone();
        put(&mut map, b"k", b"new");
        assert_eq!((listed.value(), listed.revision(), listed.version()), (b"old".as_slice(), 1, 1));
        assert_eq!(items(&snapshot)[0].1.value, b"old");
        drop((listed, snapshot));
        put(&mut map, b"k", b"own");
        assert_eq!(items(&map)[0].1, Known { value: b"own".to_vec(), created: 1, revision: 3, version: 3 });
    }

    #[test]
    fn the_digest_is_published_at_every_thousandth_index() {
        let mut map = KeyValueMap::new(VALUE_BYTES_MAX);
        for _ in 1..DIGEST_INTERVAL {
            put(&mut map, b"k", b"v");
        }
        assert_eq!(map.digest(), None);
        put(&mut map, b"k", b"w");
        let (index, sum) = map.digest().expect("the thousandth entry was applied");
        assert_eq!((index, sum), (DIGEST_INTERVAL, sum_from_scratch(&map)));
        put(&mut map, b"k", b"x");
        assert_eq!(map.digest(), Some((index, sum)), "it stays until the next multiple");
    }

    #[test]
    fn the_digest_tells_histories_apart_that_end_in_the_same_value() {
        let end = |values: [&[u8]; 2]| {
            let mut map = KeyValueMap::new(VALUE_BYTES_MAX);
            put(&mut map, b"k", values[0]);
            map.skip(2);
            put(&mut map, b"k", values[1]);
            map.sum
        };
        assert_eq!(end([b"a", b"v"]), end([b"b", b"v"]), "what was overwritten does not count");
        assert_ne!(end([b"a", b"v"]), end([b"a", b"w"]));
        let mut written_once = KeyValueMap::new(VALUE_BYTES_MAX);
        written_once.skip(1);
        written_once.skip(2);
        put(&mut written_once, b"k", b"v");
        assert_ne!(written_once.sum, end([b"a", b"v"]), "the version counts");
    }

    #[test]
    #[should_panic(expected = "entries are applied in order, each once")]
    fn a_gap_between_entries_is_a_bug() {
        KeyValueMap::new(VALUE_BYTES_MAX).skip(2);
    }
}
