#!/bin/bash
# What the command line makes of exact calls: --calls, the view of calls, and the words for what was not counted.
# shellcheck source=tests/e2e/tap.sh
. "$(dirname "$0")/tap.sh"
need "a program is compiled" gcc || finish

# run STATUS NAME REGEX COMMAND...: proftop ends with STATUS and says REGEX on stderr; nothing when that is "".
run() {
    local status=$1 name=$2 regex=$3
    shift 3
    "$proftop" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
    is "$name: exit status" $? "$status"
    if [ -n "$regex" ]; then
        like "$name: says so" "$(cat "$tmp/err")" "$regex"
    else
        is "$name: says nothing" "$(cat "$tmp/err")" ""
    fi
}

view() { # NAME [OPTION...]
    "$proftop" report "$tmp/$1.pb.gz" --view calls "${@:2}" 2>&1
}

# counts NAME: "function calls" of each function of the program, sorted.
counts() {
    view "$1" --json --top 0 |
        jq -r '.called[] | select(.module | endswith("/shop")) | "\(.function) \(.calls)"' | sort | paste -sd, -
}

cat >"$tmp/shop.c" <<'END'
#include <pthread.h>
#include <stdlib.h>
#include <poll.h>
#define NOINLINE __attribute__((noinline))
volatile long sink;
NOINLINE void read_one(void) { sink++; }
NOINLINE void parse(int n) { for (int i = 0; i < n; i++) read_one(); }
NOINLINE int depth(int n) { int d = n ? depth(n - 1) + 1 : 0; sink++; return d; }
NOINLINE void nothing(void) { __asm__ volatile(""); }
NOINLINE void doze(void) { poll(NULL, 0, 20); }
NOINLINE void *work(void *arg) { for (int i = 0; i < 50; i++) parse(2); return arg; }
int main(int argc, char **argv)
{
    pthread_t thread;
    int status = argc > 1 ? atoi(argv[1]) : 0;
    pthread_create(&thread, NULL, work, NULL);
    for (int i = 0; i < 1000; i++)
        parse(3);
    sink += depth(9);
    nothing();
    doze();
    pthread_join(thread, NULL);
    return status;
}
END
expected="depth 10,doze 1,main 1,nothing 1,parse 1050,read_one 3100,work 1"
# At -O1 nothing is made a loop or a jump that is written as a call.
compile() { # FOLDER COMPILER...
    mkdir "$tmp/$1"
    "${@:2}" -O1 -g -pthread -o "$tmp/$1/shop" "$tmp/shop.c"
}
compile plain gcc
compile room "$proftop" cc gcc
compile hooks "$proftop" cc --hooks gcc

# ---- three ways ----
run 7 "--calls: all that has room" '^proftop: .*, [0-9.]+ k calls \(exact\): ' record -o "$tmp/room.pb.gz" --calls "$tmp/room/shop" 7
is "--calls: each call" "$(counts room)" "$expected"
if need "--calls: clang" clang; then
    compile clang "$proftop" cc clang
    run 0 "--calls: clang" 'calls \(exact\)' record -o "$tmp/clang.pb.gz" --calls "$tmp/clang/shop"
    is "--calls: clang: each call" "$(counts clang)" "$expected"
fi
run 0 "hooks: without asking" ', 4\.16 k calls \(exact\): ' record -o "$tmp/hooks.pb.gz" "$tmp/hooks/shop"
is "hooks: each call" "$(counts hooks)" "$expected"
run 0 "room: not without asking" '^proftop: [0-9]+ samples?, [0-9.k ]+ allocations? \(exact\): ' record -o "$tmp/unasked.pb.gz" "$tmp/room/shop"
like "room: the view says why" "$(view unasked)" '^No calls were counted: .*--calls'
run 0 "by name: as it is" ' 10 calls \(exact\)' record -o "$tmp/named.pb.gz" --calls=depth "$tmp/plain/shop"
is "by name: that alone" "$(counts named)" "depth 10"
run 0 "patterns" '' record -q -o "$tmp/patterns.pb.gz" --calls='/^(depth|work|doze)$/,!w*' --calls=no_such_name@shop "$tmp/plain/shop"
is "patterns: what they mean" "$(counts patterns)" "depth 10,doze 1"
run 0 "what cannot be changed is said" '^proftop: not all functions that were asked for could be counted, as nothing: [a-z]' \
    record -o "$tmp/refused.pb.gz" --calls=nothing "$tmp/plain/shop"
