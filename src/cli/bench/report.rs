//! What a run has measured, as tables for people and as one document, `raftctl.bench/v1`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::load::{Length, Plan, Times};
use super::meter::{Meter, Sample};
use super::mix::{KindRow, Share};
use super::tally::{Answered, Latencies, Step, TROUBLES, Tally, Trouble};
use super::usage::{NodeUsage, Usage};
use crate::api::Consistency;
use crate::cli::Context;
use crate::cli::failure::{Exit, Failure};
use crate::cli::log::plot::bar;
use crate::cli::output::{Cell, Table};

#[derive(Serialize)]
pub(super) struct Report {
    /// None where endpoints were given.
    cluster: Option<String>,
    /// `closed` or `open`.
    #[serde(rename = "loop")]
    kind_of_loop: &'static str,
    /// Requests a second that were asked for; none in a closed loop.
    rate: Option<f64>,
    connections: u32,
    in_flight: u32,
    threads: u32,
    mix: String,
    keys: u64,
    distribution: String,
    prefix: String,
    value_size_bytes: usize,
    consistency: &'static str,
    session: bool,
    seed: u64,
    warm_up_ms: u64,
    interrupted: bool,
    /// How long was measured, without the warm-up.
    elapsed_ms: u64,
    sent: u64,
    acknowledged: u64,
    /// Answers of the cluster while it was measured, by their time. None when that was no time at all.
    ops_per_second: Option<f64>,
    failed: u64,
    errors: BTreeMap<&'static str, u64>,
    first_error: Option<String>,
    /// On their way when the run was interrupted.
    unfinished: u64,
    /// Due in an open loop, and not sent.
    not_sent: u64,
    latency: LatencyView,
    histogram: Vec<Step>,
    kinds: Vec<KindView>,
    client: ProcessView,
    /// None where the nodes are not on this machine.
    nodes: Option<Vec<NodeView>>,
}

/// None where nothing was answered.
#[derive(Serialize)]
struct LatencyView {
    mean_ms: Option<f64>,
    p50_ms: Option<f64>,
    p90_ms: Option<f64>,
    p99_ms: Option<f64>,
    p999_ms: Option<f64>,
    max_ms: Option<f64>,
}

#[derive(Serialize)]
struct KindView {
    kind: &'static str,
    weight: u64,
    acknowledged: u64,
    /// Reads that found nothing.
    absent: u64,
    /// Answered, and changed nothing, because the condition did not hold.
    condition_failed: u64,
    latency: LatencyView,
}

/// What a process has used while it was measured, and what it holds at the end. None is not known.
#[derive(Serialize)]
struct ProcessView {
    cpu_ms: Option<u64>,
    resident_bytes: Option<u64>,
}

#[derive(Serialize)]
struct NodeView {
    name: String,
    pid: Option<u32>,
    #[serde(flatten)]
    used: ProcessView,
}

/// The end of a run.
pub(super) struct Ended {
    pub times: Times,
    pub stopped: Instant,
    pub interrupted: bool,
    /// Name of the cluster, if it has one here.
    pub cluster: Option<String>,
    pub distribution: String,
}

impl Report {
    pub(super) fn of(plan: &Plan, meter: &Meter<'_>, ended: Ended) -> Report {
        let subject = &plan.subject;
        let tally = &meter.measured;
        let elapsed = elapsed(tally, &ended);
        let latencies = tally.latencies();
        let seconds = elapsed.as_secs_f64();
        Report {
            cluster: ended.cluster,
            kind_of_loop: if plan.rate.is_some() { "open" } else { "closed" },
            rate: plan.rate,
            connections: plan.connections,
            in_flight: plan.in_flight,
            threads: plan.threads,
            mix: subject.mix.to_string(),
            keys: subject.keys.count(),
            distribution: ended.distribution,
            prefix: String::from_utf8_lossy(&subject.prefix).into_owned(),
            value_size_bytes: subject.value_bytes,
            consistency: consistency_word(subject.consistency),
            session: plan.with_session,
            seed: subject.seed,
            warm_up_ms: millis(plan.warm_up),
            interrupted: ended.interrupted,
            elapsed_ms: millis(elapsed),
            sent: tally.sent,
            acknowledged: tally.acknowledged(),
            ops_per_second: (seconds > 0.0).then(|| (meter.within as f64 / seconds * 10.0).round() / 10.0),
            failed: tally.failed(),
            errors: TROUBLES.iter().map(|(_, word)| *word).zip(tally.troubles).collect(),
            first_error: tally.first_trouble.clone(),
            unfinished: tally.unfinished(),
            not_sent: tally.not_sent,
            latency: LatencyView::of(&latencies),
            histogram: latencies.steps(),
            kinds: kinds(plan, tally),
            client: client(meter),
            nodes: nodes(meter),
        }
    }

