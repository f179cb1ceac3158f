//! The dialling side for clients: one UDP socket, any number of connections to nodes, batches of requests and
//! responses.
//!
//! A connection is handed out only after the node's hello, so a refused certificate is an error of `dial`, not of the
//! first request. It does not follow leaders and does not retry: that is the client's.

use core::time::Duration;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use quinn::{ClientConfig, Connection, ConnectionError, Endpoint};
use tokio::time::{Instant, timeout, timeout_at};

use super::BindError;
use super::close::{CLOSE_REASON_WAIT, CloseCode, Ended, alert, close, distrust};
use super::endpoint::{client_endpoint, peer_of};
use super::identity::{Identity, Subject, any_server_name, node_server_name};
use super::outbox::Outbox;
use super::probe;
use super::stream::{GreetError, StreamReader, send_hello};
use crate::api::{Request, Response};
use crate::codec::client::{encode_request, split_response};
use crate::codec::frame::{ConnectionKind, Hello, PROTOCOL_VERSION};
use crate::raft::{ClusterId, NodeId, StorageId};

/// How long a client that is done lets its goodbye leave.
const GOODBYE_WAIT: Duration = Duration::from_millis(3);

/// Why there is no connection. Nothing was asked.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    #[error("cannot find {address}")]
    Resolve { address: String, source: io::Error },
    #[error("{address} cannot be dialled: {because}")]
    Address { address: SocketAddr, because: String },
    /// The machine is there, and says that nothing listens on the port.
    #[error("nothing listens at {address}")]
    Unreachable { address: SocketAddr },
    #[error("nothing answers at {address} within {} ms", after.as_millis())]
    Timeout { address: SocketAddr, after: Duration },
    #[error("another node answers at {address}: {because}")]
    WrongNode { address: SocketAddr, because: String },
    /// The node's certificate is not this cluster's, or not valid now.
    #[error("the certificate of {address} is not acceptable: {because}")]
    Untrusted { address: SocketAddr, because: String },
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
    /// The node does not know the connection (any more): its process was restarted, or has closed it and the close was
    /// lost. Nothing in flight will be answered.
    #[error("the node's process was restarted, or its goodbye was lost")]
    Reset,
    #[error("the node closed it: {because}")]
    ClosedByNode { because: String },
    #[error("it was closed here")]
    ClosedHere,
    #[error("the node broke the protocol: {because}")]
    Protocol { because: String },
}

/// Makes connections to nodes. Cheap to clone; all clones share one socket per address family.
#[derive(Clone)]
pub struct Dialer {
    ipv4: Endpoint,
    /// None where the machine has no IPv6.
    ipv6: Option<Endpoint>,
    config: ClientConfig,
}

impl Dialer {
    /// Must be called inside a tokio runtime.
    pub fn new(identity: Identity) -> Result<Dialer, BindError> {
        let (ipv4, config) = client_endpoint(&identity, (Ipv4Addr::UNSPECIFIED, 0).into())?;
        let ipv6 = client_endpoint(&identity, (Ipv6Addr::UNSPECIFIED, 0).into()).ok().map(|(endpoint, _)| endpoint);
        Ok(Dialer { ipv4, ipv6, config })
    }

    /// Connects to `node` at `address` (`host:port`), or with `None` to whichever node of the cluster answers there.
    pub async fn dial(
        &self,
        address: &str,
        node: impl Into<Option<NodeId>>,
        cluster: ClusterId,
        timeout: Duration,
    ) -> Result<ClientConnection, DialError> {
        let deadline = Instant::now() + timeout;
        let node = node.into();
        let found = resolve(address, deadline).await?;
        let (first, second) = (found[0], found.iter().find(|other| other.is_ipv4() != found[0].is_ipv4()));
        let Some(second) = second else {
            return self.connect_by(deadline, first, node, cluster, timeout).await;
        };
        // A name with addresses of both families: the node listens on one of them.
        let halfway = deadline - timeout / 2;
        match self.connect_by(halfway, first, node, cluster, timeout).await {
            Err(_) => self.connect_by(deadline, *second, node, cluster, timeout).await,
            connected => connected,
        }
    }

