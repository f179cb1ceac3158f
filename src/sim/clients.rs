//! Clients of a simulated cluster: each asks, waits, and asks again, and everything it did and heard is kept.
//!
//! They follow the rules of the real client: a refusal that says that nothing was done is tried again elsewhere, a
//! write whose answer is lost or unknown is not, and stays open for ever: it may have happened or may still happen. With
//! a session it is sent again under the same number until its time is over (R107). Some are pinned to one node and
//! believe whatever it says.
//!
//! Every key has one kind: a register, a counter, or a list. Keys change with time, so that no history grows without
//! bound.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use core::time::Duration;

use super::checkers::Checked;
use super::dice::Dice;
use super::model::{Action, Heard};
use super::plan::Workload;
use super::script::Violation;
use super::session::Session;
use super::world::{Coming, World};
use crate::api::{Answer, Ask, ClientId, Consistency, Query, Refused, Request, Response};
use crate::codec::entry::encode_command;
use crate::raft::{Index, LogId, NodeId, Time};
use crate::state_machine::{Command, Expect, Operation, SessionId};

/// Longest time a client waits for one operation, all attempts together.
const PATIENCE_MAX: Duration = Duration::from_secs(6);

/// Time from a client to a node and back is up to twice this.
const CLIENT_LATENCY_MAX: Duration = Duration::from_millis(2);

/// How long a client waits after a refusal before it tries again.
const RETRY_AFTER_MAX: Duration = Duration::from_millis(120);

/// Sessions in a row that may end before they take a write; then the client gives it up.
const SESSIONS_ENDED_MAX: u32 = 8;

/// How long a key is used.
const KEY_LIFE: Duration = Duration::from_secs(12);

/// The key that proves that a world works again.
const PROBE_KEY: &[u8] = b"probe";

/// Bits of a client's id that count its connections.
const CONNECTION_BITS: u32 = 32;

/// One operation and what became of it.
#[derive(Clone, Debug)]
pub struct Done {
    pub client: usize,
    pub key: Vec<u8>,
    pub action: Action,
    pub invoked: Time,
    /// The newest index that any finished operation had seen when this one began.
    pub floor: Index,
    /// As which writes of which sessions it was sent.
    pub tags: Vec<(SessionId, u64)>,
    pub ending: Ending,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Not yet answered.
    Open,
    /// `at`: the revision of a write, the index a read is true at.
    Heard { finished: Time, heard: Heard, at: Index },
    /// A write that may have happened or may still happen.
    Unknown,
    /// Certainly without effect.
    Nothing,
}

/// An answer on its way back.
#[derive(Debug)]
pub struct Reply {
    pub client: usize,
    pub request: u64,
    /// None: the connection is gone.
    pub answer: Option<Answer>,
}

/// A request that a node has or is about to get.
#[derive(Clone, Debug)]
struct Asked {
    client: usize,
    node: usize,
    connection: ClientId,
    command: Option<Bytes>,
    /// For the node's own state, to learn the log time from it.
    is_question: bool,
    is_taken: bool,
    /// Whoever asked has hung up or waits no more.
    is_for_nobody: bool,
}

#[derive(Debug)]
struct Client {
    pinned: Option<usize>,
    target: usize,
    connections: u64,
    running: Option<Running>,
    session: Option<Session>,
    /// The newest index at which it was ever answered.
    seen: Index,
}

#[derive(Clone, Debug)]
struct Running {
    /// Its place in the history.
    operation: usize,
    attempt: u64,
    request: Option<u64>,
    consistency: Consistency,
    at_least: Index,
    /// A write of a session as it was numbered; it is sent again like this.
    numbered: Option<Bytes>,
    /// Of an earlier attempt nobody knows what became.
    may_have_happened: bool,
    sessions_ended: u32,
}

impl Running {
    fn new(operation: usize, attempt: u64, consistency: Consistency, at_least: Index) -> Running {
        Running {
            operation,
            attempt,
            request: None,
            consistency,
            at_least,
            numbered: None,
            may_have_happened: false,
            sessions_ended: 0,
        }
    }
}

