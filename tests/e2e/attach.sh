#!/bin/bash
# Attaching to processes that run already: they are sampled, and they do not notice. ATTACH_SECONDS=30 does the longer
# measurements at length.
# shellcheck source=tests/e2e/tap.sh
. "$(dirname "$0")/tap.sh"
seconds=${ATTACH_SECONDS-1.5}
chmod 711 "$tmp" # another user's part has a folder below

# start NAME COMMAND...: in the background, with $pid and its output in $tmp/NAME.text.
start() {
    local name=$1
    shift
    "$@" >"$tmp/$name.text" 2>&1 </dev/null &
    pid=$!
}

# attach NAME PID OPTION...: records it into $tmp/NAME.pb.gz and makes the report; words and status in $tmp/NAME.{err,rc}.
attach() {
    local name=$1
    "$proftop" record -o "$tmp/$name.pb.gz" -p "$2" "${@:3}" 2>"$tmp/$name.err" </dev/null
    echo $? >"$tmp/$name.rc"
    report "$name"
}

at_least() { # VALUE LEAST
    echo "got $1, wanted at least $2"
    [ "$1" -ge "$2" ] 2>/dev/null
}

at_most() { # VALUE MOST
    echo "got $1, wanted at most $2"
    [ "$1" -le "$2" ] 2>/dev/null
}

# Tenths of a per cent of all samples that functions with a matching name have.
share() { # NAME REGEX
    json "$1" "[.functions[] | select(.function | test(\"$2\")) | .self_percent] | add // 0 | . * 10 | floor"
}

# What of a process could show that somebody meddled with it. The order of the kernel's numbers is no matter.
traces() { # PID
    grep -E '^(TracerPid|Seccomp|Sig(Ign|Cgt|Blk)|Threads)' "/proc/$1/status"
    find "/proc/$1/fd" -type l -printf '%f %l\n' | sort
    cut -d' ' -f1,2,6- "/proc/$1/maps"
}

runs() { # PID
    case $(ps -o stat= -p "$1") in '' | Z*) return 1 ;; esac
}

is_ready() { # NAME
    grep -q ready "$tmp/$1.text"
}

end() { # PID
    kill -KILL "$1" 2>/dev/null
    wait "$1" 2>/dev/null
    return 0
}

# ---- a process that works: sampled, and left as it was ----
plain() {
    local before
    start plain "$targets/truth-nofp" steady 60
    wait_for 5 grep -q . "/proc/$pid/maps"
    before=$(traces $pid)
    attach plain $pid -d "$seconds"
    is "it is left as it was" "$(traces $pid)" "$before"
    is "status 0" "$(cat "$tmp/plain.rc")" 0
    like "says that it runs on" "$(cat "$tmp/plain.err")" 'the process runs on'
    check "its functions have names" at_least "$(share plain '^spin_')" 950
    check "its stacks are complete" at_least \
        "$(json plain '.stacks | 1000 * .complete / ([.complete + .truncated + .broken, 1] | max) | floor')" 995
    is "the report says what it was attached to" "$(json plain .attached_pid)" $pid
    like "and so in text" "$("$proftop" report "$tmp/plain.pb.gz")" "^attached +to PID $pid"
    like "and that the collector is not inside" "$("$proftop" report "$tmp/plain.pb.gz")" 'the collector is not in .*: proftop was attached'
    is "the command is the process's" "$(json plain .command)" "$targets/truth-nofp steady 60"
    end $pid
}

# ---- without -d: until the interrupt key, or the end ----
endings() {
    local watcher
    start endings "$targets/truth-nofp" steady 60
    env --default-signal=INT "$proftop" record -o "$tmp/int.pb.gz" -p $pid 2>"$tmp/int.err" &
    watcher=$!
    wait_for 10 watches $watcher
    kill -INT $watcher
    wait $watcher
    is "SIGINT: status 0" $? 0
    like "SIGINT: saved" "$(cat "$tmp/int.err")" 'samples?: .*int.pb.gz'
    check "SIGINT: the process runs on" runs $pid
    env --default-signal=INT "$proftop" -q --no-tui -o "$tmp/head.pb.gz" -p $pid 2>"$tmp/head.err" &
    watcher=$!
    wait_for 10 watches $watcher
    kill -TERM $watcher
    wait $watcher
    is "SIGTERM: status 143" $? 143
    check "SIGTERM: saved" test -s "$tmp/head.pb.gz"
    "$proftop" record -o "$tmp/end.pb.gz" -p $pid 2>"$tmp/end.err" &
    watcher=$!
    wait_for 10 watches $watcher
    end $pid
    wait $watcher
    is "the process ends: status 0" $? 0
    like "the process ends: saved" "$(cat "$tmp/end.err")" 'samples?: .*end.pb.gz'
    is "the process ends: nothing runs on" "$(grep -c 'runs on' "$tmp/end.err")" 0
    report end
    is "its status is not known" "$(json end .exit)" null
}

