//! Clusters without machines: real consensus under a virtual network, disk and clock.
//!
//! Two kinds of world. `script` is the scenario language: a text that tells a story, drives a world of cores, and is
//! checked line by line. The rest of this module is the simulator: a seed chooses a whole world (`plan`), in which real
//! replicas write real journals to simulated disks (`disk`, `process`) and send what the real codec encodes over a
//! simulated network (`network`); faults strike (`faults`), clients ask and remember what they heard (`clients`),
//! invariants are checked after every turn (`checkers`), the world must recover (`recover`), and in the end what clients
//! heard is judged (`judge`, `linearizability`). `run` is one seed from start to verdict; `shrink` makes a failure small.
//! Neither: `explore` goes through every course that a small cluster can take.
//!
//! Everything here is pure: one thread, no clock, no file, and the same seed gives the same world to the last message
//! (I14). Reading files, threads and progress are the caller's work. It never links a node or a transport.

pub mod checkers;
pub mod clients;
mod decay;
pub mod dice;
pub mod disk;
pub mod explore;
mod faults;
mod jobs;
mod judge;
pub mod linearizability;
pub mod model;
mod network;
mod operators;
pub mod plan;
mod process;
mod queue;
mod recover;
mod run;
pub mod script;
mod session;
pub mod shrink;
mod trace;
mod world;

pub use plan::{FAULTS, Fault, Plan, RunOptions};
pub use run::{Report, run_plan, run_seed};
pub use script::Violation;
