#!/bin/bash
# Code that is changed while programs do what gets in the way of that: libraries that come and go, forks, programs that start
# others, heaps that grow where jumps could lead, and unwinders that cannot follow.
# shellcheck source=tests/e2e/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/e2e/calls_lib.sh
. "$root/tests/e2e/calls_lib.sh"

refused() { "$proftop" report --view calls "$tmp/$1.pb.gz" 2>&1 | grep 'could be counted'; }

need compiler gcc || finish

# ---- libraries that come and go, one in the place of the other ----
cat >"$tmp/plugin.c" <<'END'
long NAME(long x) { volatile long sum = 0; for (int i = 0; i < 20; i++) sum += x; return sum; }
END
cat >"$tmp/loads.c" <<'END'
#include <dlfcn.h>
#include <stdio.h>
#include <time.h>
int main(void)
{
    long rounds = 0, wrong = 0;
    for (time_t end = time(NULL) + 3; time(NULL) < end; rounds++) {
        void *library = dlopen(rounds & 1 ? "./first.so" : "./second.so", RTLD_NOW);
        long (*function)(long) = library ? dlsym(library, rounds & 1 ? "first" : "second") : NULL;
        for (long i = 0; i < 50; i++)
            wrong += !function || function(i) != 20 * i;
        dlclose(library);
    }
    printf("%s, wrong %ld\n", rounds > 100 ? "many" : "few", wrong);
}
END
for name in first second; do
    gcc -O2 -shared -fPIC -fpatchable-function-entry=7,5 -DNAME=$name -o "$tmp/$name.so" "$tmp/plugin.c"
done
gcc -O2 -o "$tmp/loads" "$tmp/loads.c"
(cd "$tmp" && exec timeout -k 2 60 "$proftop" record --quiet --calls -o loads.pb.gz -- ./loads >loads.out 2>loads.err)
is "libraries come and go: exit status" $? 0
is "libraries come and go: the program works" "$(cat "$tmp/loads.out")" "many, wrong 0"

# ---- forks ----
cat >"$tmp/forks.c" <<'END'
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
__attribute__((noipa)) long work(long n)
{
    volatile long sum = 0;
    for (long i = 0; i < 100; i++)
        sum += n;
    return sum;
}
static int rounds(void)
{
    int wrong = 0;
    for (long i = 0; i < 1000; i++)
        wrong += work(i) != 100 * i;
    return wrong;
}
int main(int argc, char **argv)
{
    int status = 0, wrong = rounds();
    for (int depth = argc > 1 ? atoi(argv[1]) : 0; depth > 0; depth--) {
        pid_t pid = fork();
        wrong += rounds();
        if (pid == 0)
            continue;
        waitpid(pid, &status, 0);
        return wrong || status;
    }
    return wrong + rounds();
}
END
for kind in sled plain; do
    flags=
    [ $kind = plain ] || flags=-fpatchable-function-entry=7,5
    gcc -O2 $flags -o "$tmp/forks" "$tmp/forks.c"
    for depth in 1 2; do
        calls "forks-$kind-$depth" work "$tmp/forks" $depth
        is "$kind, $depth forks: exit status" "$(cat "$tmp/forks-$kind-$depth.rc")" 0
        is "$kind, $depth forks: calls of all processes" "$(row "forks-$kind-$depth" work calls)" $((2000 + 2000 * depth))
        is "$kind, $depth forks: nothing is refused" "$(refused "forks-$kind-$depth")" ""
    done
    calls_options=--no-children calls "alone-$kind" work "$tmp/forks" 1
    is "$kind, without children: exit status" "$(cat "$tmp/alone-$kind.rc")" 0
    is "$kind, without children: calls of the parent" "$(row "alone-$kind" work calls)" 2000
done

# ---- a heap that grows past where jumps lead, in a program at a low address ----
cat >"$tmp/grows.c" <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
__attribute__((noipa)) long mixes(long a, long b) { return (a * 3) ^ b; }
int main(void)
{
    long sum = 0;
    for (int i = 0; i < 3000; i++) {
        char *block = malloc(100000);
        if (!block)
            return 1;
        memset(block, i, 100000);
        sum = mixes(i, sum) + block[99999];
    }
    return sum == 0;
}
END
gcc -O2 -no-pie -o "$tmp/grows" "$tmp/grows.c"
calls grows 'mixes,malloc,str*,mem*,_IO_*' "$tmp/grows"
is "a heap grows by 300 MB in a changed program: exit status" "$(cat "$tmp/grows.rc")" 0
calls everything '*' "$tmp/grows"
is "all functions of libc and of the program: exit status" "$(cat "$tmp/everything.rc")" 0

# ---- a process that runs program after program ----
cat >"$tmp/execs.c" <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
__attribute__((noipa)) long mixes(long a, long b) { return (a * 3) ^ b; }
int main(int argc, char **argv)
{
    char left[16];
    int n = argc > 1 ? atoi(argv[1]) : 0;
    volatile long sum = 0;
    for (int i = 0; i < 1000; i++)
        sum = mixes(i, sum);
    snprintf(left, sizeof left, "%d", n - 1);
    return n > 0 ? execl(argv[0], argv[0], left, (char *)NULL) : 0;
}
END
gcc -O2 -o "$tmp/execs" "$tmp/execs.c"
calls execs mixes "$tmp/execs" 50
is "51 programs in one process: exit status" "$(cat "$tmp/execs.rc")" 0
is "51 programs in one process: calls" "$(row execs mixes calls)" 51000

# ---- an unwinder that cannot follow ----
gcc -shared -o "$tmp/libunwind.so.8" -x c /dev/null
LD_PRELOAD=$tmp/libunwind.so.8 calls unwinder mixes "$tmp/execs"
is "libunwind is there: exit status" "$(cat "$tmp/unwinder.rc")" 0
like "libunwind is there: the reason" "$(refused unwinder)" 'mixes: the program unwinds with libunwind'
finish
