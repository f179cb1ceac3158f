//! Faults that strike from time to time, and how each is mended.
//!
//! What strikes is one of `plan::Fault`; what ends it is a `Mend` that was planned when it struck. A fault that lasts is
//! mended at the latest when the world must work again.

use core::time::Duration;

use super::checkers::Checked;
use super::decay::Decay;
use super::network::Link;
use super::plan::{Fault, Theme};
use super::world::{Coming, News, World};
use crate::raft::Time;
use crate::replica::Input;

/// The end of something that broke.
#[derive(Clone, Debug)]
pub(super) enum Mend {
    Links {
        links: Vec<Link>,
        round: u64,
    },
    /// A link that flaps: up or down for a moment, so many times.
    Flap {
        links: Vec<Link>,
        left: u32,
        is_down: bool,
        round: u64,
    },
    SlowDisk {
        at: usize,
    },
    StuckDisk {
        at: usize,
    },
    FullDisk {
        at: usize,
    },
}

impl World {
    pub(super) fn plan_faults(&mut self) {
        let faults: Vec<Fault> = self.plan.faults.iter().copied().collect();
        for fault in faults {
            self.plan_strike(fault);
        }
    }

    fn plan_strike(&mut self, fault: Fault) {
        let Some(interval) = fault.interval() else { return };
        let pause = self.fault_dice.around(interval / self.plan.haste);
        let start = Time::default() + self.plan.quiet_until;
        self.queue.push(self.now.max(start) + pause, Coming::Strike(fault));
    }

    /// A fault strikes, unless the time for faults is over.
    pub(super) fn strike(&mut self, fault: Fault) -> Checked {
        if !self.phase.is_faulty() {
            return Ok(());
        }
        self.plan_strike(fault);
        self.counts.strikes += 1;
        self.trace.event(self.now, 7, fault as u64);
        let at = self.fault_dice.below(self.machines.len() as u64) as usize;
        match fault {
            Fault::Partition => self.strike_partition(),
            Fault::Flap => self.strike_flap(),
            Fault::News => self.strike_news(at),
            Fault::Kill => self.strike_kill(at),
            Fault::Power => self.strike_power(&[at]),
            Fault::PowerAll => {
                let all: Vec<usize> = (0..self.machines.len()).collect();
                self.strike_power(&all);
            }
            Fault::Restart => return self.strike_restart(at),
            Fault::Pause => self.strike_pause(at),
            Fault::Jump => return self.strike_jump(at),
            Fault::Transfer => self.strike_transfer(at)?,
            Fault::Members => return self.strike_members(),
            Fault::SlowDisk => self.strike_slow_disk(at),
            Fault::StuckDisk => self.strike_stuck_disk(at),
            Fault::FullDisk => self.strike_full_disk(at),
            Fault::WriteError | Fault::SyncError => self.strike_disk_error(at, fault),
            Fault::Rot | Fault::Stale | Fault::Misdirect | Fault::Misread => self.strike_sector(at, fault),
            Fault::Wipe => self.strike_wipe(at),
            Fault::Hangup => self.hang_up_somebody()?,
            Fault::Clocks | Fault::Loss | Fault::Duplicate | Fault::Reorder | Fault::Late => {}
            Fault::Corrupt | Fault::TornSector | Fault::Lag => {}
        }
        Ok(())
    }

    /// Something is mended, unless everything was already.
    pub(super) fn mend(&mut self, mend: Mend) -> Checked {
        match mend {
            Mend::Links { links, round } => {
                if round == self.phase.round() {
                    self.trace.line(self.now, || format!("  healed {}", describe(&links)));
                    self.network.mend(&links);
                }
            }
            Mend::Flap { links, left, is_down, round } => self.flap(links, left, is_down, round),
            Mend::SlowDisk { at } => self.machines[at].slowness = 1,
            Mend::StuckDisk { at } => self.unstick(at),
            Mend::FullDisk { at } => {
                self.machines[at].is_full = false;
                self.machines[at].disk.set_full(false);
            }
        }
        Ok(())
    }

    pub(super) fn unstick(&mut self, at: usize) {
        self.machines[at].is_stuck = false;
        self.write_next_group(at);
    }

