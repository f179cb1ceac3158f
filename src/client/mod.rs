//! The client: finds the leader, follows it, and retries only what is safe.
//!
//! With a session (`Client::open_session`) a write takes effect once however often it has to be sent, and its outcome
//! is known unless its deadline passes (R107). Without one, a write is sent again only when it certainly was not
//! applied; one that was in flight on a lost connection, or at a leader that lost its term, is `Unknown` and stays so
//! (R106). Reads have no effect and are retried until their deadline. Every call ends by its deadline, with exactly
//! one completion.
//!
//! `Client::write`, `Client::get` and `Client::changes` do one thing after another; `Client::submit` and
//! `Client::completions` keep many requests open. `examples/client.rs` shows both a session and a watch:
//!
//! ```no_run
//! # use std::{path::Path, time::Duration};
//! # use raftctl::{api::Consistency, client::*, raft::Index, state_machine::*, transport::Identity};
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let identity = Identity::load(Path::new("demo/client"))?;
//! let endpoint = identify(identity.clone(), "127.0.0.1:7101", Duration::from_secs(2)).await?;
//! let cluster = identity.cluster();
//! let mut client = Client::start(ClientOptions { cluster, endpoints: vec![endpoint], identity, pinned: None })?;
//! client.open_session();
//! let put = Command { key: b"colour".to_vec(), operation: Operation::Put { value: b"green".to_vec() } };
//! let written = client.write(&Update::Command(put), Duration::from_secs(10)).await?;
//! let read = client.get("colour", Consistency::Stale, written.revision, Duration::from_secs(10)).await?;
//! assert!(read.item.is_some(), "a read that is told how far it must be sees the write");
//! # Ok(())
//! # }
//! ```
//!
//! The logic lives in `Client::completions`, driven by whoever waits for answers; each connection has a small task
//! that only carries frames.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::api::{Answer, Ask, NodeStatus};
use crate::raft::{ClusterId, NodeId};
use crate::state_machine::SessionId;
use crate::transport::{BindError, DialError, Dialer, Identity};

mod calls;
mod error;
mod link;
mod members;
mod pending;
mod router;
mod session;
pub mod view;
mod watcher;

use link::{Connector, LinkEvent};
use router::Router;

pub use calls::{Read, Written, encode};
pub use error::{Cause, ClientError};
pub use pending::{Aim, REQUESTS_OPEN_MAX};
pub use watcher::{WATCH_WAIT, Watcher};

/// A member as the client knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub id: NodeId,
    pub name: String,
    /// `host:port`.
    pub address: String,
}

/// Which node of the identity's cluster answers at `address`.
///
/// # Errors
/// Nobody answers there, or somebody who is not of this cluster.
pub async fn identify(identity: Identity, address: &str, timeout: Duration) -> Result<Endpoint, IdentifyError> {
    let cluster = identity.cluster();
    let dialer = Dialer::new(identity)?;
    let connection = dialer.dial(address, None, cluster, timeout).await?;
    let id = connection.node();
    Ok(Endpoint { id, name: id.to_string(), address: address.to_owned() })
}

/// Why an endpoint was not identified.
#[derive(Debug, thiserror::Error)]
pub enum IdentifyError {
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Dial(#[from] DialError),
}

/// What a client starts from.
#[derive(Clone)]
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
pub struct Client {
    router: Router,
    dialer: Dialer,
    events: mpsc::UnboundedReceiver<LinkEvent>,
}

impl Client {
    /// # Errors
    /// No UDP port could be had, or the identity is unusable.
    pub fn start(options: ClientOptions) -> Result<Client, BindError> {
        let dialer = Dialer::new(options.identity)?;
        let (sender, events) = mpsc::unbounded_channel();
        let connector = Connector { dialer: dialer.clone(), cluster: options.cluster, events: sender };
        let router = Router::new(Box::new(connector), options.endpoints, options.pinned, Instant::now());
        Ok(Client { router, dialer, events })
    }

