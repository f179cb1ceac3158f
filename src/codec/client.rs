//! Requests and responses between clients and nodes, as frames on one stream.
//!
//! ```text
//!  0        4        12
//!  | length |   id   | protobuf message …        numbers before the message are little-endian
//! ```
//!
//! The id stands in front of the message, so that a request that is too long or not understood can be answered, by
//! id, without its bytes being kept. Messages are protobuf: a later version may add fields and older ones read past
//! them. A write carries its command as the bytes that `entry::encode_command` made; they are not looked into here.

mod messages;

use core::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use messages::{
    AnswerMessage, AskMessage, ChangeMessage, ChangesMessage, ConditionFailedMessage, ConsistencyCode, CurrentMessage,
    CutMessage, DigestMessage, Empty, HealMessage, HintMessage, ItemMessage, ItemsMessage, LinksMessage,
    MemberStatusMessage, NotLeaderMessage, OutcomeKind, OutcomeMessage, PartMessage, QueryMessage, ReadMessage,
    ReceiptMessage, RefusedKind, RefusedMessage, RejectedMessage, RejectionCode, RequestMessage, ResponseMessage,
    ScanMessage, SizeMessage, SnapshotIdMessage, StageMessage, StateMessage, StatusMessage, StepKind, StepMessage,
    TracedMessage, TransactionMessage, TransactionRejectedMessage, TransferMessage, ValueMessage, WatchKeys,
    WatchMessage, WrittenMessage,
};
use prost::Message as _;

use super::frame::{FRAME_LENGTH_BYTES, FrameError, append_frame};
use crate::api::{
    Answer, Ask, Consistency, CutLinks, Hint, Item, KEY_SIZE_MAX, KeyChange, Keys, MemberStatus, NodeStatus, Query,
    Receipt, Refused, Request, Response, State,
};
use crate::raft::{Index, LogId, NodeId, SnapshotId, Term};
use crate::state_machine::{
    Branch, Current, Outcome, Rejection, StepOutcome, TransactionOutcome, TransactionRejection,
};

/// Longest response frame a client accepts, in bytes: far above a scan page and the largest value.
pub const RESPONSE_FRAME_BYTES_MAX: usize = 160 << 20;

/// Longest request whose bytes are read past, to refuse it with an answer; beyond, the connection is closed.
pub const REQUEST_SKIP_BYTES_MAX: u64 = 256 << 20;

/// Bytes of a request beside keys and values: lengths, tags, numbers.
const REQUEST_OVERHEAD_BYTES: u64 = 4 * 1024;

const ID_BYTES: usize = 8;

/// Longest request that is delivered, for a cluster's longest value: a compare-and-set carries two values.
pub fn request_bytes_max(max_value_size: u64) -> u64 {
    max_value_size.saturating_mul(2).saturating_add(KEY_SIZE_MAX as u64 + REQUEST_OVERHEAD_BYTES)
}

/// Why a message could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    #[error("{0}")]
    Frame(#[from] FrameError),
    #[error("response {id} cannot be read: {because}")]
    Response { id: u64, because: String },
}

/// What a frame from a client turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrived {
    Request(Request),
    /// To be answered with this at once; the request's bytes are gone.
    Refused {
        id: u64,
        because: Refused,
    },
}

/// Takes requests off a stream: keeps nothing but how much of an overlong one is still to be read past.
#[derive(Debug)]
pub struct RequestReader {
    limit_bytes: u64,
    max_value_size: u64,
    skip_bytes: u64,
}

impl RequestReader {
    pub fn new(max_value_size: u64) -> RequestReader {
        RequestReader { limit_bytes: request_bytes_max(max_value_size), max_value_size, skip_bytes: 0 }
    }

    /// The next request at the front of `buffer`; none when it has not arrived whole.
    pub fn next(&mut self, buffer: &mut BytesMut) -> Result<Option<Arrived>, FrameError> {
        self.skip(buffer);
        if self.skip_bytes > 0 {
            return Ok(None);
        }
        let mut head = &buffer[..];
        let Ok(length) = head.try_get_u32_le() else {
            return Ok(None);
        };
        let length_bytes = u64::from(length);
        if length_bytes < ID_BYTES as u64 {
            return Err(FrameError::TooShort { length_bytes });
        }
        if length_bytes > REQUEST_SKIP_BYTES_MAX {
            return Err(FrameError::TooLong { length_bytes, limit_bytes: self.limit_bytes });
        }
        let Ok(id) = head.try_get_u64_le() else {
            return Ok(None);
        };
        if length_bytes > self.limit_bytes {
            self.skip_bytes = FRAME_LENGTH_BYTES as u64 + length_bytes;
            self.skip(buffer);
            let because = Refused::ValueTooLarge { size_bytes: length_bytes, limit_bytes: self.max_value_size };
            return Ok(Some(Arrived::Refused { id, because }));
        }
        if head.len() + ID_BYTES < length as usize {
            return Ok(None);
        }
        buffer.advance(FRAME_LENGTH_BYTES + ID_BYTES);
        let body = buffer.split_to(length as usize - ID_BYTES).freeze();
        Ok(Some(match decode_ask(body) {
            Ok(ask) => Arrived::Request(Request { id, ask }),
            Err(because) => Arrived::Refused { id, because: Refused::Invalid { because } },
        }))
    }

