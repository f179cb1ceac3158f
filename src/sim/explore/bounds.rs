//! How large a world is, how often each thing may happen in it, and how far it is explored.

use core::time::Duration;

use crate::raft::{Change, Config, NodeId, Rules, Term};

/// Of every core in an explored world, by its own clock. Only multiples of a moment ever pass.
pub(super) const ELECTION_TIMEOUT: Duration = Duration::from_millis(600);

/// How large the world is, and how far it is explored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub nodes: u8,
    /// The last so many of them are learners at first.
    pub learners: u8,
    /// The world begins with a reign: n1 leads the term after the bootstrap's, everybody has its no-op and knows it
    /// committed, and nothing is under way.
    pub settled: bool,
    /// Terms after the bootstrap's, or after that reign's.
    pub terms: u8,
    /// Election timeouts that pass, over all nodes.
    pub campaigns: u8,
    /// Writes that take their time; the others are durable at once, unless an earlier one is still under way.
    pub slow_writes: u8,
    /// Entries that clients may write, besides the no-op of each term.
    pub proposals: u8,
    pub crashes: u8,
    /// Crashes after which a part of the log, or all of it, cannot be read (R64).
    pub damages: u8,
    /// Rounds of heartbeats.
    pub heartbeats: u8,
    pub reads: u8,
    /// Changes of the members that operators ask for, all of one kind.
    pub changes: u8,
    pub change: ChangeKind,
    /// Transfers of leadership that operators ask for.
    pub transfers: u8,
    /// Moments that pass. Without any, time stands still and nobody asks how long ago something was.
    pub moments: u8,
    /// How many moments an election timeout is for a node whose clock runs at the rate 1.
    pub timeout_moments: u8,
    /// How fast the clock of n1 runs, and that of everybody else.
    pub rates: [u8; 2],
    /// What the cores are told of how far clocks may run apart, in percent.
    pub drift_percent: u32,
    pub pre_vote: bool,
    pub check_quorum: bool,
    /// Leaders read by lease: in every state, whoever would answer from a lease must know all that is committed.
    pub lease_reads: bool,
    /// Requests of a term that their receiver has left for good still arrive: all they do is to tell their sender of the
    /// newer term (R23). Without them there are far fewer states.
    pub stale_answers: bool,
    /// A log id that is given to two entries breaks I3 at once. Without this the exploration goes on to what comes of it.
    pub watches_ids: bool,
    /// Most states that are looked at; each takes about 30 bytes for ever, and a hundred more while it waits.
    pub states_max: usize,
    /// Most steps from the beginning.
    pub depth_max: usize,
    pub rules: Rules,
}

/// What kind of change operators ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChangeKind {
    #[default]
    None,
    /// A learner becomes a voter.
    Promote,
    /// A voter becomes a learner.
    Demote,
    /// A voter leaves, the leader perhaps.
    Remove,
    /// A learner takes the place of a voter, through a joint configuration that leaves by itself.
    Swap,
    /// One voter is left, through a joint configuration that leaves by itself.
    Shrink,
}

impl ChangeKind {
    /// Everything of this kind that can be asked for while `config` is in force.
    pub(super) fn choices(self, config: &Config) -> Vec<Change> {
        let (voters, learners) = (config.voters.iter().copied(), config.learners.iter().copied());
        let replace = |voters: Vec<NodeId>| Change::Replace { voters, learners: Vec::new(), auto_leave: true };
        match self {
            ChangeKind::None => Vec::new(),
            ChangeKind::Promote => learners.map(|id| Change::Promote { id }).collect(),
            ChangeKind::Demote => voters.map(|id| Change::Demote { id }).collect(),
            ChangeKind::Remove => voters.map(|id| Change::Remove { id }).collect(),
            ChangeKind::Swap => {
                let swapped = |out: NodeId, come: NodeId| {
                    replace(config.voters.iter().copied().filter(|id| *id != out).chain([come]).collect())
                };
                learners
                    .flat_map(|come| voters.clone().map(move |out| (out, come)))
                    .map(|(a, b)| swapped(a, b))
                    .collect()
            }
            ChangeKind::Shrink => voters.map(|id| replace(vec![id])).collect(),
        }
    }
}

impl core::str::FromStr for ChangeKind {
    type Err = UnknownChange;

    fn from_str(word: &str) -> Result<ChangeKind, UnknownChange> {
        Ok(match word {
            "none" => ChangeKind::None,
            "promote" => ChangeKind::Promote,
            "demote" => ChangeKind::Demote,
            "remove" => ChangeKind::Remove,
            "swap" => ChangeKind::Swap,
            "shrink" => ChangeKind::Shrink,
            _ => return Err(UnknownChange { word: word.to_owned() }),
        })
    }
}

/// Why a word names no kind of change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not promote, demote, remove, swap or shrink")]
pub struct UnknownChange {
    pub word: String,
}

impl Default for Bounds {
    /// Three nodes, two terms, one crash: what a few seconds exhaust.
    fn default() -> Bounds {
        Bounds { campaigns: 3, slow_writes: 1, crashes: 1, ..Bounds::calm() }
    }
}

impl Bounds {
    /// Three nodes, two terms, one timeout, and nothing goes wrong.
    pub const fn calm() -> Bounds {
        Bounds {
            nodes: 3,
            learners: 0,
            settled: false,
            terms: 2,
            campaigns: 1,
            slow_writes: 0,
            proposals: 0,
            crashes: 0,
            damages: 0,
            heartbeats: 0,
            reads: 0,
            changes: 0,
            change: ChangeKind::None,
            transfers: 0,
            moments: 0,
            timeout_moments: 1,
            rates: [1, 1],
            drift_percent: 0,
            pre_vote: false,
            check_quorum: false,
            lease_reads: false,
            stale_answers: false,
            watches_ids: true,
            states_max: 1_000_000,
            depth_max: usize::MAX,
            rules: Rules::sound(),
        }
    }

    /// The same world under other rules.
    pub const fn breaking(self, rules: Rules) -> Bounds {
        Bounds { rules, ..self }
    }

    /// Nobody campaigns in this term any more.
    pub(super) fn last_term(&self) -> Term {
        Term(1 + u64::from(self.settled) + u64::from(self.terms))
    }

    /// Whether it ever matters when something happened, or in which order peers began to be tracked.
    pub(super) fn asks_when(&self) -> bool {
        self.moments > 0 || self.changes > 0 || self.damages > 0 || self.lease_reads || self.check_quorum
    }

    /// How far the clock of `id` moves in a moment.
    pub(super) fn moment(&self, id: NodeId) -> Duration {
        let rate = self.rates[usize::from(id != NodeId(1))];
        ELECTION_TIMEOUT / u32::from(self.timeout_moments.max(1)) * u32::from(rate)
    }
}
