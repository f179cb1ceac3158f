//! QUIC: identity, connections, lanes between peers, and the listener for clients.
//!
//! One UDP port per node; the ALPN name tells peers from clients. Between two peers there are two connections:
//! *consensus* (votes and control on one stream, appends on another, heartbeats as datagrams) and *bulk* (catch-up read
//! back from files), so that a bulk writer never holds up a heartbeat. The node with the lower id dials. A peer counts
//! as up only after an application hello in both directions.
//!
//! Promised: every message delivered came from the node whose certificate the connection was made with, over
//! TLS 1.3 with certificates checked on both sides; every queue has a bound named in `Limits`; events of one peer come
//! in order (up, its messages, down); when the event channel is full, readers stop reading. Not promised: delivery,
//! or order between lanes. Raft needs neither.
//!
//! Everything runs as tasks on the runtime that `start` is called in, which is meant to be a current-thread one.

mod dialer;
pub mod identity;

use core::time::Duration;
use std::io;
use std::net::SocketAddr;

use tokio::sync::mpsc;

use crate::api::{ClientId, Request, Response};
use crate::codec::PeerMessage;
use crate::raft::{ClusterId, NodeId, StorageId};
pub use dialer::{ClientConnection, ConnectionLost, DialError, Dialer};
pub use identity::Identity;

/// What a node's transport is made of.
pub struct TransportSetup {
    pub identity: Identity,
    pub listen: SocketAddr,
    pub local: NodeId,
    pub cluster: ClusterId,
    /// This data directory's id; a peer that expects another one is refused (R65).
    pub storage: StorageId,
    /// All other members.
    pub peers: Vec<PeerAddress>,
    pub election_timeout: Duration,
    /// Longest value in bytes, from the cluster's settings; the largest request follows from it.
    pub max_value_size: u64,
    pub limits: Limits,
}

/// Where a peer is found and which data directory it must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerAddress {
    pub id: NodeId,
    pub name: String,
    /// `host:port`, resolved anew for each attempt to connect.
    pub address: String,
    pub storage: StorageId,
}

/// The bounds of everything that could grow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most messages that wait in one lane to one peer; more are dropped, newest first.
    pub lane_messages_max: usize,
    /// Most bytes that wait in one lane to one peer; a single larger message is let through when the lane is empty.
    pub lane_bytes_max: usize,
    /// Most client connections at a time; more are refused.
    pub client_connections_max: usize,
    /// Most requests of one client connection that are waiting for an answer; beyond, nothing more is read from it.
    pub open_requests_max: usize,
    /// Most bytes of answers waiting for one client; beyond half of it nothing more is read from it, beyond it the
    /// client is closed.
    pub answer_bytes_max: usize,
    /// How long a client may leave its answers unread before it is closed.
    pub unread_time_max: Duration,
    /// How long a handshake and the hello after it may take.
    pub hello_time_max: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            lane_messages_max: 4_096,
            lane_bytes_max: 16 << 20,
            client_connections_max: 1_024,
            open_requests_max: 4_096,
            answer_bytes_max: 64 << 20,
            unread_time_max: Duration::from_secs(30),
            hello_time_max: Duration::from_secs(5),
        }
    }
}

/// What the transport tells the node, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum TransportEvent {
    Peer(PeerMessage),
    PeerUp { peer: NodeId, address: SocketAddr },
    /// The consensus connection was lost, or the first attempt to make it failed. Once per change of state.
    PeerDown { peer: NodeId, because: String },
    /// Messages to this peer were dropped because a lane was full: the core should probe it.
    PeerOverflow { peer: NodeId },
    /// Somebody was turned away; repeats of the same refusal are counted, not told again and again.
    PeerRefused { peer: Option<NodeId>, address: SocketAddr, because: String },
    ClientOpened { client: ClientId, subject: String },
    /// All requests that one read found, in order.
    ClientRequests { client: ClientId, requests: Vec<Request> },
    ClientClosed { client: ClientId },
}

/// Why a UDP port could not be had.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("{address} is in use by another process")]
    InUse { address: SocketAddr, source: io::Error },
    #[error("cannot bind {address}")]
    Bind { address: SocketAddr, source: io::Error },
    #[error("the identity cannot be used for TLS")]
    Tls(#[from] rustls::Error),
}

/// A running transport. Dropping it closes everything at once; `close` does it politely.
pub struct Transport {
    local_addr: SocketAddr,
}

impl Transport {
    /// Binds the port and starts the tasks. Must be called inside a tokio runtime.
    pub fn start(setup: TransportSetup, events: mpsc::Sender<TransportEvent>) -> Result<Transport, BindError> {
        let _ = (setup, events);
        unimplemented!()
    }

    /// The bound address; with port 0 in the setup this is where the port is found.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Queues a message; it leaves at the next `flush`. Dropped when the peer is down, not a peer, or its lane is full.
    pub fn send(&mut self, message: PeerMessage) {
        let _ = message;
        unimplemented!()
    }

    /// Queues an answer; it leaves at the next `flush`. Dropped when the client is gone.
    pub fn answer(&mut self, client: ClientId, response: Response) {
        let _ = (client, response);
        unimplemented!()
    }

    /// Sets everything queued since the last call on its way. Call once per turn.
    pub fn flush(&mut self) {
        unimplemented!()
    }

    /// How many messages and hellos were refused because their sender was not who the certificate says.
    pub fn refused_messages(&self) -> u64 {
        unimplemented!()
    }

    /// Says goodbye: delivers what is queued, closes every connection with `because`, and waits, but not for long.
    pub async fn close(self, because: &str) {
        let _ = because;
        unimplemented!()
    }
}