#[derive(Debug)]
pub struct Clients {
    workload: Workload,
    nodes: usize,
    list: Vec<Client>,
    asked: BTreeMap<u64, Asked>,
    pub history: Vec<Done>,
    next_request: u64,
    next_token: u64,
    attempts: u64,
    floor: Index,
    /// Clients ask nothing new.
    pub are_quiet: bool,
    /// The one extra client only writes and reads the probe, at these nodes.
    probe_nodes: Vec<usize>,
    is_probing: bool,
    pub acknowledged: u64,
    pub reads: u64,
    pub unknown: u64,
}

impl Clients {
    pub fn new(workload: &Workload, nodes: usize, dice: &mut Dice) -> Clients {
        let mut client = |number: u64| {
            let every = workload.pinned_every;
            let is_pinned = every > 0 && number.is_multiple_of(every);
            let target = usize::try_from(number).expect("clients are few") % nodes;
            let has_session = workload.sessions_every > 0
                && number <= workload.clients
                && number.is_multiple_of(workload.sessions_every);
            let session = has_session.then(|| Session::new(dice));
            let pinned = is_pinned.then_some(target);
            Client { pinned, target, connections: 0, running: None, session, seen: Index(0) }
        };
        Clients {
            workload: workload.clone(),
            nodes,
            // The last one is the probe.
            list: (1..=workload.clients + 1).map(&mut client).collect(),
            asked: BTreeMap::new(),
            history: Vec::new(),
            next_request: 1,
            next_token: 1,
            attempts: 0,
            floor: Index(0),
            are_quiet: false,
            probe_nodes: Vec::new(),
            is_probing: false,
            acknowledged: 0,
            reads: 0,
            unknown: 0,
        }
    }

    /// The client that only probes.
    pub fn probe(&self) -> usize {
        self.list.len() - 1
    }

    /// From now on the probe asks these nodes.
    pub fn probe_at(&mut self, nodes: Vec<usize>) {
        let probe = self.probe();
        (self.list[probe].pinned, self.list[probe].target) = (None, nodes[0]);
        self.probe_nodes = nodes;
        self.is_probing = true;
    }

    /// The probe has done its work.
    pub fn stop_probing(&mut self) {
        self.is_probing = false;
    }

    /// Clients learn of one more node.
    pub fn node_added(&mut self) {
        self.nodes += 1;
    }

    pub fn are_all_idle(&self) -> bool {
        self.list.iter().all(|client| client.running.is_none())
    }

    /// Requests that a node has taken and not answered.
    pub fn open_at(&self, node: usize) -> usize {
        self.asked.values().filter(|asked| asked.node == node && asked.is_taken && !asked.is_for_nobody).count()
    }

    fn next_operation(&mut self, client: usize, now: Time, dice: &mut Dice) -> (Vec<u8>, Action) {
        if client == self.probe() {
            let writes = self.history.iter().rev().find(|done| done.key == PROBE_KEY);
            let was_write = writes.is_some_and(|done| {
                matches!(done.action, Action::Write(_)) && matches!(done.ending, Ending::Heard { .. })
            });
            let action =
                if was_write { Action::Read } else { Action::Write(Operation::Put { value: self.token(0, dice) }) };
            return (PROBE_KEY.to_vec(), action);
        }
        let kind = dice.below(3);
        let slot = dice.below(self.workload.keys);
        let life = now.0 / u64::try_from(KEY_LIFE.as_nanos()).expect("a key lives for seconds");
        let key = format!("{}{slot}.{life}", ["register", "counter", "list"][kind as usize]).into_bytes();
        if dice.below(100) < self.workload.reads_percent {
            let is_stale = dice.below(100) < self.workload.stale_percent;
            return (key, if is_stale { Action::StaleRead } else { Action::Read });
        }
        let operation = match kind {
            0 => self.register_operation(&key, dice),
            1 => Operation::Incr { by: dice.between(1, 3) as i64 },
            _ => Operation::Append { value: self.token(0, dice) },
        };
        (key, Action::Write(operation))
    }

