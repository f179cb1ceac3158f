//! Opening a data directory: prove all of it, cut what was never acknowledged, refuse what is damaged (R61–R63).
//!
//! Two halves. `survey` reads everything and changes nothing; it fails at the first damage. Only then `take_over`
//! writes: it marks the directory as in use, writes the hard state to both slots, writes again whatever no marker says
//! was synced (after a failed sync the cache may show bytes that never reached the disk, R67), clears the rest of a torn
//! write, so that nothing of it can be taken for log later, and syncs.
//!
//! The log begins behind a snapshot, or with entry 1. The newest snapshot that the log goes on behind counts; one that
//! is damaged is passed over if an older one, or the whole log, can take its place. A newer snapshot that was received
//! and not yet installed is installed now (R86): the log is then discarded as `reset_to` would have done it.
//!
//! Payloads are looked at one at a time; only the tail is kept.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;

use super::disk::{Disk, DiskFile, DiskLock, TEMPORARY_ENDING};
use super::hard_state::{self, Chosen, HardStateFile, LogEnd};
use super::journal::{JournalOptions, WriteError};
use super::layout::{self, OnCorruption};
use super::positions::{LogReader, Positions, ReadError, Strides};
use super::reader::{self, Damage, DamageKind, Item, Known, SegmentItem};
use super::salvage;
use super::scanner;
use super::segment::{Cause, MARKER_BYTES, Marker, SEGMENT_HEADER_BYTES};
use super::snapshot::SnapshotStore;
use super::snapshot_file::{Loaded, SnapshotError, SnapshotHead};
use super::wal::{self, Current, Resumed, Tip, Wal};
use crate::codec::entry::decode_config;
use crate::codec::{EntryError, Kind, RecordHeader, Settings};
use crate::raft::{ClusterId, HardState, Index, LogId, NodeId, Rule, Rules, Shape, StorageId, Term};

/// Bytes of records before the commit hint that are handed over with the tail, so that followers which are a little
/// behind after a restart are fed from memory.
pub const RECOVERED_TAIL_BYTES: u64 = 4 * 1024 * 1024;

/// How often the lock is tried: whoever only asks whether it is held has it for an instant.
const LOCK_ATTEMPTS: u32 = 20;

/// Time between two attempts to take the lock.
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// Bytes written again at once.
const REWRITE_CHUNK_BYTES: usize = 1024 * 1024;

/// Whose directory it is; fixed when it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectoryMeta {
    pub cluster_id: ClusterId,
    pub node: NodeId,
    pub storage: StorageId,
}

/// Everything a node knows when it wakes up.
#[derive(Clone, Debug)]
pub struct Recovered {
    pub meta: DirectoryMeta,
    pub hard_state: HardState,
    /// The state to begin with; none when the log is there from entry 1.
    pub snapshot: Option<Loaded>,
    /// All entries that are there, from the first: behind the snapshot's last one, or some before it.
    pub shape: Shape,
    /// The entry before the first of `shape`.
    pub before_first: LogId,
    /// The newest known commit index; at most the last index (R4).
    pub commit_hint: Index,
    /// `check` of the last entry, which the next record's `link` must be.
    pub last_check: u32,
    /// One slice per entry, from `tail_first` to the last: all behind the commit hint, and before it as many as fit
    /// `RECOVERED_TAIL_BYTES`.
    pub tail: Vec<Bytes>,
    pub tail_first: Index,
    /// Of the newest configuration entry, or of the snapshot when the log holds none.
    pub settings: Settings,
    /// This node may hold less than it has acknowledged, now or since an earlier start (R64).
    pub is_recovering: bool,
    pub notes: Vec<Note>,
}

