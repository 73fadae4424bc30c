#!/bin/bash
# Sources are as clang-format leaves them (`make format` does it).
# shellcheck source=tests/lint/lint.sh
. "$(dirname "$0")/lint.sh"

for folder in core collectors tui tests; do
    none "$folder is formatted" "$(files "$folder/*.c" "$folder/*.h" "$folder/*.cc" |
        xargs -r clang-format --dry-run -Werror 2>&1 | grep 'error:' | cut -d: -f1,2 | sort -u)"
done
none "no tabs or blanks at ends of lines" \
    "$(files '*.c' '*.h' '*.cc' '*.sh' '*.py' 'man/*' '*.md' | xargs -r grep -nE '[[:blank:]]$' /dev/null | head)"
finish
