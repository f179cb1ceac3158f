//! What becomes of sectors that were safely stored, with nobody writing them: bits flip, sectors are zeroed, go back to
//! what they held before, hold what was meant for another place, or are taken for another one when they are read.
//!
//! The disk remembers which of its bytes are not what was stored last, until they are written over or their file goes,
//! so that whoever counts how many sound copies an entry has can ask. In a file whose end may still be in doubt only
//! those sectors decay that something behind them vouches for: what was written and synced after them. A write that is
//! lost before anything follows it looks like one that never completed, and no reader can tell the two apart.

use std::collections::BTreeMap;
use std::ops::Range;

use super::dice::Dice;
use super::disk::{File, SECTOR_BYTES, Sector, SimDisk, State};

/// How a sector decays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decay {
    /// One bit flips.
    BitFlip,
    Zeroed,
    /// It holds what it held before it was last written.
    Stale,
    /// What was written last went to another sector, of this file or of another one, and this one is stale.
    Misdirected,
}

/// How far the sectors of a file may decay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposure {
    No,
    /// Those that something behind them vouches for.
    Vouched,
    All,
}

/// One sector with what it held before, if that was not zeros.
type Former = Option<Box<Sector>>;

/// The past of a file's sectors, and the bytes that are not what was stored last.
#[derive(Debug, Default)]
pub struct Age {
    syncs: u64,
    /// By sector: in which sync it became durable, and what it held before.
    sectors: BTreeMap<usize, (u64, Former)>,
    /// Apart from each other.
    wrong: Vec<Range<usize>>,
    /// Written over since the last sync; a loss of power may take that back.
    rewritten: Vec<Range<usize>>,
}

/// A read that will go wrong, once.
#[derive(Debug)]
pub struct Misread {
    file: u64,
    sector: usize,
    content: Former,
}

impl Age {
    /// Bytes were written: whatever is wrong with them is gone with the next sync.
    pub fn written(&mut self, span: Range<usize>) {
        if self.wrong.iter().any(|wrong| wrong.start < span.end && span.start < wrong.end) {
            self.rewritten.push(span);
        }
    }

    /// What was written since the last sync may or may not be there.
    pub fn forget_unsynced(&mut self) {
        self.rewritten.clear();
    }

    /// The file was synced; `former` are the states of its sectors since the last time, oldest first.
    pub fn synced(&mut self, former: BTreeMap<usize, Vec<Former>>) {
        self.syncs += 1;
        for span in std::mem::take(&mut self.rewritten) {
            let cut = |wrong: &Range<usize>| {
                let before = wrong.start..wrong.end.min(span.start);
                let behind = wrong.start.max(span.end)..wrong.end;
                [before, behind]
            };
            self.wrong = self.wrong.iter().flat_map(cut).filter(|part| !part.is_empty()).collect();
        }
        for (sector, mut versions) in former {
            self.sectors.insert(sector, (self.syncs, versions.swap_remove(0)));
        }
    }

    /// Whether something was written and synced behind this sector after it.
    fn is_vouched(&self, sector: usize) -> bool {
        let when = self.sectors.get(&sector).map_or(0, |(when, _)| *when);
        self.sectors.range(sector + 1..).any(|(_, (later, _))| *later > when)
    }
}

impl SimDisk {
    /// From now on the disk remembers what it takes to decay.
    pub fn may_decay(&self) {
        self.state().may_decay = true;
    }

