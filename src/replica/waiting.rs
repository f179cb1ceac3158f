//! Who waits for what: writes for their entry, reads for a round of the leader and then for an index.
//!
//! All lists are bounded by `Limits`; the callers ask `is_full` before they add. Nothing here decides an answer.

use std::collections::{BTreeMap, VecDeque};

use core::time::Duration;

use crate::api::{ClientId, Query};
use crate::raft::{Index, LogId, ReadTicket, Time};

/// A proposed write and who hears of its outcome.
#[derive(Clone, Debug)]
pub(super) struct WaitingWrite {
    pub(super) id: LogId,
    pub(super) client: ClientId,
    pub(super) request: u64,
}

/// Proposed writes in log order.
#[derive(Clone, Debug, Default)]
pub(super) struct Writes {
    waiting: VecDeque<WaitingWrite>,
}

impl Writes {
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn push(&mut self, write: WaitingWrite) {
        assert!(self.waiting.back().is_none_or(|last| last.id.index < write.id.index), "writes wait in log order");
        self.waiting.push_back(write);
    }

    /// Takes who waits for the entry `id`, if anybody does. Entries are asked for in log order.
    pub(super) fn take(&mut self, id: LogId) -> Option<WaitingWrite> {
        let front = self.waiting.front()?;
        assert!(front.id.index >= id.index, "every write ends when its index is applied");
        if front.id.index > id.index {
            return None;
        }
        assert!(front.id == id, "writes whose entry may be replaced do not wait any more");
        self.waiting.pop_front()
    }

    /// Takes the writes of whose entries it is not certain that they will be applied. Certainty of an entry includes
    /// that of all before it.
    pub(super) fn take_uncertain(&mut self, is_certain: impl Fn(LogId) -> bool) -> VecDeque<WaitingWrite> {
        let certain = self.waiting.partition_point(|write| is_certain(write.id));
        self.waiting.split_off(certain)
    }

    pub(super) fn forget(&mut self, client: ClientId) {
        self.waiting.retain(|write| write.client != client);
    }
}

/// A read and who hears its answer.
#[derive(Clone, Debug)]
pub(super) struct WaitingRead {
    pub(super) client: ClientId,
    pub(super) request: u64,
    pub(super) query: Query,
    /// Not answered before this index is applied.
    pub(super) at_least: Index,
    pub(super) since: Time,
    /// A lease of the leader is enough (R99).
    pub(super) by_lease: bool,
}

/// How many answered reads are remembered by age before they are cleared out.
const BY_AGE_SLACK: usize = 64;

/// Reads that are not answered yet: first without a round, then in one, then waiting for an index.
#[derive(Clone, Debug, Default)]
pub(super) struct Reads {
    unasked: Vec<WaitingRead>,
    /// In the order they were asked.
    rounds: VecDeque<Round>,
    /// By the index they wait for; the number tells apart reads of one index.
    by_index: BTreeMap<(Index, u64), WaitingRead>,
    /// When each read in `by_index` came, oldest first; some are gone already.
    by_age: VecDeque<(Time, (Index, u64))>,
    rounds_len: usize,
    next_ticket: ReadTicket,
    next_number: u64,
}

#[derive(Clone, Debug)]
struct Round {
    ticket: ReadTicket,
    since: Time,
    reads: Vec<WaitingRead>,
}

impl Reads {
    pub(super) fn len(&self) -> usize {
        self.unasked.len() + self.rounds_len + self.by_index.len()
    }

    /// Adds a read that needs a round; all of one turn share it (R95).
    pub(super) fn push_unasked(&mut self, read: WaitingRead) {
        self.unasked.push(read);
    }

    /// Whether any read waits for a round.
    pub(super) fn has_unasked(&self) -> bool {
        !self.unasked.is_empty()
    }

    /// Takes the reads without a round that a lease may answer.
    pub(super) fn take_by_lease(&mut self) -> Vec<WaitingRead> {
        self.unasked.extract_if(.., |read| read.by_lease).collect()
    }

    /// Starts a round for all reads without one; none when there are none.
    pub(super) fn start_round(&mut self, now: Time) -> Option<ReadTicket> {
        if self.unasked.is_empty() {
            return None;
        }
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let reads = core::mem::take(&mut self.unasked);
        self.rounds_len += reads.len();
        self.rounds.push_back(Round { ticket, since: now, reads });
        Some(ticket)
    }

