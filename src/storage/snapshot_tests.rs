//! What snapshots, compaction and installing promise, shown on real files: round trips, damage, and a machine that stops
//! at any change of the disk.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::disk::{Disk, RealDisk};
use super::failing_disk::{FailingDisk, Faults};
use super::journal::{Journal, JournalOptions};
use super::layout::{self, Founding, OnCorruption, SEGMENT_SIZE_BYTES_MIN, SyncMode};
use super::reader::{self, DamageKind, Item};
use super::recovery::{Note, OpenError, Recovered};
use super::snapshot::{SNAPSHOTS_KEPT, SnapshotStore};
use super::snapshot_file::{Loaded, SNAPSHOT_TRAILER_BYTES, SnapshotError, SnapshotHead};
use crate::codec::snapshot::{Image, samples};
use crate::codec::{Kind, RecordHeader, Settings, WriteBatch, append_record};
use crate::raft::{
    ClusterId, Config, HardState, Index, LogId, Member, NodeId, Rules, SnapshotMeta, StorageId, Term, WriteSeq,
};

const OPTIONS: JournalOptions =
    JournalOptions { segment_size_bytes: SEGMENT_SIZE_BYTES_MIN, sync: SyncMode::Always, rules: Rules::sound() };

const CLUSTER: ClusterId = ClusterId(5);

/// Two records of this size fill a segment.
const VALUE_BYTES: usize = 5_000;

fn config() -> Config {
    let member = |id: u64| {
        let (id, name, address) = (NodeId(id), format!("n{id}"), format!("127.0.0.1:{id}"));
        Member { id, name, address, storage: StorageId(76 + u128::from(id.0)) }
    };
    Config::of((1..=3).map(member).collect(), Vec::new())
}

fn founding() -> Founding {
    let (node, storage, settings) = (NodeId(1), StorageId(77), Settings::default());
    Founding { cluster_id: CLUSTER, node, storage, config: config(), settings, wall_ms: 9 }
}

/// A whole log in memory, from entry 1: what a disk must hold, or what a leader has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Log(Vec<Bytes>);

impl Log {
    fn last(&self) -> Index {
        Index(self.0.len() as u64)
    }

    fn header(&self, index: u64) -> RecordHeader {
        RecordHeader::peek(&self.0[index as usize - 1], Index(0)).unwrap()
    }

    fn push(&mut self, term: u64, value_bytes: usize) {
        let index = self.0.len() as u64 + 1;
        let fill = (index * 31 + term * 7) as u8;
        let key = vec![b'a' + (index % 5) as u8];
        let mut record = BytesMut::new();
        let link = self.header(index - 1).check;
        append_record(&mut record, link, Kind::Command, LogId::new(index, term), 1, |out| {
            samples::put(&key, vec![fill; value_bytes], out);
            if index.is_multiple_of(4) {
                samples::in_session(u128::from(index), out);
            }
        });
        self.0.push(record.freeze());
    }

    fn with(&self, term: u64, count: usize) -> Log {
        let mut log = self.clone();
        (0..count).for_each(|_| log.push(term, VALUE_BYTES));
        log
    }

    fn up_to(&self, index: u64) -> Log {
        Log(self.0[..index as usize].to_vec())
    }

    /// The state machine after all of it.
    fn image(&self) -> Image {
        let mut image = samples::empty(Settings::default().max_value_size);
        self.0.iter().for_each(|record| samples::apply(&mut image, record));
        image
    }

    fn head(&self) -> SnapshotHead {
        let header = self.header(self.last().0);
        SnapshotHead {
            last: header.id,
            config: Arc::new(config()),
            settings: Settings::default(),
            config_index: Index(1),
            link: header.check,
            log_bytes: self.0.iter().map(|record| record.len() as u64).sum(),
        }
    }

    /// Takes a snapshot of all of it.
    fn take(&self, store: &SnapshotStore) -> Result<SnapshotMeta, SnapshotError> {
        store.write(&self.head(), &self.image())
    }
}

/// A founded node, and what its log must hold.
struct World {
    directory: tempfile::TempDir,
    journal: Option<Journal>,
    log: Log,
    seq: u64,
    term: u64,
}

