//! `raftctl cluster up`: starts a cluster, or brings it back.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{down, foreground, local};

use crate::cli::Context;
use crate::cli::arguments::cluster_name;
use crate::cli::failure::{Exit, Failure};
use crate::cli::progress::turning;
use crate::cli::selection::{self, LocalCluster, LocalNode};
use crate::cli::snapshot::restore;
use crate::cli::{config, status};
use crate::client::view::ClusterView;
use crate::cluster::make::{self, Backup, Making};
use crate::cluster::plan::{self, CLUSTER_FILE, Plan, PlanError};
use crate::cluster::process;
use crate::cluster::spec::{self, Source, Spec};
use crate::storage::layout;

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl cluster up clusters/three-nodes.yaml
  raftctl cluster up -d --nodes 5 --name five
  raftctl cluster up clusters/three-nodes.yaml --set raft.election_timeout=2s
  raftctl cluster up clusters/three-nodes.yaml --dry-run
  raftctl cluster up clusters/three-nodes.yaml --restore backup.snap

In the foreground it prints the logs of all nodes; Ctrl-C stops them. What runs already is left alone.")]
pub struct Args {
    /// Cluster file; `-` is stdin; without one, the cluster that --cluster names, else a new one called demo
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub file: Option<PathBuf>,

    /// Without a file: how many nodes [default: 3]
    #[arg(long, value_name = "N", conflicts_with = "file", value_parser = clap::value_parser!(u8).range(1..=9))]
    pub nodes: Option<u8>,

    /// Name of the cluster, instead of the file's
    #[arg(long, value_name = "NAME", value_parser = cluster_name)]
    pub name: Option<String>,

    /// Override a key of the file; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,

    /// Return when the cluster is writable and every node is in touch, and leave it running
    #[arg(short, long)]
    pub detach: bool,

    /// Show what would be done and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Start nodes again when they die
    #[arg(long)]
    pub restart_nodes: bool,

    /// The file has moved: take this path for the cluster's own from now on
    #[arg(long)]
    pub adopt: bool,

    /// Begin the new cluster with this backup
    #[arg(long, value_name = "SNAPSHOT", value_hint = clap::ValueHint::FilePath)]
    pub restore: Option<PathBuf>,

    /// Remove all data of the cluster first; asks
    #[arg(long)]
    pub fresh: bool,

    /// Answer questions with yes
    #[arg(long)]
    pub yes: bool,
}

/// How long `-d` waits for the cluster unless `--timeout` says otherwise.
const UP_TIMEOUT: Duration = Duration::from_secs(60);

/// Name of a cluster that nobody named.
const DEFAULT_NAME: &str = "demo";

/// Nodes of a cluster for which nobody gave a number.
const DEFAULT_NODES: u8 = 3;

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    let home = selection::home(&context.environment)?;
    // Before anything is touched.
    let backup = arguments.restore.as_deref().map(|file| restore::read_backup(context, file)).transpose()?;
    let spec = match description(context, &home, &arguments)? {
        Described::Anew(spec) => spec,
        Described::Known(cluster) => {
            refuse_over(backup.as_ref(), &cluster.name, &cluster.directory)?;
            let lock = if arguments.dry_run { None } else { Some(lock(&home, &cluster.name)?) };
            return bring_up(context, &arguments, &cluster, lock);
        }
    };
    let directory = home.join(&spec.cluster);
    if !arguments.fresh && directory.join(CLUSTER_FILE).exists() {
        refuse_over(backup.as_ref(), &spec.cluster, &directory)?;
    }
    if arguments.dry_run {
        return show_plan(context, &planned(&arguments, &directory, &spec)?, &spec, backup.as_ref());
    }
    fs::create_dir_all(&home).map_err(|error| state_failure(&home, &error))?;
    let lock = lock(&home, &spec.cluster)?;
    if arguments.fresh && directory.exists() {
        let cluster = selection::named(&home, &spec.cluster)?;
        let question = format!("remove all data of {} in {}", cluster.name, directory.display());
        local::confirm(context, arguments.yes, &question)?;
        down::purge(context, &cluster)?;
    }
    let plan = planned(&arguments, &directory, &spec)?;
    carry_out(context, &arguments, &plan, &spec, backup.as_ref())?;
    if plan.make {
        context.printer.note(format_args!("{}: made in {}", spec.cluster, directory.display()));
    }
    if let Some(backup) = &backup {
        context.printer.note(format_args!("{}: begins with {}", spec.cluster, described(backup)));
    }
    bring_up(context, &arguments, &selection::named(&home, &spec.cluster)?, Some(lock))
}

