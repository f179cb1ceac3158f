//! What `cluster up` would do: a pure value, made from the file and from what is remembered, printed by `--dry-run`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::spec::{NodeSpec, Spec};

/// File in a cluster's directory that says what it was made from.
pub const CLUSTER_FILE: &str = "cluster.yaml";

/// What is remembered of the file a cluster was made from, in `cluster.yaml` of its directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remembered {
    pub cluster: String,
    /// 32 hexadecimal digits.
    pub cluster_id: String,
    /// The file; none when there was none.
    pub file: Option<PathBuf>,
    /// The file as flat facts, to notice what has changed.
    pub facts: BTreeMap<String, String>,
    /// The backup that the cluster began with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored_from: Option<RestoredFrom>,
}

/// Which snapshot a cluster began with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoredFrom {
    /// The cluster that it was taken of.
    pub cluster_id: String,
    /// The last entry that it covers.
    pub last: u64,
    pub digest: String,
}

/// What is to be done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub cluster: String,
    pub directory: PathBuf,
    /// Makes directories, certificates and logs first.
    pub make: bool,
    /// Names of the nodes to start.
    pub start: Vec<String>,
    /// Names of the nodes that run already.
    pub running: Vec<String>,
    /// Remembers another path for the file.
    pub adopt: bool,
}

/// Why a cluster file does not fit the cluster of its name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("{cluster} was made from {known}, not from {given}")]
    OtherFile { cluster: String, known: String, given: String },
    #[error("the file of {cluster} has changed: {}", differences.join("; "))]
    Changed { cluster: String, differences: Vec<String> },
}

/// Compares the file with what is there. `running` says which nodes run.
///
/// # Errors
/// The name belongs to a cluster made from another file, or the file has changed in a way that needs more than a
/// start.
pub fn plan(
    directory: &Path,
    spec: &Spec,
    file: Option<&Path>,
    remembered: Option<&Remembered>,
    running: &[String],
    adopt: bool,
) -> Result<Plan, PlanError> {
    let names: Vec<String> = spec.nodes.iter().map(|node| node.name.clone()).collect();
    let mut plan = Plan {
        cluster: spec.cluster.clone(),
        directory: directory.to_path_buf(),
        make: remembered.is_none(),
        start: names.iter().filter(|name| !running.contains(name)).cloned().collect(),
        running: running.to_vec(),
        adopt: false,
    };
    let Some(known) = remembered else { return Ok(plan) };
    if let Some(given) = file
        && known.file.as_deref() != Some(given)
    {
        if !adopt {
            return Err(PlanError::OtherFile {
                cluster: spec.cluster.clone(),
                known: known.file.as_ref().map_or_else(|| "no file".to_owned(), |path| path.display().to_string()),
                given: given.display().to_string(),
            });
        }
        plan.adopt = true;
    }
    let differences = differences(&known.facts, &spec.facts());
    if differences.is_empty() {
        Ok(plan)
    } else {
        Err(PlanError::Changed { cluster: spec.cluster.clone(), differences })
    }
}

fn differences(known: &BTreeMap<String, String>, given: &BTreeMap<String, String>) -> Vec<String> {
    let keys: std::collections::BTreeSet<&String> = known.keys().chain(given.keys()).collect();
    keys.into_iter()
        .filter(|key| known.get(*key) != given.get(*key))
        .map(|key| match (known.get(key), given.get(key)) {
            (Some(was), Some(is)) => format!("{key}: {was} → {is}"),
            (Some(was), None) => format!("{key}: {was} → nothing"),
            (None, Some(is)) => format!("{key}: nothing → {is}"),
            (None, None) => unreachable!("the key is from one of the two"),
        })
        .collect()
}

impl Plan {
    /// One line per step.
    pub fn lines(&self, nodes: &[NodeSpec]) -> Vec<String> {
        let mut lines = Vec::new();
        if self.make {
            lines.push(format!("make {}", self.directory.display()));
            lines.push(format!("make a certificate authority for {}", self.cluster));
            for node in nodes {
                let listen = node.listen.map_or_else(|| "a free port".to_owned(), |address| address.to_string());
                lines.push(format!("make {} ({}) on {listen}", node.name, node.role.word()));
            }
        }
        if self.adopt {
            lines.push("remember the new path of the file".to_owned());
        }
        lines.extend(self.running.iter().map(|name| format!("leave {name} running")));
        lines.extend(self.start.iter().map(|name| format!("start {name}")));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::spec::{Source, read};

    fn spec(nodes: usize) -> Spec {
        read(&Source::Size { cluster: "demo".to_owned(), nodes }, None, &[]).unwrap()
    }

    fn remembered(spec: &Spec, file: Option<&str>) -> Remembered {
        Remembered {
            cluster: "demo".to_owned(),
            cluster_id: String::new(),
            file: file.map(PathBuf::from),
            facts: spec.facts(),
            restored_from: None,
        }
    }

    #[test]
    fn a_new_cluster_is_made_and_started() {
        let spec = spec(2);
        let plan = plan(Path::new("/state/demo"), &spec, None, None, &[], false).unwrap();
        assert_eq!(
            plan.lines(&spec.nodes),
            [
                "make /state/demo",
                "make a certificate authority for demo",
                "make n1 (voter) on a free port",
                "make n2 (voter) on a free port",
                "start n1",
                "start n2"
            ]
        );
    }

    #[test]
    fn what_runs_is_left_alone() {
        let spec = spec(2);
        let known = remembered(&spec, None);
        let plan = plan(Path::new("/d"), &spec, None, Some(&known), &["n2".to_owned()], false).unwrap();
        assert_eq!(plan.lines(&spec.nodes), ["leave n2 running", "start n1"]);
    }

    #[test]
    fn another_file_and_other_facts_are_refused() {
        let (one, other) = (spec(1), spec(2));
        let known = remembered(&one, Some("/a.yaml"));
        let file = Some(Path::new("/b.yaml"));
        let refused = plan(Path::new("/d"), &one, file, Some(&known), &[], false).unwrap_err();
        assert_eq!(refused.to_string(), "demo was made from /a.yaml, not from /b.yaml");
        assert!(plan(Path::new("/d"), &one, file, Some(&known), &[], true).unwrap().adopt);
        let changed = plan(Path::new("/d"), &other, None, Some(&known), &[], false).unwrap_err();
        assert!(changed.to_string().contains("nodes: n1 → n1 n2"), "{changed}");
    }
}