    fn register_operation(&mut self, key: &[u8], dice: &mut Dice) -> Operation {
        let value = self.token(self.workload.value_bytes_max, dice);
        match dice.below(10) {
            0 => Operation::Delete,
            1 => Operation::Cas { expect: Expect::Absent, value },
            2..=4 => {
                let newest = self.history.iter().rev().take(64).find_map(|done| match &done.ending {
                    Ending::Heard { heard: Heard::Value(Some(found)), .. } if done.key == key => Some(found.clone()),
                    _ => None,
                });
                Operation::Cas { expect: newest.map_or(Expect::Absent, Expect::Value), value }
            }
            _ => Operation::Put { value },
        }
    }

    /// A value that no other operation writes, with up to this many bytes of filling behind it.
    fn token(&mut self, filling_max: u64, dice: &mut Dice) -> Vec<u8> {
        let mut text = format!("{};", self.next_token).into_bytes();
        self.next_token += 1;
        if filling_max > 0 {
            let filling = dice.below(filling_max) as usize;
            text.resize(text.len() + filling, b'.');
        }
        text
    }
}

impl World {
    pub(super) fn plan_clients(&mut self) {
        for client in 0..self.clients.probe() {
            self.plan_next(client);
        }
    }

    /// Sets the probe going.
    pub(super) fn plan_probe(&mut self, nodes: Vec<usize>) {
        self.clients.probe_at(nodes);
        let client = self.clients.probe();
        self.queue.push(self.now, Coming::ClientActs { client });
    }

    /// Whether a write that began since then was acknowledged, and a read that began behind it answered.
    pub(super) fn has_probed(&self, since: Time) -> bool {
        let fresh = self.clients.history.iter().rev().take_while(|done| done.invoked >= since);
        let mut heard = fresh.filter(|done| done.key == PROBE_KEY && matches!(done.ending, Ending::Heard { .. }));
        heard.next().is_some_and(|done| done.action == Action::Read) && heard.next().is_some()
    }

    fn plan_next(&mut self, client: usize) {
        let pause = self.client_dice.around(self.plan.workload.think);
        self.queue.push(self.now + pause, Coming::ClientActs { client });
    }

    /// A client that has nothing running begins something; one that has tries it again.
    pub(super) fn client_acts(&mut self, client: usize) -> Checked {
        let is_probe = client == self.clients.probe();
        if self.clients.list[client].running.is_none() {
            let rests = if is_probe { !self.clients.is_probing } else { self.clients.are_quiet };
            if rests {
                return Ok(());
            }
            let (key, action) = self.clients.next_operation(client, self.now, &mut self.client_dice);
            let floor = self.clients.floor;
            let operation = self.clients.history.len();
            let (consistency, at_least) = self.choose_consistency(client, &action);
            let (invoked, tags, ending) = (self.now, Vec::new(), Ending::Open);
            self.clients.history.push(Done { client, key, action, invoked, floor, tags, ending });
            self.clients.attempts += 1;
            let attempt = self.clients.attempts;
            self.clients.list[client].running = Some(Running::new(operation, attempt, consistency, at_least));
            self.queue.push(self.now + PATIENCE_MAX, Coming::ClientDeadline { client, attempt });
        }
        self.send_request(client);
        Ok(())
    }

    /// How a read is asked for, and what it must have seen.
    fn choose_consistency(&mut self, client: usize, action: &Action) -> (Consistency, Index) {
        match action {
            Action::StaleRead => {
                let knows = self.client_dice.coin();
                (Consistency::Stale, if knows { self.clients.list[client].seen } else { Index(0) })
            }
            _ if self.client_dice.below(100) < self.plan.workload.lease_percent => (Consistency::Lease, Index(0)),
            _ => (Consistency::Linearizable, Index(0)),
        }
    }

    fn send_request(&mut self, client: usize) {
        let clients = &mut self.clients;
        let state = &mut clients.list[client];
        let Some(running) = &mut state.running else { return };
        if running.request.is_some() {
            return;
        }
        let request = clients.next_request;
        clients.next_request += 1;
        running.request = Some(request);
        let done = &mut clients.history[running.operation];
        let node = state.pinned.unwrap_or(state.target);
        let connection = ClientId((client as u64 + 1) << CONNECTION_BITS | state.connections);
        let mut is_question = false;
        let command = match (&done.action, &mut state.session) {
            (Action::Read | Action::StaleRead, _) => None,
            (Action::Write(operation), None) => Some(encoded(&done.key, operation)),
            (Action::Write(_), Some(session)) if !session.knows_time() => {
                is_question = true;
                None
            }
            (Action::Write(operation), Some(session)) => {
                let numbered = running.numbered.get_or_insert_with(|| {
                    let (bytes, serial) = session.number(&encoded(&done.key, operation), &mut self.client_dice);
                    done.tags.push((session.id, serial));
                    bytes
                });
                Some(numbered.clone())
            }
        };
        let (is_taken, is_for_nobody) = (false, false);
        clients
            .asked
            .insert(request, Asked { client, node, connection, command, is_question, is_taken, is_for_nobody });
        let takes = self.client_dice.span(Duration::ZERO, CLIENT_LATENCY_MAX);
        self.queue.push(self.now + takes, Coming::Request { client, node, request });
    }

