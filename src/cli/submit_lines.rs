//! `submit -`: many writes from a file, pipelined, in line order for each key.
//!
//! A line waits while an earlier one for the same key is open, so that both take effect in the order they are
//! written; all other lines overlap. Reading stops at the first failure unless it is told to go on; what is open then
//! is still waited for, so that every line read has a known fate.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

use clap::FromArgMatches as _;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::Context;
use super::failure::{Exit, Failure};
use super::remote;
use super::submit::{LinesArgs, Operation};
use super::submit_one::{command_of, encode, unsuccessful};
use super::words;
use crate::api::{Answer, Ask};
use crate::client::{Aim, Call, Client, ClientError, Completion};
use crate::state_machine::Command;

/// Lines on their way at once unless told otherwise.
const IN_FLIGHT: u32 = 256;

/// Longest line, in bytes.
const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Most failed lines that are named one by one.
const NAMED_MAX: u64 = 20;

/// A write that nothing answers for this long has failed; `--timeout` changes it.
const WITHOUT_PROGRESS: Duration = Duration::from_secs(60);

pub(super) fn run(context: &Context, arguments: &LinesArgs) -> Result<Exit, Failure> {
    let reader: Box<dyn BufRead> = match arguments.file.as_deref() {
        Some(path) if path.as_os_str() != "-" => {
            let file = std::fs::File::open(path)
                .map_err(|error| Failure::new("E0510", format!("{} cannot be read", path.display())).because(&error))?;
            Box::new(BufReader::new(file))
        }
        _ => Box::new(std::io::stdin().lock()),
    };
    let mut run = Run::new(context, arguments, reader);
    let progress = run.progress();
    remote::block_on(async {
        let mut client = remote::open(context, None).await?;
        run.all(&mut client, &progress).await;
        client.close().await;
        Ok(())
    })?;
    progress.finish_and_clear();
    run.report()
}

struct Run<'a> {
    context: &'a Context,
    reader: Box<dyn BufRead + 'a>,
    in_flight: usize,
    keep_going: bool,
    from_line: u64,
    timeout: Duration,
    line: u64,
    ended: bool,
    /// Lines read that wait for an earlier one of the same key.
    waiting: BTreeMap<Vec<u8>, VecDeque<(u64, Command)>>,
    waiting_count: usize,
    open: BTreeMap<u64, Command>,
    busy_keys: BTreeSet<Vec<u8>>,
    tally: Tally,
    first_failure: Option<(u64, Failure)>,
    unconfirmed: BTreeSet<u64>,
}

#[derive(Default)]
struct Tally {
    applied: u64,
    failed: u64,
    unknown: u64,
}

