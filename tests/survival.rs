//! Real processes, real kills: what was acknowledged is there afterwards, exactly as acknowledged.
//!
//! Writers speak the JSON-lines protocol of `raftctl pipe` while the leader is killed again and again. Nothing here
//! waits for a duration: every wait is for an observed event (an acknowledgement, a healthy status), bounded so that a
//! hang fails instead of hanging.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const LEADER_KILLS: usize = 5;
const WRITERS: usize = 3;

/// So many of half a mebibyte make a snapshot that is on its way for a while.
const LARGE_VALUES: u64 = 100;

/// Long enough for a busy machine; reaching it is a failure, never a measurement.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn five_leaders_die_and_no_acknowledged_write_is_lost() {
    let cluster = Cluster::up("survival");
    let mut writers: Vec<Writer> = (0..WRITERS).map(|number| Writer::start(&cluster, number)).collect();
    for writer in &mut writers {
        writer.write_until_acknowledged(3);
    }
    for _ in 0..LEADER_KILLS {
        let leader = cluster.leader();
        cluster.ok(&["cluster", "kill", &leader, "--signal", "KILL"]);
        for writer in &mut writers {
            writer.write_until_acknowledged(5);
        }
        cluster.ok(&["cluster", "restart", &leader]);
        cluster.ok(&["status", "--wait", "healthy", "--timeout", "60s"]);
    }
    let histories: Vec<History> = writers.into_iter().map(Writer::finish).collect();

    let all = ["n1", "n2", "n3"];
    cluster.ok(&["cluster", "kill", "n1", "n2", "n3", "--signal", "KILL"]);
    cluster.ok(&["cluster", "start"]);
    cluster.ok(&["status", "--wait", "healthy", "--timeout", "60s"]);

    for history in &histories {
        check_history(&cluster, history);
    }
    let mut diff = vec!["log", "diff"];
    diff.extend(all);
    cluster.ok(&diff);
}

#[test]
fn increments_through_leader_kills_count_exactly_once() {
    // R107: every request is answered by its deadline with what became of it, however many leaders die meanwhile.
    const OPEN: u64 = 16;
    let cluster = Cluster::up("counting");
    let mut writer = Writer::start(&cluster, 0);
    let (mut sent, mut acknowledged) = (0, 0);
    let mut last = 0;
    for _ in 0..LEADER_KILLS {
        let leader = cluster.leader();
        let target = acknowledged + 5 * OPEN;
        let mut has_killed = false;
        while acknowledged < target {
            while sent - acknowledged < OPEN {
                sent += 1;
                writer.send(&json!({"id": sent, "op": "incr", "key": "counter", "timeout_ms": 60_000}));
            }
            if !has_killed && target - acknowledged < 4 * OPEN {
                // With requests in flight, and more to come.
                cluster.ok(&["cluster", "kill", &leader, "--signal", "KILL"]);
                has_killed = true;
            }
            let answer = writer.answer();
            assert_eq!(answer["ok"], json!(true), "with a session every outcome is known: {answer}");
            let value: u64 = answer["value"].as_str().and_then(|text| text.parse().ok()).expect("a number");
            last = last.max(value);
            acknowledged += 1;
        }
        cluster.ok(&["cluster", "restart", &leader]);
        cluster.ok(&["status", "--wait", "healthy", "--timeout", "60s"]);
    }
    // One-shot commands have sessions of their own.
    let leader = cluster.leader();
    let mut shot = cluster.command(&["submit", "incr", "counter", "--timeout", "60s"]);
    let shots: Vec<Child> = (0..4).map(|_| shot.stdout(Stdio::null()).spawn().expect("submit starts")).collect();
    cluster.ok(&["cluster", "kill", &leader, "--signal", "KILL"]);
    let count = shots.len() as u64;
    for shot in shots {
        let output = shot.wait_with_output().expect("submit can be waited for");
        assert!(output.status.success(), "a one-shot write has a known outcome, too: {output:?}");
    }
    while acknowledged < sent {
        assert_eq!(writer.answer()["ok"], json!(true));
        acknowledged += 1;
    }
    writer.finish();
    assert!(last <= sent, "{last} counted of {sent}");
    let found = cluster.scan("counter");
    assert_eq!(found["counter"]["value"], json!((sent + count).to_string()), "every increment counts once");
}

