//! The accepting side: handshakes, hellos, and one session per client connection.
//!
//! A client has one stream. All requests that one read finds are one event; answers gather in an outbox and leave when
//! the turn is flushed. A client that asks more than it reads is first no longer read from, then closed.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use quinn::{Connection, Incoming, SendStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::TransportEvent;
use super::close::{CLOSE_REASON_WAIT, CloseCode, close};
use super::endpoint::{CLIENT_ALPN, PEER_ALPN, alpn_of, peer_of};
use super::identity::Subject;
use super::outbox::{Outbox, WriteEnd};
use super::peer::{Link, handshake_refusal, hello_to, judge_hello};
use super::shared::Shared;
use super::stream::{StreamReader, send_hello};
use crate::api::{Answer, Ask, ClientId, Request, Response};
use crate::codec::client::{Arrived, RequestReader, encode_response};
use crate::codec::frame::{ConnectionKind, FrameError, PROTOCOL_VERSION};
use crate::raft::{NodeId, StorageId};

/// Handshakes and hellos under way at a time; more are refused. From half of it on, unproven addresses must first
/// prove that they can be reached.
const HANDSHAKES_MAX: usize = 256;

/// Where accepted connections of peers with lower ids go, by peer and kind.
pub(super) type Accepted = BTreeMap<(NodeId, ConnectionKind), mpsc::Sender<Link>>;

/// A client connection as the turn sees it.
pub(super) struct ClientSlot {
    connection: Connection,
    pub(super) outbox: Outbox,
    /// Requests delivered and not yet answered, but those that wait for something to happen.
    open: AtomicUsize,
    /// Those, by id. The replica bounds them, and nobody waits behind them.
    watches: Mutex<BTreeSet<u64>>,
    /// In the list of the next flush.
    dirty: AtomicBool,
}

impl ClientSlot {
    fn new(connection: Connection) -> ClientSlot {
        let (open, watches, dirty) = (AtomicUsize::new(0), Mutex::default(), AtomicBool::new(false));
        ClientSlot { connection, outbox: Outbox::default(), open, watches, dirty }
    }

    /// Queues an answer. True when this client is new to the next flush.
    pub(super) fn answer(&self, shared: &Shared, response: Response) -> bool {
        let is_watch = self.watches.lock().expect("no holder of this lock panics").remove(&response.id);
        let held = self.outbox.put(|out| out.put(|out| encode_response(response, out)));
        if !is_watch && self.open.fetch_sub(1, Ordering::Relaxed) == shared.limits.open_requests_max {
            self.outbox.nudge();
        }
        if held > shared.limits.answer_bytes_max {
            close(&self.connection, CloseCode::Unread, "too many answers were left unread");
        }
        !self.dirty.swap(true, Ordering::Relaxed)
    }

    pub(super) fn flush(&self) {
        self.dirty.store(false, Ordering::Relaxed);
        self.outbox.wake();
    }

    fn may_read(&self, shared: &Shared) -> bool {
        self.open.load(Ordering::Relaxed) < shared.limits.open_requests_max
            && self.outbox.held_bytes() <= shared.limits.answer_bytes_max / 2
    }
}

/// Accepts connections until the endpoint closes.
pub(super) async fn listen(shared: Arc<Shared>, accepted: Accepted) {
    let accepted = Arc::new(accepted);
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES_MAX));
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            incoming = shared.endpoint.accept() => {
                let Some(incoming) = incoming else {
                    return;
                };
                let Ok(permit) = handshakes.clone().try_acquire_owned() else {
                    incoming.refuse();
                    continue;
                };
                if handshakes.available_permits() < HANDSHAKES_MAX / 2 && incoming.may_retry() {
                    incoming.retry().expect("it was just asked whether it may");
                    continue;
                }
                let (shared, accepted) = (shared.clone(), accepted.clone());
                tasks.spawn(async move {
                    let greeted = greet(&shared, &accepted, incoming).await;
                    drop(permit);
                    if let Some(client) = greeted {
                        serve(&shared, client).await;
                    }
                });
            }
            Some(ended) = tasks.join_next() => ended.expect("connection tasks neither panic nor are aborted"),
        }
    }
}

/// A client whose hello has been accepted.
struct Client {
    connection: Connection,
    subject: String,
    send: SendStream,
    reader: StreamReader,
    room: OwnedSemaphorePermit,
}

