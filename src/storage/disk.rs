//! The only place in `storage` that touches files: what the log needs of a disk, and the real one.
//!
//! Promises: a write that returned was handed to the system in full; a sync that returned means the bytes and the
//! length of the file survive a power loss; a rename or a new file survives one after `sync_directory`. Nothing is
//! retried, nothing is buffered. A simulator or a failing disk is another implementation of the same trait.
//!
//! Does not know what the bytes mean.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

/// Permissions of every file made here: the log holds what clients wrote.
const FILE_MODE: u32 = 0o600;

/// Permissions of every directory made here.
const DIRECTORY_MODE: u32 = 0o700;

/// A file system as far as storage needs one. Paths are absolute or relative to the process.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Makes a directory and its missing parents, readable by the owner only.
    fn create_directory(&self, path: &Path) -> io::Result<()>;
    /// Names of what is in a directory, sorted.
    fn list(&self, directory: &Path) -> io::Result<Vec<String>>;
    /// Opens an existing file for reading.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens an existing file for reading and writing.
    fn open_for_writing(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Makes a file, or empties the one that is there.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Replaces `to` in one step.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Removes a file whose room need not be back at once: its name is gone when this returns.
    fn remove_later(&self, path: &Path) -> io::Result<()> {
        self.remove(path)
    }
    /// Does work that takes long and that nobody waits for: on another thread, or where there is none, at once.
    fn beside(&self, work: Box<dyn FnOnce() + Send>) {
        work();
    }
    /// Removes a directory and all that is in it.
    fn remove_directory(&self, path: &Path) -> io::Result<()>;
    /// Whether nothing on it ever changes.
    fn is_read_only(&self) -> bool {
        false
    }
    /// Makes the names in a directory survive a power loss.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
    /// Whether there is something under this name.
    fn exists(&self, path: &Path) -> io::Result<bool>;
    /// Bytes that this user may still write on the file system of a directory.
    fn free_bytes(&self, directory: &Path) -> io::Result<u64>;
    /// Takes the exclusive lock on a file, which is made when missing; none when another process holds it. The lock
    /// is let go when the value is dropped, and by the system when the process dies.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>>;
}

/// An open file. Reads and writes name their place, so one handle may be used by several threads.
pub trait DiskFile: Send + Sync + fmt::Debug {
    /// Reads up to `buffer.len()` bytes; fewer only at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all bytes, growing the file when they reach beyond its end.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes content and length survive a power loss (`fdatasync`).
    fn sync(&self) -> io::Result<()>;
    fn length_bytes(&self) -> io::Result<u64>;
}

/// A held lock; dropping it lets go.
pub trait DiskLock: Send + Sync + fmt::Debug {}

/// The disk of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

#[derive(Debug)]
struct RealFile(File);

#[derive(Debug)]
struct RealLock {
    _file: File,
}

impl Disk for RealDisk {
    fn create_directory(&self, path: &Path) -> io::Result<()> {
        std::fs::DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(directory)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(RealFile(File::open(path)?)))
    }

    fn open_for_writing(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(RealFile(OpenOptions::new().read(true).write(true).open(path)?)))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true).mode(FILE_MODE);
        Ok(Arc::new(RealFile(options.open(path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    /// The system gives a file's room back when its last handle is closed, which takes tens of milliseconds for a large
    /// one: too long for a thread that syncs the log.
    fn remove_later(&self, path: &Path) -> io::Result<()> {
        let last_handle = File::open(path)?;
        std::fs::remove_file(path)?;
        self.beside(Box::new(move || drop(last_handle)));
        Ok(())
    }

    fn beside(&self, work: Box<dyn FnOnce() + Send>) {
        let kept = Arc::new(Mutex::new(Some(work)));
        let shared = kept.clone();
        let spawned = std::thread::Builder::new().name("disk-beside".to_owned()).spawn(move || run_once(&shared));
        if spawned.is_err() {
            run_once(&kept);
        }
    }

    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_dir_all(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        std::fs::exists(path)
    }

    fn free_bytes(&self, directory: &Path) -> io::Result<u64> {
        let facts = rustix::fs::statvfs(directory)?;
        Ok(facts.f_bavail.saturating_mul(facts.f_frsize))
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).mode(FILE_MODE).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(RealLock { _file: file }))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Runs what is there, which is gone then.
fn run_once(work: &Mutex<Option<Box<dyn FnOnce() + Send>>>) {
    let taken = work.lock().expect("no holder of the lock panics").take();
    if let Some(work) = taken {
        work();
    }
}

impl DiskFile for RealFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.0.read_at(&mut buffer[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn length_bytes(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}

impl DiskLock for RealLock {}

/// Reads a whole file, or its first `limit_bytes`; a longer file is an error of kind `FileTooLarge`.
pub fn read_whole(disk: &dyn Disk, path: &Path, limit_bytes: usize) -> io::Result<Vec<u8>> {
    let file = disk.open(path)?;
    let mut bytes = vec![0; limit_bytes + 1];
    let length = file.read_at(&mut bytes, 0)?;
    if length > limit_bytes {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("longer than {limit_bytes} bytes")));
    }
    bytes.truncate(length);
    Ok(bytes)
}

/// Replaces a file so that after a crash it holds either the old or the new content, whole.
pub fn replace(disk: &dyn Disk, path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = temporary_name(path);
    let file = disk.create(&temporary)?;
    file.write_at(content, 0)?;
    file.sync()?;
    disk.rename(&temporary, path)?;
    disk.sync_directory(parent(path))
}

/// The name under which something is prepared before it is renamed to `path`; such leftovers are never read.
pub fn temporary_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(TEMPORARY_ENDING);
    PathBuf::from(name)
}

/// Ending of files that are being prepared.
pub const TEMPORARY_ENDING: &str = ".tmp";

/// The directory that holds `path`.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// When a file was changed last.
pub fn changed_at(path: &Path) -> io::Result<SystemTime> {
    std::fs::metadata(path)?.modified()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_once_and_let_go_on_drop() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let first = RealDisk.lock(&path).unwrap();
        assert!(first.is_some());
        assert!(RealDisk.lock(&path).unwrap().is_none(), "a second lock must be refused");
        drop(first);
        assert!(RealDisk.lock(&path).unwrap().is_some(), "a dropped lock must be free");
    }

    #[test]
    fn replace_leaves_the_new_content_and_no_temporary_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        replace(&RealDisk, &path, b"old and long").unwrap();
        replace(&RealDisk, &path, b"new").unwrap();
        assert_eq!(read_whole(&RealDisk, &path, 100).unwrap(), b"new");
        assert_eq!(RealDisk.list(directory.path()).unwrap(), ["file"]);
    }

    #[test]
    fn a_file_above_the_limit_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        replace(&RealDisk, &path, &[7; 11]).unwrap();
        assert_eq!(read_whole(&RealDisk, &path, 11).unwrap().len(), 11);
        assert_eq!(read_whole(&RealDisk, &path, 10).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }
}
