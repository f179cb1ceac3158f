//! What the payload of a record means: commands, and configurations with the settings of the cluster.
//!
//! Payloads are protobuf messages, so that a newer version may add fields. They are decoded to be applied or shown,
//! never to be written again.

use std::sync::Arc;

use bytes::BytesMut;
use core::time::Duration;
use prost::Message;

use super::record::Kind;
use super::settings::Settings;
use crate::raft::{Config, Member, NodeId, StorageId};
use crate::state_machine::{Command, Expect, Operation};

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
    let message = CommandMessage::decode(payload).map_err(|error| EntryError::Malformed(error.to_string()))?;
    let operation = match OperationCode::try_from(message.operation) {
        Ok(OperationCode::Put) => Operation::Put { value: message.value },
        Ok(OperationCode::Delete) => Operation::Delete,
        Ok(OperationCode::Append) => Operation::Append { value: message.value },
        Ok(OperationCode::Incr) => Operation::Incr { by: message.by },
        Ok(OperationCode::Cas) => {
            let expect = match (message.expect_value, message.expect_revision, message.expect_absent) {
                (Some(value), None, false) => Expect::Value(value),
                (None, Some(revision), false) => Expect::Revision(revision),
                (None, None, true) => Expect::Absent,
                _ => return Err(EntryError::Malformed("a cas needs exactly one condition".to_owned())),
            };
            Operation::Cas { expect, value: message.value }
        }
        Ok(OperationCode::Unspecified) | Err(_) => return Err(EntryError::UnknownCommand),
    };
    Ok(Command { key: message.key, operation })
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
    let message = ConfigMessage::decode(payload).map_err(|error| EntryError::Malformed(error.to_string()))?;
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
