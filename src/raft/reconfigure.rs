//! Changing who is in the cluster, as leader: proposing a change, and what follows from it once it is in force or
//! committed (§6, thesis 4, R72–R77).
//!
//! What needs no answer from outside — leaving a joint configuration, promoting a learner that has caught up, stepping
//! down after one's own removal — happens when effects are drained, so it happens once whatever led to it.

use std::sync::Arc;

use super::catch_up::{CatchUp, CatchUpNews};
use super::change::{Change, ChangeRefusal, left, next_config};
use super::config::{Config, MEMBERS_MAX};
use super::core::Core;
use super::effects::Created;
use super::event::{Event, StepDownCause};
use super::progress::{Goodbye, Progress};
use super::rules::Rule;
use super::transfer::Transfer;
use super::types::{Index, LogId, NodeId, Term, Time};

/// A removed peer is told of it for this many election timeouts after the removal was committed (R77).
const GOODBYE_TIMEOUTS: u32 = 2;

/// Most removed peers that are being told at a time; whoever was removed before them is not told any more.
const GOODBYES_MAX: usize = MEMBERS_MAX;

/// How long the entry of a configuration is once encoded. The core counts bytes, so it has to know; only the codec can
/// tell.
#[derive(Clone, Copy, Debug)]
pub struct ConfigLength {
    /// What every such entry takes, whatever the configuration: record header and settings of the cluster.
    pub fixed_bytes: u32,
    /// What this configuration takes besides.
    pub variable_bytes: fn(&Config) -> u32,
}

impl ConfigLength {
    pub(super) fn of(&self, config: &Config) -> u32 {
        self.fixed_bytes + (self.variable_bytes)(config)
    }
}

impl Core {
    /// Appends the configuration that `change` asks for, which is in force from then on, and gives its log id. When it
    /// is already so, nothing is appended, and the log id is that of the configuration in force. A joint configuration
    /// that leaves by itself is followed by a second entry (R73).
    ///
    /// With `only_if`, the change is made only while the configuration of that log id is in force.
    ///
    /// # Errors
    /// Nothing was appended; the refusal says why.
    pub fn change(&mut self, now: Time, change: Change, only_if: Option<LogId>) -> Result<LogId, ChangeRefusal> {
        if self.fault().is_some() {
            return Err(ChangeRefusal::Stopped);
        }
        let Some(leading) = self.leading.as_ref().filter(|_| !self.is_voted_out()) else {
            return Err(ChangeRefusal::NotLeader { leader: self.leader.filter(|leader| *leader != self.id) });
        };
        let (noop, transfer) = (leading.noop, leading.transfer);
        let in_force = self.config_id();
        let is_in_force = |wanted: LogId| {
            wanted.index == in_force.index && (wanted.term == in_force.term || in_force.term == Term(0))
        };
        if only_if.is_some_and(|wanted| !is_in_force(wanted)) {
            return Err(ChangeRefusal::Stale { in_force });
        }
        if self.commit < noop && self.rules.keeps(Rule::ChangeInOwnTerm) {
            return Err(ChangeRefusal::NothingCommitted { term: self.term });
        }
        let config = Arc::clone(self.membership.config());
        let next = next_config(&config, in_force.index, &change)?;
        if let Some(next) = next {
            self.admit(now, &config, &next, transfer)?;
            self.append_config(now, next);
        }
        if let Change::AddLearner { member, auto_promote: true } = &change
            && let Some(peer) = self.peer_mut(member.id)
            && let Some(catch_up) = &mut peer.catch_up
        {
            catch_up.auto_promote = true;
        }
        self.check();
        Ok(self.config_id())
    }

    /// Log id of the entry that brought the configuration in force; its term is zero when the entry is compacted, and
    /// all of it when there is no configuration yet.
    pub fn config_id(&self) -> LogId {
        let index = self.membership.index();
        LogId { index, term: self.log.term_at(index).unwrap_or(Term(0)) }
    }