    /// Makes every write from now on one of a session: it is sent again, under the same number, until its outcome is
    /// known, and takes effect once (R107). The session opens with the first write and costs no entry of its own. It
    /// ends when it was idle for its lifetime; a write that comes later opens a new one.
    pub fn open_session(&mut self) {
        self.router.open_session();
    }

    /// The session in use. It changes when the one before has ended.
    pub fn session(&self) -> Option<SessionId> {
        self.router.session()
    }

    /// Takes calls over without waiting; the caller bounds how many it keeps open (`REQUESTS_OPEN_MAX` at most).
    pub fn submit(&mut self, calls: impl IntoIterator<Item = Call>) {
        let now = Instant::now();
        for call in calls {
            self.router.take(call, now);
        }
        self.router.dispatch(now);
    }

    /// Number of calls that have no completion yet.
    pub fn open(&self) -> usize {
        self.router.open()
    }

    /// Waits until at least one completion is there and appends all that are. Pending forever when nothing is open.
    /// May be dropped and called again without losing anything.
    pub async fn completions(&mut self, into: &mut Vec<Completion>) {
        loop {
            while let Ok(event) = self.events.try_recv() {
                self.router.on_event(event, Instant::now());
            }
            self.router.on_time(Instant::now());
            self.router.dispatch(Instant::now());
            if self.router.take_done(into) {
                return;
            }
            let timer = self.router.next_time();
            tokio::select! {
                event = self.events.recv() => {
                    let event = event.expect("the router keeps a sender");
                    self.router.on_event(event, Instant::now());
                }
                () = sleep_until(timer) => {}
            }
        }
    }

    /// One call, alone: nothing else may be open.
    ///
    /// # Errors
    /// What the caller must believe about the request; see `ClientError`.
    pub async fn call(&mut self, ask: Ask, aim: Aim, timeout: Duration) -> Result<Reply, ClientError> {
        assert_eq!(self.open(), 0, "a single call is made while nothing else is open");
        self.submit([Call { token: 0, ask, aim, deadline: Instant::now() + timeout }]);
        let mut done = Vec::with_capacity(1);
        self.completions(&mut done).await;
        done.pop().expect("one call has one completion").result
    }

    /// Asks every known member for its status and waits at most `wait` for the silent ones. In order of their ids.
    /// Those in `down` are known to be silent and are not waited for.
    pub async fn status_of_all(
        &mut self,
        down: &[NodeId],
        wait: Duration,
    ) -> Vec<(Endpoint, Result<NodeStatus, ClientError>)> {
        let endpoints = self.router.endpoints();
        let now = Instant::now();
        let ask = |(token, endpoint): (usize, &Endpoint)| Call {
            token: token as u64,
            ask: Ask::Status,
            aim: Aim::Node(endpoint.id),
            deadline: if down.contains(&endpoint.id) { now } else { now + wait },
        };
        self.submit(endpoints.iter().enumerate().map(ask));
        let mut done = Vec::with_capacity(endpoints.len());
        while done.len() < endpoints.len() {
            self.completions(&mut done).await;
        }
        done.sort_by_key(|completion| completion.token);
        let statuses = done.into_iter().map(|completion| match completion.result {
            Ok(Reply { answer: Answer::Status(status), .. }) => Ok(*status),
            Ok(_) => Err(ClientError::Invalid { because: "a status was asked and something else came".to_owned() }),
            Err(error) => Err(error),
        });
        endpoints.into_iter().zip(statuses).collect()
    }

    /// Gives up a call: a write that has left completes as unknown, everything else as unavailable.
    pub fn cancel(&mut self, token: u64) {
        self.router.cancel(token);
    }

    /// Gives up all that is open, as `cancel` does, and says what each came to. For who let go of a `call` before it ended.
    pub fn abandon(&mut self) -> Vec<Completion> {
        self.router.cancel_all();
        let mut done = Vec::new();
        self.router.take_done(&mut done);
        done
    }

    /// Closes all connections politely; bounded.
    pub async fn close(self) {
        let Client { router, dialer, events } = self;
        drop(events);
        drop(router);
        dialer.close().await;
    }
}

async fn sleep_until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => core::future::pending().await,
    }
}
