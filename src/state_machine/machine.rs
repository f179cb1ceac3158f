//! The whole replicated state: the map, the sessions and the log time, applied entry by entry.
//!
//! Everything here is a function of the log: no clock is read and nothing is chosen. Log time is the sum of what the
//! leaders' stamps in the log say has passed (R110), so that every replica ends a session at the same entry. A clone is
//! a snapshot and costs the same whatever the state holds.

use super::command::UpdateRef;
use super::history::HistoryLimits;
use super::kv::{DIGEST_INTERVAL, KeyValueMap};
use super::sessions::{Applied, SessionLimits, SessionTag, Sessions, Written};

/// The state as of one log index.
#[derive(Clone, Debug)]
pub struct StateMachine {
    map: KeyValueMap,
    sessions: Sessions,
    log_time_ms: u64,
    /// What sessions, leases and time add to the digest that the map published last.
    published: u64,
}

/// A write as the log carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteRef<'a> {
    pub update: UpdateRef<'a>,
    /// None for a write that may take effect again when it is sent again.
    pub session: Option<SessionTag>,
    /// The leader's stamp: milliseconds since its last one; zero for none.
    pub elapsed_ms: u64,
}

impl StateMachine {
    /// The state before the first entry of a log.
    pub fn new(value_bytes_max: u64, sessions: SessionLimits) -> StateMachine {
        StateMachine {
            map: KeyValueMap::new(value_bytes_max),
            sessions: Sessions::new(sessions),
            log_time_ms: 0,
            published: 0,
        }
    }

    /// The same state with another bound of its history, which is empty still.
    #[must_use]
    pub fn with_history(self, limits: HistoryLimits) -> StateMachine {
        StateMachine { map: self.map.with_history(limits), ..self }
    }

    /// The state as a snapshot holds it; `sessions_sum_published` is what `sessions_sum_published` said.
    pub fn restore(
        map: KeyValueMap,
        sessions: Sessions,
        log_time_ms: u64,
        sessions_sum_published: u64,
    ) -> StateMachine {
        StateMachine { map, sessions, log_time_ms, published: sessions_sum_published }
    }

    /// Applies the write of the entry at `revision`, written in `term`. It must be the one after the last applied
    /// (R50).
    pub fn apply(&mut self, revision: u64, term: u64, write: WriteRef<'_>) -> Applied {
        let before_ms = self.log_time_ms;
        self.log_time_ms = before_ms.saturating_add(write.elapsed_ms);
        let now_ms = self.log_time_ms;
        let map = &mut self.map;
        let mut execute = || Written { revision, term, outcome: map.apply(revision, now_ms, &write.update) };
        let applied = match write.session {
            None => Applied::Written(execute()),
            Some(tag) => self.sessions.once(before_ms, now_ms, tag, execute),
        };
        if self.map.applied() < revision {
            self.map.skip(revision, now_ms);
        }
        self.finish(revision, write.elapsed_ms);
        applied
    }

    /// The same for a put with neither session nor stamp, which is what most writes are: a shorter way to what `apply`
    /// does with it.
    #[inline]
    pub fn put(&mut self, revision: u64, term: u64, key: &[u8], value: &[u8]) -> Applied {
        let outcome = self.map.put(revision, self.log_time_ms, key, value);
        self.finish(revision, 0);
        Applied::Written(Written { revision, term, outcome })
    }

    /// Passes over an entry that carries no write; `elapsed_ms` is its stamp, or zero.
    pub fn skip(&mut self, revision: u64, elapsed_ms: u64) {
        self.log_time_ms = self.log_time_ms.saturating_add(elapsed_ms);
        self.map.skip(revision, self.log_time_ms);
        self.finish(revision, elapsed_ms);
    }

    /// Changes the longest value accepted from the next write on.
    pub fn set_value_bytes_max(&mut self, bytes: u64) {
        self.map.set_value_bytes_max(bytes);
    }

    pub fn map(&self) -> &KeyValueMap {
        &self.map
    }

    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Index of the last entry that was applied.
    pub fn applied(&self) -> u64 {
        self.map.applied()
    }

    /// Log time in milliseconds since the first entry: what the leaders' own clocks counted, never more than has
    /// really passed.
    pub fn log_time_ms(&self) -> u64 {
        self.log_time_ms
    }

    /// The newest published digest and the index it belongs to: of the map, the sessions, the leases and the log time.
    pub fn digest(&self) -> Option<(u64, u64)> {
        self.map.digest().map(|(index, sum)| (index, sum.wrapping_add(self.published)))
    }

    /// What sessions, leases and time add to the published digest.
    pub fn sessions_sum_published(&self) -> u64 {
        self.published
    }

    /// What a write of a session gave, if it is applied already: nobody has to write it again to know.
    pub fn answer(&self, tag: SessionTag) -> Option<Written> {
        self.sessions.answer(tag).cloned()
    }

