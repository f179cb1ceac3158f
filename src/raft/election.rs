//! Elections: timers, campaigns with and without PreVote, granting, counting (§5.2, §5.4.1, thesis 9.6).

use std::collections::BTreeMap;

use core::hash::{Hash, Hasher};
use core::time::Duration;

use super::config::Config;
use super::core::Core;
use super::durability::Durability;
use super::event::{CampaignCause, Event, StepDownCause};
use super::message::{Message, Vote, VoteRefusal, VoteReply};
use super::quorum::{Tally, tally};
use super::rules::Rule;
use super::types::{LogId, NodeId, Role, Term, Time, WriteSeq};

/// Who knows that its leader is gone campaigns within this part of an election timeout: long enough that two seldom begin
/// within one round of votes and syncs, short enough that nobody waits for it.
const GONE_WAITS_PER_ELECTION: u32 = 8;

/// A campaign under way.
#[derive(Clone, Debug)]
pub(super) struct Campaign {
    pre: bool,
    asked: Term,
    nonce: u64,
    /// First answer of each voter stands (R18).
    ballots: BTreeMap<NodeId, bool>,
    /// The write that makes the own vote durable; until then it does not count.
    own_vote: Option<WriteSeq>,
}

impl Campaign {
    pub(super) fn hash_behaviour<H: Hasher>(&self, disk: &Durability, state: &mut H) {
        let Campaign { pre, asked, nonce, ballots, own_vote } = self;
        (pre, asked, nonce, ballots, own_vote.map(|seq| disk.is_persisted(seq))).hash(state);
    }

    /// Whom an answer of `from` counts for when nobody looks whether it has answered before.
    fn unheard(&self, from: NodeId, voters: &[NodeId]) -> NodeId {
        let others = voters.iter().copied().filter(|voter| !self.ballots.contains_key(voter));
        std::iter::once(from).filter(|from| !self.ballots.contains_key(from)).chain(others).next().unwrap_or(from)
    }
}

impl Core {
    /// Campaigns now, as if the election timeout had passed.
    pub fn campaign(&mut self, now: Time) {
        if self.may_campaign() && !self.is_bound(now) {
            self.start_campaign(now, CampaignCause::Asked);
        }
        self.check();
    }

    pub(super) fn tick_election(&mut self, now: Time) {
        if self.election_deadline().is_some_and(|due| now >= due) {
            let after = now.since(self.timer_started);
            let because = match self.leader_contact.is_none() && self.leader.is_some() {
                true => CampaignCause::LeaderGone,
                false => CampaignCause::ElectionTimeout { after },
            };
            self.start_campaign(now, because);
        }
    }

    /// The process of `peer` is certainly gone: its machine says so, or it said goodbye itself. A follower of it stops
    /// waiting for it, and does not hold on to it when others campaign (R20): silence was only ever a guess at this.
    /// A short random wait keeps those that notice together apart (R12). Should it not be true, an election takes place
    /// that was not needed.
    ///
    /// Nothing of this where lease reads are on: there, holding on is a promise for a time (R99).
    pub fn peer_gone(&mut self, now: Time, peer: NodeId) {
        if self.leader != Some(peer) || self.role != Role::Follower || self.options.lease_reads {
            return;
        }
        self.leader_contact = None;
        let most = self.options.election_timeout / GONE_WAITS_PER_ELECTION;
        let span = u64::try_from(most.as_nanos()).expect("election timeouts are far below 500 years").max(1);
        self.timer_started = now;
        self.timeout = Duration::from_nanos(self.roll() % span);
        self.check();
    }

    /// None while this node may not campaign, as it may not while it installs a snapshot (R87). A disk that has not answered for an election timeout keeps it from
    /// leading as well (R59).
    pub(super) fn election_deadline(&self) -> Option<Time> {
        let due = self.timer_started + self.timeout;
        let stalled = self.disk.waiting_since().map(|since| since + self.options.election_timeout);
        match stalled {
            _ if !self.may_campaign() => None,
            Some(stall) if stall <= due => None,
            _ => Some(due),
        }
    }

    pub(super) fn may_campaign(&self) -> bool {
        self.role != Role::Leader
            && self.fault().is_none()
            && self.membership.may_campaign(self.id)
            && !self.is_installing()
            && !self.abstains()
    }

    /// Restarts the election timer with a new random length (R12, R13).
    pub(super) fn restart_timer(&mut self, now: Time) {
        self.timer_started = now;
        self.timeout = self.draw_timeout();
    }

    /// Uniform in `[election_timeout, 2 * election_timeout)`.
    pub(super) fn draw_timeout(&mut self) -> Duration {
        let base = self.options.election_timeout;
        let span = u64::try_from(base.as_nanos()).expect("election timeouts are far below 500 years").max(1);
        let span = if self.rules.keeps(Rule::RandomTimeout) { span } else { 1 };
        base + Duration::from_nanos(self.roll() % span)
    }

