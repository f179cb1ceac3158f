//! A session as its client keeps it: numbers the writes and remembers which of them are still awaited, so that a write
//! can be sent again without a second effect (R107).
//!
//! A write gets its number when it first leaves and keeps it however often it is sent again. Whether to send it again
//! is the router's to decide.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::codec::entry::append_session;
use crate::state_machine::{SessionId, SessionTag};

pub(super) struct Session {
    id: SessionId,
    /// The log time it claims to open at; none until a node has told one.
    opened_ms: Option<u64>,
    /// The lowest number whose answer is awaited.
    awaited_from: u64,
    /// Whether each number from there on is still awaited. As long as the open requests are apart, so bounded by what
    /// is numbered while the oldest one waits.
    awaited: VecDeque<bool>,
}

/// What makes the bytes of a write one of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numbered {
    pub session: SessionId,
    pub serial: u64,
    /// Length of the command before the number was appended.
    pub command_bytes: usize,
}

/// Most numbers from the oldest awaited write to the newest: as many as a cluster keeps answers for a session.
pub(super) const WINDOW_MAX: usize = 64 * 1024;

impl Session {
    pub(super) fn new() -> Session {
        Session { id: SessionId(rand::random()), opened_ms: None, awaited_from: 1, awaited: VecDeque::new() }
    }

    pub(super) fn id(&self) -> SessionId {
        self.id
    }

    /// A node has told its log time. The latest one heard before the first write counts.
    pub(super) fn learn(&mut self, log_time_ms: u64) {
        if self.awaited_from == 1 && self.awaited.is_empty() {
            self.opened_ms = self.opened_ms.max(Some(log_time_ms));
        }
    }

    pub(super) fn knows_time(&self) -> bool {
        self.opened_ms.is_some()
    }

    /// Whether another write may get a number before the oldest one has its answer.
    pub(super) fn has_room(&self) -> bool {
        self.awaited.len() < WINDOW_MAX
    }

    /// Gives a command the next number.
    pub(super) fn number(&mut self, command: Bytes) -> (Bytes, Numbered) {
        let opened_ms = self.opened_ms.expect("writes wait until a log time is known");
        let serial = self.awaited_from + self.awaited.len() as u64;
        self.awaited.push_back(true);
        let tag = SessionTag { session: self.id, serial, awaited_from: self.awaited_from, opened_ms };
        let command_bytes = command.len();
        let mut bytes = command.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        append_session(tag, &mut bytes);
        (bytes.freeze(), Numbered { session: self.id, serial, command_bytes })
    }

    /// The caller has been told what became of a write.
    pub(super) fn settle(&mut self, numbered: Numbered) {
        if numbered.session != self.id {
            return;
        }
        let at = usize::try_from(numbered.serial - self.awaited_from).expect("the window is short");
        self.awaited[at] = false;
        while self.awaited.front() == Some(&false) {
            self.awaited.pop_front();
            self.awaited_from += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::entry::{decode_write, encode_command};
    use crate::state_machine::{Command, Operation};

    fn command() -> Bytes {
        let mut out = BytesMut::new();
        encode_command(&Command { key: b"k".to_vec(), operation: Operation::Delete }, &mut out);
        out.freeze()
    }

    #[test]
    fn writes_are_numbered_from_one_and_say_which_answers_are_awaited() {
        let mut session = Session::new();
        assert!(!session.knows_time());
        session.learn(70);
        session.learn(50);
        let next = |session: &mut Session| {
            let (bytes, numbered) = session.number(command());
            let tag = decode_write(&bytes).unwrap().session.unwrap();
            assert_eq!((tag.session, tag.serial, tag.opened_ms), (session.id(), numbered.serial, 70));
            assert_eq!(bytes[..numbered.command_bytes], command());
            (numbered, tag.serial, tag.awaited_from)
        };
        let (first, ..) = next(&mut session);
        let (second, serial, awaited_from) = next(&mut session);
        assert_eq!((serial, awaited_from), (2, 1));
        session.settle(second);
        session.learn(90);
        let (third, serial, awaited_from) = next(&mut session);
        assert_eq!((serial, awaited_from), (3, 1), "the first one is awaited still");
        session.settle(first);
        let (_, serial, awaited_from) = next(&mut session);
        assert_eq!((serial, awaited_from), (4, 3));
        session.settle(third);
        session.settle(Numbered { session: SessionId(1), ..third });
        assert_eq!(session.awaited.len(), 1);
    }

    #[test]
    fn what_is_numbered_before_the_oldest_answer_is_bounded() {
        let mut session = Session::new();
        session.learn(0);
        let (_, oldest) = session.number(command());
        while session.has_room() {
            let (_, numbered) = session.number(command());
            session.settle(numbered);
        }
        assert_eq!(session.awaited.len(), WINDOW_MAX);
        session.settle(oldest);
        assert!(session.has_room() && session.awaited.is_empty());
    }
}
