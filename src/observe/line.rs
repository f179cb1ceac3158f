//! How a log line looks, and how it is read back: `2026-11-24T20:40:00.123Z INFO n1 became leader in term 2 with 2 votes`.
//!
//! One line stays one line: control characters in the text are escaped, whoever sent them.

use core::fmt::Write as _;

use super::level::Level;

/// Longest text of one line, in bytes; the rest is cut and its length told.
pub const LINE_TEXT_BYTES_MAX: usize = 4 * 1024;

/// A line as it was read from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine<'a> {
    pub time: jiff::Timestamp,
    pub level: Level,
    pub node: &'a str,
    pub text: &'a str,
}

impl<'a> LogLine<'a> {
    /// None for what was not written by `format_line`, such as the last words of a process that crashed.
    pub fn parse(line: &'a str) -> Option<LogLine<'a>> {
        let (time, rest) = line.split_once(' ')?;
        let (level, rest) = rest.split_once(' ')?;
        let (node, text) = rest.split_once(' ')?;
        let level = Level::ALL.into_iter().find(|one| one.word() == level)?;
        Some(LogLine { time: time.parse().ok()?, level, node, text })
    }
}

/// The line with its line feed.
pub fn format_line(time: jiff::Timestamp, level: Level, node: &str, text: &str) -> String {
    let mut line = format!("{time:.3} {level} {node} ");
    let most = text.len().min(LINE_TEXT_BYTES_MAX);
    let cut = (0..=most).rev().find(|at| text.is_char_boundary(*at)).expect("the start is a boundary");
    for character in text[..cut].chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    if cut < text.len() {
        let _ = write!(line, "… ({} bytes more)", text.len() - cut);
    }
    line.push('\n');
    line
}

/// Whether a person should look at this line: it is a warning or an error, or no line of ours at all.
pub fn is_problem(line: &str) -> bool {
    LogLine::parse(line).is_none_or(|line| line.level <= Level::Warn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_back_as_it_was_written() {
        let time: jiff::Timestamp = "2026-11-24T20:40:00.123456Z".parse().unwrap();
        let line = format_line(time, Level::Info, "n1", "became leader in term 2 with 2 votes");
        assert_eq!(line, "2026-11-24T20:40:00.123Z INFO n1 became leader in term 2 with 2 votes\n");
        let read = LogLine::parse(line.trim_end()).unwrap();
        assert_eq!((read.level, read.node, read.text), (Level::Info, "n1", "became leader in term 2 with 2 votes"));
        assert_eq!(read.time.as_millisecond(), time.as_millisecond());
        assert_eq!(LogLine::parse("thread 'main' panicked at src/x.rs"), None);
        assert!(is_problem("thread 'main' panicked at src/x.rs") && !is_problem(line.trim_end()));
    }

    #[test]
    fn nothing_breaks_out_of_its_line() {
        let time = jiff::Timestamp::UNIX_EPOCH;
        let line = format_line(time, Level::Warn, "n1", "refused: \u{1b}[31m\n2026 INFO n1 became leader");
        assert_eq!(line.matches('\n').count(), 1);
        assert!(!line.contains('\u{1b}'));
        let long = "ä".repeat(LINE_TEXT_BYTES_MAX);
        let line = format_line(time, Level::Warn, "n1", &long);
        assert!(line.len() < LINE_TEXT_BYTES_MAX + 100 && line.ends_with("bytes more)\n"), "{}", line.len());
    }
}
