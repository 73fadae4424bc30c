#!/bin/bash
# Every lint can fail: each is given a small tree in which all that it looks for is wrong.
# shellcheck source=tests/lint/lint.sh
. "$(dirname "$0")/lint.sh"
tree=$tmp/tree
lints=$root/tests/lint

mkdir -p "$tree"/{core/{base,wire,formats},tui/term,collectors/target,man,tests/unit,include}
git -C "$tree" init -q

cat >"$tree/core/base/util.c" <<'END'
#include "tui/term/screen.h"
#include <ncurses.h>
#include <elfutils/libdwfl.h>
#include <libunwind.h>
#include <zlib.h>
#include <demangle.h>
#include "profile.pb-c.h"
int seven(int a, int b, int c, int d, int e, int f);
int seven(int a, int b, int c, int d, int e, int f)
{
    if (a) {
        if (b) {
            if (c) {
                if (d) {
                    return 1;
                }
            }
        }
    }
    strcpy(a, b); system(a); popen(a, b); alloca(3); printf("x"); tmpnam(a); GMutex m; return atoi(a);
}
END
{
    printf '#include <glib.h>\n#include "core/base/error.h"\n/* FIX''ME: at /w''ork/place, iss''ue 12, see DES''IGN.md */\n'
    for name in long_one long_two; do
        printf 'void %s(void)\n{\n' $name
        for _ in $(seq 90); do echo '    fprintf(stderr, "x");'; done
        echo '}'
    done
    for _ in $(seq 700); do echo; done
} >"$tree/collectors/target/long.c"
cp "$tree/collectors/target/long.c" "$tree/tests/unit/test_long.c"
echo 'sle''ep 1' >"$tree/tests/wait.sh"
printf '#!/bin/bash\nfor i in $(ls *); do echo $j; done   \n' >"$tree/tests/bad.sh"
for name in one two; do
    printf '#include <zlib.h>\n#include "profile.pb-c.h"\n#include "../base/x.h"\n' >"$tree/core/formats/$name.c"
done
echo '/* the same name again */' >"$tree/core/formats/long.c"
{
    echo 'int undocumented(void);'
    seq -f '/* line %g */' 260
} >"$tree/core/wire/wide.h"
printf '.Dd today\n.Dt PROFTOP 1\n.Os\n.Sh NAME\n.Sh OPTIONS\n.Bl -tag\n.It Fl -only-in-page\nx\n.El\n.Xx\n' >"$tree/man/proftop.1"
printf '#!/bin/sh\necho "  --only-in-help  what"\n' >"$tmp/program"
chmod +x "$tmp/program"
printf 'PROFTOP_1 { global: wanted; local: *; };\n' >"$tree/collectors/exports.map"
echo 'int pthread_create(void *); void unwanted(void) { pthread_create(0); }' |
    gcc -shared -fPIC -Wl,-z,lazy -Wl,-z,execstack -Wl,--no-as-needed -o "$tmp/library.so" -x c - -lm

# What is to have general registers only, and has not.
printf 'GENERAL_REGS := vectors missing\n' >"$tree/Makefile"
echo '#pragma GCC target("general-regs-only")' >"$tree/collectors/target/pragma.c"
mkdir -p "$tmp/objects"
echo 'void *memcpy(void *, const void *, unsigned long); double half(double x, void *a, void *b, long n) { memcpy(a, b, n); return x / 2; }' |
    gcc -O1 -c -o "$tmp/objects/vectors.o" -x c -

# must_fail LINT NAME...: these of its tests are not ok on the tree.
must_fail() {
    local lint=$1 name
    shift
    LINT_ROOT=$tree LINT_PROGRAM=$tmp/program LINT_LIBRARY=$tmp/library.so LINT_OBJECTS=$tmp/objects "$lints/$lint.sh" >"$tmp/said" 2>"$tmp/errors"
    for name; do
        if grep -qE "^not ok [0-9]+ - $name" "$tmp/said"; then
            ok "$lint fails: $name"
        else
            not_ok "$lint fails: $name" "$(cat "$tmp/said" "$tmp/errors")"
        fi
    done
}

must_fail layers "includes point down" "ncurses is known" "libdw is known" "libiberty is known" "libunwind is known" \
    "protobuf-c is known" "zlib is known" "no GLib in the target"
must_fail exports "exports are" "needs libc alone" "binds everything" "has no executable stack" "does not take calls"
must_fail registers "no object" "vector registers" "libc's copying" "the Makefile alone"
must_fail sizes "functions have at most" "half of" "nine of" "functions take" "test functions" "blocks are nested" \
    "source files" "headers have" "no file is named" "base names"
must_fail headers "prototypes are" "headers are" "files open"
must_fail banned "unbounded" "shells" "numbers" "stack taken" "names of temp" "GLib's threads" "core neither" \
    "stdio in" "marks of" "tests that wait"
must_fail format "core is" "collectors is" "tests is" "no tabs"
must_fail man "man/proftop.1 is clean" "proftop.1: the options of --help" "proftop.1: the options of the page" "proftop.1: its keys"
must_fail words "paths" "documents" "numbers"
must_fail shell "tests/bad.sh" "scripts can be run"
finish
