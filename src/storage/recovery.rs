//! Opening a data directory: prove all of it, cut what was never acknowledged, refuse what is damaged (R61–R63).

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::reader::Damage;
use crate::codec::{EntryError, Settings};
use crate::raft::{ClusterId, HardState, Index, NodeId, Shape, StorageId, Term};

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
}
