//! The invariants, looked at after every turn, every write and every message of every node (I1 to I11).
//!
//! The checkers see every node at once and remember the whole past: which entry was ever written under which log id,
//! what was committed, who led, who voted for whom, and what each disk must hold. They judge durability by what the
//! simulated disks have completed, never by what a node believes, and know nothing of how a node decides.
//!
//! An entry is known by its log id and the check of its record. The check chains to the entry before, so that two logs
//! with the same check at one place are the same up to there, which makes each look cost one comparison.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use super::script::Violation;
use crate::codec::entry::decode_config;
use crate::codec::record::LINK_ORIGIN;
use crate::codec::{Kind, PeerMessage, RECORD_HEADER_BYTES, RecordHeader, WriteBatch};
use crate::raft::message::AppendOutcome;
use crate::raft::quorum::{Tally, overlap, reached, tally};
use crate::raft::{Config, HardState, Index, LogId, Message, NodeId, Role, SnapshotMeta, Term};
use crate::replica::{Outputs, Replica};
use crate::storage::Recovered;

pub type Checked = Result<(), Violation>;

/// One entry as a log holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    pub term: Term,
    /// Of the record, which chains to all records before it.
    pub check: u32,
}

/// An entry that some node has written or was about to write.
#[derive(Clone, Debug)]
struct Known {
    slot: Slot,
    link: u32,
    kind: Kind,
    payload: Bytes,
    config: Option<Arc<Config>>,
}

/// What is known to be committed.
#[derive(Clone, Copy, Debug)]
struct Committed {
    slot: Slot,
    /// Term of the node that was first seen to have committed it.
    by: Term,
}

/// What a disk holds for certain, and what it may hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Stored {
    hard_state: HardState,
    log: Vec<Slot>,
}

/// One node as the checkers follow it.
#[derive(Clone, Debug, Default)]
struct Follow {
    /// The log as the running node has it.
    log: Vec<Slot>,
    /// What the disk is known to have completed.
    stored: Stored,
    /// While it is down: what a group of writes that was cut short may have made of the disk, step by step.
    possible: Vec<Stored>,
    /// What damage has taken from the log: it was durable once, and was acknowledged (R66).
    lost: BTreeMap<usize, Slot>,
    /// It holds less than it has acknowledged, until the log is repaired (R64).
    is_recovering: bool,
    role: Role,
    term: Term,
    commit: Index,
    applied: Index,
    /// Where the configuration in force stood after the last turn, and which one it was.
    config: Index,
    in_force: Option<Arc<Config>>,
}

/// Everything that must not be forgotten.
#[derive(Debug, Default)]
pub struct Checkers {
    nodes: Vec<Follow>,
    /// By index, every entry ever seen there.
    known: Vec<Vec<Known>>,
    /// Where in `known` there are configurations.
    config_places: BTreeSet<usize>,
    committed: Vec<Committed>,
    leaders: BTreeMap<Term, NodeId>,
    votes: BTreeMap<(NodeId, Term), NodeId>,
    /// Digest of the state machine by the index applied.
    states: Vec<Option<u64>>,
}

impl Checkers {
    /// There is one more node.
    pub fn add_node(&mut self) {
        self.nodes.push(Follow::default());
    }

    /// The newest committed configuration, and every one behind it that somebody has or had in its log: no other can be
    /// in force, now or before the next one is proposed.
    pub fn possible_configs(&self) -> Vec<Arc<Config>> {
        let count = self.committed.len();
        let committed = self.newest_config(count, |place| Some(self.committed[place].slot));
        let open = self.config_places.range(count..).flat_map(|place| &self.known[*place]);
        let open = open.filter_map(|known| known.config.clone());
        committed.map(|(_, config)| config).into_iter().chain(open).collect()
    }

    /// The configuration that was committed under this log id; a node that has compacted the entry names no term.
    pub fn committed_config(&self, id: LogId) -> Option<Arc<Config>> {
        let is_meant = |term: Term| term == id.term || id.term == Term(0);
        let slot = self.committed.get(place(id.index)).filter(|committed| is_meant(committed.slot.term))?.slot;
        self.known[place(id.index)].iter().find(|known| known.slot == slot)?.config.clone()
    }

