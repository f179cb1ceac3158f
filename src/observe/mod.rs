//! Events become log lines.
//!
//! `log` writes lines to a bounded file and, for a node that a person looks at, to stderr; `describe` turns an event of
//! the core into a severity and a sentence; `line` is how a line looks, read back by those who show logs.
//!
//! Promises: a full disk or a stuck terminal never stops a node, what could not be written is counted and told later.
//! Does not decide anything, and keeps no lines in memory.

mod describe;
mod file;
mod level;
mod line;
mod log;

pub use describe::describe;
pub use file::{LOG_FILE_BYTES_MAX, LogFile, old_log_file};
pub use level::{Level, UnknownLevel};
pub use line::{LogLine, format_line, is_problem};
pub use log::{Log, LogOptions};
