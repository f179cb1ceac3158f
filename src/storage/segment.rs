//! The bytes of a segment that are not records: its header, and the marker behind every synced batch.
//!
//! ```text
//! segment   | header, 4096 bytes | record record … marker | record … marker | zeros …
//! ```
//!
//! A marker says: everything before me was synced before I was written. It carries a length no record may have, so it
//! is never taken for one, and its checksum is seeded with the directory's storage id, so no value a client stores can
//! look like one. The header's checksum covers the whole block. Every format version keeps the magic, the version and
//! the block's checksum where they are, so that a newer file is told from a damaged one.
//!
//! Knows bytes only; opening, scanning and appending are `reader` and `wal`.

use crate::raft::{ClusterId, Index, NodeId, StorageId, Term};

/// First bytes of every segment.
pub const SEGMENT_MAGIC: [u8; 8] = *b"RAFTSEG\n";

/// The only version this program writes and reads.
pub const SEGMENT_VERSION: u32 = 1;

/// The header fills one block, so that records start aligned and a torn header is one block.
pub const SEGMENT_HEADER_BYTES: usize = 4096;

/// Length of a sync marker.
pub const MARKER_BYTES: usize = 48;

/// What a marker has where a record has its length; above every length a record may have.
pub const MARKER_LENGTH: u32 = u32::MAX;

/// What a marker has where a record has its kind; never the kind of an entry.
pub const MARKER_KIND: u8 = 0xff;

/// Format version of the marker.
pub const MARKER_VERSION: u8 = 1;

/// The log goes on in the next segment: nothing more will ever be written behind this marker.
const FLAG_CONTINUED: u16 = 1;

/// Why a segment was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The log begins here.
    Founded,
    /// The segment before was full.
    Rolled,
    /// Entries from `first` on are replaced; older segments' copies of them are dead (§5.3).
    Truncated,
    /// A snapshot was installed: the log begins here, behind its last entry, and all older segments are dead (R86).
    Reset,
}

/// The first block of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    pub cluster_id: ClusterId,
    pub node: NodeId,
    pub storage: StorageId,
    /// Counts segments of this directory from 1, without gaps.
    pub sequence: u64,
    /// Index of the first entry in, or to come into, this segment.
    pub first: Index,
    /// Term of the entry before `first`; zero at the log's start.
    pub term_before: Term,
    /// `check` of the entry before `first`, which the first record's `link` continues.
    pub link: u32,
    pub cause: Cause,
}

/// A sync marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marker {
    /// The segment's sequence number; a marker that strayed from another segment is none.
    pub sequence: u64,
    /// Where in the file it stands.
    pub offset: u64,
    /// Last entry before it.
    pub last: Index,
    /// `check` of that entry.
    pub last_check: u32,
    /// Known to be committed when it was written (R51).
    pub commit_hint: Index,
    /// The log goes on in the next segment.
    pub continued: bool,
}

/// Why a block is not a header this program reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    #[error("the file ends within its header, after {have} bytes")]
    Short { have: usize },
    #[error("this is not a log segment")]
    Magic,
    #[error("checksum {found:08x}, but the bytes give {computed:08x}")]
    Damaged { found: u32, computed: u32 },
    #[error("format version {found} is not known; this program reads version {SEGMENT_VERSION}")]
    Version { found: u32 },
    #[error("unknown cause {0}")]
    Cause(u8),
}

