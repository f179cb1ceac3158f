//! One moment of a small world, every step that can follow it, and where each leads.
//!
//! A state names its nodes, its messages and its past by numbers: each of them is kept once, in `Memory`, however many
//! states share it. What a node makes of an input, and what the checks say of a change, is worked out once and
//! remembered too; so most steps cost a few look-ups.

use core::fmt;
use core::hash::{Hash, Hasher};

use super::bounds::Bounds;
use super::fingerprint::{Fingerprinter, Places};
use super::node::{Brief, Input, Node, World};
use crate::raft::{Envelope, Index, LogId, Message, NodeId, ReadOutcome, Role, Rule, Term};
use crate::sim::script::checks::{History, View, Violation};
use crate::sim::script::show::Line;

/// Most nodes of a world.
pub(super) const NODES_MAX: usize = 5;

/// Reactions and checks that are remembered before all of them are forgotten.
const REMEMBERED_MAX: usize = 1 << 21;

/// What may still happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Allowance {
    campaigns: u8,
    slow_writes: u8,
    proposals: u8,
    crashes: u8,
    damages: u8,
    heartbeats: u8,
    reads: u8,
    changes: u8,
    transfers: u8,
    moments: u8,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    nodes: [u32; NODES_MAX],
    past: u32,
    left: Allowance,
    /// Where the committed log ended when each pending read was asked, by ticket.
    asked: Vec<(u8, u8)>,
    /// Everything ever sent, as a sorted set. What was sent may arrive at any time, any number of times, or never: loss,
    /// delay, repetition and disorder need no steps of their own.
    network: Vec<u32>,
}

/// One step: what happens to which node, and whether the disk takes its time over what is then to be written. A write
/// behind one that is under way always waits for it. A moment passes for all nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub node: u8,
    pub input: Input,
    pub slow: bool,
}

/// What an input made of a node.
#[derive(Clone)]
struct Reaction {
    node: u32,
    sent: Box<[u32]>,
    created: Box<[LogId]>,
    reads: Box<[ReadOutcome]>,
    used_slow: bool,
}

/// What is asked of a message often.
#[derive(Clone, Copy)]
struct Address {
    to: u8,
    term: Term,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    /// The term it asks for.
    Vote(Term),
    VoteReply(Term),
    /// A request of a leader, or of a node that recovers.
    Request,
    Reply,
    Hello,
    HelloReply,
    TimeoutNow,
    Other,
}

/// Everything that states name by number.
pub(super) struct Memory {
    world: World,
    nodes: Vec<Node>,
    briefs: Vec<Brief>,
    node_places: Places,
    messages: Vec<Envelope>,
    addresses: Vec<Address>,
    message_places: Places,
    /// With nothing of the present in them.
    pasts: Vec<History>,
    past_places: Places,
    reactions: Vec<Reaction>,
    reaction_places: Places,
    /// The past after a change of one node.
    checked: Places,
}

impl Memory {
    pub(super) fn new(bounds: &Bounds) -> Memory {
        assert!(usize::from(bounds.nodes) <= NODES_MAX, "a small world has at most {NODES_MAX} nodes");
        Memory {
            world: World::new(bounds),
            nodes: Vec::new(),
            briefs: Vec::new(),
            node_places: Places::default(),
            messages: Vec::new(),
            addresses: Vec::new(),
            message_places: Places::default(),
            pasts: Vec::new(),
            past_places: Places::default(),
            reactions: Vec::new(),
            reaction_places: Places::default(),
            checked: Places::default(),
        }
    }

    pub(super) fn bounds(&self) -> &Bounds {
        &self.world.bounds
    }

    /// Different nodes, messages and pasts so far.
    pub(super) fn sizes(&self) -> [usize; 3] {
        [self.nodes.len(), self.messages.len(), self.pasts.len()]
    }

    fn count(&self) -> usize {
        usize::from(self.world.bounds.nodes)
    }

