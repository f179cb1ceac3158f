//! Reads by lease: how long a leader may answer from its own state without asking anybody (thesis 6.4.1, R99–R101).
//!
//! A follower that hears its leader promises to vote for nobody else for one election timeout of its own clock (R20).
//! While a quorum is bound by promises to heartbeats sent at or after some time, no other leader can exist until that
//! time plus the election timeout, shortened by how much faster than the leader's their clocks may run. Everything
//! here is off unless `Options::lease_reads` says so, and rests on clocks that keep to `Options::clock_drift_ppm`.

use core::hash::{Hash, Hasher};
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use super::core::Core;
use super::fingerprint::age_of;
use super::quorum::reached;
use super::rules::Rule;
use super::types::{Index, NodeId, Role, Time};

/// How many times of sending are remembered for one election timeout; heartbeats that follow each other faster share
/// the earliest of them, which only shortens a lease.
const MARKS_PER_ELECTION_TIMEOUT: u32 = 64;

/// This part of an election timeout is given away for what is not modelled, such as how finely clocks are read.
const MARGIN_PARTS: u32 = 50;

const PARTS_PER_MILLION: u64 = 1_000_000;

/// A leader's claim, as far as heartbeats have confirmed it.
#[derive(Clone, Debug, Default)]
pub(super) struct Lease {
    /// Rounds of heartbeats and when they were sent, oldest first; at most `MARKS_PER_ELECTION_TIMEOUT` and one.
    marks: VecDeque<(u64, Time)>,
    /// By peer: the send time of the newest heartbeat it has answered.
    confirmed: BTreeMap<NodeId, Time>,
    /// The configuration under which all of this was gathered.
    config: Index,
    /// An order to campaign has left, which releases promises: there is no lease any more in this term (R100).
    is_over: bool,
}

impl Lease {
    /// Heartbeats of round `seq` are sent now. What was gathered under another configuration is forgotten (R101).
    pub(super) fn sent(&mut self, now: Time, seq: u64, config: Index, election_timeout: Duration) {
        if self.config != config {
            self.marks.clear();
            self.confirmed.clear();
            self.config = config;
        }
        while self.marks.front().is_some_and(|(_, sent)| now.since(*sent) > election_timeout) {
            self.marks.pop_front();
        }
        let apart = election_timeout / MARKS_PER_ELECTION_TIMEOUT;
        if self.marks.back().is_none_or(|(_, sent)| now.since(*sent) >= apart) {
            self.marks.push_back((seq, now));
        }
    }

    /// `peer` has answered a heartbeat of round `seq`: it was bound at the earliest when that was sent.
    pub(super) fn confirmed(&mut self, peer: NodeId, seq: u64) {
        let behind = self.marks.partition_point(|(mark, _)| *mark <= seq);
        let Some((_, sent)) = behind.checked_sub(1).and_then(|place| self.marks.get(place)) else { return };
        let newest = self.confirmed.entry(peer).or_insert(*sent);
        *newest = (*newest).max(*sent);
    }

    /// For good, in this term (R100).
    pub(super) fn end(&mut self) {
        self.is_over = true;
    }

    /// Everything, by how long before `now` it was; what is longer ago than an election timeout is alike.
    pub(super) fn hash_ages<H: Hasher>(&self, now: Time, election_timeout: Duration, state: &mut H) {
        let Lease { marks, confirmed, config, is_over } = self;
        let age = |instant: &Time| age_of(now, *instant, election_timeout);
        (config, is_over, marks.len()).hash(state);
        marks.iter().for_each(|(seq, sent)| (seq, age(sent)).hash(state));
        confirmed.iter().for_each(|(peer, sent)| (peer, age(sent)).hash(state));
    }
}

impl Core {
    /// The index to read at without asking anybody, while this leader holds a lease at `now`; none when it holds none,
    /// or hands over, or nothing of its term is committed.
    ///
    /// `now` must be read after the request has arrived, or a process that was stopped in between would answer from
    /// the past. Once given, the index stays good: wait until it is applied, then answer.
    pub fn read_lease(&self, now: Time) -> Option<Index> {
        let leading = self.leading.as_ref().filter(|_| self.options.lease_reads)?;
        let is_open = self.fault().is_none() && self.commit >= leading.noop && leading.transfer.is_none();
        (is_open && now < self.lease_end()?).then_some(self.commit)
    }

    /// The longest that a leader may answer alone behind the last heartbeat that a quorum has answered; none where lease
    /// reads are off.
    pub fn lease_bound(&self) -> Option<Duration> {
        self.options.lease_reads.then(|| self.lease_length())
    }

