//! What the payload of a record means: commands, and configurations with the settings of the cluster.
//!
//! Payloads are protobuf messages, so that a newer version may add fields. They are decoded to be applied or shown,
//! never to be written again.

use std::sync::Arc;

use bytes::BytesMut;
use core::time::Duration;
use prost::encoding::{DecodeContext, WireType, decode_varint, skip_field};
use prost::{DecodeError, Message};

use super::record::Kind;
use super::settings::Settings;
use crate::raft::{Config, Member, NodeId, StorageId};
use crate::state_machine::{Command, CommandRef, Expect, ExpectRef, Operation, OperationRef};

/// A decoded payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    Noop,
    Command(Command),
    Config { config: Arc<Config>, settings: Settings },
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    #[error("the payload is not a valid message: {0}")]
    Malformed(String),
    #[error("entry kind {0} is not known to this version")]
    UnknownKind(u8),
    #[error("the command in the entry is not known to this version")]
    UnknownCommand,
}

pub fn decode_entry(kind: Kind, payload: &[u8]) -> Result<Entry, EntryError> {
    match kind {
        Kind::Noop => Ok(Entry::Noop),
        Kind::Command => decode_command(payload).map(Entry::Command),
        Kind::Config => {
            let (config, settings) = decode_config(payload)?;
            Ok(Entry::Config { config: Arc::new(config), settings })
        }
        Kind::Unknown(byte) => Err(EntryError::UnknownKind(byte)),
    }
}

pub fn encode_command(command: &Command, out: &mut BytesMut) {
    let (expect_value, expect_revision, expect_absent) = match &command.operation {
        Operation::Cas { expect: Expect::Value(value), .. } => (Some(value.clone()), None, false),
        Operation::Cas { expect: Expect::Revision(revision), .. } => (None, Some(*revision), false),
        Operation::Cas { expect: Expect::Absent, .. } => (None, None, true),
        _ => (None, None, false),
    };
    let (operation, value, by) = match &command.operation {
        Operation::Put { value } => (OperationCode::Put, value.clone(), 0),
        Operation::Delete => (OperationCode::Delete, Vec::new(), 0),
        Operation::Append { value } => (OperationCode::Append, value.clone(), 0),
        Operation::Incr { by } => (OperationCode::Incr, Vec::new(), *by),
        Operation::Cas { value, .. } => (OperationCode::Cas, value.clone(), 0),
    };
    let message = CommandMessage {
        operation: operation as i32,
        key: command.key.clone(),
        value,
        by,
        expect_value,
        expect_revision,
        expect_absent,
    };
    message.encode(out).expect("a growing buffer has room");
}

pub fn decode_command(payload: &[u8]) -> Result<Command, EntryError> {
    decode_command_ref(payload).map(CommandRef::to_command)
}

/// Decodes without copying: key and values stay where they lie in `payload`. This runs once for every entry on every
/// replica, so it walks the protobuf fields itself; unknown fields are skipped, and of a repeated field the last
/// counts, as the format demands.
#[inline]
pub fn decode_command_ref(payload: &[u8]) -> Result<CommandRef<'_>, EntryError> {
    usual_put(payload).map_or_else(|| decode_unusual(payload), Ok)
}

fn decode_unusual(payload: &[u8]) -> Result<CommandRef<'_>, EntryError> {
    let mut fields = CommandFields::default();
    let mut rest = payload;
    while !rest.is_empty() {
        fields.take_one(&mut rest)?;
    }
    let operation = match OperationCode::try_from(fields.operation) {
        Ok(OperationCode::Put) => OperationRef::Put { value: fields.value },
        Ok(OperationCode::Delete) => OperationRef::Delete,
        Ok(OperationCode::Append) => OperationRef::Append { value: fields.value },
        Ok(OperationCode::Incr) => OperationRef::Incr { by: fields.by },
        Ok(OperationCode::Cas) => {
            let expect = match (fields.expect_value, fields.expect_revision, fields.expect_absent) {
                (Some(value), None, false) => ExpectRef::Value(value),
                (None, Some(revision), false) => ExpectRef::Revision(revision),
                (None, None, true) => ExpectRef::Absent,
                _ => return Err(EntryError::Malformed("a cas needs exactly one condition".to_owned())),
            };
            OperationRef::Cas { expect, value: fields.value }
        }
        Ok(OperationCode::Unspecified) | Err(_) => return Err(EntryError::UnknownCommand),
    };
    Ok(CommandRef { key: fields.key, operation })
}

