//! Exactly once, shown on a few replicas: writes are sent again after every kind of loss and take effect once, and
//! every node agrees on which sessions there are.

use bytes::{Bytes, BytesMut};
use core::time::Duration;

use super::testing::{Dice, World, encoded};
use super::{Input, Limits};
use crate::api::{Answer, Ask, Refused};
use crate::codec::entry::{append_session, append_stamp, decode_stamp};
use crate::codec::{Kind, RECORD_HEADER_BYTES, RecordHeader};
use crate::raft::{Index, Term};
use crate::state_machine::{Command, Operation, Outcome, SessionId, SessionLimits, SessionTag};

const SECOND: Duration = Duration::from_secs(1);

/// `incr k` as write `serial` of session `session`, which opened at log time zero and awaits this answer alone.
fn incr(session: u128, serial: u64) -> Bytes {
    let tag = SessionTag { session: SessionId(session), serial, awaited_from: serial, opened_ms: 0 };
    tagged(&unnumbered(), tag)
}

fn unnumbered() -> Bytes {
    encoded(&Command { key: b"k".to_vec(), operation: Operation::Incr { by: 1 } })
}

fn tagged(command: &Bytes, tag: SessionTag) -> Bytes {
    let mut out = BytesMut::from(&command[..]);
    append_session(tag, &mut out);
    out.freeze()
}

fn counted(revision: u64, term: u64, value: i64) -> Option<Answer> {
    let (revision, term) = (Index(revision), Term(term));
    Some(Answer::Written { revision, term, outcome: Outcome::Incremented { value } })
}

fn entries(world: &mut World, id: u64) -> usize {
    world.node(id).disk.records.len()
}

/// What node `id` counts at `k`.
fn count(world: &mut World, id: u64) -> String {
    let entry = world.replica(id).map().get(b"k").expect("it was counted").clone();
    String::from_utf8(entry.value().to_vec()).expect("numbers are text")
}

/// Equal tables, log times and digests everywhere, beside what is equal anyway.
fn assert_states_equal(world: &mut World) {
    world.assert_all_equal();
    let mut states = world.nodes.values().filter_map(|node| node.replica.as_ref()).map(|replica| {
        let machine = replica.machine();
        let sessions: Vec<_> = machine.sessions().iter().map(|(id, session)| (id, session.clone())).collect();
        (sessions, machine.sessions().sum(), machine.log_time_ms(), machine.digest())
    });
    let first = states.next().expect("somebody is up");
    assert!(states.all(|state| state == first), "replicas hold equal sessions (I5)");
}

#[test]
fn p137_a_write_sent_again_to_a_new_leader_gets_the_first_answer_and_has_one_effect() {
    // T9: the entry commits, the leader dies before it can say so.
    let (mut world, leader) = World::led();
    let term = world.replica(leader).core().term().0;
    let lost = world.ask(leader, Ask::Write(incr(1, 1)));
    world.turn(leader);
    while let Some(message) = world.network.pop_front() {
        world.deliver(message);
    }
    for id in (1..=3).filter(|id| *id != leader) {
        world.turn(id);
    }
    assert_eq!(world.answer(leader, lost), None);
    world.kill(leader);
    let leader = world.elect();
    let again = world.ask(leader, Ask::Write(incr(1, 1)));
    world.settle();
    assert_eq!(world.answer(leader, again), counted(3, term, 1));
    assert_eq!(count(&mut world, leader), "1");
}

#[test]
fn without_a_session_a_write_sent_again_counts_twice() {
    let (mut world, leader) = World::led();
    for _ in 0..2 {
        world.ask(leader, Ask::Write(unnumbered()));
        world.settle();
    }
    assert_eq!(count(&mut world, leader), "2");
}

#[test]
fn two_copies_in_one_batch_have_one_effect_and_equal_answers() {
    // R108: both are in the log before either is applied.
    let (mut world, leader) = World::led();
    let term = world.replica(leader).core().term().0;
    let before = entries(&mut world, leader);
    let requests = [(); 2].map(|()| world.ask(leader, Ask::Write(incr(1, 1))));
    world.settle();
    assert_eq!(entries(&mut world, leader), before + 2);
    for request in requests {
        assert_eq!(world.answer(leader, request), counted(3, term, 1));
    }
    world.pass(SECOND);
    assert_states_equal(&mut world);
}