    async fn connect_by(
        &self,
        deadline: Instant,
        address: SocketAddr,
        node: Option<NodeId>,
        cluster: ClusterId,
        after: Duration,
    ) -> Result<ClientConnection, DialError> {
        tokio::select! {
            result = timeout_at(deadline, self.connect(address, node, cluster)) => match result {
                Ok(result) => result,
                Err(_) => Err(DialError::Timeout { address, after }),
            },
            () = probe::refused(address) => Err(DialError::Unreachable { address }),
        }
    }

    /// Tells every connected node that this client is done, and waits a little for that to leave.
    pub async fn close(self) {
        for endpoint in [Some(self.ipv4), self.ipv6].into_iter().flatten() {
            endpoint.close(CloseCode::Done.number().into(), b"");
            // Only the packet has to leave. Waiting until the connection has drained would cost each command a tenth of
            // a second; a node that does not hear the goodbye drops the connection when it has been idle long enough.
            let _ = timeout(GOODBYE_WAIT, endpoint.wait_idle()).await;
        }
    }

    async fn connect(
        &self,
        address: SocketAddr,
        node: Option<NodeId>,
        cluster: ClusterId,
    ) -> Result<ClientConnection, DialError> {
        let name = node.map_or_else(|| any_server_name(cluster), |id| node_server_name(cluster, id));
        let endpoint = match (address, &self.ipv6) {
            (SocketAddr::V6(_), Some(ipv6)) => ipv6,
            _ => &self.ipv4,
        };
        let connection = endpoint
            .connect_with(self.config.clone(), address, &name)
            .map_err(|error| DialError::Address { address, because: error.to_string() })?
            .await
            .map_err(|error| dial_error(address, error))?;
        match greet(&connection, node, cluster).await {
            Ok(connected) => Ok(connected),
            Err(Some(because)) => {
                close(&connection, CloseCode::Refused, &because);
                Err(DialError::WrongNode { address, because })
            }
            Err(None) => Err(dial_error(address, connection.closed().await)),
        }
    }
}

/// All addresses of a name, at least one.
async fn resolve(address: &str, deadline: Instant) -> Result<Vec<SocketAddr>, DialError> {
    let failed = |source| DialError::Resolve { address: address.to_owned(), source };
    let found: Vec<SocketAddr> = match timeout_at(deadline, tokio::net::lookup_host(address)).await {
        Ok(found) => found.map_err(failed)?.collect(),
        Err(_) => return Err(failed(io::ErrorKind::TimedOut.into())),
    };
    match found.is_empty() {
        true => Err(failed(io::Error::new(io::ErrorKind::NotFound, "the name has no address"))),
        false => Ok(found),
    }
}

/// The hello in both directions. `Err(None)`: the connection is closing, and its close says why.
async fn greet(
    connection: &Connection,
    node: Option<NodeId>,
    cluster: ClusterId,
) -> Result<ClientConnection, Option<String>> {
    let (mut send, receive) = connection.open_bi().await.map_err(|_| None)?;
    let hello = Hello {
        version: PROTOCOL_VERSION,
        kind: ConnectionKind::Client,
        cluster,
        node: NodeId::default(),
        storage: StorageId::default(),
        expected: StorageId::default(),
    };
    send_hello(&mut send, &hello).await;
    let mut reader = StreamReader::new(receive);
    let hello = reader.hello().await.map_err(|error| match error {
        GreetError::Ended => None,
        error => Some(error.to_string()),
    })?;
    let name = peer_of(connection).map_err(|error| Some(error.to_string()))?;
    let Subject::Node(id) = name.subject else {
        return Err(Some(format!("{} is not a node", name.subject)));
    };
    if name.cluster != cluster || hello.node != id || node.is_some_and(|node| node != id) {
        return Err(Some(format!("{id} of cluster {}", name.cluster)));
    }
    let outbox = Arc::new(Outbox::default());
    let writer = outbox.clone();
    tokio::spawn(async move { writer.write_to(send, None).await });
    let sender = ClientSender { connection: connection.clone(), outbox };
    Ok(ClientConnection { node: id, sender, reader })
}

/// One connection to one node. Dropping it closes it.
pub struct ClientConnection {
    node: NodeId,
    sender: ClientSender,
    reader: StreamReader,
}

/// The sending half of a connection, for a task of its own. It does not keep the connection open.
#[derive(Clone)]
pub struct ClientSender {
    connection: Connection,
    outbox: Arc<Outbox>,
}

