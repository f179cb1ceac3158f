//! `raftctl log show`: entries as they lie on disk.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use clap::ValueEnum;
use clap_complete::ArgValueCandidates;

use super::listing::Show;
use super::{damage_failure, follow, sources, walk_failure};
use crate::cli::arguments::{OutputFormat, Range, instant, range};
use crate::cli::failure::{Exit, Failure};
use crate::cli::progress::Progress;
use crate::cli::{Context, completions};
use crate::codec::Kind;
use crate::codec::settings::parse_size;
use crate::inspect::filter::Filter;
use crate::inspect::log::Source;

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl log show n1
  raftctl log show n1 --index 100..200 --kind command
  raftctl log show n1 --key colour --reverse --limit 1
  raftctl log show ./copy-of-data -o json
  raftctl log show n1 --tail 5 -f
  raftctl log show n1 --size 64KiB.. --csv

A word is a node of the selected cluster; with `/` or `.` in it, it is a path. Nodes may run meanwhile.")]
pub struct Args {
    /// Nodes, data directories, segment files or bundles
    #[arg(value_name = "NODE|PATH", required = true, add = ArgValueCandidates::new(completions::node_names))]
    pub sources: Vec<OsString>,

    /// Only these indexes, both ends included: A..B, A.., ..B or A
    #[arg(long, value_name = "RANGE", value_parser = range, help_heading = "Which entries")]
    pub index: Option<Range>,

    /// Only these terms, both ends included: A..B, A.., ..B or A
    #[arg(long, value_name = "RANGE", value_parser = range, help_heading = "Which entries")]
    pub term: Option<Range>,

    /// Only entries of this kind; may be repeated
    #[arg(long, value_name = "KIND", help_heading = "Which entries")]
    pub kind: Vec<EntryKind>,

    /// Only commands on this key
    #[arg(long, value_name = "KEY", conflicts_with = "prefix", help_heading = "Which entries")]
    pub key: Option<OsString>,

    /// Only commands on keys that begin with this
    #[arg(long, value_name = "PREFIX", help_heading = "Which entries")]
    pub prefix: Option<OsString>,

    /// Only writes of the session whose name begins so, as -o json shows it
    #[arg(long, value_name = "SESSION", value_parser = session, help_heading = "Which entries")]
    pub session: Option<String>,

    /// Only entries written at or after this time: RFC 3339, or a span back such as 10m
    #[arg(long, value_name = "TIME", value_parser = instant, help_heading = "Which entries")]
    pub since: Option<jiff::Timestamp>,

    /// Only entries written at or before this time
    #[arg(long, value_name = "TIME", value_parser = instant, help_heading = "Which entries")]
    pub until: Option<jiff::Timestamp>,

    /// Only entries whose payload has so many bytes, both ends included: 1KiB..64KiB, 1MiB.., ..100B
    #[arg(long, value_name = "RANGE", value_parser = size_range, help_heading = "Which entries")]
    pub size: Option<Range>,

    /// Only entries with this text in their key, their value or what they say of members
    #[arg(long, value_name = "TEXT", help_heading = "Which entries")]
    pub text: Option<OsString>,

    /// Newest first
    #[arg(long, conflicts_with_all = ["tail", "follow"], help_heading = "Which entries")]
    pub reverse: bool,

    /// Stop after so many entries
    #[arg(long, value_name = "N", help_heading = "Which entries")]
    pub limit: Option<u64>,

    /// Only the last so many of the entries that match
    #[arg(long, value_name = "N", conflicts_with = "limit", help_heading = "Which entries")]
    pub tail: Option<u64>,

    /// Then print entries as they are written, until interrupted or --limit is reached
    #[arg(short, long)]
    pub follow: bool,

    /// Comma-separated values with a line of names; times, keys and values as under -o json
    #[arg(long)]
    pub csv: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EntryKind {
    /// The first entry of a leader's term
    Noop,
    /// A write
    Command,
    /// Who is in the cluster
    Config,
    /// Time passing, and nothing else
    Tick,
}

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    let sources = sources(context, &arguments.sources)?;
    check(context, &arguments, &sources)?;
    let mut damage = Vec::new();
    for source in &sources {
        let progress = Progress::new(context, format!("reading {}", source.name()), source.length_bytes());
        let show = Show::new(context, filter(&arguments), arguments.csv, source, &progress);
        if show.is_table() && sources.len() > 1 {
            context.printer.line(format_args!("{}:", source.name()))?;
        }
        if !arguments.csv || source == &sources[0] {
            show.heading()?;
        }
        let limit = arguments.limit.unwrap_or(u64::MAX);
        let found = match (arguments.reverse, arguments.tail) {
            (true, _) => show.newest_first(limit)?,
            (false, Some(count)) => show.tail(count, arguments.follow)?,
            (false, None) => show.forward(limit, arguments.follow)?,
        };
        if arguments.follow && found.shown < limit {
            follow::run(&show, &found, limit)?;
        }
        damage.extend(source.confirm(found.damage).map_err(|error| walk_failure(source, &error))?);
    }
    damage_failure(context, &damage)
}

