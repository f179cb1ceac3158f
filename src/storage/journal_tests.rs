//! What the journal promises, shown on real files: round trips, torn tails, damage, truncation, failure.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};

use super::journal::{Journal, JournalOptions};
use super::layout::{self, Founding, SyncMode};
use super::recovery::{OpenError, Recovered};
use super::segment::{MARKER_BYTES, SEGMENT_HEADER_BYTES};
use crate::codec::{Kind, RECORD_HEADER_BYTES, Settings, WriteBatch, append_record};
use crate::raft::{ClusterId, Config, HardState, Index, LogId, Member, NodeId, Rules, StorageId, Term, WriteSeq};

const OPTIONS: JournalOptions =
    JournalOptions { segment_size_bytes: 64 * 1024, sync: SyncMode::Always, rules: Rules::sound() };

struct Bench {
    _folder: tempfile::TempDir,
    data: PathBuf,
    last: LogId,
    check: u32,
    seq: u64,
}

impl Bench {
    fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("n1");
        let member =
            Member { id: NodeId(1), name: "n1".to_owned(), address: "127.0.0.1:1".to_owned(), storage: StorageId(5) };
        let founding = Founding {
            cluster_id: ClusterId(9),
            node: NodeId(1),
            storage: StorageId(5),
            config: Config::of(vec![member], Vec::new()),
            settings: Settings::default(),
            wall_ms: 1,
        };
        layout::found(&dir, &founding).unwrap();
        let mut bench = Bench { _folder: folder, data: layout::data_dir(&dir), last: LogId::ZERO, check: 0, seq: 0 };
        let (journal, _) = bench.open();
        journal.close().unwrap();
        bench
    }

    fn open(&mut self) -> (Journal, Recovered) {
        let (journal, recovered) = Journal::open(&self.data, OPTIONS).unwrap();
        self.last = LogId { index: recovered.shape.last(), term: recovered.shape.last_id().unwrap().term };
        self.check = recovered.last_check;
        self.seq = 0;
        (journal, recovered)
    }

    /// A batch of entries behind the present end, each with a payload of `size` bytes.
    fn batch(&mut self, term: u64, count: u64, size: usize) -> WriteBatch {
        let mut buffer = BytesMut::new();
        let first = self.last.index.next();
        for _ in 0..count {
            self.last = LogId { index: self.last.index.next(), term: Term(term) };
            let fill = u8::try_from(self.last.index.0 % 251).unwrap();
            self.check = append_record(&mut buffer, self.check, Kind::Command, self.last, 7, |out| {
                out.resize(out.len() + size, fill);
            });
        }
        self.seq += 1;
        WriteBatch {
            seq: WriteSeq(self.seq),
            hard_state: None,
            reset_to: None,
            truncate_from: None,
            records: vec![buffer.freeze()],
            range: Some((first, self.last.index)),
            commit_hint: Index(1),
            compact_to: None,
        }
    }

    fn segments(&self) -> Vec<PathBuf> {
        let mut all: Vec<PathBuf> =
            fs::read_dir(layout::log_dir(&self.data)).unwrap().map(|entry| entry.unwrap().path()).collect();
        // A spare comes when it is ready, and counts for nothing.
        all.retain(|path| path.extension().is_some_and(|ending| ending == "seg"));
        all.sort();
        all
    }
}

fn term_two() -> Option<HardState> {
    Some(HardState { term: Term(2), vote: Some(NodeId(1)) })
}

#[test]
fn what_was_written_is_found_again_after_a_close_and_after_a_kill() {
    let mut bench = Bench::new();
    let (mut journal, found) = bench.open();
    assert_eq!((found.shape.len(), found.hard_state.term, found.notes.len()), (1, Term(1), 0));
    let mut first = bench.batch(2, 3, 100);
    first.hard_state = term_two();
    let second = bench.batch(2, 2, 50);
    assert_eq!(journal.write_group(&[first.clone(), second]).unwrap(), WriteSeq(2));
    drop(journal);
    let (journal, found) = bench.open();
    assert_eq!(found.shape.last(), Index(6));
    assert_eq!(found.hard_state, term_two().unwrap());
    assert_eq!(found.tail.len(), 6);
    assert_eq!(found.tail[1], first.records[0].slice(..RECORD_HEADER_BYTES + 100));
    assert!(!found.notes.is_empty(), "a kill is not a clean close");
    let read = journal.reader().read(Index(2), Index(4), usize::MAX).unwrap();
    assert_eq!(read, first.records[0]);
    journal.close().unwrap();
    let (_journal, found) = bench.open();
    assert_eq!((found.shape.last(), found.notes.len()), (Index(6), 0));
}

