//! Asking a machine whether anything listens on a UDP port.
//!
//! QUIC cannot see that nobody is there: its socket talks to many machines, and refusals are reported to connected
//! sockets only. So while a connection is being made, and while one is silent, a connected socket beside it sends a byte
//! now and then, and hears the refusal that a machine without a listener sends. Silence says nothing.

use core::time::Duration;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use quinn::Connection;
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// How often the question is repeated.
const PROBE_INTERVAL: Duration = Duration::from_millis(200);

/// How often a connection is looked at, and asked for when nothing has come since the last look.
const LOOK_INTERVAL: Duration = Duration::from_millis(40);

/// Not a QUIC packet: whoever listens drops it.
const PROBE: [u8; 1] = [0];

/// Returns when the machine at `address` says that nothing listens there; never, as long as it does not.
pub(super) async fn refused(address: SocketAddr) {
    if watch(address).await.is_err() {
        core::future::pending().await
    }
}

/// Returns when the machine at the other end says that nothing listens there any more: a process that was killed takes
/// its port with it, and says nothing else. Asks only while nothing comes, so that a busy connection costs nothing.
pub(super) async fn gone(connection: &Connection) {
    if look(connection).await.is_err() {
        core::future::pending().await
    }
}

/// Ends well when refused, with an error when asking is not possible.
async fn watch(address: SocketAddr) -> io::Result<()> {
    let socket = socket_to(address).await?;
    while !asked(&socket, PROBE_INTERVAL).await? {}
    Ok(())
}

/// The same for the other end of a connection.
async fn look(connection: &Connection) -> io::Result<()> {
    let socket = socket_to(connection.remote_address()).await?;
    let mut heard = 0;
    loop {
        tokio::time::sleep(LOOK_INTERVAL).await;
        let now = connection.stats().udp_rx.datagrams;
        let is_silent = core::mem::replace(&mut heard, now) == now;
        if is_silent && asked(&socket, LOOK_INTERVAL).await? {
            return Ok(());
        }
    }
}

async fn socket_to(address: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(address).await?;
    Ok(socket)
}

/// Asks once and waits so long for an answer; true when it is a refusal.
async fn asked(socket: &UdpSocket, wait: Duration) -> io::Result<bool> {
    let heard = match socket.send(&PROBE).await {
        Ok(_) => timeout(wait, socket.recv(&mut [0])).await,
        Err(error) => Ok(Err(error)),
    };
    match heard {
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(true),
        Ok(Err(error)) => Err(error),
        // An answer is not expected, and would be no refusal.
        Ok(Ok(_)) => {
            tokio::time::sleep(wait).await;
            Ok(false)
        }
        Err(_) => Ok(false),
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
