//! A whole world in one thread: machines, network, clients and faults, driven by a queue of things to come.
//!
//! One thing happens at a time; what a machine does about it is one turn of its replica, as in a real node. After each
//! turn the checkers look. The first thing that does not hold ends the run. Everything comes from the plan and its
//! seed: the same plan gives the same world, to the last message.

use core::mem;
use core::time::Duration;
use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use xxhash_rust::xxh3::xxh3_64;

use super::checkers::{Checked, Checkers};
use super::clients::{Clients, Reply};
use super::dice::Dice;
use super::faults::Mend;
use super::network::{Fate, Network};
use super::operators::Operators;
use super::plan::{Fault, Plan, SECTOR_FAULTS};
use super::process::{Clock, FETCHES_MAX, INPUTS_PER_TURN_MAX, Machine, Process, first_config};
use super::queue::Queue;
use super::recover::Phase;
use super::script::Violation;
use super::trace::Trace;
use crate::api::Request;
use crate::codec::frame::FRAME_LENGTH_BYTES;
use crate::codec::{PeerMessage, WriteBatch, peer};
use crate::raft::{self, NodeId, Time};
use crate::replica::{Fetch, Input, Outputs};
use crate::storage::{Note, OpenError};

/// How long a machine waits before it tries again to open a disk that could not be read or written.
pub(super) const REOPEN_AFTER: Duration = Duration::from_secs(1);

/// The least time between two turns that have more to do.
const MORE_AFTER: Duration = Duration::from_micros(20);

/// Most machines that join a world after its beginning.
pub(super) const NEWCOMERS_MAX: usize = 6;

/// The streams of chance, one for each purpose.
const PURPOSE_NETWORK: u64 = 2;
const PURPOSE_DISKS: u64 = 3;
const PURPOSE_FAULTS: u64 = 4;
const PURPOSE_CLIENTS: u64 = 5;
const PURPOSE_CLOCKS: u64 = 6;
const PURPOSE_TURNS: u64 = 7;

/// Something to come.
#[derive(Debug)]
pub(super) enum Coming {
    /// A frame reaches the end of its link.
    Arrive {
        from: usize,
        to: usize,
        frame: Bytes,
        bulk: bool,
    },
    Turn {
        at: usize,
        incarnation: u64,
    },
    /// A deadline of the replica.
    Wake {
        at: usize,
        incarnation: u64,
    },
    /// The disk has written the group under way.
    Written {
        at: usize,
        incarnation: u64,
    },
    Fetched {
        at: usize,
        incarnation: u64,
        fetch: Fetch,
    },
    /// The work on a snapshot file that was under way is done.
    JobDone {
        at: usize,
        incarnation: u64,
    },
    /// What a transport tells its node by itself.
    News {
        at: usize,
        incarnation: u64,
        news: News,
    },
    Start {
        at: usize,
        incarnation: u64,
    },
    Resume {
        at: usize,
    },
    ClientActs {
        client: usize,
    },
    Request {
        client: usize,
        node: usize,
        request: u64,
    },
    Reply(Box<Reply>),
    ClientDeadline {
        client: usize,
        attempt: u64,
    },
    Strike(Fault),
    Mend(Mend),
    /// The run looks at how far it is.
    Look,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    Down(NodeId),
    Overflow(NodeId),
}

/// How much of what happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub events: u64,
    pub messages: u64,
    pub messages_lost: u64,
    pub turns: u64,
    pub groups_written: u64,
    pub starts: u64,
    pub crashes: u64,
    pub strikes: u64,
    pub elections_won: u64,
    pub fetches: u64,
    pub refused_disks: u64,
    /// Starts from a damaged log, part of which was set aside (R64).
    pub repairs_begun: u64,
    /// How often such a node held all it had acknowledged again.
    pub repairs_ended: u64,
    /// Changes of membership that were committed.
    pub changes: u64,
    /// Frames that were damaged on the way, and refused.
    pub refused_frames: u64,
    pub snapshots_taken: u64,
    pub snapshots_installed: u64,
}

/// Everything there is.
pub(super) struct World {
    pub plan: Plan,
    pub now: Time,
    pub queue: Queue<Coming>,
    pub machines: Vec<Machine>,
    pub network: Network,
    pub clients: Clients,
    pub operators: Operators,
    pub checkers: Checkers,
    pub trace: Trace,
    pub counts: Counts,
    pub phase: Phase,
    pub disk_dice: Dice,
    pub fault_dice: Dice,
    pub client_dice: Dice,
    pub turn_dice: Dice,
    clock_dice: Dice,
    out: Outputs,
    head: BytesMut,
}

