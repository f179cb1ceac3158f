//! The front: one writer with group commit, any number of readers.
//!
//! Promises: what `write_group` returned is durable, in the order it was handed over, whatever happens next; a group
//! that failed may be there in part, but never with a hole, and the journal refuses everything after it (R60). The
//! hard state of a group is durable before the first byte of its truncations and entries (R57, I11).
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
use super::layout::{self, SyncMode};
use super::positions::{LogReader, ReadError};
use super::recovery::{self, OpenError, Recovered};
use super::wal::{SyncLatency, Wal};
use crate::codec::WriteBatch;
use crate::raft::{Index, WriteSeq};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalOptions {
    /// A full segment is followed by a new one; between `layout::SEGMENT_SIZE_BYTES_MIN` and `_MAX`.
    pub segment_size_bytes: u64,
    pub sync: SyncMode,
}

/// The only writer of a data directory, which it holds locked. Dropping it without `close` is like a crash.
#[derive(Debug)]
pub struct Journal {
    disk: Arc<dyn Disk>,
    data_dir: PathBuf,
    wal: Wal,
    hard_state: HardStateFile,
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
        let opened = recovery::open(disk.clone(), data_dir, options)?;
        let journal = Journal {
            disk,
            data_dir: data_dir.to_path_buf(),
            wal: opened.wal,
            hard_state: opened.hard_state,
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
            journal.wal.mark()?;
            journal.wal.sync()?;
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
        self.write_hard_state(batches)?;
        for batch in batches {
            assert!(batch.seq > self.written, "writes are numbered and rise (R54)");
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
        let term = self.hard_state.slot().hard_state.term;
        assert!(self.wal.tip().id.term <= term, "no entry is of a later term than the durable one (I11)");
        self.wal.flush()
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
        let hint = batches.iter().map(|batch| batch.commit_hint).max().unwrap_or(Index(0)).max(self.wal.commit_hint());
        self.hard_state.update(newest, hint, None).map_err(|source| {
            let path = layout::hard_state_file(&self.data_dir);
            WriteError::Io { path, source }
        })
    }

    /// Runs one operation unless an earlier one failed, and remembers its failure.
    fn latched(&mut self, operation: impl FnOnce(&mut Journal) -> Result<(), WriteError>) -> Result<(), WriteError> {
        if let Some(first) = &self.stopped {
            return Err(WriteError::Stopped { first: first.clone() });
        }
        let outcome = operation(self);
        if let Err(error) = &outcome {
            self.stopped = Some(error.to_string());
        }
        outcome
    }
}
