//! Several replicas in one thread, with disks and a network made of vectors, for the tests of this module.
//!
//! A message arrives only if its records are what its entries say, byte for byte; a write is durable when the test
//! says so; nothing happens by itself.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use core::convert::Infallible;
use core::time::Duration;

use super::{ChangeOutcome, ChangeTicket, Fetch, Found, Image, Input, Limits, Outputs, Replica, Setup, SnapshotJob};
use crate::api::{Answer, Ask, ClientId, Consistency, Query, Request, Response};
use crate::codec::entry::{decode_config, encode_command, encode_config};
use crate::codec::record::LINK_ORIGIN;
use crate::codec::snapshot::encode_image;
use crate::codec::{Kind, PeerMessage, RECORD_HEADER_BYTES, RecordHeader, Settings, WriteBatch, append_record};
use crate::raft::event::Event;
use crate::raft::{
    ClusterId, Config, Fault, HardState, Index, LogId, Member, Message, NodeId, Rules, Shape, SnapshotId, SnapshotMeta,
    StorageId, Time,
};
use crate::state_machine::{Command, Operation, Scan};

pub(super) const CLIENT: ClientId = ClientId(7);
pub(super) const ELECTION_TIMEOUT: Duration = Duration::from_millis(500);
/// Rounds of turns and messages after which a world that is still busy is taken to be going in circles.
const ROUNDS_MAX: usize = 20_000;

/// What a node's disk holds.
#[derive(Clone, Default)]
pub(super) struct Disk {
    /// One record per entry, from the one after `base` on.
    pub(super) records: Vec<Bytes>,
    /// Index and check of the newest compacted entry.
    pub(super) base: u64,
    base_check: u32,
    pub(super) hard_state: HardState,
    commit_hint: Index,
    /// The newest two, oldest first.
    pub(super) snapshots: Vec<(SnapshotMeta, Image)>,
    /// The file that is being received.
    pub(super) partial: Option<(SnapshotId, Vec<u8>)>,
    /// Every record that was ever written and not truncated, whether or not it has been compacted since. Empty after
    /// the log was discarded for a snapshot.
    pub(super) archive: BTreeMap<u64, Bytes>,
}

/// What the files of snapshots mean, by digest: these tests have no encoding of their own.
type Images = Rc<RefCell<BTreeMap<u64, Image>>>;

pub(super) struct Node {
    /// None while it is down.
    pub(super) replica: Option<Replica>,
    pub(super) disk: Disk,
    /// Not durable yet: lost when the node goes down.
    unwritten: VecDeque<WriteBatch>,
    unfetched: VecDeque<Fetch>,
    pub(super) jobs: VecDeque<SnapshotJob>,
    images: Images,
    pub(super) answers: Vec<Response>,
    pub(super) changes: Vec<(ChangeTicket, ChangeOutcome)>,
    pub(super) events: Vec<Event>,
    pub(super) fault: Option<Fault>,
    pub(super) is_disk_slow: bool,
    /// Reads of log files are not answered.
    pub(super) is_reader_slow: bool,
    /// Reads of log files fail.
    pub(super) is_disk_unreadable: bool,
    /// Work on snapshots is not done.
    pub(super) is_worker_slow: bool,
    /// The piece of work on snapshots that fails; zero is the next.
    pub(super) failing_job: Option<usize>,
    /// Snapshots of its own, and of leaders.
    pub(super) taken: usize,
    pub(super) installed: usize,
    pub(super) fetches: usize,
    out: Outputs,
}

pub(super) struct World {
    pub(super) now: Time,
    pub(super) nodes: BTreeMap<NodeId, Node>,
    pub(super) network: VecDeque<PeerMessage>,
    /// Pairs between which nothing arrives, in this direction.
    pub(super) cuts: BTreeSet<(NodeId, NodeId)>,
    pub(super) bulk_messages: usize,
    limits: Limits,
    settings: Settings,
    /// Bytes of the newest records that a restarting node finds in memory.
    pub(super) tail_found_bytes: usize,
    next_request: u64,
    starts: u64,
}

impl World {
    pub(super) fn of(count: u64, limits: Limits) -> World {
        World::with(count, limits, Settings { election_timeout: ELECTION_TIMEOUT, ..Settings::default() })
    }

