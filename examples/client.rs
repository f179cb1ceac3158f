//! What an application does with a cluster, by the library alone: `client HOST:PORT IDENTITY-DIRECTORY`.
//!
//! Of a local cluster both are in its directory: an address in `nodes/n1/node.yaml`, the identity in `client/`. It counts its
//! own runs, moves money in a transaction, watches what it does, and shows why a lock needs the revision.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use raftctl::api::{Consistency, Keys};
use raftctl::client::{Client, ClientOptions, Watcher, identify};
use raftctl::raft::Index;
use raftctl::state_machine::{Command, Condition, Expect, Operation, Outcome, Step, Test, Transaction, Update};
use raftctl::transport::Identity;

const TIMEOUT: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().collect();
    let [_, address, identity] = words.as_slice() else { return Err("usage: client HOST:PORT IDENTITY".into()) };
    let mut client = connect(address, Path::new(identity)).await?;

    let runs = client.write(&one("example/runs", Operation::Incr { by: 1 }), TIMEOUT).await?;
    let Outcome::Incremented { value } = runs.outcome else { return Err("incr gives a number".into()) };
    println!("run {value}, counted once at revision {} whatever fails", runs.revision);

    let mut watcher = Watcher::new(Keys::Prefix(b"example/".to_vec()), runs.revision, true);
    move_money(&mut client).await?;
    for change in client.changes(&mut watcher).await? {
        println!("revision {}: {} changed", change.revision, change.key.escape_ascii());
    }
    lock(&mut client).await?;
    client.close().await;
    Ok(())
}

/// A client that finds the other members by itself, with a session: its writes take effect once.
async fn connect(address: &str, identity: &Path) -> Result<Client, Box<dyn Error>> {
    let identity = Identity::load(identity)?;
    let endpoint = identify(identity.clone(), address, TIMEOUT).await?;
    let cluster = identity.cluster();
    let mut client = Client::start(ClientOptions { cluster, endpoints: vec![endpoint], identity, pinned: None })?;
    client.open_session();
    Ok(client)
}

fn one(key: &str, operation: Operation) -> Update {
    Update::Command(Command { key: key.into(), operation })
}

fn step(key: &str, operation: Operation) -> Step {
    Step::Write(Command { key: key.into(), operation })
}

/// Both accounts change at one revision, if the first is as it was read.
async fn move_money(client: &mut Client) -> Result<(), Box<dyn Error>> {
    loop {
        let from = client.get("example/from", Consistency::Linearizable, Index(0), TIMEOUT).await?;
        let test = from.item.map_or(Test::Exists(false), |item| Test::Revision(item.revision.0));
        let transaction = Transaction {
            conditions: vec![Condition { key: b"example/from".to_vec(), test }],
            then: vec![
                step("example/from", Operation::Incr { by: -30 }),
                step("example/to", Operation::Incr { by: 30 }),
            ],
            otherwise: Vec::new(),
        };
        let written = client.write(&Update::Transaction(transaction), TIMEOUT).await?;
        match written.outcome {
            Outcome::Transaction(outcome) if outcome.results.is_empty() => println!("somebody was faster; again"),
            Outcome::Transaction(_) => {
                println!("moved 30 at revision {}", written.revision);
                return Ok(());
            }
            other => return Err(format!("{other:?}").into()),
        }
    }
}

/// The revision under which the lock was taken goes with everything done under it: whoever holds it later has a higher one.
async fn lock(client: &mut Client) -> Result<(), Box<dyn Error>> {
    let take = Operation::Cas { expect: Expect::Absent, value: b"me".to_vec() };
    let take = Command { key: b"example/lock".to_vec(), operation: take };
    let taken = client.write(&Update::Transaction(Transaction::leased(take, 5_000)), TIMEOUT).await?;
    match taken.outcome.of_one_write() {
        Outcome::Written => println!("took the lock, fencing token {}", taken.revision),
        Outcome::ConditionFailed { .. } => {
            println!("somebody has the lock");
            return Ok(());
        }
        other => return Err(format!("{other:?}").into()),
    }
    client.write(&one("example/lock", Operation::Delete), TIMEOUT).await?;
    Ok(())
}
