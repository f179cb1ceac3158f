//! Data directories as released versions wrote them must open for ever, and say what they said then.
//!
//! Each folder beside this file is a version, each folder in it a node's directory with what was found in it when it was
//! made (`make.sh`). A later version may say more; what `expected.json` has stays.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::BytesMut;
use raftctl::inspect::export::{Importer, Line};
use raftctl::raft::{LogId, Rules};
use raftctl::storage::{Journal, JournalOptions, SyncMode, layout};
use serde_json::{Value, json};

use crate::common::{Ran, raftctl};
use crate::folders::copy;

/// Any: it only matters to what is written.
const SEGMENT_SIZE_BYTES: u64 = 133 * 1024;

#[test]
fn what_released_versions_wrote_opens_for_ever() {
    let nodes = kept();
    assert!(nodes.len() >= 2, "every released version has its directories here");
    for node in nodes {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        copy(&node, folder.path());
        let found = what_is_found(folder.path());
        let expected = node.join("expected.json");
        if std::env::var_os("RAFTCTL_REGENERATE").is_some() && !expected.exists() {
            let text = serde_json::to_string_pretty(&found).expect("it is JSON") + "\n";
            fs::write(&expected, text).expect("it can be written");
        }
        let text = fs::read_to_string(&expected).expect("what was found then is kept");
        let then: Value = serde_json::from_str(&text).expect("it is JSON");
        for (what, then) in then.as_object().expect("it is an object") {
            assert_eq!(&found[what], then, "{what} of {}", node.display());
        }
    }
}

/// By the commands that only read, then by recovery, which may write, and by the commands again.
fn what_is_found(dir: &Path) -> Value {
    let before = what_is_read(dir);
    let options =
        JournalOptions { segment_size_bytes: SEGMENT_SIZE_BYTES, sync: SyncMode::Always, rules: Rules::sound() };
    let (journal, found) = Journal::open(&layout::data_dir(dir), options).expect("it opens");
    let snapshot = found.snapshot.as_ref().expect("it has a snapshot");
    let (vote, machine) = (found.hard_state.vote.map(|id| id.0), &snapshot.image);
    let recovered = json!({
        "term": found.hard_state.term.0,
        "vote": vote,
        "first": found.shape.first.0,
        "last": id(found.shape.last_id().expect("it has entries")),
        "last_check": found.last_check,
        "commit_hint": found.commit_hint.0,
        "configurations": found.shape.configs.len(),
        "snapshot": {
            "last": id(snapshot.meta.last),
            "digest": snapshot.meta.digest,
            "log_bytes": snapshot.meta.log_bytes,
            "keys": machine.map().len(),
            "sum": machine.map().sum(),
            "sessions": machine.sessions().len(),
            "log_time_ms": machine.log_time_ms(),
        },
    });
    journal.close().expect("it closes");
    let after = what_is_read(dir);
    assert_eq!(after["state"], before["state"], "recovery changes nothing that counts");
    assert_eq!(after["export"], before["export"]);
    json!({"recovered": recovered, "state": before["state"], "export": before["export"], "segments": before["segments"]})
}

fn what_is_read(dir: &Path) -> Value {
    let home = tempfile::tempdir().expect("a temporary folder can be made");
    let path = dir.to_str().expect("temporary folders have plain names");
    let run = |words: &[&str]| -> Ran { raftctl(home.path(), words).output().expect("raftctl can be started").into() };
    let json = |ran: Ran| -> Value { serde_json::from_str(&ran.stdout).expect("it prints JSON") };
    let verified = run(&["log", "verify", path, "-o", "json"]);
    assert_eq!(verified.exit, 0, "{}", verified.stderr);
    let state = json(run(&["log", "state", path, "-o", "json"]));
    let shown = run(&["log", "show", path, "-o", "json"]);
    let files: Vec<Value> = fs::read_dir(layout::log_dir(&layout::data_dir(dir)))
        .expect("it has a log")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned().into())
        .collect();
    assert_eq!(shown.exit, 0, "{}", shown.stderr);
    let exported = run(&["log", "export", path]);
    assert_eq!(exported.exit, 0, "{}", exported.stderr);
    let kept = dir.join("export.jsonl");
    let then = fs::read(&kept).expect("the log as it was exported then is kept");
    assert_eq!(records(exported.stdout.as_bytes()), records(&then), "an old export reads as the log does");
    json!({
        "state": {"at": state["at"], "keys": state["keys"], "items": state["items"]},
        "export": {"records": shown.stdout.lines().count(), "bytes": records(&then).len()},
        "segments": files.len(),
    })
}

/// All records of an export, one after another.
fn records(export: &[u8]) -> Vec<u8> {
    let mut importer = Importer::default();
    let mut all = BytesMut::new();
    for line in export.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        if let Line::Record { record, .. } = importer.line(line).expect("an export can be imported") {
            all.extend_from_slice(&record);
        }
    }
    importer.finish().expect("it is whole");
    all.to_vec()
}

fn id(id: LogId) -> Value {
    json!(id.to_string())
}

/// The nodes' directories of all versions.
fn kept() -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats");
    let folders = |path: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(path).expect("it can be listed").map(|entry| entry.expect("an entry").path());
        entries.filter(|path| path.is_dir()).collect()
    };
    let mut nodes: Vec<PathBuf> = folders(&here).iter().flat_map(|version| folders(version)).collect();
    nodes.sort();
    nodes
}