impl World {
    /// A founded cluster, all nodes about to start.
    pub(super) fn new(plan: Plan, keeps_lines: bool) -> World {
        let seed = plan.seed;
        let count = usize::try_from(plan.nodes).expect("nodes are few");
        let places = count + NEWCOMERS_MAX;
        let network = Network::new(places, plan.network.clone(), Dice::stream(seed, PURPOSE_NETWORK));
        let mut client_dice = Dice::stream(seed, PURPOSE_CLIENTS);
        let mut world = World {
            now: Time::default(),
            queue: Queue::new(),
            machines: Vec::with_capacity(places),
            network,
            clients: Clients::new(&plan.workload, count, &mut client_dice),
            operators: Operators::default(),
            checkers: Checkers::default(),
            trace: Trace::new(keeps_lines),
            counts: Counts::default(),
            phase: Phase::Faulty,
            disk_dice: Dice::stream(seed, PURPOSE_DISKS),
            fault_dice: Dice::stream(seed, PURPOSE_FAULTS),
            client_dice,
            turn_dice: Dice::stream(seed, PURPOSE_TURNS),
            clock_dice: Dice::stream(seed, PURPOSE_CLOCKS),
            out: Outputs::default(),
            head: BytesMut::new(),
            plan,
        };
        for _ in 0..count {
            let at = world.add_machine();
            world.plan_start(at, Duration::ZERO);
        }
        world.plan_clients();
        world.plan_faults();
        world
    }

    /// One more machine with a founded disk, which is not running yet. Gives its place.
    pub(super) fn add_machine(&mut self) -> usize {
        let at = self.machines.len();
        let id = NodeId(at as u64 + 1);
        let rate = self.clock_rate();
        let machine = Machine::new(id, Clock::new(rate));
        machine.found(&first_config(self.plan.nodes), &self.plan.settings);
        if self.plan.lying_disks {
            machine.disk.lie();
        }
        if SECTOR_FAULTS.iter().any(|fault| self.plan.has(*fault)) {
            machine.disk.may_decay();
        }
        self.machines.push(machine);
        self.checkers.add_node();
        at
    }

    /// A tenth off at most; where leases rest on clocks, no two of them are further apart than these allow.
    fn clock_rate(&mut self) -> u64 {
        const TRUE_RATE: u64 = 1_000_000;
        if !self.plan.has(Fault::Clocks) {
            TRUE_RATE
        } else if self.plan.settings.lease_reads {
            let apart = u64::from(self.plan.settings.clock_drift_ppm);
            if self.clock_dice.coin() {
                // The ends of what is allowed.
                if self.clock_dice.coin() { TRUE_RATE } else { TRUE_RATE + apart }
            } else {
                self.clock_dice.between(TRUE_RATE, TRUE_RATE + apart)
            }
        } else {
            self.clock_dice.between(900_000, 1_100_000)
        }
    }

    /// Lets the next thing happen.
    pub(super) fn step(&mut self) -> Checked {
        let (at, what) = self.queue.pop().expect("something is always to come");
        assert!(at >= self.now, "time does not run backwards");
        self.now = at;
        self.counts.events += 1;
        match what {
            Coming::Arrive { from, to, frame, bulk } => self.arrive(from, to, &frame, bulk),
            Coming::Turn { at, incarnation } => {
                let Some(process) = self.process_of(at, incarnation) else { return Ok(()) };
                process.turn_planned = false;
                self.turn(at)
            }
            Coming::Wake { at, incarnation } => self.wake(at, incarnation),
            Coming::Written { at, incarnation } => self.group_written(at, incarnation),
            Coming::Fetched { at, incarnation, fetch } => self.fetched(at, incarnation, &fetch),
            Coming::JobDone { at, incarnation } => self.job_done(at, incarnation),
            Coming::News { at, incarnation, news } => {
                if self.process_of(at, incarnation).is_none() {
                    return Ok(());
                }
                self.input(
                    at,
                    match news {
                        News::Down(peer) => Input::PeerDown(peer),
                        News::Overflow(peer) => Input::PeerOverflow(peer),
                    },
                )
            }
            Coming::Start { at, incarnation } => self.start(at, incarnation),
            Coming::Resume { at } => {
                if self.machines[at].is_up() {
                    self.turn(at)
                } else {
                    Ok(())
                }
            }
            Coming::ClientActs { client } => self.client_acts(client),
            Coming::Request { client, node, request } => self.request_arrives(client, node, request),
            Coming::Reply(reply) => self.reply_arrives(*reply),
            Coming::ClientDeadline { client, attempt } => self.client_deadline(client, attempt),
            Coming::Strike(fault) => self.strike(fault),
            Coming::Mend(mend) => self.mend(mend),
            Coming::Look => self.look(),
        }
    }

