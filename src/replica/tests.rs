//! What a replica promises, shown on a few of them in one thread: every write answered once, every node the same
//! bytes, old records from files, nothing grown without bound, and a stop where going on would be wrong.

use bytes::Bytes;
use core::time::Duration;

use super::testing::{CLIENT, ELECTION_TIMEOUT, World, content, encoded};
use super::{BootError, Found, Input, Limits, Replica, Setup};
use crate::api::{Answer, Ask, Consistency, Hint, KEY_SIZE_MAX, Query, Refused};
use crate::codec::{Kind, PeerMessage, RecordHeader, Settings, append_record};
use crate::raft::event::Event;
use crate::raft::message::{Append, Heartbeat};
use crate::raft::{ClusterId, Envelope, Fault, Index, LogId, Message, NodeId, Rules, Shape, StorageId, Term, Time};
use crate::state_machine::{Command, Current, Expect, Operation, Outcome};

const LINEARIZABLE: Consistency = Consistency::Linearizable;
const SECOND: Duration = Duration::from_secs(1);

fn written(revision: u64, term: u64) -> Option<Answer> {
    Some(Answer::Written { revision: Index(revision), term: Term(term), outcome: Outcome::Written })
}

fn refused(because: Refused) -> Option<Answer> {
    Some(Answer::Refused(because))
}

fn other_than(leader: u64) -> u64 {
    leader % 3 + 1
}

#[test]
fn writes_are_answered_with_their_revision_and_stored_equally_everywhere() {
    let (mut world, leader) = World::led();
    let term = world.replica(leader).core().term().0;
    let requests: Vec<u64> = (0..10).map(|number| world.put(leader, &format!("k{number}"), "v")).collect();
    assert!(requests.iter().all(|request| world.answer(leader, *request).is_none()), "not before they are committed");
    world.settle();
    for (revision, request) in (3..).zip(&requests) {
        assert_eq!(world.answer(leader, *request), written(revision, term));
    }
    world.pass(SECOND);
    world.assert_all_equal();
    assert_eq!(world.node(1).disk.records.len(), 12);
    assert_eq!(content(world.replica(2)).len(), 10);
}

#[test]
fn outcomes_of_conditions_and_rejections_come_from_the_log() {
    let (mut world, leader) = World::led();
    world.put(leader, "k", "v");
    let cas = Operation::Cas { expect: Expect::Absent, value: b"w".to_vec() };
    let cas = world.ask(leader, Ask::Write(encoded(&Command { key: b"k".to_vec(), operation: cas })));
    let incr = Command { key: b"k".to_vec(), operation: Operation::Incr { by: 1 } };
    let incr = world.ask(leader, Ask::Write(encoded(&incr)));
    world.settle();
    let outcome = |answer: Option<Answer>| match answer {
        Some(Answer::Written { revision, outcome, .. }) => (revision.0, outcome),
        other => panic!("an outcome was expected, not {other:?}"),
    };
    let current = Some(Current { value: b"v".to_vec(), revision: 3, version: 1 });
    assert_eq!(outcome(world.answer(leader, cas)), (4, Outcome::ConditionFailed { current }));
    let because = crate::state_machine::Rejection::NotANumber;
    assert_eq!(outcome(world.answer(leader, incr)), (5, Outcome::Rejected { because }));
}

#[test]
fn every_node_serves_linearizable_reads() {
    let (mut world, leader) = World::led();
    world.put(leader, "k", "v");
    world.settle();
    for id in 1..=3 {
        let request = world.get(id, "k", LINEARIZABLE, 0);
        assert_eq!(world.answer(id, request), None, "a round must confirm it first");
        world.settle();
        assert_eq!(world.value(id, request).as_deref(), Some("v"), "at node {id}");
    }
}

#[test]
fn a_cut_off_leader_answers_no_linearizable_read_and_stale_ones_at_once() {
    let (mut world, leader) = World::led();
    world.put(leader, "k", "old");
    world.settle();
    world.cut_off(leader);
    let stuck = world.get(leader, "k", LINEARIZABLE, 0);
    let stale = world.get(leader, "k", Consistency::Stale, 0);
    world.settle();
    assert_eq!(world.answer(leader, stuck), None);
    assert_eq!(world.value(leader, stale).as_deref(), Some("old"));
    world.pass(SECOND);
    assert!(matches!(world.answer(leader, stuck), Some(Answer::Refused(Refused::NotLeader { .. }))));
}

