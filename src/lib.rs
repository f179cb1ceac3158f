//! raftctl: run, operate, break and explain Raft clusters from a terminal.
//!
//! This library is the whole product; `main.rs` only parses, runs and exits. Read it in this order:
//! **core** decides, **replica** remembers, **node** runs, **cluster** looks after them.
//!
//! What each module may use is the table in `docs/architecture.md`; `tests/tidy.rs` holds the code to it.

#![forbid(unsafe_code)]

/// What clients ask and hear.
pub mod api;
/// The command line: one file per subcommand, plus output, exit codes and hints.
pub mod cli;
/// The client: finds the leader, follows it, and retries only what is safe.
pub mod client;
/// Local clusters: a YAML file becomes a plan, a plan becomes supervised processes.
pub mod cluster;
/// The only place where bytes meet types: records, entries, wire frames.
pub mod codec;
/// Read-only views over what nodes have persisted.
pub mod inspect;
/// One process: threads, sockets, files and clocks around one replica. It decides nothing.
pub mod node;
/// Events become log lines.
pub mod observe;
/// Pure consensus: elections, replication, commit, membership, snapshots, reads, transfer. No clock, no I/O, no payload
/// bytes.
pub mod raft;
/// One node's mind: core, log tail, state machine, and who is waiting for what. Pure.
pub mod replica;
/// Clusters without machines: stories told by scripts, and whole worlds of faults simulated from a seed.
pub mod sim;
/// The replicated state: an ordered key-value map, its commands, and the sessions of its clients. Pure.
pub mod state_machine;
/// What is on disk: segments of the log, hard state, snapshots, group commit, recovery.
pub mod storage;
/// QUIC: identity, connections, lanes between peers, and the listener for clients.
pub mod transport;