    /// When the promises of a quorum may begin to end (R99).
    pub(super) fn lease_end(&self) -> Option<Time> {
        let leading = self.leading.as_ref()?;
        let lease = &leading.lease;
        if lease.is_over {
            return None;
        }
        let config = self.membership.config();
        if config.members.len() == 1 && config.is_voter(self.id) {
            return Some(Time(u64::MAX));
        }
        let of_one_config = self.rules.keeps(Rule::LeaseOfConfig);
        if lease.config != self.membership.index() && of_one_config {
            return None;
        }
        let counted = if of_one_config { config } else { &self.membership.known()[0].1 };
        let since = reached(counted, |id| match lease.confirmed.get(&id) {
            _ if id == self.id => Time(u64::MAX),
            Some(sent) => *sent,
            None => Time(0),
        });
        (since > Time(0)).then(|| since + self.lease_length())
    }

    /// What an election timeout on the fastest clock allowed lasts on the slowest, less a margin.
    fn lease_length(&self) -> Duration {
        let timeout = self.options.election_timeout;
        let nanos = u64::try_from(timeout.as_nanos()).expect("election timeouts are far below 500 years");
        let drift = if self.rules.keeps(Rule::LeaseDrift) { u64::from(self.options.clock_drift_ppm) } else { 0 };
        let scaled = u128::from(nanos) * u128::from(PARTS_PER_MILLION) / u128::from(PARTS_PER_MILLION + drift);
        let shortened = Duration::from_nanos(u64::try_from(scaled).expect("it is not longer than the timeout"));
        shortened.saturating_sub(timeout / MARGIN_PARTS)
    }

    /// Whether this node may still be bound by the promise not to vote for another leader than the one it has heard,
    /// whatever has become of its term since; after a start it does not know what it had promised (R21). Without lease
    /// reads a promise ends with the term it was given in, and is `live_leader`'s to judge.
    pub(super) fn is_bound(&self, now: Time) -> bool {
        let outlives = self.leader.is_some() || self.rules.keeps(Rule::PromiseOutlivesTerm);
        let assumed = Some(self.started).filter(|_| self.rules.keeps(Rule::PromiseAssumed));
        let Some(since) = self.leader_contact.filter(|_| outlives).or(assumed) else { return false };
        self.options.lease_reads && self.role != Role::Leader && now.since(since) < self.options.election_timeout
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_millis(640);
    const CONFIG: Index = Index(1);

    fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    fn confirmed(lease: &Lease, peer: u64) -> Option<Time> {
        lease.confirmed.get(&NodeId(peer)).copied()
    }

    #[test]
    fn an_answer_counts_from_when_its_question_was_sent() {
        let mut lease = Lease::default();
        for (seq, millis) in [(1, 1_000), (2, 1_050), (3, 1_100)] {
            lease.sent(at(millis), seq, CONFIG, TIMEOUT);
        }
        lease.confirmed(NodeId(2), 2);
        assert_eq!(confirmed(&lease, 2), Some(at(1_050)));
        lease.confirmed(NodeId(2), 1);
        assert_eq!(confirmed(&lease, 2), Some(at(1_050)), "a late answer takes nothing back");
        lease.confirmed(NodeId(3), 0);
        assert_eq!(confirmed(&lease, 3), None, "an answer to nothing that is remembered says nothing");
        lease.confirmed(NodeId(3), 9);
        assert_eq!(confirmed(&lease, 3), Some(at(1_100)), "no later than what was sent");
    }

    #[test]
    fn rounds_that_follow_fast_share_the_earliest_time_and_memory_is_bounded() {
        let mut lease = Lease::default();
        for seq in 0..10_000 {
            lease.sent(at(1_000 + seq), seq, CONFIG, TIMEOUT);
            assert!(lease.marks.len() <= MARKS_PER_ELECTION_TIMEOUT as usize + 1, "{}", lease.marks.len());
        }
        lease.confirmed(NodeId(2), 9_999);
        assert_eq!(confirmed(&lease, 2), Some(at(10_990)), "the earliest of the rounds that share a mark");
    }

    #[test]
    fn another_configuration_begins_from_nothing() {
        let mut lease = Lease::default();
        lease.sent(at(1_000), 1, CONFIG, TIMEOUT);
        lease.confirmed(NodeId(2), 1);
        lease.sent(at(1_050), 2, Index(7), TIMEOUT);
        assert_eq!(confirmed(&lease, 2), None);
        lease.confirmed(NodeId(2), 1);
        assert_eq!(confirmed(&lease, 2), None, "what was sent under the old one does not count under the new");
        lease.confirmed(NodeId(2), 2);
        assert_eq!(confirmed(&lease, 2), Some(at(1_050)));
    }
}
