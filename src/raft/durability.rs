//! What the disk still owes: numbered writes under way, and the replies that wait for them (R53–R58).
//!
//! The one subtle fact in here is `durable`: an entry counts as durable only while no write still under way begins at
//! or below it, or else an old completion would vouch for an entry that is being overwritten (R55).

use core::hash::{Hash, Hasher};
use std::collections::VecDeque;

use super::message::Envelope;
use super::rules::{Rule, Rules};
use super::snapshot::SnapshotMeta;
use super::types::{Index, Time, WriteSeq};

#[derive(Clone, Debug)]
struct Flight {
    seq: WriteSeq,
    /// Lowest index the write touches; none when it holds no entries and truncates nothing.
    lowest: Option<Index>,
    since: Time,
}

/// Changes since the last write was handed out.
#[derive(Clone, Debug, Default, Hash)]
struct Dirty {
    hard_state: bool,
    /// Boxed, as it is on its whole way to the disk: it is rare, and every write carries its place.
    reset_to: Option<Box<SnapshotMeta>>,
    truncate_from: Option<Index>,
    append_from: Option<Index>,
    compact_to: Option<Index>,
}

#[derive(Clone, Debug)]
pub(super) struct Durability {
    rules: Rules,
    issued: WriteSeq,
    persisted: WriteSeq,
    flights: VecDeque<Flight>,
    dirty: Dirty,
    /// Lowest index that something not yet durable touches; kept, because `durable` is asked many times a turn.
    touched: Option<Index>,
    /// Replies that may leave once the write is durable, in order.
    held: VecDeque<(WriteSeq, Envelope)>,
}

/// The parts of the next write that this module knows.
pub(super) struct Due {
    pub seq: WriteSeq,
    pub hard_state: bool,
    pub reset_to: Option<Box<SnapshotMeta>>,
    pub truncate_from: Option<Index>,
    pub append_from: Option<Index>,
    pub compact_to: Option<Index>,
}

impl Durability {
    pub(super) fn new(rules: Rules) -> Durability {
        Durability {
            rules,
            issued: WriteSeq(0),
            persisted: WriteSeq(0),
            flights: VecDeque::new(),
            dirty: Dirty::default(),
            touched: None,
            held: VecDeque::new(),
        }
    }

    pub(super) fn hard_state_changed(&mut self) {
        self.dirty.hard_state = true;
    }

    pub(super) fn appended(&mut self, from: Index) {
        let lowest = self.dirty.append_from.map_or(from, |earlier| earlier.min(from));
        self.dirty.append_from = Some(lowest);
        self.touch(from);
    }

    /// Entries from `from` on were dropped from the log.
    pub(super) fn truncated(&mut self, from: Index) {
        match self.dirty.append_from {
            // Nothing at or behind `from` has been handed out yet: the drop concerns only this drain.
            Some(append) if append <= from => {}
            _ => {
                let lowest = self.dirty.truncate_from.map_or(from, |earlier| earlier.min(from));
                self.dirty.truncate_from = Some(lowest);
                self.dirty.append_from = None;
                self.touch(from);
            }
        }
    }

    /// The log was discarded for a snapshot whose file is durable.
    ///
    /// What earlier writes did to the log does not matter any more: they complete before anything that is written from
    /// now on does, and what they wrote is discarded with the rest.
    pub(super) fn reset(&mut self, meta: SnapshotMeta) {
        for flight in &mut self.flights {
            flight.lowest = None;
        }
        let hard_state = self.dirty.hard_state;
        self.dirty = Dirty { hard_state, reset_to: Some(Box::new(meta)), ..Dirty::default() };
        self.touched = None;
    }

    /// Entries up to `upto` are no longer needed; the disk hears of it with the next write.
    pub(super) fn compacted(&mut self, upto: Index) {
        self.dirty.compact_to = Some(upto);
    }

    fn is_dirty(&self) -> bool {
        let Dirty { hard_state, reset_to, truncate_from, append_from, compact_to: _ } = &self.dirty;
        *hard_state || reset_to.is_some() || truncate_from.is_some() || append_from.is_some()
    }

