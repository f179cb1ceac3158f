//! Snapshots as tables: what a start makes of a log and a snapshot, what becomes of a received one, and what its
//! acknowledgement waits for. How nodes bring each other up to date is shown by scripts, not here.

use std::sync::Arc;

use super::message::{Append, AppendOutcome, Snapshot, SnapshotOutcome, SnapshotReply};
use super::*;

const NOW: Time = Time::from_millis(10_000);
const LENGTH_BYTES: u32 = 100;
const FILE_BYTES: u64 = 1_000;

fn config(voters: u64) -> Arc<Config> {
    let member =
        |id| Member { id: NodeId(id), name: format!("n{id}"), address: String::new(), storage: StorageId(id.into()) };
    Arc::new(Config::of((1..=voters).map(member).collect(), Vec::new()))
}

fn meta(last: LogId) -> SnapshotMeta {
    SnapshotMeta {
        last,
        config: config(3),
        config_index: Index(1),
        size_bytes: FILE_BYTES,
        digest: last.index.0,
        link: 0,
        log_bytes: last.index.0 * u64::from(LENGTH_BYTES),
    }
}

/// Entries of these terms from `first` on; the one at 1 is the configuration.
fn shape(first: u64, terms: &[u64]) -> Shape {
    let mut log = Shape::empty(Index(first));
    for term in terms {
        let is_first = log.first.0 + log.len() == 1;
        log.push(Term(*term), LENGTH_BYTES, is_first.then(|| config(3)));
    }
    log
}

fn boot(term: u64, log: Shape, snapshot: Option<SnapshotMeta>, hint: u64) -> Result<Core, BootFault> {
    let setup =
        Setup { id: NodeId(1), storage: StorageId(1), options: Options::default(), seed: 1, rules: Rules::sound() };
    let hard_state = HardState { term: Term(term), vote: None };
    Core::boot(setup, Recovered { hard_state, snapshot, log, commit_hint: Index(hint) }, NOW)
}

/// A follower of term 4 whose log is `1@1` and entries of `terms`, committed up to `commit`.
fn follower(terms: &[u64], commit: u64) -> Core {
    let terms = [&[1], terms].concat();
    boot(4, shape(1, &terms), None, commit).expect("what was found fits together")
}

fn hear(core: &mut Core, message: Message) {
    core.receive(NOW, Envelope { from: NodeId(2), to: NodeId(1), to_storage: StorageId(0), term: Term(4), message });
}

fn whole(last: LogId) -> Message {
    Message::Snapshot(Snapshot { meta: meta(last), offset: 0, length: FILE_BYTES as u32, generation: 4 })
}

fn append(prev: LogId, terms: &[u64], commit: u64) -> Message {
    let entries = shape(prev.index.0 + 1, terms);
    Message::Append(Append { prev, entries, commit: Index(commit), generation: 4, news_only: false })
}

/// Takes what the core wants once, without doing any of it.
fn effects(core: &mut Core) -> Effects {
    let mut effects = Effects::default();
    core.take_effects(NOW, &mut effects);
    effects
}

/// Does what the core wants until it wants nothing, but leaves its writes pending; gives what may leave.
fn work(core: &mut Core) -> (Vec<SnapshotOutcome>, Option<Write>) {
    let (mut outcomes, mut newest) = (Vec::new(), None);
    loop {
        let todo = effects(core);
        if todo == Effects::default() {
            return (outcomes, newest);
        }
        outcomes.extend(todo.send.iter().filter_map(|envelope| match &envelope.message {
            Message::SnapshotReply(reply) => Some(reply.outcome),
            _ => None,
        }));
        newest = todo.write.or(newest);
        if let Some(chunk) = todo.store {
            core.chunk_stored(chunk.meta.id(), Some(chunk.offset + u64::from(chunk.length)));
        }
        if todo.install.is_some() {
            core.snapshot_installed(NOW);
        }
    }
}

