#!/usr/bin/env bash
# Fuzzes every decoder, one after another, and stops at the first input that breaks one; it lies in tests/fuzz/artifacts.
#
#   tests/fuzz/run.sh [SECONDS] [TARGET]...        600 seconds for each of all targets unless said
#
# Inputs that reach something new are kept in target/fuzz-corpus; tests/fuzz/corpus has a few of them, for `cargo test`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
seconds=${1:-600}
shift || true
targets=("$@")
((${#targets[@]})) || mapfile -t targets < <(sed -n 's/^name = "\(.*\)"/\1/p' Cargo.toml | tail -n +2)
target=${CARGO_TARGET_DIR:-../../target}/fuzz
# What libFuzzer steers by; the checks of the debug profile stay on in this build.
export RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
cargo build --quiet --release --target "$(rustc -vV | sed -n 's/host: //p')" --target-dir "$target"
mkdir -p artifacts
for name in "${targets[@]}"; do
    kept=$target/corpus/$name
    mkdir -p "$kept" "corpus/$name"
    # An input of at most 64 KiB must not take more than 64 MiB at once, or 512 MiB in all.
    nice -n 19 "$target/$(rustc -vV | sed -n 's/host: //p')/release/$name" -max_total_time="$seconds" -max_len=65536 \
        -malloc_limit_mb=64 -rss_limit_mb=512 -timeout=20 -print_final_stats=1 -verbosity=0 \
        -artifact_prefix="artifacts/$name-" "$kept" "corpus/$name" 2>"$kept.log" ||
        { tail -n 40 "$kept.log"; echo "$name: broken, see tests/fuzz/artifacts"; exit 1; }
    echo "$name: $(sed -n 's/stat::number_of_executed_units: *//p' "$kept.log") executions in $seconds s," \
        "$(find "$kept" -type f | wc -l) inputs kept, $(sed -n 's/stat::peak_rss_mb: *//p' "$kept.log") MiB at most"
done
