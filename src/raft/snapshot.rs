//! Snapshots and compaction: what a snapshot stands for, when a peer needs one, and how one is sent in chunks and
//! installed (§7, R82–R92).
//!
//! Consensus sees metadata only: the bytes of snapshots are written, read and checked by whoever runs it, outside of
//! its turns. What is installed is decided when the whole file is durable, against the log as it is then, so that
//! appends and commits may go on meanwhile.

use core::fmt;
use core::hash::{Hash, Hasher};
use std::sync::Arc;

use super::config::Config;
use super::core::Core;
use super::durability::Durability;
use super::effects::Fault;
use super::event::Event;
use super::log::Log;
use super::message::{Message, Snapshot, SnapshotOutcome, SnapshotReply};
use super::progress::{PeerState, Progress, Sending};
use super::rules::Rule;
use super::types::{Index, LogId, NodeId, Role, Term, Time, WriteSeq};

/// What a snapshot stands for: the whole log up to `last`, and which file says so (R82).
///
/// Two snapshots are the same one exactly when their metadata are equal; chunks of different ones are never mixed, not
/// even at one log id (R88).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SnapshotMeta {
    /// The last entry the snapshot covers.
    pub last: LogId,
    /// The configuration in force at `last`.
    pub config: Arc<Config>,
    /// Index of the entry that brought `config`; not above `last`.
    pub config_index: Index,
    /// Size of the file, in bytes.
    pub size_bytes: u64,
    /// Digest of the whole file.
    pub digest: u64,
    /// Check of the record of `last`, which the record after it continues.
    pub link: u32,
    /// Encoded bytes of all entries from the first of the log to `last`.
    pub log_bytes: u64,
}

/// Names one snapshot file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotId {
    pub last: LogId,
    pub size_bytes: u64,
    pub digest: u64,
}

impl SnapshotMeta {
    pub fn id(&self) -> SnapshotId {
        SnapshotId { last: self.last, size_bytes: self.size_bytes, digest: self.digest }
    }
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}B#{:04x}", self.last, self.size_bytes, self.digest & 0xffff)
    }
}

/// Bytes of a snapshot that a leader sent and that belong into the file as it is being received. The shell has them
/// from the message that is answered when they are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkToStore {
    pub meta: SnapshotMeta,
    pub offset: u64,
    pub length: u32,
}

/// What became of a snapshot that was stored as a whole (R86).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Installation {
    /// The log was discarded and begins anew behind the snapshot: the state machine must be replaced by its content.
    Replaced,
    /// The log holds all of it already: the state machine goes on as it is.
    NotNeeded,
}

/// A snapshot on its way in.
#[derive(Clone, Debug)]
pub(super) struct Receiving {
    meta: SnapshotMeta,
    from: NodeId,
    /// The term of the newest chunk.
    term: Term,
    generation: u32,
    /// Bytes stored, from the beginning on.
    stored: u64,
    /// Offset of the chunk that is answered next.
    answering: u64,
    stage: Stage,
    /// The write that makes `term` durable: a file that names a later term must not become durable before (I11).
    term_write: WriteSeq,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Stage {
    WaitsForChunk,
    Storing,
    /// All is stored; installing begins once the term is durable.
    Whole,
    Installing,
}

impl Receiving {
    /// Everything; of the write only whether it is done.
    pub(super) fn hash_behaviour<H: Hasher>(&self, disk: &Durability, state: &mut H) {
        let Receiving { meta, from, term, generation, stored, answering, stage, term_write } = self;
        (meta, from, term, generation, stored, answering, stage, disk.is_persisted(*term_write)).hash(state);
    }
}

/// As whoever takes snapshots.
impl Core {
    /// A snapshot of this node's own state is durable. Forgets the entries that nobody needs any more (R84).
    ///
    /// One that is not newer than the newest known changes nothing (R83).
    pub fn snapshot_taken(&mut self, now: Time, meta: SnapshotMeta) {
        assert!(meta.last.index <= self.applied, "only what is applied is in a snapshot (R82)");
        if self.fault().is_some() || self.snapshot_index() >= meta.last.index {
            return;
        }
        assert_eq!(self.log.term_at(meta.last.index), Some(meta.last.term), "a snapshot ends with an entry of the log");
        self.events.push(Event::SnapshotTaken { last: meta.last });
        self.snapshot = Some(meta);
        self.compact(now);
        self.check();
    }

