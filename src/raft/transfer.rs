//! Handing leadership to a chosen voter without waiting for a timeout (thesis 3.10, R103–R105).

use super::core::Core;
use super::effects::Refusal;
use super::event::{CampaignCause, Event, StepDownCause};
use super::message::{Message, TimeoutNow};
use super::rules::Rule;
use super::types::{NodeId, Role, Time};

/// A transfer under way: no proposals are taken meanwhile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transfer {
    pub to: NodeId,
    pub deadline: Time,
    /// The number of the order to campaign, once it has been given.
    pub order: Option<u32>,
}

impl Core {
    /// Starts to hand leadership to `to`, or to the voter with the longest matching log. Gives the target.
    ///
    /// # Errors
    /// `NotLeader`, `NotATarget`, `Stopped`. Nothing has happened then, except that asking for a transfer to this
    /// node itself cancels one that is under way (P131).
    pub fn transfer(&mut self, now: Time, to: Option<NodeId>) -> Result<NodeId, Refusal> {
        self.refuse_if_stopped()?;
        let config = self.membership.config().clone();
        let best = self.best_voter();
        let own = self.id;
        let election_timeout = self.options.election_timeout;
        let not_leader = Refusal::NotLeader { leader: self.leader };
        let leading = self.leading.as_mut().ok_or(not_leader)?;
        let target = to.or(best).ok_or(Refusal::NotATarget { node: own })?;
        if target == own || !config.is_voter(target) {
            if target == own {
                self.end_transfer("it was called back");
            }
            return Err(Refusal::NotATarget { node: target });
        }
        if leading.transfer.is_some_and(|running| running.to == target) {
            return Ok(target);
        }
        self.end_transfer("another target was named");
        let deadline = now + election_timeout;
        if let Some(leading) = &mut self.leading {
            leading.transfer = Some(Transfer { to: target, deadline, order: None });
        }
        self.events.push(Event::TransferStarted { to: target });
        Ok(target)
    }

    /// The other voter with the longest matching log.
    pub(super) fn best_voter(&self) -> Option<NodeId> {
        let config = self.membership.config();
        let voters = self.leading.as_ref()?.peers.iter().filter(|peer| config.is_voter(peer.id));
        voters.max_by_key(|peer| (peer.matched, core::cmp::Reverse(peer.id))).map(|peer| peer.id)
    }

    pub fn transferring_to(&self) -> Option<NodeId> {
        self.leading.as_ref()?.transfer.map(|transfer| transfer.to)
    }

    pub fn is_transferring(&self) -> bool {
        self.transferring_to().is_some()
    }

    /// Tells the target to campaign once it holds the whole log, which ends any lease (R100). Called when messages are
    /// built.
    pub(super) fn advance_transfer(&mut self, now: Time) {
        self.void_orders(now);
        let last = self.log.last();
        let Some(leading) = &mut self.leading else { return };
        let Some(transfer) = &mut leading.transfer else { return };
        let caught_up = leading.peers.iter().any(|peer| peer.id == transfer.to && peer.matched == last.index);
        if transfer.order.is_some() || !caught_up {
            return;
        }
        leading.orders += 1;
        if self.rules.keeps(Rule::LeaseEnded) {
            leading.lease.end();
        }
        let (to, order) = (transfer.to, leading.orders);
        transfer.order = Some(order);
        self.send(to, Message::TimeoutNow(TimeoutNow { last, order }));
    }

    /// Orders of transfers that were given up are void, and everybody hears that at once (R104).
    fn void_orders(&mut self, now: Time) {
        let Some(leading) = &mut self.leading else { return };
        let is_open = leading.transfer.is_some_and(|transfer| transfer.order.is_some());
        let void = if is_open { leading.orders - 1 } else { leading.orders };
        if leading.orders_void < void {
            leading.orders_void = void;
            self.send_heartbeats(now);
        }
    }

    /// A leader whose target campaigns has not lost its office, it has given it away.
    pub(super) fn cause_of_stepping_down(&self, because: StepDownCause) -> StepDownCause {
        let transfer = self.leading.as_ref().and_then(|leading| leading.transfer);
        match (because, transfer) {
            (StepDownCause::HigherTerm { from }, Some(Transfer { to, order: Some(_), .. })) if from == to => {
                StepDownCause::HandedOver { to }
            }
            _ => because,
        }
    }

    pub(super) fn expire_transfer(&mut self, now: Time) {
        let running = self.leading.as_ref().and_then(|leading| leading.transfer);
        if running.is_some_and(|transfer| now >= transfer.deadline) {
            self.end_transfer("the target did not take over within an election timeout");
        }
    }

    pub(super) fn end_transfer(&mut self, because: &'static str) {
        let ended = self.leading.as_mut().and_then(|leading| leading.transfer.take());
        if let Some(transfer) = ended {
            self.events.push(Event::TransferEnded { to: transfer.to, because });
        }
    }

    /// Campaigns at once, without PreVote and through stickiness, unless the order is stale (R104).
    pub(super) fn on_timeout_now(&mut self, now: Time, from: NodeId, order: &TimeoutNow) {
        let leader_fits = self.role == Role::Follower && self.leader.is_none_or(|leader| leader == from);
        if leader_fits && self.may_campaign() && self.log.last() == order.last && order.order > self.orders_void {
            self.start_campaign(now, CampaignCause::Transfer);
        }
    }
}
