//! The lines of `raftctl pipe`, protocol 1: what a request line means, and how answers look.
//!
//! Pure: text in, values out. An unknown field is refused, never ignored, so that a misspelt condition cannot turn a
//! compare-and-set into a put.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::map::Entry;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::transaction_text::{self, ConditionText, StepText, TransactionText};
use super::values::{ItemView, as_text};
use crate::api::{Answer, Consistency, KeyChange, Keys, Query, State};
use crate::client::{Cause, ClientError, Reply};
use crate::raft::Index;
use crate::state_machine::{
    Command, Expect, Operation, Outcome, Rejection, Transaction, TransactionOutcome, TransactionRejection, Update,
};

/// Longest string that may be an id, in bytes.
const ID_BYTES_MAX: usize = 64;

/// Operations there are, as `hello` lists them.
pub(super) const OPERATIONS: [&str; 14] = [
    "put", "get", "delete", "append", "incr", "cas", "lease", "txn", "scan", "watch", "status", "hello", "cancel",
    "ping",
];

/// Fields that are lists of a transaction. They are read where they are needed, from the text: a repeated field inside
/// them is then noticed.
const LISTS: [&str; 3] = ["if", "then", "else"];

/// One line that was understood.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    pub id: Value,
    pub timeout: Option<Duration>,
    pub ask: PipeAsk,
    /// Keys and values are base64 in this request and its answer.
    pub base64: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum PipeAsk {
    Write {
        update: Update,
        /// It was asked for as one write of one key, whatever is sent for it.
        is_one: bool,
    },
    /// `from` is the first revision that is told; none: from now on.
    Watch {
        keys: Keys,
        from: Option<Index>,
        previous: bool,
    },
    Read {
        query: Query,
        consistency: Consistency,
        at_least: Index,
    },
    Status,
    Hello,
    Ping,
    Cancel {
        target: Value,
    },
}

/// Why a line was not taken.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Refused {
    pub id: Value,
    pub message: String,
}

/// Reads one line.
///
/// # Errors
/// What is wrong with it, with its id as far as that could be read.
pub(super) fn parse(text: &[u8]) -> Result<Line, Refused> {
    let no_id = |message: String| Refused { id: Value::Null, message };
    let whole: &RawValue = serde_json::from_slice(text).map_err(|error| no_id(format!("this is not JSON: {error}")))?;
    if !whole.get().starts_with('{') {
        return Err(no_id("a request is a JSON object".to_owned()));
    }
    let Request { mut fields, lists, twice, id_text } =
        serde_json::from_slice(text).map_err(|error| no_id(format!("this is not JSON: {error}")))?;
    let id = fields.remove("id").unwrap_or(Value::Null);
    match &id {
        Value::Null | Value::Number(_) => {}
        Value::String(text) if text.len() <= ID_BYTES_MAX => {}
        _ => {
            let message = format!("an id is a number or a string of at most {ID_BYTES_MAX} bytes");
            return Err(Refused { id: Value::Null, message });
        }
    }
    // A number is echoed as it came or not taken: a rounded one would answer another request.
    let shown = id.to_string();
    if id.is_number() && id_text.is_some_and(|came| shown != came) {
        let message = "this number would not come back as it was typed; make the id a string".to_owned();
        return Err(Refused { id: Value::Null, message });
    }
    if let Some(name) = twice {
        return Err(Refused { id, message: format!("`{name}` is there twice") });
    }
    let mut reader = Fields { fields, lists, base64: false };
    match reader.line(&id) {
        Ok(line) => Ok(line),
        Err(message) => Err(Refused { id, message }),
    }
}

/// The fields of a request, with what a map alone would not tell.
struct Request {
    fields: Map<String, Value>,
    /// Those of `LISTS`.
    lists: BTreeMap<String, Box<RawValue>>,
    /// A field that is there more than once.
    twice: Option<String>,
    /// The id as it was typed.
    id_text: Option<String>,
}

impl<'de> Deserialize<'de> for Request {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Request, D::Error> {
        deserializer.deserialize_map(RequestVisitor)
    }
}

struct RequestVisitor;

