#!/bin/bash
# Programs that break careless profilers run as without proftop: what they do with signals, timers, stacks, threads,
# limits and the loader.
# shellcheck source=tests/e2e/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/e2e/hostile_lib.sh
. "$root/tests/e2e/hostile_lib.sh"
# The hooks of the allocator are in place for all of the run, not only until they cost too much.
record_options=--memory=exact

# ---- the loader ----
hostile dlopen_loop 7 "$hostile/dlopen_loop"
holds dlopen_loop "the time in the loader is seen" '[.functions[] | select(.function == "load_and_unload")
    | .total_percent] | add // 0 | . > 20' perf
holds dlopen_loop "the time in the loader is seen, or what it was in is unloaded" '[.functions[]
    | select(.function | IN("load_and_unload", "[truncated]")) | .total_percent] | add // 0 | . > 20' timer
hostile throws 7 "$hostile/throws"

# ---- signals ----
hostile readback 7 "$hostile/readback"
for mode in turn all signal raw; do
    hostile "own_rt_signal $mode" 7 "$hostile/own_rt_signal" $mode
done
for mode in libc raw attr main; do
    hostile "blocked $mode" 7 "$hostile/blocked" $mode
    accounted "blocked $mode" burn 0.25
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
burnt "own_timers count" burn 0.5
burnt "own_timers default" burn 0.25
burnt "own_timers ignore" burn 0.25
burnt "own_timers thread" burn 0.25
accounted "own_timers ids" burn 0.3

# ---- stacks ----
hostile "altstack small" 7 "$hostile/altstack" small
accounted "altstack small" burn 0.25
hostile "altstack handlers" 7 "$hostile/altstack" handlers
for mode in without usual raw; do
    hostile "altstack $mode" 7 "$hostile/altstack" $mode
    holds "altstack $mode" "it is sampled" \
        '[.functions[] | select(.function == "[not sampled]") | .total_percent] | add // 0 | . < 25' timer
done
hostile guard_pages 7 "$hostile/guard_pages"
hostile coroutines 7 "$hostile/coroutines"
holds coroutines "their work is seen" '[.functions[] | select(.function == "work_in_coroutine") | .total_percent] | add // 0 | . > 80'
for mode in main thread amx; do
    hostile "full_stack $mode" 7 "$hostile/full_stack" $mode
    accounted "full_stack $mode" burn 0.25
done

# ---- threads and processes ----
hostile raw_clone 7 "$hostile/raw_clone"
holds raw_clone "their time is seen, or said not to be" '[.functions[] | select(.function
    | IN("work_in_raw_thread", "[not sampled]")) | .total_percent] | add // 0 | . > 90'
hostile many_threads 7 "$hostile/many_threads"
holds many_threads "each thread is there" '[.threads[].tid] | unique | length > 9000' perf
holds many_threads "their time is seen, or said not to be" '[.functions[] | select(.function
    | IN("work_of_one", "[not sampled]")) | .total_ns / 1e9] | add // 0 | . > 0.3'
hostile thread_ends 7 "$hostile/thread_ends"
holds thread_ends "what runs late is seen" '[.functions[] | select(.function == "work_late") | .total_samples] | add // 0 | . > 0'
hostile setid_threads 7 "$hostile/setid_threads"
hostile lone_thread 7 "$hostile/lone_thread"
burnt lone_thread burn 0.2
hostile spawn_attributes 7 "$hostile/spawn_attributes"

# ---- descriptors and limits ----
for mode in closefrom raw each; do
    hostile "fd_reuse $mode" 7 "$hostile/fd_reuse" $mode
done
for mode in _exit exit bad; do
    hostile "strict_seccomp $mode" 7 "$hostile/strict_seccomp" $mode
done
for limit in sigpending files memory file_size processes stack; do
    hostile "tight_limit $limit" 7 "$hostile/tight_limit" $limit
done
for limit in memory file_size stack; do
    accounted "tight_limit $limit" computes 0.2 35
done
accounted "tight_limit sigpending" computes 0.25 40

# ---- a program of the system that handles SIGPROF ----
awk 'BEGIN { srand(1); for (i = 0; i < 300000; i++) print int(rand() * 1e9) }' >"$tmp/numbers"
hostile sort 0 sort --parallel=2 -S 2M "$tmp/numbers"
holds sort "it is sampled" '.samples > 20 and .total_ns > 5e7'
finish