    /// Every node holds the bootstrap entry and nothing else, and nobody leads; or the bounds want a settled reign.
    pub(super) fn first(&mut self) -> Result<State, Violation> {
        let mut state = self.founded()?;
        if self.world.bounds.settled {
            let left = state.left;
            state.left.campaigns = 1;
            state = self.after(&state, Step { node: 0, input: Input::Timeout, slow: false })?.expect("n1 campaigns");
            while let Some(next) = self.delivered(&state)? {
                state = next;
            }
            state.network.clear();
            state.left = left;
        }
        Ok(state)
    }

    /// After the first message that changes something; none when all have arrived.
    fn delivered(&mut self, state: &State) -> Result<Option<State>, Violation> {
        for message in &state.network {
            let node = self.addresses[*message as usize].to;
            let step = Step { node, input: Input::Deliver { message: *message }, slow: false };
            if let Some(next) = self.after(state, step)? {
                return Ok(Some(next));
            }
        }
        Ok(None)
    }

    fn founded(&mut self) -> Result<State, Violation> {
        let bounds = self.world.bounds;
        let mut nodes = [0; NODES_MAX];
        for (id, slot) in (1..=u64::from(bounds.nodes)).map(NodeId).zip(&mut nodes) {
            let node = Node::first(&self.world, id)?;
            *slot = self.keep_node(node);
        }
        let left = Allowance {
            campaigns: bounds.campaigns,
            slow_writes: bounds.slow_writes,
            proposals: bounds.proposals,
            crashes: bounds.crashes,
            damages: bounds.damages,
            heartbeats: bounds.heartbeats,
            reads: bounds.reads,
            changes: bounds.changes,
            transfers: bounds.transfers,
            moments: bounds.moments,
        };
        let past = self.keep_past(History::default());
        Ok(State { nodes, past, left, asked: Vec::new(), network: Vec::new() })
    }

