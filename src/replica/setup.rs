//! What a replica starts from: what its disk held, and the limits it keeps.

use bytes::Bytes;
use core::time::Duration;

use super::snapshots::Image;
use crate::codec::Settings;
use crate::raft::{BootFault, ClusterId, HardState, Index, NodeId, Rules, Shape, SnapshotMeta, StorageId};
use crate::state_machine::{HistoryLimits, SessionLimits};

/// Everything `Replica::boot` needs to know.
#[derive(Clone, Debug)]
pub struct Setup {
    pub id: NodeId,
    pub cluster: ClusterId,
    pub storage: StorageId,
    /// Feeds the randomised election timeouts (R12): different on every node and at every start.
    pub seed: u64,
    pub rules: Rules,
    pub limits: Limits,
    pub found: Found,
}

/// What recovery found on the disk.
#[derive(Clone, Debug)]
pub struct Found {
    pub hard_state: HardState,
    /// The newest snapshot: what it stands for, and the state it holds. The log continues it or reaches back before it.
    pub snapshot: Option<(SnapshotMeta, Image)>,
    /// The whole log, without payloads.
    pub shape: Shape,
    /// Known to be committed (R51); everything behind it may or may not be.
    pub commit_hint: Index,
    /// Check of the last record, which is the next record's link.
    pub last_check: u32,
    /// The newest records, in index order, whole records in each slice. Holds at least everything behind
    /// `commit_hint`; older ones are optional and spare reads of log files.
    pub tail: Vec<Bytes>,
    /// Index of the first record in `tail`; the one after the last entry when `tail` is empty.
    pub tail_first: Index,
    /// Those of the newest configuration entry, or of the snapshot when the log holds none.
    pub settings: Settings,
}

/// The bounds of everything a replica keeps or does at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Records kept in memory for peers that are a little behind. What is not yet both applied and durable is kept
    /// whatever its size; `Settings::max_pending_bytes` bounds that.
    pub tail_bytes_max: u64,
    /// Received records are copied together up to this size, so that a small record never keeps a large network
    /// buffer alive. Larger runs are kept as they came, unless they are less than half of what came.
    pub tail_copy_bytes_max: usize,
    /// Writes that wait for their outcome.
    pub waiting_writes_max: usize,
    /// Reads that wait for a read round or for an index.
    pub waiting_reads_max: usize,
    /// Watches that wait for a change.
    pub waiting_watches_max: usize,
    /// Longest wait of a read; then it is refused, and safe to repeat.
    pub read_wait_max: Duration,
    /// Bytes of records applied in one turn; one record is always applied.
    pub apply_bytes_max: usize,
    /// Records applied in one turn.
    pub apply_records_max: usize,
    /// Bytes asked for in one read of log files while applying; one such page is read ahead.
    pub apply_fetch_bytes_max: usize,
    /// Appends to one peer that wait for a read of log files, or behind one.
    pub peer_fetches_max: usize,
    /// Entry bytes in one append (R31).
    pub append_bytes_max: u64,
    /// Appends on the way to one peer (R38).
    pub inflight_messages_max: usize,
    /// Read rounds that wait for confirmation (R98).
    pub read_rounds_max: usize,
    /// A snapshot is taken whenever this many entries have been applied since the last one, and half as many as the state
    /// has keys (R83).
    pub snapshot_every_entries: u64,
    /// The same in encoded bytes of entries.
    pub snapshot_every_bytes: u64,
    /// Entries below a new snapshot that stay in the log (R84).
    pub retain_entries: u64,
    /// Entries below a new snapshot that stay in the log at most, for peers that still need them (R84).
    pub retain_entries_max: u64,
    /// Bytes of a snapshot in one message.
    pub chunk_bytes_max: u32,
    /// Snapshots on the way to peers at a time (R85).
    pub snapshot_transfers_max: usize,
    /// Those of the replicated state: the same on every node of a cluster, and on all but test clusters the default.
    pub sessions: SessionLimits,
    /// Of the replicated state, too.
    pub history: HistoryLimits,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            tail_bytes_max: 16 << 20,
            tail_copy_bytes_max: 4 << 10,
            waiting_writes_max: 64 << 10,
            waiting_reads_max: 64 << 10,
            waiting_watches_max: 32 << 10,
            read_wait_max: Duration::from_secs(10),
            apply_bytes_max: 1 << 20,
            apply_records_max: 4_096,
            apply_fetch_bytes_max: 1 << 20,
            peer_fetches_max: 256,
            append_bytes_max: 256 << 10,
            inflight_messages_max: 256,
            read_rounds_max: 1_024,
            snapshot_every_entries: 100_000,
            snapshot_every_bytes: 256 << 20,
            retain_entries: 20_000,
            retain_entries_max: 200_000,
            chunk_bytes_max: 256 << 10,
            snapshot_transfers_max: 2,
            sessions: SessionLimits::default(),
            history: HistoryLimits::default(),
        }
    }
}

impl Limits {
    /// For whoever cannot do the work on snapshot files: none is ever taken, and the log is kept for ever.
    #[must_use]
    pub fn without_snapshots(self) -> Limits {
        Limits { snapshot_every_entries: u64::MAX, snapshot_every_bytes: u64::MAX, ..self }
    }

    /// Small enough that a simulation of a few entries meets every bound.
    pub fn tiny() -> Limits {
        Limits {
            tail_bytes_max: 200,
            tail_copy_bytes_max: 100,
            waiting_writes_max: 4,
            waiting_reads_max: 4,
            waiting_watches_max: 4,
            read_wait_max: Duration::from_secs(2),
            apply_bytes_max: 150,
            apply_records_max: 2,
            apply_fetch_bytes_max: 150,
            peer_fetches_max: 2,
            append_bytes_max: 150,
            inflight_messages_max: 3,
            read_rounds_max: 3,
            snapshot_every_entries: 6,
            snapshot_every_bytes: 1_000,
            retain_entries: 2,
            retain_entries_max: 5,
            chunk_bytes_max: 64,
            snapshot_transfers_max: 1,
            sessions: SessionLimits::tiny(),
            history: HistoryLimits::tiny(),
        }
    }
}

/// Why a replica does not start from what was found. Nothing can be repaired here: the node must not run on it.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    #[error("the log contradicts itself")]
    Core(#[from] BootFault),
    #[error("the records of the log do not fit its shape: {0}")]
    Tail(String),
}
