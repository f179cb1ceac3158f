//! How a command ends: the exit codes scripts may rely on, and failures that say *what failed · the cause · what to
//! try* under a stable code.
//!
//! Every code has a page in `catalogue`; a failure with a code that has none is a bug. Nothing here prints to stdout.

use std::error::Error;
use std::fmt::Write as _;
use std::io;

use serde::Serialize;

use super::catalogue;

/// Exit codes, a contract with scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done,
    Failed,
    /// Wrong words, including an unknown cluster, node or file.
    Usage,
    /// The key is not there, and nothing else.
    Absent,
    /// Definitely not applied, safe to retry; reads that time out too.
    Unavailable,
    /// A condition does not hold.
    Condition,
    /// A write may or may not be applied.
    Unknown,
    /// Corruption, a broken invariant, or committed entries that differ.
    Corrupt,
    Interrupted,
    /// Whatever the command ended with that raftctl was asked to run.
    Of(u8),
}

impl Exit {
    pub const fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Absent => 3,
            Exit::Unavailable => 4,
            Exit::Condition => 5,
            Exit::Unknown => 6,
            Exit::Corrupt => 7,
            Exit::Interrupted => 130,
            Exit::Of(code) => code,
        }
    }

    /// Whether the same command may be given again without harm.
    pub const fn may_retry(self) -> bool {
        matches!(self, Exit::Unavailable)
    }
}

/// Why a command did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// `E0142`: has a page in the catalogue.
    pub code: &'static str,
    /// What failed, as a sentence without a full stop.
    pub what: String,
    pub cause: Option<String>,
    /// What to try.
    pub fix: Option<String>,
    /// True only if nothing was applied and the same may be tried again.
    pub retry: bool,
    pub exit: Exit,
    /// Ends without a word: stdout was closed by who read it.
    silent: bool,
}

impl Failure {
    /// A failure with the exit code its page names.
    pub fn new(code: &'static str, what: impl Into<String>) -> Failure {
        let page = catalogue::page(code).expect("every code that is constructed has a page");
        Failure {
            code,
            what: what.into(),
            cause: None,
            fix: None,
            retry: page.exit.may_retry(),
            exit: page.exit,
            silent: false,
        }
    }

    /// The reader of stdout went away: not an error of ours, nor of anybody.
    pub fn closed_output() -> Failure {
        Failure {
            code: "E0100",
            what: "stdout was closed".to_owned(),
            cause: None,
            fix: None,
            retry: false,
            exit: Exit::Done,
            silent: true,
        }
    }

    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Failure {
        self.cause = Some(cause.into());
        self
    }

    /// The cause is `error` and everything below it.
    #[must_use]
    pub fn because(self, error: &(dyn Error + 'static)) -> Failure {
        let mut text = error.to_string();
        let mut below = error.source();
        while let Some(source) = below {
            let next = source.to_string();
            if !text.contains(&next) {
                let _ = write!(text, ": {next}");
            }
            below = source.source();
        }
        self.cause(text)
    }

    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Failure {
        self.fix = Some(fix.into());
        self
    }

    /// Overrides the exit code of the page, for codes whose weight depends on the command.
    #[must_use]
    pub fn exit(mut self, exit: Exit) -> Failure {
        self.exit = exit;
        self.retry = exit.may_retry();
        self
    }

    pub fn is_silent(&self) -> bool {
        self.silent
    }

    /// The lines a person reads, the first one coloured.
    pub fn to_text(&self) -> String {
        let bold = anstyle::Style::new().bold();
        let red = bold.fg_color(Some(anstyle::AnsiColor::Red.into()));
        let mut text = format!("{red}error[{}]{red:#}: {bold}{}{bold:#}\n", self.code, indented(&self.what));
        if let Some(cause) = &self.cause {
            let _ = writeln!(text, "  cause: {}", indented(cause));
        }
        if let Some(fix) = &self.fix {
            let _ = writeln!(text, "  try:   {}", indented(fix));
        }
        text
    }

    /// One line, `raftctl.error/v1`.
    pub fn to_json(&self) -> String {
        let document = ErrorDocument {
            schema: "raftctl.error/v1",
            code: self.code,
            message: &self.what,
            cause: self.cause.as_deref(),
            fix: self.fix.as_deref(),
            retry: self.retry,
            exit: self.exit.code(),
        };
        serde_json::to_string(&document).expect("strings and numbers always serialise")
    }
}

/// Failing to write stdout.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Failure::closed_output();
        }
        Failure::new("E0109", "the output could not be written").because(&error)
    }
}

/// Lines after the first are set under it.
fn indented(text: &str) -> String {
    text.trim_end().replace('\n', "\n         ")
}

#[derive(Serialize)]
struct ErrorDocument<'a> {
    schema: &'static str,
    code: &'static str,
    message: &'a str,
    cause: Option<&'a str>,
    fix: Option<&'a str>,
    retry: bool,
    exit: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_the_cause_and_what_to_try() {
        let failure = Failure::new("E0201", "cluster `demo` is not known").cause("nothing there").fix("raftctl ls");
        let text = anstream::adapter::strip_str(&failure.to_text()).to_string();
        assert_eq!(text, "error[E0201]: cluster `demo` is not known\n  cause: nothing there\n  try:   raftctl ls\n");
        assert_eq!(
            failure.to_json(),
            "{\"schema\":\"raftctl.error/v1\",\"code\":\"E0201\",\"message\":\"cluster `demo` is not known\",\
             \"cause\":\"nothing there\",\"fix\":\"raftctl ls\",\"retry\":false,\"exit\":2}"
        );
    }

    #[test]
    fn a_closed_pipe_is_no_failure_and_a_full_disk_is_one() {
        let closed = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(closed.is_silent() && closed.exit == Exit::Done);
        let full = Failure::from(io::Error::from(io::ErrorKind::StorageFull));
        assert!(!full.is_silent() && full.exit == Exit::Failed && full.cause.is_some());
    }

    #[test]
    fn only_unavailable_may_be_retried() {
        assert!(Failure::new("E0201", "x").exit(Exit::Unavailable).retry);
        assert!(!Failure::new("E0201", "x").exit(Exit::Unknown).retry);
    }
}
