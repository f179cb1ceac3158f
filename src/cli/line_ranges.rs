//! Line numbers as few ranges: what a run over many lines remembers about each of them.
//!
//! Pure. Runs of neighbours cost one entry, so a million lines with one fate are as cheap as one.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

/// Most ranges that are named in a sentence.
const NAMED_MAX: usize = 20;

/// A set of line numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineRanges {
    /// The last line of each range by its first; ranges neither overlap nor touch.
    lasts: BTreeMap<u64, u64>,
}

/// One run of neighbours, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LineRange {
    pub first: u64,
    pub last: u64,
}

impl LineRanges {
    pub fn insert(&mut self, line: u64) {
        let before = self.lasts.range(..=line).next_back().map(|(first, last)| (*first, *last));
        if before.is_some_and(|(_, last)| last >= line) {
            return;
        }
        let first = before.filter(|(_, last)| last + 1 == line).map_or(line, |(first, _)| first);
        let last = self.lasts.remove(&(line + 1)).unwrap_or(line);
        self.lasts.insert(first, last);
    }

    pub fn first(&self) -> Option<u64> {
        self.lasts.keys().next().copied()
    }

    /// How many ranges it takes.
    pub fn count(&self) -> usize {
        self.lasts.len()
    }

    /// Those of the lines that come after `line`.
    pub fn after(&self, line: u64) -> LineRanges {
        let later = self.lasts.iter().filter(|(_, last)| **last > line);
        LineRanges { lasts: later.map(|(first, last)| ((*first).max(line + 1), *last)).collect() }
    }

    pub fn is_empty(&self) -> bool {
        self.lasts.is_empty()
    }

    pub fn to_vec(&self) -> Vec<LineRange> {
        self.lasts.iter().map(|(first, last)| LineRange { first: *first, last: *last }).collect()
    }

    /// `line 7`, or `lines 1, 3-5 and 2 more ranges`.
    pub fn to_sentence(&self) -> String {
        let one = self.lasts.len() == 1 && self.lasts.iter().all(|(first, last)| first == last);
        let mut text = if one { "line " } else { "lines " }.to_owned();
        for (position, (first, last)) in self.lasts.iter().take(NAMED_MAX).enumerate() {
            let comma = if position == 0 { "" } else { ", " };
            let _ = if first == last { write!(text, "{comma}{first}") } else { write!(text, "{comma}{first}-{last}") };
        }
        if self.lasts.len() > NAMED_MAX {
            let _ = write!(text, " and {} more ranges", self.lasts.len() - NAMED_MAX);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[u64]) -> LineRanges {
        let mut ranges = LineRanges::default();
        lines.iter().for_each(|line| ranges.insert(*line));
        ranges
    }

    #[test]
    fn neighbours_become_one_range_in_any_order() {
        assert_eq!(of(&[3, 1, 2, 2, 7]).to_vec(), [LineRange { first: 1, last: 3 }, LineRange { first: 7, last: 7 }]);
        assert_eq!(of(&[5]).to_sentence(), "line 5");
        assert_eq!(of(&[5, 1, 2]).to_sentence(), "lines 1-2, 5");
        assert_eq!(of(&[4, 2]).first(), Some(2));
    }

    #[test]
    fn later_lines_are_cut_out_of_a_range() {
        assert_eq!(of(&[1, 2, 3, 4, 9]).after(2), of(&[3, 4, 9]));
        assert!(of(&[1, 2]).after(2).is_empty());
    }
}