impl World {
    fn new() -> World {
        let directory = tempfile::tempdir().unwrap();
        layout::found(directory.path(), &founding()).unwrap();
        let mut world = World { directory, journal: None, log: Log::default(), seq: 0, term: 1 };
        world.log = Log(world.open().unwrap().tail);
        world
    }

    fn data(&self) -> PathBuf {
        layout::data_dir(self.directory.path())
    }

    fn files(&self, folder: &Path) -> Vec<String> {
        RealDisk.list(folder).unwrap()
    }

    fn segments(&self) -> Vec<String> {
        let names = self.files(&layout::log_dir(&self.data()));
        names.into_iter().filter(|name| layout::parse_segment_name(name).is_some()).collect()
    }

    fn snapshots(&self) -> Vec<String> {
        self.files(&layout::snapshot_dir(&self.data()))
    }

    fn snapshot_path(&self, last: LogId) -> PathBuf {
        layout::snapshot_dir(&self.data()).join(layout::snapshot_name(last))
    }

    fn open(&mut self) -> Result<Recovered, OpenError> {
        self.open_on(FailingDisk::after(u64::MAX).0)
    }

    fn open_on(&mut self, disk: Arc<dyn Disk>) -> Result<Recovered, OpenError> {
        self.journal = None;
        let (journal, recovered) = Journal::open_on(disk, &self.data(), OPTIONS)?;
        self.journal = Some(journal);
        (self.seq, self.term) = (0, recovered.hard_state.term.0);
        Ok(recovered)
    }

    /// Damages an entry in the log, then opens what is intact of it.
    fn salvage(&mut self, index: u64) -> Recovered {
        self.journal = None;
        let record = self.log.0[index as usize - 1].clone();
        let log_dir = layout::log_dir(&self.data());
        let place = |name: String| {
            let path = log_dir.join(name);
            let bytes = fs::read(&path).unwrap();
            let at = bytes.windows(record.len()).position(|window| window == &record[..])?;
            Some((path, bytes, at))
        };
        let (path, mut bytes, at) = self.segments().into_iter().find_map(place).unwrap();
        bytes[at + 60] ^= 1;
        fs::write(path, bytes).unwrap();
        assert!(matches!(self.refusal(), OpenError::Damaged(_)), "unless it may be repaired it is refused");
        let opened = Journal::open_as(Arc::new(RealDisk), &self.data(), OPTIONS, OnCorruption::Recover);
        let (journal, recovered) = opened.unwrap();
        self.journal = Some(journal);
        (self.seq, self.term) = (0, recovered.hard_state.term.0);
        assert!(recovered.is_recovering, "it may hold less than it has acknowledged (R64)");
        recovered
    }

    fn refusal(&mut self) -> OpenError {
        match self.open() {
            Ok(_) => panic!("the directory must be refused"),
            Err(error) => error,
        }
    }

    fn store(&self) -> SnapshotStore {
        self.journal.as_ref().unwrap().snapshots()
    }

    fn batch(&mut self) -> WriteBatch {
        self.seq += 1;
        WriteBatch {
            seq: WriteSeq(self.seq),
            hard_state: None,
            reset_to: None,
            truncate_from: None,
            records: Vec::new(),
            range: None,
            commit_hint: Index(0),
            compact_to: None,
        }
    }

    /// Makes the log on disk the one given, which differs from the present one only behind some entry.
    fn become_log(&mut self, log: &Log, mut batch: WriteBatch, from: u64) -> Result<(), super::WriteError> {
        let is_replaced = batch.reset_to.is_none() && from <= self.log.last().0;
        batch.truncate_from = is_replaced.then_some(Index(from));
        batch.records = log.0[from as usize - 1..].to_vec();
        batch.range = (!batch.records.is_empty()).then_some((Index(from), log.last()));
        let term = log.header(log.last().0).id.term.0.max(self.term);
        if term > self.term {
            batch.hard_state = Some(HardState { term: Term(term), vote: None });
        }
        self.journal.as_mut().unwrap().write_group(&[batch])?;
        self.term = term;
        self.log = log.clone();
        Ok(())
    }

    fn append(&mut self, term: u64, count: usize) {
        let (batch, from) = (self.batch(), self.log.last().0 + 1);
        self.become_log(&self.log.with(term, count), batch, from).unwrap();
    }

    fn compact(&mut self, index: u64) -> Result<(), super::WriteError> {
        let mut batch = self.batch();
        batch.compact_to = Some(Index(index));
        self.journal.as_mut().unwrap().write_group(&[batch]).map(drop)
    }

