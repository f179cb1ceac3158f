//! The swarm: many seeds, each a whole world with its own faults, each judged; the same seed twice is the same world; and
//! a fault that sound nodes cannot survive is noticed, so that silence means something.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use raftctl::sim::shrink::shrink;
use raftctl::sim::{Fault, Report, RunOptions, run_seed};
use serde_json::Value;

/// Set to a number to run more seeds, or fewer.
const SEEDS_VARIABLE: &str = "RAFTCTL_SWARM_SEEDS";
const SEEDS: u64 = 300;

/// Simulated time with faults of each world here; `raftctl sim swarm` gives them a minute.
const SPAN: Duration = Duration::from_secs(20);

/// Seeds that broke something once. After a change of the simulator a seed is another world; what was found is kept by
/// tests of its own where it can be said without a seed.
const FOUND: &[(u64, &str)] = &[
    (7, "a follower far behind never came past the end of a log segment"),
    (141, "one of the rest was a quorum with one of the core"),
    (1_081, "a node that was told to stop stood still"),
    (3_216, "a marker vouched for one that was not synced"),
];

fn options() -> RunOptions {
    RunOptions { span: SPAN, ..RunOptions::default() }
}

/// Runs seeds on two threads; an assertion that fails names its seed.
fn run_all(first: u64, count: u64, options: &RunOptions) -> Vec<Report> {
    let (next, reports) = (AtomicU64::new(first), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        return;
                    }
                    let run = std::panic::catch_unwind(|| run_seed(seed, options, false));
                    let report = run.unwrap_or_else(|_| Report::of_panic(seed, options, "an assertion failed"));
                    reports.lock().expect("no holder panics").push(report);
                }
            });
        }
    });
    reports.into_inner().expect("no holder panics")
}

fn broken(reports: &[Report]) -> Vec<String> {
    let found = reports.iter().filter_map(|report| Some((report.seed, report.violation.as_ref()?)));
    found.map(|(seed, violation)| format!("raftctl sim run {seed} --time 20s: {violation}")).collect()
}

#[test]
fn no_seed_breaks_an_invariant_and_every_kind_of_thing_happens() {
    let count = std::env::var(SEEDS_VARIABLE).ok().and_then(|text| text.parse().ok()).unwrap_or(SEEDS);
    let reports = run_all(10_000, count, &options());
    let wrong = broken(&reports);
    assert!(wrong.is_empty(), "{} of {count} seeds failed:\n{}", wrong.len(), wrong.join("\n"));
    // A swarm in which nothing happens proves nothing.
    let weak = reports.iter().filter(|report| report.is_weak).count() as u64;
    assert!(weak * 5 <= count, "{weak} of {count} worlds are weak");
    let sum = |of: fn(&Report) -> u64| reports.iter().map(of).sum::<u64>() / count;
    let per_world = [
        ("writes acknowledged", sum(|report| report.acknowledged), 30),
        ("writes unknown", sum(|report| report.unknown), 1),
        ("reads", sum(|report| report.reads), 15),
        ("messages lost", sum(|report| report.counts.messages_lost), 50),
        ("crashes", sum(|report| report.counts.crashes), 3),
        ("elections", sum(|report| report.counts.elections_won), 2),
        ("reads of log files", sum(|report| report.counts.fetches), 10),
        ("sectors lost", sum(|report| report.disk.sectors_lost), 1),
        ("changes of members", sum(|report| report.counts.changes), 1),
        ("snapshots taken", sum(|report| report.counts.snapshots_taken), 10),
        ("snapshots installed", sum(|report| report.counts.snapshots_installed), 1),
        ("damaged frames", sum(|report| report.counts.refused_frames), 10),
    ];
    for (what, found, least) in per_world {
        assert!(found >= least, "only {found} {what} in a world, on average");
    }
    // Too seldom for an average.
    let total = |of: fn(&Report) -> u64| reports.iter().map(of).sum::<u64>();
    let in_all = [
        ("sectors rotten", total(|report| report.disk.sectors_rotten), 10),
        ("sectors stale", total(|report| report.disk.sectors_stale), 10),
        ("writes misdirected", total(|report| report.disk.sectors_misdirected), 10),
        ("sectors misread", total(|report| report.disk.sectors_misread), 5),
        ("damaged disks refused", total(|report| report.counts.refused_disks), 2),
        ("logs cut", total(|report| report.counts.repairs_begun), 10),
        ("logs repaired", total(|report| report.counts.repairs_ended), 5),
    ];
    for (what, found, least) in in_all {
        assert!(count < SEEDS || found >= least, "only {found} {what} in {count} worlds");
    }
    let undecided: u64 = reports.iter().map(|report| report.undecided).sum();
    assert!(undecided * 20 <= count, "{undecided} histories in {count} worlds could not be decided");
}

#[test]
fn seeds_that_once_broke_something_hold() {
    for (seed, what) in FOUND {
        let report = run_seed(*seed, &RunOptions::default(), false);
        assert!(report.violation.is_none(), "seed {seed} ({what}): {:?}", report.violation);
    }
}

