//! Local clusters, their files and processes: E02xx.

use super::Page;
use crate::cli::failure::Exit;

pub(super) const PAGES: &[Page] = &[
    Page {
        code: "E0201",
        title: "This cluster is not known here",
        meaning: "No local cluster has that name. Clusters live in one directory each below raftctl's state directory.",
        action: "Run `raftctl cluster ls` for the list, or `raftctl cluster up` to make one.",
        exit: Exit::Usage,
    },
    Page {
        code: "E0202",
        title: "Which cluster is meant is not clear",
        meaning: "There are several clusters, and none or several of them run, so none is chosen.",
        action: "Name one with `--cluster NAME`, or set RAFTCTL_CLUSTER.",
        exit: Exit::Usage,
    },
    Page {
        code: "E0203",
        title: "There is no cluster yet",
        meaning: "The state directory holds no cluster.",
        action: "Start one: `raftctl cluster up clusters/three-nodes.yaml`.",
        exit: Exit::Usage,
    },
    Page {
        code: "E0204",
        title: "This cluster has no node of that name",
        meaning: "Nodes are named in the cluster file; without one they are n1, n2, n3.",
        action: "Run `raftctl cluster status` for the names. A path needs `/` or `.` in it: `./n2`.",
        exit: Exit::Usage,
    },
    Page {
        code: "E0205",
        title: "The cluster's own files cannot be read",
        meaning: "A file that raftctl wrote when it made the cluster is missing, damaged or not readable. Nothing was changed.",
        action: "Run `raftctl inspect` on the directory that the message names.",
        exit: Exit::Failed,
    },
    Page {
        code: "E0206",
        title: "No home for state was found",
        meaning: "raftctl keeps clusters below RAFTCTL_HOME, else XDG_STATE_HOME, else the home directory; none of them is set.",
        action: "Set RAFTCTL_HOME to a directory.",
        exit: Exit::Usage,
    },
];
