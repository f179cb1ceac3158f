//! What is left of a damaged log: the intact entries before the first damage, for a node whose peers can give it the
//! rest (R63, R64).
//!
//! Promises: nothing is thrown away. What is behind the damage moves to `data/damaged/N/`, byte for byte, and is
//! reported. Before anything moves, `data/recovering` says that this node may hold less than it has acknowledged; it
//! stays until consensus says otherwise, so a crash on the way changes nothing. What was known to be committed is
//! believed only as far as the kept part itself says it: a segment that is gone may have replaced what is now the end.
//! A snapshot that ends behind the kept part holds only what is committed, and takes its place.
//!
//! Refused as ever: a hard state that is lost or contradicts the log (R65), another version, a log without its first
//! configuration, a node without peers who vote, and a disk that was damaged too often.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{self, Disk, DiskFile};
use super::hard_state::Chosen;
use super::layout;
use super::reader::{self, Damage, Item, Known};
use super::recovery::{Base, Candidates, Note, OpenError, Survey};
use super::scanner;
use crate::raft::{Index, NodeId};

/// So often may parts of a log be set aside; a disk that needs it more often is not to be trusted.
const REPAIRS_MAX: u32 = 16;

/// Bytes copied at once.
const COPY_CHUNK_BYTES: usize = 1024 * 1024;

/// Reads the intact part of a damaged log; changes nothing.
///
/// # Errors
/// The log cannot be read, or holds something of another version; nothing has changed.
pub(super) fn intact_part(
    disk: Arc<dyn Disk>,
    data_dir: &Path,
    chosen: &Chosen,
    candidates: Candidates,
) -> Result<Survey, OpenError> {
    let log_dir = layout::log_dir(data_dir);
    let mut survey = Survey::new(chosen, Index(0), candidates);
    let known = Known { clean_end: None, covered: Some(survey.candidates.covered()) };
    let walk = reader::walk_directory(disk, &log_dir, known, None)
        .map_err(|source| OpenError::Io { path: log_dir, source })?;
    // Damage that concerns whole segments is told before the first of them is read.
    let mut first_bad = u64::MAX;
    let mut is_reading = false;
    let mut continued = None;
    for item in walk {
        match item {
            Item::Damage(found) if !is_reading => {
                first_bad = first_bad.min(sequence_of(&found.file).unwrap_or(u64::MAX));
                continue;
            }
            Item::Damage(_) | Item::TornTail { .. } => break,
            Item::Dead { .. } => continue,
            Item::Segment(ref segment) if segment.header.sequence >= first_bad => break,
            Item::Marker { ref marker, .. } => continued = marker.continued.then_some(marker.offset),
            Item::Segment(_) | Item::Record { .. } => continued = None,
        }
        is_reading = true;
        match survey.take(item) {
            Ok(()) => {}
            Err(OpenError::Damaged(_)) => break,
            Err(error) => return Err(error),
        }
    }
    survey.publish();
    // The segment that this marker promises is gone, or will be.
    if let (Some(newest), Some(offset)) = (&mut survey.newest, continued) {
        newest.end = newest.end.min(offset);
    }
    Ok(survey)
}

/// Moves everything behind the intact part out of the log, and notes what it was. `damage` is why it is needed.
///
/// # Errors
/// The log cannot be repaired by peers; nothing has changed. Or it was being moved.
pub(super) fn set_aside(
    disk: &dyn Disk,
    data_dir: &Path,
    survey: &mut Survey,
    base: &Base,
    damage: Damage,
) -> Result<(), OpenError> {
    let of_snapshot = match base {
        Base::None => None,
        Base::Installed(loaded) | Base::Waiting(loaded) => Some(&loaded.meta),
    };
    let of_log = survey.shape.configs.last().map(|(_, config)| config);
    let config = match base {
        Base::Waiting(loaded) => Some(&loaded.meta.config),
        Base::None | Base::Installed(_) => of_log.or(of_snapshot.map(|meta| &meta.config)),
    };
    let is_other = |id: &NodeId| *id != survey.meta.node;
    let has_peers = config.is_some_and(|config| config.voters.iter().chain(&config.outgoing).any(is_other));
    if !has_peers || survey.newest.is_none() {
        return Err(damage.into());
    }
    if repairs(disk, data_dir).map_err(|source| failed(data_dir, source))? >= REPAIRS_MAX {
        return Err(damage.into());
    }
    let last = match base {
        Base::Waiting(loaded) => loaded.meta.last,
        Base::None | Base::Installed(_) => survey.tip.id,
    };
    survey.notes.push(Note::Salvaged { damage, last });
    let notes = move_behind(disk, data_dir, survey).map_err(|source| failed(data_dir, source))?;
    survey.notes.extend(notes);
    Ok(())
}

