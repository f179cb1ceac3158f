//! The shell as scripts drive it, through a pipe, on real processes: what its lines do, what becomes of those that fail, and
//! what it says while no leader is there.
//!
//! Every wait is for something observed. Each test has a home of its own, and takes its nodes down however it ends.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Stdio};

use rustix::process::{Pid, Signal};
use serde_json::{Value, json};

#[allow(dead_code, reason = "other tests use the rest of it")]
mod common;
#[allow(dead_code, reason = "no test uses all of it")]
#[path = "common/home.rs"]
mod home;

use common::{Ran, raftctl};
use home::Home;

#[test]
fn lines_do_what_the_commands_do_in_order_and_in_one_session() {
    let home = Home::up(&[]);
    let ran = shell(
        &home,
        &["--timeout", "30s"],
        "# a comment, and a blank line\n\
         \n\
         put colour 'dark green'\n\
         get colour\n\
         incr visits 5\n\
         cas colour blue --expect 'dark green'\n\
         append colour -- -ish\n\
         put user/1 x --ttl 1h\n\
         lease user/1 off\n\
         txn\n\
         if: [{ key: colour, value: blue-ish }]\n\
         then: [{ op: put, key: a, value: one }, { op: get, key: visits }]\n\
         .\n\
         delete a\n\
         watch colour --from 1 --count 3\n\
         scan --keys-only\n\
         \\consistency stale\n\
         \\consistency\n\
         \\quit\n\
         put never there\n",
    );
    assert_eq!((ran.exit, ran.stderr.contains("error")), (0, false), "{}", ran.stderr);
    let lines: Vec<&str> = ran.stdout.lines().filter(|line| !line.starts_with("revision")).collect();
    let told: Vec<&str> = lines.iter().map(|line| line.rsplit('\t').next().unwrap_or_default()).collect();
    let expected = [
        "dark green",
        "  put a: done",
        "  get visits: 5",
        "dark green",
        "blue",
        "blue-ish",
        "colour",
        "user/1",
        "visits",
        "consistency stale",
    ];
    assert_eq!(told, expected, "{}", ran.stdout);
    let entries = home.ok(&["log", "show", "n1", "--kind", "command", "-o", "json"]).stdout;
    let entries: Vec<Value> = entries.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let sessions: std::collections::BTreeSet<&str> =
        entries.iter().map(|entry| entry["session"].as_str().expect("writes have a session")).collect();
    assert_eq!((entries.len(), sessions.len()), (8, 1), "all writes are of one session: {entries:?}");
}

#[test]
fn a_line_that_fails_is_named_ends_nothing_and_the_first_one_gives_the_exit_code() {
    let home = Home::up(&[]);
    let ran = shell(
        &home,
        &[],
        "put k v\nget nothing\nptu k w\ncas k w --expect x\n\\status now\ntxn\nthen: [oops]\n.\nget k\n",
    );
    assert_eq!((ran.exit, ran.stdout.lines().last()), (3, Some("v")), "{ran:?}");
    for told in [
        "line 2: there is no such key",
        "error[E0102]: line 3: there is no command `ptu`",
        "error[E0504]: line 4: the cas changed nothing",
        "error[E0101]: line 5: \\status is not understood",
        "error[E0508]: line 6: the text holds no transaction",
    ] {
        assert!(ran.stderr.contains(told), "{told}: {}", ran.stderr);
    }
    let open = shell(&home, &[], "txn\nthen: [{ op: put, key: late, value: x }]\n");
    assert!(open.exit == 2 && open.stderr.contains("line 1: the transaction is not complete"), "{open:?}");
    assert_eq!(home.run(&["get", "late"]).exit, 3, "it was not sent");
    let escaped = shell(&home, &[], "\x1b[2Jput\n");
    assert!(escaped.exit == 2 && !escaped.stderr.contains('\x1b'), "{escaped:?}");
}

