//! `raftctl cluster logs`: prints what node processes have logged.

use std::time::Duration;

use anstyle::Style;
use serde::Serialize;

use super::{foreground, local};
use clap_complete::ArgValueCandidates;

use crate::cli::Context;
use crate::cli::arguments::{instant, node_name};
use crate::cli::completions;
use crate::cli::failure::{Exit, Failure};
use crate::cli::selection;
use crate::cluster::follow::{Follower, last_lines};
use crate::observe::LogLine;
use crate::storage::layout;

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl cluster logs
  raftctl cluster logs n1 -f
  raftctl cluster logs --tail 20")]
pub struct Args {
    /// Nodes [default: all]
    #[arg(value_name = "NODE", value_parser = node_name,
        add = ArgValueCandidates::new(completions::node_names))]
    pub nodes: Vec<String>,

    /// Then print lines as they come, until interrupted
    #[arg(short, long)]
    pub follow: bool,

    /// Only lines from this time on: RFC 3339, or a span back such as 10m
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub since: Option<jiff::Timestamp>,

    /// Only the last so many lines of each node
    #[arg(long, value_name = "N")]
    pub tail: Option<usize>,
}

/// How often logs are looked at while they are followed.
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    let (cluster, _) = selection::local_cluster(context)?;
    let all = selection::nodes(&cluster)?;
    let nodes = local::nodes_meant(context, &cluster, &arguments.nodes)?;
    let styles =
        nodes.iter().map(|node| all.iter().position(|one| one == node).map_or(Style::new(), foreground::node_style));
    let styles: Vec<Style> = styles.collect();
    let mut followers: Vec<Follower> =
        nodes.iter().map(|node| Follower::at_end(&layout::node_log(&node.directory))).collect();
    let mut lines = Vec::new();
    for (position, node) in nodes.iter().enumerate() {
        let kept = last_lines(&layout::node_log(&node.directory), arguments.tail.unwrap_or(usize::MAX));
        lines.extend(kept.into_iter().map(|line| (position, line)));
    }
    // Each line begins with its time in a form that sorts as text; a node's own order is kept among equals.
    lines.sort_by(|(_, a), (_, b)| time_of(a).cmp(time_of(b)));
    for (position, line) in lines {
        print(context, &arguments, &nodes[position].name, styles[position], &line)?;
    }
    if !arguments.follow {
        return Ok(Exit::Done);
    }
    loop {
        for (position, follower) in followers.iter_mut().enumerate() {
            let mut fresh = Vec::new();
            follower.lines(&mut fresh).map_err(|error| {
                Failure::new("E0205", format!("the log of {} cannot be read", nodes[position].name)).because(&error)
            })?;
            for line in fresh {
                print(context, &arguments, &nodes[position].name, styles[position], &line)?;
            }
        }
        context.printer.flush()?;
        std::thread::sleep(LOOK_EVERY);
    }
}

fn time_of(line: &str) -> &str {
    line.split(' ').next().unwrap_or("")
}

fn print(context: &Context, arguments: &Args, name: &str, style: Style, line: &str) -> Result<(), Failure> {
    let parsed = LogLine::parse(line);
    if let (Some(since), Some(parsed)) = (arguments.since, &parsed)
        && parsed.time < since
    {
        return Ok(());
    }
    if context.printer.is_table() {
        return context.printer.line(foreground::prefixed(name, style, line));
    }
    let view = LineView {
        node: name,
        time: parsed.as_ref().map(|line| line.time.to_string()),
        level: parsed.as_ref().map(|line| line.level.to_string()),
        text: parsed.as_ref().map_or(line, |line| line.text),
    };
    context.printer.item("raftctl.log-line/v1", &view)
}

#[derive(Serialize)]
struct LineView<'a> {
    node: &'a str,
    time: Option<String>,
    level: Option<String>,
    text: &'a str,
}
