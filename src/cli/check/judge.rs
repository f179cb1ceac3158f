//! The verdict over a history: for each key, whether some order of the operations explains all answers.
//!
//! Keys are independent, so each is searched alone. The search is bounded; a key that needs more steps is undecided, and
//! that is said.

use std::collections::BTreeMap;

use super::history::Operation;
use super::shrink::{self, Example};
use crate::raft::Time;
use crate::sim::linearizability::{self, Call, Verdict};

/// Most keys whose history is made small.
const EXAMPLES_MAX: usize = 4;

pub(super) struct Judgement {
    pub keys: usize,
    /// Keys whose search was given up.
    pub undecided: Vec<Vec<u8>>,
    /// The smallest one of those keys that cannot be explained.
    pub example: Option<Example>,
}

pub(super) fn judge(history: &[Operation]) -> Judgement {
    let mut keys: BTreeMap<&[u8], Vec<&Operation>> = BTreeMap::new();
    for operation in history {
        let of_key = keys.entry(&operation.key).or_default();
        if operation.is_telling() {
            of_key.push(operation);
        }
    }
    let mut judgement = Judgement { keys: keys.len(), undecided: Vec::new(), example: None };
    let mut tried = 0;
    for (key, operations) in keys {
        let calls: Vec<Call<'_>> = operations.iter().map(|operation| call_of(operation)).collect();
        match linearizability::check(&calls, u64::MAX) {
            Verdict::Linearizable => {}
            Verdict::Undecided => judgement.undecided.push(key.to_vec()),
            Verdict::Impossible { .. } => {
                let example = shrink::shrink(&operations);
                if judgement.example.as_ref().is_none_or(|best| example.operations.len() < best.operations.len()) {
                    judgement.example = Some(example);
                }
                tried += 1;
                if tried == EXAMPLES_MAX {
                    break;
                }
            }
        }
    }
    judgement
}

/// An operation as the search sees it; times begin at 1, so that something may stand before everything.
pub(super) fn call_of(operation: &Operation) -> Call<'_> {
    Call {
        invoked: Time(operation.call_us + 1),
        finished: operation.return_us().map(|time| Time(time + 1)),
        action: &operation.action,
        heard: operation.heard(),
    }
}
