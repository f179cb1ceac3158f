//! One simulated machine: its disk and clock, and the process on it, if it runs.
//!
//! A process is what a node is without sockets and threads: the real replica, the real journal on a simulated disk, one
//! group of writes under way while the next gathers, and reads of log files. What it does when is the world's.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::Arc;

use core::time::Duration;

use super::decay::Exposure;
use super::disk::SimDisk;
use super::plan::DiskPlan;
use crate::codec::{Settings, WriteBatch};
use crate::raft::{ClusterId, Config, Member, NodeId, Rules, StorageId, Time};
use crate::replica::{BootError, Found, Image, Input, Limits, Replica, Setup, SnapshotJob};
use crate::storage::layout::{self, Founding};
use crate::storage::{Journal, JournalOptions, LogReader, OpenError, Recovered, SnapshotDesk, SyncMode};

/// Most batches that wait for the disk; a process that has more takes no messages and no requests.
pub const BATCHES_MAX: usize = 256;

/// Most reads of log files under way at a time; more are refused.
pub const FETCHES_MAX: usize = 64;

/// Most inputs one turn takes.
pub const INPUTS_PER_TURN_MAX: usize = 1_024;

/// The cluster of every simulated world.
const CLUSTER: ClusterId = ClusterId(0x5eed);

/// Where a node's directory lies on its disk.
const DIRECTORY: &str = "/node";

/// The time of day at which every world begins, in milliseconds since 1970; for display only.
const WALL_MS_START: u64 = 1_700_000_000_000;

/// Nanoseconds of a node's clock at the start of a process.
const CLOCK_ORIGIN: Time = Time::from_millis(1_000);

/// A clock that runs at its own rate from each start of a process on, and may jump ahead.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Time,
    /// Its seconds in a million true ones.
    rate_per_million: u64,
    /// By how much it has jumped since the process started.
    ahead: Duration,
    wall_offset_ms: i64,
}

impl Clock {
    pub fn new(rate_per_million: u64) -> Clock {
        Clock { started: Time::default(), rate_per_million, ahead: Duration::ZERO, wall_offset_ms: 0 }
    }

    pub fn restart(&mut self, now: Time) {
        (self.started, self.ahead) = (now, Duration::ZERO);
    }

    /// It shows a later time all at once, as after the machine has slept.
    pub fn jump(&mut self, span: Duration) {
        self.ahead += span;
    }

    /// The time of day is set, forward or back; it is for display only.
    pub fn set_wall(&mut self, offset_ms: i64) {
        self.wall_offset_ms = offset_ms;
    }

    /// What it shows at the true time `now`.
    pub fn local(&self, now: Time) -> Time {
        let elapsed = u128::from(now.0 - self.started.0) * u128::from(self.rate_per_million) / 1_000_000;
        CLOCK_ORIGIN + Duration::from_nanos(u64::try_from(elapsed).expect("simulated spans are short")) + self.ahead
    }

    /// The first true time at which it shows at least `local`.
    pub fn true_time(&self, local: Time) -> Time {
        let origin = CLOCK_ORIGIN + self.ahead;
        let ahead = u128::from(local.0.saturating_sub(origin.0));
        let elapsed = (ahead * 1_000_000).div_ceil(u128::from(self.rate_per_million));
        self.started + Duration::from_nanos(u64::try_from(elapsed).unwrap_or(u64::MAX))
    }

    pub fn wall_ms(&self, now: Time) -> u64 {
        (WALL_MS_START + now.0 / 1_000_000).saturating_add_signed(self.wall_offset_ms)
    }
}

/// A process that runs.
#[derive(Debug)]
pub struct Process {
    pub replica: Replica,
    pub journal: Journal,
    pub reader: LogReader,
    /// Arrived, and not yet taken in by a turn.
    pub inbox: VecDeque<Input>,
    /// Wait for the group under way to be written.
    pub waiting: Vec<WriteBatch>,
    /// Being written.
    pub flight: Vec<WriteBatch>,
    pub fetches: usize,
    pub desk: SnapshotDesk,
    /// Work on snapshot files; the first is under way.
    pub jobs: VecDeque<SnapshotJob>,
    pub turn_planned: bool,
    /// When the world will look at its deadline.
    pub wake_at: Option<Time>,
    /// When it stops for good, if it was asked to.
    pub stops_by: Option<Time>,
}

/// One machine.
#[derive(Debug)]
pub struct Machine {
    pub id: NodeId,
    pub disk: SimDisk,
    pub clock: Clock,
    pub process: Option<Process>,
    /// Counts starts and stops, so that what was planned for an earlier process is known to be stale.
    pub incarnation: u64,
    /// Its disk was replaced, or it refused to start on a damaged one: it stays down.
    pub is_ruined: bool,
    /// Something stored was damaged and is not mended: it may stop, refuse to start, or hold less than it should.
    pub is_rotten: bool,
    /// Its directory says that it may hold less than it has acknowledged (R64).
    pub is_recovering: bool,
    /// A fault of the disk was arranged since the process started: it may stop.
    pub disk_may_fail: bool,
    pub paused_until: Time,
    /// A group of writes takes this many times as long.
    pub slowness: u32,
    pub is_stuck: bool,
    pub is_full: bool,
    /// A fault keeps it down until another event starts it.
    pub start_planned: bool,
}

