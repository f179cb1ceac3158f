//! `raftctl bench` on real clusters: what it counts is what the cluster has done, and nothing of it stays behind.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use rustix::process::{Pid, Signal};
use serde_json::Value;

mod common;
#[allow(dead_code, reason = "no test uses all of it")]
#[path = "common/home.rs"]
mod home;

use common::Ran;
use home::Home;

#[test]
fn a_counted_run_on_a_private_cluster_measures_so_many_requests_and_leaves_nothing() {
    let home = Home::new();
    let report = measure(&home, &["--local", "3", "--count", "2000", "--mix", "put=1,get=1", "--threads", "2"]);
    assert_eq!(report["schema"], "raftctl.bench/v1");
    for (field, wanted) in [("sent", 2_000), ("acknowledged", 2_000), ("failed", 0), ("unfinished", 0)] {
        assert_eq!(report[field], wanted, "{field}");
    }
    assert!(report["ops_per_second"].as_f64() > Some(0.0));
    assert_eq!(
        (&report["loop"], &report["rate"], &report["interrupted"]),
        (&"closed".into(), &Value::Null, &false.into())
    );
    assert_eq!(sum(&report["kinds"], "acknowledged"), 2_000);
    assert_eq!(sum(&report["histogram"], "requests"), 2_000);
    let latency = |name: &str| report["latency"][name].as_f64().expect("something was answered");
    assert!(
        0.0 < latency("p50_ms") && latency("p50_ms") <= latency("p99_ms") && latency("p99_ms") <= latency("max_ms")
    );
    let nodes = report["nodes"].as_array().expect("the nodes are local");
    assert_eq!(nodes.len(), 3);
    for process in nodes.iter().chain([&report["client"]]) {
        assert!(process["cpu_ms"].is_u64() && process["resident_bytes"].as_u64() > Some(1 << 20), "{process}");
    }
    assert!(clusters(&home).is_empty());
}

#[test]
fn an_open_loop_accounts_for_every_request_that_was_due() {
    let home = Home::new();
    let report =
        measure(&home, &["--local", "1", "--rate", "400", "--duration", "2s", "--warm-up", "0s", "--connections", "3"]);
    assert_eq!((&report["loop"], &report["rate"]), (&"open".into(), &400.0.into()));
    let number = |name: &str| report[name].as_u64().expect("a count");
    assert_eq!(number("sent") + number("not_sent"), 800);
    assert_eq!(number("acknowledged") + number("failed"), number("sent"));
}

#[test]
fn every_kind_does_what_it_says_and_only_keys_of_loads_are_removed() {
    let home = Home::new();
    home.ok(&["cluster", "up", "-d", "--nodes", "1"]);
    home.ok(&["submit", "put", "bench/v/mine", "kept"]);
    let all = ["--mix", "put=3,get=2,cas=3,incr=3,append=2,delete=1", "--keys", "20", "--count", "1000"];
    let report = measure(&home, &all);
    assert_eq!((&report["acknowledged"], &report["failed"]), (&1_000.into(), &0.into()), "{}", report["first_error"]);
    let kinds = report["kinds"].as_array().expect("a list");
    let of = |word: &str| kinds.iter().find(|kind| kind["kind"] == word).expect("it is in the mix");
    let values = |prefix: &str| -> Vec<String> {
        let listed = home.ok(&["scan", prefix]).stdout;
        listed.lines().map(|line| line.split_once('\t').expect("key and value").1.to_owned()).collect()
    };
    let counted: u64 = values("bench/n/").iter().map(|value| value.parse::<u64>().expect("a number")).sum();
    assert_eq!(of("incr")["acknowledged"], counted);
    let appended: usize = values("bench/a/").iter().map(String::len).sum();
    assert_eq!(of("append")["acknowledged"], appended / 256);
    let cas = of("cas");
    let (met, missed) = (cas["acknowledged"].as_u64(), cas["condition_failed"].as_u64());
    assert!(missed < met, "some compare the right revision: {cas}");

    let told = home.ok(&["bench", "--count", "10", "--mix", "get", "--clean"]).stderr;
    assert!(told.contains(" keys removed"), "{told}");
    assert_eq!(home.ok(&["scan"]).stdout, "bench/v/mine\tkept\n");
}

#[test]
fn an_interrupted_load_reports_what_it_has_and_removes_its_cluster() {
    let home = Home::new();
    let words = ["bench", "--local", "1", "--duration", "10m", "--warm-up", "0s", "-v", "-o", "json"];
    let mut child = common::raftctl(home.0.path(), &words)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut told = BufReader::new(child.stderr.take().expect("stderr is piped"));
    let mut line = String::new();
    while !line.contains("requests/s") {
        line.clear();
        assert!(told.read_line(&mut line).expect("stderr can be read") > 0, "it tells of every second");
    }
    assert_eq!(clusters(&home).len(), 1);
    rustix::process::kill_process(Pid::from_child(&child), Signal::INT).expect("the child is ours");
    let mut rest = String::new();
    told.read_to_string(&mut rest).expect("stderr is UTF-8");
    let ran = Ran::from(child.wait_with_output().expect("it ends"));
    let report: Value = serde_json::from_str(&ran.stdout).expect("one document");
    assert_eq!((ran.exit, &report["interrupted"]), (130, &true.into()), "{rest}");
    assert!(report["acknowledged"].as_u64() > Some(0));
    assert!(rest.contains("E0513"), "{rest}");
    assert!(clusters(&home).is_empty());
}

#[test]
fn what_cannot_be_measured_is_refused_with_its_reason() {
    let home = Home::new();
    let refused = home.run(&["bench", "--mix", "put=50,gte=50"]);
    assert_eq!(refused.exit, 2);
    assert!(refused.stderr.contains("`gte` at character 8") && refused.stderr.contains("did you mean get?"));
    assert_eq!(home.run(&["bench", "--cluster", "nowhere"]).exit, 2);
    assert_eq!(home.run(&["bench", "--local", "1", "--cluster", "nowhere"]).exit, 2);
    common::found_cluster(home.0.path(), "strange", 1, 0);
    let strange = home.run(&["bench", "--cluster", "strange"]);
    assert!(strange.exit != 0 && strange.stderr.contains("E0302"), "no client belongs to it: {}", strange.stderr);
    home.ok(&["cluster", "up", "-d", "--nodes", "1", "--name", "demo"]);
    home.ok(&["cluster", "stop", "--cluster", "demo"]);
    let down = home.run(&["bench", "--cluster", "demo", "--timeout", "300ms"]);
    assert_eq!((down.exit, down.stdout.as_str()), (4, ""), "{}", down.stderr);
}

fn sum(list: &Value, field: &str) -> u64 {
    list.as_array().expect("a list").iter().map(|item| item[field].as_u64().expect("a count")).sum()
}

/// The report of a load that ends well.
fn measure(home: &Home, options: &[&str]) -> Value {
    home.json(&[&["bench"], options].concat())
}

fn clusters(home: &Home) -> Vec<Value> {
    home.json(&["cluster", "ls"])["clusters"].as_array().expect("a list").clone()
}
