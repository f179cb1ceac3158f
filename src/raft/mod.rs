//! Pure consensus: the Raft algorithm as a value that is fed inputs and drained of effects.
//!
//! Nothing in here knows a clock, a file, a socket, a thread, a random source or a payload byte. Time and
//! chance are arguments, so the same inputs always give the same effects (I14).

pub mod config;
pub mod effects;
pub mod event;
pub mod message;
pub mod shape;
pub mod types;

pub use config::{Config, Member};
pub use effects::{Created, Effects, Fault, HardState, ReadFailure, ReadOutcome, ReadTicket, Refusal, Write};
pub use event::Event;
pub use message::{Envelope, Message};
pub use shape::Shape;
pub use types::{ClusterId, Index, LogId, NodeId, Role, StorageId, Term, Time, WriteSeq};
