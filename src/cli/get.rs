//! `raftctl get`: one value.

use std::ffi::OsString;

use clap_complete::ArgValueCompleter;

use super::Context;
use super::arguments::{ReadOptions, bytes};
use super::completions;
use super::failure::{Exit, Failure};
use super::output::printable;
use super::remote;
use super::values::{self, ItemView};
use crate::api::Item;
use crate::client::{Client, Read};
use crate::raft::Index;

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl get colour
  raftctl get photo --raw > photo.jpg
  raftctl get colour --consistency stale --node n3

Exits with 3 when the key is not there.")]
pub struct Args {
    /// The key
    #[arg(value_name = "KEY", allow_negative_numbers = true, add = ArgValueCompleter::new(completions::keys))]
    pub key: OsString,

    /// Print exactly the bytes of the value, without a newline behind
    #[arg(long, conflicts_with = "base64")]
    pub raw: bool,

    /// Read the key and print the value as base64
    #[arg(long)]
    pub base64: bool,

    #[command(flatten)]
    pub reading: ReadOptions,
}

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    remote::block_on_request("the read", async {
        let mut client = remote::open(context, arguments.reading.node.as_deref()).await?;
        let result = read_and_print(context, &arguments, &mut client).await;
        client.close().await;
        result
    })
}

/// The read itself, through a client that is there.
pub(super) async fn read_and_print(context: &Context, arguments: &Args, client: &mut Client) -> Result<Exit, Failure> {
    let key = bytes(&arguments.key, arguments.base64)?;
    let reading = &arguments.reading;
    let (at_least, timeout) = (Index(reading.at_least.unwrap_or(0)), context.timeout_or(remote::REQUEST_TIMEOUT));
    let Read { item, at, node } = client
        .get(key, reading.consistency, at_least, timeout)
        .await
        .map_err(|error| remote::failure("the read", &error))?;
    print(context, arguments, item.as_ref(), at, node)?;
    Ok(if item.is_some() { Exit::Done } else { Exit::Absent })
}

fn print(context: &Context, arguments: &Args, item: Option<&Item>, at: Index, node: String) -> Result<(), Failure> {
    let printer = &context.printer;
    if !printer.is_table() {
        return printer.document("raftctl.value/v1", &ValueView::of(item, at, node, arguments.base64));
    }
    let Some(item) = item else { return Ok(()) };
    if arguments.raw {
        return printer.bytes(&item.value);
    }
    if arguments.base64 {
        return printer.line(values::encode_base64(&item.value));
    }
    if printer.stdout_is_terminal() {
        return printer.line(printable(&item.value, false));
    }
    printer.bytes(&item.value)?;
    printer.bytes(b"\n")
}

#[derive(serde::Serialize)]
struct ValueView {
    found: bool,
    #[serde(flatten)]
    item: Option<ItemView>,
    at: u64,
    node: String,
}

impl ValueView {
    fn of(item: Option<&Item>, at: Index, node: String, base64: bool) -> ValueView {
        ValueView { found: item.is_some(), item: item.map(|item| ItemView::of(item, true, base64)), at: at.0, node }
    }
}
