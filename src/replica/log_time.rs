//! Log time as a leader keeps it: what has passed on its own clock since its last stamp (R110).
//!
//! A stamp is a difference, so a leader needs to know nothing of the leaders before it: time in which nobody led does
//! not count, log time never goes back, and no clock is ever compared with another one.

use core::time::Duration;

use super::mind::Replica;
use crate::codec::RECORD_HEADER_BYTES;
use crate::codec::entry::stamp_bytes;
use crate::raft::{Index, Time};
use crate::state_machine::StateMachine;

/// How late a session may end: what ends within this span ends with one tick, and a busy leader never needs one.
const SESSION_SLACK: Duration = Duration::from_secs(30);

/// How late a leased key may vanish, for the same reason.
const LEASE_SLACK: Duration = Duration::from_millis(50);

/// Pause after a tick that could not be taken.
const TICK_RETRY: Duration = Duration::from_secs(1);

/// When this node last stamped an entry, and whether a tick is on its way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LogClock {
    /// Of the last stamp, or when leadership began.
    stamped_at: Time,
    /// The last tick; no other is proposed before it is applied.
    tick: Index,
    /// No tick before this.
    rest_until: Time,
}

impl LogClock {
    /// A leader counts from when it noticed that it leads.
    pub(super) fn start(&mut self, now: Time) {
        *self = LogClock { stamped_at: now, ..LogClock::default() };
    }

    /// What the next stamp says, in milliseconds.
    pub(super) fn elapsed_ms(&self, now: Time) -> u64 {
        u64::try_from(now.since(self.stamped_at).as_millis()).unwrap_or(u64::MAX)
    }

    /// A stamp was given; what it left out below a millisecond counts for the next one.
    pub(super) fn stamped(&mut self, elapsed_ms: u64) {
        self.stamped_at += Duration::from_millis(elapsed_ms);
    }

    /// When a tick must be proposed, because the oldest session or lease has ended and nothing else has told the log; none
    /// while nothing can end or a tick is on its way.
    fn tick_at(&self, machine: &StateMachine) -> Option<Time> {
        if self.tick.0 > machine.applied() {
            return None;
        }
        let due = |end_ms: Option<u64>, slack: Duration| {
            let left_ms = end_ms?.saturating_sub(machine.log_time_ms());
            Some(self.stamped_at + Duration::from_millis(left_ms) + slack)
        };
        let session = due(machine.sessions().next_end_ms(), SESSION_SLACK);
        let lease = due(machine.map().leases().next_end_ms(), LEASE_SLACK);
        let due = [session, lease].into_iter().flatten().min()?;
        Some(due.max(self.rest_until))
    }
}

impl Replica {
    /// When the leader next has to say that time has passed.
    pub(super) fn next_tick(&self) -> Option<Time> {
        if self.leading.is_some() && !self.is_handing_over() { self.log_clock.tick_at(&self.machine) } else { None }
    }

    /// Proposes a stamp alone, if one is due; a little later again when it cannot be taken now.
    pub(super) fn propose_tick(&mut self, now: Time) {
        if self.next_tick().is_none_or(|at| at > now) {
            return;
        }
        let elapsed_ms = self.log_clock.elapsed_ms(now);
        let length = RECORD_HEADER_BYTES + stamp_bytes(elapsed_ms);
        match self.core.propose(now, &[u32::try_from(length).expect("a stamp is short")]) {
            Ok(first) => {
                self.log_clock.stamped(elapsed_ms);
                self.log_clock.tick = first.index;
                self.proposals.tick(first, elapsed_ms);
            }
            Err(_) => self.log_clock.rest_until = now + TICK_RETRY,
        }
    }
}
