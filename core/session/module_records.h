/*
 * From the module records of a segment to modules of the profile.
 *
 * A record gives the place that a module had in memory and its build-id. The kernel's name for the
 * file, by which CPU samples know it too, is found among what was mapped when the process said
 * hello, else among what is mapped now, each time checked by build-id; a library that is gone again
 * by then is looked for under the loader's name.
 *
 * Records are hostile. Context of all: sampling thread.
 */
#ifndef PROFTOP_CORE_SESSION_MODULE_RECORDS_H
#define PROFTOP_CORE_SESSION_MODULE_RECORDS_H

#include "core/session/ingest.h"
#include "core/wire/wire_parts.h"

struct module_records {
    int pid;
    const struct wire_module *table; /* in the segment: WIRE_MODULES of them; borrowed */
    const uint32_t *n_written;       /* in the segment; borrowed */
    const GArray *hello_maps;        /* of proc_maps_list(), at the hello; borrowed */
    GArray *maps;                    /* likewise, as last read; NULL: not yet */
    GArray *modules; /* struct module_record, by number; module PROFILE_NONE: none */
};

/* What is kept of a record: copied once, so that it stays the same. */
struct module_record {
    uint32_t module; /* of the profile; PROFILE_NONE: code that no file owns */
    uint64_t bias;   /* address in memory less address as linked */
};

/* Nothing is found yet. `records` is to be cleared with module_records_clear(). */
void module_records_init(struct module_records *records, int pid, const struct wire_module *table,
                         const uint32_t *n_written, const GArray *hello_maps);

/* Frees what it holds. */
void module_records_clear(struct module_records *records);

/* Finds the files of modules that are new. Without the profile's lock. */
void module_records_find(struct module_records *records, struct ingest *ingest);

/* That of a number; {PROFILE_NONE, 0} for numbers that have none. */
struct module_record module_records_get(const struct module_records *records, uint32_t number);

#endif
