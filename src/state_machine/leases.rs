//! Which keys vanish by themselves, and when: leases in log time (R110).
//!
//! A lease belongs to a key and not to a client: who keeps it alive says the revision it means by a condition. Log time
//! never runs faster than a real clock, so a key stays at least as long as its lease says. A clone is a snapshot and
//! costs the same whatever the table holds.

use imbl::{OrdMap, OrdSet};
use rapidhash::v3::rapidhash_v3;

use super::key::Key;
use super::kv::KeyValueMap;

/// Longest lease, in milliseconds: a year. A longer one is this long.
pub const LEASE_MS_MAX: u64 = 366 * 24 * 3_600_000;

/// When a key vanishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What was asked for.
    pub ttl_ms: u64,
    /// Log time at which the key is overdue.
    pub ends_ms: u64,
}

/// All leases as of one log index.
#[derive(Clone, Debug, Default)]
pub struct Leases {
    by_key: OrdMap<Key, Lease>,
    by_end: OrdSet<(u64, Key)>,
    /// Sum of the hashes of all leases.
    sum: u64,
}

impl Leases {
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    pub fn get(&self, key: &[u8]) -> Option<Lease> {
        if self.is_empty() { None } else { self.by_key.get(&Key::new(key)).copied() }
    }

    /// The log time at which the next key is overdue.
    pub fn next_end_ms(&self) -> Option<u64> {
        self.by_end.get_min().map(|(ends_ms, _)| *ends_ms)
    }

    /// Sum of the hashes of all leases: equal tables have equal sums.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// All of them in key order.
    pub fn iter(&self) -> impl Iterator<Item = (Vec<u8>, Lease)> {
        self.by_key.iter().map(|(key, lease)| (key.to_bytes(), *lease))
    }

    /// Keys that are overdue at `now_ms`, in the order of their ends.
    pub(super) fn overdue(&self, now_ms: u64) -> impl Iterator<Item = Vec<u8>> {
        self.by_end.iter().take_while(move |(ends_ms, _)| *ends_ms <= now_ms).map(|(_, key)| key.to_bytes())
    }

    /// Sets or ends the lease of a key; gives the one before.
    pub(super) fn set(&mut self, key: &[u8], lease: Option<Lease>) -> Option<Lease> {
        let place = Key::new(key);
        let before = match lease {
            Some(lease) => {
                self.sum = self.sum.wrapping_add(lease_hash(key, lease));
                self.by_end.insert((lease.ends_ms, place.clone()));
                self.by_key.insert(place.clone(), lease)
            }
            None => self.by_key.remove(&place),
        }?;
        self.sum = self.sum.wrapping_sub(lease_hash(key, before));
        if lease.is_none_or(|lease| lease.ends_ms != before.ends_ms) {
            self.by_end.remove(&(before.ends_ms, place));
        }
        Some(before)
    }
}

/// Leases that are put together again from a snapshot.
#[derive(Debug, Default)]
pub struct RestoringLeases {
    leases: Leases,
    last: Option<Key>,
}

/// Why leases are not those of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeasesError {
    #[error("lease number {number} does not come behind the one before it, or lasts for no time")]
    Order { number: u64 },
    #[error("lease number {number} is of a key that is not there")]
    Key { number: u64 },
    #[error("the leases have digest {found:016x}, not {stated:016x}")]
    Digest { stated: u64, found: u64 },
}

impl RestoringLeases {
    pub fn len(&self) -> usize {
        self.leases.len()
    }

    pub fn is_empty(&self) -> bool {
        self.leases.is_empty()
    }

    /// Adds the next lease in key order.
    ///
    /// # Errors
    /// It is out of order.
    pub fn push(&mut self, key: &[u8], lease: Lease) -> Result<(), LeasesError> {
        let number = self.len() as u64 + 1;
        let place = Key::new(key);
        if self.last.as_ref().is_some_and(|last| *last >= place) || lease.ttl_ms == 0 {
            return Err(LeasesError::Order { number });
        }
        self.last = Some(place);
        self.leases.set(key, Some(lease));
        Ok(())
    }

    /// The leases, if they are of keys of `map` and have this digest.
    ///
    /// # Errors
    /// One is of no key, or they are not what was written.
    pub fn finish(self, map: &KeyValueMap, stated: u64) -> Result<Leases, LeasesError> {
        for (number, (key, _)) in (1..).zip(self.leases.iter()) {
            if map.get(&key).is_none() {
                return Err(LeasesError::Key { number });
            }
        }
        let found = self.leases.sum();
        if found != stated {
            return Err(LeasesError::Digest { stated, found });
        }
        Ok(self.leases)
    }
}

fn lease_hash(key: &[u8], lease: Lease) -> u64 {
    let mut bytes = Vec::with_capacity(16 + key.len());
    bytes.extend_from_slice(&lease.ttl_ms.to_le_bytes());
    bytes.extend_from_slice(&lease.ends_ms.to_le_bytes());
    bytes.extend_from_slice(key);
    rapidhash_v3(&bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_table_is_what_was_set_in_both_orders(
            steps in proptest::collection::vec(
                (proptest::collection::vec(any::<u8>(), 0..3), proptest::option::of((1_u64..9, 0_u64..20))),
                0..60,
            ),
        ) {
            let mut leases = Leases::default();
            let mut model: BTreeMap<Vec<u8>, Lease> = BTreeMap::new();
            for (key, lease) in steps {
                let lease = lease.map(|(ttl_ms, ends_ms)| Lease { ttl_ms, ends_ms });
                let before = match lease {
                    Some(lease) => model.insert(key.clone(), lease),
                    None => model.remove(&key),
                };
                prop_assert_eq!(leases.set(&key, lease), before);
            }
            prop_assert!(leases.iter().eq(model.clone()));
            let mut by_end: Vec<(u64, Vec<u8>)> =
                model.iter().map(|(key, lease)| (lease.ends_ms, key.clone())).collect();
            by_end.sort();
            prop_assert_eq!(leases.next_end_ms(), by_end.first().map(|(ends_ms, _)| *ends_ms));
            let overdue: Vec<Vec<u8>> =
                by_end.iter().filter(|(ends_ms, _)| *ends_ms <= 10).map(|(_, key)| key.clone()).collect();
            prop_assert!(leases.overdue(10).eq(overdue));
            let sum = model.iter().fold(0_u64, |sum, (key, lease)| sum.wrapping_add(lease_hash(key, *lease)));
            prop_assert_eq!((leases.sum(), leases.len()), (sum, model.len()));
        }
    }
}
