//! `raftctl recover apply`: a new cluster of one node, with all that the chosen survivor holds.
//!
//! It is a restored cluster like that of a backup: another identity, another authority, revisions that go on. So no node
//! of the old one can come back into it, by accident or otherwise. The survivor's directory, and those beside it, get a
//! note that makes their nodes refuse to start; nothing of their data is touched.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{read_plan, read_survivor};
use crate::cli::Context;
use crate::cli::arguments::cluster_name;
use crate::cli::cluster::local::confirm;
use crate::cli::config;
use crate::cli::failure::{Exit, Failure};
use crate::cli::files::write_file;
use crate::cli::progress::turning;
use crate::cli::selection;
use crate::cli::snapshot::restore::{exists, not_made};
use crate::cluster::make::{self, Backup, Making};
use crate::cluster::plan::CLUSTER_FILE;
use crate::cluster::spec::{self, Source as SpecSource, Spec};
use crate::inspect::log::Source;
use crate::inspect::recovery_plan::Plan;
use crate::inspect::survivor::Survivor;
use crate::storage::layout;

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl recover apply plan.json --data-dir /srv/raft/n2 --dry-run
  raftctl recover apply plan.json --data-dir /srv/raft/n2 --new-cluster shop-2
  raftctl recover apply plan.json --data-dir ~/.local/state/raftctl/demo/nodes/n2 --yes

The directory must be that of the node that the plan names, as it was scanned. It is left as it is, but its node does not
start any more, nor do those beside it. A backup of the new cluster makes one of several nodes:
`raftctl snapshot save`, then `raftctl cluster up --restore`.")]
pub struct Args {
    /// A file that `recover plan` has written
    #[arg(value_name = "PLAN", value_hint = clap::ValueHint::FilePath)]
    pub plan: PathBuf,

    /// Directory of the survivor that the plan names
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub data_dir: PathBuf,

    /// Name of the new cluster [default: the old one's with -recovered behind it]
    #[arg(long, value_name = "CLUSTER", value_parser = cluster_name)]
    pub new_cluster: Option<String>,

    /// Show what would be done and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Answer questions with yes
    #[arg(long)]
    pub yes: bool,
}

/// `raftctl.recover-apply/v1`
#[derive(Serialize)]
struct Applied<'a> {
    cluster: &'a str,
    node: &'a str,
    directory: String,
    recovered_from: &'a str,
    last: u64,
    last_term: u64,
    keys: u64,
    steps: &'a [String],
    done: bool,
}

pub(super) fn run(context: &Context, arguments: &Args) -> Result<Exit, Failure> {
    let plan = read_plan(&arguments.plan)?;
    let survivor = read_survivor(context, &Source::at(arguments.data_dir.clone()))?;
    plan.check_against(&survivor.scan).map_err(|error| {
        Failure::new("E0414", "the plan does not fit this directory")
            .because(&error)
            .fix(format!("apply it on the machine of {}; if its node ran meanwhile, scan and plan anew", plan.chosen))
    })?;
    let cluster = arguments.new_cluster.clone().unwrap_or_else(|| format!("{}-recovered", plan.cluster));
    let home = selection::home(&context.environment)?;
    let directory = home.join(&cluster);
    let backup = Backup { cluster_id: survivor.cluster_id, loaded: survivor.loaded.clone() };
    if directory.join(CLUSTER_FILE).exists() {
        return Err(exists(&cluster, &directory, &backup).fix("--new-cluster NAME for another one"));
    }
    let spec = description(&cluster, &survivor)?;
    let left_behind = left_behind(&arguments.data_dir, &survivor)?;
    let steps = steps(&directory, &survivor, &left_behind);
    if !arguments.dry_run {
        let lost = plan.lost.join(" ");
        let question = format!("go on from {} without {lost}, and without what only they held", plan.chosen);
        confirm(context, arguments.yes, &question)?;
        // First: nobody may go on with both.
        left_behind
            .iter()
            .try_for_each(|dir| write_file(&layout::superseded_file(dir), note(&cluster, &plan).as_bytes()))?;
        fs::create_dir_all(&home)
            .map_err(|error| Failure::new("E0206", format!("{} cannot be used", home.display())).because(&error))?;
        let wall_ms = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0);
        let backup = Some(&backup);
        let making = Making { directory: &directory, spec: &spec, file: None, wall_ms, backup, node_dir: None };
        turning(context, "making the new cluster", || make::make(&making))
            .map_err(|error| not_made(&cluster, &error))?;
    }
    report(context, arguments, &cluster, &directory, &survivor, &steps)
}

