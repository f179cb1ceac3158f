//! What is done with an input, for each decoder: bytes from a disk, from a peer, from a client, or from a person.
//!
//! Each of these functions promises to end without a panic, whatever it is given, and checks what decodes: it encodes to
//! something that decodes to the same. How much memory that takes is bounded by the fuzzer (`run.sh`). Checksums keep a
//! fuzzer out of whatever lies behind them; where there are some, the first byte of an input says whether they are put
//! right first.
//!
//! `cargo test` includes this file and runs it over the inputs in `corpus/`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use raftctl::cluster::spec;
use raftctl::codec::client::{Arrived, RequestReader, encode_request, encode_response, split_response};
use raftctl::codec::entry::{decode_config, decode_write, encode_config, encode_update};
use raftctl::codec::frame::{Chunks, Hello, split_frame};
use raftctl::codec::peer::{self, PEER_FRAME_BYTES_MAX};
use raftctl::codec::record::{KIND_MAX, LINK_ORIGIN};
use raftctl::codec::snapshot::{ImageDecoder, encode_image};
use raftctl::codec::{Entry, Kind, RECORD_HEADER_BYTES, RecordHeader, Settings, append_record, decode_entry};
use raftctl::inspect;
use raftctl::inspect::export::Importer;
use raftctl::raft::{ClusterId, Config, Index, LogId, Member, NodeId, Rules, StorageId, Term};
use raftctl::sim::disk::SimDisk;
use raftctl::storage::disk::Disk;
use raftctl::storage::hard_state::{self, SLOT_BYTES, Slot};
use raftctl::storage::layout::{self, Founding};
use raftctl::storage::reader::{Item, walk_on};
use raftctl::storage::segment::{Marker, SEGMENT_HEADER_BYTES, SegmentHeader};
use raftctl::storage::ustar::{self, BLOCK_BYTES, Header};
use raftctl::storage::{Journal, JournalOptions, OnCorruption, SyncMode, snapshot_file};

/// Longest script that is run: a longer one finds nothing else and takes longer.
const SCRIPT_BYTES_MAX: usize = 600;

/// Longest value of the states and requests that are decoded here.
const VALUE_BYTES_MAX: u64 = 4_096;

/// What is done with an input.
pub type Target = fn(&[u8]);

/// Every function here, by the name of its target and of its folder in the corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("record", record),
    ("entry", entry),
    ("peer", peer),
    ("request", request),
    ("response", response),
    ("hello", hello),
    ("hard_state", hard_state),
    ("segment", segment),
    ("image", image),
    ("snapshot", snapshot),
    ("bundle", bundle),
    ("cluster_file", cluster_file),
    ("export", export),
    ("script", script),
];

/// A record; with an odd first byte under a right checksum.
pub fn record(input: &[u8]) {
    let Some((mode, bytes)) = input.split_first() else { return };
    let mut bytes = bytes.to_vec();
    if let Some(claimed) = RecordHeader::peek(&bytes, Index(1)).ok().filter(|_| mode & 1 == 1) {
        bytes.resize(claimed.total_bytes().min(bytes.len()), 0);
        seal(&mut bytes);
    }
    let Ok(header) = RecordHeader::read(&bytes, Index(1)) else { return };
    let payload = &bytes[RECORD_HEADER_BYTES..header.total_bytes()];
    let mut again = BytesMut::new();
    let check = append_record(&mut again, header.link, header.kind, header.id, header.wall_ms, |out| {
        out.extend_from_slice(payload);
    });
    assert_eq!((&again[..], check), (&bytes[..header.total_bytes()], header.check), "a record is made in one way only");
}

/// The payload of an entry of the kind that the first byte says.
pub fn entry(input: &[u8]) {
    let Some((kind, payload)) = input.split_first() else { return };
    let decoded = decode_entry(Kind::from_byte(kind & KIND_MAX), payload);
    if let Ok(write) = decode_write(payload) {
        let update = write.update.to_update();
        let mut again = BytesMut::new();
        encode_update(&update, &mut again);
        let write = decode_write(&again).expect("what was encoded can be decoded");
        assert_eq!(write.update.to_update(), update);
    }
    if let Ok(Entry::Config { config, settings }) = decoded {
        let mut again = BytesMut::new();
        encode_config(&config, &settings, &mut again);
        assert_eq!(decode_config(&again), Ok(((*config).clone(), settings)));
    }
}

