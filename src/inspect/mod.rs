//! Read-only views over what nodes have persisted: entries as sentences, counts, comparisons, and what a file is.
//!
//! Everything here reads through `storage::reader`, the same code that recovery trusts, takes no lock, writes nothing,
//! and works on a running node, a stopped one, or a copy. Damage is reported and reading goes on.

pub mod compare;
pub mod entry;
pub mod identify;
pub mod summary;
