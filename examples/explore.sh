#!/bin/sh
# Explores every course of the small worlds that docs/testing.md reports, or of the one that the arguments describe,
# within eight gigabytes: examples/explore.sh [campaigns=2 crashes=1 break=R53-ack …]
set -eu
cd "$(dirname "$0")/.."
cargo build --release --example explore
target=$(cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
ulimit -v 8388608
if [ $# -eq 0 ]; then set -- all; fi
exec nice -n 10 "$target/release/examples/explore" "$@"