/// R84, R85, R109: logs are compacted all the time, one follower is always too far behind, and it is killed as soon as a
/// snapshot is on its way to it.
#[test]
fn a_follower_behind_what_is_compacted_catches_up_by_snapshots_and_nothing_is_lost() {
    const ROUNDS: usize = 3;
    let cluster = Cluster::up_with("compacting", "storage:\n  snapshot_every: 20\n  retain_entries: 5\n");
    let mut writer = Writer::start(&cluster, 0);
    writer.write_until_acknowledged(20);
    let leader = cluster.leader();
    let behind = if leader == "n2" { "n3" } else { "n2" };
    cluster.ok(&["cluster", "kill", behind, "--signal", "KILL"]);
    for round in 0..ROUNDS {
        let lines = cluster.node_log(behind).matches("is sent snapshot").count();
        cluster.write_until_compacted(&mut writer, &leader);
        cluster.ok(&["cluster", "start", behind]);
        let began = Instant::now();
        while cluster.node_log(behind).matches("is sent snapshot").count() == lines {
            assert!(began.elapsed() < PATIENCE, "a snapshot is sent in round {round}");
            thread::yield_now();
        }
        cluster.ok(&["cluster", "kill", behind, "--signal", "KILL"]);
    }
    cluster.write_until_compacted(&mut writer, &leader);
    cluster.ok(&["cluster", "start", behind]);
    cluster.ok(&["status", "--wait", "healthy", "--timeout", "60s"]);
    let status = cluster.member(behind);
    let (first, snapshot) = (status["first"].as_u64().unwrap(), status["snapshot"].as_u64().unwrap());
    assert!(first > 100 && snapshot >= first - 1, "its log begins behind a snapshot: {status}");
    assert!(status["snapshot_time"].as_str().is_some_and(|time| time.ends_with('Z')), "it is dated: {status}");
    let table = cluster.ok(&["status"]);
    assert!(table.contains("SNAPSHOT") && table.contains(&format!("{snapshot}, ")), "{table}");

    // Everybody starts from a snapshot, and the writer's session is in it.
    cluster.ok(&["cluster", "kill", "n1", "n2", "n3", "--signal", "KILL"]);
    cluster.ok(&["cluster", "start"]);
    cluster.ok(&["status", "--wait", "healthy", "--timeout", "60s"]);
    writer.write_until_acknowledged(5);
    check_history(&cluster, &writer.finish());
    cluster.ok(&["cluster", "stop"]);
    cluster.ok(&["log", "diff", "n1", "n2", "n3"]);
    for node in ["n1", "n2", "n3"] {
        let digests = cluster.ok(&["inspect", path_text(&cluster.node(node).join("data"))]);
        assert!(digests.contains("digest_check") && !digests.contains("damaged"), "{digests}");
    }
}

/// R88: what a follower has received of a snapshot when it is killed is not sent again.
#[test]
fn a_follower_that_is_killed_while_it_receives_a_snapshot_goes_on_in_the_same_file() {
    // On a very busy machine the kill may come too late.
    const TRIES: u64 = 4;
    let cluster = Cluster::up_with("resuming", "storage:\n  snapshot_every: 100\n  retain_entries: 0\n");
    let leader = cluster.leader();
    let behind = if leader == "n2" { "n3" } else { "n2" };
    let mut writer = Writer::start(&cluster, 0);
    let parts = (1..=TRIES).find_map(|number| cluster.kill_while_receiving(&mut writer, &leader, behind, number));
    let parts = parts.expect("it was killed in the middle of a transfer");
    assert!(parts.len() == 1 && parts[0].1.len() > 0);

    cluster.ok(&["cluster", "start", behind]);
    cluster.ok(&["status", "--wait", "healthy", "--timeout", "60s"]);
    let snapshots = cluster.snapshots(behind, ".snap");
    let received = snapshots.iter().find(|(_, file)| file.ino() == parts[0].1.ino());
    let (name, _) = received.expect("what was received is the beginning of the snapshot");
    let last: u64 =
        name.split('-').next().and_then(|index| index.parse().ok()).expect("its name begins with its index");
    assert!(cluster.member(behind)["first"].as_u64().is_some_and(|first| first > last), "the log begins behind it");
    writer.write_until_acknowledged(LEADER_KILLS + 1);
    check_history(&cluster, &writer.finish());
    cluster.ok(&["cluster", "stop"]);
    cluster.ok(&["log", "diff", "n1", "n2", "n3"]);
    for node in ["n1", "n2", "n3"] {
        cluster.ok(&["log", "show", node]);
    }
}