    #[inline]
    fn finish(&mut self, revision: u64, elapsed_ms: u64) {
        if elapsed_ms > 0 {
            self.sessions.expire(self.log_time_ms);
        }
        if revision.is_multiple_of(DIGEST_INTERVAL) {
            let leases = self.map.leases().sum();
            self.published = self.sessions.sum().wrapping_add(self.log_time_ms).wrapping_add(leases);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::command::{CommandRef, OperationRef, Outcome};
    use super::super::sessions::SessionId;
    use super::*;

    const LIMITS: SessionLimits = SessionLimits {
        lifetime_ms: 1_000,
        sessions_max: 10,
        answers_max: 10,
        session_bytes_max: 10_000,
        table_bytes_max: 100_000,
    };

    fn incr(session: Option<(u128, u64)>, elapsed_ms: u64) -> WriteRef<'static> {
        let command = CommandRef { key: b"k", operation: OperationRef::Incr { by: 1 } };
        let tag = |(session, serial)| SessionTag { session: SessionId(session), serial, awaited_from: 1, opened_ms: 0 };
        WriteRef { update: UpdateRef::Command(command), session: session.map(tag), elapsed_ms }
    }

    fn counted(revision: u64, value: i64) -> Applied {
        Applied::Written(Written { revision, term: 7, outcome: Outcome::Incremented { value } })
    }

    #[test]
    fn a_repeated_write_moves_nothing_but_the_index_and_the_time() {
        let mut machine = StateMachine::new(100, LIMITS);
        assert_eq!(machine.apply(1, 7, incr(Some((1, 1)), 5)), counted(1, 1));
        let before = machine.map().get(b"k").unwrap().clone();
        assert_eq!(machine.apply(2, 8, incr(Some((1, 1)), 5)), counted(1, 1), "the first answer, with its own term");
        let after = machine.map().get(b"k").unwrap();
        assert_eq!((after.revision(), after.version()), (before.revision(), before.version()));
        assert_eq!((machine.applied(), machine.log_time_ms()), (2, 10));
        assert_eq!(machine.apply(3, 7, incr(None, 0)), counted(3, 2));
    }

    #[test]
    fn what_an_entry_lets_pass_ends_sessions_after_its_own_write_was_judged() {
        let mut machine = StateMachine::new(100, LIMITS);
        assert_eq!(machine.apply(1, 7, incr(Some((1, 1)), 5_000)), counted(1, 1), "it opened before the silence");
        assert_eq!(machine.apply(2, 7, incr(Some((1, 2)), 999)), counted(2, 2), "and was active at its end");
        assert_eq!(machine.apply(3, 7, incr(Some((1, 1)), 1_000)), Applied::SessionExpired);
        assert_eq!(machine.apply(4, 7, incr(Some((1, 1)), 0)), Applied::SessionExpired, "it is too old to open");
        assert_eq!(machine.apply(5, 7, incr(Some((2, 1)), 0)), Applied::SessionExpired, "as is every other from then");
        machine.skip(6, 1);
        assert_eq!((machine.applied(), machine.log_time_ms(), machine.sessions().len()), (6, 7_000, 0));
        assert_eq!(machine.map().get(b"k").unwrap().value(), b"2");
    }

    #[test]
    fn an_end_in_the_same_entry_does_not_open_the_session_again() {
        let mut machine = StateMachine::new(100, LIMITS);
        assert_eq!(machine.apply(1, 7, incr(Some((1, 1)), 0)), counted(1, 1));
        assert_eq!(machine.apply(2, 7, incr(Some((1, 1)), 1_000)), Applied::SessionExpired);
        assert_eq!(machine.map().get(b"k").unwrap().value(), b"1");
    }

    #[test]
    fn a_plain_put_is_what_apply_makes_of_it() {
        let mut long = StateMachine::new(100, LIMITS);
        // With a session and some time, or there would be nothing to publish beside the map.
        assert_eq!(long.apply(1, 7, incr(Some((1, 1)), 5)), counted(1, 1));
        let mut short = long.clone();
        for revision in 2..=2 * DIGEST_INTERVAL {
            let key = [b'k', (revision % 7) as u8];
            let value = vec![b'v'; (revision % 103) as usize];
            let command = CommandRef { key: &key, operation: OperationRef::Put { value: &value } };
            let write = WriteRef { update: UpdateRef::Command(command), session: None, elapsed_ms: 0 };
            assert_eq!(short.put(revision, 3, &key, &value), long.apply(revision, 3, write));
        }
        assert_eq!((short.digest(), short.map().facts()), (long.digest(), long.map().facts()));
    }

    #[test]
    fn a_tick_ends_sessions() {
        let mut machine = StateMachine::new(100, LIMITS);
        machine.apply(1, 7, incr(Some((1, 1)), 0));
        machine.skip(2, 999);
        assert_eq!(machine.sessions().len(), 1);
        machine.skip(3, 1);
        assert!(machine.sessions().is_empty());
    }

    #[test]
    fn the_digest_covers_sessions_and_time() {
        let digest = |last: &dyn Fn(&mut StateMachine)| {
            let mut machine = StateMachine::new(100, LIMITS);
            for revision in 1..DIGEST_INTERVAL {
                machine.skip(revision, 0);
            }
            assert_eq!(machine.digest(), None);
            last(&mut machine);
            assert_eq!(machine.digest().unwrap().0, DIGEST_INTERVAL);
            machine.digest()
        };
        let digests = [
            digest(&|machine| machine.skip(DIGEST_INTERVAL, 0)),
            digest(&|machine| machine.skip(DIGEST_INTERVAL, 1)),
            digest(&|machine| drop(machine.apply(DIGEST_INTERVAL, 7, incr(None, 0)))),
            digest(&|machine| drop(machine.apply(DIGEST_INTERVAL, 7, incr(Some((1, 1)), 0)))),
            digest(&|machine| drop(machine.apply(DIGEST_INTERVAL, 7, incr(Some((1, 2)), 0)))),
            digest(&|machine| drop(machine.apply(DIGEST_INTERVAL, 7, incr(Some((2, 1)), 0)))),
        ];
        for (at, digest) in digests.iter().enumerate() {
            assert!(!digests[..at].contains(digest), "digest {at} is the one of another state");
        }
    }
}
