//! Requests as one connection makes them, and what their answers say.
//!
//! Keys and values are written into buffers that stay: a request allocates what the client takes over, and no more.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::keys::{self, Keys};
use super::mix::{Kind, KindRow, Mix};
use super::tally::Trouble;
use crate::api::{Answer, Ask, Consistency, Query};
use crate::client::{self, ClientError, Reply};
use crate::raft::Index;
use crate::sim::dice::Dice;
use crate::state_machine::{
    Branch, Command, Condition, Expect, Operation, Outcome, Rejection, Step, StepOutcome, Test, Transaction, Update,
};

/// Random bytes beyond one value, so that values differ.
const POOL_BYTES: usize = 64 * 1024;

/// What all connections of a run draw from.
pub(super) struct Subject {
    pub mix: Mix,
    pub keys: Keys,
    pub prefix: Vec<u8>,
    pub value_bytes: usize,
    pub consistency: Consistency,
    pub seed: u64,
    /// Printable random bytes; a value is a part of them.
    pool: Vec<u8>,
}

/// What a request is about, kept until it is answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    pub kind: Kind,
    /// Position of the kind in the mix.
    pub share: usize,
    pub key: u64,
}

impl About {
    pub(super) fn kind_word(&self) -> &'static str {
        KindRow::of(self.kind).word
    }
}

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Done,
    /// Read, and nothing was there.
    Absent,
    /// The cluster has answered that the condition does not hold.
    ConditionFailed,
    Failed(Trouble),
}

/// The revision that last changed each key, as far as this thread was told; 0 where nothing is there. Only kept where
/// requests are made with it.
#[derive(Debug, Default)]
pub(super) struct Revisions(Vec<u64>);

/// The requests of one connection.
pub(super) struct Requests {
    subject: Arc<Subject>,
    dice: Dice,
    revisions: Rc<RefCell<Revisions>>,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl Subject {
    pub(super) fn new(
        mix: Mix,
        keys: Keys,
        prefix: Vec<u8>,
        value_bytes: usize,
        consistency: Consistency,
        seed: u64,
    ) -> Subject {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut dice = Dice::stream(seed, u64::MAX);
        let pool = (0..POOL_BYTES + value_bytes).map(|_| ALPHABET[(dice.roll() >> 58) as usize]).collect();
        Subject { mix, keys, prefix, value_bytes, consistency, seed, pool }
    }

    /// What the keys of a family begin with; `keys::DIGITS` digits follow.
    pub(super) fn family_prefix(&self, family: u8) -> Vec<u8> {
        let mut prefix = self.prefix.clone();
        prefix.extend([family, b'/']);
        prefix
    }
}

impl Revisions {
    pub(super) fn of(subject: &Subject) -> Revisions {
        let count = if subject.mix.expects_revisions() { subject.keys.count() } else { 0 };
        Revisions(vec![0; usize::try_from(count).expect("keys are counted below the size of memory")])
    }

    fn get(&self, key: u64) -> u64 {
        usize::try_from(key).ok().and_then(|key| self.0.get(key)).copied().unwrap_or(0)
    }

    fn learn(&mut self, key: u64, revision: u64) {
        if let Some(known) = usize::try_from(key).ok().and_then(|key| self.0.get_mut(key)) {
            *known = revision;
        }
    }
}

impl Requests {
    /// Those of the connection with this number: the same seed and number draw the same.
    pub(super) fn new(subject: Arc<Subject>, connection: u32, revisions: Rc<RefCell<Revisions>>) -> Requests {
        let mut key = subject.family_prefix(b'v');
        key.resize(key.len() + keys::DIGITS, b'0');
        let dice = Dice::stream(subject.seed, u64::from(connection));
        Requests { dice, revisions, key, value: Vec::with_capacity(subject.value_bytes), subject }
    }

    /// The next request; `number` counts those of all connections.
    pub(super) fn next(&mut self, number: u64) -> (About, Ask) {
        let share = self.subject.mix.draw(&mut self.dice);
        let kind = self.subject.mix.shares()[share].kind;
        let key = self.subject.keys.choose(number, &mut self.dice);
        let about = About { kind, share, key };
        (about, self.ask(about))
    }

