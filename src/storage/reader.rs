//! Reads what is on disk; used by recovery (strict) and by the inspector (tolerant). One reader, two policies.
//!
//! `walk` puts the segments of a directory together into the one log that counts, and judges each bad spot: a write
//! that never completed is a torn tail, anything else is damage (R61–R63). It reports and goes on; recovery stops at
//! the first damage.
//!
//! A bad spot is damage, not a torn tail, if anything says that it was once whole and synced:
//! a valid marker of this segment lies behind it; a later segment continues behind it; the log says that it goes on
//! in a segment that is not there; or the hard state says that the directory was closed with a longer log.
//!
//! Never writes, takes no lock, and works while a node is writing: what is half written then shows as a torn tail.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::disk::{Disk, RealDisk};
use super::hard_state::{self, LogEnd};
use super::layout;
use super::scanner::{self, Expected, Piece, Scanner};
use super::segment::{Cause, HeaderError, Marker, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::snapshot;
use crate::codec::RecordHeader;
use crate::codec::record::{LINK_ORIGIN, RECORD_HEADER_BYTES};
use crate::raft::{Index, Term};

/// One spot that cannot be what this program wrote, or whose loss nothing explains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    pub file: Arc<Path>,
    /// Byte in the file.
    pub offset: u64,
    pub kind: DamageKind,
    /// One sentence without a full stop.
    pub explanation: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DamageKind {
    /// A segment's header.
    Header,
    /// A record.
    Record,
    /// A sync marker.
    Marker,
    /// Bytes are whole but do not continue what is before them.
    Chain,
    /// A segment, or what should be behind an offset, is not there.
    Missing,
    HardState,
    /// A snapshot file.
    Snapshot,
    /// Written by another version of this program.
    Version,
    /// The system could not read it.
    Unreadable,
}

/// One thing met on the walk, in log order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A segment begins; what follows lies in it until the next `Segment`.
    Segment(SegmentItem),
    Record {
        file: Arc<Path>,
        offset: u64,
        header: RecordHeader,
        payload: Bytes,
    },
    Marker {
        file: Arc<Path>,
        offset: u64,
        marker: Marker,
    },
    Damage(Damage),
    /// Bytes of a write that never completed; recovery cuts them off.
    TornTail {
        file: Arc<Path>,
        offset: u64,
        length_bytes: u64,
    },
    /// Entries that a later segment replaces; never judged.
    Dead {
        file: Arc<Path>,
        offset: u64,
        length_bytes: u64,
        /// Sequence number of the segment that replaces them.
        replaced_by: u64,
        /// First index that is replaced.
        from: Index,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentItem {
    pub file: Arc<Path>,
    pub header: SegmentHeader,
    /// Length of the file, zeros behind the log included.
    pub length_bytes: u64,
    /// Last index that counts in this segment; none in the newest, where all do.
    pub until: Option<Index>,
}

/// Why a walk could not begin.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{} is neither a data directory nor a log segment", path.display())]
    NotALog { path: PathBuf },
}

/// Iterates over the live log in index order.
#[derive(Debug)]
pub struct Walk {
    disk: Arc<dyn Disk>,
    /// The directory of the segments; none when a single segment is walked.
    log_dir: Option<PathBuf>,
    clean_end: Option<LogEnd>,
    /// Segments yet to be read, in log order, and the one being read in front.
    segments: VecDeque<Planned>,
    scanner: Option<Scanner>,
    /// What the next segment must continue.
    expected: Option<Expected>,
    found: VecDeque<Item>,
}

/// A segment and which part of it counts.
#[derive(Clone, Debug)]
struct Planned {
    item: SegmentItem,
    /// Sequence number of the segment that cuts this one short.
    replaced_by: u64,
    /// Ended by being full: whatever is behind the last record belongs to the log, too.
    is_complete: bool,
}

/// Walks a node's directory, its data directory or a copy of one, a bare directory of segments, or a single segment
/// file, without a lock and without writing.
///
/// # Errors
/// When there is nothing there to walk. What is found on the way is an item, not an error.
pub fn walk(path: &Path) -> Result<Walk, WalkError> {
    walk_on(Arc::new(RealDisk), path)
}

/// `walk` on any disk.
pub fn walk_on(disk: Arc<dyn Disk>, path: &Path) -> Result<Walk, WalkError> {
    let failed = |source| WalkError::Io { path: path.to_path_buf(), source };
    let Ok(names) = disk.list(path) else {
        return walk_file(disk, path);
    };
    if names.iter().any(|name| name == "log") {
        let (clean_end, damage) = clean_end_of(disk.as_ref(), &layout::hard_state_file(path)).map_err(failed)?;
        let covered = snapshot::covered(disk.as_ref(), &layout::snapshot_dir(path)).map_err(failed)?;
        let known = Known { clean_end, covered: Some(covered) };
        return walk_directory(disk, &layout::log_dir(path), known, damage).map_err(failed);
    }
    if names.iter().any(|name| name == "data") {
        return walk_on(disk, &layout::data_dir(path));
    }
    if names.iter().any(|name| layout::parse_segment_name(name).is_some()) {
        return walk_directory(disk, path, Known::default(), None).map_err(failed);
    }
    Err(WalkError::NotALog { path: path.to_path_buf() })
}

/// What lies beside the segments and says how far they must reach.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    /// Where the log ended, if the directory was cleanly closed.
    pub(super) clean_end: Option<LogEnd>,
    /// The last entry that a snapshot covers, zero without one; none when it is not known what snapshots there are.
    pub(super) covered: Option<Index>,
}

