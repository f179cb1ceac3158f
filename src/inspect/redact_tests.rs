//! Logs on real files without their values: what is left, what is not, and that nothing of a value is.

use std::fs;
use std::path::PathBuf;

use super::super::diff::{DiffError, Verdict, diff};
use super::super::log::StoredEntry;
use super::super::verify::verify;
use super::*;
use crate::state_machine::{SessionId, SessionTag};
use crate::storage::layout::redacted_file;

/// In every value, and nowhere else.
const MARKER: &[u8] = b"SECRET";

const TAG: SessionTag = SessionTag { session: SessionId(77), serial: 3, awaited_from: 2, opened_ms: 9 };

fn secret(more: &str) -> Vec<u8> {
    [MARKER, more.as_bytes()].concat()
}

fn command(key: &str, operation: Operation) -> Command {
    Command { key: key.into(), operation }
}

/// The write that an entry holds.
fn update_in(entry: &StoredEntry) -> Update {
    decode_write(&entry.payload).unwrap().update.to_update()
}

fn updates() -> Vec<Update> {
    let cas = |expect| Operation::Cas { expect, value: secret("new") };
    let commands = [
        command("a", Operation::Put { value: secret("1") }),
        command("b", Operation::Append { value: secret("22") }),
        command("a", cas(Expect::Value(secret("old")))),
        command("c", cas(Expect::Absent)),
        command("a", cas(Expect::Revision(1))),
        command("n", Operation::Incr { by: 1_234_567 }),
        command("a", Operation::Delete),
        command("a", Operation::Lease { ttl_ms: 5 }),
    ];
    let transaction = transaction(secret("is"), Step::Write(command("d", Operation::Put { value: secret("4") })));
    commands.into_iter().map(Update::Command).chain([Update::Transaction(transaction)]).collect()
}

fn transaction(expected: Vec<u8>, step: Step) -> Transaction {
    let condition = |test| Condition { key: b"e".to_vec(), test };
    let conditions = vec![condition(Test::Value(expected)), condition(Test::Version(3))];
    Transaction { conditions, then: vec![step.clone()], otherwise: vec![Step::Get { key: b"e".to_vec() }, step] }
}

/// Each command, and each once more as a write of a session under a leader's stamp.
fn entries() -> Vec<(Kind, Vec<u8>)> {
    let payload = |update: &Update, tag: Option<SessionTag>| {
        let mut payload = BytesMut::new();
        encode_update(update, &mut payload);
        if let Some(tag) = tag {
            append_session(tag, &mut payload);
            append_stamp(5, &mut payload);
        }
        (Kind::Command, payload.to_vec())
    };
    let updates = updates();
    let plain = updates.iter().map(|update| payload(update, None));
    let mut entries: Vec<(Kind, Vec<u8>)> =
        plain.chain(updates.iter().map(|update| payload(update, Some(TAG)))).collect();
    entries.insert(0, (Kind::Noop, Vec::new()));
    entries
}

/// A log of these entries behind the first `skipped` of them.
fn log_of(path: PathBuf, entries: &[(Kind, Vec<u8>)], skipped: u64) -> Source {
    let (mut before, mut link) = (LogId::ZERO, LINK_ORIGIN);
    let mut rebuild = None;
    for (index, (kind, payload)) in (1..).zip(entries) {
        if index > skipped {
            rebuild = rebuild
                .or_else(|| Some(Rebuild::begin(&path, (ClusterId(7), NodeId(1)), before, link, 64 * 1024).unwrap()));
        }
        let mut record = BytesMut::new();
        before = LogId::new(index, 1 + index / 5);
        link = append_record(&mut record, link, *kind, before, 1_000 + index, |out| out.extend_from_slice(payload));
        if let Some(rebuild) = &mut rebuild {
            rebuild.append(&RecordHeader::read(&record, before.index).unwrap(), &record).unwrap();
        }
    }
    rebuild.unwrap().finish(Index(3)).unwrap();
    Source::at(path)
}

/// The redacted log, and what was left out of it.
fn redacted(source: &Source, target: PathBuf) -> (Source, Vec<String>) {
    let left_out = redact_log(source, &target, &|_| {}).unwrap().into_sentences();
    assert!(!contains(&target, MARKER), "bytes of a value are in {}", target.display());
    fs::write(redacted_file(&target), "").unwrap();
    (Source::at(target), left_out)
}

fn contains(directory: &Path, bytes: &[u8]) -> bool {
    let files = fs::read_dir(directory).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    files.into_iter().any(|content| content.windows(bytes.len()).any(|window| window == bytes))
}

fn stored(source: &Source) -> Vec<StoredEntry> {
    source.entries().unwrap().filter_map(Result::ok).collect()
}

fn segment_of(source: &Source) -> PathBuf {
    fs::read_dir(&source.path).unwrap().next().unwrap().unwrap().path()
}