    /// The newest configuration among the first entries of a log.
    fn newest_config(&self, count: usize, slot: impl Fn(usize) -> Option<Slot>) -> Option<(Index, Arc<Config>)> {
        self.config_places.range(..count).rev().find_map(|place| {
            let here = slot(*place)?;
            let known = self.known[*place].iter().find(|known| known.slot == here)?;
            Some((Index(*place as u64 + 1), known.config.clone()?))
        })
    }

    /// The configurations that a node goes or went by since the one at `from` was the newest in its log.
    fn configs_since(&self, at: usize, from: Index) -> Vec<Arc<Config>> {
        let log = &self.nodes[at].log;
        let places = self.config_places.range(place(from).min(log.len())..log.len());
        let here = places.filter_map(|place| self.known[*place].iter().find(|known| known.slot == log[*place]));
        here.filter_map(|known| known.config.clone()).collect()
    }

    fn config_of(&self, at: usize) -> Option<(Index, Arc<Config>)> {
        let log = &self.nodes[at].log;
        self.newest_config(log.len(), |place| log.get(place).copied())
    }

    /// Index of the newest entry that any node was seen to have committed.
    pub fn committed(&self) -> Index {
        Index(self.committed.len() as u64)
    }

    /// The committed entries with what they carry, in order.
    pub fn committed_entries(&self) -> impl Iterator<Item = (LogId, Kind, &Bytes)> {
        self.committed.iter().enumerate().map(|(at, committed)| {
            let known = self.known[at].iter().find(|known| known.slot == committed.slot);
            let known = known.expect("what is committed was written");
            (LogId { term: known.slot.term, index: Index(at as u64 + 1) }, known.kind, &known.payload)
        })
    }

    /// Kind and payload of a committed entry.
    pub fn committed_payload(&self, id: LogId) -> Option<&Bytes> {
        let committed = self.committed.get(place(id.index))?;
        let known = self.known[place(id.index)].iter().find(|known| known.slot == committed.slot)?;
        (committed.slot.term == id.term).then_some(&known.payload)
    }

    /// A node has opened its disk: what it found must be what was completed, or what was about to be (R61, R62). When it
    /// `was_cut` because of damage, something is missing, but nothing is there that never was.
    pub fn started(&mut self, at: usize, id: NodeId, found: &Recovered, was_cut: bool) -> Checked {
        self.note_records(id, found.tail.iter())?;
        let log = self.found_log(id, found, &found.tail)?;
        let follow = &mut self.nodes[at];
        let is_first = follow.stored.log.is_empty();
        let found_state = Stored { hard_state: found.hard_state, log };
        if !is_first {
            let possible = std::mem::take(&mut follow.possible);
            // A snapshot that had been received is installed now, if the log does not hold what it covers (R86).
            let last = found.snapshot.as_ref().map_or(LogId::ZERO, |loaded| loaded.meta.last);
            let is_snapshot = last.index.0 == found_state.log.len() as u64
                && follow.stored.log.get(place(last.index)) != found_state.log.last();
            check_recovery(id, &follow.stored, &possible, &found_state, is_snapshot || was_cut)?;
        }
        let mut lost = std::mem::take(&mut follow.lost);
        if was_cut {
            let missing = follow.stored.log.iter().enumerate();
            let missing = missing.filter(|(place, slot)| found_state.log.get(*place) != Some(*slot));
            lost.extend(missing.map(|(place, slot)| (place, *slot)));
        }
        let hint = place(found.commit_hint.next());
        let agrees = (0..hint).all(|place| {
            self.committed.get(place).is_some_and(|committed| found_state.log.get(place) == Some(&committed.slot))
        });
        hold(is_first || agrees, "I5 state-machine safety", || {
            format!("{id} found {} to be committed, which is not what was committed", found.commit_hint)
        })?;
        *follow = Follow {
            log: found_state.log.clone(),
            term: found.hard_state.term,
            stored: found_state,
            commit: found.commit_hint,
            lost,
            is_recovering: found.is_recovering,
            ..Follow::default()
        };
        self.note_vote(id, found.hard_state)
    }

