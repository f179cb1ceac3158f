//! A log without its values, for somebody who shall see what happened and not what was stored.
//!
//! Promises: of a command its key, its operation, its session and its stamp stay; every byte of a value becomes `x`, and
//! the number that an incr adds becomes 0, since values could be told from those. Indexes, terms and times stay, and the
//! records continue each other by checksums of their own. Nothing is copied: what cannot be decoded, dead, torn or damaged
//! is left out, and named. No checksum of an entry with a value in it gets into the new log.
//!
//! Does not touch snapshots, which are values all over; leave them out.

use std::path::Path;

use bytes::BytesMut;

use super::log::{Progress, Source, watch};
use crate::codec::entry::{
    append_session, append_stamp, decode_config, decode_stamp, decode_write, encode_config, encode_update,
};
use crate::codec::record::{KIND_MAX, LINK_ORIGIN, RECORD_PAYLOAD_BYTES_MAX};
use crate::codec::{EntryError, Kind, RecordHeader, append_record};
use crate::raft::{ClusterId, Index, LogId, NodeId, Term};
use crate::state_machine::{Command, Condition, Expect, Operation, Step, Test, Transaction, Update};
use crate::storage::layout::SEGMENT_SIZE_BYTES_DEFAULT;
use crate::storage::reader::{Item, WalkError};
use crate::storage::rebuild::{Rebuild, RebuildError};
use crate::storage::segment::SegmentHeader;

/// Stands for every byte of a value.
const BLANK: u8 = b'x';

/// What is left of an entry that cannot be decoded: nothing, under a kind that nothing else has.
const LEFT_OUT: Kind = Kind::Unknown(KIND_MAX);

/// Most entries and places that are named one by one.
const NAMED_MAX: usize = 100;

/// Why there is no redacted log.
#[derive(Debug, thiserror::Error)]
pub enum RedactError {
    #[error(transparent)]
    Walk(#[from] WalkError),
    #[error(transparent)]
    Rebuild(#[from] RebuildError),
}

/// What was left out, in sentences.
#[derive(Debug, Default)]
pub struct LeftOut {
    sentences: Vec<String>,
    unnamed: u64,
}

/// Writes the log of `source` without its values to the new directory `target`. There is no such directory then when
/// the log holds no segment that can be read.
///
/// # Errors
/// There is no log, or the disk refused.
pub fn redact_log(source: &Source, target: &Path, progress: &Progress<'_>) -> Result<LeftOut, RedactError> {
    let commit = source.newest_commit();
    let mut redaction = Redaction { target, rebuild: None, segment: None, left_out: LeftOut::default() };
    let mut damage = Vec::new();
    for item in watch(source.walk()?, progress) {
        match item {
            Item::Segment(segment) => redaction.segment = Some(segment.header),
            Item::Record { header, payload, .. } => {
                if let Err(error) = redaction.record(&header, &payload) {
                    redaction.abandon();
                    return Err(error.into());
                }
            }
            Item::Damage(found) => damage.push(found),
            Item::TornTail { length_bytes, .. } => {
                redaction.left_out.name(format!("{length_bytes} bytes of the last write, which never completed"));
            }
            Item::Dead { length_bytes, from, .. } => {
                redaction.left_out.name(format!("{length_bytes} bytes of entries from {from} on, which were replaced"));
            }
            Item::Marker { .. } => {}
        }
    }
    for found in source.confirm(damage)? {
        redaction.left_out.name(format!("what is damaged: {found}"));
    }
    Ok(redaction.finish(commit)?)
}

struct Redaction<'a> {
    target: &'a Path,
    rebuild: Option<Rebuild>,
    /// The segment that is being read.
    segment: Option<SegmentHeader>,
    left_out: LeftOut,
}

impl Redaction<'_> {
    fn record(&mut self, header: &RecordHeader, payload: &[u8]) -> Result<(), RebuildError> {
        let id = header.id;
        let before = self.before(id);
        let left_out = &mut self.left_out;
        let rebuild = match &mut self.rebuild {
            Some(rebuild) => rebuild,
            none => none.insert(begin(self.target, self.segment, before)?),
        };
        if id.index <= rebuild.last().index {
            left_out.name(format!("entry {id}, which comes behind entry {}", rebuild.last()));
            return Ok(());
        }
        if id.index != rebuild.last().index.next() {
            rebuild.skip_to(before)?;
        }
        let (kind, payload) = redact_payload(header.kind, payload).unwrap_or_else(|error| {
            left_out.name(format!("what entry {id} says: {error}"));
            (if matches!(header.kind, Kind::Unknown(_)) { header.kind } else { LEFT_OUT }, BytesMut::new())
        });
        let mut record = BytesMut::new();
        append_record(&mut record, rebuild.last_check(), kind, id, header.wall_ms, |out| out.extend(&payload));
        let header = RecordHeader::read(&record, id.index).expect("a record that was just made is whole");
        rebuild.append(&header, &record)
    }

