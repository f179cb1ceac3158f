//! Real endpoints on loopback: who is let in, who is not, and what survives. Every wait is for an event.

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
    message(from, to, Message::Heartbeat(Heartbeat { commit: Index(4), read_seq: 5, generation: 6 }))
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
    let append = Append { prev: LogId::new(4, 3), entries, commit: Index(4), generation: 1 };
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
    node_endpoint(identity, loopback(0), Duration::from_millis(500)).expect("a loopback port can be had")
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

#[tokio::test]
async fn a_pair_comes_up_and_every_lane_carries_messages() {
    let authority = authority();
    let (mut one, mut two) = pair(&authority);
    one.wait_up(2).await;
    two.wait_up(1).await;
    let reply = AppendReply { generation: 1, outcome: AppendOutcome::Ack { index: Index(5) } };
    for message in [heartbeat(1, 2), vote(1, 2), append(1, 2, 100, false), append(1, 2, 3_000_000, false)] {
        one.transport.send(message.clone());
        one.transport.flush();
        assert_eq!(two.wait_message().await, message);
    }
    let answer = message(2, 1, Message::AppendReply(reply));
    two.transport.send(answer.clone());
    two.transport.flush();
    assert_eq!(one.wait_message().await, answer);
    assert_eq!((one.transport.refused_messages(), two.transport.refused_messages()), (0, 0));
}

#[tokio::test]
async fn catch_up_travels_on_the_bulk_connection_once_that_is_there() {
    let authority = authority();
    let (mut one, mut two) = pair(&authority);
    one.wait_up(2).await;
    two.wait_up(1).await;
    // Before the bulk connection is up such a message takes the append lane, and arrives all the same.
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        assert!(tokio::time::Instant::now() < deadline, "the bulk connection never came up");
        one.transport.send(append(1, 2, 10, true));
        one.transport.flush();
        if two.wait_message().await.bulk {
            break;
        }
    }
}

#[tokio::test]
async fn messages_of_one_lane_keep_their_order() {
    let authority = authority();
    let (mut one, mut two) = pair(&authority);
    one.wait_up(2).await;
    two.wait_up(1).await;
    for size in 0..500 {
        one.transport.send(append(1, 2, size, false));
        if size % 7 == 0 {
            one.transport.flush();
        }
    }
    one.transport.flush();
    for size in 0..500 {
        assert_eq!(two.wait_message().await, append(1, 2, size, false));
    }
}

#[tokio::test]
async fn certificates_that_do_not_count_are_refused() {
    let ours = authority();
    let mut node = lone_node(&ours);
    let same_name = Authority::create("demo", CLUSTER).expect("an authority can be made");
    let other_cluster = Authority::create("other", OTHER_CLUSTER).expect("an authority can be made");
    let trusted = node_identity(&ours, 1);
    let refused = [
        ("another authority of the same name", node_identity(&same_name, 1), "BadSignature"),
        ("another cluster", node_identity(&other_cluster, 1), "UnknownIssuer"),
        ("expired", ours.issue_node_days_ago(NodeId(1), 400), "expired"),
        ("not valid yet", ours.issue_node_days_ago(NodeId(1), -1), "not valid yet"),
    ];
    for (what, identity, told) in refused {
        let identity = identity.trusting(&trusted);
        let (endpoint, config) = stranger(&identity);
        let result = intrude_with(endpoint, config, node.address(), hello(1, ConnectionKind::Consensus)).await;
        let error = result.err().unwrap_or_else(|| panic!("{what} was let in"));
        assert!(super::close::alert(&error).is_some(), "{what}: {error}");
        let (_, because) = node.wait_refused().await;
        assert!(because.contains(told), "{what}: {because}");
    }
    // The control: the same steps with the true certificate.
    intrude(&trusted, node.address(), hello(1, ConnectionKind::Consensus)).await.expect("node 1 is let in");
    node.wait_up(1).await;
}