    /// Writes nothing, so that what waits to be removed goes.
    fn settle(&mut self) {
        for _ in 0..20 {
            let batch = self.batch();
            self.journal.as_mut().unwrap().write_group(&[batch]).unwrap();
        }
    }

    fn install(&mut self, meta: &SnapshotMeta, log: &Log) -> Result<(), super::WriteError> {
        let mut batch = self.batch();
        batch.reset_to = Some(Box::new(meta.clone()));
        self.become_log(log, batch, meta.last.index.0 + 1)
    }

    fn close(&mut self) {
        self.journal.take().unwrap().close().unwrap();
    }

    /// Opens again and shows that log and state are what they must be.
    fn check(&mut self) -> Recovered {
        let recovered = self.open().unwrap();
        let log = self.log.clone();
        self.assert_holds(&recovered, &log);
        recovered
    }

    fn assert_holds(&self, recovered: &Recovered, log: &Log) {
        assert!(self.holds(recovered, log), "log and state must be those up to {}", log.last());
    }

    /// Whether what was recovered is this log, and state and entries together give what applying all of it gives.
    fn holds(&self, recovered: &Recovered, log: &Log) -> bool {
        let last = recovered.shape.last();
        if last != log.last() || recovered.last_check != log.header(last.0).check {
            return false;
        }
        let mut image = samples::empty(Settings::default().max_value_size);
        if let Some(loaded) = &recovered.snapshot {
            let end = loaded.meta.last.index.0;
            assert_eq!(loaded.meta.link, log.header(end).check, "the snapshot belongs to the log");
            image = loaded.image.clone();
        }
        let reader = self.journal.as_ref().unwrap().reader();
        let mut next = Index(image.applied() + 1);
        while next <= last {
            let bytes = reader.read(next, last, 1).unwrap();
            assert_eq!(bytes, log.0[next.0 as usize - 1], "entry {next}");
            samples::apply(&mut image, &bytes);
            next = next.next();
        }
        image.map().facts() == log.image().map().facts() && image.sessions().sum() == log.image().sessions().sum()
    }
}

/// The file of a snapshot that another node has taken.
fn taken_elsewhere(log: &Log) -> (SnapshotMeta, Vec<u8>) {
    let directory = tempfile::tempdir().unwrap();
    let store = SnapshotStore::new(Arc::new(RealDisk), directory.path(), CLUSTER, SyncMode::None);
    store.prepare().unwrap();
    let meta = log.take(&store).unwrap();
    let reader = store.open(meta.last).unwrap();
    assert_eq!(*reader.meta(), meta);
    assert_eq!(SnapshotHead::new(&meta, Settings::default()), log.head());
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < meta.size_bytes {
        bytes.extend_from_slice(&reader.read(bytes.len() as u64, 700).unwrap());
    }
    assert!(reader.read(meta.size_bytes, 700).unwrap().is_empty());
    (meta, bytes)
}

fn receive(store: &SnapshotStore, meta: &SnapshotMeta, bytes: &[u8]) -> Result<Loaded, SnapshotError> {
    let mut incoming = store.receive(meta)?;
    let start = incoming.received_bytes() as usize;
    for (at, chunk) in (start as u64..).step_by(700).zip(bytes[start..].chunks(700)) {
        incoming.store(at, chunk)?;
    }
    incoming.finish()
}

#[test]
fn a_compacted_log_comes_back_as_its_snapshot_and_the_rest() {
    let mut world = World::new();
    world.append(2, 12);
    let before = world.segments().len();
    let meta = world.log.up_to(10).take(&world.store()).unwrap();
    assert_eq!((meta.last, meta.config_index), (LogId::new(10, 2), Index(1)));
    let recovered = world.check();
    assert_eq!(recovered.snapshot.as_ref().map(|loaded| &loaded.meta), Some(&meta));
    assert_eq!(recovered.shape.first, Index(1), "nothing is forgotten before it is told so");
    world.compact(8).unwrap();
    world.settle();
    assert!(world.segments().len() < before, "old segments are removed");
    for is_clean in [true, false, true] {
        if is_clean {
            world.close();
        }
        let recovered = world.check();
        assert!((Index(4)..=Index(9)).contains(&recovered.shape.first), "first is {}", recovered.shape.first);
        assert_eq!(recovered.before_first, world.log.header(recovered.shape.first.0 - 1).id);
        assert_eq!(recovered.commit_hint, Index(10), "what a snapshot covers is committed (R4)");
        assert_eq!(recovered.settings, Settings::default(), "settings come with the snapshot");
        assert!(recovered.notes.iter().all(|note| *note == Note::NotClosed), "{:?}", recovered.notes);
    }
    let reader = world.journal.as_ref().unwrap().reader();
    assert!(reader.read(Index(1), Index(1), 1).is_err(), "what is forgotten is out of range");
    world.append(3, 4);
    world.check();
}

