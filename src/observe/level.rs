//! How much a line matters: the four severities, their names, and their colours.

use core::fmt;
use core::str::FromStr;

use anstyle::{AnsiColor, Style};

/// How much a line matters, the gravest first: a level lets through itself and what is before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The node cannot go on, or not as it should.
    Error,
    /// Something is not as it should be; the node copes.
    Warn,
    /// A change worth a line in the story of the cluster.
    #[default]
    Info,
    /// Everything else; may be many lines per second.
    Debug,
}

/// The text is none of `error warn info debug`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a level; write error, warn, info or debug")]
pub struct UnknownLevel(pub String);

impl Level {
    pub const ALL: [Level; 4] = [Level::Error, Level::Warn, Level::Info, Level::Debug];

    /// The word in a log line; all are of one width when padded to five.
    pub const fn word(self) -> &'static str {
        match self {
            Level::Error => "ERROR",
            Level::Warn => "WARN",
            Level::Info => "INFO",
            Level::Debug => "DEBUG",
        }
    }

    pub const fn style(self) -> Style {
        match self {
            Level::Error => Style::new().bold().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red))),
            Level::Warn => Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Yellow))),
            Level::Info => Style::new(),
            Level::Debug => Style::new().dimmed(),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Level {
    type Err = UnknownLevel;

    /// Accepts any case, as people write `RAFTCTL_LOG=INFO` and `info`.
    fn from_str(text: &str) -> Result<Level, UnknownLevel> {
        let found = Level::ALL.into_iter().find(|level| level.word().eq_ignore_ascii_case(text.trim()));
        found.ok_or_else(|| UnknownLevel(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_ordered_by_gravity_and_read_in_any_case() {
        assert!(Level::Error < Level::Warn && Level::Warn < Level::Info && Level::Info < Level::Debug);
        assert_eq!("WARN".parse(), Ok(Level::Warn));
        assert_eq!(" debug ".parse(), Ok(Level::Debug));
        assert_eq!("trace".parse::<Level>(), Err(UnknownLevel("trace".to_owned())));
    }
}
