//! Clients that put, get, compare, add, append and delete under a few keys, one thing at a time each, and remember it all.
//!
//! A key gets a bounded number of operations, then new keys take over: the search for an order stays short however long
//! the history is. A value names its client and is never written twice, so that a read says which write it has seen.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::{JoinSet, LocalSet};

use super::history::{Ended, OPERATIONS_MAX, Operation};
use crate::api::{Answer, Ask, Consistency, Query};
use crate::cli::failure::Failure;
use crate::cli::interrupt::Interrupt;
use crate::cli::remote;
use crate::client::{self, Aim, ClientError, ClientOptions, Reply};
use crate::raft::{Index, NodeId};
use crate::sim::dice::Dice;
use crate::sim::model::{Action, Content, Heard};
use crate::state_machine::{Command, Expect, Operation as Change, Outcome, Rejection, Update};

/// Operations on one key, in the mean, before another takes its place.
const OPERATIONS_PER_KEY: u64 = 300;

/// How long a client may take to connect before its first operation.
const CONNECT_MAX: Duration = Duration::from_secs(2);

/// Pause of a client whose operation has failed: nothing is learned from a thousand failures in a row.
const FAILURE_PAUSE: Duration = Duration::from_millis(20);

/// What is done to a value or a list, out of ten, and to a number, which only grows: each sum is there once.
const VALUE_KINDS: [Kind; 10] = [
    Kind::Get,
    Kind::Get,
    Kind::Get,
    Kind::Get,
    Kind::Put,
    Kind::Put,
    Kind::Cas,
    Kind::Cas,
    Kind::Append,
    Kind::Delete,
];
const NUMBER_KINDS: [Kind; 2] = [Kind::Get, Kind::Incr];

#[derive(Clone, Copy)]
enum Kind {
    Get,
    Put,
    Cas,
    Append,
    Incr,
    Delete,
}

/// What is asked, by whom, how long.
#[derive(Clone)]
pub(super) struct Plan {
    pub options: ClientOptions,
    /// What all keys begin with; of this run alone, so that all keys are absent.
    pub prefix: String,
    pub clients: u32,
    /// In use at a time.
    pub keys: u64,
    pub seed: u64,
    pub consistency: Consistency,
    /// The node that answers reads; none: the client's choice.
    pub read_at: Option<NodeId>,
    /// How long an operation may take.
    pub timeout: Duration,
    pub duration: Option<Duration>,
    /// Most operations.
    pub count: u64,
}

/// How far it is, for who looks on.
#[derive(Default)]
pub(super) struct Progress {
    pub operations: AtomicU64,
    pub unknown: AtomicU64,
    /// Set by who looks on: clients finish what they are at.
    pub is_over: AtomicBool,
}

/// Runs all clients to their end; an interrupt lets each finish what it is at.
///
/// # Errors
/// No runtime or UDP port could be had.
pub(super) fn run(plan: Plan, mut interrupt: Interrupt, progress: Arc<Progress>) -> Result<Vec<Operation>, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new("E0512", "no runtime could be built").because(&error))?;
    let clients = plan.clients;
    let shared = Rc::new(Shared {
        began: Instant::now(),
        next: Cell::new(0),
        is_over: Cell::new(false),
        history: RefCell::default(),
        plan,
        progress,
    });
    LocalSet::new().block_on(&runtime, async {
        let mut tasks = JoinSet::new();
        for process in 0..clients {
            tasks.spawn_local(drive(shared.clone(), process));
        }
        let mut outcome = Ok(());
        loop {
            tokio::select! {
                () = interrupt.wait(), if !shared.is_over.get() => shared.is_over.set(true),
                ended = tasks.join_next() => match ended {
                    None => break,
                    Some(Ok(Ok(()))) => {}
                    Some(Ok(Err(failure))) => {
                        shared.is_over.set(true);
                        outcome = Err(failure);
                    }
                    Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
                },
            }
        }
        outcome
    })?;
    Ok(shared.history.take())
}

struct Shared {
    plan: Plan,
    began: Instant,
    /// Number of the next operation.
    next: Cell<u64>,
    is_over: Cell<bool>,
    history: RefCell<Vec<Operation>>,
    progress: Arc<Progress>,
}

