//! One node of a small world, and what one input makes of it: a function of the node and the input alone.
//!
//! A node is the real core, its disk, and its clock. What it says goes into a list; where that goes is the state's
//! story. Two nodes with the same print behave alike, so each reaction has to be worked out only once.

use core::hash::Hash;
use core::time::Duration;
use std::sync::Arc;

use super::Bounds;
use super::bounds::ELECTION_TIMEOUT;
use super::fingerprint::Fingerprinter;
use crate::raft::{
    Change, Config, Core, Created, Effects, Envelope, HardState, Index, LogId, Member, Message, NOOP_LENGTH_BYTES,
    NodeId, Options, ReadOutcome, Recovered, Role, Setup, Shape, StorageId, Term, Time, Write, WriteSeq,
};
use crate::sim::script::checks::{CoreView, View, Violation};
use crate::sim::script::disk::{Disk, PendingWrite};
use crate::sim::script::show::{self, Line};

/// What every clock shows at first. All nodes have been up for an election timeout then, so that no promise binds them.
const CLOCK_START: Time = Time::from_millis(1_000_000);

/// Most times a core is drained after one input.
const DRAINS_MAX: usize = 16;

/// What all nodes of a world have in common.
pub(super) struct World {
    pub bounds: Bounds,
    pub options: Options,
    /// Of the bootstrap entry.
    pub config: Arc<Config>,
    /// What operators may ask for.
    pub changes: Vec<Change>,
}

/// One node: its disk, its clock, and its core.
#[derive(Clone)]
pub(super) struct Node {
    pub id: NodeId,
    pub core: Core,
    pub disk: Disk,
    /// Which start this is.
    pub incarnation: u64,
    pub clock: Time,
    /// The configurations among the entries of its log, in memory and on disk.
    configs: Vec<(LogId, Arc<Config>)>,
}

/// What can happen to one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Input {
    /// An election timeout passes.
    Timeout,
    Propose,
    /// The heartbeat interval of a leader passes.
    Beat,
    Read {
        ticket: u8,
    },
    /// An operator asks for one of the world's changes.
    Change {
        choice: u8,
    },
    /// An operator asks for a transfer of leadership to this member.
    Transfer {
        to: u8,
    },
    /// All writes under way become durable.
    Persist,
    /// Power is lost after so many parts of the pending writes, and the node starts again.
    Crash {
        parts: u8,
    },
    /// The same, and the log from this entry on cannot be read any more: the node starts to recover (R64).
    Damage {
        from: u8,
    },
    /// A moment passes by its clock.
    Pass,
    /// The message of this number arrives.
    Deliver {
        message: u32,
    },
}

/// What an input made of a node.
pub(super) struct After {
    pub node: Node,
    pub sent: Vec<Envelope>,
    /// Entries that it made, as leader.
    pub created: Vec<LogId>,
    pub reads: Vec<ReadOutcome>,
    /// A write was left under way that might have been durable at once.
    pub used_slow: bool,
}

/// What is asked of a node often, beside it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Brief {
    pub role: Role,
    pub term: Term,
    pub durable_term: Term,
    pub pending_parts: u8,
    pub durable_length: u8,
    /// Something has happened to it.
    pub is_touched: bool,
    pub is_recovering: bool,
    /// Where it would answer a read by its lease now.
    pub lease: Option<Index>,
}

impl World {
    pub(super) fn new(bounds: &Bounds) -> World {
        let member = |id: u64| Member {
            id: NodeId(id),
            name: format!("n{id}"),
            address: String::new(),
            storage: StorageId(u128::from(id)),
        };
        let voters = u64::from(bounds.nodes - bounds.learners);
        let learners = (voters + 1..=u64::from(bounds.nodes)).map(NodeId).collect();
        let config = Arc::new(Config::of((1..=u64::from(bounds.nodes)).map(member).collect(), learners));
        let changes = bounds.change.choices(&config);
        let options = Options {
            pre_vote: bounds.pre_vote,
            check_quorum: bounds.check_quorum || bounds.lease_reads,
            lease_reads: bounds.lease_reads,
            election_timeout: ELECTION_TIMEOUT,
            heartbeat_interval: Duration::ZERO,
            idle_heartbeat_interval: Duration::ZERO,
            clock_drift_ppm: bounds.drift_percent * 10_000,
            ..Options::default()
        };
        World { bounds: *bounds, options, config, changes }
    }
}

impl Node {
    /// A node that holds the bootstrap entry and nothing else.
    pub(super) fn first(world: &World, id: NodeId) -> Result<Node, Violation> {
        let bootstrap = LogId::new(1, 1);
        let disk = Disk::new(HardState { term: Term(1), vote: None }, vec![bootstrap]);
        let configs = vec![(bootstrap, Arc::clone(&world.config))];
        let started = Time::from_millis(0);
        let core = boot(world, id, 1, &disk, &configs, started)?;
        Ok(Node { id, core, disk, incarnation: 1, clock: CLOCK_START, configs })
    }

