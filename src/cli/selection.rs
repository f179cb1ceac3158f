//! Which cluster a command works on, and where clusters live.
//!
//! Order: `--endpoint` or `--cluster` › `RAFTCTL_ENDPOINT` or `RAFTCTL_CLUSTER` › the only running local cluster › the
//! only local cluster. Anything else is refused with the list. This file only looks; it creates and changes nothing.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;

use super::Context;
use super::arguments::{Environment, NAME_CHARACTERS_MAX, cluster_name, node_name};
use super::failure::Failure;
use crate::storage::layout::{NodeFile, RunFile};

/// Most clusters and nodes that are listed; a state directory with more was not filled by raftctl.
const ENTRIES_MAX: usize = 1_000;

/// A cluster with nodes on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalCluster {
    pub name: String,
    /// `cluster.yaml`, `ca/`, `client/` and `nodes/` lie here.
    pub directory: PathBuf,
}

/// A node of a local cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalNode {
    pub name: String,
    /// `node.yaml`, `data/`, `identity/`, `node.log` and `run.json` lie here.
    pub directory: PathBuf,
}

/// How a cluster came to be chosen, in the words a person is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Flag,
    Environment,
    OnlyRunning,
    OnlyOne,
}

/// Whom to ask and with which identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// None when endpoints were given.
    pub cluster: Option<LocalCluster>,
    pub how: How,
    pub endpoints: Vec<Endpoint>,
    /// Certificate, key and authority of a client.
    pub identity: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Known for nodes of a local cluster.
    pub name: Option<String>,
    pub id: Option<u64>,
    /// `host:port`.
    pub address: String,
}

/// The cluster or the endpoints that the command line, the environment and the state directory select.
pub fn target(context: &Context) -> Result<Target, Failure> {
    if let Some((endpoints, how)) = endpoints_given(context) {
        let identity = context.global.identity.clone().ok_or_else(|| {
            Failure::new("E0301", "there is no identity to show to these endpoints")
                .cause("nodes answer only clients with a certificate of their cluster")
                .fix("add --identity DIR")
        })?;
        let endpoints = endpoints.into_iter().map(|address| Endpoint { name: None, id: None, address }).collect();
        return Ok(Target { cluster: None, how, endpoints, identity });
    }
    let (cluster, how) = local_cluster(context)?;
    let endpoints = nodes(&cluster)?.iter().map(endpoint_of).collect::<Result<Vec<_>, _>>()?;
    let identity = context.global.identity.clone().unwrap_or_else(|| cluster.directory.join("client"));
    Ok(Target { cluster: Some(cluster), how, endpoints, identity })
}

/// The local cluster that is meant; endpoints are of no use to commands that handle processes and files.
pub fn local_cluster(context: &Context) -> Result<(LocalCluster, How), Failure> {
    let home = home(&context.environment)?;
    if let Some(name) = &context.global.cluster {
        return Ok((named(&home, name)?, How::Flag));
    }
    if let Some(name) = &context.environment.cluster {
        return Ok((named(&home, name)?, How::Environment));
    }
    let all = clusters(&home)?;
    let running: Vec<&LocalCluster> = all.iter().filter(|cluster| is_running(cluster)).collect();
    match (running.as_slice(), all.as_slice()) {
        ([one], _) => Ok(((*one).clone(), How::OnlyRunning)),
        ([], [one]) => Ok((one.clone(), How::OnlyOne)),
        ([], []) => Err(Failure::new("E0203", "there is no cluster yet")
            .cause(format!("{} holds none", home.display()))
            .fix("raftctl cluster up clusters/three-nodes.yaml")),
        (several, _) => {
            let state = if several.is_empty() { "none of them runs" } else { "several run" };
            Err(Failure::new("E0202", "which cluster is meant is not clear")
                .cause(format!("{state}; there are: {}", names(&all)))
                .fix(format!("--cluster {}", all[0].name)))
        }
    }
}

/// The cluster called `name` below `home`.
pub fn named(home: &Path, name: &str) -> Result<LocalCluster, Failure> {
    cluster_name(name).map_err(|error| Failure::new("E0112", format!("`{name}` is no cluster")).cause(error))?;
    let directory = home.join(name);
    if directory.join("cluster.yaml").is_file() {
        return Ok(LocalCluster { name: name.to_owned(), directory });
    }
    let all = clusters(home)?;
    let failure = Failure::new("E0201", format!("cluster `{name}` is not known here"));
    Err(match all.is_empty() {
        true => failure.cause(format!("{} holds no cluster", home.display())).fix("raftctl cluster up"),
        false => failure
            .cause(format!("{} holds: {}", home.display(), names(&all)))
            .fix(format!("--cluster {}", super::hints::nearest(name, all.iter().map(|c| c.name.as_str())))),
    })
}

