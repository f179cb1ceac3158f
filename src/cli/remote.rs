//! From the selected cluster to a client, and from what a client is told to how a command ends.

use std::future::Future;
use std::time::{Duration, Instant};

use super::Context;
use super::failure::Failure;
use super::interrupt::Interrupt;
use super::selection::{self, Target};
use crate::api::{Answer, Ask, Consistency, Item, Query};
use crate::client::{self, Aim, Call, Cause, Client, ClientError, ClientOptions, Completion, Endpoint};
use crate::raft::{Index, NodeId};
use crate::state_machine::{Command, Operation, Update};
use crate::transport::identity::Identity;

/// How long one request may take unless `--timeout` says otherwise.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an endpoint without a known node may take to say which node it is.
const IDENTIFY_TIMEOUT: Duration = Duration::from_secs(2);

/// The word that stands for whichever node leads.
pub const LEADER: &str = "leader";

/// Runs `work` on a runtime of its own, with everything it spawned ending with it.
pub fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new("E0512", "no runtime could be built").because(&error))?;
    runtime.block_on(work)
}

/// `block_on` for one request: Ctrl-C ends it with 130 and says what is not known.
pub fn block_on_request<T>(what: &str, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    block_on(async {
        tokio::select! {
            result = work => result,
            _ = tokio::signal::ctrl_c() => {
                Err(Failure::new("E0513", format!("{what} was interrupted"))
                    .cause("a write that had left may or may not have been applied; a read has no effect")
                    .fix("read the key before you write again"))
            }
        }
    })
}

/// A client of the selected cluster. Must be called inside a runtime.
///
/// # Errors
/// No cluster is meant, its identity cannot be read, or `node` is none of its nodes.
pub async fn open(context: &Context, node: Option<&str>) -> Result<Client, Failure> {
    start(options(context, node).await?)
}

/// What any number of clients of the selected cluster start from; the same errors as `open`.
pub async fn options(context: &Context, node: Option<&str>) -> Result<ClientOptions, Failure> {
    let target = selection::target(context)?;
    let identity = Identity::load(&target.identity).map_err(|error| {
        Failure::new("E0302", format!("the identity in {} cannot be used", target.identity.display())).because(&error)
    })?;
    let endpoints = endpoints(&target, &identity).await?;
    let pinned = match node {
        None => None,
        Some(LEADER) => Some(find_leader(context, &identity, &endpoints).await?),
        Some(name) => Some(node_named(&endpoints, name)?),
    };
    Ok(ClientOptions { cluster: identity.cluster(), endpoints, identity, pinned })
}

/// The same, after one read of `key` has shown that the cluster serves.
///
/// # Errors
/// The same, and: the read was not answered, or the end was asked for meanwhile.
pub(super) fn probed(
    context: &Context,
    key: Vec<u8>,
    consistency: Consistency,
    interrupt: &Interrupt,
) -> Result<ClientOptions, Failure> {
    let mut interrupt = interrupt.clone();
    block_on(async {
        let options = options(context, None).await?;
        let mut client = start(options.clone())?;
        let wait = context.timeout_or(REQUEST_TIMEOUT);
        let read = tokio::select! {
            read = client.get(key, consistency, Index(0), wait) => read,
            () = interrupt.wait() => {
                return Err(Failure::new("E0513", "the first read was interrupted").cause("nothing else had been sent"));
            }
        };
        client.close().await;
        read.map_err(|error| failure("the first read", &error))?;
        Ok(options)
    })
}

/// A client from what `options` gave. Must be called inside a runtime.
///
/// # Errors
/// No UDP port could be had.
pub fn start(options: ClientOptions) -> Result<Client, Failure> {
    Client::start(options).map_err(|error| Failure::new("E0512", "no UDP port could be had").because(&error))
}

async fn endpoints(target: &Target, identity: &Identity) -> Result<Vec<Endpoint>, Failure> {
    let mut known = Vec::new();
    let mut last = None;
    for one in &target.endpoints {
        if let Some(id) = one.id {
            let name = one.name.clone().unwrap_or_else(|| NodeId(id).to_string());
            known.push(Endpoint { id: NodeId(id), name, address: one.address.clone() });
            continue;
        }
        match client::identify(identity.clone(), &one.address, IDENTIFY_TIMEOUT).await {
            Ok(endpoint) => known.push(endpoint),
            Err(error) => last = Some(error),
        }
    }
    match last {
        Some(error) if known.is_empty() => Err(Failure::new("E0502", "no endpoint answers")
            .because(&error)
            .fix("check the addresses after --endpoint")),
        _ => Ok(known),
    }
}

