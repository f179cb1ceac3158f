//! One call at a time, for programs that do one thing after another. Whoever keeps many requests open uses `Client::submit`
//! and `Client::completions`.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::error::ClientError;
use super::pending::Aim;
use super::{Client, Reply};
use crate::api::{Answer, Ask, Consistency, Item, Query};
use crate::codec::entry::{SESSION_TAG_BYTES_MAX, encode_update, encoded_bytes_max};
use crate::raft::{Index, Term};
use crate::state_machine::{Outcome, Update};

/// A write that was applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// Index of its entry: the revision of what it changed.
    pub revision: Index,
    pub term: Term,
    /// What it gave; that a condition did not hold is an outcome, not an error.
    pub outcome: Outcome,
    /// Who answered.
    pub node: String,
}

/// What was read, and as of when.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// None: there is no such key.
    pub item: Option<Item>,
    /// Index as of which this is true. A later read with it as `at_least` never goes back.
    pub at: Index,
    pub node: String,
}

/// A write as `Ask::Write` carries it, with room for what makes it one of a session.
pub fn encode(update: &Update) -> Bytes {
    let mut out = BytesMut::with_capacity(encoded_bytes_max(update) + SESSION_TAG_BYTES_MAX);
    encode_update(update, &mut out);
    out.freeze()
}

impl Client {
    /// Writes, and waits at most `timeout` for the outcome. Nothing else may be open.
    ///
    /// # Errors
    /// What the caller must believe about the write; see `ClientError`. With a session it is `Unknown` only when the time
    /// was over, or the session ended, before an answer came.
    pub async fn write(&mut self, update: &Update, timeout: Duration) -> Result<Written, ClientError> {
        let Reply { answer, node } = self.call(Ask::Write(encode(update)), Aim::Leader, timeout).await?;
        match answer {
            Answer::Written { revision, term, outcome } => Ok(Written { revision, term, outcome, node }),
            _ => Err(strange("a write")),
        }
    }

    /// Reads one key, as of `at_least` or later. Nothing else may be open.
    ///
    /// # Errors
    /// No answer came within `timeout`, or the request was refused; reading again is always safe.
    pub async fn get(
        &mut self,
        key: impl Into<Vec<u8>>,
        consistency: Consistency,
        at_least: Index,
        timeout: Duration,
    ) -> Result<Read, ClientError> {
        let ask = Ask::Read { query: Query::Get { key: key.into() }, consistency, at_least };
        let aim = Aim::of(&ask);
        let Reply { answer, node } = self.call(ask, aim, timeout).await?;
        match answer {
            Answer::Value { item, at } => Ok(Read { item, at, node }),
            _ => Err(strange("a read")),
        }
    }
}

fn strange(what: &str) -> ClientError {
    ClientError::Invalid { because: format!("{what} was answered with something else") }
}
