//! Requests of clients: writes are checked and gathered, reads find their consistency, and what cannot be done is
//! refused at once.

use bytes::Bytes;

use super::answers::{self, answer_query};
use super::mind::Replica;
use super::waiting::{WaitingRead, WaitingWrite};
use super::watches::Watch;
use crate::api::{Answer, Ask, ClientId, Consistency, KEY_SIZE_MAX, Query, Refused, Request};
use crate::codec::entry::{decode_write, stamp_bytes};
use crate::codec::record::RECORD_PAYLOAD_BYTES_MAX;
use crate::codec::{Kind, RECORD_HEADER_BYTES};
use crate::raft::{Index, LogId, NodeId, ReadOutcome, Refusal, Term, Time};
use crate::state_machine::{Command, CommandRef, ExpectRef, OperationRef, Step, UpdateRef, Written};

/// The longest stamp: room that every payload leaves for it.
const STAMP_BYTES_MAX: u64 = 11;

/// Checked writes of this turn, before the core has given them a place in the log.
#[derive(Debug, Default)]
pub(super) struct Submissions {
    writes: Vec<Submitted>,
    length_bytes: u64,
    /// Reused for the core.
    lengths: Vec<u32>,
}

#[derive(Debug)]
struct Submitted {
    client: ClientId,
    request: u64,
    command: Bytes,
}

/// Entries that the core has given their places, to be encoded in this same turn.
#[derive(Debug)]
pub(super) struct Proposals {
    /// Of the first; the rest follow. Zero when there are none.
    pub(super) first: LogId,
    pub(super) kind: Kind,
    /// What the first one's stamp says.
    pub(super) elapsed_ms: u64,
    pub(super) payloads: Vec<Bytes>,
}

impl Default for Proposals {
    fn default() -> Proposals {
        Proposals { first: LogId::ZERO, kind: Kind::Command, elapsed_ms: 0, payloads: Vec::new() }
    }
}

impl Proposals {
    pub(super) fn is_empty(&self) -> bool {
        self.payloads.is_empty()
    }

    /// One tick and nothing else.
    pub(super) fn tick(&mut self, id: LogId, elapsed_ms: u64) {
        assert!(self.is_empty(), "a tick is proposed when nothing else is");
        (self.first, self.kind, self.elapsed_ms) = (id, Kind::Tick, elapsed_ms);
        self.payloads.push(Bytes::new());
    }
}

impl Submissions {
    pub(super) fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }
}

impl Replica {
    pub(super) fn take_request(&mut self, now: Time, client: ClientId, request: Request) {
        let Request { id, ask } = request;
        match ask {
            Ask::Write(command) => self.take_write_request(client, id, command),
            Ask::Traced(command) => {
                self.traces.begin(now, client, id);
                self.take_write_request(client, id, command);
            }
            Ask::Read { query, consistency, at_least } => {
                let by_lease = consistency == Consistency::Lease;
                self.take_read(WaitingRead { client, request: id, query, at_least, by_lease, since: now }, consistency);
            }
            Ask::Watch { keys, after, previous, wait } => {
                self.take_watch(now, Watch { client, request: id, keys, after, previous }, wait);
            }
            Ask::Status => {
                let status = self.status(now);
                self.answer(client, id, Answer::Status(Box::new(status)));
            }
            Ask::Snapshot { at_least } => self.take_backup_request(client, id, at_least),
            Ask::SnapshotPart { snapshot, offset, length } => {
                self.take_part_request(client, id, snapshot, offset, length);
            }
            Ask::Transfer { to } => self.take_transfer(now, client, id, to),
            Ask::Cut { .. } | Ask::Heal { .. } => {
                let because = "links are the business of the node's process".to_owned();
                self.answer(client, id, Answer::Refused(Refused::Invalid { because }));
            }
        }
    }

    /// Offers everything gathered to the core, in one call. When not all of it fits under the limit of uncommitted
    /// bytes (R30), as much of it as does is taken and the rest is refused.
    pub(super) fn propose(&mut self, now: Time) {
        if self.submissions.writes.is_empty() {
            return self.propose_tick(now);
        }
        let elapsed_ms = self.log_clock.elapsed_ms(now);
        let Submissions { writes, lengths, length_bytes } = &mut self.submissions;
        lengths.clear();
        lengths.extend(writes.iter().map(|write| record_length_bytes(&write.command)));
        lengths[0] += u32::try_from(stamp_bytes(elapsed_ms)).expect("a stamp is short");
        *length_bytes = 0;
        let mut count = lengths.len();
        let because = loop {
            match self.core.propose(now, &lengths[..count]) {
                Ok(first) => {
                    self.log_clock.stamped(elapsed_ms);
                    self.accept(first, count, elapsed_ms);
                    break Refused::Busy;
                }
                Err(Refusal::TooManyUncommitted { .. }) if count > 1 => count /= 2,
                Err(refusal) => break answers::refused(self.core.config(), refusal),
            }
        };
        let mut rest = core::mem::take(&mut self.submissions.writes);
        for write in rest.drain(..) {
            self.answer(write.client, write.request, Answer::Refused(because.clone()));
        }
        self.submissions.writes = rest;
    }

