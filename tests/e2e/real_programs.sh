#!/bin/bash
# Programs that people have: each says the same and ends the same as without proftop, its functions have names, and its
# stacks reach the beginning of their thread.
# shellcheck source=tests/e2e/tap.sh
. "$(dirname "$0")/tap.sh"

at_least() { # VALUE LEAST
    echo "got $1, wanted at least $2"
    [ "$1" -ge "$2" ] 2>/dev/null
}

# Runs a command bare and profiled, compares, and makes the report.
same() { # NAME COMMAND...
    local name=$1 bare
    shift
    "$@" >"$tmp/$name.bare" 2>"$tmp/$name.bare-err" </dev/null
    bare=$?
    record "$name" "$@"
    is "$name: exit status" "$(cat "$tmp/$name.rc")" $bare
    check "$name: stdout" cmp "$tmp/$name.bare" "$tmp/$name.out"
    check "$name: stderr" diff "$tmp/$name.bare-err" "$tmp/$name.err"
    check "$name: can be reported" report "$name"
}

# Of 1000 stacks, how many are complete.
reaches() { # NAME [LEAST]
    check "$1: stacks are complete" at_least \
        "$(json "$1" '.stacks | 1000 * .complete / ([.complete + .truncated + .broken, 1] | max) | floor')" "${2-995}"
}

# Samples with a name of some kind: a symbol, or at least the module.
named() { # NAME
    check "$1: functions have names" at_least "$(json "$1" '.functions as $all
        | [$all[] | select(.function | test("^(|\\[unknown.*|\\?+|0x[0-9a-f]+)$") | not) | .self_samples] | add // 0
        | 1000 * . / ([[$all[].self_samples] | add, 1] | max) | floor')" 980
}

