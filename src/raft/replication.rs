//! Leading: proposals, appends and their answers, heartbeats, and the commit rule (§5.3, §5.4.2).

use super::catch_up::CatchUp;
use super::change::left;
use super::core::Core;
use super::effects::{Created, Fault, Refusal};
use super::event::{Event, StepDownCause};
use super::lease::Lease;
use super::log::NOOP_LENGTH_BYTES;
use super::message::{Append, AppendOutcome, AppendReply, Heartbeat, HeartbeatReply, Message};
use super::progress::{PeerState, Progress, Window};
use super::quorum::reached;
use super::read_index::LeaderReads;
use super::rules::Rule;
use super::shape::Shape;
use super::transfer::Transfer;
use super::types::{Index, LogId, NodeId, Role, Time};

/// What only a leader has.
#[derive(Clone, Debug)]
pub(super) struct Leading {
    /// Every other member, by id.
    pub peers: Vec<Progress>,
    /// Index of the no-op that opened this term; reads wait until it is committed (R25, R93).
    pub noop: Index,
    pub heartbeat_due: Time,
    /// The commit index that the newest heartbeats carried.
    pub commit_beat: Index,
    pub reads: LeaderReads,
    pub transfer: Option<Transfer>,
    /// Orders to campaign given in this reign, and how many of them are void (R104).
    pub orders: u32,
    pub orders_void: u32,
    pub lease: Lease,
    /// A committed configuration has taken this leader's vote: it goes as soon as its successor is told (R76).
    pub bowing_out: bool,
}

/// As leader.
impl Core {
    /// Appends entries of these encoded lengths and gives the log id of the first; the rest follow, in this term.
    ///
    /// # Errors
    /// Nothing was appended: not the leader, transferring, too much uncommitted (R30), or stopped.
    pub fn propose(&mut self, _now: Time, lengths: &[u32]) -> Result<LogId, Refusal> {
        self.refuse_if_stopped()?;
        let leading = self.leading.as_ref().ok_or(Refusal::NotLeader { leader: self.leader })?;
        if let Some(transfer) = leading.transfer {
            return Err(Refusal::Transferring { to: transfer.to });
        }
        if self.is_voted_out() {
            return Err(Refusal::NotLeader { leader: None });
        }
        let last = self.log.last().index;
        let waiting = self.log.bytes_between(self.commit, last);
        let more: u64 = lengths.iter().map(|length| u64::from(*length)).sum();
        let limit_bytes = self.options.max_uncommitted_bytes;
        if waiting > 0 && waiting + more > limit_bytes && self.rules.keeps(Rule::UncommittedBound) {
            return Err(Refusal::TooManyUncommitted { bytes: waiting, limit_bytes });
        }
        let first = LogId { term: self.term, index: last.next() };
        self.log.push_run(self.term, lengths);
        if !lengths.is_empty() {
            self.disk.appended(first.index);
        }
        self.check();
        Ok(first)
    }

    pub(super) fn start_leading(&mut self, now: Time, votes: usize) {
        assert_eq!(self.role, Role::Candidate, "only a candidate becomes leader");
        let last = self.log.last().index;
        let peers = self.track_all(now, last);
        self.campaign = None;
        self.role = Role::Leader;
        self.leader = Some(self.id);
        self.events.push(Event::BecameLeader { term: self.term, votes });
        let noop = last.next();
        if self.rules.keeps(Rule::NoopFirst) {
            self.log.push(self.term, NOOP_LENGTH_BYTES);
            self.disk.appended(noop);
            self.created.push(Created::Noop { index: noop, term: self.term });
        }
        self.leading = Some(Leading {
            peers,
            noop,
            heartbeat_due: now + self.options.heartbeat_interval,
            commit_beat: Index(0),
            reads: LeaderReads::default(),
            transfer: None,
            orders: 0,
            orders_void: 0,
            lease: Lease::default(),
            bowing_out: false,
        });
        self.advance_commit();
    }

    /// Goes on where a reign before the restart seems to have ended: what R3 forbids.
    pub(super) fn resume_leading(&mut self, now: Time) {
        if self.vote == Some(self.id) && self.log.last().term == self.term {
            self.role = Role::Candidate;
            self.start_leading(now, 0);
        }
    }

    pub(super) fn stop_leading(&mut self, because: StepDownCause) {
        if !matches!(because, StepDownCause::HandedOver { .. }) {
            self.end_transfer("leadership was lost");
        }
        if let Some(leading) = self.leading.take() {
            self.fail_leader_reads(leading.reads);
        }
    }

