//! `raftctl check linearizable`, `cluster run` and `leader` on real processes: what breaks is mended, what is wrong is
//! found and drawn, and nothing stays behind that was not asked for.

use std::fs;
use std::io::{BufRead, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal};
use serde_json::Value;

mod common;
#[allow(dead_code, reason = "no test uses all of it")]
#[path = "common/home.rs"]
mod home;

use common::Ran;
use home::Home;

/// A register and a read of what had been overwritten; the other lines have nothing to do with it.
const STALE_READ: &str = "\
{\"schema\":\"raftctl.operation/v1\",\"process\":0,\"key\":\"k\",\"operation\":\"put\",\"value\":\"a\",\"call_us\":0,\"return_us\":1500,\"outcome\":\"ok\",\"result\":\"written\"}
{\"schema\":\"raftctl.operation/v1\",\"process\":1,\"key\":\"k\",\"operation\":\"get\",\"call_us\":100,\"return_us\":900,\"outcome\":\"ok\",\"result\":\"value\",\"answer\":null}
{\"schema\":\"raftctl.operation/v1\",\"process\":1,\"key\":\"k\",\"operation\":\"cas\",\"expect\":\"a\",\"value\":\"b\",\"call_us\":1000,\"return_us\":2500,\"outcome\":\"ok\",\"result\":\"written\"}
{\"schema\":\"raftctl.operation/v1\",\"process\":0,\"key\":\"other\",\"operation\":\"incr\",\"by\":2,\"call_us\":1600,\"return_us\":1700,\"outcome\":\"ok\",\"result\":\"incremented\",\"answer\":\"2\"}
{\"schema\":\"raftctl.operation/v1\",\"process\":0,\"key\":\"k\",\"operation\":\"get\",\"call_us\":1800,\"return_us\":2700,\"outcome\":\"ok\",\"result\":\"value\",\"answer\":\"b\"}
{\"schema\":\"raftctl.operation/v1\",\"process\":2,\"key\":\"k\",\"operation\":\"get\",\"call_us\":3000,\"return_us\":3250,\"outcome\":\"ok\",\"result\":\"value\",\"answer\":\"a\"}
{\"schema\":\"raftctl.operation/v1\",\"process\":3,\"key\":\"k\",\"operation\":\"put\",\"value\":\"c\",\"call_us\":2600,\"outcome\":\"unknown\"}
";

const STALE_READ_DRAWN: &str = "\
k: no order of these operations gives these answers
(nothing stood under the key before; 3 of 6 operations)

client 0  ├─put a─┤
client 1   ├─cas a to b─┤
client 2                 ├─get → a─┤

#  CLIENT    CALLED  RETURNED  OPERATION   ANSWER
1       0  0.000 ms  1.500 ms  put a       written
2       1  1.000 ms  2.500 ms  cas a to b  written
3       2  3.000 ms  3.250 ms  get         a

7 operations on 2 keys, 1 unknown: not linearizable
";

#[test]
fn a_stale_read_in_a_recorded_history_is_drawn_and_a_sound_history_passes() {
    let home = Home::new();
    let path = home.0.path().join("run.jsonl");
    let file = path.to_str().expect("the path is UTF-8");
    fs::write(&path, STALE_READ).expect("the file can be written");
    let judged = home.run(&["check", "linearizable", "--history", file]);
    assert_eq!((judged.exit, judged.stdout.as_str()), (7, STALE_READ_DRAWN), "\n{}", judged.stdout);
    assert!(judged.stderr.contains("E0901"), "{}", judged.stderr);
    let json = home.run(&["check", "linearizable", "--history", file, "-o", "json"]);
    let verdict: Value = serde_json::from_str(&json.stdout).expect("one document");
    assert_eq!((json.exit, &verdict["linearizable"], &verdict["unknown"]), (7, &false.into(), &1.into()));
    assert_eq!(verdict["counterexample"]["operations"].as_array().map(Vec::len), Some(3));

    fs::write(&path, STALE_READ.replace("\"answer\":\"a\"", "\"answer\":\"c\"")).expect("the file can be written");
    let sound = home.ok(&["check", "linearizable", "--history", file]);
    assert_eq!(sound.stdout, "7 operations on 2 keys, 1 unknown: linearizable\n", "an unknown write may happen late");

    fs::write(&path, &STALE_READ[..STALE_READ.len() - 9]).expect("the file can be written");
    let damaged = home.run(&["check", "linearizable", "--history", file]);
    assert_eq!((damaged.exit, damaged.stdout.as_str()), (2, ""));
    assert!(damaged.stderr.contains("line 7 of ") && damaged.stderr.contains("E0903"), "{}", damaged.stderr);
}

#[test]
fn a_cluster_whose_nodes_are_broken_stays_linearizable_and_its_history_says_so_again() {
    let home = Home::new();
    let path = home.0.path().join("run.jsonl");
    let file = path.to_str().expect("the path is UTF-8");
    let faults = ["--kill", "--pause", "--isolate", "--every", "1s", "--duration", "4s"];
    let words = [&["check", "linearizable", "--local", "3", "--record", file, "-o", "json"], &faults[..]].concat();
    let verdict: Value = serde_json::from_str(&home.ok(&words).stdout).expect("one document");
    assert_eq!((&verdict["schema"], &verdict["linearizable"]), (&"raftctl.check/v1".into(), &true.into()));
    let number = |name: &str| verdict[name].as_u64().expect("a count");
    assert!(number("faults") > 0 && number("acknowledged") > 0, "{verdict}");
    assert_eq!(number("operations"), number("acknowledged") + number("failed") + number("unknown"));
    assert_eq!(home.ok(&["cluster", "ls", "-q"]).stdout.lines().count(), 1, "only the headings");

    let again = home.ok(&["check", "linearizable", "--history", file, "-o", "json"]);
    let again: Value = serde_json::from_str(&again.stdout).expect("one document");
    for name in ["operations", "acknowledged", "failed", "unknown", "keys", "linearizable"] {
        assert_eq!(again[name], verdict[name], "{name}");
    }
    let refused = home.run(&words);
    assert_eq!((refused.exit, refused.stdout.as_str()), (1, ""), "a history is not overwritten");
}

#[test]
fn stale_reads_at_a_node_that_is_cut_off_are_found_out() {
    let home = Home::new();
    home.ok(&["cluster", "up", "-d", "--nodes", "3"]);
    let leader = home.ok(&["leader"]).stdout.trim().to_owned();
    let follower = ["n1", "n2"].into_iter().find(|name| *name != leader).expect("one of two does not lead");
    let sound = home.ok(&["check", "linearizable", "--count", "200", "--timeout", "10s"]);
    assert!(sound.stdout.starts_with("200 operations on ") && sound.stdout.ends_with(" 0 unknown: linearizable\n"));
    assert_eq!(home.ok(&["scan"]).stdout, "", "its keys are removed");

    home.ok(&["cluster", "isolate", follower]);
    let words = ["check", "linearizable", "--consistency", "stale", "--read-at", follower, "--count", "400"];
    let found = home.run(&[&words[..], &["--timeout", "10s"]].concat());
    assert_eq!(found.exit, 7, "{}{}", found.stdout, found.stderr);
    assert!(found.stdout.contains("├─") && found.stdout.contains("get → nothing"), "{}", found.stdout);
}

#[test]
fn an_interrupted_check_mends_what_it_broke_and_judges_what_there_is() {
    let home = Home::new();
    home.ok(&["cluster", "up", "-d", "--nodes", "3"]);
    let mut child = spawn(&home, &["check", "linearizable", "--duration", "10m", "--pause", "--every", "2s"]);
    let mut told = BufReader::new(child.stderr.take().expect("stderr is piped"));
    wait_for(&mut told, "paused until");
    signal(&child, Signal::INT);
    let mut rest = String::new();
    told.read_to_string(&mut rest).expect("stderr is UTF-8");
    let ran = Ran::from(child.wait_with_output().expect("it ends"));
    assert_eq!(ran.exit, 130, "{rest}");
    assert!(ran.stdout.ends_with(": linearizable\n") && rest.contains("resumed") && rest.contains("E0513"), "{rest}");
    home.ok(&["status", "--wait", "healthy"]);
}

#[test]
fn a_command_finds_its_private_cluster_and_its_code_is_the_code() {
    let home = Home::new();
    let raftctl = env!("CARGO_BIN_EXE_raftctl");
    let script = format!(
        "{raftctl} submit put k v >&2 && {raftctl} get k && {raftctl} leader && echo $RAFTCTL_CLUSTER && exit $0"
    );
    let run = |options: &[&str], code: &str| {
        home.run(&[&["cluster", "run", "--nodes", "1"], options, &["--", "sh", "-c", &script, code]].concat())
    };
    let done = run(&[], "0");
    let lines: Vec<&str> = done.stdout.lines().collect();
    assert_eq!((done.exit, &lines[..2]), (0, &["v", "n1"][..]), "{}", done.stderr);
    assert!(places(&home).is_empty(), "{:?}", places(&home));

    let failed = run(&[], "3");
    let name = failed.stdout.lines().last().expect("it names its cluster").to_owned();
    assert_eq!((failed.exit, places(&home)), (3, vec![name.clone()]));
    assert!(failed.stderr.contains(&format!("stay in {}", home.0.path().join(&name).display())), "{}", failed.stderr);
    let shown = home.ok(&["log", "show", "n1", "--cluster", &name]);
    assert!(shown.stdout.contains("put k = v"), "{}", shown.stdout);
    home.ok(&["cluster", "down", &name, "--purge", "--yes"]);

    assert_eq!(run(&["--keep", "never"], "3").exit, 3);
    assert_eq!(home.run(&["cluster", "run", "--nodes", "1", "--", "no-such-program"]).exit, 127);
    assert!(places(&home).is_empty(), "{:?}", places(&home));
}

#[test]
fn signals_reach_the_command_and_the_cluster_goes_when_it_has_ended() {
    let home = Home::new();
    let script = "trap 'kill $!; exit 9' TERM; sleep 600 & echo ready; wait";
    let words = ["cluster", "run", "--nodes", "1", "--keep", "never", "--", "sh", "-c", script];
    let mut child = spawn(&home, &words);
    let mut said = BufReader::new(child.stdout.take().expect("stdout is piped"));
    wait_for(&mut said, "ready");
    signal(&child, Signal::TERM);
    let ran = Ran::from(child.wait_with_output().expect("it ends"));
    assert_eq!(ran.exit, 9, "{}", ran.stderr);
    let killed = home.run(&["cluster", "run", "--nodes", "1", "--keep", "never", "--", "sh", "-c", "kill -KILL $$"]);
    assert_eq!(killed.exit, 137, "{}", killed.stderr);
    assert!(places(&home).is_empty(), "{:?}", places(&home));
}

#[test]
fn the_leader_is_a_name_alone_and_4_where_there_is_none() {
    let home = Home::new();
    assert_eq!(home.run(&["leader"]).exit, 2, "no cluster is known");
    common::found_cluster(home.0.path(), "strange", 1, 0);
    let strange = home.run(&["leader", "--cluster", "strange"]);
    assert!(strange.exit != 0 && strange.stderr.contains("E0302"), "no client belongs to it: {}", strange.stderr);
    home.ok(&["cluster", "up", "-d", "--nodes", "2", "--name", "demo"]);
    let name = home.ok(&["leader"]).stdout;
    let status: Value = serde_json::from_str(&home.ok(&["status", "-o", "json"]).stdout).expect("one document");
    assert_eq!(status["leader"], name.trim());
    let said: Value = serde_json::from_str(&home.ok(&["leader", "-o", "json"]).stdout).expect("one document");
    assert_eq!((&said["schema"], &said["leader"]), (&"raftctl.leader/v1".into(), &status["leader"]));
    assert_eq!((&said["term"], &said["node"]), (&status["term"], &status["leader"]));
    home.ok(&["cluster", "stop", "--cluster", "demo"]);
    let none = home.run(&["leader", "--cluster", "demo", "--timeout", "200ms"]);
    assert_eq!((none.exit, none.stdout.as_str()), (4, ""));
}

/// Reads until a line contains `words`.
fn wait_for(from: &mut impl BufRead, words: &str) {
    let mut line = String::new();
    while !line.contains(words) {
        line.clear();
        assert!(from.read_line(&mut line).expect("it can be read") > 0, "it says {words}");
    }
}

fn signal(child: &Child, signal: Signal) {
    rustix::process::kill_process(Pid::from_child(child), signal).expect("the child is ours");
}

fn spawn(home: &Home, words: &[&str]) -> Child {
    let mut command = common::raftctl(home.0.path(), words);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs")
}

/// The clusters that lie here.
fn places(home: &Home) -> Vec<String> {
    let entries = fs::read_dir(home.0.path()).expect("the home can be read");
    let paths: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    let clusters = paths.iter().filter(|path| path.join("cluster.yaml").is_file());
    clusters.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect()
}
