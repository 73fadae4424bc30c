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
finish
