#!/bin/bash
# proftop.h compiles everywhere without a word, needs nothing, and finds proftop wherever it was linked.
# shellcheck source=tests/e2e/tap.sh
. "$(dirname "$0")/tap.sh"

include=$root/collectors/target
# Two files, C and C++ alike: all that there is, and once more in another translation unit.
cat >"$tmp/uses.c" <<'END'
#include <proftop.h>
#include <stdio.h>

int other(int n);

static int uses(int n)
{
    PROFTOP_FUNCTION();
    PROFTOP_SCOPE("literal_one"); PROFTOP_SCOPE("literal_two");
    for (int i = 0; i < n; i++) {
        PROFTOP_SCOPE("literal_three");
        PROFTOP_ALLOC_SCOPE("literal_four");
        if (i == 7)
            continue;
        proftop_enter("literal_five");
        proftop_exit();
    }
    return n;
}

int main(void)
{
    struct proftop_alloc_scope scope;
    struct proftop_stat rows[10];
    const int n = 10;
    proftop_thread_name("literal_six");
    proftop_mark("literal_seven");
    proftop_counter("literal_eight", n);
    proftop_alloc_begin(&scope);
    proftop_allocated(&n, sizeof n);
    proftop_freed(&n);
    proftop_alloc_end(&scope);
    proftop_disable();
    proftop_enable();
    uses(n);
    other(n);
    size_t n_rows = proftop_stats(rows, 10);
    for (size_t i = 0; i < n_rows; i++)
        if (rows[i].calls == 10 || rows[i].calls == 2)
            printf("%s %lu ", rows[i].name, (unsigned long)rows[i].calls);
    printf("%lu %d\n", (unsigned long)n_rows, proftop_is_enabled());
    proftop_reset();
    return 0;
}
END
cat >"$tmp/other.c" <<'END'
#include <proftop.h>

int other(int n);

int other(int n)
{
    PROFTOP_SCOPE("literal_two");
    return n;
}
END
seen="literal_two 2 literal_three 10 5 1"

# build COMPILER OPTION...: the program, from both files.
build() {
    rm -f "$tmp/program"
    "$1" -I"$include" "${@:2}" -o "$tmp/program" "$tmp/uses.c" "$tmp/other.c" 2>&1
}

warn="-Wall -Wextra -pedantic -Wconversion -Wsign-conversion -Wshadow -Wundef -Werror"
warn_c="$warn -Wmissing-prototypes -Wstrict-prototypes -Wold-style-definition"
warn_cxx="$warn -Wmissing-declarations -Wzero-as-null-pointer-constant"

# compiles WARNINGS COMPILER OPTION...
compiles() {
    local said warnings=$1
    shift
    # shellcheck disable=SC2086 # options, a word each
    if said=$(build "$@" $warnings); then is "$* is silent" "$said" ""; else not_ok "$* compiles" "$said"; fi
    is "$*: there is nothing without proftop" "$("$tmp/program")" "0 0"
}

# shellcheck disable=SC2086
for disabled in "" -DPROFTOP_DISABLE; do
    for compiler in gcc clang; do
        need "$compiler $disabled" $compiler || continue
        compiles "$warn_c" $compiler $disabled -O0 -std=c99
        compiles "$warn_c" $compiler $disabled -O2 -std=gnu17
    done
    for compiler in g++ clang++; do
        need "$compiler $disabled" $compiler || continue
        compiles "$warn_cxx" $compiler $disabled -O0 -xc++ -std=c++11
        compiles "$warn_cxx" $compiler $disabled -O2 -xc++ -std=c++17
    done
done

for compiler in gcc clang; do
    need "what is disabled, by $compiler" $compiler || continue
    $compiler -I"$include" -O0 -std=c99 -DPROFTOP_DISABLE -c -o "$tmp/disabled.o" "$tmp/uses.c"
    is "$compiler: what is disabled leaves no name behind" "$(nm "$tmp/disabled.o" | grep -i proftop)" ""
    is "$compiler: what is disabled leaves no text behind" "$(strings -a "$tmp/disabled.o" | grep literal)" ""
done

# found NAME: the program that was built finds proftop.
found() {
    record_options=--calls record program "$tmp/program"
    is "$1: proftop is found" "$(sort_words <"$tmp/program.out")" "$(echo "$seen" | sort_words)"
    [ "$(cat "$tmp/program.rc")" = 0 ] || not_ok "$1: ends well" "$(cat "$tmp/program.err")"
}

# The scopes come by their time, which is any.
sort_words() {
    tr ' ' '\n' | sort | tr '\n' ' '
}

# shellcheck disable=SC2086
for compiler in gcc clang; do
    for linker in bfd gold lld; do
        need "$compiler, ld.$linker" $compiler ld.$linker || continue
        for mode in "-fPIE -pie" "-fno-pie -no-pie" "-O2 -fno-pie -no-pie -fvisibility=hidden"; do
            if said=$(build $compiler -fuse-ld=$linker $mode); then
                found "$compiler, ld.$linker, $mode"
            else
                not_ok "$compiler, ld.$linker, $mode" "$said"
            fi
        done
    done
done
for options in "-masm=intel" "-flto -O2 -fno-pie -no-pie" "-Wl,-z,now,-z,relro,-Bsymbolic" "-finstrument-functions"; do
    # shellcheck disable=SC2086
    check "gcc $options compiles" build gcc $options
    found "gcc $options"
done

# In libraries, linked with and opened later.
gcc -I"$include" -shared -fPIC -fvisibility=hidden -Dmain='__attribute__((visibility("default"))) run' \
    -o "$tmp/libuses.so" "$tmp/uses.c" "$tmp/other.c"
rm -f "$tmp/program"
echo 'int run(void); int main(void) { return run(); }' >"$tmp/linked.c"
check "a program with a library compiles" gcc -o "$tmp/program" "$tmp/linked.c" -L"$tmp" -luses -Wl,-rpath,"$tmp"
found "a library"
rm -f "$tmp/program"
cat >"$tmp/opens.c" <<END
#include <dlfcn.h>

int main(void)
{
    void *library = dlopen("$tmp/libuses.so", RTLD_LAZY);
    return ((int (*)(void))dlsym(library, "run"))();
}
END
check "a program that opens a library compiles" gcc -o "$tmp/program" "$tmp/opens.c"
found "a library that is opened"

for mode in -static -static-pie; do
    if build gcc $mode >"$tmp/said"; then
        record_options=--calls record program "$tmp/program"
        is "$mode: there is no proftop" "$(cat "$tmp/program.out")" "0 0"
    else
        skip "$mode" "there is no static libc"
    fi
done

# What the manual page shows: all there is, and an example.
is "the manual has the header's functions and macros" \
    "$(awk '$1 == ".Fn" { print $2 }' "$root/man/proftop.h.3" | sort -u)" \
    "$(grep -E '^(PROFTOP_INLINE_|#define) ' "$include/proftop.h" | grep -oE '\b(proftop|PROFTOP)_[A-Za-z_]+[A-Za-z]\(' |
        tr -d '(' | sort -u)"
sed '1,/^\.\\" example: begin/d; /^\.\\" example: end/,$d' "$root/man/proftop.h.3" |
    sed '/^\./d; s/\\e/\\/g' >"$tmp/example.c"
check "the manual's example compiles" gcc -std=c99 -I"$include" -Wall -Wextra -pedantic -Werror -o "$tmp/program" "$tmp/example.c"
record_options=--calls record program "$tmp/program"
is "the manual's example counts silently" "$(cat "$tmp/program.err")" ""
like "the manual's example counts" "$(cat "$tmp/program.out")" '^parse: 3 calls$'
finish
