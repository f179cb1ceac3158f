//! The replica itself: what it holds, how it boots, and the order of things within one turn.
//!
//! `step` only takes in; `take_outputs` decides what leaves. Each concern is an `impl Replica` in its own file.

use core::mem;

use bytes::{Bytes, BytesMut};

use super::apply::Applier;
use super::backups::Backups;
use super::changes::Changes;
use super::exchange::{Fetch, FetchId, Input, Outputs, Sends};
use super::feeding::Feeds;
use super::log_time::LogClock;
use super::received::Received;
use super::setup::{BootError, Found, Limits, Setup};
use super::snapshots::{Image, Snapshots};
use super::submit::{Proposals, Submissions};
use super::tail::Tail;
use super::traces::Traces;
use super::waiting::{Reads, Writes};
use super::watches::Watches;
use crate::api::{Answer, ClientId, Refused, Response};
use crate::codec::entry::config_length;
use crate::codec::{Kind, PeerMessage, RecordHeader, Settings};
use crate::raft::event::Event;
use crate::raft::{
    self, ClusterId, Core, Effects, Fault, Index, LogId, Message, Recovered, Role, SnapshotMeta, Term, Time,
};
use crate::state_machine::{KeyValueMap, StateMachine};

/// Failed reads of log files in a row, after which the disk is no longer trusted.
pub(super) const FETCH_FAILURES_MAX: u32 = 8;

/// An idle leader's heartbeats are at most this many heartbeat intervals apart, and a part of the election timeout. One
/// that is not answered brings the usual interval back, so that a few lost datagrams still start no election (R12).
const IDLE_HEARTBEATS: u32 = 3;
const IDLE_HEARTBEATS_PER_ELECTION_MIN: u32 = 4;

/// The records found at boot are kept in pieces of about this size.
const FOUND_PIECE_BYTES: usize = 64 << 10;

/// One node's mind. See the module's text for what it promises.
#[derive(Debug)]
pub struct Replica {
    pub(super) core: Core,
    pub(super) cluster: ClusterId,
    pub(super) settings: Settings,
    pub(super) limits: Limits,
    pub(super) tail: Tail,
    pub(super) machine: StateMachine,
    pub(super) applier: Applier,
    pub(super) received: Received,
    pub(super) submissions: Submissions,
    pub(super) proposals: Proposals,
    pub(super) writes: Writes,
    pub(super) reads: Reads,
    pub(super) watches: Watches,
    pub(super) traces: Traces,
    pub(super) changes: Changes,
    pub(super) feeds: Feeds,
    pub(super) snapshots: Snapshots,
    pub(super) backups: Backups,
    pub(super) log_clock: LogClock,
    /// No new entries are taken: not from clients, and not from the leader.
    pub(super) is_disk_low: bool,
    /// The term this node leads, as of the last turn.
    pub(super) leading: Option<Term>,
    hand_over: HandOver,
    next_fetch: FetchId,
    fetch_failures: u32,
    /// Where records are encoded; turns share its allocation.
    pub(super) encoder: BytesMut,
    /// Reused; away while a turn is being decided.
    effects: Option<Box<Effects>>,
    /// What `take_outputs` will hand out.
    pub(super) answers: Vec<(ClientId, Response)>,
    pub(super) sends: Sends,
    pub(super) fetches: Vec<Fetch>,
    pub(super) events: Vec<Event>,
    fault: Option<Fault>,
    has_stopped: bool,
}

/// How far giving leadership away before a stop has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HandOver {
    NotAsked,
    Asked,
    /// No other node can take over.
    Impossible,
}

