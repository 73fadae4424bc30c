#!/bin/bash
# Calls of a program of a thousand functions, beside what valgrind's callgrind counts: the same for each function and each
# edge. Callgrind runs the program that was compiled with the hooks.
# shellcheck source=tests/e2e/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/e2e/calls_lib.sh
. "$root/tests/e2e/calls_lib.sh"
need "counts of callgrind" valgrind || finish

# Callgrind's file as lines "CALLER FUNCTION CALLS", of the generated functions; what main's threads and tables do is "-".
edges_of_callgrind() {
    awk '/^fn=/ { name = substr($0, 4); sub(/^\([0-9]+\) ?/, "", name); sub(/\x27[0-9]+$/, "", name); caller = name }
         /^cfn=/ { name = substr($0, 5); sub(/^\([0-9]+\) ?/, "", name); sub(/\x27[0-9]+$/, "", name); callee = name }
         /^calls=/ && callee ~ /^f[0-9]+$/ { sub(/^calls=/, "", $1); n[(caller ~ /^f[0-9]+$/ ? caller : "-") " " callee] += $1 }
         END { for (edge in n) print edge, n[edge] }' "$1" | sort
}

edges_of_report() { # NAME, by callers or by callees
    if [ "$2" = callers ]; then
        jq -r '.called[]? | .function as $f | .callers[] | "\(.function // "-") \($f) \(.calls)"' "$tmp/$1.json"
    else
        jq -r '.called[]? | .function as $f | .callees[] | "\($f) \(.function) \(.calls)"' "$tmp/$1.json"
    fi | sort
}

totals() { awk '{ n[$2] += $3 } END { for (f in n) print f, n[f] }' | sort; }

rounds=3000
valgrind --tool=callgrind --callgrind-out-file="$tmp/callgrind" --compress-strings=no --compress-pos=no \
    "$calls_programs/generated-cyg" graph $rounds >"$tmp/bare.out" 2>"$tmp/valgrind.err"
is "callgrind can run it" $? 0
edges_of_callgrind "$tmp/callgrind" >"$tmp/edges"
grep -v '^-' "$tmp/edges" >"$tmp/inner"
totals <"$tmp/edges" >"$tmp/totals"
check "there is something to compare" awk '{ sum += $2 } END { print NR " functions, " sum " calls"; exit !(NR > 900 && sum > 300000) }' "$tmp/totals"

agrees_with_callgrind() { # KIND OPTION
    calls "$1" "$2" "$calls_programs/generated-$1" graph $rounds
    is "$1: exit status" "$(cat "$tmp/$1.rc")" 0
    check "$1: output" diff "$tmp/bare.out" "$tmp/$1.out"
    edges_of_report "$1" callers >"$tmp/$1.callers"
    edges_of_report "$1" callees >"$tmp/$1.callees"
    check "$1: calls of each function" diff "$tmp/totals" <(jq -r '.called[]? | "\(.function) \(.calls)"' "$tmp/$1.json" | sort)
    check "$1: calls of each edge, from below" diff "$tmp/edges" "$tmp/$1.callers"
    check "$1: calls of each edge, from above" diff "$tmp/inner" "$tmp/$1.callees"
    is "$1: the figures agree" "$(agree "$1")" ok
}

agrees_with_callgrind cyg auto
agrees_with_callgrind sled all

# Unmodified, fifty functions by name: those that can be counted have as many.
calls plain "$(awk 'NR % 20 == 0 { print $1 }' "$tmp/totals" | paste -sd,)" "$calls_programs/generated-plain" graph $rounds
check "plain: output" diff "$tmp/bare.out" "$tmp/plain.out"
jq -r '.called[]? | "\(.function) \(.calls)"' "$tmp/plain.json" | sort >"$tmp/plain.totals"
check "plain: most can be counted" test "$(wc -l <"$tmp/plain.totals")" -ge 40
is "plain: calls of each function" "$(comm -13 "$tmp/totals" "$tmp/plain.totals")" ""
is "plain: the figures agree" "$(agree plain)" ok
finish
