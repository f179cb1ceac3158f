//! The bytes of a snapshot file: a header that says what it stands for, compressed blocks, and a trailer that vouches
//! for all of it.
//!
//! ```text
//! header | block block block … | trailer
//! block  | check, 4 | raw length, 4 | stored length, 4 | one zstd frame |
//! ```
//!
//! The file is the same for every node: it names the cluster, never a node or a directory, and travels as it is.
//! The size of the file and the trailer's digest, with what the header says, are its `SnapshotMeta`.
//!
//! Promises: what is read back is what was written, whole, or the place of the damage is named. Memory is one block,
//! whatever a file claims; nothing above the length that the trailer states is unpacked into the state machine.
//! Where files lie and which of them count is `snapshot`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::BytesMut;
use xxhash_rust::xxh3::Xxh3;

use super::disk::{Disk, DiskFile, RealDisk};
use super::layout::SyncMode;
use super::reader::{Damage, DamageKind};
use super::segment::{check_block, seal_block, u32_at, u64_at, u128_at};
use crate::codec::entry::{decode_config, encode_config};
use crate::codec::snapshot::{Image, ImageDecoder, ImageError, encode_image};
use crate::codec::{EntryError, Settings};
use crate::raft::{ClusterId, Config, Index, LogId, SnapshotMeta, Term};

/// First bytes of every snapshot file.
pub const SNAPSHOT_MAGIC: [u8; 8] = *b"RAFTSNP\n";

/// The only version this program writes and reads.
pub const SNAPSHOT_VERSION: u32 = 1;

/// Longest header that is read: a configuration of thousands of members.
pub const SNAPSHOT_HEADER_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of the image in one block; the last may be shorter.
pub const SNAPSHOT_BLOCK_BYTES: usize = 256 * 1024;

/// Length of the trailer.
pub const SNAPSHOT_TRAILER_BYTES: usize = 32;

/// Bytes of a file that are synced at once while it is written: the syncs of the log, on the same disk, wait for them.
pub const SNAPSHOT_SYNC_STEP_BYTES: u64 = 4 * 1024 * 1024;

/// Longest image that is unpacked: far above what fits into the memory of a node.
pub const SNAPSHOT_IMAGE_BYTES_MAX: u64 = 1 << 36;

/// Header before the configuration.
const HEADER_FIXED_BYTES: usize = 72;

const CHECK_BYTES: usize = 4;

const BLOCK_HEAD_BYTES: usize = 12;

/// Measured on the state machine's images: higher levels cost time and save nothing.
const COMPRESSION_LEVEL: i32 = 1;

/// What a snapshot stands for, before there is a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotHead {
    /// The last entry the snapshot covers.
    pub last: LogId,
    /// In force at `last`, with the settings of the same entry (R82).
    pub config: Arc<Config>,
    pub settings: Settings,
    /// Index of the entry that brought them.
    pub config_index: Index,
    /// Check of the record of `last`, which the next record continues.
    pub link: u32,
    /// Encoded bytes of all entries from the first of the log to `last`.
    pub log_bytes: u64,
}

/// A snapshot file that was proved and read.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub meta: SnapshotMeta,
    pub settings: Settings,
    pub image: Image,
}

/// Why a snapshot was not written, read or taken over.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("damaged: {0}")]
    Damaged(Damage),
    #[error("written by another version: {0}")]
    Version(Damage),
    #[error("{}: the image of the state machine: {source}", path.display())]
    Image { path: PathBuf, source: ImageError },
    #[error("{}: the configuration: {source}", path.display())]
    Config { path: PathBuf, source: EntryError },
    #[error("{} belongs to cluster {found}, not to {own}", path.display())]
    OtherCluster { path: PathBuf, found: ClusterId, own: ClusterId },
    #[error("there is no snapshot of {last}")]
    Missing { last: LogId },
    #[error("{} is not the snapshot that was announced", path.display())]
    NotAsAnnounced { path: PathBuf },
    #[error("{} was to be continued at byte {expected}, not at {offset}", path.display())]
    Offset { path: PathBuf, offset: u64, expected: u64 },
}

