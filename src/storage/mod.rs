//! The log on disk: segments, hard state, snapshots, group commit, recovery.
//!
//! `journal` is the front. Behind it: `wal` appends to segments, `spare` makes room for the next one, `segment` knows their bytes, `positions` where entries
//! lie, `hard_state` keeps term and vote, `scanner` and `reader` read what is there (one reader, two policies: `recovery`
//! is strict, the inspector tolerant), `snapshot` keeps the snapshots, whose bytes `snapshot_file` knows and on which
//! `snapshot_desk` does a node's work, `rebuild` makes segments of an imported or redacted log, `layout` names the files, and `disk`
//! alone touches them. `archive` is a disk, too: the files in a bundle, in the format that `ustar` knows. `docs/formats.md` draws every byte.
//!
//! Decides nothing about consensus: it stores what it is told, in the order it is told, or stops for ever (R60).

pub mod archive;
pub mod disk;
#[cfg(test)]
mod failing_disk;
pub mod hard_state;
pub mod journal;
#[cfg(test)]
mod journal_tests;
pub mod layout;
mod positions;
pub mod reader;
pub mod rebuild;
pub mod recovery;
pub mod restore;
pub mod room;
mod salvage;
#[cfg(test)]
mod salvage_tests;
mod scanner;
pub mod segment;
pub mod snapshot;
pub mod snapshot_desk;
pub mod snapshot_file;
#[cfg(test)]
mod snapshot_tests;
mod spare;
pub mod ustar;
mod wal;

pub use journal::{Journal, JournalOptions, WriteError};
pub use layout::{OnCorruption, SyncMode};
pub use positions::{LogReader, ReadError};
pub use recovery::{DirectoryMeta, Note, OpenError, Recovered};
pub use snapshot::{Incoming, SnapshotReader, SnapshotStore};
pub use snapshot_desk::SnapshotDesk;
pub use snapshot_file::{Loaded, SnapshotError, SnapshotHead};
pub use wal::SyncLatency;