/// Where clusters live: `RAFTCTL_HOME`, else `raftctl` below `XDG_STATE_HOME`, else below `~/.local/state`.
pub fn home(environment: &Environment) -> Result<PathBuf, Failure> {
    let home = match &environment.home {
        Some(home) => home.clone(),
        None => {
            let strategy = etcetera::choose_base_strategy().map_err(|error| {
                Failure::new("E0206", "there is no directory for state").because(&error).fix("set RAFTCTL_HOME")
            })?;
            strategy.state_dir().unwrap_or_else(|| strategy.data_dir()).join("raftctl")
        }
    };
    std::path::absolute(&home)
        .map_err(|error| Failure::new("E0206", "the directory for state cannot be named").because(&error))
}

/// All local clusters, by name.
pub fn clusters(home: &Path) -> Result<Vec<LocalCluster>, Failure> {
    let found = directories(home).map_err(|error| unreadable(home, &error))?;
    Ok(found
        .into_iter()
        .filter(|(name, directory)| cluster_name(name).is_ok() && directory.join("cluster.yaml").is_file())
        .map(|(name, directory)| LocalCluster { name, directory })
        .collect())
}

/// The nodes that a cluster has on this machine, by name, n2 before n10.
pub fn nodes(cluster: &LocalCluster) -> Result<Vec<LocalNode>, Failure> {
    let folder = cluster.directory.join("nodes");
    let found = directories(&folder).map_err(|error| unreadable(&folder, &error))?;
    let mut nodes: Vec<LocalNode> = found
        .into_iter()
        .filter(|(name, directory)| node_name(name).is_ok() && directory.join("node.yaml").is_file())
        .map(|(name, directory)| LocalNode { name, directory })
        .collect();
    nodes.sort_by_key(|node| natural_key(&node.name));
    Ok(nodes)
}

/// The node called `name`; `leader` needs a running cluster and is not resolved here.
pub fn node_named(cluster: &LocalCluster, name: &str) -> Result<LocalNode, Failure> {
    let all = nodes(cluster)?;
    if let Some(node) = all.iter().find(|node| node.name == name) {
        return Ok(node.clone());
    }
    let list = all.iter().map(|node| node.name.as_str()).collect::<Vec<_>>().join(" ");
    Err(Failure::new("E0204", format!("cluster `{}` has no node `{name}`", cluster.name))
        .cause(format!("its nodes are: {list}"))
        .fix(format!("a name of the list, or a path such as ./{name}")))
}

/// Whether any node of the cluster runs.
pub fn is_running(cluster: &LocalCluster) -> bool {
    nodes(cluster).is_ok_and(|nodes| nodes.iter().any(is_node_running))
}

/// Whether the process that `run.json` names is alive. Takes no lock, so that looking never disturbs a start.
pub fn is_node_running(node: &LocalNode) -> bool {
    RunFile::read(&node.directory).and_then(|run| run.is_alive()).unwrap_or(false)
}

fn endpoints_given(context: &Context) -> Option<(Vec<String>, How)> {
    if !context.global.endpoint.is_empty() {
        return Some((context.global.endpoint.clone(), How::Flag));
    }
    if context.global.cluster.is_some() {
        return None;
    }
    let listed = context.environment.endpoint.as_ref()?;
    let endpoints = listed.split(',').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect();
    Some((endpoints, How::Environment))
}

fn endpoint_of(node: &LocalNode) -> Result<Endpoint, Failure> {
    let file = NodeFile::read(&node.directory)
        .map_err(|error| unreadable(&node.directory, &error).fix("raftctl inspect on this directory"))?;
    Ok(Endpoint { name: Some(node.name.clone()), id: Some(file.id.0), address: file.advertise })
}

fn unreadable(path: &Path, error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::new("E0205", format!("{} cannot be read", path.display())).because(error)
}

