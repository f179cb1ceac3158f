//! What a leader knows of one peer: how far it is equal, what is on the way, and whether to probe or to stream (R37).

use core::time::Duration;
use std::collections::VecDeque;

use super::types::{Index, NodeId, Time};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PeerState {
    /// One append at a time, until it is known where the logs agree.
    Probe,
    /// Many appends on the way, `next` moves ahead of the answers.
    Replicate,
}

impl PeerState {
    pub fn word(self) -> &'static str {
        match self {
            PeerState::Probe => "probe",
            PeerState::Replicate => "replicate",
        }
    }
}

/// Limits of what may be on the way to one peer (R38).
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub messages: usize,
    pub bytes: u64,
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
}

impl Progress {
    pub(super) fn new(id: NodeId, generation: u32, last: Index) -> Progress {
        Progress {
            id,
            generation,
            state: PeerState::Probe,
            matched: Index(0),
            next: last.next(),
            contact: None,
            paused: false,
            commit_told: Index(0),
            nudge: false,
            read_seq: 0,
            hello: None,
            short_since: None,
            is_suspect: false,
            in_flight: VecDeque::new(),
            in_flight_bytes: 0,
        }
    }

    /// The peer has lost what it had: nothing it acknowledged so far counts, and replies on the way are void (R66).
    pub(super) fn begin_again(&mut self, last: Index) {
        let (generation, contact, read_seq) = (self.generation.wrapping_add(1), self.contact, self.read_seq);
        *self = Progress { contact, read_seq, ..Progress::new(self.id, generation, last) };
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

    /// Facts between any two inputs; `last` is the end of the leader's log (I9, R38).
    pub(super) fn check(&self, last: Index, messages_max: usize) {
        assert!(self.matched < self.next, "what is confirmed is not sent again (I9)");
        assert!(self.next <= last.next(), "nothing behind the end of the log is sent");
        assert!(self.in_flight.len() <= messages_max, "a window keeps its limit (R38)");
        assert!(self.state == PeerState::Replicate || self.in_flight.is_empty(), "a probed peer has no window");
    }

    pub(super) fn probe_from(&mut self, next: Index) {
        self.enter(PeerState::Probe);
        self.next = next.max(self.matched.next());
    }

    pub(super) fn enter(&mut self, state: PeerState) {
        self.state = state;
        self.paused = false;
        self.nudge = false;
        self.in_flight.clear();
        self.in_flight_bytes = 0;
    }
}