/// The node of this name among those that are known.
///
/// # Errors
/// There is none.
pub fn node_named(endpoints: &[Endpoint], name: &str) -> Result<NodeId, Failure> {
    endpoints.iter().find(|endpoint| endpoint.name == name).map(|endpoint| endpoint.id).ok_or_else(|| {
        let names: Vec<&str> = endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect();
        Failure::new("E0204", format!("there is no node called {name}"))
            .cause(format!("there are: {}", names.join(", ")))
    })
}

async fn find_leader(context: &Context, identity: &Identity, endpoints: &[Endpoint]) -> Result<NodeId, Failure> {
    let (cluster, identity, endpoints) = (identity.cluster(), identity.clone(), endpoints.to_vec());
    let mut client = start(ClientOptions { cluster, endpoints, identity, pinned: None })?;
    let statuses = client.status_of_all(&[], context.timeout_or(IDENTIFY_TIMEOUT).min(IDENTIFY_TIMEOUT)).await;
    client.close().await;
    let known = statuses.iter().filter_map(|(_, status)| status.as_ref().ok());
    let newest = known.filter(|status| status.leader.is_some()).max_by_key(|status| status.term);
    newest.and_then(|status| status.leader).ok_or_else(|| unavailable("no node knows a leader").fix(WAIT_FIX))
}

const WAIT_FIX: &str = "raftctl status --wait writable";

fn unavailable(what: &str) -> Failure {
    Failure::new("E0502", what)
}

/// How a command ends when its request got no answer.
pub fn failure(what: &str, error: &ClientError) -> Failure {
    match error {
        ClientError::Unavailable(Cause::DiskFull { .. }) => {
            Failure::new("E0515", format!("{what} was not done")).because(error).fix("make room on that disk")
        }
        ClientError::Unavailable(cause) => {
            let fix = match cause {
                Cause::PinnedToFollower { .. } => "leave out --node, or use --node leader",
                _ => WAIT_FIX,
            };
            Failure::new("E0502", format!("{what} was not done")).because(error).fix(fix)
        }
        ClientError::Unknown(_) => Failure::new("E0503", format!("{what} may or may not have been applied"))
            .because(error)
            .fix("read the key before you try again"),
        ClientError::SessionExpired => Failure::new("E0514", format!("{what} was not done")).because(error),
        ClientError::Denied(_) => Failure::new("E0303", "this client is not accepted").because(error),
        ClientError::KeyTooLarge { .. } | ClientError::ValueTooLarge { .. } => {
            Failure::new("E0505", format!("{what} is too large")).because(error)
        }
        ClientError::Compacted { oldest } => {
            Failure::new("E0516", format!("{what} asks for changes that are not kept"))
                .because(error)
                .fix(format!("read the keys as they are, then go on with --from {oldest} or later"))
        }
        ClientError::Invalid { .. } => Failure::new("E0506", format!("{what} was refused")).because(error),
    }
}

/// How it ends when the answer is of another kind than the question; only a node of another version could do that.
pub fn strange(what: &str) -> Failure {
    Failure::new("E0506", format!("{what} was answered with something else"))
        .cause("the node speaks another version")
        .fix("compare `raftctl version` with the version in `raftctl status`")
}

/// One page of a scan.
pub struct Page {
    pub items: Vec<Item>,
    pub more: bool,
}

/// Reads one page of keys behind `after`.
pub async fn scan_page(
    client: &mut Client,
    query: Query,
    consistency: Consistency,
    at_least: Index,
    timeout: Duration,
) -> Result<Page, ClientError> {
    let ask = Ask::Read { query, consistency, at_least };
    let aim = Aim::of(&ask);
    match client.call(ask, aim, timeout).await?.answer {
        Answer::Items { items, more, .. } => Ok(Page { items, more }),
        _ => Err(ClientError::Invalid { because: "a scan was answered with something else".to_owned() }),
    }
}

/// Most keys whose removal is on its way at once.
const DELETES_MAX: usize = 1_000;

/// Removes these keys, many at a time, each within `timeout`; gives how many.
///
/// # Errors
/// A removal was not acknowledged; keys may be left.
pub(super) async fn delete_keys(
    client: &mut Client,
    keys: impl IntoIterator<Item = Vec<u8>>,
    timeout: Duration,
) -> Result<u64, Failure> {
    let mut keys = keys.into_iter().peekable();
    let mut done: Vec<Completion> = Vec::new();
    let mut removed = 0;
    while keys.peek().is_some() {
        let deadline = Instant::now() + timeout;
        let call = |(token, key)| {
            let ask = Ask::Write(client::encode(&Update::Command(Command { key, operation: Operation::Delete })));
            Call { token, ask, aim: Aim::Leader, deadline }
        };
        client.submit((0..).zip(keys.by_ref().take(DELETES_MAX)).map(call));
        while client.open() > 0 {
            client.completions(&mut done).await;
            for completion in done.drain(..) {
                completion.result.map_err(|error| failure("removing a key", &error))?;
                removed += 1;
            }
        }
    }
    Ok(removed)
}
