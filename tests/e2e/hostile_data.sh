#!/bin/bash
# What a front end must not believe: stacks, names, mapped files, shared memory, callers, snapshots, clocks. It stays
# alive, shows what is true, and the program does not notice.
# shellcheck source=tests/e2e/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/e2e/hostile_lib.sh
. "$root/tests/e2e/hostile_lib.sh"

export XDG_RUNTIME_DIR=$tmp/run
mkdir -m 700 "$tmp/run"
group=
# shellcheck disable=SC2317 # called by tap.sh
at_end() { [ -z "$group" ] || rmdir "$group"; }

# ---- stacks ----
hostile deep 0 "$targets/recursion-nofp" 100000 1
for engine in $engines; do
    is "$engine: deep: stacks are complete or said to be cut" "$(json "$engine-deep" '.samples > 10 and .stacks.truncated * 10 > .samples * 8')" true
    start=${EPOCHREALTIME/./}
    "$proftop" report --view tree "$tmp/$engine-deep.pb.gz" >"$tmp/tree"
    check "$engine: deep: the report takes less than a second" test $((${EPOCHREALTIME/./} - start)) -lt "${SANITIZED:+2}1000000"
    like "$engine: deep: [truncated] is on top of it" "$(cat "$tmp/tree")" '\[truncated\]'
done
hostile corrupt_stack 7 "$hostile/corrupt_stack"
holds corrupt_stack "it is known where it was" '[.functions[] | select(.function == "work_on_a_bad_stack") | .self_ns] | add / 1e9 | . > 0.3' perf
holds corrupt_stack "nothing unknown" '[.functions[] | select(.function == "[unknown]")] | length == 0' perf
holds corrupt_stack "such stacks are not called complete" '.stacks.complete < .samples / 3'

