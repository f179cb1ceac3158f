//! The core: its state, how it starts, and where each input goes. What happens there is one file per concept.

use core::mem;
use core::time::Duration;
use std::sync::Arc;

use super::config::Config;
use super::durability::Durability;
use super::effects::{Created, Effects, Fault, HardState, ReadOutcome, Refusal, Write};
use super::election::Campaign;
use super::event::{Event, StepDownCause};
use super::log::Log;
use super::membership::Membership;
use super::message::{
    AppendOutcome, AppendReply, Envelope, HeartbeatReply, Message, ReadIndexReply, Snapshot, SnapshotOutcome,
    SnapshotReply,
};
use super::read_index::AskedReads;
use super::reconfigure::ConfigLength;
use super::recovering::Recovering;
use super::replication::Leading;
use super::rules::{Rule, Rules};
use super::shape::Shape;
use super::snapshot::{ChunkToStore, Receiving, SnapshotMeta};
use super::types::{Index, LogId, NodeId, Role, StorageId, Term, Time, WriteSeq};

/// Timeouts, rules that can be switched, and bounds.
#[derive(Clone, Debug)]
pub struct Options {
    /// A follower campaigns after a random time in `[election_timeout, 2 * election_timeout)` of silence (R12).
    pub election_timeout: Duration,
    pub heartbeat_interval: Duration,
    /// The same while there is nothing to say and every peer has said that it has everything: most of what an idle
    /// cluster costs are heartbeats. Not below `heartbeat_interval`, and a few times within the election timeout.
    pub idle_heartbeat_interval: Duration,
    /// Ask before raising the term (R19).
    pub pre_vote: bool,
    /// A leader without a quorum steps down, a node with a live leader is not talked out of it (R20, R22).
    pub check_quorum: bool,
    /// A leader may answer reads for as long as a quorum has promised to elect nobody else (R99). Needs `pre_vote`,
    /// `check_quorum`, and a clock that goes on while the machine sleeps.
    pub lease_reads: bool,
    /// By how much one node's clock may run faster than another's, in millionths.
    pub clock_drift_ppm: u32,
    /// Most bytes of entries on the way to one peer.
    pub max_inflight_bytes: u64,
    /// Most appends on the way to one peer.
    pub max_inflight_messages: usize,
    /// Most bytes of entries in one append; one entry may exceed it.
    pub max_append_bytes: u64,
    /// Most bytes of entries that are appended and not committed (R30).
    pub max_uncommitted_bytes: u64,
    /// Most reads that wait for a confirmation.
    pub max_pending_reads: usize,
    pub config_length: ConfigLength,
    /// Entries below a new snapshot that are kept, for peers that are a little behind (R84).
    pub retain_entries: u64,
    /// Entries below a new snapshot that are kept at most, for peers that are heard and need them (R84).
    pub retain_entries_max: u64,
    /// Most bytes of a snapshot in one message.
    pub max_chunk_bytes: u32,
    /// Most snapshots on the way to peers at a time (R85).
    pub max_snapshot_transfers: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            election_timeout: Duration::from_millis(500),
            heartbeat_interval: Duration::from_millis(50),
            idle_heartbeat_interval: Duration::from_millis(50),
            pre_vote: true,
            check_quorum: true,
            lease_reads: false,
            clock_drift_ppm: 10_000,
            max_inflight_bytes: 1 << 20,
            max_inflight_messages: 64,
            max_append_bytes: 256 << 10,
            max_uncommitted_bytes: 64 << 20,
            max_pending_reads: 65_536,
            config_length: ConfigLength { fixed_bytes: 100, variable_bytes: |_| 0 },
            retain_entries: 20_000,
            retain_entries_max: 200_000,
            max_chunk_bytes: 256 << 10,
            max_snapshot_transfers: 2,
        }
    }
}

impl Options {
    /// Bounds so small that every limit is met within a few entries; for scripts and simulation.
    pub fn tiny() -> Options {
        Options {
            max_inflight_bytes: 400,
            max_inflight_messages: 2,
            max_append_bytes: 100,
            max_uncommitted_bytes: 1_000,
            max_pending_reads: 4,
            retain_entries: 2,
            retain_entries_max: 6,
            max_chunk_bytes: 64,
            max_snapshot_transfers: 1,
            ..Options::default()
        }
    }
}