    pub(super) fn request_arrives(&mut self, client: usize, node: usize, request: u64) -> Checked {
        if !self.machines[node].is_up() {
            self.reply_later(Reply { client, request, answer: None });
            return Ok(());
        }
        let Some(asked) = self.clients.asked.get_mut(&request) else { return Ok(()) };
        asked.is_taken = true;
        let (connection, command) = (asked.connection, asked.command.clone());
        let ask = match (command, &self.clients.list[client].running) {
            _ if asked.is_question => Ask::Status,
            (Some(command), _) => Ask::Write(command),
            (None, Some(running)) => {
                let key = self.clients.history[running.operation].key.clone();
                let (consistency, at_least) = (running.consistency, running.at_least);
                Ask::Read { query: Query::Get { key }, consistency, at_least }
            }
            (None, None) => return Ok(()),
        };
        self.ask(node, connection, Request { id: request, ask })
    }

    /// A node answers: to a request that it has, once.
    pub(super) fn answered(&mut self, at: usize, connection: ClientId, response: Response) -> Checked {
        let request = response.id;
        self.trace.event(self.now, 6, request);
        let asked = self.clients.asked.remove(&request);
        let Some(asked) = asked.filter(|asked| asked.node == at && asked.connection == connection && asked.is_taken)
        else {
            let what = format!("n{} answers request {request}, which it does not have or has answered", at + 1);
            return Err(Violation { rule: "R112 one answer", what });
        };
        self.check_written(at, &asked, &response.answer)?;
        if asked.is_for_nobody {
            return Ok(());
        }
        self.reply_later(Reply { client: asked.client, request, answer: Some(response.answer) });
        Ok(())
    }

    /// What is acknowledged is committed, under the log id that is named, and is what was asked.
    fn check_written(&self, at: usize, asked: &Asked, answer: &Answer) -> Checked {
        let Answer::Written { revision, term, .. } = answer else { return Ok(()) };
        let id = LogId { index: *revision, term: *term };
        let payload = self.checkers.committed_payload(id);
        // The leader adds its stamp behind what the client sent.
        let is_asked = |stored: &Bytes| asked.command.as_ref().is_some_and(|command| stored.starts_with(command));
        if payload.is_some_and(is_asked) {
            return Ok(());
        }
        let what = match payload {
            None => format!("n{} acknowledges {id}, which is not committed", at + 1),
            Some(_) => format!("n{} acknowledges {id}, which holds another command", at + 1),
        };
        Err(Violation { rule: "I12 acknowledged", what })
    }

    fn reply_later(&mut self, reply: Reply) {
        let takes = self.client_dice.span(Duration::ZERO, CLIENT_LATENCY_MAX);
        self.queue.push(self.now + takes, Coming::Reply(Box::new(reply)));
    }