    pub(super) fn process_of(&mut self, at: usize, incarnation: u64) -> Option<&mut Process> {
        let machine = &mut self.machines[at];
        machine.process.as_mut().filter(|_| machine.incarnation == incarnation)
    }

    /// Something has come for a process that runs; a turn follows at once or a little later.
    pub(super) fn input(&mut self, at: usize, input: Input) -> Checked {
        let machine = &mut self.machines[at];
        let Some(process) = &mut machine.process else { return Ok(()) };
        process.inbox.push_back(input);
        if machine.paused_until > self.now {
            return Ok(());
        }
        if self.plan.lag_max.is_zero() {
            return self.turn(at);
        }
        if !process.turn_planned {
            process.turn_planned = true;
            let due = self.now + self.turn_dice.span(Duration::ZERO, self.plan.lag_max);
            let incarnation = machine.incarnation;
            self.queue.push(due, Coming::Turn { at, incarnation });
        }
        Ok(())
    }

    /// Opens the disk and starts the process on it.
    fn start(&mut self, at: usize, incarnation: u64) -> Checked {
        let machine = &mut self.machines[at];
        if machine.is_up() || machine.incarnation != incarnation || machine.is_ruined {
            return Ok(());
        }
        machine.start_planned = false;
        machine.incarnation += 1;
        machine.disk.plug_in();
        machine.clock.restart(self.now);
        machine.disk_may_fail = machine.is_full;
        let id = machine.id;
        self.trace.event(self.now, 1, id.0);
        let (journal, found) = match machine.open(&self.plan.disk, self.plan.rules) {
            Ok(opened) => opened,
            Err(error) => return self.not_opened(at, &error),
        };
        let was_cut = found.notes.iter().any(|note| matches!(note, Note::Salvaged { .. }));
        if was_cut && !machine.is_rotten {
            let what = format!("{id} sets aside a part of a log that was not hurt: {:?}", found.notes);
            return Err(Violation { rule: "R61 recovery", what });
        }
        self.checkers.started(at, id, &found, was_cut)?;
        self.counts.starts += 1;
        self.counts.repairs_begun += u64::from(was_cut);
        machine.is_recovering = found.is_recovering;
        let is_recovering = found.is_recovering;
        let (now, seed) = (self.now, self.disk_dice.roll());
        self.trace.line(now, || {
            let how = if is_recovering { ", which is to be repaired" } else { "" };
            format!("* {id} starts in term {} with its log up to {}{how}", found.hard_state.term, found.shape.last())
        });
        let local = machine.clock.local(now);
        let (limits, rules) = (self.plan.limits.clone(), self.plan.rules);
        let mut process = Process::boot(journal, found, limits, rules, seed, local).map_err(|error| Violation {
            rule: "R4 start",
            what: format!("{id} does not start from what was proven: {error}"),
        })?;
        if is_recovering {
            process.replica.begin_recovering();
        }
        let machine = &mut self.machines[at];
        machine.process = Some(process);
        machine.is_rotten &= is_recovering || machine.is_damaged();
        self.turn(at)
    }

    /// A disk that was not hurt must open (R61, R62); one that is damaged must say so, and the node stays down.
    fn not_opened(&mut self, at: usize, error: &OpenError) -> Checked {
        let machine = &mut self.machines[at];
        let id = machine.id;
        self.trace.line(self.now, || format!("✗ {id} does not open its disk: {error}"));
        match error {
            OpenError::Io { .. } if machine.disk_may_fail => {
                self.plan_start(at, REOPEN_AFTER);
                Ok(())
            }
            // What was misread once is there at the next attempt.
            _ if machine.is_rotten && !machine.is_damaged() => {
                self.plan_start(at, REOPEN_AFTER);
                Ok(())
            }
            // One that was hurt says so, and what its snapshots need may be what was hurt.
            _ if machine.is_rotten => {
                self.counts.refused_disks += 1;
                machine.is_ruined = true;
                Ok(())
            }
            _ => {
                let what = format!("{id} does not open a disk that was not hurt: {error}");
                Err(Violation { rule: "R61 recovery", what })
            }
        }
    }

