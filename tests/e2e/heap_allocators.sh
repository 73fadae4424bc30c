#!/bin/bash
# Other allocators than libc's, preloaded and linked: the same figures, by C and C++ programs.
# shellcheck source=tests/e2e/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/e2e/heap_lib.sh
. "$root/tests/e2e/heap_lib.sh"
source=$root/tests/targets/heap

counted() { # NAME
    is "$1: every figure of every site" "$(compare_heap "$1")" ok
    is "$1: it is exact, and no trouble" "$(json "$1" '[.heap.measured, .heap.is_estimate, .heap.processes[-1].trouble]
        | tostring')" "[true,false,null]"
}

# It is in the process, or the test says nothing.
in_use() { # NAME LIBRARY COMMAND...
    local name=$1 library=$2
    shift 2
    like "$name: the allocator is in use" "$(LD_DEBUG=bindings "$@" /dev/null 2>&1 |
        grep -E 'binding file .*libc\.so\.6 .* to .*symbol `free'"'" | head -n 3)" "$library"
}

with() { # NAME LIBRARY
    local name=$1 library=$2
    if [ ! -e "$library" ]; then
        skip "$name" "$library is not installed"
        return
    fi
    gcc -D_GNU_SOURCE -I"$root" -O2 -g -pthread -o "$tmp/truth_heap" "$source/truth_heap.c" -Wl,--no-as-needed "$library" &&
        g++ -std=gnu++17 -I"$root" -O2 -g -pthread -o "$tmp/truth_new" "$source/truth_new.cc" -Wl,--no-as-needed "$library"
    in_use "$name preloaded" "$library" env "LD_PRELOAD=$library" "$heap_programs/truth_heap" leaks
    truth "$name preloaded" env "LD_PRELOAD=$library" "$heap_programs/truth_heap" lifetimes && counted "$name preloaded"
    truth "$name preloaded, threads" env "LD_PRELOAD=$library" "$heap_programs/truth_heap" storm &&
        counted "$name preloaded, threads"
    truth_last=calm
    truth "$name preloaded, C++" env "LD_PRELOAD=$library" "$heap_programs/truth_new" && counted "$name preloaded, C++"
    truth "$name linked, C++" "$tmp/truth_new" && counted "$name linked, C++"
    truth_last=
    truth "$name linked" "$tmp/truth_heap" lifetimes && counted "$name linked"
}

folder=/usr/lib/$(gcc -print-multiarch)
with jemalloc "$folder/libjemalloc.so.2"
with tcmalloc "$folder/libtcmalloc_minimal.so.4"
with mimalloc "$folder/libmimalloc.so.2"
finish
