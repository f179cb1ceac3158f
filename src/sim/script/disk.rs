//! One node's disk: what is durable, and the numbered writes that are not yet.
//!
//! It keeps log ids only; what an entry is, is the same everywhere and kept once by the world. A crash loses every
//! pending write. A write here is all or nothing; how a real write tears is the storage module's story.

use core::hash::{Hash, Hasher};
use std::collections::VecDeque;

use crate::raft::{HardState, Index, LogId, Rule, Rules, SnapshotMeta, WriteSeq};

#[derive(Clone, Debug)]
pub(in crate::sim) struct Disk {
    pub hard_state: HardState,
    /// The entry before the first of `log`.
    pub base: LogId,
    pub log: Vec<LogId>,
    /// The newest durable snapshot; becomes durable outside of the numbered writes.
    pub snapshot: Option<SnapshotMeta>,
    pub commit_hint: Index,
    /// The log was damaged and is not repaired yet; known across restarts (R64).
    pub is_recovering: bool,
    /// Entries that damage has taken, which were durable once (R66).
    pub lost: Vec<LogId>,
    pending: VecDeque<PendingWrite>,
}

/// A write that was handed out and is not durable.
#[derive(Clone, Debug)]
pub(in crate::sim) struct PendingWrite {
    pub seq: WriteSeq,
    pub hard_state: Option<HardState>,
    /// The log is discarded and begins anew behind this entry.
    pub reset_to: Option<LogId>,
    pub truncate_from: Option<Index>,
    pub append: Vec<LogId>,
    pub commit_hint: Index,
    pub compact_to: Option<Index>,
}

impl Disk {
    pub(in crate::sim) fn new(hard_state: HardState, log: Vec<LogId>) -> Disk {
        Disk {
            hard_state,
            base: LogId::ZERO,
            log,
            snapshot: None,
            commit_hint: Index(0),
            is_recovering: false,
            lost: Vec::new(),
            pending: VecDeque::new(),
        }
    }

