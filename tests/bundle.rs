//! `raftctl bundle` on real processes: what is in it, what never is, and that `tar` and the offline commands read it, as
//! it is and unpacked.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

#[test]
fn a_bundle_tells_of_nodes_that_answer_and_of_those_that_do_not_and_holds_no_key() {
    let home = Home::with_cluster("demo");
    home.ok(&["submit", "put", "colour", "red"]);
    home.ok(&["cluster", "kill", "n3", "--signal", "KILL"]);
    home.ok(&["status", "--wait", "writable", "--timeout", "60s"]);
    let file = home.file("some.tar");
    let printed = home.ok(&["bundle", text(&file), "-o", "json"]);
    let printed: Value = serde_json::from_str(&printed).expect("bundle prints one JSON document");
    let place = home.unpacked(&file);
    let manifest: Value = read(&place.join("manifest.json"));
    assert_eq!((&manifest["files"], &manifest["cluster"]), (&printed["files"], &json!("demo")));
    let status = read(&place.join("status.json"));
    let reachable = |node: &str| {
        let members = status["members"].as_array().expect("members are a list");
        let member = members.iter().find(|member| member["name"] == json!(node)).expect("every member is listed");
        member["reachable"].clone()
    };
    assert_eq!([reachable("n1"), reachable("n2"), reachable("n3")], [json!(true), json!(true), json!(false)]);
    for node in ["n1", "n2", "n3"] {
        assert_eq!(read(&place.join(node).join("inspect.json"))["kind"], json!("data-directory"));
        assert!(!place.join(node).join("data").exists(), "data is taken only when it is asked for");
        let log = std::fs::read_to_string(place.join(node).join("node.log")).expect("the node's log is there");
        assert!(log.contains("started in term"), "{log}");
    }
    let again = home.run(&["bundle", text(&file)]);
    assert_eq!(again.status.code(), Some(1), "bundles are not overwritten");

    // Nothing runs, and everything is taken.
    home.ok(&["cluster", "stop"]);
    home.ok(&["bundle", text(&file), "--with-log", "--force"]);
    let place = home.unpacked(&file);
    home.ok(&["log", "verify", text(&place.join("n1")), text(&place.join("n2")), text(&place.join("n3"))]);
    let state = home.ok(&["log", "state", text(&place.join("n1"))]);
    assert!(state.contains("colour"), "{state}");
    let bytes = std::fs::read(&file).expect("the bundle can be read");
    let secret = std::fs::read(home.0.path().join("demo/nodes/n1/identity/key.pem")).expect("n1 has a key");
    assert!(secret.windows(11).any(|window| window == b"PRIVATE KEY"), "it is a key");
    assert!(!bytes.windows(11).any(|window| window == b"PRIVATE KEY"), "no key is ever in a bundle");
}

/// In every value of the test below, and nowhere else.
const MARKER: &str = "S3CR3T";

/// What every frame of zstd begins with: snapshots are packed.
const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

#[test]
fn a_bundle_is_read_as_it_is_and_holds_no_value_when_it_must_not() {
    let home = Home::with_values();
    let (whole, redacted) = (home.file("whole.tar"), home.file("redacted.tar"));
    home.ok(&["bundle", text(&whole), "--with-log"]);
    let printed: Value = json_of(&home.ok(&["bundle", text(&redacted), "--with-log", "--redact-values", "-o", "json"]));
    assert_eq!((&printed["redacted"], printed["left_out"].as_array().map(Vec::len)), (&json!(true), Some(3)));
    assert!(printed["left_out"][0].as_str().is_some_and(|one| one.contains("snapshots")), "{printed}");
    let has = |file: &Path, bytes: &[u8]| {
        let content = std::fs::read(file).expect("the bundle can be read");
        content.windows(bytes.len()).any(|window| window == bytes)
    };
    assert!(has(&whole, MARKER.as_bytes()) && has(&whole, ZSTD_MAGIC), "there is something to be left out");
    assert!(!has(&redacted, MARKER.as_bytes()), "no byte of a value is in it");
    assert!(!has(&redacted, ZSTD_MAGIC), "nothing in it is packed, so that nothing can hide");
    let files = printed["files"].as_array().expect("the files are listed");
    assert!(files.iter().all(|file| !file["path"].as_str().is_some_and(|path| path.ends_with(".snap"))), "{printed}");
    assert!(has(&redacted, b"key-of-cas"), "keys stay");
    assert_eq!(home.run(&["bundle", "x.tar", "--redact-values"]).status.code(), Some(2), "only with --with-log");

    reads_as_it_is(&home, &whole);
    reads_without_values(&home, &redacted);
    let place = home.unpacked(&redacted);
    home.ok(&["log", "verify", text(&place.join("n1"))]);
    assert_eq!(json_of(&home.ok(&["inspect", text(&place), "-o", "json"]))["findings"][0]["kind"], json!("bundle"));
    is_refused_where_it_cannot_serve(&home, &whole);
}

