//! `raftctl pipe`: JSON Lines in and out on one connection, many requests in flight.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::io::{BufRead, BufReader};
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use clap_complete::ArgValueCandidates;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::Context;
use super::arguments::node_name;
use super::completions;
use super::failure::{Exit, Failure};
use super::pipe_protocol::{self as protocol, Line, PipeAsk, Refused};
use super::remote;
use super::status;
use crate::api::{Answer, Ask, Consistency, Keys, Query};
use crate::client::view::ClusterView;
use crate::client::{self, Aim, Call, Cause, Client, ClientError, Completion, Watcher};
use crate::raft::Index;

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  echo '{\"id\":1,\"op\":\"put\",\"key\":\"k\",\"value\":\"v\"}' | raftctl pipe
  echo '{\"op\":\"hello\"}' | raftctl pipe

Every request gets exactly one answer, in the order of completion. At the end of the input open requests are
finished, and the exit code is 0 whatever the answers were.")]
pub struct Args {
    /// Most requests that are open at once; beyond that stdin is not read
    #[arg(long, value_name = "N", default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub in_flight: u32,

    /// Stay with this node instead of following the leader
    #[arg(long, value_name = "NODE", value_parser = node_name, add = ArgValueCandidates::new(completions::node_names))]
    pub node: Option<String>,

    /// Do not number the writes: one that is in flight when the leader is lost is answered `unknown`
    #[arg(long)]
    pub no_session: bool,
}

/// Longest line, in bytes: room for the largest value a cluster may allow, as base64.
const LINE_BYTES_MAX: usize = 96 * 1024 * 1024;

/// Most lines handed over at once, and most such hand-overs that wait.
const BATCH_LINES_MAX: usize = 256;
const BATCHES_MAX: usize = 4;

/// Most bytes one hand-over holds before it is sent on, so that large lines do not pile up.
const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// Most status requests that are open at once: each has sockets of its own.
const LOOKING_MAX: usize = 16;

/// Bytes of stdin read at once.
const STDIN_BUFFER_BYTES: usize = 64 * 1024;

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    let (sender, input) = mpsc::channel(BATCHES_MAX);
    // The thread ends with the process: a read of stdin cannot be interrupted, only abandoned.
    std::thread::spawn(move || read_lines(&sender));
    remote::block_on(async {
        let mut client = remote::open(context, arguments.node.as_deref()).await?;
        if !arguments.no_session {
            client.open_session();
        }
        let mut pipe = Pipe {
            context,
            client,
            timeout: context.timeout_or(remote::REQUEST_TIMEOUT),
            limit: arguments.in_flight as usize,
            open: BTreeMap::new(),
            ids: BTreeMap::new(),
            next_token: 0,
            line: 0,
            calls: Vec::new(),
            looking: Vec::new(),
            watches: BTreeMap::new(),
        };
        let outcome = pipe.converse(input).await;
        pipe.client.close().await;
        outcome
    })
}

/// What stdin gave.
enum Input {
    Line(Vec<u8>),
    /// A line over the limit was skipped.
    TooLong,
}

fn read_lines(sender: &mpsc::Sender<Vec<Input>>) {
    let mut stdin = BufReader::with_capacity(STDIN_BUFFER_BYTES, std::io::stdin().lock());
    let mut batch = Vec::new();
    let mut bytes = 0;
    loop {
        let mut line = Vec::new();
        let limit = LINE_BYTES_MAX as u64 + 1;
        let count = std::io::Read::take(&mut stdin, limit).read_until(b'\n', &mut line).unwrap_or(0);
        if count == 0 {
            break;
        }
        bytes += count;
        if count > LINE_BYTES_MAX && line.last() != Some(&b'\n') {
            skip_line(&mut stdin);
            batch.push(Input::TooLong);
        } else if !line.trim_ascii().is_empty() {
            batch.push(Input::Line(line));
        } else {
            batch.push(Input::Line(Vec::new()));
        }
        // A whole line that was read along with this one needs no waiting.
        let more_is_there = stdin.buffer().contains(&b'\n');
        if (!more_is_there || batch.len() >= BATCH_LINES_MAX || bytes >= BATCH_BYTES_MAX)
            && sender.blocking_send(std::mem::take(&mut batch)).is_err()
        {
            return;
        }
        if batch.is_empty() {
            bytes = 0;
        }
    }
    // When nobody listens any more there is nothing left to hand over to.
    let _ = sender.blocking_send(batch);
}

