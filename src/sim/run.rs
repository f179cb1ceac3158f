//! One run of one seed, from a founded cluster to a verdict.

use core::time::Duration;

use super::disk::DiskCounts;
use super::judge;
use super::plan::{Fault, Plan, RunOptions};
use super::script::Violation;
use super::world::{Counts, World};
use crate::raft::Time;

/// A run with fewer finished operations than this in each ten simulated seconds proves little, and is counted as weak.
const OPERATIONS_MIN_PER_TEN_SECONDS: u64 = 5;

/// Most events of a run; a world that is still busy then goes in circles.
const EVENTS_MAX: u64 = 20_000_000;

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Report {
    pub seed: u64,
    pub nodes: u64,
    pub faults: Vec<Fault>,
    pub trace_hash: u64,
    /// Simulated time, recovery included.
    pub simulated: Duration,
    pub counts: Counts,
    pub disk: DiskCounts,
    pub acknowledged: u64,
    pub reads: u64,
    pub unknown: u64,
    pub committed: u64,
    /// Histories too entangled to be decided within bounds.
    pub undecided: u64,
    /// Too little happened to prove much.
    pub is_weak: bool,
    pub violation: Option<Violation>,
    /// The story, when it was asked for.
    pub lines: Vec<String>,
}

impl Report {
    /// Of a run in which an assertion failed.
    pub fn of_panic(seed: u64, options: &RunOptions, what: &str) -> Report {
        let plan = Plan::of(seed, options);
        Report {
            seed,
            nodes: plan.nodes,
            faults: plan.faults.iter().copied().collect(),
            trace_hash: 0,
            simulated: Duration::ZERO,
            counts: Counts::default(),
            disk: DiskCounts::default(),
            acknowledged: 0,
            reads: 0,
            unknown: 0,
            committed: 0,
            undecided: 0,
            is_weak: false,
            violation: Some(Violation { rule: "an assertion", what: what.to_owned() }),
            lines: Vec::new(),
        }
    }
}

/// Runs a seed to its end, or to the first thing that does not hold.
pub fn run_seed(seed: u64, options: &RunOptions, keeps_lines: bool) -> Report {
    run_plan(Plan::of(seed, options), keeps_lines)
}

pub fn run_plan(plan: Plan, keeps_lines: bool) -> Report {
    let mut world = World::new(plan, keeps_lines);
    world.plan_recovery();
    let mut violation = None;
    while violation.is_none() && !world.phase.is_done() {
        violation = world.step().err();
        if world.counts.events > EVENTS_MAX {
            let what = format!("the world is still busy after {EVENTS_MAX} events");
            violation = Some(Violation { rule: "liveness", what });
        }
    }
    let mut undecided = 0;
    if violation.is_none() {
        match judge::judge(&world.checkers, &world.clients.history, world.plan.settings.max_value_size) {
            Ok(count) => undecided = count,
            Err(found) => violation = Some(found),
        }
    }
    if let Some(violation) = &violation {
        let now = world.now;
        world.trace.line(now, || format!("! {violation}"));
    }
    report(world, violation, undecided)
}

fn report(world: World, violation: Option<Violation>, undecided: u64) -> Report {
    let mut disk = DiskCounts::default();
    for machine in &world.machines {
        disk.add(&machine.disk.counts());
    }
    let finished = world.clients.acknowledged + world.clients.reads;
    let needed = world.plan.span.as_secs() / 10 * OPERATIONS_MIN_PER_TEN_SECONDS;
    Report {
        seed: world.plan.seed,
        nodes: world.plan.nodes,
        faults: world.plan.faults.iter().copied().collect(),
        trace_hash: world.trace.hash(),
        simulated: world.now.since(Time::default()),
        counts: world.counts,
        disk,
        acknowledged: world.clients.acknowledged,
        reads: world.clients.reads,
        unknown: world.clients.unknown,
        committed: world.checkers.committed().0,
        undecided,
        is_weak: violation.is_none() && finished < needed,
        violation,
        lines: world.trace.into_lines(),
    }
}
