//! From a directory to a running node, and back: open, check, start the threads, turn, hand over, close.
//!
//! Everything that can be wrong with a directory is found here, before the first packet leaves.

use core::time::Duration;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::mpsc;

use super::clock::{Clock, wall_ms};
use super::cuts::Cuts;
use super::journal_thread::{JournalThread, describe};
use super::room::Room;
use super::shutdown::Shutdown;
use super::turn::{Ended, Facts, Turn};
use super::worker::Worker;
use crate::observe::{Level, Log, LogOptions};
use crate::raft::{Config, Fault, NodeId, Rules};
use crate::replica::{BootError, Found, Image, Limits, Replica, Setup};
use crate::storage::disk::RealDisk;
use crate::storage::hard_state::{self, Slot};
use crate::storage::layout::{self, NodeFile, RunFile, StorageSection};
use crate::storage::room::Floors;
use crate::storage::{Journal, JournalOptions, Loaded, OpenError, Recovered, SyncMode};
use crate::transport::identity::{Identity, IdentityError, Subject};
use crate::transport::{self, BindError, PeerAddress, Transport, TransportSetup};

/// Most transport events that wait for the turn; beyond that the network tasks stop reading.
const EVENTS_MAX: usize = 4_096;

/// How often a data directory that is locked is tried, and after what pause: somebody may only have looked.
const LOCK_TRIES: u32 = 10;
const LOCK_RETRY_AFTER: Duration = Duration::from_millis(5);

/// Peers that are heard and still need entries keep this many times as many of them in the log.
const RETAINED_FOR_PEERS_TIMES: u64 = 10;

/// What a node is started with. Everything else is in its directory.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    /// The node's directory: `node.yaml`, `data/`, `identity/`.
    pub dir: PathBuf,
    pub supervision: Supervision,
    /// Also print the log on stderr.
    pub echo: bool,
    pub log_level: Level,
}

/// Who looks after this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supervision {
    /// A person at a terminal, or systemd.
    None,
    /// A foreground `cluster up`: this process ends when that one does.
    DieWithParent(u32),
    /// A detached `cluster up`: a session of its own.
    Detached,
}

