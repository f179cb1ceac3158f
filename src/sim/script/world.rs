//! The world of a script: cores in one thread, their disks, the network between them, and a clock for each node.
//!
//! Every input goes through `World::input`, which drains the core, moves what it wants done, notes it in the trace and
//! then checks the invariants. The world decides nothing by itself: no time passes and nothing is delivered unless a
//! command says so. Only writes complete by themselves, unless `persist off` was said.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::CommandFault;
use super::checks::{CoreView, History, View, Violation};
use super::clients::Clients;
use super::disk::{Disk, PendingWrite};
use super::network::{Link, Network};
use super::show::{self, Line};
use super::snapshots::Worker;
use crate::raft::{
    Config, Core, Created, Effects, Envelope, Event, Fault, HardState, Index, LogId, Member, Message,
    NOOP_LENGTH_BYTES, NodeId, Options, ReadOutcome, ReadTicket, Recovered, Rules, Setup, Shape, StorageId, Term, Time,
    Write, WriteSeq,
};

/// Most times a core is drained for one input before the world calls it restless.
const DRAINS_MAX: usize = 100;

/// Where clocks start: late enough that no time before it is negative.
const CLOCK_START: Time = Time::from_millis(1_000_000);

/// Encoded length of the entries that a script puts into logs before the start, in bytes.
const ENTRY_LENGTH: u32 = 100;

/// What a node has besides its core.
pub(super) struct Node {
    pub id: NodeId,
    pub storage: StorageId,
    pub clock: Time,
    /// How fast the clock runs, in percent of real time.
    pub rate_percent: u32,
    pub disk: Disk,
    /// None while the node is down.
    pub core: Option<Core>,
    /// Writes complete at once.
    pub auto_persist: bool,
    pub worker: Worker,
    pub fault: Option<Fault>,
    /// The disk is not the one the configuration names.
    pub disk_replaced: bool,
    /// The log lost its end in silence, which no rule allows.
    pub is_log_cut: bool,
    incarnation: u64,
}

impl Node {
    /// How much the node's clock moves in so much real time.
    pub(super) fn by_its_clock(&self, span: Duration) -> Duration {
        span * self.rate_percent / 100
    }

    /// How much real time passes until the node's clock shows `due`, a nanosecond more rather than less.
    pub(super) fn until(&self, due: Time) -> Duration {
        let left = due.since(self.clock);
        match self.rate_percent {
            100 => left,
            rate => left * 100 / rate + Duration::from_nanos(u64::from(!left.is_zero())),
        }
    }
}

/// What an entry is, wherever it lies.
struct Entry {
    length: u32,
    config: Option<Arc<Config>>,
}

pub(super) struct World {
    pub options: Options,
    pub nodes: BTreeMap<NodeId, Node>,
    pub network: Network,
    pub trace: Vec<Line>,
    /// Messages a script put aside by name.
    pub copies: BTreeMap<String, Envelope>,
    pub clients: Clients,
    rules: Rules,
    seed: u64,
    started: bool,
    entries: BTreeMap<LogId, Entry>,
    /// The configurations among them.
    configs: BTreeMap<LogId, Arc<Config>>,
    /// What went wrong in the course of an input; the check after it reports the first.
    broken: Option<Violation>,
    /// Where the committed log ended when a read was asked, by node and ticket.
    asked: BTreeMap<(NodeId, ReadTicket), Index>,
    history: History,
    effects: Effects,
}

/// Setting up and starting.
impl Node {
    fn down(member: &Member, disk: Disk) -> Node {
        Node {
            id: member.id,
            storage: member.storage,
            clock: CLOCK_START,
            rate_percent: 100,
            disk,
            core: None,
            auto_persist: true,
            worker: Worker::default(),
            fault: None,
            disk_replaced: false,
            is_log_cut: false,
            incarnation: 0,
        }
    }
}

