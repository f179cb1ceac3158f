//! How messages follow each other on a stream: a length, then that many bytes; and the hello that opens every
//! connection.
//!
//! ```text
//!  0        4
//!  | length | body: `length` bytes …        all numbers little-endian
//! ```
//!
//! A claimed length is compared with a limit before anything is done about it, and memory grows with the bytes that
//! arrive, never with the length that is claimed.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::raft::{ClusterId, NodeId, StorageId};

/// Bytes of the length before each frame.
pub const FRAME_LENGTH_BYTES: usize = 4;

/// Version of everything behind the hello. Peers and clients of another version are refused.
pub const PROTOCOL_VERSION: u16 = 1;

/// Exact length of a hello's body.
pub const HELLO_BYTES: usize = 64;

const HELLO_MAGIC: u32 = u32::from_le_bytes(*b"RCTL");

/// Why a stream cannot be read on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("a frame claims {length_bytes} bytes, above the limit of {limit_bytes}")]
    TooLong { length_bytes: u64, limit_bytes: u64 },
    #[error("a frame of {length_bytes} bytes is too short for what it must hold")]
    TooShort { length_bytes: u64 },
}

/// Takes the next whole frame's body off the front of `buffer`; none when it has not arrived yet.
pub fn split_frame(buffer: &mut BytesMut, limit_bytes: usize) -> Result<Option<Bytes>, FrameError> {
    let Ok(length) = (&buffer[..]).try_get_u32_le() else {
        return Ok(None);
    };
    if length as usize > limit_bytes {
        return Err(FrameError::TooLong { length_bytes: u64::from(length), limit_bytes: limit_bytes as u64 });
    }
    if buffer.len() - FRAME_LENGTH_BYTES < length as usize {
        return Ok(None);
    }
    buffer.advance(FRAME_LENGTH_BYTES);
    Ok(Some(buffer.split_to(length as usize).freeze()))
}

/// Appends one frame whose body `body` writes straight into place.
pub fn append_frame(out: &mut BytesMut, body: impl FnOnce(&mut BytesMut)) {
    let start = out.len();
    out.put_u32_le(0);
    body(out);
    let length = u32::try_from(out.len() - start - FRAME_LENGTH_BYTES).expect("frames are far below 4 GiB");
    out[start..start + FRAME_LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
}

/// Bytes on their way out: small pieces are gathered in one buffer, record bytes are passed on without a copy.
#[derive(Debug, Default)]
pub struct Chunks {
    whole: Vec<Bytes>,
    tail: BytesMut,
    bytes: usize,
}

impl Chunks {
    /// All bytes in here.
    pub fn len(&self) -> usize {
        self.bytes
    }

    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Lets `write` append small things.
    pub fn put(&mut self, write: impl FnOnce(&mut BytesMut)) {
        let before = self.tail.len();
        write(&mut self.tail);
        self.bytes += self.tail.len() - before;
    }

    /// Appends bytes by reference.
    pub fn push(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        if !self.tail.is_empty() {
            self.whole.push(self.tail.split().freeze());
        }
        self.bytes += bytes.len();
        self.whole.push(bytes);
    }

    /// Moves everything to the end of `out`, in order, and leaves this empty with its buffer kept.
    pub fn drain_into(&mut self, out: &mut Vec<Bytes>) {
        out.append(&mut self.whole);
        if !self.tail.is_empty() {
            out.push(self.tail.split().freeze());
        }
        self.bytes = 0;
    }
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConnectionKind {
    /// Votes, control, appends, heartbeats.
    Consensus,
    /// Catch-up read back from log files.
    Bulk,
    Client,
}

impl ConnectionKind {
    const fn to_byte(self) -> u8 {
        match self {
            ConnectionKind::Consensus => 1,
            ConnectionKind::Bulk => 2,
            ConnectionKind::Client => 3,
        }
    }

    const fn from_byte(byte: u8) -> Option<ConnectionKind> {
        match byte {
            1 => Some(ConnectionKind::Consensus),
            2 => Some(ConnectionKind::Bulk),
            3 => Some(ConnectionKind::Client),
            _ => None,
        }
    }
}

/// The first frame in each direction of a connection. Only when both have been accepted does the connection count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    pub version: u16,
    pub kind: ConnectionKind,
    pub cluster: ClusterId,
    /// The sender; zero for a client.
    pub node: NodeId,
    /// The sender's own data directory; zero for a client.
    pub storage: StorageId,
    /// The data directory the sender expects at the receiver; zero when it knows none.
    pub expected: StorageId,
}

/// Why bytes are not a hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HelloError {
    #[error("the first frame is not a raftctl hello")]
    NotAHello,
    #[error("the hello names connection kind {0}, which is not known")]
    UnknownKind(u8),
}