    pub(super) fn with(count: u64, limits: Limits, settings: Settings) -> World {
        let members = (1..=count).map(NodeId).map(member).collect();
        let config = Config::of(members, Vec::new());
        let mut record = BytesMut::new();
        append_record(&mut record, LINK_ORIGIN, Kind::Config, LogId::new(1, 1), 0, |out| {
            encode_config(&config, &settings, out);
        });
        let hard_state = HardState { term: crate::raft::Term(1), vote: None };
        let record = record.freeze();
        let archive = BTreeMap::from([(1, record.clone())]);
        let disk = Disk { records: vec![record], hard_state, archive, ..Disk::default() };
        let images = Images::default();
        let mut world = World {
            now: Time::from_millis(1_000),
            nodes: (1..=count).map(|id| (NodeId(id), Node::down(disk.clone(), images.clone()))).collect(),
            network: VecDeque::new(),
            cuts: BTreeSet::new(),
            bulk_messages: 0,
            limits,
            settings,
            tail_found_bytes: 0,
            next_request: 1,
            starts: 0,
        };
        for id in 1..=count {
            world.start(id);
        }
        world
    }

    /// Starts a node on an empty disk, as one that wants to join.
    pub(super) fn start_empty(&mut self, id: u64) {
        let images = self.nodes.values().next().map(|node| node.images.clone()).unwrap_or_default();
        self.nodes.insert(NodeId(id), Node::down(Disk::default(), images));
        self.start(id);
    }

    /// A world of three with a leader.
    pub(super) fn led() -> (World, u64) {
        let mut world = World::of(3, Limits::default());
        let leader = world.elect();
        (world, leader)
    }

    pub(super) fn node(&mut self, id: u64) -> &mut Node {
        self.nodes.get_mut(&NodeId(id)).expect("tests name nodes that are there")
    }

    pub(super) fn replica(&mut self, id: u64) -> &mut Replica {
        self.node(id).replica.as_mut().expect("tests ask nodes that are up")
    }

    pub(super) fn start(&mut self, id: u64) {
        self.starts += 1;
        let seed = self.starts;
        let (limits, settings, tail_bytes) = (self.limits.clone(), self.settings.clone(), self.tail_found_bytes);
        let now = self.now;
        let node = self.node(id);
        let found = node.disk.found(settings, tail_bytes);
        let setup = Setup {
            id: NodeId(id),
            cluster: ClusterId(9),
            storage: StorageId(u128::from(id)),
            seed,
            rules: Rules::sound(),
            limits,
            found,
        };
        node.replica = Some(Replica::boot(setup, now).expect("what was written can be started from"));
    }

    /// The disk finishes the oldest `count` writes; a node that is up hears of them.
    pub(super) fn finish_writes(&mut self, id: u64, count: usize) {
        let now = self.now;
        self.node(id).finish_some_writes(now, count);
    }

    /// Goes down at once; what is not durable is lost.
    pub(super) fn kill(&mut self, id: u64) {
        self.kill_after_writes(id, 0);
    }

    /// Goes down after the oldest `count` writes have reached the disk, which nobody has been told.
    pub(super) fn kill_after_writes(&mut self, id: u64, count: usize) {
        let now = self.now;
        let node = self.node(id);
        node.replica = None;
        node.finish_some_writes(now, count);
        node.unwritten.clear();
        node.unfetched.clear();
        node.jobs.clear();
    }

    pub(super) fn cut_off(&mut self, id: u64) {
        for other in self.nodes.keys().copied().filter(|other| *other != NodeId(id)) {
            self.cuts.insert((NodeId(id), other));
            self.cuts.insert((other, NodeId(id)));
        }
    }

    pub(super) fn heal(&mut self) {
        self.cuts.clear();
    }

    pub(super) fn step(&mut self, id: u64, input: Input) {
        let now = self.now;
        self.replica(id).step(now, 0, input);
    }

    /// One turn of one node: outputs out, and what its disk can do at once done.
    pub(super) fn turn(&mut self, id: u64) {
        let now = self.now;
        let node = self.node(id);
        let Some(replica) = &mut node.replica else { return };
        replica.take_outputs(now, 0, &mut node.out);
        node.unwritten.extend(node.out.write.take());
        node.fetches += node.out.fetch.len();
        node.unfetched.extend(node.out.fetch.drain(..));
        node.jobs.extend(node.out.snapshots.drain(..));
        node.answers.extend(node.out.answers.drain(..).map(|(_, response)| response));
        node.changes.append(&mut node.out.changes);
        node.events.append(&mut node.out.events);
        if let Some(fault) = node.out.fatal.take() {
            node.fault = Some(fault);
        }
        let mut sent: Vec<PeerMessage> = Vec::new();
        node.out.send.drain_to(|message| sent.push(message));
        if !node.is_disk_slow {
            node.finish_writes(now);
        }
        if !node.is_reader_slow {
            node.finish_fetches(now);
        }
        if !node.is_worker_slow {
            node.finish_jobs(now, usize::MAX);
        }
        self.bulk_messages += sent.iter().filter(|message| message.bulk).count();
        self.network.extend(sent);
    }

