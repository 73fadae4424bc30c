#!/bin/bash
# What the command line makes of a heap: options, reports, exports, leaks that fail, and the words for what was not seen.
# shellcheck source=tests/e2e/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/e2e/heap_lib.sh
. "$root/tests/e2e/heap_lib.sh"

# run STATUS NAME REGEX COMMAND...: proftop ends with STATUS and says REGEX on stderr; nothing when that is "".
run() {
    local status=$1 name=$2 regex=$3
    shift 3
    "$proftop" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
    is "$name: exit status" $? "$status"
    if [ -n "$regex" ]; then
        like "$name: says so" "$(cat "$tmp/err")" "$regex"
    else
        is "$name: says nothing" "$(cat "$tmp/err")" ""
    fi
}

view() { # NAME VIEW [OPTION...]
    "$proftop" report "$tmp/$1.pb.gz" --view "$2" "${@:3}" 2>&1
}

# ---- the command line ----
echo 'int main(void) { return __builtin_malloc(5) == 0; }' >"$tmp/five.c"
cc -O0 -o "$tmp/five" "$tmp/five.c"
run 0 "--memory alone leaves the command" '1 allocations? \(exact\)' record -o "$tmp/five.pb.gz" --memory "$tmp/five"
run 0 "--memory=sampled" '1 allocations? \(sampled\)' record -o "$tmp/five.pb.gz" --memory=sampled -- "$tmp/five"
run 0 "auto is exact as long as that is cheap" '1 allocations? \(exact\)' record -o "$tmp/five.pb.gz" "$tmp/five"
run 0 "--memory is the program's own behind it" '' record -q -o "$tmp/own.pb.gz" --memory echo --memory
is "--memory is the program's own behind it: it has it" "$(cat "$tmp/out")" --memory
run 0 "a report at the end" 'ALLOC +FUNCTION' --no-tui --memory "$targets/truth-nofp" steady .1

# ---- views ----
if truth leaks "$heap_programs/truth_heap" leaks; then
    like "memory: a row" "$(view leaks memory)" \
        '^ +100 +6.25 KiB +64 B +0 B +0 +6.25 KiB +6.25 KiB +[0-9.]+ +take_second +truth_heap.c:[0-9]+ +truth_heap$'
    like "memory: in all" "$(view leaks memory)" '^allocated +5\.10 MiB in 2151 blocks, on average 2\.43 KiB$'
    like "memory: sizes" "$(view leaks memory)" '^  take_first truth_heap.c:[0-9]+: sizes >256 KiB 100 %$'
    is "memory: by the number of blocks" "$(view leaks memory --sort allocs | grep -o 'take_[a-z]* *truth_heap.c' | cut -d' ' -f1 | head -n 2 | paste -sd' ')" \
        "take_plain take_second"
    is "memory: smallest first" "$(view leaks memory --sort average --ascending | grep -o 'take_[a-z]* *truth_heap.c' | head -n 1 | cut -d' ' -f1)" take_plain
    like "memory: rows that are left out" "$(view leaks memory --top 1)" '^\.\.\. and 3 more: --top 0 shows all$'
    is "exact figures have no error" "$(view leaks memory | grep -c '[±~]')" 0
    like "leaks: in all" "$(view leaks leaks)" '^leaked +5\.01 MiB in 111 blocks$'
    like "leaks: a row" "$(view leaks leaks)" '^ +9\.77 KiB +10 +50 +[0-9.]+ [mµ]?s +1 +take_zeroed '
    is "leaks: not what was freed" "$(view leaks leaks | grep -c take_second)" 0
    is "leaks: a call path" "$(view leaks leaks | grep -A4 '10 blocks of 50' | tail -n 4 | awk '{ print $1 }' | paste -sd' ')" \
        "take_zeroed fill leaks main"
    is "leaks: as JSON" "$(view leaks leaks --json | jq -c '.leaks | [.bytes, .blocks, (.stacks | length), .stacks[1].live_bytes]')" "[5255280,111,3,10000]"
    is "functions: what each allocated" "$(view leaks functions --json --top 0 | jq '[.functions[].allocated_bytes] | add > 0')" true
    printf '# known\nleak:take_zeroed\nleak:^take_f*st$\n' >"$tmp/known.txt"
    like "leaks: suppressed" "$(view leaks leaks --suppressions "$tmp/known.txt")" '^leaked +2\.34 KiB in 100 blocks$'
    like "leaks: by which rule" "$(view leaks leaks --suppressions "$tmp/known.txt")" '^  9\.77 KiB in 10 blocks by take_zeroed \(.*known\.txt:2\)$'

    # ---- exports ----
    is "folded by live bytes" "$("$proftop" export "$tmp/leaks.pb.gz" -o - --format folded --metric live | sed 's/.*;//' | sort | paste -sd,)" \
        "take_first 5242880,take_plain 2400,take_zeroed 10000"
    is "folded by blocks: the process is outermost" "$("$proftop" export "$tmp/leaks.pb.gz" -o - --format folded --metric allocs |
        grep -c '^truth_heap;.*;main;leaks;fill;take_[a-z]* [0-9]*$')" 4
    "$proftop" export "$tmp/leaks.pb.gz" -o "$tmp/peak.svg" --metric peak
    like "svg by the peak" "$(cat "$tmp/peak.svg")" 'data-unit="bytes" data-metric="bytes at the peak"'
    run 2 "threads of the heap" 'leave out --threads' export "$tmp/leaks.pb.gz" -o "$tmp/x.svg" --metric live --threads
    run 2 "a metric that there is not lists those of the heap" 'samples, cpu, allocs, bytes, .*live' export "$tmp/leaks.pb.gz" -o "$tmp/x.svg" --metric smoke
