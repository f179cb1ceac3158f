//! The state machine as bytes: what a snapshot holds, before it is compressed and put into a file.
//!
//! ```text
//! image     | version, 4 | sections, 4 | section … |
//! section   | kind, 4 | length, 8 | content |
//!
//! 1 facts   | applied, 8 | log time in ms, 8 | keys, 8 | digest, 8 | published index, 8 | published digest, 8 |
//! 2 keys    | created, 8 | revision, 8 | version, 8 | key length, 4 | value length, 4 | key | value | … in key order
//! 3 sessions| five limits, 8 each | the table, as `sessions` has it
//! 4 changes | the newest changes, as `changes` has them
//! 5 leases  | which keys vanish when, as `changes` has them
//! ```
//!
//! All numbers are little-endian. Sections come in rising order of their kinds, all of them once; an image from before
//! there were the last two ends with the third, and has no leases and knows of no change. A section of an
//! unknown kind is refused, because a state machine that lacks a part of the state would answer differently from the
//! others (I5).
//!
//! Both directions work in pieces: writing needs a buffer of `IMAGE_CHUNK_BYTES` besides the state, reading one key with
//! its value, or one session with its answers. What is read back is proved to be what was written, by its digests.
//! Compression, checksums and files are `storage`'s.

use core::mem;

use bytes::Bytes;

use super::changes::{
    CHANGE_FIXED_BYTES, CHANGES_HEAD_BYTES, ChangesError, LEASE_FIXED_BYTES, LEASES_HEAD_BYTES, RestoringChanges,
    change_length, changes_bytes, lease_length, leases_bytes, put_change, put_changes_head, put_lease, put_leases_head,
};
use super::record::RECORD_PAYLOAD_BYTES_MAX;
use super::sessions::{
    RestoringSessions, SESSION_BYTES_MAX, SESSION_LENGTH_BYTES, SESSIONS_HEAD_BYTES, SessionsError, put_session,
    put_sessions_head, sessions_bytes,
};
use super::settings::Settings;
use crate::raft::{SnapshotId, SnapshotMeta};
use crate::state_machine::{Entry, KeyValueMap, MapFacts, RestoreError, Restoring, SessionLimits, StateMachine};

/// The only version of the image this program writes and reads.
pub const IMAGE_VERSION: u32 = 1;

/// Bytes of an image that are handed out at once; a longer value makes a longer piece.
pub const IMAGE_CHUNK_BYTES: usize = 64 * 1024;

const SECTION_FACTS: u32 = 1;
const SECTION_KEYS: u32 = 2;
const SECTION_SESSIONS: u32 = 3;
const SECTION_CHANGES: u32 = 4;
const SECTION_LEASES: u32 = 5;
const SECTIONS: u32 = 5;

const HEAD_BYTES: usize = 8;
const SECTION_HEAD_BYTES: usize = 12;
const FACTS_BYTES: usize = 48;
const KEY_HEAD_BYTES: usize = 32;
const LIMITS_BYTES: usize = 40;

/// Everything that applying the log has made, as of one index (R82).
pub type Image = StateMachine;

/// Who keeps snapshots in files, as the work of a node on them needs it: `storage` does so on a disk, real or simulated.
/// Every call blocks until it is done.
pub trait SnapshotFiles {
    type Error: core::error::Error;

    /// Writes a snapshot of `image`; when this returns it is durable, and `meta` is whole.
    ///
    /// # Errors
    /// No snapshot was made, and nothing else has changed.
    fn take(&mut self, meta: &SnapshotMeta, settings: &Settings, image: &Image) -> Result<SnapshotMeta, Self::Error>;

    /// Exactly `length` bytes of a snapshot from `offset` on.
    ///
    /// # Errors
    /// It is gone, damaged, another one than is asked for, or shorter.
    fn read(&mut self, snapshot: SnapshotId, offset: u64, length: u32) -> Result<Bytes, Self::Error>;

    /// Adds what has arrived of a snapshot at `offset`. Says how much of it is there now from its beginning on, which is
    /// where the next part belongs; after a restart that may be more or less than what was stored last.
    ///
    /// # Errors
    /// The disk's.
    fn store(&mut self, meta: &SnapshotMeta, offset: u64, bytes: &[u8]) -> Result<u64, Self::Error>;

