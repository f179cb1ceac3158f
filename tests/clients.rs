//! What clients can rely on, on real processes: transactions, watches that miss nothing, keys that vanish, and a lock that
//! is safe when its holder is paused.
//!
//! Every wait is for something observed. Each test has a home of its own, and takes its nodes down however it ends.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

#[allow(dead_code, reason = "other tests use the rest of it")]
mod common;
#[allow(dead_code, reason = "no test uses all of it")]
#[path = "common/home.rs"]
mod home;

use common::raftctl;
use home::Home;

#[test]
fn a_transaction_does_all_of_a_branch_at_one_revision_or_nothing() {
    let home = Home::up(&[]);
    home.ok(&["submit", "put", "from", "100"]);
    let file = write_file(
        &home,
        "move.yaml",
        "if:\n  - { key: from, value: \"100\" }\nthen:\n  - { op: put, key: from, value: \"70\" }\n  - { op: incr, key: to, by: 30 }\nelse:\n  - { op: get, key: from }\n",
    );
    let done = home.json(&["submit", "txn", "-f", &file]);
    assert_eq!((&done["branch"], &done["results"]), (&json!("then"), &json!([{}, {"value": "30"}])));
    let scanned = home.ok(&["scan", "-o", "json"]).stdout;
    let revisions: Vec<Value> =
        scanned.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["revision"].clone()).collect();
    assert_eq!(revisions, [done["revision"].clone(), done["revision"].clone()]);
    let again = home.json(&["submit", "txn", "-f", &file]);
    assert_eq!((&again["branch"], &again["results"][0]["value"]), (&json!("else"), &json!("70")));
    assert_eq!(home.ok(&["get", "to"]).stdout, "30\n");

    let mixed =
        write_file(&home, "mixed.json", r#"{"then":[{"op":"put","key":"a","value":"1"},{"op":"incr","key":"word"}]}"#);
    home.ok(&["submit", "put", "word", "none"]);
    let refused = home.run(&["submit", "txn", "-f", &mixed]);
    assert!(refused.exit == 1 && refused.stderr.contains("step 2 of `then`: word is no decimal number"), "{refused:?}");
    assert_eq!(home.run(&["get", "a"]).exit, 3, "its first step was undone");
    let shown = home.ok(&["log", "show", "n1", "--key", "to"]).stdout;
    assert!(shown.contains("txn if from is 100 then put from = 70; incr to by 30 else get from"), "{shown}");
    let wrong = home.run(&["submit", "txn", "-f", &write_file(&home, "wrong.yaml", "if: [{key: a, valeu: b}]\n")]);
    assert!(wrong.exit == 2 && wrong.stderr.contains("unknown field `valeu`"), "{wrong:?}");
}

#[test]
fn a_watch_tells_every_change_once_and_in_order_though_the_leader_is_killed() {
    const WRITES: u64 = 60;
    let home = Home::up(&[]);
    let mut pipe = pipe(&home, &[]);
    let opened = pipe.ask(&json!({"id": "w", "op": "watch", "prefix": "k", "prev": true}));
    assert_eq!(opened["ok"], true);
    for number in 0..WRITES {
        pipe.send(&json!({"id": number, "op": "put", "key": format!("k{}", number % 7), "value": number.to_string()}));
        if number == WRITES / 2 {
            home.ok(&["cluster", "kill", "leader", "--signal", "KILL"]);
        }
        pipe.answer_to(&json!(number));
    }
    let logs: String = ["n1", "n2", "n3"].map(|node| log(&home, node)).concat();
    assert!(logs.contains("because the leader's process is gone"), "nobody waited for its silence: {logs}");
    let events = pipe.events(WRITES as usize);
    let values: Vec<String> = (0..WRITES).map(|number| number.to_string()).collect();
    assert_eq!(events.iter().map(|event| event["value"].as_str().unwrap_or("none")).collect::<Vec<_>>(), values);
    let revisions: Vec<u64> = events.iter().map(|event| event["revision"].as_u64().expect("a number")).collect();
    assert!(revisions.is_sorted_by(|one, next| one < next), "{revisions:?}");
    assert_eq!(events[7]["previous"]["value"], "0");
    assert!(events[6].get("previous").is_none(), "it was created");

    let told = home.ok(&["watch", "k0", "--from", &revisions[7].to_string(), "--count", "2", "--prev", "-o", "json"]);
    let told: Vec<Value> = told.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let numbers: Vec<&Value> = told.iter().map(|change| &change["value"]).collect();
    assert_eq!(numbers, [&json!("7"), &json!("14")]);
    assert_eq!((&told[0]["schema"], &told[1]["previous"]["value"]), (&json!("raftctl.change/v1"), &json!("7")));

    let cancelled = pipe.ask(&json!({"id": "c", "op": "cancel", "target": "w"}));
    assert_eq!(cancelled["found"], true);
    assert_eq!(pipe.answer_to(&json!("w"))["end"], "cancelled");
}

