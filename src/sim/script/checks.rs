//! The invariants of the whole world, checked after every input (I1 to I12 as far as they can be seen from outside).
//!
//! The checks see views, not cores: what each node believes, what its disk holds, and what history has shown before.
//! They know nothing of how a core decides.

use core::hash::{Hash, Hasher};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::raft::quorum::{overlap, reached};
use crate::raft::{Config, HardState, Index, LogId, NodeId, Role, Term};

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {what}")]
pub struct Violation {
    /// The id and name of the invariant.
    pub rule: &'static str,
    pub what: String,
}

/// One node as the checks see it.
#[derive(Clone, Debug)]
pub(in crate::sim) struct View {
    pub id: NodeId,
    pub durable: HardState,
    pub durable_log: Vec<LogId>,
    /// The disk is another one than the cluster admitted, or was damaged; what it once held may be gone (R65, R66).
    pub disk_lost: bool,
    /// Entries that damage has taken from the log; they were durable once.
    pub lost: Vec<LogId>,
    /// None while the node is down.
    pub core: Option<CoreView>,
}

/// What a running core believes.
#[derive(Clone, Debug)]
pub(in crate::sim) struct CoreView {
    /// Which start of the node this is.
    pub incarnation: u64,
    pub role: Role,
    pub term: Term,
    pub commit: Index,
    pub applied: Index,
    pub durable: Index,
    pub log: Vec<LogId>,
    /// In force.
    pub config: Arc<Config>,
    /// All configuration entries of the log, in order.
    pub configs: Vec<(LogId, Arc<Config>)>,
    /// As leader: up to where each peer is believed equal.
    pub matched: Vec<(NodeId, Index)>,
}

impl Violation {
    /// A leader gave a new entry a log id that another entry has had (I3).
    pub(in crate::sim) fn reused(entry: LogId) -> Violation {
        Violation { rule: "I3 log matching", what: format!("{entry} was given to two entries") }
    }

    /// A read may be answered without something that was committed before it was asked (I12).
    pub(in crate::sim) fn stale_read(id: NodeId, answered: Index, committed: Index) -> Violation {
        let what = format!("{id} answers a read at {answered} that was asked when {committed} was committed");
        Violation { rule: "I12 linearizable reads", what }
    }
}

/// What must not be forgotten between two checks.
#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct History {
    leaders: BTreeMap<Term, NodeId>,
    /// The entry before each entry, over all logs ever seen.
    predecessors: BTreeMap<LogId, LogId>,
    /// The committed log, and the term of the node that first saw each entry committed.
    committed: Vec<(LogId, Term)>,
    votes: BTreeMap<(NodeId, Term), NodeId>,
    durable_terms: BTreeMap<NodeId, Term>,
    /// Pairs of configurations, one behind the other in some log, whose quorums are known to meet.
    overlapping: BTreeSet<(LogId, LogId)>,
    /// Incarnation, role, term, commit, applied and log at the last check.
    last: BTreeMap<NodeId, CoreView>,
}

type Checked = Result<(), Violation>;

impl History {
    /// Compares the world with itself and with its past.
    pub(in crate::sim) fn check(&mut self, views: &[View]) -> Checked {
        for view in views {
            self.check_disk(view)?;
        }
        for view in views {
            if let Some(core) = &view.core {
                self.check_bounds(view, core)?;
                self.check_leader(view.id, core)?;
                self.check_log_matching(view.id, &core.log)?;
                self.check_configs(view.id, core)?;
            }
        }
        for view in views {
            if let Some(core) = &view.core {
                self.check_commit(view.id, core, views)?;
            }
        }
        for view in views {
            if let Some(core) = &view.core {
                self.check_completeness(view.id, core)?;
                self.check_progress(view.id, core, views)?;
                self.last.insert(view.id, core.clone());
            }
        }
        Ok(())
    }

    /// Everything that a later check compares with, except what belongs to the state of the nodes itself.
    pub(in crate::sim) fn hash_past<H: Hasher>(&self, state: &mut H) {
        let History { leaders, predecessors, committed, votes, durable_terms: _, overlapping: _, last: _ } = self;
        (leaders, predecessors, committed, votes).hash(state);
    }

