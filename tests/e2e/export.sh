#!/bin/bash
# proftop export: formats, sums, names, and what cannot be exported.
# shellcheck source=tests/e2e/tap.sh
. "$(dirname "$0")/tap.sh"
make_snapshot=$root/tests/screens/make_snapshot.py
"$make_snapshot" "$tmp/shop.pb.gz" # 1150 samples of 1.001 ms
"$make_snapshot" "$tmp/hostile.pb.gz" --hostile
"$make_snapshot" "$tmp/large.pb.gz" --large

export_to() { # OUTPUT SNAPSHOT OPTION...
    "$proftop" export "$tmp/$2.pb.gz" -o "$1" "${@:3}" 2>"$tmp/err" </dev/null
}

# fails NAME STATUS REGEX OPTION...: one line on stderr, nothing on stdout.
fails() {
    "$proftop" export "${@:4}" >"$tmp/out" 2>"$tmp/err" </dev/null
    is "$1: exit status" $? "$2"
    is "$1: one line" "$(wc -l <"$tmp/err")" 1
    like "$1: says why" "$(cat "$tmp/err")" "^proftop: .*($3)"
    is "$1: nothing on stdout" "$(wc -c <"$tmp/out")" 0
}

sum() {
    awk '{ n += $NF } END { print n }' "$1"
}

# ---- folded ----
export_to "$tmp/shop.folded" shop
is "folded: nothing said" "$(cat "$tmp/err")" ""
is "folded: the sum is the total" "$(sum "$tmp/shop.folded")" $((1150 * 1001000))
is "folded: a line is frames and a number" "$(grep -cvE '^[^;]+(;[^;]+)* [0-9]+$' "$tmp/shop.folded")" 0
is "folded: outermost first, inlined functions too" \
    "$(grep -c '^storefront;_start;__libc_start_main;main;serve_request;parse_order;skip_blanks;is_blank 250250000$' "$tmp/shop.folded")" 1
export_to - shop --format folded --metric samples >"$tmp/samples"
is "folded: samples" "$(sum "$tmp/samples")" 1150
export_to - shop --format folded --metric samples --threads >"$tmp/threads"
is "folded: threads" "$(grep '^storefront;\[worker é中 tid=4243\];clone3;' "$tmp/threads" | sum -)" 325
export_to - shop --format folded --metric samples --inverted >"$tmp/inverted"
is "folded: inverted" "$(grep '^malloc;worker_main;start_thread;clone3;storefront ' "$tmp/inverted" | sum -)" 25
is "folded: inverted, the sum" "$(sum "$tmp/inverted")" 1150
export_to "$tmp/hostile.folded" hostile
is "folded: hostile names, a line is frames and a number" "$(grep -cvE '^[^;]+(;[^;]+)* [0-9]+$' "$tmp/hostile.folded")" 0
is "folded: hostile names, three frames" "$(awk -F';' 'NF != 3' "$tmp/hostile.folded")" ""

# A file with exact calls: 1, 2005, 3005 and 1005 calls, of which 7, 2010, 3010 and 1010 ns are their own.
calls=$root/tests/fuzz/fuzz_snapshot/calls.pb.gz
"$proftop" export "$calls" -o - --format folded --metric calls >"$tmp/calls"
is "folded: calls" "$(sum "$tmp/calls")" 6016
is "folded: calls of a path" "$(grep -c '^app;order;pay: by card 3005$' "$tmp/calls")" 1
"$proftop" export "$calls" -o - --format folded --metric call_time --threads >"$tmp/call_time"
is "folded: time of calls" "$(sum "$tmp/call_time")" 6037
is "folded: time of a thread's calls" "$(grep -c '^app;\[app tid=100\];order 2010$' "$tmp/call_time")" 1
"$proftop" export "$calls" -o - --format svg --metric call_time >"$tmp/calls.svg"
like "svg: time of calls" "$(cat "$tmp/calls.svg")" 'data-unit="nanoseconds" data-metric="call time"'

# ---- svg ----
if need "svg" xmllint; then
    for name in shop hostile large; do
        export_to "$tmp/$name.svg" $name
        check "svg of $name: is XML" xmllint --noout "$tmp/$name.svg"
        is "svg of $name: one script, ours" "$(xmllint --xpath 'count(//*[local-name()="script"])' "$tmp/$name.svg")" 1
        is "svg of $name: no attribute is a script" "$(xmllint --xpath 'count(//@*[starts-with(name(), "on")])' "$tmp/$name.svg")" 0
        is "svg of $name: nothing is loaded" "$(xmllint --xpath 'count(//@*[contains(name(), "href") or name() = "src"])' "$tmp/$name.svg")" 0
    done
    is "svg: a frame for each function and path" "$(xmllint --xpath 'count(//*[@class="frame"])' "$tmp/shop.svg")" 58
