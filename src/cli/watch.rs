//! `raftctl watch`: changes as they happen.

use std::ffi::OsString;
use std::time::Duration;

use clap_complete::ArgValueCompleter;
use serde::Serialize;

use super::Context;
use super::arguments::{ReadOptions, bytes};
use super::completions;
use super::failure::{Exit, Failure};
use super::output::printable;
use super::pipe_protocol::event_word;
use super::remote;
use super::values::{self, as_text};
use crate::api::{KeyChange, Keys, State};
use crate::client::{Client, Watcher};
use crate::raft::Index;

#[derive(Clone, Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("keys").required(true).args(["key", "prefix"]))]
#[command(after_help = "\
Examples:
  raftctl watch colour
  raftctl watch --prefix user/ --prev
  raftctl watch colour --count 1                  wait for the next change
  raftctl watch --prefix '' --from 120 -o json    all that is kept from revision 120 on

Changes come in order, none is missed and none comes twice, whichever node fails meanwhile. Without --from it begins
with what happens from now on. Goes on until Ctrl-C, --count or --timeout; exits
with 5 when that is over before --count changes came.")]
pub struct Args {
    /// The key
    #[arg(value_name = "KEY", allow_negative_numbers = true, add = ArgValueCompleter::new(completions::keys))]
    pub key: Option<OsString>,

    /// All keys that begin with this
    #[arg(long, value_name = "PREFIX", allow_hyphen_values = true, add = ArgValueCompleter::new(completions::keys))]
    pub prefix: Option<OsString>,

    /// Begin with the changes of this revision
    #[arg(long, value_name = "REVISION")]
    pub from: Option<u64>,

    /// Also print what was there before
    #[arg(long)]
    pub prev: bool,

    /// End after so many changes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,

    /// Read the key or prefix and print keys and values as base64
    #[arg(long)]
    pub base64: bool,

    #[command(flatten)]
    pub reading: ReadOptions,
}

/// `raftctl.change/v1`. Texts that are not UTF-8 are base64, and then all of one change are.
#[derive(Serialize)]
struct ChangeView {
    /// `put` for whatever set the key, `delete` for whatever removed it.
    event: &'static str,
    key: String,
    revision: u64,
    /// Null when the key was deleted.
    value: Option<String>,
    version: Option<u64>,
    created: Option<u64>,
    /// With --prev: null when the key was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<Option<PreviousView>>,
    base64: bool,
}

#[derive(Serialize)]
struct PreviousView {
    value: String,
    revision: u64,
    version: u64,
}

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    remote::block_on(async {
        let mut client = remote::open(context, arguments.reading.node.as_deref()).await?;
        let outcome = tokio::select! {
            outcome = follow_until_over(context, &arguments, &mut client) => outcome,
            _ = tokio::signal::ctrl_c() => Err(Failure::new("E0513", "the watch was interrupted").cause("nothing is left open")),
        };
        client.close().await;
        outcome
    })
}

/// The watch itself, through a client that is there, until `--count` or `--timeout` ends it.
pub(super) async fn follow_until_over(
    context: &Context,
    arguments: &Args,
    client: &mut Client,
) -> Result<Exit, Failure> {
    let keys = match (&arguments.key, &arguments.prefix) {
        (Some(key), _) => Keys::One(bytes(key, arguments.base64)?),
        (None, Some(prefix)) => Keys::Prefix(bytes(prefix, arguments.base64)?),
        (None, None) => unreachable!("the parser demands one of them"),
    };
    tokio::select! {
        outcome = follow(context, arguments, client, keys) => outcome,
        () = ended(context.global.timeout) => match arguments.count {
            None => Ok(Exit::Done),
            Some(count) => Err(Failure::new("E0517", "the watch has ended before it was satisfied")
                .cause(format!("--timeout is over, and there were fewer than {count} changes"))),
        },
    }
}

async fn ended(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => tokio::time::sleep(timeout).await,
        None => std::future::pending().await,
    }
}

async fn follow(context: &Context, arguments: &Args, client: &mut Client, keys: Keys) -> Result<Exit, Failure> {
    let failed = |error| remote::failure("the watch", &error);
    let after = match arguments.from {
        Some(from) => Index(from).prev(),
        None => {
            let reading = &arguments.reading;
            let at_least = Index(reading.at_least.unwrap_or(0));
            let timeout = context.timeout_or(remote::REQUEST_TIMEOUT);
            let at = client.get("", reading.consistency, at_least, timeout).await.map_err(failed)?.at;
            context.printer.note(format_args!("watching from revision {} on", at.next()));
            at
        }
    };
    let mut watcher = Watcher::new(keys, after, arguments.prev);
    let mut left = arguments.count.unwrap_or(u64::MAX);
    while left > 0 {
        for change in client.changes(&mut watcher).await.map_err(failed)? {
            print(context, arguments, &change)?;
            left -= 1;
            if left == 0 {
                break;
            }
        }
        context.printer.flush()?;
    }
    Ok(Exit::Done)
}

fn print(context: &Context, arguments: &Args, change: &KeyChange) -> Result<(), Failure> {
    let printer = &context.printer;
    if !printer.is_table() {
        return printer.item("raftctl.change/v1", &view(change, arguments));
    }
    let shorten = printer.stdout_is_terminal();
    let text = |bytes: &[u8]| match arguments.base64 {
        true => values::encode_base64(bytes),
        false => printable(bytes, shorten),
    };
    let value = change.current.as_ref().map_or_else(String::new, |state| format!("\t{}", text(&state.value)));
    let before = match &change.previous {
        Some(state) => format!("\t(was {})", text(&state.value)),
        None if arguments.prev => "\t(was not there)".to_owned(),
        None => String::new(),
    };
    printer.line(format_args!("{}\t{}\t{}{value}{before}", change.revision, event_word(change), text(&change.key)))
}

fn view(change: &KeyChange, arguments: &Args) -> ChangeView {
    let value = |state: &Option<State>| state.as_ref().map(|state| state.value.clone()).unwrap_or_default();
    let (now, before) = (value(&change.current), value(&change.previous));
    let (texts, base64) = as_text(&[&change.key, &now, &before], arguments.base64);
    let previous = change.previous.as_ref().map(|state| PreviousView {
        value: texts[2].clone(),
        revision: state.revision.0,
        version: state.version,
    });
    let current = change.current.as_ref();
    ChangeView {
        event: event_word(change),
        key: texts[0].clone(),
        revision: change.revision.0,
        value: current.map(|_| texts[1].clone()),
        version: current.map(|state| state.version),
        created: current.map(|state| state.created.0),
        previous: arguments.prev.then_some(previous),
        base64,
    }
}
