//! The shape of a run of entries: where it starts, which term wrote each, how long each is encoded, and the
//! configurations among them. This is all consensus ever learns of entries; payload bytes stay with the replica.

use core::fmt;
use std::sync::Arc;

use super::config::Config;
use super::types::{Index, LogId, Term};

/// Consecutive entries without their payloads.
///
/// Terms are run-length encoded, since a leader writes long runs of one term.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Index of the first entry; meaningful also when empty (where the next one would go).
    pub first: Index,
    /// Terms as `(term, count)`, counts positive, terms not falling.
    pub terms: Vec<(Term, u32)>,
    /// Encoded length of each entry, in bytes, header included.
    pub lengths: Vec<u32>,
    /// Configuration entries among these, by index.
    pub configs: Vec<(Index, Arc<Config>)>,
}

impl Shape {
    pub fn empty(first: Index) -> Shape {
        Shape { first, terms: Vec::new(), lengths: Vec::new(), configs: Vec::new() }
    }

    pub fn len(&self) -> u64 {
        self.lengths.len() as u64
    }

    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// Index of the last entry, or the one before `first` when empty.
    pub fn last(&self) -> Index {
        Index(self.first.0 + self.len() - 1)
    }

    pub fn bytes(&self) -> u64 {
        self.lengths.iter().map(|length| u64::from(*length)).sum()
    }

    /// Log id of the last entry; none when empty.
    pub fn last_id(&self) -> Option<LogId> {
        self.terms.last().map(|(term, _)| LogId { term: *term, index: self.last() })
    }

    /// Adds one entry at the end. The caller keeps terms from falling.
    pub fn push(&mut self, term: Term, length: u32, config: Option<Arc<Config>>) {
        match self.terms.last_mut() {
            Some((last, count)) if *last == term => *count += 1,
            _ => self.terms.push((term, 1)),
        }
        let index = Index(self.first.0 + self.len());
        self.lengths.push(length);
        if let Some(config) = config {
            self.configs.push((index, config));
        }
    }

    /// Whether the parts speak of the same entries: runs that count them all, configurations in order and among them.
    pub fn is_consistent(&self) -> bool {
        let counted: u64 = self.terms.iter().map(|(_, count)| u64::from(*count)).sum();
        let indexes = self.configs.iter().map(|(index, _)| *index);
        counted == self.len()
            && self.terms.iter().all(|(_, count)| *count > 0)
            && indexes.clone().all(|index| index >= self.first && index <= self.last())
            && indexes.is_sorted_by(|a, b| a < b)
    }

    /// Term of the entry at `index`; none outside this run.
    pub fn term_at(&self, index: Index) -> Option<Term> {
        let mut offset = index.0.checked_sub(self.first.0)?;
        for (term, count) in &self.terms {
            if offset < u64::from(*count) {
                return Some(*term);
            }
            offset -= u64::from(*count);
        }
        None
    }
}

/// `[6@7 7@7]`, or for long runs `[6@7 … 70@7]`.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN_MAX: u64 = 6;
        let id = |index: u64| {
            let index = Index(index);
            LogId { term: self.term_at(index).expect("only own entries are shown"), index }
        };
        if self.is_empty() {
            return f.write_str("[]");
        }
        let (first, last) = (self.first.0, self.last().0);
        if self.len() > SHOWN_MAX {
            return write!(f, "[{} … {}]", id(first), id(last));
        }
        write!(f, "[{}", id(first))?;
        for index in first + 1..=last {
            write!(f, " {}", id(index))?;
        }
        f.write_str("]")
    }
}
