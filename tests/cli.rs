//! The built binary as a user meets it: help of every command, exit codes, errors as JSON, closed pipes, completion
//! scripts, and reading a node's directory offline. No cluster runs here.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::BytesMut;
use clap_complete::Shell;
use raftctl::cli::{completions, help};
use raftctl::codec::{Kind, WriteBatch, append_record};
use raftctl::raft::{HardState, Index, LogId, Term, WriteSeq};
use raftctl::storage::layout;
use raftctl::storage::{Journal, JournalOptions, SyncMode};
use serde_json::Value;

mod common;

use common::Ran;

const WALL_MS: u64 = 1_764_016_800_123;

/// Set it to write the files in `completions/` anew.
const REGENERATE: &str = "RAFTCTL_REGENERATE";

/// How long a line that must come may take; only a failing test waits so long.
const LINE_TIMEOUT: Duration = Duration::from_secs(30);

/// A state directory of its own.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Home {
        Home(tempfile::tempdir().expect("a temporary directory can be made"))
    }

    fn raftctl(&self, words: &[&str]) -> Command {
        common::raftctl(self.0.path(), words)
    }

    fn run(&self, words: &[&str]) -> Ran {
        Ran::from(self.raftctl(words).output().expect("the binary runs"))
    }

    /// A cluster of `count` nodes as it is before its first start.
    fn make_cluster(&self, name: &str, count: u64) {
        common::found_cluster(self.0.path(), name, count, WALL_MS);
    }

    fn node(&self, cluster: &str, node: &str) -> PathBuf {
        self.0.path().join(cluster).join("nodes").join(node)
    }
}

/// The words of every command, visible or hidden, that can be run.
fn commands() -> Vec<Vec<String>> {
    fn collect(command: &clap::Command, words: &[String], found: &mut Vec<Vec<String>>) {
        for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
            let mut next = words.to_vec();
            next.push(below.get_name().to_owned());
            found.push(next.clone());
            collect(below, &next, found);
        }
    }
    let mut found = Vec::new();
    collect(&help::command(), &[], &mut found);
    assert!(found.len() > 30, "the definition lists the commands");
    found
}

#[test]
fn every_command_has_help_with_an_example() {
    let home = Home::new();
    for words in std::iter::once(Vec::new()).chain(commands()) {
        let mut line: Vec<&str> = words.iter().map(String::as_str).collect();
        line.push("--help");
        let ran = home.run(&line);
        assert_eq!((ran.exit, ran.stderr.as_str()), (0, ""), "{line:?}");
        let example = format!("raftctl {}", words.first().map_or("", String::as_str));
        let (_, examples) = ran.stdout.split_once("Examples:").unwrap_or_else(|| panic!("{line:?} has no example"));
        let is_short = ["put", "delete", "append", "incr", "cas", "txn", "lease"]
            .contains(&words.first().map_or("", String::as_str));
        assert!(is_short || examples.contains(example.trim_end()), "{line:?}: the example shows another command");
    }
}

#[test]
fn every_flag_and_argument_says_what_it_does() {
    fn check(command: &clap::Command) {
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.len() > 5, "{} {}: no help", command.get_name(), argument.get_id());
            assert!(!help.ends_with('.'), "{} {}: {help:?}", command.get_name(), argument.get_id());
        }
        command.get_subcommands().for_each(check);
    }
    check(&help::command());
}

#[test]
fn the_completion_scripts_are_fresh() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("completions");
    for (shell, name) in [
        (Shell::Bash, "raftctl.bash"),
        (Shell::Zsh, "_raftctl"),
        (Shell::Fish, "raftctl.fish"),
        (Shell::PowerShell, "_raftctl.ps1"),
        (Shell::Elvish, "raftctl.elv"),
    ] {
        let script = completions::static_script(shell);
        let path = folder.join(name);
        if std::env::var_os(REGENERATE).is_some() {
            fs::create_dir_all(&folder).expect("completions/ can be made");
            fs::write(&path, &script).expect("a script can be written");
        }
        let there = fs::read(&path).unwrap_or_default();
        assert!(there == script, "{name} is stale: run `{REGENERATE}=1 cargo test --test cli`");
    }
}

#[test]
fn both_completion_scripts_of_every_shell_are_printed() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let dynamic = home.run(&["completions", shell]);
        assert_eq!(dynamic.exit, 0, "{shell}: {}", dynamic.stderr);
        assert!(dynamic.stdout.contains("COMPLETE") && dynamic.stdout.contains("raftctl"), "{shell}");
        let fixed = home.run(&["completions", shell, "--static"]);
        assert!(fixed.stdout.contains("raftctl") && !fixed.stdout.contains("COMPLETE="), "{shell}");
    }
}