#[test]
fn the_same_seed_is_the_same_world_and_another_seed_is_another() {
    let mut hashes = BTreeSet::new();
    for seed in 0..8 {
        let once = run_seed(seed, &options(), false);
        let again = run_seed(seed, &options(), true);
        assert_eq!((once.trace_hash, once.counts), (again.trace_hash, again.counts), "seed {seed}");
        assert!(once.lines.is_empty() && !again.lines.is_empty());
        hashes.insert(once.trace_hash);
    }
    assert_eq!(hashes.len(), 8);
}

#[test]
fn disks_that_lie_about_syncs_are_found_out_and_the_failure_is_made_small() {
    let options = RunOptions { lying_disks: true, ..options() };
    let reports = run_all(0, 40, &options);
    let caught: Vec<&Report> = reports.iter().filter(|report| report.violation.is_some()).collect();
    let with_power: Vec<&Report> = reports.iter().filter(|report| report.faults.contains(&Fault::Power)).collect();
    assert!(caught.len() * 10 >= with_power.len() * 7, "{} of {} were caught", caught.len(), with_power.len());
    let report = caught.iter().min_by_key(|report| report.counts.events).expect("some were caught");
    let small = shrink(&options, report, || true);
    let rule = |report: &Report| report.violation.as_ref().map(|violation| violation.rule);
    assert_eq!(rule(&small.report), rule(report));
    assert!(small.report.faults.len() <= 3, "{:?} are more than it takes", small.report.faults);
    assert!(small.report.faults.iter().any(|fault| matches!(fault, Fault::Power | Fault::PowerAll)));
    let again = run_seed(small.report.seed, &small.options, false);
    assert_eq!(again.trace_hash, small.report.trace_hash, "what is printed replays it");
}

fn raftctl(words: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_raftctl")).args(words).output().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

#[test]
fn the_command_line_runs_seeds_swarms_and_scripts() {
    let (code, out, err) = raftctl(&["sim", "run", "3", "--time", "2s", "-o", "json"]);
    let run: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
    assert_eq!((code, run["schema"].as_str()), (0, Some("raftctl.sim-run/v1")), "{err}");
    let hash = run["runs"][0]["trace_hash"].as_str().expect("a hash is text").to_owned();
    let words = ["sim", "swarm", "--seed", "3", "--count", "4", "--time", "2s", "-o", "json"];
    let (code, out, err) = raftctl(&words);
    let swarm: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
    assert_eq!((code, swarm["finished"].as_u64(), swarm["runs"].as_array().map(Vec::len)), (0, Some(4), Some(4)));
    assert_eq!((swarm["runs"][0]["seed"].as_u64(), swarm["runs"][0]["trace_hash"].as_str()), (Some(3), Some(&*hash)));
    let script = "tests/scripts/commit/figure_8_an_old_term_is_not_committed_by_counting.script";
    let (code, out, err) = raftctl(&["sim", "run", script]);
    let story = std::fs::read_to_string(script).expect("the script is there");
    assert_eq!((code, out == story), (0, true), "{err}");
    let (code, _, err) = raftctl(&["sim", "run", "no-such.script"]);
    assert_eq!(code, 2, "{err}");
}

#[test]
fn a_swarm_goes_on_where_it_stopped_and_refuses_the_state_of_another() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let file = directory.path().join("swarm.json");
    let state = file.to_str().expect("temporary paths are text");
    let swarm = |count: &str, seed: &str| {
        raftctl(&["sim", "swarm", "--count", count, "--seed", seed, "--time", "2s", "--resume", state, "-o", "json"])
    };
    let finished = |out: &str| serde_json::from_str::<Value>(out).expect("it is JSON")["finished"].as_u64();
    let (code, out, err) = swarm("2", "5");
    assert_eq!((code, finished(&out)), (0, Some(2)), "{err}");
    let (code, out, err) = swarm("5", "5");
    let document: Value = serde_json::from_str(&out).expect("it is JSON");
    assert_eq!((code, finished(&out)), (0, Some(5)), "{err}");
    assert_eq!(document["runs"].as_array().map(Vec::len), Some(3), "two were done before");
    let (code, _, err) = swarm("5", "6");
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("E0802"), "{err}");
}

#[test]
fn a_failure_is_saved_printed_and_replayed() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let file = directory.path().join("failure.script");
    let saved = file.to_str().expect("temporary paths are text");
    let words =
        ["sim", "swarm", "--count", "40", "--time", "10s", "--lying-disks", "--save", saved, "--jobs", "2", "-q"];
    let (code, out, err) = raftctl(&words);
    assert_eq!(code, 7, "{out}{err}");
    assert!(err.contains("E0801") && err.contains("raftctl sim run "), "{err}");
    let (code, out, err) = raftctl(&["sim", "run", saved]);
    assert_eq!(code, 7, "{out}{err}");
    assert!(out.contains("! R") || out.contains("! I"), "the story ends with what broke: {out}");
    let (code, _, err) = raftctl(&["sim", "run", "Cargo.toml"]);
    assert_eq!(code, 2, "{err}");
}
