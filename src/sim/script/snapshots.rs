//! Snapshots in a script's world: taking them, and the worker that stores and installs what leaders send.
//!
//! A snapshot here has metadata and no bytes. Its file becomes durable outside of the numbered writes, as on a real
//! disk; a crash keeps the chunks that are stored and loses the order to install.

use super::CommandFault;
use super::command::Words;
use super::show::Line;
use super::world::World;
use crate::raft::{ChunkToStore, Config, Core, Index, LogId, NodeId, SnapshotId, SnapshotMeta};
use std::sync::Arc;

/// Size of a snapshot unless the script says otherwise, in bytes.
pub(super) const SNAPSHOT_BYTES: u64 = 1_000;

/// What a node's worker holds and has to do.
#[derive(Clone, Debug, Default)]
pub(super) struct Worker {
    /// What is asked of it waits for the script.
    pub waits: bool,
    /// Snapshots taken so far, which tells their files apart.
    pub taken: u64,
    /// The file that is being received, and how many bytes of it are there.
    pub partial: Option<(SnapshotId, u64)>,
    store: Option<ChunkToStore>,
    install: Option<SnapshotMeta>,
}

impl Worker {
    /// The node is gone: so is what it was about to do.
    pub(super) fn crash(&mut self) {
        (self.store, self.install) = (None, None);
    }
}

/// `snapshot n1 [at=5] [size=1000]`: the node's state at 5, or as it is, is durable in a snapshot.
pub(super) fn take(world: &mut World, words: &mut Words) -> Result<(), CommandFault> {
    let id = words.take_node()?;
    let at = words.take_number("at")?;
    let size_bytes = words.take_number("size")?.unwrap_or(SNAPSHOT_BYTES).max(1);
    let core = world.core(id)?;
    let index = at.map_or(core.applied_index(), Index);
    if at.is_none() && index <= core.snapshot().map_or(Index(0), |newest| newest.last.index) {
        world.trace.push(Line::plain(format!("{id} has nothing new to take")));
        return Ok(());
    }
    let wrong = || CommandFault::NotA { wanted: "an entry that is applied and kept", word: index.to_string() };
    let term = core.term_at(index).filter(|_| index <= core.applied_index() && index > Index(0)).ok_or_else(wrong)?;
    let (config_index, config) = config_at(world, id, index);
    let log_bytes = world.core(id)?.log_bytes(index);
    let worker = &mut world.node_mut(id)?.worker;
    worker.taken += 1;
    let digest = id.0 << 8 | worker.taken;
    let last = LogId { term, index };
    let meta = SnapshotMeta { last, config, config_index, size_bytes, digest, link: 0, log_bytes };
    let disk = &mut world.node_mut(id)?.disk;
    if disk.snapshot.as_ref().is_none_or(|newest| newest.last.index < index) {
        disk.snapshot = Some(meta.clone());
    }
    world.input(id, |core, now| core.snapshot_taken(now, meta))
}

/// The configuration in force at `index` of a node's log, which reaches back to its snapshot.
fn config_at(world: &World, id: NodeId, index: Index) -> (Index, Arc<Config>) {
    let core = world.core(id).expect("its index was just looked up");
    let in_log = (core.first().0..=index.0).rev().map(Index).find_map(|index| {
        let id = LogId { term: core.term_at(index)?, index };
        world.config_of(id).map(|config| (index, config))
    });
    let before = || core.snapshot().map(|snapshot| (snapshot.config_index, snapshot.config.clone()));
    in_log.or_else(before).expect("a log begins with a configuration, or behind a snapshot")
}

/// `worker off|auto [n1 …]`: what chunks and snapshots wait for the script, or do not. `worker n1 [fail]`: it does, or
/// fails to do, what waits.
pub(super) fn work(world: &mut World, words: &mut Words) -> Result<(), CommandFault> {
    let auto = words.take_flag("auto");
    if auto || words.take_flag("off") {
        let named = words.take_nodes();
        let ids = if named.is_empty() { world.nodes.keys().copied().collect() } else { named };
        for id in ids {
            let node = world.node_mut(id)?;
            node.worker.waits = !auto;
            if auto && node.core.is_some() {
                finish(world, id, true)?;
            }
        }
        return Ok(());
    }
    let id = words.take_node()?;
    let succeeds = !words.take_flag("fail");
    finish(world, id, succeeds)
}

fn finish(world: &mut World, id: NodeId, succeeds: bool) -> Result<(), CommandFault> {
    let worker = &mut world.node_mut(id)?.worker;
    if let Some(chunk) = worker.store.take() {
        let snapshot = chunk.meta.id();
        let stored = succeeds.then(|| worker.add(&chunk));
        world.input(id, |core, _| core.chunk_stored(snapshot, stored))?;
    } else if let Some(meta) = worker.install.take() {
        if succeeds {
            world.node_mut(id)?.keep(meta);
            world.input(id, |core, now| core.snapshot_installed(now))?;
        } else {
            world.input(id, |core, _| core.install_failed())?;
        }
    }
    Ok(())
}

impl Worker {
    /// Adds a chunk to the file and gives how many bytes are there now; a file of another snapshot makes room.
    fn add(&mut self, chunk: &ChunkToStore) -> u64 {
        let id = chunk.meta.id();
        let (_, stored) = self.partial.filter(|(partial, _)| *partial == id).unwrap_or((id, 0));
        assert!(chunk.offset <= stored, "no hole is left in a file");
        let stored = stored.max(chunk.offset + u64::from(chunk.length));
        self.partial = Some((id, stored));
        stored
    }
}

impl World {
    /// A snapshot that some node holds.
    pub(super) fn snapshot(&self, id: SnapshotId) -> Option<SnapshotMeta> {
        let mut held = self.nodes.values().filter_map(|node| node.disk.snapshot.as_ref());
        held.find(|meta| meta.id() == id).cloned()
    }
}

impl super::world::Node {
    /// A chunk that the core wants stored.
    pub(super) fn store_chunk(&mut self, chunk: ChunkToStore, trace: &mut Vec<Line>) {
        if self.worker.waits {
            let end = chunk.offset + u64::from(chunk.length);
            let what = format!("{} is to store {} bytes {}..{end}", self.id, chunk.meta.id(), chunk.offset);
            trace.push(Line::plain(what));
            self.worker.store = Some(chunk);
            return;
        }
        let stored = self.worker.add(&chunk);
        self.running().chunk_stored(chunk.meta.id(), Some(stored));
    }

    /// A whole snapshot that the core wants installed.
    pub(super) fn install(&mut self, meta: SnapshotMeta, trace: &mut Vec<Line>) {
        if self.worker.waits {
            trace.push(Line::plain(format!("{} is to install {}", self.id, meta.id())));
            self.worker.install = Some(meta);
            return;
        }
        self.keep(meta);
        let now = self.clock;
        self.running().snapshot_installed(now);
    }

    /// A received file is whole and becomes one of the node's snapshots.
    fn keep(&mut self, meta: SnapshotMeta) {
        self.worker.partial = None;
        if self.disk.snapshot.as_ref().is_none_or(|newest| newest.last.index < meta.last.index) {
            self.disk.snapshot = Some(meta);
        }
    }

    fn running(&mut self) -> &mut Core {
        self.core.as_mut().expect("a core that drained is up")
    }
}