# The best total of the functions whose name matches.
has() { # NAME REGEX LEAST-PERCENT
    check "$1: $2 has its time" at_least \
        "$(json "$1" "[.functions[] | select(.function | test(\"$2\")) | .total_percent] | max // 0 | floor")" "$3"
}

module() { # NAME REGEX LEAST-PERCENT (of self)
    check "$1: module $2 has its time" at_least \
        "$(json "$1" "[.functions[] | select(.module | test(\"$2\")) | .self_percent] | add // 0 | floor")" "$3"
}

sqlite() {
    "$root/tests/bench/sqlite_workload.sh" 8 >"$tmp/work.sql"
    same sqlite3 sqlite3 :memory: ".read $tmp/work.sql"
    reaches sqlite3
    named sqlite3
    has sqlite3 '^sqlite3_(step|exec)' 70
    has sqlite3 '__libc_start_main' 95
    module sqlite3 libsqlite3 45 # beside memcmp() and the like, and recording 200,000 allocations
    is "sqlite3: what the collector does is one row" \
        "$(json sqlite3 '[.functions[] | select(.module | test("proftop")) | .function] | tostring')" '["[proftop]"]'
}

python() {
    cat >"$tmp/work.py" <<'END'
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)

words = {}
for i in range(200000):
    words.setdefault(str(i * 7919 % 1000), []).append(i)
print(fib(30), len(words), sum(len(v) for v in words.values()))
END
    same python3 /usr/bin/python3 -S "$tmp/work.py"
    reaches python3
    named python3
    has python3 '_PyEval_EvalFrameDefault' 60
    has python3 '^(main|Py_BytesMain|Py_RunMain)' 90
}

# A file that gives the compiler a second of work.
compiler() {
    awk 'BEGIN {
        for (i = 0; i < 700; i++) {
            printf "int f%d(int *a, int n) { int s = %d; for (int i = 0; i < n; i++) {", i, i
            printf " switch ((a[i] ^ s) & 7) { case 0: s += a[i] * %d; break; case 1: s ^= a[i] >> 3; break;", i + 3
            printf " case 2: s -= n; break; default: a[i] = s; } } return s; }\n"
        }
    }' >"$tmp/big.c"
    same gcc gcc -O2 -S -o - "$tmp/big.c"
    reaches gcc 960 # its value range pass has frames that together exceed the 63 KiB that are copied
    named gcc
    module gcc '(^|/)cc1$' 80
}

packer() {
    "$root/tests/bench/sqlite_workload.sh" 20000 | head -c 12000000 >"$tmp/big.txt"
    head -c 3000000 /usr/bin/python3.* 2>/dev/null | head -c 9000000 >>"$tmp/big.txt"
    same xz xz -T2 -2 --block-size=1MiB -c "$tmp/big.txt"
    reaches xz
    module xz liblzma 80
    check "xz: both threads are listed" at_least "$(json xz '[.threads[] | select(.samples > 5)] | length')" 2
}

database() {
    local bench=0 server
    ln -s "$(command -v redis-check-rdb)" "$tmp/redis-server"
    record redis "$tmp/redis-server" --port 0 --unixsocket "$tmp/redis.sock" --save '' --dir "$tmp" &
    server=$!
    wait_for 10 redis-cli -s "$tmp/redis.sock" ping || bench=1
    redis-benchmark -s "$tmp/redis.sock" -n 150000 -c 20 -P 8 -t set,get,lpush -q >"$tmp/redis.bench" 2>&1 || bench=1
    redis-cli -s "$tmp/redis.sock" shutdown nosave >/dev/null 2>&1
    wait $server
    is "redis: the benchmark ran" $bench 0
    is "redis: exit status" "$(cat "$tmp/redis.rc")" 0
    check "redis: can be reported" report redis
    reaches redis
    named redis
    has redis '^aeMain$' 80
}

shell() {
    # shellcheck disable=SC2016 # expanded by the shell that is profiled
    same bash bash -c 'for i in $(seq 60); do /bin/true; echo "$i" | tr 0-9 a-j; done
        for i in 1 2 3; do "$0" steady .3 | grep -v cpu & wait; done; exit 9' "$targets/truth-nofp"
    reaches bash 990
    has bash '^spin_40$' 20
    check "bash: its children are told apart" at_least "$(json bash '[.threads[].pid] | unique | length')" 4
}

# A history that takes git long enough to show that a few samples of its start do not matter.
history() {
    awk 'BEGIN {
        for (i = 1; i <= 3000; i++) {
            body = ""
            for (j = 0; j < 200; j++) body = body "line " j " of " (j % 17 == i % 17 ? i : 0) "\n"
            printf "commit refs/heads/main\ncommitter A <a@b> %d +0000\ndata 6\nchange\n", 1500000000 + i
            printf "M 644 inline file%d\ndata %d\n%s\n", i % 9, length(body), body
        }
    }' >"$tmp/stream"
    git init -q "$tmp/repo"
    git -C "$tmp/repo" fast-import --quiet <"$tmp/stream"
    same git git -C "$tmp/repo" --no-pager log -p --stat -M main
    reaches git
    named git
    has git '__libc_start_main' 90
}

threads() {
    local build
    for build in fp nofp; do
        same threads_cxx-$build "$targets/threads_cxx-$build"
        # While an exception is put in place, libgcc overwrites the saved registers of the frames it leaves.
        reaches threads_cxx-$build 985
        named threads_cxx-$build
        has threads_cxx-$build 'work::one_job' 80
        has threads_cxx-$build 'mixer<.*>::mix' 10
        has threads_cxx-$build '_Unwind_|__cxa_throw|work::catcher' 5
        check "threads_cxx-$build: its threads are listed" at_least \
            "$(json threads_cxx-$build '[.threads[] | select(.samples > 5)] | length')" 4
    done
}

# Those in $programs, or all.
wanted() { # NAME PROGRAM...
    case " ${programs-$1} " in *" $1 "*) need "$@" ;; *) return 1 ;; esac
}

wanted sqlite3 sqlite3 && sqlite
wanted python3 /usr/bin/python3 && python
wanted gcc gcc && compiler
wanted xz xz && packer
wanted redis redis-check-rdb redis-cli redis-benchmark && database
wanted bash && shell
wanted git git && history
wanted threads && threads
finish
