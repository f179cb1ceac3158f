//! Which rules of the algorithm are kept: all of them, unless a test of the tests breaks one on purpose.
//!
//! A deliberate bug is a rule that is not kept. All of them live in the one build, so that what is tested is what
//! ships; only the simulator may choose them, and `tests/tidy.rs` checks that. A node runs `Rules::sound()`.
//!
//! Each rule is asked for where it acts, in one line, so a reader finds what the rule protects by its name.

use core::fmt;
use core::str::FromStr;

use super::core::Core;

/// A rule that can be switched off, named after what holds while it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    VoteStored,
    FollowerAfterRestart,
    VoteOfTheTerm,
    RandomTimeout,
    TimerOfTheVoter,
    VoteRequestWaits,
    CampaignNonce,
    LogUpToDate,
    TermBeforeIndex,
    VoteKept,
    OneBallotEach,
    OwnBallotDurable,
    PreVoteHarmless,
    Stickiness,
    PromiseAssumed,
    PromiseOutlivesTerm,
    QuorumContact,
    StaleTold,
    NoopFirst,
    UncommittedBound,
    TruncateOnConflict,
    AckProven,
    CommitProven,
    RejectFresh,
    NextAboveMatch,
    MatchAcknowledged,
    MatchMonotonic,
    LifeOfTracking,
    WindowReopened,
    HeartbeatProven,
    CommitOwnTerm,
    CountOwnDurable,
    CountOwnCopy,
    ApplyDurable,
    HintDurable,
    VoteDurable,
    AckDurable,
    SyncBeforeDone,
    OverwrittenNotDurable,
    HardStateFirst,
    DiskWatchdog,
    FailStop,
    DamageNotTorn,
    TornNotDamage,
    RepairBeforeVote,
    RepairAnnounced,
    StorageChecked,
    ChangeInOwnTerm,
    OneChange,
    BothHalvesElect,
    BothHalvesCommit,
    JointCommitted,
    ConfigRolledBack,
    CaughtUp,
    VotedOut,
    Goodbye,
    SnapshotConfig,
    SuffixKept,
    ReadQuorum,
    ReadOwnTerm,
    ReadSequence,
    LeaseDrift,
    LeaseEnded,
    LeaseOfConfig,
    DedupeReplicated,
}

