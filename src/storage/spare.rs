//! Room for the next segment, made ready beside the thread that commits wait for.
//!
//! Where a file grows, the system must note its new blocks with the next sync, and the zeros that are written ahead of
//! the log go to the disk in front of what is committed. A log that is written fast meets that every few hundred syncs.
//! So once a segment is half full, a file of zeros is made under a name that nobody reads, step by step and each one
//! synced, and the next segment is opened in it.
//!
//! Promises: what is taken is zero over its whole size and durable. Whoever finds none, or only half of one, makes a
//! segment as if there had never been any: a spare is never waited for, and one that cannot be made is no error. A
//! removed segment is never used again for this: who has it open goes on reading what it held.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

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
    making: Arc<Making>,
}

#[derive(Debug, Default)]
struct Making {
    given_up: AtomicBool,
    outcome: Mutex<Option<io::Result<Arc<dyn DiskFile>>>>,
}

impl Spare {
    /// Begins one beside the caller.
    pub(super) fn begin(disk: &Arc<dyn Disk>, log_dir: &Path, size_bytes: u64) -> Spare {
        let path = disk::temporary_name(&log_dir.join(layout::SPARE_SEGMENT));
        let making = Arc::new(Making::default());
        let spare = Spare { disk: disk.clone(), path: path.clone(), size_bytes, making: making.clone() };
        let place = disk.clone();
        disk.beside(Box::new(move || {
            let made = making.make(place.as_ref(), &path, size_bytes);
            if made.is_err() {
                // It may hold the last room there was. A removal that fails leaves a file for the next start to remove.
                let _ = place.remove(&path);
            }
            *making.outcome.lock().expect("no holder of the lock panics") = Some(made);
        }));
        spare
    }

    /// Whether it could not be made; such a one leaves nothing behind but perhaps a file that is never read.
    pub(super) fn has_failed(&self) -> bool {
        matches!(*self.making.outcome.lock().expect("no holder of the lock panics"), Some(Err(_)))
    }

    /// The file, its name and its size, if it is whole.
    pub(super) fn take_if_ready(&self) -> Option<(Arc<dyn DiskFile>, &Path, u64)> {
        let mut outcome = self.making.outcome.lock().expect("no holder of the lock panics");
        match outcome.take() {
            Some(Ok(file)) => Some((file, &self.path, self.size_bytes)),
            other => {
                *outcome = other;
                None
            }
        }
    }

    /// Lets go of it, and gives its room back. One that is still being made stops at its next step; its file, which the
    /// next start removes, may then stay.
    pub(super) fn give_up(self) -> io::Result<()> {
        self.making.given_up.store(true, Ordering::Relaxed);
        if self.disk.exists(&self.path)? { self.disk.remove(&self.path) } else { Ok(()) }
    }
}

impl Making {
    fn make(&self, disk: &dyn Disk, path: &Path, size_bytes: u64) -> io::Result<Arc<dyn DiskFile>> {
        let file = disk.create(path)?;
        let mut at = 0;
        while at < size_bytes {
            if self.given_up.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let to = (at + STEP_BYTES).min(size_bytes);
            write_zeros(file.as_ref(), at, to)?;
            file.sync()?;
            at = to;
        }
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::super::disk::RealDisk;
    use super::super::failing_disk::FailingDisk;
    use super::*;

    const SIZE_BYTES: u64 = 2 * STEP_BYTES + 5;

    #[test]
    fn a_spare_is_zero_over_its_size_and_taken_once() {
        let folder = tempfile::tempdir().unwrap();
        let disk: Arc<dyn Disk> = FailingDisk::after(u64::MAX).0;
        let spare = Spare::begin(&disk, folder.path(), SIZE_BYTES);
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
            let spare = Spare::begin(&disk, folder.path(), SIZE_BYTES);
            assert!(spare.take_if_ready().is_none() && spare.has_failed(), "after {changes} changes");
        }
    }

    #[test]
    fn giving_one_up_gives_its_room_back_and_stops_what_makes_it() {
        let folder = tempfile::tempdir().unwrap();
        let disk: Arc<dyn Disk> = FailingDisk::after(u64::MAX).0;
        Spare::begin(&disk, folder.path(), SIZE_BYTES).give_up().unwrap();
        assert!(RealDisk.list(folder.path()).unwrap().is_empty());
        let making = Making { given_up: AtomicBool::new(true), outcome: Mutex::default() };
        assert!(making.make(&RealDisk, &folder.path().join("f"), SIZE_BYTES).is_err());
    }
}