    /// Takes the reads of a round that has ended; none when they have waited too long already.
    pub(super) fn end_round(&mut self, ticket: ReadTicket) -> Vec<WaitingRead> {
        let Ok(at) = self.rounds.binary_search_by_key(&ticket, |round| round.ticket) else { return Vec::new() };
        let round = self.rounds.remove(at).expect("it was just found");
        self.rounds_len -= round.reads.len();
        round.reads
    }

    /// Lets a read wait until `index` is applied.
    pub(super) fn push_for_index(&mut self, index: Index, read: WaitingRead) {
        let key = (index, self.next_number);
        self.next_number += 1;
        if self.by_age.len() > 2 * self.by_index.len() + BY_AGE_SLACK {
            self.by_age.retain(|(_, key)| self.by_index.contains_key(key));
        }
        self.by_age.push_back((read.since, key));
        self.by_index.insert(key, read);
    }

    /// Takes a read that waits for nothing behind `applied`; call until there is none.
    pub(super) fn take_ready(&mut self, applied: Index) -> Option<WaitingRead> {
        let entry = self.by_index.first_entry()?;
        if entry.key().0 > applied {
            return None;
        }
        let read = entry.remove();
        if self.by_index.is_empty() {
            self.by_age.clear();
        }
        Some(read)
    }

    /// Takes everything that has waited for `limit` or longer.
    pub(super) fn take_overdue(&mut self, now: Time, limit: Duration) -> Vec<WaitingRead> {
        let mut overdue = Vec::new();
        while let Some(round) = self.rounds.front()
            && round.since + limit <= now
        {
            let round = self.rounds.pop_front().expect("it was just looked at");
            self.rounds_len -= round.reads.len();
            overdue.extend(round.reads);
        }
        while let Some((since, key)) = self.by_age.front()
            && *since + limit <= now
        {
            overdue.extend(self.by_index.remove(key));
            self.by_age.pop_front();
        }
        overdue
    }

    /// When the oldest read will have waited for `limit`, or a little earlier.
    pub(super) fn next_overdue(&self, limit: Duration) -> Option<Time> {
        let round = self.rounds.front().map(|round| round.since);
        let by_age = self.by_age.front().map(|(since, _)| *since);
        let oldest = match (round, by_age) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        oldest.map(|since| since + limit)
    }

    pub(super) fn take_all(&mut self) -> Vec<WaitingRead> {
        let mut all = core::mem::take(&mut self.unasked);
        all.extend(self.rounds.drain(..).flat_map(|round| round.reads));
        all.extend(core::mem::take(&mut self.by_index).into_values());
        self.by_age.clear();
        self.rounds_len = 0;
        all
    }

