/*
 * What a function's whole code says against its being changed: it must not look at its own return
 * address, which is another one while its calls are counted, nor have it looked at by what it jumps
 * to. Pure: bytes in, a verdict out.
 */
#ifndef PROFTOP_COLLECTORS_CALLS_PATCH_BODY_H
#define PROFTOP_COLLECTORS_CALLS_PATCH_BODY_H

#include "collectors/calls/patch_site.h"

/*
 * Asked of each jump out of the function.
 *
 * @target  where it leads, or with `through` the address of the word that says where
 * Returns NULL, or what speaks against it.
 */
typedef const char *patch_leave_check(uint64_t target, bool through, void *data);

struct patch_body {
    uint64_t lowest; /* address in it that a branch leads to; UINT64_MAX: none */
    bool is_read;    /* to its end; false: its code cannot be read from some place on */
};

/*
 * Reads it from start to end.
 *
 * @check  NULL: jumps out of it are not looked at
 * Returns NULL, or what speaks against it, in words. Context: any thread.
 */
const char *patch_body_read(const struct patch_code *code, patch_leave_check *check, void *data,
                            struct patch_body *ret_body);

#endif
