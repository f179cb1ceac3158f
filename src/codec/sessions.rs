//! Sessions as bytes: the part of a snapshot that remembers which writes have been applied, so that a write sent again
//! after the log was compacted still takes effect once (R109).
//!
//! ```text
//! sessions  | opened from, 8 | digest, 8 | published, 8 | number, 8 | session …         in the order of their ids
//! session   | length, 4 | id, 16 | opened, 8 | active, 8 | kept from, 8 | answers, 4 | answer …
//! answer    | serial, 8 | revision, 8 | term, 8 | code, 1 | what the code says …        in the order of their serials
//! ```
//!
//! All numbers are little-endian; `length` counts what stands behind it. What is read back is proved to be the table
//! that was written, by its digest and by the table's own limits. How a snapshot is divided and stored is not known
//! here: writing hands out one session at a time, reading takes one at a time.

use bytes::{Buf, BufMut};

use crate::state_machine::sessions::{Answer, Session};
use crate::state_machine::{
    Branch, Current, Outcome, Rejection, SessionId, SessionLimits, Sessions, StateMachine, StepOutcome,
    TransactionOutcome, TransactionRejection, Written,
};

/// Bytes before the first session.
pub const SESSIONS_HEAD_BYTES: usize = 32;

/// Bytes of `length` before each session.
pub const SESSION_LENGTH_BYTES: usize = 4;

/// Longest session that is read, in bytes, beside its length: far above what the limits let one grow to.
pub const SESSION_BYTES_MAX: usize = 64 << 20;

/// Of a session without answers, and of an answer without what its code says.
const SESSION_FIXED_BYTES: usize = 44;
const ANSWER_FIXED_BYTES: usize = 25;

const WRITTEN: u8 = 1;
const DELETED_NOTHING: u8 = 2;
const DELETED: u8 = 3;
const INCREMENTED: u8 = 4;
const FAILED_ABSENT: u8 = 5;
const FAILED: u8 = 6;
const NOT_A_NUMBER: u8 = 7;
const OVERFLOW: u8 = 8;
const VALUE_TOO_LARGE: u8 = 9;
const LEASED_NOTHING: u8 = 10;
const LEASED: u8 = 11;
const THEN: u8 = 12;
const OTHERWISE: u8 = 13;
const THEN_REJECTED: u8 = 14;
const OTHERWISE_REJECTED: u8 = 15;
const RESULT_TOO_LARGE: u8 = 16;
const READ_NOTHING: u8 = 17;
const READ: u8 = 18;

/// Why bytes are not the sessions of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionsError {
    #[error("session number {number} ends too early")]
    Short { number: u64 },
    #[error("session number {number} has bytes that mean nothing")]
    Meaningless { number: u64 },
    #[error("session number {number} does not come behind the one before it")]
    Order { number: u64 },
    #[error("session number {number} contradicts itself or the limits")]
    Content { number: u64 },
    #[error("there are {found} sessions where {stated} should be")]
    Count { stated: u64, found: u64 },
    #[error("the sessions have digest {found:016x}, not {stated:016x}")]
    Digest { stated: u64, found: u64 },
}

/// How many bytes the sessions of `machine` take.
pub fn sessions_bytes(machine: &StateMachine) -> u64 {
    let of_all: usize =
        machine.sessions().iter().map(|(_, session)| SESSION_LENGTH_BYTES + session_bytes(session)).sum();
    (SESSIONS_HEAD_BYTES + of_all) as u64
}

/// Appends what stands before the first session.
pub fn put_sessions_head(machine: &StateMachine, out: &mut Vec<u8>) {
    let sessions = machine.sessions();
    out.put_u64_le(sessions.opened_from_ms());
    out.put_u64_le(sessions.sum());
    out.put_u64_le(machine.sessions_sum_published());
    out.put_u64_le(sessions.len() as u64);
}

/// Appends one session with its length. They must be written in the order of `Sessions::iter`.
pub fn put_session(id: SessionId, session: &Session, out: &mut Vec<u8>) {
    out.put_u32_le(u32::try_from(session_bytes(session)).expect("one session is far below 4 GiB"));
    out.put_u128_le(id.0);
    out.put_u64_le(session.opened_ms());
    out.put_u64_le(session.active_ms());
    out.put_u64_le(session.kept_from());
    out.put_u32_le(u32::try_from(session.answers().len()).expect("the answers of a session are bounded"));
    session.answers().for_each(|answer| put_answer(answer, out));
}