#[test]
fn an_index_given_before_a_restart_answers_no_read_after_it() {
    let (mut world, leader) = World::led();
    let follower = other_than(leader);
    world.get(follower, "k", LINEARIZABLE, 0);
    let is_reply = |message: &PeerMessage| matches!(message.envelope.message, Message::ReadIndexReply(_));
    let late = loop {
        for id in 1..=3 {
            world.turn(id);
        }
        if let Some(at) = world.network.iter().position(is_reply) {
            break world.network.remove(at).expect("it was just found");
        }
        while let Some(message) = world.network.pop_front() {
            world.deliver(message);
        }
    };
    world.kill(follower);
    world.start(follower);
    world.pass(Duration::from_millis(200));
    world.put(leader, "k", "v");
    world.settle();
    let read = world.get(follower, "k", LINEARIZABLE, 0);
    world.turn(follower);
    world.deliver(late);
    world.turn(follower);
    assert_eq!(world.answer(follower, read), None);
    world.settle();
    assert_eq!(world.value(follower, read).as_deref(), Some("v"));
}

#[test]
fn a_read_with_a_revision_waits_until_it_is_applied() {
    let (mut world, leader) = World::led();
    let follower = other_than(leader);
    let stale = world.get(follower, "k", Consistency::Stale, 3);
    let linearizable = world.get(follower, "k", LINEARIZABLE, 3);
    world.settle();
    assert_eq!((world.answer(follower, stale), world.answer(follower, linearizable)), (None, None));
    world.put(leader, "k", "v");
    world.settle();
    world.pass(SECOND);
    assert_eq!(world.value(follower, stale).as_deref(), Some("v"));
    assert_eq!(world.value(follower, linearizable).as_deref(), Some("v"));
}

#[test]
fn a_read_that_waits_too_long_is_refused() {
    let (mut world, leader) = World::led();
    let request = world.get(leader, "k", Consistency::Stale, 1_000);
    world.pass(Limits::default().read_wait_max - SECOND);
    assert_eq!(world.answer(leader, request), None);
    world.pass(2 * SECOND);
    assert!(matches!(world.answer(leader, request), Some(Answer::Refused(Refused::Unavailable { .. }))));
}

#[test]
fn a_scan_pages_through_the_map() {
    let (mut world, leader) = World::led();
    for key in ["a1", "a2", "a3", "b"] {
        world.put(leader, key, "v");
    }
    world.settle();
    let scan = |after: Option<&str>| Query::Scan {
        prefix: b"a".to_vec(),
        after: after.map(|key| key.as_bytes().to_vec()),
        limit: 2,
        keys_only: true,
    };
    let mut pages = Vec::new();
    for after in [None, Some("a2")] {
        let ask = Ask::Read { query: scan(after), consistency: LINEARIZABLE, at_least: Index(0) };
        let request = world.ask(leader, ask);
        world.settle();
        let Some(Answer::Items { items, more, at }) = world.answer(leader, request) else { panic!("items expected") };
        let keys: Vec<String> = items.into_iter().map(|item| String::from_utf8(item.key).unwrap()).collect();
        pages.push((keys, more, at.0));
    }
    assert_eq!(pages, [(vec!["a1".to_owned(), "a2".to_owned()], true, 6), (vec!["a3".to_owned()], false, 6)]);
}

#[test]
fn a_follower_refuses_writes_and_names_the_leader() {
    let (mut world, leader) = World::led();
    let follower = other_than(leader);
    let request = world.put(follower, "k", "v");
    world.settle();
    let hint =
        Hint { id: NodeId(leader), name: format!("n{leader}"), address: format!("127.0.0.1:{}", 7_000 + leader) };
    assert_eq!(world.answer(follower, request), refused(Refused::NotLeader { leader: Some(hint) }));
}

#[test]
fn what_cannot_be_stored_is_refused_before_the_log() {
    let (mut world, leader) = World::led();
    let last = world.replica(leader).core().last();
    let long = Command { key: vec![b'k'; KEY_SIZE_MAX + 1], operation: Operation::Delete };
    let long = world.ask(leader, Ask::Write(encoded(&long)));
    let limit = Settings::default().max_value_size;
    let large = Operation::Put { value: vec![0; limit as usize + 1] };
    let large = world.ask(leader, Ask::Write(encoded(&Command { key: Vec::new(), operation: large })));
    let expected = Operation::Cas { expect: Expect::Value(vec![0; limit as usize + 1]), value: Vec::new() };
    let expected = world.ask(leader, Ask::Write(encoded(&Command { key: Vec::new(), operation: expected })));
    let garbage = world.ask(leader, Ask::Write(Bytes::from_static(b"\xff\xff")));
    let fits = Operation::Put { value: vec![0; limit as usize] };
    let fits = world.ask(leader, Ask::Write(encoded(&Command { key: vec![0; KEY_SIZE_MAX], operation: fits })));
    world.settle();
    let key_limit = KEY_SIZE_MAX as u64;
    let too_large = refused(Refused::ValueTooLarge { size_bytes: limit + 1, limit_bytes: limit });
    let too_long = refused(Refused::KeyTooLarge { size_bytes: key_limit + 1, limit_bytes: key_limit });
    assert_eq!(world.answer(leader, long), too_long);
    assert_eq!(world.answer(leader, large), too_large);
    assert_eq!(world.answer(leader, expected), too_large);
    assert!(matches!(world.answer(leader, garbage), Some(Answer::Refused(Refused::Invalid { .. }))));
    assert_eq!(world.answer(leader, fits), written(last.index.0 + 1, last.term.0));
}

