//! What clients asked and heard: as values, and as the lines of a file, `raftctl.operation/v1`.
//!
//! One line is one operation. A file is read whole and strictly: a line that is damaged is named by its number, and
//! nothing is guessed.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::cli::failure::Failure;
use crate::cli::files;
use crate::cli::values::as_text;
use crate::sim::model::{Action, Content, Heard};
use crate::state_machine::{Current, Expect, Operation as Change, Outcome, Rejection};

/// Most operations of one history, made or read.
pub(super) const OPERATIONS_MAX: usize = 1_000_000;

/// Longest line of a file, in bytes.
const LINE_BYTES_MAX: u64 = 4 * 1024 * 1024;

const SCHEMA: &str = "raftctl.operation/v1";

/// One operation of one client. Times are microseconds since the history began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Operation {
    /// Which client; it does one thing at a time.
    pub process: u32,
    pub key: Vec<u8>,
    /// `Write` or `Read`.
    pub action: Action,
    pub call_us: u64,
    pub ended: Ended,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Answered {
        return_us: u64,
        heard: Heard,
        /// Of a write the index of its entry, of a read the index as of which it is true.
        revision: Option<u64>,
    },
    /// It certainly had and will have no effect.
    Failed { return_us: u64, error: String },
    /// A write that may take effect at any time after its call, or never.
    Unknown { error: String },
}

impl Operation {
    pub(super) fn return_us(&self) -> Option<u64> {
        match self.ended {
            Ended::Answered { return_us, .. } | Ended::Failed { return_us, .. } => Some(return_us),
            Ended::Unknown { .. } => None,
        }
    }

    pub(super) fn heard(&self) -> Option<&Heard> {
        match &self.ended {
            Ended::Answered { heard, .. } => Some(heard),
            Ended::Failed { .. } | Ended::Unknown { .. } => None,
        }
    }

    /// Whether it says anything about the key: a read without an answer and a write without effect do not.
    pub(super) fn is_telling(&self) -> bool {
        match self.ended {
            Ended::Answered { .. } => true,
            Ended::Failed { .. } => false,
            Ended::Unknown { .. } => self.action.is_write(),
        }
    }
}

/// A line. All fields are always written; which of them are null depends on `operation` and `outcome`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    schema: String,
    process: u32,
    key: String,
    operation: String,
    value: Option<String>,
    expect: Option<String>,
    by: Option<i64>,
    call_us: u64,
    return_us: Option<u64>,
    outcome: String,
    result: Option<String>,
    answer: Option<String>,
    revision: Option<u64>,
    error: Option<String>,
    /// Key, value, expect and answer are base64.
    #[serde(default)]
    base64: bool,
}

impl Record {
    pub(super) fn of(operation: &Operation) -> Record {
        let (word, value, expect, by) = words_of(&operation.action);
        let (result, answer) = operation.heard().map_or((None, None), |heard| {
            let (word, answer) = result_of(heard);
            (Some(word.to_owned()), answer)
        });
        let pieces = [Some(operation.key.as_slice()), value, expect, answer.as_deref()];
        let present: Vec<&[u8]> = pieces.iter().flatten().copied().collect();
        let (texts, base64) = as_text(&present, false);
        let mut texts = texts.into_iter();
        let mut text = |piece: Option<&[u8]>| piece.and_then(|_| texts.next());
        let [key, value, expect, answer] = pieces.map(&mut text);
        let (outcome, revision, error) = match &operation.ended {
            Ended::Answered { revision, .. } => ("ok", *revision, None),
            Ended::Failed { error, .. } => ("failed", None, Some(error.clone())),
            Ended::Unknown { error } => ("unknown", None, Some(error.clone())),
        };
        Record {
            schema: SCHEMA.to_owned(),
            process: operation.process,
            key: key.unwrap_or_default(),
            operation: word.to_owned(),
            value,
            expect,
            by,
            call_us: operation.call_us,
            return_us: operation.return_us(),
            outcome: outcome.to_owned(),
            result,
            answer,
            revision,
            error,
            base64,
        }
    }