/// As `docs/formats.md` says; what the disk and the network carry depends on it.
#[test]
fn a_put_takes_at_most_32_bytes_over_key_and_value() {
    const BATCH: u64 = 64;
    // A put is encoded with five bytes over these two; `codec::entry` has a test of that.
    const KEY_AND_VALUE_BYTES: usize = 16 + 256;
    let mut bench = Bench::new();
    let (mut journal, _) = bench.open();
    let segment = bench.segments().pop().unwrap();
    let used = || fs::read(&segment).unwrap().iter().rposition(|byte| *byte != 0).unwrap();
    let mut write = |number: u64| {
        let batch = bench.batch(1, BATCH, KEY_AND_VALUE_BYTES + 5);
        assert_eq!(journal.write_group(&[batch]).unwrap(), WriteSeq(number));
        used()
    };
    let bytes = write(1).abs_diff(write(2)) as f64 / BATCH as f64;
    assert_eq!(bytes - KEY_AND_VALUE_BYTES as f64, 31.75);
}

#[test]
fn a_log_cut_at_every_byte_of_its_unsynced_tail_opens_with_all_that_was_synced() {
    let mut bench = Bench::new();
    let (mut journal, _) = bench.open();
    let mut synced = bench.batch(2, 2, 30);
    synced.hard_state = term_two();
    journal.write_group(&[synced]).unwrap();
    let segment = bench.segments().pop().unwrap();
    let tail = bench.batch(2, 3, 20);
    journal.write_group(std::slice::from_ref(&tail)).unwrap();
    drop(journal);
    let after = fs::read(&segment).unwrap();
    let length = tail.records[0].len();
    let start = after.windows(length).position(|window| window == &tail.records[0][..]).unwrap();
    for cut in 0..=length {
        let mut image = after.clone();
        image[start + cut..].fill(0);
        fs::write(&segment, &image).unwrap();
        let (journal, found) =
            Journal::open(&bench.data, OPTIONS).unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
        let whole = cut / (RECORD_HEADER_BYTES + 20);
        assert_eq!(found.shape.last(), Index(3 + whole as u64), "cut at {cut}");
        drop(journal);
        let (_journal, again) = Journal::open(&bench.data, OPTIONS).unwrap();
        assert_eq!(again.shape.last(), found.shape.last(), "what recovery kept it keeps");
        fs::write(&segment, &after).unwrap();
    }
}

/// Every live byte of a cleanly closed directory, one bit at a time: never opened as if nothing had happened.
#[test]
fn a_flipped_bit_in_a_cleanly_closed_directory_is_refused_by_name_and_place() {
    let mut bench = Bench::new();
    let (mut journal, _) = bench.open();
    let mut batch = bench.batch(2, 2, 10);
    batch.hard_state = term_two();
    journal.write_group(&[batch]).unwrap();
    journal.close().unwrap();
    let segment = bench.segments().pop().unwrap();
    let records = SEGMENT_HEADER_BYTES..live_end(&segment);
    let header = (0..96).chain(SEGMENT_HEADER_BYTES - 4..SEGMENT_HEADER_BYTES);
    flip_each(&bench.data, &segment, header.chain(records));
    let hard_state = layout::hard_state_file(&bench.data);
    flip_each(&bench.data, &hard_state, (0..104).chain(4092..4096 + 104).chain(8188..8192));
}

#[test]
fn a_flipped_bit_in_synced_data_is_refused_after_a_kill_too() {
    let mut bench = Bench::new();
    let (mut journal, _) = bench.open();
    let mut batch = bench.batch(2, 2, 10);
    batch.hard_state = term_two();
    journal.write_group(&[batch]).unwrap();
    drop(journal);
    let segment = bench.segments().pop().unwrap();
    flip_each(&bench.data, &segment, SEGMENT_HEADER_BYTES..live_end(&segment) - MARKER_BYTES);
}

/// Where the last marker ends: its last field is a small number, of which all bytes but the first are zero.
fn live_end(segment: &Path) -> usize {
    fs::read(segment).unwrap().iter().rposition(|byte| *byte != 0).unwrap() + size_of::<u64>()
}

