#!/bin/bash
# proftop cc and the files for pkg-config: what is compiled with them has room for calls of the collector, and all else
# is as the compiler has it.
# shellcheck source=tests/e2e/tap.sh
. "$(dirname "$0")/tap.sh"

cat >"$tmp/two.c" <<'END'
#include <stdio.h>
__attribute__((noinline)) int twice(int n) { return n * 2; }
int main(int argc, char **argv) { return argv[0] && printf("%d\n", twice(argc + WORD[0] - 'a' + 20)) == 3 ? 0 : 1; }
END
sed 's/^__attribute__/extern "C" &/' "$tmp/two.c" >"$tmp/two.cc"
touch "$tmp/empty.s"

cc_at() { # STATUS NAME WORD...: proftop cc WORD... ends with STATUS
    "$proftop" cc "${@:3}" >"$tmp/out" 2>"$tmp/err" </dev/null
    is "$2" "$? $(head -n 3 "$tmp/err")" "$1 "
}

fails() { # STATUS NAME REGEX WORD...: ends with STATUS and one line that matches
    "$proftop" cc "${@:4}" >"$tmp/out" 2>"$tmp/err" </dev/null
    is "$2: exit status" $? "$1"
    like "$2: says so" "$(cat "$tmp/err")" "$3"
    is "$2: in one line" "$(wc -l <"$tmp/err")" 1
}

# The places before functions that a file says can be patched, 8 bytes each.
places() {
    local size=0 hex
    while read -r hex; do size=$((size + 16#$hex)); done < <(readelf -SW "$1" |
        sed -nE 's/.*__patchable_function_entries +PROGBITS +[0-9a-f]+ +[0-9a-f]+ ([0-9a-f]+) .*/\1/p')
    echo $((size / 8))
}

# The bytes around the entry of a function, 5 before and 6 behind.
bytes_of() { # FILE FUNCTION
    local start
    start=0x$(nm "$1" | awk -v name="$2" '$3 == name { print $1 }')
    objdump -s -j .text --start-address=$((start - 5)) --stop-address=$((start + 6)) "$1" |
        awk '/^ [0-9a-f]+ / { print substr($0, index($0, $2), 35) }' | tr -d ' \n'
}

word=(-DWORD=\"a\ b\" -O2)
for compiler in gcc g++ clang clang++ cc c++; do
    need "$compiler: what it compiles" "$compiler" || continue
    case $compiler in *++) source=two.cc ;; *) source=two.c ;; esac
    cc_at 0 "$compiler: compiles" "$compiler" -c "${word[@]}" -o "$tmp/two $compiler.o" "$tmp/$source"
    is "$compiler: each function has room" "$(places "$tmp/two $compiler.o")" 2
    cc_at 0 "$compiler: links" "$compiler" -o "$tmp/two $compiler" "$tmp/two $compiler.o"
    like "$compiler: 5 bytes before the entry, 2 behind" "$(bytes_of "$tmp/two $compiler" twice)" '^9090909090(f30f1efa)?(90|66)90'
    is "$compiler: the program runs, a word with a blank came through" "$("$tmp/two $compiler")" 42
    cc_at 0 "$compiler: assembler files, with warnings as errors" "$compiler" -Werror -c -o "$tmp/empty.o" "$tmp/empty.s"
done
if need "hooks" gcc; then
    cc_at 0 "--hooks: compiles" --hooks gcc -c "${word[@]}" -o "$tmp/hooks.o" "$tmp/two.c"
    is "--hooks: calls the hooks, has no room" "$(nm "$tmp/hooks.o" | grep -c __cyg_profile_func) $(places "$tmp/hooks.o")" "2 0"
fi

