//! How much of what a log holds.

use serde::Serialize;

use super::log::Source;
use crate::codec::Kind;
use crate::storage::reader::{Damage, Item, WalkError};

/// One log in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LogStat {
    pub node: Option<String>,
    pub path: String,
    pub entries: u64,
    /// Null when the log is empty.
    pub first: Option<u64>,
    pub last: Option<u64>,
    pub last_term: Option<u64>,
    /// Terms that wrote at least one entry.
    pub terms: u64,
    /// Known to be committed, on this disk alone.
    pub commit: u64,
    pub noops: u64,
    pub commands: u64,
    pub configs: u64,
    pub ticks: u64,
    pub unknown: u64,
    /// Headers and payloads of live records.
    pub record_bytes: u64,
    pub payload_bytes: u64,
    pub largest_payload_bytes: u64,
    pub segments: u64,
    /// Length of all segment files.
    pub file_bytes: u64,
    /// Batches that were synced.
    pub sync_markers: u64,
    /// Entries that were replaced after a conflict, still on disk.
    pub dead_bytes: u64,
    /// A write that never completed.
    pub torn_bytes: u64,
    pub damaged: u64,
}

/// Counts the whole log, and hands out the damage that stays on a second look.
pub fn stat(source: &Source) -> Result<(LogStat, Vec<Damage>), WalkError> {
    let mut stat = LogStat {
        node: source.node.clone(),
        path: source.path.display().to_string(),
        commit: source.commit_in_hard_state(),
        ..LogStat::default()
    };
    let mut damage = Vec::new();
    for item in source.walk()? {
        match item {
            Item::Damage(one) => damage.push(one),
            item => stat.count(&item),
        }
    }
    let damage = source.confirm(damage)?;
    stat.damaged = damage.len() as u64;
    Ok((stat, damage))
}

impl LogStat {
    fn count(&mut self, item: &Item) {
        match item {
            Item::Segment(segment) => {
                self.segments += 1;
                self.file_bytes += segment.length_bytes;
            }
            Item::Record { header, .. } => {
                self.entries += 1;
                self.first = self.first.or(Some(header.id.index.0));
                self.last = Some(header.id.index.0);
                self.terms += u64::from(self.last_term != Some(header.id.term.0));
                self.last_term = Some(header.id.term.0);
                let of_kind = match header.kind {
                    Kind::Noop => &mut self.noops,
                    Kind::Command => &mut self.commands,
                    Kind::Config => &mut self.configs,
                    Kind::Tick => &mut self.ticks,
                    Kind::Unknown(_) => &mut self.unknown,
                };
                *of_kind += 1;
                let payload = u64::from(header.length_bytes);
                self.payload_bytes += payload;
                self.record_bytes += header.total_bytes() as u64;
                self.largest_payload_bytes = self.largest_payload_bytes.max(payload);
            }
            Item::Marker { marker, .. } => {
                self.sync_markers += 1;
                self.commit = self.commit.max(marker.commit_hint.0);
            }
            Item::TornTail { length_bytes, .. } => self.torn_bytes += length_bytes,
            Item::Dead { length_bytes, .. } => self.dead_bytes += length_bytes,
            Item::Damage(_) => {}
        }
    }
}
