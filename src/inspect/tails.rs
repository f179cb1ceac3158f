//! What became of the entries above what is known to be committed: committed, possibly committed, or certainly not.
//!
//! The argument is always from the logs at hand, and gives its reason. Three facts carry it: an entry that could not
//! have been on a majority was never committed; an entry that some possible winner of an election lacks was never
//! committed (leader completeness, I4); an entry that a majority holds, and every possible winner with it, stays for
//! ever. Logs that were not given, are damaged or being repaired may hold anything.

use std::sync::Arc;

use serde::Serialize;

use super::diff::{Run, Voice};
use super::votes::{Election, Outcome, name_of, voters};
use crate::raft::quorum::{Tally, majority, tally};
use crate::raft::{Config, NodeId};

/// Entries of one term that the same logs hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tail {
    pub first: u64,
    pub last: u64,
    pub term: u64,
    pub held_by: Vec<String>,
    pub verdict: Fate,
    /// Why, as a sentence without a full stop.
    pub reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    Committed,
    PossiblyCommitted,
    CertainlyNotCommitted,
}

impl Fate {
    pub const fn words(self) -> &'static str {
        match self {
            Fate::Committed => "committed",
            Fate::PossiblyCommitted => "possibly committed",
            Fate::CertainlyNotCommitted => "certainly not committed",
        }
    }
}

/// Judges every run that is not plainly below what some log that holds it knows to be committed.
pub(super) fn judge(voices: &[Voice], runs: &[Run], elections: &[Election]) -> Vec<Tail> {
    let mut judged: Vec<(Run, Fate, String)> = Vec::new();
    for run in runs.iter().rev() {
        let known = run.holders.iter().map(|at| voices[*at].commit).max().unwrap_or_default();
        if run.last <= known {
            continue;
        }
        let run = Run { first: run.first.max(known.next()), ..run.clone() };
        let bench = Bench { voices, elections, run: &run };
        let (mut fate, mut reason) = bench.verdict();
        let behind = judged.iter().find(|(later, fate, _)| {
            *fate == Fate::Committed
                && later.first > run.last
                && later.holders.iter().any(|at| run.holders.contains(at))
        });
        if let (Some((later, _, _)), Fate::PossiblyCommitted) = (behind, fate) {
            (fate, reason) = (Fate::Committed, format!("entry {} behind it is committed", later.first));
        }
        judged.push((run, fate, reason));
    }
    let tail = |(run, verdict, reason): (Run, Fate, String)| Tail {
        first: run.first.0,
        last: run.last.0,
        term: run.term.0,
        held_by: run.holders.iter().map(|at| voices[*at].name.clone()).collect(),
        verdict,
        reason,
    };
    judged.into_iter().rev().map(tail).collect()
}

/// One run and what there is to judge it by.
struct Bench<'a> {
    voices: &'a [Voice],
    elections: &'a [Election],
    run: &'a Run,
}

