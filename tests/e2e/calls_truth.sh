#!/bin/bash
# Are exact calls exact? Programs that count their own calls: each function and each edge has as many as the program says,
# with the compiler's hooks, with patchable entries, and unmodified; and the program does what it does without.
# shellcheck source=tests/e2e/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/e2e/calls_lib.sh
. "$root/tests/e2e/calls_lib.sh"

# counted KIND PROGRAM MODE: as the books say, and as without. cyg: the compiler's hooks; sled, endbr: patchable entries;
# plain: functions are named, and one in five may be one that cannot be counted.
counted() {
    local name=$2-$1-$3 program=$calls_programs/$2_calls-$1 option=all covered=
    rm -f "$tmp/bare.truth"
    "$program" "$3" "$tmp/bare.truth" >"$tmp/bare.out" 2>"$tmp/bare.err" </dev/null
    is "$name: bare: exit status" $? 7
    [ "$1" != cyg ] || option=auto
    if [ "$1" = plain ]; then
        option=$(books_of bare)
        covered=$(($(tr ',' '\n' <<<"$option" | wc -l) * 4 / 5))
    fi
    calls "$name" "$option" "$program" "$3" "$tmp/$name.truth"
    is "$name: exit status" "$(cat "$tmp/$name.rc")" 7
    check "$name: output" diff "$tmp/bare.out" "$tmp/$name.out"
    if [ -n "$covered" ] && [ "$(COVERED=$covered compare_calls "$name")" = ok ] &&
        [ "$(json "$name" '[.called[]?.function | sub("\\(.*"; "")] | unique | length')" -lt "$(tr ',' '\n' <<<"$option" | wc -l)" ]; then
        ok "$name: every function that can be counted"
    else
        is "$name: every function and every edge" "$(compare_calls "$name")" ok
    fi
    case $3 in
    coroutines | wander) is "$name: the counts agree" "$(UNTIMED=1 agree "$name")" ok ;; # whose time it is is not the stack's to say
    jump_out) is "$name: the figures agree" "$(SLACK=20000 agree "$name")" ok ;;
    *) is "$name: the figures agree" "$(agree "$name")" ok ;;
    esac
}

# The process's own figure of a kind.
of_calls() { # NAME KEY
    json "$1" "[.calls.processes[]?.$2] | add"
}

for kind in cyg sled plain; do
    for mode in recursion deep threads callbacks tails times; do counted $kind truth $mode; done
    for mode in jumps far_jumps handlers jump_out coroutines wander; do counted $kind leaves $mode; done
    for mode in forks exec churn ends; do counted $kind lives $mode; done
    for mode in throws through objects exits; do counted $kind throws $mode; done
done
for mode in recursion deep callbacks tails; do counted endbr truth $mode; done
# Children that nobody follows.
for kind in cyg sled plain; do calls_options=--no-children counted $kind lives alarms; done
counted cyg truth inlines
counted cyg lives plugins
# What is loaded later is changed when proftop has seen it: libraries that stay for an instant run as they are.
for kind in sled plain; do
    name=lives-$kind-plugins
    calls $name all,first_outer,second_outer "$calls_programs/lives_calls-$kind" plugins "$tmp/$name.truth"
    is "$name: exit status" "$(cat "$tmp/$name.rc")" 7
    check "$name: output" diff "$tmp/lives-cyg-plugins.out" "$tmp/$name.out"
    # shellcheck disable=SC2016 # jq's
    is "$name: no more than there were" "$(json $name '[.called[]? | select(.function | test("_outer$")) | select(.calls > 10000)] | tostring')" '[]'
done

# ---- what is known besides ----
for kind in cyg sled; do
    is "$kind: jumps: two functions are left by each" "$(of_calls leaves-$kind-jumps implicit_exits)" 2000000
    is "$kind: jumps: no other exit is amiss" "$(of_calls leaves-$kind-jumps orphan_exits)" 0
    for name in truth-$kind-recursion truth-$kind-threads truth-$kind-deep throws-$kind-throws; do
        is "$name: no exit is amiss" "$(of_calls "$name" orphan_exits)" 0
    done
    is "$kind: recursion: each exit is seen" "$(of_calls truth-$kind-recursion implicit_exits)" 0
done

# Total and self time as the program measured them.
for kind in cyg sled plain; do
    name=truth-$kind-times
    while read -r function total self; do
        # shellcheck disable=SC2016 # awk's
        check "$name: time of $function" awk -v total="$total" -v self="$self" -v got_total="$(row "$name" "$function" total_ns)" \
            -v got_self="$(row "$name" "$function" self_ns)" 'BEGIN {
                printf "total %.0f, wanted %.0f; self %.0f, wanted %.0f\n", got_total, total, got_self, self
                exit !(got_total > total * 0.98 && got_total < total * 1.02 && got_self > self * 0.97 && got_self < self * 1.03) }'
    done < <(awk '$1 == "time" { print $2, $3, $4 }' "$tmp/$name.truth")
done

# Who is left by a jump has taken the half of a probe: time of its own is part of all its time.
for kind in cyg sled plain; do
    # shellcheck disable=SC2016 # jq's
    is "$kind: jumps: no less time in all than by itself" "$(json leaves-$kind-jumps '[.called[]? | select(.function | test("jump_once"))
        | select(.self_ns > .total_ns * 1.01) | {function, total_ns, self_ns}] | tostring')" '[]'
    is "$kind: far_jumps: recursion that is jumped out of has its time" "$(json leaves-$kind-far_jumps '[.called[]?
        | select(.function | test("goes_down")) | select(.self_ns > .total_ns * 1.01 or .total_ns < 500000) | {total_ns, self_ns}] | tostring')" '[]'
done

# Recursion is in a function's total once: no more than the time there was.
for kind in cyg sled plain; do
    is "$kind: recursion: total is no longer than the run" "$(json truth-$kind-recursion '.duration_ns as $all
        | [.called[]? | select(.total_ns > $all) | .function] | tostring')" '[]'
done

# Each thread by itself.
"$proftop" report --view calls --threads --json --top 0 "$tmp/truth-cyg-threads.pb.gz" >"$tmp/threads.json" 2>&1
is "threads: eight, with their own calls" "$(jq -r '[.threads[]? | [.called[] | select(.function == "work_item" or .function == "work_thread")
    | .calls] | add | select(. != null)] | map(tostring) | unique_by(.) as $kinds | "\(length) \($kinds | join(" "))"' "$tmp/threads.json")" "8 31251"
finish
