//! A log to look at: where it lies, what is known beside it, and the walk over it.
//!
//! A node may write meanwhile. What is half written then looks damaged for an instant, so damage in the directory of
//! a running node is believed only if a second look finds it at the same place.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::entry::{EntryView, Place, keys_of};
use crate::codec::{Entry, EntryError, RECORD_HEADER_BYTES, RecordHeader, decode_entry};
use crate::raft::{Index, LogId};
use crate::storage::disk::{Disk, DiskFile, RealDisk};
use crate::storage::hard_state::{self, Inspection, Slot};
use crate::storage::layout::{self, RunFile};
use crate::storage::reader::{self, Damage, Item, Walk, WalkError};

/// How often damage in a log that is being written is looked at again before it is believed.
const LOOKS_AGAIN: usize = 3;

/// Most snapshots that are looked for in one directory; a node keeps two.
const SNAPSHOTS_MAX: usize = 1_000;

/// Told how many bytes of a log were read since it was told last.
pub type Progress<'a> = dyn Fn(u64) + 'a;

/// One log, named by a node or by a path.
#[derive(Clone, Debug)]
pub struct Source {
    /// The node whose log it is; none when a path was given.
    pub node: Option<String>,
    /// A node's directory, a data directory, a directory of segments or a segment.
    pub path: PathBuf,
    /// Where the path is looked up: this machine's, or a bundle.
    disk: Arc<dyn Disk>,
}

/// An entry as it lies in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEntry {
    pub file: Arc<Path>,
    /// Of the record in the file, in bytes.
    pub offset: u64,
    pub header: RecordHeader,
    pub payload: Bytes,
}

/// The entries of a log in order, and the damage between them.
#[derive(Debug)]
pub struct Entries(Walk);

/// A snapshot file by its name; nothing of it was proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotName {
    pub path: PathBuf,
    /// The last entry that it covers.
    pub last: LogId,
}

/// A segment file by its name; nothing of it was proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentName {
    pub path: PathBuf,
    pub sequence: u64,
    /// The entry that it was opened for.
    pub first: Index,
}

impl Source {
    /// The log at `path`: a node's directory, a data directory, a directory of segments or a segment.
    pub fn at(path: impl Into<PathBuf>) -> Source {
        Source::on(Arc::new(RealDisk), path)
    }

    /// The log at `path` of another disk, such as a bundle.
    pub fn on(disk: Arc<dyn Disk>, path: impl Into<PathBuf>) -> Source {
        Source { node: None, path: path.into(), disk }
    }

    /// The log of a node, which is called by its name.
    pub fn of_node(name: impl Into<String>, path: impl Into<PathBuf>) -> Source {
        Source { node: Some(name.into()), ..Source::at(path) }
    }

    /// Where its files lie.
    pub fn disk(&self) -> &dyn Disk {
        self.disk.as_ref()
    }

    /// What a line calls it.
    pub fn name(&self) -> String {
        self.node.clone().unwrap_or_else(|| self.path.display().to_string())
    }

    /// Everything that is met on the way through the log.
    ///
    /// # Errors
    /// There is no log, or its directory cannot be read.
    pub fn walk(&self) -> Result<Walk, WalkError> {
        reader::walk_on(self.disk.clone(), &self.path)
    }

    /// `walk`, telling `progress` how far it came.
    pub fn watched<'a>(&self, progress: &'a Progress<'a>) -> Result<impl Iterator<Item = Item> + use<'a>, WalkError> {
        Ok(watch(self.walk()?, progress))
    }

    /// The entries that count, in order, with what is damaged between them.
    ///
    /// # Errors
    /// There is no log, or its directory cannot be read.
    pub fn entries(&self) -> Result<Entries, WalkError> {
        self.walk().map(Entries)
    }

    /// Length of all its segments; what a whole walk reads at most.
    pub fn length_bytes(&self) -> u64 {
        self.walk().map_or(0, |walk| walk.segments().map(|segment| segment.length_bytes).sum())
    }