/// Everything that was acknowledged before is in it, while others go on writing, also when the node that was asked dies.
#[test]
fn a_backup_of_a_cluster_under_load_has_everything_acknowledged_before() {
    let cluster = Cluster::up("backup");
    let mut writer = Writer::start(&cluster, 0);
    writer.write_until_acknowledged(100);
    let acknowledged = writer.history.puts.clone();
    let file = cluster.home.join("backup.snap");
    let mut save = cluster.command(&["snapshot", "save", path_text(&file), "-o", "json"]);
    let save = save.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("save starts");
    writer.write_until_acknowledged(20);
    let output = save.wait_with_output().expect("save can be waited for");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let saved: Value = serde_json::from_slice(&output.stdout).expect("save prints one JSON document");
    let shown = cluster.ok(&["snapshot", "show", path_text(&file), "--items", "-o", "json"]);
    let shown: Value = serde_json::from_str(&shown).expect("show prints one JSON document");
    assert_eq!((&shown["last"], &shown["digest"]), (&saved["last"], &saved["digest"]));
    let items = shown["items"].as_array().expect("items are a list");
    for (key, (value, revision)) in &acknowledged {
        let item = items.iter().find(|item| item["key"] == json!(key)).expect("what was acknowledged is there");
        assert_eq!((&item["value"], &item["revision"]), (&json!(value), &json!(revision)));
    }
    let again = cluster.run(&["snapshot", "save", path_text(&file)]);
    assert_eq!(again.status.code(), Some(1), "files are not overwritten");
    let piped = cluster.run(&["snapshot", "save", "-"]);
    let second = cluster.home.join("second.snap");
    std::fs::write(&second, &piped.stdout).expect("a file can be written");
    cluster.ok(&["snapshot", "verify", path_text(&second)]);

    cluster.ok(&["cluster", "kill", saved["node"].as_str().expect("it says who")]);
    cluster.ok(&["snapshot", "save", path_text(&file), "--force"]);
    cluster.ok(&["snapshot", "verify", path_text(&file)]);
    let names = std::fs::read_dir(&cluster.home).expect("the home can be listed").flatten();
    let left = names.map(|name| name.file_name()).filter(|name| name.to_string_lossy().ends_with(".tmp")).count();
    assert_eq!(left, 0, "nothing is left behind");
    check_history(&cluster, &writer.finish());
}

