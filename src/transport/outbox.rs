//! Bytes waiting to be written to one stream: filled during a turn, written by one task, many messages at a time.
//!
//! The filler never waits; it asks how much is waiting and decides. The writer takes all there is and writes it in one
//! call, so the number of system calls and wake-ups follows the number of turns, not of messages.

use core::time::Duration;
use std::sync::{Mutex, MutexGuard};

use bytes::Bytes;
use quinn::SendStream;
use tokio::sync::Notify;

use crate::codec::frame::Chunks;

#[derive(Default)]
pub(super) struct Outbox {
    state: Mutex<State>,
    /// There is something to write, or the end is wanted.
    ready: Notify,
    /// Something was written, or the filler says that something else has changed.
    moved: Notify,
    /// The writer has ended.
    ended: Notify,
}

#[derive(Default)]
struct State {
    waiting: Chunks,
    waiting_messages: usize,
    /// Taken by the writer and not yet accepted by QUIC.
    writing_bytes: usize,
    finishing: bool,
    ended: bool,
    overflowed: bool,
}

/// Why a writer stopped.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum WriteEnd {
    /// All was written and acknowledged after `finish`.
    Finished,
    /// The stream or connection is gone.
    Lost,
    /// Nothing was accepted for longer than allowed.
    Stalled,
}

impl Outbox {
    /// Adds one message of `bytes` bytes, unless that would go beyond the limits: then it is dropped, and remembered
    /// as an overflow. A message that is alone is always taken, whatever its size. False when it was dropped.
    pub(super) fn offer(&self, bytes: usize, limits: (usize, usize), put: impl FnOnce(&mut Chunks)) -> bool {
        let (messages_max, bytes_max) = limits;
        let mut state = self.lock();
        let held = state.waiting.len() + state.writing_bytes;
        if held > 0 && (held + bytes > bytes_max || state.waiting_messages >= messages_max) {
            state.overflowed = true;
            return false;
        }
        state.waiting_messages += 1;
        put(&mut state.waiting);
        true
    }

    /// Adds without a limit and returns how many bytes are held now: the caller has a rule of its own.
    pub(super) fn put(&self, put: impl FnOnce(&mut Chunks)) -> usize {
        let mut state = self.lock();
        put(&mut state.waiting);
        state.waiting.len() + state.writing_bytes
    }

    /// Bytes that QUIC has not accepted yet.
    pub(super) fn held_bytes(&self) -> usize {
        let state = self.lock();
        state.waiting.len() + state.writing_bytes
    }

    /// Sets what is waiting on its way.
    pub(super) fn wake(&self) {
        self.ready.notify_one();
    }

    /// Asks the writer to end the stream after what is waiting.
    pub(super) fn finish(&self) {
        self.lock().finishing = true;
        self.ready.notify_one();
    }

    /// Waits until the writer has ended.
    pub(super) async fn ended(&self) {
        loop {
            let ended = self.ended.notified();
            if self.lock().ended {
                return;
            }
            ended.await;
        }
    }

    /// Whether messages were dropped since this was last asked.
    pub(super) fn take_overflowed(&self) -> bool {
        core::mem::take(&mut self.lock().overflowed)
    }

    /// Waits until something was written since the last call; for one task only.
    pub(super) async fn moved(&self) {
        self.moved.notified().await;
    }

    /// Lets whoever waits in `moved` look again.
    pub(super) fn nudge(&self) {
        self.moved.notify_one();
    }

    /// Writes until the stream is lost, or ended after `finish`.
    pub(super) async fn write_to(&self, mut stream: SendStream, stall_max: Option<Duration>) -> WriteEnd {
        let _ended = EndOnDrop(self);
        let mut chunks: Vec<Bytes> = Vec::new();
        loop {
            let finishing = self.take(&mut chunks);
            if chunks.is_empty() {
                if finishing {
                    let finished = stream.finish().is_ok() && stream.stopped().await.is_ok();
                    return if finished { WriteEnd::Finished } else { WriteEnd::Lost };
                }
                self.ready.notified().await;
                continue;
            }
            let mut at = 0;
            while at < chunks.len() {
                let write = stream.write_chunks(&mut chunks[at..]);
                let written = match stall_max {
                    None => write.await,
                    Some(limit) => match tokio::time::timeout(limit, write).await {
                        Ok(written) => written,
                        Err(_) => return WriteEnd::Stalled,
                    },
                };
                match written {
                    Ok(written) => {
                        at += written.chunks;
                        self.lock().writing_bytes -= written.bytes;
                    }
                    Err(_) => return WriteEnd::Lost,
                }
            }
            chunks.clear();
            self.moved.notify_one();
        }
    }

    /// Moves what is waiting to `chunks`; true when the stream should end after it.
    fn take(&self, chunks: &mut Vec<Bytes>) -> bool {
        let mut state = self.lock();
        state.writing_bytes = state.waiting.len();
        state.waiting_messages = 0;
        state.waiting.drain_into(chunks);
        state.finishing
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }
}

struct EndOnDrop<'a>(&'a Outbox);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.ended.notify_waiters();
    }
}
