//! After the faults: a core of the nodes must work again while the rest stays broken, and then everybody must.
//!
//! | phase | what is broken | what must come |
//! | --- | --- | --- |
//! | faulty | whatever the plan says | safety only |
//! | core | everything but a majority, which is sound and well connected | a leader, a fresh write and a fresh read |
//! | converging | the same; clients are quiet | all of the core hold and have applied the same log |
//! | whole | what cannot be mended | everybody who can does |

use core::time::Duration;
use std::sync::Arc;

use super::checkers::Checked;
use super::network::Link;
use super::operators::learners_soon;
use super::script::Violation;
use super::world::{Coming, World};
use crate::raft::quorum::majority;
use crate::raft::{Config, NodeId, Time};

/// How often the run looks at how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A leader must be there within so many election timeouts, and whatever the start of a process costs (§5.6).
const LEADER_WITHIN_TIMEOUTS: u32 = 20;

/// A fresh write and a fresh read must be through within so many more.
const PROBE_WITHIN_TIMEOUTS: u32 = 20;

/// Time for a process to start, to read back its log, and for clients to find the leader.
const START_GRACE: Duration = Duration::from_secs(3);

/// Under tiny limits a follower that is far behind gains an entry or two with each heartbeat.
const CATCH_UP_HEARTBEATS_PER_ENTRY: u32 = 2;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Faulty,
    Core { since: Time, core: Vec<usize>, has_led: bool },
    Converging { since: Time, core: Vec<usize> },
    Whole { since: Time, nodes: Vec<usize> },
    Done,
}

/// What becomes of the nodes that are not in the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    Down,
    Isolated,
    /// The core does not hear them.
    Mute,
    /// They do not hear the core.
    Deaf,
    /// Each talks with one node of the core only.
    Dangling,
    /// They take part, over the links of the plan.
    Present,
}

impl Phase {
    pub(super) fn is_faulty(&self) -> bool {
        *self == Phase::Faulty
    }

    pub(super) fn is_done(&self) -> bool {
        *self == Phase::Done
    }

    /// Cuts of an earlier round are not mended again.
    pub(super) fn round(&self) -> u64 {
        u64::from(!self.is_faulty())
    }

    fn word(&self) -> &'static str {
        match self {
            Phase::Faulty => "faulty",
            Phase::Core { .. } => "core",
            Phase::Converging { .. } => "converging",
            Phase::Whole { .. } => "whole",
            Phase::Done => "done",
        }
    }
}

impl World {
    /// Plans the end of the faulty time.
    pub(super) fn plan_recovery(&mut self) {
        self.queue.push(Time::default() + self.plan.span, Coming::Look);
    }

    pub(super) fn look(&mut self) -> Checked {
        let before = self.phase.word();
        let phase = self.phase.clone();
        match phase {
            // What operators have asked for is decided first, or it could change what a quorum is.
            Phase::Faulty if self.operators.are_done() => self.begin_core()?,
            Phase::Faulty => {}
            Phase::Core { since, core, has_led } => self.look_at_core(since, core, has_led)?,
            Phase::Converging { since, core } => {
                self.leave_if_joint()?;
                if self.have_converged(&core) {
                    self.begin_whole()?;
                } else {
                    self.expect_within(since, self.catch_up_max(), "all of the core hold the same log", &core)?;
                }
            }
            Phase::Whole { since, nodes } => {
                self.leave_if_joint()?;
                if self.have_converged(&nodes) && self.clients.are_all_idle() {
                    self.phase = Phase::Done;
                } else {
                    self.expect_within(since, self.catch_up_max(), "everybody holds the same log", &nodes)?;
                }
            }
            Phase::Done => return Ok(()),
        }
        let after = self.phase.word();
        if before != after {
            self.trace.line(self.now, || format!("* the world is now in its phase: {after}"));
        }
        if !self.phase.is_done() {
            self.queue.push(self.now + LOOK_EVERY, Coming::Look);
        }
        Ok(())
    }

    /// Chooses a quorum of every configuration that may be in force, mends it, and breaks the rest for good.
    fn begin_core(&mut self) -> Checked {
        let count = self.machines.len();
        let configs = self.checkers.possible_configs();
        let core = self.choose_core(&configs);
        let rest: Vec<usize> = (0..count).filter(|at| !core.contains(at)).collect();
        let settings = &self.plan.settings;
        let may_disturb = settings.pre_vote && settings.check_quorum;
        // One of the rest that talks with one of the core must not be a quorum with it.
        let may_dangle = configs.iter().flat_map(|config| halves(config)).all(|half| majority(half.len()) > 2);
        let state = match self.fault_dice.below(if may_disturb { 6 } else { 2 }) {
            0 => Rest::Down,
            2 => Rest::Mute,
            3 => Rest::Deaf,
            4 if may_dangle => Rest::Dangling,
            5 => Rest::Present,
            _ => Rest::Isolated,
        };
        self.phase = Phase::Core { since: self.now, core: core.clone(), has_led: false };
        self.break_rest(&core, &rest, state);
        self.trace.line(self.now, || format!("* the core is {}, the rest is {state:?}", names(&core)));
        for at in &core {
            self.mend_machine(*at)?;
        }
        self.calm(&core);
        self.plan_probe(core);
        Ok(())
    }

