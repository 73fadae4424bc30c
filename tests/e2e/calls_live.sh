#!/bin/bash
# Programs of the system as they are: functions chosen by name are counted as often as the kernel's own probes see them
# begin (where those may be used; else as callgrind counts), and the output is the same. And functions are switched on and
# off a thousand times while they run.
# shellcheck source=tests/e2e/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/e2e/calls_lib.sh
. "$root/tests/e2e/calls_lib.sh"

# ---- counts by somebody else: "FUNCTION COUNT" lines ----
tracing=/sys/kernel/tracing
group=proftop_$$
probe_file= # of the functions

# shellcheck disable=SC2317 # called by tap.sh
at_end() { remove_probes 2>/dev/null; }

remove_probes() {
    [ -e "$tracing/events/$group" ] || return 0
    echo 0 >"$tracing/events/$group/enable"
    grep -o "p:$group/[^ ]*" "$tracing/uprobe_events" | sed 's/^p/-/' | while read -r probe; do echo "$probe" >>"$tracing/uprobe_events"; done
}

# "FUNCTION OFFSET-IN-THE-FILE" of the functions that the file tells of.
offsets() { # FILE FUNCTION...
    local file=$1 at from address function
    shift
    readelf -lW "$file" | awk '$1 == "LOAD" && /R E/ { print $2, $3, $5 }' >"$tmp/load"
    read -r at from _ <"$tmp/load"
    nm -D --defined-only "$file" | awk '$2 == "T" { sub(/@.*/, "", $3); print $3, $1 }' | sort -u >"$tmp/symbols"
    printf '%s\n' "$@" | sort | join - "$tmp/symbols" | while read -r function address; do
        printf '%s 0x%x\n' "$function" $((0x$address - from + at))
    done
}

can_probe() {
    [ -w "$tracing/uprobe_events" ] && echo "p:$group/try $probe_file:$(offsets "$probe_file" "$1" | cut -d' ' -f2)" >>"$tracing/uprobe_events" &&
        remove_probes
}

by_kernel() { # COMMAND...: counts of $functions into $tmp/counts
    offsets "$probe_file" "${functions[@]}" | while read -r function offset; do
        echo "p:$group/$function $probe_file:$offset" >>"$tracing/uprobe_events"
    done
    echo 1 >"$tracing/events/$group/enable"
    "$@"
    awk -v file="$probe_file" '$1 == file { print $2, $3 }' "$tracing/uprobe_profile" | sort >"$tmp/counts"
    remove_probes
}

by_callgrind() {
    valgrind_prefix=(valgrind -q --tool=callgrind --callgrind-out-file="$tmp/callgrind" --compress-strings=no --compress-pos=no)
    "$@"
    valgrind_prefix=()
    awk '/^cfn=/ { name = substr($0, 5); sub(/\x27[0-9]+$/, "", name); sub(/@.*/, "", name) }
         /^calls=/ { sub(/^calls=/, "", $1); n[name] += $1 } END { for (f in n) print f, n[f] }' "$tmp/callgrind" |
        grep -E "^($(printf '%s\n' "${functions[@]}" | paste -sd'|')) " | sort >"$tmp/counts"
}

# ---- a program, run bare twice and with its functions counted ----

# The same environment but for LD_PRELOAD's name: programs count and copy it.
plain=(env -i PATH=/usr/bin:/bin HOME="$tmp" LC_ALL=C.UTF-8 PYTHONHOME=/usr PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 LD_LIBRARY_PATH="$tmp/lib")
mapfile -t added < <("${plain[@]}" "$proftop" record --quiet --calls=nothing_at_all -o "$tmp/env.pb.gz" -- /usr/bin/env 2>/dev/null |
    grep -vE '^(PATH|HOME|LC_ALL|PYTHONHOME|PYTHONHASHSEED|PYTHONDONTWRITEBYTECODE|LD_LIBRARY_PATH)=' | sed 's/^LD_PRELOAD=/LD_PRELOAX=/')
valgrind_prefix=() proftop_prefix=()
mkdir "$tmp/lib"

# compared NAME LEAST: run_workload FILE, which has to use "${prefix[@]}", counted by both. Functions that two bare runs do not
# call equally often tell nothing; LEAST must be left.
compared() {
    local name=$1 least=$2 method=by_kernel
    if ! can_probe "${functions[0]}" 2>/dev/null; then
        need "$name" valgrind || return
        method=by_callgrind
    fi
    proftop_prefix=()
    base=("${plain[@]}" "${added[@]}")
    $method run_workload "$tmp/bare.out"
    cp "$tmp/counts" "$tmp/first"
    $method run_workload "$tmp/bare.out"
    comm -12 "$tmp/first" "$tmp/counts" >"$tmp/wanted"
    check "$name: there is something to compare, $method" test "$(wc -l <"$tmp/wanted")" -ge "$least"
    base=("${plain[@]}")
    proftop_prefix=("$proftop" record --quiet --calls="$(printf '%s\n' "${functions[@]}" | paste -sd,)" -o "$tmp/$name.pb.gz" --)
    run_workload "$tmp/$name.out"
    is "$name: exit status" "$(cat "$tmp/rc")" 0
    check "$name: output" diff "$tmp/bare.out" "$tmp/$name.out"
    check "$name: can be reported" report "$name"
    jq -r '.called[]? | "\(.function) \(.calls)"' "$tmp/$name.json" | sort >"$tmp/got"
    cut -d' ' -f1 "$tmp/got" | sort >"$tmp/counted"
    check "$name: most functions can be counted" test "$(wc -l <"$tmp/counted")" -ge "$least"
    check "$name: counts" diff <(join "$tmp/wanted" "$tmp/counted" | sort) <(join "$tmp/got" <(cut -d' ' -f1 "$tmp/wanted") | sort)
    is "$name: the figures agree" "$(agree "$name")" ok
}

