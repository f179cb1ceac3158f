//! The judgement over a finished run: what clients heard against what was committed, and against any order at all.
//!
//! Two judges that share nothing but the model. The first knows the committed log and asks whether every answer is the
//! one that the log gives at its place; with the checks made while the run went on (an answer is never older than what
//! had been seen before it was asked) that is linearizability of all keys together. The second looks at what clients saw
//! alone, key by key, and searches for an order, as a checker of a real cluster must.

use std::collections::BTreeMap;

use super::checkers::Checkers;
use super::clients::{Done, Ending};
use super::linearizability::{self, Call, Verdict};
use super::model::{self, Action, Content, Heard};
use super::script::Violation;
use crate::codec::Kind;
use crate::codec::entry::decode_command;
use crate::raft::Index;

/// Judges a run; gives the number of keys whose history could not be decided by search.
pub fn judge(checkers: &Checkers, history: &[Done], value_bytes_max: u64) -> Result<u64, Violation> {
    replay(checkers, history, value_bytes_max)?;
    search(history, value_bytes_max)
}

/// Applies the committed log to the model, and compares every answer with what the model has at its index.
fn replay(checkers: &Checkers, history: &[Done], value_bytes_max: u64) -> Result<(), Violation> {
    let mut writes: BTreeMap<Index, &Done> = BTreeMap::new();
    let mut reads: BTreeMap<Index, Vec<&Done>> = BTreeMap::new();
    for done in history {
        let Ending::Heard { at, .. } = done.ending else { continue };
        match done.action {
            Action::Read => reads.entry(at).or_default().push(done),
            Action::Write(_) => {
                if writes.insert(at, done).is_some() {
                    return Err(wrong(done, "has the revision of another write"));
                }
            }
        }
    }
    let mut map: BTreeMap<Vec<u8>, Content> = BTreeMap::new();
    for (id, kind, payload) in checkers.committed_entries() {
        if kind == Kind::Command {
            let command = decode_command(payload).expect("commands were judged before they were proposed");
            let content = map.entry(command.key).or_default();
            let (next, expected) = model::apply(content, &Action::Write(command.operation), value_bytes_max);
            if let Some(done) = writes.remove(&id.index)
                && let Ending::Heard { heard, .. } = &done.ending
                && !model::agrees(content, &expected, heard)
            {
                return Err(wrong(done, &format!("heard {heard:?} where the log gives {expected:?}")));
            }
            *content = next;
        }
        for done in reads.remove(&id.index).into_iter().flatten() {
            let content = map.get(&done.key).cloned().flatten();
            let Ending::Heard { heard, .. } = &done.ending else { continue };
            if *heard != Heard::Value(content) {
                return Err(wrong(done, &format!("heard {heard:?}, which is not what the log gives")));
            }
        }
    }
    match (writes.into_values().next(), reads.into_values().flatten().next()) {
        (Some(done), _) | (None, Some(done)) => Err(wrong(done, "is answered as of an index that is not committed")),
        (None, None) => Ok(()),
    }
}

fn search(history: &[Done], value_bytes_max: u64) -> Result<u64, Violation> {
    let mut keys: BTreeMap<&[u8], Vec<Call<'_>>> = BTreeMap::new();
    for done in history {
        let (finished, heard) = match &done.ending {
            Ending::Nothing => continue,
            Ending::Heard { finished, heard, .. } => (Some(*finished), Some(heard)),
            Ending::Open | Ending::Unknown if done.action == Action::Read => continue,
            Ending::Open | Ending::Unknown => (None, None),
        };
        let call = Call { invoked: done.invoked, finished, action: &done.action, heard };
        keys.entry(&done.key).or_default().push(call);
    }
    let mut undecided = 0;
    for (key, calls) in keys {
        match linearizability::check(&calls, value_bytes_max) {
            Verdict::Linearizable => {}
            Verdict::Undecided => undecided += 1,
            Verdict::Impossible { at } => {
                let what = format!(
                    "no order explains what clients saw of {}: {:?} heard {:?}",
                    String::from_utf8_lossy(key),
                    calls[at].action,
                    calls[at].heard
                );
                return Err(Violation { rule: "I12 linearizable reads", what });
            }
        }
    }
    Ok(undecided)
}

fn wrong(done: &Done, what: &str) -> Violation {
    let key = String::from_utf8_lossy(&done.key);
    Violation {
        rule: "I12 linearizable reads",
        what: format!("{:?} of {key} by client {} {what}", done.action, done.client),
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::super::plan::{FAULTS, Plan, RunOptions};
    use super::super::world::World;
    use super::*;

    /// A quiet world that has come to its end.
    fn finished() -> World {
        let options = RunOptions {
            span: Duration::from_secs(8),
            without: FAULTS.iter().map(|(fault, _)| *fault).collect(),
            nodes: Some(3),
            ..RunOptions::default()
        };
        let mut world = World::new(Plan::of(4, &options), false);
        world.plan_recovery();
        while !world.phase.is_done() {
            world.step().expect("a quiet world is a sound one");
        }
        world
    }

    /// A later read of a key that was written, with what it heard.
    fn a_read(history: &[Done]) -> usize {
        let is_read = |done: &Done| matches!(&done.ending, Ending::Heard { heard: Heard::Value(Some(value)), .. } if !value.is_empty());
        history.iter().rposition(is_read).expect("somebody read something")
    }

    #[test]
    fn a_sound_history_passes_and_a_damaged_one_is_found_by_each_judge_alone() {
        let world = finished();
        let limit = world.plan.settings.max_value_size;
        let sound = &world.clients.history;
        assert!(sound.len() > 100, "{} operations are too few", sound.len());
        assert_eq!(judge(&world.checkers, sound, limit), Ok(0));

        let mut changed = sound.clone();
        let at = a_read(&changed);
        let Ending::Heard { heard: Heard::Value(Some(value)), .. } = &mut changed[at].ending else { unreachable!() };
        value[0] ^= 1;
        assert!(replay(&world.checkers, &changed, limit).is_err(), "a changed value");
        assert!(search(&changed, limit).is_err(), "a changed value");

        let mut stale = sound.clone();
        let Ending::Heard { heard, .. } = &mut stale[at].ending else { unreachable!() };
        *heard = Heard::Value(None);
        assert!(replay(&world.checkers, &stale, limit).is_err(), "a read of before the key was written");
        assert!(search(&stale, limit).is_err(), "a read of before the key was written");

        let mut failed = sound.clone();
        let key = failed[at].key.clone();
        for done in failed.iter_mut().filter(|done| done.key == key && done.action != Action::Read) {
            done.ending = Ending::Nothing;
        }
        assert!(search(&failed, limit).is_err(), "what was said to have failed was seen");
    }

    #[test]
    fn an_answer_as_of_an_index_that_was_never_committed_is_found() {
        let world = finished();
        let mut history = world.clients.history.clone();
        let at = a_read(&history);
        let Ending::Heard { at: index, .. } = &mut history[at].ending else { unreachable!() };
        *index = world.checkers.committed().next();
        let error = replay(&world.checkers, &history, world.plan.settings.max_value_size).unwrap_err();
        assert!(error.what.contains("not committed"), "{error}");
    }
}
