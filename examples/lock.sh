#!/bin/sh
# A lock with fencing tokens, and why the token matters: a holder that is stopped for longer than its lease loses the
# lock, wakes, believes that it still holds it, and is refused. Needs a running cluster (`raftctl cluster up -d`) and
# `raftctl` on the path.
set -eu
ttl=2s

# take NAME: takes the lock if it is free, and prints the token: the revision under which it was taken.
take() {
    raftctl submit cas example/lock "$1" --absent --ttl "$ttl" -o json | sed -n 's/.*"revision": *\([0-9]*\).*/\1/p'
}

# work NAME TOKEN: one piece of work, done only if nobody has taken the lock since. The condition is the fence.
work() {
    raftctl submit txn -f - -o json <<TXN | grep -q '"branch": *"then"'
{"if": [{"key": "example/lock", "revision": $2}], "then": [{"op": "put", "key": "example/work", "value": "by $1"}]}
TXN
}

# hold NAME TOKEN: works and stays alive until it is refused.
hold() {
    while work "$1" "$2"; do
        raftctl submit lease example/lock "$ttl" --revision "$2" > /dev/null 2>&1 || true
        sleep 0.1
    done
    echo "$1: my token $2 is refused, I stop"
}

raftctl submit delete example/lock > /dev/null
first=$(take first)
echo "first: has the lock, token $first"
hold first "$first" &
holder=$!
raftctl watch example/work --count 3 > /dev/null
kill -STOP "$holder"
echo "first: stopped, as by a long pause, and does not know it"

raftctl watch example/lock --from "$((first + 1))" --count 1 > /dev/null
second=$(take second)
echo "second: saw the lock vanish and has it, token $second"
work second "$second"

kill -CONT "$holder"
wait "$holder"
echo "the work stands: $(raftctl get example/work)"
raftctl submit delete example/lock > /dev/null
