//! What a seed chooses: the size of the world, its limits, which faults it has and how often they strike.
//!
//! Each seed switches a random half of the faults off, because a world in which everything breaks at once gets
//! nowhere, and many faults hide others. Everything is drawn here, before the world starts, from a stream of its own,
//! so that a fault taken out afterwards changes nothing else of the plan.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeSet;

use super::dice::Dice;
use crate::codec::Settings;
use crate::codec::settings::CLOCK_DRIFT_PPM_DEFAULT;
use crate::raft::Rules;
use crate::replica::Limits;
use crate::state_machine::SessionLimits;
use crate::storage::OnCorruption;

/// Something that may go wrong. Each can be switched off by name, which is how a failure is made small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// Messages are lost.
    Loss,
    /// Messages arrive twice, the second time perhaps much later.
    Duplicate,
    /// Messages overtake each other.
    Reorder,
    /// Some messages take up to several election timeouts.
    Late,
    /// Bits of frames flip on the way, or a frame is cut short.
    Corrupt,
    /// Links are cut: a node alone, halves, one way, a ring, a bridge, a keystone.
    Partition,
    /// One link goes down and up again and again.
    Flap,
    /// Nodes are told that peers are gone or that messages were dropped, truly or not.
    News,
    /// A process is killed; what was written and not synced stays.
    Kill,
    /// A machine loses power; what was written and not synced may be gone.
    Power,
    /// All machines lose power at once.
    PowerAll,
    /// A node is asked to stop and started again.
    Restart,
    /// A process stands still and then goes on as if nothing had happened.
    Pause,
    /// Clocks run up to a tenth too fast or too slow; where there are lease reads, within the bound these rest on.
    Clocks,
    /// Clocks jump ahead, as after a machine has slept; not where leases rest on them.
    Jump,
    /// Operators move leadership around.
    Transfer,
    /// Operators add, promote, demote, remove and replace nodes.
    Members,
    SlowDisk,
    /// A disk does not answer for seconds.
    StuckDisk,
    FullDisk,
    WriteError,
    SyncError,
    /// Sectors that were being written are torn in the middle when power is lost.
    TornSector,
    /// Bits of what was safely stored flip, or whole sectors become zero, on a minority of the nodes.
    Rot,
    /// Sectors go back to what they had held before, on a minority of the nodes.
    Stale,
    /// A write lands in another place and its own keeps what it held, on a minority of the nodes.
    Misdirect,
    /// A read gives another sector, once, on a minority of the nodes.
    Misread,
    /// A disk is replaced by an empty one, on a minority of the nodes.
    Wipe,
    /// Clients close their connections in the middle.
    Hangup,
    /// Turns are late, so that many inputs meet in one.
    Lag,
}

/// Every fault with the word it is switched off by.
pub const FAULTS: &[(Fault, &str)] = &[
    (Fault::Loss, "loss"),
    (Fault::Duplicate, "duplicate"),
    (Fault::Reorder, "reorder"),
    (Fault::Late, "late"),
    (Fault::Corrupt, "corrupt"),
    (Fault::Partition, "partition"),
    (Fault::Flap, "flap"),
    (Fault::News, "news"),
    (Fault::Kill, "kill"),
    (Fault::Power, "power"),
    (Fault::PowerAll, "power-all"),
    (Fault::Restart, "restart"),
    (Fault::Pause, "pause"),
    (Fault::Clocks, "clocks"),
    (Fault::Jump, "jump"),
    (Fault::Transfer, "transfer"),
    (Fault::Members, "members"),
    (Fault::SlowDisk, "slow-disk"),
    (Fault::StuckDisk, "stuck-disk"),
    (Fault::FullDisk, "full-disk"),
    (Fault::WriteError, "write-error"),
    (Fault::SyncError, "sync-error"),
    (Fault::TornSector, "torn-sector"),
    (Fault::Rot, "rot"),
    (Fault::Stale, "stale"),
    (Fault::Misdirect, "misdirect"),
    (Fault::Misread, "misread"),
    (Fault::Wipe, "wipe"),
    (Fault::Hangup, "hangup"),
    (Fault::Lag, "lag"),
];

