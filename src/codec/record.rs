//! One log entry as bytes: encoded once by the leader, then sent, stored and checked as it is by everybody.
//!
//! ```text
//!  0        4        8       11             12       16       20         26
//!  | check  | link   | length | version, kind | index  | term   | wall_ms  | payload …
//! ```
//!
//! All numbers are little-endian. `check` is CRC-32 (IEEE) of everything behind it, payload included. `link` is the
//! `check` of the previous entry, so each record vouches for the whole log before it; a good `check` with a wrong
//! `link` is a stale record (left over from a truncated tail), not a damaged one. The chain depends on entries only,
//! never on segment or node data: every node stores the same bytes.
//!
//! A record is small, because most values are. Of its index it has the lower half: whoever reads a record knows which
//! one should be there, and the chain proves that it is. Version and kind share a byte.
//!
//! This file does not know what payloads mean (`entry.rs`) or where records lie (`storage`).

use std::sync::LazyLock;

use bytes::BytesMut;

use crate::raft::{Index, LogId, Term};

/// Bytes before the payload.
pub const RECORD_HEADER_BYTES: usize = 26;

/// Format version written into each record: the upper three bits of the byte that has the kind in its lower five.
pub const RECORD_VERSION: u8 = 1;

/// How far the version lies above the kind.
const VERSION_SHIFT: u32 = 5;

/// The highest number of a kind.
pub const KIND_MAX: u8 = (1 << VERSION_SHIFT) - 1;

/// The latest time that a record can say, in the year 10889.
const WALL_MS_MAX: u64 = (1 << 48) - 1;

/// Longest payload of a record: its length has three bytes.
pub const RECORD_PAYLOAD_BYTES_MAX: u32 = (1 << 24) - 1;

/// The link of the first entry of a log.
pub const LINK_ORIGIN: u32 = 0;

/// What an entry is. Numbers are the format's, up to 31; unknown ones are stored and passed on, but stop apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The first entry of a leader's term; no payload (R25).
    Noop,
    Command,
    Config,
    /// A leader's stamp of log time alone (R110).
    Tick,
    Unknown(u8),
}

impl Kind {
    pub const fn to_byte(self) -> u8 {
        match self {
            Kind::Noop => 1,
            Kind::Command => 2,
            Kind::Config => 3,
            Kind::Tick => 4,
            Kind::Unknown(byte) => byte,
        }
    }

    pub const fn from_byte(byte: u8) -> Kind {
        match byte {
            1 => Kind::Noop,
            2 => Kind::Command,
            3 => Kind::Config,
            4 => Kind::Tick,
            other => Kind::Unknown(other),
        }
    }

    pub const fn word(self) -> &'static str {
        match self {
            Kind::Noop => "noop",
            Kind::Command => "command",
            Kind::Config => "config",
            Kind::Tick => "tick",
            Kind::Unknown(_) => "unknown",
        }
    }
}

/// Everything of a record but its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHeader {
    pub check: u32,
    pub link: u32,
    /// Of the payload.
    pub length_bytes: u32,
    pub kind: Kind,
    pub version: u8,
    pub id: LogId,
    /// The leader's wall clock when it appended, milliseconds since 1970; for display only.
    pub wall_ms: u64,
}

/// Why bytes are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    #[error("{have} bytes are too few for a record of {need}")]
    Short { have: usize, need: usize },
    #[error("checksum {found:08x}, but the bytes give {computed:08x}")]
    Damaged { found: u32, computed: u32 },
    #[error("format version {version} is not known")]
    Version { version: u8 },
}

impl RecordHeader {
    pub fn total_bytes(&self) -> usize {
        RECORD_HEADER_BYTES + self.length_bytes as usize
    }

    /// Reads the record at the start of `bytes` and proves its checksum; its index is the one nearest to `near` that it
    /// can be. Whether index and `link` fit is the caller's to ask.
    pub fn read(bytes: &[u8], near: Index) -> Result<RecordHeader, RecordError> {
        let header = RecordHeader::peek(bytes, near)?;
        let need = header.total_bytes();
        if bytes.len() < need {
            return Err(RecordError::Short { have: bytes.len(), need });
        }
        let computed = check_of(&bytes[4..need]);
        if computed != header.check {
            return Err(RecordError::Damaged { found: header.check, computed });
        }
        if header.version != RECORD_VERSION {
            return Err(RecordError::Version { version: header.version });
        }
        Ok(header)
    }

    /// Reads the fields without proving anything; for deciding how many bytes to fetch, and for showing damage.
    #[inline]
    pub fn peek(bytes: &[u8], near: Index) -> Result<RecordHeader, RecordError> {
        let Some(header) = bytes.first_chunk::<RECORD_HEADER_BYTES>() else {
            return Err(RecordError::Short { have: bytes.len(), need: RECORD_HEADER_BYTES });
        };
        let index = nearest(near, read_u32(header, 12));
        Ok(RecordHeader {
            check: read_u32(header, 0),
            link: read_u32(header, 4),
            length_bytes: read_u32(header, 8) & RECORD_PAYLOAD_BYTES_MAX,
            kind: Kind::from_byte(header[11] & KIND_MAX),
            version: header[11] >> VERSION_SHIFT,
            id: LogId { index, term: Term(u64::from(read_u32(header, 16))) },
            wall_ms: read_u64(header, 18) >> 16,
        })
    }