/// Every rule in the order of the enumeration: its id, and what goes wrong without it.
const CATALOGUE: &[(Rule, &str, &str)] = &[
    (Rule::VoteStored, "R1", "the vote is not in the hard state: a restarted node votes twice in a term"),
    (Rule::FollowerAfterRestart, "R3", "a restarted leader goes on with its reign, though it may have lost entries"),
    (Rule::VoteOfTheTerm, "R7", "a vote is kept when the term rises: who has voted once never votes for another"),
    (Rule::RandomTimeout, "R12", "all election timeouts are equally long: votes split again and again"),
    (
        Rule::TimerOfTheVoter,
        "R13",
        "a refused vote restarts the election timer: a hopeless candidate silences the others",
    ),
    (Rule::VoteRequestWaits, "R15-durable", "vote requests leave before the disk has the term, the vote and the log"),
    (Rule::CampaignNonce, "R15-nonce", "a grant for a campaign before a crash counts in one after it"),
    (Rule::LogUpToDate, "R16-log", "a vote is given to a candidate whose log ends earlier"),
    (Rule::TermBeforeIndex, "R16-order", "the longer log wins, whatever the term of its last entry"),
    (Rule::VoteKept, "R17", "falling back in the same term forgets the vote"),
    (Rule::OneBallotEach, "R18-once", "an answer that arrives twice counts as two votes"),
    (Rule::OwnBallotDurable, "R18-own", "a candidate counts its own vote before the disk has it"),
    (Rule::PreVoteHarmless, "R19", "a question for a promise already raises the term of who is asked"),
    (Rule::Stickiness, "R20", "a node with a live leader is talked out of its term"),
    (Rule::PromiseAssumed, "R21-start", "a restarted node votes at once, as if it had promised nothing"),
    (
        Rule::PromiseOutlivesTerm,
        "R21-term",
        "a higher term frees a node from what it promised to the leader it has heard",
    ),
    (Rule::QuorumContact, "R22", "a leader without a quorum goes on leading"),
    (Rule::StaleTold, "R23", "a leader of an old term is not told of the newer one"),
    (Rule::NoopFirst, "R25", "a new leader appends nothing of its own term"),
    (Rule::UncommittedBound, "R30", "a leader that commits nothing takes proposals without end"),
    (Rule::TruncateOnConflict, "R32-truncate", "every append cuts what is behind it, also a late one"),
    (Rule::AckProven, "R32-ack", "the own last index is acknowledged, not what was proven equal"),
    (Rule::CommitProven, "R32-commit", "an append commits what it does not prove"),
    (Rule::RejectFresh, "R35-fresh", "a refusal from the past moves a peer back"),
    (Rule::NextAboveMatch, "R35-match", "a refusal moves a peer back behind what it has confirmed"),
    (Rule::MatchAcknowledged, "R36-sent", "an acknowledgement counts for everything that was sent"),
    (Rule::MatchMonotonic, "R36-match", "a late acknowledgement takes back a newer one"),
    (Rule::LifeOfTracking, "R36-life", "an acknowledgement from an earlier reign counts in this one"),
    (Rule::WindowReopened, "R39", "a window whose appends were all lost stays full for ever"),
    (Rule::HeartbeatProven, "R40", "a heartbeat commits entries that the leader never had"),
    (Rule::CommitOwnTerm, "R47", "entries of earlier terms are committed by counting copies"),
    (Rule::CountOwnDurable, "R47-own", "a leader counts its own copy before its disk has it"),
    (Rule::CountOwnCopy, "R47-self", "a leader never counts its own copy"),
    (Rule::ApplyDurable, "R48", "entries are applied that a crash can take back"),
    (Rule::HintDurable, "R51", "the commit hint names entries that the disk may not have"),
    (Rule::VoteDurable, "R53-vote", "a vote is told before the disk has it"),
    (Rule::AckDurable, "R53-ack", "entries are acknowledged before the disk has them"),
    (Rule::SyncBeforeDone, "R53-sync", "a write counts as durable before it is synced"),
    (Rule::OverwrittenNotDurable, "R55", "entries count as durable while a write that replaces them is under way"),
    (Rule::HardStateFirst, "R57", "entries become durable before their term"),
    (Rule::DiskWatchdog, "R59", "a leader whose disk hangs goes on leading"),
    (Rule::FailStop, "R60", "a node goes on after a failed write"),
    (Rule::DamageNotTorn, "R62-damage", "damage in the log is cut off like a torn write"),
    (Rule::TornNotDamage, "R62-torn", "a torn write is refused like damage"),
    (Rule::RepairBeforeVote, "R64-vote", "a node that has lost entries votes and campaigns as if it had not"),
    (Rule::RepairAnnounced, "R64-hello", "any append ends the repair of a log, also one from before the damage"),
    (Rule::StorageChecked, "R65", "messages for the disk that a node has lost reach its new one"),
    (Rule::ChangeInOwnTerm, "R72", "a new leader changes the members before it has committed anything"),
    (Rule::OneChange, "R72-one", "a change of the members begins while another one is not committed"),
    (Rule::BothHalvesElect, "R73-elect", "in a joint configuration a majority of the new half elects alone"),
    (Rule::BothHalvesCommit, "R73-commit", "in a joint configuration a majority of the new half commits alone"),
    (Rule::JointCommitted, "R73-leave", "a joint configuration is left before it is committed"),
    (Rule::ConfigRolledBack, "R74", "a configuration that was cut off with its entry stays in force"),
    (Rule::CaughtUp, "R75", "a learner becomes a voter before it has caught up"),
    (Rule::VotedOut, "R76", "a leader that is no member any more goes on leading"),
    (Rule::Goodbye, "R77", "nobody tells a removed node that it was removed"),
    (Rule::SnapshotConfig, "R82", "after a snapshot the configuration from before it stays in force"),
    (Rule::SuffixKept, "R86", "a snapshot drops what the log holds behind its end"),
    (Rule::ReadQuorum, "R93-quorum", "a leader answers reads without asking whether it still leads"),
    (Rule::ReadOwnTerm, "R93-term", "a new leader answers reads before it knows what is committed"),
    (Rule::ReadSequence, "R94", "an answer to an earlier heartbeat confirms a later read"),
    (Rule::LeaseDrift, "R99", "a lease lasts as long as if all clocks ran equally fast"),
    (Rule::LeaseEnded, "R100", "a leader that has ordered another one to campaign goes on reading by its lease"),
    (Rule::LeaseOfConfig, "R101", "a lease outlives the configuration it was gathered under"),
    (Rule::DedupeReplicated, "R107", "only the leader knows which writes of a session it has seen"),
];

