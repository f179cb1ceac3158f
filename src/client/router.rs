//! Where each request goes, and what its answer means: the client's rules, without any waiting.
//!
//! The caller feeds events and the time, and takes completions. The rules that decide what users see of a failover:
//!
//! - a refusal with a hint is followed at once; one without is asked again after a short pause, at another member;
//! - a member that owes an answer for longer than `SILENCE_MAX` makes the client ask the others who leads; when one
//!   of them knows a leader of a later term, the silent one is given up: its writes are unknown, its reads go on.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::error::{Cause, ClientError};
use super::link::{Link, LinkEvent, News};
use super::members::Members;
use super::pending::{Aim, Pending, REQUESTS_OPEN_MAX, Slab};
use super::{Call, Completion, Endpoint, Reply};
use crate::api::{Answer, Ask, Hint, NodeStatus, Refused, Request, Response};
use crate::raft::{ClusterId, NodeId, Term};
use crate::transport::{DialError, Dialer};

/// A member that has owed an answer for this long is checked on with the others.
const SILENCE_MAX: Duration = Duration::from_millis(150);

/// How often the others are asked while a member is silent or no leader is known.
const QUESTION_EVERY: Duration = Duration::from_millis(50);

/// Pause before a member that could not help is asked again.
const REST: Duration = Duration::from_millis(10);

/// A leader that cannot be reached within this time is looked for elsewhere.
const LEADER_DIAL_MAX: Duration = Duration::from_millis(100);

/// The client's own questions carry this bit in their request id.
const QUESTION_BIT: u64 = 1 << 63;

pub(super) struct Router {
    dialer: Dialer,
    cluster: ClusterId,
    events: mpsc::UnboundedSender<LinkEvent>,
    members: Members,
    pinned: Option<NodeId>,
    leader: Option<NodeId>,
    /// Highest term in which anything was heard of a leader.
    leader_term: Term,
    slab: Slab<u64>,
    /// Ids that wait to be sent, in order.
    unsent: VecDeque<u64>,
    done: Vec<Completion>,
    generation: u64,
    /// No deadline passes before this time.
    deadline_check: Option<Instant>,
    asked_at: Option<Instant>,
}

impl Router {
    pub(super) fn new(
        dialer: Dialer,
        cluster: ClusterId,
        endpoints: Vec<Endpoint>,
        pinned: Option<NodeId>,
        events: mpsc::UnboundedSender<LinkEvent>,
    ) -> Router {
        Router {
            dialer,
            cluster,
            events,
            members: Members::new(endpoints, Instant::now()),
            pinned,
            leader: None,
            leader_term: Term(0),
            slab: Slab::new(),
            unsent: VecDeque::new(),
            done: Vec::new(),
            generation: 0,
            deadline_check: None,
            asked_at: None,
        }
    }

    pub(super) fn into_dialer(self) -> Dialer {
        self.dialer
    }

    pub(super) fn endpoints(&self) -> Vec<Endpoint> {
        self.members.iter().map(|(_, member)| member.endpoint.clone()).collect()
    }

    pub(super) fn open(&self) -> usize {
        self.slab.len() + self.done.len()
    }

    pub(super) fn take(&mut self, call: Call, now: Instant) {
        assert!(self.slab.len() < REQUESTS_OPEN_MAX, "the caller bounds what it keeps open");
        let aim = self.pinned.map_or(call.aim, Aim::Node);
        self.deadline_check = Some(self.deadline_check.map_or(call.deadline, |at| at.min(call.deadline)));
        let id = self.slab.insert(Pending {
            token: call.token,
            ask: call.ask,
            aim,
            submitted: now,
            deadline: call.deadline,
            sent_to: None,
            last_cause: None,
        });
        self.unsent.push_back(id);
    }

    /// Appends the finished calls to `into`; whether there were any.
    pub(super) fn take_done(&mut self, into: &mut Vec<Completion>) -> bool {
        let any = !self.done.is_empty();
        into.append(&mut self.done);
        any
    }

    /// When `on_time` next has something to do.
    pub(super) fn next_time(&self) -> Option<Instant> {
        let waiting = !self.unsent.is_empty() || self.members.iter().any(|(_, member)| member.open > 0);
        let poll = waiting.then(|| Instant::now() + if self.unsent.is_empty() { QUESTION_EVERY } else { REST });
        [self.deadline_check, poll].into_iter().flatten().min()
    }

