//! What the payload of a record means: commands, and configurations with the settings of the cluster.
//!
//! A command is encoded by its client. What makes it a write of a session is appended by the client, the leader's stamp
//! of log time by the leader: fields of one protobuf message may be written one behind the other, so nothing is encoded
//! twice.
//!
//! Payloads are protobuf messages, so that a newer version may add fields. They are decoded to be applied or shown,
//! never to be written again.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use core::time::Duration;
use prost::encoding::{DecodeContext, WireType, decode_varint, encode_varint, encoded_len_varint, skip_field};
use prost::{DecodeError, Message};

use super::record::{Kind, RECORD_HEADER_BYTES};
use super::settings::{CLOCK_DRIFT_PPM_DEFAULT, Settings};
use crate::raft::{Config, ConfigLength, Member, NodeId, StorageId};
use crate::state_machine::{
    Command, CommandRef, Expect, ExpectRef, Operation, OperationRef, SessionId, SessionTag, Transaction, Update,
    UpdateRef, WriteRef,
};

mod transaction;

use transaction::{decode_transaction, encode_transaction, transaction_bytes_max};

/// A decoded payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    Noop,
    Command(Command),
    Transaction(Transaction),
    Config {
        config: Arc<Config>,
        settings: Settings,
    },
    /// Nothing but a stamp: log time passes, so that what is due happens.
    Tick {
        elapsed_ms: u64,
    },
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
        Kind::Command => Ok(match decode_write(payload)?.update.to_update() {
            Update::Command(command) => Entry::Command(command),
            Update::Transaction(transaction) => Entry::Transaction(transaction),
        }),
        Kind::Config => {
            let (config, settings) = decode_config(payload)?;
            Ok(Entry::Config { config: Arc::new(config), settings })
        }
        Kind::Tick => Ok(Entry::Tick { elapsed_ms: decode_stamp(payload)? }),
        Kind::Unknown(byte) => Err(EntryError::UnknownKind(byte)),
    }
}

/// Bytes that `encode_update` appends at most.
pub fn encoded_bytes_max(update: &Update) -> usize {
    match update {
        Update::Command(command) => command_bytes_max(command),
        Update::Transaction(transaction) => transaction_bytes_max(transaction),
    }
}

pub fn encode_update(update: &Update, out: &mut BytesMut) {
    match update {
        Update::Command(command) => encode_command(command, out),
        Update::Transaction(transaction) => encode_transaction(transaction, out),
    }
}

/// Bytes that `encode_command` appends at most.
fn command_bytes_max(command: &Command) -> usize {
    let value_bytes = match &command.operation {
        Operation::Put { value } | Operation::Append { value } => value.len(),
        Operation::Cas { expect: Expect::Value(expected), value } => expected.len() + value.len(),
        Operation::Cas { value, .. } => value.len(),
        Operation::Delete | Operation::Incr { .. } | Operation::Lease { .. } => 0,
    };
    command.key.len() + value_bytes + 7 * (1 + VARINT_BYTES_MAX)
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
        Operation::Lease { .. } => (OperationCode::Lease, Vec::new(), 0),
    };
    let ttl_ms = match &command.operation {
        Operation::Lease { ttl_ms } => *ttl_ms,
        _ => 0,
    };
    let message = CommandMessage {
        operation: operation as i32,
        key: command.key.clone(),
        value,
        by,
        expect_value,
        expect_revision,
        expect_absent,
        session: Vec::new(),
        serial: 0,
        awaited: 0,
        opened_ms: 0,
        elapsed_ms: 0,
        ttl_ms,
        transaction: None,
    };
    message.encode(out).expect("a growing buffer has room");
}

/// Bytes that `append_session` appends at most.
pub const SESSION_TAG_BYTES_MAX: usize = 2 + SESSION_ID_BYTES + 3 * (1 + VARINT_BYTES_MAX);

const SESSION_ID_BYTES: usize = 16;
const VARINT_BYTES_MAX: usize = 10;

