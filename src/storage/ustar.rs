//! The container of a bundle: POSIX ustar without compression, which `tar xf` reads everywhere.
//!
//! Writes plain files only, with the content's length told before, and reads the headers of such archives. What is read
//! is believed only as far as its checksums go and it is what is written here; a name is not looked at, nor is a length
//! compared with the file (`archive` does both).

use std::io::{self, Write};
use std::ops::Range;

/// Headers and contents begin at multiples of this.
pub const BLOCK_BYTES: usize = 512;

/// Longest name, and longest directory before it, of one file.
const NAME_BYTES_MAX: usize = 100;
const PREFIX_BYTES_MAX: usize = 155;

/// Largest file: its length has eleven octal digits.
pub const FILE_BYTES_MAX: u64 = (1 << 33) - 1;

/// Where the fields of a header lie.
const LENGTH_FIELD: Range<usize> = 124..136;
const CHECKSUM_FIELD: Range<usize> = 148..156;
const TYPE_FIELD: usize = 156;
const MAGIC_FIELD: Range<usize> = 257..265;
const PREFIX_FIELD: Range<usize> = 345..345 + PREFIX_BYTES_MAX;

/// What every dialect of tar has there, and what this one has.
const ANY_MAGIC: &[u8] = b"ustar";
const MAGIC: &[u8] = b"ustar\x0000";

/// A plain file.
const TYPE_FILE: u8 = b'0';

/// What one header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Header {
    File {
        path: Vec<u8>,
        length_bytes: u64,
    },
    /// Zeros: two of them end an archive.
    End,
}

/// Why a block is no header of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    #[error("this is no header of an archive")]
    NoHeader,
    #[error("the header has checksum {stated}, but its bytes give {computed}")]
    Damaged { stated: u64, computed: u64 },
    #[error("the header's `{field}` is not a number")]
    Number { field: &'static str },
    #[error("this is no plain file in the POSIX format, which is all that bundles have")]
    Dialect,
}

/// Whether a file that begins so is a tar archive, of whatever dialect.
pub fn is_archive(start: &[u8]) -> bool {
    start.get(MAGIC_FIELD.start..).is_some_and(|rest| rest.starts_with(ANY_MAGIC))
}

impl Header {
    pub fn decode(block: &[u8; BLOCK_BYTES]) -> Result<Header, HeaderError> {
        if block.iter().all(|byte| *byte == 0) {
            return Ok(Header::End);
        }
        if !is_archive(block) {
            return Err(HeaderError::NoHeader);
        }
        let (stated, computed) = (octal(&block[CHECKSUM_FIELD], "checksum")?, u64::from(checksum(block)));
        if stated != computed {
            return Err(HeaderError::Damaged { stated, computed });
        }
        if block[MAGIC_FIELD] != *MAGIC || block[TYPE_FIELD] != TYPE_FILE {
            return Err(HeaderError::Dialect);
        }
        let mut path = until_zero(&block[PREFIX_FIELD]).to_vec();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(until_zero(&block[..NAME_BYTES_MAX]));
        Ok(Header::File { path, length_bytes: octal(&block[LENGTH_FIELD], "size")? })
    }
}

/// The sum of all bytes, as if there were blanks for the sum itself.
pub fn checksum(block: &[u8; BLOCK_BYTES]) -> u32 {
    let sum_of = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    sum_of(block) - sum_of(&block[CHECKSUM_FIELD]) + CHECKSUM_FIELD.len() as u32 * u32::from(b' ')
}

/// Octal digits up to a zero or a blank. Longer fields than those of a header would not fit into the number.
fn octal(field: &[u8], name: &'static str) -> Result<u64, HeaderError> {
    let end = field.iter().position(|byte| matches!(byte, 0 | b' ')).unwrap_or(field.len());
    let (digits, padding) = field.split_at(end);
    let is_number = !digits.is_empty()
        && digits.iter().all(|digit| matches!(digit, b'0'..=b'7'))
        && padding.iter().all(|byte| matches!(byte, 0 | b' '));
    match is_number {
        true => Ok(digits.iter().fold(0, |number, digit| number << 3 | u64::from(digit - b'0'))),
        false => Err(HeaderError::Number { field: name }),
    }
}

fn until_zero(field: &[u8]) -> &[u8] {
    &field[..field.iter().position(|byte| *byte == 0).unwrap_or(field.len())]
}

/// Zeros behind a content, up to the next block.
pub const fn padding_bytes(length_bytes: u64) -> usize {
    (BLOCK_BYTES - (length_bytes % BLOCK_BYTES as u64) as usize) % BLOCK_BYTES
}

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
        header[LENGTH_FIELD].copy_from_slice(format!("{length_bytes:011o}\0").as_bytes());
        header[136..148].copy_from_slice(format!("{:011o}\0", self.mtime_s).as_bytes());
        header[TYPE_FIELD] = TYPE_FILE;
        header[MAGIC_FIELD].copy_from_slice(MAGIC);
        header[PREFIX_FIELD][..prefix.len()].copy_from_slice(prefix.as_bytes());
        let sum = checksum(&header);
        header[CHECKSUM_FIELD].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.out.write_all(&header)?;
        self.left = length_bytes;
        self.padding = padding_bytes(length_bytes);
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
