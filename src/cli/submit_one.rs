//! One write from the command line: words to a command, its outcome to a line and an exit code.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io::Read as _;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::Context;
use super::arguments::{Lease, bytes};
use super::failure::{Exit, Failure};
use super::output::printable;
use super::remote;
use super::submit::{CasArgs, Operation, TxnArgs, ValueArgs, WriteOptions};
use super::{receipt, transaction_text, values};
use crate::api::{Answer, Ask};
use crate::client::{Aim, Reply, encode};
use crate::state_machine::{
    self as machine, Command, Expect, Outcome, Rejection, Step, StepOutcome, Transaction, TransactionRejection, Update,
};

/// Most bytes read as one value: far above any limit a cluster may have, far below what would hurt this process.
const VALUE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// One write as it was typed, ready to be sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Write {
    pub(super) update: Update,
    /// What it is called.
    pub(super) word: &'static str,
    /// The keys it names, each once.
    pub(super) keys: Vec<Vec<u8>>,
    /// It was typed as one write of one key, whatever is sent for it.
    pub(super) is_one: bool,
}

impl Write {
    fn one(word: &'static str, command: Command) -> Write {
        Write { word, keys: vec![command.key.clone()], update: Update::Command(command), is_one: true }
    }

    fn leased(word: &'static str, command: Command, ttl: Option<Duration>) -> Write {
        let write = Write::one(word, command.clone());
        match ttl {
            None => write,
            Some(ttl) => Write { update: Update::Transaction(Transaction::leased(command, millis(ttl))), ..write },
        }
    }

    /// Of what the cluster did, what concerns the write as it was typed.
    pub(super) fn outcome(&self, outcome: Outcome) -> Outcome {
        if self.is_one { outcome.of_one_write() } else { outcome }
    }
}

pub(super) fn run(context: &Context, operation: &Operation) -> Result<Exit, Failure> {
    let write = write_of(operation)?;
    let options = options_of(operation);
    let timeout = context.timeout_or(remote::REQUEST_TIMEOUT);
    let what = format!("the {}", write.word);
    let began = Instant::now();
    let reply = remote::block_on_request(&what, async {
        let mut client = remote::open(context, None).await?;
        client.open_session();
        let result = client.call(ask_of(&write, options), Aim::Leader, timeout).await;
        client.close().await;
        result.map_err(|error| remote::failure(&what, &error))
    })?;
    report(context, &write, options, reply, began)
}

/// What is sent for a write that was typed.
pub(super) fn ask_of(write: &Write, options: &WriteOptions) -> Ask {
    let command = encode(&write.update);
    if options.receipt { Ask::Traced(command) } else { Ask::Write(command) }
}

/// What the words mean.
pub(super) fn write_of(operation: &Operation) -> Result<Write, Failure> {
    let base64 = options_of(operation).base64;
    let command = |key: &OsString, operation| Ok::<_, Failure>(Command { key: bytes(key, base64)?, operation });
    Ok(match operation {
        Operation::Put(put) => {
            let value = value(&put.value, base64)?;
            Write::leased("put", command(&put.key, machine::Operation::Put { value })?, put.ttl)
        }
        Operation::Delete(delete) => Write::one("delete", command(&delete.key, machine::Operation::Delete)?),
        Operation::Append(append) => {
            let value = value(&append.value, base64)?;
            Write::one("append", command(&append.key, machine::Operation::Append { value })?)
        }
        Operation::Incr(incr) => Write::one("incr", command(&incr.key, machine::Operation::Incr { by: incr.by })?),
        Operation::Cas(cas) => {
            let (expect, value) = (expectation(cas, base64)?, value(&cas.value, base64)?);
            Write::leased("cas", command(&cas.key, machine::Operation::Cas { expect, value })?, cas.ttl)
        }
        Operation::Lease(lease) => {
            let ttl_ms = match lease.ttl {
                Lease::For(span) => millis(span),
                Lease::Off => 0,
            };
            let write = Write::one("lease", command(&lease.key, machine::Operation::Lease { ttl_ms })?);
            match lease.revision {
                None => write,
                Some(revision) => {
                    let transaction = Transaction::kept_alive(bytes(&lease.key, base64)?, revision, ttl_ms);
                    Write { update: Update::Transaction(transaction), ..write }
                }
            }
        }
        Operation::Txn(txn) => transaction(txn, base64)?,
    })
}

fn transaction(txn: &TxnArgs, base64: bool) -> Result<Write, Failure> {
    transaction_in(&txn.file.display().to_string(), read_value(txn.file.as_os_str())?, base64)
}

