//! The node's two clocks: one that only goes forward for every decision, and the wall clock for display.
//!
//! The first goes on while the machine sleeps. A promise to a leader is counted by it, and a leader that slept must
//! find its lease ended (R99).

use core::time::Duration;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

use crate::raft::Time;

/// Time since the node started, sleep of the machine included. The origin is one hour, not zero, so that "an election
/// timeout ago" can be expressed right after the start.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Duration,
}

const ORIGIN: Time = Time::from_millis(3_600_000);

impl Clock {
    pub fn start() -> Clock {
        Clock { started: since_boot() }
    }

    pub fn now(&self) -> Time {
        ORIGIN + since_boot().saturating_sub(self.started)
    }

    /// When the runtime's timers, which stand still while the machine sleeps, must fire for `now` to give `time`.
    pub fn instant_of(&self, time: Time) -> Instant {
        Instant::now() + time.since(self.now())
    }
}

/// Time since the machine was started, with its sleep.
fn since_boot() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).expect("no machine was started in the future");
    let nanos = u32::try_from(now.tv_nsec).expect("the kernel keeps nanoseconds below a second");
    Duration::new(seconds, nanos)
}

/// Milliseconds since 1970 by the wall clock; 0 when the clock stands before that.
pub fn wall_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_forward_and_timers_fire_when_it_has_come() {
        let clock = Clock::start();
        let before = clock.now();
        let due = before + Duration::from_secs(5);
        let wait = clock.instant_of(due) - Instant::now();
        assert!(wait <= Duration::from_secs(5) && wait > Duration::from_secs(4), "{wait:?}");
        assert!(clock.now() >= before && before >= ORIGIN);
        assert!(clock.instant_of(before) <= Instant::now(), "what is past is due at once");
    }
}