    pub(super) fn tick_leader(&mut self, now: Time) {
        let election_timeout = self.options.election_timeout;
        if self.stall_deadline().is_some_and(|due| now >= due) {
            return self.become_follower(now, self.term, None, StepDownCause::DiskStall);
        }
        let contact = self.quorum_contact();
        let lonely = contact.is_none_or(|heard| now.since(heard) >= election_timeout);
        if self.checks_quorum() && lonely {
            return self.become_follower(now, self.term, None, StepDownCause::NoQuorum);
        }
        self.expire_transfer(now);
        if self.leading.as_ref().is_some_and(|leading| now >= leading.heartbeat_due) {
            let interval = self.options.heartbeat_interval;
            let next = if self.is_idle(now) { self.options.idle_heartbeat_interval } else { interval };
            self.leading.as_mut().expect("it was just looked at").heartbeat_due = now + next.max(interval);
            self.send_heartbeats(now);
        }
    }

    /// There may be something to say again: what gets lost of it is found out at the usual pace (R39).
    fn beat_soon(&mut self, now: Time) {
        let due = now + self.options.heartbeat_interval;
        if self.leading.as_ref().is_some_and(|leading| leading.heartbeat_due > due) && !self.is_idle(now) {
            self.leading.as_mut().expect("it was just looked at").heartbeat_due = due;
        }
    }

    /// Whether every peer has everything, knows it committed, and has answered lately, so that a heartbeat only says
    /// that there still is a leader.
    fn is_idle(&self, now: Time) -> bool {
        let Some(leading) = &self.leading else { return false };
        let last = self.log.last().index;
        let lately = self.options.idle_heartbeat_interval + self.options.heartbeat_interval / 2;
        let is_content = |peer: &Progress| {
            let answered = peer.contact.is_some_and(|heard| now.since(heard) <= lately);
            let has_everything = peer.state == PeerState::Replicate && peer.matched == last && !peer.nudge;
            answered && has_everything && peer.goodbye.is_none()
        };
        self.commit == last
            && leading.commit_beat == last
            && leading.transfer.is_none()
            && leading.reads.is_empty()
            && leading.peers.iter().all(is_content)
    }

    pub(super) fn leader_deadline(&self) -> Option<Time> {
        let leading = self.leading.as_ref()?;
        let election_timeout = self.options.election_timeout;
        let quorum = self.quorum_contact().map(|heard| heard + election_timeout);
        let quorum = quorum.filter(|_| self.checks_quorum());
        let transfer = leading.transfer.map(|transfer| transfer.deadline);
        [Some(leading.heartbeat_due), quorum, self.stall_deadline(), transfer].into_iter().flatten().min()
    }

    fn checks_quorum(&self) -> bool {
        self.options.check_quorum && self.rules.keeps(Rule::QuorumContact)
    }

    /// When a disk that still has not answered costs this leader its office (R59). Never when nobody else could lead.
    fn stall_deadline(&self) -> Option<Time> {
        let since = self.disk.waiting_since().filter(|_| self.rules.keeps(Rule::DiskWatchdog))?;
        let config = self.membership.config();
        let is_other = |id: &NodeId| *id != self.id;
        let others = config.voters.iter().chain(&config.outgoing).any(is_other);
        others.then_some(since + self.options.election_timeout)
    }

    /// The latest time by which a quorum, counting this leader, had answered (R22).
    pub(super) fn quorum_contact(&self) -> Option<Time> {
        let leading = self.leading.as_ref()?;
        let contact = |id: NodeId| {
            if id == self.id {
                return Time(u64::MAX);
            }
            let peer = leading.peers.iter().find(|peer| peer.id == id);
            peer.map_or(Time(0), |peer| peer.contact.unwrap_or_default().max(peer.counted_since))
        };
        Some(reached(self.membership.config(), contact))
    }

    pub fn has_quorum_contact(&self, now: Time) -> bool {
        self.quorum_contact().is_some_and(|heard| now.since(heard) < self.options.election_timeout)
    }