#[test]
fn every_value_is_blank_and_everything_else_stays() {
    let place = tempfile::tempdir().unwrap();
    let source = log_of(place.path().join("log"), &entries(), 0);
    assert!(contains(&source.path, MARKER), "the values are in the log");
    let (copy, left_out) = redacted(&source, place.path().join("copy"));
    assert_eq!(left_out, Vec::<String>::new());
    let (verification, damage) = verify(&copy, &|_| {}).unwrap();
    assert_eq!((damage, verification.whole, verification.commit), (Vec::new(), true, 3));
    let (before, after) = (stored(&source), stored(&copy));
    assert_eq!(before.len(), after.len());
    for (one, other) in before.iter().zip(&after) {
        let facts = |entry: &StoredEntry| (entry.header.id, entry.header.kind, entry.header.wall_ms);
        assert_eq!(facts(one), facts(other));
        if one.header.kind == Kind::Command {
            assert_eq!(one.keys(), other.keys());
            let (one, other) = (decode_write(&one.payload).unwrap(), decode_write(&other.payload).unwrap());
            assert_eq!((one.session, one.elapsed_ms), (other.session, other.elapsed_ms));
            assert_eq!(redact_update(one.update.to_update()), other.update.to_update());
        }
    }
    let says: Vec<Update> = after[1..10].iter().map(update_in).collect();
    let x = |count: usize| vec![b'x'; count];
    let cas = |expect| Operation::Cas { expect, value: x(9) };
    let commands = [
        command("a", Operation::Put { value: x(7) }),
        command("b", Operation::Append { value: x(8) }),
        command("a", cas(Expect::Value(x(9)))),
        command("c", cas(Expect::Absent)),
        command("a", cas(Expect::Revision(1))),
        command("n", Operation::Incr { by: 0 }),
        command("a", Operation::Delete),
        command("a", Operation::Lease { ttl_ms: 5 }),
    ];
    let transaction = transaction(x(8), Step::Write(command("d", Operation::Put { value: x(7) })));
    let expected: Vec<Update> =
        commands.into_iter().map(Update::Command).chain([Update::Transaction(transaction)]).collect();
    assert_eq!(says, expected);
}

#[test]
fn what_is_not_understood_is_left_out_and_named_and_so_are_fields_of_later_versions() {
    let place = tempfile::tempdir().unwrap();
    let mut entries = entries();
    entries.insert(2, (Kind::Unknown(9), secret("of a later version")));
    // A command of a kind that is not known, and a put with an unknown field and a value that a later one replaces.
    entries.insert(3, (Kind::Command, [&[1 << 3, 99, 3 << 3 | 2, 6], MARKER].concat()));
    let put = |value: &[u8]| [&[3 << 3 | 2, value.len() as u8], value].concat();
    entries.insert(4, (Kind::Command, [put(MARKER), put(b"last"), vec![15 << 3 | 2, 6], MARKER.to_vec()].concat()));
    entries.insert(5, (Kind::Noop, MARKER.to_vec()));
    let source = log_of(place.path().join("log"), &entries, 0);
    let (copy, left_out) = redacted(&source, place.path().join("copy"));
    let named: Vec<&str> = left_out.iter().map(|sentence| sentence.split(':').next().unwrap()).collect();
    assert_eq!(named, ["what entry 3@1 says", "what entry 4@1 says"]);
    let (verification, damage) = verify(&copy, &|_| {}).unwrap();
    assert_eq!((damage, verification.entries, verification.not_understood), (Vec::new(), entries.len() as u64, 2));
    let put = update_in(&stored(&copy)[4]);
    assert_eq!(put, Update::Command(command("", Operation::Put { value: b"xxxx".to_vec() })));
}

#[test]
fn entries_on_both_sides_of_damage_are_there_and_the_damage_is_still_seen() {
    let place = tempfile::tempdir().unwrap();
    let source = log_of(place.path().join("log"), &entries(), 0);
    let damaged = stored(&source)[4].clone();
    let path = segment_of(&source);
    let mut bytes = fs::read(&path).unwrap();
    bytes[damaged.offset as usize + 30] ^= 1;
    fs::write(&path, bytes).unwrap();
    let (copy, left_out) = redacted(&source, place.path().join("copy"));
    assert!(matches!(&left_out[..], [one] if one.contains("at byte")), "{left_out:?}");
    let indexes: Vec<u64> = stored(&copy).iter().map(|entry| entry.header.id.index.0).collect();
    assert_eq!(indexes, [1, 2, 3, 4].into_iter().chain(6..=19).collect::<Vec<u64>>());
    let (verification, damage) = verify(&copy, &|_| {}).unwrap();
    assert_eq!((damage.len(), verification.whole), (1, false), "{damage:?}");
}

#[test]
fn a_write_that_never_completed_is_left_out() {
    let place = tempfile::tempdir().unwrap();
    let source = log_of(place.path().join("log"), &entries(), 0);
    let path = segment_of(&source);
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend_from_slice(&secret(&"and half a record".repeat(9)));
    fs::write(&path, bytes).unwrap();
    let (copy, left_out) = redacted(&source, place.path().join("copy"));
    assert!(matches!(&left_out[..], [one] if one.contains("never completed")), "{left_out:?}");
    assert_eq!(stored(&copy).len(), entries().len());
}

#[test]
fn redacted_logs_that_begin_elsewhere_agree_and_are_compared_with_nothing_else() {
    let place = tempfile::tempdir().unwrap();
    let (entries, path) = (entries(), |name: &str| place.path().join(name));
    let whole = log_of(path("whole"), &entries, 0);
    let late = log_of(path("late"), &entries, 6);
    let other = log_of(path("other"), &[&entries[..9], &entries[1..2]].concat(), 0);
    let (whole_copy, _) = redacted(&whole, path("whole-copy"));
    let (late_copy, _) = redacted(&late, path("late-copy"));
    let (other_copy, _) = redacted(&other, path("other-copy"));
    let compared = |sources: &[Source]| diff(sources, &|_| {});
    let (agreeing, _) = compared(&[whole_copy.clone(), late_copy]).unwrap();
    assert_eq!((agreeing.verdict, agreeing.agree_until), (Verdict::Agree, Some(19)));
    let (differing, _) = compared(&[whole_copy.clone(), other_copy]).unwrap();
    assert_eq!(differing.differences[0].index, 10);
    assert!(matches!(compared(&[whole_copy, late]), Err(DiffError::Redacted { .. })));
}
