#!/bin/bash
# Who may include whom. The folders of core stand in three rows over base; nothing looks up or sideways.
# shellcheck source=tests/lint/lint.sh
. "$(dirname "$0")/lint.sh"

files '*.c' '*.h' >"$tmp/files"
# "FILE HEADER" for each include, quotes and brackets kept on the header.
xargs -r grep -HnE '^[[:space:]]*#[[:space:]]*include' <"$tmp/files" |
    sed -nE 's/^([^:]*):[0-9]+:[^<"]*([<"][^>"]*[>"]).*/\1 \2/p' |
    grep -v '^tests/' >"$tmp/includes"

# The folders that each folder may include from, its own apart.
may_use() {
    case $1 in
    core/base) ;;
    core/wire | core/model | core/symbols | core/unwind) echo core/base ;;
    core/target) echo core/base core/wire ;; # it starts the other end of the wire
    core/formats | core/analysis)
        echo core/base core/wire core/model core/symbols core/target core/unwind
        ;;
    core/session)
        echo core/base core/wire core/model core/symbols core/target core/unwind core/formats core/analysis
        ;;
    collectors/target) echo core/wire ;;
    collectors/*) echo core/base core/wire core/model core/symbols core/target core/unwind core/session ;;
    tui/cli) echo core tui collectors/perf collectors/timer collectors/heap collectors/calls collectors/papi collectors/callgrind ;;
    tui/*) echo core tui ;;
    *) echo unknown ;;
    esac
}

allowed() { # FOLDER HEADER-FOLDER
    local folder
    [ "$1" != "$2" ] || return 0
    for folder in $(may_use "$1"); do
        case $2 in "$folder" | "$folder"/*) return 0 ;; esac
    done
    return 1
}

wrong_direction() {
    local file header
    while read -r file header; do
        case $header in
        '"gen/'* | '"profile.pb-c.h"' | '<'*) continue ;;
        esac
        header=${header//\"/}
        case $header in
        core/*/* | collectors/*/* | tui/*/*)
            allowed "$(dirname "$file")" "$(dirname "$header")" || echo "$file includes $header"
            ;;
        *) echo "$file includes $header, which is not named from the root" ;;
        esac
    done <"$tmp/includes"
}

# only_in FOLDER REGEX: includes of such headers outside of the folder.
only_in() {
    grep -E " [<\"]($2)" "$tmp/includes" | grep -vE "^$1/"
}

# What collectors/target reaches through core/wire must be free of GLib and of the rest of core.
reached_by_target() {
    local header
    grep '^collectors/target/' "$tmp/includes" | grep -oE 'core/wire/[^"]*' | sort -u | while read -r header; do
        grep -E "^$header [<\"](glib|gio|core/base)" "$tmp/includes"
    done
}

none "includes point down" "$(wrong_direction)"
none "ncurses is known to tui/term alone" "$(only_in tui/term '(ncursesw/)?n?curses(w)?\.h|term(info)?\.h|panel\.h')"
none "libdw is known to core/symbols alone" "$(only_in core/symbols '(elfutils/)?libdw')"
none "libiberty is known to core/symbols alone" "$(only_in core/symbols '(libiberty/)?demangle\.h|libiberty')"
none "libunwind is known to core/unwind alone" "$(only_in core/unwind 'libunwind')"
none "protobuf-c is known to core/formats alone" "$(only_in core/formats '(gen/)?[a-z_]*\.pb-c\.h|protobuf-c/')"
none "zlib is known to core/formats and core/symbols alone" "$(only_in 'core/(formats|symbols)' 'zlib\.h')"
none "Zydis is known to collectors/calls alone" "$(only_in collectors/calls 'Zydis/')"
none "no GLib in the target" "$(grep -E '^collectors/target/[^ ]* <(glib|gio)' "$tmp/includes"; reached_by_target)"
finish