/// Something an operator may want to know. Unless it says that the log was damaged, nothing acknowledged was lost.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Note {
    #[error(
        "{} byte {offset}: cut {length_bytes} bytes of the last write, which never completed, or may have been synced and is damaged",
        file.display()
    )]
    TornTail { file: Arc<Path>, offset: u64, length_bytes: u64 },
    #[error("{}: slot {slot} was not whole and was answered by the other one", file.display())]
    HardStateSlot { file: Arc<Path>, slot: usize },
    #[error("the directory was not cleanly closed")]
    NotClosed,
    #[error("damaged: {damage}; the log is kept up to {last}, and peers have to give the rest")]
    Salvaged { damage: Damage, last: LogId },
    #[error("{} byte {offset}: {length_bytes} bytes were set aside as {}", file.display(), to.display())]
    SetAside { file: Arc<Path>, offset: u64, length_bytes: u64, to: PathBuf },
    #[error("a snapshot was passed over: {problem}")]
    SnapshotPassedOver { problem: String },
    #[error("the snapshot up to {last} was received and is installed now")]
    SnapshotInstalled { last: LogId },
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
    #[error("written by another version: {0}")]
    Version(Damage),
    #[error("the log's last entry has term {last}, but the hard state says {durable}: the hard state was lost")]
    TermLost { last: Term, durable: Term },
    #[error("{} at byte {offset}: configuration entry {index}: {source}", file.display())]
    Configuration { file: Arc<Path>, offset: u64, index: Index, source: EntryError },
    #[error("the log holds no configuration")]
    NoConfiguration,
    #[error("the newest snapshot cannot be used, and without it the log has no beginning: {source}")]
    Snapshot { source: SnapshotError },
    #[error("installing the snapshot that was received: {source}")]
    Install { source: WriteError },
}

/// What an opened directory consists of.
pub(super) struct Opened {
    pub(super) recovered: Recovered,
    pub(super) wal: Wal,
    pub(super) hard_state: HardStateFile,
    pub(super) snapshots: SnapshotStore,
    pub(super) lock: Box<dyn DiskLock>,
}

/// Locks, proves and takes over a data directory.
pub(super) fn open(
    disk: Arc<dyn Disk>,
    data_dir: &Path,
    options: JournalOptions,
    on_corruption: OnCorruption,
) -> Result<Opened, OpenError> {
    let lock = lock(disk.as_ref(), data_dir)?;
    let hard_state_file = layout::hard_state_file(data_dir);
    let io_failed = |source| OpenError::Io { path: data_dir.to_path_buf(), source };
    if !disk.exists(&hard_state_file).map_err(io_failed)? {
        let explanation = "the hard state is not there; this node may not take part again under its id".to_owned();
        return Err(Damage::new(&hard_state_file, 0, DamageKind::Missing, explanation).into());
    }
    let inspection = hard_state::inspect_on(disk.as_ref(), &hard_state_file).map_err(io_failed)?;
    let chosen = inspection.choose()?;
    let mut clean_end = inspection.clean_end(&chosen);
    let snapshots = SnapshotStore::new(disk.clone(), data_dir, chosen.slot.cluster_id, options.sync);
    let mut salvaged = None;
    let mut survey = match survey(disk.clone(), data_dir, &chosen, clean_end, candidates(&snapshots)?, options.rules) {
        Err(OpenError::Damaged(damage)) if on_corruption == OnCorruption::Recover => {
            clean_end = None;
            let candidates = candidates(&snapshots)?;
            let mut survey = salvage::intact_part(disk.clone(), data_dir, &chosen, candidates)?;
            let base = survey.choose_base(&snapshots, chosen.slot.hard_state.term)?;
            survey.check_against(&chosen, &hard_state_file)?;
            salvage::set_aside(disk.as_ref(), data_dir, &mut survey, &base, damage)?;
            salvaged = Some(base);
            survey
        }
        surveyed => surveyed?,
    };
    if let Some(slot) = chosen.answered {
        survey.notes.push(Note::HardStateSlot { file: Arc::from(hard_state_file.as_path()), slot });
    }
    if clean_end.is_none() {
        survey.notes.push(Note::NotClosed);
    }
    let base = match salvaged {
        Some(base) => base,
        None => survey.choose_base(&snapshots, chosen.slot.hard_state.term)?,
    };
    let mut recovered = recovered(disk.clone(), &survey, &base, chosen.slot.hard_state)?;
    recovered.is_recovering = disk.exists(&layout::recovering_file(data_dir)).map_err(io_failed)?;
    let takeover = Takeover { disk: disk.as_ref(), data_dir, was_closed: clean_end.is_some(), survey: &survey };
    let (current, hard_state) = takeover.run(&chosen, options).map_err(io_failed)?;
    snapshots.prepare().map_err(io_failed)?;
    let Survey { meta, tip, commit_hint, positions, strides, .. } = survey;
    let resumed = Resumed { current, tip, commit_hint, positions, strides };
    let mut wal = Wal::new(disk, layout::log_dir(data_dir), options, meta, resumed);
    match &base {
        Base::Waiting(loaded) => wal.reset(loaded.meta.last, loaded.meta.link),
        Base::None | Base::Installed(_) => wal.compact(Index(0)),
    }
    .map_err(|source| OpenError::Install { source })?;
    Ok(Opened { recovered, wal, hard_state, snapshots, lock })
}

