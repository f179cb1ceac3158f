//! Work on snapshot files as a node is asked for it, one piece after another: take one, read a part of one for a peer,
//! store a part that arrived, install one that is complete.
//!
//! A desk keeps files open between pieces: a snapshot is proved once when the first part of it is read, not for every
//! part, and one that is being received goes on where it was. Everything here blocks; who runs it on which thread, and
//! what is told to the replica, is not known. Two desks of one directory may work side by side if only one of them takes,
//! stores and installs.

use bytes::Bytes;

use super::snapshot::{Incoming, SnapshotReader, SnapshotStore};
use super::snapshot_file::{Loaded, SnapshotError, SnapshotHead};
use crate::codec::Settings;
use crate::codec::snapshot::{Image, SnapshotFiles};
use crate::raft::{SnapshotId, SnapshotMeta};

/// Most snapshots that are kept open for sending: as many as are on the way at a time, and the one that follows.
const READERS_MAX: usize = 3;

/// See the module's text.
#[derive(Debug)]
pub struct SnapshotDesk {
    store: SnapshotStore,
    /// The one that was used last is the last.
    readers: Vec<SnapshotReader>,
    incoming: Option<Incoming>,
}

impl SnapshotDesk {
    pub fn new(store: SnapshotStore) -> SnapshotDesk {
        SnapshotDesk { store, readers: Vec::new(), incoming: None }
    }
}

impl SnapshotFiles for SnapshotDesk {
    type Error = SnapshotError;

    fn take(&mut self, meta: &SnapshotMeta, settings: &Settings, image: &Image) -> Result<SnapshotMeta, SnapshotError> {
        self.store.write(&SnapshotHead::new(meta, settings.clone()), image)
    }

    fn read(&mut self, snapshot: SnapshotId, offset: u64, length: u32) -> Result<Bytes, SnapshotError> {
        let length = length as usize;
        let mut parts = Vec::new();
        let mut have = 0;
        let reader = self.reader(snapshot)?;
        while have < length {
            let part = reader.read(offset + have as u64, length - have)?;
            if part.is_empty() {
                return Err(SnapshotError::Missing { last: snapshot.last });
            }
            have += part.len();
            parts.push(part);
        }
        Ok(match parts.len() {
            1 => parts.remove(0),
            _ => Bytes::from(parts.concat()),
        })
    }

    fn store(&mut self, meta: &SnapshotMeta, offset: u64, bytes: &[u8]) -> Result<u64, SnapshotError> {
        let mut incoming = self.take_incoming(meta)?;
        if incoming.received_bytes() == offset {
            incoming.store(offset, bytes)?;
        }
        let received_bytes = incoming.received_bytes();
        self.incoming = Some(incoming);
        Ok(received_bytes)
    }

    fn install(&mut self, meta: &SnapshotMeta) -> Result<(Image, Settings), SnapshotError> {
        let incoming = self.take_incoming(meta)?;
        let Loaded { image, settings, .. } = incoming.finish()?;
        Ok((image, settings))
    }
}

impl SnapshotDesk {
    /// What has arrived of this snapshot; what had of another one makes room.
    fn take_incoming(&mut self, meta: &SnapshotMeta) -> Result<Incoming, SnapshotError> {
        match self.incoming.take() {
            Some(incoming) if incoming.meta() == meta => Ok(incoming),
            _ => self.store.receive(meta),
        }
    }

    fn reader(&mut self, snapshot: SnapshotId) -> Result<&SnapshotReader, SnapshotError> {
        let known = self.readers.iter().position(|reader| reader.meta().id() == snapshot);
        let reader = match known {
            Some(at) => self.readers.remove(at),
            None => self.open(snapshot)?,
        };
        if self.readers.len() >= READERS_MAX {
            self.readers.remove(0);
        }
        self.readers.push(reader);
        Ok(self.readers.last().expect("it was just put there"))
    }

