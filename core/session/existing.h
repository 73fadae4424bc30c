/*
 * What the kernel's events would have told about a process, had proftop been there: its name,
 * threads and mapped files, read from /proc.
 *
 * Context: sampling thread, or any while that does not run.
 */
#ifndef PROFTOP_CORE_SESSION_EXISTING_H
#define PROFTOP_CORE_SESSION_EXISTING_H

#include <glib.h>
#include <stdbool.h>

#include "core/session/ingest.h"

struct proc_map;

/*
 * Tells the ingest of a running process, its threads and its mappings, before its events begin:
 * what takes long is done then. Returns the threads it told of (int), for existing_settle; NULL
 * when the process is gone.
 */
GArray *existing_introduce(struct ingest *ingest, int pid);

/*
 * Tells it what has changed since, once events come in. `told` is what existing_introduce returned,
 * and is given up. False when the process is gone.
 */
bool existing_settle(struct ingest *ingest, int pid, GArray *told);

/* Tells it of the mappings alone, in place of all that it knew. False when they cannot be read:
 * then it knows what it knew. */
bool existing_read_maps(struct ingest *ingest, int pid);

/* A mapping as read from /proc in the ingest's terms; the path stays the mapping's. Context: any
 * thread. */
struct ingest_mmap existing_mmap_of(int pid, const struct proc_map *map);

/* Tells it of one mapping, as read from /proc. */
void existing_tell_map(struct ingest *ingest, int pid, const struct proc_map *map);

#endif
