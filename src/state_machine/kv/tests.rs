//! The map against a model of it that was written without a thought for speed.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::command::{Command, Expect, Operation, Update};
use super::super::transaction::{
    Branch, Condition, Step, StepOutcome, Test, Transaction, TransactionOutcome, TransactionRejection,
};
use super::*;

const VALUE_BYTES_MAX: u64 = 24;

/// The map as one would write it without a thought for speed.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    keys: BTreeMap<Vec<u8>, Known>,
    leases: BTreeMap<Vec<u8>, Lease>,
    changes: Vec<Changed>,
}

/// Revision, key, what it is now and was before.
type Changed = (u64, Vec<u8>, Option<Known>, Option<Known>);

#[derive(Clone, Debug, PartialEq)]
struct Known {
    value: Vec<u8>,
    created: u64,
    revision: u64,
    version: u64,
}

impl Known {
    fn current(&self) -> Current {
        Current { value: self.value.clone(), revision: self.revision, version: self.version }
    }
}

impl Model {
    fn apply(&mut self, revision: u64, now_ms: u64, update: &Update) -> Outcome {
        let outcome = match update {
            Update::Command(command) => self.execute(revision, now_ms, command),
            Update::Transaction(transaction) => self.transact(revision, now_ms, transaction),
        };
        let overdue: Vec<Vec<u8>> = self
            .leases
            .iter()
            .filter(|(key, lease)| lease.ends_ms <= now_ms && self.keys[*key].revision != revision)
            .map(|(key, _)| key.clone())
            .collect();
        let mut by_end: Vec<(u64, Vec<u8>)> = overdue.into_iter().map(|key| (self.leases[&key].ends_ms, key)).collect();
        by_end.sort();
        for (_, key) in by_end {
            self.set(revision, &key, None);
        }
        outcome
    }

    /// Changes a key whose lease, if any, ends.
    fn set(&mut self, revision: u64, key: &[u8], new: Option<Known>) {
        let old = match new.clone() {
            Some(known) => self.keys.insert(key.to_vec(), known),
            None => self.keys.remove(key),
        };
        self.leases.remove(key);
        if new.is_some() || old.is_some() {
            self.changes.push((revision, key.to_vec(), new, old));
        }
    }

    fn transact(&mut self, revision: u64, now_ms: u64, transaction: &Transaction) -> Outcome {
        let holds = transaction.conditions.iter().all(|Condition { key, test }| {
            let known = self.keys.get(key);
            match test {
                Test::Exists(exists) => known.is_some() == *exists,
                Test::Value(value) => known.is_some_and(|known| known.value == *value),
                Test::Revision(revision) => known.is_some_and(|known| known.revision == *revision),
                Test::Version(version) => known.is_some_and(|known| known.version == *version),
            }
        });
        let branch = if holds { Branch::Then } else { Branch::Otherwise };
        let before = self.clone();
        let mut results = Vec::new();
        for (at, step) in transaction.steps(branch).iter().enumerate() {
            match step {
                Step::Get { key } => results.push(StepOutcome::Read(self.keys.get(key).map(Known::current))),
                Step::Write(command) => match self.execute(revision, now_ms, command) {
                    Outcome::Rejected { because } => {
                        *self = before;
                        return Outcome::TransactionRejected(TransactionRejection { branch, step: at as u32, because });
                    }
                    outcome => results.push(StepOutcome::Written(outcome)),
                },
            }
        }
        Outcome::Transaction(Box::new(TransactionOutcome { branch, results }))
    }