/// Makes an encoded command a write of a session.
pub fn append_session(tag: SessionTag, out: &mut BytesMut) {
    out.put_slice(&[SESSION_FIELD << 3 | LENGTH_DELIMITED, SESSION_ID_BYTES as u8]);
    out.put_u128_le(tag.session.0);
    let awaited = tag.serial.saturating_sub(tag.awaited_from);
    for (field, number) in [(SERIAL_FIELD, tag.serial), (AWAITED_FIELD, awaited), (OPENED_FIELD, tag.opened_ms)] {
        if number > 0 {
            out.put_u8(field << 3 | VARINT);
            encode_varint(number, out);
        }
    }
}

/// Appends the leader's stamp to a payload: `elapsed_ms` since the last one. It replaces what the payload had.
pub fn append_stamp(elapsed_ms: u64, out: &mut BytesMut) {
    if elapsed_ms > 0 {
        out.put_u8(ELAPSED_FIELD << 3 | VARINT);
        encode_varint(elapsed_ms, out);
    }
}

/// Bytes that `append_stamp` appends.
pub fn stamp_bytes(elapsed_ms: u64) -> usize {
    if elapsed_ms > 0 { 1 + encoded_len_varint(elapsed_ms) } else { 0 }
}

/// The stamp in a payload that is nothing else.
pub fn decode_stamp(payload: &[u8]) -> Result<u64, EntryError> {
    Ok(decode_fields(CommandFields::default(), payload)?.elapsed_ms)
}

/// Key and value of a put that is all there is in `payload`, with neither session nor stamp: what most entries are, known
/// without asking of every field which one it is. None for anything else, which `decode_write` reads.
#[inline]
pub fn plain_put(payload: &[u8]) -> Option<(&[u8], &[u8])> {
    match usual_put(payload) {
        Some((key, value, [])) => Some((key, value)),
        _ => None,
    }
}

/// Decodes without copying: key and values stay where they lie in `payload`. This runs for every entry on every
/// replica, so it walks the protobuf fields itself; unknown fields are skipped, and of a repeated field the last
/// counts, as the format demands.
pub fn decode_write(payload: &[u8]) -> Result<WriteRef<'_>, EntryError> {
    match usual_put(payload) {
        Some((key, value, [])) => {
            let update = UpdateRef::Command(CommandRef { key, operation: OperationRef::Put { value } });
            Ok(WriteRef { update, session: None, elapsed_ms: 0 })
        }
        Some((key, value, rest)) => decode_rest(CommandFields { key, value, ..CommandFields::default() }, rest),
        None => decode_rest(CommandFields::default(), payload),
    }
}

fn decode_rest<'a>(fields: CommandFields<'a>, rest: &'a [u8]) -> Result<WriteRef<'a>, EntryError> {
    let fields = decode_fields(fields, rest)?;
    let update = match (OperationCode::try_from(fields.operation), fields.transaction) {
        (Ok(OperationCode::Transaction), Some(bytes)) => UpdateRef::Transaction(Box::new(decode_transaction(bytes)?)),
        _ => UpdateRef::Command(CommandRef { key: fields.key, operation: operation(&fields)? }),
    };
    let session = if fields.session.is_empty() { None } else { Some(fields.session_tag()?) };
    Ok(WriteRef { update, session, elapsed_ms: fields.elapsed_ms })
}

fn operation<'a>(fields: &CommandFields<'a>) -> Result<OperationRef<'a>, EntryError> {
    Ok(match OperationCode::try_from(fields.operation) {
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
        Ok(OperationCode::Lease) => OperationRef::Lease { ttl_ms: fields.ttl_ms },
        Ok(OperationCode::Get | OperationCode::Transaction) | Err(_) => return Err(EntryError::UnknownCommand),
    })
}

/// Takes fields in, on top of those known already.
fn decode_fields<'a>(mut fields: CommandFields<'a>, mut rest: &'a [u8]) -> Result<CommandFields<'a>, EntryError> {
    while !rest.is_empty() {
        fields.take_one(&mut rest)?;
    }
    Ok(fields)
}

/// The fields that are written by hand; their keys fit in a byte.
const SESSION_FIELD: u8 = 8;
const SERIAL_FIELD: u8 = 9;
const AWAITED_FIELD: u8 = 10;
const OPENED_FIELD: u8 = 11;
const ELAPSED_FIELD: u8 = 12;

const VARINT: u8 = WireType::Varint as u8;
const LENGTH_DELIMITED: u8 = WireType::LengthDelimited as u8;

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
    session: &'a [u8],
    serial: u64,
    awaited: u64,
    opened_ms: u64,
    elapsed_ms: u64,
    ttl_ms: u64,
    transaction: Option<&'a [u8]>,
}

