//! Links that somebody has cut on purpose: messages from and to some peers are dropped, as a broken network would.
//!
//! For experiments with local clusters: a node that no `cluster up` looks after refuses. A cut lasts until it is
//! healed, its time is over, or the process ends; nothing of it is on disk. Connections stay up, and clients are not
//! concerned: whoever cut a node off must still be able to look at it.

use core::fmt;
use std::collections::BTreeMap;

use crate::api::{CutLinks, Refused};
use crate::raft::{Config, NodeId, Time};

/// When a cut ends by itself; none when it does not.
type End = Option<Time>;

/// The cut links of this node.
#[derive(Debug)]
pub struct Cuts {
    is_allowed: bool,
    from: BTreeMap<NodeId, End>,
    to: BTreeMap<NodeId, End>,
}

impl Cuts {
    /// Without any; `is_allowed` says whether there may ever be one.
    pub fn new(is_allowed: bool) -> Cuts {
        Cuts { is_allowed, from: BTreeMap::new(), to: BTreeMap::new() }
    }

    /// Cuts these links as well; one that is cut already gets the new end. Gives all that are cut now.
    ///
    /// # Errors
    /// Cutting is not allowed here, or a peer is no other member of the cluster. Nothing has changed then.
    pub fn cut(&mut self, links: &CutLinks, end: End, own: NodeId, config: &Config) -> Result<CutLinks, Refused> {
        if !self.is_allowed {
            let because = "links are cut only at nodes that `cluster up` has started".to_owned();
            return Err(Refused::Invalid { because });
        }
        let is_peer = |id: &NodeId| *id != own && config.member(*id).is_some();
        if let Some(stranger) = links.from.iter().chain(&links.to).find(|id| !is_peer(id)) {
            return Err(Refused::Invalid { because: format!("{stranger} is no other member of the cluster") });
        }
        self.from.extend(links.from.iter().map(|id| (*id, end)));
        self.to.extend(links.to.iter().map(|id| (*id, end)));
        Ok(self.links())
    }

    /// Takes up the links with `peers` again, with everybody when it is empty. Gives what is still cut.
    ///
    /// # Errors
    /// Never: what is not cut needs no healing.
    pub fn heal(&mut self, peers: &[NodeId]) -> Result<CutLinks, Refused> {
        let stays = |id: &NodeId| !peers.is_empty() && !peers.contains(id);
        self.from.retain(|id, _| stays(id));
        self.to.retain(|id, _| stays(id));
        Ok(self.links())
    }

    /// Ends the cuts whose time is over. Gives whether there were any.
    pub fn expire(&mut self, now: Time) -> bool {
        let before = self.from.len() + self.to.len();
        let lasts = |end: &End| end.is_none_or(|end| end > now);
        self.from.retain(|_, end| lasts(end));
        self.to.retain(|_, end| lasts(end));
        self.from.len() + self.to.len() < before
    }

    /// When the next cut ends by itself.
    pub fn next_end(&self) -> Option<Time> {
        self.from.values().chain(self.to.values()).flatten().min().copied()
    }

    /// Whether what `peer` says is dropped.
    pub fn is_deaf_to(&self, peer: NodeId) -> bool {
        self.from.contains_key(&peer)
    }

    /// Whether what is said to `peer` is dropped.
    pub fn is_mute_to(&self, peer: NodeId) -> bool {
        self.to.contains_key(&peer)
    }

    pub fn links(&self) -> CutLinks {
        CutLinks { from: self.from.keys().copied().collect(), to: self.to.keys().copied().collect() }
    }
}

impl fmt::Display for Cuts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.links().is_empty() {
            return f.write_str("no link is cut");
        }
        let list = |ends: &BTreeMap<NodeId, End>| ends.keys().map(|id| format!(" {id}")).collect::<String>();
        let (from, to) = (list(&self.from), list(&self.to));
        let [from, to] = [from, to].map(|one| if one.is_empty() { " nobody".to_owned() } else { one });
        write!(f, "links are cut on purpose: dropping what comes from{from} and what goes to{to}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::{Member, StorageId};

    fn config() -> Config {
        let member = |id: u64| Member {
            id: NodeId(id),
            name: format!("n{id}"),
            address: String::new(),
            storage: StorageId(u128::from(id)),
        };
        Config::of((1..=3).map(member).collect(), Vec::new())
    }

    fn links(from: &[u64], to: &[u64]) -> CutLinks {
        let nodes = |ids: &[u64]| ids.iter().copied().map(NodeId).collect();
        CutLinks { from: nodes(from), to: nodes(to) }
    }

    fn cut(cuts: &mut Cuts, wanted: &CutLinks, end: End) -> Result<CutLinks, Refused> {
        cuts.cut(wanted, end, NodeId(1), &config())
    }

    #[test]
    fn each_direction_is_cut_and_healed_for_itself() {
        let mut cuts = Cuts::new(true);
        assert_eq!(cut(&mut cuts, &links(&[2], &[2, 3]), None), Ok(links(&[2], &[2, 3])));
        let heard = |cuts: &Cuts| [2, 3].map(|id| (cuts.is_deaf_to(NodeId(id)), cuts.is_mute_to(NodeId(id))));
        assert_eq!(heard(&cuts), [(true, true), (false, true)]);
        assert_eq!(cuts.heal(&[NodeId(2)]), Ok(links(&[], &[3])));
        assert_eq!(heard(&cuts), [(false, false), (false, true)]);
        assert_eq!(cuts.heal(&[]), Ok(links(&[], &[])));
        assert_eq!(cuts.to_string(), "no link is cut");
    }

    #[test]
    fn a_cut_with_an_end_ends_then_and_a_new_one_replaces_the_end() {
        let mut cuts = Cuts::new(true);
        let at = Time::from_millis;
        cut(&mut cuts, &links(&[2], &[3]), Some(at(50))).expect("both are peers");
        cut(&mut cuts, &links(&[], &[3]), Some(at(80))).expect("it is a peer");
        assert_eq!(cuts.next_end(), Some(at(50)));
        assert!(!cuts.expire(at(49)));
        assert!(cuts.expire(at(50)));
        assert_eq!((cuts.links(), cuts.next_end()), (links(&[], &[3]), Some(at(80))));
        cut(&mut cuts, &links(&[], &[3]), None).expect("it is a peer");
        assert!(!cuts.expire(at(1_000)), "it lasts until it is healed");
    }

    #[test]
    fn strangers_oneself_and_unattended_nodes_are_refused_and_nothing_changes() {
        let mut cuts = Cuts::new(true);
        for wrong in [links(&[2, 1], &[]), links(&[], &[9])] {
            assert!(matches!(cut(&mut cuts, &wrong, None), Err(Refused::Invalid { .. })), "{wrong:?}");
        }
        assert!(cuts.links().is_empty());
        let mut alone = Cuts::new(false);
        assert!(matches!(cut(&mut alone, &links(&[2], &[]), None), Err(Refused::Invalid { .. })));
        assert!(!alone.is_deaf_to(NodeId(2)));
    }
}
