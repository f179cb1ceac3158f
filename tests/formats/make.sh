#!/usr/bin/env bash
# Keeps the data directories of two nodes as this version writes them, for the test that opens them for ever: run once
# for each version that is released, before its tag.
#
#   tests/formats/make.sh        then RAFTCTL_REGENERATE=1 cargo test --test reading, and look at expected.json
#
# `closed` was cut off as the leader, has lost what it took meanwhile, and was stopped; `killed` was killed. Both have
# snapshots, and in their logs sessions, deletes, counters and values that are no text.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cargo build --release --quiet --manifest-path "$here/../../Cargo.toml" --bins
raftctl=${CARGO_TARGET_DIR:-$here/../../target}/release/raftctl
version=$("$raftctl" version -o json | sed -n 's/.*"version": *"\([^"]*\)".*/\1/p' | head -1)
kept=$here/$version
[[ ! -e $kept ]] || { echo "$kept is there already; a format that was released does not change" >&2; exit 1; }
RAFTCTL_HOME=$(mktemp -d)
export RAFTCTL_HOME
trap '"$raftctl" cluster down --all -q 2>/dev/null || true; rm -rf "$RAFTCTL_HOME"' EXIT

"$raftctl" cluster up -d -q - <<'YAML'
cluster: formats
nodes: 3
storage:
  segment_size: 133KiB
  snapshot_every: 60
  retain_entries: 40
limits:
  max_value_size: 1KiB
YAML
leader() { "$raftctl" status -o json | sed -n 's/^ *"leader": "\(.*\)",*/\1/p'; }
old=$(leader)
for ((i = 0; i < 120; i++)); do
    printf -v key 'key/%02d' $((i % 17))
    case $((i % 6)) in
    0 | 1) printf '{"id":%d,"op":"put","key":"%s","value":"value %d %*s"}\n' "$i" "$key" "$i" $((i * 7 % 300)) '' ;;
    2) printf '{"id":%d,"op":"append","key":"list/%d","value":"%d,"}\n' "$i" $((i % 3)) "$i" ;;
    3) printf '{"id":%d,"op":"incr","key":"count/%d","by":%d}\n' "$i" $((i % 4)) $((i - 50)) ;;
    4) printf '{"id":%d,"op":"cas","key":"%s","expect":null,"value":"made"}\n' "$i" "$key" ;;
    5) printf '{"id":%d,"op":"delete","key":"key/%02d"}\n' "$i" $((i * 5 % 17)) ;;
    esac
done | "$raftctl" pipe >/dev/null
echo '{"id":1,"op":"put","key":"Ynl0ZXM=","value":"AP/+gA==","base64":true}' | "$raftctl" pipe >/dev/null
"$raftctl" cluster isolate "$old" -q
# The answers do not come: what is taken now is lost.
printf '{"id":%d,"op":"put","key":"lost","value":"1"}\n' 1 2 | "$raftctl" pipe --node "$old" --timeout 2s >/dev/null
"$raftctl" submit put after cut -q >/dev/null
"$raftctl" cluster heal -q
"$raftctl" status --wait healthy -q >/dev/null
"$raftctl" submit put after heal -q >/dev/null
"$raftctl" status --wait healthy -q >/dev/null
new=$(leader)
for node in n1 n2 n3; do
    [[ $node == "$old" || $node == "$new" ]] || other=$node
done
"$raftctl" cluster kill "$other" -q
"$raftctl" cluster stop "$old" -q
for pair in "closed $old" "killed $other"; do
    read -r name node <<<"$pair"
    mkdir -p "$kept/$name"
    # Never identity/: a private key does not belong here.
    cp -r "$RAFTCTL_HOME/formats/nodes/$node/data" "$RAFTCTL_HOME/formats/nodes/$node/node.yaml" "$kept/$name/"
    "$raftctl" log export "$node" -q >"$kept/$name/export.jsonl"
done
find "$kept" -type f -exec chmod 644 {} +