impl<'de> Visitor<'de> for RequestVisitor {
    type Value = Request;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Request, A::Error> {
        let mut request = Request { fields: Map::new(), lists: BTreeMap::new(), twice: None, id_text: None };
        while let Some(name) = access.next_key::<String>()? {
            if LISTS.contains(&name.as_str()) {
                if request.lists.insert(name.clone(), access.next_value()?).is_some() {
                    request.twice = Some(name);
                }
                continue;
            }
            let value = if name == "id" {
                let raw: Box<RawValue> = access.next_value()?;
                request.id_text = Some(raw.get().to_owned());
                serde_json::from_str(raw.get()).map_err(A::Error::custom)?
            } else {
                access.next_value()?
            };
            match request.fields.entry(name) {
                Entry::Vacant(place) => drop(place.insert(value)),
                Entry::Occupied(there) => request.twice = Some(there.key().clone()),
            }
        }
        Ok(request)
    }
}

struct Fields {
    fields: Map<String, Value>,
    lists: BTreeMap<String, Box<RawValue>>,
    base64: bool,
}

impl Fields {
    fn line(&mut self, id: &Value) -> Result<Line, String> {
        let Some(op) = self.text_field("op")? else { return Err("`op` is missing".to_owned()) };
        self.base64 = self.flag("base64")?;
        let timeout = self.number("timeout_ms")?.map(Duration::from_millis);
        let ask = self.ask(&op)?;
        if let Some(name) = self.fields.keys().chain(self.lists.keys()).next() {
            return Err(format!("`{name}` is not a field of {op}"));
        }
        Ok(Line { id: id.clone(), timeout, ask, base64: self.base64 })
    }

    fn ask(&mut self, op: &str) -> Result<PipeAsk, String> {
        Ok(match op {
            "put" => self.leased(|fields| Ok(Operation::Put { value: fields.bytes("value")? }))?,
            "delete" => self.write(|_| Ok(Operation::Delete))?,
            "append" => self.write(|fields| Ok(Operation::Append { value: fields.bytes("value")? }))?,
            "incr" => self.write(|fields| Ok(Operation::Incr { by: fields.signed("by")?.unwrap_or(1) }))?,
            "cas" => self.leased(Fields::cas)?,
            "lease" => self.lease()?,
            "txn" => self.transaction()?,
            "watch" => self.watch()?,
            "get" => {
                let query = Query::Get { key: self.bytes("key")? };
                self.read(query)?
            }
            "scan" => {
                let query = self.scan()?;
                self.read(query)?
            }
            "status" => PipeAsk::Status,
            "hello" => PipeAsk::Hello,
            "ping" => PipeAsk::Ping,
            "cancel" => PipeAsk::Cancel { target: self.fields.remove("target").ok_or("`target` is missing")? },
            op => return Err(format!("there is no op {op}; there are: {}", OPERATIONS.join(" "))),
        })
    }

    fn write(&mut self, operation: impl FnOnce(&mut Fields) -> Result<Operation, String>) -> Result<PipeAsk, String> {
        let key = self.bytes("key")?;
        let update = Update::Command(Command { key, operation: operation(self)? });
        Ok(PipeAsk::Write { update, is_one: true })
    }

    /// A write that may lease its key.
    fn leased(&mut self, operation: impl FnOnce(&mut Fields) -> Result<Operation, String>) -> Result<PipeAsk, String> {
        let command = Command { key: self.bytes("key")?, operation: operation(self)? };
        let update = match self.number("ttl_ms")? {
            None => Update::Command(command),
            Some(ttl_ms) => Update::Transaction(Transaction::leased(command, ttl_ms)),
        };
        Ok(PipeAsk::Write { update, is_one: true })
    }

    /// `"revision"`: only if the key was last changed there.
    fn lease(&mut self) -> Result<PipeAsk, String> {
        let key = self.bytes("key")?;
        let ttl_ms = self.number("ttl_ms")?.ok_or("`ttl_ms` is missing")?;
        let update = match self.number("revision")? {
            None => Update::Command(Command { key, operation: Operation::Lease { ttl_ms } }),
            Some(revision) => Update::Transaction(Transaction::kept_alive(key, revision, ttl_ms)),
        };
        Ok(PipeAsk::Write { update, is_one: true })
    }

