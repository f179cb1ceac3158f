//! `raftctl sim swarm`: many seeds on all cores, until the count is done, one of them fails, or somebody presses Ctrl-C.
//!
//! Seeds are handed out in order and finished before the command ends, so that what is done is always a beginning; with
//! `--resume FILE` the file says how far that is, and the same command goes on from there. Every hundredth seed is run
//! twice, and both runs must be the same world (I14).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};

use super::WorldOptions;
use super::guard::{guarded, run_guarded};
use super::report::{RunView, failure, millis, replay_command};
use crate::cli::Context;
use crate::cli::failure::{Exit, Failure};
use crate::cli::files::write_file;
use crate::cli::output::{Cell, Table};
use crate::sim::script::{WholeWorld, shortened};
use crate::sim::shrink::shrink;
use crate::sim::{Report, RunOptions, Violation, run_seed};

/// Every so many seeds one is run twice.
const TWICE_EVERY: u64 = 100;

/// How often the state of a swarm is written, and progress is said where no bar can be drawn.
const SAVE_EVERY: Duration = Duration::from_secs(5);

/// How often the bar moves.
const DRAW_EVERY: Duration = Duration::from_millis(200);

/// Longest state file that is read.
const STATE_BYTES_MAX: u64 = 1 << 20;

/// Most failing seeds that are kept with `--keep-going`.
const FAILURES_MAX: usize = 1_000;

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
A seed chooses a world: its size, its limits, its faults and what clients do. A world that breaks an invariant ends the
swarm with exit code 7; it is made small, and the command that shows it again is printed. Weak worlds, in which too
little happened, are counted apart.

Examples:
  raftctl sim swarm --count 1000
  raftctl sim swarm --count 1000000 --resume swarm.json
  raftctl sim swarm --count 10000 --seed 5000 --jobs 1 -o json
  raftctl sim swarm --count 10000 --keep-going --save failure.script")]
pub struct Args {
    /// How many seeds
    #[arg(long, value_name = "COUNT", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub count: u64,

    /// The first seed
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub seed: u64,

    /// Seeds that run at a time [default: one for each core]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..=1_024))]
    pub jobs: Option<u64>,

    #[command(flatten)]
    pub world: WorldOptions,

    /// Keep how far the swarm has come in this file, and go on from there
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub resume: Option<PathBuf>,

    /// Write the first failure, made small, into this file, as a script
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub save: Option<PathBuf>,

    /// Replace the file that --save names
    #[arg(long, requires = "save")]
    pub force: bool,

    /// Go on after a failure
    #[arg(long)]
    pub keep_going: bool,
}

/// How far a swarm has come. All seeds below `next` are done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    schema: String,
    first: u64,
    count: u64,
    /// The command without its seed and count: another world is another swarm.
    world: String,
    next: u64,
    passed: u64,
    weak: u64,
    failed: Vec<u64>,
    simulated_ms: u64,
    events: u64,
    elapsed_ms: u64,
}

#[derive(Serialize)]
struct Document {
    first: u64,
    count: u64,
    finished: u64,
    passed: u64,
    weak: u64,
    failed: Vec<u64>,
    simulated_hours: f64,
    elapsed_ms: u64,
    seeds_per_second: f64,
    simulated_seconds_per_second: f64,
    /// The command that shows the first failure, made small.
    replay: Option<String>,
    /// Those of this call; an earlier one that was resumed has shown its own.
    runs: Vec<RunView>,
}

const STATE_SCHEMA: &str = "raftctl.sim-swarm-state/v1";

pub fn run(context: &Context, arguments: &Args) -> Result<Exit, Failure> {
    let options = arguments.world.options();
    let state = load(arguments, &options)?;
    if let Some(path) =
        arguments.save.as_deref().filter(|path| path.extension().is_none_or(|ending| ending != "script"))
    {
        return Err(Failure::new(
            "E0107",
            format!("a failure is saved as a script, and {} is no name of one", path.display()),
        )
        .fix(format!("--save {}", path.with_extension("script").display())));
    }
    if let Some(path) = arguments.save.as_deref().filter(|path| path.exists() && !arguments.force) {
        return Err(Failure::new("E0108", format!("{} exists", path.display())).fix("add --force to replace it"));
    }
    let stop = std::sync::Arc::new(AtomicBool::new(false));
    stop_on_interrupt(std::sync::Arc::clone(&stop));
    let mut swarm = Swarm::new(context, arguments, options, state);
    swarm.run(&stop)?;
    swarm.finish(&stop)
}

