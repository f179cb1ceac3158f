//! Logs of three voters on real files: what is told of their differences, their tails and their elections.

use std::path::Path;

use bytes::BytesMut;

use super::super::tails::{Fate, Tail};
use super::super::votes::Outcome;
use super::*;
use crate::codec::{RecordHeader, Settings, WriteBatch, append_record};
use crate::raft::{HardState, Member, Rules, StorageId, WriteSeq};
use crate::storage::layout::{self, Founding};
use crate::storage::reader::walk;
use crate::storage::{Journal, JournalOptions, SyncMode};

/// Node `id`'s log: the founding entry, then no-ops of these terms.
#[derive(Clone, Copy)]
struct Log {
    id: u64,
    terms: &'static [u64],
    commit: u64,
    /// In the hard state; at least that of the last entry.
    term: u64,
}

fn log(id: u64, terms: &'static [u64], commit: u64) -> Log {
    Log { id, terms, commit, term: 0 }
}

impl Log {
    fn of_term(self, term: u64) -> Log {
        Log { term, ..self }
    }

    fn write(self, dir: &Path, cluster: u128) -> Source {
        let storage = |id| StorageId(u128::from(id) + 100);
        let member = |id: u64| Member {
            id: NodeId(id),
            name: format!("n{id}"),
            address: format!("127.0.0.1:{id}"),
            storage: storage(id),
        };
        let founding = Founding {
            cluster_id: ClusterId(cluster),
            node: NodeId(self.id),
            storage: storage(self.id),
            config: Config::of((1..=3).map(member).collect(), Vec::new()),
            settings: Settings::default(),
            wall_ms: 1_000,
        };
        layout::found(dir, &founding).unwrap();
        let mut link = walk(dir).unwrap().find_map(check_of).expect("the founding entry is there");
        let mut records = BytesMut::new();
        for (index, term) in (2..).zip(self.terms) {
            link = append_record(&mut records, link, Kind::Noop, LogId::new(index, *term), 2_000, |_| {});
        }
        let options = JournalOptions { segment_size_bytes: 64 * 1024, sync: SyncMode::Always, rules: Rules::sound() };
        let (mut journal, _) = Journal::open(&layout::data_dir(dir), options).unwrap();
        let term = Term(self.terms.iter().copied().max().unwrap_or(1).max(self.term));
        let appended = WriteBatch {
            seq: WriteSeq(1),
            hard_state: Some(HardState { term, vote: None }),
            reset_to: None,
            truncate_from: None,
            range: Some((Index(2), Index(1 + self.terms.len() as u64))).filter(|_| !self.terms.is_empty()),
            records: if self.terms.is_empty() { Vec::new() } else { vec![records.freeze()] },
            commit_hint: Index(1),
            compact_to: None,
        };
        let committed = WriteBatch {
            seq: WriteSeq(2),
            records: Vec::new(),
            range: None,
            commit_hint: Index(self.commit),
            ..appended.clone()
        };
        journal.write_group(&[appended]).unwrap();
        journal.write_group(&[committed]).unwrap();
        journal.close().unwrap();
        Source::of_node(format!("n{}", self.id), dir)
    }
}

fn check_of(item: Item) -> Option<u32> {
    match item {
        Item::Record { header: RecordHeader { check, .. }, .. } => Some(check),
        _ => None,
    }
}

fn compare(logs: &[Log]) -> Diff {
    let home = tempfile::tempdir().unwrap();
    let sources: Vec<Source> = logs.iter().map(|log| log.write(&home.path().join(log.id.to_string()), 7)).collect();
    let (diff, damage) = diff(&sources, &|_| {}).unwrap();
    assert_eq!(damage, Vec::new());
    diff
}

/// The fate of the entry at `index` that the node called `holder` holds.
fn fate<'a>(diff: &'a Diff, index: u64, holder: &str) -> (&'a Tail, Fate) {
    let is_its =
        |tail: &&Tail| (tail.first..=tail.last).contains(&index) && tail.held_by.iter().any(|name| name == holder);
    let tail = diff.tails.iter().find(is_its).unwrap_or_else(|| panic!("{index} of {holder} is in {:?}", diff.tails));
    (tail, tail.verdict)
}

fn outcomes(diff: &Diff) -> Vec<Outcome> {
    diff.elections.iter().map(|election| election.outcome).collect()
}

#[test]
fn a_shorter_log_is_no_difference() {
    let diff = compare(&[log(1, &[2, 2, 3], 4), log(2, &[2, 2], 2), log(3, &[2], 2)]);
    assert_eq!((diff.verdict, diff.agree_until, diff.differences.len()), (Verdict::Agree, Some(3), 0));
    assert_eq!(diff.logs.iter().map(|log| log.last).collect::<Vec<_>>(), [Some(4), Some(3), Some(2)]);
    assert_eq!(diff.logs[0].commit, 4);
    assert_eq!(diff.tails, Vec::new(), "what one knows to be committed is no question");
}