#[test]
fn a_deposed_leader_does_not_know_what_becomes_of_its_writes() {
    let (mut world, old) = World::led();
    world.put(old, "k", "before");
    world.settle();
    world.cut_off(old);
    let lost = world.put(old, "k", "lost");
    world.settle();
    assert_eq!(world.answer(old, lost), None);
    world.pass(2 * SECOND);
    assert_eq!(world.answer(old, lost), refused(Refused::Unknown));
    let new = world.elect();
    assert_ne!(new, old);
    let kept = world.put(new, "k", "kept");
    world.settle();
    assert!(matches!(world.answer(new, kept), Some(Answer::Written { .. })));
    world.heal();
    world.pass(SECOND);
    world.assert_all_equal();
    assert_eq!(world.answer(old, lost), refused(Refused::Unknown), "it is not answered again");
    let read = world.get(old, "k", LINEARIZABLE, 0);
    world.settle();
    assert_eq!(world.value(old, read).as_deref(), Some("kept"));
}

#[test]
fn a_write_that_another_leader_replaced_is_unknown_even_if_all_that_is_heard_at_once() {
    let (mut world, leader) = World::led();
    let (last, check) = end_of_log(&mut world, leader);
    world.cut_off(leader);
    let replaced = world.put(leader, "k", "v");
    world.settle();
    let usurper = other_than(leader);
    // One message brings the higher term, the other entry in the write's place, and the news that it is committed.
    let message = append_of(usurper, leader, last.term.next(), last, check, Kind::Noop, last.index.next());
    world.step(leader, Input::Peer(message));
    world.settle();
    assert_eq!(world.node(leader).fault, None);
    assert_eq!(world.answer(leader, replaced), refused(Refused::Unknown));
    assert_eq!(world.replica(leader).map().applied(), last.index.0 + 1);
}

#[test]
fn a_committed_write_is_answered_though_leadership_was_lost_before_it_was_applied() {
    let (mut world, leader) = World::led();
    world.node(leader).is_disk_slow = true;
    let request = world.put(leader, "k", "v");
    world.settle();
    assert!(world.replica(leader).core().commit() > world.replica(leader).core().durable(), "the others hold it (R48)");
    assert_eq!(world.answer(leader, request), None, "not applied before it is durable here");
    world.pass(SECOND);
    assert!(!world.replica(leader).is_leader(), "its disk does not answer (R59)");
    assert_eq!(world.answer(leader, request), None);
    world.node(leader).is_disk_slow = false;
    world.settle();
    assert!(matches!(world.answer(leader, request), Some(Answer::Written { .. })));
}

#[test]
fn a_peer_that_is_far_behind_is_fed_from_log_files_in_order() {
    let mut world = World::of(3, Limits { tail_bytes_max: 1_000, append_bytes_max: 300, ..Limits::default() });
    let leader = world.elect();
    let behind = other_than(leader);
    world.cut_off(behind);
    for number in 0..200 {
        world.put(leader, &format!("k{number}"), "some value");
        world.settle();
    }
    assert_eq!(world.node(leader).fetches, 0);
    assert!(world.node(leader).disk.records.len() == 202 && world.node(behind).disk.records.len() == 2);
    world.heal();
    world.node(leader).events.clear();
    world.pass(SECOND);
    world.assert_all_equal();
    assert!(world.node(leader).fetches > 10, "many small reads");
    let fell_back = |event: &&Event| matches!(event, Event::PeerState { from: "replicate", .. });
    let times = world.node(leader).events.iter().filter(fell_back).count();
    assert_eq!(times, 1, "what was lost was missed once, and then nothing arrived out of order");
    let first_bulk = world.bulk_messages;
    assert!(first_bulk > 10);
    world.put(leader, "k", "live");
    world.settle();
    assert_eq!(world.bulk_messages, first_bulk, "a peer that has caught up is back on the consensus connection");
    world.pass(SECOND);
    world.assert_all_equal();
}

