//! Simulated worlds and scripts: E08xx.

use super::Page;
use crate::cli::failure::Exit;

pub(super) const PAGES: &[Page] = &[
    Page {
        code: "E0801",
        title: "A simulated world broke an invariant",
        meaning: "Real replicas with real journals, in a simulated world of faults, did what Raft promises never happens, or did not recover when they had to. This is a fault of raftctl.",
        action: "Please report it with the seed, the version, and the command that is printed: it shows the same world again, to the last message.",
        exit: Exit::Corrupt,
    },
    Page {
        code: "E0802",
        title: "This file does not belong to this simulation",
        meaning: "A file is not a script, or the state of a swarm could not be read, or belongs to another world than the one that was asked for.",
        action: "Name another file, or give the same `--seed` and the same options as when it was written.",
        exit: Exit::Usage,
    },
    Page {
        code: "E0803",
        title: "A story does not hold",
        meaning: "A command of the script could not be understood or carried out, something it expects is not so, or an invariant broke after one of its commands.",
        action: "The message names the line. When an invariant broke the exit code is 7.",
        exit: Exit::Failed,
    },
];
