//! Counting majorities, in one voter set or in both halves of a joint configuration (R80).

use super::config::Config;
use super::types::NodeId;

/// How a vote stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tally {
    Won,
    Lost,
    Open,
}

/// How many of `voters` nodes make a majority.
pub fn majority(voters: usize) -> usize {
    voters / 2 + 1
}

/// The greatest value that a majority of each half has reached; `value` gives each voter's.
///
/// An empty half is always satisfied. A configuration without voters reaches nothing.
pub fn reached<T: Ord + Copy + Default>(config: &Config, value: impl Fn(NodeId) -> T) -> T {
    let Some(incoming) = reached_in(&config.voters, &value) else { return T::default() };
    let outgoing = reached_in(&config.outgoing, &value);
    outgoing.map_or(incoming, |outgoing| outgoing.min(incoming))
}

fn reached_in<T: Ord + Copy + Default>(voters: &[NodeId], value: impl Fn(NodeId) -> T) -> Option<T> {
    /// Configurations of up to this many voters are counted without an allocation.
    const SMALL: usize = 9;
    let rank = voters.len().checked_sub(majority(voters.len()))?;
    if voters.len() <= SMALL {
        // Sorted as they come: for so few that is less work than to call for it.
        let mut values = [T::default(); SMALL];
        for (count, voter) in voters.iter().enumerate() {
            let value = value(*voter);
            let mut place = count;
            while place > 0 && values[place - 1] > value {
                values[place] = values[place - 1];
                place -= 1;
            }
            values[place] = value;
        }
        return values.get(rank).copied();
    }
    let mut values: Vec<T> = voters.iter().map(|voter| value(*voter)).collect();
    values.sort_unstable();
    values.get(rank).copied()
}

/// Whether every quorum of one configuration has a node in common with every quorum of the other (I10). Tries every set
/// of voters, so it is for checks and tests.
pub fn overlap(one: &Config, other: &Config) -> bool {
    let mut ids: Vec<NodeId> =
        [&one.voters, &one.outgoing, &other.voters, &other.outgoing].into_iter().flatten().copied().collect();
    ids.sort_unstable();
    ids.dedup();
    let place = |id: NodeId| ids.binary_search(&id).expect("it is one of them");
    let is_quorum = |config: &Config, set: u64| {
        let answer = |id: NodeId| Some(set >> place(id) & 1 == 1);
        tally(config, answer) == Tally::Won
    };
    (0..1u64 << ids.len()).all(|set| !(is_quorum(one, set) && is_quorum(other, !set)))
}

/// How a vote stands; `ballot` gives each voter's, none while it has not answered (R18).
pub fn tally(config: &Config, ballot: impl Fn(NodeId) -> Option<bool>) -> Tally {
    let halves = [tally_in(&config.voters, &ballot), tally_in(&config.outgoing, &ballot)];
    if config.voters.is_empty() || halves.contains(&Tally::Lost) {
        Tally::Lost
    } else if halves == [Tally::Won, Tally::Won] {
        Tally::Won
    } else {
        Tally::Open
    }
}

fn tally_in(voters: &[NodeId], ballot: impl Fn(NodeId) -> Option<bool>) -> Tally {
    if voters.is_empty() {
        return Tally::Won;
    }
    let needed = majority(voters.len());
    let yes = voters.iter().filter(|voter| ballot(**voter) == Some(true)).count();
    let no = voters.iter().filter(|voter| ballot(**voter) == Some(false)).count();
    if yes >= needed {
        Tally::Won
    } else if voters.len() - no < needed {
        Tally::Lost
    } else {
        Tally::Open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// I10: majorities of the two must have a node in common, whichever they are.
    #[test]
    fn configurations_overlap_when_no_two_quorums_miss_each_other() {
        let config = |voters: &[u64], outgoing: &[u64]| {
            let ids = |list: &[u64]| list.iter().copied().map(NodeId).collect();
            Config { voters: ids(voters), outgoing: ids(outgoing), ..Config::default() }
        };
        let rows = [
            (config(&[1, 2, 3], &[]), config(&[1, 2, 3, 4], &[]), true),
            (config(&[1, 2, 3], &[]), config(&[1, 2], &[]), true),
            (config(&[1, 2, 3], &[]), config(&[1, 2, 4], &[]), false),
            (config(&[1, 2, 3], &[]), config(&[1, 2, 3, 4, 5, 6], &[]), false),
            (config(&[1], &[]), config(&[2], &[]), false),
            (config(&[1, 2, 3], &[]), config(&[4, 5], &[1, 2, 3]), true),
            (config(&[4, 5], &[1, 2, 3]), config(&[4, 5], &[]), true),
            (config(&[1, 2, 3], &[]), config(&[4, 5], &[]), false),
        ];
        for (one, other, expected) in rows {
            assert_eq!(overlap(&one, &other), expected, "{one} and {other}");
            assert_eq!(overlap(&other, &one), expected, "{other} and {one}");
        }
    }
}
