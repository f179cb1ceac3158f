//! The house rules, checked on the source text: which module may use which, what pure modules may not name, how
//! long functions and files may be, and that every file says what it is for.
//!
//! It reads text, not syntax trees: simple rules that a reader can check by eye, and no false calm from a parser
//! that skips what it does not know.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 800;

/// Who may use whom: `(module, what it may name)`. Everything else is forbidden. `docs/architecture.md` shows the
/// same table, and a test below checks that the two agree. `a/b` allows only that file of a module.
const ARROWS: &[(&str, &[&str])] = &[
    ("raft", &[]),
    ("state_machine", &[]),
    ("api", &["raft", "state_machine"]),
    ("codec", &["raft", "state_machine", "api"]),
    ("storage", &["codec", "raft", "api"]),
    ("replica", &["raft", "state_machine", "codec", "api"]),
    ("transport", &["codec", "raft", "api"]),
    ("observe", &["raft", "api"]),
    ("node", &["replica", "storage", "transport", "codec", "observe", "raft", "api", "state_machine"]),
    ("client", &["transport", "codec", "raft", "api", "state_machine"]),
    (
        "cluster",
        &[
            "client",
            "observe",
            "transport/identity",
            "storage/layout",
            "storage/restore",
            "raft",
            "api",
            "codec/settings",
        ],
    ),
    ("inspect", &["storage", "codec", "state_machine", "raft", "api"]),
    ("sim", &["replica", "storage", "codec", "raft", "state_machine", "api"]),
    (
        "cli",
        &[
            "raft",
            "state_machine",
            "api",
            "codec",
            "storage",
            "transport/identity",
            "node",
            "client",
            "observe",
            "cluster",
            "inspect",
            "sim",
        ],
    ),
];

/// Modules that may name no clock, file, socket, thread, chance or unordered map.
const PURE: &[&str] = &["raft", "state_machine", "replica", "sim", "api", "codec"];

const IMPURE_WORDS: &[&str] = &[
    "tokio",
    "quinn",
    "std::fs",
    "std::net",
    "std::thread",
    "std::time",
    "rand::",
    "HashMap",
    "HashSet",
    "SystemTime",
    "Instant",
];

struct Source {
    module: String,
    path: PathBuf,
    text: String,
}

#[test]
fn modules_use_only_what_the_table_allows() {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let mut wrong = Vec::new();
    for source in sources() {
        if matches!(source.module.as_str(), "main" | "lib") {
            continue;
        }
        let may = allowed.get(source.module.as_str()).unwrap_or_else(|| panic!("{} is in the table", source.module));
        for (number, line) in code_lines(&source.text) {
            for used in modules_named(line) {
                let whole = used.split('/').next().expect("split gives at least one part");
                if whole == source.module || !allowed.contains_key(whole) {
                    continue;
                }
                let file_allowed = may.iter().any(|one| used == *one || used.starts_with(&format!("{one}/")));
                if !may.contains(&whole) && !file_allowed {
                    wrong.push(format!("{}:{number}: {} may not use {used}", source.path.display(), source.module));
                }
            }
        }
    }
    assert_none("forbidden arrows", &wrong);
}

#[test]
fn the_table_in_the_documentation_is_this_table() {
    let text = fs::read_to_string(root().join("docs/architecture.md")).expect("docs/architecture.md is there");
    let shown: BTreeSet<String> = text.lines().filter(|line| line.contains(" ─► ")).map(str::to_owned).collect();
    let real: BTreeSet<String> = ARROWS
        .iter()
        .map(|(module, uses)| match uses.is_empty() {
            true => format!("{module} ─► nothing"),
            false => format!("{module} ─► {}", uses.join(" ")),
        })
        .collect();
    let wrong: Vec<String> = real.symmetric_difference(&shown).cloned().collect();
    assert_none("arrows that the table and docs/architecture.md do not share", &wrong);
}

#[test]
fn pure_modules_name_nothing_impure() {
    let mut wrong = Vec::new();
    for source in sources() {
        if !PURE.contains(&source.module.as_str()) {
            continue;
        }
        for (number, line) in code_lines(&source.text) {
            for word in IMPURE_WORDS.iter().filter(|word| line.contains(**word)) {
                wrong.push(format!("{}:{number}: {word}", source.path.display()));
            }
        }
    }
    assert_none("impure words in pure modules", &wrong);
}

#[test]
fn only_the_disk_file_touches_files_in_storage() {
    let mut wrong = Vec::new();
    let judged = |s: &Source| s.module == "storage" && !s.path.ends_with("disk.rs") && !is_test_file(&s.path);
    for source in sources().into_iter().filter(judged) {
        for (number, line) in code_lines(production(&source.text)) {
            if line.contains("std::fs") {
                wrong.push(format!("{}:{number}", source.path.display()));
            }
        }
    }
    assert_none("std::fs outside src/storage/disk.rs", &wrong);
}

