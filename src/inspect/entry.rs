//! One log entry as people and scripts see it.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::text::printable;
use crate::codec::entry::decode_write;
use crate::codec::{Entry, Kind, RecordHeader, decode_entry};
use crate::raft::Config;
use crate::state_machine::{Command, Condition, Expect, Operation, SessionTag, Step, Test, Transaction, UpdateRef};

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
    pub transaction: Option<TransactionView>,
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
    /// `put delete append incr cas lease`; in a transaction also `get`.
    pub op: &'static str,
    pub key: String,
    pub value: Option<String>,
    pub by: Option<i64>,
    pub expect_value: Option<String>,
    pub expect_revision: Option<u64>,
    pub expect_absent: Option<bool>,
    pub ttl_ms: Option<u64>,
    pub base64: bool,
}

/// Several writes that take effect together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TransactionView {
    #[serde(rename = "if")]
    pub conditions: Vec<ConditionView>,
    pub then: Vec<CommandView>,
    #[serde(rename = "else")]
    pub otherwise: Vec<CommandView>,
}

/// One condition: of its four tests one is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConditionView {
    pub key: String,
    pub value: Option<String>,
    pub revision: Option<u64>,
    pub version: Option<u64>,
    pub exists: Option<bool>,
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
        let (mut command, mut transaction, mut config) = (None, None, None);
        match entry {
            Ok(Entry::Command(one)) => command = Some(CommandView::new(&one)),
            Ok(Entry::Transaction(one)) => transaction = Some(TransactionView::new(&one)),
            Ok(Entry::Config { config: one, .. }) => config = Some(ConfigView::new(&one)),
            Ok(Entry::Noop | Entry::Tick { .. }) | Err(_) => {}
        }
        let tag = session_of(header.kind, payload);
        EntryView {
            node: place.node.map(str::to_owned),
            index: header.id.index.0,
            term: header.id.term.0,
            time: time_text(header.wall_ms),
            kind: header.kind.word(),
            says,
            command,
            transaction,
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
        Entry::Transaction(transaction) => describe_transaction(transaction, shorten),
        Entry::Tick { elapsed_ms } => format!("tick {elapsed_ms} ms"),
    }
}

/// `txn if colour is green, lock absent then put colour = red; delete lock else get colour`
fn describe_transaction(transaction: &Transaction, shorten: bool) -> String {
    let mut text = "txn".to_owned();
    if !transaction.conditions.is_empty() {
        let conditions: Vec<String> =
            transaction.conditions.iter().map(|condition| describe_condition(condition, shorten)).collect();
        text.push_str(&format!(" if {}", conditions.join(", ")));
    }
    for (word, steps) in [("then", &transaction.then), ("else", &transaction.otherwise)] {
        if !steps.is_empty() {
            let steps: Vec<String> = steps.iter().map(|step| describe_step(step, shorten)).collect();
            text.push_str(&format!(" {word} {}", steps.join("; ")));
        }
    }
    text
}

fn describe_condition(condition: &Condition, shorten: bool) -> String {
    let key = show(&condition.key, shorten);
    match &condition.test {
        Test::Value(value) => format!("{key} is {}", show(value, shorten)),
        Test::Revision(revision) => format!("{key} at revision {revision}"),
        Test::Version(version) => format!("{key} at version {version}"),
        Test::Exists(true) => format!("{key} exists"),
        Test::Exists(false) => format!("{key} absent"),
    }
}

fn describe_step(step: &Step, shorten: bool) -> String {
    match step {
        Step::Get { key } => format!("get {}", show(key, shorten)),
        Step::Write(command) => describe_command(command, shorten),
    }
}

fn show(bytes: &[u8], shorten: bool) -> String {
    match bytes.is_empty() {
        true => "\"\"".to_owned(),
        false => printable(bytes, shorten),
    }
}

fn describe_command(command: &Command, shorten: bool) -> String {
    let show = |bytes: &[u8]| show(bytes, shorten);
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
        Operation::Lease { ttl_ms: 0 } => format!("lease {key} for ever"),
        Operation::Lease { ttl_ms } => format!("lease {key} for {ttl_ms} ms"),
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
            Operation::Lease { .. } => ("lease", None, None, None),
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
            ttl_ms: match &command.operation {
                Operation::Lease { ttl_ms } => Some(*ttl_ms),
                _ => None,
            },
            base64,
        }
    }

    fn of_step(step: &Step) -> CommandView {
        match step {
            Step::Write(command) => CommandView::new(command),
            Step::Get { key } => {
                let delete = Command { key: key.clone(), operation: Operation::Delete };
                CommandView { op: "get", ..CommandView::new(&delete) }
            }
        }
    }
}

