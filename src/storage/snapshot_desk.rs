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
use crate::codec::snapshot::Image;
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

    /// Writes a snapshot of `image`; when this returns it is durable, and `meta` is whole.
    ///
    /// # Errors
    /// No snapshot was made, and nothing else has changed.
    pub fn take(
        &mut self,
        meta: &SnapshotMeta,
        settings: &Settings,
        image: &Image,
    ) -> Result<SnapshotMeta, SnapshotError> {
        self.store.write(&SnapshotHead::new(meta, settings.clone()), image)
    }

    /// Exactly `length` bytes of a snapshot from `offset` on.
    ///
    /// # Errors
    /// It is gone, damaged, another one than is asked for, or shorter.
    pub fn read(&mut self, snapshot: SnapshotId, offset: u64, length: u32) -> Result<Bytes, SnapshotError> {
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

    /// Adds what has arrived of a snapshot at `offset`. Says how much of it is there now from its beginning on, which is
    /// where the next part belongs; after a restart that may be more or less than what was stored last.
    ///
    /// # Errors
    /// The disk's.
    pub fn store(&mut self, meta: &SnapshotMeta, offset: u64, bytes: &[u8]) -> Result<u64, SnapshotError> {
        let mut incoming = match self.incoming.take() {
            Some(incoming) if incoming.meta() == meta => incoming,
            _ => self.store.receive(meta)?,
        };
        if incoming.received_bytes() == offset {
            incoming.store(offset, bytes)?;
        }
        let received_bytes = incoming.received_bytes();
        self.incoming = Some(incoming);
        Ok(received_bytes)
    }

    /// Proves what was received, makes it durable and reads it.
    ///
    /// # Errors
    /// It is not what was announced, and is dropped; or the disk's.
    pub fn install(&mut self, meta: &SnapshotMeta) -> Result<Loaded, SnapshotError> {
        let incoming = match self.incoming.take() {
            Some(incoming) if incoming.meta() == meta => incoming,
            _ => self.store.receive(meta)?,
        };
        incoming.finish()
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
