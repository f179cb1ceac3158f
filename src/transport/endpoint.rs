//! QUIC endpoints from identities: TLS 1.3 with certificates checked on both sides, and the few knobs that are not
//! quinn's defaults, each with its reason.
//!
//! Tickets, resumption and 0-RTT are off: resumption would skip the certificate check, and early data can be replayed.
//! GSO, MTU discovery and flow-control windows stay as quinn has them. This file opens no connection.

use core::time::Duration;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use quinn::crypto::rustls::{HandshakeData, QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, Connection, Endpoint, EndpointConfig, IdleTimeout, ServerConfig, TransportConfig, VarInt};
use quinn_proto::RandomConnectionIdGenerator;
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;

use super::BindError;
use super::identity::{CertificateError, Identity, PeerName, name_in};

/// What peers speak.
pub(super) const PEER_ALPN: &[u8] = b"raftctl-peer/1";

/// What clients speak.
pub(super) const CLIENT_ALPN: &[u8] = b"raftctl-client/1";

/// Shortest idle time after which a silent connection is given up.
pub(super) const IDLE_MIN: Duration = Duration::from_secs(3);

/// The idle time in election timeouts, where that is more than `IDLE_MIN`: a transport that gave up before consensus
/// does would turn every stall into a reconnect.
const IDLE_ELECTION_TIMEOUTS: u32 = 6;

/// The bulk connection between peers may be silent this many times as long: what is known of its peer is known from the
/// other connection, and every ping is a wake-up at both ends.
const IDLE_BULK_FACTOR: u32 = 4;

/// How often within the idle time the dialling side pings when there is nothing else to say. A ping that is lost is sent
/// again long before the time is over.
const KEEP_ALIVES_PER_IDLE: u32 = 2;

/// First guess of the round trip; quinn's 333 ms would make the first retransmission of a cold start a second late.
const INITIAL_RTT: Duration = Duration::from_millis(20);

/// Streams a remote may have open at a time: two lanes between peers, one stream of a client.
const STREAMS_MAX: u32 = 4;

/// Handshakes that may wait to be looked at, and how many bytes they may hold.
const INCOMING_MAX: usize = 256;
const INCOMING_BYTES_MAX: u64 = 64 * 1024;
const INCOMING_TOTAL_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Asked of the kernel for the socket's receive buffer; the kernel gives what it allows. A turn may last longer than
/// the default buffer at full rate.
const SOCKET_BUFFER_BYTES: usize = 4 * 1024 * 1024;

const CONNECTION_ID_BYTES: usize = 8;

/// The configurations for dialling a peer, one for each of its two connections.
pub(super) struct PeerConfigs {
    pub(super) consensus: ClientConfig,
    pub(super) bulk: ClientConfig,
}

/// A node's endpoint, which accepts and dials on one UDP port, and the configurations for dialling peers.
pub(super) fn node_endpoint(
    identity: &Identity,
    listen: SocketAddr,
    election_timeout: Duration,
) -> Result<(Endpoint, PeerConfigs), BindError> {
    let idle = IDLE_MIN.max(election_timeout.saturating_mul(IDLE_ELECTION_TIMEOUTS));
    let idle_bulk = idle.saturating_mul(IDLE_BULK_FACTOR);
    let mut server = ServerConfig::with_crypto(Arc::new(server_tls(identity)?));
    // The shorter time of both ends counts, so whoever dials decides.
    server.transport_config(Arc::new(transport_config(idle_bulk, None)));
    server.max_incoming(INCOMING_MAX);
    server.incoming_buffer_size(INCOMING_BYTES_MAX);
    server.incoming_buffer_size_total(INCOMING_TOTAL_BYTES_MAX);
    // The persisted key and connection ids that any process of this node would accept make a restarted node answer
    // packets of its old process with a stateless reset that the peer believes: a crash is noticed at once.
    let reset_key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, identity.reset_key());
    let mut config = EndpointConfig::new(Arc::new(reset_key));
    config.cid_generator(|| Box::new(RandomConnectionIdGenerator::new(CONNECTION_ID_BYTES)));
    let endpoint = open(config, Some(server), listen)?;
    let tls = Arc::new(client_tls(identity, PEER_ALPN)?);
    let dialling = |idle: Duration| {
        let mut client = ClientConfig::new(tls.clone());
        client.transport_config(Arc::new(transport_config(idle, Some(idle / KEEP_ALIVES_PER_IDLE))));
        client
    };
    Ok((endpoint, PeerConfigs { consensus: dialling(idle), bulk: dialling(idle_bulk) }))
}

