//! Transactions: conditions on any keys, and one of two lists of steps that takes effect whole, at one revision.
//!
//! Pure values; what they do to the map is `kv`'s. A branch changes a key at most once, so that a key has one state per
//! revision. If one of its steps can have no effect, none of them has.

use std::collections::BTreeSet;

use super::command::{Command, Current, Expect, Operation, Outcome, Rejection};

/// Most conditions of one transaction.
pub const TRANSACTION_CONDITIONS_MAX: usize = 128;

/// Most steps in one branch of a transaction.
pub const TRANSACTION_STEPS_MAX: usize = 128;

/// Most bytes of values that the gets of one transaction answer together; a longer value that the cluster allows is
/// answered when it is alone. Part of the format, as whether a transaction is rejected must not depend on who applies
/// it.
pub const TRANSACTION_RESULT_BYTES_MAX: u64 = 1 << 20;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transaction {
    /// All must hold for `then`; none is a condition that always holds.
    pub conditions: Vec<Condition>,
    pub then: Vec<Step>,
    /// Taken when a condition does not hold.
    pub otherwise: Vec<Step>,
}

/// A condition on one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    pub key: Vec<u8>,
    pub test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// The key is there and has this value.
    Value(Vec<u8>),
    /// The key is there and was last changed at this revision.
    Revision(u64),
    /// The key is there and was written so often since it was created.
    Version(u64),
    Exists(bool),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The key as the steps before have left it.
    Get { key: Vec<u8> },
    /// A write of one key, but no compare-and-set: what a branch depends on are the conditions.
    Write(Command),
}

/// Which list of steps was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Branch {
    Then,
    Otherwise,
}

impl Branch {
    /// `then` or `else`, as people write it.
    pub fn word(self) -> &'static str {
        match self {
            Branch::Then => "then",
            Branch::Otherwise => "else",
        }
    }
}

/// What a transaction did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionOutcome {
    pub branch: Branch,
    /// One for each step of the branch.
    pub results: Vec<StepOutcome>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepOutcome {
    /// What a get found.
    Read(Option<Current>),
    /// What a write gave: written, deleted, incremented or leased.
    Written(Outcome),
}

/// Why nothing of a transaction took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionRejection {
    pub branch: Branch,
    /// Which step of the branch, from 0.
    pub step: u32,
    pub because: Rejection,
}

/// Why a transaction is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    #[error("it has {count} conditions; at most {TRANSACTION_CONDITIONS_MAX} are allowed")]
    Conditions { count: usize },
    #[error("its {} list has {count} steps; at most {TRANSACTION_STEPS_MAX} are allowed", branch.word())]
    Steps { branch: Branch, count: usize },
    #[error("step {step} of its {} list changes a key that an earlier step changes", branch.word())]
    Twice { branch: Branch, step: usize },
    #[error("step {step} of its {} list is a compare-and-set; make it a condition", branch.word())]
    Cas { branch: Branch, step: usize },
}

impl Step {
    pub fn key(&self) -> &[u8] {
        match self {
            Step::Get { key } | Step::Write(Command { key, .. }) => key,
        }
    }

    /// Whether it changes its key's value, and so its revision.
    fn is_change(&self) -> bool {
        match self {
            Step::Get { .. } | Step::Write(Command { operation: Operation::Lease { .. }, .. }) => false,
            Step::Write(_) => true,
        }
    }
}

impl Transaction {
    pub fn steps(&self, branch: Branch) -> &[Step] {
        match branch {
            Branch::Then => &self.then,
            Branch::Otherwise => &self.otherwise,
        }
    }

    /// A write that also leases its key: what it depends on, as a cas does, becomes a condition, so that one entry does
    /// it all. `Outcome::of_one_write` makes an answer of a plain write of what it gives.
    pub fn leased(command: Command, ttl_ms: u64) -> Transaction {
        let Command { key, operation } = command;
        let lease = Step::Write(Command { key: key.clone(), operation: Operation::Lease { ttl_ms } });
        let (test, operation) = match operation {
            Operation::Cas { expect, value } => {
                let test = match expect {
                    Expect::Absent => Test::Exists(false),
                    Expect::Value(value) => Test::Value(value),
                    Expect::Revision(revision) => Test::Revision(revision),
                };
                (Some(test), Operation::Put { value })
            }
            operation => (None, operation),
        };
        let otherwise = test.iter().map(|_| Step::Get { key: key.clone() }).collect();
        let conditions = test.into_iter().map(|test| Condition { key: key.clone(), test }).collect();
        Transaction { conditions, then: vec![Step::Write(Command { key, operation }), lease], otherwise }
    }

    /// Leases a key anew if it was last changed at `revision`: how a holder stays alive without touching what another
    /// has taken over. `Outcome::of_one_write` reads its answer.
    pub fn kept_alive(key: Vec<u8>, revision: u64, ttl_ms: u64) -> Transaction {
        let lease = Command { key: key.clone(), operation: Operation::Lease { ttl_ms } };
        let condition = Condition { key: key.clone(), test: Test::Revision(revision) };
        Transaction { conditions: vec![condition], then: vec![Step::Write(lease)], otherwise: vec![Step::Get { key }] }
    }

