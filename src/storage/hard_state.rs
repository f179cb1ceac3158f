//! Term and vote on disk, twice: what must survive whatever happens to the log (R1, R65).
//!
//! One file of two 4096-byte slots. An update writes the first slot, syncs, writes the second, syncs, so at any moment
//! at least one slot is whole, and at rest either can answer for the other. Which one counts:
//!
//! | first slot | second slot | meaning |
//! | --- | --- | --- |
//! | n | n | at rest |
//! | n+1 | n | stopped between the two writes: n+1 |
//! | bad | n | stopped within the first write, or damaged: n |
//! | n | bad | stopped within the second write, or damaged: n |
//! | bad | bad | damaged: nobody can answer |
//! | n | m > n | never written by this program |
//!
//! A bad slot in a cleanly closed directory is damage and is refused. Whether it was cleanly closed is told by the
//! file `in-use` beside this one, not by the slots alone: clearing a flag inside a slot could itself be torn.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{self, Disk, DiskFile, RealDisk};
use super::layout;
use super::reader::{Damage, DamageKind};
use super::segment::{check_block, seal_block, u32_at, u64_at, u128_at};
use crate::raft::{ClusterId, HardState, Index, NodeId, StorageId, Term};

/// First bytes of each slot.
pub const HARD_STATE_MAGIC: [u8; 8] = *b"RAFTHST\n";

/// The only version this program writes and reads.
pub const HARD_STATE_VERSION: u32 = 1;

/// Length of one slot.
pub const SLOT_BYTES: usize = 4096;

/// Length of the file.
pub const HARD_STATE_FILE_BYTES: usize = 2 * SLOT_BYTES;

/// One slot's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    pub cluster_id: ClusterId,
    pub node: NodeId,
    pub storage: StorageId,
    /// Counts updates, from 1.
    pub counter: u64,
    pub hard_state: HardState,
    pub commit_hint: Index,
    /// Where the log ended when the directory was closed; none while it is open.
    pub clean_end: Option<LogEnd>,
}

/// The place behind the last byte of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEnd {
    /// Sequence number of the newest segment.
    pub sequence: u64,
    pub offset: u64,
}

/// Why a slot cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlotError {
    #[error("the file ends within the slot, after {have} of its {SLOT_BYTES} bytes")]
    Short { have: usize },
    #[error("checksum {found:08x}, but the bytes give {computed:08x}")]
    Damaged { found: u32, computed: u32 },
    #[error("this is not a hard state")]
    Magic,
    #[error("format version {found} is not known; this program reads version {HARD_STATE_VERSION}")]
    Version { found: u32 },
    #[error("{what} {found} is more than any node reaches")]
    Beyond { what: &'static str, found: u64 },
}

/// No count of updates, and no index, is ever higher: what is higher was not written by a node, and one more than it could
/// not be told.
const NUMBER_MAX: u64 = u64::MAX / 2;

/// What the file holds, for looking at; decides nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    pub file: PathBuf,
    pub slots: [Result<Slot, SlotError>; 2],
    /// Whether the file `in-use` lies beside it: open now, or not cleanly closed.
    pub in_use: bool,
}

/// Reads both slots of a `hard_state` file without judging them.
pub fn inspect(path: &Path) -> io::Result<Inspection> {
    inspect_on(&RealDisk, path)
}

/// `inspect` on any disk.
pub fn inspect_on(disk: &dyn Disk, path: &Path) -> io::Result<Inspection> {
    let bytes = disk::read_whole(disk, path, HARD_STATE_FILE_BYTES)?;
    let (first, second) = bytes.split_at(bytes.len().min(SLOT_BYTES));
    let in_use = disk.exists(&layout::in_use_file(disk::parent(path)))?;
    Ok(Inspection { file: path.to_path_buf(), slots: [Slot::decode(first), Slot::decode(second)], in_use })
}

/// What was chosen of the two slots, and whether the other one had to be passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chosen {
    pub slot: Slot,
    /// The slot that was not whole, 0 or 1, answered by the other one.
    pub answered: Option<usize>,
    /// The second slot still holds the update before.
    pub is_second_behind: bool,
}

impl Inspection {
    /// The slot that counts.
    ///
    /// # Errors
    /// The damage, when no slot can be trusted, or when one is bad in a cleanly closed directory.
    pub fn choose(&self) -> Result<Chosen, Damage> {
        match (&self.slots[0], &self.slots[1]) {
            (Err(SlotError::Version { found }), _) => Err(self.wrong_version(0, *found)),
            (_, Err(SlotError::Version { found })) => Err(self.wrong_version(1, *found)),
            (Err(one), Err(other)) => Err(self.damage(0, format!("neither slot is whole: {one}; {other}"))),
            (Ok(first), Err(error)) => self.answered_by(first, 1, error),
            (Err(error), Ok(second)) => self.answered_by(second, 0, error),
            (Ok(first), Ok(second)) => self.newer(first, second),
        }
    }

    /// Where the log ended, if the directory was cleanly closed and not opened since.
    pub fn clean_end(&self, chosen: &Chosen) -> Option<LogEnd> {
        if self.in_use { None } else { chosen.slot.clean_end }
    }

    fn answered_by(&self, good: &Slot, bad: usize, error: &SlotError) -> Result<Chosen, Damage> {
        if !self.in_use {
            return Err(self.damage(bad, format!("{error}, in a directory that was cleanly closed")));
        }
        Ok(Chosen { slot: *good, answered: Some(bad), is_second_behind: false })
    }

