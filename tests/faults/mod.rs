//! What a machine can do to a node that runs: disks that fail or hang, a kill at any system call, and directories that
//! were copied to the wrong place. `strace` does the first three; where it is missing, or may not trace, they say so.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use bytes::BytesMut;
use raftctl::codec::{Kind, RecordHeader, Settings, WriteBatch, append_record};
use raftctl::raft::{ClusterId, Config, HardState, Index, LogId, Member, NodeId, Rules, StorageId, Term, WriteSeq};
use raftctl::state_machine::{SessionLimits, StateMachine};
use raftctl::storage::layout::{self, Founding};
use raftctl::storage::{Journal, JournalOptions, SnapshotHead, SyncMode};
use rustix::process::Signal;
use serde_json::Value;
use std::os::unix::process::ExitStatusExt as _;

use super::folders::{content, copy};
use super::{Home, text};

/// Says where the child process is to write.
const WRITER_DIRECTORY: &str = "FAULTS_WRITER_DIRECTORY";

/// Small, so that a few entries fill several segments.
const OPTIONS: JournalOptions =
    JournalOptions { segment_size_bytes: 16 * 1024, sync: SyncMode::Always, rules: Rules::sound() };

#[test]
fn parts_of_directories_that_do_not_belong_together_are_refused_by_name() {
    let home = Home::new();
    home.ok(&["cluster", "up", "-d", "--nodes", "3"]);
    home.ok(&["cluster", "up", "-d", "--nodes", "3", "--name", "other"]);
    let node = home.pid("n1").as_raw_nonzero().get();
    let again = home.fails(&["node", "--data-dir", path(&home.node("n1"))], 1);
    assert!(again.contains("E0604") && again.contains("locked"), "two processes: {again}");
    assert_eq!(home.pid("n1").as_raw_nonzero().get(), node, "the first one runs on");

    home.ok(&["cluster", "stop", "--cluster", "demo"]);
    home.ok(&["cluster", "stop", "--cluster", "other"]);
    let (n2, n3) = (home.node("n2"), home.node("n3"));
    let kept = home.folder.path().join("kept");
    copy(&n2, &kept);
    let other = home.cluster("other").join("nodes/n2");
    for (part, from, said) in [
        ("data", &n3, "data/ is that of n3"),
        ("data", &other, "node.yaml is that of n2 (n2) of cluster demo"),
        ("identity", &n3, "identity/ is that of n3"),
        ("", &n3, "is the directory of n3 of cluster demo"),
        ("", &other, "is the directory of n2 of cluster other"),
    ] {
        fs::remove_dir_all(n2.join(part)).expect("it is there");
        copy(&from.join(part), &n2.join(part));
        let before = content(&n2.join("data"));
        let refused = home.fails(&["cluster", "start", "n2", "--cluster", "demo"], 1);
        assert!(refused.contains("E0609") && refused.contains(said), "`{part}` of {}: {refused}", from.display());
        assert!(content(&n2.join("data")) == before, "nothing was changed");
        fs::remove_dir_all(&n2).expect("it is there");
        copy(&kept, &n2);
    }
    fs::remove_dir_all(n2.join("data")).expect("it is there");
    let wiped = home.fails(&["cluster", "start", "n2", "--cluster", "demo"], 1);
    assert!(wiped.contains("E0603") && wiped.contains("made once"), "{wiped}");
    assert!(!n2.join("data").exists(), "a wiped directory is not made anew");
    copy(&kept.join("data"), &n2.join("data"));
    home.ok(&["cluster", "start", "--cluster", "demo"]);
    home.ok(&["status", "--cluster", "demo", "--wait", "healthy", "--timeout", "60s"]);
}

/// R60: the first failed sync is the last. What was acknowledged before it is there after the next start.
#[test]
fn a_failed_sync_stops_the_node_and_costs_nothing_acknowledged() {
    let home = Home::new();
    home.ok(&["cluster", "up", "-d", "--nodes", "1"]);
    home.ok(&["submit", "put", "before", "1"]);
    let Some(tracer) = attach(&home, "n1", "fdatasync:error=EIO") else { return };
    let lost = home.run(&["submit", "put", "lost", "1", "--timeout", "3s"]);
    assert_eq!(lost.status.code(), Some(6), "its outcome is unknown: {}", text(&lost.stderr));
    home.wait_for_running(0);
    detach(tracer);
    let log = home.log("n1");
    assert!(log.contains("E0607") && log.contains("Input/output error"), "it says why it stopped: {log}");
    home.ok(&["cluster", "start", "n1"]);
    home.ok(&["status", "--wait", "healthy", "--timeout", "60s"]);
    assert_eq!(text(&home.ok(&["get", "before"]).stdout), "1\n");
    home.ok(&["submit", "put", "after", "1"]);
}

