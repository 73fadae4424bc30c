#!/bin/bash
# A snapshot that never changes gives screens that never change: compared cell by cell with golden/.
# shellcheck source=tests/screens/driver.sh
. "$(dirname "$0")/driver.sh"
cd "$tmp" || exit 2
"$root/tests/screens/make_snapshot.py" storefront.pb.gz
"$root/tests/screens/make_snapshot.py" foreign.pb.gz --foreign

for size in 40x10 80x24 200x50; do
    open_screen $size "$proftop" view storefront.pb.gz
    shows "$size: opens" 'lookup|prices'
    golden functions-$size
    keys 2
    golden flame-$size
    keys 7
    golden threads-$size
    keys '?'
    golden help-$size
    keys '?'
    keys 1
    golden functions-$size
    keys q
    ends "$size: q leaves at once" 0
done

open_screen 100x30 "$proftop" view storefront.pb.gz
shows "opens" 'lookup|prices'
keys s
golden functions-sorted
keys I
golden functions-inverted
keys I
keys '\'
keys -l 'walk|parse'
keys Enter
golden functions-filtered
keys c
keys u
golden functions-unit
keys G
golden functions-last
keys g
keys Enter
golden flame-of-function
keys b
golden flame-bottom-up
keys b
keys Down Down Down Enter
golden flame-zoomed
keys BSpace
golden flame-zoomed-out

never "no escape sequence of a name reaches the terminal" '\[31m'
is "the title is not taken over" "$(pane pane_title | grep -c x)" 0

open_screen 100x30 "$proftop" view foreign.pb.gz
shows "a file of another program opens" 'lookup|prices'
golden foreign

locale=C
open_screen 100x30 "$proftop" view storefront.pb.gz
shows "LC_ALL=C opens" 'lookup|prices'
golden functions-ascii
keys 2
golden flame-ascii
finish