    /// A sector of a file that `exposure` names decays; false when there is none that can.
    pub fn decay(&self, how: Decay, dice: &mut Dice, exposure: impl Fn(&str) -> Exposure) -> bool {
        let state = &mut *self.state();
        let places = state.places(&exposure);
        let Some((file, sector)) = pick(&places, dice) else { return false };
        let former = || state.files[&file].age.sectors.get(&sector).map(|(_, former)| former.clone());
        match how {
            Decay::BitFlip => {
                let at = sector * SECTOR_BYTES + dice.below(SECTOR_BYTES as u64) as usize;
                let file = state.file(file);
                file.bytes[at] ^= 1 << dice.below(8);
                file.age.wrong.push(at..at + 1);
                state.counts.sectors_rotten += 1;
            }
            Decay::Zeroed => {
                state.file(file).replace(sector, None);
                state.counts.sectors_rotten += 1;
            }
            Decay::Stale => {
                let Some(former) = former() else { return false };
                state.file(file).replace(sector, former.as_deref());
                state.counts.sectors_stale += 1;
            }
            Decay::Misdirected => {
                let Some(former) = former() else { return false };
                let content = state.files[&file].copy_of(sector);
                let others: Vec<(u64, usize)> = places.into_iter().filter(|place| *place != (file, sector)).collect();
                let Some((other, target)) = pick(&others, dice) else { return false };
                state.file(file).replace(sector, former.as_deref());
                state.file(other).replace(target, content.as_deref());
                state.counts.sectors_misdirected += 1;
            }
        }
        true
    }

    /// The next read of one of these sectors gives another one instead, or what it holds now; false when there is none.
    pub fn misread_once(&self, dice: &mut Dice, exposure: impl Fn(&str) -> Exposure) -> bool {
        let state = &mut *self.state();
        let places = state.places(&exposure);
        let Some((file, sector)) = pick(&places, dice) else { return false };
        let Some((other, source)) = pick(&places, dice) else { return false };
        let content = state.files[&other].copy_of(source);
        state.misread = Some(Misread { file, sector, content });
        true
    }

    /// Whether a file that `counts` names holds a byte that is not what was stored last, or is about to be misread.
    pub fn is_damaged(&self, counts: impl Fn(&str) -> bool) -> bool {
        let state = self.state();
        // A name that is gone may come back when power is lost.
        let names = state.names.iter().chain(&state.durable_names);
        names.filter(|(path, _)| counts(path)).filter_map(|(_, node)| node.file()).any(|id| {
            !state.files[&id].age.wrong.is_empty() || state.misread.as_ref().is_some_and(|misread| misread.file == id)
        })
    }
}

impl State {
    /// The sectors that may decay: stored safely, and not zero.
    fn places(&self, exposure: &impl Fn(&str) -> Exposure) -> Vec<(u64, usize)> {
        let mut places = Vec::new();
        for (path, node) in &self.names {
            let Some(id) = node.file() else { continue };
            let exposure = exposure(path);
            if exposure == Exposure::No {
                continue;
            }
            let file = &self.files[&id];
            let sectors = (0..file.synced_length / SECTOR_BYTES)
                .filter(|sector| !file.unsynced.contains_key(sector) && !file.falsely_clean.contains_key(sector))
                .filter(|sector| file.sector(*sector).iter().any(|byte| *byte != 0))
                .filter(|sector| exposure == Exposure::All || file.age.is_vouched(*sector));
            places.extend(sectors.map(|sector| (id, sector)));
        }
        places
    }

    fn file(&mut self, id: u64) -> &mut File {
        self.files.get_mut(&id).expect("names point to files")
    }

    /// What a read of these bytes of a file gives, when it is the one that goes wrong.
    pub(super) fn misread(&mut self, file: u64, start: usize, buffer: &mut [u8]) {
        let span = start..start + buffer.len();
        let Some(misread) = self.misread.take_if(|misread| {
            let sector = misread.sector * SECTOR_BYTES..(misread.sector + 1) * SECTOR_BYTES;
            misread.file == file && sector.start < span.end && span.start < sector.end
        }) else {
            return;
        };
        self.counts.sectors_misread += 1;
        let content = misread.content.as_deref().unwrap_or(&[0; SECTOR_BYTES]);
        for (at, byte) in (misread.sector * SECTOR_BYTES..).zip(content) {
            if span.contains(&at) {
                buffer[at - span.start] = *byte;
            }
        }
    }
}

impl File {
    /// Puts something else into a whole sector; bytes that differ are wrong from now on.
    fn replace(&mut self, sector: usize, content: Option<&Sector>) {
        let content = content.unwrap_or(&[0; SECTOR_BYTES]);
        for (at, byte) in (sector * SECTOR_BYTES..).zip(content) {
            if self.bytes[at] != *byte {
                self.bytes[at] = *byte;
                match self.age.wrong.last_mut().filter(|wrong| wrong.end == at) {
                    Some(wrong) => wrong.end += 1,
                    None => self.age.wrong.push(at..at + 1),
                }
            }
        }
    }
}

