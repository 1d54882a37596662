#!/bin/sh
# run-files.sh <node> <milliseconds for a test> <file…>: runs files of scenarios one after the other, each where its machines
# can live and with a network of its own. Ends with a line for each test that failed.
set -u

here=$(dirname -- "$(readlink -f -- "$0")")
node=$1
test_ms=$2
shift 2
# What ends a file of scenarios that hangs; its machines end with it.
file_seconds_max=1200

failures=$(mktemp -d)
trap 'rm -rf "$failures"' EXIT
failed=
for file; do
  timeout --foreground "$file_seconds_max" "$here/run.sh" "$node" --test --test-timeout="$test_ms" \
    --test-reporter=spec --test-reporter-destination=stdout \
    --test-reporter=spec --test-reporter-destination="$failures/$(basename "$file")" \
    "$file" || failed="$failed $file"
done
[ -n "$failed" ] || exit 0
echo "test-machines: failed:$failed" >&2
for file in "$failures"/*; do
  # One that never came to its tests has said why already.
  [ -e "$file" ] || continue
  # What the reporter says in the end: each test, and the first line of its error.
  sed -n '/failing tests:/,$p' "$file" | grep -E '^✖|^  [A-Za-z]*Error' | cut -c 1-300 >&2
done
exit 1
