#!/bin/bash
# Runs test programs that speak TAP and adds them up. Usage: tests/run.sh SUITE... with SUITE one of
# unit, e2e, screens, lint. The last line is "N passed, N failed, N skipped"; the exit status is 1 when anything failed.
#
# BUILD is the build folder (default: build). Each program's output is kept in $BUILD/results/SUITE/NAME.tap (.err for
# stderr). A program that was not built, ends early, is killed or exceeds its time counts as one failure more.
# ONLY=PATTERN runs only the programs whose name matches the shell pattern.
set -u
cd "$(dirname "$0")/.." || exit 2
export BUILD=${BUILD:-build}
export LC_ALL=C.UTF-8 CMOCKA_MESSAGE_OUTPUT=TAP
passed=0 failed=0 skipped=0

# The programs of a suite, one a line.
programs() {
    case $1 in
    unit) find tests/unit -name 'test_*.c' | sort | sed "s|^|$BUILD/|; s|\.c\$||" ;;
    e2e) find tests/e2e -name '*.sh' ! -name tap.sh ! -name '*_lib.sh' | sort ;;
    screens) find tests/screens -name '*.sh' ! -name driver.sh | sort ;;
    lint) find tests/lint -name "*.sh" ! -name lint.sh | sort ;;
    *) echo "tests/run.sh: no suite $1" >&2 && exit 2 ;;
    esac
}

limit_of() {
    case $1 in
    unit) echo 120 ;;
    *) echo 400 ;;
    esac
}

# Reads TAP; prints "passed failed skipped planned seen". cmocka 1.1.5 writes skips as "not ok N # SKIP".
count() {
    awk '/^1\.\.[0-9]+/ { planned += substr($1, 4) }
         /^(not )?ok [0-9]+.*# *SKIP/ { skip++; next }
         /^ok / { ok++ }
         /^not ok / { bad++ }
         END { print ok + 0, bad + 0, skip + 0, planned + 0, ok + bad + skip }' "$1"
}

# Why the program itself failed, apart from its "not ok" lines; nothing when it did not.
broken() { # STATUS FAILED PLANNED SEEN
    if [ "$1" -eq 124 ] || [ "$1" -eq 137 ]; then
        echo "ran out of time"
    elif [ "$1" -gt 128 ]; then
        echo "killed by signal $(($1 - 128))"
    elif [ "$3" -ne "$4" ]; then
        echo "planned $3 tests, ran $4"
    elif [ "$1" -ne 0 ] && [ "$2" -eq 0 ]; then
        echo "exit status $1"
    fi
}

run_one() { # SUITE PROGRAM
    local name out status start ok bad skip planned seen why
    name=${2#"$BUILD"/}
    name=${name#tests/"$1"/}
    out=$BUILD/results/$1/$(echo "${name%.sh}" | tr / _)
    start=$SECONDS
    if [ -x "$2" ]; then
        timeout -k 5 "$(limit_of "$1")" "$2" >"$out.tap" 2>"$out.err" </dev/null
        status=$?
    else
        echo "1..0" >"$out.tap"
        echo "$2 was not built, or is not executable" >"$out.err"
        status=127
    fi
    read -r ok bad skip planned seen < <(count "$out.tap")
    why=$(broken $status "$bad" "$planned" "$seen")
    [ -z "$why" ] || bad=$((bad + 1))
    passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
    printf '%-7s %-44s %4d ok %3d failed %3d skipped %4d s\n' \
        "$1" "$name" "$ok" "$bad" "$skip" $((SECONDS - start))
    grep -E '# *SKIP' "$out.tap" | sed 's/^/        /'
    if [ "$bad" -gt 0 ]; then
        awk '/^not ok/ && !/# *SKIP/ { show = 1 } /^ok/ { show = 0 } show' "$out.tap" | head -60 | sed 's/^/        /'
        [ -z "$why" ] || echo "        $why"
        tail -n 20 "$out.err" | sed 's/^/        /'
    fi
}

for suite in "$@"; do
    mkdir -p "$BUILD/results/$suite"
    rm -f "$BUILD/results/$suite"/*
    while read -r program; do
        # shellcheck disable=SC2254 # ONLY is a pattern on purpose
        case $(basename "$program" .sh) in
        ${ONLY:-*}) run_one "$suite" "$program" ;;
        esac
    done < <(programs "$suite")
done
totals="$passed passed, $failed failed, $skipped skipped"
mkdir -p "$BUILD/results"
echo "$totals" | tee "$BUILD/results/totals"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