    /// Cuts links in one of the shapes that have found faults before.
    fn strike_partition(&mut self) {
        let count = self.machines.len();
        if count < 2 {
            return;
        }
        let mut order: Vec<usize> = (0..count).collect();
        self.fault_dice.shuffle(&mut order);
        if self.plan.theme != Theme::Mixed
            && self.fault_dice.coin()
            && let Some(leader) = self.leader()
        {
            // The leader is the one that is cut off.
            order.retain(|at| *at != leader);
            order.insert(0, leader);
        }
        let links = match self.fault_dice.below(7) {
            0 => both_ways(&order[..1], &order[1..]),
            1 => both_ways(&order[..count / 2], &order[count / 2..]),
            2 => one_way(&order[..1], &order[1..]),
            3 => one_way(&order[1..], &order[..1]),
            // A bridge: two halves that only one node connects.
            4 => both_ways(&order[1..count.div_ceil(2)], &order[count.div_ceil(2)..]),
            // A keystone: everybody talks with one node only.
            5 => apart(&order[1..]),
            _ => ring(&order),
        };
        self.cut_for_a_while(links);
    }

    fn cut_for_a_while(&mut self, links: Vec<Link>) {
        let longest = self.plan.settings.election_timeout * 12;
        let span = self.fault_dice.span(self.plan.settings.election_timeout / 4, longest);
        self.trace.line(self.now, || format!("✗ cut {}", describe(&links)));
        self.network.cut(&links);
        self.tell_of_cuts(&links);
        let round = self.phase.round();
        self.queue.push(self.now + span, Coming::Mend(Mend::Links { links, round }));
    }

    /// Transports may notice that a connection is gone.
    fn tell_of_cuts(&mut self, links: &[Link]) {
        for (from, to) in links {
            if self.plan.has(Fault::News) && self.fault_dice.coin() {
                self.plan_news(*from, News::Down(self.machines[*to].id));
            }
        }
    }

    pub(super) fn plan_news(&mut self, at: usize, news: News) {
        let pause = self.fault_dice.span(Duration::ZERO, self.plan.settings.election_timeout);
        let incarnation = self.machines[at].incarnation;
        self.queue.push(self.now + pause, Coming::News { at, incarnation, news });
    }

    fn strike_flap(&mut self) {
        let count = self.machines.len() as u64;
        if count < 2 {
            return;
        }
        let from = self.fault_dice.below(count) as usize;
        let to = (from + 1 + self.fault_dice.below(count - 1) as usize) % count as usize;
        let links = if self.fault_dice.coin() { vec![(from, to)] } else { vec![(from, to), (to, from)] };
        let left = self.fault_dice.between(4, 30) as u32;
        self.flap(links, left, false, self.phase.round());
    }

    fn flap(&mut self, links: Vec<Link>, left: u32, is_down: bool, round: u64) {
        if round != self.phase.round() {
            return;
        }
        if is_down {
            self.network.mend(&links);
        } else if left > 0 {
            self.network.cut(&links);
        }
        if left == 0 {
            return;
        }
        let pause = self.fault_dice.around(self.plan.settings.election_timeout / 3);
        let mend = Mend::Flap { links, left: left - 1, is_down: !is_down, round };
        self.queue.push(self.now + pause, Coming::Mend(mend));
    }

    /// Somebody is told something about somebody, true or not.
    fn strike_news(&mut self, at: usize) {
        let peer = self.machines[self.fault_dice.below(self.machines.len() as u64) as usize].id;
        if peer == self.machines[at].id {
            return;
        }
        let news = if self.fault_dice.coin() { News::Down(peer) } else { News::Overflow(peer) };
        self.plan_news(at, news);
    }

    fn strike_kill(&mut self, at: usize) {
        let id = self.machines[at].id;
        self.trace.line(self.now, || format!("✗ {id} is killed"));
        self.kill(at);
        self.tell_that_gone(at);
        self.start_after_a_while(at);
    }

    pub(super) fn strike_power(&mut self, places: &[usize]) {
        for at in places {
            let id = self.machines[*at].id;
            self.trace.line(self.now, || format!("✗ {id} loses power"));
            self.kill(*at);
            let torn = self.plan.disk.torn_per_million;
            self.machines[*at].disk.lose_power(&mut self.disk_dice, torn);
            self.tell_that_gone(*at);
            self.start_after_a_while(*at);
        }
    }

