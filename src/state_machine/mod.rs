//! The replicated state: an ordered key-value map with its newest changes and leases, and the sessions of its clients. What commands mean, and nothing
//! about how they got here.

pub mod command;
pub mod history;
mod key;
pub mod kv;
pub mod leases;
mod machine;
pub mod sessions;
pub mod transaction;

pub use command::{
    Command, CommandRef, Current, Expect, ExpectRef, Operation, OperationRef, Outcome, Rejection, Update, UpdateRef,
};
pub use history::{Change, History, HistoryError, HistoryLimits, RestoringHistory};
pub use kv::{DIGEST_INTERVAL, Entry, KeyValueMap, MapFacts, Page, RestoreError, Restoring, Scan};
pub use leases::{Lease, Leases, LeasesError, RestoringLeases};
pub use machine::{StateMachine, WriteRef};
pub use sessions::{Applied, SessionId, SessionLimits, SessionTag, Sessions, Written};
pub use transaction::{
    Branch, Condition, Step, StepOutcome, Test, Transaction, TransactionError, TransactionOutcome, TransactionRejection,
};