/// What the state machine begins with.
pub(super) enum Base {
    /// Nothing: the log is there from entry 1.
    None,
    /// The log goes on behind it.
    Installed(Box<Loaded>),
    /// It was received to replace the log, and that did not happen yet.
    Waiting(Box<Loaded>),
}

/// The snapshots that may count, by their headers, rising; and what is wrong with the others.
#[derive(Default)]
pub(super) struct Candidates {
    heads: Vec<SnapshotHead>,
    /// The newest last.
    unusable: Vec<SnapshotError>,
}

fn candidates(snapshots: &SnapshotStore) -> Result<Candidates, OpenError> {
    let mut candidates = Candidates::default();
    for last in snapshots.list().map_err(|source| OpenError::Io { path: snapshots.dir().to_path_buf(), source })? {
        match snapshots.head(last) {
            Ok(head) => candidates.heads.push(head),
            Err(error @ (SnapshotError::Io { .. } | SnapshotError::Version(_))) => return Err(error.into()),
            Err(error) => candidates.unusable.push(error),
        }
    }
    Ok(candidates)
}

/// Everything learned by reading the directory once.
pub(super) struct Survey {
    pub(super) meta: DirectoryMeta,
    pub(super) candidates: Candidates,
    /// What the log holds where a candidate ends.
    ends: BTreeMap<Index, Tip>,
    pub(super) shape: Shape,
    settings: Option<Settings>,
    /// The entry that the log begins behind.
    origin: Tip,
    pub(super) tip: Tip,
    commit_hint: Index,
    positions: Arc<Positions>,
    strides: Strides,
    pub(super) notes: Vec<Note>,
    /// The newest segment and the live one before it.
    pub(super) newest: Option<Surveyed>,
    before: Option<Surveyed>,
}

/// How far a segment is used.
#[derive(Clone)]
pub(super) struct Surveyed {
    pub(super) item: SegmentItem,
    /// Behind the last record.
    records_end: u64,
    /// Behind the last record or marker.
    pub(super) end: u64,
    /// The last marker; none when there is none. What is before it was synced before it was written.
    marked: Option<u64>,
}

fn lock(disk: &dyn Disk, data_dir: &Path) -> Result<Box<dyn DiskLock>, OpenError> {
    let failed = |source| OpenError::Io { path: data_dir.to_path_buf(), source };
    if !disk.exists(&layout::log_dir(data_dir)).map_err(failed)? {
        return Err(OpenError::NotFounded { path: data_dir.to_path_buf() });
    }
    let path = layout::lock_file(data_dir);
    for _ in 0..LOCK_ATTEMPTS {
        if let Some(lock) = disk.lock(&path).map_err(failed)? {
            return Ok(lock);
        }
        thread::sleep(LOCK_PAUSE);
    }
    Err(OpenError::Locked { path: data_dir.to_path_buf() })
}

/// Reads the whole log; fails at the first damage.
fn survey(
    disk: Arc<dyn Disk>,
    data_dir: &Path,
    chosen: &Chosen,
    clean_end: Option<LogEnd>,
    candidates: Candidates,
    rules: Rules,
) -> Result<Survey, OpenError> {
    let mut survey = Survey::new(chosen, chosen.slot.commit_hint, candidates);
    let log_dir = layout::log_dir(data_dir);
    let known = Known { clean_end, covered: Some(survey.candidates.covered()) };
    let walk = reader::walk_directory(disk, &log_dir, known, None)
        .map_err(|source| OpenError::Io { path: log_dir, source })?;
    for item in walk {
        let Some(item) = misjudged(item, rules) else {
            survey.commit_hint = survey.commit_hint.min(survey.tip.id.index);
            break;
        };
        if let Err(error) = survey.take(item) {
            return Err(survey.candidates.explain(error));
        }
    }
    survey.publish();
    survey.check_against(chosen, &layout::hard_state_file(data_dir))?;
    Ok(survey)
}

