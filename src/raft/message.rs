//! What nodes say to each other, as consensus sees it: entries are shapes, payloads travel beside them.
//!
//! Every reply names what it answers (R8), so duplicates, reordering and messages from before a restart are harmless.

use core::fmt;

use super::shape::Shape;
use super::snapshot::{SnapshotId, SnapshotMeta};
use super::types::{Index, LogId, NodeId, StorageId, Term};

/// A message with its addressing (R9). The cluster is checked where bytes arrive, before this exists.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Envelope {
    pub from: NodeId,
    pub to: NodeId,
    /// The storage id the sender's configuration records for the receiver; zero when the sender knows none.
    /// A receiver with another storage id drops the message (R65).
    pub to_storage: StorageId,
    /// The sender's real term, never a term it only asks about (R7).
    pub term: Term,
    pub message: Message,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    Vote(Vote),
    VoteReply(VoteReply),
    Append(Append),
    AppendReply(AppendReply),
    Heartbeat(Heartbeat),
    HeartbeatReply(HeartbeatReply),
    TimeoutNow(TimeoutNow),
    ReadIndex(ReadIndex),
    ReadIndexReply(ReadIndexReply),
    Hello(Hello),
    HelloReply(HelloReply),
    Snapshot(Snapshot),
    SnapshotReply(SnapshotReply),
}

/// A request for a vote, or with `pre` for the promise of one (§5.2, thesis 9.6).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Vote {
    pub pre: bool,
    /// The term the candidate campaigns for: its own term, or with `pre` the next one.
    pub asked: Term,
    /// The candidate's last entry.
    pub last: LogId,
    /// Set in a leadership transfer: stickiness does not apply (R20, R104).
    pub force: bool,
    /// Drawn anew for each campaign and echoed in replies, so that a grant for a campaign before a crash cannot
    /// count in one after it (R15).
    pub nonce: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VoteReply {
    pub pre: bool,
    pub asked: Term,
    pub nonce: u64,
    /// None when granted.
    pub refused: Option<VoteRefusal>,
}

/// Why a vote was not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VoteRefusal {
    /// The asked term is below the voter's own.
    StaleTerm,
    /// The voter's log ends later (R16).
    LogBehind { mine: LogId },
    /// The voter gave its vote of this term to another.
    AlreadyVoted { to: NodeId },
    /// The voter knows a leader of this term.
    LeaderKnown { leader: NodeId },
    /// The voter heard from a leader less than an election timeout ago (R20).
    LeaderAlive { leader: NodeId },
    /// With lease reads: the voter has started, or has heard a leader of an earlier term, less than an election timeout
    /// ago, and may have promised to elect nobody else (R21).
    MayBeBound,
    /// The voter's log was damaged and is being repaired (R64).
    Recovering,
}

/// Entries to append after `prev` (§5.3). With an empty shape: a probe, or commit news.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Append {
    pub prev: LogId,
    pub entries: Shape,
    /// The leader's commit index; the receiver clamps it to what this message proves (R32).
    pub commit: Index,
    /// Which life of the leader's tracking of this peer sent this; echoed in the reply (R36, R78).
    pub generation: u32,
    /// Nothing but the commit index, to a peer that has acknowledged all before it: an answer that agrees would tell the
    /// leader nothing, and is left out. Should this be lost, the next heartbeat's reply shows it (R40).
    pub news_only: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AppendReply {
    pub generation: u32,
    pub outcome: AppendOutcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AppendOutcome {
    /// Everything up to here is durable and equal to the leader's log: exactly `prev + entries` (R32).
    Ack { index: Index },
    /// `rejected` is the refused `prev`; `hint` is where the logs may still agree (R34).
    Reject { rejected: Index, hint: LogId },
}

/// Keeps followers quiet, carries commit news and read rounds (R40, R93).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Heartbeat {
    pub commit: Index,
    /// Newest read round of the leader in this term; zero when there was none (R94).
    pub read_seq: u64,
    pub generation: u32,
    /// Orders to campaign up to this one are void in this term: their transfers were given up (R104).
    pub orders_void: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HeartbeatReply {
    pub read_seq: u64,
    pub generation: u32,
    /// The follower's last index; a hint only (R45).
    pub last: Index,
    /// The follower's commit index after this heartbeat. One that is behind shows the leader that its commit news did
    /// not get through: a follower that has restarted takes none until an append proves its log (R40).
    pub commit: Index,
}

/// Tells the transfer target to campaign at once (R104).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TimeoutNow {
    /// The leader's last entry; a target whose log does not end with it ignores this.
    pub last: LogId,
    /// Which order of this reign this is, from 1 on. A transfer that is given up makes its order void.
    pub order: u32,
}

