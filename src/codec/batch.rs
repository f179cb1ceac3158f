//! One numbered write as the replica hands it to the journal: hard state, truncation and record bytes together.

use bytes::Bytes;

use crate::raft::{HardState, Index, SnapshotMeta, WriteSeq};

/// Everything one turn wants durable, in the order it must become so (R57).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteBatch {
    pub seq: WriteSeq,
    /// Present when term or vote changed; synced before the first byte of what follows.
    pub hard_state: Option<HardState>,
    /// The whole log is discarded; it starts anew behind this snapshot, whose file is durable already (R86). Comes with
    /// no truncation; `records` follow it.
    pub reset_to: Option<Box<SnapshotMeta>>,
    /// Entries from here on are replaced by `records`.
    pub truncate_from: Option<Index>,
    /// Whole records, consecutive, in index order; a slice may hold many.
    pub records: Vec<Bytes>,
    /// First and last index in `records`; none when there are none.
    pub range: Option<(Index, Index)>,
    /// Written along, never worth a sync of its own (R51).
    pub commit_hint: Index,
    /// Entries up to here may be forgotten: a durable snapshot covers them (R84). Never worth a sync of its own.
    pub compact_to: Option<Index>,
}
