//! Committed and durable entries are applied in order, in pages, so that a long log never holds up a turn (R50).
//!
//! What is still in the tail is applied from there. What is older, as after a restart, is read back from the log
//! files a page ahead. Every page must continue the chain of checks from the first entry of the log on, so a file that
//! was changed is noticed before its content is applied.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};

use super::exchange::{Fetch, FetchId};
use super::mind::Replica;
use super::snapshots::Applied;
use super::tail::continues;
use crate::api::{Answer, Refused};
use crate::codec::entry::{decode_config, decode_stamp, decode_write, plain_put};
use crate::codec::record::LINK_ORIGIN;
use crate::codec::{EntryError, Kind, RECORD_HEADER_BYTES, RecordHeader, Settings};
use crate::raft::{Fault, Index, Rule, SnapshotMeta, Term};
use crate::state_machine::{Applied as AppliedWrite, Written};

/// Pages of old records kept ready; together with the one being read this bounds what replay holds in memory.
const PAGES_MAX: usize = 2;

/// How far applying has come, and the old records on their way.
#[derive(Debug, Default)]
pub(super) struct Applier {
    /// Everything up to here may be applied.
    to: Index,
    /// Old records that come next, without gaps.
    pages: VecDeque<Bytes>,
    /// The last index in `pages`, or the last that ever was.
    read_to: Index,
    /// Check of the entry at `read_to`.
    read_check: u32,
    fetch: Option<FetchId>,
    pub(super) applied: Applied,
    /// Those of the newest configuration that was applied.
    pub(super) settings: Settings,
}

const _: () = assert!(LINK_ORIGIN == 0, "an applier starts with the link of the first entry");

impl Applier {
    pub(super) fn is_waiting_for(&self, id: FetchId) -> bool {
        self.fetch == Some(id)
    }

    /// Goes on behind a snapshot, whatever was before.
    pub(super) fn restart(&mut self, meta: &SnapshotMeta, settings: &Settings) {
        *self = Applier {
            to: meta.last.index,
            pages: VecDeque::new(),
            read_to: meta.last.index,
            read_check: meta.link,
            fetch: None,
            applied: Applied::of(meta),
            settings: settings.clone(),
        };
    }
}

impl Replica {
    /// Applies one turn's worth and answers whom that serves. True when more could be applied at once.
    pub(super) fn apply(&mut self, news: Option<Index>) -> bool {
        let before = self.machine.applied();
        self.applier.to = self.applier.to.max(news.unwrap_or_default());
        if self.applier.to.0 <= before {
            return false;
        }
        let more = self.apply_some();
        let applied = Index(self.machine.applied());
        if applied.0 > before {
            self.core.applied(applied);
        }
        self.read_ahead();
        self.answer_ready_reads();
        if self.tail.bytes() > self.limits.tail_bytes_max {
            let settled = applied.min(self.core.durable());
            self.tail.release(settled, self.limits.tail_bytes_max);
        }
        more && !self.has_failed()
    }

    /// Old records have come back from the files, or not; then they are asked for again in the next turn.
    pub(super) fn take_applied_page(&mut self, result: Result<Bytes, String>) {
        self.applier.fetch = None;
        let Ok(page) = result else { return };
        let mut rest = &page[..];
        while !rest.is_empty() {
            let index = self.applier.read_to.next();
            match continues(rest, index, self.applier.read_check) {
                Ok(header) => {
                    self.applier.read_to = index;
                    self.applier.read_check = header.check;
                    rest = &rest[header.total_bytes()..];
                }
                Err(problem) => {
                    return self.fail(Fault::Disk { what: format!("the log files do not hold one chain: {problem}") });
                }
            }
        }
        if self.applier.read_to.next() == self.tail.first() && self.applier.read_check != self.tail.base_check() {
            let what = format!("the log files up to {} do not lead to the newest entries", self.applier.read_to);
            return self.fail(Fault::Disk { what });
        }
        self.applier.pages.push_back(page);
        self.read_ahead();
    }

    /// True when it stopped at the limit of a turn.
    fn apply_some(&mut self) -> bool {
        let mut bytes_left = self.limits.apply_bytes_max;
        let mut records_left = self.limits.apply_records_max;
        while self.machine.applied() < self.applier.to.0 {
            if bytes_left == 0 || records_left == 0 {
                return true;
            }
            let Some(piece) = self.next_piece(bytes_left, records_left) else { return false };
            let mut rest = &piece[..];
            while !rest.is_empty() {
                let header = RecordHeader::peek(rest, Index(self.machine.applied()))
                    .expect("records were read when they were taken in");
                let (record, behind) = rest.split_at(header.total_bytes());
                if let Err(problem) = self.apply_record(&header, record) {
                    let what = format!("entry {} cannot be applied: {problem}", header.id);
                    self.fail(Fault::Invariant { what });
                    return false;
                }
                rest = behind;
                records_left = records_left.saturating_sub(1);
            }
            bytes_left = bytes_left.saturating_sub(piece.len());
        }
        false
    }

