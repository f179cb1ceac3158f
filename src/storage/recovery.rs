//! Opening a data directory: prove all of it, cut what was never acknowledged, refuse what is damaged (R61–R63).

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::disk::{Disk, DiskLock};
use super::hard_state::{self, Chosen, HardStateFile, LogEnd};
use super::journal::{JournalOptions, LogReader, ReadError, SyncLatency};
use super::layout;
use super::places::Places;
use super::reader::{Damage, Item, SegmentItem, walk_directory};
use super::segment::MARKER_BYTES;
use super::wal::{Wal, write_zeros};
use crate::codec::entry::decode_config;
use crate::codec::record::LINK_ORIGIN;
use crate::codec::{EntryError, Kind, RecordHeader, Settings};
use crate::raft::{ClusterId, HardState, Index, LogId, NodeId, Shape, StorageId, Term};

/// Bytes of records before the commit hint that are handed over with the tail, so that followers which are a little
/// behind after a restart are fed from memory.
pub const RECOVERED_TAIL_BYTES: u64 = 4 * 1024 * 1024;

/// Whose directory it is; fixed when it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectoryMeta {
    pub cluster_id: ClusterId,
    pub node: NodeId,
    pub storage: StorageId,
}

/// Everything a node knows when it wakes up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    pub meta: DirectoryMeta,
    pub hard_state: HardState,
    /// All entries, from the first.
    pub shape: Shape,
    /// The newest known commit index; at most the last index (R4).
    pub commit_hint: Index,
    /// `check` of the last entry, which the next record's `link` must be.
    pub last_check: u32,
    /// One slice per entry, from `tail_first` to the last: all behind the commit hint, and before it as many as fit
    /// `RECOVERED_TAIL_BYTES`.
    pub tail: Vec<Bytes>,
    pub tail_first: Index,
    /// Of the newest configuration entry.
    pub settings: Settings,
    pub notes: Vec<Note>,
}

/// Something an operator may want to know; nothing acknowledged was lost.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Note {
    #[error("{} byte {offset}: cut {length_bytes} bytes of a write that never completed", file.display())]
    TornTail { file: Arc<Path>, offset: u64, length_bytes: u64 },
    #[error("{}: slot {slot} was not whole and was answered by the other one", file.display())]
    HardStateSlot { file: Arc<Path>, slot: usize },
    #[error("the directory was not cleanly closed")]
    NotClosed,
}

/// Why a data directory was not opened. Nothing in it was changed, unless it says `Io`.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{} is not a data directory; one is made once, when the node is", path.display())]
    NotFounded { path: PathBuf },
    #[error("{} is locked: another process has it open", path.display())]
    Locked { path: PathBuf },
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("damaged: {0}")]
    Damaged(Damage),
    #[error("the log's last entry has term {last}, but the hard state says {durable}: the hard state was lost")]
    TermLost { last: Term, durable: Term },
    #[error("entry {index}: {source}")]
    Configuration { index: Index, source: EntryError },
    #[error("the log holds no configuration")]
    NoConfiguration,
    #[error("the end of the log cannot be read back")]
    Tail(#[source] ReadError),
}

/// A directory that is ready to be written.
pub(super) struct Opened {
    pub(super) wal: Wal,
    pub(super) hard_state: HardStateFile,
    pub(super) lock: Box<dyn DiskLock>,
    pub(super) recovered: Recovered,
}

/// Proves everything before it changes anything: the torn tail is cut only when the whole log was found sound.
pub(super) fn open(disk: Arc<dyn Disk>, data_dir: &Path, options: JournalOptions) -> Result<Opened, OpenError> {
    let hard_state_path = layout::hard_state_file(data_dir);
    let failed = |path: &Path, source| OpenError::Io { path: path.to_path_buf(), source };
    if !disk.exists(&hard_state_path).map_err(|error| failed(&hard_state_path, error))? {
        return Err(OpenError::NotFounded { path: data_dir.to_path_buf() });
    }
    let lock_path = layout::lock_file(data_dir);
    let lock = disk.lock(&lock_path).map_err(|error| failed(&lock_path, error))?;
    let lock = lock.ok_or_else(|| OpenError::Locked { path: data_dir.to_path_buf() })?;
    let inspection =
        hard_state::inspect_on(disk.as_ref(), &hard_state_path).map_err(|error| failed(&hard_state_path, error))?;
    let chosen = inspection.choose().map_err(OpenError::Damaged)?;
    let clean_end = inspection.clean_end(&chosen);
    let log_dir = layout::log_dir(data_dir);
    let scan = Scan::of(&disk, &log_dir, clean_end, chosen.slot.commit_hint)?;
    if scan.last.term > chosen.slot.hard_state.term {
        return Err(OpenError::TermLost { last: scan.last.term, durable: chosen.slot.hard_state.term });
    }
    let in_use = layout::in_use_file(data_dir);
    let marked = disk.create(&in_use).and_then(|file| file.sync()).and_then(|()| disk.sync_directory(data_dir));
    marked.map_err(|error| failed(&in_use, error))?;
    let file = disk.open_for_writing(&hard_state_path).map_err(|error| failed(&hard_state_path, error))?;
    let mut hard_state = HardStateFile::new(file, chosen.slot, options.sync);
    hard_state
        .update(chosen.slot.hard_state, chosen.slot.commit_hint, None)
        .map_err(|error| failed(&hard_state_path, error))?;
    finish(disk, &log_dir, options, scan, &chosen, clean_end.is_some(), hard_state, lock)
}

