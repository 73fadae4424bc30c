# Sourced after tap.sh by the tests of the heap: recordings with the allocation hooks, read by --view memory, and the
# books that programs of tests/targets/heap keep of themselves.
#
#   report NAME              (in place of tap.sh's) the report of the heap as JSON, in $tmp/NAME.json
#   heap NAME COMMAND...     records the heap into $tmp/NAME.*, in mode $heap_mode (exact), and makes the report
#   truth NAME COMMAND...    the same with a command that keeps books: the file for them, $tmp/NAME.truth, is added as
#                            its last word but those in $truth_last; it must end with 0
#   compare_heap NAME        prints "ok" when each site of the books is in the report with the same figures, or what differs
#   site NAME FUNCTION KEY   the sum of a figure over the rows of a function, null when there is none
#   of_process NAME PROCESS KEY   a figure of the process of that name (the last one)
# shellcheck shell=bash disable=SC2034,SC2154 # shared with tap.sh and the tests
heap_programs=$targets/heap

report() {
    "$proftop" report --view memory --json --top 0 "$tmp/$1.pb.gz" >"$tmp/$1.json" 2>>"$tmp/$1.err"
}

heap() {
    local name=$1
    shift
    record_options="--memory=${heap_mode-exact} ${heap_options-}" record "$name" "$@"
    report "$name"
}

truth() {
    local name=$1
    shift
    rm -f "$tmp/$name.truth"
    # shellcheck disable=SC2086 # words
    if ! heap "$name" "$@" "$tmp/$name.truth" ${truth_last-} || [ "$(cat "$tmp/$name.rc")" != 0 ]; then
        not_ok "$name: can be recorded and reported" "$(cat "$tmp/$name.rc" "$tmp/$name.out" "$tmp/$name.err")"
        return 1
    fi
}

# The books as an object: {SITE: {KEY: NUMBER or null}}.
books() {
    jq -Rn '["allocs", "bytes", "live_blocks", "live_bytes", "peak_blocks", "peak_bytes", "own_peak_bytes", "temporary",
             "reallocs", "remote_frees"] as $keys
        | [inputs | split(" ") | select(.[0] == "site")
           | {key: .[1], value: ([range($keys | length) as $i | {key: $keys[$i], value: (.[2 + $i] | tonumber? // null)}]
                                 + [{key: "sizes", value: (.[12] | split(",") | map(tonumber))}] | from_entries)}]
        | from_entries' "$1"
}

compare_heap() {
    books "$tmp/$1.truth" >"$tmp/$1.books" &&
        jq -r --slurpfile books "$tmp/$1.books" '
        .sites as $sites
        | [ $books[0] | to_entries[] | .key as $name | .value as $wanted
            | [$sites[]? | select((.function | sub("\\(.*"; "")) == $name)] as $rows
            | if ($rows | length) == 0 then "\($name): not in the report"
              else $wanted | to_entries[] | .key as $key | select(.value != null)
                | (if $key == "sizes" then [$rows[].sizes] | transpose | map(add) else [$rows[][$key]] | add end) as $got
                | select($got != .value and ($key != "own_peak_bytes" or ($rows | any(.own_peak_is_bound) | not) or $got < .value)) | "\($name): \($key): got \($got), wanted \(.value)"
              end ]
        | if length > 0 then join("\n") elif ($books[0] | length) == 0 then "there are no books" else "ok" end' "$tmp/$1.json" 2>&1
}

site() {
    json "$1" "[.sites[]? | select(.function == \"$2\") | .$3] | add"
}

of_process() {
    json "$1" "[.heap.processes[]? | select(.name == \"$2\")] | last | .$3"
}