impl World {
    /// `config` names the members; every node's disk holds the bootstrap entry `1@1` and nothing else.
    pub(super) fn new(config: Config, options: Options, rules: Rules, seed: u64) -> World {
        let bootstrap = LogId::new(1, 1);
        let node = |member: &Member| {
            let disk = Disk::new(HardState { term: Term(1), vote: None }, vec![bootstrap]);
            (member.id, Node::down(member, disk))
        };
        let nodes = config.members.iter().map(node).collect();
        let config = Arc::new(config);
        let entry = Entry { length: ENTRY_LENGTH, config: Some(Arc::clone(&config)) };
        World {
            options,
            nodes,
            network: Network::default(),
            trace: Vec::new(),
            copies: BTreeMap::new(),
            clients: Clients::default(),
            rules,
            seed,
            started: false,
            entries: BTreeMap::from([(bootstrap, entry)]),
            configs: BTreeMap::from([(bootstrap, config)]),
            broken: None,
            asked: BTreeMap::new(),
            history: History::default(),
            effects: Effects::default(),
        }
    }

    /// A node with an empty disk that no configuration names yet.
    pub(super) fn add_spare(&mut self, member: &Member) {
        let node = Node::down(member, Disk::new(HardState::default(), Vec::new()));
        self.nodes.entry(member.id).or_insert(node);
    }

    pub(super) fn node(&self, id: NodeId) -> Result<&Node, CommandFault> {
        self.nodes.get(&id).ok_or(CommandFault::UnknownNode { node: id })
    }

    pub(super) fn node_mut(&mut self, id: NodeId) -> Result<&mut Node, CommandFault> {
        self.nodes.get_mut(&id).ok_or(CommandFault::UnknownNode { node: id })
    }

    pub(super) fn core(&self, id: NodeId) -> Result<&Core, CommandFault> {
        self.node(id)?.core.as_ref().ok_or(CommandFault::Down { node: id })
    }

    /// The disk of a node, for preparing it before the start.
    pub(super) fn disk_before_start(&mut self, id: NodeId) -> Result<&mut Disk, CommandFault> {
        if self.started { Err(CommandFault::Started) } else { Ok(&mut self.node_mut(id)?.disk) }
    }

    /// Puts entries of these terms behind the bootstrap entry; the durable term rises to the last of them.
    pub(super) fn prepare_log(&mut self, id: NodeId, terms: &[u64]) -> Result<(), CommandFault> {
        let ids: Vec<LogId> = (2..).zip(terms).map(|(index, term)| LogId::new(index, *term)).collect();
        let disk = self.disk_before_start(id)?;
        disk.log.truncate(1);
        disk.log.extend(&ids);
        disk.hard_state.term = disk.hard_state.term.max(Term(terms.last().copied().unwrap_or(1)));
        ids.into_iter().for_each(|entry| self.know(entry, ENTRY_LENGTH));
        Ok(())
    }

    /// A leader made an entry, which nobody can have seen before.
    pub(super) fn create(&mut self, entry: LogId, length: u32, config: Option<Arc<Config>>) {
        if let Some(config) = &config {
            self.configs.insert(entry, Arc::clone(config));
        }
        if self.entries.insert(entry, Entry { length, config }).is_some() {
            self.broken.get_or_insert_with(|| Violation::reused(entry));
        }
    }

    /// Remembers an entry that no core has made, and that is no configuration, unless it is known.
    pub(super) fn know(&mut self, entry: LogId, length: u32) {
        self.entries.entry(entry).or_insert(Entry { length, config: None });
    }

    /// The configuration that an entry brought, if it did.
    pub(super) fn config_of(&self, entry: LogId) -> Option<Arc<Config>> {
        self.entries.get(&entry)?.config.clone()
    }

    pub(super) fn is_started(&self) -> bool {
        self.started
    }

    /// Starts every node once; later calls do nothing.
    pub(super) fn start_all(&mut self) -> Result<(), CommandFault> {
        if !std::mem::replace(&mut self.started, true) {
            for id in self.nodes.keys().copied().collect::<Vec<_>>() {
                self.start(id)?;
            }
        }
        Ok(())
    }