/// An endpoint that only dials, and the configuration for dialling nodes as a client.
pub(super) fn client_endpoint(identity: &Identity, bind: SocketAddr) -> Result<(Endpoint, ClientConfig), BindError> {
    let endpoint = open(EndpointConfig::default(), None, bind)?;
    let mut client = ClientConfig::new(Arc::new(client_tls(identity, CLIENT_ALPN)?));
    client.transport_config(Arc::new(transport_config(IDLE_MIN, Some(IDLE_MIN / KEEP_ALIVES_PER_IDLE))));
    Ok((endpoint, client))
}

/// The protocol both sides agreed on.
pub(super) fn alpn_of(connection: &Connection) -> Vec<u8> {
    let data = connection.handshake_data().and_then(|data| data.downcast::<HandshakeData>().ok());
    data.and_then(|data| data.protocol).unwrap_or_default()
}

/// Who is at the other end, from the certificate that TLS has verified.
pub(super) fn peer_of(connection: &Connection) -> Result<PeerName, CertificateError> {
    let chain = connection.peer_identity().and_then(|chain| chain.downcast::<Vec<CertificateDer<'static>>>().ok());
    let leaf = chain.as_ref().and_then(|chain| chain.first()).ok_or(CertificateError::Unreadable)?;
    name_in(leaf)
}

fn open(config: EndpointConfig, server: Option<ServerConfig>, bind: SocketAddr) -> Result<Endpoint, BindError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse { address: bind, source },
        _ => BindError::Bind { address: bind, source },
    };
    let socket = UdpSocket::bind(bind).map_err(failed)?;
    // Best effort: a smaller buffer only means more retransmissions under bursts.
    let _ = rustix::net::sockopt::set_socket_recv_buffer_size(&socket, SOCKET_BUFFER_BYTES);
    let _ = rustix::net::sockopt::set_socket_send_buffer_size(&socket, SOCKET_BUFFER_BYTES);
    Endpoint::new(config, server, socket, Arc::new(quinn::TokioRuntime)).map_err(failed)
}

fn transport_config(idle: Duration, keep_alive: Option<Duration>) -> TransportConfig {
    let mut config = TransportConfig::default();
    config.max_idle_timeout(Some(IdleTimeout::try_from(idle).unwrap_or(VarInt::MAX.into())));
    config.keep_alive_interval(keep_alive);
    config.initial_rtt(INITIAL_RTT);
    config.max_concurrent_bidi_streams(STREAMS_MAX.into());
    config.max_concurrent_uni_streams(0u32.into());
    config
}

fn server_tls(identity: &Identity) -> Result<QuicServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(identity)?), provider.clone())
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![identity.certificate().clone()], identity.key())?;
    tls.alpn_protocols = vec![PEER_ALPN.to_vec(), CLIENT_ALPN.to_vec()];
    tls.send_tls13_tickets = 0;
    tls.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    tls.max_early_data_size = 0;
    Ok(QuicServerConfig::try_from(tls).expect("the ring provider has the suite that QUIC begins with"))
}

fn client_tls(identity: &Identity, alpn: &[u8]) -> Result<QuicClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots(identity)?)
        .with_client_auth_cert(vec![identity.certificate().clone()], identity.key())?;
    tls.alpn_protocols = vec![alpn.to_vec()];
    tls.resumption = rustls::client::Resumption::disabled();
    tls.enable_early_data = false;
    Ok(QuicClientConfig::try_from(tls).expect("the ring provider has the suite that QUIC begins with"))
}

fn roots(identity: &Identity) -> Result<rustls::RootCertStore, rustls::Error> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(identity.authority().clone())?;
    Ok(roots)
}
