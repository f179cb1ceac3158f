//! Folders as tests compare and copy them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Every file below `folder` with its content.
pub fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in entries(folder) {
        match entry.is_dir() {
            true => found.extend(content(&entry)),
            false => drop(found.insert(entry.clone(), fs::read(&entry).expect("it can be read"))),
        }
    }
    found
}

/// All of a folder with its permissions, into one that is made when missing.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    let permissions = fs::metadata(from).expect("it is there").permissions();
    fs::set_permissions(to, permissions).expect("the folder is ours");
    for entry in entries(from) {
        let place = to.join(entry.file_name().expect("entries have names"));
        match entry.is_dir() {
            true => copy(&entry, &place),
            false => drop(fs::copy(&entry, &place).expect("it can be copied")),
        }
    }
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).expect("it can be listed").map(|entry| entry.expect("an entry").path())
}