    /// Starts a node that is down from what its disk holds.
    pub(super) fn start(&mut self, id: NodeId) -> Result<(), CommandFault> {
        let (seed, rules) = (self.seed, self.rules);
        let options = self.options.clone();
        let node = self.node_mut(id)?;
        if node.core.is_some() {
            return Err(CommandFault::Up { node: id });
        }
        node.disk.recover();
        let node = self.node(id)?;
        let mut log = Shape::empty(node.disk.base.index.next());
        for entry in &node.disk.log {
            let known = &self.entries[entry];
            log.push(entry.term, known.length, known.config.clone());
        }
        let node = self.node_mut(id)?;
        node.incarnation += 1;
        node.fault = None;
        let seed = seed.wrapping_mul(1_000_003) + id.0 * 1_009 + node.incarnation;
        let setup = Setup { id, storage: node.storage, options, seed, rules };
        let found = Recovered {
            hard_state: node.disk.hard_state,
            snapshot: node.disk.snapshot.clone(),
            log,
            commit_hint: node.disk.commit_hint,
        };
        let boot = Core::boot(setup, found, node.clock);
        let mut core = boot.map_err(|source| CommandFault::Boot { node: id, source })?;
        if node.disk.is_recovering {
            core.begin_recovering();
        }
        node.core = Some(core);
        self.input(id, |_, _| ())
    }

    /// The node is gone at once, with everything its disk had not finished.
    pub(super) fn crash(&mut self, id: NodeId) -> Result<(), CommandFault> {
        let node = self.node_mut(id)?;
        node.core.take().ok_or(CommandFault::Down { node: id })?;
        node.disk.lose_pending();
        node.worker.crash();
        self.clients.crashed(id);
        Ok(())
    }

    /// Replaces the disk by one as it was made at the start, under another storage id.
    pub(super) fn replace_disk(&mut self, id: NodeId) -> Result<(), CommandFault> {
        let node = self.node_mut(id)?;
        node.disk = Disk::new(HardState { term: Term(1), vote: None }, vec![LogId::new(1, 1)]);
        node.storage = StorageId(node.storage.0 + 1_000);
        node.disk_replaced = true;
        self.history.forget(id);
        Ok(())
    }
}

/// Moving.
impl World {
    /// Feeds one input to a running core, does what it then wants, and checks the world.
    pub(super) fn input<T>(&mut self, id: NodeId, feed: impl FnOnce(&mut Core, Time) -> T) -> Result<T, CommandFault> {
        let node = self.node_mut(id)?;
        let now = node.clock;
        let answer = feed(node.core.as_mut().ok_or(CommandFault::Down { node: id })?, now);
        self.drain(id)?;
        Ok(answer)
    }

    pub(super) fn drain(&mut self, id: NodeId) -> Result<(), CommandFault> {
        let mut effects = std::mem::take(&mut self.effects);
        for _ in 0..DRAINS_MAX {
            let node = self.nodes.get_mut(&id).expect("only members are drained");
            let now = node.clock;
            let Some(core) = &mut node.core else { break };
            core.take_effects(now, &mut effects);
            if effects == Effects::default() {
                break;
            }
            self.carry_out(id, &mut effects);
        }
        assert!(effects == Effects::default(), "a core comes to rest without new inputs");
        let node = self.nodes.get_mut(&id).expect("only members are drained");
        node.disk.is_recovering &= node.core.as_ref().is_none_or(Core::is_recovering);
        self.effects = effects;
        self.check()
    }

    fn carry_out(&mut self, id: NodeId, effects: &mut Effects) {
        let committed = effects.events.iter().rev().find_map(|event| match event {
            Event::CommitAdvanced { to } => Some(to.index),
            _ => None,
        });
        for event in effects.events.drain(..) {
            self.trace.push(show::event(id, &event));
        }
        for created in effects.created.drain(..) {
            let (entry, length, config) = match created {
                Created::Noop { index, term } => (LogId { index, term }, NOOP_LENGTH_BYTES, None),
                Created::Config { index, term, config, length_bytes } => {
                    (LogId { index, term }, length_bytes, Some(config))
                }
            };
            self.create(entry, length, config);
        }
        if let Some(write) = effects.write.take() {
            self.write(id, write);
        }
        if let Some(upto) = effects.apply_to.take() {
            if committed != Some(upto) {
                self.trace.push(Line::plain(format!("{id} applies up to {upto}")));
            }
            self.apply(id, upto);
        }
        if let Some(core) = self.nodes.get(&id).and_then(|node| node.core.as_ref()) {
            self.clients.settle(core, &mut self.trace);
        }
        let node = self.nodes.get_mut(&id).expect("only members are drained");
        if let Some(chunk) = effects.store.take() {
            node.store_chunk(*chunk, &mut self.trace);
        }
        if let Some(meta) = effects.install.take() {
            node.install(*meta, &mut self.trace);
        }
        for outcome in effects.reads.drain(..) {
            self.trace.push(show::read_outcome(id, outcome));
            self.judge_read(id, outcome);
        }
        for envelope in effects.send.drain(..) {
            self.send(envelope);
        }
        if let Some(fault) = effects.fatal.take() {
            self.nodes.get_mut(&id).expect("only members are drained").fault = Some(fault);
        }
    }

