//! What clients ask and hear, as plain values. How they travel is `codec::client`; who answers is `replica`.

use core::fmt;
use core::time::Duration;

use bytes::Bytes;

use crate::raft::{Index, NodeId, SnapshotId, Term};
use crate::state_machine::Outcome;

/// Longest key that is accepted, in bytes. Part of the format: every replica must agree on it.
pub const KEY_SIZE_MAX: usize = 64 * 1024;

/// Most items one scan page holds, whatever was asked.
pub const SCAN_ITEMS_MAX: usize = 10_000;

/// Most bytes of keys and values one scan page holds; the page always holds at least one item.
pub const SCAN_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Most changes one answer to a watch holds, beyond those of its last revision.
pub const WATCH_CHANGES_MAX: usize = 1_000;

/// Most bytes of keys and values one answer to a watch holds, beyond those of its last revision: a revision is never
/// divided.
pub const WATCH_BYTES_MAX: usize = 1024 * 1024;

/// Longest time a watch waits at a node for something to happen; it is asked again then.
pub const WATCH_WAIT_MAX: Duration = Duration::from_secs(30);

/// Longest part of a snapshot in one answer, in bytes.
pub const SNAPSHOT_PART_BYTES_MAX: u32 = 1 << 20;

/// One client connection as its node knows it: unique for the life of the node's process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u64);

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client {}", self.0)
    }
}

/// One request on a client connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Chosen by the client, echoed in the response, unique among the requests open on one connection.
    pub id: u64,
    pub ask: Ask,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A command as `codec::entry::encode_command` wrote it, and for a write of a session what
    /// `codec::entry::append_session` appended. The replica decodes it once, to judge it, and copies these same bytes
    /// into the record. Without a session, a write that is sent again may take effect again (R106).
    Write(Bytes),
    /// The same, and the answer says when each stage was reached, if the leader is not tracing too many already.
    Traced(Bytes),
    Read {
        query: Query,
        consistency: Consistency,
        at_least: Index,
    },
    /// What has changed after a revision: answered at once if there is something, else when something comes, or with
    /// nothing once `wait` is over. Any node answers, as of what it has applied. Who asks again behind what was
    /// answered, here or elsewhere, misses nothing and hears nothing twice.
    Watch {
        keys: Keys,
        after: Index,
        /// Also what was there before.
        previous: bool,
        wait: Duration,
    },
    /// What this node knows of itself and its peers; answered by any node, without a leader.
    Status,
    /// A snapshot of this node that reaches at least this entry; one is taken if there is none.
    Snapshot {
        at_least: Index,
    },
    /// Bytes of a snapshot's file from `offset` on: `length` of them, or fewer at a node's own limit and at its end.
    SnapshotPart {
        snapshot: SnapshotId,
        offset: u64,
        length: u32,
    },
    /// Hand leadership to `to`, or to the best voter.
    Transfer {
        to: Option<NodeId>,
    },
    /// Drop the messages on these links too, until they are healed, the node ends, or `lasts` is over. For
    /// experiments: only nodes that `cluster up` has started do it.
    Cut {
        links: CutLinks,
        lasts: Option<Duration>,
    },
    /// Take up the links with these peers again; with all when none is named.
    Heal {
        peers: Vec<NodeId>,
    },
}

/// Links of one node that are cut on purpose. Clients are not concerned. Each list is sorted and free of repeats.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CutLinks {
    /// Peers whose messages to the node are dropped.
    pub from: Vec<NodeId>,
    /// Peers to whom the node's messages are dropped.
    pub to: Vec<NodeId>,
}

impl CutLinks {
    pub fn is_empty(&self) -> bool {
        self.from.is_empty() && self.to.is_empty()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    Get { key: Vec<u8> },
    Scan { prefix: Vec<u8>, after: Option<Vec<u8>>, limit: u32, keys_only: bool },
}

/// Which keys are watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys {
    One(Vec<u8>),
    /// All that begin with this.
    Prefix(Vec<u8>),
}

