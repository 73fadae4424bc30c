/*
 * Exact calls in a snapshot: records as samples with labels, the rest as comments.
 * man/proftop-snapshot.5 lists them.
 *
 * A file with calls says in a comment how many of its sample types are the calls': those before the
 * heap's, the last ones where it has none; one for each enum call_weight. Without that comment
 * types of these names are metrics like any other, as in the files of other writers.
 *
 * Context: the thread that reads or writes the file.
 */
#ifndef PROFTOP_CORE_FORMATS_SNAPSHOT_CALLS_H
#define PROFTOP_CORE_FORMATS_SNAPSHOT_CALLS_H

#include "core/model/profile.h"

enum {
    CALL_LABEL_TOTAL,
    CALL_LABEL_SUM,
    CALL_LABEL_COST,
    CALL_LABEL_MIN,
    CALL_LABEL_MAX,
    CALL_LABEL_OPEN,
    CALL_LABEL_RECURSIVE,
    CALL_LABEL_BUCKETS,
    CALL_LABELS = CALL_LABEL_BUCKETS + CALLS_BUCKETS,
};

/* Keys of the labels that a record's sample has beside those of its thread. */
extern const char *const call_label_keys[CALL_LABELS];

/* The number of a record's label, 0: nothing to tell. */
int64_t call_label_get(const struct call_record *record, unsigned label);

/* Sets what a label tells; numbers out of range are taken for the nearest that makes sense. */
void call_label_set(struct call_record *record, unsigned label, int64_t number);

/* What a record has of a sample type. */
int64_t call_value_get(const struct call_record *record, enum call_weight weight);

/* Sets it; likewise. */
void call_value_set(struct call_record *record, enum call_weight weight, int64_t value);

/* Whether a record is written: one without calls tells nothing. */
bool call_record_is_kept(const struct call_record *record);

/* How many of a file's sample types a comment says are the calls'; 0: it is another comment. */
unsigned snapshot_calls_types(const char *comment);

/* Appends the comments about calls (char *, free with g_free), but for those of counted functions;
 * none when nothing is known of calls. Context: holder of the profile's lock. */
void snapshot_calls_write(const struct profile *profile, GPtrArray *comments);

/* The comment for a function that somebody asked to be counted, by its id in the file; free with
 * g_free. */
char *snapshot_calls_counted(uint64_t function_id);

/* The function's id in such a comment; 0: it is another comment. */
uint64_t snapshot_calls_get_counted(const char *comment);

/* Takes a comment about calls into the profile; false: it is none, or makes no sense. Processes and
 * threads must be there before. */
bool snapshot_calls_read(struct profile *profile, const char *comment);

#endif