/// A message of a peer; with an odd first byte its records are given right checksums and links.
pub fn peer(input: &[u8]) {
    const HEAD_BYTES: usize = 72;
    let Some((mode, bytes)) = input.split_first() else { return };
    let mut frame = bytes.to_vec();
    if mode & 1 == 1 && frame.len() > HEAD_BYTES {
        let mut link = LINK_ORIGIN;
        let mut rest = &mut frame[HEAD_BYTES..];
        while let Some(claimed) = RecordHeader::peek(rest, Index(1)).ok().filter(|it| it.total_bytes() <= rest.len()) {
            let (one, behind) = rest.split_at_mut(claimed.total_bytes());
            one[4..8].copy_from_slice(&link.to_le_bytes());
            link = seal(one);
            rest = behind;
        }
    }
    let Ok(message) = peer::decode(Bytes::from(frame)) else { return };
    let mut chunks = Chunks::default();
    let mut pieces = Vec::new();
    peer::encode(message.clone(), &mut chunks);
    chunks.drain_into(&mut pieces);
    let mut wire = BytesMut::from(&pieces.concat()[..]);
    let body = split_frame(&mut wire, PEER_FRAME_BYTES_MAX).expect("a frame is not too long").expect("it is whole");
    assert_eq!(peer::decode(body).expect("what was encoded can be decoded").envelope, message.envelope);
}

/// What a client sends.
pub fn request(input: &[u8]) {
    let mut buffer = BytesMut::from(input);
    let mut reader = RequestReader::new(VALUE_BYTES_MAX);
    while let Ok(Some(arrived)) = reader.next(&mut buffer) {
        let Arrived::Request(request) = arrived else { continue };
        let mut again = BytesMut::new();
        encode_request(request.clone(), &mut again);
        let decoded = RequestReader::new(VALUE_BYTES_MAX).next(&mut again);
        assert_eq!(decoded, Ok(Some(Arrived::Request(request))));
    }
}

/// What a client is answered.
pub fn response(input: &[u8]) {
    let mut buffer = BytesMut::from(input);
    while let Ok(Some(response)) = split_response(&mut buffer) {
        let mut again = BytesMut::new();
        encode_response(response.clone(), &mut again);
        assert_eq!(split_response(&mut again), Ok(Some(response)));
    }
}

/// The first frame of a connection.
pub fn hello(input: &[u8]) {
    let Ok(hello) = Hello::decode(input) else { return };
    let mut again = BytesMut::new();
    hello.encode(&mut again);
    let body = split_frame(&mut again, 1_024).expect("a hello is short").expect("it is whole");
    assert_eq!(Hello::decode(&body), Ok(hello));
}

/// Term and vote; with an odd first byte both slots have right checksums.
pub fn hard_state(input: &[u8]) {
    let Some((mode, bytes)) = input.split_first() else { return };
    let mut slots = vec![0; 2 * SLOT_BYTES];
    // What a fuzzer says of either slot; the rest of a slot is zeros and its checksum.
    for (slot, said) in slots.chunks_mut(SLOT_BYTES).zip(bytes.chunks(128)) {
        slot[..said.len()].copy_from_slice(said);
        if mode & 1 == 1 {
            let check = crc32fast::hash(&slot[..SLOT_BYTES - 4]);
            slot[SLOT_BYTES - 4..].copy_from_slice(&check.to_le_bytes());
        }
        if let Ok(decoded) = Slot::decode(slot) {
            assert_eq!(Slot::decode(&decoded.encode()), Ok(decoded));
        }
    }
    let disk = SimDisk::new();
    let dir = founded(&disk);
    let path = layout::hard_state_file(&layout::data_dir(&dir));
    replace(&disk, &path, &slots);
    let inspected = hard_state::inspect_on(&disk, &path).expect("a disk in memory can be read");
    let _ = inspected.choose();
    open_twice(disk, &dir);
}

