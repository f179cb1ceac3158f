//! Names of things in a node's directory, the two small files beside the log, and how a node's storage is made.
//!
//! ```text
//! DIR/                     one node
//!   node.yaml              who this node is and where it listens; never changes by itself
//!   run.json               which process ran here last
//!   superseded             only after a recovery: this node must not run any more
//!   node.log  identity/    not storage's
//!   data/                  made once, by `found`; a missing one is never made on the side (R65)
//!     lock                 held by the running process
//!     in-use               there from open to clean close
//!     hard_state           term and vote
//!     log/                 segments: 00000001-00000000000000000001.seg
//!     snapshots/           00000000000000000150-00000000000000000003.snap, made with the first start
//! ```
//!
//! Promises: `found` leaves a whole data directory or none. Does not read the log.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::disk::{self, Disk, RealDisk};
use super::wal;
use crate::codec::Settings;
use crate::raft::{ClusterId, Config, Index, LogId, NodeId, SnapshotMeta, StorageId};

/// Longest `node.yaml` or `run.json` that is read; a longer one is refused before it is parsed.
pub const SMALL_FILE_BYTES_MAX: usize = 64 * 1024;

/// Default size of one log segment.
pub const SEGMENT_SIZE_BYTES_DEFAULT: u64 = 64 * 1024 * 1024;

/// Least size of one log segment: a header and some records.
pub const SEGMENT_SIZE_BYTES_MIN: u64 = 16 * 1024;

/// Largest size of one log segment.
pub const SEGMENT_SIZE_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Whether writes are made durable before they are acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SyncMode {
    #[default]
    Always,
    /// Laboratory only: a power loss may lose acknowledged writes or leave a log that is refused.
    None,
}

/// What a node does that finds its log damaged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnCorruption {
    /// Keeps the intact part and lets its peers repair the rest; gives no vote meanwhile (R64).
    #[default]
    Recover,
    /// Does not start.
    Refuse,
}

/// `node.yaml`: what is fixed when a node's directory is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeFile {
    pub cluster: String,
    /// 32 hexadecimal digits.
    #[serde(with = "cluster_id_as_text")]
    pub cluster_id: ClusterId,
    #[serde(with = "node_id_as_number")]
    pub id: NodeId,
    pub name: String,
    /// `host:port` this node binds.
    pub listen: String,
    /// `host:port` others dial.
    pub advertise: String,
    #[serde(default)]
    pub storage: StorageSection,
}

/// Entries between two snapshots, unless said otherwise.
pub const SNAPSHOT_EVERY_DEFAULT: u64 = 100_000;

/// Entries that stay in the log below a snapshot, unless said otherwise.
pub const RETAIN_ENTRIES_DEFAULT: u64 = 20_000;

/// `storage:` of `node.yaml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StorageSection {
    pub segment_size_bytes: u64,
    pub sync: SyncMode,
    pub on_corruption: OnCorruption,
    /// A snapshot is taken whenever this many entries have been applied since the last one (R83).
    pub snapshot_every: u64,
    /// Entries below a new snapshot that stay in the log, for peers that are a little behind (R84).
    pub retain_entries: u64,
}

/// `run.json`: which process runs, or last ran, on a node's directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFile {
    pub pid: u32,
    /// Field 22 of `/proc/PID/stat`: with `boot_id` it tells this process from a later one under the same pid.
    pub start_ticks: u64,
    pub boot_id: String,
    pub version: String,
    /// RFC 3339, UTC.
    pub started: String,
}

/// Everything the first entry and the identity of a new data directory hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Founding {
    pub cluster_id: ClusterId,
    pub node: NodeId,
    pub storage: StorageId,
    /// Names every member with its storage id, `storage` among them.
    pub config: Config,
    pub settings: Settings,
    /// Time of entry 1; the same on all nodes, so that all store the same bytes.
    pub wall_ms: u64,
}

/// Why no data directory was made. Nothing is left behind but perhaps an unread `data.tmp`.
#[derive(Debug, thiserror::Error)]
pub enum FoundError {
    #[error("{} exists already and is not empty; a node's data is made only once", path.display())]
    Exists { path: PathBuf },
    #[error("making {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// Why a small file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("{} does not exist", path.display())]
    Missing { path: PathBuf },
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: {source}", path.display())]
    Yaml { path: PathBuf, source: serde_yaml::Error },
    #[error("{}: {source}", path.display())]
    Json { path: PathBuf, source: serde_json::Error },
    #[error(
        "{}: storage.segment_size_bytes is {found}, but must be {SEGMENT_SIZE_BYTES_MIN} to {SEGMENT_SIZE_BYTES_MAX}",
        path.display()
    )]
    SegmentSize { path: PathBuf, found: u64 },
}