    pub(super) fn on_event(&mut self, event: LinkEvent, now: Instant) {
        let LinkEvent { node, generation, news } = event;
        let current = self.members.get(node).and_then(|member| member.link.as_ref());
        if current.is_none_or(|link| link.generation != generation) {
            return;
        }
        let member = self.members.get_mut(node).expect("it was found just now");
        match news {
            News::Up => member.connected(now),
            News::Responses(responses) => {
                member.heard = now;
                member.open = member.open.saturating_sub(responses.len());
                for response in responses {
                    self.on_response(node, response, now);
                }
            }
            News::DialFailed(error) => {
                member.disconnected(now);
                member.last_error = Some(error);
                self.forget_leader(node);
                self.fail_hopeless(node);
            }
            News::Lost(because) => {
                let name = self.members.name(node);
                self.give_up_link(node, now, &Cause::ConnectionLost { node: name, because });
            }
        }
    }

    /// Deadlines, silence, and the search for a leader.
    pub(super) fn on_time(&mut self, now: Instant) {
        if self.deadline_check.is_some_and(|at| at <= now) {
            self.expire(now);
        }
        let silent = self.members.iter().any(|(_, member)| member.silent_for(now) >= SILENCE_MAX);
        let lost = !self.unsent.is_empty() && self.leader.is_none();
        let due = self.asked_at.is_none_or(|at| now.saturating_duration_since(at) >= QUESTION_EVERY);
        if self.pinned.is_none() && due && (silent || lost) {
            self.asked_at = Some(now);
            self.ask_around(now);
        }
    }

    /// Sends everything that has somewhere to go.
    pub(super) fn dispatch(&mut self, now: Instant) {
        if self.unsent.is_empty() {
            return;
        }
        let mut batches: Vec<(NodeId, Vec<Request>)> = Vec::new();
        for _ in 0..self.unsent.len() {
            let Some(id) = self.unsent.pop_front() else { break };
            let Some(pending) = self.slab.find(id) else { continue };
            let aim = pending.aim;
            match self.route(aim, now) {
                Some(node) => {
                    let pending = self.slab.find(id).expect("it was found just now");
                    pending.sent_to = Some(node);
                    let request = Request { id, ask: pending.ask.clone() };
                    match batches.iter_mut().find(|(to, _)| *to == node) {
                        Some((_, batch)) => batch.push(request),
                        None => batches.push((node, vec![request])),
                    }
                }
                None => self.unsent.push_back(id),
            }
        }
        for (node, batch) in batches {
            self.send(node, batch, now);
        }
    }

    fn send(&mut self, node: NodeId, batch: Vec<Request>, now: Instant) {
        let member = self.members.get_mut(node).expect("requests are routed to members");
        member.sent(batch.len(), now);
        member.link.as_ref().expect("requests are routed to links that are up").send(batch);
    }

    /// The member a request goes to now; none while it must wait. Starts connecting where that is needed.
    fn route(&mut self, aim: Aim, now: Instant) -> Option<NodeId> {
        if let Aim::Node(node) = aim {
            self.connect(node, now);
            return self.is_ready(node, now).then_some(node);
        }
        if let Some(leader) = self.leader
            && aim != Aim::Anyone
        {
            self.connect(leader, now);
            let member = self.members.get(leader)?;
            if member.is_up {
                return (!member.is_resting(now)).then_some(leader);
            }
            if member.link.is_some() && now.saturating_duration_since(member.dialed) < LEADER_DIAL_MAX {
                return None;
            }
            self.leader = None;
        }
        for node in self.members.ids() {
            self.connect(node, now);
        }
        let ready = self.members.ids().into_iter().filter(|node| self.is_ready(*node, now));
        ready.min_by_key(|node| self.members.get(*node).map(|member| member.open))
    }

    fn is_ready(&self, node: NodeId, now: Instant) -> bool {
        self.members.get(node).is_some_and(|member| {
            member.is_up && !member.is_resting(now) && (self.pinned.is_some() || member.silent_for(now) < SILENCE_MAX)
        })
    }