    fn skip(&mut self, buffer: &mut BytesMut) {
        let now = usize::try_from(self.skip_bytes).unwrap_or(usize::MAX).min(buffer.len());
        buffer.advance(now);
        self.skip_bytes -= now as u64;
    }
}

/// Appends one request frame.
pub fn encode_request(request: Request, out: &mut BytesMut) {
    let ask = match request.ask {
        Ask::Write(command) => AskMessage::Write(command),
        Ask::Traced(command) => AskMessage::Traced(command),
        Ask::Read { query, consistency, at_least } => AskMessage::Read(ReadMessage {
            query: Some(match query {
                Query::Get { key } => QueryMessage::Get(key),
                Query::Scan { prefix, after, limit, keys_only } => {
                    QueryMessage::Scan(ScanMessage { prefix, after, limit, keys_only })
                }
            }),
            consistency: match consistency {
                Consistency::Linearizable => ConsistencyCode::Linearizable as i32,
                Consistency::Stale => ConsistencyCode::Stale as i32,
                Consistency::Lease => ConsistencyCode::Lease as i32,
            },
            at_least: at_least.0,
        }),
        Ask::Watch { keys, after, previous, wait } => AskMessage::Watch(WatchMessage {
            keys: Some(match keys {
                Keys::One(key) => WatchKeys::One(key),
                Keys::Prefix(prefix) => WatchKeys::Prefix(prefix),
            }),
            after: after.0,
            previous,
            wait_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
        }),
        Ask::Status => AskMessage::Status(Empty {}),
        Ask::Transfer { to } => AskMessage::Transfer(TransferMessage { to: to.map_or(0, |id| id.0) }),
        Ask::Cut { links, lasts } => AskMessage::Cut(CutMessage {
            links: Some(links_to_message(links)),
            lasts_ms: lasts.map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
        }),
        Ask::Snapshot { at_least } => AskMessage::Snapshot(at_least.0),
        Ask::SnapshotPart { snapshot, offset, length } => {
            AskMessage::SnapshotPart(PartMessage { snapshot: Some(snapshot_to_message(snapshot)), offset, length })
        }
        Ask::Heal { peers } => AskMessage::Heal(HealMessage { peers: peers.into_iter().map(|id| id.0).collect() }),
    };
    put_message(request.id, &RequestMessage { ask: Some(ask) }, out);
}

/// Appends one response frame.
pub fn encode_response(response: Response, out: &mut BytesMut) {
    let answer = match response.answer {
        Answer::Written { revision, term, outcome } => AnswerMessage::Written(WrittenMessage {
            revision: revision.0,
            term: term.0,
            outcome: Some(outcome_to_message(outcome)),
        }),
        Answer::Traced { revision, term, outcome, receipt } => AnswerMessage::Traced(TracedMessage {
            written: Some(WrittenMessage {
                revision: revision.0,
                term: term.0,
                outcome: Some(outcome_to_message(outcome)),
            }),
            receipt: Some(receipt_to_message(*receipt)),
        }),
        Answer::Value { item, at } => AnswerMessage::Value(ValueMessage { item: item.map(item_to_message), at: at.0 }),
        Answer::Items { items, more, at } => AnswerMessage::Items(ItemsMessage {
            items: items.into_iter().map(item_to_message).collect(),
            more,
            at: at.0,
        }),
        Answer::Changes { changes, up_to } => AnswerMessage::Changes(ChangesMessage {
            changes: changes.into_iter().map(change_to_message).collect(),
            up_to: up_to.0,
        }),
        Answer::Status(status) => AnswerMessage::Status(Box::new(status_to_message(*status))),
        Answer::Transferring { to } => AnswerMessage::Transferring(to.0),
        Answer::Links(links) => AnswerMessage::Links(links_to_message(links)),
        Answer::Snapshot(snapshot) => AnswerMessage::Snapshot(snapshot_to_message(snapshot)),
        Answer::SnapshotPart(bytes) => AnswerMessage::SnapshotPart(bytes),
        Answer::Refused(refused) => AnswerMessage::Refused(refused_to_message(refused)),
    };
    put_message(response.id, &ResponseMessage { answer: Some(answer) }, out);
}

/// Takes the next whole response off the front of `buffer`; none when it has not arrived yet.
pub fn split_response(buffer: &mut BytesMut) -> Result<Option<Response>, ClientError> {
    let Some(mut frame) = super::frame::split_frame(buffer, RESPONSE_FRAME_BYTES_MAX)? else {
        return Ok(None);
    };
    let length_bytes = frame.len() as u64;
    let id = frame.try_get_u64_le().map_err(|_| FrameError::TooShort { length_bytes })?;
    let answer = decode_answer(frame).map_err(|because| ClientError::Response { id, because })?;
    Ok(Some(Response { id, answer }))
}

