//! The key-value map as its documentation says it behaves, for one key, written without looking at how it is done.
//!
//! Histories are judged against this, so that a fault of the state machine is a fault of the history.

use crate::state_machine::{Expect, Operation, Outcome, Rejection};

/// What a key holds; none when it is absent.
pub type Content = Option<Vec<u8>>;

/// What a client asked of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Write(Operation),
    /// Sees all that was acknowledged before it was asked.
    Read,
    /// Sees at least what the client had seen, or nothing in particular.
    StaleRead,
}

impl Action {
    pub fn is_write(&self) -> bool {
        matches!(self, Action::Write(_))
    }
}

/// What a client heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    Written(Outcome),
    Value(Content),
}

/// Takes effect on `content` and says what the answer must be; conditions that name a revision are not judged here.
pub fn apply(content: &Content, action: &Action, value_bytes_max: u64) -> (Content, Heard) {
    let operation = match action {
        Action::Read | Action::StaleRead => return (content.clone(), Heard::Value(content.clone())),
        Action::Write(operation) => operation,
    };
    let store = |value: Vec<u8>, outcome: Outcome| {
        let size_bytes = value.len() as u64;
        if size_bytes > value_bytes_max {
            let because = Rejection::ValueTooLarge { size_bytes, limit_bytes: value_bytes_max };
            return (content.clone(), Heard::Written(Outcome::Rejected { because }));
        }
        (Some(value), Heard::Written(outcome))
    };
    match operation {
        Operation::Put { value } => store(value.clone(), Outcome::Written),
        Operation::Delete => (None, Heard::Written(Outcome::Deleted { found: content.is_some() })),
        Operation::Append { value } => {
            let mut joined = content.clone().unwrap_or_default();
            joined.extend_from_slice(value);
            store(joined, Outcome::Written)
        }
        Operation::Incr { by } => {
            let old = content.as_ref().map_or(Some(0), |text| number(text));
            match old.map(|old| old.checked_add(*by)) {
                None => rejected(content, Rejection::NotANumber),
                Some(None) => rejected(content, Rejection::Overflow),
                Some(Some(value)) => store(value.to_string().into_bytes(), Outcome::Incremented { value }),
            }
        }
        Operation::Cas { expect, value } => {
            let holds = match expect {
                Expect::Absent => content.is_none(),
                Expect::Value(wanted) => content.as_ref() == Some(wanted),
                Expect::Revision(_) => false,
            };
            if holds {
                return store(value.clone(), Outcome::Written);
            }
            (content.clone(), Heard::Written(Outcome::ConditionFailed { current: None }))
        }
        // Nothing vanishes here: no client of the model leases a key for less than its whole history.
        Operation::Lease { .. } => (content.clone(), Heard::Written(Outcome::Leased { found: content.is_some() })),
    }
}

/// Whether an answer is the one that the model gives. Of a failed condition only the value is compared, since the
/// model keeps no revisions.
pub fn agrees(content: &Content, expected: &Heard, heard: &Heard) -> bool {
    match (expected, heard) {
        (Heard::Written(Outcome::ConditionFailed { .. }), Heard::Written(Outcome::ConditionFailed { current })) => {
            current.as_ref().map(|current| &current.value) == content.as_ref()
        }
        _ => expected == heard,
    }
}

fn rejected(content: &Content, because: Rejection) -> (Content, Heard) {
    (content.clone(), Heard::Written(Outcome::Rejected { because }))
}

fn number(text: &[u8]) -> Option<i64> {
    core::str::from_utf8(text).ok()?.parse().ok()
}
