/*
 * How to get from a function to its caller, by the unwind information (.eh_frame) of the program
 * and its libraries: for each address one word, kept in a cache that all threads share.
 *
 * Lock-free, no system call, no loader's lock: libc's _dl_find_object (glibc 2.35) says where the
 * unwind information is. What is read there is checked against the bounds of the mapping.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_UNWIND_RULES_H
#define PROFTOP_COLLECTORS_TARGET_UNWIND_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "collectors/target/segment_modules.h"

/* How the caller's stack pointer (the CFA) is had. The return address is at CFA - 8. */
enum unwind_kind {
    UNWIND_NONE = 0, /* nothing says how */
    UNWIND_SP,       /* rsp + cfa */
    UNWIND_BP,       /* rbp + cfa */
    UNWIND_SP_DEREF, /* what is at rsp + cfa */
    UNWIND_BP_DEREF, /* what is at rbp + cfa */
    UNWIND_SIGNAL,   /* rsp points to a ucontext with all registers */
    UNWIND_ROOT,     /* nobody called */
};

/* Where registers are in that ucontext: bytes from its start. */
enum { UNWIND_CONTEXT_RBP = 120, UNWIND_CONTEXT_RSP = 160, UNWIND_CONTEXT_RIP = 168 };

/* Where the caller's rbp is. */
enum unwind_bp {
    UNWIND_BP_KEPT = 0, /* in rbp */
    UNWIND_BP_AT_CFA,   /* at CFA + bp */
    UNWIND_BP_AT_BP,    /* at rbp + bp */
    UNWIND_BP_LOST,     /* nowhere */
};

enum { UNWIND_CFA_BITS = 21, UNWIND_BP_BITS = 22 };

/* One word, so that it is read and written at once. Offsets are in units of 8 bytes. */
union unwind_rule {
    struct {
        uint64_t module : 16; /* see segment_modules.h */
        uint64_t kind : 3;    /* enum unwind_kind */
        uint64_t bp_kind : 2; /* enum unwind_bp */
        int64_t cfa : UNWIND_CFA_BITS;
        int64_t bp : UNWIND_BP_BITS;
    };
    uint64_t word;
};

enum { UNWIND_CACHE_BITS = 16, UNWIND_CACHE_ENTRIES = 1 << UNWIND_CACHE_BITS };

/* `check` is the address, mixed with the rule and the generation of modules: two threads that write
 * the same entry at once leave one that fits no address. */
struct unwind_entry {
    uint64_t check;
    uint64_t rule;
};

/* Its memory must be wiped by a fork: the cache does not go into children. */
struct unwind_rules {
    struct segment_modules *modules;
    struct unwind_entry *cache; /* private memory, touched as needed */
    uint32_t may_call; /* the owner's: system calls are allowed (no seccomp filter). 1 at first */
};

/* Whether libc says where unwind information is. Without, there are no stacks:
 * WIRE_HEAP_NO_UNWIND_DATA. Context: constructor or fork handler. */
bool unwind_rules_available(void);

/* False when there is no memory for the cache. Changes errno. Context: one thread. */
bool unwind_rules_init(struct unwind_rules *rules, struct segment_modules *modules);

/* madvise() of the cache. Changes errno. Context: any, async-signal-safe. */
void unwind_rules_advise(const struct unwind_rules *rules, int advice);

/* Gives the cache back. Context: one thread, no other uses it. */
void unwind_rules_clear(struct unwind_rules *rules);

/* The rule for `address`, which the cache does not have; it does afterwards. Keeps errno. Context:
 * any thread, at the same time as others. */
union unwind_rule unwind_rules_find(struct unwind_rules *rules, uintptr_t address,
                                    uint32_t generation);

/* Where the cache would have an address. Context: any. */
static inline struct unwind_entry *unwind_rules_entry(const struct unwind_rules *rules,
                                                      uintptr_t address)
{
    uint64_t hash = address * UINT64_C(0x9e3779b97f4a7c15);
    return &rules->cache[hash >> (64 - UNWIND_CACHE_BITS)];
}

/* What `check` of an entry is. Context: any. */
static inline uint64_t unwind_rules_check(uintptr_t address, uint64_t rule, uint32_t generation)
{
    return (address | (uint64_t)generation << 48) ^ rule * UINT64_C(0x9e3779b97f4a7c15);
}

/*
 * The rule for a function that is to go on at `address`, a return address. For one that was
 * interrupted there: address + 1.
 *
 * @generation  segment_modules_generation()
 * Context: any thread, at the same time as others.
 */
static inline union unwind_rule unwind_rules_get(struct unwind_rules *rules, uintptr_t address,
                                                 uint32_t generation)
{
    struct unwind_entry *entry = unwind_rules_entry(rules, address);
    union unwind_rule rule = {.word = __atomic_load_n(&entry->rule, __ATOMIC_RELAXED)};
    uint64_t check = __atomic_load_n(&entry->check, __ATOMIC_RELAXED);
    if (__builtin_expect(check == unwind_rules_check(address, rule.word, generation), 1))
        return rule;
    return unwind_rules_find(rules, address, generation);
}

#endif
