#!/bin/bash
# Exact calls on the screen: of a program compiled with hooks, of one that was not, and in a snapshot.
# shellcheck source=tests/screens/driver.sh
. "$(dirname "$0")/driver.sh"
cd "$tmp" || exit 2
serving=("$proftop" --memory=off -- "$targets/calls/serves_calls-cyg" 300)
plain=("$proftop" --memory=off -- "$targets/calls/serves_calls-plain" 300)
count='[0-9.]+( [kM])?'
time='[0-9.]+ ([µm]?s|ns)'

# ---- every size has the columns ----
for size in 40x10 80x24 200x50; do
    open_screen $size "${serving[@]}"
    shows "$size: there are columns of calls" 'CALLS'
    keys s s s
    shows "$size: how often each was called" "^ +[0-9.]+ .*$count  .*pack_block"
    never "$size: no line is wrapped into the next" '^.{201,}'
done
shows "a large screen: calls a second" ' CALLS/s '
shows "a large screen: percentiles are estimates" "~$time .*pack_block"
keys /
keys -l pack_block
keys Enter
shows "a large screen: durations below the table" 'CALLS BY DURATION'

# ---- columns, details ----
open_screen 120x30 "${serving[@]}"
shows "columns of calls" 'CALLS .* AVG .* CALL TIME .* CALL SELF .* FUNCTION'
shows "the header has calls a second" " calls $count/s"
shows "main goes on" ' 1 .* open .* main '
keys s s s
shows "s: by calls" 'CALLS▼'
shows "s: what is called most comes first" "^.* $count .*(find_price|spin_quietly)"
keys s s s
shows "s: by time" 'CALL TIME▼'
keys /
keys -l serve_request
keys Enter
shows "/: the cursor goes to what was looked for" '^ serve_request  serves_calls-cyg '
shows "its figures" "^ calls $count .* total $time .* self $time"
shows "its durations" "^ avg $time +min $time +p50 ~$time +p99 ~$time +max $time"
shows "who called it" " $time main "
keys e
shows "e: all about it, on all of the screen" '^ +[0-9.]+.* parse_order'
never "e: no table" 'FUNCTION'
keys e
shows "e again: the table" 'FUNCTION'
keys '\'
keys -l '^pack'
keys Enter
shows "\\: what matches stays" 'pack_all'
never "\\: the rest is hidden" 'find_price'
keys c
shows "c: everything is back" 'find_price'

# ---- Flame ----
keys /
keys -l '^main'
keys Enter Enter
shows "Enter: Flame, weighed by what the table is sorted by" 'call time, '
shows "a recursive function stands below itself once" 'find_price'
keys w
shows "w: weighed by calls" '^ calls, '
keys w
shows "w: weighed by CPU time" 'CPU time, '

# ---- threads ----
keys 7
shows "7: threads" 'THREAD|TID'
keys G Enter 1
shows "Enter in Threads: only this" 'only thread'
shows "only its calls" 'pack_block'
never "none of the other's" 'find_price'
keys 7 G Enter 1
shows "Enter again: all" 'find_price'

# ---- what is counted ----
keys X
shows "X: all" 'calls: all: '
keys X
shows "X: off" 'calls: off: '
keys X
shows "X: auto" 'calls: auto: '

# ---- a snapshot ----
keys W
shows "W: its name" 'saved proftop-.*pb\.gz'
saved=$(screen | grep -o 'proftop-[^ ]*pb.gz' | head -n 1)
open_screen 80x24 "$proftop" view "$saved"
keys s s s
shows "the snapshot: calls" "^ +[0-9.]+ .* $count  .* pack_block"
shows "the snapshot: in all" ' calls [0-9.]+ [kM]'
keys x
shows "the snapshot: nothing is counted in it" 'counting calls: not in a snapshot'
keys Enter
shows "the snapshot: Flame" ' calls, '
keys w
shows "the snapshot: by CPU time" 'CPU time, '
keys q
ends "the snapshot: q leaves at once" 0

# ---- without UTF-8 ----
locale=C
open_screen 120x34 env NO_COLOR=1 "$proftop" view "$saved"
keys s s s
shows "ASCII: the table" 'CALLSv.*FUNCTION'
never "ASCII: nothing else" '[^ -~]'
locale=C.UTF-8

# ---- what a program tells with proftop.h ----
cat >"$tmp/teller.c" <<'END'
#include <proftop.h>

int main(void)
{
    static const int64_t depths[] = {3, -2, 41, 17};
    for (int i = 0; i < 4; i++) {
        proftop_counter("queue depth", depths[i]);
        proftop_mark(i % 2 ? "stored" : "loaded");
    }
    return 0;
}
END
${CC:-gcc} -I"$root/collectors/target" -o "$tmp/teller" "$tmp/teller.c" 2>&1 | sed 's/^/# /'
"$proftop" record --memory=off -o "$tmp/teller.pb.gz" -- "$tmp/teller" >/dev/null 2>&1
open_screen 100x30 "$proftop" view "$tmp/teller.pb.gz"
keys 7
shows "counters: value, least, most" '^ +17 +-2 +41 queue depth .* stored$'
shows "marks: the latest first" 'TIME MARK, the latest first'

# ---- a program that was not compiled for it ----
open_screen 100x30 "${plain[@]}"
shows "not compiled for it: it is sampled" 'spin_quietly'
never "not compiled for it: no columns of calls" 'CALLS'
keys e
shows "not compiled for it: e says why there are none" 'No calls are counted: '
keys e /
keys -l serve_request
keys Enter x
shows "x: said" 'the calls of serve_request are counted'
shows "x: it is marked" "$count• .*serve_request" 20
shows "x: the header" " calls $count/s"
keys x
shows "x again: said" 'the calls of serve_request are no longer counted'
keys /
keys -l '^_start'
keys Enter x
shows "x: what cannot be counted is said, and why" 'calls are not counted: _start: '

# ---- one with patchable entries ----
open_screen 100x30 "$proftop" --memory=off -- "$targets/calls/serves_calls-sled" 300
shows "patchable entries: it is sampled" 'spin_quietly'
never "patchable entries: not counted unless asked for" 'CALLS'
keys X
shows "X: all" 'calls: all: '
shows "X: all functions are counted" "$count  .*serve_request"
keys X X
shows "X: auto again" 'calls: auto: '
finish