#[test]
fn compaction_keeps_two_snapshots_and_what_is_behind_the_asked_entry() {
    let mut world = World::new();
    for round in 1..=5_u64 {
        world.append(2, 6);
        world.log.take(&world.store()).unwrap();
        let retain = world.log.last().0 - 2;
        world.compact(retain).unwrap();
        world.settle();
        assert!(world.snapshots().len() <= SNAPSHOTS_KEPT, "{:?}", world.snapshots());
        let (first, last) = world.journal.as_ref().unwrap().reader().range();
        assert!(first <= Index(retain + 1) && last == world.log.last(), "round {round}: {first} to {last}");
        assert!(first > Index(retain - 4), "round {round}: whole old segments go, not only some");
    }
    world.check();
}

#[test]
#[should_panic(expected = "only what a durable snapshot covers is forgotten (R84)")]
fn nothing_is_forgotten_that_no_snapshot_covers() {
    let mut world = World::new();
    world.append(2, 9);
    world.log.up_to(5).take(&world.store()).unwrap();
    let _ = world.compact(6);
}

#[test]
fn an_installed_snapshot_replaces_the_log_whether_it_was_shorter_or_longer() {
    for own in [3, 40] {
        let mut world = World::new();
        world.append(2, 5);
        let leader = world.log.with(3, 20);
        world.append(2, own);
        let (meta, bytes) = taken_elsewhere(&leader.up_to(20));
        assert_eq!(
            receive(&world.store(), &meta, &bytes).unwrap().image.map().facts(),
            leader.up_to(20).image().map().facts()
        );
        world.install(&meta, &leader.up_to(22)).unwrap();
        assert_eq!(world.journal.as_ref().unwrap().reader().range(), (Index(21), Index(22)));
        world.settle();
        assert_eq!(world.segments().len(), 1, "nothing of the old log is left");
        let recovered = world.check();
        assert_eq!((recovered.before_first, recovered.shape.first), (meta.last, Index(21)));
        let (batch, log) = (world.batch(), leader.up_to(20).with(4, 2));
        world.become_log(&log, batch, 21).unwrap();
        world.check();
        world.close();
        world.check();
    }
}

#[test]
fn a_snapshot_that_was_received_and_not_installed_is_installed_at_the_next_start() {
    for (own, term) in [(3, 3), (40, 3), (3, 2)] {
        let mut world = World::new();
        world.append(2, 5);
        let leader = world.log.with(3, 20);
        world.append(2, own);
        let (meta, bytes) = taken_elsewhere(&leader);
        let mut batch = world.batch();
        batch.hard_state = Some(HardState { term: Term(term), vote: None });
        world.journal.as_mut().unwrap().write_group(&[batch]).unwrap();
        receive(&world.store(), &meta, &bytes).unwrap();
        let is_vouched_for = term == 3;
        if is_vouched_for {
            world.log = leader;
        }
        let recovered = world.check();
        let note = Note::SnapshotInstalled { last: meta.last };
        assert_eq!(recovered.notes.contains(&note), is_vouched_for, "{:?}", recovered.notes);
        assert_eq!(recovered.shape.is_empty(), is_vouched_for);
        assert!(!world.check().notes.contains(&note), "once is enough");
        if is_vouched_for {
            world.append(3, 2);
            world.check();
        }
    }
}

