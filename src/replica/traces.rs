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
