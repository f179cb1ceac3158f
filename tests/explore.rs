//! Every course of small worlds that a changed or repaired cluster, or one with leases, can take: what of
//! docs/testing.md, "Model checking", takes seconds. `examples/explore.sh` goes through all of it.
//!
//! That a broken rule is found in such worlds is shown by `tests/rules.rs`.

use raftctl::raft::{Rule, Rules};
use raftctl::sim::explore::{Bounds, ChangeKind, Verdict, explore};

/// One reign may follow another.
const SUCCESSION: Bounds = Bounds { campaigns: 2, ..Bounds::calm() };

/// In the midst of a reign that holds leases; another one may follow.
const LEASES: Bounds = Bounds { settled: true, terms: 1, lease_reads: true, heartbeats: 1, ..Bounds::calm() };

const LEASES_LEFT: Bounds = Bounds { changes: 1, change: ChangeKind::Remove, timeout_moments: 2, ..LEASES };

/// What is explored to the end, and how many states that takes at least: an exploration that has become blind to most
/// of what can happen is noticed.
const EXHAUSTED: &[(&str, Bounds, usize)] = &[
    ("a voter leaves", changed(ChangeKind::Remove, 0), 50_000),
    ("a voter becomes a learner", changed(ChangeKind::Demote, 0), 50_000),
    ("a learner becomes a voter", changed(ChangeKind::Promote, 1), 2_000),
    ("a learner takes a voter's place", changed(ChangeKind::Swap, 1), 2_000),
    ("one voter is left", changed(ChangeKind::Shrink, 0), 300_000),
    ("a log is damaged", Bounds { damages: 1, terms: 1, ..SUCCESSION }, 50_000),
    ("leadership is handed over", Bounds { transfers: 1, ..Bounds::calm() }, 1_500),
    ("a lease, a crash, and time passes", Bounds { crashes: 1, moments: 1, ..LEASES }, 150_000),
    ("a lease, and a voter leaves", Bounds { changes: 1, change: ChangeKind::Remove, ..LEASES }, 45_000),
    ("a lease among two, a voter leaves, and time passes", Bounds { nodes: 2, moments: 2, ..LEASES_LEFT }, 7_000),
    ("a lease, and time passes slowly", Bounds { moments: 2, timeout_moments: 2, ..LEASES }, 20_000),
];

const fn changed(change: ChangeKind, learners: u8) -> Bounds {
    Bounds { changes: 1, change, learners, ..SUCCESSION }
}

#[test]
fn sound_rules_break_nothing_in_any_course_of_these_worlds() {
    let mut wrong = Vec::new();
    for (name, bounds, states_min) in EXHAUSTED {
        let report = explore(bounds);
        println!("{name}: {report}");
        if !matches!(report.verdict, Verdict::Exhausted) || report.states < *states_min {
            wrong.push(format!("{name}: {report}; at least {states_min} states have to be exhausted"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Time in these worlds is real enough: clocks that run further apart than the cores were told make a lease lie, and
/// within the bound they do not.
#[test]
fn clocks_that_run_too_far_apart_make_a_lease_lie() {
    let apart = Bounds { moments: 2, timeout_moments: 4, rates: [1, 2], ..LEASES };
    let report = explore(&Bounds { drift_percent: 0, ..apart });
    let Verdict::Violated(found) = &report.verdict else { panic!("{report}") };
    println!("{found}\n{report}");
    assert_eq!(found.violation.rule, "I12 linearizable reads");
    let report = explore(&Bounds { drift_percent: 100, ..apart });
    assert!(matches!(report.verdict, Verdict::Exhausted), "{report}");
}

/// A limit ends an exploration and says how far it is complete; the same bounds give the same answer.
#[test]
fn an_exploration_that_is_cut_says_so_and_the_same_bounds_say_the_same() {
    let report = explore(&Bounds { states_max: 1_000, ..SUCCESSION });
    assert!(matches!(report.verdict, Verdict::Stopped { limit: "states", complete_depth: 1.. }), "{report}");
    let report = explore(&Bounds { depth_max: 5, ..SUCCESSION });
    assert!(matches!(report.verdict, Verdict::Stopped { limit: "depth", complete_depth: 5 }), "{report}");
    assert_eq!(report.to_string(), explore(&Bounds { depth_max: 5, ..SUCCESSION }).to_string());
}

/// The story of a violation is one of the shortest: with one step fewer nothing is found.
#[test]
fn no_course_with_fewer_steps_breaks_the_rule() {
    let bounds = Bounds { damages: 1, ..SUCCESSION }.breaking(Rules::without(Rule::RepairBeforeVote));
    let Verdict::Violated(found) = explore(&bounds).verdict else { panic!("the bug is found") };
    let shorter = explore(&Bounds { depth_max: found.steps.len() - 1, ..bounds });
    assert!(matches!(shorter.verdict, Verdict::Stopped { limit: "depth", .. }), "{shorter}");
}
