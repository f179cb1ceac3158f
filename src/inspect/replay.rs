//! The state machine as it was: a log applied again, entry by entry, from its beginning or from a snapshot beside it.
//!
//! Promises: what is handed out is the state that every node had at that index, as far as that entry is committed; each
//! entry applied continues the chain of checks from the one before it, whatever else is damaged in the directory.
//! Memory is the state itself.

use bytes::Bytes;

use super::entry::concerns;
use super::log::{Progress, Source, StoredEntry, watch};
use crate::codec::entry::{decode_config, decode_stamp, decode_write};
use crate::codec::record::LINK_ORIGIN;
use crate::codec::{EntryError, Kind, Settings};
use crate::raft::{Index, LogId};
use crate::state_machine::{Applied, Entry, SessionLimits, StateMachine};
use crate::storage::reader::{Damage, DamageKind, Item, Walk, WalkError};
use crate::storage::snapshot_file::{self, Loaded};

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// As near to this entry as a snapshot allows.
    Near(Index),
    /// As early as the disk allows, for looking at all that happened.
    Early,
}

/// A state that goes on entry by entry.
pub struct Replay<'a> {
    machine: StateMachine,
    /// The last entry that was applied, and its check.
    at: LogId,
    check: u32,
    /// The snapshot it began with; none when it began before entry 1.
    base: Option<LogId>,
    items: Box<dyn Iterator<Item = Item> + 'a>,
    pending: Option<StoredEntry>,
    damage: Option<Damage>,
}

/// One entry that was applied.
#[derive(Clone, Debug)]
pub struct Step {
    pub entry: StoredEntry,
    /// What its write gave; none for entries that write nothing.
    pub applied: Option<Applied>,
}

/// Why the state at an entry cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error(transparent)]
    Walk(#[from] WalkError),
    #[error("{damage}")]
    Damaged { damage: Damage, reached: LogId },
    #[error("the log begins with entry {first}, and no snapshot beside it reaches that far")]
    BeginsLater { first: Index },
    #[error("the oldest state that is left is that of entry {oldest}")]
    Forgotten { oldest: LogId },
    #[error("the last entry is {last}")]
    Ends { last: LogId },
    #[error("entry {id} cannot be applied")]
    NotUnderstood { id: LogId, source: EntryError },
}

impl<'a> Replay<'a> {
    /// The state at the beginning that `begin` asks for.
    ///
    /// # Errors
    /// There is no log, or nothing to begin with.
    pub fn open(source: &Source, begin: Begin, progress: &'a Progress<'a>) -> Result<Replay<'a>, ReplayError> {
        let walk = source.walk()?;
        let first = first_entry(&walk).unwrap_or(Index(1));
        let may_be_empty = first == Index(1);
        if begin == Begin::Early && may_be_empty {
            return Ok(Replay::from_nothing(walk, progress));
        }
        let mut snapshots = source.snapshots();
        if begin == Begin::Early {
            snapshots.reverse();
        }
        let wanted = |last: Index| match begin {
            Begin::Near(to) => last <= to,
            Begin::Early => true,
        };
        let mut oldest = None;
        for snapshot in snapshots.iter().filter(|snapshot| snapshot.last.index.next() >= first) {
            oldest = Some(oldest.map_or(snapshot.last, |oldest: LogId| oldest.min(snapshot.last)));
            if !wanted(snapshot.last.index) {
                continue;
            }
            let Ok((_, loaded)) = snapshot_file::inspect_on(source.disk(), &snapshot.path) else { continue };
            if let Some(replay) = Replay::from_snapshot(source, loaded, progress)? {
                return Ok(replay);
            }
        }
        match (may_be_empty, oldest) {
            (true, _) => Ok(Replay::from_nothing(walk, progress)),
            (false, Some(oldest)) => Err(ReplayError::Forgotten { oldest }),
            (false, None) => Err(ReplayError::BeginsLater { first }),
        }
    }

    fn from_nothing(walk: Walk, progress: &'a Progress<'a>) -> Replay<'a> {
        Replay {
            machine: StateMachine::new(Settings::default().max_value_size, SessionLimits::default()),
            at: LogId::ZERO,
            check: LINK_ORIGIN,
            base: None,
            items: Box::new(watch(walk, progress)),
            pending: None,
            damage: None,
        }
    }

    /// None when the log goes on behind another entry than the snapshot's last one.
    fn from_snapshot(
        source: &Source,
        loaded: Loaded,
        progress: &'a Progress<'a>,
    ) -> Result<Option<Replay<'a>>, ReplayError> {
        let (last, check) = (loaded.meta.last, loaded.meta.link);
        let walk = source.walk()?.starting_at(last.index.next());
        let mut replay = Replay {
            machine: machine_of(loaded),
            at: last,
            check,
            base: Some(last),
            items: Box::new(watch(walk, progress)),
            pending: None,
            damage: None,
        };
        replay.pending = replay.next_entry();
        let is_other = |entry: &StoredEntry| entry.header.id.index == last.index.next() && entry.header.link != check;
        Ok((!replay.pending.as_ref().is_some_and(is_other)).then_some(replay))
    }

    /// Applies the next entry; none at the end of the log.
    ///
    /// # Errors
    /// The next entry is damaged, missing, or of a kind that this version does not know.
    pub fn step(&mut self) -> Result<Option<Step>, ReplayError> {
        let Some(entry) = self.pending.take().or_else(|| self.next_entry()) else {
            return match self.damage.take() {
                Some(damage) => Err(ReplayError::Damaged { damage, reached: self.at }),
                None => Ok(None),
            };
        };
        let header = &entry.header;
        if header.id.index != self.at.index.next() || header.link != self.check {
            let damage = self.damage.take().unwrap_or_else(|| Damage {
                file: entry.file.clone(),
                offset: entry.offset,
                kind: DamageKind::Chain,
                explanation: format!("entry {} does not continue entry {}", header.id, self.at),
            });
            return Err(ReplayError::Damaged { damage, reached: self.at });
        }
        let applied = apply(&mut self.machine, &entry)
            .map_err(|source| ReplayError::NotUnderstood { id: entry.header.id, source })?;
        self.at = entry.header.id;
        self.check = entry.header.check;
        Ok(Some(Step { entry, applied }))
    }

    /// Applies everything up to `to`, showing each step to `look` before the state goes on.
    ///
    /// # Errors
    /// As `step`; and the log ends before `to`, or the beginning is behind it.
    pub fn run_to(&mut self, to: Index, look: &mut dyn FnMut(&StateMachine, &Step)) -> Result<(), ReplayError> {
        if self.at.index > to {
            return Err(ReplayError::Forgotten { oldest: self.at });
        }
        while self.at.index < to {
            match self.step()? {
                Some(step) => look(&self.machine, &step),
                None => return Err(ReplayError::Ends { last: self.at }),
            }
        }
        Ok(())
    }

    pub fn machine(&self) -> &StateMachine {
        &self.machine
    }

    /// The state as of there.
    pub fn into_machine(self) -> StateMachine {
        self.machine
    }

    /// The check of the last entry that was applied, which the next one continues.
    pub fn check(&self) -> u32 {
        self.check
    }

    /// The last entry that was applied.
    pub fn at(&self) -> LogId {
        self.at
    }

    /// The snapshot it began with; none when it began before entry 1.
    pub fn base(&self) -> Option<LogId> {
        self.base
    }

    /// The next entry behind the last applied one, whether it continues it or not. Damage on the way is kept in mind.
    fn next_entry(&mut self) -> Option<StoredEntry> {
        for item in self.items.by_ref() {
            match item {
                Item::Record { file, offset, header, payload } if header.id.index > self.at.index => {
                    return Some(StoredEntry { file, offset, header, payload });
                }
                Item::Damage(damage) => self.damage = self.damage.take().or(Some(damage)),
                _ => {}
            }
        }
        None
    }
}

