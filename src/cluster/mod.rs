//! Local clusters: a YAML file becomes a plan, a plan becomes directories, directories become supervised processes.
//!
//! `spec` reads the file, `plan` says what would be done, `make` does it once, `process` starts and signals nodes, and
//! `follow` reads their logs. It starts nodes by their command line and never links them.

pub mod follow;
pub mod make;
pub mod plan;
pub mod process;
pub mod spec;
