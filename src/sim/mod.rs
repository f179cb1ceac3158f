//! Clusters without machines: real consensus cores under a virtual network, disk and clock.
//!
//! `script` is the scenario language: a text that tells a story, drives a world of cores, and is checked line by line.
//! `explore` goes through every course that a small cluster can take.
//! Everything here is pure; reading files is the caller's work. It never links a node or a transport.

pub mod explore;
pub mod script;
