//! Arguments that several commands share: the global options, how they combine with the environment, and the
//! parsers of durations, names, byte strings and ranges.
//!
//! Flag › environment › default. The environment is the closed list of [`Environment`]; nothing else is read.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use clap::ValueEnum;
use clap_complete::ArgValueCandidates;

use super::completions;
use super::failure::Failure;
use crate::api::Consistency;
use crate::codec::settings::parse_duration;

/// Options that every command takes.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct GlobalArguments {
    /// Local cluster to work on [env: RAFTCTL_CLUSTER]
    #[arg(long, global = true, value_name = "NAME", help_heading = "Global options",
        add = ArgValueCandidates::new(completions::cluster_names))]
    pub cluster: Option<String>,

    /// Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]
    #[arg(long, global = true, value_name = "ADDRESS", help_heading = "Global options")]
    pub endpoint: Vec<String>,

    /// Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]
    #[arg(long, global = true, value_name = "DIR", value_hint = clap::ValueHint::DirPath, help_heading = "Global options")]
    pub identity: Option<PathBuf>,

    /// How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]
    #[arg(short, long, global = true, value_name = "FORMAT", help_heading = "Global options")]
    pub output: Option<OutputFormat>,

    /// Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]
    #[arg(long, global = true, value_name = "DURATION", value_parser = timeout, help_heading = "Global options")]
    pub timeout: Option<Duration>,

    /// When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]
    #[arg(long, global = true, value_name = "WHEN", help_heading = "Global options")]
    pub color: Option<ColorWhen>,

    /// Print nothing on stderr but errors
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub quiet: bool,

    /// Print more on stderr about what is being done
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub verbose: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people
    #[default]
    Table,
    /// One document, or JSON Lines for what streams; every one carries its "schema"
    Json,
    /// The same fields as json
    Yaml,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    Always,
    Never,
}

/// The environment variables raftctl reads, as they were at the start; empty counts as unset.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    pub cluster: Option<String>,
    pub endpoint: Option<String>,
    pub identity: Option<PathBuf>,
    pub output: Option<String>,
    pub timeout: Option<String>,
    pub color: Option<String>,
    /// Least severity a node logs: `error`, `warn`, `info` or `debug`.
    pub log: Option<String>,
    /// Where all clusters live; else `XDG_STATE_HOME/raftctl`.
    pub home: Option<PathBuf>,
}

impl Environment {
    pub fn read() -> Environment {
        let raw = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let text = |name: &str| raw(name).map(|value| value.to_string_lossy().into_owned());
        Environment {
            cluster: text("RAFTCTL_CLUSTER"),
            endpoint: text("RAFTCTL_ENDPOINT"),
            identity: raw("RAFTCTL_IDENTITY").map(PathBuf::from),
            output: text("RAFTCTL_OUTPUT"),
            timeout: text("RAFTCTL_TIMEOUT"),
            color: text("RAFTCTL_COLOR"),
            log: text("RAFTCTL_LOG"),
            home: raw("RAFTCTL_HOME").map(PathBuf::from),
        }
    }

    /// Fills what the command line left open, and refuses contradictions.
    pub fn complete(&self, mut global: GlobalArguments) -> Result<GlobalArguments, Failure> {
        if global.cluster.is_some() && !global.endpoint.is_empty() {
            return Err(Failure::new("E0104", "--cluster and --endpoint exclude each other").fix("give one of them"));
        }
        if global.quiet && global.verbose {
            return Err(Failure::new("E0101", "--quiet and --verbose exclude each other").fix("give one of them"));
        }
        if let (None, Some(text)) = (global.output, &self.output) {
            global.output = Some(value_of("RAFTCTL_OUTPUT", text, |text| OutputFormat::from_str(text, false))?);
        }
        if let (None, Some(text)) = (global.color, &self.color) {
            global.color = Some(value_of("RAFTCTL_COLOR", text, |text| ColorWhen::from_str(text, false))?);
        }
        if let (None, Some(text)) = (global.timeout, &self.timeout) {
            global.timeout = Some(value_of("RAFTCTL_TIMEOUT", text, timeout)?);
        }
        global.identity = global.identity.or_else(|| self.identity.clone());
        Ok(global)
    }
}

