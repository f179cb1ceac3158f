# Sourced by the benchmarks that run real clusters: builds what they run, and gives them a home that goes with them.
#
# Sets root, raftctl, and RAFTCTL_HOME; `load OPTION…` is `raftctl bench` on the cluster called bench, `fill KEYS` writes
# each key once; `field NAME` takes a number out of a line of JSON on stdin, `middle` is the median of numbers on stdin.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cargo build --release --quiet --manifest-path "$root/Cargo.toml" --bins
target=${CARGO_TARGET_DIR:-$root/target}
raftctl=$target/release/raftctl
RAFTCTL_HOME=$(mktemp -d "${TMPDIR:-/var/tmp}/raftctl-bench.XXXXXX")
export RAFTCTL_HOME
trap '"$raftctl" cluster down --all -q || true; rm -rf "$RAFTCTL_HOME"' EXIT

# One line, with the names and units of etcd's loader beside it, which numbers no writes either.
load() {
    "$raftctl" bench --cluster bench --no-session --mix put -o json "$@" | awk -F': ' '
        { name = $1; gsub(/[ "]/, "", name); sub(/,$/, "", $2) }
        name in seen { next }
        name == "ops_per_second" { seen[name]; printf "{\"ops_per_s\":%d", $2 }
        name == "failed" { seen[name]; printf ",\"errors\":%d", $2 }
        name ~ /^(p50|p90|p99|p999|max)_ms$/ { seen[name]; sub(/_ms$/, "_us", name); printf ",\"%s\":%d", name, $2 * 1000 }
        END { print "}" }'
}
fill() { load --connections 20 --in-flight 50 --distribution sequential --keys "$1" --count "$1" "${@:2}"; }
field() { sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p"; }
middle() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
