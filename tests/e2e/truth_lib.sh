# Sourced after tap.sh: what a recording of tests/targets/truth says, against what the program said of itself.
# shellcheck shell=bash disable=SC2154 # shared with tap.sh
# The worst share in $tmp/NAME, against what the program said. A share p of n samples is allowed to be wrong by BASE
# points and by one standard deviation of that many samples more (the bases of bursts and of work in step with the
# clock hold three already). Prints "ok" or the shares that are wrong. FIELD is self_samples, or self_ns where samples
# differ in weight; SIGMAS standard deviations are allowed where they come at random.
compare_shares() { # NAME BASE [FIELD [SIGMAS]]
    awk '$1 == "truth" { print $2, $3 }' "$tmp/$1.out" |
        jq -Rn '[inputs | split(" ") | {key: .[0], value: (.[1] | tonumber)}] | from_entries' >"$tmp/$1.truth"
    jq -r --slurpfile truth "$tmp/$1.truth" --argjson base "$2" --arg field "${3-self_samples}" --argjson sigmas "${4-1}" '
        $truth[0] as $truth
        | [.functions[] | select($truth[.function])] as $all
        | (reduce $all[] as $f ({}; .[$f.function] += $f[$field])) as $got
        | ([$all[].self_samples] | add // 0) as $n
        | [ $truth | to_entries[]
            | (if $n == 0 then 0 else 100 * ($got[.key] // 0) / ($got | add) end) as $share
            | ($base + 100 * $sigmas * (.value * (1 - .value) / ([$n, 1] | max) | sqrt)) as $allowed
            | select($n == 0 or (($share - 100 * .value) | fabs) > $allowed)
            | "\(.key): \($share) %, truth \(100 * .value) %, allowed \($allowed) points, \($n) samples" ]
        | if length == 0 then "ok" else join("\n") end' "$tmp/$1.json" 2>&1
}

# Samples got for those expected: rate times CPU time.
samples_per_expected() { # NAME
    jq -r --argjson cpu "$(awk '$1 == "cpu" { print $2 }' "$tmp/$1.out" | grep . || echo 0)" \
        '100 * .samples / (.rate_asked_hz * $cpu) | floor' "$tmp/$1.json" 2>&1
}

between() { # VALUE LEAST MOST
    echo "got $1, wanted $2 to $3"
    [ "$1" -ge "$2" ] 2>/dev/null && [ "$1" -le "$3" ]
}

# Prints the share of complete stacks in tenths of a percent.
complete_stacks() {
    json "$1" '.stacks | 1000 * .complete / ([.complete + .truncated + .broken, 1] | max) | floor'
}