impl Keys {
    pub fn contain(&self, key: &[u8]) -> bool {
        match self {
            Keys::One(one) => one == key,
            Keys::Prefix(prefix) => key.starts_with(prefix),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consistency {
    /// Sees every write acknowledged before the read was sent (R93).
    #[default]
    Linearizable,
    /// Sees the same. While the leader holds a lease it answers without asking the others (R99); else, and wherever
    /// lease reads are off, it asks them.
    Lease,
    /// Answered from this node's own state at once; it may be behind.
    Stale,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    pub id: u64,
    pub answer: Answer,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// A write was committed and applied at `revision`, which is its log index.
    Written {
        revision: Index,
        term: Term,
        outcome: Outcome,
    },
    /// The same, for a write that was traced.
    Traced {
        revision: Index,
        term: Term,
        outcome: Outcome,
        receipt: Box<Receipt>,
    },
    /// `at`: the index as of which this is true.
    Value {
        item: Option<Item>,
        at: Index,
    },
    Items {
        items: Vec<Item>,
        more: bool,
        at: Index,
    },
    /// Oldest first, whole revisions. Everything up to `up_to` is told with this: the next watch asks after it.
    Changes {
        changes: Vec<KeyChange>,
        up_to: Index,
    },
    Status(Box<NodeStatus>),
    Transferring {
        to: NodeId,
    },
    /// The links that are cut now.
    Links(CutLinks),
    /// The newest snapshot of the node.
    Snapshot(SnapshotId),
    SnapshotPart(Bytes),
    Refused(Refused),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub key: Vec<u8>,
    /// Empty when only keys were asked for.
    pub value: Vec<u8>,
    /// Index of the entry that last changed the key.
    pub revision: Index,
    /// Index of the entry that created the key.
    pub created: Index,
    /// How often the key was written since it was created, starting at 1.
    pub version: u64,
}

/// When a write reached its stages, as its leader noticed them: times since it received the write. None: not by the time
/// it was answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Synced to the leader's own disk.
    pub durable: Option<Duration>,
    /// Synced to the disk of each other member, by name.
    pub acknowledged: Vec<(String, Option<Duration>)>,
    pub committed: Option<Duration>,
    pub applied: Duration,
}

/// One key's change at one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChange {
    pub revision: Index,
    pub key: Vec<u8>,
    /// None when the key was deleted.
    pub current: Option<State>,
    /// None when the key was created, or nobody asked for it.
    pub previous: Option<State>,
}

/// What a key was at some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub value: Vec<u8>,
    pub revision: Index,
    /// Index of the entry that created the key.
    pub created: Index,
    pub version: u64,
}

/// Why there is no answer. All but `Unknown` and `Discarded` mean that this attempt was not and will not be applied; an
/// earlier attempt of the same write of a session may have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Ask the leader, if known: its name and address.
    NotLeader {
        leader: Option<Hint>,
    },
    /// Too much is waiting here; try again a little later.
    Busy,
    /// A transfer of leadership is under way, or the node is stopping.
    Unavailable {
        because: String,
    },
    /// The leader's disk is nearly full: it takes no writes until there is room.
    DiskFull,
    /// May or may not be applied, now or later: leadership was lost while the write was in flight.
    Unknown,
    /// The session keeps no answer for this write any more: it was applied before, or given up. Not applied now (R107).
    Discarded,
    /// The session of the write has ended, or claims to open from too long ago (R111). A new one may open with this log
    /// time.
    SessionExpired {
        log_time_ms: u64,
    },
    /// What is asked for is not kept any more: only changes of this revision and later ones are.
    Compacted {
        oldest: Index,
    },
    KeyTooLarge {
        size_bytes: u64,
        limit_bytes: u64,
    },
    ValueTooLarge {
        size_bytes: u64,
        limit_bytes: u64,
    },
    Invalid {
        because: String,
    },
}

/// Where a node thinks the leader is. Only a hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    pub id: NodeId,
    pub name: String,
    pub address: String,
}

/// One node's view of itself, and as leader of its peers. Times are ages in milliseconds at the time of asking.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeStatus {
    pub cluster: String,
    pub cluster_id: String,
    pub name: String,
    pub id: NodeId,
    /// `leader follower pre-candidate candidate learner recovering`.
    pub state: String,
    pub term: Term,
    pub leader: Option<NodeId>,
    pub durable: Index,
    pub commit: Index,
    pub applied: Index,
    pub first: Index,
    pub last: Index,
    /// Elections this node has started since its process began.
    pub elections: u64,
    pub config_index: Index,
    pub members: Vec<MemberStatus>,
    /// As leader: whether a quorum answered within the last election timeout.
    pub quorum_contact: bool,
    pub pid: u32,
    pub version: String,
    /// RFC 3339, UTC.
    pub started: String,
    pub data_dir: String,
    pub log_file: String,
    pub sync_p99_ms: Option<f64>,
    pub disk_free_bytes: Option<u64>,
    /// RFC 3339, UTC.
    pub cert_expires: Option<String>,
    /// State digest at the newest multiple of 1,000 applied, for comparing replicas from outside.
    pub digest: Option<(Index, String)>,
    /// What a new session says that it opened at (R107).
    pub log_time_ms: u64,
    pub election_timeout_ms: u64,
    /// True when `storage.sync: none` is in force: laboratory only.
    pub unsafe_sync: bool,
    /// Messages refused because their sender was not the certificate's node.
    pub refused_messages: u64,
    /// Links that somebody has cut on purpose.
    pub cut: CutLinks,
    /// The last entry that the newest snapshot covers; zero without one.
    pub snapshot: Index,
    /// When this node wrote that snapshot. RFC 3339, UTC.
    pub snapshot_time: Option<String>,
    /// The disk has too little room for new entries.
    pub disk_low: bool,
    /// With lease reads, for how long at most a leader answers alone.
    pub lease_ms: Option<u64>,
}

/// A member as the answering node sees it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MemberStatus {
    pub id: NodeId,
    pub name: String,
    pub address: String,
    /// `voter` or `learner`.
    pub role: String,
    /// As leader: up to where the member's log is known to be durable and equal.
    pub matched: Option<Index>,
    pub last_contact_ms: Option<u64>,
}
