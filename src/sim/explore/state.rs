//! One moment of a small cluster, and every step that can follow it.
//!
//! A state is the real cores, their disks, the messages on the way, what history owes the invariants, and what the
//! bounds still allow. Parts that a step does not touch are shared with the state before.

use core::fmt;
use core::hash::{Hash, Hasher};
use core::time::Duration;
use std::sync::Arc;

use super::Bounds;
use super::fingerprint::Fingerprinter;
use crate::raft::{
    Config, Core, Effects, Envelope, HardState, Index, LogId, Member, Message, NOOP_LENGTH_BYTES, NodeId, Options,
    ReadOutcome, Recovered, Role, Rule, Setup, Shape, StorageId, Term, Time,
};
use crate::sim::script::checks::{CoreView, History, View, Violation};
use crate::sim::script::disk::{Disk, PendingWrite};
use crate::sim::script::show::{self, Line};

/// All clocks stand still: deadlines fire when a step says so.
const NOW: Time = Time::from_millis(1_000_000);

/// Most times a core is drained after one input.
const DRAINS_MAX: usize = 16;

/// One node: its disk, and its core unless it stopped.
#[derive(Clone)]
struct Node {
    id: NodeId,
    core: Core,
    disk: Disk,
    /// Which start this is.
    incarnation: u64,
    print: u128,
}

/// A message on the way; the print spares hashing it again.
#[derive(Clone)]
struct Message128 {
    print: u128,
    envelope: Envelope,
}

/// What may still happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Allowance {
    campaigns: u8,
    slow_writes: u8,
    proposals: u8,
    crashes: u8,
    heartbeats: u8,
    reads: u8,
}

#[derive(Clone)]
pub(super) struct State {
    nodes: Vec<Arc<Node>>,
    /// Everything ever sent, as a set ordered by print. What was sent may arrive at any time, any number of times, or
    /// never: loss, delay, repetition and disorder need no steps of their own.
    network: Vec<Arc<Message128>>,
    past: Arc<History>,
    /// Where the committed log ended when each pending read was asked, by ticket.
    asked: Vec<(u64, Index)>,
    left: Allowance,
}

/// One step: what happens, and whether the disk takes its time over what is then to be written. A write behind one that
/// is under way always waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub what: What,
    pub slow: bool,
}

/// One thing that can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// An election timeout passes.
    Timeout {
        node: u8,
    },
    Propose {
        node: u8,
    },
    /// The heartbeat interval of a leader passes.
    Beat {
        node: u8,
    },
    Read {
        node: u8,
    },
    /// All writes under way become durable.
    Persist {
        node: u8,
    },
    /// Power is lost after so many parts of the pending writes, and the node starts again.
    Crash {
        node: u8,
        parts: u8,
    },
    Deliver {
        message: u16,
    },
}

impl State {
    /// Every node holds the bootstrap entry and nothing else; nobody leads.
    pub(super) fn first(bounds: &Bounds) -> Result<State, Violation> {
        let config = Arc::new(config_of(bounds));
        let disk = Disk::new(HardState { term: Term(1), vote: None }, vec![LogId::new(1, 1)]);
        let mut nodes = Vec::new();
        for id in (1..=u64::from(bounds.nodes)).map(NodeId) {
            let core = boot(bounds, &config, id, &disk)?;
            nodes.push(Arc::new(Node { id, core, disk: disk.clone(), incarnation: 1, print: 0 }.printed()));
        }
        let left = Allowance {
            campaigns: bounds.campaigns,
            slow_writes: bounds.slow_writes,
            proposals: bounds.proposals,
            crashes: bounds.crashes,
            heartbeats: bounds.heartbeats,
            reads: bounds.reads,
        };
        Ok(State { nodes, network: Vec::new(), past: Arc::default(), asked: Vec::new(), left })
    }

    /// Every step that the bounds allow from here, into `steps`.
    pub(super) fn steps(&self, bounds: &Bounds, steps: &mut Vec<Step>) {
        let mut things = Vec::new();
        self.things(bounds, &mut things);
        steps.clear();
        steps.extend(things.iter().map(|what| Step { what: *what, slow: false }));
        if self.left.slow_writes > 0 {
            steps.extend(things.iter().map(|what| Step { what: *what, slow: true }));
        }
    }

    /// How many nodes may act. All start alike, so whoever does something first may be called n1, the next one n2: a
    /// node that nothing has happened to waits until something has happened to those before it.
    fn named(&self) -> usize {
        let untouched = |node: &&Arc<Node>| node.incarnation == 1 && node.core.term() == Term(1);
        self.nodes.len() + 1 - self.nodes.iter().rev().take_while(untouched).count().max(1)
    }