fn value_of<T>(name: &str, text: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<T, Failure> {
    parse(text).map_err(|error| {
        Failure::new("E0105", format!("{name} cannot be `{text}`")).cause(error).fix(format!("correct or unset {name}"))
    })
}

/// How reads are answered, shared by `get` and `scan`.
#[derive(Clone, Debug, clap::Args)]
pub struct ReadOptions {
    /// linearizable: sees every write acknowledged before; lease: the same, without a round where raft.lease_reads is
    /// on; stale: what one node has, at once
    #[arg(long, value_name = "HOW", default_value = "linearizable", value_parser = consistency, help_heading = "Reading")]
    pub consistency: Consistency,

    /// Wait until the answering node has applied this revision
    #[arg(long, value_name = "REVISION", help_heading = "Reading")]
    pub at_least: Option<u64>,

    /// Ask this node and no other (a name, or `leader`)
    #[arg(long, value_name = "NODE", value_parser = node_name, help_heading = "Reading",
        add = ArgValueCandidates::new(completions::node_names))]
    pub node: Option<String>,
}

/// A duration above zero, with its unit.
pub fn timeout(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(Duration::ZERO) => Err("must be more than nothing".to_owned()),
        Ok(span) => Ok(span),
        Err(error) => Err(error.to_string()),
    }
}

/// Shortest and longest lease on the command line.
const TTL_MIN: Duration = Duration::from_millis(100);
const TTL_MAX: Duration = Duration::from_millis(crate::state_machine::leases::LEASE_MS_MAX);

/// How long a key stays.
pub fn ttl(text: &str) -> Result<Duration, String> {
    let span = timeout(text)?;
    if !(TTL_MIN..=TTL_MAX).contains(&span) {
        return Err("must be from 100ms to 366d".to_owned());
    }
    Ok(span)
}

/// A new lease, or the end of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    For(Duration),
    Off,
}

pub fn lease(text: &str) -> Result<Lease, String> {
    if text == "off" { Ok(Lease::Off) } else { ttl(text).map(Lease::For) }
}

pub fn consistency(text: &str) -> Result<Consistency, String> {
    match text {
        "linearizable" => Ok(Consistency::Linearizable),
        "stale" => Ok(Consistency::Stale),
        "lease" => Ok(Consistency::Lease),
        _ => Err("must be linearizable, lease or stale".to_owned()),
    }
}

/// Longest name of a cluster or node, in characters.
pub const NAME_CHARACTERS_MAX: usize = 40;

/// A node's name, or `leader`.
pub fn node_name(text: &str) -> Result<String, String> {
    name(text, "node")
}

pub fn cluster_name(text: &str) -> Result<String, String> {
    name(text, "cluster")
}

fn name(text: &str, of: &str) -> Result<String, String> {
    let good = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if good && (1..=NAME_CHARACTERS_MAX).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    Err(format!("the name of a {of} has 1 to {NAME_CHARACTERS_MAX} of a-z, 0-9 and `-`"))
}

/// The bytes of an argument as typed, or what its base64 stands for.
pub fn bytes(text: &OsStr, base64: bool) -> Result<Vec<u8>, Failure> {
    if !base64 {
        return Ok(text.as_bytes().to_vec());
    }
    base64::engine::general_purpose::STANDARD.decode(text.as_bytes()).map_err(|error| {
        Failure::new("E0101", format!("`{}` is not base64", text.to_string_lossy()))
            .because(&error)
            .fix("leave out --base64 to take the word as it is")
    })
}

/// `A..B` with both ends in it; either may be missing, and one number stands for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub first: u64,
    pub last: u64,
}

impl Range {
    pub const ALL: Range = Range { first: 0, last: u64::MAX };