    /// Takes `views` for what the last check saw: for whoever keeps the past apart from the present.
    pub(in crate::sim) fn resume(&mut self, views: &[View]) {
        for view in views {
            self.durable_terms.insert(view.id, view.durable.term);
            if let Some(core) = &view.core {
                self.last.insert(view.id, core.clone());
            }
        }
    }

    /// Forgets what `resume` and `hash_past` leave to the state of the nodes.
    pub(in crate::sim) fn forget_present(&mut self) {
        self.durable_terms.clear();
        self.last.clear();
        self.overlapping.clear();
    }

    /// Where the committed log ends, as far as any node has known.
    pub(in crate::sim) fn committed(&self) -> Index {
        Index(self.committed.len() as u64)
    }

    /// Whether any log has ever held this entry.
    pub(in crate::sim) fn knows(&self, entry: LogId) -> bool {
        self.predecessors.contains_key(&entry)
    }

    /// The committed entry at `index`, as far as any node has known.
    pub(super) fn committed_at(&self, index: Index) -> Option<LogId> {
        let place = usize::try_from(index.0.checked_sub(1)?).ok()?;
        self.committed.get(place).map(|(entry, _)| *entry)
    }

    /// A log from its first entry on: what a snapshot covers is what was committed (I5).
    pub(super) fn whole_log(&self, id: NodeId, base: LogId, log: Vec<LogId>) -> Result<Vec<LogId>, Violation> {
        if base == LogId::ZERO {
            return Ok(log);
        }
        let covered = usize::try_from(base.index.0).expect("scripted logs fit in memory");
        let committed = self.committed.get(covered - 1).map(|(entry, _)| *entry);
        hold(committed == Some(base), "I5 state-machine safety", || {
            let found = committed.map_or("nothing".to_owned(), |entry| entry.to_string());
            format!("a snapshot of {id} covers {base}, but {found} is committed there")
        })?;
        Ok(self.committed[..covered].iter().map(|(entry, _)| *entry).chain(log).collect())
    }

    /// The node comes back with another disk, which owes nothing to what the old one held.
    pub(in crate::sim) fn forget(&mut self, id: NodeId) {
        self.durable_terms.remove(&id);
        self.votes.retain(|(voter, _), _| *voter != id);
        self.last.remove(&id);
    }

    /// I6, I7 and I11 on what would survive a crash.
    fn check_disk(&mut self, view: &View) -> Checked {
        let HardState { term, vote } = view.durable;
        let before = self.durable_terms.insert(view.id, term).unwrap_or_default();
        hold(term >= before, "I6 monotonic", || {
            format!("the durable term of {} fell from {before} to {term}", view.id)
        })?;
        if let Some(candidate) = vote {
            let first = *self.votes.entry((view.id, term)).or_insert(candidate);
            hold(first == candidate, "I7 one vote", || {
                format!("{} voted for {first} and for {candidate} in term {term}", view.id)
            })?;
        }
        let newest = view.durable_log.last().map_or(Term(0), |last| last.term);
        hold(term >= newest, "I11 bounds", || {
            format!("{} holds an entry of term {newest} durably, but only term {term}", view.id)
        })?;
        self.check_log_matching(view.id, &view.durable_log)
    }

