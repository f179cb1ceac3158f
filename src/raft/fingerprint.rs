//! What of a core decides how it goes on when time is left out: what a model checker takes for the same state.
//!
//! Left out are instants, random numbers (lives of tracking count on from one) and counters that only tell a story;
//! write numbers count from the newest one.
//! Two cores with equal fingerprints behave alike as long as deadlines fire when the explorer says so, check-quorum is
//! off (nobody asks how long ago something was), and each campaign is preceded by `reseed`.
//!
//! Every field is named here, so that a new one is a decision and not an oversight.

use core::hash::{Hash, Hasher};

use super::core::Core;
use super::replication::Leading;

impl Core {
    /// Feeds everything that decides how this core goes on into `state`. To be called on a core that was drained.
    pub fn hash_behaviour<H: Hasher>(&self, state: &mut H) {
        let Core {
            id,
            storage: _,
            options: _,
            rules: _,
            dice: _,
            term,
            vote,
            role,
            leader,
            log,
            membership,
            commit,
            applied,
            apply_told,
            disk,
            timer_started: _,
            recovering,
            started: _,
            orders_void,
            timeout: _,
            leader_contact: _,
            verified,
            campaign,
            leading,
            asked_reads,
            snapshot,
            snapshot_ahead,
            receiving,
            store_due,
            elections: _,
            generation: _,
            removed,
            outbox,
            created,
            reads_done,
            events: _,
            fault,
            fault_told: _,
        } = self;
        let is_drained = outbox.is_empty() && created.is_empty() && reads_done.is_empty() && store_due.is_none();
        assert!(is_drained, "a drained core has said everything");
        (id, term, vote, role, leader, commit, applied, apply_told, verified).hash(state);
        (log, membership, asked_reads, fault).hash(state);
        (snapshot, snapshot_ahead, removed, receiving.is_some()).hash(state);
        (recovering, orders_void).hash(state);
        if let Some(receiving) = receiving {
            receiving.hash_behaviour(disk, state);
        }
        disk.hash_behaviour(state);
        campaign.is_some().hash(state);
        if let Some(campaign) = campaign {
            campaign.hash_behaviour(disk, state);
        }
        leading.is_some().hash(state);
        if let Some(leading) = leading {
            // A lease is made of instants, which this leaves out.
            let Leading { peers, noop, commit_beat, reads, transfer, bowing_out, orders, orders_void, .. } = leading;
            (noop, commit_beat, reads, bowing_out, orders, orders_void).hash(state);
            peers.len().hash(state);
            peers.iter().for_each(|peer| peer.hash_behaviour(state));
            transfer.map(|transfer| (transfer.to, transfer.order)).hash(state);
        }
    }

    /// Chance as an argument: the next random numbers, and the lives of tracking peers, follow from `seed` alone.
    pub fn reseed(&mut self, seed: u64) {
        self.dice = seed;
        self.generation = seed as u32;
    }
}
