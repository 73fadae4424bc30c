/*
 * Names of kernel functions, from /proc/kallsyms.
 *
 * Reading that file costs 56 ms for 122,000 symbols, so a sorted copy is kept in
 * $XDG_CACHE_HOME/proftop or ~/.cache/proftop, good for one boot and one set of modules, and mapped
 * from there: opening costs some microseconds.
 *
 * Context: any thread; once opened, the object does not change.
 */
#ifndef PROFTOP_CORE_SYMBOLS_KALLSYMS_H
#define PROFTOP_CORE_SYMBOLS_KALLSYMS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct kallsyms;

/* Where to read from; kallsyms_open fills in the system's. */
struct kallsyms_paths {
    const char *kallsyms; /* "/proc/kallsyms" */
    const char *modules;  /* "/proc/modules" */
    const char *boot_id;  /* "/proc/sys/kernel/random/boot_id" */
    const char *cache;    /* the cache directory, made when missing; NULL: no cache */
};

/*
 * Opens the running kernel's symbols. A cache directory that cannot be used (not ours, open to
 * others, not writable) only costs time. When the kernel hides its addresses (kptr_restrict), the
 * object is empty and each lookup says NULL.
 *
 * Returns a new object (kallsyms_free), or NULL with an error when /proc/kallsyms cannot be read.
 * Context: any thread.
 */
struct kallsyms *kallsyms_open(GError **error);

/* As kallsyms_open, from other places. */
struct kallsyms *kallsyms_open_at(const struct kallsyms_paths *paths, GError **error);

/* Frees it; NULL is allowed. */
void kallsyms_free(struct kallsyms *kallsyms);

/*
 * The function that holds `address`, as "name" or "name [module]"; owned by `kallsyms`. NULL: none.
 *
 * @ret_start  receives its first address; may be NULL
 * Context: any thread; the object does not change.
 */
const char *kallsyms_lookup(const struct kallsyms *kallsyms, uint64_t address, uint64_t *ret_start);

/* Whether the names came from the cache. Context: any thread. */
bool kallsyms_was_cached(const struct kallsyms *kallsyms);

#endif
