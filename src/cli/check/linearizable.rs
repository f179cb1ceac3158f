//! `raftctl check linearizable`: drives clients at a real cluster, breaks nodes meanwhile if wanted, and asks whether all
//! that the clients heard can be explained by one copy of the data that does one thing at a time.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use super::faults::{Breaker, Fault};
use super::history::{self, OPERATIONS_MAX, Operation};
use super::report::{self, Origin};
use super::{judge, workload};
use crate::api::Consistency;
use crate::cli::arguments::{consistency, node_name, timeout};
use crate::cli::cluster::private::{LocalArgs, Private};
use crate::cli::failure::{Exit, Failure};
use crate::cli::interrupt::Interrupt;
use crate::cli::progress::turning;
use crate::cli::{Context, leader, remote, selection};
use crate::client::ClientOptions;
use crate::raft::NodeId;
use workload::{Plan, Progress};

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl check linearizable                                   the selected cluster, for ten seconds
  raftctl check linearizable --local 3 --kill --isolate        a cluster of its own, with faults
  raftctl check linearizable --local 5 --pause --every 4s --duration 1m --record run.jsonl
  raftctl check linearizable --history run.jsonl               judge a recorded history again, offline
  raftctl check linearizable --consistency stale               must fail as soon as a follower lags

Clients put, get, compare, add, append and delete under a few keys of their own, each doing one thing at a time. An
operation may take --timeout (300ms unless given): a write that had left by then is unknown, and may take effect at any
later time or never. Each fault lasts half of --every. The keys are removed afterwards, unless something was wrong.

Exit codes: 7 when no order explains the answers, and the smallest part that shows it is drawn; 1 when the bounded
search could not decide; 4 when nothing was acknowledged; 130 after Ctrl-C, which mends what was broken and judges what
there is.")]
pub struct Args {
    #[command(flatten)]
    local: LocalArgs,

    /// Clients, each with a connection and a session
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=CLIENTS_MAX),
        help_heading = "Operations")]
    clients: u32,

    /// Keys in use at a time; others take their place after some hundred operations on each
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u64).range(1..=KEYS_MAX),
        help_heading = "Operations")]
    keys: u64,

    /// How long [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = timeout, help_heading = "Operations")]
    duration: Option<Duration>,

    /// So many operations instead
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=OPERATIONS_MAX as u64),
        conflicts_with = "duration", help_heading = "Operations")]
    count: Option<u64>,

    /// The same seed draws the same operations and faults; when each happens is the machine's choice
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Operations")]
    seed: u64,

    /// How gets are answered: linearizable, lease or stale; all are judged alike
    #[arg(long, value_name = "HOW", default_value = "linearizable", value_parser = consistency,
        help_heading = "Operations")]
    consistency: Consistency,

    /// Ask this node for all gets (a name, or `leader`)
    #[arg(long, value_name = "NODE", value_parser = node_name, help_heading = "Operations")]
    read_at: Option<String>,

    /// Kill nodes and start them again; local clusters only
    #[arg(long, help_heading = "Faults")]
    kill: bool,

    /// Freeze nodes and wake them up; local clusters only
    #[arg(long, help_heading = "Faults")]
    pause: bool,

    /// Cut nodes off from the others and heal the links; local clusters only
    #[arg(long, help_heading = "Faults")]
    isolate: bool,

    /// Time from one fault to the next
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = timeout, help_heading = "Faults")]
    every: Duration,

    /// Write the history as JSON Lines
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "History")]
    record: Option<PathBuf>,

    /// Replace the file of --record
    #[arg(long, requires = "record", help_heading = "History")]
    force: bool,

    /// Judge a recorded history instead; no cluster is asked
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "History",
        conflicts_with_all = ["local", "duration", "count", "record", "kill", "pause", "isolate", "read_at"])]
    history: Option<PathBuf>,
}

const CLIENTS_MAX: i64 = 256;

const KEYS_MAX: u64 = 1_000;

/// How long clients go on unless they are told.
const DURATION: Duration = Duration::from_secs(10);

