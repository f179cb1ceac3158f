//! `submit -`: many writes from a file, pipelined, in line order for each key.
//!
//! A line waits while an earlier one for the same key is open, so that both take effect in the order they are
//! written; all other lines overlap. Reading stops at the first failure unless it is told to go on; what is open then
//! is still waited for, so that every line read has a known fate.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{BufRead, BufReader, Read};
use std::time::{Duration, Instant};

use clap::FromArgMatches as _;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::Context;
use super::failure::{Exit, Failure};
use super::key_order::KeyOrder;
use super::line_ranges::{LineRange, LineRanges};
use super::remote;
use super::submit::{LinesArgs, Operation};
use super::submit_one::{Write, unsuccessful, write_of};
use super::words;
use crate::api::{Answer, Ask};
use crate::client::{self, Aim, Call, Client, ClientError, Completion};

/// Lines on their way at once unless told otherwise.
const IN_FLIGHT: u32 = 256;

/// Longest line, in bytes.
pub(super) const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Most lines and bytes handed over by the reader at once, and most such hand-overs that wait.
const BATCH_LINES_MAX: usize = 256;
const BATCH_BYTES_MAX: usize = 1024 * 1024;
pub(super) const BATCHES_MAX: usize = 2;

/// Most different causes of failures that are told.
const CAUSES_MAX: usize = 20;

/// Most separate ranges of lines without success that are remembered; a run with more ends early.
const RANGES_MAX: usize = 100_000;

/// A write that nothing answers for this long has failed; `--timeout` changes it.
const WITHOUT_PROGRESS: Duration = Duration::from_secs(60);

pub(super) fn run(context: &Context, arguments: &LinesArgs) -> Result<Exit, Failure> {
    let source: Box<dyn Read + Send> = match arguments.file.as_deref() {
        Some(path) if path.as_os_str() != "-" => {
            let file = std::fs::File::open(path)
                .map_err(|error| Failure::new("E0510", format!("{} cannot be read", path.display())).because(&error))?;
            Box::new(file)
        }
        _ => Box::new(std::io::stdin()),
    };
    let (sender, mut lines) = mpsc::channel(BATCHES_MAX);
    // The thread ends with the process: a read of stdin cannot be interrupted, only abandoned.
    std::thread::spawn(move || read_lines(source, &sender));
    let mut run = Run::new(context, arguments);
    let progress = run.progress();
    remote::block_on(async {
        let mut client = remote::open(context, None).await?;
        client.open_session();
        run.all(&mut client, &mut lines, &progress).await?;
        client.close().await;
        Ok(())
    })?;
    progress.finish_and_clear();
    run.report()
}

/// What the input gave.
pub(super) enum Input {
    Line(Vec<u8>),
    TooLong,
    Unreadable(std::io::Error),
}

/// Hands lines over until the input or the listener ends; blocks, so it is for a thread.
pub(super) fn read_lines(source: Box<dyn Read + Send>, sender: &mpsc::Sender<Vec<Input>>) {
    let mut reader = BufReader::new(source);
    let mut batch = Vec::new();
    let mut bytes = 0;
    loop {
        let mut line = Vec::new();
        let limit = LINE_BYTES_MAX as u64 + 1;
        let last = match Read::take(&mut reader, limit).read_until(b'\n', &mut line) {
            Ok(0) => break,
            Ok(count) if count > LINE_BYTES_MAX => Some(Input::TooLong),
            Ok(_) => None,
            Err(error) => Some(Input::Unreadable(error)),
        };
        if let Some(last) = last {
            batch.push(last);
            break;
        }
        bytes += line.len();
        batch.push(Input::Line(line));
        let more_is_there = reader.buffer().contains(&b'\n');
        if !more_is_there || batch.len() >= BATCH_LINES_MAX || bytes >= BATCH_BYTES_MAX {
            bytes = 0;
            if sender.blocking_send(std::mem::take(&mut batch)).is_err() {
                return;
            }
        }
    }
    // When nobody listens any more there is nothing left to hand over to.
    let _ = sender.blocking_send(batch);
}

struct Run<'a> {
    context: &'a Context,
    /// Lines handed over and not yet looked at.
    input: VecDeque<Input>,
    in_flight: usize,
    keep_going: bool,
    from_line: u64,
    timeout: Duration,
    /// The last line looked at.
    line: u64,
    /// No more lines are looked at.
    ended: bool,
    /// There are no more lines.
    is_whole: bool,
    interrupted: bool,
    /// Lines read that wait for an earlier one that touches one of their keys.
    waiting: BTreeMap<u64, Write>,
    open: BTreeMap<u64, Write>,
    order: KeyOrder,
    /// Lines that may leave now.
    ready: BTreeSet<u64>,
    tally: Tally,
    first_failure: Option<(u64, Failure)>,
    /// Which lines failed for each cause, as far as causes are told.
    causes: BTreeMap<String, LineRanges>,
    fates: Fates,
}