/// Handshake, hello, and a decision. Peers are handed to their task; a client is returned.
async fn greet(shared: &Shared, accepted: &Accepted, incoming: Incoming) -> Option<Client> {
    let address = incoming.remote_address();
    let limit = shared.limits.hello_time_max;
    let connection = match timeout(limit, incoming).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => {
            if let Some(because) = handshake_refusal(&error) {
                shared.tell_refused(None, address, because).await;
            }
            return None;
        }
        Err(_) => return None,
    };
    let refusal = match alpn_of(&connection) {
        alpn if alpn == PEER_ALPN => match timeout(limit, greet_peer(shared, accepted, &connection)).await {
            Ok(Ok(())) => return None,
            Ok(Err(refusal)) => refusal,
            Err(_) => Refusal::silent(),
        },
        alpn if alpn == CLIENT_ALPN => match timeout(limit, greet_client(shared, &connection)).await {
            Ok(Ok(client)) => return Some(client),
            Ok(Err(refusal)) => refusal,
            Err(_) => Refusal::silent(),
        },
        _ => Refusal::new("no protocol was agreed on"),
    };
    close(&connection, refusal.code, &refusal.because);
    if !refusal.because.is_empty() {
        shared.tell_refused(refusal.peer, address, refusal.because).await;
    }
    None
}

/// Why a connection is turned away after its handshake.
struct Refusal {
    peer: Option<NodeId>,
    code: CloseCode,
    because: String,
}

impl Refusal {
    fn new(because: impl Into<String>) -> Refusal {
        Refusal { peer: None, code: CloseCode::Refused, because: because.into() }
    }

    fn silent() -> Refusal {
        Refusal::new("no hello came in time")
    }

    /// The other side went away by itself: nothing to tell.
    fn gone() -> Refusal {
        Refusal { peer: None, code: CloseCode::Done, because: String::new() }
    }
}

async fn greet_peer(shared: &Shared, accepted: &Accepted, connection: &Connection) -> Result<(), Refusal> {
    let name = peer_of(connection).map_err(|error| Refusal::new(error.to_string()))?;
    if name.cluster != shared.cluster {
        shared.count_refused();
        return Err(Refusal::new(format!("the certificate is of cluster {}", name.cluster)));
    }
    let Subject::Node(id) = name.subject else {
        shared.count_refused();
        return Err(Refusal::new(format!("{} is not a node and may not speak as one", name.subject)));
    };
    let refuse = |because: String| Refusal { peer: Some(id), code: CloseCode::Refused, because };
    let Some(slot) = shared.peers.get(&id) else {
        shared.count_refused();
        return Err(refuse(format!("{id} is not a member of the cluster")));
    };
    let (mut send, receive) = connection.accept_bi().await.map_err(|_| Refusal::gone())?;
    let mut reader = StreamReader::new(receive);
    let hello = reader.hello().await.map_err(|error| refuse(error.to_string()))?;
    judge_hello(shared, &slot.peer, &hello).map_err(|because| {
        shared.count_refused();
        refuse(because)
    })?;
    let target = accepted
        .get(&(id, hello.kind))
        .ok_or_else(|| refuse(format!("a {:?} connection with {id} is dialled by the lower id", hello.kind)))?;
    if !send_hello(&mut send, &hello_to(shared, slot.peer.storage, hello.kind)).await {
        return Err(Refusal::gone());
    }
    let second = match hello.kind {
        ConnectionKind::Consensus => {
            let (send, receive) = connection.accept_bi().await.map_err(|_| Refusal::gone())?;
            Some((send, StreamReader::new(receive)))
        }
        ConnectionKind::Bulk | ConnectionKind::Client => None,
    };
    let link = Link { connection: connection.clone(), first: (send, reader), second };
    target.try_send(link).map_err(|_| Refusal { peer: Some(id), code: CloseCode::Busy, because: String::new() })
}