impl<'a> Run<'a> {
    fn new(context: &'a Context, arguments: &LinesArgs, reader: Box<dyn BufRead + 'a>) -> Run<'a> {
        Run {
            context,
            reader,
            in_flight: arguments.in_flight.unwrap_or(IN_FLIGHT) as usize,
            keep_going: arguments.keep_going,
            from_line: arguments.from_line.unwrap_or(1),
            timeout: context.timeout_or(WITHOUT_PROGRESS),
            line: 0,
            ended: false,
            waiting: BTreeMap::new(),
            waiting_count: 0,
            open: BTreeMap::new(),
            busy_keys: BTreeSet::new(),
            tally: Tally::default(),
            first_failure: None,
            unconfirmed: BTreeSet::new(),
        }
    }

    fn progress(&self) -> ProgressBar {
        if !self.context.printer.may_draw() {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{spinner} {pos} lines applied, {per_sec}")
            .expect("the template is a constant that parses");
        ProgressBar::no_length().with_style(style)
    }

    async fn all(&mut self, client: &mut Client, progress: &ProgressBar) {
        let mut done = Vec::new();
        loop {
            let calls = self.fill();
            client.submit(calls);
            if self.open.is_empty() {
                return;
            }
            client.completions(&mut done).await;
            for completion in done.drain(..) {
                self.complete(completion);
            }
            progress.set_position(self.tally.applied);
        }
    }

    /// Reads lines until enough are on their way; gives those that may leave now.
    fn fill(&mut self) -> Vec<Call> {
        let mut calls = Vec::new();
        while !self.ended && self.open.len() + self.waiting_count < self.in_flight {
            match self.next_command() {
                Ok(Some((line, command))) if self.busy_keys.contains(&command.key) => {
                    self.waiting_count += 1;
                    self.waiting.entry(command.key.clone()).or_default().push_back((line, command));
                }
                Ok(Some((line, command))) => calls.push(self.start(line, command)),
                Ok(None) => self.ended = true,
                Err(failure) => self.fail(self.line, failure),
            }
        }
        let ready: Vec<Vec<u8>> = self.waiting.keys().filter(|key| !self.busy_keys.contains(*key)).cloned().collect();
        for key in ready {
            let queue = self.waiting.get_mut(&key).expect("it was listed just now");
            let (line, command) = queue.pop_front().expect("an empty queue is removed");
            if queue.is_empty() {
                self.waiting.remove(&key);
            }
            self.waiting_count -= 1;
            calls.push(self.start(line, command));
        }
        calls
    }

    fn start(&mut self, line: u64, command: Command) -> Call {
        let ask = Ask::Write(encode(&command));
        self.busy_keys.insert(command.key.clone());
        self.open.insert(line, command);
        Call { token: line, ask, aim: Aim::Leader, deadline: Instant::now() + self.timeout }
    }

    fn complete(&mut self, completion: Completion) {
        let line = completion.token;
        let command = self.open.remove(&line).expect("a line completes once");
        self.busy_keys.remove(&command.key);
        match completion.result {
            Ok(reply) => match &reply.answer {
                Answer::Written { outcome, .. } => match unsuccessful(&command, outcome, false) {
                    None => self.tally.applied += 1,
                    Some(failure) => self.fail(line, failure),
                },
                _ => self.fail(line, remote::strange("the write")),
            },
            Err(error) => {
                let failure = remote::failure("the write", &error);
                if matches!(error, ClientError::Unknown(_)) {
                    self.tally.unknown += 1;
                    self.note_failure(line, failure);
                } else {
                    self.fail(line, failure);
                }
            }
        }
    }

    fn fail(&mut self, line: u64, failure: Failure) {
        self.tally.failed += 1;
        self.note_failure(line, failure);
    }

    fn note_failure(&mut self, line: u64, failure: Failure) {
        self.unconfirmed.insert(line);
        if self.tally.failed + self.tally.unknown <= NAMED_MAX {
            let cause = failure.cause.as_deref().unwrap_or("");
            self.context.printer.warning(format_args!("line {line}: {}: {cause}", failure.what));
        }
        if self.first_failure.is_none() {
            self.first_failure = Some((line, failure));
        }
        if !self.keep_going && !self.ended {
            self.ended = true;
            self.give_up_waiting();
        }
    }

    /// Lines that were read but have not left certainly had no effect.
    fn give_up_waiting(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting_count = 0;
        self.unconfirmed.extend(waiting.into_values().flatten().map(|(line, _)| line));
    }

    /// The next line that holds a command.
    fn next_command(&mut self) -> Result<Option<(u64, Command)>, Failure> {
        loop {
            let mut text = Vec::new();
            let limit = LINE_BYTES_MAX as u64 + 1;
            let count = std::io::Read::take(&mut self.reader, limit).read_until(b'\n', &mut text).map_err(|error| {
                self.ended = true;
                Failure::new("E0510", "the input cannot be read").because(&error)
            })?;
            if count == 0 {
                return Ok(None);
            }
            self.line += 1;
            if text.len() > LINE_BYTES_MAX {
                self.ended = true;
                return Err(Failure::new("E0508", "the line is too long").cause(format!("over {LINE_BYTES_MAX} bytes")));
            }
            if self.line < self.from_line {
                continue;
            }
            if text.last() == Some(&b'\n') {
                text.pop();
            }
            if let Some(command) = parse(&text)? {
                return Ok(Some((self.line, command)));
            }
        }
    }

    fn report(self) -> Result<Exit, Failure> {
        let Tally { applied, failed, unknown } = self.tally;
        let first = self.unconfirmed.first().copied();
        let printer = &self.context.printer;
        if printer.is_table() {
            let first = first.map_or_else(|| "–".to_owned(), |line| line.to_string());
            printer
                .line(format_args!("applied {applied} failed {failed} unknown {unknown} first_unconfirmed {first}"))?;
        } else {
            printer
                .document("raftctl.submitted/v1", &Summary { applied, failed, unknown, first_unconfirmed: first })?;
        }
        let Some((line, failure)) = self.first_failure else { return Ok(Exit::Done) };
        let exit = if unknown > 0 { Exit::Unknown } else { failure.exit };
        let fix = format!("mend it and resume with --from-line {}", first.unwrap_or(line));
        Err(Failure::new("E0509", format!("line {line} failed: {}", failure.what))
            .cause(failure.cause.unwrap_or_default())
            .fix(fix)
            .exit(exit))
    }
}

#[derive(Serialize)]
struct Summary {
    applied: u64,
    failed: u64,
    unknown: u64,
    first_unconfirmed: Option<u64>,
}

/// The command a line holds; none for blank lines and comments.
fn parse(line: &[u8]) -> Result<Option<Command>, Failure> {
    let words = words::split(line).map_err(|error| Failure::new("E0508", "the line is no command").because(&error))?;
    if words.is_empty() {
        return Ok(None);
    }
    let parser = <Operation as clap::Subcommand>::augment_subcommands(clap::Command::new("line"))
        .no_binary_name(true)
        .disable_help_flag(true)
        .disable_help_subcommand(true)
        .subcommand_required(true);
    let matches = parser.try_get_matches_from(words).map_err(|error| {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or("").trim_start_matches("error: ").to_owned();
        Failure::new("E0508", "the line is no command").cause(first)
    })?;
    let operation = Operation::from_arg_matches(&matches)
        .map_err(|error| Failure::new("E0508", "the line is no command").because(&error))?;
    command_of(&operation).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_machine::{Expect, Operation as Write};

    #[test]
    fn a_line_holds_what_follows_submit() {
        let put = parse(b"put 'a key' \"a value\"").unwrap().unwrap();
        assert_eq!(put, Command { key: b"a key".to_vec(), operation: Write::Put { value: b"a value".to_vec() } });
        let cas = parse(b"cas k new --expect old").unwrap().unwrap();
        let expect = Expect::Value(b"old".to_vec());
        assert_eq!(cas.operation, Write::Cas { expect, value: b"new".to_vec() });
        assert_eq!(parse(b"incr k -5").unwrap().unwrap().operation, Write::Incr { by: -5 });
        assert_eq!(parse(b"put -- --help x").unwrap().unwrap().key, b"--help");
        assert_eq!(parse(b"   # a comment").unwrap(), None);
    }

    #[test]
    fn a_line_that_is_no_command_says_why() {
        let failure = parse(b"put only-a-key").unwrap_err();
        assert_eq!((failure.code, failure.exit), ("E0508", Exit::Usage));
        assert_eq!(parse(b"jump k v").unwrap_err().code, "E0508");
        assert_eq!(parse(b"put 'open").unwrap_err().code, "E0508");
    }
}