    /// As of a node that has never been started.
    pub(super) fn wipe(&mut self) {
        *self = Disk::new(HardState::default(), Vec::new());
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
            if let Some(base) = write.reset_to {
                (self.base, self.log) = (base, Vec::new());
            }
            if let Some(from) = write.truncate_from {
                self.log.truncate(self.position(from));
            }
            if let Some(first) = write.append.first() {
                assert!(self.position(first.index) <= self.log.len(), "a write leaves no hole in the log");
                self.log.truncate(self.position(first.index));
                self.log.extend(&write.append);
            }
            self.commit_hint = self.commit_hint.max(write.commit_hint);
            if let Some(upto) = write.compact_to {
                let kept = self.position(upto.next());
                assert!(
                    self.snapshot.as_ref().is_some_and(|s| s.last.index >= upto),
                    "a snapshot covers what goes (R84)"
                );
                self.base = self.log[kept - 1];
                self.log.drain(..kept);
            }
        }
    }

    /// The entries from `from` on are unreadable: only what is before them counts from now on.
    pub(in crate::sim) fn lose_from(&mut self, from: Index) {
        let kept =
            usize::try_from(from.prev().0.saturating_sub(self.base.index.0)).expect("scripted logs fit in memory");
        self.lost.extend(self.log.drain(kept.min(self.log.len())..));
        self.commit_hint = self.commit_hint.min(from.prev());
    }

    /// The log as a start finds it: an installation that a crash cut short is finished (R86).
    pub(super) fn recover(&mut self) {
        let Some(snapshot) = &self.snapshot else { return };
        let last = snapshot.last;
        let held = if last.index == self.base.index { Some(self.base) } else { self.entry(last.index) };
        if last.index > self.base.index && held != Some(last) {
            (self.base, self.log) = (last, Vec::new());
        }
    }

    fn entry(&self, index: Index) -> Option<LogId> {
        let place = index.0.checked_sub(self.base.index.0 + 1)?;
        self.log.get(usize::try_from(place).ok()?).copied()
    }

    fn position(&self, index: Index) -> usize {
        let place = index.0.checked_sub(self.base.index.0 + 1).expect("what is compacted is never written again");
        usize::try_from(place).expect("scripted logs fit in memory")
    }

    /// What matters of the disk to whoever completes all pending writes at once, or loses power between two of their
    /// parts.
    pub(in crate::sim) fn hash_behaviour<H: Hasher>(&self, state: &mut H) {
        let Disk { hard_state, base, log, snapshot, commit_hint, is_recovering, lost, pending } = self;
        (hard_state, base, log, snapshot, commit_hint, is_recovering, lost, pending.is_empty()).hash(state);
        pending.iter().map(|write| write.commit_hint).max().hash(state);
        for part in self.parts(Rules::sound()) {
            let PendingWrite { seq: _, hard_state, reset_to, truncate_from, append, commit_hint, compact_to } = part;
            (hard_state, reset_to, truncate_from, append, commit_hint, compact_to).hash(state);
        }
    }

    /// Whether the log holds this entry, or will when what is under way is done.
    pub(in crate::sim) fn mentions(&self, entry: LogId) -> bool {
        let is_held = self.entry(entry.index) == Some(entry);
        is_held || self.pending.iter().any(|write| write.append.contains(&entry))
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
    /// newest hard state, which stands for all, with the newest commit hint; then what happens to the log, write by
    /// write. What is compacted goes last, since nobody misses it earlier.
    fn parts(&self, rules: Rules) -> Vec<PendingWrite> {
        let hint = self.pending.iter().map(|write| write.commit_hint).max().unwrap_or(self.commit_hint);
        let hard_state = self.pending.iter().filter_map(|write| write.hard_state).next_back();
        let nothing = PendingWrite {
            seq: WriteSeq(0),
            hard_state: None,
            reset_to: None,
            truncate_from: None,
            append: Vec::new(),
            commit_hint: self.commit_hint,
            compact_to: None,
        };
        let mut parts = Vec::new();
        for PendingWrite { reset_to, truncate_from, append, .. } in &self.pending {
            parts.extend(reset_to.map(|base| PendingWrite { reset_to: Some(base), ..nothing.clone() }));
            parts.extend(truncate_from.map(|from| PendingWrite { truncate_from: Some(from), ..nothing.clone() }));
            parts.extend(append.iter().map(|entry| PendingWrite { append: vec![*entry], ..nothing.clone() }));
        }
        let compact_to = self.pending.iter().filter_map(|write| write.compact_to).max();
        parts.extend(compact_to.map(|upto| PendingWrite { compact_to: Some(upto), ..nothing.clone() }));
        if hard_state.is_some() {
            let place = if rules.keeps(Rule::HardStateFirst) { 0 } else { parts.len() };
            parts.insert(place, PendingWrite { hard_state, commit_hint: hint, ..nothing });
        }
        parts
    }

    pub(in crate::sim) fn lose_pending(&mut self) {
        self.pending.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::Term;

    fn write(seq: u64, truncate_from: Option<u64>, append: &[(u64, u64)]) -> PendingWrite {
        PendingWrite {
            seq: WriteSeq(seq),
            hard_state: Some(HardState { term: Term(seq), vote: None }),
            reset_to: None,
            truncate_from: truncate_from.map(Index),
            append: append.iter().map(|(index, term)| LogId::new(*index, *term)).collect(),
            commit_hint: Index(0),
            compact_to: None,
        }
    }

    fn snapshot(index: u64, term: u64) -> Option<SnapshotMeta> {
        Some(SnapshotMeta { last: LogId::new(index, term), ..SnapshotMeta::default() })
    }

    #[test]
    fn a_log_is_compacted_and_discarded_only_by_completed_writes() {
        let mut disk = Disk::new(HardState::default(), vec![LogId::new(1, 1)]);
        disk.snapshot = snapshot(2, 1);
        disk.accept(PendingWrite { compact_to: Some(Index(2)), ..write(1, None, &[(2, 1), (3, 1)]) });
        disk.complete(WriteSeq(1));
        assert_eq!((disk.base, &disk.log[..]), (LogId::new(2, 1), &[LogId::new(3, 1)][..]));
        disk.recover();
        assert_eq!(disk.log, [LogId::new(3, 1)], "what the snapshot covers is in the log, and the rest stays");
        disk.accept(PendingWrite { reset_to: Some(LogId::new(9, 2)), ..write(2, None, &[(10, 2)]) });
        disk.complete(WriteSeq(2));
        assert_eq!((disk.base, &disk.log[..]), (LogId::new(9, 2), &[LogId::new(10, 2)][..]));
    }

    #[test]
    fn a_start_finishes_an_installation_and_leaves_a_log_that_holds_the_snapshot() {
        for (last, base) in [((3, 1), (0, 0)), ((1, 1), (0, 0)), ((4, 1), (4, 1)), ((3, 2), (3, 2))] {
            let log = [1, 2, 3].map(|index| LogId::new(index, 1)).to_vec();
            let mut disk = Disk::new(HardState::default(), log);
            disk.snapshot = snapshot(last.0, last.1);
            disk.recover();
            assert_eq!(disk.base, LogId::new(base.0, base.1), "a snapshot that ends at {last:?}");
            assert_eq!(disk.log.is_empty(), base != (0, 0));
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