#[derive(Clone, Debug)]
pub struct Setup {
    pub id: NodeId,
    pub storage: StorageId,
    pub options: Options,
    /// Must differ between nodes and between starts (R12).
    pub seed: u64,
    pub rules: Rules,
}

/// What was found on disk.
#[derive(Clone, Debug)]
pub struct Recovered {
    pub hard_state: HardState,
    /// What the newest snapshot stands for. The log continues it or reaches back before it: a crash in the middle of an
    /// installation is finished by whoever recovers, before this exists (R86).
    pub snapshot: Option<SnapshotMeta>,
    pub log: Shape,
    /// Known to be committed; losing it costs nothing but time (R51).
    pub commit_hint: Index,
}

/// Why a node cannot start from what it found (R4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BootFault {
    #[error("the log holds entries and no configuration")]
    NoConfig,
    #[error("the configuration at {at} cannot be one: {because}")]
    UnsoundConfig { at: Index, because: &'static str },
    #[error("the log begins at {first}, and no snapshot covers what was before")]
    Hole { first: Index },
    #[error("the log does not hold {last}, where the snapshot ends")]
    SnapshotNotInLog { last: LogId },
    #[error("the commit hint {hint} is past the end of the log at {last}")]
    CommitBeyondLog { hint: Index, last: Index },
    #[error("the log ends in term {log}, above the durable term {durable}")]
    TermBehindLog { durable: Term, log: Term },
}

/// One node's consensus.
#[derive(Clone, Debug)]
pub struct Core {
    pub(super) id: NodeId,
    pub(super) storage: StorageId,
    pub(super) options: Options,
    pub(super) rules: Rules,
    pub(super) dice: u64,
    pub(super) term: Term,
    pub(super) vote: Option<NodeId>,
    pub(super) role: Role,
    pub(super) leader: Option<NodeId>,
    pub(super) log: Log,
    pub(super) membership: Membership,
    pub(super) commit: Index,
    pub(super) applied: Index,
    pub(super) apply_told: Index,
    pub(super) disk: Durability,
    /// Start and length of the running election timeout.
    pub(super) timer_started: Time,
    pub(super) timeout: Duration,
    pub(super) leader_contact: Option<Time>,
    /// Set while this node may hold less than it has acknowledged (R64).
    pub(super) recovering: Option<Recovering>,
    /// When this node started.
    pub(super) started: Time,
    /// In this term, orders to campaign up to this one are void (R104).
    pub(super) orders_void: u32,
    /// The highest index proven equal to this term's leader (R40).
    pub(super) verified: Index,
    pub(super) campaign: Option<Campaign>,
    pub(super) leading: Option<Leading>,
    pub(super) asked_reads: AskedReads,
    /// The newest durable snapshot; the log reaches back to it at least.
    pub(super) snapshot: Option<SnapshotMeta>,
    /// One that is durable, too, but ends where the state machine has not come to yet.
    pub(super) snapshot_ahead: Option<SnapshotMeta>,
    pub(super) receiving: Option<Receiving>,
    pub(super) store_due: Option<Box<ChunkToStore>>,
    pub(super) elections: u64,
    /// The newest life of tracking a peer; never used again while the node runs (R78).
    pub(super) generation: u32,
    /// Where this node ceased to be a member, once that is committed.
    pub(super) removed: Option<Index>,
    pub(super) outbox: Vec<Envelope>,
    pub(super) created: Vec<Created>,
    pub(super) reads_done: Vec<ReadOutcome>,
    pub(super) events: Vec<Event>,
    pub(super) fault: Option<Fault>,
    pub(super) fault_told: bool,
}

