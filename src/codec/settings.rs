//! Cluster-wide settings: what every member must agree on, written into the log with the first configuration.
//!
//! Settings that belong to one node (`storage:`, `http:`) are not here.

use core::time::Duration;

/// The `raft:` and `limits:` of a cluster file, as they were when the cluster was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// A follower campaigns after a random time in `[election_timeout, 2 * election_timeout)` of silence (R12).
    pub election_timeout: Duration,
    pub heartbeat_interval: Duration,
    pub pre_vote: bool,
    pub check_quorum: bool,
    /// Most bytes of entries on the way to one peer (R38).
    pub max_inflight_bytes: u64,
    /// Longest value, in bytes.
    pub max_value_size: u64,
    /// Most bytes of proposals that are appended and not committed (R30).
    pub max_pending_bytes: u64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            election_timeout: Duration::from_millis(500),
            heartbeat_interval: Duration::from_millis(50),
            pre_vote: true,
            check_quorum: true,
            max_inflight_bytes: 1 << 20,
            max_value_size: 1 << 20,
            max_pending_bytes: 64 << 20,
        }
    }
}
