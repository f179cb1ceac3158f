//! Makes the data directory of a node that begins with another cluster's snapshot: a backup restored.
//!
//! What it leaves is what a node has that installed a snapshot and was closed: the snapshot, under the new cluster's id
//! and with the new configuration, and an empty log behind it. So everything that reads directories reads these.
//!
//! Promises: the same state, revisions and sessions; indexes and terms go on from where they were. All founding members
//! get the same snapshot. A crash leaves nothing or all.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::disk::{Disk, RealDisk};
use super::layout::{self, FoundError, Founding, SyncMode};
use super::snapshot::SnapshotStore;
pub use super::snapshot_file::Loaded;
use super::snapshot_file::{SnapshotError, SnapshotHead};
use super::wal;

/// Makes `DIR/data` of the node that `founding` describes, with the state of `from`. Its configuration and settings are
/// those of `founding`, in force as of the snapshot's last entry.
///
/// # Errors
/// As `layout::found`.
pub fn found_from_snapshot(dir: &Path, founding: &Founding, from: &Loaded) -> Result<(), FoundError> {
    found_from_snapshot_on(&(Arc::new(RealDisk) as Arc<dyn Disk>), dir, founding, from)
}

/// `found_from_snapshot` on any disk.
pub fn found_from_snapshot_on(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    founding: &Founding,
    from: &Loaded,
) -> Result<(), FoundError> {
    let last = from.meta.last;
    let head = SnapshotHead {
        last,
        config: Arc::new(founding.config.clone()),
        settings: founding.settings.clone(),
        config_index: last.index,
        link: from.meta.link,
        log_bytes: from.meta.log_bytes,
    };
    layout::found_filled(disk.as_ref(), dir, |data| {
        let snapshots = SnapshotStore::new(disk.clone(), data, founding.cluster_id, SyncMode::Always);
        snapshots.prepare()?;
        snapshots.write(&head, &from.image).map_err(into_io)?;
        wal::write_continuing(disk.as_ref(), data, founding, last, from.meta.link)
    })
}

fn into_io(error: SnapshotError) -> io::Error {
    match error {
        SnapshotError::Io { source, .. } => source,
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::super::failing_disk::FailingDisk;
    use super::super::journal::{Journal, JournalOptions};
    use super::super::recovery::OpenError;
    use super::*;
    use crate::codec::snapshot::samples;
    use crate::codec::{Kind, Settings, append_record};
    use crate::raft::{
        ClusterId, Config, HardState, Index, LogId, Member, NodeId, Rules, SnapshotMeta, StorageId, Term,
    };

    const OPTIONS: JournalOptions = JournalOptions {
        segment_size_bytes: layout::SEGMENT_SIZE_BYTES_MIN,
        sync: SyncMode::Always,
        rules: Rules::sound(),
    };

    fn founding() -> Founding {
        let (id, storage) = (NodeId(1), StorageId(77));
        let member = Member { id, name: "n1".to_owned(), address: "127.0.0.1:1".to_owned(), storage };
        let (config, settings) = (Config::of(vec![member], Vec::new()), Settings::default());
        Founding { cluster_id: ClusterId(9), node: id, storage, config, settings, wall_ms: 1 }
    }

    /// A backup of another cluster, whose log ends with 7@3.
    fn backup() -> Loaded {
        let mut image = samples::empty(Settings::default().max_value_size);
        let (mut record, mut link) = (BytesMut::new(), 0);
        for index in 1..=7 {
            record.clear();
            link = append_record(&mut record, link, Kind::Command, LogId::new(index, 3), 1, |out| {
                samples::put(&[b'a' + index as u8], vec![index as u8; 100], out);
            });
            samples::apply(&mut image, &record);
        }
        let (last, config) = (LogId::new(7, 3), Arc::new(Config::of(Vec::new(), Vec::new())));
        let (config_index, log_bytes) = (Index(1), 7 * record.len() as u64);
        let meta = SnapshotMeta { last, config, config_index, size_bytes: 1, digest: 2, link, log_bytes };
        Loaded { meta, settings: Settings::default(), image }
    }

    #[test]
    fn what_was_restored_opens_as_closed_and_goes_on_from_there() {
        let place = tempfile::tempdir().unwrap();
        let (founding, backup) = (founding(), backup());
        found_from_snapshot(place.path(), &founding, &backup).unwrap();
        let (_journal, found) = Journal::open_on(Arc::new(RealDisk), &layout::data_dir(place.path()), OPTIONS).unwrap();
        assert_eq!(found.notes, [], "as after a clean close");
        assert_eq!((found.before_first, found.shape.len(), found.commit_hint), (LogId::new(7, 3), 0, Index(7)));
        assert_eq!((found.hard_state, found.last_check), (HardState { term: Term(3), vote: None }, backup.meta.link));
        assert_eq!((found.meta.cluster_id, found.meta.storage), (founding.cluster_id, founding.storage));
        let snapshot = found.snapshot.expect("the log begins behind one");
        assert_eq!((&*snapshot.meta.config, snapshot.meta.config_index), (&founding.config, Index(7)));
        assert_eq!(snapshot.image.map().digest(), backup.image.map().digest());
        let again = found_from_snapshot(place.path(), &founding, &backup);
        assert!(matches!(again, Err(FoundError::Exists { .. })), "{again:?}");
    }

    #[test]
    fn a_crash_leaves_nothing_or_all() {
        let (founding, backup) = (founding(), backup());
        let mut stopped = 0;
        for changes in 0.. {
            let place = tempfile::tempdir().unwrap();
            let data = layout::data_dir(place.path());
            let disk = FailingDisk::after(changes).0 as Arc<dyn Disk>;
            let made = found_from_snapshot_on(&disk, place.path(), &founding, &backup);
            let opened = Journal::open_on(Arc::new(RealDisk), &data, OPTIONS);
            match (&made, opened.map(|(_, found)| found.commit_hint)) {
                (Ok(()), Ok(Index(7))) => break,
                // Only the last sync can fail behind the name.
                (Err(_), Ok(Index(7))) => {}
                (Err(FoundError::Io { .. }), Err(OpenError::NotFounded { .. })) => {
                    found_from_snapshot(place.path(), &founding, &backup).unwrap();
                }
                other => panic!("after {changes} changes: {other:?}"),
            }
            stopped += 1;
        }
        assert!(stopped >= 10, "it was stopped at {stopped} changes only");
    }
}
