//! Snapshots of a whole replica: when one is taken, what goes on meanwhile, and that a peer that gets one, or a node
//! that starts from one, holds what everybody holds.

use core::time::Duration;

use bytes::Bytes;

use super::testing::{World, content};
use super::{Input, Limits, SnapshotJob};
use crate::api::{Answer, Ask, Consistency, Refused};
use crate::codec::{PeerMessage, Settings};
use crate::raft::event::Event;
use crate::raft::{Index, Message, NodeId};

const SECOND: Duration = Duration::from_secs(1);

/// A snapshot every ten entries, none of which is kept.
fn limits() -> Limits {
    Limits {
        snapshot_every_entries: 10,
        retain_entries: 0,
        retain_entries_max: 0,
        chunk_bytes_max: 64,
        tail_bytes_max: 200,
        ..Limits::default()
    }
}

/// A world of three with a leader, whose log ends at 2.
fn led(limits: Limits) -> (World, u64) {
    let mut world = World::with(3, limits, Settings { election_timeout: SECOND / 2, ..Settings::default() });
    let leader = world.elect();
    assert_eq!(world.replica(leader).core().last().index, Index(2));
    (world, leader)
}

fn other_than(leader: u64) -> u64 {
    leader % 3 + 1
}

fn write(world: &mut World, leader: u64, count: u64) {
    for number in 0..count {
        world.put(leader, &format!("k{}", number % 7), &format!("v{number}"));
        world.settle();
    }
}

fn snapshot_of(world: &mut World, id: u64) -> u64 {
    world.replica(id).core().snapshot().map_or(0, |snapshot| snapshot.last.index.0)
}

#[test]
fn a_snapshot_is_due_after_so_many_entries_or_bytes() {
    let (mut world, leader) = led(limits());
    // All of ten entries, ten sixteenths of them, thirteen sixteenths of them: never all nodes at once.
    for (id, due_at) in [(1, 7), (2, 9), (3, 10)] {
        let written = world.replica(leader).core().last().index.0;
        write(&mut world, leader, due_at - 1 - written);
        assert_eq!(snapshot_of(&mut world, id), 0, "n{id}");
        write(&mut world, leader, 1);
        assert_eq!((snapshot_of(&mut world, id), world.node(id).taken), (due_at, 1), "every node takes its own");
        assert_eq!(world.replica(id).core().first(), Index(due_at + 1));
    }
    let (mut world, leader) = led(Limits { snapshot_every_bytes: 1_000, snapshot_every_entries: 1_000, ..limits() });
    world.put(leader, "k", &"v".repeat(900));
    world.settle();
    assert_eq!(snapshot_of(&mut world, leader), 3);
}

#[test]
fn a_large_state_is_written_less_often_than_a_small_one() {
    let (mut world, leader) = led(limits());
    let taken = |world: &mut World| world.node(leader).taken;
    for number in 0..58 {
        world.put(leader, &format!("k{number}"), "v");
        world.settle();
    }
    // At entries 10, 20 (18 keys, and 10 entries pay for 20), 38 (36 keys and 18 entries), and then at 74.
    assert_eq!((world.replica(leader).core().commit(), taken(&mut world)), (Index(60), 3));
    assert_eq!(snapshot_of(&mut world, leader), 38);
}

#[test]
fn taking_holds_up_nothing_and_happens_once_at_a_time() {
    let (mut world, leader) = led(limits());
    world.node(leader).is_worker_slow = true;
    write(&mut world, leader, 30);
    let jobs: Vec<&SnapshotJob> = world.node(leader).jobs.iter().collect();
    assert!(matches!(jobs[..], [SnapshotJob::Take { meta, .. }] if meta.last.index == Index(10)), "{jobs:?}");
    let request = world.put(leader, "late", "v");
    world.settle();
    assert!(matches!(world.answer(leader, request), Some(Answer::Written { .. })), "writes go on");
    assert_eq!(world.replica(leader).core().first(), Index(1), "nothing is forgotten before the file is durable");
    let now = world.now;
    world.node(leader).finish_jobs(now, 1);
    world.turn(leader);
    assert_eq!(snapshot_of(&mut world, leader), 10, "the state is the one of when it was begun");
    world.settle();
    world.node(leader).is_worker_slow = false;
    world.turn(leader);
    world.settle();
    assert_eq!((snapshot_of(&mut world, leader), world.node(leader).taken), (33, 2), "what became due is remembered");
}

#[test]
fn a_wish_is_remembered_and_granted_once() {
    let (mut world, leader) = led(limits());
    write(&mut world, leader, 2);
    world.node(leader).is_worker_slow = true;
    world.step(leader, Input::TakeSnapshot);
    world.settle();
    write(&mut world, leader, 1);
    world.step(leader, Input::TakeSnapshot);
    world.settle();
    assert_eq!(world.node(leader).jobs.len(), 1);
    world.node(leader).is_worker_slow = false;
    world.settle();
    assert_eq!((snapshot_of(&mut world, leader), world.node(leader).taken), (5, 2));
    world.step(leader, Input::TakeSnapshot);
    world.settle();
    write(&mut world, leader, 1);
    assert_eq!(world.node(leader).taken, 2, "a wish for what the newest holds is none, now and later");
}