fn put_message(id: u64, message: &impl prost::Message, out: &mut BytesMut) {
    append_frame(out, |out| {
        out.put_u64_le(id);
        message.encode(out).expect("a growing buffer has room");
    });
}

fn decode_ask(body: Bytes) -> Result<Ask, String> {
    let message = RequestMessage::decode(body).map_err(|error| error.to_string())?;
    let unknown = || "the request is not known to this version".to_owned();
    Ok(match message.ask.ok_or_else(unknown)? {
        AskMessage::Write(command) => Ask::Write(command),
        AskMessage::Traced(command) => Ask::Traced(command),
        AskMessage::Read(read) => Ask::Read {
            query: match read.query.ok_or_else(unknown)? {
                QueryMessage::Get(key) => Query::Get { key },
                QueryMessage::Scan(scan) => {
                    Query::Scan { prefix: scan.prefix, after: scan.after, limit: scan.limit, keys_only: scan.keys_only }
                }
            },
            consistency: match ConsistencyCode::try_from(read.consistency) {
                Ok(ConsistencyCode::Linearizable) => Consistency::Linearizable,
                Ok(ConsistencyCode::Stale) => Consistency::Stale,
                Ok(ConsistencyCode::Lease) => Consistency::Lease,
                Err(_) => return Err("the consistency is not known to this version".to_owned()),
            },
            at_least: Index(read.at_least),
        },
        AskMessage::Watch(watch) => Ask::Watch {
            keys: match watch.keys.ok_or_else(unknown)? {
                WatchKeys::One(key) => Keys::One(key),
                WatchKeys::Prefix(prefix) => Keys::Prefix(prefix),
            },
            after: Index(watch.after),
            previous: watch.previous,
            wait: Duration::from_millis(watch.wait_ms),
        },
        AskMessage::Status(Empty {}) => Ask::Status,
        AskMessage::Transfer(transfer) => Ask::Transfer { to: some_node(transfer.to) },
        AskMessage::Cut(cut) => Ask::Cut {
            links: links_from_message(cut.links.ok_or_else(unknown)?),
            lasts: cut.lasts_ms.map(Duration::from_millis),
        },
        AskMessage::Snapshot(at_least) => Ask::Snapshot { at_least: Index(at_least) },
        AskMessage::SnapshotPart(part) => Ask::SnapshotPart {
            snapshot: snapshot_from_message(&part.snapshot.ok_or_else(unknown)?),
            offset: part.offset,
            length: part.length,
        },
        AskMessage::Heal(heal) => Ask::Heal { peers: heal.peers.into_iter().map(NodeId).collect() },
    })
}

fn decode_answer(body: Bytes) -> Result<Answer, String> {
    let message = ResponseMessage::decode(body).map_err(|error| error.to_string())?;
    let unknown = || "the answer is not known to this version".to_owned();
    Ok(match message.answer.ok_or_else(unknown)? {
        AnswerMessage::Written(written) => Answer::Written {
            revision: Index(written.revision),
            term: Term(written.term),
            outcome: written.outcome.and_then(outcome_from_message).ok_or_else(unknown)?,
        },
        AnswerMessage::Traced(TracedMessage { written, receipt }) => {
            let written = written.ok_or_else(unknown)?;
            Answer::Traced {
                revision: Index(written.revision),
                term: Term(written.term),
                outcome: written.outcome.and_then(outcome_from_message).ok_or_else(unknown)?,
                receipt: Box::new(receipt_from_message(receipt.ok_or_else(unknown)?)),
            }
        }
        AnswerMessage::Value(value) => Answer::Value { item: value.item.map(item_from_message), at: Index(value.at) },
        AnswerMessage::Items(items) => Answer::Items {
            items: items.items.into_iter().map(item_from_message).collect(),
            more: items.more,
            at: Index(items.at),
        },
        AnswerMessage::Changes(ChangesMessage { changes, up_to }) => {
            Answer::Changes { changes: changes.into_iter().map(change_from_message).collect(), up_to: Index(up_to) }
        }
        AnswerMessage::Status(status) => Answer::Status(Box::new(status_from_message(*status))),
        AnswerMessage::Transferring(to) => Answer::Transferring { to: NodeId(to) },
        AnswerMessage::Links(links) => Answer::Links(links_from_message(links)),
        AnswerMessage::Snapshot(snapshot) => Answer::Snapshot(snapshot_from_message(&snapshot)),
        AnswerMessage::SnapshotPart(bytes) => Answer::SnapshotPart(bytes),
        AnswerMessage::Refused(refused) => Answer::Refused(refused_from_message(refused).ok_or_else(unknown)?),
    })
}

fn snapshot_to_message(snapshot: SnapshotId) -> SnapshotIdMessage {
    let SnapshotId { last, size_bytes, digest } = snapshot;
    SnapshotIdMessage { index: last.index.0, term: last.term.0, size_bytes, digest }
}

