//! Runs a script: each command moves the world, and what the world then did becomes the block's output.
//!
//! A block of several commands repeats each command that printed something, behind a `>`. A block that printed nothing
//! says `ok`.

use core::time::Duration;

use super::command::{self, Words, duration, number, switch};
use super::network::Link;
use super::parse::{Piece, Script};
use super::show::{self, Line};
use super::whole::WholeWorld;
use super::world::{Node, World};
use super::{CommandFault, SCRIPT_BYTES_MAX, ScriptFault, change, clients, expect, inject, snapshots};
use crate::raft::{Config, HardState, Index, LogId, Member, NodeId, Options, Rules, StorageId, Term, WriteSeq};

/// Most rounds of delivery until the world must be quiet.
const ROUNDS_MAX: usize = 2_000;
/// Most deadlines that may fire while one command moves clocks.
const DEADLINES_MAX: usize = 100_000;
/// Most members of a scripted cluster.
const NODES_MAX: u64 = 9;
/// Encoded length of a proposed entry unless the script says otherwise, in bytes.
const PROPOSAL_LENGTH: u32 = 100;
/// A drift is given in percent and kept in millionths.
const PPM_PER_PERCENT: u32 = 10_000;
/// Most entries in one `propose`.
const PROPOSALS_MAX: u64 = 10_000;

/// Runs a script and gives its text with the outputs as they came out now. All its cores keep `rules`, except what
/// its `cluster` command breaks besides.
///
/// With `rules` broken, the story is another one from some point on: what fails then is kept, and the story goes on, so
/// that it can show which invariant breaks in the end.
///
/// # Errors
/// A command that cannot be understood or carried out, an expectation that does not hold, a broken invariant.
pub fn run(text: &str, rules: Rules) -> Result<String, ScriptFault> {
    if text.len() > SCRIPT_BYTES_MAX {
        return Err(ScriptFault::TooLong { bytes: text.len() });
    }
    let mut script = Script::parse(text);
    let mut world = None;
    let mut failed = None;
    for piece in &mut script.pieces {
        let Piece::Block(block) = piece else { continue };
        block.output.clear();
        let echo = block.commands.len() > 1;
        for (line, command) in &block.commands {
            let (printed, done) = print(&mut world, rules, command);
            if echo && !printed.is_empty() {
                block.output.push(format!("> {command}"));
            }
            block.output.extend(printed);
            if let Err(source) = done {
                let goes_on = !rules.are_sound() && world.is_some() && !matches!(source, CommandFault::Violated(_));
                let so_far = block.output.join("\n");
                let fault = ScriptFault::Command { line: *line, command: command.clone(), source, so_far };
                if !goes_on {
                    return Err(fault);
                }
                failed.get_or_insert(fault);
            }
        }
        if block.output.is_empty() {
            block.output.push("ok".to_owned());
        }
    }
    failed.map_or_else(|| Ok(script.render()), Err)
}

/// Does what one line says: what that prints, and whether it could be done.
fn print(slot: &mut Option<World>, rules: Rules, line: &str) -> (Vec<String>, Result<(), CommandFault>) {
    match WholeWorld::parse(line) {
        Some(Ok(whole)) => whole.tell(rules),
        Some(Err(fault)) => (Vec::new(), Err(fault)),
        None => {
            let done = carry_out(slot, rules, line);
            let trace = slot.as_mut().map_or(Vec::new(), |world: &mut World| std::mem::take(&mut world.trace));
            (trace.iter().map(Line::to_string).collect(), done)
        }
    }
}