    fn execute(&mut self, revision: u64, now_ms: u64, command: &Command) -> Outcome {
        let old = self.keys.get(&command.key).cloned();
        let lease = self.leases.get(&command.key).copied();
        let (new, outcome) = match &command.operation {
            Operation::Put { value } => (value.clone(), Outcome::Written),
            Operation::Delete => {
                self.set(revision, &command.key, None);
                return Outcome::Deleted { found: old.is_some() };
            }
            Operation::Lease { ttl_ms } => {
                if old.is_some() && *ttl_ms > 0 {
                    let lease = Lease { ttl_ms: *ttl_ms, ends_ms: now_ms + ttl_ms };
                    self.leases.insert(command.key.clone(), lease);
                } else {
                    self.leases.remove(&command.key);
                }
                return Outcome::Leased { found: old.is_some() };
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
                    return Outcome::ConditionFailed { current: old.as_ref().map(Known::current) };
                }
                (value.clone(), Outcome::Written)
            }
        };
        if new.len() as u64 > VALUE_BYTES_MAX {
            let because = Rejection::ValueTooLarge { size_bytes: new.len() as u64, limit_bytes: VALUE_BYTES_MAX };
            return Outcome::Rejected { because };
        }
        let (created, version) = old.map_or((revision, 1), |known| (known.created, known.version + 1));
        self.set(revision, &command.key, Some(Known { value: new, created, revision, version }));
        if let (Some(lease), Operation::Append { .. } | Operation::Incr { .. }) = (lease, &command.operation) {
            self.leases.insert(command.key.clone(), lease);
        }
        outcome
    }

    fn items(&self) -> Vec<(Vec<u8>, Known)> {
        self.keys.clone().into_iter().collect()
    }
}

fn known(entry: &Entry) -> Known {
    Known {
        value: entry.value().to_vec(),
        created: entry.created(),
        revision: entry.revision(),
        version: entry.version(),
    }
}

fn items(map: &KeyValueMap) -> Vec<(Vec<u8>, Known)> {
    let everything = Scan { prefix: b"", after: None, items_max: usize::MAX, bytes_max: usize::MAX, keys_only: false };
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
    let expect =
        prop_oneof![Just(Expect::Absent), any_value().prop_map(Expect::Value), (1_u64..60).prop_map(Expect::Revision),];
    let operation = prop_oneof![
        any_value().prop_map(|value| Operation::Put { value }),
        Just(Operation::Delete),
        any_value().prop_map(|value| Operation::Append { value }),
        prop_oneof![(-3_i64..3), any::<i64>()].prop_map(|by| Operation::Incr { by }),
        (expect, any_value()).prop_map(|(expect, value)| Operation::Cas { expect, value }),
        (0_u64..40).prop_map(|ttl_ms| Operation::Lease { ttl_ms }),
    ];
    (any_key(), operation).prop_map(|(key, operation)| Command { key, operation })
}

fn any_transaction() -> impl Strategy<Value = Transaction> {
    let test = prop_oneof![
        any_value().prop_map(Test::Value),
        (1_u64..60).prop_map(Test::Revision),
        (1_u64..4).prop_map(Test::Version),
        any::<bool>().prop_map(Test::Exists),
    ];
    let condition = (any_key(), test).prop_map(|(key, test)| Condition { key, test });
    let step = || prop_oneof![any_key().prop_map(|key| Step::Get { key }), any_command().prop_map(Step::Write)];
    let steps = || proptest::collection::vec(step(), 0..5);
    (proptest::collection::vec(condition, 0..2), steps(), steps())
        .prop_map(|(conditions, then, otherwise)| Transaction { conditions, then, otherwise })
        .prop_filter("its steps go together", |transaction| transaction.check().is_ok())
}

fn any_update() -> impl Strategy<Value = Update> {
    prop_oneof![2 => any_command().prop_map(Update::Command), 1 => any_transaction().prop_map(Update::Transaction)]
}

fn changes(map: &KeyValueMap) -> Vec<Changed> {
    let state = |entry: &Option<Entry>| entry.as_ref().map(known);
    let one =
        |change: &Change| (change.revision, change.key().to_vec(), state(&change.current), state(&change.previous));
    map.history().iter().map(one).collect()
}

