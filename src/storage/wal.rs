//! Appends records to segments: at most one write, one sync and one marker for everything that is handed over at once.
//!
//! ```text
//! write   [records of all batches, one piece]            one pwrite
//! sync    everything up to here is durable               one fdatasync
//! mark    [marker]                                       48 bytes, durable with the next sync
//! ```
//!
//! Space is zeroed ahead of the log, so that a sync need not record a growing file; for a log that is written fast, a
//! whole segment ahead (`spare`). A new segment is prepared under a temporary name and renamed, so it is there whole or
//! not at all; it is what makes a truncation atomic.
//!
//! Any error leaves the log in doubt: the caller must not use it again (R60).

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::disk::{self, Disk, DiskFile};
use super::hard_state::{LogEnd, SLOT_BYTES, Slot};
use super::journal::{JournalOptions, WriteError};
use super::layout::{self, Founding, SyncMode};
use super::positions::{LogReader, Positions, Strides};
use super::recovery::DirectoryMeta;
use super::room::DiskRoom;
use super::segment::{Cause, MARKER_BYTES, Marker, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::spare::Spare;
use crate::codec::entry::encode_config;
use crate::codec::record::{LINK_ORIGIN, RECORD_HEADER_BYTES, RecordHeader};
use crate::codec::{Kind, append_record};
use crate::raft::{HardState, Index, LogId, Term};

/// How far the log is zeroed ahead of what is written.
pub(super) const ZEROED_AHEAD_BYTES: u64 = 1024 * 1024;

/// Behind every batch there is room for its marker and for the one that says that the log goes on elsewhere.
const MARKERS_BYTES: u64 = 2 * MARKER_BYTES as u64;

/// How much of a spare is made for each byte that the log grows behind the middle of a segment: it is there a little
/// before the segment is full.
const SPARE_PACE: u64 = 3;

/// Old segments that are removed behind one group of writes: removing takes time, and commits wait for it.
pub(super) const REMOVALS_PER_GROUP_MAX: usize = 2;

/// How many syncs `SyncLatency` remembers.
const LATENCIES_MAX: usize = 1024;

/// The last entry of a log, as far as the next one must continue it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tip {
    pub(super) id: LogId,
    pub(super) check: u32,
}

impl Tip {
    /// Of an empty log.
    pub(super) const ORIGIN: Tip = Tip { id: LogId::ZERO, check: LINK_ORIGIN };
}

/// The open log.
#[derive(Debug)]
pub(super) struct Wal {
    disk: Arc<dyn Disk>,
    log_dir: PathBuf,
    options: JournalOptions,
    meta: DirectoryMeta,
    current: Current,
    /// Of the last entry appended, written or not.
    tip: Tip,
    commit_hint: Index,
    /// Appended and not yet written.
    pending: Vec<Bytes>,
    pending_bytes: u64,
    strides: Strides,
    positions: Arc<Positions>,
    reader: LogReader,
    latency: Arc<SyncLatency>,
    /// Where there is one, it says whether there is room, and helps out when there is none.
    pub(super) room: Option<Arc<DiskRoom>>,
    /// Holds a batch that is made of several pieces while it is written.
    gathered: Vec<u8>,
    /// Segments that nothing needs any more, the oldest first.
    removable: VecDeque<PathBuf>,
    /// Room for the next segment, once the current one is half full.
    spare: Option<Spare>,
    /// The segment during which a spare was thought of last; once is enough.
    spare_considered_in: u64,
}

/// The segment being written.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) path: Arc<Path>,
    pub(super) sequence: u64,
    pub(super) first: Index,
    /// Where the next byte goes.
    pub(super) position: u64,
    /// Everything from `position` up to here is zero.
    pub(super) zeroed_to: u64,
}