fn carry_out(slot: &mut Option<World>, rules: Rules, line: &str) -> Result<(), CommandFault> {
    if let Some(quiet) = line.strip_prefix("quietly ") {
        let kept = slot.as_ref().map_or(0, |world| world.trace.len());
        let done = carry_out(slot, rules, quiet.trim_start());
        if let (Ok(()), Some(world)) = (&done, slot) {
            world.trace.truncate(kept);
        }
        return done;
    }
    let (command, mut words) = Words::split(line);
    if command == "cluster" {
        if slot.is_some() {
            return Err(CommandFault::Order);
        }
        *slot = Some(cluster(rules, &mut words)?);
        return words.finish();
    }
    let world = slot.as_mut().ok_or(CommandFault::Order)?;
    if !prepare(world, &command, &mut words)? {
        world.start_all()?;
        if command == "expect" {
            return expect::expect(world, words);
        }
        if command == "inject" {
            let envelope = inject::build(world, words)?;
            world.trace.push(Line::handed(&envelope));
            return world.deliver(envelope);
        }
        let known = requests(world, &command, &mut words)?
            || clocks(world, &command, &mut words)?
            || messages(world, &command, &mut words)?
            || links(world, &command, &mut words)?
            || faults(world, &command, &mut words)?
            || views(world, &command, &mut words)?;
        if !known {
            return Err(CommandFault::UnknownCommand);
        }
    }
    words.finish()
}

fn cluster(rules: Rules, words: &mut Words) -> Result<World, CommandFault> {
    let mut options = Options { pre_vote: true, check_quorum: true, ..Options::default() };
    let seed = words.take_number("seed")?.unwrap_or(1);
    let switches = [
        ("pre_vote", &mut options.pre_vote),
        ("check_quorum", &mut options.check_quorum),
        ("lease_reads", &mut options.lease_reads),
    ];
    for (key, field) in switches {
        if let Some(value) = words.take_value(key) {
            *field = switch(&value)?;
        }
    }
    let times = [("election", &mut options.election_timeout), ("heartbeat", &mut options.heartbeat_interval)];
    for (key, field) in times {
        if let Some(value) = words.take_value(key) {
            *field = duration(&value)?;
        }
    }
    if let Some(word) = words.take_value("drift") {
        options.clock_drift_ppm = command::percent(&word)? * PPM_PER_PERCENT;
    }
    let idle = words.take_value("idle_heartbeat").map(|value| duration(&value)).transpose()?;
    options.idle_heartbeat_interval = idle.unwrap_or(options.heartbeat_interval);
    let limits = [
        ("max_inflight_bytes", &mut options.max_inflight_bytes),
        ("max_append_bytes", &mut options.max_append_bytes),
        ("max_uncommitted_bytes", &mut options.max_uncommitted_bytes),
        ("retain", &mut options.retain_entries),
        ("retain_max", &mut options.retain_entries_max),
    ];
    for (key, field) in limits {
        *field = words.take_number(key)?.unwrap_or(*field);
    }
    let counts = [
        ("max_inflight_messages", &mut options.max_inflight_messages),
        ("max_pending_reads", &mut options.max_pending_reads),
        ("max_transfers", &mut options.max_snapshot_transfers),
    ];
    for (key, field) in counts {
        if let Some(count) = words.take_number(key)? {
            *field = usize::try_from(count).unwrap_or(usize::MAX);
        }
    }
    let broken = words.take_value("break").map_or(Ok(Rules::sound()), |value| value.parse::<Rules>());
    let rules = broken?.broken().fold(rules, Rules::and_without);
    let [learners, empty, spare] = ["learners", "empty", "spare"].map(|key| words.take_listed(key));
    let (learners, empty, spare) = (learners?, empty?, spare?);
    if let Some(bytes) = words.take_number("chunk")? {
        options.max_chunk_bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    }
    let count = number(&words.take("the number of nodes")?)?;
    if !(1..=NODES_MAX).contains(&count) {
        return Err(CommandFault::NotA { wanted: "a number of nodes from 1 to 9", word: count.to_string() });
    }
    let mut world = World::new(Config::of((1..=count).map(member).collect(), learners), options, rules, seed);
    for id in empty {
        world.disk_before_start(id)?.wipe();
    }
    for id in spare {
        if id.0 > NODES_MAX {
            return Err(CommandFault::NotA { wanted: "a node from n1 to n9", word: id.to_string() });
        }
        world.add_spare(&member(id.0));
    }
    Ok(world)
}

/// A node of this world as a configuration names it.
pub(super) fn member(id: u64) -> Member {
    Member {
        id: NodeId(id),
        name: format!("n{id}"),
        address: format!("127.0.0.1:{}", 7000 + id),
        storage: StorageId(u128::from(id)),
    }
}