    /// Every step that the bounds allow from `state`, into `steps`.
    pub(super) fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        steps.clear();
        let acts = self.acting(state);
        for node in (0..self.world.bounds.nodes).filter(|node| acts[usize::from(*node)]) {
            self.steps_of(state, node, steps);
        }
        let bounds = &self.world.bounds;
        for message in &state.network {
            let Address { to, kind, .. } = self.addresses[*message as usize];
            let receiver = &self.briefs[state.nodes[usize::from(to)] as usize];
            // An order to campaign raises the term like a timeout does.
            let is_last_term = matches!(kind, Kind::TimeoutNow) && receiver.term >= bounds.last_term();
            if acts[usize::from(to)] && !is_last_term {
                steps.push(Step { node: to, input: Input::Deliver { message: *message }, slow: false });
            }
        }
        if state.left.slow_writes > 0 {
            steps.extend_from_within(..);
            let half = steps.len() / 2;
            steps[half..].iter_mut().for_each(|step| step.slow = true);
        }
        if state.left.moments > 0 {
            steps.push(Step { node: 0, input: Input::Pass, slow: false });
        }
    }

    /// Which nodes may act. Those of one kind start alike, so whoever does something first may be called by the lowest
    /// name: a node that nothing has happened to waits until something has happened to those of its kind before it.
    fn acting(&self, state: &State) -> [bool; NODES_MAX] {
        let bounds = &self.world.bounds;
        let voters = usize::from(bounds.nodes - bounds.learners);
        // Once members were named by an operator, they are not alike any more; and who has answered a PreVote looks as if
        // nothing had happened to it.
        let is_named = state.left.changes != bounds.changes || state.left.transfers != bounds.transfers;
        let are_alike = !is_named && !bounds.pre_vote;
        let mut acts = [false; NODES_MAX];
        let mut has_waiting = [false; 2];
        for (node, acts) in acts.iter_mut().enumerate().take(self.count()) {
            let kind = usize::from(node >= voters);
            let is_touched = self.briefs[state.nodes[node] as usize].is_touched;
            // The clock of n1 may run otherwise than those of the others: it is a kind of its own.
            let is_special = node == 0 && bounds.rates[0] != bounds.rates[1];
            *acts = is_touched || !are_alike || is_special || !has_waiting[kind];
            has_waiting[kind] |= !is_touched && !is_special;
        }
        acts
    }

    fn steps_of(&self, state: &State, node: u8, steps: &mut Vec<Step>) {
        let (bounds, left) = (&self.world.bounds, &state.left);
        let brief = self.briefs[state.nodes[usize::from(node)] as usize];
        let mut add = |input| steps.push(Step { node, input, slow: false });
        if brief.role != Role::Leader {
            if left.campaigns > 0 && brief.term < bounds.last_term() {
                add(Input::Timeout);
            }
        } else {
            if left.proposals > 0 {
                add(Input::Propose);
            }
            if left.heartbeats > 0 {
                add(Input::Beat);
            }
            if left.reads > 0 {
                add(Input::Read { ticket: left.reads });
            }
            if left.changes > 0 {
                let choices = u8::try_from(self.world.changes.len()).expect("a small world has few changes");
                (0..choices).for_each(|choice| add(Input::Change { choice }));
            }
            if left.transfers > 0 {
                (0..bounds.nodes).filter(|to| *to != node).for_each(|to| add(Input::Transfer { to }));
            }
        }
        if brief.pending_parts > 0 {
            add(Input::Persist);
        }
        if left.crashes > 0 {
            (0..=brief.pending_parts).for_each(|parts| add(Input::Crash { parts }));
        }
        if left.damages > 0 {
            (1..=brief.durable_length).for_each(|from| add(Input::Damage { from }));
        }
    }

    /// The state after `step`; none when nothing has changed.
    ///
    /// # Errors
    /// An invariant does not hold there.
    pub(super) fn after(&mut self, state: &State, step: Step) -> Result<Option<State>, Violation> {
        let mut next = state.clone();
        if step.input == Input::Pass {
            next.left.moments -= 1;
            for place in 0..self.count() {
                next.nodes[place] = self.reaction(state.nodes[place], step)?.node;
            }
        } else if !self.change_one(state, step, &mut next)? {
            return Ok(None);
        }
        self.check_leases(&next)?;
        Ok(Some(next))
    }

    /// False when nothing has changed.
    fn change_one(&mut self, state: &State, step: Step, next: &mut State) -> Result<bool, Violation> {
        let place = usize::from(step.node);
        let before = state.nodes[place];
        let reaction = self.reaction(before, step)?;
        if step.slow && !reaction.used_slow {
            return Ok(false);
        }
        next.nodes[place] = reaction.node;
        if reaction.node != before {
            next.past = self.check(state, next, place)?;
        }
        let past = &self.pasts[state.past as usize];
        if let Some(entry) = reaction.created.iter().find(|entry| past.knows(**entry))
            && self.world.bounds.watches_ids
        {
            return Err(Violation::reused(*entry));
        }
        if let Input::Read { ticket } = step.input {
            next.asked.push((ticket, self.committed(state.past)));
        }
        self.judge_reads(step.node, &reaction.reads, next)?;
        self.renew_network(next, step.node, &reaction.sent);
        if next == state {
            return Ok(false);
        }
        next.left.spend(step);
        Ok(true)
    }

    fn reaction(&mut self, node: u32, step: Step) -> Result<Reaction, Violation> {
        let mut hasher = Fingerprinter::new();
        (node, step.input, step.slow).hash(&mut hasher);
        let print = hasher.print();
        if let Some(place) = self.reaction_places.find(print) {
            return Ok(self.reactions[place as usize].clone());
        }
        let message = self.message_of(step.input);
        let after = self.nodes[node as usize].after(&self.world, step.input, message, step.slow, None)?;
        let sent = after.sent.into_iter().map(|envelope| self.keep_message(envelope)).collect();
        let node = self.keep_node(after.node);
        let (created, reads) = (after.created.into(), after.reads.into());
        let reaction = Reaction { node, sent, created, reads, used_slow: after.used_slow };
        if self.reactions.len() == REMEMBERED_MAX {
            self.reactions.clear();
            self.reaction_places = Places::default();
        }
        self.reaction_places.insert(print, number(self.reactions.len()));
        self.reactions.push(reaction.clone());
        Ok(reaction)
    }

    fn message_of(&self, input: Input) -> Option<&Envelope> {
        match input {
            Input::Deliver { message } => Some(&self.messages[message as usize]),
            _ => None,
        }
    }

    /// The past after the node at `place` has changed.
    fn check(&mut self, state: &State, next: &State, place: usize) -> Result<u32, Violation> {
        let mut hasher = Fingerprinter::new();
        (state.nodes, state.past, place, next.nodes[place]).hash(&mut hasher);
        let print = hasher.print();
        if let Some(past) = self.checked.find(print) {
            return Ok(past);
        }
        let views = |state: &State| -> Vec<View> {
            state.nodes[..self.count()].iter().map(|node| self.nodes[*node as usize].view()).collect()
        };
        let mut past = self.pasts[state.past as usize].clone();
        past.resume(&views(state));
        past.check(&views(next))?;
        past.forget_present();
        let past = self.keep_past(past);
        if self.checked.len() == REMEMBERED_MAX {
            self.checked = Places::default();
        }
        self.checked.insert(print, past);
        Ok(past)
    }

    fn judge_reads(&self, node: u8, reads: &[ReadOutcome], next: &mut State) -> Result<(), Violation> {
        for outcome in reads {
            let (ReadOutcome::Ready { ticket, .. } | ReadOutcome::Failed { ticket, .. }) = *outcome;
            let place = next.asked.iter().position(|(asked, _)| u64::from(*asked) == ticket);
            let demanded = place.map_or(0, |place| next.asked.remove(place).1);
            let demanded = Index(u64::from(demanded));
            if let ReadOutcome::Ready { index, .. } = *outcome
                && index < demanded
            {
                return Err(Violation::stale_read(NodeId(u64::from(node) + 1), index, demanded));
            }
        }
        Ok(())
    }

    /// Whoever would answer a read from its lease knows all that is committed (I12).
    fn check_leases(&self, state: &State) -> Result<(), Violation> {
        let committed = Index(u64::from(self.committed(state.past)));
        for (place, node) in state.nodes[..self.count()].iter().enumerate() {
            if let Some(index) = self.briefs[*node as usize].lease
                && index < committed
            {
                return Err(Violation::stale_read(NodeId(place as u64 + 1), index, committed));
            }
        }
        Ok(())
    }

    fn committed(&self, past: u32) -> u8 {
        u8::try_from(self.pasts[past as usize].committed().0).expect("a small world has few entries")
    }

    /// Adds what was sent, and forgets what nobody will ever act upon.
    fn renew_network(&self, next: &mut State, changed: u8, sent: &[u32]) {
        if self.world.bounds.rules.keeps(Rule::LifeOfTracking) {
            let brief = &self.briefs[next.nodes[usize::from(changed)] as usize];
            next.network.retain(|message| {
                let address = &self.addresses[*message as usize];
                address.to != changed || !self.is_void(address, brief)
            });
        }
        for message in sent {
            let address = &self.addresses[*message as usize];
            let receiver = &self.briefs[next.nodes[usize::from(address.to)] as usize];
            if self.world.bounds.rules.keeps(Rule::LifeOfTracking) && self.is_void(address, receiver) {
                continue;
            }
            if let Err(place) = next.network.binary_search(message) {
                next.network.insert(place, *message);
            }
        }
    }

    /// A reply that its receiver drops now and for ever, since the terms on its disk never fall (R7); and, unless the
    /// bounds want its answer, a request of a term that this disk has left.
    fn is_void(&self, address: &Address, receiver: &Brief) -> bool {
        let durable = receiver.durable_term;
        let is_in_its_term = receiver.term == address.term;
        match address.kind {
            Kind::VoteReply(asked) => {
                let may_count = receiver.term == asked && receiver.role == Role::Candidate;
                asked <= durable && address.term <= durable && !may_count
            }
            Kind::Reply => {
                let may_count = is_in_its_term && matches!(receiver.role, Role::Candidate | Role::Leader);
                address.term <= durable && !may_count
            }
            Kind::HelloReply => address.term < durable || address.term == durable && !receiver.is_recovering,
            Kind::Hello | Kind::TimeoutNow => address.term < durable,
            Kind::Vote(asked) => asked < durable && !self.world.bounds.stale_answers,
            Kind::Request => address.term < durable && !self.world.bounds.stale_answers,
            Kind::Other => false,
        }
    }

    fn keep_node(&mut self, node: Node) -> u32 {
        let print = node.print(&self.world);
        self.node_places.find(print).unwrap_or_else(|| {
            let place = number(self.nodes.len());
            self.briefs.push(node.brief());
            self.nodes.push(node);
            self.node_places.insert(print, place);
            place
        })
    }

    fn keep_message(&mut self, envelope: Envelope) -> u32 {
        let mut hasher = Fingerprinter::new();
        envelope.hash(&mut hasher);
        let print = hasher.print();
        self.message_places.find(print).unwrap_or_else(|| {
            let place = number(self.messages.len());
            self.addresses.push(Address::of(&envelope));
            self.messages.push(envelope);
            self.message_places.insert(print, place);
            place
        })
    }

    fn keep_past(&mut self, past: History) -> u32 {
        let mut hasher = Fingerprinter::new();
        past.hash_past(&mut hasher);
        let print = hasher.print();
        self.past_places.find(print).unwrap_or_else(|| {
            let place = number(self.pasts.len());
            self.pasts.push(past);
            self.past_places.insert(print, place);
            place
        })
    }

    /// What happens in `step`, in words, and what the nodes say to it.
    pub(super) fn story(&self, state: &State, step: Step) -> (String, Vec<String>) {
        let node = &self.nodes[state.nodes[usize::from(step.node)] as usize];
        let mut lines: Vec<Line> = Vec::new();
        if step.input != Input::Pass {
            // How it ends is known already.
            let told = std::panic::AssertUnwindSafe(|| {
                let message = self.message_of(step.input);
                drop(node.after(&self.world, step.input, message, step.slow, Some(&mut lines)));
            });
            drop(std::panic::catch_unwind(told));
        }
        (self.describe(node, step), lines.iter().map(ToString::to_string).collect())
    }

    fn describe(&self, node: &Node, step: Step) -> String {
        let id = node.id;
        match step.input {
            Input::Timeout => format!("the election timeout of {id} passes"),
            Input::Propose => format!("a client asks {id} for a write"),
            Input::Beat => format!("the heartbeat interval of {id} passes"),
            Input::Read { .. } => format!("a client asks {id} for a read"),
            Input::Change { choice } => {
                format!("an operator asks {id} for a change: {:?}", self.world.changes[usize::from(choice)])
            }
            Input::Transfer { to } => format!("an operator asks {id} to hand over to n{}", to + 1),
            Input::Persist => format!("the disk of {id} is done"),
            Input::Crash { parts } => {
                let all = node.disk.pending_parts();
                format!("{id} loses power with {parts} of {all} parts written, and starts again")
            }
            Input::Damage { from } => {
                format!("{id} loses power, cannot read its log from {from} on, and starts to recover")
            }
            Input::Pass => "a moment passes".to_owned(),
            Input::Deliver { message } => format!("arrives: {}", self.messages[message as usize]),
        }
    }
}

