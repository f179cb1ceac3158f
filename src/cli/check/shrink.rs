//! Makes a history of one key that cannot be explained small, without making it a lie.
//!
//! Leaving out a write could make a sound history look broken, so nothing is left out at will:
//!
//! - *The end.* Up to some time: what had not returned by then counts as unanswered. If that cannot be explained, the
//!   whole cannot.
//! - *The beginning.* From some time on, with any content to begin with; what was called before and had not returned may
//!   have happened or not. If no content explains the rest, the whole cannot be explained. Where the beginning is part
//!   of the contradiction (a value that nobody had written) it stays.
//! - *What changes nothing*: reads, conditions that failed. Leaving them out asks for less.
//! - *The answer of a deletion*: it deletes in any case.
//! - *Writes* that left nothing of what somebody heard: in any order that explains the rest and them, the rest alone
//!   stays explained.
//!
//! So what is left cannot be explained by itself, and proves that the whole cannot.

use std::collections::BTreeSet;

use super::history::Operation;
use super::judge::call_of;
use crate::raft::Time;
use crate::sim::linearizability::{self, Call, Verdict};
use crate::sim::model::{Action, Content, Heard};
use crate::state_machine::{Expect, Operation as Change, Outcome};

/// Most searches that one example is worth.
const SEARCHES_MAX: usize = 50_000;

/// Most times that everything is tried again.
const PASSES_MAX: usize = 10;

/// Most contents that answers may presuppose; with more nothing is left out.
const CONTENTS_MAX: usize = 1_000;

/// A content that no history of ours holds: stands for every value that nobody asks about.
const OTHER: &[u8] = b"\0other";

/// Operations on one key that no order explains.
#[derive(Clone, Debug)]
pub(super) struct Example {
    /// By the time of their call.
    pub operations: Vec<Operation>,
    /// How many operations the key had.
    pub of: usize,
    /// Nothing stood under the key before these; else it may have held anything.
    pub from_the_start: bool,
}

/// `operations` are all that are telling of one key, and cannot be explained.
pub(super) fn shrink(operations: &[&Operation]) -> Example {
    let mut sorted = operations.to_vec();
    sorted.sort_by_key(|operation| operation.call_us);
    let mut search = Search { searches: 0 };
    let whole = Part {
        items: sorted.iter().map(|one| Item { operation: one, is_optional: false, is_mute: false }).collect(),
        from_the_start: true,
    };
    let mut part = search.cut_end(whole);
    for _ in 0..PASSES_MAX {
        let size = part.size();
        search.leave_out(&mut part, false);
        part = search.cut_beginning(part);
        search.mute(&mut part);
        search.leave_out(&mut part, true);
        if part.size() == size {
            break;
        }
    }
    Example {
        operations: part.items.iter().map(|item| item.operation.clone()).collect(),
        of: operations.len(),
        from_the_start: part.from_the_start,
    }
}

#[derive(Clone, Copy, Debug)]
struct Item<'a> {
    operation: &'a Operation,
    /// Its answer lies outside of the part: it may have happened or not.
    is_optional: bool,
    /// What it was answered does not matter.
    is_mute: bool,
}

impl<'a> Item<'a> {
    fn heard(&self) -> Option<&'a Heard> {
        if self.is_optional || self.is_mute { None } else { self.operation.heard() }
    }
}

#[derive(Clone)]
struct Part<'a> {
    items: Vec<Item<'a>>,
    from_the_start: bool,
}

impl Part<'_> {
    /// Operations, and answers that matter; a pass makes both fewer or leaves them.
    fn size(&self) -> (usize, usize) {
        (self.items.len(), self.items.iter().filter(|item| item.heard().is_some()).count())
    }
}

struct Search {
    searches: usize,
}

