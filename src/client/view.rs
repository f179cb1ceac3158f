//! The cluster as all its members together show it: who leads, what works, how many failures it can still take, and
//! what is wrong. This is what `status` prints and what waiting for health means.
//!
//! Pure: it is made from the members' answers and what is known of local processes.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{ClientError, Endpoint};
use crate::api::NodeStatus;
use crate::raft::quorum::majority;
use crate::raft::{Index, NodeId};

/// A member this far behind is worth a word even under load, in entries.
const LAG_NOTED: u64 = 10_000;

/// Certificates that expire within this many days are a problem.
const CERTIFICATE_DAYS: i64 = 30;

/// Less free space than this is a problem, in bytes.
const DISK_FREE_NOTED: u64 = 512 * 1024 * 1024;

/// What is known of a member's process on this machine without asking it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalProcess {
    pub running: bool,
    pub paused: bool,
    pub pid: Option<u32>,
    pub data_dir: String,
    pub log_file: String,
    /// What lies on its disk, if it was read.
    pub disk: Option<DiskView>,
}

/// What the disk of a stopped member says, for when no member answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiskView {
    pub cluster: String,
    pub cluster_id: String,
    pub term: Option<u64>,
    /// The newest entry of its log.
    pub durable: Option<u64>,
    /// The last entry of its newest snapshot, and when that was written.
    pub snapshot: Option<(u64, Option<String>)>,
    pub config_index: Option<u64>,
    pub members: Vec<DiskMember>,
}

/// A member as the configuration on a disk names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiskMember {
    pub id: NodeId,
    pub role: &'static str,
}

/// `raftctl.status/v1` without its schema.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClusterView {
    pub time: String,
    pub cluster: Option<String>,
    pub cluster_id: Option<String>,
    pub leader: Option<String>,
    pub term: Option<u64>,
    pub writable: bool,
    pub quorum: Option<usize>,
    pub voters: Option<usize>,
    pub voters_reachable: usize,
    pub tolerates_failures: usize,
    /// With `lease` reads, for how long at most a leader answers alone; null where they are off, or nobody says.
    pub lease_ms: Option<u64>,
    pub config: Option<ConfigView>,
    pub problems: Vec<Problem>,
    pub next_stop: Option<NextStop>,
    pub members: Vec<MemberView>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigView {
    pub index: u64,
    pub joint: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub code: &'static str,
    pub severity: Severity,
    pub node: Option<String>,
    pub since: Option<String>,
    pub message: String,
    pub fix: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Info,
    Warning,
    Error,
}

