//! See `bundle` in `src/lib.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| raftctl_fuzz::bundle(input));
