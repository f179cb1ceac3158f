//! The front: one writer with group commit, any number of readers.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::disk::Disk;
use super::layout::SyncMode;
use super::reader::Damage;
use super::recovery::{OpenError, Recovered};
use crate::codec::WriteBatch;
use crate::raft::{Index, WriteSeq};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalOptions {
    pub segment_size_bytes: u64,
    pub sync: SyncMode,
}

/// The only writer of a data directory, which it holds locked.
#[derive(Debug)]
pub struct Journal {}

/// Why a group was not written. The journal refuses everything after (R60).
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
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

/// Reads entries back from the log files, from any thread, while writing goes on.
#[derive(Clone, Debug)]
pub struct LogReader {}

/// How long recent syncs took.
#[derive(Debug)]
pub struct SyncLatency {}

impl SyncLatency {
    /// The 99th percentile of the newest 1,024 syncs, in milliseconds; none before the first.
    pub fn p99_ms(&self) -> Option<f64> {
        todo!()
    }
}

impl Journal {
    /// Locks the directory, proves the log, cuts a torn tail, and makes it ready to write.
    pub fn open(_data_dir: &Path, _options: JournalOptions) -> Result<(Journal, Recovered), OpenError> {
        todo!()
    }

    /// `open` on any disk.
    pub fn open_on(
        _disk: Arc<dyn Disk>,
        _data_dir: &Path,
        _options: JournalOptions,
    ) -> Result<(Journal, Recovered), OpenError> {
        todo!()
    }

    /// Makes the batches durable, in order, with as few writes and syncs as possible; returns the highest number.
    pub fn write_group(&mut self, _batches: &[WriteBatch]) -> Result<WriteSeq, WriteError> {
        todo!()
    }

    pub fn reader(&self) -> LogReader {
        todo!()
    }

    pub fn sync_latency(&self) -> Arc<SyncLatency> {
        todo!()
    }

    /// Marks the directory cleanly closed.
    pub fn close(self) -> Result<(), WriteError> {
        todo!()
    }
}

impl LogReader {
    /// Consecutive whole records from `first` on: at least one, at most up to `last`, no more than fit `max_bytes`
    /// (but one in any case); may stop early where a segment ends. Checksums are proved; the caller checks terms.
    pub fn read(&self, _first: Index, _last: Index, _max_bytes: usize) -> Result<Bytes, ReadError> {
        todo!()
    }
}
