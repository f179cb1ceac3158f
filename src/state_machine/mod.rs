//! The replicated ordered key-value map: what commands mean, and nothing about how they got here.

pub mod command;

pub use command::{Command, Expect, Operation, Outcome};
