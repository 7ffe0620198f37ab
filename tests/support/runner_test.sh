#!/bin/sh
# runner_test.sh FIXTURE
#
# What the runner promises, seen from outside.
set -eu
unset TARN_TEST_RAIN TARN_TEST_NIGHT

fixture=$1
output=$(mktemp)
trap 'rm -f "$output"' EXIT

# expect STATUS TEXT COMMAND...: the command must end so, and say that. "-" is any failure.
expect() {
    status=$1 text=$2
    shift 2
    echo "-- $*"
    ended=0
    "$@" >"$output" 2>&1 </dev/null || ended=$?
    cat "$output"
    case $status in
        -) [ "$ended" -ne 0 ] ;;
        *) [ "$ended" -eq "$status" ] ;;
    esac || {
        echo "runner_test.sh: expected status $status, got $ended" >&2
        exit 1
    }
    grep -q "$text" "$output" || {
        echo "runner_test.sh: expected to read: $text" >&2
        exit 1
    }
}

expect 0 '^counts$' "$fixture" --list
expect 0 'PASSED.*1 test' "$fixture" passes
expect 1 'FAILED.*fails' "$fixture" fails
expect 2 'no test of that name: passe$' "$fixture" passe
expect 0 'PASSED.*1 test' "$fixture" passes counts
expect 1 'runner: failed: fails$' "$fixture" passes fails counts
expect 1 'runner: failed: crashes$' "$fixture" crashes passes
expect 1 '1000, at least 1' env -u TARN_TEST_SCALE "$fixture" crashes counts
expect 2 'no test of that name: passe$' "$fixture" passes passe
expect - 'still running at its time limit: hangs' env TARN_TEST_LIMIT=1 "$fixture" hangs
expect 0 'still asleep' "$fixture" sleeps
expect 0 'was woken' env TARN_TEST_RAIN=1 "$fixture" sleeps
expect - 'still running at its time limit: hangs' \
    env TARN_TEST_RAIN=1 TARN_TEST_LIMIT=1 "$fixture" hangs
expect - 'RUN.*crashes' "$fixture" crashes
expect 0 '1000, at least 1' env -u TARN_TEST_SCALE "$fixture" counts
expect 0 '20, at least 1' env TARN_TEST_SCALE=50 "$fixture" counts
expect 0 'at night 100$' env -u TARN_TEST_SCALE "$fixture" counts
expect 0 'at night 1000$' env -u TARN_TEST_SCALE TARN_TEST_NIGHT=1 "$fixture" counts
expect - 'RUN.*fails' env TARN_TEST_LIMIT=1 "$fixture"
