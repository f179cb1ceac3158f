//! Whether logs hold the same entries.
//!
//! Two logs that hold the same log id hold the same prefix (I3), so for each pair only the first difference matters. A
//! difference above what either side knows to be committed is the trace of a lost leader; one that both know to be
//! committed must not exist (I4). A shorter log is no difference.

use serde::Serialize;

use super::log::Source;
use crate::storage::reader::{Damage, Item, Walk, WalkError};

/// What was found, over all logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diff {
    pub verdict: Verdict,
    /// Up to here all logs that reach so far agree; null when they share nothing.
    pub agree_until: Option<u64>,
    pub logs: Vec<LogEnds>,
    pub differences: Vec<Difference>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Agree,
    /// Entries differ that are not committed as far as both sides know.
    TailsDiffer,
    CommittedDiffer,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LogEnds {
    pub node: Option<String>,
    pub path: String,
    pub first: Option<u64>,
    pub last: Option<u64>,
    pub last_term: Option<u64>,
    /// Known to be committed, on this disk alone.
    pub commit: u64,
}

/// The first index at which two logs hold different entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub index: u64,
    /// Names of the two logs.
    pub between: [String; 2],
    pub terms: [u64; 2],
    /// Both sides know an entry at this index to be committed.
    pub committed: bool,
}

/// Compares all logs, each with each, in one pass over all of them.
pub fn diff(sources: &[Source]) -> Result<(Diff, Vec<Damage>), DiffError> {
    let mut heads = sources.iter().map(Head::open).collect::<Result<Vec<_>, _>>()?;
    let mut first_differences: Vec<(usize, usize, u64, [u64; 2])> = Vec::new();
    let mut agree_until = None;
    while let Some(index) = heads.iter().filter_map(|head| head.record).map(|record| record.index).min() {
        let present: Vec<usize> =
            (0..heads.len()).filter(|at| heads[*at].record.is_some_and(|record| record.index == index)).collect();
        for (position, one) in present.iter().enumerate() {
            for other in &present[position + 1..] {
                let pair = [heads[*one].record, heads[*other].record].map(|record| record.expect("both are present"));
                let known = first_differences.iter().any(|(a, b, _, _)| (a, b) == (one, other));
                if !known && (pair[0].term, pair[0].check) != (pair[1].term, pair[1].check) {
                    first_differences.push((*one, *other, index, pair.map(|record| record.term)));
                }
            }
        }
        if first_differences.is_empty() && present.len() > 1 {
            agree_until = Some(index);
        }
        for at in present {
            heads[at].advance();
        }
    }
    finish(sources, heads, &first_differences, agree_until)
}

/// Why logs could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    #[error(transparent)]
    Walk(#[from] WalkError),
    #[error("{one} and {other} belong to different clusters")]
    Clusters { one: String, other: String },
}

fn finish(
    sources: &[Source],
    heads: Vec<Head>,
    first_differences: &[(usize, usize, u64, [u64; 2])],
    agree_until: Option<u64>,
) -> Result<(Diff, Vec<Damage>), DiffError> {
    for (at, head) in heads.iter().enumerate() {
        if let (Some(mine), Some(first)) = (head.cluster, heads[0].cluster)
            && mine != first
        {
            return Err(DiffError::Clusters { one: sources[0].name(), other: sources[at].name() });
        }
    }
    let mut damage = Vec::new();
    let mut logs = Vec::new();
    for (source, head) in sources.iter().zip(heads) {
        damage.extend(source.confirm(head.damage)?);
        logs.push(head.ends);
    }
    let differences: Vec<Difference> = first_differences
        .iter()
        .map(|(one, other, index, terms)| Difference {
            index: *index,
            between: [sources[*one].name(), sources[*other].name()],
            terms: *terms,
            committed: logs[*one].commit.min(logs[*other].commit) >= *index,
        })
        .collect();
    let verdict = differences.iter().map(Difference::verdict).max().unwrap_or(Verdict::Agree);
    Ok((Diff { verdict, agree_until, logs, differences }, damage))
}

impl Difference {
    /// Two entries of one term at one index break I3 even when nothing is committed: a term has one leader, and a
    /// leader writes an index once.
    pub fn verdict(&self) -> Verdict {
        match self.committed || self.terms[0] == self.terms[1] {
            true => Verdict::CommittedDiffer,
            false => Verdict::TailsDiffer,
        }
    }
}

#[derive(Clone, Copy)]
struct Record {
    index: u64,
    term: u64,
    check: u32,
}

/// The next record of one log, and what was met on the way to it.
struct Head {
    walk: Walk,
    record: Option<Record>,
    ends: LogEnds,
    cluster: Option<u128>,
    damage: Vec<Damage>,
}

impl Head {
    fn open(source: &Source) -> Result<Head, WalkError> {
        let ends = LogEnds {
            node: source.node.clone(),
            path: source.path.display().to_string(),
            commit: source.commit_in_hard_state(),
            ..LogEnds::default()
        };
        let mut head = Head { walk: source.walk()?, record: None, ends, cluster: None, damage: Vec::new() };
        head.advance();
        Ok(head)
    }