/// A world with a leader, and a peer that lacks 50 entries, most of which are not in the leader's memory any more.
fn with_a_peer_behind() -> (World, u64, u64) {
    let mut world = World::of(3, Limits { tail_bytes_max: 1_000, append_bytes_max: 300, ..Limits::default() });
    let leader = world.elect();
    let behind = other_than(leader);
    world.cut_off(behind);
    for number in 0..50 {
        world.put(leader, &format!("k{number}"), "some value");
        world.settle();
    }
    (world, leader, behind)
}

/// The entries of appends to `to` that are on the network: the last index, and whether they go in bulk.
fn appends_to(world: &World, to: u64) -> Vec<(Index, bool)> {
    let entries = |message: &PeerMessage| match &message.envelope.message {
        Message::Append(append) if message.envelope.to == NodeId(to) && !append.entries.is_empty() => {
            Some((append.entries.last(), message.bulk))
        }
        _ => None,
    };
    world.network.iter().filter_map(entries).collect()
}

#[test]
fn what_follows_bulk_entries_goes_in_bulk_until_they_are_acknowledged() {
    let (mut world, leader, behind) = with_a_peer_behind();
    world.heal();
    world.node(leader).is_reader_slow = true;
    world.pass(Duration::from_millis(100));
    world.node(leader).is_reader_slow = false;
    // Deliver until the leader streams everything that was missing, and then nothing more.
    while appends_to(&world, behind).last().is_none_or(|(last, _)| *last < Index(52)) {
        while let Some(message) = world.network.pop_front() {
            world.deliver(message);
        }
        for id in 1..=3 {
            world.turn(id);
        }
    }
    world.put(leader, "k", "new");
    world.turn(leader);
    let sent = appends_to(&world, behind);
    assert_eq!(sent.last(), Some(&(Index(53), true)), "it must not overtake what is still on the way in bulk");
    world.settle();
    world.put(leader, "k", "newer");
    world.turn(leader);
    assert_eq!(appends_to(&world, behind), [(Index(54), false)]);
}

#[test]
fn records_of_another_term_than_the_core_named_are_never_sent() {
    let (mut world, leader, behind) = with_a_peer_behind();
    let record = world.node(leader).disk.records[9].clone();
    let header = RecordHeader::read(&record, Index(0)).unwrap();
    let mut other = bytes::BytesMut::new();
    let id = LogId { term: header.id.term.next(), ..header.id };
    append_record(&mut other, header.link, header.kind, id, 0, |out| out.extend_from_slice(&record[40..]));
    world.node(leader).disk.records[9] = other.freeze();
    world.heal();
    world.pass(SECOND);
    let reached = world.node(behind).disk.records.len();
    assert!((2..10).contains(&reached), "{reached} entries");
}

#[test]
fn records_read_for_a_reign_that_has_ended_are_not_sent() {
    let (mut world, leader, behind) = with_a_peer_behind();
    world.heal();
    world.node(leader).is_reader_slow = true;
    world.pass(Duration::from_millis(100));
    assert!(world.node(leader).fetches > 0);
    let (last, _) = end_of_log(&mut world, leader);
    let beat = Heartbeat { commit: Index(0), read_seq: 0, generation: 1, orders_void: 0 };
    let (from, to, to_storage) = (NodeId(behind), NodeId(leader), StorageId(u128::from(leader)));
    let envelope = Envelope { from, to, to_storage, term: last.term.next(), message: Message::Heartbeat(beat) };
    world.step(leader, Input::Peer(PeerMessage { envelope, records: Vec::new(), bulk: false }));
    let now = world.now;
    world.node(leader).finish_fetches(now);
    world.turn(leader);
    assert!(!world.replica(leader).is_leader());
    assert_eq!((appends_to(&world, behind), world.bulk_messages), (Vec::new(), 0));
}

#[test]
fn a_peer_whose_records_cannot_be_read_is_probed_again() {
    let (mut world, leader, _) = with_a_peer_behind();
    world.node(leader).is_disk_unreadable = true;
    world.heal();
    world.pass(Duration::from_millis(100));
    assert!(world.node(leader).fetches > 0 && world.node(leader).fault.is_none());
    world.node(leader).is_disk_unreadable = false;
    world.pass(SECOND);
    world.assert_all_equal();
}