/// R59: the others go on while it hangs, and it comes back as a follower.
#[test]
fn a_disk_that_hangs_costs_the_leader_its_office_and_the_cluster_nothing() {
    let home = Home::new();
    home.ok(&["cluster", "up", "-d", "--nodes", "3"]);
    home.ok(&["submit", "put", "before", "1"]);
    let old = home.status()["leader"].as_str().expect("there is a leader").to_owned();
    // Longer than this test takes.
    let Some(tracer) = attach(&home, &old, "fdatasync:delay_enter=600000000") else { return };
    home.ok(&["submit", "put", "meanwhile", "1", "--timeout", "60s"]);
    home.wait_until("another node leads", || {
        let status: Value = serde_json::from_slice(&home.run(&["status", "-o", "json"]).stdout).unwrap_or_default();
        status["leader"].as_str().is_some_and(|leader| leader != old)
    });
    home.ok(&["submit", "put", "later", "1", "--timeout", "60s"]);
    detach(tracer);
    home.ok(&["status", "--wait", "healthy", "--timeout", "60s"]);
    for key in ["before", "meanwhile", "later"] {
        assert_eq!(text(&home.ok(&["get", key]).stdout), "1\n");
    }
    home.ok(&["cluster", "stop"]);
    home.ok(&["log", "diff", "n1", "n2", "n3"]);
}

/// The child process writes groups, takes a snapshot, compacts and truncates; it is killed before each of its system calls
/// that change anything on the disk, in turn. What it had acknowledged by then is found each time.
#[test]
fn a_kill_at_any_system_call_loses_nothing_acknowledged() {
    if !can_trace() {
        return;
    }
    let mut kills = 0;
    for call in ["pwrite64", "fdatasync", "fsync", "rename", "unlink"] {
        for number in 1.. {
            let folder = tempfile::tempdir().expect("a temporary folder can be made");
            found(folder.path());
            let acknowledged = write_until_killed(folder.path(), &format!("{call}:signal=KILL:when={number}"));
            check_recovery(folder.path(), &acknowledged, &format!("{call} number {number}"));
            if acknowledged.len() == steps().len() {
                break;
            }
            kills += 1;
        }
    }
    assert!(kills > 30, "the writer makes more than {kills} such calls");
}

/// Not a test of its own: what `a_kill_at_any_system_call_loses_nothing_acknowledged` starts.
#[test]
#[ignore = "is the child process of another test"]
fn writes_until_it_is_killed() {
    let Some(directory) = std::env::var_os(WRITER_DIRECTORY) else { return };
    let (mut journal, _) = Journal::open(&layout::data_dir(Path::new(&directory)), OPTIONS).expect("it was founded");
    for (number, step) in steps().into_iter().enumerate() {
        step.carry_out(&mut journal, number as u64 + 1);
        println!("acknowledged {number}");
    }
}

/// One group of the child's, with what the log ends with before and after it.
struct Step {
    before: LogId,
    after: LogId,
    /// Entries from here on are replaced.
    truncate_from: Option<Index>,
    snapshot: Option<Index>,
}

/// Enough to fill segments, to drop some for a snapshot, and to truncate across two of them.
fn steps() -> Vec<Step> {
    let mut last = LogId::new(1, 1);
    let mut steps = Vec::new();
    let mut push = |after: LogId, truncate_from: Option<u64>, snapshot: Option<u64>| {
        let step = Step { before: last, after, truncate_from: truncate_from.map(Index), snapshot: snapshot.map(Index) };
        steps.push(step);
        last = after;
    };
    for round in 1..=4 {
        push(LogId::new(1 + 20 * round, 1), None, None);
    }
    push(LogId::new(90, 1), None, Some(61));
    push(LogId::new(75, 2), Some(71), None);
    push(LogId::new(95, 2), None, None);
    steps
}

impl Step {
    fn carry_out(&self, journal: &mut Journal, seq: u64) {
        if let Some(index) = self.snapshot {
            take_snapshot(journal, index);
        }
        let first = self.truncate_from.unwrap_or(self.before.index.next());
        let mut check = check_at(journal, Index(first.0 - 1));
        let mut records = BytesMut::new();
        for index in first.0..=self.after.index.0 {
            let id = LogId { index: Index(index), term: self.after.term };
            check = append_record(&mut records, check, Kind::Command, id, 7, |out| {
                out.resize(out.len() + 500, index as u8)
            });
        }
        let is_new_term = self.after.term > self.before.term;
        let batch = WriteBatch {
            seq: WriteSeq(seq),
            hard_state: is_new_term.then_some(HardState { term: self.after.term, vote: Some(NodeId(1)) }),
            reset_to: None,
            truncate_from: self.truncate_from,
            records: vec![records.freeze()],
            range: Some((first, self.after.index)),
            // Nothing that is replaced later was ever committed.
            commit_hint: Index((first.0 - 1).min(61)),
            compact_to: self.snapshot,
        };
        journal.write_group(&[batch]).expect("a journal that lives writes");
    }
}