    /// A node went down while `cut_short` was being written; how much of it is on the disk will show.
    pub fn stopped(&mut self, at: usize, cut_short: &[WriteBatch]) {
        let follow = &mut self.nodes[at];
        let mut state = follow.stored.clone();
        follow.possible.clear();
        if let Some(newest) = cut_short.iter().filter_map(|batch| batch.hard_state).next_back() {
            // The newest hard state of a group goes first and stands for all of them.
            state.hard_state = newest;
            follow.possible.push(state.clone());
        }
        for batch in cut_short {
            apply_batch(&self.committed, &mut state.log, batch);
            follow.possible.push(state.clone());
        }
        (follow.role, follow.applied) = (Role::Follower, Index(0));
    }

    /// A node takes it that it holds again all that it had acknowledged: of what is committed that must be so (R64). What
    /// its snapshot covers is durable before its log is.
    fn check_repaired(&mut self, at: usize, id: NodeId, covered: Index) -> Checked {
        let follow = &mut self.nodes[at];
        follow.is_recovering = false;
        for (place, slot) in std::mem::take(&mut follow.lost) {
            let is_committed = self.committed.get(place).is_some_and(|committed| committed.slot == slot);
            let is_there = place < usize::try_from(covered.0).expect("simulated logs fit in memory")
                || follow.stored.log.get(place) == Some(&slot);
            hold(!is_committed || is_there, "R64 repair", || {
                format!("{id} ends its repair without the committed entry at {}", Index(place as u64 + 1))
            })?;
        }
        Ok(())
    }

    /// The disk of a node is another one now. What the old one held still counts for those it was acknowledged to:
    /// that is the loss a minority may have.
    pub fn wiped(&mut self, at: usize) {
        let follow = &mut self.nodes[at];
        (follow.role, follow.applied) = (Role::Follower, Index(0));
    }

    /// The disk has completed a group of writes (I7, I11).
    pub fn written(&mut self, at: usize, id: NodeId, batches: &[WriteBatch]) -> Checked {
        let follow = &mut self.nodes[at];
        let before = follow.stored.hard_state;
        for batch in batches {
            if let Some(hard_state) = batch.hard_state {
                follow.stored.hard_state = hard_state;
            }
            apply_batch(&self.committed, &mut follow.stored.log, batch);
        }
        let now = follow.stored.hard_state;
        let newest = follow.stored.log.last().map_or(Term(0), |slot| slot.term);
        hold(now.term >= before.term, "I6 monotonic", || format!("the durable term of {id} fell to {}", now.term))?;
        hold(now.term >= newest, "I11 bounds", || {
            format!("{id} holds an entry of term {newest} durably, but only term {}", now.term)
        })?;
        self.note_vote(id, now)
    }

