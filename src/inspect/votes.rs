//! Who could win an election with the logs as they are, and with whose votes (§5.4.1).
//!
//! Terms and votes given do not matter: a campaign raises its term. What matters is whose log is at least as up to
//! date as a majority's. A damaged log, or one whose node is being repaired, is not counted on: it may once have held
//! more. Whether nodes run and hear each other is not known here.

use serde::Serialize;

use super::diff::Voice;
use crate::raft::quorum::{Tally, tally};
use crate::raft::{Config, NodeId};

/// What would become of one node's campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Election {
    pub node: String,
    pub last: u64,
    pub last_term: u64,
    pub outcome: Outcome,
    /// Who would vote for it, itself included.
    pub votes: Vec<String>,
    /// Who would refuse, for a newer log.
    pub refusals: Vec<String>,
    /// Voters whose logs are not known, or not to be trusted.
    pub unknown: Vec<String>,
    /// One sentence without a full stop.
    pub reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The votes of the logs that are known are enough.
    Wins,
    /// It depends on logs that are not known.
    MayWin,
    Loses,
}

/// One for each log, in their order.
pub(super) fn elections(voices: &[Voice]) -> Vec<Election> {
    voices.iter().map(|candidate| election(voices, candidate)).collect()
}

fn election(voices: &[Voice], candidate: &Voice) -> Election {
    let mut election = Election {
        node: candidate.name.clone(),
        last: candidate.last.index.0,
        last_term: candidate.last.term.0,
        outcome: Outcome::Loses,
        votes: Vec::new(),
        refusals: Vec::new(),
        unknown: Vec::new(),
        reason: String::new(),
    };
    let Some((config, own)) = candidate.configs.last().map(|(_, config)| config).zip(candidate.id) else {
        election.reason = format!("{} knows no configuration", candidate.name);
        return election;
    };
    if !config.is_voter(own) {
        election.reason = format!("{} is no voter", candidate.name);
        return election;
    }
    if !candidate.is_trusted {
        election.reason = format!("the log of {} is damaged", candidate.name);
        return election;
    }
    let ballot = |id: NodeId| {
        let voice = voices.iter().find(|voice| voice.id == Some(id) && voice.is_trusted)?;
        Some(voice.last <= candidate.last)
    };
    for id in voters(config) {
        let list = match ballot(id) {
            Some(true) => &mut election.votes,
            Some(false) => &mut election.refusals,
            None => &mut election.unknown,
        };
        list.push(name_of(voices, config, id));
    }
    election.outcome = match tally(config, ballot) {
        Tally::Won => Outcome::Wins,
        Tally::Open => Outcome::MayWin,
        Tally::Lost => Outcome::Loses,
    };
    election.reason = reason(&election);
    election
}

fn reason(election: &Election) -> String {
    let Election { node, votes, refusals, unknown, .. } = election;
    match election.outcome {
        Outcome::Wins => format!("{node} could win an election now, with the votes of {}", votes.join(" ")),
        Outcome::MayWin => {
            format!("{node} could win an election only with votes of {}, whose logs are not known", unknown.join(" "))
        }
        Outcome::Loses => {
            format!("{node} could not win an election: {} would refuse, with newer logs", refusals.join(" "))
        }
    }
}

/// The voters of both halves, each once, by id.
pub(super) fn voters(config: &Config) -> Vec<NodeId> {
    let mut ids: Vec<NodeId> = config.voters.iter().chain(&config.outgoing).copied().collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// What a line calls a member: as its log was given, else its name in the configuration.
pub(super) fn name_of(voices: &[Voice], config: &Config, id: NodeId) -> String {
    let given = voices.iter().find(|voice| voice.id == Some(id)).map(|voice| voice.name.clone());
    given.or_else(|| config.member(id).map(|member| member.name.clone())).unwrap_or_else(|| id.to_string())
}
