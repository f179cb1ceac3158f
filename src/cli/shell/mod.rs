//! `raftctl shell`: a prompt to a cluster. Every line is one command, as after `raftctl`, or begins with a backslash and
//! is about the shell itself.
//!
//! All writes are of one session and all requests go through one connection, except reads at a node of their own
//! (`\node`). A command that fails never ends the shell. Without a terminal the same lines come from stdin, and the exit
//! code is that of the first one that failed.

use std::time::Instant;

use serde::Serialize;

use super::Context;
use super::arguments::ReadOptions;
use super::failure::{Exit, Failure};
use super::leader::Said;
use super::output::printable;
use super::selection::{self, Target};
use super::submit::WriteOptions;
use super::submit_one::{self, Write};
use super::{get, remote, scan, status, watch};
use crate::api::Consistency;
use crate::client::{Aim, Client};

mod attend;
mod complete;
mod editor;
mod history;
mod order;
mod source;

use attend::{Patience, attend};
use order::{Defaults, Order, Reading};
use source::{Next, Source};

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl shell
  raftctl shell --cluster demo --timeout 3s
  printf 'put colour green\\nget colour\\n' | raftctl shell

At the prompt:
  put colour green --ttl 30s     as after `raftctl submit`; also delete append incr cas lease
  get colour                     also scan, watch; Ctrl-C ends a watch or gives up a wait
  txn                            a transaction in the lines that follow, up to a line with a single `.`
  \\status                        also \\leader \\consistency \\node \\timing \\history \\quit; \\help lists all

From a pipe there is no prompt: results go to stdout, errors to stderr with their line numbers, and the exit code is that
of the first line that failed. Quotes are as in a shell; # begins a comment.")]
pub struct Args {}

/// Most bytes of the text of one transaction.
const BLOCK_BYTES_MAX: usize = 16 * 1024 * 1024;

pub fn run(context: &Context, _arguments: Args) -> Result<Exit, Failure> {
    let Context { global, environment, .. } = context;
    let context = Context::new(global.clone(), environment.clone());
    let context = &Context { printer: context.printer.streaming(), ..context };
    let target = selection::target(context)?;
    remote::block_on(async {
        let mut client = remote::open(context, None).await?;
        client.open_session();
        let source = Source::open(context, &target)?;
        let mut shell = Shell {
            context,
            client,
            pinned: None,
            defaults: Defaults { consistency: Consistency::Linearizable, node: None },
            name: name_of(&target),
            is_timed: false,
            source,
            first_failure: None,
        };
        shell.greet(&target);
        let outcome = shell.converse().await;
        shell.close().await;
        outcome
    })
}

#[derive(Serialize)]
struct SettingView<'a> {
    name: &'a str,
    value: &'a str,
}

struct Shell<'a> {
    context: &'a Context,
    client: Client,
    /// For reads at one node: the one that was asked last.
    pinned: Option<(String, Client)>,
    defaults: Defaults,
    /// What the prompt calls the cluster.
    name: String,
    is_timed: bool,
    source: Source,
    first_failure: Option<Exit>,
}

/// What a line came to.
enum Flow {
    /// The cluster was asked.
    Asked(Exit),
    /// It was about the shell alone.
    Told,
    Quit,
}