    pub(super) fn print(&self, context: &Context, plan: &Plan) -> Result<(), Failure> {
        let printer = &context.printer;
        if !printer.is_table() {
            return printer.document("raftctl.bench/v1", self);
        }
        self.headline(plan).iter().try_for_each(|line| printer.line(line))?;
        printer.line("")?;
        printer.table(&self.requests())?;
        self.exceptions().iter().try_for_each(|line| printer.line(line))?;
        if !self.histogram.is_empty() {
            printer.line("\nlatency")?;
            self.picture().iter().try_for_each(|line| printer.line(line))?;
        }
        printer.line("")?;
        printer.table(&self.processes())
    }

    fn headline(&self, plan: &Plan) -> [String; 2] {
        let cluster = self.cluster.as_deref().unwrap_or("given endpoints");
        let how = match self.rate {
            None => format!("closed loop, {} connections × {} in flight", self.connections, self.in_flight),
            Some(rate) => format!("open loop, {rate} requests/s over {} connections", self.connections),
        };
        let length = match plan.length {
            Length::For(_) => format!("{:.1} s", self.elapsed_ms as f64 / 1_000.0),
            Length::Requests(count) => format!("{count} requests in {:.1} s", self.elapsed_ms as f64 / 1_000.0),
        };
        let stopped = if self.interrupted { ", interrupted" } else { "" };
        let session = if self.session { "" } else { ", no session" };
        [
            format!("cluster {cluster}   {how}   {length}{stopped}"),
            format!(
                "{}   {} keys, {}   values of {} bytes   {} reads{session}",
                self.mix, self.keys, self.distribution, self.value_size_bytes, self.consistency
            ),
        ]
    }

    /// One row for each kind, and one for all.
    fn requests(&self) -> Table {
        let mut table = Table::new(&[
            "REQUEST",
            ">ACKNOWLEDGED",
            ">PER SECOND",
            ">P50 MS",
            ">P90 MS",
            ">P99 MS",
            ">P99.9 MS",
            ">MAX MS",
        ]);
        let mut row = |name: &str, acknowledged: u64, latency: &LatencyView| {
            let part = acknowledged as f64 / self.acknowledged.max(1) as f64;
            let rate = self.ops_per_second.map(|all| format!("{:.0}", all * part));
            let ms = |ms: Option<f64>| Cell::known(ms.map(|ms| format!("{ms:.2}")));
            table.row([
                Cell::from(name),
                Cell::from(acknowledged.to_string()),
                Cell::known(rate),
                ms(latency.p50_ms),
                ms(latency.p90_ms),
                ms(latency.p99_ms),
                ms(latency.p999_ms),
                ms(latency.max_ms),
            ]);
        };
        self.kinds.iter().for_each(|kind| row(kind.kind, kind.acknowledged, &kind.latency));
        if self.kinds.len() > 1 {
            row("all", self.acknowledged, &self.latency);
        }
        table
    }

