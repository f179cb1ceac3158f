//! Looks on while the load runs: adds up what the threads hand over, draws a bar or says a line every second, and reads
//! at the beginning and at the end of what is measured what the processes have used.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::load::{Interval, Length, Plan, Times, Watcher};
use super::tally::{Latencies, Tally};
use super::usage::{self, NodeUsage, Usage};
use crate::cli::Context;
use crate::cli::selection::LocalCluster;

/// What all processes have used up to one time.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub client: Option<Usage>,
    /// None where the nodes are not on this machine.
    pub nodes: Option<Vec<NodeUsage>>,
}

pub(super) struct Meter<'a> {
    context: &'a Context,
    /// The cluster, where its nodes are processes of this machine.
    cluster: Option<&'a LocalCluster>,
    times: Times,
    length: Length,
    threads: u32,
    bar: ProgressBar,
    /// Handed over by some threads, and not yet by all.
    waiting: Waiting,
    pub warm: Tally,
    pub measured: Tally,
    /// Answers between begin and end.
    pub within: u64,
    pub before: Option<Sample>,
    pub after: Option<Sample>,
}

/// One second of all threads, as far as it is there.
struct Waiting {
    parts: u32,
    span: Duration,
    acknowledged: u64,
    failed: u64,
    latencies: Latencies,
}

impl Waiting {
    fn new() -> Waiting {
        Waiting { parts: 0, span: Duration::ZERO, acknowledged: 0, failed: 0, latencies: Latencies::new() }
    }
}

impl<'a> Meter<'a> {
    pub(super) fn new(context: &'a Context, cluster: Option<&'a LocalCluster>, plan: &Plan, times: Times) -> Meter<'a> {
        let bar = if context.printer.may_draw() { bar(plan) } else { ProgressBar::hidden() };
        Meter {
            context,
            cluster,
            times,
            length: plan.length,
            threads: plan.threads,
            bar,
            waiting: Waiting::new(),
            warm: Tally::new(plan.subject.mix.shares().len()),
            measured: Tally::new(plan.subject.mix.shares().len()),
            within: 0,
            before: None,
            after: None,
        }
    }

    /// The run is over; the bar goes, and what was to be sampled is.
    pub(super) fn finish(&mut self) {
        self.bar.finish_and_clear();
        if self.before.is_some() {
            self.after.get_or_insert_with(|| sample(self.cluster));
        }
    }

    fn show(&mut self) {
        let second = std::mem::replace(&mut self.waiting, Waiting::new());
        let span = second.span.as_secs_f64() / f64::from(self.threads);
        let rate = second.acknowledged as f64 / span.max(0.001);
        let p99 = second.latencies.quantile_ms(0.99).map_or_else(|| "–".to_owned(), |ms| format!("{ms:.1} ms"));
        let mut said = format!("{rate:.0} requests/s, p99 {p99}");
        if second.failed > 0 {
            said.push_str(&format!(", {} failed", second.failed));
        }
        let now = Instant::now();
        let is_warming_up = now < self.times.begin;
        if self.bar.is_hidden() {
            let since = now.saturating_duration_since(self.times.start).as_secs_f64();
            let stage = if is_warming_up { " (warm-up)" } else { "" };
            self.context.printer.note(format_args!("{since:.0} s{stage}: {said}"));
            return;
        }
        self.bar.set_position(match self.length {
            Length::For(_) => millis(now.saturating_duration_since(self.times.begin)),
            Length::Requests(_) => self.measured.acknowledged() + self.measured.failed(),
        });
        self.bar.set_message(if is_warming_up { format!("warming up, {said}") } else { said });
    }
}

impl Watcher for Meter<'_> {
    fn next_time(&self) -> Option<Instant> {
        match (&self.before, &self.after) {
            (None, _) => Some(self.times.begin),
            (Some(_), None) => self.times.end,
            (Some(_), Some(_)) => None,
        }
    }

    fn on_time(&mut self, now: Instant) {
        if self.before.is_none() && now >= self.times.begin {
            self.before = Some(sample(self.cluster));
        }
        if self.before.is_some() && self.after.is_none() && self.times.end.is_some_and(|end| now >= end) {
            self.after = Some(sample(self.cluster));
        }
    }

    fn on_interval(&mut self, interval: Interval) {
        let waiting = &mut self.waiting;
        waiting.parts += 1;
        waiting.span += interval.span;
        for tally in [&interval.warm, &interval.measured] {
            waiting.acknowledged += tally.acknowledged();
            waiting.failed += tally.failed();
            waiting.latencies.add(&tally.latencies());
        }
        let is_whole = waiting.parts >= self.threads;
        self.within += interval.within;
        self.warm.add(interval.warm);
        self.measured.add(interval.measured);
        // What the last hand-over holds is a part of a second, and the report follows at once.
        if is_whole && interval.span >= super::load::INTERVAL / 2 {
            self.show();
        }
    }
}

fn bar(plan: &Plan) -> ProgressBar {
    let (length, template) = match plan.length {
        Length::For(duration) => (millis(duration), "[{bar:30}] {msg}"),
        Length::Requests(count) => (count, "[{bar:30}] {pos} of {len}, {msg}"),
    };
    let style = ProgressStyle::with_template(template).expect("the template is a constant").progress_chars("=> ");
    ProgressBar::new(length).with_style(style).with_message("starting")
}

fn sample(cluster: Option<&LocalCluster>) -> Sample {
    Sample { client: usage::of_this_process(), nodes: cluster.map(usage::of_nodes) }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
