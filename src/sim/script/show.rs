//! How a script's output looks: one line per event, message, write and outcome, marked in the first column.
//!
//! Messages, events and log ids print by their own `Display`, the same as in logs; here is only what nothing else
//! prints: marks, writes, outcomes and the tables that a script asks for.

use super::CommandFault;
use super::world::{Node, World, log_of};
use crate::raft::event::role_word;
use crate::raft::{ChangeRefusal, Envelope, Event, LogId, NodeId, ReadFailure, ReadOutcome, Refusal, Write};

/// One output line and what kind it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sim) struct Line {
    mark: char,
    text: String,
    /// Shown even where a command tells only the outline.
    outline: bool,
}

impl Line {
    pub(in crate::sim) fn plain(text: String) -> Line {
        Line { mark: ' ', text, outline: true }
    }

    pub(in crate::sim) fn message(envelope: &Envelope) -> Line {
        Line { mark: ' ', text: envelope.to_string(), outline: false }
    }

    pub(in crate::sim) fn lost(envelope: &Envelope) -> Line {
        Line { mark: '✗', text: envelope.to_string(), outline: false }
    }

    pub(in crate::sim) fn handed(envelope: &Envelope) -> Line {
        Line { mark: '▸', text: envelope.to_string(), outline: false }
    }

    pub(super) fn is_outline(&self) -> bool {
        self.outline
    }
}

impl core::fmt::Display for Line {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} {}", self.mark, self.text)
    }
}

pub(in crate::sim) fn event(id: NodeId, event: &Event) -> Line {
    let (mark, outline) = match event {
        Event::BecamePreCandidate { .. }
        | Event::BecameCandidate { .. }
        | Event::BecameLeader { .. }
        | Event::BecameFollower { .. }
        | Event::Stopped { .. }
        | Event::RecoveryStarted { .. }
        | Event::RecoveryEnded { .. } => ('*', true),
        Event::VoteGranted { .. }
        | Event::VoteRefused { .. }
        | Event::PeerState { .. }
        | Event::MessageDropped { .. }
        | Event::LeaderKnown { .. } => (' ', false),
        _ => (' ', true),
    };
    Line { mark, text: format!("{id} {event}"), outline }
}

/// `entries` are what the write appends.
pub(in crate::sim) fn write(id: NodeId, write: &Write, entries: &[LogId]) -> Line {
    let mut parts = Vec::new();
    if let Some(hard_state) = write.hard_state {
        let vote = hard_state.vote.map_or("nobody".to_owned(), |vote| vote.to_string());
        parts.push(format!("term={} vote={vote}", hard_state.term));
    }
    if let Some(snapshot) = &write.reset_to {
        parts.push(format!("restart the log behind {}", snapshot.last));
    }
    if let Some(from) = write.truncate_from {
        parts.push(format!("truncate from {from}"));
    }
    if !entries.is_empty() {
        parts.push(list(entries));
    }
    if let Some(upto) = write.compact_to {
        parts.push(format!("forget up to {upto}"));
    }
    Line::plain(format!("{id} writes {}: {}", write.seq, parts.join(", ")))
}

pub(in crate::sim) fn read_outcome(id: NodeId, outcome: ReadOutcome) -> Line {
    Line::plain(match outcome {
        ReadOutcome::Ready { ticket, index } => format!("{id} answers read t{ticket} once {index} is applied"),
        ReadOutcome::Failed { ticket, because } => {
            format!("{id} fails read t{ticket}: {}", read_failure(because))
        }
    })
}

fn read_failure(because: ReadFailure) -> &'static str {
    match because {
        ReadFailure::NoLeader => "no leader answered",
        ReadFailure::LostLeadership => "leadership was lost",
        ReadFailure::TermChanged => "the leader or the term changed",
        ReadFailure::TooManyReads => "too many reads wait",
    }
}

