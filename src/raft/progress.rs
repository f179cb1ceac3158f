//! What a leader knows of one peer: how far it is equal, what is on the way, and whether to probe or to stream (R37).

use core::hash::{Hash, Hasher};
use core::time::Duration;
use std::collections::VecDeque;

use super::catch_up::CatchUp;
use super::snapshot::SnapshotMeta;
use super::types::{Index, NodeId, Time};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PeerState {
    /// One append at a time, until it is known where the logs agree.
    Probe,
    /// Many appends on the way, `next` moves ahead of the answers.
    Replicate,
    /// What it needs is compacted away: a snapshot is on its way, and no appends are (R85).
    Snapshot,
}

impl PeerState {
    pub fn word(self) -> &'static str {
        match self {
            PeerState::Probe => "probe",
            PeerState::Replicate => "replicate",
            PeerState::Snapshot => "snapshot",
        }
    }
}

/// Limits of what may be on the way to one peer (R38).
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub messages: usize,
    pub bytes: u64,
}

/// A peer that is no member any more is told so, for a while (R77).
#[derive(Clone, Copy, Debug)]
pub(super) struct Goodbye {
    /// Index of the configuration without it.
    pub removed_at: Index,
    /// When to give up, once the removal is committed.
    pub until: Option<Time>,
}

#[derive(Clone, Debug)]
pub(super) struct Progress {
    pub id: NodeId,
    /// Which life of tracking this is; replies to an earlier one are void (R36, R78).
    pub generation: u32,
    pub state: PeerState,
    /// Everything up to here is durable at the peer and equal to the leader's log (I9).
    pub matched: Index,
    /// The next entry to send; always greater than `matched`.
    pub next: Index,
    /// When the peer last answered in this reign.
    pub contact: Option<Time>,
    /// Since when an answer of this peer could be expected: it stands in for its contact until there is a later one
    /// (R22).
    pub counted_since: Time,
    /// For a learner: whether it keeps up (R75).
    pub catch_up: Option<CatchUp>,
    /// For a peer that was removed.
    pub goodbye: Option<Goodbye>,
    /// In Probe: an append is out and unanswered.
    pub paused: bool,
    /// The commit index the peer was last told.
    pub commit_told: Index,
    /// One empty append is owed: a heartbeat reply showed that something may be lost (R39).
    pub nudge: bool,
    /// The newest read round the peer has confirmed (R94).
    pub read_seq: u64,
    /// The incarnation in which the peer last declared its log damaged, and the end of the log that it was told (R66).
    pub hello: Option<(u64, Index)>,
    /// Since when it answers with a log shorter than `matched` (R45).
    pub short_since: Option<Time>,
    /// It has done so for too long: it does not count for commits until it acknowledges `matched` again.
    pub is_suspect: bool,
    /// Last index and bytes of each append on the way, in Replicate.
    in_flight: VecDeque<(Index, u64)>,
    in_flight_bytes: u64,
    /// In Snapshot: how far the transfer is.
    pub sending: Option<Sending>,
}

/// A snapshot on its way to one peer, one chunk at a time (R88).
#[derive(Clone, Debug)]
pub(super) struct Sending {
    pub meta: SnapshotMeta,
    /// Where the chunk that is on its way begins, or the next one; the size when the peer holds all of the file.
    pub offset: u64,
    /// When that chunk left, or when the peer said that it holds all; none when the next chunk may leave.
    pub waits_since: Option<Time>,
}

impl Progress {
    pub(super) fn new(id: NodeId, generation: u32, last: Index, now: Time) -> Progress {
        Progress {
            id,
            generation,
            state: PeerState::Probe,
            matched: Index(0),
            next: last.next(),
            contact: None,
            counted_since: now,
            catch_up: None,
            goodbye: None,
            paused: false,
            commit_told: Index(0),
            nudge: false,
            read_seq: 0,
            hello: None,
            short_since: None,
            is_suspect: false,
            in_flight: VecDeque::new(),
            in_flight_bytes: 0,
            sending: None,
        }
    }

    /// The peer has lost what it had: nothing it acknowledged so far counts, and replies on the way are void (R66).
    pub(super) fn begin_again(&mut self, now: Time, generation: u32, last: Index) {
        let catch_up = self.catch_up.as_ref().map(|_| CatchUp::begin(now, last));
        *self = Progress {
            contact: self.contact,
            counted_since: self.counted_since,
            catch_up,
            goodbye: self.goodbye,
            read_seq: self.read_seq,
            ..Progress::new(self.id, generation, last, now)
        };
    }

