//! Fingerprints of 128 bits, a set of them that takes eight bytes for each, and a map.
//!
//! The set keeps the upper 64 bits; the lower ones choose where they lie, so that two different states are taken for one
//! only when their fingerprints agree above and lie side by side. Among `n` states in a table of `n` slots that happens
//! with a chance of about `n / 2^63`: for a hundred million of them, one in 10^11.

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

/// Fingerprints that were seen: a table without pointers that is as large from the beginning as it will ever be, so
/// that where a fingerprint lies stands for its lower half, and only the upper half is stored.
pub(super) struct Seen {
    /// Zero where there is none.
    slots: Vec<u64>,
    count: usize,
}

impl Seen {
    /// With room for `count` fingerprints, of which at least every fourth slot stays empty.
    pub(super) fn with_room_for(count: usize) -> Seen {
        Seen { slots: vec![0; (count + count / 3 + 1).next_power_of_two()], count: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Adds a fingerprint; false when it was there.
    pub(super) fn insert(&mut self, print: u128) -> bool {
        assert!(self.count < self.slots.len() - 1, "a table is not filled to the brim");
        let stored = ((print >> 64) as u64).max(1);
        let slot = probe(print as usize, &self.slots, |slot| *slot == 0 || *slot == stored);
        let is_new = self.slots[slot] == 0;
        self.slots[slot] = stored;
        self.count += usize::from(is_new);
        is_new
    }
}

/// Where something lies, by its fingerprint. Grows as needed.
#[derive(Default)]
pub(super) struct Places {
    /// The fingerprint, zero where there is none, and the place.
    slots: Vec<(u128, u32)>,
    count: usize,
}

/// Slots of the smallest table.
const SLOTS_MIN: usize = 1 << 8;

impl Places {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn find(&self, print: u128) -> Option<u32> {
        let print = print.max(1);
        if self.slots.is_empty() {
            return None;
        }
        let (found, place) = self.slots[self.slot_of(print)];
        (found == print).then_some(place)
    }

    /// Adds a fingerprint that is not there yet.
    pub(super) fn insert(&mut self, print: u128, place: u32) {
        if self.count * 2 >= self.slots.len() {
            let size = (self.slots.len() * 2).max(SLOTS_MIN);
            let old = core::mem::replace(&mut self.slots, vec![(0, 0); size]);
            for (print, place) in old.into_iter().filter(|(print, _)| *print != 0) {
                let slot = self.slot_of(print);
                self.slots[slot] = (print, place);
            }
        }
        let print = print.max(1);
        let slot = self.slot_of(print);
        self.slots[slot] = (print, place);
        self.count += 1;
    }

    fn slot_of(&self, print: u128) -> usize {
        probe(print as usize, &self.slots, |(known, _)| *known == 0 || *known == print)
    }
}

/// The first slot from `start` on, around the end, that is the right one; the number of slots is a power of two.
fn probe<T>(start: usize, slots: &[T], is_right: impl Fn(&T) -> bool) -> usize {
    let mask = slots.len() - 1;
    let mut slot = start & mask;
    while !is_right(&slots[slot]) {
        slot = (slot + 1) & mask;
    }
    slot
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
    fn a_set_keeps_what_it_was_given() {
        const COUNT: u64 = 10_000;
        let mut seen = Seen::with_room_for(COUNT as usize);
        let prints: Vec<u128> = (0..COUNT).map(print_of).collect();
        assert!(prints.iter().all(|print| seen.insert(*print)));
        assert!(prints.iter().all(|print| !seen.insert(*print)));
        assert_eq!(seen.len(), prints.len());
    }

    #[test]
    fn places_are_found_again_while_there_come_more() {
        let mut places = Places::default();
        for number in 0..10_000_u32 {
            assert_eq!(places.find(print_of(number)), None);
            places.insert(print_of(number), number);
        }
        assert!((0..10_000_u32).all(|number| places.find(print_of(number)) == Some(number)));
        assert_eq!(places.len(), 10_000);
    }
}