    fn start_after_a_while(&mut self, at: usize) {
        let mean = self.plan.settings.election_timeout * 2;
        let pause = self.fault_dice.around(mean) + Duration::from_millis(5);
        self.plan_start(at, pause);
    }

    fn tell_that_gone(&mut self, gone: usize) {
        let id = self.machines[gone].id;
        for at in 0..self.machines.len() {
            if at != gone && self.plan.has(Fault::News) && self.fault_dice.coin() {
                self.plan_news(at, News::Down(id));
            }
        }
    }

    fn strike_restart(&mut self, at: usize) -> Checked {
        let patience = self.plan.settings.election_timeout * 4;
        let by = self.now + patience;
        let Some(process) = &mut self.machines[at].process else { return Ok(()) };
        if process.stops_by.is_some() {
            return Ok(());
        }
        process.stops_by = Some(by);
        let incarnation = self.machines[at].incarnation;
        self.queue.push(by, Coming::Turn { at, incarnation });
        self.input(at, Input::HandOver)
    }

    fn strike_pause(&mut self, at: usize) {
        let longest = self.plan.settings.election_timeout * 6;
        let until = self.now + self.fault_dice.span(self.plan.settings.election_timeout / 2, longest);
        let machine = &mut self.machines[at];
        if !machine.is_up() {
            return;
        }
        machine.paused_until = machine.paused_until.max(until);
        let id = machine.id;
        self.trace.line(self.now, || format!("✗ {id} stands still"));
        self.queue.push(self.machines[at].paused_until, Coming::Resume { at });
    }

    /// The time of day is set; and where no lease rests on it, the machine has slept.
    fn strike_jump(&mut self, at: usize) -> Checked {
        const HOUR_MS: u64 = 3_600_000;
        let offset_ms = self.fault_dice.below(2 * HOUR_MS).cast_signed() - HOUR_MS.cast_signed();
        self.machines[at].clock.set_wall(offset_ms);
        if self.plan.settings.lease_reads {
            return Ok(());
        }
        let longest = self.plan.settings.election_timeout * 8;
        let span = self.fault_dice.span(Duration::from_millis(1), longest);
        let machine = &mut self.machines[at];
        machine.clock.jump(span);
        let id = machine.id;
        self.trace.line(self.now, || format!("✗ the clock of {id} jumps by {} ms", span.as_millis()));
        if self.machines[at].is_up() { self.turn(at) } else { Ok(()) }
    }

    /// An operator asks this node to hand leadership to somebody.
    fn strike_transfer(&mut self, at: usize) -> Checked {
        let to = self.fault_dice.coin().then(|| {
            let place = self.fault_dice.below(self.machines.len() as u64) as usize;
            self.machines[place].id
        });
        self.ask_transfer(at, to)
    }

    fn strike_slow_disk(&mut self, at: usize) {
        self.machines[at].slowness = self.fault_dice.between(5, 200) as u32;
        let span = self.fault_dice.span(Duration::from_millis(200), Duration::from_secs(6));
        self.queue.push(self.now + span, Coming::Mend(Mend::SlowDisk { at }));
    }

    fn strike_stuck_disk(&mut self, at: usize) {
        let id = self.machines[at].id;
        self.trace.line(self.now, || format!("✗ the disk of {id} does not answer"));
        self.machines[at].is_stuck = true;
        let span = self.fault_dice.span(Duration::from_millis(100), Duration::from_secs(8));
        self.queue.push(self.now + span, Coming::Mend(Mend::StuckDisk { at }));
    }

    fn strike_full_disk(&mut self, at: usize) {
        let machine = &mut self.machines[at];
        (machine.is_full, machine.disk_may_fail) = (true, true);
        machine.disk.set_full(true);
        let id = machine.id;
        self.trace.line(self.now, || format!("✗ the disk of {id} is full"));
        let span = self.fault_dice.span(Duration::from_millis(500), Duration::from_secs(8));
        self.queue.push(self.now + span, Coming::Mend(Mend::FullDisk { at }));
    }

    fn strike_disk_error(&mut self, at: usize, fault: Fault) {
        let after = self.fault_dice.below(12) as u32;
        let machine = &mut self.machines[at];
        if !machine.is_up() {
            return;
        }
        machine.disk_may_fail = true;
        match fault {
            Fault::SyncError => machine.disk.fail_a_sync(after),
            _ => machine.disk.fail_a_write(after),
        }
    }

