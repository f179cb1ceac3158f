//! Which configuration is in force: the newest in the log, committed or not (R71), with the way back (R74).

use std::sync::Arc;

use super::config::Config;
use super::types::Index;

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

    /// Configurations among the entries `first..=last`, as far as they are still known. Those below the newest committed
    /// one are not: whoever needs them reads them from the records.
    pub(super) fn between(&self, first: Index, last: Index) -> Vec<(Index, Arc<Config>)> {
        self.stack.iter().filter(|(index, _)| (first..=last).contains(index)).cloned().collect()
    }

    /// What is committed can no longer be rolled back.
    pub(super) fn forget_below(&mut self, commit: Index) {
        let committed = self.stack.iter().filter(|(index, _)| *index <= commit).count();
        if committed > 1 {
            self.stack.drain(..committed - 1);
        }
    }

    fn newest(&self) -> &(Index, Arc<Config>) {
        self.stack.last().expect("there is always a configuration in force")
    }
}
