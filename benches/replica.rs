//! Three whole replicas in one thread: what a committed write costs without a network and without a disk.
//!
//! Every write has a 256-byte value and arrives as it does in a node: cut from a buffer that holds many. It is checked, encoded, checksummed and
//! proposed by the leader; its record is checked by both followers as a transport would; and all three keep it, apply
//! it and hand it to a disk that is durable at once.
//!
//! ```text
//! cargo bench --bench replica -- [ROUNDS] [WRITES A ROUND] [replay]
//! ```
//!
//! With `replay`, a replica that restarts with that log on its disk applies all of it again, as every node does at its
//! start.
//!
//! Under callgrind, run two lengths and take the difference, so that the start cancels out.

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use raftctl::api::{Answer, Ask, ClientId, Request};
use raftctl::codec::entry::{encode_command, encode_config};
use raftctl::codec::record::LINK_ORIGIN;
use raftctl::codec::{Kind, PeerMessage, RecordHeader, Settings, append_record};
use raftctl::raft::{
    ClusterId, Config, HardState, Index, LogId, Member, Message, NodeId, Role, Rules, Shape, StorageId, Term, Time,
};
use raftctl::replica::{Found, Input, Limits, Outputs, Replica, Setup};
use raftctl::state_machine::{Command, Operation, Outcome};

const VALUE_BYTES: usize = 256;
/// Size of a read buffer, as in the transport.
const READ_BYTES: usize = 64 << 10;
const KEYS: usize = 1_000;
const ROUNDS_DEFAULT: usize = 20_000;
const BATCH_DEFAULT: usize = 64;

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let rounds = numbers.next().unwrap_or(ROUNDS_DEFAULT);
    let batch = numbers.next().unwrap_or(BATCH_DEFAULT);
    let mut trio = Trio::start();
    trio.elect();
    let commands: Vec<Bytes> = (0..KEYS).map(command).collect();
    let mut buffer = BytesMut::new();
    let mut out = Outputs::default();
    let started = Instant::now();
    for round in 0..rounds {
        for number in 0..batch {
            let command = &commands[(round * batch + number) % KEYS];
            trio.submit(arrive(&mut buffer, command));
        }
        trio.settle(&mut out);
    }
    let elapsed = started.elapsed();
    let count = (rounds * batch) as u64;
    assert_eq!(trio.written, count, "every write was answered");
    let per_second = count as f64 / elapsed.as_secs_f64();
    println!("{count} writes, {batch} a round: {per_second:.0} per second, {elapsed:.2?} in all");
    if std::env::args().any(|argument| argument == "replay") {
        replay(count, &commands);
    }
}

/// Builds a log of `count` writes and starts a replica on it that has none of it in memory.
fn replay(count: u64, commands: &[Bytes]) {
    let (mut found, mut records) = (setup(1, &config()).found, BytesMut::new());
    let mut starts = vec![0, found.tail[0].len()];
    records.extend_from_slice(&found.tail[0]);
    for (offset, command) in (0..count).zip(commands.iter().cycle()) {
        let id = LogId::new(2 + offset, 2);
        let put = |out: &mut BytesMut| out.extend_from_slice(command);
        let start = records.len();
        let mut record = BytesMut::new();
        found.last_check = append_record(&mut record, found.last_check, Kind::Command, id, 0, put);
        records.extend_from_slice(&record);
        found.shape.push(id.term, record.len() as u32, None);
        starts.push(start + record.len());
    }
    let records = records.freeze();
    found.hard_state.term = Term(2);
    (found.commit_hint, found.tail_first, found.tail) = (Index(count + 1), Index(count + 2), Vec::new());
    let now = Time::from_millis(1);
    let started = Instant::now();
    let setup = Setup { found, ..setup(1, &config()) };
    let mut replica = Replica::boot(setup, now).expect("the log is sound");
    let mut out = Outputs::default();
    while replica.map().applied() <= count {
        replica.take_outputs(now, 0, &mut out);
        for fetch in out.fetch.drain(..) {
            let start = starts[fetch.first.0 as usize - 1];
            let end = starts.partition_point(|end| *end <= start + fetch.max_bytes) - 1;
            let end = starts[end.min(fetch.last.0 as usize)];
            replica.step(now, 0, Input::Fetched { id: fetch.id, result: Ok(records.slice(start..end)) });
        }
    }
    println!("{count} writes applied again in {:.2?}", started.elapsed());
}

struct Trio {
    replicas: Vec<Replica>,
    /// Which replicas have been given something since their last turn; a node sleeps otherwise.
    has_input: [bool; 3],
    now: Time,
    leader: usize,
    next_request: u64,
    written: u64,
}