/// A backup becomes another cluster, of another size: the same values at the same revisions, and everything goes on from
/// there, through a loss of all nodes. The old one is left alone, and they are strangers to each other.
#[test]
fn a_backup_becomes_a_new_cluster_that_goes_on_from_it() {
    let cluster = Cluster::up("older");
    let mut writer = Writer::start(&cluster, 0);
    writer.write_until_acknowledged(200);
    let history = writer.finish();
    cluster.ok(&["submit", "incr", "counter"]);
    let file = cluster.home.join("backup.snap");
    cluster.ok(&["snapshot", "save", path_text(&file)]);

    let up =
        ["cluster", "up", "-d", "--nodes", "5", "--name", "newer", "--restore", path_text(&file), "--timeout", "60s"];
    cluster.ok(&up);
    let at = |key: &str, name: &str| -> Value {
        let found = cluster.ok(&["get", key, "--cluster", name, "-o", "json"]);
        serde_json::from_str(&found).expect("get prints one JSON document")
    };
    let told = |value: &Value| ["value", "revision", "created", "version"].map(|field| value[field].clone());
    for key in history.puts.keys().chain([&"counter".to_owned()]) {
        assert_eq!(told(&at(key, "newer")), told(&at(key, "older")), "{key}");
    }
    cluster.ok(&["submit", "incr", "counter", "--cluster", "newer"]);
    cluster.ok(&["cluster", "kill", "n1", "n2", "n3", "n4", "n5", "--signal", "KILL", "--cluster", "newer"]);
    cluster.ok(&["cluster", "start", "--cluster", "newer"]);
    cluster.ok(&["status", "--wait", "healthy", "--timeout", "60s", "--cluster", "newer"]);
    let (newer, older) = (at("counter", "newer"), at("counter", "older"));
    assert_eq!((&newer["value"], &older["value"]), (&json!("2"), &json!("1")));
    assert!(newer["revision"].as_u64() > older["revision"].as_u64(), "revisions go on: {newer} {older}");
    cluster.ok(&["cluster", "stop", "--cluster", "newer"]);
    cluster.ok(&["log", "diff", "n1", "n2", "n3", "n4", "n5", "--cluster", "newer"]);
    cluster.ok(&["cluster", "start", "--cluster", "newer"]);

    // Never over what is there, and never from what is damaged.
    let refused = cluster.run(&up);
    assert_eq!(refused.status.code(), Some(5), "{}", String::from_utf8_lossy(&refused.stderr));
    let damaged = cluster.home.join("damaged.snap");
    let mut bytes = std::fs::read(&file).expect("the backup can be read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&damaged, bytes).expect("a file can be written");
    let fresh = ["cluster", "up", "-d", "--nodes", "5", "--name", "newer", "--fresh", "--yes", "--restore"];
    let refused = cluster.run(&[&fresh[..], &[path_text(&damaged)]].concat());
    assert_eq!(refused.status.code(), Some(7), "{}", String::from_utf8_lossy(&refused.stderr));
    assert_eq!(at("counter", "newer")["value"], json!("2"), "and nothing was removed for it");

    // The older cluster's certificate opens nothing of the newer.
    let identity = |name: &str| cluster.home.join(name).join("client");
    std::fs::remove_dir_all(identity("newer")).expect("an identity can be removed");
    std::os::unix::fs::symlink(identity("older"), identity("newer")).expect("a link can be made");
    let stranger = cluster.run(&["get", "counter", "--cluster", "newer", "--timeout", "5s"]);
    assert_ne!(stranger.status.code(), Some(0), "{}", String::from_utf8_lossy(&stranger.stdout));
    assert_eq!(told(&at("counter", "older")), told(&older), "the older one is as it was");
    cluster.ok(&["cluster", "down", "newer", "--purge", "--yes"]);
}

/// One node, in a place of its own, that all commands find by the name of its cluster.
#[test]
fn a_backup_becomes_one_node_in_a_place_of_its_own() {
    let cluster = Cluster::up("source");
    cluster.ok(&["submit", "put", "colour", "red"]);
    let file = cluster.home.join("backup.snap");
    cluster.ok(&["snapshot", "save", path_text(&file)]);
    let place = cluster.home.join("place");
    let restore =
        ["snapshot", "restore", path_text(&file), "--data-dir", path_text(&place), "--name", "solo", "--listen"];
    let restore = [&restore[..], &["127.0.0.1:0", "--new-cluster", "alone"]].concat();
    cluster.ok(&restore);
    cluster.ok(&["log", "verify", path_text(&place)]);
    cluster.ok(&["cluster", "start", "solo", "--cluster", "alone"]);
    assert_eq!(cluster.ok(&["get", "colour", "--cluster", "alone"]).trim(), "red");
    cluster.ok(&["submit", "put", "colour", "blue", "--cluster", "alone"]);
    assert_eq!(cluster.ok(&["get", "colour", "--cluster", "source"]).trim(), "red", "the other one is left alone");
    let again = cluster.run(&restore);
    assert_eq!(again.status.code(), Some(5), "{}", String::from_utf8_lossy(&again.stderr));
    cluster.ok(&["cluster", "down", "alone", "--purge", "--yes"]);
    assert!(!place.exists(), "what was purged is gone");
}

/// Somebody else takes all that is left of the disk under three nodes that are being written to: what is acknowledged stays,
/// writes are refused by name, reads go on, and so do writes when there is room again. Nobody restarts anything.
#[test]
fn a_full_disk_loses_nothing_and_the_nodes_go_on_by_themselves() {
    let Some(disk) = SmallDisk::mount(300) else { return };
    let folder = tempfile::tempdir_in(&disk.0).expect("a folder can be made on the small disk");
    let cluster = Cluster::up_in(folder, "small", "limits:\n  max_pending_bytes: 2MiB\n");
    let pids: Vec<Value> = ["n1", "n2", "n3"].map(|node| cluster.member(node)["pid"].clone()).into();
    let mut writer = Writer::start(&cluster, 0);
    writer.write_until_acknowledged(20);
    disk.fill();
    let mut refused = None;
    let deadline = Instant::now() + PATIENCE;
    while refused.is_none() {
        assert!(Instant::now() < deadline, "a leader without room says so");
        // Large, so that the log must grow.
        let answer = writer.ask(json!({"id": 1, "op": "put", "key": "ballast", "value": noise(7)}));
        refused = (answer["ok"] == json!(false)).then_some(answer);
    }
    let refused = refused.expect("it was just set");
    assert_eq!((&refused["error"], &refused["code"]), (&json!("unavailable"), &json!("E0515")), "{refused}");
    let status: Value =
        serde_json::from_slice(&cluster.run(&["status", "-o", "json"]).stdout).expect("status prints JSON");
    let problems = status["problems"].as_array().expect("problems are a list");
    assert!(problems.iter().any(|problem| problem["code"] == json!("E0713")), "{problems:?}");
    let read = writer.ask(json!({"id": 2, "op": "get", "key": format!("list{}", writer.history.number)}));
    assert_eq!(read["found"], json!(true), "reads go on: {read}");

    disk.empty();
    writer.write_until_acknowledged(20);
    cluster.ok(&["status", "--wait", "healthy", "--timeout", "60s"]);
    for (node, pid) in ["n1", "n2", "n3"].iter().zip(&pids) {
        assert_eq!(&cluster.member(node)["pid"], pid, "{node} was never gone");
    }
    check_history(&cluster, &writer.finish());
    cluster.ok(&["cluster", "stop"]);
    cluster.ok(&["log", "diff", "n1", "n2", "n3"]);
}

/// A file system in memory that only this test uses.
struct SmallDisk(PathBuf, #[expect(dead_code, reason = "it is removed with this value")] tempfile::TempDir);

impl SmallDisk {
    /// None, and a line that says so, where that is not allowed.
    fn mount(mebibytes: u64) -> Option<SmallDisk> {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let options = format!("size={mebibytes}m");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path()).output();
        if !mount.is_ok_and(|mount| mount.status.success()) {
            println!("skipped: mounting a small file system needs root");
            return None;
        }
        Some(SmallDisk(folder.path().to_path_buf(), folder))
    }

    /// Takes all that is left.
    fn fill(&self) {
        let mut ballast = std::fs::File::create(self.0.join("ballast")).expect("a file can be made");
        let block = vec![1; 1 << 16];
        while ballast.write_all(&block).is_ok() {}
    }

    fn empty(&self) {
        std::fs::remove_file(self.0.join("ballast")).expect("the ballast can be removed");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Best effort: what still runs there keeps it until it ends.
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

/// Text that does not get much shorter by compression.
fn noise(seed: u64) -> String {
    const BYTES: usize = 512 * 1024;
    let mut state = seed;
    let letters = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'0' + (state >> 58) as u8)
    });
    letters.filter(|letter| letter.is_ascii_alphanumeric()).take(BYTES).collect()
}

