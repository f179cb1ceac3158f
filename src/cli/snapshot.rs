//! `raftctl snapshot`: backups, what snapshot files hold, and whether they are whole. Only `save` needs a cluster.

pub(in crate::cli) mod restore;
mod save;

use std::path::PathBuf;

use serde::Serialize;

use super::Context;
use super::failure::{Exit, Failure};
use super::log::state::view;
use super::output::{Cell, Table, printable};
use super::progress::turning;
use super::values::ItemView;
use crate::inspect::entry::{ConfigView, MemberView};
use crate::raft::{ClusterId, SnapshotMeta};
use crate::storage::snapshot_file::{self, Loaded, SnapshotError};

#[derive(Clone, Debug, clap::Subcommand)]
#[command(disable_help_subcommand = true)]
#[command(after_help = "\
Examples:
  raftctl snapshot save backup.snap
  raftctl snapshot restore backup.snap --data-dir ./n1 --name n1 --listen 127.0.0.1:7101
  raftctl snapshot show demo/nodes/n1/data/snapshots/*.snap
  raftctl snapshot verify backup.snap")]
pub enum Command {
    /// Back up a running cluster into a file
    Save(save::SaveArgs),
    /// Make a new cluster of one node from a backup
    Restore(restore::RestoreArgs),
    /// Say what a snapshot stands for, and with --items list what it holds
    Show(ShowArgs),
    /// Prove every byte: 0 it is whole, 7 it is damaged
    Verify(VerifyArgs),
}

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl snapshot show backup.snap
  raftctl snapshot show backup.snap --items -o json")]
pub struct ShowArgs {
    /// A snapshot file
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub file: PathBuf,

    /// List the keys and values, too
    #[arg(long)]
    pub items: bool,
}

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl snapshot verify backup.snap
  raftctl snapshot verify demo/nodes/n1/data/snapshots/*.snap -o json

Checksums of every block and the digest of the whole; nothing is unpacked.")]
pub struct VerifyArgs {
    /// Snapshot files
    #[arg(value_name = "FILE", required = true, value_hint = clap::ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
}

/// `raftctl.snapshot/v1`
#[derive(Serialize)]
struct Snapshot {
    path: String,
    cluster_id: String,
    /// The last entry that it covers.
    last: u64,
    last_term: u64,
    /// Check of that entry's record, which the next one continues.
    last_check: String,
    config_index: u64,
    members: Vec<MemberView>,
    keys: u64,
    sessions: u64,
    /// Of all entries from the first of the log to `last`.
    log_bytes: u64,
    file_bytes: u64,
    /// XXH3 of the whole file.
    digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<Vec<ItemView>>,
}

#[derive(Serialize)]
struct Verified {
    snapshots: Vec<One>,
}

#[derive(Serialize)]
struct One {
    path: String,
    whole: bool,
    /// What is wrong; null when it is whole.
    problem: Option<String>,
    last: Option<u64>,
    last_term: Option<u64>,
    file_bytes: Option<u64>,
    digest: Option<String>,
}

pub fn run(context: &Context, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Save(arguments) => save::run(context, &arguments),
        Command::Restore(arguments) => restore::run(context, &arguments),
        Command::Show(arguments) => show(context, &arguments),
        Command::Verify(arguments) => verify(context, &arguments),
    }
}

fn show(context: &Context, arguments: &ShowArgs) -> Result<Exit, Failure> {
    let read = turning(context, "reading", || snapshot_file::inspect(&arguments.file));
    let (cluster, loaded) = read.map_err(|error| refused(&error))?;
    let snapshot = Snapshot::new(arguments, cluster, &loaded);
    let printer = &context.printer;
    if !printer.is_table() {
        printer.document("raftctl.snapshot/v1", &snapshot)?;
        return Ok(Exit::Done);
    }
    let members: Vec<&str> = snapshot.members.iter().map(|member| member.name.as_str()).collect();
    for (name, value) in [
        ("cluster id", snapshot.cluster_id.clone()),
        ("last entry", loaded.meta.last.to_string()),
        ("members", format!("{}, by entry {}", members.join(" "), snapshot.config_index)),
        ("keys", snapshot.keys.to_string()),
        ("sessions", snapshot.sessions.to_string()),
        ("stands for", format!("{} bytes of log", snapshot.log_bytes)),
        ("file", format!("{} bytes, digest {}", snapshot.file_bytes, snapshot.digest)),
    ] {
        printer.line(format_args!("{name:<12} {value}"))?;
    }
    let Some(items) = &snapshot.items else { return Ok(Exit::Done) };
    let shorten = printer.stdout_is_terminal();
    let mut table = Table::new(&["KEY", ">REVISION", ">CREATED", ">VERSION", "VALUE"]);
    for item in items {
        table.row([
            Cell::from(printable(item.key.as_bytes(), shorten)),
            Cell::from(item.revision.to_string()),
            Cell::from(item.created.to_string()),
            Cell::from(item.version.to_string()),
            Cell::from(printable(item.value.as_deref().unwrap_or_default().as_bytes(), shorten)),
        ]);
    }
    printer.table(&table)?;
    Ok(Exit::Done)
}

fn verify(context: &Context, arguments: &VerifyArgs) -> Result<Exit, Failure> {
    let mut snapshots = Vec::new();
    let mut worst: Option<Failure> = None;
    for file in &arguments.files {
        let path = file.display().to_string();
        snapshots.push(match turning(context, &format!("verifying {path}"), || snapshot_file::verify(file)) {
            Ok((_, meta)) => One::whole(path, &meta),
            Err(error) => {
                let failure = refused(&error);
                worst = worst.filter(|before| before.exit == Exit::Corrupt).or(Some(failure));
                One::broken(path, error.to_string())
            }
        });
    }
    match context.printer.is_table() {
        true => {
            let mut table = Table::new(&["SNAPSHOT", "VERDICT", ">LAST", ">TERM", ">BYTES", "DIGEST"]);
            for one in &snapshots {
                table.row([
                    Cell::from(one.path.clone()),
                    Cell::from(if one.whole { "whole" } else { "DAMAGED" }),
                    Cell::known(one.last),
                    Cell::known(one.last_term),
                    Cell::known(one.file_bytes),
                    Cell::known(one.digest.clone()),
                ]);
            }
            context.printer.table(&table)?;
        }
        false => context.printer.document("raftctl.snapshot-verify/v1", &Verified { snapshots })?,
    }
    worst.map_or(Ok(Exit::Done), Err)
}

fn refused(error: &SnapshotError) -> Failure {
    match error {
        SnapshotError::Io { path, .. } => {
            Failure::new("E0107", format!("{} cannot be read", path.display())).because(error)
        }
        _ => Failure::new("E0401", "the snapshot is damaged")
            .because(error)
            .fix("keep a copy; the nodes take another one, and an older one may be beside it"),
    }
}

impl Snapshot {
    fn new(arguments: &ShowArgs, cluster: ClusterId, loaded: &Loaded) -> Snapshot {
        let meta = &loaded.meta;
        let map = loaded.image.map();
        Snapshot {
            path: arguments.file.display().to_string(),
            cluster_id: cluster.to_string(),
            last: meta.last.index.0,
            last_term: meta.last.term.0,
            last_check: format!("{:08x}", meta.link),
            config_index: meta.config_index.0,
            members: ConfigView::new(&meta.config).members,
            keys: map.len() as u64,
            sessions: loaded.image.sessions().len() as u64,
            log_bytes: meta.log_bytes,
            file_bytes: meta.size_bytes,
            digest: format!("{:016x}", meta.digest),
            items: arguments.items.then(|| map.entries().map(view).collect()),
        }
    }
}

impl One {
    fn whole(path: String, meta: &SnapshotMeta) -> One {
        One {
            path,
            whole: true,
            problem: None,
            last: Some(meta.last.index.0),
            last_term: Some(meta.last.term.0),
            file_bytes: Some(meta.size_bytes),
            digest: Some(format!("{:016x}", meta.digest)),
        }
    }

    fn broken(path: String, problem: String) -> One {
        let (last, last_term, file_bytes, digest) = (None, None, None, None);
        One { path, whole: false, problem: Some(problem), last, last_term, file_bytes, digest }
    }
}
