#!/bin/bash
# What libproftop.so shows to the program it is loaded into: the names of exports.map, and it asks for nothing but libc.
# shellcheck source=tests/lint/lint.sh
. "$(dirname "$0")/lint.sh"
library=${LINT_LIBRARY:-$build/libproftop.so}

if [ ! -e "$library" ]; then
    not_ok "libproftop.so is built" "no $library"
    finish
fi
# The names between "global:" and "local:".
sed -e 's,/\*.*\*/,,' collectors/exports.map | tr ';{}' '\n\n\n' |
    awk '{ gsub(/[[:space:]]/, "") } sub(/^global:/, "") { on = 1 } /^local:/ { on = 0 } on && $0 != ""' |
    sort -u >"$tmp/wanted"
nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $NF); print $NF }' | sort -u >"$tmp/got"
none "exports are those of exports.map" "$(diff "$tmp/wanted" "$tmp/got")"
none "needs libc alone" "$(readelf -d "$library" | sed -nE 's/.*\(NEEDED\).*\[(.*)\]/\1/p' |
    grep -vE '^(libc\.so\.6|ld-linux.*\.so\..*)$')"
none "binds everything when it is loaded" "$(readelf -d "$library" | grep -q 'NOW' || echo 'no NOW flag')"
none "has no executable stack" "$(readelf -lW "$library" | grep -E 'GNU_STACK.*RWE')"
none "does not take calls that belong to others" \
    "$(nm -D --undefined-only "$library" | grep -oE '_Unwind_[A-Za-z_]*|_U[a-z0-9_]*_step|pthread_create')"
finish
