//! The newest changes and the leases of a map as bytes: two sections of a snapshot, each with a head and a row of parts.
//!
//! ```text
//! changes   | changes at most, 8 | bytes at most, 8 | forgotten to, 8 | digest, 8 | change …       oldest first
//! change    | revision, 8 | created, 8 | revision before, 8 | version, 8 | key length, 4 | value length, 4 | key | value
//! leases    | digest, 8 | lease …                                                                 in key order
//! lease     | ttl in ms, 8 | ends at, 8 | key length, 4 | key
//! ```
//!
//! All numbers are little-endian. A change says what was there before it; of a key that it created there is nothing to
//! say, and the value's length is that of no value. How a snapshot is divided and stored is not known here.

use bytes::{Buf, BufMut};

use super::record::RECORD_PAYLOAD_BYTES_MAX;
use crate::state_machine::{
    Change, History, HistoryError, HistoryLimits, KeyValueMap, Lease, Leases, LeasesError, RestoringHistory,
    RestoringLeases,
};

pub const CHANGES_HEAD_BYTES: usize = 32;
pub const LEASES_HEAD_BYTES: usize = 8;

/// Before a change's key, and before a lease's.
pub const CHANGE_FIXED_BYTES: usize = 40;
pub const LEASE_FIXED_BYTES: usize = 20;

/// Stands for the length of a value when there was none.
const NO_VALUE: u32 = u32::MAX;