watches() { # PID OF PROFTOP
    [ "$(find "/proc/$1/fd" -lname '*perf_event*' 2>/dev/null | wc -l)" -gt 4 ]
}

# ---- proftop is killed ----
killed() {
    local watcher before
    mkfifo "$tmp/killed.in"
    "$targets/many_threads" 20 1 0 <"$tmp/killed.in" >"$tmp/killed.text" &
    pid=$!
    exec 8>"$tmp/killed.in"
    wait_for 5 is_ready killed
    before=$(traces $pid)
    "$proftop" record -o "$tmp/killed.pb.gz" -p $pid 2>"$tmp/killed.err" 8>&- &
    watcher=$!
    wait_for 10 watches $watcher
    kill -KILL $watcher
    wait $watcher 2>/dev/null
    is "proftop killed: the process is as it was" "$(traces $pid)" "$before"
    exec 8>&-
    wait $pid
    is "proftop killed: it ends well" $? 0
    like "proftop killed: its threads have worked" "$(cat "$tmp/killed.text")" '[1-9][0-9]* rounds'
}

# ---- many threads ----
many() {
    local begin took
    mkfifo "$tmp/many.in"
    "$targets/many_threads" 500 2 1 <"$tmp/many.in" >"$tmp/many.text" &
    pid=$!
    exec 8>"$tmp/many.in"
    wait_for 10 is_ready many
    begin=$(date +%s%N)
    attach many $pid -d 0.001
    took=$((($(date +%s%N) - begin) / 1000000))
    echo "# attached to 500 threads, left again and reported in $took ms"
    check "500 threads: attached to and left quickly" at_most $took 3000
    attach many $pid -d "$seconds"
    exec 8>&-
    wait $pid
    is "500 threads: they go on and end well" $? 0
    check "500 threads: all are listed" at_least "$(json many '.threads | length')" 500
    check "500 threads: what works is seen" at_least "$(share many '^crunch$')" 400
    check "500 threads: as are threads that come later" at_least \
        "$(json many '[.functions[] | select(.function == "live_shortly") | .total_samples] | add // 0')" 5
    echo "# $(grep -E '^(rate|samples|CPU)' <("$proftop" report "$tmp/many.pb.gz") | tr -s ' \n' ' ')"
}

# ---- the first thread has ended, the others go on ----
leaderless() {
    start leaderless "$targets/many_threads" 4 2 0 leave
    wait_for 5 is_ready leaderless
    wait_for 5 grep -q Z "/proc/$pid/task/$pid/stat"
    attach leaderless $pid -d 1
    is "without its first thread: status 0" "$(cat "$tmp/leaderless.rc")" 0
    check "without its first thread: sampled" at_least "$(share leaderless '^crunch$')" 900
    end $pid
}

# ---- kinds of programs ----
kinds() {
    start static "$targets/truth-static" steady 60
    attach static $pid -d 1
    check "static: sampled by name" at_least "$(share static '^spin_')" 900
    end $pid
    cp "$targets/truth-nofp" "$tmp/gone"
    start deleted "$tmp/gone" steady 60
    wait_for 5 grep -q gone "/proc/$pid/maps"
    rm "$tmp/gone"
    attach deleted $pid -d 1
    check "deleted: sampled by name" at_least "$(share deleted '^spin_')" 900
    end $pid
    mkfifo "$tmp/exec.in"
    sh -c 'read -r line; exec "$0" steady 60' "$targets/truth-nofp" <"$tmp/exec.in" >"$tmp/exec.text" &
    pid=$!
    exec 8>"$tmp/exec.in"
    "$proftop" record -d 2 -o "$tmp/exec.pb.gz" -p $pid 2>"$tmp/exec.err" 8>&- &
    wait_for 10 watches $!
    echo go >&8
    wait $!
    is "executes another program: status 0" $? 0
    report exec
    check "executes another program: that is sampled" at_least "$(share exec '^spin_')" 900
    exec 8>&-
    end $pid
}

