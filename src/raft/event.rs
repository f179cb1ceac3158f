//! The story a node tells: one typed event per transition, with its cause, and one sentence each.
//!
//! Golden scripts, production logs and the inspector print these same sentences.

use core::fmt;
use core::time::Duration;

use super::catch_up::CATCH_UP_ROUNDS_MAX;
use super::effects::Fault;
use super::message::VoteRefusal;
use super::snapshot::SnapshotId;
use super::types::{Index, LogId, NodeId, Role, Term};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    BecamePreCandidate {
        term: Term,
        because: CampaignCause,
    },
    BecameCandidate {
        term: Term,
        because: CampaignCause,
    },
    BecameLeader {
        term: Term,
        votes: usize,
    },
    BecameFollower {
        term: Term,
        leader: Option<NodeId>,
        because: StepDownCause,
    },
    /// A follower learned who leads, in a term it was already in or has just entered.
    LeaderKnown {
        term: Term,
        leader: NodeId,
    },
    VoteGranted {
        pre: bool,
        to: NodeId,
        asked: Term,
    },
    VoteRefused {
        pre: bool,
        to: NodeId,
        asked: Term,
        because: VoteRefusal,
    },
    CommitAdvanced {
        to: LogId,
    },
    Truncated {
        from: Index,
        by_leader: NodeId,
    },
    PeerState {
        peer: NodeId,
        from: &'static str,
        to: &'static str,
        because: &'static str,
    },
    ConfigEffective {
        at: Index,
        config: String,
    },
    ConfigRolledBack {
        to: Index,
    },
    /// This node is no member of the committed configuration at `at` (R77).
    Removed {
        at: Index,
    },
    /// As leader: a removed peer needs no more messages, since it knows or has had its time (R77).
    GoodbyeEnded {
        peer: NodeId,
        knows: bool,
    },
    /// As leader: a learner may become a voter (R75).
    LearnerReady {
        learner: NodeId,
        rounds: u32,
        /// What the last round took.
        took: Duration,
    },
    /// As leader: no round was short enough; it will not be promoted by itself (R75).
    LearnerTooSlow {
        learner: NodeId,
    },
    TransferStarted {
        to: NodeId,
    },
    TransferEnded {
        to: NodeId,
        because: &'static str,
    },
    /// The node's own state up to `last` is in a durable snapshot.
    SnapshotTaken {
        last: LogId,
    },
    /// The disk is nearly full: new entries are refused until there is room.
    DiskLow,
    /// There is room on the disk again.
    DiskRoom,
    /// A snapshot could not be taken, stored, read or installed; it will be tried again.
    SnapshotFailed {
        because: String,
    },
    /// A leader began to send a snapshot.
    SnapshotOffered {
        from: NodeId,
        snapshot: SnapshotId,
    },
    /// The log was discarded for a leader's snapshot.
    SnapshotInstalled {
        last: LogId,
        from: NodeId,
    },
    /// Entries up to here were forgotten.
    Compacted {
        upto: Index,
    },
    MessageDropped {
        from: NodeId,
        because: &'static str,
    },
    /// This node's log was damaged, and ends now with `last` (R64).
    RecoveryStarted {
        last: LogId,
    },
    /// Everything up to `at` is here again: the node votes as ever (R64).
    RecoveryEnded {
        at: Index,
    },
    /// A peer's log was damaged; what it had acknowledged no longer counts (R66).
    PeerRecovers {
        peer: NodeId,
    },
    /// A peer goes on answering with a log shorter than what it has acknowledged, and has not said why (R45).
    PeerRegressed {
        peer: NodeId,
        acknowledged: Index,
        last: Index,
    },
    Stopped {
        because: Fault,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CampaignCause {
    /// The election timeout passed without leader contact (§5.2).
    ElectionTimeout { after: Duration },
    /// The leader's process is gone, so that there is nothing to wait for.
    LeaderGone,
    /// A quorum promised its votes (thesis 9.6).
    PreVotesWon,
    /// The leader asked for it (R104).
    Transfer,
    /// A script or an operator asked for it.
    Asked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepDownCause {
    HigherTerm {
        from: NodeId,
    },
    /// Another node leads this term.
    LeaderFound {
        leader: NodeId,
    },
    /// The target of a transfer campaigns, as it was told to (R105).
    HandedOver {
        to: NodeId,
    },
    /// No quorum was heard within the election timeout (R22).
    NoQuorum,
    VotesLost,
    /// The configuration that takes this node's vote is committed (R76).
    VotedOut,
    DiskStall,
}

impl Event {
    /// A stable kebab-case word for scripts and JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Event::BecamePreCandidate { .. } => "became-pre-candidate",
            Event::BecameCandidate { .. } => "became-candidate",
            Event::BecameLeader { .. } => "became-leader",
            Event::BecameFollower { .. } => "became-follower",
            Event::LeaderKnown { .. } => "leader-known",
            Event::VoteGranted { .. } => "vote-granted",
            Event::VoteRefused { .. } => "vote-refused",
            Event::CommitAdvanced { .. } => "commit-advanced",
            Event::Truncated { .. } => "truncated",
            Event::PeerState { .. } => "peer-state",
            Event::ConfigEffective { .. } => "config-effective",
            Event::ConfigRolledBack { .. } => "config-rolled-back",
            Event::Removed { .. } => "removed",
            Event::GoodbyeEnded { .. } => "goodbye-ended",
            Event::LearnerReady { .. } => "learner-ready",
            Event::LearnerTooSlow { .. } => "learner-too-slow",
            Event::TransferStarted { .. } => "transfer-started",
            Event::TransferEnded { .. } => "transfer-ended",
            Event::SnapshotTaken { .. } => "snapshot-taken",
            Event::DiskLow => "disk-low",
            Event::DiskRoom => "disk-room",
            Event::SnapshotFailed { .. } => "snapshot-failed",
            Event::SnapshotOffered { .. } => "snapshot-offered",
            Event::SnapshotInstalled { .. } => "snapshot-installed",
            Event::Compacted { .. } => "compacted",
            Event::MessageDropped { .. } => "message-dropped",
            Event::RecoveryStarted { .. } => "recovery-started",
            Event::RecoveryEnded { .. } => "recovery-ended",
            Event::PeerRecovers { .. } => "peer-recovers",
            Event::PeerRegressed { .. } => "peer-regressed",
            Event::Stopped { .. } => "stopped",
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::BecamePreCandidate { term, because } => {
                write!(f, "became pre-candidate in term {term} because {because}")
            }
            Event::BecameCandidate { term, because } => write!(f, "became candidate in term {term} because {because}"),
            Event::BecameLeader { term, votes } => write!(f, "became leader in term {term} with {votes} votes"),
            Event::BecameFollower { term, leader: Some(leader), because } => {
                write!(f, "became follower of {leader} in term {term} because {because}")
            }
            Event::BecameFollower { term, leader: None, because } => {
                write!(f, "became follower in term {term} because {because}")
            }
            Event::LeaderKnown { term, leader } => write!(f, "follows {leader} in term {term}"),
            Event::VoteGranted { pre, to, asked } => write!(f, "granted {} to {to} for term {asked}", vote_word(*pre)),
            Event::VoteRefused { pre, to, asked, because } => {
                write!(f, "refused {} to {to} for term {asked}: {because}", vote_word(*pre))
            }
            Event::CommitAdvanced { to } => write!(f, "committed up to {to}"),
            Event::Truncated { from, by_leader } => write!(f, "truncated from {from} by leader {by_leader}"),
            Event::PeerState { peer, from, to, because } => write!(f, "peer {peer}: {from} to {to}, {because}"),
            Event::ConfigEffective { at, config } => write!(f, "configuration at {at} in force: {config}"),
            Event::ConfigRolledBack { to } => write!(f, "configuration rolled back to the one at {to}"),
            Event::Removed { at } => write!(f, "was removed by the configuration at {at}"),
            Event::GoodbyeEnded { peer, knows: true } => write!(f, "removed peer {peer} knows of it"),
            Event::GoodbyeEnded { peer, knows: false } => write!(f, "removed peer {peer} did not answer in time"),
            Event::LearnerReady { learner, rounds, took } => {
                write!(f, "learner {learner} has caught up in round {rounds}, which took {} ms", took.as_millis())
            }
            Event::LearnerTooSlow { learner } => {
                write!(f, "learner {learner} is too slow: {CATCH_UP_ROUNDS_MAX} rounds took too long")
            }
            Event::TransferStarted { to } => write!(f, "started to transfer leadership to {to}"),
            Event::TransferEnded { to, because } => write!(f, "transfer of leadership to {to} ended: {because}"),
            Event::SnapshotTaken { last } => write!(f, "took a snapshot that ends at {last}"),
            Event::DiskLow => write!(f, "the disk is nearly full: no new entries"),
            Event::DiskRoom => write!(f, "there is room on the disk again"),
            Event::SnapshotFailed { because } => write!(f, "snapshot failed: {because}"),
            Event::SnapshotOffered { from, snapshot } => write!(f, "is sent snapshot {snapshot} by {from}"),
            Event::SnapshotInstalled { last, from } => {
                write!(f, "replaced its log by the snapshot of {from} that ends at {last}")
            }
            Event::Compacted { upto } => write!(f, "compacted its log up to {upto}"),
            Event::MessageDropped { from, because } => write!(f, "dropped a message from {from}: {because}"),
            Event::RecoveryStarted { last } => {
                write!(f, "log was damaged and ends with {last}; no vote until it is repaired")
            }
            Event::RecoveryEnded { at } => write!(f, "log is repaired up to {at}; votes again"),
            Event::PeerRecovers { peer } => {
                write!(f, "peer {peer} has a damaged log; its acknowledgements no longer count")
            }
            Event::PeerRegressed { peer, acknowledged, last } => {
                write!(f, "ALARM: peer {peer} acknowledged {acknowledged} and now ends at {last}; it does not count")
            }
            Event::Stopped { because } => write!(f, "stopped: {because}"),
        }
    }
}

