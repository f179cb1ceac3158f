//! When and how a node stops: the first signal asks for an orderly end, the second for an immediate one.

use core::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::raft::Time;

/// An orderly end takes at most this many election timeouts: one for the hand-over, one for its retry or the drain.
const ELECTION_TIMEOUTS_MAX: u32 = 3;

/// The signals that end a node.
pub struct Shutdown {
    terminate: Signal,
    interrupt: Signal,
}

impl Shutdown {
    /// # Errors
    /// The operating system refused to install a handler.
    pub fn install() -> std::io::Result<Shutdown> {
        Ok(Shutdown { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Completes with the name of the next signal.
    pub async fn signal(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// An orderly end under way.
pub struct Stopping {
    deadline: Time,
}

impl Stopping {
    pub fn begin(now: Time, election_timeout: Duration) -> Stopping {
        Stopping { deadline: now + election_timeout * ELECTION_TIMEOUTS_MAX }
    }

    pub fn deadline(&self) -> Time {
        self.deadline
    }

    pub fn is_over(&self, now: Time) -> bool {
        now >= self.deadline
    }
}
