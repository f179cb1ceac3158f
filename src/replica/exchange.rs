//! What goes into a replica and what comes out of it: plain values, carried by whoever runs it.

use core::mem;

use bytes::Bytes;

use super::mind::hand_out;
use super::snapshots::{Image, SnapshotJob};
use crate::api::{ClientId, Request, Response};
use crate::codec::{PeerMessage, WriteBatch};
use crate::raft::event::Event;
use crate::raft::{Change, ChangeRefusal, Envelope, Fault, Index, LogId, NodeId, SnapshotId, SnapshotMeta, WriteSeq};

/// One thing that happened. Feed all that has arrived, then call `take_outputs` once (contract 4).
#[derive(Clone, Debug)]
pub enum Input {
    /// A message from a peer whose certificate is the envelope's `from`, addressed to this node.
    Peer(PeerMessage),
    Client {
        client: ClientId,
        request: Request,
    },
    /// The connection is closed: nobody reads its answers. Its writes go on.
    ClientGone(ClientId),
    /// A change of membership. Its outcome comes in `Outputs::changes`, once, under the same ticket.
    Change {
        ticket: ChangeTicket,
        change: Change,
        /// Make it only while the configuration of this log id is in force.
        only_if: Option<LogId>,
    },
    /// All writes up to this one are durable (R54).
    Persisted(WriteSeq),
    /// A write or a sync failed: the node stops (R60).
    PersistFailed(String),
    /// The answer to a `Fetch`: whole consecutive records from its `first` on, or why there are none.
    Fetched {
        id: FetchId,
        result: Result<Bytes, String>,
    },
    /// The answer to `SnapshotJob::Take`: durable, with size and digest.
    SnapshotTaken(Result<SnapshotMeta, String>),
    /// The answer to `SnapshotJob::Fetch`: exactly the bytes asked for, or why there are none.
    ChunkFetched {
        id: FetchId,
        result: Result<Bytes, String>,
    },
    /// The answer to `SnapshotJob::Store`: how many bytes of the file are there now, from its beginning on.
    ChunkStored {
        snapshot: SnapshotId,
        result: Result<u64, String>,
    },
    /// The answer to `SnapshotJob::Install`: the state that the file holds, which is durable; or why it is not.
    SnapshotInstalled(Result<Box<Image>, String>),
    /// Somebody wants a snapshot of the state as it is.
    TakeSnapshot,
    /// Whether the disk has too little room left for new entries.
    DiskLow(bool),
    /// The connection to a peer is lost.
    PeerDown(NodeId),
    /// The peer's process is certainly gone; `PeerDown` comes with it.
    PeerGone(NodeId),
    /// A message to a peer was dropped because its queue was full.
    PeerOverflow(NodeId),
    /// Time has passed; what is due by `now` happens.
    Tick,
    /// The node is about to stop: give leadership away and take no new writes.
    HandOver,
}

/// A caller's label for a change of membership, unique among those whose outcome is open.
pub type ChangeTicket = u64;

/// What became of a change of membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeOutcome {
    /// The cluster is what was asked for, by the configuration of this log id, which is committed; a joint one on the
    /// way has been left, unless the caller wanted it to stay.
    Committed { at: LogId },
    /// Nothing was changed.
    Refused(ChangeRefusal),
    /// Too many wait; nothing was changed.
    Busy,
    /// Leadership was lost on the way: the change may happen or not. Asking for it again is safe (R81).
    Unknown,
}

/// Names one read of log files; never reused within one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FetchId(pub u64);

/// A read of log files that the replica wants. Every fetch is answered by exactly one `Input::Fetched`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    pub id: FetchId,
    pub first: Index,
    pub last: Index,
    /// Stop before the record that would exceed this, but give at least one.
    pub max_bytes: usize,
}

/// What the replica wants done, filled by `take_outputs`. Reuse one value to keep its buffers.
#[derive(Debug, Default)]
pub struct Outputs {
    /// At most one write per turn, in the order of its numbers.
    pub write: Option<WriteBatch>,
    /// May all be sent at once: what vouches for durable state was held back until it was durable (contract 3).
    pub send: Sends,
    pub fetch: Vec<Fetch>,
    /// Work on snapshot files, in this order.
    pub snapshots: Vec<SnapshotJob>,
    pub answers: Vec<(ClientId, Response)>,
    pub changes: Vec<(ChangeTicket, ChangeOutcome)>,
    /// The story of this turn, for logs.
    pub events: Vec<Event>,
    /// More can be done without new input: turn again soon.
    pub more: bool,
    /// Set once: the replica takes no more input and the node stops (R6, R60).
    pub fatal: Option<Fault>,
}

/// Messages to peers with the records that they name. Envelopes lie as the core has built them, and records beside
/// them: putting the two together is the last thing that happens, so that nothing is moved more often than it must be.
#[derive(Debug, Default)]
pub struct Sends {
    /// Messages whose bytes had to be read first; they leave before the others.
    pub(super) complete: Vec<PeerMessage>,
    pub(super) envelopes: Vec<Envelope>,
    /// What goes with some of the envelopes, in their order.
    pub(super) attached: Vec<Attached>,
}

#[derive(Debug)]
pub(super) struct Attached {
    /// Position of the envelope.
    pub(super) at: usize,
    pub(super) records: Vec<Bytes>,
    pub(super) bulk: bool,
}

impl Sends {
    /// Gives all messages to `send`, in the order in which they are to leave.
    pub fn drain_to(&mut self, mut send: impl FnMut(PeerMessage)) {
        if !self.complete.is_empty() {
            self.complete.drain(..).for_each(&mut send);
        }
        if self.envelopes.is_empty() {
            return;
        }
        let mut attached = self.attached.iter_mut().peekable();
        for (at, envelope) in self.envelopes.drain(..).enumerate() {
            let (records, bulk) = match attached.next_if(|attached| attached.at == at) {
                Some(Attached { records, bulk, .. }) => (mem::take(records), *bulk),
                None => (Vec::new(), false),
            };
            send(PeerMessage { envelope, records, bulk });
        }
        self.attached.clear();
    }

    /// Moves everything into `out`, which is empty.
    pub(super) fn hand_out(&mut self, out: &mut Sends) {
        hand_out(&mut self.complete, &mut out.complete);
        hand_out(&mut self.envelopes, &mut out.envelopes);
        hand_out(&mut self.attached, &mut out.attached);
    }

    fn clear(&mut self) {
        self.complete.clear();
        self.envelopes.clear();
        self.attached.clear();
    }
}

impl Outputs {
    /// Empties everything and keeps the buffers.
    pub(super) fn clear(&mut self) {
        self.write = None;
        self.send.clear();
        self.fetch.clear();
        self.snapshots.clear();
        self.answers.clear();
        self.changes.clear();
        self.events.clear();
        self.more = false;
        self.fatal = None;
    }
}
