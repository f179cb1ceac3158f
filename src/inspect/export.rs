//! A log as text, one JSON object a line, and back: for carrying entries to where the files cannot go, for reading them
//! with other tools, and for keeping them.
//!
//! Promises: the records made from an export are byte for byte those it was made from, which every line's check
//! proves, and they continue each other from the first line on. Segments, markers and the hard state do not travel:
//! what is imported can be read by every offline command, and no node starts on it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use serde::{Deserialize, Serialize};

use super::entry::describe;
use super::log::StoredEntry;
use crate::codec::record::{KIND_MAX, LINK_ORIGIN, RECORD_PAYLOAD_BYTES_MAX};
use crate::codec::{Kind, RecordHeader, append_record, decode_entry};
use crate::raft::{ClusterId, LogId, NodeId, Term};

/// Schemas of the lines.
pub const EXPORT_SCHEMA: &str = "raftctl.log-export/v1";
pub const ENTRY_SCHEMA: &str = "raftctl.exported-entry/v1";
pub const END_SCHEMA: &str = "raftctl.log-export-end/v1";

/// Longest line that is read: the longest payload as base64, and room for the rest.
pub const LINE_BYTES_MAX: usize = 96 * 1024 * 1024;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportHeader {
    /// 32 hexadecimal digits.
    pub cluster_id: String,
    pub node_id: String,
    /// The entry before the first line's, which its record continues; index 0 for the beginning of the log.
    pub before_index: u64,
    pub before_term: u64,
    /// Eight hexadecimal digits.
    pub before_check: String,
    /// Known to be committed.
    pub commit: u64,
}

/// One line for each entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportedEntry {
    pub index: u64,
    pub term: u64,
    /// For people; `code` is what counts.
    pub kind: String,
    pub code: u8,
    pub wall_ms: u64,
    /// Eight hexadecimal digits: of the record, and the link of the next one.
    pub check: String,
    /// Base64.
    pub payload: String,
    /// For people.
    pub says: String,
}

/// The last line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportEnd {
    pub entries: u64,
    /// False when damage ended it early.
    pub complete: bool,
}

