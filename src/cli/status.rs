//! `raftctl status`: who leads, how far everybody is, and what is wrong.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;

use super::Context;
use super::disk_status;
use super::failure::{Exit, Failure};
use super::output::{Cell, Table};
use super::remote;
use super::selection::{self, LocalNode, Target};
use crate::client::Client;
use crate::client::view::{ClusterView, LocalProcess, MemberView, Severity};
use crate::cluster::process;
use crate::raft::NodeId;
use crate::storage::layout::{self, NodeFile};

#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl status
  raftctl status --check && echo healthy
  raftctl status --wait writable --timeout 30s
  raftctl status -o json | jq .leader")]
pub struct Args {
    /// Exit with 5 unless the cluster is healthy
    #[arg(long)]
    pub check: bool,

    /// Wait until the cluster is in this state, at most --timeout; exit with 5 if it is not
    #[arg(long, value_name = "STATE")]
    pub wait: Option<WaitFor>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WaitFor {
    /// A leader is in touch with a majority
    Writable,
    /// Writable, all members reachable and caught up, no error among the problems
    Healthy,
}

/// How long silent nodes are waited for.
const SILENT_MAX: Duration = Duration::from_secs(2);

/// The same while waiting for a state, so that a node that comes back is seen soon.
const SILENT_MAX_WHILE_WAITING: Duration = Duration::from_millis(500);

/// Pause between two looks while waiting.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long `--wait` waits unless `--timeout` says otherwise.
const WAIT_TIMEOUT: Duration = Duration::from_secs(30);

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    let target = selection::target(context)?;
    let (view, met) = remote::block_on_request("the look at the cluster", async {
        let mut client = remote::open(context, None).await?;
        let seen = watch(context, &arguments, &target, &mut client).await;
        client.close().await;
        seen
    })?;
    print(context, &view)?;
    if !met {
        let state = arguments.wait.map_or("healthy", WaitFor::word);
        return Err(Failure::new("E0711", format!("the cluster is not {state}"))
            .cause(view.problems.first().map_or_else(|| "a node is behind".to_owned(), |one| one.message.clone()))
            .fix(view.problems.first().map_or_else(|| "wait a little".to_owned(), |one| one.fix.clone())));
    }
    if view.any_reachable() { Ok(Exit::Done) } else { Ok(Exit::Unavailable) }
}

