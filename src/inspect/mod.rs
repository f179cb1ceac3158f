//! Read-only views over what nodes have persisted, and their text and JSON shapes.
//!
//! [`log::Source`] names a log, and its `entries` are what most programs want:
//!
//! ```no_run
//! use raftctl::inspect::log::Source;
//!
//! for entry in Source::at("demo/nodes/n1").entries()? {
//!     match entry {
//!         Ok(entry) => println!("{} {:?}", entry.header.id, entry.decode()),
//!         Err(damage) => eprintln!("{damage}"),
//!     }
//! }
//! # Ok::<(), raftctl::storage::reader::WalkError>(())
//! ```
//!
//! `log` turns the walk over a log into entries, `entry` says what one entry is, `filter` which are wanted. `stat`
//! counts, `picture` draws the segments, `verify` proves every byte. `diff` compares logs, `tails` says what became of
//! what they do not share, `votes` who could be elected. `replay` makes the state machine as it was, and `bisect` finds
//! the entry that made something true. `export` writes a log as text and reads it back, `redact` takes the values out of one. `identify` says what any file
//! or directory is, `bundle` reads what was packed for somebody else, `survivor` what is left of a cluster and `recovery_plan` how to go on from it, `snapshot` what a snapshot holds, `text` makes bytes fit for a line.
//!
//! Works on running nodes, on copies and on damaged directories: it prints all it can and reports the rest. Never
//! writes, takes no lock, never shows a key of an identity.

pub mod bisect;
pub mod bundle;
pub mod diff;
pub mod entry;
pub mod export;
pub mod filter;
pub mod identify;
pub mod log;
pub mod picture;
pub mod recovery_plan;
pub mod redact;
pub mod replay;
mod snapshot;
pub mod stat;
pub mod survivor;
pub mod tails;
pub mod text;
pub mod verify;
pub mod votes;