#[test]
fn an_interrupted_transfer_goes_on_where_it_stopped_and_never_mixes_two_snapshots() {
    let mut world = World::new();
    world.append(2, 3);
    let mut leader = world.log.with(2, 3);
    (0..3).for_each(|_| leader.push(2, 400_000));
    let (meta, bytes) = taken_elsewhere(&leader);
    let half = bytes.len() / 2;
    let mut incoming = world.store().receive(&meta).unwrap();
    incoming.store(0, &bytes[..half]).unwrap();
    for (offset, chunk) in [(0, 10), (half as u64 - 1, 10), (half as u64 + 1, 10), (half as u64, bytes.len())] {
        let refused = incoming.store(offset, &vec![0; chunk]);
        assert!(matches!(refused, Err(SnapshotError::Offset { expected, .. }) if expected == half as u64));
    }
    drop(incoming);
    world.check();
    let part = layout::snapshot_dir(&world.data()).join(layout::partial_name(&meta));
    let resumed = world.store().receive(&meta).unwrap().received_bytes();
    assert!(resumed > 100 && resumed <= half as u64, "{resumed} of {half} bytes are whole blocks");
    let mut torn = fs::read(&part).unwrap();
    torn[resumed as usize / 2..].fill(0);
    fs::write(&part, &torn).unwrap();
    let after_damage = world.store().receive(&meta).unwrap().received_bytes();
    assert!(after_damage < resumed, "what a power loss took is received again");
    assert_eq!(receive(&world.store(), &meta, &bytes).unwrap().image.map().facts(), leader.image().map().facts());
    assert_eq!(world.store().receive(&meta).unwrap().received_bytes(), meta.size_bytes, "it is there already");
    world.store().receive(&meta).unwrap().discard().unwrap();
    assert!(world.store().holds(&meta).unwrap(), "a finished snapshot is not dropped");
    let (other, _) = taken_elsewhere(&leader.with(2, 1));
    drop(world.store().receive(&other).unwrap());
    let (third, _) = taken_elsewhere(&leader.with(2, 2));
    drop(world.store().receive(&third).unwrap());
    let parts = world.snapshots().into_iter().filter(|name| name.ends_with(".part")).collect::<Vec<_>>();
    assert_eq!(parts, [layout::partial_name(&third)], "only one is received at a time");
}

#[test]
fn bytes_that_are_not_the_announced_snapshot_are_dropped() {
    let mut world = World::new();
    world.append(2, 3);
    let (meta, bytes) = taken_elsewhere(&world.log.with(3, 2));
    let mut flipped = bytes.clone();
    let middle = bytes.len() / 2;
    flipped[middle] ^= 1;
    assert!(matches!(receive(&world.store(), &meta, &flipped), Err(SnapshotError::Damaged(_))));
    let lies = [
        SnapshotMeta { digest: meta.digest ^ 1, ..meta.clone() },
        SnapshotMeta { link: meta.link ^ 1, ..meta.clone() },
        SnapshotMeta { log_bytes: meta.log_bytes + 1, ..meta.clone() },
        SnapshotMeta { last: LogId::new(5, 4), ..meta.clone() },
    ];
    for lie in &lies {
        let refused = receive(&world.store(), lie, &bytes);
        assert!(matches!(refused, Err(SnapshotError::NotAsAnnounced { .. })), "{refused:?}");
    }
    assert!(world.snapshots().is_empty(), "{:?}", world.snapshots());
    assert!(receive(&world.store(), &meta, &bytes).is_ok(), "the next attempt may succeed");
}

#[test]
fn every_flipped_bit_and_every_length_of_a_snapshot_file_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let store = SnapshotStore::new(Arc::new(RealDisk), directory.path(), CLUSTER, SyncMode::None);
    store.prepare().unwrap();
    let mut world = World::new();
    (0..4).for_each(|_| world.log.push(1, 20));
    let meta = world.log.take(&store).unwrap();
    let path = store.path_of(meta.last);
    let bytes = fs::read(&path).unwrap();
    assert_eq!(bytes.len() as u64, meta.size_bytes);
    let is_refused = |changed: &[u8]| {
        fs::write(&path, changed).unwrap();
        store.open(meta.last).is_err() && store.load(meta.last).is_err() && !store.holds(&meta).unwrap()
    };
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(is_refused(&changed), "bit {bit} went unnoticed");
    }
    for length in 0..bytes.len() {
        assert!(is_refused(&bytes[..length]), "a file of {length} bytes was taken");
    }
    assert!(is_refused(&[bytes.clone(), vec![0]].concat()));
    assert!(!is_refused(&bytes));
    let other = SnapshotStore::new(Arc::new(RealDisk), directory.path(), ClusterId(6), SyncMode::None);
    assert!(matches!(other.open(meta.last), Err(SnapshotError::OtherCluster { found: CLUSTER, .. })));
    assert!(matches!(store.open(LogId::new(99, 1)), Err(SnapshotError::Missing { .. })));
}