    /// I6 and I11 on a running core.
    fn check_bounds(&self, view: &View, core: &CoreView) -> Checked {
        let (id, last) = (view.id, core.log.len() as u64);
        hold(core.applied <= core.commit && core.commit.0 <= last, "I11 bounds", || {
            format!("{id} applied {}, committed {}, holds {last}", core.applied, core.commit)
        })?;
        hold(core.applied <= core.durable, "I11 bounds", || {
            format!("{id} applied {}, durable only {}", core.applied, core.durable)
        })?;
        let claimed = usize::try_from(core.durable.0).expect("scripted logs fit in memory");
        let believed = core.log.get(..claimed);
        hold(believed.is_some() && believed == view.durable_log.get(..claimed), "I8 durable commit", || {
            format!("{id} takes its log for durable up to {}, its disk holds something else", core.durable)
        })?;
        let Some(before) = self.last.get(&id).filter(|before| before.incarnation == core.incarnation) else {
            return hold(core.term >= view.durable.term, "I6 monotonic", || {
                format!("{id} started in term {}, below its durable term {}", core.term, view.durable.term)
            });
        };
        let monotonic = core.term >= before.term && core.commit >= before.commit && core.applied >= before.applied;
        hold(monotonic, "I6 monotonic", || format!("term, commit or applied of {id} fell"))?;
        let same_reign = before.role == Role::Leader && core.role == Role::Leader && before.term == core.term;
        hold(!same_reign || core.log.starts_with(&before.log), "I2 leader append-only", || {
            format!("{id} changed its own log while it led term {}", core.term)
        })
    }

    /// I1.
    fn check_leader(&mut self, id: NodeId, core: &CoreView) -> Checked {
        if core.role != Role::Leader {
            return Ok(());
        }
        let first = *self.leaders.entry(core.term).or_insert(id);
        hold(first == id, "I1 election safety", || format!("{first} and {id} both led term {}", core.term))
    }

    /// I3: a log id has one predecessor, in every log that was ever seen.
    fn check_log_matching(&mut self, id: NodeId, log: &[LogId]) -> Checked {
        let mut before = LogId::ZERO;
        for entry in log {
            let known = *self.predecessors.entry(*entry).or_insert(before);
            hold(known == before, "I3 log matching", || {
                format!("{entry} follows {before} at {id}, and {known} elsewhere")
            })?;
            before = *entry;
        }
        Ok(())
    }

    /// I10 and R72: the configuration in force is the newest of the log, the quorums of one and of the next meet, and a
    /// leader appends one only when it has committed an entry of its term and every configuration before.
    fn check_configs(&mut self, id: NodeId, core: &CoreView) -> Checked {
        let newest = core.configs.last().map(|(_, config)| config);
        hold(newest.is_none_or(|newest| *newest == core.config), "I10 quorum overlap", || {
            format!("{id} counts by {}, which is not the newest configuration of its log", core.config)
        })?;
        for pair in core.configs.windows(2) {
            let [(one, before), (other, after)] = pair else { continue };
            if !self.overlapping.contains(&(*one, *other)) {
                hold(overlap(before, after), "I10 quorum overlap", || {
                    format!("a quorum of {before} at {one} and one of {after} at {other} have no node in common")
                })?;
                self.overlapping.insert((*one, *other));
            }
        }
        let open: Vec<LogId> = core.configs.iter().map(|(at, _)| *at).filter(|at| at.index > core.commit).collect();
        let is_own = |at: &&LogId| core.role == Role::Leader && at.term == core.term;
        let Some(own) = open.iter().find(is_own) else { return Ok(()) };
        hold(open.len() == 1, "R72 one change at a time", || {
            format!("{id} appended the configuration at {own} on top of another that is not committed")
        })?;
        let place = usize::try_from(core.commit.prev().0).expect("scripted logs fit in memory");
        let committed = core.log.get(place).map_or(Term(0), |entry| entry.term);
        hold(committed == core.term, "R72 one change at a time", || {
            format!("{id} appended the configuration at {own} before it had committed anything of term {}", core.term)
        })
    }