    pub(super) fn send_heartbeats(&mut self, now: Time) {
        let (config, election_timeout) = (self.membership.index(), self.options.election_timeout);
        let of_one_config = self.rules.keeps(Rule::LeaseOfConfig);
        let Some(leading) = &mut self.leading else { return };
        leading.commit_beat = self.commit;
        if self.options.lease_reads {
            let seq = leading.reads.open_round();
            let config = if of_one_config { config } else { Index(0) };
            leading.lease.sent(now, seq, config, election_timeout);
        }
        let (read_seq, orders_void) = (leading.reads.newest_seq(), leading.orders_void);
        let beats: Vec<_> = leading.peers.iter().map(|peer| (peer.id, peer.generation)).collect();
        for (peer, generation) in beats {
            self.send(peer, Message::Heartbeat(Heartbeat { commit: self.commit, read_seq, generation, orders_void }));
        }
    }

    /// Builds what each peer is owed now: one pass for everything proposed since the last drain (R42).
    pub(super) fn build_messages(&mut self, now: Time) {
        if self.leading.is_none() {
            return self.ask_leader_for_reads(now);
        }
        self.advance_membership(now);
        self.begin_read_round(now);
        let count = self.leading.as_ref().map_or(0, |leading| leading.peers.len());
        for position in 0..count {
            if let Some((to, chunk)) = self.next_chunk(now, position) {
                self.send(to, Message::Snapshot(chunk));
            }
            while let Some((to, append)) = self.next_append(position) {
                self.send(to, Message::Append(append));
            }
        }
        self.advance_transfer(now);
        self.finish_bowing_out(now);
        self.beat_soon(now);
    }

    /// The next append for the peer at `position`, if its state and window allow one.
    fn next_append(&mut self, position: usize) -> Option<(NodeId, Append)> {
        let (window, commit) = (self.window(), self.commit);
        let last = self.log.last().index;
        let base = self.log.base().index;
        let peer = self.leading.as_mut()?.peers.get_mut(position)?;
        if peer.next.prev() < base {
            return None;
        }
        let has_entries = peer.next <= last;
        let owes_commit = peer.commit_told < commit && peer.is_quiet();
        let (wanted, empty) = match peer.state {
            PeerState::Probe => (!peer.paused, false),
            PeerState::Replicate if has_entries && !peer.is_full(window) => (true, false),
            PeerState::Replicate => (peer.nudge || owes_commit && !has_entries, true),
            PeerState::Snapshot => (false, false),
        };
        let news_only = empty && !peer.nudge;
        if !wanted {
            return None;
        }
        peer.nudge = false;
        peer.commit_told = commit;
        let first = peer.next;
        let end =
            if empty || !has_entries { first.prev() } else { self.log.fitting(first, self.options.max_append_bytes) };
        let entries = self.shape_with_configs(first, end);
        let bytes = entries.bytes();
        let prev = self.log.id_at(first.prev()).expect("the entry before the next one to send is kept");
        let peer = &mut self.leading.as_mut()?.peers[position];
        if !entries.is_empty() || peer.state == PeerState::Probe {
            peer.sent(end, bytes);
        }
        Some((peer.id, Append { prev, entries, commit, generation: peer.generation, news_only }))
    }

    fn window(&self) -> Window {
        Window { messages: self.options.max_inflight_messages, bytes: self.options.max_inflight_bytes }
    }

    fn shape_with_configs(&self, first: Index, last: Index) -> Shape {
        let mut shape = self.log.shape(first, last);
        shape.configs = self.membership.between(first, last);
        shape
    }

    pub(super) fn on_append_reply(&mut self, now: Time, from: NodeId, reply: &AppendReply) {
        let Some(peer) = self.tracked(from, reply.generation) else { return };
        let silent_since = peer.contact.replace(now);
        match reply.outcome {
            AppendOutcome::Ack { index } => {
                self.on_ack(from, index);
                self.hear_learner(now, from, silent_since);
            }
            AppendOutcome::Reject { rejected, hint } => self.on_reject(from, rejected, hint),
        }
    }

    /// The peer holds everything up to `index` durably and equal (R36). Whatever was on its way to it: when the log
    /// reaches back to there, appends go on from there (R37).
    pub(super) fn on_ack(&mut self, from: NodeId, index: Index) {
        let (base, last) = (self.log.base().index, self.log.last().index);
        if index > last {
            let what = format!("{from} acknowledged {index}, beyond the log's end at {last}");
            return self.poison(Fault::Invariant { what });
        }
        let rules = self.rules;
        let Some(peer) = self.peer_mut(from) else { return };
        let (matched, sent) = (peer.matched, peer.next.prev());
        let news = peer.acked(index);
        if !rules.keeps(Rule::MatchAcknowledged) {
            peer.matched = peer.matched.max(sent);
        }
        if !rules.keeps(Rule::MatchMonotonic) && !news && index < matched {
            peer.matched = index;
        }
        let before = peer.state;
        if before != PeerState::Replicate && peer.next.prev() >= base {
            peer.enter(PeerState::Replicate);
            self.note_peer(from, before, PeerState::Replicate, "it acknowledged");
        }
        if news {
            self.advance_commit();
        }
    }

