//! Room on the disk: a full one must not stop a node, and must not surprise it in the middle of a write.
//!
//! Only growing a file can fail for want of room: the log is zeroed ahead of what is written, so what is acknowledged
//! goes into space that is there already. Two things keep that from failing. A node takes no new entries while less than
//! `Floors::low_bytes` are free, well before the end. And a part of the disk is held back in a file, `reserve`, for the
//! case that somebody else took the rest in the meantime: when growing fails, the file is given up and growing is tried
//! once more. After that a failure is what any failure of the disk is (R60).
//!
//! Whoever writes entries and whoever decides whether to take them look at the same `DiskRoom`. What to do about little
//! room is not decided here.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::disk::{Disk, DiskFile};
use super::layout;
use super::wal::write_zeros;

/// Size of the file that is held back.
pub const RESERVE_BYTES: u64 = 8 << 20;

/// How much more than `low_bytes` must be free before new entries are taken again, so that a node does not turn back and
/// forth.
const AGAIN_BYTES: u64 = 16 << 20;

/// What a node keeps free beside what its own writes on their way may need.
const LOW_BYTES_MIN: u64 = 32 << 20;

/// How many logs that grow with the same writes may lie on one disk: a local cluster's.
const LOGS_ON_A_DISK: u64 = 4;

/// How much must be free for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Floors {
    /// With less, no new entries are taken.
    pub low_bytes: u64,
    /// With less, no snapshot is written or received. Lower, because a snapshot makes room: the log before it can go.
    pub snapshot_bytes: u64,
}

impl Floors {
    /// For a cluster whose entries on their way take at most `pending_bytes_max`.
    pub fn of(pending_bytes_max: u64) -> Floors {
        let low_bytes = LOW_BYTES_MIN + LOGS_ON_A_DISK * pending_bytes_max;
        Floors { low_bytes, snapshot_bytes: low_bytes / 2 }
    }
}

/// Whether there is room for new entries, as of when it was last looked at.
#[derive(Debug)]
pub struct DiskRoom {
    disk: Arc<dyn Disk>,
    data_dir: PathBuf,
    floors: Floors,
    is_low: AtomicBool,
    is_reserve_there: AtomicBool,
}

impl DiskRoom {
    /// Looks at the disk of a data directory, and holds the reserve back if there is room for it.
    ///
    /// # Errors
    /// The disk cannot be asked, or refuses what is not for want of room.
    pub fn hold(disk: Arc<dyn Disk>, data_dir: &Path, floors: Floors) -> io::Result<DiskRoom> {
        let path = layout::reserve_file(data_dir);
        // After a power loss it may be shorter than it was.
        let is_there = disk.exists(&path)? && disk.open(&path)?.length_bytes()? >= RESERVE_BYTES;
        let room = DiskRoom {
            disk,
            data_dir: data_dir.to_path_buf(),
            floors,
            is_low: AtomicBool::new(false),
            is_reserve_there: AtomicBool::new(is_there),
        };
        room.look()?;
        Ok(room)
    }

    /// Whether new entries are to be refused.
    pub fn is_low(&self) -> bool {
        self.is_low.load(Ordering::Relaxed)
    }

    /// Looks at how much is free. Where there is plenty again, the reserve is held back again.
    ///
    /// # Errors
    /// The disk cannot be asked, or refuses what is not for want of room.
    pub fn look(&self) -> io::Result<()> {
        let free = self.disk.free_bytes(&self.data_dir)?;
        let floor = if self.is_low() { self.floors.low_bytes + AGAIN_BYTES } else { self.floors.low_bytes };
        let is_low = free < floor;
        self.is_low.store(is_low, Ordering::Relaxed);
        if !is_low && !self.is_reserve_there.load(Ordering::Relaxed) {
            self.make_reserve()?;
        }
        Ok(())
    }

    /// Does what needs more room, and when there is none, gives the reserve up for it and does it again.
    pub(super) fn growing<T>(&self, grow: impl Fn() -> io::Result<T>) -> io::Result<T> {
        let outcome = match grow() {
            Err(error) if error.kind() == io::ErrorKind::StorageFull && self.spend_reserve()? => grow(),
            other => other,
        };
        self.look()?;
        outcome
    }

    /// Whether there is room to spare: for `bytes` beyond what would stop the node from taking entries.
    pub(super) fn has_to_spare(&self, bytes: u64) -> io::Result<bool> {
        let free = self.disk.free_bytes(&self.data_dir)?;
        Ok(free >= self.floors.low_bytes.saturating_add(AGAIN_BYTES).saturating_add(bytes))
    }

