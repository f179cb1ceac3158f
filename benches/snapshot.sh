#!/usr/bin/env bash
# What writers feel while the nodes of a cluster take snapshots of 1,000,000 keys: the latency of puts in runs with a
# snapshot and in runs without, alternating.
#
#   benches/snapshot.sh [-r RUNS] [-s SECONDS] [-k KEYS] [SHAPE]        SHAPE is CONNECTIONSxIN_FLIGHT, 16x16 unless said
set -euo pipefail
runs=5 seconds=5 keys=1000000
while getopts 'r:s:k:h' option; do
    case $option in
    r) runs=$OPTARG ;;
    s) seconds=$OPTARG ;;
    k) keys=$OPTARG ;;
    *) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 2 ;;
    esac
done
shift $((OPTIND - 1))
shape=${1:-16x16}
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

snapshots() { "$raftctl" status -o json | sed -n 's/^ *"snapshot": \([0-9]*\),*/\1/p' | paste -sd' ' -; }
run_once() { # SNAPSHOT_EVERY
    "$raftctl" cluster up --nodes 3 --name bench --detach -q --set "storage.snapshot_every=$1" >&2
    fill "$keys" >/dev/null
    local before
    before=$(snapshots)
    load --connections "${shape%x*}" --in-flight "${shape#*x}" --warm-up 500ms --duration "${seconds}s" --keys "$keys" >"$RAFTCTL_HOME/run"
    printf '%8s puts/s  p50 %6s  p99 %6s  p99.9 %6s  most %6s µs   newest snapshots before %s, after %s\n' \
        "$(field ops_per_s <"$RAFTCTL_HOME/run")" "$(field p50_us <"$RAFTCTL_HOME/run")" "$(field p99_us <"$RAFTCTL_HOME/run")" \
        "$(field p999_us <"$RAFTCTL_HOME/run")" "$(field max_us <"$RAFTCTL_HOME/run")" "$before" "$(snapshots)"
    "$raftctl" cluster down bench --purge --yes -q >&2
}
for ((run = 0; run < runs; run++)); do
    # Due when half as many entries as there are keys have come, so within this run and not in the other.
    with=$(run_once $((keys / 2))) without=$(run_once 1000000000)
    echo "with:    $with"
    echo "without: $without"
    printf '%s\n' "$with" | sed -n 's/.*p99.9 *\([0-9]*\) .*/\1/p' >>"$RAFTCTL_HOME/a"
    printf '%s\n' "$without" | sed -n 's/.*p99.9 *\([0-9]*\) .*/\1/p' >>"$RAFTCTL_HOME/b"
done
a=$(middle <"$RAFTCTL_HOME/a") b=$(middle <"$RAFTCTL_HOME/b")
echo "p99.9: $a µs with a snapshot, $b µs without: ratio $(awk "BEGIN {printf \"%.2f\", $a / $b}")"