fn flip_each(data: &Path, file: &Path, bytes: impl Iterator<Item = usize>) {
    let image = fs::read(file).unwrap();
    let in_use = layout::in_use_file(data);
    let was_in_use = in_use.exists();
    for byte in bytes {
        let mut damaged = image.clone();
        damaged[byte] ^= 1 << (byte % 8);
        fs::write(file, &damaged).unwrap();
        match Journal::open(data, OPTIONS) {
            Err(OpenError::Damaged(damage)) => assert!(damage.to_string().contains("at byte"), "{damage}"),
            Err(other) => panic!("byte {byte} of {}: {other}", file.display()),
            Ok(_) => panic!("byte {byte} of {} went unnoticed", file.display()),
        }
        assert_eq!(in_use.exists(), was_in_use, "a refused open changes nothing");
    }
    fs::write(file, &image).unwrap();
}

#[test]
fn a_replaced_tail_stays_replaced_whatever_comes_after() {
    let mut bench = Bench::new();
    let (mut journal, _) = bench.open();
    let mut old = bench.batch(2, 2, 10);
    old.hard_state = term_two();
    journal.write_group(&[old]).unwrap();
    let kept = (bench.last, bench.check);
    let conflicting = bench.batch(2, 5, 10);
    journal.write_group(&[conflicting]).unwrap();
    (bench.last, bench.check) = kept;
    let mut new = bench.batch(3, 1, 10);
    new.truncate_from = Some(Index(4));
    new.hard_state = Some(HardState { term: Term(3), vote: None });
    journal.write_group(&[new]).unwrap();
    let reader = journal.reader();
    assert!(reader.read(Index(5), Index(5), 1).is_err(), "replaced entries are not read");
    drop(journal);
    let (journal, found) = bench.open();
    assert_eq!(found.shape.terms, [(Term(1), 1), (Term(2), 2), (Term(3), 1)]);
    let read = journal.reader().read(Index(2), Index(3), usize::MAX).unwrap();
    assert_eq!(read.len(), 2 * RECORD_HEADER_BYTES + 20, "what is before the cut is still read from the older segment");
}

#[test]
fn segments_roll_and_a_record_larger_than_one_has_its_own() {
    let mut bench = Bench::new();
    let (mut journal, _) = bench.open();
    for round in 0..40 {
        let mut batch = bench.batch(2, 3, 1_000);
        batch.hard_state = term_two().filter(|_| round == 0);
        journal.write_group(&[batch]).unwrap();
    }
    let large = bench.batch(2, 1, 200_000);
    journal.write_group(&[large]).unwrap();
    let small = bench.batch(2, 1, 10);
    journal.write_group(&[small]).unwrap();
    assert!(bench.segments().len() >= 4, "{} segments", bench.segments().len());
    let last = bench.last.index;
    drop(journal);
    let (journal, found) = bench.open();
    assert_eq!(found.shape.last(), last);
    let mut next = Index(1);
    while next <= last {
        let read = journal.reader().read(next, last, 10_000).unwrap();
        assert!(!read.is_empty());
        next = next + count_records(&read);
    }
    journal.close().unwrap();
    let (_journal, again) = bench.open();
    assert_eq!(again.shape.last(), last);
    let missing = bench.segments()[1].clone();
    drop(_journal);
    fs::remove_file(&missing).unwrap();
    assert!(matches!(Journal::open(&bench.data, OPTIONS), Err(OpenError::Damaged(_))), "a hole is never skipped");
}

fn count_records(bytes: &Bytes) -> u64 {
    let mut count = 0;
    let mut at = 0;
    while at < bytes.len() {
        at += crate::codec::RecordHeader::read(&bytes[at..], Index(0)).unwrap().total_bytes();
        count += 1;
    }
    count
}

#[test]
fn a_directory_has_one_writer_and_is_made_once() {
    let mut bench = Bench::new();
    let (journal, _) = bench.open();
    assert!(matches!(Journal::open(&bench.data, OPTIONS), Err(OpenError::Locked { .. })));
    journal.close().unwrap();
    let empty = bench.data.join("nothing-here");
    assert!(matches!(Journal::open(&empty, OPTIONS), Err(OpenError::NotFounded { .. })));
}
