#!/bin/bash
# Odd places, closed descriptors, tight limits and signals at bad moments: one line, nothing left behind, nothing of the
# user's harmed.
# shellcheck source=tests/e2e/tap.sh
. "$(dirname "$0")/tap.sh"

export XDG_RUNTIME_DIR=$tmp/run
mkdir -m 700 "$tmp/run"
left_behind() { find "$tmp/run" -mindepth 2; find "$tmp" -name '.proftop*'; }

# refuses NAME STATUS REGEX COMMAND...: one line on stderr that matches; the command did not run.
refuses() {
    local name=$1 status=$2 regex=$3 got
    shift 3
    timeout 20 "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
    got=$?
    is "$name: exit status" $got "$status"
    is "$name: one line" "$(wc -l <"$tmp/err")" 1
    like "$name: says why" "$(cat "$tmp/err")" "^proftop: .*($regex)"
    is "$name: the command did not run" "$(cat "$tmp/out")" ""
}

# ---- places ----
ln -s "$tmp/precious" "$tmp/link"
echo precious >"$tmp/precious"
refuses "a link" 1 'symbolic link' "$proftop" record -o "$tmp/link" -- echo ran
is "a link: still there" "$(readlink "$tmp/link"; cat "$tmp/precious")" "$tmp/precious"$'\n'precious
refuses "an empty name" 2 'empty' "$proftop" record -o '' -- echo ran
refuses "a name that is too long" 1 'too long' "$proftop" record -o "$tmp/$(printf '%300s' '' | tr ' ' a)" -- echo ran
refuses "a name of two lines" 1 'nowhere\\x0a' "$proftop" record -o "$tmp/nowhere"$'\n/x' -- echo ran
mkdir "$tmp/gone"
refuses "a folder that is gone" 1 'cannot be written' \
    bash -c 'cd "$1"; rmdir "$1"; exec "$0" record -- echo ran' "$proftop" "$tmp/gone"
"$proftop" record -o "$tmp/two"$'\n'lines -- true 2>"$tmp/err"
is "a snapshot's name of two lines: one line" "$(wc -l <"$tmp/err")" 1

# ---- descriptors ----
"$proftop" record -o "$tmp/closed.pb.gz" -- bash -c '[ ! -e /proc/$$/fd/0 ] && [ ! -e /proc/$$/fd/2 ]' <&- 2>&-
is "closed descriptors: closed for the command too" $? 0
check "closed descriptors: the snapshot is good" "$proftop" report "$tmp/closed.pb.gz"
"$proftop" report "$tmp/closed.pb.gz" >&- 2>"$tmp/err"
is "closed stdout: exit status" $? 1
is "closed stdout: one line" "$(wc -l <"$tmp/err")" 1

# ---- limits ----
# The thread sanitizer dies of it on its own.
[ -n "${SANITIZED:-}" ] || refuses "no room for files" 1 'File too large' \
    bash -c '(ulimit -f 0; "$0" record -o "$1" -- true) 2>&1 | cat >&2; exit "${PIPESTATUS[0]}"' "$proftop" "$tmp/limited.pb.gz"
if [ -n "${SANITIZED:-}" ]; then
    skip "no more threads" "the leak sanitizer needs one itself"
elif [ "$(id -u)" = 0 ]; then
    mkdir -m 777 "$tmp/nobody"
    chmod 755 "$tmp"
    refuses "no more threads" 1 'thread|process' setpriv --reuid=65534 --regid=65534 --clear-groups \
        env -u XDG_RUNTIME_DIR prlimit --nproc=1 "$proftop" record -o "$tmp/nobody/x.pb.gz" -- echo ran
else
    skip "no more threads" "needs root"
fi
refuses "few descriptors" 1 'descriptor|open files' bash -c 'ulimit -n 10; exec "$0" record -o "$1" -- echo ran' \
    "$proftop" "$tmp/x.pb.gz"

# ---- signals ----
# shellcheck disable=SC2016 # expanded by the profiled shell
for signal in TERM HUP USR1 ALRM RTMIN; do
    "$proftop" record -o "$tmp/$signal.pb.gz" -- sh -c 'kill -s "$0" $PPID; exec sleep "$1"' "$signal" 1 2>"$tmp/err"
    is "the command sends $signal: exit status" $? $((128 + $(kill -l "$signal")))
    check "the command sends $signal: the snapshot is good" "$proftop" report "$tmp/$signal.pb.gz"
    like "the command sends $signal: it is said to run on" "$(cat "$tmp/err")" 'runs on'
done
# shellcheck disable=SC2016 # expanded by the profiled shell
(trap '' HUP; exec "$proftop" record -o "$tmp/nohup.pb.gz" -- sh -c 'kill -s HUP $PPID; exit 3') 2>"$tmp/err"
is "HUP, ignored by the user: ignored" $? 3
is "nothing is left behind" "$(left_behind)" ""

# ---- what proftop left when it was killed ----
# shellcheck disable=SC2016 # expanded by the profiled shell
"$proftop" record -q -o "$tmp/killed.pb.gz" -- sh -c 'kill -s KILL $PPID' 2>/dev/null
wait_for 10 test -n "$(left_behind)"
find "$tmp/run" -name socket -exec touch -d '2 minutes ago' {} +
"$proftop" record -q -o "$tmp/next.pb.gz" -- true
is "killed: the next run clears up" "$(left_behind)" ""
finish
