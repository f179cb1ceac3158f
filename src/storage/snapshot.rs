//! The snapshots of one directory: written, opened for sending, received piece by piece, and forgotten when nothing
//! needs them any more (§7, R82–R91).
//!
//! ```text
//! taken      NAME.snap.tmp   write · sync · rename to NAME.snap · sync directory
//! received   NAME-….part     write …, over restarts · prove · sync · rename to NAME.snap · sync directory
//! ```
//!
//! Promises: a `.snap` is whole and durable; a crash leaves the old ones and perhaps a `.tmp`, which is never read, or a
//! `.part`, which is continued or dropped. No snapshot that the log begins behind is removed.
//!
//! Usable from any thread, beside the journal; but only one thread takes or receives at a time. Whether a snapshot
//! counts is decided by the log: one that was received and not yet installed (`reset_to`) is installed at the next start.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::disk::{self, Disk, DiskFile};
use super::layout::{self, SyncMode};
use super::room::{DiskRoom, WatchedFile};
use super::snapshot_file::{self, Loaded, Scan, SnapshotError, SnapshotHead, Step, sync_in_steps};
use crate::codec::snapshot::Image;
use crate::raft::{ClusterId, Index, LogId, SnapshotMeta};

/// How many snapshots are kept for which the log is still there from their last entry on: one more than needed, should
/// the newest be found damaged.
pub const SNAPSHOTS_KEPT: usize = 2;

/// Most bytes that are read of a snapshot at once, for sending.
pub const SNAPSHOT_CHUNK_BYTES_MAX: usize = 1024 * 1024;

/// The snapshots of one data directory.
#[derive(Clone, Debug)]
pub struct SnapshotStore {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    cluster: ClusterId,
    sync: SyncMode,
    /// Where there is one, it says whether there is room for another snapshot.
    pub(super) room: Option<Arc<DiskRoom>>,
}

/// A snapshot file that was proved, for sending it in pieces. Stays readable when the snapshot is removed.
#[derive(Clone, Debug)]
pub struct SnapshotReader {
    file: Arc<dyn DiskFile>,
    path: PathBuf,
    meta: SnapshotMeta,
}

/// A snapshot that is being received.
#[derive(Debug)]
pub struct Incoming {
    store: SnapshotStore,
    meta: SnapshotMeta,
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    received_bytes: u64,
    /// Of these, what was synced.
    synced_bytes: u64,
}

impl SnapshotStore {
    pub(super) fn new(disk: Arc<dyn Disk>, data_dir: &Path, cluster: ClusterId, sync: SyncMode) -> SnapshotStore {
        SnapshotStore { disk, dir: layout::snapshot_dir(data_dir), cluster, sync, room: None }
    }

    /// Writes a snapshot; when this returns, it is durable. One of the same entry is replaced.
    ///
    /// # Errors
    /// No snapshot was made, and nothing else has changed.
    pub fn write(&self, head: &SnapshotHead, image: &Image) -> Result<SnapshotMeta, SnapshotError> {
        assert_eq!(image.applied(), head.last.index.0, "a snapshot is the state at exactly its last entry (R82)");
        assert!(head.config_index <= head.last.index, "the configuration of a snapshot was in force at its end (R82)");
        let path = self.path_of(head.last);
        let temporary = disk::temporary_name(&path);
        let failed = |source| SnapshotError::Io { path: path.clone(), source };
        let file = self.check_room().and_then(|()| self.disk.create(&temporary)).map_err(failed)?;
        let file = self.watched(file);
        let written = snapshot_file::write_file(file.as_ref(), self.sync, self.cluster, head, image)
            .and_then(|meta| self.publish(file.as_ref(), &temporary, &path).map(|()| meta));
        written.map_err(|source| {
            // Best effort: what stays behind is removed at the next start.
            let _ = self.disk.remove(&temporary);
            failed(source)
        })
    }