fn skip_line(stdin: &mut impl BufRead) {
    let mut rest = Vec::new();
    loop {
        rest.clear();
        let step = std::io::Read::take(&mut *stdin, BATCH_BYTES_MAX as u64).read_until(b'\n', &mut rest);
        if !matches!(step, Ok(count) if count > 0) || rest.last() == Some(&b'\n') {
            return;
        }
    }
}

struct Pipe<'a> {
    context: &'a Context,
    client: Client,
    timeout: Duration,
    limit: usize,
    /// Open requests by the token the client knows them by.
    open: BTreeMap<u64, Open>,
    /// Tokens by the id they came with, as JSON text.
    ids: BTreeMap<String, u64>,
    next_token: u64,
    line: u64,
    /// Taken, and not yet submitted.
    calls: Vec<Call>,
    /// Status requests under way, by token, each with a client of its own, so that nothing else waits for them.
    looking: Vec<(u64, Looking<'a>)>,
    /// Watches by the token of the request that opened them, which stays open with them.
    watches: BTreeMap<u64, Watch>,
}

enum Watch {
    /// It is asked how far the cluster is, which is where a watch from now on begins.
    Opening {
        keys: Keys,
        from: Option<Index>,
        previous: bool,
    },
    Open(Watcher),
}

type Looking<'a> = Pin<Box<dyn Future<Output = Result<ClusterView, Failure>> + 'a>>;

struct Open {
    id: Value,
    base64: bool,
    is_write: bool,
    /// See `PipeAsk::Write`.
    is_one: bool,
}

impl<'a> Pipe<'a> {
    async fn converse(&mut self, mut input: mpsc::Receiver<Vec<Input>>) -> Result<Exit, Failure> {
        let mut interrupt = signal(SignalKind::interrupt())
            .map_err(|error| Failure::new("E0512", "no signal handler could be set").because(&error))?;
        let mut waiting: VecDeque<Input> = VecDeque::new();
        let mut ended = false;
        let mut done = Vec::new();
        loop {
            self.take(&mut waiting)?;
            self.context.printer.flush()?;
            if ended && waiting.is_empty() && self.open.len() == self.watches.len() {
                return self.end_watches();
            }
            tokio::select! {
                biased;
                _ = interrupt.recv() => return self.interrupted(),
                () = self.client.completions(&mut done) => {
                    for completion in done.drain(..) {
                        self.complete(completion)?;
                    }
                }
                (token, seen) = next_view(&mut self.looking) => self.seen(token, seen)?,
                batch = input.recv(), if !ended && waiting.is_empty() => match batch {
                    Some(lines) => waiting.extend(lines),
                    None => ended = true,
                },
            }
        }
    }

    /// Takes lines until too many requests are open, and submits them together.
    fn take(&mut self, waiting: &mut VecDeque<Input>) -> Result<(), Failure> {
        while self.open.len() < self.limit
            && let Some(input) = waiting.pop_front()
        {
            self.line += 1;
            match input {
                Input::TooLong => {
                    let message = format!("the line has more than {LINE_BYTES_MAX} bytes and was skipped");
                    let mut answer = protocol::refusal(&Value::Null, "too_large", "E0505", &message, false);
                    answer["line"] = self.line.into();
                    self.say(&answer)?;
                }
                Input::Line(text) if text.is_empty() => {}
                Input::Line(text) => match protocol::parse(&text) {
                    Ok(line) => self.begin(line)?,
                    Err(refused) => self.say(&protocol::invalid(&refused, self.line))?,
                },
            }
        }
        self.submit();
        Ok(())
    }

    fn submit(&mut self) {
        self.client.submit(self.calls.drain(..));
    }