/// Each acknowledged put is there under its own revision, and each acknowledged append exactly once and in order.
fn check_history(cluster: &Cluster, history: &History) {
    assert!(history.puts.len() > LEADER_KILLS, "the writer got something done");
    let found = cluster.scan(&format!("w{}-", history.number));
    for (key, (value, revision)) in &history.puts {
        let item = found.get(key).unwrap_or_else(|| panic!("acknowledged {key} is lost"));
        assert_eq!(item["value"], json!(value), "{key} has another value");
        assert_eq!(item["revision"], json!(revision), "{key} was written at another revision");
    }
    let list = cluster.scan(&format!("list{}", history.number));
    let text = list.values().next().and_then(|item| item["value"].as_str()).expect("the list is there").to_owned();
    let numbers: Vec<u64> =
        text.split_terminator(',').map(|part| part.parse().expect("only numbers were appended")).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "appends are once each and in order: {text}");
    for acknowledged in &history.appends {
        assert!(numbers.contains(acknowledged), "acknowledged append {acknowledged} is lost from {text}");
    }
    for number in &numbers {
        let known = history.appends.contains(number) || history.unknown.contains(number);
        assert!(known, "append {number} was reported as not applied, but it is there: {text}");
    }
}

struct Cluster {
    name: String,
    home: PathBuf,
    _home: tempfile::TempDir,
}

impl Cluster {
    fn up(name: &str) -> Cluster {
        Cluster::up_with(name, "")
    }

    /// With these lines more in its file.
    fn up_with(name: &str, more: &str) -> Cluster {
        Cluster::up_in(tempfile::tempdir().expect("a temporary folder can be made"), name, more)
    }

