//! Sessions: which writes of which client have been applied, and what each of them gave, so that a write that is sent
//! twice takes effect once (R107, thesis 6.3).
//!
//! The table is replicated state: it depends on the log alone. A client chooses its session's id and numbers its
//! writes; the first write with a new id opens the session. What a write gave is kept until the client says that it no
//! longer waits for it. A repeated write gets the stored answer, also when both copies are in the log (R108); one whose
//! answer is gone is told so and never executed.
//!
//! The table is bounded in sessions, answers and bytes. Sessions end when they were idle for their lifetime in log
//! time, or, when there are too many, those idle for the longest end first. A session that has ended does not open
//! again: an opening says how late it was when its client learned the time, and one from before is refused. What the
//! commands do is not known here.

use core::fmt;
use std::collections::VecDeque;
use std::sync::Arc;

use imbl::{OrdMap, OrdSet};
use rapidhash::v3::rapidhash_v3;

use super::command::{Current, Outcome, Rejection};
use super::transaction::{Branch, StepOutcome, TransactionOutcome, TransactionRejection};

/// Most overdue sessions that one entry removes, so that no entry takes long. What is overdue is refused in any case.
pub const EXPIRED_PER_ENTRY_MAX: usize = 256;

/// A session's last activity is noted to this part of its lifetime: an idle session may end that much early.
const ACTIVITY_STEPS: u64 = 60;

/// What one session and one stored answer count as, beside the value in an answer. Part of the format, as the limits
/// are.
const SESSION_BYTES: u64 = 192;
const ANSWER_BYTES: u64 = 96;

/// What each step of a transaction counts as in its answer, beside a value it read.
const STEP_BYTES: u64 = 48;

/// A client's name for its session: 128 random bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u128);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Which write of which session a command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTag {
    pub session: SessionId,
    /// Counts the session's writes from 1; a repeated write repeats its number.
    pub serial: u64,
    /// The lowest number whose answer the client still waits for; at most `serial`.
    pub awaited_from: u64,
    /// The log time the client learned before it opened the session, in milliseconds; the same in all its writes.
    pub opened_ms: u64,
}

/// What applying a write gave, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Index of the entry that took effect: of a repeated write, the first one.
    pub revision: u64,
    pub term: u64,
    pub outcome: Outcome,
}

/// What became of one command in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    Written(Written),
    /// The session no longer keeps an answer for this number: it was applied or given up before. Not executed.
    Discarded,
    /// The session has ended, or asks to open from too long ago. Not executed.
    SessionExpired,
}

/// The bounds of the table. Part of the format: every replica must agree on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// Log time without a write after which a session ends.
    pub lifetime_ms: u64,
    pub sessions_max: usize,
    /// Answers kept for one session; beyond, those of the lowest numbers go.
    pub answers_max: usize,
    /// Bytes of answers kept for one session; beyond, those of the lowest numbers go.
    pub session_bytes_max: u64,
    /// Bytes of the whole table, as it counts them.
    pub table_bytes_max: u64,
}

impl Default for SessionLimits {
    fn default() -> SessionLimits {
        SessionLimits {
            lifetime_ms: 3_600_000,
            sessions_max: 64 * 1024,
            answers_max: 64 * 1024,
            session_bytes_max: 8 << 20,
            table_bytes_max: 64 << 20,
        }
    }
}

impl SessionLimits {
    /// Small enough that a simulation of a few writes meets every bound.
    pub fn tiny() -> SessionLimits {
        SessionLimits {
            lifetime_ms: 6_000,
            sessions_max: 3,
            answers_max: 3,
            session_bytes_max: 3 * ANSWER_BYTES + 20,
            table_bytes_max: 3 * (SESSION_BYTES + 2 * ANSWER_BYTES),
        }
    }

    fn activity_step_ms(&self) -> u64 {
        self.lifetime_ms.div_ceil(ACTIVITY_STEPS)
    }
}