    /// A sector decays that was safely stored, or will be misread; on a minority of the nodes, so that every entry has
    /// sound copies enough, and one at a time on each, so that what vouches for it is sound.
    fn strike_sector(&mut self, at: usize, fault: Fault) {
        if !self.may_ruin(at) || self.machines[at].is_damaged() {
            return;
        }
        let is_zeroed = self.disk_dice.below(3) == 0;
        let machine = &mut self.machines[at];
        let (exposure, dice) = (machine.exposure(), &mut self.disk_dice);
        let (is_hurt, what) = match fault {
            Fault::Stale => (machine.disk.decay(Decay::Stale, dice, exposure), "a sector is stale"),
            Fault::Misdirect => (machine.disk.decay(Decay::Misdirected, dice, exposure), "a write went elsewhere"),
            Fault::Misread => (machine.disk.misread_once(dice, exposure), "a sector will be misread"),
            _ if is_zeroed => (machine.disk.decay(Decay::Zeroed, dice, exposure), "a sector is zeroed"),
            _ => (machine.disk.decay(Decay::BitFlip, dice, exposure), "a bit flips"),
        };
        if is_hurt {
            machine.is_rotten = true;
            let id = machine.id;
            self.trace.line(self.now, || format!("✗ {what} on the disk of {id}"));
        }
    }

    /// The disk is replaced by an empty one; a node never starts on that by itself (R65).
    fn strike_wipe(&mut self, at: usize) {
        if !self.may_ruin(at) || self.machines[at].is_ruined {
            return;
        }
        let id = self.machines[at].id;
        self.trace.line(self.now, || format!("✗ the disk of {id} is wiped"));
        self.kill(at);
        let machine = &mut self.machines[at];
        machine.disk.wipe();
        let refused = machine.open(&self.plan.disk, self.plan.rules).is_err();
        assert!(refused, "a node does not start on an empty disk (R65)");
        machine.is_ruined = true;
        self.checkers.wiped(at);
    }

    /// Whether this machine may lose what it stored: it has already, or few enough have in the configuration in force,
    /// and no other one is under way, which could need this machine before it comes into force.
    fn may_ruin(&self, at: usize) -> bool {
        let is_settled = || self.operators.are_done() && self.checkers.possible_configs().len() == 1;
        self.is_hurt(at) || is_settled() && self.endures_with(Some(at))
    }
}

fn one_way(from: &[usize], to: &[usize]) -> Vec<Link> {
    from.iter().flat_map(|one| to.iter().map(move |other| (*one, *other))).collect()
}

fn both_ways(ones: &[usize], others: &[usize]) -> Vec<Link> {
    let mut links = one_way(ones, others);
    links.extend(one_way(others, ones));
    links
}

/// Nobody of these talks with another one of them.
fn apart(nodes: &[usize]) -> Vec<Link> {
    let mut links = one_way(nodes, nodes);
    links.retain(|(from, to)| from != to);
    links
}

/// Everybody talks with two neighbours only.
fn ring(order: &[usize]) -> Vec<Link> {
    let count = order.len();
    let mut links = Vec::new();
    for (place, from) in order.iter().enumerate() {
        for (other, to) in order.iter().enumerate() {
            let distance = (place + count - other) % count;
            if distance > 1 && distance < count - 1 {
                links.push((*from, *to));
            }
        }
    }
    links
}

fn describe(links: &[Link]) -> String {
    let names: Vec<String> = links.iter().map(|(from, to)| format!("n{}→n{}", from + 1, to + 1)).collect();
    names.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_of_partitions_are_what_their_names_say() {
        assert_eq!(one_way(&[0], &[1, 2]), [(0, 1), (0, 2)]);
        assert_eq!(both_ways(&[0], &[1]), [(0, 1), (1, 0)]);
        assert_eq!(apart(&[1, 2]), [(1, 2), (2, 1)]);
        assert_eq!(ring(&[0, 1, 2]), []);
        let cut = ring(&[0, 1, 2, 3, 4]);
        assert_eq!(cut.len(), 10, "each of five has lost two of four");
        assert!(!cut.contains(&(0, 1)) && !cut.contains(&(4, 0)) && cut.contains(&(0, 2)));
    }
}
