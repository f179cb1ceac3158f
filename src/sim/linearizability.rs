//! Whether some order of the calls on one key explains what everybody heard (Herlihy and Wing).
//!
//! The search goes back in time step by step: at each point, the calls that may come next are those that began before
//! every call that is not yet placed has finished; one whose answer the model gives is placed, and when none can be, the
//! last placed one is taken back. What was tried is remembered as the set of placed calls with the content they led to, so
//! that no situation is looked at twice. A call without an answer may be placed anywhere behind its beginning, or never.
//!
//! The number of steps is bounded; a history that needs more is undecided, and is counted by whoever asked.

use std::collections::BTreeSet;

use xxhash_rust::xxh3::xxh3_64;

use super::model::{Action, Content, Heard, agrees, apply};
use crate::raft::Time;

/// Most placements that are tried for one key.
pub const STEPS_MAX: u64 = 200_000;

/// One call on one key.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    pub invoked: Time,
    /// None: it was never answered, and may or may not have happened.
    pub finished: Option<Time>,
    pub action: &'a Action,
    pub heard: Option<&'a Heard>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Linearizable,
    /// The call that finished first of those that could not be placed when most others were.
    Impossible {
        at: usize,
    },
    Undecided,
}

/// Calls that are placed, as a set of bits over those from `first` on; all before it are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Placed {
    first: usize,
    bits: Vec<u64>,
}

impl Placed {
    fn contains(&self, at: usize) -> bool {
        at < self.first || {
            let offset = at - self.first;
            self.bits.get(offset / 64).is_some_and(|word| word >> (offset % 64) & 1 == 1)
        }
    }

    fn insert(&mut self, at: usize) {
        let offset = at - self.first;
        if self.bits.len() <= offset / 64 {
            self.bits.resize(offset / 64 + 1, 0);
        }
        self.bits[offset / 64] |= 1 << (offset % 64);
        while self.bits.first() == Some(&u64::MAX) {
            self.bits.remove(0);
            self.first += 64;
        }
    }
}

/// One call placed, and what to go back to.
struct Step {
    before: Placed,
    content: Content,
    /// The candidate to try next.
    next: usize,
    candidates: Vec<usize>,
}

/// Searches for an order that explains all answers.
pub fn check(calls: &[Call<'_>], value_bytes_max: u64) -> Verdict {
    let mut order: Vec<usize> = (0..calls.len()).collect();
    order.sort_by_key(|at| calls[*at].invoked);
    let sorted: Vec<Call<'_>> = order.iter().map(|at| calls[*at]).collect();
    match (Search { calls: &sorted, value_bytes_max, seen: BTreeSet::new(), steps: 0, furthest: (0, 0) }).run() {
        Verdict::Impossible { at } => Verdict::Impossible { at: order[at] },
        verdict => verdict,
    }
}

struct Search<'a> {
    /// By the time they began.
    calls: &'a [Call<'a>],
    value_bytes_max: u64,
    seen: BTreeSet<(Placed, u64)>,
    steps: u64,
    /// Of the situation with the most calls placed: how many, and who stood in the way.
    furthest: (usize, usize),
}

impl Search<'_> {
    fn run(&mut self) -> Verdict {
        let mut placed = Placed { first: 0, bits: Vec::new() };
        let mut content: Content = None;
        let mut count = 0;
        let mut stack: Vec<Step> = Vec::new();
        let Some(mut candidates) = self.candidates(&placed, count) else { return Verdict::Linearizable };
        let mut next = 0;
        loop {
            let Some(at) = candidates.get(next).copied() else {
                // Nothing fits here: take the last one back.
                let Some(step) = stack.pop() else { return Verdict::Impossible { at: self.furthest.1 } };
                (placed, content, candidates, next) = (step.before, step.content, step.candidates, step.next);
                count -= 1;
                continue;
            };
            next += 1;
            self.steps += 1;
            if self.steps > STEPS_MAX {
                return Verdict::Undecided;
            }
            let call = &self.calls[at];
            let (after, expected) = apply(&content, call.action, self.value_bytes_max);
            if call.heard.is_some_and(|heard| !agrees(&content, &expected, heard)) {
                continue;
            }
            let mut with = placed.clone();
            with.insert(at);
            if !self.seen.insert((with.clone(), hash_of(&after))) {
                continue;
            }
            let before = core::mem::replace(&mut placed, with);
            let step = Step { before, content: core::mem::replace(&mut content, after), next, candidates };
            stack.push(step);
            count += 1;
            match self.candidates(&placed, count) {
                None => return Verdict::Linearizable,
                Some(found) => candidates = found,
            }
            next = 0;
        }
    }

    /// The calls that may come next, answered ones first; none when every answered call is placed.
    fn candidates(&mut self, placed: &Placed, count: usize) -> Option<Vec<usize>> {
        let open = (placed.first..self.calls.len()).filter(|at| !placed.contains(*at));
        let mut first_to_finish: Option<(Time, usize)> = None;
        let mut found = Vec::new();
        for at in open {
            let call = &self.calls[at];
            if first_to_finish.is_some_and(|(finished, _)| call.invoked > finished) {
                break;
            }
            if let Some(finished) = call.finished
                && first_to_finish.is_none_or(|(first, _)| finished < first)
            {
                first_to_finish = Some((finished, at));
            }
            found.push(at);
        }
        let (limit, in_the_way) = first_to_finish?;
        if count >= self.furthest.0 {
            self.furthest = (count, in_the_way);
        }
        found.retain(|at| self.calls[*at].invoked <= limit);
        found.sort_by_key(|at| self.calls[*at].finished.unwrap_or(Time(u64::MAX)));
        Some(found)
    }
}