/// All sessions as of one log index. Clones share what is equal and cost the same whatever the table holds.
#[derive(Clone, Debug)]
pub struct Sessions {
    by_id: OrdMap<SessionId, Arc<Session>>,
    /// When each session was last active: the first one is the next to end.
    by_activity: OrdSet<(u64, SessionId)>,
    limits: SessionLimits,
    /// Openings from before this log time are refused: a session that old may have ended early, to make room.
    opened_from_ms: u64,
    bytes: u64,
    /// Sum of the hashes of all sessions and answers.
    sum: u64,
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    opened_ms: u64,
    active_ms: u64,
    /// Numbers below are neither kept nor executed.
    kept_from: u64,
    /// By number.
    answers: VecDeque<Answer>,
    /// Of the answers.
    bytes: u64,
}

/// A stored answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub serial: u64,
    pub written: Written,
}

impl Session {
    /// The log time its opening claimed.
    pub fn opened_ms(&self) -> u64 {
        self.opened_ms
    }

    /// The log time of its last write, to a sixtieth of a lifetime.
    pub fn active_ms(&self) -> u64 {
        self.active_ms
    }

    /// The lowest number that is kept or would be executed.
    pub fn kept_from(&self) -> u64 {
        self.kept_from
    }

    /// Stored answers in the order of their numbers.
    pub fn answers(&self) -> impl ExactSizeIterator<Item = &Answer> {
        self.answers.iter()
    }

    fn answer(&self, serial: u64) -> Option<&Answer> {
        // Nearly every write is the session's newest.
        if self.answers.back().is_none_or(|last| last.serial < serial) {
            return None;
        }
        let at = self.answers.binary_search_by_key(&serial, |answer| answer.serial).ok()?;
        self.answers.get(at)
    }
}

impl Sessions {
    pub fn new(limits: SessionLimits) -> Sessions {
        Sessions { by_id: OrdMap::new(), by_activity: OrdSet::new(), limits, opened_from_ms: 0, bytes: 0, sum: 0 }
    }

    /// Executes a write unless it has been executed before, at log time `now_ms`. An opening is judged by the time
    /// `before_ms`, as it was before the write's own stamp: after hours without a write its client cannot have learned
    /// a later one. What ends by `now_ms` may be removed only afterwards, or it could open again with this same write.
    pub(super) fn once(
        &mut self,
        before_ms: u64,
        now_ms: u64,
        tag: SessionTag,
        execute: impl FnOnce() -> Written,
    ) -> Applied {
        if tag.serial < tag.awaited_from {
            return Applied::Discarded;
        }
        match self.by_id.get(&tag.session) {
            None => {
                if !self.open(before_ms, now_ms, tag) {
                    return Applied::SessionExpired;
                }
            }
            Some(session) if has_ended(&self.limits, session.active_ms, now_ms) => {
                self.remove(tag.session);
                return Applied::SessionExpired;
            }
            Some(session) if tag.serial < session.kept_from => return Applied::Discarded,
            Some(session) => {
                if let Some(answer) = session.answer(tag.serial) {
                    return Applied::Written(answer.written.clone());
                }
            }
        }
        let written = execute();
        self.keep(now_ms, tag, written.clone());
        Applied::Written(written)
    }

    /// The stored answer to a write, if it has been executed already.
    pub fn answer(&self, tag: SessionTag) -> Option<&Written> {
        self.by_id.get(&tag.session)?.answer(tag.serial).map(|answer| &answer.written)
    }

    /// Removes sessions that have ended by `now_ms`, some at a time.
    pub(super) fn expire(&mut self, now_ms: u64) {
        for _ in 0..EXPIRED_PER_ENTRY_MAX {
            let Some((active_ms, session)) = self.by_activity.get_min().copied() else { return };
            if !has_ended(&self.limits, active_ms, now_ms) {
                return;
            }
            self.remove(session);
        }
    }