#[test]
fn a_watch_from_too_long_ago_is_told_the_oldest_revision() {
    let home = Home::up(&[]);
    let mut pipe = pipe(&home, &[]);
    let put = |number: u64| json!({"op": "put", "key": format!("k{number}"), "value": "v"});
    let many = |from: u64| (from..from + 128).map(put).collect::<Vec<_>>();
    for number in 0..=520_u64 {
        pipe.send(&json!({"id": number, "op": "txn", "then": many(number * 128 % 1_000)}));
        assert_eq!(pipe.answer_to(&json!(number))["ok"], true);
    }
    pipe.send(&json!({"id": "w", "op": "watch", "prefix": "k", "from": 2}));
    assert_eq!(pipe.answer_to(&json!("w"))["ok"], true);
    let refused = pipe.answer_to(&json!("w"));
    let oldest = refused["oldest"].as_u64().expect("the oldest revision is told");
    assert_eq!((&refused["error"], &refused["code"]), (&json!("compacted"), &json!("E0516")));
    let failed = home.run(&["watch", "k1", "--from", "2"]);
    assert!(failed.exit == 1 && failed.stderr.contains(&oldest.to_string()), "{failed:?}");
    let told = home.ok(&["watch", "--prefix", "k", "--from", &oldest.to_string(), "--count", "1", "-o", "json"]);
    assert_eq!(serde_json::from_str::<Value>(&told.stdout).expect("JSON")["revision"], oldest);
}

#[test]
fn ten_thousand_watchers_on_one_connection_are_told_and_are_in_nobody_s_way() {
    const WATCHERS: u64 = 10_000;
    let home = Home::up(&[]);
    let mut pipe = pipe(&home, &["--in-flight", "20000"]);
    let answered = |pipe: &mut Pipe, count: u64| {
        for _ in 0..count {
            assert_eq!(pipe.line()["ok"], true);
        }
    };
    for number in 0..WATCHERS {
        let keys = if number % 2 == 0 { "key" } else { "prefix" };
        pipe.send(&json!({"id": number, "op": "watch", keys: format!("k{}", number / 2)}));
        // Reading now and then, or both sides would wait for each other.
        if number % 100 == 99 {
            answered(&mut pipe, 100);
        }
    }
    for chosen in [0, 1_234, 4_999] {
        let put = pipe.ask(&json!({"id": "p", "op": "put", "key": format!("k{chosen}"), "value": "v"}));
        assert_eq!(put["ok"], true);
        // The prefixes k1, k12, k123 are watched as well, and k0 and k4, k49, k499.
        let text = format!("k{chosen}");
        let prefixes = (1..=4.min(text.len() - 1)).count();
        let mut told: Vec<u64> = pipe.events(prefixes + 1).iter().map(|event| event["id"].as_u64().unwrap()).collect();
        told.sort_unstable();
        let number_of = |length: usize| text[1..=length].parse::<u64>().unwrap() * 2 + 1;
        let mut expected: Vec<u64> = (1..=prefixes).map(number_of).chain([chosen * 2]).collect();
        expected.sort_unstable();
        assert_eq!(told, expected);
    }
}

