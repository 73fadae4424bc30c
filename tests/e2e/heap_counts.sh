#!/bin/bash
# Calls and bytes of programs that people have, beside what valgrind's memcheck counts: the same. Prints the table.
# Where heaptrack is installed its count is shown too.
# shellcheck source=tests/e2e/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/e2e/heap_lib.sh
. "$root/tests/e2e/heap_lib.sh"
need "counts of memcheck" valgrind || finish

# A program may count and copy its environment. What memcheck adds to it the other runs get as well, LD_PRELOAD by
# another name of the same length.
plain=(env -i PATH=/usr/bin:/bin HOME="$tmp" LC_ALL=C.UTF-8 PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1)
mapfile -t added < <("${plain[@]}" valgrind -q /usr/bin/env |
    grep -vE '^(PATH|HOME|LC_ALL|PYTHONHASHSEED|PYTHONDONTWRITEBYTECODE)=' | sed 's/^LD_PRELOAD=/LD_PRELOAX=/')
padded=("${plain[@]}" "${added[@]}")

memcheck() { # FILE COMMAND...: prints "CALLS BYTES"
    local log=$1
    shift
    "${plain[@]}" valgrind --error-limit=no --undef-value-errors=no --log-file="$log" "$@" >"$log.out" 2>/dev/null </dev/null
    sed -n 's/.*total heap usage: \([0-9,]*\) allocs, [0-9,]* frees, \([0-9,]*\) bytes.*/\1 \2/p' "$log" | tr -d , | tail -n 1
}

heaptrack_calls() {
    command -v heaptrack >/dev/null || return
    "${plain[@]}" heaptrack -o "$tmp/heaptrack" "$@" </dev/null 2>&1 | awk '$1 == "allocations:" { print $2 }'
    rm -f "$tmp"/heaptrack.*
}

# The same calls and bytes; where memcheck's two runs differ, between them and as far outside as they are apart. SLACK is
# for programs that go by the addresses they get.
# shellcheck disable=SC2317 # called by check
agrees() { # GOT FIRST SECOND SLACK
    local low=$2 high=$3
    [ "$low" -le "$high" ] || low=$3 high=$2
    local room=$((high - low))
    echo "got $1, memcheck counted $2 and $3, give or take $4"
    [ "$1" -ge $((low - room - $4)) ] && [ "$1" -le $((high + room + $4)) ]
}

row() { printf '# %-10s %12s %14s %12s %14s %12s\n' "$@"; }

counts() { # NAME PROGRAM-NAME COMMAND...
    local name=$1 process=$2 first second calls bytes
    shift 2
    memcheck "$tmp/$name.first" "$@" >"$tmp/$name.count" &
    second=$(memcheck "$tmp/$name.second" "$@")
    wait $!
    first=$(cat "$tmp/$name.count")
    "${padded[@]}" "$proftop" record --memory=exact --quiet -o "$tmp/$name.pb.gz" -- "$@" >"$tmp/$name.out" 2>/dev/null </dev/null
    report "$name"
    read -r calls bytes <<<"$(of_process "$name" "$process" '| "\(.allocs) \(.bytes)"')"
    # shellcheck disable=SC2086 # two words
    row "$name" ${first:-- -} "$calls" "$bytes" "$(heaptrack_calls "$@")"
    # shellcheck disable=SC2086 # two words each
    set -- $first $second
    check "$name: as many calls as memcheck counts" agrees "$calls" "$1" "$3" "${slack_calls-0}"
    check "$name: as many bytes as memcheck counts" agrees "$bytes" "$2" "$4" "${slack_bytes-0}"
    is "$name: all are recorded, exactly" \
        "$(of_process "$name" "$process" '| "\(.unrecorded) \(.merged_stacks) \(.trouble)"') $(json "$name" .heap.is_estimate)" \
        "0 0 null false"
    is "$name: stdout is memcheck's" "$(cksum <"$tmp/$name.out")" "$(cksum <"$tmp/$name.first.out")"
}

row program "memcheck's" "bytes" "proftop's" "bytes" "heaptrack's"
cat >"$tmp/work.sql" <<'END'
CREATE TABLE t(id INTEGER PRIMARY KEY, a INT, b TEXT, c REAL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 8000)
  INSERT INTO t SELECT i, (i * 7919) % 10007, 'key' || ((i * 104729) % 50021), i * 0.37 FROM n;