fn reads_as_it_is(home: &Home, bundle: &Path) {
    let inside = |name: &str| format!("{}:{name}", text(bundle));
    let logs = json_of(&home.ok(&["log", "verify", text(bundle), "-o", "json"]))["logs"].clone();
    let paths: Vec<&Value> = logs.as_array().into_iter().flatten().map(|log| &log["path"]).collect();
    assert_eq!(paths, [&json!(inside("n1")), &json!(inside("n2")), &json!(inside("n3"))]);
    assert!(logs.as_array().is_some_and(|logs| logs.iter().all(|log| log["whole"] == json!(true))), "{logs}");
    let diff = json_of(&home.ok(&["log", "diff", text(bundle), "-o", "json"]));
    assert_eq!((&diff["verdict"], diff["logs"].as_array().map(Vec::len)), (&json!("agree"), Some(3)));
    // All of these agree with what the directory itself says.
    for command in [&["log", "stat"][..], &["log", "state"], &["recover", "scan"], &["log", "export"], &["log", "show"]]
    {
        let of = |place: &str| {
            let line: Vec<&str> = command.iter().copied().chain([place, "-o", "json"]).collect();
            let said = home.ok(&line).replace(place, "PLACE");
            said.replace("\"node\":\"n2\"", "\"node\":null")
        };
        assert_eq!(of(&inside("n2")), of(text(&home.file("demo/nodes/n2"))), "{command:?}");
    }
    let newest = home.ok(&["log", "show", &inside("n1"), "--reverse", "--limit", "1"]);
    assert!(newest.contains("key-of-incr"), "{newest}");
    let state = home.ok(&["log", "bisect", &inside("n3"), "--until", "key=key-of-incr value=43"]);
    assert!(state.contains("key-of-incr"), "{state}");
    let found = json_of(&home.ok(&["inspect", text(bundle), "-o", "json"]))["findings"][0].clone();
    assert_eq!((&found["kind"], &found["facts"]["cluster"]), (&json!("bundle"), &json!("demo")));
    let kinds: Vec<&str> =
        found["inside"].as_array().into_iter().flatten().filter_map(|one| one["kind"].as_str()).collect();
    assert_eq!(kinds, ["cluster-file", "status", "node-directory", "node-directory", "node-directory"]);
    let hard_state = json_of(&home.ok(&["inspect", &inside("n1/data/hard_state"), "-o", "json"]));
    assert_eq!(hard_state["findings"][0]["kind"], json!("hard-state"));
}

fn reads_without_values(home: &Home, bundle: &Path) {
    let inside = |name: &str| format!("{}:{name}", text(bundle));
    for line in [&["log", "verify"], &["log", "diff"], &["log", "stat"]] {
        let ran = home.run(&[line[0], line[1], text(bundle)]);
        assert_eq!((ran.status.code(), said(&ran).contains("values were redacted")), (Some(0), true), "{line:?}");
    }
    let shown = home.ok(&["log", "show", &inside("n1"), "--key", "key-of-cas", "-o", "json"]);
    assert!(shown.contains(&"x".repeat(MARKER.len())) && !shown.contains(MARKER), "{shown}");
    for (line, code) in [
        (&["log", "state", &inside("n1")][..], "E0416"),
        (&["recover", "scan", &inside("n1")], "E0416"),
        (&["log", "diff", &inside("n1"), text(&home.file("demo/nodes/n2"))], "E0416"),
    ] {
        let ran = home.run(line);
        assert_eq!((ran.status.code(), said(&ran).contains(code)), (Some(2), true), "{line:?}: {}", said(&ran));
    }
    let found = json_of(&home.ok(&["inspect", text(bundle), "-o", "json"]))["findings"][0].clone();
    assert_eq!(found["facts"]["redacted"], json!(true));
}