    /// A node has taken a turn; `out` is what it wants done, with its write still in it.
    pub fn turned(&mut self, at: usize, replica: &Replica, out: &Outputs) -> Checked {
        let core = replica.core();
        let id = core.id();
        if out.fatal.is_some() {
            // It has ended: what it had taken in and not handed out is nobody's.
            return Ok(());
        }
        if let Some(write) = &out.write {
            self.note_write(at, id, core.role(), core.term(), write)?;
        }
        let follow = &mut self.nodes[at];
        let (term, commit, applied) = (core.term(), core.commit(), Index(replica.map().applied()));
        hold(term >= follow.term && commit >= follow.commit && applied >= follow.applied, "I6 monotonic", || {
            format!("term, commit or applied of {id} fell")
        })?;
        let last = follow.log.len() as u64;
        hold(core.last().index.0 == last && applied <= commit && commit.0 <= last, "I11 bounds", || {
            format!("{id} applied {applied}, committed {commit}, holds {last}")
        })?;
        let durable = core.durable();
        let newest = place(durable);
        let covered = core.snapshot().map_or(Index(0), |meta| meta.last.index);
        let is_there = follow.stored.log.get(newest) == follow.log.get(newest) || durable <= covered;
        hold(is_there || durable == Index(0), "I8 durable commit", || {
            format!("{id} takes its log for durable up to {durable}, its disk holds something else")
        })?;
        hold(applied <= durable, "I11 bounds", || format!("{id} applied {applied}, durable only {durable}"))?;
        let became_leader = core.role() == Role::Leader && (follow.role != Role::Leader || follow.term != term);
        let (commit_before, applied_before) = (follow.commit, follow.applied);
        let config_before = std::mem::replace(&mut follow.config, core.config_index());
        let in_force_before = follow.in_force.replace(Arc::clone(core.config()));
        let same_reign = core.role() == Role::Leader && follow.role == Role::Leader && follow.term == term;
        (follow.role, follow.term, follow.commit, follow.applied) = (core.role(), term, commit, applied);
        self.check_config(at, id, core.config_index(), core.config())?;
        if same_reign && core.config_index() > config_before {
            self.check_change(at, id, config_before)?;
        }
        if self.nodes[at].is_recovering && !core.is_recovering() {
            self.check_repaired(at, id, covered)?;
        }
        hold(!core.is_recovering() || core.role() == Role::Follower, "R64 repair", || {
            format!("{id} is a {} while it holds less than it has acknowledged", core.role())
        })?;
        if became_leader {
            self.check_new_leader(at, id, term)?;
        }
        if commit > commit_before {
            let own = self.nodes[at].log[place(commit)].term;
            hold(core.role() != Role::Leader || became_leader || own == term, "R47 own term", || {
                format!("{id} leads term {term} and commits {commit}, of term {own}, by counting copies")
            })?;
            let went_by = self.configs_since(at, config_before).into_iter().chain(in_force_before).collect();
            self.check_commit(at, id, term, (commit_before, commit), went_by)?;
        }
        if applied > applied_before {
            self.check_state(id, applied, state_sum(replica))?;
        }
        Ok(())
    }

    /// A message leaves a node: votes and acknowledgements are covered by what its disk has completed (R53).
    pub fn sent(&mut self, at: usize, message: &PeerMessage) -> Checked {
        let envelope = &message.envelope;
        let Follow { stored, is_recovering, .. } = &self.nodes[at];
        match &envelope.message {
            Message::Vote(_) if *is_recovering => Err(abstainer(envelope.from, "asks for votes")),
            Message::VoteReply(reply) if *is_recovering && reply.refused.is_none() => {
                Err(abstainer(envelope.from, "gives a vote"))
            }
            Message::Vote(vote) if !vote.pre => hold(stored.hard_state.term >= vote.asked, "R15 vote request", || {
                format!("{} asks for votes in term {} before its disk holds that", envelope.from, vote.asked)
            }),
            Message::VoteReply(reply) if !reply.pre && reply.refused.is_none() => {
                let HardState { term, vote } = stored.hard_state;
                let is_covered = term > reply.asked || term == reply.asked && vote == Some(envelope.to);
                hold(is_covered, "R53 durable before said", || {
                    format!("{} grants a vote in term {} that its disk does not hold", envelope.from, reply.asked)
                })?;
                // A later term may have come before the disk held this vote; then it is covered by that, and counts.
                self.note_vote(envelope.from, HardState { term: reply.asked, vote: Some(envelope.to) })
            }
            Message::AppendReply(reply) => {
                hold(stored.hard_state.term >= envelope.term, "R53 durable before said", || {
                    format!("{} answers in term {} before its disk holds that", envelope.from, envelope.term)
                })?;
                let AppendOutcome::Ack { index } = &reply.outcome else { return Ok(()) };
                if stored.hard_state.term > envelope.term {
                    // What it vouches for may have been replaced before it was written, by a leader of a later term.
                    // A majority elected that one without these entries: they cannot be committed any more, whoever
                    // counts this.
                    return Ok(());
                }
                hold(stored.log.len() as u64 >= index.0, "R53 durable before said", || {
                    format!("{} acknowledges {index}, its disk holds {}", envelope.from, stored.log.len())
                })?;
                let Some(leader) = self.nodes.get(place_of(envelope.to)) else { return Ok(()) };
                let still_leads = leader.role == Role::Leader && leader.term == envelope.term;
                let is_equal = leader.log.get(place(*index)) == stored.log.get(place(*index));
                hold(!still_leads || is_equal || *index == Index(0), "I9 progress truth", || {
                    format!("{} acknowledges {index}, but holds another entry there than its leader", envelope.from)
                })
            }
            _ => Ok(()),
        }
    }