/// Keys of the fields of a put, as `encode_command` writes them.
const KEY_FIELD: u8 = 2 << 3 | 2;
const VALUE_FIELD: u8 = 3 << 3 | 2;

/// Key and value of a put with its fields in the usual order, which is what most entries are, at a third of what it
/// costs to ask of every field which one it is; and what follows. None when it is anything else; that need not be an
/// error.
#[inline(always)]
fn usual_put(payload: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let [KEY_FIELD, rest @ ..] = payload else { return None };
    let mut rest = rest;
    let key = take_bytes(&mut rest).ok()?;
    let [VALUE_FIELD, behind @ ..] = rest else { return None };
    rest = behind;
    let value = take_bytes(&mut rest).ok()?;
    Some((key, value, rest))
}

impl<'a> CommandFields<'a> {
    fn session_tag(&self) -> Result<SessionTag, EntryError> {
        let id = <[u8; SESSION_ID_BYTES]>::try_from(self.session)
            .map_err(|_| EntryError::Malformed("a session id has 16 bytes".to_owned()))?;
        let awaited_from = self
            .serial
            .checked_sub(self.awaited)
            .ok_or_else(|| EntryError::Malformed("a session awaits no more writes than it has numbered".to_owned()))?;
        let session = SessionId(u128::from_le_bytes(id));
        Ok(SessionTag { session, serial: self.serial, awaited_from, opened_ms: self.opened_ms })
    }

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
            (8, WireType::LengthDelimited) => self.session = take_bytes(rest)?,
            (9, WireType::Varint) => self.serial = take_varint(rest)?,
            (10, WireType::Varint) => self.awaited = take_varint(rest)?,
            (11, WireType::Varint) => self.opened_ms = take_varint(rest)?,
            (12, WireType::Varint) => self.elapsed_ms = take_varint(rest)?,
            (13, WireType::Varint) => self.ttl_ms = take_varint(rest)?,
            (14, WireType::LengthDelimited) => self.transaction = Some(take_bytes(rest)?),
            (1..=14, _) => return Err(Wrong::WireType),
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
    let settings = Some(settings_to_message(settings));
    let message = ConfigMessage { settings, ..config_to_message(config) };
    message.encode(out).expect("a growing buffer has room");
}

/// How long the record of any configuration with these settings is, for a core that leads.
pub fn config_length(settings: &Settings) -> ConfigLength {
    let settings = ConfigMessage { settings: Some(settings_to_message(settings)), ..ConfigMessage::default() };
    fn bytes(length: usize) -> u32 {
        u32::try_from(length).expect("a configuration is far below 4 GiB")
    }
    ConfigLength {
        fixed_bytes: bytes(RECORD_HEADER_BYTES + settings.encoded_len()),
        variable_bytes: |config| bytes(config_to_message(config).encoded_len()),
    }
}

/// A configuration without settings, as messages about snapshots name it.
pub fn encode_members(config: &Config, out: &mut BytesMut) {
    config_to_message(config).encode(out).expect("a growing buffer has room");
}

/// How many bytes `encode_members` appends.
pub fn members_bytes(config: &Config) -> usize {
    config_to_message(config).encoded_len()
}

fn config_to_message(config: &Config) -> ConfigMessage {
    let ids = |list: &[NodeId]| list.iter().map(|id| id.0).collect();
    ConfigMessage {
        voters: ids(&config.voters),
        outgoing: ids(&config.outgoing),
        learners: ids(&config.learners),
        next_learners: ids(&config.next_learners),
        auto_leave: config.auto_leave,
        members: config.members.iter().map(member_to_message).collect(),
        next_id: config.next_id.0,
        settings: None,
    }
}

pub fn decode_config(payload: &[u8]) -> Result<(Config, Settings), EntryError> {
    let message = ConfigMessage::decode(payload).map_err(malformed)?;
    let settings = message
        .settings
        .as_ref()
        .ok_or_else(|| EntryError::Malformed("a configuration without settings".to_owned()))?;
    let settings = settings_from_message(settings);
    Ok((config_from_message(message)?, settings))
}

