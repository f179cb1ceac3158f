//! Local clusters as real processes: what `cluster up` leaves behind, remembers, refuses, and takes down with it.
//!
//! Every wait is for something observed (an exit, a healthy status, a count of running nodes), bounded so that a hang
//! fails instead of hanging. Each test has a home of its own, and takes its nodes down however it ends.

use std::io::Write as _;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

mod faults;
#[path = "common/folders.rs"]
mod folders;

/// Long enough for a busy machine; reaching it is a failure, never a measurement.
const PATIENCE: Duration = Duration::from_secs(60);

/// After this long without an orderly end a node is killed anyway.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn nodes_hold_nothing_of_their_caller_s() {
    let home = Home::new();
    let script = format!("exec 7>&1 12>&1; exec {} cluster up -d --nodes 1 >/dev/null 2>&1", binary());
    let mut command = home.prepare("/bin/bash");
    command.args(["-c", &script]).stdout(Stdio::piped());
    let (done, wait) = channel();
    thread::spawn(move || done.send(command.output()));
    // `output` comes back when nobody holds the pipe any more; a node that held it would keep it open for ever.
    let output = wait.recv_timeout(PATIENCE).expect("no node holds the caller's pipe").expect("bash runs");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(home.running(), 1, "the node itself goes on");
}

#[test]
fn a_cluster_comes_back_on_its_ports_and_only_from_its_file() {
    let home = Home::new();
    let file = home.file("three.yaml", "cluster: demo\nnodes: 3\n");
    home.ok(&["cluster", "up", "-d", &file]);
    let listens = home.listens();
    assert!(listens.len() == 3 && listens.iter().all(|listen| !listen.ends_with(":0")), "{listens:?}");
    home.ok(&["submit", "put", "colour", "green"]);
    home.ok(&["cluster", "down"]);
    assert_eq!(home.running(), 0);

    home.ok(&["cluster", "up", "-d", &file]);
    assert_eq!(home.listens(), listens);
    assert_eq!(text(&home.ok(&["get", "colour"]).stdout), "green\n");
    home.ok(&["cluster", "kill", "n2"]);
    assert_eq!(home.running(), 2);
    let again = home.ok(&["cluster", "up", &file]);
    assert!(text(&again.stderr).contains("n1: runs already") && text(&again.stderr).contains("n2: started"));
    assert_eq!(home.running(), 3);

    let moved = home.file("moved.yaml", "cluster: demo\nnodes: 3\n");
    let refused = home.fails(&["cluster", "up", "-d", &moved], 2);
    assert!(refused.contains("three.yaml") && refused.contains("moved.yaml"), "both paths are named: {refused}");
    home.file("three.yaml", "cluster: demo\nnodes: 3\nraft:\n  election_timeout: 2s\n");
    let changed = home.fails(&["cluster", "up", "-d", &file], 5);
    assert!(changed.contains("raft.election_timeout: 500ms → 2s"), "{changed}");
    home.fails(&["cluster", "up", "-d", "--set", "raft.election_timeout=2s"], 5);
    home.ok(&["cluster", "down", "--purge", "--yes"]);
    assert!(!home.cluster("demo").exists());
}

