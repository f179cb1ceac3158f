//! The network between the nodes: which links are cut, and what becomes of each message.
//!
//! It carries frames as the codec made them and knows nothing of what they say. A link that is calm neither loses,
//! doubles nor delays, and is never full.

use super::dice::Dice;
use super::plan::NetworkPlan;
use crate::raft::Time;

/// Most messages under way on one link; more are dropped, and the sender is told.
pub const LINK_MESSAGES_MAX: u32 = 1_000;

/// A direction between two nodes, by their places.
pub type Link = (usize, usize);

#[derive(Clone, Debug, Default)]
struct State {
    /// How many partitions cut it.
    cuts: u32,
    is_calm: bool,
    under_way: u32,
    newest_arrival: Time,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Lost,
    /// The link holds too much already.
    Full,
    Arrives {
        at: Time,
        again: Option<Time>,
    },
}

/// All links of a world.
#[derive(Clone, Debug)]
pub struct Network {
    plan: NetworkPlan,
    dice: Dice,
    nodes: usize,
    links: Vec<State>,
}

impl Network {
    /// Between so many places; whoever comes later finds its links ready.
    pub fn new(nodes: usize, plan: NetworkPlan, dice: Dice) -> Network {
        Network { plan, dice, nodes, links: vec![State::default(); nodes * nodes] }
    }

    /// Decides about one message that is sent now.
    pub fn send(&mut self, now: Time, (from, to): Link) -> Fate {
        let link = &mut self.links[from * self.nodes + to];
        if link.cuts > 0 {
            return Fate::Lost;
        }
        let NetworkPlan { latency_min, latency_max, .. } = self.plan;
        let mut at = now + self.dice.span(latency_min, latency_max);
        let mut again = None;
        if !link.is_calm {
            if link.under_way >= LINK_MESSAGES_MAX {
                return Fate::Full;
            }
            if self.dice.happens(self.plan.loss_per_million) {
                return Fate::Lost;
            }
            if self.dice.happens(self.plan.late_per_million) {
                at += self.dice.span(latency_min, self.plan.late_max);
            }
            if self.dice.happens(self.plan.duplicate_per_million) {
                again = Some(at + self.dice.span(latency_min, self.plan.late_max));
            }
        }
        if self.plan.is_ordered {
            at = at.max(link.newest_arrival);
            link.newest_arrival = at;
        }
        link.under_way += 1 + u32::from(again.is_some());
        Fate::Arrives { at, again }
    }

    /// A message has come to the end of its link; false when it was cut meanwhile.
    pub fn arrive(&mut self, (from, to): Link) -> bool {
        let link = &mut self.links[from * self.nodes + to];
        link.under_way -= 1;
        link.cuts == 0
    }

    pub fn cut(&mut self, links: &[Link]) {
        for (from, to) in links {
            self.links[from * self.nodes + to].cuts += 1;
        }
    }

    pub fn mend(&mut self, links: &[Link]) {
        for (from, to) in links {
            let cuts = &mut self.links[from * self.nodes + to].cuts;
            *cuts = cuts.checked_sub(1).expect("only links that are cut are mended");
        }
    }

    /// Whatever cut these links has ended.
    pub fn clear_cuts(&mut self, links: &[Link]) {
        for (from, to) in links {
            self.links[from * self.nodes + to].cuts = 0;
        }
    }

    /// From now on the link is as good as a link can be.
    pub fn calm(&mut self, (from, to): Link) {
        let link = &mut self.links[from * self.nodes + to];
        link.is_calm = true;
        link.cuts = 0;
        // What is late on a link in order would hold up everything behind it.
        link.newest_arrival = Time::default();
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn network(is_ordered: bool) -> Network {
        let plan = NetworkPlan {
            latency_min: Duration::from_micros(100),
            latency_max: Duration::from_micros(900),
            loss_per_million: 100_000,
            duplicate_per_million: 100_000,
            late_per_million: 100_000,
            corrupt_per_million: 0,
            late_max: Duration::from_secs(1),
            is_ordered,
        };
        Network::new(2, plan, Dice::new(1))
    }

    fn arrivals(network: &mut Network, count: u64) -> Vec<Time> {
        let fates = (0..count).map(|at| network.send(Time::from_millis(at), (0, 1)));
        fates.filter_map(|fate| if let Fate::Arrives { at, .. } = fate { Some(at) } else { None }).collect()
    }

    #[test]
    fn an_ordered_link_never_lets_one_message_overtake_another() {
        let found = arrivals(&mut network(true), 800);
        assert!(found.len() < 800 && found.is_sorted(), "some are lost, none overtakes");
        assert!(!arrivals(&mut network(false), 800).is_sorted());
    }

    #[test]
    fn what_is_cut_carries_nothing_until_all_that_cut_it_is_mended() {
        let mut network = network(true);
        network.cut(&[(0, 1)]);
        network.cut(&[(0, 1)]);
        network.mend(&[(0, 1)]);
        assert_eq!(network.send(Time(1), (0, 1)), Fate::Lost);
        network.mend(&[(0, 1)]);
        assert!(arrivals(&mut network, 20).len() > 5);
        network.cut(&[(0, 1)]);
        assert!(!network.arrive((0, 1)), "what is under way on a cut link is lost");
    }

    #[test]
    fn a_link_holds_only_so_much_and_a_calm_one_loses_nothing() {
        let mut network = network(true);
        for at in 0..3_000 {
            network.send(Time(at), (0, 1));
        }
        assert_eq!(network.send(Time(3_000), (0, 1)), Fate::Full);
        network.calm((1, 0));
        let all = (0..500).all(|at| matches!(network.send(Time(at), (1, 0)), Fate::Arrives { again: None, .. }));
        assert!(all);
    }
}
