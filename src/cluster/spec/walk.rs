//! From a YAML value to a `Spec`: which keys there are, what each may hold, and what must hold between them.
//!
//! Every refusal knows the key path it is about, and `locate` finds that path in the text.

use core::time::Duration;
use std::net::SocketAddr;

use serde_yaml::{Mapping, Value};

use super::error::SpecError;
use super::locate::{self, Step};
use super::read::nearest;
use super::{MemberRole, NAME_LENGTH_MAX, NODES_MAX, NodeSpec, Spec, duration_text, is_name, size_text};
use crate::codec::settings::{Settings, parse_drift_ppm, parse_duration, parse_size};
use crate::storage::layout::{OnCorruption, SEGMENT_SIZE_BYTES_MAX, SEGMENT_SIZE_BYTES_MIN, StorageSection, SyncMode};

/// An election timeout is at least this many heartbeats, so that one lost datagram starts no election.
const HEARTBEATS_PER_ELECTION_MIN: u32 = 5;

const HEARTBEAT_INTERVAL_MIN: Duration = Duration::from_millis(1);
const ELECTION_TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// Largest `limits.max_value_size`: two values and a key must fit into one record and one message.
const VALUE_SIZE_BYTES_MAX: u64 = 4 << 20;

/// What an entry has beside its value in a segment: headers, and the longest key.
const ENTRY_OVERHEAD_BYTES: u64 = 128 * 1024;

const TOP_KEYS: &[&str] = &["cluster", "nodes", "http", "raft", "storage", "limits"];
const NODE_KEYS: &[&str] = &["name", "listen", "advertise", "role"];
const RAFT_KEYS: &[&str] = &[
    "election_timeout",
    "heartbeat_interval",
    "pre_vote",
    "check_quorum",
    "lease_reads",
    "clock_drift",
    "max_inflight_bytes",
];
/// Fewer entries between two snapshots would only be snapshots.
const SNAPSHOT_EVERY_MIN: u64 = 10;

/// More entries than a log is ever given between two snapshots.
const ENTRIES_MAX: u64 = 1_000_000_000;

const STORAGE_KEYS: &[&str] = &["segment_size", "snapshot_every", "retain_entries", "sync", "on_corruption"];
const LIMITS_KEYS: &[&str] = &["max_value_size", "max_pending_bytes"];

/// Names that mean something else where a node's name is expected.
const RESERVED_NAME: &str = "leader";

/// All `--set` keys.
pub(super) fn settable_keys() -> Vec<String> {
    let sections = [("raft", RAFT_KEYS), ("storage", STORAGE_KEYS), ("limits", LIMITS_KEYS)];
    let keys = sections.iter().flat_map(|(section, keys)| keys.iter().map(move |key| format!("{section}.{key}")));
    keys.chain(["http".to_owned()]).collect()
}

/// The text that is checked, for placing what is wrong in it.
pub(super) struct Walk<'a> {
    pub origin: &'a str,
    pub text: &'a str,
    /// Key paths that an option replaced, with the option as it was typed.
    pub overridden: Vec<(Vec<Step>, String)>,
}

type Checked<T> = Result<T, SpecError>;