#[test]
fn a_log_that_cannot_be_read_again_and_again_stops_the_node() {
    let mut world = World::of(1, Limits::default());
    world.elect();
    world.put(1, "k", "v");
    world.settle();
    world.kill(1);
    world.node(1).is_disk_unreadable = true;
    world.start(1);
    world.settle();
    assert!(matches!(&world.node(1).fault, Some(Fault::Disk { what }) if what.contains("cannot be read")));
}

#[test]
fn after_a_restart_the_whole_log_is_applied_again_in_pages() {
    let page = Limits { apply_fetch_bytes_max: 500, apply_bytes_max: 300, apply_records_max: 3, ..Limits::default() };
    for tail_found_bytes in [0, 1_000, 1 << 20] {
        let mut world = World::of(3, page.clone());
        world.tail_found_bytes = tail_found_bytes;
        let leader = world.elect();
        for number in 0..100 {
            world.put(leader, &format!("k{}", number % 30), &number.to_string());
            world.settle();
        }
        world.pass(SECOND);
        let before = content(world.replica(leader));
        for id in 1..=3 {
            world.kill(id);
        }
        for id in 1..=3 {
            world.start(id);
        }
        assert!(content(world.replica(leader)).is_empty());
        world.elect();
        world.pass(SECOND);
        world.assert_all_equal();
        assert_eq!(content(world.replica(leader)), before);
        let fetches = world.node(leader).fetches;
        assert!(if tail_found_bytes > 100_000 { fetches == 0 } else { fetches > 5 }, "{fetches} reads");
    }
}

#[test]
fn a_replica_does_not_start_from_records_that_are_not_the_end_of_its_log() {
    let mut world = World::of(1, Limits::default());
    world.elect();
    world.put(1, "k", "v");
    world.settle();
    world.put(1, "k", "w");
    world.settle();
    let found = world.node(1).disk.found(Settings::default(), 1 << 20);
    let boot = |found: Found| {
        let (id, cluster, storage) = (NodeId(1), ClusterId(9), StorageId(1));
        let setup = Setup { id, cluster, storage, seed: 1, rules: Rules::sound(), limits: Limits::default(), found };
        Replica::boot(setup, Time(0)).map(drop)
    };
    assert!(boot(found.clone()).is_ok());
    let broken: [fn(&mut Found); 6] = [
        |found| drop(found.tail.pop()),
        |found| drop(found.tail.remove(1)),
        |found| found.tail.swap(1, 2),
        |found| found.last_check ^= 1,
        |found| found.tail[2] = found.tail[2].slice(..found.tail[2].len() - 1),
        |found| (found.tail, found.tail_first) = (found.tail[..0].to_vec(), found.tail_first),
    ];
    for (number, damage) in broken.iter().enumerate() {
        let mut found = found.clone();
        damage(&mut found);
        assert!(matches!(boot(found), Err(BootError::Tail(_))), "damage {number} went unnoticed");
    }
    let hint_beyond = Found { commit_hint: Index(99), ..found };
    assert!(matches!(boot(hint_beyond), Err(BootError::Core(_))));
}

#[test]
fn writes_that_were_never_durable_are_gone_after_a_crash_and_no_acknowledged_one_is() {
    let (mut world, leader) = World::led();
    let acknowledged = world.put(leader, "k", "durable");
    world.settle();
    assert!(matches!(world.answer(leader, acknowledged), Some(Answer::Written { .. })));
    for id in 1..=3 {
        world.node(id).is_disk_slow = true;
    }
    let open = world.put(leader, "k", "not durable");
    world.settle();
    assert_eq!(world.answer(leader, open), None);
    for id in 1..=3 {
        world.kill(id);
        world.node(id).is_disk_slow = false;
        world.start(id);
    }
    let leader = world.elect();
    let read = world.get(leader, "k", LINEARIZABLE, 0);
    world.settle();
    assert_eq!(world.value(leader, read).as_deref(), Some("durable"));
}

#[test]
fn a_changed_log_file_is_noticed_before_it_is_applied() {
    let mut world = World::of(1, Limits::default());
    world.elect();
    for number in 0..5 {
        world.put(1, "k", &number.to_string());
        world.settle();
    }
    world.kill(1);
    // A record that is valid in itself but was not there when its successor was written.
    let record = world.node(1).disk.records[3].clone();
    let header = RecordHeader::read(&record, Index(0)).unwrap();
    let mut forged = bytes::BytesMut::new();
    let put = encoded(&Command { key: b"k".to_vec(), operation: Operation::Put { value: b"forged".to_vec() } });
    append_record(&mut forged, header.link, Kind::Command, header.id, 0, |out| out.extend_from_slice(&put));
    world.node(1).disk.records[3] = forged.freeze();
    world.start(1);
    world.settle();
    assert!(matches!(&world.node(1).fault, Some(Fault::Disk { what }) if what.contains("chain")));
    assert!(content(world.replica(1)).is_empty());
}