impl Trio {
    fn start() -> Trio {
        let config = config();
        let now = Time::from_millis(10_000);
        let replicas = (1..=3).map(|id| Replica::boot(setup(id, &config), now).expect("a new log is sound")).collect();
        Trio { replicas, has_input: [false; 3], now, leader: 0, next_request: 0, written: 0 }
    }

    fn elect(&mut self) {
        loop {
            self.now = self.replicas.iter().filter_map(Replica::next_deadline).min().expect("somebody will campaign");
            for position in 0..3 {
                self.step(position, Input::Tick);
            }
            self.settle(&mut Outputs::default());
            if let Some(leader) = self.replicas.iter().position(|replica| replica.core().role() == Role::Leader) {
                self.leader = leader;
                return;
            }
        }
    }

    fn submit(&mut self, command: Bytes) {
        self.next_request += 1;
        let request = Request { id: self.next_request, ask: Ask::Write(command) };
        self.step(self.leader, Input::Client { client: ClientId(1), request });
    }

    fn step(&mut self, position: usize, input: Input) {
        self.replicas[position].step(self.now, 0, input);
        self.has_input[position] = true;
    }

    /// Turns until nobody has anything to say. The leader waits until both followers have had theirs: where messages
    /// take time, their answers and its own disk reach it together.
    fn settle(&mut self, out: &mut Outputs) {
        while let Some(position) = (1..=3).map(|offset| (self.leader + offset) % 3).find(|at| self.has_input[*at]) {
            self.turn(position, out);
        }
    }

    fn turn(&mut self, position: usize, out: &mut Outputs) {
        self.replicas[position].take_outputs(self.now, 0, out);
        assert!(out.fatal.is_none() && out.fetch.is_empty(), "nothing is read back and nothing fails");
        self.has_input[position] = out.more;
        if let Some(write) = out.write.take() {
            self.step(position, Input::Persisted(write.seq));
        }
        out.send.drain_to(|message| {
            check(&message);
            let to = message.envelope.to.0 as usize - 1;
            self.step(to, Input::Peer(message));
        });
        for (_, response) in out.answers.drain(..) {
            assert!(matches!(response.answer, Answer::Written { outcome: Outcome::Written, .. }), "writes succeed");
            self.written += 1;
        }
    }
}

/// Reads a command into the buffer of its connection and cuts it out, like the transport.
fn arrive(buffer: &mut BytesMut, command: &Bytes) -> Bytes {
    if buffer.capacity() < command.len() {
        buffer.reserve(READ_BYTES);
    }
    buffer.extend_from_slice(command);
    buffer.split().freeze()
}

/// Proves the checksum of every record, as a transport does on arrival.
fn check(message: &PeerMessage) {
    let Message::Append(append) = &message.envelope.message else { return };
    let mut next = append.prev.index.next();
    for slice in &message.records {
        let mut rest = &slice[..];
        while !rest.is_empty() {
            let header = RecordHeader::read(rest, next).expect("records arrive as they were sent");
            next = next.next();
            rest = &rest[header.total_bytes()..];
        }
    }
}

fn config() -> Config {
    Config::of((1..=3).map(member).collect(), Vec::new())
}

fn member(id: u64) -> Member {
    Member { id: NodeId(id), name: format!("n{id}"), address: String::new(), storage: StorageId(u128::from(id)) }
}

fn setup(id: u64, config: &Config) -> Setup {
    let settings = Settings::default();
    let mut record = BytesMut::new();
    let last_check = append_record(&mut record, LINK_ORIGIN, Kind::Config, LogId::new(1, 1), 0, |out| {
        encode_config(config, &settings, out);
    });
    let mut shape = Shape::empty(Index(1));
    shape.push(Term(1), record.len() as u32, Some(config.clone().into()));
    let found = Found {
        hard_state: HardState { term: Term(1), vote: None },
        snapshot: None,
        shape,
        commit_hint: Index(0),
        last_check,
        tail: vec![record.freeze()],
        tail_first: Index(1),
        settings,
    };
    let storage = StorageId(u128::from(id));
    Setup {
        id: NodeId(id),
        cluster: ClusterId(1),
        storage,
        seed: id,
        rules: Rules::sound(),
        limits: Limits::default(),
        found,
    }
}

fn command(number: usize) -> Bytes {
    let key = format!("k{number:015}").into_bytes();
    let operation = Operation::Put { value: vec![number as u8; VALUE_BYTES] };
    let mut out = BytesMut::new();
    encode_command(&Command { key, operation }, &mut out);
    out.freeze()
}