    /// A machine that is down will start after `pause`, unless that was planned before.
    pub(super) fn plan_start(&mut self, at: usize, pause: Duration) {
        let machine = &mut self.machines[at];
        if machine.is_up() || machine.start_planned || machine.is_ruined {
            return;
        }
        machine.start_planned = true;
        let incarnation = machine.incarnation;
        self.queue.push(self.now + pause, Coming::Start { at, incarnation });
    }

    /// The process is gone at once. Its disk holds what was written, and a beginning of what was being written.
    pub(super) fn kill(&mut self, at: usize) {
        self.cut_job_short(at);
        let machine = &mut self.machines[at];
        let Some(mut process) = machine.process.take() else { return };
        machine.incarnation += 1;
        self.counts.crashes += 1;
        let flight = mem::take(&mut process.flight);
        if !flight.is_empty() {
            machine.disk.cut_off_after(cut_off_after(&mut self.disk_dice));
            // Whatever it says, nobody hears it.
            let _ = process.journal.write_group(&flight);
        }
        drop(process);
        machine.disk.plug_in();
        self.checkers.stopped(at, &flight);
        self.lose_requests(at);
        self.operators.lose(at);
    }

    /// Takes one turn: everything that has arrived goes in, and what the replica wants is carried out.
    pub(super) fn turn(&mut self, at: usize) -> Checked {
        let now = self.now;
        let machine = &mut self.machines[at];
        let Some(process) = &mut machine.process else { return Ok(()) };
        if machine.paused_until > now {
            return Ok(());
        }
        self.counts.turns += 1;
        let (local, wall_ms) = (machine.clock.local(now), machine.clock.wall_ms(now));
        let can_take = process.can_take();
        let mut left = VecDeque::new();
        for _ in 0..process.inbox.len().min(INPUTS_PER_TURN_MAX) {
            let input = process.inbox.pop_front().expect("it was counted");
            let must_wait = !can_take && matches!(input, Input::Peer(_) | Input::Client { .. });
            if must_wait {
                left.push_back(input);
            } else {
                process.replica.step(local, wall_ms, input);
            }
        }
        left.append(&mut process.inbox);
        process.inbox = left;
        process.replica.step(local, wall_ms, Input::Tick);
        let mut out = mem::take(&mut self.out);
        process.replica.take_outputs(local, wall_ms, &mut out);
        let checked = self.checkers.turned(at, &process.replica, &out);
        let done = checked.and_then(|()| self.carry_out(at, &mut out));
        self.end_repair(at);
        self.out = out;
        done
    }

    fn carry_out(&mut self, at: usize, out: &mut Outputs) -> Checked {
        let now = self.now;
        let id = self.machines[at].id;
        for event in out.events.drain(..) {
            if matches!(event, raft::Event::BecameLeader { .. }) {
                self.counts.elections_won += 1;
            }
            self.trace.line(now, || format!("{} {id} {event}", mark_of(&event)));
        }
        if let Some(write) = out.write.take() {
            self.trace.event(now, 2, id.0 << 32 ^ write.seq.0);
            self.trace.line(now, || format!("  {id} writes {}", describe_write(&write)));
            let process = self.machines[at].process.as_mut().expect("it has just taken a turn");
            process.waiting.push(write);
            self.write_next_group(at);
        }
        let mut sent = Ok(());
        out.send.drain_to(|message| {
            if sent.is_ok() {
                sent = self.send(at, message);
            }
        });
        sent?;
        for (client, response) in out.answers.drain(..) {
            self.answered(at, client, response)?;
        }
        // What a node commits in the turn in which it ends, it does not show any more.
        let shows = out.fatal.is_none();
        for (ticket, outcome) in out.changes.drain(..) {
            self.change_ended(at, ticket, outcome, shows)?;
        }
        for fetch in out.fetch.drain(..) {
            self.plan_fetch(at, fetch);
        }
        self.plan_jobs(at, &mut out.snapshots);
        if let Some(fault) = out.fatal.take() {
            return self.stopped_itself(at, &fault);
        }
        self.plan_wake(at, out.more);
        self.stop_if_asked(at)
    }