impl SegmentHeader {
    pub fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut block = [0; SEGMENT_HEADER_BYTES];
        block[0..8].copy_from_slice(&SEGMENT_MAGIC);
        block[8..12].copy_from_slice(&SEGMENT_VERSION.to_le_bytes());
        block[12] = self.cause.to_byte();
        block[16..32].copy_from_slice(&self.cluster_id.0.to_le_bytes());
        block[32..48].copy_from_slice(&self.storage.0.to_le_bytes());
        block[48..56].copy_from_slice(&self.node.0.to_le_bytes());
        block[56..64].copy_from_slice(&self.sequence.to_le_bytes());
        block[64..72].copy_from_slice(&self.first.0.to_le_bytes());
        block[72..80].copy_from_slice(&self.term_before.0.to_le_bytes());
        block[80..84].copy_from_slice(&self.link.to_le_bytes());
        seal_block(&mut block);
        block
    }

    pub fn decode(bytes: &[u8]) -> Result<SegmentHeader, HeaderError> {
        if bytes.len() < SEGMENT_HEADER_BYTES {
            return Err(HeaderError::Short { have: bytes.len() });
        }
        let block = &bytes[..SEGMENT_HEADER_BYTES];
        if let Err((found, computed)) = check_block(block) {
            let magic = block[0..8] == SEGMENT_MAGIC;
            return Err(if magic { HeaderError::Damaged { found, computed } } else { HeaderError::Magic });
        }
        if block[0..8] != SEGMENT_MAGIC {
            return Err(HeaderError::Magic);
        }
        let version = u32_at(block, 8);
        if version != SEGMENT_VERSION {
            return Err(HeaderError::Version { found: version });
        }
        Ok(SegmentHeader {
            cluster_id: ClusterId(u128_at(block, 16)),
            node: NodeId(u64_at(block, 48)),
            storage: StorageId(u128_at(block, 32)),
            sequence: u64_at(block, 56),
            first: Index(u64_at(block, 64)),
            term_before: Term(u64_at(block, 72)),
            link: u32_at(block, 80),
            cause: Cause::from_byte(block[12]).ok_or(HeaderError::Cause(block[12]))?,
        })
    }
}

impl Cause {
    pub const fn word(self) -> &'static str {
        match self {
            Cause::Founded => "founded",
            Cause::Rolled => "rolled",
            Cause::Truncated => "truncated",
            Cause::Reset => "reset",
        }
    }

    const fn to_byte(self) -> u8 {
        match self {
            Cause::Founded => 1,
            Cause::Rolled => 2,
            Cause::Truncated => 3,
            Cause::Reset => 4,
        }
    }

    const fn from_byte(byte: u8) -> Option<Cause> {
        match byte {
            1 => Some(Cause::Founded),
            2 => Some(Cause::Rolled),
            3 => Some(Cause::Truncated),
            4 => Some(Cause::Reset),
            _ => None,
        }
    }
}

impl Marker {
    pub fn encode(&self, storage: StorageId) -> [u8; MARKER_BYTES] {
        let mut bytes = [0; MARKER_BYTES];
        let flags = if self.continued { FLAG_CONTINUED } else { 0 };
        bytes[4..8].copy_from_slice(&self.last_check.to_le_bytes());
        bytes[8..12].copy_from_slice(&MARKER_LENGTH.to_le_bytes());
        bytes[12] = MARKER_KIND;
        bytes[13] = MARKER_VERSION;
        bytes[14..16].copy_from_slice(&flags.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.last.0.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.offset.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.commit_hint.0.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.sequence.to_le_bytes());
        let check = marker_check(&bytes, storage);
        bytes[0..4].copy_from_slice(&check.to_le_bytes());
        bytes
    }

    /// Whether the bytes claim to be a marker rather than a record; says nothing about their being whole.
    pub fn is_claimed(bytes: &[u8]) -> bool {
        bytes.len() >= 13 && u32_at(bytes, 8) == MARKER_LENGTH && bytes[12] == MARKER_KIND
    }

    /// The marker at the start of `bytes`, if it is whole and belongs to this place of this segment.
    pub fn decode(bytes: &[u8], storage: StorageId, sequence: u64, offset: u64) -> Option<Marker> {
        if bytes.len() < MARKER_BYTES || !Marker::is_claimed(bytes) {
            return None;
        }
        let belongs = u64_at(bytes, 24) == offset && u64_at(bytes, 40) == sequence && bytes[13] == MARKER_VERSION;
        if !belongs || marker_check(bytes, storage) != u32_at(bytes, 0) {
            return None;
        }
        Some(Marker {
            sequence,
            offset,
            last: Index(u64_at(bytes, 16)),
            last_check: u32_at(bytes, 4),
            commit_hint: Index(u64_at(bytes, 32)),
            continued: u16::from_le_bytes([bytes[14], bytes[15]]) & FLAG_CONTINUED != 0,
        })
    }
}