    pub fn contains(&self, number: u64) -> bool {
        (self.first..=self.last).contains(&number)
    }
}

pub fn range(text: &str) -> Result<Range, String> {
    let number = |text: &str, absent: u64| match text {
        "" => Ok(absent),
        _ => text.parse::<u64>().map_err(|_| format!("`{text}` is not a number; write A..B, A.., ..B or A")),
    };
    let range = match text.split_once("..") {
        Some((first, last)) => Range { first: number(first, 0)?, last: number(last, u64::MAX)? },
        None if text.is_empty() => return Err("write A..B, A.., ..B or A".to_owned()),
        None => {
            let one = number(text, 0)?;
            Range { first: one, last: one }
        }
    };
    match range.first <= range.last {
        true => Ok(range),
        false => Err(format!("{} is after {}", range.first, range.last)),
    }
}

/// A point in time: RFC 3339, or a span back from now such as `10m`.
pub fn instant(text: &str) -> Result<jiff::Timestamp, String> {
    if let Ok(span) = parse_duration(text) {
        let back = jiff::SignedDuration::try_from(span).map_err(|error| error.to_string())?;
        return jiff::Timestamp::now().checked_sub(back).map_err(|error| error.to_string());
    }
    text.parse::<jiff::Timestamp>()
        .map_err(|_| "write a time as 2026-11-24T20:40:00Z, or a span back from now as 10m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_include_both_ends_and_either_may_be_missing() {
        assert_eq!(range("3..5"), Ok(Range { first: 3, last: 5 }));
        assert_eq!(range("3.."), Ok(Range { first: 3, last: u64::MAX }));
        assert_eq!(range("..5"), Ok(Range { first: 0, last: 5 }));
        assert_eq!(range("7"), Ok(Range { first: 7, last: 7 }));
        assert_eq!(range(".."), Ok(Range::ALL));
        assert!(range("3..5").unwrap().contains(5) && !range("3..5").unwrap().contains(6));
        for wrong in ["", "5..3", "a..b", "-1", "1...2"] {
            assert!(range(wrong).is_err(), "{wrong:?} was taken for a range");
        }
    }

    #[test]
    fn names_are_short_and_plain() {
        assert!(node_name("n1").is_ok() && cluster_name(&"a".repeat(40)).is_ok());
        for wrong in ["", "N1", "a.b", "../x", "a b", "ä", &"a".repeat(41)] {
            assert!(node_name(wrong).is_err(), "{wrong:?} was taken for a name");
        }
    }

    #[test]
    fn flags_win_over_the_environment_and_contradictions_are_refused() {
        let environment =
            Environment { output: Some("json".to_owned()), timeout: Some("2s".to_owned()), ..Environment::default() };
        let typed = GlobalArguments { output: Some(OutputFormat::Yaml), ..GlobalArguments::default() };
        let global = environment.complete(typed).unwrap();
        assert_eq!((global.output, global.timeout), (Some(OutputFormat::Yaml), Some(Duration::from_secs(2))));

        let both = GlobalArguments {
            cluster: Some("demo".to_owned()),
            endpoint: vec!["127.0.0.1:1".to_owned()],
            ..GlobalArguments::default()
        };
        assert_eq!(environment.complete(both).unwrap_err().code, "E0104");
        let wrong = Environment { timeout: Some("30".to_owned()), ..Environment::default() };
        let failure = wrong.complete(GlobalArguments::default()).unwrap_err();
        assert_eq!((failure.code, failure.cause.as_deref()), ("E0105", Some("`30` has no unit; did you mean `30s`?")));
    }

    #[test]
    fn a_time_is_a_date_or_a_span_back() {
        assert_eq!(instant("2026-11-24T20:40:00Z").unwrap().to_string(), "2026-11-24T20:40:00Z");
        let back = instant("1h").unwrap();
        let age = jiff::Timestamp::now().duration_since(back).as_secs();
        assert!((3_599..3_700).contains(&age), "an hour back is {age} s back");
        assert!(instant("yesterday").is_err());
    }
}
