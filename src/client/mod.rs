//! The client: finds the leader, follows it, and retries only what is safe.
//!
//! A write is sent again only when it certainly was not applied; one that was in flight on a lost connection, or at a
//! leader that lost its term, is `Unknown` and stays so (R106). Reads have no effect and are retried until their
//! deadline. Every call ends by its deadline, with exactly one completion.
//!
//! The logic lives in `Client::completions`, driven by whoever waits for answers; each connection has a small task
//! that only carries frames.

use std::time::{Duration, Instant};

use crate::api::{Answer, Ask, NodeStatus};
use crate::raft::{ClusterId, NodeId};
use crate::transport::{BindError, Identity};

mod error;
mod pending;

pub use error::{Cause, ClientError};
pub use pending::Aim;

/// A member as the client knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub id: NodeId,
    pub name: String,
    /// `host:port`.
    pub address: String,
}

/// What a client starts from.
pub struct ClientOptions {
    pub cluster: ClusterId,
    /// At least one member; more are learned.
    pub endpoints: Vec<Endpoint>,
    pub identity: Identity,
    /// Talk to this node only: no following of the leader.
    pub pinned: Option<NodeId>,
}

/// One request.
pub struct Call {
    /// Chosen by the caller, given back with the completion.
    pub token: u64,
    pub ask: Ask,
    pub aim: Aim,
    pub deadline: Instant,
}

/// An answer and who gave it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// Never `Answer::Refused`: refusals are errors.
    pub answer: Answer,
    /// Name of the node that answered.
    pub node: String,
}

#[derive(Clone, Debug)]
pub struct Completion {
    pub token: u64,
    pub result: Result<Reply, ClientError>,
}

/// A client of one cluster. Lives inside a tokio runtime; not shared between tasks.
pub struct Client {}

impl Client {
    /// # Errors
    /// No UDP port could be had, or the identity is unusable.
    pub fn start(_options: ClientOptions) -> Result<Client, BindError> {
        unimplemented!()
    }

    /// Takes calls over without waiting; the caller bounds how many it keeps open (`REQUESTS_OPEN_MAX` at most).
    pub fn submit(&mut self, _calls: impl IntoIterator<Item = Call>) {
        unimplemented!()
    }

    /// Number of calls that have no completion yet.
    pub fn open(&self) -> usize {
        unimplemented!()
    }

    /// Waits until at least one completion is there and appends all that are. Pending forever when nothing is open.
    /// May be dropped and called again without losing anything.
    pub async fn completions(&mut self, _into: &mut Vec<Completion>) {
        unimplemented!()
    }

    /// One call, alone: nothing else may be open.
    ///
    /// # Errors
    /// What the caller must believe about the request; see `ClientError`.
    pub async fn call(&mut self, _ask: Ask, _aim: Aim, _timeout: Duration) -> Result<Reply, ClientError> {
        unimplemented!()
    }

    /// Asks every known member for its status and waits at most `wait` for the silent ones. In order of their ids.
    pub async fn status_of_all(&mut self, _wait: Duration) -> Vec<(Endpoint, Result<NodeStatus, ClientError>)> {
        unimplemented!()
    }

    /// Gives up a call: a write that has left completes as unknown, everything else as unavailable.
    pub fn cancel(&mut self, _token: u64) {
        unimplemented!()
    }

    /// Closes all connections politely; bounded.
    pub async fn close(self) {
        unimplemented!()
    }
}