/// Reads what `encode_members` wrote.
pub fn decode_members(payload: &[u8]) -> Result<Config, EntryError> {
    config_from_message(ConfigMessage::decode(payload).map_err(malformed)?)
}

fn config_from_message(message: ConfigMessage) -> Result<Config, EntryError> {
    let ids = |list: Vec<u64>| list.into_iter().map(NodeId).collect();
    let members = message.members.into_iter().map(member_from_message).collect::<Result<Vec<_>, _>>()?;
    Ok(Config {
        voters: ids(message.voters),
        outgoing: ids(message.outgoing),
        learners: ids(message.learners),
        next_learners: ids(message.next_learners),
        auto_leave: message.auto_leave,
        members,
        next_id: NodeId(message.next_id),
    })
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
        lease_reads: settings.lease_reads,
        clock_drift_ppm: (settings.clock_drift_ppm != CLOCK_DRIFT_PPM_DEFAULT).then_some(settings.clock_drift_ppm),
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
        lease_reads: message.lease_reads,
        clock_drift_ppm: message.clock_drift_ppm.unwrap_or(CLOCK_DRIFT_PPM_DEFAULT),
        max_inflight_bytes: message.max_inflight_bytes,
        max_value_size: message.max_value_size,
        max_pending_bytes: message.max_pending_bytes,
    }
}

/// A put is what a message is that does not say: most are, and so it costs no byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
enum OperationCode {
    Put = 0,
    Delete = 1,
    Append = 2,
    Incr = 3,
    Cas = 4,
    Lease = 5,
    Transaction = 6,
    /// Only as a step of a transaction.
    Get = 7,
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
    #[prost(bytes = "vec", tag = "8")]
    session: Vec<u8>,
    #[prost(uint64, tag = "9")]
    serial: u64,
    /// How many numbers before this one are still awaited.
    #[prost(uint64, tag = "10")]
    awaited: u64,
    #[prost(uint64, tag = "11")]
    opened_ms: u64,
    /// The leader's stamp.
    #[prost(uint64, tag = "12")]
    elapsed_ms: u64,
    #[prost(uint64, tag = "13")]
    ttl_ms: u64,
    /// A `TransactionMessage`, of a transaction alone.
    #[prost(bytes = "vec", optional, tag = "14")]
    transaction: Option<Vec<u8>>,
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
    #[prost(bool, tag = "8")]
    lease_reads: bool,
    /// None: the default.
    #[prost(uint32, optional, tag = "9")]
    clock_drift_ppm: Option<u32>,
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

    fn decoded(bytes: &[u8]) -> Result<Command, EntryError> {
        match decode_write(bytes)?.update.to_update() {
            Update::Command(command) => Ok(command),
            Update::Transaction(_) => Err(EntryError::UnknownCommand),
        }
    }

