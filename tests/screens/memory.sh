#!/bin/bash
# The heap on the screen: a live one, one that is not measured, and one in a snapshot.
# shellcheck source=tests/screens/driver.sh
. "$(dirname "$0")/driver.sh"
cd "$tmp" || exit 2
standing=("$proftop" --memory=exact -- "$targets/heap/standing")
kept='3\.00 MiB'

# ---- every size shows the table ----
for size in 40x10 80x24 200x50; do
    open_screen $size "${standing[@]}"
    shows "$size: starts" 'Functions'
    keys 3
    shows "$size: 3: what is live, by site" "^ *$kept .*keep_block"
    shows "$size: the order is marked" 'LIVE▼'
    shows "$size: how it is measured" '^ exact'
    never "$size: no line is wrapped into the next" '^.{201,}'
done
shows "a large screen: where the peak was" '▼ peak 5\.00 MiB at 00:00'
shows "a large screen: the scale of the chart" '^ +5\.00 MiB █'
shows "a large screen: the time at its ends" '^ +00:00 +00:0[0-9]'
shows "a large screen: what the resident memory is" 'heap +3\.00 MiB'
shows "a large screen: sizes of blocks" '<= 1\.00 KiB'

# ---- header, summary, details ----
open_screen 100x30 "${standing[@]}"
shows "the header: heap, peak and rate" "heap .*$kept +peak 5\.00 MiB +allocs .*/s"
keys 3
shows "the site's line" 'keep_block +standing\.c:19'
shows "parts of the resident memory" 'files +[0-9.]+ [KM]iB'
shows "the call path" "$kept +100\.0 %  by build_heap ← main"
keys e
shows "e: whole paths, a frame a line" '^ +main  standing\.c:'
keys e
shows "e again: the table" 'LIVE▼'
keys /
keys -l take_passing
keys Enter
shows "/: the cursor goes to what was looked for" '^ take_passing  standing '
shows "temporary blocks are said to be" 'temporary 100\.0 %'
keys I
shows "I: the order is inverted" 'LIVE▲'
keys I
keys '>'
shows ">: the next column" 'BLOCKS▼'
keys '<'
keys '\'
keys -l pass_
keys Enter
shows "\\: what matches stays" 'pass_peak'
never "\\: the rest is hidden" "^ *$kept .*keep_block"
keys c
shows "c: everything is back" "^ *$kept .*keep_block"

# ---- Flame ----
keys g Enter
shows "Enter: Flame, weighed by what is live" 'live bytes, .*zoomed to keep_block'
shows "Enter: values are bytes" "build_heap .*$kept"
keys w
shows "w: weighed by the peak" 'bytes at the peak, '
shows "w: its bytes" 'all +5\.00 MiB'
keys w
shows "w: weighed by what was allocated" 'bytes allocated, '
keys 1
shows "Functions: what each allocated" 'ALLOC'

# ---- how it is measured ----
keys 3
shows "the Memory view again" '^ exact'
keys M
shows "M: says what it is now" 'heap: sampled: '
shows "M: the view comes to say so" '^ exact, then sampled'
keys M
shows "M: off" 'heap: off: '
shows "M: off: the view says so" '^ off: figures stand still'
shows "M: off: what was measured stays" 'keep_block'

# ---- a snapshot while it runs ----
open_screen 80x24 "${standing[@]}"
keys 3
shows "a snapshot: there is a heap" "^ *$kept .*keep_block"
shows "the resident memory on one line" 'RSS [0-9.]+ MiB = 3\.0 heap \+ .* files'
keys W
shows "a snapshot: its name" 'saved proftop-.*pb\.gz'
saved=$(screen | grep -o 'proftop-[^ ]*pb.gz' | head -n 1)

# ---- the end ----
keys 0 i x Enter Escape Escape 3
shows "after the end: what was not freed" 'LEAK'
shows "after the end: it is that of the site" "$kept .*$kept keep_block"
keys q
ends "q after the end: the target's status" 0

open_screen 80x24 "$proftop" view "$saved"
keys 3
shows "the snapshot: the same table" "^ *$kept .*keep_block"
never "the snapshot: no rates" 'ALLOC/s'
keys Enter
shows "the snapshot: Flame" 'live bytes, '
keys q
ends "the snapshot: q leaves at once" 0

# ---- without colours, without UTF-8 ----
locale=C
open_screen 120x34 env NO_COLOR=1 "$proftop" view "$saved"
keys 3
shows "ASCII: the table" 'LIVEv'
shows "ASCII: paths" 'by build_heap <- main'
never "ASCII: nothing else" '[^ -~]'
locale=C.UTF-8

# ---- what is not measured is said, not shown as zero ----
open_screen 80x24 "$proftop" --memory=off -- "$targets/heap/standing"
keys 3
shows "switched off: said" 'The heap is not measured: it is switched off'
never "switched off: no zeros" '0 B'
keys M
shows "switched on while it runs" 'take_passing'

open_screen 80x24 "$proftop" -- "$targets/truth-static" burst 60
keys 3
shows "a static program: said, and why" 'The heap is not measured: .*static'
never "a static program: no zeros" '0 B'
finish
