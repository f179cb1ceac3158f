//! How much of what a log holds: counts, and how sizes, terms and times are spread.
//!
//! One pass, and memory that does not grow with the log: sizes are counted by powers of two, times in buckets that
//! widen as they become too many, and terms one by one up to a bound.

use std::collections::BTreeMap;

use serde::Serialize;

use super::entry::time_text;
use super::log::{Progress, Source, watch};
use crate::codec::{Kind, RecordHeader};
use crate::storage::reader::{Damage, Item, WalkError};

/// Terms that are counted one by one; entries of later ones are counted, but not by term.
const TERMS_MAX: usize = 10_000;

/// Most buckets of time that hold entries; beyond, each becomes twice as wide.
const RATE_BUCKETS_MAX: usize = 240;

/// Width of a bucket of time at first.
const RATE_BUCKET_MS_MIN: u64 = 1_000;

/// One log in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LogStat {
    pub node: Option<String>,
    pub path: String,
    pub entries: u64,
    /// Null when the log is empty.
    pub first: Option<u64>,
    pub last: Option<u64>,
    pub last_term: Option<u64>,
    /// Terms that wrote at least one entry.
    pub terms: u64,
    /// Known to be committed, on this disk alone.
    pub commit: u64,
    pub noops: u64,
    pub commands: u64,
    pub configs: u64,
    pub ticks: u64,
    pub unknown: u64,
    /// Headers and payloads of live records.
    pub record_bytes: u64,
    pub payload_bytes: u64,
    pub largest_payload_bytes: u64,
    pub segments: u64,
    /// Length of all segment files.
    pub file_bytes: u64,
    /// Batches that were synced.
    pub sync_markers: u64,
    /// Entries that were replaced after a conflict, still on disk.
    pub dead_bytes: u64,
    /// A write that never completed.
    pub torn_bytes: u64,
    pub damaged: u64,
    /// When the leader appended the first and the last entry, by its wall clock, RFC 3339 UTC.
    pub first_time: Option<String>,
    pub last_time: Option<String>,
    pub sizes: Vec<SizeBucket>,
    pub by_term: Vec<TermCount>,
    pub rates: Rates,
}

/// Entries whose payload has more bytes than the bucket before allows, up to this many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SizeBucket {
    pub up_to_bytes: u64,
    pub entries: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TermCount {
    pub term: u64,
    pub first: u64,
    pub last: u64,
    pub entries: u64,
}

/// Entries over the leaders' wall clocks, in buckets of one width; those without entries are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rates {
    pub bucket_ms: u64,
    pub buckets: Vec<RateBucket>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RateBucket {
    /// When the bucket begins.
    pub time: Option<String>,
    pub time_ms: u64,
    pub entries: u64,
    pub record_bytes: u64,
}

/// Counts the whole log, and hands out the damage that stays on a second look.
///
/// # Errors
/// There is no log, or it cannot be read.
pub fn stat(source: &Source, progress: &Progress<'_>) -> Result<(LogStat, Vec<Damage>), WalkError> {
    let mut counter = Counter::new(source);
    for item in watch(source.walk()?, progress) {
        counter.count(&item);
    }
    counter.finish(source)
}

/// Counts what is met on a walk.
#[derive(Debug)]
pub struct Counter {
    stat: LogStat,
    damage: Vec<Damage>,
    wall_ms: Option<(u64, u64)>,
    sizes: [u64; 34],
    rates: BTreeMap<u64, (u64, u64)>,
    bucket_ms: u64,
}

impl Counter {
    pub fn new(source: &Source) -> Counter {
        let stat = LogStat {
            node: source.node.clone(),
            path: source.path.display().to_string(),
            commit: source.commit_beside().0,
            ..LogStat::default()
        };
        Counter {
            stat,
            damage: Vec::new(),
            wall_ms: None,
            sizes: [0; 34],
            rates: BTreeMap::new(),
            bucket_ms: RATE_BUCKET_MS_MIN,
        }
    }

    pub fn count(&mut self, item: &Item) {
        let stat = &mut self.stat;
        match item {
            Item::Segment(segment) => {
                stat.segments += 1;
                stat.file_bytes += segment.length_bytes;
            }
            Item::Record { header, .. } => self.record(header),
            Item::Marker { marker, .. } => {
                stat.sync_markers += 1;
                stat.commit = stat.commit.max(marker.commit_hint.0);
            }
            Item::TornTail { length_bytes, .. } => stat.torn_bytes += length_bytes,
            Item::Dead { length_bytes, .. } => stat.dead_bytes += length_bytes,
            Item::Damage(damage) => self.damage.push(damage.clone()),
        }
    }

    /// The numbers, and the damage that stays on a second look.
    ///
    /// # Errors
    /// The log is not there any more.
    pub fn finish(self, source: &Source) -> Result<(LogStat, Vec<Damage>), WalkError> {
        let damage = source.confirm(self.damage)?;
        let mut stat = self.stat;
        stat.damaged = damage.len() as u64;
        let (first_ms, last_ms) = self.wall_ms.unzip();
        stat.first_time = first_ms.and_then(time_text);
        stat.last_time = last_ms.and_then(time_text);
        let used = self.sizes.iter().rposition(|entries| *entries > 0).map_or(0, |last| last + 1);
        let sizes = self.sizes[..used].iter().enumerate();
        stat.sizes = sizes.map(|(at, entries)| SizeBucket { up_to_bytes: size_limit(at), entries: *entries }).collect();
        let buckets = self.rates.into_iter().map(|(number, (entries, record_bytes))| {
            let time_ms = number * self.bucket_ms;
            RateBucket { time: time_text(time_ms), time_ms, entries, record_bytes }
        });
        stat.rates = Rates { bucket_ms: self.bucket_ms, buckets: buckets.collect() };
        Ok((stat, damage))
    }

