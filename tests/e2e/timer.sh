#!/bin/bash
# The engine timer: true where it can be, and plain about what it does not see; taken where perf_event is refused.
# shellcheck source=tests/e2e/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/e2e/truth_lib.sh
. "$root/tests/e2e/truth_lib.sh"
record_options="--engine timer"

# The CPU time of the profile in tenths of a percent of that which the program (its last line "cpu SECONDS") measured.
total_per_cpu() { # NAME
    jq -r --argjson cpu "$(awk '$1 == "cpu" { print $2 }' "$tmp/$1.out" | grep . || echo 0)" \
        '.total_ns / 1e6 / $cpu | floor' "$tmp/$1.json" 2>&1
}

not_sampled() { # NAME: in tenths of a percent
    json "$1" '[.functions[] | select(.function == "[not sampled]") | .total_percent] | add // 0 | 10 * . | floor'
}

# ---- truth ----
truth_test() { # PROGRAM MODE SECONDS POINTS
    local name=$1-$2
    record "$name" "$targets/$1" "$2" "$3"
    check "$name: can be reported" report "$name"
    # At a few hundred samples a second the errors are random: among some forty shares, four deviations never come.
    is "$name: shares within $4 points" "$(compare_shares "$name" "$4" self_ns 4)" ok
    check "$name: all CPU time is there, once" between "$(total_per_cpu "$name")" 980 1025
    check "$name: little of it is not sampled" between "$(not_sampled "$name")" 0 20
    check "$name: 99 % of the stacks are complete" between "$(complete_stacks "$name")" 990 1000
    is "$name: nothing lost" "$(json "$name" .lost)" 0
}

truth_test truth-fp steady 4 0.7
truth_test truth-nofp steady 4 0.7
truth_test truth-nofp deep 4 0.7
truth_test truth-nofp threads 4 0.7
truth_test truth-nofp burst 4 2.5
is "the engine is named" "$(json truth-fp-steady .engine)" timer
check "the real rate is told" between "$(json truth-fp-steady '.rate_real_hz | floor')" 50 1010
is "what it does not see is told" "$(json truth-fp-steady '[.notes[] | select(test("kernel|tick|not sampled"))] | length')" 3

# ---- what is not sampled ----
record static "$targets/truth-static" threads 3
report static
is "a static program: exit status" "$(cat "$tmp/static.rc")" 0
check "a static program: its CPU time is counted" between "$(total_per_cpu static)" 980 1025
check "a static program: all is not sampled" between "$(not_sampled static)" 999 1000
like "a static program: says so, and why" "$(json static '.notes[]')" 'nothing of this program is sampled.*static'
check "a static program: each thread has its time" between \
    "$(json static '[.threads[] | select(.cpu_ns > 2e7)] | length')" 4 6

record child bash -c "$targets/truth-static steady 1; $targets/truth-nofp steady 1"
report child
check "a static child: not sampled, its brother is" between "$(not_sampled child)" 350 650

# The shell's own word on what its children used, from its "times".
# shellcheck disable=SC2016 # expanded by the shell that is profiled
record short bash -c 'for i in $(seq 60); do /bin/true; done; times'
awk -F'[ms ]+' '{ for (i = 1; i < NF; i += 2) cpu += 60 * $i + $(i + 1) } END { print "cpu " cpu }' \
    "$tmp/short.out" >"$tmp/times" && mv "$tmp/times" "$tmp/short.out"
report short
check "many short children: their CPU time is there" between "$(total_per_cpu short)" 900 1200

# ---- numbers of its own ----
if unshare --pid --fork true 2>"$tmp/unshare.err"; then
    record namespace unshare --pid --fork "$targets/truth-nofp" threads 2
    report namespace
    is "a pid namespace: each thread once" "$(json namespace '[.threads[] | select(.cpu_ns > 2e7)] | length')" 4
    check "a pid namespace: it is sampled" between "$(not_sampled namespace)" 0 50
else
    skip "a pid namespace" "$(cat "$tmp/unshare.err")"
fi

# ---- fallback ----
"$targets/no_perf" "$proftop" record -q -o "$tmp/fallback.pb.gz" -- "$targets/truth-nofp" steady 1 >"$tmp/fallback.out" 2>&1
is "perf_event refused: exit status" $? 0
report fallback
is "perf_event refused: the engine is the other one" "$(json fallback .engine)" timer
like "perf_event refused: says so, and why" "$(json fallback '.notes[]')" 'engine perf was not available: .*perf_event_open'
check "perf_event refused: it is sampled" between "$(not_sampled fallback)" 0 30

"$targets/no_perf" "$proftop" record --engine perf -o "$tmp/x.pb.gz" -- echo ran >"$tmp/out" 2>"$tmp/err"
is "perf asked for and refused: exit status" $? 1
is "perf asked for and refused: the command did not run" "$(cat "$tmp/out")" ""
is "perf asked for and refused: one line" "$(wc -l <"$tmp/err")" 1
"$proftop" record --engine clock -- echo ran >"$tmp/out" 2>"$tmp/err"
is "an engine that is none: exit status" $? 2
like "an engine that is none: says which there are" "$(cat "$tmp/err")" 'auto, perf or timer'
"$proftop" record --engine timer -d 1 -p $$ >"$tmp/out" 2>"$tmp/err"
is "attaching without perf: exit status" $? 1
like "attaching without perf: says why" "$(cat "$tmp/err")" 'attaching needs perf_event'

if [ "$(id -u)" = 0 ]; then
    mkdir -m 777 "$tmp/nobody"
    chmod 755 "$tmp"
    for how in timer auto; do
        setpriv --reuid=65534 --regid=65534 --clear-groups env -u XDG_RUNTIME_DIR TMPDIR="$tmp/nobody" \
            "$targets/no_perf" "$proftop" record -q --engine $how -o "$tmp/nobody/$how.pb.gz" \
            -- "$targets/truth-nofp" steady .5 >"$tmp/$how.out" 2>"$tmp/$how.err"
        is "unprivileged, $how: exit status" "$? $(cat "$tmp/$how.err")" "0 "
        ln -s "$tmp/nobody/$how.pb.gz" "$tmp/nobody-$how.pb.gz"
        report nobody-$how
        check "unprivileged, $how: it is sampled" between "$(not_sampled nobody-$how)" 0 50
    done
else
    skip unprivileged "needs root"
fi
finish