/// What will stop working by itself, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NextStop {
    pub what: String,
    pub at: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MemberView {
    pub name: String,
    pub id: String,
    pub role: Option<String>,
    pub address: String,
    pub state: String,
    pub reachable: bool,
    pub fault: Option<&'static str>,
    pub term: Option<u64>,
    pub durable: Option<u64>,
    pub commit: Option<u64>,
    pub applied: Option<u64>,
    pub first: Option<u64>,
    pub snapshot: Option<u64>,
    /// When it was written. RFC 3339, UTC.
    pub snapshot_time: Option<String>,
    pub lag: Option<u64>,
    pub pid: Option<u32>,
    pub data_dir: Option<String>,
    pub log_file: Option<String>,
    pub http: Option<String>,
    pub version: Option<String>,
    pub started: Option<String>,
    pub last_contact_ms: Option<u64>,
    pub sync_p99_ms: Option<f64>,
    pub disk_free_bytes: Option<u64>,
    pub cert_expires: Option<String>,
    pub elections: Option<u64>,
    pub digest: Option<DigestView>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DigestView {
    pub index: u64,
    pub hash: String,
}

type Answers = [(Endpoint, Result<NodeStatus, ClientError>)];

impl ClusterView {
    pub fn of(answers: &Answers, local: &BTreeMap<NodeId, LocalProcess>, now: jiff::Timestamp) -> ClusterView {
        let known = || answers.iter().filter_map(|(_, status)| status.as_ref().ok());
        let leader = known().filter(|status| status.state == "leader").max_by_key(|status| status.term);
        let newest = leader.or_else(|| known().max_by_key(|status| (status.config_index, status.term)));
        let members: Vec<MemberView> = answers
            .iter()
            .map(|(endpoint, status)| member(endpoint, status.as_ref().ok(), leader, newest, local))
            .collect();
        let voters = newest.map(|status| status.members.iter().filter(|member| member.role == "voter").count());
        let voters_reachable =
            members.iter().filter(|member| member.reachable && member.role.as_deref() == Some("voter")).count();
        let writable = leader.is_some_and(|status| status.quorum_contact);
        let quorum = voters.map(majority);
        let mut view = ClusterView {
            time: now.to_string(),
            cluster: newest.map(|status| status.cluster.clone()),
            cluster_id: newest.map(|status| status.cluster_id.clone()),
            leader: leader.map(|status| status.name.clone()),
            term: known().map(|status| status.term.0).max(),
            writable,
            quorum,
            voters,
            voters_reachable,
            tolerates_failures: quorum.filter(|_| writable).map_or(0, |quorum| voters_reachable.saturating_sub(quorum)),
            lease_ms: newest.and_then(|status| status.lease_ms),
            config: newest.map(|status| ConfigView { index: status.config_index.0, joint: false }),
            problems: Vec::new(),
            next_stop: None,
            members,
        };
        if newest.is_none() {
            view.fill_from_disks(local);
        }
        view.next_stop = view.next_stop();
        view.problems = view.problems(answers, now);
        view
    }

    /// Everybody is there, caught up, and nothing is wrong.
    pub fn is_healthy(&self) -> bool {
        self.writable
            && self.members.iter().all(|member| member.reachable && member.lag == Some(0))
            && self.problems.iter().all(|problem| problem.severity < Severity::Error)
    }

    /// Writes work and every member answers; some may still be catching up.
    pub fn is_in_touch(&self) -> bool {
        self.writable && self.members.iter().all(|member| member.reachable)
    }

    pub fn any_reachable(&self) -> bool {
        self.members.iter().any(|member| member.reachable)
    }

    /// Nobody answers: what the disks say is better than nothing. Whoever has the newest configuration names the roles.
    fn fill_from_disks(&mut self, local: &BTreeMap<NodeId, LocalProcess>) {
        let disks = || local.values().filter_map(|process| process.disk.as_ref());
        let Some(newest) = disks().max_by_key(|disk| (disk.config_index, disk.term)) else { return };
        self.cluster = Some(newest.cluster.clone());
        self.cluster_id = Some(newest.cluster_id.clone());
        self.term = disks().filter_map(|disk| disk.term).max();
        self.config = newest.config_index.map(|index| ConfigView { index, joint: false });
        if !newest.members.is_empty() {
            let voters = newest.members.iter().filter(|member| member.role == "voter").count();
            (self.voters, self.quorum) = (Some(voters), Some(majority(voters)));
        }
        for (id, process) in local {
            let id_text = id.0.to_string();
            let Some(member) = self.members.iter_mut().find(|member| member.id == id_text) else { continue };
            let configured = newest.members.iter().find(|one| one.id == *id);
            member.role = configured.map(|one| one.role.to_owned());
            member.term = process.disk.as_ref().and_then(|disk| disk.term);
            member.durable = process.disk.as_ref().and_then(|disk| disk.durable);
            let snapshot = process.disk.as_ref().and_then(|disk| disk.snapshot.clone());
            (member.snapshot, member.snapshot_time) = snapshot.map_or((None, None), |(last, time)| (Some(last), time));
        }
    }

    fn next_stop(&self) -> Option<NextStop> {
        let dated = self.members.iter().filter_map(|member| Some((member.cert_expires.clone()?, &member.name)));
        let (at, name) = dated.min()?;
        Some(NextStop { what: format!("certificate of {name} expires"), at })
    }

    fn problems(&self, answers: &Answers, now: jiff::Timestamp) -> Vec<Problem> {
        let mut problems = Vec::new();
        if !self.writable {
            let message = match &self.leader {
                Some(leader) => format!("{leader} leads but has lost touch with a majority"),
                None => "no node that answers leads".to_owned(),
            };
            let is_down = |member: &MemberView| member.state == "down";
            let fix = if self.members.iter().any(is_down) {
                "start the nodes that are down: raftctl cluster start"
            } else if self.members.iter().any(|member| member.fault == Some("paused")) {
                "wake the nodes that are paused: raftctl cluster resume"
            } else if self.members.iter().any(|member| member.fault == Some("isolated")) {
                "take up the links that were cut: raftctl cluster heal"
            } else {
                "an election may be under way: raftctl status --wait writable"
            };
            problems.push(problem("E0701", Severity::Error, None, message, fix));
        }
        for member in &self.members {
            problems.extend(member_problem(member));
        }
        for (_, status) in answers {
            if let Ok(status) = status {
                problems.extend(node_problems(status, now));
            }
        }
        if let Some(voters) = self.voters
            && voters.is_multiple_of(2)
        {
            let message = format!("{voters} voters tolerate no more failures than {} would", voters - 1);
            problems.push(problem("E0704", Severity::Info, None, message, "use an odd number of voters"));
        }
        problems.extend(self.digest_problem());
        problems.sort_by_key(|problem| core::cmp::Reverse(problem.severity));
        problems
    }

    /// Two replicas that applied the same entries must hold the same state (I5).
    fn digest_problem(&self) -> Option<Problem> {
        let digests = || self.members.iter().filter_map(|member| Some((&member.name, member.digest.as_ref()?)));
        let (one, other) = digests().find_map(|(name, digest)| {
            let differs =
                |(_, other): &(&String, &DigestView)| other.index == digest.index && other.hash != digest.hash;
            digests().find(differs).map(|(other, _)| (name, other))
        })?;
        let message = format!("{one} and {other} applied the same entries and hold different states");
        Some(problem("E0708", Severity::Error, None, message, "stop the cluster and keep its data directories"))
    }
}

fn problem(
    code: &'static str,
    severity: Severity,
    node: Option<&str>,
    message: impl Into<String>,
    fix: impl Into<String>,
) -> Problem {
    Problem { code, severity, node: node.map(str::to_owned), since: None, message: message.into(), fix: fix.into() }
}

fn member_problem(member: &MemberView) -> Option<Problem> {
    let name = member.name.as_str();
    if member.fault == Some("paused") {
        let fix = format!("raftctl cluster resume {name}");
        return Some(problem("E0703", Severity::Error, Some(name), format!("{name} is paused"), fix));
    }
    if !member.reachable {
        let (message, fix) = match member.state.as_str() {
            "down" => (format!("{name} is down"), format!("raftctl cluster start {name}")),
            _ => (format!("{name} does not answer"), format!("look at its log: raftctl cluster logs {name}")),
        };
        return Some(problem("E0702", Severity::Error, Some(name), message, fix));
    }
    let lag = member.lag.filter(|lag| *lag > LAG_NOTED)?;
    let message = format!("{name} is {lag} entries behind");
    Some(problem("E0705", Severity::Warning, Some(name), message, "wait, or look at its disk and its log"))
}

fn node_problems(status: &NodeStatus, now: jiff::Timestamp) -> Vec<Problem> {
    let name = Some(status.name.as_str());
    let mut problems = Vec::new();
    if status.unsafe_sync {
        let message = format!("UNSAFE: {} does not sync its log; a power cut loses acknowledged writes", status.name);
        problems.push(problem("E0706", Severity::Warning, name, message, "use sync: always for anything that matters"));
    }
    let expires = status.cert_expires.as_ref().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    if let Some(expires) = expires
        && (expires.as_second() - now.as_second()) < CERTIFICATE_DAYS * 24 * 3_600
    {
        let message = format!("the certificate of {} expires {expires}", status.name);
        problems.push(problem(
            "E0707",
            Severity::Warning,
            name,
            message,
            "make the cluster anew, or renew the certificate",
        ));
    }
    if status.disk_low {
        let message = format!("{} takes no new entries: its disk is nearly full", status.name);
        let fix = "make room on the disk that holds its data directory";
        problems.push(problem("E0713", Severity::Error, name, message, fix));
    } else if status.disk_free_bytes.is_some_and(|free| free < DISK_FREE_NOTED) {
        let message = format!("{} has less than 512 MiB of disk left", status.name);
        problems.push(problem(
            "E0709",
            Severity::Warning,
            name,
            message,
            "make room; without it the node takes no new writes",
        ));
    }
    if !status.cut.is_empty() {
        let fix = format!("raftctl cluster heal {}", status.name);
        problems.push(problem("E0712", Severity::Error, name, cut_message(status), fix));
    }
    if status.refused_messages > 0 {
        let count = status.refused_messages;
        let message = format!("{} refused {count} messages whose sender was not who its certificate says", status.name);
        problems.push(problem("E0710", Severity::Warning, name, message, "find out who sends them"));
    }
    problems
}

fn cut_message(status: &NodeStatus) -> String {
    let names = |ids: &[NodeId]| {
        let name = |id: &NodeId| {
            let member = status.members.iter().find(|member| member.id == *id);
            member.map_or_else(|| id.to_string(), |member| member.name.clone())
        };
        ids.iter().map(name).collect::<Vec<_>>().join(" ")
    };
    let (from, to) = (names(&status.cut.from), names(&status.cut.to));
    match (from.as_str(), to.as_str()) {
        (from, to) if from == to => format!("{} is cut off from {from}", status.name),
        (from, "") => format!("{} does not hear {from}", status.name),
        ("", to) => format!("{} is not heard by {to}", status.name),
        (from, to) => format!("{} does not hear {from} and is not heard by {to}", status.name),
    }
}

fn member(
    endpoint: &Endpoint,
    status: Option<&NodeStatus>,
    leader: Option<&NodeStatus>,
    newest: Option<&NodeStatus>,
    local: &BTreeMap<NodeId, LocalProcess>,
) -> MemberView {
    let configured = newest.and_then(|view| view.members.iter().find(|member| member.id == endpoint.id));
    let by_leader = leader.and_then(|view| view.members.iter().find(|member| member.id == endpoint.id));
    let process = local.get(&endpoint.id);
    let number = |index: fn(&NodeStatus) -> Index| status.map(|status| index(status).0);
    let state = match (status, process) {
        (Some(status), _) => status.state.clone(),
        (None, Some(process)) if !process.running => "down".to_owned(),
        (None, _) => "unreachable".to_owned(),
    };
    MemberView {
        name: configured.map_or_else(|| endpoint.name.clone(), |member| member.name.clone()),
        id: endpoint.id.0.to_string(),
        role: configured.map(|member| member.role.clone()),
        address: endpoint.address.clone(),
        state,
        reachable: status.is_some(),
        fault: fault(status, process),
        term: status.map(|status| status.term.0),
        durable: number(|status| status.durable),
        commit: number(|status| status.commit),
        applied: number(|status| status.applied),
        first: number(|status| status.first),
        snapshot: number(|status| status.snapshot),
        snapshot_time: status.and_then(|status| status.snapshot_time.clone()),
        lag: leader.zip(status).map(|(leader, own)| leader.commit.0.saturating_sub(own.applied.0)),
        pid: status.map(|status| status.pid).or(process.filter(|process| process.running).and_then(|one| one.pid)),
        data_dir: status.map(|one| one.data_dir.clone()).or(process.map(|one| one.data_dir.clone())),
        log_file: status.map(|one| one.log_file.clone()).or(process.map(|one| one.log_file.clone())),
        http: None,
        version: status.map(|status| status.version.clone()),
        started: status.map(|status| status.started.clone()),
        last_contact_ms: by_leader.and_then(|member| member.last_contact_ms),
        sync_p99_ms: status.and_then(|status| status.sync_p99_ms),
        disk_free_bytes: status.and_then(|status| status.disk_free_bytes),
        cert_expires: status.and_then(|status| status.cert_expires.clone()),
        elections: status.map(|status| status.elections),
        digest: status
            .and_then(|status| status.digest.as_ref())
            .map(|(index, hash)| DigestView { index: index.0, hash: hash.clone() }),
    }
}

/// What somebody did to the member on purpose.
fn fault(status: Option<&NodeStatus>, process: Option<&LocalProcess>) -> Option<&'static str> {
    if process.is_some_and(|process| process.paused) {
        return Some("paused");
    }
    status.filter(|status| !status.cut.is_empty()).map(|_| "isolated")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{CutLinks, MemberStatus};
    use crate::client::Cause;
    use crate::raft::Term;

    fn answers(reachable: &[u64]) -> Vec<(Endpoint, Result<NodeStatus, ClientError>)> {
        let member = |id: u64| MemberStatus {
            id: NodeId(id),
            name: format!("n{id}"),
            role: "voter".to_owned(),
            ..MemberStatus::default()
        };
        let status = |id: u64| NodeStatus {
            id: NodeId(id),
            name: format!("n{id}"),
            state: if id == 1 { "leader" } else { "follower" }.to_owned(),
            term: Term(2),
            commit: Index(9),
            applied: Index(if id == 3 { 4 } else { 9 }),
            quorum_contact: id == 1 && reachable.len() > 1,
            members: (1..=3).map(member).collect(),
            ..NodeStatus::default()
        };
        let one = |id: u64| {
            let endpoint = Endpoint { id: NodeId(id), name: format!("n{id}"), address: String::new() };
            let answer =
                if reachable.contains(&id) { Ok(status(id)) } else { Err(ClientError::Unavailable(Cause::NoLeader)) };
            (endpoint, answer)
        };
        (1..=3).map(one).collect()
    }

    fn view(reachable: &[u64]) -> ClusterView {
        ClusterView::of(&answers(reachable), &BTreeMap::new(), jiff::Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_cluster_with_everybody_there_tolerates_one_failure() {
        let all = view(&[1, 2, 3]);
        assert_eq!((all.leader.as_deref(), all.writable, all.tolerates_failures), (Some("n1"), true, 1));
        assert!(all.is_in_touch());
        assert_eq!(all.members[2].lag, Some(5));
        assert!(!all.is_healthy(), "n3 lags");
    }

    #[test]
    fn what_is_counted_is_counted_from_now() {
        let two = view(&[1, 2]);
        assert_eq!((two.writable, two.voters_reachable, two.tolerates_failures), (true, 2, 0));
        assert_eq!(two.problems.iter().map(|one| one.code).collect::<Vec<_>>(), ["E0702"]);
        let one = view(&[1]);
        assert_eq!((one.writable, one.tolerates_failures), (false, 0));
        assert!(one.problems.iter().any(|problem| problem.code == "E0701"));
    }

    #[test]
    fn nothing_known_is_null_and_not_zero() {
        let none = view(&[]);
        assert_eq!((none.leader, none.term, none.voters, none.config), (None, None, None, None));
        assert_eq!(none.members[0].applied, None);
    }

    #[test]
    fn a_stopped_cluster_shows_what_its_disks_hold() {
        let members = (1..=3).map(|id| DiskMember { id: NodeId(id), role: "voter" }).collect();
        let disk = DiskView {
            cluster: "demo".to_owned(),
            cluster_id: "abc".to_owned(),
            term: Some(4),
            durable: Some(17),
            snapshot: Some((12, Some("2026-11-24T22:52:55Z".to_owned()))),
            config_index: Some(1),
            members,
        };
        let local = BTreeMap::from([(NodeId(1), LocalProcess { disk: Some(disk), ..LocalProcess::default() })]);
        let view = ClusterView::of(&answers(&[]), &local, jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(
            (view.cluster.as_deref(), view.term, view.voters, view.quorum),
            (Some("demo"), Some(4), Some(3), Some(2))
        );
        assert_eq!((view.members[0].role.as_deref(), view.members[0].durable), (Some("voter"), Some(17)));
        let (snapshot, written) = (view.members[0].snapshot, view.members[0].snapshot_time.as_deref());
        assert_eq!((snapshot, written), (Some(12), Some("2026-11-24T22:52:55Z")));
        assert!(!view.writable && view.leader.is_none() && view.members[1].durable.is_none());
        let alive = ClusterView::of(&answers(&[1, 2]), &local, jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(alive.term, Some(2), "what answers is believed over what lies on a disk");
    }

    #[test]
    fn cut_links_are_a_fault_and_a_problem_with_both_directions() {
        let shown = |from: &[u64], to: &[u64]| {
            let nodes = |ids: &[u64]| ids.iter().copied().map(NodeId).collect();
            let mut answers = answers(&[1, 2, 3]);
            answers[2].1.as_mut().unwrap().cut = CutLinks { from: nodes(from), to: nodes(to) };
            let view = ClusterView::of(&answers, &BTreeMap::new(), jiff::Timestamp::UNIX_EPOCH);
            let problem = view.problems.iter().find(|one| one.code == "E0712").map(|one| one.message.clone());
            (view.members[2].fault, problem)
        };
        assert_eq!(shown(&[], &[]), (None, None));
        let isolated = |message: &str| (Some("isolated"), Some(message.to_owned()));
        assert_eq!(shown(&[1, 2], &[1, 2]), isolated("n3 is cut off from n1 n2"));
        assert_eq!(shown(&[], &[1]), isolated("n3 is not heard by n1"));
        assert_eq!(shown(&[2], &[]), isolated("n3 does not hear n2"));
        assert_eq!(shown(&[2], &[1]), isolated("n3 does not hear n2 and is not heard by n1"));
    }

    #[test]
    fn the_advice_fits_what_is_wrong() {
        let fix = |local: &BTreeMap<NodeId, LocalProcess>| {
            let view = ClusterView::of(&answers(&[1]), local, jiff::Timestamp::UNIX_EPOCH);
            view.problems.iter().find(|one| one.code == "E0701").map(|one| one.fix.clone()).unwrap()
        };
        let process = |running, paused| LocalProcess { running, paused, ..LocalProcess::default() };
        assert!(fix(&BTreeMap::from([(NodeId(2), process(false, false))])).contains("cluster start"));
        assert!(fix(&BTreeMap::from([(NodeId(2), process(true, true))])).contains("cluster resume"));
        assert!(fix(&BTreeMap::new()).contains("election"));
    }
}