/// A log as recovery leaves it.
#[derive(Debug)]
pub(super) struct Resumed {
    pub(super) current: Current,
    pub(super) tip: Tip,
    pub(super) commit_hint: Index,
    pub(super) positions: Arc<Positions>,
    pub(super) strides: Strides,
}

/// How long recent syncs took; shared with whoever reports it.
#[derive(Debug, Default)]
pub struct SyncLatency(Mutex<Recent>);

#[derive(Debug, Default)]
struct Recent {
    micros: Vec<u32>,
    /// The slot the next one goes to.
    next: usize,
}

impl Wal {
    /// Goes on where a log ends.
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        log_dir: PathBuf,
        options: JournalOptions,
        meta: DirectoryMeta,
        resumed: Resumed,
    ) -> Wal {
        let Resumed { current, tip, commit_hint, positions, strides } = resumed;
        let reader = LogReader::new(disk.clone(), meta.storage, positions.clone());
        Wal {
            disk,
            log_dir,
            options,
            meta,
            current,
            tip,
            commit_hint,
            pending: Vec::new(),
            pending_bytes: 0,
            strides,
            positions,
            reader,
            latency: Arc::default(),
            room: None,
            gathered: Vec::new(),
            removable: VecDeque::new(),
            spare: None,
            spare_considered_in: 0,
        }
    }

    pub(super) fn tip(&self) -> Tip {
        self.tip
    }

    pub(super) fn commit_hint(&self) -> Index {
        self.commit_hint
    }

    pub(super) fn latency(&self) -> Arc<SyncLatency> {
        self.latency.clone()
    }

    pub(super) fn reader(&self) -> LogReader {
        self.reader.clone()
    }

    /// Where the log ends on disk.
    pub(super) fn end(&self) -> LogEnd {
        LogEnd { sequence: self.current.sequence, offset: self.current.position }
    }

    /// Remembers how far the log is known to be committed; it travels with the next marker.
    pub(super) fn note_commit(&mut self, hint: Index) {
        assert!(hint <= self.tip.id.index, "the commit hint is at most what is durable (R51)");
        self.commit_hint = self.commit_hint.max(hint);
    }

    /// Takes whole records, which are written by `flush` or when a segment is full.
    pub(super) fn append(&mut self, records: &Bytes) -> Result<(), WriteError> {
        let mut start = 0;
        let mut at = 0;
        while at < records.len() {
            let header = RecordHeader::peek(&records[at..], self.tip.id.index.next())
                .expect("only whole records are handed over");
            let length = header.total_bytes();
            assert!(at + length <= records.len(), "only whole records are handed over");
            self.assert_continues(&header);
            if !self.has_room_for((at - start + length) as u64, &header) {
                self.take(records.slice(start..at));
                start = at;
                self.flush()?;
                let seal = self.marker(true);
                self.open_segment(header.id.index, Cause::Rolled, &seal)?;
            }
            let offset = self.current.position + self.pending_bytes + (at - start) as u64;
            self.strides.note(header.id.index, offset);
            self.tip = Tip { id: header.id, check: header.check };
            at += length;
        }
        self.take(records.slice(start..));
        Ok(())
    }

    /// Drops the entries from `from` on by opening a segment that replaces them.
    pub(super) fn truncate(&mut self, from: Index) -> Result<(), WriteError> {
        assert!(from > self.commit_hint, "committed entries are forever (I2)");
        assert!(from <= self.tip.id.index.next(), "a truncation begins within the log or at its end");
        self.flush()?;
        if from == self.tip.id.index.next() {
            return Ok(());
        }
        let seal = self.marker(true);
        self.tip = self.tip_at(from.prev())?;
        self.open_segment(from, Cause::Truncated, &seal)
    }

    /// Discards the log by opening a segment that begins behind the last entry of a snapshot.
    pub(super) fn reset(&mut self, last: LogId, link: u32) -> Result<(), WriteError> {
        assert!(last.index >= self.commit_hint, "committed entries are forever (I2)");
        self.flush()?;
        let seal = self.marker(true);
        self.tip = Tip { id: last, check: link };
        self.commit_hint = last.index;
        self.open_segment(last.index.next(), Cause::Reset, &seal)?;
        self.forget_before(self.current.sequence)
    }

    /// Forgets segments that hold nothing behind `index`; their files are removed little by little (`remove_some`).
    pub(super) fn compact(&mut self, index: Index) -> Result<(), WriteError> {
        let oldest = self.positions.compact(index);
        self.forget_before(oldest)
    }

    /// The entry that the log begins behind.
    pub(super) fn origin(&self) -> Tip {
        self.positions.origin()
    }

    /// The entry at `index`, as far as the next one must continue it; none when the log says nothing of it.
    pub(super) fn known_at(&self, index: Index) -> Result<Option<Tip>, WriteError> {
        let (first, last) = self.positions.range();
        if index.next() < first || index > last { Ok(None) } else { self.tip_at(index).map(Some) }
    }

    /// Removes a few of the segments that nothing needs any more. A crash in between leaves some of them, which recovery
    /// passes over.
    pub(super) fn remove_some(&mut self) -> Result<(), WriteError> {
        for _ in 0..REMOVALS_PER_GROUP_MAX {
            let Some(path) = self.removable.pop_front() else { return Ok(()) };
            self.disk.remove_later(&path).map_err(|source| failed(&path, source))?;
        }
        Ok(())
    }

    /// Makes everything appended durable.
    pub(super) fn flush(&mut self) -> Result<(), WriteError> {
        if self.pending_bytes == 0 {
            return Ok(());
        }
        let length = self.pending_bytes;
        self.zero_ahead(length + MARKERS_BYTES)?;
        let path = self.current.path.clone();
        self.write_pending().map_err(|source| failed(&path, source))?;
        self.current.position += length;
        self.sync()?;
        self.mark()?;
        self.positions.publish(self.tip.id.index, &mut self.strides.chosen);
        self.prepare_spare()
    }

    /// Gives back the room that was prepared for a segment; a clean close leaves none.
    pub(super) fn give_up_spare(&mut self) -> Result<(), WriteError> {
        let Some(spare) = self.spare.take() else { return Ok(()) };
        spare.give_up().map_err(|source| failed(&self.log_dir, source))
    }

    /// Writes a marker behind what was just synced.
    pub(super) fn mark(&mut self) -> Result<(), WriteError> {
        let bytes = self.marker(false).encode(self.meta.storage);
        self.write_at_end(&bytes)
    }

    /// Syncs the current segment, its last marker included.
    pub(super) fn sync(&mut self) -> Result<(), WriteError> {
        if self.options.sync == SyncMode::None {
            return Ok(());
        }
        let begun = Instant::now();
        self.current.file.sync().map_err(|source| failed(&self.current.path, source))?;
        self.latency.note(u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX));
        Ok(())
    }

    /// Prepares a segment, gives it its name, and then marks the one before as continued. Only the name counts: a
    /// crash before it leaves the old log, a crash behind it the new one.
    fn open_segment(&mut self, first: Index, cause: Cause, seal: &Marker) -> Result<(), WriteError> {
        assert_eq!(self.tip.id.index.next(), first, "a segment begins behind the last entry");
        let header = SegmentHeader {
            cluster_id: self.meta.cluster_id,
            node: self.meta.node,
            storage: self.meta.storage,
            sequence: self.current.sequence + 1,
            first,
            term_before: self.tip.id.term,
            link: self.tip.check,
            cause,
        };
        let path: Arc<Path> = Arc::from(self.log_dir.join(layout::segment_name(header.sequence, first)));
        let (file, zeroed_to) = self.place_segment(&path, &header).map_err(|source| failed(&path, source))?;
        self.write_at_end(&seal.encode(self.meta.storage))?;
        self.sync()?;
        if cause == Cause::Reset {
            self.positions.clear();
        }
        self.positions.open_segment(path.clone(), header.sequence, self.tip);
        self.strides = Strides::default();
        let (position, sequence) = (SEGMENT_HEADER_BYTES as u64, header.sequence);
        self.current = Current { file, path, sequence, first, position, zeroed_to };
        Ok(())
    }

    /// Makes the file of a new segment, in the spare if there is one; and how far it is zero.
    fn place_segment(&mut self, path: &Path, header: &SegmentHeader) -> io::Result<(Arc<dyn DiskFile>, u64)> {
        let (disk, sync) = (self.disk.as_ref(), self.options.sync);
        if let Some((file, name, size_bytes)) = self.spare.as_ref().and_then(Spare::take_if_ready) {
            name_segment(disk, file.as_ref(), name, path, header, sync)?;
            self.spare = None;
            return Ok((file, size_bytes));
        }
        let prepared_bytes = ZEROED_AHEAD_BYTES.min(self.options.segment_size_bytes);
        let temporary = disk::temporary_name(path);
        let file = growing(self.room.as_deref(), || {
            let file = disk.create(&temporary)?;
            write_zeros(file.as_ref(), SEGMENT_HEADER_BYTES as u64, prepared_bytes)?;
            name_segment(disk, file.as_ref(), &temporary, path, header, sync)?;
            Ok(file)
        })?;
        Ok((file, prepared_bytes))
    }

    /// Makes room for the next segment when this one is half full and the disk has plenty. Whether there is, is asked once
    /// for each segment.
    fn prepare_spare(&mut self) -> Result<(), WriteError> {
        let (sequence, size_bytes) = (self.current.sequence, self.options.segment_size_bytes);
        let Some(behind_half) = self.current.position.checked_sub(size_bytes / 2) else { return Ok(()) };
        if self.options.sync == SyncMode::None {
            return Ok(());
        }
        if self.spare_considered_in != sequence {
            self.spare_considered_in = sequence;
            let has_one = self.spare.as_ref().is_some_and(|spare| !spare.has_failed());
            let has_room = match &self.room {
                Some(room) => room.has_to_spare(2 * size_bytes).map_err(|source| failed(&self.log_dir, source))?,
                None => true,
            };
            if !has_one {
                self.spare = has_room.then(|| Spare::new(&self.disk, &self.log_dir, size_bytes));
            }
        }
        if let Some(spare) = &self.spare {
            spare.advance(SPARE_PACE * behind_half);
        }
        Ok(())
    }

    /// Lists the segments before `sequence` for removal: they hold nothing that counts.
    fn forget_before(&mut self, sequence: u64) -> Result<(), WriteError> {
        let names = self.disk.list(&self.log_dir).map_err(|source| failed(&self.log_dir, source))?;
        let is_old = |name: &&String| layout::parse_segment_name(name).is_some_and(|(found, _)| found < sequence);
        self.removable = names.iter().filter(is_old).map(|name| self.log_dir.join(name)).collect();
        Ok(())
    }

    /// Reads back what an entry that will be truncated to must be continued with.
    fn tip_at(&self, index: Index) -> Result<Tip, WriteError> {
        let origin = self.positions.origin();
        if index == origin.id.index {
            return Ok(origin);
        }
        let record = self.reader.read(index, index, 1).map_err(|source| WriteError::Truncation { source })?;
        let header = RecordHeader::peek(&record, index).expect("the reader returns whole records");
        Ok(Tip { id: header.id, check: header.check })
    }

    fn marker(&self, continued: bool) -> Marker {
        Marker {
            sequence: self.current.sequence,
            offset: self.current.position,
            last: self.tip.id.index,
            last_check: self.tip.check,
            commit_hint: self.commit_hint,
            continued,
        }
    }

    fn assert_continues(&self, header: &RecordHeader) {
        assert_eq!(header.id.index, self.tip.id.index.next(), "records are handed over in index order");
        assert_eq!(header.link, self.tip.check, "a record continues the entry before it");
        assert!(header.id.term >= self.tip.id.term, "terms never fall along a log");
    }

    /// Whether a record may still go into the current segment; an empty one takes any, however large.
    fn has_room_for(&self, taken_bytes: u64, header: &RecordHeader) -> bool {
        let end = self.current.position + self.pending_bytes + taken_bytes + MARKERS_BYTES;
        end <= self.options.segment_size_bytes || header.id.index == self.current.first
    }

    fn take(&mut self, records: Bytes) {
        if !records.is_empty() {
            self.pending_bytes += records.len() as u64;
            self.pending.push(records);
        }
    }

    /// Writes everything pending in one piece.
    fn write_pending(&mut self) -> io::Result<()> {
        let position = self.current.position;
        if let [single] = self.pending.as_slice() {
            self.current.file.write_at(single, position)?;
        } else {
            self.gathered.clear();
            for piece in &self.pending {
                self.gathered.extend_from_slice(piece);
            }
            self.current.file.write_at(&self.gathered, position)?;
        }
        self.pending.clear();
        self.pending_bytes = 0;
        Ok(())
    }

    fn write_at_end(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let Current { file, path, position, .. } = &mut self.current;
        file.write_at(bytes, *position).map_err(|source| failed(path, source))?;
        *position += bytes.len() as u64;
        Ok(())
    }

    /// Makes sure that the next `length` bytes were written before, as zeros, and a step more when they were not.
    fn zero_ahead(&mut self, length: u64) -> Result<(), WriteError> {
        let Current { file, path, position, zeroed_to, .. } = &mut self.current;
        let need = *position + length;
        if need <= *zeroed_to {
            return Ok(());
        }
        let to = need.max((need + ZEROED_AHEAD_BYTES).min(self.options.segment_size_bytes));
        let from = (*zeroed_to).max(*position);
        growing(self.room.as_deref(), || write_zeros(file.as_ref(), from, to))
            .map_err(|source| failed(path, source))?;
        *zeroed_to = to;
        Ok(())
    }
}

