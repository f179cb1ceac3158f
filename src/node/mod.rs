//! One process: threads, sockets, files and clocks around one `Replica`. It decides nothing.
//!
//! A node is five threads: a single-threaded runtime that carries the network and the turn, a journal thread that writes
//! and syncs, and three that work on files: one reads, one takes snapshots, one stores and installs those of others. `run`
//! starts them, turns until it is told to stop, hands leadership over, and closes what it opened. What a message means is
//! the replica's to know; how bytes travel is `transport`; what a crash leaves is `storage`.

mod clock;
mod cuts;
mod journal_thread;
mod room;
mod shutdown;
mod start;
mod turn;
mod worker;

pub use start::{Finished, NodeError, NodeOptions, Supervision, run};
