# Sourced by the lints: TAP, the tree to look at, and its files.
#
# LINT_ROOT is a tree to look at instead of this one (fails.sh gives each lint something to find).
# shellcheck shell=bash
# shellcheck source=tests/e2e/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/tap.sh"
cd "${LINT_ROOT:-$root}" || exit 2

# files PATTERN...: the tree's files, new ones included, that match the git patterns.
files() {
    git ls-files -co --exclude-standard -- "$@" | while read -r file; do
        [ ! -f "$file" ] || echo "$file"
    done
}

# none NAME TEXT: ok when the text is empty, else it is the list of what is wrong.
none() {
    if [ -z "$2" ]; then ok "$1"; else not_ok "$1" "$2"; fi
}