    /// Whether one of these nodes could be elected by the others of them, going by the configuration in its own log and
    /// by whose log ends later (R16). That a quorum is well is not enough: a learner that is not known to be a voter yet
    /// by itself may hold a later entry than the voters who need it.
    pub fn can_elect(&self, nodes: &[usize]) -> bool {
        let end = |log: &[Slot]| (log.last().map_or(Term(0), |slot| slot.term), log.len());
        nodes.iter().any(|at| {
            let follow = &self.nodes[*at];
            let Some((index, config)) = self.config_of(*at) else { return false };
            let grants = |voter: NodeId| {
                let is_behind = |node: &Follow| end(&node.log) <= end(&follow.log);
                let is_there = nodes.contains(&place_of(voter));
                (is_there && self.nodes.get(place_of(voter)).is_some_and(is_behind)).then_some(true)
            };
            let id = NodeId(*at as u64 + 1);
            // Whoever alone holds the entry that takes its vote still stands (R14).
            let before = self.newest_config(place(index), |place| follow.log.get(place).copied());
            let stands = config.is_voter(id) || before.is_some_and(|(_, before)| before.is_voter(id));
            stands && tally(&config, grants) == Tally::Won
        })
    }

    /// Whether the newest entries of two nodes are the same one, and with them their whole logs.
    pub fn same_logs(&self, one: usize, other: usize) -> bool {
        let (one, other) = (&self.nodes[one].log, &self.nodes[other].log);
        one.len() == other.len() && one.last() == other.last()
    }

    fn note_write(&mut self, at: usize, id: NodeId, role: Role, term: Term, write: &WriteBatch) -> Checked {
        let before = &self.nodes[at];
        let same_reign = role == Role::Leader && before.role == Role::Leader && before.term == term;
        if let Some(from) = write.truncate_from {
            hold(!same_reign, "I2 leader append-only", || {
                format!("{id} drops its own log from {from} while it leads")
            })?;
            hold(from > before.commit, "I2 committed immutable", || {
                format!("{id} drops its log from {from}, and has committed up to {}", before.commit)
            })?;
        }
        if let Some(meta) = &write.reset_to {
            self.check_reset(at, id, meta)?;
        }
        self.note_records(id, write.records.iter())?;
        apply_batch(&self.committed, &mut self.nodes[at].log, write);
        Ok(())
    }

    /// R86: a log is given up for a snapshot of what is committed, and only if it does not hold what that covers.
    fn check_reset(&self, at: usize, id: NodeId, meta: &SnapshotMeta) -> Checked {
        let last = place(meta.last.index);
        let slot = Slot { term: meta.last.term, check: meta.link };
        let is_committed = self.committed.get(last).is_some_and(|committed| committed.slot == slot);
        hold(is_committed, "I5 state-machine safety", || {
            format!("{id} installs a snapshot of {}, which is not committed", meta.last)
        })?;
        hold(self.nodes[at].log.get(last) != Some(&slot), "R86 suffix", || {
            format!("{id} gives up a log that holds {}, where its snapshot ends", meta.last)
        })
    }

