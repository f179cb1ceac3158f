//! Makes a failure small: the same seed with fewer faults, fewer nodes, a later beginning and an earlier end, as long as
//! the same rule breaks.
//!
//! The seed stays the same, so that what is left is replayed by one command. Each attempt is a whole run; their number is
//! bounded.

use core::time::Duration;

use super::plan::{Fault, Plan, RunOptions};
use super::run::{Report, run_seed};

/// Most runs one failure is worth.
pub const RUNS_MAX: usize = 150;

/// A failure with as little around it as was found.
#[derive(Clone, Debug)]
pub struct Shrunk {
    pub options: RunOptions,
    pub report: Report,
    /// Runs it took.
    pub runs: usize,
}

/// Shrinks the failure of `report`, which came from `options`. `go_on` is asked before each run.
pub fn shrink(options: &RunOptions, report: &Report, mut go_on: impl FnMut() -> bool) -> Shrunk {
    let mut best = Shrunk { options: options.clone(), report: report.clone(), runs: 0 };
    shrink_faults(&mut best, &mut go_on);
    for nodes in [1, 2, 3, 4, 5] {
        if nodes < best.report.nodes && attempt(&mut best, &mut go_on, |options| options.nodes = Some(nodes)) {
            break;
        }
    }
    shrink_time(&mut best, &mut go_on);
    shrink_faults(&mut best, &mut go_on);
    best
}

/// Takes out one fault after the other, until none can be spared.
fn shrink_faults(best: &mut Shrunk, go_on: &mut impl FnMut() -> bool) {
    let mut at = 0;
    loop {
        let faults: Vec<Fault> = Plan::of(best.report.seed, &best.options).faults.into_iter().collect();
        let Some(fault) = faults.get(at).copied() else { return };
        let is_gone = attempt(best, go_on, |options| {
            options.without.insert(fault);
        });
        if !is_gone {
            at += 1;
        }
    }
}

/// Lets the faults begin as late and end as early as the failure allows.
fn shrink_time(best: &mut Shrunk, go_on: &mut impl FnMut() -> bool) {
    let broke_at = best.report.simulated;
    if broke_at < best.options.span {
        // Nothing after the failure matters; the world before it is the same.
        best.options.span = broke_at + Duration::from_secs(1);
    }
    for parts in [2_u32, 4, 8] {
        let later = best.options.span - best.options.span / parts;
        if later > best.options.quiet_until && attempt(best, go_on, |options| options.quiet_until = later) {
            continue;
        }
        let earlier = best.options.span - best.options.span / parts;
        attempt(best, go_on, |options| options.span = earlier);
    }
}

/// Runs a changed world and keeps the change if the same rule breaks.
fn attempt(best: &mut Shrunk, go_on: &mut impl FnMut() -> bool, change: impl FnOnce(&mut RunOptions)) -> bool {
    if best.runs >= RUNS_MAX || !go_on() {
        return false;
    }
    best.runs += 1;
    let mut options = best.options.clone();
    change(&mut options);
    let report = run_seed(best.report.seed, &options, false);
    let rule = |report: &Report| report.violation.as_ref().map(|violation| violation.rule);
    if rule(&report).is_none() || rule(&report) != rule(&best.report) {
        return false;
    }
    (best.options, best.report) = (options, report);
    true
}