#[test]
fn an_entry_of_a_newer_version_is_stored_but_stops_the_node_when_it_would_be_applied() {
    let (mut world, leader) = World::led();
    let follower = other_than(leader);
    let (last, check) = end_of_log(&mut world, follower);
    let term = world.replica(follower).core().term();
    let message = append_of(leader, follower, term, last, check, Kind::Unknown(20), last.index.next());
    world.step(follower, Input::Peer(message));
    world.turn(follower);
    world.turn(follower);
    assert_eq!(world.node(follower).disk.records.len() as u64, last.index.0 + 1);
    let fault = world.node(follower).fault.clone();
    assert!(matches!(&fault, Some(Fault::Invariant { what }) if what.contains("kind 20")), "{fault:?}");
    world.pass(SECOND);
    assert_eq!(world.node(follower).fault, fault, "and it is told once");
}

#[test]
fn a_record_that_does_not_continue_the_own_log_stops_the_node_before_it_is_written() {
    let (mut world, leader) = World::led();
    let follower = other_than(leader);
    let (last, check) = end_of_log(&mut world, follower);
    let term = world.replica(follower).core().term();
    let message = append_of(leader, follower, term, last, check ^ 1, Kind::Noop, last.index);
    world.step(follower, Input::Peer(message));
    world.turn(follower);
    assert!(matches!(&world.node(follower).fault, Some(Fault::Invariant { what }) if what.contains("I3")));
    assert_eq!(world.node(follower).disk.records.len() as u64, last.index.0);
    assert!(world.network.iter().all(|message| message.envelope.from != NodeId(follower)), "nothing is vouched for");
}

#[test]
fn an_append_whose_records_are_missing_is_dropped() {
    let (mut world, leader) = World::led();
    let follower = other_than(leader);
    let (last, check) = end_of_log(&mut world, follower);
    let term = world.replica(follower).core().term();
    let mut message = append_of(leader, follower, term, last, check, Kind::Noop, last.index);
    message.records.clear();
    world.step(follower, Input::Peer(message));
    world.turn(follower);
    assert_eq!(world.replica(follower).core().last(), last);
    assert!(world.node(follower).events.iter().any(|event| matches!(event, Event::MessageDropped { .. })));
}

#[test]
fn a_failed_disk_stops_the_node_and_its_clients_hear_of_it() {
    let (mut world, leader) = World::led();
    world.node(leader).is_disk_slow = true;
    let write = world.put(leader, "k", "v");
    let read = world.get(leader, "k", Consistency::Stale, 1_000);
    world.turn(leader);
    world.step(leader, Input::PersistFailed("no space left on device".to_owned()));
    world.turn(leader);
    assert!(matches!(&world.node(leader).fault, Some(Fault::Disk { .. })));
    assert_eq!(world.answer(leader, write), refused(Refused::Unknown));
    assert!(matches!(world.answer(leader, read), Some(Answer::Refused(Refused::Unavailable { .. }))));
    assert_eq!(world.replica(leader).next_deadline(), None);
    assert!(world.replica(leader).may_stop());
}

#[test]
fn a_node_whose_disk_is_nearly_full_takes_nothing_new_and_stays_in_touch() {
    let (mut world, leader) = World::led();
    let before = world.put(leader, "k", "v");
    world.settle();
    assert!(matches!(world.answer(leader, before), Some(Answer::Written { .. })));
    let follower = leader % 3 + 1;
    world.step(follower, Input::DiskLow(true));
    let taken = world.put(leader, "k", "w");
    world.settle();
    assert!(matches!(world.answer(leader, taken), Some(Answer::Written { .. })), "the other two are a majority");
    let (held, term) = (world.replica(follower).core().last().index, world.replica(leader).core().term());
    world.pass(SECOND * 5);
    let core = world.replica(follower).core();
    assert_eq!((core.last().index, core.term()), (held, term), "it stores nothing and does not campaign");
    assert!(held < world.replica(leader).core().last().index);

    world.step(leader, Input::DiskLow(true));
    let (write, read) = (world.put(leader, "k", "x"), world.get(leader, "k", Consistency::Linearizable, 0));
    world.settle();
    assert_eq!(world.answer(leader, write), refused(Refused::DiskFull));
    assert_eq!(world.value(leader, read), Some("w".to_owned()), "reads go on");

    for id in [leader, follower] {
        world.step(id, Input::DiskLow(false));
    }
    let write = world.put(leader, "k", "y");
    world.pass(SECOND);
    assert!(matches!(world.answer(leader, write), Some(Answer::Written { .. })));
    world.assert_all_equal();
}