impl Replica {
    /// Starts as a follower from what the disk held (R3, R4).
    ///
    /// # Errors
    /// What was found contradicts itself; the node must not run on it.
    pub fn boot(setup: Setup, now: Time) -> Result<Replica, BootError> {
        let Setup { id, cluster, storage, seed, rules, limits, found } = setup;
        let tail = boot_tail(&found)?;
        let options = core_options(&found.settings, &limits);
        let snapshot = found.snapshot.as_ref().map(|(meta, _)| meta.clone());
        let recovered =
            Recovered { hard_state: found.hard_state, snapshot, log: found.shape, commit_hint: found.commit_hint };
        let snapshots = Snapshots::behind(recovered.snapshot.as_ref(), id, &limits);
        let core = Core::boot(raft::Setup { id, storage, options, seed, rules }, recovered, now)?;
        let (applier, machine) = boot_state(found.snapshot, &found.settings, &limits);
        Ok(Replica {
            core,
            cluster,
            machine,
            settings: found.settings,
            limits,
            tail,
            applier,
            received: Received::default(),
            submissions: Submissions::default(),
            proposals: Proposals::default(),
            writes: Writes::default(),
            reads: Reads::default(),
            watches: Watches::default(),
            traces: Traces::default(),
            changes: Changes::default(),
            feeds: Feeds::default(),
            snapshots,
            backups: Backups::default(),
            log_clock: LogClock::default(),
            is_disk_low: false,
            leading: None,
            hand_over: HandOver::NotAsked,
            next_fetch: FetchId(1),
            fetch_failures: 0,
            encoder: BytesMut::new(),
            effects: Some(Box::default()),
            answers: Vec::new(),
            sends: Sends::default(),
            fetches: Vec::new(),
            events: Vec::new(),
            fault: None,
            has_stopped: false,
        })
    }

    /// The log that was found is what is left of a longer one: no vote until it is repaired (R64). To be called before
    /// the first input.
    pub fn begin_recovering(&mut self) {
        self.core.begin_recovering();
    }

    /// Takes one input in. `wall_ms` is the wall clock, for display only.
    pub fn step(&mut self, now: Time, _wall_ms: u64, input: Input) {
        if self.fault.is_some() || self.has_stopped {
            return;
        }
        match input {
            Input::Peer(message) => self.take_peer_message(now, message),
            Input::Client { client, request } => self.take_request(now, client, request),
            Input::ClientGone(client) => {
                self.writes.forget(client);
                self.reads.forget(client);
                self.watches.forget(client);
                self.traces.forget(client);
                self.backups.forget(client);
            }
            Input::Change { ticket, change, only_if } => self.take_change(now, ticket, change, only_if),
            Input::Persisted(seq) => self.core.persisted(now, seq),
            Input::PersistFailed(what) => self.core.persist_failed(what),
            Input::Fetched { id, result } => self.take_fetched(now, id, result),
            Input::SnapshotTaken(result) => self.take_taken(now, result),
            Input::ChunkFetched { id, result } => {
                if let Some(result) = self.take_part(id, result) {
                    self.take_chunk(id, result);
                }
            }
            Input::ChunkStored { snapshot, result } => self.take_stored(snapshot, result),
            Input::SnapshotInstalled(result) => self.take_installed(now, result),
            Input::TakeSnapshot => self.ask_for_snapshot(),
            Input::DiskLow(is_low) => self.take_disk_low(is_low),
            Input::PeerDown(peer) => {
                self.feeds.forget(peer);
                self.forget_chunks(peer);
                self.core.unreachable(now, peer);
            }
            Input::PeerGone(peer) => self.core.peer_gone(now, peer),
            Input::PeerOverflow(peer) => {
                self.feeds.forget(peer);
                self.core.append_lost(now, peer);
            }
            Input::Tick => {
                self.core.tick(now);
                self.refuse_overdue_reads(now);
                self.end_watches(now);
            }
            Input::HandOver => {
                if self.hand_over == HandOver::NotAsked {
                    self.hand_over = HandOver::Asked;
                }
            }
        }
    }

