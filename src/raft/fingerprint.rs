//! What of a core decides how it goes on: what a model checker takes for the same state.
//!
//! Left out are random numbers, counters that only tell a story, and the numbers of writes. Instants are left to
//! `hash_instants`, which tells how long ago each was, as far as that is ever asked for.
//! Two cores with equal fingerprints behave alike as long as campaigns start when the explorer says so, each input is
//! preceded by `reseed` or `reseed_dice`, and all writes under way become durable at once.
//!
//! Every field is named here, so that a new one is a decision and not an oversight.

use core::hash::{Hash, Hasher};
use core::time::Duration;

use super::core::Core;
use super::replication::Leading;
use super::types::Time;

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
            let Leading { peers, noop, commit_beat, reads, transfer, bowing_out, orders, orders_void, .. } = leading;
            (noop, commit_beat, reads, bowing_out, orders, orders_void).hash(state);
            peers.len().hash(state);
            peers.iter().for_each(|peer| peer.hash_behaviour(state));
            transfer.map(|transfer| (transfer.to, transfer.order)).hash(state);
        }
    }

    /// Feeds how long before `now` things happened into `state`. Nobody asks whether it was one election timeout ago or
    /// more, so those are alike; and nobody asks when an election timer runs out, since the explorer says so.
    pub fn hash_instants<H: Hasher>(&self, now: Time, state: &mut H) {
        let asks_contact = self.options.check_quorum || self.options.lease_reads;
        let age = |instant: Time| age_of(now, instant, self.options.election_timeout);
        if asks_contact {
            self.leader_contact.map(age).hash(state);
        }
        if self.options.lease_reads && self.leader_contact.is_none() {
            age(self.started).hash(state);
        }
        self.disk.waiting_since().map(age).hash(state);
        let Some(leading) = &self.leading else { return };
        // Lives of tracking count on from here; who does not lead begins anew.
        self.generation.hash(state);
        let left = |until: Time| until.since(now);
        leading.transfer.map(|transfer| left(transfer.deadline)).hash(state);
        for peer in &leading.peers {
            if asks_contact {
                (peer.contact.map(age), age(peer.counted_since)).hash(state);
            }
            let goodbye = peer.goodbye.and_then(|goodbye| goodbye.until);
            (peer.short_since.map(age), goodbye.map(left)).hash(state);
            if let Some(catch_up) = &peer.catch_up {
                (peer.contact.map(age), age(catch_up.started())).hash(state);
            }
        }
        if self.options.lease_reads {
            leading.lease.hash_ages(now, self.options.election_timeout, state);
        }
    }

    /// Chance as an argument: the next random numbers, and the lives of tracking peers, follow from `seed` alone.
    pub fn reseed(&mut self, seed: u64) {
        self.reseed_dice(seed);
        self.generation = seed as u32;
    }

    /// The next random numbers follow from `seed` alone.
    pub fn reseed_dice(&mut self, seed: u64) {
        self.dice = seed;
    }
}

/// How long before `now` `instant` was, in nanoseconds; all that is longer ago than `patience` is alike.
pub(super) fn age_of(now: Time, instant: Time, patience: Duration) -> u64 {
    let nanos = |span: Duration| u64::try_from(span.as_nanos()).expect("spans are far below 500 years");
    nanos(now.since(instant)).min(nanos(patience) + 1)
}
