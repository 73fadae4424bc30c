/*
 * See unwind_rules.h. An entry of the cache that another address needs is overwritten: the cache is
 * large compared with the places that allocate.
 */
#include "collectors/target/unwind_rules.h"

#include <dlfcn.h>
#include <stddef.h>
#include <sys/mman.h>

#include "collectors/target/mapped_file.h"
#include "collectors/target/unwind_cfi.h"

static const size_t cache_bytes = UNWIND_CACHE_ENTRIES * sizeof(struct unwind_entry);

bool unwind_rules_available(void)
{
    return mapped_file_resolve();
}

bool unwind_rules_init(struct unwind_rules *rules, struct segment_modules *modules)
{
    void *cache = mmap(NULL, cache_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (cache == MAP_FAILED)
        return false;
    madvise(cache, cache_bytes, MADV_DONTFORK);
    madvise(cache, cache_bytes, MADV_DONTDUMP);
    mapped_file_resolve();
    *rules = (struct unwind_rules){.modules = modules, .cache = cache, .may_call = 1};
    return true;
}

void unwind_rules_advise(const struct unwind_rules *rules, int advice)
{
    madvise(rules->cache, cache_bytes, advice);
}

void unwind_rules_clear(struct unwind_rules *rules)
{
    if (rules->cache)
        munmap(rules->cache, cache_bytes);
    *rules = (struct unwind_rules){0};
}

static union unwind_rule read_rule(const struct dl_find_object *found, uintptr_t address)
{
    uintptr_t table = (uintptr_t)found->dlfo_eh_frame;
    struct mapped_file file;
    mapped_file_init(&file, found);
    struct mapped_range range = mapped_file_segment(&file, table);
    union unwind_rule rule = unwind_cfi_rule(&range, table, address - 1);
    /* no call returns there: a coroutine's first function has been given it to return to */
    if (rule.kind == UNWIND_NONE && unwind_cfi_is_start(&range, table, address))
        rule.kind = UNWIND_ROOT;
    return rule;
}

union unwind_rule unwind_rules_find(struct unwind_rules *rules, uintptr_t address,
                                    uint32_t generation)
{
    union unwind_rule rule = {.word = 0};
    struct dl_find_object found;
    /* what belongs to no library is not remembered: one may be loaded there */
    if (address >> 47 || !mapped_file_find(address - 1, &found))
        return rule;
    if (found.dlfo_eh_frame)
        rule = read_rule(&found, address);
    rule.module = (uint16_t)segment_modules_number(rules->modules, &found);
    struct unwind_entry *entry = unwind_rules_entry(rules, address);
    __atomic_store_n(&entry->rule, rule.word, __ATOMIC_RELAXED);
    __atomic_store_n(&entry->check, unwind_rules_check(address, rule.word, generation),
                     __ATOMIC_RELAXED);
    return rule;
}
