//! One log entry as a person or a program reads it.

use serde::Serialize;

use crate::codec::{Entry, Kind, RecordHeader, decode_entry};
use crate::state_machine::{Command, Expect, Operation};

/// Longest piece of a key or a value that a sentence shows, in bytes.
const SHOWN_BYTES_MAX: usize = 64;

/// An entry with what it says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EntryView {
    pub index: u64,
    pub term: u64,
    /// RFC 3339, UTC; the leader's wall clock when it appended.
    pub time: String,
    pub kind: String,
    /// One sentence: `put colour = green`.
    pub says: String,
    /// The key of a command, if it is text.
    pub key: Option<String>,
    pub payload_bytes: u32,
}

/// What an entry says, and the key it touches.
pub fn view(header: &RecordHeader, payload: &[u8]) -> EntryView {
    let entry = decode_entry(header.kind, payload);
    let key = match &entry {
        Ok(Entry::Command(command)) => String::from_utf8(command.key.clone()).ok(),
        _ => None,
    };
    let says = match &entry {
        Ok(Entry::Noop) => "no-op: the first entry of a leader's term".to_owned(),
        Ok(Entry::Command(command)) => sentence(command),
        Ok(Entry::Config { config, .. }) => format!("config {config}"),
        Err(error) => format!("cannot be read: {error}"),
    };
    EntryView {
        index: header.id.index.0,
        term: header.id.term.0,
        time: time_text(header.wall_ms),
        kind: kind_word(header.kind),
        says,
        key,
        payload_bytes: header.length_bytes,
    }
}

/// The key a command touches; none for other entries and for what cannot be read.
pub fn key_of(header: &RecordHeader, payload: &[u8]) -> Option<Vec<u8>> {
    match decode_entry(header.kind, payload) {
        Ok(Entry::Command(command)) => Some(command.key),
        _ => None,
    }
}

fn kind_word(kind: Kind) -> String {
    match kind {
        Kind::Unknown(number) => format!("unknown {number}"),
        kind => kind.word().to_owned(),
    }
}

fn sentence(command: &Command) -> String {
    let key = text(&command.key);
    match &command.operation {
        Operation::Put { value } => format!("put {key} = {}", text(value)),
        Operation::Delete => format!("delete {key}"),
        Operation::Append { value } => format!("append {key} + {}", text(value)),
        Operation::Incr { by } => format!("incr {key} by {by}"),
        Operation::Cas { expect, value } => {
            let condition = match expect {
                Expect::Absent => "it is absent".to_owned(),
                Expect::Value(value) => format!("it is {}", text(value)),
                Expect::Revision(revision) => format!("it was last changed at {revision}"),
            };
            format!("cas {key} = {} if {condition}", text(value))
        }
    }
}

/// Bytes as one line: text as it is, anything else escaped, long ones cut with their size.
fn text(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "\"\"".to_owned();
    }
    let shown = &bytes[..bytes.len().min(SHOWN_BYTES_MAX)];
    let mut line: String = match std::str::from_utf8(shown) {
        Ok(text) => {
            text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
        }
        Err(_) => shown.escape_ascii().to_string(),
    };
    if shown.len() < bytes.len() {
        line.push_str(&format!("… ({} bytes)", bytes.len()));
    }
    line
}

/// Milliseconds since 1970 as RFC 3339.
pub fn time_text(wall_ms: u64) -> String {
    let time = i64::try_from(wall_ms).ok().and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
    time.map_or_else(|| "–".to_owned(), |time| format!("{time:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(key: &[u8], operation: Operation) -> String {
        sentence(&Command { key: key.to_vec(), operation })
    }

    #[test]
    fn commands_are_sentences_and_never_control_a_terminal() {
        assert_eq!(says(b"colour", Operation::Put { value: b"green".to_vec() }), "put colour = green");
        assert_eq!(says(b"", Operation::Delete), "delete \"\"");
        assert_eq!(says(b"a\x1b[1m\n", Operation::Incr { by: -2 }), "incr a\\u{1b}[1m\\n by -2");
        assert_eq!(says(&[0xff], Operation::Delete), "delete \\xff");
        let expect = Expect::Absent;
        assert_eq!(says(b"k", Operation::Cas { expect, value: b"v".to_vec() }), "cas k = v if it is absent");
        let long = says(b"k", Operation::Put { value: vec![b'x'; 100] });
        assert!(long.ends_with("… (100 bytes)"), "{long}");
    }
}