#[test]
fn a_write_that_is_applied_already_is_answered_without_another_entry() {
    let (mut world, leader) = World::led();
    let term = world.replica(leader).core().term().0;
    world.ask(leader, Ask::Write(incr(1, 1)));
    world.settle();
    let before = entries(&mut world, leader);
    let again = world.ask(leader, Ask::Write(incr(1, 1)));
    world.turn(leader);
    assert_eq!(world.answer(leader, again), counted(3, term, 1));
    world.settle();
    assert_eq!(entries(&mut world, leader), before);
}

#[test]
fn p136_writes_in_flight_at_a_deposed_leader_are_unknown_and_committed_once_when_sent_again() {
    let (mut world, old) = World::led();
    world.cut_off(old);
    let requests: Vec<u64> = (1..=3).map(|serial| world.ask(old, Ask::Write(incr(1, serial)))).collect();
    world.settle();
    world.pass(2 * SECOND);
    let unknown = Some(Answer::Refused(Refused::Unknown));
    let new = world.elect();
    assert_ne!(new, old);
    for serial in 1..=3 {
        world.ask(new, Ask::Write(incr(1, serial)));
    }
    world.settle();
    world.heal();
    world.pass(2 * SECOND);
    for request in requests {
        let answer = world.answer(old, request);
        assert!(answer == unknown, "each is answered once, as unknown: {answer:?}");
    }
    assert_eq!(count(&mut world, old), "3");
    assert_states_equal(&mut world);
}

#[test]
fn p135_only_a_leader_takes_writes_of_a_session_and_others_say_who_leads() {
    let (mut world, leader) = World::led();
    world.ask(leader, Ask::Write(incr(1, 1)));
    world.settle();
    let follower = leader % 3 + 1;
    let request = world.ask(follower, Ask::Write(incr(1, 1)));
    world.turn(follower);
    match world.answer(follower, request) {
        Some(Answer::Refused(Refused::NotLeader { leader: Some(hint) })) => assert_eq!(hint.id.0, leader),
        other => panic!("a hint was expected, not {other:?}"),
    }
}

#[test]
fn a_restarted_node_remembers_what_was_applied() {
    let (mut world, leader) = World::led();
    let term = world.replica(leader).core().term().0;
    world.ask(leader, Ask::Write(incr(1, 1)));
    world.settle();
    for id in 1..=3 {
        world.kill(id);
        world.start(id);
    }
    let leader = world.elect();
    world.settle();
    let again = world.ask(leader, Ask::Write(incr(1, 1)));
    world.settle();
    assert_eq!(world.answer(leader, again), counted(3, term, 1));
    assert_eq!(count(&mut world, leader), "1");
}

#[test]
fn an_answer_that_was_given_up_is_not_kept_and_its_write_never_executed() {
    let (mut world, leader) = World::led();
    world.ask(leader, Ask::Write(incr(1, 2)));
    world.settle();
    let late = world.ask(leader, Ask::Write(incr(1, 1)));
    world.settle();
    assert_eq!(world.answer(leader, late), Some(Answer::Refused(Refused::Discarded)));
    assert_eq!(count(&mut world, leader), "1");
}

/// A world in which sessions end after ten seconds.
fn short_lived() -> (World, u64) {
    let sessions = SessionLimits { lifetime_ms: 10_000, ..SessionLimits::default() };
    let mut world = World::of(3, Limits { sessions, ..Limits::default() });
    let leader = world.elect();
    (world, leader)
}

