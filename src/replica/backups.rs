//! Snapshots for clients: backups.
//!
//! A client first learns from a linearizable read up to where its backup must reach, asks any node for a snapshot that
//! reaches so far, and then for one part of its file after another. Nothing is kept for it between two parts: who stops
//! asking costs nothing, and a snapshot that is replaced meanwhile is asked for anew. Taking one is `snapshots`' work.

use bytes::Bytes;

use super::exchange::FetchId;
use super::mind::Replica;
use super::snapshots::SnapshotJob;
use crate::api::{Answer, ClientId, Refused, SNAPSHOT_PART_BYTES_MAX};
use crate::raft::{Index, SnapshotId};

/// Most clients that wait for a snapshot to be taken.
const WAITING_MAX: usize = 16;

/// Most parts that are being read for clients.
const READING_MAX: usize = 16;

/// What clients wait for.
#[derive(Debug, Default)]
pub(super) struct Backups {
    waiting: Vec<Waiting>,
    reading: Vec<(FetchId, Asked)>,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    client: ClientId,
    request: u64,
}

#[derive(Debug)]
struct Waiting {
    asked: Asked,
    at_least: Index,
}

impl Backups {
    /// Nobody reads the answers any more.
    pub(super) fn forget(&mut self, client: ClientId) {
        self.waiting.retain(|waiting| waiting.asked.client != client);
        self.reading.retain(|(_, asked)| asked.client != client);
    }
}

impl Replica {
    pub(super) fn take_backup_request(&mut self, client: ClientId, request: u64, at_least: Index) {
        if self.backups.waiting.len() >= WAITING_MAX {
            return self.answer(client, request, Answer::Refused(Refused::Busy));
        }
        self.backups.waiting.push(Waiting { asked: Asked { client, request }, at_least });
    }

    /// Answers those whose snapshot is there, and has one taken for the others as soon as enough is applied.
    pub(super) fn settle_backups(&mut self) {
        if self.backups.waiting.is_empty() {
            return;
        }
        let newest = self.core.snapshot().map(|snapshot| snapshot.id());
        let reached = newest.map_or(Index(0), |id| id.last.index);
        let all = core::mem::take(&mut self.backups.waiting).into_iter();
        let (served, waiting): (Vec<Waiting>, _) = all.partition(|waiting| waiting.at_least <= reached);
        self.backups.waiting = waiting;
        for Waiting { asked, .. } in served {
            let snapshot = newest.expect("nothing is reached without one");
            self.answer(asked.client, asked.request, Answer::Snapshot(snapshot));
        }
        let applied = Index(self.machine.applied());
        if self.backups.waiting.iter().any(|waiting| waiting.at_least <= applied) {
            self.ask_for_snapshot();
        }
    }

    /// A snapshot could not be taken: whoever waits for one is told, and may ask somebody else.
    pub(super) fn refuse_backups(&mut self, because: &str) {
        for Waiting { asked, .. } in core::mem::take(&mut self.backups.waiting) {
            let because = format!("no snapshot could be taken: {because}");
            self.answer(asked.client, asked.request, Answer::Refused(Refused::Unavailable { because }));
        }
    }

    pub(super) fn take_part_request(
        &mut self,
        client: ClientId,
        request: u64,
        snapshot: SnapshotId,
        offset: u64,
        length: u32,
    ) {
        if self.backups.reading.len() >= READING_MAX {
            return self.answer(client, request, Answer::Refused(Refused::Busy));
        }
        let left = u32::try_from(snapshot.size_bytes.saturating_sub(offset)).unwrap_or(u32::MAX);
        let length = length.min(SNAPSHOT_PART_BYTES_MAX).min(left);
        if length == 0 {
            let because = "there is nothing of a snapshot behind its end".to_owned();
            return self.answer(client, request, Answer::Refused(Refused::Invalid { because }));
        }
        let id = self.new_fetch_id();
        self.backups.reading.push((id, Asked { client, request }));
        self.snapshots.push_job(SnapshotJob::Fetch { id, snapshot, offset, length });
    }

    /// The bytes of a part, if it was a client that asked for them; else they are given back.
    pub(super) fn take_part(&mut self, id: FetchId, result: Result<Bytes, String>) -> Option<Result<Bytes, String>> {
        let Some(at) = self.backups.reading.iter().position(|(reading, _)| *reading == id) else { return Some(result) };
        let (_, asked) = self.backups.reading.swap_remove(at);
        let answer = match result {
            Ok(bytes) => Answer::SnapshotPart(bytes),
            Err(because) => Answer::Refused(Refused::Unavailable { because }),
        };
        self.answer(asked.client, asked.request, answer);
        None
    }
}