async fn greet_client(shared: &Shared, connection: &Connection) -> Result<Client, Refusal> {
    let name = peer_of(connection).map_err(|error| Refusal::new(error.to_string()))?;
    if name.cluster != shared.cluster || name.subject == Subject::Authority {
        return Err(Refusal::new(format!("the certificate is of {} of cluster {}", name.subject, name.cluster)));
    }
    let (mut send, receive) = connection.accept_bi().await.map_err(|_| Refusal::gone())?;
    let mut reader = StreamReader::new(receive);
    let hello = reader.hello().await.map_err(|error| Refusal::new(error.to_string()))?;
    if hello.version != PROTOCOL_VERSION {
        return Err(Refusal::new(format!(
            "the client speaks protocol {}, this node {PROTOCOL_VERSION}",
            hello.version
        )));
    }
    if hello.cluster != shared.cluster || hello.kind != ConnectionKind::Client {
        return Err(Refusal::new(format!("the client asks for cluster {}", hello.cluster)));
    }
    let Ok(room) = shared.client_room.clone().try_acquire_owned() else {
        return Err(Refusal { peer: None, code: CloseCode::Busy, because: "too many client connections".to_owned() });
    };
    if !send_hello(&mut send, &hello_to(shared, StorageId::default(), ConnectionKind::Client)).await {
        return Err(Refusal::gone());
    }
    Ok(Client { connection: connection.clone(), subject: name.subject.to_string(), send, reader, room })
}

/// One client's session, from its first request to its last answer.
async fn serve(shared: &Arc<Shared>, client: Client) {
    let Client { connection, subject, send, reader, room } = client;
    let id = ClientId(shared.next_client.fetch_add(1, Ordering::Relaxed));
    let slot = Arc::new(ClientSlot::new(connection.clone()));
    shared.clients.lock().expect("no holder of this lock panics").insert(id, slot.clone());
    shared.tell(TransportEvent::ClientOpened { client: id, subject }).await;
    tokio::select! {
        _ = connection.closed() => {}
        () = read_requests(shared, id, &slot, reader) => {}
        end = write_answers(shared, &slot, send) => match end {
            WriteEnd::Stalled => close(&connection, CloseCode::Unread, "answers were left unread for too long"),
            // The close that explains it follows, unless the other side only stopped reading.
            WriteEnd::Finished | WriteEnd::Lost => {
                let _ = timeout(CLOSE_REASON_WAIT, connection.closed()).await;
            }
        },
    }
    close(&connection, CloseCode::Done, "");
    shared.clients.lock().expect("no holder of this lock panics").remove(&id);
    drop(room);
    shared.tell(TransportEvent::ClientClosed { client: id }).await;
}

async fn write_answers(shared: &Shared, slot: &ClientSlot, stream: SendStream) -> WriteEnd {
    slot.outbox.write_to(stream, Some(shared.limits.unread_time_max)).await
}

/// Delivers requests until the stream ends. A client that ends its sending side still gets its answers: it stays until
/// it closes the connection.
async fn read_requests(shared: &Shared, id: ClientId, slot: &ClientSlot, mut reader: StreamReader) {
    let mut requests = RequestReader::new(shared.max_value_size);
    loop {
        if let Err(error) = deliver_requests(shared, id, slot, &mut requests, &mut reader).await {
            close(&slot.connection, CloseCode::Protocol, &error.to_string());
            return;
        }
        while !slot.may_read(shared) {
            slot.outbox.moved().await;
        }
        if !reader.fill().await {
            slot.connection.closed().await;
            return;
        }
    }
}

/// Takes all whole requests out of the buffer and delivers them as one event.
async fn deliver_requests(
    shared: &Shared,
    id: ClientId,
    slot: &ClientSlot,
    requests: &mut RequestReader,
    reader: &mut StreamReader,
) -> Result<(), FrameError> {
    let mut batch = Vec::new();
    while let Some(arrived) = requests.next(&mut reader.buffer)? {
        match arrived {
            Arrived::Request(request) => batch.push(request),
            Arrived::Refused { id, because } => {
                let response = Response { id, answer: Answer::Refused(because) };
                slot.outbox.put(|out| out.put(|out| encode_response(response, out)));
                slot.outbox.wake();
            }
        }
    }
    if !batch.is_empty() {
        let of_watch = |request: &Request| matches!(request.ask, Ask::Watch { .. }).then_some(request.id);
        let watches: Vec<u64> = batch.iter().filter_map(of_watch).collect();
        slot.open.fetch_add(batch.len() - watches.len(), Ordering::Relaxed);
        if !watches.is_empty() {
            slot.watches.lock().expect("no holder of this lock panics").extend(watches);
        }
        shared.tell(TransportEvent::ClientRequests { client: id, requests: batch }).await;
    }
    Ok(())
}
