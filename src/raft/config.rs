//! Who is in the cluster and who counts (§6, R70): the value a configuration entry carries.
//!
//! Holds facts only; counting majorities is `quorum.rs`, and which configuration is in force is `membership.rs`.

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