/// Writes header, image and trailer to a new file; its end is not synced yet.
pub(super) fn write_file(
    file: &dyn DiskFile,
    sync: SyncMode,
    cluster: ClusterId,
    head: &SnapshotHead,
    image: &Image,
) -> io::Result<SnapshotMeta> {
    let mut writer = Writer {
        file,
        sync,
        position: 0,
        synced: 0,
        digest: Xxh3::new(),
        raw: Vec::with_capacity(SNAPSHOT_BLOCK_BYTES),
        compressor: zstd::bulk::Compressor::new(COMPRESSION_LEVEL)?,
        image_bytes: 0,
    };
    writer.put(&encode_header(cluster, head))?;
    encode_image(image, &mut |piece| writer.image(piece))?;
    writer.block()?;
    let (size_bytes, digest) = writer.finish()?;
    Ok(head.meta(size_bytes, digest))
}

/// Syncs a growing file whenever another step of it was written.
pub(super) fn sync_in_steps(file: &dyn DiskFile, sync: SyncMode, position: u64, synced: &mut u64) -> io::Result<()> {
    if sync == SyncMode::Always && position >= *synced + SNAPSHOT_SYNC_STEP_BYTES {
        file.sync()?;
        *synced = position;
    }
    Ok(())
}

/// A snapshot file being read from its start to its end, block by block.
pub(super) struct Scan {
    file: Arc<dyn DiskFile>,
    path: Arc<Path>,
    pub(super) cluster: ClusterId,
    pub(super) head: SnapshotHead,
    position: u64,
    digest: Xxh3,
    image_bytes: u64,
    stored: Vec<u8>,
    raw: Vec<u8>,
}

/// What `Scan::step` met.
pub(super) enum Step {
    /// A block; its content is in `raw` when it was asked for.
    Block,
    /// The trailer, which vouches for everything before it.
    End { size_bytes: u64, digest: u64 },
}

struct Writer<'a> {
    file: &'a dyn DiskFile,
    sync: SyncMode,
    position: u64,
    /// Everything before this was synced.
    synced: u64,
    digest: Xxh3,
    raw: Vec<u8>,
    compressor: zstd::bulk::Compressor<'static>,
    image_bytes: u64,
}

impl SnapshotHead {
    /// What `meta` says, before size and digest are known, with the settings in force at its last entry.
    pub fn new(meta: &SnapshotMeta, settings: Settings) -> SnapshotHead {
        SnapshotHead {
            last: meta.last,
            config: meta.config.clone(),
            settings,
            config_index: meta.config_index,
            link: meta.link,
            log_bytes: meta.log_bytes,
        }
    }

    pub(super) fn meta(&self, size_bytes: u64, digest: u64) -> SnapshotMeta {
        SnapshotMeta {
            last: self.last,
            config: self.config.clone(),
            config_index: self.config_index,
            size_bytes,
            digest,
            link: self.link,
            log_bytes: self.log_bytes,
        }
    }
}