    fn up_in(folder: tempfile::TempDir, name: &str, more: &str) -> Cluster {
        let cluster = Cluster { name: name.to_owned(), home: folder.path().to_path_buf(), _home: folder };
        let file = cluster.home.join("cluster.yaml");
        std::fs::write(&file, format!("cluster: {name}\nnodes: 3\n{more}")).expect("the cluster file can be written");
        cluster.ok(&["cluster", "up", path_text(&file), "-d", "--timeout", "60s"]);
        cluster
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_raftctl"));
        command.args(arguments).env("RAFTCTL_HOME", &self.home).env_remove("RAFTCTL_CLUSTER");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).stdin(Stdio::null()).output().expect("the built binary runs")
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let talk = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "raftctl {arguments:?}: {}\n{text}\n{talk}", output.status);
        text
    }

    fn leader(&self) -> String {
        let text = self.ok(&["status", "--wait", "writable", "--timeout", "60s", "-o", "json"]);
        let status: Value = serde_json::from_str(text.trim()).expect("status prints one JSON document");
        status["leader"].as_str().expect("a writable cluster has a leader").to_owned()
    }

    fn node(&self, node: &str) -> PathBuf {
        self.home.join(&self.name).join("nodes").join(node)
    }

    fn node_log(&self, node: &str) -> String {
        std::fs::read_to_string(self.node(node).join("node.log")).unwrap_or_default()
    }

    /// Files of snapshots that a node has, by how their names end.
    fn snapshots(&self, node: &str, ending: &str) -> Vec<(String, Metadata)> {
        let Ok(files) = std::fs::read_dir(self.node(node).join("data").join("snapshots")) else { return Vec::new() };
        let named = files.flatten().map(|file| (file.file_name().to_string_lossy().into_owned(), file));
        let ended = named.filter(|(name, _)| name.ends_with(ending));
        ended.filter_map(|(name, file)| Some((name, file.metadata().ok()?))).collect()
    }

    /// Kills a node, lets it need a large snapshot, starts it, and kills it again as soon as it receives one. Gives what
    /// it has of it; none when it had all before it died.
    fn kill_while_receiving(
        &self,
        writer: &mut Writer,
        leader: &str,
        node: &str,
        attempt: u64,
    ) -> Option<Vec<(String, Metadata)>> {
        self.run(&["cluster", "kill", node, "--signal", "KILL"]);
        let last = self.member(leader)["durable"].as_u64().expect("the leader answers");
        for number in 0..LARGE_VALUES {
            let value = noise(attempt * LARGE_VALUES + number);
            let answer =
                writer.ask(json!({"id": number, "op": "put", "key": format!("large{number}"), "value": value}));
            assert_eq!(answer["ok"], json!(true));
        }
        let began = Instant::now();
        while self.member(leader)["first"].as_u64().is_none_or(|first| first <= last + 1) {
            assert!(began.elapsed() < PATIENCE, "the leader compacts its log");
        }
        let before = self.snapshots(node, ".snap").len();
        let mut start = self.command(&["cluster", "start", node]);
        let mut start = start.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("start starts");
        let began = Instant::now();
        while self.snapshots(node, ".part").is_empty() && self.snapshots(node, ".snap").len() == before {
            assert!(began.elapsed() < PATIENCE, "a snapshot is on its way");
            thread::yield_now();
        }
        self.kill_at_once(node);
        start.wait().expect("start can be waited for");
        Some(self.snapshots(node, ".part")).filter(|parts| !parts.is_empty())
    }

    /// By its process id, which is faster than by a command of this program.
    fn kill_at_once(&self, node: &str) {
        let text = std::fs::read_to_string(self.node(node).join("run.json")).expect("it runs");
        let file: Value = serde_json::from_str(&text).expect("a run file is JSON");
        let killed = Command::new("kill").args(["-KILL", &file["pid"].to_string()]).status();
        assert!(killed.expect("kill can be run").success(), "it ran until now");
    }

    /// What the status says of one node.
    fn member(&self, node: &str) -> Value {
        let text = self.ok(&["status", "-o", "json"]);
        let status: Value = serde_json::from_str(text.trim()).expect("status prints one JSON document");
        let members = status["members"].as_array().expect("a list");
        members.iter().find(|one| one["name"] == node).expect("it is a member").clone()
    }

    /// Whoever is down now will need a snapshot. Its entries are kept until it has been silent for a while (R84).
    fn write_until_compacted(&self, writer: &mut Writer, leader: &str) {
        let last = self.member(leader)["durable"].as_u64().expect("the leader answers");
        let began = Instant::now();
        while self.member(leader)["first"].as_u64().is_none_or(|first| first <= last + 1) {
            assert!(began.elapsed() < PATIENCE, "the leader forgets what it held");
            writer.write_until_acknowledged(5);
        }
    }

    fn scan(&self, prefix: &str) -> BTreeMap<String, Value> {
        let text = self.ok(&["scan", prefix, "-o", "json", "--timeout", "30s"]);
        text.lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("scan prints JSON lines"))
            .map(|item| (item["key"].as_str().expect("keys here are text").to_owned(), item))
            .collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if thread::panicking() {
            for node in ["n1", "n2", "n3"] {
                let text = self.node_log(node);
                let tail: Vec<&str> = text.lines().rev().take(15).collect();
                eprintln!("--- {node}\n{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
            }
        }
        self.run(&["cluster", "down", "--all"]);
    }
}