    fn open(&self, snapshot: SnapshotId) -> Result<SnapshotReader, SnapshotError> {
        let reader = self.store.open(snapshot.last)?;
        match reader.meta().id() == snapshot {
            true => Ok(reader),
            false => Err(SnapshotError::Missing { last: snapshot.last }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use bytes::BytesMut;

    use super::*;
    use crate::codec::snapshot::samples;
    use crate::codec::{Kind, append_record};
    use crate::raft::{ClusterId, Config, Index, LogId};
    use crate::storage::disk::{Disk, RealDisk};
    use crate::storage::failing_disk::FailingDisk;
    use crate::storage::layout::SyncMode;

    const PART_BYTES: u32 = 3_000;

    /// The state after `last` entries, with values that do not get smaller, and what a replica says of it.
    fn state(last: u64) -> (SnapshotMeta, Image) {
        let (mut image, mut link, mut dice) = (samples::empty(1 << 20), 0, last);
        for index in 1..=last {
            let mut record = BytesMut::new();
            let value = std::iter::repeat_with(|| {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (dice >> 56) as u8
            });
            let value = value.take(1_000).collect();
            link = append_record(&mut record, link, Kind::Command, LogId::new(index, 1), 1, |out| {
                samples::put(format!("k{}", index % 11).as_bytes(), value, out);
                if index.is_multiple_of(4) {
                    samples::in_session(u128::from(index), out);
                }
            });
            samples::apply(&mut image, &record);
        }
        let config = Arc::new(Config::default());
        let meta =
            SnapshotMeta { last: LogId::new(last, 1), config, config_index: Index(1), link, ..Default::default() };
        (meta, image)
    }

    fn desk(disk: Arc<dyn Disk>, data_dir: &Path) -> Result<SnapshotDesk, SnapshotError> {
        let store = SnapshotStore::new(disk, data_dir, ClusterId(5), SyncMode::Always);
        store.prepare().map_err(|source| SnapshotError::Io { path: data_dir.to_path_buf(), source })?;
        Ok(SnapshotDesk::new(store))
    }

    /// Everything that happens to a snapshot: taken at one node, sent in parts, and installed at another.
    fn transfer(
        from: &mut SnapshotDesk,
        to: &mut SnapshotDesk,
        state: &(SnapshotMeta, Image),
    ) -> Result<Image, SnapshotError> {
        let meta = from.take(&state.0, &Settings::default(), &state.1)?;
        let mut have = 0;
        while have < meta.size_bytes {
            let length = u64::from(PART_BYTES).min(meta.size_bytes - have) as u32;
            let part = from.read(meta.id(), have, length)?;
            let stored = to.store(&meta, have, &part)?;
            assert!(
                stored == have + u64::from(length) || have == 0,
                "parts follow each other; only the first may be had"
            );
            have = stored;
        }
        to.install(&meta).map(|(image, _)| image)
    }

    fn same(one: &Image, other: &Image) -> bool {
        one.map().facts() == other.map().facts() && one.sessions().sum() == other.sessions().sum()
    }

    #[test]
    fn what_is_taken_and_sent_in_parts_is_installed() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (mut from, mut to) =
            (desk(Arc::new(RealDisk), here.path()).unwrap(), desk(Arc::new(RealDisk), there.path()).unwrap());
        let state = state(40);
        assert!(same(&transfer(&mut from, &mut to, &state).unwrap(), &state.1));
        let meta = from.store.open(state.0.last).unwrap().meta().clone();
        assert!(meta.size_bytes > 3 * u64::from(PART_BYTES), "{} bytes make several parts", meta.size_bytes);
        let twice = to.store(&meta, 0, &from.read(meta.id(), 0, PART_BYTES).unwrap()).unwrap();
        assert_eq!(twice, meta.size_bytes, "what is installed is had, whatever part of it comes again");
    }

    #[test]
    fn a_part_that_is_not_the_next_one_is_not_stored_and_another_snapshot_makes_room() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut from = desk(Arc::new(RealDisk), here.path()).unwrap();
        let mut to = desk(Arc::new(RealDisk), there.path()).unwrap();
        let (older, newer) = (state(40), state(50));
        let old = from.take(&older.0, &Settings::default(), &older.1).unwrap();
        let new = from.take(&newer.0, &Settings::default(), &newer.1).unwrap();
        let part = from.read(old.id(), 0, PART_BYTES).unwrap();
        let length = u64::from(PART_BYTES);
        assert_eq!(to.store(&old, 0, &part).unwrap(), length);
        assert_eq!(to.store(&old, 0, &part).unwrap(), length, "one that came twice is stored once");
        assert_eq!(to.store(&old, 3 * length, &part).unwrap(), length, "one after a gap says where the gap begins");
        assert_eq!(to.store(&new, length, &part).unwrap(), 0, "parts of two snapshots are never mixed");
        assert!(matches!(from.read(SnapshotId { digest: 1, ..old.id() }, 0, 1), Err(SnapshotError::Missing { .. })));
        assert!(from.read(old.id(), old.size_bytes, 1).is_err(), "nothing is behind its end");
        assert!(to.install(&new).is_err(), "a part is not a snapshot");
    }

    #[test]
    fn readers_of_many_snapshots_are_let_go() {
        let here = tempfile::tempdir().unwrap();
        let mut from = desk(Arc::new(RealDisk), here.path()).unwrap();
        for last in 40..46 {
            let state = state(last);
            let meta = from.take(&state.0, &Settings::default(), &state.1).unwrap();
            assert_eq!(from.read(meta.id(), 0, PART_BYTES).unwrap().len(), PART_BYTES as usize);
            assert!(from.readers.len() <= READERS_MAX);
        }
    }

    #[test]
    fn a_disk_that_fails_at_any_change_costs_only_the_work_it_was_at() {
        let state = state(40);
        let fails_after = |changes: u64| {
            let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let (disk, _faults) = FailingDisk::after(changes);
            let (from, to) = (desk(disk.clone(), here.path()), desk(disk, there.path()));
            let outcome = match (from, to) {
                (Ok(mut from), Ok(mut to)) => transfer(&mut from, &mut to, &state),
                (Err(error), _) | (_, Err(error)) => Err(error),
            };
            match &outcome {
                Ok(image) => assert!(same(image, &state.1)),
                Err(error) => assert!(matches!(error, SnapshotError::Io { .. }), "after {changes} changes: {error}"),
            }
            // The node tries again, or starts again: on the same files, with a disk that works.
            let mut from = desk(Arc::new(RealDisk), here.path()).unwrap();
            let mut to = desk(Arc::new(RealDisk), there.path()).unwrap();
            let again = transfer(&mut from, &mut to, &state);
            assert!(same(&again.unwrap_or_else(|error| panic!("after {changes} changes: {error}")), &state.1));
            assert_eq!(to.store.list().unwrap(), [state.0.last], "and nothing but it is there");
            outcome.is_err()
        };
        let failures = (0..400).take_while(|changes| fails_after(*changes)).count();
        assert!((15..400).contains(&failures), "the work is done after {failures} changes");
    }
}