/// Most rules that a set holds, one bit each.
const RULES_MAX: usize = 128;

const _: () = assert!(CATALOGUE.len() <= RULES_MAX, "a set of rules fits its bits");

/// The rules that are kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rules {
    /// One bit for each broken rule.
    broken: u128,
}

/// Why a word names no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is no rule that can be broken")]
pub struct UnknownRule {
    pub word: String,
}

impl Rules {
    /// All rules: the only ones a node may run.
    pub const fn sound() -> Rules {
        Rules { broken: 0 }
    }

    /// All rules but one: a deliberate bug.
    pub const fn without(rule: Rule) -> Rules {
        Rules::sound().and_without(rule)
    }

    /// One rule fewer.
    #[must_use]
    pub const fn and_without(self, rule: Rule) -> Rules {
        Rules { broken: self.broken | 1 << rule as u64 }
    }

    pub const fn keeps(self, rule: Rule) -> bool {
        self.broken & 1 << rule as u64 == 0
    }

    pub const fn are_sound(self) -> bool {
        self.broken == 0
    }

    /// The rules that are not kept, in order.
    pub fn broken(self) -> impl Iterator<Item = Rule> {
        Rule::all().filter(move |rule| !self.keeps(*rule))
    }
}

impl Core {
    /// The rules that this node keeps.
    pub fn rules(&self) -> Rules {
        self.rules
    }
}

impl Default for Rules {
    fn default() -> Rules {
        Rules::sound()
    }
}

impl Rule {
    /// Every rule that can be broken, in order.
    pub fn all() -> impl Iterator<Item = Rule> {
        CATALOGUE.iter().map(|(rule, _, _)| *rule)
    }

    /// The rule's id, with a word behind it where one rule has several parts.
    pub fn id(self) -> &'static str {
        CATALOGUE[self as usize].1
    }

    /// What goes wrong without it.
    pub fn consequence(self) -> &'static str {
        CATALOGUE[self as usize].2
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl FromStr for Rule {
    type Err = UnknownRule;

    fn from_str(word: &str) -> Result<Rule, UnknownRule> {
        let found = Rule::all().find(|rule| rule.id().eq_ignore_ascii_case(word));
        found.ok_or_else(|| UnknownRule { word: word.to_owned() })
    }
}

/// `sound`, or the broken rules with commas between them.
impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.are_sound() {
            return f.write_str("sound");
        }
        for (position, rule) in self.broken().enumerate() {
            let comma = if position == 0 { "" } else { "," };
            write!(f, "{comma}{rule}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rules({self})")
    }
}

impl FromStr for Rules {
    type Err = UnknownRule;

    fn from_str(words: &str) -> Result<Rules, UnknownRule> {
        if words == "sound" {
            return Ok(Rules::sound());
        }
        words.split(',').try_fold(Rules::sound(), |rules, word| Ok(rules.and_without(word.parse()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_its_own_row_and_id() {
        for (position, (rule, id, consequence)) in CATALOGUE.iter().enumerate() {
            assert_eq!(*rule as usize, position, "{id} stands where the enumeration has it");
            assert_eq!(CATALOGUE.iter().filter(|(_, other, _)| other == id).count(), 1, "{id} names one rule");
            assert_eq!(id.parse::<Rule>(), Ok(*rule));
            assert!(!consequence.is_empty() && !consequence.ends_with('.'));
        }
    }

    #[test]
    fn breaking_one_rule_keeps_the_others() {
        for rule in Rule::all() {
            let rules = Rules::without(rule);
            assert!(Rule::all().all(|other| rules.keeps(other) == (other != rule)));
            assert!(!rules.are_sound());
            assert_eq!(rules.to_string().parse::<Rules>(), Ok(rules));
        }
        assert!(Rule::all().all(|rule| Rules::sound().keeps(rule)));
    }

    #[test]
    fn sets_are_read_as_they_are_shown() {
        let both = Rules::without(Rule::CampaignNonce).and_without(Rule::VoteRequestWaits);
        assert_eq!(both.to_string(), "R15-durable,R15-nonce");
        assert_eq!("r15-NONCE,R15-durable".parse::<Rules>(), Ok(both));
        assert_eq!("sound".parse::<Rules>(), Ok(Rules::sound()));
        let fault = "R47,R47-else".parse::<Rules>().expect_err("one rule is unknown");
        assert_eq!(fault.to_string(), "`R47-else` is no rule that can be broken");
    }
}