    /// Where this node ceased to be a member of the committed configuration, if it ever was one. It is for ever: ids
    /// are not used again.
    pub fn removed_at(&self) -> Option<Index> {
        self.removed
    }

    /// Whether the moment allows for `next`, which is well formed (R72, R75).
    fn admit(
        &self,
        now: Time,
        config: &Config,
        next: &Config,
        transfer: Option<Transfer>,
    ) -> Result<(), ChangeRefusal> {
        let at = self.membership.index();
        if at > self.commit && self.rules.keeps(Rule::OneChange) {
            return Err(ChangeRefusal::Uncommitted { at });
        }
        if let Some(transfer) = transfer
            && next.is_voter(transfer.to)
        {
            return Err(ChangeRefusal::Transferring { to: transfer.to });
        }
        let new_voters = next.voters.iter().filter(|id| !config.is_voter(**id) && **id != self.id);
        new_voters.copied().try_for_each(|id| self.may_be_promoted(now, id))
    }

    fn may_be_promoted(&self, now: Time, id: NodeId) -> Result<(), ChangeRefusal> {
        let peer = self.peer(id).expect("a leader tracks every other member");
        if peer.contact.is_none_or(|heard| now.since(heard) >= self.options.election_timeout) {
            return Err(ChangeRefusal::NotHeard { id });
        }
        if peer.catch_up.as_ref().is_some_and(CatchUp::is_ready) || !self.rules.keeps(Rule::CaughtUp) {
            return Ok(());
        }
        Err(ChangeRefusal::NotCaughtUp { id, missing: self.log.last().index - peer.matched })
    }

    /// Whether a committed configuration has taken this node's vote (R76).
    pub(super) fn is_voted_out(&self) -> bool {
        self.membership.index() <= self.commit && !self.membership.config().is_voter(self.id)
    }

    fn append_config(&mut self, now: Time, config: Config) {
        assert_eq!(config.soundness(), Ok(()), "a leader makes sound configurations only");
        let before = Arc::clone(self.membership.config());
        let index = self.log.last().index.next();
        let config = Arc::new(config);
        let length_bytes = self.options.config_length.of(&config);
        self.log.push(self.term, length_bytes);
        self.disk.appended(index);
        self.membership.appended(index, Arc::clone(&config));
        self.events.push(Event::ConfigEffective { at: index, config: config.to_string() });
        self.created.push(Created::Config { index, term: self.term, config, length_bytes });
        self.follow_config(now, &before);
    }

    /// Everything a leader derives from the configuration in force is derived anew (R52).
    fn follow_config(&mut self, now: Time, before: &Config) {
        let config = Arc::clone(self.membership.config());
        let (removed_at, last) = (self.membership.index(), self.log.last().index);
        let is_new = |id: &NodeId| *id != self.id && self.peer(*id).is_none();
        let new: Vec<NodeId> = config.members.iter().map(|member| member.id).filter(is_new).collect();
        for id in new {
            let peer = self.track(now, id, last.prev());
            let leading = self.leading.as_mut().expect("only a leader changes the configuration");
            leading.peers.push(peer);
            leading.peers.sort_by_key(|peer| peer.id);
        }
        let leading = self.leading.as_mut().expect("only a leader changes the configuration");
        for peer in &mut leading.peers {
            if config.is_voter(peer.id) && !before.is_voter(peer.id) {
                peer.counted_since = now;
            }
            if !config.is_member(peer.id) {
                peer.goodbye.get_or_insert(Goodbye { removed_at, until: None });
            }
            if config.learners.contains(&peer.id) {
                peer.catch_up.get_or_insert_with(|| CatchUp::begin(now, last.prev()));
            } else {
                peer.catch_up = None;
            }
        }
        if leading.transfer.is_some_and(|transfer| !config.is_voter(transfer.to)) {
            self.end_transfer("the target has no vote any more");
        }
        self.advance_commit();
        self.confirm_reads();
    }