#[tokio::test]
async fn who_is_dialled_must_be_who_is_meant() {
    let ours = authority();
    let other = Authority::create("demo", CLUSTER).expect("an authority can be made");
    let three = Node::start(setup(&ours, 3, loopback(0), vec![peer(1, loopback(1))]));
    let impostor = TransportSetup {
        identity: node_identity(&other, 2).trusting(&node_identity(&ours, 1)),
        ..setup(&ours, 2, loopback(0), vec![peer(1, loopback(1))])
    };
    let impostor = Node::start(impostor);
    for (address, told) in [(three.address(), "not valid for name"), (impostor.address(), "BadSignature")] {
        let mut one = Node::start(setup(&ours, 1, loopback(0), vec![peer(2, address)]));
        let because = one.wait_down(2).await;
        assert!(because.contains(told), "{because}");
    }
}

#[tokio::test]
async fn nobody_is_let_in_without_a_certificate() {
    let ours = authority();
    let node = lone_node(&ours);
    let identity = node_identity(&ours, 1);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(identity.authority().clone()).expect("the authority's certificate is a certificate");
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3 is there")
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![super::endpoint::PEER_ALPN.to_vec()];
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(tls).expect("the suite is there");
    let config = ClientConfig::new(std::sync::Arc::new(crypto));
    let (endpoint, _) = stranger(&identity);
    let result = intrude_with(endpoint, config, node.address(), hello(1, ConnectionKind::Consensus)).await;
    let error = result.err().expect("a nobody was let in");
    assert_eq!(super::close::alert(&error), Some("a certificate is required"));
}

#[tokio::test]
async fn a_client_certificate_may_not_speak_as_a_node() {
    let ours = authority();
    let mut node = lone_node(&ours);
    let client = ours.issue_client("mallory").expect("a client can be issued");
    let error = intrude(&client, node.address(), hello(1, ConnectionKind::Consensus)).await.err().expect("let in");
    assert!(is_refused(&error), "{error}");
    assert!(node.wait_refused().await.1.contains("client mallory"));
    assert_eq!(node.transport.refused_messages(), 1);
}

#[tokio::test]
async fn hellos_that_do_not_fit_are_refused() {
    let ours = authority();
    let mut node = lone_node(&ours);
    let one = node_identity(&ours, 1);
    let nine = node_identity(&ours, 9);
    let right = hello(1, ConnectionKind::Consensus);
    for (what, identity, hello) in [
        ("cluster", &one, Hello { cluster: OTHER_CLUSTER, ..right }),
        ("protocol 2", &one, Hello { version: 2, ..right }),
        ("the hello of n2", &one, Hello { node: NodeId(2), ..right }),
        ("has data directory", &one, Hello { storage: StorageId(1), ..right }),
        ("expects n2 to have data directory", &one, Hello { expected: StorageId(1), ..right }),
        ("not a member", &nine, hello(9, ConnectionKind::Consensus)),
    ] {
        let error = intrude(identity, node.address(), hello).await.err().unwrap_or_else(|| panic!("{what}: let in"));
        assert!(is_refused(&error), "{what}: {error}");
        let (_, because) = node.wait_refused().await;
        assert!(because.contains(what), "{because}");
    }
    assert_eq!(node.transport.refused_messages(), 6);
}

#[tokio::test]
async fn a_node_that_speaks_for_another_is_refused_and_counted() {
    let ours = authority();
    let peers = vec![peer(1, loopback(1)), peer(2, loopback(1))];
    let mut node = Node::start(setup(&ours, 3, loopback(0), peers));
    let (endpoint, config) = stranger(&node_identity(&ours, 2));
    let name = node_server_name(CLUSTER, NodeId(3));
    for (sent, counted) in [(vote(1, 3), 1), (vote(2, 1), 2)] {
        let connection =
            endpoint.connect_with(config.clone(), node.address(), &name).expect("dialled").await.expect("connected");
        let (mut control, receive) = connection.open_bi().await.expect("a stream opens");
        send_hello(&mut control, &hello(2, ConnectionKind::Bulk)).await;
        StreamReader::new(receive).hello().await.expect("node 2 is let in");
        let mut out = BytesMut::new();
        encode_head(&sent, &mut out);
        control.write_all(&out).await.expect("the connection is there");
        let error = timeout(PATIENCE, connection.closed()).await.expect("it is closed");
        assert_eq!(close_code(&error), Some(u64::from(CloseCode::WrongSender.number())), "{error}");
        let (peer, _) = node.wait_refused().await;
        assert_eq!(peer, Some(NodeId(2)));
        assert_eq!(node.transport.refused_messages(), counted);
    }
    assert!(node.events.try_recv().is_err(), "no message was delivered");
}