/// One node with the name and the address that the survivor had.
fn description(cluster: &str, survivor: &Survivor) -> Result<Spec, Failure> {
    let mut spec = spec::read(&SpecSource::Size { cluster: cluster.to_owned(), nodes: 1 }, None, &[])
        .map_err(|error| config::refused(&error))?;
    let node = &mut spec.nodes[0];
    node.name.clone_from(&survivor.file.name);
    node.listen = survivor.file.listen.parse().ok();
    node.advertise = Some(survivor.file.advertise.clone());
    spec.settings = survivor.loaded.settings.clone();
    spec.storage = survivor.file.storage;
    Ok(spec)
}

/// The survivor's directory, and those of nodes of the same cluster beside it.
fn left_behind(data_dir: &Path, survivor: &Survivor) -> Result<Vec<PathBuf>, Failure> {
    let unusable =
        |error: &std::io::Error| Failure::new("E0206", format!("{} cannot be used", data_dir.display())).because(error);
    let own = fs::canonicalize(data_dir).map_err(|error| unusable(&error))?;
    let own = if own.join("node.yaml").is_file() { own } else { own.parent().map(Path::to_path_buf).unwrap_or(own) };
    let mut all = vec![own.clone()];
    let beside = own.parent().filter(|parent| parent.ends_with("nodes")).map(fs::read_dir);
    for entry in beside.transpose().map_err(|error| unusable(&error))?.into_iter().flatten().flatten() {
        let is_of_it = |file: layout::NodeFile| file.cluster_id == survivor.cluster_id;
        if entry.path() != own && layout::NodeFile::read(&entry.path()).is_ok_and(is_of_it) {
            all.push(entry.path());
        }
    }
    Ok(all)
}

fn steps(directory: &Path, survivor: &Survivor, left_behind: &[PathBuf]) -> Vec<String> {
    let mut steps: Vec<String> =
        left_behind.iter().map(|dir| format!("note in {} that its node is superseded", dir.display())).collect();
    steps.push(format!("make {} with a new identity and authority", directory.display()));
    steps.push(format!(
        "make {} in it, its only voter, with {} keys as of entry {}",
        survivor.scan.node,
        survivor.loaded.image.map().len(),
        survivor.loaded.meta.last
    ));
    steps
}

/// What a node that must not run any more says of it.
fn note(cluster: &str, plan: &Plan) -> String {
    let (chosen, checksum) = (&plan.chosen, &plan.checksum);
    format!("the cluster {cluster} goes on from what {chosen} held, by the plan with checksum {checksum}\n")
}

fn report(
    context: &Context,
    arguments: &Args,
    cluster: &str,
    directory: &Path,
    survivor: &Survivor,
    steps: &[String],
) -> Result<Exit, Failure> {
    let (printer, node, last) = (&context.printer, survivor.scan.node.as_str(), survivor.loaded.meta.last);
    if !printer.is_table() {
        let applied = Applied {
            cluster,
            node,
            directory: directory.join("nodes").join(node).display().to_string(),
            recovered_from: &survivor.scan.cluster_id,
            last: last.index.0,
            last_term: last.term.0,
            keys: survivor.loaded.image.map().len() as u64,
            steps,
            done: !arguments.dry_run,
        };
        printer.document("raftctl.recover-apply/v1", &applied)?;
        return Ok(Exit::Done);
    }
    steps.iter().try_for_each(|step| printer.line(step))?;
    if !arguments.dry_run {
        printer.note(format_args!("raftctl cluster start {node} --cluster {cluster}"));
    }
    Ok(Exit::Done)
}