    fn ask(&mut self, about: About) -> Ask {
        let letter = self.key.len() - keys::DIGITS - 2;
        self.key[letter] = KindRow::of(about.kind).family;
        keys::write_number(about.key, &mut self.key);
        match about.kind {
            Kind::Get => {
                let query = Query::Get { key: self.key.clone() };
                Ask::Read { query, consistency: self.subject.consistency, at_least: Index(0) }
            }
            Kind::Put => {
                let value = self.draw_value();
                self.write(Operation::Put { value })
            }
            Kind::Append => {
                let value = self.draw_value();
                self.write(Operation::Append { value })
            }
            Kind::Cas => {
                let expect = match self.revisions.borrow().get(about.key) {
                    0 => Expect::Absent,
                    revision => Expect::Revision(revision),
                };
                let value = self.draw_value();
                self.write(Operation::Cas { expect, value })
            }
            Kind::Incr => self.write(Operation::Incr { by: 1 }),
            Kind::Delete => self.write(Operation::Delete),
            Kind::Txn => {
                let test = match self.revisions.borrow().get(about.key) {
                    0 => Test::Exists(false),
                    revision => Test::Revision(revision),
                };
                let value = self.draw_value();
                self.write_if(test, value)
            }
        }
    }

    /// The value's buffer, filled; `write` gives it back.
    fn draw_value(&mut self) -> Vec<u8> {
        let mut value = std::mem::take(&mut self.value);
        let start = self.dice.below(POOL_BYTES as u64) as usize;
        value.clear();
        value.extend_from_slice(&self.subject.pool[start..start + self.subject.value_bytes]);
        value
    }

    /// A put if the key is what it was, else a look at what it is.
    fn write_if(&mut self, test: Test, value: Vec<u8>) -> Ask {
        let put = Command { key: self.key.clone(), operation: Operation::Put { value } };
        let transaction = Transaction {
            conditions: vec![Condition { key: self.key.clone(), test }],
            then: vec![Step::Write(put)],
            otherwise: vec![Step::Get { key: self.key.clone() }],
        };
        Ask::Write(client::encode(&Update::Transaction(transaction)))
    }

    fn write(&mut self, operation: Operation) -> Ask {
        let update = Update::Command(Command { key: std::mem::take(&mut self.key), operation });
        let encoded = client::encode(&update);
        if let Update::Command(command) = update {
            self.key = command.key;
            if let Operation::Put { value } | Operation::Append { value } | Operation::Cas { value, .. } =
                command.operation
            {
                self.value = value;
            }
        }
        Ask::Write(encoded)
    }

    pub(super) fn judge(&mut self, about: About, result: &Result<Reply, ClientError>) -> Verdict {
        let answer = match result {
            Ok(reply) => &reply.answer,
            Err(error) => return Verdict::Failed(Trouble::of(error)),
        };
        match (about.kind, answer) {
            (Kind::Get, Answer::Value { item: Some(_), .. }) => Verdict::Done,
            (Kind::Get, Answer::Value { item: None, .. }) => Verdict::Absent,
            (
                Kind::Put | Kind::Cas | Kind::Incr | Kind::Append | Kind::Delete | Kind::Txn,
                Answer::Written { revision, outcome, .. },
            ) => self.judge_write(about, revision.0, outcome),
            _ => Verdict::Failed(Trouble::Invalid),
        }
    }

