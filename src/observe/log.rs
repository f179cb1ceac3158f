//! The log of one node: a severity filter in front of a bounded file, and an echo on stderr for a person.
//!
//! Promises: `line` never waits for a terminal and never fails; lines above the rate limit, or refused by the disk,
//! are counted, and the count is the next line that gets through. Does not buffer: a crash loses no line.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::file::{LOG_FILE_BYTES_MAX, LogFile};
use super::level::Level;
use super::line::{LogLine, format_line};

/// Most lines written per second, errors excepted; more are counted and not written.
const LINES_PER_SECOND_MAX: u32 = 1_000;

/// Most lines that wait for a terminal that does not keep up; more are not shown.
const ECHO_LINES_MAX: usize = 1_024;

/// How long the end of a node waits for its terminal to take the last lines.
const ECHO_DRAIN_MAX: Duration = Duration::from_millis(200);

/// What a log is opened with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogOptions {
    pub file: PathBuf,
    /// The node's name, part of each line.
    pub name: String,
    /// Lines of less weight than this are dropped.
    pub level: Level,
    /// Also print on stderr.
    pub echo: bool,
}

/// The log of one node. Shared by reference; each line is written whole.
#[derive(Debug)]
pub struct Log {
    name: String,
    level: Level,
    sink: Mutex<Sink>,
    echo: Option<Echo>,
}

#[derive(Debug)]
struct Sink {
    file: LogFile,
    second_began: Instant,
    lines_this_second: u32,
    lost: u64,
}

impl Log {
    /// Opens the file for appending. A file that cannot be opened is tried again with each line.
    pub fn open(options: &LogOptions) -> Log {
        let sink = Sink {
            file: LogFile::open(&options.file, LOG_FILE_BYTES_MAX),
            second_began: Instant::now(),
            lines_this_second: 0,
            lost: 0,
        };
        Log {
            name: options.name.clone(),
            level: options.level,
            sink: Mutex::new(sink),
            echo: options.echo.then(Echo::start).flatten(),
        }
    }

    /// Whether a line of this weight would be written; saves the making of texts that nobody reads.
    pub fn is_enabled(&self, level: Level) -> bool {
        level <= self.level
    }

    /// Writes one line, unless its weight is too small.
    pub fn line(&self, level: Level, text: &str) {
        if !self.is_enabled(level) {
            return;
        }
        let now = jiff::Timestamp::now();
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        if !sink.may_write(level) {
            sink.lost += 1;
            return;
        }
        let lost = sink.lost + sink.file.take_lost();
        sink.lost = lost;
        if lost > 0 {
            let told =
                format_line(now, Level::Warn, &self.name, &format!("{lost} log lines before this one were lost"));
            if sink.file.append(&told) {
                sink.lost = 0;
            }
            // Failing to tell loses no line of the story.
            sink.file.take_lost();
        }
        let line = format_line(now, level, &self.name, text);
        sink.file.append(&line);
        if let Some(echo) = &self.echo {
            echo.send(line);
        }
    }
}

impl Sink {
    fn may_write(&mut self, level: Level) -> bool {
        if self.second_began.elapsed() >= Duration::from_secs(1) {
            self.second_began = Instant::now();
            self.lines_this_second = 0;
        }
        self.lines_this_second = self.lines_this_second.saturating_add(1);
        level == Level::Error || self.lines_this_second <= LINES_PER_SECOND_MAX
    }
}

/// A thread of its own, because a terminal may stop reading (Ctrl-S) and a node must not.
#[derive(Debug)]
struct Echo {
    lines: Option<SyncSender<String>>,
    /// In a mutex only so that a log may be shared between threads.
    done: Mutex<Receiver<()>>,
}

impl Echo {
    /// None when no thread could be had: then there is no echo.
    fn start() -> Option<Echo> {
        let (lines, waiting) = sync_channel::<String>(ECHO_LINES_MAX);
        let (finished, done) = sync_channel(1);
        let print = move || {
            use std::io::Write as _;
            for line in waiting {
                // Nothing can be said about a stderr that cannot be written.
                let _ = anstream::stderr().write_all(colored(&line).as_bytes());
            }
            let _ = finished.send(());
        };
        std::thread::Builder::new().name("log-echo".to_owned()).spawn(print).ok()?;
        Some(Echo { lines: Some(lines), done: Mutex::new(done) })
    }

    fn send(&self, line: String) {
        if let Some(lines) = &self.lines {
            // The file has the line; a terminal that is too slow does without it.
            let _ = lines.try_send(line);
        }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.lines = None;
        if let Ok(done) = self.done.lock() {
            // A terminal that takes no more lines is left without the last ones.
            let _ = done.recv_timeout(ECHO_DRAIN_MAX);
        }
    }
}

fn colored(line: &str) -> String {
    let style = LogLine::parse(line).map_or(Level::Warn, |line| line.level).style();
    format!("{style}{}{style:#}\n", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(file: PathBuf, level: Level) -> Log {
        Log::open(&LogOptions { file, name: "n1".to_owned(), level, echo: false })
    }

    #[test]
    fn lines_below_the_level_are_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.log");
        let log = open(path.clone(), Level::Info);
        log.line(Level::Debug, "committed up to 3@2");
        log.line(Level::Info, "follows n2 in term 2");
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!(text.lines().count(), 1);
        let line = LogLine::parse(text.trim_end()).unwrap();
        assert_eq!((line.level, line.node, line.text), (Level::Info, "n1", "follows n2 in term 2"));
    }

    #[test]
    fn a_flood_is_cut_and_told_and_errors_pass() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.log");
        let log = open(path.clone(), Level::Debug);
        log.sink.lock().unwrap().second_began = Instant::now() + Duration::from_secs(3_600);
        for _ in 0..LINES_PER_SECOND_MAX + 50 {
            log.line(Level::Warn, "dropped a message");
        }
        log.line(Level::Error, "stopped");
        let text = std::fs::read_to_string(path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), LINES_PER_SECOND_MAX as usize + 2);
        assert!(lines[lines.len() - 2].ends_with("WARN n1 50 log lines before this one were lost"));
        assert!(lines[lines.len() - 1].ends_with("ERROR n1 stopped"));
    }

    #[test]
    fn a_full_disk_is_survived_and_counted_until_it_can_be_told() {
        let log = open(PathBuf::from("/dev/full"), Level::Info);
        for _ in 0..3 {
            log.line(Level::Info, "nobody will read this");
        }
        let mut sink = log.sink.lock().unwrap();
        assert_eq!(sink.lost + sink.file.take_lost(), 3);
    }
}
