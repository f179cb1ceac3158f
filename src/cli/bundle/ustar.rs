//! The container of a bundle: POSIX ustar without compression, which `tar xf` reads everywhere.
//!
//! Writes plain files only, with the content's length told before. Reading is left to `tar`.

use std::io::{self, Write};

const BLOCK_BYTES: usize = 512;

/// Longest name, and longest directory before it, of one file.
const NAME_BYTES_MAX: usize = 100;
const PREFIX_BYTES_MAX: usize = 155;

/// Largest file: its length has eleven octal digits.
pub const FILE_BYTES_MAX: u64 = (1 << 33) - 1;

/// An archive in the making.
pub struct Writer<W: Write> {
    out: W,
    mtime_s: u64,
    /// Bytes of the file that was begun and are still to come.
    left: u64,
    padding: usize,
}

impl<W: Write> Writer<W> {
    /// All files get this time of their last change, in seconds since 1970.
    pub fn new(out: W, mtime_s: u64) -> Writer<W> {
        Writer { out, mtime_s, left: 0, padding: 0 }
    }

    /// Begins a file of exactly so many bytes, which `append` then gives.
    ///
    /// # Errors
    /// The name or the file is too long for the format, or the writer's.
    pub fn begin(&mut self, path: &str, length_bytes: u64) -> io::Result<()> {
        assert_eq!(self.left, 0, "the file before was given whole");
        let too_long = || io::Error::other(format!("{path} does not fit into an archive"));
        let (prefix, name) = split(path).ok_or_else(too_long)?;
        if length_bytes > FILE_BYTES_MAX {
            return Err(too_long());
        }
        let mut header = [0; BLOCK_BYTES];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..108].copy_from_slice(b"0000600\0");
        header[108..116].copy_from_slice(b"0000000\0");
        header[116..124].copy_from_slice(b"0000000\0");
        header[124..136].copy_from_slice(format!("{length_bytes:011o}\0").as_bytes());
        header[136..148].copy_from_slice(format!("{:011o}\0", self.mtime_s).as_bytes());
        header[148..156].fill(b' ');
        header[156] = b'0';
        header[257..265].copy_from_slice(b"ustar\x0000");
        header[345..345 + prefix.len()].copy_from_slice(prefix.as_bytes());
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.out.write_all(&header)?;
        self.left = length_bytes;
        self.padding = (BLOCK_BYTES - (length_bytes % BLOCK_BYTES as u64) as usize) % BLOCK_BYTES;
        self.pad()
    }

    /// # Errors
    /// The writer's.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.left = self.left.checked_sub(bytes.len() as u64).expect("a file is as long as was said");
        self.out.write_all(bytes)?;
        self.pad()
    }

    /// Ends the archive and gives the writer back.
    ///
    /// # Errors
    /// The writer's.
    pub fn finish(mut self) -> io::Result<W> {
        assert_eq!(self.left, 0, "the last file was given whole");
        self.out.write_all(&[0; 2 * BLOCK_BYTES])?;
        Ok(self.out)
    }

    fn pad(&mut self) -> io::Result<()> {
        if self.left == 0 {
            self.out.write_all(&[0; BLOCK_BYTES][..std::mem::take(&mut self.padding)])?;
        }
        Ok(())
    }
}

/// Directory and name; the directory is empty when the whole fits into the name.
fn split(path: &str) -> Option<(&str, &str)> {
    if path.len() <= NAME_BYTES_MAX {
        return Some(("", path));
    }
    let fits = |at: &usize| *at <= PREFIX_BYTES_MAX && path.len() - at - 1 <= NAME_BYTES_MAX;
    let at = path.match_indices('/').map(|(at, _)| at).find(fits)?;
    Some((&path[..at], &path[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_tar_reads() {
        let long = format!("{}/{}", "d".repeat(80), "f".repeat(90));
        let files = [("top.json".to_owned(), b"{}".to_vec()), (long, vec![7; 512]), ("empty".to_owned(), Vec::new())];
        let mut writer = Writer::new(Vec::new(), 1_700_000_000);
        for (path, content) in &files {
            writer.begin(path, content.len() as u64).unwrap();
            let (front, back) = content.split_at(content.len() / 2);
            writer.append(front).unwrap();
            writer.append(back).unwrap();
        }
        let archive = writer.finish().unwrap();
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("a.tar");
        std::fs::write(&file, &archive).unwrap();
        let tar = std::process::Command::new("tar").arg("xf").arg(&file).arg("-C").arg(place.path()).status();
        assert!(tar.expect("tar is installed").success());
        for (path, content) in &files {
            assert_eq!(&std::fs::read(place.path().join(path)).unwrap(), content, "{path}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut writer = Writer::new(Vec::new(), 0);
        assert!(writer.begin(&"x".repeat(101), 0).is_err());
        assert!(writer.begin("x", FILE_BYTES_MAX + 1).is_err());
    }
}
