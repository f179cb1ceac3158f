//! `raftctl bench`: puts a cluster under load and says how fast it answers and what that costs.
//!
//! One run: a probe that the cluster serves, a warm-up, a measured stretch, a report. `mix` says what is asked, `keys`
//! about which keys, `pace` when; `requests` builds and judges, `load` keeps requests in flight, `meter` looks on.

mod alarm;
mod clean;
mod keys;
mod load;
mod meter;
mod mix;
mod pace;
mod report;
mod requests;
mod tally;
mod usage;

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::ValueEnum as _;

use super::Context;
use super::arguments::{consistency, timeout};
use super::cluster::private::LocalArgs;
use super::failure::{Exit, Failure};
use super::interrupt::Interrupt;
use super::{remote, selection};
use crate::api::{Consistency, KEY_SIZE_MAX};
use crate::client::ClientOptions;
use crate::codec::settings::parse_duration;
use keys::{Distribution, Keys};
use load::{Length, Plan, Times};
use meter::Meter;
use mix::Mix;
use report::{Ended, Report};
use requests::Subject;

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl bench --local 3                                  a cluster of its own, removed afterwards
  raftctl bench --mix put --connections 1 --in-flight 1    the bare cost of one write
  raftctl bench --rate 2000 --duration 60s                 latency at a given rate, stalls included
  raftctl bench --mix get=95,put=5 --distribution zipf --keys 1000000
  raftctl bench --mix put --count 1000000 --keys 1000000 --distribution sequential
  raftctl bench --local 3 -o json | jq .latency.p99_ms

A closed loop sends the next request when an earlier one is answered: rate and latency hang together. With --rate
requests have their times, and latency counts from these: a cluster that stands still makes all those late that
were due meanwhile. Values, numbers (incr) and lists (append) have keys of their own below the prefix. A get of a key
that was never written finds nothing; the last example but one writes each key once.

Exit codes: 4 when nothing was acknowledged, 6 when nothing was and some may be applied, 130 after Ctrl-C, which
prints what was measured so far.")]
pub struct Args {
    #[command(flatten)]
    local: LocalArgs,

    /// What to send, with weights: put, get, cas, incr, append, delete, txn
    #[arg(long, value_name = "KIND=WEIGHT,…", default_value = "put=50,get=50", value_parser = Mix::parse,
        help_heading = "Requests")]
    mix: Mix,

    /// How many keys there are
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=KEYS_MAX),
        help_heading = "Requests")]
    keys: u64,

    /// How requests are spread over the keys
    #[arg(long, value_name = "HOW", value_enum, default_value = "uniform", help_heading = "Requests")]
    distribution: Distribution,

    /// Bytes of each value
    #[arg(long, value_name = "BYTES", default_value_t = 256, value_parser = clap::value_parser!(u32).range(0..=VALUE_BYTES_MAX),
        help_heading = "Requests")]
    value_size: u32,

    /// How gets are answered: linearizable, lease or stale
    #[arg(long, value_name = "HOW", default_value = "linearizable", value_parser = consistency, help_heading = "Requests")]
    consistency: Consistency,

    /// Do not number the writes: one that is in flight when the leader is lost counts as unknown
    #[arg(long, help_heading = "Requests")]
    no_session: bool,

    /// What all keys begin with
    #[arg(long, value_name = "TEXT", default_value = "bench/", help_heading = "Requests")]
    prefix: String,

    /// Remove the keys of loads below the prefix afterwards
    #[arg(long, conflicts_with = "local", help_heading = "Requests")]
    clean: bool,

    /// The same seed draws the same kinds, keys and values on each connection
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Requests")]
    seed: u64,

    /// Clients with a connection each
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=CONNECTIONS_MAX),
        help_heading = "Load")]
    connections: u32,

    /// Most requests in flight on each connection
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=IN_FLIGHT_MAX),
        help_heading = "Load")]
    in_flight: u32,

    /// Open loop: so many requests a second over all connections, each at its time
    #[arg(long, value_name = "PER SECOND", value_parser = rate, help_heading = "Load")]
    rate: Option<f64>,

    /// How long to measure [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = timeout, conflicts_with = "count", help_heading = "Load")]
    duration: Option<Duration>,

    /// Measure so many requests instead
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Load")]
    count: Option<u64>,

    /// Load before that, which is not measured [default: 2s, with --count none]
    #[arg(long, value_name = "DURATION", value_parser = span, help_heading = "Load")]
    warm_up: Option<Duration>,

    /// Threads that make requests; one is enough until the client's CPU is the limit
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=THREADS_MAX),
        help_heading = "Load")]
    threads: u32,
}

const KEYS_MAX: u64 = 1_000_000_000;

/// The same for a mix with `cas` or `txn`, for which a revision of each key is kept.
const REVISION_KEYS_MAX: u64 = 10_000_000;

