//! The node's two clocks: a monotonic one for every decision, and the wall clock for display.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::raft::Time;

/// Monotonic time since the node started. The origin is one hour, not zero, so that "an election timeout ago" can be
/// expressed right after the start.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
}

const ORIGIN: Time = Time::from_millis(3_600_000);

impl Clock {
    pub fn start() -> Clock {
        Clock { started: Instant::now() }
    }

    pub fn now(&self) -> Time {
        ORIGIN + self.started.elapsed()
    }

    /// The instant at which `now` will give `time`, for the runtime's timers.
    pub fn instant_of(&self, time: Time) -> Instant {
        self.started + time.since(ORIGIN)
    }
}

/// Milliseconds since 1970 by the wall clock; 0 when the clock stands before that.
pub fn wall_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
