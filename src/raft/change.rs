//! How one configuration becomes the next: what a caller may ask for, and what is refused (R70, R72, R73, R81).
//!
//! Pure: it looks at the configuration in force and at nothing else. Whether this is the moment for a change is
//! `reconfigure.rs`.

use super::config::{Config, MEMBERS_MAX, Member};
use super::types::{Index, LogId, NodeId, Term};

/// Ids beyond this are a mistake: so many members no cluster ever has.
const ID_MAX: u64 = 1 << 62;

/// What a caller wants the cluster to become. Asking for what is already so changes nothing (R81).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new member, which learns first (R75).
    AddLearner {
        /// Its id must not have been used before: `Config::next_id`, or a greater one.
        member: Member,
        /// The leader makes it a voter as soon as it has caught up. A new leader knows nothing of this wish.
        auto_promote: bool,
    },
    /// A learner that has caught up becomes a voter.
    Promote {
        id: NodeId,
    },
    /// A voter becomes a learner.
    Demote {
        id: NodeId,
    },
    Remove {
        id: NodeId,
    },
    /// Exactly these voters and learners, out of the present members; all others leave. Through a joint configuration
    /// when more than one vote changes (§6).
    Replace {
        voters: Vec<NodeId>,
        learners: Vec<NodeId>,
        /// Leave the joint configuration as soon as it is committed. Else it is entered for one vote as well, and stays
        /// until `Leave`.
        auto_leave: bool,
    },
    /// From the joint configuration to its new half.
    Leave,
}

/// Why a change is not made. Nothing has been appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ChangeRefusal {
    /// Ask the leader, as far as this node knows (R112).
    #[error("it does not lead{}", .leader.map_or(String::new(), |leader| format!(", ask {leader}")))]
    NotLeader { leader: Option<NodeId> },
    #[error("it is handing over to {to}")]
    Transferring { to: NodeId },
    #[error("it has stopped")]
    Stopped,
    /// Until then another leader's change may still be on its way to a quorum (R72, raft-dev July 2015).
    #[error("nothing of term {term} is committed yet")]
    NothingCommitted { term: Term },
    /// One change at a time (R72).
    #[error("the configuration at {at} is not committed yet")]
    Uncommitted { at: Index },
    /// While joint, only leaving is possible (R73).
    #[error("the configuration at {at} is joint: it has to be left first")]
    Joint { at: Index },
    #[error("there is no joint configuration to leave")]
    NotJoint,
    /// The caller has decided by another configuration.
    #[error("the configuration in force is the one at {in_force}")]
    Stale { in_force: LogId },
    #[error("nobody would be left to vote")]
    NoVoters,
    /// Zero is nobody, and ids are counted up from one.
    #[error("{id} cannot be a member's id")]
    UnusableId { id: NodeId },
    /// Ids are for ever: messages of the former life may still be under way.
    #[error("{id} was used before, the next free id is {next_id}")]
    IdReused { id: NodeId, next_id: NodeId },
    #[error("{id} is not a member")]
    UnknownMember { id: NodeId },
    #[error("{id} is named as a voter and as a learner")]
    NamedTwice { id: NodeId },
    /// Name, address and data directory belong to one member each.
    #[error("{by} has that {what}")]
    Taken { by: NodeId, what: &'static str },
    #[error("there are {MEMBERS_MAX} members, which is the most there can be")]
    TooManyMembers,
    /// Its vote would block every commit until it has (R75).
    #[error("{id} has not caught up: {missing} entries are missing")]
    NotCaughtUp { id: NodeId, missing: u64 },
}