    /// Whether a snapshot may be written, or more of one received.
    ///
    /// # Errors
    /// `StorageFull` when it may not.
    pub(super) fn check_snapshot(&self) -> io::Result<()> {
        let (free, floor) = (self.disk.free_bytes(&self.data_dir)?, self.floors.snapshot_bytes);
        if free >= floor {
            return Ok(());
        }
        let what = format!("{free} bytes of the disk are free, and the log may need {floor}");
        Err(io::Error::new(io::ErrorKind::StorageFull, what))
    }

    fn make_reserve(&self) -> io::Result<()> {
        let path = layout::reserve_file(&self.data_dir);
        let made = self.disk.create(&path).and_then(|file| write_zeros(file.as_ref(), 0, RESERVE_BYTES));
        match made {
            Ok(()) => self.is_reserve_there.store(true, Ordering::Relaxed),
            Err(error) if error.kind() == io::ErrorKind::StorageFull => self.disk.remove(&path)?,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Whether there was one.
    fn spend_reserve(&self) -> io::Result<bool> {
        let was_there = self.is_reserve_there.swap(false, Ordering::Relaxed);
        if was_there {
            self.disk.remove(&layout::reserve_file(&self.data_dir))?;
        }
        Ok(was_there)
    }
}

/// A file of a snapshot: whenever a step of it is to be synced, it is asked whether there is room for more.
#[derive(Debug)]
pub(super) struct WatchedFile {
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) room: Arc<DiskRoom>,
}

impl DiskFile for WatchedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.room.check_snapshot()?;
        self.file.sync()
    }

    fn length_bytes(&self) -> io::Result<u64> {
        self.file.length_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::super::failing_disk::{FailingDisk, Faults};
    use super::*;

    fn small() -> (tempfile::TempDir, Arc<Faults>, DiskRoom, Floors) {
        let folder = tempfile::tempdir().unwrap();
        let (disk, faults) = FailingDisk::after(u64::MAX);
        let floors = Floors::of(1 << 20);
        let room = DiskRoom::hold(disk, folder.path(), floors).unwrap();
        (folder, faults, room, floors)
    }

    fn set_free(faults: &Faults, bytes: u64) {
        faults.free_bytes.store(bytes, Ordering::SeqCst);
    }

    #[test]
    fn little_room_is_noticed_and_plenty_again_a_little_later() {
        let (_folder, faults, room, floors) = small();
        assert!(!room.is_low());
        for (free, is_low) in [
            (floors.low_bytes, false),
            (floors.low_bytes - 1, true),
            (floors.low_bytes, true),
            (floors.low_bytes + AGAIN_BYTES, false),
        ] {
            set_free(&faults, free);
            room.look().unwrap();
            assert_eq!(room.is_low(), is_low, "with {free} bytes");
        }
    }

    #[test]
    fn snapshots_are_written_with_less_room_than_entries_need() {
        let (_folder, faults, room, floors) = small();
        set_free(&faults, floors.snapshot_bytes);
        room.look().unwrap();
        assert!(room.is_low() && room.check_snapshot().is_ok());
        set_free(&faults, floors.snapshot_bytes - 1);
        assert_eq!(room.check_snapshot().unwrap_err().kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn the_reserve_is_given_up_once_and_held_back_again_when_there_is_room() {
        let (folder, faults, room, _) = small();
        let reserve = layout::reserve_file(folder.path());
        let length = || std::fs::metadata(&reserve).map(|facts| facts.len()).unwrap_or(0);
        assert_eq!(length(), RESERVE_BYTES);
        set_free(&faults, 0);
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let grow = || if length() > 0 { Err(full()) } else { Ok(7) };
        assert_eq!(room.growing(grow).unwrap(), 7, "what the reserve had is enough");
        assert!(room.is_low() && length() == 0);
        let outcome: io::Result<()> = room.growing(|| Err(full()));
        assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::StorageFull, "there is only one");
        set_free(&faults, u64::MAX);
        room.look().unwrap();
        assert!(!room.is_low());
        assert_eq!(length(), RESERVE_BYTES);
    }

    #[test]
    fn a_reserve_that_a_crash_has_shortened_is_made_again() {
        let (folder, _, room, floors) = small();
        drop(room);
        let reserve = layout::reserve_file(folder.path());
        std::fs::write(&reserve, b"short").unwrap();
        DiskRoom::hold(FailingDisk::after(u64::MAX).0, folder.path(), floors).unwrap();
        assert_eq!(std::fs::metadata(&reserve).unwrap().len(), RESERVE_BYTES);
    }
}
