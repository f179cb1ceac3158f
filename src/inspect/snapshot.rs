//! What a snapshot file holds, and whether every byte of it is what was written.

use std::path::Path;

use serde_json::{Value, json};

use super::entry::ConfigView;
use super::identify::Finding;
use crate::storage::disk::{Disk, TEMPORARY_ENDING};
use crate::storage::layout::{self, parse_partial_name, parse_snapshot_name};
use crate::storage::snapshot_file::{self, SNAPSHOT_MAGIC, SnapshotError};

/// Whether this is a snapshot, whole or in part, by its first bytes or its name.
pub(super) fn is_snapshot(name: &str, start: &[u8]) -> bool {
    start.starts_with(&SNAPSHOT_MAGIC) || parse_snapshot_name(name).is_some() || parse_partial_name(name).is_some()
}

/// Proves the whole file. One that is still being written or received is not judged.
pub(super) fn snapshot(disk: &dyn Disk, path: &Path, name: &str) -> Finding {
    if name.ends_with(TEMPORARY_ENDING) {
        return Finding::new(path, "snapshot-part", "a snapshot that is being written; nothing relies on it");
    }
    if let Some(last) = parse_partial_name(name) {
        let length = disk.open(path).and_then(|file| file.length_bytes()).map_or(Value::Null, Value::from);
        return Finding::new(path, "snapshot-part", "a snapshot that is being received; nothing relies on it")
            .fact("last", last.index.0)
            .fact("last_term", last.term.0)
            .fact("received_bytes", length);
    }
    let finding = Finding::new(path, "snapshot", "everything the log made up to one entry");
    let (cluster, loaded) = match snapshot_file::inspect_on(disk, path) {
        Ok(found) => found,
        Err(error) => return unusable(disk, finding, path, &error),
    };
    let meta = &loaded.meta;
    let finding = finding
        .fact("cluster_id", cluster.to_string())
        .fact("last", meta.last.index.0)
        .fact("last_term", meta.last.term.0)
        .fact("last_check", format!("{:08x}", meta.link))
        .fact("config_index", meta.config_index.0)
        .fact("members", json!(ConfigView::new(&meta.config).members))
        .fact("keys", loaded.image.map().len())
        .fact("sessions", loaded.image.sessions().len())
        .fact("log_bytes", meta.log_bytes)
        .fact("file_bytes", meta.size_bytes)
        .fact("digest", format!("{:016x}", meta.digest))
        .fact("digest_check", "whole");
    match parse_snapshot_name(name) {
        Some(named) if named != meta.last => {
            let is = layout::snapshot_name(meta.last);
            finding.damaged(format!("{} at byte 0: snapshot: by its header this is {is}", path.display()))
        }
        _ => finding,
    }
}

