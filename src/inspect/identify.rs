//! What a file or directory of raftctl is, and what is in it: told by its content, by its name only where the content
//! says nothing. Private keys are named, never read.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};
use x509_parser::pem::Pem;
use x509_parser::prelude::GeneralName;

use super::bundle;
use super::entry::{ConfigView, time_text};
use super::log::Source;
use super::picture::{Artist, SegmentPicture};
use super::snapshot;
use super::stat::{Counter, LogStat};
use crate::codec::Kind;
use crate::codec::entry::decode_config;
use crate::codec::record::RECORD_VERSION;
use crate::raft::Index;
use crate::storage::archive::{ArchiveError, INSIDE};
use crate::storage::disk::{self, Disk, RealDisk, TEMPORARY_ENDING};
use crate::storage::hard_state::{self, HARD_STATE_MAGIC, HARD_STATE_VERSION};
use crate::storage::layout::{self, NodeFile, RunFile, parse_segment_name};
use crate::storage::reader::Item;
use crate::storage::segment::{SEGMENT_MAGIC, SEGMENT_VERSION};
use crate::storage::snapshot_file;

/// Bytes of a file that are enough to tell what it is.
const SNIFF_BYTES: usize = 4096;

/// Largest text file that is read whole.
const TEXT_BYTES_MAX: usize = 1024 * 1024;

/// Most things that are listed in one directory.
pub(super) const INSIDE_MAX: usize = 1_000;

/// What one path is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    pub path: PathBuf,
    /// A stable word: `cluster-directory node-directory data-directory log-directory segment hard-state
    /// snapshot-directory snapshot snapshot-part node-file run-file cluster-file identity-directory certificate
    /// private-key node-log lock reserve in-use recovering superseded set-aside temporary home bundle status
    /// inspection redacted`.
    pub kind: &'static str,
    /// One sentence without a full stop.
    pub about: String,
    /// Name and value, in the order in which they are shown.
    #[serde(serialize_with = "as_map")]
    pub facts: Vec<(&'static str, Value)>,
    /// What cannot be what raftctl wrote, with file and offset.
    pub damage: Vec<String>,
    /// Of a log: its segments, drawn.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub picture: Vec<SegmentPicture>,
    pub inside: Vec<Finding>,
}

/// Why a path cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum IdentifyError {
    #[error("{} cannot be read", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is nothing that raftctl has written", path.display())]
    Foreign { path: PathBuf },
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

/// Says what `path` is, which may be a bundle or something in one. Damage is part of the answer, not an error.
pub fn identify(path: &Path) -> Result<Finding, IdentifyError> {
    match bundle::open(path)? {
        Some(bundle) => bundle.identify(),
        None => identify_on(&(Arc::new(RealDisk) as Arc<dyn Disk>), path),
    }
}

/// `identify` on any disk. A bundle that lies on it is nothing of ours here: one in another could go on without end.
pub(super) fn identify_on(disk: &Arc<dyn Disk>, path: &Path) -> Result<Finding, IdentifyError> {
    let failed = |source| IdentifyError::Read { path: path.to_path_buf(), source };
    let found = match disk.list(path) {
        Ok(_) => directory(disk, path).map_err(failed)?,
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => file(disk, path).map_err(failed)?,
        Err(error) => return Err(failed(error)),
    };
    found.ok_or_else(|| IdentifyError::Foreign { path: path.to_path_buf() })
}

impl Finding {
    pub(super) fn new(path: &Path, kind: &'static str, about: impl Into<String>) -> Finding {
        Finding {
            path: path.to_path_buf(),
            kind,
            about: about.into(),
            facts: Vec::new(),
            damage: Vec::new(),
            picture: Vec::new(),
            inside: Vec::new(),
        }
    }

    pub(super) fn fact(mut self, name: &'static str, value: impl Into<Value>) -> Finding {
        self.facts.push((name, value.into()));
        self
    }

    pub(super) fn damaged(mut self, damage: String) -> Finding {
        self.damage.push(damage);
        self
    }

    /// Whether this or anything inside is damaged.
    pub fn is_damaged(&self) -> bool {
        !self.damage.is_empty() || self.inside.iter().any(Finding::is_damaged)
    }
}

