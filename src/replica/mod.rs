//! One node's mind: the consensus core, the bytes of recent entries, the state machine, and who waits for what.
//!
//! A `Replica` is fed `Input`s and drained of `Outputs`; it owns no clock, file, socket or thread, so that a node and
//! a simulator run the same code. The core decides about the *shape* of the log; the replica attaches the bytes.
//!
//! ```text
//! impl Replica {
//!     pub fn boot(setup: Setup, now: Time) -> Result<Replica, BootError>;
//!     pub fn step(&mut self, now: Time, wall_ms: u64, input: Input);
//!     pub fn take_outputs(&mut self, now: Time, wall_ms: u64, out: &mut Outputs);
//!     pub fn next_deadline(&self) -> Option<Time>;
//!     pub fn is_leader(&self) -> bool;
//!     pub fn core(&self) -> &Core;
//!     pub fn status(&self, now: Time) -> NodeStatus;
//!     pub fn may_stop(&self) -> bool;
//! }
//! ```

mod exchange;
mod setup;

pub use exchange::{Fetch, FetchId, Input, Outputs};
pub use setup::{BootError, Found, Limits, Setup};