    /// Starts a life of tracking; replies to an earlier one of the same peer are void from now on (R36, R78).
    fn track(&mut self, now: Time, id: NodeId, last: Index) -> Progress {
        self.generation = self.generation.wrapping_add(1);
        let mut peer = Progress::new(id, self.generation, last, now);
        if self.membership.config().learners.contains(&id) {
            peer.catch_up = Some(CatchUp::begin(now, last));
        }
        peer
    }

    /// Whom a new leader tracks: every other member, and those whom a configuration removes that may not have been
    /// committed before (R77).
    pub(super) fn track_all(&mut self, now: Time, last: Index) -> Vec<Progress> {
        let known: Vec<(Index, Arc<Config>)> = self.membership.known().to_vec();
        let mut ids: Vec<NodeId> =
            known.iter().flat_map(|(_, config)| &config.members).map(|member| member.id).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.retain(|id| *id != self.id);
        let mut peers = Vec::new();
        for id in ids {
            let mut peer = self.track(now, id, last);
            peer.goodbye = self
                .membership
                .removal_of(id, self.membership.index())
                .map(|removed_at| Goodbye { removed_at, until: None });
            peers.push(peer);
        }
        peers
    }

    /// What is to follow from commits and answers by now, at most one new configuration.
    pub(super) fn advance_membership(&mut self, now: Time) {
        let Some(leading) = &self.leading else { return };
        let (noop, is_transferring) = (leading.noop, leading.transfer.is_some());
        self.say_goodbyes(now);
        let is_committed = self.membership.index() <= self.commit && self.commit >= noop;
        let config = self.membership.config();
        let leaves_early = config.is_joint() && !self.rules.keeps(Rule::JointCommitted);
        if !is_committed && !leaves_early {
            return;
        }
        if !config.is_joint() && config.learners.is_empty() && config.is_voter(self.id) {
            return;
        }
        let config = Arc::clone(config);
        if config.is_joint() {
            if config.auto_leave {
                self.append_config(now, left(&config));
            }
        } else if !config.is_voter(self.id) && self.rules.keeps(Rule::VotedOut) {
            self.bow_out(now);
        } else if !is_transferring {
            self.promote_one(now, &config);
        }
    }

    fn promote_one(&mut self, now: Time, config: &Config) {
        let wanted = |id: &NodeId| {
            let catch_up = self.peer(*id).and_then(|peer| peer.catch_up.as_ref());
            catch_up.is_some_and(|catch_up| catch_up.auto_promote) && self.may_be_promoted(now, *id).is_ok()
        };
        let Some(id) = config.learners.iter().copied().find(wanted) else { return };
        let next = next_config(config, self.membership.index(), &Change::Promote { id });
        if let Some(next) = next.expect("a learner of a plain configuration can be promoted") {
            self.append_config(now, next);
        }
    }

    /// A leader that its own cluster has voted out hands over to the best voter, so that nobody has to wait for a
    /// timeout, and then goes; or it goes at once when nobody can take over in time (R76).
    fn bow_out(&mut self, now: Time) {
        let best = self.best_voter();
        let deadline = now + self.options.election_timeout;
        let leading = self.leading.as_mut().expect("it was looked at just now");
        let is_first = !core::mem::replace(&mut leading.bowing_out, true);
        if leading.transfer.is_some() {
            return;
        }
        match best {
            Some(to) if is_first => {
                leading.transfer = Some(Transfer { to, deadline, order: None });
                self.events.push(Event::TransferStarted { to });
            }
            _ => self.become_follower(now, self.term, None, StepDownCause::VotedOut),
        }
    }

    /// Called when messages are built: once its successor has been told, a leader that was voted out is done.
    pub(super) fn finish_bowing_out(&mut self, now: Time) {
        let Some(leading) = &mut self.leading else { return };
        if leading.bowing_out && leading.transfer.is_some_and(|transfer| transfer.order.is_some()) {
            leading.transfer = None;
            self.become_follower(now, self.term, None, StepDownCause::VotedOut);
        }
    }