fn directory(disk: &Arc<dyn Disk>, path: &Path) -> io::Result<Option<Finding>> {
    let has = |name: &str| disk.exists(&path.join(name)).unwrap_or(false);
    if is_temporary(path) {
        return Ok(Some(temporary(path)));
    }
    if file_name(path) == "damaged" {
        return set_aside(disk, path).map(Some);
    }
    if has("hard_state") || (has("log") && has("lock")) {
        return data_directory(disk, path).map(Some);
    }
    if has(bundle::INSPECTION_FILE) || has("node.yaml") {
        const PARTS: [&str; 7] =
            ["node.yaml", "run.json", "superseded", bundle::INSPECTION_FILE, "data", "identity", "node.log"];
        let finding = Finding::new(path, "node-directory", "everything of one node");
        return with_inside(disk, finding, &PARTS).map(Some);
    }
    if has(bundle::MANIFEST_FILE) {
        return bundle::describe(disk, path, &|name| path.join(name)).map(Some);
    }
    if has("cluster.yaml") {
        let finding = Finding::new(path, "cluster-directory", "a local cluster");
        let finding = with_inside(disk, finding, &["cluster.yaml", "ca", "client"])?;
        return with_children(disk, finding, &path.join("nodes")).map(Some);
    }
    if has("cert.pem") || has("ca.pem") {
        let finding = Finding::new(path, "identity-directory", "certificates, and keys that are never shown");
        return with_children(disk, finding, path).map(Some);
    }
    let entries = sorted_entries(disk, path)?;
    if entries.iter().any(|entry| segment_like(entry)) {
        let look = look(disk, path);
        let finding = look.describe(Finding::new(path, "log-directory", "the segments of one log"));
        return with_segments(disk, finding, path, &look).map(Some);
    }
    if entries.iter().any(|entry| snapshot_like(entry)) {
        let finding = Finding::new(path, "snapshot-directory", "the state as of some entries");
        return with_children(disk, finding, path).map(Some);
    }
    let is_cluster = |entry: &&PathBuf| disk.exists(&entry.join("cluster.yaml")).unwrap_or(false);
    let names: Vec<String> = entries.iter().filter(is_cluster).map(|entry| file_name(entry)).collect();
    if !names.is_empty() {
        return Ok(Some(Finding::new(path, "home", "local clusters live here").fact("clusters", names)));
    }
    Ok(None)
}

/// The segments stand directly below: what can be said of the log as a whole is said of the data directory.
fn data_directory(disk: &Arc<dyn Disk>, path: &Path) -> io::Result<Finding> {
    let finding = Finding::new(path, "data-directory", "what a node must not lose: term, vote, snapshots and log");
    let look = look(disk, path);
    let mut finding = look.describe(finding);
    if let Some(config) = look.config.clone().or_else(|| newest_config_of_snapshots(disk, path)) {
        finding = finding.fact("members", json!(config.members));
    }
    let finding = with_inside(disk, finding, &["hard_state", "in-use", "recovering", "reserve", "lock", "damaged"])?;
    let finding = with_children(disk, finding, &layout::snapshot_dir(path))?;
    with_segments(disk, finding, &layout::log_dir(path), &look)
}

fn with_inside(disk: &Arc<dyn Disk>, mut finding: Finding, names: &[&str]) -> io::Result<Finding> {
    let folder = finding.path.clone();
    for path in names.iter().map(|name| folder.join(name)).filter(|path| disk.exists(path).unwrap_or(false)) {
        push_inside(disk, &mut finding, &path);
    }
    Ok(finding)
}

fn with_children(disk: &Arc<dyn Disk>, mut finding: Finding, folder: &Path) -> io::Result<Finding> {
    if disk.list(folder).is_ok() {
        for path in sorted_entries(disk, folder)? {
            push_inside(disk, &mut finding, &path);
        }
    }
    Ok(finding)
}

