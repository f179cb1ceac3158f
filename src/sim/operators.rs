//! Operators of a simulated cluster: they add, promote, demote, remove and replace nodes while everything else goes on.
//!
//! What they ask for is often refused and sometimes never answered, as in life. They are careful in one thing only: no
//! configuration that may come into force needs a node whose disk has been lost, since no cluster survives that.
//! An outcome that says that a change is committed is checked against what is.

use core::time::Duration;
use std::collections::BTreeMap;

use super::checkers::Checked;
use super::process::member_of;
use super::script::Violation;
use super::world::{NEWCOMERS_MAX, World};
use crate::raft::quorum::majority;
use crate::raft::{Change, Config, LogId, NodeId, Time};
use crate::replica::{ChangeOutcome, ChangeTicket, Input};

/// Operators make no cluster larger than this.
const VOTERS_MAX: usize = 7;

/// What operators wait for.
#[derive(Debug, Default)]
pub(super) struct Operators {
    tickets: ChangeTicket,
    open: BTreeMap<ChangeTicket, Asked>,
}

#[derive(Debug)]
struct Asked {
    at: usize,
    change: Change,
}

impl Operators {
    /// Nothing that was asked for may still be about to happen, but for what is in some log.
    pub(super) fn are_done(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether this node has been asked for something and has not answered.
    fn wait_for(&self, at: usize) -> bool {
        self.open.values().any(|asked| asked.at == at)
    }

    /// The process that had been asked is gone.
    pub(super) fn lose(&mut self, at: usize) {
        self.open.retain(|_, asked| asked.at != at);
    }
}

impl World {
    /// An operator looks at who leads and asks for some change; sometimes somebody is asked who does not lead.
    pub(super) fn strike_members(&mut self) -> Checked {
        if self.now.since(Time::default()) >= self.plan.span {
            return Ok(());
        }
        let Some(leader) = self.leader() else { return Ok(()) };
        let core = self.machines[leader].process.as_ref().expect("who leads runs").replica.core();
        let (config, in_force) = (core.config().clone(), core.config_id());
        let Some(change) = self.choose_change(&config, leader) else { return Ok(()) };
        let at = if self.fault_dice.below(8) == 0 {
            self.fault_dice.below(self.machines.len() as u64) as usize
        } else {
            leader
        };
        // Where disks were lost, what is asked for was judged by the configuration that was looked at, and by no other.
        let is_exact = (0..self.machines.len()).any(|at| self.is_hurt(at)) || self.fault_dice.coin();
        self.ask_change(at, change, is_exact.then_some(in_force))
    }

    /// Leaves a joint configuration that stays until somebody leaves it.
    pub(super) fn leave_if_joint(&mut self) -> Checked {
        let Some(leader) = self.leader() else { return Ok(()) };
        let core = self.machines[leader].process.as_ref().expect("who leads runs").replica.core();
        let waits = core.config().is_joint() && !core.config().auto_leave && core.config_index() <= core.commit();
        if waits && !self.operators.wait_for(leader) { self.ask_change(leader, Change::Leave, None) } else { Ok(()) }
    }

    fn ask_change(&mut self, at: usize, change: Change, only_if: Option<LogId>) -> Checked {
        if !self.machines[at].is_up() {
            return Ok(());
        }
        self.operators.tickets += 1;
        let ticket = self.operators.tickets;
        let id = self.machines[at].id;
        self.trace.event(self.now, 8, ticket);
        self.trace.line(self.now, || format!("  an operator asks {id} for {change:?}"));
        self.operators.open.insert(ticket, Asked { at, change: change.clone() });
        self.input(at, Input::Change { ticket, change, only_if })
    }

    fn choose_change(&mut self, config: &Config, leader: usize) -> Option<Change> {
        if config.is_joint() {
            return Some(Change::Leave);
        }
        let members: Vec<NodeId> = config.members.iter().map(|member| member.id).collect();
        let kind = if config.voters.len() < 3 { self.fault_dice.below(5) } else { self.fault_dice.below(11) };
        let pick = |world: &mut World, list: &[NodeId]| {
            (!list.is_empty()).then(|| list[world.fault_dice.below(list.len() as u64) as usize])
        };
        let change = match kind {
            0..=2 => return self.choose_learner(config),
            3 | 4 => Change::Promote { id: pick(self, &config.learners)? },
            5 => Change::Demote { id: pick(self, &config.voters)? },
            6 => Change::Remove { id: self.machines[leader].id },
            7 | 8 => {
                let lost: Vec<NodeId> = members.iter().copied().filter(|id| self.is_hurt(id.0 as usize - 1)).collect();
                let list = if lost.is_empty() { &members } else { &lost };
                Change::Remove { id: pick(self, list)? }
            }
            _ => self.choose_replacement(&members),
        };
        self.endures_change(config, &change).then_some(change)
    }