fn vote_word(pre: bool) -> &'static str {
    if pre { "pre-vote" } else { "vote" }
}

impl fmt::Display for CampaignCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CampaignCause::ElectionTimeout { after } => {
                write!(f, "its election timeout ({} ms) passed", after.as_millis())
            }
            CampaignCause::LeaderGone => f.write_str("the leader's process is gone"),
            CampaignCause::PreVotesWon => f.write_str("a quorum promised its votes"),
            CampaignCause::Transfer => f.write_str("the leader handed over"),
            CampaignCause::Asked => f.write_str("it was told to"),
        }
    }
}

impl fmt::Display for StepDownCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StepDownCause::HigherTerm { from } => write!(f, "{from} is in a higher term"),
            StepDownCause::LeaderFound { leader } => write!(f, "{leader} leads it"),
            StepDownCause::HandedOver { to } => write!(f, "it has handed over to {to}"),
            StepDownCause::NoQuorum => f.write_str("no quorum was heard within the election timeout"),
            StepDownCause::VotesLost => f.write_str("too many votes were refused"),
            StepDownCause::VotedOut => f.write_str("it has no vote any more"),
            StepDownCause::DiskStall => f.write_str("its disk does not answer"),
        }
    }
}

impl fmt::Display for VoteRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VoteRefusal::StaleTerm => f.write_str("the asked term is behind"),
            VoteRefusal::LogBehind { mine } => write!(f, "own log ends later, at {mine}"),
            VoteRefusal::AlreadyVoted { to } => write!(f, "already voted for {to}"),
            VoteRefusal::LeaderKnown { leader } => write!(f, "{leader} leads this term"),
            VoteRefusal::LeaderAlive { leader } => write!(f, "{leader} was heard less than an election timeout ago"),
            VoteRefusal::Recovering => f.write_str("own log is being repaired"),
            VoteRefusal::MayBeBound => f.write_str("a promise to another leader may still hold"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Disk { what } => write!(f, "the disk failed: {what}"),
            Fault::Invariant { what } => write!(f, "broken invariant: {what}"),
        }
    }
}

/// The role a status line shows; kept beside the events so that both use the same words.
pub fn role_word(role: Role, learner: bool) -> &'static str {
    match role {
        Role::Follower if learner => "learner",
        Role::Follower => "follower",
        Role::PreCandidate => "pre-candidate",
        Role::Candidate => "candidate",
        Role::Leader => "leader",
    }
}
