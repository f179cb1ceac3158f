//! Which entries are wanted.

use super::entry::{concerns, describe, session_of};
use crate::codec::entry::decode_write;
use crate::codec::{Entry, Kind, RecordHeader, decode_entry};
use crate::raft::{Index, Member};
use crate::state_machine::{CommandRef, ExpectRef, OperationRef, Step, Test, Transaction, UpdateRef};

/// All conditions hold for an entry that is wanted. Ranges include both ends.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub index: Option<(u64, u64)>,
    pub term: Option<(u64, u64)>,
    /// Empty: all kinds.
    pub kinds: Vec<Kind>,
    pub key: Option<Vec<u8>>,
    pub prefix: Option<Vec<u8>>,
    /// How the session's name begins, in hexadecimal digits.
    pub session: Option<String>,
    /// Milliseconds since 1970, both ends included.
    pub since_ms: Option<u64>,
    pub until_ms: Option<u64>,
    /// Of the payload, in bytes.
    pub size_bytes: Option<(u64, u64)>,
    /// Occurs in the key, in a value, or in what a configuration says.
    pub text: Option<Vec<u8>>,
}

impl Filter {
    pub fn wants(&self, header: &RecordHeader, payload: &[u8]) -> bool {
        let within =
            |range: Option<(u64, u64)>, number: u64| range.is_none_or(|(first, last)| (first..=last).contains(&number));
        let time = (self.since_ms.unwrap_or(0), self.until_ms.unwrap_or(u64::MAX));
        within(self.index, header.id.index.0)
            && within(self.term, header.id.term.0)
            && within(Some(time), header.wall_ms)
            && within(self.size_bytes, u64::from(header.length_bytes))
            && (self.kinds.is_empty() || self.kinds.contains(&header.kind))
            && self.wants_key(header, payload)
            && self.wants_session(header, payload)
            && self.wants_text(header, payload)
    }

    /// The first entry that can be wanted.
    pub fn first(&self) -> Index {
        Index(self.index.map_or(0, |(first, _)| first))
    }

    /// Whether nothing from here on can be wanted: indexes rise, and terms never fall.
    pub fn is_behind(&self, header: &RecordHeader) -> bool {
        self.index.is_some_and(|(_, last)| header.id.index.0 > last)
            || self.term.is_some_and(|(_, last)| header.id.term.0 > last)
    }

    /// Asked late: this needs the payload decoded.
    fn wants_key(&self, header: &RecordHeader, payload: &[u8]) -> bool {
        if self.key.is_none() && self.prefix.is_none() {
            return true;
        }
        concerns(header.kind, payload, |key| {
            self.key.as_ref().is_none_or(|wanted| wanted == key)
                && self.prefix.as_ref().is_none_or(|prefix| key.starts_with(prefix))
        })
    }

    fn wants_session(&self, header: &RecordHeader, payload: &[u8]) -> bool {
        let Some(wanted) = &self.session else { return true };
        session_of(header.kind, payload).is_some_and(|tag| tag.session.to_string().starts_with(wanted))
    }

    fn wants_text(&self, header: &RecordHeader, payload: &[u8]) -> bool {
        let Some(wanted) = &self.text else { return true };
        if header.kind == Kind::Command {
            return contains(payload, wanted) && command_has(payload, wanted);
        }
        decode_entry(header.kind, payload).is_ok_and(|entry| other_has(&entry, wanted))
    }
}

/// What an entry that is no command says, and of a configuration also what it says of each member.
fn other_has(entry: &Entry, wanted: &[u8]) -> bool {
    let members = match entry {
        Entry::Config { config, .. } => config.members.as_slice(),
        Entry::Noop | Entry::Command(_) | Entry::Transaction(_) | Entry::Tick { .. } => &[],
    };
    let in_member =
        |member: &Member| [&member.name, &member.address].iter().any(|text| contains(text.as_bytes(), wanted));
    contains(describe(entry, false).as_bytes(), wanted) || members.iter().any(in_member)
}

/// Keys and values lie in the payload as they are, but so does what surrounds them.
fn command_has(payload: &[u8], wanted: &[u8]) -> bool {
    let Ok(write) = decode_write(payload) else { return false };
    match write.update {
        UpdateRef::Command(command) => one_has(&command, wanted),
        UpdateRef::Transaction(transaction) => transaction_has(&transaction, wanted),
    }
}