impl Walk<'_> {
    pub(super) fn spec(&self, value: &Value) -> Checked<Spec> {
        let top = self.mapping(value, &[], TOP_KEYS)?;
        let Some(cluster) = field(top, "cluster") else {
            return Err(self.wrong(&[], "`cluster` is missing").hint("add `cluster: demo`: the name of the cluster"));
        };
        let cluster = self.name(cluster, &path(&["cluster"]), "cluster")?;
        let Some(nodes) = field(top, "nodes") else {
            return Err(self.wrong(&[], "`nodes` is missing").hint("add `nodes: 3`, or a list of nodes"));
        };
        let nodes = self.nodes(nodes)?;
        self.http(top)?;
        let settings = self.settings(top)?;
        let storage = self.storage(top, &settings)?;
        Ok(Spec { cluster, nodes, settings, storage })
    }

    fn nodes(&self, value: &Value) -> Checked<Vec<NodeSpec>> {
        let at = path(&["nodes"]);
        let count_hint = format!("1 to {NODES_MAX} nodes; 3 survive the loss of one, 5 of two");
        let nodes = match value {
            Value::Number(number) => {
                let count = number.as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
                if !(1..=NODES_MAX).contains(&count) {
                    return Err(self.wrong(&at, format!("a cluster cannot have {number} nodes")).hint(count_hint));
                }
                let named = |number| NodeSpec {
                    name: format!("n{number}"),
                    listen: None,
                    advertise: None,
                    role: MemberRole::Voter,
                };
                return Ok((1..=count).map(named).collect());
            }
            Value::Sequence(items) => items,
            other => {
                return Err(self
                    .wrong(&at, format!("`nodes` must be a number or a list, not {}", kind(other)))
                    .hint("write `nodes: 3`, or one `- name: n1` for each node"));
            }
        };
        if !(1..=NODES_MAX).contains(&nodes.len()) {
            return Err(self.wrong(&at, format!("a cluster cannot have {} nodes", nodes.len())).hint(count_hint));
        }
        let mut read: Vec<NodeSpec> = Vec::new();
        for (position, item) in nodes.iter().enumerate() {
            let node = self.node(item, position)?;
            self.refuse_repeats(&read, &node, position)?;
            read.push(node);
        }
        if read.iter().all(|node| node.role == MemberRole::Learner) {
            return Err(self.wrong(&at, "there is no voter among the nodes").hint("remove `role: learner` somewhere"));
        }
        Ok(read)
    }

    fn node(&self, value: &Value, position: usize) -> Checked<NodeSpec> {
        let at = vec![Step::Key("nodes".to_owned()), Step::Item(position)];
        let node = self.mapping(value, &at, NODE_KEYS)?;
        let Some(name) = field(node, "name") else {
            return Err(self.wrong(&at, "this node has no `name`").hint(format!("add `name: n{}`", position + 1)));
        };
        let name_at = below(&at, "name");
        let name = self.name(name, &name_at, "node")?;
        if name == RESERVED_NAME {
            return Err(self
                .wrong(&name_at, "a node cannot be called `leader`")
                .hint("the word stands for whichever node leads, wherever a node's name is expected"));
        }
        let role = match field(node, "role") {
            None => MemberRole::Voter,
            Some(value) => self.word(
                value,
                &below(&at, "role"),
                &[("voter", MemberRole::Voter), ("learner", MemberRole::Learner)],
            )?,
        };
        let listen = field(node, "listen").map(|value| self.listen(value, &below(&at, "listen"))).transpose()?;
        let advertise =
            field(node, "advertise").map(|value| self.advertise(value, &below(&at, "advertise"))).transpose()?;
        if advertise.is_none() && listen.is_some_and(|address| address.ip().is_unspecified()) {
            return Err(self
                .wrong(&below(&at, "listen"), "others cannot dial this address, and there is no `advertise`")
                .hint("add `advertise: HOST:PORT` with the address that other nodes reach"));
        }
        Ok(NodeSpec { name, listen, advertise, role })
    }

    fn refuse_repeats(&self, before: &[NodeSpec], node: &NodeSpec, position: usize) -> Checked<()> {
        let at = |key: &str| below(&[Step::Key("nodes".to_owned()), Step::Item(position)], key);
        if let Some(other) = before.iter().position(|one| one.name == node.name) {
            return Err(self
                .wrong(&at("name"), format!("two nodes are called `{}`", node.name))
                .hint(format!("the other one is on line {}", self.line_of_node(other, "name"))));
        }
        let fixed = |one: &NodeSpec| one.listen.filter(|address| address.port() != 0);
        let clash = |one: &NodeSpec| match (fixed(one), fixed(node)) {
            (Some(a), Some(b)) => {
                a.port() == b.port() && (a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified())
            }
            _ => false,
        };
        if let Some(other) = before.iter().position(clash) {
            let port = node.listen.map_or(0, |address| address.port());
            return Err(self
                .wrong(&at("listen"), format!("port {port} is taken by `{}`", before[other].name))
                .hint(format!("see line {}", self.line_of_node(other, "listen"))));
        }
        let advertised = |one: &NodeSpec| one.advertise.is_some() && one.advertise == node.advertise;
        if let Some(other) = before.iter().position(advertised) {
            return Err(self
                .wrong(&at("advertise"), format!("`{}` advertises the same address", before[other].name))
                .hint(format!("see line {}", self.line_of_node(other, "advertise"))));
        }
        Ok(())
    }

    fn line_of_node(&self, position: usize, key: &str) -> usize {
        locate::value_at(self.text, &below(&[Step::Key("nodes".to_owned()), Step::Item(position)], key)).line
    }

    fn listen(&self, value: &Value, at: &[Step]) -> Checked<SocketAddr> {
        let text = self.string(value, at)?;
        text.parse().map_err(|_| {
            let wrong = self.wrong(at, format!("`{text}` is not an IP address and a port"));
            match text.rsplit_once(':') {
                Some(("localhost", port)) => wrong.hint(format!("did you mean `127.0.0.1:{port}`?")),
                Some(_) => wrong.hint("for example 127.0.0.1:7101; host names belong into `advertise`"),
                None => wrong.hint("for example 127.0.0.1:7101; port 0, or no `listen`, picks a free one"),
            }
        })
    }

    fn advertise(&self, value: &Value, at: &[Step]) -> Checked<String> {
        const HOST_LENGTH_MAX: usize = 253;
        let text = self.string(value, at)?;
        let parts = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
        let is_host = |host: &str| {
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:_".contains(&byte);
            !bare.is_empty() && bare.len() <= HOST_LENGTH_MAX && bare.bytes().all(plain)
        };
        match parts {
            Some((host, port)) if port > 0 && is_host(host) => Ok(text),
            _ => Err(self
                .wrong(at, format!("`{text}` is not a host and a port"))
                .hint("for example n1.example:7101, or 192.0.2.1:7101")),
        }
    }

    fn http(&self, top: &Mapping) -> Checked<()> {
        match field(top, "http") {
            None | Some(Value::Bool(false)) => Ok(()),
            Some(Value::String(text)) if text == "off" => Ok(()),
            Some(_) => Err(self
                .wrong(&path(&["http"]), "`http` is not supported yet: nodes serve no health checks or metrics")
                .hint("remove the line, or write `http: off`")),
        }
    }

    fn settings(&self, top: &Mapping) -> Checked<Settings> {
        let mut settings = Settings::default();
        let raft = self.section(top, "raft", RAFT_KEYS)?;
        let at = |key: &str| path(&["raft", key]);
        if let Some(value) = raft.and_then(|raft| field(raft, "election_timeout")) {
            settings.election_timeout = self.duration(value, &at("election_timeout"))?;
        }
        if let Some(value) = raft.and_then(|raft| field(raft, "heartbeat_interval")) {
            settings.heartbeat_interval = self.duration(value, &at("heartbeat_interval"))?;
        }
        if let Some(value) = raft.and_then(|raft| field(raft, "pre_vote")) {
            settings.pre_vote = self.boolean(value, &at("pre_vote"))?;
        }
        if let Some(value) = raft.and_then(|raft| field(raft, "check_quorum")) {
            settings.check_quorum = self.boolean(value, &at("check_quorum"))?;
        }
        if let Some(value) = raft.and_then(|raft| field(raft, "max_inflight_bytes")) {
            settings.max_inflight_bytes = self.size(value, &at("max_inflight_bytes"), 1 << 10, 1 << 30)?;
        }
        if let Some(raft) = raft {
            self.lease(raft, &mut settings)?;
        }
        self.check_timing(raft, &settings)?;
        let limits = self.section(top, "limits", LIMITS_KEYS)?;
        if let Some(value) = limits.and_then(|limits| field(limits, "max_value_size")) {
            settings.max_value_size =
                self.size(value, &path(&["limits", "max_value_size"]), 1, VALUE_SIZE_BYTES_MAX)?;
        }
        let pending_at = path(&["limits", "max_pending_bytes"]);
        if let Some(value) = limits.and_then(|limits| field(limits, "max_pending_bytes")) {
            settings.max_pending_bytes = self.size(value, &pending_at, 1 << 10, 16 << 30)?;
        }
        if settings.max_pending_bytes < settings.max_value_size + ENTRY_OVERHEAD_BYTES {
            let largest = size_text(settings.max_value_size + ENTRY_OVERHEAD_BYTES);
            return Err(self
                .wrong(&pending_at, "`max_pending_bytes` leaves no room for one value of `max_value_size`")
                .hint(format!("at least {largest}")));
        }
        Ok(settings)
    }

    /// Lease reads rest on promises that are only kept with both other rules on.
    fn lease(&self, raft: &Mapping, settings: &mut Settings) -> Checked<()> {
        let at = path(&["raft", "lease_reads"]);
        if let Some(value) = field(raft, "lease_reads") {
            settings.lease_reads = self.boolean(value, &at)?;
        }
        if settings.lease_reads && !(settings.pre_vote && settings.check_quorum) {
            return Err(self
                .wrong(&at, "`lease_reads` needs `pre_vote` and `check_quorum`")
                .hint("switch both on, or write `lease_reads: false`"));
        }
        if let Some(value) = field(raft, "clock_drift") {
            let at = path(&["raft", "clock_drift"]);
            let drift = value.as_str().and_then(parse_drift_ppm);
            settings.clock_drift_ppm = drift.ok_or_else(|| {
                self.wrong(&at, "a clock drift is a percentage, at most 20%").hint("for example `clock_drift: 1%`")
            })?;
        }
        Ok(())
    }

    fn check_timing(&self, raft: Option<&Mapping>, settings: &Settings) -> Checked<()> {
        let has = |key: &str| raft.is_some_and(|raft| field(raft, key).is_some());
        let election = settings.election_timeout;
        if settings.heartbeat_interval < HEARTBEAT_INTERVAL_MIN {
            let wrong = self.wrong(&path(&["raft", "heartbeat_interval"]), "a heartbeat interval is at least 1ms");
            return Err(wrong.hint("the default is 50ms"));
        }
        if election > ELECTION_TIMEOUT_MAX {
            let wrong = self.wrong(&path(&["raft", "election_timeout"]), "an election timeout is at most 60s");
            return Err(wrong.hint("the default is 500ms"));
        }
        let least = settings.heartbeat_interval.saturating_mul(HEARTBEATS_PER_ELECTION_MIN);
        if least > election {
            let key = if has("election_timeout") { "election_timeout" } else { "heartbeat_interval" };
            return Err(self
                .wrong(
                    &path(&["raft", key]),
                    format!(
                        "an election timeout of {} is less than {HEARTBEATS_PER_ELECTION_MIN} heartbeats of {}",
                        duration_text(election),
                        duration_text(settings.heartbeat_interval)
                    ),
                )
                .hint(format!(
                    "election_timeout: {} or more, or heartbeat_interval: {} or less",
                    duration_text(least),
                    duration_text(election / HEARTBEATS_PER_ELECTION_MIN)
                )));
        }
        Ok(())
    }

    fn storage(&self, top: &Mapping, settings: &Settings) -> Checked<StorageSection> {
        let mut storage = StorageSection::default();
        let Some(section) = self.section(top, "storage", STORAGE_KEYS)? else { return Ok(storage) };
        let at = |key: &str| path(&["storage", key]);
        if let Some(value) = field(section, "snapshot_every") {
            storage.snapshot_every = self.entries(value, &at("snapshot_every"), SNAPSHOT_EVERY_MIN)?;
        }
        if let Some(value) = field(section, "retain_entries") {
            storage.retain_entries = self.entries(value, &at("retain_entries"), 0)?;
        }
        if let Some(value) = field(section, "on_corruption") {
            let words = [("recover", OnCorruption::Recover), ("refuse", OnCorruption::Refuse)];
            storage.on_corruption = self.word(value, &at("on_corruption"), &words)?;
        }
        if let Some(value) = field(section, "sync") {
            let words = [("always", SyncMode::Always), ("none", SyncMode::None)];
            storage.sync = self.word(value, &at("sync"), &words)?;
        }
        if let Some(value) = field(section, "segment_size") {
            let bounds = (SEGMENT_SIZE_BYTES_MIN, SEGMENT_SIZE_BYTES_MAX);
            storage.segment_size_bytes = self.size(value, &at("segment_size"), bounds.0, bounds.1)?;
        }
        let least = settings.max_value_size + ENTRY_OVERHEAD_BYTES;
        if storage.segment_size_bytes < least {
            return Err(self
                .wrong(&at("segment_size"), "a segment cannot hold one value of `limits.max_value_size`")
                .hint(format!("at least {}, or a smaller `max_value_size`", size_text(least))));
        }
        Ok(storage)
    }

    fn section<'v>(&self, top: &'v Mapping, name: &str, keys: &[&str]) -> Checked<Option<&'v Mapping>> {
        match field(top, name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => self.mapping(value, &path(&[name]), keys).map(Some),
        }
    }

    /// A mapping with no other keys than these.
    fn mapping<'v>(&self, value: &'v Value, at: &[Step], keys: &[&str]) -> Checked<&'v Mapping> {
        let Value::Mapping(mapping) = value else {
            let what = match at.last() {
                None if value.is_null() => "the file is empty".to_owned(),
                None => format!("a cluster file must be keys and values, not {}", kind(value)),
                Some(_) => format!("keys and values are expected here, not {}", kind(value)),
            };
            return Err(self.wrong(at, what).hint(format!("the keys are: {}", keys.join(" "))));
        };
        for key in mapping.keys() {
            let Value::String(name) = key else {
                return Err(self.wrong(at, format!("a key here is {}, not a word", kind(key))));
            };
            if !keys.contains(&name.as_str()) {
                let shown: String = name.chars().take(NAME_LENGTH_MAX).collect();
                let wrong = self.wrong_key(&below(at, name), format!("unknown key `{shown}`"));
                return Err(wrong.hint(match nearest(name, keys.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the keys here are: {}", keys.join(" ")),
                }));
            }
        }
        Ok(mapping)
    }

    fn name(&self, value: &Value, at: &[Step], what: &str) -> Checked<String> {
        let name = self.string(value, at)?;
        if is_name(&name) {
            return Ok(name);
        }
        let shown: String = name.chars().take(NAME_LENGTH_MAX).collect();
        let rule = format!("a to z, 0 to 9 and -, at most {NAME_LENGTH_MAX} of them");
        let lower = name.to_ascii_lowercase().replace(['_', '.', ' '], "-");
        let hint = if is_name(&lower) { format!("did you mean `{lower}`? {rule}") } else { rule };
        Err(self.wrong(at, format!("`{shown}` cannot name a {what}")).hint(hint))
    }

    fn string(&self, value: &Value, at: &[Step]) -> Checked<String> {
        match value {
            Value::String(text) => Ok(text.clone()),
            Value::Bool(_) | Value::Number(_) => Err(self
                .wrong(at, format!("text is expected here, not {}", kind(value)))
                .hint("put it in quotes if it is meant as text")),
            other => Err(self.wrong(at, format!("text is expected here, not {}", kind(other)))),
        }
    }

    fn boolean(&self, value: &Value, at: &[Step]) -> Checked<bool> {
        match value {
            Value::Bool(truth) => Ok(*truth),
            other => Err(self
                .wrong(at, format!("`true` or `false` is expected here, not {}", kind(other)))
                .hint("YAML's yes, no, on and off are words, not truths")),
        }
    }

    fn word<T: Copy>(&self, value: &Value, at: &[Step], words: &[(&str, T)]) -> Checked<T> {
        let text = self.string(value, at)?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text) {
            return Ok(*meaning);
        }
        let list: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let shown: String = text.chars().take(NAME_LENGTH_MAX).collect();
        let wrong = self.wrong(at, format!("`{shown}` is none of: {}", list.join(" ")));
        Err(match nearest(&text, list.iter().copied()) {
            Some(near) => wrong.hint(format!("did you mean `{near}`?")),
            None => wrong,
        })
    }

    fn duration(&self, value: &Value, at: &[Step]) -> Checked<Duration> {
        let text = self.quantity(value, at, "500ms")?;
        parse_duration(&text).map_err(|error| self.wrong(at, error.to_string()).hint("for example 500ms or 2s"))
    }

    fn size(&self, value: &Value, at: &[Step], least: u64, most: u64) -> Checked<u64> {
        let text = self.quantity(value, at, "64MiB")?;
        let wrong = |what: String| self.wrong(at, what).hint("for example 64MiB or 512KiB");
        let size = parse_size(&text).map_err(|error| wrong(error.to_string()))?;
        if (least..=most).contains(&size) {
            return Ok(size);
        }
        Err(self.wrong(at, format!("{text} is not between {} and {}", size_text(least), size_text(most))))
    }

    /// A number of log entries.
    fn entries(&self, value: &Value, at: &[Step], least: u64) -> Checked<u64> {
        match value.as_u64() {
            Some(count) if (least..=ENTRIES_MAX).contains(&count) => Ok(count),
            _ => Err(self
                .wrong(at, format!("a number of log entries is expected here, from {least} to {ENTRIES_MAX}"))
                .hint("for example 100000")),
        }
    }

    /// A number with its unit; a bare number goes on to the parser, which says which unit is missing.
    fn quantity(&self, value: &Value, at: &[Step], example: &str) -> Checked<String> {
        match value {
            Value::String(text) => Ok(text.clone()),
            Value::Number(number) => Ok(number.to_string()),
            other => Err(self
                .wrong(at, format!("a number with a unit is expected here, not {}", kind(other)))
                .hint(format!("for example {example}"))),
        }
    }

    fn wrong(&self, at: &[Step], what: impl Into<String>) -> SpecError {
        self.placed(at, locate::value_at(self.text, at), what.into())
    }

    fn wrong_key(&self, at: &[Step], what: impl Into<String>) -> SpecError {
        self.placed(at, locate::key_at(self.text, at), what.into())
    }

    fn placed(&self, at: &[Step], place: locate::Place, what: String) -> SpecError {
        match self.overridden.iter().find(|(path, _)| path == at) {
            Some((_, option)) => SpecError::whole(option, what),
            None => SpecError::at(self.origin, self.text, place, what),
        }
    }
}

