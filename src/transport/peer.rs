//! One peer: the two connections to it, the lanes on them, and the task that keeps each connection alive.
//!
//! For each pair and kind exactly one task owns the connection, so a peer's events come in order: up, messages, down.
//! The node with the lower id dials (`redial`); the other takes what the listener hands over, and a newer connection
//! replaces the older. Every message that arrives is checked against the certificate.

use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};
use quinn::{Connection, ConnectionError, SendStream, VarInt};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::close::{CLOSE_REASON_WAIT, CloseCode, Ended, alert, close, distrust};
use super::outbox::{Outbox, WriteEnd};
use super::probe;
use super::shared::Shared;
use super::stream::StreamReader;
use super::{PeerAddress, TransportEvent};
use crate::codec::PeerMessage;
use crate::codec::frame::{ConnectionKind, FrameError, Hello, PROTOCOL_VERSION, split_frame};
use crate::codec::peer::{PEER_FRAME_BYTES_MAX, PeerError, decode, encode, encode_head, encoded_bytes};
use crate::raft::{Message, NodeId, StorageId};

/// Accepted connections of one peer and kind that wait for their task; more are closed.
pub(super) const ACCEPTED_WAITING_MAX: usize = 4;

/// What is known of one peer for as long as the transport runs.
pub(super) struct PeerSlot {
    pub(super) peer: PeerAddress,
    lanes: Mutex<Lanes>,
}

/// Where messages to the peer go now. None: there is no connection.
#[derive(Default)]
struct Lanes {
    consensus: Option<ConsensusLanes>,
    bulk: Option<Arc<Outbox>>,
}

#[derive(Clone)]
struct ConsensusLanes {
    connection: Connection,
    control: Arc<Outbox>,
    append: Arc<Outbox>,
}

/// A connection whose hello has been accepted on both sides.
pub(super) struct Link {
    pub(super) connection: Connection,
    pub(super) first: (SendStream, StreamReader),
    /// The append lane; consensus connections only.
    pub(super) second: Option<(SendStream, StreamReader)>,
}

/// Which lane a message takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    Datagram,
    Control,
    Append,
    Bulk,
}

impl PeerSlot {
    pub(super) fn new(peer: PeerAddress) -> PeerSlot {
        PeerSlot { peer, lanes: Mutex::default() }
    }

    /// Puts a message where it belongs, or drops it: Raft sends again. `limits`: messages and bytes per lane.
    pub(super) fn send(&self, message: PeerMessage, limits: (usize, usize)) {
        let lanes = self.lanes.lock().expect("no holder of this lock panics");
        let Some(consensus) = &lanes.consensus else {
            return;
        };
        let size = encoded_bytes(&message);
        let outbox = match lane_of(&message) {
            Lane::Datagram => {
                if send_datagram(&consensus.connection, &message, size) {
                    return;
                }
                &consensus.control
            }
            Lane::Control => &consensus.control,
            Lane::Append => &consensus.append,
            Lane::Bulk => lanes.bulk.as_ref().unwrap_or(&consensus.append),
        };
        outbox.offer(size, limits, |out| encode(message, out));
    }

    pub(super) fn flush(&self) {
        for outbox in self.outboxes() {
            outbox.wake();
        }
    }

    /// The outboxes of all connections that are up.
    pub(super) fn outboxes(&self) -> Vec<Arc<Outbox>> {
        let lanes = self.lanes.lock().expect("no holder of this lock panics");
        let consensus = lanes.consensus.iter().flat_map(|lanes| [lanes.control.clone(), lanes.append.clone()]);
        consensus.chain(lanes.bulk.clone()).collect()
    }
}

/// Heartbeats are periodic and may be lost; votes and orders may not wait behind entries.
fn lane_of(message: &PeerMessage) -> Lane {
    match &message.envelope.message {
        Message::Heartbeat(_) | Message::HeartbeatReply(_) => Lane::Datagram,
        Message::Append(_) | Message::Snapshot(_) if message.bulk => Lane::Bulk,
        Message::Append(_) | Message::AppendReply(_) | Message::Snapshot(_) | Message::SnapshotReply(_) => Lane::Append,
        Message::Vote(_)
        | Message::VoteReply(_)
        | Message::TimeoutNow(_)
        | Message::ReadIndex(_)
        | Message::ReadIndexReply(_)
        | Message::Hello(_)
        | Message::HelloReply(_) => Lane::Control,
    }
}