    fn connect(&mut self, node: NodeId, now: Instant) {
        let Some(member) = self.members.get_mut(node) else { return };
        if !member.may_dial(now) {
            return;
        }
        self.generation += 1;
        member.dialed = now;
        let events = self.events.clone();
        member.link = Some(Link::open(&self.dialer, self.cluster, &member.endpoint, self.generation, events));
    }

    /// Asks every member that is not asked already who leads.
    fn ask_around(&mut self, now: Instant) {
        for node in self.members.ids() {
            self.connect(node, now);
            let Some(member) = self.members.get_mut(node) else { continue };
            if member.is_up && member.question.is_none() {
                member.question = Some(now);
                let request = Request { id: QUESTION_BIT | node.0, ask: Ask::Status };
                self.send(node, vec![request], now);
            }
        }
    }

    fn on_response(&mut self, node: NodeId, response: Response, now: Instant) {
        if response.id & QUESTION_BIT != 0 {
            if let Some(member) = self.members.get_mut(node) {
                member.question = None;
            }
            if let Answer::Status(status) = response.answer {
                self.on_status(&status, now);
            }
            return;
        }
        match response.answer {
            Answer::Refused(refused) => self.on_refused(node, response.id, refused, now),
            answer => {
                if let Answer::Written { term, .. } = &answer {
                    self.leader = Some(node);
                    self.leader_term = self.leader_term.max(*term);
                }
                let node = self.members.name(node);
                self.finish(response.id, Ok(Reply { answer, node }));
            }
        }
    }

    /// One member's view of who leads. A later term ends the waiting for a silent leader of an earlier one.
    fn on_status(&mut self, status: &NodeStatus, now: Instant) {
        let Some(leader) = status.leader else { return };
        let news = status.term > self.leader_term || self.leader.is_none() && status.term == self.leader_term;
        let reachable = self.members.get(leader).is_some_and(|member| member.is_up || member.last_error.is_none());
        if !news || !reachable {
            return;
        }
        self.leader_term = status.term;
        let silent: Vec<NodeId> = self
            .members
            .iter()
            .filter(|(node, member)| *node != leader && member.silent_for(now) >= SILENCE_MAX)
            .map(|(node, _)| node)
            .collect();
        for node in silent {
            let name = self.members.name(node);
            self.give_up_link(node, now, &Cause::LeadershipLost { node: name });
        }
        self.leader = Some(leader);
    }

    fn on_refused(&mut self, node: NodeId, id: u64, refused: Refused, now: Instant) {
        let name = self.members.name(node);
        match refused {
            Refused::NotLeader { .. } if self.pinned.is_some() => {
                self.finish(id, Err(ClientError::Unavailable(Cause::PinnedToFollower { node: name })));
            }
            Refused::NotLeader { leader } => {
                self.follow(node, leader.as_ref(), now);
                self.again(id, Cause::NoLeader);
            }
            Refused::Busy => {
                self.rest(node, now);
                self.again(id, Cause::Busy { node: name });
            }
            Refused::Unavailable { because } => {
                self.rest(node, now);
                self.again(id, Cause::Refused { node: name, because });
            }
            Refused::Unknown => self.lost(id, &Cause::LeadershipLost { node: name }),
            Refused::KeyTooLarge { size_bytes, limit_bytes } => {
                self.finish(id, Err(ClientError::KeyTooLarge { size_bytes, limit_bytes }));
            }
            Refused::ValueTooLarge { size_bytes, limit_bytes } => {
                self.finish(id, Err(ClientError::ValueTooLarge { size_bytes, limit_bytes }));
            }
            Refused::Invalid { because } => self.finish(id, Err(ClientError::Invalid { because })),
        }
    }

    /// A hint is only a hint (R112): it is not followed to a member that has just proved unreachable.
    fn follow(&mut self, told_by: NodeId, hint: Option<&Hint>, now: Instant) {
        self.forget_leader(told_by);
        let followed = hint.is_some_and(|hint| {
            let known = hint.id != told_by && self.members.learn(hint, now);
            let reachable = self.members.get(hint.id).is_some_and(|member| {
                member.last_error.is_none() && (self.pinned.is_some() || member.silent_for(now) < SILENCE_MAX)
            });
            if known && reachable {
                self.leader = Some(hint.id);
            }
            known && reachable
        });
        if !followed {
            self.rest(told_by, now);
        }
    }

