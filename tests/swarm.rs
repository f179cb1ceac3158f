//! The swarm: many seeds, each a whole world with its own faults, each judged; and the same seed twice is the same world.

use raftctl::sim::{RunOptions, run_seed};

#[test]
fn first() {
    let count: u64 = std::env::var("COUNT").ok().and_then(|t| t.parse().ok()).unwrap_or(100);
    let first: u64 = std::env::var("FIRST").ok().and_then(|t| t.parse().ok()).unwrap_or(0);
    let begun = std::time::Instant::now();
    let mut sim = 0.0;
    let mut bad = 0;
    for seed in first..first + count {
        let t = std::time::Instant::now();
        let r = std::panic::catch_unwind(|| run_seed(seed, &RunOptions::default(), std::env::var("LINES").is_ok()));
        let Ok(r) = r else {
            println!("seed {seed} PANICKED");
            bad += 1;
            continue;
        };
        sim += r.simulated.as_secs_f64();
        if count < 20 {
            println!(
                "{seed} n={} {:?} {:?} ack={} reads={} unk={} commit={} undecided={} weak={} {:?} hash={:x} sim {:?}",
                r.nodes,
                t.elapsed(),
                r.counts,
                r.acknowledged,
                r.reads,
                r.unknown,
                r.committed,
                r.undecided,
                r.is_weak,
                r.disk,
                r.trace_hash,
                r.simulated
            );
        }
        if r.is_weak {
            println!("seed {seed} weak: n={} {} {} {:?}", r.nodes, r.acknowledged, r.reads, r.faults);
        }
        if let Some(v) = &r.violation {
            bad += 1;
            println!("seed {seed} n={} VIOLATION {v} {:?}", r.nodes, r.faults);
            if std::env::var("LINES").is_ok() {
                std::fs::write("/tmp/simlines.txt", r.lines.join("\n")).unwrap();
            }
        }
    }
    println!(
        "{bad} bad, sim {sim:.0} s in {:?}: {:.0} x, {:.1} seeds/s",
        begun.elapsed(),
        sim / begun.elapsed().as_secs_f64(),
        count as f64 / begun.elapsed().as_secs_f64()
    );
}