    /// The newest snapshot that is durable here.
    pub fn snapshot(&self) -> Option<&SnapshotMeta> {
        self.snapshot.as_ref()
    }

    /// Encoded bytes of all entries from the first of the log to `index`, which must not be compacted away.
    pub fn log_bytes(&self, index: Index) -> u64 {
        self.log.bytes_upto(index)
    }

    fn snapshot_index(&self) -> Index {
        self.snapshot.as_ref().map_or(Index(0), |snapshot| snapshot.last.index)
    }

    /// Forgets what the newest snapshot covers, but keeps the newest entries below it, and more for peers that are
    /// heard and still need them, up to a limit (R84).
    fn compact(&mut self, now: Time) {
        let covered = self.snapshot_index();
        let behind = |entries: u64| Index(covered.0.saturating_sub(entries));
        let mut upto = behind(self.options.retain_entries);
        let patience = self.options.election_timeout;
        for peer in self.leading.iter().flat_map(|leading| &leading.peers) {
            if peer.is_heard(now, patience) {
                upto = upto.min(peer.sending.as_ref().map_or(peer.matched, |sending| sending.meta.last.index));
            }
        }
        let upto = upto.max(behind(self.options.retain_entries_max));
        if upto > self.log.base().index {
            self.log.compact(upto);
            self.disk.compacted(upto);
            self.events.push(Event::Compacted { upto });
        }
    }
}

/// As leader.
impl Core {
    /// Whether what the peer needs next is compacted away (R37).
    pub(super) fn needs_snapshot(&self, peer: &Progress) -> bool {
        peer.next.prev() < self.log.base().index
    }

    /// The next chunk for the peer at `position`, if a snapshot is on its way to it or can be.
    pub(super) fn next_chunk(&mut self, now: Time, position: usize) -> Option<(NodeId, Snapshot)> {
        let peer = self.leading.as_ref()?.peers.get(position)?;
        let is_heard = |peer: &Progress| peer.is_heard(now, self.options.election_timeout);
        if peer.state == PeerState::Snapshot {
            if !is_heard(peer) {
                self.stop_sending(peer.id, "it has fallen silent");
                return None;
            }
        } else if !self.needs_snapshot(peer) || !is_heard(peer) || peer.state == PeerState::Probe && peer.paused {
            return None;
        } else {
            self.start_sending(position)?;
        }
        let chunk_bytes = self.options.max_chunk_bytes.max(1);
        let peer = self.leading.as_mut()?.peers.get_mut(position)?;
        let (id, generation) = (peer.id, peer.generation);
        let sending = peer.sending.as_mut().expect("a transfer lives as long as its peer's state (R37)");
        let left = sending.meta.size_bytes - sending.offset;
        if sending.waits_since.is_some() || left == 0 {
            return None;
        }
        sending.waits_since = Some(now);
        let length = u32::try_from(left.min(u64::from(chunk_bytes))).expect("it is at most a chunk");
        Some((id, Snapshot { meta: sending.meta.clone(), offset: sending.offset, length, generation }))
    }

    /// Turns to the newest snapshot for a peer, unless too many transfers are under way (R85).
    fn start_sending(&mut self, position: usize) -> Option<()> {
        let meta = self.snapshot.clone().expect("what is compacted is covered by a snapshot (R84)");
        let limit = self.options.max_snapshot_transfers;
        let leading = self.leading.as_mut()?;
        let running = leading.peers.iter().filter(|peer| peer.state == PeerState::Snapshot).count();
        if running >= limit {
            return None;
        }
        let peer = &mut leading.peers[position];
        let (id, from) = (peer.id, peer.state);
        peer.start_sending(meta);
        self.note_peer(id, from, PeerState::Snapshot, "what it needs next is compacted away");
        Some(())
    }