/// An item as the rules judge it: a torn write may be taken for damage, damage for the end of the log (R62).
fn misjudged(item: Item, rules: Rules) -> Option<Item> {
    match item {
        Item::Damage(_) if !rules.keeps(Rule::DamageNotTorn) => None,
        Item::TornTail { file, offset, .. } if !rules.keeps(Rule::TornNotDamage) => {
            let explanation = "a record is not whole".to_owned();
            Some(Item::Damage(Damage::new(&file, offset, DamageKind::Record, explanation)))
        }
        item => Some(item),
    }
}

impl Survey {
    pub(super) fn new(chosen: &Chosen, commit_hint: Index, candidates: Candidates) -> Survey {
        let slot = &chosen.slot;
        Survey {
            meta: DirectoryMeta { cluster_id: slot.cluster_id, node: slot.node, storage: slot.storage },
            candidates,
            ends: BTreeMap::new(),
            shape: Shape::empty(Index(1)),
            settings: None,
            origin: Tip::ORIGIN,
            tip: Tip::ORIGIN,
            commit_hint,
            positions: Arc::default(),
            strides: Strides::default(),
            notes: Vec::new(),
            newest: None,
            before: None,
        }
    }

    pub(super) fn take(&mut self, item: Item) -> Result<(), OpenError> {
        match item {
            Item::Segment(item) => self.segment(item),
            Item::Record { file, offset, header, payload } => self.record(&file, offset, &header, &payload),
            Item::Marker { marker, .. } => {
                let newest = self.newest.as_mut().expect("a marker lies in a segment");
                newest.marked = Some(marker.offset);
                newest.end = marker.offset + MARKER_BYTES as u64;
                self.commit_hint = self.commit_hint.max(marker.commit_hint);
                Ok(())
            }
            Item::TornTail { file, offset, length_bytes } => {
                self.notes.push(Note::TornTail { file, offset, length_bytes });
                Ok(())
            }
            Item::Dead { .. } => Ok(()),
            Item::Damage(damage) => Err(damage.into()),
        }
    }

    /// Makes the segment read so far known to readers.
    pub(super) fn publish(&mut self) {
        if self.newest.is_some() {
            self.positions.publish(self.tip.id.index, &mut self.strides.chosen);
        }
    }

    fn segment(&mut self, item: SegmentItem) -> Result<(), OpenError> {
        let header = &item.header;
        let owner = DirectoryMeta { cluster_id: header.cluster_id, node: header.node, storage: header.storage };
        if owner != self.meta {
            let explanation = "the segment belongs to another data directory than the hard state".to_owned();
            return Err(Damage::new(&item.file, 0, DamageKind::Header, explanation).into());
        }
        if item.until.is_some_and(|until| until < header.first) {
            return Ok(());
        }
        self.publish();
        let before = Tip { id: LogId { index: header.first.prev(), term: header.term_before }, check: header.link };
        if self.newest.is_none() {
            self.origin = before;
            self.tip = before;
            self.note_end(before);
            self.shape = Shape::empty(header.first);
        }
        self.positions.open_segment(item.file.clone(), header.sequence, before);
        self.strides = Strides::default();
        let start = SEGMENT_HEADER_BYTES as u64;
        self.before = self.newest.replace(Surveyed { item, records_end: start, end: start, marked: None });
        Ok(())
    }

