//! Facts of the core as tables: each row is one fact, named by its rule.
//!
//! Every log here begins with the configuration as entry `1@1`, as every real log does, so the indexes lie one above
//! those of a table that begins with an empty log. What several nodes do together is shown by scripts, not here.

use ::core::time::Duration;
use std::sync::Arc;

use super::log::Log;
use super::message::{
    Append, AppendOutcome, AppendReply, Heartbeat, HeartbeatReply, ReadIndex, ReadIndexReply, TimeoutNow, Vote,
    VoteRefusal, VoteReply,
};
use super::progress::Progress;
use super::quorum::{Tally, reached, tally};
use super::read_index::LeaderReads;
use super::replication::Leading;
use super::*;

pub(super) const NOW: Time = Time::from_millis(10_000);
const LENGTH_BYTES: u32 = 100;

/// Node 1 of `voters`, whose log is `1@1` and one entry of each of `terms`.
pub(super) fn node(voters: u64, terms: &[u64], hard_state: HardState, options: Options) -> Core {
    let setup = Setup { id: NodeId(1), storage: StorageId(1), options, seed: 1, rules: Rules::sound() };
    let found = Recovered { hard_state, snapshot: None, log: shape(voters, terms), commit_hint: Index(1) };
    Core::boot(setup, found, NOW).expect("what was found fits together")
}

fn shape(voters: u64, terms: &[u64]) -> Shape {
    let member =
        |id| Member { id: NodeId(id), name: format!("n{id}"), address: String::new(), storage: StorageId(id.into()) };
    let config = Arc::new(Config::of((1..=voters).map(member).collect(), Vec::new()));
    let mut log = Shape::empty(Index(1));
    log.push(Term(1), LENGTH_BYTES, Some(config));
    terms.iter().for_each(|term| log.push(Term(*term), LENGTH_BYTES, None));
    log
}

fn follower(terms: &[u64], term: u64) -> Core {
    node(3, terms, HardState { term: Term(term), vote: None }, Options::default())
}

/// Persists what is due until nothing is, and gives what may leave.
pub(super) fn drain(core: &mut Core) -> Vec<Envelope> {
    let (mut effects, mut sent) = (Effects::default(), Vec::new());
    loop {
        core.take_effects(NOW, &mut effects);
        sent.append(&mut effects.send);
        match effects.write.take() {
            Some(write) => core.persisted(NOW, write.seq),
            None => return sent,
        }
    }
}

fn deliver(core: &mut Core, from: u64, term: Term, message: Message) {
    core.receive(NOW, Envelope { from: NodeId(from), to: NodeId(1), to_storage: StorageId(0), term, message });
}

pub(super) fn hear(core: &mut Core, from: u64, term: Term, message: Message) -> Vec<Envelope> {
    deliver(core, from, term, message);
    drain(core)
}

pub(super) fn append(prev: LogId, terms: &[u64], commit: u64) -> Message {
    let mut entries = Shape::empty(prev.index.next());
    terms.iter().for_each(|term| entries.push(Term(*term), LENGTH_BYTES, None));
    Message::Append(Append { prev, entries, commit: Index(commit), generation: 4, news_only: false })
}

fn outcome(sent: &[Envelope]) -> AppendOutcome {
    match sent {
        [Envelope { message: Message::AppendReply(reply), .. }] => reply.outcome,
        _ => panic!("an append is answered once, not with {sent:?}"),
    }
}

pub(super) fn ack(core: &mut Core, from: u64, index: Index) -> Vec<Envelope> {
    let term = core.term();
    let generation = life_of(core, from);
    hear(core, from, term, Message::AppendReply(AppendReply { generation, outcome: AppendOutcome::Ack { index } }))
}

/// The life of tracking that node 1, as leader, is in with a peer.
pub(super) fn life_of(core: &Core, peer: u64) -> u32 {
    core.peers().find(|status| status.id == NodeId(peer)).map_or(0, |status| status.generation)
}

/// The nonce of the campaign that these messages belong to; zero when there is none.
fn nonce(sent: &[Envelope]) -> u64 {
    let asked = sent
        .iter()
        .filter_map(|envelope| if let Message::Vote(vote) = &envelope.message { Some(vote.nonce) } else { None });
    asked.max().unwrap_or(0)
}

fn ballot(core: &mut Core, from: u64, nonce: u64, granted: bool) -> Vec<Envelope> {
    let pre = core.role() == Role::PreCandidate;
    let asked = if pre { core.term().next() } else { core.term() };
    let refused = (!granted).then_some(VoteRefusal::LogBehind { mine: LogId::new(9, 1) });
    let term = core.term();
    hear(core, from, term, Message::VoteReply(VoteReply { pre, asked, nonce, refused }))
}