    fn begin(&mut self, line: Line) -> Result<(), Failure> {
        let key = line.id.to_string();
        if !line.id.is_null() && self.ids.contains_key(&key) {
            let refused = Refused { id: line.id, message: "this id is in use".to_owned() };
            return self.say(&protocol::invalid(&refused, self.line));
        }
        let timeout = line.timeout.unwrap_or(self.timeout);
        let mut open = Open { id: line.id, base64: line.base64, is_write: false, is_one: false };
        let ask = match line.ask {
            PipeAsk::Write { update, is_one } => {
                (open.is_write, open.is_one) = (true, is_one);
                Ask::Write(client::encode(&update))
            }
            PipeAsk::Read { query, consistency, at_least } => Ask::Read { query, consistency, at_least },
            PipeAsk::Watch { keys, from, previous } => {
                self.watches.insert(self.next_token, Watch::Opening { keys, from, previous });
                let query = Query::Get { key: Vec::new() };
                Ask::Read { query, consistency: Consistency::Linearizable, at_least: Index(0) }
            }
            PipeAsk::Status => return self.look(open.id, timeout),
            PipeAsk::Hello => return self.say(&self.hello(&open.id)),
            PipeAsk::Ping => return self.say(&json!({"id": open.id, "ok": true})),
            PipeAsk::Cancel { target } => return self.cancel(&open.id, &target),
        };
        let token = self.register(open);
        let aim = Aim::of(&ask);
        self.calls.push(Call { token, ask, aim, deadline: Instant::now() + timeout });
        Ok(())
    }

    fn register(&mut self, open: Open) -> u64 {
        let token = self.next_token;
        self.next_token += 1;
        if !open.id.is_null() {
            self.ids.insert(open.id.to_string(), token);
        }
        self.open.insert(token, open);
        token
    }

    fn hello(&self, id: &Value) -> Value {
        json!({
            "id": id, "ok": true, "protocol": 1, "ops": protocol::OPERATIONS,
            "limits": {"line_bytes": LINE_BYTES_MAX, "in_flight": self.limit, "key_bytes": crate::api::KEY_SIZE_MAX},
            "session": self.client.session().map(|session| session.to_string()),
        })
    }

    /// Begins to look at the cluster as it is now; what is known when `timeout` is over is the answer.
    fn look(&mut self, id: Value, timeout: Duration) -> Result<(), Failure> {
        if self.looking.len() >= LOOKING_MAX {
            let message = format!("{LOOKING_MAX} status requests are open already");
            return self.say(&protocol::refusal(&id, "unavailable", "E0502", &message, true));
        }
        let context = self.context;
        let token = self.register(Open { id, base64: false, is_write: false, is_one: false });
        self.looking.push((token, Box::pin(status::view_now(context, timeout))));
        Ok(())
    }

    fn seen(&mut self, token: u64, seen: Result<ClusterView, Failure>) -> Result<(), Failure> {
        let open = self.close(token);
        let answer = match seen {
            Ok(view) => json!({"id": open.id, "ok": true, "status": view}),
            Err(failure) => {
                let message = match &failure.cause {
                    Some(cause) => format!("{}: {cause}", failure.what),
                    None => failure.what.clone(),
                };
                protocol::refusal(&open.id, "unavailable", failure.code, &message, true)
            }
        };
        self.say(&answer)
    }

    /// The target gets its own answer; this one says whether there was such a request.
    fn cancel(&mut self, id: &Value, target: &Value) -> Result<(), Failure> {
        let token = self.ids.get(&target.to_string()).copied();
        self.say(&json!({"id": id, "ok": true, "found": token.is_some()}))?;
        let Some(token) = token else { return Ok(()) };
        if let Some(at) = self.looking.iter().position(|(looking, _)| *looking == token) {
            drop(self.looking.swap_remove(at));
            return self.complete(Completion { token, result: Err(ClientError::Unavailable(Cause::Cancelled)) });
        }
        if let Some(Watch::Open(_)) = self.watches.get(&token) {
            self.submit();
            self.client.cancel(token);
            return Ok(());
        }
        // The client can only give up what it has: the target may have come just before, in the same batch of lines.
        self.submit();
        self.client.cancel(token);
        Ok(())
    }