#[test]
fn a_session_ends_in_log_time_and_its_writes_are_refused_everywhere_alike() {
    // R111: the second attempt comes after the end, and neither it nor an opening under the old name has an effect.
    let (mut world, leader) = short_lived();
    world.ask(leader, Ask::Write(incr(1, 1)));
    world.settle();
    world.pass(11 * SECOND);
    let early = world.ask(leader, Ask::Write(incr(1, 1)));
    world.turn(leader);
    let answer = world.answer(leader, early);
    assert!(matches!(answer, Some(Answer::Written { .. })), "nothing in the log says that it ended: {answer:?}");
    let next = world.ask(leader, Ask::Write(incr(1, 2)));
    world.settle();
    let again = world.ask(leader, Ask::Write(incr(1, 1)));
    world.settle();
    let log_time_ms = world.replica(leader).machine().log_time_ms();
    assert!((11_000..12_000).contains(&log_time_ms));
    for request in [next, again] {
        assert_eq!(world.answer(leader, request), Some(Answer::Refused(Refused::SessionExpired { log_time_ms })));
    }
    assert_eq!(count(&mut world, leader), "1");
    let tag = SessionTag { session: SessionId(2), serial: 1, awaited_from: 1, opened_ms: log_time_ms };
    world.ask(leader, Ask::Write(tagged(&unnumbered(), tag)));
    world.settle();
    assert_eq!(count(&mut world, leader), "2", "a new session opens");
    world.pass(SECOND);
    assert_states_equal(&mut world);
}

#[test]
fn after_a_long_silence_a_session_opens_with_its_first_write() {
    // R107: the time its client learned is old, because nobody has told the log that any has passed.
    let (mut world, leader) = short_lived();
    world.pass(25 * SECOND);
    let term = world.replica(leader).core().term().0;
    assert_eq!(world.replica(leader).machine().log_time_ms(), 0);
    let request = world.ask(leader, Ask::Write(incr(1, 1)));
    world.settle();
    assert_eq!(world.answer(leader, request), counted(3, term, 1));
    let late = world.ask(leader, Ask::Write(incr(2, 1)));
    world.settle();
    assert!(matches!(world.answer(leader, late), Some(Answer::Refused(Refused::SessionExpired { .. }))));
}

#[test]
fn a_leader_ticks_when_a_session_has_ended_and_at_no_other_time() {
    let limits =
        Limits { sessions: SessionLimits { lifetime_ms: 10_000, ..SessionLimits::default() }, ..Limits::default() };
    let mut world = World::of(3, limits);
    let leader = world.elect();
    world.pass(60 * SECOND);
    assert_eq!(entries(&mut world, leader), 2, "without a session nothing is due");
    world.ask(leader, Ask::Write(incr(1, 1)));
    world.settle();
    world.pass(39 * SECOND);
    assert_eq!((entries(&mut world, leader), world.replica(leader).machine().sessions().len()), (3, 1));
    world.pass(2 * SECOND);
    let record = world.node(leader).disk.records.last().expect("there are records").clone();
    let header = RecordHeader::read(&record, Index(0)).unwrap();
    assert_eq!((header.id.index, header.kind), (Index(4), Kind::Tick));
    assert!((39_000..=41_000).contains(&decode_stamp(&record[RECORD_HEADER_BYTES..]).unwrap()));
    assert!(world.replica(leader).machine().sessions().is_empty());
    world.pass(120 * SECOND);
    assert_eq!(entries(&mut world, leader), 4, "and then nothing is due any more");
    assert_states_equal(&mut world);
}

#[test]
fn a_tick_that_cannot_be_taken_is_tried_again_later_and_not_at_once() {
    let limits =
        Limits { sessions: SessionLimits { lifetime_ms: 1_000, ..SessionLimits::default() }, ..Limits::default() };
    let settings = crate::codec::Settings { max_pending_bytes: 1, ..Default::default() };
    let mut world = World::with(1, limits, settings);
    let leader = world.elect();
    world.ask(leader, Ask::Write(incr(1, 1)));
    world.settle();
    world.node(leader).is_disk_slow = true;
    world.ask(leader, Ask::Write(incr(2, 1)));
    world.turn(leader);
    world.now += 40 * SECOND;
    world.step(leader, Input::Tick);
    world.turn(leader);
    let now = world.now;
    let next = world.replica(leader).next_deadline().expect("a tick is due");
    assert!(next > now, "a turn that can do nothing is not repeated at once");
    world.node(leader).is_disk_slow = false;
    world.finish_writes(leader, usize::MAX);
    world.settle();
    world.pass(40 * SECOND);
    assert!(world.replica(leader).machine().sessions().is_empty());
}

