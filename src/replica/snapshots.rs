//! Snapshots as a replica takes, sends, receives and installs them.
//!
//! Nothing here reads or writes a file: what is to be done outside of the turn goes out as a `SnapshotJob`, and comes
//! back as an input. Taking one costs the turn a clone of the state, which is the same whatever the state holds; so
//! neither append nor apply ever waits for it (R83). When a snapshot is due is decided here; what is compacted, who
//! needs one, and what becomes of a received one is the core's to say.

use core::error::Error;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::exchange::{FetchId, Input};
use super::mind::Replica;
use super::setup::Limits;
use super::tail::Tail;
use crate::codec::snapshot::SnapshotFiles;
use crate::codec::{PeerMessage, RecordHeader, Settings};
use crate::raft::event::Event;
use crate::raft::message::Snapshot;
use crate::raft::{
    ChunkToStore, Config, Envelope, Index, Installation, LogId, Message, NodeId, SnapshotId, SnapshotMeta, Time,
};
use crate::state_machine::StateMachine;

/// How many keys of the state each entry since the last snapshot pays for in the next one.
const KEYS_PER_ENTRY: u64 = 2;

/// When a snapshot is due on nodes whose ids leave 0, 1 and 2 when divided by three, in sixteenths of the number of
/// entries that the limits say: apart from each other, so that there is a majority that is not at it, and with ratios
/// that keep them apart when the state, and with it that number, grows.
const DUE_AT_SIXTEENTHS: [u64; 3] = [16, 10, 13];

/// The replicated state as of one index, and the settings in force there. A clone costs the same whatever it holds.
#[derive(Clone, Debug)]
pub struct Image {
    pub machine: StateMachine,
    pub settings: Settings,
}

/// Something about snapshot files that is to be done outside of the turn. Each job is answered by exactly one input,
/// unless the node stops. Jobs may be done side by side, except that those for received chunks and files keep their
/// order.
#[derive(Clone, Debug)]
pub enum SnapshotJob {
    /// Write the image into a file and make it durable; `meta` lacks the file's size and digest. Answered by
    /// `Input::SnapshotTaken` with them filled in. Never more than one at a time.
    Take { meta: SnapshotMeta, image: Box<Image> },
    /// Read exactly `length` bytes of a snapshot from `offset` on. Answered by `Input::ChunkFetched`; never more than
    /// one at a time for each peer.
    Fetch { id: FetchId, snapshot: SnapshotId, offset: u64, length: u32 },
    /// Add bytes to the file that is being received; one that belongs to another snapshot makes room. Answered by
    /// `Input::ChunkStored`.
    Store { meta: SnapshotMeta, offset: u64, bytes: Bytes },
    /// Check the received file against its digest, make it durable as a snapshot, and read its image. When that fails
    /// the file is discarded. Answered by `Input::SnapshotInstalled`.
    Install { meta: SnapshotMeta },
}

impl SnapshotJob {
    /// Does what is asked, which may block for seconds, and gives the answer. `describe` puts an error into words.
    pub fn carry_out<F: SnapshotFiles>(self, files: &mut F, describe: impl Fn(&dyn Error) -> String) -> Input
    where
        F::Error: 'static,
    {
        let failed = |error: F::Error| describe(&error);
        match self {
            SnapshotJob::Take { meta, image } => {
                let Image { machine, settings } = *image;
                Input::SnapshotTaken(files.take(&meta, &settings, &machine).map_err(failed))
            }
            SnapshotJob::Fetch { id, snapshot, offset, length } => {
                Input::ChunkFetched { id, result: files.read(snapshot, offset, length).map_err(failed) }
            }
            SnapshotJob::Store { meta, offset, bytes } => {
                Input::ChunkStored { snapshot: meta.id(), result: files.store(&meta, offset, &bytes).map_err(failed) }
            }
            SnapshotJob::Install { meta } => {
                let installed = files.install(&meta).map_err(failed);
                Input::SnapshotInstalled(installed.map(|(machine, settings)| Box::new(Image { machine, settings })))
            }
        }
    }