    /// A node that holds all it had acknowledged again says so to its disk, as a real node does.
    fn end_repair(&mut self, at: usize) {
        let machine = &mut self.machines[at];
        let Some(process) = machine.process.as_ref().filter(|_| machine.is_recovering) else { return };
        if process.replica.core().is_recovering() {
            return;
        }
        let id = machine.id;
        if machine.end_recovery().is_ok() {
            machine.is_rotten &= machine.is_damaged();
            self.counts.repairs_ended += 1;
            self.trace.line(self.now, || format!("* the log of {id} is repaired"));
        }
    }

    fn plan_wake(&mut self, at: usize, more: bool) {
        let machine = &mut self.machines[at];
        let Some(process) = &mut machine.process else { return };
        let incarnation = machine.incarnation;
        if (more || !process.inbox.is_empty() && process.can_take()) && !process.turn_planned {
            process.turn_planned = true;
            self.queue.push(self.now + MORE_AFTER, Coming::Turn { at, incarnation });
        }
        let Some(deadline) = process.replica.next_deadline() else { return };
        let due = machine.clock.true_time(deadline).max(self.now + Duration::from_nanos(1));
        if process.wake_at.is_none_or(|wake_at| due < wake_at) {
            process.wake_at = Some(due);
            self.queue.push(due, Coming::Wake { at, incarnation });
        }
    }

    fn wake(&mut self, at: usize, incarnation: u64) -> Checked {
        let now = self.now;
        let machine = &mut self.machines[at];
        let Some(process) = machine.process.as_mut().filter(|_| machine.incarnation == incarnation) else {
            return Ok(());
        };
        if process.wake_at != Some(now) {
            return Ok(());
        }
        process.wake_at = None;
        let is_due = process.replica.next_deadline().is_some_and(|deadline| deadline <= machine.clock.local(now));
        if is_due {
            return self.turn(at);
        }
        self.plan_wake(at, false);
        Ok(())
    }

    /// Starts to write everything that waits, unless the disk is busy.
    pub(super) fn write_next_group(&mut self, at: usize) {
        let machine = &mut self.machines[at];
        let Some(process) = &mut machine.process else { return };
        if machine.is_stuck || !process.flight.is_empty() || process.waiting.is_empty() {
            return;
        }
        process.flight = mem::take(&mut process.waiting);
        let takes = self.disk_dice.span(self.plan.disk.latency_min, self.plan.disk.latency_max) * machine.slowness;
        let incarnation = machine.incarnation;
        self.queue.push(self.now + takes, Coming::Written { at, incarnation });
    }

    fn group_written(&mut self, at: usize, incarnation: u64) -> Checked {
        let machine = &mut self.machines[at];
        let id = machine.id;
        let Some(process) = machine.process.as_mut().filter(|_| machine.incarnation == incarnation) else {
            return Ok(());
        };
        if machine.is_stuck {
            // It is written when the disk answers again.
            self.queue.push(self.now + Duration::from_millis(10), Coming::Written { at, incarnation });
            return Ok(());
        }
        self.counts.groups_written += 1;
        let flight = mem::take(&mut process.flight);
        match process.journal.write_group(&flight) {
            Ok(seq) => {
                self.trace.event(self.now, 3, id.0 << 32 ^ seq.0);
                self.trace.line(self.now, || format!("  {id} has written up to {seq}"));
                self.checkers.written(at, id, &flight)?;
                self.write_next_group(at);
                self.input(at, Input::Persisted(seq))
            }
            Err(error) => {
                if !machine.disk_may_fail && !machine.is_rotten {
                    let what = format!("{id} cannot write on a sound disk: {error}");
                    return Err(Violation { rule: "R60 disk failure", what });
                }
                let what = error.to_string();
                // How much of the group is there will show when the node opens its disk again.
                process.flight = flight;
                self.trace.line(self.now, || format!("✗ {id} cannot write: {what}"));
                self.input(at, Input::PersistFailed(what))
            }
        }
    }

