//! The scenario language: a story about a Raft cluster that runs.
//!
//! A script is a text of blocks. A block is one or more command lines, a line `---`, the output those commands gave,
//! and an empty line. Lines that start with `#` between blocks are prose and are kept as they are. Running a script
//! gives the same text with the outputs as they came out now, so a changed behaviour is a diff.
//!
//! Output lines carry a mark in the first column: `*` a change of role, `▸` a message that a `deliver` hands over,
//! `✗` a message that was lost, nothing for the rest. A message is shown when it is sent. A log id is `index@term`.
//!
//! | Command | What it does |
//! | --- | --- |
//! | `cluster 3 [learners=n3] [empty=n2,n3] [spare=n4] [pre_vote=off] [check_quorum=off] [lease_reads=on] [drift=1%] [election=500ms] [heartbeat=50ms] [idle_heartbeat=HEARTBEAT] [seed=1] [max_…=n] [break=R47,…]` | n1 to n3 with the bootstrap entry 1@1; `empty` ones do not have it yet, `spare` ones are up and no members |
//! | `log n1 1 1 2*10` · `term n1 7` · `vote n1 n2` | what is on a disk before the start; terms of the entries after 1@1 |
//! | `campaign n1` · `elect n1` | starts an election; `elect` also stabilizes |
//! | `propose n1 [count] [length=100]` · `read n2 t1 [lease]` · `transfer n1 [n2]` | what clients and operators ask |
//! | `submit n1 incr KEY [session=1 serial=1]` | a write with an effect, and a client that waits for its answer: see `clients.rs` |
//! | `clock n1 +10%` | from now on n1's clock runs that much faster, or with a minus slower |
//! | `change n1 add n4 [promote]` · `change n1 promote\|demote\|remove n3` · `change n1 replace n2 n3 [learners=n1] [explicit]` · `change n1 leave` | asks n1 to change the members; with `if=3@2` only while that configuration is in force |
//! | `tick [n1 …] 50ms` · `run 5s` | moves clocks; `run` also delivers, and shows neither messages nor ballots |
//! | `deliver [n1->n2 …] [count=1] [last]` · `stabilize` | hands messages over: one round, some, or until quiet |
//! | `drop [n1->n2 …] [count=1] [last]` · `hold n1->n2` · `release n1->n2` | loses queued messages; keeps them queued |
//! | `duplicate n1->n2` · `copy n1->n2 NAME` · `replay NAME` | the oldest queued message once more, now or later |
//! | `cut n1 \| n2 n3` · `oneway n1->n2` · `isolate n1` · `heal [n1 …]` | links; what is under way on a cut one is lost |
//! | `persist off\|auto [n1 …]` · `persist n1 [first\|#3]` · `fail n1` | the disk: wait, complete, or fail |
//! | `snapshot n1 [at=5] [size=1000]` · `worker off\|auto [n1 …]` · `worker n1 [fail]` | takes one; received chunks and snapshots wait, are stored, installed |
//! | `crash n1` · `restart n1 [wipe-hints] [new-disk] [damaged=3] [cut=3]` | what was not persisted is gone; from entry 3 on the log is damaged, or silently gone |
//! | `unreachable n1 n2` · `append-lost n1 n2` · `snapshot-lost n1 n2` | what the shell tells node n1 about n2 |
//! | `inject n2->n1 t3 KIND key=value …` | delivers a hand-made message at once |
//! | `world seed=9 [time=60s] [nodes=3] [quiet_until=5s] [without=loss,kill] [break=R47,…] [lying_disks]` | runs a whole simulated world, which is no part of the story around it: see `whole.rs` |
//! | `quietly COMMAND` | does it and prints nothing, for the way to where a story begins |
//! | `status` · `log [n1 …]` · `progress n1` · `config [n1 …]` · `inflight` | shows |
//! | `expect WHAT …` | fails the script when it does not hold, see `expect.rs` |
//!
//! After every single input the checks of `checks.rs` run over the whole world; a broken invariant fails the script.

mod change;
pub(in crate::sim) mod checks;
mod clients;
mod command;
pub(in crate::sim) mod disk;
mod expect;
mod inject;
mod network;
mod parse;
mod run;
pub(in crate::sim) mod show;
mod snapshots;
mod whole;
mod world;

pub use checks::Violation;
pub use parse::{Block, Piece, Script};
pub use run::run;
pub use whole::{WholeWorld, shortened, span};

use crate::raft::NodeId;

/// Longest script, in bytes.
pub const SCRIPT_BYTES_MAX: usize = 1 << 20;

/// Why a script did not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum ScriptFault {
    #[error("a script of {bytes} bytes; at most {SCRIPT_BYTES_MAX} are read")]
    TooLong { bytes: usize },
    #[error("line {line}: `{command}`: {source}\n{so_far}")]
    Command {
        line: usize,
        command: String,
        source: CommandFault,
        /// What this block had printed when it failed.
        so_far: String,
    },
}

/// Why one command of a script failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandFault {
    #[error("there is no such command")]
    UnknownCommand,
    #[error("{wanted} is missing")]
    Missing { wanted: &'static str },
    #[error("`{word}` is not {wanted}")]
    NotA { wanted: &'static str, word: String },
    #[error("nothing here takes `{word}`")]
    LeftOver { word: String },
    #[error(transparent)]
    UnknownRule(#[from] crate::raft::rules::UnknownRule),
    #[error("a script starts with `cluster`, once")]
    Order,
    #[error("disks can be prepared only before the nodes start")]
    Started,
    #[error("{node} is not a member of this world")]
    UnknownNode { node: NodeId },
    #[error("{node} is down")]
    Down { node: NodeId },
    #[error("{node} is up")]
    Up { node: NodeId },
    #[error("nothing is under way from {from} to {to}")]
    NothingQueued { from: NodeId, to: NodeId },
    #[error("no message was copied as `{name}`")]
    NoCopy { name: String },
    #[error("{node} has no write #{seq} pending")]
    NoSuchWrite { node: NodeId, seq: u64 },
    #[error("{node} does not start: {source}")]
    Boot { node: NodeId, source: crate::raft::BootFault },
    #[error("more than {} messages are under way from {from} to {to}", network::LINK_MESSAGES_MAX)]
    LinkFull { from: NodeId, to: NodeId },
    #[error("the world is not quiet after {steps} steps")]
    NeverQuiet { steps: usize },
    #[error("expected {wanted}, found {found}")]
    Unexpected { wanted: String, found: String },
    #[error("invariant {0}")]
    Violated(#[from] Violation),
}
