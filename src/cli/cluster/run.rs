//! `raftctl cluster run`: a private cluster for one command, as tests and CI jobs need it.
//!
//! It ends as the command ends, with the same code. While the command runs, signals are passed on to it; the cluster is
//! taken down only when it has ended.

use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::signal::unix::{SignalKind, signal};

use super::private::Private;
use crate::cli::Context;
use crate::cli::failure::{Exit, Failure};
use crate::cluster::spec::Source;

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl cluster run -- ./integration-tests.sh
  raftctl cluster run --nodes 5 -- sh -c 'raftctl submit put k v && raftctl get k'
  raftctl cluster run clusters/three-nodes.yaml --keep always -- cargo test

The command finds the cluster by RAFTCTL_CLUSTER; every raftctl below it uses that. Names and ports are generated, so
that many of these can run beside each other. The exit code is the command's, 128 and the number of the signal that
ended it, or as in a shell 127 when there is no such program. When it is not 0, data and logs stay, stopped, and are
named.")]
pub struct Args {
    /// Cluster file for nodes and settings; `-` is stdin; its name and addresses are not heeded
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub file: Option<PathBuf>,

    /// Without a file: how many nodes
    #[arg(long, value_name = "N", conflicts_with = "file", default_value_t = 3,
        value_parser = clap::value_parser!(u8).range(1..=9))]
    pub nodes: u8,

    /// Override a key of the file; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,

    /// When data and logs stay
    #[arg(long, value_name = "WHEN", value_enum, default_value = "on-failure")]
    pub keep: Keep,

    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Keep {
    /// When the command does not end with 0
    OnFailure,
    Never,
    Always,
}

/// First word of the name of such a cluster.
const PRIVATE_WORD: &str = "run";

/// Signals that are the command's business.
const PASSED_ON: [Signal; 6] = [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT, Signal::USR1, Signal::USR2];

pub fn run(context: &Context, arguments: &Args) -> Result<Exit, Failure> {
    let source = match &arguments.file {
        Some(path) if path.as_os_str() == "-" => Source::Stdin,
        Some(path) => Source::File(path.clone()),
        None => Source::Size { cluster: PRIVATE_WORD.to_owned(), nodes: usize::from(arguments.nodes) },
    };
    let signals = Signals::listen()?;
    let private = Private::start(context, PRIVATE_WORD, &source, &arguments.set, &|| signals.came())?;
    if signals.came() {
        private.remove_or_warn(context);
        return Err(Failure::new("E0513", "the start was interrupted").cause("the command was not run"));
    }
    let ended = run_command(&private.context(context), &arguments.command, &signals);
    let has_failed = !ended.as_ref().is_ok_and(ExitStatus::success);
    // A command that never ran leaves nothing to look at.
    let is_kept = match arguments.keep {
        Keep::OnFailure => has_failed && ended.is_ok(),
        Keep::Never => false,
        Keep::Always => true,
    };
    if is_kept {
        let cluster = private.keep(context)?;
        let (name, place) = (&cluster.name, cluster.directory.display());
        context.printer.note(format_args!("{name}: data and logs stay in {place}"));
        context.printer.note(format_args!("{name}: to remove them: raftctl cluster down {name} --purge --yes"));
    } else if has_failed {
        private.remove_or_warn(context);
    } else {
        private.remove(context)?;
    }
    ended.map(exit_of)
}

/// Runs the command to its end with the cluster of `context` selected.
fn run_command(context: &Context, words: &[OsString], signals: &Signals) -> Result<ExitStatus, Failure> {
    let (program, arguments) = words.split_first().expect("the parser asks for one word at least");
    let shown = program.to_string_lossy();
    let failed = |error: &io::Error| {
        let code = if error.kind() == ErrorKind::NotFound { 127 } else { 126 };
        Failure::new("E0220", format!("{shown} cannot be run")).because(error).exit(Exit::Of(code))
    };
    let mut command = Command::new(program);
    command.args(arguments);
    // An endpoint would win over the cluster.
    command.env_remove("RAFTCTL_ENDPOINT").env_remove("RAFTCTL_IDENTITY");
    if let Some(name) = &context.global.cluster {
        command.env("RAFTCTL_CLUSTER", name);
    }
    let mut child = command.spawn().map_err(|error| failed(&error))?;
    signals.pass_on_to(&child).map_err(|error| failed(&error))?;
    child.wait().map_err(|error| failed(&error))
}

fn exit_of(status: ExitStatus) -> Exit {
    let signalled = || status.signal().map(|number| number + 128);
    let code = status.code().or_else(signalled).unwrap_or(1);
    match u8::try_from(code).unwrap_or(1) {
        0 => Exit::Done,
        code => Exit::Of(code),
    }
}

/// The signals that come, kept until there is a command to pass them on to.
#[derive(Clone, Default)]
struct Signals(Arc<Mutex<Passing>>);

#[derive(Default)]
struct Passing {
    /// The last one before the command ran.
    waiting: Option<Signal>,
    /// A handle of the command, which stands for no other process even when that has ended.
    command: Option<OwnedFd>,
}

impl Signals {
    /// Listens from now on, in a thread that ends with the process.
    ///
    /// # Errors
    /// The operating system gives no handler.
    fn listen() -> Result<Signals, Failure> {
        let signals = Signals::default();
        let (ready, listening) = mpsc::channel();
        let listener = signals.clone();
        std::thread::spawn(move || {
            if let Err(error) = listener.hear(&ready) {
                // Whoever waits to hear that it listens hears this instead.
                let _ = ready.send(Err(error));
            }
        });
        let failed = |error: io::Error| Failure::new("E0512", "no signal handler could be set").because(&error);
        listening.recv().map_err(|error| failed(io::Error::other(error)))?.map_err(failed)?;
        Ok(signals)
    }

    fn hear(&self, ready: &mpsc::Sender<io::Result<()>>) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            for one in PASSED_ON {
                let (mut stream, signals) = (signal(SignalKind::from_raw(one.as_raw()))?, self.clone());
                tokio::spawn(async move {
                    while stream.recv().await.is_some() {
                        signals.take(one);
                    }
                });
            }
            // The one who waits for it is the one who has started this.
            let _ = ready.send(Ok(()));
            core::future::pending().await
        })
    }

    fn take(&self, one: Signal) {
        let mut passing = self.lock();
        match &passing.command {
            None => passing.waiting = Some(one),
            // What is typed at the terminal of this group of processes has reached the command too.
            Some(_) if matches!(one, Signal::INT | Signal::QUIT) && is_in_foreground() => {}
            // It fails when the command has ended: then nobody is left to hear.
            Some(command) => drop(pidfd_send_signal(command, one)),
        }
    }

    /// Whether somebody wants an end before the command runs.
    fn came(&self) -> bool {
        self.lock().waiting.is_some()
    }

    fn pass_on_to(&self, child: &Child) -> io::Result<()> {
        let command = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
        let mut passing = self.lock();
        if let Some(waiting) = passing.waiting {
            // It may have ended already.
            let _ = pidfd_send_signal(&command, waiting);
        }
        passing.command = Some(command);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Passing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a terminal sends what is typed to this group of processes.
fn is_in_foreground() -> bool {
    let Ok(text) = fs::read_to_string("/proc/self/stat") else { return false };
    // Behind the name: state, parent, group, session, terminal, foreground group of the terminal.
    let fields: Vec<&str> = text.rsplit_once(')').map_or(Vec::new(), |(_, rest)| rest.split_whitespace().collect());
    matches!(fields.as_slice(), [_, _, group, _, _, foreground, ..] if group == foreground)
}
