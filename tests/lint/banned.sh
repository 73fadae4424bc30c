#!/bin/bash
# Calls that must not be in the code, and marks of unfinished work.
# shellcheck source=tests/lint/lint.sh
. "$(dirname "$0")/lint.sh"

# The code without comments and strings, as FILE:LINE:TEXT.
code() {
    files "$@" | while read -r file; do
        gcc -fpreprocessed -dD -E -P -x c "$file" 2>/dev/null | sed -E 's/"([^"\\]|\\.)*"/""/g' |
            sed "s|^|$file: |"
    done
}

code 'core/*.[ch]' 'tui/*.[ch]' 'collectors/*.[ch]' >"$tmp/code"
banned() {
    grep -E "(^|[^A-Za-z0-9_>.])($1)[[:space:]]*\\(" "$tmp/code" | grep -v ': EXPORT ' # our own of that name
}

none "unbounded strings" "$(banned 'strcpy|strcat|sprintf|vsprintf|strtok|gets|scanf|sscanf')"
none "shells" "$(banned 'system|popen')"
none "numbers read without errors" "$(banned 'atoi|atol|atoll|atof')"
none "stack taken at run time" "$(banned 'alloca|g_alloca|g_newa' | grep -v '^collectors/target/')"
none "names of temporary files" "$(banned 'tmpnam|mktemp|tempnam')"
none "GLib's threads (the thread sanitizer does not see them)" \
    "$(grep -E '\bg_(mutex|rw_lock|rec_mutex|cond|thread|async_queue|once_init|private)_|\bG(Mutex|Cond|Thread|RWLock)\b' "$tmp/code")"
none "core neither prints nor exits" \
    "$(grep -E '^core/' "$tmp/code" | grep -E '(^|[^A-Za-z0-9_>.])(printf|puts|putchar|perror|exit|_exit|g_print|g_printerr|g_message|g_warning)[[:space:]]*\(' |
        grep -vE '^core/target/')"
none "stdio in the target" "$(grep -E '^collectors/target/' "$tmp/code" |
    grep -E '(^|[^A-Za-z0-9_>.])(printf|fprintf|fopen|puts|perror|fputs|fwrite)[[:space:]]*\(')"
none "marks of unfinished work" \
    "$(files '*.[ch]' '*.cc' '*.sh' '*.py' Makefile 'man/*' README.md | grep -v '^tests/lint/' |
        xargs -r grep -nE '\b(TODO|FIXME|XXX|HACK|NEEDSWORK)\b' /dev/null)"
none "tests that wait for time" \
    "$(files 'tests/*.sh' 'tests/unit/*.c' | grep -v '^tests/lint/' |
        xargs -r grep -nE '(^|[^a-z_])(u?sleep|nanosleep) *\(? *[0-9]' /dev/null)"
finish
