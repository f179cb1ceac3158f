//! Whether logs hold the same entries, who holds what, and what became of each tail.
//!
//! Two logs that hold the same log id hold the same prefix (I3), so for each pair only the first difference matters. A
//! difference above what either side knows to be committed is the trace of a lost leader; one that both know to be
//! committed must not exist (I4). A shorter log is no difference. What a tail is worth is told by `tails`, who could
//! be elected by `votes`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::log::{Progress, Source, watch};
use super::tails::{self, Tail};
use super::votes::{self, Election};
use crate::codec::entry::decode_config;
use crate::codec::{Kind, RecordHeader};
use crate::raft::{ClusterId, Config, Index, LogId, NodeId, Term};
use crate::storage::reader::{Damage, Item, WalkError};
use crate::storage::snapshot_file;

/// What was found, over all logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diff {
    pub verdict: Verdict,
    /// Up to here all logs that reach so far agree; null when they share nothing.
    pub agree_until: Option<u64>,
    pub logs: Vec<LogEnds>,
    pub differences: Vec<Difference>,
    /// Entries above what all logs know to be committed: who holds them, and what became of them.
    pub tails: Vec<Tail>,
    /// For each log, whether its node could win an election with the logs as they are.
    pub elections: Vec<Election>,
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
    /// Last entry of the newest snapshot beside the log; null without one.
    pub snapshot: Option<u64>,
    /// Its term, from the hard state.
    pub term: Option<u64>,
    /// Damage was found: the log may once have held more.
    pub damaged: bool,
    /// It is being repaired by the others and gives no vote (R64).
    pub recovering: bool,
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

/// One log as the judges of tails and votes see it.
#[derive(Clone, Debug)]
pub(super) struct Voice {
    pub(super) name: String,
    pub(super) id: Option<NodeId>,
    /// The first entry that the log itself holds.
    pub(super) first: Index,
    pub(super) last: LogId,
    pub(super) commit: Index,
    pub(super) term: Term,
    /// Holds everything that it ever acknowledged, as far as its disk shows.
    pub(super) is_trusted: bool,
    /// With the index of the entry that brought each, the one of the newest snapshot first.
    pub(super) configs: Vec<(Index, Arc<Config>)>,
}

/// Entries of one term that the same logs hold, and no others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: Index,
    pub(super) last: Index,
    pub(super) term: Term,
    /// Positions of logs, rising.
    pub(super) holders: Vec<usize>,
}

/// Why logs could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    #[error("the log of {name} cannot be read")]
    Walk { name: String, source: WalkError },
    #[error("{one} and {other} belong to different clusters")]
    Clusters { one: String, other: String },
    #[error("the values of {one} were redacted, those of {other} were not")]
    Redacted { one: String, other: String },
}

/// Compares all logs, each with each, in one pass over all of them.
///
/// # Errors
/// A log cannot be read, the logs belong to different clusters, or the values of only some of them were redacted.
pub fn diff(sources: &[Source], progress: &Progress<'_>) -> Result<(Diff, Vec<Damage>), DiffError> {
    let (redacted, whole): (Vec<&Source>, Vec<&Source>) = sources.iter().partition(|source| source.is_redacted());
    if let (Some(one), Some(other)) = (redacted.first(), whole.first()) {
        return Err(DiffError::Redacted { one: one.name(), other: other.name() });
    }
    let heads = sources.iter().map(|source| Head::open(source, progress)).collect::<Result<Vec<_>, _>>()?;
    let mut comparison = Comparison { heads, ..Comparison::default() };
    while let Some(index) = comparison.heads.iter().filter_map(|head| head.record).map(|record| record.index).min() {
        comparison.compare(index);
    }
    comparison.finish(sources)
}

#[derive(Default)]
struct Comparison<'a> {
    heads: Vec<Head<'a>>,
    runs: Vec<Run>,
    /// Runs that the next index may continue.
    growing: Vec<Run>,
    first_differences: Vec<FirstDifference>,
    agree_until: Option<u64>,
}