#[test]
fn only_the_simulator_breaks_rules() {
    let may_break = |path: &Path| {
        let path = path.to_string_lossy();
        path.starts_with("src/sim/") || path.starts_with("src/cli/sim") || path == "src/raft/rules.rs"
    };
    let breaks = |line: &str| {
        let words = ["Rules::without", "and_without", "parse::<Rules>", ".without("];
        words.iter().any(|word| line.contains(word))
    };
    let mut wrong = Vec::new();
    let (mut sound, mut others) = (0, 0);
    for source in sources().into_iter().filter(|source| !may_break(&source.path)) {
        for (number, line) in code_lines(production(&source.text)) {
            if breaks(line) {
                wrong.push(format!("{}:{number}: {}", source.path.display(), line.trim()));
            }
            if source.module == "node" {
                let here = line.matches("rules: Rules::sound()").count();
                sound += here;
                others += line.matches("rules: ").count() - here;
            }
        }
    }
    assert_none("rules broken outside the simulator", &wrong);
    assert!(sound > 0 && others == 0, "a node builds sound rules and no others");
}

#[test]
fn functions_and_files_are_short() {
    let mut wrong = Vec::new();
    for source in sources() {
        let lines = production(&source.text).lines().count();
        if lines > FILE_LINES_MAX {
            wrong.push(format!("{}: {lines} lines", source.path.display()));
        }
        for (name, start, length) in functions(&source.text) {
            if length > FUNCTION_LINES_MAX {
                wrong.push(format!("{}:{start}: fn {name} has {length} lines", source.path.display()));
            }
        }
    }
    assert_none("too long", &wrong);
}

#[test]
fn every_file_says_what_it_is_for() {
    let wrong: Vec<String> = sources()
        .into_iter()
        .filter(|source| !source.text.starts_with("//!"))
        .map(|source| source.path.display().to_string())
        .collect();
    assert_none("files without a //! at the top", &wrong);
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    collect(&root().join("src"), &mut found);
    assert!(found.len() > 10, "the source tree is there");
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn collect(folder: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).expect("source folders can be read") {
        let path = entry.expect("source folders can be listed").path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let short = path.strip_prefix(root()).expect("sources lie under the root").to_path_buf();
            let first = short.iter().nth(1).expect("src has children").to_string_lossy();
            let text = fs::read_to_string(&path).expect("sources are UTF-8");
            found.push(Source { module: first.trim_end_matches(".rs").to_owned(), path: short, text });
        }
    }
}

/// Whole files of tests are named `…_tests.rs`.
fn is_test_file(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("_tests"))
}

/// The part before the unit tests, which by convention come last.
fn production(text: &str) -> &str {
    text.split("\n#[cfg(test)]\nmod tests").next().expect("split gives at least one part")
}

fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(number, line)| (number + 1, line))
}

/// Modules named as `crate::a::b`, as `a/b`, and each part of `crate::{a, b}`.
fn modules_named(line: &str) -> Vec<String> {
    let mut named = Vec::new();
    for rest in line.split("crate::").skip(1) {
        if let Some(group) = rest.strip_prefix('{') {
            for part in group.split(['}', ';']).next().unwrap_or("").split(',') {
                named.push(part.trim().split("::").take(2).collect::<Vec<_>>().join("/"));
            }
        } else {
            let path: String =
                rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_' || *c == ':').collect();
            named.push(path.split("::").filter(|part| !part.is_empty()).take(2).collect::<Vec<_>>().join("/"));
        }
    }
    named
}

/// Name, first line and length of each function, found by indentation as rustfmt leaves it.
fn functions(text: &str) -> Vec<(String, usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let is_function = code.contains("fn ")
            && ["fn ", "pub ", "pub(", "async ", "const ", "unsafe "].iter().any(|start| code.starts_with(start));
        if !is_function {
            continue;
        }
        let indent = line.len() - code.len();
        let close = format!("{}}}", " ".repeat(indent));
        let ends_here = |line: &&str| {
            line.trim_end() == close || line.trim_end().ends_with(';') && line.len() - line.trim_start().len() == indent
        };
        if code.ends_with('}') || code.ends_with(';') {
            continue;
        }
        let length = lines[number + 1..].iter().position(ends_here).map_or(0, |offset| offset + 2);
        let name = code.split("fn ").nth(1).unwrap_or("").split(['(', '<']).next().unwrap_or("").to_owned();
        found.push((name, number + 1, length));
    }
    found
}

fn assert_none(what: &str, wrong: &[String]) {
    assert!(wrong.is_empty(), "{what}:\n{}", wrong.join("\n"));
}
