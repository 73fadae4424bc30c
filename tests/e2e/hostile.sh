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
finish