#[test]
fn a_tab_offers_clusters_and_the_nodes_of_the_one_already_typed() {
    let home = Home::new();
    home.make_cluster("first", 1);
    home.make_cluster("second", 3);
    // As each shell's own script asks, and what it separates a word from its help with.
    for (shell, help) in
        [("bash", None), ("zsh", Some(':')), ("fish", Some('\t')), ("powershell", Some('\t')), ("elvish", None)]
    {
        let complete = |words: &[&str]| {
            let index = (words.len() - 1).to_string();
            let mut command = home.raftctl(&["--"]);
            command.args(words).env("COMPLETE", shell).env("_CLAP_COMPLETE_INDEX", index).env("_CLAP_IFS", "\n");
            Ran::from(command.output().expect("the binary runs"))
        };
        let clusters = complete(&["raftctl", "--cluster", ""]);
        assert_eq!(clusters.stdout.lines().collect::<Vec<_>>(), ["first", "second"], "{shell}");
        let nodes = complete(&["raftctl", "--cluster", "second", "log", "show", "n"]);
        assert_eq!(nodes.stdout.lines().collect::<Vec<_>>(), ["n1", "n2", "n3"], "{shell}");
        assert_eq!((nodes.exit, nodes.stderr.as_str()), (0, ""), "{shell}");
        let verbs = complete(&["raftctl", "log", "di"]);
        let verb = help.map_or(verbs.stdout.trim_end(), |mark| verbs.stdout.split(mark).next().unwrap_or_default());
        assert_eq!(verb, "diff", "{shell}: {}", verbs.stdout);
    }
}