    /// Opens the snapshot that ends with `last`, proves it, and says what it is.
    ///
    /// # Errors
    /// `Missing` when there is none; damage is named.
    pub fn open(&self, last: LogId) -> Result<SnapshotReader, SnapshotError> {
        let path = self.path_of(last);
        if !self.disk.exists(&path).map_err(|source| SnapshotError::Io { path: path.clone(), source })? {
            return Err(SnapshotError::Missing { last });
        }
        let (meta, file) = snapshot_file::verify_file(self.disk.as_ref(), &path, self.cluster)?;
        Ok(SnapshotReader { file, path, meta })
    }

    /// Begins to receive a snapshot, or goes on with what was received of the very same one, before a restart, too.
    /// What was received of others is dropped.
    ///
    /// # Errors
    /// The disk's.
    pub fn receive(&self, meta: &SnapshotMeta) -> Result<Incoming, SnapshotError> {
        let finished = self.path_of(meta.last);
        if self.holds(meta)? {
            self.drop_partials(|_| true)?;
            let file = self.disk.open(&finished).map_err(|source| self.failed(&finished, source))?;
            let (store, meta) = (self.clone(), meta.clone());
            let (received_bytes, synced_bytes) = (meta.size_bytes, meta.size_bytes);
            return Ok(Incoming { store, meta, path: finished, file, received_bytes, synced_bytes });
        }
        let path = self.dir.join(layout::partial_name(meta));
        self.drop_partials(|other| other != path)?;
        let (file, received_bytes) = match self.disk.exists(&path) {
            Ok(true) => self.disk.open_for_writing(&path).map(|file| (file, self.whole_bytes(&path, meta))),
            Ok(false) => self.disk.create(&path).map(|file| (file, 0)),
            Err(error) => Err(error),
        }
        .map_err(|source| self.failed(&path, source))?;
        let file = self.watched(file);
        let (store, meta, synced_bytes) = (self.clone(), meta.clone(), received_bytes);
        Ok(Incoming { store, meta, path, file, received_bytes, synced_bytes })
    }

    fn check_room(&self) -> io::Result<()> {
        self.room.as_ref().map_or(Ok(()), |room| room.check_snapshot())
    }

    /// The file, so that it stops growing when the log needs the room more.
    fn watched(&self, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        match &self.room {
            Some(room) => Arc::new(WatchedFile { file, room: room.clone() }),
            None => file,
        }
    }

    /// Whether exactly this snapshot is there, whole and durable.
    ///
    /// # Errors
    /// The disk's; a damaged file is not the snapshot.
    pub fn holds(&self, meta: &SnapshotMeta) -> Result<bool, SnapshotError> {
        match self.open(meta.last) {
            Ok(reader) => Ok(reader.meta == *meta),
            Err(error @ SnapshotError::Io { .. }) => Err(error),
            Err(_) => Ok(false),
        }
    }

    /// Last entries of all snapshots, rising. Says nothing of their being whole.
    pub(super) fn list(&self) -> io::Result<Vec<LogId>> {
        list(self.disk.as_ref(), &self.dir)
    }

    /// Reads only what the snapshot stands for.
    pub(super) fn head(&self, last: LogId) -> Result<SnapshotHead, SnapshotError> {
        let path = self.path_of(last);
        let scan = Scan::open(self.disk.as_ref(), &path)?;
        match (scan.cluster == self.cluster, scan.head.last == last) {
            (false, _) => Err(SnapshotError::OtherCluster { path, found: scan.cluster, own: self.cluster }),
            (true, false) => Err(SnapshotError::NotAsAnnounced { path }),
            (true, true) => Ok(scan.head),
        }
    }