impl Allowance {
    fn spend(&mut self, step: Step) {
        let used = match step.input {
            Input::Timeout => &mut self.campaigns,
            Input::Propose => &mut self.proposals,
            Input::Beat => &mut self.heartbeats,
            Input::Read { .. } => &mut self.reads,
            Input::Change { .. } => &mut self.changes,
            Input::Transfer { .. } => &mut self.transfers,
            Input::Crash { .. } => &mut self.crashes,
            Input::Damage { .. } => &mut self.damages,
            Input::Pass => &mut self.moments,
            Input::Persist | Input::Deliver { .. } => &mut 0,
        };
        *used = used.saturating_sub(1);
        self.slow_writes -= u8::from(step.slow);
    }

    fn numbers(&mut self) -> [&mut u8; 10] {
        let Allowance {
            campaigns,
            slow_writes,
            proposals,
            crashes,
            damages,
            heartbeats,
            reads,
            changes,
            transfers,
            moments,
        } = self;
        [campaigns, slow_writes, proposals, crashes, damages, heartbeats, reads, changes, transfers, moments]
    }
}

impl Address {
    fn of(envelope: &Envelope) -> Address {
        let kind = match &envelope.message {
            Message::Vote(vote) => Kind::Vote(vote.asked),
            Message::VoteReply(reply) => Kind::VoteReply(reply.asked),
            Message::Append(_) | Message::Heartbeat(_) | Message::Snapshot(_) => Kind::Request,
            Message::AppendReply(_) | Message::HeartbeatReply(_) | Message::SnapshotReply(_) => Kind::Reply,
            Message::Hello(_) => Kind::Hello,
            Message::HelloReply(_) => Kind::HelloReply,
            Message::TimeoutNow(_) => Kind::TimeoutNow,
            Message::ReadIndex(_) | Message::ReadIndexReply(_) => Kind::Other,
        };
        let to = u8::try_from(envelope.to.0 - 1).expect("a small world has few nodes");
        Address { to, term: envelope.term, kind }
    }
}