    /// Ends the tracking of removed peers that know of it or have had their time (R77).
    fn say_goodbyes(&mut self, now: Time) {
        let timeouts = if self.rules.keeps(Rule::Goodbye) { GOODBYE_TIMEOUTS } else { 0 };
        let (commit, patience) = (self.commit, timeouts * self.options.election_timeout);
        let Some(leading) = &mut self.leading else { return };
        if leading.peers.iter().all(|peer| peer.goodbye.is_none()) {
            return;
        }
        for peer in &mut leading.peers {
            if let Some(goodbye) = &mut peer.goodbye
                && goodbye.removed_at <= commit
            {
                goodbye.until.get_or_insert(now + patience);
            }
        }
        let mut removals: Vec<Index> = leading.peers.iter().filter_map(|peer| Some(peer.goodbye?.removed_at)).collect();
        removals.sort_unstable_by(|one, other| other.cmp(one));
        let oldest_told = removals.get(GOODBYES_MAX - 1).copied().unwrap_or_default();
        let is_over = |peer: &Progress| {
            let has_had_its_time = |goodbye: Goodbye| goodbye.until.is_some_and(|until| now >= until);
            peer.goodbye.is_some_and(|goodbye| has_had_its_time(goodbye) || goodbye.removed_at < oldest_told)
        };
        let over: Vec<NodeId> = leading.peers.iter().filter(|peer| is_over(peer)).map(|peer| peer.id).collect();
        leading.peers.retain(|peer| !is_over(peer));
        for peer in over {
            self.events.push(Event::GoodbyeEnded { peer, knows: false });
        }
    }

    /// A removed peer has committed up to `commit`: once that covers its removal, it knows (R77).
    pub(super) fn hear_goodbye(&mut self, from: NodeId, commit: Index) {
        let Some(leading) = &mut self.leading else { return };
        let knows =
            |peer: &Progress| peer.id == from && peer.goodbye.is_some_and(|goodbye| goodbye.removed_at <= commit);
        let before = leading.peers.len();
        leading.peers.retain(|peer| !knows(peer));
        if leading.peers.len() < before {
            self.events.push(Event::GoodbyeEnded { peer: from, knows: true });
        }
    }

