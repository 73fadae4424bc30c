#!/bin/bash
# Programs that attack the profiler: it stays alive, they run as without it, and its sums stay right.
# shellcheck source=tests/e2e/tap.sh
. "$(dirname "$0")/tap.sh"

export XDG_RUNTIME_DIR=$tmp/run
mkdir -m 700 "$tmp/run"

survives() { # NAME ARG...
    local name=$1
    record "$name" "$targets/attacker" "$@"
    is "$name: exit status" "$(cat "$tmp/$name.rc")" 5
    like "$name: ran to its end" "$(cat "$tmp/$name.out")" "^$name"
    check "$name: can be reported" report "$name"
}

for mode in forks threads; do
    survives $mode 1000
    is "$mode: each one is there" "$("$proftop" report "$tmp/$mode.pb.gz" | sed -n 's/^CPU time .* in //p')" \
        "$([ $mode = forks ] && echo 1001 processes, 1001 threads || echo 1 process, 1001 threads)"
    kernel_ms=$(awk '{ print $3 }' "$tmp/$mode.out")
    # What a task does before its events begin and after they end is a part of short lives.
    is "$mode: CPU time within 20 % of the kernel's ($kernel_ms ms)" \
        "$(json $mode ".total_ns / 1e6 / $kernel_ms | . > .8 and . < 1.2")" true
    "$proftop" record -o "$tmp/loud.pb.gz" -- "$targets/attacker" $mode 1000 2>"$tmp/err" >/dev/null
    is "$mode: nothing is said to run on" "$(grep -c 'runs* on' "$tmp/err")" 0
done

survives names "$tmp"
is "names: no control character in the report" \
    "$("$proftop" report --top 0 "$tmp/names.pb.gz" | LC_ALL=C grep -c "$(printf '[\001-\010\013-\037\177]')")" 0
like "names: the file's name is escaped" "$(json names '.functions[].module')" 'x1b\[2J\\x0asparse'

survives wild_stack
is "wild_stack: main is there" "$(json wild_stack '[.functions[] | select(.function == "wild_stack" or .function == "main")] | length > 0')" true

survives scribble
like "scribble: had something to write to" "$(cat "$tmp/scribble.out")" '^scribble [1-9]'

# shellcheck disable=SC2016 # expanded by the profiled shell
record noise bash -c 'exec "$0" noise "$(echo "$1"/proftop/run-*/socket)"' "$targets/attacker" "$tmp/run"
is "noise: exit status" "$(cat "$tmp/noise.rc")" 5
is "noise: it was listened to" "$(cat "$tmp/noise.out")" "noise 300"
check "noise: can be reported" report noise

"$proftop" record -F 9999 -o "$tmp/stop_parent.pb.gz" -- "$targets/attacker" stop_parent >"$tmp/out" 2>"$tmp/err" </dev/null
is "stop_parent: exit status" $? 5
check "stop_parent: can be reported" report stop_parent
is "stop_parent: children whose end was lost do not run on" "$(grep -c 'runs* on' "$tmp/err")" 0
is "stop_parent: what was not seen is counted" "$(json stop_parent '.lost > 0 or .samples > 35000')" true
is "stop_parent: all CPU time is there" "$(json stop_parent '.total_ns / 1e9 | . > 3.9 and . < 4.4')" true
like "stop_parent: and said why" "$("$proftop" report "$tmp/stop_parent.pb.gz")" '(note .* records were lost|, 0 lost)'
is "nothing is left behind" "$(find "$tmp/run" -mindepth 2)" ""
finish
