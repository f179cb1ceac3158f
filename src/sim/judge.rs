//! The judgement over a finished run: what clients heard against what was committed, and against any order at all.
//!
//! Two judges that share nothing but the model. The first knows the committed log and asks whether every answer is the
//! one that the log gives at its place; with the checks made while the run went on (an answer is never older than what
//! had been seen before it was asked) that is linearizability of all keys together. The second looks at what clients saw
//! alone, key by key, and searches for an order, as a checker of a real cluster must.

use std::collections::{BTreeMap, BTreeSet};

use super::checkers::Checkers;
use super::clients::{Done, Ending};
use super::linearizability::{self, Call, Verdict};
use super::model::{self, Action, Content, Heard};
use super::script::Violation;
use crate::codec::Kind;
use crate::codec::entry::decode_write;
use crate::raft::Index;
use crate::state_machine::{SessionId, UpdateRef};

/// Most contents that one key may have had, as far as the judge can tell; a key with more is not judged further.
const CONTENTS_MAX: usize = 64;

/// Judges a run; gives the number of keys whose history could not be decided by search.
pub fn judge(checkers: &Checkers, history: &[Done], value_bytes_max: u64) -> Result<u64, Violation> {
    replay(checkers, history, value_bytes_max)?;
    search(history, value_bytes_max)
}

/// What one key may hold: more than one content after a write of a session whose outcome nobody heard, since it may have
/// been refused. None: too many to tell.
type Contents = Option<BTreeSet<Content>>;

/// Whether an entry of the log took effect when it was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Certain,
    /// It belongs to a session, and its client does not know.
    Possible,
    /// It was a repetition, or was refused (R107).
    None,
}

/// Applies the committed log to the model, and compares every answer with what the model has at its index. A write of a
/// session takes effect at the one index that its answer names (R108).
fn replay(checkers: &Checkers, history: &[Done], value_bytes_max: u64) -> Result<(), Violation> {
    let mut writes: BTreeMap<Index, &Done> = BTreeMap::new();
    let mut reads: BTreeMap<Index, Vec<&Done>> = BTreeMap::new();
    let mut sessions: BTreeMap<(SessionId, u64), &Done> = BTreeMap::new();
    for done in history {
        sessions.extend(done.tags.iter().map(|tag| (*tag, done)));
        let Ending::Heard { at, .. } = done.ending else { continue };
        match done.action {
            Action::Read | Action::StaleRead => reads.entry(at).or_default().push(done),
            Action::Write(_) => {
                if writes.insert(at, done).is_some() {
                    return Err(wrong(done, "has the revision of another write"));
                }
            }
        }
    }
    for done in reads.remove(&Index(0)).into_iter().flatten() {
        // Asked of a node that had applied nothing.
        if !matches!(done.ending, Ending::Heard { heard: Heard::Value(None), .. }) {
            return Err(wrong(done, "heard something before anything was applied"));
        }
    }
    let nothing = || Some(BTreeSet::from([None]));
    let mut map: BTreeMap<Vec<u8>, Contents> = BTreeMap::new();
    for (id, kind, payload) in checkers.committed_entries() {
        if kind == Kind::Command {
            let write = decode_write(payload).expect("commands were judged before they were proposed");
            let tag = write.session.map(|tag| (tag.session, tag.serial));
            let effect = match tag.map(|tag| sessions.get(&tag)) {
                None => Effect::Certain,
                Some(None) => {
                    let what = format!("{id} is a write of a session that no client has sent");
                    return Err(Violation { rule: "I12 acknowledged", what });
                }
                Some(Some(done)) => effect_of(done, id.index),
            };
            let UpdateRef::Command(command) = write.update else {
                return Err(Violation {
                    rule: "I12 acknowledged",
                    what: format!("{id} is a write no client has sent"),
                });
            };
            let command = command.to_command();
            let contents = map.entry(command.key).or_insert_with(nothing);
            let action = Action::Write(command.operation);
            let heard = writes.remove(&id.index);
            *contents = after(contents.take(), &action, effect, heard, value_bytes_max)?;
        }
        for done in reads.remove(&id.index).into_iter().flatten() {
            let Ending::Heard { heard: Heard::Value(heard), .. } = &done.ending else { continue };
            let Some(contents) = map.entry(done.key.clone()).or_insert_with(nothing) else { continue };
            if !contents.contains(heard) {
                return Err(wrong(done, &format!("heard {heard:?}, which is not what the log gives")));
            }
            *contents = BTreeSet::from([heard.clone()]);
        }
    }
    match (writes.into_values().next(), reads.into_values().flatten().next()) {
        (Some(done), _) | (None, Some(done)) => Err(wrong(done, "is answered as of an index that is not committed")),
        (None, None) => Ok(()),
    }
}

fn effect_of(done: &Done, index: Index) -> Effect {
    match &done.ending {
        Ending::Heard { at, .. } if *at == index => Effect::Certain,
        Ending::Heard { .. } | Ending::Nothing => Effect::None,
        Ending::Open | Ending::Unknown => Effect::Possible,
    }
}

/// What a key may hold after one entry, given what its client heard of it.
fn after(
    contents: Contents,
    action: &Action,
    effect: Effect,
    heard: Option<&Done>,
    value_bytes_max: u64,
) -> Result<Contents, Violation> {
    let Some(before) = contents else { return Ok(None) };
    if effect == Effect::None {
        return Ok(Some(before));
    }
    let mut next = BTreeSet::new();
    let mut expected = None;
    for content in &before {
        let (then, answer) = model::apply(content, action, value_bytes_max);
        let is_so = match heard.map(|done| &done.ending) {
            Some(Ending::Heard { heard, .. }) => model::agrees(content, &answer, heard),
            _ => true,
        };
        if is_so {
            next.insert(then);
        }
        expected = Some(answer);
    }
    if let Some(done) = heard.filter(|_| next.is_empty()) {
        return Err(wrong(done, &format!("ended as {:?} where the log gives {expected:?}", done.ending)));
    }
    if effect == Effect::Possible {
        next.extend(before);
    }
    Ok((next.len() <= CONTENTS_MAX).then_some(next))
}

fn search(history: &[Done], value_bytes_max: u64) -> Result<u64, Violation> {
    let mut keys: BTreeMap<&[u8], Vec<Call<'_>>> = BTreeMap::new();
    for done in history {
        let (finished, heard) = match &done.ending {
            Ending::Nothing => continue,
            _ if done.action == Action::StaleRead => continue,
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
        let is_read = |done: &Done| {
            done.action == Action::Read
                && matches!(&done.ending, Ending::Heard { heard: Heard::Value(Some(value)), .. } if !value.is_empty())
        };
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