    /// The log time at which the next session ends, if nothing is heard of it.
    pub fn next_end_ms(&self) -> Option<u64> {
        let (active_ms, _) = self.by_activity.get_min()?;
        Some(active_ms.saturating_add(self.limits.lifetime_ms))
    }

    pub fn get(&self, session: SessionId) -> Option<&Session> {
        self.by_id.get(&session).map(|shared| &**shared)
    }

    /// All sessions by their ids.
    pub fn iter(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        self.by_id.iter().map(|(id, shared)| (*id, &**shared))
    }

    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub fn limits(&self) -> SessionLimits {
        self.limits
    }

    /// What the table counts as, in bytes; at most `SessionLimits::table_bytes_max`.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Openings from before this log time are refused.
    pub fn opened_from_ms(&self) -> u64 {
        self.opened_from_ms
    }

    /// Sum of the hashes of everything in the table: equal tables have equal sums.
    pub fn sum(&self) -> u64 {
        self.sum.wrapping_add(self.opened_from_ms)
    }

    /// The table with nothing in it but what `opened_from_ms` says; `put_back` fills it.
    pub fn restore(limits: SessionLimits, opened_from_ms: u64) -> Sessions {
        Sessions { opened_from_ms, ..Sessions::new(limits) }
    }

    /// Puts one session of a snapshot back. False, and nothing changed, when it is there already, its answers are not
    /// in the order of their numbers, or it or the table would exceed the limits.
    #[must_use]
    pub fn put_back(
        &mut self,
        id: SessionId,
        opened_ms: u64,
        active_ms: u64,
        kept_from: u64,
        answers: Vec<Answer>,
    ) -> bool {
        let bytes: u64 = answers.iter().map(|answer| answer_bytes(&answer.written)).sum();
        let is_ordered = answers.is_sorted_by(|one, next| one.serial < next.serial)
            && answers.first().is_none_or(|first| first.serial >= kept_from);
        let fits = answers.len() <= self.limits.answers_max
            && bytes <= self.limits.session_bytes_max
            && self.len() < self.limits.sessions_max
            && self.bytes + SESSION_BYTES + bytes <= self.limits.table_bytes_max;
        if !is_ordered || !fits || opened_ms > active_ms || self.by_id.contains_key(&id) {
            return false;
        }
        let session = Session { opened_ms, active_ms, kept_from, answers: answers.into(), bytes };
        self.sum = session
            .answers
            .iter()
            .fold(self.sum, |sum, answer| sum.wrapping_add(answer_hash(id, answer)))
            .wrapping_add(session_hash(id, &session));
        self.bytes += SESSION_BYTES + bytes;
        self.by_activity.insert((active_ms, id));
        self.by_id.insert(id, Arc::new(session));
        true
    }

    /// Opens the session that a write names, unless that is from too long ago, or from a time that has not come.
    fn open(&mut self, before_ms: u64, now_ms: u64, tag: SessionTag) -> bool {
        let is_stale = has_ended(&self.limits, tag.opened_ms, before_ms) || tag.opened_ms < self.opened_from_ms;
        if is_stale || tag.opened_ms > before_ms {
            return false;
        }
        let session = Session {
            opened_ms: tag.opened_ms,
            active_ms: now_ms,
            kept_from: tag.awaited_from,
            answers: VecDeque::with_capacity(1),
            bytes: 0,
        };
        self.sum = self.sum.wrapping_add(session_hash(tag.session, &session));
        self.by_id.insert(tag.session, Arc::new(session));
        self.by_activity.insert((now_ms, tag.session));
        self.bytes += SESSION_BYTES;
        true
    }

