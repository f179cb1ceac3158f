//! One node's disk: what is durable, and the numbered writes that are not yet.
//!
//! It keeps log ids only; what an entry is, is the same everywhere and kept once by the world. A crash loses every
//! pending write. A write here is all or nothing; how a real write tears is the storage module's story.

use core::hash::{Hash, Hasher};
use std::collections::VecDeque;

use crate::raft::{HardState, Index, LogId, Rule, Rules, WriteSeq};

#[derive(Clone, Debug)]
pub(in crate::sim) struct Disk {
    pub hard_state: HardState,
    /// Entry `i` is at position `i - 1`.
    pub log: Vec<LogId>,
    pub commit_hint: Index,
    pending: VecDeque<PendingWrite>,
}

/// A write that was handed out and is not durable.
#[derive(Clone, Debug)]
pub(in crate::sim) struct PendingWrite {
    pub seq: WriteSeq,
    pub hard_state: Option<HardState>,
    pub truncate_from: Option<Index>,
    pub append: Vec<LogId>,
    pub commit_hint: Index,
}

impl Disk {
    pub(in crate::sim) fn new(hard_state: HardState, log: Vec<LogId>) -> Disk {
        Disk { hard_state, log, commit_hint: Index(0), pending: VecDeque::new() }
    }

    pub(in crate::sim) fn accept(&mut self, write: PendingWrite) {
        assert!(self.pending.back().is_none_or(|last| last.seq < write.seq), "write numbers increase");
        self.pending.push_back(write);
    }

    pub(in crate::sim) fn newest_pending(&self) -> Option<WriteSeq> {
        self.pending.back().map(|write| write.seq)
    }

    pub(in crate::sim) fn oldest_pending(&self) -> Option<WriteSeq> {
        self.pending.front().map(|write| write.seq)
    }

    pub(in crate::sim) fn is_pending(&self, seq: WriteSeq) -> bool {
        self.pending.iter().any(|write| write.seq == seq)
    }

    /// Makes every pending write up to `upto` durable, in order.
    pub(in crate::sim) fn complete(&mut self, upto: WriteSeq) {
        while self.pending.front().is_some_and(|write| write.seq <= upto) {
            let write = self.pending.pop_front().expect("it was there just now");
            if let Some(hard_state) = write.hard_state {
                self.hard_state = hard_state;
            }
            if let Some(from) = write.truncate_from {
                self.log.truncate(position(from));
            }
            if let Some(first) = write.append.first() {
                assert!(position(first.index) <= self.log.len(), "a write leaves no hole in the log");
                self.log.truncate(position(first.index));
                self.log.extend(&write.append);
            }
            self.commit_hint = self.commit_hint.max(write.commit_hint);
        }
    }

    /// Everything but the numbers of writes.
    pub(in crate::sim) fn hash_behaviour<H: Hasher>(&self, state: &mut H) {
        let Disk { hard_state, log, commit_hint, pending } = self;
        (hard_state, log, commit_hint, pending.len()).hash(state);
        for PendingWrite { seq: _, hard_state, truncate_from, append, commit_hint } in pending {
            (hard_state, truncate_from, append, commit_hint).hash(state);
        }
    }

    /// How many steps the pending writes would still take; each is all or nothing.
    pub(in crate::sim) fn pending_parts(&self) -> usize {
        self.parts(Rules::sound()).len()
    }

    /// Makes the first `parts` steps of what is pending durable and loses the rest: a crash in the middle of a write.
    pub(in crate::sim) fn crash_after(&mut self, parts: usize, rules: Rules) {
        let done = self.parts(rules).into_iter().take(parts).collect();
        self.pending = done;
        self.complete(WriteSeq(u64::MAX));
    }

    /// The pending writes as one group in its smallest steps, in the order in which they become durable (R57): the
    /// newest hard state, which stands for all, with the newest commit hint; then truncations and entries.
    fn parts(&self, rules: Rules) -> Vec<PendingWrite> {
        let hint = self.pending.iter().map(|write| write.commit_hint).max().unwrap_or(self.commit_hint);
        let hard_state = self.pending.iter().filter_map(|write| write.hard_state).next_back();
        let part = |truncate_from, append| {
            let commit_hint = self.commit_hint;
            PendingWrite { seq: WriteSeq(0), hard_state: None, truncate_from, append, commit_hint }
        };
        let mut parts = Vec::new();
        for write in &self.pending {
            parts.extend(write.truncate_from.map(|from| part(Some(from), Vec::new())));
            parts.extend(write.append.iter().map(|entry| part(None, vec![*entry])));
        }
        if hard_state.is_some() {
            let place = if rules.keeps(Rule::HardStateFirst) { 0 } else { parts.len() };
            parts.insert(place, PendingWrite { hard_state, commit_hint: hint, ..part(None, Vec::new()) });
        }
        parts
    }

    pub(in crate::sim) fn lose_pending(&mut self) {
        self.pending.clear();
    }
}

fn position(index: Index) -> usize {
    usize::try_from(index.prev().0).expect("scripted logs fit in memory")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::Term;

    fn write(seq: u64, truncate_from: Option<u64>, append: &[(u64, u64)]) -> PendingWrite {
        PendingWrite {
            seq: WriteSeq(seq),
            hard_state: Some(HardState { term: Term(seq), vote: None }),
            truncate_from: truncate_from.map(Index),
            append: append.iter().map(|(index, term)| LogId::new(*index, *term)).collect(),
            commit_hint: Index(0),
        }
    }

    #[test]
    fn writes_complete_in_order_and_a_crash_loses_the_others() {
        let mut disk = Disk::new(HardState::default(), vec![LogId::new(1, 1)]);
        disk.accept(write(1, None, &[(2, 1), (3, 1)]));
        disk.accept(write(2, Some(3), &[(3, 2)]));
        disk.accept(write(3, None, &[(4, 2)]));
        disk.complete(WriteSeq(2));
        assert!(disk.is_pending(WriteSeq(3)) && !disk.is_pending(WriteSeq(2)));
        disk.lose_pending();
        disk.complete(WriteSeq(3));
        assert_eq!(disk.log, [LogId::new(1, 1), LogId::new(2, 1), LogId::new(3, 2)]);
        assert_eq!(disk.hard_state.term, Term(2));
    }
}