fn pick(places: &[(u64, usize)], dice: &mut Dice) -> Option<(u64, usize)> {
    (!places.is_empty()).then(|| *dice.pick(places))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::storage::disk::{self, Disk, DiskFile};

    const ALL: fn(&str) -> Exposure = |_| Exposure::All;

    /// Three sectors of ones, written over with twos, then a fourth behind them.
    fn a_file() -> (SimDisk, Arc<dyn DiskFile>) {
        let disk = SimDisk::new();
        disk.may_decay();
        let file = disk.create(Path::new("/f")).unwrap();
        file.write_at(&[1; 3 * SECTOR_BYTES], 0).unwrap();
        file.sync().unwrap();
        file.write_at(&[2; 3 * SECTOR_BYTES], 0).unwrap();
        file.sync().unwrap();
        file.write_at(&[3; SECTOR_BYTES], 3 * SECTOR_BYTES as u64).unwrap();
        file.sync().unwrap();
        (disk, file)
    }

    fn sectors(disk: &SimDisk) -> Vec<u8> {
        let bytes = disk::read_whole(disk, Path::new("/f"), 1 << 20).unwrap();
        bytes.chunks(SECTOR_BYTES).map(|sector| sector[0]).collect()
    }

    #[test]
    fn a_stale_sector_holds_what_it_held_before_and_is_damage_until_it_is_written_again() {
        let (disk, file) = a_file();
        assert!(!disk.is_damaged(|_| true));
        assert!(disk.decay(Decay::Stale, &mut Dice::new(3), |_| Exposure::Vouched));
        let found = sectors(&disk);
        let at = found.iter().position(|byte| *byte == 1).expect("one of the first three is stale");
        assert_eq!(found.iter().filter(|byte| **byte == 2).count(), 2, "{found:?}");
        assert!(disk.is_damaged(|_| true) && !disk.is_damaged(|path| path != "/f"));
        file.write_at(&[4; 100], (at * SECTOR_BYTES) as u64).unwrap();
        file.sync().unwrap();
        assert!(disk.is_damaged(|_| true), "a part of it is still stale");
        file.write_at(&[4; SECTOR_BYTES], (at * SECTOR_BYTES) as u64).unwrap();
        assert!(disk.is_damaged(|_| true), "a loss of power could bring it back");
        file.sync().unwrap();
        assert!(!disk.is_damaged(|_| true));
    }

    #[test]
    fn a_misdirected_write_is_missing_in_one_place_and_too_much_in_another() {
        let (mut far, mut near) = (0, 0);
        for seed in 0..40 {
            let (disk, _) = a_file();
            assert!(disk.decay(Decay::Misdirected, &mut Dice::new(seed), ALL));
            match sectors(&disk)[..] {
                [_, _, _, 0] => far += 1,
                [_, _, _, 3] | [_, _, _, 2] => near += 1,
                ref found => panic!("{found:?}"),
            }
        }
        assert!(far > 2 && near > 2, "{far} {near}");
    }

    #[test]
    fn nothing_decays_that_nothing_behind_it_vouches_for() {
        for seed in 0..40 {
            let (disk, _) = a_file();
            assert!(disk.decay(Decay::Zeroed, &mut Dice::new(seed), |_| Exposure::Vouched));
            assert_eq!(sectors(&disk)[3], 3, "the last write could be one that never completed");
            assert!(!disk.decay(Decay::Zeroed, &mut Dice::new(seed), |_| Exposure::No));
        }
    }

    #[test]
    fn a_sector_is_misread_once() {
        let (disk, _) = a_file();
        let wrong = (0..40).find(|seed| disk.misread_once(&mut Dice::new(*seed), ALL)).expect("there are four");
        assert!(disk.is_damaged(|_| true), "seed {wrong}");
        let sound = [2, 2, 2, 3];
        let found = sectors(&disk);
        assert!(!disk.is_damaged(|_| true) && sectors(&disk) == sound, "only once");
        assert_eq!(disk.counts().sectors_misread, 1, "{found:?}");
    }
}
