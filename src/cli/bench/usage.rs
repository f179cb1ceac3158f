//! What processes of this machine have used: CPU time and resident memory, from `/proc`.

use std::fs;

use crate::cli::selection::{self, LocalCluster};
use crate::cluster::process;

/// Of `/proc/PID/stat`; the kernel shows times in these to every program.
const TICKS_PER_SECOND: u64 = 100;

/// One process at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Usage {
    /// User and system time since its start, to 10 ms.
    pub cpu_ms: u64,
    pub resident_bytes: u64,
}

/// A node's process; none while it is down.
#[derive(Clone, Debug)]
pub(super) struct NodeUsage {
    pub name: String,
    pub process: Option<(u32, Usage)>,
}

pub(super) fn of_this_process() -> Option<Usage> {
    of(std::process::id())
}

/// Every node of the cluster, by name; those that cannot be listed are none.
pub(super) fn of_nodes(cluster: &LocalCluster) -> Vec<NodeUsage> {
    let nodes = selection::nodes(cluster).unwrap_or_default();
    let usage = |node: selection::LocalNode| {
        let pid = process::running(&node.directory).map(|run| run.pid);
        NodeUsage { process: pid.and_then(|pid| Some((pid, of(pid)?))), name: node.name }
    };
    nodes.into_iter().map(usage).collect()
}

fn of(pid: u32) -> Option<Usage> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    Some(Usage { cpu_ms: cpu_ms_in(&stat)?, resident_bytes: resident_bytes_in(&status)? })
}

/// Fields 14 and 15; the command in field 2 may hold spaces and brackets, so counting starts behind the last bracket.
fn cpu_ms_in(stat: &str) -> Option<u64> {
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some((ticks()? + ticks()?) * 1_000 / TICKS_PER_SECOND)
}

fn resident_bytes_in(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_memory_are_found_behind_any_name() {
        let stat = "7 (a) 9 (b c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 3 4 20 0 1 0 88 9 1";
        assert_eq!(cpu_ms_in(stat), Some(3_000));
        assert_eq!(resident_bytes_in("Name:\tx\nVmRSS:\t    9216 kB\nThreads:\t1\n"), Some(9_437_184));
        assert_eq!((cpu_ms_in("7 (x) S 1"), resident_bytes_in("Name:\tx\n")), (None, None));
        let here = of_this_process().unwrap();
        assert!(here.resident_bytes > 1 << 20, "a test takes more than a megabyte: {here:?}");
    }
}