/// `DIR/node.yaml`.
pub fn node_file(dir: &Path) -> PathBuf {
    dir.join("node.yaml")
}

/// `DIR/run.json`.
pub fn run_file(dir: &Path) -> PathBuf {
    dir.join("run.json")
}

/// `DIR/node.log`.
pub fn node_log(dir: &Path) -> PathBuf {
    dir.join("node.log")
}

/// `DIR/identity`: certificate and key.
pub fn identity_dir(dir: &Path) -> PathBuf {
    dir.join("identity")
}

/// `DIR/data`: what `Journal::open` opens.
pub fn data_dir(dir: &Path) -> PathBuf {
    dir.join("data")
}

/// `data/lock`.
pub fn lock_file(data_dir: &Path) -> PathBuf {
    data_dir.join("lock")
}

/// `data/in-use`: there while the directory is open, and after a crash.
pub fn in_use_file(data_dir: &Path) -> PathBuf {
    data_dir.join("in-use")
}

/// `data/hard_state`.
pub fn hard_state_file(data_dir: &Path) -> PathBuf {
    data_dir.join("hard_state")
}

/// `data/log`.
pub fn log_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("log")
}

/// `data/reserve`: room on the disk that is held back; zeros.
pub fn reserve_file(data_dir: &Path) -> PathBuf {
    data_dir.join("reserve")
}

/// `data/recovering`: there while this node may hold less than it has acknowledged (R64); says why.
pub fn recovering_file(data_dir: &Path) -> PathBuf {
    data_dir.join("recovering")
}

/// `data/redacted`: there in a bundle that shall hold no values; the log beside it was rewritten, and nothing else of the
/// data directory is there. Says so.
pub fn redacted_file(data_dir: &Path) -> PathBuf {
    data_dir.join("redacted")
}

/// `DIR/superseded`: there when another cluster goes on from what this node's cluster held; says which.
pub fn superseded_file(dir: &Path) -> PathBuf {
    dir.join("superseded")
}