    /// I5 and I8: everybody commits the same, and what is committed anew lies on a durable quorum.
    fn check_commit(&mut self, id: NodeId, core: &CoreView, views: &[View]) -> Checked {
        let commit = usize::try_from(core.commit.0).expect("scripted logs fit in memory");
        for (entry, (committed, _)) in core.log.iter().zip(&self.committed).take(commit) {
            hold(entry == committed, "I5 state-machine safety", || {
                format!("{id} committed {entry}, but {committed} was committed before")
            })?;
        }
        if commit <= self.committed.len() {
            return Ok(());
        }
        let newest = core.log[commit - 1];
        let is_held = |config: &Config| {
            let holders = reached(config, |voter| {
                // What was durable when it was acknowledged counts, whatever damage came later (R66).
                let has_held =
                    |view: &View| view.durable_log.get(commit - 1) == Some(&newest) || view.lost.contains(&newest);
                let holds = |view: &&View| view.id == voter && has_held(view);
                views.iter().find(holds).map_or(Index(0), |_| newest.index)
            });
            holders == newest.index
        };
        // What a commit allows may be appended with the same input, and be another configuration: a promotion.
        let before = self.last.get(&id).is_some_and(|before| is_held(&before.config));
        hold(before || is_held(&core.config), "I8 durable commit", || {
            format!("{id} committed {newest}, which no quorum holds durably")
        })?;
        let news = &core.log[self.committed.len()..commit];
        self.committed.extend(news.iter().map(|entry| (*entry, core.term)));
        Ok(())
    }

    /// I4: a leader holds everything that was committed in earlier terms.
    fn check_completeness(&self, id: NodeId, core: &CoreView) -> Checked {
        if core.role != Role::Leader {
            return Ok(());
        }
        for (position, (entry, _)) in self.committed.iter().enumerate().filter(|(_, (_, term))| *term < core.term) {
            hold(core.log.get(position) == Some(entry), "I4 leader completeness", || {
                format!("{id} leads term {} without the committed entry {entry}", core.term)
            })?;
        }
        Ok(())
    }

    /// I9: what a leader counts is really there, unless a newer leader has spoken to that peer since.
    fn check_progress(&self, id: NodeId, core: &CoreView, views: &[View]) -> Checked {
        for (peer, matched) in &core.matched {
            let Some(view) = views.iter().find(|view| view.id == *peer) else { continue };
            if view.disk_lost || view.durable.term > core.term || *matched == Index(0) {
                continue;
            }
            let place = usize::try_from(matched.prev().0).expect("scripted logs fit in memory");
            let real = core.log.get(place).is_some() && view.durable_log.get(place) == core.log.get(place);
            hold(real, "I9 progress truth", || {
                format!("{id} counts {peer} up to {matched}, which is not on its disk")
            })?;
        }
        Ok(())
    }
}