#[test]
fn answers_under_json_are_lines_with_their_schemas() {
    let home = Home::up(&[]);
    let ran = shell(
        &home,
        &["-o", "json"],
        "put k v\nget k\nscan\n\\leader\n\\status\nwatch k --from 1 --count 1\n\\timing\n\\node n2\nget k\n\\node\n",
    );
    assert_eq!((ran.exit, ran.stderr.as_str()), (0, ""));
    let answers: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON lines")).collect();
    let schemas: Vec<&str> = answers.iter().map(|answer| answer["schema"].as_str().expect("a schema")).collect();
    let things = ["written", "value", "item", "leader", "status", "change", "setting", "value", "setting"];
    assert_eq!(schemas, things.map(|thing| format!("raftctl.{thing}/v1")));
    assert_eq!((&answers[3]["leader"], &answers[4]["leader"]), (&answers[0]["node"], &answers[0]["node"]));
    assert_eq!((&answers[7]["node"], &answers[7]["value"]), (&json!("n2"), &json!("v")), "n2 was asked");
    let failed = shell(&home, &["-o", "json"], "get k\n\\node n9\n");
    let error: Value = serde_json::from_str(&failed.stderr).expect("one error");
    assert_eq!((failed.exit, &error["code"]), (2, &json!("E0204")));
}

#[test]
fn a_lost_leader_is_told_waited_for_and_given_up_on_request() {
    let home = Home::up(&[]);
    let mut shell = Shell::start(&home, &["--timeout", "60s"]);
    shell.type_line("put k before");
    assert!(shell.answer().starts_with("revision "));
    home.ok(&["cluster", "kill", "n1", "n2", "n3", "--signal", "KILL"]);
    shell.type_line("put k after");
    shell.wait_for_word("no leader for ");
    home.ok(&["cluster", "start"]);
    assert!(shell.answer().starts_with("revision "), "it went on by itself");
    shell.type_line("get k");
    assert_eq!(shell.answer(), "after");

    home.ok(&["cluster", "kill", "n1", "n2", "n3", "--signal", "KILL"]);
    shell.type_line("put k never");
    shell.type_line("get k");
    shell.wait_for_word("no leader for ");
    rustix::process::kill_process(Pid::from_child(&shell.child), Signal::INT).expect("the child is ours");
    shell.wait_for_word("error[E0513]: line 4: the put was given up");
    assert_eq!(shell.ended(), (Some(130), String::new()), "and the lines behind it are not looked at");
}

/// A whole run of the shell.
fn shell(home: &Home, flags: &[&str], lines: &str) -> Ran {
    let mut command = raftctl(home.0.path(), &[&["shell"], flags].concat());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("raftctl runs");
    let mut input = child.stdin.take().expect("stdin is piped");
    input.write_all(lines.as_bytes()).expect("the shell takes lines");
    drop(input);
    Ran::from(child.wait_with_output().expect("the shell ends"))
}

/// A shell that is typed to.
struct Shell {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    talk: BufReader<ChildStderr>,
}

impl Shell {
    fn start(home: &Home, flags: &[&str]) -> Shell {
        let mut command = raftctl(home.0.path(), &[&["shell"], flags].concat());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("raftctl runs");
        let input = child.stdin.take().expect("stdin is piped");
        let output = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let talk = BufReader::new(child.stderr.take().expect("stderr is piped"));
        Shell { child, input, output, talk }
    }

    fn type_line(&mut self, line: &str) {
        writeln!(self.input, "{line}").expect("the shell takes lines");
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the shell answers");
        line.trim_end().to_owned()
    }

    /// Reads on until a line of its talk begins so.
    fn wait_for_word(&mut self, beginning: &str) {
        loop {
            let mut line = String::new();
            let count = self.talk.read_line(&mut line).expect("the shell talks");
            assert!(count > 0, "it ended before it said {beginning:?}");
            if line.starts_with(beginning) {
                return;
            }
            assert!(!line.starts_with("error"), "{line} came before {beginning:?}");
        }
    }

    /// Its exit code and the rest of what it answered.
    fn ended(&mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).expect("the shell answers");
        (self.child.wait().expect("the shell ends").code(), rest)
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
