//! What tests of offline commands share: the built binary in a state directory of the test's own, and clusters that are
//! founded and never ran.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use raftctl::codec::Settings;
use raftctl::raft::{ClusterId, Config, Member, NodeId, StorageId};
use raftctl::storage::layout::{self, Founding, NodeFile, StorageSection};

/// A process of the binary that has ended by itself.
#[derive(Debug)]
pub struct Ran {
    pub exit: i32,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Ran {
        Ran {
            exit: output.status.code().expect("raftctl ends by itself"),
            stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
        }
    }
}

/// The binary in `home`, with nothing of the caller's surroundings that it would heed.
pub fn raftctl(home: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_raftctl"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("RAFTCTL_")) {
        command.env_remove(name);
    }
    command.args(words).env("RAFTCTL_HOME", home).stdin(Stdio::null());
    command
}

/// A cluster of `count` nodes in `home`, as it is before its first start.
pub fn found_cluster(home: &Path, name: &str, count: u64, wall_ms: u64) {
    let directory = home.join(name);
    for id in 1..=count {
        let Member { id, name: node_name, address, storage } = member(id);
        let node = directory.join("nodes").join(&node_name);
        fs::create_dir_all(&node).expect("a node's directory can be made");
        let (cluster_id, settings) = (ClusterId(7), Settings::default());
        let founding = Founding { cluster_id, node: id, storage, config: config(count), settings, wall_ms };
        layout::found(&node, &founding).expect("data can be founded");
        let file = NodeFile {
            cluster: name.to_owned(),
            cluster_id,
            id,
            name: node_name,
            listen: address.clone(),
            advertise: address,
            storage: StorageSection::default(),
        };
        file.write(&node).expect("node.yaml can be written");
    }
    let spec = format!("cluster: {name}\nnodes: {count}\n");
    fs::write(directory.join("cluster.yaml"), spec).expect("cluster.yaml can be written");
}

/// The configuration that such a cluster is founded with.
pub fn config(count: u64) -> Config {
    Config::of((1..=count).map(member).collect(), Vec::new())
}

fn member(id: u64) -> Member {
    let (name, address) = (format!("n{id}"), format!("127.0.0.1:{}", 7_100 + id));
    Member { id: NodeId(id), name, address, storage: StorageId(u128::from(id) + 100) }
}
