//! Appends to segments: gathers batches, writes and syncs them together, and marks what was synced.
//!
//! The order within one flush is the whole point: zeros ahead (so that a sync need not allocate), the records, one
//! sync, then the marker behind them, which becomes durable with the next sync. A batch is reported durable only after
//! its marker was written, so after a killed process the end of what was synced is always known.
//!
//! Decides nothing about damage (`reader`) and keeps no hard state (`hard_state`).

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::disk::{self, Disk, DiskFile};
use super::hard_state::{LogEnd, Slot};
use super::journal::SyncLatency;
use super::layout::{self, Founding, SyncMode};
use super::places::Places;
use super::segment::{Cause, MARKER_BYTES, Marker, SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::codec::entry::encode_config;
use crate::codec::record::LINK_ORIGIN;
use crate::codec::{Kind, RecordHeader, append_record};
use crate::raft::{HardState, Index, LogId, Term};

/// Zeros are written this far ahead at once; growing a file makes each sync cost twice as much.
const ZERO_AHEAD_BYTES: u64 = 1024 * 1024;

/// The end of the log, and the segment it lies in.
#[derive(Debug)]
pub(super) struct Wal {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) log_dir: PathBuf,
    pub(super) segment_size_bytes: u64,
    pub(super) sync: SyncMode,
    pub(super) path: Arc<Path>,
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) header: SegmentHeader,
    /// Where the next byte goes.
    pub(super) position: u64,
    /// Everything from `position` to here is zeros that are there already.
    pub(super) zeroed: u64,
    pub(super) last: LogId,
    pub(super) last_check: u32,
    pub(super) commit_hint: Index,
    pub(super) places: Arc<Mutex<Places>>,
    pub(super) latency: Arc<SyncLatency>,
    /// Records that are not written yet.
    pub(super) gathered: Vec<Bytes>,
    pub(super) gathered_bytes: u64,
}

impl Wal {
    pub(super) fn end(&self) -> LogEnd {
        LogEnd { sequence: self.header.sequence, offset: self.position }
    }

    /// Takes records that continue the log, to be written by the next `flush`.
    pub(super) fn gather(&mut self, records: &[Bytes]) -> io::Result<()> {
        for slice in records {
            let mut rest = slice.clone();
            while !rest.is_empty() {
                let fitting = self.note_fitting(&rest);
                if fitting == 0 {
                    self.flush()?;
                    self.roll(Cause::Rolled, self.last, self.last_check)?;
                    continue;
                }
                let taken = rest.split_to(fitting);
                self.gathered_bytes += taken.len() as u64;
                self.gathered.push(taken);
            }
        }
        Ok(())
    }

    /// How many bytes of whole records fit into the segment; notes where they will lie. A record larger than a whole
    /// segment fits an empty one.
    fn note_fitting(&mut self, records: &[u8]) -> usize {
        let mut taken = 0;
        let mut places = self.places.lock().expect("nothing panics while it holds the map");
        while taken < records.len() {
            let header = RecordHeader::peek(&records[taken..]).expect("the replica hands over whole records");
            let offset = self.position + self.gathered_bytes + taken as u64;
            let end = offset + header.total_bytes() as u64 + 2 * MARKER_BYTES as u64;
            let is_empty = offset == SEGMENT_HEADER_BYTES as u64;
            if end > self.segment_size_bytes && !is_empty {
                break;
            }
            assert_eq!(header.id.index, self.last.index.next(), "records continue the log");
            assert_eq!(header.link, self.last_check, "records continue the chain");
            places.note(header.id.index, offset);
            self.last = header.id;
            self.last_check = header.check;
            taken += header.total_bytes();
        }
        taken
    }