/// Why a line is not what an export has there.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("it is not a line of an export")]
    Json(#[from] serde_json::Error),
    #[error("it has schema `{found}` where {expected} should be")]
    Schema { found: String, expected: &'static str },
    #[error("`{text}` is not a {what}")]
    Field { what: &'static str, text: String },
    #[error("entry {found} where entry {expected} should be")]
    Order { expected: u64, found: u64 },
    #[error("the term falls from {before} to {found}")]
    Term { before: u64, found: u64 },
    #[error("the record has checksum {computed:08x}, but the line says {stated:08x}")]
    Check { stated: u32, computed: u32 },
    #[error("the export says it has {stated} entries, but {found} came")]
    Count { stated: u64, found: u64 },
    #[error("the export ends without its last line")]
    Unfinished,
    #[error("lines come behind the last one")]
    Behind,
}

impl ExportedEntry {
    pub fn new(entry: &StoredEntry) -> ExportedEntry {
        let header = &entry.header;
        let says = decode_entry(header.kind, &entry.payload).map(|entry| describe(&entry, true));
        ExportedEntry {
            index: header.id.index.0,
            term: header.id.term.0,
            kind: header.kind.word().to_owned(),
            code: header.kind.to_byte(),
            wall_ms: header.wall_ms,
            check: hexadecimal(header.check),
            payload: STANDARD.encode(&entry.payload),
            says: says.unwrap_or_default(),
        }
    }
}

pub fn hexadecimal(check: u32) -> String {
    format!("{check:08x}")
}

/// What one line gave.
#[derive(Debug)]
pub enum Line {
    /// The log to come.
    Begin {
        cluster: ClusterId,
        node: NodeId,
        before: LogId,
        link: u32,
        commit: u64,
    },
    /// One whole record.
    Record {
        header: RecordHeader,
        record: BytesMut,
    },
    End {
        complete: bool,
    },
}

/// Turns lines back into records.
#[derive(Debug, Default)]
pub struct Importer {
    last: Option<(LogId, u32)>,
    entries: u64,
    is_over: bool,
}

impl Importer {
    /// Takes the next line.
    ///
    /// # Errors
    /// The line is not the next one of an export, or does not prove itself.
    pub fn line(&mut self, line: &[u8]) -> Result<Line, ImportError> {
        if self.is_over {
            return Err(ImportError::Behind);
        }
        let value: serde_json::Value = serde_json::from_slice(line)?;
        let schema = value.get("schema").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        match (self.last, schema.as_str()) {
            (None, EXPORT_SCHEMA) => self.begin(serde_json::from_value(value)?),
            (Some((last, link)), ENTRY_SCHEMA) => self.entry(serde_json::from_value(value)?, last, link),
            (Some(_), END_SCHEMA) => self.end(&serde_json::from_value(value)?),
            (None, _) => Err(ImportError::Schema { found: schema, expected: EXPORT_SCHEMA }),
            (Some(_), _) => Err(ImportError::Schema { found: schema, expected: ENTRY_SCHEMA }),
        }
    }

    /// Whether the last line has come.
    ///
    /// # Errors
    /// It has not.
    pub fn finish(&self) -> Result<u64, ImportError> {
        if self.is_over { Ok(self.entries) } else { Err(ImportError::Unfinished) }
    }

    fn begin(&mut self, header: ExportHeader) -> Result<Line, ImportError> {
        let link = parse_check(&header.before_check)?;
        let wrong = |what, text: &str| ImportError::Field { what, text: text.to_owned() };
        let cluster =
            u128::from_str_radix(&header.cluster_id, 16).map_err(|_| wrong("cluster id", &header.cluster_id))?;
        let node = header.node_id.parse().map_err(|_| wrong("node id", &header.node_id))?;
        let before = LogId::new(header.before_index, header.before_term);
        if before == LogId::ZERO && link != LINK_ORIGIN {
            return Err(wrong("check of the beginning", &header.before_check));
        }
        self.last = Some((before, link));
        let (cluster, node) = (ClusterId(cluster), NodeId(node));
        Ok(Line::Begin { cluster, node, before, link, commit: header.commit })
    }

    fn entry(&mut self, entry: ExportedEntry, last: LogId, link: u32) -> Result<Line, ImportError> {
        if entry.index != last.index.next().0 {
            return Err(ImportError::Order { expected: last.index.next().0, found: entry.index });
        }
        if entry.term < last.term.0 {
            return Err(ImportError::Term { before: last.term.0, found: entry.term });
        }
        let payload = STANDARD
            .decode(&entry.payload)
            .map_err(|_| ImportError::Field { what: "payload in base64", text: entry.says.clone() })?;
        let stated = parse_check(&entry.check)?;
        let wrong = |what, text: String| Err(ImportError::Field { what, text });
        if entry.term > Term::MAX.0 {
            return wrong("term", entry.term.to_string());
        }
        if entry.code > KIND_MAX {
            return wrong("kind of an entry", entry.code.to_string());
        }
        if payload.len() > RECORD_PAYLOAD_BYTES_MAX as usize {
            return wrong("size of a payload", payload.len().to_string());
        }
        let id = LogId::new(entry.index, entry.term);
        let mut record = BytesMut::new();
        let computed = append_record(&mut record, link, Kind::from_byte(entry.code), id, entry.wall_ms, |out| {
            out.extend(&payload)
        });
        if computed != stated {
            return Err(ImportError::Check { stated, computed });
        }
        let header = RecordHeader::read(&record, id.index).expect("a record that was just made is whole");
        self.last = Some((id, computed));
        self.entries += 1;
        Ok(Line::Record { header, record })
    }

    fn end(&mut self, end: &ExportEnd) -> Result<Line, ImportError> {
        if end.entries != self.entries {
            return Err(ImportError::Count { stated: end.entries, found: self.entries });
        }
        self.is_over = true;
        Ok(Line::End { complete: end.complete })
    }
}

fn parse_check(text: &str) -> Result<u32, ImportError> {
    u32::from_str_radix(text, 16).map_err(|_| ImportError::Field { what: "checksum", text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::codec::RECORD_HEADER_BYTES;

    fn lines() -> (BytesMut, Vec<String>) {
        let mut record = BytesMut::new();
        append_record(&mut record, 0, Kind::Unknown(9), LogId::new(1, 2), 5, |out| out.extend(b"\x00\xff"));
        let entry = StoredEntry {
            file: Arc::from(Path::new("a.seg")),
            offset: 0,
            header: RecordHeader::read(&record, crate::raft::Index(1)).unwrap(),
            payload: record.clone().freeze().slice(RECORD_HEADER_BYTES..),
        };
        let header = ExportHeader {
            cluster_id: "7".to_owned(),
            node_id: "1".to_owned(),
            before_index: 0,
            before_term: 0,
            before_check: hexadecimal(0),
            commit: 1,
        };
        let tagged = |schema: &str, mut value: serde_json::Value| {
            value["schema"] = schema.into();
            value.to_string()
        };
        let lines = vec![
            tagged(EXPORT_SCHEMA, serde_json::to_value(&header).unwrap()),
            tagged(ENTRY_SCHEMA, serde_json::to_value(ExportedEntry::new(&entry)).unwrap()),
            tagged(END_SCHEMA, serde_json::to_value(ExportEnd { entries: 1, complete: true }).unwrap()),
        ];
        (record, lines)
    }

    #[test]
    fn a_record_comes_back_as_it_was_also_one_of_an_unknown_kind() {
        let (record, lines) = lines();
        let mut importer = Importer::default();
        importer.line(lines[0].as_bytes()).unwrap();
        let Line::Record { record: again, .. } = importer.line(lines[1].as_bytes()).unwrap() else {
            panic!("an entry is a record")
        };
        assert_eq!(again, record);
        assert!(matches!(importer.finish(), Err(ImportError::Unfinished)));
        importer.line(lines[2].as_bytes()).unwrap();
        assert_eq!(importer.finish().unwrap(), 1);
        assert!(matches!(importer.line(lines[2].as_bytes()), Err(ImportError::Behind)));
    }

    #[test]
    fn lines_that_were_changed_or_are_missing_are_refused() {
        let (_, lines) = lines();
        let second = |line: &str| {
            let mut importer = Importer::default();
            importer.line(lines[0].as_bytes()).unwrap();
            importer.line(line.as_bytes()).unwrap_err()
        };
        assert!(matches!(second(&lines[1].replace("AP8=", "AP4=")), ImportError::Check { .. }));
        assert!(matches!(second(&lines[1].replace("\"index\":1", "\"index\":2")), ImportError::Order { .. }));
        assert!(matches!(second(&lines[2]), ImportError::Count { stated: 1, found: 0 }));
        assert!(matches!(second(&lines[0]), ImportError::Schema { .. }));
        assert!(matches!(second("{"), ImportError::Json(_)));
        assert!(matches!(Importer::default().line(lines[1].as_bytes()), Err(ImportError::Schema { .. })));
    }
}
