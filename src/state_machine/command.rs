//! The commands of the key-value map and what each answers.
//!
//! Keys and values are bytes; the empty key is a key like any other. A command's revision is the index of the log
//! entry that carried it.

use super::transaction::{Transaction, TransactionOutcome, TransactionRejection};

/// What one entry of the log may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    Command(Command),
    Transaction(Transaction),
}

/// One write of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    pub key: Vec<u8>,
    pub operation: Operation,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    Put {
        value: Vec<u8>,
    },
    Delete,
    /// Adds bytes at the end of the value; an absent key counts as empty.
    Append {
        value: Vec<u8>,
    },
    /// Adds `by` to a decimal number; an absent key counts as 0.
    Incr {
        by: i64,
    },
    /// Sets `value` if `expect` holds.
    Cas {
        expect: Expect,
        value: Vec<u8>,
    },
    /// Lets a key vanish when so much log time has passed, whatever its lease said before; zero keeps it for ever. Its
    /// value and revision stay. A put or a cas of the key, and its deletion, end the lease.
    Lease {
        ttl_ms: u64,
    },
}

/// The condition of a compare-and-set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    Absent,
    Value(Vec<u8>),
    /// The key was last changed at this revision.
    Revision(u64),
}

/// See `Update`; a transaction is rare enough to be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpdateRef<'a> {
    Command(CommandRef<'a>),
    Transaction(Box<Transaction>),
}

/// A command whose bytes lie somewhere else, usually in the log record that carries it: what `apply` takes, so that
/// applying copies key and value once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandRef<'a> {
    pub key: &'a [u8],
    pub operation: OperationRef<'a>,
}

/// See `Operation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationRef<'a> {
    Put { value: &'a [u8] },
    Delete,
    Append { value: &'a [u8] },
    Incr { by: i64 },
    Cas { expect: ExpectRef<'a>, value: &'a [u8] },
    Lease { ttl_ms: u64 },
}

/// See `Expect`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectRef<'a> {
    Absent,
    Value(&'a [u8]),
    Revision(u64),
}

/// What applying one command gave. The same on every replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Put, append and cas that took effect.
    Written,
    /// Whether there was something to delete.
    Deleted { found: bool },
    /// The new number.
    Incremented { value: i64 },
    /// The condition of a cas did not hold; what is there instead.
    ConditionFailed { current: Option<Current> },
    /// The command can have no effect: incr of what is no number, or a result above the limits.
    Rejected { because: Rejection },
    /// Whether there was something to lease.
    Leased { found: bool },
    /// Which branch was taken, and what each of its steps gave.
    Transaction(Box<TransactionOutcome>),
    /// A step can have no effect, and so none of the transaction has.
    TransactionRejected(TransactionRejection),
}

/// A key's value and the revision that last changed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Current {
    pub value: Vec<u8>,
    pub revision: u64,
    pub version: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// `incr` of a value that is not a decimal 64-bit number.
    NotANumber,
    /// `incr` past the ends of a 64-bit number.
    Overflow,
    /// The value would be longer than the cluster's `max_value_size`.
    ValueTooLarge { size_bytes: u64, limit_bytes: u64 },
    /// The gets of a transaction would answer more than it may.
    ResultTooLarge { limit_bytes: u64 },
}

impl Update {
    pub fn view(&self) -> UpdateRef<'_> {
        match self {
            Update::Command(command) => UpdateRef::Command(command.view()),
            Update::Transaction(transaction) => UpdateRef::Transaction(Box::new(transaction.clone())),
        }
    }
}

impl UpdateRef<'_> {
    pub fn to_update(self) -> Update {
        match self {
            UpdateRef::Command(command) => Update::Command(command.to_command()),
            UpdateRef::Transaction(transaction) => Update::Transaction(*transaction),
        }
    }
}

impl Command {
    pub fn view(&self) -> CommandRef<'_> {
        let operation = match &self.operation {
            Operation::Put { value } => OperationRef::Put { value },
            Operation::Delete => OperationRef::Delete,
            Operation::Append { value } => OperationRef::Append { value },
            Operation::Incr { by } => OperationRef::Incr { by: *by },
            Operation::Cas { expect, value } => {
                let expect = match expect {
                    Expect::Absent => ExpectRef::Absent,
                    Expect::Value(expected) => ExpectRef::Value(expected),
                    Expect::Revision(revision) => ExpectRef::Revision(*revision),
                };
                OperationRef::Cas { expect, value }
            }
            Operation::Lease { ttl_ms } => OperationRef::Lease { ttl_ms: *ttl_ms },
        };
        CommandRef { key: &self.key, operation }
    }
}

impl CommandRef<'_> {
    pub fn to_command(self) -> Command {
        let operation = match self.operation {
            OperationRef::Put { value } => Operation::Put { value: value.to_vec() },
            OperationRef::Delete => Operation::Delete,
            OperationRef::Append { value } => Operation::Append { value: value.to_vec() },
            OperationRef::Incr { by } => Operation::Incr { by },
            OperationRef::Cas { expect, value } => {
                let expect = match expect {
                    ExpectRef::Absent => Expect::Absent,
                    ExpectRef::Value(expected) => Expect::Value(expected.to_vec()),
                    ExpectRef::Revision(revision) => Expect::Revision(revision),
                };
                Operation::Cas { expect, value: value.to_vec() }
            }
            OperationRef::Lease { ttl_ms } => Operation::Lease { ttl_ms },
        };
        Command { key: self.key.to_vec(), operation }
    }
}
