//! A message between nodes: what consensus says, and the bytes that it carries beside it: the records of an append, or
//! the chunk of a snapshot.
//!
//! ```text
//!  0        4    5    6     8      16     24           40     48
//!  | length |type|flag|  0  | from | to   | to_storage | term | fields of the type … [records …]
//! ```
//!
//! All numbers are little-endian; `docs/wire.md` lists the fields of each type. The records of an append are the only
//! copy of what it says about entries: terms, lengths and configurations are derived from their headers on arrival,
//! after each record's checksum and the links between neighbours have been proved. Whether the first link fits the
//! receiver's log is the replica's to ask.
//!
//! Encoding never copies a record. Decoding never panics, and never allocates more than a small multiple of the frame.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut, TryGetError};

use super::entry::{EntryError, decode_config, decode_members, encode_members, members_bytes};
use super::frame::{Chunks, FRAME_LENGTH_BYTES};
use super::record::{Kind, RecordError, RecordHeader};
use crate::raft::message::{
    Append, AppendOutcome, AppendReply, Heartbeat, HeartbeatReply, Hello, HelloReply, ReadIndex, ReadIndexReply,
    Snapshot, SnapshotOutcome, SnapshotReply, TimeoutNow, Vote, VoteRefusal, VoteReply,
};
use crate::raft::{Envelope, Index, LogId, Message, NodeId, Shape, SnapshotId, SnapshotMeta, StorageId, Term};

/// Longest frame a peer may send, in bytes: one record of the largest payload, with room for what is around it.
pub const PEER_FRAME_BYTES_MAX: usize = super::record::RECORD_PAYLOAD_BYTES_MAX as usize + 64 * 1024;

/// Bytes of addressing before the fields of a message's type.
pub const ENVELOPE_BYTES: usize = 44;

/// Bytes of a snapshot message's fields, without its configuration.
const SNAPSHOT_FIELD_BYTES: usize = 72;

/// What travels between two nodes. `records` are the entries of an `Append`, exactly as they lie in the sender's log;
/// on the wire they are the only copy, and the receiver derives the message's `Shape` from their headers. For a
/// `Snapshot` they are the bytes of its chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerMessage {
    pub envelope: Envelope,
    pub records: Vec<Bytes>,
    /// Catch-up traffic that was read back from log files or a snapshot: it takes the bulk connection, so that it never delays
    /// heartbeats and live entries.
    pub bulk: bool,
}