    fn transaction(&mut self) -> Result<PipeAsk, String> {
        let text = TransactionText {
            conditions: self.list::<ConditionText>("if")?,
            then: self.list::<StepText>("then")?,
            otherwise: self.list::<StepText>("else")?,
        };
        let update = Update::Transaction(text.read(self.base64)?);
        Ok(PipeAsk::Write { update, is_one: false })
    }

    fn list<T: for<'de> Deserialize<'de>>(&mut self, name: &str) -> Result<Vec<T>, String> {
        let Some(raw) = self.lists.remove(name) else { return Ok(Vec::new()) };
        serde_json::from_str(raw.get()).map_err(|error| format!("`{name}`: {error}"))
    }

    fn watch(&mut self) -> Result<PipeAsk, String> {
        let keys = match (self.optional_bytes("key")?, self.optional_bytes("prefix")?) {
            (Some(key), None) => Keys::One(key),
            (None, Some(prefix)) => Keys::Prefix(prefix),
            _ => return Err("a watch needs either `key` or `prefix`".to_owned()),
        };
        let from = self.number("from")?.map(Index);
        Ok(PipeAsk::Watch { keys, from, previous: self.flag("prev")? })
    }

    /// `"expect": null` asks that the key is absent; a missing `expect` needs `expect_revision`.
    fn cas(&mut self) -> Result<Operation, String> {
        let expect = match (self.fields.remove("expect"), self.number("expect_revision")?) {
            (Some(Value::Null), None) => Expect::Absent,
            (Some(Value::String(text)), None) => Expect::Value(self.decode("expect", text)?),
            (None, Some(revision)) => Expect::Revision(revision),
            _ => {
                return Err(
                    "a cas needs either `expect` (a string, or null for absent) or `expect_revision`".to_owned()
                );
            }
        };
        Ok(Operation::Cas { expect, value: self.bytes("value")? })
    }

    fn scan(&mut self) -> Result<Query, String> {
        let prefix = self.optional_bytes("prefix")?.unwrap_or_default();
        let after = self.optional_bytes("after")?;
        let limit = self.number("limit")?.unwrap_or(0);
        let limit = u32::try_from(limit).map_err(|_| "`limit` is too large".to_owned())?;
        Ok(Query::Scan { prefix, after, limit, keys_only: self.flag("keys_only")? })
    }

    fn read(&mut self, query: Query) -> Result<PipeAsk, String> {
        let consistency = match self.text_field("consistency")?.as_deref() {
            None | Some("linearizable") => Consistency::Linearizable,
            Some("stale") => Consistency::Stale,
            Some("lease") => Consistency::Lease,
            Some(other) => return Err(format!("`{other}` is no consistency; linearizable, lease or stale")),
        };
        let at_least = Index(self.number("at_least")?.unwrap_or(0));
        Ok(PipeAsk::Read { query, consistency, at_least })
    }

    fn bytes(&mut self, name: &str) -> Result<Vec<u8>, String> {
        self.optional_bytes(name)?.ok_or_else(|| format!("`{name}` is missing"))
    }

    fn optional_bytes(&mut self, name: &str) -> Result<Option<Vec<u8>>, String> {
        let text = self.text_field(name)?;
        text.map(|text| self.decode(name, text)).transpose()
    }

    fn decode(&self, name: &str, text: String) -> Result<Vec<u8>, String> {
        if !self.base64 {
            return Ok(text.into_bytes());
        }
        STANDARD.decode(text).map_err(|error| format!("`{name}` is not base64: {error}"))
    }