/// Those that change what sectors hold that were safely stored, or what is read of them.
pub const SECTOR_FAULTS: &[Fault] = &[Fault::Rot, Fault::Stale, Fault::Misdirect, Fault::Misread];

impl Fault {
    pub fn word(self) -> &'static str {
        FAULTS.iter().find(|(fault, _)| *fault == self).expect("every fault has a word").1
    }

    pub fn of_word(word: &str) -> Option<Fault> {
        FAULTS.iter().find(|(_, known)| *known == word).map(|(fault, _)| *fault)
    }

    /// The mean time between two strikes in a world that has it; none for what is always there, such as loss.
    pub fn interval(self) -> Option<Duration> {
        let seconds = match self {
            Fault::Loss | Fault::Duplicate | Fault::Reorder | Fault::Late | Fault::Clocks => return None,
            Fault::Corrupt | Fault::TornSector | Fault::Lag => return None,
            Fault::News | Fault::Hangup => 3,
            Fault::Members => 2,
            Fault::Partition | Fault::Kill | Fault::Power | Fault::Flap | Fault::Pause => 8,
            Fault::Restart | Fault::Transfer | Fault::SlowDisk | Fault::Jump => 10,
            Fault::StuckDisk | Fault::WriteError | Fault::SyncError => 15,
            Fault::PowerAll | Fault::FullDisk => 20,
            Fault::Rot | Fault::Stale | Fault::Misdirect | Fault::Misread | Fault::Wipe => 30,
        };
        Some(Duration::from_secs(seconds))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Most nodes of a world.
pub const NODES_MAX: u64 = 7;

/// What the caller of a run chooses; all else is the seed's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunOptions {
    /// Simulated time with faults; the time in which the world must recover comes on top.
    pub span: Duration,
    /// Faults that this run does without, whatever the seed says.
    pub without: BTreeSet<Fault>,
    /// The number of nodes, when the seed shall not choose it.
    pub nodes: Option<u64>,
    /// No faults before this, so that a failure can be made small from the front.
    pub quiet_until: Duration,
    /// Disks answer syncs that they have not made. Sound nodes break then: this is how the checkers are checked.
    pub lying_disks: bool,
    /// Rules that nodes and journals keep: a broken one must be noticed, too.
    pub rules: Rules,
}

impl Default for RunOptions {
    fn default() -> RunOptions {
        RunOptions {
            span: Duration::from_secs(60),
            without: BTreeSet::new(),
            nodes: None,
            quiet_until: Duration::ZERO,
            lying_disks: false,
            rules: Rules::sound(),
        }
    }
}

/// How messages travel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkPlan {
    pub latency_min: Duration,
    pub latency_max: Duration,
    pub loss_per_million: u32,
    pub duplicate_per_million: u32,
    pub late_per_million: u32,
    pub corrupt_per_million: u32,
    /// Longest delay of a late or a repeated message.
    pub late_max: Duration,
    /// Messages of a link arrive in the order in which they were sent.
    pub is_ordered: bool,
}

/// How disks behave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskPlan {
    pub latency_min: Duration,
    pub latency_max: Duration,
    pub torn_per_million: u32,
    pub segment_size_bytes: u64,
    /// What a node does that finds its log damaged.
    pub on_corruption: OnCorruption,
}

/// What clients do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    pub clients: u64,
    pub keys: u64,
    /// Mean time between an answer and the next request.
    pub think: Duration,
    pub value_bytes_max: u64,
    /// Every so many clients asks the same node whatever that answers; zero for none.
    pub pinned_every: u64,
    /// Of a hundred requests.
    pub reads_percent: u64,
    /// Of a hundred reads; the others ask the whole cluster.
    pub stale_percent: u64,
    pub lease_percent: u64,
    /// Every so many clients writes with a session; zero for none.
    pub sessions_every: u64,
}

