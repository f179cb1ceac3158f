//! A disk in memory that loses what a real one may lose.
//!
//! What was written and not synced may survive a power loss or not, each 512-byte sector for itself and at any of the
//! states it went through since the last sync, or torn in the middle; names that were made, moved or removed and whose
//! directory was not synced likewise. A failed sync drops what was dirty and calls it clean, as some systems do: the
//! bytes can still be read until power is lost. Single writes can be made to fail, and the disk can be full. What becomes
//! of sectors that were safely stored is told in `decay`.
//!
//! It knows nothing of what is stored. Every choice comes from the dice that are passed in.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use super::decay::{Age, Misread};
use super::dice::Dice;
use crate::storage::disk::{Disk, DiskFile, DiskLock};

/// What a disk writes in one piece, unless it is torn.
pub const SECTOR_BYTES: usize = 512;

/// One machine's disk.
#[derive(Clone, Debug)]
pub struct SimDisk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) files: BTreeMap<u64, File>,
    /// Every name that can be seen now.
    pub(super) names: BTreeMap<String, Node>,
    /// Every name that would be there after a power loss, and what was done to names since, in order.
    pub(super) durable_names: BTreeMap<String, Node>,
    unsynced_names: Vec<NameChange>,
    next_file: u64,
    locks: BTreeSet<String>,
    /// Changes until the process is cut off; none while it runs freely.
    budget: Option<u32>,
    /// The write or sync that fails: counted down at each.
    failing: Option<Failing>,
    is_full: bool,
    is_lying: bool,
    /// What sectors held before is remembered, for some of them to return to it.
    pub(super) may_decay: bool,
    /// One of the next reads gives another sector than the one that was asked for.
    pub(super) misread: Option<Misread>,
    pub(super) counts: DiskCounts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Directory,
    File(u64),
}

#[derive(Clone, Debug)]
enum NameChange {
    Put { path: String, node: Node },
    Move { from: String, to: String },
    Remove { path: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Write,
    Sync,
}

/// Which operation fails, when so many of its kind have not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Failing {
    operation: Operation,
    after: u32,
}

/// What happened on one disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskCounts {
    pub writes: u64,
    pub syncs: u64,
    pub sectors_lost: u64,
    pub sectors_torn: u64,
    pub names_lost: u64,
    pub failures: u64,
    /// Sectors in which a bit flipped, or all of them.
    pub sectors_rotten: u64,
    /// Sectors that went back to what they had held before.
    pub sectors_stale: u64,
    /// Writes that landed elsewhere.
    pub sectors_misdirected: u64,
    pub sectors_misread: u64,
}

impl DiskCounts {
    pub fn add(&mut self, other: &DiskCounts) {
        self.writes += other.writes;
        self.syncs += other.syncs;
        self.sectors_lost += other.sectors_lost;
        self.sectors_torn += other.sectors_torn;
        self.names_lost += other.names_lost;
        self.failures += other.failures;
        self.sectors_rotten += other.sectors_rotten;
        self.sectors_stale += other.sectors_stale;
        self.sectors_misdirected += other.sectors_misdirected;
        self.sectors_misread += other.sectors_misread;
    }
}

pub(super) type Sector = [u8; SECTOR_BYTES];

#[derive(Debug, Default)]
pub(super) struct File {
    /// What a reader sees.
    pub(super) bytes: Vec<u8>,
    /// Length after a power loss.
    pub(super) synced_length: usize,
    /// Former contents of each sector written since the last sync, oldest first; the first is what is on the platter.
    /// None stands for zeros.
    pub(super) unsynced: BTreeMap<usize, Vec<Option<Box<Sector>>>>,
    /// Sectors that a failed sync called clean; the platter holds this.
    pub(super) falsely_clean: BTreeMap<usize, Option<Box<Sector>>>,
    /// How old its sectors are, and what is wrong with them.
    pub(super) age: Age,
}

