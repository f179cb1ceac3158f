//! Explores every course of a small cluster: `cargo run --release --example explore -- terms=3 crashes=1 break=R47`.
//!
//! Prints how many states there are, how deep they lie, and the shortest story that breaks an invariant, if one does.

use raftctl::sim::explore::{Bounds, Verdict, explore};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut bounds = Bounds { states_max: 20_000_000, ..Bounds::default() };
    for argument in std::env::args().skip(1) {
        let (key, value) = argument.split_once('=').ok_or("arguments are key=value")?;
        match key {
            "nodes" => bounds.nodes = value.parse()?,
            "terms" => bounds.terms = value.parse()?,
            "proposals" => bounds.proposals = value.parse()?,
            "crashes" => bounds.crashes = value.parse()?,
            "heartbeats" => bounds.heartbeats = value.parse()?,
            "reads" => bounds.reads = value.parse()?,
            "campaigns" => bounds.campaigns = value.parse()?,
            "slow_writes" => bounds.slow_writes = value.parse()?,
            "states" => bounds.states_max = value.parse()?,
            "depth" => bounds.depth_max = value.parse()?,
            "break" => bounds.rules = value.parse()?,
            _ => return Err(format!("there is no bound `{key}`").into()),
        }
    }
    let started = std::time::Instant::now();
    let report = explore(&bounds);
    if let Verdict::Violated(found) = &report.verdict {
        println!("{found}");
    }
    println!("{report} ({:.1} s)", started.elapsed().as_secs_f64());
    Ok(())
}