    pub(super) fn brief(&self) -> Brief {
        let small = |count: usize| u8::try_from(count).expect("a small world has few entries");
        Brief {
            role: self.core.role(),
            term: self.core.term(),
            durable_term: self.disk.hard_state.term,
            pending_parts: small(self.disk.pending_parts()),
            durable_length: small(self.disk.log.len()),
            is_touched: self.incarnation > 1 || self.core.term() > Term(1),
            is_recovering: self.core.is_recovering(),
            lease: self.core.read_lease(self.clock),
        }
    }

    pub(super) fn print(&self, world: &World) -> u128 {
        let mut hasher = Fingerprinter::new();
        self.core.hash_behaviour(&mut hasher);
        if world.bounds.asks_when() {
            self.core.hash_instants(self.clock, &mut hasher);
        }
        self.disk.hash_behaviour(&mut hasher);
        (self.id, self.incarnation).hash(&mut hasher);
        self.configs.hash(&mut hasher);
        hasher.print()
    }

    /// What `input` makes of this node; `message` is what arrives with a delivery. With `slow` the first write that
    /// might be durable at once is left under way.
    ///
    /// # Errors
    /// The node stops itself, or does not start again.
    pub(super) fn after(
        &self,
        world: &World,
        input: Input,
        message: Option<&Envelope>,
        slow: bool,
        story: Option<&mut Vec<Line>>,
    ) -> Result<After, Violation> {
        let after =
            After { node: self.clone(), sent: Vec::new(), created: Vec::new(), reads: Vec::new(), used_slow: false };
        let mut turn = Turn { after, slow, story };
        turn.feed(world, input, message)?;
        turn.drain()?;
        turn.after.node.tidy();
        Ok(turn.after)
    }

    /// As the checks see it.
    pub(super) fn view(&self) -> View {
        let core = &self.core;
        let entry =
            |index: u64| LogId { index: Index(index), term: core.term_at(Index(index)).expect("logs have no holes") };
        let log: Vec<LogId> = (core.first().0..=core.last().index.0).map(entry).collect();
        View {
            id: self.id,
            durable: self.disk.hard_state,
            durable_log: self.disk.log.clone(),
            disk_lost: self.disk.is_recovering,
            lost: self.disk.lost.clone(),
            core: Some(CoreView {
                incarnation: self.incarnation,
                role: core.role(),
                term: core.term(),
                commit: core.commit(),
                applied: core.applied_index(),
                durable: core.durable(),
                config: Arc::clone(core.config()),
                configs: self.configs.iter().filter(|(at, _)| log.contains(at)).cloned().collect(),
                log,
                matched: core.peers().map(|peer| (peer.id, peer.matched)).collect(),
            }),
        }
    }

    /// Forgets configurations whose entries are gone for good.
    fn tidy(&mut self) {
        let Node { core, disk, configs, .. } = self;
        configs.retain(|(at, _)| core.term_at(at.index) == Some(at.term) || disk.mentions(*at));
    }

    fn learn(&mut self, at: LogId, config: &Arc<Config>) {
        if !self.configs.iter().any(|(known, _)| *known == at) {
            self.configs.push((at, Arc::clone(config)));
            self.configs.sort_by_key(|(at, _)| (at.index, at.term));
        }
    }

    fn restart(&mut self, world: &World) -> Result<(), Violation> {
        self.incarnation += 1;
        self.core = boot(world, self.id, self.incarnation, &self.disk, &self.configs, self.clock)?;
        if self.disk.is_recovering {
            self.core.begin_recovering();
        }
        Ok(())
    }

    /// The seed of everything random: it names the node, its start and its term, and nothing else.
    fn seed(&self) -> u64 {
        self.id.0 << 32 | self.incarnation << 16 | self.core.term().0
    }
}

/// An input under way.
struct Turn<'a> {
    after: After,
    slow: bool,
    story: Option<&'a mut Vec<Line>>,
}