impl Shared {
    fn now_us(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// The number of one more operation; none when it is over.
    fn take_number(&self) -> Option<u64> {
        let number = self.next.get();
        let is_late = self.plan.duration.is_some_and(|duration| self.began.elapsed() >= duration);
        let is_over = self.is_over.get() || self.progress.is_over.load(Ordering::Relaxed);
        if is_over || is_late || number >= self.plan.count.min(OPERATIONS_MAX as u64) {
            return None;
        }
        self.next.set(number + 1);
        Some(number)
    }

    fn remember(&self, operation: Operation) {
        self.progress.operations.fetch_add(1, Ordering::Relaxed);
        if matches!(operation.ended, Ended::Unknown { .. }) {
            self.progress.unknown.fetch_add(1, Ordering::Relaxed);
        }
        self.history.borrow_mut().push(operation);
    }
}

async fn drive(shared: Rc<Shared>, process: u32) -> Result<(), Failure> {
    let plan = &shared.plan;
    let mut client = remote::start(plan.options.clone())?;
    client.open_session();
    let mut chooser = Chooser::new(plan, process);
    // Connects and finds the leader; what comes of it is seen by the first operation.
    let key = plan.prefix.clone().into_bytes();
    let _ = client.get(key, Consistency::Linearizable, Index(0), CONNECT_MAX).await;
    while let Some(number) = shared.take_number() {
        let (key, action) = chooser.next(number);
        let ask = ask_of(plan, &key, &action);
        let aim = match (&ask, plan.read_at) {
            (Ask::Read { .. }, Some(node)) => Aim::Node(node),
            _ => Aim::of(&ask),
        };
        let call_us = shared.now_us();
        let result = client.call(ask, aim, plan.timeout).await;
        let ended = ended(shared.now_us(), &action, result)?;
        let has_failed = !matches!(ended, Ended::Answered { .. });
        chooser.learn(&action, &key, &ended);
        shared.remember(Operation { process, key, action, call_us, ended });
        if has_failed {
            tokio::time::sleep(FAILURE_PAUSE).await;
        }
    }
    client.close().await;
    Ok(())
}

fn ask_of(plan: &Plan, key: &[u8], action: &Action) -> Ask {
    let key = key.to_vec();
    match action {
        Action::Read | Action::StaleRead => {
            Ask::Read { query: Query::Get { key }, consistency: plan.consistency, at_least: Index(0) }
        }
        Action::Write(change) => {
            Ask::Write(client::encode(&Update::Command(Command { key, operation: change.clone() })))
        }
    }
}

/// # Errors
/// The answer belongs to another question.
fn ended(return_us: u64, action: &Action, result: Result<Reply, ClientError>) -> Result<Ended, Failure> {
    let answered = |heard, revision: Index| Ended::Answered { return_us, heard, revision: Some(revision.0) };
    Ok(match result {
        Ok(Reply { answer: Answer::Value { item, at }, .. }) if !action.is_write() => {
            answered(Heard::Value(item.map(|item| item.value)), at)
        }
        Ok(Reply { answer: Answer::Written { outcome, revision, .. }, .. }) if action.is_write() => match outcome {
            // A limit of the cluster, which the model does not know; without effect.
            Outcome::Rejected { because: Rejection::ValueTooLarge { .. } } => {
                Ended::Failed { return_us, error: "the value is too large".to_owned() }
            }
            outcome => answered(Heard::Written(outcome), revision),
        },
        Ok(_) => return Err(remote::strange("an operation")),
        Err(error @ ClientError::Unknown(_)) if action.is_write() => Ended::Unknown { error: error.to_string() },
        Err(error) => Ended::Failed { return_us, error: error.to_string() },
    })
}

/// What one client does next.
struct Chooser {
    prefix: String,
    keys: u64,
    process: u32,
    dice: Dice,
    /// Values it has made.
    values: u64,
    /// What it last heard of the keys in use.
    seen: BTreeMap<Vec<u8>, Content>,
    generation: u64,
}

impl Chooser {
    fn new(plan: &Plan, process: u32) -> Chooser {
        Chooser {
            prefix: plan.prefix.clone(),
            keys: plan.keys,
            process,
            dice: Dice::stream(plan.seed, u64::from(process) + 1),
            values: 0,
            seen: BTreeMap::new(),
            generation: 0,
        }
    }

    fn next(&mut self, number: u64) -> (Vec<u8>, Action) {
        let generation = number / (self.keys * OPERATIONS_PER_KEY);
        if generation != self.generation {
            self.generation = generation;
            self.seen.clear();
        }
        let key = self.dice.below(self.keys);
        let is_number = key % 2 == 1;
        let family = if is_number { "n" } else { "v" };
        let name = format!("{}{family}{}", self.prefix, generation * self.keys + key).into_bytes();
        let kind = *self.dice.pick(if is_number { &NUMBER_KINDS } else { &VALUE_KINDS });
        let action = match kind {
            Kind::Get => return (name, Action::Read),
            Kind::Put => Change::Put { value: self.value() },
            Kind::Append => Change::Append { value: [b"+", self.value().as_slice()].concat() },
            Kind::Delete => Change::Delete,
            Kind::Incr => Change::Incr { by: self.dice.between(1, 9) as i64 },
            Kind::Cas => {
                let seen = self.seen.get(&name).cloned().flatten();
                Change::Cas { expect: seen.map_or(Expect::Absent, Expect::Value), value: self.value() }
            }
        };
        (name, Action::Write(action))
    }

    /// Its client and a number.
    fn value(&mut self) -> Vec<u8> {
        self.values += 1;
        format!("{}.{}", self.process, self.values).into_bytes()
    }

    fn learn(&mut self, action: &Action, key: &[u8], ended: &Ended) {
        let Ended::Answered { heard, .. } = ended else { return };
        let content = match (heard, action) {
            (Heard::Value(content), _) => content.clone(),
            (Heard::Written(Outcome::ConditionFailed { current }), _) => {
                current.as_ref().map(|current| current.value.clone())
            }
            (Heard::Written(_), Action::Write(Change::Put { value } | Change::Cas { value, .. })) => {
                Some(value.clone())
            }
            (Heard::Written(_), Action::Write(Change::Delete)) => None,
            _ => return,
        };
        self.seen.insert(key.to_vec(), content);
    }
}