impl SyncLatency {
    /// The 99th percentile of the newest 1,024 syncs, in milliseconds; none before the first.
    pub fn p99_ms(&self) -> Option<f64> {
        let mut micros = self.0.lock().expect("no holder of the lock panics").micros.clone();
        let at = micros.len().checked_sub(1)? * 99 / 100;
        let (_, value, _) = micros.select_nth_unstable(at);
        Some(f64::from(*value) / 1000.0)
    }

    fn note(&self, micros: u32) {
        let mut recent = self.0.lock().expect("no holder of the lock panics");
        let at = recent.next;
        if at < recent.micros.len() {
            recent.micros[at] = micros;
        } else {
            recent.micros.push(micros);
        }
        recent.next = (at + 1) % LATENCIES_MAX;
    }
}

/// Writes the first segment and the hard state of a new directory, as a clean close leaves them.
pub(super) fn write_founding(disk: &dyn Disk, data_dir: &Path, founding: &Founding) -> io::Result<()> {
    let mut log = BytesMut::new();
    let header = SegmentHeader {
        cluster_id: founding.cluster_id,
        node: founding.node,
        storage: founding.storage,
        sequence: 1,
        first: Index(1),
        term_before: Term(0),
        link: LINK_ORIGIN,
        cause: Cause::Founded,
    };
    log.extend_from_slice(&header.encode());
    let mut record = BytesMut::with_capacity(RECORD_HEADER_BYTES);
    let last_check = append_record(&mut record, LINK_ORIGIN, Kind::Config, LogId::new(1, 1), founding.wall_ms, |out| {
        encode_config(&founding.config, &founding.settings, out);
    });
    log.extend_from_slice(&record);
    let (last, offset) = (Index(1), log.len() as u64);
    let marker = Marker { sequence: 1, offset, last, last_check, commit_hint: Index(0), continued: false };
    log.extend_from_slice(&marker.encode(founding.storage));
    let hard_state = HardState { term: Term(1), vote: None };
    write_closed(disk, data_dir, founding, &header, &log, (hard_state, Index(0)))
}

