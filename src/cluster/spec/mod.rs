//! A cluster file as a checked value.
//!
//! Promises: a value that comes out of here can be run; everything that is wrong with a file is told with path, line,
//! column, source line and a hint, in bounded time whatever the bytes are. Keys whose effect this version does not
//! have are refused by name, never ignored. Reads one file, creates nothing.

mod error;
mod locate;
mod read;
mod walk;

use core::time::Duration;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::codec::settings::Settings;
use crate::storage::layout::{OnCorruption, StorageSection, SyncMode};

pub use error::SpecError;
pub use locate::{Place, Step};
pub use read::{Source, nearest, read};

/// Largest cluster file, in bytes; a longer one is refused before it is parsed.
pub const FILE_BYTES_MAX: usize = 1024 * 1024;

/// Most nodes of one cluster.
pub const NODES_MAX: usize = 9;

/// Longest name of a cluster or a node, in characters.
pub const NAME_LENGTH_MAX: usize = 40;

/// A cluster as its file describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    pub cluster: String,
    /// In the order of the file, which is the order of ids.
    pub nodes: Vec<NodeSpec>,
    pub settings: Settings,
    pub storage: StorageSection,
}

/// One entry of `nodes:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSpec {
    pub name: String,
    /// None, or a port of 0: a free loopback port is picked once and remembered.
    pub listen: Option<std::net::SocketAddr>,
    /// What others dial; none is the listen address.
    pub advertise: Option<String>,
    pub role: MemberRole,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MemberRole {
    #[default]
    Voter,
    Learner,
}

impl MemberRole {
    pub const fn word(self) -> &'static str {
        match self {
            MemberRole::Voter => "voter",
            MemberRole::Learner => "learner",
        }
    }
}

impl Spec {
    /// The file as flat facts, `raft.election_timeout` to `500ms`: what is remembered of it, and compared with it.
    pub fn facts(&self) -> BTreeMap<String, String> {
        let mut facts = BTreeMap::new();
        let mut add = |key: String, value: String| {
            facts.insert(key, value);
        };
        for node in &self.nodes {
            let listen = node.listen.map_or_else(|| "any free port".to_owned(), |address| address.to_string());
            add(format!("nodes.{}.listen", node.name), listen);
            if let Some(advertise) = &node.advertise {
                add(format!("nodes.{}.advertise", node.name), advertise.clone());
            }
            add(format!("nodes.{}.role", node.name), node.role.word().to_owned());
        }
        let names: Vec<&str> = self.nodes.iter().map(|node| node.name.as_str()).collect();
        add("nodes".to_owned(), names.join(" "));
        let raft = &self.settings;
        add("raft.election_timeout".to_owned(), duration_text(raft.election_timeout));
        add("raft.heartbeat_interval".to_owned(), duration_text(raft.heartbeat_interval));
        add("raft.pre_vote".to_owned(), raft.pre_vote.to_string());
        add("raft.check_quorum".to_owned(), raft.check_quorum.to_string());
        add("raft.lease_reads".to_owned(), raft.lease_reads.to_string());
        add("raft.clock_drift".to_owned(), percent_text(raft.clock_drift_ppm));
        add("raft.max_inflight_bytes".to_owned(), size_text(raft.max_inflight_bytes));
        add("limits.max_value_size".to_owned(), size_text(raft.max_value_size));
        add("limits.max_pending_bytes".to_owned(), size_text(raft.max_pending_bytes));
        add("storage.segment_size".to_owned(), size_text(self.storage.segment_size_bytes));
        add("storage.sync".to_owned(), sync_word(self.storage.sync).to_owned());
        let on_corruption = match self.storage.on_corruption {
            OnCorruption::Recover => "recover",
            OnCorruption::Refuse => "refuse",
        };
        add("storage.on_corruption".to_owned(), on_corruption.to_owned());
        add("storage.snapshot_every".to_owned(), self.storage.snapshot_every.to_string());
        add("storage.retain_entries".to_owned(), self.storage.retain_entries.to_string());
        facts
    }

    pub fn voters(&self) -> usize {
        self.nodes.iter().filter(|node| node.role == MemberRole::Voter).count()
    }
}

/// Whether `name` may name a cluster or a node: it becomes part of paths and certificates.
pub fn is_name(name: &str) -> bool {
    (1..=NAME_LENGTH_MAX).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// `500ms`, `2s`, `1m`: the largest unit that leaves no fraction.
pub fn duration_text(span: Duration) -> String {
    let micros = span.as_micros();
    let units = [(60_000_000, "m"), (1_000_000, "s"), (1_000, "ms")];
    let unit = units.into_iter().find(|(size, _)| micros > 0 && micros.is_multiple_of(*size)).unwrap_or((1, "us"));
    format!("{}{}", micros / unit.0, unit.1)
}

/// `1%`, `0.5%`.
fn percent_text(ppm: u32) -> String {
    format!("{}%", f64::from(ppm) / 10_000.0)
}

/// `64MiB`, `100B`: the largest unit that leaves no fraction.
pub fn size_text(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = units.into_iter().find(|(size, _)| bytes > 0 && bytes.is_multiple_of(*size)).unwrap_or((1, "B"));
    format!("{}{}", bytes / unit.0, unit.1)
}

pub(super) fn sync_word(sync: SyncMode) -> &'static str {
    match sync {
        SyncMode::Always => "always",
        SyncMode::None => "none",
    }
}

/// The text of a cluster file for `count` nodes, as if somebody had written it.
pub(super) fn text_of_size(cluster: &str, count: usize) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "cluster: \"{cluster}\"\nnodes: {count}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_directory() {
        assert!(is_name("n1") && is_name("a-b") && is_name(&"a".repeat(40)));
        for wrong in ["", ".", "..", "../x", "/x", "a/b", "a.b", "A", "ä", "a\0", "а", "n 1", &"a".repeat(256)] {
            assert!(!is_name(wrong), "{wrong:?} was taken for a name");
        }
    }

    #[test]
    fn texts_of_units_read_back() {
        use crate::codec::settings::{parse_duration, parse_size};
        for text in ["500ms", "2s", "1m", "90s", "250us"] {
            assert_eq!(duration_text(parse_duration(text).unwrap()), text);
        }
        for text in ["64MiB", "1KiB", "1GiB", "100B", "0B"] {
            assert_eq!(size_text(parse_size(text).unwrap()), text);
        }
    }
}
