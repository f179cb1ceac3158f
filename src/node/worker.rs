//! The threads that work on files for the turn, so that neither a cold disk nor a large snapshot ever holds up a
//! heartbeat.
//!
//! ```text
//! reader     log files and parts of snapshots, for peers that are behind and for the replay after a start
//! taker      taking snapshots, at a low priority
//! receiver   storing and installing those that are received, in the order in which they arrive
//! ```
//!
//! Three threads, because writing a large snapshot takes seconds, and nobody should wait for it: neither peers that are
//! behind, nor this node when it is. Each job is answered by one input for the replica; when a thread cannot take it,
//! at once.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use tokio::sync::mpsc;

use super::journal_thread::describe;
use crate::replica::{Fetch, Input, SnapshotJob};
use crate::storage::{LogReader, SnapshotDesk, SnapshotStore};

/// Most reads that wait. The replica asks for one per peer and two for itself, far below this.
pub const READS_MAX: usize = 64;

/// Most jobs on snapshots that wait for one thread. The replica asks for at most one to take and one to store or
/// install.
pub const SNAPSHOT_JOBS_MAX: usize = 8;

/// How much the thread that takes snapshots steps back where processors are scarce: a tenth of the weight of a thread
/// that serves a client. With less a busy machine might never finish one, and the log would grow meanwhile.
const TAKER_NICENESS: i32 = 10;

/// Something to read.
enum Read {
    Log(Fetch),
    /// Only `SnapshotJob::Fetch`.
    Snapshot(SnapshotJob),
}

/// The turn's end of the threads.
pub struct Worker {
    reads: SyncSender<Read>,
    takes: SyncSender<SnapshotJob>,
    receives: SyncSender<SnapshotJob>,
    done: mpsc::Receiver<Input>,
    reader: JoinHandle<()>,
}

impl Worker {
    pub fn spawn(reader: LogReader, snapshots: SnapshotStore) -> std::io::Result<Worker> {
        let (reads, reads_to_do) = sync_channel(READS_MAX);
        let (takes, takes_to_do) = sync_channel(SNAPSHOT_JOBS_MAX);
        let (receives, receives_to_do) = sync_channel(SNAPSHOT_JOBS_MAX);
        let (answers, done) = mpsc::channel(READS_MAX + 2 * SNAPSHOT_JOBS_MAX);
        let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
        // These two are not joined: a node that stops does not wait for a snapshot. One that is half written is removed
        // at the next start, and what is half received is gone on with.
        let (desk, taken) = (SnapshotDesk::new(snapshots.clone()), answers.clone());
        drop(thread("taker").spawn(move || {
            // Of this thread alone; where the system refuses, it only matters to latency.
            let _ = rustix::process::nice(TAKER_NICENESS);
            work_until_closed(desk, &takes_to_do, &taken);
        })?);
        let (desk, received) = (SnapshotDesk::new(snapshots.clone()), answers.clone());
        drop(thread("receiver").spawn(move || work_until_closed(desk, &receives_to_do, &received))?);
        let reader = thread("reader")
            .spawn(move || read_until_closed(&reader, SnapshotDesk::new(snapshots), &reads_to_do, &answers))?;
        Ok(Worker { reads, takes, receives, done, reader })
    }

    /// Queues a read of log files. Gives the answer when that cannot be.
    #[must_use]
    pub fn fetch(&self, fetch: Fetch) -> Option<Input> {
        let id = fetch.id;
        match self.reads.try_send(Read::Log(fetch)) {
            Ok(()) => None,
            Err(error) => Some(Input::Fetched { id, result: Err(refusal(&error)) }),
        }
    }

    /// Queues a job on snapshot files. Gives the answer when that cannot be.
    #[must_use]
    pub fn submit(&self, job: SnapshotJob) -> Option<Input> {
        if matches!(job, SnapshotJob::Fetch { .. }) {
            return match self.reads.try_send(Read::Snapshot(job)) {
                Err(TrySendError::Full(Read::Snapshot(job)) | TrySendError::Disconnected(Read::Snapshot(job))) => {
                    Some(job.failed("the reader of files is busy".to_owned()))
                }
                _ => None,
            };
        }
        let queue = if matches!(job, SnapshotJob::Take { .. }) { &self.takes } else { &self.receives };
        match queue.try_send(job) {
            Ok(()) => None,
            Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => {
                Some(job.failed("the writer of snapshots is busy".to_owned()))
            }
        }
    }

    pub async fn done(&mut self) -> Option<Input> {
        self.done.recv().await
    }

    pub fn try_done(&mut self) -> Option<Input> {
        self.done.try_recv().ok()
    }

    pub fn close(self) {
        let Worker { reads, takes, receives, mut done, reader } = self;
        drop((reads, takes, receives));
        done.close();
        // A panic of the reader has been printed by the runtime; there is nothing left to save here.
        let _ = reader.join();
    }
}

fn refusal<T>(error: &TrySendError<T>) -> String {
    match error {
        TrySendError::Full(_) => "the reader of files is busy".to_owned(),
        TrySendError::Disconnected(_) => "the reader of files has ended".to_owned(),
    }
}

fn read_until_closed(
    reader: &LogReader,
    mut desk: SnapshotDesk,
    reads: &Receiver<Read>,
    answers: &mpsc::Sender<Input>,
) {
    while let Ok(read) = reads.recv() {
        let answer = match read {
            Read::Log(fetch) => {
                let result = reader.read(fetch.first, fetch.last, fetch.max_bytes).map_err(|error| describe(&error));
                Input::Fetched { id: fetch.id, result }
            }
            Read::Snapshot(job) => job.carry_out(&mut desk, describe),
        };
        if answers.blocking_send(answer).is_err() {
            return;
        }
    }
}

fn work_until_closed(mut desk: SnapshotDesk, jobs: &Receiver<SnapshotJob>, answers: &mpsc::Sender<Input>) {
    while let Ok(job) = jobs.recv() {
        if answers.blocking_send(job.carry_out(&mut desk, describe)).is_err() {
            return;
        }
    }
}