    pub(super) fn any_command() -> impl Strategy<Value = Command> {
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
            any::<u64>().prop_map(|ttl_ms| Operation::Lease { ttl_ms }),
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
            session: fields.session.to_vec(),
            serial: fields.serial,
            awaited: fields.awaited,
            opened_ms: fields.opened_ms,
            elapsed_ms: fields.elapsed_ms,
            ttl_ms: fields.ttl_ms,
            transaction: fields.transaction.map(<[u8]>::to_vec),
        })
    }

    #[test]
    fn a_put_takes_five_bytes_over_key_and_value() {
        let mut out = BytesMut::new();
        encode_command(
            &Command { key: vec![b'k'; 16], operation: Operation::Put { value: vec![b'v'; 256] } },
            &mut out,
        );
        assert_eq!(out.len(), 16 + 256 + 5);
    }

    proptest! {
        #[test]
        fn a_command_reads_back_as_it_was_written(command in any_command()) {
            prop_assert!(encoded(&command).len() <= command_bytes_max(&command));
            let plain = plain_put(&encoded(&command)).map(|(key, value)| (key.to_vec(), value.to_vec()));
            // An empty field is not written at all, so that is not the usual put.
            let expected = match &command.operation {
                Operation::Put { value } if !value.is_empty() && !command.key.is_empty() => Some(value.clone()),
                _ => None,
            };
            prop_assert_eq!(plain, expected.map(|value| (command.key.clone(), value)));
            prop_assert_eq!(decoded(&encoded(&command)), Ok(command));
        }

        #[test]
        fn damaged_commands_read_as_the_library_reads_them(
            command in any_command(),
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = encoded(&command);
            append_session(SessionTag { session: SessionId(7), serial: 3, awaited_from: 1, opened_ms: 5 }, &mut bytes);
            append_stamp(9, &mut bytes);
            let mut bytes = bytes.to_vec();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes.truncate(cut.index(bytes.len() + 1));
            prop_assert_eq!(fields_by_hand(&bytes), fields_by_prost(&bytes));
            prop_assert_eq!(decode_write(&bytes), decode_rest(CommandFields::default(), &bytes), "the fast road leads there");
        }
    }

    #[test]
    fn a_write_of_a_session_reads_back_and_one_from_before_sessions_has_none() {
        let command = Command { key: b"k".to_vec(), operation: Operation::Put { value: b"v".to_vec() } };
        let mut bytes = encoded(&command);
        let plain = WriteRef { update: UpdateRef::Command(command.view()), session: None, elapsed_ms: 0 };
        assert_eq!(decode_write(&bytes).as_ref(), Ok(&plain));
        for (session, serial, awaited_from, opened_ms) in [(0, 1, 1, 0), (u128::MAX, u64::MAX, 0, u64::MAX)] {
            let tag = SessionTag { session: SessionId(session), serial, awaited_from, opened_ms };
            let mut bytes = bytes.clone();
            append_session(tag, &mut bytes);
            assert!(bytes.len() <= encoded(&command).len() + SESSION_TAG_BYTES_MAX);
            assert_eq!(decode_write(&bytes), Ok(WriteRef { session: Some(tag), ..plain.clone() }));
            assert_eq!(plain_put(&bytes), None, "a session is more than a plain put");
            assert_eq!(decoded(&bytes).as_ref(), Ok(&command));
        }
        append_session(
            SessionTag { session: SessionId(0x0102), serial: 300, awaited_from: 299, opened_ms: 5 },
            &mut bytes,
        );
        append_stamp(0, &mut bytes);
        append_stamp(6, &mut bytes);
        let appended = &bytes[encoded(&command).len()..];
        let mut expected = vec![0x42, 16, 2, 1];
        expected.extend([0; 14]);
        expected.extend([0x48, 0xac, 0x02, 0x50, 1, 0x58, 5, 0x60, 6]);
        assert_eq!(appended, expected, "docs/formats.md shows these bytes");
    }

    #[test]
    fn the_last_stamp_counts_and_its_length_is_known_before() {
        let command = Command { key: b"k".to_vec(), operation: Operation::Delete };
        for elapsed_ms in [0, 1, 127, 128, 1_000_000, u64::MAX] {
            let mut bytes = encoded(&command);
            let before = bytes.len();
            append_stamp(elapsed_ms, &mut bytes);
            assert_eq!(bytes.len() - before, stamp_bytes(elapsed_ms));
            assert_eq!(decode_write(&bytes).map(|write| write.elapsed_ms), Ok(elapsed_ms));
            assert_eq!(decode_entry(Kind::Tick, &bytes[before..]), Ok(Entry::Tick { elapsed_ms }));
        }
        let mut bytes = encoded(&command);
        append_stamp(7, &mut bytes);
        append_stamp(9, &mut bytes);
        assert_eq!(decode_write(&bytes).map(|write| write.elapsed_ms), Ok(9));
    }

    #[test]
    fn a_field_of_a_newer_version_is_skipped() {
        let command = Command { key: b"k".to_vec(), operation: Operation::Put { value: b"v".to_vec() } };
        let mut bytes = encoded(&command).to_vec();
        bytes.extend_from_slice(&[0xfa, 0x06, 2, b'h', b'i']);
        assert_eq!(decoded(&bytes), Ok(command));
    }

    #[test]
    fn a_cas_without_a_single_condition_is_refused() {
        let message = CommandMessage { operation: OperationCode::Cas as i32, ..CommandMessage::default() };
        assert!(matches!(decode_write(&message.encode_to_vec()), Err(EntryError::Malformed(_))));
        let message = CommandMessage { expect_absent: true, expect_revision: Some(3), ..message };
        assert!(matches!(decode_write(&message.encode_to_vec()), Err(EntryError::Malformed(_))));
    }
}
