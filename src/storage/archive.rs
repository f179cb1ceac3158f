//! A bundle read as it lies: the files in its archive, as a disk that can only be read.
//!
//! The file `raftctl-bundle/n1/data/hard_state` of `demo.tar` has the path `demo.tar:n1/data/hard_state` here, so that
//! whatever reads a directory of a node reads a bundle, piece by piece and without unpacking.
//!
//! Promises: every header is read and proved before anything is handed out; names leave no room for tricks, every length
//! fits into the archive, and what is kept in memory is bounded by `MEMBERS_MAX`. Does not prove contents: they are as
//! whole as their own checksums say.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::disk::{Disk, DiskFile, DiskLock};
use super::ustar::{self, BLOCK_BYTES, Header, HeaderError, padding_bytes};

/// Directory that everything in a bundle lies in.
pub const BUNDLE_ROOT: &str = "raftctl-bundle";

/// Most files in one bundle: a thousand times those of three nodes with a few gigabytes each.
pub const MEMBERS_MAX: usize = 1 << 16;

/// Stands between an archive's path and that of something in it.
pub const INSIDE: char = ':';

/// Why a file is not read as a bundle.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{} is an archive, but not one that raftctl bundle has written", path.display())]
    Foreign { path: PathBuf },
    #[error("{} at byte {offset}: {explanation}", path.display())]
    Damaged { path: PathBuf, offset: u64, explanation: String },
}

/// The archive, and where in it each file lies.
pub struct Archive {
    file: Arc<dyn DiskFile>,
    path: PathBuf,
    /// By the path below `BUNDLE_ROOT`.
    members: BTreeMap<String, Extent>,
}

#[derive(Clone, Copy, Debug)]
struct Extent {
    offset: u64,
    length_bytes: u64,
}

/// A file in an archive.
#[derive(Debug)]
struct ArchivedFile {
    file: Arc<dyn DiskFile>,
    extent: Extent,
}

impl Archive {
    /// Reads all headers of the archive at `path`.
    ///
    /// # Errors
    /// It cannot be read, is no bundle, or is one that is damaged.
    pub fn open(disk: &dyn Disk, path: &Path) -> Result<Archive, ArchiveError> {
        let failed = |source| ArchiveError::Io { path: path.to_path_buf(), source };
        let file = disk.open(path).map_err(failed)?;
        let length_bytes = file.length_bytes().map_err(failed)?;
        let mut archive = Archive { file, path: path.to_path_buf(), members: BTreeMap::new() };
        let mut offset = 0;
        while let Some(next) = archive.read_member(offset, length_bytes)? {
            offset = next;
        }
        archive.check_folders()?;
        match archive.members.is_empty() {
            true => Err(ArchiveError::Foreign { path: archive.path }),
            false => Ok(archive),
        }
    }

    /// The file that the archive is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of all files in it.
    pub fn content_bytes(&self) -> u64 {
        self.members.values().map(|extent| extent.length_bytes).sum()
    }

    /// How many files are in it.
    pub fn files(&self) -> usize {
        self.members.len()
    }

    /// The path of `inside`, which is relative to `BUNDLE_ROOT`.
    pub fn place(&self, inside: &str) -> PathBuf {
        let mut place = self.path.clone().into_os_string();
        place.push(INSIDE.to_string());
        place.push(inside);
        PathBuf::from(place)
    }

    /// Names of the directories at the top, which are the nodes, in order.
    pub fn nodes(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.members.keys().filter_map(|path| path.split_once('/')).map(|(name, _)| name.to_owned()).collect();
        names.dedup();
        names
    }

