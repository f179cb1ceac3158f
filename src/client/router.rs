//! Where each request goes, and what its answer means: the client's rules, without any waiting.
//!
//! The caller feeds events and the time, and takes completions. The rules that decide what users see of a failover:
//!
//! - a refusal with a hint is followed at once (R112); without one, or without a leader, members are asked who leads,
//!   and requests wait: a write leaves only for a member that is believed to lead;
//! - a leader that owes an answer for longer than `SILENCE_MAX` is suspected: members are asked, and new requests are
//!   kept back, since what does not leave cannot become unknown. The suspected one is asked as well: it may be busy
//!   with one long request, and a word of it clears it;
//! - when a member knows a leader of a later term, the silent one is given up: its writes are unknown, its reads go on;
//! - with a session, a write whose answer is lost is sent again under the same number until its deadline (R107): it is
//!   unknown only when that passes, or when the session ends before an answer came. A write that an ended session has
//!   certainly not taken goes to a new one (R111).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::error::{Cause, ClientError};
use super::link::{LinkEvent, News, Opener};
use super::members::{Member, Members};
use super::pending::{Aim, Pending, REQUESTS_OPEN_MAX, Slab, is_patient};
use super::session::Session;
use super::{Call, Completion, Endpoint, Reply};
use crate::api::{Answer, Ask, Hint, NodeStatus, Refused, Request, Response};
use crate::raft::{NodeId, Term};
use crate::state_machine::SessionId;
use crate::transport::DialError;

/// A member that has owed an answer for this long is checked on with the others.
const SILENCE_MAX: Duration = Duration::from_millis(150);

/// How often members are asked while one is silent or no leader is known: a failover costs the election and this.
const QUESTION_EVERY: Duration = Duration::from_millis(20);

/// A read that found no leader for this long goes to any member: it may know a leader that this client cannot reach.
const READ_ELSEWHERE_AFTER: Duration = Duration::from_millis(300);

/// Pause before a member that could not help is asked again.
const REST: Duration = Duration::from_millis(10);

/// A leader that cannot be reached within this time is looked for elsewhere.
const LEADER_DIAL_MAX: Duration = Duration::from_millis(100);

/// Sessions in a row that may end before they take a write; then the write fails.
const SESSIONS_ENDED_MAX: u32 = 8;

/// The client's own questions carry this bit in their request id.
const QUESTION_BIT: u64 = 1 << 63;

