//! The replicated ordered key-value map: what commands mean, and nothing about how they got here.

pub mod command;
mod key;
pub mod kv;

pub use command::{Command, CommandRef, Current, Expect, ExpectRef, Operation, OperationRef, Outcome, Rejection};
pub use kv::{DIGEST_INTERVAL, Entry, KeyValueMap, MapFacts, Page, RestoreError, Restoring, Scan};