/// The transaction in a text, which is called `shown`.
pub(super) fn transaction_in(shown: &str, text: Vec<u8>, base64: bool) -> Result<Write, Failure> {
    let wrong = |why: String| {
        Failure::new("E0508", format!("{shown} holds no transaction"))
            .cause(why)
            .fix("raftctl submit txn --help shows one")
    };
    let text = String::from_utf8(text).map_err(|error| wrong(error.to_string()))?;
    let transaction = transaction_text::parse(&text, base64).map_err(wrong)?;
    let keys: BTreeSet<Vec<u8>> = transaction.keys().map(<[u8]>::to_vec).collect();
    let keys = keys.into_iter().collect();
    Ok(Write { word: "txn", keys, update: Update::Transaction(transaction), is_one: false })
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn options_of(operation: &Operation) -> &WriteOptions {
    match operation {
        Operation::Put(put) => &put.options,
        Operation::Delete(delete) => &delete.options,
        Operation::Append(append) => &append.options,
        Operation::Incr(incr) => &incr.options,
        Operation::Cas(cas) => &cas.options,
        Operation::Txn(txn) => &txn.options,
        Operation::Lease(lease) => &lease.options,
    }
}

fn expectation(cas: &CasArgs, base64: bool) -> Result<Expect, Failure> {
    match (&cas.expect, cas.revision) {
        (Some(value), _) => Ok(Expect::Value(bytes(value, base64)?)),
        (None, Some(revision)) => Ok(Expect::Revision(revision)),
        (None, None) => Ok(Expect::Absent),
    }
}

fn value(arguments: &ValueArgs, base64: bool) -> Result<Vec<u8>, Failure> {
    match (&arguments.value, &arguments.file) {
        (Some(word), _) => bytes(word, base64),
        (None, Some(path)) => read_value(path.as_os_str()),
        (None, None) => Ok(Vec::new()),
    }
}

fn read_value(path: &OsStr) -> Result<Vec<u8>, Failure> {
    let shown = path.to_string_lossy();
    let failed = |error: std::io::Error| Failure::new("E0510", format!("{shown} cannot be read")).because(&error);
    let mut content = Vec::new();
    if path == "-" {
        std::io::stdin().lock().take(VALUE_BYTES_MAX + 1).read_to_end(&mut content).map_err(failed)?;
    } else {
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(VALUE_BYTES_MAX + 1).read_to_end(&mut content).map_err(failed)?;
    }
    if content.len() as u64 > VALUE_BYTES_MAX {
        return Err(Failure::new("E0505", format!("the value in {shown} is too large"))
            .cause(format!("more than {VALUE_BYTES_MAX} bytes")));
    }
    Ok(content)
}

/// Prints what a write came to.
///
/// # Errors
/// It changed nothing, though it was applied.
pub(super) fn report(
    context: &Context,
    write: &Write,
    options: &WriteOptions,
    reply: Reply,
    began: Instant,
) -> Result<Exit, Failure> {
    let (revision, term, outcome, stages) = match reply.answer {
        Answer::Written { revision, term, outcome } => (revision, term, outcome, None),
        Answer::Traced { revision, term, outcome, receipt } => (revision, term, outcome, Some(receipt)),
        _ => return Err(remote::strange("the write")),
    };
    let outcome = write.outcome(outcome);
    if let Some(failure) = unsuccessful(write, &outcome, options.base64) {
        return Err(failure);
    }
    let millis = began.elapsed().as_secs_f64() * 1_000.0;
    let transaction = match &outcome {
        Outcome::Transaction(transaction) => Some(&**transaction),
        _ => None,
    };
    let view = WrittenView {
        revision: revision.0,
        term: term.0,
        node: reply.node.clone(),
        found: match outcome {
            Outcome::Deleted { found } | Outcome::Leased { found } => Some(found),
            _ => None,
        },
        value: match outcome {
            Outcome::Incremented { value } => Some(value.to_string()),
            _ => None,
        },
        branch: transaction.map(|transaction| transaction.branch.word()),
        results: transaction.map(|transaction| transaction_text::results(transaction, options.base64)),
        elapsed_ms: options.receipt.then_some(millis),
        receipt: stages.as_deref().map(receipt::view),
    };
    let absent = matches!(outcome, Outcome::Leased { found: false });
    let exit = if absent { Exit::Absent } else { Exit::Done };
    if !context.printer.is_table() {
        context.printer.document("raftctl.written/v1", &view)?;
        return Ok(exit);
    }
    if options.receipt {
        context.printer.line(format_args!("entry {revision}, written by {}, the leader of term {term}", reply.node))?;
        for line in receipt::timeline(stages.as_deref(), &reply.node, began.elapsed()) {
            context.printer.line(line)?;
        }
    }
    let detail = match &outcome {
        Outcome::Deleted { found: false } | Outcome::Leased { found: false } => " (there was no such key)".to_owned(),
        Outcome::Incremented { value } => format!(" value {value}"),
        Outcome::Transaction(transaction) => format!(" {}", transaction.branch.word()),
        _ => String::new(),
    };
    context.printer.line(format_args!("revision {revision} term {term}{detail}"))?;
    if let (Some(outcome), Update::Transaction(transaction)) = (transaction, &write.update) {
        for (step, result) in transaction.steps(outcome.branch).iter().zip(&outcome.results) {
            context.printer.line(format_args!("  {}", step_line(step, result, options.base64)))?;
        }
    }
    Ok(exit)
}

/// `get colour: green`
fn step_line(step: &Step, result: &StepOutcome, base64: bool) -> String {
    let word = match step {
        Step::Get { .. } => "get",
        Step::Write(command) => operation_word(&command.operation),
    };
    let gave = match result {
        StepOutcome::Read(None) => "not there".to_owned(),
        StepOutcome::Read(Some(current)) => shown(&current.value, base64),
        StepOutcome::Written(Outcome::Deleted { found } | Outcome::Leased { found }) => {
            if *found {
                "done".to_owned()
            } else {
                "there was no such key".to_owned()
            }
        }
        StepOutcome::Written(Outcome::Incremented { value }) => value.to_string(),
        StepOutcome::Written(_) => "done".to_owned(),
    };
    format!("{word} {}: {gave}", shown(step.key(), base64))
}

fn operation_word(operation: &machine::Operation) -> &'static str {
    match operation {
        machine::Operation::Put { .. } => "put",
        machine::Operation::Delete => "delete",
        machine::Operation::Append { .. } => "append",
        machine::Operation::Incr { .. } => "incr",
        machine::Operation::Cas { .. } => "cas",
        machine::Operation::Lease { .. } => "lease",
    }
}

