//! `raftctl snapshot save`: a backup of a cluster that runs.
//!
//! It has everything that was acknowledged before the command began: a linearizable read says up to where that is, and a
//! node is asked for a snapshot that reaches so far. A follower, if one is up, so that the leader is left to its work. The
//! file comes in parts, and gets its name only when its digest was proved and it is durable. When the node is lost in the
//! middle, another one is asked, whose file is another one: it begins anew.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::api::{Answer, Ask, Consistency, SNAPSHOT_PART_BYTES_MAX};
use crate::cli::arguments::node_name;
use crate::cli::completions;
use crate::cli::failure::{Exit, Failure};
use crate::cli::files::{Temporary, publish};
use crate::cli::progress::Progress;
use crate::cli::{Context, remote};
use crate::client::{Aim, Client, ClientError, Reply};
use crate::raft::{Index, NodeId, SnapshotId};
use crate::storage::snapshot_file;

/// How many nodes are tried, one after another.
const NODES_TRIED_MAX: usize = 3;

/// How long a part, or the taking of the snapshot, may last.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl snapshot save backup.snap
  raftctl snapshot save backup.snap --node n3 --force
  raftctl snapshot save - | ssh store 'cat > backup.snap'

Everything that was acknowledged before is in it. The file gets its name when all of it is proved and durable.
--timeout bounds the time without progress, 60 s unless said otherwise.")]
pub struct SaveArgs {
    /// Where to write it; `-` is stdout
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub file: PathBuf,

    /// The node that takes it; a follower unless said otherwise
    #[arg(long, value_name = "NODE", value_parser = node_name,
        add = clap_complete::ArgValueCandidates::new(completions::node_names))]
    pub node: Option<String>,

    /// Replace the file if there is one
    #[arg(long)]
    pub force: bool,
}

/// `raftctl.snapshot-save/v1`
#[derive(Serialize)]
struct Saved {
    /// Null for stdout.
    path: Option<String>,
    node: String,
    cluster_id: String,
    last: u64,
    last_term: u64,
    file_bytes: u64,
    digest: String,
}

pub(super) fn run(context: &Context, arguments: &SaveArgs) -> Result<Exit, Failure> {
    let to_stdout = arguments.file == Path::new("-");
    let place = if to_stdout { std::env::temp_dir().join("raftctl-snapshot") } else { arguments.file.clone() };
    if !to_stdout && place.exists() && !arguments.force {
        return Err(Failure::new("E0108", format!("{} exists", place.display())).fix("add --force to replace it"));
    }
    let temporary = Temporary::beside(&place);
    let (id, node) = remote::block_on_request("the backup", fetch(context, arguments, temporary.path()))?;
    let cluster = prove(temporary.path(), id)?;
    if to_stdout {
        let mut file = File::open(temporary.path()).map_err(|error| unwritable(temporary.path(), &error))?;
        let mut stdout = io::stdout().lock();
        io::copy(&mut file, &mut stdout).and_then(|_| stdout.flush()).map_err(Failure::from)?;
    } else {
        publish(temporary.path(), &place).map_err(|error| unwritable(&place, &error))?;
    }
    let path = (!to_stdout).then(|| place.display().to_string());
    report(
        context,
        Saved {
            path,
            node,
            cluster_id: cluster,
            last: id.last.index.0,
            last_term: id.last.term.0,
            file_bytes: id.size_bytes,
            digest: format!("{:016x}", id.digest),
        },
    )
}

/// With stdout as the file, what is said of it goes to stderr.
fn report(context: &Context, saved: Saved) -> Result<Exit, Failure> {
    let printer = &context.printer;
    let says = format!(
        "entries 1..{} of term {}, {} bytes, digest {}, from {}",
        saved.last, saved.last_term, saved.file_bytes, saved.digest, saved.node
    );
    match &saved.path {
        None => printer.note(format_args!("snapshot of {says}")),
        Some(path) if printer.is_table() => printer.line(format_args!("{path}: {says}"))?,
        Some(_) => printer.document("raftctl.snapshot-save/v1", &saved)?,
    }
    Ok(Exit::Done)
}

