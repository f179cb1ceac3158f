//! Reading logs offline with the built binary, on directories as a node leaves them: filters, proofs, comparisons, the
//! state as it was, and text that becomes a log again. No cluster runs here.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use bytes::BytesMut;
use raftctl::codec::entry::{append_session, encode_command};
use raftctl::codec::{Kind, Settings, WriteBatch, append_record};
use raftctl::inspect::log::{Source, StoredEntry};
use raftctl::raft::{HardState, Index, LogId, Rules, Term, WriteSeq};
use raftctl::state_machine::{Command as Write, Expect, Operation, SessionId, SessionLimits, SessionTag, StateMachine};
use raftctl::storage::layout;
use raftctl::storage::{Journal, JournalOptions, SnapshotHead, SyncMode};
use serde_json::Value;

mod common;
mod formats;

#[path = "common/folders.rs"]
mod folders;
#[path = "fuzz/src/lib.rs"]
mod fuzz;

use common::Ran;
use folders::content;

const WALL_MS: u64 = 1_764_016_800_000;

/// Small, so that a few hundred entries fill several.
const SEGMENT_SIZE_BYTES: u64 = 16 * 1024;

/// How long a line that must come may take; only a failing test waits so long.
const LINE_TIMEOUT: Duration = Duration::from_secs(30);

impl Ran {
    /// The lines, which must come with this exit code.
    fn lines(&self, exit: i32) -> Vec<&str> {
        assert_eq!(self.exit, exit, "{}{}", self.stdout, self.stderr);
        self.stdout.lines().collect()
    }

    fn json(&self, exit: i32) -> Value {
        assert_eq!(self.exit, exit, "{}{}", self.stdout, self.stderr);
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

/// A cluster `demo` of three nodes that never ran.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Home {
        let home = Home(tempfile::tempdir().expect("a temporary directory can be made"));
        common::found_cluster(home.0.path(), "demo", 3, WALL_MS);
        home
    }

    fn node(&self, id: u64) -> PathBuf {
        self.0.path().join(format!("demo/nodes/n{id}"))
    }

    fn raftctl(&self, words: &[&str]) -> Command {
        let mut command = common::raftctl(self.0.path(), words);
        command.current_dir(self.0.path());
        command
    }

    fn run(&self, words: &[&str]) -> Ran {
        Ran::from(self.raftctl(words).output().expect("the binary runs"))
    }

    /// Appends entries behind what node `id` holds, and closes its directory.
    fn append(&self, id: u64, entries: &[Appended], commit: u64) {
        let mut log = OpenLog::open(&self.node(id));
        log.append(entries, commit);
        log.journal.close().expect("a journal closes");
    }
}

/// Term, kind and payload of an entry.
type Appended = (u64, Kind, Vec<u8>);

struct OpenLog {
    journal: Journal,
    next: u64,
    link: u32,
    seq: u64,
}

impl OpenLog {
    fn open(node: &Path) -> OpenLog {
        let options =
            JournalOptions { segment_size_bytes: SEGMENT_SIZE_BYTES, sync: SyncMode::None, rules: Rules::sound() };
        let (journal, recovered) = Journal::open(&layout::data_dir(node), options).expect("the directory opens");
        let next = recovered.shape.last().0 + 1;
        OpenLog { journal, next, link: recovered.last_check, seq: 0 }
    }

    fn append(&mut self, entries: &[Appended], commit: u64) {
        let mut records = BytesMut::new();
        let first = self.next;
        for (term, kind, payload) in entries {
            let wall_ms = WALL_MS + self.next * 1_000;
            let id = LogId::new(self.next, *term);
            self.link = append_record(&mut records, self.link, *kind, id, wall_ms, |out| out.extend(payload));
            self.next += 1;
        }
        let term = entries.last().map_or(1, |(term, _, _)| *term);
        let range = (!entries.is_empty()).then_some((Index(first), Index(self.next - 1)));
        let records = if entries.is_empty() { Vec::new() } else { vec![records.freeze()] };
        let batch = WriteBatch {
            seq: WriteSeq(0),
            hard_state: Some(HardState { term: Term(term), vote: None }),
            reset_to: None,
            truncate_from: None,
            records,
            range,
            commit_hint: Index(commit.min(first - 1)),
            compact_to: None,
        };
        // What is committed is known only when it is durable.
        let committed = WriteBatch { records: Vec::new(), range: None, commit_hint: Index(commit), ..batch.clone() };
        self.write(batch);
        self.write(committed);
    }