/// `CommandMessage`, borrowed.
#[derive(Default)]
struct CommandFields<'a> {
    operation: i32,
    key: &'a [u8],
    value: &'a [u8],
    by: i64,
    expect_value: Option<&'a [u8]>,
    expect_revision: Option<u64>,
    expect_absent: bool,
}

/// Keys of the fields of a put, as `encode_command` writes them.
const OPERATION_FIELD: u8 = 1 << 3;
const KEY_FIELD: u8 = 2 << 3 | 2;
const VALUE_FIELD: u8 = 3 << 3 | 2;
const PUT: u8 = OperationCode::Put as u8;

/// A put of a key and a value with its fields in the usual order, which is what most entries are, at a third of what
/// it costs to ask of every field which one it is. None when it is anything else; that need not be an error.
#[inline]
fn usual_put(payload: &[u8]) -> Option<CommandRef<'_>> {
    let [OPERATION_FIELD, PUT, KEY_FIELD, rest @ ..] = payload else { return None };
    let mut rest = rest;
    let key = take_bytes(&mut rest).ok()?;
    let [VALUE_FIELD, behind @ ..] = rest else { return None };
    rest = behind;
    let value = take_bytes(&mut rest).ok()?;
    rest.is_empty().then_some(CommandRef { key, operation: OperationRef::Put { value } })
}

impl<'a> CommandFields<'a> {
    fn take_one(&mut self, rest: &mut &'a [u8]) -> Result<(), Wrong> {
        let key = take_varint(rest)?;
        let wire = WireType::try_from(key & 7).map_err(|_| Wrong::Key)?;
        match (key >> 3, wire) {
            // Enumerations travel as the varint of a sign-extended 32-bit number.
            (1, WireType::Varint) => self.operation = take_varint(rest)? as i32,
            (2, WireType::LengthDelimited) => self.key = take_bytes(rest)?,
            (3, WireType::LengthDelimited) => self.value = take_bytes(rest)?,
            (4, WireType::Varint) => {
                let folded = take_varint(rest)?;
                self.by = (folded >> 1).cast_signed() ^ -(folded & 1).cast_signed();
            }
            (5, WireType::LengthDelimited) => self.expect_value = Some(take_bytes(rest)?),
            (6, WireType::Varint) => self.expect_revision = Some(take_varint(rest)?),
            (7, WireType::Varint) => self.expect_absent = take_varint(rest)? != 0,
            (1..=7, _) => return Err(Wrong::WireType),
            (tag, _) => {
                let tag = u32::try_from(tag).ok().filter(|tag| (1..1 << 29).contains(tag)).ok_or(Wrong::Key)?;
                skip_field(wire, tag, rest, DecodeContext::default()).map_err(|_| Wrong::UnknownField)?;
            }
        }
        Ok(())
    }
}

/// What is wrong with a field; small, because it passes through the path that runs for every entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Wrong {
    #[error("a field has no valid key")]
    Key,
    #[error("a number does not end")]
    Number,
    #[error("a byte string does not end")]
    Bytes,
    #[error("a known field has another type")]
    WireType,
    #[error("an unknown field does not end")]
    UnknownField,
}

impl From<Wrong> for EntryError {
    #[cold]
    fn from(wrong: Wrong) -> EntryError {
        EntryError::Malformed(wrong.to_string())
    }
}

/// Most numbers in a command fit in one byte, most lengths in two.
#[inline(always)]
fn take_varint(rest: &mut &[u8]) -> Result<u64, Wrong> {
    match rest.split_first() {
        Some((byte, behind)) if *byte < 0x80 => {
            *rest = behind;
            Ok(u64::from(*byte))
        }
        Some((low, [high, behind @ ..])) if *high < 0x80 => {
            *rest = behind;
            Ok(u64::from(*low & 0x7f) | u64::from(*high) << 7)
        }
        _ => decode_varint(rest).map_err(|_| Wrong::Number),
    }
}