#[test]
fn a_snapshot_that_cannot_be_written_is_tried_when_as_much_has_come_again() {
    let (mut world, leader) = led(limits());
    world.node(leader).failing_job = Some(0);
    write(&mut world, leader, 17);
    assert_eq!((world.node(leader).taken, world.replica(leader).core().first()), (0, Index(1)));
    let failed = |event: &Event| matches!(event, Event::SnapshotFailed { .. });
    assert_eq!(world.node(leader).events.iter().filter(|event| failed(event)).count(), 1);
    write(&mut world, leader, 1);
    assert_eq!(snapshot_of(&mut world, leader), 20);
}

#[test]
fn a_client_hears_that_no_snapshot_could_be_written_and_may_ask_again() {
    let (mut world, leader) = led(Limits { snapshot_every_entries: 1_000, ..limits() });
    write(&mut world, leader, 5);
    world.node(leader).failing_job = Some(0);
    let at_least = world.replica(leader).core().commit();
    let first = world.ask(leader, Ask::Snapshot { at_least });
    world.settle();
    assert!(matches!(world.answer(leader, first), Some(Answer::Refused(Refused::Unavailable { .. }))));
    let second = world.ask(leader, Ask::Snapshot { at_least });
    world.settle();
    assert!(matches!(world.answer(leader, second), Some(Answer::Snapshot(id)) if id.last.index == at_least));
}

#[test]
fn a_client_gets_a_snapshot_that_reaches_so_far_and_its_parts() {
    let (mut world, leader) = led(Limits { snapshot_every_entries: 1_000, ..limits() });
    write(&mut world, leader, 5);
    let last = world.replica(leader).core().commit();
    let node = other_than(leader);
    let early = world.ask(node, Ask::Snapshot { at_least: last.next() });
    let asked = world.ask(node, Ask::Snapshot { at_least: last });
    world.settle();
    let Some(Answer::Snapshot(id)) = world.answer(node, asked) else { panic!("one was taken") };
    assert_eq!((id.last.index, world.node(node).taken), (last, 1));
    assert_eq!(world.answer(node, early), None, "so much is not applied yet");
    let again = world.ask(node, Ask::Snapshot { at_least: last });
    let part = world.ask(node, Ask::SnapshotPart { snapshot: id, offset: 3, length: 5 });
    let rest = world.ask(node, Ask::SnapshotPart { snapshot: id, offset: 8, length: u32::MAX });
    let behind = world.ask(node, Ask::SnapshotPart { snapshot: id, offset: id.size_bytes, length: 1 });
    world.settle();
    assert_eq!(world.answer(node, again), Some(Answer::Snapshot(id)));
    assert_eq!(world.node(node).taken, 1, "the one that is there is enough");
    let length = |answer| match answer {
        Some(Answer::SnapshotPart(bytes)) => bytes.len() as u64,
        other => panic!("a part was expected, not {other:?}"),
    };
    assert_eq!((length(world.answer(node, part)), length(world.answer(node, rest))), (5, id.size_bytes - 8));
    assert!(matches!(world.answer(node, behind), Some(Answer::Refused(Refused::Invalid { .. }))));

    write(&mut world, leader, 1);
    let Some(Answer::Snapshot(later)) = world.answer(node, early) else { panic!("it reaches so far now") };
    assert_eq!(later.last.index, last.next());
}

#[test]
fn a_peer_that_gets_a_snapshot_holds_what_everybody_holds() {
    let (mut world, leader) = led(limits());
    let behind = other_than(leader);
    write(&mut world, leader, 5);
    world.cut_off(behind);
    write(&mut world, leader, 30);
    let read = world.get(behind, "k3", Consistency::Stale, 37);
    world.heal();
    world.pass(2 * SECOND);
    assert_eq!((world.node(behind).installed, world.node(leader).installed), (1, 0));
    assert!(world.node(behind).disk.base >= 30);
    assert_eq!(world.value(behind, read).as_deref(), Some("v24"), "who waited for an index is answered");
    world.assert_all_equal();
    write(&mut world, leader, 3);
    world.assert_all_equal();
    // It starts from it, too, and can lead.
    world.kill(behind);
    world.start(behind);
    world.pass(SECOND);
    world.assert_all_equal();
    world.kill(leader);
    world.elect();
    world.pass(SECOND);
    world.assert_all_equal();
}