/// The files of a log that was looked at as a whole: each was read then, and its damage is told there.
fn with_segments(disk: &Arc<dyn Disk>, mut finding: Finding, folder: &Path, look: &LogLook) -> io::Result<Finding> {
    if disk.list(folder).is_ok() {
        for path in sorted_entries(disk, folder)? {
            let drawn = look.pictures.iter().find(|picture| Path::new(&picture.file) == path);
            match drawn {
                Some(picture) => finding.inside.push(drawn_segment(&path, picture)),
                None => push_inside(disk, &mut finding, &path),
            }
        }
    }
    Ok(finding)
}

/// A part that cannot be read or is not ours is listed as such: the rest is still worth showing.
pub(super) fn push_inside(disk: &Arc<dyn Disk>, finding: &mut Finding, path: &Path) {
    finding.inside.push(match identify_on(disk, path) {
        Ok(inside) => inside,
        Err(IdentifyError::Foreign { .. }) => Finding::new(path, "foreign", "nothing that raftctl has written"),
        Err(IdentifyError::Read { source, .. }) => {
            Finding::new(path, "unreadable", format!("cannot be read: {source}"))
        }
        Err(IdentifyError::Archive(error)) => Finding::new(path, "unreadable", error.to_string()),
    });
}

fn file(disk: &Arc<dyn Disk>, path: &Path) -> io::Result<Option<Finding>> {
    let mut start = Vec::new();
    let name = name_in_bundle(disk.as_ref(), path);
    let opened = disk.open(path)?;
    let length = opened.length_bytes()?;
    if !matches!(name.as_str(), "reset.key") {
        start.resize(SNIFF_BYTES, 0);
        let have = opened.read_at(&mut start, 0)?;
        start.truncate(have);
    }
    if is_temporary(path) {
        return Ok(Some(temporary(path)));
    }
    if start.starts_with(&SEGMENT_MAGIC) || segment_like(path) {
        return Ok(Some(segment(disk, path)));
    }
    if start.starts_with(&HARD_STATE_MAGIC) || name == "hard_state" {
        return hard_state_file(disk, path).map(Some);
    }
    if snapshot::is_snapshot(&name, &start) {
        return Ok(Some(snapshot::snapshot(disk.as_ref(), path, &name)));
    }
    if contains(&start, b"PRIVATE KEY-----") || name == "reset.key" {
        return Ok(Some(private_key(path)?));
    }
    if start.starts_with(b"-----BEGIN CERTIFICATE-----") {
        return Ok(Some(certificate(path, &start)));
    }
    let known = match name.as_str() {
        "lock" => Some(Finding::new(path, "lock", "held by the running process; its content means nothing")),
        "reserve" => Some(Finding::new(path, "reserve", "room on the disk that is held back; zeros")),
        "in-use" => Some(Finding::new(path, "in-use", "the node runs, or ended without closing its data")),
        "superseded" => {
            Some(Finding::new(path, "superseded", "another cluster goes on from here; the node must not run"))
        }
        "redacted" => Some(Finding::new(path, "redacted", "values were taken out of the log beside it")),
        "recovering" => Some(Finding::new(path, "recovering", "the log was damaged and is not repaired yet")),
        _ => None,
    };
    if known.is_some() || length > TEXT_BYTES_MAX as u64 && !looks_like_log(&start) {
        return Ok(known);
    }
    if looks_like_log(&start) || name == "node.log" {
        return node_log(path, length).map(Some);
    }
    text_file(disk, path, &name)
}

fn text_file(disk: &Arc<dyn Disk>, path: &Path, name: &str) -> io::Result<Option<Finding>> {
    let Ok(text) = String::from_utf8(disk::read_whole(disk.as_ref(), path, TEXT_BYTES_MAX)?) else { return Ok(None) };
    if let Some(finding) = bundle::document(path, name, &text) {
        return Ok(Some(finding));
    }
    if let Ok(run) = serde_json::from_str::<RunFile>(&text) {
        return Ok(Some(run_file(disk.as_ref(), path, &run)));
    }
    match serde_yaml::from_str::<NodeFile>(&text) {
        Ok(node) => return Ok(Some(node_file(path, &node))),
        Err(error) if name == "node.yaml" => {
            let mut finding = Finding::new(path, "node-file", "who a node is, but not readable");
            finding.damage.push(format!("{}: {error}", path.display()));
            return Ok(Some(finding));
        }
        Err(_) => {}
    }
    if name == "run.json" {
        let mut finding = Finding::new(path, "run-file", "which process ran here, but not readable");
        finding.damage.push(format!("{}: it is not what a node writes", path.display()));
        return Ok(Some(finding));
    }
    let cluster = serde_yaml::from_str::<serde_yaml::Value>(&text).ok();
    let cluster_name = cluster.as_ref().and_then(|value| value.get("cluster")).and_then(|value| value.as_str());
    Ok(cluster_name.map(|name| Finding::new(path, "cluster-file", "describes a cluster").fact("cluster", name)))
}