#[inline(always)]
fn take_bytes<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Wrong> {
    let length = usize::try_from(take_varint(rest)?).unwrap_or(usize::MAX);
    let (bytes, behind) = rest.split_at_checked(length).ok_or(Wrong::Bytes)?;
    *rest = behind;
    Ok(bytes)
}

#[cold]
fn malformed(error: DecodeError) -> EntryError {
    EntryError::Malformed(error.to_string())
}

pub fn encode_config(config: &Config, settings: &Settings, out: &mut BytesMut) {
    let ids = |list: &[NodeId]| list.iter().map(|id| id.0).collect();
    let message = ConfigMessage {
        voters: ids(&config.voters),
        outgoing: ids(&config.outgoing),
        learners: ids(&config.learners),
        next_learners: ids(&config.next_learners),
        auto_leave: config.auto_leave,
        members: config.members.iter().map(member_to_message).collect(),
        next_id: config.next_id.0,
        settings: Some(settings_to_message(settings)),
    };
    message.encode(out).expect("a growing buffer has room");
}

pub fn decode_config(payload: &[u8]) -> Result<(Config, Settings), EntryError> {
    let message = ConfigMessage::decode(payload).map_err(malformed)?;
    let ids = |list: Vec<u64>| list.into_iter().map(NodeId).collect();
    let members = message.members.into_iter().map(member_from_message).collect::<Result<Vec<_>, _>>()?;
    let settings =
        message.settings.ok_or_else(|| EntryError::Malformed("a configuration without settings".to_owned()))?;
    let config = Config {
        voters: ids(message.voters),
        outgoing: ids(message.outgoing),
        learners: ids(message.learners),
        next_learners: ids(message.next_learners),
        auto_leave: message.auto_leave,
        members,
        next_id: NodeId(message.next_id),
    };
    Ok((config, settings_from_message(&settings)))
}

fn member_to_message(member: &Member) -> MemberMessage {
    MemberMessage {
        id: member.id.0,
        name: member.name.clone(),
        address: member.address.clone(),
        storage: member.storage.0.to_le_bytes().to_vec(),
    }
}

fn member_from_message(message: MemberMessage) -> Result<Member, EntryError> {
    let storage = <[u8; 16]>::try_from(message.storage.as_slice())
        .map_err(|_| EntryError::Malformed("a storage id has 16 bytes".to_owned()))?;
    Ok(Member {
        id: NodeId(message.id),
        name: message.name,
        address: message.address,
        storage: StorageId(u128::from_le_bytes(storage)),
    })
}

fn settings_to_message(settings: &Settings) -> SettingsMessage {
    let micros = |span: Duration| u64::try_from(span.as_micros()).expect("timeouts are far below 500,000 years");
    SettingsMessage {
        election_timeout_us: micros(settings.election_timeout),
        heartbeat_interval_us: micros(settings.heartbeat_interval),
        pre_vote: settings.pre_vote,
        check_quorum: settings.check_quorum,
        max_inflight_bytes: settings.max_inflight_bytes,
        max_value_size: settings.max_value_size,
        max_pending_bytes: settings.max_pending_bytes,
    }
}