# ---- states that a process can be in ----
states() {
    start stopped "$targets/truth-nofp" steady 60
    kill -STOP $pid
    attach stopped $pid -d 0.3
    is "stopped: status 0" "$(cat "$tmp/stopped.rc")" 0
    is "stopped: stays stopped" "$(ps -o stat= -p $pid | cut -c1)" T
    is "stopped: no sample" "$(json stopped .samples)" 0
    end $pid
    if need "traced" strace; then
        start traced strace -f -o "$tmp/trace" "$targets/truth-nofp" steady 60
        wait_for 5 pgrep -P $pid
        attach traced "$(pgrep -P $pid)" -d 1
        check "traced: sampled all the same" at_least "$(share traced '^spin_')" 900
        kill -KILL "$(pgrep -P $pid)"
        wait $pid 2>/dev/null
    fi
}

# ---- others' processes; own namespaces ----
others() {
    local folder=$tmp/nobody
    if [ "$(id -u)" != 0 ] || ! setpriv --reuid 65534 --regid 65534 --clear-groups "$targets/truth-nofp" steady 0 >/dev/null; then
        skip "other users" "needs root, and a build folder that others may enter"
        return
    fi
    start nobody setpriv --reuid 65534 --regid 65534 --clear-groups "$targets/truth-nofp" steady 60
    wait_for 5 grep -q truth "/proc/$pid/comm"
    attach nobody $pid -d 1
    check "root: another user's process is sampled" at_least "$(share nobody '^spin_')" 900
    install -d -o 65534 -g 65534 "$folder"
    (cd "$folder" && setpriv --reuid 65534 --regid 65534 --clear-groups env XDG_RUNTIME_DIR="$folder" \
        "$proftop" record -o own.pb.gz -d 1 -p $pid 2>own.err)
    if grep -q perf_event_open "$folder/own.err"; then
        skip "unprivileged: the own process is sampled" "perf_event_open is refused"
    else
        cp "$folder/own.pb.gz" "$tmp/own.pb.gz"
        report own
        check "unprivileged: the own process is sampled" at_least "$(share own '^spin_')" 900
        like "unprivileged: not permitted for root's" \
            "$(setpriv --reuid 65534 --regid 65534 --clear-groups "$proftop" record -o "$folder/x.pb.gz" -d 1 -p $$ 2>&1)" \
            "^proftop: process $$ may not be watched by this user: run proftop as its user or as root"
    fi
    end $pid
    namespaces
}

namespaces() {
    local root=$tmp/root
    mkdir -p "$root/bin"
    cp "$targets/truth-static" "$root/bin/inside"
    start chroot chroot "$root" /bin/inside steady 60
    wait_for 5 grep -q inside "/proc/$pid/comm"
    attach chroot $pid -d 1
    check "below another root: sampled by name" at_least "$(share chroot '^spin_')" 900
    end $pid
    if ! unshare -mpf true 2>/dev/null; then
        skip "in other namespaces" "unshare is refused"
        return
    fi
    # shellcheck disable=SC2016 # expanded inside
    start unshared unshare -mpf --kill-child sh -c 'mount -t tmpfs none /mnt && cp "$0" /mnt/inside && exec /mnt/inside steady 60' \
        "$targets/truth-nofp"
    wait_for 5 pgrep -f "^/mnt/inside steady"
    attach unshared "$(pgrep -P $pid)" -d 1
    check "in other namespaces: sampled by name" at_least "$(share unshared '^spin_')" 900
    end $pid
}

# ---- what cannot be attached to: one line, and the right status ----
refused() { # NAME STATUS REGEX OPTION...
    local name=$1 status=$2 regex=$3 got text
    shift 3
    text=$("$proftop" record -o "$tmp/no.pb.gz" -d 1 "$@" 2>&1)
    got=$?
    is "$name: status $status" $got "$status"
    like "$name: says why" "$text" "$regex"
    is "$name: in one line" "$(printf '%s\n' "$text" | wc -l)" 1
    check "$name: no snapshot" test ! -e "$tmp/no.pb.gz"
}