CREATE INDEX ta ON t(a);
SELECT b, count(*), avg(c) FROM t GROUP BY b ORDER BY 2 DESC, 1 LIMIT 5;
UPDATE t SET c = c * 2 WHERE b LIKE 'key1%';
SELECT count(DISTINCT substr(b, 4, 3)), max(c) FROM t;
END
counts sqlite3 sqlite3 /usr/bin/sqlite3 :memory: ".read $tmp/work.sql"

awk 'BEGIN { for (i = 0; i < 12; i++) printf "int f%d(int a, int *p) { int s = %d; for (int i = 0; i < a; i++) { if (p[i] %% %d == 1) s += p[i] * f%d(i, p); else s ^= p[a - i - 1] << %d; } switch (s & 7) { case 0: return s; case 1: return s * %d; default: return p[0]; } }\n", i, i, i % 17 + 2, i ? i - 1 : 0, i % 9, i + 3 }' >"$tmp/big.c"
slack_calls=1 slack_bytes=32768 counts cc1 cc1 "$(gcc -print-prog-name=cc1)" -quiet -O1 "$tmp/big.c" -o "$tmp/big.s"

awk 'BEGIN { print "["; for (i = 0; i < 3000; i++) printf "%s{\"id\":%d,\"name\":\"user%d\",\"tags\":[\"t%d\",\"t%d\"],\"x\":%d}\n", i ? "," : "", i, (i * 7919) % 1009, i % 7, i % 11, i % 100; print "]" }' >"$tmp/big.json"
counts jq jq /usr/bin/jq -c 'group_by(.name) | map({n: .[0].name, c: length, x: (map(.x) | add)}) | sort_by(.c) | .[:3]' "$tmp/big.json"

cat >"$tmp/work.py" <<'END'
import json, re
rows = json.loads(json.dumps([{"id": i, "name": "n%d" % (i * 7919 % 1009), "v": [i, i * .5, str(i)]} for i in range(2000)]))
print(sum(len(r["name"]) for r in rows), len(re.findall(r"n\d+7", json.dumps(rows))))
END
python=$(readlink -f /usr/bin/python3)
counts python3 "$(basename "$python")" "$python" -S "$tmp/work.py"

awk 'BEGIN { for (i = 1; i <= 100; i++) {
        body = ""
        for (j = 0; j < 60; j++) body = body "line " j " of " (j % 17 == i % 17 ? i : 0) "\n"
        printf "commit refs/heads/main\ncommitter A <a@b> %d +0000\ndata 6\nchange\n", 1500000000 + i
        printf "M 644 inline file%d\ndata %d\n%s\n", i % 9, length(body), body } }' >"$tmp/stream"
git init -q "$tmp/repo"
git -C "$tmp/repo" fast-import --quiet <"$tmp/stream"
counts git git /usr/bin/git -C "$tmp/repo" --no-pager log -p --stat main

# A server does what its clients' timing has it do: shown, and not compared.
if redis=$(command -v redis-check-rdb); then
    ln -s "$redis" "$tmp/redis-server"
    record_options=--memory=exact record redis "$tmp/redis-server" --port 0 --unixsocket "$tmp/redis.sock" --save '' \
        --dir "$tmp" &
    server=$!
    check "redis: it runs" wait_for 10 redis-cli -s "$tmp/redis.sock" ping
    redis-benchmark -s "$tmp/redis.sock" -n 20000 -c 20 -P 8 -t set,get,lpush -q >/dev/null 2>&1
    redis-cli -s "$tmp/redis.sock" shutdown nosave >/dev/null 2>&1
    wait $server
    check "redis: can be reported" report redis
    row redis - - "$(json redis .heap.allocs)" "$(json redis .heap.bytes)" -
    is "redis: exit status" "$(cat "$tmp/redis.rc")" 0
    is "redis: all are recorded, exactly" "$(json redis '.heap | "\(.measured) \(.unrecorded) \(.is_estimate)"')" "true 0 false"
else
    skip redis "redis-server is not installed"
fi
finish