/// Looks at a local cluster until `done` or until the time is over; gives the last look.
pub(super) fn wait_for(
    context: &Context,
    cluster: &selection::LocalCluster,
    patience: Duration,
    done: impl Fn(&ClusterView) -> bool,
) -> Result<ClusterView, Failure> {
    let mut global = context.global.clone();
    global.cluster = Some(cluster.name.clone());
    global.endpoint.clear();
    let context = Context::new(global, context.environment.clone());
    let target = selection::target(&context)?;
    let deadline = Instant::now() + patience;
    remote::block_on(async {
        let mut client = remote::open(&context, None).await?;
        let view = loop {
            let view = look(&target, &mut client, SILENT_MAX_WHILE_WAITING).await;
            if done(&view) || Instant::now() >= deadline {
                break view;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        };
        client.close().await;
        Ok(view)
    })
}

/// One look at the selected cluster, for those who run inside a runtime already; silent members are given up after
/// `wait`, which is cut to the usual time.
pub(super) async fn view_now(context: &Context, wait: Duration) -> Result<ClusterView, Failure> {
    let target = selection::target(context)?;
    let mut client = remote::open(context, None).await?;
    let view = look(&target, &mut client, wait.min(SILENT_MAX)).await;
    client.close().await;
    Ok(view)
}

/// One look at the selected cluster through a client that is there.
pub(super) async fn view_through(context: &Context, client: &mut Client) -> Result<ClusterView, Failure> {
    let target = selection::target(context)?;
    watch(context, &Args::default(), &target, client).await.map(|(view, _)| view)
}

/// Looks once, or until the wanted state is there; the second part says whether it is.
async fn watch(
    context: &Context,
    arguments: &Args,
    target: &Target,
    client: &mut Client,
) -> Result<(ClusterView, bool), Failure> {
    let Some(wanted) = arguments.wait else {
        let view = look(target, client, context.timeout_or(SILENT_MAX).min(SILENT_MAX)).await;
        let met = !arguments.check || view.is_healthy();
        return Ok((or_from_disks(target, client, view).await, met));
    };
    let deadline = Instant::now() + context.timeout_or(WAIT_TIMEOUT);
    loop {
        let view = look(target, client, SILENT_MAX_WHILE_WAITING).await;
        let met = match wanted {
            WaitFor::Writable => view.writable,
            WaitFor::Healthy => view.is_healthy(),
        };
        if met || Instant::now() >= deadline {
            return Ok((or_from_disks(target, client, view).await, met));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// One look at all members. Those whose process is known to be down are not asked.
async fn look(target: &Target, client: &mut Client, wait: Duration) -> ClusterView {
    look_with(local_processes(target), client, wait).await
}

/// The same view, or when nobody answers, one that also holds what is on the disks of stopped nodes.
async fn or_from_disks(target: &Target, client: &mut Client, view: ClusterView) -> ClusterView {
    let Some(cluster) = target.cluster.as_ref().filter(|_| !view.any_reachable()) else { return view };
    let mut local = local_processes(target);
    for node in selection::nodes(cluster).unwrap_or_default() {
        let Ok(file) = NodeFile::read(&node.directory) else { continue };
        if let Some(process) = local.get_mut(&file.id).filter(|process| !process.running) {
            process.disk = Some(disk_status::read(&node.directory, &file));
        }
    }
    look_with(local, client, SILENT_MAX_WHILE_WAITING).await
}

async fn look_with(local: BTreeMap<NodeId, LocalProcess>, client: &mut Client, wait: Duration) -> ClusterView {
    let answers = client.status_of_all(&silent_of(&local), wait).await;
    ClusterView::of(&answers, &local, jiff::Timestamp::now())
}

/// The members that are known not to answer: their processes are down or paused.
pub(super) fn silent(target: &Target) -> Vec<NodeId> {
    silent_of(&local_processes(target))
}

fn silent_of(local: &BTreeMap<NodeId, LocalProcess>) -> Vec<NodeId> {
    local.iter().filter(|(_, process)| !process.running || process.paused).map(|(id, _)| *id).collect()
}

fn local_processes(target: &Target) -> BTreeMap<NodeId, LocalProcess> {
    let Some(cluster) = &target.cluster else { return BTreeMap::new() };
    let nodes = selection::nodes(cluster).unwrap_or_default();
    nodes.iter().filter_map(|node| Some((NodeFile::read(&node.directory).ok()?.id, local_process(node)))).collect()
}

fn local_process(node: &LocalNode) -> LocalProcess {
    let running = selection::is_node_running(node);
    let pid = process::running(&node.directory).map(|run| run.pid);
    LocalProcess {
        running,
        paused: pid.is_some_and(process::is_paused),
        pid,
        data_dir: layout::data_dir(&node.directory).display().to_string(),
        log_file: layout::node_log(&node.directory).display().to_string(),
        disk: None,
    }
}

/// Prints and flushes: an output that cannot be written is worse news than what the cluster is like.
pub(super) fn print(context: &Context, view: &ClusterView) -> Result<(), Failure> {
    let printer = &context.printer;
    if !printer.is_table() {
        printer.document("raftctl.status/v1", view)?;
        return printer.flush();
    }
    for line in summary(view) {
        printer.line(line)?;
    }
    printer.line("")?;
    printer.table(&members(view))?;
    for problem in &view.problems {
        printer.line("")?;
        printer.line(format_args!("{} {}: {}", problem.code, severity_word(problem.severity), problem.message))?;
        printer.line(format_args!("      try: {}", problem.fix))?;
    }
    printer.flush()
}

fn summary(view: &ClusterView) -> Vec<String> {
    let name = view.cluster.as_deref().unwrap_or("–");
    let term = view.term.map_or_else(|| "–".to_owned(), |term| term.to_string());
    let leader = view.leader.as_deref().unwrap_or("none");
    let writes = if view.writable { "yes" } else { "no" };
    let voters = view.voters.map_or_else(|| "–".to_owned(), |voters| voters.to_string());
    let lease = view.lease_ms.map_or_else(String::new, |lease_ms| format!("   lease reads: {lease_ms} ms"));
    vec![
        format!("cluster {name}   leader {leader}   term {term}{lease}"),
        format!(
            "takes writes: {writes}   voters reachable: {} of {voters}   can lose: {} more",
            view.voters_reachable, view.tolerates_failures
        ),
    ]
}

fn members(view: &ClusterView) -> Table {
    let (last, snapshot) = (["ADDRESS", ">PID"], [">SNAPSHOT"]);
    let mut headings = vec!["NODE", "STATE", "ROLE", ">TERM", ">DURABLE", ">COMMIT", ">APPLIED", ">LAG"];
    // A young cluster has none, and its table stays narrow.
    let has_snapshots = view.members.iter().any(|member| member.snapshot.is_some_and(|last| last > 0));
    headings.extend(snapshot.iter().filter(|_| has_snapshots).chain(&last));
    let mut table = Table::new(&headings);
    for member in &view.members {
        let state = member.fault.map_or_else(|| member.state.clone(), |fault| format!("{} ({fault})", member.state));
        let mut row = vec![
            Cell::from(member.name.as_str()),
            Cell::styled(state, state_style(member)),
            Cell::from(member.role.as_deref().unwrap_or("–")),
            Cell::known(member.term),
            Cell::known(member.durable),
            Cell::known(member.commit),
            Cell::known(member.applied),
            Cell::known(member.lag),
        ];
        if has_snapshots {
            row.push(Cell::known(snapshot_with_age(member, &view.time)));
        }
        row.extend([Cell::from(member.address.as_str()), Cell::known(member.pid)]);
        table.row(row);
    }
    table
}

/// `100000, 5m old`: the last entry of the newest snapshot, and its age in the largest unit that fits.
fn snapshot_with_age(member: &MemberView, now: &str) -> Option<String> {
    let last = member.snapshot.filter(|last| *last > 0)?;
    let time = |text: &str| text.parse::<jiff::Timestamp>().ok();
    let written = member.snapshot_time.as_deref().and_then(time);
    let Some((written, now)) = written.zip(time(now)) else { return Some(last.to_string()) };
    let seconds = now.duration_since(written).as_secs().max(0);
    let units = [("d", 86_400), ("h", 3_600), ("m", 60)];
    let fitting = units.into_iter().find(|(_, length)| seconds >= *length);
    let (unit, length) = fitting.unwrap_or(("s", 1));
    Some(format!("{last}, {}{unit} old", seconds / length))
}

fn state_style(member: &MemberView) -> Style {
    match member.state.as_str() {
        "leader" => AnsiColor::Green.on_default().bold(),
        _ if !member.reachable => AnsiColor::Red.on_default(),
        _ => Style::new(),
    }
}

fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

impl WaitFor {
    fn word(self) -> &'static str {
        match self {
            WaitFor::Writable => "writable",
            WaitFor::Healthy => "healthy",
        }
    }
}