    fn write(&mut self, batch: WriteBatch) {
        self.seq += 1;
        self.journal.write_group(&[WriteBatch { seq: WriteSeq(self.seq), ..batch }]).expect("a write succeeds");
    }
}

fn noop(term: u64) -> Appended {
    (term, Kind::Noop, Vec::new())
}

fn write(term: u64, key: &str, operation: Operation) -> Appended {
    let mut payload = BytesMut::new();
    encode_command(&Write { key: key.as_bytes().to_vec(), operation }, &mut payload);
    (term, Kind::Command, payload.to_vec())
}

fn put(term: u64, key: &str, value: &str) -> Appended {
    write(term, key, Operation::Put { value: value.as_bytes().to_vec() })
}

/// Write number `serial` of one session.
fn once(mut appended: Appended, serial: u64) -> Appended {
    let mut tag = BytesMut::new();
    append_session(SessionTag { session: SessionId(0xabc), serial, awaited_from: 1, opened_ms: 0 }, &mut tag);
    appended.2.extend_from_slice(&tag);
    appended
}

/// Entry 2 is a no-op, then come `count` puts on ten keys.
fn many(count: u64) -> Vec<Appended> {
    let puts = (0..count).map(|number| put(2, &format!("user/{}", number % 10), &format!("value {number} {:>60}", "")));
    std::iter::once(noop(2)).chain(puts).collect()
}

fn indexes(lines: &[&str]) -> Vec<u64> {
    let index = |line: &&str| serde_json::from_str::<Value>(line).expect("a JSON line")["index"].as_u64().unwrap();
    lines.iter().map(index).collect()
}

#[test]
fn every_filter_chooses_and_both_directions_cross_segments() {
    let home = Home::new();
    home.append(1, &many(600), 602);
    let segments = fs::read_dir(layout::log_dir(&layout::data_dir(&home.node(1)))).unwrap().count();
    assert!(segments > 4, "{segments} segments are several");
    let shown = |words: &[&str]| {
        let ran = home.run(&[&["log", "show", "n1", "-o", "json"], words].concat());
        indexes(&ran.lines(0))
    };
    assert_eq!(shown(&[]), (1..=602).collect::<Vec<_>>());
    assert_eq!(shown(&["--index", "300..303"]), [300, 301, 302, 303]);
    assert_eq!(shown(&["--term", "..1"]), [1]);
    assert_eq!(shown(&["--kind", "noop"]), [2]);
    assert_eq!(shown(&["--key", "user/7", "--limit", "2"]), [10, 20]);
    assert_eq!(shown(&["--key", "user/7", "--tail", "2"]), [590, 600]);
    assert_eq!(shown(&["--key", "user/7", "--reverse", "--limit", "3"]), [600, 590, 580]);
    assert_eq!(shown(&["--prefix", "user/", "--index", "600.."]), [600, 601, 602]);
    assert_eq!(shown(&["--text", "value 599 "]), [602]);
    assert_eq!(shown(&["--text", "127.0.0.1:7102"]), [1]);
    assert_eq!(shown(&["--size", "..10B"]), [2]);
    assert_eq!(shown(&["--size", "100B.."]), [1], "only the configuration is so long");
    assert_eq!(shown(&["--since", "2025-11-24T20:49:59Z", "--until", "2025-11-24T20:50:01Z"]), [599, 600, 601]);
    assert_eq!(shown(&["--reverse"]), (1..=602).rev().collect::<Vec<_>>());
    assert_eq!(shown(&["--reverse", "--index", "10..200", "--limit", "2"]), [200, 199]);
    assert_eq!(shown(&["--tail", "1000"]).len(), 602);
    assert_eq!(shown(&["--key", "nobody", "--reverse"]), [0; 0]);
}