fn is_refused_where_it_cannot_serve(home: &Home, bundle: &Path) {
    let inside = |name: &str| format!("{}:{name}", text(bundle));
    let (cut, other, empty) = (home.file("cut.tar"), home.file("other.tar"), home.file("empty.tar"));
    let bytes = std::fs::read(bundle).expect("the bundle can be read");
    std::fs::write(&cut, &bytes[..bytes.len() - 700]).expect("a file can be written");
    let tar = Command::new("tar").arg("cf").arg(&other).arg("-C").arg(home.0.path()).arg("cluster.yaml").status();
    assert!(tar.expect("tar is installed").success());
    home.ok(&["bundle", text(&empty)]);
    for (line, exit, words) in [
        (&["log", "state", text(bundle)][..], 2, format!("name it: {}, {}", inside("n1"), inside("n2"))),
        (&["log", "show", text(bundle), "-f"], 2, "cannot be followed".to_owned()),
        (&["log", "show", &inside("n1"), "-f"], 2, "nothing changes any more".to_owned()),
        (&["log", "show", &inside("n9")], 2, format!("name one of {}", inside("n1"))),
        (&["log", "show", &inside("n1/../n2")], 2, "E0415".to_owned()),
        (&["log", "verify", text(&empty)], 2, "made without --with-log".to_owned()),
        (&["log", "verify", text(&other)], 2, "not one that raftctl bundle has written".to_owned()),
        (&["log", "diff", &inside("n1")], 2, "one log cannot be compared".to_owned()),
        (&["inspect", text(&cut)], 7, format!("at byte {}", bytes.len() - 1024)),
        (&["log", "verify", text(&cut)], 7, "cut off".to_owned()),
    ] {
        let ran = home.run(line);
        assert_eq!((ran.status.code(), said(&ran).contains(&words)), (Some(exit), true), "{line:?}: {}", said(&ran));
    }
}

struct Home(tempfile::TempDir);

impl Home {
    fn with_cluster(name: &str) -> Home {
        let home = Home(tempfile::tempdir().expect("a temporary folder can be made"));
        home.ok(&["cluster", "up", "-d", "--name", name, "--timeout", "60s"]);
        home
    }

    /// Three nodes that have stored values by every command, packed some of them into snapshots, and are stopped.
    fn with_values() -> Home {
        let home = Home(tempfile::tempdir().expect("a temporary folder can be made"));
        let file = home.file("cluster.yaml");
        let settings = "cluster: demo\nnodes: 3\nstorage:\n  segment_size: 256KiB\n  snapshot_every: 100\n  retain_entries: 20\n\
                        limits:\n  max_value_size: 8KiB\n";
        std::fs::write(&file, settings).expect("a file can be written");
        home.ok(&["cluster", "up", text(&file), "-d", "--timeout", "60s"]);
        let value = |name: &str| format!("{MARKER}-{name}");
        // More than one segment holds, so that what is behind a snapshot is compacted.
        let long = MARKER.repeat(500);
        let mut lines: String = (0..300).map(|number| format!("put key-{} {long}{number}\n", number % 40)).collect();
        lines += &format!("put key-of-cas {}\nappend key-of-append {}\n", value("put"), value("append"));
        std::fs::write(home.file("lines"), lines).expect("a file can be written");
        home.ok(&["submit", "-f", text(&home.file("lines"))]);
        home.ok(&["submit", "cas", "key-of-cas", &value("new"), "--expect", &value("put")]);
        let failed = home.run(&["submit", "cas", "key-of-cas", &value("never"), "--expect", &value("other")]);
        assert_eq!(failed.status.code(), Some(5), "its answer, which a session keeps, holds a value");
        home.ok(&["submit", "incr", "key-of-incr", "43"]);
        home.ok(&["status", "--wait", "healthy", "--timeout", "60s"]);
        home.ok(&["cluster", "stop"]);
        home
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn unpacked(&self, bundle: &Path) -> PathBuf {
        let place = self.file("unpacked");
        std::fs::create_dir_all(&place).expect("a folder can be made");
        let tar = Command::new("tar").arg("xf").arg(bundle).arg("-C").arg(&place).status();
        assert!(tar.expect("tar is installed").success());
        place.join("raftctl-bundle")
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_raftctl"));
        command.args(arguments).env("RAFTCTL_HOME", self.0.path()).env_remove("RAFTCTL_CLUSTER");
        command.stdin(Stdio::null()).output().expect("the built binary runs")
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "raftctl {arguments:?}: {}\n{out}\n{err}", output.status);
        out.into_owned()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = self.run(&["cluster", "down", "--all"]);
    }
}

fn read(path: &Path) -> Value {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).expect("it is JSON")
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).expect("it is one JSON document")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are text")
}
