//! What `raftctl bundle` has packed, read as it lies: which nodes are in it, and what it says of itself.
//!
//! A bundle is named by its file, something in it by `FILE:INSIDE`, such as `demo.tar:n1`. Nothing is unpacked; what a
//! file is, its content says. Unpacked bundles are described by the same words.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::identify::{Finding, INSIDE_MAX, IdentifyError, identify_on, push_inside};
use super::log::Source;
use crate::storage::archive::{Archive, ArchiveError, INSIDE, is_archive};
use crate::storage::disk::{self, Disk, RealDisk};
use crate::storage::layout;
use crate::storage::ustar::BLOCK_BYTES;

/// At the top of a bundle: what is in it.
pub const MANIFEST_FILE: &str = "manifest.json";

/// At the top of a bundle: what the nodes said of themselves.
pub const STATUS_FILE: &str = "status.json";

/// For each node: what `inspect` said of its data.
pub const INSPECTION_FILE: &str = "inspect.json";

/// Longest manifest that is read: room for every file that a bundle may have.
const MANIFEST_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Most damaged places that are shown of an inspection.
const DAMAGE_SHOWN_MAX: usize = 20;

/// `raftctl.bundle/v1`: what a bundle says of itself, in `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub cluster: String,
    /// RFC 3339, UTC.
    pub made: String,
    /// Of the raftctl that made it.
    pub version: String,
    pub os: String,
    pub architecture: String,
    pub with_log: bool,
    /// Values were taken out of the logs.
    #[serde(default)]
    pub redacted: bool,
    /// What was left out because values could not be taken out of it, in sentences.
    #[serde(default)]
    pub left_out: Vec<String>,
    pub files: Vec<FileEntry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    pub path: String,
    pub bytes: u64,
}

/// A bundle, or something in one.
#[derive(Clone, Debug)]
pub struct Bundle {
    archive: Arc<Archive>,
    /// What of it was named, relative to its top; none for all of it.
    inside: Option<String>,
}