    /// Proves what was received, makes it durable and reads it.
    ///
    /// # Errors
    /// It is not what was announced, and is dropped; or the disk's.
    fn install(&mut self, meta: &SnapshotMeta) -> Result<(Image, Settings), Self::Error>;
}

/// Why bytes are not the image of a state machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    #[error("version {found} of the image is not known; this program reads version {IMAGE_VERSION}")]
    Version { found: u32 },
    #[error("section kind {kind} is not known to this version")]
    UnknownSection { kind: u32 },
    #[error("section kind {kind} is repeated, missing or out of order")]
    SectionOrder { kind: u32 },
    #[error("section kind {kind} cannot be {length_bytes} bytes long")]
    SectionLength { kind: u32, length_bytes: u64 },
    #[error("it is longer than the {limit_bytes} bytes it is said to have")]
    TooLong { limit_bytes: u64 },
    #[error("it ends too early, after {have_bytes} bytes")]
    Short { have_bytes: u64 },
    #[error("bytes follow behind its end")]
    Trailing,
    #[error("a key of {key_bytes} bytes with a value of {value_bytes} bytes is above the limit")]
    EntryTooLong { key_bytes: u32, value_bytes: u32 },
    #[error("a session of {length_bytes} bytes is above the limit")]
    SessionTooLong { length_bytes: u32 },
    #[error("the limits of its sessions are no numbers of this machine")]
    SessionLimits,
    #[error(transparent)]
    Content(#[from] RestoreError),
    #[error(transparent)]
    Sessions(#[from] SessionsError),
    #[error(transparent)]
    Changes(#[from] ChangesError),
}

/// Hands out the image piece by piece; stops at the first error of `emit`.
pub fn encode_image<E>(image: &Image, emit: &mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    let mut pieces = Pieces { bytes: Vec::with_capacity(IMAGE_CHUNK_BYTES), emit };
    pieces.bytes.extend_from_slice(&IMAGE_VERSION.to_le_bytes());
    pieces.bytes.extend_from_slice(&SECTIONS.to_le_bytes());
    pieces.section(SECTION_FACTS, FACTS_BYTES as u64);
    let MapFacts { applied, entries, sum, published } = image.map().facts();
    let (published_index, published_sum) = published.unwrap_or((0, 0));
    pieces.numbers(&[applied, image.log_time_ms(), entries, sum, published_index, published_sum]);
    pieces.section(SECTION_KEYS, image.map().entries().map(encoded_bytes).sum());
    for entry in image.map().entries() {
        pieces.key(entry)?;
    }
    pieces.section(SECTION_SESSIONS, LIMITS_BYTES as u64 + sessions_bytes(image));
    let SessionLimits { lifetime_ms, sessions_max, answers_max, session_bytes_max, table_bytes_max } =
        image.sessions().limits();
    pieces.numbers(&[lifetime_ms, sessions_max as u64, answers_max as u64, session_bytes_max, table_bytes_max]);
    put_sessions_head(image, &mut pieces.bytes);
    for (id, session) in image.sessions().iter() {
        put_session(id, session, &mut pieces.bytes);
        pieces.flush_if_full()?;
    }
    let (history, leases) = (image.map().history(), image.map().leases());
    pieces.section(SECTION_CHANGES, changes_bytes(history));
    put_changes_head(history, &mut pieces.bytes);
    for change in history.iter() {
        put_change(change, &mut pieces.bytes);
        pieces.flush_if_full()?;
    }
    pieces.section(SECTION_LEASES, leases_bytes(leases));
    put_leases_head(leases, &mut pieces.bytes);
    for (key, lease) in leases.iter() {
        put_lease(&key, lease, &mut pieces.bytes);
        pieces.flush_if_full()?;
    }
    pieces.flush()
}

/// Reads an image that arrives in pieces of any size.
#[derive(Debug)]
pub struct ImageDecoder {
    value_bytes_max: u64,
    /// No more bytes than this are looked at.
    limit_bytes: u64,
    taken_bytes: u64,
    /// What was taken and is not yet a whole part: less than one key with its value.
    rest: Vec<u8>,
    at: Place,
    /// Of the newest section.
    kind: u32,
    sections_left: u32,
    log_time_ms: u64,
    restoring: Option<Restoring>,
    sessions: Option<RestoringSessions>,
    changes: Option<RestoringChanges>,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Head,
    Section,
    Facts,
    Keys { left_bytes: u64 },
    SessionsHead { left_bytes: u64 },
    Sessions { left_bytes: u64 },
    ChangesHead { left_bytes: u64 },
    Changes { left_bytes: u64 },
    LeasesHead { left_bytes: u64 },
    Leases { left_bytes: u64 },
    End,
}

struct Pieces<'a, E> {
    bytes: Vec<u8>,
    emit: &'a mut dyn FnMut(&[u8]) -> Result<(), E>,
}

impl<E> Pieces<'_, E> {
    fn section(&mut self, kind: u32, length_bytes: u64) {
        self.bytes.extend_from_slice(&kind.to_le_bytes());
        self.bytes.extend_from_slice(&length_bytes.to_le_bytes());
    }

    fn numbers(&mut self, numbers: &[u64]) {
        numbers.iter().for_each(|number| self.bytes.extend_from_slice(&number.to_le_bytes()));
    }

    fn key(&mut self, entry: &Entry) -> Result<(), E> {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).expect("keys and values are far below 4 GiB");
        self.numbers(&[entry.created(), entry.revision(), entry.version()]);
        self.bytes.extend_from_slice(&length(entry.key()).to_le_bytes());
        self.bytes.extend_from_slice(&length(entry.value()).to_le_bytes());
        self.bytes.extend_from_slice(entry.key());
        self.bytes.extend_from_slice(entry.value());
        self.flush_if_full()
    }

    fn flush_if_full(&mut self) -> Result<(), E> {
        if self.bytes.len() >= IMAGE_CHUNK_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), E> {
        (self.emit)(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }
}

