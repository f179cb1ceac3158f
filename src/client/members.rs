//! The members a client knows, and the state of its link to each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Endpoint;
use super::link::Link;
use crate::api::Hint;
use crate::raft::NodeId;
use crate::transport::DialError;

/// First and longest pause before a member that could not be reached is dialled again.
const REDIAL_AFTER_MIN: Duration = Duration::from_millis(20);
const REDIAL_AFTER_MAX: Duration = Duration::from_millis(200);

/// A member at which watches wait, and of which nothing was heard for so long, is asked for a sign of life.
const QUIET_MAX: Duration = Duration::from_secs(1);

/// Most members a client keeps in mind: twice the largest cluster.
const MEMBERS_MAX: usize = 18;

pub(super) struct Member {
    pub endpoint: Endpoint,
    pub link: Option<Link>,
    pub is_up: bool,
    /// Requests sent and not answered, watches apart: those may take their time.
    pub open: usize,
    pub watches: usize,
    /// When it last answered, or when the first of the open requests left, if that was later.
    pub heard: Instant,
    /// The client's own status question that is under way, and since when.
    pub question: Option<Instant>,
    /// It cannot help at the moment: not before this time is it asked again.
    pub rest_until: Option<Instant>,
    /// When the running attempt to connect began.
    pub dialed: Instant,
    pub redial_at: Option<Instant>,
    redial_after: Duration,
    pub last_error: Option<Arc<DialError>>,
}

impl Member {
    fn new(endpoint: Endpoint, now: Instant) -> Member {
        Member {
            endpoint,
            link: None,
            is_up: false,
            open: 0,
            watches: 0,
            heard: now,
            question: None,
            rest_until: None,
            dialed: now,
            redial_at: None,
            redial_after: REDIAL_AFTER_MIN,
            last_error: None,
        }
    }

    pub(super) fn may_dial(&self, now: Instant) -> bool {
        self.link.is_none() && self.redial_at.is_none_or(|at| at <= now)
    }

    pub(super) fn is_resting(&self, now: Instant) -> bool {
        self.rest_until.is_some_and(|until| until > now)
    }

    /// How long it has owed an answer.
    pub(super) fn silent_for(&self, now: Instant) -> Duration {
        if self.open == 0 { Duration::ZERO } else { now.saturating_duration_since(self.heard) }
    }

    /// Watches wait there, and nothing was heard for so long that it is asked whether it is there at all.
    pub(super) fn is_quiet(&self, now: Instant) -> bool {
        self.quiet_at().is_some_and(|at| at <= now)
    }

    /// When it will have been quiet for too long.
    pub(super) fn quiet_at(&self) -> Option<Instant> {
        (self.is_up && self.open == 0 && self.watches > 0).then(|| self.heard + QUIET_MAX)
    }

    pub(super) fn sent(&mut self, owed: usize, watches: usize, now: Instant) {
        if self.open == 0 && (owed > 0 || self.watches == 0) {
            self.heard = now;
        }
        self.open += owed;
        self.watches += watches;
    }

    pub(super) fn connected(&mut self, now: Instant) {
        self.is_up = true;
        self.heard = now;
        self.redial_at = None;
        self.redial_after = REDIAL_AFTER_MIN;
        self.last_error = None;
    }

    /// The link is gone; the next attempt waits a little longer each time.
    pub(super) fn disconnected(&mut self, now: Instant) {
        self.link = None;
        self.is_up = false;
        self.open = 0;
        self.watches = 0;
        self.question = None;
        self.redial_at = Some(now + self.redial_after);
        self.redial_after = (self.redial_after * 2).min(REDIAL_AFTER_MAX);
    }
}

pub(super) struct Members {
    list: BTreeMap<NodeId, Member>,
}

impl Members {
    pub(super) fn new(endpoints: Vec<Endpoint>, now: Instant) -> Members {
        assert!(!endpoints.is_empty(), "a client has at least one endpoint");
        let list = endpoints.into_iter().take(MEMBERS_MAX).map(|one| (one.id, Member::new(one, now))).collect();
        Members { list }
    }

    pub(super) fn get(&self, id: NodeId) -> Option<&Member> {
        self.list.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: NodeId) -> Option<&mut Member> {
        self.list.get_mut(&id)
    }

    pub(super) fn name(&self, id: NodeId) -> String {
        self.list.get(&id).map_or_else(|| id.to_string(), |member| member.endpoint.name.clone())
    }

    pub(super) fn ids(&self) -> Vec<NodeId> {
        self.list.keys().copied().collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (NodeId, &Member)> {
        self.list.iter().map(|(id, member)| (*id, member))
    }

    /// Takes in a leader that a node has named, unless the client knows enough members already.
    pub(super) fn learn(&mut self, hint: &Hint, now: Instant) -> bool {
        if !self.list.contains_key(&hint.id) && self.list.len() < MEMBERS_MAX {
            let endpoint = Endpoint { id: hint.id, name: hint.name.clone(), address: hint.address.clone() };
            self.list.insert(hint.id, Member::new(endpoint, now));
        }
        self.list.contains_key(&hint.id)
    }
}