/// P117, R4, R86.
#[test]
fn a_start_takes_log_and_snapshot_as_one_or_names_what_is_missing() {
    /// First index of the log, its terms, where the snapshot ends, and the commit hint.
    type Found = (u64, &'static [u64], Option<(u64, u64)>, u64);
    /// First index kept, last entry and commit of the core.
    type Started = Result<(u64, LogId, u64), BootFault>;
    let hole = |first| Err(BootFault::Hole { first: Index(first) });
    let elsewhere = |index, term| Err(BootFault::SnapshotNotInLog { last: LogId::new(index, term) });
    let table: &[(Found, Started)] = &[
        ((1, &[1, 2, 2], None, 1), Ok((1, LogId::new(3, 2), 1))),
        ((1, &[1, 2, 2], Some((2, 2)), 1), Ok((1, LogId::new(3, 2), 2))),
        ((1, &[1, 2, 2], Some((2, 2)), 3), Ok((1, LogId::new(3, 2), 3))),
        ((3, &[2, 2], Some((2, 2)), 2), Ok((3, LogId::new(4, 2), 2))),
        ((3, &[], Some((2, 2)), 0), Ok((3, LogId::new(2, 2), 2))),
        // Nothing names the entry before the first of the log: that one becomes the base.
        ((3, &[2, 2, 2], Some((4, 2)), 2), Ok((4, LogId::new(5, 2), 4))),
        ((3, &[2, 2], Some((4, 2)), 2), Ok((4, LogId::new(4, 2), 4))),
        ((2, &[2, 2], None, 2), hole(2)),
        ((4, &[2, 2], Some((2, 2)), 2), hole(4)),
        ((1, &[1, 2, 2], Some((3, 1)), 1), elsewhere(3, 1)),
        ((1, &[1, 2, 2], Some((4, 2)), 1), elsewhere(4, 2)),
        ((3, &[2], Some((2, 2)), 9), Err(BootFault::CommitBeyondLog { hint: Index(9), last: Index(3) })),
        ((3, &[], Some((2, 8)), 2), Err(BootFault::TermBehindLog { durable: Term(4), log: Term(8) })),
    ];
    for ((first, terms, snapshot, hint), expected) in table {
        let snapshot = snapshot.map(|(index, term)| meta(LogId::new(index, term)));
        let started = boot(4, shape(*first, terms), snapshot.clone(), *hint);
        let case = format!("a log of {terms:?} from {first}, {snapshot:?}, hint {hint}");
        let found = started.map(|core| {
            assert_eq!((core.config_index(), core.config().voters.len()), (Index(1), 3), "{case}");
            let applied = snapshot.map_or(Index(0), |snapshot| snapshot.last.index);
            assert_eq!((core.applied_index(), core.durable()), (applied, core.last().index), "{case}");
            assert_eq!(core.log_bytes(core.last().index), core.last().index.0 * u64::from(LENGTH_BYTES), "{case}");
            (core.first().0, core.last(), core.commit().0)
        });
        assert_eq!(found, *expected, "{case}");
    }
}

/// What is left when a snapshot has been dealt with.
#[derive(Debug, PartialEq)]
struct Left {
    commit: u64,
    first: u64,
    last: LogId,
    outcome: SnapshotOutcome,
}

#[test]
fn what_becomes_of_a_snapshot_depends_on_the_log_and_what_is_committed() {
    let installed = |index| SnapshotOutcome::Installed { index: Index(index) };
    let kept = |commit, index| Left { commit, first: 1, last: LogId::new(5, 3), outcome: installed(index) };
    let replaced = |index, term| Left {
        commit: index,
        first: index + 1,
        last: LogId::new(index, term),
        outcome: installed(index),
    };
    // The log is 1@1 2@1 3@2 4@3 5@3, committed up to 3.
    let table = [
        (LogId::new(2, 1), kept(3, 3)),
        (LogId::new(3, 2), kept(3, 3)),
        (LogId::new(4, 3), kept(4, 4)),
        (LogId::new(5, 3), kept(5, 5)),
        (LogId::new(4, 4), replaced(4, 4)),
        (LogId::new(5, 4), replaced(5, 4)),
        (LogId::new(9, 3), replaced(9, 3)),
        (LogId::new(3, 1), Left { commit: 3, first: 1, last: LogId::new(5, 3), outcome: SnapshotOutcome::Failed }),
    ];
    for (last, expected) in table {
        let mut core = follower(&[1, 2, 3, 3], 3);
        hear(&mut core, whole(last));
        let (mut outcomes, write) = work(&mut core);
        assert_eq!(write.is_some(), expected.first > 1, "only a log that is replaced is written for {last}");
        if let Some(write) = write {
            assert_eq!(write.reset_to.as_ref().map(|meta| meta.last), Some(last));
            core.persisted(NOW, write.seq);
            outcomes.extend(work(&mut core).0);
        }
        let outcome = *outcomes.last().expect("it is answered");
        let left = Left { commit: core.commit().0, first: core.first().0, last: core.last(), outcome };
        assert_eq!(left, expected, "a snapshot that ends at {last}");
    }
}

#[test]
fn what_is_installed_is_decided_by_the_log_as_it_is_then() {
    // While the file is being installed, appends bring everything it holds, and more.
    let mut core = follower(&[1], 2);
    hear(&mut core, whole(LogId::new(4, 4)));
    let chunk = effects(&mut core).store.expect("the chunk is wanted");
    core.chunk_stored(chunk.meta.id(), Some(FILE_BYTES));
    assert!(effects(&mut core).install.is_some());
    assert!(core.is_installing());
    hear(&mut core, append(LogId::new(2, 1), &[4, 4, 4], 3));
    assert_eq!(core.snapshot_installed(NOW), Installation::NotNeeded);
    assert_eq!((core.first(), core.last(), core.commit()), (Index(1), LogId::new(5, 4), Index(4)));
    assert_eq!(core.snapshot(), None, "the state machine has not come to where it ends");
    assert!(!core.is_installing());
    core.applied(Index(3));
    assert_eq!(core.snapshot(), None);
    core.applied(Index(4));
    assert_eq!(core.snapshot(), Some(&meta(LogId::new(4, 4))), "it is this node's own from here on");
}

#[test]
fn an_acknowledgement_waits_for_the_write_that_discards_the_log() {
    let mut core = follower(&[1, 3, 3], 1);
    // Entry 5 is being written, behind an entry that the snapshot replaces.
    hear(&mut core, append(LogId::new(4, 3), &[4], 1));
    let before = effects(&mut core).write.expect("the entry is written").seq;
    hear(&mut core, whole(LogId::new(6, 4)));
    let (outcomes, reset) = work(&mut core);
    assert_eq!(outcomes, [SnapshotOutcome::Next { offset: FILE_BYTES }; 0], "nothing leaves before it is durable");
    assert_eq!(reset, None, "the term of the file is not durable yet");
    core.persisted(NOW, before);
    let (outcomes, reset) = work(&mut core);
    assert_eq!(outcomes, [SnapshotOutcome::Next { offset: FILE_BYTES }]);
    let reset = reset.expect("the log is discarded");
    // More arrives while the log is being discarded.
    hear(&mut core, append(LogId::new(6, 4), &[4], 6));
    let next = effects(&mut core).write.expect("the next entry is written");
    assert_eq!((next.append, next.commit_hint), (Some((Index(7), Index(7))), Index(6)));
    assert_eq!(core.durable(), Index(6), "the file holds what the log held");
    core.persisted(NOW, reset.seq);
    let acked: Vec<Message> = effects(&mut core).send.into_iter().map(|envelope| envelope.message).collect();
    assert!(
        matches!(
            &acked[..],
            [Message::SnapshotReply(SnapshotReply { outcome: SnapshotOutcome::Installed { index: Index(6) }, .. })]
        ),
        "{acked:?}"
    );
    core.persisted(NOW, next.seq);
    let acked: Vec<Message> = effects(&mut core).send.into_iter().map(|envelope| envelope.message).collect();
    assert!(
        matches!(&acked[..], [Message::AppendReply(reply)] if reply.outcome == AppendOutcome::Ack { index: Index(7) })
    );
}

#[test]
fn a_replaced_log_forgets_what_older_writes_touched() {
    let mut core = follower(&[1, 3, 3, 3], 1);
    hear(&mut core, whole(LogId::new(9, 4)));
    let chunk = effects(&mut core).store.expect("the chunk is wanted");
    core.chunk_stored(chunk.meta.id(), Some(FILE_BYTES));
    assert!(effects(&mut core).install.is_some());
    // While the file is being installed, one write that cuts the log is handed out, and another is due.
    hear(&mut core, append(LogId::new(2, 1), &[4], 1));
    let pending = effects(&mut core).write.expect("the log is cut");
    assert_eq!((pending.truncate_from, core.durable()), (Some(Index(3)), Index(2)));
    hear(&mut core, append(LogId::new(3, 4), &[4], 1));
    assert_eq!(core.snapshot_installed(NOW), Installation::Replaced);
    assert_eq!(core.durable(), Index(9), "the file holds what the log held");
    let reset = effects(&mut core).write.expect("the log is discarded");
    assert_eq!((reset.truncate_from, reset.append), (None, None), "what was due is gone with the log");
    core.persisted(NOW, reset.seq);
    assert_eq!((core.durable(), core.commit(), core.applied_index()), (Index(9), Index(9), Index(9)));
}

/// Node 1 leads with a log up to 6, compacted up to 5; node 3 has answered a heartbeat and needs a snapshot.
fn sender(chunk_bytes: u32) -> Core {
    let options =
        Options { max_chunk_bytes: chunk_bytes, retain_entries: 0, retain_entries_max: 0, ..Options::default() };
    let setup = Setup { id: NodeId(1), storage: StorageId(1), options, seed: 1, rules: Rules::sound() };
    let hard_state = HardState { term: Term(3), vote: None };
    let log = shape(1, &[1, 1, 1, 1, 1]);
    let found = Recovered { hard_state, snapshot: None, log, commit_hint: Index(5) };
    let mut core = Core::boot(setup, found, NOW).expect("what was found fits together");
    core.campaign(NOW);
    let mut effects = Effects::default();
    for _ in 0..9 {
        core.take_effects(NOW, &mut effects);
        if let Some(write) = &effects.write {
            core.persisted(NOW, write.seq);
        }
        for envelope in effects.send.drain(..).filter(|envelope| envelope.to == NodeId(2)) {
            if let Message::Vote(vote) = envelope.message {
                let (pre, asked, nonce) = (vote.pre, vote.asked, vote.nonce);
                let reply = super::message::VoteReply { pre, asked, nonce, refused: None };
                hear(&mut core, Message::VoteReply(reply));
            }
        }
    }
    assert_eq!((core.role(), core.last()), (Role::Leader, LogId::new(6, 4)));
    core.applied(Index(5));
    core.snapshot_taken(NOW, meta(LogId::new(5, 1)));
    core
}

fn hear_from_third(core: &mut Core, message: Message) -> Vec<Snapshot> {
    core.receive(NOW, Envelope { from: NodeId(3), to: NodeId(1), to_storage: StorageId(0), term: Term(4), message });
    let sent = effects(core).send.into_iter().filter(|envelope| envelope.to == NodeId(3));
    sent.filter_map(|envelope| match envelope.message {
        Message::Snapshot(chunk) => Some(chunk),
        _ => None,
    })
    .collect()
}

/// Which life of its tracking node 3 is in.
fn life_of_third(core: &Core) -> u32 {
    core.peers().find(|status| status.id == NodeId(3)).expect("it is tracked").generation
}

fn next(offset: u64, wanted: u64, generation: u32) -> Message {
    let (snapshot, outcome) = (meta(LogId::new(5, 1)).id(), SnapshotOutcome::Next { offset: wanted });
    Message::SnapshotReply(SnapshotReply { snapshot, offset, generation, outcome })
}

#[test]
fn whatever_is_answered_twice_or_late_there_is_one_chunk_on_its_way() {
    let mut core = sender(300);
    let generation = life_of_third(&core);
    let earlier = generation.wrapping_sub(1);
    let reject = AppendOutcome::Reject { rejected: Index(5), hint: LogId::new(1, 1) };
    let first = hear_from_third(&mut core, Message::AppendReply(message::AppendReply { generation, outcome: reject }));
    assert_eq!(first.iter().map(|chunk| (chunk.offset, chunk.length)).collect::<Vec<_>>(), [(0, 300)]);
    let mut offsets = Vec::new();
    let answers = [(0, 300), (0, 300), (300, 600), (0, 900), (600, 2_000)].map(|(at, wanted)| (at, wanted, generation));
    for (answered, wanted, life) in [(0, 300, earlier)].into_iter().chain(answers) {
        offsets.extend(hear_from_third(&mut core, next(answered, wanted, life)).iter().map(|chunk| chunk.offset));
    }
    assert_eq!(offsets, [300, 600], "an answer counts once, in its own life of tracking, and for what is on its way");
    let last = hear_from_third(&mut core, next(600, 900, generation));
    assert_eq!(last.iter().map(|chunk| (chunk.offset, chunk.length)).collect::<Vec<_>>(), [(900, 100)]);
    assert!(hear_from_third(&mut core, next(900, 1_000, generation)).is_empty(), "all is there");
}

#[test]
fn a_receiver_that_lost_its_file_is_sent_it_again_from_where_it_is() {
    let mut core = sender(300);
    let generation = life_of_third(&core);
    let reject = AppendOutcome::Reject { rejected: Index(5), hint: LogId::new(1, 1) };
    hear_from_third(&mut core, Message::AppendReply(message::AppendReply { generation, outcome: reject }));
    hear_from_third(&mut core, next(0, 600, generation));
    let again = hear_from_third(&mut core, next(600, 0, generation));
    assert_eq!(again.iter().map(|chunk| chunk.offset).collect::<Vec<_>>(), [0]);
}

#[test]
fn a_snapshot_that_is_not_newer_is_not_taken_for_one() {
    let mut core = sender(300);
    let kept = core.snapshot().cloned();
    core.snapshot_taken(NOW, SnapshotMeta { digest: 77, ..meta(LogId::new(5, 1)) });
    core.snapshot_taken(NOW, meta(LogId::new(4, 1)));
    assert_eq!(core.snapshot().cloned(), kept);
}