#[tokio::test]
async fn bytes_that_are_no_message_close_the_connection() {
    let ours = authority();
    let mut node = lone_node(&ours);
    for garbage in [&[0xff; 64][..], &[4, 0, 0, 0, 1, 2, 3, 4]] {
        let mut intruder = intrude(&node_identity(&ours, 1), node.address(), hello(1, ConnectionKind::Consensus))
            .await
            .expect("let in");
        node.wait_up(1).await;
        intruder.control.write_all(garbage).await.expect("the connection is there");
        let error = timeout(PATIENCE, intruder.connection.closed()).await.expect("it is closed");
        assert_eq!(close_code(&error), Some(u64::from(CloseCode::Protocol.number())), "{error}");
        node.wait_down(1).await;
    }
}

#[tokio::test]
async fn a_newer_connection_replaces_the_older() {
    let ours = authority();
    let mut node = lone_node(&ours);
    let identity = node_identity(&ours, 1);
    let first = intrude(&identity, node.address(), hello(1, ConnectionKind::Consensus)).await.expect("let in");
    node.wait_up(1).await;
    let second = intrude(&identity, node.address(), hello(1, ConnectionKind::Consensus)).await.expect("let in");
    node.wait_down(1).await;
    node.wait_up(1).await;
    let error = timeout(PATIENCE, first.connection.closed()).await.expect("the older is closed");
    assert_eq!(close_code(&error), Some(u64::from(CloseCode::Replaced.number())), "{error}");
    assert!(second.connection.close_reason().is_none());
}

#[tokio::test]
async fn a_polite_end_delivers_last_words_and_the_reason() {
    let authority = authority();
    // Node 2 is slow: when the connection ends, most of what has arrived is not yet taken.
    let (events, receiver) = mpsc::channel(1);
    let two = setup(&authority, 2, loopback(0), vec![peer(1, loopback(1))]);
    let mut two = Node { transport: Transport::start(two, events).expect("a port"), events: receiver };
    let mut one = Node::start(setup(&authority, 1, loopback(0), vec![peer(2, two.address())]));
    one.wait_up(2).await;
    two.wait_up(1).await;
    for _ in 0..50 {
        one.transport.send(vote(1, 2));
    }
    one.transport.close("n1 is stopping").await;
    for _ in 0..50 {
        assert_eq!(two.wait_message().await, vote(1, 2));
    }
    assert!(two.wait_down(1).await.contains("n1 is stopping"));
}

#[tokio::test]
async fn a_peer_that_restarts_is_found_again_by_both_sides() {
    let authority = authority();
    let (mut one, mut two) = pair(&authority);
    one.wait_up(2).await;
    two.wait_up(1).await;
    // The accepting side goes and comes back.
    let address = two.address();
    two.transport.close("restart").await;
    one.wait_down(2).await;
    let mut two = Node::restart(|| setup(&authority, 2, address, vec![peer(1, one.address())])).await;
    one.wait_up(2).await;
    two.wait_up(1).await;
    // The dialling side goes and comes back.
    let address = one.address();
    one.transport.close("restart").await;
    two.wait_down(1).await;
    let mut one = Node::restart(|| setup(&authority, 1, address, vec![peer(2, two.address())])).await;
    two.wait_up(1).await;
    one.wait_up(2).await;
}