/// Walks the segments in `log_dir`.
pub(super) fn walk_directory(
    disk: Arc<dyn Disk>,
    log_dir: &Path,
    known: Known,
    damage: Option<Damage>,
) -> io::Result<Walk> {
    let mut found: VecDeque<Item> = damage.map(Item::Damage).into_iter().collect();
    let mut headers = Vec::new();
    for name in disk.list(log_dir)? {
        if let Some((sequence, first)) = layout::parse_segment_name(&name) {
            let path: Arc<Path> = Arc::from(log_dir.join(name));
            match read_header(disk.as_ref(), &path, Some((sequence, first))) {
                Ok(item) => headers.push(item),
                Err(damage) => found.push_back(Item::Damage(damage)),
            }
        }
    }
    headers.sort_by_key(|item| item.header.sequence);
    let leftovers = leftovers(&headers, known.covered);
    found.extend(gaps(log_dir, &headers[leftovers..], known).into_iter().map(Item::Damage));
    let counted = headers.split_off(leftovers);
    let replaced_by = counted.first().map_or(0, |item| item.header.sequence);
    let mut segments: VecDeque<Planned> = headers.into_iter().map(|item| Planned::dead(item, replaced_by)).collect();
    segments.extend(plan(counted));
    let origin = Expected { next: Index(1), link: Some(LINK_ORIGIN), term: Term(0) };
    let expected = first_live(&segments).is_none_or(|first| first == Index(1)).then_some(origin);
    let log_dir = Some(log_dir.to_path_buf());
    Ok(Walk { disk, log_dir, clean_end: known.clean_end, segments, scanner: None, expected, found })
}

impl Iterator for Walk {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        loop {
            if let Some(item) = self.found.pop_front() {
                return Some(item);
            }
            if self.segments.is_empty() {
                return None;
            }
            if let Err(error) = self.advance() {
                let planned = self.segments.pop_front().expect("a segment was being read");
                let offset = self.scanner.take().map_or(0, |scanner| scanner.position());
                let file = &planned.item.file;
                self.damage(file, offset, DamageKind::Unreadable, error.to_string());
                self.expected = None;
            }
        }
    }
}

impl Walk {
    /// The segments that are still to be read, in log order.
    pub fn segments(&self) -> impl Iterator<Item = &SegmentItem> {
        self.segments.iter().map(|planned| &planned.item)
    }