    /// A machine that is no member yet, made and started if there is none, is to become one.
    fn choose_learner(&mut self, config: &Config) -> Option<Change> {
        if config.voters.len() + config.learners.len() >= VOTERS_MAX {
            return None;
        }
        let waits = |at: &usize| self.machines[*at].id >= config.next_id && !self.is_hurt(*at);
        let at = match (0..self.machines.len()).find(waits) {
            Some(at) => at,
            None if self.machines.len() < self.plan.nodes as usize + NEWCOMERS_MAX => {
                let at = self.add_machine();
                self.clients.node_added();
                at
            }
            None => return None,
        };
        self.plan_start(at, Duration::ZERO);
        let auto_promote = self.fault_dice.below(3) != 0;
        Some(Change::AddLearner { member: member_of(self.machines[at].id), auto_promote })
    }

    fn choose_replacement(&mut self, members: &[NodeId]) -> Change {
        let mut order = members.to_vec();
        self.fault_dice.shuffle(&mut order);
        let size = self.fault_dice.between(1, order.len() as u64) as usize;
        let voters = order[..size.max(order.len().min(2))].to_vec();
        let rest = order[voters.len()..].to_vec();
        let learners = if self.fault_dice.coin() { rest } else { Vec::new() };
        Change::Replace { voters, learners, auto_leave: self.fault_dice.below(4) != 0 }
    }

    /// Whether a node has lost, or may have lost, what it stored.
    pub(super) fn is_hurt(&self, at: usize) -> bool {
        let machine = &self.machines[at];
        machine.is_ruined || machine.is_rotten || machine.is_recovering
    }

    /// Whether every configuration that may be in force, or come into force, has a quorum of nodes that never lost
    /// anything, also when `one_more` has, and when learners become voters.
    pub(super) fn endures_with(&self, one_more: Option<usize>) -> bool {
        let configs = self.checkers.possible_configs();
        configs.iter().all(|config| {
            self.endures(&config.voters, &learners_soon(config), one_more)
                && self.endures(&config.outgoing, &[], one_more)
        })
    }

    fn endures(&self, voters: &[NodeId], learners: &[NodeId], one_more: Option<usize>) -> bool {
        let is_hurt = |id: &&NodeId| {
            let at = id.0 as usize - 1;
            self.is_hurt(at) || one_more == Some(at)
        };
        let lost = voters.iter().filter(is_hurt).count();
        let may_be_lost = learners.iter().filter(is_hurt).count();
        voters.is_empty() || voters.len() - lost >= majority(voters.len() + may_be_lost)
    }

    fn endures_change(&self, config: &Config, change: &Change) -> bool {
        let (mut voters, mut learners) = (config.voters.clone(), config.learners.clone());
        match change {
            Change::Promote { id } => voters.push(*id),
            Change::Demote { id } => {
                voters.retain(|voter| voter != id);
                learners.push(*id);
            }
            Change::Remove { id } => {
                voters.retain(|voter| voter != id);
                learners.retain(|learner| learner != id);
            }
            Change::Replace { voters: new, learners: others, .. } => {
                (voters, learners) = (new.clone(), others.clone());
            }
            Change::AddLearner { .. } | Change::Leave => {}
        }
        self.endures(&voters, &learners, None)
    }

    /// A node says what became of a change: once for each, and the truth (R72, R81).
    /// What it has committed is known already, unless nothing `shows` it.
    pub(super) fn change_ended(
        &mut self,
        at: usize,
        ticket: ChangeTicket,
        outcome: ChangeOutcome,
        shows: bool,
    ) -> Checked {
        let id = self.machines[at].id;
        self.trace.line(self.now, || format!("  {id} says of change {ticket}: {outcome:?}"));
        let asked = self.operators.open.remove(&ticket).filter(|asked| asked.at == at);
        let Some(asked) = asked else {
            let what = format!("{id} says what became of change {ticket}, which it does not have or has answered");
            return Err(Violation { rule: "R112 one answer", what });
        };
        let ChangeOutcome::Committed { at: entry } = outcome else { return Ok(()) };
        if !shows && entry.index > self.checkers.committed() {
            return Ok(());
        }
        self.counts.changes += 1;
        let Some(config) = self.checkers.committed_config(entry) else {
            let what = format!("{id} says that a change is committed at {entry}, where no configuration is");
            return Err(Violation { rule: "R81 change", what });
        };
        if is_so(&config, &asked.change) {
            return Ok(());
        }
        let what = format!("{id} says that {:?} is committed at {entry}, which says {config}", asked.change);
        Err(Violation { rule: "R81 change", what })
    }
}

/// Who learns, or will once a joint configuration is left.
pub(super) fn learners_soon(config: &Config) -> Vec<NodeId> {
    config.learners.iter().chain(&config.next_learners).copied().collect()
}

/// Whether a configuration is as a change wanted it.
fn is_so(config: &Config, change: &Change) -> bool {
    match change {
        Change::AddLearner { member, .. } => config.is_member(member.id),
        Change::Promote { id } => config.voters.contains(id),
        Change::Demote { id } => config.learners.contains(id),
        Change::Remove { id } => !config.is_member(*id),
        Change::Replace { voters, .. } => {
            voters.len() == config.voters.len() && voters.iter().all(|id| config.voters.contains(id))
        }
        Change::Leave => !config.is_joint(),
    }
}
