//! `raftctl leader`: the name of the node that leads, alone.
//!
//! The leader's own word counts, and only in the newest term that anybody tells of. A follower's word counts about a
//! leader that could not be asked at all; one that was asked and says nothing may be gone.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::failure::{Exit, Failure};
use super::{Context, remote, selection, status};
use crate::api::NodeStatus;
use crate::client::{ClientError, Endpoint};

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl leader
  raftctl leader --timeout 10s              wait until there is one
  raftctl cluster pause $(raftctl leader)
  raftctl leader -o json | jq .term

Looks once; with --timeout it looks until a node leads. Exits with 4 when none does.")]
pub struct Args {}

/// How long one look may take.
const LOOK_MAX: Duration = Duration::from_secs(2);

/// The same while waiting, so that a node that comes back is seen soon.
const LOOK_MAX_WHILE_WAITING: Duration = Duration::from_millis(500);

/// Pause between two looks while waiting.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Who leads, by whose word; `raftctl.leader/v1` without its schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Said {
    pub leader: String,
    pub term: u64,
    /// The node that said so.
    pub node: String,
}

pub fn run(context: &Context, _: &Args) -> Result<Exit, Failure> {
    let said = find(context, context.global.timeout)?.ok_or_else(|| {
        Failure::new("E0502", "no node leads now").fix("raftctl leader --timeout 10s waits for one; raftctl status")
    })?;
    match context.printer.is_table() {
        true => context.printer.line(&said.leader)?,
        false => context.printer.document("raftctl.leader/v1", &said)?,
    }
    Ok(Exit::Done)
}

/// Looks once, or for at most `patience` until a node leads.
///
/// # Errors
/// No cluster is meant, or its identity cannot be used.
pub(super) fn find(context: &Context, patience: Option<Duration>) -> Result<Option<Said>, Failure> {
    let target = selection::target(context)?;
    let deadline = Instant::now() + patience.unwrap_or(LOOK_MAX);
    let look_max = if patience.is_some() { LOOK_MAX_WHILE_WAITING } else { LOOK_MAX };
    remote::block_on_request("the look for the leader", async {
        let mut client = remote::open(context, None).await?;
        let said = loop {
            let wait = look_max.min(deadline.saturating_duration_since(Instant::now()));
            let said = newest(&client.status_of_all(&status::silent(&target), wait).await);
            if said.is_some() || patience.is_none() || Instant::now() >= deadline {
                break said;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        };
        client.close().await;
        Ok(said)
    })
}

fn newest(answers: &[(Endpoint, Result<NodeStatus, ClientError>)]) -> Option<Said> {
    let known = || answers.iter().filter_map(|(_, status)| status.as_ref().ok());
    let term = known().map(|status| status.term).max()?;
    let current = || known().filter(|status| status.term == term);
    let said = |leader: &str, by: &NodeStatus| Said { leader: leader.to_owned(), term: term.0, node: by.name.clone() };
    if let Some(leader) = current().find(|status| status.state == "leader") {
        return Some(said(&leader.name, leader));
    }
    current().find_map(|status| {
        let id = status.leader.filter(|id| answers.iter().all(|(endpoint, _)| endpoint.id != *id))?;
        let member = status.members.iter().find(|member| member.id == id)?;
        Some(said(&member.name, status))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::MemberStatus;
    use crate::client::Cause;
    use crate::raft::{NodeId, Term};

    type Answer = (Endpoint, Result<NodeStatus, ClientError>);

    fn answer(id: u64, state: &str, term: u64, leader: Option<u64>) -> Answer {
        let named = |id: u64| MemberStatus { id: NodeId(id), name: format!("n{id}"), ..MemberStatus::default() };
        let status = NodeStatus {
            name: format!("n{id}"),
            state: state.to_owned(),
            term: Term(term),
            leader: leader.map(NodeId),
            members: (1..=3).map(named).collect(),
            ..NodeStatus::default()
        };
        (endpoint(id), Ok(status))
    }

    fn endpoint(id: u64) -> Endpoint {
        Endpoint { id: NodeId(id), name: format!("n{id}"), address: String::new() }
    }

    fn said(answers: &[Answer]) -> Option<(String, u64, String)> {
        newest(answers).map(|said| (said.leader, said.term, said.node))
    }

    #[test]
    fn the_leader_of_the_newest_term_is_believed_and_an_older_one_is_not() {
        let answers = [answer(1, "leader", 2, Some(1)), answer(2, "leader", 3, Some(2))];
        assert_eq!(said(&answers), Some(("n2".to_owned(), 3, "n2".to_owned())));
        let deposed = [answer(1, "leader", 2, Some(1)), answer(2, "candidate", 3, None)];
        assert_eq!(said(&deposed), None);
    }

    #[test]
    fn a_followers_word_counts_only_about_one_that_was_not_asked() {
        let alone = [answer(2, "follower", 3, Some(1))];
        assert_eq!(said(&alone), Some(("n1".to_owned(), 3, "n2".to_owned())));
        let silent = (endpoint(1), Err(ClientError::Unavailable(Cause::NoLeader)));
        assert_eq!(said(&[answer(2, "follower", 3, Some(1)), silent]), None);
    }
}
