//! Chance against the replica: a seed chooses what clients ask, which messages are lost, doubled and late, which disks
//! are slow and which nodes die. Afterwards everything must have been kept that was acknowledged.
//!
//! The limits are tiny, so that a few entries meet every one of them.

use std::collections::BTreeMap;

use bytes::Bytes;
use core::time::Duration;

use super::Limits;
use super::testing::{Dice, World, encoded};
use crate::api::{Answer, Ask, Consistency, Query, Refused};
use crate::codec::entry::{decode_stamp, stamp_bytes};
use crate::codec::{RECORD_HEADER_BYTES, RecordHeader, Settings};
use crate::raft::{Index, NodeId};
use crate::state_machine::{Command, Expect, Operation};

const SEEDS: u64 = 60;
const STEPS: usize = 6_000;

/// Under tiny limits a peer that is far behind gains an entry or two per heartbeat.
const CATCH_UP: Duration = Duration::from_secs(10);

/// What was asked and is not yet answered, and what must hold when it is.
enum Open {
    Write(Bytes),
    /// The highest revision that had been acknowledged when the read was sent.
    Read {
        not_before: Index,
    },
}

struct Swarm {
    world: World,
    dice: Dice,
    open: BTreeMap<(u64, u64), Open>,
    /// How many answers of each node have been looked at.
    seen: BTreeMap<u64, usize>,
    acknowledged: BTreeMap<Index, Bytes>,
    reads: usize,
    unknown: usize,
}

#[test]
fn whatever_happens_acknowledged_writes_stay_and_reads_are_fresh() {
    let (mut writes, mut reads, mut unknown, mut fetches, mut bulk) = (0, 0, 0, 0, 0);
    let (mut taken, mut installed, mut whole) = (0, 0, 0);
    for seed in 0..SEEDS {
        let swarm = run(seed);
        writes += swarm.acknowledged.len();
        reads += swarm.reads;
        unknown += swarm.unknown;
        fetches += swarm.world.nodes.values().map(|node| node.fetches).sum::<usize>();
        bulk += swarm.world.bulk_messages;
        for node in swarm.world.nodes.values() {
            taken += node.taken;
            installed += node.installed;
            whole += usize::from(node.disk.archive.len() as u64 == node.disk.last());
        }
    }
    // A swarm in which nothing happens proves nothing.
    assert!(writes > 1_000 && reads > 200 && unknown > 20, "{writes} writes, {reads} reads, {unknown} unknown");
    assert!(taken > 500 && installed > 50 && whole > 60, "{taken} taken, {installed} installed, {whole} whole logs");
    assert!(fetches > 1_000 && bulk > 50, "{fetches} reads of files, {bulk} bulk messages");
}

fn run(seed: u64) -> Swarm {
    let settings = Settings { election_timeout: Duration::from_millis(200), ..Settings::default() };
    let mut world = World::with(if seed.is_multiple_of(4) { 5 } else { 3 }, Limits::tiny(), settings);
    world.tail_found_bytes = if seed.is_multiple_of(2) { 0 } else { 300 };
    let dice = Dice::of(seed);
    let (open, seen, acknowledged) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let mut swarm = Swarm { world, dice, open, seen, acknowledged, reads: 0, unknown: 0 };
    for _ in 0..STEPS {
        swarm.one_thing_happens();
        swarm.look_at_answers();
    }
    swarm.recover();
    swarm.look_at_answers();
    swarm.check(seed);
    swarm
}

impl Swarm {
    fn roll(&mut self, sides: u64) -> u64 {
        self.dice.roll(sides)
    }

    fn one_thing_happens(&mut self) {
        let count = self.world.nodes.len() as u64;
        let id = self.roll(count) + 1;
        let is_up = self.world.node(id).replica.is_some();
        match self.roll(100) {
            0..=8 if is_up => self.ask_to_write(id),
            9..=12 if is_up => self.ask_to_read(id),
            13..=50 => self.deliver_something(),
            51..=75 => self.world.turn(id),
            76..=89 => {
                let (writes, jobs) = (self.roll(3) as usize, self.roll(2) as usize);
                self.world.finish_writes(id, writes);
                let now = self.world.now;
                self.world.node(id).finish_jobs(now, jobs);
            }
            90..=92 => self.let_time_pass(),
            93 => match self.roll(8) {
                0..=1 => self.world.node(id).is_disk_slow = true,
                2..=3 => self.world.node(id).is_worker_slow = true,
                4 => self.world.node(id).failing_job = Some(0),
                _ => {}
            },
            94 => self.world.node(id).is_disk_slow = false,
            95 => self.world.node(id).is_worker_slow = false,
            96 if self.roll(5) == 0 => self.world.cut_off(id),
            97 => self.world.heal(),
            98 if is_up && self.roll(5) == 0 => {
                let writes = self.roll(3) as usize;
                self.world.kill_after_writes(id, writes);
                self.tell_peers(id);
            }
            99 if !is_up => self.world.start(id),
            _ => {}
        }
    }

