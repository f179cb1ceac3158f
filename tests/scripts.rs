//! The golden scripts: every `tests/scripts/**/*.script` must come out exactly as it is written, and the catalogue in
//! `docs/raft.md` must agree with what code and scripts cite.
//!
//! `RAFTCTL_REGENERATE=1 cargo test --test scripts` writes the outputs as they come out now; review them as a diff.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use raftctl::raft::{Rule, Rules};
use raftctl::sim::script::{Script, run};

/// Lines shown around the first difference of a script.
const CONTEXT_LINES: usize = 3;

/// Random scripts that are run, and commands in each.
const RANDOM_SCRIPTS: u64 = 200;
/// Scripts that also change the members are longer, and one comes with every so many others.
const SCRIPTS_PER_CHANGES: u64 = 2;
const RANDOM_COMMANDS: usize = 150;

#[test]
fn every_script_comes_out_as_written() {
    let regenerate = std::env::var_os("RAFTCTL_REGENERATE").is_some_and(|value| value == "1");
    let mut failures = Vec::new();
    for (path, text) in scripts() {
        match run(&text, Rules::sound()) {
            Err(fault) => failures.push(format!("{}: {fault}", path.display())),
            Ok(now) if now == text => {}
            Ok(now) if regenerate => fs::write(root().join(&path), now).expect("scripts can be written"),
            Ok(now) => failures.push(format!("{}:\n{}", path.display(), difference(&text, &now))),
        }
    }
    assert!(
        failures.is_empty(),
        "{} scripts came out differently (RAFTCTL_REGENERATE=1 accepts what they do now):\n\n{}",
        failures.len(),
        failures.join("\n\n")
    );
}

