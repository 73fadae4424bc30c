# Sourced after tap.sh by the tests of exact calls: recordings with counted calls, read by --view calls, and the books that
# programs of tests/targets/calls keep of themselves.
#
#   report NAME                (in place of tap.sh's) the report of calls as JSON, in $tmp/NAME.json
#   calls NAME OPTION COMMAND...  records into $tmp/NAME.*, with --calls=OPTION, or --calls alone when it is "all"
#                              $calls_options: more options; $calls_limit: seconds that it may take
#   compare_calls NAME         prints "ok" when functions and edges are counted as often as in the books, $tmp/NAME.truth, or what
#                              differs. With COVERED=N edges are not compared, and N of the functions are enough
#   agree NAME                 prints "ok" when the figures of a report do not contradict each other, or which do. What probes
#                              take is known to 20 %. With UNTIMED=1 times are not looked at, with SLACK=N durations may be missing
#   row NAME FUNCTION KEY      a figure of a function, null when it has none
#   books_of NAME              names of the functions in the books, between commas
# shellcheck shell=bash disable=SC2034,SC2154 # shared with tap.sh and the tests
calls_programs=$targets/calls

report() {
    "$proftop" report --view calls --json --top 0 "$tmp/$1.pb.gz" >"$tmp/$1.json" 2>>"$tmp/$1.err"
}

calls() {
    local name=$1 option=--calls=$2
    [ "$2" != all ] || option=--calls
    shift 2
    # shellcheck disable=SC2086 # options, a word each
    timeout -k 2 "${calls_limit:-60}" "$proftop" record --quiet "$option" ${calls_options-} -o "$tmp/$name.pb.gz" -- "$@" \
        >"$tmp/$name.out" 2>"$tmp/$name.err" </dev/null
    echo $? >"$tmp/$name.rc"
    report "$name"
}

books_of() {
    awk '$1 == "calls" { print $2 }' "$tmp/$1.truth" | sort -u | paste -sd,
}

# The books as an object: {calls: {FUNCTION: N}, edges: [[CALLER, FUNCTION, N]], slack, times: [[FUNCTION, TOTAL, SELF]]}.
# What several processes have written is added up.
books() {
    # shellcheck disable=SC2016 # jq's
    jq -Rn '[inputs | split(" ")]
        | {calls: ([.[] | select(.[0] == "calls")] | group_by(.[1]) | map({key: .[0][1], value: (map(.[2] | tonumber) | add)}) | from_entries),
           edges: ([.[] | select(.[0] == "edge")] | group_by(.[1:3]) | map([.[0][1], .[0][2], (map(.[3] | tonumber) | add)])),
           times: [.[] | select(.[0] == "time") | [.[1], (.[2] | tonumber), (.[3] | tonumber)]],
           slack: ([.[] | select(.[0] == "slack") | .[2] // .[1] | tonumber] | add // 0)}' "$1"
}

compare_calls() {
    books "$tmp/$1.truth" >"$tmp/$1.books" || return
    # shellcheck disable=SC2016 # jq's
    jq -r --slurpfile books "$tmp/$1.books" --argjson covered "${COVERED-null}" '
        def brief: if . == null then "-" else sub("\\(.*"; "") end;
        $books[0] as $books
        | ([.called[]? | .function |= brief] | group_by(.function) | map({key: .[0].function, value: .}) | from_entries) as $rows
        | ([$books.calls | keys[] | select($rows[.])] | length) as $found
        | [ ($books.calls | to_entries[] | select($covered == null or $rows[.key])
             | ([$rows[.key][]?.calls] | add) as $got | select($got == null or ($got - .value | fabs) > $books.slack)
             | "\(.key): called \($got), wanted \(.value)"),
            (if $covered == null then $books.edges[] else empty end
             | . as [$from, $to, $wanted]
             | ([$rows[$to][]?.callers[] | select((.function | brief) == $from) | .calls] | add) as $got
             | ([$rows[$from][]?.callees[] | select((.function | brief) == $to) | .calls] | add) as $there
             | select($got != $wanted or $from != "-" and $there != $wanted)
             | "\($from) -> \($to): \($got) from below, \($there) from above, wanted \($wanted)"),
            (select($covered != null and $found < $covered) | "only \($found) functions are counted, wanted \($covered)") ]
        | if length > 0 then join("\n") elif ($books.calls | length) == 0 then "there are no books" else "ok" end' "$tmp/$1.json" 2>&1
}

agree() {
    # shellcheck disable=SC2016 # jq's
    jq -r --argjson timed "${UNTIMED:-0}" --argjson slack "${SLACK:-0}" '
        ([.called[]?.cost_ns] | add // 0) as $cost
        | [ (.called[]? | . as $r
           | (select($timed == 0 and .self_ns > .total_ns * 1.01 + 1000 + 0.2 * $cost) | "\(.function): self \(.self_ns) is more than total \(.total_ns)"),
             (select(.calls > .open) | (select((.buckets | add) - (.calls - .open) | fabs > $slack) | "\(.function): \(.buckets | add) durations, \(.calls - .open) calls ended"),
                (select($timed == 0 and .average_ns > .total_ns + 1) | "\(.function): average \(.average_ns), total \(.total_ns)"),
                (select((.min_ns <= .average_ns + 1 and .average_ns <= .max_ns + 1 and .min_ns <= .p50_ns + 1 and .p50_ns <= .p99_ns + 1
                         and .p99_ns <= .max_ns + 1) | not)
                 | "\(.function): min \(.min_ns), p50 \(.p50_ns), average \(.average_ns), p99 \(.p99_ns), max \(.max_ns)")),
             (select(([.callers[].calls] | add) != .calls) | "\(.function): \(.calls) calls, \([.callers[].calls] | add) by callers")),
          (([.called[]?.self_ns] | add // 0) as $self | ([.called[]?.callers[] | select(.function == null) | .total_ns] | add // 0) as $roots
           | select($timed == 0 and ($self - $roots | fabs) > 0.01 * $roots + 20000 + 0.2 * $cost) | "self adds up to \($self), the roots have \($roots)"),
          (.calls.processes[]? | select(.trouble != null) | "\(.name): \(.trouble)"),
          (.calls.processes[]? | select(.missed != 0) | "\(.name): \(.missed) calls are missing"),
          (select(.calls.measured | not) | "nothing was counted: \(.calls.why)") ]
        | if length > 0 then join("\n") else "ok" end' "$tmp/$1.json" 2>&1
}

row() {
    # shellcheck disable=SC2016 # jq's
    jq -r --arg f "$2" --arg key "$3" '[.called[]? | select((.function | sub("\\(.*"; "")) == $f) | .[$key]] | add' "$tmp/$1.json" 2>&1
}
