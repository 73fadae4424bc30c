#!/bin/bash
# Is the heap's profile true? Programs that keep books of their own: in exact mode each figure of each site is theirs, in
# sampled mode the figures are right on average, and wrong by no more than is said.
# shellcheck source=tests/e2e/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/e2e/heap_lib.sh
. "$root/tests/e2e/heap_lib.sh"

# exact NAME PROGRAM [WORD...]: the report says what the books say, and that it is exact.
exact() {
    local name=$1
    shift
    truth "$name" "$@" || return
    is "$name: every figure of every site" "$(compare_heap "$name")" ok
    # libstdc++ allocates once in a constructor that runs before the collector's
    is "$name: it is exact" "$(json "$name" '[.heap | .measured, .is_estimate, .unrecorded, .early <= 1, .merged_stacks]
        + [.heap.processes[].trouble] | tostring')" '[true,false,0,true,0,null]'
    # shellcheck disable=SC2016 # jq's
    is "$name: live blocks add up" "$(json "$name" '(.heap.allocs - .heap.early) as $recorded
        | .heap.live_blocks == ([.sites[].live_blocks] | add)
        and .heap.live_bytes == ([.sites[].live_bytes] | add) and $recorded == ([.sites[].allocs] | add)
        and (.heap.bytes > ([.sites[].bytes] | add)) == (.heap.early > 0)
        and .heap.live_blocks == $recorded - .heap.frees + .heap.unknown_frees')" true
    # Threads may change the heap while its peak is noted: a few blocks are on the one side or the other.
    # shellcheck disable=SC2016 # jq's
    is "$name: the peak adds up" "$(json "$name" '.heap.peak_bytes as $peak | ([.sites[].peak_bytes] | add) - $peak | fabs
        | . == 0 or $ENV.mode == "storm" and . < $peak / 10')" true
}

# ---- exact ----
export mode
for mode in lifetimes temporaries peaks leaks remote reallocs storm sizes threads noisy; do
    exact $mode "$heap_programs/truth_heap" $mode
done
held=$(awk '$1 == "lifetime" { print $3 }' "$tmp/lifetimes.truth")
if [ "$held" = - ]; then
    skip "lifetimes: a block that lived 20 ms" "it lived longer, the machine was busy"
else
    is "lifetimes: a block that lived 20 ms" "$(json lifetimes ".sites[] | select(.function == \"take_held\")
        | .lifetimes[$held]")" 1
fi
is "lifetimes: as many as were freed" "$(json lifetimes '[.sites[] | select((.lifetimes | add) != .allocs - .live_blocks)
    | .function] | tostring')" '[]'
exact new "$heap_programs/truth_new"
exact entry_points "$heap_programs/entry_points"
is "entry_points: calls that gave nothing, blocks freed" "$(of_process entry_points entry_points '| "\(.failed) \(.frees)"')" \
    "$(awk '$1 == "process" { print $2, $3 }' "$tmp/entry_points.truth")"
rm -f "$tmp/bare.truth"
"$heap_programs/entry_points" "$tmp/bare.truth" >"$tmp/bare.out"
check "entry_points: all calls gave the same" diff "$tmp/bare.out" "$tmp/entry_points.out"
check "entry_points: the books are the same" diff "$tmp/bare.truth" "$tmp/entry_points.truth"

