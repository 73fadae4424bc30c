#!/bin/bash
# What runs between a function and its caller leaves vector registers alone: the objects that the Makefile names for that.
# shellcheck source=tests/lint/lint.sh
. "$(dirname "$0")/lint.sh"
objects=${LINT_OBJECTS:-$build/collectors/target}

sed -n 's/^GENERAL_REGS := //p' Makefile | tr ' ' '\n' | while read -r name; do
    echo "$objects/$name.o:"
    objdump -dr --no-show-raw-insn "$objects/$name.o" 2>&1
done >"$tmp/code"
check "code is there to look at" grep -q '<.*>:$' "$tmp/code"
none "no object is missing" "$(grep -i 'no such file' "$tmp/code")"
none "vector registers" "$(grep -E '%[xyz]mm|%st\b|^[^ ].*\.o:$' "$tmp/code" | grep -B1 -E '%[xyz]mm|%st')"
none "libc's copying" "$(grep -E '\b(mem(cpy|set|move)|str[a-z]+)\b[-@+]|^[^ ].*\.o:$' "$tmp/code" | grep -B1 -E 'mem(cpy|set|move)|str[a-z]+[-@+]')"
none "the Makefile alone says so" "$(files 'collectors/*.[ch]' | xargs -r grep -n 'general-regs-only' /dev/null)"
finish