fn settings_from_message(message: &SettingsMessage) -> Settings {
    Settings {
        election_timeout: Duration::from_micros(message.election_timeout_us),
        heartbeat_interval: Duration::from_micros(message.heartbeat_interval_us),
        pre_vote: message.pre_vote,
        check_quorum: message.check_quorum,
        max_inflight_bytes: message.max_inflight_bytes,
        max_value_size: message.max_value_size,
        max_pending_bytes: message.max_pending_bytes,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
enum OperationCode {
    Unspecified = 0,
    Put = 1,
    Delete = 2,
    Append = 3,
    Incr = 4,
    Cas = 5,
}

#[derive(Clone, PartialEq, prost::Message)]
struct CommandMessage {
    #[prost(enumeration = "OperationCode", tag = "1")]
    operation: i32,
    #[prost(bytes = "vec", tag = "2")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    value: Vec<u8>,
    #[prost(sint64, tag = "4")]
    by: i64,
    #[prost(bytes = "vec", optional, tag = "5")]
    expect_value: Option<Vec<u8>>,
    #[prost(uint64, optional, tag = "6")]
    expect_revision: Option<u64>,
    #[prost(bool, tag = "7")]
    expect_absent: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ConfigMessage {
    #[prost(uint64, repeated, tag = "1")]
    voters: Vec<u64>,
    #[prost(uint64, repeated, tag = "2")]
    outgoing: Vec<u64>,
    #[prost(uint64, repeated, tag = "3")]
    learners: Vec<u64>,
    #[prost(uint64, repeated, tag = "4")]
    next_learners: Vec<u64>,
    #[prost(bool, tag = "5")]
    auto_leave: bool,
    #[prost(message, repeated, tag = "6")]
    members: Vec<MemberMessage>,
    #[prost(uint64, tag = "7")]
    next_id: u64,
    #[prost(message, optional, tag = "8")]
    settings: Option<SettingsMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct MemberMessage {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    address: String,
    #[prost(bytes = "vec", tag = "4")]
    storage: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct SettingsMessage {
    #[prost(uint64, tag = "1")]
    election_timeout_us: u64,
    #[prost(uint64, tag = "2")]
    heartbeat_interval_us: u64,
    #[prost(bool, tag = "3")]
    pre_vote: bool,
    #[prost(bool, tag = "4")]
    check_quorum: bool,
    #[prost(uint64, tag = "5")]
    max_inflight_bytes: u64,
    #[prost(uint64, tag = "6")]
    max_value_size: u64,
    #[prost(uint64, tag = "7")]
    max_pending_bytes: u64,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(command: &Command) -> BytesMut {
        let mut out = BytesMut::new();
        encode_command(command, &mut out);
        out
    }

    fn any_command() -> impl Strategy<Value = Command> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..300);
        let expect = prop_oneof![
            Just(Expect::Absent),
            bytes().prop_map(Expect::Value),
            any::<u64>().prop_map(Expect::Revision),
        ];
        let operation = prop_oneof![
            bytes().prop_map(|value| Operation::Put { value }),
            Just(Operation::Delete),
            bytes().prop_map(|value| Operation::Append { value }),
            any::<i64>().prop_map(|by| Operation::Incr { by }),
            (expect, bytes()).prop_map(|(expect, value)| Operation::Cas { expect, value }),
        ];
        (bytes(), operation).prop_map(|(key, operation)| Command { key, operation })
    }

    /// What the library's own decoder makes of the bytes.
    fn fields_by_prost(bytes: &[u8]) -> Option<CommandMessage> {
        CommandMessage::decode(bytes).ok()
    }

    fn fields_by_hand(bytes: &[u8]) -> Option<CommandMessage> {
        let mut fields = CommandFields::default();
        let mut rest = bytes;
        while !rest.is_empty() {
            fields.take_one(&mut rest).ok()?;
        }
        Some(CommandMessage {
            operation: fields.operation,
            key: fields.key.to_vec(),
            value: fields.value.to_vec(),
            by: fields.by,
            expect_value: fields.expect_value.map(<[u8]>::to_vec),
            expect_revision: fields.expect_revision,
            expect_absent: fields.expect_absent,
        })
    }

    proptest! {
        #[test]
        fn a_command_reads_back_as_it_was_written(command in any_command()) {
            prop_assert_eq!(decode_command(&encoded(&command)), Ok(command));
        }

        #[test]
        fn damaged_commands_read_as_the_library_reads_them(
            command in any_command(),
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = encoded(&command).to_vec();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes.truncate(cut.index(bytes.len() + 1));
            prop_assert_eq!(fields_by_hand(&bytes), fields_by_prost(&bytes));
        }
    }

    #[test]
    fn a_field_of_a_newer_version_is_skipped() {
        let command = Command { key: b"k".to_vec(), operation: Operation::Put { value: b"v".to_vec() } };
        let mut bytes = encoded(&command).to_vec();
        bytes.extend_from_slice(&[0xfa, 0x06, 2, b'h', b'i']);
        assert_eq!(decode_command(&bytes), Ok(command));
    }

    #[test]
    fn a_cas_without_a_single_condition_is_refused() {
        let message = CommandMessage { operation: OperationCode::Cas as i32, ..CommandMessage::default() };
        assert!(matches!(decode_command(&message.encode_to_vec()), Err(EntryError::Malformed(_))));
        let message = CommandMessage { expect_absent: true, expect_revision: Some(3), ..message };
        assert!(matches!(decode_command(&message.encode_to_vec()), Err(EntryError::Malformed(_))));
    }
}
