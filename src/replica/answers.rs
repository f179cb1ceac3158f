//! What clients are told: the map's content as items, and the core's refusals in the words of the interface.

use crate::api::{Answer, Hint, Item, Query, Refused, SCAN_BYTES_MAX, SCAN_ITEMS_MAX};
use crate::raft::{Config, Index, NodeId, ReadFailure, Refusal};
use crate::state_machine::{Entry, KeyValueMap, Scan};

/// Answers a query from the map as it is, which is as of `at`.
pub(super) fn answer_query(map: &KeyValueMap, query: &Query, at: Index) -> Answer {
    match query {
        Query::Get { key } => Answer::Value { item: map.get(key).map(|entry| item(entry, false)), at },
        Query::Scan { prefix, after, limit, keys_only } => {
            let page = map.scan(Scan {
                prefix,
                after: after.as_deref(),
                items_max: items_max(*limit),
                bytes_max: SCAN_BYTES_MAX,
                keys_only: *keys_only,
            });
            let items = page.entries.iter().map(|entry| item(entry, *keys_only)).collect();
            Answer::Items { items, more: page.more, at }
        }
    }
}

/// Zero asks for as many as one page holds.
fn items_max(limit: u32) -> usize {
    match limit as usize {
        0 => SCAN_ITEMS_MAX,
        limit => limit.min(SCAN_ITEMS_MAX),
    }
}

fn item(entry: &Entry, key_only: bool) -> Item {
    Item {
        key: entry.key().to_vec(),
        value: if key_only { Vec::new() } else { entry.value().to_vec() },
        revision: Index(entry.revision()),
        created: Index(entry.created()),
        version: entry.version(),
    }
}

/// Where the leader is, as far as the configuration names it (R112).
pub(super) fn hint(config: &Config, leader: Option<NodeId>) -> Option<Hint> {
    let member = config.member(leader?)?;
    Some(Hint { id: member.id, name: member.name.clone(), address: member.address.clone() })
}

/// Why a request was not taken; nothing has happened.
pub(super) fn refused(config: &Config, refusal: Refusal) -> Refused {
    match refusal {
        Refusal::NotLeader { leader } => Refused::NotLeader { leader: hint(config, leader) },
        Refusal::Transferring { to } => {
            Refused::Unavailable { because: format!("leadership is being handed over to {}", name(config, to)) }
        }
        Refusal::TooManyUncommitted { .. } => Refused::Busy,
        Refusal::NotATarget { node } => {
            Refused::Invalid { because: format!("{} cannot take over leadership", name(config, node)) }
        }
        Refusal::Stopped => Refused::Unavailable { because: "this node has stopped".to_owned() },
    }
}

/// Why a read was not confirmed; it is safe to repeat.
pub(super) fn read_failed(config: &Config, leader: Option<NodeId>, failure: ReadFailure) -> Refused {
    match failure {
        ReadFailure::NoLeader | ReadFailure::LostLeadership | ReadFailure::TermChanged => {
            Refused::NotLeader { leader: hint(config, leader) }
        }
        ReadFailure::TooManyReads => Refused::Busy,
    }
}

fn name(config: &Config, id: NodeId) -> String {
    config.member(id).map_or_else(|| id.to_string(), |member| member.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::{Member, StorageId};
    use crate::state_machine::{CommandRef, OperationRef, UpdateRef};

    fn config() -> Config {
        let member = |id: u64| Member {
            id: NodeId(id),
            name: format!("node-{id}"),
            address: format!("10.0.0.{id}:7001"),
            storage: StorageId(1),
        };
        Config::of(vec![member(1), member(2)], Vec::new())
    }

    #[test]
    fn refusals_name_members_as_people_do() {
        let hint = Hint { id: NodeId(2), name: "node-2".to_owned(), address: "10.0.0.2:7001".to_owned() };
        let not_leader = |leader| refused(&config(), Refusal::NotLeader { leader });
        assert_eq!(not_leader(Some(NodeId(2))), Refused::NotLeader { leader: Some(hint) });
        assert_eq!(not_leader(Some(NodeId(9))), Refused::NotLeader { leader: None }, "who is unknown is no hint");
        assert_eq!(not_leader(None), Refused::NotLeader { leader: None });
        assert_eq!(
            refused(&config(), Refusal::Transferring { to: NodeId(2) }),
            Refused::Unavailable { because: "leadership is being handed over to node-2".to_owned() }
        );
    }

    #[test]
    fn a_limit_of_zero_is_no_limit_of_its_own_and_none_exceeds_the_page() {
        assert_eq!([items_max(0), items_max(7), items_max(u32::MAX)], [SCAN_ITEMS_MAX, 7, SCAN_ITEMS_MAX]);
    }

    #[test]
    fn keys_alone_come_without_values() {
        let mut map = KeyValueMap::new(100);
        let put = CommandRef { key: b"k", operation: OperationRef::Put { value: b"v" } };
        map.apply(1, 0, &UpdateRef::Command(put));
        let scan = |keys_only| Query::Scan { prefix: Vec::new(), after: None, limit: 0, keys_only };
        let expected = |value: &[u8]| Answer::Items {
            items: vec![Item {
                key: b"k".to_vec(),
                value: value.to_vec(),
                revision: Index(1),
                created: Index(1),
                version: 1,
            }],
            more: false,
            at: Index(4),
        };
        assert_eq!(answer_query(&map, &scan(false), Index(4)), expected(b"v"));
        assert_eq!(answer_query(&map, &scan(true), Index(4)), expected(b""));
    }
}