/// What is on the disks before the nodes start.
fn prepare(world: &mut World, verb: &str, words: &mut Words) -> Result<bool, CommandFault> {
    match verb {
        "log" if !world.is_started() && !words.is_empty() => {
            let id = words.take_node()?;
            let mut terms = Vec::new();
            for word in words.take_rest() {
                let (term, times) = word.split_once('*').unwrap_or((&word, "1"));
                let times = usize::try_from(number(times)?.min(PROPOSALS_MAX)).expect("the count is bounded");
                terms.extend(std::iter::repeat_n(command::term(term)?, times));
            }
            if terms.len() as u64 > PROPOSALS_MAX || !terms.is_sorted() {
                return Err(CommandFault::NotA {
                    wanted: "at most 10000 terms that do not fall",
                    word: verb.to_owned(),
                });
            }
            world.prepare_log(id, &terms)?;
        }
        "term" => {
            let id = words.take_node()?;
            let term = Term(command::term(&words.take("a term")?)?);
            world.disk_before_start(id)?.hard_state = HardState { term, vote: None };
        }
        "vote" => {
            let id = words.take_node()?;
            let vote = Some(words.take_node()?);
            world.disk_before_start(id)?.hard_state.vote = vote;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// What clients, operators and the shell ask of a node.
fn requests(world: &mut World, command: &str, words: &mut Words) -> Result<bool, CommandFault> {
    match command {
        "campaign" | "elect" => {
            let id = words.take_node()?;
            world.input(id, |core, now| core.campaign(now))?;
            if command == "elect" {
                stabilize(world)?;
            }
        }
        "propose" => {
            let id = words.take_node()?;
            let length = words.take_number("length")?.map_or(PROPOSAL_LENGTH, |l| u32::try_from(l).unwrap_or(u32::MAX));
            let count = words.take_optional().map_or(Ok(1), |word| number(&word))?;
            if count == 0 || count > PROPOSALS_MAX {
                return Err(CommandFault::NotA { wanted: "from 1 to 10000 entries", word: count.to_string() });
            }
            propose(world, id, count, length)?;
        }
        "read" => {
            let id = words.take_node()?;
            let label = words.take("a read like t1")?;
            let ticket = number(label.strip_prefix('t').unwrap_or(&label))?;
            world.note_read(id, ticket);
            if words.take_flag("lease") && world.read_by_lease(id, ticket)? {
                return Ok(true);
            }
            if let Err(refusal) = world.input(id, |core, now| core.read(now, ticket))? {
                world.trace.push(show::refusal(id, refusal));
            }
        }
        "transfer" => {
            let id = words.take_node()?;
            let to = words.take_nodes().first().copied();
            if let Err(refusal) = world.input(id, |core, now| core.transfer(now, to))? {
                world.trace.push(show::refusal(id, refusal));
            }
        }
        "submit" => clients::submit(world, words)?,
        "change" => {
            change::change(world, words)?;
        }
        "snapshot" => snapshots::take(world, words)?,
        "unreachable" | "append-lost" | "snapshot-lost" => {
            let (id, peer) = (words.take_node()?, words.take_node()?);
            match command {
                "unreachable" => world.input(id, |core, now| core.unreachable(now, peer))?,
                "append-lost" => world.input(id, |core, now| core.append_lost(now, peer))?,
                _ => world.input(id, |core, _| core.snapshot_lost(peer))?,
            }
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Entries become known to the world before the core is drained, since its write names them.
fn propose(world: &mut World, id: NodeId, count: u64, length: u32) -> Result<(), CommandFault> {
    let lengths = vec![length; usize::try_from(count).expect("the count is bounded")];
    let now = world.node(id)?.clock;
    let core = world.node_mut(id)?.core.as_mut().ok_or(CommandFault::Down { node: id })?;
    match core.propose(now, &lengths) {
        Ok(first) => {
            let last = LogId { index: first.index + (count - 1), term: first.term };
            for offset in 0..count {
                world.create(LogId { index: first.index + offset, term: first.term }, length, None);
            }
            let range = if count == 1 { first.to_string() } else { format!("{first} to {last}") };
            world.trace.push(Line::plain(format!("{id} appends {range}")));
        }
        Err(refusal) => world.trace.push(show::refusal(id, refusal)),
    }
    world.drain(id)
}

fn clocks(world: &mut World, command: &str, words: &mut Words) -> Result<bool, CommandFault> {
    match command {
        "clock" => {
            let id = words.take_node()?;
            let word = words.take("a rate like +10%")?;
            world.node_mut(id)?.rate_percent = command::rate(&word)?;
        }
        "tick" => {
            let named = words.take_nodes();
            let span = words.take_duration()?;
            let ids = if named.is_empty() { all(world) } else { named };
            for id in ids {
                tick(world, id, span)?;
            }
        }
        "run" => {
            let span = words.take_duration()?;
            let before = world.trace.len();
            run_for(world, span)?;
            let tail = world.trace.split_off(before);
            world.trace.extend(tail.into_iter().filter(Line::is_outline));
        }
        "stabilize" => stabilize(world)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// Lets a time pass for one node, as long by its clock as its rate makes it, stopping at each of its deadlines.
fn tick(world: &mut World, id: NodeId, span: Duration) -> Result<(), CommandFault> {
    let node = world.node(id)?;
    let target = node.clock + node.by_its_clock(span);
    for _ in 0..DEADLINES_MAX {
        let node = world.node_mut(id)?;
        let due = node.core.as_ref().and_then(|core| core.next_deadline()).filter(|due| *due <= target);
        let Some(due) = due else {
            node.clock = target;
            return Ok(());
        };
        node.clock = node.clock.max(due);
        world.input(id, |core, now| core.tick(now))?;
    }
    Err(CommandFault::NeverQuiet { steps: DEADLINES_MAX })
}

/// Lets all clocks run side by side, delivering everything at once, from deadline to deadline.
fn run_for(world: &mut World, span: Duration) -> Result<(), CommandFault> {
    let mut left = span;
    for _ in 0..DEADLINES_MAX {
        stabilize(world)?;
        let wait = |node: &Node| Some(node.until(node.core.as_ref()?.next_deadline()?));
        let step = world.nodes.values().filter_map(wait).min();
        let step = step.unwrap_or(left).min(left);
        for node in world.nodes.values_mut() {
            node.clock += node.by_its_clock(step);
        }
        left -= step;
        for id in all(world) {
            if world.node(id)?.core.is_some() {
                world.input(id, |core, now| core.tick(now))?;
            }
        }
        if left.is_zero() {
            return stabilize(world);
        }
    }
    Err(CommandFault::NeverQuiet { steps: DEADLINES_MAX })
}

fn stabilize(world: &mut World) -> Result<(), CommandFault> {
    for _ in 0..ROUNDS_MAX {
        if !world.deliver_round(false)? {
            return Ok(());
        }
    }
    Err(CommandFault::NeverQuiet { steps: ROUNDS_MAX })
}

/// Handing over, losing, repeating what is under way.
fn messages(world: &mut World, command: &str, words: &mut Words) -> Result<bool, CommandFault> {
    match command {
        "deliver" | "drop" => {
            let count = words.take_number("count")?;
            let newest = words.take_flag("last");
            let count = count.or(newest.then_some(1)).map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
            let links = words.take_links();
            let taken = take_messages(world, &links, count, newest)?;
            for envelope in taken {
                if command == "drop" {
                    world.trace.push(Line::lost(&envelope));
                } else {
                    world.trace.push(Line::handed(&envelope));
                    world.deliver(envelope)?;
                }
            }
        }
        "duplicate" | "copy" => {
            let (from, to) = words.take_link()?;
            let oldest = world.network.oldest((from, to)).cloned();
            let oldest = oldest.ok_or(CommandFault::NothingQueued { from, to })?;
            if command == "duplicate" {
                world.network.send(&oldest);
            } else {
                world.copies.insert(words.take("a name for the copy")?, oldest);
            }
        }
        "replay" => {
            let name = words.take("the name of a copy")?;
            let copy = world.copies.get(&name).cloned().ok_or(CommandFault::NoCopy { name })?;
            world.trace.push(Line::handed(&copy));
            world.deliver(copy)?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// What `links` name, or else what is under way now on links that are not held.
fn take_messages(
    world: &mut World,
    links: &[Link],
    count: usize,
    newest: bool,
) -> Result<Vec<crate::raft::Envelope>, CommandFault> {
    let named = if links.is_empty() { world.network.busy_links() } else { links.to_vec() };
    let mut taken = Vec::new();
    for link in named {
        let found = world.network.take(link, count, newest);
        if found.is_empty() {
            return Err(CommandFault::NothingQueued { from: link.0, to: link.1 });
        }
        taken.extend(found);
    }
    Ok(taken)
}

fn links(world: &mut World, command: &str, words: &mut Words) -> Result<bool, CommandFault> {
    match command {
        "cut" => {
            let here = words.take_nodes();
            if !words.take_flag("|") {
                return Err(CommandFault::Missing { wanted: "a bar between the two sides" });
            }
            let there = words.take_nodes();
            for (one, other) in here.iter().flat_map(|one| there.iter().map(move |other| (*one, *other))) {
                cut(world, (one, other));
                cut(world, (other, one));
            }
        }
        "isolate" => {
            let id = words.take_node()?;
            for other in all(world).into_iter().filter(|other| *other != id) {
                cut(world, (id, other));
                cut(world, (other, id));
            }
        }
        "oneway" => {
            let (from, to) = words.take_link()?;
            cut(world, (to, from));
        }
        "heal" => {
            let named = words.take_nodes();
            world.network.mend(|(from, to)| named.is_empty() || named.contains(&from) || named.contains(&to));
        }
        "hold" | "release" => {
            for link in words.take_links() {
                if command == "hold" { world.network.hold(link) } else { world.network.release(link) }
            }
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn cut(world: &mut World, link: Link) {
    let lost = world.network.cut(link);
    world.trace.extend(lost.iter().map(Line::lost));
}

/// Disks and crashes.
fn faults(world: &mut World, command: &str, words: &mut Words) -> Result<bool, CommandFault> {
    match command {
        "persist" => {
            let auto = words.take_flag("auto");
            if auto || words.take_flag("off") {
                let named = words.take_nodes();
                for id in if named.is_empty() { all(world) } else { named } {
                    world.node_mut(id)?.auto_persist = auto;
                    if auto {
                        world.persist(id, None)?;
                    }
                }
            } else {
                let id = words.take_node()?;
                let named = if words.take_flag("first") { world.node(id)?.disk.oldest_pending() } else { None };
                let upto = words.take_optional().map(|word| number(word.trim_start_matches('#'))).transpose()?;
                world.persist(id, named.or(upto.map(WriteSeq)))?;
            }
        }
        "worker" => snapshots::work(world, words)?,
        "fail" => {
            let id = words.take_node()?;
            world.input(id, |core, _| core.persist_failed("the write was refused".to_owned()))?;
        }
        "crash" => world.crash(words.take_node()?)?,
        "restart" => {
            let id = words.take_node()?;
            if words.take_flag("wipe-hints") {
                world.node_mut(id)?.disk.commit_hint = Index(0);
            }
            let (damaged, cut) = (words.take_number("damaged")?, words.take_number("cut")?);
            for from in [damaged, cut].into_iter().flatten().filter(|from| *from > 1) {
                world.node_mut(id)?.disk.lose_from(Index(from));
            }
            let node = world.node_mut(id)?;
            node.disk.is_recovering |= damaged.is_some();
            if cut.is_some() {
                node.is_log_cut = true;
                node.disk.lost.clear();
            }
            if words.take_flag("new-disk") {
                world.replace_disk(id)?;
            }
            world.start(id)?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn views(world: &mut World, command: &str, words: &mut Words) -> Result<bool, CommandFault> {
    let lines = match command {
        "status" => show::status(world),
        "log" => {
            let named = words.take_nodes();
            show::logs(world, &if named.is_empty() { all(world) } else { named })?
        }
        "progress" => show::progress(world, words.take_node()?)?,
        "config" => {
            let named = words.take_nodes();
            show::configs(world, &if named.is_empty() { all(world) } else { named })?
        }
        "inflight" => world.network.in_flight().map(Line::message).collect(),
        _ => return Ok(false),
    };
    world.trace.extend(lines);
    Ok(true)
}

fn all(world: &World) -> Vec<NodeId> {
    world.nodes.keys().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::Rule;

    fn fault_of(script: &str) -> String {
        let fault = run(script, Rules::sound()).expect_err("the script has a fault");
        fault.to_string().lines().next().expect("a fault says something").to_owned()
    }

    #[test]
    fn a_run_script_runs_to_the_same_text_again() {
        let first =
            run("# Elect.\n\ncluster 3\n\nelect n1\nexpect leader n1\n", Rules::sound()).expect("the script runs");
        assert!(first.contains("* n1 became leader in term 2"), "{first}");
        assert_eq!(run(&first, Rules::sound()).expect("its own output is a script"), first);
    }

    #[test]
    fn faults_name_line_command_and_cause() {
        assert_eq!(fault_of("elect n1\n"), "line 1: `elect n1`: a script starts with `cluster`, once");
        assert_eq!(fault_of("cluster 3\n\njump n1\n"), "line 3: `jump n1`: there is no such command");
        assert_eq!(fault_of("cluster 3\nelect n7\n"), "line 2: `elect n7`: n7 is not a member of this world");
        assert_eq!(fault_of("cluster 3\ncrash n1\nelect n1\n"), "line 3: `elect n1`: n1 is down");
        assert_eq!(
            fault_of("cluster 3\nexpect leader n1\n"),
            "line 2: `expect leader n1`: expected n1 to lead, found nobody"
        );
        assert_eq!(
            fault_of("cluster 3\ndeliver n1->n2\n"),
            "line 2: `deliver n1->n2`: nothing is under way from n1 to n2"
        );
        assert_eq!(
            fault_of("cluster 3\nlog n1 3 2\n"),
            "line 2: `log n1 3 2`: `log` is not at most 10000 terms that do not fall"
        );
        assert_eq!(fault_of("cluster 3\nterm n1 0\n"), "line 2: `term n1 0`: `0` is not a term from 1 to a million");
    }

    #[test]
    fn a_broken_invariant_fails_the_script() {
        let forged = "cluster 3\nelect n1\ninject n2->n1 t2 ack index=2\npropose n1\ninject n2->n1 t2 ack index=3\n";
        let fault = fault_of(forged);
        assert!(fault.contains("invariant I8") || fault.contains("invariant I9"), "{fault}");
    }

    #[test]
    fn storms_end_in_a_fault_and_not_in_memory() {
        let held = "cluster 3\nelect n1\nhold n1->n2\nrun 600s\n";
        assert!(fault_of(held).contains("messages are under way from n1 to n2"), "{}", fault_of(held));
        let restless = "cluster 1 heartbeat=0ms\nelect n1\ntick n1 1ms\n";
        assert!(fault_of(restless).contains("the world is not quiet"), "{}", fault_of(restless));
    }

    #[test]
    fn a_rule_is_broken_from_outside_or_by_the_script() {
        let early = "persist off\ncampaign n1\ndeliver n1->n2\n";
        let sound = format!("cluster 3 pre_vote=off\n{early}");
        let broken = format!("cluster 3 pre_vote=off break=R15-durable\n{early}");
        run(&sound, Rules::sound()).expect_err("vote requests wait for the disk");
        run(&sound, Rules::without(Rule::VoteRequestWaits)).expect("they leave at once");
        run(&broken, Rules::sound()).expect("they leave at once");
        assert_eq!(
            fault_of("cluster 3 break=R47-else\n"),
            "line 1: `cluster 3 break=R47-else`: `R47-else` is no rule that can be broken"
        );
    }

    #[test]
    fn what_was_not_persisted_is_gone_after_a_crash() {
        let script = "cluster 1\npersist off n1\ncampaign n1\ncrash n1\nrestart n1\nexpect term n1 1\n";
        run(script, Rules::sound()).expect("the term was never durable");
    }
}
