//! A node whose log was damaged, while its term and vote are intact (R64, R66).
//!
//! It may have acknowledged entries that it no longer holds, so it must not help anybody to be elected who lacks them:
//! it gives no vote and never campaigns. It says hello to the leader under a number of its own, and the leader forgets
//! what it believed to be here and names the end of its log. Once everything up to there is durable here, and proven
//! equal to that leader's log, nothing that was ever acknowledged is missing, and the node is a voter like any other.
//!
//! Why the answer to a hello, and not just any append: an append that was sent before the damage may arrive late and
//! would end it too early. Storage remembers across restarts that a node recovers, until it is told otherwise.

use super::core::Core;
use super::event::Event;
use super::message::{AppendOutcome, Hello, HelloReply, Message};
use super::rules::Rule;
use super::types::{Index, NodeId, Role, Time};

/// What a recovering node waits for.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Recovering {
    /// Names this start of the node; drawn anew at each.
    incarnation: u64,
    /// Where the log of this term's leader ended when it answered the hello.
    until: Option<Index>,
}

/// As the node that recovers.
impl Core {
    /// Makes a core that has just been booted a recovering one: the log it was given is what is left of a longer one.
    pub fn begin_recovering(&mut self) {
        let incarnation = self.roll();
        self.recovering = Some(Recovering { incarnation, until: None });
        self.events.push(Event::RecoveryStarted { last: self.last() });
    }

    /// Whether this node may hold less than it has acknowledged, and so neither votes nor campaigns.
    pub fn is_recovering(&self) -> bool {
        self.recovering.is_some()
    }

    /// What follows from that for elections.
    pub(super) fn abstains(&self) -> bool {
        self.is_recovering() && self.rules.keeps(Rule::RepairBeforeVote)
    }

    /// The leader was heard: it is told, until it has answered.
    pub(super) fn say_hello(&mut self, leader: NodeId) {
        if let Some(Recovering { incarnation, until: None }) = self.recovering {
            self.send(leader, Message::Hello(Hello { incarnation }));
        }
    }

    pub(super) fn on_hello_reply(&mut self, from: NodeId, reply: &HelloReply) {
        let is_leader = self.leader == Some(from);
        if let Some(recovering) = &mut self.recovering
            && is_leader
            && recovering.incarnation == reply.incarnation
        {
            recovering.until.get_or_insert(reply.end);
            self.end_recovering();
        }
    }

    /// In another term another leader must answer: this one's log may end otherwise.
    pub(super) fn forget_announced_end(&mut self) {
        if let Some(recovering) = &mut self.recovering {
            recovering.until = None;
        }
    }

    /// An append was taken. Only with R64-hello broken its own end is taken for the announced one.
    pub(super) fn end_recovering_after(&mut self, outcome: &AppendOutcome) {
        if let (Some(recovering), AppendOutcome::Ack { index }) = (&mut self.recovering, outcome)
            && !self.rules.keeps(Rule::RepairAnnounced)
        {
            recovering.until.get_or_insert(*index);
        }
        self.end_recovering();
    }

    /// Becomes a voter again when everything up to the announced end is here for good.
    pub(super) fn end_recovering(&mut self) {
        let held = self.verified.min(self.durable());
        if let Some(Recovering { until: Some(end), .. }) = self.recovering
            && held >= end
        {
            self.recovering = None;
            self.events.push(Event::RecoveryEnded { at: end });
        }
    }
}

/// As the leader of one.
impl Core {
    /// What this peer acknowledged under another incarnation no longer counts (R66). What is committed stays so.
    pub(super) fn on_hello(&mut self, now: Time, from: NodeId, hello: &Hello) {
        if self.role != Role::Leader {
            return;
        }
        let end = self.log.last().index;
        let generation = self.generation.wrapping_add(1);
        let Some(peer) = self.peer_mut(from) else { return };
        let is_news = peer.hello.is_none_or(|(incarnation, _)| incarnation != hello.incarnation);
        if is_news {
            peer.begin_again(now, generation, end);
            peer.hello = Some((hello.incarnation, end));
        }
        let (incarnation, end) = peer.hello.expect("it was set or found just now");
        if is_news {
            self.generation = generation;
            if self.transferring_to() == Some(from) {
                self.end_transfer("the target has lost entries");
            }
            self.events.push(Event::PeerRecovers { peer: from });
        }
        self.send(from, Message::HelloReply(HelloReply { incarnation, end }));
    }
}