fn hold(holds: bool, rule: &'static str, what: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(Violation { rule, what: what() }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::{Member, StorageId};

    /// Owned parts of a view, in a state that breaks nothing: every node holds `1@1 2@2`, n1 leads term 2.
    #[derive(Clone)]
    struct World {
        nodes: Vec<(HardState, Vec<LogId>, CoreView)>,
    }

    impl World {
        fn new() -> World {
            let member =
                |id| Member { id: NodeId(id), name: String::new(), address: String::new(), storage: StorageId(1) };
            let config = Arc::new(Config::of((1..=3).map(member).collect(), Vec::new()));
            let log = vec![LogId::new(1, 1), LogId::new(2, 2)];
            let node = |id: u64| {
                let core = CoreView {
                    incarnation: 1,
                    role: if id == 1 { Role::Leader } else { Role::Follower },
                    term: Term(2),
                    commit: Index(1),
                    applied: Index(1),
                    durable: Index(2),
                    log: log.clone(),
                    config: Arc::clone(&config),
                    configs: vec![(LogId::new(1, 1), Arc::clone(&config))],
                    matched: Vec::new(),
                };
                (HardState { term: Term(2), vote: Some(NodeId(1)) }, log.clone(), core)
            };
            World { nodes: (1..=3).map(node).collect() }
        }

        /// n1, as leader, appends a configuration at each of these indexes, and everybody has them.
        fn append_configs(&mut self, indexes: &[u64]) {
            for (_, durable, core) in &mut self.nodes {
                let config = Arc::clone(&core.config);
                for index in indexes {
                    let entry = LogId::new(*index, 2);
                    core.log.truncate(usize::try_from(index - 1).expect("few entries"));
                    durable.truncate(usize::try_from(index - 1).expect("few entries"));
                    core.log.push(entry);
                    durable.push(entry);
                    core.configs.push((entry, Arc::clone(&config)));
                }
            }
        }

        fn check(&self, history: &mut History) -> Checked {
            let mut views = Vec::new();
            for (id, (durable, log, core)) in (1..).map(NodeId).zip(&self.nodes) {
                views.push(View {
                    id,
                    durable: *durable,
                    durable_log: log.clone(),
                    disk_lost: false,
                    lost: Vec::new(),
                    core: Some(core.clone()),
                });
            }
            history.check(&views)
        }
    }

    fn voting(ids: &[u64]) -> Arc<Config> {
        Arc::new(Config { voters: ids.iter().map(|id| NodeId(*id)).collect(), ..Config::default() })
    }

    /// What breaks, and how a sound world is changed into one where it is broken.
    type Case = (&'static str, fn(&mut World));

    const CASES: &[Case] = &[
        ("I1 election safety", |world| world.nodes[1].2.role = Role::Leader),
        ("I2 leader append-only", |world| {
            world.nodes[0].2.log.pop();
            world.nodes[0].2.durable = Index(1);
        }),
        ("I3 log matching", |world| {
            world.nodes[1].1 = vec![LogId::new(1, 2), LogId::new(2, 2)];
            world.nodes[1].2.durable = Index(0);
            world.nodes[1].2.applied = Index(0);
            world.nodes[1].2.incarnation = 2;
        }),
        ("I4 leader completeness", |world| {
            world.nodes[0].2.role = Role::Follower;
            world.nodes[1].2.role = Role::Leader;
            world.nodes[1].2.term = Term(3);
            world.nodes[1].2.incarnation = 2;
            world.nodes[1].2.commit = Index(0);
            world.nodes[1].2.applied = Index(0);
            world.nodes[1].2.durable = Index(0);
            world.nodes[1].2.log = Vec::new();
        }),
        ("I5 state-machine safety", |world| {
            world.nodes[1].2.log = vec![LogId::new(1, 2)];
            world.nodes[1].1 = vec![LogId::new(1, 2)];
            world.nodes[1].2.durable = Index(1);
        }),
        ("I6 monotonic", |world| world.nodes[2].2.term = Term(1)),
        ("I6 monotonic", |world| world.nodes[2].0 = HardState { term: Term(1), vote: None }),
        ("I7 one vote", |world| world.nodes[2].0.vote = Some(NodeId(3))),
        ("I8 durable commit", |world| {
            world.nodes[0].2.commit = Index(2);
            for node in &mut world.nodes[1..] {
                node.1.pop();
                node.2.durable = Index(1);
            }
        }),
        ("I8 durable commit", |world| world.nodes[2].2.durable = Index(3)),
        ("I9 progress truth", |world| {
            world.nodes[1].1.pop();
            world.nodes[1].2.durable = Index(1);
            world.nodes[0].2.matched = vec![(NodeId(2), Index(2))];
        }),
        ("I10 quorum overlap", |world| {
            let core = &mut world.nodes[1].2;
            core.config = voting(&[2]);
            core.configs.push((LogId::new(2, 2), voting(&[2])));
        }),
        ("I10 quorum overlap", |world| world.nodes[1].2.config = voting(&[1, 2])),
        ("R72 one change at a time", |world| world.append_configs(&[2])),
        ("R72 one change at a time", |world| world.append_configs(&[2, 3])),
        ("I11 bounds", |world| world.nodes[2].2.commit = Index(3)),
        ("I11 bounds", |world| world.nodes[2].1.push(LogId::new(3, 3))),
    ];

    #[test]
    fn each_invariant_is_seen_when_it_breaks_and_only_then() {
        for (rule, break_it) in CASES {
            let mut history = History::default();
            let mut world = World::new();
            assert_eq!(world.check(&mut history), Ok(()), "before {rule} is broken");
            assert_eq!(world.check(&mut history), Ok(()), "an unchanged world breaks nothing");
            break_it(&mut world);
            let violation = world.check(&mut history).expect_err(rule);
            assert_eq!(violation.rule, *rule, "{}", violation.what);
        }
    }
}