fn encoded_bytes(entry: &Entry) -> u64 {
    (KEY_HEAD_BYTES + entry.key().len() + entry.value().len()) as u64
}

impl ImageDecoder {
    /// For an image of at most `limit_bytes`, whose map accepts values of up to `value_bytes_max` from now on.
    pub fn new(limit_bytes: u64, value_bytes_max: u64) -> ImageDecoder {
        ImageDecoder {
            value_bytes_max,
            limit_bytes,
            taken_bytes: 0,
            rest: Vec::new(),
            at: Place::Head,
            kind: 0,
            sections_left: 0,
            log_time_ms: 0,
            restoring: None,
            sessions: None,
            changes: None,
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// These bytes cannot be part of an image; the decoder is of no use afterwards.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), ImageError> {
        self.taken_bytes = self.taken_bytes.saturating_add(bytes.len() as u64);
        if self.taken_bytes > self.limit_bytes {
            return Err(ImageError::TooLong { limit_bytes: self.limit_bytes });
        }
        let mut buffer = mem::take(&mut self.rest);
        buffer.extend_from_slice(bytes);
        let mut used = 0;
        while let Some(length) = self.step(&buffer[used..])? {
            used += length;
        }
        buffer.drain(..used);
        self.rest = buffer;
        Ok(())
    }

    /// The image, once all of it was taken.
    ///
    /// # Errors
    /// Something is missing, or the keys or sessions are not those that were written.
    pub fn finish(self) -> Result<Image, ImageError> {
        if self.at != Place::End {
            return Err(ImageError::Short { have_bytes: self.taken_bytes });
        }
        if self.kind < SECTION_SESSIONS || self.kind == SECTION_CHANGES {
            return Err(ImageError::SectionOrder { kind: self.kind + 1 });
        }
        let map: KeyValueMap = self.restoring.expect("the facts come before the sessions").finish()?;
        let map = match self.changes {
            Some(changes) => changes.finish(map)?,
            None => map,
        };
        let (sessions, published) = self.sessions.expect("the sessions have a head").finish()?;
        Ok(StateMachine::restore(map, sessions, self.log_time_ms, published))
    }

    /// Reads one part from the start of `bytes`; says how long it was, or none when it is not there yet.
    fn step(&mut self, bytes: &[u8]) -> Result<Option<usize>, ImageError> {
        match self.at {
            Place::Head => self.head(bytes),
            Place::Section if self.sections_left == 0 => {
                self.at = Place::End;
                Ok(Some(0))
            }
            Place::Section => self.section(bytes),
            Place::Facts => Ok(self.facts(bytes)),
            Place::Keys { left_bytes: 0 }
            | Place::Sessions { left_bytes: 0 }
            | Place::Changes { left_bytes: 0 }
            | Place::Leases { left_bytes: 0 } => {
                self.at = Place::Section;
                Ok(Some(0))
            }
            Place::Keys { left_bytes } => self.key(bytes, left_bytes),
            Place::SessionsHead { left_bytes } => self.sessions_head(bytes, left_bytes),
            Place::Sessions { left_bytes } => self.session(bytes, left_bytes),
            Place::ChangesHead { left_bytes } => self.changes_head(bytes, left_bytes),
            Place::Changes { left_bytes } => self.change(bytes, left_bytes),
            Place::LeasesHead { left_bytes } => self.leases_head(bytes, left_bytes),
            Place::Leases { left_bytes } => self.lease(bytes, left_bytes),
            Place::End if bytes.is_empty() => Ok(None),
            Place::End => Err(ImageError::Trailing),
        }
    }

    fn head(&mut self, bytes: &[u8]) -> Result<Option<usize>, ImageError> {
        let Some(head) = bytes.get(..HEAD_BYTES) else { return Ok(None) };
        let found = u32_at(head, 0);
        if found != IMAGE_VERSION {
            return Err(ImageError::Version { found });
        }
        self.sections_left = u32_at(head, 4);
        self.at = Place::Section;
        Ok(Some(HEAD_BYTES))
    }

    fn section(&mut self, bytes: &[u8]) -> Result<Option<usize>, ImageError> {
        let Some(head) = bytes.get(..SECTION_HEAD_BYTES) else { return Ok(None) };
        let (kind, length_bytes) = (u32_at(head, 0), u64_at(head, 4));
        self.at = match kind {
            SECTION_FACTS..=SECTION_LEASES if kind != self.kind + 1 => {
                return Err(ImageError::SectionOrder { kind });
            }
            SECTION_FACTS if length_bytes != FACTS_BYTES as u64 => {
                return Err(ImageError::SectionLength { kind, length_bytes });
            }
            SECTION_FACTS => Place::Facts,
            SECTION_KEYS => Place::Keys { left_bytes: length_bytes },
            SECTION_SESSIONS => Place::SessionsHead { left_bytes: length_bytes },
            SECTION_CHANGES => Place::ChangesHead { left_bytes: length_bytes },
            SECTION_LEASES => Place::LeasesHead { left_bytes: length_bytes },
            _ => return Err(ImageError::UnknownSection { kind }),
        };
        self.kind = kind;
        self.sections_left -= 1;
        Ok(Some(SECTION_HEAD_BYTES))
    }

    fn facts(&mut self, bytes: &[u8]) -> Option<usize> {
        let facts = bytes.get(..FACTS_BYTES)?;
        let [applied, log_time_ms, entries, sum, published_index, published_sum] =
            [0, 8, 16, 24, 32, 40].map(|at| u64_at(facts, at));
        let published = (published_index != 0).then_some((published_index, published_sum));
        self.log_time_ms = log_time_ms;
        self.restoring = Some(Restoring::new(self.value_bytes_max, MapFacts { applied, entries, sum, published }));
        self.at = Place::Section;
        Some(FACTS_BYTES)
    }

    fn key(&mut self, bytes: &[u8], left_bytes: u64) -> Result<Option<usize>, ImageError> {
        let Some(head) = bytes.get(..KEY_HEAD_BYTES) else { return Ok(None) };
        let (key_bytes, value_bytes) = (u32_at(head, 24), u32_at(head, 28));
        if key_bytes > RECORD_PAYLOAD_BYTES_MAX || value_bytes > RECORD_PAYLOAD_BYTES_MAX {
            return Err(ImageError::EntryTooLong { key_bytes, value_bytes });
        }
        let value_at = KEY_HEAD_BYTES + key_bytes as usize;
        let length = value_at + value_bytes as usize;
        let left_bytes = self.less(left_bytes, length)?;
        let Some(whole) = bytes.get(..length) else { return Ok(None) };
        let history = [0, 8, 16].map(|at| u64_at(head, at));
        let restoring = self.restoring.as_mut().expect("the facts come before the keys");
        restoring.push(history, &whole[KEY_HEAD_BYTES..value_at], &whole[value_at..])?;
        self.at = Place::Keys { left_bytes };
        Ok(Some(length))
    }

    fn sessions_head(&mut self, bytes: &[u8], left_bytes: u64) -> Result<Option<usize>, ImageError> {
        const LENGTH: usize = LIMITS_BYTES + SESSIONS_HEAD_BYTES;
        let left_bytes = self.less(left_bytes, LENGTH)?;
        let Some(head) = bytes.get(..LENGTH) else { return Ok(None) };
        let count = |at: usize| usize::try_from(u64_at(head, at)).map_err(|_| ImageError::SessionLimits);
        let limits = SessionLimits {
            lifetime_ms: u64_at(head, 0),
            sessions_max: count(8)?,
            answers_max: count(16)?,
            session_bytes_max: u64_at(head, 24),
            table_bytes_max: u64_at(head, 32),
        };
        self.sessions = Some(RestoringSessions::new(limits, &head[LIMITS_BYTES..])?);
        self.at = Place::Sessions { left_bytes };
        Ok(Some(LENGTH))
    }

    fn session(&mut self, bytes: &[u8], left_bytes: u64) -> Result<Option<usize>, ImageError> {
        let Some(head) = bytes.get(..SESSION_LENGTH_BYTES) else { return Ok(None) };
        let length_bytes = u32_at(head, 0);
        if length_bytes as usize > SESSION_BYTES_MAX {
            return Err(ImageError::SessionTooLong { length_bytes });
        }
        let length = SESSION_LENGTH_BYTES + length_bytes as usize;
        let left_bytes = self.less(left_bytes, length)?;
        let Some(whole) = bytes.get(..length) else { return Ok(None) };
        self.sessions.as_mut().expect("the head comes first").push(&whole[SESSION_LENGTH_BYTES..])?;
        self.at = Place::Sessions { left_bytes };
        Ok(Some(length))
    }

    fn changes_head(&mut self, bytes: &[u8], left_bytes: u64) -> Result<Option<usize>, ImageError> {
        let left_bytes = self.less(left_bytes, CHANGES_HEAD_BYTES)?;
        let Some(head) = bytes.get(..CHANGES_HEAD_BYTES) else { return Ok(None) };
        self.changes = Some(RestoringChanges::new(head)?);
        self.at = Place::Changes { left_bytes };
        Ok(Some(CHANGES_HEAD_BYTES))
    }

    fn change(&mut self, bytes: &[u8], left_bytes: u64) -> Result<Option<usize>, ImageError> {
        let Some(head) = bytes.get(..CHANGE_FIXED_BYTES) else { return Ok(None) };
        let length = change_length(head)?;
        let left_bytes = self.less(left_bytes, length)?;
        let Some(whole) = bytes.get(..length) else { return Ok(None) };
        self.changes.as_mut().expect("the head comes first").change(whole)?;
        self.at = Place::Changes { left_bytes };
        Ok(Some(length))
    }

    fn leases_head(&mut self, bytes: &[u8], left_bytes: u64) -> Result<Option<usize>, ImageError> {
        let left_bytes = self.less(left_bytes, LEASES_HEAD_BYTES)?;
        let Some(head) = bytes.get(..LEASES_HEAD_BYTES) else { return Ok(None) };
        self.changes.as_mut().expect("the changes come before the leases").leases_head(head);
        self.at = Place::Leases { left_bytes };
        Ok(Some(LEASES_HEAD_BYTES))
    }

    fn lease(&mut self, bytes: &[u8], left_bytes: u64) -> Result<Option<usize>, ImageError> {
        let Some(head) = bytes.get(..LEASE_FIXED_BYTES) else { return Ok(None) };
        let length = lease_length(head)?;
        let left_bytes = self.less(left_bytes, length)?;
        let Some(whole) = bytes.get(..length) else { return Ok(None) };
        self.changes.as_mut().expect("the changes come before the leases").lease(whole)?;
        self.at = Place::Leases { left_bytes };
        Ok(Some(length))
    }

    /// What is left of the newest section behind a part of it.
    fn less(&self, left_bytes: u64, part_bytes: usize) -> Result<u64, ImageError> {
        let too_long = ImageError::SectionLength { kind: self.kind, length_bytes: left_bytes };
        left_bytes.checked_sub(part_bytes as u64).ok_or(too_long)
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes are four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes are eight bytes"))
}

/// For the tests of whoever stores images and does not know what is in them.
#[cfg(test)]
pub(crate) mod samples {
    use bytes::BytesMut;

    use super::super::entry::{append_session, decode_stamp, decode_write, encode_command};
    use super::super::record::{Kind, RECORD_HEADER_BYTES, RecordHeader};
    use super::Image;
    use crate::state_machine::{Command, Operation, SessionId, SessionLimits, SessionTag, StateMachine};

    /// The state before the first entry of a log.
    pub(crate) fn empty(value_bytes_max: u64) -> Image {
        StateMachine::new(value_bytes_max, SessionLimits::default())
    }

    /// Appends the payload of an entry that puts a value.
    pub(crate) fn put(key: &[u8], value: Vec<u8>, out: &mut BytesMut) {
        encode_command(&Command { key: key.to_vec(), operation: Operation::Put { value } }, out);
    }

    /// Applies one record; the image must be as of the entry before.
    pub(crate) fn apply(image: &mut Image, record: &[u8]) {
        let header = RecordHeader::read(record, crate::raft::Index(0)).expect("a whole record was made");
        let (index, payload) = (header.id.index.0, &record[RECORD_HEADER_BYTES..]);
        match header.kind {
            Kind::Command => {
                let write = decode_write(payload).expect("a known payload was made");
                image.apply(index, header.id.term.0, write);
            }
            Kind::Tick => image.skip(index, decode_stamp(payload).expect("a stamp was made")),
            _ => image.skip(index, 0),
        }
    }

    /// Makes the command in `out` the first write of a session of its own.
    pub(crate) fn in_session(id: u128, out: &mut BytesMut) {
        append_session(SessionTag { session: SessionId(id), serial: 1, awaited_from: 1, opened_ms: 0 }, out);
    }
}

#[cfg(test)]
mod tests {
    use core::convert::Infallible;

    use proptest::prelude::*;

    use super::*;
    use crate::state_machine::{
        Applied, Change, CommandRef, OperationRef, Scan, SessionId, SessionTag, UpdateRef, WriteRef,
    };

    const VALUE_BYTES_MAX: u64 = 1 << 20;

    /// Every third write is one of a session, and time passes.
    fn image(keys: &[(Vec<u8>, Vec<u8>)]) -> Image {
        let mut image = samples::empty(VALUE_BYTES_MAX);
        for (revision, (key, value)) in (1..).zip(keys) {
            apply(&mut image, revision, key, OperationRef::Put { value });
        }
        image
    }

    fn apply(image: &mut Image, revision: u64, key: &[u8], operation: OperationRef<'_>) -> Applied {
        let tag = SessionTag {
            session: SessionId(u128::from(revision % 6)),
            serial: revision,
            awaited_from: revision.saturating_sub(20).max(1),
            opened_ms: 0,
        };
        let session = revision.is_multiple_of(3).then_some(tag);
        let update = UpdateRef::Command(CommandRef { key, operation });
        image.apply(revision, 5, WriteRef { update, session, elapsed_ms: revision % 2 })
    }

    fn encoded(image: &Image) -> Vec<u8> {
        let mut bytes = Vec::new();
        let outcome = encode_image::<Infallible>(image, &mut |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        });
        outcome.expect("a growing buffer takes everything");
        bytes
    }

    fn decoded(bytes: &[u8], piece_bytes: usize) -> Result<Image, ImageError> {
        let mut decoder = ImageDecoder::new(bytes.len() as u64, VALUE_BYTES_MAX);
        for piece in bytes.chunks(piece_bytes) {
            decoder.feed(piece)?;
        }
        decoder.finish()
    }

    fn everything(image: &Image) -> Vec<(Vec<u8>, Vec<u8>, [u64; 3])> {
        let all = Scan { prefix: b"", after: None, items_max: usize::MAX, bytes_max: usize::MAX, keys_only: false };
        let fields = |entry: &Entry| {
            let history = [entry.created(), entry.revision(), entry.version()];
            (entry.key().to_vec(), entry.value().to_vec(), history)
        };
        image.map().scan(all).entries.iter().map(fields).collect()
    }

    fn sample() -> Image {
        let pairs: [(&[u8], &[u8]); 4] = [(b"", b"empty"), (b"a", b""), (b"b", b"1"), (b"a", b"again")];
        let mut image = image(&pairs.map(|(key, value)| (key.to_vec(), value.to_vec())));
        apply(&mut image, 5, b"a", OperationRef::Lease { ttl_ms: 1_000 });
        apply(&mut image, 6, b"b", OperationRef::Delete);
        image
    }

    /// Revision, key, value now and before.
    type Told = (u64, Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>);

    fn told(image: &Image) -> Vec<Told> {
        let value = |entry: &Option<Entry>| entry.as_ref().map(|entry| entry.value().to_vec());
        let one =
            |change: &Change| (change.revision, change.key().to_vec(), value(&change.current), value(&change.previous));
        image.map().history().iter().map(one).collect()
    }

    proptest! {
        #[test]
        fn an_image_reads_back_in_pieces_of_any_size(
            keys in proptest::collection::vec(
                (proptest::collection::vec(any::<u8>(), 0..40), proptest::collection::vec(any::<u8>(), 0..90)),
                0..30,
            ),
            piece_bytes in 1_usize..300,
        ) {
            let image = image(&keys);
            let again = decoded(&encoded(&image), piece_bytes).expect("what was written reads back");
            prop_assert_eq!(again.map().facts(), image.map().facts());
            prop_assert_eq!(everything(&again), everything(&image));
            prop_assert_eq!(again.log_time_ms(), image.log_time_ms());
            prop_assert_eq!(again.sessions().sum(), image.sessions().sum());
            prop_assert_eq!(told(&again), told(&image));
            prop_assert_eq!(encoded(&again), encoded(&image));
        }
    }

    #[test]
    fn a_restored_state_goes_on_exactly_as_the_one_it_was_taken_of() {
        let mut old = samples::empty(VALUE_BYTES_MAX);
        for revision in 1..=1_234_u64 {
            apply(&mut old, revision, &(revision % 100).to_be_bytes(), OperationRef::Incr { by: 3 });
        }
        let mut new = decoded(&encoded(&old), 4_096).unwrap();
        assert_eq!(new.digest(), old.digest());
        // A write that both have applied before: neither executes it again.
        let tag = SessionTag { session: SessionId(0), serial: 1_230, awaited_from: 1_220, opened_ms: 0 };
        let command = CommandRef { key: b"again", operation: OperationRef::Incr { by: 1 } };
        let again = WriteRef { update: UpdateRef::Command(command), session: Some(tag), elapsed_ms: 0 };
        let (of_new, of_old) = (new.apply(1_235, 6, again.clone()), old.apply(1_235, 6, again));
        assert!(matches!(&of_new, Applied::Written(written) if written.revision == 1_230), "{of_new:?}");
        assert_eq!(of_new, of_old);
        for revision in 1_236..=2_000_u64 {
            let (key, add) = ((revision % 150).to_be_bytes(), OperationRef::Incr { by: 1 });
            assert_eq!(apply(&mut new, revision, &key, add), apply(&mut old, revision, &key, add));
        }
        assert_eq!(new.digest().expect("the two thousandth entry was applied"), old.digest().unwrap());
        assert_eq!(encoded(&new), encoded(&old));
    }

    #[test]
    fn a_large_value_is_handed_out_whole_and_small_ones_in_chunks() {
        let pairs: Vec<(Vec<u8>, Vec<u8>)> = (0..3_000_u32)
            .map(|key| (key.to_be_bytes().to_vec(), vec![7; if key == 5 { 300_000 } else { 100 }]))
            .collect();
        let image = image(&pairs);
        let mut lengths = Vec::new();
        encode_image::<Infallible>(&image, &mut |piece| {
            lengths.push(piece.len());
            Ok(())
        })
        .unwrap();
        assert!(lengths.iter().filter(|length| **length > 2 * IMAGE_CHUNK_BYTES).count() == 1, "{lengths:?}");
        assert!(lengths.len() > 5);
        assert!(decoded(&encoded(&image), 70_000).is_ok());
    }

    #[test]
    fn an_image_that_is_cut_short_or_goes_on_is_refused() {
        let bytes = encoded(&sample());
        for length in 0..bytes.len() {
            let error = decoded(&bytes[..length], 1_000).unwrap_err();
            assert_eq!(error, ImageError::Short { have_bytes: length as u64 });
        }
        let longer = [bytes.clone(), vec![0]].concat();
        assert_eq!(decoded(&longer, 1_000).unwrap_err(), ImageError::Trailing);
        assert_eq!(decoded(&longer, 1).unwrap_err(), ImageError::Trailing);
    }

    #[test]
    fn no_byte_above_the_limit_is_taken() {
        let bytes = encoded(&sample());
        let mut decoder = ImageDecoder::new(bytes.len() as u64 - 1, VALUE_BYTES_MAX);
        let limit_bytes = bytes.len() as u64 - 1;
        assert_eq!(decoder.feed(&bytes), Err(ImageError::TooLong { limit_bytes }));
    }

    #[test]
    fn changes_and_leases_read_back_and_an_image_from_before_them_has_none() {
        let image = sample();
        let bytes = encoded(&image);
        let again = decoded(&bytes, 7).unwrap();
        assert_eq!(told(&again), told(&image));
        assert_eq!(told(&again).len(), 5, "four puts and a deletion");
        assert!(again.map().leases().iter().eq(image.map().leases().iter()) && again.map().leases().len() == 1);
        let new_bytes =
            2 * SECTION_HEAD_BYTES as u64 + changes_bytes(image.map().history()) + leases_bytes(image.map().leases());
        let mut old = bytes[..bytes.len() - new_bytes as usize].to_vec();
        old[4] = 3;
        let old = decoded(&old, 1_000).unwrap();
        assert_eq!((told(&old).len(), old.map().leases().len()), (0, 0));
        assert_eq!((old.map().history().forgotten_to(), everything(&old)), (6, everything(&image)));
        let mut half = bytes[..bytes.len() - leases_bytes(image.map().leases()) as usize - SECTION_HEAD_BYTES].to_vec();
        half[4] = 4;
        assert_eq!(decoded(&half, 1_000).unwrap_err(), ImageError::SectionOrder { kind: 5 });
    }

    /// Everything but limits, the log time and the published digest is bound by the digests of keys and sessions.
    #[test]
    fn a_changed_key_value_history_or_session_is_noticed_by_the_digest() {
        let bytes = encoded(&sample());
        let keys_at = HEAD_BYTES + 2 * SECTION_HEAD_BYTES + FACTS_BYTES;
        let map = sample().map().clone();
        let changes_at =
            bytes.len() - (leases_bytes(map.leases()) + changes_bytes(map.history())) as usize - SECTION_HEAD_BYTES;
        let table_at = changes_at - SECTION_HEAD_BYTES - sessions_bytes(&sample()) as usize;
        assert_eq!(u64_at(&bytes, changes_at), map.history().limits().changes_max as u64);
        // What sessions added to the published digest is bound by nothing, as that digest itself.
        let published_at = table_at + 16;
        let unbound = [table_at - LIMITS_BYTES..table_at, published_at..published_at + 8, changes_at..changes_at + 16];
        let is_bound = |at: &usize| !unbound.iter().any(|range| range.contains(at));
        for at in (keys_at..bytes.len()).filter(is_bound) {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(decoded(&changed, 1_000).is_err(), "byte {at} went unnoticed");
        }
        let mut fewer = bytes;
        fewer[HEAD_BYTES + SECTION_HEAD_BYTES + 16] -= 1;
        assert_eq!(
            decoded(&fewer, 1_000).unwrap_err(),
            ImageError::Content(RestoreError::Count { stated: 1, found: 2 })
        );
    }

    #[test]
    fn unknown_versions_and_sections_are_refused_by_number() {
        let mut bytes = encoded(&sample());
        bytes[0] = 9;
        assert_eq!(decoded(&bytes, 1_000).unwrap_err(), ImageError::Version { found: 9 });
        let mut bytes = encoded(&sample());
        bytes[4] = 6;
        bytes.extend_from_slice(&[200, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(decoded(&bytes, 1_000).unwrap_err(), ImageError::UnknownSection { kind: 200 });
        let mut bytes = encoded(&sample());
        bytes[HEAD_BYTES] = 2;
        assert_eq!(decoded(&bytes, 1_000).unwrap_err(), ImageError::SectionOrder { kind: 2 });
        let mut bytes = encoded(&sample());
        bytes[4] = 1;
        bytes.truncate(HEAD_BYTES + SECTION_HEAD_BYTES + FACTS_BYTES);
        assert_eq!(decoded(&bytes, 1_000).unwrap_err(), ImageError::SectionOrder { kind: 2 });
    }

    #[test]
    fn a_claimed_length_is_refused_before_its_bytes_are_waited_for() {
        let mut bytes = encoded(&sample());
        let first_key = HEAD_BYTES + 2 * SECTION_HEAD_BYTES + FACTS_BYTES;
        bytes[first_key + 24..first_key + 28].copy_from_slice(&u32::MAX.to_le_bytes());
        let mut decoder = ImageDecoder::new(bytes.len() as u64, VALUE_BYTES_MAX);
        let error = decoder.feed(&bytes[..first_key + KEY_HEAD_BYTES]).unwrap_err();
        assert_eq!(error, ImageError::EntryTooLong { key_bytes: u32::MAX, value_bytes: 5 });
    }
}
