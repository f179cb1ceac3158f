//! What a caller of the client may be told instead of an answer, sorted by what it must believe about its request.
//!
//! The one distinction that matters: `Unknown` means the write may or may not take effect, now or later; everything
//! else means it certainly did not and will not.

use std::sync::Arc;
use std::time::Duration;

use crate::transport::DialError;

/// Why a request has no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClientError {
    /// Nothing was applied and nothing will be: safe to try again. Reads that ran out of time end here too.
    #[error("{0}")]
    Unavailable(#[source] Cause),
    /// The write left, and no answer will ever tell what became of it (R106): it had no session, or its time was over,
    /// or its session ended before an answer came (R111).
    #[error("the outcome is unknown: {0}")]
    Unknown(#[source] Cause),
    /// One session after another ended before it took this write. Nothing was applied and nothing will be.
    #[error("the session has ended before it took the write")]
    SessionExpired,
    /// No member accepts this client's certificate, or none is the node it should be. Nothing was applied.
    #[error("no member accepts this client: {0}")]
    Denied(#[source] Cause),
    #[error("the key has {size_bytes} bytes; at most {limit_bytes} are accepted")]
    KeyTooLarge { size_bytes: u64, limit_bytes: u64 },
    #[error("the value has {size_bytes} bytes; at most {limit_bytes} are accepted")]
    ValueTooLarge { size_bytes: u64, limit_bytes: u64 },
    /// What is asked for is kept no more: changes of `oldest` and later revisions are.
    #[error("only changes from revision {oldest} on are kept")]
    Compacted { oldest: u64 },
    /// The node did not understand the request, or the request makes no sense. Nothing was applied.
    #[error("{because}")]
    Invalid { because: String },
}

/// What happened last to a request that has no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Cause {
    #[error("no member says that it leads the cluster")]
    NoLeader,
    #[error("its time was over before it was sent to anyone")]
    TooLate,
    #[error("no answer from {node} within {}", rounded(*waited))]
    Silent { node: String, waited: Duration },
    #[error("{node} cannot be reached: {source}")]
    Unreachable {
        node: String,
        #[source]
        source: Arc<DialError>,
    },
    #[error("the connection to {node} ended while the request was in flight: {because}")]
    ConnectionLost { node: String, because: String },
    #[error("{node} lost the leadership while the request was in flight")]
    LeadershipLost { node: String },
    #[error("{node} has too much waiting")]
    Busy { node: String },
    #[error("the disk of {node}, which leads the cluster, is nearly full")]
    DiskFull { node: String },
    #[error("{node} does not lead the cluster, and the client is pinned to it")]
    PinnedToFollower { node: String },
    #[error("{node} refuses for the moment: {because}")]
    Refused { node: String, because: String },
    #[error("{node} is not a member that this client knows")]
    NoSuchNode { node: String },
    #[error("the cluster keeps no answer for this write any more")]
    Discarded,
    #[error("the session ended before an answer came")]
    SessionExpired,
    #[error("an answer to the first attempt never came, and to the last one it was that {because}")]
    RefusedLater { because: String },
    #[error("the request was cancelled")]
    Cancelled,
    #[error("the client was stopped")]
    Stopped,
}

/// To the millisecond: more says nothing.
fn rounded(time: Duration) -> String {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    format!("{:?}", Duration::from_millis(millis))
}

impl ClientError {
    /// True only if the request certainly had no effect and a repetition may succeed.
    pub fn may_retry(&self) -> bool {
        matches!(self, ClientError::Unavailable(_) | ClientError::SessionExpired)
    }

    /// What is left of this error when an earlier attempt of the same write may have been applied.
    pub(super) fn after_a_lost_attempt(self) -> ClientError {
        match self {
            ClientError::Unavailable(cause) | ClientError::Denied(cause) | ClientError::Unknown(cause) => {
                ClientError::Unknown(cause)
            }
            ClientError::SessionExpired => ClientError::Unknown(Cause::SessionExpired),
            ClientError::KeyTooLarge { .. }
            | ClientError::ValueTooLarge { .. }
            | ClientError::Compacted { .. }
            | ClientError::Invalid { .. } => ClientError::Unknown(Cause::RefusedLater { because: self.to_string() }),
        }
    }
}