impl Step {
    /// Whether it names `key`, or the key vanished with it. `machine` is the state behind it.
    pub fn concerns(&self, key: &[u8], machine: &StateMachine) -> bool {
        concerns(self.entry.header.kind, &self.entry.payload, |named| named == key) || self.has_vanished(key, machine)
    }

    /// Whether it changed a key that it does not name: that key's lease had ended.
    pub fn has_vanished(&self, key: &[u8], machine: &StateMachine) -> bool {
        let before = self.entry.header.id.index.0 - 1;
        !concerns(self.entry.header.kind, &self.entry.payload, |named| named == key)
            && machine.map().history().after(before).any(|change| change.key() == key)
    }
}

/// A key that is not the same at two entries.
#[derive(Clone, Debug)]
pub enum Change {
    Added(Entry),
    Removed(Entry),
    Changed { from: Entry, to: Entry },
}

/// What is different in `to`, in the order of the keys.
pub fn changes<'a>(from: &'a StateMachine, to: &'a StateMachine) -> impl Iterator<Item = Change> + 'a {
    let mut olds = from.map().entries().peekable();
    let mut news = to.map().entries().peekable();
    std::iter::from_fn(move || {
        loop {
            let order = match (olds.peek(), news.peek()) {
                (None, None) => return None,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(old), Some(new)) => old.key().cmp(new.key()),
            };
            match order {
                std::cmp::Ordering::Less => return olds.next().cloned().map(Change::Removed),
                std::cmp::Ordering::Greater => return news.next().cloned().map(Change::Added),
                std::cmp::Ordering::Equal => {
                    let (from, to) = (olds.next()?, news.next()?);
                    if from.revision() != to.revision() || from.created() != to.created() {
                        return Some(Change::Changed { from: from.clone(), to: to.clone() });
                    }
                }
            }
        }
    })
}

fn apply(machine: &mut StateMachine, entry: &StoredEntry) -> Result<Option<Applied>, EntryError> {
    let (id, payload): (LogId, &Bytes) = (entry.header.id, &entry.payload);
    match entry.header.kind {
        Kind::Noop => machine.skip(id.index.0, 0),
        Kind::Tick => machine.skip(id.index.0, decode_stamp(payload)?),
        Kind::Config => {
            let (_, settings) = decode_config(payload)?;
            machine.set_value_bytes_max(settings.max_value_size);
            machine.skip(id.index.0, 0);
        }
        Kind::Command => return Ok(Some(machine.apply(id.index.0, id.term.0, decode_write(payload)?))),
        Kind::Unknown(byte) => return Err(EntryError::UnknownKind(byte)),
    }
    Ok(None)
}

/// The state that a snapshot holds.
fn machine_of(loaded: Loaded) -> StateMachine {
    let mut machine = loaded.image;
    machine.set_value_bytes_max(loaded.settings.max_value_size);
    machine
}

/// The first entry that counts, or would if there were any.
fn first_entry(walk: &Walk) -> Option<Index> {
    let mut live = walk.segments().filter(|segment| segment.until.is_none_or(|until| until >= segment.header.first));
    live.next().map(|segment| segment.header.first)
}