    /// Asks the core for one round for all reads of this turn that no lease answers (R95, R99). `now` was read after
    /// they had arrived, so a process that was stopped in between finds its lease ended.
    pub(super) fn start_read_round(&mut self, now: Time) {
        if !self.reads.has_unasked() {
            return;
        }
        if let Some(index) = self.core.read_lease(now) {
            for read in self.reads.take_by_lease() {
                self.answer_at(index.max(read.at_least), read);
            }
        }
        let Some(ticket) = self.reads.start_round(now) else { return };
        if let Err(refusal) = self.core.read(now, ticket) {
            let because = answers::refused(self.core.config(), refusal);
            for read in self.reads.end_round(ticket) {
                self.answer(read.client, read.request, Answer::Refused(because.clone()));
            }
        }
    }

    /// A round was confirmed or failed: its reads wait for the index, or are refused.
    pub(super) fn end_read_round(&mut self, outcome: ReadOutcome) {
        match outcome {
            ReadOutcome::Ready { ticket, index } => {
                for read in self.reads.end_round(ticket) {
                    self.answer_at(index.max(read.at_least), read);
                }
            }
            ReadOutcome::Failed { ticket, because } => {
                let because = answers::read_failed(self.core.config(), self.core.leader(), because);
                for read in self.reads.end_round(ticket) {
                    self.answer(read.client, read.request, Answer::Refused(because.clone()));
                }
            }
        }
    }

    /// Answers every read whose index has been applied.
    pub(super) fn answer_ready_reads(&mut self) {
        let applied = Index(self.machine.applied());
        while let Some(read) = self.reads.take_ready(applied) {
            let answer = answer_query(self.machine.map(), &read.query, applied);
            self.answer(read.client, read.request, answer);
        }
    }

    pub(super) fn refuse_overdue_reads(&mut self, now: Time) {
        for read in self.reads.take_overdue(now, self.limits.read_wait_max) {
            let because = format!(
                "the read was not confirmed, or index {} not reached, within {} ms",
                read.at_least,
                self.limits.read_wait_max.as_millis()
            );
            self.answer(read.client, read.request, Answer::Refused(Refused::Unavailable { because }));
        }
    }

    fn take_write_request(&mut self, client: ClientId, id: u64, command: Bytes) {
        match self.check_write(&command) {
            Ok(Some(Written { revision, term, outcome })) => {
                let answer = Answer::Written { revision: Index(revision), term: Term(term), outcome };
                self.answer(client, id, answer);
            }
            Ok(None) => {
                self.submissions.length_bytes += command.len() as u64;
                self.submissions.writes.push(Submitted { client, request: id, command });
            }
            Err(because) => self.answer(client, id, Answer::Refused(because)),
        }
    }

    /// Whether a write may be proposed; what it gave, when it is a repeated one that is applied already (R107).
    fn check_write(&self, command: &Bytes) -> Result<Option<Written>, Refused> {
        if !self.is_leader() {
            return Err(Refused::NotLeader { leader: answers::hint(self.core.config(), self.core.leader()) });
        }
        if self.is_handing_over() {
            return Err(Refused::Unavailable { because: "this node is stopping".to_owned() });
        }
        if self.is_disk_low {
            return Err(Refused::DiskFull);
        }
        let count = self.writes.len() + self.submissions.writes.len();
        let is_first = self.submissions.writes.is_empty();
        let bytes = self.submissions.length_bytes + command.len() as u64;
        if count >= self.limits.waiting_writes_max || (bytes > self.settings.max_pending_bytes && !is_first) {
            return Err(Refused::Busy);
        }
        let limit_bytes = u64::from(RECORD_PAYLOAD_BYTES_MAX) - STAMP_BYTES_MAX;
        let size_bytes = command.len() as u64;
        if size_bytes > limit_bytes {
            return Err(Refused::ValueTooLarge { size_bytes, limit_bytes });
        }
        let write = decode_write(command).map_err(|error| Refused::Invalid { because: error.to_string() })?;
        if write.elapsed_ms > 0 {
            return Err(Refused::Invalid { because: "the log time is the leader's to say".to_owned() });
        }
        check_sizes(&write.update, self.settings.max_value_size)?;
        Ok(write.session.and_then(|tag| self.machine.answer(tag)))
    }