    fn things(&self, bounds: &Bounds, steps: &mut Vec<What>) {
        let named = self.named();
        for (node, place) in (0_u8..).zip(&self.nodes).take(named) {
            let leads = place.core.role() == Role::Leader;
            let may_campaign = !leads && place.core.term() < Term(1 + u64::from(bounds.terms));
            if may_campaign && self.left.campaigns > 0 {
                steps.push(What::Timeout { node });
            }
            if leads && self.left.proposals > 0 {
                steps.push(What::Propose { node });
            }
            if leads && self.left.heartbeats > 0 {
                steps.push(What::Beat { node });
            }
            if leads && self.left.reads > 0 {
                steps.push(What::Read { node });
            }
            let parts = place.disk.pending_parts();
            if parts > 0 {
                steps.push(What::Persist { node });
            }
            if self.left.crashes > 0 {
                let parts = u8::try_from(parts).expect("few writes are under way in a small world");
                steps.extend((0..=parts).map(|parts| What::Crash { node, parts }));
            }
        }
        for message in 0..u16::try_from(self.network.len()).expect("a small world has few messages") {
            if place(self.network[usize::from(message)].envelope.to) < named {
                steps.push(What::Deliver { message });
            }
        }
    }

    /// The state after `step`. What happened is told to `story` when there is one.
    ///
    /// # Errors
    /// An invariant does not hold there.
    pub(super) fn after(&self, bounds: &Bounds, step: Step, story: Option<&mut Vec<Line>>) -> Result<State, Violation> {
        let mut next = self.clone();
        let mut turn = Turn { state: &mut next, bounds, slow: step.slow, story };
        turn.take(step.what)?;
        turn.check()?;
        Ok(next)
    }

    /// What tells this state from others. Messages that nobody will ever act upon are forgotten first.
    pub(super) fn print(&mut self, bounds: &Bounds) -> u128 {
        if bounds.rules.keeps(Rule::LifeOfTracking) {
            let receiver = |message: &Message128| &self.nodes[place(message.envelope.to)];
            self.network.retain(|message| !is_void(bounds, &message.envelope, receiver(message)));
        }
        let mut hasher = Fingerprinter::new();
        self.nodes.iter().for_each(|node| hasher.write_u128(node.print));
        self.network.iter().for_each(|message| hasher.write_u128(message.print));
        self.past.hash_past(&mut hasher);
        (&self.asked, self.left).hash(&mut hasher);
        hasher.print()
    }

    pub(super) fn describe(&self, step: Step) -> String {
        let node = |node: u8| self.nodes[usize::from(node)].id;
        match step.what {
            What::Timeout { node: n } => format!("the election timeout of {} passes", node(n)),
            What::Propose { node: n } => format!("a client asks {} for a write", node(n)),
            What::Beat { node: n } => format!("the heartbeat interval of {} passes", node(n)),
            What::Read { node: n } => format!("a client asks {} for a read", node(n)),
            What::Persist { node: n } => format!("the disk of {} is done", node(n)),
            What::Crash { node: n, parts } => {
                let all = self.nodes[usize::from(n)].disk.pending_parts();
                format!("{} loses power with {parts} of {all} parts written, and starts again", node(n))
            }
            What::Deliver { message } => format!("arrives: {}", self.network[usize::from(message)].envelope),
        }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("left", &self.left).finish_non_exhaustive()
    }
}

impl Node {
    fn printed(mut self) -> Node {
        let mut hasher = Fingerprinter::new();
        self.core.hash_behaviour(&mut hasher);
        self.disk.hash_behaviour(&mut hasher);
        hasher.write_u64(self.incarnation);
        self.print = hasher.print();
        self
    }
}

/// A step under way: what it has done to the state so far.
struct Turn<'a> {
    state: &'a mut State,
    bounds: &'a Bounds,
    /// Writes are left under way as long as that is allowed.
    slow: bool,
    story: Option<&'a mut Vec<Line>>,
}

