//! What became of requests: counts, and latencies in a histogram with an error of at most 0.1 %.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::requests::Verdict;
use crate::client::ClientError;

/// Longest latency that is told apart; what takes longer counts as this.
const LATENCY_MAX: Duration = Duration::from_secs(3_600);

/// Digits that a latency keeps.
const DIGITS: u8 = 3;

/// Why a request was not acknowledged, in the words of `raftctl pipe`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    Unavailable,
    Unknown,
    SessionExpired,
    Denied,
    TooLarge,
    Invalid,
}

/// All of them, in the order of the report.
pub(super) const TROUBLES: [(Trouble, &str); 6] = [
    (Trouble::Unavailable, "unavailable"),
    (Trouble::Unknown, "unknown"),
    (Trouble::SessionExpired, "session_expired"),
    (Trouble::Denied, "denied"),
    (Trouble::TooLarge, "too_large"),
    (Trouble::Invalid, "invalid"),
];

impl Trouble {
    pub(super) fn of(error: &ClientError) -> Trouble {
        match error {
            ClientError::Unavailable(_) => Trouble::Unavailable,
            ClientError::Unknown(_) => Trouble::Unknown,
            ClientError::SessionExpired => Trouble::SessionExpired,
            ClientError::Denied(_) => Trouble::Denied,
            ClientError::KeyTooLarge { .. } | ClientError::ValueTooLarge { .. } => Trouble::TooLarge,
            ClientError::Invalid { .. } | ClientError::Compacted { .. } => Trouble::Invalid,
        }
    }
}

/// Ends of the steps of a decade, in tenths of its smallest number, and how many decades there are from a microsecond on:
/// the last step ends behind `LATENCY_MAX`.
const STEPS_TENTHS: [u64; 6] = [10, 15, 20, 30, 50, 70];
const DECADES: u32 = 10;

/// Latencies in microseconds.
#[derive(Clone, Debug)]
pub(super) struct Latencies(Histogram<u64>);

/// The requests of one kind that the cluster has answered.
#[derive(Clone, Debug)]
pub(super) struct Answered {
    pub latencies: Latencies,
    pub absent: u64,
    pub condition_failed: u64,
}

/// Counts of one stretch of time, or of several that were added.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    pub sent: u64,
    /// By position in the mix.
    pub answered: Vec<Answered>,
    /// By position in `TROUBLES`.
    pub troubles: [u64; TROUBLES.len()],
    /// What the first failed request was told.
    pub first_trouble: Option<String>,
    /// Due in an open loop, and never sent.
    pub not_sent: u64,
    /// When the last request was answered.
    pub last_answer: Option<Instant>,
}

impl Latencies {
    pub(super) fn new() -> Latencies {
        Latencies(Histogram::new_with_bounds(1, micros(LATENCY_MAX), DIGITS).expect("the bounds are in order"))
    }

    pub(super) fn record(&mut self, latency: Duration) {
        self.0.saturating_record(micros(latency));
    }

    pub(super) fn add(&mut self, other: &Latencies) {
        self.0.add(&other.0).expect("histograms with the same bounds add up");
    }

    pub(super) fn count(&self) -> u64 {
        self.0.len()
    }

    /// The latency, in milliseconds, that this share of the requests did not exceed; none without requests.
    pub(super) fn quantile_ms(&self, share: f64) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.0.value_at_quantile(share) as f64 / 1_000.0)
    }

    pub(super) fn max_ms(&self) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.0.max() as f64 / 1_000.0)
    }

    pub(super) fn mean_ms(&self) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.0.mean() / 1_000.0)
    }

    /// How many took at most so long, for steps that grow by about a half; from the first step with requests to the
    /// last.
    pub(super) fn steps(&self) -> Vec<Step> {
        let mut bounds = (0..DECADES).flat_map(|power| STEPS_TENTHS.map(|tenths| tenths * 10_u64.pow(power)));
        let mut steps: Vec<Step> = Vec::new();
        let mut up_to_tenths = 0;
        for value in self.0.iter_recorded() {
            let tenths = value.value_iterated_to() * 10;
            while tenths > up_to_tenths || steps.is_empty() {
                let Some(bound) = bounds.next() else { break };
                up_to_tenths = bound;
                if tenths <= bound || !steps.is_empty() {
                    steps.push(Step { up_to_ms: bound as f64 / 10_000.0, requests: 0 });
                }
            }
            if let Some(step) = steps.last_mut() {
                step.requests += value.count_at_value();
            }
        }
        steps
    }
}

/// Requests that took longer than the step before, and at most this long.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(super) struct Step {
    pub up_to_ms: f64,
    pub requests: u64,
}

impl Answered {
    fn new() -> Answered {
        Answered { latencies: Latencies::new(), absent: 0, condition_failed: 0 }
    }
}

impl Tally {
    /// Of so many kinds.
    pub(super) fn new(kinds: usize) -> Tally {
        Tally {
            sent: 0,
            answered: (0..kinds).map(|_| Answered::new()).collect(),
            troubles: [0; TROUBLES.len()],
            first_trouble: None,
            not_sent: 0,
            last_answer: None,
        }
    }