impl TransactionView {
    fn new(transaction: &Transaction) -> TransactionView {
        TransactionView {
            conditions: transaction.conditions.iter().map(ConditionView::new).collect(),
            then: transaction.then.iter().map(CommandView::of_step).collect(),
            otherwise: transaction.otherwise.iter().map(CommandView::of_step).collect(),
        }
    }
}

impl ConditionView {
    fn new(condition: &Condition) -> ConditionView {
        let value = match &condition.test {
            Test::Value(value) => Some(value),
            Test::Revision(_) | Test::Version(_) | Test::Exists(_) => None,
        };
        let base64 = [Some(&condition.key), value].iter().flatten().any(|part| std::str::from_utf8(part).is_err());
        let text = |bytes: &Vec<u8>| match base64 {
            true => STANDARD.encode(bytes),
            false => String::from_utf8_lossy(bytes).into_owned(),
        };
        let (revision, version, exists) = match condition.test {
            Test::Value(_) => (None, None, None),
            Test::Revision(revision) => (Some(revision), None, None),
            Test::Version(version) => (None, Some(version), None),
            Test::Exists(exists) => (None, None, Some(exists)),
        };
        ConditionView { key: text(&condition.key), value: value.map(text), revision, version, exists, base64 }
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

/// Whether a payload names a key that `is_wanted`; never of other kinds, and of what is not understood.
pub fn concerns(kind: Kind, payload: &[u8], is_wanted: impl Fn(&[u8]) -> bool) -> bool {
    if kind != Kind::Command {
        return false;
    }
    match decode_write(payload).map(|write| write.update) {
        Ok(UpdateRef::Command(command)) => is_wanted(command.key),
        Ok(UpdateRef::Transaction(transaction)) => transaction.keys().any(is_wanted),
        Err(_) => false,
    }
}

/// The keys a payload may write to, each once; none for other kinds and for what is not understood.
pub fn keys_of(kind: Kind, payload: &[u8]) -> Vec<Vec<u8>> {
    match decode_entry(kind, payload) {
        Ok(Entry::Command(command)) => vec![command.key],
        Ok(Entry::Transaction(transaction)) => {
            let keys: BTreeSet<&[u8]> = transaction.keys().filter(|key| transaction.may_change(key)).collect();
            keys.into_iter().map(<[u8]>::to_vec).collect()
        }
        Ok(Entry::Noop | Entry::Config { .. } | Entry::Tick { .. }) | Err(_) => Vec::new(),
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
    use crate::codec::entry::encode_update;
    use crate::state_machine::Update;

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
            (Operation::Lease { ttl_ms: 30_000 }, "lease colour for 30000 ms"),
            (Operation::Lease { ttl_ms: 0 }, "lease colour for ever"),
        ] {
            assert_eq!(describe(&Entry::Command(command(b"colour", operation)), false), says);
        }
        assert_eq!(describe(&Entry::Noop, false), "no-op");
    }

    #[test]
    fn a_transaction_reads_as_one_sentence_and_names_what_it_may_write() {
        let condition = |key: &[u8], test| Condition { key: key.to_vec(), test };
        let conditions = vec![
            condition(b"a", Test::Value(b"1".to_vec())),
            condition(b"b", Test::Exists(false)),
            condition(b"", Test::Version(3)),
        ];
        let put = Step::Write(command(b"a", Operation::Put { value: b"2".to_vec() }));
        let then = vec![put, Step::Write(command(b"c", Operation::Delete))];
        let otherwise = vec![Step::Get { key: b"a".to_vec() }];
        let transaction = Transaction { conditions, then, otherwise };
        let says = "txn if a is 1, b absent, \"\" at version 3 then put a = 2; delete c else get a";
        assert_eq!(describe(&Entry::Transaction(transaction.clone()), false), says);
        let mut payload = bytes::BytesMut::new();
        encode_update(&Update::Transaction(transaction), &mut payload);
        assert_eq!(keys_of(Kind::Command, &payload), [b"a".to_vec(), b"c".to_vec()]);
        assert!(concerns(Kind::Command, &payload, |key| key == b"b") && !concerns(Kind::Command, &payload, |_| false));
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
