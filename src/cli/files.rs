//! Files that commands write where they are told to. Whether one may be replaced is asked by who writes it.

use std::path::Path;

use super::failure::Failure;
use crate::storage::disk::{self, RealDisk};

/// Writes a file in one step: temporary, synced, renamed.
///
/// # Errors
/// The old content, if there was any, is still there.
pub fn write_file(path: &Path, content: &[u8]) -> Result<(), Failure> {
    disk::replace(&RealDisk, path, content)
        .map_err(|error| Failure::new("E0108", format!("{} cannot be written", path.display())).because(&error))
}
