//! What one node that is left of a cluster holds: its position for a plan of recovery, and its state to go on from.
//!
//! Promises: a position is that of the last entry up to which every checksum and every link of the log was proved, and
//! which can be applied; what lies behind damage does not count. Nothing of a value is in a [`Scan`]. Changes nothing.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::log::{Progress, Source};
use super::replay::{Begin, Replay, ReplayError};
use crate::codec::entry::decode_config;
use crate::codec::{Kind, Settings};
use crate::raft::{ClusterId, Config, Index, LogId, SnapshotMeta, Term};
use crate::storage::layout::{self, FileError, NodeFile};
use crate::storage::reader::WalkError;
use crate::storage::snapshot_file::{self, Loaded};

/// Most runs of terms in a scan; of more, the newest.
pub const TERM_RUNS_MAX: usize = 10_000;

/// A node's position, as it is carried to where a plan is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scan {
    pub cluster: String,
    pub cluster_id: String,
    pub node: String,
    pub node_id: u64,
    pub storage_id: String,
    /// The durable term; zero when the hard state cannot be read.
    pub term: u64,
    /// The last entry that counts, and the check of its record.
    pub last: u64,
    pub last_term: u64,
    pub last_check: String,
    /// Known to be committed on this disk.
    pub commit: u64,
    /// Terms of the entries that count, from the snapshot that the state begins with on.
    pub terms: Vec<TermRun>,
    pub members: ScannedMembers,
    /// Where the log stops being whole, if it does.
    pub damage: Option<String>,
    /// The node had lost entries before, and its peers had not repaired it yet (R64).
    pub recovering: bool,
}

/// Entries of one term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TermRun {
    pub term: u64,
    pub first: u64,
    pub last: u64,
}

/// The configuration in force at the last entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScannedMembers {
    /// Index of the entry that brought it.
    pub index: u64,
    /// Names of all members.
    pub names: Vec<String>,
    /// One set of voters, or two while membership was being changed: each needs a majority.
    pub voters: Vec<Vec<String>>,
}

/// A survivor with all it holds.
#[derive(Clone, Debug)]
pub struct Survivor {
    pub scan: Scan,
    pub cluster_id: ClusterId,
    /// Its state as of its last entry, as a snapshot would hold it.
    pub loaded: Loaded,
    pub file: NodeFile,
}

/// Why a directory is no survivor.
#[derive(Debug, thiserror::Error)]
pub enum SurvivorError {
    #[error("{path} is not a node's directory with its data")]
    NoNode { path: String },
    #[error("{path} is open: the node runs")]
    Running { path: String },
    #[error("{path} was redacted: neither its values nor its checksums are the node's")]
    Redacted { path: String },
    #[error("the node's file cannot be used")]
    File(#[from] FileError),
    #[error("the log cannot be read")]
    Walk(#[from] WalkError),
    #[error("no state can be made of the log")]
    Replay(#[source] ReplayError),
}

/// Reads all that a node holds.
///
/// # Errors
/// It is no node's directory, it is in use, or not even the beginning of its log can be used.
pub fn survivor(source: &Source, progress: &Progress<'_>) -> Result<Survivor, SurvivorError> {
    let path = || source.path.display().to_string();
    if source.is_redacted() {
        return Err(SurvivorError::Redacted { path: path() });
    }
    let data = source.data_dir().ok_or_else(|| SurvivorError::NoNode { path: path() })?;
    let dir = data.parent().ok_or_else(|| SurvivorError::NoNode { path: path() })?;
    if layout::is_locked(dir)? {
        return Err(SurvivorError::Running { path: path() });
    }
    let file = NodeFile::read_on(source.disk(), dir)?;
    let mut replay = Replay::open(source, Begin::Near(Index(u64::MAX)), progress).map_err(SurvivorError::Replay)?;
    let mut found = Found::behind(source, replay.base());
    let damage = loop {
        match replay.step() {
            Ok(None) => break None,
            Ok(Some(step)) => found.push(&step.entry.header, &step.entry.payload),
            Err(ReplayError::Damaged { damage, .. }) => break Some(damage.to_string()),
            Err(error) => return Err(SurvivorError::Replay(error)),
        }
    };
    let (last, link) = (replay.at(), replay.check());
    let slot = source.hard_state();
    let scan = Scan {
        cluster: file.cluster.clone(),
        cluster_id: file.cluster_id.to_string(),
        node: file.name.clone(),
        node_id: file.id.0,
        storage_id: slot.map(|slot| slot.storage.to_string()).unwrap_or_default(),
        term: slot.map_or(0, |slot| slot.hard_state.term.0),
        last: last.index.0,
        last_term: last.term.0,
        last_check: format!("{link:08x}"),
        commit: source.newest_commit().min(last.index).0,
        terms: found.newest_terms(),
        members: found.members(),
        damage,
        recovering: source.is_recovering(),
    };
    let meta = SnapshotMeta {
        last,
        config: found.config,
        config_index: found.config_index,
        size_bytes: 0,
        digest: 0,
        link,
        log_bytes: found.log_bytes,
    };
    let loaded = Loaded { meta, settings: found.settings, image: replay.into_machine() };
    Ok(Survivor { scan, cluster_id: file.cluster_id, loaded, file })
}

/// What is gathered on the way through the log.
struct Found {
    terms: Vec<TermRun>,
    config: Arc<Config>,
    config_index: Index,
    settings: Settings,
    log_bytes: u64,
}

impl Found {
    /// What the snapshot that the state begins with says.
    fn behind(source: &Source, base: Option<LogId>) -> Found {
        let nothing = Found {
            terms: Vec::new(),
            config: Arc::default(),
            config_index: Index(0),
            settings: Settings::default(),
            log_bytes: 0,
        };
        let path = source.snapshots().into_iter().find(|snapshot| Some(snapshot.last) == base).map(|found| found.path);
        let Some((_, head)) = path.and_then(|path| snapshot_file::read_head_on(source.disk(), &path).ok()) else {
            return nothing;
        };
        let LogId { index, term: Term(term) } = head.last;
        Found {
            terms: vec![TermRun { term, first: index.0, last: index.0 }],
            config: head.config,
            config_index: head.config_index,
            settings: head.settings,
            log_bytes: head.log_bytes,
        }
    }

    fn push(&mut self, header: &crate::codec::RecordHeader, payload: &[u8]) {
        let LogId { index, term: Term(term) } = header.id;
        self.log_bytes += header.total_bytes() as u64;
        match self.terms.last_mut() {
            Some(run) if run.term == term => run.last = index.0,
            _ => self.terms.push(TermRun { term, first: index.0, last: index.0 }),
        }
        if header.kind == Kind::Config
            && let Ok((config, settings)) = decode_config(payload)
        {
            (self.config, self.settings, self.config_index) = (Arc::new(config), settings, index);
        }
    }

    fn newest_terms(&self) -> Vec<TermRun> {
        self.terms[self.terms.len().saturating_sub(TERM_RUNS_MAX)..].to_vec()
    }

    fn members(&self) -> ScannedMembers {
        let name = |id| self.config.member(id).map_or_else(|| id.to_string(), |member| member.name.clone());
        let halves = [&self.config.voters, &self.config.outgoing].into_iter().filter(|half| !half.is_empty());
        ScannedMembers {
            index: self.config_index.0,
            names: self.config.listed().into_iter().map(name).collect(),
            voters: halves.map(|half| half.iter().copied().map(name).collect()).collect(),
        }
    }
}
