//! The whole replicated state: the map, the sessions and the log time, applied entry by entry.
//!
//! Everything here is a function of the log: no clock is read and nothing is chosen. Log time is the sum of what the
//! leaders' stamps in the log say has passed (R110), so that every replica ends a session at the same entry. A clone is
//! a snapshot and costs the same whatever the state holds.

use super::command::CommandRef;
use super::kv::{DIGEST_INTERVAL, KeyValueMap};
use super::sessions::{Applied, SessionLimits, SessionTag, Sessions, Written};

/// The state as of one log index.
#[derive(Clone, Debug)]
pub struct StateMachine {
    map: KeyValueMap,
    sessions: Sessions,
    log_time_ms: u64,
    /// What sessions and time add to the digest that the map published last.
    published: u64,
}

/// A write as the log carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteRef<'a> {
    pub command: CommandRef<'a>,
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

    /// The state as a snapshot holds it; `sessions_sum_published` is what `sessions_sum_published` said.
    pub fn restore(
        map: KeyValueMap,
        sessions: Sessions,
        log_time_ms: u64,
        sessions_sum_published: u64,
    ) -> StateMachine {
        StateMachine { map, sessions, log_time_ms, published: sessions_sum_published }
    }

    /// Applies the write of the entry at `revision`, written in `term`; it must be the one after the last applied (R50).
    pub fn apply(&mut self, revision: u64, term: u64, write: WriteRef<'_>) -> Applied {
        let before_ms = self.log_time_ms;
        self.log_time_ms = before_ms.saturating_add(write.elapsed_ms);
        let map = &mut self.map;
        let mut execute = || Written { revision, term, outcome: map.apply(revision, write.command) };
        let applied = match write.session {
            None => Applied::Written(execute()),
            Some(tag) => self.sessions.once(before_ms, self.log_time_ms, tag, execute),
        };
        if self.map.applied() < revision {
            self.map.skip(revision);
        }
        self.finish(revision, write.elapsed_ms);
        applied
    }

    /// Passes over an entry that carries no write; `elapsed_ms` is its stamp, or zero.
    pub fn skip(&mut self, revision: u64, elapsed_ms: u64) {
        self.log_time_ms = self.log_time_ms.saturating_add(elapsed_ms);
        self.map.skip(revision);
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

    /// The newest published digest and the index it belongs to: of the map, the sessions and the log time.
    pub fn digest(&self) -> Option<(u64, u64)> {
        self.map.digest().map(|(index, sum)| (index, sum.wrapping_add(self.published)))
    }

    /// What sessions and time add to the published digest.
    pub fn sessions_sum_published(&self) -> u64 {
        self.published
    }

    /// What a write of a session gave, if it is applied already: nobody has to write it again to know.
    pub fn answer(&self, tag: SessionTag) -> Option<Written> {
        self.sessions.answer(tag).cloned()
    }

    fn finish(&mut self, revision: u64, elapsed_ms: u64) {
        if elapsed_ms > 0 {
            self.sessions.expire(self.log_time_ms);
        }
        if revision.is_multiple_of(DIGEST_INTERVAL) {
            self.published = self.sessions.sum().wrapping_add(self.log_time_ms);
        }
    }
}
