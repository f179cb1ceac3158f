//! `inject n2->n1 t3 KIND …`: a hand-made message, for cases that a well-behaved sender would never cause.
//!
//! | Kind | Words |
//! | --- | --- |
//! | `vote` | `asked=3 last=2@1 [pre] [force]` |
//! | `append` | `prev=1@1 [entries=2@2,3@2] [commit=1]` |
//! | `ack` | `index=5` |
//! | `reject` | `rejected=5 hint=3@2` |
//! | `heartbeat` | `[commit=1] [read=0] [void=0]` |
//! | `heartbeat-reply` | `last=5 [commit=5] [read=0]`; without `commit=`, all of it is committed |
//! | `timeout-now` | `last=5@2 [order=1]` |
//! | `snapshot` | `last=5@2 [voters=n1,n2] [learners=n3] [config=1] [size=1000] [digest=1] [offset=0] [length=…]` |
//! | `snapshot-next` · `snapshot-ack` · `snapshot-fail` | `last=5@2 [offset=0]`, `next=500` or `index=5`, `[size=1000] [digest=1]` |
//!
//! A message carries the life of tracking that the leader among the two is in with the other, unless `generation=` says
//! otherwise.

use super::CommandFault;
use super::command::{Words, log_id, node, number};
use super::snapshots::SNAPSHOT_BYTES;
use super::world::World;
use crate::raft::message::{
    Append, AppendOutcome, AppendReply, Heartbeat, HeartbeatReply, Message, Snapshot, SnapshotOutcome, SnapshotReply,
    TimeoutNow, Vote,
};
use crate::raft::{Config, Envelope, Index, LogId, NodeId, Shape, SnapshotId, SnapshotMeta, Term};

/// Encoded length of an entry that only a hand-made message brought into the world, in bytes.
const FORGED_LENGTH: u32 = 100;

/// Builds the message that the words describe; entries nobody has seen before become known to the world.
pub(super) fn build(world: &mut World, mut words: Words) -> Result<Envelope, CommandFault> {
    let (from, to) = words.take_link()?;
    let term = words.take("a term like t3")?;
    let term = Term(number(term.strip_prefix('t').unwrap_or(&term))?);
    let kind = words.take("a kind of message")?;
    let to_storage = world.node(to)?.storage;
    let tracking = |leader: NodeId, peer: NodeId| {
        let core = world.nodes.get(&leader)?.core.as_ref()?;
        core.peers().find(|status| status.id == peer).map(|status| status.generation)
    };
    let generation = match words.take_number("generation")? {
        Some(life) => u32::try_from(life).unwrap_or(u32::MAX),
        None => tracking(to, from).or_else(|| tracking(from, to)).unwrap_or(0),
    };
    let message = message(world, generation, &kind, &mut words)?;
    words.finish()?;
    Ok(Envelope { from, to, to_storage, term, message })
}

fn message(world: &mut World, generation: u32, kind: &str, words: &mut Words) -> Result<Message, CommandFault> {
    Ok(match kind {
        "vote" => Message::Vote(Vote {
            pre: words.take_flag("pre"),
            force: words.take_flag("force"),
            asked: Term(needed(words.take_number("asked")?, "asked=")?),
            last: id(words, "last", "last=")?,
            nonce: 0,
        }),
        "append" => {
            let prev = id(words, "prev", "prev=")?;
            let entries = entries(world, prev, words.take_value("entries"))?;
            let commit = Index(words.take_number("commit")?.unwrap_or(0));
            Message::Append(Append { prev, entries, commit, generation, news_only: false })
        }
        "ack" => {
            let index = Index(needed(words.take_number("index")?, "index=")?);
            Message::AppendReply(AppendReply { generation, outcome: AppendOutcome::Ack { index } })
        }
        "reject" => {
            let rejected = Index(needed(words.take_number("rejected")?, "rejected=")?);
            let outcome = AppendOutcome::Reject { rejected, hint: id(words, "hint", "hint=")? };
            Message::AppendReply(AppendReply { generation, outcome })
        }
        "heartbeat" => Message::Heartbeat(Heartbeat {
            commit: Index(words.take_number("commit")?.unwrap_or(0)),
            read_seq: words.take_number("read")?.unwrap_or(0),
            generation,
            orders_void: small(words, "void", 0)?,
        }),
        "heartbeat-reply" => {
            let last = Index(needed(words.take_number("last")?, "last=")?);
            let commit = words.take_number("commit")?.map_or(last, Index);
            Message::HeartbeatReply(HeartbeatReply {
                read_seq: words.take_number("read")?.unwrap_or(0),
                generation,
                last,
                commit,
            })
        }
        "timeout-now" => {
            Message::TimeoutNow(TimeoutNow { last: id(words, "last", "last=")?, order: small(words, "order", 1)? })
        }
        "snapshot" => Message::Snapshot(chunk(world, words, generation)?),
        "snapshot-next" | "snapshot-ack" | "snapshot-fail" => {
            let outcome = match kind {
                "snapshot-next" => SnapshotOutcome::Next { offset: needed(words.take_number("next")?, "next=")? },
                "snapshot-ack" => {
                    SnapshotOutcome::Installed { index: Index(needed(words.take_number("index")?, "index=")?) }
                }
                _ => SnapshotOutcome::Failed,
            };
            let snapshot = snapshot_id(words)?;
            let offset = words.take_number("offset")?.unwrap_or(0);
            Message::SnapshotReply(SnapshotReply { snapshot, offset, generation, outcome })
        }
        _ => return Err(CommandFault::NotA { wanted: "a kind of message", word: kind.to_owned() }),
    })
}