    /// I3: a log id names one entry with one entry before it, in every log that is ever written.
    fn note_records<'a>(&mut self, id: NodeId, records: impl Iterator<Item = &'a Bytes>) -> Checked {
        for slice in records {
            for (header, record) in split(slice) {
                let place = place(header.id.index);
                if self.known.len() <= place {
                    self.known.resize_with(place + 1, Vec::new);
                }
                let slot = Slot { term: header.id.term, check: header.check };
                let here = &mut self.known[place];
                match here.iter().find(|known| known.slot.term == slot.term) {
                    Some(known) => {
                        hold(known.slot == slot && known.link == header.link, "I3 log matching", || {
                            format!("{id} holds another entry as {} than the one that had this log id", header.id)
                        })?;
                    }
                    None => {
                        let payload = record.slice(RECORD_HEADER_BYTES..);
                        let config = (header.kind == Kind::Config).then(|| {
                            let (config, _) = decode_config(&payload).expect("configurations can be read");
                            Arc::new(config)
                        });
                        if config.is_some() {
                            self.config_places.insert(place);
                        }
                        here.push(Known { slot, link: header.link, kind: header.kind, payload, config });
                    }
                }
            }
        }
        Ok(())
    }

    /// The whole log that was found: its newest records as they are, and what is before them from the past.
    fn found_log(&self, id: NodeId, found: &Recovered, records: &[Bytes]) -> Result<Vec<Slot>, Violation> {
        let mut slots = Vec::with_capacity(found.shape.lengths.len());
        let mut check = found.last_check;
        if let Some(first) = records.first() {
            (_, check) = RecordHeader::peek_chain(first).expect("recovery hands over whole records");
        }
        for index in (found.shape.first.0..found.tail_first.0).rev() {
            let term = found.shape.term_at(Index(index)).expect("the shape covers the log");
            let known = self.known.get(place(Index(index))).into_iter().flatten();
            let mut matching = known.filter(|known| known.slot == Slot { term, check });
            let Some(known) = matching.next() else {
                let what =
                    format!("{id} found {} on its disk, which nobody wrote", LogId { index: Index(index), term });
                return Err(Violation { rule: "I3 log matching", what });
            };
            slots.push(known.slot);
            check = known.link;
        }
        slots.reverse();
        let base = found.before_first;
        let covered = self.committed.get(..place(base.index.next())).unwrap_or_default();
        let goes_on = match covered.last() {
            Some(committed) => committed.slot == Slot { term: base.term, check },
            None => check == LINK_ORIGIN && base == LogId::ZERO,
        };
        hold(goes_on, "I3 log matching", || format!("the log that {id} found does not go on behind {base}"))?;
        slots.splice(0..0, covered.iter().map(|committed| committed.slot));
        let tail = records.iter().flat_map(split);
        slots.extend(tail.map(|(header, _)| Slot { term: header.id.term, check: header.check }));
        Ok(slots)
    }

    /// I7, over the whole past and every crash.
    fn note_vote(&mut self, id: NodeId, HardState { term, vote }: HardState) -> Checked {
        let Some(candidate) = vote else { return Ok(()) };
        let first = *self.votes.entry((id, term)).or_insert(candidate);
        hold(first == candidate, "I7 one vote", || format!("{id} voted for {first} and for {candidate} in term {term}"))
    }

    /// R71, R74: the newest configuration of a log is in force from when it is appended, and no longer than it is there.
    fn check_config(&self, at: usize, id: NodeId, index: Index, in_force: &Config) -> Checked {
        let newest = self.config_of(at);
        let is_so = newest.as_ref().is_some_and(|(at, config)| *at == index && **config == *in_force);
        hold(is_so, "R71 configuration", || {
            let says = newest.map_or_else(|| "nobody".to_owned(), |(at, config)| format!("{config}, at {at}"));
            format!("{id} goes by {in_force}, at {index}, and the newest in its log is {says}")
        })
    }

    /// R72, R73: a leader goes from one configuration to the next when that one and something of its own term is
    /// committed, and no further in the same turn.
    fn check_change(&self, at: usize, id: NodeId, before: Index) -> Checked {
        let Follow { log, commit, term, .. } = &self.nodes[at];
        let is_own = log.get(place(*commit)).is_some_and(|slot| slot.term == *term);
        let is_one = self.configs_since(at, before).len() <= 2;
        hold(is_own && is_one && before <= *commit, "R72 one change", || {
            format!("{id} changes the configuration of {before}, and has committed {commit}")
        })
    }

    /// I1 and I4, and that the votes were those of a quorum (R80).
    fn check_new_leader(&mut self, at: usize, id: NodeId, term: Term) -> Checked {
        let first = *self.leaders.entry(term).or_insert(id);
        hold(first == id, "I1 election safety", || format!("{first} and {id} both led term {term}"))?;
        let (_, config) = self.config_of(at).expect("a leader has a configuration");
        let ballot = |voter: NodeId| self.votes.get(&(voter, term)).map(|candidate| *candidate == id);
        hold(tally(&config, ballot) == Tally::Won, "R80 quorum of votes", || {
            format!("{id} leads term {term} without the votes of a quorum of {config}")
        })?;
        let earlier = self.committed.iter().rposition(|committed| committed.by < term);
        let Some(newest) = earlier else { return Ok(()) };
        let log = &self.nodes[at].log;
        hold(log.get(newest) == Some(&self.committed[newest].slot), "I4 leader completeness", || {
            let index = Index(newest as u64 + 1);
            let term_of = self.committed[newest].slot.term;
            format!("{id} leads term {term} without the committed entry {}", LogId { index, term: term_of })
        })
    }

    /// I5 and I8: everybody commits the same, and what is committed anew lies on a durable quorum of the configuration
    /// that was in force: one of those that the node `went_by` in the same turn, since it may have been replaced or cut
    /// off.
    fn check_commit(
        &mut self,
        at: usize,
        id: NodeId,
        by: Term,
        (from, to): (Index, Index),
        went_by: Vec<Arc<Config>>,
    ) -> Checked {
        let log = &self.nodes[at].log;
        let known_to = self.committed.len().min(place(to.next()));
        if let Some(newest) = known_to.checked_sub(1).filter(|newest| *newest >= place(from.next())) {
            let slot = self.committed[newest].slot;
            hold(log[newest] == slot, "I5 state-machine safety", || {
                let mine = LogId { index: Index(newest as u64 + 1), term: log[newest].term };
                format!("{id} committed {mine}, but another entry, of term {}, was committed there before", slot.term)
            })?;
        }
        if place(to) < self.committed.len() {
            return Ok(());
        }
        let newest = log[place(to)];
        let holds = |voter: NodeId| {
            let node = self.nodes.get(place_of(voter));
            let has_held = |node: &Follow| {
                node.stored.log.get(place(to)) == Some(&newest) || node.lost.get(&place(to)) == Some(&newest)
            };
            u8::from(node.is_some_and(has_held))
        };
        let is_held = went_by.iter().any(|config| reached(config, holds) == 1);
        hold(is_held, "I8 durable commit", || {
            format!("{id} committed {}, which no quorum holds durably", LogId { index: to, term: newest.term })
        })?;
        let known_to = self.committed.len();
        let news = log[known_to..place(to.next())].iter().map(|slot| Committed { slot: *slot, by });
        self.committed.extend(news);
        self.check_succession(known_to)
    }

    /// I10: each quorum of a committed configuration meets each one of the next.
    fn check_succession(&self, from: usize) -> Checked {
        for place in self.config_places.range(from.max(1)..self.committed.len()) {
            let slot = |place: usize| Some(self.committed[place].slot);
            let Some((at, config)) = self.newest_config(place + 1, slot) else { continue };
            if at != Index(*place as u64 + 1) {
                continue;
            }
            let before = self.newest_config(*place, slot);
            let meets = before.as_ref().is_none_or(|(_, before)| overlap(before, &config));
            hold(meets, "I10 configurations overlap", || {
                format!("a quorum of {config}, committed at {at}, need not meet one of the configuration before")
            })?;
        }
        Ok(())
    }

    /// I5: equal state at equal applied index.
    fn check_state(&mut self, id: NodeId, applied: Index, sum: u64) -> Checked {
        let place = place(applied);
        if self.states.len() <= place {
            self.states.resize(place + 1, None);
        }
        let first = *self.states[place].get_or_insert(sum);
        hold(first == sum, "I5 state-machine safety", || {
            format!("the state of {id} at {applied} is not the one that another node had there")
        })
    }
}

