//! The replicated state: an ordered key-value map and the sessions of its clients. What commands mean, and nothing
//! about how they got here.

pub mod command;
mod key;
pub mod kv;
mod machine;
pub mod sessions;

pub use command::{Command, CommandRef, Current, Expect, ExpectRef, Operation, OperationRef, Outcome, Rejection};
pub use kv::{DIGEST_INTERVAL, Entry, KeyValueMap, MapFacts, Page, RestoreError, Restoring, Scan};
pub use machine::{StateMachine, WriteRef};
pub use sessions::{Applied, SessionId, SessionLimits, SessionTag, Sessions, Written};