    /// Makes everything gathered durable.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let bytes = match self.gathered.as_slice() {
            [one] => one.clone(),
            several => {
                let mut joined = BytesMut::with_capacity(several.iter().map(Bytes::len).sum());
                several.iter().for_each(|slice| joined.extend_from_slice(slice));
                joined.freeze()
            }
        };
        self.zero_ahead(bytes.len() as u64)?;
        self.file.write_at(&bytes, self.position)?;
        self.sync_file()?;
        self.position += bytes.len() as u64;
        self.gathered.clear();
        self.gathered_bytes = 0;
        self.mark(false)?;
        self.places.lock().expect("nothing panics while it holds the map").extend_to(self.last.index);
        Ok(())
    }

    /// Writes a marker for everything before it; it becomes durable with the next sync.
    pub(super) fn mark(&mut self, continued: bool) -> io::Result<()> {
        let marker = Marker {
            sequence: self.header.sequence,
            offset: self.position,
            last: self.last.index,
            last_check: self.last_check,
            commit_hint: self.commit_hint.min(self.last.index),
            continued,
        };
        self.file.write_at(&marker.encode(self.header.storage), self.position)?;
        self.position += MARKER_BYTES as u64;
        Ok(())
    }

    /// Entries from `from` on are replaced: they are dead once the new segment has its name.
    pub(super) fn truncate(&mut self, from: Index, before: LogId, before_check: u32) -> io::Result<()> {
        assert_eq!(before.index, from.prev(), "a truncation keeps everything before it");
        self.flush()?;
        self.last = before;
        self.last_check = before_check;
        self.roll(Cause::Truncated, before, before_check)
    }

    /// Goes on in a new segment. It gets its name when it is whole and durable, so a crash leaves the old log or the
    /// new one.
    fn roll(&mut self, cause: Cause, before: LogId, before_check: u32) -> io::Result<()> {
        let header = SegmentHeader {
            sequence: self.header.sequence + 1,
            first: before.index.next(),
            term_before: before.term,
            link: before_check,
            cause,
            ..self.header
        };
        let path = self.log_dir.join(layout::segment_name(header.sequence, header.first));
        let temporary = disk::temporary_name(&path);
        let zeroed = SEGMENT_HEADER_BYTES as u64 + ZERO_AHEAD_BYTES.min(self.segment_size_bytes);
        let file = prepare(self.disk.as_ref(), &temporary, &header, zeroed, self.sync)?;
        self.disk.rename(&temporary, &path)?;
        if self.sync == SyncMode::Always {
            self.disk.sync_directory(&self.log_dir)?;
        }
        if cause == Cause::Rolled {
            self.mark(true)?;
            self.sync_file()?;
        }
        self.path = Arc::from(path);
        self.file = file;
        self.header = header;
        self.position = SEGMENT_HEADER_BYTES as u64;
        self.zeroed = zeroed;
        self.places.lock().expect("nothing panics while it holds the map").begin(Arc::clone(&self.path), header);
        Ok(())
    }

    fn zero_ahead(&mut self, more: u64) -> io::Result<()> {
        let needed = self.position + more + 2 * MARKER_BYTES as u64;
        if needed <= self.zeroed {
            return Ok(());
        }
        let step = ZERO_AHEAD_BYTES.min(self.segment_size_bytes);
        let end = needed.next_multiple_of(step).max(needed);
        write_zeros(self.file.as_ref(), self.zeroed, end)?;
        self.zeroed = end;
        Ok(())
    }

    pub(super) fn sync_file(&self) -> io::Result<()> {
        if self.sync == SyncMode::None {
            return Ok(());
        }
        let began = Instant::now();
        self.file.sync()?;
        self.latency.note(began.elapsed());
        Ok(())
    }
}

/// Fills `start..end` with zeros.
pub(super) fn write_zeros(file: &dyn DiskFile, start: u64, end: u64) -> io::Result<()> {
    let zeros = vec![0; usize::try_from(ZERO_AHEAD_BYTES).expect("a step fits in memory")];
    let mut at = start;
    while at < end {
        let length = usize::try_from((end - at).min(ZERO_AHEAD_BYTES)).expect("a step fits in memory");
        file.write_at(&zeros[..length], at)?;
        at += length as u64;
    }
    Ok(())
}

/// Makes a segment's file with its header and zeros behind it, durable under a temporary name.
fn prepare(
    disk: &dyn Disk,
    path: &Path,
    header: &SegmentHeader,
    length: u64,
    sync: SyncMode,
) -> io::Result<Arc<dyn DiskFile>> {
    let file = disk.create(path)?;
    file.write_at(&header.encode(), 0)?;
    write_zeros(file.as_ref(), SEGMENT_HEADER_BYTES as u64, length)?;
    if sync == SyncMode::Always {
        file.sync()?;
    }
    Ok(file)
}

/// Writes the first segment with entry 1, and the hard state, as after a clean close.
pub(super) fn write_founding(disk: &dyn Disk, data_dir: &Path, founding: &Founding) -> io::Result<()> {
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
    let mut record = BytesMut::new();
    let id = LogId::new(1, 1);
    let check = append_record(&mut record, LINK_ORIGIN, Kind::Config, id, founding.wall_ms, |out| {
        encode_config(&founding.config, &founding.settings, out);
    });
    let offset = (SEGMENT_HEADER_BYTES + record.len()) as u64;
    let marker =
        Marker { sequence: 1, offset, last: id.index, last_check: check, commit_hint: id.index, continued: false };
    let path = layout::log_dir(data_dir).join(layout::segment_name(1, Index(1)));
    let file = prepare(disk, &path, &header, SEGMENT_HEADER_BYTES as u64 + ZERO_AHEAD_BYTES, SyncMode::None)?;
    file.write_at(&record, SEGMENT_HEADER_BYTES as u64)?;
    file.write_at(&marker.encode(founding.storage), offset)?;
    file.sync()?;
    let slot = Slot {
        cluster_id: founding.cluster_id,
        node: founding.node,
        storage: founding.storage,
        counter: 1,
        hard_state: HardState { term: id.term, vote: None },
        commit_hint: id.index,
        clean_end: Some(LogEnd { sequence: 1, offset: offset + MARKER_BYTES as u64 }),
    };
    let hard_state = disk.create(&layout::hard_state_file(data_dir))?;
    hard_state.write_at(&[slot.encode(), slot.encode()].concat(), 0)?;
    hard_state.sync()
}