    pub(super) fn reply_arrives(&mut self, reply: Reply) -> Checked {
        let Reply { client, request, answer } = reply;
        let running = self.clients.list[client].running.clone();
        let Some(running) = running.filter(|running| running.request == Some(request)) else { return Ok(()) };
        if let Some(state) = &mut self.clients.list[client].running {
            state.request = None;
        }
        let was_asked = self.clients.asked.remove(&request);
        let may_have_happened = was_asked.is_none_or(|asked| asked.is_taken);
        let is_write = self.clients.history[running.operation].action.is_write();
        let has_session = self.clients.list[client].session.is_some();
        match answer {
            Some(Answer::Written { revision, outcome, .. }) => {
                self.clients.acknowledged += 1;
                self.finish(client, running.operation, Heard::Written(outcome), revision)
            }
            Some(Answer::Value { item, at }) => {
                self.clients.reads += 1;
                self.finish(client, running.operation, Heard::Value(item.map(|item| item.value)), at)
            }
            Some(Answer::Refused(Refused::NotLeader { leader })) => {
                self.retry(client, leader.map(|hint| hint.id));
                Ok(())
            }
            Some(Answer::Refused(Refused::Busy | Refused::Unavailable { .. })) => {
                self.retry(client, None);
                Ok(())
            }
            Some(Answer::Status(status)) => {
                if let Some(session) = &mut self.clients.list[client].session {
                    session.learn(status.log_time_ms);
                }
                self.retry(client, status.leader);
                Ok(())
            }
            Some(Answer::Refused(Refused::SessionExpired { log_time_ms })) if has_session => {
                self.renew_session(client, &running, log_time_ms);
                Ok(())
            }
            Some(Answer::Refused(Refused::Discarded)) if has_session => {
                self.end(client, running.operation, Ending::Unknown);
                Ok(())
            }
            Some(Answer::Refused(Refused::Unknown)) => {
                self.lost(client, running.operation);
                Ok(())
            }
            None if is_write && may_have_happened => {
                self.lost(client, running.operation);
                Ok(())
            }
            None => {
                self.retry(client, None);
                Ok(())
            }
            Some(answer) => {
                let what = format!("{answer:?} does not answer what was asked");
                Err(Violation { rule: "R112 one answer", what })
            }
        }
    }

    /// Nobody will say what became of a write: with a session it is sent again under its number.
    fn lost(&mut self, client: usize, operation: usize) {
        let state = &mut self.clients.list[client];
        match (&state.session, &mut state.running) {
            (Some(_), Some(running)) => {
                running.may_have_happened = true;
                self.retry(client, None);
            }
            _ => self.end(client, operation, Ending::Unknown),
        }
    }

    /// The session has ended. A write that it has certainly not taken goes to the next one (R111).
    fn renew_session(&mut self, client: usize, running: &Running, log_time_ms: u64) {
        let state = &mut self.clients.list[client];
        state.session = Some(Session::after(log_time_ms, &mut self.client_dice));
        if running.may_have_happened {
            return self.end(client, running.operation, Ending::Unknown);
        }
        if running.sessions_ended >= SESSIONS_ENDED_MAX {
            return self.end(client, running.operation, Ending::Nothing);
        }
        let state = state.running.as_mut().expect("it runs");
        (state.numbered, state.sessions_ended) = (None, running.sessions_ended + 1);
        self.retry(client, None);
    }

    /// Time's up: nobody waits for the answer any more.
    pub(super) fn client_deadline(&mut self, client: usize, attempt: u64) -> Checked {
        let running = self.clients.list[client].running.clone();
        let Some(running) = running.filter(|running| running.attempt == attempt) else { return Ok(()) };
        let ending = self.ending_of(&running);
        self.hang_up(client)?;
        // Not there again: without check-quorum a leader that nobody hears takes writes for ever and answers none.
        self.clients.list[client].target = self.any_node(client);
        self.end(client, running.operation, ending);
        Ok(())
    }

    /// The client closes its connection; what it asked goes on, but the answer is for nobody.
    pub(super) fn hang_up(&mut self, client: usize) -> Checked {
        let state = &mut self.clients.list[client];
        state.connections += 1;
        let Some(request) = state.running.as_ref().and_then(|running| running.request) else { return Ok(()) };
        let Some(asked) = self.clients.asked.get_mut(&request) else { return Ok(()) };
        if !asked.is_taken {
            self.clients.asked.remove(&request);
            return Ok(());
        }
        asked.is_for_nobody = true;
        let (node, connection) = (asked.node, asked.connection);
        self.input(node, crate::replica::Input::ClientGone(connection))
    }

    /// A client hangs up in the middle and takes its operation for lost.
    pub(super) fn hang_up_somebody(&mut self) -> Checked {
        let client = self.fault_dice.below(self.clients.probe() as u64) as usize;
        let Some(running) = self.clients.list[client].running.clone() else { return Ok(()) };
        let ending = self.ending_of(&running);
        self.hang_up(client)?;
        self.end(client, running.operation, ending);
        Ok(())
    }

