//! Finds the entry that first made something true of a key.
//!
//! The log is applied from as early as the disk allows, and the condition is looked at behind every entry that writes
//! to its key: what is true need not stay true, so nothing can be skipped.

use super::log::{Progress, Source};
use super::replay::{Begin, Replay, ReplayError, Step};
use crate::raft::LogId;
use crate::state_machine::{Entry, StateMachine};

/// What is to become true of one key. All tests must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    key: Vec<u8>,
    tests: Vec<Test>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Exists,
    Absent,
    Value(Vec<u8>),
    Version(u64),
    Revision(u64),
}

/// Why words are no condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    #[error("it names no key: write key=K first")]
    NoKey,
    #[error("`{word}` is not understood: write key=K, value=V, version=N, revision=N, exists or absent")]
    Word { word: String },
    #[error("`{word}` needs a number")]
    Number { word: String },
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Bisection {
    /// The entry whose state was looked at first; zero for before entry 1.
    pub from: LogId,
    /// The last entry that was looked at.
    pub to: LogId,
    /// It holds from the beginning on; then there is no step.
    pub held_before: bool,
    pub found: Option<Found>,
}

#[derive(Clone, Debug)]
pub struct Found {
    pub step: Step,
    pub before: Option<Entry>,
    pub after: Option<Entry>,
}

impl Condition {
    /// `key=colour value=green`, word by word.
    ///
    /// # Errors
    /// A word is not understood, or none names the key.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a [u8]>) -> Result<Condition, ConditionError> {
        let mut key = None;
        let mut tests = Vec::new();
        for word in words {
            let shown = || String::from_utf8_lossy(word).into_owned();
            let number = |digits: &[u8]| {
                let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
                number.ok_or_else(|| ConditionError::Number { word: shown() })
            };
            if let Some(name) = word.strip_prefix(b"key=") {
                key = Some(name.to_vec());
            } else if let Some(value) = word.strip_prefix(b"value=") {
                tests.push(Test::Value(value.to_vec()));
            } else if let Some(digits) = word.strip_prefix(b"version=") {
                tests.push(Test::Version(number(digits)?));
            } else if let Some(digits) = word.strip_prefix(b"revision=") {
                tests.push(Test::Revision(number(digits)?));
            } else {
                tests.push(match word {
                    b"exists" => Test::Exists,
                    b"absent" => Test::Absent,
                    _ => return Err(ConditionError::Word { word: shown() }),
                });
            }
        }
        let key = key.ok_or(ConditionError::NoKey)?;
        if tests.is_empty() {
            tests.push(Test::Exists);
        }
        Ok(Condition { key, tests })
    }

    pub fn key(&self) -> &[u8] {
        &self.key
    }

    pub fn holds(&self, machine: &StateMachine) -> bool {
        let entry = machine.map().get(&self.key);
        self.tests.iter().all(|test| match (test, entry) {
            (Test::Absent, entry) => entry.is_none(),
            (_, None) => false,
            (Test::Exists, Some(_)) => true,
            (Test::Value(value), Some(entry)) => entry.value() == value,
            (Test::Version(version), Some(entry)) => entry.version() == *version,
            (Test::Revision(revision), Some(entry)) => entry.revision() == *revision,
        })
    }
}

/// Looks for the first entry after which `condition` holds.
///
/// # Errors
/// The log cannot be applied as far as that.
pub fn bisect(source: &Source, condition: &Condition, progress: &Progress<'_>) -> Result<Bisection, ReplayError> {
    let mut replay = Replay::open(source, Begin::Early, progress)?;
    let from = replay.at();
    let held_before = condition.holds(replay.machine());
    if held_before {
        return Ok(Bisection { from, to: from, held_before, found: None });
    }
    let mut before = replay.machine().map().get(condition.key()).cloned();
    while let Some(step) = replay.step()? {
        if !step.concerns(condition.key(), replay.machine()) {
            continue;
        }
        let after = replay.machine().map().get(condition.key()).cloned();
        if condition.holds(replay.machine()) {
            let found = Some(Found { step, before, after });
            return Ok(Bisection { from, to: replay.at(), held_before, found });
        }
        before = after;
    }
    Ok(Bisection { from, to: replay.at(), held_before, found: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_machine::{CommandRef, OperationRef, SessionLimits, UpdateRef, WriteRef};

    fn condition(text: &str) -> Result<Condition, ConditionError> {
        Condition::parse(text.split(' ').map(str::as_bytes))
    }

    #[test]
    fn a_condition_is_about_one_key_and_all_of_it_must_hold() {
        let mut machine = StateMachine::new(100, SessionLimits::default());
        let holds = |machine: &StateMachine, text: &str| condition(text).unwrap().holds(machine);
        assert!(holds(&machine, "key=colour absent") && !holds(&machine, "key=colour"));
        for (revision, value) in [(1, b"red"), (2, b"sea")] {
            let command = CommandRef { key: b"colour", operation: OperationRef::Put { value } };
            let update = UpdateRef::Command(command);
            machine.apply(revision, 1, WriteRef { update, session: None, elapsed_ms: 0 });
        }
        for text in ["key=colour", "key=colour exists value=sea version=2 revision=2", "key=other absent"] {
            assert!(holds(&machine, text), "{text}");
        }
        for text in ["key=colour value=red", "key=colour version=1", "key=colour revision=1", "key=colour absent"] {
            assert!(!holds(&machine, text), "{text}");
        }
    }

    #[test]
    fn what_is_no_condition_is_named() {
        assert_eq!(condition("value=green"), Err(ConditionError::NoKey));
        assert_eq!(condition("key=a colour"), Err(ConditionError::Word { word: "colour".to_owned() }));
        assert_eq!(condition("key=a version=x"), Err(ConditionError::Number { word: "version=x".to_owned() }));
    }
}