    fn apply(&mut self, id: NodeId, upto: Index) {
        let core = self.nodes.get_mut(&id).and_then(|node| node.core.as_mut()).expect("a core that drained is up");
        core.applied(upto);
        // What the node has compacted is what was committed.
        let history = &self.history;
        let entry = |index: Index| match core.term_at(index) {
            Some(term) => LogId { index, term },
            None => history.committed_at(index).expect("only what is committed is compacted"),
        };
        self.clients.applied(id, upto, entry, &mut self.trace);
    }

    /// Where the committed log ends, as far as any node has known.
    pub(super) fn committed(&self) -> Index {
        self.history.committed()
    }

    /// Remembers what a read that is asked now must see. A label that is in use keeps its older, weaker demand.
    pub(super) fn note_read(&mut self, id: NodeId, ticket: ReadTicket) {
        self.asked.entry((id, ticket)).or_insert(self.history.committed());
    }

    /// Answers a read that was just asked by the lease of this node; false when it holds none.
    pub(super) fn read_by_lease(&mut self, id: NodeId, ticket: ReadTicket) -> Result<bool, CommandFault> {
        let Some(index) = self.core(id)?.read_lease(self.node(id)?.clock) else {
            self.trace.push(Line::plain(format!("{id} holds no lease")));
            return Ok(false);
        };
        self.trace.push(Line::plain(format!("{id} answers read t{ticket} by its lease once {index} is applied")));
        self.judge_read(id, ReadOutcome::Ready { ticket, index });
        self.check()?;
        Ok(true)
    }

    fn judge_read(&mut self, id: NodeId, outcome: ReadOutcome) {
        let (ReadOutcome::Ready { ticket, .. } | ReadOutcome::Failed { ticket, .. }) = outcome;
        let demanded = self.asked.remove(&(id, ticket)).unwrap_or_default();
        if let ReadOutcome::Ready { index, .. } = outcome
            && index < demanded
        {
            self.broken.get_or_insert_with(|| Violation::stale_read(id, index, demanded));
        }
    }

    fn write(&mut self, id: NodeId, write: Write) {
        let node = self.nodes.get_mut(&id).expect("only members write");
        let core = node.core.as_mut().expect("a core that drained is up");
        let entry = |index: u64| {
            let term = core.term_at(Index(index)).expect("a write names entries that exist");
            LogId { index: Index(index), term }
        };
        let append = write.append.map_or(Vec::new(), |(first, last)| (first.0..=last.0).map(entry).collect());
        if !node.auto_persist {
            self.trace.push(show::write(id, &write, &append));
        }
        let Write { seq, hard_state, reset_to, truncate_from, commit_hint, compact_to, .. } = write;
        let reset_to = reset_to.map(|snapshot| snapshot.last);
        node.disk.accept(PendingWrite { seq, hard_state, reset_to, truncate_from, append, commit_hint, compact_to });
        if node.auto_persist {
            node.disk.complete(seq);
            core.persisted(node.clock, seq);
        }
    }

    /// Completes the pending writes of a node up to `upto`, or all; false when there was nothing to complete.
    pub(super) fn persist(&mut self, id: NodeId, upto: Option<WriteSeq>) -> Result<bool, CommandFault> {
        let node = self.node_mut(id)?;
        let newest = node.disk.newest_pending();
        let Some(seq) = upto.or(newest) else { return Ok(false) };
        if !node.disk.is_pending(seq) {
            return Err(CommandFault::NoSuchWrite { node: id, seq: seq.0 });
        }
        node.disk.complete(seq);
        self.input(id, |core, now| core.persisted(now, seq))?;
        Ok(true)
    }