/// A table that is put together again from a snapshot, session by session.
#[derive(Debug)]
pub struct RestoringSessions {
    sessions: Sessions,
    digest: u64,
    published: u64,
    stated: u64,
    last: Option<SessionId>,
}

impl RestoringSessions {
    /// Begins with what `put_sessions_head` wrote.
    ///
    /// # Errors
    /// `head` is too short.
    pub fn new(limits: SessionLimits, mut head: &[u8]) -> Result<RestoringSessions, SessionsError> {
        let mut number = || head.try_get_u64_le().map_err(|_| SessionsError::Short { number: 0 });
        let (opened_from_ms, digest, published, stated) = (number()?, number()?, number()?, number()?);
        let sessions = Sessions::restore(limits, opened_from_ms);
        Ok(RestoringSessions { sessions, digest, published, stated, last: None })
    }

    /// Adds the next session: what `put_session` wrote behind the length.
    ///
    /// # Errors
    /// The bytes are no session, or one that cannot follow the others.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), SessionsError> {
        let number = self.sessions.len() as u64 + 1;
        let mut rest = bytes;
        let mut read = || -> Result<_, bytes::TryGetError> {
            let (id, opened_ms, active_ms) = (rest.try_get_u128_le()?, rest.try_get_u64_le()?, rest.try_get_u64_le()?);
            Ok((SessionId(id), opened_ms, active_ms, rest.try_get_u64_le()?, rest.try_get_u32_le()?))
        };
        let (id, opened_ms, active_ms, kept_from, count) = read().map_err(|_| SessionsError::Short { number })?;
        if self.last.is_some_and(|last| last >= id) {
            return Err(SessionsError::Order { number });
        }
        if u64::from(count) > (rest.len() / ANSWER_FIXED_BYTES) as u64 {
            return Err(SessionsError::Short { number });
        }
        let mut answers = Vec::with_capacity(count as usize);
        for _ in 0..count {
            answers.push(take_answer(&mut rest, number)?);
        }
        if !rest.is_empty() {
            return Err(SessionsError::Meaningless { number });
        }
        if !self.sessions.put_back(id, opened_ms, active_ms, kept_from, answers) {
            return Err(SessionsError::Content { number });
        }
        self.last = Some(id);
        Ok(())
    }

    /// The table, if it is what was said, and what it adds to the digest that was published last.
    ///
    /// # Errors
    /// Sessions are missing or too many, or one of them is not what it was.
    pub fn finish(self) -> Result<(Sessions, u64), SessionsError> {
        let (stated, found) = (self.stated, self.sessions.len() as u64);
        if stated != found {
            return Err(SessionsError::Count { stated, found });
        }
        let (stated, found) = (self.digest, self.sessions.sum());
        if stated != found {
            return Err(SessionsError::Digest { stated, found });
        }
        Ok((self.sessions, self.published))
    }
}

fn session_bytes(session: &Session) -> usize {
    let of_one = |answer: &Answer| ANSWER_FIXED_BYTES + outcome_bytes(&answer.written.outcome);
    let of_answers: usize = session.answers().map(of_one).sum();
    SESSION_FIXED_BYTES + of_answers
}

/// Behind the code.
fn outcome_bytes(outcome: &Outcome) -> usize {
    match outcome {
        Outcome::Incremented { .. } => 8,
        Outcome::ConditionFailed { current: Some(current) } => current_bytes(current),
        Outcome::Rejected { because } => rejection_bytes(*because),
        Outcome::Transaction(transaction) => {
            4 + transaction.results.iter().map(|step| 1 + step_bytes(step)).sum::<usize>()
        }
        Outcome::TransactionRejected(TransactionRejection { because, .. }) => 5 + rejection_bytes(*because),
        Outcome::Written
        | Outcome::Deleted { .. }
        | Outcome::Leased { .. }
        | Outcome::ConditionFailed { current: None } => 0,
    }
}

fn step_bytes(step: &StepOutcome) -> usize {
    match step {
        StepOutcome::Read(current) => current.as_ref().map_or(0, current_bytes),
        StepOutcome::Written(outcome) => outcome_bytes(outcome),
    }
}

fn current_bytes(current: &Current) -> usize {
    20 + current.value.len()
}

fn rejection_bytes(because: Rejection) -> usize {
    match because {
        Rejection::NotANumber | Rejection::Overflow => 0,
        Rejection::ValueTooLarge { .. } => 16,
        Rejection::ResultTooLarge { .. } => 8,
    }
}

