//! From the core's write to bytes: new entries are encoded or taken from what arrived, put behind the tail, and handed
//! to the journal as one numbered batch (contract 4).

use bytes::{BufMut, BytesMut};

use super::mind::Replica;
use super::received::Cut;
use super::submit::Proposals;
use super::tail::NoContinuation;
use crate::codec::entry::{append_stamp, encode_config, stamp_bytes};
use crate::codec::{Kind, RECORD_HEADER_BYTES, WriteBatch, append_record};
use crate::raft::{Created, Effects, Fault, Index, LogId};

/// Records are encoded into buffers of at least this size, which several turns share.
const ENCODER_BYTES: usize = 64 << 10;

impl Replica {
    /// Gives the bytes of everything that was appended since the last turn; none when nothing has to be written.
    pub(super) fn take_write(&mut self, effects: &mut Effects, wall_ms: u64) -> Option<WriteBatch> {
        let Some(write) = effects.write.take() else {
            assert!(self.proposals.is_empty(), "what was proposed is written in the same turn");
            self.received.clear();
            return None;
        };
        if let Some(from) = write.truncate_from {
            self.tail.truncate(from);
        }
        let mut records = Vec::new();
        if let Some((first, last)) = write.append {
            assert_eq!(self.tail.last().next(), first, "appended entries continue the log");
            if let Err(problem) = self.append(first, last, &effects.created, wall_ms) {
                let what = format!(
                    "log matching (I3): the leader's record for an entry does not continue this node's log, so one of \
                     the two logs was changed after it was written: {problem}"
                );
                self.fail(Fault::Invariant { what });
                return None;
            }
            records = self.tail.slices(first, last);
        }
        effects.created.clear();
        assert!(self.proposals.is_empty(), "what was proposed is written in the same turn");
        self.received.clear();
        Some(WriteBatch {
            seq: write.seq,
            hard_state: write.hard_state,
            reset_to: write.reset_to,
            truncate_from: write.truncate_from,
            records,
            range: write.append,
            commit_hint: write.commit_hint,
            compact_to: write.compact_to,
        })
    }

    /// Puts the records of `first..=last` behind the tail, from wherever each of them comes.
    fn append(&mut self, first: Index, last: Index, created: &[Created], wall_ms: u64) -> Result<(), NoContinuation> {
        let mut next = first;
        while next <= last {
            let term = self.core.term_at(next).expect("appended entries are in the log");
            let id = LogId { term, index: next };
            if let Some(entry) = created.iter().find(|entry| created_id(entry) == id) {
                self.append_created(entry, wall_ms)?;
            } else if self.proposals.first == id {
                self.append_proposals(wall_ms)?;
            } else {
                let (core, received) = (&self.core, &mut self.received);
                let cut = received.cut(next, last, |index| core.term_at(index));
                self.append_received(cut.expect("the bytes of every appended entry have arrived"))?;
            }
            next = self.tail.last().next();
        }
        Ok(())
    }

    fn append_created(&mut self, entry: &Created, wall_ms: u64) -> Result<(), NoContinuation> {
        let (id, link) = (created_id(entry), self.tail.last_check());
        match entry {
            Created::Noop { .. } => {
                reserve(&mut self.encoder, RECORD_HEADER_BYTES);
                append_record(&mut self.encoder, link, Kind::Noop, id, wall_ms, |_| ());
            }
            Created::Config { config, length_bytes, .. } => {
                let settings = &self.settings;
                reserve(&mut self.encoder, *length_bytes as usize);
                append_record(&mut self.encoder, link, Kind::Config, id, wall_ms, |out| {
                    encode_config(config, settings, out);
                });
                assert_eq!(self.encoder.len(), *length_bytes as usize, "the core counts the bytes that are written");
            }
        }
        self.tail.push(self.encoder.split().freeze())
    }

    /// Encodes all writes of the turn into one piece, which is what the journal, the tail and the peers share.
    fn append_proposals(&mut self, wall_ms: u64) -> Result<(), NoContinuation> {
        let Proposals { first, kind, elapsed_ms, payloads } = &mut self.proposals;
        let need: usize = payloads.iter().map(|payload| RECORD_HEADER_BYTES + payload.len()).sum();
        reserve(&mut self.encoder, need + stamp_bytes(*elapsed_ms));
        let mut link = self.tail.last_check();
        for (offset, payload) in (0..).zip(payloads.drain(..)) {
            let id = LogId { term: first.term, index: first.index + offset };
            link = append_record(&mut self.encoder, link, *kind, id, wall_ms, |out| {
                out.put_slice(&payload);
                append_stamp(core::mem::take(elapsed_ms), out);
            });
        }
        *first = LogId::ZERO;
        self.tail.push(self.encoder.split().freeze())
    }

    /// Keeps received records as they are, unless that would keep much more memory alive than they need.
    fn append_received(&mut self, cut: Cut) -> Result<(), NoContinuation> {
        let is_small = cut.length_bytes <= self.limits.tail_copy_bytes_max;
        let is_minor_part = cut.length_bytes < cut.arrived_bytes / 2;
        if !is_small && !is_minor_part {
            return cut.records.into_iter().try_for_each(|slice| self.tail.push(slice));
        }
        reserve(&mut self.encoder, cut.length_bytes);
        for slice in &cut.records {
            self.encoder.put_slice(slice);
        }
        self.tail.push(self.encoder.split().freeze())
    }
}

fn created_id(entry: &Created) -> LogId {
    match entry {
        Created::Noop { index, term } | Created::Config { index, term, .. } => LogId { term: *term, index: *index },
    }
}

/// Makes room for `need` bytes in one piece.
fn reserve(encoder: &mut BytesMut, need: usize) {
    if encoder.capacity() < need {
        *encoder = BytesMut::with_capacity(need.max(ENCODER_BYTES));
    }
}
