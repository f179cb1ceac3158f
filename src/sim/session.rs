//! A simulated client's session: it numbers writes as the real client does, so that one that is sent again takes effect
//! once (R107). What is drawn comes from the dice that are passed in.

use bytes::{Bytes, BytesMut};

use super::dice::Dice;
use crate::codec::entry::append_session;
use crate::state_machine::{SessionId, SessionTag};

/// A session that is open, or will be with its first write.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    pub id: SessionId,
    /// The log time it claims to open at; none until a node has told one.
    opened_ms: Option<u64>,
    newest: u64,
}

impl Session {
    pub fn new(dice: &mut Dice) -> Session {
        let id = SessionId(u128::from(dice.roll()) << 64 | u128::from(dice.roll()));
        Session { id, opened_ms: None, newest: 0 }
    }

    /// Takes the place of one that has ended: a node has told the log time together with that.
    pub fn after(log_time_ms: u64, dice: &mut Dice) -> Session {
        Session { opened_ms: Some(log_time_ms), ..Session::new(dice) }
    }

    pub fn knows_time(&self) -> bool {
        self.opened_ms.is_some()
    }

    /// A node has told its log time; the latest one heard before the first write counts.
    pub fn learn(&mut self, log_time_ms: u64) {
        if self.newest == 0 {
            self.opened_ms = self.opened_ms.max(Some(log_time_ms));
        }
    }

    /// Makes a command the next write of the session. One is open at a time; sometimes the client claims to wait for
    /// earlier ones as well, whose answers are kept then.
    pub fn number(&mut self, command: &[u8], dice: &mut Dice) -> (Bytes, u64) {
        let opened_ms = self.opened_ms.expect("writes wait until a log time is known");
        self.newest += 1;
        let awaited_from = self.newest.saturating_sub(dice.below(3)).max(1);
        let tag = SessionTag { session: self.id, serial: self.newest, awaited_from, opened_ms };
        let mut bytes = BytesMut::from(command);
        append_session(tag, &mut bytes);
        (bytes.freeze(), self.newest)
    }
}