/// What is to be brought up.
enum Described {
    /// A file or options say how the cluster should be.
    Anew(Spec),
    /// A known cluster is meant to come back as it is.
    Known(LocalCluster),
}

fn description(context: &Context, home: &Path, arguments: &Args) -> Result<Described, Failure> {
    let named = arguments.name.as_ref().or(context.global.cluster.as_ref()).or(context.environment.cluster.as_ref());
    let source = match &arguments.file {
        Some(path) if path.as_os_str() == "-" => Source::Stdin,
        Some(path) => Source::File(path.clone()),
        None => {
            let cluster = named.map_or(DEFAULT_NAME, String::as_str).to_owned();
            let known = home.join(&cluster).join(CLUSTER_FILE).exists();
            if known && arguments.nodes.is_none() && !arguments.fresh {
                if let Some(set) = arguments.set.first() {
                    return Err(Failure::new(
                        "E0209",
                        format!("{cluster} exists, so `--set {set}` cannot take effect"),
                    )
                    .cause("changing the settings of a cluster that exists is not supported yet")
                    .fix("leave --set out, or make the cluster anew with --fresh, without its data"));
                }
                return selection::named(home, &cluster).map(Described::Known);
            }
            Source::Size { cluster, nodes: usize::from(arguments.nodes.unwrap_or(DEFAULT_NODES)) }
        }
    };
    spec::read(&source, arguments.name.as_deref(), &arguments.set)
        .map(Described::Anew)
        .map_err(|error| config::refused(&error))
}

fn planned(arguments: &Args, directory: &Path, spec: &Spec) -> Result<Plan, Failure> {
    let known = make::recall(directory)
        .map_err(|error| Failure::new("E0205", "the cluster's file cannot be read").because(&error))?;
    // What is removed first binds nobody; in a dry run it is still there.
    let remembered = known.filter(|_| !arguments.fresh);
    let running: Vec<String> = spec
        .nodes
        .iter()
        .filter(|node| remembered.is_some() && process::is_held(&directory.join("nodes").join(&node.name)))
        .map(|node| node.name.clone())
        .collect();
    let file = file_of(arguments);
    plan::plan(directory, spec, file.as_deref(), remembered.as_ref(), &running, arguments.adopt).map_err(|error| {
        let (code, fix) = match &error {
            PlanError::OtherFile { .. } => {
                ("E0208", "--name NAME for a second cluster, --adopt when the file has moved")
            }
            PlanError::Changed { .. } => (
                "E0209",
                "changing a cluster that exists is not supported yet; --fresh makes it anew, without its data",
            ),
        };
        Failure::new(code, format!("{} cannot be brought up from this file", spec.cluster)).because(&error).fix(fix)
    })
}

fn file_of(arguments: &Args) -> Option<PathBuf> {
    let path = arguments.file.as_ref().filter(|path| path.as_os_str() != "-")?;
    Source::File(path.clone()).remembered()
}

/// A backup is never put over a cluster that is there.
fn refuse_over(backup: Option<&Backup>, cluster: &str, directory: &Path) -> Result<(), Failure> {
    let Some(backup) = backup else { return Ok(()) };
    Err(restore::exists(cluster, directory, backup)
        .fix("--name NAME for a new one beside it, or --fresh, which removes all data of this one"))
}

fn described(backup: &Backup) -> String {
    let Backup { cluster_id, loaded } = backup;
    format!("{} keys as of entry {} of cluster {cluster_id}", loaded.image.map().len(), loaded.meta.last)
}

fn show_plan(context: &Context, plan: &Plan, spec: &Spec, backup: Option<&Backup>) -> Result<Exit, Failure> {
    let mut lines = plan.lines(&spec.nodes);
    if let Some(backup) = backup {
        let starts = lines.iter().position(|line| line.starts_with("start ")).unwrap_or(lines.len());
        lines.insert(starts, format!("begin with {}", described(backup)));
    }
    show_steps(context, &plan.cluster, &lines)
}

fn show_steps(context: &Context, cluster: &str, steps: &[String]) -> Result<Exit, Failure> {
    if !context.printer.is_table() {
        context.printer.document("raftctl.plan/v1", &PlanView { cluster, steps })?;
        return Ok(Exit::Done);
    }
    steps.iter().try_for_each(|step| context.printer.line(step))?;
    Ok(Exit::Done)
}

