//! A transaction in the payload of a record: conditions, and two lists of steps, each of which is a command as one that
//! stands alone is encoded.

use bytes::BytesMut;
use prost::Message;

use super::{
    CommandFields, CommandMessage, EntryError, OperationCode, VARINT_BYTES_MAX, command_bytes_max, decode_fields,
    encode_command, malformed, operation,
};
use crate::state_machine::{CommandRef, Condition, Step, Test, Transaction};

/// Bytes that `encode_transaction` appends at most.
pub(super) fn transaction_bytes_max(transaction: &Transaction) -> usize {
    const PART: usize = 1 + VARINT_BYTES_MAX;
    let condition = |condition: &Condition| {
        let value_bytes = match &condition.test {
            Test::Value(value) => value.len(),
            Test::Revision(_) | Test::Version(_) | Test::Exists(_) => 0,
        };
        condition.key.len() + value_bytes + 4 * PART
    };
    let step = |step: &Step| match step {
        Step::Get { key } => key.len() + 3 * PART,
        Step::Write(command) => command_bytes_max(command) + PART,
    };
    let Transaction { conditions, then, otherwise } = transaction;
    let bytes: usize = conditions.iter().map(condition).chain(then.iter().chain(otherwise).map(step)).sum();
    bytes + 2 * PART
}

pub(super) fn encode_transaction(transaction: &Transaction, out: &mut BytesMut) {
    let inner = TransactionMessage {
        conditions: transaction.conditions.iter().map(condition_to_message).collect(),
        then: transaction.then.iter().map(encode_step).collect(),
        otherwise: transaction.otherwise.iter().map(encode_step).collect(),
    };
    let operation = OperationCode::Transaction as i32;
    let message = CommandMessage { operation, transaction: Some(inner.encode_to_vec()), ..CommandMessage::default() };
    message.encode(out).expect("a growing buffer has room");
}

/// # Errors
/// The bytes are no transaction, or one that exceeds the bounds of all transactions.
pub(super) fn decode_transaction(bytes: &[u8]) -> Result<Transaction, EntryError> {
    let message = TransactionMessage::decode(bytes).map_err(malformed)?;
    let steps = |list: Vec<Vec<u8>>| list.iter().map(|bytes| decode_step(bytes)).collect::<Result<Vec<_>, _>>();
    let conditions = message.conditions.into_iter().map(condition_from_message).collect::<Result<Vec<_>, _>>()?;
    let transaction = Transaction { conditions, then: steps(message.then)?, otherwise: steps(message.otherwise)? };
    transaction.check().map_err(|error| EntryError::Malformed(format!("this is no transaction: {error}")))?;
    Ok(transaction)
}

fn encode_step(step: &Step) -> Vec<u8> {
    match step {
        Step::Get { key } => {
            let operation = OperationCode::Get as i32;
            CommandMessage { operation, key: key.clone(), ..CommandMessage::default() }.encode_to_vec()
        }
        Step::Write(command) => {
            let mut out = BytesMut::with_capacity(command_bytes_max(command));
            encode_command(command, &mut out);
            out.to_vec()
        }
    }
}

fn decode_step(bytes: &[u8]) -> Result<Step, EntryError> {
    let fields = decode_fields(CommandFields::default(), bytes)?;
    if fields.operation == OperationCode::Get as i32 {
        return Ok(Step::Get { key: fields.key.to_vec() });
    }
    let command = CommandRef { key: fields.key, operation: operation(&fields)? };
    Ok(Step::Write(command.to_command()))
}

fn condition_to_message(condition: &Condition) -> ConditionMessage {
    let test = match &condition.test {
        Test::Value(value) => TestMessage::Value(value.clone()),
        Test::Revision(revision) => TestMessage::Revision(*revision),
        Test::Version(version) => TestMessage::Version(*version),
        Test::Exists(exists) => TestMessage::Exists(*exists),
    };
    ConditionMessage { key: condition.key.clone(), test: Some(test) }
}