    /// What the client must believe about an operation that it gives up: a write that was refused and not sent again
    /// since is without effect.
    fn ending_of(&self, running: &Running) -> Ending {
        let is_write = self.clients.history[running.operation].action.is_write();
        let is_open = running.request.is_some() || running.may_have_happened;
        if is_write && is_open { Ending::Unknown } else { Ending::Nothing }
    }

    /// The process that had these requests is gone; so are its connections.
    pub(super) fn lose_requests(&mut self, at: usize) {
        let open = self.clients.asked.iter().filter(|(_, asked)| asked.node == at && asked.is_taken);
        let lost: Vec<u64> = open.map(|(request, _)| *request).collect();
        for request in lost {
            let asked = self.clients.asked.remove(&request).expect("it was just listed");
            if !asked.is_for_nobody {
                self.reply_later(Reply { client: asked.client, request, answer: None });
            }
        }
    }

    /// An operator asks a node to hand leadership over, and does not care for the answer.
    pub(super) fn ask_transfer(&mut self, at: usize, to: Option<NodeId>) -> Checked {
        if !self.machines[at].is_up() {
            return Ok(());
        }
        let request = self.clients.next_request;
        self.clients.next_request += 1;
        let connection = ClientId(0);
        let asked = Asked {
            client: 0,
            node: at,
            connection,
            command: None,
            is_question: false,
            is_taken: true,
            is_for_nobody: true,
        };
        self.clients.asked.insert(request, asked);
        self.ask(at, connection, Request { id: request, ask: Ask::Transfer { to } })
    }

    /// I12, seen from outside: nothing finished before this began is missing in it.
    fn finish(&mut self, client: usize, operation: usize, heard: Heard, at: Index) -> Checked {
        let done = &self.clients.history[operation];
        let asked_for = self.clients.list[client].running.as_ref().map_or(Index(0), |running| running.at_least);
        let (is_fresh, floor) = match done.action {
            Action::Write(_) => (at > done.floor, done.floor),
            Action::Read => (at >= done.floor, done.floor),
            Action::StaleRead => (at >= asked_for, asked_for),
        };
        if !is_fresh {
            let what = format!(
                "an operation on {} is answered as of {at}, but {floor} had been seen before it began",
                String::from_utf8_lossy(&done.key)
            );
            return Err(Violation { rule: "I12 linearizable reads", what });
        }
        self.clients.floor = self.clients.floor.max(at);
        let seen = &mut self.clients.list[client].seen;
        *seen = at.max(*seen);
        let finished = self.now;
        self.end(client, operation, Ending::Heard { finished, heard, at });
        Ok(())
    }

    fn end(&mut self, client: usize, operation: usize, ending: Ending) {
        if ending == Ending::Unknown {
            self.clients.unknown += 1;
        }
        self.clients.history[operation].ending = ending;
        self.clients.list[client].running = None;
        self.plan_next(client);
    }

    /// Tries again a little later, at the node that is said to lead, or at another one.
    fn retry(&mut self, client: usize, leader: Option<NodeId>) {
        let hinted = leader.map(|id| usize::try_from(id.0).expect("nodes are few") - 1);
        let hinted = hinted.filter(|node| *node < self.clients.nodes);
        let any = self.any_node(client);
        self.clients.list[client].target = hinted.unwrap_or(any);
        let pause = self.client_dice.span(Duration::from_millis(1), RETRY_AFTER_MAX);
        self.queue.push(self.now + pause, Coming::ClientActs { client });
    }

    /// Whom a client asks that knows nobody better.
    fn any_node(&mut self, client: usize) -> usize {
        if client == self.clients.probe() && !self.clients.probe_nodes.is_empty() {
            *self.client_dice.pick(&self.clients.probe_nodes)
        } else {
            self.client_dice.below(self.clients.nodes as u64) as usize
        }
    }
}

fn encoded(key: &[u8], operation: &Operation) -> Bytes {
    let mut out = BytesMut::new();
    encode_command(&Command { key: key.to_vec(), operation: operation.clone() }, &mut out);
    out.freeze()
}
