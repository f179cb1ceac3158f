//! Says what a path is, from its content and its neighbours, not from its name alone.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use crate::storage::hard_state::HARD_STATE_MAGIC;
use crate::storage::segment::SEGMENT_MAGIC;

/// What raftctl can write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    /// A local cluster: `cluster.yaml`, `ca/`, `client/`, `nodes/`.
    ClusterDirectory,
    /// A node: `node.yaml`, `data/`, `identity/`.
    NodeDirectory,
    /// A node's log and hard state.
    DataDirectory,
    /// A directory of segments.
    LogDirectory,
    Segment,
    HardState,
    /// Certificates, and a key that is never shown.
    IdentityDirectory,
    Certificate,
    /// A private key or a reset key; nothing of it is shown.
    Key,
    NodeFile,
    RunFile,
    ClusterFile,
    NodeLog,
    /// The lock of a data directory, or its sign of being in use.
    Sign,
}

impl Thing {
    pub const fn words(self) -> &'static str {
        match self {
            Thing::ClusterDirectory => "the directory of a local cluster",
            Thing::NodeDirectory => "the directory of a node",
            Thing::DataDirectory => "a data directory: a Raft log and its hard state",
            Thing::LogDirectory => "a directory of log segments",
            Thing::Segment => "a log segment",
            Thing::HardState => "a hard state: term, vote and commit hint, twice",
            Thing::IdentityDirectory => "an identity: certificates and a key",
            Thing::Certificate => "a certificate",
            Thing::Key => "a secret key, not shown",
            Thing::NodeFile => "what is fixed of a node",
            Thing::RunFile => "which process runs, or ran last",
            Thing::ClusterFile => "what a cluster was made from",
            Thing::NodeLog => "the log lines of a node's process",
            Thing::Sign => "a sign beside a data directory: locked, or in use",
        }
    }
}

/// What lies at `path`; none when raftctl has not written it.
///
/// # Errors
/// The path cannot be read.
pub fn identify(path: &Path) -> std::io::Result<Option<Thing>> {
    let has = |name: &str| path.join(name).exists();
    if fs::metadata(path)?.is_dir() {
        return Ok(if has("cluster.yaml") && has("nodes") {
            Some(Thing::ClusterDirectory)
        } else if has("node.yaml") {
            Some(Thing::NodeDirectory)
        } else if has("hard_state") || has("log") {
            Some(Thing::DataDirectory)
        } else if has("cert.pem") || has("ca.pem") {
            Some(Thing::IdentityDirectory)
        } else if fs::read_dir(path)?.flatten().any(|entry| entry.path().extension().is_some_and(|end| end == "seg")) {
            Some(Thing::LogDirectory)
        } else {
            None
        });
    }
    let mut magic = Vec::new();
    fs::File::open(path)?.take(8).read_to_end(&mut magic)?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(match name.as_str() {
        _ if magic == SEGMENT_MAGIC => Some(Thing::Segment),
        _ if magic == HARD_STATE_MAGIC => Some(Thing::HardState),
        "hard_state" => Some(Thing::HardState),
        "node.yaml" => Some(Thing::NodeFile),
        "run.json" => Some(Thing::RunFile),
        "cluster.yaml" => Some(Thing::ClusterFile),
        "lock" | "in-use" | "in_use" => Some(Thing::Sign),
        "key.pem" | "ca-key.pem" | "reset.key" => Some(Thing::Key),
        name if name.ends_with(".seg") => Some(Thing::Segment),
        name if name.ends_with(".pem") => Some(Thing::Certificate),
        name if name.starts_with("node.log") => Some(Thing::NodeLog),
        _ => None,
    })
}