#[test]
fn sessions_are_a_filter_and_values_with_commas_are_quoted() {
    let home = Home::new();
    home.append(1, &[noop(2), once(put(2, "a", "1,\"2\""), 1), put(2, "a", "3")], 4);
    let shown = home.run(&["log", "show", "n1", "-o", "json", "--session", &"0".repeat(29)]);
    assert_eq!(indexes(&shown.lines(0)), [3]);
    let csv = home.run(&["log", "show", "n1", "--csv", "--key", "a"]);
    let lines = csv.lines(0);
    assert!(lines[0].starts_with("node,index,term,time,kind,says,op,key,value,"), "{}", lines[0]);
    assert!(
        lines[1].starts_with(
            "n1,3,2,2025-11-24T20:40:03.000Z,command,\"put a = 1,\"\"2\"\"\",put,a,\"1,\"\"2\"\"\",false,"
        ),
        "{}",
        lines[1]
    );
    assert_eq!((lines.len(), lines[0].split(',').count(), lines[2].split(',').count()), (3, 15, 15));
    let both = home.run(&["log", "show", "n1", "--csv", "-o", "json"]);
    assert!(both.exit == 2 && both.stderr.contains("--csv"), "{}", both.stderr);
}

#[test]
fn a_followed_log_ends_at_its_limit() {
    let home = Home::new();
    let mut log = OpenLog::open(&home.node(1));
    log.append(&[noop(2), put(2, "a", "1")], 1);
    let child = home
        .raftctl(&["log", "show", "n1", "-o", "json", "-f", "--key", "a", "--limit", "2"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    log.append(&[put(2, "b", "2"), put(2, "a", "3"), put(2, "a", "4")], 1);
    let ran = Ran::from(child.wait_with_output().expect("the binary ends"));
    assert_eq!(indexes(&ran.lines(0)), [3, 5]);
}

#[test]
fn a_compaction_is_a_line_of_its_own() {
    let home = Home::new();
    let mut log = OpenLog::open(&home.node(1));
    log.append(&many(600), 602);
    let words = ["log", "show", "n1", "-o", "json", "-f", "--index", "603..", "--limit", "2"];
    let mut child = home.raftctl(&words).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the binary runs");
    let stdout = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let next = || -> Value {
        let line = lines.recv_timeout(LINE_TIMEOUT).expect("the next line comes");
        serde_json::from_str(&line).expect("a JSON line")
    };
    log.append(&[put(2, "a", "1")], 602);
    assert_eq!(next()["index"], 603);
    compact(&mut log, &home);
    let note = next();
    assert_eq!((&note["schema"], &note["note"]), (&"raftctl.log-note/v1".into(), &"compacted".into()));
    assert!(note["says"].as_str().unwrap().starts_with("compacted 1.."), "{note}");
    log.append(&[put(2, "a", "2")], 602);
    // Segments go one by one, so there may be more than one such line.
    let line = std::iter::repeat_with(next).find(|line| line["note"] != "compacted").expect("lines go on");
    assert_eq!(line["index"], 604);
    assert!(child.wait().expect("it ends at its limit").success());
}

#[test]
fn a_whole_log_is_proved_and_every_flipped_byte_is_found() {
    let home = Home::new();
    home.append(1, &many(20), 22);
    let whole = home.run(&["log", "verify", "n1", "n2", "-o", "json"]).json(0);
    assert_eq!((&whole["schema"], &whole["logs"][0]["whole"]), (&"raftctl.log-verify/v1".into(), &true.into()));
    assert_eq!((&whole["logs"][0]["entries"], &whole["logs"][1]["entries"]), (&22.into(), &1.into()));
    let lines = home.run(&["log", "verify", "n1"]);
    assert!(lines.lines(0)[1].contains("whole"), "{}", lines.stdout);

    let segment = layout::log_dir(&layout::data_dir(&home.node(1))).join(layout::segment_name(1, Index(1)));
    let bytes = fs::read(&segment).expect("the segment is there");
    for at in [20, 4_096 + 3, 4_096 + 60, 4_400, 5_500] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 4;
        fs::write(&segment, damaged).expect("the segment can be written");
        let ran = home.run(&["log", "verify", "n1", "-o", "json"]);
        let report = ran.json(7);
        let damage = &report["logs"][0]["damage"][0];
        assert!(damage["offset"].as_u64().unwrap() <= at as u64, "byte {at}: {damage}");
        assert!(damage["kind"].is_string() && damage["explanation"].is_string(), "byte {at}: {damage}");
        let error: Value = serde_json::from_str(&ran.stderr).expect("one error");
        assert_eq!((&error["code"], &error["exit"]), (&"E0401".into(), &7.into()));
    }
    fs::write(&segment, &bytes).expect("the segment can be written");
    let table = home.run(&["log", "verify", "n1"]);
    assert_eq!(table.exit, 0, "{}", table.stderr);
}

#[test]
fn a_torn_tail_is_a_note() {
    let home = Home::new();
    let mut log = OpenLog::open(&home.node(1));
    log.append(&many(3), 5);
    drop(log);
    let segment = layout::log_dir(&layout::data_dir(&home.node(1))).join(layout::segment_name(1, Index(1)));
    let mut bytes = fs::read(&segment).expect("the segment is there");
    // The last marker ends with a small number, of which seven bytes are zeros.
    let end = bytes.iter().rposition(|byte| *byte != 0).expect("it is not empty") + 8;
    bytes.resize(bytes.len().max(end + 30), 0);
    bytes[end..end + 30].fill(9);
    fs::write(&segment, bytes).expect("the segment can be written");
    let report = home.run(&["log", "verify", "n1", "-o", "json"]).json(0);
    assert_eq!((&report["logs"][0]["whole"], &report["logs"][0]["torn_bytes"]), (&true.into(), &30.into()));
    assert!(report["logs"][0]["notes"][0].as_str().unwrap().contains("never completed"));
}

#[test]
fn numbers_are_shown_as_bars_and_as_a_plot() {
    let home = Home::new();
    home.append(1, &many(100), 102);
    let stat = home.run(&["log", "stat", "n1", "-o", "json"]).json(0);
    let log = &stat["logs"][0];
    let sum = |list: &Value| list.as_array().unwrap().iter().map(|one| one["entries"].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum(&log["sizes"]), sum(&log["by_term"]), sum(&log["rates"]["buckets"])), (102, 102, 102));
    assert_eq!(log["first_time"], "2025-11-24T20:40:00.000Z");
    let text = home.run(&["log", "stat", "n1"]);
    assert!(text.lines(0).len() > 12, "{}", text.stdout);
    for part in ["kinds", "payloads", "terms", "rate", "│", "a column is", "2 2..102"] {
        assert!(text.stdout.contains(part), "{part}: {}", text.stdout);
    }
}

