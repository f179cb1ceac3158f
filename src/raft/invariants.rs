//! Facts that hold between any two inputs of one core (I2, I6, I9, I11), checked after every input in debug builds.
//!
//! They watch one node only. What several nodes owe each other (I1, I3, I4) is watched by whoever sees them all: the
//! scripts.

use super::core::Core;
use super::replication::Leading;
use super::types::{Index, Role};

impl Core {
    /// Stops the program when a fact does not hold: that is a bug of this module, never bad input.
    ///
    /// A stopped core has found its contradiction already and is left as it is. One that breaks a rule on purpose is
    /// watched from outside only, so that it is the checks of the whole world that are put to the test.
    pub(super) fn check(&self) {
        if !cfg!(debug_assertions) || self.fault().is_some() || !self.rules.are_sound() {
            return;
        }
        let last = self.log.last();
        assert!(self.commit <= last.index, "only entries of the log are committed (I11)");
        assert!(self.applied <= self.commit, "only committed entries are applied (I11)");
        assert!(self.apply_told <= self.commit.min(self.durable()), "what is handed out for apply stays durable (R48)");
        assert!(self.verified <= last.index, "what is proven equal to the leader's log is kept (R32)");
        assert!(last.term <= self.term, "no entry is of a later term than the node (I11)");
        assert!(self.membership.index() <= last.index, "the configuration in force is in the log (R71)");
        let covered = self.snapshot.as_ref().map_or(Index(0), |snapshot| snapshot.last.index);
        assert!(self.log.base().index <= covered, "only what a snapshot covers is forgotten (R84)");
        assert!(covered <= self.applied, "a snapshot covers only what is applied (I11)");
        self.check_role();
        if let Some(leading) = &self.leading {
            self.check_leading(leading);
        }
    }

    fn check_role(&self) {
        let own = Some(self.id);
        assert_eq!(self.leading.is_some(), self.role == Role::Leader, "a leader's state lives as long as its reign");
        let campaigns = matches!(self.role, Role::PreCandidate | Role::Candidate);
        assert_eq!(self.campaign.is_some(), campaigns, "a campaign lives as long as the role");
        match self.role {
            Role::Follower => assert_ne!(self.leader, own, "nobody follows itself"),
            Role::PreCandidate => assert_eq!(self.leader, None, "who campaigns has forgotten its leader (R19)"),
            Role::Candidate => assert_eq!((self.leader, self.vote), (None, own), "a candidate voted for itself"),
            Role::Leader => assert_eq!((self.leader, self.vote), (own, own), "a leader voted for itself"),
        }
    }

    fn check_leading(&self, leading: &Leading) {
        let last = self.log.last();
        assert_eq!(last.term, self.term, "a leader's log ends in its own term from the no-op on (R25)");
        let noop = self.log.term_at(leading.noop);
        let is_forgotten = leading.noop < self.log.base().index;
        assert!(is_forgotten || noop == Some(self.term), "the no-op is of the own term (R25)");
        assert!(leading.peers.is_sorted_by_key(|peer| peer.id), "peers are kept in one order (I14)");
        for peer in &leading.peers {
            peer.check(last.index, self.options.max_inflight_messages);
        }
    }
}