# ---- call stacks ----
frames_of() { # NAME FUNCTION: of its first stack, "NUMBER INNERMOST OUTERMOST"
    json "$1" "[.sites[] | select(.function == \"$2\")][0].stacks[0].frames | map(.function)
        | \"\(length - (index(\"main\") // -1000)) \(.[0]) \(index(\"main\") // 0)\""
}
exact frames "$heap_programs/shapes" frames
like "frames: a stack of 60 large frames" "$(frames_of frames take_deep)" '^[1-4] take_deep 6[34]$'
like "frames: a stack of 26 calls by pointer" "$(frames_of frames take_pointed)" '^[1-4] take_pointed (28|29)$'
exact recursion "$heap_programs/shapes" recursion
like "recursion: the stack is whole" "$(frames_of recursion take_recursive)" '^[1-4] take_recursive 90[3-5]$'
truth bottomless "$heap_programs/shapes" bottomless
is "bottomless: every figure of every site" "$(compare_heap bottomless)" ok
is "bottomless: its end is said to be missing" "$(json bottomless '[.sites[] | select(.function == "take_bottomless")
    | .stacks[0].frames[].function] | "\(length >= 1000 and length <= 1030) \(index("main")) \(.[-1])"')" \
    "true null [truncated]"
truth tailed "$heap_programs/shapes" tailed
is "tailed: the site is who is on the stack" "$(compare_heap tailed)" ok
truth_last=200000
exact tree "$heap_programs/shapes" tree
is "tree: so many stacks" "$(site tree leaf_of_tree n_stacks)" 200000
truth_last=1000000
exact blocks "$heap_programs/shapes" blocks
truth_last=
exact same_place "$heap_programs/plugins" same_place
like "same_place: both libraries were at one address" "$(cat "$tmp/same_place.out")" 'same place: yes'

# ---- sampled: many runs ----
runs=100
for ((i = 0; i < runs; i++)); do
    heap_mode=sampled heap sampled "$heap_programs/truth_heap" noisy /dev/null
    jq -c '{total: [.heap.allocs, .heap.bytes], estimate: .heap.is_estimate, sites: [.sites[]
        | select(.function | startswith("take_")) | {function, allocs, bytes, bytes_error, live_bytes}]}' "$tmp/sampled.json"
done >"$tmp/runs"
is "sampled: all runs could be reported" "$(wc -l <"$tmp/runs")" $runs
is "sampled: it is said to be an estimate" "$(jq -s 'all(.estimate)' "$tmp/runs")" true
is "sampled: calls and bytes in all are exact" "$(jq -s -r '[.[].total] | unique | map(tostring) | join(" ")' "$tmp/runs")" \
    "$(json noisy '[.heap.allocs, .heap.bytes] | tostring')"

# The mean of one figure over the runs: within four standard errors of the truth.
unbiased() { # FUNCTION KEY
    # shellcheck disable=SC2016 # jq's
    check "sampled: $1: $2 on average" jq -se --arg f "$1" --arg key "$2" --slurpfile books "$tmp/noisy.books" '
        [.[] | [.sites[] | select(.function == $f) | .[$key]] | add // 0] as $got
        | ($got | add / length) as $mean | ($got | map(. - $mean | . * .) | add / (length - 1) | sqrt) as $deviation
        | $books[0][$f][$key] as $truth
        | "mean \($mean), truth \($truth), deviation of one run \($deviation)", ($mean - $truth | fabs) <= 4 * $deviation / ($got | length | sqrt)
        ' "$tmp/runs"
}
for function in take_first take_second take_plain; do
    for key in allocs bytes live_bytes; do
        [ $function-$key = take_second-live_bytes ] || unbiased $function $key # that is next to nothing
    done
done
# What is said to be the error is the deviation that there was.
for function in take_first take_plain; do
    # shellcheck disable=SC2016 # jq's
    check "sampled: $function: the error is as large as is said" jq -se --arg f $function --slurpfile books "$tmp/noisy.books" '
        [.[] | [.sites[] | select(.function == $f)] | {got: (map(.bytes) | add // 0), said: (map(.bytes_error) | add // 0)}]
        | (map(.got - $books[0][$f].bytes | . * .) | add / length | sqrt) as $deviation
        | (map(.said * .said) | add / length | sqrt) as $said
        | "deviation \($deviation), said \($said)", $deviation > $said * 0.7 and $deviation < $said * 1.4' "$tmp/runs"
done
finish
