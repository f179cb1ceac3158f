//! Writes segments from records that come from elsewhere: an imported or a redacted log, for looking at.
//!
//! Promises: nothing stands under the name that was asked for before all of it is durable. There is no hard state, so
//! no node starts on it. Not for nodes: they write through the journal.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::BytesMut;

use super::disk::{self, Disk, DiskFile, RealDisk};
use super::layout;
use super::segment::{Cause, MARKER_BYTES, Marker, SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::codec::RecordHeader;
use crate::codec::record::LINK_ORIGIN;
use crate::raft::{ClusterId, Index, LogId, NodeId, StorageId};

/// Bytes that are gathered before they are written.
const BUFFER_BYTES: usize = 1024 * 1024;

/// Why there is no such directory now.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    #[error("{} is there already", path.display())]
    Exists { path: PathBuf },
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// A directory of segments in the making.
#[derive(Debug)]
pub struct Rebuild {
    disk: Arc<dyn Disk>,
    target: PathBuf,
    temporary: PathBuf,
    segment_size_bytes: u64,
    header: SegmentHeader,
    file: Arc<dyn DiskFile>,
    /// Where the buffer goes in the file.
    position: u64,
    buffer: BytesMut,
    last: LogId,
    last_check: u32,
}

impl Rebuild {
    /// Begins a log behind the entry `before`, whose check is `link`.
    ///
    /// # Errors
    /// `target` is there already, or the disk refused.
    pub fn begin(
        target: &Path,
        owner: (ClusterId, NodeId),
        before: LogId,
        link: u32,
        segment_size_bytes: u64,
    ) -> Result<Rebuild, RebuildError> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let temporary = disk::temporary_name(target);
        let failed = |source| RebuildError::Io { path: temporary.clone(), source };
        if disk.exists(target).map_err(failed)? {
            return Err(RebuildError::Exists { path: target.to_path_buf() });
        }
        if disk.exists(&temporary).map_err(failed)? {
            disk.remove_directory(&temporary).map_err(failed)?;
        }
        disk.create_directory(&temporary).map_err(failed)?;
        let header = SegmentHeader {
            cluster_id: owner.0,
            node: owner.1,
            storage: StorageId(0),
            sequence: 1,
            first: before.index.next(),
            term_before: before.term,
            link,
            cause: if before == LogId::ZERO { Cause::Founded } else { Cause::Reset },
        };
        let file = open_segment(disk.as_ref(), &temporary, &header).map_err(failed)?;
        Ok(Rebuild {
            disk,
            target: target.to_path_buf(),
            temporary: temporary.clone(),
            segment_size_bytes,
            header,
            file,
            position: SEGMENT_HEADER_BYTES as u64,
            buffer: BytesMut::new(),
            last: before,
            last_check: link,
        })
    }

    /// Adds the record that follows.
    ///
    /// # Errors
    /// The disk refused.
    pub fn append(&mut self, header: &RecordHeader, record: &[u8]) -> Result<(), RebuildError> {
        assert_eq!((header.id.index, header.link), (self.last.index.next(), self.last_check), "records come in order");
        let end = self.end() + (record.len() + MARKER_BYTES) as u64;
        let is_first = self.last.index.next() == self.header.first;
        if end > self.segment_size_bytes && !is_first {
            self.roll().map_err(|source| self.failed(source))?;
        }
        self.buffer.extend_from_slice(record);
        self.last = header.id;
        self.last_check = header.check;
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush().map_err(|source| self.failed(source))?;
        }
        Ok(())
    }

    /// Goes on behind `before`, though the entries up to there are missing: whoever reads it is told that they are.
    ///
    /// # Errors
    /// The disk refused.
    pub fn skip_to(&mut self, before: LogId) -> Result<(), RebuildError> {
        assert!(before.index > self.last.index, "what is missing lies ahead");
        self.end_segment(Index(0), true).map_err(|source| self.failed(source))?;
        (self.last, self.last_check) = (before, LINK_ORIGIN);
        self.begin_segment().map_err(|source| self.failed(source))
    }

    /// The check of the last record, which the next one continues.
    pub fn last_check(&self) -> u32 {
        self.last_check
    }

    /// The last entry.
    pub fn last(&self) -> LogId {
        self.last
    }

    /// Makes everything durable under its name.
    ///
    /// # Errors
    /// The disk refused; there is nothing under the name.
    pub fn finish(mut self, commit: Index) -> Result<(), RebuildError> {
        let done = self.end_segment(commit, false).and_then(|()| {
            self.disk.sync_directory(&self.temporary)?;
            self.disk.rename(&self.temporary, &self.target)?;
            self.disk.sync_directory(disk::parent(&self.target))
        });
        done.map_err(|source| self.failed(source))
    }

    /// Takes back what was begun.
    pub fn abandon(self) {
        // What is left has a name that nobody reads, and the next attempt removes it.
        let _ = self.disk.remove_directory(&self.temporary);
    }

    fn roll(&mut self) -> io::Result<()> {
        self.end_segment(Index(0), true)?;
        self.begin_segment()
    }

    fn begin_segment(&mut self) -> io::Result<()> {
        self.header = SegmentHeader {
            sequence: self.header.sequence + 1,
            first: self.last.index.next(),
            term_before: self.last.term,
            link: self.last_check,
            cause: Cause::Rolled,
            ..self.header
        };
        self.file = open_segment(self.disk.as_ref(), &self.temporary, &self.header)?;
        self.position = SEGMENT_HEADER_BYTES as u64;
        Ok(())
    }

    fn end_segment(&mut self, commit_hint: Index, continued: bool) -> io::Result<()> {
        let marker = Marker {
            sequence: self.header.sequence,
            offset: self.end(),
            last: self.last.index,
            last_check: self.last_check,
            commit_hint,
            continued,
        };
        self.buffer.extend_from_slice(&marker.encode(self.header.storage));
        self.flush()?;
        self.file.sync()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_at(&self.buffer, self.position)?;
        self.position += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn end(&self) -> u64 {
        self.position + self.buffer.len() as u64
    }

    fn failed(&self, source: io::Error) -> RebuildError {
        RebuildError::Io { path: self.target.clone(), source }
    }
}

fn open_segment(disk: &dyn Disk, dir: &Path, header: &SegmentHeader) -> io::Result<Arc<dyn DiskFile>> {
    let file = disk.create(&dir.join(layout::segment_name(header.sequence, header.first)))?;
    file.write_at(&header.encode(), 0)?;
    Ok(file)
}