fn snapshot_id(words: &mut Words) -> Result<SnapshotId, CommandFault> {
    Ok(SnapshotId {
        last: id(words, "last", "last=")?,
        size_bytes: words.take_number("size")?.unwrap_or(SNAPSHOT_BYTES),
        digest: words.take_number("digest")?.unwrap_or(1),
    })
}

/// A chunk of a snapshot, by default all of it: of one that a node has taken, or else of a forged one, with the
/// configuration of the first entry or with the named nodes in other roles.
fn chunk(world: &World, words: &mut Words, generation: u32) -> Result<Snapshot, CommandFault> {
    let SnapshotId { last, size_bytes, digest } = snapshot_id(words)?;
    let bootstrap = world.config_of(LogId::new(1, 1)).expect("every world begins with it");
    let mut config = Config::clone(&bootstrap);
    if let Some(voters) = nodes(words, "voters")? {
        config.voters = voters;
        config.learners = nodes(words, "learners")?.unwrap_or_default();
    }
    let config_index = Index(words.take_number("config")?.unwrap_or(1));
    let log_bytes = last.index.0 * u64::from(FORGED_LENGTH);
    let forged = SnapshotMeta { last, config: config.into(), config_index, size_bytes, digest, link: 0, log_bytes };
    let meta = world.snapshot(forged.id()).unwrap_or(forged);
    let offset = words.take_number("offset")?.unwrap_or(0);
    let length = words.take_number("length")?.unwrap_or(size_bytes.saturating_sub(offset));
    Ok(Snapshot { meta, offset, length: u32::try_from(length).unwrap_or(u32::MAX), generation })
}

/// A comma-separated list of nodes.
fn nodes(words: &mut Words, key: &str) -> Result<Option<Vec<NodeId>>, CommandFault> {
    let Some(list) = words.take_value(key) else { return Ok(None) };
    list.split(',').filter(|word| !word.is_empty()).map(node).collect::<Result<_, _>>().map(Some)
}

/// The entries behind `prev`, as a comma-separated list of log ids.
fn entries(world: &mut World, prev: LogId, list: Option<String>) -> Result<Shape, CommandFault> {
    let mut shape = Shape::empty(prev.index.next());
    for word in list.iter().flat_map(|list| list.split(',')) {
        let entry = log_id(word)?;
        if entry.index.0 != shape.first.0 + shape.len() {
            return Err(CommandFault::NotA { wanted: "the entry that follows", word: word.to_owned() });
        }
        world.know(entry, FORGED_LENGTH);
        shape.push(entry.term, FORGED_LENGTH, None);
    }
    Ok(shape)
}

fn id(words: &mut Words, key: &str, wanted: &'static str) -> Result<LogId, CommandFault> {
    log_id(&needed(words.take_value(key), wanted)?)
}

fn small(words: &mut Words, key: &str, otherwise: u32) -> Result<u32, CommandFault> {
    Ok(words.take_number(key)?.map_or(otherwise, |found| u32::try_from(found).unwrap_or(u32::MAX)))
}

fn needed<T>(found: Option<T>, wanted: &'static str) -> Result<T, CommandFault> {
    found.ok_or(CommandFault::Missing { wanted })
}
