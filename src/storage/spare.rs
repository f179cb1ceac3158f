//! Room for the next segment, made ready beside the thread that commits wait for.
//!
//! Where a file grows, the system must note its new blocks with the next sync, and the zeros that are written ahead of
//! the log go to the disk in front of what is committed. A log that is written fast meets that every few hundred syncs.
//! So once a segment is half full, a file of zeros is made under a name that nobody reads, step by step and each one
//! synced, and the next segment is opened in it. Its steps keep pace with the log: all at once, they would take the disk
//! from it.
//!
//! Promises: what is taken is zero over its whole size and durable. Whoever finds none, or only a part of one, makes a
//! segment as if there had never been any: a spare is never waited for, and one that cannot be made is no error. A
//! removed segment is never used again for this: who has it open goes on reading what it held.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use super::disk::{self, Disk, DiskFile};
use super::layout;
use super::wal::write_zeros;

/// How much is written and synced at once: a sync of the log that comes meanwhile waits for this much, which is why it is
/// smaller than the log's own steps.
const STEP_BYTES: u64 = 256 * 1024;

/// A file of zeros, or one that becomes it.
#[derive(Debug)]
pub(super) struct Spare {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    size_bytes: u64,
    making: Arc<Mutex<Making>>,
}

#[derive(Debug, Default)]
struct Making {
    file: Option<Arc<dyn DiskFile>>,
    /// Zero and durable up to here.
    zeroed_to: u64,
    /// A step is under way.
    is_busy: bool,
    has_failed: bool,
}

impl Spare {
    /// One of which nothing is made yet.
    pub(super) fn new(disk: &Arc<dyn Disk>, log_dir: &Path, size_bytes: u64) -> Spare {
        let path = disk::temporary_name(&log_dir.join(layout::SPARE_SEGMENT));
        Spare { disk: disk.clone(), path, size_bytes, making: Arc::default() }
    }

    /// Makes more of it beside the caller, if less than `wanted_bytes` are there and nobody is at it.
    pub(super) fn advance(&self, wanted_bytes: u64) {
        let mut making = lock(&self.making);
        if making.is_busy || making.has_failed || making.zeroed_to >= wanted_bytes.min(self.size_bytes) {
            return;
        }
        making.is_busy = true;
        let (from, to) = (making.zeroed_to, (making.zeroed_to + STEP_BYTES).min(self.size_bytes));
        let file = making.file.clone();
        drop(making);
        let (disk, path, making) = (self.disk.clone(), self.path.clone(), self.making.clone());
        self.disk.beside(Box::new(move || {
            let made = zero(disk.as_ref(), &path, file, from, to);
            let mut making = lock(&making);
            making.is_busy = false;
            match made {
                Ok(file) => (making.file, making.zeroed_to) = (Some(file), to),
                Err(_) => {
                    making.has_failed = true;
                    // It may hold the last room there was. What cannot be removed, the next start removes.
                    let _ = disk.remove(&path);
                }
            }
        }));
    }

    /// Whether it could not be made; such a one leaves nothing behind but perhaps a file that is never read.
    pub(super) fn has_failed(&self) -> bool {
        lock(&self.making).has_failed
    }

    /// The file, its name and its size, if it is whole.
    pub(super) fn take_if_ready(&self) -> Option<(Arc<dyn DiskFile>, &Path, u64)> {
        let mut making = lock(&self.making);
        if making.is_busy || making.zeroed_to < self.size_bytes {
            return None;
        }
        making.file.take().map(|file| (file, self.path.as_path(), self.size_bytes))
    }

    /// Lets go of it, and gives its room back. When a step is under way, its file may stay until the next start.
    pub(super) fn give_up(self) -> io::Result<()> {
        if self.disk.exists(&self.path)? { self.disk.remove(&self.path) } else { Ok(()) }
    }
}

fn zero(
    disk: &dyn Disk,
    path: &Path,
    file: Option<Arc<dyn DiskFile>>,
    from: u64,
    to: u64,
) -> io::Result<Arc<dyn DiskFile>> {
    let file = file.map_or_else(|| disk.create(path), Ok)?;
    write_zeros(file.as_ref(), from, to)?;
    file.sync()?;
    Ok(file)
}

fn lock(making: &Mutex<Making>) -> MutexGuard<'_, Making> {
    making.lock().expect("no holder of the lock panics")
}

#[cfg(test)]
mod tests {
    use super::super::disk::RealDisk;
    use super::super::failing_disk::FailingDisk;
    use super::*;

    const SIZE_BYTES: u64 = 2 * STEP_BYTES + 5;

    #[test]
    fn a_spare_keeps_pace_is_zero_over_its_size_and_taken_once() {
        let folder = tempfile::tempdir().unwrap();
        let disk: Arc<dyn Disk> = FailingDisk::after(u64::MAX).0;
        let spare = Spare::new(&disk, folder.path(), SIZE_BYTES);
        let made = || std::fs::metadata(&spare.path).map_or(0, |facts| facts.len());
        for (wanted, expected) in [
            (0, 0),
            (1, STEP_BYTES),
            (STEP_BYTES, STEP_BYTES),
            (STEP_BYTES + 1, 2 * STEP_BYTES),
            (u64::MAX, SIZE_BYTES),
        ] {
            assert!(spare.take_if_ready().is_none());
            spare.advance(wanted);
            assert_eq!(made(), expected, "{wanted} bytes are wanted");
        }
        let (file, path, size_bytes) = spare.take_if_ready().unwrap();
        assert_eq!((size_bytes, file.length_bytes().unwrap()), (SIZE_BYTES, SIZE_BYTES));
        assert!(std::fs::read(path).unwrap().iter().all(|byte| *byte == 0));
        assert!(spare.take_if_ready().is_none() && !spare.has_failed());
    }

    #[test]
    fn one_that_cannot_be_made_says_so_and_is_never_taken() {
        let folder = tempfile::tempdir().unwrap();
        for changes in 0..7 {
            let disk: Arc<dyn Disk> = FailingDisk::after(changes).0;
            let spare = Spare::new(&disk, folder.path(), SIZE_BYTES);
            (0..4).for_each(|_| spare.advance(SIZE_BYTES));
            assert!(spare.take_if_ready().is_none() && spare.has_failed(), "after {changes} changes");
        }
    }

    #[test]
    fn giving_one_up_gives_its_room_back() {
        let folder = tempfile::tempdir().unwrap();
        let disk: Arc<dyn Disk> = FailingDisk::after(u64::MAX).0;
        let spare = Spare::new(&disk, folder.path(), SIZE_BYTES);
        spare.advance(1);
        assert_eq!(RealDisk.list(folder.path()).unwrap().len(), 1);
        spare.give_up().unwrap();
        assert!(RealDisk.list(folder.path()).unwrap().is_empty());
    }
}
