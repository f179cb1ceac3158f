//! Checks of real clusters: E09xx.

use super::Page;
use crate::cli::failure::Exit;

pub(super) const PAGES: &[Page] = &[
    Page {
        code: "E0901",
        title: "What clients heard cannot be explained",
        meaning: "Linearizable means that every operation takes effect at one moment between its call and its return, as if there were one copy of the data. For the key that is named, no choice of moments gives the answers that clients heard; the operations that show it are drawn. Stale reads (`--consistency stale`) promise less and end here as soon as a node lags.",
        action: "If only linearizable operations were made, this is a fault of raftctl or of the machine: record the history with `--record`, keep the cluster as it is, `raftctl log diff` its nodes, and report it.",
        exit: Exit::Corrupt,
    },
    Page {
        code: "E0902",
        title: "A history could not be decided",
        meaning: "The search for an order tries a bounded number of placements for each key. With many unknown outcomes under one key there may be too many orders. Nothing wrong was found; nothing is proved for the keys that are named.",
        action: "Use fewer clients, more keys, or a longer `--timeout`, so that fewer outcomes are unknown.",
        exit: Exit::Failed,
    },
    Page {
        code: "E0903",
        title: "A line of a history is no operation",
        meaning: "Each line of the file is one operation, `raftctl.operation/v1`. The line that is named is damaged, or says something that cannot be. Nothing was judged.",
        action: "Compare it with the format in docs/testing.md. A recorder that was killed leaves its last line cut off: remove it.",
        exit: Exit::Usage,
    },
];
