//! The front: one writer with group commit, any number of readers.
//!
//! Promises: what `write_group` returned is durable, in the order it was handed over, whatever happens next; a group
//! that failed may be there in part, but never with a hole, and the journal refuses everything after it (R60). The
//! hard state of a group is durable before the first byte of its truncations and entries (R57, I11).
//!
//! Old entries go where a durable snapshot covers them, whole segments at a time (`compact_to`, R84); an installed
//! snapshot replaces the log in one step (`reset_to`, R86). Snapshots that the log no longer begins behind go with it.
//!
//! The last hard state of a group goes first and stands for all of them. That is one update instead of several, and
//! as safe: an update that is durable early is a vote or a term nobody was told of yet.
//!
//! Blocking; meant to be driven by one thread. Decides nothing: wrong input is a bug of the caller and asserted.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{Disk, DiskLock, RealDisk};
use super::hard_state::HardStateFile;
use super::layout::{self, OnCorruption, SyncMode};
use super::positions::{LogReader, ReadError};
use super::recovery::{self, OpenError, Recovered};
use super::room::{DiskRoom, Floors};
use super::snapshot::{SNAPSHOTS_KEPT, SnapshotStore};
use super::snapshot_file::SnapshotError;
use super::wal::{SyncLatency, Wal};
use crate::codec::WriteBatch;
use crate::raft::{Index, LogId, Rule, Rules, SnapshotMeta, WriteSeq};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalOptions {
    /// A full segment is followed by a new one; between `layout::SEGMENT_SIZE_BYTES_MIN` and `_MAX`.
    pub segment_size_bytes: u64,
    pub sync: SyncMode,
    pub rules: Rules,
}

/// The only writer of a data directory, which it holds locked. Dropping it without `close` is like a crash.
#[derive(Debug)]
pub struct Journal {
    disk: Arc<dyn Disk>,
    data_dir: PathBuf,
    wal: Wal,
    hard_state: HardStateFile,
    rules: Rules,
    snapshots: SnapshotStore,
    written: WriteSeq,
    /// The first failure, after which nothing is written any more.
    stopped: Option<String>,
    /// Held until everything else is gone.
    _lock: Box<dyn DiskLock>,
}

/// Why a group was not written. The journal refuses everything after (R60).
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("reading the entry that a truncation keeps: {source}")]
    Truncation { source: ReadError },
    #[error("the snapshot that takes the place of entries: {source}")]
    Snapshot { source: SnapshotError },
    #[error("the journal stopped after an earlier failure: {first}")]
    Stopped { first: String },
}

impl Journal {
    /// Locks the directory, proves the log, cuts a torn tail, and makes it ready to write.
    ///
    /// # Errors
    /// Refuses a directory that is locked, missing, damaged or of another version; then nothing in it was changed.
    pub fn open(data_dir: &Path, options: JournalOptions) -> Result<(Journal, Recovered), OpenError> {
        Journal::open_on(Arc::new(RealDisk), data_dir, options)
    }

    /// `open` on any disk.
    pub fn open_on(
        disk: Arc<dyn Disk>,
        data_dir: &Path,
        options: JournalOptions,
    ) -> Result<(Journal, Recovered), OpenError> {
        Journal::open_as(disk, data_dir, options, OnCorruption::Refuse)
    }

    /// `open_on`, or when the log is damaged and `on_corruption` allows it, with the intact part of it: the rest is set
    /// aside, and `Recovered` says that this node may hold less than it has acknowledged (R64).
    ///
    /// # Errors
    /// As `open`; and a damaged log that peers cannot repair.
    pub fn open_as(
        disk: Arc<dyn Disk>,
        data_dir: &Path,
        options: JournalOptions,
        on_corruption: OnCorruption,
    ) -> Result<(Journal, Recovered), OpenError> {
        let sync = if options.rules.keeps(Rule::SyncBeforeDone) { options.sync } else { SyncMode::None };
        let opened = recovery::open(disk.clone(), data_dir, JournalOptions { sync, ..options }, on_corruption)?;
        let journal = Journal {
            disk,
            data_dir: data_dir.to_path_buf(),
            wal: opened.wal,
            hard_state: opened.hard_state,
            rules: options.rules,
            snapshots: opened.snapshots,
            written: WriteSeq::default(),
            stopped: None,
            _lock: opened.lock,
        };
        Ok((journal, opened.recovered))
    }

    /// Makes the batches durable, in order, with as few writes and syncs as possible; returns the highest number.
    ///
    /// Numbers rise from batch to batch. A group without batches writes nothing.
    ///
    /// # Errors
    /// Any failure is for ever: how much of the group is on disk is known only after a restart.
    pub fn write_group(&mut self, batches: &[WriteBatch]) -> Result<WriteSeq, WriteError> {
        self.latched(|journal| journal.write(batches))?;
        Ok(self.written)
    }

    /// Reads what is durable, from any thread, while writing goes on.
    pub fn reader(&self) -> LogReader {
        self.wal.reader()
    }

    /// The snapshots of this directory, for another thread to take, send and receive.
    pub fn snapshots(&self) -> SnapshotStore {
        self.snapshots.clone()
    }