impl Search {
    /// The shortest time from the start that cannot be explained.
    fn cut_end<'a>(&mut self, whole: Part<'a>) -> Part<'a> {
        let mut ends: Vec<u64> = whole.items.iter().filter_map(|item| item.operation.return_us()).collect();
        ends.sort_unstable();
        let until = |end: u64| {
            let called = whole.items.iter().filter(|item| item.operation.call_us <= end);
            let items = called.filter_map(|item| open(item, item.operation.return_us().is_none_or(|time| time > end)));
            Part { items: items.collect(), from_the_start: true }
        };
        // Later ends cannot be explained either, so the first one is found by halving.
        let first = ends.partition_point(|end| !self.is_impossible(&until(*end)));
        ends.get(first).map_or_else(|| whole.clone(), |end| until(*end))
    }

    /// The latest beginning from which it cannot be explained, whatever was there before.
    fn cut_beginning<'a>(&mut self, part: Part<'a>) -> Part<'a> {
        let mut beginnings: Vec<u64> = part.items.iter().map(|item| item.operation.call_us).collect();
        beginnings.sort_unstable();
        let from = |beginning: u64| {
            let still_open =
                part.items.iter().filter(|item| item.operation.return_us().is_none_or(|time| time >= beginning));
            let items = still_open.filter_map(|item| open(item, item.operation.call_us < beginning));
            Part { items: items.collect(), from_the_start: false }
        };
        let count = beginnings.partition_point(|beginning| self.is_impossible(&from(*beginning)));
        match count.checked_sub(1).and_then(|last| beginnings.get(last)) {
            Some(beginning) => from(*beginning),
            None => part.clone(),
        }
    }

    /// Leaves out one operation after the other.
    fn leave_out(&mut self, part: &mut Part<'_>, changes_something: bool) {
        let mut at = 0;
        while at < part.items.len() {
            let mut without = part.clone();
            let item = without.items.remove(at);
            let is_writer = may_change(&item);
            let may_go = is_writer == changes_something && !(is_writer && is_needed(&item, &without));
            if may_go && self.is_impossible(&without) {
                *part = without;
            } else {
                at += 1;
            }
        }
    }

    /// Takes the answers of deletions away where they are not needed.
    fn mute(&mut self, part: &mut Part<'_>) {
        for at in 0..part.items.len() {
            let item = &part.items[at];
            if item.is_mute || !matches!(item.heard(), Some(Heard::Written(Outcome::Deleted { .. }))) {
                continue;
            }
            let mut without = part.clone();
            without.items[at].is_mute = true;
            if self.is_impossible(&without) {
                *part = without;
            }
        }
    }

    /// Whether certainly no order explains the part.
    fn is_impossible(&mut self, part: &Part<'_>) -> bool {
        let calls: Vec<Call<'_>> = part.items.iter().map(call).collect();
        if part.from_the_start {
            return self.is_impossible_after(None, &calls);
        }
        let Some(mut beginnings) = needed(&part.items) else { return false };
        beginnings.extend([None, Some(OTHER.to_vec())]);
        beginnings.into_iter().all(|content| self.is_impossible_after(content, &calls))
    }

    fn is_impossible_after(&mut self, content: Content, calls: &[Call<'_>]) -> bool {
        self.searches += 1;
        if self.searches > SEARCHES_MAX {
            return false;
        }
        let put = content.map(|value| Action::Write(Change::Put { value }));
        let heard = Heard::Written(Outcome::Written);
        let before =
            put.as_ref().map(|action| Call { invoked: Time(0), finished: Some(Time(0)), action, heard: Some(&heard) });
        let all: Vec<Call<'_>> = before.into_iter().chain(calls.iter().copied()).collect();
        matches!(linearizability::check(&all, u64::MAX), Verdict::Impossible { .. })
    }
}

/// The item in a part where its answer counts or, if `is_open`, does not; none when it then says nothing.
fn open<'a>(item: &Item<'a>, is_open: bool) -> Option<Item<'a>> {
    let is_optional = item.is_optional || is_open;
    (!is_optional || item.operation.action.is_write()).then_some(Item { is_optional, ..*item })
}

