//! Keys as the map orders them: by their bytes, the first 23 of which are compared as three numbers.
//!
//! The map compares keys far more often than it does anything else. The start of every key lies in the tree itself, so
//! that comparing short keys, or keys that differ early, neither follows a pointer nor calls out.

use core::cmp::Ordering;
use std::sync::Arc;

/// How much of a key lies in the tree itself.
const HEAD_BYTES: usize = 23;

/// Stands where a short key has its length: a key longer than its head is greater than any other with that head.
const LONG_MARK: u8 = u8::MAX;

#[derive(Clone, Debug)]
pub(super) struct Key {
    /// The first bytes as big-endian numbers, zeros behind the end of the key, and its length or `LONG_MARK` in the last
    /// byte: two keys of which at most one is long are ordered as these numbers are. Where the padded bytes are equal,
    /// the longer key only has zeros more, and is the greater one.
    head: [u64; 3],
    /// All bytes of a key that is longer than its head. Boxed, to be one word in every key of the tree.
    long: Option<Arc<Box<[u8]>>>,
}

impl Key {
    pub(super) fn new(bytes: &[u8]) -> Key {
        let head_bytes = bytes.len().min(HEAD_BYTES);
        let is_long = bytes.len() > HEAD_BYTES;
        let mark = if is_long { LONG_MARK } else { u8::try_from(head_bytes).expect("a short length fits in a byte") };
        let head = &bytes[..head_bytes];
        let head = [word(head, 0), word(head, 8), word(head, 16) | u64::from(mark)];
        Key { head, long: is_long.then(|| Arc::new(Box::from(bytes))) }
    }

    /// All bytes of the key.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        if let Some(long) = &self.long {
            return long.to_vec();
        }
        let head = self.head.map(u64::to_be_bytes).concat();
        let length = usize::from(head[HEAD_BYTES]);
        head[..length].to_vec()
    }

    /// The order of two keys with the same head: they are equal, or both are long.
    #[cold]
    fn compare_long(&self, other: &Key) -> Ordering {
        self.long.cmp(&other.long)
    }
}

/// The eight bytes at `at` as a big-endian number, zeros where there are none.
#[inline]
fn word(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..).and_then(<[u8]>::first_chunk) {
        Some(eight) => u64::from_be_bytes(*eight),
        None if at >= bytes.len() => 0,
        None => (at..at + 8).fold(0, |word, at| word << 8 | u64::from(bytes.get(at).copied().unwrap_or(0))),
    }
}

impl Ord for Key {
    #[inline]
    fn cmp(&self, other: &Key) -> Ordering {
        // Word by word: comparing the arrays is compiled to a loop.
        for (left, right) in [(self.head[0], other.head[0]), (self.head[1], other.head[1])] {
            if left != right {
                return left.cmp(&right);
            }
        }
        match self.head[2].cmp(&other.head[2]) {
            Ordering::Equal if self.long.is_some() => self.compare_long(other),
            order => order,
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
            prop_assert_eq!(Key::new(&left).to_bytes(), left.clone());
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
