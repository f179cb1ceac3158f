//! The lines that were typed, kept for the next shell in a file of the state directory that only its owner reads.
//!
//! Values are in it as they were typed. What is not kept: lines that begin with a blank, while `\history off` holds, or
//! longer than `LINE_BYTES_MAX`; and the lines of a transaction, which are no commands.

use std::collections::VecDeque;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::cli::failure::Failure;
use crate::cli::files::{self, Temporary};

/// Most lines that are kept.
pub(super) const LINES_MAX: usize = 1_000;

/// Longest line that is kept, in bytes.
const LINE_BYTES_MAX: usize = 4 * 1024;

/// Most bytes of a file that are read; whatever is longer was not written by a shell.
const FILE_BYTES_MAX: u64 = 2 * (LINES_MAX * LINE_BYTES_MAX) as u64;

/// Only the owner reads and writes it.
const MODE: u32 = 0o600;

const FILE_NAME: &str = "shell_history";

pub(super) struct History {
    path: PathBuf,
    lines: VecDeque<String>,
    /// Lines in the file, as far as this shell knows.
    in_file: usize,
    /// New lines are kept.
    pub(super) is_on: bool,
}

impl History {
    /// What is kept below `home`; nothing when there is no file yet.
    ///
    /// # Errors
    /// The file cannot be read, or not be kept from others.
    pub(super) fn load(home: &Path) -> Result<History, Failure> {
        let path = home.join(FILE_NAME);
        let lines = read(&path).map_err(|error| {
            Failure::new("E0107", format!("the history in {} cannot be read", path.display())).because(&error)
        })?;
        Ok(History { path, in_file: lines.len(), lines, is_on: true })
    }

    /// A history of this shell alone.
    pub(super) fn in_memory() -> History {
        History { path: PathBuf::new(), lines: VecDeque::new(), in_file: 0, is_on: false }
    }

    /// Oldest first.
    pub(super) fn lines(&self) -> impl Iterator<Item = &String> {
        self.lines.iter()
    }

    /// Keeps a line, if it is one to be kept.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn record(&mut self, line: &str) -> Result<(), Failure> {
        let is_repeated = self.lines.back().is_some_and(|last| last == line);
        if !self.is_on || !is_to_be_kept(line) || is_repeated {
            return Ok(());
        }
        self.lines.push_back(line.to_owned());
        while self.lines.len() > LINES_MAX {
            self.lines.pop_front();
        }
        self.append(line).map_err(|error| {
            Failure::new("E0108", format!("{} cannot be written", self.path.display())).because(&error)
        })
    }

    fn append(&mut self, line: &str) -> io::Result<()> {
        fs::create_dir_all(self.path.parent().unwrap_or(Path::new(".")))?;
        let mut file = OpenOptions::new().append(true).create(true).mode(MODE).open(&self.path)?;
        // In one write, so that lines of two shells do not mix.
        file.write_all(format!("{line}\n").as_bytes())?;
        self.in_file += 1;
        if self.in_file > LINES_MAX {
            self.shorten()?;
        }
        Ok(())
    }

    /// Leaves the newest lines of all shells in the file.
    fn shorten(&mut self) -> io::Result<()> {
        let lines = read(&self.path)?;
        let temporary = Temporary::beside(&self.path);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(temporary.path())?;
        for line in &lines {
            writeln!(file, "{line}")?;
        }
        file.sync_all()?;
        files::publish(temporary.path(), &self.path)?;
        self.in_file = lines.len();
        Ok(())
    }
}

fn is_to_be_kept(line: &str) -> bool {
    !line.trim().is_empty() && !line.starts_with(' ') && line.len() <= LINE_BYTES_MAX && !has_control(line)
}

/// Control characters would be drawn when the line is called up again.
fn has_control(line: &str) -> bool {
    line.chars().any(|one| one.is_control() && one != '\t')
}

/// The newest lines of a file.
fn read(path: &Path) -> io::Result<VecDeque<String>> {
    let file = match fs::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(VecDeque::new()),
        file => file?,
    };
    if file.metadata()?.permissions().mode() & 0o777 != MODE {
        file.set_permissions(fs::Permissions::from_mode(MODE))?;
    }
    let mut text = Vec::new();
    file.take(FILE_BYTES_MAX).read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    let kept: Vec<&str> = text.lines().filter(|line| is_to_be_kept(line)).collect();
    Ok(kept[kept.len().saturating_sub(LINES_MAX)..].iter().map(|line| (*line).to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_outlive_the_shell_and_only_the_newest_are_kept() {
        let home = tempfile::tempdir().unwrap();
        let mut history = History::load(home.path()).unwrap();
        for number in 0..LINES_MAX + 5 {
            history.record(&format!("put k {number}")).unwrap();
        }
        let again = History::load(home.path()).unwrap();
        assert_eq!(again.lines, history.lines);
        assert_eq!((again.lines.len(), again.lines[0].as_str()), (LINES_MAX, "put k 5"));
        let path = home.path().join(FILE_NAME);
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), LINES_MAX);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
    }

    #[test]
    fn what_is_not_meant_to_be_kept_is_not() {
        let home = tempfile::tempdir().unwrap();
        let mut history = History::load(home.path()).unwrap();
        for line in ["get a", "get a", " put secret x", "", "get \x1b[2J", &"x".repeat(LINE_BYTES_MAX + 1)] {
            history.record(line).unwrap();
        }
        history.is_on = false;
        history.record("get b").unwrap();
        assert_eq!(History::load(home.path()).unwrap().lines, ["get a"]);
    }

    #[test]
    fn two_shells_lose_nothing_of_each_other_and_a_readable_file_is_closed() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(FILE_NAME);
        fs::write(&path, "get old\nget \x1b[2J\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let (mut one, mut other) = (History::load(home.path()).unwrap(), History::load(home.path()).unwrap());
        one.record("get one").unwrap();
        other.record("get other").unwrap();
        assert_eq!(History::load(home.path()).unwrap().lines, ["get old", "get one", "get other"]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
    }
}