fn put_answer(answer: &Answer, out: &mut Vec<u8>) {
    let Written { revision, term, outcome } = &answer.written;
    for number in [answer.serial, *revision, *term] {
        out.put_u64_le(number);
    }
    put_outcome(outcome, out);
}

fn put_outcome(outcome: &Outcome, out: &mut Vec<u8>) {
    match outcome {
        Outcome::Written => out.put_u8(WRITTEN),
        Outcome::Deleted { found } => out.put_u8(if *found { DELETED } else { DELETED_NOTHING }),
        Outcome::Leased { found } => out.put_u8(if *found { LEASED } else { LEASED_NOTHING }),
        Outcome::Incremented { value } => {
            out.put_u8(INCREMENTED);
            out.put_i64_le(*value);
        }
        Outcome::ConditionFailed { current } => put_current(current.as_ref(), [FAILED_ABSENT, FAILED], out),
        Outcome::Rejected { because } => put_rejection(*because, out),
        Outcome::Transaction(transaction) => {
            out.put_u8(if transaction.branch == Branch::Then { THEN } else { OTHERWISE });
            out.put_u32_le(u32::try_from(transaction.results.len()).expect("the steps of a transaction are bounded"));
            transaction.results.iter().for_each(|step| put_step(step, out));
        }
        Outcome::TransactionRejected(TransactionRejection { branch, step, because }) => {
            out.put_u8(if *branch == Branch::Then { THEN_REJECTED } else { OTHERWISE_REJECTED });
            out.put_u32_le(*step);
            put_rejection(*because, out);
        }
    }
}

fn put_step(step: &StepOutcome, out: &mut Vec<u8>) {
    match step {
        StepOutcome::Read(current) => put_current(current.as_ref(), [READ_NOTHING, READ], out),
        StepOutcome::Written(outcome) => put_outcome(outcome, out),
    }
}

/// `codes`: for nothing and for something.
fn put_current(current: Option<&Current>, codes: [u8; 2], out: &mut Vec<u8>) {
    let Some(Current { value, revision, version }) = current else { return out.put_u8(codes[0]) };
    out.put_u8(codes[1]);
    out.put_u64_le(*revision);
    out.put_u64_le(*version);
    out.put_u32_le(u32::try_from(value.len()).expect("values are far below 4 GiB"));
    out.put_slice(value);
}

fn put_rejection(because: Rejection, out: &mut Vec<u8>) {
    match because {
        Rejection::NotANumber => out.put_u8(NOT_A_NUMBER),
        Rejection::Overflow => out.put_u8(OVERFLOW),
        Rejection::ValueTooLarge { size_bytes, limit_bytes } => {
            out.put_u8(VALUE_TOO_LARGE);
            out.put_u64_le(size_bytes);
            out.put_u64_le(limit_bytes);
        }
        Rejection::ResultTooLarge { limit_bytes } => {
            out.put_u8(RESULT_TOO_LARGE);
            out.put_u64_le(limit_bytes);
        }
    }
}

fn take_answer(rest: &mut &[u8], number: u64) -> Result<Answer, SessionsError> {
    let short = |_| SessionsError::Short { number };
    let serial = rest.try_get_u64_le().map_err(short)?;
    let (revision, term) = (rest.try_get_u64_le().map_err(short)?, rest.try_get_u64_le().map_err(short)?);
    let code = rest.try_get_u8().map_err(short)?;
    let outcome = match code {
        THEN | OTHERWISE => take_transaction(code, rest, number)?,
        THEN_REJECTED | OTHERWISE_REJECTED => {
            let branch = if code == THEN_REJECTED { Branch::Then } else { Branch::Otherwise };
            let step = rest.try_get_u32_le().map_err(short)?;
            let code = rest.try_get_u8().map_err(short)?;
            let because = take_rejection(code, rest, number)?;
            Outcome::TransactionRejected(TransactionRejection { branch, step, because })
        }
        code => take_plain(code, rest, number)?,
    };
    Ok(Answer { serial, written: Written { revision, term, outcome } })
}

