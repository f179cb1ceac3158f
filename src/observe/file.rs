//! A log file that cannot grow without end: when it is full it becomes `FILE.1`, and the `FILE.1` before it is gone.
//!
//! Promises: never more than two files of `bytes_max`, never panics, and a line that the disk refused is only counted.
//! Does not sync: log lines are talk, not state.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Most bytes of a node's log file before it is set aside; together with the one set aside, twice that.
pub const LOG_FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Where the full log file goes.
pub fn old_log_file(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    PathBuf::from(name)
}

/// One process writes it; others may append a few lines (a crash report) or read it at any time.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    bytes_max: u64,
    file: Option<File>,
    bytes: u64,
    /// A line was cut short by a full disk: the next one must not be glued to it.
    torn: bool,
    lost: u64,
}

impl LogFile {
    /// Opens for appending. A file that cannot be opened is tried again at the next line.
    pub fn open(path: &Path, bytes_max: u64) -> LogFile {
        let mut file = LogFile { path: path.to_owned(), bytes_max, file: None, bytes: 0, torn: false, lost: 0 };
        // A failure shows at the first line, which is then counted as lost.
        let _ = file.reopen();
        file
    }

    /// Appends one line, which ends with its line feed. Returns false when it could not be written.
    pub fn append(&mut self, line: &str) -> bool {
        let written = self.try_append(line.as_bytes());
        if written.is_err() {
            self.lost += 1;
        }
        written.is_ok()
    }

    /// Lines that could not be written since this was last asked.
    pub fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    fn try_append(&mut self, line: &[u8]) -> io::Result<()> {
        if self.file.is_none() {
            self.reopen()?;
        }
        if self.bytes > 0 && self.bytes + line.len() as u64 > self.bytes_max {
            self.rotate()?;
        }
        let file = self.file.as_mut().expect("the file was just opened");
        if self.torn {
            file.write_all(b"\n")?;
            self.torn = false;
        }
        match file.write_all(line) {
            Ok(()) => {
                self.bytes += line.len() as u64;
                Ok(())
            }
            Err(error) => {
                self.torn = true;
                Err(error)
            }
        }
    }

    fn rotate(&mut self) -> io::Result<()> {
        std::fs::rename(&self.path, old_log_file(&self.path))?;
        self.file = None;
        self.torn = false;
        self.reopen()
    }

    fn reopen(&mut self) -> io::Result<()> {
        let file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        self.bytes = file.metadata()?.len();
        self.file = Some(file);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_is_set_aside_once_and_no_line_is_lost_at_the_seam() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.log");
        let mut file = LogFile::open(&path, 100);
        for number in 0..10 {
            assert!(file.append(&format!("line {number:02} of the log\n")), "line {number} is written");
        }
        let old = std::fs::read_to_string(old_log_file(&path)).unwrap();
        let new = std::fs::read_to_string(&path).unwrap();
        assert!(old.len() <= 100 && new.len() <= 100);
        let numbers: Vec<&str> = old.lines().chain(new.lines()).collect();
        let expected: Vec<String> = (5..10).map(|number| format!("line {number:02} of the log")).collect();
        assert_eq!(numbers[numbers.len() - 5..], expected);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn an_existing_file_counts_toward_the_bound() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.log");
        std::fs::write(&path, "x".repeat(95)).unwrap();
        let mut file = LogFile::open(&path, 100);
        assert!(file.append("0123456789\n"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "0123456789\n");
        assert_eq!(std::fs::read(old_log_file(&path)).unwrap().len(), 95);
    }

    #[test]
    fn a_disk_that_refuses_costs_lines_and_nothing_else() {
        let mut full = LogFile::open(Path::new("/dev/full"), u64::MAX);
        assert!(!full.append("one\n") && !full.append("two\n"));
        assert_eq!((full.take_lost(), full.take_lost()), (2, 0));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("later").join("node.log");
        let mut file = LogFile::open(&path, 100);
        assert!(!file.append("lost\n"));
        std::fs::create_dir(dir.path().join("later")).unwrap();
        assert!(file.append("kept\n"), "the file is tried again");
        assert_eq!(file.take_lost(), 1);
    }
}
