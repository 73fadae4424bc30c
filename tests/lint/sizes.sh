#!/bin/bash
# How large things may be: functions, files, argument lists, nesting. A function that is long for a reason says so in
# the line above it: /* long: why */; one whose arguments somebody else has laid down: /* args: why */.
# shellcheck source=tests/lint/lint.sh
. "$(dirname "$0")/lint.sh"

files 'core/*.c' 'tui/*.c' 'collectors/*.c' >"$tmp/sources"
files 'tests/*.c' >"$tmp/tests"
files 'core/*.h' 'tui/*.h' 'collectors/*.h' >"$tmp/headers"

# "FILE LINE NAME BODY-LINES ARGS MARKED" for each function in the files listed on stdin. Body lines are those between
# the braces; with the house's braces the opening one is alone on its line.
functions() {
    ctags -L - --languages=C --kinds-C=f --fields=+neS -x \
        --_xformat='%F|%n|%{end}|%N|%{signature}' 2>/dev/null |
        awk -F'|' '
            function load(file,   n, line) {
                delete text
                for (n = 1; (getline line < file) > 0; n++) text[n] = line
                close(file)
            }
            $1 != file { file = $1; load(file) }
            {
                for (open = $2; open < $3 && text[open] !~ /^\{/; open++);
                depth = args = 0
                for (i = 1; i <= length($5); i++) {
                    c = substr($5, i, 1)
                    if (c == "(") depth++
                    if (c == ")") depth--
                    if (c == "," && depth == 1) args++
                }
                if ($5 !~ /^\((void)?\)$/) args++
                if ($5 ~ /\.\.\.\)$/) args--
                for (above = $2 - 1; text[above] ~ /^[a-zA-Z_].*[^;}]$/; above--);
                marked = text[above] ~ /(long|args): .+\*\// ? 1 : 0
                if (text[$2] ~ /^EXPORT /) args = 0 # as in libc
                print $1, $2, $4, $3 - open - 1, args, marked
            }'
}

over() { # FIELD LIMIT WHAT <FUNCTIONS
    awk -v field="$1" -v limit="$2" -v what="$3" \
        '$field > limit && !$6 { print $1 ":" $2 ": " $3 " has " $field " " what ", at most " limit }'
}

# quantile PERCENT LIMIT: says so when that share of the functions is not within the limit.
quantile() {
    cut -d' ' -f4 "$tmp/functions" | sort -n | awk -v q="$1" -v limit="$2" '
        { size[NR] = $1 }
        END { at = int((NR * q + 99) / 100); if (NR && size[at] > limit) print size[at] " lines, at most " limit }'
}

long_files() { # LIMIT <FILES
    xargs -r wc -l | awk -v limit="$1" '$2 != "total" && $1 > limit { print $2 ": " $1 " lines, at most " limit }'
}

# A statement that opens a block, four levels in.
nested() {
    xargs -r grep -nE '^ {16,}(if|for|while|switch|do)\b' /dev/null <"$tmp/sources"
}

functions <"$tmp/sources" >"$tmp/functions"
functions <"$tmp/tests" >"$tmp/test_functions"
none "functions have at most 80 lines" "$(over 4 80 lines <"$tmp/functions")"
none "half of the functions have at most 12 lines" "$(quantile 50 12)"
none "nine of ten functions have at most 40 lines" "$(quantile 90 40)"
none "functions take at most 5 arguments" "$(over 5 5 arguments <"$tmp/functions")"
none "test functions have at most 80 lines" "$(over 4 80 lines <"$tmp/test_functions")"
none "blocks are nested at most 3 deep" "$(nested)"
none "source files have at most 700 lines" "$(cat "$tmp/sources" "$tmp/tests" | long_files 700)"
# The public header is all that its users have: it holds code, for two languages.
none "headers have at most 250 lines" "$(grep -v '/proftop\.h$' "$tmp/headers" | long_files 250)"
none "no file is named for nothing" "$(files 'core/*' 'tui/*' 'collectors/*' | grep -E '/(util|utils|common|misc|helpers?|defs)\.[ch]$')"
none "base names are unique" "$(files 'core/*.c' 'tui/*.c' 'collectors/*.c' | sed 's,.*/,,' | sort | uniq -d)"
finish
