//! What all of a transport's tasks share: who we are, where events go, and who is connected.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use quinn::Endpoint;
use tokio::sync::{Semaphore, mpsc};

use super::endpoint::PeerConfigs;
use super::listener::ClientSlot;
use super::peer::PeerSlot;
use super::{Limits, TransportEvent};
use crate::api::ClientId;
use crate::raft::{ClusterId, NodeId, StorageId};

/// How long the same refusal of the same party is only counted after it was told.
const REFUSAL_QUIET_TIME: Duration = Duration::from_secs(60);

/// Refusals remembered for that; beyond, the oldest is forgotten.
const REFUSALS_REMEMBERED_MAX: usize = 64;

pub(super) struct Shared {
    pub(super) endpoint: Endpoint,
    pub(super) peer_configs: PeerConfigs,
    pub(super) local: NodeId,
    pub(super) cluster: ClusterId,
    pub(super) storage: StorageId,
    pub(super) max_value_size: u64,
    pub(super) limits: Limits,
    pub(super) peers: BTreeMap<NodeId, Arc<PeerSlot>>,
    pub(super) clients: Mutex<BTreeMap<ClientId, Arc<ClientSlot>>>,
    /// One permit per client connection that may be open.
    pub(super) client_room: Arc<Semaphore>,
    pub(super) events: mpsc::Sender<TransportEvent>,
    pub(super) refused: AtomicU64,
    pub(super) next_client: AtomicU64,
    pub(super) refusals: Mutex<RefusalLog>,
}

impl Shared {
    /// Delivers an event, waiting while the node is behind: that is the back-pressure. When the node is gone, nobody
    /// needs to know.
    pub(super) async fn tell(&self, event: TransportEvent) {
        let _ = self.events.send(event).await;
    }

    /// Tells of somebody turned away, unless the same was told a short while ago.
    pub(super) async fn tell_refused(&self, peer: Option<NodeId>, address: SocketAddr, because: String) {
        let new = {
            let mut refusals = self.refusals.lock().expect("no holder of this lock panics");
            refusals.is_new(peer, address.ip(), &because, Instant::now())
        };
        if new {
            self.tell(TransportEvent::PeerRefused { peer, address, because }).await;
        }
    }

    pub(super) fn count_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}

/// Remembers what was told of whom, so that one misconfigured machine cannot fill a log.
#[derive(Default)]
pub(super) struct RefusalLog {
    told: VecDeque<(Option<NodeId>, IpAddr, String, Instant)>,
}

impl RefusalLog {
    fn is_new(&mut self, peer: Option<NodeId>, address: IpAddr, because: &str, now: Instant) -> bool {
        self.told.retain(|(.., at)| now.duration_since(*at) < REFUSAL_QUIET_TIME);
        if self.told.iter().any(|(p, a, b, _)| *p == peer && *a == address && b == because) {
            return false;
        }
        if self.told.len() == REFUSALS_REMEMBERED_MAX {
            self.told.pop_front();
        }
        self.told.push_back((peer, address, because.to_owned(), now));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_refusal_is_told_once_in_a_while() {
        let mut log = RefusalLog::default();
        let address = IpAddr::from([127, 0, 0, 1]);
        let start = Instant::now();
        let peer = Some(NodeId(2));
        assert!(log.is_new(peer, address, "wrong cluster", start));
        assert!(!log.is_new(peer, address, "wrong cluster", start));
        assert!(log.is_new(peer, address, "expired", start));
        assert!(log.is_new(None, address, "wrong cluster", start));
        assert!(log.is_new(peer, address, "wrong cluster", start + REFUSAL_QUIET_TIME));
    }

    #[test]
    fn the_memory_of_refusals_is_bounded() {
        let mut log = RefusalLog::default();
        let start = Instant::now();
        for number in 0..1_000u32 {
            assert!(log.is_new(None, IpAddr::from(number.to_be_bytes()), "unknown", start));
            assert!(log.told.len() <= REFUSALS_REMEMBERED_MAX);
        }
    }
}
