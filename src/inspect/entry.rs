//! One log entry as people and scripts see it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::text::printable;
use crate::codec::entry::decode_write;
use crate::codec::{Entry, Kind, RecordHeader, decode_entry};
use crate::raft::Config;
use crate::state_machine::{Command, Expect, Operation, SessionTag};

/// `raftctl.entry/v1`. What does not apply or is not known is null.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EntryView {
    /// The node whose log it is; null when a path was given.
    pub node: Option<String>,
    pub index: u64,
    pub term: u64,
    /// The leader's wall clock when it appended, RFC 3339 UTC.
    pub time: Option<String>,
    /// `noop command config tick unknown`.
    pub kind: &'static str,
    /// The entry in one line, as the table shows it.
    pub says: String,
    pub command: Option<CommandView>,
    /// Of a write: the session it belongs to and its number there, which a repeated write repeats.
    pub session: Option<String>,
    pub serial: Option<u64>,
    pub config: Option<ConfigView>,
    /// Of the payload.
    pub payload_bytes: u32,
    pub file: String,
    /// Of the record in the file, in bytes.
    pub offset: u64,
}

/// A write. Keys and values that are not UTF-8 are base64, and then all of them are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CommandView {
    /// `put delete append incr cas`.
    pub op: &'static str,
    pub key: String,
    pub value: Option<String>,
    pub by: Option<i64>,
    pub expect_value: Option<String>,
    pub expect_revision: Option<u64>,
    pub expect_absent: Option<bool>,
    pub base64: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigView {
    pub joint: bool,
    pub members: Vec<MemberView>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MemberView {
    pub name: String,
    /// A string, as ids are.
    pub id: String,
    /// `voter` or `learner`.
    pub role: &'static str,
    pub address: String,
}

/// Where a record was found.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub node: Option<&'a str>,
    pub file: &'a str,
    pub offset: u64,
}

impl EntryView {
    /// `shorten`: cut long keys and values in `says`; the other fields are always whole.
    pub fn new(header: &RecordHeader, payload: &[u8], place: Place<'_>, shorten: bool) -> EntryView {
        let entry = decode_entry(header.kind, payload);
        let says = match &entry {
            Ok(entry) => describe(entry, shorten),
            Err(error) => format!("not understood: {error}"),
        };
        let (command, config) = match entry {
            Ok(Entry::Command(command)) => (Some(CommandView::new(&command)), None),
            Ok(Entry::Config { config, .. }) => (None, Some(ConfigView::new(&config))),
            Ok(Entry::Noop | Entry::Tick { .. }) | Err(_) => (None, None),
        };
        let tag = session_of(header.kind, payload);
        EntryView {
            node: place.node.map(str::to_owned),
            index: header.id.index.0,
            term: header.id.term.0,
            time: time_text(header.wall_ms),
            kind: header.kind.word(),
            says,
            command,
            session: tag.map(|tag| tag.session.to_string()),
            serial: tag.map(|tag| tag.serial),
            config,
            payload_bytes: header.length_bytes,
            file: place.file.to_owned(),
            offset: place.offset,
        }
    }
}

/// Milliseconds since 1970 as RFC 3339 UTC with milliseconds; none when they are no time.
pub fn time_text(wall_ms: u64) -> Option<String> {
    let time = jiff::Timestamp::from_millisecond(i64::try_from(wall_ms).ok()?).ok()?;
    Some(format!("{time:.3}"))
}

/// `put colour = green`, `config voters (n1 n2 n3)`, `no-op`.
pub fn describe(entry: &Entry, shorten: bool) -> String {
    match entry {
        Entry::Noop => "no-op".to_owned(),
        Entry::Config { config, .. } => format!("config {config}"),
        Entry::Command(command) => describe_command(command, shorten),
        Entry::Tick { elapsed_ms } => format!("tick {elapsed_ms} ms"),
    }
}

fn describe_command(command: &Command, shorten: bool) -> String {
    let show = |bytes: &[u8]| match bytes.is_empty() {
        true => "\"\"".to_owned(),
        false => printable(bytes, shorten),
    };
    let key = show(&command.key);
    match &command.operation {
        Operation::Put { value } => format!("put {key} = {}", show(value)),
        Operation::Delete => format!("delete {key}"),
        Operation::Append { value } => format!("append {key} += {}", show(value)),
        Operation::Incr { by } => format!("incr {key} by {by}"),
        Operation::Cas { expect, value } => {
            let condition = match expect {
                Expect::Absent => "absent".to_owned(),
                Expect::Value(old) => format!("it is {}", show(old)),
                Expect::Revision(revision) => format!("at revision {revision}"),
            };
            format!("cas {key} = {} if {condition}", show(value))
        }
    }
}

