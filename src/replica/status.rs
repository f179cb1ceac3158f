//! What a node says of itself. Facts of its process, such as paths and pid, are the node's to add.

use super::mind::Replica;
use crate::api::{MemberStatus, NodeStatus};
use crate::raft::event::role_word;
use crate::raft::{Index, Member, Time};

impl Replica {
    /// Everything a status shows that consensus and the state machine know; the other fields are at their defaults.
    pub fn status(&self, now: Time) -> NodeStatus {
        let core = &self.core;
        let config = core.config();
        let is_learner = config.learners.contains(&core.id());
        NodeStatus {
            cluster_id: self.cluster.to_string(),
            name: config.member(core.id()).map(|member| member.name.clone()).unwrap_or_default(),
            id: core.id(),
            state: if core.is_recovering() { "recovering" } else { role_word(core.role(), is_learner) }.to_owned(),
            term: core.term(),
            leader: core.leader(),
            durable: core.durable(),
            commit: core.commit(),
            applied: Index(self.machine.applied()),
            first: core.first(),
            snapshot: core.snapshot().map_or(Index(0), |snapshot| snapshot.last.index),
            last: core.last().index,
            elections: core.elections_started(),
            config_index: core.config_index(),
            members: config.members.iter().map(|member| self.member_status(now, member)).collect(),
            quorum_contact: core.has_quorum_contact(now),
            digest: self.machine.digest().map(|(index, sum)| (Index(index), format!("{sum:016x}"))),
            lease_ms: core.lease_bound().map(|bound| u64::try_from(bound.as_millis()).unwrap_or(u64::MAX)),
            log_time_ms: self.machine.log_time_ms(),
            election_timeout_ms: u64::try_from(self.settings.election_timeout.as_millis()).unwrap_or(u64::MAX),
            ..NodeStatus::default()
        }
    }

    fn member_status(&self, now: Time, member: &Member) -> MemberStatus {
        let core = &self.core;
        let role = if core.config().is_voter(member.id) { "voter" } else { "learner" };
        let peer = if self.is_leader() { core.peers().find(|peer| peer.id == member.id) } else { None };
        let mut status = MemberStatus {
            id: member.id,
            name: member.name.clone(),
            address: member.address.clone(),
            role: role.to_owned(),
            matched: peer.as_ref().map(|peer| peer.matched),
            last_contact_ms: None,
        };
        if let Some(peer) = peer {
            status.last_contact_ms =
                peer.last_contact.map(|time| u64::try_from(now.since(time).as_millis()).unwrap_or(u64::MAX));
        }
        if self.is_leader() && member.id == core.id() {
            status.matched = Some(core.durable());
            status.last_contact_ms = Some(0);
        }
        status
    }
}
