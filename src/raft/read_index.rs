//! Linearizable reads without writing: a read index, confirmed by one round of heartbeats (thesis 6.4, R93–R98).

use std::collections::{BTreeMap, VecDeque};

use core::time::Duration;

use super::core::Core;
use super::effects::{ReadFailure, ReadOutcome, ReadTicket, Refusal};
use super::message::{Message, ReadIndex, ReadIndexReply};
use super::quorum::reached;
use super::rules::Rule;
use super::types::{Index, NodeId, Role, Time};

/// Who asked for a read index.
#[derive(Clone, Copy, Debug, Hash)]
enum Origin {
    Here(ReadTicket),
    Peer { from: NodeId, request: u64 },
}

/// Reads that share one round of heartbeats.
#[derive(Clone, Debug, Hash)]
struct Round {
    seq: u64,
    index: Index,
    origins: Vec<Origin>,
}

/// A leader's reads.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct LeaderReads {
    /// Asked since the last round left; they wait for the next, since a round does not serve what came after it (R95).
    waiting: Vec<Origin>,
    rounds: VecDeque<Round>,
    seq: u64,
}

impl LeaderReads {
    pub(super) fn newest_seq(&self) -> u64 {
        self.seq
    }

    /// A round of heartbeats that is told from the others by its number.
    pub(super) fn open_round(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.rounds.is_empty()
    }

    fn len(&self) -> usize {
        self.waiting.len() + self.rounds.iter().map(|round| round.origins.len()).sum::<usize>()
    }
}

/// A follower's reads, for which it asks the leader.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct AskedReads {
    waiting: Vec<ReadTicket>,
    asked: BTreeMap<u64, (Time, Vec<ReadTicket>)>,
    request: u64,
}

impl AskedReads {
    /// `first` is drawn anew at each start, so that an answer to a request from before a crash cannot be taken for the
    /// answer to one after it (R8).
    pub(super) fn numbered_from(first: u64) -> AskedReads {
        AskedReads { request: first, ..AskedReads::default() }
    }

    pub(super) fn deadline(&self, election_timeout: Duration) -> Option<Time> {
        self.asked.values().map(|(since, _)| *since + election_timeout).min()
    }

    fn len(&self) -> usize {
        self.waiting.len() + self.asked.values().map(|(_, tickets)| tickets.len()).sum::<usize>()
    }
}

impl Core {
    /// Asks for an index that is safe to read at; the answer is an effect.
    ///
    /// # Errors
    /// No leader is known, too many reads wait, or the node is stopped.
    pub fn read(&mut self, now: Time, ticket: ReadTicket) -> Result<(), Refusal> {
        self.refuse_if_stopped()?;
        let limit = self.options.max_pending_reads;
        match (&mut self.leading, self.leader) {
            (Some(leading), _) if leading.reads.len() < limit => leading.reads.waiting.push(Origin::Here(ticket)),
            (None, Some(_)) if self.asked_reads.len() < limit => self.asked_reads.waiting.push(ticket),
            (None, None) => return Err(Refusal::NotLeader { leader: None }),
            _ => self.reads_done.push(ReadOutcome::Failed { ticket, because: ReadFailure::TooManyReads }),
        }
        let _ = now;
        Ok(())
    }

    /// Starts a round for everything that waits, if this term has a committed entry (R93 steps 1 to 3).
    pub(super) fn begin_read_round(&mut self, now: Time) {
        let index = self.commit;
        let Some(leading) = &mut self.leading else { return };
        let unknown = index < leading.noop && self.rules.keeps(Rule::ReadOwnTerm);
        if leading.reads.waiting.is_empty() || unknown {
            return;
        }
        let seq = leading.reads.open_round();
        let origins = std::mem::take(&mut leading.reads.waiting);
        leading.reads.rounds.push_back(Round { seq, index, origins });
        self.send_heartbeats(now);
        self.confirm_reads();
    }

