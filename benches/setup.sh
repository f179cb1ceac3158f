# Sourced by the benchmarks that run real clusters: builds what they run, and gives them a home that goes with them.
#
# Sets root, raftctl, load, and RAFTCTL_HOME; `field NAME` takes a number out of a line of JSON on stdin, `middle` is the
# median of numbers on stdin.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cargo build --release --quiet --manifest-path "$root/Cargo.toml" --bins --examples
target=${CARGO_TARGET_DIR:-$root/target}
raftctl=$target/release/raftctl load=$target/release/examples/load
RAFTCTL_HOME=$(mktemp -d "${TMPDIR:-/var/tmp}/raftctl-bench.XXXXXX")
export RAFTCTL_HOME
trap '"$raftctl" cluster down --all -q || true; rm -rf "$RAFTCTL_HOME"' EXIT

field() { sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p"; }
middle() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