like "what cannot be changed is said in the report" "$(view refused)" '^note +not all functions .* nothing: '
run 0 "a name that there is not is said" '^proftop: no function matches no_such_name' record -o "$tmp/none.pb.gz" --calls=doze,no_such_name "$tmp/plain/shop"
run 0 "a program's own --calls" '' record -q -o "$tmp/own.pb.gz" echo --calls
is "a program's own --calls: it has it" "$(cat "$tmp/out")" --calls
run 7 "a report at the end" 'CALLS +AVG +FUNCTION' --no-tui --calls "$tmp/room/shop" 7
like "a report at the end: in the header" "$(cat "$tmp/err")" '^calls +4164 calls of 7 functions, exact$'

# ---- the view ----
like "the whole" "$(view hooks)" '^calls +4164 calls of 7 functions, exact$'
like "the probes" "$(view hooks)" '^times +wall clock, less what the probes took: up to [0-9.]+ ns a call$'
like "a row: time of waiting counts" "$(view hooks)" '^ +1 +[0-9.]+ +2[0-9]\.[0-9] ms +2[0-9]\.[0-9] ms .* doze +shop +shop\.c:[0-9]+$'
is "sorted by calls" "$(view hooks --sort calls | awk '/FUNCTION/ { getline; print $1 }')" 3100
is "sorted by the slowest call, one row" "$(view hooks --sort max --top 1 --json | jq -r '.called[].function')" main
like "callers" "$(view hooks | sed -n '/^  read_one$/,/^  [a-z]/p')" '^      called by +3100 .* parse$'
is "callers, as JSON" "$(view hooks --json | jq -c '.called[] | select(.function == "parse") | [.callers[] | [.function, .calls]] | sort')" \
    '[["main",1000],["work",50]]'
is "recursion counts once in the total" "$(view hooks --json | jq '.called[] | select(.function == "depth") | .total_ns <= .sum_ns and .calls == 10')" true
is "figures fit together" "$(view hooks --json | jq '[.called[] | .min_ns <= .p50_ns and .p50_ns <= .p99_ns and .p99_ns <= .max_ns and
    (.buckets | add) == .calls] | all')" true
is "all self times are the outermost totals" "$(view hooks --json | jq '([.called[].self_ns] | add) as $self |
    ([.called[] | select(.function == "main" or .function == "work").total_ns] | add) as $all | ($self - $all | fabs) <= $all / 100')" true
is "threads: each by itself" "$(view hooks --threads --json | jq -c '[.threads[] | [.called[] | select(.function == "parse").calls]]')" '[[1000],[50]]'
like "threads: as text" "$(view hooks --threads)" '^thread shop \(tid [0-9]+\) of shop \(pid [0-9]+\)$'
is "functions: calls beside samples" "$("$proftop" report "$tmp/hooks.pb.gz" --json --top 0 |
    jq -c '[.functions[] | select(.function == "doze") | .calls, (.average_ns > 19e6)]')" '[1,true]'

# ---- what cannot be ----
run 2 "an unknown column" 'choose calls, rate, total' report "$tmp/hooks.pb.gz" --view calls --sort bytes
run 2 "--threads of another view" '--threads is for --view calls' report "$tmp/hooks.pb.gz" --threads
run 2 "a regular expression that is none" '^proftop: --calls: .*regular expression' record --calls='/(/' "$tmp/plain/shop"
run 2 "no pattern" '^proftop: --calls: ' --calls= "$tmp/plain/shop"
run 2 "off and functions" 'counts nothing' record --calls=off --calls=main "$tmp/plain/shop"
run 2 "attached" '^proftop: calls of a process that runs already cannot be counted.*start the program' record --calls -p $$
record_options=--calls=off record off "$tmp/hooks/shop"
like "off: said" "$(view off)" '^No calls were counted: .*--calls=off'
is "off: as JSON" "$(view off --json | jq -c '[.calls.measured, .called, .calls.calls, (.calls.why | length > 0)]')" '[false,null,null,true]'
run 0 "a static program: said at once to who asked" '^proftop: no calls were counted: .*statically linked' \
    record --calls -o "$tmp/static.pb.gz" -- "$targets/truth-static" steady .05
tail -f /dev/null &
"$proftop" record -q -d 0.2 -o "$tmp/attached.pb.gz" -p $! </dev/null
like "attached: said" "$(view attached)" '^No calls were counted: .*ran already'
finish