fn path_text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}

/// One `raftctl pipe` process with one request in flight at a time, and what it was told.
struct Writer {
    child: Child,
    input: ChildStdin,
    answers: Receiver<Value>,
    sent: u64,
    history: History,
}

#[derive(Default)]
struct History {
    number: usize,
    puts: BTreeMap<String, (String, u64)>,
    appends: Vec<u64>,
    unknown: Vec<u64>,
}

impl Writer {
    fn start(cluster: &Cluster, number: usize) -> Writer {
        let mut child = cluster
            .command(&["pipe", "--timeout", "2s"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("pipe starts");
        let input = child.stdin.take().expect("stdin is piped");
        let output = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let (sender, answers) = channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let answer = serde_json::from_str(&line).expect("every answer is JSON");
                if sender.send(answer).is_err() {
                    return;
                }
            }
        });
        Writer { child, input, answers, sent: 0, history: History { number, ..History::default() } }
    }

    /// Writes until `count` more puts and as many appends were acknowledged.
    fn write_until_acknowledged(&mut self, count: usize) {
        let (puts, appends) = (self.history.puts.len() + count, self.history.appends.len() + count);
        let deadline = Instant::now() + PATIENCE;
        while self.history.puts.len() < puts || self.history.appends.len() < appends {
            assert!(Instant::now() < deadline, "writes are acknowledged again within {PATIENCE:?}");
            self.write_once();
        }
    }

    fn write_once(&mut self) {
        self.sent += 1;
        let number = self.sent;
        if number.is_multiple_of(2) {
            let (key, value) = (format!("w{}-{number}", self.history.number), format!("value {number}"));
            let answer = self.ask(json!({"id": number, "op": "put", "key": key, "value": value}));
            if answer["ok"] == json!(true) {
                let revision = answer["revision"].as_u64().expect("a write has a revision");
                self.history.puts.insert(key, (value, revision));
            }
        } else {
            let key = format!("list{}", self.history.number);
            let answer = self.ask(json!({"id": number, "op": "append", "key": key, "value": format!("{number},")}));
            match (answer["ok"].as_bool(), answer["error"].as_str()) {
                (Some(true), _) => self.history.appends.push(number),
                (_, Some("unknown")) => self.history.unknown.push(number),
                _ => {}
            }
        }
    }

    /// One request, exactly one answer.
    fn ask(&mut self, request: Value) -> Value {
        self.send(&request);
        let answer = self.answer();
        assert_eq!(answer["id"], request["id"], "answers name their request");
        answer
    }

    fn send(&mut self, request: &Value) {
        writeln!(self.input, "{request}").expect("pipe takes requests");
        self.input.flush().expect("pipe takes requests");
    }

    fn answer(&mut self) -> Value {
        match self.answers.recv_timeout(PATIENCE) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => panic!("pipe owes an answer"),
            Err(RecvTimeoutError::Disconnected) => panic!("pipe ended and owed an answer"),
        }
    }

    fn finish(self) -> History {
        let Writer { mut child, input, history, .. } = self;
        drop(input);
        let status = child.wait().expect("pipe can be waited for");
        assert!(status.success(), "pipe ends with 0 at the end of its input: {status}");
        history
    }
}
