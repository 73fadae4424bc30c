/*
 * Patches functions of the program that this is part of, as proftop does from outside: those with
 * room for it (SLED). And stands in for what counts calls: it keeps a stack of them, and spoils
 * all that a function's caller may count on but general registers, where that is allowed.
 */
#ifndef TESTS_TARGETS_CALLS_SLED_H
#define TESTS_TARGETS_CALLS_SLED_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SLED     __attribute__((noinline, noclone, patchable_function_entry(7, 5)))
#define NOINLINE __attribute__((noinline, noclone))

enum { SLED_PAGE = 4096, SLED_BEFORE = 5 };

/* ---- changing code ---- */

static inline void sled_write(uintptr_t at, const void *bytes, size_t n)
{
    uintptr_t page = at & -(uintptr_t)SLED_PAGE;
    if (mprotect((void *)page, 2 * SLED_PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
        abort();
    memcpy((void *)at, bytes, n);
    if (mprotect((void *)page, 2 * SLED_PAGE, PROT_READ | PROT_EXEC) != 0)
        abort();
}

/* A page near the program with `jmp *address`. */
static inline uintptr_t sled_stub(uintptr_t near, uintptr_t address)
{
    static const uint8_t jump[] = {0xff, 0x25, 0, 0, 0, 0};
    uintptr_t at = (near & -(uintptr_t)SLED_PAGE) + (256 << 20);
    for (;; at += SLED_PAGE) {
        char *page =
            (char *)mmap((void *)at, SLED_PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
                         MAP_PRIVATE | MAP_ANONYMOUS | 0x100000 /* MAP_FIXED_NOREPLACE */, -1, 0);
        if (page == MAP_FAILED)
            continue;
        memcpy(page, jump, sizeof jump);
        memcpy(page + sizeof jump, &address, sizeof address);
        return at;
    }
}

static inline bool sled_has_endbr(uintptr_t function)
{
    return *(const uint32_t *)function == 0xfa1e0ff3;
}

static inline void sled_arm(uintptr_t function, uintptr_t stub)
{
    uint8_t call[SLED_BEFORE] = {0xe8};
    int32_t distance = (int32_t)(stub - function);
    memcpy(call + 1, &distance, sizeof distance);
    sled_write(function - SLED_BEFORE, call, sizeof call);
    bool has_endbr = sled_has_endbr(function);
    const uint8_t jump[] = {0xeb, (uint8_t)(has_endbr ? 0xf5 : 0xf9)};
    sled_write(function + (has_endbr ? 4 : 0), jump, sizeof jump);
}

static inline void sled_disarm(uintptr_t function)
{
    static const uint8_t nops[] = {0x90, 0x90};
    sled_write(function + (sled_has_endbr(function) ? 4 : 0), nops, sizeof nops);
}

#define SLED_ARM(function, stub) sled_arm((uintptr_t)(function), (stub))
#define SLED_DISARM(function)    sled_disarm((uintptr_t)(function))

#endif