impl ClientSender {
    /// Sends requests, all in one go; never waits. What is sent while an earlier batch is being written joins the
    /// next one. What waits is bounded by what the caller lets be in flight. On an error none of these were sent.
    pub fn send(&self, requests: impl IntoIterator<Item = Request>) -> Result<(), ConnectionLost> {
        if let Some(lost) = self.close_reason() {
            return Err(lost);
        }
        self.outbox.put(|out| {
            out.put(|out| {
                for request in requests {
                    encode_request(request, out);
                }
            });
        });
        self.outbox.wake();
        Ok(())
    }

    /// Bytes of requests that have not left yet.
    pub fn waiting_bytes(&self) -> usize {
        self.outbox.held_bytes()
    }

    /// Waits for the connection's end. Cancel safe.
    pub async fn closed(&self) -> ConnectionLost {
        lost(&self.connection.closed().await)
    }

    /// Why the connection has ended; none while it is open.
    pub fn close_reason(&self) -> Option<ConnectionLost> {
        self.connection.close_reason().map(|error| lost(&error))
    }
}

impl ClientConnection {
    /// Which node answered.
    pub fn node(&self) -> NodeId {
        self.node
    }

    pub fn address(&self) -> SocketAddr {
        self.sender.connection.remote_address()
    }

    /// A handle for sending from elsewhere while responses are awaited here.
    pub fn sender(&self) -> ClientSender {
        self.sender.clone()
    }

    /// See `ClientSender::send`.
    pub fn send(&self, requests: impl IntoIterator<Item = Request>) -> Result<(), ConnectionLost> {
        self.sender.send(requests)
    }

    /// The next responses, at least one. Cancel safe. After an error there will be no more.
    pub async fn responses(&mut self) -> Result<Vec<Response>, ConnectionLost> {
        loop {
            let mut batch = Vec::new();
            loop {
                match split_response(&mut self.reader.buffer) {
                    Ok(Some(response)) => batch.push(response),
                    Ok(None) => break,
                    Err(error) => {
                        let because = error.to_string();
                        close(&self.sender.connection, CloseCode::Protocol, &because);
                        return Err(ConnectionLost::Protocol { because });
                    }
                }
            }
            if !batch.is_empty() {
                return Ok(batch);
            }
            if !self.reader.fill().await {
                return Err(match timeout(CLOSE_REASON_WAIT, self.sender.connection.closed()).await {
                    Ok(error) => lost(&error),
                    Err(_) => ConnectionLost::ClosedByNode { because: "it ended the stream".to_owned() },
                });
            }
        }
    }

    /// Why the connection has ended; none while it is open.
    pub fn close_reason(&self) -> Option<ConnectionLost> {
        self.sender.close_reason()
    }
}

impl Drop for ClientConnection {
    fn drop(&mut self) {
        close(&self.sender.connection, CloseCode::Done, "");
    }
}

fn lost(error: &ConnectionError) -> ConnectionLost {
    match error {
        ConnectionError::TimedOut => ConnectionLost::TimedOut,
        ConnectionError::Reset => ConnectionLost::Reset,
        ConnectionError::LocallyClosed => ConnectionLost::ClosedHere,
        ConnectionError::ApplicationClosed(close) => {
            ConnectionLost::ClosedByNode { because: String::from_utf8_lossy(&close.reason).into_owned() }
        }
        error => ConnectionLost::Protocol { because: Ended(error).to_string() },
    }
}

fn dial_error(address: SocketAddr, error: ConnectionError) -> DialError {
    if let Some(alert) = alert(&error) {
        return DialError::RefusedCertificate { address, because: alert.to_owned() };
    }
    if let Some(because) = distrust(&error) {
        let because = because.to_owned();
        // rustls says no more than this text once it has gone through QUIC; a test holds us to it.
        return match because.contains("not valid for name") {
            true => DialError::WrongNode { address, because },
            false => DialError::Untrusted { address, because },
        };
    }
    match &error {
        ConnectionError::ApplicationClosed(close) => {
            DialError::Refused { address, because: String::from_utf8_lossy(&close.reason).into_owned() }
        }
        error => DialError::Lost { address, source: lost(error) },
    }
}
