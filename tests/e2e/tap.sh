# Sourced by the tests in tests/e2e and tests/screens: TAP output, a temporary folder, and waiting for events.
#
#   ok NAME / not_ok NAME [DETAIL]      a result             skip NAME WHY            cannot run here
#   check NAME COMMAND...               ok when it succeeds  is NAME GOT WANTED       ok when equal
#   like NAME TEXT REGEX                ok when it matches   wait_for SECONDS COMMAND polls until it succeeds
#   need NAME PROGRAM...                skips and fails when a program is missing
#   finish                              must be the last line
#
# $proftop is the program under test, $targets the folder of built test programs, $tmp a folder of this test's own.
# shellcheck shell=bash disable=SC2034
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${BUILD:-build}
case $build in /*) ;; *) build=$root/$build ;; esac
proftop=$build/proftop
targets=$build/tests/targets
tmp=$(mktemp -d "${TMPDIR:-/tmp}/proftop-test.XXXXXX") || exit 2
tap_number=0 tap_failed=0
exec {idle}<> <(:)
export LC_ALL=C.UTF-8

tap_end() {
    local jobs
    jobs=$(jobs -p)
    # shellcheck disable=SC2086 # one word a process
    [ -z "$jobs" ] || kill $jobs 2>/dev/null
    type at_end >/dev/null 2>&1 && at_end
    rm -rf "$tmp"
}
trap tap_end EXIT

ok() {
    tap_number=$((tap_number + 1))
    echo "ok $tap_number - $1"
}

not_ok() {
    tap_number=$((tap_number + 1)) tap_failed=$((tap_failed + 1))
    echo "not ok $tap_number - $1"
    [ -z "${2-}" ] || printf '%s\n' "$2" | head -n 40 | sed 's/^/# /'
}

skip() {
    tap_number=$((tap_number + 1))
    echo "ok $tap_number - $1 # SKIP $2"
}

check() {
    local name=$1 detail
    shift
    if detail=$("$@" 2>&1); then ok "$name"; else not_ok "$name" "$detail"; fi
}

is() {
    if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "got:    $2"$'\n'"wanted: $3"; fi
}

like() {
    if printf '%s' "$2" | grep -Eq -- "$3"; then ok "$1"; else not_ok "$1" "got: $2"$'\n'"wanted a match of: $3"; fi
}

wait_for() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $deadline ] || return 1
        read -r -t 0.05 -u "$idle" || : # nothing ever comes: a pause
    done
}

need() {
    local name=$1 program
    shift
    for program; do
        command -v "$program" >/dev/null || {
            skip "$name" "$program is not installed"
            return 1
        }
    done
}

finish() {
    echo "1..$tap_number"
    [ $tap_failed -eq 0 ]
    exit
}

# ---- what several tests do with proftop ----

# record NAME COMMAND...: profiles it into $tmp/NAME.pb.gz; stdout, stderr and exit status in $tmp/NAME.{out,err,rc}.
record() {
    local name=$1
    shift
    # shellcheck disable=SC2086 # options, a word each
    "$proftop" record ${record_options-} --quiet -o "$tmp/$name.pb.gz" -- "$@" \
        >"$tmp/$name.out" 2>"$tmp/$name.err" </dev/null
    echo $? >"$tmp/$name.rc"
}

# The report of a recording as JSON, in $tmp/NAME.json.
report() {
    "$proftop" report --json --top 0 "$tmp/$1.pb.gz" >"$tmp/$1.json" 2>>"$tmp/$1.err"
}

# json NAME EXPRESSION: jq on the report of a recording.
json() {
    jq -r "$2" "$tmp/$1.json" 2>&1
}