#[test]
fn each_one_shot_write_is_one_entry_of_a_session_of_its_own_and_a_pipe_has_one_session() {
    // R107: opening a session costs no entry.
    let home = Home::new();
    home.ok(&["cluster", "up", "-d", "--nodes", "1"]);
    home.ok(&["submit", "incr", "counter"]);
    home.ok(&["submit", "incr", "counter"]);
    let mut pipe = home.prepare(binary());
    let mut pipe = pipe.arg("pipe").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("pipe starts");
    let input = pipe.stdin.as_mut().expect("stdin is piped");
    for line in [r#"{"op":"hello"}"#, r#"{"id":1,"op":"incr","key":"counter"}"#, r#"{"id":2,"op":"delete","key":"k"}"#]
    {
        writeln!(input, "{line}").expect("pipe takes requests");
    }
    let told = text(&pipe.wait_with_output().expect("pipe ends with its input").stdout);
    let hello: Value = serde_json::from_str(told.lines().next().expect("hello is answered")).expect("answers are JSON");

    let listed = home.ok(&["log", "show", "n1", "--kind", "command", "-o", "json"]);
    let entries: Vec<Value> =
        text(&listed.stdout).lines().map(|line| serde_json::from_str(line).expect("entries are JSON")).collect();
    let sessions: Vec<&Value> = entries.iter().map(|entry| &entry["session"]).collect();
    let serials: Vec<u64> = entries.iter().filter_map(|entry| entry["serial"].as_u64()).collect();
    assert_eq!((entries.len(), serials), (4, vec![1, 1, 1, 2]));
    assert!(sessions.iter().all(|session| session.as_str().is_some_and(|session| session.len() == 32)));
    assert!(sessions[0] != sessions[1] && sessions[1] != sessions[2]);
    assert_eq!([sessions[2], sessions[3]], [&hello["session"]; 2]);
    let name = sessions[1].as_str().expect("it was just looked at");
    let one = home.ok(&["log", "show", "n1", "--session", &name[..12], "-o", "json"]);
    assert_eq!(text(&one.stdout).lines().count(), 1);
}

#[test]
fn nodes_end_with_a_foreground_supervisor_however_it_ends() {
    let home = Home::new();
    let mut killed = home.foreground(&[]);
    killed.kill().expect("the supervisor is ours");
    killed.wait().expect("it has ended");
    home.wait_for_running(0);

    let mut terminated = home.foreground(&[]);
    signal(&terminated, Signal::TERM);
    assert_eq!(wait(&mut terminated).code(), Some(0), "SIGTERM is an orderly end");
    assert_eq!(home.running(), 0);

    let mut taken_down = home.foreground(&[]);
    home.ok(&["cluster", "kill", "n1"]);
    home.wait_for_running(2);
    // Started by its supervisor, so that it ends with it.
    home.ok(&["cluster", "start", "n1"]);
    assert_eq!(home.running(), 3);
    home.ok(&["cluster", "down"]);
    assert_eq!(wait(&mut taken_down).code(), Some(0), "`down` from elsewhere is an orderly end");
    assert_eq!(home.running(), 0);
}

#[test]
fn one_interrupt_stops_the_nodes_and_a_second_one_kills_them() {
    let home = Home::new();
    let mut once = home.foreground(&[]);
    signal(&once, Signal::INT);
    assert_eq!(wait(&mut once).code(), Some(0), "Ctrl-C is an orderly end");
    assert_eq!(home.running(), 0);
    assert!(home.log("n1").contains("stopping: SIGTERM received"), "the nodes were told, not killed");

    // A node that is stopped again and again never gets to its orderly end.
    let mut twice = home.foreground(&[]);
    let told = home.log("n1").matches("stopping: SIGTERM").count();
    let deaf = home.pid("n2");
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) && rustix::process::kill_process(deaf, Signal::STOP).is_ok() {
                thread::yield_now();
            }
        });
        signal(&twice, Signal::INT);
        home.wait_until("n1 is told to stop", || home.log("n1").matches("stopping: SIGTERM").count() > told);
        let began = Instant::now();
        signal(&twice, Signal::INT);
        let status = wait(&mut twice);
        ended.store(true, Ordering::Relaxed);
        assert_eq!(status.code(), Some(0));
        assert!(began.elapsed() < STOP_PATIENCE, "it did not wait for the deaf node");
    });
    assert_eq!(home.running(), 0);
}

#[test]
fn a_supervisor_revives_nodes_only_when_asked_to() {
    let home = Home::new();
    let mut supervisor = home.foreground(&["--restart-nodes"]);
    let before = home.pid("n1");
    home.ok(&["cluster", "kill", "n1"]);
    home.wait_until("n1 runs as another process", || home.running() == 3 && home.pid("n1") != before);
    signal(&supervisor, Signal::INT);
    assert_eq!(wait(&mut supervisor).code(), Some(0));
    assert_eq!(home.running(), 0);
}