    /// Stores what a write gave, forgets what its client no longer waits for, and makes room.
    fn keep(&mut self, now_ms: u64, tag: SessionTag, written: Written) {
        let id = tag.session;
        let session = Arc::make_mut(self.by_id.get_mut(&id).expect("a session outlives its writes"));
        let before = session.bytes;
        let noted_ms = session.active_ms;
        self.sum = self.sum.wrapping_sub(session_hash(id, session));
        if now_ms >= noted_ms.saturating_add(self.limits.activity_step_ms()) {
            self.by_activity.remove(&(noted_ms, id));
            self.by_activity.insert((now_ms, id));
            session.active_ms = now_ms;
        }
        let answer = Answer { serial: tag.serial, written };
        self.sum = self.sum.wrapping_add(answer_hash(id, &answer));
        session.bytes += answer_bytes(&answer.written);
        let at = session.answers.partition_point(|kept| kept.serial < answer.serial);
        session.answers.insert(at, answer);
        session.kept_from = session.kept_from.max(tag.awaited_from);
        while let Some(lowest) = session.answers.front() {
            let is_over =
                session.answers.len() > self.limits.answers_max || session.bytes > self.limits.session_bytes_max;
            if lowest.serial >= session.kept_from && !is_over {
                break;
            }
            let gone = session.answers.pop_front().expect("it was just looked at");
            session.kept_from = session.kept_from.max(gone.serial.saturating_add(1));
            session.bytes -= answer_bytes(&gone.written);
            self.sum = self.sum.wrapping_sub(answer_hash(id, &gone));
        }
        self.sum = self.sum.wrapping_add(session_hash(id, session));
        self.bytes = self.bytes - before + session.bytes;
        self.make_room(id);
    }

    /// Ends the sessions that have been idle for the longest until the table fits; never the one just used.
    fn make_room(&mut self, used: SessionId) {
        while self.by_id.len() > self.limits.sessions_max || self.bytes > self.limits.table_bytes_max {
            let idle = self.by_activity.iter().map(|(_, id)| *id).find(|id| *id != used);
            let Some(idle) = idle else { return };
            let opened_ms = self.remove(idle).opened_ms;
            self.opened_from_ms = self.opened_from_ms.max(opened_ms.saturating_add(1));
        }
    }

    fn remove(&mut self, id: SessionId) -> Arc<Session> {
        let session = self.by_id.remove(&id).expect("sessions that end are there");
        self.by_activity.remove(&(session.active_ms, id));
        self.bytes -= SESSION_BYTES + session.bytes;
        self.sum = session
            .answers
            .iter()
            .fold(self.sum, |sum, answer| sum.wrapping_sub(answer_hash(id, answer)))
            .wrapping_sub(session_hash(id, &session));
        session
    }
}

fn has_ended(limits: &SessionLimits, active_ms: u64, now_ms: u64) -> bool {
    active_ms.saturating_add(limits.lifetime_ms) <= now_ms
}

fn answer_bytes(written: &Written) -> u64 {
    let more_bytes = match &written.outcome {
        Outcome::ConditionFailed { current } => value_bytes(current.as_ref()),
        Outcome::Transaction(outcome) => outcome.results.iter().map(step_bytes).sum(),
        Outcome::Written
        | Outcome::Deleted { .. }
        | Outcome::Incremented { .. }
        | Outcome::Leased { .. }
        | Outcome::Rejected { .. }
        | Outcome::TransactionRejected(_) => 0,
    };
    ANSWER_BYTES + more_bytes
}

fn step_bytes(step: &StepOutcome) -> u64 {
    let current = match step {
        StepOutcome::Read(current) => current.as_ref(),
        StepOutcome::Written(_) => None,
    };
    STEP_BYTES + value_bytes(current)
}

fn value_bytes(current: Option<&Current>) -> u64 {
    current.map_or(0, |current| current.value.len() as u64)
}

