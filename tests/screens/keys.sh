#!/bin/bash
# What the keys do to a run: rate, sampling, pause, window, mark, unit, sort, filter, zoom, threads, snapshot; then every
# key there is, in every view.
# shellcheck source=tests/screens/driver.sh
. "$(dirname "$0")/driver.sh"
cd "$tmp" || exit 2
open_screen 120x30 "$proftop" -- "$targets/truth-nofp" burst 300
shows "starts" 'spin_40'

# ---- sampling ----
keys '}'
shows "}: says the new rate" 'sampling at 1999 Hz'
shows "}: the header says it" '/1999 Hz|[^/]1999 Hz'
keys '{' '{'
shows "{ twice: a lower one" 'sampling at 499 Hz'
keys z
shows "z: the header says that sampling is off" 'live.*sampling off'
keys z
shows "z again: it is on" 'sampling is on'
never "z again: the header" 'live.*sampling off'
keys p
shows "p: the header says how long it is frozen" 'frozen \+[0-9]+ s'
keys p

# ---- time ----
keys m
shows "m: the last 10 s" 'Output .* last 10 s$'
keys m m
shows "m: up to 60 s" 'Output .* last 60 s$'
keys m
shows "m: back to the whole run" 'Output .* whole run$'
keys R
shows "R: since now" 'Output .* since 00:[0-9]+$'
shows "R: samples come in again" 'spin_40'
keys m
shows "m after R: the whole run" 'Output .* whole run$'

# ---- order and units ----
keys s
shows "s: by the next column" 'TOTAL%▼'
keys I
shows "I: the other way round" 'TOTAL%▲'
keys '<'
shows "<: by the column before" 'SELF%▼'
keys '>' '>'
shows ">: by the columns behind" 'SAMPLES▼'
keys '<' '<' u
shows "u: samples" 'unit: samples'
keys u u
shows "u: time again" 'unit: time'
keys V
shows "V: full names" 'full names'
keys V + - C-l
shows "-: slower again" 'refresh every 100 ms'

# ---- filter, zoom, threads ----
keys '\'
keys -l 'spin_[14]'
keys Enter
shows "\\: the filter is on the screen" 'filter: spin_\[14\]'
never "\\: what does not match is hidden" 'spin_25'
keys Down Enter
shows "Enter: Flame, zoomed" 'zoomed to spin_'
keys BSpace
shows "Backspace: all again" '▏_start'
keys '#'
shows "#: says what is highlighted" 'highlighted: spin_|whole run'
keys b
shows "b: bottom-up" 'bottom-up'
keys E
shows "E: says the name" 'wrote proftop-truth-nofp-.*\.svg'
check "E: the picture is XML" xmllint --noout proftop-*.svg
like "E: it is what is shown" "$(cat proftop-*.svg)" 'data-inverted="1"'
keys b y
shows "y: recursion folded" 'recursion folded'
keys y 1 c
shows "c: all functions" 'spin_25'
keys 7 Enter
shows "Enter in Threads: the filter is on the screen" 'only pid [0-9]+ truth-nofp'
keys Enter
shows "Enter again: all" 'Output +whole run'

# ---- snapshot ----
keys W
shows "W: says the name" 'saved proftop-.*\.pb\.gz'
check "W: the snapshot can be read" "$proftop" report proftop-*.pb.gz

# ---- every key in every view ----
# tmux has its own names for some.
tmux_name() {
    case $1 in
    PgUp) echo PPage ;;
    PgDn) echo NPage ;;
    S-Tab) echo BTab ;;
    Esc) echo Escape ;;
    Backspace) echo BSpace ;;
    *) echo "$1" ;;
    esac
}
# C-z would stop it: there is no shell to bring it back.
mapfile -t all < <("$proftop" --help-keys | sed -n 's/^  \(.*\)\t.*/\1/p' | tr ' ' '\n' | grep -vx 'C-z' | sort -u)
is "the list of keys is long" $((${#all[@]} > 50)) 1
for view in 1 2 7 0; do
    for key in "${all[@]}"; do
        # Escape after each: out of prompts and questions, and twice out of typing into the target.
        keys "$view" "$(tmux_name "$key")" Escape Escape
    done
    keys "?"
    shows "view $view: alive after every key" 'Keys \('
    keys "?"
done
has_ended && not_ok "still running"
finish
