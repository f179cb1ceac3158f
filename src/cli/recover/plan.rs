//! `raftctl recover plan`: whom to go on from, and what is lost. Reads only.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{PLAN_SCHEMA, SCAN_SCHEMA, read_document, read_survivor, save};
use crate::cli::Context;
use crate::cli::arguments::node_name;
use crate::cli::failure::{Exit, Failure};
use crate::cli::log::source;
use crate::cli::output::{Cell, Table};
use crate::inspect::recovery_plan::{Loss, Plan, PlanError};
use crate::inspect::survivor::Scan;

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl recover plan n1.json n2.json --lost n3,n4,n5 --out plan.json
  raftctl recover plan n1 n2 --lost n3,n4,n5 --out plan.json

Every member must be scanned or said to be lost. Exits with 5 when the survivors are enough to go on without this.")]
pub struct Args {
    /// Scans, nodes' directories, or nodes of the selected cluster
    #[arg(value_name = "SCAN|NODE|DIR", required = true)]
    pub survivors: Vec<OsString>,

    /// Members that are gone for good, comma-separated
    #[arg(long, value_name = "NODES", value_delimiter = ',', value_parser = node_name)]
    pub lost: Vec<String>,

    /// Where to write the plan
    #[arg(long, value_name = "PLAN", value_hint = clap::ValueHint::FilePath)]
    pub out: PathBuf,

    /// Replace the file if there is one
    #[arg(long)]
    pub force: bool,
}

pub(super) fn run(context: &Context, arguments: &Args) -> Result<Exit, Failure> {
    let scans: Vec<Scan> = arguments.survivors.iter().map(|word| read(context, word)).collect::<Result<_, _>>()?;
    let plan = Plan::make(scans, &arguments.lost).map_err(|error| refused(&error))?;
    save(&arguments.out, arguments.force, PLAN_SCHEMA, &plan)?;
    print(context, &plan)?;
    let out = arguments.out.display();
    context.printer.note(format_args!(
        "written to {out}; on the machine of {}: raftctl recover apply {out} --data-dir DIR",
        plan.chosen
    ));
    Ok(Exit::Done)
}

fn read(context: &Context, word: &OsString) -> Result<Scan, Failure> {
    let path = Path::new(word);
    match path.is_file() {
        true => read_document(path, SCAN_SCHEMA, "a scan"),
        false => Ok(read_survivor(context, &source(context, word)?)?.scan),
    }
}

fn refused(error: &PlanError) -> Failure {
    let failure = Failure::new("E0413", "there is no plan").because(error);
    match error {
        PlanError::Quorum { nodes } => {
            failure.fix(format!("start them, nothing is lost: raftctl cluster start {}", nodes.join(" ")))
        }
        PlanError::Unaccounted { nodes } => {
            failure.fix(format!("scan them, or, if they are gone for good: --lost {}", nodes.join(",")))
        }
        PlanError::Found { node } => failure.fix(format!("leave {node} out of --lost, or its scan away")),
        PlanError::Stranger { .. } | PlanError::Clusters { .. } | PlanError::Nobody | PlanError::Twice { .. } => {
            failure.fix("give one scan of each survivor, all of the same cluster")
        }
    }
}

/// A plan for a person, or as it is.
pub(super) fn print(context: &Context, plan: &Plan) -> Result<(), Failure> {
    let printer = &context.printer;
    if !printer.is_table() {
        return printer.document(PLAN_SCHEMA, plan);
    }
    let mut table = Table::new(&["SURVIVOR", ">LAST", ">OF TERM", ">COMMIT", "STATE", "ROLE"]);
    for scan in &plan.survivors {
        let state = match (&scan.damage, scan.recovering) {
            (Some(_), _) => "damaged behind that",
            (None, true) => "recovering",
            (None, false) => "whole",
        };
        table.row([
            Cell::from(scan.node.clone()),
            Cell::from(scan.last.to_string()),
            Cell::from(scan.last_term.to_string()),
            Cell::from(scan.commit.to_string()),
            Cell::from(state),
            Cell::from(if scan.node == plan.chosen { "goes on" } else { "is left behind" }),
        ]);
    }
    printer.table(&table)?;
    printer.line(format_args!("lost: {}", plan.lost.join(" ")))?;
    plan.losses.iter().try_for_each(|loss| printer.line(sentence(loss)))
}

fn sentence(loss: &Loss) -> String {
    let Loss { first, held_by, committed, .. } = loss;
    let (Some(last), Some(term)) = (loss.last, loss.term) else {
        return format!(
            "from entry {first} on: whatever only the lost nodes held is lost, acknowledged writes among it"
        );
    };
    let fate = if *committed { "is committed, and is lost" } else { "may have been acknowledged, and is lost" };
    format!("entries {first}..{last} of term {term}: only {} holds them; what is in them {fate}", held_by.join(" "))
}