    /// Goes back to where the logs may agree, but only for a reject that is fresh (R35).
    fn on_reject(&mut self, from: NodeId, rejected: Index, hint: LogId) {
        let probe = self.log.last_not_above(hint.index, hint.term).index.next();
        let rules = self.rules;
        let Some(peer) = self.peer_mut(from) else { return };
        let floor = if rules.keeps(Rule::NextAboveMatch) { peer.matched.next() } else { Index(1) };
        let any = !rules.keeps(Rule::RejectFresh);
        let waits = !any && rules.keeps(Rule::NextAboveMatch);
        match peer.state {
            // It refuses what it has acknowledged: asking again at once would go on for ever. A heartbeat's answer allows
            // the next try, and tells whether entries were lost (R45).
            PeerState::Probe if waits && rejected == peer.next.prev() && rejected <= peer.matched => {}
            PeerState::Probe if any || rejected == peer.next.prev() => {
                peer.next = probe.max(floor).min(rejected.max(Index(1)));
                peer.next = peer.next.max(floor);
                peer.paused = false;
            }
            PeerState::Replicate if any || rejected > peer.matched => {
                peer.probe_from(peer.matched.next());
                self.note_peer(from, PeerState::Replicate, PeerState::Probe, "it refused an append");
            }
            PeerState::Probe | PeerState::Replicate | PeerState::Snapshot => {}
        }
    }

    pub(super) fn on_heartbeat_reply(&mut self, now: Time, from: NodeId, reply: &HeartbeatReply) {
        let last = self.log.last().index;
        let Some(leading) = &self.leading else { return };
        let (commit_beat, read_seq, rules) = (leading.commit_beat, leading.reads.newest_seq(), self.rules);
        let patience = self.options.election_timeout;
        let Some(peer) = self.tracked(from, reply.generation) else { return };
        let silent_since = peer.contact.replace(now);
        let regressed = peer.note_length(now, reply.last, patience).then_some(peer.matched);
        // A round that has not begun cannot have been confirmed (R94).
        let confirmed = reply.read_seq.min(read_seq);
        peer.read_seq = peer.read_seq.max(confirmed);
        if !rules.keeps(Rule::ReadSequence) {
            peer.read_seq = read_seq;
        }
        let reopens = rules.keeps(Rule::WindowReopened);
        peer.paused &= !reopens;
        // Entries may be lost on the way, or the peer has restarted and trusts no commit news until an append proves
        // its log again (R40): one empty append finds out, and settles both (R39).
        let is_behind = peer.matched < last || reply.commit < peer.matched.min(commit_beat);
        peer.nudge = reopens && peer.state == PeerState::Replicate && is_behind;
        if let Some(leading) = &mut self.leading
            && self.options.lease_reads
        {
            leading.lease.confirmed(from, confirmed);
        }
        if let Some(acknowledged) = regressed {
            self.events.push(Event::PeerRegressed { peer: from, acknowledged, last: reply.last });
        }
        self.hear_learner(now, from, silent_since);
        self.hear_goodbye(from, reply.commit);
        self.review_sending(now, from, reply.commit);
        self.confirm_reads();
    }

    /// Moves a streaming peer back to probing; `now` is when it was found unreachable (R44).
    pub fn unreachable(&mut self, _now: Time, peer: NodeId) {
        if self.transferring_to() == Some(peer) {
            self.end_transfer("the target is unreachable");
        }
        self.probe_again(peer, "it is unreachable");
    }

    /// An append for this peer could not be built or was dropped on the way out.
    pub fn append_lost(&mut self, _now: Time, peer: NodeId) {
        self.probe_again(peer, "an append was lost");
    }

    fn probe_again(&mut self, id: NodeId, because: &'static str) {
        let Some(peer) = self.peer_mut(id) else { return };
        if peer.state == PeerState::Replicate {
            peer.probe_from(peer.matched.next());
            // The next heartbeat's answer starts the probe, so that a dead peer costs one message an interval.
            peer.paused = true;
            self.note_peer(id, PeerState::Replicate, PeerState::Probe, because);
        }
        self.stop_sending(id, because);
        self.check();
    }