fn call<'a>(item: &Item<'a>) -> Call<'a> {
    let call = call_of(item.operation);
    let finished = call.finished.filter(|_| !item.is_optional);
    Call { finished, heard: item.heard(), ..call }
}

/// Whether leaving it out could take away the explanation of something else.
fn may_change(item: &Item<'_>) -> bool {
    match item.heard() {
        None => true,
        Some(Heard::Value(_)) => false,
        Some(Heard::Written(outcome)) => !matches!(
            outcome,
            Outcome::ConditionFailed { .. } | Outcome::Rejected { .. } | Outcome::Deleted { found: false }
        ),
    }
}

/// The content that an answer says was there before, or that an unanswered cas asks for.
fn presupposed(item: &Item<'_>) -> Option<Content> {
    let expected = |expect: &Expect| match expect {
        Expect::Absent => Some(None),
        Expect::Value(value) => Some(Some(value.clone())),
        Expect::Revision(_) => None,
    };
    let Some(heard) = item.heard() else {
        // Whether it does anything hangs on what it expects.
        return match &item.operation.action {
            Action::Write(Change::Cas { expect, .. }) => expected(expect),
            _ => None,
        };
    };
    match (heard, &item.operation.action) {
        (Heard::Value(content), _) => Some(content.clone()),
        (Heard::Written(Outcome::ConditionFailed { current }), _) => {
            Some(current.as_ref().map(|current| current.value.clone()))
        }
        (Heard::Written(Outcome::Deleted { found: false }), _) => Some(None),
        (Heard::Written(Outcome::Incremented { value }), Action::Write(Change::Incr { by })) => {
            Some(value.checked_sub(*by).map(number))
        }
        (Heard::Written(Outcome::Written), Action::Write(Change::Cas { expect, .. })) => expected(expect),
        _ => None,
    }
}

/// Whether what `item` leaves behind can be what one of the others heard, or a part of it.
fn is_needed(item: &Item<'_>, others: &Part<'_>) -> bool {
    let Some(contents) = needed(&others.items) else { return true };
    let mut values = contents.iter().flatten();
    let Action::Write(change) = &item.operation.action else { return false };
    if others.items.iter().any(wants_something) && *change != Change::Delete {
        return true;
    }
    match (change, item.heard()) {
        (Change::Delete, _) => contents.contains(&None),
        (Change::Append { value }, _) => values.any(|content| content.ends_with(value)),
        (Change::Incr { .. }, Some(Heard::Written(Outcome::Incremented { value }))) => {
            contents.contains(&Some(number(*value)))
        }
        (Change::Incr { .. }, _) => values.any(|content| as_number(content).is_some()),
        (Change::Put { value } | Change::Cas { value, .. }, _) => {
            // An incr takes 05 for 5.
            values
                .any(|content| content == value || as_number(content).is_some_and(|one| as_number(value) == Some(one)))
        }
        (Change::Lease { .. }, _) => true,
    }
}

/// Whether an answer says that there was something, without saying what.
fn wants_something(item: &Item<'_>) -> bool {
    matches!(item.heard(), Some(Heard::Written(Outcome::Deleted { found: true } | Outcome::Rejected { .. })))
}

