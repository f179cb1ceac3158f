//! The requests that are open: a slab whose keys travel as the request ids, so that an answer finds its request
//! without a search, and an answer to an earlier attempt finds nothing.

use std::time::Instant;

use super::error::Cause;
use super::session::Numbered;
use crate::api::{Ask, Consistency};
use crate::raft::NodeId;

/// Most requests one client keeps open. More wait in the submission queue, then the caller waits.
pub const REQUESTS_OPEN_MAX: usize = 64 * 1024;

/// An id is `sequence << SLOT_BITS | slot`; the top bit is left to the client's own questions, the one below says that the
/// answer may take its time.
const SLOT_BITS: u32 = 20;
const SLOT_MASK: u64 = (1 << SLOT_BITS) - 1;
const SEQUENCE_MASK: u64 = (1 << (62 - SLOT_BITS)) - 1;

/// Ids of requests whose answers may take their time carry this bit: a member that owes one is not silent.
const PATIENT_BIT: u64 = 1 << 62;

/// Who should answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// The leader, whoever that is.
    Leader,
    /// The leader, or a follower that knows one.
    Read,
    /// Whoever is connected.
    Anyone,
    Node(NodeId),
}

pub(super) struct Pending<T> {
    pub token: T,
    pub ask: Ask,
    pub aim: Aim,
    pub submitted: Instant,
    pub deadline: Instant,
    /// The node it was sent to and not answered by.
    pub sent_to: Option<NodeId>,
    /// Which write of a session it is; none before it first leaves, and without a session.
    pub numbered: Option<Numbered>,
    /// It was sent, and that attempt will never be answered: it may have been applied.
    pub may_be_applied: bool,
    /// How many sessions ended before they took it.
    pub sessions_ended: u32,
    /// Why the last attempt had no answer.
    pub last_cause: Option<Cause>,
}

impl<T> Pending<T> {
    /// Whether a second execution would be a second effect.
    pub fn has_effect(&self) -> bool {
        matches!(self.ask, Ask::Write(_) | Ask::Traced(_) | Ask::Transfer { .. })
    }

    /// Whether a good answer may take long.
    pub fn is_patient(&self) -> bool {
        matches!(self.ask, Ask::Watch { .. })
    }

    /// Whether it may be sent again although an earlier attempt may have been taken.
    pub fn may_repeat(&self) -> bool {
        !self.has_effect() || self.numbered.is_some()
    }

    /// Whether it may be applied already, or still, if it is given up now.
    pub fn is_uncertain(&self) -> bool {
        self.has_effect() && (self.may_be_applied || self.sent_to.is_some())
    }
}

impl Aim {
    /// Who should answer `ask` when the caller has no wish of its own.
    pub fn of(ask: &Ask) -> Aim {
        match ask {
            Ask::Write(_)
            | Ask::Traced(_)
            | Ask::Transfer { .. }
            | Ask::Read { consistency: Consistency::Lease, .. } => Aim::Leader,
            Ask::Read { consistency: Consistency::Linearizable, .. } => Aim::Read,
            Ask::Read { consistency: Consistency::Stale, .. }
            | Ask::Watch { .. }
            | Ask::Status
            | Ask::Snapshot { .. }
            | Ask::SnapshotPart { .. }
            | Ask::Cut { .. }
            | Ask::Heal { .. } => Aim::Anyone,
        }
    }
}

pub(super) struct Slab<T> {
    slots: Vec<Option<(u64, Pending<T>)>>,
    free: Vec<u32>,
    sequence: u64,
    open: usize,
}

impl<T> Slab<T> {
    pub fn new() -> Slab<T> {
        Slab { slots: Vec::new(), free: Vec::new(), sequence: 0, open: 0 }
    }

    pub fn len(&self) -> usize {
        self.open
    }

    pub fn insert(&mut self, pending: Pending<T>) -> u64 {
        assert!(self.open < 1 << SLOT_BITS, "the open requests are bounded far below the slots");
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).expect("slots fit 20 bits")
        });
        let id = self.fresh_id(u64::from(slot)) | if pending.is_patient() { PATIENT_BIT } else { 0 };
        self.slots[slot as usize] = Some((id, pending));
        self.open += 1;
        id
    }

    /// Gives a request a new id for its next attempt; answers to the old one no longer find it.
    pub fn renew(&mut self, id: u64) -> u64 {
        let slot = id & SLOT_MASK;
        let fresh = self.fresh_id(slot) | id & PATIENT_BIT;
        let held = self.slots[slot as usize].as_mut().expect("only open requests are renewed");
        assert_eq!(held.0, id, "only the latest attempt is renewed");
        held.0 = fresh;
        fresh
    }

    pub fn find(&mut self, id: u64) -> Option<&mut Pending<T>> {
        match self.slots.get_mut(slot_of(id)) {
            Some(Some((held, pending))) if *held == id => Some(pending),
            _ => None,
        }
    }

    pub fn remove(&mut self, id: u64) -> Option<Pending<T>> {
        self.find(id)?;
        let (_, pending) = self.slots[slot_of(id)].take().expect("the slot was just found");
        self.free.push(u32::try_from(slot_of(id)).expect("slots fit 20 bits"));
        self.open -= 1;
        Some(pending)
    }

    /// Ids of the open requests that `choose` picks, oldest attempt first.
    pub fn select(&self, mut choose: impl FnMut(&Pending<T>) -> bool) -> Vec<u64> {
        let mut chosen: Vec<u64> =
            self.slots.iter().flatten().filter(|(_, pending)| choose(pending)).map(|(id, _)| *id).collect();
        chosen.sort_unstable();
        chosen
    }

    pub fn earliest_deadline(&self) -> Option<Instant> {
        self.slots.iter().flatten().map(|(_, pending)| pending.deadline).min()
    }

    fn fresh_id(&mut self, slot: u64) -> u64 {
        self.sequence = (self.sequence + 1) & SEQUENCE_MASK;
        self.sequence << SLOT_BITS | slot
    }
}

/// Whether the answer to this request may take its time.
pub(super) fn is_patient(id: u64) -> bool {
    id & PATIENT_BIT != 0
}

fn slot_of(id: u64) -> usize {
    usize::try_from(id & SLOT_MASK).expect("20 bits fit")
}
