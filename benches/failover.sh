#!/usr/bin/env bash
# Leader killed with SIGKILL → next acknowledged write, with default settings, seen by the shipped client; and what an
# idle cluster costs.
#
#   benches/failover.sh [KILLS]        20 unless said
set -euo pipefail
kills=${1:-20}
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
"$raftctl" cluster up --nodes 3 --name bench --detach -q

pids=$("$raftctl" status -o json | sed -n 's/^ *"pid": \([0-9]*\),*/\1/p')
ticks() { for pid in $pids; do awk '{print $14 + $15}' "/proc/$pid/stat"; done | awk '{sum += $1} END {print sum}'; }
before=$(ticks); sleep 10; after=$(ticks)
echo "idle: $(awk "BEGIN {printf \"%.2f\", ($after - $before) / 10}") % of a core for three nodes"
for pid in $pids; do awk '/^VmRSS:/ {print "resident: " $2 " kB"}' "/proc/$pid/status"; done

times=()
for ((kill = 0; kill < kills; kill++)); do
    "$raftctl" status --wait healthy -q >/dev/null
    leader=$("$raftctl" status -o json | sed -n 's/^ *"leader": "\(.*\)",*/\1/p')
    began=$(date +%s%N)
    "$raftctl" cluster kill "$leader" -q
    "$raftctl" submit put key "$kill" --timeout 10s -q >/dev/null
    times+=($((($(date +%s%N) - began) / 1000000)))
    "$raftctl" cluster start "$leader" -q
done
printf '%s\n' "${times[@]}" | sort -n | awk '{v[NR] = $1} END {
    printf "failover: median %d ms, least %d, most %d of %d kills (election timeout 500 ms)\n", v[int((NR + 1) / 2)], v[1], v[NR], NR}'