    /// Leaves out the segments of which everything that counts lies before `first`: they are neither read nor judged.
    #[must_use]
    pub fn starting_at(mut self, first: Index) -> Walk {
        while self.segments.front().is_some_and(|planned| planned.item.until.is_some_and(|until| until < first)) {
            self.segments.pop_front();
            self.expected = None;
        }
        self
    }

    /// Reads a little further; puts what it finds into `found`.
    fn advance(&mut self) -> io::Result<()> {
        let planned = self.segments.front().expect("there is a segment to read").clone();
        let Some(scanner) = &mut self.scanner else {
            return self.enter(&planned);
        };
        let file = planned.item.file.clone();
        if planned.item.until.is_some_and(|until| scanner.expected.next > until) {
            return self.leave(&planned);
        }
        match scanner.step()? {
            Piece::Record { offset, header, record } => {
                let payload = record.slice(RECORD_HEADER_BYTES..);
                self.found.push_back(Item::Record { file, offset, header, payload });
                self.beyond_clean_end(&planned, offset)
            }
            Piece::Marker(marker) => {
                self.found.push_back(Item::Marker { file, offset: marker.offset, marker });
                if marker.continued && self.segments.len() == 1 {
                    return self.missing_successor(&planned, &marker);
                }
                self.beyond_clean_end(&planned, marker.offset)
            }
            Piece::Nothing { offset } => {
                let explanation = "zeros, or the end of the file".to_owned();
                self.judge(&planned, offset, DamageKind::Missing, explanation)
            }
            Piece::Bad { offset, kind, explanation } => self.judge(&planned, offset, kind, explanation),
        }
    }

    fn enter(&mut self, planned: &Planned) -> io::Result<()> {
        let SegmentItem { file, header, until, .. } = &planned.item;
        self.found.push_back(Item::Segment(planned.item.clone()));
        if until.is_some_and(|until| until < header.first) {
            let handle = self.disk.open(file)?;
            let offset = SEGMENT_HEADER_BYTES as u64;
            self.dead(planned, offset, scanner::used_bytes(handle.as_ref(), offset)?);
            self.segments.pop_front();
            return Ok(());
        }
        let begins = Expected::from_header(header);
        if let Some(expected) = self.expected
            && expected != begins
        {
            let explanation = format!(
                "the segment begins with entry {} behind one of term {} and checksum {:08x}, but the log before it \
                 ends before entry {} with term {} and checksum {:08x}",
                begins.next,
                begins.term,
                begins.link.unwrap_or_default(),
                expected.next,
                expected.term,
                expected.link.unwrap_or_default(),
            );
            self.damage(file, 0, DamageKind::Chain, explanation);
        }
        self.scanner = Some(Scanner::new(self.disk.open(file)?, header));
        Ok(())
    }

    /// Everything of a segment that counts has been read: what is behind it?
    fn leave(&mut self, planned: &Planned) -> io::Result<()> {
        let scanner = self.scanner.as_mut().expect("a segment is being read");
        let file = &planned.item.file;
        let is_judged = planned.is_complete && self.clean_end.is_some();
        if !planned.is_complete {
            let offset = scanner.position();
            let length = scanner::used_bytes(self.disk.open(file)?.as_ref(), offset)?;
            return self.finish(|walk| walk.dead(planned, offset, length));
        }
        match scanner.step()? {
            Piece::Marker(marker) => {
                self.found.push_back(Item::Marker { file: file.clone(), offset: marker.offset, marker });
                Ok(())
            }
            Piece::Bad { offset, kind, explanation } if is_judged => {
                self.finish(|walk| walk.damage(file, offset, kind, explanation))
            }
            Piece::Record { offset, header, .. } if is_judged => {
                let explanation = format!("entry {} lies behind the end of a full segment", header.id);
                self.finish(|walk| walk.damage(file, offset, DamageKind::Chain, explanation))
            }
            _ => self.finish(|_| ()),
        }
    }

