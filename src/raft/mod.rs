//! Pure consensus: the Raft algorithm as a value that is fed inputs and drained of effects.
//!
//! Nothing in here knows a clock, a file, a socket, a thread, a random source or a payload byte. Time and
//! chance are arguments, so the same inputs always give the same effects (I14).

mod catch_up;
mod change;
pub mod config;
mod core;
mod durability;
pub mod effects;
mod election;
pub mod event;
mod fingerprint;
mod invariants;
mod lease;
mod log;
mod membership;
pub mod message;
mod progress;
pub mod quorum;
mod read_index;
mod reconfigure;
mod recovering;
mod replication;
pub mod rules;
pub mod shape;
pub mod snapshot;
mod transfer;
pub mod types;

pub use self::core::{BootFault, Core, Options, Recovered, Setup};
pub use catch_up::CATCH_UP_ROUNDS_MAX;
pub use change::{Change, ChangeRefusal};
pub use config::{Config, MEMBERS_MAX, Member};
pub use effects::{Created, Effects, Fault, HardState, ReadFailure, ReadOutcome, ReadTicket, Refusal, Write};
pub use event::Event;
pub use log::NOOP_LENGTH_BYTES;
pub use message::{Envelope, Message};
pub use progress::PeerState;
pub use reconfigure::ConfigLength;
pub use replication::PeerStatus;
pub use rules::{Rule, Rules, UnknownRule};
pub use shape::Shape;
pub use snapshot::{ChunkToStore, Installation, SnapshotId, SnapshotMeta};
pub use types::{ClusterId, Index, LogId, NodeId, Role, StorageId, Term, Time, WriteSeq};

#[cfg(test)]
mod snapshot_tests;
#[cfg(test)]
mod tests;
