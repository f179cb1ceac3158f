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