    fn take_read(&mut self, read: WaitingRead, consistency: Consistency) {
        if self.reads.len() >= self.limits.waiting_reads_max {
            return self.answer(read.client, read.request, Answer::Refused(Refused::Busy));
        }
        let is_too_long = |key: &[u8]| key.len() > KEY_SIZE_MAX;
        if let Query::Get { key } = &read.query
            && is_too_long(key)
        {
            let because = key_too_large(key);
            return self.answer(read.client, read.request, Answer::Refused(because));
        }
        match consistency {
            Consistency::Linearizable | Consistency::Lease => self.reads.push_unasked(read),
            Consistency::Stale => self.answer_at(read.at_least, read),
        }
    }

    /// Answers a read once `index` is applied, which may be now.
    fn answer_at(&mut self, index: Index, read: WaitingRead) {
        let applied = Index(self.machine.applied());
        if applied < index {
            return self.reads.push_for_index(index, read);
        }
        let answer = answer_query(self.machine.map(), &read.query, applied);
        self.answer(read.client, read.request, answer);
    }

    fn take_transfer(&mut self, now: Time, client: ClientId, id: u64, to: Option<NodeId>) {
        let answer = match self.core.transfer(now, to) {
            Ok(to) => Answer::Transferring { to },
            Err(refusal) => Answer::Refused(answers::refused(self.core.config(), refusal)),
        };
        self.answer(client, id, answer);
    }

    /// Lets the first `count` submitted writes wait for their entries, from `first` on.
    fn accept(&mut self, first: LogId, count: usize, elapsed_ms: u64) {
        assert!(self.proposals.is_empty(), "writes are proposed once a turn");
        (self.proposals.first, self.proposals.kind, self.proposals.elapsed_ms) = (first, Kind::Command, elapsed_ms);
        for (offset, write) in (0..).zip(self.submissions.writes.drain(..count)) {
            let id = LogId { term: first.term, index: first.index + offset };
            if !self.traces.is_empty() {
                self.traces.place(write.client, write.request, id);
            }
            self.writes.push(WaitingWrite { id, client: write.client, request: write.request });
            self.proposals.payloads.push(write.command);
        }
    }
}

fn record_length_bytes(command: &Bytes) -> u32 {
    u32::try_from(RECORD_HEADER_BYTES + command.len()).expect("payloads were checked against their limit")
}

/// Refuses keys and values above the limits before they cost an entry.
fn check_sizes(update: &UpdateRef<'_>, value_bytes_max: u64) -> Result<(), Refused> {
    match update {
        UpdateRef::Command(command) => check_command(command, value_bytes_max),
        UpdateRef::Transaction(transaction) => {
            if let Some(key) = transaction.keys().find(|key| key.len() > KEY_SIZE_MAX) {
                return Err(key_too_large(key));
            }
            let writes = transaction.all_steps().filter_map(|step| match step {
                Step::Write(command) => Some(command),
                Step::Get { .. } => None,
            });
            writes.map(Command::view).try_for_each(|command| check_command(&command, value_bytes_max))
        }
    }
}

fn check_command(command: &CommandRef<'_>, value_bytes_max: u64) -> Result<(), Refused> {
    if command.key.len() > KEY_SIZE_MAX {
        return Err(key_too_large(command.key));
    }
    let expected_bytes = match command.operation {
        OperationRef::Cas { expect: ExpectRef::Value(expected), .. } => expected.len() as u64,
        _ => 0,
    };
    let value_bytes = match command.operation {
        OperationRef::Put { value } | OperationRef::Append { value } | OperationRef::Cas { value, .. } => {
            value.len() as u64
        }
        OperationRef::Delete | OperationRef::Incr { .. } | OperationRef::Lease { .. } => 0,
    };
    let size_bytes = value_bytes.max(expected_bytes);
    if size_bytes > value_bytes_max {
        return Err(Refused::ValueTooLarge { size_bytes, limit_bytes: value_bytes_max });
    }
    Ok(())
}

fn key_too_large(key: &[u8]) -> Refused {
    Refused::KeyTooLarge { size_bytes: key.len() as u64, limit_bytes: KEY_SIZE_MAX as u64 }
}
