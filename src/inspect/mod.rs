//! Read-only views over what nodes have persisted, and their text and JSON shapes.
//!
//! `log` turns the walk over a log into entries, `entry` says what one entry is, `diff` compares logs, `stat` counts,
//! `identify` says what any file or directory is, `snapshot` what a snapshot holds, `text` makes bytes fit for a line. Works on running nodes, on
//! copies and on damaged directories: it prints all it can and reports the rest. Never writes, takes no lock, never
//! shows a key of an identity.

pub mod diff;
pub mod entry;
pub mod filter;
pub mod identify;
pub mod log;
mod snapshot;
pub mod stat;
pub mod text;
