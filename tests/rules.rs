//! The tests tested: every deliberate bug is found, and by what (docs/testing.md, "Deliberate bugs").
//!
//! A bug is one rule that is not kept. Golden scripts, the exploration of small worlds, and stories of one disk look
//! for it; `every_deliberate_bug_is_found` prints who found what. With all rules kept, none of them finds anything.

use std::collections::BTreeMap;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use raftctl::raft::{Rule, Rules};
use raftctl::sim::explore::{Bounds, ChangeKind, Verdict, explore};
use raftctl::sim::script::{CommandFault, ScriptFault, run};
use raftctl::sim::{RunOptions, run_seed};

#[path = "rules/disks.rs"]
mod disks;

/// Who looks for a bug, and what must be found.
enum Hunt {
    /// A golden script, by its name, and what becomes of it: a broken invariant, or one of the words below.
    Script(&'static str, &'static str),
    /// Every course of a small world, and the invariant that breaks there.
    Explore(Bounds, &'static str),
    /// A story of one disk; it says what it found.
    Disk(fn(Rules) -> Option<String>),
}

use Hunt::{Disk, Explore, Script};

/// Simulated time with faults of each world of the swarm.
const SPAN: Duration = Duration::from_secs(20);

/// Deliberate bugs that the swarm finds without any other help, and within how many seeds, from 1 on.
const BY_SWARM: &[(Rule, u64)] = &[
    (Rule::VoteStored, 10),
    (Rule::FollowerAfterRestart, 20),
    (Rule::VoteOfTheTerm, 10),
    (Rule::VoteRequestWaits, 10),
    (Rule::LogUpToDate, 10),
    (Rule::VoteKept, 200),
    (Rule::OneBallotEach, 20),
    (Rule::OwnBallotDurable, 20),
    (Rule::QuorumContact, 300),
    (Rule::NoopFirst, 110),
    (Rule::TruncateOnConflict, 20),
    (Rule::MatchAcknowledged, 10),
    (Rule::WindowReopened, 10),
    (Rule::HeartbeatProven, 30),
    (Rule::CommitOwnTerm, 10),
    (Rule::CountOwnDurable, 10),
    (Rule::CountOwnCopy, 10),
    (Rule::ApplyDurable, 10),
    (Rule::HintDurable, 10),
    (Rule::VoteDurable, 10),
    (Rule::AckDurable, 10),
    (Rule::SyncBeforeDone, 10),
    (Rule::OverwrittenNotDurable, 20),
    (Rule::HardStateFirst, 20),
    (Rule::FailStop, 10),
    (Rule::DamageNotTorn, 20),
    (Rule::TornNotDamage, 10),
    (Rule::RepairBeforeVote, 100),
    (Rule::ChangeInOwnTerm, 100),
    (Rule::OneChange, 20),
    (Rule::BothHalvesElect, 100),
    (Rule::BothHalvesCommit, 40),
    (Rule::JointCommitted, 10),
    (Rule::ConfigRolledBack, 20),
    (Rule::VotedOut, 10),
    (Rule::SnapshotConfig, 10),
    (Rule::SuffixKept, 270),
    (Rule::ReadQuorum, 100),
    (Rule::ReadOwnTerm, 100),
    (Rule::DedupeReplicated, 20),
];

/// Of the bugs that are seldom found, the seeds that are tried: from here on. The ones before find nothing and take long.
const TRIED_FROM: &[(Rule, u64)] =
    &[(Rule::NoopFirst, 100), (Rule::BothHalvesElect, 40), (Rule::SuffixKept, 260), (Rule::ReadQuorum, 85)];

/// An `expect` of the script does not hold.
const EXPECTATION: &str = "an expectation";
/// The script runs to its end, but tells another story.
const STORY: &str = "another story";

/// Three nodes, one term, nothing goes wrong.
const CALM: Bounds = Bounds { terms: 1, states_max: 500_000, depth_max: 30, ..Bounds::calm() };
/// Two nodes want to lead the same term.
const RIVALS: Bounds = Bounds { campaigns: 2, ..CALM };
/// One reign, a slow disk, and a crash.
const POWER_LOSS: Bounds = Bounds { slow_writes: 1, crashes: 1, ..CALM };
/// After a settled reign, another may follow.
const REIGN: Bounds = Bounds { settled: true, ..CALM };
/// In such a reign, a lease may be gained shortly before other promises run out.
const LEASE: Bounds = Bounds { lease_reads: true, heartbeats: 1, moments: 2, timeout_moments: 2, ..REIGN };
/// One reign follows another.
const SUCCESSION: Bounds = Bounds { terms: 2, campaigns: 2, ..CALM };

const HUNTS: &[(Rule, &[Hunt])] = &[
    (
        Rule::VoteStored,
        &[
            Script("a_vote_survives_a_restart", "I3 log matching"),
            Explore(Bounds { crashes: 1, ..RIVALS }, "I1 election safety"),
        ],
    ),
    (
        Rule::FollowerAfterRestart,
        &[
            Script("a_node_never_resumes_a_reign", "I3 log matching"),
            Explore(Bounds { crashes: 1, ..RIVALS }, "I1 election safety"),
        ],
    ),
    (Rule::VoteOfTheTerm, &[Script("a_split_vote_is_decided_by_new_timeouts", EXPECTATION)]),
    (Rule::RandomTimeout, &[Script("a_split_vote_is_decided_by_new_timeouts", EXPECTATION)]),
    (Rule::TimerOfTheVoter, &[Script("a_vote_that_is_refused_does_not_restart_the_timer", EXPECTATION)]),
    (Rule::VoteRequestWaits, &[Script("a_vote_request_waits_for_the_disk", EXPECTATION)]),
    (Rule::CampaignNonce, &[Script("a_promise_for_an_earlier_question_does_not_count", EXPECTATION)]),
    (
        Rule::LogUpToDate,
        &[
            Script("a_candidate_without_a_committed_entry_cannot_win", "I4 leader completeness"),
            Explore(SUCCESSION, "I4 leader completeness"),
        ],
    ),
    (Rule::TermBeforeIndex, &[Script("a_longer_log_of_an_older_term_loses", EXPECTATION)]),
    (
        Rule::VoteKept,
        &[Script("a_candidate_that_falls_back_keeps_its_vote", EXPECTATION), Explore(RIVALS, "I7 one vote")],
    ),
    (
        Rule::OneBallotEach,
        &[Script("a_ballot_counts_once", EXPECTATION), Explore(Bounds { nodes: 5, ..RIVALS }, "I1 election safety")],
    ),
    (Rule::OwnBallotDurable, &[Script("a_single_voter_leads_alone_once_its_own_vote_is_durable", EXPECTATION)]),
    (Rule::PreVoteHarmless, &[Script("a_live_leader_is_not_talked_out_of_its_term", EXPECTATION)]),
    (Rule::Stickiness, &[Script("a_live_leader_is_not_talked_out_of_its_term", EXPECTATION)]),
    (
        Rule::PromiseAssumed,
        &[
            Script("a_node_that_restarted_keeps_the_promise_it_has_forgotten", EXPECTATION),
            Explore(Bounds { crashes: 1, ..LEASE }, "I12 linearizable reads"),
        ],
    ),
    (Rule::PromiseOutlivesTerm, &[Script("a_promise_outlives_the_term_it_was_given_in", EXPECTATION)]),
    (Rule::QuorumContact, &[Script("a_leader_that_hears_no_quorum_steps_down", EXPECTATION)]),
    (Rule::StaleTold, &[Script("a_node_stuck_in_a_higher_term_is_freed", EXPECTATION)]),
    (Rule::NoopFirst, &[Script("old_entries_wait_for_the_first_entry_of_the_new_term", EXPECTATION)]),
    (Rule::UncommittedBound, &[Script("what_cannot_be_committed_is_bounded", EXPECTATION)]),
    (
        Rule::TruncateOnConflict,
        &[
            Script("a_late_short_append_does_not_cut_the_log", "I8 durable commit"),
            Explore(Bounds { proposals: 1, ..SUCCESSION }, "I8 durable commit"),
        ],
    ),
    (Rule::AckProven, &[Script("an_append_commits_only_what_it_proves", "I9 progress truth")]),
    (Rule::CommitProven, &[Script("an_append_commits_only_what_it_proves", "I5 state-machine safety")]),
    (Rule::RejectFresh, &[Script("a_stale_refusal_is_ignored", EXPECTATION)]),
    (Rule::NextAboveMatch, &[Script("appends_that_arrive_in_the_wrong_order_do_not_confuse_the_leader", EXPECTATION)]),
    (
        Rule::MatchAcknowledged,
        &[
            Script("half_of_what_was_sent_moves_the_peer_by_half", "I8 durable commit"),
            Explore(Bounds { proposals: 2, ..CALM }, "I9 progress truth"),
        ],
    ),
    (Rule::MatchMonotonic, &[Script("a_full_window_waits_and_an_acknowledgement_opens_it", EXPECTATION)]),
    (Rule::LifeOfTracking, &[Script("an_acknowledgement_from_an_earlier_reign_does_not_count", "I8 durable commit")]),
    (Rule::WindowReopened, &[Script("a_full_window_that_was_lost_does_not_block_a_peer_for_ever", EXPECTATION)]),
    (
        Rule::HeartbeatProven,
        &[
            Script("a_heartbeat_commits_only_what_was_proven_equal", "I5 state-machine safety"),
            Explore(Bounds { heartbeats: 1, ..SUCCESSION }, "I5 state-machine safety"),
        ],
    ),
    (Rule::CommitOwnTerm, &[Script("figure_8_an_old_term_is_not_committed_by_counting", "I4 leader completeness")]),
    (
        Rule::CountOwnDurable,
        &[
            Script("a_leader_commits_with_its_followers_while_its_own_disk_is_slow", "I8 durable commit"),
            Explore(POWER_LOSS, "I8 durable commit"),
        ],
    ),
    (Rule::CountOwnCopy, &[Script("a_single_voter_leads_alone_once_its_own_vote_is_durable", EXPECTATION)]),
    (
        Rule::ApplyDurable,
        &[
            Script("a_leader_commits_with_its_followers_while_its_own_disk_is_slow", "I11 bounds"),
            Explore(POWER_LOSS, "I11 bounds"),
        ],
    ),
    (
        Rule::HintDurable,
        &[Explore(Bounds { slow_writes: 1, crashes: 1, ..SUCCESSION }, "R4 a sound node starts again")],
    ),
    (Rule::VoteDurable, &[Explore(Bounds { campaigns: 2, ..POWER_LOSS }, "I1 election safety")]),
    (
        Rule::AckDurable,
        &[
            Script("nothing_is_acknowledged_before_it_is_durable", EXPECTATION),
            Explore(POWER_LOSS, "I8 durable commit"),
        ],
    ),
    (Rule::SyncBeforeDone, &[Disk(disks::a_write_is_synced_before_it_counts)]),
    (
        Rule::OverwrittenNotDurable,
        &[
            Script("a_new_leader_s_entries_replace_others_in_one_write", "I8 durable commit"),
            Explore(Bounds { slow_writes: 1, ..SUCCESSION }, "I8 durable commit"),
        ],
    ),
    (
        Rule::HardStateFirst,
        &[Disk(disks::a_term_is_durable_before_its_entries), Explore(POWER_LOSS, "R4 a sound node starts again")],
    ),
    (Rule::DiskWatchdog, &[Script("a_disk_that_hangs_costs_the_leader_its_office", EXPECTATION)]),
    (
        Rule::FailStop,
        &[
            Script("a_failed_write_stops_the_node_for_good", EXPECTATION),
            Disk(disks::nothing_is_written_after_a_failure),
        ],
    ),
    (Rule::DamageNotTorn, &[Disk(disks::damage_is_refused)]),
    (Rule::TornNotDamage, &[Disk(disks::a_torn_write_is_cut_off)]),
    (
        Rule::RepairBeforeVote,
        &[
            Script("a_damaged_log_gives_no_vote_until_it_is_repaired", EXPECTATION),
            Explore(Bounds { damages: 1, ..SUCCESSION }, "I4 leader completeness"),
        ],
    ),
    (
        Rule::RepairAnnounced,
        &[
            Script("a_late_append_does_not_end_a_repair", "I9 progress truth"),
            Explore(Bounds { damages: 1, proposals: 1, ..SUCCESSION }, "I9 progress truth"),
        ],
    ),
    (Rule::StorageChecked, &[Script("a_new_disk_under_an_old_id_is_shut_out", EXPECTATION)]),
    (
        Rule::ChangeInOwnTerm,
        &[
            Script("two_leaders_cannot_each_change_one_vote_behind_the_other_s_back", "R72 one change at a time"),
            Explore(Bounds { changes: 1, change: ChangeKind::Remove, ..REIGN }, "R72 one change at a time"),
        ],
    ),
    (
        Rule::BothHalvesElect,
        &[
            Script("during_a_joint_configuration_neither_half_can_go_on_alone", EXPECTATION),
            Explore(
                Bounds { changes: 1, change: ChangeKind::Shrink, terms: 2, campaigns: 2, ..REIGN },
                "I4 leader completeness",
            ),
        ],
    ),
    (Rule::OneChange, &[Script("a_second_change_waits_until_the_first_is_committed", "R72 one change at a time")]),
    (
        Rule::BothHalvesCommit,
        &[Script("a_joint_entry_that_no_majority_of_the_old_half_holds_can_be_cut_off", EXPECTATION)],
    ),
    (
        Rule::JointCommitted,
        &[Script(
            "a_new_leader_leaves_a_joint_configuration_only_after_an_entry_of_its_own_term",
            "R72 one change at a time",
        )],
    ),
    (Rule::ConfigRolledBack, &[Script("a_configuration_that_is_cut_off_is_no_longer_in_force", "I10 quorum overlap")]),
    (Rule::CaughtUp, &[Script("a_learner_that_has_not_caught_up_is_not_promoted", STORY)]),
    (Rule::VotedOut, &[Script("a_leader_that_removes_itself_leads_until_that_is_committed", EXPECTATION)]),
    (Rule::Goodbye, &[Script("a_removed_follower_is_told_so_and_disturbs_nobody", EXPECTATION)]),
    (Rule::SnapshotConfig, &[Script("the_roles_in_a_snapshot_are_those_of_its_members_from_then_on", EXPECTATION)]),
    (Rule::SuffixKept, &[Script("a_snapshot_of_what_the_log_holds_keeps_what_follows", "I5 state-machine safety")]),
    (
        Rule::ReadQuorum,
        &[
            Script("a_leader_in_a_minority_does_not_answer_from_the_past", "I12 linearizable reads"),
            Explore(Bounds { reads: 1, ..SUCCESSION }, "I12 linearizable reads"),
        ],
    ),
    (
        Rule::ReadOwnTerm,
        &[
            Script("a_new_leader_s_reads_wait_for_its_first_commit", "I12 linearizable reads"),
            Explore(Bounds { reads: 1, ..SUCCESSION }, "I12 linearizable reads"),
        ],
    ),
    (
        Rule::ReadSequence,
        &[
            Script("a_round_of_reads_is_not_confirmed_by_answers_to_an_earlier_one", STORY),
            Explore(Bounds { reads: 2, ..SUCCESSION }, "I12 linearizable reads"),
        ],
    ),
    (Rule::LeaseDrift, &[Script("a_clock_within_its_bound_never_makes_a_lease_lie", EXPECTATION)]),
    (Rule::LeaseEnded, &[Script("an_order_to_campaign_ends_the_lease_for_the_rest_of_the_term", EXPECTATION)]),
    (Rule::LeaseOfConfig, &[Script("a_leader_that_has_voted_itself_out_holds_no_lease_of_its_own", EXPECTATION)]),
];

#[test]
fn every_deliberate_bug_is_found() {
    let scripts = scripts();
    let mut wrong = Vec::new();
    for rule in Rule::all() {
        let hunts: Vec<&Hunt> = HUNTS.iter().filter(|(of, _)| *of == rule).flat_map(|(_, hunts)| *hunts).collect();
        if hunts.is_empty() && BY_SWARM.iter().all(|(found, _)| *found != rule) {
            wrong.push(format!("{rule}: nobody looks for it"));
        }
        println!("{rule:<13} {}", rule.consequence());
        for hunt in hunts {
            match found(hunt, rule, &scripts) {
                Ok(finding) => println!("{:13} {finding}", ""),
                Err(complaint) => wrong.push(format!("{rule}: {complaint}")),
            }
        }
    }
    assert!(wrong.is_empty(), "not as the table says:\n{}", wrong.join("\n"));
}

/// Counted apart: no story leads the swarm to what it finds.
#[test]
fn the_swarm_alone_finds_these_deliberate_bugs() {
    let mut wrong = Vec::new();
    for (rule, seeds) in BY_SWARM {
        match seen_by_swarm(*seeds, *rule) {
            Some((seed, violation)) => println!("{rule:<13} seed {seed}: {violation}"),
            None => wrong.push(format!("{rule}: not in the seeds up to {seeds}")),
        }
    }
    println!("{} of {} deliberate bugs, by the swarm alone", BY_SWARM.len() - wrong.len(), Rule::all().count());
    assert!(wrong.is_empty(), "not as the table says:\n{}", wrong.join("\n"));
}

/// With both fixes of R15 off a committed entry is lost; before that, a log id has been given to two entries.
#[test]
fn a_vote_request_that_leaves_too_early_loses_a_committed_entry() {
    let rules = Rules::without(Rule::VoteRequestWaits).and_without(Rule::CampaignNonce);
    let world = Bounds { terms: 2, campaigns: 3, ..POWER_LOSS.breaking(rules) };
    for (watches_ids, rule, steps) in [(true, "I3 log matching", 8), (false, "I4 leader completeness", 11)] {
        let report = explore(&Bounds { watches_ids, ..world });
        let Verdict::Violated(found) = &report.verdict else { panic!("{report}") };
        println!("{found}\n{report}");
        assert_eq!((found.violation.rule, found.steps.len()), (rule, steps), "the shortest story");
    }
}

/// The same worlds hold when the rules are kept.
#[test]
fn sound_rules_break_nothing_in_any_course_of_these_worlds() {
    let worlds = [
        ("rivals", Bounds { crashes: 1, ..RIVALS }),
        ("power loss", POWER_LOSS),
        ("succession", SUCCESSION),
        ("reads", Bounds { reads: 1, ..SUCCESSION }),
    ];
    for (name, bounds) in worlds {
        let report = explore(&bounds);
        println!("{name}: {report}");
        assert!(matches!(report.verdict, Verdict::Exhausted), "{name}: {report}");
    }
}

#[test]
fn sound_disks_keep_their_promises() {
    for (_, hunts) in HUNTS {
        for hunt in *hunts {
            if let Disk(story) = hunt {
                assert_eq!(story(Rules::sound()), None);
            }
        }
    }
}

/// Shows what could be written into the table: how every script takes every bug.
#[test]
#[ignore = "an aid for whoever adds a rule"]
fn what_each_script_says_of_each_bug() {
    std::panic::set_hook(Box::new(|_| ()));
    let scripts = scripts();
    for rule in Rule::all() {
        let mut by_kind: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (name, text) in &scripts {
            if let Some(kind) = seen_by_script(text, rule) {
                by_kind.entry(kind).or_default().push(name);
            }
        }
        println!("{rule}: {}", rule.consequence());
        for (kind, names) in by_kind {
            println!("    {kind}: {} ({})", names.len(), names[..names.len().min(3)].join(", "));
        }
    }
}

/// Shows which bugs the swarm finds, and after how many seeds.
#[test]
#[ignore = "an aid for whoever adds a rule, and takes minutes"]
fn what_the_swarm_says_of_each_bug() {
    std::panic::set_hook(Box::new(|_| ()));
    let seeds = std::env::var("RAFTCTL_SWARM_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(40);
    for rule in Rule::all() {
        match seen_by_swarm(seeds, rule) {
            Some((seed, violation)) => println!("{rule}: seed {seed}: {violation}"),
            None => println!("{rule}: not in {seeds} seeds"),
        }
    }
}

/// One line about what was found, or why that is not what the table says.
fn found(hunt: &Hunt, rule: Rule, scripts: &BTreeMap<String, String>) -> Result<String, String> {
    let (who, wanted, seen) = match hunt {
        Script(name, wanted) => {
            let text = scripts.get(*name).ok_or_else(|| format!("there is no script {name}"))?;
            (format!("{name}.script"), Some(*wanted), seen_by_script(text, rule))
        }
        Explore(bounds, wanted) => {
            let report = explore(&bounds.breaking(Rules::without(rule)));
            let seen = match &report.verdict {
                Verdict::Violated(found) => Some(found.violation.rule.to_owned()),
                _ => None,
            };
            (format!("exploring {} states", report.states), Some(*wanted), seen)
        }
        Disk(story) => ("one disk".to_owned(), None, story(Rules::without(rule))),
    };
    match (wanted, seen) {
        (_, None) => Err(format!("not found by {who}")),
        (Some(wanted), Some(seen)) if seen != wanted => Err(format!("{who} sees {seen}, not {wanted}")),
        (_, Some(seen)) => Ok(format!("{who}: {seen}")),
    }
}

/// The first seed whose world does not end well without `rule`, and what breaks there.
fn seen_by_swarm(seeds: u64, rule: Rule) -> Option<(u64, String)> {
    let options = RunOptions { span: SPAN, rules: Rules::without(rule), ..RunOptions::default() };
    let first = TRIED_FROM.iter().find(|(of, _)| *of == rule).map_or(1, |(_, first)| *first);
    (first..=seeds).find_map(|seed| {
        let run = catch_unwind(|| run_seed(seed, &options, false));
        let violation = run.map_or(Some("an assertion".to_owned()), |report| Some(report.violation?.rule.to_owned()));
        Some((seed, violation?))
    })
}

/// How a script notices that `rule` is not kept: the invariant that breaks, or what else becomes of it.
fn seen_by_script(text: &str, rule: Rule) -> Option<String> {
    match catch_unwind(|| run(text, Rules::without(rule))) {
        Err(_) => Some("an assertion".to_owned()),
        Ok(Ok(now)) if now == text => None,
        Ok(Ok(_)) => Some(STORY.to_owned()),
        Ok(Err(ScriptFault::Command { source: CommandFault::Violated(violation), .. })) => {
            Some(violation.rule.to_owned())
        }
        Ok(Err(_)) => Some(EXPECTATION.to_owned()),
    }
}

/// Every golden script by its name.
fn scripts() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts"), &mut found);
    assert!(found.len() > 10, "the golden scripts are there");
    found
}

fn collect(folder: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).expect("folders can be listed") {
        let path: PathBuf = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "script") {
            let name = path.file_stem().expect("scripts have names").to_string_lossy().into_owned();
            found.insert(name, fs::read_to_string(&path).expect("scripts are UTF-8"));
        }
    }
}