# ---- the command line ----
cc_at 0 "-- before the compiler" -- gcc -c "${word[@]}" -o "$tmp/two.o" "$tmp/two.c"
is "-- before the compiler: compiled" "$(places "$tmp/two.o")" 2
cc_at 0 "a path" "$(command -v gcc)" -c "${word[@]}" -o "$tmp/path.o" "$tmp/two.c"
is "a path: compiled" "$(places "$tmp/path.o")" 2
cc_at 0 "the user's own flag overrules" gcc -fpatchable-function-entry=0 -c "${word[@]}" -o "$tmp/own.o" "$tmp/two.c"
is "the user's own flag overrules: no room" "$(places "$tmp/own.o")" 0
is "the compiler's stdin and stdout" "$(echo 'int x;' | "$proftop" cc gcc -E -P -x c -)" 'int x;'
"$proftop" cc gcc -c -o "$tmp/none.o" "$tmp/none.c" >"$tmp/out" 2>"$tmp/err"
is "the compiler's exit status" $? 1
like "the compiler's words" "$(cat "$tmp/err")" 'none\.c'
is "the compiler's words: none of ours" "$(grep -c '^proftop' "$tmp/err")" 0
mkdir "$tmp/bin"
# Stands for a compiler: says how it was started.
cat >"$tmp/bin/gcc" <<'END'
#!/bin/sh
printf '%s|' "$0" "$@"
echo
grep -E '^Sig(Blk|Ign)' /proc/self/status
ls /proc/self/fd
END
chmod +x "$tmp/bin/gcc"
for name in x86_64-linux-gnu-gcc-12 clang++-14.0 ccache; do cp "$tmp/bin/gcc" "$tmp/bin/$name"; done
(trap '' USR1 && "$tmp/bin/gcc" plain) >"$tmp/plain" <&-
(trap '' USR1 && "$proftop" cc "$tmp/bin/gcc" plain) >"$tmp/ours" <&-
is "signals and descriptors are those that proftop was started with" "$(tail -n +2 "$tmp/ours")" "$(tail -n +2 "$tmp/plain")"
flag=-fpatchable-function-entry=7,5
like "words come through as they are" "$("$proftop" cc "$tmp/bin/gcc" '' ' a ' $'\n' '*' -- --hooks --calls)" "^$tmp/bin/gcc\|$flag\|\| a \|$"
like "words come through as they are: after a line's end" "$("$proftop" cc "$tmp/bin/gcc" '' ' a ' $'\n' '*' -- --hooks --calls)" '^\|\*\|--\|--hooks\|--calls\|'
like "a compiler for a machine, of a version" "$("$proftop" cc "$tmp/bin/x86_64-linux-gnu-gcc-12" x)" "gcc-12\|$flag\|x\|"
like "clang of a version" "$("$proftop" cc "$tmp/bin/clang++-14.0" x)" "clang\+\+-14\.0\|--start-no-unused-arguments\|$flag\|--end-no-unused-arguments\|x\|"
like "ccache: the flag goes to the compiler" "$("$proftop" cc "$tmp/bin/ccache" "$tmp/bin/gcc" x)" "ccache\|$tmp/bin/gcc\|$flag\|x\|"
printf '#!/bin/sh\nexit 1\n' >"$tmp/bin/cc"
chmod +x "$tmp/bin/cc"
fails 1 "a compiler that does not know the flag" "^proftop: $tmp/bin/cc does not know $flag: .*--hooks" "$tmp/bin/cc" -c x.c
fails 127 "a missing compiler" '^proftop: .*gcc-99' gcc-99 -c x.c
fails 127 "a missing path" '^proftop: .*/nowhere/gcc' /nowhere/gcc -c x.c
fails 126 "a folder" '^proftop: ' /usr/lib/gcc -c x.c
fails 2 "no compiler" "^proftop: 'make' is none of the compilers" make all
fails 2 "no word" '^proftop: no compiler to run' --
fails 2 "an unknown option" '^proftop: .*--bogus' --bogus gcc
fails 2 "--flags and a compiler" '^proftop: --flags only prints' --flags gcc
is "--flags" "$("$proftop" cc --flags)" "$flag"
is "--hooks --flags" "$("$proftop" cc --hooks --flags)" -finstrument-functions

# ---- pkg-config ----
make -s -C "$root" install-pkgconfig BUILD="$build" DESTDIR="$tmp/stage" PREFIX=/opt/proftop >/dev/null
export PKG_CONFIG_PATH=$tmp/stage/opt/proftop/lib/pkgconfig
is "pkg-config: the flag and the header's folder" "$(pkg-config --cflags proftop-instrument | xargs)" "-I/opt/proftop/include $flag"
is "pkg-config: the header's folder alone" "$(pkg-config --cflags proftop | xargs)" -I/opt/proftop/include
check "pkg-config: the version is proftop's" pkg-config --exact-version="$("$proftop" --version | cut -d' ' -f2)" proftop
finish