    fn record(&mut self, header: &RecordHeader) {
        let stat = &mut self.stat;
        let (index, term) = (header.id.index.0, header.id.term.0);
        stat.entries += 1;
        stat.first = stat.first.or(Some(index));
        stat.last = Some(index);
        if stat.last_term != Some(term) {
            stat.terms += 1;
            stat.last_term = Some(term);
            if stat.by_term.len() < TERMS_MAX {
                stat.by_term.push(TermCount { term, first: index, last: index, entries: 0 });
            }
        }
        if let Some(of_term) = stat.by_term.last_mut().filter(|of_term| of_term.term == term) {
            of_term.last = index;
            of_term.entries += 1;
        }
        let of_kind = match header.kind {
            Kind::Noop => &mut stat.noops,
            Kind::Command => &mut stat.commands,
            Kind::Config => &mut stat.configs,
            Kind::Tick => &mut stat.ticks,
            Kind::Unknown(_) => &mut stat.unknown,
        };
        *of_kind += 1;
        let payload = u64::from(header.length_bytes);
        stat.payload_bytes += payload;
        stat.record_bytes += header.total_bytes() as u64;
        stat.largest_payload_bytes = stat.largest_payload_bytes.max(payload);
        self.sizes[size_bucket(payload)] += 1;
        let first_ms = self.wall_ms.map_or(header.wall_ms, |(first, _)| first);
        self.wall_ms = Some((first_ms, header.wall_ms));
        self.rate(header);
    }

    fn rate(&mut self, header: &RecordHeader) {
        let bucket = self.rates.entry(header.wall_ms / self.bucket_ms).or_default();
        bucket.0 += 1;
        bucket.1 += header.total_bytes() as u64;
        while self.rates.len() > RATE_BUCKETS_MAX {
            self.bucket_ms *= 2;
            for (number, (entries, bytes)) in std::mem::take(&mut self.rates) {
                let wider = self.rates.entry(number / 2).or_default();
                wider.0 += entries;
                wider.1 += bytes;
            }
        }
    }
}

/// 0 for nothing, 1 for one byte, 2 for two, 3 for up to four, 4 for up to eight.
fn size_bucket(bytes: u64) -> usize {
    match bytes {
        0 => 0,
        bytes => 1 + (u64::BITS - (bytes - 1).leading_zeros()) as usize,
    }
}

fn size_limit(bucket: usize) -> u64 {
    if bucket == 0 { 0 } else { 1 << (bucket - 1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::LogId;

    fn header(index: u64, term: u64, wall_ms: u64, length_bytes: u32) -> RecordHeader {
        let id = LogId::new(index, term);
        RecordHeader { check: 0, link: 0, length_bytes, kind: Kind::Command, version: 1, id, wall_ms }
    }

    fn counted(headers: impl IntoIterator<Item = RecordHeader>) -> LogStat {
        let source = Source::at("nowhere");
        let mut counter = Counter::new(&source);
        headers.into_iter().for_each(|header| counter.record(&header));
        counter.finish(&source).unwrap().0
    }

    #[test]
    fn sizes_are_counted_by_powers_of_two() {
        for (bytes, limit) in [(0, 0), (1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (1 << 26, 1 << 26)] {
            assert_eq!(size_limit(size_bucket(bytes)), limit, "{bytes}");
        }
        let stat = counted([header(1, 1, 0, 3), header(2, 1, 0, 4), header(3, 1, 0, 0)]);
        let sizes: Vec<(u64, u64)> = stat.sizes.iter().map(|size| (size.up_to_bytes, size.entries)).collect();
        assert_eq!(sizes, [(0, 1), (1, 0), (2, 0), (4, 2)]);
        assert_eq!((stat.payload_bytes, stat.largest_payload_bytes), (7, 4));
    }

    #[test]
    fn terms_are_counted_with_their_range() {
        let stat = counted([header(5, 2, 0, 0), header(6, 2, 0, 0), header(7, 4, 0, 0)]);
        assert_eq!(stat.terms, 2);
        assert_eq!(stat.by_term[0], TermCount { term: 2, first: 5, last: 6, entries: 2 });
        assert_eq!(stat.by_term[1], TermCount { term: 4, first: 7, last: 7, entries: 1 });
    }

    #[test]
    fn buckets_of_time_widen_and_lose_no_entry() {
        let stat = counted((0..10_000).map(|number| header(1 + number, 1, number * 1_000, 0)));
        assert!(stat.rates.buckets.len() <= RATE_BUCKETS_MAX, "{}", stat.rates.buckets.len());
        assert_eq!(stat.rates.buckets.iter().map(|bucket| bucket.entries).sum::<u64>(), 10_000);
        assert_eq!(stat.rates.bucket_ms, 64_000, "the least width that fits");
        assert_eq!(stat.first_time.as_deref(), Some("1970-01-01T00:00:00.000Z"));
    }
}