    /// Every key it names; those named often come often.
    pub fn keys(&self) -> impl Iterator<Item = &[u8]> {
        let conditions = self.conditions.iter().map(|condition| &condition.key[..]);
        conditions.chain(self.all_steps().map(Step::key))
    }

    /// Whether one of its branches may change this key.
    pub fn may_change(&self, key: &[u8]) -> bool {
        self.all_steps().any(|step| step.is_change() && step.key() == key)
    }

    /// # Errors
    /// It exceeds a bound, or its steps do not go together.
    pub fn check(&self) -> Result<(), TransactionError> {
        let count = self.conditions.len();
        if count > TRANSACTION_CONDITIONS_MAX {
            return Err(TransactionError::Conditions { count });
        }
        [Branch::Then, Branch::Otherwise].into_iter().try_for_each(|branch| self.check_branch(branch))
    }

    fn check_branch(&self, branch: Branch) -> Result<(), TransactionError> {
        let steps = self.steps(branch);
        if steps.len() > TRANSACTION_STEPS_MAX {
            return Err(TransactionError::Steps { branch, count: steps.len() });
        }
        let mut changed = BTreeSet::new();
        for (at, step) in steps.iter().enumerate() {
            if matches!(step, Step::Write(Command { operation: Operation::Cas { .. }, .. })) {
                return Err(TransactionError::Cas { branch, step: at });
            }
            if step.is_change() && !changed.insert(step.key()) {
                return Err(TransactionError::Twice { branch, step: at });
            }
        }
        Ok(())
    }

    /// Both branches, one behind the other.
    pub fn all_steps(&self) -> impl Iterator<Item = &Step> {
        self.then.iter().chain(&self.otherwise)
    }
}

impl Outcome {
    /// What a transaction of `Transaction::leased` or `Transaction::kept_alive` gave, as the outcome of the one write
    /// that it stands for.
    #[must_use]
    pub fn of_one_write(self) -> Outcome {
        match self {
            Outcome::Transaction(transaction) => match transaction.results.into_iter().next() {
                Some(StepOutcome::Read(current)) => Outcome::ConditionFailed { current },
                Some(StepOutcome::Written(outcome)) => outcome,
                None => Outcome::Written,
            },
            Outcome::TransactionRejected(rejection) => Outcome::Rejected { because: rejection.because },
            plain => plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &[u8]) -> Step {
        Step::Write(Command { key: key.to_vec(), operation: Operation::Put { value: b"v".to_vec() } })
    }

    fn lease(key: &[u8]) -> Step {
        Step::Write(Command { key: key.to_vec(), operation: Operation::Lease { ttl_ms: 1 } })
    }

    #[test]
    fn bounds_are_held_and_what_does_not_go_together_is_refused() {
        let numbered = |count: u16| (0..count).map(|number| put(&number.to_le_bytes())).collect::<Vec<_>>();
        let condition = Condition { key: b"k".to_vec(), test: Test::Exists(true) };
        let most =
            Transaction { conditions: vec![condition.clone(); 128], then: numbered(128), otherwise: numbered(128) };
        assert_eq!(most.check(), Ok(()));
        let more = Transaction { conditions: vec![condition; 129], ..Transaction::default() };
        assert_eq!(more.check(), Err(TransactionError::Conditions { count: 129 }));
        let more = Transaction { otherwise: numbered(129), ..Transaction::default() };
        assert_eq!(more.check(), Err(TransactionError::Steps { branch: Branch::Otherwise, count: 129 }));
        let twice = Transaction { then: vec![put(b"a"), put(b"b"), put(b"a")], ..Transaction::default() };
        assert_eq!(twice.check(), Err(TransactionError::Twice { branch: Branch::Then, step: 2 }));
        let cas = Operation::Cas { expect: Expect::Absent, value: Vec::new() };
        let cas =
            Transaction { then: vec![Step::Write(Command { key: Vec::new(), operation: cas })], ..<_>::default() };
        assert_eq!(cas.check(), Err(TransactionError::Cas { branch: Branch::Then, step: 0 }));
    }

    #[test]
    fn a_key_may_be_changed_once_in_each_branch_and_read_and_leased_besides() {
        let steps = vec![put(b"a"), Step::Get { key: b"a".to_vec() }, lease(b"a"), put(b"b")];
        let transaction = Transaction { then: steps, otherwise: vec![put(b"a"), lease(b"c")], ..<_>::default() };
        assert_eq!(transaction.check(), Ok(()));
        assert!(transaction.may_change(b"b") && !transaction.may_change(b"c"));
        assert_eq!(transaction.keys().filter(|key| *key == b"a").count(), 4);
    }
}
