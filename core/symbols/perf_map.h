/*
 * Names of functions that a JIT compiler made, from the perf-PID.map file that the target writes.
 *
 * Hostile text: the file must belong to the target's user or root, is never waited for, and every
 * count is capped.
 *
 * Context: one thread at a time.
 */
#ifndef PROFTOP_CORE_SYMBOLS_PERF_MAP_H
#define PROFTOP_CORE_SYMBOLS_PERF_MAP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { PERF_MAP_NAME_MAX = 4096 };

struct perf_map;

/*
 * The map of process `pid`: /tmp/perf-NSPID.map below /proc/PID/root, where NSPID is the process's
 * number in its own namespace; /tmp/perf-PID.map when the process is gone. Opened at the first
 * lookup. Context: one thread at a time.
 */
struct perf_map *perf_map_new(pid_t pid);

/* As perf_map_new for a file at `path` that must belong to `uid` or root. */
struct perf_map *perf_map_new_at(const char *path, uid_t uid);

/* Frees it; NULL is allowed. */
void perf_map_free(struct perf_map *map);

/*
 * The function at `address`; of several entries the one written last. Reads what was appended since
 * the last call.
 *
 * @buffer     receives the name, not cleaned; at least PERF_MAP_NAME_MAX + 1 bytes
 * Returns whether there is one.
 */
bool perf_map_lookup(struct perf_map *map, uint64_t address, char *buffer);

#endif