impl Core {
    /// A follower of nobody, in its durable term (R3).
    ///
    /// # Errors
    /// What was found contradicts itself (R4).
    pub fn boot(setup: Setup, found: Recovered, now: Time) -> Result<Core, BootFault> {
        let snapshot = found.snapshot;
        let log = Log::found(&found.log, snapshot.as_ref()).ok_or(BootFault::Hole { first: found.log.first })?;
        let last = log.last();
        let covered = snapshot.as_ref().map_or(LogId::ZERO, |snapshot| snapshot.last);
        if log.term_at(covered.index) != Some(covered.term) && snapshot.is_some() {
            return Err(BootFault::SnapshotNotInLog { last: covered });
        }
        if found.commit_hint > last.index {
            return Err(BootFault::CommitBeyondLog { hint: found.commit_hint, last: last.index });
        }
        if last.term > found.hard_state.term {
            return Err(BootFault::TermBehindLog { durable: found.hard_state.term, log: last.term });
        }
        let commit = found.commit_hint.max(covered.index);
        let (membership, removed) = found_membership(setup.id, snapshot.as_ref(), &found.log, commit)?;
        let mut core = Core {
            id: setup.id,
            storage: setup.storage,
            options: setup.options,
            rules: setup.rules,
            dice: setup.seed,
            term: found.hard_state.term,
            vote: found.hard_state.vote,
            role: Role::Follower,
            leader: None,
            log,
            membership,
            commit,
            applied: covered.index,
            apply_told: covered.index,
            disk: Durability::new(setup.rules),
            timer_started: now,
            timeout: Duration::ZERO,
            leader_contact: None,
            recovering: None,
            started: now,
            orders_void: 0,
            verified: Index(0),
            campaign: None,
            leading: None,
            // Multiplied, so that seeds that lie side by side give numbers that lie far apart.
            asked_reads: AskedReads::numbered_from(setup.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            snapshot,
            snapshot_ahead: None,
            receiving: None,
            store_due: None,
            elections: 0,
            // Not the same at each start, so that a reply from before a restart is not taken for one after it (R8).
            generation: (setup.seed as u32).wrapping_mul(0x9e37_79b9),
            removed,
            outbox: Vec::new(),
            created: Vec::new(),
            reads_done: Vec::new(),
            events: Vec::new(),
            fault: None,
            fault_told: false,
        };
        core.restart_timer(now);
        if !core.rules.keeps(Rule::FollowerAfterRestart) {
            core.resume_leading(now);
        }
        Ok(core)
    }

    /// Takes a message from a peer. Stale, repeated, reordered and misdirected ones change nothing (R6, R8).
    pub fn receive(&mut self, now: Time, envelope: Envelope) {
        if self.fault.is_none() {
            self.take_message(now, envelope);
            self.check();
        }
    }

    fn take_message(&mut self, now: Time, envelope: Envelope) {
        let Envelope { from, to, to_storage, term, message } = envelope;
        if to != self.id || from == self.id {
            return self.drop_message(from, "it is not for this node");
        }
        if to_storage != StorageId(0) && to_storage != self.storage && self.rules.keeps(Rule::StorageChecked) {
            return self.drop_message(from, "it is for another data directory");
        }
        if let Err(because) = soundness(term, &message) {
            return self.drop_message(from, because);
        }
        match message {
            Message::Vote(vote) => return self.on_vote(now, from, term, &vote),
            Message::VoteReply(reply) => return self.on_vote_reply(now, from, term, &reply),
            _ => {}
        }
        let counts_late = !self.rules.keeps(Rule::LifeOfTracking) && matches!(message, Message::AppendReply(_));
        if term < self.term && !counts_late {
            return self.answer_stale(from, &message);
        }
        if term > self.term {
            let leader = is_from_leader(&message).then_some(from);
            self.become_follower(now, term, leader, StepDownCause::HigherTerm { from });
        }
        match message {
            Message::Append(append) => self.on_append(now, from, append),
            Message::AppendReply(reply) => self.on_append_reply(now, from, &reply),
            Message::Heartbeat(beat) => self.on_heartbeat(now, from, &beat),
            Message::HeartbeatReply(reply) => self.on_heartbeat_reply(now, from, &reply),
            Message::TimeoutNow(order) => self.on_timeout_now(now, from, &order),
            Message::ReadIndex(ask) => self.on_read_index(from, &ask),
            Message::ReadIndexReply(reply) => self.on_read_index_reply(from, &reply),
            Message::Hello(hello) => self.on_hello(now, from, &hello),
            Message::HelloReply(reply) => self.on_hello_reply(from, &reply),
            Message::Snapshot(chunk) => self.on_snapshot(now, from, chunk),
            Message::SnapshotReply(reply) => self.on_snapshot_reply(now, from, &reply),
            Message::Vote(_) | Message::VoteReply(_) => unreachable!("votes were handled above"),
        }
    }

    /// All writes up to `upto` are on stable storage.
    pub fn persisted(&mut self, now: Time, upto: WriteSeq) {
        if self.fault.is_some() {
            return;
        }
        self.disk.persisted(upto, &mut self.outbox);
        self.own_ballot_durable(now);
        self.advance_commit();
        self.end_recovering();
        self.check();
    }

    /// A write or a sync failed: for good (R60).
    pub fn persist_failed(&mut self, what: String) {
        if self.rules.keeps(Rule::FailStop) {
            self.poison(Fault::Disk { what });
        }
    }

    /// The state machine has applied everything up to `upto`.
    pub fn applied(&mut self, upto: Index) {
        assert!(upto <= self.commit, "only committed entries are applied");
        self.applied = self.applied.max(upto);
        self.adopt_snapshot_ahead();
    }

    /// Lets the deadlines that have passed fire.
    pub fn tick(&mut self, now: Time) {
        if self.fault.is_some() {
            return;
        }
        self.tick_asked_reads(now);
        match self.role {
            Role::Leader => self.tick_leader(now),
            _ => self.tick_election(now),
        }
        self.check();
    }

    /// When `tick` next has something to do; none while nothing can happen by time alone.
    pub fn next_deadline(&self) -> Option<Time> {
        if self.fault.is_some() {
            return None;
        }
        let role = match self.role {
            Role::Leader => self.leader_deadline(),
            _ => self.election_deadline(),
        };
        [role, self.asked_reads.deadline(self.options.election_timeout)].into_iter().flatten().min()
    }

    /// Drains everything the core wants done; `out` is cleared first.
    pub fn take_effects(&mut self, now: Time, out: &mut Effects) {
        out.write = None;
        out.created.clear();
        out.send.clear();
        out.reads.clear();
        out.events.clear();
        out.apply_to = None;
        out.store = None;
        out.install = None;
        if self.fault.is_none() {
            self.build_messages(now);
            out.write = self.take_write(now);
            let applicable = self.durable_if(Rule::ApplyDurable).min(self.commit);
            if applicable > self.apply_told {
                self.apply_told = applicable;
                out.apply_to = Some(applicable);
            }
            out.store = self.store_due.take();
            out.install = self.take_install();
        }
        mem::swap(&mut out.created, &mut self.created);
        mem::swap(&mut out.send, &mut self.outbox);
        mem::swap(&mut out.reads, &mut self.reads_done);
        mem::swap(&mut out.events, &mut self.events);
        out.fatal = None;
        if self.fault.is_some() && !self.fault_told {
            self.fault_told = true;
            out.send.clear();
            out.fatal.clone_from(&self.fault);
        }
        self.check();
    }

    fn take_write(&mut self, now: Time) -> Option<Write> {
        let last = self.log.last().index;
        let hint = self.durable_if(Rule::HintDurable).min(self.commit);
        let vote = self.vote.filter(|_| self.rules.keeps(Rule::VoteStored));
        let due = self.disk.take_due(now, last)?;
        Some(Write {
            seq: due.seq,
            hard_state: due.hard_state.then_some(HardState { term: self.term, vote }),
            reset_to: due.reset_to,
            truncate_from: due.truncate_from,
            append: due.append_from.map(|from| (from, last)),
            commit_hint: hint,
            compact_to: due.compact_to,
        })
    }

    /// Becomes a follower in `term`, or stays one and learns who leads.
    pub(super) fn become_follower(&mut self, now: Time, term: Term, leader: Option<NodeId>, because: StepDownCause) {
        assert!(term >= self.term, "terms never fall");
        let was = self.role;
        let because = self.cause_of_stepping_down(because);
        let news = term > self.term || was != Role::Follower;
        if term > self.term {
            self.term = term;
            self.vote = self.vote.filter(|_| !self.rules.keeps(Rule::VoteOfTheTerm));
            self.verified = Index(0);
            self.orders_void = 0;
            self.forget_announced_end();
            self.disk.hard_state_changed();
        }
        if was == Role::Leader {
            self.stop_leading(because);
            self.timer_started = now;
        }
        if news || self.leader != leader {
            self.fail_asked_reads();
        }
        if news && !self.rules.keeps(Rule::VoteKept) {
            self.vote = None;
        }
        self.campaign = None;
        self.role = Role::Follower;
        self.leader = leader;
        if news {
            self.timeout = self.draw_timeout();
            self.events.push(Event::BecameFollower { term, leader, because });
        }
    }

    /// Own state contradicts itself, or the disk failed: nothing more is done or said (R6).
    pub(super) fn poison(&mut self, fault: Fault) {
        if self.fault.is_none() {
            self.events.push(Event::Stopped { because: fault.clone() });
            self.fault = Some(fault);
        }
    }

    pub(super) fn refuse_if_stopped(&self) -> Result<(), Refusal> {
        if self.fault.is_some() { Err(Refusal::Stopped) } else { Ok(()) }
    }

    pub(super) fn envelope(&self, to: NodeId, message: Message) -> Envelope {
        let to_storage = self.membership.config().member(to).map_or(StorageId(0), |member| member.storage);
        Envelope { from: self.id, to, to_storage, term: self.term, message }
    }

    pub(super) fn send(&mut self, to: NodeId, message: Message) {
        let envelope = self.envelope(to, message);
        self.outbox.push(envelope);
    }

    /// Sends a reply once everything it may vouch for is durable (R53).
    pub(super) fn send_when_durable(&mut self, to: NodeId, message: Message) {
        let write = self.disk.newest();
        if self.disk.is_persisted(write) || !self.rules.keeps(promise_of(&message)) {
            return self.send(to, message);
        }
        let envelope = self.envelope(to, message);
        self.disk.hold(write, envelope);
    }

    pub(super) fn drop_message(&mut self, from: NodeId, because: &'static str) {
        self.events.push(Event::MessageDropped { from, because });
    }

    /// A request of a lower term is told the higher one, so that its sender steps down (R23). Replies are dropped.
    fn answer_stale(&mut self, from: NodeId, message: &Message) {
        if !self.rules.keeps(Rule::StaleTold) {
            return;
        }
        let last = self.log.last();
        let reply = match message {
            Message::Append(append) => Message::AppendReply(AppendReply {
                generation: append.generation,
                outcome: AppendOutcome::Reject { rejected: append.prev.index, hint: last },
            }),
            Message::Heartbeat(beat) => {
                let (generation, commit) = (beat.generation, self.commit);
                Message::HeartbeatReply(HeartbeatReply { read_seq: 0, generation, last: last.index, commit })
            }
            Message::ReadIndex(ask) => Message::ReadIndexReply(ReadIndexReply { request: ask.request, index: None }),
            Message::Snapshot(chunk) => Message::SnapshotReply(SnapshotReply {
                snapshot: chunk.meta.id(),
                offset: chunk.offset,
                generation: chunk.generation,
                outcome: SnapshotOutcome::Failed,
            }),
            _ => return,
        };
        self.send_when_durable(from, reply);
    }
}

/// The configurations of what was found, and where they removed this node. An empty log knows nobody: its node is
/// passive until a leader speaks to it (R79).
fn found_membership(
    id: NodeId,
    snapshot: Option<&SnapshotMeta>,
    log: &Shape,
    commit: Index,
) -> Result<(Membership, Option<Index>), BootFault> {
    let configs = configs_in_force(snapshot, log);
    for (at, config) in &configs {
        config.soundness().map_err(|because| BootFault::UnsoundConfig { at: *at, because })?;
    }
    if log.is_empty() && snapshot.is_none() {
        return Ok((Membership::unknown(), None));
    }
    let mut membership = Membership::of(&configs, Index(0)).ok_or(BootFault::NoConfig)?;
    let removed = membership.removal_of(id, commit);
    membership.forget_below(commit);
    Ok((membership, removed))
}

/// No term or index comes near this in the life of a cluster; one that does is a forgery or a bug, and would overflow
/// what is added to it (R6).
const NUMBER_MAX: u64 = 1 << 62;

/// Whether a message can have been built by a sound sender in `term`; else what is wrong with it.
fn soundness(term: Term, message: &Message) -> Result<(), &'static str> {
    let absurd = |number: u64| number > NUMBER_MAX;
    let (asked, index) = match message {
        Message::Vote(vote) => (vote.asked, vote.last.index),
        Message::VoteReply(reply) => (reply.asked, Index(0)),
        Message::Append(append) => (append.prev.term, append.prev.index.max(append.commit)),
        Message::HelloReply(reply) => (Term(0), reply.end),
        Message::AppendReply(AppendReply { outcome: AppendOutcome::Ack { index }, .. }) => (Term(0), *index),
        Message::AppendReply(AppendReply { outcome: AppendOutcome::Reject { rejected, hint }, .. }) => {
            (hint.term, hint.index.max(*rejected))
        }
        Message::Snapshot(chunk) => (chunk.meta.last.term, chunk.meta.last.index),
        Message::SnapshotReply(reply) => match reply.outcome {
            SnapshotOutcome::Installed { index } => (Term(0), index),
            SnapshotOutcome::Next { .. } | SnapshotOutcome::Failed => (Term(0), Index(0)),
        },
        _ => (Term(0), Index(0)),
    };
    if absurd(term.0) || absurd(asked.0) || absurd(index.0) {
        return Err("it names a term or an index that cannot be");
    }
    let append = match message {
        Message::Append(append) => append,
        Message::Snapshot(chunk) => return chunk_soundness(term, chunk),
        _ => return Ok(()),
    };
    let mut before = append.prev.term;
    for (entry_term, _) in &append.entries.terms {
        if *entry_term < before || *entry_term > term {
            return Err("its entries are of terms that cannot be");
        }
        before = *entry_term;
    }
    if append.news_only && !append.entries.is_empty() {
        return Err("it brings entries and wants no answer");
    }
    if append.entries.first != append.prev.index.next() {
        return Err("its entries do not follow its base");
    }
    for (_, config) in &append.entries.configs {
        config.soundness()?;
    }
    if append.entries.is_consistent() { Ok(()) } else { Err("what it says of its entries does not fit together") }
}