fn move_behind(disk: &dyn Disk, data_dir: &Path, survey: &Survey) -> io::Result<Vec<Note>> {
    let reason: Vec<String> = survey.notes.iter().map(Note::to_string).collect();
    disk::replace(disk, &layout::recovering_file(data_dir), format!("{}\n", reason.join("\n")).as_bytes())?;
    let aside = layout::damaged_dir(data_dir).join((repairs(disk, data_dir)? + 1).to_string());
    disk.create_directory(&aside)?;
    let mut notes = Vec::new();
    let newest = survey.newest.as_ref().expect("a log with a configuration has a segment");
    let kept: &Path = &newest.item.file;
    let file = disk.open(kept)?;
    let length_bytes = scanner::used_bytes(file.as_ref(), newest.end)?;
    if length_bytes > 0 {
        let to = aside.join(format!("{}.from-byte-{}", name_of(kept), newest.end));
        copy(file.as_ref(), newest.end, length_bytes, disk.create(&to)?.as_ref())?;
        notes.push(Note::SetAside { file: newest.item.file.clone(), offset: newest.end, length_bytes, to });
    }
    let log_dir = layout::log_dir(data_dir);
    for name in disk.list(&log_dir)? {
        let is_behind =
            layout::parse_segment_name(&name).is_some_and(|(sequence, _)| sequence > newest.item.header.sequence);
        if is_behind {
            let (from, to) = (log_dir.join(&name), aside.join(&name));
            let length_bytes = disk.open(&from)?.length_bytes()?;
            disk.rename(&from, &to)?;
            notes.push(Note::SetAside { file: Arc::from(from), offset: 0, length_bytes, to });
        }
    }
    disk.sync_directory(&aside)?;
    disk.sync_directory(&layout::damaged_dir(data_dir))?;
    disk.sync_directory(&log_dir)?;
    disk.sync_directory(data_dir)?;
    Ok(notes)
}

/// How often parts of this log were set aside.
fn repairs(disk: &dyn Disk, data_dir: &Path) -> io::Result<u32> {
    let dir = layout::damaged_dir(data_dir);
    if !disk.exists(&dir)? {
        return Ok(0);
    }
    Ok(disk.list(&dir)?.iter().filter_map(|name| name.parse().ok()).max().unwrap_or(0))
}

fn copy(from: &dyn DiskFile, start: u64, length_bytes: u64, to: &dyn DiskFile) -> io::Result<()> {
    let mut copied = 0;
    while copied < length_bytes {
        let length = usize::try_from(length_bytes - copied).unwrap_or(usize::MAX).min(COPY_CHUNK_BYTES);
        let mut bytes = vec![0; length];
        let read = from.read_at(&mut bytes, start + copied)?;
        if read == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the segment became shorter while it was copied"));
        }
        to.write_at(&bytes[..read], copied)?;
        copied += read as u64;
    }
    to.sync()
}

fn sequence_of(file: &Path) -> Option<u64> {
    layout::parse_segment_name(&name_of(file)).map(|(sequence, _)| sequence)
}

fn name_of(file: &Path) -> String {
    file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn failed(path: &Path, source: io::Error) -> OpenError {
    let path: PathBuf = path.to_path_buf();
    OpenError::Io { path, source }
}