fn take_transaction(code: u8, rest: &mut &[u8], number: u64) -> Result<Outcome, SessionsError> {
    let short = |_| SessionsError::Short { number };
    let branch = if code == THEN { Branch::Then } else { Branch::Otherwise };
    let count = rest.try_get_u32_le().map_err(short)?;
    // A step takes a byte at least.
    if count as usize > rest.len() {
        return Err(SessionsError::Short { number });
    }
    let mut results = Vec::with_capacity(count as usize);
    for _ in 0..count {
        results.push(match rest.try_get_u8().map_err(short)? {
            READ_NOTHING => StepOutcome::Read(None),
            READ => StepOutcome::Read(Some(take_current(rest, number)?)),
            code => StepOutcome::Written(take_plain(code, rest, number)?),
        });
    }
    Ok(Outcome::Transaction(Box::new(TransactionOutcome { branch, results })))
}

/// Any outcome but that of a transaction.
fn take_plain(code: u8, rest: &mut &[u8], number: u64) -> Result<Outcome, SessionsError> {
    let short = |_| SessionsError::Short { number };
    Ok(match code {
        WRITTEN => Outcome::Written,
        DELETED_NOTHING => Outcome::Deleted { found: false },
        DELETED => Outcome::Deleted { found: true },
        LEASED_NOTHING => Outcome::Leased { found: false },
        LEASED => Outcome::Leased { found: true },
        INCREMENTED => Outcome::Incremented { value: rest.try_get_i64_le().map_err(short)? },
        FAILED_ABSENT => Outcome::ConditionFailed { current: None },
        FAILED => Outcome::ConditionFailed { current: Some(take_current(rest, number)?) },
        code => Outcome::Rejected { because: take_rejection(code, rest, number)? },
    })
}

fn take_current(rest: &mut &[u8], number: u64) -> Result<Current, SessionsError> {
    let short = |_| SessionsError::Short { number };
    let revision = rest.try_get_u64_le().map_err(short)?;
    let version = rest.try_get_u64_le().map_err(short)?;
    let length = rest.try_get_u32_le().map_err(short)? as usize;
    let (value, behind) = rest.split_at_checked(length).ok_or(SessionsError::Short { number })?;
    *rest = behind;
    Ok(Current { value: value.to_vec(), revision, version })
}