    fn plan_fetch(&mut self, at: usize, fetch: Fetch) {
        self.counts.fetches += 1;
        let machine = &mut self.machines[at];
        let process = machine.process.as_mut().expect("it has just taken a turn");
        let incarnation = machine.incarnation;
        process.fetches += 1;
        let takes = self.disk_dice.span(self.plan.disk.latency_min / 4, self.plan.disk.latency_max / 2);
        self.queue.push(self.now + takes * machine.slowness, Coming::Fetched { at, incarnation, fetch });
    }

    fn fetched(&mut self, at: usize, incarnation: u64, fetch: &Fetch) -> Checked {
        let Some(process) = self.process_of(at, incarnation) else { return Ok(()) };
        let is_refused = process.fetches > FETCHES_MAX;
        process.fetches -= 1;
        let result = if is_refused {
            Err("the reader of log files is busy".to_owned())
        } else {
            process.reader.read(fetch.first, fetch.last, fetch.max_bytes).map_err(|error| error.to_string())
        };
        let (now, id) = (self.now, self.machines[at].id);
        self.trace.line(now, || {
            let read = result.as_ref().map_or_else(String::clone, |records| format!("{} bytes", records.len()));
            format!("  {id} reads {} to {} of its log files: {read}", fetch.first, fetch.last)
        });
        self.input(at, Input::Fetched { id: fetch.id, result })
    }

    fn send(&mut self, from: usize, message: PeerMessage) -> Checked {
        self.checkers.sent(from, &message)?;
        self.counts.messages += 1;
        let envelope = &message.envelope;
        let to = usize::try_from(envelope.to.0).expect("nodes are few") - 1;
        let fate = self.network.send(self.now, (from, to));
        if self.trace.keeps_lines() {
            let mark = if matches!(fate, Fate::Arrives { .. }) { ' ' } else { '✗' };
            self.trace.line(self.now, || format!("{mark} {envelope}"));
        }
        let Fate::Arrives { at, again } = fate else {
            self.counts.messages_lost += 1;
            if fate == Fate::Full {
                let news = News::Overflow(self.machines[to].id);
                let incarnation = self.machines[from].incarnation;
                self.queue.push(self.now + MORE_AFTER, Coming::News { at: from, incarnation, news });
            }
            return Ok(());
        };
        let bulk = message.bulk;
        let frame = self.frame(&message);
        if let Some(again) = again {
            self.queue.push(again, Coming::Arrive { from, to, frame: frame.clone(), bulk });
        }
        self.queue.push(at, Coming::Arrive { from, to, frame, bulk });
        Ok(())
    }

    /// The body of the frame that the message is on the wire.
    fn frame(&mut self, message: &PeerMessage) -> Bytes {
        self.head.clear();
        peer::encode_head(message, &mut self.head);
        for records in &message.records {
            self.head.extend_from_slice(records);
        }
        Bytes::copy_from_slice(&self.head[FRAME_LENGTH_BYTES..])
    }

    fn arrive(&mut self, from: usize, to: usize, frame: &Bytes, bulk: bool) -> Checked {
        let is_open = self.network.arrive((from, to));
        if !is_open || !self.machines[to].is_up() {
            self.counts.messages_lost += 1;
            return Ok(());
        }
        self.trace.event(self.now, 4, xxh3_64(frame));
        if self.phase.is_faulty() && self.turn_dice.happens(self.plan.network.corrupt_per_million) {
            return self.arrive_damaged(from, to, frame);
        }
        let message = peer::decode(frame.clone()).map_err(|error| {
            let what = format!("a message from n{} to n{} cannot be read: {error}", from + 1, to + 1);
            Violation { rule: "codec", what }
        })?;
        if self.trace.keeps_lines() {
            let envelope = message.envelope.clone();
            self.trace.line(self.now, || format!("▸ {envelope}"));
        }
        self.input(to, Input::Peer(PeerMessage { bulk, ..message }))
    }

    /// A frame was damaged on the way. The transport's own checks refuse it as a whole. Behind them stand the checks of
    /// the records, which must find damage without any help; and reading what was never written must not be fatal.
    fn arrive_damaged(&mut self, from: usize, to: usize, frame: &Bytes) -> Checked {
        let sound = peer::decode(frame.clone()).expect("it was encoded by a peer");
        let mut damaged = BytesMut::from(&frame[..]);
        let at = self.turn_dice.below(frame.len() as u64) as usize;
        if self.turn_dice.below(4) == 0 {
            damaged.truncate(at);
        } else {
            damaged[at] ^= 1 << self.turn_dice.below(8);
        }
        let records: usize = sound.records.iter().map(Bytes::len).sum();
        let hits_a_record = matches!(sound.envelope.message, raft::Message::Append(_))
            && damaged.len() == frame.len()
            && at >= frame.len() - records;
        let found = peer::decode(damaged.freeze());
        self.counts.refused_frames += 1;
        self.counts.messages_lost += 1;
        self.trace.line(self.now, || format!("✗ a damaged message: {}", sound.envelope));
        if hits_a_record && found.is_ok() {
            let what = format!("n{} believes a damaged record that came from n{}", to + 1, from + 1);
            return Err(Violation { rule: "codec", what });
        }
        Ok(())
    }

