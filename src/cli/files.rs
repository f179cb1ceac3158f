//! Files that commands write where they are told to. Whether one may be replaced is asked by who writes it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::failure::Failure;
use crate::storage::disk::{self, Disk as _, RealDisk};

/// Writes a file in one step: temporary, synced, renamed.
///
/// # Errors
/// The old content, if there was any, is still there.
pub fn write_file(path: &Path, content: &[u8]) -> Result<(), Failure> {
    disk::replace(&RealDisk, path, content)
        .map_err(|error| Failure::new("E0108", format!("{} cannot be written", path.display())).because(&error))
}

/// A file in the making, which is removed unless it got its name.
pub struct Temporary(PathBuf);

impl Temporary {
    /// In the same directory as `place`, with a name of this process.
    pub fn beside(place: &Path) -> Temporary {
        let mut name = place.to_path_buf().into_os_string();
        name.push(format!(".{}.tmp", std::process::id()));
        Temporary(PathBuf::from(name))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // It is gone when it was renamed.
        let _ = fs::remove_file(&self.0);
    }
}

/// A directory in the making, which is removed with all that is in it.
pub struct TemporaryDirectory(Temporary);

impl TemporaryDirectory {
    /// In the same directory as `place`, with a name of this process.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn beside(place: &Path) -> io::Result<TemporaryDirectory> {
        let mut name = place.as_os_str().to_owned();
        name.push(".d");
        let made = TemporaryDirectory(Temporary::beside(Path::new(&name)));
        RealDisk.create_directory(made.path())?;
        Ok(made)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        // What is left over has a name that nobody reads.
        let _ = fs::remove_dir_all(self.path());
    }
}

/// Gives a complete and durable file its name, to last.
///
/// # Errors
/// It may have the name or not.
pub fn publish(temporary: &Path, place: &Path) -> io::Result<()> {
    fs::rename(temporary, place)?;
    fs::File::open(disk::parent(place))?.sync_all()
}