impl CommandView {
    fn new(command: &Command) -> CommandView {
        let (op, value, by, expect) = match &command.operation {
            Operation::Put { value } => ("put", Some(value), None, None),
            Operation::Delete => ("delete", None, None, None),
            Operation::Append { value } => ("append", Some(value), None, None),
            Operation::Incr { by } => ("incr", None, Some(*by), None),
            Operation::Cas { expect, value } => ("cas", Some(value), None, Some(expect)),
        };
        let old = match expect {
            Some(Expect::Value(old)) => Some(old),
            _ => None,
        };
        let parts = [Some(&command.key), value, old];
        let base64 = parts.iter().flatten().any(|part| std::str::from_utf8(part).is_err());
        let text = |bytes: &Vec<u8>| match base64 {
            true => STANDARD.encode(bytes),
            false => String::from_utf8_lossy(bytes).into_owned(),
        };
        CommandView {
            op,
            key: text(&command.key),
            value: value.map(text),
            by,
            expect_value: old.map(text),
            expect_revision: match expect {
                Some(Expect::Revision(revision)) => Some(*revision),
                _ => None,
            },
            expect_absent: expect.map(|expect| *expect == Expect::Absent),
            base64,
        }
    }
}

impl ConfigView {
    pub fn new(config: &Config) -> ConfigView {
        let member = |member: &crate::raft::Member| MemberView {
            name: member.name.clone(),
            id: member.id.0.to_string(),
            role: if config.is_voter(member.id) { "voter" } else { "learner" },
            address: member.address.clone(),
        };
        ConfigView { joint: config.is_joint(), members: config.members.iter().map(member).collect() }
    }
}

/// The key a payload writes to; none for other kinds and for what is not understood.
pub fn key_of(kind: Kind, payload: &[u8]) -> Option<&[u8]> {
    match kind {
        Kind::Command => Some(decode_write(payload).ok()?.command.key),
        _ => None,
    }
}

/// The session a payload belongs to; none for other kinds, for writes without one, and for what is not understood.
pub fn session_of(kind: Kind, payload: &[u8]) -> Option<SessionTag> {
    match kind {
        Kind::Command => decode_write(payload).ok()?.session,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(key: &[u8], operation: Operation) -> Command {
        Command { key: key.to_vec(), operation }
    }

    #[test]
    fn entries_read_as_what_was_typed() {
        for (operation, says) in [
            (Operation::Put { value: b"green".to_vec() }, "put colour = green"),
            (Operation::Put { value: Vec::new() }, "put colour = \"\""),
            (Operation::Delete, "delete colour"),
            (Operation::Append { value: b"\n".to_vec() }, "append colour += \\n"),
            (Operation::Incr { by: -5 }, "incr colour by -5"),
            (Operation::Cas { expect: Expect::Absent, value: b"x".to_vec() }, "cas colour = x if absent"),
            (Operation::Cas { expect: Expect::Revision(7), value: b"x".to_vec() }, "cas colour = x if at revision 7"),
        ] {
            assert_eq!(describe(&Entry::Command(command(b"colour", operation)), false), says);
        }
        assert_eq!(describe(&Entry::Noop, false), "no-op");
    }

    #[test]
    fn what_is_not_text_is_base64_and_says_so() {
        let view = CommandView::new(&command(b"k", Operation::Put { value: vec![0xff, 0] }));
        assert_eq!((view.key.as_str(), view.value.as_deref(), view.base64), ("aw==", Some("/wA="), true));
        let view = CommandView::new(&command(b"k", Operation::Cas { expect: Expect::Absent, value: b"v".to_vec() }));
        assert_eq!((view.value.as_deref(), view.expect_absent, view.base64), (Some("v"), Some(true), false));
    }

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(time_text(1_764_016_800_123).as_deref(), Some("2025-11-24T20:40:00.123Z"));
        assert_eq!(time_text(u64::MAX), None);
    }
}
