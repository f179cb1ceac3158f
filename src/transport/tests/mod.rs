//! Real endpoints on loopback: who is let in, who is not, and what survives. Every wait is for an event.

mod clients;
mod peers;

use core::time::Duration;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use bytes::{Bytes, BytesMut};
use quinn::{ClientConfig, Connection, ConnectionError, Endpoint};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::close::CloseCode;
use super::endpoint::{client_endpoint, node_endpoint};
use super::identity::{Authority, Identity, node_server_name};
use super::stream::{StreamReader, send_hello};
use super::*;
use crate::api::{Answer, Ask, Item, Refused};
use crate::codec::frame::{Hello, PROTOCOL_VERSION, append_frame};
use crate::codec::peer::encode_head;
use crate::codec::record::{Kind, LINK_ORIGIN, append_record};
use crate::raft::message::{Append, AppendOutcome, AppendReply, Heartbeat, Vote};
use crate::raft::{Envelope, Index, LogId, Message, Shape, Term};

const CLUSTER: ClusterId = ClusterId(0xc1);
const OTHER_CLUSTER: ClusterId = ClusterId(0xc2);

/// Far above anything a healthy run needs, so that a busy machine fails nothing.
const PATIENCE: Duration = Duration::from_secs(30);

fn authority() -> Authority {
    Authority::create("demo", CLUSTER).expect("an authority can be made")
}

fn storage(id: u64) -> StorageId {
    StorageId(0x1000 + u128::from(id))
}

fn node_identity(authority: &Authority, id: u64) -> Identity {
    authority.issue_node(authority.cluster(), NodeId(id), &["127.0.0.1".to_owned()]).expect("a node can be issued")
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn peer(id: u64, address: SocketAddr) -> PeerAddress {
    PeerAddress { id: NodeId(id), name: format!("n{id}"), address: address.to_string(), storage: storage(id) }
}

fn setup(authority: &Authority, id: u64, listen: SocketAddr, peers: Vec<PeerAddress>) -> TransportSetup {
    TransportSetup {
        identity: node_identity(authority, id),
        listen,
        local: NodeId(id),
        cluster: CLUSTER,
        storage: storage(id),
        peers,
        election_timeout: Duration::from_millis(500),
        max_value_size: 1 << 20,
        limits: Limits::default(),
    }
}

/// A transport and what it has told.
struct Node {
    transport: Transport,
    events: mpsc::Receiver<TransportEvent>,
}

impl Node {
    fn start(setup: TransportSetup) -> Node {
        let (events, receiver) = mpsc::channel(1_024);
        Node { transport: Transport::start(setup, events).expect("a loopback port can be had"), events: receiver }
    }

    /// Starts where a transport of this test was just closed: the port is free once its last task is gone.
    async fn restart(setup: impl Fn() -> TransportSetup) -> Node {
        let started = async {
            loop {
                let (events, receiver) = mpsc::channel(1_024);
                match Transport::start(setup(), events) {
                    Ok(transport) => return Node { transport, events: receiver },
                    Err(BindError::InUse { .. }) => tokio::task::yield_now().await,
                    Err(error) => panic!("{error}"),
                }
            }
        };
        timeout(PATIENCE, started).await.expect("the port is given back")
    }

    fn address(&self) -> SocketAddr {
        self.transport.local_addr()
    }

    /// The first event that `wanted` wants; those before it are let go.
    async fn wait<T>(&mut self, what: &str, mut wanted: impl FnMut(TransportEvent) -> Option<T>) -> T {
        let found = async {
            loop {
                let event = self.events.recv().await.expect("the transport runs");
                if let Some(found) = wanted(event) {
                    return found;
                }
            }
        };
        timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("{what} did not happen"))
    }

    async fn wait_up(&mut self, id: u64) {
        self.wait("peer up", |event| {
            matches!(event, TransportEvent::PeerUp { peer, .. } if peer == NodeId(id)).then_some(())
        })
        .await;
    }

    async fn wait_down(&mut self, id: u64) -> String {
        self.wait("peer down", |event| match event {
            TransportEvent::PeerDown { peer, because } if peer == NodeId(id) => Some(because),
            _ => None,
        })
        .await
    }

    async fn wait_refused(&mut self) -> (Option<NodeId>, String) {
        self.wait("a refusal", |event| match event {
            TransportEvent::PeerRefused { peer, because, .. } => Some((peer, because)),
            TransportEvent::PeerUp { peer, .. } => panic!("{peer} was let in"),
            _ => None,
        })
        .await
    }

    async fn wait_message(&mut self) -> PeerMessage {
        self.wait("a message", |event| match event {
            TransportEvent::Peer(message) => Some(message),
            _ => None,
        })
        .await
    }

    async fn wait_requests(&mut self) -> (ClientId, Vec<Request>) {
        self.wait("requests", |event| match event {
            TransportEvent::ClientRequests { client, requests } => Some((client, requests)),
            _ => None,
        })
        .await
    }
}

