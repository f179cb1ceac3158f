//! The dialling side for clients: one UDP socket, any number of connections to nodes, batches of requests and
//! responses.
//!
//! A connection is handed out only after the node's hello, so a refused certificate is an error of `dial`, not of the
//! first request. It does not follow leaders and does not retry: that is the client's.

use core::time::Duration;
use std::io;
use std::net::SocketAddr;

use super::BindError;
use super::identity::Identity;
use crate::api::{Request, Response};
use crate::raft::{ClusterId, NodeId};

/// Why there is no connection. Nothing was asked.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    #[error("cannot find {address}")]
    Resolve { address: String, source: io::Error },
    #[error("{address} cannot be dialled: {because}")]
    Address { address: String, because: String },
    #[error("nothing answers at {address} within {} ms", after.as_millis())]
    Timeout { address: SocketAddr, after: Duration },
    #[error("another node answers at {address}: {because}")]
    WrongNode { address: SocketAddr, because: String },
    #[error("{address} refuses this certificate: {because}")]
    RefusedCertificate { address: SocketAddr, because: String },
    #[error("{address} refuses the connection: {because}")]
    Refused { address: SocketAddr, because: String },
    #[error("the connection to {address} was lost")]
    Lost { address: SocketAddr, source: ConnectionLost },
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionLost {
    #[error("it was silent for too long")]
    TimedOut,
    /// The process at the other end is gone and another one answers: nothing in flight will be answered.
    #[error("the node's process was replaced")]
    Reset,
    #[error("the node closed it: {because}")]
    ClosedByNode { because: String },
    #[error("it was closed here")]
    ClosedHere,
    #[error("the node broke the protocol: {because}")]
    Protocol { because: String },
}

/// Makes connections to nodes. Cheap to clone; all clones share one socket.
#[derive(Clone)]
pub struct Dialer {}

impl Dialer {
    /// Must be called inside a tokio runtime.
    pub fn new(identity: Identity) -> Result<Dialer, BindError> {
        let _ = identity;
        unimplemented!()
    }

    /// Connects to `node` at `address` (`host:port`), or with `None` to whichever node of the cluster answers there.
    pub async fn dial(
        &self,
        address: &str,
        node: impl Into<Option<NodeId>>,
        cluster: ClusterId,
        timeout: Duration,
    ) -> Result<ClientConnection, DialError> {
        let _ = (address, node.into(), cluster, timeout);
        unimplemented!()
    }
}

/// One connection to one node. Dropping it closes it.
pub struct ClientConnection {}

impl ClientConnection {
    /// Which node answered.
    pub fn node(&self) -> NodeId {
        unimplemented!()
    }

    pub fn address(&self) -> SocketAddr {
        unimplemented!()
    }

    /// Sends requests, all in one go; never waits. What is sent while an earlier batch is being written joins the
    /// next one. Unbounded here: the caller bounds what it has in flight. On an error none of these were sent.
    pub fn send(&self, requests: impl IntoIterator<Item = Request>) -> Result<(), ConnectionLost> {
        let _ = requests.into_iter();
        unimplemented!()
    }

    /// The next responses, at least one. Cancel safe. After an error there will be no more.
    pub async fn responses(&mut self) -> Result<Vec<Response>, ConnectionLost> {
        unimplemented!()
    }

    /// Why the connection has ended; none while it is open.
    pub fn close_reason(&self) -> Option<ConnectionLost> {
        unimplemented!()
    }
}