/// Names and paths of the directories in `folder`, sorted; none when it does not exist.
fn directories(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries.take(ENTRIES_MAX) {
        let entry = entry?;
        if let (Ok(name), true) = (entry.file_name().into_string(), entry.path().is_dir()) {
            found.push((name, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

fn names(clusters: &[LocalCluster]) -> String {
    clusters.iter().map(|cluster| cluster.name.as_str()).collect::<Vec<_>>().join(" ")
}

/// Sorts by the letters, then by the number at the end.
fn natural_key(name: &str) -> (String, u64, String) {
    debug_assert!(name.len() <= NAME_CHARACTERS_MAX, "names are checked before they are sorted");
    let letters = name.trim_end_matches(|c: char| c.is_ascii_digit());
    (letters.to_owned(), name[letters.len()..].parse().unwrap_or(0), name.to_owned())
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            How::Flag => "named on the command line",
            How::Environment => "named by the environment",
            How::OnlyRunning => "the only one that runs",
            How::OnlyOne => "the only one there is",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::arguments::GlobalArguments;
    use crate::raft::{ClusterId, NodeId};
    use crate::storage::layout::StorageSection;

    fn context(home: &Path) -> Context {
        let environment = Environment { home: Some(home.to_path_buf()), ..Environment::default() };
        Context::new(GlobalArguments::default(), environment)
    }

    fn make(home: &Path, name: &str, nodes: &[&str]) {
        for (position, node) in nodes.iter().enumerate() {
            let directory = home.join(name).join("nodes").join(node);
            fs::create_dir_all(directory.join("data")).unwrap();
            let id = position + 1;
            let file = NodeFile {
                cluster: name.to_owned(),
                cluster_id: ClusterId(7),
                id: NodeId(id as u64),
                name: (*node).to_owned(),
                listen: "127.0.0.1:0".to_owned(),
                advertise: format!("127.0.0.1:71{id:02}"),
                storage: StorageSection::default(),
            };
            file.write(&directory).unwrap();
        }
        fs::write(home.join(name).join("cluster.yaml"), "cluster: x\n").unwrap();
    }

    #[test]
    fn the_only_cluster_is_chosen_and_of_several_the_only_running_one() {
        let home = tempfile::tempdir().unwrap();
        let context = context(home.path());
        assert_eq!(local_cluster(&context).unwrap_err().code, "E0203");

        make(home.path(), "a", &["n1"]);
        fs::create_dir(home.path().join("not-a-cluster")).unwrap();
        assert_eq!(local_cluster(&context).unwrap().1, How::OnlyOne);

        make(home.path(), "b", &["n1"]);
        let failure = local_cluster(&context).unwrap_err();
        assert_eq!((failure.code, failure.exit.code()), ("E0202", 2));
        assert!(failure.cause.unwrap().contains("a b"));

        let run = RunFile::of_this_process("2026-11-24T20:40:00Z".to_owned()).unwrap();
        run.write(&home.path().join("b/nodes/n1")).unwrap();
        let stale = RunFile { start_ticks: run.start_ticks + 1, ..run };
        stale.write(&home.path().join("a/nodes/n1")).unwrap();
        let (cluster, how) = local_cluster(&context).unwrap();
        assert_eq!((cluster.name.as_str(), how), ("b", How::OnlyRunning));
    }

    #[test]
    fn a_flag_wins_over_the_environment_and_the_environment_over_what_runs() {
        let home = tempfile::tempdir().unwrap();
        make(home.path(), "a", &["n1"]);
        make(home.path(), "b", &["n1"]);
        let mut context = context(home.path());
        context.environment.cluster = Some("a".to_owned());
        assert_eq!(local_cluster(&context).unwrap().0.name, "a");
        context.global.cluster = Some("b".to_owned());
        assert_eq!(local_cluster(&context).unwrap().0.name, "b");
        context.global.cluster = Some("bb".to_owned());
        let failure = local_cluster(&context).unwrap_err();
        assert_eq!((failure.code, failure.fix.as_deref()), ("E0201", Some("--cluster b")));
        context.global.cluster = Some("../b".to_owned());
        assert_eq!(local_cluster(&context).unwrap_err().code, "E0112");
    }

    #[test]
    fn endpoints_come_from_the_nodes_or_as_given_with_an_identity() {
        let home = tempfile::tempdir().unwrap();
        make(home.path(), "a", &["n2", "n10", "n1"]);
        let mut context = context(home.path());
        let found = target(&context).unwrap();
        let names: Vec<&str> = found.endpoints.iter().filter_map(|one| one.name.as_deref()).collect();
        assert_eq!(names, ["n1", "n2", "n10"]);
        assert_eq!(found.endpoints[0].address, "127.0.0.1:7103");
        assert!(found.identity.ends_with("a/client"));

        context.environment.endpoint = Some("h:1, h:2,".to_owned());
        assert_eq!(target(&context).unwrap_err().code, "E0301");
        context.global.identity = Some(PathBuf::from("/id"));
        let given = target(&context).unwrap();
        let addresses: Vec<&str> = given.endpoints.iter().map(|one| one.address.as_str()).collect();
        assert_eq!((addresses, given.how), (vec!["h:1", "h:2"], How::Environment));
    }
}