fn check(context: &Context, arguments: &Args, sources: &[Source]) -> Result<(), Failure> {
    if arguments.csv && context.global.output.is_some_and(|format| format != OutputFormat::Table) {
        return Err(Failure::new("E0101", "--csv and --output exclude each other").fix("give one of them"));
    }
    if let Some(bundled) = sources.iter().find(|source| arguments.follow && source.is_bundled()) {
        return Err(Failure::new("E0101", format!("{} cannot be followed", bundled.name()))
            .cause("it lies in a bundle, where nothing changes any more")
            .fix("leave out -f"));
    }
    if arguments.follow && sources.len() > 1 {
        return Err(Failure::new("E0101", "-f follows one log at a time").fix("name one node or path"));
    }
    match sources.iter().find(|source| arguments.follow && source.data_dir().is_none()) {
        Some(source) => Err(Failure::new("E0101", format!("{} cannot be followed", source.name()))
            .cause("it is not part of a data directory, so nothing will be added to it")
            .fix("leave out -f")),
        None => Ok(()),
    }
}

fn filter(arguments: &Args) -> Filter {
    let ends = |range: Range| (range.first, range.last);
    let millis = |time: jiff::Timestamp| u64::try_from(time.as_millisecond()).unwrap_or(0);
    Filter {
        index: arguments.index.map(ends),
        term: arguments.term.map(ends),
        kinds: arguments.kind.iter().map(|kind| kind.stored()).collect(),
        key: arguments.key.clone().map(OsString::into_vec),
        prefix: arguments.prefix.clone().map(OsString::into_vec),
        session: arguments.session.clone(),
        since_ms: arguments.since.map(millis),
        until_ms: arguments.until.map(millis),
        size_bytes: arguments.size.map(ends),
        text: arguments.text.clone().map(OsString::into_vec),
    }
}

/// The beginning of a session's name: up to 32 hexadecimal digits.
fn session(text: &str) -> Result<String, String> {
    let is_name = !text.is_empty() && text.len() <= 32 && text.chars().all(|digit| digit.is_ascii_hexdigit());
    if is_name { Ok(text.to_ascii_lowercase()) } else { Err("a session has up to 32 hexadecimal digits".to_owned()) }
}

/// Sizes with their units, with both ends in it; either may be missing.
fn size_range(text: &str) -> Result<Range, String> {
    let size = |text: &str, absent: u64| match text {
        "" => Ok(absent),
        _ => parse_size(text).map_err(|error| error.to_string()),
    };
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    let range = Range { first: size(first, 0)?, last: size(last, u64::MAX)? };
    match (text.is_empty(), range.first <= range.last) {
        (true, _) => Err("write A..B, A.., ..B or A with units, as in 1KiB..64KiB".to_owned()),
        (false, true) => Ok(range),
        (false, false) => Err(format!("{first} is more than {last}")),
    }
}

impl EntryKind {
    fn stored(self) -> Kind {
        match self {
            EntryKind::Noop => Kind::Noop,
            EntryKind::Command => Kind::Command,
            EntryKind::Config => Kind::Config,
            EntryKind::Tick => Kind::Tick,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_and_both_ends_count() {
        assert_eq!(size_range("1KiB..2KiB"), Ok(Range { first: 1024, last: 2048 }));
        assert_eq!(size_range("1MiB.."), Ok(Range { first: 1 << 20, last: u64::MAX }));
        assert_eq!(size_range("..100B"), Ok(Range { first: 0, last: 100 }));
        assert_eq!(size_range("100B"), Ok(Range { first: 100, last: 100 }));
        for wrong in ["", "100", "2KiB..1KiB", "a..b"] {
            assert!(size_range(wrong).is_err(), "{wrong:?} was taken for a range of sizes");
        }
    }
}