    /// The snapshot cannot be read, or a chunk was lost on the way out: the next answered heartbeat starts anew (R85).
    pub fn snapshot_lost(&mut self, peer: NodeId) {
        self.stop_sending(peer, "its snapshot cannot be read");
        self.check();
    }

    /// Ends a transfer without success; where the peer is, is found out again once it answers a heartbeat (R90).
    pub(super) fn stop_sending(&mut self, id: NodeId, because: &'static str) {
        let Some(peer) = self.peer_mut(id).filter(|peer| peer.state == PeerState::Snapshot) else { return };
        peer.probe_from(peer.matched.next());
        peer.paused = true;
        self.note_peer(id, PeerState::Snapshot, PeerState::Probe, because);
    }

    pub(super) fn on_snapshot_reply(&mut self, now: Time, from: NodeId, reply: &SnapshotReply) {
        let Some(peer) = self.tracked(from, reply.generation) else { return };
        peer.contact = Some(now);
        let answered = peer.sending.as_mut().filter(|sending| sending.meta.id() == reply.snapshot);
        match reply.outcome {
            SnapshotOutcome::Installed { index } => {
                let is_done = answered.is_some();
                self.on_ack(from, index);
                // The log may have been compacted beyond what was sent: the next transfer begins at once.
                if let Some(peer) = self.peer_mut(from).filter(|peer| is_done && peer.state == PeerState::Snapshot) {
                    peer.probe_from(index.next());
                    self.note_peer(from, PeerState::Snapshot, PeerState::Probe, "it installed its snapshot");
                }
            }
            // An answer to a chunk that is not the one on its way is late or repeated; two chunks would be on their
            // way from then on.
            SnapshotOutcome::Next { offset } => {
                let is_current = |sending: &&mut Sending| {
                    sending.waits_since.is_some() && sending.offset == reply.offset && offset <= sending.meta.size_bytes
                };
                if let Some(sending) = answered.filter(is_current) {
                    sending.offset = offset;
                    sending.waits_since = (offset == sending.meta.size_bytes).then_some(now);
                }
            }
            SnapshotOutcome::Failed if answered.is_some() => self.stop_sending(from, "it could not take its snapshot"),
            SnapshotOutcome::Failed => {}
        }
    }

    /// A heartbeat's answer shows that the peer has what its snapshot holds, or that a chunk or its answer must have
    /// been lost (R90).
    pub(super) fn review_sending(&mut self, now: Time, from: NodeId, commit: Index) {
        let (patience, chunk_bytes) = (self.options.election_timeout, u64::from(self.options.max_chunk_bytes.max(1)));
        let Some(peer) = self.peer_mut(from) else { return };
        let Some(sending) = &mut peer.sending else { return };
        if commit >= sending.meta.last.index {
            let next = sending.meta.last.index.next();
            peer.probe_from(next);
            return self.note_peer(from, PeerState::Snapshot, PeerState::Probe, "it has what its snapshot holds");
        }
        if sending.waits_since.is_some_and(|since| now.since(since) >= patience) {
            // Once the peer has said that it holds all, the last chunk asks again.
            sending.offset = sending.offset.min((sending.meta.size_bytes - 1) / chunk_bytes * chunk_bytes);
            sending.waits_since = None;
        }
    }
}

/// As follower.
impl Core {
    /// Whether a snapshot is being turned into this node's state; it does not campaign meanwhile (R87).
    pub fn is_installing(&self) -> bool {
        self.receiving.as_ref().is_some_and(|receiving| receiving.stage == Stage::Installing)
    }