    /// A bad spot before everything that counts was read.
    fn judge(&mut self, planned: &Planned, offset: u64, kind: DamageKind, explanation: String) -> io::Result<()> {
        let SegmentItem { file, header, until, .. } = &planned.item;
        let scanner = self.scanner.as_mut().expect("a segment is being read");
        if kind == DamageKind::Version {
            self.damage(file, offset, kind, explanation);
            return self.resume();
        }
        if let Some(until) = until {
            let because = format!("{explanation}; the log goes on to entry {until} before a later segment takes over");
            self.damage(file, offset, kind, because);
            return self.resume();
        }
        if let Some(end) = self.clean_end {
            if end == (LogEnd { sequence: header.sequence, offset }) {
                return self.finish(|_| ());
            }
            self.damage(
                file,
                offset,
                kind,
                format!("{explanation}; the directory was closed with the log ending at {end}"),
            );
            return self.resume();
        }
        let marker = scanner.find_marker()?;
        let length_bytes = scanner::used_bytes(self.disk.open(file)?.as_ref(), offset)?;
        if length_bytes == 0 && marker.is_none() {
            return self.finish(|_| ());
        }
        if scanner.is_whole_now()? {
            return Ok(());
        }
        if let Some(marker) = marker {
            let because = format!("{explanation}; the marker at byte {} says that this was synced", marker.offset);
            self.damage(file, offset, kind, because);
            return self.resume();
        }
        let file = file.clone();
        self.finish(|walk| walk.found.push_back(Item::TornTail { file, offset, length_bytes }))
    }

    /// Goes on behind damage with the next piece that can be recognised, or with the next segment.
    fn resume(&mut self) -> io::Result<()> {
        let scanner = self.scanner.as_mut().expect("a segment is being read");
        if scanner.resume()? {
            return Ok(());
        }
        self.segments.pop_front();
        self.scanner = None;
        self.expected = None;
        Ok(())
    }

    /// After a clean close nothing may lie behind the end that the hard state names.
    fn beyond_clean_end(&mut self, planned: &Planned, offset: u64) -> io::Result<()> {
        let position = self.scanner.as_ref().expect("a segment is being read").position();
        if let Some(end) = self.clean_end
            && planned.item.header.sequence == end.sequence
            && position > end.offset
        {
            let explanation = format!("the log goes on, but the directory was closed with it ending at {end}");
            self.damage(&planned.item.file, offset, DamageKind::Chain, explanation);
            return self.finish(|_| ());
        }
        Ok(())
    }

    fn missing_successor(&mut self, planned: &Planned, marker: &Marker) -> io::Result<()> {
        let next = planned.item.header.sequence + 1;
        let Some(log_dir) = &self.log_dir else {
            return self.finish(|_| ());
        };
        let names = self.disk.list(log_dir)?;
        let is_there = names.iter().filter_map(|name| layout::parse_segment_name(name)).any(|(found, _)| found == next);
        let file = planned.item.file.clone();
        self.finish(|walk| {
            if !is_there {
                let explanation = format!("the log goes on in segment {next}, which is not there");
                walk.damage(&file, marker.offset, DamageKind::Missing, explanation);
            }
        })
    }

    /// Ends the segment being read, whose last entry the next one must continue.
    fn finish(&mut self, report: impl FnOnce(&mut Walk)) -> io::Result<()> {
        self.expected = self.scanner.take().map(|scanner| scanner.expected);
        self.segments.pop_front();
        report(self);
        Ok(())
    }

    fn dead(&mut self, planned: &Planned, offset: u64, length_bytes: u64) {
        if length_bytes > 0 {
            let from = planned.item.until.expect("only a segment that is cut short has dead entries").next();
            let (file, replaced_by) = (planned.item.file.clone(), planned.replaced_by);
            self.found.push_back(Item::Dead { file, offset, length_bytes, replaced_by, from });
        }
    }