/// One number for everything that is replicated: the map, the sessions and the log time.
fn state_sum(replica: &Replica) -> u64 {
    let machine = replica.machine();
    machine.map().sum().rotate_left(21) ^ machine.sessions().sum().rotate_left(42) ^ machine.log_time_ms()
}

/// R61, R62: what was completed is there; of what was cut short, a beginning.
fn check_recovery(id: NodeId, stored: &Stored, possible: &[Stored], found: &Stored, is_snapshot: bool) -> Checked {
    let states: Vec<&Stored> = core::iter::once(stored).chain(possible).collect();
    let is_one = states.contains(&found);
    let is_installed = is_snapshot && states.iter().any(|state| state.hard_state == found.hard_state);
    let is_between = states.windows(2).any(|pair| {
        let (old, new) = (pair[0], pair[1]);
        let kept = old.log.iter().zip(&new.log).take_while(|(old, new)| old == new).count();
        new.hard_state == found.hard_state && found.log.len() >= kept && new.log.starts_with(&found.log)
    });
    hold(is_one || is_between || is_installed, "R61 recovery", || {
        let ends: Vec<String> = states.iter().map(|state| describe(state)).collect();
        format!("{id} found {}, its disk was to hold one of: {}", describe(found), ends.join("; "))
    })
}