    fn record(
        &mut self,
        file: &Arc<Path>,
        offset: u64,
        header: &RecordHeader,
        payload: &[u8],
    ) -> Result<(), OpenError> {
        let mut config = None;
        if header.kind == Kind::Config {
            let index = header.id.index;
            let (decoded, settings) = decode_config(payload).map_err(|source| OpenError::Configuration {
                file: file.clone(),
                offset,
                index,
                source,
            })?;
            config = Some(Arc::new(decoded));
            self.settings = Some(settings);
        }
        let length = u32::try_from(header.total_bytes()).expect("records are far below 4 GiB");
        self.shape.push(header.id.term, length, config);
        self.tip = Tip { id: header.id, check: header.check };
        self.note_end(self.tip);
        self.strides.note(header.id.index, offset);
        let newest = self.newest.as_mut().expect("a record lies in a segment");
        newest.records_end = offset + u64::from(length);
        newest.end = newest.records_end;
        Ok(())
    }

    /// Remembers what the log holds where a snapshot ends.
    fn note_end(&mut self, tip: Tip) {
        if self.candidates.heads.iter().any(|head| head.last.index == tip.id.index) {
            self.ends.insert(tip.id.index, tip);
        }
    }

    /// Finds what the state machine begins with: the newest snapshot that is whole and goes with the log.
    ///
    /// A snapshot that the log does not go on behind was received, and the machine stopped before the log was given up
    /// for it. It holds only what is committed, so the log holds nothing that it lacks and that counts. One of a later
    /// term than the durable one was never vouched for and is left alone.
    fn choose_base(&mut self, snapshots: &SnapshotStore, durable: Term) -> Result<Base, OpenError> {
        let mut heads = std::mem::take(&mut self.candidates.heads);
        while let Some(head) = heads.pop() {
            let SnapshotHead { last, link, .. } = head;
            let found = self.ends.get(&last.index).copied();
            let is_installed = found.is_some_and(|tip| (tip.id, tip.check) == (last, link));
            if let Some(tip) = found
                && !is_installed
                && (last.index <= self.commit_hint || tip.id == last)
            {
                let explanation = format!("the snapshot ends with {last}, but the log holds another entry {}", tip.id);
                return Err(Damage::new(&snapshots.path_of(last), 0, DamageKind::Chain, explanation).into());
            }
            let is_waiting = !is_installed && last.index >= self.shape.first && last.term <= durable;
            if !is_installed && !is_waiting {
                continue;
            }
            match snapshots.load(last) {
                Ok(loaded) if is_installed => {
                    self.commit_hint = self.commit_hint.max(last.index);
                    self.note_unusable();
                    return Ok(Base::Installed(Box::new(loaded)));
                }
                Ok(loaded) => {
                    self.note_unusable();
                    self.notes.push(Note::SnapshotInstalled { last });
                    return Ok(Base::Waiting(Box::new(loaded)));
                }
                Err(error @ (SnapshotError::Io { .. } | SnapshotError::Version(_))) => return Err(error.into()),
                Err(error) => self.candidates.unusable.insert(0, error),
            }
        }
        if self.shape.first == Index(1) {
            self.note_unusable();
            return Ok(Base::None);
        }
        let newest = self.newest.as_ref().expect("a log with a beginning has a segment");
        let explanation = format!("the log begins with entry {}, and no snapshot ends before it", self.shape.first);
        let missing = Damage::new(&newest.item.file, 0, DamageKind::Missing, explanation);
        Err(self.candidates.explain(missing.into()))
    }

    fn note_unusable(&mut self) {
        let unusable = self.candidates.unusable.drain(..);
        self.notes.extend(unusable.map(|error| Note::SnapshotPassedOver { problem: error.to_string() }));
    }

    /// The log and the hard state vouch for each other (R4, I11).
    fn check_against(&self, chosen: &Chosen, hard_state_file: &Path) -> Result<(), OpenError> {
        let (last, durable) = (self.tip.id.term, chosen.slot.hard_state.term);
        if last > durable {
            return Err(OpenError::TermLost { last, durable });
        }
        if self.commit_hint > self.tip.id.index {
            let explanation = format!(
                "entries up to {} were committed, but the log ends with {}: its end was lost",
                self.commit_hint, self.tip.id
            );
            return Err(Damage::new(hard_state_file, 0, DamageKind::Missing, explanation).into());
        }
        Ok(())
    }
}

impl Candidates {
    /// Where the newest of them ends.
    pub(super) fn covered(&self) -> Index {
        self.heads.last().map_or(Index(0), |head| head.last.index)
    }