    /// Delivers one message, if it can be delivered.
    pub(super) fn deliver(&mut self, mut message: PeerMessage) {
        let (from, to) = (message.envelope.from, message.envelope.to);
        read_shape(&mut message);
        let is_up = self.nodes.get(&to).is_some_and(|node| node.replica.is_some());
        if is_up && !self.cuts.contains(&(from, to)) {
            self.step(to.0, Input::Peer(message));
        }
    }

    /// Turns and delivers until nothing is left to do without time passing.
    pub(super) fn settle(&mut self) {
        for _ in 0..ROUNDS_MAX {
            let ids: Vec<u64> = self.nodes.keys().map(|id| id.0).collect();
            for id in ids {
                self.turn(id);
            }
            let messages: Vec<PeerMessage> = self.network.drain(..).collect();
            let is_busy = self.nodes.values().any(Node::is_busy);
            if messages.is_empty() && !is_busy {
                return;
            }
            for message in messages {
                self.deliver(message);
            }
        }
        panic!("the world goes in circles");
    }

    /// Lets time pass in small steps.
    pub(super) fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while self.now < end {
            self.now += Duration::from_millis(10);
            let ids: Vec<u64> =
                self.nodes.iter().filter(|(_, node)| node.replica.is_some()).map(|(id, _)| id.0).collect();
            for id in ids {
                self.step(id, Input::Tick);
            }
            self.settle();
        }
    }

    /// Lets time pass until one node leads whose term nobody exceeds.
    pub(super) fn elect(&mut self) -> u64 {
        for _ in 0..1_000 {
            let up = || self.nodes.values().filter_map(|node| node.replica.as_ref());
            let term = up().map(|replica| replica.core().term()).max();
            let leader = up().find(|replica| replica.is_leader() && Some(replica.core().term()) == term);
            if let Some(leader) = leader {
                let id = leader.core().id().0;
                self.settle();
                return id;
            }
            self.pass(Duration::from_millis(10));
        }
        panic!("nobody was elected");
    }

    /// Asks a node; the number of the request is what its answer carries.
    pub(super) fn ask(&mut self, id: u64, ask: Ask) -> u64 {
        let request = Request { id: self.next_request, ask };
        self.next_request += 1;
        let number = request.id;
        self.step(id, Input::Client { client: CLIENT, request });
        number
    }

    pub(super) fn put(&mut self, id: u64, key: &str, value: &str) -> u64 {
        let operation = Operation::Put { value: value.as_bytes().to_vec() };
        self.ask(id, Ask::Write(encoded(&Command { key: key.as_bytes().to_vec(), operation })))
    }

    pub(super) fn get(&mut self, id: u64, key: &str, consistency: Consistency, at_least: u64) -> u64 {
        let query = Query::Get { key: key.as_bytes().to_vec() };
        self.ask(id, Ask::Read { query, consistency, at_least: Index(at_least) })
    }

    /// The answer to a request, if there is one by now. More than one is a bug.
    pub(super) fn answer(&mut self, id: u64, request: u64) -> Option<Answer> {
        let answers = &self.node(id).answers;
        let mut matching = answers.iter().filter(|response| response.id == request);
        let answer = matching.next().map(|response| response.answer.clone());
        assert!(matching.next().is_none(), "a request is answered once");
        answer
    }

    /// The value a read found, as text.
    pub(super) fn value(&mut self, id: u64, request: u64) -> Option<String> {
        match self.answer(id, request) {
            Some(Answer::Value { item, .. }) => item.map(|item| String::from_utf8(item.value).expect("tests use text")),
            other => panic!("a value was expected, not {other:?}"),
        }
    }

    /// All nodes that are up hold the same log, byte for byte, on their disks, and the same map.
    pub(super) fn assert_all_equal(&self) {
        let mut up = self.nodes.values().filter_map(|node| Some((node, node.replica.as_ref()?)));
        let (first, replica) = up.next().expect("somebody is up");
        for (node, other) in up {
            assert_eq!(node.disk.last(), first.disk.last(), "everybody has caught up");
            for (index, record) in &node.disk.archive {
                let same = first.disk.archive.get(index).is_none_or(|other| other == record);
                assert!(same, "every node stores the same bytes");
            }
            assert_eq!(content(other), content(replica));
            assert_eq!(image_bytes(other), image_bytes(replica), "a snapshot of it is the same bytes everywhere (R82)");
            assert_eq!(other.map().applied(), node.disk.last());
        }
    }
}

