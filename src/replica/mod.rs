//! One node's mind: the consensus core, the bytes of recent entries, the state machine, and who waits for what.
//!
//! A `Replica` is fed `Input`s and drained of `Outputs`; it owns no clock, file, socket or thread, so that a node and
//! a simulator run the same code. The core decides about the *shape* of the log; the replica attaches the bytes: it
//! encodes what clients propose, keeps what peers send, reads back from log files what is no longer in memory, applies
//! what is committed and durable, and answers whoever waited for it. Every request is answered exactly once, unless
//! its client is gone.
//!
//! Reading order: `exchange` (what goes in and out), `mind` (one turn), `submit`, `writing`, `feeding`, `apply`,
//! `snapshots`, `watches`.

mod answers;
mod apply;
mod backups;
mod changes;
mod exchange;
mod feeding;
mod log_time;
mod mind;
mod received;
#[cfg(test)]
mod session_tests;
mod setup;
#[cfg(test)]
mod snapshot_tests;
mod snapshots;
mod status;
mod submit;
#[cfg(test)]
mod swarm;
mod tail;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod traces;
mod waiting;
mod watches;
mod writing;

pub use exchange::{ChangeOutcome, ChangeTicket, Fetch, FetchId, Input, Outputs, Sends};
pub use mind::Replica;
pub use setup::{BootError, Found, Limits, Setup};
pub use snapshots::{Image, SnapshotJob};
