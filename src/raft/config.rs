//! Who is in the cluster and who counts (§6, R70): the value a configuration entry carries.
//!
//! Holds facts only; counting majorities is `quorum.rs`, which configuration is in force is `membership.rs`, and how one
//! becomes the next is `change.rs`.

use core::fmt;

use super::types::{NodeId, StorageId};

/// A member as the configuration names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    pub id: NodeId,
    /// `[a-z0-9-]`, 1 to 40 characters; may be used again after the member has left, unlike the id.
    pub name: String,
    /// `host:port` that other nodes and clients dial.
    pub address: String,
    /// The data directory this member was admitted with; another one under the same id is refused (R65).
    pub storage: StorageId,
}

/// Most members of a configuration, learners and those who are leaving included.
pub const MEMBERS_MAX: usize = 18;

/// A configuration: two voter sets while joint, one otherwise, and learners who never count (R70).
///
/// All id lists are sorted and free of repeats; `members` is sorted by id and names every listed id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Config {
    pub voters: Vec<NodeId>,
    /// The old half of a joint configuration; empty when not joint.
    pub outgoing: Vec<NodeId>,
    pub learners: Vec<NodeId>,
    /// Voters of the old half that become learners when the joint configuration is left.
    pub next_learners: Vec<NodeId>,
    pub auto_leave: bool,
    pub members: Vec<Member>,
    /// The id the next new member gets; ids are never reused.
    pub next_id: NodeId,
}

impl Config {
    /// A plain configuration of `members`, those in `learners` not voting.
    pub fn of(mut members: Vec<Member>, mut learners: Vec<NodeId>) -> Config {
        members.sort_by_key(|member| member.id);
        learners.sort();
        let voters = members.iter().map(|m| m.id).filter(|id| !learners.contains(id)).collect();
        let next_id = NodeId(members.iter().map(|m| m.id.0).max().unwrap_or(0) + 1);
        Config { voters, learners, members, next_id, ..Config::default() }
    }

    pub fn is_joint(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Whether `id` counts in either half.
    pub fn is_voter(&self, id: NodeId) -> bool {
        self.voters.contains(&id) || self.outgoing.contains(&id)
    }

    pub fn is_member(&self, id: NodeId) -> bool {
        self.is_voter(id) || self.learners.contains(&id)
    }

    pub fn member(&self, id: NodeId) -> Option<&Member> {
        self.members.iter().find(|member| member.id == id)
    }

    /// Every listed id, each once, in order.
    pub fn listed(&self) -> Vec<NodeId> {
        let lists = [&self.voters, &self.outgoing, &self.learners, &self.next_learners];
        let mut ids: Vec<NodeId> = lists.into_iter().flatten().copied().collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Whether this can be a configuration at all; else what is wrong with it. What the network or a disk brings may
    /// not be, and counting by it would elect or commit without a majority (R72, R80).
    ///
    /// # Errors
    /// The sentence says which fact of `Config` does not hold.
    pub fn soundness(&self) -> Result<(), &'static str> {
        let is_ordered = |ids: &[NodeId]| ids.is_sorted_by(|one, other| one < other);
        let lists = [&self.voters, &self.outgoing, &self.learners, &self.next_learners];
        if self.voters.is_empty() {
            return Err("its configuration has no voters");
        }
        if !lists.iter().all(|list| is_ordered(list)) {
            return Err("its configuration lists members out of order");
        }
        let is_misplaced = |id: &NodeId| self.is_voter(*id) || self.next_learners.contains(id);
        if self.learners.iter().any(is_misplaced) {
            return Err("its configuration has learners that vote");
        }
        let is_leaving = |id: &NodeId| self.outgoing.contains(id) && !self.voters.contains(id);
        if !self.next_learners.iter().all(is_leaving) {
            return Err("its configuration demotes members that do not vote");
        }
        let named: Vec<NodeId> = self.members.iter().map(|member| member.id).collect();
        if named != self.listed() {
            return Err("its configuration does not name exactly its members");
        }
        if named.contains(&NodeId(0)) || named.last().is_some_and(|last| *last >= self.next_id) {
            return Err("its configuration uses ids that cannot be in use");
        }
        Ok(())
    }

    pub fn member_named(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "voters {}", IdList(&self.voters))?;
        if self.is_joint() {
            write!(f, " && {}", IdList(&self.outgoing))?;
        }
        if !self.learners.is_empty() {
            write!(f, " learners {}", IdList(&self.learners))?;
        }
        if !self.next_learners.is_empty() {
            write!(f, " next learners {}", IdList(&self.next_learners))?;
        }
        Ok(())
    }
}

struct IdList<'a>(&'a [NodeId]);

impl fmt::Display for IdList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (position, id) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(" ")?;
            }
            write!(f, "{id}")?;
        }
        f.write_str(")")
    }
}