/// Writes the checksum of a block into its last four bytes.
pub(super) fn seal_block(block: &mut [u8]) {
    let end = block.len() - 4;
    let check = crc32fast::hash(&block[..end]);
    block[end..].copy_from_slice(&check.to_le_bytes());
}

/// Whether a block's last four bytes are its checksum; else what is there and what the bytes give.
pub(super) fn check_block(block: &[u8]) -> Result<(), (u32, u32)> {
    let end = block.len() - 4;
    let (found, computed) = (u32_at(block, end), crc32fast::hash(&block[..end]));
    if found == computed { Ok(()) } else { Err((found, computed)) }
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes are four bytes"))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes are eight bytes"))
}

pub(super) fn u128_at(bytes: &[u8], at: usize) -> u128 {
    u128::from_le_bytes(bytes[at..at + 16].try_into().expect("sixteen bytes are sixteen bytes"))
}

fn marker_check(bytes: &[u8], storage: StorageId) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&storage.0.to_le_bytes());
    hasher.update(&bytes[4..MARKER_BYTES]);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::record::{RECORD_PAYLOAD_BYTES_MAX, RecordHeader};

    fn header() -> SegmentHeader {
        SegmentHeader {
            cluster_id: ClusterId(1 << 100),
            node: NodeId(3),
            storage: StorageId(7 << 90),
            sequence: 5,
            first: Index(42),
            term_before: Term(9),
            link: 0xdead_beef,
            cause: Cause::Truncated,
        }
    }

    fn marker() -> Marker {
        let (last, commit_hint) = (Index(41), Index(40));
        Marker { sequence: 5, offset: 8192, last, last_check: 77, commit_hint, continued: true }
    }

    #[test]
    fn a_header_reads_back_and_every_flipped_bit_is_noticed() {
        let block = header().encode();
        assert_eq!(SegmentHeader::decode(&block), Ok(header()));
        for bit in 0..block.len() * 8 {
            let mut damaged = block;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(SegmentHeader::decode(&damaged).is_err(), "bit {bit} went unnoticed");
        }
        assert_eq!(SegmentHeader::decode(&block[..4095]), Err(HeaderError::Short { have: 4095 }));
    }

    #[test]
    fn another_version_is_refused_with_both_versions_named() {
        let mut block = header().encode();
        block[8] = 2;
        seal_block(&mut block);
        let error = SegmentHeader::decode(&block).unwrap_err();
        assert_eq!(error, HeaderError::Version { found: 2 });
        assert_eq!(error.to_string(), "format version 2 is not known; this program reads version 1");
    }

    #[test]
    fn a_marker_reads_back_only_where_it_was_written() {
        let storage = StorageId(7);
        let bytes = marker().encode(storage);
        assert_eq!(Marker::decode(&bytes, storage, 5, 8192), Some(marker()));
        assert_eq!(Marker::decode(&bytes, StorageId(8), 5, 8192), None, "of another directory");
        assert_eq!(Marker::decode(&bytes, storage, 6, 8192), None, "of another segment");
        assert_eq!(Marker::decode(&bytes, storage, 5, 8193), None, "at another place");
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Marker::decode(&damaged, storage, 5, 8192), None, "bit {bit} went unnoticed");
        }
    }

    #[test]
    fn the_example_in_the_documentation_is_a_marker() {
        let (last, commit_hint) = (Index(1), Index(0));
        let example =
            Marker { sequence: 1, offset: 4207, last, last_check: 0x5f8f_7174, commit_hint, continued: false };
        let bytes = example.encode(StorageId(77));
        let rows = bytes.chunks(16).enumerate().map(|(row, bytes)| {
            let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{:08x}  {}\n", 4207 + 16 * row, digits.join(" "))
        });
        let text = rows.collect::<String>();
        assert!(include_str!("../../docs/formats.md").contains(&text), "docs/formats.md must show:\n{text}");
    }

    #[test]
    fn a_marker_is_never_a_record() {
        const { assert!(MARKER_LENGTH > RECORD_PAYLOAD_BYTES_MAX) };
        assert!(RecordHeader::read(&marker().encode(StorageId(7)), Index(0)).is_err());
    }
}
