//! Which entries are wanted.

use super::entry::{key_of, session_of};
use crate::codec::{Kind, RecordHeader};

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
}

impl Filter {
    pub fn wants(&self, header: &RecordHeader, payload: &[u8]) -> bool {
        let within =
            |range: Option<(u64, u64)>, number: u64| range.is_none_or(|(first, last)| (first..=last).contains(&number));
        let time = (self.since_ms.unwrap_or(0), self.until_ms.unwrap_or(u64::MAX));
        within(self.index, header.id.index.0)
            && within(self.term, header.id.term.0)
            && within(Some(time), header.wall_ms)
            && (self.kinds.is_empty() || self.kinds.contains(&header.kind))
            && self.wants_key(header, payload)
            && self.wants_session(header, payload)
    }

    /// Asked late: this needs the payload decoded.
    fn wants_key(&self, header: &RecordHeader, payload: &[u8]) -> bool {
        if self.key.is_none() && self.prefix.is_none() {
            return true;
        }
        let Some(key) = key_of(header.kind, payload) else { return false };
        self.key.as_ref().is_none_or(|wanted| *wanted == key)
            && self.prefix.as_ref().is_none_or(|prefix| key.starts_with(prefix))
    }

    fn wants_session(&self, header: &RecordHeader, payload: &[u8]) -> bool {
        let Some(wanted) = &self.session else { return true };
        session_of(header.kind, payload).is_some_and(|tag| tag.session.to_string().starts_with(wanted))
    }
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
        let header = RecordHeader::read(&record).unwrap();
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
    }
}
