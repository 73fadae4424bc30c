#!/bin/bash
# Programs that break careless allocation hooks run as without proftop, with every allocation recorded; what proftop
# cannot see it says.
# shellcheck source=tests/e2e/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/e2e/hostile_lib.sh
. "$root/tests/e2e/hostile_lib.sh"
# shellcheck source=tests/e2e/heap_lib.sh
. "$root/tests/e2e/heap_lib.sh"
record_options=--memory=exact
engines=${ENGINES:-perf} # the hooks are the same under each

# figure NAME WHAT EXPRESSION WANTED: of the report of a program that could run here.
figure() {
    local engine
    [ -n "${hostile_ran[$1]-}" ] || return 0
    for engine in $engines; do is "$engine: $1: $2" "$(json "$engine-$1" "$3")" "$4"; done
}

allocs_of() { # NAME FUNCTION ALLOCS LIVE
    figure "$1" "$2 allocated so often" \
        "[.sites[] | select(.function == \"$2\")] | \"\\(map(.allocs) | add) \\(map(.live_blocks) | add)\"" "$3 $4"
}

# ---- allocators that cannot be seen, or not all ----
hostile own_malloc 7 "$hostile/heap_own_malloc"
holds own_malloc "it is said that its allocator is its own" \
    '[.heap.processes[] | select(.name == "heap_own_malloc") | .trouble // ""] | any(test("own|built in"))'
holds own_malloc "no zeroes are shown for it" '[.heap.processes[] | select(.name == "heap_own_malloc") | .measured] == [false]'
hostile arena 7 "$hostile/heap_arena"
holds arena "little is allocated, and that is no trouble" \
    '.heap.processes[] | select(.name == "heap_arena") | .measured and .trouble == null and .allocs >= 1 and .bytes < 100000'
hostile pointers 7 "$hostile/heap_pointers"
figure pointers "calls by pointers are seen, but those of libc itself" \
    '[.sites[] | select(.function == "work_by_pointers")] | "\(map(.allocs) | add) \(map(.live_blocks) | add | . >= 50 and . <= 150)"' \
    "1000 true"
hostile traced 7 env LD_PRELOAD=libc_malloc_debug.so.0 "MALLOC_TRACE=$tmp/trace" "$hostile/heap_traced"
allocs_of traced main 20 0
for mode in deepbind namespace; do
    hostile $mode 0 "$heap_programs/plugins" $mode /dev/null
    allocs_of $mode take_of_the_program 10 10
    holds $mode "what it frees of the unseen blocks is no negative number" \
        '[.sites[] | .live_blocks, .live_bytes] | all(. >= 0)'
done
holds deepbind "blocks nobody saw are told apart when they are freed, or were seen" \
    '.heap.unknown_frees == 50 or ([.sites[] | select(.function == "first_take") | .allocs] | add) == 300'

# ---- before and after, in handlers, at the limit ----
hostile life 7 "$hostile/heap_life"
holds life "keys and thread-local objects are counted" \
    '[.sites[] | select(.function == "filled") | .allocs] | add | . >= 600 and . <= 602'
# Those that a handler jumped away from may have been counted, or not; in storms all are.
for mode in storm jump; do
    hostile "signals $mode" 7 env "LD_PRELOAD=$heap_programs/bump.so" "$hostile/heap_signals" $mode "$tmp/taken"
    holds "signals $mode" "nothing is negative" '[.sites[] | .live_blocks, .live_bytes] | all(. >= 0)'
    [ -n "${hostile_ran[signals $mode]-}" ] || continue
    read -r taken signals <"$tmp/taken"
    [ $mode = jump ] || signals=0
    holds "signals $mode" "all that was allocated is counted ($taken)" ".heap.processes[] | select(.name == \"heap_signals\")
        | .allocs >= $taken and .allocs <= $taken + 1000 + 3 * $signals"
    holds "signals $mode" "most of it is recorded" ".heap.processes[] | select(.name == \"heap_signals\")
        | .unrecorded <= .allocs / 10"
done
for mode in large small threads no_calls; do
    hostile "limit $mode" 7 "$hostile/heap_limit" $mode
    holds "limit $mode" "what has no room is said" '.heap.processes[] | select(.name == "heap_limit")
        | .unrecorded == 0 and .trouble == null or .trouble != null'
done
holds "limit large" "the failed calls are counted" '.heap.processes[] | select(.name == "heap_limit") | .failed == 3'

hostile no_clock 7 "$hostile/heap_no_clock"
allocs_of no_clock take_without_clock 300000 0
holds no_clock "it is said that there is no clock" '[.heap.processes[] | .trouble // ""] | any(test("clock"))'
for way in prctl syscall seccomp; do
    hostile "strict $way" 7 "$hostile/heap_strict" $way
    allocs_of "strict $way" take_strictly 2000 0
    holds "strict $way" "it is said that there is no clock" '[.heap.processes[] | .trouble // ""] | any(test("clock"))'
done

# ---- children ----
for mode in fork threads raw vfork spawn; do
    hostile "children $mode" 7 "$hostile/heap_children" $mode
    allocs_of "children $mode" parent_take 1000 100
    # shellcheck disable=SC2016 # jq's
    holds "children $mode" "what children do is not the parent's" \
        '[.heap.processes[] | select(.name == "heap_children")][0].live_blocks as $live | $live >= 100 and $live < 130'
done

# Children of handlers that interrupted a hook go on in the midst of it. In each mode the hooks do something else.
in_handler() { # MODE COMMAND...
    local mode=$1 memory
    shift
    for memory in exact sampled off; do
        record_options=--memory=$memory
        hostile "fork in handler $mode $memory" 7 "$@" "$hostile/heap_fork_in_handler" "$mode"
    done
    record_options=--memory=exact
    # the program itself keeps 64 blocks at most
    holds "fork in handler $mode exact" "what children do is not the parent's" \
        '[.heap.processes[] | select(.name == "heap_fork_in_handler")] | max_by(.allocs) | .live_blocks < 100'
}
for mode in jump threads blocks; do in_handler $mode env "LD_PRELOAD=$heap_programs/bump.so"; done
engines=${ENGINES:-perf timer}
for mode in return again; do in_handler $mode env; done
engines=${ENGINES:-perf}

# What a shell counted is not taken for the heap of the static program that it became.
# shellcheck disable=SC2016 # expanded by the shell that is profiled
hostile become_static 7 bash -c 'exec "$0"' "$hostile/plain_work-static"
holds become_static "it is said that the last program is not seen" \
    '[.heap.processes[] | .trouble // ""] | any(test("executed last"))'

finish