impl State {
    /// What tells this state from others.
    pub(super) fn print(&self) -> u128 {
        let mut hasher = Fingerprinter::new();
        let State { nodes, past, left, asked, network } = self;
        (nodes, past, left, asked).hash(&mut hasher);
        network.iter().for_each(|message| hasher.write_u32(*message));
        hasher.print()
    }

    /// As few bytes, behind `bytes`.
    pub(super) fn write(&mut self, bytes: &mut Vec<u8>) {
        let State { nodes, past, left, asked, network } = self;
        nodes.iter().for_each(|node| write_number(*node, bytes));
        write_number(*past, bytes);
        bytes.extend(left.numbers().map(|number| *number));
        write_number(number(asked.len()), bytes);
        asked.iter().for_each(|(ticket, committed)| bytes.extend([*ticket, *committed]));
        write_number(number(network.len()), bytes);
        let mut before = 0;
        for message in network {
            write_number(*message - before, bytes);
            before = *message;
        }
    }

    /// What `write` has written at the front of `bytes`, which is taken away.
    pub(super) fn read(bytes: &mut &[u8]) -> State {
        let mut state = State::default();
        state.nodes.iter_mut().for_each(|node| *node = read_number(bytes));
        state.past = read_number(bytes);
        state.left.numbers().into_iter().for_each(|number| *number = read_byte(bytes));
        let asked = read_number(bytes);
        state.asked = (0..asked).map(|_| (read_byte(bytes), read_byte(bytes))).collect();
        let messages = read_number(bytes);
        let mut before = 0;
        for _ in 0..messages {
            before += read_number(bytes);
            state.network.push(before);
        }
        state
    }
}

