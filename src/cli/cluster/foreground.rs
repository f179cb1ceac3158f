//! `cluster up` in the foreground: stays with the nodes it has started, prints what they log, and stops them at the end.
//!
//! It ends with 0 on Ctrl-C, SIGTERM or `cluster down` from elsewhere, whatever became of the nodes; a second Ctrl-C
//! kills. Its nodes end with it even when it is killed: they are children that asked for a parent-death signal.

use std::process::Child;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use tokio::signal::unix::{SignalKind, signal};

use super::local;
use crate::cli::Context;
use crate::cli::failure::{Exit, Failure};
use crate::cli::remote;
use crate::cli::selection::{self, LocalCluster, LocalNode};
use crate::cluster::follow::Follower;
use crate::cluster::process::{self, Life, STOP_PATIENCE};
use crate::storage::layout::{self, RunFile};

/// How often logs, processes and requests are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// One colour for each node, in turn.
const COLOURS: [AnsiColor; 6] =
    [AnsiColor::Cyan, AnsiColor::Yellow, AnsiColor::Green, AnsiColor::Magenta, AnsiColor::Blue, AnsiColor::BrightCyan];

/// `lock` keeps other `up`s of this cluster away until the nodes run.
pub(super) fn run(
    context: &Context,
    cluster: &LocalCluster,
    down: &[LocalNode],
    restart_nodes: bool,
    lock: Option<std::fs::File>,
) -> Result<Exit, Failure> {
    let all = selection::nodes(cluster)?;
    let follow = |(node, colour): (&LocalNode, &AnsiColor)| Watched {
        node: node.clone(),
        style: colour.on_default(),
        follower: Follower::at_end(&layout::node_log(&node.directory)),
        child: None,
    };
    let mut watched: Vec<Watched> = all.iter().zip(COLOURS.iter().cycle()).map(follow).collect();
    // Removed at the end; one that stays behind names a process that is gone, which every reader checks.
    let run_file =
        RunFile::of_this_process(jiff::Timestamp::now().to_string()).and_then(|file| file.write(&cluster.directory));
    run_file.map_err(|error| Failure::new("E0213", "this supervisor cannot be recorded").because(&error))?;
    let result = start_and_watch(context, cluster, down, restart_nodes, &mut watched, lock);
    let late = process::stop(&local::directories(&all), STOP_PATIENCE);
    for watched in &mut watched {
        watched.print(context)?;
        watched.reap();
    }
    for path in late {
        context.printer.warning(format_args!("{} did not stop in time and was killed", path.display()));
    }
    let _ = std::fs::remove_file(layout::run_file(&cluster.directory));
    result
}

fn start_and_watch(
    context: &Context,
    cluster: &LocalCluster,
    down: &[LocalNode],
    restart_nodes: bool,
    watched: &mut [Watched],
    lock: Option<std::fs::File>,
) -> Result<Exit, Failure> {
    for (name, child) in local::start_as(context, down, Life::WithThisProcess)? {
        if let Some(one) = watched.iter_mut().find(|one| one.node.name == name) {
            one.child = Some(child);
        }
    }
    drop(lock);
    context.printer.note(format_args!(
        "{}: {} nodes run; Ctrl-C stops them. Beside it: raftctl status",
        cluster.name,
        watched.len()
    ));
    remote::block_on(watch(context, cluster, restart_nodes, watched))
}

async fn watch(
    context: &Context,
    cluster: &LocalCluster,
    restart_nodes: bool,
    watched: &mut [Watched],
) -> Result<Exit, Failure> {
    let handler =
        |kind| signal(kind).map_err(|error| Failure::new("E0213", "no signal handler could be set").because(&error));
    let (mut interrupt, mut terminate) = (handler(SignalKind::interrupt())?, handler(SignalKind::terminate())?);
    let mut hangup = handler(SignalKind::hangup())?;
    let mut every = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
            _ = hangup.recv() => break,
            _ = every.tick() => look(context, cluster, restart_nodes, watched)?,
        }
    }
    context.printer.note(format_args!("{}: stopping; Ctrl-C again kills", cluster.name));
    // The nodes are stopped by the caller; a second Ctrl-C in the meantime ends them at once.
    let dirs: Vec<_> = watched.iter().map(|one| one.node.directory.clone()).collect();
    std::thread::spawn(move || kill_on_second_interrupt(&dirs));
    Ok(Exit::Done)
}

fn kill_on_second_interrupt(dirs: &[std::path::PathBuf]) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(async {
        let Ok(mut interrupt) = signal(SignalKind::interrupt()) else { return };
        interrupt.recv().await;
        for run in dirs.iter().filter_map(|dir| process::running(dir)) {
            // One that has ended by itself meanwhile is as good as killed.
            let _ = process::signal(&run, rustix::process::Signal::KILL);
        }
    });
}

fn look(
    context: &Context,
    cluster: &LocalCluster,
    restart_nodes: bool,
    watched: &mut [Watched],
) -> Result<(), Failure> {
    let requested = local::take_requests(&cluster.directory);
    for one in watched.iter_mut() {
        one.print(context)?;
        let died = one.reap();
        if let Some(how) = &died {
            context.printer.warning(format_args!("{}: {how}", one.node.name));
            if !restart_nodes {
                context
                    .printer
                    .note(format_args!("      it stays down until: raftctl cluster start {}", one.node.name));
            }
        }
        let wanted = requested.contains(&one.node.name) || died.is_some() && restart_nodes;
        if wanted && one.child.is_none() && !process::is_held(&one.node.directory) {
            match process::spawn(&one.node.directory, Life::WithThisProcess) {
                Ok(child) => one.child = Some(child),
                Err(error) => context.printer.warning(format_args!("{} cannot be started: {error}", one.node.name)),
            }
        }
    }
    context.printer.flush()
}

/// One node as the supervisor sees it.
struct Watched {
    node: LocalNode,
    style: Style,
    follower: Follower,
    child: Option<Child>,
}

impl Watched {
    fn print(&mut self, context: &Context) -> Result<(), Failure> {
        let mut lines = Vec::new();
        if self.follower.lines(&mut lines).is_err() {
            return Ok(());
        }
        for line in lines {
            context.printer.line(prefixed(&self.node.name, self.style, &line))?;
        }
        Ok(())
    }

    /// How the child ended, once.
    fn reap(&mut self) -> Option<String> {
        let status = self.child.as_mut()?.try_wait().ok().flatten()?;
        self.child = None;
        Some(match status.code() {
            Some(0) => "stopped".to_owned(),
            Some(code) => format!("ended with code {code}"),
            None => format!("ended by {status}"),
        })
    }
}

/// `n1 | line`, readable without its colour.
pub(super) fn prefixed(name: &str, style: Style, line: &str) -> String {
    format!("{style}{name} |{style:#} {line}")
}

/// The style of the node at `position` among its cluster's nodes.
pub(super) fn node_style(position: usize) -> Style {
    COLOURS[position % COLOURS.len()].on_default()
}
