#!/bin/bash
# The live screens over a running program: table, views, keys, the end of the target, quitting.
# shellcheck source=tests/screens/driver.sh
. "$(dirname "$0")/driver.sh"
cd "$targets" || exit 2
busy=("$proftop" -- ./truth-nofp burst 60)
short=("$proftop" -- "$targets/truth-nofp" burst 1)

# ---- every size shows the hottest function first ----
for size in 40x10 80x24 200x50; do
    open_screen $size "${busy[@]}"
    shows "$size: the function table" 'spin_40'
    shows "$size: the program's name" '\./t'
    never "$size: no line is wrapped into the next" '^.{201,}'
done
shows "the header names the columns" 'SELF'
shows "the rate and the engine are on the screen" 'Hz'

# ---- perf_event refused ----
open_screen 80x24 "$targets/no_perf" "${busy[@]}"
shows "perf refused: says at the start which engine, and why" 'engine perf was not available: the kernel'
shows "perf refused: it is sampled all the same" 'spin_40'
keys q
shows "perf refused: quitting asks" 'stop'
keys s
shows "perf refused: says so again on the terminal" '^proftop: engine perf was not available'
open_screen 80x24 "${busy[@]}"
shows "a snapshot while it runs: there is something to save" 'spin_40'
keys W
shows "a snapshot while it runs: its name" 'proftop-.*pb.gz'
saved=$(screen | grep -o 'proftop-[^ ]*pb.gz' | head -n 1)
check "a snapshot while it runs: knows how long and at what rate" jq -e '.duration_ns > 0 and .rate_real_hz > 0' \
    <("$proftop" report --json "$saved")
rm -f "$saved"

# ---- views ----
open_screen 100x30 "${busy[@]}"
shows "starts with the functions" 'spin_25'
keys 2
shows "2: Flame shows callers too" 'run_bursts'
keys 7
shows "7: Threads" '(TID|THREAD)'
keys 1
shows "1: Functions again" 'FUNCTION'
keys Tab
shows "Tab: the next view" 'run_bursts'
keys BTab
shows "Shift-Tab: back" 'FUNCTION'

# ---- help ----
keys '?'
shows "?: help" '(show or leave the help|search names)'
keys '?'
shows "? again: leaves it" 'spin_40'

# ---- search, sort, filter ----
keys /
keys -l spin_15
keys Enter
shows "/: what was searched for is there" 'spin_15'
keys '\'
keys -l 'spin_0'
keys Enter
shows "\\: what matches stays" 'spin_05'
never "\\: the rest is hidden" '(spin_40|spin_25)'
keys c
shows "c: everything is back" 'spin_40'
keys p
shows "p: says that the display is frozen" '([Ff]rozen|[Pp]aused)'
keys p

# ---- quitting while the target runs asks ----
keys q
shows "q: asks what to do with the target" '(stop|leave|still run)'
keys Escape
shows "Escape: goes on" 'spin_40'
if has_ended; then not_ok "still running after Escape"; else ok "still running after Escape"; fi

# ---- the target's end ----
open_screen 80x24 "${short[@]}"
shows "the end of the target is said" '([Ee]nded|[Ee]xited|[Ff]inished)' 20
shows "the table stays" 'spin_40'
keys 2
shows "the views still work" 'run_bursts'
keys q
ends "q after the end: the target's exit status" 0

open_screen 80x24 "$proftop" -- "$targets/dies" exit 3
shows "a target that fails: said" 'ended: exit 3' 20
keys q
ends "a target that fails: its status" 3

open_screen 80x24 "$proftop" -- "$targets/dies" segv
shows "a target that is killed: said" 'ended: killed by SIGSEGV' 20
keys q
ends "a target that is killed: 128 + signal" 139

open_screen 80x24 "$proftop" -- no-such-command
ends "no such command" 127
shows "no such command: one line, no screen" '^proftop: .*no-such-command'
finish