#[test]
fn reads_go_on_under_a_new_leader_though_no_disk_has_room() {
    let (mut world, first) = World::led();
    world.put(first, "k", "v");
    world.settle();
    for id in 1..=3 {
        world.step(id, Input::DiskLow(true));
    }
    world.kill(first);
    let leader = world.elect();
    assert_ne!(leader, first);
    let (write, read) = (world.put(leader, "k", "w"), world.get(leader, "k", Consistency::Linearizable, 0));
    world.pass(SECOND);
    assert_eq!(world.answer(leader, write), refused(Refused::DiskFull));
    assert_eq!(world.value(leader, read), Some("v".to_owned()), "the leader's first entry is stored and committed");
}

#[test]
fn waiting_writes_and_reads_are_bounded() {
    let mut world = World::of(3, Limits::tiny());
    let leader = world.elect();
    world.cut_off(leader);
    let writes: Vec<u64> = (0..6).map(|_| world.put(leader, "k", "v")).collect();
    let reads: Vec<u64> = (0..6).map(|_| world.get(leader, "k", Consistency::Stale, 99)).collect();
    world.settle();
    for requests in [writes, reads] {
        let answers: Vec<Option<Answer>> = requests.iter().map(|request| world.answer(leader, *request)).collect();
        assert_eq!(answers[..4], [None, None, None, None]);
        assert_eq!(answers[4..], [refused(Refused::Busy), refused(Refused::Busy)]);
    }
}

#[test]
fn of_a_batch_above_the_limit_of_uncommitted_bytes_a_part_is_taken() {
    let settings = Settings { max_pending_bytes: 1_000, ..Settings::default() };
    let mut world = World::with(3, Limits::default(), settings);
    let leader = world.elect();
    world.cut_off(leader);
    world.put(leader, "k", "v");
    world.settle();
    let requests: Vec<u64> = (0..40).map(|_| world.put(leader, "k", "v")).collect();
    world.settle();
    let busy = requests.iter().filter(|id| world.answer(leader, **id) == refused(Refused::Busy)).count();
    let uncommitted = world.replica(leader).core().last().index.0 - world.replica(leader).core().commit().0;
    assert_eq!(uncommitted - 1, 40 - busy as u64, "what is not refused is in the log");
    assert!((10..=20).contains(&(40 - busy)), "{busy} of 40 were refused");
}

#[test]
fn what_a_gone_client_wrote_is_still_written_and_answered_to_nobody() {
    let (mut world, leader) = World::led();
    let write = world.put(leader, "k", "v");
    world.turn(leader);
    let read = world.get(leader, "k", LINEARIZABLE, 0);
    world.step(leader, Input::ClientGone(CLIENT));
    world.settle();
    assert_eq!((world.answer(leader, write), world.answer(leader, read)), (None, None));
    let read = world.get(leader, "k", LINEARIZABLE, 0);
    world.settle();
    assert_eq!(world.value(leader, read).as_deref(), Some("v"));
}

#[test]
fn a_stopping_leader_answers_what_it_has_and_hands_over() {
    let (mut world, leader) = World::led();
    assert!(!world.replica(leader).may_stop());
    let taken = world.put(leader, "k", "v");
    world.step(leader, Input::HandOver);
    let late = world.put(leader, "k", "w");
    assert!(!world.replica(leader).may_stop());
    world.settle();
    assert!(matches!(world.answer(leader, late), Some(Answer::Refused(Refused::Unavailable { .. }))));
    world.pass(SECOND);
    assert!(world.replica(leader).may_stop() && !world.replica(leader).is_leader());
    assert!(world.answer(leader, taken).is_some());
    assert_ne!(world.elect(), leader);
}

#[test]
fn a_node_alone_may_stop_when_its_writes_are_answered() {
    let mut world = World::of(1, Limits::default());
    world.elect();
    world.node(1).is_disk_slow = true;
    let taken = world.put(1, "k", "v");
    world.turn(1);
    world.step(1, Input::HandOver);
    world.turn(1);
    assert!(!world.replica(1).may_stop(), "a write is open");
    world.node(1).is_disk_slow = false;
    world.settle();
    assert!(world.replica(1).may_stop());
    assert!(matches!(world.answer(1, taken), Some(Answer::Written { .. })));
}

