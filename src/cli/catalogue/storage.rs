//! What lies on disk: E04xx.

use super::Page;
use crate::cli::failure::Exit;

pub(super) const PAGES: &[Page] = &[
    Page {
        code: "E0401",
        title: "Stored data is damaged",
        meaning: "Bytes that were durable do not match their checksum or their place in the log. raftctl shows all it can read and never repairs by guessing.",
        action: "Keep a copy of the directory. A node with damaged data must not start; the others hold the same entries.",
        exit: Exit::Corrupt,
    },
    Page {
        code: "E0402",
        title: "Committed entries differ",
        meaning: "Two logs hold different entries at an index that one of them knows to be committed. Raft's central promise is broken (I3, I4).",
        action: "Stop the cluster and keep copies of all data directories.",
        exit: Exit::Corrupt,
    },
    Page {
        code: "E0403",
        title: "Logs differ above what is committed",
        meaning: "The tails of two logs hold different entries that nobody has committed: the trace of a leader that lost its term. The next leader repairs it.",
        action: "Nothing, if the cluster runs: the tail of the follower is replaced (§5.3).",
        exit: Exit::Condition,
    },
    Page {
        code: "E0404",
        title: "This is not something raftctl has written",
        meaning: "The path is not a data directory, a node's directory, a cluster's directory or a file in one of them.",
        action: "Give the directory of a node, such as the one `raftctl cluster status` names.",
        exit: Exit::Usage,
    },
    Page {
        code: "E0405",
        title: "The logs belong to different clusters",
        meaning: "Each segment carries the id of its cluster, and the ids differ; comparing entries would mean nothing.",
        action: "Compare nodes of one cluster.",
        exit: Exit::Usage,
    },
];