    /// Members who never lost anything, in any order, until they are a quorum of each half, and perhaps some more.
    fn choose_core(&mut self, configs: &[Arc<Config>]) -> Vec<usize> {
        let is_member = |at: &usize| configs.iter().any(|config| config.is_member(self.machines[*at].id));
        let mut order: Vec<usize> = (0..self.machines.len()).filter(|at| is_member(at) && !self.is_hurt(*at)).collect();
        self.fault_dice.shuffle(&mut order);
        // A learner that is not among them may have caught up, and is made a voter before its leader misses it.
        let is_quorum = |nodes: &[usize]| {
            let count = |ids: &[NodeId]| nodes.iter().filter(|at| ids.contains(&self.machines[**at].id)).count();
            configs.iter().all(|config| {
                let learners = learners_soon(config);
                let absent = learners.len() - count(&learners);
                let holds_old =
                    config.outgoing.is_empty() || count(&config.outgoing) >= majority(config.outgoing.len());
                holds_old && count(&config.voters) >= majority(config.voters.len() + absent)
            })
        };
        let is_core = |size: &usize| is_quorum(&order[..*size]) && self.checkers.can_elect(&order[..*size]);
        let least = (1..=order.len()).find(is_core);
        let least = least.expect("operators and faults leave a quorum of every configuration, and one it can elect");
        let size = self.fault_dice.between(least as u64, order.len() as u64) as usize;
        let size = (size..=order.len()).find(|size| self.checkers.can_elect(&order[..*size])).unwrap_or(least);
        order.truncate(size);
        order.sort_unstable();
        order
    }

    fn break_rest(&mut self, core: &[usize], rest: &[usize], state: Rest) {
        let across = |from: &[usize], to: &[usize]| -> Vec<Link> {
            from.iter().flat_map(|one| to.iter().map(move |other| (*one, *other))).collect()
        };
        let links = match state {
            Rest::Down => {
                for at in rest {
                    self.switch_off(*at);
                }
                Vec::new()
            }
            Rest::Isolated => [across(core, rest), across(rest, core)].concat(),
            Rest::Mute => across(rest, core),
            Rest::Deaf => across(core, rest),
            Rest::Dangling => {
                let others = &core[1..];
                let mut among = across(rest, rest);
                among.retain(|(from, to)| from != to);
                [across(others, rest), across(rest, others), among].concat()
            }
            Rest::Present => {
                self.network.clear_cuts(&[across(core, rest), across(rest, core)].concat());
                Vec::new()
            }
        };
        self.network.cut(&links);
    }

    /// It runs no more, and nothing that was planned before starts it.
    fn switch_off(&mut self, at: usize) {
        self.kill(at);
        let machine = &mut self.machines[at];
        machine.incarnation += 1;
        machine.start_planned = true;
    }

    /// Everything about one machine is well again.
    fn mend_machine(&mut self, at: usize) -> Checked {
        let machine = &mut self.machines[at];
        machine.disk.set_full(false);
        machine.is_full = false;
        machine.slowness = 1;
        machine.paused_until = self.now;
        let is_stopping = machine.process.as_ref().is_some_and(|process| process.stops_by.is_some());
        self.unstick(at);
        if is_stopping {
            // It was asked to stop and takes no more writes: it stops now, and starts anew.
            self.kill(at);
        }
        let is_up = self.machines[at].is_up();
        self.machines[at].start_planned = false;
        self.plan_start(at, Duration::from_millis(1));
        if is_up { self.turn(at) } else { Ok(()) }
    }

    fn calm(&mut self, nodes: &[usize]) {
        for from in nodes {
            for to in nodes.iter().filter(|to| *to != from) {
                self.network.calm((*from, *to));
            }
        }
    }