#[derive(serde::Serialize)]
struct PlanView<'a> {
    cluster: &'a str,
    steps: &'a [String],
}

fn carry_out(
    context: &Context,
    arguments: &Args,
    plan: &Plan,
    spec: &Spec,
    backup: Option<&Backup>,
) -> Result<(), Failure> {
    let file = file_of(arguments);
    if plan.make {
        let wall_ms = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0);
        let file = file.as_deref();
        let making = Making { directory: &plan.directory, spec, file, wall_ms, backup, node_dir: None };
        let made = match backup {
            None => make::make(&making),
            Some(_) => turning(context, "restoring", || make::make(&making)),
        };
        return made.map_err(|error| restore::not_made(&spec.cluster, &error));
    }
    if plan.adopt {
        let known = make::recall(&plan.directory).ok().flatten();
        if let Some(mut remembered) = known {
            remembered.file = file;
            make::remember(&plan.directory, &remembered).map_err(|error| restore::not_made(&spec.cluster, &error))?;
        }
    }
    Ok(())
}

fn state_failure(home: &Path, error: &std::io::Error) -> Failure {
    Failure::new("E0206", format!("{} cannot be used", home.display())).because(error)
}

/// Two `up`s of one cluster at the same time would make it twice.
fn lock(home: &Path, cluster: &str) -> Result<fs::File, Failure> {
    let path = home.join(format!(".{cluster}.lock"));
    let file = fs::File::create(&path).map_err(|error| state_failure(home, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => {
            Err(Failure::new("E0215", format!("another `cluster up` of {cluster} is at work"))
                .fix("wait for it, then look at `raftctl cluster ls`"))
        }
        Err(fs::TryLockError::Error(error)) => Err(state_failure(home, &error)),
    }
}

/// Starts what is down. In the foreground it stays with what it has started. `lock` is held until all are started: it
/// is the same nodes that a second `up` would start.
fn bring_up(
    context: &Context,
    arguments: &Args,
    cluster: &LocalCluster,
    lock: Option<fs::File>,
) -> Result<Exit, Failure> {
    let nodes = selection::nodes(cluster)?;
    let (running, down): (Vec<LocalNode>, Vec<LocalNode>) =
        nodes.into_iter().partition(|node| process::is_held(&node.directory));
    for node in &running {
        context.printer.note(format_args!("{}: runs already", node.name));
    }
    if arguments.dry_run {
        let steps: Vec<String> = down.iter().map(|node| format!("start {}", node.name)).collect();
        return show_steps(context, &cluster.name, &steps);
    }
    let alone = arguments.detach || !running.is_empty() || local::supervisor(&cluster.directory).is_some();
    if !alone {
        return foreground::run(context, cluster, &down, arguments.restart_nodes, lock);
    }
    local::start(context, &cluster.directory, &down)?;
    drop(lock);
    if !arguments.detach {
        return Ok(Exit::Done);
    }
    wait_in_touch(context, cluster, &|| false)?;
    Ok(Exit::Done)
}

/// Waits until the cluster takes writes and every node answers, or nobody wants it any more; what was started stays in
/// any case.
pub(super) fn wait_in_touch(
    context: &Context,
    cluster: &LocalCluster,
    is_over: &dyn Fn() -> bool,
) -> Result<(), Failure> {
    let enough = |view: &ClusterView| view.is_in_touch() || is_over();
    let view = status::wait_for(context, cluster, context.timeout_or(UP_TIMEOUT), enough)?;
    if view.is_in_touch() {
        let leader = view.leader.as_deref().unwrap_or("nobody");
        context.printer.note(format_args!("{}: {leader} leads, every node is in touch", cluster.name));
    }
    if enough(&view) {
        return Ok(());
    }
    for node in selection::nodes(cluster)? {
        let log = layout::node_log(&node.directory);
        context.printer.note(format_args!("{}: {}", node.name, log.display()));
        local::show_log(context, &node.name, &log);
    }
    Err(Failure::new("E0502", format!("{} runs, but is not ready", cluster.name))
        .cause(view.problems.first().map_or_else(|| "not every node is in touch".to_owned(), |one| one.message.clone()))
        .fix("raftctl status --wait healthy"))
}