    pub(super) fn on_snapshot(&mut self, now: Time, from: NodeId, chunk: Snapshot) {
        if !self.accept_leader(now, from) {
            return;
        }
        let last = chunk.meta.last;
        let own = self.log.term_at(last.index).filter(|_| self.keeps_suffix(last));
        if last.index <= self.commit && own.is_some_and(|own| own != last.term) {
            self.drop_message(from, "its snapshot ends where another entry is committed");
            return self.answer_chunk(from, &chunk, SnapshotOutcome::Failed);
        }
        if last.index <= self.commit || own == Some(last.term) {
            self.take_as_proven(last.index);
            let index = last.index.max(self.commit);
            self.forget_receiving();
            return self.answer_chunk(from, &chunk, SnapshotOutcome::Installed { index });
        }
        self.receive_chunk(from, chunk);
    }

    /// What follows the end of a snapshot that the log holds stays where it is (R86).
    fn keeps_suffix(&self, last: LogId) -> bool {
        last.index <= self.commit || self.rules.keeps(Rule::SuffixKept)
    }

    /// The leader holds everything up to `index` as it is here, and it is committed (R86).
    fn take_as_proven(&mut self, index: Index) {
        self.verified = self.verified.max(index);
        if index > self.commit {
            self.set_commit(index);
        }
        self.end_recovering();
    }

    /// Nothing more is needed of the snapshot on its way in, unless it is being installed: that is decided at its end.
    fn forget_receiving(&mut self) {
        if !self.is_installing() {
            self.receiving = None;
        }
    }

    fn receive_chunk(&mut self, from: NodeId, chunk: Snapshot) {
        let age = (self.term, chunk.meta.last.index);
        match &mut self.receiving {
            Some(receiving) if receiving.meta == chunk.meta => {
                (receiving.from, receiving.term, receiving.generation) = (from, self.term, chunk.generation);
            }
            Some(receiving) if receiving.stage == Stage::Installing => return,
            Some(receiving) if (receiving.term, receiving.meta.last.index) >= age => {
                return self.drop_message(from, "another snapshot is on its way");
            }
            _ => self.receiving = Some(self.begin_receiving(from, &chunk)),
        }
        let receiving = self.receiving.as_mut().expect("one is on its way now");
        match receiving.stage {
            Stage::Storing => {}
            Stage::WaitsForChunk if chunk.offset == receiving.stored => {
                receiving.stage = Stage::Storing;
                receiving.answering = chunk.offset;
                let (meta, offset, length) = (chunk.meta, chunk.offset, chunk.length);
                self.store_due = Some(Box::new(ChunkToStore { meta, offset, length }));
            }
            Stage::WaitsForChunk | Stage::Whole | Stage::Installing => {
                let offset = receiving.stored;
                self.answer_chunk(from, &chunk, SnapshotOutcome::Next { offset });
            }
        }
    }

    fn begin_receiving(&mut self, from: NodeId, chunk: &Snapshot) -> Receiving {
        self.events.push(Event::SnapshotOffered { from, snapshot: chunk.meta.id() });
        Receiving {
            meta: chunk.meta.clone(),
            from,
            term: self.term,
            generation: chunk.generation,
            stored: 0,
            answering: 0,
            stage: Stage::WaitsForChunk,
            term_write: self.disk.newest(),
        }
    }

    /// The chunk that was to be stored is: the first `stored` bytes of the file are there, which may be more than that
    /// chunk brought when an earlier attempt left some. None when it could not be stored, or what is there does not
    /// fit; then the leader begins again.
    pub fn chunk_stored(&mut self, id: SnapshotId, stored: Option<u64>) {
        let is_stopped = self.fault().is_some();
        let Some(receiving) = &mut self.receiving else { return };
        if is_stopped || receiving.meta.id() != id || receiving.stage != Stage::Storing {
            return;
        }
        let outcome = match stored {
            Some(offset) => {
                receiving.stored = offset.min(id.size_bytes);
                receiving.stage = if offset >= id.size_bytes { Stage::Whole } else { Stage::WaitsForChunk };
                SnapshotOutcome::Next { offset: receiving.stored }
            }
            None => SnapshotOutcome::Failed,
        };
        self.answer_receiving(outcome);
        if stored.is_none() {
            self.receiving = None;
        }
        self.check();
    }

