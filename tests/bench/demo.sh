#!/bin/bash
# `make demo`: watches sqlite3 at work. On a terminal it opens the live screens (q leaves them), else it prints the report.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
rounds=60
[ ! -t 1 ] || rounds=250
tests/bench/sqlite_workload.sh $rounds >"$build/demo.sql" || exit 1
if [ -t 1 ]; then
    exec "$build/proftop" -- sqlite3 :memory: ".output /dev/null" ".read $build/demo.sql"
fi
echo "proftop -- sqlite3 :memory: '.read $build/demo.sql'"
"$build/proftop" -- sqlite3 :memory: ".output /dev/null" ".read $build/demo.sql" 2>&1
