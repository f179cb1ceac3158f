//! The front: one writer with group commit, any number of readers.
//!
//! A group of batches costs one write and one sync, unless term or vote changed or a tail is replaced: those are
//! ordered by syncs of their own (R57). The first failure is the last: nothing is retried, and everything after is
//! refused (R60).

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::disk::{Disk, DiskLock, RealDisk};
use super::hard_state::HardStateFile;
use super::layout::{self, SyncMode};
pub use super::places::LogReader;
use super::reader::Damage;
use super::recovery::{self, OpenError, Recovered};
use super::wal::Wal;
use crate::codec::{RecordHeader, WriteBatch};
use crate::raft::{Index, LogId, WriteSeq};

/// How many of the newest syncs the latency is taken from.
const LATENCY_SAMPLES: usize = 1_024;

/// Records written at once at most; a larger group is written in several steps, each with its sync.
const FLUSH_BYTES_MAX: u64 = 8 * 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalOptions {
    pub segment_size_bytes: u64,
    pub sync: SyncMode,
}

/// The only writer of a data directory, which it holds locked.
#[derive(Debug)]
pub struct Journal {
    wal: Wal,
    hard_state: HardStateFile,
    data_dir: PathBuf,
    failed: Option<String>,
    /// Held for as long as the journal lives.
    _lock: Box<dyn DiskLock>,
}

/// Why a group was not written. The journal refuses everything after (R60).
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("the entry before a truncation cannot be read")]
    Truncate(#[from] ReadError),
    #[error("the journal stopped after an earlier failure: {first}")]
    Stopped { first: String },
}

/// Why entries could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("entries {first} to {last} were asked for, but the log holds {have_first} to {have_last}")]
    OutOfRange { first: Index, last: Index, have_first: Index, have_last: Index },
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("damaged: {0}")]
    Damaged(Damage),
}

/// How long recent syncs took.
#[derive(Debug, Default)]
pub struct SyncLatency {
    samples: Mutex<VecDeque<Duration>>,
}

impl SyncLatency {
    /// The 99th percentile of the newest 1,024 syncs, in milliseconds; none before the first.
    pub fn p99_ms(&self) -> Option<f64> {
        let mut sorted: Vec<Duration> = self.lock().iter().copied().collect();
        sorted.sort_unstable();
        let position = (sorted.len() * 99).div_ceil(100).checked_sub(1)?;
        Some(sorted[position].as_secs_f64() * 1_000.0)
    }

    pub(super) fn note(&self, took: Duration) {
        let mut samples = self.lock();
        if samples.len() == LATENCY_SAMPLES {
            samples.pop_front();
        }
        samples.push_back(took);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Duration>> {
        self.samples.lock().expect("nothing panics while it holds the samples")
    }
}

impl Journal {
    /// Locks the directory, proves the log, cuts a torn tail, and makes it ready to write.
    ///
    /// # Errors
    /// See `OpenError`; what is damaged is never opened (R63).
    pub fn open(data_dir: &Path, options: JournalOptions) -> Result<(Journal, Recovered), OpenError> {
        Journal::open_on(Arc::new(RealDisk), data_dir, options)
    }

    /// `open` on any disk.
    ///
    /// # Errors
    /// As `open`.
    pub fn open_on(
        disk: Arc<dyn Disk>,
        data_dir: &Path,
        options: JournalOptions,
    ) -> Result<(Journal, Recovered), OpenError> {
        let opened = recovery::open(disk, data_dir, options)?;
        let journal = Journal {
            wal: opened.wal,
            hard_state: opened.hard_state,
            data_dir: data_dir.to_path_buf(),
            failed: None,
            _lock: opened.lock,
        };
        Ok((journal, opened.recovered))
    }

    /// Makes the batches durable, in order, with as few writes and syncs as possible; returns the highest number.
    ///
    /// # Errors
    /// A write or a sync failed, now or earlier. It is not known what of the group is on the disk.
    pub fn write_group(&mut self, batches: &[WriteBatch]) -> Result<WriteSeq, WriteError> {
        self.refuse_if_failed()?;
        let result = self.write_all(batches);
        if let Err(error) = &result {
            self.failed = Some(error.to_string());
        }
        result
    }

    pub fn reader(&self) -> LogReader {
        LogReader::new(Arc::clone(&self.wal.disk), Arc::clone(&self.wal.places))
    }

    pub fn sync_latency(&self) -> Arc<SyncLatency> {
        Arc::clone(&self.wal.latency)
    }

    /// Marks the directory cleanly closed.
    ///
    /// # Errors
    /// The disk refused; the directory then counts as not cleanly closed.
    pub fn close(mut self) -> Result<(), WriteError> {
        self.refuse_if_failed()?;
        let failed = |path: &Path, source| WriteError::Io { path: path.to_path_buf(), source };
        self.wal.sync_file().map_err(|error| failed(&self.wal.path, error))?;
        let state = self.hard_state.slot().hard_state;
        let hint = self.wal.commit_hint.min(self.wal.last.index);
        self.hard_state
            .update(state, hint, Some(self.wal.end()))
            .map_err(|error| failed(&layout::hard_state_file(&self.data_dir), error))?;
        let in_use = layout::in_use_file(&self.data_dir);
        self.wal.disk.remove(&in_use).map_err(|error| failed(&in_use, error))?;
        self.wal.disk.sync_directory(&self.data_dir).map_err(|error| failed(&self.data_dir, error))
    }

    /// As after a failed sync.
    #[cfg(test)]
    pub(super) fn break_for_test(&mut self) {
        self.failed = Some("a sync failed".to_owned());
    }

    fn refuse_if_failed(&self) -> Result<(), WriteError> {
        match &self.failed {
            Some(first) => Err(WriteError::Stopped { first: first.clone() }),
            None => Ok(()),
        }
    }

    fn write_all(&mut self, batches: &[WriteBatch]) -> Result<WriteSeq, WriteError> {
        let mut highest = WriteSeq(0);
        for batch in batches {
            highest = highest.max(batch.seq);
            self.wal.commit_hint = self.wal.commit_hint.max(batch.commit_hint);
            if let Some(hard_state) = batch.hard_state {
                self.in_wal(Wal::flush)?;
                self.hard_state
                    .update(hard_state, self.wal.commit_hint, None)
                    .map_err(|source| WriteError::Io { path: layout::hard_state_file(&self.data_dir), source })?;
            }
            if let Some(from) = batch.truncate_from {
                self.in_wal(Wal::flush)?;
                let (before, check) = self.entry_before(from)?;
                self.in_wal(|wal| wal.truncate(from, before, check))?;
            }
            self.in_wal(|wal| wal.gather(&batch.records))?;
            if self.wal.gathered_bytes >= FLUSH_BYTES_MAX {
                self.in_wal(Wal::flush)?;
            }
        }
        self.in_wal(Wal::flush)?;
        Ok(highest)
    }

    fn in_wal(&mut self, work: impl FnOnce(&mut Wal) -> io::Result<()>) -> Result<(), WriteError> {
        work(&mut self.wal).map_err(|source| WriteError::Io { path: self.wal.path.to_path_buf(), source })
    }

    /// Log id and checksum of the entry before `from`, read back from the log.
    fn entry_before(&self, from: Index) -> Result<(LogId, u32), WriteError> {
        let before = from.prev();
        assert!(before > Index(0), "the first entry is never replaced");
        let bytes = self.reader().read(before, before, 1)?;
        let header = RecordHeader::peek(&bytes).expect("a read gives whole records");
        Ok((header.id, header.check))
    }
}