    /// # Errors
    /// Why it is no operation.
    fn operation(self) -> Result<Operation, String> {
        if self.schema != SCHEMA {
            return Err(format!("its schema is {}, not {SCHEMA}", self.schema));
        }
        let base64 = self.base64;
        let bytes = |text: &str| match base64 {
            false => Ok(text.as_bytes().to_vec()),
            true => STANDARD.decode(text).map_err(|error| format!("`{text}` is not base64: {error}")),
        };
        let optional = |text: &Option<String>| text.as_deref().map(bytes).transpose();
        let expect = optional(&self.expect)?;
        let answer = optional(&self.answer)?;
        let key = bytes(&self.key)?;
        let value = || optional(&self.value)?.ok_or_else(|| format!("a {} has a value", self.operation));
        let action = match self.operation.as_str() {
            "get" => Action::Read,
            "put" => Action::Write(Change::Put { value: value()? }),
            "append" => Action::Write(Change::Append { value: value()? }),
            "delete" => Action::Write(Change::Delete),
            "incr" => Action::Write(Change::Incr { by: self.by.ok_or("an incr has `by`")? }),
            "cas" => {
                let expect = expect.map_or(Expect::Absent, Expect::Value);
                Action::Write(Change::Cas { expect, value: value()? })
            }
            other => return Err(format!("there is no operation `{other}`")),
        };
        let returned = || match self.return_us {
            Some(return_us) if return_us >= self.call_us => Ok(return_us),
            Some(_) => Err("it returned before it was called".to_owned()),
            None => Err(format!("what is {} has return_us", self.outcome)),
        };
        let error = self.error.clone().unwrap_or_default();
        let ended = match self.outcome.as_str() {
            "ok" => {
                let heard = heard_of(&action, self.result.as_deref(), answer)?;
                Ended::Answered { return_us: returned()?, heard, revision: self.revision }
            }
            "failed" => Ended::Failed { return_us: returned()?, error },
            "unknown" => Ended::Unknown { error },
            other => return Err(format!("there is no outcome `{other}`")),
        };
        Ok(Operation { process: self.process, key, action, call_us: self.call_us, ended })
    }
}

/// The word for an action, its value, what it expects, and how much it adds.
type Words<'a> = (&'static str, Option<&'a [u8]>, Option<&'a [u8]>, Option<i64>);

fn words_of(action: &Action) -> Words<'_> {
    match action {
        Action::Read | Action::StaleRead => ("get", None, None, None),
        Action::Write(Change::Put { value }) => ("put", Some(value), None, None),
        Action::Write(Change::Append { value }) => ("append", Some(value), None, None),
        Action::Write(Change::Delete) => ("delete", None, None, None),
        Action::Write(Change::Incr { by }) => ("incr", None, None, Some(*by)),
        Action::Write(Change::Cas { expect: Expect::Value(expect), value }) => ("cas", Some(value), Some(expect), None),
        Action::Write(Change::Cas { value, .. }) => ("cas", Some(value), None, None),
        Action::Write(Change::Lease { .. }) => unreachable!("histories hold no leases"),
    }
}

fn result_of(heard: &Heard) -> (&'static str, Content) {
    match heard {
        Heard::Value(content) => ("value", content.clone()),
        Heard::Written(Outcome::Deleted { found: true }) => ("deleted", None),
        Heard::Written(Outcome::Deleted { found: false }) => ("not_found", None),
        Heard::Written(Outcome::Incremented { value }) => ("incremented", Some(value.to_string().into_bytes())),
        Heard::Written(Outcome::ConditionFailed { current }) => {
            ("condition_failed", current.as_ref().map(|current| current.value.clone()))
        }
        Heard::Written(Outcome::Rejected { because: Rejection::NotANumber }) => ("not_a_number", None),
        Heard::Written(Outcome::Rejected { .. }) => ("overflow", None),
        Heard::Written(_) => ("written", None),
    }
}

/// # Errors
/// The action cannot be answered like this.
fn heard_of(action: &Action, result: Option<&str>, answer: Content) -> Result<Heard, String> {
    let result = result.ok_or("what is ok has a result")?;
    let outcome = match (action, result) {
        (Action::Read, "value") => return Ok(Heard::Value(answer)),
        (Action::Write(Change::Put { .. } | Change::Append { .. } | Change::Cas { .. }), "written") => Outcome::Written,
        (Action::Write(Change::Delete), "deleted") => Outcome::Deleted { found: true },
        (Action::Write(Change::Delete), "not_found") => Outcome::Deleted { found: false },
        (Action::Write(Change::Incr { .. }), "incremented") => {
            let number = answer.as_deref().and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
            Outcome::Incremented { value: number.ok_or("what was incremented has a number as its answer")? }
        }
        (Action::Write(Change::Incr { .. }), "not_a_number") => Outcome::Rejected { because: Rejection::NotANumber },
        (Action::Write(Change::Incr { .. }), "overflow") => Outcome::Rejected { because: Rejection::Overflow },
        (Action::Write(Change::Cas { .. }), "condition_failed") => {
            Outcome::ConditionFailed { current: answer.map(|value| Current { value, revision: 0, version: 0 }) }
        }
        _ => return Err(format!("a {} is not answered with `{result}`", words_of(action).0)),
    };
    Ok(Heard::Written(outcome))
}

/// # Errors
/// The file cannot be written; then the old content, if there was any, is still there.
pub(super) fn write(path: &Path, history: &[Operation]) -> Result<(), Failure> {
    let mut text = Vec::new();
    for operation in history {
        serde_json::to_writer(&mut text, &Record::of(operation)).expect("records are plain data");
        text.push(b'\n');
    }
    files::write_file(path, &text)
}

