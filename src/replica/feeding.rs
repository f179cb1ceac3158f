//! Appends on their way out: records are attached from the tail, or read back from log files for a peer that is
//! further behind, without ever letting one overtake another.
//!
//! A peer that is fed from files is fed over the bulk connection, and stays on it until it has acknowledged all that
//! was sent there: between two connections nothing keeps the order.

use core::mem;
use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::exchange::{Attached, Fetch, FetchId};
use super::mind::Replica;
use crate::codec::{PeerMessage, RecordHeader};
use crate::raft::{Envelope, Index, Message, NodeId, Shape, Time};

/// Peers that are being fed from files, or were until a moment ago.
#[derive(Debug, Default)]
pub(super) struct Feeds {
    by_peer: BTreeMap<NodeId, Feed>,
}

#[derive(Debug, Default)]
struct Feed {
    /// Appends that wait for records, and those that must not overtake them; the first is the one being fetched.
    waiting: VecDeque<Envelope>,
    /// The one read under way, and where it starts.
    fetch: Option<(FetchId, Index)>,
    /// What has been read for the first that waits, and its last index: a read ends where a log file ends.
    read: Vec<Bytes>,
    read_to: Index,
    /// Everything up to here went over the bulk connection.
    bulk_to: Index,
}

impl Feeds {
    /// Drops what waits for a peer; a read under way is still awaited, so that there is never more than one.
    pub(super) fn forget(&mut self, peer: NodeId) {
        if let Some(feed) = self.by_peer.get_mut(&peer) {
            feed.forget();
        }
    }

    pub(super) fn forget_all(&mut self) {
        self.by_peer.values_mut().for_each(Feed::forget);
    }
}

impl Feed {
    fn forget(&mut self) {
        self.waiting.clear();
        self.read.clear();
        self.bulk_to = Index(0);
    }

    /// An append from `first` on goes back to before what waits behind that: the peer lacks what this would build on, so
    /// it would be read and sent only to be refused. One that begins at `first` itself may have been read in part; it
    /// is not begun anew.
    fn forget_behind(&mut self, first: Index) {
        while self.waiting.back().is_some_and(|waits| entries_of(waits).first > first) {
            self.waiting.pop_back();
        }
        if self.waiting.is_empty() {
            self.read.clear();
        }
    }

    /// Where the next read for the first that waits must start.
    fn next_to_read(&self, entries: &Shape) -> Index {
        if self.read.is_empty() { entries.first } else { self.read_to.next() }
    }

    fn take_first(&mut self) -> (Envelope, Vec<Bytes>) {
        let envelope = self.waiting.pop_front().expect("the first that waits was just looked at");
        (envelope, mem::take(&mut self.read))
    }
}

impl Replica {
    /// Hands the core's messages of this turn to the transport, with the records they name.
    pub(super) fn send(&mut self, now: Time, envelopes: &mut Vec<Envelope>) {
        if envelopes.is_empty() {
            return;
        }
        mem::swap(&mut self.sends.envelopes, envelopes);
        let mut at = 0;
        while let Some(envelope) = self.sends.envelopes.get(at) {
            let is_sent = match &envelope.message {
                Message::Append(append) => {
                    let (peer, first, last) = (envelope.to, append.entries.first, append.entries.last());
                    self.attach_records(at, peer, first, last)
                }
                Message::Snapshot(_) => false,
                _ => true,
            };
            if is_sent {
                at += 1;
            } else {
                let envelope = self.sends.envelopes.remove(at);
                self.send_when_read(now, envelope);
            }
        }
    }

    /// Puts the records of `first..=last`, if there are any, beside the append to `peer` at position `at`. False when
    /// that append has to wait for a file.
    fn attach_records(&mut self, at: usize, peer: NodeId, first: Index, last: Index) -> bool {
        let mut bulk = false;
        if !self.feeds.by_peer.is_empty() {
            if self.feeds.by_peer.get(&peer).is_some_and(|feed| !feed.waiting.is_empty()) {
                return false;
            }
            bulk = self.is_on_bulk(peer);
        }
        if first <= last && first < self.tail.first() {
            return false;
        }
        if first <= last || bulk {
            let records = self.records_from_tail(first, last);
            self.sends.attached.push(Attached { at, records, bulk });
        }
        true
    }

    #[cold]
    fn send_when_read(&mut self, now: Time, envelope: Envelope) {
        match &envelope.message {
            Message::Snapshot(_) => self.fetch_chunk(envelope),
            _ => self.wait_for_files(now, envelope),
        }
    }

    fn wait_for_files(&mut self, now: Time, envelope: Envelope) {
        let peer = envelope.to;
        let feed = self.feeds.by_peer.entry(peer).or_default();
        feed.forget_behind(entries_of(&envelope).first);
        if feed.waiting.len() >= self.limits.peer_fetches_max {
            return self.lose(now, peer);
        }
        feed.waiting.push_back(envelope);
        self.feed(now, peer);
    }

