#!/bin/bash
# Code that is awkward to name or to unwind: inlined, made at run time, in signal handlers, in libraries that share an
# address, in children of every kind.
# shellcheck source=tests/e2e/tap.sh
. "$(dirname "$0")/tap.sh"

between() { # VALUE LEAST MOST
    echo "got $1, wanted $2 to $3"
    [ "$1" -ge "$2" ] 2>/dev/null && [ "$1" -le "$3" ]
}

share() { # NAME FUNCTION self|total LEAST MOST
    check "$1: $2 has $4 to $5 % ($3)" between \
        "$(json "$1" "[.functions[] | select(.function == \"$2\") | .${3}_percent] | add // 0 | floor")" "$4" "$5"
}

profile() { # NAME COMMAND...
    record "$@"
    is "$1: exit status" "$(cat "$tmp/$1.rc")" 0
    check "$1: can be reported" report "$1"
}

profile inlines "$targets/inlines" 1
share inlines inline_inner self 95 100
share inlines inline_middle total 95 100
share inlines inline_outer total 95 100
share inlines main total 97 100
is "inlines: the source is known" "$(json inlines '[.functions[] | select(.function == "inline_inner") | .file]
    | first | sub(".*/"; "")')" inlines.c

"$targets/jit" 0 >/dev/null
if [ $? -eq 77 ]; then
    skip jit "x86-64 only"
else
    profile jit "$targets/jit" 1
    share jit jit_hot self 68 82
    share jit jit_cool self 18 32
    share jit main total 97 100
fi

profile signal_deep "$targets/signal_deep" 1
is "signal_deep: its stack is intact" "$(cat "$tmp/signal_deep.out")" "stack intact"
share signal_deep handler_leaf self 95 100
# The kernel copies the stack that is in use; what the signal interrupted is on another one, and is not made up.
share signal_deep '[truncated]' total 95 100
is "signal_deep: all such stacks are counted" "$(json signal_deep '.samples * 0.95 < .stacks.truncated')" true

profile dlclose_reuse "$targets/dlclose_reuse" 1
if [ "$(cat "$tmp/dlclose_reuse.out")" = "same address: yes" ]; then
    share dlclose_reuse first_part self 42 58
    share dlclose_reuse second_part self 42 58
    share dlclose_reuse main total 95 100
else
    skip dlclose_reuse "the system gave the libraries different addresses"
fi

profile children "$targets/children" all 2
share children work_after_fork self 20 46
share children work_after_vfork self 20 46
share children work_after_spawn self 20 46
is "children: six of them and the parent" \
    "$(json children '[.threads[] | select(.samples > 5) | .pid] | unique | length')" 6
is "children: their words" "$(cat "$tmp/children.out")" "$("$targets/children" all 2)"

record_options="${record_options-} --no-children" profile no-children "$targets/children" all 1
share no-children work_after_fork self 0 0
share no-children work_after_spawn self 0 0

record deep "$targets/recursion-nofp" 100000 2
is "recursion of 100,000: exit status" "$(cat "$tmp/deep.rc")" 0
check "recursion of 100,000: can be reported" report deep
share deep leaf self 80 100
is "recursion of 100,000: stacks are complete, or said to be cut" \
    "$(json deep '.stacks | (.complete + .truncated) * 20 >= (.complete + .truncated + .broken) * 19')" true
finish