    /// The snapshot to install now, if one is whole and may become durable.
    pub(super) fn take_install(&mut self) -> Option<Box<SnapshotMeta>> {
        let receiving = self.receiving.as_mut()?;
        if receiving.stage != Stage::Whole || !self.disk.is_persisted(receiving.term_write) {
            return None;
        }
        receiving.stage = Stage::Installing;
        Some(Box::new(receiving.meta.clone()))
    }

    /// The snapshot that was to be installed cannot be: its bytes are not what was announced, or the disk refused.
    pub fn install_failed(&mut self) {
        if self.fault().is_some() || !self.is_installing() {
            return;
        }
        self.answer_receiving(SnapshotOutcome::Failed);
        self.receiving = None;
        self.check();
    }

    /// The snapshot that was to be installed is durable as a file and can be read. Decides, against the log as it is
    /// now, what becomes of it (R86).
    pub fn snapshot_installed(&mut self, now: Time) -> Installation {
        if self.fault().is_some() || !self.is_installing() {
            return Installation::NotNeeded;
        }
        let last = self.receiving.as_ref().expect("it is being installed").meta.last;
        let needed =
            last.index > self.commit && (self.log.term_at(last.index) != Some(last.term) || !self.keeps_suffix(last));
        if needed && self.role == Role::Leader {
            self.poison(Fault::Invariant { what: format!("{last} is committed, but not in the log of this leader") });
            return Installation::NotNeeded;
        }
        if needed {
            self.replace_log();
        } else {
            self.take_as_proven(last.index);
        }
        let index = last.index.max(self.commit);
        self.answer_receiving(SnapshotOutcome::Installed { index });
        self.snapshot_ahead = self.receiving.take().map(|receiving| receiving.meta);
        self.adopt_snapshot_ahead();
        self.compact(now);
        self.check();
        if needed { Installation::Replaced } else { Installation::NotNeeded }
    }

    /// An installed snapshot becomes this node's own once the state machine has come to where it ends. Entries are
    /// forgotten with the next one that is taken.
    pub(super) fn adopt_snapshot_ahead(&mut self) {
        let applied = self.applied;
        let Some(ahead) = self.snapshot_ahead.take_if(|ahead| ahead.last.index <= applied) else { return };
        if ahead.last.index > self.snapshot_index() {
            self.snapshot = Some(ahead);
        }
    }

    /// Discards the whole log and everything derived from it (R86 case 3).
    fn replace_log(&mut self) {
        let receiving = self.receiving.as_ref().expect("it is being installed");
        let (meta, from) = (receiving.meta.clone(), receiving.from);
        let index = meta.last.index;
        self.log = Log::behind(meta.last, meta.log_bytes);
        self.disk.reset(meta.clone());
        (self.commit, self.applied, self.apply_told, self.verified) = (index, index, index, index);
        self.events.push(Event::SnapshotInstalled { last: meta.last, from });
        let keeps = self.rules.keeps(Rule::SnapshotConfig);
        if keeps && self.membership.replaced(meta.config_index, meta.config.clone()) {
            let (at, config) = (meta.config_index, meta.config.to_string());
            self.events.push(Event::ConfigEffective { at, config });
        }
    }

    /// Answers for the chunk or the whole file, once what that vouches for is durable, if its sender still leads.
    fn answer_receiving(&mut self, outcome: SnapshotOutcome) {
        let Some(receiving) = &self.receiving else { return };
        if receiving.term != self.term || self.leader != Some(receiving.from) {
            return;
        }
        let (to, generation) = (receiving.from, receiving.generation);
        let reply = SnapshotReply { snapshot: receiving.meta.id(), offset: receiving.answering, generation, outcome };
        self.send_when_durable(to, Message::SnapshotReply(reply));
    }

    fn answer_chunk(&mut self, to: NodeId, chunk: &Snapshot, outcome: SnapshotOutcome) {
        let (snapshot, offset, generation) = (chunk.meta.id(), chunk.offset, chunk.generation);
        self.send_when_durable(to, Message::SnapshotReply(SnapshotReply { snapshot, offset, generation, outcome }));
    }
}