/// Nodes 1 and 2, not yet up for each other.
fn pair(authority: &Authority) -> (Node, Node) {
    let two = Node::start(setup(authority, 2, loopback(0), vec![peer(1, loopback(1))]));
    let one = Node::start(setup(authority, 1, loopback(0), vec![peer(2, two.address())]));
    (one, two)
}

/// A node whose only peer, node 1, is played by the test.
fn lone_node(authority: &Authority) -> Node {
    Node::start(setup(authority, 2, loopback(0), vec![peer(1, loopback(1))]))
}

fn message(from: u64, to: u64, message: Message) -> PeerMessage {
    PeerMessage {
        envelope: Envelope { from: NodeId(from), to: NodeId(to), to_storage: storage(to), term: Term(3), message },
        records: Vec::new(),
        bulk: false,
    }
}

fn heartbeat(from: u64, to: u64) -> PeerMessage {
    message(from, to, Message::Heartbeat(Heartbeat { commit: Index(4), read_seq: 5, generation: 6, orders_void: 0 }))
}

fn vote(from: u64, to: u64) -> PeerMessage {
    let vote = Vote { pre: true, asked: Term(4), last: LogId::new(9, 3), force: false, nonce: 11 };
    message(from, to, Message::Vote(vote))
}

/// An append of one entry with this many bytes of payload.
fn append(from: u64, to: u64, bytes: usize, bulk: bool) -> PeerMessage {
    let mut record = BytesMut::new();
    append_record(&mut record, LINK_ORIGIN, Kind::Command, LogId::new(5, 3), 0, |out| out.resize(out.len() + bytes, 7));
    let mut entries = Shape::empty(Index(5));
    entries.push(Term(3), record.len() as u32, None);
    let append = Append { prev: LogId::new(4, 3), entries, commit: Index(4), generation: 1, news_only: false };
    let mut message = message(from, to, Message::Append(append));
    message.records.push(record.freeze());
    message.bulk = bulk;
    message
}

fn hello(node: u64, kind: ConnectionKind) -> Hello {
    Hello {
        version: PROTOCOL_VERSION,
        kind,
        cluster: CLUSTER,
        node: NodeId(node),
        storage: if node == 0 { StorageId(0) } else { storage(node) },
        expected: StorageId(0),
    }
}

/// A hostile or broken peer: a bare QUIC endpoint with somebody's identity.
fn stranger(identity: &Identity) -> (Endpoint, ClientConfig) {
    let (endpoint, configs) =
        node_endpoint(identity, loopback(0), Duration::from_millis(500)).expect("a loopback port can be had");
    (endpoint, configs.consensus)
}

/// Dials as a peer and says `hello`; what the other side made of it.
async fn intrude(identity: &Identity, address: SocketAddr, hello: Hello) -> Result<Intruder, ConnectionError> {
    let (endpoint, config) = stranger(identity);
    intrude_with(endpoint, config, address, hello).await
}

struct Intruder {
    connection: Connection,
    control: quinn::SendStream,
    _endpoint: Endpoint,
    _rest: Vec<(quinn::SendStream, StreamReader)>,
}

async fn intrude_with(
    endpoint: Endpoint,
    config: ClientConfig,
    address: SocketAddr,
    hello: Hello,
) -> Result<Intruder, ConnectionError> {
    let name = node_server_name(CLUSTER, NodeId(2));
    let connection = endpoint.connect_with(config, address, &name).expect("the address can be dialled").await?;
    let (mut control, receive) = connection.open_bi().await?;
    send_hello(&mut control, &hello).await;
    let (mut send, second) = connection.open_bi().await?;
    let mut out = BytesMut::new();
    append_frame(&mut out, |_| {});
    let _ = send.write_all(&out).await;
    let mut reader = StreamReader::new(receive);
    match timeout(PATIENCE, reader.hello()).await.expect("an answer comes") {
        Ok(_) => {
            let rest = vec![(send, StreamReader::new(second))];
            Ok(Intruder { connection, control, _endpoint: endpoint, _rest: rest })
        }
        Err(_) => Err(timeout(PATIENCE, connection.closed()).await.expect("a refusal closes")),
    }
}

fn close_code(error: &ConnectionError) -> Option<u64> {
    match error {
        ConnectionError::ApplicationClosed(close) => Some(close.error_code.into_inner()),
        _ => None,
    }
}

fn is_refused(error: &ConnectionError) -> bool {
    close_code(error) == Some(u64::from(CloseCode::Refused.number()))
}

fn dialer(authority: &Authority) -> Dialer {
    Dialer::new(authority.issue_client("test").expect("a client can be issued")).expect("a port can be had")
}

async fn connect(dialer: &Dialer, node: &Node) -> ClientConnection {
    let address = node.address().to_string();
    dialer.dial(&address, NodeId(2), CLUSTER, PATIENCE).await.expect("the node lets a client in")
}

async fn responses(client: &mut ClientConnection) -> Result<Vec<Response>, ConnectionLost> {
    timeout(PATIENCE, client.responses()).await.expect("an answer or an end comes")
}

fn transferring(id: u64) -> Response {
    Response { id, answer: Answer::Transferring { to: NodeId(1) } }
}