    fn damage(&mut self, file: &Path, offset: u64, kind: DamageKind, explanation: String) {
        self.found.push_back(Item::Damage(Damage::new(file, offset, kind, explanation)));
    }
}

fn walk_file(disk: Arc<dyn Disk>, path: &Path) -> Result<Walk, WalkError> {
    let file: Arc<Path> = Arc::from(path);
    let handle = disk.open(path).map_err(|source| WalkError::Io { path: path.to_path_buf(), source })?;
    let mut magic = [0; 8];
    let length = handle.read_at(&mut magic, 0).map_err(|source| WalkError::Io { path: path.to_path_buf(), source })?;
    let is_named_so =
        file.file_name().is_some_and(|name| layout::parse_segment_name(&name.to_string_lossy()).is_some());
    if !is_named_so && magic[..length] != super::segment::SEGMENT_MAGIC {
        return Err(WalkError::NotALog { path: path.to_path_buf() });
    }
    let mut walk = Walk {
        disk: disk.clone(),
        log_dir: None,
        clean_end: None,
        segments: VecDeque::new(),
        scanner: None,
        expected: None,
        found: VecDeque::new(),
    };
    match read_header(disk.as_ref(), &file, None) {
        Ok(item) => walk.segments.extend(plan(vec![item])),
        Err(damage) => walk.found.push_back(Item::Damage(damage)),
    }
    Ok(walk)
}

/// Where the log ended if the directory was cleanly closed, or what is wrong with the hard state.
fn clean_end_of(disk: &dyn Disk, path: &Path) -> io::Result<(Option<LogEnd>, Option<Damage>)> {
    if !disk.exists(path)? {
        let explanation = "there is no hard state beside the log".to_owned();
        return Ok((None, Some(Damage::new(path, 0, DamageKind::Missing, explanation))));
    }
    let inspection = hard_state::inspect_on(disk, path)?;
    match inspection.choose() {
        Ok(chosen) => Ok((inspection.clean_end(&chosen), None)),
        Err(damage) => Ok((None, Some(damage))),
    }
}

fn read_header(disk: &dyn Disk, path: &Arc<Path>, name: Option<(u64, Index)>) -> Result<SegmentItem, Damage> {
    let unreadable = |error: io::Error| Damage::new(path, 0, DamageKind::Unreadable, error.to_string());
    let file = disk.open(path).map_err(unreadable)?;
    let mut block = vec![0; SEGMENT_HEADER_BYTES];
    let length = file.read_at(&mut block, 0).map_err(unreadable)?;
    let header = SegmentHeader::decode(&block[..length]).map_err(|error| {
        let kind = if matches!(error, HeaderError::Version { .. }) { DamageKind::Version } else { DamageKind::Header };
        Damage::new(path, 0, kind, error.to_string())
    })?;
    if name.is_some_and(|name| name != (header.sequence, header.first)) {
        let is = layout::segment_name(header.sequence, header.first);
        let explanation = format!("by its header this segment is {is}");
        return Err(Damage::new(path, 0, DamageKind::Header, explanation));
    }
    let length_bytes = file.length_bytes().map_err(unreadable)?;
    Ok(SegmentItem { file: path.clone(), header, length_bytes, until: None })
}

/// How many segments in front are leftovers of a compaction that was interrupted: a gap follows them, and a snapshot
/// covers all that is missing before the segments behind it.
fn leftovers(items: &[SegmentItem], covered: Option<Index>) -> usize {
    let is_gap = |pair: &[SegmentItem]| pair[0].header.sequence + 1 != pair[1].header.sequence;
    let Some(last_gap) = items.windows(2).rposition(is_gap) else { return 0 };
    let begins = first_live(&plan(items[last_gap + 1..].to_vec()));
    match (begins, covered) {
        (Some(begins), Some(covered)) if begins <= covered.next() => last_gap + 1,
        _ => 0,
    }
}