    /// Takes the header at `offset` in, and gives the next one's place; none behind the last.
    fn read_member(&mut self, offset: u64, length_bytes: u64) -> Result<Option<u64>, ArchiveError> {
        let is_first = offset == 0;
        let header = self.read_header(offset)?.map_err(|error| match (is_first, error) {
            (true, HeaderError::NoHeader | HeaderError::Dialect) => ArchiveError::Foreign { path: self.path.clone() },
            _ => self.damaged(offset, error.to_string()),
        })?;
        let Header::File { path, length_bytes: content_bytes } = header else {
            let second = offset + BLOCK_BYTES as u64;
            return match self.read_header(second)? {
                Ok(Header::End) => Ok(None),
                _ => Err(self.damaged(second, "the mark of the archive's end is not whole".to_owned())),
            };
        };
        let inside = inside_root(&path).map_err(|refused| match (is_first, &refused) {
            (true, NameError::OutsideRoot) => ArchiveError::Foreign { path: self.path.clone() },
            _ => self.damaged(offset, refused.to_string()),
        })?;
        let begin = offset + BLOCK_BYTES as u64;
        let left_bytes = length_bytes.saturating_sub(begin);
        if content_bytes > left_bytes {
            let explanation = format!("{inside} has {content_bytes} bytes, but the archive ends behind {left_bytes}");
            return Err(self.damaged(offset, explanation));
        }
        if self.members.len() == MEMBERS_MAX {
            return Err(self.damaged(offset, format!("there are more than {MEMBERS_MAX} files")));
        }
        let explanation = format!("{inside} is there twice");
        if self.members.insert(inside, Extent { offset: begin, length_bytes: content_bytes }).is_some() {
            return Err(self.damaged(offset, explanation));
        }
        Ok(Some(begin + content_bytes + padding_bytes(content_bytes) as u64))
    }

    fn read_header(&self, offset: u64) -> Result<Result<Header, HeaderError>, ArchiveError> {
        let mut block = [0; BLOCK_BYTES];
        let failed = |source| ArchiveError::Io { path: self.path.clone(), source };
        match self.file.read_at(&mut block, offset).map_err(failed)? {
            BLOCK_BYTES => Ok(Header::decode(&block)),
            _ => Err(self.damaged(offset, "the archive is cut off: its end is missing".to_owned())),
        }
    }

    /// A path is a file or a directory, never both.
    fn check_folders(&self) -> Result<(), ArchiveError> {
        for path in self.members.keys() {
            let mut above = path.match_indices('/').map(|(at, _)| &path[..at]);
            if let Some((both, extent)) = above.find_map(|above| self.members.get_key_value(above)) {
                let explanation = format!("{both} is a file, and there are files in it");
                return Err(self.damaged(extent.offset - BLOCK_BYTES as u64, explanation));
            }
        }
        Ok(())
    }

    fn damaged(&self, offset: u64, explanation: String) -> ArchiveError {
        ArchiveError::Damaged { path: self.path.clone(), offset, explanation }
    }

    /// What `path` is called below `BUNDLE_ROOT`; empty for the root itself.
    fn inside(&self, path: &Path) -> io::Result<String> {
        let prefix = self.place("").into_os_string().into_encoded_bytes();
        let absent = || io::Error::from(io::ErrorKind::NotFound);
        let rest = path.as_os_str().as_encoded_bytes().strip_prefix(prefix.as_slice()).ok_or_else(absent)?;
        let rest = std::str::from_utf8(rest).map_err(|_| absent())?;
        let parts = Path::new(rest).components().map(|part| match part {
            Component::Normal(name) => name.to_str().ok_or_else(absent),
            _ => Err(absent()),
        });
        Ok(parts.collect::<io::Result<Vec<_>>>()?.join("/"))
    }

    /// The files below a directory, their paths relative to it.
    fn below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a str> {
        let start = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let length = start.len();
        let within = self.members.range(start.clone()..).map(|(path, _)| path.as_str());
        within.take_while(move |path| path.starts_with(&start)).map(move |path| &path[length..])
    }
}

/// Why a name is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum NameError {
    #[error("`{0}` is not a name that a bundle has")]
    Strange(String),
    #[error("the file does not lie in {BUNDLE_ROOT}/")]
    OutsideRoot,
}

/// The path below `BUNDLE_ROOT`: plain names, one below the other.
fn inside_root(path: &[u8]) -> Result<String, NameError> {
    let strange = || NameError::Strange(path.escape_ascii().to_string());
    let text = std::str::from_utf8(path).map_err(|_| strange())?;
    let is_plain = |name: &str| !matches!(name, "" | "." | "..") && !name.chars().any(char::is_control);
    if !text.split('/').all(is_plain) {
        return Err(strange());
    }
    match text.split_once('/') {
        Some((BUNDLE_ROOT, inside)) => Ok(inside.to_owned()),
        _ => Err(NameError::OutsideRoot),
    }
}