fn field<'v>(mapping: &'v Mapping, key: &str) -> Option<&'v Value> {
    mapping.get(key)
}

fn path(keys: &[&str]) -> Vec<Step> {
    keys.iter().map(|key| Step::Key((*key).to_owned())).collect()
}

fn below(at: &[Step], key: &str) -> Vec<Step> {
    let mut path = at.to_vec();
    path.push(Step::Key(key.to_owned()));
    path
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Sequence(_) => "a list",
        Value::Mapping(_) => "keys and values",
        Value::Tagged(_) => "a tagged value",
    }
}

#[cfg(test)]
mod tests {
    use super::super::read::parse;
    use super::*;

    fn refused(text: &str) -> SpecError {
        match parse("f.yaml", text, None, &[]) {
            Err(error) => error,
            Ok(spec) => panic!("{text:?} was accepted as {spec:?}"),
        }
    }

    /// File, place, words of the message, words of the hint.
    const BROKEN: &[(&str, &str, &str, &str)] = &[
        ("", "f.yaml:1:1", "the file is empty", "cluster nodes"),
        ("- a\n", "f.yaml:1:1", "not a list", "cluster nodes"),
        ("nodes: 3\n", "f.yaml:1:1", "`cluster` is missing", "cluster: demo"),
        ("cluster: demo\n", "f.yaml:1:1", "`nodes` is missing", "nodes: 3"),
        ("cluster: Demo\nnodes: 3\n", "f.yaml:1:10", "`Demo` cannot name", "`demo`"),
        ("cluster: ../x\nnodes: 3\n", "f.yaml:1:10", "`../x` cannot name", "a to z"),
        ("cluster: 7\nnodes: 3\n", "f.yaml:1:10", "not a number", "quotes"),
        ("cluster: demo\nnodes: 10\n", "f.yaml:2:8", "10 nodes", "1 to 9"),
        ("cluster: demo\nnodes: -1\n", "f.yaml:2:8", "-1 nodes", "1 to 9"),
        ("cluster: demo\nnodes: []\n", "f.yaml:2:8", "0 nodes", "1 to 9"),
        ("cluster: demo\nnods: 3\n", "f.yaml:2:1", "unknown key `nods`", "`nodes`"),
        ("cluster: demo\nnodes: 3\nnodes: 5\n", "f.yaml:3:1", "`nodes` is here a second time", "remove"),
        ("cluster: demo\nnodes: 3\n---\ncluster: b\n", "f.yaml:3:1", "second document", "own file"),
        ("cluster: demo\nnodes: [\n", "f.yaml:3:1", "not YAML", ""),
        ("cluster: demo\nnodes:\n  - nam: n1\n", "f.yaml:3:5", "unknown key `nam`", "`name`"),
        ("cluster: demo\nnodes:\n  - role: voter\n", "f.yaml:3:5", "no `name`", "name: n1"),
        ("cluster: demo\nnodes:\n  - name: leader\n", "f.yaml:3:11", "cannot be called", "whichever node leads"),
        ("cluster: demo\nnodes:\n  - name: n1\n  - name: n1\n", "f.yaml:4:11", "two nodes", "line 3"),
        ("cluster: demo\nnodes:\n  - {name: a, role: votr}\n", "f.yaml:3:21", "`votr` is none of", "`voter`"),
        ("cluster: demo\nnodes:\n  - {name: a, role: learner}\n", "f.yaml:2:1", "no voter", "learner"),
        (
            "cluster: demo\nnodes:\n  - name: a\n    listen: localhost:7101\n",
            "f.yaml:4:13",
            "not an IP address",
            "127.0.0.1:7101",
        ),
        (
            "cluster: demo\nnodes:\n  - name: a\n    listen: 0.0.0.0:7101\n",
            "f.yaml:4:13",
            "others cannot dial",
            "advertise",
        ),
        (
            "cluster: d\nnodes:\n  - name: a\n    listen: 127.0.0.1:7101\n  - name: b\n    listen: 127.0.0.1:7101\n",
            "f.yaml:6:13",
            "port 7101 is taken by `a`",
            "line 4",
        ),
        ("cluster: demo\nnodes: 3\nraft:\n  election_timeout: 500\n", "f.yaml:4:21", "`500` has no unit", "500ms"),
        ("cluster: demo\nnodes: 3\nraft:\n  heartbeat_interval: 101ms\n", "f.yaml:4:23", "less than 5", "505ms"),
        ("cluster: demo\nnodes: 3\nraft:\n  election_timeout: 2m\n", "f.yaml:4:21", "at most 60s", "500ms"),
        ("cluster: demo\nnodes: 3\nraft:\n  pre_vote: yes\n", "f.yaml:4:13", "`true` or `false`", "words"),
        (
            "cluster: demo\nnodes: 3\nraft:\n  pre_vote: false\n  lease_reads: true\n",
            "f.yaml:5:16",
            "needs `pre_vote`",
            "both",
        ),
        ("cluster: demo\nnodes: 3\nraft:\n  clock_drift: 21%\n", "f.yaml:4:16", "at most 20%", "1%"),
        ("cluster: demo\nnodes: 3\nraft:\n  clock_drift: 1\n", "f.yaml:4:16", "percentage", "1%"),
        ("cluster: demo\nnodes: 3\nstorage:\n  snapshot_every: 9\n", "f.yaml:4:19", "from 10 to", "100000"),
        ("cluster: demo\nnodes: 3\nstorage:\n  retain_entries: -9\n", "f.yaml:4:19", "from 0 to", "100000"),
        ("cluster: demo\nnodes: 3\nstorage:\n  on_corruption: recovr\n", "f.yaml:4:18", "recover refuse", "recover"),
        ("cluster: demo\nnodes: 3\nstorage:\n  segment_size: 64\n", "f.yaml:4:17", "no unit", "64MiB"),
        ("cluster: demo\nnodes: 3\nstorage:\n  segment_size: 1MiB\n", "f.yaml:4:17", "cannot hold one value", "least"),
        ("cluster: demo\nnodes: 3\nhttp: 127.0.0.1:0\n", "f.yaml:3:7", "not supported yet", "off"),
        ("cluster: demo\nnodes: 3\nlimits:\n  max_value_size: 1GiB\n", "f.yaml:4:19", "not between", ""),
        ("cluster: demo\nnodes: 3\nlimits: {max_value: 1MiB}\n", "f.yaml:3:10", "unknown key", "max_value_size"),
    ];

