//! One numbered write as the replica hands it to the journal: hard state, truncation and record bytes together.

use bytes::Bytes;

use crate::raft::{HardState, Index, WriteSeq};

/// Everything one turn wants durable, in the order it must become so (R57).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteBatch {
    pub seq: WriteSeq,
    /// Present when term or vote changed; synced before the first byte of what follows.
    pub hard_state: Option<HardState>,
    /// Entries from here on are replaced by `records`.
    pub truncate_from: Option<Index>,
    /// Whole records, consecutive, in index order; a slice may hold many.
    pub records: Vec<Bytes>,
    /// First and last index in `records`; none when there are none.
    pub range: Option<(Index, Index)>,
    /// Written along, never worth a sync of its own (R51).
    pub commit_hint: Index,
}