#[test]
fn every_script_has_its_title_as_file_name_and_cites_what_it_shows() {
    let mut wrong = Vec::new();
    for (path, text) in scripts() {
        let script = Script::parse(&text);
        let title = script.title().unwrap_or_default();
        let name = path.file_stem().expect("scripts have names").to_string_lossy();
        if file_name_of(title) != name {
            wrong.push(format!("{}: the first line says `{}`", path.display(), file_name_of(title)));
        }
        if cited_ids(&script.prose()).is_empty() {
            wrong.push(format!("{}: cites no rule or scenario", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_scenario_is_told_by_one_script_or_the_catalogue_lists_them_all() {
    let mut tellers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, text) in scripts() {
        let ids = cited_ids(&Script::parse(&text).prose());
        for id in ids.into_iter().filter(|id| id.starts_with(['P', 'T'])) {
            let name = path.file_stem().expect("scripts have names").to_string_lossy().into_owned();
            tellers.entry(id).or_default().insert(name);
        }
    }
    let listed = catalogue();
    let mut wrong = Vec::new();
    for (id, scripts) in tellers {
        let in_catalogue = listed.get(&id).map(|line| scripts_in(line)).unwrap_or_default();
        if in_catalogue != scripts {
            wrong.push(format!("{id}: told by {scripts:?}, docs/raft.md lists {in_catalogue:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The last scenario of the catalogue.
const SCENARIOS: u32 = 140;

#[test]
fn every_scenario_has_a_script_or_a_test_that_cites_it() {
    let listed = catalogue();
    let texts: BTreeMap<PathBuf, String> = cited_texts().into_iter().collect();
    // Worlds that chance drives tell whatever happens in them, and cite none of it.
    let tells_by_chance = |path: &Path| path == Path::new("tests/swarm.rs") || path.starts_with("src/sim");
    let mut wrong = Vec::new();
    for id in (1..=SCENARIOS).map(|number| format!("P{number:03}")) {
        let line = listed.get(&id).map_or("", String::as_str);
        let cites = |place: String| {
            let path = PathBuf::from(place);
            tells_by_chance(&path) || texts.get(&path).is_some_and(|text| cited_ids(text).contains(&id))
        };
        if scripts_in(line).is_empty() && !marked(line).any(cites) {
            wrong.push(format!("{id}: docs/raft.md names neither a script nor a file that cites it"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_cited_id_is_in_the_catalogue() {
    let defined: BTreeSet<String> = catalogue().into_keys().collect();
    let mut wrong = Vec::new();
    for (path, text) in cited_texts() {
        for id in cited_ids(&text).difference(&defined) {
            wrong.push(format!("{}: {id}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "cited, but not in docs/raft.md:\n{}", wrong.join("\n"));
}

#[test]
fn everything_the_catalogue_points_to_exists() {
    let names: BTreeSet<String> = scripts()
        .iter()
        .map(|(path, _)| path.file_stem().expect("scripts have names").to_string_lossy().into_owned())
        .collect();
    let mut wrong = Vec::new();
    for (id, line) in catalogue() {
        for script in scripts_in(&line).difference(&names) {
            wrong.push(format!("{id}: there is no script {script}"));
        }
        for place in marked(&line).filter(|word| word.starts_with("src/") || word.starts_with("tests/")) {
            if !root().join(&place).exists() {
                wrong.push(format!("{id}: there is no {place}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The same for the guide to testing, which says what finds each fault.
#[test]
fn everything_the_guide_to_testing_points_to_exists() {
    let names: BTreeSet<String> = scripts()
        .iter()
        .map(|(path, _)| path.file_stem().expect("scripts have names").to_string_lossy().into_owned())
        .collect();
    let text = fs::read_to_string(root().join("docs/testing.md")).expect("docs/testing.md is there");
    let mut wrong = Vec::new();
    for word in text.lines().flat_map(marked) {
        let word = word.split(' ').next().expect("there is always a first part").to_owned();
        let is_path = word.starts_with("src/") || word.starts_with("tests/") || word.starts_with("examples/");
        let is_there = match word.strip_suffix(".script") {
            Some(name) => names.contains(name.rsplit('/').next().expect("there is always a last part")),
            None => !is_path || root().join(&word).exists(),
        };
        if !is_there {
            wrong.push(word);
        }
    }
    assert!(wrong.is_empty(), "docs/testing.md names {wrong:?}");
    let bugs = text.split("### Faults of the seed").nth(1).and_then(|rest| rest.split("## Model checking").next());
    let rows = bugs.expect("the guide has the table").lines().filter(|line| line.starts_with("| "));
    let bugs: Vec<String> = rows.skip(2).filter_map(|row| row.split('|').nth(2).map(str::to_owned)).collect();
    assert!(bugs.len() > 30, "the table is read as it is written");
    for bug in bugs.iter().flat_map(|cell| cell.split(',')).map(str::trim).filter(|bug| !bug.is_empty()) {
        assert!(bug.parse::<Rule>().is_ok(), "{bug} is a rule that can be broken");
    }
}

/// Worlds that chance drives: no invariant breaks, nobody stops, and when all is well again they agree. Where this
/// finds something, the script it prints replays it; make it a story. `RAFTCTL_RANDOM_SCRIPTS=n` runs more of them.
#[test]
fn random_scripts_break_no_invariant_and_end_in_agreement() {
    let wanted = std::env::var("RAFTCTL_RANDOM_SCRIPTS").ok().and_then(|count| count.parse().ok());
    let (mut installed, mut leases) = (0, 0);
    for seed in 0..wanted.unwrap_or(RANDOM_SCRIPTS) {
        let changes = (seed % SCRIPTS_PER_CHANGES == 0).then(|| random_changes(seed));
        for script in changes.into_iter().chain([random_script(seed)]) {
            match run(&script, Rules::sound()) {
                Err(fault) => panic!("seed {seed}: {fault}\n\nin the script\n\n{script}"),
                Ok(text) => {
                    assert!(!text.contains(" stopped: "), "seed {seed}: a node stopped\n\n{text}");
                    installed += text.matches("replaced its log by the snapshot").count();
                    leases += text.matches("by its lease").count();
                }
            }
        }
    }
    assert!(installed > 10, "only {installed} snapshots were installed");
    assert!(leases > 0, "worlds with lease reads read by them");
}

/// A script of random commands over a cluster of three to five, calmed down at its end. Every other one has lease reads,
/// and clocks that drift apart as far as they may.
fn random_script(seed: u64) -> String {
    let mut dice = Dice(seed);
    let nodes = dice.roll(3) + 3;
    let has_leases = seed % 2 == 1;
    let switch = |on: bool| if on { "on" } else { "off" };
    let (pre_vote, check_quorum) = (switch(has_leases || dice.roll(3) > 0), switch(has_leases || dice.roll(3) > 0));
    let lease_reads = switch(has_leases);
    let mut lines = vec![format!(
        "cluster {nodes} pre_vote={pre_vote} check_quorum={check_quorum} lease_reads={lease_reads} drift=10% seed={seed} \
         max_append_bytes=100 max_inflight_messages=2 max_uncommitted_bytes=1000 retain={} retain_max={} chunk=400 \
         max_transfers=1",
        dice.roll(3),
        dice.roll(5),
    )];
    if has_leases {
        // 105 is not more than 110 % of 96.
        let rates = (1..=nodes).map(|node| format!("clock n{node} {}", ["+5%", "+0%", "-4%"][dice.roll(3) as usize]));
        lines.extend(rates.collect::<Vec<_>>());
    }
    let mut down = BTreeSet::new();
    for _ in 0..RANDOM_COMMANDS {
        random_command(&mut dice, nodes, has_leases, &mut down, &mut lines);
    }
    calm_down(nodes, &down, &mut lines);
    lines.push("expect logs-equal".to_owned());
    lines.join("\n\n")
}

/// A script of random changes of membership among random faults, over a cluster that begins with three of seven nodes.
/// What keeps removed nodes from disturbing (R20, R22) stays on: the end demands a leader whose members agree.
fn random_changes(seed: u64) -> String {
    const NODES: u64 = 7;
    let mut dice = Dice(seed.wrapping_add(1 << 32));
    let mut lines = vec![format!(
        "cluster 3 spare=n4,n5,n6,n7 seed={seed} max_append_bytes=200 max_inflight_messages=2 max_uncommitted_bytes=2000"
    )];
    lines.push("elect n1".to_owned());
    let mut down = BTreeSet::new();
    for _ in 0..RANDOM_COMMANDS {
        match dice.roll(3) {
            0 => lines.push(random_change(&mut dice, NODES)),
            1 => random_command(&mut dice, NODES, false, &mut down, &mut lines),
            // Left alone a world of faults seldom gets as far as a second change.
            _ => lines.push(["stabilize", "run 100ms", "run 600ms", "heal"][dice.pick(4)].to_owned()),
        }
    }
    calm_down(NODES, &down, &mut lines);
    lines.push("expect members-agree".to_owned());
    lines.join("\n\n")
}

/// Asked of whoever leads, if anybody does.
fn random_change(dice: &mut Dice, nodes: u64) -> String {
    let (node, other) = (dice.roll(nodes) + 1, dice.roll(nodes) + 1);
    let some: Vec<String> = (1..=nodes).filter(|_| dice.roll(2) == 0).map(|id| format!("n{id}")).collect();
    match dice.roll(8) {
        0 | 1 => format!("change leader add n{node}{}", if dice.roll(2) == 0 { " promote" } else { "" }),
        2 | 3 => format!("change leader promote n{node}"),
        4 => format!("change leader demote n{node}"),
        5 => format!("change leader remove n{node}"),
        6 => {
            let explicit = if dice.roll(3) == 0 { " explicit" } else { "" };
            format!("change leader replace {} n{other}{explicit}", some.join(" "))
        }
        _ => "change leader leave".to_owned(),
    }
}

fn random_command(dice: &mut Dice, nodes: u64, has_leases: bool, down: &mut BTreeSet<u64>, lines: &mut Vec<String>) {
    let (node, other) = (dice.roll(nodes) + 1, dice.roll(nodes) + 1);
    let is_down = down.contains(&node);
    lines.push(match dice.roll(28) {
        0 if !is_down => format!("campaign n{node}"),
        1 if !is_down => format!("elect n{node}"),
        2..=4 if !is_down => format!("propose n{node} {}", dice.roll(3) + 1),
        5 if !is_down => format!("read n{node} t{}{}", lines.len(), if has_leases { " lease" } else { "" }),
        6 if !is_down && node != other => format!("transfer n{node} n{other}"),
        7 if !is_down => {
            down.insert(node);
            format!("crash n{node}")
        }
        7..=9 if is_down => {
            down.remove(&node);
            format!("restart n{node}{}", if dice.roll(2) == 0 { " wipe-hints" } else { "" })
        }
        10 => format!("persist off n{node}"),
        11 => format!("persist auto n{node}"),
        12 | 13 if !is_down => format!("persist n{node}{}", if dice.roll(2) == 0 { " first" } else { "" }),
        14 => format!("hold n{node}->n{other}"),
        15 => format!("release n{node}->n{other}"),
        16 => format!("oneway n{node}->n{other}"),
        17 => "heal".to_owned(),
        18 => "drop count=1".to_owned(),
        19 => "deliver last".to_owned(),
        // Where clocks matter they all go on together.
        20 if has_leases => format!("tick {}ms", dice.roll(300)),
        20 => format!("tick n{node} {}ms", dice.roll(600)),
        21 if has_leases => format!("run {}ms", dice.roll(1_000)),
        21 => "stabilize".to_owned(),
        22 | 23 if !is_down => format!("snapshot n{node}"),
        24 => format!("worker {} n{node}", if dice.roll(2) == 0 { "off" } else { "auto" }),
        25 | 26 if !is_down => format!("worker n{node}{}", if dice.roll(4) == 0 { " fail" } else { "" }),
        _ => "deliver count=1".to_owned(),
    });
}

/// All links mended, all disks working, all nodes up, and time for everything to settle.
fn calm_down(nodes: u64, down: &BTreeSet<u64>, lines: &mut Vec<String>) {
    lines.push("heal".to_owned());
    lines.push("persist auto".to_owned());
    lines.push("worker auto".to_owned());
    lines.extend(down.iter().map(|node| format!("restart n{node}")));
    let links = (1..=nodes).flat_map(|from| (1..=nodes).map(move |to| format!("n{from}->n{to}")));
    lines.push(format!("release {}", links.collect::<Vec<_>>().join(" ")));
    lines.push("run 10s".to_owned());
}

/// The splitmix64 sequence.
struct Dice(u64);

impl Dice {
    fn pick(&mut self, count: usize) -> usize {
        usize::try_from(self.roll(count as u64)).expect("it is below the count")
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}

/// Path below the root and text of every script, in order.
fn scripts() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    collect(&root().join("tests/scripts"), &["script"], &mut found);
    assert!(found.len() > 10, "the golden scripts are there");
    found
}

/// Everything whose citations count: sources, tests, scripts.
fn cited_texts() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    collect(&root().join("src"), &["rs"], &mut found);
    collect(&root().join("tests"), &["rs", "script"], &mut found);
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn collect(folder: &Path, endings: &[&str], found: &mut Vec<(PathBuf, String)>) {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).expect("folders can be listed").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, endings, found);
        } else if path.extension().is_some_and(|ending| endings.iter().any(|one| ending == *one)) {
            let text = fs::read_to_string(&path).expect("texts are UTF-8");
            found.push((path.strip_prefix(root()).expect("it lies under the root").to_path_buf(), text));
        }
    }
}

/// `A title: with words.` as `a_title_with_words`.
fn file_name_of(title: &str) -> String {
    let words = title.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("_")
}

/// Ids like R47, I8, T4, P073: a capital and digits (three for P) that are no part of a longer word.
fn cited_ids(text: &str) -> BTreeSet<String> {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = text.split(|letter| !is_word(letter));
    let is_id = |word: &&str| {
        let (kind, digits) = (word.get(..1).unwrap_or(""), word.get(1..).unwrap_or(""));
        let number = digits.bytes().all(|digit| digit.is_ascii_digit()) && !digits.is_empty();
        number && (matches!(kind, "R" | "I" | "T") && digits.len() <= 3 || kind == "P" && digits.len() == 3)
    };
    words.filter(is_id).map(str::to_owned).collect()
}

/// The lines of docs/raft.md that define an id: `- **R47** …`.
fn catalogue() -> BTreeMap<String, String> {
    let text = fs::read_to_string(root().join("docs/raft.md")).expect("docs/raft.md is there");
    let mut defined = BTreeMap::new();
    for line in text.lines() {
        let id = line.strip_prefix("- **").and_then(|rest| rest.split_once("**")).map(|(id, _)| id.to_owned());
        if let Some(id) = id {
            let before = defined.insert(id.clone(), line.to_owned());
            assert_eq!(before, None, "docs/raft.md defines {id} once");
        }
    }
    assert!(defined.len() > 50, "docs/raft.md is read as it is written");
    defined
}

/// Words in backquotes.
fn marked(line: &str) -> impl Iterator<Item = String> {
    line.split('`').skip(1).step_by(2).map(str::to_owned)
}

/// Scripts a catalogue line names, as `name.script`.
fn scripts_in(line: &str) -> BTreeSet<String> {
    marked(line).filter_map(|word| word.strip_suffix(".script").map(str::to_owned)).collect()
}

/// The first place where two texts differ, with what stands around it.
fn difference(written: &str, now: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (written.lines().collect(), now.lines().collect());
    let place = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let mut shown = vec![format!("  first difference at line {}", place + 1)];
    let window = |lines: &[&str], mark: char| {
        let behind = lines.iter().skip(place).take(2 * CONTEXT_LINES);
        behind.map(|line| format!("{mark} {line}")).collect::<Vec<_>>()
    };
    shown.extend(old[place.saturating_sub(CONTEXT_LINES)..place].iter().map(|line| format!("  {line}")));
    shown.extend(window(&old, '-'));
    shown.extend(window(&new, '+'));
    shown.join("\n")
}

#[test]
fn ids_are_found_and_nothing_else() {
    let text = "R47, (I8) T4/P073 §5.4.2 n1 t7 P12 Rx1 X9 R1000 term_I5";
    let found: Vec<String> = cited_ids(text).into_iter().collect();
    assert_eq!(found, ["I8", "P073", "R47", "T4"]);
    assert_eq!(file_name_of("Figure 8: an old term is not committed."), "figure_8_an_old_term_is_not_committed");
    assert!(difference("a\nb\nc", "a\nx\nc").contains("line 2"));
}
