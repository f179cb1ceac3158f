//! Keys as the map orders them: by their bytes, with those of up to 23 bytes compared as three numbers.
//!
//! The map compares keys far more often than it does anything else. A short key lies in the tree itself, so comparing
//! neither follows a pointer nor calls out.

use core::cmp::Ordering;
use std::sync::Arc;

/// Longest key that lies in the tree itself.
const SHORT_BYTES_MAX: usize = 23;

#[derive(Clone, Debug)]
pub(super) enum Key {
    /// The key's bytes as big-endian numbers, zeros behind its end, and its length in the last byte: two short keys are
    /// ordered as these numbers are. Where the padded bytes are equal, the longer key only has zeros more, and is the
    /// greater one.
    Short([u64; 3]),
    Long(Arc<[u8]>),
}

impl Key {
    pub(super) fn new(bytes: &[u8]) -> Key {
        if bytes.len() > SHORT_BYTES_MAX {
            return Key::Long(Arc::from(bytes));
        }
        let mut padded = [0; SHORT_BYTES_MAX + 1];
        padded[..bytes.len()].copy_from_slice(bytes);
        padded[SHORT_BYTES_MAX] = u8::try_from(bytes.len()).expect("a short length fits in a byte");
        let word = |at: usize| u64::from_be_bytes(padded[at..at + 8].try_into().expect("eight bytes are eight bytes"));
        Key::Short([word(0), word(8), word(16)])
    }

    /// The order of a short and a long key, or of two long ones.
    #[cold]
    fn compare_bytes(&self, other: &Key) -> Ordering {
        let (mut left, mut right) = ([0; SHORT_BYTES_MAX + 1], [0; SHORT_BYTES_MAX + 1]);
        self.bytes(&mut left).cmp(other.bytes(&mut right))
    }

    fn bytes<'a>(&'a self, buffer: &'a mut [u8; SHORT_BYTES_MAX + 1]) -> &'a [u8] {
        match self {
            Key::Short(words) => {
                for (at, word) in words.iter().enumerate() {
                    buffer[at * 8..at * 8 + 8].copy_from_slice(&word.to_be_bytes());
                }
                &buffer[..usize::from(buffer[SHORT_BYTES_MAX])]
            }
            Key::Long(bytes) => bytes,
        }
    }
}

impl Ord for Key {
    #[inline]
    fn cmp(&self, other: &Key) -> Ordering {
        match (self, other) {
            (Key::Short(left), Key::Short(right)) => left.cmp(right),
            _ => self.compare_bytes(other),
        }
    }
}

impl PartialOrd for Key {
    #[inline]
    fn partial_cmp(&self, other: &Key) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    #[inline]
    fn eq(&self, other: &Key) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Key {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Lengths around the bound, and few different bytes, so that prefixes and zeros meet.
    fn any_key() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(prop_oneof![Just(0), Just(1), Just(b'a'), Just(255)], 0..27)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn keys_are_ordered_as_their_bytes_are(
            mut left in any_key(),
            mut right in any_key(),
            shared in any_key(),
        ) {
            prop_assert_eq!(Key::new(&left).cmp(&Key::new(&right)), left.cmp(&right));
            left.splice(0..0, shared.iter().copied());
            right.splice(0..0, shared.iter().copied());
            prop_assert_eq!(Key::new(&left).cmp(&Key::new(&right)), left.cmp(&right));
        }
    }

    #[test]
    fn a_key_and_its_extension_by_zeros_differ() {
        for length in 0..26 {
            let (shorter, longer) = (vec![0; length], vec![0; length + 1]);
            assert_eq!(Key::new(&shorter).cmp(&Key::new(&longer)), Ordering::Less, "{length} zeros");
            assert_eq!(Key::new(&shorter), Key::new(&shorter));
        }
    }
}