/// # Errors
/// The file cannot be read, or a line of it is no operation.
pub(super) fn read(path: &Path) -> Result<Vec<Operation>, Failure> {
    let unreadable =
        |error: &io::Error| Failure::new("E0107", format!("{} cannot be read", path.display())).because(error);
    let mut file = BufReader::new(File::open(path).map_err(|error| unreadable(&error))?);
    let mut history = Vec::new();
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let length =
            file.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line).map_err(|error| unreadable(&error))?;
        if length == 0 {
            break;
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let damaged = |why: String| {
            Failure::new("E0903", format!("line {number} of {} is no operation", path.display()))
                .cause(why)
                .fix("a line that was cut off at the end of a file may be removed; the format is in docs/testing.md")
        };
        if length as u64 == LINE_BYTES_MAX {
            return Err(damaged(format!("it has {LINE_BYTES_MAX} bytes or more")));
        }
        if history.len() == OPERATIONS_MAX {
            return Err(damaged(format!("a history has at most {OPERATIONS_MAX} operations")));
        }
        let record: Record = serde_json::from_slice(&line).map_err(|error| damaged(error.to_string()))?;
        history.push(record.operation().map_err(damaged)?);
    }
    Ok(history)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(action: Action, heard: Heard) -> Operation {
        let ended = Ended::Answered { return_us: 9, heard, revision: Some(4) };
        Operation { process: 2, key: b"k".to_vec(), action, call_us: 3, ended }
    }

    fn samples() -> Vec<Operation> {
        let written = || Heard::Written(Outcome::Written);
        let current = |value: &[u8]| Some(Current { value: value.to_vec(), revision: 0, version: 0 });
        let cas = |expect| Action::Write(Change::Cas { expect, value: b"w".to_vec() });
        let incr = || Action::Write(Change::Incr { by: -2 });
        let rejected = |because| Heard::Written(Outcome::Rejected { because });
        let mut samples = vec![
            answered(Action::Read, Heard::Value(None)),
            answered(Action::Read, Heard::Value(Some(b"\xff\x00".to_vec()))),
            answered(Action::Write(Change::Put { value: b"v".to_vec() }), written()),
            answered(Action::Write(Change::Append { value: Vec::new() }), written()),
            answered(Action::Write(Change::Delete), Heard::Written(Outcome::Deleted { found: true })),
            answered(Action::Write(Change::Delete), Heard::Written(Outcome::Deleted { found: false })),
            answered(incr(), Heard::Written(Outcome::Incremented { value: -7 })),
            answered(incr(), rejected(Rejection::NotANumber)),
            answered(incr(), rejected(Rejection::Overflow)),
            answered(cas(Expect::Absent), written()),
            answered(cas(Expect::Value(b"x".to_vec())), Heard::Written(Outcome::ConditionFailed { current: None })),
            answered(cas(Expect::Absent), Heard::Written(Outcome::ConditionFailed { current: current(b"y") })),
        ];
        let (failed, unknown) = (samples[0].clone(), samples[2].clone());
        samples.push(Operation { ended: Ended::Failed { return_us: 3, error: "no".to_owned() }, ..failed });
        samples.push(Operation { ended: Ended::Unknown { error: "late".to_owned() }, ..unknown });
        samples
    }

    #[test]
    fn what_is_written_is_read_back_and_damage_is_named_with_its_line() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("history.jsonl");
        write(&path, &samples()).unwrap();
        assert_eq!(read(&path).unwrap(), samples());

        let text = std::fs::read_to_string(&path).unwrap();
        for (from, to, why) in [
            ("\"operation\":\"delete\"", "\"operation\":\"delte\"", "there is no operation `delte`"),
            ("\"result\":\"deleted\"", "\"result\":\"written\"", "a delete is not answered with `written`"),
            (
                "\"return_us\":9,\"outcome\":\"ok\",\"result\":\"deleted\"",
                "\"return_us\":1,\"outcome\":\"ok\",\"result\":\"deleted\"",
                "it returned before",
            ),
            (
                "\"outcome\":\"ok\",\"result\":\"deleted\"",
                "\"outcome\":\"ko\",\"result\":\"deleted\"",
                "there is no outcome `ko`",
            ),
            ("\"operation\":\"delete\"", "\"opration\":\"delete\"", "unknown field `opration`"),
        ] {
            assert!(text.contains(from), "{from}");
            std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
            let failure = read(&path).unwrap_err();
            assert_eq!((failure.code, failure.exit.code()), ("E0903", 2));
            assert!(failure.what.starts_with("line 5 of "), "{}", failure.what);
            assert!(failure.cause.as_deref().is_some_and(|cause| cause.contains(why)), "{:?}", failure.cause);
        }
        std::fs::write(&path, &text[..text.len() - 20]).unwrap();
        assert!(read(&path).unwrap_err().what.starts_with("line 14 of "));
    }
}