async fn fetch(context: &Context, arguments: &SaveArgs, path: &Path) -> Result<(SnapshotId, String), Failure> {
    let patience = context.timeout_or(PATIENCE);
    let mut client = remote::open(context, arguments.node.as_deref()).await?;
    // Up to where everything that was acknowledged by now lies: the index as of which the answer about any key is true.
    let read = client.get("-", Consistency::Linearizable, Index(0), patience).await;
    let at_least = read.map_err(|error| remote::failure("the backup", &error))?.at;
    let mut tried = Vec::new();
    loop {
        let is_named = arguments.node.is_some();
        let node = if is_named { None } else { choose(context, &mut client, &tried).await };
        match fetch_from(context, &mut client, node, at_least, patience, path).await? {
            Ok((id, name)) => {
                client.close().await;
                return Ok((id, name));
            }
            Err(error) if tried.len() + 1 >= NODES_TRIED_MAX || is_named => {
                client.close().await;
                return Err(remote::failure("the backup", &error));
            }
            Err(error) => {
                context.printer.note(format_args!("another node is asked: {error}"));
                tried.extend(node);
            }
        }
    }
}

/// A follower that has applied most, else the leader; none when nobody answers, and then whoever does is asked.
async fn choose(context: &Context, client: &mut Client, tried: &[NodeId]) -> Option<NodeId> {
    let statuses = client.status_of_all(&[], context.timeout_or(remote::REQUEST_TIMEOUT).min(STATUS_PATIENCE)).await;
    let known = statuses.into_iter().filter_map(|(endpoint, status)| Some((endpoint.id, status.ok()?)));
    let fresh = known.filter(|(id, status)| !tried.contains(id) && !status.disk_low);
    fresh.max_by_key(|(_, status)| (status.state == "follower", status.applied)).map(|(id, _)| id)
}

/// How long a silent node is waited for before another one is chosen.
const STATUS_PATIENCE: Duration = Duration::from_secs(2);

/// The outer error is this machine's, the inner one the node's.
async fn fetch_from(
    context: &Context,
    client: &mut Client,
    node: Option<NodeId>,
    at_least: Index,
    patience: Duration,
    path: &Path,
) -> Result<Result<(SnapshotId, String), ClientError>, Failure> {
    let aim = node.map_or(Aim::Anyone, Aim::Node);
    let (id, name) = match client.call(Ask::Snapshot { at_least }, aim, patience).await {
        Ok(Reply { answer: Answer::Snapshot(id), node }) => (id, node),
        Ok(_) => return Ok(Err(strange())),
        Err(error) => return Ok(Err(error)),
    };
    let mut file = File::create(path).map_err(|error| unwritable(path, &error))?;
    let progress = Progress::new(context, format!("saving from {name}"), id.size_bytes);
    let mut offset = 0;
    while offset < id.size_bytes {
        let ask = Ask::SnapshotPart { snapshot: id, offset, length: SNAPSHOT_PART_BYTES_MAX };
        let bytes = match client.call(ask, aim, patience).await {
            Ok(Reply { answer: Answer::SnapshotPart(bytes), .. }) if !bytes.is_empty() => bytes,
            Ok(_) => return Ok(Err(strange())),
            Err(error) => return Ok(Err(error)),
        };
        file.write_all(&bytes).map_err(|error| unwritable(path, &error))?;
        offset += bytes.len() as u64;
        progress.advance(bytes.len() as u64);
    }
    file.sync_all().map_err(|error| unwritable(path, &error))?;
    Ok(Ok((id, name)))
}

/// The id of the cluster, if these are the bytes that were announced.
fn prove(path: &Path, id: SnapshotId) -> Result<String, Failure> {
    let damaged = |what: String| {
        Failure::new("E0401", "what came is not the snapshot that was announced").cause(what).fix("save it again")
    };
    let (cluster, meta) = snapshot_file::verify(path).map_err(|error| damaged(error.to_string()))?;
    match meta.id() == id {
        true => Ok(cluster.to_string()),
        false => Err(damaged(format!("its digest is {:016x}, not {:016x}", meta.digest, id.digest))),
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::new("E0108", format!("{} cannot be written", path.display())).because(error)
}

fn strange() -> ClientError {
    ClientError::Invalid { because: "a snapshot was asked for and something else came".to_owned() }
}
