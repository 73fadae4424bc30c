#!/bin/bash
# Terminals of all kinds, and what is left of them afterwards.
# shellcheck source=tests/screens/driver.sh
. "$(dirname "$0")/driver.sh"
cd "$tmp" || exit 2
short=("$proftop" -- "$targets/truth-nofp" burst .5)

for term in linux xterm-256color screen vt100; do
    open_screen 80x24 "${short[@]}"
    shows "TERM=$term: the table" 'spin_40'
    shows "TERM=$term: the end" '([Ee]nded|[Ee]xited|[Ff]inished)' 20
    keys q
    ends "TERM=$term: leaves" 0
done

for term in dumb no-such-terminal ""; do
    open_screen 100x24 "$proftop" -- "$targets/truth-nofp" burst .3
    ends "TERM='$term': an error" 1
    shows "TERM='$term': one line that says why" '^proftop: .*(TERM|terminal)'
done
term=screen-256color

ascii_only() { # NAME
    if screen | LC_ALL=C grep -q '[^ -~]'; then
        not_ok "$1" "$(screen | LC_ALL=C grep '[^ -~]' | head -n 5)"
    else
        ok "$1"
    fi
}

locale=C
open_screen 80x24 "${short[@]}"
shows "LC_ALL=C: the table" 'spin_40'
ascii_only "LC_ALL=C: nothing but ASCII in the functions"
keys 2
shows "LC_ALL=C: the flame" 'run_bursts'
ascii_only "LC_ALL=C: nothing but ASCII in the flame"
locale=C.UTF-8

open_screen 80x24 "$proftop" --ascii -- "$targets/truth-nofp" burst .5
shows "--ascii: the table" 'spin_40'
ascii_only "--ascii: nothing but ASCII"

colours() {
    mux capture-pane -e -p -t test | grep -c $'\x1b\\[[0-9;]*[34][0-8]' # 39 and 49 are the terminal's own
}
open_screen 80x24 env NO_COLOR=1 "${short[@]}"
shows "NO_COLOR: the table" 'spin_40'
is "NO_COLOR: no colour" "$(colours)" 0

# ---- sizes change under it ----
open_screen 80x24 "$proftop" -- "$targets/truth-nofp" burst 60
shows "before any change" 'spin_40'
for size in 40x10 200x50 20x5 3x2 120x30 1x1 80x24; do
    resize $size
    # Keys must be taken at every size.
    keys 2 Down 1 Down
done
keys g
shows "after many sizes" 'spin_40'
if has_ended; then not_ok "alive after many sizes"; else ok "alive after many sizes"; fi

# ---- the terminal is given back ----
# A shell in the terminal says how it is set, before and after.
in_shell() { # COMMAND
    open_screen 100x30 bash --norc --noprofile -c "stty -g >$tmp/before; $1; stty -g >$tmp/after; echo back; cat"
}
restored() { # NAME
    shows "$1: back in the shell" '^back' 20
    check "$1: the terminal is as it was" cmp "$tmp/before" "$tmp/after"
    is "$1: the cursor is shown" "$(pane cursor_flag)" 1
    is "$1: the first screen is shown" "$(pane alternate_on)" 0
    is "$1: the mouse is free" "$(pane mouse_any_flag)" 0
}

in_shell "$proftop -- $targets/truth-nofp burst .3"
shows "q: the end" '([Ee]nded|[Ee]xited|[Ff]inished)' 20
keys q
restored q

in_shell "sh -c 'echo \$\$ >$tmp/pid; exec $proftop -- $targets/truth-nofp burst 30'"
shows "SIGTERM: running" 'spin_40'
kill -TERM "$(cat "$tmp/pid")"
restored SIGTERM

open_screen 100x30 bash --norc --noprofile -i
keys "$proftop -- $targets/truth-nofp burst 60" Enter
shows "C-z: running" 'spin_40'
keys C-z
shows "C-z: stopped" 'Stopped'
keys "fg" Enter
shows "fg: running again" 'spin_40'
shows "fg: the whole screen" 'SELF'

# ---- no way to open a screen ----
open_screen 80x24 sh -c "$proftop view /dev/null </dev/null; echo status \$?; cat"
shows "view of nothing: one line" '^proftop: '
shows "view of nothing: exit status" '^status 1'
finish