    /// From now on, holds a part of the disk back and keeps an eye on the rest. To be called before `snapshots`.
    ///
    /// # Errors
    /// The disk cannot be asked, or refuses what is not for want of room.
    pub fn hold_room(&mut self, floors: Floors) -> io::Result<Arc<DiskRoom>> {
        let room = Arc::new(DiskRoom::hold(self.disk.clone(), &self.data_dir, floors)?);
        self.wal.room = Some(room.clone());
        self.snapshots.room = Some(room.clone());
        Ok(room)
    }

    /// How long recent syncs of the log took; stays true while writing goes on.
    pub fn sync_latency(&self) -> Arc<SyncLatency> {
        self.wal.latency()
    }

    /// Marks the directory cleanly closed: from now on a flipped bit anywhere in it is known to be damage.
    ///
    /// # Errors
    /// The directory then counts as not cleanly closed; nothing acknowledged is lost.
    pub fn close(mut self) -> Result<(), WriteError> {
        self.latched(|journal| {
            journal.wal.flush()?;
            // The last group's marker is not synced yet, and what is before a marker must be (R61).
            journal.wal.sync()?;
            journal.wal.mark()?;
            journal.wal.sync()?;
            journal.wal.give_up_spare()?;
            let hard_state = journal.hard_state.slot().hard_state;
            let (hint, end) = (journal.wal.commit_hint(), journal.wal.end());
            let in_use = layout::in_use_file(&journal.data_dir);
            let closed = journal
                .hard_state
                .update(hard_state, hint, Some(end))
                .and_then(|()| journal.disk.remove(&in_use))
                .and_then(|()| journal.disk.sync_directory(&journal.data_dir));
            closed.map_err(|source| WriteError::Io { path: in_use, source })
        })
    }

    fn write(&mut self, batches: &[WriteBatch]) -> Result<(), WriteError> {
        let hard_state_first = self.rules.keeps(Rule::HardStateFirst);
        if hard_state_first {
            self.write_hard_state(batches)?;
        }
        for batch in batches {
            assert!(batch.seq > self.written, "writes are numbered and rise (R54)");
            if let Some(meta) = &batch.reset_to {
                assert_eq!(batch.truncate_from, None, "nothing is left to truncate when the log is discarded");
                self.reset(meta)?;
            }
            self.wal.note_commit(batch.commit_hint);
            if let Some(from) = batch.truncate_from {
                self.wal.truncate(from)?;
            }
            let before = self.wal.tip().id.index;
            for records in &batch.records {
                self.wal.append(records)?;
            }
            let range = Some((before.next(), self.wal.tip().id.index)).filter(|(first, last)| first <= last);
            assert_eq!(batch.range, range, "a batch says which entries it holds");
            self.written = batch.seq;
        }
        if !hard_state_first {
            self.wal.flush()?;
            return self.write_hard_state(batches);
        }
        let term = self.hard_state.slot().hard_state.term;
        assert!(self.wal.tip().id.term <= term, "no entry is of a later term than the durable one (I11)");
        self.wal.flush()?;
        if let Some(index) = batches.iter().filter_map(|batch| batch.compact_to).max() {
            self.compact(index)?;
        }
        self.wal.remove_some()
    }

    /// Gives the whole log up for a snapshot. Its file is there before, so whenever the machine stops, either the log or
    /// the snapshot is whole.
    fn reset(&mut self, meta: &SnapshotMeta) -> Result<(), WriteError> {
        let head = self.snapshots.head(meta.last).map_err(|source| WriteError::Snapshot { source })?;
        assert_eq!(head.link, meta.link, "a snapshot is durable before the log is discarded for it (R86)");
        self.wal.reset(meta.last, meta.link)?;
        self.prune(|last| last.index >= meta.last.index, meta.last)
    }

    /// Forgets old segments, and snapshots that the log does not need any more.
    fn compact(&mut self, index: Index) -> Result<(), WriteError> {
        let (installed, damaged) = self.installed()?;
        let Some(newest) = installed.first().copied().filter(|newest| newest.index >= index) else {
            // What covers it was durable, and has been damaged since: nothing is forgotten on such a disk.
            let source = damaged.expect("only what a durable snapshot covers is forgotten (R84)");
            return Err(WriteError::Snapshot { source });
        };
        self.wal.compact(index)?;
        let origin = self.wal.origin().id.index;
        let kept: Vec<LogId> = installed.into_iter().filter(|last| last.index >= origin).take(SNAPSHOTS_KEPT).collect();
        self.prune(|last| kept.contains(&last) || last.index > newest.index, newest)
    }

    /// Last entries of the snapshots that this log goes on behind, the newest first. One that was received and waits to
    /// be installed is none, nor is a damaged one, of which the newest gives its error.
    fn installed(&self) -> Result<(Vec<LogId>, Option<SnapshotError>), WriteError> {
        let failed = |source| WriteError::Io { path: layout::snapshot_dir(&self.data_dir), source };
        let (mut installed, mut damaged) = (Vec::new(), None);
        for last in self.snapshots.list().map_err(failed)?.into_iter().rev() {
            let head = match self.snapshots.head(last) {
                Ok(head) => head,
                Err(source @ SnapshotError::Io { .. }) => return Err(WriteError::Snapshot { source }),
                Err(source) => {
                    damaged.get_or_insert(source);
                    continue;
                }
            };
            if self.wal.known_at(last.index)?.is_some_and(|tip| (tip.id, tip.check) == (last, head.link)) {
                installed.push(last);
            }
        }
        Ok((installed, damaged))
    }

