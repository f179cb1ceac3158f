//! The turn: drain everything that has arrived, ask the replica once, and carry out what it wants.
//!
//! ```text
//! inputs ─► replica.step … ─► replica.take_outputs ─► one write, one message per ready peer, answers, reads
//! ```
//!
//! Batching and group commit fall out of this shape: whatever came in during the last turn shares one write, one
//! message per peer and one flush per client. The loop sleeps when there is nothing to do.

use core::time::Duration;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::clock::{Clock, wall_ms};
use super::cuts::Cuts;
use super::journal_thread::{JournalNews, JournalThread};
use super::room::Room;
use super::shutdown::{Shutdown, Stopping};
use super::worker::Worker;
use crate::api::{Answer, Ask, ClientId, NodeStatus, Request, Response};
use crate::observe::{Level, Log, describe};
use crate::raft::{Fault, Time};
use crate::replica::{Input, Outputs, Replica};
use crate::storage::layout;
use crate::transport::{Transport, TransportEvent};

/// Most transport events one turn takes; the rest wait for the next, so that disk news is never far away.
const EVENTS_PER_TURN_MAX: usize = 1_024;

/// How often a late turn lets the network tasks run before it looks at its timers: after a suspend the messages that
/// say the leader is alive are already in the socket, and must be read first.
const LATE_YIELDS: usize = 16;

/// Facts about this process that a status shows and the replica does not know.
pub struct Facts {
    pub cluster: String,
    pub log_file: String,
    pub data_dir: String,
    pub started: String,
    pub cert_expires: Option<String>,
    pub unsafe_sync: bool,
    pub election_timeout: Duration,
}

/// Everything a running node owns.
pub struct Turn {
    pub clock: Clock,
    pub replica: Replica,
    pub journal: JournalThread,
    pub worker: Worker,
    pub transport: Transport,
    pub events: mpsc::Receiver<TransportEvent>,
    /// Links that are cut on purpose.
    pub cuts: Cuts,
    pub log: Arc<Log>,
    pub facts: Facts,
    pub sync_p99_ms: Box<dyn Fn() -> Option<f64> + Send + Sync>,
    pub room: Room,
    /// The data directory says that this node recovers (R64).
    pub is_recovering: bool,
}

/// How the loop ended.
pub enum Ended {
    /// Told to, with leadership handed over and everything answered, or the time for that used up.
    Stopped,
    /// A second signal: at once.
    Interrupted,
    Fault(Fault),
}

impl Turn {
    /// Turns until `shutdown` says stop or the replica cannot go on.
    pub async fn run(&mut self, shutdown: &mut Shutdown) -> Ended {
        let mut arrived = Vec::with_capacity(EVENTS_PER_TURN_MAX);
        let mut outputs = Outputs::default();
        let mut stopping: Option<Stopping> = None;
        loop {
            let mut done = None;
            let deadline = self.deadline(stopping.as_ref(), &outputs);
            let can_take = !self.journal.is_full();
            tokio::select! {
                biased;
                signal = shutdown.signal() => match stopping {
                    None => stopping = Some(self.begin_stopping(signal)),
                    Some(_) => return Ended::Interrupted,
                },
                () = self.journal.changed() => {}
                one = self.worker.done() => done = one,
                _ = self.events.recv_many(&mut arrived, EVENTS_PER_TURN_MAX), if can_take => {}
                () = sleep_until(&self.clock, deadline) => self.note_lateness(deadline).await,
            }
            self.take_inputs(&mut arrived, done);
            self.note_room();
            if let Some(fault) = self.carry_out(&mut outputs) {
                return Ended::Fault(fault);
            }
            if self.is_recovering && !self.replica.core().is_recovering() {
                self.end_recovery();
            }
            if let Some(stopping) = &stopping
                && (stopping.is_over(self.clock.now()) || self.replica.may_stop() && self.journal.is_idle())
            {
                return Ended::Stopped;
            }
        }
    }

