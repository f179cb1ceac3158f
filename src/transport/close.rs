//! Why connections end: the codes we close with, and what the end of a connection means in words.

use core::fmt;

use quinn::{Connection, ConnectionError, VarInt};

/// How long a close is waited for after a stream has ended, so that its reason can be told.
pub(super) const CLOSE_REASON_WAIT: core::time::Duration = core::time::Duration::from_secs(1);

/// Application close codes; `docs/wire.md` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CloseCode {
    /// This process is stopping.
    Stopping,
    /// Nothing more to say.
    Done,
    /// The hello was not acceptable: another cluster, version, data directory, or no such peer.
    Refused,
    /// A message whose sender is not the certificate's node, or which is not for this node.
    WrongSender,
    /// Bytes that are not what they should be.
    Protocol,
    /// A newer connection of the same pair and kind takes over.
    Replaced,
    /// A limit on connections is reached.
    Busy,
    /// Answers were left unread for too long.
    Unread,
}

impl CloseCode {
    pub(super) const fn number(self) -> u32 {
        match self {
            CloseCode::Stopping => 0,
            CloseCode::Done => 1,
            CloseCode::Refused => 2,
            CloseCode::WrongSender => 3,
            CloseCode::Protocol => 4,
            CloseCode::Replaced => 5,
            CloseCode::Busy => 6,
            CloseCode::Unread => 7,
        }
    }
}

pub(super) fn close(connection: &Connection, code: CloseCode, because: &str) {
    connection.close(VarInt::from_u32(code.number()), because.as_bytes());
}

/// What became of a connection, as one clause for a person: `it was silent for too long`.
pub(super) struct Ended<'a>(pub(super) &'a ConnectionError);

impl fmt::Display for Ended<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ConnectionError::TimedOut => f.write_str("it was silent for too long"),
            ConnectionError::Reset => f.write_str("its process was restarted, or its goodbye was lost"),
            ConnectionError::LocallyClosed => f.write_str("closed here"),
            ConnectionError::ApplicationClosed(close) if close.reason.is_empty() => {
                write!(f, "it closed the connection (code {})", close.error_code)
            }
            ConnectionError::ApplicationClosed(close) => {
                write!(f, "it closed the connection: {}", String::from_utf8_lossy(&close.reason))
            }
            error => match alert(error) {
                Some(alert) => write!(f, "it refused our certificate or protocol: {alert}"),
                None => match error {
                    ConnectionError::TransportError(error) if !error.reason.is_empty() => f.write_str(&error.reason),
                    other => write!(f, "{other}"),
                },
            },
        }
    }
}

/// The TLS alert with which the other side refused the handshake; none when it ended for another reason.
pub(super) fn alert(error: &ConnectionError) -> Option<&'static str> {
    let ConnectionError::ConnectionClosed(close) = error else {
        return None;
    };
    let code = u64::from(close.error_code);
    (0x100..0x200).contains(&code).then(|| match code - 0x100 {
        42 => "bad certificate",
        43 => "unsupported certificate",
        44 => "certificate revoked",
        45 => "certificate expired, or not valid yet",
        46 => "certificate unknown",
        48 => "certificate of an unknown authority",
        49 => "access denied",
        51 => "the certificate's signature is wrong",
        70 => "protocol version",
        116 => "a certificate is required",
        120 => "no common application protocol",
        _ => "the handshake failed",
    })
}

/// Why this side refused the other's certificate during the handshake; none when it ended for another reason.
pub(super) fn distrust(error: &ConnectionError) -> Option<&str> {
    let ConnectionError::TransportError(error) = error else {
        return None;
    };
    (0x100..0x200).contains(&u64::from(error.code)).then_some(error.reason.as_str())
}