    fn text_field(&mut self, name: &str) -> Result<Option<String>, String> {
        match self.fields.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("`{name}` is a string")),
        }
    }

    fn flag(&mut self, name: &str) -> Result<bool, String> {
        match self.fields.remove(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(format!("`{name}` is true or false")),
        }
    }

    fn number(&mut self, name: &str) -> Result<Option<u64>, String> {
        let wrong = || format!("`{name}` is a whole number from 0 on");
        self.fields.remove(name).map(|value| value.as_u64().ok_or_else(wrong)).transpose()
    }

    fn signed(&mut self, name: &str) -> Result<Option<i64>, String> {
        let wrong = || format!("`{name}` is a whole number of 64 bits");
        self.fields.remove(name).map(|value| value.as_i64().ok_or_else(wrong)).transpose()
    }
}

/// An answer that says no; `line` is where the request stood.
pub(super) fn refusal(id: &Value, error: &str, code: &str, message: &str, retry: bool) -> Value {
    json!({"id": id, "ok": false, "error": error, "code": code, "message": message, "retry": retry})
}

/// The answer to a line that could not be taken.
pub(super) fn invalid(refused: &Refused, line: u64) -> Value {
    let mut answer = refusal(&refused.id, "invalid", "E0506", &refused.message, false);
    answer["line"] = json!(line);
    answer
}

/// The answer to a request that had none.
pub(super) fn failed(id: &Value, error: &ClientError) -> Value {
    let message = error.to_string();
    match error {
        ClientError::Unavailable(Cause::DiskFull { .. }) => refusal(id, "unavailable", "E0515", &message, true),
        ClientError::Unavailable(_) => refusal(id, "unavailable", "E0502", &message, true),
        ClientError::Unknown(_) => refusal(id, "unknown", "E0503", &message, false),
        ClientError::SessionExpired => refusal(id, "session_expired", "E0514", &message, true),
        ClientError::Denied(_) => refusal(id, "denied", "E0303", &message, false),
        ClientError::KeyTooLarge { .. } | ClientError::ValueTooLarge { .. } => {
            refusal(id, "too_large", "E0505", &message, false)
        }
        ClientError::Compacted { oldest } => {
            let mut answer = refusal(id, "compacted", "E0516", &message, false);
            answer["oldest"] = json!(oldest);
            answer
        }
        ClientError::Invalid { .. } => refusal(id, "invalid", "E0506", &message, false),
    }
}

/// One event of a watch.
pub(super) fn event(id: &Value, change: &KeyChange, base64: bool) -> Value {
    let values = [&change.current, &change.previous].map(|state| state.as_ref().map(|state| &state.value[..]));
    let pieces = [&change.key[..], values[0].unwrap_or_default(), values[1].unwrap_or_default()];
    let (texts, base64) = as_text(&pieces, base64);
    let mut event = json!({"id": id, "event": event_word(change), "key": texts[0], "revision": change.revision.0});
    if let Some(State { version, .. }) = &change.current {
        event["value"] = json!(texts[1]);
        event["version"] = json!(version);
    }
    if let Some(State { revision, version, .. }) = &change.previous {
        event["previous"] = json!({"value": texts[2], "revision": revision.0, "version": version});
    }
    mark_base64(&mut event, base64);
    event
}

/// `put` for whatever set the key, `delete` for whatever removed it.
pub(super) fn event_word(change: &KeyChange) -> &'static str {
    if change.current.is_some() { "put" } else { "delete" }
}

/// What an interrupted request is answered.
pub(super) fn interrupted(is_write: bool) -> ClientError {
    match is_write {
        true => ClientError::Unknown(Cause::Stopped),
        false => ClientError::Unavailable(Cause::Stopped),
    }
}

