//! Fingerprints of 128 bits, and a set of them that knows its limit.
//!
//! Two different states share a fingerprint with a chance of about `n² / 2^129` among `n` states: for a hundred million
//! of them, less than one in 10^22.

use core::hash::Hasher;

/// A deterministic hash with two lanes of 64 bits, each word multiplied into 128 bits and folded.
pub(super) struct Fingerprinter {
    lanes: [u64; 2],
}

/// Odd numbers without a pattern: the first digits of the fractional parts of e, pi and the square root of 2.
const FACTORS: [u64; 3] = [0xb7e1_5162_8aed_2a6b, 0x243f_6a88_85a3_08d3, 0x6a09_e667_f3bc_c909];

impl Fingerprinter {
    pub(super) fn new() -> Fingerprinter {
        Fingerprinter { lanes: [FACTORS[1], FACTORS[2]] }
    }

    pub(super) fn print(&self) -> u128 {
        u128::from(self.lanes[0]) << 64 | u128::from(self.lanes[1])
    }

    fn fold(left: u64, right: u64) -> u64 {
        let product = u128::from(left) * u128::from(right);
        (product as u64) ^ (product >> 64) as u64
    }
}

impl Hasher for Fingerprinter {
    fn finish(&self) -> u64 {
        self.lanes[0] ^ self.lanes[1]
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
        self.write_u64(bytes.len() as u64);
    }

    fn write_u64(&mut self, word: u64) {
        let [left, right] = self.lanes;
        self.lanes = [
            Fingerprinter::fold(left ^ word, FACTORS[0]).wrapping_add(right),
            Fingerprinter::fold(right.rotate_left(23) ^ word, FACTORS[2]) ^ left.rotate_left(32),
        ];
    }

    fn write_u8(&mut self, word: u8) {
        self.write_u64(u64::from(word));
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(u64::from(word));
    }

    fn write_u128(&mut self, word: u128) {
        self.write_u64(word as u64);
        self.write_u64((word >> 64) as u64);
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }
}

/// Fingerprints that were seen, in an open table that doubles until it is as large as it may be.
pub(super) struct Seen {
    /// Zero where there is none.
    slots: Vec<u128>,
    count: usize,
}

/// Slots of the smallest table.
const SLOTS_MIN: usize = 1 << 12;

impl Seen {
    pub(super) fn new() -> Seen {
        Seen { slots: vec![0; SLOTS_MIN], count: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Adds a fingerprint; false when it was there.
    pub(super) fn insert(&mut self, print: u128) -> bool {
        if self.count * 2 >= self.slots.len() {
            let old = core::mem::take(&mut self.slots);
            self.slots = vec![0; old.len() * 2];
            old.into_iter().filter(|print| *print != 0).for_each(|print| {
                let slot = self.slot_of(print);
                self.slots[slot] = print;
            });
        }
        let print = print.max(1);
        let slot = self.slot_of(print);
        let is_new = self.slots[slot] == 0;
        self.slots[slot] = print;
        self.count += usize::from(is_new);
        is_new
    }

    /// Where `print` is, or where it goes.
    fn slot_of(&self, print: u128) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = print as usize & mask;
        while self.slots[slot] != 0 && self.slots[slot] != print {
            slot = (slot + 1) & mask;
        }
        slot
    }
}

#[cfg(test)]
mod tests {
    use core::hash::Hash;

    use super::*;

    fn print_of(value: impl Hash) -> u128 {
        let mut state = Fingerprinter::new();
        value.hash(&mut state);
        state.print()
    }

    #[test]
    fn what_differs_in_one_bit_or_in_order_has_another_print() {
        let mut prints: Vec<u128> = (0..64).map(|bit| print_of(1_u64 << bit)).collect();
        prints.extend([print_of((1_u64, 2_u64)), print_of((2_u64, 1_u64)), print_of("ab"), print_of(("a", "b"))]);
        prints.extend([print_of([0_u8; 8]), print_of([0_u8; 9]), print_of(()), print_of(0_u64)]);
        let count = prints.len();
        prints.sort_unstable();
        prints.dedup();
        assert_eq!(prints.len(), count);
        assert_eq!(print_of((7_u64, "seven")), print_of((7_u64, "seven")));
    }

    #[test]
    fn a_set_keeps_what_it_was_given_while_it_grows() {
        let mut seen = Seen::new();
        let prints: Vec<u128> = (0..3 * SLOTS_MIN as u64).map(print_of).collect();
        assert!(prints.iter().all(|print| seen.insert(*print)));
        assert!(prints.iter().all(|print| !seen.insert(*print)));
        assert_eq!(seen.len(), prints.len());
    }
}