impl Node {
    fn down(disk: Disk, images: Images) -> Node {
        Node {
            replica: None,
            disk,
            unwritten: VecDeque::new(),
            unfetched: VecDeque::new(),
            jobs: VecDeque::new(),
            images,
            answers: Vec::new(),
            changes: Vec::new(),
            events: Vec::new(),
            fault: None,
            is_disk_slow: false,
            is_reader_slow: false,
            is_disk_unreadable: false,
            is_worker_slow: false,
            failing_job: None,
            taken: 0,
            installed: 0,
            fetches: 0,
            out: Outputs::default(),
        }
    }

    fn is_busy(&self) -> bool {
        let owes = !self.is_disk_slow && !self.unwritten.is_empty();
        let reads = !self.is_reader_slow && !self.unfetched.is_empty();
        let works = !self.is_worker_slow && !self.jobs.is_empty();
        self.replica.is_some() && (self.out.more || owes || reads || works)
    }

    fn finish_writes(&mut self, now: Time) {
        self.finish_some_writes(now, usize::MAX);
    }

    fn finish_some_writes(&mut self, now: Time, count: usize) {
        let count = count.min(self.unwritten.len());
        for batch in self.unwritten.drain(..count).collect::<Vec<_>>() {
            let seq = batch.seq;
            self.disk.write(batch);
            if let Some(replica) = &mut self.replica {
                replica.step(now, 0, Input::Persisted(seq));
                self.out.more = true;
            }
        }
    }

    pub(super) fn finish_fetches(&mut self, now: Time) {
        while let Some(fetch) = self.unfetched.pop_front() {
            let result =
                if self.is_disk_unreadable { Err("input/output error".to_owned()) } else { self.disk.read(&fetch) };
            if let Some(replica) = &mut self.replica {
                replica.step(now, 0, Input::Fetched { id: fetch.id, result });
                self.out.more = true;
            }
        }
    }
}

/// The bytes of a snapshot's file: any two differ everywhere.
fn file_bytes(id: SnapshotId, offset: u64, length: u64) -> Bytes {
    (offset..offset + length).map(|at| (id.digest.wrapping_mul(31) ^ at.wrapping_mul(7)) as u8).collect()
}

/// The worker of a node.
impl Node {
    /// Does the oldest `count` pieces of work on snapshots.
    pub(super) fn finish_jobs(&mut self, now: Time, count: usize) {
        for _ in 0..count.min(self.jobs.len()) {
            let job = self.jobs.pop_front().expect("there are as many");
            let fails = self.failing_job == Some(0);
            self.failing_job = self.failing_job.and_then(|left| left.checked_sub(1));
            let input = self.work(job, fails);
            if let Some(replica) = &mut self.replica {
                replica.step(now, 0, input);
                self.out.more = true;
            }
        }
    }

    fn work(&mut self, job: SnapshotJob, fails: bool) -> Input {
        let refusal = || "no space left on device".to_owned();
        match job {
            SnapshotJob::Take { .. } if fails => Input::SnapshotTaken(Err(refusal())),
            SnapshotJob::Take { mut meta, image } => {
                let mut images = self.images.borrow_mut();
                meta.digest = images.len() as u64 + 1;
                meta.size_bytes = 100 + 30 * image.machine.map().len() as u64;
                images.insert(meta.digest, (*image).clone());
                self.disk.keep(meta.clone(), *image);
                self.taken += 1;
                Input::SnapshotTaken(Ok(meta))
            }
            SnapshotJob::Fetch { id, snapshot, offset, length } => {
                let held = !fails && self.disk.snapshots.iter().any(|(meta, _)| meta.id() == snapshot);
                let bytes = || file_bytes(snapshot, offset, u64::from(length));
                Input::ChunkFetched { id, result: held.then(bytes).ok_or_else(|| "no such file".to_owned()) }
            }
            SnapshotJob::Store { meta, .. } if fails => {
                Input::ChunkStored { snapshot: meta.id(), result: Err(refusal()) }
            }
            SnapshotJob::Store { meta, offset, bytes } => {
                let snapshot = meta.id();
                let (_, mut file) =
                    self.disk.partial.take().filter(|(id, _)| *id == snapshot).unwrap_or((snapshot, Vec::new()));
                assert!(offset <= file.len() as u64, "no hole is left in a file");
                file.extend(bytes.iter().skip(file.len() - offset as usize));
                let stored = file.len() as u64;
                self.disk.partial = Some((snapshot, file));
                Input::ChunkStored { snapshot, result: Ok(stored) }
            }
            SnapshotJob::Install { .. } if fails => {
                self.disk.partial = None;
                Input::SnapshotInstalled(Err(refusal()))
            }
            SnapshotJob::Install { meta } => {
                let (id, file) = self.disk.partial.take().expect("a file was received");
                assert_eq!((id, file.len() as u64), (meta.id(), meta.size_bytes));
                assert_eq!(file, file_bytes(id, 0, meta.size_bytes), "chunks of one file only, in order");
                let image = self.images.borrow()[&meta.digest].clone();
                self.disk.keep(meta, image.clone());
                self.installed += 1;
                Input::SnapshotInstalled(Ok(Box::new(image)))
            }
        }
    }
}

