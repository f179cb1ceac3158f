#!/usr/bin/env bash
# raftctl beside etcd on this machine, in the same minutes: three members each, 256-byte values, synced to disk,
# all requests to the leader. The two systems alternate, and the medians and the spread of each are printed.
#
#   benches/compare.sh [-r RUNS] [-s SECONDS] [SHAPE]...     SHAPE is CONNECTIONSxIN_FLIGHT: 1x1 8x8 16x16 20x50
#
# etcd does more than raftctl (all versions of all keys, a store larger than memory): read every ratio with that.
# Needs root once, to install etcd from the distribution's packages.
set -euo pipefail
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

. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

raftctl_once() {
    "$raftctl" cluster up --nodes 3 --name bench --detach -q >&2
    load --connections "$1" --in-flight "$2" --warm-up 500ms --duration "${seconds}s" --value-size 256
    "$raftctl" cluster down bench --purge --yes -q >&2
}
etcd_once() { "$root/benches/etcd/etcd-anchor.sh" -- --leader -C "$1" -K "$2" --put 100 --duration "$seconds"; }
median() { sort -n | awk '{v[NR]=$1} END {printf "%s (%s–%s)", v[int((NR+1)/2)], v[1], v[NR]}'; }

printf '%-8s %-28s %-28s %s\n' shape 'raftctl puts/s' 'etcd puts/s' 'ratio'
for shape in "${shapes[@]}"; do
    connections=${shape%x*} in_flight=${shape#*x}
    ours=$RAFTCTL_HOME/ours theirs=$RAFTCTL_HOME/theirs
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
