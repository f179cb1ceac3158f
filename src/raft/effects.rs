//! What the core asks of the world, as plain comparable values.
//!
//! Everything in `Effects::send` may be sent at once: replies that vouch for durable state stay inside the core
//! until the write they depend on is durable, so the shell cannot send them early.

use std::sync::Arc;

use super::config::Config;
use super::event::Event;
use super::message::Envelope;
use super::snapshot::{ChunkToStore, SnapshotMeta};
use super::types::{Index, NodeId, Term, WriteSeq};

/// Everything the core wants done since it was last drained. Reuse one value to keep its buffers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// At most one write per drain (R54).
    pub write: Option<Write>,
    /// Entries the core itself appended; the replica encodes them. In index order.
    pub created: Vec<Created>,
    /// Messages that may leave now.
    pub send: Vec<Envelope>,
    /// Everything up to here is committed and locally durable, and may be applied (R48). None: no news.
    pub apply_to: Option<Index>,
    /// A chunk of a leader's snapshot to store; `Core::chunk_stored` answers.
    pub store: Option<Box<ChunkToStore>>,
    /// A snapshot whose bytes are all stored, to be made durable and decoded; `Core::snapshot_installed` or
    /// `Core::install_failed` answers.
    pub install: Option<Box<SnapshotMeta>>,
    pub reads: Vec<ReadOutcome>,
    pub events: Vec<Event>,
    /// Set once, for ever: the core is poisoned and takes no more input (R6, R60).
    pub fatal: Option<Fault>,
}

/// One numbered write. Its parts must become durable in this order: hard state, reset or truncation, entries (R57).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    pub seq: WriteSeq,
    /// Present when term or vote changed.
    pub hard_state: Option<HardState>,
    /// The whole log is discarded and starts anew behind this snapshot, whose file is durable already (R86).
    pub reset_to: Option<Box<SnapshotMeta>>,
    /// Entries from here on are replaced; never together with a reset.
    pub truncate_from: Option<Index>,
    /// First and last index to append; the bytes are the replica's.
    pub append: Option<(Index, Index)>,
    /// `min(commit, durable)`, written along without a sync of its own (R51).
    pub commit_hint: Index,
    /// Entries up to here may be forgotten, since a durable snapshot covers them (R84); never worth a sync of its own.
    pub compact_to: Option<Index>,
}

/// What must survive a crash besides the log (R1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct HardState {
    pub term: Term,
    pub vote: Option<NodeId>,
}

/// An entry the core appended by itself, as leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// The first entry of a leader's term (R25).
    Noop { index: Index, term: Term },
    Config {
        index: Index,
        term: Term,
        config: Arc<Config>,
        /// What the core counts for it; the encoded record is exactly as long.
        length_bytes: u32,
    },
}

/// A caller's label for a read; labels may repeat, they are never used to confirm anything (R94).
pub type ReadTicket = u64;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadOutcome {
    /// Answer once everything up to `index` is applied (R93 step 4).
    Ready {
        ticket: ReadTicket,
        index: Index,
    },
    Failed {
        ticket: ReadTicket,
        because: ReadFailure,
    },
}

/// Why a read was not confirmed. All are safe to retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadFailure {
    NoLeader,
    LostLeadership,
    TermChanged,
    TooManyReads,
}

/// Why a request was not taken. Nothing has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Ask `leader`, as far as this node knows (R112).
    NotLeader { leader: Option<NodeId> },
    /// A transfer of leadership is under way (R103).
    Transferring { to: NodeId },
    /// Too much is appended and not committed (R30).
    TooManyUncommitted { bytes: u64, limit_bytes: u64 },
    /// The target of a transfer is no voter, is this node itself, or is not known.
    NotATarget { node: NodeId },
    /// The node is poisoned or stopping.
    Stopped,
}

/// A broken invariant or a failed disk: the node stops (R6, R60).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// A write or a sync failed.
    Disk { what: String },
    /// Own state contradicts itself; the sentence names the rule.
    Invariant { what: String },
}
