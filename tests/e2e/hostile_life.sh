#!/bin/bash
# How processes begin, change and end: forks of every kind, exec chains, storms of programs, daemons, sudden deaths,
# programs that the collector cannot enter or that give up their rights. They run as without proftop, and the sums are
# the kernel's.
# shellcheck source=tests/e2e/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/e2e/hostile_lib.sh
. "$root/tests/e2e/hostile_lib.sh"

# An expression: the CPU time of functions is between two numbers of seconds.
seconds() { # FUNCTION LEAST MOST
    echo "[.functions[] | select(.function == \"$1\") | .total_ns] | add // 0 | . / 1e9 | . > $2 and . < $3"
}

processes='[.threads[] | select(.pid > 0) | .pid] | unique | length'

# ---- exec ----
hostile exec_chain 7 "$hostile/exec_chain" "$tmp/exec_chain"
counted exec_chain "$tmp/exec_chain" 5
holds exec_chain "one process" "$processes == 1"
holds exec_chain "the time of its images is summed" "$(seconds work_of_an_image .5 .95)"
hostile spawn_storm 7 "$hostile/spawn_storm" "$tmp/spawn_storm"
counted spawn_storm "$tmp/spawn_storm" 30 # most of it is exec itself, before a program has any clock
holds spawn_storm "each program is there" "$processes | . >= 589 and . <= 601"

# ---- fork ----
hostile prefork 7 "$hostile/prefork" "$tmp/prefork"
counted prefork "$tmp/prefork" 7
holds prefork "the parent's time is its own" "$(seconds work_of_the_parent .42 .8)"
holds prefork "each child is there" "$processes == 151"
hostile fork_among_threads 7 "$hostile/fork_among_threads" "$tmp/fork_among_threads"
counted fork_among_threads "$tmp/fork_among_threads" 20
hostile raw_fork 7 "$hostile/raw_fork" "$tmp/raw_fork"
counted raw_fork "$tmp/raw_fork" 5
holds raw_fork "the parent's time is its own" "$(seconds work_of_the_raw_parent .2 .45)"
holds raw_fork "each child is there" "$processes == 21" perf
holds raw_fork "the children's time is said not to be sampled" "$(seconds '[not sampled]' .34 .5)" timer

hostile shared_thread 7 "$hostile/shared_thread"

# ---- the end ----
hostile exit_storm 7 "$hostile/exit_storm" "$tmp/exit_storm"
counted exit_storm "$tmp/exit_storm" 10
hostile sudden_death 7 "$hostile/sudden_death" "$tmp/sudden_death"
counted sudden_death "$tmp/sudden_death" 7
for mode in segv kill9 "thread_exit 2"; do
    # shellcheck disable=SC2086 # words
    for engine in $engines; do
        profiled "$engine" dies "$targets/dies" $mode
        check "$engine: dies ${mode% *}: can be reported" report "$engine-dies"
        like "$engine: dies ${mode% *}: how is said" "$(json "$engine-dies" '.exit | tojson')" \
            "$(case $mode in segv) echo 'signal":11}' ;; kill9) echo 'signal":9}' ;;
               *) echo "code\":${mode#* }}" ;; esac)"
        is "$engine: dies ${mode% *}: what was measured is there" "$(json "$engine-dies" "$(seconds burn_before_the_end .4 .8)")" true
    done
done
# shellcheck disable=SC2016 # expanded by that shell
hostile "dies main_gone" 5 bash -c '"$0" main_gone >/dev/null' "$targets/dies"
holds "dies main_gone" "the last thread is there" "$(seconds last_thread .28 .6)"

mkdir "$tmp/cores"
hostile dumps_core 7 "$hostile/dumps_core" "$tmp/cores" "$tmp/core_bytes"
if [ -n "${hostile_ran[dumps_core]-}" ]; then
    for engine in $engines; do
        check "$engine: dumps_core: the core is as large as without" awk -v bare="$(head -n 1 "$tmp/core_bytes")" \
            -v got="$(told "$tmp/core_bytes" "$engine")" \
            'BEGIN { print got " bytes, bare " bare; exit !(got > bare / 2 && got < bare + 200000) }'
    done
fi