fn hash_of(content: &Content) -> u64 {
    content.as_ref().map_or(0, |bytes| xxh3_64(bytes) | 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_machine::{Operation, Outcome};

    const LIMIT: u64 = 1_000;

    struct Story(Vec<(u64, Option<u64>, Action, Option<Heard>)>);

    impl Story {
        fn verdict(&self) -> Verdict {
            let calls: Vec<Call<'_>> = self
                .0
                .iter()
                .map(|(invoked, finished, action, heard)| Call {
                    invoked: Time(*invoked),
                    finished: finished.map(Time),
                    action,
                    heard: heard.as_ref(),
                })
                .collect();
            check(&calls, LIMIT)
        }
    }

    fn put(value: &str, from: u64, to: Option<u64>) -> (u64, Option<u64>, Action, Option<Heard>) {
        let action = Action::Write(Operation::Put { value: value.into() });
        (from, to, action, to.map(|_| Heard::Written(Outcome::Written)))
    }

    fn read(value: Option<&str>, from: u64, to: u64) -> (u64, Option<u64>, Action, Option<Heard>) {
        (from, Some(to), Action::Read, Some(Heard::Value(value.map(|text| text.as_bytes().to_vec()))))
    }

    #[test]
    fn overlapping_calls_may_be_ordered_either_way() {
        let story = Story(vec![put("a", 0, Some(10)), put("b", 1, Some(9)), read(Some("a"), 11, 12)]);
        assert_eq!(story.verdict(), Verdict::Linearizable);
        let story = Story(vec![put("a", 0, Some(10)), put("b", 1, Some(9)), read(Some("b"), 11, 12)]);
        assert_eq!(story.verdict(), Verdict::Linearizable);
    }

    #[test]
    fn a_read_of_what_was_overwritten_before_it_began_is_found() {
        let story = Story(vec![put("a", 0, Some(1)), put("b", 2, Some(3)), read(Some("a"), 4, 5)]);
        assert_eq!(story.verdict(), Verdict::Impossible { at: 2 });
        let story = Story(vec![put("a", 0, Some(1)), read(None, 4, 5)]);
        assert!(matches!(story.verdict(), Verdict::Impossible { .. }), "a lost write");
    }

    #[test]
    fn reads_never_go_back() {
        let story = Story(vec![put("a", 0, Some(20)), read(Some("a"), 1, 2), read(None, 3, 4)]);
        assert!(matches!(story.verdict(), Verdict::Impossible { .. }));
    }

    #[test]
    fn an_unanswered_write_may_happen_late_once_or_never() {
        let story = Story(vec![put("a", 0, None), read(None, 5, 6), read(Some("a"), 7, 8)]);
        assert_eq!(story.verdict(), Verdict::Linearizable);
        let story = Story(vec![put("a", 0, None), read(None, 5, 6), read(None, 7, 8)]);
        assert_eq!(story.verdict(), Verdict::Linearizable);
        let twice = |value: i64| (9, Some(10), Action::Read, Some(Heard::Value(Some(value.to_string().into_bytes()))));
        let incr = |finished: Option<u64>| {
            let heard = finished.map(|_| Heard::Written(Outcome::Incremented { value: 1 }));
            (0, finished, Action::Write(Operation::Incr { by: 1 }), heard)
        };
        assert_eq!(Story(vec![incr(Some(1)), incr(None), twice(2)]).verdict(), Verdict::Linearizable);
        let thrice = Story(vec![incr(Some(1)), incr(None), twice(3)]);
        assert!(matches!(thrice.verdict(), Verdict::Impossible { .. }), "it happened twice");
    }

    #[test]
    fn long_histories_are_decided_fast() {
        let mut calls = Vec::new();
        for number in 0..2_000 {
            calls.push(put(&number.to_string(), number * 10, Some(number * 10 + 15)));
            calls.push(read(Some(&number.to_string()), number * 10 + 6, number * 10 + 7));
        }
        assert_eq!(Story(calls).verdict(), Verdict::Linearizable);
    }
}
