//! Reading a stream into one buffer, and the hello that opens every connection.

use bytes::{Bytes, BytesMut};
use quinn::{RecvStream, SendStream};
use tokio::io::AsyncReadExt;

use crate::codec::frame::{FRAME_LENGTH_BYTES, FrameError, HELLO_BYTES, Hello, HelloError, split_frame};

/// How much is read at a time, when that much has arrived.
const READ_BYTES: usize = 64 * 1024;

/// A new buffer is taken when less than this is free in the old one. Frames keep their buffer alive, so that a buffer
/// must hold many small reads, or a few bytes would pin it.
const READ_SPARE_BYTES_MIN: usize = 4 * 1024;

/// Longest hello that is read: a later version's may be longer than ours.
const HELLO_BYTES_MAX: usize = HELLO_BYTES + 192;

/// Why there was no acceptable first frame.
#[derive(Debug, thiserror::Error)]
pub(super) enum GreetError {
    #[error("the stream ended before the hello")]
    Ended,
    #[error("{0}")]
    Frame(#[from] FrameError),
    #[error("{0}")]
    Hello(#[from] HelloError),
}

pub(super) struct StreamReader {
    stream: RecvStream,
    pub(super) buffer: BytesMut,
}

impl StreamReader {
    pub(super) fn new(stream: RecvStream) -> StreamReader {
        StreamReader { stream, buffer: BytesMut::new() }
    }

    /// Waits for bytes and adds all that have arrived, up to the buffer's room. False at the stream's end or loss:
    /// the connection knows which. Cancel safe.
    pub(super) async fn fill(&mut self) -> bool {
        if self.buffer.capacity() - self.buffer.len() < READ_SPARE_BYTES_MIN {
            self.buffer.reserve(READ_BYTES);
        }
        matches!(self.stream.read_buf(&mut self.buffer).await, Ok(read) if read > 0)
    }

    /// The next frame that has arrived whole.
    pub(super) fn frame(&mut self, limit_bytes: usize) -> Result<Option<Bytes>, FrameError> {
        split_frame(&mut self.buffer, limit_bytes)
    }

    pub(super) async fn hello(&mut self) -> Result<Hello, GreetError> {
        loop {
            if let Some(frame) = self.frame(HELLO_BYTES_MAX)? {
                return Ok(Hello::decode(&frame)?);
            }
            if !self.fill().await {
                return Err(GreetError::Ended);
            }
        }
    }
}

/// Sends the first frame of this side. False when the connection is gone.
pub(super) async fn send_hello(stream: &mut SendStream, hello: &Hello) -> bool {
    let mut out = BytesMut::with_capacity(FRAME_LENGTH_BYTES + HELLO_BYTES);
    hello.encode(&mut out);
    stream.write_all(&out).await.is_ok()
}
