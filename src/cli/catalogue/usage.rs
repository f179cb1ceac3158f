//! What was typed: E01xx.

use super::Page;
use crate::cli::failure::Exit;

pub(super) const PAGES: &[Page] = &[
    Page {
        code: "E0100",
        title: "The reader of the output went away",
        meaning: "Whoever read stdout closed it, as `head` does. raftctl stops quietly and exits 0.",
        action: "Nothing to do.",
        exit: Exit::Done,
    },
    Page {
        code: "E0101",
        title: "The command line was not understood",
        meaning: "An argument or flag is missing, unknown, or has a value that cannot be used. Nothing was started or changed.",
        action: "Run the command with `--help`; each help page has examples.",
        exit: Exit::Usage,
    },
    Page {
        code: "E0102",
        title: "There is no such command",
        meaning: "The word is not a raftctl command, or belongs below another one, such as `cluster logs` and `log show`.",
        action: "Run `raftctl --help` for the list, or use the line that was suggested.",
        exit: Exit::Usage,
    },
    Page {
        code: "E0103",
        title: "This is not supported yet",
        meaning: "The command, flag or key is part of raftctl's design, but this version does not have it. It is refused so that nobody takes it for done.",
        action: "Leave it out; `raftctl --help` lists what is there.",
        exit: Exit::Usage,
    },
    Page {
        code: "E0104",
        title: "Both a cluster and an endpoint were given",
        meaning: "`--cluster` names a cluster whose nodes raftctl looks up, `--endpoint` says which nodes to ask; together they could disagree.",
        action: "Give one of them. The same holds for RAFTCTL_CLUSTER and RAFTCTL_ENDPOINT.",
        exit: Exit::Usage,
    },
    Page {
        code: "E0105",
        title: "An environment variable has a value that cannot be used",
        meaning: "RAFTCTL_OUTPUT, RAFTCTL_TIMEOUT and RAFTCTL_COLOR follow the same rules as the flags of the same name.",
        action: "Correct or unset the variable that the message names.",
        exit: Exit::Usage,
    },
    Page {
        code: "E0106",
        title: "A question needs an answer, and there is no terminal to ask on",
        meaning: "Commands that destroy or interrupt something ask first. Without a terminal they do nothing unless told.",
        action: "Add `--yes` if you mean it. `--dry-run` shows what would happen.",
        exit: Exit::Usage,
    },
    Page {
        code: "E0107",
        title: "A file or directory could not be read",
        meaning: "The path does not exist, is of another kind, or may not be read by this user.",
        action: "Check the path. A bare word is taken for a node's name: write `./n2` for a directory called n2.",
        exit: Exit::Usage,
    },
    Page {
        code: "E0108",
        title: "A file could not be written",
        meaning: "The file exists and `--force` was not given, or the place may not be written.",
        action: "Choose another place, or add `--force` to replace the file.",
        exit: Exit::Failed,
    },
    Page {
        code: "E0109",
        title: "The output could not be written",
        meaning: "Writing to stdout failed for another reason than a closed pipe, for example because a disk is full.",
        action: "Look at where the output goes; what was printed so far may be cut.",
        exit: Exit::Failed,
    },
    Page {
        code: "E0110",
        title: "There is no page for this word",
        meaning: "`explain` knows error codes such as E0201 and rules of Raft such as R47.",
        action: "Run `raftctl explain` for the list of codes and rules.",
        exit: Exit::Usage,
    },
    Page {
        code: "E0111",
        title: "The input could not be read",
        meaning: "Reading stdin or a file that was named as input failed.",
        action: "Check where the input comes from.",
        exit: Exit::Failed,
    },
    Page {
        code: "E0112",
        title: "A name cannot be used",
        meaning: "Names of clusters and nodes consist of a-z, 0-9 and `-` and have 1 to 40 characters; `leader` means whoever leads and cannot be a name.",
        action: "Choose a name of that form.",
        exit: Exit::Usage,
    },
];