    /// Tells the replica when there is too little room on the disk, and when there is enough again.
    fn note_room(&mut self) {
        match self.room.news(self.clock.now()) {
            Ok(None) => {}
            Ok(Some(is_low)) => self.replica.step(self.clock.now(), wall_ms(), Input::DiskLow(is_low)),
            Err(error) => self.log.line(Level::Warn, &format!("the disk cannot be asked how much is free: {error}")),
        }
    }

    /// Once in a node's life, if at all, so the turn may wait for the disk.
    fn end_recovery(&mut self) {
        self.is_recovering = false;
        if let Err(error) = layout::end_recovery(Path::new(&self.facts.data_dir)) {
            self.log.line(Level::Warn, &format!("the repair could not be noted, and is done again: {error}"));
        }
    }

    /// Gives the parts back for an orderly end.
    pub fn into_parts(self) -> (Transport, JournalThread, Worker) {
        (self.transport, self.journal, self.worker)
    }

    fn begin_stopping(&mut self, signal: &'static str) -> Stopping {
        self.log.line(Level::Info, &format!("stopping: {signal} received"));
        self.replica.step(self.clock.now(), wall_ms(), Input::HandOver);
        Stopping::begin(self.clock.now(), self.facts.election_timeout)
    }

    fn deadline(&self, stopping: Option<&Stopping>, outputs: &Outputs) -> Option<Time> {
        if outputs.more {
            return Some(self.clock.now());
        }
        let stop = stopping.map(Stopping::deadline);
        [self.replica.next_deadline(), stop, self.cuts.next_end()].into_iter().flatten().min()
    }

    /// A turn that comes late by more than half an election timeout says so, and reads the network first.
    async fn note_lateness(&self, deadline: Option<Time>) {
        let late = deadline.map_or(Duration::ZERO, |due| self.clock.now().since(due));
        if late * 2 <= self.facts.election_timeout {
            return;
        }
        let millis = late.as_millis();
        self.log.line(
            Level::Warn,
            &format!("stalled: this process woke {millis} ms late; if that repeats, raise raft.election_timeout"),
        );
        for _ in 0..LATE_YIELDS {
            tokio::task::yield_now().await;
        }
    }

    fn take_inputs(&mut self, arrived: &mut Vec<TransportEvent>, done: Option<Input>) {
        let now = self.clock.now();
        let wall = wall_ms();
        if self.cuts.expire(now) {
            self.note_cuts();
        }
        match self.journal.news() {
            JournalNews::Nothing => {}
            JournalNews::Durable(seq) => self.replica.step(now, wall, Input::Persisted(seq)),
            JournalNews::Failed(what) => self.replica.step(now, wall, Input::PersistFailed(what)),
        }
        let mut next = done;
        while let Some(input) = next {
            self.replica.step(now, wall, input);
            next = self.worker.try_done();
        }
        while arrived.len() < EVENTS_PER_TURN_MAX
            && let Ok(event) = self.events.try_recv()
        {
            arrived.push(event);
        }
        for event in arrived.drain(..) {
            self.take_event(now, wall, event);
        }
        self.replica.step(now, wall, Input::Tick);
    }

    fn take_event(&mut self, now: Time, wall: u64, event: TransportEvent) {
        match event {
            TransportEvent::Peer(message) if self.cuts.is_deaf_to(message.envelope.from) => {}
            TransportEvent::Peer(message) => self.replica.step(now, wall, Input::Peer(message)),
            TransportEvent::ClientRequests { client, requests } => {
                for request in requests {
                    self.take_request(now, wall, client, request);
                }
            }
            TransportEvent::ClientClosed { client } => self.replica.step(now, wall, Input::ClientGone(client)),
            TransportEvent::PeerOverflow { peer } => self.replica.step(now, wall, Input::PeerOverflow(peer)),
            TransportEvent::PeerDown { peer, because } => {
                self.log.line(Level::Warn, &format!("peer {peer} is not reachable: {because}"));
                self.replica.step(now, wall, Input::PeerDown(peer));
            }
            TransportEvent::PeerGone { peer } if self.cuts.is_deaf_to(peer) => {}
            TransportEvent::PeerGone { peer } => self.replica.step(now, wall, Input::PeerGone(peer)),
            TransportEvent::PeerUp { peer, address } => {
                self.log.line(Level::Info, &format!("peer {peer} is connected, at {address}"));
            }
            TransportEvent::PeerRefused { peer, address, because } => {
                let who = peer.map_or_else(|| "somebody".to_owned(), |id| id.to_string());
                self.log.line(Level::Warn, &format!("refused {who} at {address}: {because}"));
            }
            TransportEvent::ClientOpened { client, subject } => {
                self.log.line(Level::Debug, &format!("{client} connected as {subject}"));
            }
        }
    }