    fn prune(&self, is_needed: impl Fn(LogId) -> bool, newest: LogId) -> Result<(), WriteError> {
        let failed = |source| WriteError::Io { path: layout::snapshot_dir(&self.data_dir), source };
        self.snapshots.prune(newest, is_needed).map_err(failed)
    }

    fn write_hard_state(&mut self, batches: &[WriteBatch]) -> Result<(), WriteError> {
        let Some(newest) = batches.iter().filter_map(|batch| batch.hard_state).next_back() else {
            return Ok(());
        };
        let held = self.hard_state.slot().hard_state;
        assert!(newest.term >= held.term, "the term never falls (R1)");
        assert!(
            newest.term > held.term || held.vote.is_none() || newest.vote == held.vote,
            "a vote is never taken back within its term (R1)"
        );
        // What a snapshot in this group commits is not there yet, and a hint never is ahead of the log (R4).
        let hints = batches.iter().take_while(|batch| batch.reset_to.is_none()).map(|batch| batch.commit_hint);
        let hint = hints.max().unwrap_or(Index(0)).max(self.wal.commit_hint());
        self.hard_state.update(newest, hint, None).map_err(|source| {
            let path = layout::hard_state_file(&self.data_dir);
            WriteError::Io { path, source }
        })
    }

    /// Runs one operation unless an earlier one failed, and remembers its failure.
    fn latched(&mut self, operation: impl FnOnce(&mut Journal) -> Result<(), WriteError>) -> Result<(), WriteError> {
        if let Some(first) = self.stopped.as_ref().filter(|_| self.rules.keeps(Rule::FailStop)) {
            return Err(WriteError::Stopped { first: first.clone() });
        }
        let outcome = operation(self);
        if let Err(error) = &outcome {
            self.stopped = Some(error.to_string());
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::atomic::{AtomicU64, Ordering};

    use bytes::{Bytes, BytesMut};

    use super::super::disk;
    use super::super::failing_disk::FailingDisk;
    use super::super::hard_state::{HARD_STATE_FILE_BYTES, LogEnd, SLOT_BYTES};
    use super::super::layout::{FoundError, Founding};
    use super::super::reader::{self, Damage, DamageKind, Item};
    use super::super::recovery::Note;
    use super::super::segment::{MARKER_BYTES, SEGMENT_HEADER_BYTES, seal_block};
    use super::*;
    use crate::codec::record::{RECORD_HEADER_BYTES, RecordHeader};
    use crate::codec::{Kind, Settings, append_record};
    use crate::raft::{ClusterId, Config, HardState, LogId, Member, NodeId, StorageId, Term};

    const OPTIONS: JournalOptions = JournalOptions {
        segment_size_bytes: layout::SEGMENT_SIZE_BYTES_MIN,
        sync: SyncMode::Always,
        rules: Rules::sound(),
    };

    fn founding() -> Founding {
        let (id, storage) = (NodeId(1), StorageId(77));
        let member = Member { id, name: "n1".to_owned(), address: "127.0.0.1:1".to_owned(), storage };
        let config = Config::of(vec![member], Vec::new());
        Founding { cluster_id: ClusterId(5), node: id, storage, config, settings: Settings::default(), wall_ms: 9 }
    }

    /// A founded node's data directory, and what the log in it must hold.
    struct World {
        directory: tempfile::TempDir,
        journal: Option<Journal>,
        records: Vec<Bytes>,
        term: u64,
        seq: u64,
        commit: u64,
    }

    impl World {
        fn new() -> World {
            let directory = tempfile::tempdir().unwrap();
            layout::found(directory.path(), &founding()).unwrap();
            let mut world = World { directory, journal: None, records: Vec::new(), term: 1, seq: 0, commit: 0 };
            let recovered = world.open().unwrap();
            world.records = recovered.tail;
            world
        }

        fn data(&self) -> PathBuf {
            layout::data_dir(self.directory.path())
        }

        fn segment(&self, sequence: u64) -> PathBuf {
            let start = format!("{sequence:08}-");
            let log = layout::log_dir(&self.data());
            let name = RealDisk.list(&log).unwrap().into_iter().find(|name| name.starts_with(&start)).unwrap();
            log.join(name)
        }

        fn open(&mut self) -> Result<Recovered, OpenError> {
            self.open_on(Arc::new(RealDisk))
        }

        fn open_on(&mut self, disk: Arc<dyn Disk>) -> Result<Recovered, OpenError> {
            self.journal = None;
            let (journal, recovered) = Journal::open_on(disk, &self.data(), OPTIONS)?;
            self.journal = Some(journal);
            self.seq = 0;
            Ok(recovered)
        }

        fn close(&mut self) {
            self.journal.take().unwrap().close().unwrap();
        }

        fn check(&self, index: u64) -> u32 {
            match index {
                0 => 0,
                _ => RecordHeader::peek(&self.records[index as usize - 1], Index(0)).unwrap().check,
            }
        }

        /// A batch that replaces everything from `from` on by entries of these sizes.
        fn batch(&mut self, from: u64, sizes: &[usize]) -> WriteBatch {
            let last = self.records.len() as u64;
            let truncate_from = (from <= last).then_some(Index(from));
            self.records.truncate(from as usize - 1);
            let mut records = Vec::new();
            for (index, size) in (from..).zip(sizes) {
                let mut buffer = BytesMut::new();
                let fill = vec![(index % 251) as u8; *size];
                append_record(
                    &mut buffer,
                    self.check(index - 1),
                    Kind::Command,
                    LogId::new(index, self.term),
                    1,
                    |out| out.extend_from_slice(&fill),
                );
                records.push(buffer.freeze());
                self.records.push(records.last().unwrap().clone());
            }
            self.seq += 1;
            let range = (!sizes.is_empty()).then(|| (Index(from), Index(from + sizes.len() as u64 - 1)));
            let commit_hint = Index(self.commit);
            WriteBatch {
                seq: WriteSeq(self.seq),
                hard_state: None,
                reset_to: None,
                truncate_from,
                records,
                range,
                commit_hint,
                compact_to: None,
            }
        }

        fn append(&mut self, sizes: &[usize]) {
            let batch = self.batch(self.records.len() as u64 + 1, sizes);
            self.write(&[batch]).unwrap();
        }

        fn write(&mut self, batches: &[WriteBatch]) -> Result<WriteSeq, WriteError> {
            self.journal.as_mut().unwrap().write_group(batches)
        }

        fn end(&self) -> LogEnd {
            self.journal.as_ref().unwrap().wal.end()
        }

        /// Everything in the log, as a reader gives it back.
        fn read_all(&self) -> Vec<Bytes> {
            let reader = self.journal.as_ref().unwrap().reader();
            let (mut next, last) = reader.range();
            let mut records = Vec::new();
            while next <= last {
                let mut bytes = reader.read(next, last, 5_000).unwrap();
                while !bytes.is_empty() {
                    let length = RecordHeader::read(&bytes, Index(0)).unwrap().total_bytes();
                    records.push(bytes.split_to(length));
                    next = next.next();
                }
            }
            records
        }
    }

    fn damage_of(error: OpenError) -> Damage {
        match error {
            OpenError::Damaged(damage) | OpenError::Version(damage) => damage,
            other => panic!("damage was expected, not: {other}"),
        }
    }

    /// What is in the log's directory beside segments, with its size.
    fn spares(world: &World) -> Vec<(String, u64)> {
        let log = layout::log_dir(&world.data());
        let names = RealDisk.list(&log).unwrap().into_iter().filter(|name| !name.ends_with(".seg"));
        names.map(|name| (name.clone(), fs::metadata(log.join(name)).unwrap().len())).collect()
    }

    #[test]
    fn the_next_segment_opens_in_room_that_was_made_for_it() {
        let mut world = World::new();
        // This disk does at once what the real one does beside the caller.
        world.open_on(FailingDisk::after(u64::MAX).0).unwrap();
        world.append(&[3_000]);
        assert!(spares(&world).is_empty(), "the segment is not half full");
        world.append(&[3_000]);
        let size = OPTIONS.segment_size_bytes;
        let spare = ("spare.seg.tmp".to_owned(), size);
        assert_eq!(spares(&world), std::slice::from_ref(&spare));
        world.append(&[3_000]);
        world.append(&[3_500]);
        assert!(spares(&world).is_empty(), "it has become the second segment");
        let second = fs::read(world.segment(2)).unwrap();
        let end = world.end();
        assert_eq!((end.sequence, second.len() as u64), (2, size));
        assert!(second[end.offset as usize..].iter().all(|byte| *byte == 0));
        world.append(&[2_000]);
        assert_eq!(spares(&world), [spare], "and has one itself");
        assert_eq!(world.read_all(), world.records);
        world.close();
        assert!(spares(&world).is_empty(), "a clean close leaves none");
        assert_eq!(world.open().unwrap().tail, world.records);
    }

    #[test]
    fn a_spare_is_made_only_where_there_is_plenty_of_room_and_missed_by_nobody() {
        for (beyond, expected) in [(2 * OPTIONS.segment_size_bytes, 1), (2 * OPTIONS.segment_size_bytes - 1, 0)] {
            let mut world = World::new();
            let (disk, faults) = FailingDisk::after(u64::MAX);
            world.open_on(disk).unwrap();
            let floors = Floors::of(0);
            faults.free_bytes.store(floors.low_bytes + (16 << 20) + beyond, Ordering::SeqCst);
            world.journal.as_mut().unwrap().hold_room(floors).unwrap();
            world.append(&[7_000]);
            assert_eq!(spares(&world).len(), expected, "{beyond} bytes to spare");
            world.append(&[8_000, 8_000]);
            assert_eq!(world.read_all(), world.records);
        }
    }

    #[test]
    fn what_was_written_is_there_after_a_clean_close_and_after_a_crash() {
        let mut world = World::new();
        assert_eq!(world.records.len(), 1, "a new log holds the configuration");
        world.append(&[10, 0, 300]);
        world.commit = 3;
        let mut batch = world.batch(5, &[1, 2]);
        world.term = 4;
        batch.hard_state = Some(HardState { term: Term(4), vote: Some(NodeId(1)) });
        let more = world.batch(7, &[5_000]);
        assert_eq!(world.write(&[batch, more]).unwrap(), WriteSeq(3));
        assert_eq!(world.read_all(), world.records);
        for is_clean in [true, false, false, true, true] {
            if is_clean {
                world.close();
            }
            let recovered = world.open().unwrap();
            assert_eq!(recovered.tail, world.records);
            assert_eq!(recovered.tail_first, Index(1));
            assert_eq!(recovered.commit_hint, Index(3));
            assert_eq!(recovered.hard_state, HardState { term: Term(4), vote: Some(NodeId(1)) });
            assert_eq!(recovered.last_check, world.check(7));
            assert_eq!(recovered.shape.terms, [(Term(1), 6), (Term(4), 1)]);
            assert_eq!(recovered.settings, Settings::default());
            let expected: &[Note] = if is_clean { &[] } else { &[Note::NotClosed] };
            assert_eq!(recovered.notes, expected);
            assert_eq!(world.read_all(), world.records);
        }
        world.append(&[7]);
        assert_eq!(world.open().unwrap().tail, world.records);
    }

    #[test]
    fn a_log_cut_at_every_byte_of_its_unsynced_tail_opens_with_everything_synced() {
        let mut world = World::new();
        world.append(&[20, 20]);
        let synced = (world.end().offset, world.records.len());
        world.append(&[30, 0, 9]);
        world.journal = None;
        let (path, in_use) = (world.segment(1), layout::in_use_file(&world.data()));
        let image = fs::read(&path).unwrap();
        let all = world.records.clone();
        let mut ends = vec![synced.0];
        for record in &all[synced.1..] {
            ends.push(ends.last().unwrap() + record.len() as u64);
        }
        assert!(in_use.exists());
        let batch_end = *ends.last().unwrap();
        for cut in synced.0..=batch_end {
            for style in 0..3 {
                let mut bytes = image.clone();
                bytes[cut as usize..].fill(0);
                match style {
                    0 => {}
                    1 => bytes.truncate(cut as usize),
                    _ => bytes[cut as usize..batch_end as usize].fill(0x5a),
                }
                fs::write(&path, &bytes).unwrap();
                let is_whole = |at: usize| {
                    let range = ends[at] as usize..ends[at + 1] as usize;
                    bytes.get(range.clone()) == image.get(range)
                };
                let whole = synced.1 + (0..ends.len() - 1).take_while(|at| is_whole(*at)).count();
                let recovered = world.open().unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
                assert_eq!(recovered.tail, &all[..whole], "cut at {cut}");
                world.records = all[..whole].to_vec();
                world.append(&[11]);
                assert_eq!(world.open().unwrap().tail, world.records, "written behind a cut at {cut}");
                world.journal = None;
            }
        }
    }

    #[test]
    fn stale_bytes_behind_a_torn_record_never_come_back() {
        let mut world = World::new();
        world.append(&[20]);
        let start = world.end().offset as usize;
        world.append(&[30, 30]);
        world.journal = None;
        let path = world.segment(1);
        let mut bytes = fs::read(&path).unwrap();
        bytes[start + 50] ^= 1;
        let marker_at = start + 2 * (RECORD_HEADER_BYTES + 30);
        bytes[marker_at..marker_at + MARKER_BYTES].fill(0);
        fs::write(&path, &bytes).unwrap();
        let torn = 2 * (RECORD_HEADER_BYTES as u64 + 30);
        let recovered = world.open().unwrap();
        assert_eq!(recovered.tail, &world.records[..2]);
        assert!(
            matches!(recovered.notes[0], Note::TornTail { length_bytes, .. } if length_bytes == torn),
            "{:?}",
            recovered.notes
        );
        let bytes = fs::read(&path).unwrap();
        assert!(bytes[world.end().offset as usize..].iter().all(|byte| *byte == 0), "the torn write must be cleared");
    }

    /// Flips one bit after another and returns those that an open did not refuse by file and offset.
    fn unnoticed(world: &mut World, path: &Path, bits: impl Iterator<Item = usize>) -> Vec<usize> {
        let image = fs::read(path).unwrap();
        let file = RealDisk.open_for_writing(path).unwrap();
        let mut unnoticed = Vec::new();
        for bit in bits {
            let byte = bit / 8;
            file.write_at(&[image[byte] ^ (1 << (bit % 8))], byte as u64).unwrap();
            match world.open() {
                Ok(_) => {
                    unnoticed.push(bit);
                    world.journal = None;
                }
                Err(error) => {
                    let damage = damage_of(error);
                    let is_near = damage.offset <= byte as u64;
                    assert!(damage.file.as_ref() == path && is_near, "bit {bit} of {}: {damage}", path.display());
                }
            }
            file.write_at(&image[byte..=byte], byte as u64).unwrap();
        }
        unnoticed
    }

    /// Every bit of the meaningful bytes of a block, and one bit of each byte of its padding.
    fn block_bits(start: usize) -> impl Iterator<Item = usize> {
        let end = start + SEGMENT_HEADER_BYTES;
        let all = move |from: usize, to: usize| from * 8..to * 8;
        all(start, start + 112).chain((start + 112..end - 4).map(|byte| byte * 8 + byte % 8)).chain(all(end - 4, end))
    }

    #[test]
    fn every_flipped_bit_of_a_cleanly_closed_directory_is_refused_by_file_and_offset() {
        let mut world = World::new();
        world.append(&[5, 9_000]);
        world.append(&[9_000]);
        let batch = world.batch(4, &[3]);
        world.write(&[batch]).unwrap();
        world.append(&[3]);
        let end = world.end();
        assert_eq!(end.sequence, 3, "one roll and one truncation");
        world.close();
        let end = LogEnd { offset: end.offset + MARKER_BYTES as u64, ..end };
        let hard_state = layout::hard_state_file(&world.data());
        let bits = block_bits(0).chain(block_bits(SLOT_BYTES));
        assert_eq!(unnoticed(&mut world, &hard_state, bits), [] as [usize; 0]);
        let last = world.segment(3);
        let bits = block_bits(0).chain(SEGMENT_HEADER_BYTES * 8..end.offset as usize * 8);
        assert_eq!(unnoticed(&mut world, &last, bits), [] as [usize; 0]);
        let first = world.segment(1);
        let first_end = SEGMENT_HEADER_BYTES + world.records[..3].iter().map(Bytes::len).sum::<usize>();
        let markers_end = first_end + 3 * MARKER_BYTES;
        let big = SEGMENT_HEADER_BYTES + 2_000..first_end - 1_000;
        let bytes = (SEGMENT_HEADER_BYTES..markers_end).filter(|byte| !big.contains(byte) || byte % 37 == 0);
        let bits = block_bits(0).chain(bytes.map(|byte| byte * 8 + byte % 8));
        assert_eq!(unnoticed(&mut world, &first, bits), [] as [usize; 0]);
        assert_eq!(world.open().unwrap().tail, world.records);
    }

    #[test]
    fn a_flipped_bit_in_synced_data_of_an_unclean_directory_is_refused() {
        let mut world = World::new();
        world.append(&[5, 40]);
        world.append(&[6]);
        let end = world.end().offset as usize;
        world.journal = None;
        let path = world.segment(1);
        let synced = end - MARKER_BYTES;
        let bits = block_bits(0).chain(SEGMENT_HEADER_BYTES * 8..synced * 8);
        assert_eq!(unnoticed(&mut world, &path, bits), [] as [usize; 0]);
    }

    /// After a kill a write without its marker may be torn, or synced and damaged since: no reader can tell. It is cut where
    /// it stops being whole, and what was cut is named.
    #[test]
    fn a_flipped_bit_in_a_last_group_without_its_marker_is_cut_and_named_by_offset_and_length() {
        let mut world = World::new();
        world.append(&[5, 40]);
        let start = world.end().offset as usize;
        world.append(&[30, 30]);
        world.journal = None;
        let path = world.segment(1);
        let mut image = fs::read(&path).unwrap();
        let end = start + 2 * (RECORD_HEADER_BYTES + 30);
        image[end..end + MARKER_BYTES].fill(0);
        for bit in start * 8..end * 8 {
            let mut flipped = image.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &flipped).unwrap();
            let recovered = world.open().unwrap_or_else(|error| panic!("bit {bit}: {error}"));
            let whole = 3 + (bit / 8 - start) / (RECORD_HEADER_BYTES + 30);
            assert_eq!(recovered.tail, &world.records[..whole], "bit {bit}");
            let cut = start + (whole - 3) * (RECORD_HEADER_BYTES + 30);
            let note = Note::TornTail {
                file: Arc::from(path.as_path()),
                offset: cut as u64,
                length_bytes: (end - cut) as u64,
            };
            assert_eq!(recovered.notes, [note, Note::NotClosed], "bit {bit}");
            assert!(recovered.notes[0].to_string().contains("may have been synced"));
            world.journal = None;
        }
    }

    #[test]
    fn a_damaged_slot_of_an_open_directory_is_answered_by_the_other_one() {
        for slot in 0..2 {
            let mut world = World::new();
            world.journal = None;
            let path = layout::hard_state_file(&world.data());
            let mut bytes = fs::read(&path).unwrap();
            bytes[slot * SLOT_BYTES + 70] ^= 4;
            fs::write(&path, &bytes).unwrap();
            let recovered = world.open().unwrap();
            assert_eq!(recovered.hard_state, HardState { term: Term(1), vote: None });
            assert!(matches!(recovered.notes[0], Note::HardStateSlot { slot: found, .. } if found == slot));
            world.journal = None;
            bytes[70] ^= 1;
            bytes[SLOT_BYTES + 70] ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert_eq!(damage_of(world.open().unwrap_err()).kind, DamageKind::HardState);
        }
    }

    #[test]
    fn a_missing_segment_is_refused() {
        for gone in 1..=3 {
            let mut world = World::new();
            world.append(&[9_000, 9_000, 9_000]);
            assert_eq!(world.end().sequence, 3);
            world.journal = None;
            fs::remove_file(world.segment(gone)).unwrap();
            assert_eq!(damage_of(world.open().unwrap_err()).kind, DamageKind::Missing, "segment {gone}");
        }
    }

    #[test]
    fn a_truncation_replaces_the_tail_for_good() {
        let mut world = World::new();
        world.append(&[9_000, 9_000, 50, 60]);
        for from in [5, 3, 3, 2] {
            world.term += 1;
            let mut batch = world.batch(from, &[70, 10_000]);
            batch.hard_state = Some(HardState { term: Term(world.term), vote: None });
            world.write(&[batch]).unwrap();
            assert_eq!(world.read_all(), world.records);
            assert_eq!(world.open().unwrap().tail, world.records);
            world.close();
            assert_eq!(world.open().unwrap().tail, world.records);
            assert_eq!(world.read_all(), world.records);
        }
    }

    /// Writes three groups: appended, rolled, truncated. Returns the log after each, and how many succeeded.
    fn scenario(world: &mut World) -> (Vec<Vec<Bytes>>, usize) {
        let mut states = vec![world.records.clone()];
        let mut succeeded = 0;
        let mut is_alive = true;
        for (from, sizes) in [(2, &[100, 9_000][..]), (4, &[9_000, 20][..]), (4, &[30, 40, 50][..])] {
            world.term += 1;
            let mut batch = world.batch(from, sizes);
            batch.hard_state = Some(HardState { term: Term(world.term), vote: None });
            states.push(world.records.clone());
            is_alive = is_alive && world.write(&[batch]).is_ok();
            succeeded += usize::from(is_alive);
        }
        (states, succeeded)
    }

    /// Runs the scenario on a disk that fails after so many changes, then loses power if `random` is given, then
    /// recovers on a disk that may fail again, and checks that all that was acknowledged is there. True when the
    /// scenario ran to its end.
    fn survives(changes: u64, mut random: Option<u64>) -> bool {
        let mut world = World::new();
        world.close();
        let (disk, faults) = FailingDisk::after(changes);
        let (states, succeeded) = match world.open_on(disk) {
            Ok(_) => scenario(&mut world),
            Err(OpenError::Io { .. }) => (vec![world.records.clone()], 0),
            Err(other) => panic!("failing after {changes} changes: {other}"),
        };
        let finished = world.journal.take().is_some_and(|journal| journal.close().is_ok());
        if let Some(random) = &mut random {
            faults.lose_power(random);
            let (disk, faults) = FailingDisk::after(*random % 20);
            let outcome = world.open_on(disk);
            assert!(matches!(outcome, Ok(_) | Err(OpenError::Io { .. })), "after {changes} changes: {outcome:?}");
            world.journal = None;
            faults.lose_power(random);
        }
        let recovered = world.open().unwrap_or_else(|error| panic!("after {changes} changes: {error}"));
        let (old, new) = (&states[succeeded], states.get(succeeded + 1).unwrap_or(&states[succeeded]));
        let kept = old.iter().zip(new).take_while(|(old, new)| old == new).count();
        let is_between = recovered.tail == *old || recovered.tail.len() >= kept && new.starts_with(&recovered.tail);
        assert!(is_between, "after {changes} changes, {succeeded} groups: {}", recovered.tail.len());
        world.records = recovered.tail;
        world.term = recovered.hard_state.term.0;
        world.append(&[5]);
        world.close();
        assert_eq!(world.open().unwrap().tail, world.records, "after {changes} changes and one more entry");
        finished
    }

    #[test]
    fn a_disk_that_fails_after_any_change_leaves_a_log_that_opens_with_all_that_was_acknowledged() {
        let end = (0..200).find(|changes| survives(*changes, None));
        assert!(end.is_some_and(|end| end > 20), "the scenario must once run to its end");
    }

    #[test]
    fn a_power_loss_at_any_change_leaves_a_log_that_opens_with_all_that_was_acknowledged() {
        for seed in 1..=3 {
            let end = (0..200).find(|changes| survives(*changes, Some(seed * 7_919 + changes)));
            assert!(end.is_some_and(|end| end > 20), "the scenario must once run to its end");
        }
    }

    #[test]
    fn after_a_failure_everything_is_refused_even_if_the_disk_works_again() {
        let mut world = World::new();
        world.close();
        let (disk, faults) = FailingDisk::after(1_000);
        world.open_on(disk).unwrap();
        world.append(&[1]);
        faults.budget.store(2, Ordering::SeqCst);
        let batch = world.batch(3, &[2]);
        assert!(matches!(world.write(&[batch]), Err(WriteError::Io { .. })));
        faults.budget.store(1_000, Ordering::SeqCst);
        let batch = world.batch(4, &[3]);
        assert!(matches!(world.write(&[batch]), Err(WriteError::Stopped { .. })));
        assert!(matches!(world.journal.take().unwrap().close(), Err(WriteError::Stopped { .. })));
        assert!(world.open().unwrap().notes.contains(&Note::NotClosed));
    }

    #[test]
    fn a_group_costs_one_sync_however_many_batches_it_has() {
        let mut world = World::new();
        world.close();
        let (disk, faults) = FailingDisk::after(1_000);
        world.open_on(disk).unwrap();
        world.append(&[1]);
        let batches: Vec<WriteBatch> = (0..25).map(|at| world.batch(3 + at, &[100])).collect();
        let before = faults.left();
        world.write(&batches).unwrap();
        assert_eq!(before - faults.left(), 3, "one write, one sync, one marker");
    }

    #[test]
    fn an_open_directory_is_locked() {
        let world = World::new();
        assert!(layout::is_locked(world.directory.path()).unwrap());
        assert!(matches!(Journal::open(&world.data(), OPTIONS), Err(OpenError::Locked { .. })));
    }

    #[test]
    fn another_version_is_refused_with_both_named() {
        let mut world = World::new();
        world.close();
        let path = world.segment(1);
        let mut bytes = fs::read(&path).unwrap();
        bytes[8] = 9;
        seal_block(&mut bytes[..SEGMENT_HEADER_BYTES]);
        fs::write(&path, &bytes).unwrap();
        let error = world.open().unwrap_err();
        assert!(matches!(error, OpenError::Version(_)));
        assert!(error.to_string().contains("version 9 is not known; this program reads version 1"), "{error}");
    }

    #[test]
    fn nothing_is_founded_over_what_is_there_and_nothing_opened_that_was_not_founded() {
        let world = World::new();
        assert!(matches!(layout::found(world.directory.path(), &founding()), Err(FoundError::Exists { .. })));
        let empty = tempfile::tempdir().unwrap();
        assert!(matches!(Journal::open(empty.path(), OPTIONS), Err(OpenError::NotFounded { .. })));
        fs::remove_file(layout::hard_state_file(&world.data())).unwrap();
        let data = world.data();
        drop(world.journal);
        assert_eq!(damage_of(Journal::open(&data, OPTIONS).unwrap_err()).kind, DamageKind::Missing);
    }

    #[test]
    fn founding_on_a_disk_that_fails_leaves_a_whole_directory_or_none() {
        let mut made = false;
        for changes in 0..40 {
            let directory = tempfile::tempdir().unwrap();
            let (disk, _) = FailingDisk::after(changes);
            made = layout::found_on(disk.as_ref(), directory.path(), &founding()).is_ok();
            let data = layout::data_dir(directory.path());
            if RealDisk.exists(&data).unwrap() {
                assert_eq!(Journal::open(&data, OPTIONS).unwrap().1.shape.len(), 1, "after {changes} changes");
            } else {
                layout::found(directory.path(), &founding()).unwrap();
                assert_eq!(Journal::open(&data, OPTIONS).unwrap().1.shape.len(), 1, "after {changes} changes");
            }
            if made {
                break;
            }
        }
        assert!(made, "founding must once run to its end");
    }

    #[test]
    fn a_reader_proves_what_it_reads() {
        let mut world = World::new();
        world.append(&[40, 40]);
        let path = world.segment(1);
        let file = RealDisk.open_for_writing(&path).unwrap();
        file.write_at(&[0xff], world.end().offset - MARKER_BYTES as u64 - 5).unwrap();
        let reader = world.journal.as_ref().unwrap().reader();
        assert_eq!(reader.read(Index(2), Index(2), 1).unwrap(), world.records[1]);
        let error = reader.read(Index(2), Index(3), 1_000).unwrap_err();
        assert!(matches!(error, ReadError::Damaged(damage) if damage.file.as_ref() == path.as_path()));
    }

    #[test]
    fn records_larger_than_a_segment_and_many_small_ones_come_back() {
        let mut world = World::new();
        world.append(&[100_000]);
        world.append(&[1; 700]);
        world.append(&[50_000, 1, 50_000]);
        assert_eq!(world.read_all(), world.records);
        assert_eq!(world.open().unwrap().tail, world.records);
        let reader = world.journal.as_ref().unwrap().reader();
        assert_eq!(reader.read(Index(500), Index(500), 1).unwrap(), world.records[499]);
        assert!(matches!(reader.read(Index(1), Index(10_000), 1), Err(ReadError::OutOfRange { .. })));
        assert!(matches!(reader.read(Index(0), Index(1), 1), Err(ReadError::OutOfRange { .. })));
    }

    #[test]
    fn a_reader_on_another_thread_sees_only_whole_records_while_writing_goes_on() {
        let mut world = World::new();
        let reader = world.journal.as_ref().unwrap().reader();
        let done = Arc::new(AtomicU64::new(0));
        let seen = done.clone();
        let watcher = std::thread::spawn(move || {
            let mut reads = 0;
            loop {
                let is_done = seen.load(Ordering::SeqCst) == 1;
                let (first, last) = reader.range();
                let bytes = reader.read(last, last, 1_000).unwrap();
                assert_eq!(RecordHeader::read(&bytes, Index(0)).unwrap().id.index, last);
                assert_eq!(first, Index(1));
                reads += 1;
                if is_done {
                    return (reads, last);
                }
            }
        });
        for _ in 0..200 {
            world.append(&[300, 10]);
        }
        done.store(1, Ordering::SeqCst);
        let (reads, last) = watcher.join().unwrap();
        assert!(reads > 0);
        assert_eq!(last, Index(401));
    }

    #[test]
    fn the_walk_reports_damage_and_goes_on_behind_it() {
        let mut world = World::new();
        world.append(&[50, 50, 50]);
        world.append(&[50]);
        let before = fs::read(world.segment(1)).unwrap();
        let indexes = |path: &Path| {
            let items: Vec<Item> = reader::walk(path).unwrap().collect();
            let found = items.iter().filter_map(|item| match item {
                Item::Record { header, .. } => Some(header.id.index.0),
                _ => None,
            });
            let damages = items.iter().filter(|item| matches!(item, Item::Damage(_))).count();
            (found.collect::<Vec<u64>>(), damages)
        };
        assert_eq!(indexes(&world.data()), (vec![1, 2, 3, 4, 5], 0), "while the node runs");
        let mut bytes = before.clone();
        let third = before.len() - before.windows(4).rev().position(|w| w == [3; 4]).unwrap() - 2;
        bytes[third] ^= 1;
        fs::write(world.segment(1), &bytes).unwrap();
        for path in [world.data(), world.directory.path().to_path_buf(), world.segment(1)] {
            assert_eq!(indexes(&path), (vec![1, 2, 4, 5], 1), "{}", path.display());
        }
        assert!(disk::read_whole(&RealDisk, &layout::hard_state_file(&world.data()), HARD_STATE_FILE_BYTES).is_ok());
        assert!(reader::walk(&layout::hard_state_file(&world.data())).is_err());
    }
}
