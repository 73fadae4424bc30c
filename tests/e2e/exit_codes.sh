#!/bin/bash
# proftop ends as its target does: the same status, 128 + the signal, and its own errors as a shell says them.
# shellcheck source=tests/e2e/tap.sh
. "$(dirname "$0")/tap.sh"

# ends STATUS COMMAND...: by `record`, and by proftop itself with its text report.
ends() {
    local status=$1
    shift
    record run "$@"
    is "record: ${*##*/} ends with $status" "$(cat "$tmp/run.rc")" "$status"
    "$proftop" -- "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
    is "report: ${*##*/} ends with $status" $? "$status"
}

ends 0 true
ends 1 false
ends 3 "$targets/dies" exit 3
ends 255 "$targets/dies" _exit 255
ends 6 "$targets/dies" thread_exit 6
ends 5 "$targets/dies" main_gone
ends 134 "$targets/dies" abort
ends 139 "$targets/dies" segv
ends 137 "$targets/dies" kill9
ends 143 "$targets/dies" signal 15
ends 130 "$targets/dies" signal 2
ends 42 bash -c 'exit 42'

"$proftop" -- "$targets/truth-nofp" steady .3 >"$tmp/out" 2>"$tmp/err" </dev/null
is "without a terminal: stdout is the target's alone" "$(cut -d' ' -f1 "$tmp/out" | sort | uniq -c | tr -s ' \n' ' ')" " 1 cpu 8 truth "
like "without a terminal: the report is on stderr" "$(cat "$tmp/err")" 'spin_40'

"$proftop" "$targets/dies" exit 4 >/dev/null 2>&1 </dev/null
is "a command without -- works" $? 4
printf 'through' | "$proftop" record --quiet -o "$tmp/stdin.pb.gz" -- cat >"$tmp/out" 2>"$tmp/err"
is "stdin is the target's" "$(cat "$tmp/out")" through

(cd "$tmp" && "$proftop" record --quiet -- true </dev/null >/dev/null 2>&1)
is "record names its own file" "$(find "$tmp" -maxdepth 1 -name 'proftop-*.pb.gz' | wc -l)" 1

"$proftop" record --quiet -d 0.5 -o "$tmp/short.pb.gz" -- "$targets/truth-nofp" steady 2 </dev/null >"$tmp/out" 2>"$tmp/err"
check "record -d: can be reported" report short
is "record -d: half a second" "$(json short '.duration_ns > 4e8 and .duration_ns < 9e8')" true

"$proftop" record --quiet -F 499 -o "$tmp/rate.pb.gz" -- "$targets/truth-nofp" steady 1 </dev/null >"$tmp/out" 2>"$tmp/err"
report rate
is "record -F: the rate asked for" "$(json rate '.rate_asked_hz | floor')" 499
is "record -F: about so many samples" "$(json rate '.samples > 350 and .samples < 650')" true

"$proftop" report --json "$tmp/rate.pb.gz" >"$tmp/before" 2>&1
"$proftop" report "$tmp/rate.pb.gz" --json >"$tmp/after" 2>&1
check "report: options may stand behind the file" cmp "$tmp/before" "$tmp/after"

for option in --help --version; do
    check "$option works" "$proftop" $option
done
finish