impl Writer<'_> {
    /// Takes a piece of the image; writes the blocks that it fills.
    fn image(&mut self, mut piece: &[u8]) -> io::Result<()> {
        while !piece.is_empty() {
            let room = SNAPSHOT_BLOCK_BYTES - self.raw.len();
            let (now, later) = piece.split_at(room.min(piece.len()));
            self.raw.extend_from_slice(now);
            piece = later;
            if self.raw.len() == SNAPSHOT_BLOCK_BYTES {
                self.block()?;
            }
        }
        Ok(())
    }

    fn block(&mut self) -> io::Result<()> {
        if self.raw.is_empty() {
            return Ok(());
        }
        let stored = self.compressor.compress(&self.raw)?;
        let length = |bytes: usize| u32::try_from(bytes).expect("a block is far below 4 GiB").to_le_bytes();
        let mut block = vec![0; CHECK_BYTES];
        block.extend_from_slice(&length(self.raw.len()));
        block.extend_from_slice(&length(stored.len()));
        block.extend_from_slice(&stored);
        let check = crc32fast::hash(&block[CHECK_BYTES..]);
        block[..CHECK_BYTES].copy_from_slice(&check.to_le_bytes());
        self.image_bytes += self.raw.len() as u64;
        self.raw.clear();
        self.put(&block)
    }

    fn finish(mut self) -> io::Result<(u64, u64)> {
        let digest = self.digest.digest();
        let mut trailer = [0; SNAPSHOT_TRAILER_BYTES];
        trailer[16..24].copy_from_slice(&self.image_bytes.to_le_bytes());
        trailer[24..32].copy_from_slice(&digest.to_le_bytes());
        let check = crc32fast::hash(&trailer[CHECK_BYTES..]);
        trailer[..CHECK_BYTES].copy_from_slice(&check.to_le_bytes());
        self.put(&trailer)?;
        Ok((self.position, digest))
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(bytes, self.position)?;
        self.position += bytes.len() as u64;
        self.digest.update(bytes);
        sync_in_steps(self.file, self.sync, self.position, &mut self.synced)
    }
}

impl Scan {
    /// Reads and proves the header.
    pub(super) fn open(disk: &dyn Disk, path: &Path) -> Result<Scan, SnapshotError> {
        let failed = |source| SnapshotError::Io { path: path.to_path_buf(), source };
        let file = disk.open(path).map_err(failed)?;
        let mut header = vec![0; HEADER_FIXED_BYTES];
        let have = file.read_at(&mut header, 0).map_err(failed)?;
        let length = header_length(path, &header[..have])?;
        header.resize(length, 0);
        let have = file.read_at(&mut header, 0).map_err(failed)?;
        let (cluster, head) = decode_header(path, &header[..have])?;
        let mut digest = Xxh3::new();
        digest.update(&header);
        let position = header.len() as u64;
        let path = Arc::from(path);
        let (stored, raw) = (Vec::new(), Vec::new());
        Ok(Scan { file, path, cluster, head, position, digest, image_bytes: 0, stored, raw })
    }

    /// Behind the last block that was whole.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Proves the next block, or the trailer and that nothing follows it.
    pub(super) fn step(&mut self) -> Result<Step, SnapshotError> {
        let mut head = [0; SNAPSHOT_TRAILER_BYTES];
        let have = self.read(&mut head, self.position)?;
        if have < BLOCK_HEAD_BYTES {
            return Err(self.damage("the file ends where a block or the trailer should be".to_owned()));
        }
        let (raw_bytes, stored_bytes) = (u32_at(&head, 4) as usize, u32_at(&head, 8) as usize);
        if raw_bytes == 0 {
            return self.trailer(&head[..have]);
        }
        if raw_bytes > SNAPSHOT_BLOCK_BYTES || stored_bytes > zstd::zstd_safe::compress_bound(SNAPSHOT_BLOCK_BYTES) {
            return Err(self.damage(format!("a block claims {raw_bytes} bytes, packed into {stored_bytes}")));
        }
        let mut block = std::mem::take(&mut self.stored);
        block.resize(BLOCK_HEAD_BYTES + stored_bytes, 0);
        let have = self.read(&mut block, self.position)?;
        let (found, computed) = (u32_at(&block, 0), crc32fast::hash(&block[CHECK_BYTES..]));
        let is_whole = have == block.len() && found == computed;
        if is_whole {
            self.digest.update(&block);
            self.position += block.len() as u64;
            self.image_bytes += raw_bytes as u64;
            self.raw.resize(raw_bytes, 0);
        }
        self.stored = block;
        match is_whole {
            true => Ok(Step::Block),
            false => Err(self.damage(format!("a block has checksum {found:08x}, but its bytes give {computed:08x}"))),
        }
    }