fn condition_from_message(message: ConditionMessage) -> Result<Condition, EntryError> {
    let test = match message.test {
        Some(TestMessage::Value(value)) => Test::Value(value),
        Some(TestMessage::Revision(revision)) => Test::Revision(revision),
        Some(TestMessage::Version(version)) => Test::Version(version),
        Some(TestMessage::Exists(exists)) => Test::Exists(exists),
        None => return Err(EntryError::UnknownCommand),
    };
    Ok(Condition { key: message.key, test })
}

#[derive(Clone, PartialEq, prost::Message)]
struct TransactionMessage {
    #[prost(message, repeated, tag = "1")]
    conditions: Vec<ConditionMessage>,
    /// Each is a `CommandMessage`.
    #[prost(bytes = "vec", repeated, tag = "2")]
    then: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "3")]
    otherwise: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ConditionMessage {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(oneof = "TestMessage", tags = "2, 3, 4, 5")]
    test: Option<TestMessage>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum TestMessage {
    #[prost(bytes = "vec", tag = "2")]
    Value(Vec<u8>),
    #[prost(uint64, tag = "3")]
    Revision(u64),
    #[prost(uint64, tag = "4")]
    Version(u64),
    #[prost(bool, tag = "5")]
    Exists(bool),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::record::Kind;
    use super::super::{
        Entry, append_session, append_stamp, decode_entry, decode_write, encode_update, encoded_bytes_max, tests,
    };
    use super::*;
    use crate::state_machine::{Operation, SessionId, SessionTag, Update, UpdateRef};

    fn any_transaction() -> impl Strategy<Value = Transaction> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..40);
        let test = prop_oneof![
            bytes().prop_map(Test::Value),
            any::<u64>().prop_map(Test::Revision),
            any::<u64>().prop_map(Test::Version),
            any::<bool>().prop_map(Test::Exists),
        ];
        let condition = (bytes(), test).prop_map(|(key, test)| Condition { key, test });
        let step =
            || prop_oneof![bytes().prop_map(|key| Step::Get { key }), tests::any_command().prop_map(Step::Write)];
        let steps = || proptest::collection::vec(step(), 0..4);
        (proptest::collection::vec(condition, 0..4), steps(), steps())
            .prop_map(|(conditions, then, otherwise)| Transaction { conditions, then, otherwise })
            .prop_filter("steps go together", |transaction| transaction.check().is_ok())
    }

    proptest! {
        #[test]
        fn a_transaction_reads_back_as_it_was_written(transaction in any_transaction()) {
            let update = Update::Transaction(transaction.clone());
            let mut bytes = BytesMut::new();
            encode_update(&update, &mut bytes);
            prop_assert!(bytes.len() <= encoded_bytes_max(&update));
            let tag = SessionTag { session: SessionId(7), serial: 3, awaited_from: 1, opened_ms: 5 };
            append_session(tag, &mut bytes);
            append_stamp(9, &mut bytes);
            let write = decode_write(&bytes);
            prop_assert_eq!(write.as_ref().map(|write| (write.session, write.elapsed_ms)), Ok((Some(tag), 9)));
            prop_assert_eq!(write.map(|write| write.update.to_update()), Ok(update));
            prop_assert_eq!(decode_entry(Kind::Command, &bytes), Ok(Entry::Transaction(transaction)));
        }

        #[test]
        fn damaged_transactions_are_read_or_refused(
            transaction in any_transaction(),
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let mut bytes = BytesMut::new();
            encode_transaction(&transaction, &mut bytes);
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Ok(write) = decode_write(&bytes)
                && let UpdateRef::Transaction(read) = write.update
            {
                prop_assert_eq!(read.check(), Ok(()));
            }
        }
    }

    #[test]
    fn steps_that_do_not_go_together_are_refused_when_they_are_read() {
        let put = Step::Write(crate::state_machine::Command { key: b"k".to_vec(), operation: Operation::Delete });
        let transaction = Transaction { then: vec![put.clone(), put], ..Transaction::default() };
        let mut bytes = BytesMut::new();
        encode_transaction(&transaction, &mut bytes);
        assert!(matches!(decode_write(&bytes), Err(EntryError::Malformed(why)) if why.contains("step 1")));
    }

    #[test]
    fn a_get_alone_is_no_write() {
        let bytes = encode_step(&Step::Get { key: b"k".to_vec() });
        assert_eq!(decode_write(&bytes), Err(EntryError::UnknownCommand));
    }
}
