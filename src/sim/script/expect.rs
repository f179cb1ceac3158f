//! `expect …`: direct assertions, for what output alone would leave to the reader's eye.
//!
//! | Form | Holds when |
//! | --- | --- |
//! | `expect leader n1` | n1 leads, and no other running node leads its term or a higher one |
//! | `expect no-leader` | no running node leads |
//! | `expect role n2 pre-candidate` · `expect stopped n2` | the node is that |
//! | `expect term n2 3` · `expect vote n2 n1` (or `nobody`) | its term, its vote |
//! | `expect follows n2 n1` (or `nobody`) | whom it takes for the leader |
//! | `expect commit n2 3` · `applied` · `durable` · `first` · `last n2 3@2` | how far it is |
//! | `expect snapshot n2 3@2` (or `none`) | where its newest snapshot ends |
//! | `expect count n1 KEY 2` (or `nothing`) | what n1's state machine holds after the writes of `submit` |
//! | `expect peer n1 n2 probe matched=1 next=3` | what leader n1 knows of n2 |
//! | `expect logs-equal [n1 n2]` | these running nodes, or all, hold the same log as far as none has compacted it |
//! | `expect config n1 voters (n1 n2) && (n3)` | the configuration in force at n1, in its own words |
//! | `expect removed n3` · `expect member n3` | n3 knows of its removal; or of none |
//! | `expect members-agree` | somebody leads, and all running members of its configuration hold the same log |
//! | `expect quiet` | nothing is under way |
//! | `expect lease n1` · `expect no-lease n1` | n1 may, or may not, read by a lease now |
//! | `expect stale-lease n1` | it may, and would miss something that is committed: a rule or a bound is broken |

use super::CommandFault;
use super::command::{Words, log_id, node, number};
use super::world::{World, log_of};
use crate::raft::{Core, LogId, NodeId, Role};

pub(super) fn expect(world: &World, mut words: Words) -> Result<(), CommandFault> {
    let what = words.take("what to expect")?;
    match what.as_str() {
        "leader" => leader(world, words.take_node()?)?,
        "no-leader" => {
            let leaders: Vec<String> = running(world).filter(|core| leads(core)).map(|c| c.id().to_string()).collect();
            same("no leader", leaders.is_empty(), || leaders.join(" "))?;
        }
        "quiet" => {
            let under_way = world.network.in_flight().count();
            same("nothing under way", under_way == 0, || format!("{under_way} messages"))?;
        }
        "logs-equal" => logs_equal(world, words.take_nodes())?,
        "members-agree" => members_agree(world)?,
        "stopped" => {
            let id = words.take_node()?;
            let fault = &world.node(id)?.fault;
            same(&format!("{id} to have stopped"), fault.is_some(), || "it runs".to_owned())?;
        }
        "lease" | "no-lease" | "stale-lease" => lease(world, &what, words.take_node()?)?,
        "peer" => peer(world, &mut words)?,
        "config" => {
            let id = words.take_node()?;
            let (found, wanted) = (world.core(id)?.config().to_string(), words.take_rest().join(" "));
            same(&format!("{id} to count by {wanted}"), found == wanted, || found.clone())?;
        }
        "count" => {
            let id = words.take_node()?;
            let (key, wanted) = (words.take("a key")?, words.take("the expected count")?);
            let found = world.clients.count(id, &key);
            same(&format!("{key} at {id} to be {wanted}"), found == wanted, || found.clone())?;
        }
        "removed" | "member" => {
            let id = words.take_node()?;
            let removed = world.core(id)?.removed_at();
            let found = removed.map_or("nothing of a removal".to_owned(), |at| format!("that it was removed at {at}"));
            same(&format!("{id} to be {what}"), removed.is_some() == (what == "removed"), || found)?;
        }
        _ => fact(world, &what, &mut words)?,
    }
    words.finish()
}

