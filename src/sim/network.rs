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
