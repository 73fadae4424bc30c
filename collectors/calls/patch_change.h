/*
 * One function's change: prepared once, then made and undone as often as is wanted.
 */
#ifndef PROFTOP_COLLECTORS_CALLS_PATCH_CHANGE_H
#define PROFTOP_COLLECTORS_CALLS_PATCH_CHANGE_H

#include "collectors/calls/patch_modules.h"
#include "collectors/calls/patch_room.h"
#include "collectors/calls/patch_site.h"
#include "collectors/calls/patch_stubs.h"
#include "collectors/calls/patcher.h"

/* What changes are made with. */
struct patch_workshop {
    struct patcher_options options;
    struct patch_stubs *stubs;
    struct patch_room *room; /* NULL: to be looked at again */
    int memory_fd;           /* of patch_memory_open */
    uint32_t n_sites;
    uint64_t near_enter; /* that the near jump of sleds leads to; 0: there is none */
    uint32_t near_offset;
    char too_many[128]; /* the reason when there is no more room; empty so far */
};

struct patch_change {
    bool is_sled;
    uint64_t entry; /* in memory */
    bool has_endbr;
    uint64_t near; /* of sleds: where the near jump is in memory */
    uint8_t first; /* of sleds: the byte where the short jump will be */
    struct patch_site site;
    uint32_t mapping;     /* that a site's jump needs */
    uint64_t destination; /* of the jump there */
};

/* Prepares a function's change: reads its code, writes what will be needed. Returns NULL, or why it
 * cannot be, in words. Context: one thread at a time, for all here. */
const char *patch_change_prepare(struct patch_workshop *shop, const struct patch_module *module,
                                 const struct patch_function *function,
                                 struct patch_change *ret_change);

/* What the bytes in memory say of it. */
enum patch_found {
    PATCH_FOUND_IN,
    PATCH_FOUND_HALF,    /* in the midst of being made or undone: both can be done */
    PATCH_FOUND_OUT,     /* it can be made: what it leads to is there */
    PATCH_FOUND_NOTHING, /* likewise not in, but what it leads to is not there */
};

/* Looks at a change that was prepared in another process, from which this one was forked. Context:
 * as above. */
enum patch_found patch_change_look(const struct patch_workshop *shop,
                                   const struct patch_change *change);

/* Makes it, or undoes it. False: other bytes are there than must be. */
bool patch_change_make(const struct patch_workshop *shop, const struct patch_change *change,
                       bool is_in);

#endif
