//! Transactions as people and programs write them: YAML or JSON with `if`, `then` and `else`, and what they gave as JSON.
//!
//! ```yaml
//! if:
//!   - { key: lock, exists: false }
//! then:
//!   - { op: put, key: lock, value: mine }
//! else:
//!   - { op: get, key: lock }
//! ```
//!
//! Unknown and repeated fields are refused, never ignored: a misspelt condition must not turn into none.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::values::as_text;
use crate::state_machine::{
    Command, Condition, Current, Operation, Outcome, Step, StepOutcome, Test, Transaction, TransactionOutcome,
};

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TransactionText {
    #[serde(rename = "if", default)]
    pub(super) conditions: Vec<ConditionText>,
    #[serde(default)]
    pub(super) then: Vec<StepText>,
    #[serde(rename = "else", default)]
    pub(super) otherwise: Vec<StepText>,
}

/// Exactly one of the four tests is there.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConditionText {
    key: String,
    value: Option<String>,
    revision: Option<u64>,
    version: Option<u64>,
    exists: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepText {
    op: String,
    key: String,
    value: Option<String>,
    by: Option<i64>,
    ttl_ms: Option<u64>,
}

/// Reads a transaction from YAML, of which JSON is a part.
///
/// # Errors
/// What is wrong, and where, as far as that can be told.
pub(super) fn parse(text: &str, base64: bool) -> Result<Transaction, String> {
    let text: TransactionText = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
    text.read(base64)
}

impl TransactionText {
    /// # Errors
    /// A condition or step is not one, or there are too many.
    pub(super) fn read(self, base64: bool) -> Result<Transaction, String> {
        let conditions = (1..).zip(self.conditions).map(|(number, condition)| {
            condition.read(base64).map_err(|why| format!("condition {number} of `if`: {why}"))
        });
        let conditions = conditions.collect::<Result<Vec<_>, _>>()?;
        let steps = |list: Vec<StepText>, name: &str| {
            let read = |(number, step): (u32, StepText)| {
                step.read(base64).map_err(|why| format!("step {number} of `{name}`: {why}"))
            };
            (1..).zip(list).map(read).collect::<Result<Vec<_>, _>>()
        };
        let transaction =
            Transaction { conditions, then: steps(self.then, "then")?, otherwise: steps(self.otherwise, "else")? };
        transaction.check().map_err(|error| error.to_string())?;
        Ok(transaction)
    }
}

impl ConditionText {
    fn read(self, base64: bool) -> Result<Condition, String> {
        let value = self.value.map(|text| decode("value", text, base64)).transpose()?;
        let test = match (value, self.revision, self.version, self.exists) {
            (Some(value), None, None, None) => Test::Value(value),
            (None, Some(revision), None, None) => Test::Revision(revision),
            (None, None, Some(version), None) => Test::Version(version),
            (None, None, None, Some(exists)) => Test::Exists(exists),
            _ => return Err("it needs exactly one of `value`, `revision`, `version` and `exists`".to_owned()),
        };
        Ok(Condition { key: decode("key", self.key, base64)?, test })
    }
}

impl StepText {
    fn read(self, base64: bool) -> Result<Step, String> {
        let StepText { op, key, value, by, ttl_ms } = self;
        let key = decode("key", key, base64)?;
        let value = value.map(|text| decode("value", text, base64)).transpose()?;
        let needs_value = |value: Option<Vec<u8>>| value.ok_or_else(|| "`value` is missing".to_owned());
        let has = [(value.is_some(), "value"), (by.is_some(), "by"), (ttl_ms.is_some(), "ttl_ms")];
        let may_have = match op.as_str() {
            "put" | "append" => "value",
            "incr" => "by",
            "lease" => "ttl_ms",
            _ => "",
        };
        if let Some((_, name)) = has.into_iter().find(|(is_there, name)| *is_there && *name != may_have) {
            return Err(format!("`{name}` is not a field of {op} here"));
        }
        let operation = match op.as_str() {
            "get" => return Ok(Step::Get { key }),
            "put" => Operation::Put { value: needs_value(value)? },
            "append" => Operation::Append { value: needs_value(value)? },
            "delete" => Operation::Delete,
            "incr" => Operation::Incr { by: by.unwrap_or(1) },
            "lease" => Operation::Lease { ttl_ms: ttl_ms.ok_or("`ttl_ms` is missing")? },
            "cas" => return Err("a cas is no step; write its condition under `if`".to_owned()),
            op => return Err(format!("there is no op {op}; there are: get put delete append incr lease")),
        };
        Ok(Step::Write(Command { key, operation }))
    }
}