    /// What is missing in front of the log may be missing only because a snapshot cannot be read; then that is to blame.
    fn explain(&mut self, error: OpenError) -> OpenError {
        match (&error, self.unusable.pop()) {
            (OpenError::Damaged(Damage { kind: DamageKind::Missing, .. }), Some(cause)) => cause.into(),
            _ => error,
        }
    }
}

fn recovered(disk: Arc<dyn Disk>, survey: &Survey, base: &Base, hard_state: HardState) -> Result<Recovered, OpenError> {
    let snapshot = match base {
        Base::None => None,
        Base::Installed(loaded) | Base::Waiting(loaded) => Some((**loaded).clone()),
    };
    if let Base::Waiting(loaded) = base {
        let (last, settings) = (loaded.meta.last, loaded.settings.clone());
        return Ok(Recovered {
            meta: survey.meta,
            hard_state,
            snapshot,
            shape: Shape::empty(last.index.next()),
            before_first: last,
            commit_hint: last.index,
            last_check: loaded.meta.link,
            tail: Vec::new(),
            tail_first: last.index.next(),
            settings,
            is_recovering: false,
            notes: survey.notes.clone(),
        });
    }
    let of_snapshot = snapshot.as_ref().map(|loaded| loaded.settings.clone());
    let settings = survey.settings.clone().or(of_snapshot).ok_or(OpenError::NoConfiguration)?;
    let tail_first = tail_first(&survey.shape, survey.commit_hint);
    let reader = LogReader::new(disk, survey.meta.storage, survey.positions.clone());
    Ok(Recovered {
        meta: survey.meta,
        hard_state,
        snapshot,
        shape: survey.shape.clone(),
        before_first: survey.origin.id,
        commit_hint: survey.commit_hint,
        last_check: survey.tip.check,
        tail: read_tail(&reader, tail_first, survey.tip.id.index)?,
        tail_first,
        settings,
        is_recovering: false,
        notes: survey.notes.clone(),
    })
}

/// The first entry of the tail: behind the commit hint, or as much before it as fits.
fn tail_first(shape: &Shape, commit_hint: Index) -> Index {
    let mut room = RECOVERED_TAIL_BYTES;
    let mut first = shape.last().next();
    for length in shape.lengths.iter().rev() {
        let fits = u64::from(*length) <= room;
        if first <= commit_hint.next() && !fits {
            break;
        }
        room = room.saturating_sub(u64::from(*length));
        first = first.prev();
    }
    first
}

fn read_tail(log: &LogReader, first: Index, last: Index) -> Result<Vec<Bytes>, OpenError> {
    let mut tail = Vec::new();
    let mut next = first;
    let chunk_bytes = usize::try_from(RECOVERED_TAIL_BYTES).expect("a few megabytes fit");
    while next <= last {
        let mut records = log.read(next, last, chunk_bytes).map_err(|error| match error {
            ReadError::Damaged(damage) => OpenError::from(damage),
            ReadError::Io { path, source } => OpenError::Io { path, source },
            ReadError::OutOfRange { .. } => unreachable!("the tail lies within the log that was just read"),
        })?;
        while !records.is_empty() {
            let header = RecordHeader::peek(&records, next).expect("the reader returns whole records");
            tail.push(records.split_to(header.total_bytes()));
            next = next.next();
        }
    }
    Ok(tail)
}

/// The writing half of opening.
struct Takeover<'a> {
    disk: &'a dyn Disk,
    data_dir: &'a Path,
    was_closed: bool,
    survey: &'a Survey,
}

