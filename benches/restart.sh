#!/usr/bin/env bash
# A cluster with 1,000,000 keys of 256 bytes: resident memory after the load, SIGKILL of all nodes, time from the start
# to the first acknowledged write, resident memory after that; and etcd beside it. Then one node alone.
#
#   benches/restart.sh [-r RUNS] [-k KEYS]        the two systems alternate
set -euo pipefail
runs=3 keys=1000000 with_etcd=yes
while getopts 'r:k:Eh' option; do
    case $option in
    r) runs=$OPTARG ;;
    k) keys=$OPTARG ;;
    E) with_etcd=no ;; # raftctl alone
    *) sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 2 ;;
    esac
done
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

resident_kb() {
    for pid in $("$raftctl" status -o json | sed -n 's/^ *"pid": \([0-9]*\),*/\1/p'); do
        awk '/^VmRSS:/ {print $2}' "/proc/$pid/status"
    done | paste -sd, -
}
raftctl_once() { # NODES
    "$raftctl" cluster up --nodes "$1" --name bench --detach -q >&2
    fill "$keys" >&2
    local after_load began ready
    after_load=$(resident_kb)
    "$raftctl" cluster kill $(seq -f 'n%g' "$1") -q >&2
    began=$(date +%s%N)
    "$raftctl" cluster start -q >&2 &
    until "$raftctl" submit put wait v --timeout 10s -q >/dev/null 2>&1; do :; done
    ready=$((($(date +%s%N) - began) / 1000000))
    wait $!
    sleep 2 # what the restart left behind is settled
    echo "{\"resident_kb_after_load\":[$after_load],\"restart_ms\":$ready,\"resident_kb_after_restart\":[$(resident_kb)]}"
    "$raftctl" cluster down bench --purge --yes -q >&2
}
for ((run = 0; run < runs; run++)); do
    echo "raftctl, 3 nodes: $(raftctl_once 3)"
    if [[ $with_etcd = yes ]]; then
        echo "etcd, 3 nodes:    $("$root/benches/etcd/etcd-anchor.sh" -- restart --leader -C 20 -K 50 --total "$keys" --keys "$keys" --warmup 0 --duration 600)"
    fi
    echo "raftctl, 1 node:  $(raftctl_once 1)"
done