    /// Whether the byte that has version and kind, the twelfth of a record, claims the version of this program.
    pub const fn claims_version(byte: u8) -> bool {
        byte >> VERSION_SHIFT == RECORD_VERSION
    }

    /// The check of the record at the start of `bytes`, and the one of the entry before it; none when it is cut short.
    /// Proves nothing.
    pub fn peek_chain(bytes: &[u8]) -> Option<(u32, u32)> {
        let header = bytes.first_chunk::<RECORD_HEADER_BYTES>()?;
        Some((read_u32(header, 0), read_u32(header, 4)))
    }
}

/// The index with these lower 32 bits that is nearest to `near`. Below zero it turns over, to an index that no log reaches.
#[inline]
fn nearest(near: Index, low: u32) -> Index {
    let ahead = i64::from(low.wrapping_sub(near.0 as u32).cast_signed());
    Index(near.0.wrapping_add_signed(ahead))
}

/// Appends one record to `buffer` and returns its `check`, which is the next record's link.
///
/// The payload is written by `payload` straight into place, so that it is copied once.
pub fn append_record(
    buffer: &mut BytesMut,
    link: u32,
    kind: Kind,
    id: LogId,
    wall_ms: u64,
    payload: impl FnOnce(&mut BytesMut),
) -> u32 {
    let start = buffer.len();
    let kind = kind.to_byte();
    assert!(kind <= KIND_MAX, "kinds are numbers up to 31");
    let term = u32::try_from(id.term.0).expect("terms end at Term::MAX");
    let mut header = [0; RECORD_HEADER_BYTES];
    header[4..8].copy_from_slice(&link.to_le_bytes());
    header[12..16].copy_from_slice(&(id.index.0 as u32).to_le_bytes());
    header[16..20].copy_from_slice(&term.to_le_bytes());
    header[20..26].copy_from_slice(&wall_ms.min(WALL_MS_MAX).to_le_bytes()[..6]);
    buffer.extend_from_slice(&header);
    payload(buffer);
    let length = u32::try_from(buffer.len() - start - RECORD_HEADER_BYTES).expect("payloads are far below 4 GiB");
    assert!(length <= RECORD_PAYLOAD_BYTES_MAX, "payloads are checked against the limits before they are encoded");
    let sized = length | u32::from(RECORD_VERSION << VERSION_SHIFT | kind) << 24;
    buffer[start + 8..start + 12].copy_from_slice(&sized.to_le_bytes());
    let check = check_of(&buffer[start + 4..]);
    buffer[start..start + 4].copy_from_slice(&check.to_le_bytes());
    check
}

/// CRC-32 (IEEE). What the processor offers for it is found out once, not for every record.
fn check_of(bytes: &[u8]) -> u32 {
    static CRC: LazyLock<crc32fast::Hasher> = LazyLock::new(crc32fast::Hasher::new);
    let mut hasher = CRC.clone();
    hasher.update(bytes);
    hasher.finalize()
}

fn read_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes are four bytes"))
}

fn read_u64(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes are eight bytes"))
}

#[cfg(test)]
mod tests {
    use bytes::BufMut;

    use super::*;

    fn sample() -> (BytesMut, u32) {
        let mut buffer = BytesMut::new();
        let check =
            append_record(&mut buffer, 7, Kind::Command, LogId::new(42, 3), 1_000, |out| out.put_slice(b"hello"));
        (buffer, check)
    }

    #[test]
    fn a_record_reads_back_as_it_was_written() {
        let (buffer, check) = sample();
        let header = RecordHeader::read(&buffer, Index(40)).unwrap();
        assert_eq!(header.check, check);
        assert_eq!((header.link, header.length_bytes, header.kind), (7, 5, Kind::Command));
        assert_eq!((header.id, header.wall_ms), (LogId::new(42, 3), 1_000));
        assert_eq!(&buffer[RECORD_HEADER_BYTES..], b"hello");
    }

    /// The lower half of an index turns over every four billion entries.
    #[test]
    fn an_index_is_the_nearest_that_it_can_be() {
        const TURN: u64 = 1 << 32;
        for index in [1, 7, TURN - 1, TURN, TURN + 1, 5 * TURN - 3, 5 * TURN + 3, u64::MAX - 1] {
            let mut buffer = BytesMut::new();
            append_record(&mut buffer, 7, Kind::Noop, LogId::new(index, u64::from(u32::MAX)), u64::MAX, |_| {});
            for near in [index, index.saturating_sub(TURN / 2 - 1), index.saturating_add(TURN / 2 - 1)] {
                let header = RecordHeader::read(&buffer, Index(near)).unwrap();
                assert_eq!(header.id, LogId::new(index, u64::from(u32::MAX)), "near {near}");
                assert_eq!(header.wall_ms, WALL_MS_MAX);
            }
        }
    }

    #[test]
    fn a_no_op_is_as_long_as_consensus_counts_it() {
        assert_eq!(RECORD_HEADER_BYTES as u64, u64::from(crate::raft::NOOP_LENGTH_BYTES));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let (buffer, _) = sample();
        for bit in 0..buffer.len() * 8 {
            let mut damaged = buffer.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(RecordHeader::read(&damaged, Index(42)).is_err(), "bit {bit} went unnoticed");
        }
    }

    #[test]
    fn every_prefix_is_refused() {
        let (buffer, _) = sample();
        for length in 0..buffer.len() {
            assert!(matches!(RecordHeader::read(&buffer[..length], Index(42)), Err(RecordError::Short { .. })));
        }
    }
}
