/*
 * The mappings of a process and what is resident of each, from the text of /proc/PID/smaps.
 */
#ifndef PROFTOP_CORE_TARGET_SMAPS_H
#define PROFTOP_CORE_TARGET_SMAPS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct smaps_mapping {
    uint64_t start, end;
    uint64_t inode;     /* 0: no file, not even an unlinked one */
    int64_t rss_bytes;  /* at most end - start */
    const char *name;   /* as the kernel writes it, "" when there is none; valid during the call */
    bool is_accessible; /* can be read, written or executed: no guard */
    bool is_writable;
    bool is_shared;         /* MAP_SHARED */
    bool grows_down;        /* VmFlags gd: the main thread's stack */
    bool has_no_huge_pages; /* VmFlags nh: MAP_STACK since Linux 6.7, or madvise() */
};

/*
 * Calls `each` for every mapping, lowest address first; `each` must not keep `name`. Lines that are
 * not understood are passed over, and so is a mapping that does not lie behind the one before it
 * (the process changes while it is read) or not below 2^63. False: reading failed; errno tells why.
 * Context: any thread.
 */
bool smaps_read(FILE *text, void (*each)(const struct smaps_mapping *mapping, void *data),
                void *data);

#endif
