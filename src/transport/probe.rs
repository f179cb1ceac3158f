//! Asking a machine whether anything listens on a UDP port.
//!
//! QUIC cannot see that nobody is there: its socket talks to many machines, and refusals are reported to connected
//! sockets only. So while a connection is being made, a connected socket beside it sends a byte now and then, and
//! hears the refusal that a machine without a listener sends. Silence says nothing.

use core::time::Duration;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::UdpSocket;
use tokio::time::timeout;

/// How often the question is repeated.
const PROBE_INTERVAL: Duration = Duration::from_millis(200);

/// Not a QUIC packet: whoever listens drops it.
const PROBE: [u8; 1] = [0];

/// Returns when the machine at `address` says that nothing listens there; never, as long as it does not.
pub(super) async fn refused(address: SocketAddr) {
    if watch(address).await.is_err() {
        core::future::pending().await
    }
}

/// Ends well when refused, with an error when asking is not possible.
async fn watch(address: SocketAddr) -> io::Result<()> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(address).await?;
    loop {
        let heard = match socket.send(&PROBE).await {
            Ok(_) => timeout(PROBE_INTERVAL, socket.recv(&mut [0])).await,
            Err(error) => Ok(Err(error)),
        };
        match heard {
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => return Ok(()),
            Ok(Err(error)) => return Err(error),
            // An answer is not expected, and would be no refusal.
            Ok(Ok(_)) => tokio::time::sleep(PROBE_INTERVAL).await,
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn a_port_nobody_listens_on_is_known_at_once_and_a_silent_listener_is_not_refused() {
        let listener = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a loopback port can be had");
        let address = listener.local_addr().expect("it has an address");
        let mut byte = [0];
        let asked = tokio::select! {
            () = refused(address) => panic!("somebody listens"),
            asked = listener.recv(&mut byte) => asked,
        };
        assert_eq!(asked.expect("the probe arrives"), 1);
        drop(listener);
        timeout(PATIENCE, refused(address)).await.expect("the refusal is heard");
    }
}
