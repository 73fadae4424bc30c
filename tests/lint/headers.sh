#!/bin/bash
# The header is the manual: a comment stands right above every prototype, and every header is guarded.
# shellcheck source=tests/lint/lint.sh
. "$(dirname "$0")/lint.sh"

files 'core/*.h' 'tui/*.h' 'collectors/*.h' >"$tmp/headers"

# Prototypes and inline functions whose line above is not the end of a comment. Lines of the same declaration (a return
# type, an attribute) may stand between.
undocumented() {
    ctags -L "$tmp/headers" --languages=C --langmap=C:.h.c --kinds-C=pf -x --_xformat='%F|%n|%N' 2>/dev/null |
        awk -F'|' '
            $1 != file {
                file = $1
                delete text
                for (n = 1; (getline line < file) > 0; n++) text[n] = line
                close(file)
            }
            $3 !~ /^__builtin_/ {
                for (above = $2 - 1; text[above] ~ /^[a-zA-Z_].*[^;}\/]$/; above--);
                if (text[above] !~ /\*\/[[:space:]]*$/ && text[above] !~ /^[[:space:]]*\/\//)
                    print $1 ":" $2 ": " $3
            }'
}

unguarded() {
    local header
    while read -r header; do
        grep -qE '^#ifndef PROFTOP_' "$header" || grep -q '^#pragma once' "$header" || echo "$header"
    done <"$tmp/headers"
}

unexplained() {
    files 'core/*.c' 'tui/*.c' 'collectors/*.c' 'core/*.h' 'tui/*.h' 'collectors/*.h' | while read -r file; do
        case $(head -c 2 "$file") in '/*' | '//') ;; *) echo "$file" ;; esac
    done
}

none "prototypes are documented" "$(undocumented)"
none "headers are guarded" "$(unguarded)"
none "files open with their purpose" "$(unexplained)"
finish
