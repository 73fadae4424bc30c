#!/bin/bash
# What is wrong is said in one line that begins with "proftop: ", with the right exit status, whatever is wrong.
# shellcheck source=tests/e2e/tap.sh
. "$(dirname "$0")/tap.sh"

# fails NAME STATUS REGEX COMMAND...: one line on stderr that matches, nothing on stdout. In a session of its own, so
# that no terminal can be found.
fails() {
    local name=$1 status=$2 regex=$3 got
    shift 3
    setsid -w timeout 20 "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
    got=$?
    is "$name: exit status" $got "$status"
    is "$name: one line" "$(wc -l <"$tmp/err")" 1
    like "$name: says why" "$(cat "$tmp/err")" "^proftop: .*($regex)"
    is "$name: nothing on stdout" "$(cat "$tmp/out")" ""
}

# ---- commands ----
fails "no such command" 127 'no-such-command' "$proftop" record -o "$tmp/x.pb.gz" -- no-such-command
fails "no such command, with a report" 127 'no-such-command' "$proftop" -- no-such-command
fails "no such path" 127 '/no/such' "$proftop" record -o "$tmp/x.pb.gz" -- /no/such/command
fails "a value that was taken for the command" 127 'did you mean --calls=fib[?]' "$proftop" record --calls fib true
echo 'echo hello' >"$tmp/plain"
fails "not executable" 126 'plain' "$proftop" record -o "$tmp/x.pb.gz" -- "$tmp/plain"
fails "a directory" 126 '.' "$proftop" record -o "$tmp/x.pb.gz" -- "$tmp"
printf '#!/no/such/interpreter\n' >"$tmp/script"
chmod +x "$tmp/script"
fails "missing interpreter" 127 'script|interpreter' "$proftop" record -o "$tmp/x.pb.gz" -- "$tmp/script"
is "a command that did not start leaves no snapshot" "$(find "$tmp" -name 'x.pb.gz*' | wc -l)" 0

# ---- a report that cannot be written ----
setsid -w "$proftop" --no-tui -- true </dev/null >"$tmp/out" 2>/dev/full
is "a report that is lost: exit status" $? 1
setsid -w "$proftop" --no-tui -q -- true </dev/null >"$tmp/out" 2>/dev/full
is "no report, nothing lost" $? 0

setsid -w "$proftop" --no-tui -- true </dev/null >"$tmp/out" 2>&-
is "nobody to read it, nothing lost" $? 0

# ---- usage ----
fails "no command" 2 '.' "$proftop" record
fails "an unknown option" 2 'nonsense' "$proftop" record --nonsense -- true
fails "an unknown option of report" 2 'nonsense' "$proftop" report --nonsense x.pb.gz
fails "a rate that is no number" 2 'abc' "$proftop" record -F abc -- true
fails "a rate of 0" 2 '.' "$proftop" record -F 0 -- true
fails "a rate beyond reason" 2 '.' "$proftop" record -F 99999999999999999999 -- true
fails "a duration that is no number" 2 'soon' "$proftop" record -d soon -- true
fails "a negative duration" 2 '.' "$proftop" record -d -1 -- true
fails "a duration that is not a number at all" 2 'nan' "$proftop" record -d nan -- true
fails "report without a file" 2 '.' "$proftop" report
fails "report of two files" 2 '.' "$proftop" report a b
fails "an unknown view" 2 'nonsense' "$proftop" report --view nonsense "$tmp/x.pb.gz"
fails "view without a file" 2 '.' "$proftop" view
fails "a way to measure the heap that there is not" 2 "'all'" "$proftop" record --memory=all -- true
fails "a budget of 0" 2 'budget' "$proftop" --budget 0 -- true
fails "a budget of more than all" 2 'budget' "$proftop" record --budget 101 -- true
fails "a budget that is no number" 2 'much' "$proftop" record --budget much -- true
fails "the heap of what runs already" 2 'runs already' "$proftop" record --memory -p $$
fails "leaks of what runs already" 2 'runs already' "$proftop" record --leaks -p $$
fails "leaks by sampling" 2 'memory=sampled' "$proftop" record --leaks --memory=sampled -- true
fails "leaks without a heap" 2 'memory=off' "$proftop" record --fail-on leak --memory=off -- true
fails "a reason to fail that there is not" 2 "leak, not 'smoke'" "$proftop" record --fail-on smoke -- true
fails "suppressions of nothing" 2 'leaks' "$proftop" record --suppressions /dev/null -- true
fails "suppressions that are not there" 1 'nowhere' "$proftop" record --leaks --suppressions "$tmp/nowhere" -- true
echo 'leek:soup' >"$tmp/leeks.txt"
fails "a line that suppresses nothing" 1 'leeks.txt.*1' "$proftop" record --leaks --suppressions "$tmp/leeks.txt" -- true
fails "suppressions for another view" 2 'view leaks' "$proftop" report --suppressions /dev/null "$tmp/x.pb.gz"
fails "a column that the heap has not" 2 'own-peak' "$proftop" report --view memory --sort self "$tmp/x.pb.gz"
fails "an order of leaks" 2 'sorted' "$proftop" report --view leaks --sort live "$tmp/x.pb.gz"