/// What a world is made for. Half of them are for nothing in particular; the others put together what seldom meets by
/// chance, because some mistakes show only then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    Mixed,
    /// Leaders are cut off and lead on, and clients that stay with them read.
    LoneLeader,
    /// Reads by lease, with clocks as far apart as they may be, while leadership moves.
    Lease,
    /// Logs are compacted at once, so that whoever is a little behind gets a snapshot of what it may hold.
    Compaction,
    /// Lone leaders take writes, so that logs part and are repaired in small pieces.
    Divergence,
}

/// A whole world, before it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub seed: u64,
    pub span: Duration,
    pub quiet_until: Duration,
    pub lying_disks: bool,
    pub rules: Rules,
    pub theme: Theme,
    pub nodes: u64,
    pub settings: Settings,
    pub limits: Limits,
    pub network: NetworkPlan,
    pub disk: DiskPlan,
    pub workload: Workload,
    /// Longest time from an input to the turn that takes it.
    pub lag_max: Duration,
    pub faults: BTreeSet<Fault>,
    /// Divides the intervals of the faults.
    pub haste: u32,
}

/// The stream from which plans are drawn.
const PURPOSE_PLAN: u64 = 1;

/// That of what worlds are made for, so that those for nothing in particular stay as they are.
const PURPOSE_THEME: u64 = 8;

impl Plan {
    pub fn of(seed: u64, options: &RunOptions) -> Plan {
        let mut dice = Dice::stream(seed, PURPOSE_PLAN);
        let faults: BTreeSet<Fault> = FAULTS.iter().map(|(fault, _)| *fault).filter(|_| dice.coin()).collect();
        let nodes = *dice.pick(&[1, 2, 3, 3, 3, 3, 4, 5, 5, 5, 6, 7]);
        let settings = settings(&mut dice);
        let limits = limits(&mut dice);
        let network = network(&mut dice, &settings);
        let disk = disk(&mut dice);
        let workload = workload(&mut dice);
        let lag_max = Duration::from_micros(*dice.pick(&[200, 1_000, 5_000]));
        let haste = *dice.pick(&[1, 1, 2, 4]);
        let mut dice = Dice::stream(seed, PURPOSE_THEME);
        let theme = match dice.below(8) {
            0 => Theme::LoneLeader,
            1 => Theme::Lease,
            2 => Theme::Compaction,
            3 => Theme::Divergence,
            _ => Theme::Mixed,
        };
        let mut plan = Plan {
            seed,
            span: options.span,
            quiet_until: options.quiet_until,
            lying_disks: options.lying_disks,
            rules: options.rules,
            theme,
            nodes: options.nodes.unwrap_or(nodes),
            settings,
            limits,
            network,
            disk,
            workload,
            lag_max,
            faults,
            haste,
        };
        plan.devote(&mut dice);
        plan.faults.retain(|fault| !options.without.contains(fault));
        plan.switch_off();
        plan
    }