    /// A replica has ended itself: right when its disk failed, wrong when it contradicts itself.
    fn stopped_itself(&mut self, at: usize, fault: &raft::Fault) -> Checked {
        let machine = &self.machines[at];
        let id = machine.id;
        self.trace.line(self.now, || format!("✗ {id} stopped: {fault}"));
        match fault {
            raft::Fault::Disk { .. } if machine.disk_may_fail || machine.is_rotten => {
                self.kill(at);
                let pause = self.disk_dice.span(Duration::from_millis(100), REOPEN_AFTER * 3);
                self.plan_start(at, pause);
                Ok(())
            }
            raft::Fault::Disk { what } => {
                Err(Violation { rule: "R60 disk failure", what: format!("{id} blames a sound disk: {what}") })
            }
            raft::Fault::Invariant { what } => {
                Err(Violation { rule: "R6 own contradiction", what: format!("{id}: {what}") })
            }
        }
    }

    /// A process that was asked to stop does so when it has nothing left to do, or when its time is up.
    fn stop_if_asked(&mut self, at: usize) -> Checked {
        let machine = &mut self.machines[at];
        let Some(process) = &machine.process else { return Ok(()) };
        let Some(by) = process.stops_by else { return Ok(()) };
        let is_done = process.replica.may_stop() && process.is_disk_idle();
        if !is_done && self.now < by {
            return Ok(());
        }
        let mut process = machine.process.take().expect("it was just looked at");
        machine.incarnation += 1;
        let id = machine.id;
        let mut rest = mem::take(&mut process.flight);
        rest.append(&mut process.waiting);
        if process.journal.write_group(&rest).is_ok() {
            self.checkers.written(at, id, &rest)?;
            rest.clear();
        }
        if self.plan.has(Fault::Kill) && self.disk_dice.coin() {
            machine.disk.cut_off_after(cut_off_after(&mut self.disk_dice));
        }
        // A disk that fails here, or a process that is killed in it, is found out at the next start.
        let _ = process.journal.close();
        self.trace.line(self.now, || format!("* {id} has stopped"));
        self.checkers.stopped(at, &rest);
        self.lose_requests(at);
        self.operators.lose(at);
        let pause = self.disk_dice.span(Duration::from_millis(10), Duration::from_secs(2));
        self.plan_start(at, pause);
        Ok(())
    }

    /// Hands a client's request to a node that is up.
    pub(super) fn ask(&mut self, at: usize, client: crate::api::ClientId, request: Request) -> Checked {
        self.trace.event(self.now, 5, request.id);
        self.input(at, Input::Client { client, request })
    }
}

/// How many changes of a group that is cut short are still made: few groups make more than this.
pub(super) fn cut_off_after(dice: &mut Dice) -> u32 {
    const CHANGES_MAX: u64 = 14;
    u32::try_from(dice.below(CHANGES_MAX)).expect("it is small")
}

fn mark_of(event: &raft::Event) -> char {
    let name = event.name();
    if name.starts_with("became") || name == "stopped" { '*' } else { ' ' }
}

fn describe_write(write: &WriteBatch) -> String {
    let mut parts = vec![write.seq.to_string()];
    if let Some(hard_state) = write.hard_state {
        let vote = hard_state.vote.map_or_else(String::new, |vote| format!(" vote {vote}"));
        parts.push(format!("term {}{vote}", hard_state.term));
    }
    if let Some(meta) = &write.reset_to {
        parts.push(format!("begins anew behind {}", meta.last));
    }
    if let Some(from) = write.truncate_from {
        parts.push(format!("truncates from {from}"));
    }
    if let Some((first, last)) = write.range {
        parts.push(format!("entries {first} to {last}"));
    }
    parts.join(", ")
}
