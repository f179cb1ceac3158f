//! A whole log in numbers.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::entry::time_text;
use crate::storage::reader::{Item, WalkError, walk};

/// What `log stat` prints, and what `inspect` says of a data directory.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LogSummary {
    pub first: Option<u64>,
    pub last: Option<u64>,
    pub last_term: Option<u64>,
    pub entries: u64,
    pub record_bytes: u64,
    pub segments: u64,
    pub file_bytes: u64,
    pub sync_markers: u64,
    /// Entries of each kind.
    pub kinds: BTreeMap<String, u64>,
    /// Entries of each term.
    pub terms: BTreeMap<u64, u64>,
    /// Time of the first and the last entry.
    pub from: Option<String>,
    pub to: Option<String>,
    /// Newest commit index that is written down.
    pub commit_hint: u64,
    /// Bytes of writes that never completed.
    pub torn_bytes: u64,
    /// Bytes of entries that a later segment replaces.
    pub dead_bytes: u64,
    /// Each damaged spot, as a sentence with file and offset.
    pub damage: Vec<String>,
}

/// Reads the whole log at `path`.
///
/// # Errors
/// There is no log there.
pub fn summarize(path: &Path) -> Result<LogSummary, WalkError> {
    let mut summary = LogSummary::default();
    for item in walk(path)? {
        summary.take(&item);
    }
    Ok(summary)
}

impl LogSummary {
    fn take(&mut self, item: &Item) {
        match item {
            Item::Segment(segment) => {
                self.segments += 1;
                self.file_bytes += segment.length_bytes;
            }
            Item::Record { header, .. } => {
                let time = time_text(header.wall_ms);
                self.first.get_or_insert(header.id.index.0);
                self.from.get_or_insert_with(|| time.clone());
                self.to = Some(time);
                self.last = Some(header.id.index.0);
                self.last_term = Some(header.id.term.0);
                self.entries += 1;
                self.record_bytes += header.total_bytes() as u64;
                *self.kinds.entry(header.kind.word().to_owned()).or_default() += 1;
                *self.terms.entry(header.id.term.0).or_default() += 1;
            }
            Item::Marker { marker, .. } => {
                self.sync_markers += 1;
                self.commit_hint = self.commit_hint.max(marker.commit_hint.0);
            }
            Item::TornTail { length_bytes, .. } => self.torn_bytes += length_bytes,
            Item::Dead { length_bytes, .. } => self.dead_bytes += length_bytes,
            Item::Damage(damage) => self.damage.push(damage.to_string()),
        }
    }
}