impl Takeover<'_> {
    fn run(&self, chosen: &Chosen, options: JournalOptions) -> io::Result<(Current, HardStateFile)> {
        self.disk.create(&layout::in_use_file(self.data_dir))?;
        self.disk.sync_directory(self.data_dir)?;
        let file = self.disk.open_for_writing(&layout::hard_state_file(self.data_dir))?;
        let mut hard_state = HardStateFile::new(file, chosen.slot, options.sync);
        hard_state.even(chosen)?;
        hard_state.update(chosen.slot.hard_state, self.survey.commit_hint, None)?;
        let log_dir = layout::log_dir(self.data_dir);
        for name in self.disk.list(&log_dir)?.iter().filter(|name| name.ends_with(TEMPORARY_ENDING)) {
            self.disk.remove(&log_dir.join(name))?;
        }
        self.disk.sync_directory(&log_dir)?;
        let newest = self.survey.newest.as_ref().expect("a log with a configuration has a segment");
        if !self.was_closed {
            self.seal_again(newest)?;
        }
        Ok((self.resume(newest)?, hard_state))
    }

    /// Makes the newest segment's content durable beyond doubt, and everything behind it zero.
    fn resume(&self, newest: &Surveyed) -> io::Result<Current> {
        let SegmentItem { file: path, header, .. } = &newest.item;
        let file = self.disk.open_for_writing(path)?;
        let used = scanner::used_bytes(file.as_ref(), newest.end)?;
        wal::write_zeros(file.as_ref(), newest.end, newest.end + used)?;
        if !self.was_closed {
            let doubtful = newest.marked.unwrap_or(SEGMENT_HEADER_BYTES as u64);
            write_again(file.as_ref(), doubtful, newest.end)?;
        }
        if used > 0 || !self.was_closed {
            file.sync()?;
        }
        let mut position = newest.end;
        if newest.records_end == newest.end && newest.end > SEGMENT_HEADER_BYTES as u64 {
            file.write_at(&self.marker(newest, position), position)?;
            position += MARKER_BYTES as u64;
        }
        let zeroed_to = file.length_bytes()?.max(position);
        let (sequence, first, path) = (header.sequence, header.first, path.clone());
        Ok(Current { file, path, sequence, first, position, zeroed_to })
    }

    /// Writes the mark that a full segment is continued once more: a crash may have torn it, and from the next clean
    /// close on it must be whole.
    fn seal_again(&self, newest: &Surveyed) -> io::Result<()> {
        let Some(before) = &self.survey.before else { return Ok(()) };
        let is_full =
            newest.item.header.cause == Cause::Rolled && before.item.header.sequence + 1 == newest.item.header.sequence;
        if !is_full {
            return Ok(());
        }
        let file = self.disk.open_for_writing(&before.item.file)?;
        let offset = before.records_end;
        let used = scanner::used_bytes(file.as_ref(), offset)?;
        wal::write_zeros(file.as_ref(), offset, offset + used)?;
        let last = newest.item.header.first.prev();
        let marker = Marker {
            sequence: before.item.header.sequence,
            offset,
            last,
            last_check: newest.item.header.link,
            commit_hint: self.survey.commit_hint.min(last),
            continued: true,
        };
        file.write_at(&marker.encode(self.survey.meta.storage), offset)?;
        file.sync()
    }

    fn marker(&self, segment: &Surveyed, offset: u64) -> [u8; MARKER_BYTES] {
        let Survey { tip, commit_hint, meta, .. } = self.survey;
        let sequence = segment.item.header.sequence;
        let (last, last_check, commit_hint) = (tip.id.index, tip.check, *commit_hint);
        Marker { sequence, offset, last, last_check, commit_hint, continued: false }.encode(meta.storage)
    }
}

/// Writes bytes over themselves, so that the next sync really takes them to the disk.
fn write_again(file: &dyn DiskFile, from: u64, to: u64) -> io::Result<()> {
    let mut at = from;
    while at < to {
        let length = usize::try_from(to - at).unwrap_or(usize::MAX).min(REWRITE_CHUNK_BYTES);
        let mut bytes = vec![0; length];
        let read = file.read_at(&mut bytes, at)?;
        if read < length {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the segment became shorter while it was opened"));
        }
        file.write_at(&bytes, at)?;
        at += length as u64;
    }
    Ok(())
}

impl From<SnapshotError> for OpenError {
    fn from(error: SnapshotError) -> OpenError {
        match error {
            SnapshotError::Io { path, source } => OpenError::Io { path, source },
            SnapshotError::Damaged(damage) | SnapshotError::Version(damage) => damage.into(),
            source => OpenError::Snapshot { source },
        }
    }
}

impl From<Damage> for OpenError {
    fn from(damage: Damage) -> OpenError {
        if damage.kind == DamageKind::Version { OpenError::Version(damage) } else { OpenError::Damaged(damage) }
    }
}
