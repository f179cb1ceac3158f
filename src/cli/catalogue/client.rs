//! Submitting and reading: E05xx.

use super::Page;
use crate::cli::failure::Exit;

pub(super) const PAGES: &[Page] = &[
    Page {
        code: "E0501",
        title: "The key is not there",
        meaning: "A linearizable read found no value under this key.",
        action: "Nothing to do: exit code 3 means just this.",
        exit: Exit::Absent,
    },
    Page {
        code: "E0502",
        title: "Not done, and certainly not applied",
        meaning: "No node could take the request before its time ran out: no leader, no majority, or nobody answers. Nothing was applied and nothing will be; the same may be tried again.",
        action: "`raftctl status` says what is missing; `raftctl status --wait writable` waits for it.",
        exit: Exit::Unavailable,
    },
    Page {
        code: "E0503",
        title: "The outcome is unknown",
        meaning: "The write was sent, and its time was over before an answer came: the leader or the connection was lost, and no majority answered again. It may have been applied, it may be applied still, or never. Until then raftctl sends a write again under the same number of its session, which cannot apply it twice (R107); with `--no-session` it never sends one again (R106).",
        action: "Read the key and decide, or wait longer the next time with --timeout. A `cas` with the value you read can be repeated safely.",
        exit: Exit::Unknown,
    },
    Page {
        code: "E0504",
        title: "The condition does not hold",
        meaning: "The compare of a compare-and-set did not match what is there. Nothing was changed.",
        action: "Read the key again and decide with its present value.",
        exit: Exit::Condition,
    },
    Page {
        code: "E0505",
        title: "The key or the value is too large",
        meaning: "A key has at most 64 KiB; a value has at most `limits.max_value_size` of the cluster. Nothing was applied.",
        action: "Split the value, or make the cluster with a larger limit.",
        exit: Exit::Usage,
    },
    Page {
        code: "E0506",
        title: "The node refused the request",
        meaning: "The node did not understand the request, or it makes no sense. Nothing was applied.",
        action: "Compare the versions with `raftctl version` and `raftctl status`.",
        exit: Exit::Failed,
    },
    Page {
        code: "E0507",
        title: "The command has no effect on this value",
        meaning: "`incr` works on decimal 64-bit numbers, and `append` may not make a value longer than the limit. The command is in the log and changed nothing.",
        action: "Look at the value with `raftctl get`.",
        exit: Exit::Failed,
    },
    Page {
        code: "E0508",
        title: "A line of the input is no command",
        meaning: "Each line holds the words that follow `submit`, with quotes as in a shell. The line named here does not; the lines before it were submitted.",
        action: "Mend the line and resume with --from-line.",
        exit: Exit::Usage,
    },
    Page {
        code: "E0509",
        title: "Some lines failed",
        meaning: "Not every line took effect. The summary on stdout counts them, and the lines are named on stderr.",
        action: "Mend the cause and resume with --from-line and the first unconfirmed line.",
        exit: Exit::Failed,
    },
    Page {
        code: "E0510",
        title: "The input cannot be read",
        meaning: "The file or stdin gave an error, or a value does not fit in memory.",
        action: "Check the path and its permissions.",
        exit: Exit::Usage,
    },
    Page {
        code: "E0512",
        title: "The client could not be started",
        meaning: "The operating system gave no thread, timer or UDP port.",
        action: "Check the limits of open files (`ulimit -n`) and of the machine.",
        exit: Exit::Failed,
    },
    Page {
        code: "E0513",
        title: "Interrupted",
        meaning: "Ctrl-C came before the answer. A write that had been sent may or may not be applied, now or later; one that had not been sent certainly is not.",
        action: "Read the key before writing again.",
        exit: Exit::Interrupted,
    },
    Page {
        code: "E0514",
        title: "The session ended before it took the write",
        meaning: "A session ends when it was idle for an hour, or when the cluster has too many. One session after another ended before the write reached the log. Nothing was applied and nothing will be (R111).",
        action: "Try again. If it stays so, thousands of clients are opening sessions at once: let them share one, such as one `raftctl pipe`.",
        exit: Exit::Unavailable,
    },
    Page {
        code: "E0515",
        title: "The leader's disk is nearly full",
        meaning: "A node takes no new writes when its disk has less room than what is on its way may need, so that a full disk never stops it in the middle of one. Nothing was applied and nothing will be. Reads go on, and writes go on by themselves when there is room.",
        action: "Make room on the disk that holds the leader's data directory, or let a node on another disk lead: `raftctl cluster stop` the leader, where the others have room. `raftctl status` names the nodes.",
        exit: Exit::Unavailable,
    },
    Page {
        code: "E0516",
        title: "The changes are not kept any more",
        meaning: "A watch asks for changes from a revision on of which the cluster keeps nothing: it keeps the newest 65,536 changes, or 32 MiB of them. A watcher that was away for longer must not go on as if it had missed nothing.",
        action: "Read the keys as they are (`raftctl scan PREFIX`), then watch from the revision behind that answer.",
        exit: Exit::Failed,
    },
    Page {
        code: "E0517",
        title: "The watch has ended before it was satisfied",
        meaning: "`raftctl watch` was given a `--timeout`, and it passed before as many changes came as `--count` asks for.",
        action: "Wait longer, or leave out --timeout to wait for ever.",
        exit: Exit::Condition,
    },
];