impl Bench<'_> {
    fn verdict(&self) -> (Fate, String) {
        if let Some(other) = self.committed_otherwise() {
            let reason = format!("{} knows another entry {} to be committed", other.name, self.run.first);
            return (Fate::CertainlyNotCommitted, reason);
        }
        let Some(config) = self.config() else {
            return (Fate::PossiblyCommitted, "no log says who the voters are".to_owned());
        };
        let holding = self.names(&config, |id| self.holds(id) == Some(true));
        if tally(&config, |id| self.holds(id)) == Tally::Lost {
            let everybody = self.names(&config, |_| true).join(" ");
            let reason = match holding.as_slice() {
                [] => format!("no voter of {everybody} holds it"),
                _ => format!(
                    "only {} of {everybody} can hold it, and a majority is {}",
                    self.able(&config),
                    needed(&config)
                ),
            };
            return (Fate::CertainlyNotCommitted, reason);
        }
        if let Some(winner) = self.winner_without() {
            let votes = winner.votes.join(" ");
            let reason =
                format!("{} does not hold it and could win an election, with the votes of {votes}", winner.node);
            return (Fate::CertainlyNotCommitted, reason);
        }
        self.on_a_majority(&config, &holding.join(" "))
    }

    /// Nobody who is known to lack it can win: what remains depends on who holds it, and on who is not known.
    fn on_a_majority(&self, config: &Config, holding: &str) -> (Fate, String) {
        let configs = self.configs_from_here();
        let unknown = self.unknown(&configs).join(" ");
        let all = |ballot: &dyn Fn(NodeId) -> Option<bool>| configs.iter().all(|one| tally(one, ballot) == Tally::Won);
        if !all(&|id| self.holds(id)) {
            let reason =
                format!("{holding} may have it on a majority together with {unknown}, whose logs are not known");
            let alone = format!("with {unknown}, whose logs are not known, there may be a majority");
            let reason = if holding.is_empty() { alone } else { reason };
            return (Fate::PossiblyCommitted, reason);
        }
        let needed = needed(config);
        if unknown.is_empty() {
            let reason =
                format!("{holding} hold it, a majority is {needed}, and nobody without it could win an election");
            return (Fate::Committed, reason);
        }
        // A copy in a node that has seen no later term was made in the entry's own term (§5.4.2).
        let in_its_term = |id| Some(self.holds(id) == Some(true) && self.voice(id)?.term == self.run.term);
        if all(&in_its_term) {
            let reason = format!("{holding} hold it, a majority is {needed}, and they have seen no later term");
            return (Fate::Committed, reason);
        }
        let reason = format!(
            "{holding} hold it, a majority is {needed}, but they have seen later terms, and {unknown} may hold others"
        );
        (Fate::PossiblyCommitted, reason)
    }

    /// A log that holds something else where this run begins, and knows that to be committed.
    fn committed_otherwise(&self) -> Option<&Voice> {
        let first = self.run.first;
        let differs = |at: usize, voice: &Voice| {
            !self.run.holders.contains(&at)
                && voice.commit >= first
                && voice.first <= first
                && voice.last.index >= first
        };
        self.voices.iter().enumerate().find(|(at, voice)| differs(*at, voice)).map(|(_, voice)| voice)
    }

    /// Somebody who lacks the run and would be elected by logs that are all known.
    fn winner_without(&self) -> Option<&Election> {
        let lacks = |at: usize| self.voices[at].id.is_some_and(|id| self.holds(id) == Some(false));
        let mut winners = self.elections.iter().enumerate().filter(|(_, one)| one.outcome == Outcome::Wins);
        winners.find(|(at, _)| lacks(*at)).map(|(_, election)| election)
    }

    /// Whether a node holds the run; none when that is not known.
    fn holds(&self, id: NodeId) -> Option<bool> {
        let at = self.voices.iter().position(|voice| voice.id == Some(id))?;
        let voice = &self.voices[at];
        if self.run.holders.contains(&at) {
            return Some(true);
        }
        let is_cut = voice.first > self.run.first && voice.last.index >= self.run.first;
        (voice.is_trusted && !is_cut).then_some(false)
    }

    fn voice(&self, id: NodeId) -> Option<&Voice> {
        self.voices.iter().find(|voice| voice.id == Some(id))
    }

    /// The configuration in force where the run begins: a majority of it holds whatever was committed from there on,
    /// because a later one is appended only when this one's successor is committed by both (§6).
    fn config(&self) -> Option<Arc<Config>> {
        let voice = &self.voices[*self.run.holders.first()?];
        let before = voice.configs.iter().rev().find(|(index, _)| *index <= self.run.first);
        before.or_else(|| voice.configs.first()).map(|(_, config)| config.clone())
    }

    /// That one, and all that anybody knows from there on.
    fn configs_from_here(&self) -> Vec<Arc<Config>> {
        let later = |voice: &Voice| -> Vec<Arc<Config>> {
            let behind = voice.configs.iter().filter(|(index, _)| *index > self.run.first);
            behind.map(|(_, config)| config.clone()).collect()
        };
        self.config().into_iter().chain(self.voices.iter().flat_map(later)).collect()
    }

    fn names(&self, config: &Config, wanted: impl Fn(NodeId) -> bool) -> Vec<String> {
        let ids = voters(config).into_iter().filter(|id| wanted(*id));
        ids.map(|id| name_of(self.voices, config, id)).collect()
    }

    /// Voters who hold it or may hold it.
    fn able(&self, config: &Config) -> String {
        self.names(config, |id| self.holds(id) != Some(false)).join(" ")
    }

    fn unknown(&self, configs: &[Arc<Config>]) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for config in configs {
            for name in self.names(config, |id| self.voice(id).is_none_or(|voice| !voice.is_trusted)) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names
    }
}

/// `2`, or `2 and 3` while two configurations decide together.
fn needed(config: &Config) -> String {
    let incoming = majority(config.voters.len());
    match config.outgoing.len() {
        0 => incoming.to_string(),
        outgoing => format!("{incoming} of the new and {} of the old voters", majority(outgoing)),
    }
}