impl Turn<'_> {
    fn take(&mut self, step: What) -> Result<(), Violation> {
        let left = &mut self.state.left;
        match step {
            What::Timeout { node } => {
                left.campaigns -= 1;
                self.input(node, |node| {
                    // The nonce of a campaign names who campaigns, in which start and which term, and nothing else.
                    node.core.reseed(node.id.0 << 32 | node.incarnation << 16 | node.core.term().0);
                    node.core.campaign(NOW);
                })
            }
            What::Propose { node } => {
                left.proposals -= 1;
                self.input(node, |node| {
                    // A refusal is an answer, too.
                    let _ = node.core.propose(NOW, &[NOOP_LENGTH_BYTES]);
                })
            }
            What::Beat { node } => {
                left.heartbeats -= 1;
                self.input(node, |node| node.core.tick(NOW))
            }
            What::Read { node } => {
                left.reads -= 1;
                let ticket = u64::from(left.reads);
                let committed = self.state.past.committed();
                self.state.asked.push((ticket, committed));
                self.input(node, |node| {
                    let _ = node.core.read(NOW, ticket);
                })
            }
            What::Persist { node } => self.input(node, |node| {
                if let Some(seq) = node.disk.newest_pending() {
                    node.disk.complete(seq);
                    node.core.persisted(NOW, seq);
                }
            }),
            What::Crash { node, parts } => {
                left.crashes -= 1;
                self.crash(node, parts)
            }
            What::Deliver { message } => {
                let message = Arc::clone(&self.state.network[usize::from(message)]);
                self.deliver(&message.envelope)
            }
        }
    }

    fn deliver(&mut self, envelope: &Envelope) -> Result<(), Violation> {
        let node = u8::try_from(place(envelope.to)).expect("a small world has few nodes");
        self.input(node, |node| node.core.receive(NOW, envelope.clone()))
    }

    fn crash(&mut self, node: u8, parts: u8) -> Result<(), Violation> {
        let config = Arc::clone(self.state.nodes[usize::from(node)].core.config());
        let bounds = self.bounds;
        let place = Arc::make_mut(&mut self.state.nodes[usize::from(node)]);
        place.disk.crash_after(usize::from(parts), bounds.rules);
        place.incarnation += 1;
        place.core = boot(bounds, &config, place.id, &place.disk)?;
        self.input(node, |_| ())
    }

    /// Feeds one input to a node and does what its core then wants.
    fn input(&mut self, node: u8, feed: impl FnOnce(&mut Node)) -> Result<(), Violation> {
        let mut node = Node::clone(&self.state.nodes[usize::from(node)]);
        feed(&mut node);
        let mut effects = Effects::default();
        for _ in 0..DRAINS_MAX {
            node.core.take_effects(NOW, &mut effects);
            if effects == Effects::default() {
                break;
            }
            self.carry_out(&mut node, &mut effects)?;
        }
        assert!(effects == Effects::default(), "a core comes to rest without new inputs");
        let place = place(node.id);
        self.state.nodes[place] = Arc::new(node.printed());
        Ok(())
    }

    fn carry_out(&mut self, node: &mut Node, effects: &mut Effects) -> Result<(), Violation> {
        for event in effects.events.drain(..) {
            self.tell(|| show::event(node.id, &event));
        }
        effects.created.clear();
        if let Some(write) = effects.write.take() {
            let entry = |index: u64| {
                let term = node.core.term_at(Index(index)).expect("a write names entries that exist");
                LogId { index: Index(index), term }
            };
            let append: Vec<LogId> =
                write.append.map_or(Vec::new(), |(first, last)| (first.0..=last.0).map(entry).collect());
            self.tell(|| show::write(node.id, &write, &append));
            let crate::raft::Write { seq, hard_state, reset_to, truncate_from, append: _, commit_hint, compact_to } =
                write;
            let reset_to = reset_to.map(|meta| meta.last);
            let waits = node.disk.newest_pending().is_some();
            node.disk.accept(PendingWrite {
                seq,
                hard_state,
                reset_to,
                truncate_from,
                append,
                commit_hint,
                compact_to,
            });
            if !waits && self.slow && self.state.left.slow_writes > 0 {
                self.state.left.slow_writes -= 1;
            } else if !waits {
                node.disk.complete(seq);
                node.core.persisted(NOW, seq);
            }
        }
        if let Some(upto) = effects.apply_to.take() {
            node.core.applied(upto);
        }
        for outcome in effects.reads.drain(..) {
            self.tell(|| show::read_outcome(node.id, outcome));
            self.judge_read(node.id, outcome)?;
        }
        for envelope in effects.send.drain(..) {
            self.tell(|| Line::message(&envelope));
            self.send(envelope);
        }
        match effects.fatal.take() {
            Some(fault) => {
                Err(Violation { rule: "R6 a sound node never stops", what: format!("{}: {fault}", node.id) })
            }
            None => Ok(()),
        }
    }

    fn judge_read(&mut self, id: NodeId, outcome: ReadOutcome) -> Result<(), Violation> {
        let (ReadOutcome::Ready { ticket, .. } | ReadOutcome::Failed { ticket, .. }) = outcome;
        let place = self.state.asked.iter().position(|(asked, _)| *asked == ticket);
        let demanded = place.map_or(Index(0), |place| self.state.asked.remove(place).1);
        match outcome {
            ReadOutcome::Ready { index, .. } if index < demanded => Err(Violation::stale_read(id, index, demanded)),
            _ => Ok(()),
        }
    }

    fn send(&mut self, envelope: Envelope) {
        let mut hasher = Fingerprinter::new();
        envelope.hash(&mut hasher);
        let print = hasher.print();
        if let Err(place) = self.state.network.binary_search_by_key(&print, |message| message.print) {
            self.state.network.insert(place, Arc::new(Message128 { print, envelope }));
        }
    }

    fn tell(&mut self, line: impl FnOnce() -> Line) {
        if let Some(story) = &mut self.story {
            story.push(line());
        }
    }

    fn check(&mut self) -> Result<(), Violation> {
        let views: Vec<View> = self.state.nodes.iter().map(|node| view_of(node)).collect();
        Arc::make_mut(&mut self.state.past).check(&views)
    }
}

