//! Stories of one node's disk, told with the real journal on real files. Each promise is one function: none when it is
//! kept, else how it shows that it is not.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::BytesMut;
use raftctl::codec::{Kind, RecordHeader, Settings, WriteBatch, append_record};
use raftctl::raft::{ClusterId, Config, HardState, Index, LogId, Member, NodeId, Rules, StorageId, Term, WriteSeq};
use raftctl::storage::disk::{Disk, DiskFile, DiskLock, RealDisk};
use raftctl::storage::layout::{self, Founding, SEGMENT_SIZE_BYTES_MIN};
use raftctl::storage::{Journal, JournalOptions, OpenError, Recovered, SyncMode};

/// Bytes of a payload, so that an entry is easy to hit.
const PAYLOAD_BYTES: usize = 600;

pub fn a_write_is_synced_before_it_counts(rules: Rules) -> Option<String> {
    let mut node = Node::founded(rules);
    node.open(usize::MAX).expect("a fresh directory opens");
    let syncs = Arc::clone(&node.disk.as_ref().expect("it was opened").syncs);
    let before = syncs.load(Ordering::SeqCst);
    node.write(2, 1, false).expect("a sound disk takes a write");
    (syncs.load(Ordering::SeqCst) == before).then(|| "a write counts, but no sync came after it".to_owned())
}

/// Power is lost after every single change of the disk.
pub fn a_term_is_durable_before_its_entries(rules: Rules) -> Option<String> {
    for changes in 0.. {
        let mut node = Node::founded(rules);
        node.open(usize::MAX).expect("a fresh directory opens");
        node.fail_after(changes);
        let done = node.write(2, 2, true).is_ok();
        node.journal = None;
        match node.open(usize::MAX) {
            Err(OpenError::TermLost { last, durable }) => {
                return Some(format!("an entry of term {last} is on a disk that knows term {durable}"));
            }
            Err(error) => return Some(error.to_string()),
            Ok(_) if done => return None,
            Ok(_) => {}
        }
    }
    unreachable!("a write takes a bounded number of changes")
}

pub fn nothing_is_written_after_a_failure(rules: Rules) -> Option<String> {
    let mut node = Node::founded(rules);
    node.open(usize::MAX).expect("a fresh directory opens");
    node.fail_after(0);
    node.write(2, 2, true).expect_err("the disk refuses");
    node.fail_after(usize::MAX);
    node.seq += 1;
    let batch = WriteBatch { hard_state: Some(HardState { term: Term(3), vote: None }), ..node.empty_batch() };
    let journal = node.journal.as_mut().expect("it was opened");
    journal.write_group(&[batch]).is_ok().then(|| "a write was taken after one had failed".to_owned())
}

pub fn damage_is_refused(rules: Rules) -> Option<String> {
    let mut node = Node::founded(rules);
    node.open(usize::MAX).expect("a fresh directory opens");
    for index in 2..=4 {
        node.write(index, 2, index == 2).expect("a sound disk takes a write");
    }
    assert!(node.change_payload_of(3), "the entry lies on the disk");
    match node.open(usize::MAX) {
        Err(OpenError::Damaged(_)) => None,
        Ok(recovered) if recovered.shape.last() >= Index(4) => Some("damage was overlooked".to_owned()),
        Ok(recovered) => Some(format!("acknowledged entries behind {} are gone", recovered.shape.last())),
        Err(error) => Some(error.to_string()),
    }
}

pub fn a_torn_write_is_cut_off(rules: Rules) -> Option<String> {
    let mut node = torn(rules);
    match node.open(usize::MAX) {
        Ok(recovered) if recovered.shape.last() == Index(1) => None,
        Ok(_) => Some("a torn write was taken for an entry".to_owned()),
        Err(error) => Some(format!("the node does not start: {error}")),
    }
}

/// A node that lost power during a write: of the entry, some sectors have arrived and some have not.
fn torn(rules: Rules) -> Node {
    for changes in 0.. {
        let mut node = Node::founded(rules);
        node.open(usize::MAX).expect("a fresh directory opens");
        node.fail_after(changes);
        node.write(2, 1, false).expect_err("the disk fails before the write is done");
        if node.change_payload_of(2) {
            return node;
        }
    }
    unreachable!("a write reaches the disk after a bounded number of changes")
}

/// One node's directory, and the journal on it while it is open.
struct Node {
    directory: tempfile::TempDir,
    rules: Rules,
    disk: Option<Arc<Flaky>>,
    journal: Option<Journal>,
    check: u32,
    seq: u64,
}

impl Node {
    fn founded(rules: Rules) -> Node {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (id, storage) = (NodeId(1), StorageId(7));
        let member = Member { id, name: "n1".to_owned(), address: "127.0.0.1:1".to_owned(), storage };
        let config = Config::of(vec![member], Vec::new());
        let settings = Settings::default();
        let founding = Founding { cluster_id: ClusterId(5), node: id, storage, config, settings, wall_ms: 9 };
        layout::found(directory.path(), &founding).expect("an empty directory is founded");
        Node { directory, rules, disk: None, journal: None, check: 0, seq: 0 }
    }