fn one_has(command: &CommandRef<'_>, wanted: &[u8]) -> bool {
    let pieces = match command.operation {
        OperationRef::Put { value } | OperationRef::Append { value } => [value, &[]],
        OperationRef::Cas { expect: ExpectRef::Value(old), value } => [value, old],
        OperationRef::Cas { value, .. } => [value, &[]],
        OperationRef::Delete | OperationRef::Incr { .. } | OperationRef::Lease { .. } => [&[][..], &[]],
    };
    contains(command.key, wanted) || pieces.iter().any(|piece| contains(piece, wanted))
}

fn transaction_has(transaction: &Transaction, wanted: &[u8]) -> bool {
    let in_condition = transaction.conditions.iter().any(|condition| {
        contains(&condition.key, wanted) || matches!(&condition.test, Test::Value(value) if contains(value, wanted))
    });
    in_condition
        || transaction.all_steps().any(|step| match step {
            Step::Get { key } => contains(key, wanted),
            Step::Write(command) => one_has(&command.view(), wanted),
        })
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    let Some((first, rest)) = wanted.split_first() else { return true };
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| byte == first) {
        from += at + 1;
        if bytes[from..].starts_with(rest) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;
    use crate::codec::entry::{append_session, encode_command};
    use crate::codec::record::{RECORD_HEADER_BYTES, append_record};
    use crate::raft::LogId;
    use crate::state_machine::{Command, Operation, SessionId, SessionTag};

    #[test]
    fn every_condition_must_hold() {
        let command = Command { key: b"user/7".to_vec(), operation: Operation::Delete };
        let mut record = BytesMut::new();
        append_record(&mut record, 0, Kind::Command, LogId::new(5, 2), 1_000, |out| {
            encode_command(&command, out);
            let session = SessionId(0xabc << 116);
            append_session(SessionTag { session, serial: 1, awaited_from: 1, opened_ms: 0 }, out);
        });
        let header = RecordHeader::read(&record, Index(5)).unwrap();
        let wants = |filter: Filter| filter.wants(&header, &record[RECORD_HEADER_BYTES..]);
        let none = Filter::default;

        assert!(wants(none()));
        assert!(wants(Filter { index: Some((5, 5)), term: Some((2, 9)), ..none() }));
        assert!(!wants(Filter { index: Some((6, 9)), ..none() }));
        assert!(!wants(Filter { term: Some((0, 1)), ..none() }));
        assert!(!wants(Filter { kinds: vec![Kind::Noop], ..none() }));
        assert!(wants(Filter { kinds: vec![Kind::Noop, Kind::Command], ..none() }));
        assert!(wants(Filter { key: Some(b"user/7".to_vec()), ..none() }));
        assert!(!wants(Filter { key: Some(b"user/".to_vec()), ..none() }));
        assert!(wants(Filter { prefix: Some(b"user/".to_vec()), ..none() }));
        assert!(!wants(Filter { prefix: Some(b"users".to_vec()), ..none() }));
        assert!(wants(Filter { session: Some("abc0".to_owned()), ..none() }));
        assert!(!wants(Filter { session: Some("bc".to_owned()), ..none() }));
        assert!(wants(Filter { since_ms: Some(1_000), until_ms: Some(1_000), ..none() }));
        assert!(!wants(Filter { since_ms: Some(1_001), ..none() }));
        assert!(!wants(Filter { until_ms: Some(999), ..none() }));
        let length = record.len() as u64 - RECORD_HEADER_BYTES as u64;
        assert!(wants(Filter { size_bytes: Some((length, length)), ..none() }));
        assert!(!wants(Filter { size_bytes: Some((0, length - 1)), ..none() }));
        assert!(wants(Filter { text: Some(b"er/".to_vec()), ..none() }));
        assert!(!wants(Filter { text: Some(b"er/8".to_vec()), ..none() }));
        assert!(!wants(Filter { text: Some(b"\x12".to_vec()), ..none() }), "what surrounds a key is no text of it");
        assert!(Filter { index: Some((1, 4)), ..none() }.is_behind(&header));
        assert!(!Filter { index: Some((1, 5)), term: Some((2, 2)), ..none() }.is_behind(&header));
    }
}
