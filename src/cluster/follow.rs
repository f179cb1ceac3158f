//! Reads node logs as they grow, across rotation, line by line.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::observe::old_log_file;

/// Most bytes taken from one log at once, so that one busy node does not hide the others.
const READ_BYTES_MAX: u64 = 256 * 1024;

/// One log, read from some place on.
pub struct Follower {
    path: PathBuf,
    file: Option<(File, u64)>,
    partial: Vec<u8>,
}

impl Follower {
    /// Begins behind what is there already.
    pub fn at_end(path: &Path) -> Follower {
        let mut follower = Follower::at_start(path);
        if let Ok(mut file) = File::open(path)
            && let (Ok(_), Ok(facts)) = (file.seek(SeekFrom::End(0)), file.metadata())
        {
            follower.file = Some((file, facts.ino()));
        }
        follower
    }

    pub fn at_start(path: &Path) -> Follower {
        Follower { path: path.to_path_buf(), file: None, partial: Vec::new() }
    }

    /// Appends the whole lines that have come since the last call. A log that is not there yet has none.
    ///
    /// # Errors
    /// The log is there and cannot be read.
    pub fn lines(&mut self, into: &mut Vec<String>) -> io::Result<()> {
        if self.file.is_none() {
            match File::open(&self.path) {
                Ok(file) => {
                    let inode = file.metadata()?.ino();
                    self.file = Some((file, inode));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        let (file, inode) = self.file.as_mut().expect("it was opened just now");
        let count = file.take(READ_BYTES_MAX).read_to_end(&mut self.partial)?;
        let rotated = std::fs::metadata(&self.path).is_ok_and(|facts| facts.ino() != *inode);
        while let Some(end) = self.partial.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            into.push(String::from_utf8_lossy(&line[..end]).into_owned());
        }
        if count == 0 && rotated {
            self.file = None;
        }
        Ok(())
    }
}

/// The last `count` lines of a log, of its older half too where the newer one has too few.
pub fn last_lines(path: &Path, count: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for file in [old_log_file(path), path.to_path_buf()] {
        // A log that cannot be read has no lines to show; what is shown is help, not data.
        let text = std::fs::read(file).unwrap_or_default();
        lines.extend(String::from_utf8_lossy(&text).lines().map(str::to_owned));
    }
    lines.split_off(lines.len().saturating_sub(count))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn lines_are_whole_and_rotation_loses_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.log");
        std::fs::write(&path, "one\ntw").unwrap();
        let mut follower = Follower::at_start(&path);
        let mut lines = Vec::new();
        follower.lines(&mut lines).unwrap();
        assert_eq!(lines, ["one"]);
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"o\nthree\n").unwrap();
        std::fs::rename(&path, old_log_file(&path)).unwrap();
        std::fs::write(&path, "four\n").unwrap();
        for _ in 0..3 {
            follower.lines(&mut lines).unwrap();
        }
        assert_eq!(lines, ["one", "two", "three", "four"]);
        assert_eq!(last_lines(&path, 2), ["three", "four"]);
    }
}