    fn send(&mut self, envelope: Envelope) {
        let arrives = self.nodes.contains_key(&envelope.to) && self.network.send(&envelope);
        self.trace.push(if arrives { Line::message(&envelope) } else { Line::lost(&envelope) });
    }

    /// Hands one message to its receiver; to a node that is down it is lost.
    pub(super) fn deliver(&mut self, mut envelope: Envelope) -> Result<(), CommandFault> {
        self.read_configs(&mut envelope);
        let to = envelope.to;
        let node = self.node(to)?;
        if node.core.is_none() || node.fault.is_some() {
            self.trace.push(Line::lost(&envelope));
            return Ok(());
        }
        self.input(to, |core, now| core.receive(now, envelope))
    }

    /// Whoever receives entries reads the configurations among them from the records, as codec and transport do.
    fn read_configs(&self, envelope: &mut Envelope) {
        let Message::Append(append) = &mut envelope.message else { return };
        let (first, count) = (append.entries.first, append.entries.len());
        let config = |offset: u64| {
            let index = first + offset;
            let term = append.entries.term_at(index)?;
            let entry = self.entries.get(&LogId { term, index })?;
            Some((index, entry.config.clone()?))
        };
        append.entries.configs = (0..count).filter_map(config).collect();
    }

    /// Hands over what is under way now on links that are not held; false when there is nothing.
    pub(super) fn deliver_round(&mut self, announce: bool) -> Result<bool, CommandFault> {
        let links: Vec<(Link, usize)> =
            self.network.busy_links().into_iter().map(|link| (link, self.network.queued(link))).collect();
        for (link, count) in &links {
            for envelope in self.network.take(*link, *count, false) {
                if announce {
                    self.trace.push(Line::handed(&envelope));
                }
                self.deliver(envelope)?;
            }
        }
        Ok(!links.is_empty())
    }

    fn check(&mut self) -> Result<(), CommandFault> {
        if let Some((from, to)) = self.network.overflowed() {
            return Err(CommandFault::LinkFull { from, to });
        }
        if let Some(violation) = self.broken.clone() {
            return Err(violation.into());
        }
        let mut views = Vec::with_capacity(self.nodes.len());
        for node in self.nodes.values() {
            let mut disk = node.disk.clone();
            disk.recover();
            views.push(View {
                id: node.id,
                durable: node.disk.hard_state,
                durable_log: self.history.whole_log(node.id, disk.base, disk.log)?,
                disk_lost: node.disk_replaced || node.disk.is_recovering || node.is_log_cut,
                lost: node.disk.lost.clone(),
                core: node.core.as_ref().map(|core| self.view_of(node, core)).transpose()?,
            });
        }
        self.history.check(&views).map_err(CommandFault::from)
    }

    fn view_of(&self, node: &Node, core: &Core) -> Result<CoreView, Violation> {
        let mut held: Vec<(LogId, Arc<Config>)> = self
            .configs
            .iter()
            .filter(|(id, _)| core.term_at(id.index) == Some(id.term))
            .map(|(id, config)| (*id, Arc::clone(config)))
            .collect();
        held.sort_by_key(|(id, _)| id.index);
        let base = core.first().prev();
        let base = LogId { term: core.term_at(base).unwrap_or_default(), index: base };
        let log = self.history.whole_log(node.id, base, log_of(core))?;
        Ok(CoreView {
            incarnation: node.incarnation,
            role: core.role(),
            term: core.term(),
            commit: core.commit(),
            applied: core.applied_index(),
            durable: core.durable(),
            log,
            configs: held,
            config: Arc::clone(core.config()),
            matched: core.peers().map(|peer| (peer.id, peer.matched)).collect(),
        })
    }
}

/// The log as a core holds it in memory, behind what it has compacted.
pub(super) fn log_of(core: &Core) -> Vec<LogId> {
    let entry = |index: u64| {
        core.term_at(Index(index)).map(|term| LogId { index: Index(index), term }).expect("a log has no holes")
    };
    (core.first().0..=core.last().index.0).map(entry).collect()
}
