/*
 * What a patcher is made of: private to patcher.c (what is asked for), patch_carry_out.c and
 * patch_child.c.
 */
#ifndef PROFTOP_COLLECTORS_CALLS_PATCHER_STATE_H
#define PROFTOP_COLLECTORS_CALLS_PATCHER_STATE_H

#include "collectors/calls/patch_change.h"
#include "collectors/calls/patcher.h"
#include "core/symbols/symbolizer.h"

/* By what a function was asked for: bits. */
enum patch_way { BY_FILTER = 1, BY_REQUEST = 2, BY_SLED = 4 };

/* A function that was asked for. */
struct patch_item {
    struct patch patch;
    struct patch_module *module;
    const struct patch_function *function;
    struct patch_change change;
    unsigned wanted; /* enum patch_way; 0: no longer */
    bool is_prepared;
    bool is_inherited; /* prepared in a process that this one was forked from */
    bool is_doubtful;  /* its change has to be made once more, to be sure */
    bool is_gone;      /* with its module */
};

/* What a person has asked for, also of modules that are not there yet. */
struct patch_wish {
    char *module, *linkage;
    uint64_t address;
};

struct patcher {
    struct patch_workshop shop;
    GPtrArray *modules;
    GPtrArray *items;     /* struct patch_item, in the order of asking */
    GHashTable *by_entry; /* address in memory -> struct patch_item that is not gone */
    GPtrArray *requests;
    GArray *patches; /* what patcher_patches gives out */
    GStringChunk *strings;
    struct symbolizer *symbolizer; /* for source files; NULL: not needed so far */
    guint n_scanned;               /* modules that have been searched */
    uint32_t n_ordered;            /* mappings that the collector has been told of */
    uint64_t scan_generation;      /* of unloaded libraries, at the scan */
    const char *refusal;           /* why nothing of the process may be changed, as of the scan */
    bool is_on;
    bool has_all_sleds; /* at the last scan */
};

/* Libraries that are being unloaded, and have been, as the collector counts them. Context: sampling
 * thread. */
uint64_t patcher_generation(const struct patcher *p);

#endif