bad_input() {
    local word thread
    for word in abc 0 -5 '' 12x 99999999999 2147483648; do
        refused "-p '$word'" 2 "'$word' is no process id" -p "$word"
    done
    refused "no such process" 1 'there is no process 4194303' -p 4194303
    refused "no pid" 2 'Missing argument' -p
    refused "a command too" 2 'leave out -p or the command' -p $$ -- true
    if [ -e /proc/2/stat ] && grep -q kthreadd /proc/2/comm; then
        refused "a thread of the kernel" 1 'is a thread of the kernel' -p 2
    fi
    start busy "$targets/truth-nofp" steady 60
    for word in 4 5 6 7 8 9 10 11 12; do
        # shellcheck disable=SC2016
        like "ulimit -n $word: says so" \
            "$(sh -c 'ulimit -n $2; exec "$0" record -d 0.1 -o "$3" -p $1' "$proftop" "$pid" $word "$tmp/few.pb.gz" 2>&1)" \
            "^proftop: .*(ulimit -n|Too many open files|[0-9]+ samples)"
    done
    end $pid
    # shellcheck disable=SC2016
    like "proftop itself" "$(sh -c 'exec "$0" record -d 1 -o "$1" -p $$' "$proftop" "$tmp/no.pb.gz" 2>&1)" 'is proftop itself'
    start threads "$targets/many_threads" 2 0 0 leave
    wait_for 5 is_ready threads
    thread=$(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 ! -name "$pid" -printf '%f\n' | head -n 1)
    refused "a thread" 1 "$thread is a thread of process $pid: attach to that one" -p "$thread"
    end $pid
    mkfifo "$tmp/parent.in"
    # shellcheck disable=SC2016
    start parent sh -c '(read -r line <"$1") & echo $!; exec "$0" steady 60' "$targets/truth-nofp" "$tmp/parent.in"
    wait_for 5 grep -q truth "/proc/$pid/comm"
    echo end >"$tmp/parent.in" # its child ends, and nobody takes note
    wait_for 5 is_zombie "$tmp/parent.text"
    refused "a zombie" 1 'has ended already' -p "$(cat "$tmp/parent.text")"
    end $pid
}

is_zombie() { # FILE
    [ "$(ps -o stat= -p "$(cat "$1")" | cut -c1)" = Z ]
}

# ---- a server under load ----

# Requests per second, summed over the kinds of requests; fails when one does.
bench() { # REQUESTS
    redis-benchmark -s "$tmp/redis.sock" -n "$1" -c 20 -P 8 -t set,get,lpush --csv >"$tmp/bench.out" 2>"$tmp/bench.err" || return 1
    ! grep -qi error "$tmp/bench.out" "$tmp/bench.err" || return 1
    awk -F'","' '!/"test"/ { sum += $2 } END { printf "%d\n", sum }' "$tmp/bench.out"
}

# The same while it is watched.
watched_bench() { # REQUESTS
    local watcher result
    env --default-signal=INT "$proftop" record -o "$tmp/redis.pb.gz" -p $pid 2>"$tmp/redis.err" &
    watcher=$!
    wait_for 10 watches $watcher
    bench "$1"
    result=$?
    kill -INT $watcher
    wait $watcher || result=1
    return $result
}

server() {
    local bare=0 watched=0 failed=0 one n
    need "a server under load" redis-server redis-benchmark redis-cli || return
    n=$(awk -v s="$seconds" 'BEGIN { print int(s * 40000) }')
    ln -s "$(command -v redis-check-rdb)" "$tmp/redis-server"
    start redis "$tmp/redis-server" --port 0 --unixsocket "$tmp/redis.sock" --save '' --dir "$tmp"
    wait_for 10 redis-cli -s "$tmp/redis.sock" ping
    bench 20000 >/dev/null || failed=1
    for _ in 1 2; do # in turn, as the machine may be busy with other things
        one=$(bench "$n") && bare=$((bare + one)) || failed=1
        one=$(watched_bench "$n") && watched=$((watched + one)) || failed=1
    done
    is "server: no request failed" $failed 0
    report redis
    echo "# requests a second: $bare bare, $watched watched ($((100 * watched / (bare + 1))) %)"
    "$proftop" report "$tmp/redis.pb.gz" | grep -E '^(CPU|rate|samples|stacks)' | sed 's/^/# /'
    check "server: stacks are complete" at_least \
        "$(json redis '.stacks | 1000 * .complete / ([.complete + .truncated + .broken, 1] | max) | floor')" 990
    check "server: functions have names" at_most "$(share redis '^(|\\[unknown.*|\\?+|0x[0-9a-f]+)$')" 20
    check "server: its loop has the time" at_least \
        "$(json redis '[.functions[] | select(.function == "aeMain") | .total_percent] | max // 0 | floor')" 80
    check "server: a quarter of the bare speed at least, on a shared machine" at_least "$watched" $((bare / 4))
    redis-cli -s "$tmp/redis.sock" shutdown nosave >/dev/null 2>&1
    wait $pid
    is "server: ends well" $? 0
}

plain
endings
killed
many
leaderless
kinds
states
others
bad_input
server
finish
