//! The thread that reads log files, for followers that are behind and for replay after a restart, so that a cold disk
//! never holds up the turn.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::journal_thread::describe;
use crate::replica::{Fetch, FetchId};
use crate::storage::LogReader;

/// Most reads that wait for the worker. The replica asks for one per peer and two for itself, far below this.
pub const FETCHES_MAX: usize = 64;

/// A read's answer.
pub struct Fetched {
    pub id: FetchId,
    pub result: Result<Bytes, String>,
}

/// The turn's end of the worker.
pub struct Worker {
    fetches: Option<SyncSender<Fetch>>,
    fetched: mpsc::Receiver<Fetched>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    pub fn spawn(reader: LogReader) -> std::io::Result<Worker> {
        let (fetches, requests) = sync_channel(FETCHES_MAX);
        let (answers, fetched) = mpsc::channel(FETCHES_MAX);
        let thread = std::thread::Builder::new()
            .name("worker".to_owned())
            .spawn(move || read_until_closed(&reader, &requests, &answers))?;
        Ok(Worker { fetches: Some(fetches), fetched, thread: Some(thread) })
    }

    /// Queues a read; an answer for it always comes, through `fetched`.
    ///
    /// # Errors
    /// Gives the fetch back when the queue is full or the thread has ended, so that the caller can answer it.
    pub fn submit(&self, fetch: Fetch) -> Result<(), Fetch> {
        let sender = self.fetches.as_ref().expect("nothing is fetched after close");
        sender.try_send(fetch).map_err(|error| match error {
            TrySendError::Full(fetch) | TrySendError::Disconnected(fetch) => fetch,
        })
    }

    pub async fn fetched(&mut self) -> Option<Fetched> {
        self.fetched.recv().await
    }

    pub fn try_fetched(&mut self) -> Option<Fetched> {
        self.fetched.try_recv().ok()
    }

    pub fn close(mut self) {
        self.fetches = None;
        self.fetched.close();
        if let Some(thread) = self.thread.take() {
            // A panic of the worker has been printed by the runtime; there is nothing left to save here.
            let _ = thread.join();
        }
    }
}

fn read_until_closed(reader: &LogReader, requests: &Receiver<Fetch>, answers: &mpsc::Sender<Fetched>) {
    while let Ok(fetch) = requests.recv() {
        let result = reader.read(fetch.first, fetch.last, fetch.max_bytes).map_err(|error| describe(&error));
        if answers.blocking_send(Fetched { id: fetch.id, result }).is_err() {
            return;
        }
    }
}
