//! What is left of a damaged log, shown on real files: whatever is damaged, the entries before it stay, everything
//! behind it is set aside whole, and the directory remembers that it recovers.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::disk::RealDisk;
use super::journal::{Journal, JournalOptions};
use super::layout::{self, Founding, OnCorruption, SyncMode};
use super::recovery::{Note, OpenError, Recovered};
use crate::codec::{Kind, RecordHeader, Settings, WriteBatch, append_record};
use crate::raft::{ClusterId, Config, HardState, Index, LogId, Member, NodeId, Rules, StorageId, Term, WriteSeq};

/// Nobody cuts the power here.
const OPTIONS: JournalOptions =
    JournalOptions { segment_size_bytes: layout::SEGMENT_SIZE_BYTES_MIN, sync: SyncMode::None, rules: Rules::sound() };

/// Entries in the log, the configuration among them; they fill three segments.
const ENTRIES: u64 = 40;

const PAYLOAD_BYTES: usize = 1_000;

/// A node's data directory with a log of several segments, closed in good order.
struct Bench {
    folder: tempfile::TempDir,
    records: Vec<Bytes>,
}

impl Bench {
    fn new(members: u64) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let member = |id: u64| Member {
            id: NodeId(id),
            name: format!("n{id}"),
            address: format!("127.0.0.1:{id}"),
            storage: StorageId(u128::from(id)),
        };
        let founding = Founding {
            cluster_id: ClusterId(9),
            node: NodeId(1),
            storage: StorageId(1),
            config: Config::of((1..=members).map(member).collect(), Vec::new()),
            settings: Settings::default(),
            wall_ms: 1,
        };
        layout::found(folder.path(), &founding).unwrap();
        let mut bench = Bench { folder, records: Vec::new() };
        let (mut journal, recovered) = bench.open(OnCorruption::Refuse).unwrap();
        bench.records = recovered.tail;
        for seq in 1..ENTRIES {
            let batch = bench.next_batch(seq);
            journal.write_group(&[batch]).unwrap();
        }
        journal.close().unwrap();
        bench
    }

    fn next_batch(&mut self, seq: u64) -> WriteBatch {
        let index = self.records.len() as u64 + 1;
        let link = RecordHeader::peek(self.records.last().unwrap(), Index(0)).unwrap().check;
        let mut record = BytesMut::new();
        append_record(&mut record, link, Kind::Command, LogId::new(index, 1), 1, |out| {
            out.extend_from_slice(&vec![(index % 251) as u8; PAYLOAD_BYTES]);
        });
        let record = record.freeze();
        self.records.push(record.clone());
        WriteBatch {
            seq: WriteSeq(seq),
            hard_state: None,
            reset_to: None,
            truncate_from: None,
            records: vec![record],
            range: Some((Index(index), Index(index))),
            commit_hint: Index(index - 1),
            compact_to: None,
        }
    }

    fn data(&self) -> PathBuf {
        layout::data_dir(self.folder.path())
    }

    fn open(&self, on_corruption: OnCorruption) -> Result<(Journal, Recovered), OpenError> {
        Journal::open_as(Arc::new(RealDisk), &self.data(), OPTIONS, on_corruption)
    }

    fn segments(&self) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> =
            fs::read_dir(layout::log_dir(&self.data())).unwrap().map(|entry| entry.unwrap().path()).collect();
        found.sort();
        found
    }

    /// The segment that holds an entry, and where in it.
    fn place_of(&self, index: u64) -> (PathBuf, usize) {
        let record = &self.records[usize::try_from(index).unwrap() - 1];
        let find = |path: PathBuf| {
            let bytes = fs::read(&path).unwrap();
            let at = bytes.windows(record.len()).position(|window| window == &record[..])?;
            Some((path, at))
        };
        self.segments().into_iter().find_map(find).unwrap()
    }

    /// Opens the damaged directory and checks that exactly the entries before `first_lost` are there, now and later.
    fn expect_kept(&mut self, first_lost: u64) -> Vec<Note> {
        assert!(matches!(self.open(OnCorruption::Refuse), Err(OpenError::Damaged(_))), "it is damage");
        let before = everything_in(&self.data());
        let (journal, recovered) = self.open(OnCorruption::Recover).unwrap();
        assert_eq!(recovered.shape.last(), Index(first_lost - 1));
        assert!(recovered.is_recovering && recovered.commit_hint < Index(first_lost));
        assert_eq!(recovered.hard_state, HardState { term: Term(1), vote: None }, "term and vote are kept");
        let after = everything_in(&self.data());
        for record in &self.records {
            let is_in = |all: &[u8]| all.windows(record.len()).any(|window| window == &record[..]);
            assert!(!is_in(&before) || is_in(&after), "nothing that was readable is thrown away");
        }
        drop(journal);

        self.records.truncate(usize::try_from(first_lost).unwrap() - 1);
        let (mut journal, again) = self.open(OnCorruption::Refuse).unwrap();
        assert!(again.is_recovering, "the directory remembers it");
        assert_eq!(again.shape.last(), Index(first_lost - 1), "what was set aside does not come back");
        for seq in 1..=20 {
            let batch = self.next_batch(seq);
            journal.write_group(&[batch]).unwrap();
        }
        journal.close().unwrap();
        layout::end_recovery(&self.data()).unwrap();
        let (_journal, healed) = self.open(OnCorruption::Refuse).unwrap();
        assert!(!healed.is_recovering);
        assert_eq!(healed.shape.last(), Index(first_lost + 19));
        recovered.notes
    }
}