/// The configuration that `change` makes of `config`, whose entry is at `at`; none when it is already so.
pub(super) fn next_config(config: &Config, at: Index, change: &Change) -> Result<Option<Config>, ChangeRefusal> {
    match (change, config.is_joint()) {
        (Change::Leave, true) => return Ok(Some(left(config))),
        (Change::Leave, false) => return Err(ChangeRefusal::NotJoint),
        (_, true) => return Err(ChangeRefusal::Joint { at }),
        (Change::AddLearner { member, .. }, false) => return with_learner(config, member),
        (_, false) => {}
    }
    let (mut voters, mut learners) = (config.voters.clone(), config.learners.clone());
    let mut leaves_by_itself = true;
    match change {
        Change::Promote { id } => {
            known(config, *id)?;
            learners.retain(|learner| learner != id);
            voters.push(*id);
        }
        Change::Demote { id } => {
            known(config, *id)?;
            voters.retain(|voter| voter != id);
            learners.push(*id);
        }
        Change::Remove { id } => {
            usable(*id)?;
            voters.retain(|voter| voter != id);
            learners.retain(|learner| learner != id);
        }
        Change::Replace { voters: new_voters, learners: new_learners, auto_leave } => {
            new_voters.iter().chain(new_learners).try_for_each(|id| known(config, *id))?;
            if let Some(id) = new_learners.iter().find(|id| new_voters.contains(id)) {
                return Err(ChangeRefusal::NamedTwice { id: *id });
            }
            (voters, learners) = (new_voters.clone(), new_learners.clone());
            leaves_by_itself = *auto_leave;
        }
        Change::AddLearner { .. } | Change::Leave => unreachable!("these were handled above"),
    }
    [&mut voters, &mut learners].into_iter().for_each(|list| {
        list.sort_unstable();
        list.dedup();
    });
    toward(config, voters, learners, leaves_by_itself)
}

/// The new half alone: old voters that are to learn become learners now (R70).
pub(super) fn left(joint: &Config) -> Config {
    let mut learners: Vec<NodeId> = joint.learners.iter().chain(&joint.next_learners).copied().collect();
    learners.sort_unstable();
    only_listed(Config {
        outgoing: Vec::new(),
        next_learners: Vec::new(),
        auto_leave: false,
        learners,
        ..joint.clone()
    })
}

/// One vote more or less needs no joint configuration, since majorities of both still meet (thesis 4.1).
fn toward(
    config: &Config,
    voters: Vec<NodeId>,
    learners: Vec<NodeId>,
    leaves_by_itself: bool,
) -> Result<Option<Config>, ChangeRefusal> {
    if voters.is_empty() {
        return Err(ChangeRefusal::NoVoters);
    }
    if voters == config.voters && learners == config.learners {
        return Ok(None);
    }
    let gained = voters.iter().filter(|id| !config.voters.contains(id)).count();
    let lost = config.voters.iter().filter(|id| !voters.contains(id)).count();
    let is_joint = gained + lost > 1 || gained + lost == 1 && !leaves_by_itself;
    let next = if is_joint {
        let (next_learners, learners) = learners.into_iter().partition(|id| config.voters.contains(id));
        let outgoing = config.voters.clone();
        Config { voters, outgoing, learners, next_learners, auto_leave: leaves_by_itself, ..config.clone() }
    } else {
        Config { voters, learners, ..config.clone() }
    };
    Ok(Some(only_listed(next)))
}

fn with_learner(config: &Config, member: &Member) -> Result<Option<Config>, ChangeRefusal> {
    let id = member.id;
    usable(id)?;
    if config.member(id) == Some(member) {
        return Ok(None);
    }
    if id < config.next_id {
        return Err(ChangeRefusal::IdReused { id, next_id: config.next_id });
    }
    for other in &config.members {
        let by = other.id;
        if other.name == member.name {
            return Err(ChangeRefusal::Taken { by, what: "name" });
        }
        if other.address == member.address {
            return Err(ChangeRefusal::Taken { by, what: "address" });
        }
        if other.storage == member.storage {
            return Err(ChangeRefusal::Taken { by, what: "data directory" });
        }
    }
    if config.members.len() >= MEMBERS_MAX {
        return Err(ChangeRefusal::TooManyMembers);
    }
    let mut next = config.clone();
    next.learners.push(id);
    next.members.push(member.clone());
    next.next_id = NodeId(id.0 + 1);
    Ok(Some(next))
}

fn only_listed(mut config: Config) -> Config {
    let listed = config.listed();
    config.members.retain(|member| listed.contains(&member.id));
    config
}

fn known(config: &Config, id: NodeId) -> Result<(), ChangeRefusal> {
    usable(id)?;
    if config.is_member(id) { Ok(()) } else { Err(ChangeRefusal::UnknownMember { id }) }
}

fn usable(id: NodeId) -> Result<(), ChangeRefusal> {
    if (1..=ID_MAX).contains(&id.0) { Ok(()) } else { Err(ChangeRefusal::UnusableId { id }) }
}