/// Why a node did not start, or did not stop well.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    #[error("{0} is not a node's directory")]
    NoNode(PathBuf, #[source] layout::FileError),
    #[error("the data directory cannot be opened")]
    Open(#[source] OpenError),
    #[error("the identity of this node cannot be used")]
    Identity(#[source] IdentityError),
    #[error("this data directory is not the one the cluster knows: {0}")]
    NotMember(String),
    #[error("the parts of this directory do not belong together: {0}")]
    Mixed(String),
    #[error("this node must not run any more: {0}")]
    Superseded(String),
    #[error("the log in this directory cannot be continued")]
    Boot(#[source] BootError),
    #[error("the listen address cannot be used")]
    Bind(#[source] BindError),
    #[error("this process could not be recorded in the node's directory")]
    RunFile(#[source] layout::FileError),
    #[error("{address} is not an address to listen on")]
    Listen { address: String, source: std::net::AddrParseError },
    #[error("the operating system refused: {what}")]
    System { what: &'static str, source: std::io::Error },
    #[error("the node stopped itself: {0}")]
    Fault(Fault),
    #[error("the log could not be closed: {0}")]
    Close(String),
}

/// How a node ended that did end well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    Stopped,
    /// By a second signal, without handing over.
    Interrupted,
}

/// Runs one node until it is told to stop.
///
/// # Errors
/// What stopped it from starting, or what made it stop by itself. A disk that fails is such an end (R60).
pub fn run(options: &NodeOptions) -> Result<Finished, NodeError> {
    take_supervision(options.supervision)?;
    let file = NodeFile::read(&options.dir).map_err(|error| NodeError::NoNode(options.dir.clone(), error))?;
    let log = Arc::new(Log::open(&LogOptions {
        file: layout::node_log(&options.dir),
        name: file.name.clone(),
        level: options.log_level,
        echo: options.echo,
    }));
    let ended = open_and_run(options, &file, &log);
    match &ended {
        Ok(_) => log.line(Level::Info, "stopped"),
        Err(error) => log.line(Level::Error, &format!("stopped: {}", describe(error))),
    }
    ended
}

fn open_and_run(options: &NodeOptions, file: &NodeFile, log: &Arc<Log>) -> Result<Finished, NodeError> {
    if let Some(note) = layout::superseded(&options.dir).map_err(NodeError::RunFile)? {
        return Err(NodeError::Superseded(note));
    }
    let identity = Identity::load(&layout::identity_dir(&options.dir)).map_err(NodeError::Identity)?;
    check_parts(&options.dir, file, &identity)?;
    let (journal, found) = open_journal(options, file)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| NodeError::System { what: "no runtime could be built", source })?;
    let running = run_until_stopped(options.clone(), file.clone(), journal, found, identity, Arc::clone(log));
    // A task of its own: waking the future that `block_on` itself drives costs a system call each time.
    let ended = runtime.block_on(async { tokio::spawn(running).await });
    ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

/// The parts of a directory can be copied one by one, from another node or another cluster. Before anything is changed
/// they must agree whose they are.
fn check_parts(dir: &Path, file: &NodeFile, identity: &Identity) -> Result<(), NodeError> {
    let own = format!("node.yaml is that of {} ({}) of cluster {}", file.name, file.id, file.cluster);
    let certified = (identity.cluster(), identity.subject());
    if certified != (file.cluster_id, &Subject::Node(file.id)) {
        let (cluster, subject) = certified;
        return Err(NodeError::Mixed(format!(
            "identity/ is that of {subject} of the cluster with id {cluster}, {own}"
        )));
    }
    // What is damaged or missing is for recovery to say.
    let inspected = hard_state::inspect(&layout::hard_state_file(&layout::data_dir(dir)));
    let Some(Slot { cluster_id, node, .. }) = inspected.ok().and_then(|it| it.choose().ok()).map(|chosen| chosen.slot)
    else {
        return Ok(());
    };
    if (cluster_id, node) != (file.cluster_id, file.id) {
        return Err(NodeError::Mixed(format!("data/ is that of {node} of the cluster with id {cluster_id}, {own}")));
    }
    Ok(())
}

/// Whoever asks whether this node runs takes the lock of its data for an instant, so a taken one is tried again.
fn open_journal(options: &NodeOptions, file: &NodeFile) -> Result<(Journal, Recovered), NodeError> {
    let data_dir = layout::data_dir(&options.dir);
    let on_corruption = file.storage.on_corruption;
    let open = || Journal::open_as(Arc::new(RealDisk), &data_dir, journal_options(file), on_corruption);
    for _ in 1..LOCK_TRIES {
        match open() {
            Err(OpenError::Locked { .. }) => std::thread::sleep(LOCK_RETRY_AFTER),
            opened => return opened.map_err(NodeError::Open),
        }
    }
    open().map_err(NodeError::Open)
}

async fn run_until_stopped(
    options: NodeOptions,
    file: NodeFile,
    mut journal: Journal,
    found: Recovered,
    identity: Identity,
    log: Arc<Log>,
) -> Result<Finished, NodeError> {
    let mut shutdown =
        Shutdown::install().map_err(|source| NodeError::System { what: "no signal handler could be set", source })?;
    for note in &found.notes {
        log.line(Level::Warn, &note.to_string());
    }
    let config = newest_config(&found)?;
    check_membership(&config, &found)?;
    let (sender, events) = mpsc::channel(EVENTS_MAX);
    let setup = transport_setup(&file, &config, &found, identity)?;
    let cert_expires = setup.identity.expires().to_string();
    let transport = Transport::start(setup, sender).map_err(NodeError::Bind)?;
    let run_file = RunFile::of_this_process(jiff::Timestamp::now().to_string()).map_err(NodeError::RunFile)?;
    run_file.write(&options.dir).map_err(NodeError::RunFile)?;
    let facts = facts(&options, &file, &run_file, cert_expires, found.settings.election_timeout);
    let floors = Floors::of(found.settings.max_pending_bytes);
    let room =
        journal.hold_room(floors).map_err(|source| NodeError::System { what: "the disk cannot be asked", source })?;
    let latency = journal.sync_latency();
    log.line(
        Level::Info,
        &format!("started in term {} with the log up to {}", found.hard_state.term, found.shape.last()),
    );
    let clock = Clock::start();
    let (reader, snapshots) = (journal.reader(), journal.snapshots());
    let is_recovering = found.is_recovering;
    let mut replica = Replica::boot(replica_setup(found, &file.storage), clock.now()).map_err(NodeError::Boot)?;
    if is_recovering {
        replica.begin_recovering();
    }
    let thread = |source| NodeError::System { what: "no thread could be started", source };
    let mut turn = Turn {
        clock,
        replica,
        journal: JournalThread::spawn(journal).map_err(thread)?,
        worker: Worker::spawn(reader, snapshots).map_err(thread)?,
        transport,
        events,
        cuts: Cuts::new(options.supervision != Supervision::None),
        log,
        facts,
        sync_p99_ms: Box::new(move || latency.p99_ms()),
        room: Room::new(room),
        is_recovering,
    };
    let ended = turn.run(&mut shutdown).await;
    close(turn, ended, &options.dir).await
}

async fn close(turn: Turn, ended: Ended, dir: &Path) -> Result<Finished, NodeError> {
    let (transport, journal, worker) = turn.into_parts();
    let reason = match &ended {
        Ended::Stopped => "stopped".to_owned(),
        Ended::Interrupted => "stopped at once, on a second signal".to_owned(),
        Ended::Fault(fault) => format!("stopped itself: {fault}"),
    };
    transport.close(&reason).await;
    worker.close();
    let closed = journal.close();
    // A run file that stays behind names a process that is gone, which every reader checks.
    let _ = std::fs::remove_file(layout::run_file(dir));
    match ended {
        Ended::Fault(fault) => Err(NodeError::Fault(fault)),
        Ended::Stopped => closed.map(|()| Finished::Stopped).map_err(NodeError::Close),
        Ended::Interrupted => closed.map(|()| Finished::Interrupted).map_err(NodeError::Close),
    }
}

/// Ties this process to its supervisor's life, or frees it from the terminal.
fn take_supervision(supervision: Supervision) -> Result<(), NodeError> {
    match supervision {
        Supervision::None => Ok(()),
        Supervision::Detached => rustix::process::setsid()
            .map(drop)
            .map_err(|error| NodeError::System { what: "no session of its own could be made", source: error.into() }),
        Supervision::DieWithParent(parent) => {
            // Certain even for a process that is paused; the log recovers from it as from any kill.
            let signal = Some(rustix::process::Signal::KILL);
            rustix::process::set_parent_process_death_signal(signal).map_err(|error| NodeError::System {
                what: "no parent-death signal could be set",
                source: error.into(),
            })?;
            // The parent may have died before the line above took effect; then nobody would ever send the signal.
            let now = rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get().unsigned_abs());
            if now == parent {
                return Ok(());
            }
            let source = std::io::Error::other(format!("process {parent} has ended"));
            Err(NodeError::System { what: "the supervisor is gone", source })
        }
    }
}

fn journal_options(file: &NodeFile) -> JournalOptions {
    let (segment_size_bytes, sync) = (file.storage.segment_size_bytes, file.storage.sync);
    JournalOptions { segment_size_bytes, sync, rules: Rules::sound() }
}

fn newest_config(found: &Recovered) -> Result<Config, NodeError> {
    let newest = found.shape.configs.last().map(|(_, config)| config);
    let of_snapshot = found.snapshot.as_ref().map(|loaded| &loaded.meta.config);
    newest
        .or(of_snapshot)
        .map(|config| Config::clone(config))
        .ok_or_else(|| NodeError::NotMember("its log holds no configuration".to_owned()))
}

/// A wiped or swapped directory must not act under an identity that another one has used (R65).
fn check_membership(config: &Config, found: &Recovered) -> Result<(), NodeError> {
    let id = found.meta.node;
    match config.member(id) {
        None => Err(NodeError::NotMember(format!("{id} is not in its own configuration"))),
        Some(member) if member.storage != found.meta.storage => Err(NodeError::NotMember(format!(
            "the cluster knows {id} with storage id {}, this directory has {}",
            member.storage, found.meta.storage
        ))),
        Some(_) => Ok(()),
    }
}

fn transport_setup(
    file: &NodeFile,
    config: &Config,
    found: &Recovered,
    identity: Identity,
) -> Result<TransportSetup, NodeError> {
    let own = found.meta.node;
    let peers = config.members.iter().filter(|member| member.id != own).map(|member| PeerAddress {
        id: member.id,
        name: member.name.clone(),
        address: member.address.clone(),
        storage: member.storage,
    });
    let listen = file.listen.parse().map_err(|source| NodeError::Listen { address: file.listen.clone(), source })?;
    Ok(TransportSetup {
        identity,
        listen,
        local: own,
        cluster: found.meta.cluster_id,
        storage: found.meta.storage,
        peers: peers.collect(),
        election_timeout: found.settings.election_timeout,
        max_value_size: found.settings.max_value_size,
        limits: transport::Limits::default(),
    })
}

fn facts(
    options: &NodeOptions,
    file: &NodeFile,
    run_file: &RunFile,
    cert_expires: String,
    election_timeout: Duration,
) -> Facts {
    Facts {
        cluster: file.cluster.clone(),
        log_file: layout::node_log(&options.dir).display().to_string(),
        data_dir: layout::data_dir(&options.dir).display().to_string(),
        started: run_file.started.clone(),
        cert_expires: Some(cert_expires),
        unsafe_sync: file.storage.sync == SyncMode::None,
        election_timeout,
    }
}

fn replica_setup(found: Recovered, storage: &StorageSection) -> Setup {
    let usual = Limits::default();
    let limits = Limits {
        snapshot_every_entries: storage.snapshot_every,
        // Who asks for fewer snapshots asks for a longer log; who asks for more should not get one for each large value.
        snapshot_every_bytes: storage
            .snapshot_every
            .saturating_mul(usual.snapshot_every_bytes / usual.snapshot_every_entries)
            .max(usual.snapshot_every_bytes),
        retain_entries: storage.retain_entries,
        retain_entries_max: storage.retain_entries.saturating_mul(RETAINED_FOR_PEERS_TIMES),
        ..usual
    };
    let snapshot = found.snapshot.map(|loaded| {
        let Loaded { meta, settings, image } = loaded;
        (meta, Image { machine: image, settings })
    });
    Setup {
        id: found.meta.node,
        cluster: found.meta.cluster_id,
        storage: found.meta.storage,
        seed: election_seed(found.meta.node),
        rules: Rules::sound(),
        limits,
        found: Found {
            hard_state: found.hard_state,
            snapshot,
            shape: found.shape,
            commit_hint: found.commit_hint,
            last_check: found.last_check,
            tail: found.tail,
            tail_first: found.tail_first,
            settings: found.settings,
        },
    }
}

/// Election timeouts must differ between nodes and between starts (R12).
fn election_seed(id: NodeId) -> u64 {
    rand::random::<u64>() ^ id.0 ^ wall_ms()
}