fn take_rejection(code: u8, rest: &mut &[u8], number: u64) -> Result<Rejection, SessionsError> {
    let mut word = || rest.try_get_u64_le().map_err(|_| SessionsError::Short { number });
    Ok(match code {
        NOT_A_NUMBER => Rejection::NotANumber,
        OVERFLOW => Rejection::Overflow,
        VALUE_TOO_LARGE => Rejection::ValueTooLarge { size_bytes: word()?, limit_bytes: word()? },
        RESULT_TOO_LARGE => Rejection::ResultTooLarge { limit_bytes: word()? },
        _ => return Err(SessionsError::Meaningless { number }),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::state_machine::{Applied, Command, Expect, Operation, SessionTag, UpdateRef, WriteRef};

    const LIMITS: SessionLimits = SessionLimits {
        lifetime_ms: 1_000,
        sessions_max: 4,
        answers_max: 8,
        session_bytes_max: 4_000,
        table_bytes_max: 10_000,
    };

    /// A machine in which all kinds of outcomes are kept.
    fn machine() -> StateMachine {
        let mut machine = StateMachine::new(20, LIMITS);
        let put = |value: &[u8]| Operation::Put { value: value.to_vec() };
        let cas = |expect| Operation::Cas { expect, value: b"w".to_vec() };
        let operations = [
            Operation::Delete,
            Operation::Incr { by: -7 },
            cas(Expect::Absent),
            Operation::Delete,
            cas(Expect::Revision(1)),
            put(b"word"),
            Operation::Incr { by: 1 },
            put(&[7; 21]),
        ];
        for (serial, operation) in (1..).zip(operations) {
            apply(&mut machine, 1, serial, operation);
        }
        for session in 2..=6 {
            apply(&mut machine, session, 1, put(b"9223372036854775807"));
            apply(&mut machine, session, 2, Operation::Incr { by: 1 });
        }
        machine
    }

    fn apply(machine: &mut StateMachine, session: u128, serial: u64, operation: Operation) -> Applied {
        let command = Command { key: b"k".to_vec(), operation };
        let opened_ms = if serial == 1 { machine.log_time_ms() } else { 0 };
        let tag = SessionTag { session: SessionId(session), serial, awaited_from: 1, opened_ms };
        let write = WriteRef { update: UpdateRef::Command(command.view()), session: Some(tag), elapsed_ms: 3 };
        machine.apply(machine.applied() + 1, 2, write)
    }

    fn written(machine: &StateMachine) -> (Vec<u8>, Vec<Vec<u8>>) {
        let mut head = Vec::new();
        put_sessions_head(machine, &mut head);
        let one = |(id, session): (SessionId, &Session)| {
            let mut bytes = Vec::new();
            put_session(id, session, &mut bytes);
            assert_eq!(bytes.len() - SESSION_LENGTH_BYTES, (&bytes[..]).get_u32_le() as usize);
            bytes.split_off(SESSION_LENGTH_BYTES)
        };
        (head, machine.sessions().iter().map(one).collect())
    }

    fn read(head: &[u8], sessions: &[Vec<u8>]) -> Result<(Sessions, u64), SessionsError> {
        let mut restoring = RestoringSessions::new(LIMITS, head)?;
        sessions.iter().try_for_each(|session| restoring.push(session))?;
        restoring.finish()
    }

    #[test]
    fn a_write_sent_again_after_a_snapshot_gets_its_answer_and_has_no_effect() {
        // R109
        let mut machine = machine();
        let (head, sessions) = written(&machine);
        let length: usize = sessions.iter().map(|session| SESSION_LENGTH_BYTES + session.len()).sum();
        assert_eq!(sessions_bytes(&machine), (head.len() + length) as u64);
        let (table, published) = read(&head, &sessions).unwrap();
        assert!(table.iter().eq(machine.sessions().iter()) && table.len() == LIMITS.sessions_max);
        let (map, log_time_ms) = (machine.map().clone(), machine.log_time_ms());
        let mut restored = StateMachine::restore(map, table, log_time_ms, published);
        for (session, serial) in [(6, 1), (6, 2), (4, 1), (2, 1), (1, 3), (6, 3), (7, 1)] {
            let repeated = |machine: &mut StateMachine| apply(machine, session, serial, Operation::Incr { by: 1 });
            assert_eq!(repeated(&mut restored), repeated(&mut machine), "write {serial} of session {session}");
        }
        assert_eq!(restored.sessions().sum(), machine.sessions().sum());
        assert_eq!(restored.digest(), machine.digest());
    }

    #[test]
    fn every_outcome_reads_back() {
        let mut machine = StateMachine::new(20, LIMITS);
        let operations = [
            Operation::Delete,
            Operation::Put { value: b"word".to_vec() },
            Operation::Incr { by: 1 },
            Operation::Cas { expect: Expect::Absent, value: Vec::new() },
            Operation::Delete,
            Operation::Incr { by: -7 },
            Operation::Cas { expect: Expect::Revision(1), value: vec![7; 21] },
            Operation::Append { value: vec![7; 21] },
        ];
        for (serial, operation) in (1..).zip(operations) {
            apply(&mut machine, 1, serial, operation);
        }
        let (head, sessions) = written(&machine);
        let (table, _) = read(&head, &sessions).unwrap();
        assert!(table.iter().eq(machine.sessions().iter()));
        let session = table.get(SessionId(1)).unwrap();
        let codes: Vec<usize> = session.answers().map(|answer| outcome_bytes(&answer.written.outcome)).collect();
        assert_eq!(codes, [0, 0, 0, 24, 0, 8, 22, 16]);
    }

    #[test]
    fn what_is_missing_doubled_or_out_of_order_is_found() {
        let (head, sessions) = written(&machine());
        assert_eq!(read(&head[1..], &sessions).unwrap_err(), SessionsError::Short { number: 0 });
        assert_eq!(read(&head, &sessions[1..]).unwrap_err(), SessionsError::Count { stated: 4, found: 3 });
        let twice = [&sessions[..1], &sessions[..]].concat();
        assert_eq!(read(&head, &twice).unwrap_err(), SessionsError::Order { number: 2 });
        let mut longer = sessions.clone();
        longer[0].push(0);
        assert_eq!(read(&head, &longer).unwrap_err(), SessionsError::Meaningless { number: 1 });
    }

    proptest! {
        #[test]
        fn every_changed_byte_is_found(
            which in any::<prop::sample::Index>(),
            at in any::<prop::sample::Index>(),
            flip in 1_u8..,
        ) {
            let (head, mut sessions) = written(&machine());
            let session = which.index(sessions.len());
            let at = at.index(sessions[session].len());
            sessions[session][at] ^= flip;
            prop_assert!(read(&head, &sessions).is_err());
        }
    }
}