impl Machine {
    pub fn new(id: NodeId, clock: Clock) -> Machine {
        Machine {
            id,
            disk: SimDisk::new(),
            clock,
            process: None,
            incarnation: 0,
            is_ruined: false,
            is_rotten: false,
            is_recovering: false,
            disk_may_fail: false,
            paused_until: Time::default(),
            slowness: 1,
            is_stuck: false,
            is_full: false,
            start_planned: false,
        }
    }

    /// Makes its directory, as founding a cluster does, and as an operator does for a node that shall join: that one
    /// begins with the first entry of the log, too, and is not named in it.
    pub fn found(&self, config: &Config, settings: &Settings) {
        let storage = storage_of(self.id);
        let founding = Founding {
            cluster_id: CLUSTER,
            node: self.id,
            storage,
            config: config.clone(),
            settings: settings.clone(),
            wall_ms: WALL_MS_START,
        };
        layout::found_on(&self.disk, Path::new(DIRECTORY), &founding).expect("a new disk takes a directory");
    }

    /// Opens the journal on what the disk holds. Gives also the records of the recovered tail, as they were found.
    pub fn open(&self, plan: &DiskPlan, rules: Rules) -> Result<(Journal, Recovered), OpenError> {
        let options = JournalOptions { segment_size_bytes: plan.segment_size_bytes, sync: SyncMode::Always, rules };
        let data = layout::data_dir(Path::new(DIRECTORY));
        Journal::open_as(Arc::new(self.disk.clone()), &data, options, plan.on_corruption)
    }

    /// Notes on the disk that the node holds everything it has acknowledged again.
    pub fn end_recovery(&mut self) -> io::Result<()> {
        layout::end_recovery_on(&self.disk, &layout::data_dir(Path::new(DIRECTORY)))?;
        self.is_recovering = false;
        Ok(())
    }

    /// Whether anything that the node may still read is not what it has stored.
    pub fn is_damaged(&self) -> bool {
        let set_aside = layout::damaged_dir(&layout::data_dir(Path::new(DIRECTORY)));
        self.disk.is_damaged(|path| !Path::new(path).starts_with(&set_aside))
    }

    /// How far a file may decay: all of what nobody doubts, and of the newest segment, whose end is in doubt, what is
    /// vouched for.
    pub fn exposure(&self) -> impl Fn(&str) -> Exposure + use<> {
        let data = layout::data_dir(Path::new(DIRECTORY));
        let (log, snapshots) = (layout::log_dir(&data), layout::snapshot_dir(&data));
        let hard_state = layout::hard_state_file(&data);
        let newest = newest_segment(&self.disk.files(), &log).map(str::to_owned);
        move |path| {
            let place = Path::new(path);
            let is_sealed = path.ends_with(".seg") && place.parent() == Some(&log) && Some(path) != newest.as_deref();
            let is_snapshot = path.ends_with(".snap") && place.parent() == Some(&snapshots);
            if is_sealed || is_snapshot || place == hard_state {
                Exposure::All
            } else if Some(path) == newest.as_deref() {
                Exposure::Vouched
            } else {
                Exposure::No
            }
        }
    }

    pub fn is_up(&self) -> bool {
        self.process.is_some()
    }
}

impl Process {
    pub fn boot(
        journal: Journal,
        found: Recovered,
        limits: Limits,
        rules: Rules,
        seed: u64,
        local: Time,
    ) -> Result<Process, BootError> {
        let (reader, desk) = (journal.reader(), SnapshotDesk::new(journal.snapshots()));
        let snapshot = found.snapshot.map(|loaded| {
            let image = Image { machine: loaded.image, settings: loaded.settings };
            (loaded.meta, image)
        });
        let setup = Setup {
            id: found.meta.node,
            cluster: found.meta.cluster_id,
            storage: found.meta.storage,
            seed,
            rules,
            limits,
            found: Found {
                hard_state: found.hard_state,
                shape: found.shape,
                commit_hint: found.commit_hint,
                last_check: found.last_check,
                tail: found.tail,
                tail_first: found.tail_first,
                settings: found.settings,
                snapshot,
            },
        };
        Ok(Process {
            replica: Replica::boot(setup, local)?,
            journal,
            reader,
            inbox: VecDeque::new(),
            waiting: Vec::new(),
            flight: Vec::new(),
            fetches: 0,
            desk,
            jobs: VecDeque::new(),
            turn_planned: false,
            wake_at: None,
            stops_by: None,
        })
    }

    /// Whether it takes messages and requests.
    pub fn can_take(&self) -> bool {
        self.waiting.len() + self.flight.len() < BATCHES_MAX
    }

    pub fn is_disk_idle(&self) -> bool {
        self.waiting.is_empty() && self.flight.is_empty()
    }
}

/// The configuration that a world of `nodes` begins with.
pub fn first_config(nodes: u64) -> Config {
    Config::of((1..=nodes).map(|id| member_of(NodeId(id))).collect(), Vec::new())
}

/// How a node is named as a member, now or later.
pub fn member_of(id: NodeId) -> Member {
    Member { id, name: id.to_string(), address: format!("127.0.0.1:{}", 7_000 + id.0), storage: storage_of(id) }
}

/// The newest log segment among the files of a disk, which are sorted.
fn newest_segment<'a>(files: &'a [String], log_dir: &Path) -> Option<&'a str> {
    let in_log = |path: &&str| path.ends_with(".seg") && Path::new(path).parent() == Some(log_dir);
    files.iter().map(String::as_str).rfind(in_log)
}

fn storage_of(id: NodeId) -> StorageId {
    StorageId(u128::from(id.0) << 64 | 0x57)
}