    /// The entry before `id`. When it is not there, its term may be as high as that of `id`.
    fn before(&self, id: LogId) -> LogId {
        let begins = self.segment.filter(|segment| segment.first == id.index);
        LogId { index: id.index.prev(), term: begins.map_or(id.term, |segment| segment.term_before) }
    }

    fn abandon(self) {
        if let Some(rebuild) = self.rebuild {
            rebuild.abandon();
        }
    }

    /// A log may be empty, behind a snapshot.
    fn finish(mut self, commit: Index) -> Result<LeftOut, RebuildError> {
        if let (None, Some(segment)) = (&self.rebuild, self.segment) {
            let before = LogId { index: segment.first.prev(), term: segment.term_before };
            self.rebuild = Some(begin(self.target, Some(segment), before)?);
        }
        match self.rebuild {
            Some(rebuild) => rebuild.finish(commit)?,
            None => self.left_out.name("the whole log: no segment of it can be read".to_owned()),
        }
        Ok(self.left_out)
    }
}

fn begin(target: &Path, segment: Option<SegmentHeader>, before: LogId) -> Result<Rebuild, RebuildError> {
    let owner = segment.map_or((ClusterId(0), NodeId(0)), |segment| (segment.cluster_id, segment.node));
    let before = if before.index == Index(0) { LogId { index: Index(0), term: Term(0) } } else { before };
    Rebuild::begin(target, owner, before, LINK_ORIGIN, SEGMENT_SIZE_BYTES_DEFAULT)
}

impl LeftOut {
    /// One sentence for each thing, the last one for those that are not named.
    pub fn into_sentences(mut self) -> Vec<String> {
        if self.unnamed > 0 {
            self.sentences.push(format!("and {} more", self.unnamed));
        }
        self.sentences
    }

    fn name(&mut self, sentence: String) {
        match self.sentences.len() < NAMED_MAX {
            true => self.sentences.push(sentence),
            false => self.unnamed += 1,
        }
    }
}

/// The payload of an entry, written anew from what it means, so that nothing is kept that is not known.
fn redact_payload(kind: Kind, payload: &[u8]) -> Result<(Kind, BytesMut), EntryError> {
    let mut redacted = BytesMut::new();
    match kind {
        Kind::Noop => {}
        Kind::Tick => append_stamp(decode_stamp(payload)?, &mut redacted),
        Kind::Config => {
            let (config, settings) = decode_config(payload)?;
            encode_config(&config, &settings, &mut redacted);
        }
        Kind::Command => {
            let write = decode_write(payload)?;
            encode_update(&redact_update(write.update.to_update()), &mut redacted);
            if let Some(tag) = write.session {
                append_session(tag, &mut redacted);
            }
            append_stamp(write.elapsed_ms, &mut redacted);
        }
        Kind::Unknown(byte) => return Err(EntryError::UnknownKind(byte)),
    }
    match redacted.len() <= RECORD_PAYLOAD_BYTES_MAX as usize {
        true => Ok((kind, redacted)),
        false => Err(EntryError::Malformed("it is too long".to_owned())),
    }
}

/// The same write of the same keys, with nothing left of what it stores or compares.
pub fn redact_update(update: Update) -> Update {
    match update {
        Update::Command(command) => Update::Command(redact_command(command)),
        Update::Transaction(Transaction { conditions, then, otherwise }) => {
            let steps = |list: Vec<Step>| list.into_iter().map(redact_step).collect();
            let conditions = conditions.into_iter().map(redact_condition).collect();
            Update::Transaction(Transaction { conditions, then: steps(then), otherwise: steps(otherwise) })
        }
    }
}

fn redact_step(step: Step) -> Step {
    match step {
        Step::Get { key } => Step::Get { key },
        Step::Write(command) => Step::Write(redact_command(command)),
    }
}

fn redact_condition(condition: Condition) -> Condition {
    let test = match condition.test {
        Test::Value(value) => Test::Value(blank(&value)),
        Test::Revision(revision) => Test::Revision(revision),
        Test::Version(version) => Test::Version(version),
        Test::Exists(exists) => Test::Exists(exists),
    };
    Condition { key: condition.key, test }
}

/// The same command on the same key, with nothing left of what it stores or compares.
fn redact_command(command: Command) -> Command {
    let operation = match command.operation {
        Operation::Put { value } => Operation::Put { value: blank(&value) },
        Operation::Delete => Operation::Delete,
        Operation::Append { value } => Operation::Append { value: blank(&value) },
        Operation::Incr { by: _ } => Operation::Incr { by: 0 },
        Operation::Cas { expect, value } => {
            let expect = match expect {
                Expect::Absent => Expect::Absent,
                Expect::Value(expected) => Expect::Value(blank(&expected)),
                Expect::Revision(revision) => Expect::Revision(revision),
            };
            Operation::Cas { expect, value: blank(&value) }
        }
        Operation::Lease { ttl_ms } => Operation::Lease { ttl_ms },
    };
    Command { key: command.key, operation }
}

fn blank(value: &[u8]) -> Vec<u8> {
    vec![BLANK; value.len()]
}

#[cfg(test)]
#[path = "redact_tests.rs"]
mod tests;