/// A segment behind its first entry. The input is a list of pieces, each under a byte that says what it is: entries that
/// continue the log or do not, markers, zeros, and anything.
pub fn segment(input: &[u8]) {
    let disk = SimDisk::new();
    let dir = founded(&disk);
    let log = layout::log_dir(&layout::data_dir(&dir));
    let path = log.join(disk.list(&log).expect("a founded log can be listed").remove(0));
    let file = disk.open(&path).expect("its segment can be opened");
    let mut bytes = vec![0; file.length_bytes().expect("it has a length") as usize];
    file.read_at(&mut bytes, 0).expect("it can be read");
    let header = SegmentHeader::decode(&bytes[..SEGMENT_HEADER_BYTES]).expect("it was just made");
    let first = RecordHeader::read(&bytes[SEGMENT_HEADER_BYTES..], Index(1)).expect("entry 1 was just made");
    bytes.truncate(SEGMENT_HEADER_BYTES + first.total_bytes());
    put_pieces(input, &header, first, &mut bytes);
    bytes.resize(bytes.len() + 4_096, 0);
    replace(&disk, &path, &bytes);
    let walk = walk_on(Arc::new(disk.clone()), &log).expect("a log can be walked");
    let mut records = 0;
    for item in walk {
        records += u64::from(matches!(item, Item::Record { .. }));
    }
    assert!(records <= bytes.len() as u64 / RECORD_HEADER_BYTES as u64);
    open_twice(disk, &dir);
}

/// The content of a snapshot, unpacked, in two pieces.
pub fn image(input: &[u8]) {
    let Some((cut, bytes)) = input.split_first() else { return };
    let decode = |first: &[u8], second: &[u8]| {
        let mut decoder = ImageDecoder::new(1 << 20, VALUE_BYTES_MAX);
        decoder.feed(first)?;
        decoder.feed(second)?;
        decoder.finish()
    };
    let (first, second) = bytes.split_at(usize::from(*cut).min(bytes.len()));
    let Ok(image) = decode(first, second) else { return };
    let mut again = Vec::new();
    let encoded: Result<(), ()> = encode_image(&image, &mut |piece| {
        again.extend_from_slice(piece);
        Ok(())
    });
    encoded.expect("memory takes everything");
    let image_again = decode(&again, &[]).expect("what was encoded can be decoded");
    assert_eq!(image_again.map().facts(), image.map().facts());
}

/// A snapshot file.
pub fn snapshot(input: &[u8]) {
    let path = scratch("snap");
    std::fs::write(&path, input).expect("a temporary file can be written");
    let verified = snapshot_file::verify(&path).is_ok();
    let loaded = snapshot_file::inspect(&path).is_ok();
    assert!(verified || !loaded, "what cannot be verified is not loaded");
    let _ = snapshot_file::read_head(&path);
}

/// A bundle; with an odd first byte its headers are given right checksums.
pub fn bundle(input: &[u8]) {
    let Some((mode, bytes)) = input.split_first() else { return };
    let mut bytes = bytes.to_vec();
    if mode & 1 == 1 {
        seal_headers(&mut bytes);
    }
    let path = scratch("tar");
    std::fs::write(&path, &bytes).expect("a temporary file can be written");
    let Ok(Some(bundle)) = inspect::bundle::open(&path) else { return };
    bundle.identify().expect("a bundle that opens is one");
    for log in bundle.logs() {
        let Ok(walk) = log.walk() else { continue };
        assert!(walk.count() <= bytes.len(), "what is met on a walk lies in the bundle");
    }
}

/// The file of a cluster.
pub fn cluster_file(input: &[u8]) {
    let path = scratch("yaml");
    std::fs::write(&path, input).expect("a temporary file can be written");
    if let Err(error) = spec::read(&spec::Source::File(path), None, &[]) {
        assert!(!error.to_string().is_empty());
        let _ = (error.location(), error.excerpt());
    }
}

/// An exported log, line by line.
pub fn export(input: &[u8]) {
    let mut importer = Importer::default();
    for line in input.split(|byte| *byte == b'\n') {
        if importer.line(line).is_err() {
            return;
        }
    }
    let _ = importer.finish();
}

/// A scenario script.
pub fn script(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(&input[..input.len().min(SCRIPT_BYTES_MAX)]) else { return };
    let _ = raftctl::sim::script::run(text, Rules::sound());
}

/// Gives the headers of an archive the checksums that their bytes have, as far as their lengths lead from one to the next.
fn seal_headers(archive: &mut [u8]) {
    let mut offset = 0;
    while let Some(block) = archive.get_mut(offset..).and_then(|rest| rest.first_chunk_mut()) {
        let sum = ustar::checksum(block);
        if block.iter().all(|byte| *byte == 0) {
            return;
        }
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let Ok(Header::File { length_bytes, .. }) = Header::decode(block) else { return };
        let content = length_bytes as usize + ustar::padding_bytes(length_bytes);
        offset += BLOCK_BYTES + content;
    }
}

