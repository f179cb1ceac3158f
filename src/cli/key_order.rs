//! Which of many lines may go at once: those that share a key go one behind the other, in line order.

use std::collections::{BTreeMap, VecDeque};

/// Lines that wait or are on their way, by the keys they touch.
#[derive(Debug, Default)]
pub(super) struct KeyOrder {
    queues: BTreeMap<Vec<u8>, VecDeque<u64>>,
}

impl KeyOrder {
    /// Adds the next line. True when none before it touches one of its keys. A key must not be named twice.
    pub(super) fn enter(&mut self, line: u64, keys: &[Vec<u8>]) -> bool {
        for key in keys {
            self.queues.entry(key.clone()).or_default().push_back(line);
        }
        self.is_first(line, keys)
    }

    /// Whether this line is the next one for all of its keys.
    pub(super) fn is_first(&self, line: u64, keys: &[Vec<u8>]) -> bool {
        keys.iter().all(|key| self.queues.get(key).and_then(VecDeque::front) == Some(&line))
    }

    /// Removes a line; gives those that are now the next for one of its keys.
    pub(super) fn leave(&mut self, line: u64, keys: &[Vec<u8>]) -> Vec<u64> {
        let mut next = Vec::new();
        for key in keys {
            let queue = self.queues.get_mut(key).expect("a line is in the queues of its keys");
            queue.retain(|other| *other != line);
            match queue.front() {
                Some(first) => next.push(*first),
                None => drop(self.queues.remove(key)),
            }
        }
        next.sort_unstable();
        next.dedup();
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<Vec<u8>> {
        text.split(' ').map(|key| key.as_bytes().to_vec()).collect()
    }

    #[test]
    fn a_line_waits_for_all_lines_before_it_that_share_a_key() {
        let mut order = KeyOrder::default();
        assert!(order.enter(1, &keys("a")));
        assert!(order.enter(2, &keys("b")));
        assert!(!order.enter(3, &keys("a b")));
        assert!(!order.enter(4, &keys("b c")), "the third is before it");
        assert!(order.enter(5, &keys("d")));
        assert_eq!(order.leave(1, &keys("a")), [3]);
        assert!(!order.is_first(3, &keys("a b")));
        assert_eq!(order.leave(2, &keys("b")), [3]);
        assert!(order.is_first(3, &keys("a b")) && !order.is_first(4, &keys("b c")));
        assert_eq!(order.leave(3, &keys("a b")), [4]);
        assert!(order.is_first(4, &keys("b c")));
        assert!(order.leave(4, &keys("b c")).is_empty() && order.leave(5, &keys("d")).is_empty());
        assert!(order.queues.is_empty());
    }
}
