//! Changes of membership that somebody waits for: handed to the core at once, answered when it is certain what became
//! of them.

use super::exchange::{ChangeOutcome, ChangeTicket};
use super::mind::Replica;
use crate::raft::{Change, ChangeRefusal, Core, LogId, Time};

/// Most changes that wait for their commit. Only one can be under way, so others wait for the same.
const CHANGES_WAITING_MAX: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Changes {
    waiting: Vec<Waiting>,
    pub(super) done: Vec<(ChangeTicket, ChangeOutcome)>,
}

#[derive(Debug)]
struct Waiting {
    ticket: ChangeTicket,
    /// The entry whose commit decides.
    id: LogId,
    /// That entry is joint and leaves by itself: the change is done when the entry that follows is committed.
    is_first_of_two: bool,
}

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.done.is_empty()
    }
}

impl Replica {
    pub(super) fn take_change(&mut self, now: Time, ticket: ChangeTicket, change: Change, only_if: Option<LogId>) {
        let outcome = if self.is_handing_over() {
            ChangeOutcome::Refused(ChangeRefusal::Stopped)
        } else if self.changes.waiting.len() >= CHANGES_WAITING_MAX {
            ChangeOutcome::Busy
        } else {
            match self.core.change(now, change, only_if) {
                Ok(id) => {
                    let config = self.core.config();
                    let is_first_of_two = config.is_joint() && config.auto_leave;
                    return self.changes.waiting.push(Waiting { ticket, id, is_first_of_two });
                }
                Err(refusal) => ChangeOutcome::Refused(refusal),
            }
        };
        self.changes.done.push((ticket, outcome));
    }

    /// Answers whoever waits for something that is committed by now.
    pub(super) fn settle_changes(&mut self) {
        let core = &self.core;
        let done = &mut self.changes.done;
        self.changes.waiting.retain_mut(|waiting| {
            if is_committed(core, waiting.id) && waiting.is_first_of_two && core.config_index() > waiting.id.index {
                waiting.id = core.config_id();
                waiting.is_first_of_two = false;
            }
            let is_done = is_committed(core, waiting.id) && !waiting.is_first_of_two;
            if is_done {
                done.push((waiting.ticket, ChangeOutcome::Committed { at: waiting.id }));
            }
            !is_done
        });
    }

    /// Leadership is lost, or the replica stops: what is not committed by now may be, or may not.
    pub(super) fn give_up_changes(&mut self) {
        self.settle_changes();
        let left = self.changes.waiting.drain(..).map(|waiting| (waiting.ticket, ChangeOutcome::Unknown));
        self.changes.done.extend(left);
    }
}