/// A follower asks the leader for a read index (R97).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReadIndex {
    pub request: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReadIndexReply {
    pub request: u64,
    /// None when the asked node cannot confirm that it leads.
    pub index: Option<Index>,
}

/// A node whose log was damaged tells the leader that its former acknowledgements are void (R66).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hello {
    /// Names the start of the sender; a number that its earlier starts did not have.
    pub incarnation: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HelloReply {
    pub incarnation: u64,
    /// Where the leader's log ended when it first heard this hello.
    pub end: Index,
}

/// A chunk of the snapshot that takes the place of compacted entries (§7, R88). Its bytes travel beside it, as the
/// records of an append do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Snapshot {
    pub meta: SnapshotMeta,
    /// Where in the file the chunk begins, in bytes.
    pub offset: u64,
    /// Bytes of the chunk, at least one.
    pub length: u32,
    /// Which life of the leader's tracking of this peer sent this; echoed in the reply (R36, R78).
    pub generation: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SnapshotReply {
    pub snapshot: SnapshotId,
    /// Of the chunk that is answered.
    pub offset: u64,
    pub generation: u32,
    pub outcome: SnapshotOutcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SnapshotOutcome {
    /// The receiver holds the file up to here, and waits for the chunk that begins here; the size: it holds all of it.
    Next { offset: u64 },
    /// Everything up to here is durable and equal to the leader's log: what the snapshot proves, or the receiver's
    /// commit index when that is greater (R86).
    Installed { index: Index },
    /// The receiver could not store or install it.
    Failed,
}

impl fmt::Display for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} t{} → {} {}", self.from, self.term, self.to, self.message)
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Vote(vote) => {
                let (word, force) = (if vote.pre { "PreVote" } else { "Vote" }, if vote.force { " force" } else { "" });
                write!(f, "{word} asked={} last={}{force}", vote.asked, vote.last)
            }
            Message::VoteReply(reply) => {
                let word = if reply.pre { "PreVote" } else { "Vote" };
                match reply.refused {
                    None => write!(f, "{word}Grant asked={}", reply.asked),
                    Some(because) => write!(f, "{word}Refuse asked={}: {because}", reply.asked),
                }
            }
            Message::Append(append) => {
                write!(f, "Append base={} {} commit={}", append.prev, append.entries, append.commit)
            }
            Message::AppendReply(reply) => match reply.outcome {
                AppendOutcome::Ack { index } => write!(f, "AppendAck {index}"),
                AppendOutcome::Reject { rejected, hint } => write!(f, "AppendReject {rejected} hint={hint}"),
            },
            Message::Heartbeat(beat) => {
                write!(f, "Heartbeat commit={} read={}", beat.commit, beat.read_seq)?;
                if beat.orders_void > 0 { write!(f, " void={}", beat.orders_void) } else { Ok(()) }
            }
            Message::HeartbeatReply(reply) => write!(f, "HeartbeatReply last={} read={}", reply.last, reply.read_seq),
            Message::TimeoutNow(order) => write!(f, "TimeoutNow last={}", order.last),
            Message::Snapshot(chunk) => {
                let end = chunk.offset + u64::from(chunk.length);
                write!(f, "Snapshot {} bytes {}..{end}", chunk.meta.id(), chunk.offset)
            }
            Message::SnapshotReply(reply) => match reply.outcome {
                SnapshotOutcome::Next { offset } => write!(f, "SnapshotNext {} from {offset}", reply.snapshot),
                SnapshotOutcome::Installed { index } => write!(f, "SnapshotAck {} at {index}", reply.snapshot),
                SnapshotOutcome::Failed => write!(f, "SnapshotFail {}", reply.snapshot),
            },
            Message::ReadIndex(ask) => write!(f, "ReadIndex #{}", ask.request),
            Message::ReadIndexReply(reply) => match reply.index {
                Some(index) => write!(f, "ReadIndexReply #{} index={index}", reply.request),
                None => write!(f, "ReadIndexReply #{} refused", reply.request),
            },
            Message::Hello(_) => f.write_str("Hello"),
            Message::HelloReply(reply) => write!(f, "HelloReply end={}", reply.end),
        }
    }
}
