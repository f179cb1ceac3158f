//! Receipts: when each stage of a write was reached, for who asks how its write came about.
//!
//! Only writes that ask for it are traced, and few at a time, so the others pay nothing. The stages are seen between the
//! turns of the leader: a time is when the leader noticed, not when it happened.

use super::mind::Replica;
use crate::api::{Answer, ClientId, Receipt};
use crate::raft::{LogId, NodeId, Time};

/// Writes that are traced at a time; others are answered without a receipt.
const TRACES_MAX: usize = 64;

#[derive(Debug)]
struct Trace {
    client: ClientId,
    request: u64,
    /// None until the write has its place in the log.
    id: Option<LogId>,
    received: Time,
    durable: Option<Time>,
    acknowledged: Vec<(NodeId, Option<Time>)>,
    committed: Option<Time>,
}

/// Of one leader.
#[derive(Debug, Default)]
pub(super) struct Traces {
    open: Vec<Trace>,
    /// When the stages were last looked at.
    now: Time,
}

impl Traces {
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Nobody waits for the receipts of a client that is gone.
    pub(super) fn forget(&mut self, client: ClientId) {
        self.open.retain(|trace| trace.client != client);
    }

    pub(super) fn clear(&mut self) {
        self.open.clear();
    }

    pub(super) fn begin(&mut self, now: Time, client: ClientId, request: u64) {
        if self.open.len() < TRACES_MAX {
            let (id, durable, acknowledged, committed) = (None, None, Vec::new(), None);
            self.open.push(Trace { client, request, id, received: now, durable, acknowledged, committed });
        }
    }

    /// The write has its place.
    pub(super) fn place(&mut self, client: ClientId, request: u64, id: LogId) {
        let is_it = |trace: &&mut Trace| (trace.client, trace.request, trace.id) == (client, request, None);
        if let Some(trace) = self.open.iter_mut().find(is_it) {
            trace.id = Some(id);
        }
    }
}

impl Replica {
    /// Notes which stages have been reached since the last turn. What has no place by now was refused or answered.
    pub(super) fn trace(&mut self, now: Time) {
        if self.traces.is_empty() {
            return;
        }
        self.traces.now = now;
        self.traces.open.retain(|trace| trace.id.is_some());
        let core = &self.core;
        for trace in &mut self.traces.open {
            let index = trace.id.expect("the others were just removed").index;
            let note = |stage: &mut Option<Time>, is_reached: bool| {
                if is_reached {
                    stage.get_or_insert(now);
                }
            };
            note(&mut trace.durable, core.durable() >= index);
            note(&mut trace.committed, core.commit() >= index);
            for peer in core.peers() {
                if !trace.acknowledged.iter().any(|(id, _)| *id == peer.id) {
                    trace.acknowledged.push((peer.id, None));
                }
                if let Some((_, stage)) = trace.acknowledged.iter_mut().find(|(id, _)| *id == peer.id) {
                    note(stage, peer.matched >= index);
                }
            }
        }
    }

    /// The answer to a write that was applied, with its receipt if it was traced.
    pub(super) fn with_receipt(&mut self, id: LogId, answer: Answer) -> Answer {
        let Some(at) = self.traces.open.iter().position(|trace| trace.id == Some(id)) else { return answer };
        let trace = self.traces.open.swap_remove(at);
        let Answer::Written { revision, term, outcome } = answer else { return answer };
        let after = |time: Time| time.since(trace.received);
        let name =
            |id: NodeId| self.core.config().member(id).map_or_else(|| id.to_string(), |member| member.name.clone());
        let acknowledged = trace.acknowledged.iter().map(|(id, time)| (name(*id), time.map(after))).collect();
        let receipt = Receipt {
            durable: trace.durable.map(after),
            acknowledged,
            committed: trace.committed.map(after),
            applied: after(self.traces.now),
        };
        Answer::Traced { revision, term, outcome, receipt: Box::new(receipt) }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::api::Ask;
    use crate::replica::Input;
    use crate::replica::testing::{CLIENT, World, encoded};
    use crate::state_machine::{Command, Operation};

    fn traced(world: &mut World, leader: u64) -> u64 {
        let operation = Operation::Put { value: b"v".to_vec() };
        world.ask(leader, Ask::Traced(encoded(&Command { key: b"k".to_vec(), operation })))
    }

    #[test]
    fn a_receipt_has_its_stages_in_order_and_names_who_has_acknowledged() {
        let (mut world, leader) = World::led();
        let request = traced(&mut world, leader);
        world.settle();
        let Some(Answer::Traced { receipt, .. }) = world.answer(leader, request) else { panic!("a receipt") };
        let Receipt { durable, acknowledged, committed, applied } = *receipt;
        assert_eq!((durable, committed, applied), (Some(Duration::ZERO), Some(Duration::ZERO), Duration::ZERO));
        assert_eq!(acknowledged.len(), 2);
        assert!(acknowledged.iter().any(|(_, time)| time.is_some()), "a majority has it: {acknowledged:?}");
    }

    #[test]
    fn clients_that_leave_before_their_receipt_do_not_use_up_the_traces() {
        let (mut world, leader) = World::led();
        for _ in 0..=TRACES_MAX {
            traced(&mut world, leader);
            world.turn(leader);
            world.step(leader, Input::ClientGone(CLIENT));
            world.settle();
        }
        assert!(world.replica(leader).traces.is_empty());
        let request = traced(&mut world, leader);
        world.settle();
        assert!(matches!(world.answer(leader, request), Some(Answer::Traced { .. })));
    }
}