/// Gives a record the checksum that its bytes have.
fn seal(record: &mut [u8]) -> u32 {
    if record.len() < 4 {
        return 0;
    }
    let check = crc32fast::hash(&record[4..]);
    record[..4].copy_from_slice(&check.to_le_bytes());
    check
}

fn put_pieces(input: &[u8], header: &SegmentHeader, first: RecordHeader, bytes: &mut Vec<u8>) {
    let (mut last, mut check) = (first.id, first.check);
    let mut rest = input;
    while let [what, size, behind @ ..] = rest {
        let (said, behind) = behind.split_at(usize::from(*size).min(behind.len()));
        rest = behind;
        let kind = Kind::from_byte(what >> 3 & KIND_MAX);
        match what & 7 {
            0..=2 => {
                let id = LogId { index: last.index.next(), term: Term(last.term.0 + u64::from(what & 1)) };
                (check, last) = (put_record(bytes, check, kind, id, said), id);
            }
            3 => {
                let marker = Marker {
                    sequence: header.sequence,
                    offset: bytes.len() as u64,
                    last: last.index,
                    last_check: check,
                    commit_hint: Index(u64::from(*size).min(last.index.0)),
                    continued: what >> 3 == 1,
                };
                bytes.extend_from_slice(&marker.encode(header.storage));
            }
            // A stale one, or one of another place.
            4 => _ = put_record(bytes, check ^ u32::from(*size), kind, last, said),
            5 => bytes.resize(bytes.len() + usize::from(*size), 0),
            6 => bytes.truncate(bytes.len() - usize::from(*size).min(bytes.len() - SEGMENT_HEADER_BYTES)),
            _ => bytes.extend_from_slice(said),
        }
    }
}

fn put_record(bytes: &mut Vec<u8>, link: u32, kind: Kind, id: LogId, payload: &[u8]) -> u32 {
    let mut record = BytesMut::new();
    let check = append_record(&mut record, link, kind, id, 7, |out| out.extend_from_slice(payload));
    bytes.extend_from_slice(&record);
    check
}

/// A directory as it is before the first start of its node.
fn founded(disk: &SimDisk) -> PathBuf {
    let dir = PathBuf::from("/n1");
    let storage = StorageId(5);
    let member = Member { id: NodeId(1), name: "n1".to_owned(), address: "127.0.0.1:1".to_owned(), storage };
    let config = Config::of(vec![member], Vec::new());
    let (cluster_id, node, settings) = (ClusterId(9), NodeId(1), Settings::default());
    let founding = Founding { cluster_id, node, storage, config, settings, wall_ms: 1 };
    layout::found_on(disk, &dir, &founding).expect("a disk in memory can be written");
    // As after a kill, so that what is not whole may be a torn write.
    replace(disk, &layout::in_use_file(&layout::data_dir(&dir)), b"");
    dir
}

fn replace(disk: &SimDisk, path: &Path, bytes: &[u8]) {
    let file = disk.create(path).expect("a disk in memory can be written");
    file.write_at(bytes, 0).expect("a disk in memory can be written");
    file.sync().expect("a disk in memory can be synced");
}

/// What recovery keeps, it keeps: a directory that opens is clean when it was closed, and opens again as the same.
fn open_twice(disk: SimDisk, dir: &Path) {
    let options = JournalOptions { segment_size_bytes: 1 << 16, sync: SyncMode::Always, rules: Rules::sound() };
    let data = layout::data_dir(dir);
    for on_corruption in [OnCorruption::Refuse, OnCorruption::Recover] {
        let disk: Arc<dyn Disk> = Arc::new(disk.clone());
        let Ok((journal, found)) = Journal::open_as(disk.clone(), &data, options, on_corruption) else { continue };
        journal.close().expect("a disk in memory can be written");
        let (journal, again) = Journal::open_on(disk, &data, options).expect("what opened once opens again");
        assert_eq!((again.shape.last(), again.last_check), (found.shape.last(), found.last_check));
        assert_eq!(again.hard_state, found.hard_state);
        journal.close().expect("a disk in memory can be written");
    }
}

/// A file of this process alone.
fn scratch(ending: &str) -> PathBuf {
    std::env::temp_dir().join(format!("raftctl-fuzz-{}.{ending}", std::process::id()))
}