/// One fact of one node against the given word.
fn fact(world: &World, what: &str, words: &mut Words) -> Result<(), CommandFault> {
    let id = words.take_node()?;
    let wanted = words.take("the expected value")?;
    let core = world.core(id)?;
    let name = |node: Option<NodeId>| node.map_or("nobody".to_owned(), |node| node.to_string());
    let found = match what {
        "role" => core.role().to_string(),
        "term" => core.term().to_string(),
        "vote" => name(core.vote()),
        "follows" => name(core.leader()),
        "commit" => core.commit().to_string(),
        "applied" => core.applied_index().to_string(),
        "durable" => core.durable().to_string(),
        "first" => core.first().to_string(),
        "last" => core.last().to_string(),
        "snapshot" => core.snapshot().map_or("none".to_owned(), |snapshot| snapshot.last.to_string()),
        _ => return Err(CommandFault::NotA { wanted: "something to expect", word: what.to_owned() }),
    };
    match what {
        "snapshot" if wanted != "none" => drop(log_id(&wanted)?),
        "last" => drop(log_id(&wanted)?),
        "vote" | "follows" if wanted != "nobody" => drop(node(&wanted)?),
        "term" | "commit" | "applied" | "durable" | "first" => drop(number(&wanted)?),
        _ => {}
    }
    same(&format!("{what} of {id} to be {wanted}"), found == wanted, || found.clone())
}

fn leader(world: &World, id: NodeId) -> Result<(), CommandFault> {
    let core = world.core(id)?;
    let term = core.term();
    let leaders = running(world).filter(|core| leads(core) && core.term() >= term);
    let found: Vec<String> = leaders.map(|core| format!("{} in term {}", core.id(), core.term())).collect();
    let alone = leads(core) && found.len() == 1;
    same(&format!("{id} to lead"), alone, || if found.is_empty() { "nobody".to_owned() } else { found.join(", ") })
}

fn logs_equal(world: &World, ids: Vec<NodeId>) -> Result<(), CommandFault> {
    let ids = if ids.is_empty() { running(world).map(Core::id).collect() } else { ids };
    let Some(first) = ids.first() else { return Ok(()) };
    let model = log_of(world.core(*first)?);
    for id in &ids {
        let (one, other) = (world.core(*first)?, world.core(*id)?);
        let kept_from = one.first().max(other.first());
        let log = log_of(other);
        let kept = |log: &[LogId]| log.iter().filter(|entry| entry.index >= kept_from).copied().collect::<Vec<_>>();
        let equal = one.last() == other.last() && kept(&model) == kept(&log);
        same(&format!("the log of {id} to equal that of {first}"), equal, || super::show::list(&log))?;
    }
    Ok(())
}

/// What a read by lease would see, without asking for one.
fn lease(world: &World, what: &str, id: NodeId) -> Result<(), CommandFault> {
    let index = world.core(id)?.read_lease(world.node(id)?.clock);
    let holds = match what {
        "no-lease" => index.is_none(),
        "stale-lease" => index.is_some_and(|index| index < world.committed()),
        _ => index.is_some(),
    };
    same(&format!("{what} at {id}"), holds, || match index {
        Some(index) => format!("a lease that reads at {index}, {} is committed", world.committed()),
        None => "none".to_owned(),
    })
}

fn members_agree(world: &World) -> Result<(), CommandFault> {
    let Some(core) = running(world).filter(|core| leads(core)).max_by_key(|core| core.term()) else {
        return same("a leader", false, || "nobody".to_owned());
    };
    let members = running(world).map(Core::id).filter(|id| core.config().is_member(*id));
    logs_equal(world, members.collect())
}

fn peer(world: &World, words: &mut Words) -> Result<(), CommandFault> {
    let (id, other) = (words.take_node()?, words.take_node()?);
    let Some(status) = world.core(id)?.peers().find(|peer| peer.id == other) else {
        return same(&format!("{id} to track {other}"), false, || "it does not".to_owned());
    };
    for (key, found) in [("matched", status.matched), ("next", status.next)] {
        if let Some(wanted) = words.take_number(key)? {
            same(&format!("{key} of {other} to be {wanted}"), found.0 == wanted, || found.to_string())?;
        }
    }
    if let Some(state) = words.take_optional() {
        let found = status.state.word();
        same(&format!("{id} to see {other} in {state}"), found == state, || found.to_owned())?;
    }
    Ok(())
}

fn running(world: &World) -> impl Iterator<Item = &Core> {
    world.nodes.values().filter(|node| node.fault.is_none()).filter_map(|node| node.core.as_ref())
}

fn leads(core: &Core) -> bool {
    core.role() == Role::Leader
}

fn same(wanted: &str, holds: bool, found: impl FnOnce() -> String) -> Result<(), CommandFault> {
    if holds { Ok(()) } else { Err(CommandFault::Unexpected { wanted: wanted.to_owned(), found: found() }) }
}