/// The rule that keeps a message waiting for the disk (R15, R53).
fn promise_of(message: &Message) -> Rule {
    match message {
        Message::Vote(_) => Rule::VoteRequestWaits,
        Message::VoteReply(_) => Rule::VoteDurable,
        _ => Rule::AckDurable,
    }
}

/// The same for a chunk of a snapshot (R91).
fn chunk_soundness(term: Term, chunk: &Snapshot) -> Result<(), &'static str> {
    let meta = &chunk.meta;
    if meta.last.term > term {
        return Err("its snapshot is of a term above its own");
    }
    if meta.config.voters.is_empty() || meta.config_index == Index(0) || meta.config_index > meta.last.index {
        return Err("its snapshot has no configuration that can be in force");
    }
    let end = chunk.offset.saturating_add(u64::from(chunk.length));
    let is_part = chunk.length > 0 && end <= meta.size_bytes && meta.log_bytes <= NUMBER_MAX;
    if is_part { Ok(()) } else { Err("its chunk is not a part of its snapshot") }
}

/// The snapshot's configuration, and those of the log behind it (R74).
fn configs_in_force(snapshot: Option<&SnapshotMeta>, log: &Shape) -> Vec<(Index, Arc<Config>)> {
    let oldest = snapshot.map(|snapshot| (snapshot.config_index, snapshot.config.clone()));
    let covered = oldest.as_ref().map_or(Index(0), |(index, _)| *index);
    oldest.into_iter().chain(log.configs.iter().filter(|(index, _)| *index > covered).cloned()).collect()
}

