//! Makes a cluster's directory: authority, identities, and for each node a log that holds the founding configuration.
//!
//! Everything is made under a temporary name and renamed when it is whole, so a crash or an error leaves nothing.

use std::fs;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};

use super::plan::{CLUSTER_FILE, Remembered, RestoredFrom};
use super::spec::{MemberRole, NodeSpec, Spec};
use crate::raft::{ClusterId, Config, Member, NodeId, StorageId};
use crate::storage::layout::{self, FileError, FoundError, Founding, NodeFile};
use crate::storage::restore::{self, Loaded};
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

/// A cluster to be made.
#[derive(Clone, Copy, Debug)]
pub struct Making<'a> {
    /// Its directory, which is not there yet.
    pub directory: &'a Path,
    pub spec: &'a Spec,
    /// The file that the description came from.
    pub file: Option<&'a Path>,
    /// Now, by the wall clock.
    pub wall_ms: u64,
    /// Its nodes begin with the state of this snapshot.
    pub backup: Option<&'a Backup>,
    /// The only node lies here, and not within the directory.
    pub node_dir: Option<&'a Path>,
}

/// A snapshot that was proved and read.
#[derive(Clone, Debug)]
pub struct Backup {
    /// The cluster that it was taken of.
    pub cluster_id: ClusterId,
    pub loaded: Loaded,
}

/// Makes the directory of a cluster and all that is in it. It is always another cluster than any that was before, with
/// its own authority: a node or a client of the one that a backup was taken of is a stranger to it.
///
/// # Errors
/// See `MakeError`.
pub fn make(making: &Making<'_>) -> Result<(), MakeError> {
    let addresses = choose_addresses(making.spec)?;
    let temporary = making.directory.with_extension("tmp");
    let node_temporary = making.node_dir.map(|dir| dir.with_extension("tmp"));
    let leftovers = || [Some(&temporary), node_temporary.as_ref()].into_iter().flatten().filter(|path| path.exists());
    for path in leftovers() {
        fs::remove_dir_all(path).map_err(|source| MakeError::Io { path: path.clone(), source })?;
    }
    let result = fill(making, &temporary, node_temporary.as_deref(), &addresses)
        .and_then(|()| give_names(making, &temporary, node_temporary.as_deref()));
    if result.is_err() {
        // Best effort: a leftover with this name is removed by the next attempt anyway.
        leftovers().for_each(|path| drop(fs::remove_dir_all(path)));
    }
    result
}

fn give_names(making: &Making<'_>, temporary: &Path, node_temporary: Option<&Path>) -> Result<(), MakeError> {
    let failed = |path: &Path, source| MakeError::Io { path: path.to_path_buf(), source };
    if let (Some(dir), Some(made)) = (making.node_dir, node_temporary) {
        let link = temporary.join("nodes").join(&making.spec.nodes[0].name);
        std::os::unix::fs::symlink(dir, &link).map_err(|source| failed(&link, source))?;
        fs::rename(made, dir).map_err(|source| failed(dir, source))?;
    }
    fs::rename(temporary, making.directory).map_err(|source| failed(making.directory, source))
}

fn fill(
    making: &Making<'_>,
    directory: &Path,
    node_dir: Option<&Path>,
    addresses: &[SocketAddr],
) -> Result<(), MakeError> {
    let Making { spec, file, wall_ms, backup, .. } = *making;
    let cluster_id = ClusterId(rand::random());
    let authority = Authority::create(&spec.cluster, cluster_id)?;
    authority.save(&directory.join("ca"))?;
    authority.issue_client(CLIENT_NAME)?.save(&directory.join("client"))?;
    let members: Vec<Member> =
        spec.nodes.iter().zip(addresses).zip(1..).map(|((node, address), id)| member(node, *address, id)).collect();
    let learners = members.iter().zip(&spec.nodes).filter(|(_, node)| node.role == MemberRole::Learner);
    let learners = learners.map(|(member, _)| member.id).collect();
    let config = Config::of(members.clone(), learners);
    let nodes = directory.join("nodes");
    fs::create_dir_all(&nodes).map_err(|source| MakeError::Io { path: nodes.clone(), source })?;
    for ((node, member), address) in spec.nodes.iter().zip(&members).zip(addresses) {
        let dir = node_dir.map_or_else(|| nodes.join(&node.name), Path::to_path_buf);
        let founding = Founding {
            cluster_id,
            node: member.id,
            storage: member.storage,
            config: config.clone(),
            settings: spec.settings.clone(),
            wall_ms,
        };
        match backup {
            None => layout::found(&dir, &founding)?,
            Some(backup) => restore::found_from_snapshot(&dir, &founding, &backup.loaded)?,
        }
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
        restored_from: backup.map(|backup| RestoredFrom {
            cluster_id: backup.cluster_id.to_string(),
            last: backup.loaded.meta.last.index.0,
            digest: format!("{:016x}", backup.loaded.meta.digest),
        }),
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