    /// Commits what a quorum holds, if its last entry is of this term (§5.4.2, R47).
    pub(super) fn advance_commit(&mut self) {
        let Some(leading) = &self.leading else { return };
        let counted = self.rules.keeps(Rule::CountOwnCopy);
        let durable = if counted { self.durable_if(Rule::CountOwnDurable) } else { Index(0) };
        let matched = |id: NodeId| {
            if id == self.id {
                return durable;
            }
            leading.peers.iter().find(|peer| peer.id == id).map_or(Index(0), Progress::counted)
        };
        let index = if self.rules.keeps(Rule::BothHalvesCommit) {
            reached(self.membership.config(), matched)
        } else {
            reached(&left(self.membership.config()), matched)
        };
        if index > self.commit && self.may_commit(index) {
            self.set_commit(index);
        }
    }

    /// Only entries of the own term are committed by counting; earlier ones follow (§5.4.2, R47).
    fn may_commit(&self, index: Index) -> bool {
        self.log.term_at(index) == Some(self.term) || !self.rules.keeps(Rule::CommitOwnTerm)
    }

    pub(super) fn set_commit(&mut self, index: Index) {
        assert!(index <= self.log.last().index, "only entries that exist are committed");
        self.commit = index;
        let removed = self.membership.removal_of(self.id, index);
        self.membership.forget_below(index);
        let to = self.log.id_at(index).expect("a committed entry is kept");
        self.events.push(Event::CommitAdvanced { to });
        if let Some(at) = removed {
            self.removed = Some(at);
            self.events.push(Event::Removed { at });
        }
    }

    pub(super) fn peer(&self, id: NodeId) -> Option<&Progress> {
        self.leading.as_ref()?.peers.iter().find(|peer| peer.id == id)
    }

    pub(super) fn peer_mut(&mut self, id: NodeId) -> Option<&mut Progress> {
        self.leading.as_mut()?.peers.iter_mut().find(|peer| peer.id == id)
    }

    /// The peer, if it is tracked and the reply belongs to this life of its tracking.
    pub(super) fn tracked(&mut self, id: NodeId, generation: u32) -> Option<&mut Progress> {
        let any = !self.rules.keeps(Rule::LifeOfTracking);
        self.peer_mut(id).filter(|peer| any || peer.generation == generation)
    }

    pub(super) fn note_peer(&mut self, peer: NodeId, from: PeerState, to: PeerState, because: &'static str) {
        self.events.push(Event::PeerState { peer, from: from.word(), to: to.word(), because });
    }
}

/// As follower.
impl Core {
    pub(super) fn on_append(&mut self, now: Time, from: NodeId, append: Append) {
        if !self.accept_leader(now, from) {
            return;
        }
        let (generation, news_only) = (append.generation, append.news_only);
        let outcome = match self.append_entries(from, append) {
            Ok(outcome) => outcome,
            Err(fault) => return self.poison(fault),
        };
        self.end_recovering_after(&outcome);
        if news_only && matches!(outcome, AppendOutcome::Ack { .. }) {
            return;
        }
        self.send_when_durable(from, Message::AppendReply(AppendReply { generation, outcome }));
    }

    /// Truncates only at the first entry whose term differs, and acknowledges exactly what was checked (R32).
    fn append_entries(&mut self, from: NodeId, append: Append) -> Result<AppendOutcome, Fault> {
        let Append { prev, entries, commit, .. } = append;
        let end = Index(prev.index.0 + entries.len());
        let own = self.log.term_at(prev.index);
        if prev.index <= self.commit && own.is_some_and(|own| own != prev.term) {
            let what = format!("leader {from} has {prev} where another entry is committed");
            return Err(Fault::Invariant { what });
        }
        if end <= self.commit {
            // What is committed is equal at every leader: a repair must not wait for the next entry to see that (R64).
            self.verified = self.verified.max(self.commit);
            return Ok(AppendOutcome::Ack { index: self.commit });
        }
        if prev.index >= self.commit && own != Some(prev.term) {
            let hint = self.log.last_not_above(prev.index, prev.term);
            return Ok(AppendOutcome::Reject { rejected: prev.index, hint });
        }
        let last = self.log.last().index;
        // What is compacted away is committed, and equal at every leader.
        let known_from = entries.first.max(self.log.base().index);
        let differs = |index: &u64| self.log.term_at(Index(*index)) != entries.term_at(Index(*index));
        let mut new_from = Index((known_from.0..=end.0).find(differs).unwrap_or(end.0 + 1));
        let cuts = !self.rules.keeps(Rule::TruncateOnConflict);
        if cuts {
            new_from = entries.first.max(self.commit.next());
        }
        if new_from <= end || cuts {
            if new_from <= self.commit || new_from <= self.membership.oldest() && new_from <= last {
                let what =
                    format!("leader {from} contradicts entry {new_from}, which is committed or founds the cluster");
                return Err(Fault::Invariant { what });
            }
            if new_from <= last {
                self.truncate(new_from, from);
            }
            self.extend_log(&entries, new_from);
        }
        self.verified = self.verified.max(end);
        let last = self.log.last().index;
        let commit = commit.min(if self.rules.keeps(Rule::CommitProven) { end } else { last });
        if commit > self.commit {
            self.set_commit(commit);
        }
        Ok(AppendOutcome::Ack { index: if self.rules.keeps(Rule::AckProven) { end } else { last } })
    }

