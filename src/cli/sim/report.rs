//! What a simulated run is shown as: one row or object per run, and for a failure the way to see it again.

use std::time::Duration;

use serde::Serialize;

use crate::cli::failure::Failure;
use crate::sim::script::span;
use crate::sim::{Report, RunOptions};

/// One run, as JSON shows it.
#[derive(Clone, Debug, Serialize)]
pub struct RunView {
    pub seed: u64,
    /// The same for every run of this seed with these options by this version.
    pub trace_hash: String,
    /// `passed`, `weak` (too little happened to prove much), or `failed`.
    pub verdict: &'static str,
    pub nodes: u64,
    pub faults: Vec<&'static str>,
    pub simulated_ms: u64,
    pub events: u64,
    pub messages: u64,
    pub crashes: u64,
    pub elections: u64,
    pub committed: u64,
    pub acknowledged_writes: u64,
    pub reads: u64,
    pub unknown_writes: u64,
    pub violation: Option<ViolationView>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ViolationView {
    pub rule: String,
    pub what: String,
}

impl RunView {
    pub fn of(report: &Report) -> RunView {
        RunView {
            seed: report.seed,
            trace_hash: format!("{:016x}", report.trace_hash),
            verdict: verdict(report),
            nodes: report.nodes,
            faults: report.faults.iter().map(|fault| fault.word()).collect(),
            simulated_ms: millis(report.simulated),
            events: report.counts.events,
            messages: report.counts.messages,
            crashes: report.counts.crashes,
            elections: report.counts.elections_won,
            committed: report.committed,
            acknowledged_writes: report.acknowledged,
            reads: report.reads,
            unknown_writes: report.unknown,
            violation: report
                .violation
                .as_ref()
                .map(|violation| ViolationView { rule: violation.rule.to_owned(), what: violation.what.clone() }),
        }
    }
}

pub fn verdict(report: &Report) -> &'static str {
    match (&report.violation, report.is_weak) {
        (Some(_), _) => "failed",
        (None, true) => "weak",
        (None, false) => "passed",
    }
}

/// The command that runs this world again.
pub fn replay_command(seed: u64, options: &RunOptions) -> String {
    let mut command = format!("raftctl sim run {seed}");
    let default = RunOptions::default();
    if options.span != default.span {
        command.push_str(&format!(" --time {}", span(options.span)));
    }
    if let Some(nodes) = options.nodes {
        command.push_str(&format!(" --nodes {nodes}"));
    }
    if !options.quiet_until.is_zero() {
        command.push_str(&format!(" --quiet-until {}", span(options.quiet_until)));
    }
    if options.lying_disks {
        command.push_str(" --lying-disks");
    }
    if !options.rules.are_sound() {
        command.push_str(&format!(" --break {}", options.rules));
    }
    if !options.without.is_empty() {
        let words: Vec<&str> = options.without.iter().map(|fault| fault.word()).collect();
        command.push_str(&format!(" --without {}", words.join(",")));
    }
    command
}

/// The end of a command whose world broke an invariant.
pub fn failure(report: &Report, options: &RunOptions) -> Failure {
    let violation = report.violation.as_ref().expect("only a failed run is a failure");
    Failure::new("E0801", format!("seed {} breaks {}", report.seed, violation.rule))
        .cause(violation.what.clone())
        .fix(format!("{} --trace", replay_command(report.seed, options)))
}

pub fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::sim::Fault;

    #[test]
    fn the_command_names_what_differs_from_the_default() {
        let mut options = RunOptions::default();
        assert_eq!(replay_command(7, &options), "raftctl sim run 7");
        options.without = BTreeSet::from([Fault::Loss, Fault::PowerAll]);
        options.nodes = Some(3);
        options.span = Duration::from_millis(1_500);
        assert_eq!(replay_command(7, &options), "raftctl sim run 7 --time 1500ms --nodes 3 --without loss,power-all");
    }
}
