//! Makes a cluster's directory: authority, identities, and for each node a log that holds the founding configuration.
//!
//! Everything is made under a temporary name and renamed when it is whole, so a crash or an error leaves nothing.

use std::fs;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};

use super::plan::{CLUSTER_FILE, Remembered};
use super::spec::{MemberRole, NodeSpec, Spec};
use crate::raft::{ClusterId, Config, Member, NodeId, StorageId};
use crate::storage::layout::{self, FileError, FoundError, Founding, NodeFile};
use crate::transport::identity::{Authority, IdentityError};

/// Name of the certificate that local commands show to the nodes.
const CLIENT_NAME: &str = "cli";

/// Why a cluster was not made. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    #[error("the address {address} of {node} is in use by another process")]
    PortTaken { node: String, address: SocketAddr },
    #[error("{node} cannot listen on {address}")]
    Bind { node: String, address: SocketAddr, source: io::Error },
    #[error("{}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("certificates could not be made")]
    Identity(#[from] IdentityError),
    #[error("a node's log could not be made")]
    Found(#[from] FoundError),
    #[error("a node's file could not be written")]
    File(#[from] FileError),
    #[error("the cluster's file could not be written: {0}")]
    Remember(String),
}

/// Makes `directory` and all that is in it.
///
/// # Errors
/// See `MakeError`.
pub fn make(directory: &Path, spec: &Spec, file: Option<&Path>, wall_ms: u64) -> Result<(), MakeError> {
    let addresses = choose_addresses(spec)?;
    let temporary = directory.with_extension("tmp");
    let failed = |source| MakeError::Io { path: temporary.clone(), source };
    if temporary.exists() {
        fs::remove_dir_all(&temporary).map_err(failed)?;
    }
    let result = fill(&temporary, spec, file, &addresses, wall_ms)
        .and_then(|()| fs::rename(&temporary, directory).map_err(failed));
    if result.is_err() {
        // Best effort: a leftover with this name is removed by the next attempt anyway.
        let _ = fs::remove_dir_all(&temporary);
    }
    result
}

fn fill(
    directory: &Path,
    spec: &Spec,
    file: Option<&Path>,
    addresses: &[SocketAddr],
    wall_ms: u64,
) -> Result<(), MakeError> {
    let cluster_id = ClusterId(rand::random());
    let authority = Authority::create(&spec.cluster, cluster_id)?;
    authority.save(&directory.join("ca"))?;
    authority.issue_client(CLIENT_NAME)?.save(&directory.join("client"))?;
    let members: Vec<Member> =
        spec.nodes.iter().zip(addresses).zip(1..).map(|((node, address), id)| member(node, *address, id)).collect();
    let learners = members.iter().zip(&spec.nodes).filter(|(_, node)| node.role == MemberRole::Learner);
    let learners = learners.map(|(member, _)| member.id).collect();
    let config = Config::of(members.clone(), learners);
    for ((node, member), address) in spec.nodes.iter().zip(&members).zip(addresses) {
        let dir = directory.join("nodes").join(&node.name);
        let founding = Founding {
            cluster_id,
            node: member.id,
            storage: member.storage,
            config: config.clone(),
            settings: spec.settings.clone(),
            wall_ms,
        };
        layout::found(&dir, &founding)?;
        let host = member.address.rsplit_once(':').map_or(member.address.as_str(), |(host, _)| host);
        let hosts = [host.trim_matches(['[', ']']).to_owned(), address.ip().to_string()];
        authority.issue_node(cluster_id, member.id, &hosts)?.save(&layout::identity_dir(&dir))?;
        let node_file = NodeFile {
            cluster: spec.cluster.clone(),
            cluster_id,
            id: member.id,
            name: node.name.clone(),
            listen: address.to_string(),
            advertise: member.address.clone(),
            storage: spec.storage,
        };
        node_file.write(&dir)?;
    }
    let remembered = Remembered {
        cluster: spec.cluster.clone(),
        cluster_id: cluster_id.to_string(),
        file: file.map(Path::to_path_buf),
        facts: spec.facts(),
    };
    remember(directory, &remembered)
}

fn member(node: &NodeSpec, address: SocketAddr, id: u64) -> Member {
    Member {
        id: NodeId(id),
        name: node.name.clone(),
        address: node.advertise.clone().unwrap_or_else(|| address.to_string()),
        storage: StorageId(rand::random()),
    }
}

/// Fixed addresses are checked, free ports are picked. All sockets stay open until all are chosen, so that no port is
/// picked twice.
fn choose_addresses(spec: &Spec) -> Result<Vec<SocketAddr>, MakeError> {
    let loopback: SocketAddr = ([127, 0, 0, 1], 0).into();
    let mut sockets = Vec::new();
    for node in &spec.nodes {
        let address = node.listen.unwrap_or(loopback);
        let name = node.name.clone();
        let socket = UdpSocket::bind(address).map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => MakeError::PortTaken { node: name.clone(), address },
            _ => MakeError::Bind { node: name.clone(), address, source },
        })?;
        let chosen = socket.local_addr().map_err(|source| MakeError::Bind { node: name, address, source })?;
        sockets.push((socket, chosen));
    }
    Ok(sockets.into_iter().map(|(_, address)| address).collect())
}

/// Writes what is remembered of a cluster's file, in one step.
///
/// # Errors
/// The file cannot be written.
pub fn remember(directory: &Path, remembered: &Remembered) -> Result<(), MakeError> {
    let text = serde_yaml::to_string(remembered).map_err(|error| MakeError::Remember(error.to_string()))?;
    let path = directory.join(CLUSTER_FILE);
    let temporary = path.with_extension("yaml.tmp");
    let written = fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, &path));
    written.map_err(|source| MakeError::Io { path, source })
}

/// What is remembered of the cluster in `directory`; none when there is no cluster.
///
/// # Errors
/// There is a file and it cannot be read.
pub fn recall(directory: &Path) -> Result<Option<Remembered>, MakeError> {
    let path = directory.join(CLUSTER_FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(MakeError::Io { path, source }),
    };
    let remembered = serde_yaml::from_str(&text)
        .map_err(|error| MakeError::Io { path, source: io::Error::new(io::ErrorKind::InvalidData, error) })?;
    Ok(Some(remembered))
}