#[test]
fn a_port_taken_later_by_a_stranger_is_named_and_costs_no_data() {
    let home = Home::new();
    home.ok(&["cluster", "up", "-d", "--nodes", "3"]);
    home.ok(&["submit", "put", "colour", "green"]);
    let listen = home.listens()[1].clone();
    home.ok(&["cluster", "stop", "n2"]);
    // A client of another test may use it for a moment: it is one that the system gives away.
    let began = Instant::now();
    let stranger = loop {
        if let Ok(stranger) = UdpSocket::bind(&listen) {
            break stranger;
        }
        assert!(began.elapsed() < PATIENCE, "the port is free in the end");
        thread::yield_now();
    };
    let refused = home.fails(&["cluster", "start", "n2"], 1);
    assert!(refused.contains(&listen) && refused.contains("n2"), "port and node are named: {refused}");
    drop(stranger);
    home.ok(&["cluster", "start", "n2"]);
    home.ok(&["status", "--wait", "healthy", "--timeout", "60s"]);
    assert_eq!(text(&home.ok(&["get", "colour"]).stdout), "green\n");
}

#[test]
fn a_paused_node_is_shown_as_paused_and_comes_back() {
    let home = Home::new();
    home.ok(&["cluster", "up", "-d", "--nodes", "3"]);
    home.ok(&["cluster", "pause", "leader"]);
    let faults = |home: &Home| {
        let status = home.ok(&["cluster", "status", "-o", "json"]);
        let status: Value = serde_json::from_slice(&status.stdout).expect("JSON");
        let members = status["members"].as_array().expect("a list").clone();
        members.iter().filter(|member| member["fault"] == "paused").count()
    };
    assert_eq!(faults(&home), 1);
    home.ok(&["status", "--wait", "writable", "--timeout", "60s"]);
    let resumed = home.ok(&["cluster", "resume"]);
    assert_eq!(text(&resumed.stderr).matches("resumed").count(), 1, "only what was paused is resumed");
    home.ok(&["status", "--wait", "healthy", "--timeout", "60s"]);
    assert_eq!(faults(&home), 0);
    home.ok(&["cluster", "pause", "n1", "n2", "n3"]);
    home.ok(&["cluster", "down"]);
    assert_eq!(home.running(), 0, "a paused node hears that it is to stop");
}

#[test]
fn an_isolated_leader_is_replaced_and_nothing_is_lost_when_it_comes_back() {
    let home = Home::new();
    home.ok(&["cluster", "up", "-d", "--nodes", "3"]);
    home.ok(&["submit", "put", "colour", "green"]);
    let old = home.status()["leader"].as_str().expect("somebody leads").to_owned();
    let told = text(&home.ok(&["cluster", "isolate", "leader"]).stderr);
    assert!(told.contains(&format!("{old}: is cut off from")), "{told}");
    home.ok(&["status", "--wait", "writable", "--timeout", "60s"]);
    let began = Instant::now();
    let cut = loop {
        let status = home.status();
        if status["leader"] != old && status["writable"] == true {
            break status;
        }
        assert!(began.elapsed() < PATIENCE, "somebody else leads in the end");
    };
    let member = |status: &Value| {
        let members = status["members"].as_array().expect("a list");
        members.iter().find(|one| one["name"] == old).expect("it is a member").clone()
    };
    assert_eq!(member(&cut)["fault"], "isolated");
    assert_eq!(member(&cut)["reachable"], true, "clients still reach it");
    assert!(cut["problems"].as_array().expect("a list").iter().any(|one| one["code"] == "E0712"));
    home.ok(&["submit", "put", "colour", "blue"]);
    home.fails(&["get", "colour", "--node", &old, "--timeout", "1s"], 4);
    assert_eq!(text(&home.ok(&["get", "colour", "--node", &old, "--consistency", "stale"]).stdout), "green\n");

    home.ok(&["cluster", "heal"]);
    let healed = home.ok(&["status", "--wait", "healthy", "--timeout", "60s", "-o", "json"]);
    let healed: Value = serde_json::from_slice(&healed.stdout).expect("JSON");
    assert_eq!(member(&healed)["fault"], Value::Null);
    assert_eq!(member(&healed)["state"], "follower");
    assert_eq!(text(&home.ok(&["get", "colour", "--node", &old]).stdout), "blue\n");
}