    /// Decides about everything taken in since the last call and fills `out` with what is to be done.
    pub fn take_outputs(&mut self, now: Time, wall_ms: u64, out: &mut Outputs) {
        out.clear();
        if self.has_stopped {
            return;
        }
        self.settle_leadership(now);
        self.hand_over(now);
        self.propose(now);
        self.start_read_round(now);
        let mut effects = self.effects.take().expect("turns are not nested");
        self.core.take_effects(now, &mut effects);
        if self.events.is_empty() {
            hand_out(&mut effects.events, &mut self.events);
        } else {
            self.events.append(&mut effects.events);
        }
        if let Some(fault) = effects.fatal.take() {
            self.fail(fault);
        } else {
            out.write = self.take_write(&mut effects, wall_ms);
        }
        if self.fault.is_none() {
            self.send(now, &mut effects.send);
            for outcome in effects.reads.drain(..) {
                self.end_read_round(outcome);
            }
            if let Some(chunk) = effects.store.take() {
                self.store_chunk(*chunk);
            }
            if let Some(meta) = effects.install.take() {
                self.install(*meta);
            }
            self.trace(now);
            out.more = self.apply(effects.apply_to);
            self.tell_watchers();
            out.more |= self.look_back_for_watches();
            self.settle_watches(now);
            self.settle_changes();
            self.settle_backups();
            self.take_snapshot_if_due();
        }
        self.snapshots.forget_arrived();
        self.effects = Some(effects);
        self.give(out);
    }

    /// When `step` with `Input::Tick` must come at the latest.
    pub fn next_deadline(&self) -> Option<Time> {
        if self.has_stopped {
            return None;
        }
        let overdue = self.reads.next_overdue(self.limits.read_wait_max);
        [self.core.next_deadline(), overdue, self.next_tick(), self.next_watch_end()].into_iter().flatten().min()
    }

    pub fn is_leader(&self) -> bool {
        self.core.role() == Role::Leader
    }

    pub fn core(&self) -> &Core {
        &self.core
    }

    /// The state machine as it is.
    pub fn machine(&self) -> &StateMachine {
        &self.machine
    }

    /// The state machine's map.
    pub fn map(&self) -> &KeyValueMap {
        self.machine.map()
    }

    /// After `Input::HandOver`: whether there is nothing left to wait for. Somebody else leads or nobody can, and
    /// every write taken in has been answered.
    pub fn may_stop(&self) -> bool {
        let gave_away = match self.hand_over {
            HandOver::NotAsked => false,
            HandOver::Asked => !self.is_leader(),
            HandOver::Impossible => true,
        };
        self.has_stopped
            || gave_away
                && self.writes.is_empty()
                && self.submissions.is_empty()
                && self.answers.is_empty()
                && self.changes.is_empty()
    }

    pub(super) fn is_handing_over(&self) -> bool {
        self.hand_over != HandOver::NotAsked
    }

    /// Remembers why this replica cannot go on; the turn that notices it hands nothing else out but answers.
    pub(super) fn fail(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }

    pub(super) fn has_failed(&self) -> bool {
        self.fault.is_some()
    }

    pub(super) fn answer(&mut self, client: ClientId, id: u64, answer: Answer) {
        self.answers.push((client, Response { id, answer }));
    }

    pub(super) fn new_fetch_id(&mut self) -> FetchId {
        let id = self.next_fetch;
        self.next_fetch = FetchId(id.0 + 1);
        id
    }

    fn take_peer_message(&mut self, now: Time, message: PeerMessage) {
        let PeerMessage { mut envelope, mut records, bulk: _ } = message;
        if self.is_disk_low
            && let Message::Append(append) = &mut envelope.message
        {
            // What is left is a prefix of it, and true: the leader leads, and up to there the logs may agree. It is
            // acknowledged up to there, and what was not is sent again.
            let has = |id: LogId| self.core.term_at(id.index) == Some(id.term);
            (append.entries, records) = up_to_a_new_command(&append.entries, &records, has);
        }
        let fits = match &envelope.message {
            Message::Append(append) => self.received.push(&append.entries, records),
            Message::Snapshot(chunk) => self.keep_chunk(chunk, records),
            _ => true,
        };
        if !fits {
            let because = "the bytes beside it are not those it names";
            self.events.push(Event::MessageDropped { from: envelope.from, because });
            return;
        }
        self.core.receive(now, envelope);
    }