struct Swarm<'a> {
    context: &'a Context,
    arguments: &'a Args,
    options: RunOptions,
    state: State,
    begun: Instant,
    /// Done, but not all before them are.
    ahead: BTreeMap<u64, Report>,
    runs: Vec<RunView>,
    first_failure: Option<Report>,
    progress: ProgressBar,
    earlier_ms: u64,
}

impl<'a> Swarm<'a> {
    fn new(context: &'a Context, arguments: &'a Args, options: RunOptions, state: State) -> Swarm<'a> {
        let progress = progress(context, arguments.count);
        progress.set_position(state.next - state.first);
        let earlier_ms = state.elapsed_ms;
        Swarm {
            context,
            arguments,
            options,
            state,
            begun: Instant::now(),
            ahead: BTreeMap::new(),
            runs: Vec::new(),
            first_failure: None,
            progress,
            earlier_ms,
        }
    }

    fn run(&mut self, stop: &AtomicBool) -> Result<(), Failure> {
        let end = self.state.first + self.state.count;
        let next = AtomicU64::new(self.state.next);
        let jobs = self.arguments.jobs.map_or_else(cores, |jobs| usize::try_from(jobs).expect("jobs are few"));
        let (sender, reports) = channel();
        let options = self.options.clone();
        std::thread::scope(|scope| {
            for _ in 0..jobs {
                let (sender, options, next) = (sender.clone(), &options, &next);
                scope.spawn(move || work(next, end, stop, options, &sender));
            }
            drop(sender);
            let outcome = self.collect(&reports, stop);
            if outcome.is_err() {
                stop.store(true, Ordering::Relaxed);
            }
            outcome
        })
    }

    /// Takes reports until every worker has ended.
    fn collect(&mut self, reports: &Receiver<Report>, stop: &AtomicBool) -> Result<(), Failure> {
        let mut saved = Instant::now();
        loop {
            match reports.recv_timeout(DRAW_EVERY) {
                Ok(report) => {
                    self.ahead.insert(report.seed, report);
                    self.take_in_order(stop);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.save_state(),
            }
            self.draw();
            if saved.elapsed() >= SAVE_EVERY {
                saved = Instant::now();
                self.save_state()?;
                if self.progress.is_hidden() {
                    self.context.printer.detail(self.said());
                }
            }
        }
    }

    fn take_in_order(&mut self, stop: &AtomicBool) {
        while let Some(report) = self.ahead.remove(&self.state.next) {
            self.state.next += 1;
            self.state.simulated_ms += millis(report.simulated);
            self.state.events += report.counts.events;
            if !self.context.printer.is_table() {
                self.runs.push(RunView::of(&report));
            }
            match (&report.violation, report.is_weak) {
                (None, false) => self.state.passed += 1,
                (None, true) => self.state.weak += 1,
                (Some(violation), _) => {
                    if self.state.failed.len() < FAILURES_MAX {
                        self.state.failed.push(report.seed);
                    }
                    self.progress.suspend(|| {
                        self.context.printer.warning(format_args!("seed {}: {violation}", report.seed));
                    });
                    if !self.arguments.keep_going {
                        stop.store(true, Ordering::Relaxed);
                    }
                    self.first_failure.get_or_insert(report);
                }
            }
        }
    }

    fn draw(&self) {
        self.progress.set_position(self.state.next - self.state.first);
        self.progress.set_message(format!("{:.1} simulated hours", self.hours()));
    }

    /// Says what came of it; makes the first failure small.
    fn finish(mut self, stop: &AtomicBool) -> Result<Exit, Failure> {
        self.progress.finish_and_clear();
        let small = self.first_failure.take().map(|report| self.make_small(&report));
        let (small_report, small_options) = match small {
            Some(small) => (Some(small.0), small.1),
            None => (None, self.options.clone()),
        };
        let replay = small_report.as_ref().map(|report| replay_command(report.seed, &small_options));
        if self.context.printer.is_table() {
            if let Some(report) = &small_report {
                shortened(&report.lines).iter().try_for_each(|line| self.context.printer.line(line))?;
            }
            self.context.printer.table(&self.table())?;
        } else {
            let document = self.document(replay);
            self.context.printer.document("raftctl.sim-swarm/v1", &document)?;
        }
        if let Some(report) = &small_report {
            self.save_failure(report, &small_options)?;
            return Err(failure(report, &small_options));
        }
        if self.state.next < self.state.first + self.state.count && stop.load(Ordering::Relaxed) {
            let next = self.state.next;
            self.context.printer.note(match &self.arguments.resume {
                Some(path) => format!("stopped before seed {next}; the same command goes on from {}", path.display()),
                None => format!("stopped before seed {next}; --seed {next} goes on from there"),
            });
            return Ok(Exit::Interrupted);
        }
        match self.state.failed.first() {
            None => Ok(Exit::Done),
            Some(seed) => Err(Failure::new("E0801", format!("{} seeds failed in this swarm", self.state.failed.len()))
                .cause(format!("seed {seed} was the first, in an earlier part of it"))
                .fix(replay_command(*seed, &self.options))),
        }
    }

    fn make_small(&self, report: &Report) -> (Report, RunOptions) {
        if run_guarded(report.seed, &self.options, false).violation.is_none() {
            // Two runs of it differ: there is nothing to take away from.
            return (report.clone(), self.options.clone());
        }
        self.context.printer.note(format_args!("making seed {} small", report.seed));
        let small = guarded(report.seed, &self.options, || {
            let shrunk = shrink(&self.options, report, || true);
            (run_seed(report.seed, &shrunk.options, true), shrunk.options)
        });
        small.unwrap_or_else(|_| (report.clone(), self.options.clone()))
    }

    fn save_failure(&self, report: &Report, options: &RunOptions) -> Result<(), Failure> {
        let Some(path) = &self.arguments.save else { return Ok(()) };
        let world = WholeWorld { seed: report.seed, options: options.clone() };
        write_file(path, world.script(report).as_bytes())?;
        self.context.printer.note(format_args!("saved to {}; raftctl sim run {}", path.display(), path.display()));
        Ok(())
    }

    fn save_state(&mut self) -> Result<(), Failure> {
        self.state.elapsed_ms = self.earlier_ms + millis(self.begun.elapsed());
        let Some(path) = &self.arguments.resume else { return Ok(()) };
        let mut text = serde_json::to_vec_pretty(&self.state).expect("states are plain data");
        text.push(b'\n');
        write_file(path, &text)
    }

    fn hours(&self) -> f64 {
        self.state.simulated_ms as f64 / 3_600_000.0
    }

    /// Seconds of all parts of this swarm.
    fn elapsed(&self) -> f64 {
        (self.state.elapsed_ms as f64 / 1_000.0).max(0.001)
    }

    fn said(&self) -> String {
        let done = self.state.next - self.state.first;
        format!("{done} of {} seeds, {:.1} simulated hours", self.state.count, self.hours())
    }

    fn table(&self) -> Table {
        let mut table = Table::new(&["FACT", "VALUE"]);
        let done = self.state.next - self.state.first;
        let facts = [
            ("seeds", format!("{done} of {}, from {}", self.state.count, self.state.first)),
            ("passed", self.state.passed.to_string()),
            ("weak", self.state.weak.to_string()),
            ("failed", self.state.failed.len().to_string()),
            ("simulated", format!("{:.1} hours, {} events", self.hours(), self.state.events)),
            (
                "speed",
                format!(
                    "{:.1} seeds a second, {:.0} simulated seconds a second",
                    done as f64 / self.elapsed(),
                    self.state.simulated_ms as f64 / 1_000.0 / self.elapsed()
                ),
            ),
        ];
        for (fact, value) in facts {
            table.row([Cell::from(fact), Cell::from(value)]);
        }
        table
    }

    fn document(&mut self, replay: Option<String>) -> Document {
        let finished = self.state.next - self.state.first;
        Document {
            first: self.state.first,
            count: self.state.count,
            finished,
            passed: self.state.passed,
            weak: self.state.weak,
            failed: self.state.failed.clone(),
            simulated_hours: self.hours(),
            elapsed_ms: self.state.elapsed_ms,
            seeds_per_second: finished as f64 / self.elapsed(),
            simulated_seconds_per_second: self.state.simulated_ms as f64 / 1_000.0 / self.elapsed(),
            replay,
            runs: std::mem::take(&mut self.runs),
        }
    }
}