/// What `superseded` says; none when this node may run.
///
/// # Errors
/// It is there and cannot be read.
pub fn superseded(dir: &Path) -> Result<Option<String>, FileError> {
    match read_small(&superseded_file(dir)) {
        Ok(text) => Ok(Some(String::from_utf8_lossy(&text).trim().to_owned())),
        Err(FileError::Missing { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// `data/damaged`: parts of a damaged log, in a numbered directory for each time.
pub fn damaged_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("damaged")
}

/// Notes that the node holds everything it has acknowledged again.
///
/// # Errors
/// The note could not be made to last; the node then recovers once more at its next start, which is harmless.
pub fn end_recovery(data_dir: &Path) -> io::Result<()> {
    end_recovery_on(&RealDisk, data_dir)
}

/// `end_recovery` on any disk.
///
/// # Errors
/// As there.
pub fn end_recovery_on(disk: &dyn Disk, data_dir: &Path) -> io::Result<()> {
    let note = recovering_file(data_dir);
    // An earlier attempt may have got as far as the sync.
    if disk.exists(&note)? {
        disk.remove(&note)?;
    }
    disk.sync_directory(data_dir)
}

/// `data/snapshots`.
pub fn snapshot_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("snapshots")
}

/// `00000000000000000150-00000000000000000003.snap`: index and term of the last entry that the snapshot covers.
pub fn snapshot_name(last: LogId) -> String {
    format!("{:020}-{:020}.snap", last.index.0, last.term.0)
}

/// When this node wrote the snapshot that ends with `last`; none when it has none.
pub fn snapshot_time(data_dir: &Path, last: LogId) -> Option<SystemTime> {
    disk::changed_at(&snapshot_dir(data_dir).join(snapshot_name(last))).ok()
}

/// Reads the last entry out of a snapshot's name; none when it is not one.
pub fn parse_snapshot_name(name: &str) -> Option<LogId> {
    let (index, term) = name.strip_suffix(".snap")?.split_once('-')?;
    let last = LogId::new(index.parse().ok()?, term.parse().ok()?);
    (snapshot_name(last) == name).then_some(last)
}

/// `00000000000000000150-00000000000000000003-1f9a0c22d4e1b367-48211.part`: a snapshot that is being received, by its
/// last entry, its digest and its size, so that parts of two snapshots are never mixed (R88).
pub fn partial_name(meta: &SnapshotMeta) -> String {
    let last = meta.last;
    format!("{:020}-{:020}-{:016x}-{}.part", last.index.0, last.term.0, meta.digest, meta.size_bytes)
}

/// Reads the last entry out of the name of a snapshot that is being received; none when it is not one.
pub fn parse_partial_name(name: &str) -> Option<LogId> {
    let mut parts = name.strip_suffix(".part")?.split('-');
    let last = LogId::new(parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let is_whole = parts.next()?.len() == 16 && parts.next()?.parse::<u64>().is_ok() && parts.next().is_none();
    is_whole.then_some(last)
}

/// What room for a segment that is to come is called, with the ending of what is being prepared behind it.
pub(super) const SPARE_SEGMENT: &str = "spare.seg";

/// `00000001-00000000000000000001.seg`: sequence number, then the index of the first entry.
pub fn segment_name(sequence: u64, first: Index) -> String {
    format!("{sequence:08}-{:020}.seg", first.0)
}

/// Reads sequence number and first index out of a segment's name; none when it is not one.
pub fn parse_segment_name(name: &str) -> Option<(u64, Index)> {
    let (sequence, first) = name.strip_suffix(".seg")?.split_once('-')?;
    let parsed = (sequence.parse().ok()?, Index(first.parse().ok()?));
    (segment_name(parsed.0, parsed.1) == name).then_some(parsed)
}

/// Makes `DIR/data` with term 1, no vote, and a log whose only entry is the configuration, all durable.
///
/// The directory is as after a clean close: damage to any byte of it is noticed. A crash leaves nothing or all.
///
/// # Errors
/// `Exists` when there is data already; `Io` for what the disk refused.
pub fn found(dir: &Path, founding: &Founding) -> Result<(), FoundError> {
    found_on(&RealDisk, dir, founding)
}

/// `found` on any disk.
pub fn found_on(disk: &dyn Disk, dir: &Path, founding: &Founding) -> Result<(), FoundError> {
    found_filled(disk, dir, |data| wal::write_founding(disk, data, founding))
}

/// Makes `DIR/data` of what `fill` writes; whole or not at all.
pub(super) fn found_filled(
    disk: &dyn Disk,
    dir: &Path,
    fill: impl FnOnce(&Path) -> io::Result<()>,
) -> Result<(), FoundError> {
    let data = data_dir(dir);
    let failed = |source| FoundError::Io { path: data.clone(), source };
    if disk.exists(&data).map_err(failed)? && !disk.list(&data).map_err(failed)?.is_empty() {
        return Err(FoundError::Exists { path: data });
    }
    disk.create_directory(dir).map_err(failed)?;
    let temporary = disk::temporary_name(&data);
    if disk.exists(&temporary).map_err(failed)? {
        disk.remove_directory(&temporary).map_err(failed)?;
    }
    disk.create_directory(&log_dir(&temporary)).map_err(failed)?;
    fill(&temporary).map_err(failed)?;
    disk.sync_directory(&log_dir(&temporary)).map_err(failed)?;
    disk.sync_directory(&temporary).map_err(failed)?;
    disk.rename(&temporary, &data).map_err(failed)?;
    disk.sync_directory(dir).map_err(failed)
}

impl Default for StorageSection {
    fn default() -> StorageSection {
        StorageSection {
            segment_size_bytes: SEGMENT_SIZE_BYTES_DEFAULT,
            sync: SyncMode::Always,
            on_corruption: OnCorruption::Recover,
            snapshot_every: SNAPSHOT_EVERY_DEFAULT,
            retain_entries: RETAIN_ENTRIES_DEFAULT,
        }
    }
}

impl NodeFile {
    /// Reads `DIR/node.yaml`.
    pub fn read(dir: &Path) -> Result<NodeFile, FileError> {
        NodeFile::read_on(&RealDisk, dir)
    }

    /// `read` on any disk.
    pub fn read_on(disk: &dyn Disk, dir: &Path) -> Result<NodeFile, FileError> {
        let path = node_file(dir);
        let bytes = read_small_on(disk, &path)?;
        let file: NodeFile = match serde_yaml::from_slice(&bytes) {
            Ok(file) => file,
            Err(source) => return Err(FileError::Yaml { path, source }),
        };
        let found = file.storage.segment_size_bytes;
        if !(SEGMENT_SIZE_BYTES_MIN..=SEGMENT_SIZE_BYTES_MAX).contains(&found) {
            return Err(FileError::SegmentSize { path, found });
        }
        Ok(file)
    }

    /// Writes `DIR/node.yaml` in one step.
    pub fn write(&self, dir: &Path) -> Result<(), FileError> {
        let path = node_file(dir);
        match serde_yaml::to_string(self) {
            Ok(text) => replace_small(path, text.as_bytes()),
            Err(source) => Err(FileError::Yaml { path, source }),
        }
    }
}

impl RunFile {
    /// What describes the calling process; `started` is now, as the caller's clock says.
    pub fn of_this_process(started: String) -> Result<RunFile, FileError> {
        let pid = std::process::id();
        let start_ticks = process_start_ticks(pid)?.ok_or_else(|| FileError::Missing { path: stat_file(pid) })?;
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Ok(RunFile { pid, start_ticks, boot_id: boot_id()?, version, started })
    }

    /// Reads `DIR/run.json`; `Missing` when no process ever ran here.
    pub fn read(dir: &Path) -> Result<RunFile, FileError> {
        let path = run_file(dir);
        let bytes = read_small(&path)?;
        serde_json::from_slice(&bytes).map_err(|source| FileError::Json { path, source })
    }

    /// Writes `DIR/run.json` in one step.
    pub fn write(&self, dir: &Path) -> Result<(), FileError> {
        let path = run_file(dir);
        match serde_json::to_vec(self) {
            Ok(mut text) => {
                text.push(b'\n');
                replace_small(path, &text)
            }
            Err(source) => Err(FileError::Json { path, source }),
        }
    }

    /// Whether the process this file names still runs: same boot, same pid, same start.
    pub fn is_alive(&self) -> Result<bool, FileError> {
        Ok(boot_id()? == self.boot_id && process_start_ticks(self.pid)? == Some(self.start_ticks))
    }
}

/// Whether a process holds the data directory of this node open. False also when there is no data directory.
///
/// Takes the lock for an instant to find out, so a node that opens in that instant may be refused; openers retry.
pub fn is_locked(dir: &Path) -> Result<bool, FileError> {
    let path = lock_file(&data_dir(dir));
    match RealDisk.exists(&path).and_then(|exists| Ok(exists && RealDisk.lock(&path)?.is_none())) {
        Ok(locked) => Ok(locked),
        Err(source) => Err(FileError::Io { path, source }),
    }
}

/// When the process started, in clock ticks since boot; none when there is no such process or it is a zombie.
pub fn process_start_ticks(pid: u32) -> Result<Option<u64>, FileError> {
    let path = stat_file(pid);
    match disk::read_whole(&RealDisk, &path, SMALL_FILE_BYTES_MAX) {
        Ok(text) => Ok(start_ticks_in(&String::from_utf8_lossy(&text))),
        Err(error) if is_gone(&error) => Ok(None),
        Err(source) => Err(FileError::Io { path, source }),
    }
}

/// Names this boot of the machine.
pub fn boot_id() -> Result<String, FileError> {
    let bytes = read_small(Path::new("/proc/sys/kernel/random/boot_id"))?;
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// Bytes this user may still write where the directory lies.
pub fn disk_free_bytes(dir: &Path) -> io::Result<u64> {
    RealDisk.free_bytes(dir)
}

fn stat_file(pid: u32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/stat"))
}

/// A process may vanish between the opening and the reading of its file; then reading says ESRCH.
fn is_gone(error: &io::Error) -> bool {
    const ESRCH: i32 = 3;
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(ESRCH)
}

/// Field 22; the command in field 2 may hold spaces and brackets, so counting starts behind the last bracket.
fn start_ticks_in(stat: &str) -> Option<u64> {
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace();
    let state = fields.next()?;
    if state == "Z" || state == "X" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

fn read_small(path: &Path) -> Result<Vec<u8>, FileError> {
    read_small_on(&RealDisk, path)
}

fn read_small_on(disk: &dyn Disk, path: &Path) -> Result<Vec<u8>, FileError> {
    let path = path.to_path_buf();
    match disk::read_whole(disk, &path, SMALL_FILE_BYTES_MAX) {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(FileError::Missing { path }),
        Err(source) => Err(FileError::Io { path, source }),
    }
}

fn replace_small(path: PathBuf, content: &[u8]) -> Result<(), FileError> {
    disk::replace(&RealDisk, &path, content).map_err(|source| FileError::Io { path, source })
}

mod cluster_id_as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::raft::ClusterId;

    pub fn serialize<S: Serializer>(id: &ClusterId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ClusterId, D::Error> {
        let text = String::deserialize(deserializer)?;
        let whole = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u128::from_str_radix(&text, 16).ok().filter(|_| whole);
        number.map(ClusterId).ok_or_else(|| D::Error::custom("a cluster id has 32 hexadecimal digits"))
    }
}

mod node_id_as_number {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::raft::NodeId;

    pub fn serialize<S: Serializer>(id: &NodeId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(id.0)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NodeId, D::Error> {
        match u64::deserialize(deserializer)? {
            0 => Err(D::Error::custom("node ids start at 1")),
            id => Ok(NodeId(id)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node_yaml() -> NodeFile {
        NodeFile {
            cluster: "three".to_owned(),
            cluster_id: ClusterId(0xabc),
            id: NodeId(2),
            name: "n2".to_owned(),
            listen: "127.0.0.1:7002".to_owned(),
            advertise: "127.0.0.1:7002".to_owned(),
            storage: StorageSection {
                segment_size_bytes: 1 << 20,
                sync: SyncMode::None,
                on_corruption: OnCorruption::Refuse,
                snapshot_every: 500,
                retain_entries: 0,
            },
        }
    }

    #[test]
    fn node_yaml_reads_back_and_refuses_what_it_does_not_know() {
        let directory = tempfile::tempdir().unwrap();
        let dir = directory.path();
        assert!(matches!(NodeFile::read(dir), Err(FileError::Missing { .. })));
        node_yaml().write(dir).unwrap();
        assert_eq!(NodeFile::read(dir).unwrap(), node_yaml());
        let text = serde_yaml::to_string(&node_yaml()).unwrap();
        assert!(text.contains("cluster_id: 00000000000000000000000000000abc"), "{text}");
        let broken = [
            format!("{text}surprise: 1\n"),
            text.replace("id: 2", "id: 0"),
            text.replace("0abc", "abc"),
            text.replace("sync: none", "sync: sometimes"),
            text.replace("1048576", "17"),
        ];
        for broken in broken {
            assert_ne!(broken, text);
            disk::replace(&RealDisk, &node_file(dir), broken.as_bytes()).unwrap();
            assert!(NodeFile::read(dir).is_err(), "{broken}");
        }
    }

    #[test]
    fn run_json_tells_this_process_from_others() {
        let directory = tempfile::tempdir().unwrap();
        let run = RunFile::of_this_process("2026-01-01T00:00:00Z".to_owned()).unwrap();
        run.write(directory.path()).unwrap();
        assert_eq!(RunFile::read(directory.path()).unwrap(), run);
        assert!(run.is_alive().unwrap());
        let later = RunFile { start_ticks: run.start_ticks + 1, ..run.clone() };
        assert!(!later.is_alive().unwrap(), "the pid was used again");
        assert!(!RunFile { boot_id: "another".to_owned(), ..run }.is_alive().unwrap());
        assert_eq!(process_start_ticks(u32::MAX).unwrap(), None);
    }

    #[test]
    fn start_ticks_are_found_whatever_the_command_is_called() {
        let stat = "12 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20";
        assert_eq!(start_ticks_in(stat), Some(4242));
        assert_eq!(start_ticks_in(&stat.replace(" S ", " Z ")), None);
        assert_eq!(start_ticks_in("nonsense"), None);
    }

    #[test]
    fn segment_names_read_back_and_sort_as_their_numbers() {
        assert_eq!(segment_name(1, Index(1)), "00000001-00000000000000000001.seg");
        assert_eq!(parse_segment_name("00000012-00000000000000000345.seg"), Some((12, Index(345))));
        for other in
            ["12-345.seg", "00000001-00000000000000000001.seg.tmp", "x.seg", "00000001-0000000000000000000x.seg"]
        {
            assert_eq!(parse_segment_name(other), None, "{other}");
        }
        assert!(segment_name(9, Index(99)) < segment_name(10, Index(100)));
    }
}
