//! `raftctl recover`: going on after a majority of the nodes is lost for good, step by step.
//!
//! Scan what is left, plan, apply on the one machine that the plan names. Every step but the last only reads.

mod apply;
mod plan;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap_complete::ArgValueCandidates;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::cli::failure::{Exit, Failure};
use crate::cli::files::write_file;
use crate::cli::log::{source, walk_failure};
use crate::cli::progress::Progress;
use crate::cli::{Context, completions};
use crate::inspect::log::Source;
use crate::inspect::recovery_plan::Plan;
use crate::inspect::survivor::{Survivor, SurvivorError, survivor};
use crate::storage::disk::{self, RealDisk};

/// Longest scan or plan that is read.
const DOCUMENT_BYTES_MAX: usize = 16 * 1024 * 1024;

const SCAN_SCHEMA: &str = "raftctl.recover-scan/v1";
const PLAN_SCHEMA: &str = "raftctl.recover-plan/v1";

/// A scan or a plan as it lies in a file, and as it is printed.
#[derive(Serialize, Deserialize)]
struct Document<T> {
    schema: String,
    #[serde(flatten)]
    value: T,
}

#[derive(Clone, Debug, clap::Subcommand)]
#[command(disable_help_subcommand = true)]
#[command(after_help = "\
Examples:
  raftctl recover scan /srv/raft/n1 --out n1.json
  raftctl recover plan n1.json n2.json --lost n3,n4,n5 --out plan.json
  raftctl recover report plan.json
  raftctl recover apply plan.json --data-dir /srv/raft/n2

Only when a majority of the voters is gone for good: entries that only the lost nodes held are lost, acknowledged or not.
While a majority is left, start it: nothing is lost then.")]
pub enum Command {
    /// Write down what a node that is left holds
    Scan(ScanArgs),
    /// Choose the survivor to go on from, and name what may be lost
    Plan(plan::Args),
    /// Make a new cluster of one node from what the chosen one holds; asks
    Apply(apply::Args),
    /// Print a plan, and prove that nobody changed it
    Report(ReportArgs),
}

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl recover scan n1 --out n1.json
  raftctl recover scan /srv/raft/n1
  raftctl recover scan demo.tar:n1 --out n1.json

The node must be stopped. The scan is small and holds no values: who the node is, how far its log goes, by terms, what it
knows to be committed, and who the members are.")]
pub struct ScanArgs {
    /// A node's directory, a node of the selected cluster, or one in a bundle
    #[arg(value_name = "NODE|DIR", add = ArgValueCandidates::new(completions::node_names))]
    pub source: OsString,

    /// Where to write it, instead of stdout
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub out: Option<PathBuf>,

    /// Replace the file if there is one
    #[arg(long, requires = "out")]
    pub force: bool,
}

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl recover report plan.json
  raftctl recover report plan.json -o json")]
pub struct ReportArgs {
    /// A file that `recover plan` has written
    #[arg(value_name = "PLAN", value_hint = clap::ValueHint::FilePath)]
    pub plan: PathBuf,
}

pub fn run(context: &Context, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Scan(arguments) => scan(context, &arguments),
        Command::Plan(arguments) => plan::run(context, &arguments),
        Command::Apply(arguments) => apply::run(context, &arguments),
        Command::Report(arguments) => {
            let plan = read_plan(&arguments.plan)?;
            plan::print(context, &plan)?;
            Ok(Exit::Done)
        }
    }
}

fn scan(context: &Context, arguments: &ScanArgs) -> Result<Exit, Failure> {
    let source = source(context, &arguments.source)?;
    let scan = read_survivor(context, &source)?.scan;
    let Some(out) = &arguments.out else {
        context.printer.document(SCAN_SCHEMA, &scan)?;
        return Ok(Exit::Done);
    };
    save(out, arguments.force, SCAN_SCHEMA, &scan)?;
    context.printer.note(format_args!(
        "{}: {} ends with entry {}@{}, and knows entries up to {} to be committed",
        out.display(),
        scan.node,
        scan.last,
        scan.last_term,
        scan.commit
    ));
    if let Some(damage) = &scan.damage {
        context.printer.warning(format_args!("what lies behind is damaged and does not count: {damage}"));
    }
    Ok(Exit::Done)
}

fn read_survivor(context: &Context, source: &Source) -> Result<Survivor, Failure> {
    let progress = Progress::new(context, format!("reading {}", source.name()), source.length_bytes());
    survivor(source, &|bytes| progress.advance(bytes)).map_err(|error| refused(source, &error))
}

fn refused(source: &Source, error: &SurvivorError) -> Failure {
    match error {
        SurvivorError::Running { .. } => Failure::new("E0411", format!("{} runs", source.name()))
            .because(error)
            .fix("stop it first: raftctl cluster stop, or SIGTERM to its process"),
        SurvivorError::Redacted { .. } => Failure::new("E0416", format!("{} cannot be recovered from", source.name()))
            .because(error)
            .fix("scan the node's own directory, or a bundle made without --redact-values"),
        SurvivorError::Walk(walk) => walk_failure(source, walk),
        SurvivorError::NoNode { .. } | SurvivorError::File(_) => {
            Failure::new("E0601", format!("{} cannot be recovered from", source.name()))
                .because(error)
                .fix("name the directory that has node.yaml and data/ in it")
        }
        SurvivorError::Replay(_) => Failure::new("E0401", format!("{} cannot be recovered from", source.name()))
            .because(error)
            .fix("raftctl inspect shows what can be read; another survivor, or a backup, may do"),
    }
}

/// Writes a document of JSON; never over another one unless told so.
fn save<T: Serialize>(path: &Path, force: bool, schema: &str, value: &T) -> Result<(), Failure> {
    if path.exists() && !force {
        return Err(Failure::new("E0108", format!("{} exists", path.display())).fix("add --force to replace it"));
    }
    let document = Document { schema: schema.to_owned(), value };
    let mut text = serde_json::to_vec_pretty(&document).expect("scans and plans are plain data");
    text.push(b'\n');
    write_file(path, &text)
}

fn read_document<T: DeserializeOwned>(path: &Path, schema: &str, what: &str) -> Result<T, Failure> {
    let bytes = disk::read_whole(&RealDisk, path, DOCUMENT_BYTES_MAX)
        .map_err(|error| Failure::new("E0107", format!("{} cannot be read", path.display())).because(&error))?;
    let is_not = || Failure::new("E0412", format!("{} is not {what}", path.display()));
    let document: Document<T> = serde_json::from_slice(&bytes).map_err(|error| is_not().because(&error))?;
    match document.schema == schema {
        true => Ok(document.value),
        false => Err(is_not().cause(format!("its schema is {}, and this version reads {schema}", document.schema))),
    }
}

fn read_plan(path: &Path) -> Result<Plan, Failure> {
    let plan: Plan = read_document(path, PLAN_SCHEMA, "a plan of recovery")?;
    plan.verify().map_err(|error| {
        Failure::new("E0412", format!("{} cannot be followed", path.display()))
            .because(&error)
            .exit(Exit::Corrupt)
            .fix("make the plan again: raftctl recover plan")
    })?;
    Ok(plan)
}