/// What can still be said of a file that cannot be used.
fn unusable(disk: &dyn Disk, finding: Finding, path: &Path, error: &SnapshotError) -> Finding {
    let finding = finding.damaged(error.to_string());
    match snapshot_file::read_head_on(disk, path) {
        Ok((cluster, head)) => finding
            .fact("cluster_id", cluster.to_string())
            .fact("last", head.last.index.0)
            .fact("last_term", head.last.term.0)
            .fact("config_index", head.config_index.0)
            .fact("log_bytes", head.log_bytes),
        Err(_) => finding,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use super::super::identify::identify;
    use super::*;
    use crate::codec::Settings;
    use crate::raft::{ClusterId, Config, Index, LogId, Member, NodeId, Rules, StorageId};
    use crate::state_machine::{SessionLimits, StateMachine};
    use crate::storage::layout::{Founding, SyncMode};
    use crate::storage::{Journal, JournalOptions, SnapshotHead};

    /// A founded node's data directory with one snapshot, of entry 2.
    fn node_with_snapshot() -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let (id, storage, settings) = (NodeId(1), StorageId(7), Settings::default());
        let member = Member { id, name: "n1".to_owned(), address: "127.0.0.1:1".to_owned(), storage };
        let config = Config::of(vec![member], Vec::new());
        let founding = Founding {
            cluster_id: ClusterId(5),
            node: id,
            storage,
            config: config.clone(),
            settings: settings.clone(),
            wall_ms: 1,
        };
        layout::found(folder.path(), &founding).unwrap();
        let options = JournalOptions { segment_size_bytes: 64 * 1024, sync: SyncMode::Always, rules: Rules::sound() };
        let (journal, _) = Journal::open(&layout::data_dir(folder.path()), options).unwrap();
        let mut machine = StateMachine::new(100, SessionLimits::default());
        machine.skip(1, 0);
        machine.put(2, 1, b"k", b"v");
        let (last, config) = (LogId::new(2, 1), Arc::new(config));
        let head = SnapshotHead { last, config, settings, config_index: Index(1), link: 9, log_bytes: 300 };
        journal.snapshots().write(&head, &machine).unwrap();
        journal.close().unwrap();
        let path = layout::snapshot_dir(&layout::data_dir(folder.path())).join(layout::snapshot_name(last));
        (folder, path)
    }

    fn fact<'a>(finding: &'a Finding, name: &str) -> &'a Value {
        let found = finding.facts.iter().find(|(known, _)| *known == name);
        &found.unwrap_or_else(|| panic!("{name} is a fact of {finding:?}")).1
    }

    #[test]
    fn a_snapshot_is_told_by_its_content_wherever_it_lies() {
        let (folder, path) = node_with_snapshot();
        let copy = folder.path().join("copy");
        fs::copy(&path, &copy).unwrap();
        for path in [&path, &copy] {
            let found = identify(path).unwrap();
            assert_eq!((found.kind, found.is_damaged()), ("snapshot", false), "{found:?}");
            assert_eq!((fact(&found, "last"), fact(&found, "keys")), (&json!(2), &json!(1)));
            assert_eq!(fact(&found, "members")[0]["name"], "n1");
            assert_eq!(*fact(&found, "file_bytes"), json!(fs::metadata(path).unwrap().len()));
        }
        let inside = identify(path.parent().unwrap()).unwrap();
        assert_eq!((inside.kind, inside.inside.len()), ("snapshot-directory", 1));
        let data = identify(&layout::data_dir(folder.path())).unwrap();
        assert!(data.inside.iter().any(|one| one.kind == "snapshot"), "{data:?}");
    }

    #[test]
    fn damage_is_named_with_its_place_and_a_wrong_name_is_damage() {
        let (_folder, path) = node_with_snapshot();
        let mut bytes = fs::read(&path).unwrap();
        let end = bytes.len() - 10;
        bytes[end] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let found = identify(&path).unwrap();
        assert_eq!((found.kind, fact(&found, "last")), ("snapshot", &json!(2)));
        assert!(found.damage[0].contains("at byte"), "{:?}", found.damage);
        bytes[end] ^= 1;
        let renamed = path.with_file_name(layout::snapshot_name(LogId::new(3, 1)));
        fs::write(&renamed, &bytes).unwrap();
        let found = identify(&renamed).unwrap();
        assert!(found.damage[0].contains(&layout::snapshot_name(LogId::new(2, 1))), "{:?}", found.damage);
    }

    #[test]
    fn what_is_being_written_or_received_is_not_judged() {
        let (_folder, path) = node_with_snapshot();
        let bytes = fs::read(&path).unwrap();
        let part = format!("{:020}-{:020}-{:016x}-{}.part", 2, 1, 77, 900);
        for name in [part, "x.snap.tmp".to_owned()] {
            let unfinished = path.with_file_name(name);
            fs::write(&unfinished, &bytes[..bytes.len() / 2]).unwrap();
            let found = identify(&unfinished).unwrap();
            assert_eq!((found.kind, found.is_damaged()), ("snapshot-part", false), "{found:?}");
        }
    }
}