    fn ask_to_write(&mut self, id: u64) {
        let key = vec![b'a' + self.roll(6) as u8];
        let value = vec![b'0' + self.roll(10) as u8; self.roll(90) as usize];
        let operation = match self.roll(6) {
            0 => Operation::Delete,
            1 => Operation::Incr { by: 1 },
            2 => Operation::Append { value },
            3 => Operation::Cas { expect: Expect::Absent, value },
            _ => Operation::Put { value },
        };
        let command = encoded(&Command { key, operation });
        let request = self.world.ask(id, Ask::Write(command.clone()));
        self.open.insert((id, request), Open::Write(command));
    }

    fn ask_to_read(&mut self, id: u64) {
        let query = Query::Get { key: vec![b'a' + self.roll(6) as u8] };
        let ask = Ask::Read { query, consistency: Consistency::Linearizable, at_least: Index(0) };
        let not_before = self.acknowledged.last_key_value().map_or(Index(0), |(revision, _)| *revision);
        let request = self.world.ask(id, ask);
        self.open.insert((id, request), Open::Read { not_before });
    }

    fn deliver_something(&mut self) {
        if self.world.network.is_empty() {
            return;
        }
        let length = self.world.network.len() as u64;
        let at = if self.roll(4) == 0 { self.roll(length) } else { 0 };
        let message = self.world.network.remove(at as usize).expect("it is within the queue");
        match self.roll(20) {
            0 => {}
            1 => {
                self.world.network.push_back(message.clone());
                self.world.deliver(message);
            }
            _ => self.world.deliver(message),
        }
    }

    fn let_time_pass(&mut self) {
        let millis = self.roll(40);
        self.world.now += Duration::from_millis(millis);
        let ids: Vec<u64> = self.world.nodes.keys().map(|id| id.0).collect();
        for id in ids {
            if self.world.node(id).replica.is_some() {
                self.world.step(id, super::Input::Tick);
            }
        }
    }

    /// A transport notices that the process at the other end of a connection is gone.
    fn tell_peers(&mut self, gone: u64) {
        let ids: Vec<u64> = self.world.nodes.keys().map(|id| id.0).collect();
        for id in ids {
            if self.world.node(id).replica.is_some() {
                self.world.step(id, super::Input::PeerDown(NodeId(gone)));
            }
        }
    }

    /// Everything works again, and nobody asks for anything.
    fn recover(&mut self) {
        self.world.heal();
        let ids: Vec<u64> = self.world.nodes.keys().map(|id| id.0).collect();
        for id in ids {
            self.world.node(id).is_disk_slow = false;
            self.world.node(id).is_worker_slow = false;
            if self.world.node(id).replica.is_none() {
                self.world.start(id);
            }
        }
        self.world.settle();
        self.world.elect();
        self.world.pass(CATCH_UP);
    }

    fn look_at_answers(&mut self) {
        for (id, node) in &self.world.nodes {
            assert_eq!(node.fault, None, "nothing that happened is a reason to stop");
            let seen = self.seen.entry(id.0).or_default();
            for response in &node.answers[*seen..] {
                let open = self.open.remove(&(id.0, response.id)).expect("a request is answered once");
                match (open, &response.answer) {
                    (Open::Write(command), Answer::Written { revision, .. }) => {
                        let other = self.acknowledged.insert(*revision, command);
                        assert_eq!(other, None, "a revision belongs to one write");
                    }
                    (Open::Read { not_before }, Answer::Value { item, at }) => {
                        assert!(*at >= not_before, "a read sees every write acknowledged before it was sent (R93)");
                        assert!(item.as_ref().is_none_or(|item| item.revision <= *at));
                        self.reads += 1;
                    }
                    (Open::Write(_), Answer::Refused(Refused::Unknown)) => self.unknown += 1,
                    (_, Answer::Refused(_)) => {}
                    (_, answer) => panic!("{answer:?} does not answer what was asked"),
                }
            }
            *seen = node.answers.len();
        }
    }

    fn check(&self, seed: u64) {
        self.world.assert_all_equal();
        let remembers = |node: &&super::testing::Node| node.disk.archive.len() as u64 == node.disk.last();
        // A node that never replaced its log by a snapshot has the whole history.
        let Some(node) = self.world.nodes.values().find(remembers) else { return };
        for (revision, command) in &self.acknowledged {
            let Some(record) = node.disk.archive.get(&revision.0) else { continue };
            assert!(RecordHeader::read(record, Index(0)).is_ok());
            let payload = &record[RECORD_HEADER_BYTES..];
            let (asked, stamp) = payload.split_at(command.len().min(payload.len()));
            assert_eq!(asked, &command[..], "seed {seed}: revision {revision} was acknowledged");
            assert_eq!(stamp_bytes(decode_stamp(stamp).unwrap()), stamp.len(), "the leader adds its stamp alone");
        }
    }
}