impl Disk {
    /// Index of the last entry.
    pub(super) fn last(&self) -> u64 {
        self.base + self.records.len() as u64
    }

    fn last_check(&self) -> u32 {
        self.records.last().map_or(self.base_check, |last| RecordHeader::read(last, Index(0)).unwrap().check)
    }

    fn keep(&mut self, meta: SnapshotMeta, image: Image) {
        self.snapshots.push((meta, image));
        self.snapshots.sort_by_key(|(meta, _)| meta.last.index);
        let old = self.snapshots.len().saturating_sub(2);
        self.snapshots.drain(..old);
    }

    /// The log begins anew behind a snapshot.
    fn reset(&mut self, meta: &SnapshotMeta) {
        self.records.clear();
        self.archive.clear();
        (self.base, self.base_check) = (meta.last.index.0, meta.link);
    }

    /// Finishes the installation that a crash cut short.
    fn recover(&mut self) {
        let Some((meta, _)) = self.snapshots.last().cloned() else { return };
        if meta.last.index.0 <= self.base {
            return;
        }
        let record = self.records.get((meta.last.index.0 - self.base - 1) as usize);
        if record.is_none_or(|record| RecordHeader::read(record, Index(0)).unwrap().id != meta.last) {
            self.reset(&meta);
        }
    }

    fn compact(&mut self, upto: u64) {
        let covered = self.snapshots.last().expect("only what a snapshot covers is compacted").0.last.index.0;
        assert!(upto <= covered && upto > self.base && upto <= self.last());
        let count = (upto - self.base) as usize;
        self.base_check = RecordHeader::read(&self.records[count - 1], Index(0)).unwrap().check;
        self.records.drain(..count);
        self.base = upto;
    }

    fn write(&mut self, batch: WriteBatch) {
        if let Some(hard_state) = batch.hard_state {
            self.hard_state = hard_state;
        }
        if let Some(meta) = batch.reset_to {
            assert!(self.snapshots.iter().any(|(held, _)| *held == *meta), "the file is durable before the log goes");
            self.reset(&meta);
        }
        if let Some(from) = batch.truncate_from {
            self.records.truncate((from.0 - self.base) as usize - 1);
            self.archive.split_off(&from.0);
        }
        let mut written = Vec::new();
        for slice in batch.records {
            written.extend(split(&slice));
        }
        if let Some((first, last)) = batch.range {
            assert_eq!(first.0, self.last() + 1, "a write continues the log");
            assert_eq!(last.0 - first.0 + 1, written.len() as u64, "a write holds what it says");
        }
        for record in written {
            let header = RecordHeader::read(&record, Index(0)).expect("what is written can be read");
            assert_eq!((header.id.index.0, header.link), (self.last() + 1, self.last_check()));
            assert!(header.id.term <= self.hard_state.term, "an entry's term is durable before the entry");
            self.archive.insert(self.last() + 1, record.clone());
            self.records.push(record);
        }
        self.commit_hint = self.commit_hint.max(batch.commit_hint);
        if let Some(upto) = batch.compact_to {
            self.compact(upto.0);
        }
    }

