//! The words of the algorithm as types: node, term, index, log id, write number, instant.
//!
//! Each is a newtype so that a term can never be passed where an index belongs, and each has the one `Display`
//! that scripts, logs, simulator traces and the inspector share.

use core::fmt;
use core::ops::{Add, AddAssign, Sub};
use core::time::Duration;

/// A member's number, unique for the life of a cluster and never reused. Zero is nobody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u64);

/// An election's number (§5.1). Zero is before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term(pub u64);

/// A position in the log. The first entry has index 1; zero is the empty log's end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Index(pub u64);

/// Names one entry for ever: two logs that hold the same log id hold the same prefix (I3).
///
/// Ordered by term first, then index, which is the "at least as up-to-date" order of §5.4.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId {
    pub term: Term,
    pub index: Index,
}

/// The number of one write to stable storage, strictly increasing within one start of a node (R54).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriteSeq(pub u64);

/// A random number drawn when a data directory is made; it keeps a wiped disk from voting twice (R65).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorageId(pub u128);

/// A random number drawn when a cluster is made; messages of another cluster are dropped (R9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterId(pub u128);

/// An instant on the caller's monotonic clock, in nanoseconds since an origin of the caller's choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

/// What a node is in its term (§5.1). A learner is a follower that may not campaign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Role {
    #[default]
    Follower,
    /// Asks whether it would win before it raises its term (thesis 9.6).
    PreCandidate,
    Candidate,
    Leader,
}

impl LogId {
    /// The end of an empty log.
    pub const ZERO: LogId = LogId { term: Term(0), index: Index(0) };

    pub const fn new(index: u64, term: u64) -> LogId {
        LogId { term: Term(term), index: Index(index) }
    }
}

impl Index {
    pub const fn next(self) -> Index {
        Index(self.0 + 1)
    }

    /// The index before this one; zero stays zero.
    pub const fn prev(self) -> Index {
        Index(self.0.saturating_sub(1))
    }
}

impl Term {
    /// The last one: a record has four bytes for its term. At ten elections a second it comes after 13 years of nothing
    /// but elections.
    pub const MAX: Term = Term(u32::MAX as u64);

    pub const fn next(self) -> Term {
        assert!(self.0 < Term::MAX.0, "terms do not run out");
        Term(self.0 + 1)
    }
}

impl WriteSeq {
    pub const fn next(self) -> WriteSeq {
        WriteSeq(self.0 + 1)
    }
}

impl Add<u64> for Index {
    type Output = Index;
    fn add(self, count: u64) -> Index {
        Index(self.0 + count)
    }
}

impl Sub<Index> for Index {
    type Output = u64;
    /// How many entries lie between two positions; the right side must not be the greater one.
    fn sub(self, other: Index) -> u64 {
        self.0.checked_sub(other.0).expect("index differences are never negative")
    }
}

impl Add<Duration> for Time {
    type Output = Time;
    fn add(self, span: Duration) -> Time {
        Time(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl AddAssign<Duration> for Time {
    fn add_assign(&mut self, span: Duration) {
        *self = *self + span;
    }
}

impl Time {
    /// The time from `earlier` to `self`; zero when `earlier` is later.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    pub const fn from_millis(millis: u64) -> Time {
        Time(millis * 1_000_000)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.index, self.term)
    }
}

impl fmt::Display for WriteSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl fmt::Display for StorageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Follower => "follower",
            Role::PreCandidate => "pre-candidate",
            Role::Candidate => "candidate",
            Role::Leader => "leader",
        })
    }
}