fn segment(disk: &Arc<dyn Disk>, path: &Path) -> Finding {
    let mut finding = Finding::new(path, "segment", "a piece of a Raft log");
    if let Ok(walk) = Source::on(disk.clone(), path).walk() {
        for item in walk {
            if let Item::Segment(segment) = item {
                finding = finding
                    .fact("cluster_id", segment.header.cluster_id.to_string())
                    .fact("node_id", segment.header.node.0.to_string())
                    .fact("storage_id", segment.header.storage.to_string())
                    .fact("sequence", segment.header.sequence)
                    .fact("opened", format!("{:?}", segment.header.cause).to_lowercase())
                    .fact("first_index", segment.header.first.0);
                break;
            }
        }
    }
    look(disk, path).describe(finding.fact("format_version", SEGMENT_VERSION))
}

fn drawn_segment(path: &Path, picture: &SegmentPicture) -> Finding {
    let index = |index: Option<u64>| index.map_or(Value::Null, Value::from);
    Finding::new(path, "segment", "a piece of a Raft log")
        .fact("sequence", picture.sequence)
        .fact("opened", picture.opened)
        .fact("first", index(picture.first))
        .fact("last", index(picture.last))
        .fact("file_bytes", picture.file_bytes)
        .fact("written", modified(path))
}

/// One pass over a log: its numbers, its damage, its picture and its newest configuration.
struct LogLook {
    /// What is wrong, when there is no log to be read.
    unreadable: Option<String>,
    stat: LogStat,
    damage: Vec<String>,
    pictures: Vec<SegmentPicture>,
    config: Option<ConfigView>,
}

fn look(disk: &Arc<dyn Disk>, path: &Path) -> LogLook {
    let source = Source::on(disk.clone(), path);
    let mut counter = Counter::new(&source);
    let mut artist = Artist::default();
    let mut config = None;
    let snapshot = source.snapshots().first().map_or(Index(0), |snapshot| snapshot.last.index);
    let walk = source.walk().map(|walk| {
        for item in walk {
            counter.count(&item);
            artist.note(&item);
            if let Item::Record { header, payload, .. } = item
                && header.kind == Kind::Config
                && let Ok((newest, _)) = decode_config(&payload)
            {
                config = Some(ConfigView::new(&newest));
            }
        }
    });
    match walk.and_then(|()| counter.finish(&source)) {
        Ok((stat, damage)) => {
            let pictures = artist.finish(Index(stat.commit), snapshot);
            let damage = damage.iter().map(ToString::to_string).collect();
            LogLook { unreadable: None, stat, damage, pictures, config }
        }
        Err(error) => LogLook {
            unreadable: Some(error.to_string()),
            stat: LogStat::default(),
            damage: Vec::new(),
            pictures: Vec::new(),
            config: None,
        },
    }
}