impl Hello {
    pub fn encode(&self, out: &mut BytesMut) {
        append_frame(out, |out| {
            out.put_u32_le(HELLO_MAGIC);
            out.put_u16_le(self.version);
            out.put_u8(self.kind.to_byte());
            out.put_u8(0);
            out.put_u64_le(self.node.0);
            out.put_u128_le(self.cluster.0);
            out.put_u128_le(self.storage.0);
            out.put_u128_le(self.expected.0);
        });
    }

    /// Reads a hello's body. A later version may be longer; what this version knows stays where it is, so that a
    /// version mismatch can be named.
    pub fn decode(body: &[u8]) -> Result<Hello, HelloError> {
        if body.len() < HELLO_BYTES {
            return Err(HelloError::NotAHello);
        }
        let mut fields = body;
        if fields.get_u32_le() != HELLO_MAGIC {
            return Err(HelloError::NotAHello);
        }
        let version = fields.get_u16_le();
        let kind = fields.get_u8();
        let kind = ConnectionKind::from_byte(kind).ok_or(HelloError::UnknownKind(kind))?;
        let _reserved = fields.get_u8();
        Ok(Hello {
            version,
            kind,
            node: NodeId(fields.get_u64_le()),
            cluster: ClusterId(fields.get_u128_le()),
            storage: StorageId(fields.get_u128_le()),
            expected: StorageId(fields.get_u128_le()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_as_they_went_in_wherever_the_stream_is_cut() {
        let mut stream = BytesMut::new();
        for body in [&b"one"[..], b"", b"three"] {
            append_frame(&mut stream, |out| out.put_slice(body));
        }
        for cut in 0..=stream.len() {
            let mut buffer = BytesMut::from(&stream[..cut]);
            let mut frames = Vec::new();
            while let Some(frame) = split_frame(&mut buffer, 5).unwrap() {
                frames.push(frame);
            }
            buffer.extend_from_slice(&stream[cut..]);
            while let Some(frame) = split_frame(&mut buffer, 5).unwrap() {
                frames.push(frame);
            }
            assert_eq!(frames, [&b"one"[..], b"", b"three"]);
        }
    }

    #[test]
    fn a_length_above_the_limit_is_refused_before_its_bytes_arrive() {
        let mut buffer = BytesMut::from(&u32::MAX.to_le_bytes()[..]);
        let refused = FrameError::TooLong { length_bytes: u64::from(u32::MAX), limit_bytes: 5 };
        assert_eq!(split_frame(&mut buffer, 5), Err(refused));
    }

    #[test]
    fn chunks_keep_order_and_do_not_copy_what_is_pushed() {
        let record = Bytes::from(vec![7; 100]);
        let mut chunks = Chunks::default();
        chunks.put(|out| out.put_slice(b"head"));
        chunks.push(record.clone());
        chunks.put(|out| out.put_slice(b"next"));
        chunks.put(|out| out.put_slice(b"more"));
        assert_eq!(chunks.len(), 112);
        let mut out = Vec::new();
        chunks.drain_into(&mut out);
        assert_eq!(out, [Bytes::from_static(b"head"), record.clone(), Bytes::from_static(b"nextmore")]);
        assert_eq!(out[1].as_ptr(), record.as_ptr());
        assert!(chunks.is_empty());
    }

    #[test]
    fn a_hello_reads_back_and_a_short_or_foreign_one_does_not() {
        let hello = Hello {
            version: PROTOCOL_VERSION,
            kind: ConnectionKind::Bulk,
            cluster: ClusterId(3),
            node: NodeId(2),
            storage: StorageId(5),
            expected: StorageId(6),
        };
        let mut out = BytesMut::new();
        hello.encode(&mut out);
        assert_eq!(out.len(), FRAME_LENGTH_BYTES + HELLO_BYTES);
        let body = &out[FRAME_LENGTH_BYTES..];
        assert_eq!(Hello::decode(body), Ok(hello));
        for length in 0..body.len() {
            assert_eq!(Hello::decode(&body[..length]), Err(HelloError::NotAHello));
        }
        assert_eq!(Hello::decode(&[b'G'; HELLO_BYTES]), Err(HelloError::NotAHello));
        let mut unknown = body.to_vec();
        unknown[6] = 9;
        assert_eq!(Hello::decode(&unknown), Err(HelloError::UnknownKind(9)));
    }
}