    fn newer(&self, first: &Slot, second: &Slot) -> Result<Chosen, Damage> {
        let same_owner =
            (first.cluster_id, first.node, first.storage) == (second.cluster_id, second.node, second.storage);
        let in_order = first == second || first.counter == second.counter + 1 && self.in_use;
        if !same_owner || !in_order {
            let counters = (first.counter, second.counter);
            return Err(
                self.damage(1, format!("the slots contradict each other: updates {} and {}", counters.0, counters.1))
            );
        }
        Ok(Chosen { slot: *first, answered: None, is_second_behind: first != second })
    }

    fn damage(&self, slot: usize, explanation: String) -> Damage {
        Damage::new(&self.file, (slot * SLOT_BYTES) as u64, DamageKind::HardState, explanation)
    }

    fn wrong_version(&self, slot: usize, found: u32) -> Damage {
        let explanation = SlotError::Version { found }.to_string();
        Damage::new(&self.file, (slot * SLOT_BYTES) as u64, DamageKind::Version, explanation)
    }
}

impl Slot {
    pub fn encode(&self) -> [u8; SLOT_BYTES] {
        let mut block = [0; SLOT_BYTES];
        block[0..8].copy_from_slice(&HARD_STATE_MAGIC);
        block[8..12].copy_from_slice(&HARD_STATE_VERSION.to_le_bytes());
        block[16..32].copy_from_slice(&self.cluster_id.0.to_le_bytes());
        block[32..48].copy_from_slice(&self.storage.0.to_le_bytes());
        block[48..56].copy_from_slice(&self.node.0.to_le_bytes());
        block[56..64].copy_from_slice(&self.counter.to_le_bytes());
        block[64..72].copy_from_slice(&self.hard_state.term.0.to_le_bytes());
        block[72..80].copy_from_slice(&self.hard_state.vote.map_or(0, |node| node.0).to_le_bytes());
        block[80..88].copy_from_slice(&self.commit_hint.0.to_le_bytes());
        let end = self.clean_end.unwrap_or(LogEnd { sequence: 0, offset: 0 });
        block[88..96].copy_from_slice(&end.sequence.to_le_bytes());
        block[96..104].copy_from_slice(&end.offset.to_le_bytes());
        seal_block(&mut block);
        block
    }

    pub fn decode(bytes: &[u8]) -> Result<Slot, SlotError> {
        if bytes.len() < SLOT_BYTES {
            return Err(SlotError::Short { have: bytes.len() });
        }
        let block = &bytes[..SLOT_BYTES];
        if let Err((found, computed)) = check_block(block) {
            return Err(SlotError::Damaged { found, computed });
        }
        if block[0..8] != HARD_STATE_MAGIC {
            return Err(SlotError::Magic);
        }
        let version = u32_at(block, 8);
        if version != HARD_STATE_VERSION {
            return Err(SlotError::Version { found: version });
        }
        let vote = NodeId(u64_at(block, 72));
        let end = LogEnd { sequence: u64_at(block, 88), offset: u64_at(block, 96) };
        for (what, at, max) in [
            ("update", 56, NUMBER_MAX),
            ("term", 64, Term::MAX.0),
            ("commit hint", 80, NUMBER_MAX),
            ("segment", 88, NUMBER_MAX),
        ] {
            let found = u64_at(block, at);
            if found > max {
                return Err(SlotError::Beyond { what, found });
            }
        }
        Ok(Slot {
            cluster_id: ClusterId(u128_at(block, 16)),
            storage: StorageId(u128_at(block, 32)),
            node: NodeId(u64_at(block, 48)),
            counter: u64_at(block, 56),
            hard_state: HardState { term: Term(u64_at(block, 64)), vote: (vote != NodeId(0)).then_some(vote) },
            commit_hint: Index(u64_at(block, 80)),
            clean_end: (end.sequence != 0).then_some(end),
        })
    }
}

/// The open file and what it holds.
#[derive(Debug)]
pub(super) struct HardStateFile {
    file: Arc<dyn DiskFile>,
    slot: Slot,
    sync: layout::SyncMode,
}

impl HardStateFile {
    /// Takes over an existing file whose content is `slot`; nothing is written yet.
    pub(super) fn new(file: Arc<dyn DiskFile>, slot: Slot, sync: layout::SyncMode) -> HardStateFile {
        HardStateFile { file, slot, sync }
    }

    pub(super) fn slot(&self) -> &Slot {
        &self.slot
    }

    /// Makes both slots hold what was chosen, without touching the only whole one. An update needs that: it begins by
    /// overwriting the first slot, and while it does, only the second one can answer.
    pub(super) fn even(&self, chosen: &Chosen) -> io::Result<()> {
        let positions: &[usize] = match chosen.answered {
            Some(0) => &[0],
            Some(_) => &[1],
            None if chosen.is_second_behind => &[0, 1],
            None => &[],
        };
        positions.iter().try_for_each(|position| self.write_slot(*position, &chosen.slot))
    }

    /// Writes both slots, one after the other, each synced before the next begins.
    pub(super) fn update(
        &mut self,
        hard_state: HardState,
        commit_hint: Index,
        clean_end: Option<LogEnd>,
    ) -> io::Result<()> {
        let counter = self.slot.counter + 1;
        let slot = Slot { counter, hard_state, commit_hint, clean_end, ..self.slot };
        self.write_slot(0, &slot)?;
        self.write_slot(1, &slot)?;
        self.slot = slot;
        Ok(())
    }

    fn write_slot(&self, position: usize, slot: &Slot) -> io::Result<()> {
        self.file.write_at(&slot.encode(), (position * SLOT_BYTES) as u64)?;
        match self.sync {
            layout::SyncMode::Always => self.file.sync(),
            layout::SyncMode::None => Ok(()),
        }
    }
}

impl fmt::Display for LogEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "segment {} byte {}", self.sequence, self.offset)
    }
}
