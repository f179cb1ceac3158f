//! A plan to go on after a majority was lost for good: from whom, and what is lost with the others.
//!
//! No rule of Raft allows this: entries that only the lost nodes held may have been acknowledged. So the plan is made
//! of scans, says by name what may be lost, and binds: it is applied to the one directory it names, as it was scanned.
//! A plan is a value; nothing here reads a disk.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::survivor::Scan;

/// What is to be done, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub cluster: String,
    pub cluster_id: String,
    /// The node whose state is gone on from: the first of `survivors`.
    pub chosen: String,
    /// Best first: by the term of the last entry, then by its index, as an election would choose (§5.4.1).
    pub survivors: Vec<Scan>,
    pub lost: Vec<String>,
    pub losses: Vec<Loss>,
    /// XXH3 of the plan with this field empty, so that an edited one is noticed.
    pub checksum: String,
}

/// Entries that are, or may be, lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loss {
    pub first: u64,
    /// None where nobody is left who knows.
    pub last: Option<u64>,
    pub term: Option<u64>,
    /// Survivors that hold them; none when only the lost did.
    pub held_by: Vec<String>,
    /// Known to be committed: acknowledged writes are among them.
    pub committed: bool,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("no survivor was given")]
    Nobody,
    #[error("{node} was given twice")]
    Twice { node: String },
    #[error("{one} and {other} are not of one cluster")]
    Clusters { one: String, other: String },
    #[error("{} survive, and are enough to elect a leader", .nodes.join(" "))]
    Quorum { nodes: Vec<String> },
    #[error("nobody said what became of {}", .nodes.join(" "))]
    Unaccounted { nodes: Vec<String> },
    #[error("{node} was scanned, and cannot be lost")]
    Found { node: String },
    #[error("{node} is no member of the cluster")]
    Stranger { node: String },
}

/// Why a plan is not followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    #[error("the plan goes on from {chosen}, of whom it has no scan")]
    NoScan { chosen: String },
    #[error("the plan has checksum {found}, but its text gives {computed}: it was changed")]
    Edited { found: String, computed: String },
    #[error("the plan goes on from {chosen}, and this is {node}")]
    OtherNode { chosen: String, node: String },
    #[error("{node} ended with entry {was} when it was scanned, and ends with {now}")]
    Moved { node: String, was: String, now: String },
    #[error("{node} is not as it was when it was scanned")]
    Changed { node: String },
}

impl Plan {
    /// # Errors
    /// There is a better way than this, or not enough is known.
    pub fn make(mut survivors: Vec<Scan>, lost: &[String]) -> Result<Plan, PlanError> {
        survivors.sort_by_key(|scan| std::cmp::Reverse(rank(scan)));
        let Some(best) = survivors.first().cloned() else { return Err(PlanError::Nobody) };
        let mut names = BTreeSet::new();
        for scan in &survivors {
            if scan.cluster_id != best.cluster_id {
                return Err(PlanError::Clusters { one: best.node, other: scan.node.clone() });
            }
            if !names.insert(scan.node.clone()) {
                return Err(PlanError::Twice { node: scan.node.clone() });
            }
        }
        let newest = survivors.iter().max_by_key(|scan| scan.members.index).unwrap_or(&best);
        let members = newest.members.clone();
        let is_quorum =
            |voters: &Vec<String>| voters.iter().filter(|voter| names.contains(*voter)).count() > voters.len() / 2;
        if !members.voters.is_empty() && members.voters.iter().all(is_quorum) {
            return Err(PlanError::Quorum { nodes: names.into_iter().collect() });
        }
        for node in lost {
            match (names.contains(node), members.names.contains(node)) {
                (true, _) => return Err(PlanError::Found { node: node.clone() }),
                (false, false) => return Err(PlanError::Stranger { node: node.clone() }),
                (false, true) => {}
            }
        }
        let is_missing = |name: &&String| !names.contains(*name) && !lost.contains(name);
        let nodes: Vec<String> = members.names.iter().filter(is_missing).cloned().collect();
        if !nodes.is_empty() {
            return Err(PlanError::Unaccounted { nodes });
        }
        let losses = losses(&survivors);
        let mut plan = Plan {
            cluster: best.cluster.clone(),
            cluster_id: best.cluster_id.clone(),
            chosen: best.node,
            survivors,
            lost: lost.to_vec(),
            losses,
            checksum: String::new(),
        };
        plan.checksum = plan.computed();
        Ok(plan)
    }

    /// # Errors
    /// It is not as it was made.
    pub fn verify(&self) -> Result<(), Mismatch> {
        let computed = self.computed();
        match self.checksum == computed {
            true => Ok(()),
            false => Err(Mismatch::Edited { found: self.checksum.clone(), computed }),
        }
    }