#[test]
fn a_damaged_log_is_repaired_by_the_others() {
    let home = Home::new();
    home.ok(&["cluster", "up", "-d", "--nodes", "3"]);
    for number in 0..20 {
        home.ok(&["submit", "put", &format!("key{number}"), "a value that is long enough to be found"]);
    }
    home.ok(&["cluster", "stop", "n2"]);
    let data = home.cluster("demo").join("nodes/n2/data");
    let segment = std::fs::read_dir(data.join("log")).expect("a log").flatten().next().expect("a segment").path();
    let mut bytes = std::fs::read(&segment).expect("a segment");
    let place = bytes.windows(5).position(|window| window == b"key10").expect("the key is in the log");
    bytes[place] ^= 0x10;
    std::fs::write(&segment, &bytes).expect("it can be damaged");

    home.ok(&["cluster", "start", "n2"]);
    home.ok(&["status", "--wait", "healthy", "--timeout", "60s"]);
    let log = std::fs::read_to_string(data.parent().expect("the node").join("node.log")).expect("n2 has a log");
    assert!(log.contains("the log is kept up to") && log.contains("votes again"), "{log}");
    assert!(data.join("damaged/1").is_dir() && !data.join("recovering").exists());
    home.ok(&["log", "diff", "n1", "n2"]);
    // It votes: with n1 or n3 away the other two elect and commit.
    home.ok(&["cluster", "kill", "n3"]);
    home.ok(&["status", "--wait", "writable", "--timeout", "60s"]);
    home.ok(&["submit", "put", "key10", "again"]);
    assert_eq!(text(&home.ok(&["get", "key10", "--node", "n2"]).stdout), "again\n");
}

#[test]
fn a_leader_reads_by_its_lease_as_real_processes() {
    let home = Home::new();
    let file = home.file("lease.yaml", "cluster: demo\nnodes: 3\nraft:\n  lease_reads: true\n  clock_drift: 2%\n");
    home.ok(&["cluster", "up", "-d", &file]);
    home.ok(&["submit", "put", "colour", "green"]);
    let read = |node: &str| text(&home.ok(&["get", "colour", "--consistency", "lease", "--node", node]).stdout);
    for node in ["n1", "n2", "n3"] {
        assert_eq!(read(node), "green\n");
    }
    let old = home.status()["leader"].as_str().expect("somebody leads").to_owned();
    home.ok(&["cluster", "pause", &old]);
    home.ok(&["status", "--wait", "writable", "--timeout", "60s"]);
    home.ok(&["submit", "put", "colour", "blue"]);
    home.ok(&["cluster", "resume"]);
    assert_eq!(read(&old), "blue\n", "whoever slept through its lease does not answer from the past");
}

#[test]
fn a_cut_ends_with_its_time_and_with_the_process() {
    let home = Home::new();
    home.ok(&["cluster", "up", "-d", "--nodes", "3"]);
    let fault = |name: &str| {
        let status = home.status();
        let members = status["members"].as_array().expect("a list").clone();
        members.iter().find(|one| one["name"] == name).expect("it is a member")["fault"].clone()
    };
    let leader = home.status()["leader"].as_str().expect("somebody leads").to_owned();
    let follower = if leader == "n1" { "n2" } else { "n1" };
    home.ok(&["cluster", "isolate", follower, "--one-way", "--from", "leader", "--for", "10ms"]);
    let began = Instant::now();
    while fault(follower) != Value::Null {
        assert!(began.elapsed() < PATIENCE, "the time of the cut is over");
    }
    let refused = home.fails(&["cluster", "isolate", follower, "--from", follower], 2);
    assert!(refused.contains("nobody"), "{refused}");
    home.ok(&["cluster", "isolate", follower]);
    assert_eq!(fault(follower), "isolated");
    home.ok(&["cluster", "restart", follower]);
    home.ok(&["status", "--wait", "healthy", "--timeout", "60s"]);
    assert_eq!(fault(follower), Value::Null);
}

#[test]
fn what_cannot_be_made_leaves_nothing_behind() {
    let home = Home::new();
    let taken = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("it is bound").to_string();
    let file =
        home.file("taken.yaml", &format!("cluster: demo\nnodes:\n- name: a1\n- name: b2\n  listen: {address}\n"));
    let refused = home.fails(&["cluster", "up", "-d", &file], 1);
    assert!(refused.contains(&address) && refused.contains("b2"), "port and node are named: {refused}");
    assert!(!home.cluster("demo").exists());

    let huge = home.file("huge.yaml", "");
    std::fs::File::create(&huge).and_then(|file| file.set_len(100 << 20)).expect("a sparse file");
    let began = Instant::now();
    home.fails(&["cluster", "up", "-d", &huge], 2);
    assert!(began.elapsed() < Duration::from_secs(10), "it was not read whole");
    let wrong = home.file("wrong.yaml", "cluster: demo\nnodes: 3\nraft:\n  lease_reads: yes\n");
    let refused = home.fails(&["cluster", "up", "-d", &wrong], 2);
    assert!(refused.contains("wrong.yaml:4:16"), "{refused}");
    home.ok(&["cluster", "up", "--dry-run", "--nodes", "3"]);
    assert_eq!(
        std::fs::read_dir(home.state()).map_or(0, |found| found.flatten().filter(|e| e.path().is_dir()).count()),
        0
    );
}

struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    fn new() -> Home {
        Home { folder: tempfile::tempdir().expect("a temporary directory") }
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn cluster(&self, name: &str) -> PathBuf {
        self.state().join(name)
    }

    fn file(&self, name: &str, content: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).expect("the home can be written");
        path.to_str().expect("temporary paths are UTF-8").to_owned()
    }

    fn prepare(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("RAFTCTL_")) {
            command.env_remove(name);
        }
        command.env("RAFTCTL_HOME", self.state()).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.prepare(binary()).args(arguments).output().expect("raftctl runs")
    }

    fn ok(&self, arguments: &[&str]) -> Output {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
        output
    }

    /// What it says on stderr when it ends with this code.
    fn fails(&self, arguments: &[&str], code: i32) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stderr)
    }

    /// `cluster up` in the foreground with three nodes, all in touch.
    fn foreground(&self, options: &[&str]) -> Child {
        let mut command = self.prepare(binary());
        command.args(["cluster", "up"]).args(options).stdout(Stdio::null()).stderr(Stdio::null());
        if !self.cluster("demo").exists() {
            command.args(["--nodes", "3"]);
        }
        let child = command.spawn().expect("raftctl runs");
        self.wait_for_running(3);
        self.ok(&["status", "--wait", "healthy", "--timeout", "60s"]);
        child
    }

    fn status(&self) -> Value {
        serde_json::from_slice(&self.ok(&["status", "-o", "json"]).stdout).expect("JSON")
    }

    fn running(&self) -> u64 {
        let list: Value = serde_json::from_slice(&self.ok(&["cluster", "ls", "-o", "json"]).stdout).expect("JSON");
        let clusters = list["clusters"].as_array().expect("a list");
        clusters.iter().map(|cluster| cluster["running"].as_u64().expect("a number")).sum()
    }

    fn wait_for_running(&self, wanted: u64) {
        self.wait_until(&format!("{wanted} nodes run"), || self.running() == wanted);
    }

    fn wait_until(&self, what: &str, holds: impl Fn() -> bool) {
        let began = Instant::now();
        while !holds() {
            assert!(began.elapsed() < PATIENCE, "{what} in the end");
            thread::yield_now();
        }
    }

    fn node(&self, node: &str) -> PathBuf {
        self.cluster("demo").join("nodes").join(node)
    }

    fn log(&self, node: &str) -> String {
        std::fs::read_to_string(self.node(node).join("node.log")).expect("the node has a log")
    }

    /// The process that ran the node last.
    fn pid(&self, node: &str) -> rustix::process::Pid {
        let run = std::fs::read(self.node(node).join("run.json")).unwrap_or_default();
        let run: Value = serde_json::from_slice(&run).unwrap_or_default();
        let pid = run["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()).unwrap_or(i32::MAX);
        rustix::process::Pid::from_raw(pid).expect("pids are positive")
    }

    fn listens(&self) -> Vec<String> {
        let of = |node: &str| {
            let content = std::fs::read_to_string(self.node(node).join("node.yaml")).expect("the node has a file");
            let line = content.lines().find_map(|line| line.strip_prefix("listen: ")).expect("it has an address");
            line.trim_matches(['\'', '"']).to_owned()
        };
        ["n1", "n2", "n3"].map(of).to_vec()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.run(&["cluster", "down", "--all", "--purge", "--yes"]);
    }
}

fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_raftctl")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn signal(child: &Child, signal: Signal) {
    rustix::process::kill_process(rustix::process::Pid::from_child(child), signal).expect("the child is ours");
}

fn wait(child: &mut Child) -> ExitStatus {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("the child is ours") {
            return status;
        }
        assert!(began.elapsed() < PATIENCE, "it ends in the end");
        thread::yield_now();
    }
}
