//! The network of a script: one ordered queue per direction of each pair, with links that can be cut or held.
//!
//! Nothing is lost, repeated or reordered unless the script says so.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::raft::{Envelope, NodeId};

/// Most messages under way in one direction of one pair; more than this is a storm, not a story.
pub(super) const LINK_MESSAGES_MAX: usize = 10_000;

/// From whom, to whom.
pub(super) type Link = (NodeId, NodeId);

#[derive(Clone, Debug, Default)]
pub(super) struct Network {
    queues: BTreeMap<Link, VecDeque<Envelope>>,
    cut: BTreeSet<Link>,
    held: BTreeSet<Link>,
    overflowed: Option<Link>,
}

impl Network {
    /// Queues a message; false when its link is cut or full and it is lost.
    pub(super) fn send(&mut self, envelope: &Envelope) -> bool {
        let link = (envelope.from, envelope.to);
        if self.cut.contains(&link) {
            return false;
        }
        let queue = self.queues.entry(link).or_default();
        if queue.len() >= LINK_MESSAGES_MAX {
            self.overflowed = Some(link);
            return false;
        }
        queue.push_back(envelope.clone());
        true
    }

    /// A link that was given more than it carries; the script cannot go on then.
    pub(super) fn overflowed(&self) -> Option<Link> {
        self.overflowed
    }

    /// Takes up to `count` messages of a link, the newest first when `newest` is set.
    pub(super) fn take(&mut self, link: Link, count: usize, newest: bool) -> Vec<Envelope> {
        let Some(queue) = self.queues.get_mut(&link) else { return Vec::new() };
        let count = count.min(queue.len());
        if newest { (0..count).filter_map(|_| queue.pop_back()).collect() } else { queue.drain(..count).collect() }
    }

    /// Links that have messages and are not held.
    pub(super) fn busy_links(&self) -> Vec<Link> {
        let busy = self.queues.iter().filter(|(link, queue)| !queue.is_empty() && !self.held.contains(*link));
        busy.map(|(link, _)| *link).collect()
    }

    /// Everything under way, held or not, by link.
    pub(super) fn in_flight(&self) -> impl Iterator<Item = &Envelope> {
        self.queues.values().flatten()
    }

    pub(super) fn queued(&self, link: Link) -> usize {
        self.queues.get(&link).map_or(0, VecDeque::len)
    }

    pub(super) fn oldest(&self, link: Link) -> Option<&Envelope> {
        self.queues.get(&link)?.front()
    }

    /// Cuts a link; gives what was under way on it.
    pub(super) fn cut(&mut self, link: Link) -> Vec<Envelope> {
        self.cut.insert(link);
        self.queues.remove(&link).unwrap_or_default().into()
    }

    pub(super) fn mend(&mut self, is_concerned: impl Fn(Link) -> bool) {
        self.cut.retain(|link| !is_concerned(*link));
    }

    pub(super) fn hold(&mut self, link: Link) {
        self.held.insert(link);
    }

    pub(super) fn release(&mut self, link: Link) {
        self.held.remove(&link);
    }
}