    /// The answer to a job that could not be done.
    pub fn failed(self, because: String) -> Input {
        match self {
            SnapshotJob::Take { .. } => Input::SnapshotTaken(Err(because)),
            SnapshotJob::Fetch { id, .. } => Input::ChunkFetched { id, result: Err(because) },
            SnapshotJob::Store { meta, .. } => Input::ChunkStored { snapshot: meta.id(), result: Err(because) },
            SnapshotJob::Install { .. } => Input::SnapshotInstalled(Err(because)),
        }
    }
}

/// What a replica keeps track of around snapshots.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    /// Where the newest snapshot ends, or the newest that was tried.
    tried: Index,
    /// Encoded bytes of all entries up to there.
    tried_bytes: u64,
    is_taking: bool,
    /// Somebody wants a snapshot now, whether or not one is due.
    is_asked_for: bool,
    /// Chunks that arrived in this turn. The turn's number of inputs bounds it.
    arrived: Vec<Arrived>,
    /// Chunks on their way out that wait for their bytes; one for each peer.
    fetching: BTreeMap<FetchId, Envelope>,
    jobs: Vec<SnapshotJob>,
    due: Due,
}

/// How much is applied behind a snapshot before the next is due: either will do.
#[derive(Clone, Copy, Debug, Default)]
struct Due {
    entries: u64,
    bytes: u64,
}

fn due_at_sixteenths(id: NodeId) -> u64 {
    DUE_AT_SIXTEENTHS[(id.0 % 3) as usize]
}

#[derive(Debug)]
struct Arrived {
    snapshot: SnapshotId,
    offset: u64,
    bytes: Bytes,
}

/// Where the state machine is: the last entry it applied, and what a snapshot has to say of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Applied {
    pub(super) id: LogId,
    /// Check of that entry's record.
    pub(super) check: u32,
    /// Encoded bytes of all entries up to it, from the first of the log on.
    pub(super) log_bytes: u64,
    pub(super) config: Arc<Config>,
    pub(super) config_index: Index,
}

impl Applied {
    pub(super) fn of(meta: &SnapshotMeta) -> Applied {
        let SnapshotMeta { last, config, config_index, link, log_bytes, .. } = meta;
        let (config, config_index) = (config.clone(), *config_index);
        Applied { id: *last, check: *link, log_bytes: *log_bytes, config, config_index }
    }

    pub(super) fn advance(&mut self, header: &RecordHeader) {
        (self.id, self.check) = (header.id, header.check);
        self.log_bytes += header.total_bytes() as u64;
    }
}

impl Snapshots {
    /// Of this node, behind the snapshot that was found at a start.
    pub(super) fn behind(meta: Option<&SnapshotMeta>, id: NodeId, limits: &Limits) -> Snapshots {
        let (tried, tried_bytes) = meta.map_or((Index(0), 0), |meta| (meta.last.index, meta.log_bytes));
        let part = |every: u64| every.saturating_mul(due_at_sixteenths(id)).div_ceil(16);
        let due = Due { entries: part(limits.snapshot_every_entries), bytes: part(limits.snapshot_every_bytes) };
        Snapshots { tried, tried_bytes, due, ..Snapshots::default() }
    }

    pub(super) fn push_job(&mut self, job: SnapshotJob) {
        self.jobs.push(job);
    }

    /// What is to be done, gathered in this turn.
    pub(super) fn jobs(&mut self) -> &mut Vec<SnapshotJob> {
        &mut self.jobs
    }

    /// Chunks that the core did not want are gone with their turn.
    pub(super) fn forget_arrived(&mut self) {
        self.arrived.clear();
    }
}