/// Writes a log that begins behind the entry `before`, whose check is `link`, and has no entry yet; all that is before
/// is committed. As `write_founding`, it leaves a directory as after a clean close.
pub(super) fn write_continuing(
    disk: &dyn Disk,
    data_dir: &Path,
    founding: &Founding,
    before: LogId,
    link: u32,
) -> io::Result<()> {
    let header = SegmentHeader {
        cluster_id: founding.cluster_id,
        node: founding.node,
        storage: founding.storage,
        sequence: 1,
        first: before.index.next(),
        term_before: before.term,
        link,
        cause: Cause::Reset,
    };
    let mut log = BytesMut::from(&header.encode()[..]);
    let (last, offset) = (before.index, log.len() as u64);
    let marker = Marker { sequence: 1, offset, last, last_check: link, commit_hint: last, continued: false };
    log.extend_from_slice(&marker.encode(founding.storage));
    let hard_state = HardState { term: before.term, vote: None };
    write_closed(disk, data_dir, founding, &header, &log, (hard_state, before.index))
}

/// Writes the one segment and the hard state that vouches for its end.
fn write_closed(
    disk: &dyn Disk,
    data_dir: &Path,
    founding: &Founding,
    header: &SegmentHeader,
    log: &[u8],
    (hard_state, commit_hint): (HardState, Index),
) -> io::Result<()> {
    let name = layout::segment_name(header.sequence, header.first);
    let file = disk.create(&layout::log_dir(data_dir).join(name))?;
    file.write_at(log, 0)?;
    file.sync()?;
    let slot = Slot {
        cluster_id: founding.cluster_id,
        node: founding.node,
        storage: founding.storage,
        counter: 1,
        hard_state,
        commit_hint,
        clean_end: Some(LogEnd { sequence: header.sequence, offset: log.len() as u64 }),
    };
    let file = disk.create(&layout::hard_state_file(data_dir))?;
    file.write_at(&slot.encode(), 0)?;
    file.write_at(&slot.encode(), SLOT_BYTES as u64)?;
    file.sync()
}