fi
if truth peaks "$heap_programs/truth_heap" peaks; then
    is "peak: the same in all views" "$(view peaks peak --json | jq '[.sites[].peak_bytes] | add')" "$(json peaks .heap.peak_bytes)"
    is "peak: nothing that was not live then" "$(view peaks peak --json | jq '[.sites[] | select(.peak_bytes == 0)] | length')" 0
    like "peak: call paths" "$(view peaks peak)" '^largest call path of each of the first rows$'
fi
if truth temporaries "$heap_programs/truth_heap" temporaries; then
    is "temporary: those that are" "$(view temporaries temporary --json | jq -c '[.sites[] | .temporary > 0] | unique')" "[true]"
fi
heap_mode=sampled truth sampled "$heap_programs/truth_heap" noisy &&
    like "sampled: bytes have their error, blocks do not" "$(view sampled memory)" '^ +~[0-9.]+( k)? +[0-9.]+ [KM]iB ±[0-9]+% '

# ---- leaks that fail ----
gate() { # STATUS NAME REGEX WORD...
    run "$1" "$2" "$3" record -q -o "$tmp/gate.pb.gz" --fail-on leak "${@:4}"
}
leaky=("$heap_programs/truth_heap" leaks "$tmp/gate.truth")
gate 3 "a leak" '^proftop: --fail-on leak: 5\.01 MiB in 111 blocks were not freed$' "${leaky[@]}"
echo 'leak:take_' >"$tmp/all.txt"
gate 0 "leaks that are known" '' --suppressions "$tmp/all.txt" "${leaky[@]}"
gate 0 "a library that allocates before the collector is there" '' jq -n 1
gate 3 "leaks of which some are known, in two files" '100 blocks' --suppressions /dev/null --suppressions "$tmp/known.txt" "${leaky[@]}"
gate 42 "a program that fails itself" '^proftop: --fail-on leak: .* not freed$' bash -c 'exit 42'
gate 1 "a static program" 'statically linked' "$targets/truth-static" steady .05
gate 1 "a program that runs on" 'no process has ended' -d 0.3 -- timeout 5 tail -f /dev/null
run 3 "--leaks lists them" 'take_first' record -q -o "$tmp/gate.pb.gz" --leaks --fail-on leak "${leaky[@]}"
is "--leaks: stdout stays the program's" "$(cat "$tmp/out")" ""
run 0 "--leaks alone fails nothing" '^leaked +5\.01 MiB in 111 blocks' record -q -o "$tmp/gate.pb.gz" --leaks "${leaky[@]}"

# ---- what was not measured ----
record_options="--memory=off" record off true
like "off: said" "$(view off memory)" '^The heap was not measured: .*--memory=off'
is "off: as JSON" "$(view off memory --json | jq -c '[.heap.measured, .sites, .heap.allocs, (.heap.why | length > 0)]')" '[false,null,null,true]'
run 0 "a static program: said at once to who asked" '^proftop: the heap was not measured: .*statically linked' \
    record --memory -o "$tmp/static.pb.gz" -- "$targets/truth-static" steady .05
run 0 "a static program: in the report for who did not" '' record -q -o "$tmp/static.pb.gz" -- "$targets/truth-static" steady .05
like "a static program: in the report" "$(view static leaks)" '^The heap was not measured: .*statically linked'
tail -f /dev/null &
waiting=$!
"$proftop" record -q -d 0.2 -o "$tmp/attached.pb.gz" -p $waiting </dev/null
kill $waiting
like "attached: said" "$(view attached memory)" '^The heap was not measured: .*ran already'
finish
