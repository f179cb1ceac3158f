//! Following keys: what to ask next, so that no change is missed and none is told twice, whoever answers.
//!
//! A watcher remembers how far it was told. A node answers with what came after that or waits for it; where the answer
//! comes from does not matter, since every node keeps the same changes.

use std::time::{Duration, Instant};

use super::error::ClientError;
use super::{Aim, Call, Client, Completion};
use crate::api::{Answer, Ask, KeyChange, Keys};
use crate::raft::Index;

/// How long one question waits at a node for something to happen.
pub const WATCH_WAIT: Duration = Duration::from_secs(10);

/// How much later than that its answer may come.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// One set of keys and how far it was followed.
#[derive(Clone, Debug)]
pub struct Watcher {
    keys: Keys,
    after: Index,
    previous: bool,
}

impl Watcher {
    /// Follows `keys` from the changes after `after` on; `previous` asks also for what was there before each.
    pub fn new(keys: Keys, after: Index, previous: bool) -> Watcher {
        Watcher { keys, after, previous }
    }

    /// Everything up to here was told.
    pub fn told(&self) -> Index {
        self.after
    }

    /// The next question, as the call `token`. One at a time: the answer says where the one after it begins.
    pub fn call(&self, token: u64, now: Instant) -> Call {
        let Watcher { keys, after, previous } = self.clone();
        let ask = Ask::Watch { keys, after, previous, wait: WATCH_WAIT };
        Call { token, ask, aim: Aim::Anyone, deadline: now + WATCH_WAIT + ANSWER_WITHIN }
    }

    /// What the answer tells, oldest first; nothing when nothing has happened.
    ///
    /// # Errors
    /// The changes that come next are not kept any more (`ClientError::Compacted`), or the client's own errors; after one
    /// that may be retried the same question may be asked again.
    pub fn take(&mut self, completion: Completion) -> Result<Vec<KeyChange>, ClientError> {
        match completion.result?.answer {
            Answer::Changes { changes, up_to } => {
                self.after = self.after.max(up_to);
                Ok(changes)
            }
            _ => Err(ClientError::Invalid { because: "a watch was answered with something else".to_owned() }),
        }
    }
}

impl Client {
    /// Waits for the next changes that `watcher` follows; at least one. Nothing else may be open. Whoever
    /// drops it before it is done calls `abandon` before the next call; what was not given is asked for again.
    ///
    /// # Errors
    /// As `Watcher::take`; that no node answers for a while is no error, it goes on.
    pub async fn changes(&mut self, watcher: &mut Watcher) -> Result<Vec<KeyChange>, ClientError> {
        loop {
            let Call { ask, aim, .. } = watcher.call(0, Instant::now());
            let result = self.call(ask, aim, WATCH_WAIT + ANSWER_WITHIN).await;
            match watcher.take(Completion { token: 0, result }) {
                Ok(changes) if changes.is_empty() => {}
                Err(error) if error.may_retry() => {}
                told => return told,
            }
        }
    }
}