/// The first entry that counts, or would if there were any.
fn first_live(segments: &VecDeque<Planned>) -> Option<Index> {
    let live =
        segments.iter().find(|planned| planned.item.until.is_none_or(|until| until >= planned.item.header.first));
    live.map(|planned| planned.item.header.first)
}

/// What is missing from a run of segments, or does not belong into it.
fn gaps(log_dir: &Path, items: &[SegmentItem], known: Known) -> Vec<Damage> {
    let mut damages = Vec::new();
    let first = first_live(&plan(items.to_vec())).unwrap_or(Index(1));
    if let Some(covered) = known.covered
        && first > covered.next()
    {
        let explanation = format!("the log begins with entry {first}, but the snapshots end with entry {covered}");
        damages.push(Damage::new(&items[0].file, 0, DamageKind::Missing, explanation));
    }
    let mut due = items.first().map_or(1, |item| item.header.sequence);
    for item in items {
        if item.header.sequence != due {
            let explanation = format!("segment {} follows, but segment {due} is not there", item.header.sequence);
            damages.push(Damage::new(&item.file, 0, DamageKind::Missing, explanation));
        }
        let owner = |header: &SegmentHeader| (header.cluster_id, header.node, header.storage);
        if owner(&item.header) != owner(&items[0].header) {
            let explanation = "the segment belongs to another data directory".to_owned();
            damages.push(Damage::new(&item.file, 0, DamageKind::Header, explanation));
        }
        due = item.header.sequence + 1;
    }
    let last = due - 1;
    if let Some(end) = known.clean_end
        && end.sequence != last
    {
        let explanation =
            format!("the directory was closed with the log ending at {end}, but the last segment is {last}");
        damages.push(Damage::new(log_dir, 0, DamageKind::Missing, explanation));
    } else if items.is_empty() {
        damages.push(Damage::new(log_dir, 0, DamageKind::Missing, "there are no segments".to_owned()));
    }
    damages
}

/// Decides which part of each segment counts: a later segment replaces everything from its first index on.
fn plan(items: Vec<SegmentItem>) -> VecDeque<Planned> {
    let mut planned = VecDeque::new();
    let mut cut: Option<(Index, u64)> = None;
    let mut reset: Option<u64> = None;
    let mut successor: Option<SegmentHeader> = None;
    for mut item in items.into_iter().rev() {
        let header = item.header;
        if let Some(replaced_by) = reset {
            planned.push_front(Planned::dead(item, replaced_by));
            continue;
        }
        if header.cause == Cause::Reset {
            reset = Some(header.sequence);
        }
        item.until = cut.map(|(from, _)| from.prev());
        let is_complete = successor
            .is_some_and(|next| next.cause == Cause::Rolled && cut.is_some_and(|(from, _)| from == next.first));
        let replaced_by = cut.map_or(0, |(_, sequence)| sequence);
        planned.push_front(Planned { item, replaced_by, is_complete });
        if cut.is_none_or(|(from, _)| header.first <= from) {
            cut = Some((header.first, header.sequence));
        }
        successor = Some(header);
    }
    planned
}

impl Planned {
    /// A segment of which nothing counts.
    fn dead(mut item: SegmentItem, replaced_by: u64) -> Planned {
        item.until = Some(Index(0));
        Planned { item, replaced_by, is_complete: false }
    }
}

impl Damage {
    pub(super) fn new(file: &Path, offset: u64, kind: DamageKind, explanation: String) -> Damage {
        Damage { file: Arc::from(file), offset, kind, explanation }
    }
}

impl DamageKind {
    pub const fn word(self) -> &'static str {
        match self {
            DamageKind::Header => "header",
            DamageKind::Record => "record",
            DamageKind::Marker => "marker",
            DamageKind::Chain => "chain",
            DamageKind::Missing => "missing",
            DamageKind::HardState => "hard state",
            DamageKind::Snapshot => "snapshot",
            DamageKind::Version => "version",
            DamageKind::Unreadable => "unreadable",
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}: {}: {}", self.file.display(), self.offset, self.kind.word(), self.explanation)
    }
}
