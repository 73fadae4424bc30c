#!/bin/bash
# However a target ends, all that was measured before is in the snapshot; and proftop's own end does not touch the target.
# shellcheck source=tests/e2e/tap.sh
. "$(dirname "$0")/tap.sh"

# Half a second of CPU time at 999 Hz is 499 samples.
complete() { # NAME
    check "$1: can be reported" report "$1"
    is "$1: what was measured is there" "$(json "$1" \
        '[.functions[] | select(.function == "burn_before_the_end") | .total_samples] | add // 0 | . > 470 and . < 1000')" true
    like "$1: what it wrote is there" "$(cat "$tmp/$1.out")" '^burnt'
}

for mode in "exit 0" "_exit 1" abort segv kill9 "signal 15" "thread_exit 2"; do
    # shellcheck disable=SC2086 # words
    record "${mode% *}" "$targets/dies" $mode
    complete "${mode% *}"
done

record main_gone "$targets/dies" main_gone
complete main_gone
is "main_gone: the last thread is there" \
    "$(json main_gone '[.functions[] | select(.function == "last_thread") | .total_samples] | add // 0 | . > 300')" true

record go_on "$targets/dies" fork_and_go_on
complete go_on
is "fork_and_go_on: the status is the parent's" "$(cat "$tmp/go_on.rc")" 3
wait_for 10 grep -q orphan "$tmp/go_on.out"
like "fork_and_go_on: the orphan finished" "$(cat "$tmp/go_on.out")" orphan
"$proftop" record -o "$tmp/said.pb.gz" -- "$targets/dies" fork_and_go_on >"$tmp/said.out" 2>"$tmp/said.err" </dev/null
like "fork_and_go_on: the orphan is said to run on" "$(cat "$tmp/said.err")" '1 process that it started runs on'

# A target that says when it starts and when it has finished.
# shellcheck disable=SC2016 # expanded by the profiled shell
worker='echo started >"$1"; "$0" steady 1 >"$2.part"; mv "$2.part" "$2"'

start() { # NAME
    "$proftop" record --quiet -o "$tmp/$1.pb.gz" -- bash -c "$worker" "$targets/truth-nofp" "$tmp/$1.started" "$tmp/$1.finished" \
        >"$tmp/$1.out" 2>"$tmp/$1.err" </dev/null &
    front_end=$!
    wait_for 10 test -s "$tmp/$1.started"
}

start killed
kill -KILL $front_end
wait $front_end 2>/dev/null
check "proftop killed: the target goes on to its end" wait_for 20 test -s "$tmp/killed.finished"
like "proftop killed: the target's work is right" "$(cat "$tmp/killed.finished")" 'truth spin_40 0\.400000'

start stopped
kill -STOP $front_end
check "proftop stopped: the target goes on to its end" wait_for 20 test -s "$tmp/stopped.finished"
kill -CONT $front_end
wait $front_end
is "proftop stopped and continued: exit status" $? 0
check "proftop stopped and continued: can be reported" report stopped

start terminated
kill -TERM $front_end
wait $front_end 2>/dev/null
check "proftop terminated: the snapshot is there" report terminated
finish