pub(super) fn refusal(id: NodeId, refusal: Refusal) -> Line {
    let because = match refusal {
        Refusal::NotLeader { leader: Some(leader) } => format!("it does not lead, ask {leader}"),
        Refusal::NotLeader { leader: None } => "it does not lead and knows no leader".to_owned(),
        Refusal::Transferring { to } => format!("it is handing over to {to}"),
        Refusal::TooManyUncommitted { bytes, limit_bytes } => {
            format!("{bytes} bytes are not committed, {limit_bytes} may be")
        }
        Refusal::NotATarget { node } => format!("{node} cannot take over"),
        Refusal::Stopped => "it has stopped".to_owned(),
    };
    Line::plain(format!("{id} refuses: {because}"))
}

pub(super) fn change_refusal(id: NodeId, refusal: ChangeRefusal) -> Line {
    Line::plain(format!("{id} refuses the change: {refusal}"))
}

/// The configurations in force at `ids`, and where they come from.
pub(super) fn configs(world: &World, ids: &[NodeId]) -> Result<Vec<Line>, CommandFault> {
    let line = |id: &NodeId| {
        let core = world.core(*id)?;
        let open = if core.config_index() > core.commit() { ", not committed" } else { "" };
        Ok(Line::plain(format!("{id} counts by {}{open}: {}", core.config_id(), core.config())))
    };
    ids.iter().map(line).collect()
}

/// Log ids, space between.
pub(super) fn list(entries: &[LogId]) -> String {
    entries.iter().map(LogId::to_string).collect::<Vec<_>>().join(" ")
}

/// One line per node: role, term, vote, leader, and how far its log is.
pub(super) fn status(world: &World) -> Vec<Line> {
    world.nodes.values().map(|node| Line::plain(status_of(node))).collect()
}

fn status_of(node: &Node) -> String {
    let id = node.id;
    let Some(core) = &node.core else { return format!("{id} is down") };
    if let Some(fault) = &node.fault {
        return format!("{id} has stopped: {fault}");
    }
    let role = role_word(core.role(), core.config().learners.contains(&id));
    let name = |node: Option<NodeId>| node.map_or("-".to_owned(), |node| node.to_string());
    format!(
        "{id} {role:<13} term={} vote={} leader={} last={} commit={} applied={} durable={}",
        core.term(),
        name(core.vote()),
        name(core.leader()),
        core.last(),
        core.commit(),
        core.applied_index(),
        core.durable(),
    )
}

/// The logs of `ids`: in brackets the last compacted entry, a bar behind what is committed, a `?` on what is not
/// durable.
pub(super) fn logs(world: &World, ids: &[NodeId]) -> Result<Vec<Line>, CommandFault> {
    ids.iter().map(|id| Ok(Line::plain(log_line(world.node(*id)?)))).collect()
}

fn log_line(node: &Node) -> String {
    let Some(core) = &node.core else { return format!("{} on disk: {}", node.id, list(&node.disk.log)) };
    let mut text = node.id.to_string();
    let mut barred = false;
    let base = core.first().prev();
    if let Some(term) = core.term_at(base).filter(|_| base.0 > 0) {
        text.push_str(&format!(" ({})", LogId { term, index: base }));
    }
    for entry in log_of(core) {
        if !barred && entry.index > core.commit() {
            text.push_str(" |");
            barred = true;
        }
        text.push_str(&format!(" {entry}"));
        if entry.index > core.durable() {
            text.push('?');
        }
    }
    if !barred {
        text.push_str(" |");
    }
    text
}

/// What a leader knows of its peers.
pub(super) fn progress(world: &World, id: NodeId) -> Result<Vec<Line>, CommandFault> {
    let peer = |peer: crate::raft::PeerStatus| {
        Line::plain(format!("{id} sees {}: {} matched={} next={}", peer.id, peer.state.word(), peer.matched, peer.next))
    };
    Ok(world.core(id)?.peers().map(peer).collect())
}