fn is_from_leader(message: &Message) -> bool {
    matches!(message, Message::Append(_) | Message::Snapshot(_) | Message::Heartbeat(_) | Message::TimeoutNow(_))
}

/// Read-only views.
impl Core {
    pub fn id(&self) -> NodeId {
        self.id
    }

    pub fn role(&self) -> Role {
        self.role
    }

    pub fn term(&self) -> Term {
        self.term
    }

    pub fn vote(&self) -> Option<NodeId> {
        self.vote
    }

    pub fn leader(&self) -> Option<NodeId> {
        self.leader
    }

    pub fn commit(&self) -> Index {
        self.commit
    }

    pub fn applied_index(&self) -> Index {
        self.applied
    }

    /// Up to here the log is on this node's stable storage and no write under way touches it (R55).
    pub fn durable(&self) -> Index {
        self.disk.durable(self.log.last().index)
    }

    /// The durable index, or with `rule` broken the whole log.
    pub(super) fn durable_if(&self, rule: Rule) -> Index {
        if self.rules.keeps(rule) { self.durable() } else { self.log.last().index }
    }

    pub fn first(&self) -> Index {
        self.log.first()
    }

    pub fn last(&self) -> LogId {
        self.log.last()
    }

    pub fn term_at(&self, index: Index) -> Option<Term> {
        self.log.term_at(index)
    }