impl LogLook {
    fn describe(&self, mut finding: Finding) -> Finding {
        if let Some(error) = &self.unreadable {
            return finding.damaged(error.clone());
        }
        finding.damage.extend(self.damage.iter().cloned());
        finding.picture.clone_from(&self.pictures);
        let stat = &self.stat;
        let index = |index: Option<u64>| index.map_or(Value::Null, Value::from);
        let time = |time: &Option<String>| time.clone().map_or(Value::Null, Value::from);
        finding
            .fact("health", if self.damage.is_empty() { "whole" } else { "damaged" })
            .fact("record_version", RECORD_VERSION)
            .fact("entries", stat.entries)
            .fact("first", index(stat.first))
            .fact("last", index(stat.last))
            .fact("terms", stat.terms)
            .fact("last_term", index(stat.last_term))
            .fact("commit_known", stat.commit)
            .fact("first_time", time(&stat.first_time))
            .fact("last_time", time(&stat.last_time))
            .fact("record_bytes", stat.record_bytes)
            .fact("file_bytes", stat.file_bytes)
            .fact("sync_markers", stat.sync_markers)
            .fact("torn_bytes", stat.torn_bytes)
            .fact("dead_bytes", stat.dead_bytes)
    }
}

/// What a repair has moved out of a log: kept for people, judged by nobody.
fn set_aside(disk: &Arc<dyn Disk>, path: &Path) -> io::Result<Finding> {
    let mut finding = Finding::new(path, "set-aside", "parts of a damaged log; nobody reads them, remove them by hand");
    for entry in sorted_entries(disk, path)? {
        let inside = match disk.list(&entry).is_ok() {
            true => set_aside(disk, &entry)?,
            false => {
                let length = disk.open(&entry)?.length_bytes()?;
                Finding::new(&entry, "set-aside", "bytes as they were in the log").fact("bytes", length)
            }
        };
        finding.inside.push(inside);
    }
    Ok(finding)
}

/// Snapshots that are being written are told by their content.
fn is_temporary(path: &Path) -> bool {
    let name = file_name(path);
    name.ends_with(TEMPORARY_ENDING) && !name.ends_with(".snap.tmp")
}

fn temporary(path: &Path) -> Finding {
    Finding::new(path, "temporary", "something being prepared; never read, and removed at the next start")
        .fact("written", modified(path))
}

/// When a file of this machine was last written; of what lies in a bundle that is not known.
fn modified(path: &Path) -> Value {
    let since = disk::changed_at(path).ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let text = since.and_then(|since| time_text(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)));
    text.map_or(Value::Null, Value::from)
}

/// A log that was compacted may hold no configuration any more; then the newest snapshot has it.
fn newest_config_of_snapshots(disk: &Arc<dyn Disk>, path: &Path) -> Option<ConfigView> {
    let snapshots = sorted_entries(disk, &layout::snapshot_dir(path)).ok()?;
    let mut heads = snapshots.iter().rev().filter_map(|file| snapshot_file::read_head_on(disk.as_ref(), file).ok());
    heads.next().map(|(_, head)| ConfigView::new(&head.config))
}

fn hard_state_file(disk: &Arc<dyn Disk>, path: &Path) -> io::Result<Finding> {
    let inspection = hard_state::inspect_on(disk.as_ref(), path)?;
    let mut finding = Finding::new(path, "hard-state", "term and vote, written twice");
    match inspection.choose() {
        Ok(chosen) => {
            let slot = chosen.slot;
            finding = finding
                .fact("format_version", HARD_STATE_VERSION)
                .fact("cluster_id", slot.cluster_id.to_string())
                .fact("node_id", slot.node.0.to_string())
                .fact("storage_id", slot.storage.to_string())
                .fact("term", slot.hard_state.term.0)
                .fact("vote", slot.hard_state.vote.map_or(Value::Null, |node| Value::from(node.0.to_string())))
                .fact("commit_known", slot.commit_hint.0)
                .fact("updates", slot.counter)
                .fact("closed_cleanly", slot.clean_end.is_some());
        }
        Err(damage) => finding.damage.push(damage.to_string()),
    }
    for (number, slot) in inspection.slots.iter().enumerate() {
        let says = slot.as_ref().map_or_else(ToString::to_string, |slot| format!("whole, update {}", slot.counter));
        finding = finding.fact(if number == 0 { "first_slot" } else { "second_slot" }, says);
    }
    Ok(finding)
}

fn node_file(path: &Path, node: &NodeFile) -> Finding {
    Finding::new(path, "node-file", "who a node is and where it listens")
        .fact("cluster", node.cluster.clone())
        .fact("cluster_id", node.cluster_id.to_string())
        .fact("name", node.name.clone())
        .fact("id", node.id.0.to_string())
        .fact("listen", node.listen.clone())
        .fact("advertise", node.advertise.clone())
        .fact("segment_size_bytes", node.storage.segment_size_bytes)
        .fact("sync", serde_json::to_value(node.storage.sync).expect("a word serialises"))
}