impl Turn<'_> {
    fn feed(&mut self, world: &World, input: Input, message: Option<&Envelope>) -> Result<(), Violation> {
        let node = &mut self.after.node;
        let (now, seed) = (node.clock, node.seed());
        node.core.reseed_dice(seed);
        match input {
            Input::Timeout => {
                node.core.reseed(seed);
                node.core.campaign(now);
            }
            // Refusals are answers, too.
            Input::Propose => self.after.created.extend(node.core.propose(now, &[NOOP_LENGTH_BYTES]).ok()),
            Input::Read { ticket } => _ = node.core.read(now, u64::from(ticket)),
            Input::Change { choice } => {
                _ = node.core.change(now, world.changes[usize::from(choice)].clone(), None);
            }
            Input::Transfer { to } => _ = node.core.transfer(now, Some(NodeId(u64::from(to) + 1))),
            Input::Beat => node.core.tick(now),
            Input::Persist => {
                if let Some(seq) = node.disk.newest_pending() {
                    node.disk.complete(seq);
                    node.core.persisted(now, seq);
                }
            }
            Input::Crash { parts } => {
                node.disk.crash_after(usize::from(parts), world.bounds.rules);
                node.restart(world)?;
            }
            Input::Damage { from } => {
                node.disk.lose_pending();
                node.disk.lose_from(Index(u64::from(from)));
                node.disk.is_recovering = true;
                node.restart(world)?;
            }
            Input::Pass => node.clock += world.bounds.moment(node.id),
            Input::Deliver { .. } => {
                let envelope = message.expect("a delivery has a message").clone();
                if let Message::Append(append) = &envelope.message {
                    for (index, config) in &append.entries.configs {
                        let term = append.entries.term_at(*index).expect("a configuration is one of the entries");
                        node.learn(LogId { index: *index, term }, config);
                    }
                }
                if matches!(envelope.message, Message::TimeoutNow(_)) {
                    node.core.reseed(seed);
                }
                node.core.receive(now, envelope);
            }
        }
        Ok(())
    }

    fn drain(&mut self) -> Result<(), Violation> {
        let mut effects = Effects::default();
        for _ in 0..DRAINS_MAX {
            let node = &mut self.after.node;
            node.core.take_effects(node.clock, &mut effects);
            if effects == Effects::default() {
                node.disk.is_recovering &= node.core.is_recovering();
                return Ok(());
            }
            self.carry_out(&mut effects)?;
        }
        panic!("a core comes to rest without new inputs");
    }

    fn carry_out(&mut self, effects: &mut Effects) -> Result<(), Violation> {
        let id = self.after.node.id;
        for event in effects.events.drain(..) {
            self.tell(|| show::event(id, &event));
        }
        for created in effects.created.drain(..) {
            let (Created::Noop { index, term } | Created::Config { index, term, .. }) = created;
            self.after.created.push(LogId { index, term });
            if let Created::Config { config, .. } = created {
                self.after.node.learn(LogId { index, term }, &config);
            }
        }
        if let Some(write) = effects.write.take() {
            self.write(write);
        }
        if let Some(upto) = effects.apply_to.take() {
            self.after.node.core.applied(upto);
        }
        for outcome in effects.reads.drain(..) {
            self.tell(|| show::read_outcome(id, outcome));
            self.after.reads.push(outcome);
        }
        for mut envelope in effects.send.drain(..) {
            self.tell(|| Line::message(&envelope));
            self.attach_configs(&mut envelope);
            self.after.sent.push(envelope);
        }
        let fault = effects.fatal.take();
        fault.map_or(Ok(()), |fault| {
            Err(Violation { rule: "R6 a sound node never stops", what: format!("{id}: {fault}") })
        })
    }

    fn write(&mut self, write: Write) {
        let node = &self.after.node;
        let (id, now) = (node.id, node.clock);
        let entry = |index: u64| {
            let term = node.core.term_at(Index(index)).expect("a write names entries that exist");
            LogId { index: Index(index), term }
        };
        let append: Vec<LogId> =
            write.append.map_or(Vec::new(), |(first, last)| (first.0..=last.0).map(entry).collect());
        self.tell(|| show::write(id, &write, &append));
        let Write { seq, hard_state, reset_to, truncate_from, append: _, commit_hint, compact_to } = write;
        let reset_to = reset_to.map(|meta| meta.last);
        let node = &mut self.after.node;
        let waits = node.disk.newest_pending().is_some();
        node.disk.accept(PendingWrite { seq, hard_state, reset_to, truncate_from, append, commit_hint, compact_to });
        if waits {
            return;
        }
        if self.slow && !self.after.used_slow {
            self.after.used_slow = true;
        } else {
            complete(node, now, seq);
        }
    }

    /// Whoever receives entries reads the configurations among them from the records, as codec and transport do.
    fn attach_configs(&self, envelope: &mut Envelope) {
        let Message::Append(append) = &mut envelope.message else { return };
        let entries = &append.entries;
        let is_sent = |at: &LogId| entries.term_at(at.index) == Some(at.term);
        let sent = self.after.node.configs.iter().filter(|(at, _)| is_sent(at));
        append.entries.configs = sent.map(|(at, config)| (at.index, Arc::clone(config))).collect();
    }

    fn tell(&mut self, line: impl FnOnce() -> Line) {
        if let Some(story) = &mut self.story {
            story.push(line());
        }
    }
}

fn complete(node: &mut Node, now: Time, seq: WriteSeq) {
    node.disk.complete(seq);
    node.core.persisted(now, seq);
}

fn boot(
    world: &World,
    id: NodeId,
    incarnation: u64,
    disk: &Disk,
    configs: &[(LogId, Arc<Config>)],
    now: Time,
) -> Result<Core, Violation> {
    let mut log = Shape::empty(Index(1));
    for entry in &disk.log {
        let config = configs.iter().find(|(at, _)| at == entry).map(|(_, config)| Arc::clone(config));
        log.push(entry.term, NOOP_LENGTH_BYTES, config);
    }
    let setup = Setup {
        id,
        storage: StorageId(u128::from(id.0)),
        options: world.options.clone(),
        seed: id.0 << 32 | incarnation,
        rules: world.bounds.rules,
    };
    let found = Recovered { hard_state: disk.hard_state, snapshot: None, log, commit_hint: disk.commit_hint };
    Core::boot(setup, found, now)
        .map_err(|fault| Violation { rule: "R4 a sound node starts again", what: format!("{id}: {fault}") })
}
