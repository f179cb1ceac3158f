//! Which configuration is in force: the newest in the log, committed or not (R71), with the way back (R74).

use std::sync::Arc;

use super::config::Config;
use super::types::{Index, NodeId};

/// Configurations by the index of their entry; the last is in force.
#[derive(Clone, Debug, Hash)]
pub(super) struct Membership {
    /// Those above the known commit, and the newest at or below it. Never empty.
    stack: Vec<(Index, Arc<Config>)>,
}

impl Membership {
    /// None when there is no configuration at all.
    pub(super) fn of(configs: &[(Index, Arc<Config>)], commit: Index) -> Option<Membership> {
        let mut membership = Membership { stack: configs.to_vec() };
        if membership.stack.is_empty() {
            return None;
        }
        membership.forget_below(commit);
        Some(membership)
    }

    /// Of a node whose log is empty: nobody votes, this node least of all (R79).
    pub(super) fn unknown() -> Membership {
        Membership { stack: vec![(Index(0), Arc::default())] }
    }

    pub(super) fn config(&self) -> &Arc<Config> {
        &self.newest().1
    }

    /// Index of the entry that brought the configuration in force.
    pub(super) fn index(&self) -> Index {
        self.newest().0
    }

    /// Index of the oldest configuration still known; nothing at or before it may be replaced.
    pub(super) fn oldest(&self) -> Index {
        self.stack.first().expect("there is always a configuration in force").0
    }

    /// Everything that is still known, oldest first; the last is in force.
    pub(super) fn known(&self) -> &[(Index, Arc<Config>)] {
        &self.stack
    }

    /// The index at which `id` ceased to be a member, if the newest configuration up to `commit` is without it and an
    /// earlier one still known is not.
    pub(super) fn removal_of(&self, id: NodeId, commit: Index) -> Option<Index> {
        if self.stack.len() == 1 {
            return None;
        }
        let count = self.stack.iter().take_while(|(index, _)| *index <= commit).count();
        let committed = &self.stack[..count];
        let last_with = committed.iter().rposition(|(_, config)| config.is_member(id))?;
        committed.get(last_with + 1).map(|(index, _)| *index)
    }

    /// Whether `id` votes in the configuration in force or in one that would be back in force if what is not known to
    /// be committed were cut off. While that is open its log may be the only one that can win: whoever holds the entry
    /// that takes its vote must not wait for others to be elected who do not (thesis 4.2.2).
    pub(super) fn may_campaign(&self, id: NodeId) -> bool {
        self.stack.iter().any(|(_, config)| config.is_voter(id))
    }

    pub(super) fn appended(&mut self, index: Index, config: Arc<Config>) {
        assert!(index > self.index(), "configurations are appended in order");
        self.stack.push((index, config));
    }

    /// The entries from `from` on are gone. Gives whether that changed the configuration in force.
    pub(super) fn truncated(&mut self, from: Index) -> bool {
        let before = self.stack.len();
        self.stack.retain(|(index, _)| *index < from);
        assert!(!self.stack.is_empty(), "a committed configuration is never truncated");
        self.stack.len() < before
    }

    /// A snapshot takes the place of the log: its configuration is in force, whatever was before (R74). Gives whether
    /// that is another one.
    pub(super) fn replaced(&mut self, index: Index, config: Arc<Config>) -> bool {
        let changed = *self.config() != config;
        self.stack = vec![(index, config)];
        changed
    }

    /// Configurations among the entries `first..=last`, as far as they are still known. Those below the newest committed
    /// one are not: whoever needs them reads them from the records.
    pub(super) fn between(&self, first: Index, last: Index) -> Vec<(Index, Arc<Config>)> {
        self.stack.iter().filter(|(index, _)| (first..=last).contains(index)).cloned().collect()
    }

    /// What is committed can no longer be rolled back.
    pub(super) fn forget_below(&mut self, commit: Index) {
        if self.stack.len() == 1 {
            return;
        }
        let committed = self.stack.iter().filter(|(index, _)| *index <= commit).count();
        if committed > 1 {
            self.stack.drain(..committed - 1);
        }
    }

    fn newest(&self) -> &(Index, Arc<Config>) {
        self.stack.last().expect("there is always a configuration in force")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(voters: &[u64]) -> Arc<Config> {
        Arc::new(Config { voters: voters.iter().map(|id| NodeId(*id)).collect(), ..Config::default() })
    }

    /// R71, R74: three uncommitted configurations on a follower whose known commit lags, rolled back step by step.
    #[test]
    fn truncation_brings_back_whatever_configuration_was_in_force_before() {
        let configs = [(Index(1), of(&[1])), (Index(4), of(&[1, 2])), (Index(7), of(&[1, 2, 3]))];
        let all = Membership::of(&configs, Index(0)).expect("there is one");
        for (from, changes, index) in [(8, false, 7), (7, true, 4), (5, true, 4), (4, true, 1), (2, true, 1)] {
            let mut membership = all.clone();
            assert_eq!(membership.truncated(Index(from)), changes, "from {from}");
            assert_eq!(membership.index(), Index(index), "from {from}");
        }
        let mut known = all;
        known.forget_below(Index(5));
        assert_eq!(known.oldest(), Index(4), "the newest committed one stays");
        assert_eq!(known.between(Index(1), Index(9)).len(), 2);
    }

    /// R77: who was never a member has not been removed.
    #[test]
    fn a_removal_is_seen_when_it_is_committed_and_only_then() {
        let configs =
            [(Index(1), of(&[1, 3])), (Index(4), of(&[1, 2, 3])), (Index(7), of(&[1, 3])), (Index(9), of(&[1]))];
        let membership = Membership::of(&configs, Index(0)).expect("there is one");
        let rows =
            [(2, 1, None), (2, 6, None), (2, 7, Some(7)), (2, 9, Some(7)), (3, 8, None), (3, 9, Some(9)), (5, 9, None)];
        for (id, commit, expected) in rows {
            assert_eq!(membership.removal_of(NodeId(id), Index(commit)), expected.map(Index), "n{id} at {commit}");
        }
    }
}