pub(super) struct Router {
    opener: Box<dyn Opener>,
    members: Members,
    pinned: Option<NodeId>,
    leader: Option<NodeId>,
    /// Highest term in which anything was heard of a leader.
    leader_term: Term,
    session: Option<Session>,
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
        opener: Box<dyn Opener>,
        endpoints: Vec<Endpoint>,
        pinned: Option<NodeId>,
        now: Instant,
    ) -> Router {
        Router {
            opener,
            members: Members::new(endpoints, now),
            pinned,
            leader: None,
            leader_term: Term(0),
            session: None,
            slab: Slab::new(),
            unsent: VecDeque::new(),
            done: Vec::new(),
            generation: 0,
            deadline_check: None,
            asked_at: None,
        }
    }

    pub(super) fn endpoints(&self) -> Vec<Endpoint> {
        self.members.iter().map(|(_, member)| member.endpoint.clone()).collect()
    }

    /// Every write from now on is one of a session.
    pub(super) fn open_session(&mut self) {
        self.session.get_or_insert_with(Session::new);
    }

    pub(super) fn session(&self) -> Option<SessionId> {
        self.session.as_ref().map(Session::id)
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
            numbered: None,
            may_be_applied: false,
            sessions_ended: 0,
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
        let quiet = self.members.iter().filter_map(|(_, member)| member.quiet_at()).min();
        [self.deadline_check, poll, quiet].into_iter().flatten().min()
    }

    pub(super) fn on_event(&mut self, event: LinkEvent, now: Instant) {
        let LinkEvent { node, generation, news } = event;
        let current = self.members.get(node).and_then(|member| member.link.as_ref());
        if current.is_none_or(|link| link.generation != generation) {
            return;
        }
        let member = self.members.get_mut(node).expect("it was found just now");
        match news {
            News::Up => {
                member.connected(now);
                if self.is_leader_missing() {
                    self.ask(node, now);
                }
            }
            News::Responses(responses) => {
                member.heard = now;
                let owed = responses.iter().filter(|response| !is_patient(response.id)).count();
                member.open = member.open.saturating_sub(owed);
                member.watches = member.watches.saturating_sub(responses.len() - owed);
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
        let quiet = |(node, member): (NodeId, &Member)| member.is_quiet(now).then_some(node);
        for node in self.members.iter().filter_map(quiet).collect::<Vec<_>>() {
            self.ask(node, now);
        }
        let silent = self.members.iter().any(|(_, member)| member.silent_for(now) >= SILENCE_MAX);
        let lost = self.is_leader_missing();
        let due = self.asked_at.is_none_or(|at| now.saturating_duration_since(at) >= QUESTION_EVERY);
        if self.pinned.is_none() && due && (silent || lost) {
            self.asked_at = Some(now);
            self.ask_around(now);
            if let Some(leader) = self.leader {
                self.give_up_former_leaders(leader, now);
            }
        }
    }

    /// Sends everything that has somewhere to go.
    pub(super) fn dispatch(&mut self, now: Instant) {
        if self.unsent.is_empty() {
            return;
        }
        let leader = self.leader_route(now);
        let mut batches: Vec<(NodeId, Vec<Request>)> = Vec::new();
        for _ in 0..self.unsent.len() {
            let Some(id) = self.unsent.pop_front() else { break };
            let Some(pending) = self.slab.find(id) else { continue };
            let (aim, waited) = (pending.aim, now.saturating_duration_since(pending.submitted));
            let route = match aim {
                Aim::Node(node) => self.node_route(node, now),
                Aim::Leader => leader,
                Aim::Read if leader.is_some() || self.leader.is_some() || waited < READ_ELSEWHERE_AFTER => leader,
                Aim::Read | Aim::Anyone => self.any_route(now),
            };
            match route.filter(|node| self.is_numbered(id, *node, now)) {
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

    /// Gives a write of a session its number before it first leaves. False when that must wait: `node` is asked for its
    /// log time, or the oldest write must be answered first.
    fn is_numbered(&mut self, id: u64, node: NodeId, now: Instant) -> bool {
        let Some(session) = &mut self.session else { return true };
        let pending = self.slab.find(id).expect("it was found just now");
        let (Ask::Write(command) | Ask::Traced(command)) = &mut pending.ask else { return true };
        if pending.numbered.is_some() {
            return true;
        }
        if !session.knows_time() {
            self.ask(node, now);
            return false;
        }
        if !session.has_room() {
            return false;
        }
        let (bytes, numbered) = session.number(std::mem::take(command));
        *command = bytes;
        pending.numbered = Some(numbered);
        true
    }

    fn send(&mut self, node: NodeId, batch: Vec<Request>, now: Instant) {
        let member = self.members.get_mut(node).expect("requests are routed to members");
        let owed = batch.iter().filter(|request| !is_patient(request.id)).count();
        member.sent(owed, batch.len() - owed, now);
        member.link.as_ref().expect("requests are routed to links that are up").send(batch);
    }

    /// The leader, if it is known, connected and not suspected. Starts connecting where that is needed.
    fn leader_route(&mut self, now: Instant) -> Option<NodeId> {
        if self.pinned.is_some() {
            return None;
        }
        if let Some(leader) = self.leader {
            self.connect(leader, now);
            let member = self.members.get(leader)?;
            if member.is_up {
                return self.is_ready(leader, now).then_some(leader);
            }
            if member.link.is_some() && now.saturating_duration_since(member.dialed) < LEADER_DIAL_MAX {
                return None;
            }
            self.leader = None;
        }
        for node in self.members.ids() {
            self.connect(node, now);
        }
        None
    }

    fn node_route(&mut self, node: NodeId, now: Instant) -> Option<NodeId> {
        self.connect(node, now);
        self.is_ready(node, now).then_some(node)
    }

    /// The least busy member that answers.
    fn any_route(&mut self, now: Instant) -> Option<NodeId> {
        for node in self.members.ids() {
            self.connect(node, now);
        }
        let ready = self.members.ids().into_iter().filter(|node| self.is_ready(*node, now));
        ready.min_by_key(|node| self.members.get(*node).map(|member| member.open))
    }

    /// Somebody waits for a leader, and none is known.
    fn is_leader_missing(&self) -> bool {
        self.pinned.is_none() && self.leader.is_none() && !self.unsent.is_empty()
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
        member.link = Some(self.opener.open(&member.endpoint, self.generation));
    }

    /// Asks every member that is not asked already who leads.
    fn ask_around(&mut self, now: Instant) {
        for node in self.members.ids() {
            self.connect(node, now);
            self.ask(node, now);
        }
    }

    fn ask(&mut self, node: NodeId, now: Instant) {
        let Some(member) = self.members.get_mut(node) else { return };
        if member.is_up && member.question.is_none() {
            member.question = Some(now);
            self.send(node, vec![Request { id: QUESTION_BIT | node.0, ask: Ask::Status }], now);
        }
    }

    fn on_response(&mut self, node: NodeId, response: Response, now: Instant) {
        if response.id & QUESTION_BIT != 0 {
            if let Some(member) = self.members.get_mut(node) {
                member.question = None;
            }
            if let Answer::Status(status) = response.answer {
                if let Some(session) = &mut self.session {
                    session.learn(status.log_time_ms);
                }
                self.on_status(&status, now);
            }
            return;
        }
        match response.answer {
            Answer::Refused(refused) => self.on_refused(node, response.id, refused, now),
            answer => {
                if let Answer::Written { term, .. } | Answer::Traced { term, .. } = &answer
                    && *term >= self.leader_term
                {
                    self.leader = Some(node);
                    self.leader_term = *term;
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
        if !news {
            return;
        }
        let told = status.members.iter().find(|member| member.id == leader && !member.address.is_empty());
        let hint = told.map(|told| Hint { id: leader, name: told.name.clone(), address: told.address.clone() });
        let known = hint.is_some_and(|hint| self.members.learn(&hint, now)) || self.members.get(leader).is_some();
        if !known {
            return;
        }
        self.leader_term = status.term;
        self.give_up_former_leaders(leader, now);
        // Nothing waits for a leader that has just proved unreachable: a follower may not have noticed its end yet.
        if self.members.get(leader).is_some_and(|member| member.is_up || member.last_error.is_none()) {
            self.leader = Some(leader);
        }
    }

    /// Members that owe answers to writes, are silent, and do not lead any more: a killed process says no goodbye.
    fn give_up_former_leaders(&mut self, leader: NodeId, now: Instant) {
        let is_silent = |node: NodeId, router: &Router| {
            node != leader && router.members.get(node).is_some_and(|member| member.silent_for(now) >= SILENCE_MAX)
        };
        let silent: Vec<NodeId> = self.members.ids().into_iter().filter(|node| is_silent(*node, self)).collect();
        for node in silent {
            if self.slab.select(|pending| pending.sent_to == Some(node) && pending.aim != Aim::Node(node)).is_empty() {
                continue;
            }
            let name = self.members.name(node);
            self.give_up_link(node, now, &Cause::LeadershipLost { node: name });
        }
    }

    fn on_refused(&mut self, node: NodeId, id: u64, refused: Refused, now: Instant) {
        let name = self.members.name(node);
        match refused {
            Refused::NotLeader { .. } if self.pinned.is_some() => {
                let cause = Cause::PinnedToFollower { node: name };
                if self.slab.find(id).is_some_and(|pending| pending.has_effect()) {
                    self.finish(id, Err(ClientError::Unavailable(cause)));
                } else {
                    self.rest(node, now);
                    self.again(id, cause);
                }
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
                // A node that cannot serve a watch has no leader; the leader has.
                if let Some(pending) = self.slab.find(id)
                    && pending.is_patient()
                    && pending.aim == Aim::Anyone
                {
                    pending.aim = Aim::Read;
                }
                self.again(id, Cause::Refused { node: name, because });
            }
            // Whether somebody makes room is not to be waited for.
            Refused::DiskFull => self.finish(id, Err(ClientError::Unavailable(Cause::DiskFull { node: name }))),
            Refused::Unknown => self.lost(id, &Cause::LeadershipLost { node: name }),
            Refused::Discarded => self.finish(id, Err(ClientError::Unknown(Cause::Discarded))),
            Refused::SessionExpired { log_time_ms } => self.renew_session(id, log_time_ms),
            Refused::KeyTooLarge { size_bytes, limit_bytes } => {
                self.finish(id, Err(ClientError::KeyTooLarge { size_bytes, limit_bytes }));
            }
            Refused::ValueTooLarge { size_bytes, limit_bytes } => {
                self.finish(id, Err(ClientError::ValueTooLarge { size_bytes, limit_bytes }));
            }
            Refused::Compacted { oldest } => self.finish(id, Err(ClientError::Compacted { oldest: oldest.0 })),
            Refused::Invalid { because } => self.finish(id, Err(ClientError::Invalid { because })),
        }
    }

    /// A hint is only a hint (R112): it is not followed to a member that has just proved unreachable. Who refused rests
    /// in any case, so that two members that name each other are not asked in a circle as fast as they answer.
    fn follow(&mut self, told_by: NodeId, hint: Option<&Hint>, now: Instant) {
        self.forget_leader(told_by);
        self.rest(told_by, now);
        let Some(hint) = hint.filter(|hint| hint.id != told_by) else { return };
        let known = self.members.learn(hint, now);
        let is_reachable = self.members.get(hint.id).is_some_and(|member| {
            member.last_error.is_none() && (self.pinned.is_some() || member.silent_for(now) < SILENCE_MAX)
        });
        if known && is_reachable {
            self.leader = Some(hint.id);
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

    /// Nothing will ever answer this attempt: a write without a session is unknown, everything else is sent again.
    fn lost(&mut self, id: u64, cause: &Cause) {
        let Some(pending) = self.slab.find(id) else { return };
        if pending.may_repeat() {
            pending.may_be_applied = pending.has_effect();
            self.again(id, cause.clone());
        } else {
            self.finish(id, Err(ClientError::Unknown(cause.clone())));
        }
    }

    /// A write's session has ended and did not take this attempt. It goes to a new session, unless an earlier attempt
    /// may have been taken (R111).
    fn renew_session(&mut self, id: u64, log_time_ms: u64) {
        let Some(pending) = self.slab.find(id) else { return };
        let (Some(session), Some(numbered)) = (&mut self.session, pending.numbered) else {
            let because = "a write without a session was told that its session has ended".to_owned();
            return self.finish(id, Err(ClientError::Invalid { because }));
        };
        if session.id() == numbered.session {
            *session = Session::new();
        }
        session.learn(log_time_ms);
        pending.sessions_ended += 1;
        if pending.may_be_applied || pending.sessions_ended > SESSIONS_ENDED_MAX {
            return self.finish(id, Err(ClientError::SessionExpired));
        }
        if let Ask::Write(bytes) | Ask::Traced(bytes) = &mut pending.ask {
            bytes.truncate(numbered.command_bytes);
        }
        pending.numbered = None;
        self.again(id, Cause::SessionExpired);
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
            let (sent_to, is_uncertain) = (pending.sent_to, pending.is_uncertain());
            let last = pending.last_cause.take();
            let silent = sent_to.map(|node| Cause::Silent { node: self.members.name(node), waited });
            let error = match (silent, last) {
                (Some(cause), _) if is_uncertain => ClientError::Unknown(cause),
                (Some(cause), _) | (None, Some(cause)) => ClientError::Unavailable(cause),
                (None, None) if pending.deadline <= pending.submitted => ClientError::Unavailable(Cause::TooLate),
                (None, None) => ClientError::Unavailable(Cause::NoLeader),
            };
            self.finish(id, Err(error));
        }
        self.deadline_check = self.slab.earliest_deadline();
    }

    pub(super) fn cancel(&mut self, token: u64) {
        self.cancel_where(|pending| pending.token == token);
    }

    pub(super) fn cancel_all(&mut self) {
        self.cancel_where(|_| true);
    }

    fn cancel_where(&mut self, choose: impl FnMut(&Pending<u64>) -> bool) {
        for id in self.slab.select(choose) {
            let Some(pending) = self.slab.find(id) else { continue };
            let error = if pending.is_uncertain() {
                ClientError::Unknown(Cause::Cancelled)
            } else {
                ClientError::Unavailable(Cause::Cancelled)
            };
            self.finish(id, Err(error));
        }
    }

    fn finish(&mut self, id: u64, result: Result<Reply, ClientError>) {
        if let Some(pending) = self.slab.remove(id) {
            if let (Some(session), Some(numbered)) = (&mut self.session, pending.numbered) {
                session.settle(numbered);
            }
            let result = match result {
                Err(error) if pending.may_be_applied => Err(error.after_a_lost_attempt()),
                result => result,
            };
            self.done.push(Completion { token: pending.token, result });
        }
    }
}

fn is_denied(error: &DialError) -> bool {
    matches!(error, DialError::WrongNode { .. } | DialError::Untrusted { .. } | DialError::RefusedCertificate { .. })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use bytes::{Bytes, BytesMut};
    use tokio::sync::mpsc;

    use super::*;
    use crate::api::{Consistency, MemberStatus, Query};
    use crate::client::link::Link;
    use crate::codec::entry::{decode_write, encode_command};
    use crate::raft::Index;
    use crate::state_machine::{Command, Operation, Outcome, SessionTag, UpdateRef};

    type Wires = Arc<Mutex<Vec<(NodeId, u64, mpsc::UnboundedReceiver<Vec<Request>>)>>>;

    struct Scripted(Wires);

    impl Opener for Scripted {
        fn open(&mut self, endpoint: &Endpoint, generation: u64) -> Link {
            let (outgoing, requests) = mpsc::unbounded_channel();
            self.0.lock().unwrap().push((endpoint.id, generation, requests));
            Link { generation, outgoing }
        }
    }

    /// A router with three members, scripted links and a clock of its own.
    struct World {
        router: Router,
        wires: Wires,
        now: Instant,
        /// Where an attempt to connect ends in nothing.
        unreachable: Vec<u64>,
        /// Requests that were sent, the client's own questions left out.
        sent: Vec<(u64, Request)>,
        /// Questions that are open.
        asked: Vec<(u64, u64)>,
        next_token: u64,
    }

    impl World {
        fn new(pinned: Option<u64>) -> World {
            let wires = Wires::default();
            let now = Instant::now();
            let endpoint =
                |id: u64| Endpoint { id: NodeId(id), name: format!("n{id}"), address: format!("127.0.0.1:710{id}") };
            let endpoints = (1..=3).map(endpoint).collect();
            let router = Router::new(Box::new(Scripted(wires.clone())), endpoints, pinned.map(NodeId), now);
            let (sent, asked) = (Vec::new(), Vec::new());
            World { router, wires, now, unreachable: Vec::new(), sent, asked, next_token: 0 }
        }

        /// A world in which n1 leads in term 2, and the client knows.
        fn led_by_n1() -> World {
            let mut world = World::new(None);
            world.write();
            world.answer_questions(1, 2);
            let (node, request) = world.sent.remove(0);
            assert_eq!(node, 1);
            world.respond(1, request.id, written(2));
            assert_eq!(world.done().len(), 1);
            world
        }

        /// The same with a session that has had one answer.
        fn with_session() -> World {
            let mut world = World::new(None);
            world.router.open_session();
            world.write();
            world.answer_questions(1, 2);
            let (_, request) = world.sent.remove(0);
            world.respond(1, request.id, written(2));
            assert_eq!(world.done().len(), 1);
            world
        }

        /// The oldest request that was sent, which is a write of a session: where to, its id, and its number.
        fn sent_write(&mut self) -> (u64, u64, SessionTag) {
            let (node, request) = self.sent.remove(0);
            let Ask::Write(bytes) = &request.ask else { panic!("{request:?} is no write") };
            let write = decode_write(bytes).expect("the command is still one");
            assert!(matches!(write.update, UpdateRef::Command(command) if command.key == b"k"));
            (node, request.id, write.session.expect("it has a session"))
        }

        fn write(&mut self) -> u64 {
            let mut out = BytesMut::new();
            encode_command(&Command { key: b"k".to_vec(), operation: Operation::Incr { by: 1 } }, &mut out);
            self.ask(Ask::Write(out.freeze()), Duration::from_secs(10))
        }

        fn read(&mut self) -> u64 {
            let query = Query::Get { key: b"k".to_vec() };
            let ask = Ask::Read { query, consistency: Consistency::Linearizable, at_least: Index(0) };
            self.ask(ask, Duration::from_secs(10))
        }

        fn ask(&mut self, ask: Ask, timeout: Duration) -> u64 {
            self.next_token += 1;
            let (token, aim) = (self.next_token, Aim::of(&ask));
            self.router.take(Call { token, ask, aim, deadline: self.now + timeout }, self.now);
            self.settle();
            token
        }

        /// Lets time pass in small steps, as the timers of the client would.
        fn pass(&mut self, millis: u64) {
            for _ in 0..millis.div_ceil(5) {
                self.now += Duration::from_millis(5);
                self.settle();
            }
        }

        /// Runs until nothing more happens: links come up or fail, and what was sent is collected.
        fn settle(&mut self) {
            loop {
                self.router.on_time(self.now);
                self.router.dispatch(self.now);
                if !self.connect() && !self.collect() {
                    return;
                }
            }
        }

        fn connect(&mut self) -> bool {
            let fresh: Vec<(u64, u64)> = {
                let wires = self.wires.lock().unwrap();
                let news = |(node, generation, _): &(NodeId, u64, _)| (node.0, *generation);
                wires.iter().map(news).filter(|(node, generation)| self.is_dialing(*node, *generation)).collect()
            };
            for (node, generation) in &fresh {
                let address = format!("127.0.0.1:710{node}").parse().unwrap();
                let news = match self.unreachable.contains(node) {
                    true => News::DialFailed(Arc::new(DialError::Unreachable { address })),
                    false => News::Up,
                };
                self.tell(*node, *generation, news);
            }
            !fresh.is_empty()
        }

        fn is_dialing(&self, node: u64, generation: u64) -> bool {
            let member = self.router.members.get(NodeId(node)).unwrap();
            !member.is_up && member.link.as_ref().is_some_and(|link| link.generation == generation)
        }

        fn collect(&mut self) -> bool {
            let mut any = false;
            for (node, _, requests) in self.wires.lock().unwrap().iter_mut() {
                while let Ok(batch) = requests.try_recv() {
                    any = true;
                    for request in batch {
                        match request.id & QUESTION_BIT {
                            0 => self.sent.push((node.0, request)),
                            _ => self.asked.push((node.0, request.id)),
                        }
                    }
                }
            }
            any
        }

        fn tell(&mut self, node: u64, generation: u64, news: News) {
            self.router.on_event(LinkEvent { node: NodeId(node), generation, news }, self.now);
        }

        fn generation(&self, node: u64) -> u64 {
            self.router.members.get(NodeId(node)).unwrap().link.as_ref().unwrap().generation
        }

        fn respond(&mut self, node: u64, id: u64, answer: Answer) {
            self.tell(node, self.generation(node), News::Responses(vec![Response { id, answer }]));
            self.settle();
        }

        fn refuse(&mut self, refused: Refused) {
            let (node, request) = self.sent.remove(0);
            self.respond(node, request.id, Answer::Refused(refused));
        }

        /// All members but those that are silent say that `leader` leads in `term`.
        fn answer_questions_but(&mut self, silent: &[u64], leader: u64, term: u64) {
            for (node, id) in std::mem::take(&mut self.asked) {
                if silent.contains(&node) || self.unreachable.contains(&node) {
                    continue;
                }
                let status = NodeStatus {
                    id: NodeId(node),
                    term: Term(term),
                    leader: (leader != 0).then_some(NodeId(leader)),
                    log_time_ms: 70 + node,
                    members: vec![MemberStatus {
                        id: NodeId(leader),
                        name: format!("n{leader}"),
                        address: format!("127.0.0.1:710{leader}"),
                        ..MemberStatus::default()
                    }],
                    ..NodeStatus::default()
                };
                self.respond(node, id, Answer::Status(Box::new(status)));
            }
        }

        fn answer_questions(&mut self, leader: u64, term: u64) {
            self.answer_questions_but(&[], leader, term);
        }

        fn lose(&mut self, node: u64) {
            self.tell(node, self.generation(node), News::Lost("it was silent for too long".to_owned()));
            self.settle();
        }

        fn done(&mut self) -> Vec<(u64, Result<Reply, ClientError>)> {
            let mut done = Vec::new();
            self.router.take_done(&mut done);
            done.into_iter().map(|completion| (completion.token, completion.result)).collect()
        }

        fn sent_to(&self) -> Vec<u64> {
            self.sent.iter().map(|(node, _)| *node).collect()
        }
    }

    fn written(term: u64) -> Answer {
        Answer::Written { revision: Index(9), term: Term(term), outcome: Outcome::Written }
    }

    fn hint(id: u64) -> Option<Hint> {
        Some(Hint { id: NodeId(id), name: format!("n{id}"), address: format!("127.0.0.1:710{id}") })
    }

    #[test]
    fn a_write_leaves_only_for_a_member_that_leads() {
        let mut world = World::new(None);
        world.write();
        assert_eq!((world.sent_to(), world.asked.len()), (vec![], 3));
        world.answer_questions(0, 2);
        assert_eq!(world.sent_to(), Vec::<u64>::new(), "nobody leads");
        world.pass(20);
        world.answer_questions(3, 3);
        assert_eq!(world.sent_to(), [3]);
    }

    #[test]
    fn a_hint_is_followed_at_once_even_to_a_member_that_was_not_known() {
        let mut world = World::led_by_n1();
        world.write();
        world.write();
        world.refuse(Refused::NotLeader { leader: hint(2) });
        world.refuse(Refused::NotLeader { leader: hint(2) });
        assert_eq!(world.sent_to(), [2, 2], "no time has passed");
        world.refuse(Refused::NotLeader { leader: hint(4) });
        world.settle();
        assert_eq!(world.sent_to(), [2, 4]);
        assert!(world.done().is_empty());
    }

    #[test]
    fn two_members_that_name_each_other_are_not_asked_in_a_circle_without_an_end() {
        let mut world = World::led_by_n1();
        world.write();
        let mut bounces = 0;
        while !world.sent.is_empty() && bounces < 1_000 {
            let other = 3 - world.sent[0].0;
            world.refuse(Refused::NotLeader { leader: hint(other) });
            bounces += 1;
        }
        assert_eq!(bounces, 2, "the circle is broken by a pause");
        world.pass(10);
        assert_eq!(world.sent_to(), [1], "who refused may have been elected meanwhile");
        world.refuse(Refused::NotLeader { leader: None });
        world.pass(20);
        world.answer_questions(3, 3);
        assert_eq!(world.sent_to(), [3]);
    }

    #[test]
    fn a_write_in_flight_on_a_lost_connection_is_unknown_and_a_read_is_sent_again() {
        let mut world = World::led_by_n1();
        let (write, read) = (world.write(), world.read());
        world.sent.clear();
        world.lose(1);
        let done = world.done();
        assert!(matches!(&done[..], [(token, Err(ClientError::Unknown(_)))] if *token == write), "{done:?}");
        world.pass(20);
        world.answer_questions(2, 3);
        let (node, request) = world.sent.remove(0);
        assert!(node == 2 && world.sent.is_empty() && matches!(request.ask, Ask::Read { .. }));
        world.respond(2, request.id, Answer::Value { item: None, at: Index(9) });
        assert!(matches!(&world.done()[..], [(token, Ok(_))] if *token == read));
    }

    #[test]
    fn a_silent_leader_gets_no_new_writes_and_a_later_term_settles_the_old_ones() {
        let mut world = World::led_by_n1();
        let early = world.write();
        world.sent.clear();
        world.pass(160);
        let late = world.write();
        assert!(world.sent.is_empty(), "a suspected leader is spared");
        world.answer_questions_but(&[1], 1, 2);
        world.pass(300);
        assert!(world.sent.is_empty() && world.done().is_empty(), "the others still believe in the old leader");
        world.answer_questions_but(&[1], 2, 3);
        let done = world.done();
        assert!(matches!(&done[..], [(token, Err(ClientError::Unknown(_)))] if *token == early), "{done:?}");
        let (node, request) = world.sent.remove(0);
        assert_eq!(node, 2);
        world.respond(2, request.id, written(3));
        assert!(matches!(&world.done()[..], [(token, Ok(_))] if *token == late));
    }

    #[test]
    fn one_long_request_does_not_make_a_leader_suspect_for_long() {
        let mut world = World::led_by_n1();
        world.read();
        world.sent.clear();
        world.pass(160);
        assert!(world.asked.iter().any(|(node, _)| *node == 1), "the suspect is asked as well");
        world.answer_questions(1, 2);
        world.write();
        assert_eq!(world.sent_to(), [1]);
    }

    #[test]
    fn an_old_leader_that_falls_silent_after_the_news_of_a_new_one_is_given_up() {
        let mut world = World::led_by_n1();
        let write = world.write();
        world.sent.clear();
        world.pass(100);
        world.router.leader = Some(NodeId(2));
        world.router.leader_term = Term(3);
        assert!(world.done().is_empty());
        world.pass(100);
        let done = world.done();
        assert!(matches!(&done[..], [(token, Err(ClientError::Unknown(_)))] if *token == write), "{done:?}");
    }

    #[test]
    fn what_is_refused_is_tried_again_and_what_is_lost_with_the_leadership_is_not() {
        let mut world = World::led_by_n1();
        for refused in [Refused::Busy, Refused::Unavailable { because: "handing over".to_owned() }] {
            world.write();
            world.refuse(refused);
            assert!(world.sent.is_empty(), "not at once");
            world.pass(10);
            let (node, request) = world.sent.remove(0);
            world.respond(node, request.id, written(2));
            assert!(matches!(&world.done()[..], [(_, Ok(_))]));
        }
        world.write();
        world.refuse(Refused::Unknown);
        assert!(matches!(&world.done()[..], [(_, Err(ClientError::Unknown(_)))]));
        world.pass(50);
        assert!(world.sent.is_empty(), "an unknown write is never sent again");
        world.read();
        world.refuse(Refused::Unknown);
        assert_eq!(world.sent_to(), [1], "a read has no effect to repeat");
    }

    #[test]
    fn at_its_deadline_a_write_is_unknown_only_if_it_left() {
        let mut world = World::led_by_n1();
        let left = world.write();
        world.pass(200);
        let kept = world.write();
        let read = world.read();
        for _ in 0..2_050 {
            world.pass(5);
            world.asked.clear();
        }
        let mut done = world.done();
        done.sort_by_key(|(token, _)| *token);
        assert!(matches!(&done[0], (token, Err(ClientError::Unknown(Cause::Silent { .. }))) if *token == left));
        assert!(matches!(&done[1], (token, Err(ClientError::Unavailable(_))) if *token == kept), "{:?}", done[1]);
        assert!(matches!(&done[2], (token, Err(ClientError::Unavailable(_))) if *token == read));
        assert_eq!((done.len(), world.router.open()), (3, 0));
    }

    #[test]
    fn an_answer_that_comes_after_the_deadline_finds_nobody() {
        let mut world = World::led_by_n1();
        world.write();
        let (node, request) = world.sent.remove(0);
        world.pass(10_005);
        assert_eq!(world.done().len(), 1);
        world.respond(node, request.id, written(2));
        assert!(world.done().is_empty());
    }

    #[test]
    fn a_pinned_client_stays_where_it_is() {
        let mut world = World::new(Some(2));
        let write = world.write();
        assert_eq!(world.sent_to(), [2]);
        world.refuse(Refused::NotLeader { leader: hint(1) });
        let pinned = |done: &[(u64, Result<Reply, ClientError>)]| matches!(done, [(token, Err(ClientError::Unavailable(Cause::PinnedToFollower { .. })))] if *token == write);
        assert!(pinned(&world.done()));
        world.read();
        world.refuse(Refused::NotLeader { leader: hint(1) });
        assert!(world.done().is_empty());
        world.pass(10);
        assert_eq!(world.sent_to(), [2], "a read is asked again, of the same member");
        assert!(world.asked.is_empty());
    }

    #[test]
    fn reads_go_to_any_member_when_no_leader_can_be_reached_for_long() {
        let mut world = World::new(None);
        world.unreachable = vec![3];
        world.read();
        world.write();
        for _ in 0..28 {
            world.pass(10);
            world.answer_questions(3, 2);
        }
        assert!(world.sent.is_empty());
        for _ in 0..5 {
            world.pass(10);
            world.answer_questions(3, 2);
        }
        let asks: Vec<bool> = world.sent.iter().map(|(_, one)| matches!(one.ask, Ask::Read { .. })).collect();
        assert_eq!(asks, [true], "the write still waits for its leader");
    }

    #[test]
    fn members_that_do_not_trust_this_client_end_the_waiting_at_once() {
        let mut world = World::new(None);
        world.router.take(
            Call {
                token: 1,
                ask: Ask::Write(Bytes::new()),
                aim: Aim::Leader,
                deadline: world.now + Duration::from_secs(10),
            },
            world.now,
        );
        world.router.dispatch(world.now);
        for node in 1..=3 {
            let address = format!("127.0.0.1:710{node}").parse().unwrap();
            let error = DialError::RefusedCertificate { address, because: "expired".to_owned() };
            world.tell(node, world.generation(node), News::DialFailed(Arc::new(error)));
        }
        assert!(matches!(&world.done()[..], [(1, Err(ClientError::Denied(_)))]));
    }

    #[test]
    fn a_cancelled_write_is_unknown_if_it_left_and_unavailable_if_not() {
        let mut world = World::led_by_n1();
        let left = world.write();
        world.router.cancel(left);
        assert!(matches!(&world.done()[..], [(_, Err(ClientError::Unknown(Cause::Cancelled)))]));
        let mut world = World::new(None);
        let kept = world.write();
        world.router.cancel(kept);
        assert!(matches!(&world.done()[..], [(_, Err(ClientError::Unavailable(Cause::Cancelled)))]));
        world.answer_questions(1, 2);
        assert!(world.sent.is_empty(), "a cancelled request never leaves");
    }

    #[test]
    fn all_that_is_open_can_be_given_up_at_once() {
        let mut world = World::led_by_n1();
        world.write();
        world.read();
        world.write();
        world.router.cancel_all();
        let given_up: Vec<bool> =
            world.done().iter().map(|(_, result)| matches!(result, Err(ClientError::Unknown(_)))).collect();
        assert_eq!((given_up, world.router.open()), (vec![true, false, true], 0), "only writes can be unknown");
    }

    #[test]
    fn news_of_an_earlier_connection_changes_nothing() {
        let mut world = World::led_by_n1();
        let old = world.generation(1);
        world.lose(1);
        world.pass(30);
        world.write();
        world.answer_questions(1, 2);
        assert_eq!(world.sent_to(), [1]);
        assert_ne!(world.generation(1), old);
        world.tell(1, old, News::Lost("late".to_owned()));
        assert!(world.done().is_empty(), "the write is in flight on the new connection");
    }

    #[test]
    fn a_write_of_a_session_whose_answer_is_lost_is_sent_again_under_its_number() {
        let mut world = World::with_session();
        let token = world.write();
        let (_, _, first) = world.sent_write();
        assert_eq!(
            (first.serial, first.awaited_from, first.opened_ms),
            (2, 2, 71),
            "what was told before the first write left"
        );
        world.lose(1);
        assert!(world.done().is_empty());
        world.pass(20);
        world.answer_questions(2, 3);
        let (node, id, again) = world.sent_write();
        assert_eq!((node, again), (2, first));
        world.respond(2, id, Answer::Refused(Refused::Unknown));
        world.pass(20);
        world.answer_questions(2, 3);
        let (node, id, again) = world.sent_write();
        assert_eq!((node, again), (2, first), "a leader that lost its term says nothing about the write");
        world.respond(2, id, written(2));
        assert!(matches!(&world.done()[..], [(done, Ok(_))] if *done == token));
    }

    #[test]
    fn a_write_waits_for_the_log_time_before_it_leaves() {
        let mut world = World::new(Some(2));
        world.router.open_session();
        world.write();
        assert_eq!((world.sent_to(), world.asked.len()), (vec![], 1), "even at the only node it may go to");
        world.answer_questions(1, 2);
        let (node, _, tag) = world.sent_write();
        assert_eq!((node, tag.serial, tag.opened_ms), (2, 1, 72));
    }

    #[test]
    fn a_lost_write_of_a_session_is_unknown_at_its_deadline_whatever_was_said_last() {
        let mut world = World::with_session();
        let lost = world.write();
        world.lose(1);
        world.sent.clear();
        world.pass(10_005);
        assert!(matches!(&world.done()[..], [(token, Err(ClientError::Unknown(_)))] if *token == lost));
        let mut world = World::with_session();
        let refused = world.write();
        world.lose(1);
        world.sent.clear();
        world.pass(20);
        world.answer_questions(2, 3);
        let (_, id, _) = world.sent_write();
        world.respond(2, id, Answer::Refused(Refused::Invalid { because: "no longer".to_owned() }));
        let done = world.done();
        assert!(matches!(&done[..], [(token, Err(ClientError::Unknown(_)))] if *token == refused), "{done:?}");
        let next = world.write();
        let (_, id, tag) = world.sent_write();
        assert_eq!((tag.serial, tag.awaited_from), (3, 3), "nobody waits for the unknown one any more");
        world.respond(2, id, Answer::Refused(Refused::Discarded));
        assert!(matches!(&world.done()[..], [(token, Err(ClientError::Unknown(Cause::Discarded)))] if *token == next));
    }

    #[test]
    fn a_cancelled_write_that_may_be_applied_is_unknown_although_it_waits_to_be_sent_again() {
        let mut world = World::with_session();
        let token = world.write();
        world.lose(1);
        world.router.cancel(token);
        assert!(matches!(&world.done()[..], [(_, Err(ClientError::Unknown(Cause::Cancelled)))]));
    }

    #[test]
    fn a_write_that_an_ended_session_did_not_take_goes_to_a_new_one() {
        let mut world = World::with_session();
        let tokens = [world.write(), world.write()];
        let (_, first_id, old) = world.sent_write();
        let (_, second_id, _) = world.sent_write();
        for id in [first_id, second_id] {
            world.respond(1, id, Answer::Refused(Refused::SessionExpired { log_time_ms: 9_000 }));
        }
        let (_, first_id, first) = world.sent_write();
        let (_, second_id, second) = world.sent_write();
        assert_ne!(first.session, old.session);
        assert_eq!((first.serial, first.opened_ms), (1, 9_000));
        assert_eq!(second, SessionTag { serial: 2, ..first }, "both go to the same new session");
        for id in [first_id, second_id] {
            world.respond(1, id, written(2));
        }
        let done = world.done();
        assert_eq!(done.iter().map(|(token, _)| *token).collect::<Vec<_>>(), tokens);
        assert!(done.iter().all(|(_, result)| result.is_ok()));
    }

    #[test]
    fn a_write_that_an_ended_session_may_have_taken_is_unknown_and_not_sent_under_another() {
        // R111
        let mut world = World::with_session();
        let token = world.write();
        world.sent.clear();
        world.lose(1);
        world.pass(20);
        world.answer_questions(2, 3);
        let (_, id, _) = world.sent_write();
        world.respond(2, id, Answer::Refused(Refused::SessionExpired { log_time_ms: 9_000 }));
        let done = world.done();
        assert!(
            matches!(&done[..], [(one, Err(ClientError::Unknown(Cause::SessionExpired)))] if *one == token),
            "{done:?}"
        );
        world.pass(50);
        assert!(world.sent.is_empty());
    }

    #[test]
    fn sessions_that_end_at_once_end_the_attempts() {
        let mut world = World::with_session();
        let token = world.write();
        let mut attempts = 0;
        while !world.sent.is_empty() {
            attempts += 1;
            let (_, id, _) = world.sent_write();
            world.respond(1, id, Answer::Refused(Refused::SessionExpired { log_time_ms: 9_000 }));
        }
        assert_eq!(attempts, SESSIONS_ENDED_MAX + 1);
        assert!(matches!(&world.done()[..], [(one, Err(ClientError::SessionExpired))] if *one == token));
    }

    #[test]
    fn a_transfer_has_no_number_and_stays_unknown() {
        let mut world = World::with_session();
        world.ask(Ask::Transfer { to: None }, Duration::from_secs(10));
        world.lose(1);
        assert!(matches!(&world.done()[..], [(_, Err(ClientError::Unknown(_)))]));
    }
}
