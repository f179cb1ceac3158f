//! What happened, as a hash that proves that two runs were the same, and as lines for a person when asked for.

use std::collections::VecDeque;

use core::fmt;

use crate::raft::Time;

/// Most lines that are kept; older ones are dropped from the front.
pub const LINES_MAX: usize = 20_000;

/// The story of one run.
#[derive(Clone, Debug)]
pub struct Trace {
    hash: u64,
    lines: Option<VecDeque<String>>,
}

impl Trace {
    pub fn new(keeps_lines: bool) -> Trace {
        Trace { hash: 0xcbf2_9ce4_8422_2325, lines: keeps_lines.then(VecDeque::new) }
    }

    /// One number that every run of this seed must come to at this point.
    pub fn mix(&mut self, word: u64) {
        let mixed = (self.hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.hash = mixed ^ (mixed >> 29);
    }

    /// Something happened at `now`.
    pub fn event(&mut self, now: Time, kind: u64, detail: u64) {
        self.mix(now.0);
        self.mix(kind << 56 ^ detail);
    }

    pub fn keeps_lines(&self) -> bool {
        self.lines.is_some()
    }

    /// A line of the story; `text` is put together only when somebody reads it.
    pub fn line(&mut self, now: Time, text: impl FnOnce() -> String) {
        let Some(lines) = &mut self.lines else { return };
        if lines.len() == LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(format!("{} {}", Clock(now), text()));
    }

    pub fn hash(&self) -> u64 {
        self.hash
    }

    pub fn into_lines(self) -> Vec<String> {
        self.lines.map(Vec::from).unwrap_or_default()
    }
}

/// Seconds since the start, to the microsecond.
struct Clock(Time);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.0 / 1_000;
        write!(f, "{:>4}.{:06}", micros / 1_000_000, micros % 1_000_000)
    }
}