/// How long an operation may take unless `--timeout` says otherwise: shorter than an election, so that outcomes are
/// unknown now and then.
const OPERATION_TIMEOUT: Duration = Duration::from_millis(300);

/// How often the main thread looks up from its waiting.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// First word of the name of a private cluster, and of all keys.
const WORD: &str = "check";

pub(super) fn run(context: &Context, arguments: &Args) -> Result<Exit, Failure> {
    if let Some(path) = &arguments.history {
        let history = history::read(path)?;
        let judgement = turning(context, "searching for an order", || judge::judge(&history));
        return report::report(context, &history, &judgement, Origin::default());
    }
    arguments.local.refuse_another(context)?;
    if let Some(path) = &arguments.record {
        refuse_existing(path, arguments.force)?;
    }
    let interrupt = Interrupt::listen()?;
    // The time of one operation is not that of a start or a change of links.
    let patient = patient(context);
    let Some(mut private) = arguments.local.start(&patient, WORD, &|| interrupt.is_over())? else {
        return check(context, &patient, None, arguments, &interrupt);
    };
    let selected = private.context(&patient);
    let outcome = check(context, &selected, Some(&mut private), arguments, &interrupt);
    match outcome {
        Ok(exit) => private.remove(context).map(|()| exit),
        Err(failure) if failure.exit == Exit::Corrupt => {
            let cluster = private.keep(context)?;
            context.printer.note(format_args!(
                "{}: data and logs stay in {}",
                cluster.name,
                cluster.directory.display()
            ));
            Err(failure)
        }
        Err(failure) => {
            private.remove_or_warn(context);
            Err(failure)
        }
    }
}

fn patient(context: &Context) -> Context {
    let mut global = context.global.clone();
    global.timeout = None;
    Context::new(global, context.environment.clone())
}

/// Before anything is done.
fn refuse_existing(path: &Path, force: bool) -> Result<(), Failure> {
    if path.exists() && !force {
        return Err(Failure::new("E0108", format!("{} exists", path.display())).fix("another name, or --force"));
    }
    Ok(())
}

/// One check of the cluster that `selected` selects.
fn check(
    context: &Context,
    selected: &Context,
    private: Option<&mut Private>,
    arguments: &Args,
    interrupt: &Interrupt,
) -> Result<Exit, Failure> {
    let target = selection::target(selected)?;
    let kinds = kinds(arguments);
    if !kinds.is_empty() && target.cluster.is_none() {
        return Err(Failure::new("E0101", "--kill, --pause and --isolate need a local cluster")
            .cause("endpoints say where nodes are, not how to break them")
            .fix("--local 3, or --cluster NAME"));
    }
    let is_private = private.is_some();
    let prefix = format!("{WORD}/{:06x}/", rand::random::<u32>() >> 8);
    let options = remote::probed(selected, prefix.clone().into_bytes(), Consistency::Linearizable, interrupt)?;
    let plan = plan(context, selected, arguments, options, prefix)?;
    let began = Instant::now();
    let mut breaker = Breaker::new(selected, private, kinds, arguments.every, arguments.seed);
    let (history, trouble) = drive(context, plan.clone(), &mut breaker, interrupt)?;
    let elapsed_ms = u64::try_from(began.elapsed().as_millis()).ok();
    if let Some(path) = &arguments.record {
        history::write(path, &history)?;
    }
    let judgement = turning(context, "searching for an order", || judge::judge(&history));
    let origin = Origin {
        cluster: target.cluster.map(|cluster| cluster.name),
        seed: Some(arguments.seed),
        faults: Some(breaker.count),
        elapsed_ms,
        interrupted: interrupt.is_over(),
    };
    if !is_private && judgement.example.is_none() {
        remove_keys(context, &plan, &history);
    }
    let exit = report::report(context, &history, &judgement, origin)?;
    trouble.map_or(Ok(exit), Err)
}

