#!/bin/bash
# Leaving: the target goes on or is stopped, its output is found again, and nothing is lost when the terminal goes away.
# shellcheck source=tests/screens/driver.sh
. "$(dirname "$0")/driver.sh"
cd "$tmp" || exit 2
runtime=$tmp/runtime
mkdir -m 700 "$runtime"

# A target that says what it is told, and works a little before.
mkfifo told
cat >talker.sh <<'END'
echo $$ >talker.pid
i=0
while [ $i -lt 30000 ]; do i=$((i + 1)); done
echo ready
exec 3<>told
while read -r line <&3; do echo "said $line"; done
END
watched=(env XDG_RUNTIME_DIR="$runtime" "$proftop" -- sh talker.sh)

output_has() {
    cat "$runtime"/proftop/*/output | grep -q "$1"
}

# The target takes what it is told, and its output arrives where proftop left it.
goes_on() { # NAME WORD
    check "$1: the target runs" kill -0 "$(cat talker.pid)"
    echo "$2" 1<>told # never waits for a reader
    check "$1: its output still arrives in its file" wait_for 10 output_has "said $2"
    kill "$(cat talker.pid)"
    rm -rf "${runtime:?}"/proftop
}

is_gone() { # PID
    ! kill -0 "$1" 2>/dev/null
}

start() { # COMMAND-LINE
    rm -f talker.pid
    open_screen 100x30 bash --norc --noprofile -c "$1; echo status \$?; cat"
    wait_screen 'live' && keys 0 && wait_screen '^ready'
}

# ---- leave it running ----
start "$(printf '%q ' "${watched[@]}")"
shows "its output is in its view" '^ready'
keys q
shows "q asks" 'The target still runs'
shows "q: what l does" 'l leave it running'
shows "q: what s does" 's stop it \(SIGTERM\)'
keys l
shows "l: leaves with 0" '^status 0'
shows "l: says that it goes on" '^proftop: .*runs on'
shows "l: says where its output is" '^proftop: .*output is in .*/output'
goes_on "l" "after leaving"

# ---- stop it ----
start "$(printf '%q ' "${watched[@]}")"
keys C-c
shows "C-c asks as q does" 'The target still runs'
keys s
shows "s: leaves with the target's status" '^status 143'
check "s: the target has ended" wait_for 10 is_gone "$(cat talker.pid)"
shows "s: says where its output is" '^proftop: .*output is in .*/output'
check "s: what it had written is there" output_has '^ready'
rm -rf "${runtime:?}"/proftop

# ---- it ends while proftop asks ----
start "$(printf '%q ' "${watched[@]}")"
keys q
shows "asked" 'The target still runs'
kill -KILL "$(cat talker.pid)"
shows "it ends while asked: said" 'ended: killed by SIGKILL'
never "it ends while asked: the question is gone" 'The target still runs'
keys q
shows "then q leaves at once" '^status 137'
rm -rf "${runtime:?}"/proftop

# ---- the terminal goes away ----
saved() {
    ls proftop-*.pb.gz
}
rm -f talker.pid
open_screen 100x30 "${watched[@]}"
wait_screen 'live' && keys 0 && wait_screen '^ready'
process=$(pane pane_pid)
mux kill-session -t test
check "hang-up: proftop ends" wait_for 15 is_gone "$process"
check "hang-up: what was measured is saved" wait_for 10 saved
check "hang-up: the snapshot can be read" "$proftop" report proftop-*.pb.gz
goes_on "hang-up" "after the hang-up"
finish