impl Shell<'_> {
    fn greet(&self, target: &Target) {
        if self.source.is_terminal() {
            let how = target.how;
            self.context.printer.note(format_args!(
                "{} ({how}); \\help lists what can be typed, Ctrl-D leaves",
                match &target.cluster {
                    Some(cluster) => format!("cluster {}", cluster.name),
                    None => "the cluster behind these endpoints".to_owned(),
                }
            ));
        }
    }

    async fn converse(&mut self) -> Result<Exit, Failure> {
        loop {
            let prompt = match &self.defaults.node {
                None => format!("{}> ", self.name),
                Some(node) => format!("{}@{node}> ", self.name),
            };
            let line = match self.source.next(&prompt, &mut self.client).await? {
                Next::Line(line) => line,
                Next::Cleared => continue,
                Next::End => break,
            };
            let number = self.source.line_number();
            self.remember(&line);
            let began = Instant::now();
            let outcome = self.obey(&line).await;
            let was_asked = matches!(outcome, Ok(Flow::Asked(_)) | Err(_));
            if self.settle(number, outcome)? {
                break;
            }
            if self.is_timed && was_asked {
                let millis = began.elapsed().as_secs_f64() * 1_000.0;
                self.context.printer.note(format_args!("{millis:.1} ms"));
            }
        }
        let failed = self.first_failure.filter(|_| !self.source.is_terminal());
        Ok(failed.unwrap_or(Exit::Done))
    }

    async fn obey(&mut self, line: &[u8]) -> Result<Flow, Failure> {
        match order::parse(line, &self.defaults)? {
            Order::Nothing => {}
            Order::Quit => return Ok(Flow::Quit),
            Order::Write(operation) => {
                let write = submit_one::write_of(&operation)?;
                return self.write(&write, submit_one::options_of(&operation)).await.map(Flow::Asked);
            }
            Order::Block => return self.block().await.map(Flow::Asked),
            Order::Read(reading) => return self.read(&reading).await.map(Flow::Asked),
            Order::Status => return self.look(false).await.map(Flow::Asked),
            Order::Leader => return self.look(true).await.map(Flow::Asked),
            Order::Help(text) => self.context.printer.line(text.trim_end())?,
            Order::Consistency(wanted) => {
                self.defaults.consistency = wanted.unwrap_or(self.defaults.consistency);
                self.say("consistency", order::consistency_word(self.defaults.consistency), wanted.is_some())?;
            }
            Order::Timing(wanted) => {
                self.is_timed = wanted.unwrap_or(self.is_timed);
                self.say("timing", on_off(self.is_timed), wanted.is_some())?;
            }
            Order::Node(wanted) => self.node(wanted).await?,
            Order::History(wanted) => self.history(wanted)?,
        }
        Ok(Flow::Told)
    }

    /// Tells what a line came to; whether it was the last one.
    fn settle(&mut self, number: Option<u64>, outcome: Result<Flow, Failure>) -> Result<bool, Failure> {
        let at = number.map_or_else(String::new, |number| format!("line {number}: "));
        let outcome = outcome.and_then(|flow| self.context.printer.flush().map(|()| flow));
        let exit = match outcome {
            Ok(Flow::Quit) => return Ok(true),
            Ok(Flow::Told) => return Ok(false),
            Ok(Flow::Asked(exit)) => {
                if exit == Exit::Absent {
                    self.context.printer.note(format_args!("{at}there is no such key"));
                }
                exit
            }
            Err(failure) if failure.is_silent() => return Err(failure),
            Err(mut failure) => {
                failure.what = format!("{at}{}", failure.what);
                if failure.exit == Exit::Interrupted && !self.source.is_terminal() {
                    return Err(failure);
                }
                if failure.exit == Exit::Interrupted {
                    self.source.forget_pasted();
                }
                self.context.printer.failure(&failure);
                failure.exit
            }
        };
        if exit != Exit::Done {
            self.first_failure.get_or_insert(exit);
        }
        Ok(false)
    }

    async fn write(&mut self, write: &Write, options: &WriteOptions) -> Result<Exit, Failure> {
        let (context, what, began) = (self.context, format!("the {}", write.word), Instant::now());
        let timeout = context.timeout_or(remote::REQUEST_TIMEOUT);
        let call = self.client.call(submit_one::ask_of(write, options), Aim::Leader, timeout);
        let result = match attend(context, Patience::Told, call).await? {
            Some(result) => result.map_err(|error| remote::failure(&what, &error)),
            None => {
                let given_up = self.client.abandon().pop().expect("a write that was let go of was open");
                given_up.result.map_err(|error| attend::given_up(&what, &error))
            }
        };
        submit_one::report(context, write, options, result?, began)
    }

    /// A transaction in the lines that follow.
    async fn block(&mut self) -> Result<Exit, Failure> {
        let mut text = Vec::new();
        let mut bytes = 0;
        loop {
            match self.source.next("txn> ", &mut self.client).await? {
                Next::Line(line) if line.trim_ascii() == b"." => break,
                Next::Line(line) => {
                    bytes += line.len() + 1;
                    if bytes <= BLOCK_BYTES_MAX {
                        text.extend_from_slice(&line);
                        text.push(b'\n');
                    }
                }
                Next::Cleared => {
                    self.context.printer.note("the transaction is forgotten; nothing was sent");
                    return Ok(Exit::Done);
                }
                Next::End => {
                    return Err(Failure::new("E0508", "the transaction is not complete; nothing was sent")
                        .cause("the input ended before a line with a single `.`"));
                }
            }
        }
        if bytes > BLOCK_BYTES_MAX {
            return Err(Failure::new("E0505", "the transaction is too large; nothing was sent")
                .cause(format!("its text has more than {BLOCK_BYTES_MAX} bytes")));
        }
        let write = submit_one::transaction_in("the text", text, false)?;
        self.write(&write, &WriteOptions { base64: false, receipt: false }).await
    }

    async fn read(&mut self, reading: &Reading) -> Result<Exit, Failure> {
        let context = self.context;
        if matches!(reading, Reading::Get(get) if get.raw) && context.printer.stdout_is_terminal() {
            return Err(Failure::new("E0101", "--raw is not for a terminal")
                .cause("the bytes of a value could take over the screen")
                .fix("raftctl get KEY --raw > FILE, outside of the shell"));
        }
        let node = reading.options().node.clone();
        let client = match node {
            None => &mut self.client,
            Some(node) => at_node(context, &mut self.pinned, node).await?,
        };
        let through = &mut *client;
        let (patience, work) = (reading.patience(), async move {
            match reading {
                Reading::Get(arguments) => get::read_and_print(context, arguments, through).await,
                Reading::Scan(arguments) => scan::print_pages(context, arguments, through).await,
                Reading::Watch(arguments) => watch::follow_until_over(context, arguments, through).await,
            }
        });
        let outcome = attend(context, patience, work).await?;
        // A watch that is over leaves its last question open.
        drop(client.abandon());
        match (outcome, reading) {
            (Some(outcome), _) => outcome,
            (None, Reading::Watch(_)) if self.source.is_terminal() => Ok(Exit::Done),
            (None, Reading::Watch(_)) => Err(Failure::new("E0513", "the watch was interrupted")),
            (None, _) => Err(Failure::new("E0513", "the read was given up").cause("it has no effect")),
        }
    }

    /// `\status`, or the leader's name alone.
    async fn look(&mut self, leader_alone: bool) -> Result<Exit, Failure> {
        let context = self.context;
        let Some(view) = attend(context, Patience::Silent, status::view_through(context, &mut self.client)).await?
        else {
            drop(self.client.abandon());
            return Err(Failure::new("E0513", "the look at the cluster was given up"));
        };
        let view = view?;
        if !leader_alone {
            status::print(context, &view)?;
            return Ok(if view.any_reachable() { Exit::Done } else { Exit::Unavailable });
        }
        let leader = view.leader.as_deref().ok_or_else(|| {
            Failure::new("E0502", "no node is known to lead").fix("\\status says who answers, and what is missing")
        })?;
        match context.printer.is_table() {
            true => context.printer.line(leader)?,
            // The view calls a node the leader by that node's own word.
            false => {
                let term = view.term.unwrap_or_default();
                let said = Said { leader: leader.to_owned(), term, node: leader.to_owned() };
                context.printer.document("raftctl.leader/v1", &said)?;
            }
        }
        Ok(Exit::Done)
    }

    /// Where reads go: `Some(None)` is back to any node.
    async fn node(&mut self, wanted: Option<Option<String>>) -> Result<(), Failure> {
        let is_new = wanted.is_some();
        if let Some(node) = wanted {
            if let Some(name) = &node {
                // Whether there is such a node is better known now than at the next read.
                at_node(self.context, &mut self.pinned, name.clone()).await?;
            }
            self.defaults.node = node;
        }
        let node = self.defaults.node.as_deref().unwrap_or("off").to_owned();
        self.say("node", &node, is_new)
    }

    fn history(&mut self, wanted: Option<bool>) -> Result<(), Failure> {
        let context = self.context;
        let Some(history) = self.source.history() else {
            return Err(Failure::new("E0101", "there is no history").cause("stdin and stdout are not both a terminal"));
        };
        if let Some(wanted) = wanted {
            history.is_on = wanted;
            return self.say("history", on_off(wanted), true);
        }
        for line in history.lines() {
            context.printer.line(printable(line.as_bytes(), false).replace("\\\\", "\\"))?;
        }
        Ok(())
    }

    /// A setting as it is, as data when it was asked for and as talk when it was changed.
    fn say(&self, name: &str, value: &str, was_set: bool) -> Result<(), Failure> {
        let printer = &self.context.printer;
        match (was_set, printer.is_table()) {
            (true, _) => printer.note(format_args!("{name} {value}")),
            (false, true) => printer.line(format_args!("{name} {value}"))?,
            (false, false) => printer.document("raftctl.setting/v1", &SettingView { name, value })?,
        }
        Ok(())
    }

    fn remember(&mut self, line: &[u8]) {
        let Some(history) = self.source.history() else { return };
        let Ok(line) = std::str::from_utf8(line) else { return };
        if let Err(failure) = history.record(line) {
            // A shell without a history is better than none.
            history.is_on = false;
            self.context.printer.warning(format_args!("history is off: {}", failure.what));
        }
    }

    async fn close(self) {
        self.client.close().await;
        if let Some((_, pinned)) = self.pinned {
            pinned.close().await;
        }
    }
}