# ---- python ----
cp -L /usr/bin/python3 "$tmp/python3"
cat >"$tmp/work.py" <<'END'
import json, re
class Node:
    def __init__(self, d): self.kids = [Node(d - 1) for _ in range(3)] if d else []
    def count(self): return 1 + sum(k.count() for k in self.kids)
    def __eq__(self, other): return self.count() == other.count()
rows = json.loads(json.dumps([{"id": i, "name": "n%d" % (i * 7919 % 1009), "v": [i, i * .5, str(i)]} for i in range(2000)]))
print(Node(7).count(), sum(len(r["name"]) for r in rows), len(re.findall(r"n\d+7", json.dumps(rows))), Node(3) == Node(3))
for i in range(2000):
    try:
        if i % 3: raise ValueError(i)
    except ValueError as e:
        rows[i]["e"] = str(e)
print(sorted(rows, key=lambda r: r["name"])[:2])
END
run_workload() {
    "${base[@]}" "${proftop_prefix[@]}" "${valgrind_prefix[@]}" "$tmp/python3" -S "$tmp/work.py" >"$1" </dev/null
    echo $? >"$tmp/rc"
}
probe_file=$tmp/python3
functions=(PyList_Append PyList_New PyDict_New PyTuple_New PyLong_FromLong PyFloat_FromDouble PyObject_GetAttr PyObject_SetAttr
    PyObject_RichCompare PyObject_IsTrue PyObject_GetIter PyNumber_Add PyErr_SetObject PyUnicode_Concat PyObject_Str PyObject_Call
    PyUnicode_FromFormatV PyDict_SetItem PySequence_Contains PyType_IsSubtype)
compared python3 8

# ---- sqlite3 ----
library=$(ldd /usr/bin/sqlite3 | awk '/libsqlite3/ { print $3 }')
cp -L "$library" "$tmp/lib/libsqlite3.so.0"
cat >"$tmp/work.sql" <<'END'
CREATE TABLE t(id INTEGER PRIMARY KEY, a INT, b TEXT, c REAL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
  INSERT INTO t SELECT i, (i * 7919) % 10007, 'key' || ((i * 104729) % 50021), i * 0.37 FROM n;
CREATE INDEX ta ON t(a);
SELECT b, count(*), avg(c) FROM t GROUP BY b ORDER BY 2 DESC, 1 LIMIT 500;
UPDATE t SET c = c * 2 WHERE b LIKE 'key1%';
SELECT count(DISTINCT substr(b, 4, 3)), max(c), upper(b), round(c, 2), hex(b) FROM t GROUP BY id % 700;
END
run_workload() {
    "${base[@]}" "${proftop_prefix[@]}" "${valgrind_prefix[@]}" sqlite3 :memory: ".read $tmp/work.sql" >"$1" </dev/null
    echo $? >"$tmp/rc"
}
probe_file=$tmp/lib/libsqlite3.so.0
functions=(sqlite3_step sqlite3_column_text sqlite3_column_count sqlite3_column_type sqlite3_column_name sqlite3_finalize sqlite3_value_text
    sqlite3_value_type sqlite3_value_int64 sqlite3_value_double sqlite3_value_bytes sqlite3_result_text sqlite3_result_int64
    sqlite3_result_double sqlite3_result_error sqlite3_aggregate_context sqlite3_free sqlite3_malloc64 sqlite3_context_db_handle
    sqlite3_prepare_v2)
compared sqlite3 8

# ---- redis ----
if redis=$(command -v redis-check-rdb); then
    cp -L "$redis" "$tmp/redis-server"
    for ((i = 0; i < 3000; i++)); do
        printf 'SET key:%d value:%d\nGET key:%d\nLPUSH list %d\nHSET hash f%d %d\nZADD sorted %d m%d\nINCR counter\n' $((i % 97)) $i $((i % 89)) $i $((i % 51)) $i $i $((i % 13))
    done >"$tmp/work.redis"
    echo 'LRANGE list 0 9' >>"$tmp/work.redis"
    run_workload() {
        "${base[@]}" "${proftop_prefix[@]}" "${valgrind_prefix[@]}" "$tmp/redis-server" --port 0 --unixsocket "$tmp/redis.sock" --save '' \
            --dir "$tmp" >"$tmp/redis.log" 2>&1 </dev/null &
        wait_for 20 test -S "$tmp/redis.sock"
        { redis-cli -s "$tmp/redis.sock" <"$tmp/work.redis" && redis-cli -s "$tmp/redis.sock" shutdown nosave; } >"$1"
        wait $!
        echo $? >"$tmp/rc"
    }
    probe_file=$tmp/redis-server
    functions=(setCommand getCommand lpushCommand hsetCommand zaddCommand incrCommand processCommand lookupKeyWrite lookupKeyReadOrReply
        setKey dbAdd createStringObject createStringObjectFromLongLong addReply addReplyLongLong listTypePush hashTypeSet zsetAdd
        signalModifiedKey getLongLongFromObject)
    compared redis 8
else
    skip redis "redis-server is not installed"
fi

# ---- on and off ----
for kind in sled plain; do
    timeout -k 2 120 "$build/tests/e2e/toggle_calls" "$build/libproftop.so" 1000 "$calls_programs/truth_calls-$kind" load \
        "$tmp/load.truth" >"$tmp/toggle" 2>&1
    is "$kind: a thousand changes while it runs" "$(sort "$tmp/toggle")" "load: 3"$'\n'ok
done
finish
