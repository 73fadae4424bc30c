#!/bin/bash
# The tree speaks of itself alone: no paths of the machine it was written on, no numbers of tickets.
# shellcheck source=tests/lint/lint.sh
. "$(dirname "$0")/lint.sh"

found() {
    files . | grep -v '^LICENSE$' | xargs -r grep -nIE "$1" /dev/null
}

none "paths of a workplace" "$(found '/[w]ork/|(^|[^A-Za-z0-9_)}])/[r]oot/|/\.[l]ibrary\b')"
none "documents that are not here" "$(found '\b(DESIGN|HELPER|[h]azards|[m]easures|[p]rofilers|[s]tyle)\.[m]d\b')"
none "numbers of tickets" "$(found '\b[Ii]ssue #?[0-9]+\b|\b(closes|fixes) #[0-9]+')"
finish