#[expect(clippy::too_many_arguments, reason = "one step of `open`, split off for its length")]
fn finish(
    disk: Arc<dyn Disk>,
    log_dir: &Path,
    options: JournalOptions,
    scan: Scan,
    chosen: &Chosen,
    was_closed: bool,
    hard_state: HardStateFile,
    lock: Box<dyn DiskLock>,
) -> Result<Opened, OpenError> {
    let settings = scan.settings.clone().ok_or(OpenError::NoConfiguration)?;
    let mut notes = Vec::new();
    if !was_closed {
        notes.push(Note::NotClosed);
    }
    if let Some(slot) = chosen.answered {
        notes.push(Note::HardStateSlot { file: Arc::from(hard_state_name(log_dir)), slot });
    }
    notes.extend(scan.torn.clone());
    let commit_hint = scan.commit_hint.min(scan.last.index);
    let tail_first = scan.tail_first(commit_hint);
    let (last, last_check, shape) = (scan.last, scan.last_check, scan.shape.clone());
    let wal = prepare_end(Arc::clone(&disk), log_dir, options, scan, commit_hint)?;
    let reader = LogReader::new(disk, Arc::clone(&wal.places));
    let tail = read_tail(&reader, tail_first, last.index).map_err(OpenError::Tail)?;
    let slot = &chosen.slot;
    let recovered = Recovered {
        meta: DirectoryMeta { cluster_id: slot.cluster_id, node: slot.node, storage: slot.storage },
        hard_state: slot.hard_state,
        shape,
        commit_hint,
        last_check,
        tail,
        tail_first,
        settings,
        notes,
    };
    Ok(Opened { wal, hard_state, lock, recovered })
}

fn hard_state_name(log_dir: &Path) -> PathBuf {
    layout::hard_state_file(log_dir.parent().unwrap_or(log_dir))
}

/// Opens the newest segment for writing, zeros what a torn write left, and makes what no marker vouches for durable.
fn prepare_end(
    disk: Arc<dyn Disk>,
    log_dir: &Path,
    options: JournalOptions,
    scan: Scan,
    commit_hint: Index,
) -> Result<Wal, OpenError> {
    let segment = scan.segment.expect("a log without segments is damage");
    let path = Arc::clone(&segment.file);
    let failed = |source| OpenError::Io { path: path.to_path_buf(), source };
    let file = disk.open_for_writing(&path).map_err(failed)?;
    let length = file.length_bytes().map_err(failed)?;
    let mut wal = Wal {
        disk,
        log_dir: log_dir.to_path_buf(),
        segment_size_bytes: options.segment_size_bytes,
        sync: options.sync,
        path: Arc::clone(&path),
        file,
        header: segment.header,
        position: scan.end,
        zeroed: length.max(scan.end),
        last: scan.last,
        last_check: scan.last_check,
        commit_hint,
        places: Arc::new(Mutex::new(scan.places)),
        latency: Arc::new(SyncLatency::default()),
        gathered: Vec::new(),
        gathered_bytes: 0,
    };
    let torn = scan.torn.is_some();
    if torn {
        // Nothing of the torn write may ever be taken for a part of the log again, its markers least of all.
        write_zeros(wal.file.as_ref(), scan.end, length).map_err(failed)?;
    }
    if scan.end > scan.marked_end || torn {
        // What is in the page cache after a failed sync need not be on the disk: it is written again (R67).
        rewrite(&wal, scan.marked_end).map_err(failed)?;
        wal.file.sync().map_err(failed)?;
        wal.mark(false).map_err(failed)?;
    }
    Ok(wal)
}