    fn judge_write(&mut self, about: About, revision: u64, outcome: &Outcome) -> Verdict {
        let mut revisions = self.revisions.borrow_mut();
        let shares_keys_with_cas = KindRow::of(about.kind).family == KindRow::of(Kind::Cas).family;
        let mut learn = |revision| {
            if shares_keys_with_cas {
                revisions.learn(about.key, revision);
            }
        };
        match outcome {
            Outcome::Transaction(transaction) if transaction.branch == Branch::Otherwise => {
                let read = transaction.results.first();
                learn(match read {
                    Some(StepOutcome::Read(Some(current))) => current.revision,
                    _ => 0,
                });
                Verdict::ConditionFailed
            }
            Outcome::Written | Outcome::Incremented { .. } | Outcome::Leased { .. } | Outcome::Transaction(_) => {
                learn(revision);
                Verdict::Done
            }
            Outcome::Deleted { .. } => {
                learn(0);
                Verdict::Done
            }
            Outcome::ConditionFailed { current } => {
                learn(current.as_ref().map_or(0, |current| current.revision));
                Verdict::ConditionFailed
            }
            Outcome::Rejected { because: Rejection::ValueTooLarge { .. } } => Verdict::Failed(Trouble::TooLarge),
            Outcome::Rejected { .. } | Outcome::TransactionRejected(_) => Verdict::Failed(Trouble::Invalid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys::Distribution;
    use super::*;
    use crate::codec::entry::decode_write;
    use crate::raft::Term;
    use crate::state_machine::{Current, TransactionOutcome};

    fn requests(mix: &str) -> Requests {
        let keys = Keys::new(3, Distribution::Sequential);
        let subject = Subject::new(Mix::parse(mix).unwrap(), keys, b"p/".to_vec(), 5, Consistency::Stale, 1);
        let revisions = Rc::new(RefCell::new(Revisions::of(&subject)));
        Requests::new(Arc::new(subject), 0, revisions)
    }

    fn update(ask: &Ask) -> Update {
        match ask {
            Ask::Write(bytes) => decode_write(bytes).unwrap().update.to_update(),
            _ => panic!("{ask:?} is no write"),
        }
    }

    fn command(ask: &Ask) -> Command {
        match update(ask) {
            Update::Command(command) => command,
            Update::Transaction(transaction) => panic!("{transaction:?} is no single write"),
        }
    }

    fn written(outcome: Outcome) -> Result<Reply, ClientError> {
        let answer = Answer::Written { revision: Index(9), term: Term(1), outcome };
        Ok(Reply { answer, node: "n1".to_owned() })
    }

    #[test]
    fn each_kind_builds_its_request_under_keys_of_its_family() {
        for (mix, key) in [
            ("put", "p/v/000000000001"),
            ("delete", "p/v/000000000001"),
            ("incr", "p/n/000000000001"),
            ("append", "p/a/000000000001"),
            ("cas", "p/v/000000000001"),
        ] {
            let mut requests = requests(mix);
            for _ in 0..2 {
                let command = command(&requests.next(1).1);
                assert_eq!(String::from_utf8_lossy(&command.key), key, "{mix}");
                match command.operation {
                    Operation::Put { value } | Operation::Append { value } | Operation::Cas { value, .. } => {
                        assert_eq!(value.len(), 5, "{mix}");
                    }
                    Operation::Delete | Operation::Incr { .. } | Operation::Lease { .. } => {}
                }
            }
        }
        let Ask::Read { query: Query::Get { key }, consistency, .. } = requests("get").next(2).1 else {
            panic!("a get is a read");
        };
        assert_eq!((key.as_slice(), consistency), (b"p/v/000000000002".as_slice(), Consistency::Stale));
    }

    #[test]
    fn a_cas_expects_what_the_last_answer_has_told() {
        let mut requests = requests("cas");
        let expected = |requests: &mut Requests| {
            let (about, ask) = requests.next(0);
            match command(&ask).operation {
                Operation::Cas { expect, .. } => (about, expect),
                other => panic!("{other:?} is no cas"),
            }
        };
        let (about, expect) = expected(&mut requests);
        assert_eq!(expect, Expect::Absent);
        assert_eq!(requests.judge(about, &written(Outcome::Written)), Verdict::Done);
        assert_eq!(expected(&mut requests).1, Expect::Revision(9));
        let current = Some(Current { value: Vec::new(), revision: 12, version: 1 });
        assert_eq!(requests.judge(about, &written(Outcome::ConditionFailed { current })), Verdict::ConditionFailed);
        assert_eq!(expected(&mut requests).1, Expect::Revision(12));
        assert_eq!(
            requests.judge(about, &written(Outcome::ConditionFailed { current: None })),
            Verdict::ConditionFailed
        );
        assert_eq!(expected(&mut requests).1, Expect::Absent);
    }

    #[test]
    fn a_transaction_expects_what_the_last_answer_has_told() {
        let mut requests = requests("txn");
        let tested = |requests: &mut Requests| {
            let (about, ask) = requests.next(1);
            match update(&ask) {
                Update::Transaction(Transaction { conditions, then, .. }) => {
                    assert_eq!(then[0].key(), b"p/v/000000000001");
                    (about, conditions[0].test.clone())
                }
                Update::Command(command) => panic!("{command:?} is no transaction"),
            }
        };
        let gave = |branch, result| {
            written(Outcome::Transaction(Box::new(TransactionOutcome { branch, results: vec![result] })))
        };
        let (about, test) = tested(&mut requests);
        assert_eq!(test, Test::Exists(false));
        let done = gave(Branch::Then, StepOutcome::Written(Outcome::Written));
        assert_eq!(requests.judge(about, &done), Verdict::Done);
        assert_eq!(tested(&mut requests).1, Test::Revision(9));
        let current = Current { value: Vec::new(), revision: 12, version: 1 };
        let failed = gave(Branch::Otherwise, StepOutcome::Read(Some(current)));
        assert_eq!(requests.judge(about, &failed), Verdict::ConditionFailed);
        assert_eq!(tested(&mut requests).1, Test::Revision(12));
        requests.judge(about, &gave(Branch::Otherwise, StepOutcome::Read(None)));
        assert_eq!(tested(&mut requests).1, Test::Exists(false));
    }

    #[test]
    fn an_answer_to_another_question_is_no_success() {
        let mut requests = requests("get");
        let (about, _) = requests.next(0);
        assert_eq!(requests.judge(about, &written(Outcome::Written)), Verdict::Failed(Trouble::Invalid));
        let answer = Answer::Value { item: None, at: Index(1) };
        assert_eq!(requests.judge(about, &Ok(Reply { answer, node: String::new() })), Verdict::Absent);
    }
}
