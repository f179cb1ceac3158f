//! `raftctl snapshot restore`: a backup becomes a new cluster of one node, in a place of its choice.
//!
//! What `cluster up --restore` does for a whole cluster file, for one machine. The new cluster is registered like any
//! other, so that all commands find it; only the node's directory lies elsewhere.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::Context;
use crate::cli::arguments::{cluster_name, node_name};
use crate::cli::config;
use crate::cli::failure::{Exit, Failure};
use crate::cli::progress::turning;
use crate::cli::selection;
use crate::cluster::make::{self, Backup, MakeError, Making};
use crate::cluster::plan::CLUSTER_FILE;
use crate::cluster::spec::{self, Source as SpecSource};
use crate::inspect::log::Source;
use crate::raft::Index;
use crate::storage::{layout, snapshot_file};

/// Name of a restored cluster that nobody named.
const DEFAULT_NAME: &str = "restored";

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl snapshot restore backup.snap --data-dir /srv/raft/n1 --name n1 --listen 10.0.0.7:7101
  raftctl snapshot restore backup.snap --data-dir ./n1 --name n1 --listen 127.0.0.1:7101 --new-cluster shop
  raftctl cluster up clusters/three-nodes.yaml --restore backup.snap

It is always a new cluster, with an authority of its own: nodes and clients of the old one are strangers to it. Values,
revisions and sessions go on from the backup. `cluster up FILE --restore` makes one of several nodes.")]
pub struct RestoreArgs {
    /// A file that `snapshot save` has written, or a snapshot of a node
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub file: PathBuf,

    /// The node's directory, which is not there yet
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub data_dir: PathBuf,

    /// Name of the node
    #[arg(long, value_name = "NODE", value_parser = node_name)]
    pub name: String,

    /// Address that the node binds
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: SocketAddr,

    /// Name of the new cluster
    #[arg(long, value_name = "CLUSTER", default_value = DEFAULT_NAME, value_parser = cluster_name)]
    pub new_cluster: String,
}

/// `raftctl.snapshot-restore/v1`
#[derive(Serialize)]
struct Restored {
    cluster: String,
    node: String,
    data_dir: String,
    cluster_id: String,
    restored_from: String,
    /// The last entry of the backup; the next one is the new cluster's own.
    last: u64,
    last_term: u64,
    keys: u64,
}

pub(super) fn run(context: &Context, arguments: &RestoreArgs) -> Result<Exit, Failure> {
    let backup = read_backup(context, &arguments.file)?;
    let home = selection::home(&context.environment)?;
    let cluster = arguments.new_cluster.clone();
    let directory = home.join(&cluster);
    if directory.join(CLUSTER_FILE).exists() {
        return Err(exists(&cluster, &directory, &backup).fix("--new-cluster NAME for another one"));
    }
    let data_dir = std::path::absolute(&arguments.data_dir).map_err(|error| {
        Failure::new("E0206", format!("{} cannot be used", arguments.data_dir.display())).because(&error)
    })?;
    if data_dir.exists() {
        return Err(Failure::new("E0219", format!("{} exists", data_dir.display()))
            .cause("a backup is restored into an empty place only")
            .fix("name a directory that is not there yet"));
    }
    let mut spec = spec::read(&SpecSource::Size { cluster: cluster.clone(), nodes: 1 }, None, &[])
        .map_err(|error| config::refused(&error))?;
    spec.nodes[0].name.clone_from(&arguments.name);
    spec.nodes[0].listen = Some(arguments.listen);
    let parents = [Some(home.as_path()), data_dir.parent()];
    for parent in parents.into_iter().flatten() {
        std::fs::create_dir_all(parent)
            .map_err(|error| Failure::new("E0206", format!("{} cannot be used", parent.display())).because(&error))?;
    }
    let wall_ms = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0);
    let (backup_ref, node_dir) = (Some(&backup), Some(data_dir.as_path()));
    let making = Making { directory: &directory, spec: &spec, file: None, wall_ms, backup: backup_ref, node_dir };
    turning(context, "restoring", || make::make(&making)).map_err(|error| not_made(&cluster, &error))?;
    report(context, arguments, &directory, &data_dir, &backup)
}

fn report(
    context: &Context,
    arguments: &RestoreArgs,
    directory: &Path,
    data_dir: &Path,
    backup: &Backup,
) -> Result<Exit, Failure> {
    let known = make::recall(directory)
        .map_err(|error| Failure::new("E0205", "the cluster's file cannot be read").because(&error))?;
    let last = backup.loaded.meta.last;
    let restored = Restored {
        cluster: arguments.new_cluster.clone(),
        node: arguments.name.clone(),
        data_dir: data_dir.display().to_string(),
        cluster_id: known.map(|known| known.cluster_id).unwrap_or_default(),
        restored_from: backup.cluster_id.to_string(),
        last: last.index.0,
        last_term: last.term.0,
        keys: backup.loaded.image.map().len() as u64,
    };
    if !context.printer.is_table() {
        context.printer.document("raftctl.snapshot-restore/v1", &restored)?;
        return Ok(Exit::Done);
    }
    context.printer.line(format_args!(
        "{}: {} of the new cluster {}, {} keys as of entry {}",
        restored.data_dir, restored.node, restored.cluster, restored.keys, restored.last
    ))?;
    context.printer.note(format_args!("raftctl cluster start {} --cluster {}", restored.node, restored.cluster));
    Ok(Exit::Done)
}

/// Proves and reads a backup.
pub(in crate::cli) fn read_backup(context: &Context, file: &Path) -> Result<Backup, Failure> {
    let read = turning(context, "reading the backup", || snapshot_file::inspect(file));
    let (cluster_id, loaded) =
        read.map_err(|error| super::refused(&error).fix("name another backup; nothing was changed"))?;
    Ok(Backup { cluster_id, loaded })
}

/// The refusal to put a backup over a cluster that is there: how far either is.
pub(in crate::cli) fn exists(cluster: &str, directory: &Path, backup: &Backup) -> Failure {
    let own = match committed(directory) {
        Index(0) => String::new(),
        index => format!("; its nodes know entries up to {index} to be committed"),
    };
    Failure::new("E0219", format!("{cluster} exists, and a backup is restored into a new cluster only"))
        .cause(format!("the backup ends with entry {}{own}", backup.loaded.meta.last))
}

/// Up to where a node of the cluster knows entries to be committed; zero when none says.
fn committed(directory: &Path) -> Index {
    let Ok(nodes) = std::fs::read_dir(directory.join("nodes")) else { return Index(0) };
    let known = nodes.flatten().map(|node| Source::at(layout::data_dir(&node.path())).newest_commit());
    known.max().unwrap_or_default()
}

pub(in crate::cli) fn not_made(cluster: &str, error: &MakeError) -> Failure {
    let what = format!("{cluster} was not made");
    match error {
        MakeError::PortTaken { .. } | MakeError::Bind { .. } => {
            Failure::new("E0210", what).because(error).fix("choose another port, or leave `listen` out for a free one")
        }
        _ => Failure::new("E0211", what).because(error),
    }
}