    /// What counts for commits.
    pub(super) fn counted(&self) -> Index {
        if self.is_suspect { Index(0) } else { self.matched }
    }

    /// Notes how long a peer's log is by its own account. Gives true when it has been too short for `patience`; one
    /// such answer alone may be late (R45).
    pub(super) fn note_length(&mut self, now: Time, last: Index, patience: Duration) -> bool {
        if last >= self.matched {
            self.short_since = None;
            return false;
        }
        let since = *self.short_since.get_or_insert(now);
        let is_news = !self.is_suspect && now.since(since) >= patience;
        self.is_suspect |= is_news;
        is_news
    }

    pub(super) fn is_full(&self, window: Window) -> bool {
        self.in_flight.len() >= window.messages || self.in_flight_bytes >= window.bytes
    }

    /// Whether the peer answered in this reign, less than `patience` ago.
    pub(super) fn is_heard(&self, now: Time, patience: Duration) -> bool {
        self.contact.is_some_and(|contact| now.since(contact) < patience)
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// An append up to `last` has been built.
    pub(super) fn sent(&mut self, last: Index, bytes: u64) {
        match self.state {
            PeerState::Probe => self.paused = true,
            PeerState::Replicate => {
                self.next = last.next();
                self.in_flight.push_back((last, bytes));
                self.in_flight_bytes += bytes;
            }
            PeerState::Snapshot => unreachable!("no appends are built while a snapshot is on its way"),
        }
    }

    /// The peer holds everything up to `index`. Gives whether that was news.
    pub(super) fn acked(&mut self, index: Index) -> bool {
        while let Some((last, bytes)) = self.in_flight.front().copied()
            && last <= index
        {
            self.in_flight.pop_front();
            self.in_flight_bytes -= bytes;
        }
        if index >= self.matched {
            self.short_since = None;
            self.is_suspect = false;
        }
        self.next = self.next.max(index.next());
        self.paused = false;
        let news = index > self.matched;
        self.matched = self.matched.max(index);
        news
    }

    /// Everything but instants.
    pub(super) fn hash_behaviour<H: Hasher>(&self, hasher: &mut H) {
        let Progress {
            id,
            generation,
            state,
            matched,
            next,
            contact: _,
            counted_since: _,
            catch_up,
            goodbye,
            paused,
            commit_told,
            nudge,
            read_seq,
            in_flight,
            in_flight_bytes,
            sending,
            hello,
            short_since: _,
            is_suspect,
        } = self;
        (hello, is_suspect).hash(hasher);
        (id, generation, state, matched, next, paused).hash(hasher);
        (commit_told, nudge, read_seq, in_flight, in_flight_bytes).hash(hasher);
        goodbye.map(|Goodbye { removed_at, until }| (removed_at, until.is_some())).hash(hasher);
        let sending =
            sending.as_ref().map(|Sending { meta, offset, waits_since }| (meta, offset, waits_since.is_some()));
        (sending, catch_up.is_some()).hash(hasher);
        if let Some(catch_up) = catch_up {
            catch_up.hash_behaviour(hasher);
        }
    }

    /// Facts between any two inputs; `last` is the end of the leader's log (I9, R38).
    pub(super) fn check(&self, last: Index, messages_max: usize) {
        assert!(self.matched < self.next, "what is confirmed is not sent again (I9)");
        assert!(self.next <= last.next(), "nothing behind the end of the log is sent");
        assert!(self.in_flight.len() <= messages_max, "a window keeps its limit (R38)");
        assert!(self.state == PeerState::Replicate || self.in_flight.is_empty(), "a probed peer has no window");
        let sends = self.sending.is_some();
        assert_eq!(sends, self.state == PeerState::Snapshot, "a transfer lives as long as its peer's state (R37)");
    }

    pub(super) fn probe_from(&mut self, next: Index) {
        self.enter(PeerState::Probe);
        self.next = next.max(self.matched.next());
    }

    /// A snapshot goes to the peer, from its beginning.
    pub(super) fn start_sending(&mut self, meta: SnapshotMeta) {
        self.enter(PeerState::Snapshot);
        self.sending = Some(Sending { meta, offset: 0, waits_since: None });
    }

    pub(super) fn enter(&mut self, state: PeerState) {
        self.state = state;
        self.sending = None;
        self.paused = false;
        self.nudge = false;
        self.in_flight.clear();
        self.in_flight_bytes = 0;
    }
}