    /// What a reader of the figures must know, if there is anything.
    fn exceptions(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for kind in &self.kinds {
            if kind.absent > 0 {
                lines.push(format!("{} of {} {}s found no such key", kind.absent, kind.acknowledged, kind.kind));
            }
            if kind.condition_failed > 0 {
                let (missed, of, word) = (kind.condition_failed, kind.acknowledged, kind.kind);
                lines.push(format!("{missed} of {of} {word}s changed nothing: another request had changed the key"));
            }
        }
        let errors: Vec<String> = TROUBLES
            .iter()
            .filter_map(|(_, word)| {
                self.errors.get(word).filter(|count| **count > 0).map(|count| format!("{count} {word}"))
            })
            .collect();
        if !errors.is_empty() {
            let first = self.first_error.as_deref().unwrap_or("–");
            lines.push(format!("failed: {}; the first one: {first}", errors.join(", ")));
        }
        if self.unfinished > 0 {
            lines.push(format!("{} were on their way at the end", self.unfinished));
        }
        if self.not_sent > 0 {
            lines.push(format!("{} were due and not sent: this rate is more than was managed", self.not_sent));
        }
        lines
    }

    fn picture(&self) -> Vec<String> {
        let most = self.histogram.iter().map(|step| step.requests).max().unwrap_or(0);
        let wide = most.to_string().len();
        let line = |step: &Step| {
            let up_to = format!("≤ {} ms", step.up_to_ms);
            format!("  {up_to:>12}  {:>wide$}  {}", step.requests, bar(step.requests, most)).trim_end().to_owned()
        };
        self.histogram.iter().map(line).collect()
    }

    fn processes(&self) -> Table {
        let mut table =
            Table::new(&["PROCESS", ">PID", ">CPU S", ">OF A CORE", ">CPU µS PER REQUEST", ">RESIDENT MIB"]);
        let mut row = |name: &str, pid: Option<u32>, used: &ProcessView| {
            let cpu_ms = used.cpu_ms.map(|ms| ms as f64);
            let share = cpu_ms
                .filter(|_| self.elapsed_ms > 0)
                .map(|ms| format!("{:.0} %", ms * 100.0 / self.elapsed_ms as f64));
            let each = cpu_ms
                .filter(|_| self.acknowledged > 0)
                .map(|ms| format!("{:.1}", ms * 1_000.0 / self.acknowledged as f64));
            table.row([
                Cell::from(name),
                Cell::known(pid),
                Cell::known(cpu_ms.map(|ms| format!("{:.2}", ms / 1_000.0))),
                Cell::known(share),
                Cell::known(each),
                Cell::known(used.resident_bytes.map(|bytes| format!("{:.1}", bytes as f64 / 1_048_576.0))),
            ]);
        };
        for node in self.nodes.iter().flatten() {
            row(&node.name, node.pid, &node.used);
        }
        row("this client", Some(std::process::id()), &self.client);
        table
    }
}

/// How the command ends. Of the warm-up it matters only whether what it wrote may be applied, where nothing was measured.
pub(super) fn outcome(interrupted: bool, measured: &Tally, warm: &Tally) -> Result<Exit, Failure> {
    if interrupted {
        let open = measured.unfinished() + warm.unfinished();
        return Err(Failure::new("E0513", "the load was interrupted")
            .cause(format!("{open} requests were on their way; what they write may or may not be applied")));
    }
    if measured.acknowledged() > 0 {
        return Ok(Exit::Done);
    }
    let told = measured.first_trouble.as_deref().or(warm.first_trouble.as_deref()).unwrap_or("none was sent");
    Err(match measured.of_trouble(Trouble::Unknown) + warm.of_trouble(Trouble::Unknown) {
        0 => Failure::new("E0502", "no request was acknowledged").cause(told).fix("raftctl status --wait writable"),
        unknown => Failure::new("E0503", format!("no request was acknowledged, and {unknown} may have been applied"))
            .cause(told)
            .fix("raftctl status says what is missing"),
    })
}

/// The time that was measured: up to the end, an interrupt, or the last answer of a number of requests.
fn elapsed(tally: &Tally, ended: &Ended) -> Duration {
    let until = match ended.times.end {
        Some(end) => end.min(ended.stopped),
        None => tally.last_answer.unwrap_or(ended.stopped),
    };
    until.saturating_duration_since(ended.times.begin)
}