# Each kind of code is only below the one function that calls it.
# shellcheck disable=SC2016 # the variables are jq's
callers='def below(c): .. | objects | select(.function? == c); .tree as $tree | def share(c; f):
    ([$tree | below(c) | .. | objects | select(.function? | f) | .self_ns] | add // 0) as $below
    | ([$tree | .. | objects | select(.function? | f) | .self_ns] | add // 0) as $all | $all > 1.3e8 and $below >= $all * 0.9;'
hostile odd_code 7 "$hostile/odd_code"
if [ -n "${hostile_ran[odd_code]-}" ]; then
    for engine in $engines; do
        "$proftop" report --json --view tree "$tmp/$engine-odd_code.pb.gz" >"$tmp/tree.json"
        for pair in 'caller_of_edges only_edges' 'caller_of_vdso clock_gettime' 'caller_of_plt (btowc|wctob)'; do
            is "$engine: odd_code: ${pair#* } is below ${pair% *}" "$(jq "$callers"' share("'"${pair% *}"'"; strings
                | test("^'"${pair#* }"'(@plt)?$"))' "$tmp/tree.json")" true
        done
    done
    holds odd_code "code without a file is called so" '[.functions[] | select(.module == "[anon]") | .self_ns] | add // 0 | . > 2e8 and . < 3e8'
fi
hostile dlclose_reuse 0 "$targets/dlclose_reuse" .6
if [ "$(cat "$tmp/bare.out")" = "same address: yes" ]; then
    for part in first_part second_part; do
        holds dlclose_reuse "$part is named by what was mapped then" \
            "[.functions[] | select(.function == \"$part\") | .self_percent] | add // 0 | . > 40 and . < 60"
    done
fi

# ---- shared memory ----
for mode in noise counts heads; do
    hostile "scribble $mode" 7 "$hostile/scribble" $mode "$tmp/scribble" "$tmp/scribbled"
    like "scribble $mode: there was something to write to" "$(cat "$tmp/scribbled")" '^[1-9]'
    counted "scribble $mode" "$tmp/scribble" 25
    rm -f "$tmp/scribble"
done

# ---- a front end that stands still ----
record_options="-F 4999" hostile front_stopped 7 "$hostile/front_stopped" "$tmp/front_stopped"
counted front_stopped "$tmp/front_stopped" 5
holds front_stopped "what was not seen is counted" '.lost > 0 or .samples > 20000'

# ---- names ----
mkdir "$tmp/names"
odd=$tmp/names/$'\e]0;evil\a\e[2J\nodd'
long=$(head -c 10000000 /dev/zero | tr '\0' x)
printf 'plain_symbol %s\n' "$long" >"$tmp/renamed"
if need "odd_names" objcopy && objcopy --redefine-syms="$tmp/renamed" "$hostile/odd_names" "$odd" 2>"$tmp/err"; then
    hostile odd_names 7 "$odd"
    for engine in $engines; do
        for view in functions tree threads; do
            "$proftop" report --view $view --top 0 "$tmp/$engine-odd_names.pb.gz" >"$tmp/text"
            is "$engine: odd_names: --view $view: no control character" "$(LC_ALL=C grep -c "$(printf '[\001-\010\013-\037\177]')" "$tmp/text")" 0
            is "$engine: odd_names: --view $view: nothing that turns text around" "$(LC_ALL=C grep -cE $'\xe2\x80[\x8e\x8f\xaa-\xae]|\xc2[\x80-\x9f]' "$tmp/text")" 0
            check "$engine: odd_names: --view $view: UTF-8" iconv -f UTF-8 -t UTF-8 -o /dev/null "$tmp/text"
            check "$engine: odd_names: --view $view: names are cut" test "$(wc -c <"$tmp/text")" -lt 200000
        done
        like "$engine: odd_names: the symbol is shown escaped" "$(json "$engine-odd_names" '.functions[].function')" 'evil\\x1b\[2J'
        like "$engine: odd_names: a thread is shown escaped" "$(json "$engine-odd_names" '.threads[].name')" '^two\\x0alines$'
        check "$engine: odd_names: the snapshot is small" test "$(wc -c <"$tmp/$engine-odd_names.pb.gz")" -lt 500000
    done
fi
unset long

# ---- mapped files ----
mkdir "$tmp/mapped"
hostile odd_mappings 7 "$hostile/odd_mappings" "$tmp/mapped"
holds odd_mappings "nothing is named after what was put there" \
    '[.functions[] | select(.module | endswith("/mapped")) | select(.function | startswith("mapped+") | not)] | length == 0' perf
holds odd_mappings "its time is there" '[.functions[] | select(.module | test("/mapped")) | .self_ns] | add / 1e9 | . > 0.4 and . < 0.65'

# ---- other users ----
hostile stranger 7 "$hostile/stranger" "$tmp/run" "$tmp/sockets"
if [ -n "${hostile_ran[stranger]-}" ]; then
    is "stranger: there were sockets, which their owner can reach" "$(grep -c '^1 1$' "$tmp/sockets")" "$(wc -w <<<"$engines")"
    chmod 755 "$tmp"
    mkdir -m 777 "$tmp/taken" && mkdir -m 777 "$tmp/taken/proftop" && chown -R nobody "$tmp/taken/proftop"
    XDG_RUNTIME_DIR=$tmp/taken "$proftop" record -q -o "$tmp/taken.pb.gz" -- true >"$tmp/out" 2>"$tmp/err"
    is "a runtime folder that is another user's is not used" "$(find "$tmp/taken/proftop" -mindepth 1)" ""
    ln -s "$tmp/elsewhere" "$tmp/link" && mkdir "$tmp/elsewhere" && mkdir "$tmp/led" && ln -s "$tmp/elsewhere" "$tmp/led/proftop"
    XDG_RUNTIME_DIR=$tmp/led "$proftop" record -q -o "$tmp/led.pb.gz" -- true >"$tmp/out" 2>"$tmp/err"
    is "nor one that is a link" "$(find "$tmp/elsewhere" -mindepth 1)" ""
    umask 000
    "$proftop" record -q -o "$tmp/open.pb.gz" -- true
    umask 022
    is "a snapshot is its owner's alone" "$(stat -c %a "$tmp/open.pb.gz")" 600
fi

# ---- snapshots ----
if [ -z "${SANITIZED-}" ]; then
    head -c 300000000 /dev/zero | gzip -1 >"$tmp/bomb.pb.gz"
    peak=$("$hostile/peak_memory" "$proftop" report "$tmp/bomb.pb.gz" 2>/dev/null)
    check "a gzip bomb: refused within 256 MB" test "$peak" -gt 0 -a "$peak" -lt 256000
else
    skip "a gzip bomb" "the sanitizers need the memory themselves"
fi
forge() { # NAME TEXT: a profile, written down as text
    protoc --encode=pprof.Profile -I "$root/core/formats" "$root/core/formats/profile.proto" <<<"$2" | gzip >"$tmp/$1.pb.gz"
}
refused() { # NAME TEXT
    forge "$1" "$2"
    timeout 10 "$proftop" report "$tmp/$1.pb.gz" >"$tmp/out" 2>"$tmp/err"
    is "a forged snapshot, $1: exit status" $? 1
    like "a forged snapshot, $1: says why" "$(cat "$tmp/err")" '^proftop: .'
    is "a forged snapshot, $1: one line" "$(wc -l <"$tmp/err")" 1
}
base='string_table: "" string_table: "cpu" string_table: "nanoseconds" sample_type { type: 1 unit: 2 }'
forge good "$base sample { value: 5 }"
if "$proftop" report "$tmp/good.pb.gz" >/dev/null 2>&1; then
    refused "a text that is not there" 'string_table: "" sample_type { type: 1 unit: 9999 }'
    refused "a location that is not there" "$base sample { location_id: 7 value: 5 }"
    refused "an id that is used twice" "$base location { id: 1 address: 4 } location { id: 1 address: 5 } sample { location_id: 1 value: 5 }"
    refused "two values where there is one type" "$base sample { value: 5 value: 6 }"
else
    not_ok "a forged snapshot that is right" "$("$proftop" report "$tmp/good.pb.gz" 2>&1)"
fi

# ---- time ----
mkdir "/sys/fs/cgroup/cpu/proftop-test-$$" 2>/dev/null && group=/sys/fs/cgroup/cpu/proftop-test-$$
hostile uneven_time 7 "$hostile/uneven_time" "$tmp/uneven_time" ${group:+"$group"}
counted uneven_time "$tmp/uneven_time" 5
holds uneven_time "no more than the processors can do" '.total_ns <= .duration_ns * 2'
[ -n "$group" ] || skip "uneven_time, throttled" "no group of the cpu controller can be made"
if unshare --time --monotonic 100000 true 2>/dev/null; then
    hostile "another clock" 7 unshare --time --monotonic 100000 --boottime 5000 "$hostile/plain_work" .5 0
    holds "another clock" "its time is there" '.total_ns / 1e9 | . > 0.45 and . < 0.7'
    holds "another clock" "it took as long as here" '.duration_ns / 1e9 | . > 0.3 and . < 10'
else
    skip "another clock" "no time namespace can be made"
fi

# ---- what freezes some kernels ----
if ! need "perf_event is used with care" strace; then
    :
elif ! strace -o "$tmp/trace" -f -e trace=ioctl,perf_event_open "$proftop" record -q -o "$tmp/traced.pb.gz" \
    -- "$targets/truth-nofp" steady .2 >/dev/null 2>"$tmp/err"; then
    skip "perf_event is used with care" "not under strace here: $(head -n 1 "$tmp/err")"
else
    is "perf_event is used with care: PERF_EVENT_IOC_REFRESH is never used" "$(grep -c 'PERF_EVENT_IOC_REFRESH' "$tmp/trace")" 0
    like "perf_event is used with care: its calls were seen" "$(cat "$tmp/trace")" 'perf_event_open\(.* = [0-9]'
    like "perf_event is used with care: and its ioctls" "$(cat "$tmp/trace")" 'PERF_EVENT_IOC_'
fi
finish