fn snapshot_from_message(message: &SnapshotIdMessage) -> SnapshotId {
    let SnapshotIdMessage { index, term, size_bytes, digest } = *message;
    SnapshotId { last: LogId::new(index, term), size_bytes, digest }
}

fn links_to_message(links: CutLinks) -> LinksMessage {
    let ids = |nodes: Vec<NodeId>| nodes.into_iter().map(|id| id.0).collect();
    LinksMessage { from: ids(links.from), to: ids(links.to) }
}

fn links_from_message(message: LinksMessage) -> CutLinks {
    let nodes = |ids: Vec<u64>| ids.into_iter().map(NodeId).collect();
    CutLinks { from: nodes(message.from), to: nodes(message.to) }
}

fn some_node(id: u64) -> Option<NodeId> {
    (id != 0).then_some(NodeId(id))
}

fn item_to_message(item: Item) -> ItemMessage {
    ItemMessage {
        key: item.key,
        value: item.value,
        revision: item.revision.0,
        created: item.created.0,
        version: item.version,
    }
}

fn item_from_message(message: ItemMessage) -> Item {
    Item {
        key: message.key,
        value: message.value,
        revision: Index(message.revision),
        created: Index(message.created),
        version: message.version,
    }
}

fn receipt_to_message(receipt: Receipt) -> ReceiptMessage {
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let stage = |(node, time): (String, Option<Duration>)| StageMessage { node, after_us: time.map(micros) };
    ReceiptMessage {
        durable_us: receipt.durable.map(micros),
        acknowledged: receipt.acknowledged.into_iter().map(stage).collect(),
        committed_us: receipt.committed.map(micros),
        applied_us: micros(receipt.applied),
    }
}

fn receipt_from_message(message: ReceiptMessage) -> Receipt {
    let stage = |stage: StageMessage| (stage.node, stage.after_us.map(Duration::from_micros));
    Receipt {
        durable: message.durable_us.map(Duration::from_micros),
        acknowledged: message.acknowledged.into_iter().map(stage).collect(),
        committed: message.committed_us.map(Duration::from_micros),
        applied: Duration::from_micros(message.applied_us),
    }
}

fn change_to_message(change: KeyChange) -> ChangeMessage {
    let KeyChange { revision, key, current, previous } = change;
    let state = |state: State| StateMessage {
        value: state.value,
        revision: state.revision.0,
        created: state.created.0,
        version: state.version,
    };
    ChangeMessage { revision: revision.0, key, current: current.map(state), previous: previous.map(state) }
}

fn change_from_message(message: ChangeMessage) -> KeyChange {
    let ChangeMessage { revision, key, current, previous } = message;
    let state = |state: StateMessage| State {
        value: state.value,
        revision: Index(state.revision),
        created: Index(state.created),
        version: state.version,
    };
    KeyChange { revision: Index(revision), key, current: current.map(state), previous: previous.map(state) }
}

fn outcome_to_message(outcome: Outcome) -> OutcomeMessage {
    let what = match outcome {
        Outcome::Written => OutcomeKind::Written(Empty {}),
        Outcome::Deleted { found } => OutcomeKind::Deleted(found),
        Outcome::Leased { found } => OutcomeKind::Leased(found),
        Outcome::Incremented { value } => OutcomeKind::Incremented(value),
        Outcome::ConditionFailed { current } => {
            OutcomeKind::ConditionFailed(ConditionFailedMessage { current: current.map(current_to_message) })
        }
        Outcome::Rejected { because } => OutcomeKind::Rejected(rejection_to_message(because)),
        Outcome::Transaction(transaction) => OutcomeKind::Transaction(TransactionMessage {
            otherwise: transaction.branch == Branch::Otherwise,
            results: transaction.results.into_iter().map(step_to_message).collect(),
        }),
        Outcome::TransactionRejected(TransactionRejection { branch, step, because }) => {
            OutcomeKind::TransactionRejected(TransactionRejectedMessage {
                otherwise: branch == Branch::Otherwise,
                step,
                because: Some(rejection_to_message(because)),
            })
        }
    };
    OutcomeMessage { what: Some(what) }
}

fn outcome_from_message(message: OutcomeMessage) -> Option<Outcome> {
    let branch = |otherwise: bool| if otherwise { Branch::Otherwise } else { Branch::Then };
    Some(match message.what? {
        OutcomeKind::Transaction(TransactionMessage { otherwise, results }) => {
            let results = results.into_iter().map(step_from_message).collect::<Option<Vec<_>>>()?;
            Outcome::Transaction(Box::new(TransactionOutcome { branch: branch(otherwise), results }))
        }
        OutcomeKind::TransactionRejected(TransactionRejectedMessage { otherwise, step, because }) => {
            let because = rejection_from_message(&because?)?;
            Outcome::TransactionRejected(TransactionRejection { branch: branch(otherwise), step, because })
        }
        plain => plain_outcome(plain)?,
    })
}