fn rewrite(wal: &Wal, from: u64) -> io::Result<()> {
    const STEP_BYTES: usize = 1024 * 1024;
    let mut at = from;
    let mut buffer = vec![0; STEP_BYTES];
    while at < wal.position {
        let want = usize::try_from((wal.position - at).min(STEP_BYTES as u64)).expect("a step fits in memory");
        let length = wal.file.read_at(&mut buffer[..want], at)?;
        if length == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the log became shorter while it was opened"));
        }
        wal.file.write_at(&buffer[..length], at)?;
        at += length as u64;
    }
    Ok(())
}

/// Reads the last entries back, one slice each.
fn read_tail(reader: &LogReader, first: Index, last: Index) -> Result<Vec<Bytes>, ReadError> {
    let mut tail = Vec::new();
    let mut next = first;
    while next <= last {
        let mut records = reader.read(next, last, usize::MAX)?;
        while !records.is_empty() {
            let header = RecordHeader::peek(&records).expect("a read gives whole records");
            tail.push(records.split_to(header.total_bytes()));
            next = header.id.index.next();
        }
    }
    Ok(tail)
}

/// What one pass over the log finds.
struct Scan {
    shape: Shape,
    places: Places,
    segment: Option<SegmentItem>,
    /// Where the next byte of the newest segment goes.
    end: u64,
    /// Up to here a marker says that everything was synced.
    marked_end: u64,
    last: LogId,
    last_check: u32,
    commit_hint: Index,
    settings: Option<Settings>,
    torn: Option<Note>,
    /// Lengths of the newest entries, enough for the tail.
    recent: VecDeque<u32>,
    recent_bytes: u64,
}

impl Scan {
    fn of(
        disk: &Arc<dyn Disk>,
        log_dir: &Path,
        clean_end: Option<LogEnd>,
        commit_hint: Index,
    ) -> Result<Scan, OpenError> {
        let mut scan = Scan {
            shape: Shape::empty(Index(1)),
            places: Places::default(),
            segment: None,
            end: 0,
            marked_end: 0,
            last: LogId::ZERO,
            last_check: LINK_ORIGIN,
            commit_hint,
            settings: None,
            torn: None,
            recent: VecDeque::new(),
            recent_bytes: 0,
        };
        let walk = walk_directory(Arc::clone(disk), log_dir, clean_end, None)
            .map_err(|source| OpenError::Io { path: log_dir.to_path_buf(), source })?;
        for item in walk {
            scan.take(item)?;
        }
        scan.places.extend_to(scan.last.index);
        Ok(scan)
    }

    fn take(&mut self, item: Item) -> Result<(), OpenError> {
        match item {
            Item::Segment(segment) => {
                self.places.begin(Arc::clone(&segment.file), segment.header);
                self.end = super::segment::SEGMENT_HEADER_BYTES as u64;
                self.marked_end = self.end;
                self.segment = Some(segment);
            }
            Item::Record { offset, header, payload, .. } => self.take_record(offset, &header, &payload)?,
            Item::Marker { offset, marker, .. } => {
                self.end = offset + MARKER_BYTES as u64;
                self.marked_end = self.end;
                self.commit_hint = self.commit_hint.max(marker.commit_hint);
            }
            Item::TornTail { file, offset, length_bytes } => {
                self.torn = Some(Note::TornTail { file, offset, length_bytes });
            }
            Item::Damage(damage) => return Err(OpenError::Damaged(damage)),
            Item::Dead { .. } => {}
        }
        Ok(())
    }

    fn take_record(&mut self, offset: u64, header: &RecordHeader, payload: &[u8]) -> Result<(), OpenError> {
        let index = header.id.index;
        let mut config = None;
        if header.kind == Kind::Config {
            let (found, settings) =
                decode_config(payload).map_err(|source| OpenError::Configuration { index, source })?;
            config = Some(Arc::new(found));
            self.settings = Some(settings);
        }
        let length = u32::try_from(header.total_bytes()).expect("a record is below 4 GiB");
        self.shape.push(header.id.term, length, config);
        self.places.note(index, offset);
        self.end = offset + u64::from(length);
        self.last = header.id;
        self.last_check = header.check;
        self.recent.push_back(length);
        self.recent_bytes += u64::from(length);
        while self.recent_bytes > RECOVERED_TAIL_BYTES && self.oldest_recent() <= self.commit_hint {
            let dropped = self.recent.pop_front().expect("more than no bytes are kept");
            self.recent_bytes -= u64::from(dropped);
        }
        Ok(())
    }

    fn oldest_recent(&self) -> Index {
        Index(self.last.index.0 + 1 - self.recent.len() as u64)
    }

    /// Where the tail begins: never behind the first entry that is not known to be committed.
    fn tail_first(&self, commit_hint: Index) -> Index {
        self.oldest_recent().min(commit_hint.next())
    }
}