#[test]
fn tails_are_judged_and_elections_foretold() {
    let home = Home::new();
    let common = [noop(2), put(2, "a", "1")];
    for id in 1..=3 {
        home.append(id, &common, 2);
    }
    home.append(1, &[put(2, "a", "lost"), put(2, "b", "lost")], 2);
    home.append(2, &[noop(3), put(3, "a", "kept")], 2);
    home.append(3, &[noop(3), put(3, "a", "kept")], 2);
    let ran = home.run(&["log", "diff", "n1", "n2", "n3"]);
    assert_eq!(ran.exit, 5, "{}", ran.stderr);
    for line in [
        "4..5 of term 2, on n1: certainly not committed: only n1 of n1 n2 n3 can hold it, and a majority is 2",
        "4..5 of term 3, on n2 n3: committed: n2 n3 hold it, a majority is 2, and nobody without it could win an election",
        "n1 could not win an election: n2 n3 would refuse, with newer logs",
        "n2 could win an election now, with the votes of n1 n2 n3",
    ] {
        assert!(ran.stdout.lines().any(|found| found == line), "{line}\nis not in\n{}", ran.stdout);
    }
    assert!(ran.stderr.contains("E0403"), "{}", ran.stderr);
    let json = home.run(&["log", "diff", "n1", "n2", "n3", "-o", "json"]).json(5);
    assert_eq!(json["verdict"], "tails-differ");
    let fates: Vec<&Value> = json["tails"].as_array().unwrap().iter().map(|tail| &tail["verdict"]).collect();
    assert_eq!(fates, ["committed", "certainly-not-committed", "committed"]);
    let outcomes: Vec<&Value> = json["elections"].as_array().unwrap().iter().map(|one| &one["outcome"]).collect();
    assert_eq!(outcomes, ["loses", "wins", "wins"]);
}

