//! When requests leave. In a closed loop the next one leaves when an earlier one is answered. In an open loop each has
//! its time, whether earlier ones are answered or not, and its latency counts from that time: a cluster that stands
//! still makes all requests late that were due meanwhile, not only those that were on their way (coordinated omission).
//!
//! Pure: the time is an argument.

use std::time::{Duration, Instant};

/// How long after the end requests still leave that were due before it. What waits longer was more than a hiccup, and is
/// reported as not sent.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Send a request that was meant to leave then.
    Due(Instant),
    /// Nothing before this time.
    At(Instant),
    /// No more requests.
    Over,
}

/// The times of one connection.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    end: Option<Instant>,
    schedule: Option<Schedule>,
}

/// Evenly spaced times.
#[derive(Clone, Debug)]
struct Schedule {
    first: Instant,
    /// Seconds between two of them.
    step: f64,
    taken: u64,
}

impl Pace {
    pub(super) fn closed(end: Option<Instant>) -> Pace {
        Pace { end, schedule: None }
    }

    /// `rate` requests a second from `start` on over all connections, of which this is the one at `position`; they take
    /// turns.
    pub(super) fn open(start: Instant, end: Option<Instant>, rate: f64, position: u32, connections: u32) -> Pace {
        let first = start + Duration::from_secs_f64(f64::from(position) / rate);
        Pace { end, schedule: Some(Schedule { first, step: f64::from(connections) / rate, taken: 0 }) }
    }

    pub(super) fn next(&mut self, now: Instant) -> Next {
        let Some(schedule) = &mut self.schedule else {
            return if self.end.is_some_and(|end| now >= end) { Next::Over } else { Next::Due(now) };
        };
        let time = schedule.time(schedule.taken);
        if self.end.is_some_and(|end| time >= end || now >= end + GRACE) {
            return Next::Over;
        }
        if time > now {
            return Next::At(time);
        }
        schedule.taken += 1;
        Next::Due(time)
    }

    /// How many were due before the end, or before it was `stopped`, and have not left.
    pub(super) fn not_sent(&self, stopped: Instant) -> u64 {
        let Some(schedule) = &self.schedule else { return 0 };
        let until = self.end.map_or(stopped, |end| end.min(stopped));
        let due = until.saturating_duration_since(schedule.first).as_secs_f64() / schedule.step;
        (due.ceil() as u64).saturating_sub(schedule.taken)
    }
}

impl Schedule {
    fn time(&self, number: u64) -> Instant {
        self.first + Duration::from_secs_f64(self.step * number as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const MILLISECOND: Duration = Duration::from_millis(1);

    /// Takes all that are due, each answered `service` after it has left.
    fn take_due(pace: &mut Pace, now: Instant, service: Duration, latencies: &mut Vec<Duration>) -> Option<Instant> {
        loop {
            match pace.next(now) {
                Next::Due(meant) => latencies.push(now + service - meant),
                Next::At(time) => return Some(time),
                Next::Over => return None,
            }
        }
    }

    #[test]
    fn a_stall_of_a_second_makes_a_second_s_worth_of_requests_late() {
        let start = Instant::now();
        let mut pace = Pace::open(start, Some(start + 10 * SECOND), 1_000.0, 0, 1);
        let mut latencies = Vec::new();
        let mut now = start;
        while let Some(next) = take_due(&mut pace, now, MILLISECOND, &mut latencies) {
            // The answer to what left in the fifth second comes a second late, and nothing leaves meanwhile.
            let stalls = now < start + 5 * SECOND && next >= start + 5 * SECOND;
            now = if stalls { next + SECOND } else { next };
        }
        assert_eq!(latencies.len(), 10_000, "none is left out");
        let late = latencies.iter().filter(|latency| **latency > 2 * MILLISECOND).count();
        assert!((990..=1_001).contains(&late), "{late} are late");
        let worst = latencies.iter().max().unwrap();
        assert!((SECOND..SECOND + 2 * MILLISECOND).contains(worst), "{worst:?}");
        let half = latencies.iter().filter(|latency| **latency > SECOND / 2).count();
        assert!((495..=505).contains(&half), "the stall is spread evenly over them: {half}");
    }

    #[test]
    fn connections_take_turns_and_send_as_many_as_the_rate_says() {
        let start = Instant::now();
        let mut times = Vec::new();
        for position in 0..4 {
            let mut pace = Pace::open(start, Some(start + SECOND), 100.0, position, 4);
            while let Next::Due(time) = pace.next(start + SECOND) {
                times.push(time);
            }
            assert_eq!(pace.not_sent(start + SECOND), 0);
        }
        times.sort_unstable();
        assert_eq!(times.len(), 100);
        for pair in times.windows(2) {
            let apart = pair[1] - pair[0];
            assert!(apart.abs_diff(10 * MILLISECOND) < Duration::from_micros(1), "{apart:?}");
        }
    }

    #[test]
    fn what_was_due_leaves_within_the_grace_and_is_counted_as_not_sent_behind_it() {
        let start = Instant::now();
        let end = start + SECOND;
        let mut pace = Pace::open(start, Some(end), 10.0, 0, 1);
        assert_eq!(pace.next(start), Next::Due(start));
        assert!(matches!(pace.next(start), Next::At(time) if time > start));
        assert!(matches!(pace.next(end + GRACE / 2), Next::Due(time) if time < end));
        assert_eq!(pace.next(end + GRACE), Next::Over);
        assert_eq!(pace.not_sent(end + GRACE), 8);
        assert_eq!(pace.not_sent(start + SECOND / 2), 3, "nothing is due behind a stop");
    }

    #[test]
    fn a_closed_loop_sends_at_once_until_the_end() {
        let start = Instant::now();
        let mut pace = Pace::closed(Some(start + SECOND));
        assert_eq!(pace.next(start), Next::Due(start));
        assert_eq!(pace.next(start + SECOND), Next::Over);
        assert_eq!(pace.not_sent(start + SECOND), 0);
        assert_eq!(Pace::closed(None).next(start + SECOND), Next::Due(start + SECOND));
    }
}