/// The answer to a request that was served.
pub(super) fn served(id: &Value, reply: &Reply, base64: bool, is_one: bool) -> Value {
    match &reply.answer {
        Answer::Written { revision, term, outcome } => {
            let outcome = if is_one { outcome.clone().of_one_write() } else { outcome.clone() };
            written(id, revision.0, &outcome, base64).unwrap_or_else(|mut answer| {
                answer["revision"] = json!(revision.0);
                answer["term"] = json!(term.0);
                answer["at"] = json!(revision.0);
                answer["node"] = json!(reply.node);
                answer
            })
        }
        Answer::Value { item, at } => {
            let mut answer = json!({"id": id, "ok": true, "found": item.is_some(), "at": at.0, "node": reply.node});
            if let Some(item) = item {
                let (mut texts, base64) = as_text(&[&item.value], base64);
                answer["value"] = json!(texts.pop());
                answer["revision"] = json!(item.revision.0);
                answer["version"] = json!(item.version);
                mark_base64(&mut answer, base64);
            }
            answer
        }
        Answer::Items { items, more, at } => {
            let views: Vec<ItemView> = items.iter().map(|item| ItemView::of(item, true, base64)).collect();
            json!({"id": id, "ok": true, "items": views, "more": more, "at": at.0, "node": reply.node})
        }
        Answer::Traced { .. }
        | Answer::Status(_)
        | Answer::Transferring { .. }
        | Answer::Links(_)
        | Answer::Changes { .. }
        | Answer::Snapshot(_)
        | Answer::SnapshotPart(_)
        | Answer::Refused(_) => {
            refusal(id, "invalid", "E0506", "the node answered something else than was asked", false)
        }
    }
}

/// A write that changed nothing is complete (`Ok`); the others lack where they were applied (`Err`).
fn written(id: &Value, revision: u64, outcome: &Outcome, base64: bool) -> Result<Value, Value> {
    match outcome {
        Outcome::Written => Err(json!({"id": id, "ok": true})),
        Outcome::Deleted { found } | Outcome::Leased { found } => Err(json!({"id": id, "ok": true, "found": found})),
        Outcome::Incremented { value } => Err(json!({"id": id, "ok": true, "value": value.to_string()})),
        Outcome::ConditionFailed { current } => {
            let mut answer = refusal(id, "condition", "E0504", "the condition does not hold", false);
            answer["found"] = json!(current.is_some());
            answer["at"] = json!(revision);
            if let Some(current) = current {
                let (mut texts, base64) = as_text(&[&current.value], base64);
                answer["value"] = json!(texts.pop());
                answer["revision"] = json!(current.revision);
                answer["version"] = json!(current.version);
                mark_base64(&mut answer, base64);
            }
            Ok(answer)
        }
        Outcome::Transaction(transaction) => {
            let TransactionOutcome { branch, .. } = &**transaction;
            let results = transaction_text::results(transaction, base64);
            Err(json!({"id": id, "ok": true, "branch": branch.word(), "results": results}))
        }
        Outcome::Rejected { because } => Ok(rejected(id, *because)),
        Outcome::TransactionRejected(TransactionRejection { branch, step, because }) => {
            let mut answer = rejected(id, *because);
            answer["branch"] = json!(branch.word());
            answer["step"] = json!(step);
            Ok(answer)
        }
    }
}

fn rejected(id: &Value, because: Rejection) -> Value {
    match because {
        Rejection::NotANumber => refusal(id, "invalid", "E0507", "the value is no decimal number", false),
        Rejection::Overflow => refusal(id, "invalid", "E0507", "the number would leave 64 bits", false),
        Rejection::ValueTooLarge { size_bytes, limit_bytes } => {
            let message = format!("the value would have {size_bytes} bytes; at most {limit_bytes} are allowed");
            refusal(id, "too_large", "E0507", &message, false)
        }
        Rejection::ResultTooLarge { limit_bytes } => {
            let message = format!("the values that are read have more than {limit_bytes} bytes together");
            refusal(id, "too_large", "E0507", &message, false)
        }
    }
}