    /// Changes what the theme needs.
    fn devote(&mut self, dice: &mut Dice) {
        if self.theme == Theme::Mixed {
            return;
        }
        self.haste = 4;
        self.faults.insert(Fault::Partition);
        for fault in [Fault::Wipe, Fault::StuckDisk, Fault::FullDisk, Fault::Jump] {
            self.faults.remove(&fault);
        }
        let (settings, workload) = (&mut self.settings, &mut self.workload);
        workload.think = Duration::from_millis(*dice.pick(&[40, 100]));
        match self.theme {
            Theme::Mixed => {}
            Theme::LoneLeader => {
                (settings.check_quorum, settings.lease_reads) = (false, false);
                (workload.clients, workload.pinned_every) = (8, 2);
                (workload.reads_percent, workload.stale_percent, workload.lease_percent) = (60, 0, 0);
            }
            Theme::Lease => {
                (settings.pre_vote, settings.check_quorum, settings.lease_reads) = (true, true, true);
                settings.clock_drift_ppm = 200_000;
                self.faults.extend([Fault::Clocks, Fault::Transfer, Fault::Loss]);
                (workload.clients, workload.pinned_every) = (10, 2);
                (workload.reads_percent, workload.stale_percent, workload.lease_percent) = (60, 0, 100);
            }
            Theme::Compaction => {
                // A follower whose answers are lost holds much that its leader does not know of.
                self.faults.extend([Fault::Kill, Fault::News, Fault::Loss, Fault::Late]);
                self.network.loss_per_million = 150_000;
                let limits = &mut self.limits;
                limits.snapshot_every_entries = *dice.pick(&[4, 8]);
                (limits.retain_entries, limits.retain_entries_max) = (0, 0);
                limits.chunk_bytes_max = 4_000;
                (limits.append_bytes_max, limits.inflight_messages_max) = (64 << 10, 256);
                (workload.clients, workload.reads_percent) = (10, 10);
                settings.max_inflight_bytes = 1 << 20;
            }
            Theme::Divergence => {
                (settings.check_quorum, settings.lease_reads) = (false, false);
                self.faults.extend([Fault::Duplicate, Fault::Late, Fault::News, Fault::Transfer]);
                (self.limits.append_bytes_max, self.limits.inflight_messages_max) = (150, 3);
                (workload.pinned_every, workload.reads_percent) = (2, 10);
            }
        }
    }

    pub fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    /// Sets the rates of absent faults to nothing.
    fn switch_off(&mut self) {
        let has = |fault| self.faults.contains(&fault);
        if !has(Fault::Loss) {
            self.network.loss_per_million = 0;
        }
        if !has(Fault::Duplicate) {
            self.network.duplicate_per_million = 0;
        }
        if !has(Fault::Late) {
            self.network.late_per_million = 0;
        }
        if !has(Fault::Corrupt) {
            self.network.corrupt_per_million = 0;
        }
        if !has(Fault::TornSector) {
            self.disk.torn_per_million = 0;
        }
        if !has(Fault::Lag) {
            self.lag_max = Duration::ZERO;
        }
        self.network.is_ordered = !has(Fault::Reorder);
    }
}

fn settings(dice: &mut Dice) -> Settings {
    let election_timeout = Duration::from_millis(*dice.pick(&[150, 300, 500, 500, 1_000]));
    let is_usual = dice.below(5) != 0;
    let (pre_vote, check_quorum) = (is_usual || dice.coin(), is_usual || dice.coin());
    let wants_leases = dice.below(3) == 0;
    Settings {
        election_timeout,
        heartbeat_interval: election_timeout / *dice.pick(&[5, 8, 10]),
        pre_vote,
        check_quorum,
        max_inflight_bytes: *dice.pick(&[400, 2_000, 1 << 20]),
        max_value_size: *dice.pick(&[2_000, 1 << 20]),
        max_pending_bytes: *dice.pick(&[600, 4_000, 64 << 20]),
        lease_reads: wants_leases && pre_vote && check_quorum,
        clock_drift_ppm: *dice.pick(&[CLOCK_DRIFT_PPM_DEFAULT, 50_000, 200_000]),
    }
}

/// Tiny, usual, or each bound for itself; and most worlds take snapshots all the time.
fn limits(dice: &mut Dice) -> Limits {
    let bounds = bounds(dice);
    let every = *dice.pick(&[6, 12, 40]);
    let retain_entries = *dice.pick(&[0, 2, 10]);
    if dice.below(4) == 0 {
        return bounds.without_snapshots();
    }
    Limits {
        snapshot_every_entries: every,
        retain_entries,
        retain_entries_max: retain_entries + *dice.pick(&[0, 5, 30]),
        chunk_bytes_max: *dice.pick(&[64, 500, 4_000]),
        sessions: if dice.coin() { SessionLimits::tiny() } else { SessionLimits::default() },
        ..bounds
    }
}