/// A world whose log begins behind entry 12, with snapshots of entries 6 and 12 and the log from somewhere before 6 if
/// asked for.
fn with_two_snapshots(is_log_long: bool) -> (World, LogId, LogId) {
    let mut world = World::new();
    world.append(2, 14);
    let older = world.log.up_to(6).take(&world.store()).unwrap();
    let newer = world.log.up_to(12).take(&world.store()).unwrap();
    world.compact(if is_log_long { 6 } else { 12 }).unwrap();
    world.settle();
    (world, older.last, newer.last)
}

fn damage_file(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_damaged_snapshot_is_passed_over_only_if_an_older_one_and_the_log_take_its_place() {
    for at in [3, 40, 300] {
        let (mut world, older, newer) = with_two_snapshots(true);
        damage_file(&world.snapshot_path(newer), at);
        let recovered = world.check();
        assert_eq!(recovered.snapshot.map(|loaded| loaded.meta.last), Some(older));
        let is_named =
            |note: &Note| matches!(note, Note::SnapshotPassedOver { problem } if problem.contains(".snap at byte"));
        assert!(recovered.notes.iter().any(is_named), "{:?}", recovered.notes);
        let (mut world, _, newer) = with_two_snapshots(false);
        assert_eq!(world.snapshots().len(), 1, "an older one would be of no use");
        damage_file(&world.snapshot_path(newer), at);
        let error = world.refusal();
        let OpenError::Damaged(damage) = error else { panic!("damage was expected: {error}") };
        assert_eq!((&*damage.file, damage.kind), (world.snapshot_path(newer).as_path(), DamageKind::Snapshot));
    }
}

#[test]
fn a_log_without_its_snapshot_is_refused_by_name_and_nothing_is_changed() {
    let (mut world, _, newer) = with_two_snapshots(false);
    world.close();
    fs::remove_file(world.snapshot_path(newer)).unwrap();
    let error = world.refusal();
    let OpenError::Damaged(damage) = &error else { panic!("damage was expected: {error}") };
    assert_eq!(damage.kind, DamageKind::Missing);
    assert!(error.to_string().contains("snapshot"), "{error}");
    assert!(!layout::in_use_file(&world.data()).exists());
    let damaged = reader::walk(&world.data()).unwrap().filter(|item| matches!(item, Item::Damage(_))).count();
    assert_eq!(damaged, 1, "whoever only looks is told, too");
}

#[test]
fn a_snapshot_of_another_version_is_refused_with_both_named() {
    let (mut world, _, newer) = with_two_snapshots(true);
    let path = world.snapshot_path(newer);
    let mut bytes = fs::read(&path).unwrap();
    bytes[8] = 9;
    let length = u32::from_le_bytes(bytes[12..16].try_into().unwrap()) as usize;
    let check = crc32fast::hash(&bytes[..length - 4]);
    bytes[length - 4..length].copy_from_slice(&check.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    let error = world.refusal();
    assert!(matches!(error, OpenError::Version(_)), "{error}");
    assert!(error.to_string().contains("version 9 is not known; this program reads version 1"), "{error}");
}

#[test]
fn a_snapshot_that_contradicts_the_committed_log_is_refused() {
    let mut world = World::new();
    world.append(2, 5);
    let other = world.log.with(3, 4);
    world.append(2, 9);
    let mut batch = world.batch();
    batch.commit_hint = Index(12);
    batch.hard_state = Some(HardState { term: Term(4), vote: None });
    world.journal.as_mut().unwrap().write_group(&[batch]).unwrap();
    other.take(&world.store()).unwrap();
    world.close();
    let error = world.refusal();
    assert!(matches!(&error, OpenError::Damaged(damage) if damage.kind == DamageKind::Chain), "{error}");
}

#[test]
fn segments_that_an_interrupted_compaction_left_are_passed_over_and_removed() {
    let mut world = World::new();
    world.append(2, 14);
    world.log.up_to(9).take(&world.store()).unwrap();
    world.close();
    let names = world.segments();
    let log_dir = layout::log_dir(&world.data());
    fs::remove_file(log_dir.join(&names[1])).unwrap();
    let items: Vec<Item> = reader::walk(&world.data()).unwrap().collect();
    assert!(!items.iter().any(|item| matches!(item, Item::Damage(_))));
    world.check();
    world.settle();
    assert_eq!(world.segments(), names[2..]);
    world.close();
    fs::remove_file(log_dir.join(&names[4])).unwrap();
    let error = world.refusal();
    assert!(matches!(&error, OpenError::Damaged(damage) if damage.kind == DamageKind::Missing), "{error}");
}

#[test]
fn what_was_being_prepared_is_removed_and_a_useless_part_with_it() {
    let mut world = World::new();
    world.append(2, 9);
    let dir = layout::snapshot_dir(&world.data());
    fs::write(dir.join(format!("{}.tmp", layout::snapshot_name(LogId::new(7, 2)))), b"half").unwrap();
    let (meta, _) = taken_elsewhere(&world.log.up_to(6));
    drop(world.store().receive(&meta).unwrap());
    world.check();
    assert_eq!(world.snapshots(), [layout::partial_name(&meta)]);
    world.log.up_to(8).take(&world.store()).unwrap();
    world.compact(8).unwrap();
    assert_eq!(world.snapshots(), [layout::snapshot_name(LogId::new(8, 2))]);
}

/// What may be on the disk when the machine stops while a step is done: this log, or a beginning of it that is no
/// shorter than that.
type Allowed = Vec<(Log, usize)>;

/// One step of the scenario, done or not: what may be found if it was done, and if it was begun.
struct Stage {
    done: Allowed,
    begun: Allowed,
}

fn exactly(log: &Log) -> (Log, usize) {
    (log.clone(), log.0.len())
}

/// Takes, compacts, receives, installs and writes until the disk fails. Returns what may be found afterwards, and
/// whether everything was done.
fn scenario(world: &mut World, own: usize, leader: &Log, meta: &SnapshotMeta, file: &[u8]) -> (Allowed, bool) {
    let shared = world.log.clone();
    let diverged = shared.with(2, own);
    let (installed, longer) = (leader.up_to(meta.last.index.0), leader.up_to(meta.last.index.0 + 2));
    let same = |log: &Log| Stage { done: vec![exactly(log)], begun: vec![exactly(log)] };
    let stages = [
        same(&shared),
        same(&shared),
        same(&shared),
        same(&shared),
        Stage { done: vec![exactly(&diverged)], begun: vec![(diverged.clone(), shared.0.len())] },
        Stage { done: vec![exactly(&installed)], begun: vec![exactly(&diverged), exactly(&installed)] },
        Stage { done: vec![exactly(&longer)], begun: vec![(longer.clone(), installed.0.len())] },
        same(&longer),
        same(&longer),
    ];
    let mut found = vec![exactly(&shared)];
    for (number, stage) in stages.into_iter().enumerate() {
        let outcome = match number {
            0 => shared.up_to(6).take(&world.store()).is_ok(),
            1 => world.compact(4).is_ok(),
            2 => shared.up_to(9).take(&world.store()).is_ok(),
            3 => world.compact(9).is_ok(),
            4 => {
                let mut batch = world.batch();
                batch.hard_state = Some(HardState { term: Term(3), vote: None });
                let from = shared.last().0 + 1;
                world.become_log(&diverged, batch, from).is_ok()
            }
            5 => receive(&world.store(), meta, file).is_ok(),
            6 => world.install(meta, &longer).is_ok(),
            7 => longer.take(&world.store()).is_ok(),
            _ => world.compact(longer.last().0).is_ok(),
        };
        if !outcome {
            found.extend(stage.begun);
            return (found, false);
        }
        found = stage.done;
    }
    (found, true)
}

/// Runs the scenario on a disk that fails after so many changes, loses power if `random` is given, and checks that what
/// is found is whole and goes on. True when the scenario ran to its end.
fn survives(start: &World, own: usize, changes: u64, mut random: Option<u64>) -> bool {
    let mut world = World { directory: copy_of(start), journal: None, log: start.log.clone(), seq: 0, term: 2 };
    let leader = world.log.with(3, 9);
    let (meta, file) = taken_elsewhere(&leader.up_to(leader.last().0 - 4));
    let (disk, faults): (_, Arc<Faults>) = FailingDisk::after(changes);
    let (allowed, finished) = match world.open_on(disk) {
        Ok(_) => scenario(&mut world, own, &leader, &meta, &file),
        Err(OpenError::Io { .. }) => (vec![exactly(&world.log)], false),
        Err(other) => panic!("failing after {changes} changes: {other}"),
    };
    world.journal = None;
    if let Some(random) = &mut random {
        faults.lose_power(random);
        let (disk, faults) = FailingDisk::after(*random % 40);
        if let Err(error) = world.open_on(disk) {
            let is_expected = matches!(error, OpenError::Io { .. } | OpenError::Install { .. });
            assert!(is_expected, "after {changes} changes: {error}");
        }
        world.journal = None;
        faults.lose_power(random);
    }
    let recovered = world.open().unwrap_or_else(|error| panic!("after {changes} changes: {error}"));
    let end = recovered.shape.last().0 as usize;
    let fits = |(log, at_least): &&(Log, usize)| {
        (*at_least..=log.0.len()).contains(&end) && world.holds(&recovered, &log.up_to(end as u64))
    };
    let found = allowed.iter().find(fits).map(|(log, _)| log.up_to(end as u64));
    world.log = found.unwrap_or_else(|| panic!("after {changes} changes the log ends with {end}, which may not be"));
    world.append(4, 3);
    world.log.up_to(world.log.last().0).take(&world.store()).unwrap();
    let last = world.log.last().0;
    world.compact(last).unwrap();
    world.check();
    world.close();
    world.check();
    finished
}

fn copy_of(world: &World) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_directory(&world.data(), &layout::data_dir(copy.path()));
    copy
}

fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy_directory(&entry.path(), &target),
            false => assert!(fs::copy(entry.path(), target).is_ok()),
        }
    }
}