    fn read(&self, fetch: &Fetch) -> Result<Bytes, String> {
        let mut out = BytesMut::new();
        for index in fetch.first.0..=fetch.last.0 {
            let place = index.checked_sub(self.base + 1).ok_or_else(|| format!("entry {index} is compacted"))?;
            let record = self.records.get(place as usize).ok_or_else(|| format!("entry {index} is gone"))?;
            if !out.is_empty() && out.len() + record.len() > fetch.max_bytes {
                break;
            }
            out.extend_from_slice(record);
        }
        Ok(out.freeze())
    }

    pub(super) fn found(&mut self, settings: Settings, tail_bytes: usize) -> Found {
        self.recover();
        let mut shape = Shape::empty(Index(self.base + 1));
        for record in &self.records {
            push_record(&mut shape, record);
        }
        let mut kept = self.records.len();
        let mut bytes = 0;
        while kept > 0
            && (self.base + kept as u64 > self.commit_hint.0 || bytes + self.records[kept - 1].len() <= tail_bytes)
        {
            kept -= 1;
            bytes += self.records[kept].len();
        }
        Found {
            hard_state: self.hard_state,
            snapshot: self.snapshots.last().cloned(),
            shape,
            commit_hint: self.commit_hint,
            last_check: self.last_check(),
            tail: self.records[kept..].to_vec(),
            tail_first: Index(self.base + kept as u64 + 1),
            settings,
        }
    }
}

pub(super) fn encoded(command: &Command) -> Bytes {
    let mut out = BytesMut::new();
    encode_command(command, &mut out);
    out.freeze()
}

/// Key, value, and the history: created, revision, version.
type Row = (Vec<u8>, Vec<u8>, [u64; 3]);

/// Everything in a replica's map.
pub(super) fn content(replica: &Replica) -> Vec<Row> {
    let everything = Scan { prefix: b"", after: None, items_max: usize::MAX, bytes_max: usize::MAX, keys_only: false };
    let page = replica.map().scan(everything);
    let row = |entry: &crate::state_machine::Entry| {
        (entry.key().to_vec(), entry.value().to_vec(), [entry.created(), entry.revision(), entry.version()])
    };
    page.entries.iter().map(row).collect()
}

fn image_bytes(replica: &Replica) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoded: Result<(), Infallible> = encode_image(replica.machine(), &mut |piece| {
        bytes.extend_from_slice(piece);
        Ok(())
    });
    encoded.expect("a vector takes everything");
    bytes
}

pub(super) fn member(id: NodeId) -> Member {
    let storage = StorageId(u128::from(id.0));
    Member { id, name: format!("n{}", id.0), address: format!("127.0.0.1:{}", 7_000 + id.0), storage }
}

fn split(slice: &Bytes) -> Vec<Bytes> {
    let mut records = Vec::new();
    let mut at = 0;
    while at < slice.len() {
        let header = RecordHeader::read(&slice[at..], Index(0)).expect("slices hold whole records");
        records.push(slice.slice(at..at + header.total_bytes()));
        at += header.total_bytes();
    }
    records
}

fn push_record(shape: &mut Shape, record: &Bytes) {
    let header = RecordHeader::read(record, Index(0)).expect("records can be read");
    let config = (header.kind == Kind::Config)
        .then(|| Arc::new(decode_config(&record[RECORD_HEADER_BYTES..]).expect("configurations can be read").0));
    shape.push(header.id.term, record.len() as u32, config);
}

/// What happens next, chosen by a seed: xorshift, which is good enough for that.
pub(super) struct Dice(u64);

impl Dice {
    /// Odd, because zero would stay zero.
    pub(super) fn of(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }
}

/// What the transport of a real node does on arrival: the shape is derived from the records, which know of every
/// configuration, also of those that the sender's core has forgotten.
fn read_shape(message: &mut PeerMessage) {
    if let Message::Snapshot(chunk) = &message.envelope.message {
        let sent = message.records.concat();
        return assert_eq!(sent, file_bytes(chunk.meta.id(), chunk.offset, u64::from(chunk.length)));
    }
    let Message::Append(append) = &mut message.envelope.message else {
        return assert!(message.records.is_empty(), "only appends and chunks carry bytes");
    };
    let mut derived = Shape::empty(append.entries.first);
    for record in message.records.iter().flat_map(split) {
        push_record(&mut derived, &record);
    }
    let named = &append.entries;
    assert_eq!((&derived.terms, &derived.lengths), (&named.terms, &named.lengths));
    assert!(named.configs.iter().all(|config| derived.configs.contains(config)), "{named:?} {derived:?}");
    append.entries = derived;
}