impl SimDisk {
    pub fn new() -> SimDisk {
        let disk = SimDisk(Arc::default());
        disk.state().names.insert("/".to_owned(), Node::Directory);
        disk.state().durable_names.insert("/".to_owned(), Node::Directory);
        disk
    }

    pub fn counts(&self) -> DiskCounts {
        self.state().counts
    }

    /// The process is killed after this many more changes: from then on everything fails and changes nothing.
    pub fn cut_off_after(&self, changes: u32) {
        self.state().budget = Some(changes);
    }

    /// A new process may use the disk; what was armed for the old one is forgotten.
    pub fn plug_in(&self) {
        let mut state = self.state();
        state.budget = None;
        state.failing = None;
        state.locks.clear();
    }

    /// Like `plug_in`, for the same process: what was armed stays armed, and what is locked stays locked.
    pub fn plug_in_again(&self) {
        self.state().budget = None;
    }

    /// One of the next writes fails.
    pub fn fail_a_write(&self, after: u32) {
        self.state().failing = Some(Failing { operation: Operation::Write, after });
    }

    /// One of the next syncs fails, drops what it should have kept, and calls it clean.
    pub fn fail_a_sync(&self, after: u32) {
        self.state().failing = Some(Failing { operation: Operation::Sync, after });
    }

    /// No file can be made or grow.
    pub fn set_full(&self, is_full: bool) {
        self.state().is_full = is_full;
    }

    /// Every sync is answered and none is made, as cheap disks do. No node can live with that: it is for seeing that it is
    /// noticed.
    pub fn lie(&self) {
        self.state().is_lying = true;
    }

    /// The power goes: each sector keeps what was synced or any later state, and names their durable place or a later
    /// one.
    pub fn lose_power(&self, dice: &mut Dice, torn_per_million: u32) {
        let state = &mut *self.state();
        state.lose_names(dice);
        let mut counts = state.counts;
        for file in state.files.values_mut() {
            file.lose_power(dice, torn_per_million, &mut counts);
        }
        state.counts = counts;
    }

    /// Everything is gone, as on a new disk.
    pub fn wipe(&self) {
        let fresh = SimDisk::new();
        let mut state = self.state();
        let (counts, may_decay) = (state.counts, state.may_decay);
        *state = std::mem::take(&mut *fresh.state());
        (state.counts, state.may_decay) = (counts, may_decay);
    }

    /// Paths of all files that can be seen, sorted.
    pub fn files(&self) -> Vec<String> {
        let state = self.state();
        state.names.iter().filter(|(_, node)| node.file().is_some()).map(|(path, _)| path.clone()).collect()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no holder of the lock panics")
    }
}

impl Default for SimDisk {
    fn default() -> SimDisk {
        SimDisk::new()
    }
}

impl Node {
    pub(super) fn file(self) -> Option<u64> {
        match self {
            Node::File(id) => Some(id),
            Node::Directory => None,
        }
    }
}