/// Node 1, brought into `role` by what brings real nodes there, and the nonce of its campaign.
pub(super) fn in_role(role: Role, voters: u64, options: Options) -> (Core, u64) {
    let mut core = node(voters, &[], HardState { term: Term(2), vote: None }, options);
    if role == Role::Follower {
        return (core, 0);
    }
    core.campaign(NOW);
    let mut nonce = nonce(&drain(&mut core));
    while core.role() != role {
        let sent = (2..=voters / 2 + 1).flat_map(|from| ballot(&mut core, from, nonce, true)).collect::<Vec<_>>();
        nonce = self::nonce(&sent);
    }
    (core, nonce)
}

const ROLES: [Role; 4] = [Role::Follower, Role::PreCandidate, Role::Candidate, Role::Leader];

/// P003, R18.
#[test]
fn one_round_of_votes_is_won_lost_or_open() {
    let rows: [(u64, &[bool], Role); 9] = [
        (1, &[], Role::Leader),
        (3, &[true], Role::Leader),
        (3, &[false, false], Role::Follower),
        (3, &[], Role::Candidate),
        (5, &[true, true], Role::Leader),
        (5, &[true], Role::Candidate),
        (5, &[false, false], Role::Candidate),
        (5, &[], Role::Candidate),
        (5, &[true, false, false, false], Role::Follower),
    ];
    for (voters, answers, role) in rows {
        let options = Options { pre_vote: false, ..Options::default() };
        let mut core = node(voters, &[], HardState { term: Term(1), vote: None }, options);
        core.campaign(NOW);
        let nonce = nonce(&drain(&mut core));
        for (from, granted) in (2..).zip(answers) {
            ballot(&mut core, from, nonce, *granted);
        }
        assert_eq!((core.role(), core.term()), (role, Term(2)), "{voters} voters, {answers:?}");
    }
}

/// P004, R16.
#[test]
fn one_vote_is_given_in_a_term_and_given_again_to_the_same() {
    let rows = [
        (None, 2, true),
        (None, 3, true),
        (Some(2), 2, true),
        (Some(3), 3, true),
        (Some(2), 3, false),
        (Some(3), 2, false),
    ];
    for (vote, asker, granted) in rows {
        let mut core = node(3, &[], HardState { term: Term(1), vote: vote.map(NodeId) }, Options::default());
        let ask = Vote { pre: false, asked: Term(1), last: LogId::new(1, 1), force: false, nonce: 5 };
        let sent = hear(&mut core, asker, Term(1), Message::Vote(ask));
        let refused = (!granted).then(|| VoteRefusal::AlreadyVoted { to: NodeId(vote.expect("it voted")) });
        let reply = VoteReply { pre: false, asked: Term(1), nonce: 5, refused };
        assert_eq!(sent.iter().map(|sent| &sent.message).collect::<Vec<_>>(), [&Message::VoteReply(reply)]);
        assert_eq!(core.vote(), Some(NodeId(vote.unwrap_or(asker))));
    }
}

/// P006, R12: with a timeout of ten nanoseconds, the ten possible lengths are all drawn, and no other.
#[test]
fn election_timeouts_fill_their_range_and_never_leave_it() {
    let options = Options { election_timeout: Duration::from_nanos(10), ..Options::default() };
    let mut core = node(3, &[], HardState { term: Term(1), vote: None }, options);
    let mut drawn = [0; 20];
    for _ in 0..500 {
        core.restart_timer(NOW);
        let due = core.next_deadline().expect("a follower waits for its timeout");
        drawn[usize::try_from(due.0 - NOW.0).expect("timeouts are short here")] += 1;
    }
    assert_eq!(drawn[..10], [0; 10]);
    assert!(drawn[10..].iter().all(|count| *count > 0), "{drawn:?}");
}

/// P007, R12.
#[test]
fn nodes_seldom_time_out_together() {
    let mut nodes: Vec<Core> = (1..=5)
        .map(|seed| {
            let options = Options { election_timeout: Duration::from_nanos(10), ..Options::default() };
            let mut core = node(5, &[], HardState { term: Term(1), vote: None }, options);
            core.dice = seed;
            core
        })
        .collect();
    let mut conflicts = 0;
    for _ in 0..1_000 {
        let drawn: Vec<Duration> = nodes.iter_mut().map(Core::draw_timeout).collect();
        let first = drawn.iter().min().expect("there are nodes");
        conflicts += usize::from(drawn.iter().filter(|timeout| *timeout == first).count() > 1);
    }
    assert!(conflicts <= 300, "{conflicts} of 1000");
}

/// P009, R16, §5.4.1.
#[test]
fn votes_go_to_logs_that_are_as_up_to_date() {
    let rows: [(&[u64], LogId, bool); 11] = [
        (&[1], LogId::new(2, 1), true),
        (&[1], LogId::new(3, 1), true),
        (&[1, 1], LogId::new(2, 1), false),
        (&[1], LogId::new(2, 2), true),
        (&[1], LogId::new(3, 2), true),
        (&[1, 1], LogId::new(2, 2), true),
        (&[2], LogId::new(2, 1), false),
        (&[2], LogId::new(3, 1), false),
        (&[2, 2], LogId::new(2, 1), false),
        (&[2, 2], LogId::new(3, 2), true),
        (&[2, 2], LogId::new(2, 2), false),
    ];
    for (terms, last, granted) in rows {
        for pre in [false, true] {
            let mut core = follower(terms, 2);
            let ask = Vote { pre, asked: Term(3), last, force: false, nonce: 0 };
            let sent = hear(&mut core, 2, Term(2), Message::Vote(ask));
            let refused = (!granted).then(|| VoteRefusal::LogBehind { mine: core.last() });
            let reply = Message::VoteReply(VoteReply { pre, asked: Term(3), nonce: 0, refused });
            assert_eq!(sent.iter().map(|sent| &sent.message).collect::<Vec<_>>(), [&reply], "{terms:?} {last}");
        }
    }
}