/// One worker: takes the next seed until there is none or somebody says stop.
fn work(next: &AtomicU64, end: u64, stop: &AtomicBool, options: &RunOptions, reports: &Sender<Report>) {
    while !stop.load(Ordering::Relaxed) {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            return;
        }
        let mut report = run_guarded(seed, options, false);
        if seed.is_multiple_of(TWICE_EVERY) && report.violation.is_none() {
            let again = run_guarded(seed, options, false);
            if again.trace_hash != report.trace_hash {
                let what = format!("two runs differ: {:016x} and {:016x}", report.trace_hash, again.trace_hash);
                report.violation = Some(Violation { rule: "I14 determinism", what });
            }
        }
        // The collector ends last, so this is heard.
        let _ = reports.send(report);
    }
}

fn load(arguments: &Args, options: &RunOptions) -> Result<State, Failure> {
    let fresh = State {
        schema: STATE_SCHEMA.to_owned(),
        first: arguments.seed,
        count: arguments.count,
        world: replay_command(0, options),
        next: arguments.seed,
        ..State::default()
    };
    let Some(path) = arguments.resume.as_deref().filter(|path| path.exists()) else { return Ok(fresh) };
    let unreadable = |error: &(dyn std::error::Error + 'static)| {
        Failure::new("E0802", format!("{} is not the state of a swarm", path.display()))
            .because(error)
            .fix("name another file, or remove this one to begin anew")
    };
    let length = std::fs::metadata(path).map_err(|error| unreadable(&error))?.len();
    if length > STATE_BYTES_MAX {
        return Err(Failure::new("E0802", format!("{} is too long for the state of a swarm", path.display())));
    }
    let bytes = std::fs::read(path).map_err(|error| unreadable(&error))?;
    let state: State = serde_json::from_slice(&bytes).map_err(|error| unreadable(&error))?;
    let is_same =
        (state.schema.as_str(), state.first, state.world.as_str()) == (STATE_SCHEMA, fresh.first, fresh.world.as_str());
    let is_within = (state.first..=state.first.saturating_add(arguments.count)).contains(&state.next);
    if !is_same || !is_within {
        return Err(Failure::new("E0802", format!("{} is the state of another swarm", path.display()))
            .cause(format!("it began at seed {} with `{}`", state.first, state.world))
            .fix("give the same --seed and the same world, or name another file"));
    }
    Ok(State { count: arguments.count, ..state })
}

fn progress(context: &Context, count: u64) -> ProgressBar {
    if !context.printer.may_draw() {
        return ProgressBar::hidden();
    }
    let template = "{bar:30} {pos}/{len} seeds, {per_sec}, {msg}, {eta} left";
    let style = ProgressStyle::with_template(template).expect("the template is a constant");
    ProgressBar::new(count).with_style(style)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The first Ctrl-C lets the seeds under way finish, the second ends the process.
fn stop_on_interrupt(stop: std::sync::Arc<AtomicBool>) {
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            if tokio::signal::ctrl_c().await.is_err() {
                return;
            }
            stop.store(true, Ordering::Relaxed);
            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(i32::from(Exit::Interrupted.code()));
            }
        });
    });
}
