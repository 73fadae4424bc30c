#!/bin/bash
# The manual pages and `--help` name the same options, keys too, and the pages are clean.
# shellcheck source=tests/lint/lint.sh
. "$(dirname "$0")/lint.sh"
program=${LINT_PROGRAM:-$proftop}

# The options that the lines of a list define: at the beginning of a line, up to the first wide gap.
defined() {
    sed -E 's/.\x08//g' | grep -E '^[[:space:]]+-' |
        sed -E 's/^[[:space:]]+//; s/[[:space:]]{2,}.*//; s,[/|], ,g' |
        grep -oE '(^|[ ,])-(-[a-z][a-z0-9-]*|[A-Za-z])' | tr -d ' ,' | sort -u
}

compare() { # PAGE HELP-COMMAND...
    local page=$1
    shift
    "$@" --help >"$tmp/help" 2>/dev/null </dev/null || {
        not_ok "$* --help works" "exit status $?"
        return
    }
    defined <"$tmp/help" >"$tmp/in_help"
    mandoc -T utf8 -O width=110 "$page" 2>/dev/null | defined >"$tmp/in_page"
    none "$(basename "$page"): the options of --help are in the page" "$(comm -23 "$tmp/in_help" "$tmp/in_page")"
    none "$(basename "$page"): the options of the page are in --help" "$(comm -13 "$tmp/in_help" "$tmp/in_page")"
}

for page in $(files 'man/*.[1-8]'); do
    none "$page is clean" "$(mandoc -T lint -W warning "$page" 2>&1)"
done
# The section between the two comments is a print-out of the table of keys.
none "proftop.1: its keys are those of --help-keys-mdoc" "$(
    diff <(sed '1,/^\.\\" keys: begin/d; /^\.\\" keys: end/,$d' man/proftop.1 2>/dev/null) \
        <("$program" --help-keys-mdoc 2>/dev/null </dev/null)
)"
[ -f man/proftop.1 ] || not_ok "man/proftop.1 exists"
[ ! -f man/proftop.1 ] || compare man/proftop.1 "$program"
for command in cc record report view diff compare export dump doctor; do
    "$program" "$command" --help 2>/dev/null </dev/null | head -n 3 | grep -q "proftop $command" || continue
    if [ -f "man/proftop-$command.1" ]; then
        compare "man/proftop-$command.1" "$program" "$command"
    else
        not_ok "proftop $command has a manual page"
    fi
done
finish