    /// Proves and reads a snapshot.
    pub(super) fn load(&self, last: LogId) -> Result<Loaded, SnapshotError> {
        snapshot_file::load_file(self.disk.as_ref(), &self.path_of(last), self.cluster)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn path_of(&self, last: LogId) -> PathBuf {
        self.dir.join(layout::snapshot_name(last))
    }

    /// Makes the directory if it is missing, and removes what was being prepared.
    pub(super) fn prepare(&self) -> io::Result<()> {
        if !self.disk.exists(&self.dir)? {
            self.disk.create_directory(&self.dir)?;
            return self.disk.sync_directory(disk::parent(&self.dir));
        }
        for name in self.disk.list(&self.dir)?.iter().filter(|name| name.ends_with(disk::TEMPORARY_ENDING)) {
            self.disk.remove(&self.dir.join(name))?;
        }
        // A process that was killed may have left a name that would not outlast a loss of power.
        self.disk.sync_directory(&self.dir)
    }

    /// Removes snapshots of which `is_needed` says no, the oldest first, and parts of snapshots that end no later than
    /// `newest`.
    pub(super) fn prune(&self, newest: LogId, is_needed: impl Fn(LogId) -> bool) -> io::Result<()> {
        for last in self.list()?.into_iter().filter(|last| !is_needed(*last)) {
            self.disk.remove_later(&self.path_of(last))?;
        }
        for name in self.disk.list(&self.dir)? {
            if layout::parse_partial_name(&name).is_some_and(|last| last.index <= newest.index) {
                self.disk.remove(&self.dir.join(name))?;
            }
        }
        Ok(())
    }

    /// Gives a complete file its name; from then on it counts.
    fn publish(&self, file: &dyn DiskFile, from: &Path, to: &Path) -> io::Result<()> {
        if self.sync == SyncMode::Always {
            file.sync()?;
        }
        self.disk.rename(from, to)?;
        let synced = match self.sync {
            SyncMode::Always => self.disk.sync_directory(&self.dir),
            SyncMode::None => Ok(()),
        };
        if synced.is_err() {
            // Nobody knows whether the name lasts: whoever finds it must not take it for durable.
            let _ = self.disk.remove(to);
        }
        synced
    }

    fn drop_partials(&self, is_other: impl Fn(&Path) -> bool) -> Result<(), SnapshotError> {
        let names = self.disk.list(&self.dir).map_err(|source| self.failed(&self.dir, source))?;
        for name in names.iter().filter(|name| layout::parse_partial_name(name).is_some()) {
            let path = self.dir.join(name);
            if is_other(&path) {
                self.disk.remove(&path).map_err(|source| self.failed(&path, source))?;
            }
        }
        Ok(())
    }

    /// How much of a part is whole: a power loss may have left anything behind the last block that proves itself.
    fn whole_bytes(&self, path: &Path, meta: &SnapshotMeta) -> u64 {
        let Ok(mut scan) = Scan::open(self.disk.as_ref(), path) else { return 0 };
        if scan.cluster != self.cluster || scan.head.meta(meta.size_bytes, meta.digest) != *meta {
            return 0;
        }
        loop {
            match scan.step() {
                Ok(Step::Block) => {}
                Ok(Step::End { size_bytes, .. }) => return size_bytes.min(meta.size_bytes),
                Err(_) => return scan.position().min(meta.size_bytes),
            }
        }
    }

    fn failed(&self, path: &Path, source: io::Error) -> SnapshotError {
        SnapshotError::Io { path: path.to_path_buf(), source }
    }
}

impl SnapshotReader {
    pub fn meta(&self) -> &SnapshotMeta {
        &self.meta
    }

    /// The bytes of the file from `offset` on, at most `max_bytes` and `SNAPSHOT_CHUNK_BYTES_MAX`; none at its end.
    ///
    /// # Errors
    /// The disk's; a file that became shorter is one of them.
    pub fn read(&self, offset: u64, max_bytes: usize) -> Result<Bytes, SnapshotError> {
        let left = usize::try_from(self.meta.size_bytes.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; left.min(max_bytes).min(SNAPSHOT_CHUNK_BYTES_MAX)];
        let failed = |source| SnapshotError::Io { path: self.path.clone(), source };
        let have = self.file.read_at(&mut bytes, offset).map_err(failed)?;
        if have < bytes.len() {
            return Err(failed(io::Error::new(io::ErrorKind::UnexpectedEof, "the snapshot became shorter")));
        }
        Ok(Bytes::from(bytes))
    }
}

impl Incoming {
    pub fn meta(&self) -> &SnapshotMeta {
        &self.meta
    }