    /// A learner has answered; `silent_since` is when it did so before (R75).
    pub(super) fn hear_learner(&mut self, now: Time, from: NodeId, silent_since: Option<Time>) {
        let (last, election_timeout) = (self.log.last().index, self.options.election_timeout);
        let Some(peer) = self.peer_mut(from) else { return };
        let matched = peer.matched;
        let Some(catch_up) = &mut peer.catch_up else { return };
        if catch_up.is_ready() && silent_since.is_some_and(|heard| now.since(heard) >= election_timeout) {
            catch_up.begin_again(now, last);
        }
        let news = match catch_up.heard(now, matched, last, election_timeout) {
            Some(CatchUpNews::Ready { rounds, took }) => Event::LearnerReady { learner: from, rounds, took },
            Some(CatchUpNews::TooSlow) => Event::LearnerTooSlow { learner: from },
            None => return,
        };
        self.events.push(news);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::message::{Append, AppendOutcome, AppendReply, Heartbeat, HeartbeatReply, Message};
    use crate::raft::tests::{NOW, ack, append, drain, hear, in_role, life_of, node};
    use crate::raft::{
        BootFault, Effects, HardState, Member, Options, Recovered, Refusal, Role, Rules, Setup, Shape, StorageId,
    };

    fn newcomer(id: u64) -> Change {
        let (name, address) = (format!("n{id}"), format!("host-{id}:7000"));
        Change::AddLearner {
            member: Member { id: NodeId(id), name, address, storage: StorageId(id.into()) },
            auto_promote: false,
        }
    }

    fn leader(voters: u64) -> Core {
        let (mut core, _) = in_role(Role::Leader, voters, Options::default());
        let noop = core.last().index;
        (2..=voters).for_each(|id| drop(ack(&mut core, id, noop)));
        core
    }

    /// R72: each reason to refuse, and that the log stays as it was.
    #[test]
    fn a_change_is_refused_unless_this_is_the_moment() {
        let remove = Change::Remove { id: NodeId(3) };
        let fresh = in_role(Role::Leader, 3, Options::default()).0;
        let transferring = {
            let mut core = leader(3);
            core.transfer(NOW, Some(NodeId(2))).expect("it is a voter");
            core
        };
        let open = {
            let mut core = leader(3);
            core.change(NOW, newcomer(4), None).expect("it may");
            core
        };
        let stopped = {
            let mut core = leader(3);
            core.persist_failed("gone".to_owned());
            core
        };
        let rows = [
            (
                node(3, &[], HardState { term: Term(2), vote: None }, Options::default()),
                None,
                ChangeRefusal::NotLeader { leader: None },
            ),
            (fresh, None, ChangeRefusal::NothingCommitted { term: Term(3) }),
            (transferring, None, ChangeRefusal::Transferring { to: NodeId(2) }),
            (open, None, ChangeRefusal::Uncommitted { at: Index(3) }),
            (stopped, None, ChangeRefusal::Stopped),
            (leader(3), Some(LogId::new(1, 2)), ChangeRefusal::Stale { in_force: LogId::new(1, 1) }),
            (leader(3), Some(LogId::new(2, 3)), ChangeRefusal::Stale { in_force: LogId::new(1, 1) }),
        ];
        for (mut core, only_if, expected) in rows {
            let before = (core.last(), core.config().to_string());
            assert_eq!(core.change(NOW, remove.clone(), only_if), Err(expected));
            assert_eq!((core.last(), core.config().to_string()), before, "{expected}");
        }
        let mut core = leader(3);
        assert_eq!(core.change(NOW, remove, Some(LogId::new(1, 1))), Ok(LogId::new(3, 3)));
    }

    /// The core counts what the entry takes on disk and on the wire.
    #[test]
    fn the_entry_of_a_configuration_has_the_length_that_the_codec_gives_it() {
        let config_length = ConfigLength { fixed_bytes: 70, variable_bytes: |config| config.members.len() as u32 * 10 };
        let (mut core, _) = in_role(Role::Leader, 1, Options { config_length, ..Options::default() });
        drain(&mut core);
        core.change(NOW, newcomer(2), None).expect("it may");
        let mut effects = Effects::default();
        core.take_effects(NOW, &mut effects);
        assert!(matches!(effects.created[..], [Created::Config { length_bytes: 90, .. }]), "{:?}", effects.created);
        assert_eq!(core.log.bytes_between(Index(2), Index(3)), 90);
    }

    /// R36, R78: an answer to an earlier life of tracking the same peer counts for nothing, neither as an
    /// acknowledgement nor as a sign of life.
    #[test]
    fn answers_to_an_earlier_reign_are_void() {
        let first = leader(3);
        let old = life_of(&first, 2);
        let (mut core, term) = (first, Term(6));
        hear(&mut core, 3, Term(5), append(LogId::new(2, 3), &[], 1));
        core.campaign(NOW);
        for pre in [true, false] {
            let nonce = drain(&mut core).iter().find_map(|sent| match &sent.message {
                Message::Vote(vote) if vote.pre == pre => Some(vote.nonce),
                _ => None,
            });
            let nonce = nonce.expect("it campaigns");
            let reply = crate::raft::message::VoteReply { pre, asked: term, nonce, refused: None };
            let term = if pre { Term(5) } else { term };
            core.receive(NOW, envelope(2, term, Message::VoteReply(reply)));
        }
        assert_eq!((core.role(), core.term()), (Role::Leader, term));
        drain(&mut core);
        let new = life_of(&core, 2);
        assert_ne!(old, new);
        let noop = core.last().index;
        for (generation, matched) in [(old, Index(0)), (new, noop)] {
            let outcome = AppendOutcome::Ack { index: noop };
            hear(&mut core, 2, term, Message::AppendReply(AppendReply { generation, outcome }));
            let peer = core.peers().next().expect("n2 is tracked");
            assert_eq!((peer.matched, peer.last_contact.is_some()), (matched, generation == new));
        }
    }

    fn envelope(from: u64, term: Term, message: Message) -> crate::raft::Envelope {
        crate::raft::Envelope { from: NodeId(from), to: NodeId(1), to_storage: StorageId(0), term, message }
    }

    /// R6, R72, R80: neither the network nor a disk can bring a configuration that elects without a majority.
    #[test]
    fn a_configuration_that_cannot_be_one_is_not_taken() {
        let breaks: [fn(&mut Config); 8] = [
            |config| config.voters.clear(),
            |config| config.voters.reverse(),
            |config| config.voters.push(NodeId(3)),
            |config| config.learners.push(NodeId(2)),
            |config| config.next_learners.push(NodeId(3)),
            |config| drop(config.members.pop()),
            |config| config.next_id = NodeId(3),
            |config| {
                config.voters.insert(0, NodeId(0));
                config.members.insert(0, Member { id: NodeId(0), ..config.members[0].clone() });
            },
        ];
        let sound = Config::clone(leader(3).config());
        assert_eq!(sound.soundness(), Ok(()));
        for (number, break_it) in breaks.into_iter().enumerate() {
            let mut config = sound.clone();
            break_it(&mut config);
            let mut entries = Shape::empty(Index(2));
            entries.push(Term(4), 100, Some(Arc::new(config.clone())));
            let mut core = node(3, &[], HardState { term: Term(4), vote: None }, Options::default());
            let (prev, commit, generation) = (LogId::new(1, 1), Index(1), 1);
            let sent = hear(
                &mut core,
                2,
                Term(4),
                Message::Append(Append { prev, entries, commit, generation, news_only: false }),
            );
            assert_eq!((sent.len(), core.last()), (0, prev), "break {number}");

            let mut log = Shape::empty(Index(1));
            log.push(Term(1), 100, Some(Arc::new(config)));
            let hard_state = HardState { term: Term(1), vote: None };
            let setup = Setup {
                id: NodeId(1),
                storage: StorageId(1),
                options: Options::default(),
                seed: 1,
                rules: Rules::sound(),
            };
            let booted = Core::boot(setup, Recovered { hard_state, log, commit_hint: Index(1), snapshot: None }, NOW);
            assert!(matches!(booted, Err(BootFault::UnsoundConfig { at: Index(1), .. })), "break {number}");
        }
    }

    /// R77: told until its answer shows that it knows, or until two election timeouts after the commit have passed.
    #[test]
    fn a_removed_peer_is_tracked_until_it_knows_or_has_had_its_time() {
        let timeout = Options::default().election_timeout;
        let removed = || {
            let mut core = leader(3);
            let at = core.change(NOW, Change::Remove { id: NodeId(3) }, None).expect("it may").index;
            drain(&mut core);
            (core, at)
        };
        let tracks = |core: &Core| core.peers().any(|peer| peer.id == NodeId(3) && peer.is_leaving);
        let beat = |core: &Core, commit| {
            let generation = life_of(core, 3);
            Message::HeartbeatReply(HeartbeatReply { read_seq: 0, generation, last: commit, commit })
        };

        let (mut core, at) = removed();
        let mut effects = Effects::default();
        core.take_effects(NOW + 10 * timeout, &mut effects);
        assert!(tracks(&core), "the removal is not committed yet");
        ack(&mut core, 2, at);
        let told = beat(&core, at.prev());
        hear(&mut core, 3, Term(3), told);
        core.take_effects(Time((NOW + 2 * timeout).0 - 1), &mut effects);
        assert!(tracks(&core), "it does not know yet");
        core.take_effects(NOW + 2 * timeout, &mut effects);
        assert!(!tracks(&core), "it has had its time");

        let (mut core, at) = removed();
        ack(&mut core, 2, at);
        let told = beat(&core, at);
        hear(&mut core, 3, Term(3), told);
        assert!(!tracks(&core), "it knows");
        assert_eq!(core.fault(), None);
    }

    /// R76: between the commit of its removal and the next drain, and while it hands over, a leader takes nothing.
    #[test]
    fn a_leader_that_is_voted_out_takes_nothing_more() {
        for change in [Change::Remove { id: NodeId(1) }, Change::Demote { id: NodeId(1) }] {
            let mut core = leader(3);
            let at = core.change(NOW, change, None).expect("it may").index;
            drain(&mut core);
            assert!(core.propose(NOW, &[1]).is_ok(), "it leads until that is committed");
            for from in [2, 3] {
                let (generation, outcome) = (life_of(&core, from), AppendOutcome::Ack { index: at });
                let reply = AppendReply { generation, outcome };
                core.receive(NOW, envelope(from, Term(3), Message::AppendReply(reply)));
            }
            assert_eq!((core.role(), core.commit()), (Role::Leader, at));
            assert_eq!(core.propose(NOW, &[1]), Err(Refusal::NotLeader { leader: None }));
            let not_leader = ChangeRefusal::NotLeader { leader: None };
            assert_eq!(core.change(NOW, newcomer(4), None), Err(not_leader));
            core.take_effects(NOW, &mut Effects::default());
            assert_eq!(core.propose(NOW, &[1]), Err(Refusal::Transferring { to: NodeId(2) }));
            let rest = core.last().index;
            let (generation, outcome) = (life_of(&core, 2), AppendOutcome::Ack { index: rest });
            core.receive(NOW, envelope(2, Term(3), Message::AppendReply(AppendReply { generation, outcome })));
            drain(&mut core);
            assert_eq!((core.role(), core.term()), (Role::Follower, Term(3)));
        }
    }

    /// R77: however fast members come and go, only so many who are gone are told.
    #[test]
    fn only_so_many_removed_peers_are_told() {
        let mut core = leader(1);
        drain(&mut core);
        for id in (2..).take(GOODBYES_MAX + 5) {
            core.change(NOW, newcomer(id), None).expect("it may");
            drain(&mut core);
            core.change(NOW, Change::Remove { id: NodeId(id) }, None).expect("it may");
            drain(&mut core);
        }
        let told: Vec<u64> = core.peers().filter(|peer| peer.is_leaving).map(|peer| peer.id.0).collect();
        assert_eq!(told, (7..).take(GOODBYES_MAX).collect::<Vec<_>>(), "the newest");
    }

    /// R79: a node with an empty log is passive, votes, and takes everything from the leader.
    #[test]
    fn an_empty_node_waits_for_a_leader() {
        let setup =
            Setup { id: NodeId(4), storage: StorageId(4), options: Options::default(), seed: 4, rules: Rules::sound() };
        let found = Recovered {
            hard_state: HardState::default(),
            log: Shape::empty(Index(1)),
            commit_hint: Index(0),
            snapshot: None,
        };
        let mut core = Core::boot(setup, found, NOW).expect("an empty log is no contradiction");
        assert_eq!((core.next_deadline(), core.config_id()), (None, LogId::ZERO));
        core.campaign(NOW);
        core.tick(NOW + core::time::Duration::from_secs(100));
        assert_eq!((core.role(), core.term()), (Role::Follower, Term(0)));
        let beat = Message::Heartbeat(Heartbeat { commit: Index(9), read_seq: 1, generation: 1, orders_void: 0 });
        core.receive(NOW, crate::raft::Envelope { to: NodeId(4), ..envelope(2, Term(3), beat) });
        assert_eq!((core.leader(), core.commit()), (Some(NodeId(2)), Index(0)));
    }
}