#[test]
fn what_a_node_applied_before_an_installation_is_not_in_its_own_snapshots() {
    let (mut world, leader) = led(limits());
    let behind = other_than(leader);
    write(&mut world, leader, 5);
    // It starts anew and cannot read its log: to its state machine nothing has happened, not even the first entry.
    world.kill(behind);
    world.cut_off(behind);
    world.node(behind).is_reader_slow = true;
    world.start(behind);
    write(&mut world, leader, 10);
    world.heal();
    world.pass(SECOND);
    assert_eq!((world.node(behind).installed, world.replica(behind).map().applied()), (1, 17));
    world.node(behind).is_reader_slow = false;
    write(&mut world, leader, 10);
    assert_ne!(world.node(behind).taken, 0, "of its own");
    for id in [behind, leader] {
        world.step(id, Input::TakeSnapshot);
    }
    world.settle();
    let own = world.replica(behind).core().snapshot().expect("it took one").clone();
    let other = world.replica(leader).core().snapshot().expect("it took one").clone();
    assert_eq!(own.last, other.last);
    assert_eq!((own.config, own.config_index, own.link), (other.config, other.config_index, other.link));
    assert_eq!(own.log_bytes, other.log_bytes);
    world.kill(behind);
    world.start(behind);
    world.pass(SECOND);
    world.assert_all_equal();
}

#[test]
fn every_start_between_two_writes_of_an_installation_ends_alike() {
    for writes in 0..=2 {
        let (mut world, leader) = led(limits());
        let behind = other_than(leader);
        world.cut_off(behind);
        write(&mut world, leader, 30);
        world.heal();
        world.node(behind).is_disk_slow = true;
        world.pass(SECOND);
        assert_eq!(world.node(behind).installed, 1, "the file is durable");
        world.kill_after_writes(behind, writes);
        world.start(behind);
        assert_eq!(snapshot_of(&mut world, behind), 30);
        assert_eq!(world.replica(behind).map().applied(), 30);
        world.node(behind).is_disk_slow = false;
        world.pass(SECOND);
        world.assert_all_equal();
    }
}

#[test]
fn a_log_that_is_compacted_while_it_is_read_for_a_peer_ends_in_a_snapshot() {
    let (mut world, leader) = led(Limits { snapshot_every_entries: 1_000, ..limits() });
    let behind = other_than(leader);
    world.cut_off(behind);
    write(&mut world, leader, 30);
    world.node(leader).is_reader_slow = true;
    world.heal();
    world.pass(SECOND / 4);
    let fetches = world.node(leader).fetches;
    assert!(fetches > 0, "entries are being read for the peer");
    world.step(leader, Input::TakeSnapshot);
    world.settle();
    write(&mut world, leader, 1);
    assert_eq!(world.node(leader).disk.base, 32, "what is being read is gone");
    world.node(leader).is_reader_slow = false;
    world.pass(2 * SECOND);
    assert_eq!(world.node(behind).installed, 1);
    world.assert_all_equal();
}

#[test]
fn failures_on_the_way_only_cost_time() {
    let mut failures = 0;
    for nth in 0..12 {
        for sends in [true, false] {
            let (mut world, leader) = led(limits());
            let behind = other_than(leader);
            world.cut_off(behind);
            write(&mut world, leader, 20);
            world.heal();
            world.node(if sends { leader } else { behind }).failing_job = Some(nth);
            world.pass(2 * SECOND);
            let is_failure = |event: &&Event| matches!(event, Event::SnapshotFailed { .. });
            failures += world.nodes.values().flat_map(|node| &node.events).filter(is_failure).count();
            assert_eq!(world.node(behind).installed, 1);
            world.assert_all_equal();
            assert_eq!(content(world.replica(behind)).len(), 7);
        }
    }
    assert!(failures > 8, "only {failures} failures in 24 worlds");
}

#[test]
fn a_chunk_that_is_not_what_it_says_is_dropped() {
    let (mut world, leader) = led(limits());
    let behind = other_than(leader);
    world.cut_off(behind);
    write(&mut world, leader, 20);
    world.heal();
    let mut chunk = None;
    for _ in 0..200 {
        world.now += Duration::from_millis(10);
        world.step(leader, Input::Tick);
        for id in 1..=3 {
            world.turn(id);
        }
        let messages: Vec<PeerMessage> = world.network.drain(..).collect();
        for message in messages {
            match &message.envelope.message {
                Message::Snapshot(_) => chunk = Some(message),
                _ => world.deliver(message),
            }
        }
        if chunk.is_some() {
            break;
        }
    }
    let mut chunk = chunk.expect("a chunk is sent");
    assert!(chunk.bulk && chunk.envelope.to == NodeId(behind));
    let whole = chunk.records.clone();
    for wrong in [Vec::new(), vec![whole[0].slice(1..)], vec![whole[0].clone(), Bytes::from_static(b"x")]] {
        chunk.records = wrong;
        world.step(behind, Input::Peer(chunk.clone()));
        world.turn(behind);
        assert!(world.node(behind).jobs.is_empty() && world.node(behind).disk.partial.is_none());
    }
    chunk.records = whole;
    world.step(behind, Input::Peer(chunk));
    world.turn(behind);
    assert!(world.node(behind).disk.partial.is_some());
}