    /// Where the next chunk begins; all of it is there when this is the size of the snapshot.
    pub fn received_bytes(&self) -> u64 {
        self.received_bytes
    }

    /// Stores the next chunk. Not yet durable: what a power loss takes is received again.
    ///
    /// # Errors
    /// `Offset` for a chunk that is not the next one or reaches beyond the end; then nothing was written.
    pub fn store(&mut self, offset: u64, chunk: &[u8]) -> Result<(), SnapshotError> {
        let end = offset.saturating_add(chunk.len() as u64);
        if offset != self.received_bytes || end > self.meta.size_bytes {
            let (path, expected) = (self.path.clone(), self.received_bytes);
            return Err(SnapshotError::Offset { path, offset, expected });
        }
        let synced = &mut self.synced_bytes;
        let written = self.file.write_at(chunk, offset);
        let synced = written.and_then(|()| sync_in_steps(self.file.as_ref(), self.store.sync, end, synced));
        if let Err(source) = synced {
            self.distrust();
            return Err(self.store.failed(&self.path, source));
        }
        self.received_bytes = end;
        Ok(())
    }

    /// Proves and reads what was received, and makes it a durable snapshot. It replaces the log only when the journal
    /// is told so (`reset_to`).
    ///
    /// # Errors
    /// These bytes are not the snapshot that was announced, or the disk has failed. What was received is dropped, so that
    /// it can be received again.
    pub fn finish(self) -> Result<Loaded, SnapshotError> {
        let outcome = self.prove().and_then(|loaded| self.publish().map(|()| loaded));
        match outcome {
            Err(error @ SnapshotError::Io { .. }) => {
                self.distrust();
                Err(error)
            }
            Err(error) => {
                self.discard()?;
                Err(error)
            }
            Ok(loaded) => Ok(loaded),
        }
    }

    /// A write or a sync has failed: what can be read of the file need not be on the disk, and the next sync would not
    /// say so (R60). It must not be gone on with.
    fn distrust(&self) {
        if !self.is_finished() {
            // Best effort: it may have no name any more.
            let _ = self.store.disk.remove(&self.path);
        }
    }

    /// Gives up; what was received is dropped.
    ///
    /// # Errors
    /// The disk's.
    pub fn discard(self) -> Result<(), SnapshotError> {
        if self.is_finished() {
            return Ok(());
        }
        self.store.disk.remove(&self.path).map_err(|source| self.store.failed(&self.path, source))
    }

    fn prove(&self) -> Result<Loaded, SnapshotError> {
        let loaded = snapshot_file::load_file(self.store.disk.as_ref(), &self.path, self.store.cluster)?;
        match loaded.meta == self.meta {
            true => Ok(loaded),
            false => Err(SnapshotError::NotAsAnnounced { path: self.path.clone() }),
        }
    }

    fn publish(&self) -> Result<(), SnapshotError> {
        if self.is_finished() {
            return Ok(());
        }
        let to = self.store.path_of(self.meta.last);
        let published = self.store.publish(self.file.as_ref(), &self.path, &to);
        published.map_err(|source| self.store.failed(&to, source))
    }

    /// It was received in full before, under its final name.
    fn is_finished(&self) -> bool {
        self.path == self.store.path_of(self.meta.last)
    }
}

/// Last entries of the snapshots in a directory, rising; none when there is no such directory.
pub(super) fn list(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<LogId>> {
    if !disk.exists(dir)? {
        return Ok(Vec::new());
    }
    let mut all: Vec<LogId> = disk.list(dir)?.iter().filter_map(|name| layout::parse_snapshot_name(name)).collect();
    all.sort_by_key(|last| (last.index, last.term));
    Ok(all)
}

/// The last entry that any snapshot in a directory covers, as far as its header can be read; zero without one.
pub(super) fn covered(disk: &dyn Disk, dir: &Path) -> io::Result<Index> {
    let heads = list(disk, dir)?.into_iter().filter_map(|last| {
        let scan = Scan::open(disk, &dir.join(layout::snapshot_name(last))).ok()?;
        Some(scan.head.last.index)
    });
    Ok(heads.max().unwrap_or_default())
}