#[test]
fn there_is_no_second_tick_while_one_is_on_its_way() {
    let sessions = SessionLimits { lifetime_ms: 1_000, ..SessionLimits::default() };
    let mut world = World::of(1, Limits { sessions, ..Limits::default() });
    let leader = world.elect();
    world.ask(leader, Ask::Write(incr(1, 1)));
    world.settle();
    world.node(leader).is_disk_slow = true;
    for _ in 0..3 {
        world.now += 40 * SECOND;
        world.step(leader, Input::Tick);
        world.turn(leader);
        assert_eq!(world.replica(leader).core().last().index, Index(4));
    }
    world.finish_writes(leader, usize::MAX);
    world.settle();
    assert!(world.replica(leader).machine().sessions().is_empty());
}

#[test]
fn log_time_is_what_leaders_counted_and_never_goes_back() {
    let (mut world, leader) = World::led();
    let write = |world: &mut World, leader: u64, serial| {
        world.ask(leader, Ask::Write(incr(1, serial)));
        world.settle();
        world.replica(leader).machine().log_time_ms()
    };
    let start = write(&mut world, leader, 1);
    world.pass(5 * SECOND);
    let later = write(&mut world, leader, 2);
    assert!((5_000..5_010).contains(&(later - start)), "{start} to {later}");
    world.kill(leader);
    let began = world.now;
    let leader = world.elect();
    world.pass(2 * SECOND);
    let passed_ms = u64::try_from(world.now.since(began).as_millis()).unwrap();
    let after = write(&mut world, leader, 3);
    assert!(
        (2_000..passed_ms + 10).contains(&(after - later)),
        "time without a leader does not count: {later} to {after}"
    );
    assert_states_equal(&mut world);
}

#[test]
fn clients_neither_tell_the_time_nor_send_numbers_that_make_no_sense() {
    let (mut world, leader) = World::led();
    let mut stamped = BytesMut::from(&incr(1, 1)[..]);
    append_stamp(3_600_000, &mut stamped);
    let short_id = [&unnumbered()[..], &[8 << 3 | 2, 1, 7]].concat();
    let awaits_too_much = [&incr(1, 3)[..], &[10 << 3, 9]].concat();
    let commands = [stamped.freeze(), short_id.into(), awaits_too_much.into()];
    for command in commands {
        let request = world.ask(leader, Ask::Write(command));
        world.settle();
        let answer = world.answer(leader, request);
        assert!(matches!(answer, Some(Answer::Refused(Refused::Invalid { .. }))), "{answer:?}");
    }
    assert_eq!(entries(&mut world, leader), 2);
}

#[test]
fn counters_under_kills_and_retries_count_exactly_once() {
    const COUNTS: u64 = 25;
    let mut attempts = 0;
    for seed in 1..=30 {
        let mut dice = Dice::of(seed);
        let limits = Limits { sessions: SessionLimits::default(), ..Limits::tiny() };
        let mut world = World::of(3, limits);
        for serial in 1..=COUNTS {
            attempts += count_once(&mut world, &mut dice, serial);
        }
        world.heal();
        world.pass(5 * SECOND);
        assert_eq!(count(&mut world, 1), COUNTS.to_string(), "seed {seed}");
        assert_states_equal(&mut world);
    }
    assert!(attempts > 30 * COUNTS * 3 / 2, "{attempts} attempts: too little went wrong to prove anything");
}

/// Sends one write to whoever leads until it is answered; now and then that leader dies at a moment of chance. Gives
/// the number of attempts.
fn count_once(world: &mut World, dice: &mut Dice, serial: u64) -> u64 {
    for attempt in 1..100 {
        let leader = world.elect();
        let request = world.ask(leader, Ask::Write(incr(1, serial)));
        let steps = dice.roll(12);
        for _ in 0..steps {
            let id = dice.roll(3) + 1;
            world.turn(id);
            if let Some(message) = world.network.pop_front() {
                world.deliver(message);
            }
        }
        if dice.roll(2) == 0 {
            world.kill_after_writes(leader, dice.roll(3) as usize);
            world.pass(SECOND);
            world.start(leader);
            world.pass(SECOND);
            continue;
        }
        world.settle();
        world.pass(SECOND);
        match world.answer(leader, request) {
            Some(Answer::Written { outcome: Outcome::Incremented { value }, .. }) => {
                assert_eq!(value.cast_unsigned(), serial, "every write counts once");
                return attempt;
            }
            Some(Answer::Refused(_)) | None => {}
            other => panic!("{other:?} does not answer an incr"),
        }
    }
    panic!("write {serial} was never answered");
}
