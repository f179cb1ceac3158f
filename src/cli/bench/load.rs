//! The load itself: threads with connections, each of which keeps requests in flight until the run is over.
//!
//! Every thread has a runtime and counts by itself; once a second it hands its counts over, so that nothing is shared
//! while requests are made but the number of the next one.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use tokio::task::{JoinSet, LocalSet};

use super::alarm::Alarm;
use super::pace::{Next, Pace};
use super::requests::{About, Requests, Revisions, Subject, Verdict};
use super::tally::Tally;
use crate::cli::failure::Failure;
use crate::cli::interrupt::Interrupt;
use crate::cli::remote;
use crate::client::{Aim, Call, Client, ClientOptions, Completion};

/// How often counts are handed over.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);

/// Pause of a connection all of whose answers are failures: a closed loop would only spin.
const FAILURE_PAUSE: Duration = Duration::from_millis(1);

/// What a run is.
pub(super) struct Plan {
    pub options: ClientOptions,
    pub subject: Arc<Subject>,
    pub connections: u32,
    /// On each connection.
    pub in_flight: u32,
    pub threads: u32,
    /// Requests a second of an open loop.
    pub rate: Option<f64>,
    pub with_session: bool,
    /// How long a request may take.
    pub timeout: Duration,
    pub warm_up: Duration,
    pub length: Length,
}

/// How long a run lasts behind its warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    For(Duration),
    Requests(u64),
}

/// When a run begins and ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// The first request leaves.
    pub start: Instant,
    /// What leaves from now on is measured.
    pub begin: Instant,
    /// None where requests are counted.
    pub end: Option<Instant>,
}

/// What one thread has counted since the last time.
pub(super) struct Interval {
    pub span: Duration,
    /// Requests of the warm-up.
    pub warm: Tally,
    pub measured: Tally,
    /// Answers of the cluster between begin and end, whenever their requests left.
    pub within: u64,
}

/// Who looks on while a run goes on, in the main thread.
pub(super) trait Watcher {
    /// The next time at which it wants to be called.
    fn next_time(&self) -> Option<Instant>;
    fn on_time(&mut self, now: Instant);
    fn on_interval(&mut self, interval: Interval);
}

impl Times {
    pub(super) fn of(plan: &Plan, start: Instant) -> Times {
        let begin = start + plan.warm_up;
        let end = match plan.length {
            Length::For(duration) => Some(begin + duration),
            Length::Requests(_) => None,
        };
        Times { start, begin, end }
    }
}

/// Runs the load to its end, or until it is interrupted.
///
/// # Errors
/// A thread, a timer or a UDP port could not be had.
pub(super) fn run(
    plan: &Arc<Plan>,
    times: Times,
    interrupt: &Interrupt,
    watcher: &mut impl Watcher,
) -> Result<(), Failure> {
    let numbers = Arc::new(Numbers::default());
    let (sender, intervals) = channel();
    let mut threads = Vec::new();
    for position in 0..plan.threads {
        let (plan, numbers, interrupt, sender) = (plan.clone(), numbers.clone(), interrupt.clone(), sender.clone());
        let thread = std::thread::Builder::new()
            .name(format!("load-{position}"))
            .spawn(move || work(&plan, times, position, &numbers, interrupt, &sender));
        threads.push(thread.map_err(|error| Failure::new("E0512", "no thread could be had").because(&error))?);
    }
    drop(sender);
    watch(&intervals, watcher);
    threads.into_iter().try_for_each(|thread| thread.join().expect("a thread of the load does not panic"))
}

fn watch(intervals: &Receiver<Interval>, watcher: &mut impl Watcher) {
    loop {
        let wait = watcher.next_time().map(|time| time.saturating_duration_since(Instant::now()));
        match intervals.recv_timeout(wait.unwrap_or(INTERVAL)) {
            Ok(interval) => watcher.on_interval(interval),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        watcher.on_time(Instant::now());
    }
}

/// The numbers of requests, counted over all threads.
#[derive(Default)]
struct Numbers {
    warm: AtomicU64,
    measured: AtomicU64,
}

fn work(
    plan: &Arc<Plan>,
    times: Times,
    position: u32,
    numbers: &Arc<Numbers>,
    mut interrupt: Interrupt,
    sender: &Sender<Interval>,
) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new("E0512", "no runtime could be built").because(&error))?;
    let counts = Rc::new(RefCell::new(Counts::new(plan.subject.mix.shares().len(), times)));
    let revisions = Rc::new(RefCell::new(Revisions::of(&plan.subject)));
    LocalSet::new().block_on(&runtime, async {
        let mut connections = JoinSet::new();
        for number in (position..plan.connections).step_by(plan.threads as usize) {
            let requests = Requests::new(plan.subject.clone(), number, revisions.clone());
            let connection = Connection::new(plan.clone(), times, numbers.clone(), number, requests, counts.clone());
            connections.spawn_local(connection.drive());
        }
        // The watcher hears to the end, so that sending never fails.
        let hand_over = || drop(sender.send(counts.borrow_mut().take()));
        let mut every = tokio::time::interval_at((times.start + INTERVAL).into(), INTERVAL);
        let outcome = loop {
            tokio::select! {
                () = interrupt.wait() => break Ok(()),
                ended = connections.join_next() => match ended {
                    None => break Ok(()),
                    Some(Ok(Ok(()))) => {}
                    Some(Ok(Err(failure))) => break Err(failure),
                    Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
                },
                _ = every.tick() => hand_over(),
            }
        };
        connections.shutdown().await;
        hand_over();
        outcome
    })
}