    fn truncate(&mut self, from: Index, leader: NodeId) {
        self.log.truncate(from);
        self.disk.truncated(from);
        self.events.push(Event::Truncated { from, by_leader: leader });
        if self.rules.keeps(Rule::ConfigRolledBack) && self.membership.truncated(from) {
            self.events.push(Event::ConfigRolledBack { to: self.membership.index() });
        }
    }

    fn extend_log(&mut self, entries: &Shape, from: Index) {
        self.log.extend(entries, from);
        self.disk.appended(from);
        for (index, config) in entries.configs.iter().filter(|(index, _)| *index >= from) {
            self.membership.appended(*index, config.clone());
            self.events.push(Event::ConfigEffective { at: *index, config: config.to_string() });
        }
    }

    pub(super) fn on_heartbeat(&mut self, now: Time, from: NodeId, beat: &Heartbeat) {
        if !self.accept_leader(now, from) {
            return;
        }
        self.orders_void = self.orders_void.max(beat.orders_void);
        let proven = if self.rules.keeps(Rule::HeartbeatProven) { self.verified } else { self.log.last().index };
        let commit = beat.commit.min(proven);
        if commit > self.commit {
            self.set_commit(commit);
        }
        let last = self.log.last().index;
        let (read_seq, generation, commit) = (beat.read_seq, beat.generation, self.commit);
        let reply = HeartbeatReply { read_seq, generation, last, commit };
        self.send(from, Message::HeartbeatReply(reply));
    }

    /// Takes `from` as the leader of the current term; false when that cannot be.
    pub(super) fn accept_leader(&mut self, now: Time, from: NodeId) -> bool {
        if self.role == Role::Leader || self.role == Role::Follower && self.leader.is_some_and(|known| known != from) {
            let what = format!("{from} claims to lead term {}, which another node leads", self.term);
            self.poison(Fault::Invariant { what });
            return false;
        }
        if self.role != Role::Follower {
            self.become_follower(now, self.term, Some(from), StepDownCause::LeaderFound { leader: from });
        } else if self.leader.is_none() {
            self.leader = Some(from);
            self.fail_asked_reads();
            self.events.push(Event::LeaderKnown { term: self.term, leader: from });
        }
        self.leader_contact = Some(now);
        self.timer_started = now;
        self.timeout = self.draw_timeout();
        self.say_hello(from);
        true
    }
}

/// A peer as its leader sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    pub id: NodeId,
    pub state: PeerState,
    pub matched: Index,
    pub next: Index,
    /// When the peer last answered in this reign; none when it has not yet.
    pub last_contact: Option<Time>,
    /// Which life of its tracking this is (R78).
    pub generation: u32,
    /// A learner that had caught up when it was last heard (R75).
    pub is_ready: bool,
    /// It is no member any more and is only told so (R77).
    pub is_leaving: bool,
}

impl Core {
    /// As leader, every other member; else nothing.
    pub fn peers(&self) -> impl Iterator<Item = PeerStatus> {
        self.leading.iter().flat_map(|leading| &leading.peers).map(|peer| PeerStatus {
            id: peer.id,
            state: peer.state,
            matched: peer.matched,
            next: peer.next,
            last_contact: peer.contact,
            generation: peer.generation,
            is_ready: peer.catch_up.as_ref().is_some_and(CatchUp::is_ready),
            is_leaving: peer.goodbye.is_some(),
        })
    }
}
