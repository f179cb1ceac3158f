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
    Page {
        code: "E0406",
        title: "The log does not hold that entry or that state",
        meaning: "The index is behind the last entry, or so far back that the log and the snapshots beside it have forgotten what was before.",
        action: "Ask for an index that is there; `raftctl log stat NODE` shows the first and the last. Another node's log may begin earlier.",
        exit: Exit::Usage,
    },
    Page {
        code: "E0407",
        title: "The log holds what this version does not know",
        meaning: "An entry is whole, but of a kind or with a command that this version of raftctl cannot apply. What it does to the state cannot be told.",
        action: "Read it with the version that wrote it, or look at what is before it.",
        exit: Exit::Failed,
    },
    Page {
        code: "E0408",
        title: "Nothing in the log made it true",
        meaning: "The log was applied to its end, and the condition never became true.",
        action: "Look at the history of the key with `raftctl log state NODE --key KEY`.",
        exit: Exit::Condition,
    },
    Page {
        code: "E0409",
        title: "The export cannot be imported",
        meaning: "A line is not the next one of an export, or its record does not match its checksum. Nothing was made.",
        action: "Export the log again; an export is imported whole and unchanged.",
        exit: Exit::Corrupt,
    },
    Page {
        code: "E0410",
        title: "The directory is there already",
        meaning: "raftctl never writes into a directory that holds something it did not make just now.",
        action: "Name a directory that does not exist yet.",
        exit: Exit::Usage,
    },
    Page {
        code: "E0411",
        title: "The node runs",
        meaning: "What a running node holds changes while it is read. A plan of recovery is made of nodes that stand still.",
        action: "Stop the node first.",
        exit: Exit::Condition,
    },
    Page {
        code: "E0412",
        title: "Not a plan, or not as it was made",
        meaning: "The file is no scan or plan of recovery of this version, or it was changed after it was made: its checksum does not fit.",
        action: "Make it again with `raftctl recover scan` and `raftctl recover plan`.",
        exit: Exit::Usage,
    },
    Page {
        code: "E0413",
        title: "There is no plan of recovery",
        meaning: "The survivors are enough to go on without losing anything, or not enough is known: every member must be scanned, or said to be lost.",
        action: "Follow the hint. Only a majority that is gone for good needs a recovery.",
        exit: Exit::Condition,
    },
    Page {
        code: "E0414",
        title: "The plan is for another directory",
        meaning: "A plan binds to one node's directory as it was scanned. This one is another, or has changed since.",
        action: "Apply it where the plan says, or scan and plan again.",
        exit: Exit::Condition,
    },
    Page {
        code: "E0415",
        title: "The bundle does not hold that",
        meaning: "A bundle tells of several nodes, and one of them was wanted; or the one that was named is not in it; or it was made without `--with-log` and holds no logs.",
        action: "Name one of those that are listed, as FILE:NODE; `raftctl inspect FILE` shows what is in a bundle.",
        exit: Exit::Usage,
    },
    Page {
        code: "E0416",
        title: "Values were redacted",
        meaning: "The log was packed with `bundle --redact-values`: keys, indexes and terms are those of the node, values and checksums are not, and snapshots were left out. What needs those cannot be told from it.",
        action: "Ask the node itself, or take a bundle without `--redact-values`.",
        exit: Exit::Usage,
    },
];