# ---- snapshots ----
record good "$targets/truth-nofp" steady .3
good=$tmp/good.pb.gz
check "a good snapshot is reported" "$proftop" report "$good"
for command in report view; do
    fails "$command: no such file" 1 'nowhere' "$proftop" $command "$tmp/nowhere.pb.gz"
    fails "$command: a directory" 1 '.' "$proftop" $command "$tmp"
    : >"$tmp/empty.pb.gz"
    fails "$command: an empty file" 1 'empty' "$proftop" $command "$tmp/empty.pb.gz"
    head -c $(($(wc -c <"$good") / 2)) "$good" >"$tmp/half.pb.gz"
    fails "$command: half a file" 1 'half' "$proftop" $command "$tmp/half.pb.gz"
    echo "hello, this is text" >"$tmp/text.pb.gz"
    fails "$command: text" 1 'text' "$proftop" $command "$tmp/text.pb.gz"
    gzip -c "$tmp/plain" >"$tmp/gzip.pb.gz"
    fails "$command: gzip of something else" 1 'gzip' "$proftop" $command "$tmp/gzip.pb.gz"
done
head -c 600000000 /dev/zero | gzip -1 >"$tmp/bomb.pb.gz"
fails "report: a gzip bomb" 1 'bomb' bash -c '[ -n "${SANITIZED-}" ] || ulimit -v 1500000; exec "$0" report "$1"' "$proftop" "$tmp/bomb.pb.gz"
printf '\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff' | gzip >"$tmp/varint.pb.gz"
fails "report: a number of eleven bytes" 1 'varint' "$proftop" report "$tmp/varint.pb.gz"

# Single bytes changed in the unpacked snapshot: a report or one line, never a crash.
gzip -dc <"$good" >"$tmp/raw"
size=$(wc -c <"$tmp/raw")
crashes=
for step in $(seq 60); do
    at=$((step * 7919 % size))
    { head -c $at "$tmp/raw"; printf '\xff'; tail -c +$((at + 2)) "$tmp/raw"; } | gzip -1 >"$tmp/hit.pb.gz"
    case $((step % 4)) in 0) view=functions ;; 1) view=memory ;; 2) view=leaks ;; 3) view=peak ;; esac
    timeout 10 "$proftop" report --view "$view" "$tmp/hit.pb.gz" >/dev/null 2>"$tmp/err" </dev/null
    status=$?
    case $status in 0 | 1) ;; *) crashes="$crashes byte $at: status $status" ;; esac
    [ "$status" -ne 1 ] || grep -q '^proftop: ' "$tmp/err" || crashes="$crashes byte $at: no message"
done
is "report: 60 snapshots with one byte changed" "$crashes" ""

