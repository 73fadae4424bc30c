#!/bin/bash
# Shell scripts are clean by shellcheck and can be run.
# shellcheck source=tests/lint/lint.sh
. "$(dirname "$0")/lint.sh"

files '*.sh' .ci/run >"$tmp/scripts"
while read -r script; do
    none "$script" "$(shellcheck -x -S warning -f gcc "$script" 2>&1)"
done <"$tmp/scripts"
none "scripts can be run" "$(while read -r script; do
    [ "$(head -c 2 "$script")" != '#!' ] || [ -x "$script" ] || echo "$script"
done <"$tmp/scripts")"
finish
