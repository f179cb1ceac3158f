//! `raftctl scan`: keys and values in order.

use std::ffi::OsString;

use clap_complete::ArgValueCompleter;

use super::Context;
use super::arguments::{ReadOptions, bytes};
use super::completions;
use super::failure::{Exit, Failure};
use super::output::printable;
use super::remote;
use super::values::{self, ItemView};
use crate::api::{Item, Query};
use crate::client::Client;
use crate::raft::Index;

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl scan
  raftctl scan user/ --keys-only
  raftctl scan user/ --limit 10 -o json")]
pub struct Args {
    /// Only keys that begin with this [default: all]
    #[arg(value_name = "PREFIX", allow_negative_numbers = true, add = ArgValueCompleter::new(completions::keys))]
    pub prefix: Option<OsString>,

    /// Print keys without their values
    #[arg(long)]
    pub keys_only: bool,

    /// Most keys to print [default: all]
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,

    /// Read the prefix and print keys and values as base64
    #[arg(long)]
    pub base64: bool,

    #[command(flatten)]
    pub reading: ReadOptions,
}

/// Keys asked for in one page.
const PAGE_ITEMS: u32 = 1_000;

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    remote::block_on_request("the scan", async {
        let mut client = remote::open(context, arguments.reading.node.as_deref()).await?;
        let result = print_pages(context, &arguments, &mut client).await;
        client.close().await;
        result
    })
}

/// The scan itself, through a client that is there.
pub(super) async fn print_pages(context: &Context, arguments: &Args, client: &mut Client) -> Result<Exit, Failure> {
    let prefix = arguments.prefix.as_deref().map(|text| bytes(text, arguments.base64)).transpose()?.unwrap_or_default();
    let timeout = context.timeout_or(remote::REQUEST_TIMEOUT);
    let at_least = Index(arguments.reading.at_least.unwrap_or(0));
    let mut left = arguments.limit.unwrap_or(u64::MAX);
    let mut after = None;
    while left > 0 {
        let limit = u32::try_from(left.min(u64::from(PAGE_ITEMS))).expect("a page is small");
        let query = Query::Scan { prefix: prefix.clone(), after: after.take(), limit, keys_only: arguments.keys_only };
        let page = remote::scan_page(client, query, arguments.reading.consistency, at_least, timeout)
            .await
            .map_err(|error| remote::failure("the scan", &error))?;
        left -= (page.items.len() as u64).min(left);
        for item in &page.items {
            print(context, arguments, item)?;
        }
        match page.items.last() {
            Some(last) if page.more => after = Some(last.key.clone()),
            _ => break,
        }
    }
    Ok(Exit::Done)
}

fn print(context: &Context, arguments: &Args, item: &Item) -> Result<(), Failure> {
    let printer = &context.printer;
    if !printer.is_table() {
        return printer.item("raftctl.item/v1", &ItemView::of(item, !arguments.keys_only, arguments.base64));
    }
    let shorten = printer.stdout_is_terminal();
    let text = |bytes: &[u8]| match arguments.base64 {
        true => values::encode_base64(bytes),
        false => printable(bytes, shorten),
    };
    match arguments.keys_only {
        true => printer.line(text(&item.key)),
        false => printer.line(format_args!("{}\t{}", text(&item.key), text(&item.value))),
    }
}
