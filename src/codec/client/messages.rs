//! The protobuf messages of requests and responses. Tags are the format: they are never changed or used again, and
//! `docs/wire.md` lists them. What the fields mean is said in `api`.

use bytes::Bytes;

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Empty {}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RequestMessage {
    #[prost(oneof = "AskMessage", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10")]
    pub(super) ask: Option<AskMessage>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum AskMessage {
    #[prost(bytes = "bytes", tag = "1")]
    Write(Bytes),
    #[prost(message, tag = "2")]
    Read(ReadMessage),
    #[prost(message, tag = "3")]
    Status(Empty),
    #[prost(message, tag = "4")]
    Transfer(TransferMessage),
    #[prost(message, tag = "5")]
    Cut(CutMessage),
    #[prost(message, tag = "6")]
    Heal(HealMessage),
    /// At least up to this entry.
    #[prost(uint64, tag = "7")]
    Snapshot(u64),
    #[prost(message, tag = "8")]
    SnapshotPart(PartMessage),
    #[prost(message, tag = "9")]
    Watch(WatchMessage),
    /// A write.
    #[prost(bytes = "bytes", tag = "10")]
    Traced(Bytes),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WatchMessage {
    #[prost(oneof = "WatchKeys", tags = "1, 2")]
    pub(super) keys: Option<WatchKeys>,
    #[prost(uint64, tag = "3")]
    pub(super) after: u64,
    #[prost(bool, tag = "4")]
    pub(super) previous: bool,
    #[prost(uint64, tag = "5")]
    pub(super) wait_ms: u64,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum WatchKeys {
    #[prost(bytes = "vec", tag = "1")]
    One(Vec<u8>),
    #[prost(bytes = "vec", tag = "2")]
    Prefix(Vec<u8>),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct PartMessage {
    #[prost(message, optional, tag = "1")]
    pub(super) snapshot: Option<SnapshotIdMessage>,
    #[prost(uint64, tag = "2")]
    pub(super) offset: u64,
    #[prost(uint32, tag = "3")]
    pub(super) length: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SnapshotIdMessage {
    #[prost(uint64, tag = "1")]
    pub(super) index: u64,
    #[prost(uint64, tag = "2")]
    pub(super) term: u64,
    #[prost(uint64, tag = "3")]
    pub(super) size_bytes: u64,
    #[prost(uint64, tag = "4")]
    pub(super) digest: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct LinksMessage {
    #[prost(uint64, repeated, tag = "1")]
    pub(super) from: Vec<u64>,
    #[prost(uint64, repeated, tag = "2")]
    pub(super) to: Vec<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CutMessage {
    #[prost(message, optional, tag = "1")]
    pub(super) links: Option<LinksMessage>,
    #[prost(uint64, optional, tag = "2")]
    pub(super) lasts_ms: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct HealMessage {
    /// None: all.
    #[prost(uint64, repeated, tag = "1")]
    pub(super) peers: Vec<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ReadMessage {
    #[prost(oneof = "QueryMessage", tags = "1, 2")]
    pub(super) query: Option<QueryMessage>,
    #[prost(enumeration = "ConsistencyCode", tag = "3")]
    pub(super) consistency: i32,
    #[prost(uint64, tag = "4")]
    pub(super) at_least: u64,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum QueryMessage {
    #[prost(bytes = "vec", tag = "1")]
    Get(Vec<u8>),
    #[prost(message, tag = "2")]
    Scan(ScanMessage),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ScanMessage {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) prefix: Vec<u8>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub(super) after: Option<Vec<u8>>,
    #[prost(uint32, tag = "3")]
    pub(super) limit: u32,
    #[prost(bool, tag = "4")]
    pub(super) keys_only: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(super) enum ConsistencyCode {
    Linearizable = 0,
    Stale = 1,
    Lease = 2,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct TransferMessage {
    /// Zero: the best voter.
    #[prost(uint64, tag = "1")]
    pub(super) to: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ResponseMessage {
    #[prost(oneof = "AnswerMessage", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11")]
    pub(super) answer: Option<AnswerMessage>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum AnswerMessage {
    #[prost(message, tag = "1")]
    Written(WrittenMessage),
    #[prost(message, tag = "2")]
    Value(ValueMessage),
    #[prost(message, tag = "3")]
    Items(ItemsMessage),
    #[prost(message, tag = "4")]
    Status(Box<StatusMessage>),
    #[prost(uint64, tag = "5")]
    Transferring(u64),
    #[prost(message, tag = "6")]
    Refused(RefusedMessage),
    #[prost(message, tag = "7")]
    Links(LinksMessage),
    #[prost(message, tag = "8")]
    Snapshot(SnapshotIdMessage),
    #[prost(bytes = "bytes", tag = "9")]
    SnapshotPart(Bytes),
    #[prost(message, tag = "10")]
    Changes(ChangesMessage),
    #[prost(message, tag = "11")]
    Traced(TracedMessage),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct TracedMessage {
    #[prost(message, optional, tag = "1")]
    pub(super) written: Option<WrittenMessage>,
    #[prost(message, optional, tag = "2")]
    pub(super) receipt: Option<ReceiptMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ReceiptMessage {
    #[prost(uint64, optional, tag = "1")]
    pub(super) durable_us: Option<u64>,
    #[prost(message, repeated, tag = "2")]
    pub(super) acknowledged: Vec<StageMessage>,
    #[prost(uint64, optional, tag = "3")]
    pub(super) committed_us: Option<u64>,
    #[prost(uint64, tag = "4")]
    pub(super) applied_us: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StageMessage {
    #[prost(string, tag = "1")]
    pub(super) node: String,
    #[prost(uint64, optional, tag = "2")]
    pub(super) after_us: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ChangesMessage {
    #[prost(message, repeated, tag = "1")]
    pub(super) changes: Vec<ChangeMessage>,
    #[prost(uint64, tag = "2")]
    pub(super) up_to: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ChangeMessage {
    #[prost(uint64, tag = "1")]
    pub(super) revision: u64,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) key: Vec<u8>,
    #[prost(message, optional, tag = "3")]
    pub(super) current: Option<StateMessage>,
    #[prost(message, optional, tag = "4")]
    pub(super) previous: Option<StateMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StateMessage {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) value: Vec<u8>,
    #[prost(uint64, tag = "2")]
    pub(super) revision: u64,
    #[prost(uint64, tag = "3")]
    pub(super) created: u64,
    #[prost(uint64, tag = "4")]
    pub(super) version: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WrittenMessage {
    #[prost(uint64, tag = "1")]
    pub(super) revision: u64,
    #[prost(uint64, tag = "2")]
    pub(super) term: u64,
    #[prost(message, optional, tag = "3")]
    pub(super) outcome: Option<OutcomeMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct OutcomeMessage {
    #[prost(oneof = "OutcomeKind", tags = "1, 2, 3, 4, 5, 6, 7, 8")]
    pub(super) what: Option<OutcomeKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum OutcomeKind {
    #[prost(message, tag = "1")]
    Written(Empty),
    #[prost(bool, tag = "2")]
    Deleted(bool),
    #[prost(sint64, tag = "3")]
    Incremented(i64),
    #[prost(message, tag = "4")]
    ConditionFailed(ConditionFailedMessage),
    #[prost(message, tag = "5")]
    Rejected(RejectedMessage),
    #[prost(message, tag = "6")]
    Transaction(TransactionMessage),
    #[prost(message, tag = "7")]
    TransactionRejected(TransactionRejectedMessage),
    #[prost(bool, tag = "8")]
    Leased(bool),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct TransactionMessage {
    #[prost(bool, tag = "1")]
    pub(super) otherwise: bool,
    #[prost(message, repeated, tag = "2")]
    pub(super) results: Vec<StepMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StepMessage {
    #[prost(oneof = "StepKind", tags = "1, 2")]
    pub(super) what: Option<StepKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum StepKind {
    /// What is there.
    #[prost(message, tag = "1")]
    Read(ConditionFailedMessage),
    #[prost(message, tag = "2")]
    Written(OutcomeMessage),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct TransactionRejectedMessage {
    #[prost(bool, tag = "1")]
    pub(super) otherwise: bool,
    #[prost(uint32, tag = "2")]
    pub(super) step: u32,
    #[prost(message, optional, tag = "3")]
    pub(super) because: Option<RejectedMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ConditionFailedMessage {
    #[prost(message, optional, tag = "1")]
    pub(super) current: Option<CurrentMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CurrentMessage {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) value: Vec<u8>,
    #[prost(uint64, tag = "2")]
    pub(super) revision: u64,
    #[prost(uint64, tag = "3")]
    pub(super) version: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RejectedMessage {
    #[prost(enumeration = "RejectionCode", tag = "1")]
    pub(super) code: i32,
    #[prost(uint64, tag = "2")]
    pub(super) size_bytes: u64,
    #[prost(uint64, tag = "3")]
    pub(super) limit_bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(super) enum RejectionCode {
    Unspecified = 0,
    NotANumber = 1,
    Overflow = 2,
    ValueTooLarge = 3,
    ResultTooLarge = 4,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ValueMessage {
    #[prost(message, optional, tag = "1")]
    pub(super) item: Option<ItemMessage>,
    #[prost(uint64, tag = "2")]
    pub(super) at: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ItemsMessage {
    #[prost(message, repeated, tag = "1")]
    pub(super) items: Vec<ItemMessage>,
    #[prost(bool, tag = "2")]
    pub(super) more: bool,
    #[prost(uint64, tag = "3")]
    pub(super) at: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ItemMessage {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) value: Vec<u8>,
    #[prost(uint64, tag = "3")]
    pub(super) revision: u64,
    #[prost(uint64, tag = "4")]
    pub(super) created: u64,
    #[prost(uint64, tag = "5")]
    pub(super) version: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RefusedMessage {
    #[prost(oneof = "RefusedKind", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11")]
    pub(super) why: Option<RefusedKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum RefusedKind {
    #[prost(message, tag = "1")]
    NotLeader(NotLeaderMessage),
    #[prost(message, tag = "2")]
    Busy(Empty),
    #[prost(string, tag = "3")]
    Unavailable(String),
    #[prost(message, tag = "4")]
    Unknown(Empty),
    #[prost(message, tag = "5")]
    KeyTooLarge(SizeMessage),
    #[prost(message, tag = "6")]
    ValueTooLarge(SizeMessage),
    #[prost(string, tag = "7")]
    Invalid(String),
    #[prost(message, tag = "8")]
    Discarded(Empty),
    /// The log time.
    #[prost(uint64, tag = "9")]
    SessionExpired(u64),
    #[prost(message, tag = "10")]
    DiskFull(Empty),
    /// The oldest revision that is kept.
    #[prost(uint64, tag = "11")]
    Compacted(u64),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct NotLeaderMessage {
    #[prost(message, optional, tag = "1")]
    pub(super) leader: Option<HintMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct HintMessage {
    #[prost(uint64, tag = "1")]
    pub(super) id: u64,
    #[prost(string, tag = "2")]
    pub(super) name: String,
    #[prost(string, tag = "3")]
    pub(super) address: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SizeMessage {
    #[prost(uint64, tag = "1")]
    pub(super) size_bytes: u64,
    #[prost(uint64, tag = "2")]
    pub(super) limit_bytes: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct DigestMessage {
    #[prost(uint64, tag = "1")]
    pub(super) at: u64,
    #[prost(string, tag = "2")]
    pub(super) text: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct MemberStatusMessage {
    #[prost(uint64, tag = "1")]
    pub(super) id: u64,
    #[prost(string, tag = "2")]
    pub(super) name: String,
    #[prost(string, tag = "3")]
    pub(super) address: String,
    #[prost(string, tag = "4")]
    pub(super) role: String,
    #[prost(uint64, optional, tag = "5")]
    pub(super) matched: Option<u64>,
    #[prost(uint64, optional, tag = "6")]
    pub(super) last_contact_ms: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StatusMessage {
    #[prost(string, tag = "1")]
    pub(super) cluster: String,
    #[prost(string, tag = "2")]
    pub(super) cluster_id: String,
    #[prost(string, tag = "3")]
    pub(super) name: String,
    #[prost(uint64, tag = "4")]
    pub(super) id: u64,
    #[prost(string, tag = "5")]
    pub(super) state: String,
    #[prost(uint64, tag = "6")]
    pub(super) term: u64,
    /// Zero: none known.
    #[prost(uint64, tag = "7")]
    pub(super) leader: u64,
    #[prost(uint64, tag = "8")]
    pub(super) durable: u64,
    #[prost(uint64, tag = "9")]
    pub(super) commit: u64,
    #[prost(uint64, tag = "10")]
    pub(super) applied: u64,
    #[prost(uint64, tag = "11")]
    pub(super) first: u64,
    #[prost(uint64, tag = "12")]
    pub(super) last: u64,
    #[prost(uint64, tag = "13")]
    pub(super) elections: u64,
    #[prost(uint64, tag = "14")]
    pub(super) config_index: u64,
    #[prost(message, repeated, tag = "15")]
    pub(super) members: Vec<MemberStatusMessage>,
    #[prost(bool, tag = "16")]
    pub(super) quorum_contact: bool,
    #[prost(uint32, tag = "17")]
    pub(super) pid: u32,
    #[prost(string, tag = "18")]
    pub(super) version: String,
    #[prost(string, tag = "19")]
    pub(super) started: String,
    #[prost(string, tag = "20")]
    pub(super) data_dir: String,
    #[prost(string, tag = "21")]
    pub(super) log_file: String,
    #[prost(double, optional, tag = "22")]
    pub(super) sync_p99_ms: Option<f64>,
    #[prost(uint64, optional, tag = "23")]
    pub(super) disk_free_bytes: Option<u64>,
    #[prost(string, optional, tag = "24")]
    pub(super) cert_expires: Option<String>,
    #[prost(message, optional, tag = "25")]
    pub(super) digest: Option<DigestMessage>,
    #[prost(uint64, tag = "26")]
    pub(super) election_timeout_ms: u64,
    #[prost(bool, tag = "27")]
    pub(super) unsafe_sync: bool,
    #[prost(uint64, tag = "28")]
    pub(super) refused_messages: u64,
    #[prost(uint64, tag = "29")]
    pub(super) log_time_ms: u64,
    #[prost(message, optional, tag = "30")]
    pub(super) cut: Option<LinksMessage>,
    #[prost(uint64, tag = "31")]
    pub(super) snapshot: u64,
    #[prost(string, optional, tag = "32")]
    pub(super) snapshot_time: Option<String>,
    #[prost(bool, tag = "33")]
    pub(super) disk_low: bool,
    #[prost(uint64, optional, tag = "34")]
    pub(super) lease_ms: Option<u64>,
}