/// False when it must take a stream instead.
fn send_datagram(connection: &Connection, message: &PeerMessage, size: usize) -> bool {
    if connection.max_datagram_size().is_none_or(|most| size > most) {
        return false;
    }
    let mut out = BytesMut::with_capacity(size);
    encode_head(message, &mut out);
    connection.send_datagram(out.freeze()).is_ok()
}

/// The hello we send to `peer` for a connection of this kind.
pub(super) fn hello_to(shared: &Shared, expected: StorageId, kind: ConnectionKind) -> Hello {
    Hello {
        version: PROTOCOL_VERSION,
        kind,
        cluster: shared.cluster,
        node: shared.local,
        storage: shared.storage,
        expected,
    }
}

/// Judges a peer's hello; the reason in words when it is not acceptable.
pub(super) fn judge_hello(shared: &Shared, peer: &PeerAddress, hello: &Hello) -> Result<(), String> {
    if hello.version != PROTOCOL_VERSION {
        return Err(format!("{} speaks protocol {}, this node {PROTOCOL_VERSION}", peer.id, hello.version));
    }
    if hello.cluster != shared.cluster {
        return Err(format!("{} is of cluster {}, this node of {}", peer.id, hello.cluster, shared.cluster));
    }
    if hello.node != peer.id {
        return Err(format!("the certificate is of {}, the hello of {}", peer.id, hello.node));
    }
    if peer.storage != StorageId::default() && hello.storage != peer.storage {
        return Err(format!(
            "{} has data directory {}, the configuration says {}",
            peer.id, hello.storage, peer.storage
        ));
    }
    if hello.expected != StorageId::default() && hello.expected != shared.storage {
        return Err(format!(
            "{} expects {} to have data directory {}, it has {}",
            peer.id, shared.local, hello.expected, shared.storage
        ));
    }
    Ok(())
}

/// Runs the connections that the listener accepts from a peer with a lower id, the newest at a time.
pub(super) async fn serve_peer(
    shared: Arc<Shared>,
    slot: Arc<PeerSlot>,
    kind: ConnectionKind,
    mut accepted: mpsc::Receiver<Link>,
) {
    let mut next = accepted.recv().await;
    while let Some(mut link) = next {
        while let Ok(newer) = accepted.try_recv() {
            close(&link.connection, CloseCode::Replaced, "replaced by a newer connection");
            link = newer;
        }
        next = run(&shared, &slot, kind, link, Some(&mut accepted)).await;
        if next.is_none() {
            next = accepted.recv().await;
        }
    }
}

/// How one of a connection's tasks ended.
enum LaneEnd {
    /// All written after `finish`; the connection goes on.
    Finished,
    /// The stream is gone, and the connection with it or soon.
    Lost,
    Violation {
        code: CloseCode,
        because: String,
    },
}