    /// Answers every round that a quorum has confirmed; a later confirmation covers earlier rounds (R94).
    pub(super) fn confirm_reads(&mut self) {
        let Some(leading) = &self.leading else { return };
        let own = leading.reads.seq;
        let confirmed = reached(self.membership.config(), |id| {
            if id == self.id {
                return own;
            }
            leading.peers.iter().find(|peer| peer.id == id).map_or(0, |peer| peer.read_seq)
        });
        let confirmed = if self.rules.keeps(Rule::ReadQuorum) { confirmed } else { own };
        let Some(leading) = &mut self.leading else { return };
        let ready = leading.reads.rounds.iter().take_while(|round| round.seq <= confirmed).count();
        let rounds: Vec<Round> = leading.reads.rounds.drain(..ready).collect();
        for round in rounds {
            for origin in round.origins {
                self.answer_read(origin, Ok(round.index));
            }
        }
    }

    fn answer_read(&mut self, origin: Origin, result: Result<Index, ReadFailure>) {
        match (origin, result) {
            (Origin::Here(ticket), Ok(index)) => self.reads_done.push(ReadOutcome::Ready { ticket, index }),
            (Origin::Here(ticket), Err(because)) => self.reads_done.push(ReadOutcome::Failed { ticket, because }),
            (Origin::Peer { from, request }, result) => {
                self.send(from, Message::ReadIndexReply(ReadIndexReply { request, index: result.ok() }));
            }
        }
    }

    /// Leadership is gone: nothing here can be confirmed any more (R98).
    pub(super) fn fail_leader_reads(&mut self, reads: LeaderReads) {
        let rounds = reads.rounds.into_iter().flat_map(|round| round.origins);
        for origin in rounds.chain(reads.waiting).collect::<Vec<_>>() {
            self.answer_read(origin, Err(ReadFailure::LostLeadership));
        }
    }

    pub(super) fn on_read_index(&mut self, from: NodeId, ask: &ReadIndex) {
        let limit = self.options.max_pending_reads;
        match &mut self.leading {
            Some(leading) if leading.reads.len() < limit => {
                leading.reads.waiting.push(Origin::Peer { from, request: ask.request });
            }
            _ => self.send(from, Message::ReadIndexReply(ReadIndexReply { request: ask.request, index: None })),
        }
    }

    /// Everything a follower has to ask goes out as one request.
    pub(super) fn ask_leader_for_reads(&mut self, now: Time) {
        let Some(leader) = self.leader else { return };
        if self.role == Role::Leader || self.asked_reads.waiting.is_empty() {
            return;
        }
        self.asked_reads.request = self.asked_reads.request.wrapping_add(1);
        let request = self.asked_reads.request;
        let tickets = std::mem::take(&mut self.asked_reads.waiting);
        self.asked_reads.asked.insert(request, (now, tickets));
        self.send(leader, Message::ReadIndex(ReadIndex { request }));
    }

    pub(super) fn on_read_index_reply(&mut self, from: NodeId, reply: &ReadIndexReply) {
        if self.leader != Some(from) {
            return;
        }
        let Some((_, tickets)) = self.asked_reads.asked.remove(&reply.request) else { return };
        self.reads_done.extend(tickets.into_iter().map(|ticket| match reply.index {
            Some(index) => ReadOutcome::Ready { ticket, index },
            None => ReadOutcome::Failed { ticket, because: ReadFailure::LostLeadership },
        }));
    }

    /// The leader or the term is another one: an answer still on the way may not be trusted (R97).
    pub(super) fn fail_asked_reads(&mut self) {
        let asked = std::mem::take(&mut self.asked_reads.asked);
        let waiting = std::mem::take(&mut self.asked_reads.waiting);
        let tickets = asked.into_values().flat_map(|(_, tickets)| tickets).chain(waiting);
        let failed = tickets.map(|ticket| ReadOutcome::Failed { ticket, because: ReadFailure::TermChanged });
        self.reads_done.extend(failed);
    }

    /// A request or its answer was lost: the caller may ask again.
    pub(super) fn tick_asked_reads(&mut self, now: Time) {
        let patience = self.options.election_timeout;
        let lost: Vec<u64> = self
            .asked_reads
            .asked
            .iter()
            .filter(|(_, (since, _))| now.since(*since) >= patience)
            .map(|(request, _)| *request)
            .collect();
        for request in lost {
            let (_, tickets) = self.asked_reads.asked.remove(&request).expect("it was listed just now");
            let failed =
                tickets.into_iter().map(|ticket| ReadOutcome::Failed { ticket, because: ReadFailure::NoLeader });
            self.reads_done.extend(failed);
        }
    }
}
