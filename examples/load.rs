//! A closed-loop load generator for a local cluster: C connections, K requests in flight on each.
//!
//! ```text
//! cargo run --release --example load -- --cluster demo -C 16 -K 16 --seconds 5 --value-bytes 256 --op put
//! ```
//!
//! Prints one JSON line. The first half second warms up and is not counted. `--op fill` writes each key once, in order,
//! and takes the time that it takes. `benches/compare.sh` and `benches/restart.sh` use it.

use std::cell::Cell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use clap::Parser;
use hdrhistogram::Histogram;
use raftctl::api::{Ask, Consistency, Query};
use raftctl::client::{Aim, Call, Client, ClientOptions, Completion, Endpoint};
use raftctl::codec::entry::encode_command;
use raftctl::raft::Index;
use raftctl::state_machine::{Command, Operation};
use raftctl::storage::layout::NodeFile;
use raftctl::transport::Identity;

const WARM_UP: Duration = Duration::from_millis(500);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Clone, Parser)]
struct Arguments {
    /// Name of a local cluster
    #[arg(long)]
    cluster: String,
    #[arg(short = 'C', long, default_value_t = 16)]
    connections: u64,
    /// Requests in flight on each connection
    #[arg(short = 'K', long, default_value_t = 16)]
    in_flight: u64,
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    #[arg(long, default_value_t = 256)]
    value_bytes: usize,
    #[arg(long, default_value_t = 10_000)]
    keys: u64,
    /// put, get, or fill
    #[arg(long, default_value = "put")]
    op: String,
}

fn main() {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be built");
    let local = tokio::task::LocalSet::new();
    let cpu_before = cpu_seconds();
    let results = local.block_on(&runtime, async {
        let filled = Rc::new(Cell::new(0));
        let tasks: Vec<_> = (0..arguments.connections)
            .map(|number| tokio::task::spawn_local(drive(arguments.clone(), number, filled.clone())))
            .collect();
        let mut results = Vec::new();
        for task in tasks {
            results.push(task.await.expect("a connection's task does not panic"));
        }
        results
    });
    report(&arguments, &results, cpu_seconds() - cpu_before);
}

struct Counted {
    latency_us: Histogram<u64>,
    errors: u64,
    seconds: f64,
}

/// Latencies from one microsecond to a minute, to three digits.
fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("the bounds are in order")
}

/// One connection. Those that fill take their keys from one counter, `filled`.
async fn drive(arguments: Arguments, number: u64, filled: Rc<Cell<u64>>) -> Counted {
    let mut client = Client::start(options(&arguments.cluster)).expect("the client starts");
    let mut counted = Counted { latency_us: new_histogram(), errors: 0, seconds: 0.0 };
    let fills = arguments.op == "fill";
    let begin = if fills { Instant::now() } else { Instant::now() + WARM_UP };
    let end = (!fills).then(|| begin + Duration::from_secs(arguments.seconds));
    let mut sent = vec![Instant::now(); usize::try_from(arguments.in_flight).expect("a window fits in memory")];
    let mut random = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut call = |token: u64| {
        if fills {
            let key = filled.replace(filled.get() + 1);
            return (key < arguments.keys).then(|| request(&arguments, key, token));
        }
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        Some(request(&arguments, random % arguments.keys, token))
    };
    client.submit((0..arguments.in_flight).filter_map(&mut call));
    let mut done: Vec<Completion> = Vec::new();
    while client.open() > 0 && end.is_none_or(|end| Instant::now() < end) {
        client.completions(&mut done).await;
        let now = Instant::now();
        let tokens: Vec<u64> = done.iter().map(|completion| completion.token).collect();
        for completion in done.drain(..) {
            let slot = usize::try_from(completion.token).expect("tokens are slots");
            if completion.result.is_err() {
                counted.errors += 1;
            } else if now >= begin {
                let micros = u64::try_from((now - sent[slot]).as_micros()).unwrap_or(u64::MAX);
                counted.latency_us.saturating_record(micros);
            }
            sent[slot] = now;
        }
        client.submit(tokens.into_iter().filter_map(&mut call));
    }
    counted.seconds = (Instant::now() - begin).as_secs_f64();
    client.close().await;
    counted
}

fn request(arguments: &Arguments, key: u64, token: u64) -> Call {
    let key = format!("key-{key:012}").into_bytes();
    let ask = if arguments.op == "get" {
        Ask::Read { query: Query::Get { key }, consistency: Consistency::Linearizable, at_least: Index(0) }
    } else {
        let mut encoded = BytesMut::new();
        let value = vec![b'v'; arguments.value_bytes];
        encode_command(&Command { key, operation: Operation::Put { value } }, &mut encoded);
        Ask::Write(encoded.freeze())
    };
    Call { token, aim: Aim::Leader, ask, deadline: Instant::now() + REQUEST_TIMEOUT }
}

fn options(cluster: &str) -> ClientOptions {
    let home = std::env::var_os("RAFTCTL_HOME").map(PathBuf::from).unwrap_or_else(|| {
        let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        state.unwrap_or_else(|| home.join(".local/state")).join("raftctl")
    });
    let directory = home.join(cluster);
    let nodes = std::fs::read_dir(directory.join("nodes")).expect("the cluster is a local one");
    let mut endpoints: Vec<Endpoint> = nodes
        .map(|entry| NodeFile::read(&entry.expect("its nodes can be listed").path()).expect("node.yaml can be read"))
        .map(|file| Endpoint { id: file.id, name: file.name, address: file.advertise })
        .collect();
    endpoints.sort_by_key(|endpoint| endpoint.id);
    let identity = Identity::load(&directory.join("client")).expect("the cluster has a client identity");
    ClientOptions { cluster: identity.cluster(), endpoints, identity, pinned: None }
}

/// User and system time of this process.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<u64> = text
        .rsplit_once(')')
        .map(|(_, rest)| rest.split_whitespace().filter_map(|field| field.parse().ok()).collect())
        .unwrap_or_default();
    // Behind the state letter, which is no number: utime and stime are the 11th and 12th; 100 ticks a second.
    let tick = |position: usize| fields.get(position).copied().unwrap_or(0) as f64 / 100.0;
    tick(10) + tick(11)
}

fn report(arguments: &Arguments, results: &[Counted], cpu: f64) {
    let mut all = new_histogram();
    for result in results {
        all.add(&result.latency_us).expect("histograms of one kind add up");
    }
    let seconds = results.iter().map(|result| result.seconds).fold(0.0, f64::max);
    let errors: u64 = results.iter().map(|result| result.errors).sum();
    let ops = all.len();
    println!(
        "{}",
        serde_json::json!({
            "op": arguments.op, "connections": arguments.connections, "in_flight": arguments.in_flight,
            "value_bytes": arguments.value_bytes, "seconds": seconds, "ops": ops,
            "ops_per_s": (ops as f64 / seconds).round(),
            "p50_us": all.value_at_quantile(0.5), "p90_us": all.value_at_quantile(0.9),
            "p99_us": all.value_at_quantile(0.99), "p999_us": all.value_at_quantile(0.999), "max_us": all.max(),
            "errors": errors, "client_cpu_us_per_op": cpu * 1e6 / ops.max(1) as f64,
        })
    );
}
