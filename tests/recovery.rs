//! A majority is lost for good: scan what is left, plan, apply, and go on, on real processes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// Two of five are left, and a third that never comes back would have made it three.
#[test]
fn what_two_of_five_held_goes_on_as_a_new_cluster_and_the_old_one_stays_down() {
    let home = Home::with_cluster("shop", 5);
    for number in 0..20 {
        home.ok(&["submit", "put", &format!("key{number}"), &format!("value{number}")]);
    }
    home.ok(&["submit", "incr", "counter"]);
    // n1 is cut off, so that it lacks what the others go on to acknowledge.
    home.ok(&["cluster", "kill", "n1", "--signal", "KILL"]);
    home.ok(&["status", "--wait", "writable", "--timeout", "60s"]);
    home.ok(&["submit", "put", "late", "yes"]);
    home.ok(&["status", "--wait", "writable", "--timeout", "60s"]);
    let running = home.run(&["recover", "scan", "n2"]);
    assert_eq!((running.status.code(), said(&running).contains("E0411")), (Some(5), true), "{}", said(&running));
    home.ok(&["cluster", "stop"]);
    for node in ["n3", "n4", "n5"] {
        std::fs::remove_dir_all(home.node("shop", node).join("data")).expect("a disk can be lost");
    }

    let (scan, plan) = (home.file("n1.json"), home.file("plan.json"));
    home.ok(&["recover", "scan", "n1", "--out", text(&scan)]);
    let unaccounted = home.run(&["recover", "plan", text(&scan), "n2", "--out", text(&plan)]);
    assert_eq!((unaccounted.status.code(), plan.exists()), (Some(5), false));
    assert!(said(&unaccounted).contains("--lost n3,n4,n5"), "{}", said(&unaccounted));
    let made =
        home.ok(&["recover", "plan", text(&scan), "n2", "--lost", "n3,n4,n5", "--out", text(&plan), "-o", "json"]);
    let made: Value = serde_json::from_str(&made).expect("plan prints one JSON document");
    assert_eq!((&made["chosen"], &made["lost"]), (&json!("n2"), &json!(["n3", "n4", "n5"])), "n2 has the later entry");
    let again = home.run(&["recover", "plan", "n1", "n2", "--lost", "n3,n4,n5", "--out", text(&plan)]);
    assert_eq!(again.status.code(), Some(1), "plans are not overwritten");

    let n2 = home.node("shop", "n2");
    let wrong = home.run(&["recover", "apply", text(&plan), "--data-dir", text(&home.node("shop", "n1")), "--yes"]);
    assert_eq!((wrong.status.code(), said(&wrong).contains("E0414")), (Some(5), true), "{}", said(&wrong));
    let unasked = home.run(&["recover", "apply", text(&plan), "--data-dir", text(&n2)]);
    assert_eq!(unasked.status.code(), Some(2), "nobody confirmed it");
    home.ok(&["recover", "apply", text(&plan), "--data-dir", text(&n2), "--dry-run"]);
    assert!(!home.0.path().join("shop-recovered").exists() && !n2.join("superseded").exists(), "nothing was done yet");
    let edited = home.file("edited.json");
    let changed = std::fs::read_to_string(&plan).expect("the plan can be read").replace("\"n2\"", "\"n1\"");
    std::fs::write(&edited, changed).expect("a file can be written");
    let refused = home.run(&["recover", "report", text(&edited)]);
    assert_eq!((refused.status.code(), said(&refused).contains("E0412")), (Some(7), true), "{}", said(&refused));

    home.ok(&["recover", "apply", text(&plan), "--data-dir", text(&n2), "--yes"]);
    home.ok(&["cluster", "start", "n2", "--cluster", "shop-recovered"]);
    let get = |key: &str| home.ok(&["get", key, "--cluster", "shop-recovered"]).trim().to_owned();
    assert_eq!(get("late"), "yes");
    for number in 0..20 {
        assert_eq!(get(&format!("key{number}")), format!("value{number}"));
    }
    home.ok(&["submit", "incr", "counter", "--cluster", "shop-recovered"]);
    assert_eq!(get("counter"), "2");
    home.ok(&["log", "verify", text(&home.node("shop-recovered", "n2"))]);

    for node in ["n1", "n2"] {
        let started = home.run(&["node", "--data-dir", text(&home.node("shop", node))]);
        assert_eq!(started.status.code(), Some(1), "{}", said(&started));
        assert!(said(&started).contains("E0610") && said(&started).contains("shop-recovered"), "{}", said(&started));
    }
    let twice = home.run(&["recover", "apply", text(&plan), "--data-dir", text(&n2), "--yes"]);
    assert_eq!((twice.status.code(), said(&twice).contains("E0219")), (Some(5), true), "{}", said(&twice));
}

#[test]
fn survivors_that_are_a_majority_are_told_to_start() {
    let home = Home::with_cluster("fine", 3);
    home.ok(&["cluster", "stop"]);
    let plan = home.file("plan.json");
    let refused = home.run(&["recover", "plan", "n1", "n3", "--lost", "n2", "--out", text(&plan)]);
    assert_eq!((refused.status.code(), plan.exists()), (Some(5), false), "{}", said(&refused));
    assert!(said(&refused).contains("raftctl cluster start n1 n3"), "{}", said(&refused));
    let garbage = home.file("garbage.json");
    std::fs::write(&garbage, "{\"schema\": \"raftctl.recover-scan/v9\"}").expect("a file can be written");
    let refused = home.run(&["recover", "plan", text(&garbage), "--lost", "n2", "--out", text(&plan)]);
    assert_eq!((refused.status.code(), said(&refused).contains("E0412")), (Some(2), true), "{}", said(&refused));
}

struct Home(tempfile::TempDir);

impl Home {
    fn with_cluster(name: &str, nodes: u8) -> Home {
        let home = Home(tempfile::tempdir().expect("a temporary folder can be made"));
        home.ok(&["cluster", "up", "-d", "--nodes", &nodes.to_string(), "--name", name, "--timeout", "60s"]);
        home
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn node(&self, cluster: &str, node: &str) -> PathBuf {
        self.0.path().join(cluster).join("nodes").join(node)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_raftctl"));
        command.args(arguments).env("RAFTCTL_HOME", self.0.path()).env_remove("RAFTCTL_CLUSTER");
        command.stdin(Stdio::null()).output().expect("the built binary runs")
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "raftctl {arguments:?}: {}\n{}", output.status, said(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = self.run(&["cluster", "down", "--all"]);
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are text")
}