    fn complete(&mut self, completion: Completion) -> Result<(), Failure> {
        match self.watches.remove(&completion.token) {
            Some(Watch::Open(watcher)) => return self.follow(watcher, completion),
            Some(Watch::Opening { keys, from, previous }) => {
                if let Ok(reply) = &completion.result
                    && let Answer::Value { at, .. } = reply.answer
                {
                    let open = self.open.get(&completion.token).expect("a watch is an open request");
                    self.say(&json!({"id": open.id, "ok": true, "at": at.0, "node": reply.node}))?;
                    let watcher = Watcher::new(keys, from.map_or(at, Index::prev), previous);
                    self.ask_on(watcher, completion.token);
                    return Ok(());
                }
            }
            None => {}
        }
        let open = self.close(completion.token);
        let answer = match &completion.result {
            Ok(reply) => protocol::served(&open.id, reply, open.base64, open.is_one),
            Err(error) => protocol::failed(&open.id, error),
        };
        self.say(&answer)
    }

    /// Tells what has happened, and asks for what comes next.
    fn follow(&mut self, mut watcher: Watcher, completion: Completion) -> Result<(), Failure> {
        let token = completion.token;
        match watcher.take(completion) {
            Ok(changes) => {
                let open = self.open.get(&token).expect("a watch is an open request");
                for change in &changes {
                    self.say(&protocol::event(&open.id, change, open.base64))?;
                }
                self.ask_on(watcher, token);
                Ok(())
            }
            Err(ClientError::Unavailable(Cause::Cancelled)) => {
                let open = self.close(token);
                self.say(&json!({"id": open.id, "end": "cancelled"}))
            }
            Err(error) if error.may_retry() => {
                self.ask_on(watcher, token);
                Ok(())
            }
            Err(error) => {
                let open = self.close(token);
                let mut last = protocol::failed(&open.id, &error);
                last["end"] = last["error"].clone();
                self.say(&last)
            }
        }
    }

    fn ask_on(&mut self, watcher: Watcher, token: u64) {
        self.calls.push(watcher.call(token, Instant::now()));
        self.watches.insert(token, Watch::Open(watcher));
        self.submit();
    }

    /// The input has ended, and only watches are open.
    fn end_watches(&mut self) -> Result<Exit, Failure> {
        for token in std::mem::take(&mut self.watches).into_keys() {
            let open = self.close(token);
            self.say(&json!({"id": open.id, "end": "input"}))?;
        }
        self.context.printer.flush()?;
        Ok(Exit::Done)
    }

    fn close(&mut self, token: u64) -> Open {
        let open = self.open.remove(&token).expect("a request completes once");
        self.ids.remove(&open.id.to_string());
        open
    }

    /// Everything open is answered: what was written may or may not take effect.
    fn interrupted(&mut self) -> Result<Exit, Failure> {
        let open = std::mem::take(&mut self.open);
        let writes = open.values().filter(|open| open.is_write).count();
        for open in open.into_values() {
            self.say(&protocol::failed(&open.id, &protocol::interrupted(open.is_write)))?;
        }
        self.context.printer.flush()?;
        let failure = Failure::new("E0513", "the pipe was interrupted");
        Err(match writes {
            0 => failure.cause("no write was open"),
            _ => failure
                .cause(format!("{writes} writes were open and were answered `unknown`"))
                .fix("read their keys before you write them again"),
        })
    }

    fn say(&self, answer: &Value) -> Result<(), Failure> {
        self.context.printer.line(answer)
    }
}

/// The end of one of the looks at the cluster; pending for ever when there is none.
async fn next_view(looking: &mut Vec<(u64, Looking<'_>)>) -> (u64, Result<ClusterView, Failure>) {
    poll_fn(|context| {
        for at in 0..looking.len() {
            let (token, look) = &mut looking[at];
            if let Poll::Ready(seen) = look.as_mut().poll(context) {
                let token = *token;
                drop(looking.swap_remove(at));
                return Poll::Ready((token, seen));
            }
        }
        Poll::Pending
    })
    .await
}
