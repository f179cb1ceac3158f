//! What the verbs for local clusters share: which nodes are meant, starting them with something to look at, and the
//! talk between a foreground supervisor and later commands.
//!
//! A supervisor leaves `run.json` in the cluster's directory while it lives. A command that wants a node started asks
//! it by a file in `requests/`, because only a child of the supervisor is sure to end with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::cli::remote::{self, LEADER};
use crate::cli::selection::{self, LocalCluster, LocalNode};
use crate::cluster::follow::last_lines;
use crate::cluster::process::{self, LOOK_EVERY, Life, START_PATIENCE, Started};
use crate::storage::layout::{self, NodeFile, RunFile};

/// Lines of a node's log that are shown when it did not start.
const LOG_LINES_SHOWN: usize = 10;

/// How long the question for the leader may take.
const LEADER_PATIENCE: Duration = Duration::from_secs(5);

/// The nodes that are meant by their names; all of them when there are none. `leader` is whoever leads now.
pub(super) fn nodes_meant(
    context: &Context,
    cluster: &LocalCluster,
    names: &[String],
) -> Result<Vec<LocalNode>, Failure> {
    if names.is_empty() {
        return selection::nodes(cluster);
    }
    names
        .iter()
        .map(|name| match name.as_str() {
            LEADER => selection::node_named(cluster, &leader_of(context, cluster)?),
            name => selection::node_named(cluster, name),
        })
        .collect()
}

