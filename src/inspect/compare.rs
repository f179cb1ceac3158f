//! Compares logs: where they agree, and whether what differs matters.
//!
//! By the log matching property two logs that hold the same log id hold the same prefix, so comparing log ids and
//! checksums of entries compares everything before them, too (I3). The checksum chain makes that true of bytes.

use std::path::Path;

use serde::Serialize;

use crate::storage::reader::{Item, WalkError, walk};

/// One log as far as comparing needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// First index, and for each entry from there on its term and checksum.
    pub first: u64,
    pub entries: Vec<(u64, u32)>,
    /// Newest commit index that is written down; the real one may be higher.
    pub commit_hint: u64,
    pub damaged: Vec<String>,
}

/// What two or more logs have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Last index up to which all logs that reach it hold the same.
    pub agree_up_to: u64,
    /// Highest index that at least one log knows to be committed.
    pub known_commit: u64,
    /// First index at which two logs hold different entries; none when they only differ in length.
    pub differ_at: Option<u64>,
    /// Whether that index is known to be committed.
    pub committed_differ: bool,
}

/// Reads the outline of the log at `path`.
///
/// # Errors
/// There is no log there.
pub fn outline(path: &Path) -> Result<Outline, WalkError> {
    let mut outline = Outline::default();
    for item in walk(path)? {
        match item {
            Item::Record { header, .. } => {
                if outline.entries.is_empty() {
                    outline.first = header.id.index.0;
                }
                outline.entries.push((header.id.term.0, header.check));
            }
            Item::Marker { marker, .. } => outline.commit_hint = outline.commit_hint.max(marker.commit_hint.0),
            Item::Damage(damage) => outline.damaged.push(damage.to_string()),
            Item::Segment(_) | Item::TornTail { .. } | Item::Dead { .. } => {}
        }
    }
    Ok(outline)
}

/// Compares logs. A shorter log is no difference.
pub fn compare(outlines: &[Outline]) -> Comparison {
    let known_commit = outlines.iter().map(|outline| outline.commit_hint.min(outline.last())).max().unwrap_or(0);
    let longest = outlines.iter().map(Outline::last).max().unwrap_or(0);
    let differ_at = (1..=longest).find(|index| {
        let mut held = outlines.iter().filter_map(|outline| outline.at(*index));
        held.next().is_some_and(|first| held.any(|other| other != first))
    });
    Comparison {
        agree_up_to: differ_at.map_or(longest, |index| index - 1),
        known_commit,
        differ_at,
        committed_differ: differ_at.is_some_and(|index| index <= known_commit),
    }
}

impl Outline {
    pub fn last(&self) -> u64 {
        (self.first + self.entries.len() as u64).saturating_sub(1)
    }

    fn at(&self, index: u64) -> Option<(u64, u32)> {
        let position = index.checked_sub(self.first)?;
        self.entries.get(usize::try_from(position).ok()?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(terms: &[u64], commit_hint: u64) -> Outline {
        let entries = terms.iter().map(|term| (*term, u32::try_from(*term).unwrap())).collect();
        Outline { first: 1, entries, commit_hint, damaged: Vec::new() }
    }

    #[test]
    fn a_shorter_log_is_no_difference() {
        let result = compare(&[log(&[1, 2, 2], 3), log(&[1, 2], 2)]);
        assert_eq!((result.differ_at, result.agree_up_to, result.known_commit), (None, 3, 3));
    }

    #[test]
    fn tails_may_differ_and_committed_entries_may_not() {
        let tails = compare(&[log(&[1, 2, 2], 2), log(&[1, 2, 3], 2)]);
        assert_eq!((tails.differ_at, tails.committed_differ, tails.agree_up_to), (Some(3), false, 2));
        let broken = compare(&[log(&[1, 2, 2], 3), log(&[1, 2, 3], 2)]);
        assert!(broken.committed_differ);
    }
}