/// Of a session without its answers.
fn session_hash(id: SessionId, session: &Session) -> u64 {
    let mut bytes = [0; 40];
    bytes[..16].copy_from_slice(&id.0.to_le_bytes());
    bytes[16..24].copy_from_slice(&session.opened_ms.to_le_bytes());
    bytes[24..32].copy_from_slice(&session.active_ms.to_le_bytes());
    bytes[32..].copy_from_slice(&session.kept_from.to_le_bytes());
    rapidhash_v3(&bytes)
}

/// Of everything in a stored answer.
fn answer_hash(id: SessionId, answer: &Answer) -> u64 {
    let mut bytes = [0; 72];
    bytes[..16].copy_from_slice(&id.0.to_le_bytes());
    let Written { revision, term, .. } = answer.written;
    let [code, first, second, third] = outcome_words(&answer.written.outcome);
    let words = [answer.serial, revision, term, code, first, second, third];
    for (at, word) in words.iter().enumerate() {
        bytes[16 + at * 8..24 + at * 8].copy_from_slice(&word.to_le_bytes());
    }
    rapidhash_v3(&bytes)
}

/// An outcome as numbers; those that it has not are zero.
fn outcome_words(outcome: &Outcome) -> [u64; 4] {
    match outcome {
        Outcome::Written => [1, 0, 0, 0],
        Outcome::Deleted { found } => [2, u64::from(*found), 0, 0],
        Outcome::Incremented { value } => [3, value.cast_unsigned(), 0, 0],
        Outcome::ConditionFailed { current: None } => [4, 0, 0, 0],
        Outcome::ConditionFailed { current: Some(current) } => current_words(5, current),
        Outcome::Rejected { because } => rejection_words(*because),
        Outcome::Leased { found } => [9, u64::from(*found), 0, 0],
        Outcome::Transaction(transaction) => {
            let TransactionOutcome { branch, results } = &**transaction;
            let steps: Vec<u8> = results.iter().flat_map(step_words).flat_map(u64::to_le_bytes).collect();
            [10, branch_word(*branch), results.len() as u64, rapidhash_v3(&steps)]
        }
        Outcome::TransactionRejected(TransactionRejection { branch, step, because }) => {
            let [code, first, second, _] = rejection_words(*because);
            [11 + 16 * code + (branch_word(*branch) << 16), u64::from(*step), first, second]
        }
    }
}

fn step_words(step: &StepOutcome) -> [u64; 4] {
    match step {
        StepOutcome::Read(None) => [12, 0, 0, 0],
        StepOutcome::Read(Some(current)) => current_words(13, current),
        StepOutcome::Written(outcome) => outcome_words(outcome),
    }
}

fn current_words(code: u64, Current { value, revision, version }: &Current) -> [u64; 4] {
    [code, rapidhash_v3(value), *revision, *version]
}

fn rejection_words(because: Rejection) -> [u64; 4] {
    match because {
        Rejection::NotANumber => [6, 0, 0, 0],
        Rejection::Overflow => [7, 0, 0, 0],
        Rejection::ValueTooLarge { size_bytes, limit_bytes } => [8, size_bytes, limit_bytes, 0],
        Rejection::ResultTooLarge { limit_bytes } => [14, limit_bytes, 0, 0],
    }
}