fn mark_base64(answer: &mut Value, base64: bool) {
    if base64 {
        answer["base64"] = json!(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        parse(text.as_bytes()).unwrap_err().message
    }

    #[test]
    fn requests_are_read_as_the_protocol_says() {
        let put = parse(br#"{"id":1,"op":"put","key":"k","value":"v","timeout_ms":50}"#).unwrap();
        assert_eq!((put.id, put.timeout), (json!(1), Some(Duration::from_millis(50))));
        let command = Command { key: b"k".to_vec(), operation: Operation::Put { value: b"v".to_vec() } };
        assert_eq!(put.ask, PipeAsk::Write { update: Update::Command(command), is_one: true });
        let cas = parse(br#"{"op":"cas","key":"k","expect":null,"value":"w"}"#).unwrap();
        let operation = Operation::Cas { expect: Expect::Absent, value: b"w".to_vec() };
        let update = Update::Command(Command { key: b"k".to_vec(), operation });
        assert_eq!((cas.id, cas.ask), (Value::Null, PipeAsk::Write { update, is_one: true }));
        let binary = parse(br#"{"id":"x","op":"get","key":"/w==","base64":true,"consistency":"stale"}"#).unwrap();
        let query = Query::Get { key: vec![0xff] };
        let read = PipeAsk::Read { query, consistency: Consistency::Stale, at_least: Index(0) };
        assert_eq!((binary.ask, binary.base64), (read, true));
    }

    #[test]
    fn whatever_is_wrong_is_named() {
        assert!(wrong("{").starts_with("this is not JSON"));
        assert_eq!(wrong("[]"), "a request is a JSON object");
        assert_eq!(wrong(r#"{"id":1}"#), "`op` is missing");
        assert!(wrong(r#"{"op":"jump"}"#).starts_with("there is no op jump"));
        assert_eq!(wrong(r#"{"op":"put","key":"k","value":"v","then":[]}"#), "`then` is not a field of put");
        assert_eq!(wrong(r#"{"op":"txn","then":[],"then":[]}"#), "`then` is there twice");
        let twice = wrong(r#"{"op":"txn","then":[{"op":"put","key":"k","key":"l","value":"v"}]}"#);
        assert!(twice.starts_with("`then`: duplicate field `key`"), "{twice}");
        assert_eq!(wrong(r#"{"op":"watch"}"#), "a watch needs either `key` or `prefix`");
        assert_eq!(wrong(r#"{"op":"lease","key":"k"}"#), "`ttl_ms` is missing");
        assert_eq!(wrong(r#"{"op":"put","key":"k"}"#), "`value` is missing");
        assert_eq!(wrong(r#"{"op":"put","key":"k","value":"v","ttl":1}"#), "`ttl` is not a field of put");
        assert_eq!(wrong(r#"{"op":"put","key":1,"value":"v"}"#), "`key` is a string");
        let none = "`strong` is no consistency; linearizable, lease or stale";
        assert_eq!(wrong(r#"{"op":"get","key":"k","consistency":"strong"}"#), none);
        assert!(wrong(r#"{"op":"cas","key":"k","value":"v"}"#).starts_with("a cas needs either"));
        assert!(wrong(r#"{"op":"get","key":"!","base64":true}"#).starts_with("`key` is not base64"));
        assert!(wrong(r#"{"id":[1],"op":"get","key":"k"}"#).starts_with("an id is"));
        assert_eq!(wrong(r#"{"op":"put","key":"a","key":"b","value":"v"}"#), "`key` is there twice");
        assert!(wrong(r#"{"id":123456789012345678901234567890,"op":"ping"}"#).starts_with("this number would not"));
        assert_eq!(parse(br#"{"id":18446744073709551615,"op":"ping"}"#).unwrap().id, json!(u64::MAX));
        let refused = parse(br#"{"id":"mine","op":"jump"}"#).unwrap_err();
        assert_eq!(invalid(&refused, 17)["id"], json!("mine"));
        assert_eq!(invalid(&refused, 17)["line"], json!(17));
    }

    #[test]
    fn answers_say_what_is_safe_to_retry() {
        let id = json!(1);
        let unavailable = failed(&id, &ClientError::Unavailable(Cause::NoLeader));
        assert_eq!((&unavailable["error"], &unavailable["retry"]), (&json!("unavailable"), &json!(true)));
        let unknown = failed(&id, &ClientError::Unknown(Cause::Stopped));
        assert_eq!((&unknown["error"], &unknown["retry"]), (&json!("unknown"), &json!(false)));
        let expired = failed(&id, &ClientError::SessionExpired);
        assert_eq!((&expired["error"], &expired["retry"]), (&json!("session_expired"), &json!(true)));
        let large = failed(&id, &ClientError::ValueTooLarge { size_bytes: 2, limit_bytes: 1 });
        assert_eq!(large["error"], json!("too_large"));
    }
}