impl State {
    /// Counts one change against what the process may still do.
    fn spend(&mut self) -> io::Result<()> {
        match &mut self.budget {
            None => Ok(()),
            Some(0) => Err(io::Error::other("the process was killed")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }

    /// Whether the operation that is about to happen is the one that was chosen to fail.
    fn fails(&mut self, operation: Operation) -> bool {
        let Some(failing) = self.failing.as_mut().filter(|failing| failing.operation == operation) else {
            return false;
        };
        if failing.after > 0 {
            failing.after -= 1;
            return false;
        }
        self.failing = None;
        self.counts.failures += 1;
        true
    }

    fn put(&mut self, path: &str, node: Node) {
        self.names.insert(path.to_owned(), node);
        self.unsynced_names.push(NameChange::Put { path: path.to_owned(), node });
    }

    fn file_at(&self, path: &str) -> io::Result<u64> {
        let node = self.names.get(path).ok_or_else(|| missing(path))?;
        node.file().ok_or_else(|| io::Error::new(io::ErrorKind::IsADirectory, path.to_owned()))
    }

    /// Makes the changes of names in one directory durable, and those elsewhere that they build on.
    fn sync_names(&mut self, directory: &str) {
        let mut needed: BTreeSet<String> = BTreeSet::new();
        let (mut here, mut elsewhere) = (Vec::new(), Vec::new());
        for change in std::mem::take(&mut self.unsynced_names).into_iter().rev() {
            if change.directory() == directory || change.paths().any(|path| needed.contains(path)) {
                needed.extend(change.paths().map(str::to_owned));
                here.push(change);
            } else {
                elsewhere.push(change);
            }
        }
        elsewhere.reverse();
        self.unsynced_names = elsewhere;
        for change in here.into_iter().rev() {
            change.make(&mut self.durable_names);
        }
    }

    /// Each change of a name is kept or lost; one that builds on a lost one is lost, too.
    fn lose_names(&mut self, dice: &mut Dice) {
        let mut lost: BTreeSet<String> = BTreeSet::new();
        for change in std::mem::take(&mut self.unsynced_names) {
            let depends = change.paths().any(|path| lost.iter().any(|gone| lies_in(path, gone)));
            if depends || dice.coin() {
                self.counts.names_lost += 1;
                lost.extend(change.paths().map(str::to_owned));
            } else {
                change.make(&mut self.durable_names);
            }
        }
        self.names = self.durable_names.clone();
        let kept: BTreeSet<u64> = self.names.values().filter_map(|node| node.file()).collect();
        self.files.retain(|id, _| kept.contains(id));
    }
}

impl NameChange {
    fn paths(&self) -> impl Iterator<Item = &str> {
        let (first, second) = match self {
            NameChange::Put { path, .. } | NameChange::Remove { path } => (path, None),
            NameChange::Move { from, to } => (from, Some(to.as_str())),
        };
        [Some(first.as_str()), second].into_iter().flatten()
    }

    fn directory(&self) -> &str {
        match self {
            NameChange::Put { path, .. } | NameChange::Remove { path } => directory_of(path),
            NameChange::Move { to, .. } => directory_of(to),
        }
    }

    fn make(self, names: &mut BTreeMap<String, Node>) {
        match self {
            NameChange::Put { path, node } => {
                names.insert(path, node);
            }
            NameChange::Move { from, to } => move_names(names, &from, &to),
            NameChange::Remove { path } => names.retain(|name, _| !lies_in(name, &path)),
        }
    }
}

/// Gives what is called `from`, and all that lies below it, a new name.
fn move_names(names: &mut BTreeMap<String, Node>, from: &str, to: &str) {
    let moved: Vec<String> = names.keys().filter(|name| lies_in(name, from)).cloned().collect();
    for name in moved {
        let node = names.remove(&name).expect("it was just listed");
        names.insert(format!("{to}{}", &name[from.len()..]), node);
    }
}

/// Whether a path is `place` or lies below it.
fn lies_in(path: &str, place: &str) -> bool {
    path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The directory that holds `path`; that of the root is the root.
fn directory_of(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) | None => "/",
        Some(at) => &path[..at],
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("simulated paths are text")
}

impl File {
    pub(super) fn sector(&self, sector: usize) -> &[u8] {
        let start = sector * SECTOR_BYTES;
        &self.bytes[start.min(self.bytes.len())..(start + SECTOR_BYTES).min(self.bytes.len())]
    }

    pub(super) fn copy_of(&self, sector: usize) -> Option<Box<Sector>> {
        let bytes = self.sector(sector);
        if bytes.iter().all(|byte| *byte == 0) {
            return None;
        }
        let mut copy = [0; SECTOR_BYTES];
        copy[..bytes.len()].copy_from_slice(bytes);
        Some(Box::new(copy))
    }

    fn write(&mut self, bytes: &[u8], offset: usize) {
        let end = offset + bytes.len();
        if bytes.is_empty() {
            return;
        }
        for sector in offset / SECTOR_BYTES..=(end - 1) / SECTOR_BYTES {
            let before = self.copy_of(sector);
            let platter = self.falsely_clean.remove(&sector);
            let versions = self.unsynced.entry(sector).or_default();
            versions.extend(platter);
            versions.push(before);
        }
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        self.bytes[offset..end].copy_from_slice(bytes);
        self.age.written(offset..end);
    }

    fn sync(&mut self, may_decay: bool) {
        let former = std::mem::take(&mut self.unsynced);
        if may_decay {
            self.age.synced(former);
        }
        self.synced_length = self.bytes.len();
    }

    /// What was dirty is dropped, but still seen until power is lost.
    fn fail_to_sync(&mut self) {
        self.age.forget_unsynced();
        for (sector, mut versions) in std::mem::take(&mut self.unsynced) {
            self.falsely_clean.entry(sector).or_insert_with(|| versions.swap_remove(0));
        }
    }

    fn lose_power(&mut self, dice: &mut Dice, torn_per_million: u32, counts: &mut DiskCounts) {
        let full_length = self.bytes.len();
        self.age.forget_unsynced();
        for (sector, platter) in std::mem::take(&mut self.falsely_clean) {
            counts.sectors_lost += 1;
            self.restore(sector, platter.as_deref());
        }
        for (sector, versions) in std::mem::take(&mut self.unsynced) {
            let choice = dice.below(versions.len() as u64 + 1) as usize;
            let Some(kept) = versions.get(choice) else { continue };
            counts.sectors_lost += 1;
            if dice.happens(torn_per_million) {
                counts.sectors_torn += 1;
                self.tear(sector, kept.as_deref(), dice.below(SECTOR_BYTES as u64) as usize);
            } else {
                self.restore(sector, kept.as_deref());
            }
        }
        if dice.coin() {
            self.bytes.truncate(self.synced_length.min(full_length));
        }
        self.synced_length = self.bytes.len();
    }

    fn restore(&mut self, sector: usize, content: Option<&Sector>) {
        self.tear(sector, content, 0);
    }

    /// The first `new_bytes` of the sector stay as they are, the rest is what it was.
    fn tear(&mut self, sector: usize, old: Option<&Sector>, new_bytes: usize) {
        let start = sector * SECTOR_BYTES;
        let end = (start + SECTOR_BYTES).min(self.bytes.len());
        let from = (start + new_bytes).min(end);
        match old {
            Some(old) => self.bytes[from..end].copy_from_slice(&old[from - start..end - start]),
            None => self.bytes[from..end].fill(0),
        }
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    id: u64,
}

#[derive(Debug)]
struct SimLock {
    disk: SimDisk,
    path: String,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        if let Ok(mut state) = self.disk.0.lock() {
            state.locks.remove(&self.path);
        }
    }
}

impl DiskLock for SimLock {}

impl SimDisk {
    fn handle(&self, id: u64) -> Arc<dyn DiskFile> {
        Arc::new(SimFile { disk: self.clone(), id })
    }
}

impl Disk for SimDisk {
    fn create_directory(&self, path: &Path) -> io::Result<()> {
        let state = &mut *self.state();
        state.spend()?;
        let missing: Vec<&Path> = path.ancestors().take_while(|part| !state.names.contains_key(text(part))).collect();
        for part in missing.into_iter().rev() {
            state.put(text(part), Node::Directory);
        }
        Ok(())
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let (state, directory) = (self.state(), text(directory));
        if state.names.get(directory) != Some(&Node::Directory) {
            return Err(missing(directory));
        }
        let start = if directory == "/" { "/".to_owned() } else { format!("{directory}/") };
        let below = state.names.range(start.clone()..).take_while(|(path, _)| path.starts_with(&start));
        let names = below.map(|(path, _)| &path[start.len()..]);
        Ok(names.filter(|name| !name.is_empty() && !name.contains('/')).map(str::to_owned).collect())
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let id = self.state().file_at(text(path))?;
        Ok(self.handle(id))
    }

    fn open_for_writing(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.open(path)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let id = {
            let state = &mut *self.state();
            state.spend()?;
            if state.is_full {
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            let path = text(path);
            if state.names.get(directory_of(path)) != Some(&Node::Directory) {
                return Err(missing(path));
            }
            let id = state.next_file;
            state.next_file += 1;
            state.files.insert(id, File::default());
            state.put(path, Node::File(id));
            id
        };
        Ok(self.handle(id))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let state = &mut *self.state();
        state.spend()?;
        let (from, to) = (text(from), text(to));
        if !state.names.contains_key(from) {
            return Err(missing(from));
        }
        move_names(&mut state.names, from, to);
        state.unsynced_names.push(NameChange::Move { from: from.to_owned(), to: to.to_owned() });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let state = &mut *self.state();
        state.spend()?;
        let path = text(path);
        state.names.remove(path).ok_or_else(|| missing(path))?;
        state.unsynced_names.push(NameChange::Remove { path: path.to_owned() });
        Ok(())
    }

    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        let state = &mut *self.state();
        state.spend()?;
        let path = text(path);
        state.names.retain(|name, _| !lies_in(name, path));
        state.unsynced_names.push(NameChange::Remove { path: path.to_owned() });
        Ok(())
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        let state = &mut *self.state();
        state.spend()?;
        if state.fails(Operation::Sync) {
            return Err(io_error());
        }
        state.sync_names(text(path));
        Ok(())
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        Ok(self.state().names.contains_key(text(path)))
    }

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(if self.state().is_full { 0 } else { u64::MAX })
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
        let path = text(path).to_owned();
        if !self.state().locks.insert(path.clone()) {
            return Ok(None);
        }
        Ok(Some(Box::new(SimLock { disk: self.clone(), path })))
    }
}

impl DiskFile for SimFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = &mut *self.disk.state();
        let file = state.files.get(&self.id).ok_or_else(io_error)?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(file.bytes.len());
        let length = buffer.len().min(file.bytes.len() - start);
        buffer[..length].copy_from_slice(&file.bytes[start..start + length]);
        state.misread(self.id, start, &mut buffer[..length]);
        Ok(length)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let state = &mut *self.disk.state();
        state.spend()?;
        state.counts.writes += 1;
        let fails = state.fails(Operation::Write);
        let is_full = state.is_full;
        let file = state.files.get_mut(&self.id).ok_or_else(io_error)?;
        let offset = usize::try_from(offset).map_err(|_| io_error())?;
        if fails {
            // As much as half of it may have been written.
            file.write(&bytes[..bytes.len() / 2], offset);
            return Err(io_error());
        }
        if is_full && offset + bytes.len() > file.bytes.len() {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        file.write(bytes, offset);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let state = &mut *self.disk.state();
        state.spend()?;
        state.counts.syncs += 1;
        let (fails, is_lying, may_decay) = (state.fails(Operation::Sync), state.is_lying, state.may_decay);
        let file = state.files.get_mut(&self.id).ok_or_else(io_error)?;
        if fails {
            file.fail_to_sync();
            return Err(io_error());
        }
        if !is_lying {
            file.sync(may_decay);
        }
        Ok(())
    }