    fn take_disk_low(&mut self, is_low: bool) {
        if mem::replace(&mut self.is_disk_low, is_low) == is_low {
            return;
        }
        self.events.push(if is_low { Event::DiskLow } else { Event::DiskRoom });
        if is_low {
            // The log before it can go.
            self.ask_for_snapshot();
        }
    }

    fn take_fetched(&mut self, now: Time, id: FetchId, result: Result<Bytes, String>) {
        match &result {
            Ok(_) => self.fetch_failures = 0,
            Err(what) => {
                self.fetch_failures += 1;
                if self.fetch_failures > FETCH_FAILURES_MAX {
                    return self.fail(Fault::Disk { what: format!("the log cannot be read: {what}") });
                }
            }
        }
        if self.applier.is_waiting_for(id) {
            self.take_applied_page(result);
        } else {
            self.take_peer_records(now, id, result);
        }
    }

    /// When leadership of a term has ended: nobody can say what becomes of writes that are not committed.
    fn settle_leadership(&mut self, now: Time) {
        let leads = self.is_leader().then(|| self.core.term());
        if self.leading == leads {
            return;
        }
        self.leading = leads;
        self.log_clock.start(now);
        self.feeds.forget_all();
        self.traces.clear();
        let core = &self.core;
        let is_certain = |id: raft::LogId| id.index <= core.commit() && core.term_at(id.index) == Some(id.term);
        for write in self.writes.take_uncertain(is_certain) {
            self.answer(write.client, write.request, Answer::Refused(Refused::Unknown));
        }
        self.give_up_changes();
    }

    /// Gives leadership away if the node is to stop; asks again when an attempt has ended without success.
    fn hand_over(&mut self, now: Time) {
        if self.hand_over != HandOver::Asked || !self.is_leader() || self.core.transferring_to().is_some() {
            return;
        }
        if self.core.transfer(now, None).is_err() {
            self.hand_over = HandOver::Impossible;
        }
    }

    /// Moves what this turn has gathered into `out`, which is empty; when something has failed, answers and the fault alone.
    fn give(&mut self, out: &mut Outputs) {
        hand_out(&mut self.events, &mut out.events);
        if let Some(fault) = self.fault.take() {
            self.has_stopped = true;
            self.refuse_everybody();
            out.write = None;
            out.more = false;
            out.fatal = Some(fault);
        } else {
            self.sends.hand_out(&mut out.send);
            hand_out(&mut self.fetches, &mut out.fetch);
            hand_out(self.snapshots.jobs(), &mut out.snapshots);
        }
        hand_out(&mut self.answers, &mut out.answers);
        hand_out(&mut self.changes.done, &mut out.changes);
    }

    fn refuse_everybody(&mut self) {
        self.give_up_changes();
        for write in self.writes.take_uncertain(|_| false) {
            self.answer(write.client, write.request, Answer::Refused(Refused::Unknown));
        }
        for read in self.reads.take_all() {
            let because = "this node has stopped".to_owned();
            self.answer(read.client, read.request, Answer::Refused(Refused::Unavailable { because }));
        }
        for watch in self.watches.take_all() {
            let because = "this node has stopped".to_owned();
            self.answer(watch.client, watch.request, Answer::Refused(Refused::Unavailable { because }));
        }
    }
}

/// Moves all of `from` into `to`, which is empty, by exchanging their buffers. Most turns have nothing of most kinds.
#[inline]
pub(super) fn hand_out<T>(from: &mut Vec<T>, to: &mut Vec<T>) {
    if !from.is_empty() {
        mem::swap(from, to);
    }
}

/// The state that the found snapshot holds, or the empty one, and where applying goes on from it.
fn boot_state(
    snapshot: Option<(SnapshotMeta, Image)>,
    settings: &Settings,
    limits: &Limits,
) -> (Applier, StateMachine) {
    let mut applier = Applier::default();
    let Some((meta, image)) = snapshot else {
        let machine = StateMachine::new(settings.max_value_size, limits.sessions).with_history(limits.history);
        return (applier, machine);
    };
    assert_eq!(image.machine.applied(), meta.last.index.0, "an image is of the index that its snapshot names");
    applier.restart(&meta, &image.settings);
    let mut machine = image.machine;
    machine.set_value_bytes_max(image.settings.max_value_size);
    (applier, machine)
}