fn decode(name: &str, text: String, base64: bool) -> Result<Vec<u8>, String> {
    if !base64 {
        return Ok(text.into_bytes());
    }
    STANDARD.decode(text).map_err(|error| format!("`{name}` is not base64: {error}"))
}

/// What a transaction gave, as `pipe` and `-o json` show it: `branch` and one result for each step.
pub(super) fn results(outcome: &TransactionOutcome, base64: bool) -> Vec<Value> {
    outcome.results.iter().map(|result| one_result(result, base64)).collect()
}

fn one_result(result: &StepOutcome, base64: bool) -> Value {
    match result {
        StepOutcome::Read(None) => json!({"found": false}),
        StepOutcome::Read(Some(current)) => {
            let Current { value, revision, version } = current;
            let (mut texts, base64) = as_text(&[value], base64);
            let mut view = json!({"found": true, "value": texts.pop(), "revision": revision, "version": version});
            if base64 {
                view["base64"] = json!(true);
            }
            view
        }
        StepOutcome::Written(Outcome::Deleted { found } | Outcome::Leased { found }) => json!({"found": found}),
        StepOutcome::Written(Outcome::Incremented { value }) => json!({"value": value.to_string()}),
        StepOutcome::Written(_) => json!({}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        parse(text, false).unwrap_err()
    }

    #[test]
    fn yaml_and_json_read_as_the_same_transaction() {
        let yaml = "if:\n  - key: a\n    value: one\n  - { key: b, exists: false }\nthen:\n  - { op: put, key: a, value: two }\n  - { op: lease, key: a, ttl_ms: 5 }\nelse:\n  - { op: get, key: a }\n";
        let json = r#"{"if":[{"key":"a","value":"one"},{"key":"b","exists":false}],
            "then":[{"op":"put","key":"a","value":"two"},{"op":"lease","key":"a","ttl_ms":5}],
            "else":[{"op":"get","key":"a"}]}"#;
        let transaction = parse(yaml, false).unwrap();
        assert_eq!(parse(json, false), Ok(transaction.clone()));
        assert_eq!(transaction.conditions[1].test, Test::Exists(false));
        let lease = Operation::Lease { ttl_ms: 5 };
        assert_eq!(transaction.then[1], Step::Write(Command { key: b"a".to_vec(), operation: lease }));
        let binary = parse(r#"{"then":[{"op":"put","key":"/w==","value":"AA=="}]}"#, true).unwrap();
        assert_eq!(binary.then[0].key(), [0xff]);
    }

    #[test]
    fn whatever_is_wrong_is_named_and_where() {
        assert!(wrong("then: [{op: put, key: a, valeu: x}]").contains("unknown field `valeu`"));
        assert!(wrong("if: [{key: a, exists: true, exists: false}]").contains("duplicate"));
        assert!(wrong("iff: []").contains("unknown field `iff`"));
        assert!(wrong("then: [{op: put, key: [5], value: x}]").contains("invalid type"));
        let two = "condition 1 of `if`: it needs exactly one of `value`, `revision`, `version` and `exists`";
        assert_eq!(wrong("if: [{key: a, exists: true, version: 1}]"), two);
        assert_eq!(wrong("if: [{key: a}]"), two);
        assert_eq!(wrong("then: [{op: put, key: a}]"), "step 1 of `then`: `value` is missing");
        assert_eq!(
            wrong("else: [{op: get, key: a, value: x}]"),
            "step 1 of `else`: `value` is not a field of get here"
        );
        assert!(wrong("then: [{op: cas, key: a}]").contains("under `if`"));
        assert!(wrong("then: [{op: delete, key: a}, {op: put, key: a, value: x}]").contains("step 1"));
        assert!(parse(r#"{"then":[{"op":"get","key":"!"}]}"#, true).unwrap_err().contains("not base64"));
    }
}
