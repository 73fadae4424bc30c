/*
 * The heap in a snapshot: sites as samples with labels, the rest as comments.
 * man/proftop-snapshot.5 lists them.
 *
 * A file with a heap says in a comment how many of its sample types are the heap's: the last ones,
 * one for each enum heap_column. Without that comment types of these names are metrics like any
 * other, as in the files of other writers.
 *
 * Context: the thread that reads or writes the file.
 */
#ifndef PROFTOP_CORE_FORMATS_SNAPSHOT_HEAP_H
#define PROFTOP_CORE_FORMATS_SNAPSHOT_HEAP_H

#include "core/model/profile.h"

enum {
    SITE_LABEL_SAMPLED,
    SITE_LABEL_VARIANCE,
    SITE_LABEL_YOUNGEST,
    SITE_LABEL_OLDEST,
    SITE_LABEL_SIZES,
    SITE_LABEL_LIFETIMES = SITE_LABEL_SIZES + HEAP_SIZE_CLASSES,
    SITE_LABELS = SITE_LABEL_LIFETIMES + HEAP_LIFETIMES,
};

/* Keys of the labels that a site's sample has beside those of its process. */
extern const char *const site_label_keys[SITE_LABELS];

/* The number of a site's label; false when it has none: nothing to tell. */
bool site_label_get(const struct heap_site *site, unsigned label, int64_t *ret_number);

/* Sets what a label tells; numbers out of range are taken for the nearest that makes sense. */
void site_label_set(struct heap_site *site, unsigned label, int64_t number);

/* How many of a file's sample types a comment says are the heap's; 0: it is another comment. */
unsigned snapshot_heap_types(const char *comment);

/* Appends the comments about the heap (char *, free with g_free), none when nothing is known of it.
 * Context: holder of the profile's lock. */
void snapshot_heap_write(const struct profile *profile, GPtrArray *comments);

/* Takes a comment about the heap into the profile; false: it is none, or makes no sense. Processes
 * must be there before. */
bool snapshot_heap_read(struct profile *profile, const char *comment);

#endif