    /// Unpacks the block that was met last.
    fn unpack(&mut self, decompressor: &mut zstd::bulk::Decompressor<'_>) -> Result<&[u8], SnapshotError> {
        let unpacked = decompressor.decompress_to_buffer(&self.stored[BLOCK_HEAD_BYTES..], self.raw.as_mut_slice());
        match unpacked {
            Ok(length) if length == self.raw.len() => Ok(&self.raw),
            Ok(length) => {
                Err(self.damage(format!("the block before unpacks to {length} bytes, not to {}", self.raw.len())))
            }
            Err(error) => Err(self.damage(format!("the block before cannot be unpacked: {error}"))),
        }
    }

    fn trailer(&mut self, trailer: &[u8]) -> Result<Step, SnapshotError> {
        if trailer.len() < SNAPSHOT_TRAILER_BYTES {
            return Err(self.damage("the file ends within its trailer".to_owned()));
        }
        let (found, computed) = (u32_at(trailer, 0), crc32fast::hash(&trailer[CHECK_BYTES..]));
        if found != computed {
            return Err(self.damage(format!("the trailer has checksum {found:08x}, but its bytes give {computed:08x}")));
        }
        let (stated, digest) = (u64_at(trailer, 24), self.digest.digest());
        if stated != digest {
            return Err(self.damage(format!("the file has digest {digest:016x}, but its trailer says {stated:016x}")));
        }
        let image_bytes = u64_at(trailer, 16);
        if image_bytes != self.image_bytes {
            let explanation = format!("the blocks hold {} bytes, but the trailer says {image_bytes}", self.image_bytes);
            return Err(self.damage(explanation));
        }
        let size_bytes = self.position + SNAPSHOT_TRAILER_BYTES as u64;
        let length = self.file.length_bytes().map_err(|source| self.failed(source))?;
        if length != size_bytes {
            self.position = size_bytes;
            return Err(
                self.damage(format!("the file has {length} bytes, {} of them behind its end", length - size_bytes))
            );
        }
        Ok(Step::End { size_bytes, digest })
    }

