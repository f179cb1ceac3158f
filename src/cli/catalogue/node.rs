//! A node's own process: E06xx.

use super::Page;
use crate::cli::failure::Exit;

pub(super) const PAGES: &[Page] = &[
    Page {
        code: "E0601",
        title: "The directory is not a node's directory",
        meaning: "`raftctl node` runs from a directory that was prepared before its first start, so that an empty disk can never vote (R65).",
        action: "`raftctl cluster up` prepares directories and starts their nodes.",
        exit: Exit::Usage,
    },
    Page {
        code: "E0602",
        title: "Not a log level",
        meaning: "RAFTCTL_LOG names the least weight of lines that a node writes to its log.",
        action: "Use one of error, warn, info, debug.",
        exit: Exit::Usage,
    },
    Page {
        code: "E0603",
        title: "This data directory is not the one the cluster knows",
        meaning: "The configuration in the log records a random storage id for each member's data directory. Another directory under the same id would be a node that has forgotten its votes, and could elect two leaders in one term (R65). So a wiped one is never made anew on the side.",
        action: "Put the original directory back. A lost one cannot be replaced under the same id.",
        exit: Exit::Failed,
    },
    Page {
        code: "E0604",
        title: "Another process has this data directory open",
        meaning: "A data directory is locked while a node runs on it: two processes writing one log would destroy it.",
        action: "`raftctl cluster ls` shows what runs. Stop that process first.",
        exit: Exit::Failed,
    },
    Page {
        code: "E0605",
        title: "The listen address cannot be used",
        meaning: "A node listens on one UDP port for peers and clients. The port is taken by another process, or the address does not belong to this machine.",
        action: "Stop the other process, or choose another address in the cluster file before the cluster is made.",
        exit: Exit::Failed,
    },
    Page {
        code: "E0606",
        title: "The identity of the node cannot be used",
        meaning: "identity/ holds the node's certificate and key. They are missing, damaged, expired, or readable by others; a key that others can read is not a key.",
        action: "Look at it with `raftctl inspect`; restore the files, with mode 0600 in a directory of mode 0700.",
        exit: Exit::Failed,
    },
    Page {
        code: "E0607",
        title: "The node stopped itself",
        meaning: "A write or a sync failed, or the node found its own state contradicting itself. It stops instead of acknowledging what it cannot vouch for; a failed sync is never retried, because the second one may lie (R60, R6).",
        action: "Read the last lines of node.log, mend the disk, start the node again. Its log is checked then.",
        exit: Exit::Failed,
    },
    Page {
        code: "E0608",
        title: "The node could not be started",
        meaning: "What lies in the node's directory, or what the operating system said, does not let it run. The cause names it.",
        action: "Mend the cause and start the node again.",
        exit: Exit::Failed,
    },
    Page {
        code: "E0609",
        title: "A directory of parts that do not belong together",
        meaning: "A node's directory has who it is (node.yaml), its certificate (identity/) and what it must not lose (data/). Here one of them is that of another node, or of another cluster: copied to the wrong place, most likely. A node that ran like this would speak for somebody else. Nothing was changed.",
        action: "Put each node's own directory back, whole. `raftctl inspect DIR` says whose each part is.",
        exit: Exit::Failed,
    },
    Page {
        code: "E0610",
        title: "A node that was left behind by a recovery",
        meaning: "A majority of its cluster was given up, and another cluster goes on from what was left. Two that go on from the same state would both acknowledge writes.",
        action: "Use the new cluster. If the recovery was a mistake and nobody has used it, remove the file `superseded` from each node's directory.",
        exit: Exit::Failed,
    },
];
