//! Explores every course of a small cluster: `cargo run --release --example explore -- terms=2 crashes=1 break=R53-ack`.
//!
//! Prints how many states there are, how deep they lie, and the shortest story that breaks an invariant, if one does.
//! `all` goes through the worlds that docs/testing.md reports, which takes an hour or less and four gigabytes at most;
//! `examples/explore.sh` sees to that. What each word means is said at `Bounds`.

use std::error::Error;
use std::time::Instant;

use raftctl::sim::explore::{Bounds, Verdict, explore};

/// What `all` explores: elections and logs, changes of members, damaged logs, leases.
const ALL: &[&str] = &[
    "campaigns=2 stale_answers=true",
    "campaigns=2 reads=2",
    "campaigns=2 heartbeats=1 slow_writes=1",
    "campaigns=2 heartbeats=1 break=R40",
    "campaigns=2 crashes=1 slow_writes=1",
    "campaigns=3 crashes=1 slow_writes=1",
    "campaigns=3 crashes=1 slow_writes=1 break=R15-durable",
    "campaigns=3 crashes=1 slow_writes=1 break=R15-nonce",
    "campaigns=3 crashes=1 slow_writes=1 break=R15-durable,R15-nonce",
    "campaigns=3 crashes=1 slow_writes=1 watches_ids=false break=R15-durable,R15-nonce",
    "campaigns=2 heartbeats=2 proposals=1",
    "campaigns=2 pre_vote=true check_quorum=true",
    "campaigns=2 change=remove crashes=1 slow_writes=1",
    "campaigns=2 change=demote crashes=1",
    "campaigns=2 learners=1 change=promote crashes=1",
    "campaigns=3 learners=1 change=swap crashes=1 slow_writes=1",
    "campaigns=2 change=shrink crashes=1",
    "campaigns=3 change=shrink",
    "settled=true campaigns=2 change=shrink break=R73-elect",
    "settled=true change=remove break=R72",
    "campaigns=2 damages=1",
    "campaigns=2 damages=1 break=R64-vote",
    "campaigns=2 damages=1 proposals=1 break=R64-hello",
    "campaigns=2 damages=1 change=remove",
    "campaigns=2 damages=2",
    "campaigns=2 damages=1 crashes=1",
    "leases=true campaigns=2 heartbeats=1 crashes=1",
    "settled=true terms=1 leases=true heartbeats=1 crashes=1 moments=2 timeout_moments=2",
    "settled=true terms=1 leases=true heartbeats=1 crashes=1 moments=2 timeout_moments=2 break=R21-start",
    "settled=true terms=1 leases=true heartbeats=1 pre_vote=true crashes=1 moments=2 timeout_moments=2",
    "settled=true terms=1 leases=true heartbeats=1 moments=3 timeout_moments=4 rates=1,2 drift=100",
    "settled=true terms=1 leases=true heartbeats=1 moments=3 timeout_moments=4 rates=1,2 drift=0",
    "settled=true terms=1 leases=true heartbeats=1 moments=4 timeout_moments=4 rates=2,1 drift=100",
    "settled=true terms=1 leases=true heartbeats=1 transfers=1 moments=1",
    "nodes=2 settled=true terms=1 leases=true heartbeats=1 change=remove moments=2 timeout_moments=2",
    "nodes=2 settled=true terms=1 leases=true heartbeats=1 change=remove moments=2 timeout_moments=2 break=R101",
    "nodes=2 learners=1 settled=true terms=1 leases=true heartbeats=1 change=swap moments=2 timeout_moments=2",
    "nodes=2 learners=1 settled=true terms=1 leases=true heartbeats=1 change=swap moments=2 timeout_moments=2 break=R101",
    "settled=true terms=1 leases=true heartbeats=1 change=remove moments=2 timeout_moments=2",
    "settled=true terms=1 leases=true heartbeats=1 change=remove moments=2 timeout_moments=2 break=R101",
    "settled=true terms=1 leases=true heartbeats=1 learners=1 change=swap moments=1",
    "settled=true terms=1 leases=true heartbeats=1 learners=1 change=swap moments=1 break=R101",
    "settled=true terms=1 leases=true heartbeats=1 change=shrink",
];

/// Most states of each, unless its line says otherwise: what fits into eight gigabytes with room to spare.
const STATES_MAX: usize = 30_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["all"] {
        return ALL.iter().try_for_each(|line| show(line, &bounds_of(line.split(' '))?));
    }
    show(&arguments.join(" "), &bounds_of(arguments.iter().map(String::as_str))?)
}

fn show(title: &str, bounds: &Bounds) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let report = explore(bounds);
    if let Verdict::Violated(found) = &report.verdict {
        println!("{found}");
    }
    println!("{title}: {report} ({:.1} s)", started.elapsed().as_secs_f64());
    Ok(())
}

fn bounds_of<'a>(arguments: impl Iterator<Item = &'a str>) -> Result<Bounds, Box<dyn Error>> {
    let mut bounds = Bounds { states_max: STATES_MAX, ..Bounds::calm() };
    for argument in arguments {
        let (key, value) = argument.split_once('=').ok_or("arguments are key=value, or `all` alone")?;
        match key {
            "nodes" => bounds.nodes = value.parse()?,
            "settled" => bounds.settled = value.parse()?,
            "terms" => bounds.terms = value.parse()?,
            "campaigns" => bounds.campaigns = value.parse()?,
            "slow_writes" => bounds.slow_writes = value.parse()?,
            "proposals" => bounds.proposals = value.parse()?,
            "crashes" => bounds.crashes = value.parse()?,
            "damages" => bounds.damages = value.parse()?,
            "learners" => bounds.learners = value.parse()?,
            "changes" => bounds.changes = value.parse()?,
            "change" => (bounds.change, bounds.changes) = (value.parse()?, bounds.changes.max(1)),
            "transfers" => bounds.transfers = value.parse()?,
            "moments" => bounds.moments = value.parse()?,
            "timeout_moments" => bounds.timeout_moments = value.parse()?,
            "rates" => {
                let (first, others) =
                    value.split_once(',').ok_or("rates are two numbers, for n1 and for the others")?;
                bounds.rates = [first.parse()?, others.parse()?];
            }
            "drift" => bounds.drift_percent = value.parse()?,
            "pre_vote" => bounds.pre_vote = value.parse()?,
            "check_quorum" => bounds.check_quorum = value.parse()?,
            "leases" => bounds.lease_reads = value.parse()?,
            "heartbeats" => bounds.heartbeats = value.parse()?,
            "reads" => bounds.reads = value.parse()?,
            "stale_answers" => bounds.stale_answers = value.parse()?,
            "watches_ids" => bounds.watches_ids = value.parse()?,
            "states" => bounds.states_max = value.parse()?,
            "depth" => bounds.depth_max = value.parse()?,
            "break" => bounds.rules = value.parse()?,
            _ => return Err(format!("there is no bound `{key}`").into()),
        }
    }
    Ok(bounds)
}