#[test]
fn wrong_words_exit_with_2_and_name_the_right_line() {
    let home = Home::new();
    for (line, code, hint) in [
        (&["logs"][..], "E0102", "log show"),
        (&["ps"], "E0102", "raftctl cluster status"),
        (&["up"], "E0102", "raftctl cluster up"),
        (&["submit", "get", "k"], "E0102", "raftctl get KEY"),
        (&["top"], "E0103", "not supported yet"),
        (&["submit", "put", "k", "v", "--listen"], "E0103", "--listen"),
        (&["status", "--timeout", "30"], "E0101", "30s"),
        (&["get"], "E0101", "KEY"),
        (&["log", "show", "n1", "--index", "9..3"], "E0101", "9 is after 3"),
        (&["get", "k", "--consistency", "strong"], "E0101", "lease or stale"),
        (&["status", "--cluster", "a", "--endpoint", "b:1"], "E0104", "exclude"),
        (&["explain", "E9999"], "E0110", "E9999"),
        (&["log", "show", "n1"], "E0203", "cluster up"),
        (&["log", "show", "./nothing"], "E0107", "./nothing"),
        (&["inspect", "Cargo.toml"], "E0404", "Cargo.toml"),
    ] {
        let ran = home.run(line);
        assert_eq!((ran.exit, ran.stdout.as_str()), (2, ""), "{line:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(&format!("error[{code}]")), "{line:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(hint), "{line:?}: {}", ran.stderr);
        assert!(!ran.stderr.contains('\x1b'), "{line:?}: no colours without a terminal");
    }
}

#[test]
fn errors_under_json_are_one_json_document_alone() {
    let home = Home::new();
    for line in [
        &["-o", "json", "log", "show", "n1"][..],
        &["log", "show", "n1", "--output=json"],
        &["nonsense", "-ojson"],
        &["get", "-o", "json"],
    ] {
        let ran = home.run(line);
        let error: Value = serde_json::from_str(&ran.stderr).unwrap_or_else(|_| panic!("{line:?}: {}", ran.stderr));
        assert_eq!(error["schema"], "raftctl.error/v1", "{line:?}");
        assert_eq!(error["exit"], ran.exit, "{line:?}");
        let fields: Vec<&str> = error.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(fields, ["cause", "code", "exit", "fix", "message", "retry", "schema"], "{line:?}");
    }
}

#[test]
fn the_environment_counts_less_than_flags_and_wrong_values_are_named() {
    let home = Home::new();
    let json = Ran::from(home.raftctl(&["version"]).env("RAFTCTL_OUTPUT", "json").output().unwrap());
    assert_eq!(serde_json::from_str::<Value>(&json.stdout).unwrap()["schema"], "raftctl.version/v1");
    let table = Ran::from(home.raftctl(&["version", "-o", "table"]).env("RAFTCTL_OUTPUT", "json").output().unwrap());
    assert!(table.stdout.starts_with("raftctl "), "{}", table.stdout);
    let wrong = Ran::from(home.raftctl(&["version"]).env("RAFTCTL_TIMEOUT", "30").output().unwrap());
    assert_eq!(wrong.exit, 2);
    assert!(wrong.stderr.contains("RAFTCTL_TIMEOUT") && wrong.stderr.contains("30s"), "{}", wrong.stderr);
}

#[test]
fn a_closed_pipe_ends_quietly_with_0() {
    let home = Home::new();
    for line in [&["explain"][..], &["completions", "zsh", "--static"], &["--help"], &["man"], &["version"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe can be made");
        drop(reader);
        let mut child = home.raftctl(line).stdout(writer).stderr(Stdio::piped()).spawn().expect("the binary runs");
        let mut stderr = String::new();
        child.stderr.take().expect("stderr is a pipe").read_to_string(&mut stderr).expect("stderr is UTF-8");
        let status = child.wait().expect("the binary ends");
        assert_eq!((status.code(), stderr.as_str()), (Some(0), ""), "{line:?}");
    }
}

#[test]
fn every_error_code_is_explained_offline_in_text_and_json() {
    let home = Home::new();
    for page in raftctl::cli::catalogue::pages() {
        let told = home.run(&["explain", page.code]);
        assert_eq!((told.exit, told.stderr.as_str()), (0, ""), "{}", page.code);
        assert!(told.stdout.contains(page.code) && told.stdout.contains(page.title), "{}", told.stdout);
        let json: Value = serde_json::from_str(&home.run(&["explain", page.code, "-o", "json"]).stdout).expect("JSON");
        assert_eq!((&json["code"], &json["title"]), (&page.code.into(), &page.title.into()), "{json}");
        assert_eq!(json["exit"], page.exit.code(), "{json}");
    }
}

#[test]
fn version_man_and_explain_answer_in_every_format() {
    let home = Home::new();
    for line in [&["version"][..], &["explain", "E0201"], &["explain", "R1"], &["explain"]] {
        assert_eq!(home.run(line).exit, 0, "{line:?}");
        let json = home.run(&[line, &["-o", "json"]].concat());
        assert!(serde_json::from_str::<Value>(&json.stdout).unwrap()["schema"].is_string(), "{line:?}");
        let yaml = home.run(&[line, &["-o", "yaml"]].concat());
        assert!(yaml.stdout.starts_with("schema: raftctl."), "{line:?}: {}", yaml.stdout);
    }
    assert!(home.run(&["man", "cluster", "up"]).stdout.contains(".TH RAFTCTL-CLUSTER-UP"));
    assert!(home.run(&["explain", "E0102"]).stdout.contains("What to do:"));
    let near = home.run(&["explain", "E01000"]);
    assert!(near.stderr.contains("raftctl explain E0100\n"), "{}", near.stderr);
}

#[test]
fn a_founded_log_is_shown_compared_counted_and_identified() {
    let home = Home::new();
    home.make_cluster("demo", 3);
    let shown = home.run(&["log", "show", "n1"]);
    assert_eq!(shown.exit, 0, "{}", shown.stderr);
    let lines: Vec<&str> = shown.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{}", shown.stdout);
    assert_eq!(lines[1], "       1      1  2025-11-24T20:40:00.123Z  config   config voters (n1 n2 n3)");

    let json = home.run(&["log", "show", "n2", "-o", "json"]);
    let entry: Value = serde_json::from_str(json.stdout.trim_end()).expect("one JSON line");
    assert_eq!(
        (&entry["schema"], &entry["node"], &entry["index"]),
        (&"raftctl.entry/v1".into(), &"n2".into(), &1.into())
    );
    assert_eq!(entry["config"]["members"][2]["address"], "127.0.0.1:7103");
    assert_eq!(entry["command"], Value::Null);
    for nothing in
        [&["--kind", "command"][..], &["--index", "2.."], &["--until", "2020-01-01T00:00:00Z"], &["--tail", "0"]]
    {
        let ran = home.run(&[&["log", "show", "n1", "-o", "json"], nothing].concat());
        assert_eq!((ran.exit, ran.stdout.as_str()), (0, ""), "{nothing:?}: {}", ran.stderr);
    }

    let diff = home.run(&["log", "diff", "n1", "n2", "n3"]);
    assert_eq!(diff.exit, 0, "{}", diff.stderr);
    assert!(diff.stdout.contains("identical up to 1"), "{}", diff.stdout);
    let stat = home.run(&["log", "stat", "n1", "-o", "json"]);
    let stat: Value = serde_json::from_str(&stat.stdout).expect("a document");
    assert_eq!((&stat["logs"][0]["entries"], &stat["logs"][0]["configs"]), (&1.into(), &1.into()));

    let node = home.node("demo", "n1");
    let found = home.run(&["inspect", node.to_str().unwrap(), "-o", "json"]);
    assert_eq!(found.exit, 0, "{}", found.stderr);
    let found: Value = serde_json::from_str(&found.stdout).expect("a document");
    let kinds: Vec<&Value> =
        found["findings"][0]["inside"].as_array().unwrap().iter().map(|one| &one["kind"]).collect();
    assert_eq!(kinds, ["node-file", "data-directory"]);
    let wrong = home.run(&["log", "show", "n9"]);
    assert!(wrong.exit == 2 && wrong.stderr.contains("n1 n2 n3"), "{}", wrong.stderr);
}

#[test]
fn a_followed_log_shows_new_entries_and_truncations() {
    let home = Home::new();
    home.make_cluster("demo", 1);
    let data = layout::data_dir(&home.node("demo", "n1"));
    let options =
        JournalOptions { segment_size_bytes: 64 * 1024, sync: SyncMode::Always, rules: raftctl::raft::Rules::sound() };
    let (mut journal, recovered) = Journal::open(&data, options).expect("a founded directory opens");
    let mut write =
        |seq: u64, link: u32, term: u64, truncate_from: Option<u64>, indexes: std::ops::RangeInclusive<u64>| {
            let mut records = BytesMut::new();
            let range = Some((Index(*indexes.start()), Index(*indexes.end())));
            let mut link = link;
            let mut links = Vec::new();
            for index in indexes {
                link = append_record(&mut records, link, Kind::Noop, LogId::new(index, term), WALL_MS, |_| {});
                links.push(link);
            }
            let batch = WriteBatch {
                seq: WriteSeq(seq),
                hard_state: Some(HardState { term: Term(term), vote: None }),
                reset_to: None,
                truncate_from: truncate_from.map(Index),
                records: vec![records.freeze()],
                range,
                commit_hint: Index(1),
                compact_to: None,
            };
            journal.write_group(&[batch]).expect("a write succeeds");
            links
        };
    let mut child = home
        .raftctl(&["log", "show", "n1", "-f", "--index", "2.."])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let stdout = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
    let (sender, lines) = std::sync::mpsc::channel();
    std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let next = || lines.recv_timeout(LINE_TIMEOUT).expect("the next line comes");
    assert!(next().contains("WHAT IT SAYS"));
    let links = write(1, recovered.last_check, 2, None, 2..=4);
    let shown: Vec<String> = (0..3).map(|_| next()).collect();
    assert!(
        shown.iter().zip(2..).all(|(line, index)| line.trim_start().starts_with(&format!("{index}      2"))),
        "{shown:?}"
    );
    write(2, links[0], 3, Some(3), 3..=3);
    assert_eq!(next(), "truncated 3..4, conflict with term 3");
    assert!(next().trim_start().starts_with("3      3"));
    child.kill().expect("the follower can be ended");
    child.wait().expect("the follower ends");
}

#[test]
fn damage_is_printed_with_its_place_and_exits_with_7() {
    let home = Home::new();
    home.make_cluster("demo", 1);
    let segment = layout::log_dir(&layout::data_dir(&home.node("demo", "n1")))
        .join(layout::segment_name(1, raftctl::raft::Index(1)));
    let mut bytes = fs::read(&segment).expect("the segment is there");
    bytes[4_096 + 60] ^= 1;
    fs::write(&segment, bytes).expect("the segment can be written");
    for line in
        [&["log", "show", "n1"][..], &["log", "stat", "n1"], &["inspect", home.node("demo", "n1").to_str().unwrap()]]
    {
        let ran = home.run(line);
        assert_eq!(ran.exit, 7, "{line:?}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains("error[E0401]") && ran.stderr.contains("at byte 4096"), "{line:?}: {}", ran.stderr);
    }
}

#[test]
fn keys_of_identities_are_never_shown() {
    let home = Home::new();
    let secret = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";
    fs::write(home.0.path().join("key.pem"), secret).unwrap();
    fs::write(home.0.path().join("cert.pem"), "-----BEGIN CERTIFICATE-----\nbroken\n").unwrap();
    fs::write(home.0.path().join("reset.key"), "c2VjcmV0").unwrap();
    for format in ["table", "json", "yaml"] {
        let ran = home.run(&["inspect", home.0.path().to_str().unwrap(), "-o", format]);
        assert!(ran.stdout.contains("key.pem") && !ran.stdout.contains("c2VjcmV0"), "{}", ran.stdout);
        assert_eq!(ran.exit, 7, "a certificate that is not whole is damage: {}", ran.stderr);
    }
}
