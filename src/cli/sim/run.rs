//! `raftctl sim run SEED|FILE`: one world, to its verdict.

use std::ffi::OsString;
use std::path::Path;

use serde::Serialize;

use super::WorldOptions;
use super::guard::run_guarded;
use super::report::{self, RunView, failure, replay_command};
use crate::cli::Context;
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::{Cell, Table};
use crate::raft::Rules;
use crate::sim::script::{self, CommandFault, ScriptFault, WholeWorld, shortened};
use crate::sim::{Report, RunOptions};

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Faults: loss duplicate reorder late corrupt partition flap news kill power power-all restart pause clocks jump transfer
members slow-disk stuck-disk full-disk write-error sync-error torn-sector rot stale misdirect misread wipe hangup lag. A
seed has about half of them.

Marks in a trace: * a role or a phase changed, ▸ a message arrived, ✗ something was lost or broke.

Examples:
  raftctl sim run 42
  raftctl sim run 42 --trace
  raftctl sim run 42 --without loss,kill --nodes 3 -o json
  raftctl sim run 42 --break R20
  raftctl sim run failure.script
  raftctl sim run tests/scripts/commit/figure_8_an_old_term_is_not_committed_by_counting.script")]
pub struct Args {
    /// A seed, or a script; `sim swarm --save` writes one
    #[arg(value_name = "SEED|FILE", value_hint = clap::ValueHint::FilePath)]
    pub what: OsString,

    #[command(flatten)]
    pub world: WorldOptions,

    /// Print what happened, line by line (the last 20,000 lines)
    #[arg(long)]
    pub trace: bool,
}

#[derive(Serialize)]
struct Document {
    runs: Vec<RunView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<Vec<String>>,
}

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    let word = arguments.what.to_string_lossy();
    if let Ok(seed) = word.parse::<u64>() {
        return run_one(context, seed, &arguments.world.options(), arguments.trace);
    }
    let path = Path::new(&arguments.what);
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new("E0107", format!("{} cannot be read", path.display()))
            .because(&error)
            .fix("give a number, or the path of a script")
    })?;
    if path.extension().is_none_or(|ending| ending != "script") {
        return Err(Failure::new("E0802", format!("{} is not a script", path.display()))
            .fix("name a file that ends in .script, as `raftctl sim swarm --save FAILURE.script` writes one"));
    }
    let rules = arguments.world.options().rules;
    match WholeWorld::of_script(&text) {
        Some(Ok(WholeWorld { seed, mut options })) => {
            options.rules = rules.broken().fold(options.rules, Rules::and_without);
            run_one(context, seed, &options, arguments.trace)
        }
        Some(Err(_)) | None => tell(context, path, &text, rules),
    }
}

fn run_one(context: &Context, seed: u64, options: &RunOptions, with_trace: bool) -> Result<Exit, Failure> {
    let mut report = run_guarded(seed, options, with_trace);
    if report.violation.is_some() && !with_trace {
        // The same world once more, this time with its story.
        report = run_guarded(seed, options, true);
    }
    if context.printer.is_table() {
        if with_trace {
            report.lines.iter().try_for_each(|line| context.printer.line(line))?;
        } else if report.violation.is_some() {
            shortened(&report.lines).iter().try_for_each(|line| context.printer.line(line))?;
        }
        context.printer.table(&table(&report))?;
    } else {
        let trace = with_trace.then(|| report.lines.clone());
        context.printer.document("raftctl.sim-run/v1", &Document { runs: vec![RunView::of(&report)], trace })?;
    }
    context.printer.detail(format_args!("again: {}", replay_command(seed, options)));
    match report.violation {
        None => Ok(Exit::Done),
        Some(_) => Err(failure(&report, options)),
    }
}

fn table(report: &Report) -> Table {
    let mut table = Table::new(&["FACT", "VALUE"]);
    let faults: Vec<&str> = report.faults.iter().map(|fault| fault.word()).collect();
    let counts = &report.counts;
    let facts = [
        ("seed", report.seed.to_string()),
        ("verdict", report::verdict(report).to_owned()),
        ("trace hash", format!("{:016x}", report.trace_hash)),
        ("nodes", report.nodes.to_string()),
        ("faults", if faults.is_empty() { "none".to_owned() } else { faults.join(" ") }),
        ("simulated", format!("{:.1} s", report.simulated.as_secs_f64())),
        ("events", counts.events.to_string()),
        ("messages", format!("{}, {} of them lost", counts.messages, counts.messages_lost)),
        ("processes", format!("{} starts, {} crashes", counts.starts, counts.crashes)),
        ("elections won", counts.elections_won.to_string()),
        ("membership", format!("{} changes committed", counts.changes)),
        ("snapshots", format!("{} taken, {} installed", counts.snapshots_taken, counts.snapshots_installed)),
        ("disks", disks(report)),
        ("committed", format!("{} entries", report.committed)),
        (
            "clients",
            format!("{} writes acknowledged, {} unknown, {} reads", report.acknowledged, report.unknown, report.reads),
        ),
    ];
    for (fact, value) in facts {
        table.row([Cell::from(fact), Cell::from(value)]);
    }
    table
}

fn disks(report: &Report) -> String {
    let disk = &report.disk;
    format!(
        "{} writes, {} syncs, {} sectors lost, {} torn, {} names lost, {} errors; sectors: {} rotten, {} stale, {} misdirected, {} misread; {} logs cut, {} repaired",
        disk.writes,
        disk.syncs,
        disk.sectors_lost,
        disk.sectors_torn,
        disk.names_lost,
        disk.failures,
        disk.sectors_rotten,
        disk.sectors_stale,
        disk.sectors_misdirected,
        disk.sectors_misread,
        report.counts.repairs_begun,
        report.counts.repairs_ended
    )
}

/// Runs a script and prints its story.
fn tell(context: &Context, path: &Path, text: &str, rules: Rules) -> Result<Exit, Failure> {
    match script::run(text, rules) {
        Ok(story) => {
            context.printer.bytes(story.as_bytes())?;
            Ok(Exit::Done)
        }
        Err(error) => Err(script_failure(path, &error)),
    }
}

fn script_failure(path: &Path, error: &ScriptFault) -> Failure {
    let is_broken = matches!(error, ScriptFault::Command { source: CommandFault::Violated(_), .. });
    let failure =
        Failure::new("E0803", format!("the story of {} does not hold", path.display())).cause(error.to_string());
    if is_broken {
        return failure.exit(Exit::Corrupt).fix("a broken invariant: raftctl explain says what the rule promises");
    }
    failure.fix("the commands of scripts are listed in the documentation, under testing")
}