    /// Whether a directory is the one that is gone on from, as it was scanned.
    ///
    /// # Errors
    /// What is different.
    pub fn check_against(&self, now: &Scan) -> Result<(), Mismatch> {
        let node = now.node.clone();
        let Some(was) = self.survivors.iter().find(|scan| scan.node == self.chosen) else {
            return Err(Mismatch::NoScan { chosen: self.chosen.clone() });
        };
        if (was.node_id, &was.storage_id, &was.cluster_id) != (now.node_id, &now.storage_id, &now.cluster_id) {
            return Err(Mismatch::OtherNode { chosen: self.chosen.clone(), node });
        }
        let position = |scan: &Scan| format!("{}@{} ({})", scan.last, scan.last_term, scan.last_check);
        if position(was) != position(now) {
            return Err(Mismatch::Moved { node, was: position(was), now: position(now) });
        }
        if was == now { Ok(()) } else { Err(Mismatch::Changed { node }) }
    }

    fn computed(&self) -> String {
        let unsigned = Plan { checksum: String::new(), ..self.clone() };
        let text = serde_json::to_vec(&unsigned).expect("a plan is plain data");
        format!("{:016x}", xxh3_64(&text))
    }
}

/// Of two that end alike, one that is whole.
fn rank(scan: &Scan) -> (u64, u64, bool) {
    (scan.last_term, scan.last, scan.damage.is_none() && !scan.recovering)
}

/// What the best survivor does not hold.
fn losses(survivors: &[Scan]) -> Vec<Loss> {
    let Some((best, others)) = survivors.split_first() else { return Vec::new() };
    let mut losses: Vec<Loss> = Vec::new();
    for other in others {
        let shared = shared_until(best, other);
        for run in other.terms.iter().filter(|run| run.last > shared) {
            let (first, last, term) = (run.first.max(shared + 1), Some(run.last), Some(run.term));
            let committed = other.commit >= first;
            match losses.iter_mut().find(|loss| (loss.first, loss.last, loss.term) == (first, last, term)) {
                Some(loss) => {
                    loss.held_by.push(other.node.clone());
                    loss.committed |= committed;
                }
                None => losses.push(Loss { first, last, term, held_by: vec![other.node.clone()], committed }),
            }
        }
    }
    losses.push(Loss { first: best.last + 1, last: None, term: None, held_by: Vec::new(), committed: false });
    losses
}

/// The last index at which both hold an entry of one term, and so the same entries up to there (§5.3); below where their
/// terms are known, everything is taken to be shared.
fn shared_until(one: &Scan, other: &Scan) -> u64 {
    let term_at = |scan: &Scan, index: u64| {
        scan.terms.iter().find(|run| (run.first..=run.last).contains(&index)).map(|run| run.term)
    };
    let ends = one.terms.iter().chain(&other.terms).map(|run| run.last).chain([one.last, other.last]);
    let agree = |index: &u64| term_at(one, *index).is_some() && term_at(one, *index) == term_at(other, *index);
    let oldest = |scan: &Scan| scan.terms.first().map_or(scan.last, |run| run.first);
    // Nodes keep different parts of what is committed; below the first entry that either has it is a snapshot's.
    let floor = oldest(one).max(oldest(other)) - 1;
    ends.filter(agree).max().unwrap_or(0).max(floor.min(one.last).min(other.last))
}

#[cfg(test)]
mod tests {
    use super::super::survivor::{ScannedMembers, TermRun};
    use super::*;

    fn scan(node: u64, runs: &[(u64, u64, u64)], commit: u64) -> Scan {
        let names: Vec<String> = (1..=5).map(|id| format!("n{id}")).collect();
        let terms: Vec<TermRun> = runs.iter().map(|&(term, first, last)| TermRun { term, first, last }).collect();
        let end = terms.last().copied().expect("a log has entries");
        Scan {
            cluster: "demo".to_owned(),
            cluster_id: "c".to_owned(),
            node: format!("n{node}"),
            node_id: node,
            storage_id: format!("s{node}"),
            term: end.term,
            last: end.last,
            last_term: end.term,
            last_check: format!("{:08x}", end.last * 100 + end.term),
            commit,
            terms,
            members: ScannedMembers { index: 1, names: names.clone(), voters: vec![names] },
            damage: None,
            recovering: false,
        }
    }