# Each run leaves a daemon behind, whose words are waited for. Its lines and files are its own business.
daemon_told() { # WHERE
    wait_for 10 test -s "$tmp/daemon"
    is "$1: daemonize: the daemon's files are whole" "$(cat "$tmp/daemon")" "daemon: all whole"
    rm -f "$tmp/daemon"
}
bare "$hostile/daemonize" "$tmp/daemon"
daemon_told bare
for engine in $engines; do
    profiled "$engine" daemonize "$hostile/daemonize" "$tmp/daemon"
    is "$engine: daemonize: exit status" "$(cat "$tmp/$engine-daemonize.rc")" 7
    check "$engine: daemonize: stdout" diff "$tmp/bare.out" "$tmp/$engine-daemonize.out"
    check "$engine: daemonize: stderr" diff "$tmp/bare.err" "$tmp/$engine-daemonize.err"
    daemon_told "$engine"
    check "$engine: daemonize: can be reported" report "$engine-daemonize"
    is "$engine: daemonize: the first process's time is there" "$(json "$engine-daemonize" "$(seconds work_of_the_first .2 .45)")" true
    "$proftop" record --engine "$engine" -o "$tmp/x.pb.gz" -- "$hostile/daemonize" "$tmp/daemon" \
        >/dev/null 2>"$tmp/err"
    # The timer engine knows of it by its hello, which may come after the end on a busy machine.
    [ "$engine" = timer ] ||
        like "$engine: daemonize: the daemon is said to run on" "$(cat "$tmp/err")" '1 process that it started runs on'
    daemon_told "$engine, said"
done

# ---- programs that the collector does not enter ----
for kind in libc empty raw setuid; do
    cp "$hostile/plain_work" "$tmp/${kind}_start"
done
kinds=("$tmp/libc_start" "$hostile/plain_work-static" "$hostile/plain_work-pie")
silent='raw_start plain_work-stat plain_work-pie' # names are cut by the kernel
if [ "$(id -u)" = 0 ] && chmod 755 "$tmp" && chown nobody "$tmp/setuid_start" && chmod 4755 "$tmp/setuid_start"; then
    kinds+=("$tmp/setuid_start") silent+=' setuid_start'
else
    skip "a set-user-ID child" "needs root"
fi
if "$hostile/ia32" >/dev/null 2>&1 || [ $? -eq 7 ]; then
    kinds+=("$hostile/ia32") silent+=' ia32'
else
    skip "a 32-bit child" "neither built nor run here"
fi
if need "a Go program" go && CGO_ENABLED=0 GO111MODULE=off GOCACHE=$build/go go build -o "$tmp/plain_go" \
    "$root/tests/targets/hostile/plain_work.go" 2>"$tmp/err"; then
    kinds+=("$tmp/plain_go") silent+=' plain_go'
fi
if need "a musl program" musl-gcc && musl-gcc -std=gnu11 -D_GNU_SOURCE -I"$root" -O2 -g -o "$tmp/plain_musl" \
    "$root/tests/targets/hostile/plain_work.c" 2>"$tmp/err"; then
    kinds+=("$tmp/plain_musl") silent+=' plain_musl'
fi
hostile start_all 7 "$hostile/start_all" "$tmp/start_all" "${kinds[@]}" -empty "$tmp/empty_start" -raw "$tmp/raw_start"
for engine in $engines; do
    "$proftop" report --view threads "$tmp/$engine-start_all.pb.gz" >"$tmp/threads"
    for kind in $silent; do
        like "$engine: $kind: said not to be covered" "$(grep '^note' "$tmp/threads")" "collector is not in $kind "
        like "$engine: $kind: is among the threads" "$(grep -v '^note' "$tmp/threads")" " $kind "
    done
    while read -r kind why; do
        case " $silent " in *" $kind "*) ;; *) continue ;; esac
        like "$engine: $kind: the reason is told" "$(grep "^note .* is not in $kind " "$tmp/threads")" "$why"
    done <<'END'
raw_start started without the environment
plain_work-stat statically linked
plain_work-pie statically linked
setuid_start other privileges
ia32 32-bit program
END
    is "$engine: the others are covered" "$(grep -cE '^note .* is not in (libc|empty)_start ' "$tmp/threads")" 0
done
counted start_all "$tmp/start_all" 5
for kind in libc empty raw; do
    holds start_all "${kind}_start has its time" "[.functions[] | select(.function == \"plain_work\" and (.module | endswith(\"/${kind}_start\")))
        | .total_ns] | add // 0 | . > 2.6e8 and . < 3.5e8" "$([ $kind = raw ] && echo perf || echo "$engines")"
done

# ---- fewer rights ----
jail=$tmp/jail
mkdir -p "$jail"
for file in $(ldd "$hostile/plain_work" | grep -o '/[^ ]*'); do
    mkdir -p "$jail${file%/*}" && cp "$file" "$jail$file"
done
cp "$hostile/plain_work" "$jail/plain_work"
chmod -R a+rX "$jail"
for place in - "$jail"; do
    name="drop_rights ${place/$tmp\//}"
    hostile "$name" 7 "$hostile/drop_rights" "$place"
    for function in work_with_rights work_without_rights work_of_a_poor_child; do
        holds "$name" "$function has its time" "$(seconds $function .17 .25)" "$([ $function = work_of_a_poor_child ] && echo perf || echo "$engines")"
    done
done
holds "drop_rights jail" "the program of the jail has its time" "$(seconds plain_work .13 .3)" perf
holds "drop_rights jail" "all of the time is there" '.total_ns / 1e9 | . > .74 and . < .95'
finish