    pub(super) fn forget(&mut self, client: ClientId) {
        self.unasked.retain(|read| read.client != client);
        for round in &mut self.rounds {
            round.reads.retain(|read| read.client != client);
        }
        self.rounds_len = self.rounds.iter().map(|round| round.reads.len()).sum();
        self.by_index.retain(|_, read| read.client != client);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(100);

    fn read(client: u64, request: u64, since_ms: u64) -> WaitingRead {
        WaitingRead {
            client: ClientId(client),
            request,
            query: Query::Get { key: Vec::new() },
            at_least: Index(0),
            by_lease: false,
            since: Time::from_millis(since_ms),
        }
    }

    fn numbers(reads: &[WaitingRead]) -> Vec<u64> {
        reads.iter().map(|read| read.request).collect()
    }

    #[test]
    fn reads_are_ready_in_the_order_of_their_indexes() {
        let mut reads = Reads::default();
        for (index, request) in [(7, 1), (5, 2), (7, 3), (6, 4)] {
            reads.push_for_index(Index(index), read(1, request, 0));
        }
        let ready = |reads: &mut Reads, applied| {
            let mut taken = Vec::new();
            while let Some(read) = reads.take_ready(Index(applied)) {
                taken.push(read.request);
            }
            taken
        };
        assert!(ready(&mut reads, 4).is_empty());
        assert_eq!(ready(&mut reads, 6), [2, 4]);
        assert_eq!(ready(&mut reads, 7), [1, 3]);
        assert_eq!(reads.len(), 0);
    }

    #[test]
    fn answered_reads_are_not_remembered_for_ever() {
        let mut reads = Reads::default();
        reads.push_for_index(Index(1_000_000), read(1, 0, 0));
        for request in 1..10_000 {
            reads.push_for_index(Index(request), read(1, request, 0));
            assert!(reads.take_ready(Index(request)).is_some());
        }
        assert_eq!(reads.len(), 1);
        assert!(reads.by_age.len() <= BY_AGE_SLACK + 4, "{} are remembered", reads.by_age.len());
    }

    #[test]
    fn a_round_is_shared_by_all_reads_of_a_turn_and_ends_once() {
        let mut reads = Reads::default();
        assert_eq!(reads.start_round(Time(0)), None);
        reads.push_unasked(read(1, 1, 0));
        reads.push_unasked(read(2, 2, 0));
        let first = reads.start_round(Time(0)).unwrap();
        reads.push_unasked(read(1, 3, 0));
        let second = reads.start_round(Time(0)).unwrap();
        assert_eq!(reads.len(), 3);
        assert_eq!(numbers(&reads.end_round(second)), [3]);
        assert_eq!(numbers(&reads.end_round(first)), [1, 2]);
        assert!(numbers(&reads.end_round(first)).is_empty());
        assert_eq!(reads.len(), 0);
    }

    #[test]
    fn what_waits_too_long_is_taken_wherever_it_waits() {
        let mut reads = Reads::default();
        reads.push_unasked(read(1, 1, 0));
        let ticket = reads.start_round(Time::from_millis(10)).unwrap();
        reads.push_for_index(Index(9), read(1, 2, 5));
        reads.push_for_index(Index(8), read(1, 3, 20));
        assert_eq!(reads.next_overdue(LIMIT), Some(Time::from_millis(105)));
        assert!(numbers(&reads.take_overdue(Time::from_millis(104), LIMIT)).is_empty());
        assert_eq!(numbers(&reads.take_overdue(Time::from_millis(110), LIMIT)), [1, 2]);
        assert!(numbers(&reads.end_round(ticket)).is_empty(), "its late outcome finds nobody");
        assert_eq!(reads.next_overdue(LIMIT), Some(Time::from_millis(120)));
        assert_eq!(numbers(&reads.take_overdue(Time::from_millis(120), LIMIT)), [3]);
        assert_eq!((reads.len(), reads.next_overdue(LIMIT)), (0, None));
    }

    #[test]
    fn a_client_that_is_gone_is_forgotten_everywhere() {
        let mut reads = Reads::default();
        for client in [1, 2] {
            reads.push_unasked(read(client, 1, 0));
        }
        let ticket = reads.start_round(Time(0)).unwrap();
        for client in [1, 2] {
            reads.push_for_index(Index(3), read(client, 2, 0));
            reads.push_unasked(read(client, 3, 0));
        }
        reads.forget(ClientId(1));
        assert_eq!(reads.len(), 3);
        assert!(reads.end_round(ticket).iter().all(|read| read.client == ClientId(2)));
        assert!(reads.take_ready(Index(3)).is_some_and(|read| read.client == ClientId(2)));
        assert!(reads.take_ready(Index(3)).is_none());
    }

    #[test]
    fn only_certain_writes_go_on_waiting() {
        let mut writes = Writes::default();
        for index in 3..=6 {
            writes.push(WaitingWrite { id: LogId::new(index, 2), client: ClientId(1), request: index });
        }
        let unknown: Vec<u64> =
            writes.take_uncertain(|id| id.index <= Index(4)).iter().map(|write| write.request).collect();
        assert_eq!(unknown, [5, 6]);
        assert!(writes.take(LogId::new(2, 1)).is_none());
        assert_eq!(writes.take(LogId::new(3, 2)).map(|write| write.request), Some(3));
        assert_eq!(writes.take(LogId::new(4, 2)).map(|write| write.request), Some(4));
        assert!(writes.take(LogId::new(5, 3)).is_none() && writes.is_empty());
    }
}