/// The client for reads at `node`; kept for the next one, except for `leader`, who may be another one by then.
async fn at_node<'a>(
    context: &Context,
    pinned: &'a mut Option<(String, Client)>,
    node: String,
) -> Result<&'a mut Client, Failure> {
    let is_there = node != remote::LEADER && pinned.as_ref().is_some_and(|(name, _)| *name == node);
    if !is_there {
        let client = remote::open(context, Some(&node)).await?;
        if let Some((_, former)) = pinned.replace((node, client)) {
            former.close().await;
        }
    }
    Ok(&mut pinned.as_mut().expect("it is there or was just made").1)
}

fn name_of(target: &Target) -> String {
    target.cluster.as_ref().map_or_else(|| "raftctl".to_owned(), |cluster| cluster.name.clone())
}

fn on_off(is_on: bool) -> &'static str {
    if is_on { "on" } else { "off" }
}

impl Reading {
    fn options(&self) -> &ReadOptions {
        match self {
            Reading::Get(arguments) => &arguments.reading,
            Reading::Scan(arguments) => &arguments.reading,
            Reading::Watch(arguments) => &arguments.reading,
        }
    }

    /// A watch may wait long without anything being wrong.
    fn patience(&self) -> Patience {
        if matches!(self, Reading::Watch(_)) { Patience::Silent } else { Patience::Told }
    }
}