    /// `told` says in words what a failed request was told.
    pub(super) fn count(
        &mut self,
        share: usize,
        verdict: Verdict,
        latency: Duration,
        now: Instant,
        told: impl FnOnce() -> String,
    ) {
        self.last_answer = self.last_answer.max(Some(now));
        let answered = &mut self.answered[share];
        match verdict {
            Verdict::Done => {}
            Verdict::Absent => answered.absent += 1,
            Verdict::ConditionFailed => answered.condition_failed += 1,
            Verdict::Failed(trouble) => {
                let at = TROUBLES.iter().position(|(one, _)| *one == trouble).expect("every trouble is listed");
                self.troubles[at] += 1;
                if self.first_trouble.is_none() {
                    self.first_trouble = Some(told());
                }
                return;
            }
        }
        answered.latencies.record(latency);
    }

    pub(super) fn add(&mut self, other: Tally) {
        self.sent += other.sent;
        self.not_sent += other.not_sent;
        for (mine, theirs) in self.answered.iter_mut().zip(&other.answered) {
            mine.latencies.add(&theirs.latencies);
            mine.absent += theirs.absent;
            mine.condition_failed += theirs.condition_failed;
        }
        for (mine, theirs) in self.troubles.iter_mut().zip(other.troubles) {
            *mine += theirs;
        }
        self.first_trouble = self.first_trouble.take().or(other.first_trouble);
        self.last_answer = self.last_answer.max(other.last_answer);
    }

    /// All that the cluster has answered, whatever the answer was.
    pub(super) fn acknowledged(&self) -> u64 {
        self.answered.iter().map(|answered| answered.latencies.count()).sum()
    }

    pub(super) fn failed(&self) -> u64 {
        self.troubles.iter().sum()
    }

    pub(super) fn of_trouble(&self, trouble: Trouble) -> u64 {
        TROUBLES.iter().zip(self.troubles).filter(|((one, _), _)| *one == trouble).map(|(_, count)| count).sum()
    }

    /// Sent, and neither answered nor given up.
    pub(super) fn unfinished(&self) -> u64 {
        self.sent.saturating_sub(self.acknowledged() + self.failed())
    }

    pub(super) fn latencies(&self) -> Latencies {
        let mut all = Latencies::new();
        self.answered.iter().for_each(|answered| all.add(&answered.latencies));
        all
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_told_to_a_hundredth_from_a_microsecond_to_an_hour() {
        for micros in [1, 7, 999, 12_345, 1_234_567, 59_000_000, 3_500_000_000] {
            let mut latencies = Latencies::new();
            latencies.record(Duration::from_micros(micros));
            let told = latencies.quantile_ms(0.5).unwrap() * 1_000.0;
            assert!((told - micros as f64).abs() <= micros as f64 / 100.0, "{micros} µs are told as {told}");
        }
        let mut latencies = Latencies::new();
        latencies.record(Duration::MAX);
        assert_eq!(latencies.count(), 1, "what takes longer is counted");
        assert_eq!(Latencies::new().quantile_ms(0.5), None);
    }

    #[test]
    fn quantiles_are_those_of_all_added_parts() {
        let (mut one, mut other) = (Latencies::new(), Latencies::new());
        (1..=900).for_each(|_| one.record(Duration::from_millis(1)));
        (1..=100).for_each(|_| other.record(Duration::from_millis(100)));
        one.add(&other);
        assert_eq!(one.count(), 1_000);
        let near =
            |found: Option<f64>, wanted: f64| assert!((found.unwrap() - wanted).abs() < wanted / 100.0, "{found:?}");
        near(one.quantile_ms(0.9), 1.0);
        near(one.quantile_ms(0.901), 100.0);
        near(one.max_ms(), 100.0);
    }

    #[test]
    fn steps_hold_every_request_once() {
        let mut latencies = Latencies::new();
        for micros in [0, 1, 2, 14, 15, 16, 999, 1_000, 1_001, 3_599_000_000, 4_000_000_000] {
            latencies.record(Duration::from_micros(micros));
        }
        let steps = latencies.steps();
        assert_eq!(steps.iter().map(|step| step.requests).sum::<u64>(), latencies.count());
        assert!(steps.windows(2).all(|pair| pair[0].up_to_ms < pair[1].up_to_ms));
        let at = |up_to_ms: f64| steps.iter().find(|step| step.up_to_ms == up_to_ms).unwrap().requests;
        assert_eq!((at(0.015), at(0.02)), (2, 1), "a step holds what is as long as it");
    }

    #[test]
    fn what_fails_is_counted_by_its_cause_and_has_no_latency() {
        let mut tally = Tally::new(2);
        tally.sent = 4;
        let now = Instant::now();
        let told = || "because".to_owned();
        tally.count(0, Verdict::Done, Duration::from_millis(1), now, told);
        tally.count(1, Verdict::Absent, Duration::from_millis(1), now, told);
        tally.count(1, Verdict::Failed(Trouble::Unknown), Duration::from_secs(9), now, told);
        let mut all = Tally::new(2);
        all.add(tally);
        assert_eq!((all.acknowledged(), all.failed(), all.unfinished()), (2, 1, 1));
        assert_eq!((all.of_trouble(Trouble::Unknown), all.of_trouble(Trouble::Unavailable)), (1, 0));
        assert_eq!((all.answered[1].absent, all.first_trouble.as_deref()), (1, Some("because")));
        assert!(all.latencies().max_ms().unwrap() < 2.0);
    }
}