    fn rest(&mut self, node: NodeId, now: Instant) {
        if let Some(member) = self.members.get_mut(node) {
            member.rest_until = Some(now + REST);
        }
    }

    fn forget_leader(&mut self, node: NodeId) {
        if self.leader == Some(node) {
            self.leader = None;
        }
    }

    /// The request certainly had no effect: it is sent again.
    fn again(&mut self, id: u64, cause: Cause) {
        let Some(pending) = self.slab.find(id) else { return };
        pending.sent_to = None;
        pending.last_cause = Some(cause);
        let fresh = self.slab.renew(id);
        self.unsent.push_back(fresh);
    }

    /// Nothing will ever answer this attempt: a write is unknown, a read is sent again.
    fn lost(&mut self, id: u64, cause: &Cause) {
        let Some(pending) = self.slab.find(id) else { return };
        if pending.has_effect() {
            self.finish(id, Err(ClientError::Unknown(cause.clone())));
        } else {
            self.again(id, cause.clone());
        }
    }

    /// Drops a link and settles everything that was in flight on it.
    fn give_up_link(&mut self, node: NodeId, now: Instant, cause: &Cause) {
        self.forget_leader(node);
        if let Some(member) = self.members.get_mut(node) {
            member.disconnected(now);
        }
        for id in self.slab.select(|pending| pending.sent_to == Some(node)) {
            self.lost(id, cause);
        }
    }

    /// A status that only `node` can give is not worth waiting for once it refuses this client.
    fn fail_hopeless(&mut self, node: NodeId) {
        let Some(error) = self.members.get(node).and_then(|member| member.last_error.clone()) else { return };
        let everywhere = self.members.iter().all(|(_, member)| member.last_error.as_deref().is_some_and(is_denied));
        let denied = is_denied(&error);
        let name = self.members.name(node);
        for id in self.slab.select(|pending| pending.sent_to.is_none()) {
            let Some(pending) = self.slab.find(id) else { continue };
            let cause = Cause::Unreachable { node: name.clone(), source: error.clone() };
            pending.last_cause = Some(cause.clone());
            if denied && (everywhere || pending.aim == Aim::Node(node)) {
                self.finish(id, Err(ClientError::Denied(cause)));
            }
        }
    }

    fn expire(&mut self, now: Instant) {
        for id in self.slab.select(|pending| pending.deadline <= now) {
            let Some(pending) = self.slab.find(id) else { continue };
            let waited = now.saturating_duration_since(pending.submitted);
            let (sent_to, effect, last) = (pending.sent_to, pending.has_effect(), pending.last_cause.take());
            let silent = sent_to.map(|node| Cause::Silent { node: self.members.name(node), waited });
            let error = match (silent, last) {
                (Some(cause), _) if effect => ClientError::Unknown(cause),
                (Some(cause), _) | (None, Some(cause)) => ClientError::Unavailable(cause),
                (None, None) if pending.deadline <= pending.submitted => ClientError::Unavailable(Cause::TooLate),
                (None, None) => ClientError::Unavailable(Cause::NoLeader),
            };
            self.finish(id, Err(error));
        }
        self.deadline_check = self.slab.earliest_deadline();
    }

    pub(super) fn cancel(&mut self, token: u64) {
        for id in self.slab.select(|pending| pending.token == token) {
            let Some(pending) = self.slab.find(id) else { continue };
            let unknown = pending.has_effect() && pending.sent_to.is_some();
            let error = if unknown {
                ClientError::Unknown(Cause::Cancelled)
            } else {
                ClientError::Unavailable(Cause::Cancelled)
            };
            self.finish(id, Err(error));
        }
    }

    fn finish(&mut self, id: u64, result: Result<Reply, ClientError>) {
        if let Some(pending) = self.slab.remove(id) {
            self.done.push(Completion { token: pending.token, result });
        }
    }
}

fn is_denied(error: &DialError) -> bool {
    matches!(error, DialError::WrongNode { .. } | DialError::Untrusted { .. } | DialError::RefusedCertificate { .. })
}