    /// The data directory it belongs to, as far as that can be told.
    pub fn data_dir(&self) -> Option<PathBuf> {
        let has = |path: PathBuf| self.disk.exists(&path).unwrap_or(false);
        let above = self.path.ancestors().skip(1).take(2).map(Path::to_path_buf);
        let mut places = [self.path.join("data"), self.path.clone()].into_iter().chain(above);
        places.find(|place| has(layout::hard_state_file(place)) && has(layout::log_dir(place)))
    }

    /// Whether values were taken out of it: then keys and indexes are those of the node, checksums and values are not.
    pub fn is_redacted(&self) -> bool {
        let name = self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let of_segment = layout::parse_segment_name(&name).and_then(|_| self.path.parent()).map(Path::to_path_buf);
        let mut places = [self.path.join("data"), self.path.clone()].into_iter().chain(of_segment);
        places.any(|place| self.disk.exists(&layout::redacted_file(&place)).unwrap_or(false))
    }

    /// Whether it lies in a bundle, where nothing changes.
    pub fn is_bundled(&self) -> bool {
        self.disk.is_read_only()
    }

    /// Whether a process writes to it now.
    pub fn is_running(&self) -> bool {
        let data = if self.is_bundled() { None } else { self.data_dir() };
        let node = data.and_then(|data| data.parent().map(Path::to_path_buf));
        node.is_some_and(|node| RunFile::read(&node).and_then(|run| run.is_alive()).unwrap_or(false))
    }

    /// Term, vote and what else the hard state holds; none when it is not there or cannot be trusted.
    pub fn hard_state(&self) -> Option<Slot> {
        self.slots()?.choose().ok().map(|chosen| chosen.slot)
    }

    fn slots(&self) -> Option<Inspection> {
        hard_state::inspect_on(self.disk(), &layout::hard_state_file(&self.data_dir()?)).ok()
    }

    /// Whether the node may hold less than it has acknowledged, and gives no vote (R64).
    pub fn is_recovering(&self) -> bool {
        let note = self.data_dir().map(|data| layout::recovering_file(&data));
        note.is_some_and(|note| self.disk.exists(&note).unwrap_or(false))
    }

    /// The snapshots beside the log, the newest first.
    pub fn snapshots(&self) -> Vec<SnapshotName> {
        let Some(folder) = self.data_dir().map(|data| layout::snapshot_dir(&data)) else { return Vec::new() };
        let names = self.disk.list(&folder).unwrap_or_default();
        let named = |name: String| {
            let last = layout::parse_snapshot_name(&name)?;
            Some(SnapshotName { path: folder.join(name), last })
        };
        let mut found: Vec<SnapshotName> = names.into_iter().take(SNAPSHOTS_MAX).filter_map(named).collect();
        found.sort_by_key(|snapshot| std::cmp::Reverse(snapshot.last));
        found
    }

    /// The segments of the data directory by their names, the oldest first, whether or not anything in them counts. Costs
    /// one look at a directory, where `walk` reads headers.
    pub fn segment_names(&self) -> Vec<SegmentName> {
        let Some(folder) = self.data_dir().map(|data| layout::log_dir(&data)) else { return Vec::new() };
        let names = self.disk.list(&folder).unwrap_or_default();
        let named = |name: String| {
            let (sequence, first) = layout::parse_segment_name(&name)?;
            Some(SegmentName { path: folder.join(name), sequence, first })
        };
        let mut found: Vec<SegmentName> = names.into_iter().filter_map(named).collect();
        found.sort_by_key(|segment| segment.sequence);
        found
    }

    /// The commit index that the hard state remembers; zero when it cannot be read.
    pub fn commit_in_hard_state(&self) -> Index {
        self.slots()
            .iter()
            .flat_map(|found| &found.slots)
            .flatten()
            .map(|slot| slot.commit_hint)
            .max()
            .unwrap_or_default()
    }

    /// The last entry that the hard state or a snapshot beside the log says to be committed; zero when nothing does.
    pub fn commit_beside(&self) -> Index {
        let snapshots = self.snapshots().into_iter().map(|snapshot| snapshot.last.index);
        snapshots.max().unwrap_or_default().max(self.commit_in_hard_state())
    }

