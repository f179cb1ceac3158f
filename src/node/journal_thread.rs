//! The thread that owns the journal: one sync in flight, and everything that arrives meanwhile joins the next.
//!
//! The turn never waits for it: batches go in through a bounded queue, and how far they are durable comes back as one
//! number that only grows, so a thousand completions cost one wake-up. A failed write ends the thread for good; it is
//! never retried (R60).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use tokio::sync::Notify;

use crate::codec::WriteBatch;
use crate::raft::WriteSeq;
use crate::storage::Journal;

/// Most batches that wait for the journal. The turn takes no new input while this many are open.
pub const JOURNAL_BATCHES_MAX: usize = 256;

/// The turn's end of the journal.
pub struct JournalThread {
    batches: Option<SyncSender<WriteBatch>>,
    done: Arc<Done>,
    thread: Option<JoinHandle<Result<(), String>>>,
    /// Batches handed over and not yet seen to be durable.
    open: Vec<WriteSeq>,
}

/// What the thread tells the turn.
struct Done {
    durable: AtomicU64,
    failed: Mutex<Option<String>>,
    notify: Notify,
}

/// News since it was last asked.
pub enum JournalNews {
    Nothing,
    Durable(WriteSeq),
    Failed(String),
}

impl JournalThread {
    pub fn spawn(journal: Journal) -> std::io::Result<JournalThread> {
        let (sender, receiver) = sync_channel(JOURNAL_BATCHES_MAX);
        let done = Arc::new(Done { durable: AtomicU64::new(0), failed: Mutex::new(None), notify: Notify::new() });
        let thread_done = Arc::clone(&done);
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || write_until_closed(journal, &receiver, &thread_done))?;
        Ok(JournalThread { batches: Some(sender), done, thread: Some(thread), open: Vec::new() })
    }

    /// Hands a batch over. The caller respects `is_full`.
    pub fn submit(&mut self, batch: WriteBatch) {
        assert!(!self.is_full(), "the turn stops taking input before the journal's queue is full");
        self.open.push(batch.seq);
        let sender = self.batches.as_ref().expect("nothing is submitted after close");
        // A send fails only when the thread has ended; why it ended is the next news.
        let _ = sender.try_send(batch);
    }

    pub fn is_full(&self) -> bool {
        self.open.len() >= JOURNAL_BATCHES_MAX
    }

    pub fn is_idle(&self) -> bool {
        self.open.is_empty()
    }

    /// Completes when there may be news.
    pub async fn changed(&self) {
        self.done.notify.notified().await;
    }

    pub fn news(&mut self) -> JournalNews {
        if let Some(what) = self.done.failed.lock().expect("the journal thread does not panic").clone() {
            return JournalNews::Failed(what);
        }
        let durable = WriteSeq(self.done.durable.load(Ordering::Acquire));
        let before = self.open.len();
        self.open.retain(|seq| *seq > durable);
        if self.open.len() == before { JournalNews::Nothing } else { JournalNews::Durable(durable) }
    }

    /// Lets the thread finish what it has, marks the log as cleanly closed and ends it.
    pub fn close(mut self) -> Result<(), String> {
        self.batches = None;
        let thread = self.thread.take().expect("a journal thread is closed once");
        thread.join().unwrap_or_else(|_| Err("the journal thread panicked".to_owned()))
    }
}

fn write_until_closed(mut journal: Journal, batches: &Receiver<WriteBatch>, done: &Done) -> Result<(), String> {
    let mut group = Vec::with_capacity(JOURNAL_BATCHES_MAX);
    while let Ok(first) = batches.recv() {
        group.push(first);
        while group.len() < JOURNAL_BATCHES_MAX
            && let Ok(next) = batches.try_recv()
        {
            group.push(next);
        }
        match journal.write_group(&group) {
            Ok(seq) => done.durable.store(seq.0, Ordering::Release),
            Err(error) => {
                let what = describe(&error);
                *done.failed.lock().expect("the turn does not panic while it holds this") = Some(what.clone());
                done.notify.notify_one();
                return Err(what);
            }
        }
        done.notify.notify_one();
        group.clear();
    }
    journal.close().map_err(|error| describe(&error))
}

/// An error with its causes, in one line.
pub fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