/// Does what takes more room on the disk.
fn growing<T>(room: Option<&DiskRoom>, grow: impl Fn() -> io::Result<T>) -> io::Result<T> {
    match room {
        Some(room) => room.growing(grow),
        None => grow(),
    }
}

/// Writes zeros from one offset up to another.
pub(super) fn write_zeros(file: &dyn DiskFile, from: u64, to: u64) -> io::Result<()> {
    let zeros = vec![0; usize::try_from(ZEROED_AHEAD_BYTES.min(to.saturating_sub(from))).expect("a step is small")];
    let mut at = from;
    while at < to {
        let length = usize::try_from(to - at).unwrap_or(usize::MAX).min(zeros.len());
        file.write_at(&zeros[..length], at)?;
        at += length as u64;
    }
    Ok(())
}

/// Writes a segment's header into a file of zeros, and gives it its name.
fn name_segment(
    disk: &dyn Disk,
    file: &dyn DiskFile,
    temporary: &Path,
    path: &Path,
    header: &SegmentHeader,
    sync: SyncMode,
) -> io::Result<()> {
    file.write_at(&header.encode(), 0)?;
    if sync == SyncMode::Always {
        file.sync()?;
    }
    disk.rename(temporary, path)?;
    if sync == SyncMode::Always {
        disk.sync_directory(disk::parent(path))?;
    }
    Ok(())
}

fn failed(path: &Path, source: io::Error) -> WriteError {
    WriteError::Io { path: path.to_path_buf(), source }
}
