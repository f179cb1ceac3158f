//! `change n1 WHAT …`: what an operator asks of a leader. What follows is told by the leader's own events.
//!
//! `change leader WHAT …` asks whoever leads the highest term, and does nothing when nobody does.

use super::CommandFault;
use super::command::{Words, log_id};
use super::run::member;
use super::show;
use super::world::World;
use crate::raft::{Change, NodeId, Role};

pub(super) fn change(world: &mut World, words: &mut Words) -> Result<(), CommandFault> {
    let asked = if words.take_flag("leader") { leader(world) } else { Some(words.take_node()?) };
    let only_if = words.take_value("if").map(|word| log_id(&word)).transpose()?;
    let what = words.take("what to change")?;
    let change = match what.as_str() {
        "add" => {
            let auto_promote = words.take_flag("promote");
            Change::AddLearner { member: member(words.take_node()?.0), auto_promote }
        }
        "promote" => Change::Promote { id: words.take_node()? },
        "demote" => Change::Demote { id: words.take_node()? },
        "remove" => Change::Remove { id: words.take_node()? },
        "replace" => {
            let (learners, explicit) = (words.take_listed("learners")?, words.take_flag("explicit"));
            Change::Replace { voters: words.take_nodes(), learners, auto_leave: !explicit }
        }
        "leave" => Change::Leave,
        _ => return Err(CommandFault::NotA { wanted: "a change", word: what }),
    };
    let Some(id) = asked else { return Ok(()) };
    let before = world.core(id)?.config_index();
    match world.input(id, |core, now| core.change(now, change, only_if))? {
        Ok(at) if at.index == before => world.trace.push(show::Line::plain(format!("{id} has it so already, at {at}"))),
        Ok(_) => {}
        Err(refusal) => world.trace.push(show::change_refusal(id, refusal)),
    }
    Ok(())
}

fn leader(world: &World) -> Option<NodeId> {
    let running = world.nodes.values().filter(|node| node.fault.is_none()).filter_map(|node| node.core.as_ref());
    let leaders = running.filter(|core| core.role() == Role::Leader);
    leaders.max_by_key(|core| core.term()).map(|core| core.id())
}