/// Any outcome but that of a transaction, which no step can have.
fn plain_outcome(what: OutcomeKind) -> Option<Outcome> {
    Some(match what {
        OutcomeKind::Written(Empty {}) => Outcome::Written,
        OutcomeKind::Deleted(found) => Outcome::Deleted { found },
        OutcomeKind::Leased(found) => Outcome::Leased { found },
        OutcomeKind::Incremented(value) => Outcome::Incremented { value },
        OutcomeKind::ConditionFailed(failed) => {
            Outcome::ConditionFailed { current: failed.current.map(current_from_message) }
        }
        OutcomeKind::Rejected(rejected) => Outcome::Rejected { because: rejection_from_message(&rejected)? },
        OutcomeKind::Transaction(_) | OutcomeKind::TransactionRejected(_) => return None,
    })
}

fn step_to_message(step: StepOutcome) -> StepMessage {
    let what = match step {
        StepOutcome::Read(current) => {
            StepKind::Read(ConditionFailedMessage { current: current.map(current_to_message) })
        }
        StepOutcome::Written(outcome) => StepKind::Written(outcome_to_message(outcome)),
    };
    StepMessage { what: Some(what) }
}

fn step_from_message(message: StepMessage) -> Option<StepOutcome> {
    Some(match message.what? {
        StepKind::Read(ConditionFailedMessage { current }) => StepOutcome::Read(current.map(current_from_message)),
        StepKind::Written(outcome) => StepOutcome::Written(plain_outcome(outcome.what?)?),
    })
}

fn current_to_message(current: Current) -> CurrentMessage {
    let Current { value, revision, version } = current;
    CurrentMessage { value, revision, version }
}

fn current_from_message(message: CurrentMessage) -> Current {
    let CurrentMessage { value, revision, version } = message;
    Current { value, revision, version }
}

fn rejection_to_message(because: Rejection) -> RejectedMessage {
    let plain = |code: RejectionCode| RejectedMessage { code: code as i32, ..RejectedMessage::default() };
    match because {
        Rejection::NotANumber => plain(RejectionCode::NotANumber),
        Rejection::Overflow => plain(RejectionCode::Overflow),
        Rejection::ValueTooLarge { size_bytes, limit_bytes } => {
            RejectedMessage { size_bytes, limit_bytes, ..plain(RejectionCode::ValueTooLarge) }
        }
        Rejection::ResultTooLarge { limit_bytes } => {
            RejectedMessage { limit_bytes, ..plain(RejectionCode::ResultTooLarge) }
        }
    }
}

fn rejection_from_message(message: &RejectedMessage) -> Option<Rejection> {
    let RejectedMessage { size_bytes, limit_bytes, .. } = *message;
    Some(match RejectionCode::try_from(message.code).ok()? {
        RejectionCode::Unspecified => return None,
        RejectionCode::NotANumber => Rejection::NotANumber,
        RejectionCode::Overflow => Rejection::Overflow,
        RejectionCode::ValueTooLarge => Rejection::ValueTooLarge { size_bytes, limit_bytes },
        RejectionCode::ResultTooLarge => Rejection::ResultTooLarge { limit_bytes },
    })
}

fn refused_to_message(refused: Refused) -> RefusedMessage {
    let why = match refused {
        Refused::NotLeader { leader } => RefusedKind::NotLeader(NotLeaderMessage {
            leader: leader.map(|hint| HintMessage { id: hint.id.0, name: hint.name, address: hint.address }),
        }),
        Refused::Busy => RefusedKind::Busy(Empty {}),
        Refused::Unavailable { because } => RefusedKind::Unavailable(because),
        Refused::Unknown => RefusedKind::Unknown(Empty {}),
        Refused::KeyTooLarge { size_bytes, limit_bytes } => {
            RefusedKind::KeyTooLarge(SizeMessage { size_bytes, limit_bytes })
        }
        Refused::ValueTooLarge { size_bytes, limit_bytes } => {
            RefusedKind::ValueTooLarge(SizeMessage { size_bytes, limit_bytes })
        }
        Refused::Invalid { because } => RefusedKind::Invalid(because),
        Refused::Discarded => RefusedKind::Discarded(Empty {}),
        Refused::DiskFull => RefusedKind::DiskFull(Empty {}),
        Refused::SessionExpired { log_time_ms } => RefusedKind::SessionExpired(log_time_ms),
        Refused::Compacted { oldest } => RefusedKind::Compacted(oldest.0),
    };
    RefusedMessage { why: Some(why) }
}