impl Disk for Archive {
    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let folder = self.inside(directory)?;
        if self.members.contains_key(&folder) {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        let mut names: Vec<String> =
            self.below(&folder).map(|path| path.split('/').next().unwrap_or_default().to_owned()).collect();
        names.dedup();
        names.sort();
        match names.is_empty() {
            true => Err(io::ErrorKind::NotFound.into()),
            false => Ok(names),
        }
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let inside = self.inside(path)?;
        match self.members.get(&inside) {
            Some(extent) => Ok(Arc::new(ArchivedFile { file: self.file.clone(), extent: *extent })),
            None if self.below(&inside).next().is_some() => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        let Ok(inside) = self.inside(path) else { return Ok(false) };
        Ok(self.members.contains_key(&inside) || self.below(&inside).next().is_some())
    }

    fn is_read_only(&self) -> bool {
        true
    }

    fn create_directory(&self, _: &Path) -> io::Result<()> {
        read_only()
    }

    fn open_for_writing(&self, _: &Path) -> io::Result<Arc<dyn DiskFile>> {
        read_only()
    }

    fn create(&self, _: &Path) -> io::Result<Arc<dyn DiskFile>> {
        read_only()
    }

    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        read_only()
    }

    fn remove(&self, _: &Path) -> io::Result<()> {
        read_only()
    }

    fn remove_directory(&self, _: &Path) -> io::Result<()> {
        read_only()
    }

    fn sync_directory(&self, _: &Path) -> io::Result<()> {
        read_only()
    }

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        read_only()
    }

    fn lock(&self, _: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
        read_only()
    }
}

impl DiskFile for ArchivedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = self.extent.length_bytes.saturating_sub(offset);
        let wanted = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        match wanted {
            0 => Ok(0),
            _ => self.file.read_at(&mut buffer[..wanted], self.extent.offset + offset),
        }
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        read_only()
    }

    fn sync(&self) -> io::Result<()> {
        read_only()
    }

    fn length_bytes(&self) -> io::Result<u64> {
        Ok(self.extent.length_bytes)
    }
}

/// Nothing but its name: the list of its files may be long.
impl fmt::Debug for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Archive").field("path", &self.path).field("files", &self.members.len()).finish_non_exhaustive()
    }
}

fn read_only<T>() -> io::Result<T> {
    Err(io::ErrorKind::ReadOnlyFilesystem.into())
}

/// Whether a file that begins so is an archive; which need not be a bundle.
pub fn is_archive(start: &[u8]) -> bool {
    ustar::is_archive(start)
}

#[cfg(test)]
mod tests {
    use super::super::disk::{self, RealDisk};
    use super::super::ustar::Writer;
    use super::*;

    const FILES: [(&str, &[u8]); 4] =
        [("manifest.json", b"{}"), ("n1/data/log/a.seg", &[7; 600]), ("n1/data/x", b""), ("n10/node.log", b"later")];