    /// What a client asks of the process is done here; everything else is the replica's.
    fn take_request(&mut self, now: Time, wall: u64, client: ClientId, request: Request) {
        let answer = match request.ask {
            Ask::Cut { links, lasts } => {
                let end = lasts.map(|span| now + span);
                self.cuts.cut(&links, end, self.replica.core().id(), self.replica.core().config())
            }
            Ask::Heal { peers } => self.cuts.heal(&peers),
            _ => return self.replica.step(now, wall, Input::Client { client, request }),
        };
        match answer {
            Ok(links) => {
                self.note_cuts();
                self.transport.answer(client, Response { id: request.id, answer: Answer::Links(links) });
            }
            Err(because) => {
                self.transport.answer(client, Response { id: request.id, answer: Answer::Refused(because) });
            }
        }
    }

    fn note_cuts(&self) {
        self.log.line(Level::Warn, &self.cuts.to_string());
    }

    /// Carries out everything the replica wants; gives its fault when it cannot go on.
    fn carry_out(&mut self, outputs: &mut Outputs) -> Option<Fault> {
        self.replica.take_outputs(self.clock.now(), wall_ms(), outputs);
        if let Some(write) = outputs.write.take() {
            self.journal.submit(write);
        }
        let (cuts, transport) = (&self.cuts, &mut self.transport);
        outputs.send.drain_to(|message| {
            if !cuts.is_mute_to(message.envelope.to) {
                transport.send(message);
            }
        });
        for (client, mut response) in outputs.answers.drain(..) {
            if let Answer::Status(status) = &mut response.answer {
                self.complete_status(status);
            }
            self.transport.answer(client, response);
        }
        self.transport.flush();
        let (fetches, jobs) = (outputs.fetch.drain(..), outputs.snapshots.drain(..));
        let worker = &self.worker;
        let refused = fetches.filter_map(|fetch| worker.fetch(fetch)).chain(jobs.filter_map(|job| worker.submit(job)));
        for answer in refused {
            self.replica.step(self.clock.now(), wall_ms(), answer);
        }
        for event in outputs.events.drain(..) {
            let (level, line) = describe(&event);
            self.log.line(level, &line);
        }
        outputs.fatal.take()
    }

    fn complete_status(&self, status: &mut NodeStatus) {
        status.cluster.clone_from(&self.facts.cluster);
        status.pid = std::process::id();
        env!("CARGO_PKG_VERSION").clone_into(&mut status.version);
        status.started.clone_from(&self.facts.started);
        status.data_dir.clone_from(&self.facts.data_dir);
        status.log_file.clone_from(&self.facts.log_file);
        status.cert_expires.clone_from(&self.facts.cert_expires);
        status.unsafe_sync = self.facts.unsafe_sync;
        status.sync_p99_ms = (self.sync_p99_ms)();
        status.disk_free_bytes = layout::disk_free_bytes(Path::new(&self.facts.data_dir)).ok();
        status.disk_low = self.room.is_low();
        status.refused_messages = self.transport.refused_messages();
        status.cut = self.cuts.links();
        let last = self.replica.core().snapshot().map(|snapshot| snapshot.last);
        let written = last.and_then(|last| layout::snapshot_time(Path::new(&self.facts.data_dir), last));
        status.snapshot_time =
            written.and_then(|time| jiff::Timestamp::try_from(time).ok()).map(|time| time.to_string());
    }
}

async fn sleep_until(clock: &Clock, deadline: Option<Time>) {
    match deadline {
        Some(time) => tokio::time::sleep_until(clock.instant_of(time).into()).await,
        None => core::future::pending().await,
    }
}
