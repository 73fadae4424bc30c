# Sourced after tap.sh by the tests of hostile programs (tests/targets/hostile): runs each one bare and under every CPU
# engine, and compares. A program judges itself: it prints the same line and ends with the same status in every run, so
# whatever the profiler breaks is a difference. One that cannot run here ends with 77 and says why.
#
#   hostile NAME STATUS COMMAND...   runs it bare, which must end with STATUS, then under each engine: stdout, stderr and
#                                    exit status are the same, it ends in time, the snapshot can be reported
#   burnt NAME FUNCTION SECONDS [PERCENT]   each engine shows that much CPU time in FUNCTION, give or take (15 %)
#   accounted NAME FUNCTION SECONDS [PERCENT]   so does perf; other engines do it together with what they say that they
#                                    did not sample, [not sampled]
#   holds NAME WHAT EXPRESSION [ENGINE]     jq finds the expression true in the report of each engine, or of one
#   counted NAME FILE PERCENT        the CPU time is the kernel's, to which each run added a line in FILE (kernel_count.h)
#   told FILE ENGINE                 the line that the run under ENGINE added to FILE; the bare run wrote the first
#   bare COMMAND...                  only the bare run, to $tmp/bare.{out,err,rc}
#   profiled ENGINE NAME COMMAND...  only one engine; record_options are added
#
# $engines are those to test: ENGINES from the environment, or all that there are. What NAME left behind under
# ENGINE is $tmp/ENGINE-NAME.{out,err,rc,pb.gz,json}, and "json ENGINE-NAME EXPRESSION" reads it.
# shellcheck shell=bash disable=SC2034,SC2154 # shared with tap.sh and the tests
hostile=$targets/hostile
engines=${ENGINES:-perf timer}
hostile_limit=${HOSTILE_LIMIT:-30} # seconds, for what takes one
declare -A hostile_ran=()          # [NAME]: 1 when it could run here

bare() {
    timeout -k 2 "$hostile_limit" "$@" >"$tmp/bare.out" 2>"$tmp/bare.err" </dev/null
    echo $? >"$tmp/bare.rc"
}

bare_ended() { # STATUS
    head -n 20 "$tmp/bare.out" "$tmp/bare.err"
    [ "$(cat "$tmp/bare.rc")" = "$1" ]
}

profiled() {
    local engine=$1 name=$1-$2
    shift 2
    # shellcheck disable=SC2086 # options, a word each
    timeout -k 2 "$hostile_limit" "$proftop" record --quiet --engine "$engine" ${record_options-} \
        -o "$tmp/$name.pb.gz" -- "$@" >"$tmp/$name.out" 2>"$tmp/$name.err" </dev/null
    echo $? >"$tmp/$name.rc"
}

hostile() {
    local name=$1 status=$2 engine run
    shift 2
    bare "$@"
    if [ "$(cat "$tmp/bare.rc")" = 77 ]; then
        skip "$name" "$(head -n 1 "$tmp/bare.out")"
        return
    fi
    hostile_ran[$name]=1
    check "bare: $name: exit status" bare_ended "$status"
    for engine in $engines; do
        run=$engine-$name
        profiled "$engine" "$name" "$@"
        is "$engine: $name: exit status" "$(cat "$tmp/$run.rc")" "$status"
        check "$engine: $name: stdout" diff "$tmp/bare.out" "$tmp/$run.out"
        check "$engine: $name: stderr" diff "$tmp/bare.err" "$tmp/$run.err"
        check "$engine: $name: can be reported" report "$run"
    done
}

# near NAME FUNCTION SECONDS PERCENT ENGINE [FUNCTION...]: the time of the functions.
near() {
    local name=$1 what=$2 seconds=$3 percent=$4 engine=$5 got
    shift 5
    got=$(json "$engine-$name" "[.functions[] | select(.function | IN($(printf '"%s",' "$what" "$@" | sed 's/,$//'))) | .total_ns]
        | add // 0 | . / 1e9")
    check "$engine: $name: $what has its time" awk -v got="$got" -v wanted="$seconds" -v percent="$percent" \
        'BEGIN { print "got " got " s, wanted " wanted " s, give or take " percent " %"
                 exit !(got >= wanted * (1 - percent / 100) && got <= wanted * (1 + percent / 100)) }'
}

burnt() {
    local engine
    [ -n "${hostile_ran[$1]-}" ] || return 0
    for engine in $engines; do near "$1" "$2" "$3" "${4:-15}" "$engine"; done
}

accounted() {
    local engine
    [ -n "${hostile_ran[$1]-}" ] || return 0
    for engine in $engines; do
        if [ "$engine" = perf ]; then
            near "$1" "$2" "$3" "${4:-15}" "$engine"
        else
            near "$1" "$2" "$3" "${4:-15}" "$engine" "[not sampled]"
        fi
    done
}

holds() {
    local name=$1 what=$2 expression=$3 engine
    [ -n "${hostile_ran[$name]-}" ] || return 0
    for engine in ${4:-$engines}; do
        case " $engines " in
        *" $engine "*) is "$engine: $name: $what" "$(json "$engine-$name" "$expression")" true ;;
        esac
    done
}

told() {
    local engine line=1
    for engine in $engines; do
        line=$((line + 1))
        [ "$engine" != "$2" ] || sed -n "${line}p" "$1"
    done
}

counted() {
    local engine kernel
    [ -n "${hostile_ran[$1]-}" ] || return 0
    for engine in $engines; do
        kernel=$(told "$2" "$engine")
        check "$engine: $1: the CPU time is the kernel's" awk -v got="$(json "$engine-$1" .total_ns)" -v kernel="$kernel" \
            -v percent="$3" 'BEGIN { print "got " got ", the kernel counted " kernel ", wanted within " percent " %"
                exit !(kernel > 0 && got >= kernel * (1 - percent / 100) && got <= kernel * (1 + percent / 100)) }'
    done
}