#[test]
fn a_leased_key_vanishes_and_a_lease_that_is_renewed_keeps_it() {
    let home = Home::up(&[]);
    let short = home.json(&["submit", "put", "short", "v", "--ttl", "300ms"]);
    let kept = home.json(&["submit", "put", "kept", "v", "--ttl", "300ms"]);
    let revision = kept["revision"].to_string();
    home.ok(&["submit", "lease", "kept", "off", "--revision", &revision]);
    let from = short["revision"].as_u64().expect("a number") + 1;
    let told = home.ok(&["watch", "short", "--from", &from.to_string(), "--count", "1"]).stdout;
    assert!(told.contains("delete\tshort"), "{told}");
    assert_eq!(home.run(&["get", "short"]).exit, 3);
    let still = home.json(&["get", "kept"]);
    assert_eq!((&still["value"], &still["revision"]), (&json!("v"), &kept["revision"]), "a lease changes no revision");
    let lost = home.run(&["submit", "lease", "kept", "1s", "--revision", "1"]);
    assert!(lost.exit == 5 && lost.stderr.contains("last changed at revision"), "{lost:?}");
    assert_eq!(home.run(&["submit", "lease", "short", "1s"]).exit, 3, "there is nothing to lease");
    let history = home.run(&["log", "state", "n1", "--key", "short"]);
    assert!(history.exit == 3 && history.stdout.contains("vanished: its lease had ended"), "{history:?}");
    let absent = home.run(&["submit", "cas", "kept", "mine", "--absent", "--ttl", "1s"]);
    assert!(absent.exit == 5 && absent.stderr.contains("kept is v"), "{absent:?}");
}

#[test]
fn a_paused_holder_of_a_lock_is_refused_when_it_wakes() {
    let home = Home::up(&[]);
    let folder = PathBuf::from(env!("CARGO_BIN_EXE_raftctl"));
    let folder = folder.parent().expect("the binary lies in a folder").to_owned();
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("sh")
        .arg("examples/lock.sh")
        .env("PATH", format!("{}:{path}", folder.display()))
        .env("RAFTCTL_HOME", home.0.path())
        .output()
        .expect("sh is there");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("is refused, I stop") && told.ends_with("the work stands: by second\n"), "{told}");
}

#[test]
fn a_receipt_tells_when_each_stage_was_reached() {
    let home = Home::up(&[]);
    let receipt = home.json(&["submit", "put", "k", "v", "--receipt"])["receipt"].clone();
    let [durable, committed, applied] =
        ["leader_durable_ms", "committed_ms", "applied_ms"].map(|stage| receipt[stage].as_f64());
    assert!(committed.is_some() && applied >= committed && applied >= durable, "{receipt}");
    let acknowledged = receipt["acknowledged"].as_array().expect("a list");
    let in_time = acknowledged.iter().filter(|one| one["after_ms"].as_f64().is_some_and(|at| Some(at) <= committed));
    assert_eq!(acknowledged.len(), 2);
    assert!(in_time.count() + usize::from(durable <= committed && durable.is_some()) >= 2, "a majority: {receipt}");
}

#[test]
fn a_value_at_the_limit_is_written_and_one_above_it_is_refused_however_far() {
    let home = Home::up(&["--set", "limits.max_value_size=1KiB"]);
    let mut pipe = pipe(&home, &[]);
    for (bytes, error) in [(1_024, None), (1_025, Some("too_large")), (10 << 20, Some("too_large")), (1_024, None)] {
        let answer = pipe.ask(&json!({"id": bytes, "op": "put", "key": "k", "value": "v".repeat(bytes)}));
        assert_eq!(answer.get("error").and_then(Value::as_str), error, "{bytes} bytes: {answer}");
    }
    let appended = pipe.ask(&json!({"id": 1, "op": "append", "key": "k", "value": "v"}));
    assert_eq!((&appended["ok"], &appended["error"]), (&json!(false), &json!("too_large")));
    let refused = home.run(&["submit", "put", "k", &"v".repeat(1_025)]);
    assert!(refused.exit == 2 && refused.stderr.contains("error[E0505]"), "{refused:?}");
    assert_eq!(home.json(&["get", "k"])["version"], 2, "nothing else was written");
}

