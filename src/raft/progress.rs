//! What a leader knows of one peer: how far it is equal, what is on the way, and whether to probe or to stream (R37).

use core::hash::{Hash, Hasher};
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
            in_flight: VecDeque::new(),
            in_flight_bytes: 0,
        }
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
            paused,
            commit_told,
            nudge,
            read_seq,
            in_flight,
            in_flight_bytes,
        } = self;
        (id, generation, state, matched, next, paused).hash(hasher);
        (commit_told, nudge, read_seq, in_flight, in_flight_bytes).hash(hasher);
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
