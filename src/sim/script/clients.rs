//! `submit n1 incr KEY [session=1 serial=1]`: clients whose writes are more than lengths.
//!
//! What such a write does is what the real state machine makes of it, applied at each node as far as its core says; who
//! asked hears what a replica would tell: the answer when the entry is applied where it was asked for, that nobody can
//! say when its leader loses its office, nothing at all when that node crashes. A write of a session that is applied
//! already is answered from the table of sessions, without another entry. Log time stands still.

use std::collections::{BTreeMap, BTreeSet};

use super::CommandFault;
use super::command::{Words, number};
use super::show::{self, Line};
use super::world::World;
use crate::raft::{Core, Index, LogId, NodeId, Role};
use crate::state_machine::{
    Applied, CommandRef, OperationRef, Outcome, SessionId, SessionLimits, SessionTag, StateMachine, UpdateRef,
    WriteRef, Written,
};

/// Longest value of a map in a script, in bytes.
const VALUE_BYTES_MAX: u64 = 1_000;

/// Encoded length of a submitted entry, in bytes.
const SUBMISSION_LENGTH: u32 = 100;

/// A write that counts up by one.
#[derive(Clone, Debug)]
struct Submission {
    key: String,
    session: Option<SessionTag>,
}

/// What nodes do for clients, besides replicating.
#[derive(Debug, Default)]
pub(super) struct Clients {
    submissions: BTreeMap<LogId, Submission>,
    machines: BTreeMap<NodeId, StateMachine>,
    /// Who waits at which node for which entry.
    waiting: BTreeSet<(NodeId, LogId)>,
}

impl Clients {
    /// The process is gone, and with it all that it had in memory.
    pub(super) fn crashed(&mut self, id: NodeId) {
        self.machines.remove(&id);
        self.waiting.retain(|(node, _)| *node != id);
    }

    /// The node has applied everything up to `upto`; `entry` gives the log id at an index.
    pub(super) fn applied(&mut self, id: NodeId, upto: Index, entry: impl Fn(Index) -> LogId, trace: &mut Vec<Line>) {
        if self.submissions.is_empty() {
            return;
        }
        let machine = self.machines.entry(id).or_insert_with(new_machine);
        for index in (machine.applied() + 1..=upto.0).map(Index) {
            let at = entry(index);
            let Some(submission) = self.submissions.get(&at) else {
                machine.skip(index.0, 0);
                continue;
            };
            let command = CommandRef { key: submission.key.as_bytes(), operation: OperationRef::Incr { by: 1 } };
            let update = UpdateRef::Command(command);
            let write = WriteRef { update, session: submission.session, elapsed_ms: 0 };
            let applied = machine.apply(index.0, at.term.0, write);
            if self.waiting.remove(&(id, at)) {
                trace.push(Line::plain(format!("{id} answers {at}: {}", answer(at, &submission.key, &applied))));
            }
        }
    }

    /// Tells whoever waits for what may not come to pass: the node leads no more, or in another term.
    pub(super) fn settle(&mut self, core: &Core, trace: &mut Vec<Line>) {
        let (id, leads) = (core.id(), core.role() == Role::Leader);
        self.waiting.retain(|(node, at)| {
            let is_certain = at.index <= core.commit() && core.term_at(at.index) == Some(at.term);
            let goes_on = *node != id || leads && at.term == core.term() || is_certain;
            if !goes_on {
                trace.push(Line::plain(format!("{id} answers {at}: nobody can say what becomes of it")));
            }
            goes_on
        });
    }

    /// What the node counts at `key`.
    pub(super) fn count(&self, id: NodeId, key: &str) -> String {
        let entry = self.machines.get(&id).and_then(|machine| machine.map().get(key.as_bytes()).cloned());
        entry.map_or("nothing".to_owned(), |entry| String::from_utf8_lossy(entry.value()).into_owned())
    }
}

pub(super) fn submit(world: &mut World, words: &mut Words) -> Result<(), CommandFault> {
    let id = words.take_node()?;
    let what = words.take("what to do")?;
    if what != "incr" {
        return Err(CommandFault::NotA { wanted: "something to submit", word: what });
    }
    let key = words.take("a key")?;
    let session = match words.take_number("session")? {
        None => None,
        Some(session) => {
            let serial = words.take_value("serial").ok_or(CommandFault::Missing { wanted: "serial=" })?;
            let serial = number(&serial)?;
            Some(SessionTag { session: SessionId(session.into()), serial, awaited_from: serial, opened_ms: 0 })
        }
    };
    if let Some(written) = world.core(id)?.leader().filter(|leader| *leader == id).and(session).and_then(|tag| {
        let machine = world.clients.machines.get(&id)?;
        machine.answer(tag)
    }) {
        let (at, count) = (Index(written.revision), counted(&key, &written));
        world.trace.push(Line::plain(format!("{id} answers from its table: {count}, since {at}")));
        return Ok(());
    }
    let now = world.node(id)?.clock;
    let core = world.node_mut(id)?.core.as_mut().ok_or(CommandFault::Down { node: id })?;
    match core.propose(now, &[SUBMISSION_LENGTH]) {
        Ok(at) => {
            world.create(at, SUBMISSION_LENGTH, None);
            let tag = session
                .map_or("no session".to_owned(), |tag| format!("session {} serial {}", tag.session.0, tag.serial));
            world.trace.push(Line::plain(format!("{id} appends {at}: incr {key}, {tag}")));
            world.clients.submissions.insert(at, Submission { key, session });
            world.clients.waiting.insert((id, at));
        }
        Err(refusal) => world.trace.push(show::refusal(id, refusal)),
    }
    world.drain(id)
}

fn new_machine() -> StateMachine {
    StateMachine::new(VALUE_BYTES_MAX, SessionLimits::default())
}

fn answer(at: LogId, key: &str, applied: &Applied) -> String {
    match applied {
        Applied::Written(written) if written.revision == at.index.0 => counted(key, written),
        Applied::Written(written) => format!("{}, since {}: it had no effect", counted(key, written), written.revision),
        Applied::Discarded => "its answer was given up, and it is not executed".to_owned(),
        Applied::SessionExpired => "its session has ended, and it is not executed".to_owned(),
    }
}

fn counted(key: &str, written: &Written) -> String {
    match &written.outcome {
        Outcome::Incremented { value } => format!("{key} is {value}"),
        other => format!("{other:?}"),
    }
}
