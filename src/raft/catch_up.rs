//! Whether a learner keeps up: rounds of replication, each of what existed when it began (thesis 4.2.1, R75).
//!
//! A round that takes less than an election timeout shows that the learner, as a voter, would not hold up commits for
//! longer than that.

use core::hash::{Hash, Hasher};
use core::time::Duration;

use super::types::{Index, Time};

/// Rounds after which a learner is reported as too slow; counting then starts again.
pub const CATCH_UP_ROUNDS_MAX: u32 = 10;

#[derive(Clone, Debug)]
pub(super) struct CatchUp {
    round: u32,
    /// Where the log ended when the round began.
    target: Index,
    started: Time,
    is_ready: bool,
    /// Make it a voter once it is ready.
    pub auto_promote: bool,
}

/// What a round that has ended tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CatchUpNews {
    Ready { rounds: u32, took: Duration },
    TooSlow,
}

impl CatchUp {
    /// `last` is the end of the leader's log.
    pub(super) fn begin(now: Time, last: Index) -> CatchUp {
        CatchUp { round: 1, target: last, started: now, is_ready: false, auto_promote: false }
    }

    /// Whether it had caught up when last heard.
    pub(super) fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// The learner was silent for too long to say what it would do now.
    pub(super) fn begin_again(&mut self, now: Time, last: Index) {
        *self = CatchUp { auto_promote: self.auto_promote, ..CatchUp::begin(now, last) };
    }

    /// When the round began.
    pub(super) fn started(&self) -> Time {
        self.started
    }

    /// Everything but instants.
    pub(super) fn hash_behaviour<H: Hasher>(&self, state: &mut H) {
        let CatchUp { round, target, started: _, is_ready, auto_promote } = self;
        (round, target, is_ready, auto_promote).hash(state);
    }

    /// The learner holds everything up to `matched`.
    pub(super) fn heard(
        &mut self,
        now: Time,
        matched: Index,
        last: Index,
        election_timeout: Duration,
    ) -> Option<CatchUpNews> {
        if self.is_ready || matched < self.target {
            return None;
        }
        let took = now.since(self.started);
        if took < election_timeout {
            self.is_ready = true;
            return Some(CatchUpNews::Ready { rounds: self.round, took });
        }
        if self.round == CATCH_UP_ROUNDS_MAX {
            *self = CatchUp::begin(now, last);
            return Some(CatchUpNews::TooSlow);
        }
        (self.round, self.target, self.started) = (self.round + 1, last, now);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_millis(500);

    /// R75.
    #[test]
    fn a_learner_is_ready_when_a_round_took_less_than_an_election_timeout() {
        let at = Time::from_millis;
        let mut learner = CatchUp::begin(at(0), Index(100));
        learner.auto_promote = true;
        assert_eq!(learner.heard(at(400), Index(99), Index(150), TIMEOUT), None, "the round is not over");
        assert_eq!(learner.heard(at(500), Index(100), Index(150), TIMEOUT), None, "it took too long");
        assert_eq!(learner.heard(at(999), Index(149), Index(170), TIMEOUT), None, "the second goes to where it began");
        let ready = CatchUpNews::Ready { rounds: 2, took: Duration::from_millis(499) };
        assert_eq!(learner.heard(at(999), Index(150), Index(170), TIMEOUT), Some(ready));
        assert!(learner.is_ready() && learner.auto_promote);
        assert_eq!(learner.heard(at(9_000), Index(170), Index(170), TIMEOUT), None, "it is said once");
    }

    /// R75.
    #[test]
    fn a_slow_learner_is_reported_after_ten_rounds_and_its_wish_forgotten() {
        let mut learner = CatchUp::begin(Time::from_millis(0), Index(1));
        learner.auto_promote = true;
        let news: Vec<_> = (1..=20u64)
            .map(|round| learner.heard(Time::from_millis(500 * round), Index(round), Index(round + 1), TIMEOUT))
            .collect();
        let told: Vec<usize> =
            news.iter().enumerate().filter(|(_, news)| news.is_some()).map(|(round, _)| round + 1).collect();
        assert_eq!(told, [10, 20]);
        assert_eq!(news[9], Some(CatchUpNews::TooSlow));
        assert!(!learner.is_ready() && !learner.auto_promote);
    }
}