#[tokio::test]
async fn a_crash_and_restart_is_noticed_without_waiting_for_silence() {
    let authority = authority();
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path().join("identity");
    node_identity(&authority, 2).save(&directory).expect("saved");
    let with_saved = |listen| TransportSetup {
        identity: Identity::load(&directory).expect("loaded"),
        ..setup(&authority, 2, listen, vec![peer(1, loopback(1))])
    };
    let first = with_saved(loopback(0));
    // A process of its own would die without a word; here its runtime does: nothing is sent after it is gone.
    let (address, addresses) = oneshot::channel();
    let (crash, crashed) = oneshot::channel::<()>();
    let process = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let node = Node::start(first);
            address.send(node.address()).expect("somebody waits");
            crashed.await.expect("the order comes");
        });
    });
    let address = addresses.await.expect("the node starts");
    let mut one = Node::start(setup(&authority, 1, loopback(0), vec![peer(2, address)]));
    one.wait_up(2).await;
    crash.send(()).expect("the node waits");
    process.join().expect("the node ends");
    let mut two = Node::start(with_saved(address));
    // What leaders do: keep talking. The first packet is answered with a reset.
    let because = loop {
        one.transport.send(heartbeat(1, 2));
        let event = timeout(Duration::from_millis(50), one.events.recv()).await;
        if let Ok(Some(TransportEvent::PeerDown { because, .. })) = event {
            break because;
        }
    };
    assert_eq!(because, "its process was restarted, or its goodbye was lost");
    one.wait_up(2).await;
    two.wait_up(1).await;
}

#[tokio::test]
async fn a_lane_that_is_full_drops_and_says_so() {
    let authority = authority();
    let limits = Limits { lane_messages_max: 8, ..Limits::default() };
    let mut two = Node::start(setup(&authority, 2, loopback(0), vec![peer(1, loopback(1))]));
    let setup = TransportSetup { limits, ..setup(&authority, 1, loopback(0), vec![peer(2, two.address())]) };
    let mut one = Node::start(setup);
    one.wait_up(2).await;
    two.wait_up(1).await;
    for size in 0..20 {
        one.transport.send(append(1, 2, size, false));
    }
    one.transport.flush();
    for size in 0..8 {
        assert_eq!(two.wait_message().await, append(1, 2, size, false));
    }
    let told = |event| matches!(event, TransportEvent::PeerOverflow { peer } if peer == NodeId(2)).then_some(());
    one.wait("the overflow", told).await;
    // What comes after the lane has moved is taken again.
    one.transport.send(append(1, 2, 99, false));
    one.transport.flush();
    assert_eq!(two.wait_message().await, append(1, 2, 99, false));
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let authority = authority();
    let taken = UdpSocket::bind(loopback(0)).expect("a loopback port can be had");
    let address = taken.local_addr().expect("it has an address");
    let (events, _receiver) = mpsc::channel(8);
    let error = Transport::start(setup(&authority, 2, address, Vec::new()), events).err().expect("the port is taken");
    assert!(matches!(error, BindError::InUse { address: named, .. } if named == address), "{error}");
    assert!(error.to_string().contains(&address.to_string()));
}

#[tokio::test]
async fn clients_ask_and_are_answered_in_batches() {
    let authority = authority();
    let mut node = lone_node(&authority);
    let dialer = dialer(&authority);
    let mut client = connect(&dialer, &node).await;
    assert_eq!(client.node(), NodeId(2));
    let asked: Vec<Request> =
        (0..300).map(|id| Request { id, ask: Ask::Write(Bytes::from(vec![id as u8; 256])) }).collect();
    client.send(asked.clone()).expect("the connection is there");
    let opened = |event| match event {
        TransportEvent::ClientOpened { client, subject } => Some((client, subject)),
        _ => None,
    };
    let (id, subject) = node.wait("client opened", opened).await;
    assert_eq!(subject, "client test");
    let mut arrived = Vec::new();
    while arrived.len() < asked.len() {
        let (from, requests) = node.wait_requests().await;
        assert_eq!(from, id);
        for request in &requests {
            node.transport.answer(id, transferring(request.id));
        }
        node.transport.flush();
        arrived.extend(requests);
    }
    assert_eq!(arrived, asked);
    let mut answered = Vec::new();
    while answered.len() < asked.len() {
        answered.extend(responses(&mut client).await.expect("answers come"));
    }
    assert_eq!(answered, (0..300).map(transferring).collect::<Vec<_>>());
    drop(client);
    node.wait("client closed", |event| (event == TransportEvent::ClientClosed { client: id }).then_some(())).await;
}

