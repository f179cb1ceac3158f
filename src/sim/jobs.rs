//! Work on snapshot files of a simulated machine: one job after another, each done all at once when its time is over.
//!
//! The files are written, proved and read by the code that real nodes use. A process that is killed in the middle of a
//! job has done a beginning of it.

use core::mem;
use core::time::Duration;

use super::checkers::Checked;
use super::world::{Coming, World, cut_off_after};
use crate::replica::{Input, SnapshotJob};

impl World {
    pub(super) fn plan_jobs(&mut self, at: usize, jobs: &mut Vec<SnapshotJob>) {
        if jobs.is_empty() {
            return;
        }
        let process = self.machines[at].process.as_mut().expect("it has just taken a turn");
        let was_idle = process.jobs.is_empty();
        process.jobs.extend(jobs.drain(..));
        if was_idle {
            self.plan_next_job(at);
        }
    }

    fn plan_next_job(&mut self, at: usize) {
        let machine = &self.machines[at];
        let Some(process) = &machine.process else { return };
        let Some(job) = process.jobs.front() else { return };
        let takes = match job {
            SnapshotJob::Take { .. } | SnapshotJob::Install { .. } => self.plan.disk.latency_max * 4,
            SnapshotJob::Fetch { .. } | SnapshotJob::Store { .. } => self.plan.disk.latency_min,
        };
        let (incarnation, slowness) = (machine.incarnation, machine.slowness);
        let due = self.now + self.disk_dice.span(Duration::from_micros(10), takes) * slowness;
        self.queue.push(due, Coming::JobDone { at, incarnation });
    }

    pub(super) fn job_done(&mut self, at: usize, incarnation: u64) -> Checked {
        if self.machines[at].is_stuck {
            self.queue.push(self.now + Duration::from_millis(10), Coming::JobDone { at, incarnation });
            return Ok(());
        }
        let Some(process) = self.process_of(at, incarnation) else { return Ok(()) };
        let job = process.jobs.pop_front().expect("a job was under way");
        let said = describe(&job);
        let answer = job.carry_out(&mut process.desk, |error| error.to_string());
        match &answer {
            Input::SnapshotTaken(Ok(_)) => self.counts.snapshots_taken += 1,
            Input::SnapshotInstalled(Ok(_)) => self.counts.snapshots_installed += 1,
            _ => {}
        }
        let (now, id) = (self.now, self.machines[at].id);
        self.trace.event(now, 9, id.0);
        self.trace.line(now, || format!("  {id} {said}"));
        self.plan_next_job(at);
        self.input(at, answer)
    }

    /// The process is being killed: what it was doing is done in part.
    pub(super) fn cut_job_short(&mut self, at: usize) {
        let machine = &mut self.machines[at];
        let Some(process) = &mut machine.process else { return };
        let Some(job) = mem::take(&mut process.jobs).pop_front() else { return };
        machine.disk.cut_off_after(cut_off_after(&mut self.disk_dice));
        // Whatever comes of it, nobody hears it.
        let _ = job.carry_out(&mut process.desk, |error| error.to_string());
        machine.disk.plug_in_again();
    }
}

fn describe(job: &SnapshotJob) -> String {
    match job {
        SnapshotJob::Take { meta, .. } => format!("takes a snapshot of {}", meta.last),
        SnapshotJob::Fetch { snapshot, offset, length, .. } => {
            format!("reads {length} bytes at {offset} of its snapshot of {}", snapshot.last)
        }
        SnapshotJob::Store { meta, offset, bytes } => {
            format!("stores {} bytes at {offset} of a snapshot of {}", bytes.len(), meta.last)
        }
        SnapshotJob::Install { meta } => format!("installs a snapshot of {}", meta.last),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::dice::Dice;
    use core::time::Duration;

    use super::super::plan::DiskPlan;
    use super::super::process::{Clock, Machine, first_config};
    use crate::codec::Settings;
    use crate::codec::snapshot::SnapshotFiles;
    use crate::raft::{Index, LogId, NodeId, Rules, SnapshotMeta};
    use crate::state_machine::{SessionLimits, StateMachine};
    use crate::storage::{OnCorruption, SnapshotDesk};

    const PLAN: DiskPlan = DiskPlan {
        latency_min: Duration::ZERO,
        latency_max: Duration::ZERO,
        torn_per_million: 0,
        segment_size_bytes: 16 << 10,
        on_corruption: OnCorruption::Refuse,
    };

    /// A snapshot of the first entry, and the file that it is.
    fn a_snapshot() -> (SnapshotMeta, Vec<u8>) {
        let machine = Machine::new(NodeId(1), Clock::new(1_000_000));
        machine.found(&first_config(3), &Settings::default());
        let (journal, found) = machine.open(&PLAN, Rules::sound()).expect("it was just founded");
        let mut desk = SnapshotDesk::new(journal.snapshots());
        let mut state = StateMachine::new(1_000, SessionLimits::default());
        state.skip(1, 0);
        let meta = SnapshotMeta {
            last: LogId::new(1, 1),
            config: Arc::new(first_config(3)),
            config_index: Index(1),
            size_bytes: 0,
            digest: 0,
            link: found.last_check,
            log_bytes: found.shape.lengths.iter().copied().map(u64::from).sum(),
        };
        let meta = desk.take(&meta, &Settings::default(), &state).expect("the disk is sound");
        let length = u32::try_from(meta.size_bytes).expect("it is small");
        let file = desk.read(meta.id(), 0, length).expect("it was just written");
        (meta, file.to_vec())
    }

    /// R60, R86: whichever sync fails while a snapshot is received, what counts as installed afterwards is there after a
    /// loss of power.
    #[test]
    fn a_snapshot_whose_sync_failed_is_not_taken_for_durable_at_the_next_attempt() {
        let (meta, file) = a_snapshot();
        let mut failures = 0;
        for (after, seed) in (0..4).flat_map(|after| (0..12).map(move |seed| (after, seed))) {
            let machine = Machine::new(NodeId(2), Clock::new(1_000_000));
            machine.found(&first_config(3), &Settings::default());
            let (journal, _) = machine.open(&PLAN, Rules::sound()).expect("it was just founded");
            let mut desk = SnapshotDesk::new(journal.snapshots());
            machine.disk.fail_a_sync(after);
            let mut attempts = (0..4).map(|_| {
                let stored = desk.store(&meta, 0, &file);
                stored.and_then(|_| desk.install(&meta)).is_ok()
            });
            let failed = attempts.position(|is_installed| is_installed).expect("only one sync fails");
            failures += failed;
            drop((desk, journal));
            machine.disk.lose_power(&mut Dice::new(seed), 0);
            machine.disk.plug_in();
            let (journal, _) = machine.open(&PLAN, Rules::sound()).expect("its log is whole");
            assert!(journal.snapshots().holds(&meta).expect("the disk is sound"), "sync {after}, seed {seed}");
        }
        assert!(failures >= 24, "{failures} attempts failed, so the failing sync was one of these");
    }
}