    /// The next number of a splitmix64 sequence: small, seeded, and good enough to spread timeouts.
    pub(super) fn roll(&mut self) -> u64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.dice;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn start_campaign(&mut self, now: Time, because: CampaignCause) {
        if self.options.pre_vote && because != CampaignCause::Transfer {
            self.start_pre_campaign(now, because);
        } else {
            self.start_real_campaign(now, because);
        }
    }

    fn start_pre_campaign(&mut self, now: Time, because: CampaignCause) {
        self.elections += 1;
        self.restart_timer(now);
        self.fail_asked_reads();
        self.role = Role::PreCandidate;
        self.leader = None;
        self.events.push(Event::BecamePreCandidate { term: self.term, because });
        let campaign = Campaign {
            pre: true,
            asked: self.term.next(),
            nonce: self.roll(),
            ballots: BTreeMap::from([(self.id, true)]),
            own_vote: None,
        };
        self.ask_for_votes(&campaign, false);
        self.campaign = Some(campaign);
        self.count_ballots(now);
    }

    fn start_real_campaign(&mut self, now: Time, because: CampaignCause) {
        if because != CampaignCause::PreVotesWon {
            self.elections += 1;
        }
        self.restart_timer(now);
        self.fail_asked_reads();
        self.term = self.term.next();
        self.vote = Some(self.id);
        self.role = Role::Candidate;
        self.leader = None;
        self.verified = super::types::Index(0);
        self.orders_void = 0;
        self.disk.hard_state_changed();
        self.events.push(Event::BecameCandidate { term: self.term, because });
        let campaign = Campaign {
            pre: false,
            asked: self.term,
            nonce: self.roll(),
            ballots: BTreeMap::new(),
            own_vote: Some(self.disk.newest()),
        };
        self.ask_for_votes(&campaign, because == CampaignCause::Transfer);
        self.campaign = Some(campaign);
        if !self.rules.keeps(Rule::OwnBallotDurable) {
            self.count_ballots(now);
        }
    }

    /// PreVote requests leave at once; vote requests wait until term, own vote and the advertised log tail are
    /// durable, or else a crash could let a late grant elect a log that is gone (R15).
    fn ask_for_votes(&mut self, campaign: &Campaign, force: bool) {
        let config = self.membership.config().clone();
        let mut voters: Vec<NodeId> = config.voters.iter().chain(&config.outgoing).copied().collect();
        voters.sort_unstable();
        voters.dedup();
        voters.retain(|voter| *voter != self.id);
        for voter in voters {
            let vote =
                Vote { pre: campaign.pre, asked: campaign.asked, last: self.log.last(), force, nonce: campaign.nonce };
            if campaign.pre {
                self.send(voter, Message::Vote(vote));
            } else {
                self.send_when_durable(voter, Message::Vote(vote));
            }
        }
    }

    /// Called whenever writes became durable: the own vote counts from then on.
    pub(super) fn own_ballot_durable(&mut self, now: Time) {
        let Some(campaign) = &mut self.campaign else { return };
        if campaign.own_vote.is_some_and(|seq| self.disk.is_persisted(seq)) {
            campaign.own_vote = None;
            campaign.ballots.insert(self.id, true);
            self.count_ballots(now);
        }
    }

    pub(super) fn on_vote(&mut self, now: Time, from: NodeId, _term: Term, vote: &Vote) {
        if vote.pre && vote.asked > self.term && !self.rules.keeps(Rule::PreVoteHarmless) {
            self.become_follower(now, vote.asked, None, StepDownCause::HigherTerm { from });
        }
        let refused = match vote.pre {
            _ if self.abstains() => Some(VoteRefusal::Recovering),
            true => self.judge_pre_vote(now, from, vote),
            false => self.judge_vote(now, from, vote),
        };
        if refused.is_some() && !self.rules.keeps(Rule::TimerOfTheVoter) {
            self.restart_timer(now);
        }
        let (pre, asked) = (vote.pre, vote.asked);
        self.events.push(match refused {
            None => Event::VoteGranted { pre, to: from, asked },
            Some(because) => Event::VoteRefused { pre, to: from, asked, because },
        });
        let reply = Message::VoteReply(VoteReply { pre, asked, nonce: vote.nonce, refused });
        if vote.pre {
            self.send(from, reply);
        } else {
            self.send_when_durable(from, reply);
        }
    }

    /// Changes nothing, whatever the answer (R19).
    fn judge_pre_vote(&self, now: Time, from: NodeId, vote: &Vote) -> Option<VoteRefusal> {
        if vote.asked < self.term {
            return Some(VoteRefusal::StaleTerm);
        }
        if let Some(leader) = self.live_leader(now)
            && leader != from
            && !vote.force
        {
            return Some(VoteRefusal::LeaderAlive { leader });
        }
        if self.is_bound_against(now, from, vote) {
            return Some(VoteRefusal::MayBeBound);
        }
        if vote.asked == self.term
            && let Some(to) = self.vote
            && to != from
        {
            return Some(VoteRefusal::AlreadyVoted { to });
        }
        self.is_behind(vote.last).then(|| VoteRefusal::LogBehind { mine: self.log.last() })
    }

