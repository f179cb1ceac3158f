#!/usr/bin/env bash
# Makes a log of 10,000,000 entries by writing them to one node, and reads it with the offline commands: time, rate and
# the most memory that each had resident.
#
#   benches/large-log.sh [-n ENTRIES] [-b VALUE_BYTES] [DIRECTORY]     keeps the data in DIRECTORY if there is one
set -euo pipefail
entries=10000000 value_bytes=32
while getopts 'n:b:h' option; do
    case $option in
    n) entries=$OPTARG ;;
    b) value_bytes=$OPTARG ;;
    *) sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 2 ;;
    esac
done
shift $((OPTIND - 1))
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

"$raftctl" cluster up --nodes 1 --name bench --detach -q --set storage.snapshot_every=1000000000
fill "$entries" --value-size "$value_bytes"
"$raftctl" cluster stop --cluster bench -q
data=$RAFTCTL_HOME/bench/nodes/n1/data
bytes=$(du -sb "$data/log" | cut -f1)
echo "$entries entries, $bytes bytes of segments"

measure() { # LABEL COMMAND…
    local label=$1 began resident=0 now pid
    shift
    began=$(date +%s%N)
    "$@" >/dev/null 2>&1 &
    pid=$!
    while kill -0 $pid 2>/dev/null; do
        now=$(awk '/^VmHWM:/ {print $2}' "/proc/$pid/status" 2>/dev/null || true)
        resident=${now:-$resident}
        sleep 0.05 # between two looks at its memory
    done
    wait $pid
    awk -v label="$label" -v ns=$(($(date +%s%N) - began)) -v bytes="$bytes" -v kb="$resident" \
        'BEGIN {printf "%-22s %6.2f s  %6.0f MB/s  %4.0f MiB resident\n", label, ns / 1e9, bytes * 1e3 / ns, kb / 1024}'
}
measure 'log verify' "$raftctl" log verify "$data"
measure 'log show --key' "$raftctl" log show "$data" --key no-such-key
measure 'log stat' "$raftctl" log stat "$data"
measure 'log show --index, last' "$raftctl" log show "$data" --index "$entries..$entries"
if [[ -n ${1:-} ]]; then
    cp -a "$RAFTCTL_HOME/bench/nodes/n1" "$1"
    echo "kept in $1"
fi