#[test]
fn leadership_moves_when_a_client_asks() {
    let (mut world, leader) = World::led();
    let target = other_than(leader);
    let elsewhere = world.ask(target, Ask::Transfer { to: None });
    let asked = world.ask(leader, Ask::Transfer { to: Some(NodeId(target)) });
    let nonsense = world.ask(leader, Ask::Transfer { to: Some(NodeId(9)) });
    world.settle();
    assert!(matches!(world.answer(target, elsewhere), Some(Answer::Refused(Refused::NotLeader { leader: Some(_) }))));
    assert_eq!(world.answer(leader, asked), Some(Answer::Transferring { to: NodeId(target) }));
    assert!(matches!(world.answer(leader, nonsense), Some(Answer::Refused(Refused::Invalid { .. }))));
    assert_eq!(world.elect(), target);
}

#[test]
fn a_status_says_what_the_node_knows() {
    let (mut world, leader) = World::led();
    world.put(leader, "k", "v");
    world.settle();
    world.pass(SECOND);
    let request = world.ask(leader, Ask::Status);
    world.settle();
    let Some(Answer::Status(status)) = world.answer(leader, request) else { panic!("a status was expected") };
    assert_eq!((status.state.as_str(), status.leader), ("leader", Some(NodeId(leader))));
    assert_eq!((status.last, status.commit, status.applied, status.durable), (Index(3), Index(3), Index(3), Index(3)));
    assert!(status.quorum_contact);
    assert_eq!((status.name.clone(), status.config_index), (format!("n{leader}"), Index(1)));
    let matched: Vec<Option<Index>> = status.members.iter().map(|member| member.matched).collect();
    assert_eq!(matched, [Some(Index(3)); 3]);
    assert!(status.members.iter().all(|member| member.last_contact_ms.is_some_and(|age| age < 200)));
}

/// The last entry a node holds, and its check.
fn end_of_log(world: &mut World, id: u64) -> (LogId, u32) {
    let last = world.replica(id).core().last();
    let record = world.node(id).disk.records.last().expect("a log is never empty").clone();
    (last, RecordHeader::read(&record, Index(0)).unwrap().check)
}

/// An append of one entry, as a leader would send it.
fn append_of(from: u64, to: u64, term: Term, prev: LogId, link: u32, kind: Kind, commit: Index) -> PeerMessage {
    let mut record = bytes::BytesMut::new();
    append_record(&mut record, link, kind, LogId { term, index: prev.index.next() }, 0, |_| ());
    let mut entries = Shape::empty(prev.index.next());
    entries.push(term, record.len() as u32, None);
    let message = Message::Append(Append { prev, entries, commit, generation: 1, news_only: false });
    let to_storage = StorageId(u128::from(to));
    let envelope = Envelope { from: NodeId(from), to: NodeId(to), to_storage, term, message };
    PeerMessage { envelope, records: vec![record.freeze()], bulk: false }
}

/// R99: no message is needed while the lease lasts, and a leader that was cut off or asleep asks again.
#[test]
fn a_lease_answers_at_once_and_not_after_its_end() {
    let settings = Settings { election_timeout: ELECTION_TIMEOUT, lease_reads: true, ..Settings::default() };
    let mut world = World::with(3, Limits::default(), settings);
    let leader = world.elect();
    world.put(leader, "k", "v");
    world.pass(Duration::from_millis(100));
    let read = world.get(leader, "k", Consistency::Lease, 0);
    world.turn(leader);
    assert_eq!(world.value(leader, read).as_deref(), Some("v"), "in the turn it was asked");

    world.cut_off(leader);
    let asleep = world.get(leader, "k", Consistency::Lease, 0);
    world.now += ELECTION_TIMEOUT;
    world.turn(leader);
    assert_eq!(world.answer(leader, asleep), None, "it was asked before the process slept, and is judged after");
    let ahead = world.get(leader, "k", Consistency::Lease, 1_000);
    world.turn(leader);
    assert_eq!(world.answer(leader, ahead), None);

    let follower = if leader == 1 { 2 } else { 1 };
    world.heal();
    world.pass(Duration::from_millis(2_000));
    let read = world.get(follower, "k", Consistency::Lease, 0);
    world.settle();
    assert_eq!(world.value(follower, read).as_deref(), Some("v"), "a follower asks its leader");
}

#[test]
fn followers_that_know_the_leader_s_end_do_not_wait_for_its_silence() {
    let (mut world, leader) = World::led();
    world.put(leader, "k", "v");
    world.settle();
    world.kill(leader);
    for id in (1..=3).filter(|id| *id != leader) {
        world.step(id, Input::PeerGone(NodeId(leader)));
    }
    let began = world.now;
    let next = world.elect();
    assert!(
        next != leader && world.now.since(began) < Duration::from_millis(250),
        "after {:?}",
        world.now.since(began)
    );
}