fn leader_of(context: &Context, cluster: &LocalCluster) -> Result<String, Failure> {
    let context = context_of(context, cluster);
    let down = down_ids(cluster);
    remote::block_on(async {
        let mut client = remote::open(&context, None).await?;
        let deadline = Instant::now() + LEADER_PATIENCE;
        let leader = loop {
            let statuses = client.status_of_all(&down, Duration::from_millis(500)).await;
            let known = statuses.into_iter().filter_map(|(_, status)| status.ok());
            let leader = known.filter(|status| status.state == "leader").max_by_key(|status| status.term);
            if leader.is_some() || Instant::now() >= deadline {
                break leader;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        };
        client.close().await;
        leader.map(|status| status.name).ok_or_else(|| {
            Failure::new("E0502", "no node leads now").fix("raftctl status --wait writable, or name a node")
        })
    })
}

/// The same context with this cluster selected, for talking to its nodes.
pub(super) fn context_of(context: &Context, cluster: &LocalCluster) -> Context {
    let mut global = context.global.clone();
    global.cluster = Some(cluster.name.clone());
    global.endpoint.clear();
    Context::new(global, context.environment.clone())
}

fn down_ids(cluster: &LocalCluster) -> Vec<crate::raft::NodeId> {
    let nodes = selection::nodes(cluster).unwrap_or_default();
    let down = nodes.iter().filter(|node| !process::is_held(&node.directory));
    down.filter_map(|node| Some(NodeFile::read(&node.directory).ok()?.id)).collect()
}

pub(super) fn directories(nodes: &[LocalNode]) -> Vec<PathBuf> {
    nodes.iter().map(|node| node.directory.clone()).collect()
}

/// The foreground `cluster up` that looks after this cluster, if there is one.
pub(super) fn supervisor(cluster: &Path) -> Option<RunFile> {
    RunFile::read(cluster).ok().filter(|file| file.is_alive().unwrap_or(false))
}

fn requests_dir(cluster: &Path) -> PathBuf {
    cluster.join("requests")
}

/// Takes the names of the nodes that other commands want started.
pub(super) fn take_requests(cluster: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(requests_dir(cluster)) else { return Vec::new() };
    let names: Vec<String> = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    for name in &names {
        // Only the supervisor removes requests; one that stays is taken again and finds the node running.
        let _ = fs::remove_file(requests_dir(cluster).join(name));
    }
    names
}

/// Starts nodes that are down and waits until they run. Those of a supervised cluster are started by its supervisor.
pub(super) fn start(context: &Context, cluster: &Path, nodes: &[LocalNode]) -> Result<(), Failure> {
    if supervisor(cluster).is_none() {
        return start_as(context, nodes, Life::Alone).map(drop);
    }
    let requests = requests_dir(cluster);
    let failed =
        |error: std::io::Error| Failure::new("E0213", "the supervisor cannot be asked to start nodes").because(&error);
    fs::create_dir_all(&requests).map_err(failed)?;
    for node in nodes {
        fs::write(requests.join(&node.name), b"").map_err(failed)?;
    }
    let began = Instant::now();
    for node in nodes {
        while process::running(&node.directory).is_none() {
            if began.elapsed() > START_PATIENCE || supervisor(cluster).is_none() {
                return Err(not_started(context, node));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        context.printer.note(format_args!("{}: started", node.name));
    }
    Ok(())
}

/// Starts nodes and waits until each runs, with a spinner for each or a line for each.
pub(super) fn start_as(context: &Context, nodes: &[LocalNode], life: Life) -> Result<Vec<(String, Child)>, Failure> {
    let progress = Progress::new(context, nodes);
    let mut children = Vec::new();
    for node in nodes {
        check_owner(node)?;
        let child = process::spawn(&node.directory, life)
            .map_err(|error| Failure::new("E0212", format!("{} cannot be started", node.name)).because(&error))?;
        children.push((node.name.clone(), child));
    }
    let began = Instant::now();
    let mut open: Vec<usize> = (0..nodes.len()).collect();
    while !open.is_empty() {
        let mut still = Vec::new();
        for position in open {
            let node = &nodes[position];
            match process::check_started(&node.directory, &mut children[position].1, began) {
                Some(Started::Running) => progress.done(position, &node.name),
                Some(Started::Ended | Started::Late) => {
                    progress.clear();
                    return Err(not_started(context, node));
                }
                None => still.push(position),
            }
        }
        open = still;
        std::thread::sleep(LOOK_EVERY);
    }
    progress.clear();
    Ok(children)
}

/// A directory that was copied to another node's place would start as the node that it was copied from. One that cannot
/// be read is for the node to complain about.
fn check_owner(node: &LocalNode) -> Result<(), Failure> {
    match NodeFile::read(&node.directory) {
        Ok(file) if file.name != node.name || !is_of_cluster(&node.directory, &file.cluster) => {
            let found =
                format!("{} is the directory of {} of cluster {}", node.directory.display(), file.name, file.cluster);
            Err(Failure::new("E0609", format!("{} cannot be started", node.name))
                .cause(found)
                .fix(format!("put the directory of {} back, whole", node.name)))
        }
        _ => Ok(()),
    }
}

/// `CLUSTER/nodes/NODE`
fn is_of_cluster(directory: &Path, cluster: &str) -> bool {
    directory.ancestors().nth(2).and_then(Path::file_name).is_none_or(|name| name == cluster)
}

pub(super) fn not_started(context: &Context, node: &LocalNode) -> Failure {
    let log = layout::node_log(&node.directory);
    show_log(context, &node.name, &log);
    let lines = last_lines(&log, LOG_LINES_SHOWN);
    // Behind it come the same as an error, and what to try.
    let last = lines.iter().rfind(|line| line.contains(" ERROR ")).or(lines.last()).map_or("nothing", String::as_str);
    Failure::new("E0212", format!("{} did not start", node.name))
        .cause(format!("its log, {}, says: {last}", log.display()))
        .fix(format!("mend the cause, then: raftctl cluster start {}", node.name))
}

/// Prints the last lines of a node's log as talk.
pub(super) fn show_log(context: &Context, name: &str, log: &Path) {
    for line in last_lines(log, LOG_LINES_SHOWN) {
        context.printer.note(format_args!("{name} | {line}"));
    }
}

/// One spinner for each node on a terminal, one line for each elsewhere.
struct Progress<'a> {
    context: &'a Context,
    bars: Option<(MultiProgress, Vec<ProgressBar>)>,
}

impl<'a> Progress<'a> {
    fn new(context: &'a Context, nodes: &[LocalNode]) -> Progress<'a> {
        let bars = context.printer.may_draw().then(|| {
            let all = MultiProgress::new();
            let style = ProgressStyle::with_template("{spinner} {prefix} {msg}").expect("the template is a constant");
            let bar = |node: &LocalNode| {
                let bar = all.add(ProgressBar::new_spinner().with_style(style.clone()));
                bar.set_prefix(node.name.clone());
                bar.set_message("starting");
                bar.enable_steady_tick(Duration::from_millis(100));
                bar
            };
            let bars = nodes.iter().map(bar).collect();
            (all, bars)
        });
        Progress { context, bars }
    }

    fn done(&self, position: usize, name: &str) {
        match &self.bars {
            Some((_, bars)) => bars[position].finish_with_message("started"),
            None => self.context.printer.note(format_args!("{name}: started")),
        }
    }

    fn clear(&self) {
        if let Some((all, bars)) = &self.bars {
            bars.iter().for_each(ProgressBar::finish);
            // What cannot be drawn any more need not be cleared.
            let _ = all.clear();
        }
    }
}

/// Whether a question is answered with yes: by `--yes`, else by a person at a terminal.
pub(in crate::cli) fn confirm(context: &Context, yes: bool, question: &str) -> Result<(), Failure> {
    use std::io::{BufRead as _, IsTerminal as _};
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new("E0214", format!("{question} was not confirmed"))
            .cause("there is no terminal to ask at")
            .fix("add --yes"));
    }
    context.printer.warning(format_args!("{question} [y/N]"));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    match read {
        Ok(_) if matches!(answer.trim(), "y" | "Y" | "yes") => Ok(()),
        _ => Err(Failure::new("E0214", format!("{question} was not confirmed"))),
    }
}