    fn advance(&mut self) {
        self.record = None;
        for item in self.walk.by_ref() {
            match item {
                Item::Record { header, .. } => {
                    let (index, term) = (header.id.index.0, header.id.term.0);
                    self.ends.first = self.ends.first.or(Some(index));
                    self.ends.last = Some(index);
                    self.ends.last_term = Some(term);
                    self.record = Some(Record { index, term, check: header.check });
                    return;
                }
                Item::Marker { marker, .. } => self.ends.commit = self.ends.commit.max(marker.commit_hint.0),
                Item::Segment(segment) => self.cluster = self.cluster.or(Some(segment.header.cluster_id.0)),
                Item::Damage(damage) => self.damage.push(damage),
                Item::TornTail { .. } | Item::Dead { .. } => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use bytes::BytesMut;

    use super::*;
    use crate::codec::{Kind, RecordHeader, Settings, WriteBatch, append_record};
    use crate::raft::{ClusterId, Config, HardState, Index, LogId, Member, NodeId, StorageId, Term, WriteSeq};
    use crate::storage::layout::{self, Founding};
    use crate::storage::reader::walk;
    use crate::storage::{Journal, JournalOptions, SyncMode};

    /// A node's directory whose log is the founding entry and then no-ops of these terms, committed up to `commit`.
    fn log(dir: &Path, cluster: u128, terms: &[u64], commit: u64) -> Source {
        let member =
            Member { id: NodeId(1), name: "n1".to_owned(), address: "127.0.0.1:1".to_owned(), storage: StorageId(5) };
        let founding = Founding {
            cluster_id: ClusterId(cluster),
            node: NodeId(1),
            storage: StorageId(5),
            config: Config::of(vec![member], Vec::new()),
            settings: Settings::default(),
            wall_ms: 1_000,
        };
        layout::found(dir, &founding).unwrap();
        let mut link = walk(dir).unwrap().find_map(check_of).expect("the founding entry is there");
        let mut records = BytesMut::new();
        for (index, term) in (2..).zip(terms) {
            link = append_record(&mut records, link, Kind::Noop, LogId::new(index, *term), 2_000, |_| {});
        }
        let options = JournalOptions {
            segment_size_bytes: 64 * 1024,
            sync: SyncMode::Always,
            rules: crate::raft::Rules::sound(),
        };
        let (mut journal, _) = Journal::open(&layout::data_dir(dir), options).unwrap();
        let appended = WriteBatch {
            seq: WriteSeq(1),
            hard_state: Some(HardState { term: Term(*terms.iter().max().unwrap()), vote: None }),
            reset_to: None,
            truncate_from: None,
            records: vec![records.freeze()],
            range: Some((Index(2), Index(1 + terms.len() as u64))),
            commit_hint: Index(1),
            compact_to: None,
        };
        let committed = WriteBatch {
            seq: WriteSeq(2),
            records: Vec::new(),
            range: None,
            commit_hint: Index(commit),
            ..appended.clone()
        };
        journal.write_group(&[appended]).unwrap();
        journal.write_group(&[committed]).unwrap();
        journal.close().unwrap();
        Source { node: None, path: dir.to_path_buf() }
    }

    fn check_of(item: Item) -> Option<u32> {
        match item {
            Item::Record { header: RecordHeader { check, .. }, .. } => Some(check),
            _ => None,
        }
    }

    fn compare(logs: &[(&[u64], u64)]) -> Diff {
        let home = tempfile::tempdir().unwrap();
        let sources: Vec<Source> = logs
            .iter()
            .enumerate()
            .map(|(at, (terms, commit))| log(&home.path().join(at.to_string()), 7, terms, *commit))
            .collect();
        let (diff, damage) = diff(&sources).unwrap();
        assert_eq!(damage, Vec::new());
        diff
    }

    #[test]
    fn a_shorter_log_is_no_difference() {
        let diff = compare(&[(&[2, 2, 3], 4), (&[2, 2], 2), (&[2], 2)]);
        assert_eq!((diff.verdict, diff.agree_until, diff.differences.len()), (Verdict::Agree, Some(3), 0));
        assert_eq!(diff.logs.iter().map(|log| log.last).collect::<Vec<_>>(), [Some(4), Some(3), Some(2)]);
        assert_eq!(diff.logs[0].commit, 4);
    }

    #[test]
    fn tails_may_differ_where_one_side_has_not_committed() {
        let diff = compare(&[(&[2, 2, 4], 4), (&[2, 2, 3, 3], 3)]);
        assert_eq!((diff.verdict, diff.agree_until), (Verdict::TailsDiffer, Some(3)));
        assert_eq!(diff.differences.len(), 1, "what follows the first difference is no news");
        assert_eq!((diff.differences[0].index, diff.differences[0].terms), (4, [4, 3]));
    }

    #[test]
    fn what_both_have_committed_must_not_differ() {
        let diff = compare(&[(&[2, 2, 4], 4), (&[2, 2, 3, 3], 5)]);
        assert_eq!(diff.verdict, Verdict::CommittedDiffer);
        assert!(diff.differences[0].committed);
    }

    #[test]
    fn logs_of_two_clusters_are_not_compared() {
        let home = tempfile::tempdir().unwrap();
        let sources = [log(&home.path().join("a"), 7, &[2], 2), log(&home.path().join("b"), 8, &[2], 2)];
        assert!(matches!(diff(&sources), Err(DiffError::Clusters { .. })));
    }
}