/// What the connections of one thread have counted since it was handed over.
struct Counts {
    times: Times,
    since: Instant,
    warm: Tally,
    measured: Tally,
    within: u64,
}

impl Counts {
    fn new(kinds: usize, times: Times) -> Counts {
        Counts { times, since: times.start, warm: Tally::new(kinds), measured: Tally::new(kinds), within: 0 }
    }

    fn take(&mut self) -> Interval {
        let now = Instant::now();
        let kinds = self.measured.answered.len();
        let span = now.saturating_duration_since(self.since);
        let Counts { warm, measured, within, .. } =
            std::mem::replace(self, Counts { since: now, ..Counts::new(kinds, self.times) });
        Interval { span, warm, measured, within }
    }

    fn of(&mut self, is_measured: bool) -> &mut Tally {
        if is_measured { &mut self.measured } else { &mut self.warm }
    }
}

/// A request that is on its way.
#[derive(Clone, Copy)]
struct Sent {
    about: About,
    /// When it was meant to leave.
    meant: Instant,
    is_measured: bool,
}

/// One client and what it has in flight.
struct Connection {
    plan: Arc<Plan>,
    times: Times,
    numbers: Arc<Numbers>,
    requests: Requests,
    counts: Rc<RefCell<Counts>>,
    pace: Pace,
    /// By token.
    sent: Vec<Option<Sent>>,
    /// Tokens that are free.
    free: Vec<usize>,
    calls: Vec<Call>,
}

impl Connection {
    fn new(
        plan: Arc<Plan>,
        times: Times,
        numbers: Arc<Numbers>,
        number: u32,
        requests: Requests,
        counts: Rc<RefCell<Counts>>,
    ) -> Connection {
        let slots = plan.in_flight as usize;
        let pace = match plan.rate {
            None => Pace::closed(times.end),
            Some(rate) => Pace::open(times.start, times.end, rate, number, plan.connections),
        };
        let (sent, free, calls) = (vec![None; slots], (0..slots).rev().collect(), Vec::with_capacity(slots));
        Connection { plan, times, numbers, requests, counts, pace, sent, free, calls }
    }

    async fn drive(mut self) -> Result<(), Failure> {
        let no_timer = |error: std::io::Error| Failure::new("E0512", "no timer could be had").because(&error);
        let mut client = remote::start(self.plan.options.clone())?;
        if self.plan.with_session {
            client.open_session();
        }
        let alarm = self.plan.rate.map(|_| Alarm::new()).transpose().map_err(no_timer)?;
        let mut done: Vec<Completion> = Vec::new();
        loop {
            match (self.send(&mut client, Instant::now()), &alarm) {
                (Next::Over, _) if client.open() == 0 => break,
                (Next::At(time), Some(alarm)) => tokio::select! {
                    () = client.completions(&mut done) => {}
                    rung = alarm.until(time) => rung.map_err(no_timer)?,
                },
                _ => client.completions(&mut done).await,
            }
            let all_failed = !done.is_empty() && done.iter().all(|completion| completion.result.is_err());
            self.take(&mut done, Instant::now());
            if all_failed {
                tokio::time::sleep(FAILURE_PAUSE).await;
            }
        }
        client.close().await;
        Ok(())
    }

    /// Sends what is due as far as there is room.
    fn send(&mut self, client: &mut Client, now: Instant) -> Next {
        let mut next = Next::Due(now);
        while let Some(token) = self.free.last().copied() {
            next = self.pace.next(now);
            let Next::Due(meant) = next else { break };
            let is_measured = meant >= self.times.begin;
            let numbers = if is_measured { &self.numbers.measured } else { &self.numbers.warm };
            let number = numbers.fetch_add(1, Ordering::Relaxed);
            if is_measured && matches!(self.plan.length, Length::Requests(count) if number >= count) {
                next = Next::Over;
                break;
            }
            let (about, ask) = self.requests.next(number);
            self.counts.borrow_mut().of(is_measured).sent += 1;
            self.free.pop();
            self.sent[token] = Some(Sent { about, meant, is_measured });
            let aim = Aim::of(&ask);
            self.calls.push(Call { token: token as u64, ask, aim, deadline: now + self.plan.timeout });
        }
        client.submit(self.calls.drain(..));
        next
    }

    /// Counts what is answered.
    fn take(&mut self, done: &mut Vec<Completion>, now: Instant) {
        let mut counts = self.counts.borrow_mut();
        let is_within = now >= self.times.begin && self.times.end.is_none_or(|end| now < end);
        for Completion { token, result } in done.drain(..) {
            let token = usize::try_from(token).expect("tokens are slots");
            let Sent { about, meant, is_measured } = self.sent[token].take().expect("a request completes once");
            self.free.push(token);
            let verdict = self.requests.judge(about, &result);
            counts.within += u64::from(is_within && !matches!(verdict, Verdict::Failed(_)));
            let told = || match &result {
                Ok(reply) => format!("{} was answered with {:?}", about.kind_word(), reply.answer),
                Err(error) => error.to_string(),
            };
            let latency = now.saturating_duration_since(meant);
            counts.of(is_measured).count(about.share, verdict, latency, now, told);
        }
    }
}

impl Drop for Connection {
    /// An interrupt ends the task where it is; what was due and has not left is counted in any case.
    fn drop(&mut self) {
        if self.times.end.is_none() {
            return; // All that were asked for have left, or nobody wants them any more.
        }
        self.counts.borrow_mut().measured.not_sent += self.pace.not_sent(Instant::now());
    }
}