    #[test]
    fn every_broken_file_is_refused_at_its_place_with_a_hint() {
        for (text, place, what, hint) in BROKEN {
            let error = refused(text);
            assert_eq!(error.location(), *place, "{text:?}: {error}");
            assert!(error.what.contains(what), "{text:?}: {error}");
            assert!(error.hint.as_deref().unwrap_or("").contains(hint), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_mark_of_the_editor_is_no_part_of_the_file() {
        let spec = parse("f.yaml", "\u{feff}cluster: demo\r\nnodes: 3\r\n", None, &[]).unwrap();
        assert_eq!((spec.cluster.as_str(), spec.voters()), ("demo", 3));
    }

    #[test]
    fn the_whole_message_shows_the_line() {
        let error = refused("cluster: demo\nnodes:\n  - name: n1\n    listn: 127.0.0.1:7101\n");
        let expected = "f.yaml:4:5: unknown key `listn`\n4 |     listn: 127.0.0.1:7101\n  |     ^^^^^\nhint: did you mean `listen`?";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn hostile_texts_are_refused_quickly() {
        let mut aliases = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (new, old) in "bcdefghi".chars().zip("abcdefgh".chars()) {
            let row = vec![format!("*{old}"); 9].join(", ");
            aliases.push_str(&format!("{new}: &{new} [{row}]\n"));
        }
        let dashes = "- ".repeat(super::super::FILE_BYTES_MAX / 2);
        for text in [aliases, "[".repeat(super::super::FILE_BYTES_MAX), "{a: ".repeat(100_000), dashes] {
            let began = std::time::Instant::now();
            let error = refused(&text);
            assert!(error.to_string().len() < 2_000, "one short message: {}", error.what);
            assert!(error.at.is_some() && error.hint.is_some(), "a place and what to do: {error}");
            assert!(began.elapsed() < Duration::from_secs(5), "{} took {:?}", error.what, began.elapsed());
        }
    }

    #[test]
    fn options_override_the_file_and_their_errors_name_the_option() {
        let text = "cluster: demo\nnodes: 3\n";
        let set = |option: &str| parse("f.yaml", text, None, &[option.to_owned()]);
        let spec = set("raft.election_timeout=2s").unwrap();
        assert_eq!(spec.settings.election_timeout, Duration::from_secs(2));
        let error = set("raft.election_timeout=2").unwrap_err();
        assert_eq!(error.location(), "--set raft.election_timeout=2");
        let error = set("raft.election_timout=2s").unwrap_err();
        assert!(error.to_string().contains("unknown key `election_timout`"), "{error}");
        assert!(set("nodes=3").unwrap_err().to_string().contains("not a key that can be set"));
        assert_eq!(parse("f.yaml", text, Some("other"), &[]).unwrap().cluster, "other");
        assert!(parse("f.yaml", text, Some("../x"), &[]).is_err());
    }

    #[test]
    fn a_full_file_is_read_as_written() {
        let text = "cluster: demo\nnodes:\n- name: n1\n  listen: '[::1]:7101'\n- name: n2\n  listen: 0.0.0.0:7102\n  advertise: n2.example:7102\n  role: learner\nhttp: off\nraft:\n  election_timeout: 1s\n  heartbeat_interval: 100ms\n  pre_vote: false\n  check_quorum: false\n  lease_reads: false\n  clock_drift: 0.5%\n  max_inflight_bytes: 2MiB\nstorage:\n  segment_size: 16MiB\n  sync: none\n  on_corruption: refuse\n  snapshot_every: 500\n  retain_entries: 0\nlimits:\n  max_value_size: 2MiB\n  max_pending_bytes: 8MiB\n";
        let spec = parse("f.yaml", text, None, &[]).unwrap();
        assert_eq!(spec.nodes[1].advertise.as_deref(), Some("n2.example:7102"));
        assert_eq!((spec.nodes.len(), spec.voters()), (2, 1));
        let settings = Settings {
            election_timeout: Duration::from_secs(1),
            heartbeat_interval: Duration::from_millis(100),
            pre_vote: false,
            check_quorum: false,
            lease_reads: false,
            clock_drift_ppm: 5_000,
            max_inflight_bytes: 2 << 20,
            max_value_size: 2 << 20,
            max_pending_bytes: 8 << 20,
        };
        assert_eq!(spec.settings, settings);
        assert_eq!(
            spec.storage,
            StorageSection {
                segment_size_bytes: 16 << 20,
                sync: SyncMode::None,
                on_corruption: OnCorruption::Refuse,
                snapshot_every: 500,
                retain_entries: 0,
            }
        );
    }
}
