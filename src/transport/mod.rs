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

mod close;
mod dialer;
mod endpoint;
pub mod identity;
mod listener;
mod outbox;
mod peer;
mod probe;
mod redial;
mod shared;
mod stream;

use core::time::Duration;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use quinn::VarInt;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::api::{ClientId, Request, Response};
use crate::codec::PeerMessage;
use crate::codec::frame::ConnectionKind;
use crate::raft::{ClusterId, NodeId, StorageId};
use close::CloseCode;
use listener::{Accepted, ClientSlot};
use outbox::Outbox;
use peer::PeerSlot;
use shared::Shared;

pub use dialer::{ClientConnection, ClientSender, ConnectionLost, DialError, Dialer};
pub use identity::Identity;

/// How long `close` waits for last words to arrive, and again for connections to end.
pub const CLOSE_TIME_MAX: Duration = Duration::from_secs(1);

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
    PeerUp {
        peer: NodeId,
        address: SocketAddr,
    },
    /// The consensus connection was lost, or the first attempt to make it failed. Once per change of state.
    PeerDown {
        peer: NodeId,
        because: String,
    },
    /// The peer's process is certainly gone: it said goodbye, was replaced by a new one, or its machine says that nothing
    /// listens any more. Told before `PeerDown`.
    PeerGone {
        peer: NodeId,
    },
    /// Messages to this peer were dropped because a lane was full: the core should probe it.
    PeerOverflow {
        peer: NodeId,
    },
    /// Somebody was turned away; repeats of the same refusal are counted, not told again and again.
    PeerRefused {
        peer: Option<NodeId>,
        address: SocketAddr,
        because: String,
    },
    ClientOpened {
        client: ClientId,
        subject: String,
    },
    /// All requests that one read found, in order.
    ClientRequests {
        client: ClientId,
        requests: Vec<Request>,
    },
    ClientClosed {
        client: ClientId,
    },
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
    shared: Arc<Shared>,
    local_addr: SocketAddr,
    /// Clients with answers that the next flush sends.
    dirty: Vec<Arc<ClientSlot>>,
    /// The listener and the task of each peer connection; they end when this is dropped.
    tasks: JoinSet<()>,
}

impl Transport {
    /// Binds the port and starts the tasks. Must be called inside a tokio runtime; whoever takes the events had better
    /// be a spawned task: waking the future that a current-thread runtime blocks on costs a system call each time.
    pub fn start(setup: TransportSetup, events: mpsc::Sender<TransportEvent>) -> Result<Transport, BindError> {
        let (endpoint, peer_configs) = endpoint::node_endpoint(&setup.identity, setup.listen, setup.election_timeout)?;
        let local_addr = endpoint.local_addr().map_err(|source| BindError::Bind { address: setup.listen, source })?;
        let peers = setup.peers.into_iter().filter(|peer| peer.id != setup.local);
        let shared = Arc::new(Shared {
            endpoint,
            peer_configs,
            local: setup.local,
            cluster: setup.cluster,
            storage: setup.storage,
            max_value_size: setup.max_value_size,
            client_room: Arc::new(Semaphore::new(setup.limits.client_connections_max)),
            limits: setup.limits,
            peers: peers.map(|peer| (peer.id, Arc::new(PeerSlot::new(peer)))).collect(),
            clients: Mutex::default(),
            events,
            refused: AtomicU64::new(0),
            next_client: AtomicU64::new(1),
            refusals: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        let mut accepted = Accepted::new();
        for slot in shared.peers.values() {
            for kind in [ConnectionKind::Consensus, ConnectionKind::Bulk] {
                if shared.local < slot.peer.id {
                    tasks.spawn(redial::dial_peer(shared.clone(), slot.clone(), kind));
                } else {
                    let (links, waiting) = mpsc::channel(peer::ACCEPTED_WAITING_MAX);
                    accepted.insert((slot.peer.id, kind), links);
                    tasks.spawn(peer::serve_peer(shared.clone(), slot.clone(), kind, waiting));
                }
            }
        }
        tasks.spawn(listener::listen(shared.clone(), accepted));
        Ok(Transport { shared, local_addr, dirty: Vec::new(), tasks })
    }

    /// The bound address; with port 0 in the setup this is where the port is found.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Queues a message; it leaves at the next `flush`, heartbeats at once. Dropped when the peer is down, is no peer,
    /// or its lane is full: Raft recovers by sending again, and `PeerOverflow` tells it to.
    pub fn send(&mut self, message: PeerMessage) {
        if let Some(slot) = self.shared.peers.get(&message.envelope.to) {
            let limits = &self.shared.limits;
            slot.send(message, (limits.lane_messages_max, limits.lane_bytes_max));
        }
    }

    /// Queues an answer; it leaves at the next `flush`. Dropped when the client is gone.
    pub fn answer(&mut self, client: ClientId, response: Response) {
        let clients = self.shared.clients.lock().expect("no holder of this lock panics");
        if let Some(slot) = clients.get(&client)
            && slot.answer(&self.shared, response)
        {
            self.dirty.push(slot.clone());
        }
    }

    /// Sets everything queued since the last call on its way. Call once per turn.
    pub fn flush(&mut self) {
        for client in self.dirty.drain(..) {
            client.flush();
        }
        for slot in self.shared.peers.values() {
            slot.flush();
        }
    }

    /// How many messages and hellos were refused because their sender was not who the certificate says.
    pub fn refused_messages(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }

    /// Says goodbye: delivers what is queued, closes every connection with `because`, and waits, but each no longer
    /// than `CLOSE_TIME_MAX`.
    pub async fn close(mut self, because: &str) {
        self.flush();
        let clients: Vec<Arc<ClientSlot>> =
            self.shared.clients.lock().expect("no holder of this lock panics").values().cloned().collect();
        let lanes: Vec<Arc<Outbox>> = self.shared.peers.values().flat_map(|slot| slot.outboxes()).collect();
        let outboxes = || clients.iter().map(|client| &client.outbox).chain(lanes.iter().map(|lane| &**lane));
        outboxes().for_each(Outbox::finish);
        let delivered = async {
            for outbox in outboxes() {
                outbox.ended().await;
            }
        };
        // Whoever does not take the last words within the time goes without them.
        let _ = timeout(CLOSE_TIME_MAX, delivered).await;
        self.shared.endpoint.close(VarInt::from_u32(CloseCode::Stopping.number()), because.as_bytes());
        self.tasks.shutdown().await;
        let _ = timeout(CLOSE_TIME_MAX, self.shared.endpoint.wait_idle()).await;
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        self.shared.endpoint.close(VarInt::from_u32(CloseCode::Stopping.number()), b"");
    }
}

#[cfg(test)]
mod tests;