/// Puts the found records together and proves that they are the end of the found log.
fn boot_tail(found: &Found) -> Result<Tail, BootError> {
    let base_check = match found.tail.first() {
        None => found.last_check,
        Some(records) => {
            let (_, link) = RecordHeader::peek_chain(records)
                .ok_or_else(|| BootError::Tail(format!("{} bytes are no record", records.len())))?;
            link
        }
    };
    let mut tail = Tail::new(found.tail_first, base_check);
    for records in &found.tail {
        let mut rest = &records[..];
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(piece_length(rest, tail.last().next())?);
            tail.push(Bytes::copy_from_slice(piece)).map_err(|problem| BootError::Tail(problem.to_string()))?;
            rest = behind;
        }
    }
    let last = found.shape.last();
    if tail.last() != last || tail.last_check() != found.last_check {
        return Err(BootError::Tail(format!("they end at {}, the log ends at {last}", tail.last())));
    }
    let covered = found.snapshot.as_ref().map_or(Index(0), |(meta, _)| meta.last.index);
    let hint = found.commit_hint.max(covered);
    if tail.first() > hint.next() {
        let first = tail.first();
        return Err(BootError::Tail(format!("they start at {first}, but only entries up to {hint} are known to stay")));
    }
    Ok(tail)
}

/// How many bytes of whole records make a piece of the tail. They are copied: what was found may be a small part of a
/// large buffer, and the tail forgets whole pieces.
fn piece_length(records: &[u8], near: Index) -> Result<usize, BootError> {
    let mut length = 0;
    while length < records.len().min(FOUND_PIECE_BYTES) {
        let header =
            RecordHeader::peek(&records[length..], near).map_err(|error| BootError::Tail(error.to_string()))?;
        length += header.total_bytes();
    }
    Ok(length.min(records.len()))
}

fn core_options(settings: &Settings, limits: &Limits) -> raft::Options {
    raft::Options {
        election_timeout: settings.election_timeout,
        heartbeat_interval: settings.heartbeat_interval,
        idle_heartbeat_interval: (settings.heartbeat_interval * IDLE_HEARTBEATS)
            .min(settings.election_timeout / IDLE_HEARTBEATS_PER_ELECTION_MIN),
        pre_vote: settings.pre_vote,
        check_quorum: settings.check_quorum,
        lease_reads: settings.lease_reads,
        clock_drift_ppm: settings.clock_drift_ppm,
        max_inflight_bytes: settings.max_inflight_bytes,
        max_inflight_messages: limits.inflight_messages_max,
        max_append_bytes: limits.append_bytes_max,
        max_uncommitted_bytes: settings.max_pending_bytes,
        max_pending_reads: limits.read_rounds_max,
        config_length: config_length(settings),
        retain_entries: limits.retain_entries,
        retain_entries_max: limits.retain_entries_max,
        max_chunk_bytes: limits.chunk_bytes_max,
        max_snapshot_transfers: limits.snapshot_transfers_max,
    }
}

/// The entries before the first command that this log has not: a new leader's first entry, a change of members. They are
/// few and small, and without them a full disk would end reads as soon as the leader changes (R93).
fn up_to_a_new_command(
    entries: &raft::Shape,
    records: &[Bytes],
    has: impl Fn(LogId) -> bool,
) -> (raft::Shape, Vec<Bytes>) {
    let mut shape = raft::Shape::empty(entries.first);
    let mut kept = Vec::new();
    for piece in records {
        let mut at = 0;
        while let Ok(header) = RecordHeader::peek(&piece[at..], shape.last().next())
            && (header.kind != Kind::Command || has(header.id))
        {
            let length = header.total_bytes();
            let config = entries.configs.iter().find(|(index, _)| *index == header.id.index);
            shape.push(header.id.term, length as u32, config.map(|(_, config)| config.clone()));
            at += length;
        }
        kept.push(piece.slice(..at));
        if at < piece.len() {
            break;
        }
    }
    (shape, kept)
}
