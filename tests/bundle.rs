//! `raftctl bundle` on real processes: what is in it, what never is, and that `tar` and the offline commands read it.

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

struct Home(tempfile::TempDir);

impl Home {
    fn with_cluster(name: &str) -> Home {
        let home = Home(tempfile::tempdir().expect("a temporary folder can be made"));
        home.ok(&["cluster", "up", "-d", "--name", name, "--timeout", "60s"]);
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

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are text")
}