    /// The configuration in force.
    pub fn config(&self) -> &Arc<Config> {
        self.membership.config()
    }

    /// Index of the entry that brought the configuration in force.
    pub fn config_index(&self) -> Index {
        self.membership.index()
    }

    pub fn elections_started(&self) -> u64 {
        self.elections
    }

    pub fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::raft::{Config, Member};

    const BOOTSTRAP_LENGTH: u32 = 200;

    struct Trio {
        cores: Vec<Core>,
        now: Time,
        reads: Vec<ReadOutcome>,
    }

    impl Trio {
        fn new() -> Trio {
            let member = |id: u64| Member {
                id: NodeId(id),
                name: format!("n{id}"),
                address: String::new(),
                storage: StorageId(u128::from(id)),
            };
            let config = Arc::new(Config::of((1..=3).map(member).collect(), Vec::new()));
            let core = |id: u64| {
                let mut log = Shape::empty(Index(1));
                log.push(Term(1), BOOTSTRAP_LENGTH, Some(Arc::clone(&config)));
                let found = Recovered {
                    hard_state: HardState { term: Term(1), vote: None },
                    snapshot: None,
                    log,
                    commit_hint: Index(1),
                };
                let (storage, options, rules) = (StorageId(u128::from(id)), Options::default(), Rules::sound());
                let setup = Setup { id: NodeId(id), storage, options, seed: id, rules };
                Core::boot(setup, found, Time::from_millis(10_000)).unwrap()
            };
            Trio { cores: (1..=3).map(core).collect(), now: Time::from_millis(10_000), reads: Vec::new() }
        }