    fn archive_of(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new(), 1_700_000_000);
        for (path, content) in files {
            writer.begin(path, content.len() as u64).unwrap();
            writer.append(content).unwrap();
        }
        writer.finish().unwrap()
    }

    fn sound() -> Vec<u8> {
        let rooted = FILES.map(|(path, content)| (format!("{BUNDLE_ROOT}/{path}"), content));
        archive_of(&rooted.each_ref().map(|(path, content)| (path.as_str(), *content)))
    }

    fn open(bytes: &[u8]) -> Result<(tempfile::TempDir, Archive), ArchiveError> {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a.tar");
        disk::replace(&RealDisk, &path, bytes).unwrap();
        Archive::open(&RealDisk, &path).map(|archive| (place, archive))
    }

    fn refusal(bytes: &[u8]) -> ArchiveError {
        open(bytes).map(drop).expect_err("such an archive is refused")
    }

    #[test]
    fn what_was_written_is_read_where_it_lies() {
        let (_place, archive) = open(&sound()).unwrap();
        assert_eq!((archive.nodes(), archive.files()), (vec!["n1".to_owned(), "n10".to_owned()], FILES.len()));
        for (path, content) in FILES {
            assert_eq!(disk::read_whole(&archive, &archive.place(path), 1_000).unwrap(), content, "{path}");
        }
        let file = archive.open(&archive.place("n1/data/log/a.seg")).unwrap();
        let mut buffer = [0; 200];
        assert_eq!((file.read_at(&mut buffer, 500).unwrap(), &buffer[..100]), (100, &[7; 100][..]));
        assert_eq!((file.read_at(&mut buffer, 600).unwrap(), file.read_at(&mut buffer, u64::MAX).unwrap()), (0, 0));
        assert_eq!(archive.list(&archive.place("n1").join("data")).unwrap(), ["log", "x"]);
        assert_eq!(archive.list(&archive.place("")).unwrap(), ["manifest.json", "n1", "n10"]);
        let kind = |path: &str| archive.list(&archive.place(path)).unwrap_err().kind();
        assert_eq!(kind("n1/data/x"), io::ErrorKind::NotADirectory);
        assert_eq!((kind("n2"), kind("n1/../n1")), (io::ErrorKind::NotFound, io::ErrorKind::NotFound));
        assert!(archive.exists(&archive.place("n1/data")).unwrap() && !archive.exists(&archive.place("n")).unwrap());
        assert!(archive.create(&archive.place("n1/new")).is_err(), "nothing is ever written");
    }

    #[test]
    fn what_is_no_bundle_is_told_from_one_that_is_damaged() {
        let other = archive_of(&[("etc/passwd", b"root")]);
        let mut repacked = sound();
        repacked[257..265].copy_from_slice(b"ustar  \0");
        assert!(is_archive(&other) && is_archive(&repacked));
        for bytes in [&other[..], &[1; 2_000]] {
            assert!(matches!(refusal(bytes), ArchiveError::Foreign { .. }));
        }
        assert!(matches!(refusal(&repacked), ArchiveError::Damaged { offset: 0, .. }), "its checksum is another");
    }

    #[test]
    fn every_cut_and_every_flipped_bit_of_a_header_is_noticed() {
        let bytes = sound();
        for length in (0..bytes.len()).step_by(97).chain([bytes.len() - 1]) {
            assert!(matches!(refusal(&bytes[..length]), ArchiveError::Damaged { .. }), "cut at {length}");
        }
        let mut unmarked = bytes.clone();
        *unmarked.last_mut().unwrap() = 1;
        assert!(matches!(refusal(&unmarked), ArchiveError::Damaged { .. }), "the end has two blocks of zeros");
        for bit in 0..BLOCK_BYTES * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            // A blank where a zero was is the same to the format.
            let same = open(&flipped).is_ok_and(|(_place, archive)| archive.list(&archive.place("")).is_ok());
            assert!(!same || (154..156).contains(&(bit / 8)), "bit {bit} went unnoticed");
        }
    }

    #[test]
    fn names_that_could_lead_elsewhere_are_refused_with_their_place() {
        let first = format!("{BUNDLE_ROOT}/a");
        for name in
            ["/etc/passwd", "raftctl-bundle/../x", "raftctl-bundle//x", "raftctl-bundle/./x", "x", "raftctl-bundle/a\n"]
                .into_iter()
                .chain([first.as_str(), "raftctl-bundle/a/b"])
        {
            let refused = refusal(&archive_of(&[(&first, b"1"), (name, b"2")]));
            let ArchiveError::Damaged { offset, .. } = refused else { panic!("{name}: {refused}") };
            assert!(offset == 1_024 || name.ends_with("a/b") && offset == 0, "{name}: {offset}");
        }
    }

    #[test]
    fn a_file_longer_than_the_archive_and_too_many_files_are_refused() {
        let mut bytes = sound();
        bytes[124..136].copy_from_slice(b"77777777777\0");
        let block: &mut [u8; BLOCK_BYTES] = (&mut bytes[..BLOCK_BYTES]).try_into().unwrap();
        let sum = ustar::checksum(block);
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        assert!(refusal(&bytes).to_string().contains("8589934591 bytes"));
        let names: Vec<String> = (0..=MEMBERS_MAX).map(|number| format!("{BUNDLE_ROOT}/{number}")).collect();
        let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
        assert!(refusal(&archive_of(&many)).to_string().contains("more than"));
        assert!(open(&archive_of(&many[1..])).is_ok());
    }
}
