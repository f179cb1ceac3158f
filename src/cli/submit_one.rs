//! One write from the command line: words to a command, its outcome to a line and an exit code.

use std::ffi::OsStr;
use std::io::Read as _;
use std::time::Instant;

use bytes::BytesMut;
use serde::Serialize;

use super::Context;
use super::arguments::bytes;
use super::failure::{Exit, Failure};
use super::output::printable;
use super::remote;
use super::submit::{CasArgs, Operation, ValueArgs, WriteOptions};
use super::values;
use crate::api::{Answer, Ask};
use crate::client::{Aim, Reply};
use crate::codec::entry::{SESSION_TAG_BYTES_MAX, encode_command, encoded_bytes_max};
use crate::state_machine::{self as machine, Command, Expect, Outcome, Rejection};

/// Most bytes read as one value: far above any limit a cluster may have, far below what would hurt this process.
const VALUE_BYTES_MAX: u64 = 64 * 1024 * 1024;

pub(super) fn run(context: &Context, operation: &Operation) -> Result<Exit, Failure> {
    let command = command_of(operation)?;
    let options = options_of(operation);
    let what = operation_word(&command);
    let timeout = context.timeout_or(remote::REQUEST_TIMEOUT);
    let began = Instant::now();
    let reply = remote::block_on_request(&format!("the {what}"), async {
        let mut client = remote::open(context, None).await?;
        client.open_session();
        let result = client.call(Ask::Write(encode(&command)), Aim::Leader, timeout).await;
        client.close().await;
        result.map_err(|error| remote::failure(&format!("the {what}"), &error))
    })?;
    report(context, &command, options, &reply, began)
}

pub(super) fn encode(command: &Command) -> bytes::Bytes {
    // With room for what makes it a write of a session.
    let mut out = BytesMut::with_capacity(encoded_bytes_max(command) + SESSION_TAG_BYTES_MAX);
    encode_command(command, &mut out);
    out.freeze()
}

/// What the words mean.
pub(super) fn command_of(operation: &Operation) -> Result<Command, Failure> {
    let base64 = options_of(operation).base64;
    let (key, operation) = match operation {
        Operation::Put(put) => (&put.key, machine::Operation::Put { value: value(&put.value, base64)? }),
        Operation::Delete(delete) => (&delete.key, machine::Operation::Delete),
        Operation::Append(append) => (&append.key, machine::Operation::Append { value: value(&append.value, base64)? }),
        Operation::Incr(incr) => (&incr.key, machine::Operation::Incr { by: incr.by }),
        Operation::Cas(cas) => {
            let expect = expectation(cas, base64)?;
            (&cas.key, machine::Operation::Cas { expect, value: value(&cas.value, base64)? })
        }
    };
    Ok(Command { key: bytes(key, base64)?, operation })
}

fn options_of(operation: &Operation) -> &WriteOptions {
    match operation {
        Operation::Put(put) => &put.options,
        Operation::Delete(delete) => &delete.options,
        Operation::Append(append) => &append.options,
        Operation::Incr(incr) => &incr.options,
        Operation::Cas(cas) => &cas.options,
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

pub(super) fn operation_word(command: &Command) -> &'static str {
    match command.operation {
        machine::Operation::Put { .. } => "put",
        machine::Operation::Delete => "delete",
        machine::Operation::Append { .. } => "append",
        machine::Operation::Incr { .. } => "incr",
        machine::Operation::Cas { .. } => "cas",
    }
}

fn report(
    context: &Context,
    command: &Command,
    options: &WriteOptions,
    reply: &Reply,
    began: Instant,
) -> Result<Exit, Failure> {
    let Answer::Written { revision, term, outcome } = &reply.answer else {
        return Err(remote::strange("the write"));
    };
    if let Some(failure) = unsuccessful(command, outcome, options.base64) {
        return Err(failure);
    }
    let millis = began.elapsed().as_secs_f64() * 1_000.0;
    let view = WrittenView {
        revision: revision.0,
        term: term.0,
        node: reply.node.clone(),
        found: match outcome {
            Outcome::Deleted { found } => Some(*found),
            _ => None,
        },
        value: match outcome {
            Outcome::Incremented { value } => Some(value.to_string()),
            _ => None,
        },
        elapsed_ms: options.receipt.then_some(millis),
    };
    if !context.printer.is_table() {
        context.printer.document("raftctl.written/v1", &view)?;
        return Ok(Exit::Done);
    }
    if options.receipt {
        context.printer.line(format_args!("submitted to {}, the leader of term {term}", reply.node))?;
        context.printer.line(format_args!("committed and applied as entry {revision}"))?;
        context.printer.line(format_args!("answered after {millis:.1} ms"))?;
    }
    let detail = match outcome {
        Outcome::Deleted { found: false } => " (there was no such key)".to_owned(),
        Outcome::Incremented { value } => format!(" value {value}"),
        _ => String::new(),
    };
    context.printer.line(format_args!("revision {revision} term {term}{detail}"))?;
    Ok(Exit::Done)
}

/// Why an applied command did not do what was asked.
pub(super) fn unsuccessful(command: &Command, outcome: &Outcome, base64: bool) -> Option<Failure> {
    let key = printable(&command.key, true);
    match outcome {
        Outcome::Written | Outcome::Deleted { .. } | Outcome::Incremented { .. } => None,
        Outcome::ConditionFailed { current } => {
            let cause = match current {
                None => format!("{key} is not there"),
                Some(current) => {
                    let value = match base64 {
                        true => values::encode_base64(&current.value),
                        false => printable(&current.value, true),
                    };
                    format!("{key} is {value}, last changed at revision {}", current.revision)
                }
            };
            Some(Failure::new("E0504", "the cas changed nothing").cause(cause).fix("read the key and decide again"))
        }
        Outcome::Rejected { because } => {
            let what = format!("the {} changed nothing", operation_word(command));
            Some(Failure::new("E0507", what).cause(match because {
                Rejection::NotANumber => format!("{key} is no decimal number"),
                Rejection::Overflow => format!("{key} would leave the range of 64-bit numbers"),
                Rejection::ValueTooLarge { size_bytes, limit_bytes } => {
                    format!("{key} would have {size_bytes} bytes; at most {limit_bytes} are allowed")
                }
            }))
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
    elapsed_ms: Option<f64>,
}