#[test]
fn the_state_is_told_as_it_was_and_what_changed_since() {
    let home = Home::new();
    let incr = || write(2, "hits", Operation::Incr { by: 1 });
    let cas = |expect| write(2, "colour", Operation::Cas { expect, value: b"blue".to_vec() });
    let entries = [
        noop(2),
        put(2, "colour", "red"),
        once(incr(), 1),
        once(incr(), 1),
        put(2, "colour", "green"),
        cas(Expect::Absent),
        write(2, "hits", Operation::Delete),
    ];
    home.append(1, &entries, 7);
    let state = |words: &[&str], exit| home.run(&[&["log", "state", "n1", "-o", "json"], words].concat()).json(exit);
    let pairs = |state: &Value| -> Vec<(String, String)> {
        let text = |item: &Value, name: &str| item[name].as_str().unwrap().to_owned();
        state["items"].as_array().unwrap().iter().map(|item| (text(item, "key"), text(item, "value"))).collect()
    };
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(pairs(&state(&["--at", "1"], 0)), []);
    assert_eq!(pairs(&state(&["--at", "3"], 0)), [pair("colour", "red")]);
    assert_eq!(pairs(&state(&["--at", "5"], 0)), [pair("colour", "red"), pair("hits", "1")], "a repeat counts once");
    assert_eq!(pairs(&state(&["--at", "5", "--prefix", "h"], 0)), [pair("hits", "1")]);
    let last = state(&[], 0);
    assert_eq!((&last["at"], &last["term"], pairs(&last)), (&8.into(), &2.into(), vec![pair("colour", "green")]));

    let history = state(&["--key", "hits"], 3);
    let effects: Vec<&str> =
        history["history"].as_array().unwrap().iter().map(|one| one["effect"].as_str().unwrap()).collect();
    assert_eq!(effects, ["version 1: 1", "nothing: it repeats entry 4", "deleted"]);
    let colour = home.run(&["log", "state", "n1", "--key", "colour"]);
    assert!(colour.lines(0)[3].ends_with("nothing: the condition did not hold"), "{}", colour.stdout);
    assert!(colour.stderr.contains("entries 8..8 are not known to be committed"), "{}", colour.stderr);

    let diff = home.run(&["log", "state", "n1", "--at", "4", "--diff", "8"]);
    assert_eq!(diff.lines(0), ["~ colour = red → green", "- hits = 1"]);
    let back = home.run(&["log", "state", "n1", "--at", "8", "--diff", "4"]);
    assert_eq!(back.lines(0), ["~ colour = green → red", "+ hits = 1"]);
    let beyond = home.run(&["log", "state", "n1", "--at", "9"]);
    assert!(
        beyond.exit == 2 && beyond.stderr.contains("E0406") && beyond.stderr.contains("--at 8"),
        "{}",
        beyond.stderr
    );
}

/// A node whose log was compacted behind a snapshot of entry 300. Entry 100 is a write of a session, entry 400 repeats it.
fn compacted() -> Home {
    let home = Home::new();
    let mut entries = many(600);
    for index in [100, 400] {
        entries[index - 2] = once(put(2, "once", "1"), 1);
    }
    let mut log = OpenLog::open(&home.node(1));
    log.append(&entries, 602);
    compact(&mut log, &home);
    log.journal.close().expect("a journal closes");
    home
}

/// Takes a snapshot of entry 300 of node 1, and forgets what it covers.
fn compact(log: &mut OpenLog, home: &Home) {
    let mut machine = StateMachine::new(1 << 20, SessionLimits::default());
    machine.skip(1, 0);
    let mut link = 0;
    for entry in Source::at(home.node(1)).entries().expect("there is a log").map_while(Result::ok) {
        if entry.header.id.index.0 > 300 {
            break;
        }
        link = entry.header.check;
        if entry.header.id.index.0 > 1 {
            apply(&mut machine, &entry);
        }
    }
    let head = SnapshotHead {
        last: LogId::new(300, 2),
        config: common::config(3).into(),
        settings: Settings::default(),
        config_index: Index(1),
        link,
        log_bytes: 40_000,
    };
    log.journal.snapshots().write(&head, &machine).expect("a snapshot is written");
    log.write(WriteBatch {
        seq: WriteSeq(0),
        hard_state: None,
        reset_to: None,
        truncate_from: None,
        records: Vec::new(),
        range: None,
        commit_hint: Index(log.next - 1),
        compact_to: Some(Index(300)),
    });
}

fn apply(machine: &mut StateMachine, entry: &StoredEntry) {
    let id = entry.header.id;
    match raftctl::codec::entry::decode_write(&entry.payload) {
        Ok(write) if entry.header.kind == Kind::Command => drop(machine.apply(id.index.0, id.term.0, write)),
        _ => machine.skip(id.index.0, 0),
    }
}