    /// Records behind the last applied one, as far as they lie in one piece and fit the limits, but at least one; none
    /// while the next has to be read from a file first.
    fn next_piece(&mut self, bytes_max: usize, records_max: usize) -> Option<Bytes> {
        let next = Index(self.machine.applied()).next();
        if next >= self.tail.first() {
            let last = self.applier.to.min(next + (records_max as u64 - 1));
            return Some(self.tail.piece(next, self.tail.page_end(next, last, bytes_max)));
        }
        let page = self.applier.pages.front_mut()?;
        let piece = page.split_to(page_length(page, self.applier.to, bytes_max, records_max));
        if !page.has_remaining() {
            self.applier.pages.pop_front();
        }
        Some(piece)
    }

    fn apply_record(&mut self, header: &RecordHeader, record: &[u8]) -> Result<(), EntryError> {
        let revision = header.id.index.0;
        let payload = &record[RECORD_HEADER_BYTES..];
        match header.kind {
            Kind::Noop => self.machine.skip(revision, 0),
            Kind::Tick => self.machine.skip(revision, decode_stamp(payload)?),
            Kind::Config => {
                let (config, settings) = decode_config(payload)?;
                self.machine.set_value_bytes_max(settings.max_value_size);
                self.machine.skip(revision, 0);
                (self.applier.applied.config, self.applier.applied.config_index) = (config.into(), header.id.index);
                self.applier.settings = settings;
            }
            Kind::Command => {
                let term = header.id.term.0;
                let applied = match plain_put(payload) {
                    Some((key, value)) => self.machine.put(revision, term, key, value),
                    None => {
                        let mut write = decode_write(payload)?;
                        if !self.is_leader() && !self.core.rules().keeps(Rule::DedupeReplicated) {
                            write.session = None;
                        }
                        self.machine.apply(revision, term, write)
                    }
                };
                if let Some(write) = self.writes.take(header.id) {
                    let mut answer = answer_write(applied, self.machine.log_time_ms());
                    if !self.traces.is_empty() {
                        answer = self.with_receipt(header.id, answer);
                    }
                    self.answer(write.client, write.request, answer);
                }
            }
            Kind::Unknown(byte) => return Err(EntryError::UnknownKind(byte)),
        }
        self.applier.applied.advance(header);
        Ok(())
    }

    /// Asks for the next page of old records unless enough are ready or on their way. Once applying has come to the
    /// tail it never needs another: the tail keeps what is not applied.
    fn read_ahead(&mut self) {
        if self.machine.applied() >= self.tail.first().prev().0 {
            return;
        }
        let last = self.applier.to.min(self.tail.first().prev());
        let is_enough = self.applier.fetch.is_some() || self.applier.pages.len() >= PAGES_MAX;
        if self.applier.read_to >= last || is_enough || self.has_failed() {
            return;
        }
        let id = self.new_fetch_id();
        self.applier.fetch = Some(id);
        let (first, max_bytes) = (self.applier.read_to.next(), self.limits.apply_fetch_bytes_max);
        self.fetches.push(Fetch { id, first, last, max_bytes });
    }
}

fn answer_write(applied: AppliedWrite, log_time_ms: u64) -> Answer {
    match applied {
        AppliedWrite::Written(Written { revision, term, outcome }) => {
            Answer::Written { revision: Index(revision), term: Term(term), outcome }
        }
        AppliedWrite::Discarded => Answer::Refused(Refused::Discarded),
        AppliedWrite::SessionExpired => Answer::Refused(Refused::SessionExpired { log_time_ms }),
    }
}

/// How many bytes of `page` hold the records up to `to` that fit the limits; at least one record.
fn page_length(page: &Bytes, to: Index, bytes_max: usize, records_max: usize) -> usize {
    let mut length = 0;
    for _ in 0..records_max {
        if length == page.len() {
            break;
        }
        let header = RecordHeader::peek(&page[length..], to).expect("pages were read when they came");
        let end = length + header.total_bytes();
        if header.id.index > to || (end > bytes_max && length > 0) {
            break;
        }
        length = end;
    }
    length
}