fn kinds(plan: &Plan, tally: &Tally) -> Vec<KindView> {
    let view = |(share, answered): (&Share, &Answered)| KindView {
        kind: KindRow::of(share.kind).word,
        weight: share.weight,
        acknowledged: answered.latencies.count(),
        absent: answered.absent,
        condition_failed: answered.condition_failed,
        latency: LatencyView::of(&answered.latencies),
    };
    plan.subject.mix.shares().iter().zip(&tally.answered).map(view).collect()
}

fn client(meter: &Meter<'_>) -> ProcessView {
    let of = |sample: &Option<Sample>| sample.as_ref().and_then(|sample| sample.client);
    ProcessView::between(of(&meter.before), of(&meter.after))
}

fn nodes(meter: &Meter<'_>) -> Option<Vec<NodeView>> {
    let of = |sample: &Option<Sample>| sample.as_ref().and_then(|sample| sample.nodes.clone());
    let (before, after) = (of(&meter.before), of(&meter.after)?);
    let view = |node: NodeUsage| {
        let earlier = before.iter().flatten().find(|earlier| earlier.name == node.name);
        // Another process under the same name has used other time.
        let same =
            earlier.and_then(|earlier| earlier.process).filter(|(pid, _)| Some(*pid) == node.process.map(|it| it.0));
        let used = ProcessView::between(same.map(|(_, usage)| usage), node.process.map(|(_, usage)| usage));
        NodeView { name: node.name, pid: node.process.map(|(pid, _)| pid), used }
    };
    Some(after.into_iter().map(view).collect())
}

impl ProcessView {
    fn between(before: Option<Usage>, after: Option<Usage>) -> ProcessView {
        let cpu_ms = before.zip(after).map(|(before, after)| after.cpu_ms.saturating_sub(before.cpu_ms));
        ProcessView { cpu_ms, resident_bytes: after.map(|usage| usage.resident_bytes) }
    }
}

impl LatencyView {
    fn of(latencies: &Latencies) -> LatencyView {
        LatencyView {
            mean_ms: latencies.mean_ms().map(|ms| (ms * 1_000.0).round() / 1_000.0),
            p50_ms: latencies.quantile_ms(0.5),
            p90_ms: latencies.quantile_ms(0.9),
            p99_ms: latencies.quantile_ms(0.99),
            p999_ms: latencies.quantile_ms(0.999),
            max_ms: latencies.max_ms(),
        }
    }
}

fn consistency_word(consistency: Consistency) -> &'static str {
    match consistency {
        Consistency::Linearizable => "linearizable",
        Consistency::Lease => "lease",
        Consistency::Stale => "stale",
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::requests::Verdict;
    use super::*;

    fn tally(sent: u64, verdicts: &[Verdict]) -> Tally {
        let mut tally = Tally::new(1);
        tally.sent = sent;
        for verdict in verdicts {
            tally.count(0, *verdict, Duration::from_millis(1), Instant::now(), || "because".to_owned());
        }
        tally
    }

    #[test]
    fn a_run_ends_with_what_its_user_must_believe() {
        let (unavailable, unknown) = (Verdict::Failed(Trouble::Unavailable), Verdict::Failed(Trouble::Unknown));
        let exit = |interrupted, measured: &[Verdict], warm: &[Verdict]| {
            let ended = outcome(interrupted, &tally(9, measured), &tally(9, warm));
            ended.unwrap_or_else(|failure| failure.exit).code()
        };
        assert_eq!(exit(false, &[unknown, unavailable, Verdict::Done], &[]), 0);
        assert_eq!(exit(false, &[unavailable], &[Verdict::Done]), 4, "a warm-up is no result");
        assert_eq!(exit(false, &[unavailable, unknown], &[]), 6);
        assert_eq!(exit(false, &[], &[unknown]), 6, "what the warm-up wrote may be applied");
        assert_eq!(exit(true, &[Verdict::Done], &[]), 130);
        let interrupted = outcome(true, &tally(5, &[Verdict::Done]), &tally(3, &[])).unwrap_err();
        assert!(interrupted.cause.unwrap().starts_with("7 requests"));
    }
}