    fn lost(names: &str) -> Vec<String> {
        names.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn the_later_term_wins_over_the_longer_log_and_what_the_others_hold_is_named() {
        let longer = scan(1, &[(1, 1, 1), (2, 2, 9)], 5);
        let later = scan(2, &[(1, 1, 1), (2, 2, 6), (3, 7, 8)], 4);
        let plan = Plan::make(vec![longer, later], &lost("n3 n4 n5")).expect("a plan");
        assert_eq!(plan.chosen, "n2");
        let held = Loss { first: 7, last: Some(9), term: Some(2), held_by: lost("n1"), committed: false };
        let unknown = Loss { first: 9, last: None, term: None, held_by: Vec::new(), committed: false };
        assert_eq!(plan.losses, [held, unknown]);
        assert_eq!(plan.verify(), Ok(()));
    }

    #[test]
    fn what_a_survivor_knows_to_be_committed_is_told_when_it_is_lost() {
        let whole = scan(1, &[(1, 1, 1), (2, 2, 9)], 9);
        let plan = Plan::make(vec![whole, scan(2, &[(1, 1, 1), (3, 2, 3)], 1)], &lost("n3 n4 n5")).expect("a plan");
        assert_eq!((plan.chosen.as_str(), plan.losses[0].first, plan.losses[0].committed), ("n2", 2, true));
    }

    #[test]
    fn logs_that_begin_behind_snapshots_share_what_is_below() {
        let short = scan(1, &[(2, 50, 60)], 55);
        let long = scan(2, &[(2, 20, 60), (3, 61, 62)], 60);
        let plan = Plan::make(vec![short, long], &lost("n3 n4 n5")).expect("a plan");
        assert_eq!((plan.chosen.as_str(), plan.losses.len()), ("n2", 1), "{:?}", plan.losses);
    }

    #[test]
    fn of_two_that_end_alike_the_whole_one_is_chosen() {
        let mut hurt = scan(1, &[(1, 1, 4)], 4);
        hurt.damage = Some("behind".to_owned());
        let plan = Plan::make(vec![hurt, scan(2, &[(1, 1, 4)], 4)], &lost("n3 n4 n5")).expect("a plan");
        assert_eq!(plan.chosen, "n2");
    }

    #[test]
    fn there_is_no_plan_where_there_is_a_better_way_or_too_little_is_known() {
        let one = |node| scan(node, &[(1, 1, 3)], 3);
        let refused = |scans: Vec<Scan>, names: &[String]| Plan::make(scans, names).expect_err("refused").to_string();
        assert_eq!(refused(vec![], &[]), "no survivor was given");
        assert_eq!(refused(vec![one(1), one(1)], &[]), "n1 was given twice");
        assert_eq!(refused(vec![one(1), one(2), one(3)], &[]), "n1 n2 n3 survive, and are enough to elect a leader");
        assert_eq!(refused(vec![one(1), one(2)], &lost("n3")), "nobody said what became of n4 n5");
        assert_eq!(refused(vec![one(1)], &lost("n1")), "n1 was scanned, and cannot be lost");
        assert_eq!(refused(vec![one(1)], &lost("n9")), "n9 is no member of the cluster");
        let other = Scan { cluster_id: "d".to_owned(), ..one(2) };
        assert_eq!(refused(vec![one(1), other], &lost("n3 n4 n5")), "n1 and n2 are not of one cluster");
        // While joint, a majority of one half is not enough.
        let mut joint = one(1);
        joint.members.voters = vec![lost("n1 n2 n3"), lost("n3 n4 n5")];
        let mut second = one(2);
        second.members = joint.members.clone();
        assert!(Plan::make(vec![joint, second], &lost("n3 n4 n5")).is_ok());
    }

    #[test]
    fn a_plan_that_was_edited_and_a_directory_that_moved_are_noticed() {
        let chosen = scan(2, &[(1, 1, 4)], 4);
        let plan = Plan::make(vec![scan(1, &[(1, 1, 3)], 3), chosen.clone()], &lost("n3 n4 n5")).expect("a plan");
        assert_eq!(plan.check_against(&chosen), Ok(()));
        let moved = scan(2, &[(1, 1, 5)], 4);
        assert!(matches!(plan.check_against(&moved), Err(Mismatch::Moved { .. })));
        let other = Scan { storage_id: "x".to_owned(), ..chosen.clone() };
        assert!(matches!(plan.check_against(&other), Err(Mismatch::OtherNode { .. })));
        assert!(matches!(plan.check_against(&Scan { term: 9, ..chosen }), Err(Mismatch::Changed { .. })));
        let edited = Plan { chosen: "n1".to_owned(), ..plan.clone() };
        assert!(matches!(edited.verify(), Err(Mismatch::Edited { .. })));
        let text = serde_json::to_string_pretty(&plan).expect("a plan is plain data");
        assert_eq!(serde_json::from_str::<Plan>(&text).expect("what was written").verify(), Ok(()));
    }
}
