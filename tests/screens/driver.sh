# Sourced by the screen tests: proftop in a terminal that a test can type into and look at (tmux on a socket of its own).
#
#   open_screen COLUMNSxROWS COMMAND...   starts a command in a terminal of that size
#   keys KEY...                           types, in tmux's names (Enter, Escape, C-c, F10) or as it is
#   screen                                prints what is shown, without blanks at the ends of lines
#   wait_screen REGEX [SECONDS]           waits until a line that is shown matches
#   shows NAME REGEX / never NAME REGEX   ok when it comes to match / does not match now
#   resize COLUMNSxROWS
#   ends NAME STATUS                      ok when the command ends with that status
#   golden NAME                           ok when the screen becomes the one in golden/NAME.txt;
#                                         UPDATE_GOLDEN=1 writes that file instead
#   close_screen
#
# $term is the terminal's TERM (tmux itself is like "screen"), $locale its LC_ALL.
# shellcheck shell=bash disable=SC2034
# shellcheck source=tests/e2e/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/tap.sh"
golden_folder=$root/tests/screens/golden
term=screen-256color locale=C.UTF-8

mux() {
    env -u TMUX tmux -S "$tmp/tmux" -f /dev/null "$@"
}

# The processes below one, itself included, the deepest first.
family() {
    local child
    for child in $(pgrep -P "$1"); do
        family "$child"
    done
    echo "$1"
}

at_end() {
    close_screen
    mux kill-server >/dev/null 2>&1
}

open_screen() {
    local size=$1 word line=
    shift
    for word in env TERM="$term" LC_ALL="$locale" "$@"; do
        line="$line $(printf '%q' "$word")"
    done
    close_screen
    mux new-session -d -s test -x "${size%x*}" -y "${size#*x}" "exec cat" \; \
        set-option -s exit-empty off \; set-option -g status off \; set-option -g remain-on-exit on \; \
        set-option -g remain-on-exit-format '' \; set-option -g escape-time 0 \; \
        set-option -g history-limit 0 \; resize-window -t test -x "${size%x*}" -y "${size#*x}" \; \
        respawn-pane -k -t test "exec $line"
}

# Nothing of a test is left behind: what the command started ends with it.
close_screen() {
    local pid
    pid=$(pane pane_pid)
    # shellcheck disable=SC2046 # a word each
    [ -z "$pid" ] || kill -KILL $(family "$pid") 2>/dev/null
    mux kill-session -t test >/dev/null 2>&1
    return 0
}

keys() {
    mux send-keys -t test "$@"
}

screen() {
    mux capture-pane -p -t test 2>/dev/null | sed 's/[[:space:]]*$//'
}

screen_has() {
    screen | grep -Eq -- "$1"
}

wait_screen() {
    wait_for "${2:-10}" screen_has "$1"
}

shows() {
    if wait_screen "$2" "${3:-10}"; then ok "$1"; else not_ok "$1" "wanted: $2"$'\n'"$(screen)"; fi
}

never() {
    if screen_has "$2"; then not_ok "$1" "not wanted: $2"$'\n'"$(screen)"; else ok "$1"; fi
}

resize() {
    mux resize-window -t test -x "${1%x*}" -y "${1#*x}"
}

pane() {
    mux display-message -p -t test "#{$1}" 2>/dev/null
}

# The status arrives after the terminal is closed; a command that was killed has a signal instead. tmux sometimes misses
# that the command is there to be waited for, so it is told again.
has_ended() {
    [ "$(pane pane_dead)" = 1 ] || return 1
    [ -n "$(pane pane_dead_status)$(pane pane_dead_signal)" ] && return 0
    kill -CHLD "$(pane pid)"
    return 1
}

ends() {
    if wait_for 15 has_ended; then
        is "$1" "$(pane pane_dead_status)" "$2"
    else
        not_ok "$1" "still running"$'\n'"$(screen)"
    fi
}

is_golden() {
    screen | cmp -s - "$golden_folder/$1.txt"
}

golden() {
    if [ -n "${UPDATE_GOLDEN-}" ]; then
        read -r -t 0.6 -u "$idle" || : # for a person to look at afterwards: a pause is good enough
        mkdir -p "$golden_folder"
        screen >"$golden_folder/$1.txt"
        ok "$1 (written)"
    elif wait_for 10 is_golden "$1"; then
        ok "$1 is as expected"
    else
        screen >"$tmp/screen"
        not_ok "$1 is as expected" "$(diff "$golden_folder/$1.txt" "$tmp/screen" 2>&1)"
    fi
}
