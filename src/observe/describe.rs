//! What an event of the core weighs. The sentence is the event's own `Display`, the same as in scripts and traces.

use super::level::Level;
use crate::raft::Event;

/// Severity and sentence of an event.
///
/// What may happen many times a second, or is only detail of what another line tells, is `Debug`: a node at its
/// default level writes a handful of lines per election and none per write.
pub fn describe(event: &Event) -> (Level, String) {
    (weight(event), event.to_string())
}

fn weight(event: &Event) -> Level {
    match event {
        Event::Stopped { .. } | Event::PeerRegressed { .. } => Level::Error,
        Event::RecoveryStarted { .. }
        | Event::PeerRecovers { .. }
        | Event::Truncated { .. }
        | Event::ConfigRolledBack { .. }
        | Event::LearnerTooSlow { .. }
        | Event::DiskLow
        | Event::SnapshotFailed { .. } => Level::Warn,
        Event::BecamePreCandidate { .. }
        | Event::BecameCandidate { .. }
        | Event::BecameLeader { .. }
        | Event::BecameFollower { .. }
        | Event::LeaderKnown { .. }
        | Event::ConfigEffective { .. }
        | Event::Removed { .. }
        | Event::GoodbyeEnded { .. }
        | Event::LearnerReady { .. }
        | Event::DiskRoom
        | Event::SnapshotTaken { .. }
        | Event::SnapshotOffered { .. }
        | Event::SnapshotInstalled { .. }
        | Event::TransferStarted { .. }
        | Event::TransferEnded { .. }
        | Event::RecoveryEnded { .. } => Level::Info,
        Event::VoteGranted { pre, .. } | Event::VoteRefused { pre, .. } => {
            if *pre {
                Level::Debug
            } else {
                Level::Info
            }
        }
        Event::CommitAdvanced { .. }
        | Event::PeerState { .. }
        | Event::Compacted { .. }
        | Event::MessageDropped { .. } => Level::Debug,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::{Fault, LogId, NodeId, Term};

    #[test]
    fn the_story_is_told_and_the_stream_is_not() {
        let leader = Event::BecameLeader { term: Term(2), votes: 2 };
        assert_eq!(describe(&leader), (Level::Info, "became leader in term 2 with 2 votes".to_owned()));
        let commit = Event::CommitAdvanced { to: LogId::new(42, 3) };
        assert_eq!(describe(&commit), (Level::Debug, "committed up to 42@3".to_owned()));
        let dropped = Event::MessageDropped { from: NodeId(2), because: "another cluster" };
        assert_eq!(describe(&dropped).0, Level::Debug);
        let stopped = Event::Stopped { because: Fault::Invariant { what: "a term has one leader".to_owned() } };
        assert_eq!(describe(&stopped).0, Level::Error);
    }
}
