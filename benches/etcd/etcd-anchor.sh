#!/usr/bin/env bash
# Start an etcd cluster on loopback in a temporary directory, run the load
# generator against it, print one JSON line, and clean up by pid.
#
#   etcd-anchor.sh [-n MEMBERS] [-H HEARTBEAT_MS] [-E ELECTION_MS] [-p BASE_PORT] [-d DIR]
#                  [-x ETCD_FLAG]... [--] LOAD_ARGS...
#
# LOAD_ARGS go to `etcd-load load`, for example:
#   etcd-anchor.sh -- -C 16 -K 16 --put 100 --duration 10
#   etcd-anchor.sh -n 1 -- -C 1 -K 1 --put 0 --get 100
# With `failover` as the first LOAD_ARG the leader is killed instead and the
# gap seen by a client is printed; with `coldstart`, the time from exec of the
# members to the first successful put; with `restart`, the load is run, all
# members are killed with SIGKILL and started again, and the resident memory
# before and after and the time to the first successful put are printed.
#
# What is missing (etcd, protoc, cargo's build of the load generator) is
# installed through apt or built; that needs root only where apt is needed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
members=3 heartbeat=100 election=1000 base=23790 dir='' extra=()
while getopts 'n:H:E:p:d:x:h' o; do
    case $o in
    n) members=$OPTARG ;;
    H) heartbeat=$OPTARG ;;
    E) election=$OPTARG ;;
    p) base=$OPTARG ;;
    d) dir=$OPTARG ;;
    x) extra+=("$OPTARG") ;;
    *) sed -n '2,21s/^# \{0,1\}//p' "$0"; exit 2 ;;
    esac
done
shift $((OPTIND - 1))

need=()
command -v etcd >/dev/null || need+=(etcd-server)
{ command -v protoc >/dev/null && [[ -f /usr/include/google/protobuf/descriptor.proto ]]; } || need+=(protobuf-compiler libprotobuf-dev)
if ((${#need[@]})); then
    {
        apt-get update -qq
        # Keep the packaged service from starting: only this script starts etcd.
        mkdir -p /etc/systemd/system && ln -sf /dev/null /etc/systemd/system/etcd.service
        DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${need[@]}"
    } >&2
fi
cache=${XDG_CACHE_HOME:-$HOME/.cache}/etcd-anchor # the sources may lie on a read-only place
load=$cache/target/release/etcd-load
if [[ ! -x $load ]] || [[ -n $(find "$here/etcd-load" -newer "$load" \( -name '*.rs' -o -name Cargo.toml \)) ]]; then
    mkdir -p "$cache/source"
    cp -r "$here/etcd-load/Cargo.toml" "$here/etcd-load/src" "$cache/source/"
    cargo build --quiet --release --manifest-path "$cache/source/Cargo.toml" --target-dir "$cache/target" >&2
fi

# fsync must reach a disk: refuse a memory file system unless told where to go.
if [[ -z $dir ]]; then
    dir=$(mktemp -d -t etcd-anchor.XXXXXX)
else
    dir=$(mktemp -d "$dir/etcd-anchor.XXXXXX")
fi
if [[ $(stat -f -c %T "$dir") == tmpfs ]]; then
    rmdir "$dir"
    echo 'the data directory is on tmpfs; pass -d DIR on a real disk' >&2
    exit 1
fi

pids=()
cleanup() {
    for p in "${pids[@]}"; do kill -KILL "$p" 2>/dev/null || true; done
    for p in "${pids[@]}"; do while kill -0 "$p" 2>/dev/null; do sleep 0.02; done; done
    rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

peers='' clients=''
for ((i = 0; i < members; i++)); do
    peers+="${peers:+,}n$i=http://127.0.0.1:$((base + 2 * i + 1))"
    clients+="${clients:+,}127.0.0.1:$((base + 2 * i))"
done
start_members() {
    pids=()
    started=$(date +%s%N)
    for ((i = 0; i < members; i++)); do
        etcd --name "n$i" --data-dir "$dir/n$i" --log-level error \
            --listen-client-urls "http://127.0.0.1:$((base + 2 * i))" \
            --advertise-client-urls "http://127.0.0.1:$((base + 2 * i))" \
            --listen-peer-urls "http://127.0.0.1:$((base + 2 * i + 1))" \
            --initial-advertise-peer-urls "http://127.0.0.1:$((base + 2 * i + 1))" \
            --initial-cluster "$peers" --initial-cluster-state new --initial-cluster-token anchor \
            --heartbeat-interval "$heartbeat" --election-timeout "$election" \
            --quota-backend-bytes 8589934592 "${extra[@]}" >"$dir/n$i.log" 2>&1 &
        pids+=($!)
        disown $! # no job message when it is killed
    done
    ready=$("$load" wait --endpoints "$clients" --since-ns "$started" --limit-s 60) ||
        { tail -n 5 "$dir"/n*.log >&2; exit 1; }
}
resident_kb() { for p in "${pids[@]}"; do awk '/^VmRSS:/ {print $2}' "/proc/$p/status"; done | paste -sd, -; }
start_members

case ${1-} in
coldstart) echo "$ready" ;;
failover)
    shift
    sleep 2
    pid=''
    for ((i = 0; i < members; i++)); do
        url=127.0.0.1:$((base + 2 * i))
        if [[ $("$load" leader --endpoints "$clients") == "$url" ]]; then
            pid=${pids[i]}
            survivors=${clients//"$url"/}
            survivors=$(tr -s , <<<"$survivors" | sed 's/^,//;s/,$//')
            # The closed-loop client talks to the leader first, as a real one may.
            "$load" probe --endpoints "$survivors" --first "$url" --kill "$pid" \
                --kill-after-ms "$((1500 + RANDOM % heartbeat))" "$@"
            break
        fi
    done
    ;;
restart)
    shift
    "$load" load --endpoints "$clients" "$@" >&2
    before=$(resident_kb)
    kill -KILL "${pids[@]}"
    for p in "${pids[@]}"; do while kill -0 "$p" 2>/dev/null; do sleep 0.01; done; done
    start_members
    ready_ms=$(sed -n 's/.*"ready_ms":\([0-9.]*\).*/\1/p' <<<"$ready")
    sleep 2 # what the restart left behind is settled
    echo "{\"resident_kb_after_load\":[$before],\"restart_ms\":$ready_ms,\"resident_kb_after_restart\":[$(resident_kb)]}"
    ;;
*) "$load" load --endpoints "$clients" --pids "$(IFS=,; echo "${pids[*]}")" "$@" ;;
esac