    fn read(&self, buffer: &mut [u8], offset: u64) -> Result<usize, SnapshotError> {
        self.file.read_at(buffer, offset).map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> SnapshotError {
        SnapshotError::Io { path: self.path.to_path_buf(), source }
    }

    fn damage(&self, explanation: String) -> SnapshotError {
        SnapshotError::Damaged(Damage::new(&self.path, self.position, DamageKind::Snapshot, explanation))
    }
}

/// Proves every byte of a file of this cluster without unpacking it.
pub(super) fn verify_file(
    disk: &dyn Disk,
    path: &Path,
    own: ClusterId,
) -> Result<(SnapshotMeta, Arc<dyn DiskFile>), SnapshotError> {
    let mut scan = scan_own(disk, path, own)?;
    loop {
        if let Step::End { size_bytes, digest } = scan.step()? {
            return Ok((scan.head.meta(size_bytes, digest), scan.file));
        }
    }
}

/// Proves and reads a file of any cluster.
pub fn inspect(path: &Path) -> Result<(ClusterId, Loaded), SnapshotError> {
    inspect_on(&RealDisk, path)
}

/// `inspect` on any disk.
pub fn inspect_on(disk: &dyn Disk, path: &Path) -> Result<(ClusterId, Loaded), SnapshotError> {
    load(Scan::open(disk, path)?)
}

/// Proves every byte of a file of any cluster without unpacking it.
pub fn verify(path: &Path) -> Result<(ClusterId, SnapshotMeta), SnapshotError> {
    verify_on(&RealDisk, path)
}

/// `verify` on any disk.
pub fn verify_on(disk: &dyn Disk, path: &Path) -> Result<(ClusterId, SnapshotMeta), SnapshotError> {
    let mut scan = Scan::open(disk, path)?;
    loop {
        if let Step::End { size_bytes, digest } = scan.step()? {
            return Ok((scan.cluster, scan.head.meta(size_bytes, digest)));
        }
    }
}

/// Reads only the header of a file of any cluster: what it stands for, not whether the rest is whole.
pub fn read_head(path: &Path) -> Result<(ClusterId, SnapshotHead), SnapshotError> {
    read_head_on(&RealDisk, path)
}

/// `read_head` on any disk.
pub fn read_head_on(disk: &dyn Disk, path: &Path) -> Result<(ClusterId, SnapshotHead), SnapshotError> {
    Scan::open(disk, path).map(|scan| (scan.cluster, scan.head))
}

/// Proves and reads a file of this cluster.
pub(super) fn load_file(disk: &dyn Disk, path: &Path, own: ClusterId) -> Result<Loaded, SnapshotError> {
    load(scan_own(disk, path, own)?).map(|(_, loaded)| loaded)
}

fn scan_own(disk: &dyn Disk, path: &Path, own: ClusterId) -> Result<Scan, SnapshotError> {
    let scan = Scan::open(disk, path)?;
    match scan.cluster == own {
        true => Ok(scan),
        false => Err(SnapshotError::OtherCluster { path: path.to_path_buf(), found: scan.cluster, own }),
    }
}

fn load(mut scan: Scan) -> Result<(ClusterId, Loaded), SnapshotError> {
    let mut decoder = ImageDecoder::new(SNAPSHOT_IMAGE_BYTES_MAX, scan.head.settings.max_value_size);
    let mut decompressor = zstd::bulk::Decompressor::new().map_err(|source| scan.failed(source))?;
    let path = scan.path.clone();
    let not_an_image = |source| SnapshotError::Image { path: path.to_path_buf(), source };
    loop {
        match scan.step()? {
            Step::Block => decoder.feed(scan.unpack(&mut decompressor)?).map_err(not_an_image)?,
            Step::End { size_bytes, digest } => {
                let image = decoder.finish().map_err(not_an_image)?;
                if image.applied() != scan.head.last.index.0 {
                    let (applied, last) = (image.applied(), scan.head.last);
                    return Err(scan.damage(format!("the image is as of entry {applied}, but the header says {last}")));
                }
                let meta = scan.head.meta(size_bytes, digest);
                return Ok((scan.cluster, Loaded { meta, settings: scan.head.settings, image }));
            }
        }
    }
}

fn encode_header(cluster: ClusterId, head: &SnapshotHead) -> Vec<u8> {
    let mut config = BytesMut::new();
    encode_config(&head.config, &head.settings, &mut config);
    let length = HEADER_FIXED_BYTES + config.len() + CHECK_BYTES;
    assert!(length <= SNAPSHOT_HEADER_BYTES_MAX, "a configuration is far below a megabyte");
    let four = |number: usize| u32::try_from(number).expect("a header is far below 4 GiB").to_le_bytes();
    let mut header = vec![0; length];
    header[0..8].copy_from_slice(&SNAPSHOT_MAGIC);
    header[8..12].copy_from_slice(&SNAPSHOT_VERSION.to_le_bytes());
    header[12..16].copy_from_slice(&four(length));
    header[16..32].copy_from_slice(&cluster.0.to_le_bytes());
    header[32..40].copy_from_slice(&head.last.index.0.to_le_bytes());
    header[40..48].copy_from_slice(&head.last.term.0.to_le_bytes());
    header[48..56].copy_from_slice(&head.config_index.0.to_le_bytes());
    header[56..64].copy_from_slice(&head.log_bytes.to_le_bytes());
    header[64..68].copy_from_slice(&head.link.to_le_bytes());
    header[68..72].copy_from_slice(&four(config.len()));
    header[72..72 + config.len()].copy_from_slice(&config);
    seal_block(&mut header);
    header
}

/// How long the header is, as far as its first bytes can be trusted to say.
fn header_length(path: &Path, fixed: &[u8]) -> Result<usize, SnapshotError> {
    let damage = |explanation: String| SnapshotError::Damaged(Damage::new(path, 0, DamageKind::Snapshot, explanation));
    if fixed.len() < HEADER_FIXED_BYTES {
        return Err(damage(format!("the file ends within its header, after {} bytes", fixed.len())));
    }
    if fixed[0..8] != SNAPSHOT_MAGIC {
        return Err(damage("this is not a snapshot".to_owned()));
    }
    let length = u32_at(fixed, 12) as usize;
    if !(HEADER_FIXED_BYTES + CHECK_BYTES..=SNAPSHOT_HEADER_BYTES_MAX).contains(&length) {
        return Err(damage(format!("the header claims {length} bytes")));
    }
    Ok(length)
}

fn decode_header(path: &Path, header: &[u8]) -> Result<(ClusterId, SnapshotHead), SnapshotError> {
    let damage = |kind: DamageKind, explanation: String| Damage::new(path, 0, kind, explanation);
    let length = u32_at(header, 12) as usize;
    if header.len() < length {
        let explanation = format!("the file ends within its header, after {} bytes", header.len());
        return Err(SnapshotError::Damaged(damage(DamageKind::Snapshot, explanation)));
    }
    if let Err((found, computed)) = check_block(header) {
        let explanation = format!("the header has checksum {found:08x}, but its bytes give {computed:08x}");
        return Err(SnapshotError::Damaged(damage(DamageKind::Snapshot, explanation)));
    }
    let version = u32_at(header, 8);
    if version != SNAPSHOT_VERSION {
        let explanation =
            format!("format version {version} is not known; this program reads version {SNAPSHOT_VERSION}");
        return Err(SnapshotError::Version(damage(DamageKind::Version, explanation)));
    }
    let config_bytes = u32_at(header, 68) as usize;
    if config_bytes != header.len() - HEADER_FIXED_BYTES - CHECK_BYTES {
        let explanation = format!("the header claims a configuration of {config_bytes} bytes");
        return Err(SnapshotError::Damaged(damage(DamageKind::Snapshot, explanation)));
    }
    let payload = &header[HEADER_FIXED_BYTES..HEADER_FIXED_BYTES + config_bytes];
    let (config, settings) =
        decode_config(payload).map_err(|source| SnapshotError::Config { path: path.to_path_buf(), source })?;
    let (last, config_index) = (Index(u64_at(header, 32)), Index(u64_at(header, 48)));
    if config_index > last {
        let explanation = format!("the configuration is of entry {config_index}, behind the last one, {last}");
        return Err(SnapshotError::Damaged(damage(DamageKind::Snapshot, explanation)));
    }
    let head = SnapshotHead {
        last: LogId { index: last, term: Term(u64_at(header, 40)) },
        config: Arc::new(config),
        settings,
        config_index,
        link: u32_at(header, 64),
        log_bytes: u64_at(header, 56),
    };
    Ok((ClusterId(u128_at(header, 16)), head))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::snapshot::samples;
    use crate::codec::{Kind, append_record};

    const OWN: ClusterId = ClusterId(5);

    fn sample(values: u64, value_bytes: usize) -> (SnapshotHead, Image) {
        let mut image = samples::empty(1 << 20);
        let mut link = 0;
        for index in 1..=values {
            let mut record = BytesMut::new();
            link = append_record(&mut record, link, Kind::Command, LogId::new(index, 1), 1, |out| {
                samples::put(&index.to_be_bytes(), vec![7; value_bytes], out);
            });
            samples::apply(&mut image, &record);
        }
        let (config, settings, config_index) = (Arc::new(Config::default()), Settings::default(), Index(1));
        let last = LogId::new(values, 1);
        (SnapshotHead { last, config, settings, config_index, link, log_bytes: 4 }, image)
    }

    fn written(folder: &Path, head: &SnapshotHead, image: &Image) -> (PathBuf, SnapshotMeta) {
        let path = folder.join("file");
        let file = RealDisk.create(&path).unwrap();
        let meta = write_file(file.as_ref(), SyncMode::None, OWN, head, image).unwrap();
        (path, meta)
    }

    #[test]
    fn an_image_of_many_blocks_is_packed_and_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let (head, image) = sample(300, 5_000);
        let (path, meta) = written(folder.path(), &head, &image);
        assert!(meta.size_bytes < 300 * 5_000 / 10, "{} bytes", meta.size_bytes);
        let loaded = load_file(&RealDisk, &path, OWN).unwrap();
        assert_eq!((&loaded.meta, &loaded.settings), (&meta, &head.settings));
        assert_eq!(loaded.image.map().facts(), image.map().facts());
        assert_eq!(verify_file(&RealDisk, &path, OWN).unwrap().0, meta);
    }

