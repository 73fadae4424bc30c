#!/bin/bash
# Programs that break careless profilers run as without proftop: what they do with signals, timers, stacks, threads,
# limits and the loader.
# shellcheck source=tests/e2e/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/e2e/hostile_lib.sh
. "$root/tests/e2e/hostile_lib.sh"

# ---- the loader ----
hostile dlopen_loop 7 "$hostile/dlopen_loop"
holds dlopen_loop "the time in the loader is seen" '[.functions[] | select(.function == "load_and_unload")
    | .total_ns] | add // 0 | . > 2e8'

# ---- signals ----
hostile readback 7 "$hostile/readback"
for mode in turn all signal raw; do
    hostile "own_rt_signal $mode" 7 "$hostile/own_rt_signal" $mode
done
for mode in libc raw attr main; do
    hostile "blocked $mode" 7 "$hostile/blocked" $mode
    accounted "blocked $mode" burn 0.4
done
for mode in sigwait sigtimedwait signalfd; do
    hostile "signal_manager $mode" 7 "$hostile/signal_manager" $mode
    holds "signal_manager $mode" "the computing threads are seen" '([.functions[]
        | select(.function | IN("computes", "[not sampled]")) | .total_ns] | add) / .total_ns > 0.4'
done
hostile kills 7 "$hostile/kills"
hostile suspend 7 "$hostile/suspend"
hostile jumps 7 "$hostile/jumps"
holds jumps "the work after the jumps is there" '[.functions[] | select(.function == "after_the_jumps")
    | .total_ns / 1e9] | add // 0 | . > 0.26 and . < 0.34'
hostile eintr 7 "$hostile/eintr"

# ---- timers ----
for mode in count default ignore thread ids; do
    hostile "own_timers $mode" 7 "$hostile/own_timers" $mode
done
burnt "own_timers count" burn 0.6
burnt "own_timers default" burn 0.3
burnt "own_timers ignore" burn 0.3
burnt "own_timers thread" burn 0.3
accounted "own_timers ids" burn 0.3

# ---- stacks ----
hostile "altstack small" 7 "$hostile/altstack" small
accounted "altstack small" burn 0.3
hostile "altstack handlers" 7 "$hostile/altstack" handlers
hostile guard_pages 7 "$hostile/guard_pages"
hostile coroutines 7 "$hostile/coroutines"
holds coroutines "their work is seen" '[.functions[] | select(.function == "work_in_coroutine") | .total_percent] | add // 0 | . > 80'
for mode in main thread amx; do
    hostile "full_stack $mode" 7 "$hostile/full_stack" $mode
    accounted "full_stack $mode" burn 0.25
done
finish