fn kinds(arguments: &Args) -> Vec<Fault> {
    let all = [(arguments.kill, Fault::Kill), (arguments.pause, Fault::Pause), (arguments.isolate, Fault::Isolate)];
    all.into_iter().filter(|(is_wanted, _)| *is_wanted).map(|(_, fault)| fault).collect()
}

fn plan(
    context: &Context,
    selected: &Context,
    arguments: &Args,
    options: ClientOptions,
    prefix: String,
) -> Result<Plan, Failure> {
    let read_at = arguments.read_at.as_deref().map(|name| node_of(selected, &options, name)).transpose()?;
    let duration = arguments.duration.or(arguments.count.is_none().then_some(DURATION));
    Ok(Plan {
        options,
        prefix,
        clients: arguments.clients,
        keys: arguments.keys,
        seed: arguments.seed,
        consistency: arguments.consistency,
        read_at,
        timeout: context.timeout_or(OPERATION_TIMEOUT),
        duration,
        count: arguments.count.unwrap_or(OPERATIONS_MAX as u64),
    })
}

fn node_of(selected: &Context, options: &ClientOptions, name: &str) -> Result<NodeId, Failure> {
    let leader = (name == remote::LEADER).then(|| leader::find(selected, None)).transpose()?.flatten();
    let name = leader.map_or_else(|| name.to_owned(), |said| said.leader);
    remote::node_named(&options.endpoints, &name)
}

/// Lets the clients run in a thread of their own, while this one breaks and mends; gives what they recorded, and what
/// went wrong with breaking and mending.
fn drive(
    context: &Context,
    plan: Plan,
    breaker: &mut Breaker<'_>,
    interrupt: &Interrupt,
) -> Result<(Vec<Operation>, Option<Failure>), Failure> {
    let progress = Arc::new(Progress::default());
    let (sender, ended) = channel();
    let (shared, heard) = (progress.clone(), interrupt.clone());
    // It is heard of by what it sends.
    std::thread::Builder::new()
        .name("clients".to_owned())
        .spawn(move || drop(sender.send(workload::run(plan, heard, shared))))
        .map_err(|error| Failure::new("E0512", "no thread could be had").because(&error))?;
    let bar = if context.printer.may_draw() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    let mut trouble = None;
    let history = loop {
        let due = breaker.next_time().map(|time| time.saturating_duration_since(Instant::now()));
        match ended.recv_timeout(due.unwrap_or(LOOK_EVERY).min(LOOK_EVERY)) {
            Ok(history) => break history,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => panic!("the thread of the clients does not panic"),
        }
        let (operations, unknown) =
            (progress.operations.load(Ordering::Relaxed), progress.unknown.load(Ordering::Relaxed));
        bar.set_message(format!("{operations} operations, {unknown} unknown"));
        bar.tick();
        if trouble.is_none() && !interrupt.is_over() {
            trouble = bar.suspend(|| breaker.on_time(Instant::now())).err();
            progress.is_over.store(trouble.is_some(), Ordering::Relaxed);
        }
    };
    bar.finish_and_clear();
    // What was being done when the end was asked for may have been cut short, and is mended all the same.
    let trouble = trouble.filter(|_| !interrupt.is_over());
    let mended = breaker.mend().err();
    history.map(|history| (history, trouble.or(mended)))
}

/// Removes the keys of this run; what is left behind is worth a warning, not a failure.
fn remove_keys(context: &Context, plan: &Plan, history: &[Operation]) {
    let keys: BTreeSet<&Vec<u8>> = history.iter().map(|operation| &operation.key).collect();
    let removed = remote::block_on(async {
        let mut client = remote::start(plan.options.clone())?;
        client.open_session();
        let removed = remote::delete_keys(&mut client, keys.into_iter().cloned(), remote::REQUEST_TIMEOUT).await;
        client.close().await;
        removed
    });
    if let Err(failure) = removed {
        let cause = failure.cause.unwrap_or(failure.what);
        context.printer.warning(format_args!("keys that begin with {} are left behind: {cause}", plan.prefix));
    }
}