    /// Seals a file again whose block claims other lengths than it has, so that only unpacking can tell.
    fn with_block(folder: &Path, raw_length: u32, frame: &[u8]) -> PathBuf {
        let (head, _) = sample(1, 1);
        let mut file = encode_header(OWN, &head);
        let mut block = vec![0; CHECK_BYTES];
        block.extend_from_slice(&raw_length.to_le_bytes());
        block.extend_from_slice(&u32::try_from(frame.len()).unwrap().to_le_bytes());
        block.extend_from_slice(frame);
        let check = crc32fast::hash(&block[CHECK_BYTES..]);
        block[..CHECK_BYTES].copy_from_slice(&check.to_le_bytes());
        file.extend_from_slice(&block);
        let mut digest = Xxh3::new();
        digest.update(&file);
        let mut trailer = [0; SNAPSHOT_TRAILER_BYTES];
        trailer[16..24].copy_from_slice(&u64::from(raw_length).to_le_bytes());
        trailer[24..32].copy_from_slice(&digest.digest().to_le_bytes());
        let check = crc32fast::hash(&trailer[CHECK_BYTES..]);
        trailer[..CHECK_BYTES].copy_from_slice(&check.to_le_bytes());
        file.extend_from_slice(&trailer);
        let path = folder.join("crafted");
        super::super::disk::replace(&RealDisk, &path, &file).unwrap();
        path
    }