/// Taking.
impl Replica {
    /// Remembers that a snapshot is wanted; one that would end where the newest ends is not taken (R83).
    pub(super) fn ask_for_snapshot(&mut self) {
        self.snapshots.is_asked_for = true;
    }

    /// Starts a snapshot of the state as it is, if one is due and none is being taken.
    pub(super) fn take_snapshot_if_due(&mut self) {
        let applied = &self.applier.applied;
        let (index, snapshots) = (applied.id.index, &mut self.snapshots);
        let none_before = match snapshots.is_asked_for {
            false => snapshots.tried,
            // Who asks has one tried again that could not be written, but not one that is there.
            true => self.core.snapshot().map_or(Index(0), |snapshot| snapshot.last.index),
        };
        if snapshots.is_taking || index <= none_before {
            snapshots.is_asked_for &= snapshots.is_taking;
            return;
        }
        let (entries, bytes) = (index - snapshots.tried, applied.log_bytes - snapshots.tried_bytes);
        let is_long = entries >= snapshots.due.entries || bytes >= snapshots.due.bytes;
        if snapshots.is_asked_for || is_long && self.is_paid_for_by(entries) {
            self.start_snapshot();
        }
    }

    /// A snapshot costs as much as the state has keys: paid for by a part of as many entries, that is a constant part of
    /// the work. Not by as many, or a state that only grows would never have another one.
    fn is_paid_for_by(&self, entries: u64) -> bool {
        entries * 16 / due_at_sixteenths(self.core.id()) * KEYS_PER_ENTRY >= self.machine.map().len() as u64
    }

    #[cold]
    fn start_snapshot(&mut self) {
        let (applied, snapshots) = (&self.applier.applied, &mut self.snapshots);
        let (index, log_bytes) = (applied.id.index, applied.log_bytes);
        assert_eq!(log_bytes, self.core.log_bytes(index), "the core and the applier count the same bytes");
        let meta = SnapshotMeta {
            last: applied.id,
            config: applied.config.clone(),
            config_index: applied.config_index,
            size_bytes: 0,
            digest: 0,
            link: applied.check,
            log_bytes,
        };
        (snapshots.tried, snapshots.tried_bytes) = (index, log_bytes);
        (snapshots.is_taking, snapshots.is_asked_for) = (true, false);
        let image = Box::new(Image { machine: self.machine.clone(), settings: self.applier.settings.clone() });
        snapshots.jobs.push(SnapshotJob::Take { meta, image });
    }

    /// The snapshot is durable, or not; then the next is tried when as much has been applied again.
    pub(super) fn take_taken(&mut self, now: Time, result: Result<SnapshotMeta, String>) {
        self.snapshots.is_taking = false;
        match result {
            Ok(meta) => self.core.snapshot_taken(now, meta),
            Err(what) => {
                self.refuse_backups(&what);
                self.snapshot_failed(format!("it cannot be written: {what}"));
            }
        }
    }

    fn snapshot_failed(&mut self, because: String) {
        self.events.push(Event::SnapshotFailed { because });
    }
}

/// Sending.
impl Replica {
    /// Asks for the bytes of a chunk that the core wants sent.
    pub(super) fn fetch_chunk(&mut self, envelope: Envelope) {
        let Message::Snapshot(Snapshot { meta, offset, length, .. }) = &envelope.message else {
            unreachable!("only chunks wait for their bytes");
        };
        let (snapshot, offset, length) = (meta.id(), *offset, *length);
        let id = self.new_fetch_id();
        self.forget_chunks(envelope.to);
        self.snapshots.fetching.insert(id, envelope);
        self.snapshots.jobs.push(SnapshotJob::Fetch { id, snapshot, offset, length });
    }

    /// Nothing that is being read for a peer is sent any more.
    pub(super) fn forget_chunks(&mut self, peer: NodeId) {
        self.snapshots.fetching.retain(|_, waiting| waiting.to != peer);
    }