#[tokio::test]
async fn a_request_above_the_limit_is_refused_and_the_next_one_served() {
    let authority = authority();
    let mut node = lone_node(&authority);
    let mut client = connect(&dialer(&authority), &node).await;
    let long = Request { id: 1, ask: Ask::Write(vec![0; 5 << 20].into()) };
    client.send([long, Request { id: 2, ask: Ask::Status }]).expect("the connection is there");
    let (id, requests) = node.wait_requests().await;
    assert_eq!(requests, [Request { id: 2, ask: Ask::Status }]);
    let refused = responses(&mut client).await.expect("a refusal comes");
    let [Response { id: 1, answer: Answer::Refused(Refused::ValueTooLarge { limit_bytes, .. }) }] = &refused[..] else {
        panic!("{refused:?}");
    };
    assert_eq!(*limit_bytes, 1 << 20);
    node.transport.answer(id, Response { id: 2, answer: Answer::Status(Box::default()) });
    node.transport.flush();
    assert_eq!(responses(&mut client).await.expect("an answer comes")[0].id, 2);
}

#[tokio::test]
async fn dialling_names_what_is_wrong() {
    let ours = authority();
    let mut node = lone_node(&ours);
    let address = node.address().to_string();
    let dial = async |authority: &Authority, node: Option<NodeId>, address: &str, limit: Duration| {
        dialer(authority).dial(address, node, CLUSTER, limit).await.err().expect("it cannot work")
    };
    let wrong_node = dial(&ours, Some(NodeId(9)), &address, PATIENCE).await;
    assert!(matches!(wrong_node, DialError::WrongNode { .. }), "{wrong_node}");
    let other = Authority::create("demo", CLUSTER).expect("an authority can be made");
    let untrusted = dial(&other, None, &address, PATIENCE).await;
    assert!(matches!(untrusted, DialError::Untrusted { .. }), "{untrusted}");
    let socket = UdpSocket::bind(loopback(0)).expect("a loopback port can be had");
    let silent = socket.local_addr().expect("it has an address").to_string();
    let nothing = dial(&ours, None, &silent, Duration::from_millis(100)).await;
    assert!(matches!(nothing, DialError::Timeout { .. }), "{nothing}");
    drop(socket);
    let nobody = dial(&ours, None, &silent, PATIENCE).await;
    assert!(matches!(nobody, DialError::Unreachable { .. }), "{nobody}");
    let nowhere = dial(&ours, None, "not an address", PATIENCE).await;
    assert!(matches!(nowhere, DialError::Resolve { .. }), "{nowhere}");
    let stranger = other.issue_client("test").expect("a client can be issued").trusting(&node_identity(&ours, 1));
    let stranger = Dialer::new(stranger).expect("a port can be had");
    let refused = stranger.dial(&address, None, CLUSTER, PATIENCE).await.err().expect("it cannot work");
    assert!(matches!(refused, DialError::RefusedCertificate { .. }), "{refused}");
    assert!(node.wait_refused().await.1.contains("certificate"));
    let any = dialer(&ours).dial(&address, None, CLUSTER, PATIENCE).await.expect("any node will do");
    assert_eq!(any.node(), NodeId(2));
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed_and_memory_stays_bounded() {
    let authority = authority();
    let limits =
        Limits { answer_bytes_max: 16 << 20, unread_time_max: Duration::from_millis(300), ..Limits::default() };
    let setup = TransportSetup { limits, ..setup(&authority, 2, loopback(0), Vec::new()) };
    let mut node = Node::start(setup);
    // Asks, and never reads: no future of the connection is polled again.
    let client = connect(&dialer(&authority), &node).await;
    client.send((0..100_000).map(|id| Request { id, ask: Ask::Status })).expect("the connection is there");
    let item = Item { key: vec![1; 100], value: vec![2; 900], revision: Index(1), created: Index(1), version: 1 };
    let mut answered_bytes = 0;
    let closed = async {
        loop {
            match node.events.recv().await.expect("the transport runs") {
                TransportEvent::ClientRequests { client, requests } => {
                    for request in requests {
                        let answer = Answer::Value { item: Some(item.clone()), at: Index(1) };
                        node.transport.answer(client, Response { id: request.id, answer });
                        answered_bytes += 1_000;
                    }
                    node.transport.flush();
                }
                TransportEvent::ClientClosed { .. } => break,
                _ => {}
            }
        }
    };
    timeout(PATIENCE, closed).await.expect("the client is closed");
    assert!(answered_bytes < 64 << 20, "{answered_bytes} bytes were taken for a client that reads nothing");
    let lost = timeout(PATIENCE, client.sender().closed()).await.expect("the client learns of it");
    match &lost {
        ConnectionLost::ClosedByNode { because } => assert!(because.contains("unread"), "{because}"),
        // The goodbye is one packet; on a busy machine it may be lost among the answers nobody reads.
        other => assert_eq!(other, &ConnectionLost::Reset),
    }
}

#[tokio::test]
async fn garbage_datagrams_leave_an_honest_request_answered() {
    let authority = authority();
    let mut node = lone_node(&authority);
    let socket = UdpSocket::bind(loopback(0)).expect("a loopback port can be had");
    for round in 0..400usize {
        let size = [0, 1, 20, 21, 1_200, 1_472, 9_000, 65_507][round % 8];
        let mut bytes: Vec<u8> = (0..size).map(|_| rand::random()).collect();
        // Half of them look like the start of a QUIC version 1 handshake.
        if round % 16 < 8 && size > 6 {
            bytes[..6].copy_from_slice(&[0xc3, 0, 0, 0, 1, 8]);
        }
        socket.send_to(&bytes, node.address()).expect("loopback takes it");
    }
    let mut client = connect(&dialer(&authority), &node).await;
    client.send([Request { id: 7, ask: Ask::Status }]).expect("the connection is there");
    let (id, _) = node.wait_requests().await;
    node.transport.answer(id, transferring(7));
    node.transport.flush();
    assert_eq!(responses(&mut client).await, Ok(vec![transferring(7)]));
}

#[tokio::test]
async fn too_many_clients_are_refused_and_room_is_given_back() {
    let authority = authority();
    let limits = Limits { client_connections_max: 1, ..Limits::default() };
    let mut node = Node::start(TransportSetup { limits, ..setup(&authority, 2, loopback(0), Vec::new()) });
    let dialer = dialer(&authority);
    let first = connect(&dialer, &node).await;
    let opened = |event| matches!(event, TransportEvent::ClientOpened { .. }).then_some(());
    node.wait("client opened", opened).await;
    let address = node.address().to_string();
    let second = dialer.dial(&address, None, CLUSTER, PATIENCE).await.err().expect("there is no room");
    assert!(matches!(second, DialError::Refused { .. }), "{second}");
    drop(first);
    node.wait("client closed", |event| matches!(event, TransportEvent::ClientClosed { .. }).then_some(())).await;
    connect(&dialer, &node).await;
}

#[tokio::test]
async fn when_the_node_is_behind_nothing_more_is_read() {
    let authority = authority();
    let (events, mut receiver) = mpsc::channel(1);
    let transport = Transport::start(setup(&authority, 2, loopback(0), Vec::new()), events).expect("a port");
    let address = transport.local_addr().to_string();
    let client = dialer(&authority).dial(&address, None, CLUSTER, PATIENCE).await.expect("let in");
    // More than all windows and buffers between here and there hold.
    let total = 40;
    for id in 0..total {
        client.send([Request { id, ask: Ask::Write(vec![0; 1 << 20].into()) }]).expect("the connection is there");
    }
    // Nobody takes events, so flow control must reach back to the sender: it can never get rid of everything. (A
    // wrong transport fails here; on a slow machine it may get away, a right one never fails.)
    let all_gone = async {
        while client.sender().waiting_bytes() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_millis(500), all_gone).await.expect_err("requests were taken without limit");
    // And goes on when events are taken.
    let mut next = 0;
    while next < total {
        let event = timeout(PATIENCE, receiver.recv()).await.expect("events come").expect("the transport runs");
        if let TransportEvent::ClientRequests { requests, .. } = event {
            for request in requests {
                assert_eq!(request.id, next);
                next += 1;
            }
        }
    }
}

#[tokio::test]
async fn an_address_of_another_machine_cannot_be_bound() {
    let client = authority().issue_client("test").expect("a client can be issued");
    let foreign: SocketAddr = "192.0.2.1:0".parse().expect("an address");
    let error = client_endpoint(&client, foreign).expect_err("it is not ours");
    assert!(matches!(error, BindError::Bind { .. }), "{error}");
}