fi
like "svg: what it weighs" "$(cat "$tmp/shop.svg")" 'data-unit="nanoseconds" data-metric="CPU time"'
export_to - shop --format svg --metric samples >"$tmp/samples.svg"
like "svg: samples" "$(cat "$tmp/samples.svg")" 'data-unit="count" data-metric="samples"'
check "svg of 100,000 stacks is below 3 MB" test "$(wc -c <"$tmp/large.svg")" -lt 3000000
like "svg of 100,000 stacks says what is missing" "$(cat "$tmp/large.svg")" 'data-cut-percent="[1-9]'

# ---- files ----
echo old >"$tmp/old.svg"
export_to "$tmp/old.svg" shop
is "a file is replaced" "$(head -c 5 "$tmp/old.svg")" "<?xml"
is "nothing else is left" "$(find "$tmp" -name '.proftop*' | wc -l)" 0
ln -s "$tmp/old.svg" "$tmp/link.svg"
fails "a symbolic link" 1 'symbolic link' "$tmp/shop.pb.gz" -o "$tmp/link.svg"
fails "no such folder" 1 'nowhere' "$tmp/shop.pb.gz" -o "$tmp/nowhere/x.svg"
fails "a device" 1 'regular file' "$tmp/shop.pb.gz" -o /dev/full --format svg
"$proftop" export "$tmp/shop.pb.gz" -o - --format svg >/dev/full 2>"$tmp/err" </dev/null
is "stdout is full: exit status" $? 1
like "stdout is full: says why" "$(cat "$tmp/err")" '^proftop: .*stdout'
"$proftop" export "$tmp/large.pb.gz" -o - --format folded 2>"$tmp/err" </dev/null | head -n 1 >/dev/null
is "stdout is closed early: nothing said" "$(cat "$tmp/err")" ""
fails "no such snapshot" 1 'nowhere' "$tmp/nowhere.pb.gz" -o "$tmp/x.svg"
head -c 500 "$tmp/shop.pb.gz" >"$tmp/half.pb.gz"
fails "half a snapshot" 1 'half' "$tmp/half.pb.gz" -o "$tmp/x.svg"
cp "$tmp/shop.pb.gz" "$tmp/own.svg"
ln "$tmp/own.svg" "$tmp/other.svg"
fails "the snapshot itself" 2 'would be lost' "$tmp/own.svg" -o "$tmp/own.svg"
fails "the snapshot by another name" 2 'would be lost' "$tmp/own.svg" -o "$tmp/other.svg"
check "the snapshot is as it was" cmp "$tmp/shop.pb.gz" "$tmp/own.svg"
# strings "", "cpu", "nanoseconds", "f"; samples of 5 and -2 in one function
printf '\x0a\x04\x08\x01\x10\x02\x12\x06\x0a\x01\x01\x12\x01\x05\x12\x0f\x0a\x01\x02\x12\x0a\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01' >"$tmp/negative.pb.gz"
printf '\x22\x06\x08\x01\x22\x02\x08\x01\x22\x06\x08\x02\x22\x02\x08\x02\x2a\x04\x08\x01\x10\x03\x2a\x04\x08\x02\x10\x04' >>"$tmp/negative.pb.gz"
printf '\x32\x00\x32\x03cpu\x32\x0bnanoseconds\x32\x01f\x32\x01g' >>"$tmp/negative.pb.gz"
for format in svg folded; do
    fails "$format: negative values" 1 'negative' "$tmp/negative.pb.gz" -o "$tmp/x.svg" --format $format
done
like "negative values are reported" "$("$proftop" report "$tmp/negative.pb.gz")" '^ +-66.7 +-2 ns .* g$'
is "and there is no minus zero" "$("$proftop" report "$tmp/negative.pb.gz" | grep -c -e '-0\.0')" 0
is "a failure leaves no file" "$(find "$tmp" -name 'x.svg*' | wc -l)" 0

# ---- usage ----
fails "no output" 2 '\-o' "$tmp/shop.pb.gz"
fails "an empty name" 2 '\-o' "$tmp/shop.pb.gz" -o ''
fails "an unknown suffix" 2 'svg.*folded' "$tmp/shop.pb.gz" -o "$tmp/x.png"
fails "an unknown format" 2 'png' "$tmp/shop.pb.gz" -o "$tmp/x.svg" --format png
fails "stdout without a format" 2 '\-\-format' "$tmp/shop.pb.gz" -o -
fails "a metric it does not have" 2 'samples, cpu' "$tmp/shop.pb.gz" -o "$tmp/x.svg" --metric heap
fails "the heap of a snapshot without one" 2 'heap was not measured' "$tmp/shop.pb.gz" -o "$tmp/x.svg" --metric live
fails "calls of a snapshot without any" 2 'no calls were counted' "$tmp/shop.pb.gz" -o "$tmp/x.svg" --metric calls
fails "no snapshot" 2 'one snapshot' -o "$tmp/x.svg"
fails "two snapshots" 2 'one snapshot' a b -o "$tmp/x.svg"
finish