    /// Opens the directory on a disk that fails after so many changes.
    fn open(&mut self, changes: usize) -> Result<Recovered, OpenError> {
        self.journal = None;
        let disk = Arc::new(Flaky::new(changes));
        self.disk = Some(Arc::clone(&disk));
        let options =
            JournalOptions { segment_size_bytes: SEGMENT_SIZE_BYTES_MIN, sync: SyncMode::Always, rules: self.rules };
        let data = layout::data_dir(self.directory.path());
        let (journal, recovered) = Journal::open_on(disk, &data, options)?;
        self.journal = Some(journal);
        self.check = recovered.last_check;
        self.seq = 0;
        Ok(recovered)
    }

    fn fail_after(&self, changes: usize) {
        self.disk.as_ref().expect("it was opened").left.store(changes, Ordering::SeqCst);
    }

    /// Writes one entry, and the hard state of its term when asked to.
    fn write(&mut self, index: u64, term: u64, with_hard_state: bool) -> Result<(), raftctl::storage::WriteError> {
        let mut record = BytesMut::new();
        append_record(&mut record, self.check, Kind::Command, LogId::new(index, term), 0, |out| {
            out.extend_from_slice(&[index as u8; PAYLOAD_BYTES]);
        });
        (self.check, _) = RecordHeader::peek_chain(&record).expect("the record is whole");
        self.seq += 1;
        let mut batch = self.empty_batch();
        batch.hard_state = with_hard_state.then_some(HardState { term: Term(term), vote: None });
        batch.range = Some((Index(index), Index(index)));
        batch.records = vec![record.freeze()];
        self.journal.as_mut().expect("it was opened").write_group(&[batch]).map(|_| ())
    }

    fn empty_batch(&self) -> WriteBatch {
        WriteBatch {
            seq: WriteSeq(self.seq),
            hard_state: None,
            truncate_from: None,
            records: Vec::new(),
            range: None,
            commit_hint: Index(0),
            reset_to: None,
            compact_to: None,
        }
    }

    /// Turns over one byte of an entry's payload on disk, as a crash or a bad sector may; false when it is not there.
    fn change_payload_of(&mut self, index: u8) -> bool {
        self.journal = None;
        let log = layout::log_dir(&layout::data_dir(self.directory.path()));
        for name in RealDisk.list(&log).expect("the log can be listed") {
            let path = log.join(name);
            let mut bytes = std::fs::read(&path).expect("the segment can be read");
            let payload = [index; PAYLOAD_BYTES];
            if let Some(place) = bytes.windows(PAYLOAD_BYTES).position(|window| window == payload) {
                bytes[place + PAYLOAD_BYTES / 2] ^= 0xff;
                std::fs::write(&path, bytes).expect("the segment can be written");
                return true;
            }
        }
        false
    }
}

/// The real disk, until it has taken so many changes; it counts the syncs that it was asked for.
#[derive(Debug)]
struct Flaky {
    left: Arc<AtomicUsize>,
    syncs: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct FlakyFile {
    file: Arc<dyn DiskFile>,
    left: Arc<AtomicUsize>,
    syncs: Arc<AtomicUsize>,
}

impl Flaky {
    fn new(changes: usize) -> Flaky {
        Flaky { left: Arc::new(AtomicUsize::new(changes)), syncs: Arc::default() }
    }

    fn file(&self, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(FlakyFile { file, left: Arc::clone(&self.left), syncs: Arc::clone(&self.syncs) })
    }
}

/// Takes one change off what is left.
fn change(left: &AtomicUsize) -> io::Result<()> {
    let taken = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| match left {
        usize::MAX => Some(left),
        _ => left.checked_sub(1),
    });
    taken.map(|_| ()).map_err(|_| io::Error::other("the disk failed"))
}

impl Disk for Flaky {
    fn create_directory(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_directory(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(directory)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        RealDisk.open(path)
    }

    fn open_for_writing(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.file(RealDisk.open_for_writing(path)?))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        change(&self.left)?;
        Ok(self.file(RealDisk.create(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        change(&self.left)?;
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        change(&self.left)?;
        RealDisk.remove(path)
    }

    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        change(&self.left)?;
        RealDisk.remove_directory(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        RealDisk.sync_directory(path)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        RealDisk.exists(path)
    }

    fn free_bytes(&self, directory: &Path) -> io::Result<u64> {
        RealDisk.free_bytes(directory)
    }
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
        RealDisk.lock(path)
    }
}

impl DiskFile for FlakyFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        change(&self.left)?;
        self.file.write_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        change(&self.left)?;
        self.syncs.fetch_add(1, Ordering::SeqCst);
        self.file.sync()
    }

    fn length_bytes(&self) -> io::Result<u64> {
        self.file.length_bytes()
    }
}