fn refused_from_message(message: RefusedMessage) -> Option<Refused> {
    Some(match message.why? {
        RefusedKind::NotLeader(refused) => Refused::NotLeader {
            leader: refused.leader.map(|hint| Hint { id: NodeId(hint.id), name: hint.name, address: hint.address }),
        },
        RefusedKind::Busy(Empty {}) => Refused::Busy,
        RefusedKind::Unavailable(because) => Refused::Unavailable { because },
        RefusedKind::Unknown(Empty {}) => Refused::Unknown,
        RefusedKind::KeyTooLarge(SizeMessage { size_bytes, limit_bytes }) => {
            Refused::KeyTooLarge { size_bytes, limit_bytes }
        }
        RefusedKind::ValueTooLarge(SizeMessage { size_bytes, limit_bytes }) => {
            Refused::ValueTooLarge { size_bytes, limit_bytes }
        }
        RefusedKind::Invalid(because) => Refused::Invalid { because },
        RefusedKind::Discarded(Empty {}) => Refused::Discarded,
        RefusedKind::DiskFull(Empty {}) => Refused::DiskFull,
        RefusedKind::SessionExpired(log_time_ms) => Refused::SessionExpired { log_time_ms },
        RefusedKind::Compacted(oldest) => Refused::Compacted { oldest: Index(oldest) },
    })
}

fn status_to_message(status: NodeStatus) -> StatusMessage {
    StatusMessage {
        cluster: status.cluster,
        cluster_id: status.cluster_id,
        name: status.name,
        id: status.id.0,
        state: status.state,
        term: status.term.0,
        leader: status.leader.map_or(0, |id| id.0),
        durable: status.durable.0,
        commit: status.commit.0,
        applied: status.applied.0,
        first: status.first.0,
        last: status.last.0,
        elections: status.elections,
        config_index: status.config_index.0,
        members: status.members.into_iter().map(member_to_message).collect(),
        quorum_contact: status.quorum_contact,
        pid: status.pid,
        version: status.version,
        started: status.started,
        data_dir: status.data_dir,
        log_file: status.log_file,
        sync_p99_ms: status.sync_p99_ms,
        disk_free_bytes: status.disk_free_bytes,
        cert_expires: status.cert_expires,
        digest: status.digest.map(|(at, text)| DigestMessage { at: at.0, text }),
        election_timeout_ms: status.election_timeout_ms,
        unsafe_sync: status.unsafe_sync,
        refused_messages: status.refused_messages,
        log_time_ms: status.log_time_ms,
        cut: (!status.cut.is_empty()).then(|| links_to_message(status.cut)),
        snapshot: status.snapshot.0,
        snapshot_time: status.snapshot_time,
        disk_low: status.disk_low,
        lease_ms: status.lease_ms,
    }
}

fn status_from_message(message: StatusMessage) -> NodeStatus {
    NodeStatus {
        cluster: message.cluster,
        cluster_id: message.cluster_id,
        name: message.name,
        id: NodeId(message.id),
        state: message.state,
        term: Term(message.term),
        leader: some_node(message.leader),
        durable: Index(message.durable),
        commit: Index(message.commit),
        applied: Index(message.applied),
        first: Index(message.first),
        last: Index(message.last),
        elections: message.elections,
        config_index: Index(message.config_index),
        members: message.members.into_iter().map(member_from_message).collect(),
        quorum_contact: message.quorum_contact,
        pid: message.pid,
        version: message.version,
        started: message.started,
        data_dir: message.data_dir,
        log_file: message.log_file,
        sync_p99_ms: message.sync_p99_ms,
        disk_free_bytes: message.disk_free_bytes,
        cert_expires: message.cert_expires,
        digest: message.digest.map(|digest| (Index(digest.at), digest.text)),
        election_timeout_ms: message.election_timeout_ms,
        unsafe_sync: message.unsafe_sync,
        refused_messages: message.refused_messages,
        log_time_ms: message.log_time_ms,
        cut: message.cut.map(links_from_message).unwrap_or_default(),
        snapshot: Index(message.snapshot),
        snapshot_time: message.snapshot_time,
        disk_low: message.disk_low,
        lease_ms: message.lease_ms,
    }
}

fn member_to_message(member: MemberStatus) -> MemberStatusMessage {
    MemberStatusMessage {
        id: member.id.0,
        name: member.name,
        address: member.address,
        role: member.role,
        matched: member.matched.map(|index| index.0),
        last_contact_ms: member.last_contact_ms,
    }
}