    /// The newest write, counting the one that the current changes will become.
    pub(super) fn newest(&self) -> WriteSeq {
        if self.is_dirty() { self.issued.next() } else { self.issued }
    }

    pub(super) fn is_persisted(&self, seq: WriteSeq) -> bool {
        seq <= self.persisted
    }

    /// Keeps `reply` until `write`, the newest so far, is durable.
    pub(super) fn hold(&mut self, write: WriteSeq, reply: Envelope) {
        self.held.push_back((write, reply));
    }

    /// The write that is due now, if any. `last` is the log's last index.
    pub(super) fn take_due(&mut self, now: Time, last: Index) -> Option<Due> {
        if !self.is_dirty() {
            return None;
        }
        let dirty = std::mem::take(&mut self.dirty);
        let append_from = dirty.append_from.filter(|from| *from <= last);
        let lowest = match (dirty.truncate_from, append_from) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (one, other) => one.or(other),
        };
        let replaces = dirty.truncate_from.is_some();
        let lowest = lowest.filter(|_| !replaces || self.rules.keeps(Rule::OverwrittenNotDurable));
        self.issued = self.issued.next();
        self.flights.push_back(Flight { seq: self.issued, lowest, since: now });
        if append_from != dirty.append_from || !self.rules.keeps(Rule::OverwrittenNotDurable) {
            // What was appended was dropped again before anybody saw it.
            self.touched = self.lowest_touched();
        }
        let Dirty { hard_state, reset_to, truncate_from, compact_to, .. } = dirty;
        Some(Due { seq: self.issued, hard_state, reset_to, truncate_from, append_from, compact_to })
    }

    /// All writes up to `upto` are durable. The replies that may leave now go to `outbox`.
    pub(super) fn persisted(&mut self, upto: WriteSeq, outbox: &mut Vec<Envelope>) {
        assert!(upto <= self.issued, "only writes that were handed out become durable");
        self.persisted = self.persisted.max(upto);
        while self.flights.front().is_some_and(|flight| flight.seq <= upto) {
            self.flights.pop_front();
        }
        self.touched = self.lowest_touched();
        while self.held.front().is_some_and(|(seq, _)| *seq <= upto) {
            let (_, reply) = self.held.pop_front().expect("it was just looked at");
            outbox.push(reply);
        }
    }

    /// The greatest index up to which the log is durable as it is now (R55).
    pub(super) fn durable(&self, last: Index) -> Index {
        self.touched.map_or(last, |lowest| lowest.prev().min(last))
    }

    fn touch(&mut self, from: Index) {
        self.touched = Some(self.touched.map_or(from, |lowest| lowest.min(from)));
    }

    fn lowest_touched(&self) -> Option<Index> {
        let flying = self.flights.iter().filter_map(|flight| flight.lowest).min();
        [flying, self.dirty.truncate_from, self.dirty.append_from].into_iter().flatten().min()
    }

    /// What of the writes under way matters to whoever makes all of them durable at once, and takes what then leaves for
    /// a set: neither how many they are, nor in which order replies wait.
    pub(super) fn hash_behaviour<H: Hasher>(&self, state: &mut H) {
        let Durability { rules: _, issued, persisted, flights: _, dirty, touched: _, held } = self;
        (issued > persisted, self.lowest_touched(), dirty).hash(state);
        let print_of = |reply: &Envelope| {
            let mut hasher = std::hash::DefaultHasher::new();
            reply.hash(&mut hasher);
            hasher.finish()
        };
        let mut prints: Vec<u64> = held.iter().map(|(_, reply)| print_of(reply)).collect();
        prints.sort_unstable();
        prints.dedup();
        prints.hash(state);
    }

    /// When the oldest write still under way was handed out (R59).
    pub(super) fn waiting_since(&self) -> Option<Time> {
        self.flights.front().map(|flight| flight.since)
    }
}