# ---- places that cannot be written ----
fails "no such folder for the snapshot" 1 'nowhere' "$proftop" record -o "$tmp/nowhere/x.pb.gz" -- true
fails "the snapshot is a directory" 1 '.' "$proftop" record -o "$tmp" -- true
fails "the disk is full" 1 'full' "$proftop" record -o /dev/full -- true
"$proftop" report "$good" >/dev/full 2>"$tmp/err" </dev/null
is "stdout is full: exit status" $? 1
like "stdout is full: says why" "$(cat "$tmp/err")" '^proftop: '
"$proftop" report "$good" 2>"$tmp/err" </dev/null | head -n 1 >/dev/null
is "stdout is closed early: exit status" "${PIPESTATUS[0]/#141/0}" 0
is "stdout is closed early: nothing said" "$(cat "$tmp/err")" ""
"$root/tests/screens/make_snapshot.py" "$tmp/large.pb.gz" --large
for command in "report --json --top 0" "export -o - --format folded"; do
    # shellcheck disable=SC2086 # options, a word each
    "$proftop" $command "$tmp/large.pb.gz" 2>"$tmp/err" </dev/null | head -n 1 >/dev/null
    is "$command: stdout is closed in its midst" "${PIPESTATUS[0]} $(cat "$tmp/err")" "0 "
done
if [ -z "${SANITIZED-}" ]; then
    # shellcheck disable=SC2016 # expanded by the inner shell
    fails "too little memory" 1 'out of memory' \
        bash -c 'ulimit -v 60000; exec "$0" export "$1" -o "$2"' "$proftop" "$tmp/large.pb.gz" "$tmp/memory.svg"
    is "too little memory: no file" "$(find "$tmp" -name '*memory*' -o -name '.proftop*' | wc -l)" 0
fi

# ---- no terminal ----
fails "view without a terminal" 1 'terminal' env TERM=xterm "$proftop" view "$good"

# ---- perf_event refused ----
fails "perf refused" 1 'perf_event' "$targets/no_perf" "$proftop" record --engine perf -o "$tmp/refused.pb.gz" -- echo ran
fails "perf refused, with a report" 1 'perf_event' "$targets/no_perf" "$proftop" --engine perf -- echo ran
fails "perf refused, attaching" 1 'perf_event' "$targets/no_perf" "$proftop" record -o "$tmp/refused.pb.gz" -p $$
is "perf refused: no snapshot" "$(find "$tmp" -name 'refused*' | wc -l)" 0
"$targets/no_perf" "$proftop" record -o "$tmp/fallback.pb.gz" -- echo ran >"$tmp/out" 2>"$tmp/err" </dev/null
is "perf refused, auto: runs all the same" "$? $(cat "$tmp/out")" "0 ran"
is "perf refused, auto: says the samples and why not perf, no more" "$(wc -l <"$tmp/err")" 2
like "perf refused, auto: says why" "$(cat "$tmp/err")" '^proftop: engine perf was not available: .*perf_event'
"$proftop" record --engine timer -o "$tmp/timer.pb.gz" -- echo ran >"$tmp/out" 2>"$tmp/err" </dev/null
is "timer asked for: nothing but the samples" "$(wc -l <"$tmp/err")" 1
like "timer asked for: its limits are in the report" "$("$proftop" report "$tmp/timer.pb.gz")" '^note +.*no kernel frames'

# ---- a program that changes its user: runs, and says what could not be seen ----
cp "$targets/truth-nofp" "$tmp/setuid"
if [ "$(id -u)" = 0 ] && chown nobody "$tmp/setuid" && chmod 4755 "$tmp/setuid"; then
    record setuid "$tmp/setuid" steady .2
    is "setuid: exit status" "$(cat "$tmp/setuid.rc")" 0
    is "setuid: its words" "$(wc -l <"$tmp/setuid.out")" 9
    is "setuid: nothing but lines of proftop on stderr" "$(grep -cv '^proftop: ' "$tmp/setuid.err")" 0
else
    skip "a setuid program" "needs root"
fi
finish
