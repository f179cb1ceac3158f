#!/usr/bin/env bash
# raftctl beside etcd on this machine, in the same minutes: three members each, 256-byte values, synced to disk,
# all requests to the leader. The two systems alternate, and the medians and the spread of each are printed.
#
#   benches/compare.sh [-r RUNS] [-s SECONDS] [SHAPE]...     SHAPE is CONNECTIONSxIN_FLIGHT: 1x1 8x8 16x16 20x50
#
# etcd does more than raftctl (history, watches, leases, a store larger than memory): read every ratio with that.
# Needs root once, to install etcd from the distribution's packages.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
runs=3 seconds=5
while getopts 'r:s:h' option; do
    case $option in
    r) runs=$OPTARG ;;
    s) seconds=$OPTARG ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2 ;;
    esac
done
shift $((OPTIND - 1))
shapes=("$@")
((${#shapes[@]})) || shapes=(1x1 8x8 16x16 20x50)

cargo build --release --quiet --manifest-path "$root/Cargo.toml" --bins --examples
target=${CARGO_TARGET_DIR:-$root/target}
raftctl=$target/release/raftctl load=$target/release/examples/load
home=$(mktemp -d "${TMPDIR:-/var/tmp}/raftctl-bench.XXXXXX")
export RAFTCTL_HOME=$home
trap '"$raftctl" cluster down --all -q || true; rm -rf "$home"' EXIT

field() { sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p"; }
raftctl_once() {
    "$raftctl" cluster up --nodes 3 --name bench --detach -q >&2
    "$load" --cluster bench -C "$1" -K "$2" --seconds "$seconds" --value-bytes 256 --op put
    "$raftctl" cluster down bench --purge --yes -q >&2
}
etcd_once() { "$here/etcd/etcd-anchor.sh" -- --leader -C "$1" -K "$2" --put 100 --duration "$seconds"; }
median() { sort -n | awk '{v[NR]=$1} END {printf "%s (%s–%s)", v[int((NR+1)/2)], v[1], v[NR]}'; }
middle() { sort -n | awk '{v[NR]=$1} END {print v[int((NR+1)/2)]}'; }

printf '%-8s %-28s %-28s %s\n' shape 'raftctl puts/s' 'etcd puts/s' 'ratio'
for shape in "${shapes[@]}"; do
    connections=${shape%x*} in_flight=${shape#*x}
    ours=$home/ours theirs=$home/theirs
    : >"$ours"; : >"$theirs"
    for ((run = 0; run < runs; run++)); do
        raftctl_once "$connections" "$in_flight" >>"$ours"
        etcd_once "$connections" "$in_flight" >>"$theirs"
    done
    a=$(field ops_per_s <"$ours" | middle) b=$(field ops_per_s <"$theirs" | middle)
    printf '%-8s %-28s %-28s %s\n' "$shape" "$(field ops_per_s <"$ours" | median)" "$(field ops_per_s <"$theirs" | median)" \
        "$(awk "BEGIN {printf \"%.1f\", $a / $b}")"
    for quantile in p50_us p99_us; do
        printf '  %-6s %-28s %-28s\n' "${quantile%_us}" "$(field $quantile <"$ours" | median) µs" "$(field $quantile <"$theirs" | median) µs"
    done
done