    /// Sends a chunk with its bytes, if this node still leads in the term that wanted it (contract 4).
    pub(super) fn take_chunk(&mut self, id: FetchId, result: Result<Bytes, String>) {
        let Some(envelope) = self.snapshots.fetching.remove(&id) else { return };
        if !self.is_leader() || self.core.term() != envelope.term {
            return;
        }
        let peer = envelope.to;
        let Message::Snapshot(chunk) = &envelope.message else { unreachable!("only chunks wait for their bytes") };
        match result {
            Ok(bytes) if bytes.len() == chunk.length as usize => {
                self.sends.complete.push(PeerMessage { envelope, records: vec![bytes], bulk: true });
            }
            Ok(bytes) => {
                let because = format!("{} bytes were read of a chunk of {}", bytes.len(), chunk.length);
                self.snapshot_failed(because);
                self.core.snapshot_lost(peer);
            }
            Err(what) => {
                self.snapshot_failed(format!("it cannot be read: {what}"));
                self.core.snapshot_lost(peer);
            }
        }
    }
}

/// Receiving and installing.
impl Replica {
    /// Keeps the bytes of a chunk until the core has said whether it wants them. False when they are not as many as
    /// the message says.
    #[must_use]
    pub(super) fn keep_chunk(&mut self, chunk: &Snapshot, mut records: Vec<Bytes>) -> bool {
        let bytes = match records.pop() {
            Some(bytes) if records.is_empty() && bytes.len() == chunk.length as usize => bytes,
            _ => return false,
        };
        self.snapshots.arrived.push(Arrived { snapshot: chunk.meta.id(), offset: chunk.offset, bytes });
        true
    }

    /// Hands out what the core wants stored.
    pub(super) fn store_chunk(&mut self, chunk: ChunkToStore) {
        let ChunkToStore { meta, offset, length } = chunk;
        let is_wanted = |arrived: &&Arrived| {
            (arrived.snapshot, arrived.offset, arrived.bytes.len()) == (meta.id(), offset, length as usize)
        };
        let arrived = self.snapshots.arrived.iter().find(is_wanted);
        let bytes = arrived.expect("a chunk is wanted in the turn in which it arrives").bytes.clone();
        self.snapshots.jobs.push(SnapshotJob::Store { meta, offset, bytes });
    }

    pub(super) fn take_stored(&mut self, snapshot: SnapshotId, result: Result<u64, String>) {
        if let Err(what) = &result {
            self.snapshot_failed(format!("a chunk cannot be stored: {what}"));
        }
        self.core.chunk_stored(snapshot, result.ok());
    }

    pub(super) fn install(&mut self, meta: SnapshotMeta) {
        self.snapshots.jobs.push(SnapshotJob::Install { meta });
    }

    /// A received snapshot is durable and decoded, or not.
    pub(super) fn take_installed(&mut self, now: Time, result: Result<Box<Image>, String>) {
        match result {
            Ok(image) => {
                if self.core.snapshot_installed(now) == Installation::Replaced {
                    self.replace_state(*image);
                }
            }
            Err(what) => {
                self.snapshot_failed(format!("it cannot be installed: {what}"));
                self.core.install_failed();
            }
        }
    }

    /// The log begins anew behind the core's snapshot, whose content is `image` (R86).
    fn replace_state(&mut self, image: Image) {
        let meta = self.core.snapshot().expect("the core has just taken it for its own").clone();
        assert_eq!(image.machine.applied(), meta.last.index.0, "an image is of the index that its snapshot names");
        self.tail = Tail::new(meta.last.index.next(), meta.link);
        self.applier.restart(&meta, &image.settings);
        self.settings = image.settings;
        self.machine = image.machine;
        self.machine.set_value_bytes_max(self.settings.max_value_size);
        (self.snapshots.tried, self.snapshots.tried_bytes) = (meta.last.index, meta.log_bytes);
        self.answer_ready_reads();
    }
}