#[test]
fn a_compacted_log_is_read_from_its_snapshot_on() {
    let home = compacted();
    let shown = home.run(&["log", "show", "n1", "-o", "json"]);
    let first = indexes(&shown.lines(0))[0];
    assert!(first > 100 && first <= 301, "the log begins with {first}");
    let verified = home.run(&["log", "verify", "n1", "-o", "json"]).json(0);
    assert_eq!(verified["logs"][0]["snapshots"][0]["whole"], true);
    let state = home.run(&["log", "state", "n1", "--at", "400", "-o", "json"]).json(0);
    assert_eq!((&state["snapshot"], &state["keys"]), (&300.into(), &11.into()));
    assert_eq!((&state["items"][0]["key"], &state["items"][0]["version"]), (&"once".into(), &1.into()));
    assert_eq!((&state["items"][1]["revision"], &state["items"][1]["version"]), (&393.into(), &40.into()));
    let repeated = home.run(&["log", "state", "n1", "--key", "once", "-o", "json"]).json(0);
    assert_eq!(repeated["history"][0]["effect"], "nothing: it repeats entry 100", "sessions go on from the snapshot");
    let earlier = home.run(&["log", "state", "n1", "--at", "200"]);
    assert!(earlier.exit == 2 && earlier.stderr.contains("entry 300@2"), "{}", earlier.stderr);
    let found = home.run(&["log", "bisect", "n1", "--until", "key=user/0 version=41", "-o", "json"]).json(0);
    assert_eq!((&found["from"], &found["entry"]["index"]), (&300.into(), &403.into()));
    let inspected = home.run(&["inspect", home.node(1).to_str().unwrap()]);
    for segment in ["232..346  |ssss", "  |===="] {
        assert!(inspected.lines(0).iter().any(|line| line.contains(segment)), "{segment}: {}", inspected.stdout);
    }

    let file = layout::snapshot_dir(&layout::data_dir(&home.node(1))).join(layout::snapshot_name(LogId::new(300, 2)));
    let shown = home.run(&["snapshot", "show", file.to_str().unwrap(), "--items", "-o", "json"]).json(0);
    assert_eq!((&shown["last"], &shown["keys"], &shown["members"][2]["name"]), (&300.into(), &11.into(), &"n3".into()));
    assert_eq!((&shown["items"][1]["revision"], &shown["sessions"]), (&293.into(), &1.into()));
    let proved = home.run(&["snapshot", "verify", file.to_str().unwrap()]);
    assert!(proved.lines(0)[1].contains("whole"), "{}", proved.stdout);
    let text = home.run(&["snapshot", "show", file.to_str().unwrap()]);
    assert!(text.lines(0).contains(&"last entry   300@2"), "{}", text.stdout);

    let snapshots = layout::snapshot_dir(&layout::data_dir(&home.node(1)));
    let snapshot = snapshots.join(layout::snapshot_name(LogId::new(300, 2)));
    let mut bytes = fs::read(&snapshot).expect("the snapshot is there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&snapshot, bytes).expect("it can be written");
    let damaged = home.run(&["log", "verify", "n1", "-o", "json"]).json(7);
    let kinds: Vec<&Value> =
        damaged["logs"][0]["damage"].as_array().unwrap().iter().map(|damage| &damage["kind"]).collect();
    assert!(kinds.contains(&&Value::from("snapshot")), "{kinds:?}");
    let broken = home.run(&["snapshot", "verify", snapshot.to_str().unwrap(), "-o", "json"]).json(7);
    assert_eq!(broken["snapshots"][0]["whole"], false);
    assert_eq!(home.run(&["snapshot", "show", snapshot.to_str().unwrap()]).exit, 7);
    assert_eq!(home.run(&["snapshot", "show", "nothing.snap"]).exit, 2);
}

#[test]
fn the_entry_that_made_something_true_is_found() {
    let home = Home::new();
    let entries = [noop(2), put(2, "colour", "red"), put(2, "other", "green"), put(2, "colour", "green")];
    home.append(1, &entries, 5);
    let bisect = |condition: &str| home.run(&["log", "bisect", "n1", "--until", condition]);
    let found = bisect("key=colour value=green");
    let lines = found.lines(0);
    assert_eq!(lines[0], "entry 5@2 made it true: put colour = green");
    assert_eq!(lines[1..3], ["  before  version 1: red, since entry 3", "  after   version 2: green"]);
    assert_eq!(bisect("key=colour").lines(0)[0], "entry 3@2 made it true: put colour = red");
    assert!(bisect("key=nobody absent").lines(0).is_empty(), "it was true from the beginning");
    let never = bisect("key=colour value=blue");
    assert!(never.exit == 5 && never.stderr.contains("E0408"), "{}", never.stderr);
    let wrong = bisect("colour=green");
    assert!(wrong.exit == 2 && wrong.stderr.contains("key=K"), "{}", wrong.stderr);
}

#[test]
fn an_export_becomes_the_same_log_again() {
    let home = Home::new();
    let mut entries = many(300);
    entries.push((3, Kind::Unknown(17), vec![0, 255, 1]));
    home.append(1, &entries, 302);
    let export = home.run(&["log", "export", "n1"]);
    assert_eq!(export.lines(0).len(), 1 + 303 + 1, "a header, the entries and an end");
    let file = home.0.path().join("n1.jsonl");
    fs::write(&file, &export.stdout).expect("the export can be written");
    let imported = home.run(&["log", "import", "n1.jsonl", "--out", "./copy/"]);
    assert_eq!(imported.lines(0), ["303 entries in ./copy"]);

    let records = |path: PathBuf| -> Vec<(u32, Vec<u8>)> {
        let entries = Source::at(path).entries().expect("there is a log").map(|entry| entry.expect("it is whole"));
        entries.map(|entry| (entry.header.check, entry.payload.to_vec())).collect()
    };
    assert_eq!(records(home.node(1)), records(home.0.path().join("copy")), "the check covers every other field");
    assert_eq!(home.run(&["log", "export", "./copy"]).stdout, export.stdout);
    assert_eq!(home.run(&["log", "verify", "./copy"]).exit, 0);
    let again = home.run(&["log", "import", "n1.jsonl", "--out", "./copy"]);
    assert!(again.exit == 2 && again.stderr.contains("E0410"), "{}", again.stderr);
}

#[test]
fn a_part_of_a_log_is_carried_through_a_pipe_and_a_changed_line_is_refused() {
    let home = Home::new();
    home.append(1, &many(50), 52);
    let part = home.run(&["log", "export", "n1", "--index", "20..30"]);
    let import = |text: &str, out: &str| {
        let mut child = home
            .raftctl(&["log", "import", "-", "--out", out])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        child.stdin.take().expect("stdin is a pipe").write_all(text.as_bytes()).expect("it reads everything");
        Ran::from(child.wait_with_output().expect("the binary ends"))
    };
    assert_eq!(import(&part.stdout, "part").lines(0), ["11 entries in part"]);
    let shown = home.run(&["log", "show", "./part", "-o", "json"]);
    assert_eq!(indexes(&shown.lines(0)), (20..=30).collect::<Vec<_>>());

    let lines: Vec<&str> = part.stdout.lines().collect();
    let missing = [&lines[..5], &lines[6..]].concat().join("\n");
    let changed = part.stdout.replacen("\"wall_ms\":1764016825000", "\"wall_ms\":1764016825001", 1);
    assert_ne!(changed, part.stdout);
    for (text, line) in [(missing, "line 6"), (changed, "line 7"), (lines[..8].join("\n"), "ends without")] {
        let ran = import(&text, "broken");
        assert!(ran.exit == 7 && ran.stderr.contains(line), "{line}: {}", ran.stderr);
        assert!(!home.0.path().join("broken").exists(), "nothing is made of what is not whole");
    }
}

#[test]
fn looking_changes_nothing() {
    let home = compacted();
    let before = content(home.0.path());
    for line in [
        &["log", "show", "n1", "--reverse"][..],
        &["log", "verify", "n1"],
        &["log", "stat", "n1"],
        &["log", "diff", "n1", "n2"],
        &["log", "state", "n1"],
        &["log", "bisect", "n1", "--until", "key=none"],
        &["log", "export", "n1"],
        &["inspect", "demo"],
        &["inspect", "demo/nodes/n1/data/log"],
    ] {
        let ran = home.run(line);
        assert!([0, 5].contains(&ran.exit), "{line:?}: {}", ran.stderr);
    }
    assert!(content(home.0.path()) == before, "files changed");
}

/// What fuzzing found worth keeping (`tests/fuzz/run.sh`), and an empty input.
#[test]
fn every_decoder_takes_what_fuzzing_found() {
    for (name, decode) in fuzz::TARGETS {
        decode(&[]);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(name);
        let inputs = content(&folder);
        assert!(!inputs.is_empty(), "{name} has inputs");
        for (path, input) in inputs {
            let outcome = std::panic::catch_unwind(|| decode(&input));
            assert!(outcome.is_ok(), "{} breaks it", path.display());
        }
    }
}