        /// Delivers and persists until nothing moves.
        fn settle(&mut self) {
            let mut effects = Effects::default();
            loop {
                let mut moved = false;
                for position in 0..self.cores.len() {
                    self.cores[position].take_effects(self.now, &mut effects);
                    assert_eq!(effects.fatal, None);
                    if let Some(write) = effects.write.take() {
                        self.cores[position].persisted(self.now, write.seq);
                        moved = true;
                    }
                    self.reads.append(&mut effects.reads);
                    for envelope in effects.send.drain(..) {
                        moved = true;
                        let to = usize::try_from(envelope.to.0).unwrap() - 1;
                        self.cores[to].receive(self.now, envelope);
                    }
                }
                if !moved {
                    return;
                }
            }
        }
    }

    #[test]
    fn three_nodes_elect_replicate_read_and_hand_over() {
        let mut trio = Trio::new();
        trio.cores[0].campaign(trio.now);
        trio.settle();
        assert_eq!((trio.cores[0].role(), trio.cores[0].term()), (Role::Leader, Term(2)));
        let first = trio.cores[0].propose(trio.now, &[100; 64]).unwrap();
        assert_eq!(first, LogId::new(3, 2));
        trio.settle();
        for core in &trio.cores {
            assert_eq!((core.last(), core.commit(), core.durable()), (LogId::new(66, 2), Index(66), Index(66)));
        }
        trio.cores[0].read(trio.now, 7).unwrap();
        trio.cores[1].read(trio.now, 8).unwrap();
        trio.settle();
        let index = Index(66);
        assert_eq!(trio.reads, [ReadOutcome::Ready { ticket: 7, index }, ReadOutcome::Ready { ticket: 8, index }]);
        assert_eq!(trio.cores[0].transfer(trio.now, Some(NodeId(3))), Ok(NodeId(3)));
        trio.settle();
        assert_eq!((trio.cores[2].role(), trio.cores[2].term()), (Role::Leader, Term(3)));
        assert_eq!(trio.cores[0].leader(), Some(NodeId(3)));
    }

    #[test]
    fn a_follower_that_restarted_unnoticed_learns_the_commit_by_one_answered_heartbeat() {
        let mut trio = Trio::new();
        trio.cores[0].campaign(trio.now);
        trio.settle();
        trio.cores[0].propose(trio.now, &[100; 3]).unwrap();
        trio.settle();
        let old = &trio.cores[2];
        let (storage, options, rules) = (StorageId(3), Options::default(), Rules::sound());
        let setup = Setup { id: NodeId(3), storage, options, seed: 33, rules };
        let mut log = old.log.shape(Index(1), old.last().index);
        log.configs = old.membership.between(Index(1), Index(5));
        let hard_state = HardState { term: old.term(), vote: old.vote() };
        let found = Recovered { hard_state, snapshot: None, log, commit_hint: Index(1) };
        trio.cores[2] = Core::boot(setup, found, trio.now).unwrap();
        trio.now += Options::default().heartbeat_interval;
        trio.cores[0].tick(trio.now);
        trio.settle();
        assert_eq!(trio.cores[2].commit(), Index(5), "no new entry was needed");
        assert_eq!(trio.cores[0].peers().nth(1).map(|peer| peer.state), Some(crate::raft::PeerState::Replicate));
    }
}
