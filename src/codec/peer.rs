//! A message between nodes: what consensus says, and the record bytes that an append carries beside it.

use bytes::Bytes;

use crate::raft::Envelope;

/// What travels between two nodes. `records` are the entries of an `Append`, exactly as they lie in the sender's log;
/// on the wire they are the only copy, and the receiver derives the message's `Shape` from their headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerMessage {
    pub envelope: Envelope,
    pub records: Vec<Bytes>,
    /// Catch-up traffic that was read back from log files: it takes the bulk connection, so that it never delays
    /// heartbeats and live entries.
    pub bulk: bool,
}
