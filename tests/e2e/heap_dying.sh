#!/bin/bash
# However a program ends, the report has its whole heap: what was allocated, and what was live at that moment.
# shellcheck source=tests/e2e/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/e2e/heap_lib.sh
. "$root/tests/e2e/heap_lib.sh"
dies=$targets/hostile/heap_dies
ulimit -c 0

complete() { # NAME [BLOCKS BYTES]
    is "$1: what was allocated and what was live" "$(json "$1" '[.sites[] | select(.function == "take_and_keep")]
        | "\(map(.allocs) | add) \(map(.live_blocks) | add) \(map(.live_bytes) | add) \(map(.peak_blocks) | add > 0)"')" \
        "500 ${2-200} ${3-12800} true"
    is "$1: it is exact" "$(json "$1" '[.heap.measured, .heap.is_estimate] | tostring')" "[true,false]"
}

for mode in exit _exit quick_exit abort kill segv exec thread; do
    "$dies" $mode >"$tmp/bare.out" 2>"$tmp/bare.err"
    status=$?
    heap $mode "$dies" $mode
    is "$mode: exit status" "$(cat "$tmp/$mode.rc")" $status
    check "$mode: stdout" diff "$tmp/bare.out" "$tmp/$mode.out"
    check "$mode: stderr" diff "$tmp/bare.err" "$tmp/$mode.err"
    if [ $mode = exec ]; then complete exec 0 0; else complete $mode; fi # the memory is given up for another program
done 2>/dev/null

# Killed from outside, once it has said that it is ready.
record_options=--memory=exact record hang "$dies" hang &
recorder=$!
# shellcheck disable=SC2317 # called by wait_for
ready() { grep -q ready "$tmp/hang.out" && pgrep -f "^$dies hang\$"; }
check "hang: it runs" wait_for 10 ready
pid=$(pgrep -f "^$dies hang\$")
kill -KILL "$pid"
wait $recorder
check "hang: can be reported" report hang
is "hang: exit status" "$(cat "$tmp/hang.rc")" 137
complete hang

# Proftop is stopped, then killed: the program does its work as if it were not there.
# shellcheck disable=SC2016 # expanded by the shell that is recorded
"$proftop" record --memory=exact --quiet -o "$tmp/alone.pb.gz" -- bash -c 'echo $$ >"$0.pid"; "$1" 10000000 2; echo "status $?"' \
    "$tmp/alone" "$heap_programs/load" >"$tmp/alone.out" 2>"$tmp/alone.err" </dev/null &
recorder=$!
check "proftop killed: the program runs" wait_for 10 test -s "$tmp/alone.pid"
kill -STOP $recorder
check "proftop stopped: the program goes on" wait_for 10 pgrep -P "$(cat "$tmp/alone.pid")"
kill -KILL $recorder
# shellcheck disable=SC2317 # called by wait_for
ended() { grep -q status "$tmp/alone.out"; }
check "proftop killed: the program ends" wait_for 30 ended
is "proftop killed: it said and did the same" "$(cat "$tmp/alone.out")" "$("$heap_programs/load" 10000000 2)"$'\n'"status 0"
is "proftop killed: nothing else was said" "$(cat "$tmp/alone.err")" ""
wait $recorder 2>/dev/null

# All address space is used up, then it is killed. It may have some less than without proftop.
# shellcheck disable=SC2016 # expanded by the shell with the limit
heap oom bash -c 'ulimit -v 600000; exec "$0" oom' "$dies"
is "oom: exit status" "$(cat "$tmp/oom.rc")" 137
is "oom: it came to the end of memory" "$(cat "$tmp/oom.out")" "ready"$'\n'"no more"
complete oom
is "oom: all that was live is there" "$(json oom '[.sites[] | select(.function == "take_all")][0]
    | "\(.live_bytes > 3e8) \(.live_bytes == .live_blocks * 65536) \(.allocs == .live_blocks)"')" "true true true"
is "oom: the last call failed" "$(of_process oom heap_dies failed)" 1

# The system ends it for its memory, in a group of processes that may not have more.
group() { # makes a limited group and prints its folder
    local folder
    for folder in /sys/fs/cgroup/memory /sys/fs/cgroup; do
        folder=$folder/proftop-test.$$
        mkdir "$folder" 2>/dev/null || continue
        if echo 80M >"$folder/memory.limit_in_bytes" || echo 80M >"$folder/memory.max"; then
            echo 0 >"$folder/memory.swap.max"
            echo "$folder"
            return
        fi 2>/dev/null
        rmdir "$folder"
    done
}
group=$(group 2>/dev/null)
if [ -n "$group" ]; then
    # shellcheck disable=SC2016 # expanded by the shell in the group
    heap touch bash -c 'echo $$ >"$1/cgroup.procs" && exec "$0" touch' "$dies" "$group"
    if [ "$(cat "$tmp/touch.rc")" = 137 ]; then
        ok "touch: the system ended it"
        complete touch
        check "touch: what was live is there" test "$(site touch take_all live_bytes)" -gt 60000000
    else
        skip "touch: the system ended it" "no memory limit on this machine: $(head -n 1 "$tmp/touch.err")"
    fi
    rmdir "$group"
else
    skip "touch: the system ended it" "no group of processes can be made here"
fi
finish