#[test]
fn a_follower_that_is_cut_off_says_so_or_answers_as_of_what_it_knows() {
    let home = Home::up(&[]);
    home.ok(&["submit", "put", "k", "before"]);
    let status = home.json(&["status"]);
    let leader = status["leader"].as_str().expect("there is a leader");
    let follower = ["n1", "n2", "n3"].into_iter().find(|node| *node != leader).expect("the others follow");
    home.ok(&["get", "k", "--node", follower]);
    home.ok(&["cluster", "isolate", follower]);
    home.ok(&["submit", "put", "k", "after"]);
    let cut = home.run(&["get", "k", "--node", follower, "--timeout", "1s"]);
    assert!(cut.exit == 4 && cut.stdout.is_empty() && cut.stderr.contains("error[E0502]"), "{cut:?}");
    let stale = home.json(&["get", "k", "--node", follower, "--consistency", "stale"]);
    assert_eq!((&stale["value"], &stale["node"]), (&json!("before"), &json!(follower)));
    let at_least = home.json(&["get", "k"])["revision"].to_string();
    let later = ["get", "k", "--node", follower, "--consistency", "stale", "--at-least", &at_least, "--timeout", "1s"];
    assert_eq!(home.run(&later).exit, 4, "it is not as far");
    let mut pinned = pipe(&home, &["--node", follower, "--timeout", "1s"]);
    let write = pinned.ask(&json!({"id": 1, "op": "put", "key": "k", "value": "lost"}));
    assert_eq!((&write["error"], &write["retry"]), (&json!("unavailable"), &json!(true)));
    home.ok(&["cluster", "heal"]);
    assert_eq!(
        home.ok(&["get", "k", "--node", follower, "--consistency", "stale", "--at-least", &at_least]).stdout,
        "after\n"
    );
}

fn write_file(home: &Home, name: &str, content: &str) -> String {
    let path = home.0.path().join(name);
    std::fs::write(&path, content).expect("the home can be written");
    path.to_str().expect("temporary paths are UTF-8").to_owned()
}

fn log(home: &Home, node: &str) -> String {
    let path = home.0.path().join("demo/nodes").join(node).join("node.log");
    std::fs::read_to_string(path).expect("the node has a log")
}

fn pipe(home: &Home, options: &[&str]) -> Pipe {
    let mut command = raftctl(home.0.path(), &[&["pipe"], options].concat());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("raftctl runs");
    let input = child.stdin.take().expect("stdin is piped");
    let output = BufReader::new(child.stdout.take().expect("stdout is piped"));
    Pipe { child, input, output, events: Vec::new() }
}

struct Pipe {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// Events that came before they were asked for.
    events: Vec<Value>,
}

impl Pipe {
    fn send(&mut self, request: &Value) {
        writeln!(self.input, "{request}").expect("pipe takes requests");
    }

    fn ask(&mut self, request: &Value) -> Value {
        self.send(request);
        self.answer_to(&request["id"])
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("pipe answers");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?} is JSON: {error}"))
    }

    fn answer_to(&mut self, id: &Value) -> Value {
        loop {
            let line = self.line();
            if line.get("event").is_some() {
                self.events.push(line);
            } else {
                assert_eq!(&line["id"], id, "{line}");
                return line;
            }
        }
    }

    fn events(&mut self, count: usize) -> Vec<Value> {
        while self.events.len() < count {
            let line = self.line();
            assert!(line.get("event").is_some(), "{line}");
            self.events.push(line);
        }
        std::mem::take(&mut self.events)
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