fn describe(state: &Stored) -> String {
    let HardState { term, vote } = state.hard_state;
    let voted = vote.map_or_else(|| "nobody".to_owned(), |id| id.to_string());
    let last =
        state.log.last().map_or(LogId::ZERO, |slot| LogId { term: slot.term, index: Index(state.log.len() as u64) });
    format!("a log up to {last}, term {term}, voted for {voted}")
}

fn apply_batch(committed: &[Committed], log: &mut Vec<Slot>, batch: &WriteBatch) {
    if let Some(meta) = &batch.reset_to {
        let covered = place(meta.last.index.next()).min(committed.len());
        *log = committed[..covered].iter().map(|committed| committed.slot).collect();
    }
    if let Some(from) = batch.truncate_from {
        log.truncate(place(from));
    }
    for slice in &batch.records {
        log.extend(split(slice).map(|(header, _)| Slot { term: header.id.term, check: header.check }));
    }
}

/// The records of a slice. Simulated logs are far below the length at which an index is not clear by itself.
fn split(slice: &Bytes) -> impl Iterator<Item = (RecordHeader, Bytes)> {
    let mut at = 0;
    core::iter::from_fn(move || {
        if at >= slice.len() {
            return None;
        }
        let header = RecordHeader::peek(&slice[at..], Index(0)).expect("slices hold whole records");
        let record = slice.slice(at..at + header.total_bytes());
        at += header.total_bytes();
        Some((header, record))
    })
}

/// Where a node lies in the list of nodes, which are numbered from 1.
fn place_of(id: NodeId) -> usize {
    usize::try_from(id.0).expect("nodes are few").wrapping_sub(1)
}

/// Where an index lies in a list that begins with the first.
fn place(index: Index) -> usize {
    usize::try_from(index.0).expect("simulated logs fit in memory").saturating_sub(1)
}

fn abstainer(id: NodeId, does: &str) -> Violation {
    Violation { rule: "R64 repair", what: format!("{id} {does} while it holds less than it has acknowledged") }
}

fn hold(fact: bool, rule: &'static str, what: impl FnOnce() -> String) -> Checked {
    if fact { Ok(()) } else { Err(Violation { rule, what: what() }) }
}