/// Runs a connection to its end; returns what replaces it.
pub(super) async fn run(
    shared: &Arc<Shared>,
    slot: &Arc<PeerSlot>,
    kind: ConnectionKind,
    link: Link,
    mut accepted: Option<&mut mpsc::Receiver<Link>>,
) -> Option<Link> {
    let connection = link.connection.clone();
    let address = connection.remote_address();
    let peer = slot.peer.id;
    if kind == ConnectionKind::Consensus {
        shared.tell(TransportEvent::PeerUp { peer, address }).await;
    }
    let mut tasks = start_lanes(shared, slot, kind, link);
    let mut replacement = None;
    let mut is_gone = false;
    let because = loop {
        tokio::select! {
            error = connection.closed() => {
                is_gone = says_goodbye(&error);
                break Ended(&error).to_string();
            }
            () = probe::gone(&connection), if kind == ConnectionKind::Consensus => {
                is_gone = true;
                close(&connection, CloseCode::Done, "nothing listens there any more");
                break format!("nothing listens at {address} any more");
            }
            link = next_accepted(&mut accepted) => {
                replacement = Some(link);
                close(&connection, CloseCode::Replaced, "replaced by a newer connection");
                break "replaced by a newer connection".to_owned();
            }
            Some(end) = next_end(&mut tasks) => match end {
                LaneEnd::Finished => {}
                LaneEnd::Lost => break reason_after_loss(&connection).await,
                LaneEnd::Violation { code, because } => {
                    close(&connection, code, &because);
                    shared.tell_refused(Some(peer), address, because.clone()).await;
                    break because;
                }
            },
        }
    };
    stop_lanes(slot, kind);
    // What arrived before the end is still delivered: a node that stops may have said its most important word last.
    // Readers of a closed connection end by themselves.
    tasks.writers.shutdown().await;
    while tasks.readers.join_next().await.is_some() {}
    if kind == ConnectionKind::Consensus {
        if is_gone {
            shared.tell(TransportEvent::PeerGone { peer }).await;
        }
        shared.tell(TransportEvent::PeerDown { peer, because }).await;
    }
    replacement
}

/// The other process has ended or is ending: it said so, or a new one in its place knows nothing of the connection.
fn says_goodbye(error: &ConnectionError) -> bool {
    match error {
        ConnectionError::Reset => true,
        ConnectionError::ApplicationClosed(close) => close.error_code == VarInt::from_u32(CloseCode::Stopping.number()),
        _ => false,
    }
}

/// The tasks of one connection.
struct LaneTasks {
    readers: JoinSet<LaneEnd>,
    writers: JoinSet<LaneEnd>,
}

async fn next_end(tasks: &mut LaneTasks) -> Option<LaneEnd> {
    let end = tokio::select! {
        Some(end) = tasks.readers.join_next() => end,
        Some(end) = tasks.writers.join_next() => end,
        else => return None,
    };
    Some(end.expect("lane tasks neither panic nor are aborted"))
}

async fn next_accepted(accepted: &mut Option<&mut mpsc::Receiver<Link>>) -> Link {
    match accepted {
        Some(accepted) => match accepted.recv().await {
            Some(link) => link,
            None => core::future::pending().await,
        },
        None => core::future::pending().await,
    }
}

/// A stream has ended: the close that explains it is on its way, or there is none.
async fn reason_after_loss(connection: &Connection) -> String {
    match timeout(CLOSE_REASON_WAIT, connection.closed()).await {
        Ok(error) => Ended(&error).to_string(),
        Err(_) => {
            close(connection, CloseCode::Protocol, "a stream ended");
            "it ended a stream".to_owned()
        }
    }
}

fn start_lanes(shared: &Arc<Shared>, slot: &Arc<PeerSlot>, kind: ConnectionKind, link: Link) -> LaneTasks {
    let peer = slot.peer.id;
    let bulk = kind == ConnectionKind::Bulk;
    let mut tasks = LaneTasks { readers: JoinSet::new(), writers: JoinSet::new() };
    let mut lane = |(send, reader): (SendStream, StreamReader)| {
        let outbox = Arc::new(Outbox::default());
        tasks.writers.spawn(write_lane(shared.clone(), peer, outbox.clone(), send));
        tasks.readers.spawn(read_lane(shared.clone(), peer, reader, bulk));
        outbox
    };
    let first = lane(link.first);
    let second = link.second.map(lane);
    let mut lanes = slot.lanes.lock().expect("no holder of this lock panics");
    match second {
        Some(append) => {
            tasks.readers.spawn(read_datagrams(shared.clone(), peer, link.connection.clone()));
            lanes.consensus = Some(ConsensusLanes { connection: link.connection, control: first, append });
        }
        None => lanes.bulk = Some(first),
    }
    tasks
}

fn stop_lanes(slot: &PeerSlot, kind: ConnectionKind) {
    let mut lanes = slot.lanes.lock().expect("no holder of this lock panics");
    match kind {
        ConnectionKind::Consensus => lanes.consensus = None,
        ConnectionKind::Bulk | ConnectionKind::Client => lanes.bulk = None,
    }
}

