#!/bin/bash
# The screen on a process that ran already: whose it is, what leaving does to it, and its end.
# shellcheck source=tests/screens/driver.sh
. "$(dirname "$0")/driver.sh"
cd "$targets" || exit 2

# In the test's own shell, so that its end is taken note of by `wait`.
start() {
    ./truth-nofp burst 60 >"$tmp/out" 2>&1 </dev/null &
    target=$!
}

runs() { # PID
    case $(ps -o stat= -p "$1") in '' | Z*) return 1 ;; esac
}

is_gone() { # PID
    ! runs "$1"
}

watch() { # SIZE
    open_screen "$1" bash --norc --noprofile -c "$(printf '%q' "$proftop") -p $target; echo status \$?; cat"
}

# ---- every size ----
start
for size in 40x10 80x24 200x50; do
    watch $size
    shows "$size: the hottest function" 'spin_40'
    shows "$size: its name" 'truth'
    shows "$size: it is live" 'live [0-9]'
done

# ---- what is shown ----
watch 80x24
shows "the header: its command line" ' \./truth-nofp burst 60'
shows "the header: its pid" "pid $target "
shows "the header: rate and engine" 'Hz perf'
keys 7
shows "7: its threads" 'truth-nofp +running'
resize 120x30
shows "7, where there is room: why the collector is not inside" 'proftop was attached to it'
resize 80x24
keys 0
keys i
shows "0: there is nothing to type into, and it says so" 'keeps its own terminal'
shows "0: its output is its own" 'its output goes where it always went'
keys i
shows "i: cannot be typed to" '\? help'
keys 2
shows "2: its callers" 'run_bursts'

# ---- leaving ----
keys q
shows "q asks" 'still runs'
shows "q: what l does" 'l leave it running'
shows "q: what s does" 's stop it \(SIGTERM\)'
keys Enter
shows "Enter: leaves with 0" '^status 0'
shows "Enter: says that it goes on" '^proftop: .*runs on'
never "Enter: no word of its output" 'output is in'
check "Enter: it runs on" runs "$target"
watch 80x24
wait_screen 'spin_40'
keys W
shows "W: saved under its name" 'saved proftop-truth-nofp-'
rm -f proftop-truth-nofp-*.pb.gz
keys q
wait_screen 'still runs'
keys s
shows "s: leaves with 0, as its status is its parent's" '^status 0'
check "s: it has ended" wait_for 10 is_gone "$target"
wait "$target"
is "s: by SIGTERM" $? 143

# ---- its end ----
start
watch 80x24
wait_screen 'spin_40'
keys q
wait_screen 'still runs'
kill -KILL $target
shows "its end: said, without a status that nobody knows" ' ended; q quits'
shows "its end: in the header" ' ended [0-9]'
never "its end: the question is gone" 'still runs'
shows "its end: all stays" 'spin_40'
keys q
shows "then q leaves at once" '^status 0'
never "then q leaves at once: nothing runs on" 'runs on'

# ---- no such process ----
target=4194303
watch 80x24
shows "no process: said on a screen that was never taken" 'proftop: there is no process 4194303'
shows "no process: status 1" '^status 1'
finish