/// Why a frame is not a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    #[error("the message is cut short")]
    Short,
    #[error("{bytes} bytes follow the message's end")]
    Trailing { bytes: usize },
    #[error("message type {0} is not known")]
    UnknownType(u8),
    #[error("{field} may not be {value}")]
    Field { field: &'static str, value: u64 },
    #[error("the append's first record is not an entry")]
    FirstRecord(#[source] RecordError),
    #[error("the record after {after} is not an entry")]
    Record { after: LogId, source: RecordError },
    #[error("entry {found} cannot follow {after}")]
    Sequence { after: LogId, found: LogId },
    #[error("entry {found} is of a term above the sender's {term}")]
    TermAhead { found: LogId, term: Term },
    #[error("the record of {found} does not continue the one before it")]
    Link { found: LogId },
    #[error("the configuration in {at} is not valid")]
    Config { at: LogId, source: EntryError },
    #[error("the configuration of the snapshot at {last} is not valid")]
    SnapshotConfig { last: LogId, source: EntryError },
}

impl From<TryGetError> for PeerError {
    fn from(_: TryGetError) -> PeerError {
        PeerError::Short
    }
}

/// How many bytes the message takes on the wire.
pub fn encoded_bytes(message: &PeerMessage) -> usize {
    let fields = match &message.envelope.message {
        Message::Vote(_) => 36,
        Message::VoteReply(_) => 36,
        Message::Append(_) => 28,
        Message::AppendReply(_) => 32,
        Message::Heartbeat(_) => 24,
        Message::HeartbeatReply(_) => 28,
        Message::TimeoutNow(_) => 20,
        Message::ReadIndex(_) => 8,
        Message::ReadIndexReply(_) => 16,
        Message::Hello(_) => 8,
        Message::HelloReply(_) => 16,
        Message::Snapshot(chunk) => SNAPSHOT_FIELD_BYTES + members_bytes(&chunk.meta.config),
        Message::SnapshotReply(_) => 56,
    };
    FRAME_LENGTH_BYTES + ENVELOPE_BYTES + fields + record_bytes(message)
}

/// Appends the message as one frame; its records go along by reference.
pub fn encode(message: PeerMessage, out: &mut Chunks) {
    out.put(|out| encode_head(&message, out));
    for record in message.records {
        out.push(record);
    }
}

/// Appends everything of the frame but the records, which must follow.
pub fn encode_head(message: &PeerMessage, out: &mut BytesMut) {
    let whole = encoded_bytes(message);
    let records = record_bytes(message);
    let start = out.len();
    let Envelope { from, to, to_storage, term, message: body } = &message.envelope;
    let length = u32::try_from(whole - FRAME_LENGTH_BYTES).expect("frames are far below 4 GiB");
    out.reserve(whole - records);
    out.put_u32_le(length);
    out.put_u8(type_code(body));
    out.put_u8(flag(body));
    out.put_u16_le(0);
    out.put_u64_le(from.0);
    out.put_u64_le(to.0);
    out.put_u128_le(to_storage.0);
    out.put_u64_le(term.0);
    put_fields(body, out);
    assert_eq!(out.len() - start + records, whole, "the declared length of a message is its length");
}

/// Decodes one frame's body, proving every record in it. `bulk` is left false: how it came is the transport's to say.
pub fn decode(frame: Bytes) -> Result<PeerMessage, PeerError> {
    let mut fields = &frame[..];
    let code = fields.try_get_u8()?;
    let flag = fields.try_get_u8()?;
    let reserved = fields.try_get_u16_le()?;
    if reserved != 0 {
        return Err(PeerError::Field { field: "reserved", value: u64::from(reserved) });
    }
    let from = NodeId(fields.try_get_u64_le()?);
    let to = NodeId(fields.try_get_u64_le()?);
    let to_storage = StorageId(fields.try_get_u128_le()?);
    let term = take_term(&mut fields)?;
    let mut message = take_fields(code, flag, &mut fields)?;
    let mut records = Vec::new();
    let payload = frame.slice(frame.len() - fields.len()..);
    if let Message::Append(append) = &mut message {
        append.entries = read_records(append.prev, term, fields)?;
        records.extend((!payload.is_empty()).then_some(payload));
    } else if let Message::Snapshot(chunk) = &mut message {
        match payload.len().checked_sub(chunk.length as usize) {
            None => return Err(PeerError::Short),
            Some(0) => records.extend((!payload.is_empty()).then_some(payload)),
            Some(bytes) => return Err(PeerError::Trailing { bytes }),
        }
    } else if !fields.is_empty() {
        return Err(PeerError::Trailing { bytes: fields.len() });
    }
    Ok(PeerMessage { envelope: Envelope { from, to, to_storage, term, message }, records, bulk: false })
}

fn record_bytes(message: &PeerMessage) -> usize {
    message.records.iter().map(Bytes::len).sum()
}

/// Proves the records that follow `prev` and returns their shape.
fn read_records(prev: LogId, sender: Term, mut bytes: &[u8]) -> Result<Shape, PeerError> {
    let mut shape = Shape::empty(prev.index.next());
    let mut before = prev;
    let mut link = None;
    while !bytes.is_empty() {
        let header = RecordHeader::read(bytes, before.index.next()).map_err(|source| match link {
            None => PeerError::FirstRecord(source),
            Some(_) => PeerError::Record { after: before, source },
        })?;
        if header.id.index.0.checked_sub(1) != Some(before.index.0) || header.id.term < before.term {
            return Err(PeerError::Sequence { after: before, found: header.id });
        }
        if header.id.term > sender {
            return Err(PeerError::TermAhead { found: header.id, term: sender });
        }
        if link.is_some_and(|link| link != header.link) {
            return Err(PeerError::Link { found: header.id });
        }
        let (record, rest) = bytes.split_at(header.total_bytes());
        let config = match header.kind {
            Kind::Config => {
                let payload = &record[super::record::RECORD_HEADER_BYTES..];
                let (config, _) =
                    decode_config(payload).map_err(|source| PeerError::Config { at: header.id, source })?;
                Some(Arc::new(config))
            }
            Kind::Noop | Kind::Command | Kind::Tick | Kind::Unknown(_) => None,
        };
        let length = u32::try_from(record.len()).expect("records are below 4 GiB");
        shape.push(header.id.term, length, config);
        before = header.id;
        link = Some(header.check);
        bytes = rest;
    }
    Ok(shape)
}

fn type_code(message: &Message) -> u8 {
    match message {
        Message::Vote(_) => 1,
        Message::VoteReply(_) => 2,
        Message::Append(_) => 3,
        Message::AppendReply(_) => 4,
        Message::Heartbeat(_) => 5,
        Message::HeartbeatReply(_) => 6,
        Message::TimeoutNow(_) => 7,
        Message::ReadIndex(_) => 8,
        Message::ReadIndexReply(_) => 9,
        Message::Hello(_) => 10,
        Message::HelloReply(_) => 11,
        Message::Snapshot(_) => 12,
        Message::SnapshotReply(_) => 13,
    }
}

const FLAG_PRE: u8 = 1;
const FLAG_FORCE: u8 = 2;
const FLAG_NEWS_ONLY: u8 = 1;
const FLAG_REJECT: u8 = 1;
const FLAG_INDEX: u8 = 1;
const FLAG_INSTALLED: u8 = 1;
const FLAG_FAILED: u8 = 2;

fn flag(message: &Message) -> u8 {
    let bit = |set: bool, bit: u8| if set { bit } else { 0 };
    match message {
        Message::Vote(vote) => bit(vote.pre, FLAG_PRE) | bit(vote.force, FLAG_FORCE),
        Message::VoteReply(reply) => bit(reply.pre, FLAG_PRE),
        Message::AppendReply(reply) => bit(matches!(reply.outcome, AppendOutcome::Reject { .. }), FLAG_REJECT),
        Message::ReadIndexReply(reply) => bit(reply.index.is_some(), FLAG_INDEX),
        Message::SnapshotReply(reply) => match reply.outcome {
            SnapshotOutcome::Next { .. } => 0,
            SnapshotOutcome::Installed { .. } => FLAG_INSTALLED,
            SnapshotOutcome::Failed => FLAG_FAILED,
        },
        Message::Append(append) => bit(append.news_only, FLAG_NEWS_ONLY),
        Message::Heartbeat(_)
        | Message::HeartbeatReply(_)
        | Message::TimeoutNow(_)
        | Message::ReadIndex(_)
        | Message::Hello(_)
        | Message::HelloReply(_)
        | Message::Snapshot(_) => 0,
    }
}

fn put_fields(message: &Message, out: &mut BytesMut) {
    match message {
        Message::Vote(vote) => {
            out.put_u64_le(vote.asked.0);
            put_log_id(vote.last, out);
            out.put_u64_le(vote.nonce);
            out.put_u32_le(0);
        }
        Message::VoteReply(reply) => {
            out.put_u64_le(reply.asked.0);
            out.put_u64_le(reply.nonce);
            put_refusal(reply.refused, out);
        }
        Message::Append(append) => {
            put_log_id(append.prev, out);
            out.put_u64_le(append.commit.0);
            out.put_u32_le(append.generation);
        }
        Message::AppendReply(reply) => {
            out.put_u32_le(reply.generation);
            out.put_u32_le(0);
            let (index, hint) = match reply.outcome {
                AppendOutcome::Ack { index } => (index, LogId::ZERO),
                AppendOutcome::Reject { rejected, hint } => (rejected, hint),
            };
            out.put_u64_le(index.0);
            put_log_id(hint, out);
        }
        Message::Heartbeat(heartbeat) => {
            out.put_u64_le(heartbeat.commit.0);
            out.put_u64_le(heartbeat.read_seq);
            out.put_u32_le(heartbeat.generation);
            out.put_u32_le(heartbeat.orders_void);
        }
        Message::HeartbeatReply(reply) => {
            out.put_u64_le(reply.read_seq);
            out.put_u32_le(reply.generation);
            out.put_u64_le(reply.last.0);
            out.put_u64_le(reply.commit.0);
        }
        Message::TimeoutNow(order) => {
            put_log_id(order.last, out);
            out.put_u32_le(order.order);
        }
        Message::ReadIndex(read) => out.put_u64_le(read.request),
        Message::ReadIndexReply(reply) => {
            out.put_u64_le(reply.request);
            out.put_u64_le(reply.index.unwrap_or_default().0);
        }
        Message::Hello(hello) => out.put_u64_le(hello.incarnation),
        Message::HelloReply(reply) => {
            out.put_u64_le(reply.incarnation);
            out.put_u64_le(reply.end.0);
        }
        Message::Snapshot(chunk) => put_chunk(chunk, out),
        Message::SnapshotReply(reply) => put_snapshot_reply(reply, out),
    }
}

fn put_snapshot_reply(reply: &SnapshotReply, out: &mut BytesMut) {
    let number = match reply.outcome {
        SnapshotOutcome::Next { offset } => offset,
        SnapshotOutcome::Installed { index } => index.0,
        SnapshotOutcome::Failed => 0,
    };
    put_log_id(reply.snapshot.last, out);
    out.put_u64_le(reply.snapshot.size_bytes);
    out.put_u64_le(reply.snapshot.digest);
    out.put_u64_le(reply.offset);
    out.put_u32_le(reply.generation);
    out.put_u32_le(0);
    out.put_u64_le(number);
}

/// Everything of a chunk but its bytes, which follow.
fn put_chunk(chunk: &Snapshot, out: &mut BytesMut) {
    let meta = &chunk.meta;
    put_log_id(meta.last, out);
    out.put_u64_le(meta.config_index.0);
    out.put_u64_le(meta.size_bytes);
    out.put_u64_le(meta.digest);
    out.put_u64_le(meta.log_bytes);
    out.put_u32_le(meta.link);
    out.put_u64_le(chunk.offset);
    out.put_u32_le(chunk.length);
    out.put_u32_le(chunk.generation);
    out.put_u32_le(u32::try_from(members_bytes(&meta.config)).expect("configurations are far below 4 GiB"));
    encode_members(&meta.config, out);
}

/// Reads what `put_chunk` wrote.
fn take_chunk(fields: &mut &[u8]) -> Result<Snapshot, PeerError> {
    let mut meta = SnapshotMeta {
        last: take_log_id(fields)?,
        config_index: Index(fields.try_get_u64_le()?),
        size_bytes: fields.try_get_u64_le()?,
        digest: fields.try_get_u64_le()?,
        log_bytes: fields.try_get_u64_le()?,
        link: fields.try_get_u32_le()?,
        ..SnapshotMeta::default()
    };
    let offset = fields.try_get_u64_le()?;
    let length = fields.try_get_u32_le()?;
    let generation = fields.try_get_u32_le()?;
    let config_length = fields.try_get_u32_le()? as usize;
    let (config, rest) = fields.split_at_checked(config_length).ok_or(PeerError::Short)?;
    let config = decode_members(config).map_err(|source| PeerError::SnapshotConfig { last: meta.last, source })?;
    meta.config = Arc::new(config);
    *fields = rest;
    Ok(Snapshot { meta, offset, length, generation })
}

fn take_snapshot_reply(flag: u8, fields: &mut &[u8]) -> Result<SnapshotReply, PeerError> {
    let snapshot = SnapshotId {
        last: take_log_id(fields)?,
        size_bytes: fields.try_get_u64_le()?,
        digest: fields.try_get_u64_le()?,
    };
    let offset = fields.try_get_u64_le()?;
    let generation = fields.try_get_u32_le()?;
    take_zero(fields)?;
    let number = fields.try_get_u64_le()?;
    let outcome = match flag {
        FLAG_INSTALLED => SnapshotOutcome::Installed { index: Index(number) },
        FLAG_FAILED if number == 0 => SnapshotOutcome::Failed,
        FLAG_FAILED => return Err(PeerError::Field { field: "index", value: number }),
        _ => SnapshotOutcome::Next { offset: number },
    };
    Ok(SnapshotReply { snapshot, offset, generation, outcome })
}

/// Reads the fields of one type; an append's entries are left empty.
fn take_fields(code: u8, flag: u8, fields: &mut &[u8]) -> Result<Message, PeerError> {
    let message = match code {
        1 => {
            let vote = Vote {
                pre: flag & FLAG_PRE != 0,
                force: flag & FLAG_FORCE != 0,
                asked: take_term(fields)?,
                last: take_log_id(fields)?,
                nonce: fields.try_get_u64_le()?,
            };
            take_zero(fields)?;
            Message::Vote(vote)
        }
        2 => Message::VoteReply(VoteReply {
            pre: flag & FLAG_PRE != 0,
            asked: take_term(fields)?,
            nonce: fields.try_get_u64_le()?,
            refused: take_refusal(fields)?,
        }),
        3 => {
            let prev = take_log_id(fields)?;
            if prev.index.0 == u64::MAX {
                return Err(PeerError::Field { field: "prev index", value: prev.index.0 });
            }
            let commit = Index(fields.try_get_u64_le()?);
            let generation = fields.try_get_u32_le()?;
            let news_only = flag & FLAG_NEWS_ONLY != 0;
            Message::Append(Append { prev, entries: Shape::empty(prev.index.next()), commit, generation, news_only })
        }
        4 => Message::AppendReply(take_append_reply(flag, fields)?),
        5 => Message::Heartbeat(Heartbeat {
            commit: Index(fields.try_get_u64_le()?),
            read_seq: fields.try_get_u64_le()?,
            generation: fields.try_get_u32_le()?,
            orders_void: fields.try_get_u32_le()?,
        }),
        6 => Message::HeartbeatReply(HeartbeatReply {
            read_seq: fields.try_get_u64_le()?,
            generation: fields.try_get_u32_le()?,
            last: Index(fields.try_get_u64_le()?),
            commit: Index(fields.try_get_u64_le()?),
        }),
        7 => Message::TimeoutNow(TimeoutNow { last: take_log_id(fields)?, order: fields.try_get_u32_le()? }),
        8 => Message::ReadIndex(ReadIndex { request: fields.try_get_u64_le()? }),
        9 => {
            let request = fields.try_get_u64_le()?;
            let index = Index(fields.try_get_u64_le()?);
            Message::ReadIndexReply(ReadIndexReply { request, index: (flag & FLAG_INDEX != 0).then_some(index) })
        }
        10 => Message::Hello(Hello { incarnation: fields.try_get_u64_le()? }),
        11 => {
            let incarnation = fields.try_get_u64_le()?;
            Message::HelloReply(HelloReply { incarnation, end: Index(fields.try_get_u64_le()?) })
        }
        12 => Message::Snapshot(take_chunk(fields)?),
        13 => Message::SnapshotReply(take_snapshot_reply(flag, fields)?),
        unknown => return Err(PeerError::UnknownType(unknown)),
    };
    // One spelling per message: flags that the type does not have, or does not use, are refused.
    match self::flag(&message) == flag {
        true => Ok(message),
        false => Err(PeerError::Field { field: "flag", value: u64::from(flag) }),
    }
}

fn take_append_reply(flag: u8, fields: &mut &[u8]) -> Result<AppendReply, PeerError> {
    let generation = fields.try_get_u32_le()?;
    take_zero(fields)?;
    let index = Index(fields.try_get_u64_le()?);
    let hint = take_log_id(fields)?;
    let outcome = match flag & FLAG_REJECT {
        0 => AppendOutcome::Ack { index },
        _ => AppendOutcome::Reject { rejected: index, hint },
    };
    Ok(AppendReply { generation, outcome })
}

fn put_log_id(id: LogId, out: &mut BytesMut) {
    out.put_u64_le(id.index.0);
    out.put_u64_le(id.term.0);
}

fn take_log_id(fields: &mut &[u8]) -> Result<LogId, PeerError> {
    Ok(LogId { index: Index(fields.try_get_u64_le()?), term: take_term(fields)? })
}

fn take_term(fields: &mut &[u8]) -> Result<Term, PeerError> {
    let term = Term(fields.try_get_u64_le()?);
    if term > Term::MAX {
        return Err(PeerError::Field { field: "term", value: term.0 });
    }
    Ok(term)
}

fn take_zero(fields: &mut &[u8]) -> Result<(), PeerError> {
    match fields.try_get_u32_le()? {
        0 => Ok(()),
        value => Err(PeerError::Field { field: "reserved", value: u64::from(value) }),
    }
}

fn put_refusal(refused: Option<VoteRefusal>, out: &mut BytesMut) {
    let (code, first, second) = match refused {
        None => (0, 0, 0),
        Some(VoteRefusal::StaleTerm) => (1, 0, 0),
        Some(VoteRefusal::LogBehind { mine }) => (2, mine.index.0, mine.term.0),
        Some(VoteRefusal::AlreadyVoted { to }) => (3, to.0, 0),
        Some(VoteRefusal::LeaderKnown { leader }) => (4, leader.0, 0),
        Some(VoteRefusal::LeaderAlive { leader }) => (5, leader.0, 0),
        Some(VoteRefusal::MayBeBound) => (6, 0, 0),
        Some(VoteRefusal::Recovering) => (7, 0, 0),
    };
    out.put_u32_le(code);
    out.put_u64_le(first);
    out.put_u64_le(second);
}

fn take_refusal(fields: &mut &[u8]) -> Result<Option<VoteRefusal>, PeerError> {
    let code = fields.try_get_u32_le()?;
    let first = fields.try_get_u64_le()?;
    let second = fields.try_get_u64_le()?;
    Ok(match code {
        0 => None,
        1 => Some(VoteRefusal::StaleTerm),
        2 => Some(VoteRefusal::LogBehind { mine: LogId::new(first, second) }),
        3 => Some(VoteRefusal::AlreadyVoted { to: NodeId(first) }),
        4 => Some(VoteRefusal::LeaderKnown { leader: NodeId(first) }),
        5 => Some(VoteRefusal::LeaderAlive { leader: NodeId(first) }),
        6 => Some(VoteRefusal::MayBeBound),
        7 => Some(VoteRefusal::Recovering),
        value => return Err(PeerError::Field { field: "refusal", value: u64::from(value) }),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::entry::encode_config;
    use crate::codec::frame::split_frame;
    use crate::codec::record::{LINK_ORIGIN, append_record};
    use crate::codec::settings::Settings;
    use crate::raft::{Config, Member};

    fn member(id: u64) -> Member {
        Member {
            id: NodeId(id),
            name: format!("n{id}"),
            address: format!("127.0.0.1:{}", 7400 + id),
            storage: StorageId(u128::from(id) << 64),
        }
    }

    fn records() -> Bytes {
        let mut out = BytesMut::new();
        let config = Config::of(vec![member(1), member(2)], Vec::new());
        let link = append_record(&mut out, LINK_ORIGIN, Kind::Config, LogId::new(5, 2), 9, |out| {
            encode_config(&config, &Settings::default(), out);
        });
        let link = append_record(&mut out, link, Kind::Noop, LogId::new(6, 3), 10, |_| {});
        append_record(&mut out, link, Kind::Command, LogId::new(7, 3), 11, |out| out.put_slice(b"payload"));
        out.freeze()
    }

    fn envelope(message: Message) -> PeerMessage {
        PeerMessage {
            envelope: Envelope {
                from: NodeId(1),
                to: NodeId(2),
                to_storage: StorageId(77 << 70),
                term: Term(3),
                message,
            },
            records: Vec::new(),
            bulk: false,
        }
    }

    fn append_message(records: Bytes) -> PeerMessage {
        let prev = LogId::new(4, 2);
        let entries = read_records(prev, Term(3), &records).unwrap();
        let mut message =
            envelope(Message::Append(Append { prev, entries, commit: Index(4), generation: 8, news_only: false }));
        message.records = vec![records];
        message
    }

    fn samples() -> Vec<PeerMessage> {
        let refusals = [
            None,
            Some(VoteRefusal::StaleTerm),
            Some(VoteRefusal::LogBehind { mine: LogId::new(8, 2) }),
            Some(VoteRefusal::AlreadyVoted { to: NodeId(4) }),
            Some(VoteRefusal::LeaderKnown { leader: NodeId(5) }),
            Some(VoteRefusal::LeaderAlive { leader: NodeId(6) }),
            Some(VoteRefusal::MayBeBound),
            Some(VoteRefusal::Recovering),
        ];
        let mut all: Vec<PeerMessage> = refusals
            .into_iter()
            .map(|refused| envelope(Message::VoteReply(VoteReply { pre: true, asked: Term(4), nonce: 12, refused })))
            .collect();
        let vote = Vote { pre: false, asked: Term(3), last: LogId::new(9, 2), force: true, nonce: 13 };
        all.push(envelope(Message::Vote(vote.clone())));
        all.push(envelope(Message::Vote(Vote { pre: true, force: false, ..vote })));
        let ack = AppendOutcome::Ack { index: Index(7) };
        let reject = AppendOutcome::Reject { rejected: Index(4), hint: LogId::new(2, 1) };
        for outcome in [ack, reject] {
            all.push(envelope(Message::AppendReply(AppendReply { generation: 3, outcome })));
        }
        let beat = Heartbeat { commit: Index(4), read_seq: 5, generation: 6, orders_void: 7 };
        all.push(envelope(Message::Heartbeat(beat)));
        let (last, commit) = (Index(7), Index(4));
        all.push(envelope(Message::HeartbeatReply(HeartbeatReply { read_seq: 5, generation: 6, last, commit })));
        all.push(envelope(Message::TimeoutNow(TimeoutNow { last: LogId::new(7, 3), order: 9 })));
        all.push(envelope(Message::ReadIndex(ReadIndex { request: 99 })));
        all.push(envelope(Message::Hello(Hello { incarnation: 1 << 60 })));
        all.push(envelope(Message::HelloReply(HelloReply { incarnation: 1 << 60, end: Index(7) })));
        for index in [None, Some(Index(7))] {
            all.push(envelope(Message::ReadIndexReply(ReadIndexReply { request: 99, index })));
        }
        let prev = LogId::new(4, 2);
        let entries = Shape::empty(Index(5));
        all.push(envelope(Message::Append(Append {
            prev,
            entries,
            commit: Index(4),
            generation: 8,
            news_only: false,
        })));
        all.push(append_message(records()));
        all.push(chunk_message(Bytes::from_static(b"bytes of a snapshot")));
        let outcomes = [
            SnapshotOutcome::Next { offset: 512 },
            SnapshotOutcome::Installed { index: Index(40) },
            SnapshotOutcome::Failed,
        ];
        for outcome in outcomes {
            let snapshot = SnapshotId { last: LogId::new(40, 3), size_bytes: 1_000, digest: 0xd00d };
            let reply = SnapshotReply { snapshot, offset: 256, generation: 3, outcome };
            all.push(envelope(Message::SnapshotReply(reply)));
        }
        all
    }

    fn chunk_message(bytes: Bytes) -> PeerMessage {
        let meta = SnapshotMeta {
            last: LogId::new(40, 3),
            config: Arc::new(Config::of(vec![member(1), member(2)], vec![NodeId(2)])),
            config_index: Index(17),
            size_bytes: 1_000,
            digest: 0xd1ce_d1ce_d1ce_d1ce,
            link: 0xfeed,
            log_bytes: 4_000,
        };
        let length = u32::try_from(bytes.len()).unwrap();
        let mut message = envelope(Message::Snapshot(Snapshot { meta, offset: 256, length, generation: 8 }));
        message.records = vec![bytes];
        message
    }

    fn encode_whole(message: &PeerMessage) -> BytesMut {
        let mut chunks = Chunks::default();
        encode(message.clone(), &mut chunks);
        let mut out = Vec::new();
        chunks.drain_into(&mut out);
        out.concat().as_slice().into()
    }

    fn body_of(message: &PeerMessage) -> Bytes {
        let mut stream = encode_whole(message);
        let body = split_frame(&mut stream, PEER_FRAME_BYTES_MAX).unwrap().expect("the frame is whole");
        assert!(stream.is_empty(), "a message is exactly one frame");
        body
    }

    #[test]
    fn every_message_reads_back_as_it_was_sent() {
        for message in samples() {
            assert_eq!(encode_whole(&message).len(), encoded_bytes(&message));
            assert_eq!(decode(body_of(&message)), Ok(message));
        }
    }

    #[test]
    fn the_shape_is_derived_from_the_records() {
        let Message::Append(append) = decode(body_of(&append_message(records()))).unwrap().envelope.message else {
            panic!("an append stays an append");
        };
        assert_eq!(append.entries.first, Index(5));
        assert_eq!(append.entries.terms, [(Term(2), 1), (Term(3), 2)]);
        assert_eq!(append.entries.bytes(), records().len() as u64);
        assert_eq!(append.entries.configs.len(), 1);
        assert_eq!(append.entries.configs[0].1.voters, [NodeId(1), NodeId(2)]);
    }

    #[test]
    fn records_are_sent_by_reference_and_small_messages_fit_a_datagram() {
        let records = records();
        let mut chunks = Chunks::default();
        encode(append_message(records.clone()), &mut chunks);
        let mut out = Vec::new();
        chunks.drain_into(&mut out);
        assert_eq!(out.last().expect("there is a record chunk").as_ptr(), records.as_ptr());
        for message in samples().iter().filter(|message| message.records.is_empty()) {
            assert!(encoded_bytes(message) <= 200, "{message:?}");
        }
    }

    #[test]
    fn every_prefix_is_refused() {
        for message in samples() {
            let body = body_of(&message);
            // An append cut exactly between two records is a shorter append: the frame's length guards against that.
            let mut whole: Vec<usize> = Vec::new();
            if let Message::Append(append) = &message.envelope.message {
                let head = body.len() - append.entries.bytes() as usize;
                whole = append
                    .entries
                    .lengths
                    .iter()
                    .scan(head, |at, n| Some(std::mem::replace(at, *at + *n as usize)))
                    .collect();
            }
            for length in (0..body.len()).filter(|length| !whole.contains(length)) {
                assert!(decode(body.slice(..length)).is_err(), "{length} bytes of {message:?}");
            }
        }
    }

    #[test]
    fn every_flipped_bit_in_a_record_is_noticed() {
        let message = append_message(records());
        let body = body_of(&message);
        let head = body.len() - records().len();
        for bit in head * 8..body.len() * 8 {
            let mut damaged = body.to_vec();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(damaged.into()).is_err(), "bit {bit} went unnoticed");
        }
    }

    #[test]
    fn records_that_do_not_follow_each_other_are_refused() {
        let one = |link: u32, id: LogId| {
            let mut out = BytesMut::new();
            let check = append_record(&mut out, link, Kind::Noop, id, 0, |_| {});
            (out, check)
        };
        let (first, check) = one(1, LogId::new(5, 2));
        let follow = |link: u32, id: LogId, sender: u64| {
            let mut bytes = first.clone();
            bytes.extend_from_slice(&one(link, id).0);
            read_records(LogId::new(4, 2), Term(sender), &bytes).map(|shape| shape.len())
        };
        let after = LogId::new(5, 2);
        assert_eq!(follow(check, LogId::new(6, 2), 3), Ok(2));
        let found = LogId::new(6, 2);
        assert_eq!(follow(check ^ 1, found, 3), Err(PeerError::Link { found }));
        for found in [LogId::new(7, 2), LogId::new(5, 2), LogId::new(6, 1)] {
            assert_eq!(follow(check, found, 3), Err(PeerError::Sequence { after, found }));
        }
        let found = LogId::new(6, 4);
        assert_eq!(follow(check, found, 3), Err(PeerError::TermAhead { found, term: Term(3) }));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = decode(bytes.into());
        }

        #[test]
        fn half_valid_messages_never_panic(which in 0usize..32, at in any::<usize>(), byte in any::<u8>()) {
            let samples = samples();
            let mut body = body_of(&samples[which % samples.len()]).to_vec();
            let at = at % body.len();
            body[at] = byte;
            if let Ok(message) = decode(body.into()) {
                prop_assert_eq!(decode(body_of(&message)), Ok(message));
            }
        }
    }
}
