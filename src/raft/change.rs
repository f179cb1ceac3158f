//! How one configuration becomes the next: what a caller may ask for, and what is refused (R70, R72, R73, R81).
//!
//! Pure: it looks at the configuration in force and at nothing else. Whether this is the moment for a change is
//! `reconfigure.rs`.

use super::config::{Config, MEMBERS_MAX, Member};
use super::types::{Index, LogId, NodeId, Term};

/// Ids beyond this are a mistake: so many members no cluster ever has.
const ID_MAX: u64 = 1 << 62;

/// Longest name and longest address of a member, in bytes: a configuration is in every node's memory and log for ever.
const NAME_BYTES_MAX: usize = 40;
const ADDRESS_BYTES_MAX: usize = 300;

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
    #[error("its {what} is empty or too long")]
    Unusable { what: &'static str },
    /// Name, address and data directory belong to one member each.
    #[error("{by} has that {what}")]
    Taken { by: NodeId, what: &'static str },
    #[error("there are {MEMBERS_MAX} members, which is the most there can be")]
    TooManyMembers,
    /// Its vote would block every commit until it has (R75).
    #[error("{id} has not caught up: {missing} entries are missing")]
    NotCaughtUp { id: NodeId, missing: u64 },
    /// Nobody knows whether it could vote (R75).
    #[error("{id} has not answered within the election timeout")]
    NotHeard { id: NodeId },
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
    for (what, text, bytes_max) in
        [("name", &member.name, NAME_BYTES_MAX), ("address", &member.address, ADDRESS_BYTES_MAX)]
    {
        if text.is_empty() || text.len() > bytes_max {
            return Err(ChangeRefusal::Unusable { what });
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::StorageId;
    use crate::raft::quorum::overlap;

    const AT: Index = Index(7);

    fn member(id: u64) -> Member {
        let (name, address) = (format!("n{id}"), format!("host-{id}:7000"));
        Member { id: NodeId(id), name, address, storage: StorageId(id.into()) }
    }

    fn ids(list: &[u64]) -> Vec<NodeId> {
        list.iter().copied().map(NodeId).collect()
    }

    fn config(voters: &[u64], learners: &[u64]) -> Config {
        Config::of(voters.iter().chain(learners).copied().map(member).collect(), ids(learners))
    }

    fn replace(voters: &[u64], learners: &[u64]) -> Change {
        Change::Replace { voters: ids(voters), learners: ids(learners), auto_leave: true }
    }

    fn explicit(voters: &[u64]) -> Change {
        Change::Replace { voters: ids(voters), learners: Vec::new(), auto_leave: false }
    }

    fn learner(id: u64) -> Change {
        Change::AddLearner { member: member(id), auto_promote: false }
    }

    /// What a change gives, in words; `-` when it is already so.
    fn given(config: &Config, change: &Change) -> String {
        match next_config(config, AT, change) {
            Ok(Some(next)) => {
                assert_eq!(next.soundness(), Ok(()), "{change:?}");
                assert!(overlap(config, &next), "a quorum of {config} and one of {next} could miss each other");
                assert!(next.next_id >= config.next_id, "ids are not used again");
                next.to_string()
            }
            Ok(None) => "-".to_owned(),
            Err(refusal) => refusal.to_string(),
        }
    }

    /// P088, R72: one vote changes at once, with any number of learners; more go through a joint configuration.
    #[test]
    fn one_vote_changes_at_once_and_more_need_a_joint_configuration() {
        let three = config(&[1, 2, 3], &[4, 5]);
        let rows = [
            (Change::Promote { id: NodeId(4) }, "voters (n1 n2 n3 n4) learners (n5)"),
            (Change::Demote { id: NodeId(3) }, "voters (n1 n2) learners (n3 n4 n5)"),
            (Change::Remove { id: NodeId(1) }, "voters (n2 n3) learners (n4 n5)"),
            (Change::Remove { id: NodeId(5) }, "voters (n1 n2 n3) learners (n4)"),
            (learner(6), "voters (n1 n2 n3) learners (n4 n5 n6)"),
            (replace(&[1, 2, 3, 5], &[]), "voters (n1 n2 n3 n5)"),
            (replace(&[1, 2], &[3]), "voters (n1 n2) learners (n3)"),
            (replace(&[1, 2, 3], &[]), "voters (n1 n2 n3)"),
            (replace(&[1, 2, 3, 4, 5], &[]), "voters (n1 n2 n3 n4 n5) && (n1 n2 n3)"),
            (replace(&[1, 2, 4], &[]), "voters (n1 n2 n4) && (n1 n2 n3)"),
            (replace(&[1], &[]), "voters (n1) && (n1 n2 n3)"),
            (replace(&[], &[1]), "nobody would be left to vote"),
        ];
        for (change, expected) in rows {
            assert_eq!(given(&three, &change), expected, "{change:?}");
        }
        let alone = config(&[1], &[]);
        assert_eq!(given(&alone, &Change::Remove { id: NodeId(1) }), "nobody would be left to vote");
        assert_eq!(given(&alone, &Change::Demote { id: NodeId(1) }), "nobody would be left to vote");
    }

    /// P089, P090, R70, R73.
    #[test]
    fn a_joint_configuration_is_entered_once_and_only_left() {
        let from = config(&[1], &[2, 3, 4]);
        assert_eq!(given(&from, &Change::Leave), "there is no joint configuration to leave");
        assert_eq!(given(&from, &explicit(&[1, 2])), "voters (n1 n2) && (n1)");
        let joint = next_config(&from, AT, &replace(&[2, 3], &[4])).expect("it is allowed").expect("it is a change");
        assert_eq!(joint.to_string(), "voters (n2 n3) && (n1) learners (n4)");
        assert!(joint.auto_leave);
        for change in [learner(9), Change::Promote { id: NodeId(4) }, replace(&[1], &[]), explicit(&[2])] {
            assert_eq!(given(&joint, &change), "the configuration at 7 is joint: it has to be left first");
        }
        assert_eq!(given(&joint, &Change::Leave), "voters (n2 n3) learners (n4)");
        assert_eq!(left(&joint).members, [2, 3, 4].map(member), "who is in neither half is gone");

        let demoting = next_config(&config(&[1, 2, 3], &[4]), AT, &replace(&[1, 4], &[3]));
        let demoting = demoting.expect("it is allowed").expect("it is a change");
        assert_eq!(demoting.to_string(), "voters (n1 n4) && (n1 n2 n3) next learners (n3)");
        assert!(demoting.is_voter(NodeId(3)), "it votes in the old half until that is left");
        assert_eq!(given(&demoting, &Change::Leave), "voters (n1 n4) learners (n3)");
    }

    /// P091, R81.
    #[test]
    fn what_is_already_so_is_no_change_and_what_cannot_be_is_refused() {
        let three = config(&[1, 2, 3], &[4]);
        let taken = |change: fn(&mut Member)| {
            let mut newcomer = member(9);
            change(&mut newcomer);
            Change::AddLearner { member: newcomer, auto_promote: false }
        };
        let rows = [
            (Change::Promote { id: NodeId(1) }, "-"),
            (Change::Demote { id: NodeId(4) }, "-"),
            (Change::Remove { id: NodeId(9) }, "-"),
            (replace(&[3, 1, 2, 1], &[4, 4]), "-"),
            (learner(4), "-"),
            (Change::Promote { id: NodeId(9) }, "n9 is not a member"),
            (replace(&[1, 9], &[]), "n9 is not a member"),
            (replace(&[1, 2], &[2]), "n2 is named as a voter and as a learner"),
            (Change::Remove { id: NodeId(0) }, "n0 cannot be a member's id"),
            (Change::Promote { id: NodeId(0) }, "n0 cannot be a member's id"),
            (replace(&[1, 0], &[]), "n0 cannot be a member's id"),
            (learner(0), "n0 cannot be a member's id"),
            (learner(u64::MAX), "n18446744073709551615 cannot be a member's id"),
            (taken(|member| member.name = "n2".to_owned()), "n2 has that name"),
            (taken(|member| member.address = "host-3:7000".to_owned()), "n3 has that address"),
            (taken(|member| member.storage = StorageId(4)), "n4 has that data directory"),
            (taken(|member| member.name = String::new()), "its name is empty or too long"),
            (taken(|member| member.name = "x".repeat(41)), "its name is empty or too long"),
            (taken(|member| member.address = "x".repeat(301)), "its address is empty or too long"),
            (taken(|member| member.id = NodeId(2)), "n2 was used before, the next free id is n5"),
        ];
        for (change, expected) in rows {
            assert_eq!(given(&three, &change), expected, "{change:?}");
        }
    }

    /// R78: an id is used once, also when its member is long gone; a name may come back under a new one.
    #[test]
    fn a_name_comes_back_under_a_new_id_only() {
        let next = |config: &Config, change: Change| {
            next_config(config, AT, &change).expect("it is allowed").expect("it is a change")
        };
        let with = next(&config(&[1, 2, 3], &[]), learner(6));
        let without = next(&with, Change::Remove { id: NodeId(6) });
        assert_eq!(without.next_id, NodeId(7));
        assert_eq!(given(&without, &learner(6)), "n6 was used before, the next free id is n7");
        let again = Change::AddLearner { member: Member { id: NodeId(7), ..member(6) }, auto_promote: false };
        assert_eq!(given(&without, &again), "voters (n1 n2 n3) learners (n7)");
    }

    #[test]
    fn there_are_only_so_many_members() {
        let most = MEMBERS_MAX as u64;
        let almost = config(&[1], &(2..most).collect::<Vec<_>>());
        let full = next_config(&almost, AT, &learner(most)).expect("one more fits").expect("it is a change");
        assert_eq!(given(&full, &learner(most + 1)), "there are 18 members, which is the most there can be");
    }
}