/// P041, R32.
#[test]
fn an_append_is_checked_extended_and_committed_as_far_as_it_proves() {
    type Row = (LogId, &'static [u64], u64, bool, u64, u64);
    let rows: [Row; 8] = [
        (LogId::new(3, 3), &[], 4, false, 3, 1),
        (LogId::new(4, 3), &[], 4, false, 3, 1),
        (LogId::new(2, 1), &[], 2, true, 3, 2),
        (LogId::new(1, 1), &[2], 1, true, 2, 1),
        (LogId::new(3, 2), &[2, 2], 4, true, 5, 4),
        (LogId::new(3, 2), &[2], 5, true, 4, 4),
        (LogId::new(2, 1), &[2], 5, true, 3, 3),
        (LogId::new(2, 1), &[], 4, true, 3, 2),
    ];
    for (prev, entries, told, accepted, last, commit) in rows {
        let mut core = follower(&[1, 2], 4);
        let sent = hear(&mut core, 2, Term(4), append(prev, entries, told));
        let end = Index(prev.index.0 + entries.len() as u64);
        let row = format!("prev {prev}, entries {entries:?}, commit {told}");
        assert_eq!(outcome(&sent) == AppendOutcome::Ack { index: end }, accepted, "{row}");
        assert_eq!(
            (core.last().index, core.commit(), core.durable()),
            (Index(last), Index(commit), Index(last)),
            "{row}"
        );
    }
}

/// P042, R32.
#[test]
fn only_what_differs_is_truncated() {
    type Row = (LogId, &'static [u64], &'static [u64], Option<(u64, u64)>);
    let rows: [Row; 4] = [
        (LogId::new(3, 2), &[3], &[1, 2, 3], Some((4, 4))),
        (LogId::new(2, 1), &[3, 4], &[1, 3, 4], Some((3, 4))),
        (LogId::new(1, 1), &[1], &[1, 2], None),
        (LogId::new(1, 1), &[3], &[3], Some((2, 2))),
    ];
    for (prev, entries, log, written) in rows {
        let mut core = follower(&[1, 2], 4);
        deliver(&mut core, 2, Term(4), append(prev, entries, 1));
        let mut effects = Effects::default();
        core.take_effects(NOW, &mut effects);
        let appended = effects.write.and_then(|write| write.append);
        assert_eq!(appended, written.map(|(first, last)| (Index(first), Index(last))), "prev {prev} {entries:?}");
        let terms: Vec<u64> =
            (2..=core.last().index.0).filter_map(|index| core.term_at(Index(index))).map(|term| term.0).collect();
        assert_eq!(terms, log, "prev {prev} {entries:?}");
    }
}

/// P043, R32, R34.
#[test]
fn a_refusal_names_where_the_logs_may_still_agree() {
    let reject = |rejected: u64, hint| AppendOutcome::Reject { rejected: Index(rejected), hint };
    let rows = [
        (LogId::new(3, 1), reject(3, LogId::new(2, 1))),
        (LogId::new(4, 3), reject(4, LogId::new(3, 2))),
        (LogId::new(1, 1), AppendOutcome::Ack { index: Index(2) }),
        (LogId::new(2, 1), AppendOutcome::Ack { index: Index(2) }),
        (LogId::new(3, 2), AppendOutcome::Ack { index: Index(3) }),
    ];
    for (prev, expected) in rows {
        let mut core = follower(&[1, 2], 4);
        hear(&mut core, 2, Term(4), append(LogId::new(2, 1), &[], 2));
        assert_eq!(core.commit(), Index(2));
        assert_eq!(outcome(&hear(&mut core, 2, Term(4), append(prev, &[], 2))), expected, "prev {prev}");
    }
}

/// Commit news is answered only by who disagrees.
#[test]
fn who_agrees_with_commit_news_is_silent() {
    let news = |prev: LogId, terms: &[u64]| match append(prev, terms, 3) {
        Message::Append(append) => Message::Append(Append { news_only: true, ..append }),
        _ => unreachable!("an append was asked for"),
    };
    let mut core = follower(&[1, 2], 4);
    assert_eq!(hear(&mut core, 2, Term(4), news(LogId::new(3, 2), &[])), []);
    assert_eq!(core.commit(), Index(3), "it is taken all the same");
    let refused = outcome(&hear(&mut core, 2, Term(4), news(LogId::new(4, 3), &[])));
    assert_eq!(refused, AppendOutcome::Reject { rejected: Index(4), hint: LogId::new(3, 2) });
    assert_eq!(hear(&mut core, 2, Term(4), news(LogId::new(3, 2), &[4])), [], "a forgery");
    assert_eq!(core.last(), LogId::new(3, 2), "who brings entries must want an answer");
}

/// P045, R34, R35: the follower's hint, and where the leader goes on with it.
#[test]
fn one_refusal_skips_whole_terms() {
    let rows: [(&[u64], &[u64], LogId, LogId); 6] = [
        (&[1, 2, 2, 4, 4, 4, 4], &[1, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3], LogId::new(8, 3), LogId::new(4, 2)),
        (&[1, 2, 2, 3, 4, 4, 4, 5], &[1, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3], LogId::new(9, 3), LogId::new(5, 3)),
        (&[1, 1, 1, 1], &[1, 2, 2, 4], LogId::new(2, 1), LogId::new(2, 1)),
        (&[1, 1, 1, 4, 5], &[1, 1, 1, 4], LogId::new(5, 4), LogId::new(5, 4)),
        (&[2, 5, 5, 5, 5, 5, 5, 5, 5], &[2, 4, 4, 4, 4, 4], LogId::new(7, 4), LogId::new(2, 2)),
        (&[2, 2, 2, 2, 2], &[2, 4, 4, 4, 4, 4, 4, 4], LogId::new(2, 2), LogId::new(2, 2)),
    ];
    for (leader, follower_terms, hint, next) in rows {
        let leader_log = Log::found(&shape(3, leader), None).unwrap();
        let mut core = follower(follower_terms, 6);
        let sent = hear(&mut core, 2, Term(6), append(leader_log.last(), &[], 1));
        assert_eq!(outcome(&sent), AppendOutcome::Reject { rejected: leader_log.last().index, hint }, "{leader:?}");
        assert_eq!(leader_log.last_not_above(hint.index, hint.term), next, "{leader:?}");
    }
}

/// P057, R40.
#[test]
fn a_heartbeat_commits_what_is_proven_and_never_goes_back() {
    for (proven, told, commit) in [(true, 4, 4), (true, 2, 3), (true, 9, 4), (false, 4, 1)] {
        let mut core = follower(&[1, 2, 3], 4);
        if proven {
            hear(&mut core, 2, Term(4), append(LogId::new(4, 3), &[], 3));
        }
        let beat = Heartbeat { commit: Index(told), read_seq: 0, generation: 4, orders_void: 0 };
        let sent = hear(&mut core, 2, Term(4), Message::Heartbeat(beat));
        let reply = HeartbeatReply { read_seq: 0, generation: 4, last: Index(4), commit: Index(commit) };
        assert_eq!(core.commit(), Index(commit));
        assert_eq!(sent.iter().map(|sent| &sent.message).collect::<Vec<_>>(), [&Message::HeartbeatReply(reply)]);
    }
}

/// P065, R31, R38: the no-op is the probe, then 9 small, 6 large and 6 small entries go out as the window allows.
#[test]
fn the_window_bounds_messages_and_bytes() {
    let limits =
        Options { max_inflight_messages: 3, max_append_bytes: 2_048, max_inflight_bytes: 9_000, ..Options::default() };
    let (mut core, _) = in_role(Role::Leader, 2, limits);
    let lengths = [vec![1_000; 9], vec![5_000; 6], vec![1_000; 6]].concat();
    core.propose(NOW, &lengths).expect("there is room");
    assert_eq!(drain(&mut core), [], "one append at a time while probing");
    let mut acked = Index(2);
    let rounds: [&[u64]; 6] = [&[2, 2, 2], &[2, 1, 1], &[1, 1], &[1, 1], &[1, 2, 2], &[2]];
    for expected in rounds {
        let sent = ack(&mut core, 2, acked);
        let appends = sent
            .iter()
            .filter_map(|sent| if let Message::Append(append) = &sent.message { Some(append) } else { None });
        let batches: Vec<u64> = appends.map(|append| append.entries.len()).collect();
        assert_eq!(batches, expected, "after {acked}");
        acked = acked + batches.iter().sum::<u64>();
    }
    assert_eq!(acked, core.last().index);
}

/// P071, R47.
#[test]
fn an_entry_commits_when_a_quorum_holds_it() {
    let rows: [(u64, &[u64], bool); 6] =
        [(3, &[], false), (3, &[2], true), (3, &[2, 3], true), (5, &[2], false), (5, &[2, 3], true), (1, &[], true)];
    for (voters, acks, committed) in rows {
        let (mut core, _) = in_role(Role::Leader, voters, Options::default());
        let noop = core.last().index;
        for from in acks {
            ack(&mut core, *from, noop);
        }
        assert_eq!(core.commit() == noop, committed, "{voters} voters, {acks:?}");
    }
}

/// P072, R47, §5.4.2.
#[test]
fn only_entries_of_the_own_term_commit_by_counting() {
    let rows: [(&[u64], &[u64], u64, u64); 7] = [
        (&[], &[1], 1, 2),
        (&[2, 2], &[1, 2], 1, 2),
        (&[2, 2], &[1, 1], 2, 1),
        (&[2, 3], &[1, 2], 2, 3),
        (&[2, 2, 3], &[1, 2], 1, 2),
        (&[2, 3, 3], &[1, 2], 2, 3),
        (&[2, 3, 3], &[1, 1], 2, 1),
    ];
    for (matches, log, term, commit) in rows {
        let mut core = node(matches.len() as u64 + 1, log, HardState { term: Term(2), vote: None }, Options::default());
        core.term = Term(term);
        core.role = Role::Leader;
        let mut peers: Vec<Progress> =
            (2..).zip(matches).map(|(id, _)| Progress::new(NodeId(id), 1, Index(3), NOW)).collect();
        for (peer, matched) in peers.iter_mut().zip(matches) {
            peer.matched = Index(*matched);
        }
        let reads = LeaderReads::default();
        core.leading = Some(Leading {
            peers,
            noop: Index(1),
            heartbeat_due: NOW,
            commit_beat: Index(0),
            reads,
            transfer: None,
            orders: 0,
            orders_void: 0,
            lease: <_>::default(),
            bowing_out: false,
        });
        core.advance_commit();
        assert_eq!(core.commit(), Index(commit), "{matches:?} {log:?} in term {term}");
    }
}

/// P080, R53.
#[test]
fn an_acknowledgement_waits_for_the_disk_and_the_leader_commits_without_its_own() {
    let mut effects = Effects::default();
    let mut core = follower(&[], 4);
    deliver(&mut core, 2, Term(4), append(LogId::new(1, 1), &[4], 1));
    core.take_effects(NOW, &mut effects);
    assert_eq!(effects.send, []);
    core.persisted(NOW, effects.write.take().expect("an entry is to be written").seq);
    assert_eq!(outcome(&drain(&mut core)), AppendOutcome::Ack { index: Index(2) });

    let (mut leader, _) = in_role(Role::Leader, 3, Options::default());
    let entry = leader.propose(NOW, &[LENGTH_BYTES]).expect("it leads").index;
    leader.take_effects(NOW, &mut effects);
    let write = effects.write.take().expect("an entry is to be written");
    for from in [2, 3] {
        let generation = life_of(&leader, from);
        let reply = AppendReply { generation, outcome: AppendOutcome::Ack { index: entry } };
        deliver(&mut leader, from, Term(3), Message::AppendReply(reply));
    }
    leader.take_effects(NOW, &mut effects);
    assert_eq!((leader.commit(), effects.apply_to), (entry, Some(entry.prev())), "committed, but not on this disk");
    leader.persisted(NOW, write.seq);
    leader.take_effects(NOW, &mut effects);
    assert_eq!(effects.apply_to, Some(entry));
}

/// R55: the completion of a write vouches for nothing that a later write is about to replace.
#[test]
fn an_old_completion_does_not_vouch_for_entries_that_are_overwritten() {
    let mut core = follower(&[], 2);
    let mut effects = Effects::default();
    let mut writes = Vec::new();
    for (term, entries) in [(2, &[2, 2, 2][..]), (3, &[3]), (4, &[2, 2, 4])] {
        deliver(&mut core, 2, Term(term), append(LogId::new(1, 1), entries, 1));
        core.take_effects(NOW, &mut effects);
        assert_eq!((core.durable(), effects.send.as_slice()), (Index(1), &[][..]));
        writes.push(effects.write.take().expect("each append changes the log").seq);
    }
    let rows = [(Index(1), Term(2), Index(4)), (Index(1), Term(3), Index(2)), (Index(4), Term(4), Index(4))];
    for (seq, (durable, term, index)) in writes.into_iter().zip(rows) {
        core.persisted(NOW, seq);
        core.take_effects(NOW, &mut effects);
        assert_eq!(core.durable(), durable, "after write {seq}");
        assert_eq!(outcome(&effects.send), AppendOutcome::Ack { index });
        assert_eq!(effects.send[0].term, term, "what was promised to an old leader stays addressed to its term");
    }
}

/// P092, R80: against an oracle that tries every value, for every pair of voter sets among four nodes.
#[test]
fn quorums_agree_with_counting_by_hand() {
    let ids = |mask: u64| (1..=5).filter(|id| mask >> (id - 1) & 1 == 1).map(NodeId).collect::<Vec<_>>();
    let digit = |number: u64, id: NodeId| number / 3u64.pow(u32::try_from(id.0 - 1).expect("few nodes")) % 3;
    for (incoming, outgoing) in (1..32).flat_map(|a| (0..32).map(move |b| (a, b))) {
        let config = Config { voters: ids(incoming), outgoing: ids(outgoing), ..Config::default() };
        let halves: Vec<&Vec<NodeId>> =
            [&config.voters, &config.outgoing].into_iter().filter(|half| !half.is_empty()).collect();
        for number in 0..243 {
            let most = |counts: &dyn Fn(NodeId) -> bool| {
                halves.iter().all(|half| 2 * half.iter().filter(|id| counts(**id)).count() > half.len())
            };
            let expected = (0..3).filter(|value| most(&|id| digit(number, id) >= *value)).max();
            assert_eq!(Some(reached(&config, |id| digit(number, id))), expected, "{config} {number}");
            let expected = match (most(&|id| digit(number, id) == 1), most(&|id| digit(number, id) != 0)) {
                (true, _) => Tally::Won,
                (false, true) => Tally::Open,
                (false, false) => Tally::Lost,
            };
            let ballot = |id| [Some(false), Some(true), None][usize::try_from(digit(number, id)).expect("0 to 2")];
            assert_eq!(tally(&config, ballot), expected, "{config} {number}");
        }
    }
    let many = Config { voters: (1..=11).map(NodeId).collect(), ..Config::default() };
    assert_eq!(reached(&many, |id| id.0 * 7 % 11), 5, "more voters than are counted without an allocation");
}

/// R104.
#[test]
fn an_order_to_campaign_is_heeded_only_while_it_is_good() {
    type Names = fn(&Core) -> LogId;
    let last = |core: &Core| core.last();
    let more = |core: &Core| LogId { index: core.last().index.next(), term: core.last().term };
    let rows: [(&str, u64, Names, u32, u32, Role); 6] = [
        ("good", 2, last, 1, 0, Role::Candidate),
        ("the second, when the first is void", 2, last, 2, 1, Role::Candidate),
        ("void", 2, last, 1, 1, Role::Follower),
        ("void long since", 2, last, 1, 4, Role::Follower),
        ("of another node than the leader", 3, last, 1, 0, Role::Follower),
        ("for a longer log", 2, more, 1, 0, Role::Follower),
    ];
    for (what, from, names, order, void, expected) in rows {
        let mut core = follower(&[2], 2);
        let (term, end) = (core.term(), core.last());
        let beat = Heartbeat { commit: Index(0), read_seq: 0, generation: 4, orders_void: void };
        deliver(&mut core, 2, term, Message::Heartbeat(beat));
        let order = TimeoutNow { last: names(&core), order };
        deliver(&mut core, from, term, Message::TimeoutNow(order));
        assert_eq!((core.role(), core.last()), (expected, end), "{what}");
    }
}

/// R11.
#[test]
fn roles_change_only_as_they_may() {
    use Role::{Candidate, Follower, Leader, PreCandidate};
    type Input = fn(&mut Core, u64);
    let rows: [(&str, Input, [Role; 4]); 6] = [
        ("campaign", |core, _| core.campaign(NOW), [PreCandidate, PreCandidate, PreCandidate, Leader]),
        (
            "timeout",
            |core, _| core.tick(NOW + 2 * core.options.election_timeout),
            [PreCandidate, PreCandidate, PreCandidate, Follower],
        ),
        ("grant", |core, nonce| drop(ballot(core, 2, nonce, true)), [Follower, Candidate, Leader, Leader]),
        (
            "timeout now",
            |core, _| {
                let (term, last) = (core.term(), core.last());
                deliver(core, 2, term, Message::TimeoutNow(TimeoutNow { last, order: 1 }));
            },
            [Candidate, PreCandidate, Candidate, Leader],
        ),
        (
            "append",
            |core, _| {
                let (term, last) = (core.term(), core.last());
                deliver(core, 2, term, append(last, &[], 1));
            },
            [Follower, Follower, Follower, Leader],
        ),
        (
            "higher term",
            |core, _| {
                let term = core.term().next();
                deliver(core, 2, term, Message::ReadIndex(ReadIndex { request: 1 }));
            },
            [Follower; 4],
        ),
    ];
    for (input, feed, expected) in rows {
        for (role, expected) in ROLES.into_iter().zip(expected) {
            let (mut core, nonce) = in_role(role, 3, Options::default());
            feed(&mut core, nonce);
            assert_eq!(core.role(), expected, "{input} as {role}");
            let claims_this_term = input == "append" && role == Leader;
            assert_eq!(core.fault().is_some(), claims_this_term, "{input} as {role}");
        }
    }
}

fn every_message(term: Term, last: LogId, generation: u32) -> Vec<Message> {
    let mut all = Vec::new();
    for (pre, force) in [(false, false), (false, true), (true, false), (true, true)] {
        let asked = if pre { term.next() } else { term };
        all.push(Message::Vote(Vote { pre, asked, last, force, nonce: 1 }));
        all.push(Message::VoteReply(VoteReply {
            pre,
            asked,
            nonce: 1,
            refused: force.then_some(VoteRefusal::StaleTerm),
        }));
    }
    for outcome in
        [AppendOutcome::Ack { index: last.index }, AppendOutcome::Reject { rejected: last.index, hint: LogId::ZERO }]
    {
        all.push(Message::AppendReply(AppendReply { generation, outcome }));
    }
    all.push(append(last, &[last.term.0], 9));
    all.push(append(LogId::new(9, 1), &[], 9));
    all.push(Message::Heartbeat(Heartbeat { commit: Index(9), read_seq: 1, generation, orders_void: 1 }));
    all.push(Message::HeartbeatReply(HeartbeatReply { read_seq: 1, generation, last: Index(9), commit: Index(9) }));
    all.push(Message::TimeoutNow(TimeoutNow { last, order: 1 }));
    all.push(Message::ReadIndex(ReadIndex { request: 1 }));
    all.push(Message::ReadIndexReply(ReadIndexReply { request: 1, index: Some(Index(1)) }));
    all.push(Message::ReadIndexReply(ReadIndexReply { request: 1, index: None }));
    all
}

/// R6, R23: whatever comes, in whatever term and role, the node survives it and its term never falls.
#[test]
fn no_message_panics_or_lowers_the_term() {
    for role in ROLES {
        let (before, _) = in_role(role, 3, Options::default());
        let own = before.term();
        for term in [Term(own.0 - 1), own, own.next()] {
            for message in every_message(term, before.last(), life_of(&before, 2)) {
                let mut core = before.clone();
                hear(&mut core, 2, term, message.clone());
                let row = format!("{message} in term {term} as {role} of term {own}");
                let view = |core: &Core| (core.term(), core.vote(), core.role(), core.last(), core.commit());
                assert!(core.term() >= own, "{row}");
                if term < own {
                    assert_eq!(view(&core), view(&before), "{row}");
                }
                if term > own && !matches!(message, Message::Vote(_) | Message::VoteReply(_)) {
                    assert!(core.term() >= term && core.role() != Role::Leader, "{row}");
                }
                let from_leader = matches!(message, Message::Append(_) | Message::Heartbeat(_));
                assert_eq!(core.fault().is_some(), term == own && role == Role::Leader && from_leader, "{row}");
            }
        }
    }
}

/// R8, R15, R18: a ballot belongs to one campaign and is cast once.
#[test]
fn the_first_answer_to_this_campaign_is_the_one_that_counts() {
    let rows: [(&[(u64, bool)], Role); 5] = [
        (&[(0, true)], Role::Leader),
        (&[(1, true)], Role::Candidate),
        (&[(1, false), (0, true)], Role::Leader),
        (&[(0, false), (0, true)], Role::Candidate),
        (&[(1, true), (0, false), (1, true)], Role::Candidate),
    ];
    for (answers, role) in rows {
        let (mut core, nonce) = in_role(Role::Candidate, 3, Options::default());
        for (off, granted) in answers {
            ballot(&mut core, 2, nonce.wrapping_add(*off), *granted);
        }
        assert_eq!(core.role(), role, "{answers:?}");
    }
}

/// R20, P038: stickiness protects the leader from others, not from itself.
#[test]
fn only_the_leader_itself_may_ask_for_votes_while_it_is_remembered() {
    for (asker, granted) in [(2, true), (3, false)] {
        for pre in [true, false] {
            let mut core = follower(&[], 2);
            hear(&mut core, 2, Term(2), append(LogId::new(1, 1), &[], 1));
            let (asked, term) = (Term(3), if pre { Term(2) } else { Term(3) });
            let ask = Vote { pre, asked, last: core.last(), force: false, nonce: 1 };
            let sent = hear(&mut core, asker, term, Message::Vote(ask));
            let refused = (!granted).then_some(VoteRefusal::LeaderAlive { leader: NodeId(2) });
            let reply = Message::VoteReply(VoteReply { pre, asked, nonce: 1, refused });
            assert_eq!(sent.iter().map(|sent| &sent.message).collect::<Vec<_>>(), [&reply], "{asker} pre {pre}");
        }
    }
}

/// R59: a hung disk costs a leader its office, unless nobody else could lead; then it must not keep the node awake.
#[test]
fn a_hung_disk_wakes_only_a_leader_that_could_be_replaced() {
    for (voters, role) in [(1, Role::Leader), (3, Role::Follower)] {
        let (mut core, _) = in_role(Role::Leader, voters, Options::default());
        core.propose(NOW, &[LENGTH_BYTES]).expect("it leads");
        core.take_effects(NOW, &mut Effects::default());
        let late = NOW + core.options.election_timeout;
        core.tick(late);
        assert_eq!(core.role(), role, "{voters} voters");
        assert!(
            core.next_deadline().is_none_or(|due| due > late),
            "{voters} voters: nothing is left to do at {late:?}"
        );
    }
}

/// R94: only a round that has begun can be confirmed.
#[test]
fn a_confirmation_from_the_future_confirms_nothing() {
    let (mut core, _) = in_role(Role::Leader, 3, Options::default());
    let noop = core.last().index;
    ack(&mut core, 2, noop);
    let (term, generation) = (core.term(), life_of(&core, 2));
    let beat = |read_seq| Message::HeartbeatReply(HeartbeatReply { read_seq, generation, last: noop, commit: noop });
    hear(&mut core, 2, term, beat(7));
    core.read(NOW, 1).expect("it leads");
    let mut effects = Effects::default();
    core.take_effects(NOW, &mut effects);
    assert_eq!(effects.reads, []);
    deliver(&mut core, 2, term, beat(1));
    core.take_effects(NOW, &mut effects);
    assert_eq!(effects.reads, [ReadOutcome::Ready { ticket: 1, index: noop }]);
}

/// R103: a target that cannot be reached does not keep the leader from serving.
#[test]
fn a_transfer_ends_when_its_target_is_unreachable() {
    for (gone, transferring) in [(2, false), (3, true)] {
        let (mut core, _) = in_role(Role::Leader, 3, Options::default());
        core.transfer(NOW, Some(NodeId(2))).expect("it is a voter");
        core.unreachable(NOW, NodeId(gone));
        assert_eq!(core.is_transferring(), transferring, "without {gone}");
        assert_eq!(core.propose(NOW, &[LENGTH_BYTES]).is_err(), transferring, "without {gone}");
    }
}

/// R6: an append whose parts do not fit together is dropped before anything looks at it.
#[test]
fn an_append_that_contradicts_itself_changes_nothing() {
    let config = Arc::new(Config::default());
    let broken: [fn(&mut Shape, Arc<Config>); 6] = [
        |entries, _| entries.terms.push((Term(2), 1)),
        |entries, _| entries.terms.push((Term(2), 0)),
        |entries, _| entries.lengths.truncate(1),
        |entries, config| entries.configs.push((Index(9), config)),
        |entries, config| entries.configs.extend([(Index(3), config.clone()), (Index(2), config)]),
        |entries, _| entries.first = Index(5),
    ];
    for (row, spoil) in broken.into_iter().enumerate() {
        let mut core = follower(&[], 2);
        let Message::Append(mut message) = append(LogId::new(1, 1), &[2, 2], 1) else { unreachable!("it is one") };
        spoil(&mut message.entries, config.clone());
        assert_eq!(hear(&mut core, 2, Term(2), Message::Append(message)), [], "row {row}");
        assert_eq!((core.last(), core.leader(), core.fault()), (LogId::new(1, 1), None, None), "row {row}");
    }
}

/// R33: a leader that has another entry where one is committed stops the follower instead of being argued with.
#[test]
fn a_base_that_contradicts_what_is_committed_is_fatal() {
    for (prev, fatal) in [(LogId::new(2, 3), true), (LogId::new(3, 3), false)] {
        let mut core = follower(&[2, 2], 4);
        hear(&mut core, 2, Term(4), append(LogId::new(2, 2), &[], 2));
        deliver(&mut core, 2, Term(4), append(prev, &[], 2));
        assert_eq!(core.fault().is_some(), fatal, "{prev}");
    }
}

/// R20: silence is only a guess that the leader is gone; who knows it campaigns soon, and does not stand in the way.
#[test]
fn who_knows_that_its_leader_is_gone_asks_soon_and_promises_others() {
    let heartbeat = || Message::Heartbeat(Heartbeat { commit: Index(1), read_seq: 0, generation: 4, orders_void: 0 });
    let ask = Vote { pre: true, asked: Term(3), last: LogId::new(1, 1), force: false, nonce: 5 };
    let answer_to_three = |core: &mut Core| match hear(core, 3, Term(2), Message::Vote(ask.clone())).first() {
        Some(Envelope { message: Message::VoteReply(reply), .. }) => reply.refused,
        other => panic!("a pre-vote is answered, not with {other:?}"),
    };
    let alive = Some(VoteRefusal::LeaderAlive { leader: NodeId(2) });
    for (gone, lease_reads, refusal) in [(None, false, &alive), (Some(3), false, &alive), (Some(2), true, &alive)] {
        let options = Options { lease_reads, ..Options::default() };
        let mut core = node(3, &[], HardState { term: Term(2), vote: None }, options);
        hear(&mut core, 2, Term(2), heartbeat());
        let due = core.next_deadline();
        if let Some(gone) = gone {
            core.peer_gone(NOW, NodeId(gone));
        }
        assert_eq!(core.next_deadline(), due, "it waits as before when {gone:?} is gone");
        assert_eq!(&answer_to_three(&mut core), refusal);
    }
    let mut core = follower(&[], 2);
    hear(&mut core, 2, Term(2), heartbeat());
    core.peer_gone(NOW, NodeId(2));
    let due = core.next_deadline().expect("it will campaign").since(NOW);
    assert!(due < Options::default().election_timeout / 8, "in {due:?}");
    assert_eq!(answer_to_three(&mut core), None, "another may be first");
    core.tick(NOW + due);
    let mut effects = Effects::default();
    core.take_effects(NOW + due, &mut effects);
    let because = event::CampaignCause::LeaderGone;
    assert!(effects.events.contains(&event::Event::BecamePreCandidate { term: Term(2), because }), "{effects:?}");
    let mut core = follower(&[], 2);
    hear(&mut core, 2, Term(2), heartbeat());
    core.peer_gone(NOW, NodeId(2));
    hear(&mut core, 2, Term(2), heartbeat());
    assert_eq!(answer_to_three(&mut core), alive, "it was not true, or the process came back");
}
