//! A failure in a file: what makes the world, one line each, and its story as comments.

use std::time::Duration;

use super::report::{replay_command, shortened, span};
use crate::codec::settings::{UnitError, parse_duration};
use crate::raft::{Rules, UnknownRule};
use crate::sim::{Fault, Report, RunOptions};

/// A world that can be run again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    pub seed: u64,
    pub options: RunOptions,
}

/// Why a text is not a saved failure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SavedError {
    #[error(
        "line {line}: `{text}` is not `seed`, `time`, `nodes`, `quiet-until`, `lying-disks`, `break` or `without` with its value"
    )]
    Line { line: usize, text: String },
    #[error("line {line}: {source}")]
    Span { line: usize, source: UnitError },
    #[error("line {line}: `{word}` is not a fault")]
    Fault { line: usize, word: String },
    #[error("line {line}: {source}")]
    Rule { line: usize, source: UnknownRule },
    #[error("it names no seed")]
    NoSeed,
}

/// The text of a file.
pub fn render(report: &Report, options: &RunOptions) -> String {
    let mut text = String::new();
    if let Some(violation) = &report.violation {
        text.push_str(&format!("# {violation}\n"));
    }
    text.push_str(&format!("# Again: {}\n", replay_command(report.seed, options)));
    text.push_str(&format!("seed {}\ntime {}\n", report.seed, span(options.span)));
    if let Some(nodes) = options.nodes {
        text.push_str(&format!("nodes {nodes}\n"));
    }
    if !options.quiet_until.is_zero() {
        text.push_str(&format!("quiet-until {}\n", span(options.quiet_until)));
    }
    if options.lying_disks {
        text.push_str("lying-disks yes\n");
    }
    if !options.rules.are_sound() {
        text.push_str(&format!("break {}\n", options.rules));
    }
    for fault in &options.without {
        text.push_str(&format!("without {fault}\n"));
    }
    for line in shortened(&report.lines) {
        text.push_str(&format!("# {line}\n"));
    }
    text
}

/// Reads the text of a file.
pub fn parse(text: &str) -> Result<Saved, SavedError> {
    let mut seed = None;
    let mut options = RunOptions::default();
    for (number, line) in text.lines().enumerate() {
        let number = number + 1;
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let wrong = || SavedError::Line { line: number, text: content.to_owned() };
        let (name, value) = content.split_once(' ').ok_or_else(wrong)?;
        let whole = || value.parse::<u64>().map_err(|_| wrong());
        let long = || -> Result<Duration, SavedError> {
            parse_duration(value).map_err(|source| SavedError::Span { line: number, source })
        };
        match name {
            "seed" => seed = Some(whole()?),
            "time" => options.span = long()?,
            "nodes" => options.nodes = Some(whole()?.clamp(1, 7)),
            "quiet-until" => options.quiet_until = long()?,
            "lying-disks" if value == "yes" => options.lying_disks = true,
            "break" => {
                options.rules = value.parse::<Rules>().map_err(|source| SavedError::Rule { line: number, source })?
            }
            "without" => {
                let fault = Fault::of_word(value);
                let fault = fault.ok_or_else(|| SavedError::Fault { line: number, word: value.to_owned() })?;
                options.without.insert(fault);
            }
            _ => return Err(wrong()),
        }
    }
    Ok(Saved { seed: seed.ok_or(SavedError::NoSeed)?, options })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::raft::Rule;
    use crate::sim::run_seed;

    #[test]
    fn what_is_written_is_read_back() {
        let options = RunOptions {
            span: Duration::from_secs(2),
            without: BTreeSet::from([Fault::Rot, Fault::Lag]),
            nodes: Some(3),
            quiet_until: Duration::from_millis(1_500),
            lying_disks: true,
            rules: Rules::without(Rule::ReadQuorum).and_without(Rule::Stickiness),
        };
        let report = run_seed(9, &options, true);
        let text = render(&report, &options);
        assert_eq!(parse(&text), Ok(Saved { seed: 9, options }), "{text}");
    }

    #[test]
    fn what_is_something_else_is_refused_with_its_line() {
        assert_eq!(parse("# only a comment"), Err(SavedError::NoSeed));
        assert!(matches!(parse("seed 1\ncluster 3"), Err(SavedError::Line { line: 2, .. })));
        assert!(matches!(parse("seed 1\nwithout luck"), Err(SavedError::Fault { line: 2, .. })));
        assert!(matches!(parse("seed 1\nbreak R4711"), Err(SavedError::Rule { line: 2, .. })));
        assert!(matches!(parse("time 5"), Err(SavedError::Span { line: 1, .. })));
    }
}
