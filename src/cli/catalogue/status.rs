//! Problems that `status` reports: E07xx.

use super::Page;
use crate::cli::failure::Exit;

pub(super) const PAGES: &[Page] = &[
    Page {
        code: "E0701",
        title: "The cluster cannot take writes",
        meaning: "No leader is in touch with a majority of the voters.",
        action: "Start the nodes that are down: `raftctl cluster start`.",
        exit: Exit::Unavailable,
    },
    Page {
        code: "E0702",
        title: "A member does not answer",
        meaning: "The process is down, or it runs and did not answer within the time. A cluster of n voters works while a majority answers.",
        action: "`raftctl cluster start NODE`, or look at `raftctl cluster logs NODE`.",
        exit: Exit::Unavailable,
    },
    Page {
        code: "E0703",
        title: "A member is paused",
        meaning: "Its process is stopped by a signal: `raftctl cluster pause`, Ctrl-Z, or a debugger. To the others it looks like a node whose network is cut.",
        action: "`raftctl cluster resume NODE`.",
        exit: Exit::Unavailable,
    },
    Page {
        code: "E0704",
        title: "An even number of voters",
        meaning: "Four voters need three for a majority, so they survive one failure, as three voters do, with one more machine that can fail.",
        action: "Use 1, 3, 5 or 7 voters.",
        exit: Exit::Condition,
    },
    Page {
        code: "E0705",
        title: "A member is far behind",
        meaning: "It has applied much less than the leader has committed. It counts for elections, but it must catch up before it can help with commits.",
        action: "Wait. If the lag grows, look at the member's disk (`sync_p99_ms` in the status) and log.",
        exit: Exit::Condition,
    },
    Page {
        code: "E0706",
        title: "UNSAFE: the log is not synced",
        meaning: "`storage.sync: none` acknowledges writes that only the operating system's memory holds. A power cut loses them, on a majority perhaps.",
        action: "For the laboratory only. Use `sync: always` for anything that matters.",
        exit: Exit::Condition,
    },
    Page {
        code: "E0707",
        title: "A certificate expires soon",
        meaning: "Nodes and clients refuse expired certificates; a node whose certificate has expired cannot talk to the others.",
        action: "Local clusters get new certificates when they are made anew with `cluster up --fresh`.",
        exit: Exit::Condition,
    },
    Page {
        code: "E0708",
        title: "Replicas differ",
        meaning: "Two nodes applied the same entries and hold different states. The promise of a replicated state machine is broken (I5).",
        action: "Stop the cluster, keep copies of all data directories, and report it.",
        exit: Exit::Corrupt,
    },
    Page {
        code: "E0709",
        title: "Little disk space is left",
        meaning: "A node whose disk is nearly full takes no new entries (E0713), and one that cannot write its log at all stops (R60).",
        action: "Make room on the disk that holds the data directory.",
        exit: Exit::Condition,
    },
    Page {
        code: "E0710",
        title: "Messages were refused",
        meaning: "Somebody with a valid certificate sent messages in another node's name, or for another data directory. They were dropped and had no effect.",
        action: "The node's log says who it was.",
        exit: Exit::Condition,
    },
    Page {
        code: "E0711",
        title: "The cluster is not in the wanted state",
        meaning: "`--check` or `--wait` asked for a state that was not there in time.",
        action: "Read the problems that the status lists.",
        exit: Exit::Condition,
    },
    Page {
        code: "E0712",
        title: "Links of a node are cut",
        meaning: "Somebody isolated the node on purpose: it drops messages from or to other nodes. Clients reach it as ever.",
        action: "`raftctl cluster heal` takes the links up again; so does stopping the node.",
        exit: Exit::Condition,
    },
    Page {
        code: "E0713",
        title: "A disk is nearly full",
        meaning: "The node takes no new entries: as the leader it refuses writes (E0515), as a follower it does not store what the leader sends, so that it falls behind. It keeps room for what is on its way, and takes snapshots, so that the log before them can go. It answers reads.",
        action: "Make room on the disk that holds the node's data directory. The node goes on by itself.",
        exit: Exit::Condition,
    },
];