fn take_snapshot(journal: &Journal, index: Index) {
    let mut machine = StateMachine::new(1 << 20, SessionLimits::default());
    for index in 1..=index.0 {
        machine.skip(index, 0);
    }
    let head = SnapshotHead {
        last: LogId { index, term: Term(1) },
        config: config().into(),
        settings: Settings::default(),
        config_index: Index(1),
        link: check_at(journal, index),
        log_bytes: 40_000,
    };
    journal.snapshots().write(&head, &machine).expect("a snapshot is written");
}

fn check_at(journal: &Journal, index: Index) -> u32 {
    let record = journal.reader().read(index, index, 1).expect("it is there");
    RecordHeader::peek_chain(&record).expect("the reader returns whole records").0
}

fn check_recovery(dir: &Path, acknowledged: &[usize], at: &str) {
    let (journal, found) = Journal::open(&layout::data_dir(dir), OPTIONS)
        .unwrap_or_else(|error| panic!("killed at {at} after {acknowledged:?}: {error}"));
    let last = found.shape.last_id().expect("entry 1 is there");
    let steps = steps();
    let done = acknowledged.len().checked_sub(1).map_or(LogId::new(1, 1), |step| steps[step].after);
    // What was acknowledged, or a part of the next group more: first what it replaces goes, then come its entries.
    let is_next = steps.get(acknowledged.len()).is_some_and(|step| {
        let from = step.truncate_from.unwrap_or(step.before.index.next());
        let is_cut = step.truncate_from.is_some() && last.index.next() == from;
        is_cut || (last.index >= from && last.index <= step.after.index && last.term == step.after.term)
    });
    assert!(last == done || is_next, "killed at {at}: {last} was found, {done} was acknowledged");
    assert!(found.hard_state.term >= done.term, "killed at {at}: the term falls");
    drop(journal);
    let (_, again) = Journal::open(&layout::data_dir(dir), OPTIONS).expect("what opened once opens again");
    assert_eq!(again.shape.last_id(), Some(last), "what recovery keeps it keeps");
}

/// The steps that the child acknowledged before it ended.
fn write_until_killed(directory: &Path, injection: &str) -> Vec<usize> {
    let test = "faults::writes_until_it_is_killed";
    let own = std::env::current_exe().expect("this is a program");
    let mut child = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={}", call_of(injection))])
        .args(["-e", &format!("inject={injection}")])
        .arg(own)
        .args(["--exact", test, "--ignored", "--nocapture", "--test-threads", "1"])
        .env(WRITER_DIRECTORY, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("strace was there a moment ago");
    let output = BufReader::new(child.stdout.take().expect("it is piped"));
    let lines = output.lines().map_while(Result::ok);
    let number = |line: String| line.split("acknowledged ").nth(1).and_then(|number| number.trim().parse().ok());
    let acknowledged: Vec<usize> = lines.filter_map(number).collect();
    let ended = child.wait_with_output().expect("the child is ours");
    // strace ends as what it traces does.
    let is_whole = acknowledged.len() == steps().len();
    let said = text(&ended.stderr);
    assert!(ended.status.signal() == Some(Signal::KILL.as_raw()) || is_whole, "{injection}: {}: {said}", ended.status);
    acknowledged
}

fn found(dir: &Path) {
    let (cluster_id, node, storage) = (ClusterId(9), NodeId(1), StorageId(5));
    let founding = Founding { cluster_id, node, storage, config: config(), settings: Settings::default(), wall_ms: 1 };
    layout::found(dir, &founding).expect("a directory can be founded");
}

fn config() -> Config {
    let (name, address) = ("n1".to_owned(), "127.0.0.1:1".to_owned());
    Config::of(vec![Member { id: NodeId(1), name, address, storage: StorageId(5) }], Vec::new())
}

/// Traces a running node from now on, with a fault in a system call. None where that is not possible.
fn attach(home: &Home, node: &str, injection: &str) -> Option<Child> {
    if !can_trace() {
        return None;
    }
    let pid = home.pid(node).as_raw_nonzero().to_string();
    let mut tracer = Command::new("strace")
        .args(["-f", "-o", "/dev/null", "-p", &pid, "-e", &format!("trace={}", call_of(injection))])
        .args(["-e", &format!("inject={injection}")])
        .stderr(Stdio::piped())
        .spawn()
        .expect("strace was there a moment ago");
    let mut said = BufReader::new(tracer.stderr.take().expect("it is piped")).lines().map_while(Result::ok);
    let attached = said.find(|line| line.contains("attached") || line.contains("strace:")).unwrap_or_default();
    assert!(attached.contains("attached"), "strace says: {attached}");
    Some(tracer)
}

/// `CALL:FAULT`
fn call_of(injection: &str) -> &str {
    injection.split(':').next().expect("split gives at least one part")
}

fn detach(mut tracer: Child) {
    // Best effort: it has ended by itself when what it traced has.
    let _ = tracer.kill();
    tracer.wait().expect("the child is ours");
}

/// Whether `strace` is there and may trace; prints a line when not.
fn can_trace() -> bool {
    let traced = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    let can = traced.is_ok_and(|output| output.status.success());
    if !can {
        println!("skipped: strace is missing, or may not trace");
    }
    can
}

fn path(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}