/// A process of this machine is meant, which one in a bundle need not be.
fn run_file(disk: &dyn Disk, path: &Path, run: &RunFile) -> Finding {
    let alive = if disk.is_read_only() { None } else { run.is_alive().ok() };
    let alive = alive.map_or(Value::Null, Value::from);
    Finding::new(path, "run-file", "which process runs, or ran last")
        .fact("pid", run.pid)
        .fact("alive", alive)
        .fact("started", run.started.clone())
        .fact("version", run.version.clone())
}

fn node_log(path: &Path, length: u64) -> io::Result<Finding> {
    Ok(Finding::new(path, "node-log", "what a node's process has logged")
        .fact("bytes", length)
        .fact("written", modified(path)))
}

/// Only that it is there and who may read it; its bytes are none of anybody's business.
fn private_key(path: &Path) -> io::Result<Finding> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = fs::metadata(path).ok();
    let mode = metadata.map_or(Value::Null, |found| format!("{:04o}", found.permissions().mode() & 0o777).into());
    Ok(Finding::new(path, "private-key", "a private key; it is not shown").fact("mode", mode))
}

fn certificate(path: &Path, pem: &[u8]) -> Finding {
    let mut finding = Finding::new(path, "certificate", "says who its holder is");
    let parsed = Pem::iter_from_buffer(pem).next().and_then(Result::ok);
    let Some(pem) = parsed else {
        finding.damage.push(format!("{}: the certificate is not whole", path.display()));
        return finding;
    };
    let Ok(certificate) = pem.parse_x509() else {
        finding.damage.push(format!("{}: the certificate cannot be parsed", path.display()));
        return finding;
    };
    let names = certificate.subject_alternative_name().ok().flatten();
    let names: Vec<String> =
        names.map(|names| names.value.general_names.iter().filter_map(name_text).collect()).unwrap_or_default();
    let time = |seconds: i64| jiff::Timestamp::from_second(seconds).map_or(Value::Null, |t| Value::from(t.to_string()));
    let validity = certificate.validity();
    finding
        .fact("subject", certificate.subject().to_string())
        .fact("issuer", certificate.issuer().to_string())
        .fact("names", names)
        .fact("authority", certificate.is_ca())
        .fact("not_before", time(validity.not_before.timestamp()))
        .fact("expires", time(validity.not_after.timestamp()))
}

fn name_text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::URI(text) | GeneralName::DNSName(text) => Some((*text).to_owned()),
        GeneralName::IPAddress([a, b, c, d]) => Some(format!("{a}.{b}.{c}.{d}")),
        _ => None,
    }
}

/// `2026-11-24T20:40:00.123Z INFO …`
fn looks_like_log(start: &[u8]) -> bool {
    let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ').filter_map(|word| std::str::from_utf8(word).ok());
    words.next().is_some_and(|word| word.parse::<jiff::Timestamp>().is_ok()) && words.next().is_some()
}

fn segment_like(path: &Path) -> bool {
    parse_segment_name(&file_name(path)).is_some()
}

fn snapshot_like(path: &Path) -> bool {
    snapshot::is_snapshot(&file_name(path), &[])
}

/// At the top of a bundle the name begins with that of the bundle.
fn name_in_bundle(disk: &dyn Disk, path: &Path) -> String {
    let name = file_name(path);
    match name.rsplit_once(INSIDE).filter(|_| disk.is_read_only()) {
        Some((_, inside)) => inside.to_owned(),
        None => name,
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn sorted_entries(disk: &Arc<dyn Disk>, folder: &Path) -> io::Result<Vec<PathBuf>> {
    Ok(disk.list(folder)?.into_iter().take(INSIDE_MAX).map(|name| folder.join(name)).collect())
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn as_map<S: serde::Serializer>(facts: &[(&'static str, Value)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(facts.iter().map(|(name, value)| (name, value)))
}