/// Seven bits a byte, the lowest first.
fn write_number(mut number: u32, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn read_number(bytes: &mut &[u8]) -> u32 {
    let (mut number, mut shift) = (0, 0);
    loop {
        let byte = read_byte(bytes);
        number |= u32::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return number;
        }
    }
}

fn read_byte(bytes: &mut &[u8]) -> u8 {
    let (first, rest) = bytes.split_first().expect("a state is read as it was written");
    *bytes = rest;
    *first
}

fn number(count: usize) -> u32 {
    u32::try_from(count).expect("there are fewer than four billion of them")
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("sizes", &self.sizes()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_as_it_was_written() {
        let left = Allowance { campaigns: 3, reads: 1, moments: 200, ..Allowance::default() };
        let network = vec![0, 1, 127, 128, 300, 70_000, 5_000_000];
        let state = State { nodes: [7, 0, 129, 1 << 30, 2], past: 77, left, asked: vec![(1, 5), (2, 255)], network };
        let other = State { asked: Vec::new(), network: Vec::new(), ..state.clone() };
        let mut bytes = Vec::new();
        state.clone().write(&mut bytes);
        other.clone().write(&mut bytes);
        let mut rest = &bytes[..];
        assert_eq!([State::read(&mut rest), State::read(&mut rest)], [state, other]);
        assert!(rest.is_empty());
    }
}