fn shown(bytes: &[u8], base64: bool) -> String {
    if base64 { values::encode_base64(bytes) } else { printable(bytes, true) }
}

/// Why an applied write did not do what was asked.
pub(super) fn unsuccessful(write: &Write, outcome: &Outcome, base64: bool) -> Option<Failure> {
    let key = write.keys.first().map_or_else(String::new, |key| printable(key, true));
    let what = || format!("the {} changed nothing", write.word);
    match outcome {
        Outcome::Written
        | Outcome::Deleted { .. }
        | Outcome::Incremented { .. }
        | Outcome::Leased { .. }
        | Outcome::Transaction(_) => None,
        Outcome::ConditionFailed { current } => {
            let cause = match current {
                None => format!("{key} is not there"),
                Some(current) => {
                    let value = shown(&current.value, base64);
                    format!("{key} is {value}, last changed at revision {}", current.revision)
                }
            };
            Some(Failure::new("E0504", what()).cause(cause).fix("read the key and decide again"))
        }
        Outcome::Rejected { because } => Some(Failure::new("E0507", what()).cause(rejected(&key, *because))),
        Outcome::TransactionRejected(TransactionRejection { branch, step, because }) => {
            let key = match &write.update {
                Update::Transaction(transaction) => transaction.steps(*branch).get(*step as usize).map(Step::key),
                Update::Command(_) => None,
            };
            let key = shown(key.unwrap_or_default(), base64);
            let cause = format!("step {} of `{}`: {}", step + 1, branch.word(), rejected(&key, *because));
            Some(Failure::new("E0507", what()).cause(cause))
        }
    }
}

/// Why a write can have no effect.
pub(super) fn rejected(key: &str, because: Rejection) -> String {
    match because {
        Rejection::NotANumber => format!("{key} is no decimal number"),
        Rejection::Overflow => format!("{key} would leave the range of 64-bit numbers"),
        Rejection::ValueTooLarge { size_bytes, limit_bytes } => {
            format!("{key} would have {size_bytes} bytes; at most {limit_bytes} are allowed")
        }
        Rejection::ResultTooLarge { limit_bytes } => {
            format!("with {key} the values that are read have more than {limit_bytes} bytes together")
        }
    }
}

#[derive(Serialize)]
struct WrittenView {
    revision: u64,
    term: u64,
    node: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    results: Option<Vec<serde_json::Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    elapsed_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<receipt::ReceiptView>,
}