/// All contents that answers presuppose, and what these may have been before an append or an unanswered incr; none when
/// they are too many, or cannot be told: after appends a number may have been written in many ways.
fn needed(items: &[Item<'_>]) -> Option<BTreeSet<Content>> {
    let has = |of: fn(&Change) -> bool| {
        items.iter().any(|item| matches!(&item.operation.action, Action::Write(change) if of(change)))
    };
    if has(|change| matches!(change, Change::Append { .. })) && has(|change| matches!(change, Change::Incr { .. })) {
        return None;
    }
    let mut found: BTreeSet<Content> = items.iter().filter_map(presupposed).collect();
    let mut open: Vec<Vec<u8>> = found.iter().flatten().cloned().collect();
    while let Some(content) = open.pop() {
        for item in items {
            let earlier = match (&item.operation.action, item.heard()) {
                (Action::Write(Change::Append { value }), _) if !value.is_empty() => {
                    content.strip_suffix(value.as_slice()).map(<[u8]>::to_vec)
                }
                (Action::Write(Change::Incr { by }), None) => {
                    as_number(&content).and_then(|value| value.checked_sub(*by)).map(number)
                }
                _ => None,
            };
            if let Some(earlier) = earlier
                && found.insert(Some(earlier.clone()))
            {
                open.push(earlier);
            }
        }
        if found.len() > CONTENTS_MAX {
            return None;
        }
    }
    // An absent key counts as empty, or as 0.
    if found.contains(&Some(Vec::new())) || found.contains(&Some(number(0))) {
        found.insert(None);
    }
    Some(found)
}

fn number(value: i64) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn as_number(content: &[u8]) -> Option<i64> {
    std::str::from_utf8(content).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::history::Ended;
    use super::*;

    fn operation(process: u32, times: (u64, Option<u64>), action: Action, heard: Option<Heard>) -> Operation {
        let ended = match (times.1, heard) {
            (Some(return_us), Some(heard)) => Ended::Answered { return_us, heard, revision: None },
            _ => Ended::Unknown { error: "late".to_owned() },
        };
        Operation { process, key: b"k".to_vec(), action, call_us: times.0, ended }
    }

    fn put(value: &str, from: u64, to: u64) -> Operation {
        let action = Action::Write(Change::Put { value: value.into() });
        operation(0, (from, Some(to)), action, Some(Heard::Written(Outcome::Written)))
    }

    fn get(value: Option<&str>, from: u64, to: u64) -> Operation {
        operation(1, (from, Some(to)), Action::Read, Some(Heard::Value(value.map(|text| text.as_bytes().to_vec()))))
    }

    fn incr(value: i64, from: u64, to: u64) -> Operation {
        let heard = Heard::Written(Outcome::Incremented { value });
        operation(2, (from, Some(to)), Action::Write(Change::Incr { by: 1 }), Some(heard))
    }

    fn delete(found: bool, from: u64, to: u64) -> Operation {
        let heard = Heard::Written(Outcome::Deleted { found });
        operation(3, (from, Some(to)), Action::Write(Change::Delete), Some(heard))
    }

    fn shrunk(history: &[Operation]) -> Vec<Operation> {
        shrink(&history.iter().collect::<Vec<_>>()).operations
    }

    #[test]
    fn a_stale_read_is_left_with_what_it_saw_and_what_it_should_have_seen() {
        let mut history = Vec::new();
        for number in 0..100_u64 {
            history.push(put(&number.to_string(), number * 10, number * 10 + 4));
            history.push(get(Some(&number.to_string()), number * 10 + 5, number * 10 + 8));
        }
        history.push(get(Some("97"), 1_000, 1_001));
        history.push(put("x", 1_002, 1_003));
        assert_eq!(shrunk(&history), [put("99", 990, 994), get(Some("97"), 1_000, 1_001)]);
    }

    #[test]
    fn a_lost_increment_is_two_that_gave_the_same() {
        let history: Vec<Operation> =
            (1..50).map(|value| incr(value as i64, value * 10, value * 10 + 5)).chain([incr(49, 600, 605)]).collect();
        assert_eq!(shrunk(&history), [incr(49, 490, 495), incr(49, 600, 605)]);
    }

    #[test]
    fn a_value_that_nobody_wrote_stands_with_the_beginning() {
        let history = [get(None, 0, 1), get(Some("z"), 2, 3), put("b", 4, 5)];
        let whole: Vec<&Operation> = history.iter().collect();
        let example = shrink(&whole);
        assert_eq!(example.operations, [get(Some("z"), 2, 3)]);
        assert!(example.from_the_start && example.of == 3, "with something there before nothing were wrong with it");
    }

    /// Without its deletion this history would look broken at the first read of nothing, which is sound.
    #[test]
    fn no_write_is_left_out_that_would_make_sound_answers_look_broken() {
        let history = [
            delete(false, 0, 1),
            put("a", 2, 3),
            delete(true, 4, 5),
            get(None, 6, 7),
            put("b", 8, 9),
            get(None, 10, 11),
        ];
        assert_eq!(shrunk(&history), [put("b", 8, 9), get(None, 10, 11)]);
        let zero = [put("5", 0, 1), put("0", 2, 3), incr(1, 4, 5), get(Some("0"), 6, 7)];
        assert_eq!(shrunk(&zero), [incr(1, 4, 5), get(Some("0"), 6, 7)]);
    }

    /// Every part that is left must be impossible by itself, whatever the history was.
    #[test]
    fn what_is_left_cannot_be_explained_and_loses_nothing_when_it_is_shrunk_again() {
        let mut dice = crate::sim::dice::Dice::new(11);
        let mut broken = 0;
        for _ in 0..300 {
            let mut history = Vec::new();
            for at in 0..12_u64 {
                let (from, to) = (at * 10, at * 10 + dice.between(1, 25));
                let value = dice.below(3).to_string();
                history.push(match dice.below(4) {
                    0 => put(&value, from, to),
                    1 => delete(dice.coin(), from, to),
                    2 => incr(dice.between(1, 3) as i64, from, to),
                    _ => get(Some(&value).filter(|_| dice.below(3) > 0).map(String::as_str), from, to),
                });
            }
            let calls: Vec<Call<'_>> = history.iter().map(call_of).collect();
            if !matches!(linearizability::check(&calls, u64::MAX), Verdict::Impossible { .. }) {
                continue;
            }
            broken += 1;
            let small = shrunk(&history);
            let again: Vec<Call<'_>> = small.iter().map(call_of).collect();
            assert!(matches!(linearizability::check(&again, u64::MAX), Verdict::Impossible { .. }), "{small:?}");
        }
        assert!(broken > 100, "{broken} are too few");
    }

    /// The rule for writes: what may go leaves the rest of a sound history sound.
    #[test]
    fn leaving_out_what_is_not_needed_breaks_no_sound_history() {
        let mut dice = crate::sim::dice::Dice::new(5);
        let mut left_out = 0;
        for _ in 0..3_000 {
            let history = sound(&mut dice);
            let items =
                history.iter().map(|operation| Item { operation, is_optional: dice.below(4) == 0, is_mute: false });
            let part = Part { items: items.collect(), from_the_start: true };
            let mut search = Search { searches: 0 };
            for at in 0..part.items.len() {
                let mut without = part.clone();
                let item = without.items.remove(at);
                if may_change(&item) && !is_needed(&item, &without) {
                    left_out += 1;
                    assert!(!search.is_impossible(&without), "{item:?} of {history:?}");
                }
            }
        }
        assert!(left_out > 100, "{left_out} are too few");
    }

    /// What one client hears from a sound map.
    fn sound(dice: &mut crate::sim::dice::Dice) -> Vec<Operation> {
        let mut content: Content = None;
        let mut history = Vec::new();
        for at in 0..8_u64 {
            let value = dice.below(3).to_string().into_bytes();
            let action = match dice.below(6) {
                0 => Action::Write(Change::Put { value }),
                1 => Action::Write(Change::Delete),
                2 => Action::Write(Change::Incr { by: dice.between(1, 2) as i64 }),
                3 => Action::Write(Change::Append { value }),
                4 => {
                    Action::Write(Change::Cas { expect: Expect::Value(dice.below(3).to_string().into_bytes()), value })
                }
                _ => Action::Read,
            };
            let (after, mut heard) = crate::sim::model::apply(&content, &action, u64::MAX);
            if let Heard::Written(Outcome::ConditionFailed { current }) = &mut heard {
                let now =
                    |value: &Vec<u8>| crate::state_machine::Current { value: value.clone(), revision: 0, version: 0 };
                *current = content.as_ref().map(now);
            }
            content = after;
            history.push(operation(0, (at * 10, Some(at * 10 + 5)), action, Some(heard)));
        }
        history
    }
}