/// Two logs by position, the index, and their terms there.
struct FirstDifference {
    one: usize,
    other: usize,
    index: u64,
    terms: [u64; 2],
}

impl Comparison<'_> {
    /// Groups the logs by what they hold at `index`, and moves those that hold anything on.
    fn compare(&mut self, index: u64) {
        let mut groups: BTreeMap<(u64, u32), Vec<usize>> = BTreeMap::new();
        let present: Vec<(usize, Record)> = self
            .heads
            .iter()
            .enumerate()
            .filter_map(|(at, head)| Some((at, head.record.filter(|record| record.index == index)?)))
            .collect();
        for (at, record) in &present {
            groups.entry((record.term, record.check)).or_default().push(*at);
        }
        if groups.len() > 1 {
            self.note_differences(index, &present);
        }
        if self.first_differences.is_empty() && present.len() > 1 {
            self.agree_until = Some(index);
        }
        for ((term, _), holders) in groups {
            self.extend_run(Index(index), Term(term), holders);
        }
        self.end_runs(Index(index));
        for (at, _) in present {
            self.heads[at].advance();
        }
    }

    fn note_differences(&mut self, index: u64, present: &[(usize, Record)]) {
        for (position, (one, mine)) in present.iter().enumerate() {
            for (other, theirs) in &present[position + 1..] {
                let is_known = self.first_differences.iter().any(|known| (known.one, known.other) == (*one, *other));
                if !is_known && (mine.term, mine.check) != (theirs.term, theirs.check) {
                    let (one, other, terms) = (*one, *other, [mine.term, theirs.term]);
                    self.first_differences.push(FirstDifference { one, other, index, terms });
                }
            }
        }
    }

    /// Runs are as many as there are terms and changes of holders; what is committed anyway is not told by terms.
    fn extend_run(&mut self, index: Index, term: Term, holders: Vec<usize>) {
        let commit = self.heads.iter().map(|head| head.ends.commit).max().unwrap_or(0);
        let is_its = |run: &&mut Run| run.last.next() == index && run.holders == holders;
        match self.growing.iter_mut().find(is_its) {
            Some(run) if run.term == term || index.0 <= commit => {
                run.last = index;
                run.term = term;
            }
            _ => self.growing.push(Run { first: index, last: index, term, holders }),
        }
    }

    /// Sets aside the runs that `index` did not continue.
    fn end_runs(&mut self, index: Index) {
        self.runs.extend(self.growing.extract_if(.., |run| run.last < index));
    }

    fn finish(mut self, sources: &[Source]) -> Result<(Diff, Vec<Damage>), DiffError> {
        for (at, head) in self.heads.iter().enumerate() {
            if let (Some(mine), Some(first)) = (head.cluster, self.heads[0].cluster)
                && mine != first
            {
                return Err(DiffError::Clusters { one: sources[0].name(), other: sources[at].name() });
            }
        }
        self.runs.append(&mut self.growing);
        self.runs.sort_by_key(|run| (run.first, run.term));
        let mut damage = Vec::new();
        let mut logs = Vec::new();
        let mut voices = Vec::new();
        for (source, mut head) in sources.iter().zip(self.heads) {
            let found = source.confirm(std::mem::take(&mut head.damage)).map_err(walk_error(source))?;
            head.ends.damaged = !found.is_empty();
            damage.extend(found);
            voices.push(head.voice(source));
            logs.push(head.ends);
        }
        let difference = |found: FirstDifference| Difference {
            index: found.index,
            between: [sources[found.one].name(), sources[found.other].name()],
            terms: found.terms,
            committed: logs[found.one].commit.min(logs[found.other].commit) >= found.index,
        };
        let differences: Vec<Difference> = self.first_differences.into_iter().map(difference).collect();
        let verdict = differences.iter().map(Difference::verdict).max().unwrap_or(Verdict::Agree);
        let elections = votes::elections(&voices);
        let tails = tails::judge(&voices, &self.runs, &elections);
        Ok((Diff { verdict, agree_until: self.agree_until, logs, differences, tails, elections }, damage))
    }
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
struct Head<'a> {
    items: Box<dyn Iterator<Item = Item> + 'a>,
    record: Option<Record>,
    ends: LogEnds,
    node: Option<NodeId>,
    cluster: Option<ClusterId>,
    snapshot: LogId,
    configs: Vec<(Index, Arc<Config>)>,
    damage: Vec<Damage>,
    is_redacted: bool,
}

