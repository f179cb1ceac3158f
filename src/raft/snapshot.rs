//! Snapshots and compaction: what a snapshot stands for, when a peer needs one, and how one is sent in chunks and
//! installed (§7, R82–R92). The bytes of snapshots are the replica's and the disk's; consensus sees their metadata.

use std::sync::Arc;

use super::config::Config;
use super::types::{Index, LogId};

/// What a snapshot stands for: the whole log up to `last`, and which file says so (R82).
///
/// Two snapshots are the same one exactly when their metadata are equal; chunks of different ones are never mixed, not
/// even at one log id (R88).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SnapshotMeta {
    /// The last entry the snapshot covers.
    pub last: LogId,
    /// The configuration in force at `last`.
    pub config: Arc<Config>,
    /// Index of the entry that brought `config`; not above `last`.
    pub config_index: Index,
    /// Size of the file, in bytes.
    pub size_bytes: u64,
    /// Digest of the whole file.
    pub digest: u64,
    /// Check of the record of `last`, which the record after it continues.
    pub link: u32,
    /// Encoded bytes of all entries from the first of the log to `last`.
    pub log_bytes: u64,
}