#[derive(Default)]
struct Tally {
    applied: u64,
    failed: u64,
    unknown: u64,
}

/// What became of the lines that were looked at.
#[derive(Default)]
struct Fates {
    applied: LineRanges,
    /// All that were not confirmed, those of unknown outcome among them.
    unconfirmed: LineRanges,
    unknown: LineRanges,
}

impl<'a> Run<'a> {
    fn new(context: &'a Context, arguments: &LinesArgs) -> Run<'a> {
        Run {
            context,
            input: VecDeque::new(),
            in_flight: arguments.in_flight.unwrap_or(IN_FLIGHT) as usize,
            keep_going: arguments.keep_going,
            from_line: arguments.from_line.unwrap_or(1),
            timeout: context.timeout_or(WITHOUT_PROGRESS),
            line: 0,
            ended: false,
            is_whole: false,
            interrupted: false,
            waiting: BTreeMap::new(),
            open: BTreeMap::new(),
            order: KeyOrder::default(),
            ready: BTreeSet::new(),
            tally: Tally::default(),
            first_failure: None,
            causes: BTreeMap::new(),
            fates: Fates::default(),
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

    async fn all(
        &mut self,
        client: &mut Client,
        lines: &mut mpsc::Receiver<Vec<Input>>,
        progress: &ProgressBar,
    ) -> Result<(), Failure> {
        let mut interrupt = signal(SignalKind::interrupt())
            .map_err(|error| Failure::new("E0512", "no signal handler could be set").because(&error))?;
        let mut done = Vec::new();
        loop {
            let calls = self.fill();
            client.submit(calls);
            if self.ended && self.open.is_empty() {
                return Ok(());
            }
            tokio::select! {
                biased;
                _ = interrupt.recv() => {
                    self.interrupt();
                    return Ok(());
                }
                () = client.completions(&mut done) => {
                    for completion in done.drain(..) {
                        self.complete(completion);
                    }
                }
                batch = lines.recv(), if !self.ended && self.input.is_empty() => match batch {
                    Some(batch) => self.input.extend(batch),
                    None => (self.ended, self.is_whole) = (true, true),
                },
            }
            progress.set_position(self.tally.applied);
        }
    }

    /// Takes lines until enough are on their way; gives those that may leave now.
    fn fill(&mut self) -> Vec<Call> {
        let mut calls = Vec::new();
        while !self.ended && self.open.len() + self.waiting.len() < self.in_flight {
            let Some(input) = self.input.pop_front() else { break };
            self.line += 1;
            match self.write_in(input) {
                Ok(Some(write)) if self.order.enter(self.line, &write.keys) => {
                    calls.push(self.start(self.line, write));
                }
                Ok(Some(write)) => drop(self.waiting.insert(self.line, write)),
                Ok(None) => {}
                Err(failure) => self.fail(self.line, failure),
            }
        }
        for line in std::mem::take(&mut self.ready) {
            if let Some(write) = self.waiting.remove(&line) {
                calls.push(self.start(line, write));
            }
        }
        calls
    }

    fn start(&mut self, line: u64, write: Write) -> Call {
        let ask = Ask::Write(client::encode(&write.update));
        self.open.insert(line, write);
        Call { token: line, ask, aim: Aim::Leader, deadline: Instant::now() + self.timeout }
    }

    fn complete(&mut self, completion: Completion) {
        let line = completion.token;
        let write = self.open.remove(&line).expect("a line completes once");
        for next in self.order.leave(line, &write.keys) {
            if self.waiting.get(&next).is_some_and(|write| self.order.is_first(next, &write.keys)) {
                self.ready.insert(next);
            }
        }
        match completion.result {
            Ok(reply) => match reply.answer {
                Answer::Written { outcome, .. } => match unsuccessful(&write, &write.outcome(outcome), false) {
                    None => {
                        self.tally.applied += 1;
                        self.fates.applied.insert(line);
                    }
                    Some(failure) => self.fail(line, failure),
                },
                _ => self.fail(line, remote::strange("the write")),
            },
            Err(error) => {
                let failure = remote::failure("the write", &error);
                if matches!(error, ClientError::Unknown(_)) {
                    self.leave_unknown(line, failure);
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

    fn leave_unknown(&mut self, line: u64, failure: Failure) {
        self.tally.unknown += 1;
        self.fates.unknown.insert(line);
        self.note_failure(line, failure);
    }

    fn note_failure(&mut self, line: u64, failure: Failure) {
        self.fates.unconfirmed.insert(line);
        let cause = format!("{}: {}", failure.what, failure.cause.as_deref().unwrap_or(""));
        if self.causes.len() < CAUSES_MAX || self.causes.contains_key(&cause) {
            self.causes.entry(cause).or_default().insert(line);
        }
        if self.first_failure.as_ref().is_none_or(|(first, _)| line < *first) {
            self.first_failure = Some((line, failure));
        }
        if !self.keep_going || self.fates.unconfirmed.count() >= RANGES_MAX {
            self.ended = true;
            self.give_up_waiting();
        }
    }

    /// Lines that were read but have not left certainly had no effect.
    fn give_up_waiting(&mut self) {
        for line in std::mem::take(&mut self.waiting).into_keys() {
            self.fates.unconfirmed.insert(line);
        }
    }

    /// What has left may or may not take effect, and nobody waits for the answer.
    fn interrupt(&mut self) {
        (self.ended, self.interrupted) = (true, true);
        self.give_up_waiting();
        for line in std::mem::take(&mut self.open).into_keys() {
            let failure = Failure::new("E0513", "the run was interrupted").cause("the write was on its way");
            self.leave_unknown(line, failure);
        }
    }

    fn write_in(&mut self, input: Input) -> Result<Option<Write>, Failure> {
        match input {
            Input::Line(_) if self.line < self.from_line => Ok(None),
            Input::Line(mut text) => {
                if text.last() == Some(&b'\n') {
                    text.pop();
                }
                parse(&text)
            }
            Input::TooLong => {
                self.ended = true;
                Err(Failure::new("E0508", "the line is too long").cause(format!("over {LINE_BYTES_MAX} bytes")))
            }
            Input::Unreadable(error) => {
                self.ended = true;
                Err(Failure::new("E0510", "the input cannot be read").because(&error))
            }
        }
    }

    fn report(self) -> Result<Exit, Failure> {
        let Tally { applied, failed, unknown } = self.tally;
        let printer = &self.context.printer;
        for (cause, lines) in &self.causes {
            printer.warning(format_args!("{}: {cause}", lines.to_sentence()));
        }
        // Reading stopped early: the next line is where nothing is confirmed any more.
        let next = (!self.is_whole).then_some(self.line + 1);
        let first = self.fates.unconfirmed.first().or(next);
        if printer.is_table() {
            let first = first.map_or_else(|| "–".to_owned(), |line| line.to_string());
            printer
                .line(format_args!("applied {applied} failed {failed} unknown {unknown} first_unconfirmed {first}"))?;
        } else {
            printer.document(
                "raftctl.submitted/v1",
                &Summary {
                    applied,
                    failed,
                    unknown,
                    first_unconfirmed: first,
                    unconfirmed: self.fates.unconfirmed.to_vec(),
                    applied_after: first.map_or_else(Vec::new, |first| self.fates.applied.after(first).to_vec()),
                    not_read_from: next,
                },
            )?;
        }
        let advice = self.fates.advice(next);
        if self.interrupted {
            return Err(Failure::new("E0513", format!("the run was interrupted behind line {}", self.line))
                .cause(match unknown {
                    0 => "no write was on its way".to_owned(),
                    _ => format!("{} may or may not be applied", self.fates.unknown.to_sentence()),
                })
                .fix(advice));
        }
        let Some((line, failure)) = self.first_failure else { return Ok(Exit::Done) };
        let exit = if unknown > 0 { Exit::Unknown } else { failure.exit };
        Err(Failure::new("E0509", format!("line {line} failed: {}", failure.what))
            .cause(failure.cause.unwrap_or_default())
            .fix(advice)
            .exit(exit))
    }
}

impl Fates {
    /// How to go on so that no line takes effect twice; `next` is the first line that was not looked at.
    fn advice(&self, next: Option<u64>) -> String {
        let Some(first) = self.unconfirmed.first() else {
            return next
                .map_or_else(|| "nothing is left to do".to_owned(), |line| format!("resume with --from-line {line}"));
        };
        let mut text = String::new();
        if !self.unknown.is_empty() {
            text = format!("first read the keys of {} to see what is applied; then ", self.unknown.to_sentence());
        }
        let later = self.applied.after(first);
        if later.is_empty() && self.unknown.is_empty() {
            return format!("mend it and resume with --from-line {first}");
        }
        let rest = next.map_or_else(String::new, |line| format!(", and --from-line {line} for the rest"));
        text.push_str(&format!(
            "submit by themselves those of {} that are to be applied{rest}",
            self.unconfirmed.to_sentence()
        ));
        if !later.is_empty() {
            text.push_str(&format!("; not {}: applied already", later.to_sentence()));
        }
        text
    }
}

#[derive(Serialize)]
struct Summary {
    applied: u64,
    failed: u64,
    unknown: u64,
    first_unconfirmed: Option<u64>,
    /// All lines looked at that were not confirmed.
    unconfirmed: Vec<LineRange>,
    /// Applied, although they come after the first that was not.
    applied_after: Vec<LineRange>,
    /// Where reading stopped early.
    not_read_from: Option<u64>,
}

/// The write a line holds; none for blank lines and comments.
fn parse(line: &[u8]) -> Result<Option<Write>, Failure> {
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
        let told: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
        Failure::new("E0508", "the line is no command").cause(told.join(" ").trim_start_matches("error: "))
    })?;
    let operation = Operation::from_arg_matches(&matches)
        .map_err(|error| Failure::new("E0508", "the line is no command").because(&error))?;
    if takes_stdin(&operation) {
        return Err(Failure::new("E0508", "the line is no command").cause("`-f -` would read the lines themselves"));
    }
    write_of(&operation).map(Some)
}

/// Whether the write would take its value from where the lines come from.
pub(super) fn takes_stdin(operation: &Operation) -> bool {
    let file = match operation {
        Operation::Put(put) => put.value.file.as_ref(),
        Operation::Append(append) => append.value.file.as_ref(),
        Operation::Cas(cas) => cas.value.file.as_ref(),
        Operation::Txn(txn) => Some(&txn.file),
        Operation::Delete(_) | Operation::Incr(_) | Operation::Lease(_) => None,
    };
    file.is_some_and(|path| path.as_os_str() == "-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_machine::{Command, Expect, Operation as Machine, Transaction, Update};

    fn command(line: &[u8]) -> Command {
        match parse(line).unwrap().unwrap().update {
            Update::Command(command) => command,
            Update::Transaction(transaction) => panic!("one command was typed: {transaction:?}"),
        }
    }

    #[test]
    fn a_line_holds_what_follows_submit() {
        let put = command(b"put 'a key' \"a value\"");
        assert_eq!(put, Command { key: b"a key".to_vec(), operation: Machine::Put { value: b"a value".to_vec() } });
        let expect = Expect::Value(b"old".to_vec());
        let cas = Machine::Cas { expect, value: b"new".to_vec() };
        assert_eq!(command(b"cas k new --expect old").operation, cas);
        assert_eq!(command(b"incr k -5").operation, Machine::Incr { by: -5 });
        assert_eq!(command(b"put -- --help x").key, b"--help");
        assert_eq!(command(b"lease k off").operation, Machine::Lease { ttl_ms: 0 });
        let leased = parse(b"cas k new --expect old --ttl 2s").unwrap().unwrap();
        let transaction = Transaction::leased(Command { key: b"k".to_vec(), operation: cas }, 2_000);
        assert_eq!((leased.word, leased.update), ("cas", Update::Transaction(transaction)));
        assert_eq!(parse(b"   # a comment").unwrap(), None);
    }

    #[test]
    fn a_line_that_is_no_command_says_why() {
        let failure = parse(b"put only-a-key").unwrap_err();
        assert_eq!((failure.code, failure.exit), ("E0508", Exit::Usage));
        assert_eq!(parse(b"jump k v").unwrap_err().code, "E0508");
        assert_eq!(parse(b"put 'open").unwrap_err().code, "E0508");
        assert!(failure.cause.unwrap().contains("VALUE"), "the missing argument is named");
    }

    #[test]
    fn a_line_cannot_read_the_lines() {
        for line in [&b"put a -f -"[..], b"append -f - a", b"cas a --absent --file=-", b"txn -f -"] {
            let failure = parse(line).unwrap_err();
            assert_eq!((failure.code, failure.exit), ("E0508", Exit::Usage));
        }
    }

    fn fates(applied: &[u64], unconfirmed: &[u64], unknown: &[u64]) -> Fates {
        let mut fates = Fates::default();
        applied.iter().for_each(|line| fates.applied.insert(*line));
        unconfirmed.iter().for_each(|line| fates.unconfirmed.insert(*line));
        unknown.iter().for_each(|line| fates.unknown.insert(*line));
        fates
    }

    #[test]
    fn no_advice_applies_a_line_twice() {
        assert_eq!(fates(&[1, 2], &[3], &[]).advice(Some(4)), "mend it and resume with --from-line 3");
        assert_eq!(
            fates(&[2, 3], &[1, 4], &[]).advice(Some(5)),
            "submit by themselves those of lines 1, 4 that are to be applied, and --from-line 5 for the rest; \
             not lines 2-3: applied already"
        );
        let unknown = fates(&[1], &[2], &[2]).advice(None);
        assert!(unknown.starts_with("first read the keys of line 2") && !unknown.contains("--from-line"), "{unknown}");
        assert_eq!(fates(&[1], &[], &[]).advice(Some(2)), "resume with --from-line 2");
    }
}