async fn write_lane(shared: Arc<Shared>, peer: NodeId, outbox: Arc<Outbox>, stream: SendStream) -> LaneEnd {
    let overflows = async {
        loop {
            // Told once the lane moves again: a probe sent earlier would be dropped as well.
            outbox.moved().await;
            if outbox.take_overflowed() {
                shared.tell(TransportEvent::PeerOverflow { peer }).await;
            }
        }
    };
    tokio::select! {
        end = outbox.write_to(stream, None) => match end {
            WriteEnd::Finished => LaneEnd::Finished,
            WriteEnd::Lost | WriteEnd::Stalled => LaneEnd::Lost,
        },
        () = overflows => unreachable!("a loop without an exit does not end"),
    }
}

async fn read_lane(shared: Arc<Shared>, peer: NodeId, mut reader: StreamReader, bulk: bool) -> LaneEnd {
    loop {
        loop {
            match reader.frame(PEER_FRAME_BYTES_MAX) {
                Ok(Some(frame)) => {
                    if let Err(violation) = deliver(&shared, peer, frame, bulk).await {
                        return violation.into();
                    }
                }
                Ok(None) => break,
                Err(error) => return Violation::Frame(error).into(),
            }
        }
        if !reader.fill().await {
            return LaneEnd::Lost;
        }
    }
}

async fn read_datagrams(shared: Arc<Shared>, peer: NodeId, connection: Connection) -> LaneEnd {
    while let Ok(datagram) = connection.read_datagram().await {
        let mut rest = BytesMut::from(datagram);
        loop {
            match split_frame(&mut rest, PEER_FRAME_BYTES_MAX) {
                Ok(Some(frame)) => {
                    if let Err(violation) = deliver(&shared, peer, frame, false).await {
                        return violation.into();
                    }
                }
                Ok(None) if rest.is_empty() => break,
                Ok(None) => return Violation::CutDatagram.into(),
                Err(error) => return Violation::Frame(error).into(),
            }
        }
    }
    LaneEnd::Lost
}

/// What a peer may not do.
#[derive(Debug, thiserror::Error)]
enum Violation {
    #[error("a frame cannot be read: {0}")]
    Frame(FrameError),
    #[error("a datagram ends within a frame")]
    CutDatagram,
    #[error("a message cannot be read: {0}")]
    Message(PeerError),
    #[error("a message claims to be from {claimed}, the certificate is of {actual}")]
    Sender { claimed: NodeId, actual: NodeId },
    #[error("a message is for {to}, this node is {local}")]
    Receiver { to: NodeId, local: NodeId },
}

impl From<Violation> for LaneEnd {
    fn from(violation: Violation) -> LaneEnd {
        let code = match violation {
            Violation::Sender { .. } | Violation::Receiver { .. } => CloseCode::WrongSender,
            Violation::Frame(_) | Violation::CutDatagram | Violation::Message(_) => CloseCode::Protocol,
        };
        LaneEnd::Violation { code, because: violation.to_string() }
    }
}

/// Decodes, checks and delivers one message. An empty frame says nothing: it only opens a lane.
async fn deliver(shared: &Shared, peer: NodeId, frame: Bytes, bulk: bool) -> Result<(), Violation> {
    if frame.is_empty() {
        return Ok(());
    }
    let mut message = decode(frame).map_err(Violation::Message)?;
    message.bulk = bulk;
    let (from, to) = (message.envelope.from, message.envelope.to);
    if from != peer {
        shared.count_refused();
        return Err(Violation::Sender { claimed: from, actual: peer });
    }
    if to != shared.local {
        shared.count_refused();
        return Err(Violation::Receiver { to, local: shared.local });
    }
    shared.tell(TransportEvent::Peer(message)).await;
    Ok(())
}

/// Whether a failed handshake of somebody who dialled us is worth telling: only refusals of certificates are.
pub(super) fn handshake_refusal(error: &ConnectionError) -> Option<String> {
    match (distrust(error), alert(error)) {
        (Some(because), _) => Some(format!("its certificate is not acceptable: {because}")),
        (None, Some(alert)) => Some(format!("it refused this node's certificate: {alert}")),
        (None, None) => None,
    }
}