fn bounds(dice: &mut Dice) -> Limits {
    let (tiny, usual) = (Limits::tiny(), Limits::default());
    match dice.below(4) {
        0 => tiny,
        1 => Limits { read_wait_max: tiny.read_wait_max, ..usual },
        _ => {
            let mut choose = |small: u64, large: u64| if dice.coin() { small } else { large } as usize;
            Limits {
                tail_bytes_max: choose(tiny.tail_bytes_max, 4_000) as u64,
                tail_copy_bytes_max: choose(tiny.tail_copy_bytes_max as u64, 64 << 10),
                waiting_writes_max: choose(4, 64),
                waiting_reads_max: choose(4, 64),
                read_wait_max: Duration::from_secs(2),
                apply_bytes_max: choose(150, 1 << 20),
                apply_records_max: choose(2, 4_096),
                apply_fetch_bytes_max: choose(600, 64 << 10),
                peer_fetches_max: 256,
                append_bytes_max: choose(150, 64 << 10) as u64,
                inflight_messages_max: choose(3, 256),
                read_rounds_max: choose(3, 1_024),
                ..usual.clone()
            }
        }
    }
}

fn network(dice: &mut Dice, settings: &Settings) -> NetworkPlan {
    let latency_min = Duration::from_micros(*dice.pick(&[50, 200, 1_000]));
    NetworkPlan {
        latency_min,
        latency_max: latency_min * *dice.pick(&[2, 4, 10]),
        loss_per_million: *dice.pick(&[1_000, 10_000, 50_000, 150_000]),
        duplicate_per_million: *dice.pick(&[1_000, 20_000, 200_000]),
        late_per_million: *dice.pick(&[500, 5_000, 30_000]),
        corrupt_per_million: *dice.pick(&[1_000, 10_000, 50_000]),
        late_max: settings.election_timeout * *dice.pick(&[1, 3, 8]),
        is_ordered: true,
    }
}

fn disk(dice: &mut Dice) -> DiskPlan {
    let latency_min = Duration::from_micros(*dice.pick(&[100, 500, 3_000]));
    DiskPlan {
        latency_min,
        latency_max: latency_min * *dice.pick(&[2, 10]),
        torn_per_million: *dice.pick(&[50_000, 500_000]),
        segment_size_bytes: *dice.pick(&[5_000, 6_000, 16 << 10, 64 << 10]),
        on_corruption: if dice.below(4) == 0 { OnCorruption::Refuse } else { OnCorruption::Recover },
    }
}

fn workload(dice: &mut Dice) -> Workload {
    Workload {
        clients: dice.between(2, 10),
        keys: *dice.pick(&[2, 5, 12]),
        think: Duration::from_millis(*dice.pick(&[50, 150, 400])),
        value_bytes_max: *dice.pick(&[16, 100, 700]),
        pinned_every: *dice.pick(&[0, 2, 3]),
        reads_percent: *dice.pick(&[10, 30, 60]),
        stale_percent: *dice.pick(&[0, 10, 40]),
        lease_percent: *dice.pick(&[0, 50, 100]),
        sessions_every: *dice.pick(&[0, 1, 1, 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_one_word_and_is_sometimes_on_and_sometimes_off() {
        for (fault, word) in FAULTS {
            assert_eq!((fault.word(), Fault::of_word(word)), (*word, Some(*fault)));
            let on = (0..40).filter(|seed| Plan::of(*seed, &RunOptions::default()).has(*fault)).count();
            assert!((4..=36).contains(&on), "{fault} is on in {on} of 40 plans");
        }
    }

    #[test]
    fn a_fault_taken_out_changes_nothing_else() {
        let whole = Plan::of(5, &RunOptions::default());
        let fault = *whole.faults.first().unwrap();
        let mut without = Plan::of(5, &RunOptions { without: BTreeSet::from([fault]), ..RunOptions::default() });
        assert!(!without.has(fault) && whole.has(fault));
        without.faults.insert(fault);
        assert_eq!((without.faults, without.limits), (whole.faults, whole.limits));
        assert_eq!((without.nodes, without.workload, without.settings), (whole.nodes, whole.workload, whole.settings));
    }
}