const VALUE_BYTES_MAX: i64 = 64 * 1024 * 1024;

const CONNECTIONS_MAX: i64 = 1_024;

/// What a node takes from one connection at a time.
const IN_FLIGHT_MAX: i64 = 4_096;

const THREADS_MAX: i64 = 64;

/// Highest rate of an open loop, in requests a second.
const RATE_MAX: f64 = 10_000_000.0;

const DURATION: Duration = Duration::from_secs(10);
const WARM_UP: Duration = Duration::from_secs(2);

/// First word of the name of a private cluster.
const PRIVATE_WORD: &str = "bench";

pub fn run(context: &Context, arguments: &Args) -> Result<Exit, Failure> {
    check(context, arguments)?;
    let interrupt = Interrupt::listen()?;
    let Some(private) = arguments.local.start(context, PRIVATE_WORD, &|| interrupt.is_over())? else {
        return measure(context, arguments, &interrupt);
    };
    match measure(&private.context(context), arguments, &interrupt) {
        Ok(exit) => private.remove(context).map(|()| exit),
        Err(failure) => {
            private.remove_or_warn(context);
            Err(failure)
        }
    }
}

/// Refuses what does not go together.
fn check(context: &Context, arguments: &Args) -> Result<(), Failure> {
    let wrong = |what: String| Err(Failure::new("E0101", what));
    arguments.local.refuse_another(context)?;
    if arguments.mix.expects_revisions() && arguments.keys > REVISION_KEYS_MAX {
        return wrong(format!("a mix with cas or txn can have at most {REVISION_KEYS_MAX} keys"));
    }
    let key_bytes_max = arguments.prefix.len() + 2 + keys::DIGITS;
    if key_bytes_max > KEY_SIZE_MAX {
        return wrong(format!(
            "keys with this prefix would have {key_bytes_max} bytes; at most {KEY_SIZE_MAX} are allowed"
        ));
    }
    Ok(())
}

/// One run against the selected cluster.
fn measure(context: &Context, arguments: &Args, interrupt: &Interrupt) -> Result<Exit, Failure> {
    let target = selection::target(context)?;
    let key = arguments.prefix.clone().into_bytes();
    let options = remote::probed(context, key, arguments.consistency, interrupt)?;
    let plan = Arc::new(plan(arguments, options, context));
    let times = Times::of(&plan, Instant::now());
    let mut meter = Meter::new(context, target.cluster.as_ref(), &plan, times);
    let ran = load::run(&plan, times, interrupt, &mut meter);
    meter.finish();
    ran?;
    let ended = Ended {
        times,
        stopped: Instant::now(),
        interrupted: interrupt.is_over(),
        cluster: target.cluster.as_ref().map(|cluster| cluster.name.clone()),
        distribution: distribution_word(arguments.distribution),
    };
    let report = Report::of(&plan, &meter, ended);
    report.print(context, &plan)?;
    context.printer.flush()?;
    let outcome = report::outcome(interrupt.is_over(), &meter.measured, &meter.warm);
    if arguments.clean {
        let cleaned = clean(context, &plan);
        return outcome.and_then(|exit| cleaned.map(|()| exit));
    }
    outcome
}

fn plan(arguments: &Args, options: ClientOptions, context: &Context) -> Plan {
    let subject = Subject::new(
        arguments.mix.clone(),
        Keys::new(arguments.keys, arguments.distribution),
        arguments.prefix.clone().into_bytes(),
        arguments.value_size as usize,
        arguments.consistency,
        arguments.seed,
    );
    let length = match arguments.count {
        Some(count) => Length::Requests(count),
        None => Length::For(arguments.duration.unwrap_or(DURATION)),
    };
    let warm_up = if arguments.count.is_some() { Duration::ZERO } else { WARM_UP };
    Plan {
        options,
        subject: Arc::new(subject),
        connections: arguments.connections,
        in_flight: arguments.in_flight,
        threads: arguments.threads.min(arguments.connections),
        rate: arguments.rate,
        with_session: !arguments.no_session,
        timeout: context.timeout_or(remote::REQUEST_TIMEOUT),
        warm_up: arguments.warm_up.unwrap_or(warm_up),
        length,
    }
}

fn clean(context: &Context, plan: &Plan) -> Result<(), Failure> {
    remote::block_on(async {
        let mut client = remote::start(plan.options.clone())?;
        client.open_session();
        let removed = clean::remove_keys(&mut client, &plan.subject, plan.timeout).await;
        client.close().await;
        context.printer.note(format_args!("{} keys removed", removed?));
        Ok(())
    })
}

fn distribution_word(distribution: Distribution) -> String {
    distribution.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate <= RATE_MAX => Ok(rate),
        _ => Err(format!("must be a number of requests a second, above 0 and at most {RATE_MAX}")),
    }
}

fn span(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.to_string())
}