    fn length_bytes(&self) -> io::Result<u64> {
        let state = self.disk.state();
        state.files.get(&self.id).map(|file| file.bytes.len() as u64).ok_or_else(io_error)
    }
}

fn missing(path: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, path.to_owned())
}

fn io_error() -> io::Error {
    io::Error::other("input/output error")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::disk;

    fn contents(disk: &SimDisk, path: &str) -> Option<Vec<u8>> {
        disk::read_whole(disk, Path::new(path), 1 << 20).ok()
    }

    #[test]
    fn what_was_synced_survives_and_the_rest_may_not() {
        let (mut kept, mut lost, mut between) = (0, 0, 0);
        for seed in 0..200 {
            let disk = SimDisk::new();
            let file = disk.create(Path::new("/f")).unwrap();
            file.write_at(&[1; 1024], 0).unwrap();
            file.sync().unwrap();
            disk.sync_directory(Path::new("/")).unwrap();
            file.write_at(&[2; 600], 0).unwrap();
            file.write_at(&[3; 512], 0).unwrap();
            disk.lose_power(&mut Dice::new(seed), 0);
            let found = contents(&disk, "/f").unwrap();
            assert_eq!(found.len(), 1024, "the length was synced");
            assert!(found[..512].iter().all(|byte| *byte == found[0]), "a sector is kept or lost as a whole");
            assert!(found[600..].iter().all(|byte| *byte == 1));
            match found[0] {
                1 => lost += 1,
                2 => between += 1,
                3 => kept += 1,
                other => panic!("{other} was never written"),
            }
        }
        assert!(kept > 30 && lost > 30 && between > 30, "{kept} {lost} {between}");
    }

    #[test]
    fn a_name_is_safe_only_when_its_directory_was_synced() {
        let (mut there, mut gone) = (0, 0);
        for seed in 0..100 {
            let disk = SimDisk::new();
            disk.create_directory(Path::new("/d")).unwrap();
            disk.sync_directory(Path::new("/")).unwrap();
            disk::replace(&disk, Path::new("/d/safe"), b"safe").unwrap();
            let file = disk.create(Path::new("/d/new.tmp")).unwrap();
            file.write_at(b"new", 0).unwrap();
            file.sync().unwrap();
            disk.rename(Path::new("/d/new.tmp"), Path::new("/d/new")).unwrap();
            disk.lose_power(&mut Dice::new(seed), 0);
            assert_eq!(contents(&disk, "/d/safe").unwrap(), b"safe");
            match contents(&disk, "/d/new") {
                Some(content) => {
                    assert_eq!(content, b"new");
                    there += 1;
                }
                None => gone += 1,
            }
        }
        assert!(there > 10 && gone > 10, "{there} {gone}");
    }

    #[test]
    fn a_durable_name_in_another_directory_takes_along_what_it_builds_on() {
        for seed in 0..40 {
            let disk = SimDisk::new();
            disk.create_directory(Path::new("/d")).unwrap();
            disk.create(Path::new("/f.tmp")).unwrap();
            disk.rename(Path::new("/f.tmp"), Path::new("/f")).unwrap();
            disk.rename(Path::new("/f"), Path::new("/d/f")).unwrap();
            disk.sync_directory(Path::new("/d")).unwrap();
            disk.sync_directory(Path::new("/")).unwrap();
            disk.lose_power(&mut Dice::new(seed), 0);
            assert_eq!(disk.files(), ["/d/f"], "seed {seed}");
        }
    }

    #[test]
    fn a_failed_sync_shows_bytes_that_power_loss_takes_away() {
        let disk = SimDisk::new();
        let file = disk.create(Path::new("/f")).unwrap();
        file.write_at(b"old", 0).unwrap();
        file.sync().unwrap();
        disk.sync_directory(Path::new("/")).unwrap();
        file.write_at(b"new", 0).unwrap();
        disk.fail_a_sync(0);
        assert!(file.sync().is_err());
        file.sync().unwrap();
        assert_eq!(contents(&disk, "/f").unwrap(), b"new");
        disk.lose_power(&mut Dice::new(1), 0);
        assert_eq!(contents(&disk, "/f").unwrap(), b"old");
    }

    #[test]
    fn a_killed_process_changes_nothing_more_and_a_full_disk_grows_nothing() {
        let disk = SimDisk::new();
        let file = disk.create(Path::new("/f")).unwrap();
        disk.set_full(true);
        assert_eq!(file.write_at(b"a", 0).unwrap_err().kind(), io::ErrorKind::StorageFull);
        disk.set_full(false);
        disk.cut_off_after(1);
        file.write_at(b"a", 0).unwrap();
        assert!(file.write_at(b"b", 0).is_err());
        assert!(disk.create(Path::new("/g")).is_err());
        disk.plug_in();
        assert_eq!(contents(&disk, "/f").unwrap(), b"a");
    }
}
