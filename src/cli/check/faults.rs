//! Breaks one node of a local cluster after the other while clients go on, and mends each before the next.
//!
//! It uses the verbs that a person would use. At the end, however that comes, what is still broken is mended; links are
//! cut for a bounded time only, so that even a killed check leaves none cut for ever.

use std::time::{Duration, Instant};

use crate::cli::cluster::private::Private;
use crate::cli::cluster::{heal, isolate, kill, pause, resume, start};
use crate::cli::failure::Failure;
use crate::cli::{Context, leader, selection};
use crate::sim::dice::Dice;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Kill,
    Pause,
    Isolate,
}

/// How long links stay cut if nobody comes to heal them.
const CUT_MAX: Duration = Duration::from_secs(60);

pub(super) struct Breaker<'a> {
    context: &'a Context,
    private: Option<&'a mut Private>,
    kinds: Vec<Fault>,
    every: Duration,
    dice: Dice,
    broken: Option<(Fault, String)>,
    next: Option<Instant>,
    /// How many nodes it has broken.
    pub count: u64,
}

impl<'a> Breaker<'a> {
    /// Each fault lasts half of `every`. `private` owns the nodes, if the cluster is private.
    pub(super) fn new(
        context: &'a Context,
        private: Option<&'a mut Private>,
        kinds: Vec<Fault>,
        every: Duration,
        seed: u64,
    ) -> Breaker<'a> {
        let next = (!kinds.is_empty()).then(|| Instant::now() + every / 2);
        Breaker { context, private, kinds, every, dice: Dice::stream(seed, 0), broken: None, next, count: 0 }
    }

    /// When it wants to be called; none when it has nothing to do.
    pub(super) fn next_time(&self) -> Option<Instant> {
        self.next
    }

    /// Breaks or mends what is due. Call it from the main thread.
    ///
    /// # Errors
    /// A node does not come back, or cannot be reached by a signal.
    pub(super) fn on_time(&mut self, now: Instant) -> Result<(), Failure> {
        if self.next.is_none_or(|next| now < next) {
            return Ok(());
        }
        let outcome = if self.broken.is_some() { self.mend() } else { self.strike() };
        self.next = Some(Instant::now() + self.every / 2);
        outcome
    }

    /// Every other time the leader is meant, if there is one.
    fn strike(&mut self) -> Result<(), Failure> {
        let (cluster, _) = selection::local_cluster(self.context)?;
        let nodes = selection::nodes(&cluster)?;
        let fault = *self.dice.pick(&self.kinds);
        let leader = if self.dice.coin() { leader::find(self.context, None)? } else { None };
        let name = leader.map_or_else(|| self.dice.pick(&nodes).name.clone(), |said| said.leader);
        if fault == Fault::Isolate && nodes.len() == 1 {
            return Ok(()); // There is nobody to be cut off from.
        }
        // Also what fails half-way is mended.
        self.broken = Some((fault, name.clone()));
        self.count += 1;
        let nodes = vec![name];
        match fault {
            Fault::Kill => kill::run(self.context, kill::Args { nodes, signal: "KILL".to_owned() }),
            Fault::Pause => pause::run(self.context, pause::Args { nodes }),
            Fault::Isolate => {
                let lasts = Some(CUT_MAX.max(self.every));
                isolate::run(self.context, isolate::Args { nodes, from: None, one_way: false, lasts })
            }
        }
        .map(drop)
    }

    /// Mends what is broken.
    ///
    /// # Errors
    /// A node does not come back.
    pub(super) fn mend(&mut self) -> Result<(), Failure> {
        let Some((fault, name)) = self.broken.take() else { return Ok(()) };
        let nodes = vec![name.clone()];
        match (fault, &mut self.private) {
            (Fault::Kill, Some(private)) => return private.start_node(self.context, &name),
            (Fault::Kill, None) => start::run(self.context, start::Args { nodes }),
            (Fault::Pause, _) => resume::run(self.context, resume::Args { nodes }),
            (Fault::Isolate, _) => heal::run(self.context, heal::Args { nodes }),
        }
        .map(drop)
    }
}