fn start_of_scenario() -> World {
    let mut world = World::new();
    world.append(2, 11);
    world.close();
    world
}

#[test]
fn a_disk_that_fails_at_any_change_of_taking_compacting_and_installing_leaves_the_old_or_the_new_state() {
    let start = start_of_scenario();
    for own in [2, 14] {
        let end = (0..400).find(|changes| survives(&start, own, *changes, None));
        assert!(end.is_some_and(|end| end > 60), "the scenario must once run to its end: {end:?}");
    }
}

#[test]
fn a_power_loss_at_any_change_of_taking_compacting_and_installing_leaves_the_old_or_the_new_state() {
    let start = start_of_scenario();
    for (seed, own) in [(1, 2), (2, 14)] {
        let end = (0..400).find(|changes| survives(&start, own, *changes, Some(seed * 7_919 + changes)));
        assert!(end.is_some_and(|end| end > 60), "the scenario must once run to its end: {end:?}");
    }
}

#[test]
fn a_trailer_is_as_long_as_it_is_said_to_be() {
    let (meta, bytes) = taken_elsewhere(&World::new().log);
    let trailer = &bytes[bytes.len() - SNAPSHOT_TRAILER_BYTES..];
    assert_eq!(trailer[24..32], meta.digest.to_le_bytes());
}

#[test]
fn a_damaged_log_goes_on_behind_its_intact_part_or_behind_a_newer_snapshot() {
    for (damaged, kept, is_compacted) in [(4, 8, false), (8, 8, false), (9, 8, true), (11, 10, false), (11, 10, true)] {
        let mut world = World::new();
        world.append(2, 12);
        let meta = world.log.up_to(8).take(&world.store()).unwrap();
        if is_compacted {
            world.compact(8).unwrap();
            world.settle();
            assert!(world.check().shape.first > Index(1), "there is less log than state");
        }
        let recovered = world.salvage(damaged);
        assert_eq!(recovered.snapshot.as_ref().map(|loaded| &loaded.meta), Some(&meta), "entry {damaged}");
        let intact = world.log.up_to(kept);
        world.assert_holds(&recovered, &intact);
        let is_told = |note: &Note| matches!(note, Note::Salvaged { last, .. } if last.index.0 == kept);
        assert!(recovered.notes.iter().any(is_told), "{:?}", recovered.notes);
        world.log = intact;
        world.check();
        world.append(3, 4);
        assert!(world.check().is_recovering, "until consensus says otherwise");
    }
}
