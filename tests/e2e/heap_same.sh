#!/bin/bash
# Programs that people have say the same and end the same with every allocation recorded.
# shellcheck source=tests/e2e/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/e2e/heap_lib.sh
. "$root/tests/e2e/heap_lib.sh"

same() { # NAME COMMAND...
    local name=$1 bare
    shift
    env -u _ "$@" >"$tmp/$name.bare" 2>"$tmp/$name.bare-err" </dev/null
    bare=$?
    record_options=--memory=exact record "$name" env -u _ "$@"
    is "$name: exit status" "$(cat "$tmp/$name.rc")" $bare
    check "$name: stdout" cmp "$tmp/$name.bare" "$tmp/$name.out"
    check "$name: stderr" diff "$tmp/$name.bare-err" "$tmp/$name.err"
    check "$name: can be reported" report "$name"
    is "$name: its heap is there" "$(json "$name" '.heap.measured and .heap.allocs > 20 and (.sites | length) > 0')" true
}

# shellcheck disable=SC2016 # expanded by the shell that is profiled
same bash bash -c 'for i in $(seq 40); do /bin/true; echo "$i" | tr 0-9 a-j; done
    declare -A a; for i in {1..3000}; do a[k$i]=$i; done; echo ${#a[@]}; echo problem >&2; exit 9'
same ldd bash -c "ldd /usr/bin/python3 | sed 's/(.*//'"
cat >"$tmp/work.py" <<'END'
import json, sys, threading, subprocess
rows = [{"id": i, "name": "n%d" % i, "v": [i, i * .5, str(i)]} for i in range(3000)]
out = []
def work(n): out.append(len(json.dumps(rows[n::4])))
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
[t.start() for t in threads]
[t.join() for t in threads]
print(sum(out), subprocess.run(["/bin/echo", "child"], capture_output=True).stdout)
sys.stderr.write("problem\n")
sys.exit(3)
END
same python3 /usr/bin/python3 "$tmp/work.py"
awk 'BEGIN { for (i = 1; i <= 300; i++) {
        body = ""
        for (j = 0; j < 60; j++) body = body "line " j " of " (j % 17 == i % 17 ? i : 0) "\n"
        printf "commit refs/heads/main\ncommitter A <a@b> %d +0000\ndata 6\nchange\n", 1500000000 + i
        printf "M 644 inline file%d\ndata %d\n%s\n", i % 9, length(body), body } }' >"$tmp/stream"
git init -q "$tmp/repo"
git -C "$tmp/repo" fast-import --quiet <"$tmp/stream"
same git git -C "$tmp/repo" --no-pager log -p --stat -M main
printf '#include <stdio.h>\nint unused(int a) { int b; return a; }\nint main(void) { puts("x"); return 0; }\n' >"$tmp/small.c"
same gcc gcc -Wall -Wextra -O2 -pipe -S -o - "$tmp/small.c"
printf 'int broken( { return 0; }\n' >"$tmp/broken.c"
same gcc-error gcc -c -o /dev/null "$tmp/broken.c"
"$root/tests/bench/sqlite_workload.sh" 1 >"$tmp/work.sql"
same sqlite3 sqlite3 :memory: ".read $tmp/work.sql"
seq 100000 | awk '{ print $1 * 7919 % 100003 }' >"$tmp/numbers"
same sort sort --parallel=2 -S 2M "$tmp/numbers"
same xz xz -T2 -1 -c "$tmp/numbers"
finish