/// A reply that its receiver drops now and for ever, since the terms on its disk never fall (R7); and, unless the bounds
/// want its answer, a request of a term that this disk has left.
fn is_void(bounds: &Bounds, envelope: &Envelope, receiver: &Node) -> bool {
    let (core, durable) = (&receiver.core, receiver.disk.hard_state.term);
    match &envelope.message {
        Message::VoteReply(reply) => {
            let may_count = core.term() == reply.asked && core.role() == Role::Candidate;
            reply.asked <= durable && envelope.term <= durable && !may_count
        }
        Message::AppendReply(_) | Message::HeartbeatReply(_) | Message::SnapshotReply(_) => {
            let may_count = core.term() == envelope.term && matches!(core.role(), Role::Candidate | Role::Leader);
            envelope.term <= durable && !may_count
        }
        Message::Vote(_) | Message::Append(_) | Message::Heartbeat(_) | Message::Snapshot(_) => {
            envelope.term < durable && !bounds.stale_answers
        }
        Message::TimeoutNow(_)
        | Message::Hello(_)
        | Message::HelloReply(_)
        | Message::ReadIndex(_)
        | Message::ReadIndexReply(_) => false,
    }
}

fn view_of(node: &Node) -> View {
    let core = &node.core;
    let entry =
        |index: u64| LogId { index: Index(index), term: core.term_at(Index(index)).expect("logs have no holes") };
    View {
        id: node.id,
        durable: node.disk.hard_state,
        durable_log: node.disk.log.clone(),
        disk_lost: false,
        core: Some(CoreView {
            incarnation: node.incarnation,
            role: core.role(),
            term: core.term(),
            commit: core.commit(),
            applied: core.applied_index(),
            durable: core.durable(),
            log: (core.first().0..=core.last().index.0).map(entry).collect(),
            config: Arc::clone(core.config()),
            configs: vec![(LogId::new(1, 1), Arc::clone(core.config()))],
            matched: core.peers().map(|peer| (peer.id, peer.matched)).collect(),
        }),
    }
}

fn boot(bounds: &Bounds, config: &Arc<Config>, id: NodeId, disk: &Disk) -> Result<Core, Violation> {
    let mut log = Shape::empty(Index(1));
    for (position, entry) in disk.log.iter().enumerate() {
        log.push(entry.term, NOOP_LENGTH_BYTES, (position == 0).then(|| Arc::clone(config)));
    }
    let options =
        Options { pre_vote: false, check_quorum: false, heartbeat_interval: Duration::ZERO, ..Options::default() };
    let setup = Setup { id, storage: StorageId(u128::from(id.0)), options, seed: id.0, rules: bounds.rules };
    let found = Recovered { hard_state: disk.hard_state, snapshot: None, log, commit_hint: disk.commit_hint };
    Core::boot(setup, found, NOW)
        .map_err(|fault| Violation { rule: "R4 a sound node starts again", what: format!("{id}: {fault}") })
}

fn config_of(bounds: &Bounds) -> Config {
    let member = |id: u64| Member {
        id: NodeId(id),
        name: format!("n{id}"),
        address: String::new(),
        storage: StorageId(u128::from(id)),
    };
    Config::of((1..=u64::from(bounds.nodes)).map(member).collect(), Vec::new())
}

fn place(id: NodeId) -> usize {
    usize::try_from(id.0 - 1).expect("a small world has few nodes")
}
