//! A disk for tests: the real one until it has done a number of changes; then the next write is done by half and
//! everything fails. Remembers what was not synced, so that a power loss can take it away: sectors of files, and the
//! newest changes of names in each directory.
//!
//! Nothing is really synced, which the machine's own disk would only make slow. Does not lose directories, nor the emptying of a file that is created anew.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::disk::{self, Disk, DiskFile, DiskLock, RealDisk};

const SECTOR_BYTES: u64 = 512;

#[derive(Debug)]
pub(super) struct FailingDisk(Arc<Faults>);

/// What the disk has left to give, and what a power loss takes.
#[derive(Debug)]
pub(super) struct Faults {
    /// Changes until everything fails.
    pub(super) budget: AtomicU64,
    /// What it says is free.
    pub(super) free_bytes: AtomicU64,
    files: Mutex<Vec<Arc<dyn DiskFile>>>,
    /// By file and sector: offset and former content of each write since the last sync.
    unsynced: Mutex<BTreeMap<(usize, u64), Overwritten>>,
    /// By directory, the changes of names since it was synced, in order.
    unsynced_names: Mutex<BTreeMap<PathBuf, Vec<Change>>>,
    /// Where removed and replaced files wait for the directory to be synced.
    attic: tempfile::TempDir,
    next_in_attic: AtomicU64,
}

type Overwritten = Vec<(u64, Vec<u8>)>;

#[derive(Debug)]
enum Change {
    Made { path: PathBuf },
    Renamed { from: PathBuf, to: PathBuf, replaced: Option<PathBuf> },
    Removed { path: PathBuf, kept: PathBuf },
}

#[derive(Debug)]
struct FailingFile {
    file: Arc<dyn DiskFile>,
    number: usize,
    faults: Arc<Faults>,
}

impl Faults {
    pub(super) fn left(&self) -> u64 {
        self.budget.load(Ordering::SeqCst)
    }

    /// Each sector keeps some of the writes it got since the last sync, in order, and loses the later ones; each
    /// directory keeps some of the changes of its names.
    pub(super) fn lose_power(&self, random: &mut u64) {
        let files = self.files.lock().unwrap();
        for ((number, _), mut writes) in std::mem::take(&mut *self.unsynced.lock().unwrap()) {
            let kept = below(random, writes.len() as u64 + 1) as usize;
            for (offset, before) in writes.drain(kept..).rev() {
                files[number].write_at(&before, offset).unwrap();
            }
        }
        for (_, mut changes) in std::mem::take(&mut *self.unsynced_names.lock().unwrap()) {
            let kept = below(random, changes.len() as u64 + 1) as usize;
            changes.drain(kept..).rev().for_each(undo);
        }
    }

    fn spend(&self) -> io::Result<()> {
        let spent = self.budget.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        spent.map(|_| ()).map_err(|_| io::Error::other("the disk has failed"))
    }

    fn note(&self, path: &Path, change: Change) {
        self.unsynced_names.lock().unwrap().entry(disk::parent(path).to_path_buf()).or_default().push(change);
    }

    /// Moves a file out of sight.
    fn keep(&self, path: &Path) -> io::Result<PathBuf> {
        let kept = self.attic.path().join(self.next_in_attic.fetch_add(1, Ordering::SeqCst).to_string());
        RealDisk.rename(path, &kept)?;
        Ok(kept)
    }
}

impl FailingDisk {
    pub(super) fn after(changes: u64) -> (Arc<FailingDisk>, Arc<Faults>) {
        let faults = Arc::new(Faults {
            budget: AtomicU64::new(changes),
            free_bytes: AtomicU64::new(u64::MAX),
            files: Mutex::default(),
            unsynced: Mutex::default(),
            unsynced_names: Mutex::default(),
            attic: tempfile::tempdir().unwrap(),
            next_in_attic: AtomicU64::new(0),
        });
        (Arc::new(FailingDisk(faults.clone())), faults)
    }

    fn wrap(&self, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        let mut files = self.0.files.lock().unwrap();
        files.push(file.clone());
        Arc::new(FailingFile { file, number: files.len() - 1, faults: self.0.clone() })
    }
}

impl FailingFile {
    fn write_noting(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut at = offset;
        let end = offset + bytes.len() as u64;
        let mut unsynced = self.faults.unsynced.lock().unwrap();
        while at < end {
            let sector = at / SECTOR_BYTES;
            let length = ((sector + 1) * SECTOR_BYTES).min(end) - at;
            let mut before = vec![0; length as usize];
            self.file.read_at(&mut before, at)?;
            unsynced.entry((self.number, sector)).or_default().push((at, before));
            at += length;
        }
        self.file.write_at(bytes, offset)
    }
}

impl Disk for FailingDisk {
    fn create_directory(&self, path: &Path) -> io::Result<()> {
        self.0.spend().and_then(|()| RealDisk.create_directory(path))
    }
    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(directory)
    }
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        RealDisk.open(path)
    }
    fn open_for_writing(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.wrap(RealDisk.open_for_writing(path)?))
    }
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.0.spend()?;
        if !RealDisk.exists(path)? {
            self.0.note(path, Change::Made { path: path.to_path_buf() });
        }
        Ok(self.wrap(RealDisk.create(path)?))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.spend()?;
        let replaced = if to.is_file() { Some(self.0.keep(to)?) } else { None };
        RealDisk.rename(from, to)?;
        self.0.note(to, Change::Renamed { from: from.to_path_buf(), to: to.to_path_buf(), replaced });
        Ok(())
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.spend()?;
        let kept = self.0.keep(path)?;
        self.0.note(path, Change::Removed { path: path.to_path_buf(), kept });
        Ok(())
    }
    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        self.0.spend().and_then(|()| RealDisk.remove_directory(path))
    }
    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.0.spend()?;
        self.0.unsynced_names.lock().unwrap().remove(path);
        Ok(())
    }
    fn exists(&self, path: &Path) -> io::Result<bool> {
        RealDisk.exists(path)
    }
    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(self.0.free_bytes.load(Ordering::SeqCst))
    }
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
        RealDisk.lock(path)
    }
}

impl DiskFile for FailingFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.faults.spend()?;
        if self.faults.left() == 0 {
            self.write_noting(&bytes[..bytes.len() / 2], offset)?;
            return Err(io::Error::other("the disk failed within a write"));
        }
        self.write_noting(bytes, offset)
    }
    fn sync(&self) -> io::Result<()> {
        self.faults.spend()?;
        self.faults.unsynced.lock().unwrap().retain(|(number, _), _| *number != self.number);
        Ok(())
    }
    fn length_bytes(&self) -> io::Result<u64> {
        self.file.length_bytes()
    }
}

fn undo(change: Change) {
    match change {
        Change::Made { path } => RealDisk.remove(&path).unwrap(),
        Change::Renamed { from, to, replaced } => {
            RealDisk.rename(&to, &from).unwrap();
            if let Some(replaced) = replaced {
                RealDisk.rename(&replaced, &to).unwrap();
            }
        }
        Change::Removed { path, kept } => RealDisk.rename(&kept, &path).unwrap(),
    }
}

fn below(random: &mut u64, bound: u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    *random % bound
}