/// An entry that this node appended or knew to be in force as leader, and that is not below what it keeps of its log.
fn is_committed(core: &Core, id: LogId) -> bool {
    id.index <= core.commit() && core.term_at(id.index).is_none_or(|term| term == id.term)
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::api::Answer;
    use crate::codec::entry::{config_length, decode_config};
    use crate::codec::{Kind, RECORD_HEADER_BYTES, RecordHeader, Settings};
    use crate::raft::event::Event;
    use crate::raft::{Index, NodeId};
    use crate::replica::testing::{World, member};
    use crate::replica::{Input, Limits};

    const TICKET: ChangeTicket = 70;

    fn remove(id: u64) -> Change {
        Change::Remove { id: NodeId(id) }
    }

    fn replace(voters: &[u64]) -> Change {
        let voters = voters.iter().copied().map(NodeId).collect();
        Change::Replace { voters, learners: Vec::new(), auto_leave: true }
    }

    fn ask(world: &mut World, id: u64, ticket: ChangeTicket, change: Change) {
        world.step(id, Input::Change { ticket, change, only_if: None });
    }

    fn others(leader: u64) -> (u64, u64) {
        (leader % 3 + 1, (leader + 1) % 3 + 1)
    }

    fn outcomes(world: &mut World, id: u64) -> Vec<(ChangeTicket, ChangeOutcome)> {
        world.node(id).changes.drain(..).collect()
    }

    /// Contract 2: the record is what the core has counted, and every node stores the same bytes.
    #[test]
    fn a_change_is_answered_when_it_is_committed_and_stored_equally_everywhere() {
        let (mut world, leader) = World::led();
        let (removed, other) = others(leader);
        let write = world.put(leader, "k", "before");
        ask(&mut world, leader, TICKET, Change::Demote { id: NodeId(removed) });
        let after = world.put(leader, "k", "after");
        world.turn(leader);
        assert_eq!(outcomes(&mut world, leader), [], "not before it is committed");
        world.settle();
        let term = world.replica(leader).core().term().0;
        let at = LogId::new(3, term);
        assert_eq!(outcomes(&mut world, leader), [(TICKET, ChangeOutcome::Committed { at })]);
        for request in [write, after] {
            assert!(matches!(world.answer(leader, request), Some(Answer::Written { .. })));
        }
        world.pass(Duration::from_secs(1));
        world.assert_all_equal();
        let record = world.node(other).disk.records[2].clone();
        assert_eq!(RecordHeader::read(&record, Index(0)).map(|header| header.kind), Ok(Kind::Config));
        let (config, settings) = decode_config(&record[RECORD_HEADER_BYTES..]).expect("it was just written");
        assert_eq!(config.learners, [NodeId(removed)]);
        assert_eq!(settings, Settings { election_timeout: Duration::from_millis(500), ..Settings::default() });
        let length = config_length(&settings);
        assert_eq!(record.len(), (length.fixed_bytes + (length.variable_bytes)(&config)) as usize);
    }

    #[test]
    fn a_change_through_a_joint_configuration_is_done_when_that_is_left() {
        let (mut world, leader) = World::led();
        ask(&mut world, leader, TICKET, replace(&[leader]));
        let (one, other) = others(leader);
        world.turn(leader);
        let joint = world.network.drain(..).collect::<Vec<_>>();
        joint.into_iter().for_each(|message| world.deliver(message));
        world.turn(one);
        world.turn(one);
        let answers = world.network.drain(..).collect::<Vec<_>>();
        answers.into_iter().for_each(|message| world.deliver(message));
        assert_eq!(world.replica(leader).core().commit(), Index(3), "the joint one is committed");
        world.cut_off(one);
        world.turn(leader);
        assert_eq!(world.replica(leader).core().config_index(), Index(4), "and left");
        world.settle();
        let term = world.replica(leader).core().term().0;
        let at = LogId::new(4, term);
        assert_eq!(outcomes(&mut world, leader), [(TICKET, ChangeOutcome::Committed { at })]);
        ask(&mut world, leader, TICKET, replace(&[leader]));
        world.turn(leader);
        assert_eq!(outcomes(&mut world, leader), [(TICKET, ChangeOutcome::Committed { at })], "it is so already");
        assert!(world.node(other).events.contains(&Event::Removed { at: Index(4) }));
    }

    #[test]
    fn a_leader_that_removes_itself_says_so_and_another_serves_on() {
        let (mut world, leader) = World::led();
        ask(&mut world, leader, TICKET, remove(leader));
        world.settle();
        let term = world.replica(leader).core().term().0;
        assert!(
            matches!(outcomes(&mut world, leader)[..], [(TICKET, ChangeOutcome::Committed { at })] if at.index.0 == 3)
        );
        assert!(world.node(leader).events.contains(&Event::Removed { at: Index(3) }));
        world.cut_off(leader);
        let next = world.elect();
        assert!(next != leader && world.replica(next).core().term().0 > term - 1);
        let write = world.put(next, "k", "v");
        world.settle();
        assert!(matches!(world.answer(next, write), Some(Answer::Written { .. })));
    }

    #[test]
    fn what_is_not_a_leader_s_to_do_is_refused_and_what_leadership_took_along_is_unknown() {
        let (mut world, leader) = World::led();
        let (follower, _) = others(leader);
        ask(&mut world, follower, TICKET, remove(leader));
        world.turn(follower);
        let not_leader = ChangeRefusal::NotLeader { leader: Some(NodeId(leader)) };
        assert_eq!(outcomes(&mut world, follower), [(TICKET, ChangeOutcome::Refused(not_leader))]);

        world.cut_off(leader);
        ask(&mut world, leader, 1, remove(follower));
        ask(&mut world, leader, 2, remove(leader));
        ask(&mut world, leader, 3, remove(follower));
        world.settle();
        let open = ChangeOutcome::Refused(ChangeRefusal::Uncommitted { at: Index(3) });
        assert_eq!(outcomes(&mut world, leader), [(2, open)], "the third wants what the first wants");
        world.pass(Duration::from_secs(2));
        assert_eq!(outcomes(&mut world, leader), [(1, ChangeOutcome::Unknown), (3, ChangeOutcome::Unknown)]);
        world.heal();
        world.pass(Duration::from_secs(2));
        world.assert_all_equal();
        assert_eq!(world.replica(leader).core().config_index(), Index(1), "it was cut off");
    }

    #[test]
    fn only_so_many_changes_wait() {
        let (mut world, leader) = World::led();
        world.cut_off(leader);
        for ticket in 0..=CHANGES_WAITING_MAX as u64 {
            ask(&mut world, leader, ticket, remove(others(leader).0));
        }
        world.turn(leader);
        assert_eq!(outcomes(&mut world, leader), [(CHANGES_WAITING_MAX as u64, ChangeOutcome::Busy)]);
    }

    /// R75, R77: a new node is fed from the log files of the leader, and removed in the middle of that.
    #[test]
    fn a_new_member_gets_everything_and_one_that_is_removed_meanwhile_harms_nobody() {
        for is_removed_meanwhile in [false, true] {
            let mut world = World::of(3, Limits { tail_bytes_max: 1_000, append_bytes_max: 300, ..Limits::default() });
            let leader = world.elect();
            for number in 0..200 {
                world.put(leader, &format!("k{number}"), "some value");
                world.settle();
            }
            world.start_empty(4);
            world.node(leader).is_reader_slow = is_removed_meanwhile;
            ask(&mut world, leader, 1, Change::AddLearner { member: member(NodeId(4)), auto_promote: true });
            world.settle();
            if is_removed_meanwhile {
                world.pass(Duration::from_millis(100));
                assert!(world.node(leader).fetches > 0, "n4 waits for old records");
                ask(&mut world, leader, 2, remove(4));
                world.pass(Duration::from_secs(3));
                assert!(world.replica(leader).core().peers().all(|peer| peer.id != NodeId(4)));
                world.node(leader).is_reader_slow = false;
            }
            world.pass(Duration::from_secs(3));
            let outcomes = outcomes(&mut world, leader);
            let is_committed = |(_, outcome): &(_, ChangeOutcome)| matches!(outcome, ChangeOutcome::Committed { .. });
            assert!(outcomes.iter().all(is_committed), "{outcomes:?}");
            assert_eq!(outcomes.len(), 1 + usize::from(is_removed_meanwhile));
            if !is_removed_meanwhile {
                world.assert_all_equal();
                assert!(world.replica(leader).core().config().voters.contains(&NodeId(4)), "and became a voter");
                world.kill(4);
                world.start(4);
                world.pass(Duration::from_secs(1));
                world.assert_all_equal();
            }
            assert!(world.nodes.values().all(|node| node.fault.is_none()));
        }
    }
}
