//! What a transaction does to the map: all of a branch, or nothing.

use super::super::command::{Command, Current, Outcome, Rejection};
use super::super::leases::Leases;
use super::super::transaction::{
    Branch, Condition, Step, StepOutcome, TRANSACTION_RESULT_BYTES_MAX, Test, Transaction, TransactionOutcome,
    TransactionRejection,
};
use super::{Entry, Key, KeyValueMap};

impl KeyValueMap {
    pub(super) fn transact(&mut self, revision: u64, now_ms: u64, transaction: &Transaction) -> Outcome {
        let holds = transaction.conditions.iter().all(|condition| self.holds(condition));
        let branch = if holds { Branch::Then } else { Branch::Otherwise };
        let (changes_before, leases_before) = (self.history.len(), self.leases.clone());
        let steps = transaction.steps(branch);
        let mut results = Vec::with_capacity(steps.len());
        let mut result_bytes = 0;
        for (step, at) in steps.iter().zip(0..) {
            match self.take_step(revision, now_ms, step, &mut result_bytes) {
                Ok(result) => results.push(result),
                Err(because) => {
                    self.roll_back(changes_before, leases_before);
                    return Outcome::TransactionRejected(TransactionRejection { branch, step: at, because });
                }
            }
        }
        Outcome::Transaction(Box::new(TransactionOutcome { branch, results }))
    }

    fn holds(&self, condition: &Condition) -> bool {
        let entry = self.get(&condition.key);
        match &condition.test {
            Test::Exists(exists) => entry.is_some() == *exists,
            Test::Value(value) => entry.is_some_and(|entry| entry.value() == value),
            Test::Revision(revision) => entry.is_some_and(|entry| entry.revision() == *revision),
            Test::Version(version) => entry.is_some_and(|entry| entry.version() == *version),
        }
    }

    fn take_step(
        &mut self,
        revision: u64,
        now_ms: u64,
        step: &Step,
        result_bytes: &mut u64,
    ) -> Result<StepOutcome, Rejection> {
        match step {
            Step::Get { key } => self.read_step(key, result_bytes).map(StepOutcome::Read),
            Step::Write(command) => self.write_step(revision, now_ms, command).map(StepOutcome::Written),
        }
    }

    fn read_step(&self, key: &[u8], result_bytes: &mut u64) -> Result<Option<Current>, Rejection> {
        let Some(entry) = self.get(key) else { return Ok(None) };
        let is_first = *result_bytes == 0;
        *result_bytes += entry.value().len() as u64;
        if *result_bytes > TRANSACTION_RESULT_BYTES_MAX && !is_first {
            return Err(Rejection::ResultTooLarge { limit_bytes: TRANSACTION_RESULT_BYTES_MAX });
        }
        Ok(Some(entry.to_current()))
    }

    fn write_step(&mut self, revision: u64, now_ms: u64, command: &Command) -> Result<Outcome, Rejection> {
        match self.execute(revision, now_ms, command.view()) {
            Outcome::Rejected { because } => Err(because),
            outcome => Ok(outcome),
        }
    }

    /// Undoes the changes that were noted since there were `changes`.
    fn roll_back(&mut self, changes: usize, leases: Leases) {
        while self.history.len() > changes {
            let change = self.history.take_back();
            let place = Key::new(change.key());
            let hash = |entry: &Option<Entry>| entry.as_ref().map_or(0, Entry::hash);
            self.sum = self.sum.wrapping_sub(hash(&change.current)).wrapping_add(hash(&change.previous));
            match change.previous {
                Some(entry) => self.entries.insert(place, entry),
                None => self.entries.remove(&place),
            };
        }
        self.leases = leases;
    }
}