/// What `path` names, if that is a bundle or lies in one.
///
/// # Errors
/// It is an archive, but damaged or of another kind; or it cannot be read.
pub fn open(path: &Path) -> Result<Option<Bundle>, ArchiveError> {
    if RealDisk.exists(path).unwrap_or(false) {
        return open_archive(path, None);
    }
    let Some(text) = path.to_str() else { return Ok(None) };
    for (at, _) in text.match_indices(INSIDE) {
        let found = open_archive(Path::new(&text[..at]), Some(&text[at + INSIDE.len_utf8()..]))?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn open_archive(path: &Path, inside: Option<&str>) -> Result<Option<Bundle>, ArchiveError> {
    let mut start = [0; BLOCK_BYTES];
    let have = RealDisk.open(path).and_then(|file| file.read_at(&mut start, 0)).unwrap_or(0);
    if !is_archive(&start[..have]) {
        return Ok(None);
    }
    let archive = Arc::new(Archive::open(&RealDisk, path)?);
    Ok(Some(Bundle { archive, inside: inside.filter(|inside| !inside.is_empty()).map(str::to_owned) }))
}

impl Bundle {
    /// The file it lies in.
    pub fn path(&self) -> &Path {
        self.archive.path()
    }

    /// The nodes that it tells of, by name.
    pub fn nodes(&self) -> Vec<String> {
        self.archive.nodes()
    }

    /// How `node` in it is named.
    pub fn name_of(&self, node: &str) -> String {
        self.archive.place(node).display().to_string()
    }

    /// The one thing in it that was named, whether it is there or not; none when it was named as a whole.
    pub fn named(&self) -> Option<Source> {
        self.inside.as_ref().map(|inside| self.source(inside))
    }

    /// The logs in it, by node.
    pub fn logs(&self) -> Vec<Source> {
        let has_data = |node: &String| self.archive.exists(&layout::data_dir(&self.archive.place(node)));
        self.nodes().iter().filter(|node| has_data(node).unwrap_or(false)).map(|node| self.source(node)).collect()
    }

    /// What it is, and what is in it.
    ///
    /// # Errors
    /// What was named in it is not there, or nothing of ours.
    pub fn identify(&self) -> Result<Finding, IdentifyError> {
        let disk: Arc<dyn Disk> = self.archive.clone();
        if let Some(inside) = &self.inside {
            return identify_on(&disk, &self.archive.place(inside));
        }
        let path = self.archive.path();
        let found = describe(&disk, path, &|inside| self.archive.place(inside))
            .map_err(|source| IdentifyError::Read { path: path.to_path_buf(), source })?;
        Ok(found.fact("files", self.archive.files()).fact("content_bytes", self.archive.content_bytes()))
    }

    fn source(&self, inside: &str) -> Source {
        Source::on(self.archive.clone(), self.archive.place(inside))
    }
}

/// A whole bundle, packed or unpacked; `place` says where something in it lies.
pub(super) fn describe(disk: &Arc<dyn Disk>, path: &Path, place: &dyn Fn(&str) -> PathBuf) -> io::Result<Finding> {
    let mut finding = Finding::new(path, "bundle", "what there was to know about a cluster");
    match manifest(disk.as_ref(), &place(MANIFEST_FILE)) {
        Ok(manifest) => {
            finding = finding
                .fact("cluster", manifest.cluster)
                .fact("made", manifest.made)
                .fact("version", manifest.version)
                .fact("os", manifest.os)
                .fact("architecture", manifest.architecture)
                .fact("with_log", manifest.with_log)
                .fact("redacted", manifest.redacted)
                .fact("left_out", manifest.left_out);
        }
        Err(error) => finding = finding.damaged(format!("{}: {error}", place(MANIFEST_FILE).display())),
    }
    let names = disk.list(&place(""))?.into_iter().filter(|name| name != MANIFEST_FILE);
    let (nodes, files): (Vec<PathBuf>, Vec<PathBuf>) =
        names.map(|name| place(&name)).partition(|inside| disk.list(inside).is_ok());
    for inside in files.iter().chain(&nodes).take(INSIDE_MAX) {
        push_inside(disk, &mut finding, inside);
    }
    Ok(finding)
}

fn manifest(disk: &dyn Disk, path: &Path) -> io::Result<Manifest> {
    let bytes = disk::read_whole(disk, path, MANIFEST_BYTES_MAX)?;
    serde_json::from_slice(&bytes).map_err(io::Error::from)
}

/// The documents beside the data; none when it is none of them.
pub(super) fn document(path: &Path, name: &str, text: &str) -> Option<Finding> {
    let said: Value = serde_json::from_str(text).ok()?;
    let copied = |mut finding: Finding, from: &Value, names: &[&'static str]| {
        for name in names {
            if let Some(value) = from.get(*name) {
                finding = finding.fact(name, value.clone());
            }
        }
        finding
    };
    match name {
        STATUS_FILE => {
            let finding = Finding::new(path, "status", "what the nodes said when the bundle was made");
            let why_not = said.get("error").and_then(|error| error.get("what")).cloned();
            let finding = copied(finding, &said, &["time", "leader", "term", "writable", "problems"]);
            Some(why_not.map_or(finding.clone(), |why_not| finding.fact("error", why_not)))
        }
        INSPECTION_FILE => {
            let finding = Finding::new(path, "inspection", "what its data was when the bundle was made");
            let facts = said.get("facts").cloned().unwrap_or_default();
            let names = ["health", "entries", "first", "last", "last_term", "commit_known", "members"];
            let finding = copied(copied(finding, &said, &["error"]), &facts, &names);
            let damage = said.get("damage").and_then(Value::as_array).cloned().unwrap_or_default();
            Some(finding.fact("damage", damage.into_iter().take(DAMAGE_SHOWN_MAX).collect::<Vec<_>>()))
        }
        _ => None,
    }
}