fn branch_word(branch: Branch) -> u64 {
    match branch {
        Branch::Then => 1,
        Branch::Otherwise => 2,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn tag(session: u128, serial: u64, awaited_from: u64, opened_ms: u64) -> SessionTag {
        SessionTag { session: SessionId(session), serial, awaited_from, opened_ms }
    }

    fn written(revision: u64) -> Written {
        Written { revision, term: 1, outcome: Outcome::Written }
    }

    /// Applies at `now_ms`; true when it was executed.
    fn apply(sessions: &mut Sessions, now_ms: u64, tag: SessionTag, revision: u64) -> (Applied, bool) {
        let mut is_executed = false;
        let applied = sessions.once(now_ms, now_ms, tag, || {
            is_executed = true;
            written(revision)
        });
        (applied, is_executed)
    }

    fn sum_from_scratch(sessions: &Sessions) -> u64 {
        sessions.iter().fold(sessions.opened_from_ms, |sum, (id, session)| {
            let own = session_hash(id, session);
            session.answers().fold(sum.wrapping_add(own), |sum, answer| sum.wrapping_add(answer_hash(id, answer)))
        })
    }

    fn bytes_from_scratch(sessions: &Sessions) -> u64 {
        let of_one = |session: &Session| session.answers().map(|answer| answer_bytes(&answer.written)).sum::<u64>();
        sessions.iter().map(|(_, session)| SESSION_BYTES + of_one(session)).sum()
    }

    fn check(sessions: &Sessions) {
        let limits = &sessions.limits;
        assert_eq!(sessions.sum(), sum_from_scratch(sessions));
        assert_eq!(sessions.bytes(), bytes_from_scratch(sessions));
        assert!(sessions.len() <= limits.sessions_max && sessions.bytes() <= limits.table_bytes_max);
        assert_eq!(sessions.by_activity.len(), sessions.by_id.len());
        for (id, session) in sessions.iter() {
            assert!(sessions.by_activity.contains(&(session.active_ms, id)));
            assert!(session.answers.len() <= limits.answers_max && session.bytes <= limits.session_bytes_max);
            assert!(session.answers().is_sorted_by(|one, next| one.serial < next.serial));
            assert!(session.answers().all(|answer| answer.serial >= session.kept_from));
            assert!(session.opened_ms <= session.active_ms);
        }
    }

    #[test]
    fn a_repeated_write_gets_its_first_answer_and_a_forgotten_one_none() {
        let mut sessions = Sessions::new(SessionLimits::default());
        assert_eq!(apply(&mut sessions, 0, tag(1, 1, 1, 0), 3), (Applied::Written(written(3)), true));
        assert_eq!(apply(&mut sessions, 0, tag(1, 1, 1, 0), 4), (Applied::Written(written(3)), false));
        assert_eq!(apply(&mut sessions, 0, tag(1, 3, 1, 0), 5), (Applied::Written(written(5)), true));
        assert_eq!(apply(&mut sessions, 0, tag(1, 2, 1, 0), 6), (Applied::Written(written(6)), true), "out of order");
        assert_eq!(sessions.answer(tag(1, 2, 1, 0)), Some(&written(6)));
        assert_eq!(apply(&mut sessions, 0, tag(1, 4, 3, 0), 7), (Applied::Written(written(7)), true));
        for serial in [1, 2] {
            assert_eq!(apply(&mut sessions, 0, tag(1, serial, 1, 0), 8), (Applied::Discarded, false));
        }
        assert_eq!(apply(&mut sessions, 0, tag(1, 3, 1, 0), 8), (Applied::Written(written(5)), false));
        assert_eq!(apply(&mut sessions, 0, tag(1, 9, 10, 0), 8), (Applied::Discarded, false), "it awaits no answer");
        check(&sessions);
    }

    #[test]
    fn two_sessions_number_their_writes_by_themselves() {
        let mut sessions = Sessions::new(SessionLimits::default());
        assert!(apply(&mut sessions, 0, tag(1, 1, 1, 0), 3).1);
        assert!(apply(&mut sessions, 0, tag(2, 1, 1, 0), 4).1);
        assert_eq!(sessions.answer(tag(2, 1, 1, 0)), Some(&written(4)));
    }

    #[test]
    fn an_idle_session_ends_and_does_not_open_again() {
        let limits = SessionLimits { lifetime_ms: 600, ..SessionLimits::default() };
        let mut sessions = Sessions::new(limits);
        assert!(apply(&mut sessions, 100, tag(1, 1, 1, 90), 3).1);
        assert_eq!(sessions.next_end_ms(), Some(700));
        assert!(apply(&mut sessions, 109, tag(1, 2, 1, 90), 4).1, "less than a step later");
        assert_eq!(sessions.next_end_ms(), Some(700));
        assert!(apply(&mut sessions, 110, tag(1, 3, 1, 90), 5).1);
        assert_eq!(sessions.next_end_ms(), Some(710));
        check(&sessions);
        let mut overdue = sessions.clone();
        assert_eq!(
            apply(&mut overdue, 710, tag(1, 3, 1, 90), 6),
            (Applied::SessionExpired, false),
            "nobody removed it"
        );
        sessions.expire(709);
        assert_eq!(sessions.len(), 1);
        sessions.expire(710);
        for sessions in [&mut sessions, &mut overdue] {
            assert_eq!(apply(sessions, 710, tag(1, 4, 1, 90), 6), (Applied::SessionExpired, false));
            assert!(sessions.is_empty());
            check(sessions);
        }
        assert!(apply(&mut sessions, 710, tag(2, 1, 1, 111), 6).1, "one that is not older than a lifetime opens");
        assert_eq!(
            apply(&mut sessions, 710, tag(3, 1, 1, 711), 7),
            (Applied::SessionExpired, false),
            "from the future"
        );
    }

    #[test]
    fn the_session_idle_for_the_longest_makes_room_and_does_not_open_again() {
        let mut sessions = Sessions::new(SessionLimits { sessions_max: 2, ..SessionLimits::default() });
        assert!(apply(&mut sessions, 5, tag(9, 1, 1, 5), 3).1);
        assert!(apply(&mut sessions, 6, tag(1, 1, 1, 6), 4).1);
        assert!(apply(&mut sessions, 6, tag(4, 1, 1, 6), 5).1);
        assert_eq!((sessions.len(), sessions.opened_from_ms()), (2, 6));
        check(&sessions);
        assert_eq!(apply(&mut sessions, 6, tag(9, 1, 1, 5), 6), (Applied::SessionExpired, false));
        assert!(apply(&mut sessions, 7, tag(7, 1, 1, 6), 7).1, "of those equally idle the one with the lowest id ends");
        assert!(sessions.get(SessionId(1)).is_none() && sessions.get(SessionId(4)).is_some());
        check(&sessions);
    }

    #[test]
    fn answers_beyond_the_limits_go_and_their_writes_are_not_executed_again() {
        let limits = SessionLimits { answers_max: 2, ..SessionLimits::default() };
        let mut sessions = Sessions::new(limits);
        for serial in 2..=4 {
            assert!(apply(&mut sessions, 0, tag(1, serial, 1, 0), serial).1);
        }
        for serial in [1, 2] {
            assert_eq!(apply(&mut sessions, 0, tag(1, serial, 1, 0), 9), (Applied::Discarded, false));
        }
        assert!(sessions.answer(tag(1, 3, 1, 0)).is_some());
        let limits = SessionLimits { session_bytes_max: 3 * ANSWER_BYTES, ..SessionLimits::default() };
        let mut sessions = Sessions::new(limits);
        let large = |revision| {
            let current = Some(Current { value: vec![7; 150], revision, version: 1 });
            Written { revision, term: 1, outcome: Outcome::ConditionFailed { current } }
        };
        for serial in 1..=2 {
            sessions.once(0, 0, tag(1, serial, 1, 0), || large(serial));
            check(&sessions);
        }
        assert_eq!(sessions.answer(tag(1, 2, 1, 0)), Some(&large(2)));
        assert_eq!(sessions.once(0, 0, tag(1, 1, 1, 0), || large(9)), Applied::Discarded);
    }

    #[test]
    fn the_largest_numbers_are_numbers_like_others() {
        let limits = SessionLimits { answers_max: 1, ..SessionLimits::default() };
        let mut sessions = Sessions::new(limits);
        assert!(apply(&mut sessions, 0, tag(1, u64::MAX - 1, 1, 0), 3).1);
        assert!(apply(&mut sessions, 0, tag(1, u64::MAX, u64::MAX, 0), 4).1);
        assert_eq!(apply(&mut sessions, u64::MAX, tag(1, u64::MAX, 1, 0), 5), (Applied::SessionExpired, false));
        check(&sessions);
    }

    #[test]
    fn what_is_put_back_is_the_same_table() {
        let mut sessions = Sessions::new(SessionLimits { sessions_max: 2, ..SessionLimits::default() });
        for (session, opened_ms) in [(1, 0), (2, 1), (3, 1)] {
            assert!(apply(&mut sessions, opened_ms + 1, tag(session, 1, 1, opened_ms), 3).1);
            assert!(apply(&mut sessions, opened_ms + 2, tag(session, 2, 1, opened_ms), 4).1);
        }
        let mut restored = Sessions::restore(sessions.limits, sessions.opened_from_ms());
        for (id, one) in sessions.iter() {
            let answers: Vec<Answer> = one.answers().cloned().collect();
            assert!(restored.put_back(id, one.opened_ms(), one.active_ms(), one.kept_from(), answers.clone()));
            assert!(!restored.put_back(id, one.opened_ms(), one.active_ms(), one.kept_from(), answers), "twice");
        }
        check(&restored);
        assert_eq!(restored.sum(), sessions.sum());
        assert!(restored.iter().eq(sessions.iter()));
        assert!(restored.next_end_ms() == sessions.next_end_ms());
        let disorder = vec![Answer { serial: 2, written: written(4) }, Answer { serial: 1, written: written(3) }];
        let mut empty = Sessions::restore(sessions.limits, 0);
        assert!(!empty.put_back(SessionId(5), 0, 0, 1, disorder));
        assert!(!empty.put_back(SessionId(5), 1, 0, 1, Vec::new()), "opened after it was last active");
        assert!(!empty.put_back(SessionId(5), 0, 0, 2, vec![Answer { serial: 1, written: written(3) }]));
        assert!(empty.is_empty() && empty.bytes() == 0);
    }

    proptest! {
        /// Whatever arrives in whatever order under tiny limits: no write is executed twice, an answer never changes,
        /// the limits hold, and a clone does not change.
        #[test]
        fn no_write_is_ever_executed_twice(
            writes in proptest::collection::vec((0_u128..5, 1_u64..7, 0_u64..4, 0_u64..3, 0_u64..900), 1..200),
        ) {
            let mut sessions = Sessions::new(SessionLimits::tiny());
            let mut executed: BTreeMap<(SessionId, u64), u64> = BTreeMap::new();
            let mut opened: BTreeMap<(u128, u64), u64> = BTreeMap::new();
            let (mut now_ms, mut halfway) = (0, None);
            for (revision, (session, serial, awaited, life, passed_ms)) in (1..).zip(&writes) {
                now_ms += passed_ms;
                sessions.expire(now_ms);
                // A session has one opening time for good; `life` tells the sessions of one client apart.
                let opened_ms = *opened.entry((*session, *life)).or_insert(now_ms);
                let tag = tag(*session * 10 + u128::from(*life), *serial, serial.saturating_sub(*awaited), opened_ms);
                let (applied, is_executed) = apply(&mut sessions, now_ms, tag, revision);
                if is_executed {
                    let before = executed.insert((tag.session, tag.serial), revision);
                    prop_assert_eq!(before, None, "write {} of {} was executed twice", tag.serial, tag.session);
                }
                if let Applied::Written(written) = applied {
                    prop_assert_eq!(Some(&written.revision), executed.get(&(tag.session, tag.serial)));
                }
                check(&sessions);
                if revision as usize == writes.len() / 2 {
                    halfway = Some((sessions.clone(), sessions.sum(), sessions.len()));
                }
            }
            if let Some((sessions, sum, len)) = halfway {
                prop_assert_eq!((sessions.sum(), sessions.len()), (sum, len));
                check(&sessions);
            }
        }
    }
}