/// Why bytes are not the changes or leases of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangesError {
    #[error("a change or lease with a key of {key_bytes} bytes and a value of {value_bytes} bytes is above the limit")]
    TooLong { key_bytes: u32, value_bytes: u32 },
    #[error("the limits of its changes are no numbers of this machine")]
    Limits,
    #[error(transparent)]
    History(#[from] HistoryError),
    #[error(transparent)]
    Leases(#[from] LeasesError),
}

/// How many bytes the changes take, with their head.
pub fn changes_bytes(history: &History) -> u64 {
    let of_one = |change: &Change| {
        let value_bytes = change.previous.as_ref().map_or(0, |entry| entry.value().len());
        (CHANGE_FIXED_BYTES + change.key().len() + value_bytes) as u64
    };
    CHANGES_HEAD_BYTES as u64 + history.iter().map(of_one).sum::<u64>()
}

pub fn put_changes_head(history: &History, out: &mut Vec<u8>) {
    let HistoryLimits { changes_max, bytes_max } = history.limits();
    for number in [changes_max as u64, bytes_max, history.forgotten_to(), history.sum()] {
        out.put_u64_le(number);
    }
}

/// Appends one change. They must be written in the order of `History::iter`.
pub fn put_change(change: &Change, out: &mut Vec<u8>) {
    out.put_u64_le(change.revision);
    let (history, value) = match &change.previous {
        Some(entry) => ([entry.created(), entry.revision(), entry.version()], Some(entry.value())),
        None => ([0; 3], None),
    };
    history.iter().for_each(|number| out.put_u64_le(*number));
    out.put_u32_le(length(change.key()));
    out.put_u32_le(value.map_or(NO_VALUE, length));
    out.put_slice(change.key());
    out.put_slice(value.unwrap_or_default());
}

pub fn leases_bytes(leases: &Leases) -> u64 {
    LEASES_HEAD_BYTES as u64 + leases.iter().map(|(key, _)| (LEASE_FIXED_BYTES + key.len()) as u64).sum::<u64>()
}

pub fn put_leases_head(leases: &Leases, out: &mut Vec<u8>) {
    out.put_u64_le(leases.sum());
}

/// Appends one lease. They must be written in the order of `Leases::iter`.
pub fn put_lease(key: &[u8], lease: Lease, out: &mut Vec<u8>) {
    out.put_u64_le(lease.ttl_ms);
    out.put_u64_le(lease.ends_ms);
    out.put_u32_le(length(key));
    out.put_slice(key);
}

/// The history and leases of a snapshot on their way back.
#[derive(Debug)]
pub struct RestoringChanges {
    history: RestoringHistory,
    history_sum: u64,
    leases: RestoringLeases,
    leases_sum: u64,
}

impl RestoringChanges {
    /// Begins with what `put_changes_head` wrote.
    ///
    /// # Errors
    /// Its limits mean nothing here.
    pub fn new(mut head: &[u8]) -> Result<RestoringChanges, ChangesError> {
        let changes_max = usize::try_from(head.get_u64_le()).map_err(|_| ChangesError::Limits)?;
        let limits = HistoryLimits { changes_max, bytes_max: head.get_u64_le() };
        let history = RestoringHistory::new(limits, head.get_u64_le());
        Ok(RestoringChanges { history, history_sum: head.get_u64_le(), leases: <_>::default(), leases_sum: 0 })
    }

    /// Takes what `put_leases_head` wrote.
    pub fn leases_head(&mut self, mut head: &[u8]) {
        self.leases_sum = head.get_u64_le();
    }

    /// Adds the whole change that `change_length` measured.
    ///
    /// # Errors
    /// It cannot follow the others.
    pub fn change(&mut self, mut bytes: &[u8]) -> Result<(), ChangesError> {
        let revision = bytes.get_u64_le();
        let history = [bytes.get_u64_le(), bytes.get_u64_le(), bytes.get_u64_le()];
        let (key_bytes, value_bytes) = (bytes.get_u32_le(), bytes.get_u32_le());
        let (key, value) = bytes.split_at(key_bytes as usize);
        let previous = (value_bytes != NO_VALUE).then_some((history, value));
        if previous.is_none() && history != [0; 3] {
            return Err(HistoryError::Content { number: self.history.len() as u64 + 1 }.into());
        }
        Ok(self.history.push(revision, key, previous)?)
    }

    /// Adds the whole lease that `lease_length` measured.
    ///
    /// # Errors
    /// It cannot follow the others.
    pub fn lease(&mut self, mut bytes: &[u8]) -> Result<(), ChangesError> {
        let lease = Lease { ttl_ms: bytes.get_u64_le(), ends_ms: bytes.get_u64_le() };
        Ok(self.leases.push(&bytes[4..], lease)?)
    }

    /// `map` with the history and leases that were read.
    ///
    /// # Errors
    /// They are not its own, or not what was written.
    pub fn finish(self, map: KeyValueMap) -> Result<KeyValueMap, ChangesError> {
        let history = self.history.finish(&map, self.history_sum)?;
        let leases = self.leases.finish(&map, self.leases_sum)?;
        Ok(map.with_restored(history, leases))
    }
}

/// How long the change is of which `head` is the fixed part.
///
/// # Errors
/// Longer than any may be.
pub fn change_length(head: &[u8]) -> Result<usize, ChangesError> {
    let (key_bytes, value_bytes) = ((&head[32..]).get_u32_le(), (&head[36..]).get_u32_le());
    let value_length = if value_bytes == NO_VALUE { 0 } else { value_bytes };
    if key_bytes > RECORD_PAYLOAD_BYTES_MAX || value_length > RECORD_PAYLOAD_BYTES_MAX {
        return Err(ChangesError::TooLong { key_bytes, value_bytes });
    }
    Ok(CHANGE_FIXED_BYTES + key_bytes as usize + value_length as usize)
}

/// How long the lease is of which `head` is the fixed part.
///
/// # Errors
/// Longer than any may be.
pub fn lease_length(head: &[u8]) -> Result<usize, ChangesError> {
    let key_bytes = (&head[16..]).get_u32_le();
    if key_bytes > RECORD_PAYLOAD_BYTES_MAX {
        return Err(ChangesError::TooLong { key_bytes, value_bytes: 0 });
    }
    Ok(LEASE_FIXED_BYTES + key_bytes as usize)
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("keys and values are far below 4 GiB")
}