#[test]
fn tails_may_differ_where_one_side_has_not_committed() {
    let diff = compare(&[log(1, &[2, 2, 4], 4), log(2, &[2, 2, 3, 3], 3)]);
    assert_eq!((diff.verdict, diff.agree_until), (Verdict::TailsDiffer, Some(3)));
    assert_eq!(diff.differences.len(), 1, "what follows the first difference is no news");
    assert_eq!((diff.differences[0].index, diff.differences[0].terms), (4, [4, 3]));
    let (tail, verdict) = fate(&diff, 4, "n2");
    assert_eq!((verdict, tail.last), (Fate::CertainlyNotCommitted, 5), "n1 has committed another entry 4");
    assert!(tail.reason.contains("n1 knows another entry 4"), "{}", tail.reason);
}

#[test]
fn what_both_have_committed_must_not_differ() {
    let diff = compare(&[log(1, &[2, 2, 4], 4), log(2, &[2, 2, 3, 3], 5)]);
    assert_eq!(diff.verdict, Verdict::CommittedDiffer);
    assert!(diff.differences[0].committed);
}

#[test]
fn logs_of_two_clusters_are_not_compared() {
    let home = tempfile::tempdir().unwrap();
    let sources = [log(1, &[2], 2).write(&home.path().join("a"), 7), log(2, &[2], 2).write(&home.path().join("b"), 8)];
    assert!(matches!(diff(&sources, &|_| {}), Err(DiffError::Clusters { .. })));
}

#[test]
fn what_a_majority_holds_and_nobody_can_undo_is_committed() {
    let diff = compare(&[log(1, &[2, 2], 1), log(2, &[2, 2], 1), log(3, &[2], 1)]);
    let (tail, verdict) = fate(&diff, 3, "n1");
    assert_eq!((verdict, tail.held_by.len()), (Fate::Committed, 2), "{}", tail.reason);
    assert_eq!(fate(&diff, 2, "n3").1, Fate::Committed);
    assert_eq!(outcomes(&diff), [Outcome::Wins, Outcome::Wins, Outcome::Loses]);
    assert_eq!(diff.elections[0].votes, ["n1", "n2", "n3"]);
    assert_eq!(diff.elections[2].refusals, ["n1", "n2"]);
}

#[test]
fn what_too_few_can_hold_was_never_committed() {
    let diff = compare(&[log(1, &[2, 4], 2), log(2, &[2, 3, 3], 2), log(3, &[2], 2)]);
    for (index, holder) in [(3, "n1"), (3, "n2"), (4, "n2")] {
        let (tail, verdict) = fate(&diff, index, holder);
        assert_eq!(verdict, Fate::CertainlyNotCommitted, "{index} of {holder}");
        assert!(tail.reason.contains(&format!("only {holder} of n1 n2 n3")), "{}", tail.reason);
    }
    assert_eq!(outcomes(&diff), [Outcome::Wins, Outcome::Wins, Outcome::Loses], "n3 has the votes of nobody else");
}

/// §5.4.2, figure 8: an entry of an old term on a majority, and somebody with a later term who lacks it.
#[test]
fn a_majority_of_copies_is_not_enough_while_somebody_without_it_can_win() {
    let diff = compare(&[log(1, &[2], 1).of_term(4), log(2, &[2], 1).of_term(4), log(3, &[3], 1)]);
    let (tail, verdict) = fate(&diff, 2, "n1");
    assert_eq!((verdict, tail.held_by.len()), (Fate::CertainlyNotCommitted, 2));
    assert!(tail.reason.contains("n3 does not hold it and could win"), "{}", tail.reason);
    assert_eq!(outcomes(&diff), [Outcome::Wins; 3]);
    assert_eq!(diff.elections[0].refusals, ["n3"]);
}

#[test]
fn a_log_that_is_missing_may_hold_anything() {
    let diff = compare(&[log(1, &[2, 2], 1), log(3, &[2], 1)]);
    let (tail, verdict) = fate(&diff, 3, "n1");
    assert_eq!(verdict, Fate::PossiblyCommitted);
    assert!(tail.reason.contains("together with n2"), "{}", tail.reason);
    assert_eq!(outcomes(&diff), [Outcome::Wins, Outcome::MayWin]);
    assert_eq!(diff.elections[1].unknown, ["n2"]);
}

#[test]
fn copies_made_in_their_own_term_are_committed_whoever_is_missing() {
    let diff = compare(&[log(1, &[2, 2], 1), log(2, &[2, 2], 1)]);
    assert_eq!(fate(&diff, 3, "n1").1, Fate::Committed);
    let later = compare(&[log(1, &[2, 2], 1).of_term(5), log(2, &[2, 2], 1)]);
    assert_eq!(fate(&later, 3, "n1").1, Fate::PossiblyCommitted, "n3 may have led in term 4 with the vote of n1");
}

#[test]
fn what_lies_before_a_committed_entry_is_committed() {
    let diff = compare(&[log(1, &[2, 3], 1), log(2, &[2, 3], 1)]);
    let (tail, verdict) = fate(&diff, 2, "n1");
    assert_eq!((tail.term, verdict), (2, Fate::Committed), "copied in term 3, and entry 3 behind it counts");
    assert!(tail.reason.contains("entry 3 behind it"), "{}", tail.reason);
}
