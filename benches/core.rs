//! Three cores in one thread, messages passed directly: what consensus alone costs.
//!
//! `cargo bench --bench core -- ROUNDS BATCH` proposes BATCH entries a round and drives each round until it is
//! committed everywhere. Time is printed; the figure that gates a change is instructions: run the built bench twice
//! under `valgrind --tool=callgrind` with two numbers of rounds, and divide the difference of the totals by the
//! difference of the proposals, so that start-up cancels.

use std::sync::Arc;
use std::time::Instant;

use raftctl::raft::{
    Config, Core, Effects, HardState, Index, Member, NodeId, Options, Recovered, Rules, Setup, Shape, StorageId, Term,
    Time,
};

const NODES: u64 = 3;
const ENTRY_LENGTH_BYTES: u32 = 312;

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let rounds = numbers.first().copied().unwrap_or(20_000);
    let batch = numbers.get(1).copied().unwrap_or(64);
    let mut cores: Vec<Core> = (1..=NODES).map(core).collect();
    let mut effects = Effects::default();
    let now = Time::from_millis(1);
    cores[0].campaign(now);
    settle(&mut cores, &mut effects, now);
    let lengths = vec![ENTRY_LENGTH_BYTES; usize::try_from(batch).expect("a batch fits in memory")];
    let before = cores[0].commit();
    let started = Instant::now();
    for _ in 0..rounds {
        cores[0].propose(now, &lengths).expect("the leader takes proposals");
        settle(&mut cores, &mut effects, now);
    }
    let seconds = started.elapsed().as_secs_f64();
    let committed = cores.iter().map(|core| core.commit() - before).min().expect("there are three cores");
    assert_eq!(committed, rounds * batch, "everything proposed is committed everywhere");
    let rate = committed as f64 / seconds;
    println!("core: {committed} proposals, {batch} a round: {rate:.0} proposals/s, {:.0} ns each", 1e9 / rate);
}

fn core(id: u64) -> Core {
    let member = |id: u64| Member {
        id: NodeId(id),
        name: format!("n{id}"),
        address: String::new(),
        storage: StorageId(u128::from(id)),
    };
    let config = Arc::new(Config::of((1..=NODES).map(member).collect(), Vec::new()));
    let mut log = Shape::empty(Index(1));
    log.push(Term(1), ENTRY_LENGTH_BYTES, Some(config));
    let found =
        Recovered { hard_state: HardState { term: Term(1), vote: None }, snapshot: None, log, commit_hint: Index(1) };
    let setup = Setup {
        id: NodeId(id),
        storage: StorageId(u128::from(id)),
        options: Options::default(),
        seed: id,
        rules: Rules::sound(),
    };
    Core::boot(setup, found, Time::from_millis(0)).expect("a fresh log boots")
}

/// Delivers, persists and applies until nothing moves.
fn settle(cores: &mut [Core], effects: &mut Effects, now: Time) {
    let mut moved = true;
    while moved {
        moved = false;
        for position in 0..cores.len() {
            cores[position].take_effects(now, effects);
            if let Some(write) = effects.write.take() {
                cores[position].persisted(now, write.seq);
                moved = true;
            }
            if let Some(index) = effects.apply_to {
                cores[position].applied(index);
            }
            for envelope in effects.send.drain(..) {
                moved = true;
                let to = usize::try_from(envelope.to.0 - 1).expect("ids are small");
                cores[to].receive(now, envelope);
            }
        }
    }
}
