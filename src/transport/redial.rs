//! Finding a peer: one task per connection to a node with a higher id dials, hands the connection to `peer`, and dials
//! again when it is lost, with back-off and jitter. At most one event per change of state.

use core::time::Duration;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use quinn::{Connection, ConnectionError};
use tokio::time::timeout;

use super::close::{CLOSE_REASON_WAIT, CloseCode, Ended, close, distrust};
use super::endpoint::peer_of;
use super::identity::{Subject, node_server_name};
use super::peer::{Link, PeerSlot, hello_to, judge_hello, run};
use super::probe;
use super::shared::Shared;
use super::stream::{StreamReader, send_hello};
use super::{PeerAddress, TransportEvent};
use crate::codec::frame::{ConnectionKind, append_frame};
use crate::raft::NodeId;

/// Shortest and longest pause between attempts to connect; each is shortened by up to half, at random.
const RECONNECT_MIN: Duration = Duration::from_millis(50);
const RECONNECT_MAX: Duration = Duration::from_secs(1);

/// Longest such pause while the peer's machine says that nothing listens: asking is cheap, and a peer that starts
/// should not wait.
const REFUSED_PAUSE_MAX: Duration = Duration::from_millis(200);

/// How long one attempt to connect may take. QUIC repeats its first packet after 60, 180, 420, 900 ms, so a peer that
/// starts during an attempt is found by it.
const DIAL_TIME_MAX: Duration = Duration::from_secs(2);

/// Keeps one connection to a peer with a higher id: dials, runs it, dials again. Ends when the node does.
pub(super) async fn dial_peer(shared: Arc<Shared>, slot: Arc<PeerSlot>, kind: ConnectionKind) {
    let mut pause = RECONNECT_MIN;
    // Whether it has been told that this peer is down.
    let mut told = false;
    for attempt in 0.. {
        let mut pause_max = RECONNECT_MAX;
        match dial(&shared, &slot.peer, kind, attempt).await {
            Ok(link) => {
                let since = Instant::now();
                run(&shared, &slot, kind, link, None).await;
                told = true;
                // A connection that is lost at once is no success.
                if since.elapsed() > RECONNECT_MAX {
                    pause = RECONNECT_MIN;
                }
            }
            Err(failure) => {
                if matches!(failure, DialFailure::Nobody { .. }) {
                    pause_max = REFUSED_PAUSE_MAX;
                }
                if kind == ConnectionKind::Consensus {
                    tell_failure(&shared, slot.peer.id, failure, &mut told).await;
                }
            }
        }
        pause = pause.min(pause_max);
        tokio::time::sleep(pause.mul_f64(rand::random_range(0.5..=1.0))).await;
        pause = (pause * 2).min(pause_max);
    }
}

/// One event when a peer is first found to be down; after that only refusals are news.
async fn tell_failure(shared: &Shared, peer: NodeId, failure: DialFailure, told: &mut bool) {
    let because = failure.to_string();
    if !core::mem::replace(told, true) {
        shared.tell(TransportEvent::PeerDown { peer, because }).await;
    } else if let DialFailure::Refused { address, .. } = failure {
        shared.tell_refused(Some(peer), address, because).await;
    }
}

/// Why there is no connection to a peer.
#[derive(Debug, thiserror::Error)]
enum DialFailure {
    #[error("cannot find {address}: {source}")]
    Resolve { address: String, source: std::io::Error },
    /// The machine is there and says that nothing listens.
    #[error("nothing listens at {address}")]
    Nobody { address: SocketAddr },
    #[error("nothing answers at {address}")]
    Silent { address: SocketAddr },
    #[error("at {address}: {because}")]
    Refused { address: SocketAddr, because: String },
}

async fn dial(shared: &Shared, peer: &PeerAddress, kind: ConnectionKind, attempt: usize) -> Result<Link, DialFailure> {
    let address = resolve(&peer.address, attempt)
        .await
        .map_err(|source| DialFailure::Resolve { address: peer.address.clone(), source })?;
    let refused = |because: String| DialFailure::Refused { address, because };
    let name = node_server_name(shared.cluster, peer.id);
    let config = match kind {
        ConnectionKind::Bulk => &shared.peer_configs.bulk,
        _ => &shared.peer_configs.consensus,
    };
    let connecting =
        shared.endpoint.connect_with(config.clone(), address, &name).map_err(|error| refused(error.to_string()))?;
    let ended = |error: &ConnectionError| match error {
        ConnectionError::TimedOut => DialFailure::Silent { address },
        error => match distrust(error) {
            Some(because) => refused(format!("its certificate is not acceptable: {because}")),
            None => refused(Ended(error).to_string()),
        },
    };
    let connection = tokio::select! {
        result = timeout(DIAL_TIME_MAX, connecting) => match result {
            Err(_) => return Err(DialFailure::Silent { address }),
            Ok(Err(error)) => return Err(ended(&error)),
            Ok(Ok(connection)) => connection,
        },
        () = probe::refused(address) => return Err(DialFailure::Nobody { address }),
    };
    match timeout(shared.limits.hello_time_max, greet(shared, peer, kind, &connection)).await {
        Err(_) => Err(refused("it did not answer the hello".to_owned())),
        Ok(Ok(link)) => Ok(link),
        Ok(Err(because)) => {
            close(&connection, CloseCode::Refused, &because);
            match timeout(CLOSE_REASON_WAIT, connection.closed()).await {
                Ok(ConnectionError::LocallyClosed) | Err(_) => Err(refused(because)),
                Ok(error) => Err(ended(&error)),
            }
        }
    }
}

/// Says hello as the dialling side, and opens the append lane along with it.
async fn greet(
    shared: &Shared,
    peer: &PeerAddress,
    kind: ConnectionKind,
    connection: &Connection,
) -> Result<Link, String> {
    let lost = |_| "the connection was lost".to_owned();
    let (mut send, receive) = connection.open_bi().await.map_err(lost)?;
    send_hello(&mut send, &hello_to(shared, peer.storage, kind)).await;
    let second = match kind {
        ConnectionKind::Consensus => {
            let (mut send, receive) = connection.open_bi().await.map_err(lost)?;
            // A stream exists for the other side only once something was written to it: an empty frame.
            let mut out = BytesMut::new();
            append_frame(&mut out, |_| {});
            send.write_all(&out).await.map_err(|_| "the connection was lost".to_owned())?;
            Some((send, StreamReader::new(receive)))
        }
        ConnectionKind::Bulk | ConnectionKind::Client => None,
    };
    let mut reader = StreamReader::new(receive);
    let hello = match reader.hello().await {
        Ok(hello) => hello,
        Err(error) => {
            // The reason is in the close that follows.
            let _ = timeout(CLOSE_REASON_WAIT, connection.closed()).await;
            return Err(error.to_string());
        }
    };
    let name = peer_of(connection).map_err(|error| error.to_string())?;
    if name.cluster != shared.cluster || name.subject != Subject::Node(peer.id) {
        return Err(format!("{} of cluster {} answers", name.subject, name.cluster));
    }
    judge_hello(shared, peer, &hello)?;
    Ok(Link { connection: connection.clone(), first: (send, reader), second })
}

/// A name may have several addresses: each attempt takes the next one.
async fn resolve(address: &str, attempt: usize) -> std::io::Result<SocketAddr> {
    let found: Vec<SocketAddr> = tokio::net::lookup_host(address).await?.collect();
    match found.len() {
        0 => Err(std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address")),
        count => Ok(found[attempt % count]),
    }
}