fn member_from_message(message: MemberStatusMessage) -> MemberStatus {
    MemberStatus {
        id: NodeId(message.id),
        name: message.name,
        address: message.address,
        role: message.role,
        matched: message.matched.map(Index),
        last_contact_ms: message.last_contact_ms,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn requests() -> Vec<Request> {
        let read = |query, consistency| Ask::Read { query, consistency, at_least: Index(7) };
        let asks = [
            Ask::Write(Bytes::from_static(b"\x08\x01")),
            Ask::Write(Bytes::new()),
            Ask::Traced(Bytes::from_static(b"\x08\x01")),
            read(Query::Get { key: Vec::new() }, Consistency::Linearizable),
            read(Query::Get { key: b"\xff\x00".to_vec() }, Consistency::Stale),
            read(Query::Get { key: b"k".to_vec() }, Consistency::Lease),
            read(
                Query::Scan { prefix: b"a".to_vec(), after: Some(Vec::new()), limit: 9, keys_only: true },
                Consistency::Stale,
            ),
            read(
                Query::Scan { prefix: Vec::new(), after: None, limit: 0, keys_only: false },
                Consistency::Linearizable,
            ),
            Ask::Watch {
                keys: Keys::One(b"k".to_vec()),
                after: Index(7),
                previous: true,
                wait: Duration::from_millis(1_500),
            },
            Ask::Watch { keys: Keys::Prefix(Vec::new()), after: Index(0), previous: false, wait: Duration::ZERO },
            Ask::Status,
            Ask::Transfer { to: None },
            Ask::Transfer { to: Some(NodeId(3)) },
            Ask::Cut { links: links(), lasts: None },
            Ask::Cut { links: CutLinks::default(), lasts: Some(Duration::from_millis(5_000)) },
            Ask::Heal { peers: Vec::new() },
            Ask::Heal { peers: vec![NodeId(2), NodeId(3)] },
        ];
        asks.into_iter().enumerate().map(|(id, ask)| Request { id: id as u64, ask }).collect()
    }

    fn links() -> CutLinks {
        CutLinks { from: vec![NodeId(1), NodeId(3)], to: vec![NodeId(3)] }
    }

    fn status() -> NodeStatus {
        NodeStatus {
            cluster: "demo".to_owned(),
            id: NodeId(2),
            leader: Some(NodeId(1)),
            applied: Index(9),
            members: vec![MemberStatus { id: NodeId(1), matched: Some(Index(0)), ..MemberStatus::default() }],
            sync_p99_ms: Some(0.5),
            disk_free_bytes: Some(0),
            cert_expires: Some("2027-01-01T00:00:00Z".to_owned()),
            digest: Some((Index(1_000), "abc".to_owned())),
            unsafe_sync: true,
            refused_messages: 4,
            cut: links(),
            snapshot: Index(8),
            snapshot_time: Some("2026-11-24T22:52:55Z".to_owned()),
            disk_low: true,
            lease_ms: Some(490),
            ..NodeStatus::default()
        }
    }

    fn outcomes() -> Vec<Outcome> {
        let current = Current { value: b"v".to_vec(), revision: 4, version: 2 };
        let too_large = Rejection::ValueTooLarge { size_bytes: 5, limit_bytes: 4 };
        vec![
            Outcome::Written,
            Outcome::Deleted { found: true },
            Outcome::Deleted { found: false },
            Outcome::Incremented { value: i64::MIN },
            Outcome::ConditionFailed { current: None },
            Outcome::ConditionFailed { current: Some(current.clone()) },
            Outcome::Rejected { because: Rejection::NotANumber },
            Outcome::Rejected { because: Rejection::Overflow },
            Outcome::Rejected { because: too_large },
            Outcome::Leased { found: true },
            Outcome::Leased { found: false },
            Outcome::TransactionRejected(TransactionRejection {
                branch: Branch::Otherwise,
                step: 3,
                because: Rejection::ResultTooLarge { limit_bytes: 9 },
            }),
            Outcome::Transaction(Box::new(TransactionOutcome { branch: Branch::Then, results: Vec::new() })),
            Outcome::Transaction(Box::new(TransactionOutcome {
                branch: Branch::Otherwise,
                results: vec![
                    StepOutcome::Read(None),
                    StepOutcome::Read(Some(current)),
                    StepOutcome::Written(Outcome::Incremented { value: 7 }),
                ],
            })),
        ]
    }

    fn responses() -> Vec<Response> {
        let item = Item { key: b"k".to_vec(), value: b"v".to_vec(), revision: Index(4), created: Index(3), version: 2 };
        let state = State { value: b"v".to_vec(), revision: Index(4), created: Index(3), version: 2 };
        let change = |current, previous| KeyChange { revision: Index(5), key: b"k".to_vec(), current, previous };
        let hint = Hint { id: NodeId(2), name: "n2".to_owned(), address: "127.0.0.1:7402".to_owned() };
        let refusals = [
            Refused::NotLeader { leader: None },
            Refused::NotLeader { leader: Some(hint) },
            Refused::Busy,
            Refused::DiskFull,
            Refused::Unavailable { because: "stopping".to_owned() },
            Refused::Unknown,
            Refused::KeyTooLarge { size_bytes: 2, limit_bytes: 1 },
            Refused::ValueTooLarge { size_bytes: 2, limit_bytes: 1 },
            Refused::Invalid { because: String::new() },
            Refused::Compacted { oldest: Index(7) },
        ];
        let mut answers: Vec<Answer> = outcomes()
            .into_iter()
            .map(|outcome| Answer::Written { revision: Index(4), term: Term(2), outcome })
            .collect();
        answers.extend(refusals.into_iter().map(Answer::Refused));
        let changes = vec![change(Some(state.clone()), None), change(None, Some(state))];
        answers.push(Answer::Changes { changes, up_to: Index(9) });
        answers.push(Answer::Changes { changes: Vec::new(), up_to: Index(0) });
        let micros = |micros| Some(Duration::from_micros(micros));
        let receipt = Box::new(Receipt {
            durable: micros(7),
            acknowledged: vec![("n2".to_owned(), micros(9)), ("n3".to_owned(), None)],
            committed: None,
            applied: Duration::ZERO,
        });
        let (revision, term, outcome) = (Index(4), Term(2), Outcome::Written);
        answers.push(Answer::Traced { revision, term, outcome, receipt });
        answers.push(Answer::Value { item: None, at: Index(1) });
        answers.push(Answer::Value { item: Some(item.clone()), at: Index(1) });
        answers.push(Answer::Items { items: vec![item.clone(), item], more: true, at: Index(1) });
        answers.push(Answer::Items { items: Vec::new(), more: false, at: Index(0) });
        answers.push(Answer::Status(Box::new(status())));
        answers.push(Answer::Status(Box::default()));
        answers.push(Answer::Transferring { to: NodeId(3) });
        answers.push(Answer::Links(links()));
        answers.push(Answer::Links(CutLinks::default()));
        answers.into_iter().enumerate().map(|(id, answer)| Response { id: id as u64, answer }).collect()
    }

    #[test]
    fn requests_read_back_as_they_were_sent_wherever_the_stream_is_cut() {
        let mut stream = BytesMut::new();
        for request in requests() {
            encode_request(request, &mut stream);
        }
        for cut in 0..=stream.len() {
            let mut reader = RequestReader::new(64);
            let mut found = Vec::new();
            let mut buffer = BytesMut::from(&stream[..cut]);
            while let Some(arrived) = reader.next(&mut buffer).unwrap() {
                found.push(arrived);
            }
            buffer.extend_from_slice(&stream[cut..]);
            while let Some(arrived) = reader.next(&mut buffer).unwrap() {
                found.push(arrived);
            }
            assert_eq!(found, requests().into_iter().map(Arrived::Request).collect::<Vec<_>>());
        }
    }

    #[test]
    fn responses_read_back_as_they_were_sent() {
        let mut stream = BytesMut::new();
        for response in responses() {
            encode_response(response, &mut stream);
        }
        for expected in responses() {
            assert_eq!(split_response(&mut stream), Ok(Some(expected)));
        }
        assert_eq!(split_response(&mut stream), Ok(None));
    }

    #[test]
    fn an_overlong_request_is_answered_and_read_past_without_being_kept() {
        let limit = request_bytes_max(64);
        let long = Request { id: 77, ask: Ask::Write(vec![1; limit as usize + 1].into()) };
        let after = Request { id: 78, ask: Ask::Status };
        let mut stream = BytesMut::new();
        encode_request(long, &mut stream);
        encode_request(after.clone(), &mut stream);
        let mut reader = RequestReader::new(64);
        let mut buffer = BytesMut::new();
        let mut found = Vec::new();
        let mut kept_most = 0;
        for piece in stream.chunks(1_000) {
            buffer.extend_from_slice(piece);
            while let Some(arrived) = reader.next(&mut buffer).unwrap() {
                found.push(arrived);
            }
            kept_most = kept_most.max(buffer.len());
        }
        assert!(kept_most < 100, "{kept_most} bytes were kept");
        let [Arrived::Refused { id: 77, because: Refused::ValueTooLarge { size_bytes, limit_bytes: 64 } }, second] =
            &found[..]
        else {
            panic!("{found:?}");
        };
        assert!(*size_bytes > limit);
        assert_eq!(second, &Arrived::Request(after));
    }

    #[test]
    fn a_request_of_a_later_version_is_refused_by_id() {
        let mut stream = BytesMut::new();
        // Field 15, length-delimited, empty: an ask that this version does not know.
        append_frame(&mut stream, |out| {
            out.put_u64_le(5);
            out.put_slice(&[0x7a, 0x00]);
        });
        let arrived = RequestReader::new(64).next(&mut stream).unwrap();
        assert!(matches!(arrived, Some(Arrived::Refused { id: 5, because: Refused::Invalid { .. } })), "{arrived:?}");
    }

    #[test]
    fn impossible_lengths_close_the_stream() {
        let mut short = BytesMut::from(&7u32.to_le_bytes()[..]);
        assert_eq!(RequestReader::new(64).next(&mut short), Err(FrameError::TooShort { length_bytes: 7 }));
        let mut long = BytesMut::from(&u32::MAX.to_le_bytes()[..]);
        assert!(matches!(RequestReader::new(64).next(&mut long), Err(FrameError::TooLong { .. })));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut framed = BytesMut::new();
            append_frame(&mut framed, |out| out.put_slice(&bytes));
            let _ = RequestReader::new(64).next(&mut framed);
            let mut raw = BytesMut::from(&bytes[..]);
            while let Ok(Some(_)) = RequestReader::new(64).next(&mut raw) {}
            let mut framed = BytesMut::new();
            append_frame(&mut framed, |out| out.put_slice(&bytes));
            let _ = split_response(&mut framed);
        }
    }
}