    fn problem(path: &Path) -> String {
        match load_file(&RealDisk, path, OWN) {
            Err(SnapshotError::Damaged(damage)) => damage.explanation,
            Err(other) => panic!("damage was expected: {other}"),
            Ok(_) => panic!("damage was expected"),
        }
    }

    #[test]
    fn a_block_that_would_unpack_to_more_than_it_claims_is_not_unpacked() {
        let folder = tempfile::tempdir().unwrap();
        let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 1).unwrap();
        assert!(bomb.len() < 10_000);
        let claimed = problem(&with_block(folder.path(), 1_000, &bomb));
        assert!(claimed.contains("cannot be unpacked"), "{claimed}");
        let honest = problem(&with_block(folder.path(), 64 << 20, &bomb));
        assert!(honest.contains("a block claims 67108864 bytes"), "{honest}");
        let short = zstd::bulk::compress(&[0; 10], 1).unwrap();
        let less = problem(&with_block(folder.path(), 1_000, &short));
        assert!(less.contains("unpacks to 10 bytes, not to 1000"), "{less}");
        let no_frame = problem(&with_block(folder.path(), 10, b"no frame at all"));
        assert!(no_frame.contains("cannot be unpacked"), "{no_frame}");
    }

    #[test]
    fn an_image_of_another_index_than_the_header_says_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (head, image) = sample(3, 1);
        let head = SnapshotHead { last: LogId::new(4, 1), ..head };
        let (path, _) = written(folder.path(), &head, &image);
        assert!(problem(&path).contains("the image is as of entry 3, but the header says 4@1"));
    }
}