    /// The last entry that this disk knows to be committed, by what lies beside the log and by its newest segment.
    pub fn newest_commit(&self) -> Index {
        let newest = self.walk().ok().map(|walk| walk.starting_at(Index(u64::MAX)));
        let hints = newest.into_iter().flatten().filter_map(|item| match item {
            Item::Marker { marker, .. } => Some(marker.commit_hint),
            _ => None,
        });
        hints.max().unwrap_or_default().max(self.commit_beside())
    }

    /// Of `found`, what is damage and not the trace of a write under way.
    ///
    /// # Errors
    /// The log is not there any more.
    pub fn confirm(&self, mut found: Vec<Damage>) -> Result<Vec<Damage>, WalkError> {
        for _ in 0..LOOKS_AGAIN {
            if found.is_empty() || !self.is_running() {
                return Ok(found);
            }
            let again: Vec<Damage> = self.walk()?.filter_map(damage_of).collect();
            found.retain(|one| again.iter().any(|other| (&other.file, other.offset) == (&one.file, one.offset)));
        }
        Ok(found)
    }
}

/// Tells `progress` of every segment's bytes as they are passed.
pub fn watch<'a>(walk: Walk, progress: &'a Progress<'a>) -> impl Iterator<Item = Item> + use<'a> {
    walk.inspect(move |item| match item {
        Item::Record { header, .. } => progress(header.total_bytes() as u64),
        Item::Dead { length_bytes, .. } => progress(*length_bytes),
        _ => {}
    })
}

/// The same place; where that lies is part of the path.
impl PartialEq for Source {
    fn eq(&self, other: &Source) -> bool {
        (&self.node, &self.path) == (&other.node, &other.path)
    }
}

impl Iterator for Entries {
    type Item = Result<StoredEntry, Damage>;

    fn next(&mut self) -> Option<Result<StoredEntry, Damage>> {
        self.0.find_map(|item| match item {
            Item::Record { file, offset, header, payload } => Some(Ok(StoredEntry { file, offset, header, payload })),
            Item::Damage(damage) => Some(Err(damage)),
            _ => None,
        })
    }
}

impl StoredEntry {
    /// What the entry says.
    ///
    /// # Errors
    /// The payload is of a kind or a version that this program does not know.
    pub fn decode(&self) -> Result<Entry, EntryError> {
        decode_entry(self.header.kind, &self.payload)
    }

    /// The keys that a write may change, each once; none for other entries.
    pub fn keys(&self) -> Vec<Vec<u8>> {
        keys_of(self.header.kind, &self.payload)
    }

    /// The entry as `raftctl log show -o json` prints it; `shorten` cuts long keys and values in its one line of text.
    pub fn view(&self, node: Option<&str>, shorten: bool) -> EntryView {
        let file = self.file.display().to_string();
        EntryView::new(&self.header, &self.payload, Place { node, file: &file, offset: self.offset }, shorten)
    }
}

/// Reads one entry at the place where a walk met it; `near` is an index of the same segment.
///
/// # Errors
/// It is not there any more, or cannot be read.
pub fn read_entry(file: &dyn DiskFile, path: &Arc<Path>, offset: u64, near: Index) -> io::Result<StoredEntry> {
    let mut head = [0; RECORD_HEADER_BYTES];
    file.read_at(&mut head, offset)?;
    let length = RecordHeader::peek(&head, near).map_err(io::Error::other)?.total_bytes();
    let mut record = vec![0; length];
    file.read_at(&mut record, offset)?;
    let header = RecordHeader::read(&record, near).map_err(io::Error::other)?;
    let payload = Bytes::from(record).slice(RECORD_HEADER_BYTES..);
    Ok(StoredEntry { file: path.clone(), offset, header, payload })
}

fn damage_of(item: Item) -> Option<Damage> {
    match item {
        Item::Damage(damage) => Some(damage),
        _ => None,
    }
}
