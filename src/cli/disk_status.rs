//! What the disk of a stopped node says of it: a light look, for `status` of a cluster where nobody answers.
//!
//! Reads the two slots of the hard state, the first configuration of the log and the newest snapshot's, and the newest
//! segment, never the whole log. Judges nothing and fails at nothing: what cannot be read is not known. `raftctl inspect`
//! is for looking hard.

use std::path::Path;

use crate::client::view::{DiskMember, DiskView};
use crate::codec::Kind;
use crate::codec::entry::decode_config;
use crate::inspect::log::{SegmentName, SnapshotName, Source};
use crate::raft::Config;
use crate::storage::hard_state;
use crate::storage::layout::{self, NodeFile};
use crate::storage::reader::{self, Item};
use crate::storage::snapshot_file;

/// A newest segment above this is not read through.
const SEGMENT_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// Most things met on the way to the first configuration, which a new log begins with.
const ITEMS_BEFORE_CONFIG_MAX: usize = 16;

pub(super) fn read(node: &Path, file: &NodeFile) -> DiskView {
    let data = layout::data_dir(node);
    let slots = hard_state::inspect(&layout::hard_state_file(&data)).map(|found| found.slots);
    let term = slots.ok().and_then(|slots| slots.iter().flatten().map(|slot| slot.hard_state.term.0).max());
    let names = Source::at(&data);
    let snapshot = names.snapshots().into_iter().next();
    let config = newest_config(&data, snapshot.as_ref());
    DiskView {
        cluster: file.cluster.clone(),
        cluster_id: file.cluster_id.to_string(),
        term,
        snapshot: snapshot.map(|SnapshotName { last, .. }| {
            let written = layout::snapshot_time(&data, last).and_then(|time| jiff::Timestamp::try_from(time).ok());
            (last.index.0, written.map(|time| time.to_string()))
        }),
        durable: names.segment_names().last().and_then(last_index),
        config_index: config.as_ref().map(|(index, _)| *index),
        members: config.map_or_else(Vec::new, |(_, config)| members(&config)),
    }
}

/// The newest configuration that is easily found: of the newest snapshot, or the one that the log begins with.
fn newest_config(data: &Path, snapshot: Option<&SnapshotName>) -> Option<(u64, Config)> {
    let of_log = first_config(data);
    let of_snapshot = snapshot.and_then(|snapshot| snapshot_file::read_head(&snapshot.path).ok());
    let of_snapshot = of_snapshot.map(|(_, head)| (head.config_index.0, Config::clone(&head.config)));
    of_log.into_iter().chain(of_snapshot).max_by_key(|(index, _)| *index)
}

fn first_config(data: &Path) -> Option<(u64, Config)> {
    let items = reader::walk(data).ok()?.take(ITEMS_BEFORE_CONFIG_MAX);
    items.into_iter().find_map(|item| match item {
        Item::Record { header, payload, .. } if header.kind == Kind::Config => {
            Some((header.id.index.0, decode_config(&payload).ok()?.0))
        }
        _ => None,
    })
}

fn members(config: &Config) -> Vec<DiskMember> {
    let role = |id| if config.is_voter(id) { "voter" } else { "learner" };
    config.members.iter().map(|member| DiskMember { id: member.id, role: role(member.id) }).collect()
}

/// The last whole entry of a segment, or the one before its first when it holds none; none when it is damaged.
fn last_index(segment: &SegmentName) -> Option<u64> {
    if std::fs::metadata(&segment.path).ok()?.len() > SEGMENT_BYTES_MAX {
        return None;
    }
    let mut last = segment.first.0.checked_sub(1)?;
    for item in reader::walk(&segment.path).ok()? {
        match item {
            Item::Record { header, .. } => last = header.id.index.0,
            Item::Damage(_) => return None,
            Item::Segment(_) | Item::Marker { .. } | Item::TornTail { .. } | Item::Dead { .. } => {}
        }
    }
    Some(last)
}