    /// Records have come back from the files, or not.
    pub(super) fn take_peer_records(&mut self, now: Time, id: FetchId, result: Result<Bytes, String>) {
        let found = self.feeds.by_peer.iter_mut().find(|(_, feed)| feed.fetch.is_some_and(|(fetch, _)| fetch == id));
        let Some((peer, feed)) = found else { return };
        let (peer, (_, first)) = (*peer, feed.fetch.take().expect("it was just found by it"));
        // What waits now may be something else than what the read was for.
        let wanted = feed.waiting.front().filter(|wanted| feed.next_to_read(entries_of(wanted)) == first);
        if let Some(wanted) = wanted {
            let entries = entries_of(wanted);
            let Some((records, last)) = result.ok().and_then(|records| named(entries, first, records)) else {
                return self.lose(now, peer);
            };
            let end = entries.last().min(self.tail.first().prev());
            feed.read.push(records);
            feed.read_to = last;
            if last >= end {
                let (envelope, read) = feed.take_first();
                feed.bulk_to = feed.bulk_to.max(entries_of(&envelope).last());
                let Some(message) = self.complete(envelope, read, last) else { return self.lose(now, peer) };
                self.sends.complete.push(message);
            }
        }
        self.feed(now, peer);
    }

    /// Sends what waits for a peer, as far as no file has to be read for it; then asks for the next read.
    fn feed(&mut self, now: Time, peer: NodeId) {
        loop {
            let tail_first = self.tail.first();
            let Some(feed) = self.feeds.by_peer.get_mut(&peer) else { return };
            if feed.fetch.is_some() {
                return;
            }
            let Some(front) = feed.waiting.front() else { return };
            let entries = entries_of(front);
            if entries.is_empty() || entries.first >= tail_first {
                let (envelope, _) = feed.take_first();
                let entries = entries_of(&envelope);
                let records = self.records_from_tail(entries.first, entries.last());
                let bulk = self.is_on_bulk(peer);
                self.sends.complete.push(PeerMessage { envelope, records, bulk });
                continue;
            }
            let (first, last) = (feed.next_to_read(entries), entries.last().min(tail_first.prev()));
            let Ok(max_bytes) = usize::try_from(entries.bytes()) else { return self.lose(now, peer) };
            let id = self.new_fetch_id();
            self.feeds.by_peer.entry(peer).or_default().fetch = Some((id, first));
            self.fetches.push(Fetch { id, first, last, max_bytes });
            return;
        }
    }

    fn records_from_tail(&self, first: Index, last: Index) -> Vec<Bytes> {
        if first > last { Vec::new() } else { self.tail.slices(first, last) }
    }

    /// Whether something that went over the bulk connection is not acknowledged yet. What follows it goes there too,
    /// but does not prolong that: under load there would be no end to it.
    fn is_on_bulk(&mut self, peer: NodeId) -> bool {
        let Some(feed) = self.feeds.by_peer.get_mut(&peer) else { return false };
        if feed.bulk_to == Index(0) {
            return false;
        }
        let matched = self.core.peers().find(|status| status.id == peer).map(|status| status.matched);
        let is_open = matched.is_some_and(|matched| matched < feed.bulk_to);
        if !is_open {
            feed.bulk_to = Index(0);
        }
        is_open
    }

    /// Attaches the records that were read, up to `read_to`, to their append, and from the tail what follows them; none
    /// when this node does not lead in that term any more (contract 4).
    fn complete(&self, envelope: Envelope, mut records: Vec<Bytes>, read_to: Index) -> Option<PeerMessage> {
        let entries = entries_of(&envelope);
        if !self.is_leader() || self.core.term() != envelope.term {
            return None;
        }
        if read_to < entries.last() {
            records.extend(self.tail.slices(read_to.next(), entries.last()));
        }
        let length_bytes: usize = records.iter().map(Bytes::len).sum();
        (length_bytes as u64 == entries.bytes()).then_some(PeerMessage { envelope, records, bulk: true })
    }

    /// An append cannot be sent: the core probes where the peer is (contract 4).
    fn lose(&mut self, now: Time, peer: NodeId) {
        self.feeds.forget(peer);
        self.core.append_lost(now, peer);
    }
}

/// The records as they are with the last index among them, if they are those that `entries` names from `first` on.
fn named(entries: &Shape, first: Index, records: Bytes) -> Option<(Bytes, Index)> {
    let mut next = first;
    let mut rest = &records[..];
    while !rest.is_empty() {
        let header = RecordHeader::peek(rest, next).ok()?;
        let is_named = header.id.index == next && entries.term_at(next) == Some(header.id.term);
        if !is_named || header.total_bytes() > rest.len() {
            return None;
        }
        rest = &rest[header.total_bytes()..];
        next = next.next();
    }
    (next > first).then_some((records, next.prev()))
}

/// The entries an append names; only appends wait for records.
fn entries_of(envelope: &Envelope) -> &Shape {
    match &envelope.message {
        Message::Append(append) => &append.entries,
        _ => unreachable!("only appends wait for records"),
    }
}