proptest! {
    #[test]
    fn the_map_does_what_the_model_does(
        updates in proptest::collection::vec((any_update(), 0_u64..10), 1..60),
    ) {
        let mut map = KeyValueMap::new(VALUE_BYTES_MAX);
        let mut model = Model::default();
        let (mut halfway, mut now_ms) = (None, 0);
        for (revision, (update, passed_ms)) in (1..).zip(&updates) {
            now_ms += passed_ms;
            let expected = model.apply(revision, now_ms, update);
            prop_assert_eq!(map.apply(revision, now_ms, &update.view()), expected);
            prop_assert_eq!(map.sum, sum_from_scratch(&map));
            prop_assert!(map.leases().iter().eq(model.leases.clone()));
            if revision as usize == updates.len() / 2 {
                halfway = Some((map.clone(), model.clone()));
            }
        }
        prop_assert_eq!(items(&map), model.items());
        prop_assert_eq!(changes(&map), model.changes.clone());
        let mut seen = std::collections::BTreeSet::new();
        for (revision, key, ..) in &model.changes {
            prop_assert!(seen.insert((*revision, key)), "{revision} changes a key twice");
        }
        if let Some((map, model)) = halfway {
            prop_assert_eq!(items(&map), model.items(), "a snapshot does not change afterwards");
            prop_assert_eq!(changes(&map), model.changes);
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
            map.put(revision, 0, key, b"vv");
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
    map.put(revision, 0, key, value);
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
        map.skip(2, 0);
        put(&mut map, b"k", values[1]);
        map.sum
    };
    assert_eq!(end([b"a", b"v"]), end([b"b", b"v"]), "what was overwritten does not count");
    assert_ne!(end([b"a", b"v"]), end([b"a", b"w"]));
    let mut written_once = KeyValueMap::new(VALUE_BYTES_MAX);
    written_once.skip(1, 0);
    written_once.skip(2, 0);
    put(&mut written_once, b"k", b"v");
    assert_ne!(written_once.sum, end([b"a", b"v"]), "the version counts");
}

#[test]
#[should_panic(expected = "entries are applied in order, each once")]
fn a_gap_between_entries_is_a_bug() {
    KeyValueMap::new(VALUE_BYTES_MAX).skip(2, 0);
}

fn lease(map: &mut KeyValueMap, now_ms: u64, key: &[u8], ttl_ms: u64) {
    let command = CommandRef { key, operation: OperationRef::Lease { ttl_ms } };
    assert_eq!(map.apply(map.applied() + 1, now_ms, &UpdateRef::Command(command)), Outcome::Leased { found: true });
}

#[test]
fn an_entry_removes_so_many_overdue_keys_and_the_next_ones_the_rest() {
    let mut map = KeyValueMap::new(VALUE_BYTES_MAX);
    let count = VANISHED_PER_ENTRY_MAX as u64 + 10;
    for number in 0..count {
        put(&mut map, &number.to_be_bytes(), b"v");
        lease(&mut map, 0, &number.to_be_bytes(), 100);
    }
    map.skip(map.applied() + 1, 99);
    assert_eq!(map.len() as u64, count);
    map.skip(map.applied() + 1, 100);
    assert_eq!((map.len(), map.leases().next_end_ms()), (10, Some(100)));
    map.skip(map.applied() + 1, 100);
    assert!(map.is_empty() && map.leases().is_empty());
}

#[test]
fn what_gets_answer_together_is_bounded_and_one_value_is_always_answered() {
    let mut map = KeyValueMap::new(2 << 20);
    let half = vec![7; (1 << 19) + 1];
    for key in [b"a", b"b"] {
        put(&mut map, key, &half);
    }
    put(&mut map, b"c", &vec![7; 2 << 20]);
    let get = |key: &[u8]| Step::Get { key: key.to_vec() };
    let mut read = |keys: &[&[u8]]| {
        let then = keys.iter().map(|key| get(key)).collect();
        let transaction = Transaction { then, ..Transaction::default() };
        map.apply(map.applied() + 1, 0, &UpdateRef::Transaction(Box::new(transaction)))
    };
    assert!(matches!(read(&[b"c", b"none"]), Outcome::Transaction(_)));
    let because = Rejection::ResultTooLarge { limit_bytes: 1 << 20 };
    let rejection = TransactionRejection { branch: Branch::Then, step: 2, because };
    assert_eq!(read(&[b"a", b"none", b"b"]), Outcome::TransactionRejected(rejection));
}