    fn look_at_core(&mut self, since: Time, core: Vec<usize>, mut has_led: bool) -> Checked {
        let timeout = self.plan.settings.election_timeout;
        has_led = has_led || self.leader().is_some();
        self.leave_if_joint()?;
        if !has_led {
            self.expect_within(since, timeout * LEADER_WITHIN_TIMEOUTS + START_GRACE, "the core has a leader", &core)?;
        }
        if self.has_probed(since) {
            self.clients.are_quiet = true;
            self.clients.stop_probing();
            self.phase = Phase::Converging { since: self.now, core };
            return Ok(());
        }
        self.expect_within(since, self.catch_up_max(), "a fresh write and a fresh read succeed in the core", &core)?;
        self.phase = Phase::Core { since, core, has_led };
        Ok(())
    }

    fn begin_whole(&mut self) -> Checked {
        let configs = self.checkers.possible_configs();
        let is_member = |at: &usize| configs.iter().any(|config| config.is_member(self.machines[*at].id));
        let (members, others): (Vec<usize>, Vec<usize>) = (0..self.machines.len()).partition(is_member);
        for at in others {
            // Whoever is no member any more is never started again.
            self.switch_off(at);
        }
        let nodes: Vec<usize> = members.into_iter().filter(|at| !self.machines[*at].is_ruined).collect();
        self.phase = Phase::Whole { since: self.now, nodes: nodes.clone() };
        for at in &nodes {
            self.mend_machine(*at)?;
        }
        self.calm(&nodes);
        Ok(())
    }

    /// Who leads the newest term that has a leader. It need not be one of the core, when others can still reach a
    /// majority; and somebody whom nobody hears may be in a later term.
    pub(super) fn leader(&self) -> Option<usize> {
        let leading = self.machines.iter().enumerate().filter_map(|(at, machine)| {
            let replica = &machine.process.as_ref()?.replica;
            replica.is_leader().then(|| (replica.core().term(), at))
        });
        leading.max().map(|(_, at)| at)
    }

    /// All of these who are members run, agree on who leads, hold the same log, and have applied it; and membership
    /// does not change any more.
    fn have_converged(&self, nodes: &[usize]) -> bool {
        let Some(leader) = self.leader() else { return false };
        let Some(leading) = &self.machines[leader].process else { return false };
        let core = leading.replica.core();
        let config = core.config();
        if config.is_joint() || core.config_index() > core.commit() {
            return false;
        }
        nodes.iter().all(|at| {
            let machine = &self.machines[*at];
            if !config.is_member(machine.id) {
                return true;
            }
            let Some(process) = &machine.process else { return machine.is_ruined };
            let core = process.replica.core();
            !machine.is_recovering
                && self.checkers.same_logs(leader, *at)
                && core.term() == leading.replica.core().term()
                && process.replica.map().applied() == core.last().index.0
                && self.clients.open_at(*at) == 0
        })
    }

    fn replay_max(&self) -> Duration {
        let entries = u32::try_from(self.checkers.committed().0).unwrap_or(u32::MAX);
        (self.plan.disk.latency_max + Duration::from_millis(1)) * entries
    }

    fn catch_up_max(&self) -> Duration {
        let entries = u32::try_from(self.checkers.committed().0).unwrap_or(u32::MAX);
        let per_entry = self.plan.settings.heartbeat_interval * CATCH_UP_HEARTBEATS_PER_ENTRY;
        let timeouts = self.plan.settings.election_timeout * (LEADER_WITHIN_TIMEOUTS + PROBE_WITHIN_TIMEOUTS);
        timeouts + START_GRACE * 3 + per_entry * entries + self.replay_max()
    }

    fn expect_within(&self, since: Time, patience: Duration, what: &str, nodes: &[usize]) -> Checked {
        if self.now.since(since) <= patience {
            return Ok(());
        }
        let states: Vec<String> = nodes.iter().map(|at| self.describe(*at)).collect();
        let what = format!("not within {} ms: {what}; {}", patience.as_millis(), states.join("; "));
        Err(Violation { rule: "liveness", what })
    }

    fn describe(&self, at: usize) -> String {
        let machine = &self.machines[at];
        let Some(process) = &machine.process else { return format!("{} is down", machine.id) };
        let core = process.replica.core();
        format!(
            "{} {} in term {} holds {} commits {} applied {} with {} open",
            machine.id,
            core.role(),
            core.term(),
            core.last(),
            core.commit(),
            process.replica.map().applied(),
            self.clients.open_at(at)
        )
    }
}

/// The voter sets of which each must have a majority.
fn halves(config: &Config) -> impl Iterator<Item = &[NodeId]> {
    [&config.voters[..], &config.outgoing].into_iter().filter(|half| !half.is_empty())
}

fn names(nodes: &[usize]) -> String {
    nodes.iter().map(|at| format!("n{}", at + 1)).collect::<Vec<_>>().join(" ")
}
