//! Clusters without machines: real consensus cores under a virtual network, disk and clock.
//!
//! `script` is the scenario language: a text that tells a story, drives a world of cores, and is checked line by line.
//! Everything here is pure; reading files is the caller's work. It never links a node or a transport.

pub mod script;