fn everything_in(dir: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { all.extend(everything_in(&path)) } else { all.extend(fs::read(&path).unwrap()) }
    }
    all
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

#[test]
fn whichever_record_is_damaged_the_ones_before_it_stay() {
    for index in 2..=ENTRIES {
        let mut bench = Bench::new(3);
        let (path, at) = bench.place_of(index);
        flip(&path, at + 60);
        let notes = bench.expect_kept(index);
        let Some(Note::Salvaged { damage, last }) = notes.iter().find(|note| matches!(note, Note::Salvaged { .. }))
        else {
            panic!("the damage is told: {notes:?}");
        };
        assert_eq!((damage.offset, *last), (at as u64, LogId::new(index - 1, 1)));
        assert!(notes.iter().any(|note| matches!(note, Note::SetAside { offset, .. } if *offset == at as u64)));
    }
}

#[test]
fn a_segment_that_is_missing_or_has_a_bad_header_ends_the_log_before_it() {
    for damage in [|path: &Path| flip(path, 20), |path: &Path| fs::remove_file(path).unwrap()] {
        for number in 1..3 {
            let mut bench = Bench::new(3);
            let path = bench.segments()[number].clone();
            let name = path.file_name().unwrap().to_str().unwrap();
            let (_, first) = layout::parse_segment_name(name).unwrap();
            damage(&path);
            bench.expect_kept(first.0);
        }
    }
}

#[test]
fn what_peers_cannot_repair_is_refused_and_left_as_it_is() {
    let refused = |bench: &Bench| {
        let before = everything_in(&bench.data());
        let error = bench.open(OnCorruption::Recover).map(drop).expect_err("it cannot be repaired");
        assert_eq!(everything_in(&bench.data()), before, "nothing was changed");
        error
    };
    let alone = Bench::new(1);
    let (path, at) = alone.place_of(20);
    flip(&path, at + 60);
    assert!(matches!(refused(&alone), OpenError::Damaged(_)), "nobody else has the log");

    let headless = Bench::new(3);
    let (path, at) = headless.place_of(1);
    flip(&path, at + 60);
    assert!(matches!(refused(&headless), OpenError::Damaged(_)), "the first configuration is gone");

    let forgetful = Bench::new(3);
    fs::remove_file(layout::hard_state_file(&forgetful.data())).unwrap();
    assert!(matches!(refused(&forgetful), OpenError::Damaged(_)), "a vote may be forgotten (R65)");
}

#[test]
fn a_disk_that_is_damaged_again_and_again_is_not_trusted() {
    let bench = Bench::new(3);
    fs::create_dir_all(layout::damaged_dir(&bench.data()).join("16")).unwrap();
    let (path, at) = bench.place_of(20);
    flip(&path, at + 60);
    assert!(matches!(bench.open(OnCorruption::Recover), Err(OpenError::Damaged(_))));
}
