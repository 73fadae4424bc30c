#!/bin/bash
# A program cannot tell that it is profiled: what it sees of itself, and what its children see, is the same.
# shellcheck source=tests/e2e/tap.sh
. "$(dirname "$0")/tap.sh"
echo "some input" >"$tmp/input"

# same NAME COMMAND...: stdout, stderr and status, bare and profiled, with a file as stdin. The standard files have the
# same names in both runs, so that a program may look at them. Descriptor 9 is one more that the program inherits. Bash's
# variable _ is taken away, it names the command.
same() {
    local name=$1 status
    shift
    env -u _ "$@" <"$tmp/input" >"$tmp/out" 2>"$tmp/err" 9<"$tmp/input"
    status=$?
    mv "$tmp/out" "$tmp/bare-out" && mv "$tmp/err" "$tmp/bare-err"
    env -u _ "$proftop" record --quiet -o "$tmp/same.pb.gz" -- "$@" <"$tmp/input" >"$tmp/out" 2>"$tmp/err" 9<"$tmp/input"
    is "$name: exit status" $? $status
    check "$name: stdout" diff "$tmp/bare-out" "$tmp/out"
    check "$name: stderr" diff "$tmp/bare-err" "$tmp/err"
}

# What a program may ask about itself; by a program that checks far more, where it is there.
if [ -x "$targets/selfcheck" ]; then
    for mode in "" fork vfork exec spawn thread "exec fork" "fork exec" "vfork spawn" "exec exec thread"; do
        # shellcheck disable=SC2086 # no word for the first
        same "selfcheck $mode" "$targets/selfcheck" $mode
    done
fi
same "environment" env
same "environment of a grandchild" sh -c 'sh -c env; true'
same "empty environment" env -i /usr/bin/env
same "LD_PRELOAD of its own" env LD_PRELOAD=libc.so.6 env
same "descriptors" ls /proc/self/fd
same "descriptors of a grandchild" sh -c 'ls /proc/self/fd; true'
same "signals" grep -E '^(Sig(Ign|Blk|Cgt|Pnd)|ShdPnd|Umask|NoNewPrivs|Seccomp|TracerPid|Threads|Cap)' /proc/self/status
same "limits" cat /proc/self/limits
same "command line" cat /proc/self/cmdline
same "working folder" pwd
same "stdin" cat
same "name" cat /proc/self/comm
same "process group and session" cut -d " " -f 5,6,7 /proc/self/stat
same "a program that finds its libraries" bash -c "ldd /bin/true | sed 's/(.*//'"
same "closed standard files" sh -c 'exec <&- >&- 2>&-; exec true'
same "few descriptors" bash -c 'ulimit -n 4; exec cat'
same "little memory" bash -c 'ulimit -v 100000; exec cat'
same "nothing may be written" bash -c 'ulimit -f 0; exec cat /dev/null'
seq 200000 >"$tmp/numbers"
same "own threads and signal handlers" sort --parallel=2 -r "$tmp/numbers"
same "many children" bash -c 'for i in $(seq 100); do /bin/true; done; (exit 4) & wait $!'
same "exec after exec" sh -c 'exec sh -c "exec env"'
same "a relative path" bash -c 'cd /usr/bin && exec ./env'
same "a script" bash -c 'printf "#!/bin/sh\necho script \$0 \$1\n" >"$0" && chmod +x "$0" && exec "$0" one' "$tmp/script.sh"
finish
