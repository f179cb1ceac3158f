//! `raftctl cluster isolate`: cuts nodes off from the others, as a broken network would.

use std::time::Duration;

use clap_complete::ArgValueCandidates;

use super::local;
use crate::api::{Answer, Ask, CutLinks};
use crate::cli::arguments::{self, node_name};
use crate::cli::failure::{Exit, Failure};
use crate::cli::selection::{self, LocalCluster, LocalNode};
use crate::cli::{Context, completions, remote};
use crate::client::Aim;
use crate::raft::NodeId;
use crate::storage::layout::NodeFile;

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl cluster isolate leader
  raftctl cluster isolate n1 --from n2
  raftctl cluster isolate n3 --one-way --for 5s")]
pub struct Args {
    /// Nodes, or `leader`
    #[arg(value_name = "NODE", value_parser = node_name, required = true,
        add = ArgValueCandidates::new(completions::node_names))]
    pub nodes: Vec<String>,

    /// Cut only the links with this node [default: with all others]
    #[arg(long, value_name = "NODE", value_parser = node_name,
        add = ArgValueCandidates::new(completions::node_names))]
    pub from: Option<String>,

    /// Lose only what NODE says; it still hears the others
    #[arg(long)]
    pub one_way: bool,

    /// Take the links up again after this time [default: with `cluster heal`, or when the node stops]
    #[arg(long = "for", value_name = "DURATION", value_parser = arguments::timeout)]
    pub lasts: Option<Duration>,
}

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    let (cluster, _) = selection::local_cluster(context)?;
    let meant = local::nodes_meant(context, &cluster, &arguments.nodes)?;
    let others = match &arguments.from {
        Some(name) => local::nodes_meant(context, &cluster, std::slice::from_ref(name))?,
        None => selection::nodes(&cluster)?,
    };
    let mut asks = Vec::new();
    for node in &meant {
        let peers = ids(others.iter().filter(|other| other.name != node.name))?;
        if peers.is_empty() {
            return Err(Failure::new("E0101", format!("{} has nobody to be cut off from", node.name))
                .fix("name two different nodes"));
        }
        let from = if arguments.one_way { Vec::new() } else { peers.clone() };
        asks.push((node.clone(), Ask::Cut { links: CutLinks { from, to: peers }, lasts: arguments.lasts }));
    }
    ask_each(context, &cluster, asks)?;
    let what = if arguments.one_way { "is not heard any more by" } else { "is cut off from" };
    for node in &meant {
        let names: Vec<&str> =
            others.iter().filter(|other| other.name != node.name).map(|other| other.name.as_str()).collect();
        let end = match arguments.lasts {
            Some(span) => format!("for {} ms", span.as_millis()),
            None => format!("until: raftctl cluster heal {}", node.name),
        };
        context.printer.note(format_args!("{}: {what} {} {end}", node.name, names.join(" ")));
    }
    Ok(Exit::Done)
}

/// The ids of these nodes, in order.
pub(super) fn ids<'a>(nodes: impl Iterator<Item = &'a LocalNode>) -> Result<Vec<NodeId>, Failure> {
    let mut ids = nodes.map(id_of).collect::<Result<Vec<_>, _>>()?;
    ids.sort_unstable();
    Ok(ids)
}

fn id_of(node: &LocalNode) -> Result<NodeId, Failure> {
    let file = NodeFile::read(&node.directory);
    file.map(|file| file.id)
        .map_err(|error| Failure::new("E0205", format!("{} has no readable file", node.name)).because(&error))
}

/// Asks each node for a change of its links and gives what is cut afterwards; the first that does not do it ends it.
pub(super) fn ask_each(
    context: &Context,
    cluster: &LocalCluster,
    asks: Vec<(LocalNode, Ask)>,
) -> Result<Vec<CutLinks>, Failure> {
    let context = local::context_of(context, cluster);
    let patience = context.timeout_or(remote::REQUEST_TIMEOUT);
    remote::block_on_request("the change of links", async {
        let mut client = remote::open(&context, None).await?;
        let mut cut = Vec::new();
        for (node, ask) in asks {
            let what = format!("the change of links at {}", node.name);
            match client.call(ask, Aim::Node(id_of(&node)?), patience).await {
                Ok(reply) => match reply.answer {
                    Answer::Links(links) => cut.push(links),
                    _ => return Err(remote::strange(&what)),
                },
                Err(error) => return Err(remote::failure(&what, &error)),
            }
        }
        client.close().await;
        Ok(cut)
    })
}