impl<'a> Head<'a> {
    fn open(source: &Source, progress: &'a Progress<'a>) -> Result<Head<'a>, DiffError> {
        let walk = source.walk().map_err(walk_error(source))?;
        let newest = source.snapshots().into_iter().next();
        let head = newest.as_ref().and_then(|snapshot| snapshot_file::read_head_on(source.disk(), &snapshot.path).ok());
        let ends = LogEnds {
            node: source.node.clone(),
            path: source.path.display().to_string(),
            commit: source.commit_beside().0,
            snapshot: newest.as_ref().map(|snapshot| snapshot.last.index.0),
            term: source.hard_state().map(|slot| slot.hard_state.term.0),
            recovering: source.is_recovering(),
            ..LogEnds::default()
        };
        let mut head = Head {
            items: Box::new(watch(walk, progress)),
            record: None,
            ends,
            node: None,
            cluster: head.as_ref().map(|(cluster, _)| *cluster),
            snapshot: newest.map_or(LogId::ZERO, |snapshot| snapshot.last),
            configs: head.into_iter().map(|(_, head)| (head.config_index, head.config)).collect(),
            damage: Vec::new(),
            is_redacted: source.is_redacted(),
        };
        head.advance();
        Ok(head)
    }

    fn advance(&mut self) {
        self.record = None;
        for item in self.items.by_ref() {
            match item {
                Item::Record { header, payload, .. } => {
                    let (index, term) = (header.id.index.0, header.id.term.0);
                    self.ends.first = self.ends.first.or(Some(index));
                    self.ends.last = Some(index);
                    self.ends.last_term = Some(term);
                    if header.kind == Kind::Config
                        && let Ok((config, _)) = decode_config(&payload)
                    {
                        self.configs.push((header.id.index, Arc::new(config)));
                    }
                    let check = if self.is_redacted { check_alone(&header, &payload) } else { header.check };
                    self.record = Some(Record { index, term, check });
                    return;
                }
                Item::Marker { marker, .. } => self.ends.commit = self.ends.commit.max(marker.commit_hint.0),
                Item::Segment(segment) => {
                    self.cluster = self.cluster.or(Some(segment.header.cluster_id));
                    self.node = self.node.or(Some(segment.header.node));
                }
                Item::Damage(damage) => self.damage.push(damage),
                Item::TornTail { .. } | Item::Dead { .. } => {}
            }
        }
    }

    fn voice(&self, source: &Source) -> Voice {
        let in_log = LogId::new(self.ends.last.unwrap_or(0), self.ends.last_term.unwrap_or(0));
        let last = in_log.max(self.snapshot);
        let mut configs = self.configs.clone();
        configs.sort_by_key(|(index, _)| *index);
        Voice {
            name: source.name(),
            id: self.node,
            first: Index(self.ends.first.unwrap_or(u64::MAX)),
            last,
            commit: Index(self.ends.commit),
            term: Term(self.ends.term.unwrap_or(0)).max(last.term),
            is_trusted: !self.ends.damaged && !self.ends.recovering,
            configs,
        }
    }
}

/// Tells entries apart without their chain: where values were redacted it begins with the first entry that is left, which
/// need not be the same in two logs.
fn check_alone(header: &RecordHeader, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[header.kind.to_byte()]);
    hasher.update(&header.wall_ms.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

fn walk_error(source: &Source) -> impl Fn(WalkError) -> DiffError {
    let name = source.name();
    move |source| DiffError::Walk { name: name.clone(), source }
}

#[cfg(test)]
#[path = "diff_tests.rs"]
mod tests;