    /// Whether a candidate's log is less up to date than the own one, by term first, then by index (R16).
    fn is_behind(&self, theirs: LogId) -> bool {
        let mine = self.log.last();
        let by_term = self.rules.keeps(Rule::TermBeforeIndex);
        let behind = if by_term { theirs < mine } else { (theirs.index, theirs.term) < (mine.index, mine.term) };
        behind && self.rules.keeps(Rule::LogUpToDate)
    }

    fn judge_vote(&mut self, now: Time, from: NodeId, vote: &Vote) -> Option<VoteRefusal> {
        if vote.asked < self.term {
            return Some(VoteRefusal::StaleTerm);
        }
        if vote.asked > self.term
            && let Some(leader) = self.live_leader(now)
            && leader != from
            && !vote.force
        {
            return Some(VoteRefusal::LeaderAlive { leader });
        }
        if self.is_bound_against(now, from, vote) {
            return Some(VoteRefusal::MayBeBound);
        }
        if vote.asked > self.term {
            self.become_follower(now, vote.asked, None, StepDownCause::HigherTerm { from });
        }
        if let Some(to) = self.vote
            && to != from
        {
            return Some(VoteRefusal::AlreadyVoted { to });
        }
        if let Some(leader) = self.leader
            && leader != from
        {
            return Some(VoteRefusal::LeaderKnown { leader });
        }
        if self.is_behind(vote.last) {
            return Some(VoteRefusal::LogBehind { mine: self.log.last() });
        }
        if self.vote.is_none() {
            self.vote = Some(from);
            self.disk.hard_state_changed();
        }
        self.restart_timer(now);
        None
    }

    /// The leader this node must not be talked out of: it was heard, or as leader heard its quorum, less than an
    /// election timeout ago (R20). Only that leader itself may ask: who campaigns leads no more.
    fn live_leader(&self, now: Time) -> Option<NodeId> {
        if !self.options.check_quorum || !self.rules.keeps(Rule::Stickiness) {
            return None;
        }
        let leader = self.leader?;
        let contact = if self.role == Role::Leader { self.quorum_contact() } else { self.leader_contact };
        contact.is_some_and(|heard| now.since(heard) < self.options.election_timeout).then_some(leader)
    }

    /// With lease reads a promise outlives the term and the process it was given in (R21). A vote that was given is
    /// given again to the same candidate.
    fn is_bound_against(&self, now: Time, from: NodeId, vote: &Vote) -> bool {
        let is_given = !vote.pre && vote.asked == self.term && self.vote == Some(from);
        !vote.force && !is_given && self.leader != Some(from) && self.is_bound(now)
    }

    pub(super) fn on_vote_reply(&mut self, now: Time, from: NodeId, term: Term, reply: &VoteReply) {
        if term > self.term && (reply.refused.is_some() || !reply.pre) {
            return self.become_follower(now, term, None, StepDownCause::HigherTerm { from });
        }
        let voters =
            if self.rules.keeps(Rule::OneBallotEach) { Vec::new() } else { self.membership.config().voters.clone() };
        let Some(campaign) = &mut self.campaign else { return };
        let nonce = if self.rules.keeps(Rule::CampaignNonce) { reply.nonce } else { campaign.nonce };
        if (reply.pre, reply.asked, nonce) != (campaign.pre, campaign.asked, campaign.nonce) {
            return;
        }
        let counted_for = if self.rules.keeps(Rule::OneBallotEach) { from } else { campaign.unheard(from, &voters) };
        campaign.ballots.entry(counted_for).or_insert(reply.refused.is_none());
        self.count_ballots(now);
    }

    fn count_ballots(&mut self, now: Time) {
        let Some(campaign) = &self.campaign else { return };
        let pre = campaign.pre;
        let own_at_once = (!self.rules.keeps(Rule::OwnBallotDurable)).then_some(true);
        let own = |voter| own_at_once.filter(|_| voter == self.id);
        let config = self.membership.config();
        let half = (!self.rules.keeps(Rule::BothHalvesElect))
            .then(|| Config { outgoing: Vec::new(), ..Config::clone(config) });
        match tally(half.as_ref().unwrap_or(config), |voter| campaign.ballots.get(&voter).copied().or(own(voter))) {
            Tally::Open => {}
            Tally::Lost => self.become_follower(now, self.term, None, StepDownCause::VotesLost),
            Tally::Won if pre => self.start_real_campaign(now, CampaignCause::PreVotesWon),
            Tally::Won => {
                let config = self.membership.config();
                let votes = campaign.ballots.iter().filter(|(id, granted)| **granted && config.is_voter(**id)).count();
                self.start_leading(now, votes);
            }
        }
    }
}
