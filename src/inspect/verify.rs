//! Proves every byte of a log and of what lies beside it: checksums, the chain from entry to entry, the hard state, and
//! the snapshots with the entries they end with.
//!
//! A torn tail is a note, not damage, as is what this program does not understand. Nothing is decoded that need not
//! be, and nothing is unpacked: it reads as fast as the disk gives.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::log::{Progress, Source, watch};
use crate::codec::entry::{decode_config, decode_stamp, decode_write};
use crate::codec::{Kind, RecordHeader};
use crate::raft::{Index, LogId};
use crate::storage::disk::Disk;
use crate::storage::reader::{Damage, DamageKind, Item, WalkError};
use crate::storage::snapshot_file::{self, SnapshotError};

/// What is to be known of a log without values.
const REDACTED: &str =
    "its values were redacted and its records written anew, so this proves the bundle, not the node's disk";

/// What was proved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verification {
    pub node: Option<String>,
    pub path: String,
    /// No damage was found.
    pub whole: bool,
    pub segments: u64,
    pub entries: u64,
    pub first: Option<u64>,
    pub last: Option<u64>,
    pub last_term: Option<u64>,
    /// Known to be committed, on this disk alone.
    pub commit: u64,
    /// Of records that were proved.
    pub checked_bytes: u64,
    /// Behind the last whole record: a write that never completed.
    pub torn_bytes: u64,
    /// Replaced by later entries, and not judged.
    pub dead_bytes: u64,
    /// Entries that are whole but say something this version does not know.
    pub not_understood: u64,
    pub snapshots: Vec<SnapshotVerification>,
    pub damage: Vec<DamageView>,
    /// Sentences about what is unusual and yet no damage.
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SnapshotVerification {
    pub file: String,
    pub last: u64,
    pub last_term: u64,
    pub file_bytes: Option<u64>,
    pub whole: bool,
}

/// Damage, in fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DamageView {
    pub file: String,
    pub offset: u64,
    /// `header record marker chain missing hard state snapshot version unreadable`.
    pub kind: &'static str,
    pub explanation: String,
}

/// Reads everything.
///
/// # Errors
/// There is no log, or its directory cannot be read. Damage is part of the answer.
pub fn verify(source: &Source, progress: &Progress<'_>) -> Result<(Verification, Vec<Damage>), WalkError> {
    let snapshots = source.snapshots();
    let mut checks: BTreeMap<Index, Option<u32>> =
        snapshots.iter().map(|snapshot| (snapshot.last.index, None)).collect();
    let mut found = Verification {
        node: source.node.clone(),
        path: source.path.display().to_string(),
        commit: source.commit_in_hard_state().0,
        ..Verification::default()
    };
    let mut damage = Vec::new();
    for item in watch(source.walk()?, progress) {
        match item {
            Item::Segment(_) => found.segments += 1,
            Item::Record { header, payload, .. } => {
                found.record(&header, &payload);
                if let Some(check) = checks.get_mut(&header.id.index) {
                    *check = Some(header.check);
                }
            }
            Item::Marker { marker, .. } => found.commit = found.commit.max(marker.commit_hint.0),
            Item::TornTail { file, offset, length_bytes } => {
                found.torn_bytes += length_bytes;
                let file = file.display();
                found
                    .notes
                    .push(format!("{file} at byte {offset}: {length_bytes} bytes of the last write, which never completed, or may have been synced and is damaged"));
            }
            Item::Dead { length_bytes, .. } => found.dead_bytes += length_bytes,
            Item::Damage(one) => damage.push(one),
        }
    }
    let mut damage = source.confirm(damage)?;
    for snapshot in &snapshots {
        let in_log = checks.get(&snapshot.last.index).copied().flatten();
        damage.extend(found.snapshot(source.disk(), &snapshot.path, snapshot.last, in_log));
    }
    found.commit = found.commit.max(source.commit_beside().0);
    if source.is_redacted() {
        found.notes.push(format!("{}: {REDACTED}", source.name()));
    }
    if source.is_recovering() {
        found.notes.push("the log was damaged and is being repaired by the other nodes".to_owned());
    }
    found.whole = damage.is_empty();
    found.damage = damage.iter().map(DamageView::new).collect();
    Ok((found, damage))
}

impl Verification {
    fn record(&mut self, header: &RecordHeader, payload: &[u8]) {
        self.entries += 1;
        self.first = self.first.or(Some(header.id.index.0));
        self.last = Some(header.id.index.0);
        self.last_term = Some(header.id.term.0);
        self.checked_bytes += header.total_bytes() as u64;
        let is_understood = match header.kind {
            Kind::Noop => true,
            Kind::Command => decode_write(payload).is_ok(),
            Kind::Config => decode_config(payload).is_ok(),
            Kind::Tick => decode_stamp(payload).is_ok(),
            Kind::Unknown(_) => false,
        };
        self.not_understood += u64::from(!is_understood);
    }

    /// Proves a snapshot, and that it ends with the entry that the log holds there.
    fn snapshot(&mut self, disk: &dyn Disk, path: &Path, last: LogId, in_log: Option<u32>) -> Option<Damage> {
        let mut view = SnapshotVerification {
            file: path.display().to_string(),
            last: last.index.0,
            last_term: last.term.0,
            file_bytes: None,
            whole: false,
        };
        let damage = match snapshot_file::verify_on(disk, path) {
            Ok((_, meta)) => {
                view.file_bytes = Some(meta.size_bytes);
                self.checked_bytes += meta.size_bytes;
                self.contradiction(path, meta.last, last, in_log.map(|check| (check, meta.link)))
            }
            Err(SnapshotError::Damaged(damage) | SnapshotError::Version(damage)) => Some(damage),
            Err(SnapshotError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => return None,
            Err(error) => Some(of_snapshot(path, error.to_string())),
        };
        view.whole = damage.is_none();
        self.snapshots.push(view);
        damage
    }

    fn contradiction(
        &mut self,
        path: &Path,
        by_header: LogId,
        by_name: LogId,
        checks: Option<(u32, u32)>,
    ) -> Option<Damage> {
        if by_header != by_name {
            return Some(of_snapshot(path, format!("by its header this is the snapshot of {by_header}")));
        }
        let (in_log, in_snapshot) = checks.filter(|(one, other)| one != other)?;
        let says = format!(
            "it ends with entry {by_name} of checksum {in_snapshot:08x}, but the log holds one of checksum {in_log:08x} there"
        );
        if by_name.index.0 <= self.commit && self.last >= Some(by_name.index.0) {
            return Some(of_snapshot(path, says));
        }
        self.notes.push(format!("{}: {says}; it is installed at the next start", path.display()));
        None
    }
}

impl DamageView {
    pub fn new(damage: &Damage) -> DamageView {
        DamageView {
            file: damage.file.display().to_string(),
            offset: damage.offset,
            kind: damage.kind.word(),
            explanation: damage.explanation.clone(),
        }
    }
}

fn of_snapshot(path: &Path, explanation: String) -> Damage {
    Damage { file: Arc::from(path), offset: 0, kind: DamageKind::Snapshot, explanation }
}
