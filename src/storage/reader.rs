//! Reads what is on disk; used by recovery (strict) and by the inspector (tolerant). One reader, two policies.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::segment::{Marker, SegmentHeader};
use crate::codec::RecordHeader;
use crate::raft::Index;

/// One spot that cannot be what this program wrote, or whose loss nothing explains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    pub file: Arc<Path>,
    /// Byte in the file.
    pub offset: u64,
    pub kind: DamageKind,
    /// One sentence without a full stop.
    pub explanation: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DamageKind {
    /// A segment's header.
    Header,
    /// A record.
    Record,
    /// A sync marker.
    Marker,
    /// Bytes are whole but do not continue what is before them.
    Chain,
    /// A segment, or what should be behind an offset, is not there.
    Missing,
    HardState,
    /// Written by another version of this program.
    Version,
}

/// One thing met on the walk, in log order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A segment begins; what follows lies in it until the next `Segment`.
    Segment(SegmentItem),
    Record {
        file: Arc<Path>,
        offset: u64,
        header: RecordHeader,
        payload: Bytes,
    },
    Marker {
        file: Arc<Path>,
        offset: u64,
        marker: Marker,
    },
    Damage(Damage),
    /// Bytes of a write that never completed; recovery cuts them off.
    TornTail {
        file: Arc<Path>,
        offset: u64,
        length_bytes: u64,
    },
    /// Entries that a later segment replaces; never judged.
    Dead {
        file: Arc<Path>,
        offset: u64,
        length_bytes: u64,
        /// The segment that replaced them.
        replaced_by: u64,
        /// First index that is replaced.
        from: Index,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentItem {
    pub file: Arc<Path>,
    pub header: SegmentHeader,
    /// Length of the file, zeros behind the log included.
    pub length_bytes: u64,
    /// Last index that counts in this segment; none in the newest, where all do.
    pub until: Option<Index>,
}

/// Why a walk could not begin.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{} is neither a data directory nor a log segment", path.display())]
    NotALog { path: PathBuf },
}

/// Iterates over the live log in index order.
#[derive(Debug)]
pub struct Walk {}

/// Walks a data directory, a copy of one, or a single segment file, without a lock and without writing.
pub fn walk(_path: &Path) -> Result<Walk, WalkError> {
    todo!()
}

impl Iterator for Walk {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        todo!()
    }
}

impl Damage {
    pub(super) fn new(file: &Path, offset: u64, kind: DamageKind, explanation: String) -> Damage {
        Damage { file: Arc::from(file), offset, kind, explanation }
    }
}

impl DamageKind {
    pub const fn word(self) -> &'static str {
        match self {
            DamageKind::Header => "header",
            DamageKind::Record => "record",
            DamageKind::Marker => "marker",
            DamageKind::Chain => "chain",
            DamageKind::Missing => "missing",
            DamageKind::HardState => "hard state",
            DamageKind::Version => "version",
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}: {}: {}", self.file.display(), self.offset, self.kind.word(), self.explanation)
    }
}
