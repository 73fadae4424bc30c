/*
 * Samples in the code that proftop has put in front of a program's own (patch_stubs.h,
 * patch_site.h): where the thread would be without it.
 *
 * Everything in the segment is hostile. Context: one thread.
 */
#ifndef PROFTOP_COLLECTORS_CALLS_PATCH_DETOUR_H
#define PROFTOP_COLLECTORS_CALLS_PATCH_DETOUR_H

#include "collectors/calls/calls_tap.h"
#include "core/unwind/unwinder.h"

/*
 * What struct unwind_hijack asks by `detour`. False: the address is not of such code, or it cannot
 * be told.
 *
 * @from     0: a thread is at `address`. Else that was read as the return address of the
 *           collector's code there, which may be the number of a site in its place
 */
bool patch_detour_find(const struct calls_hello *hello, uint64_t from, uint64_t address,
                       struct unwind_detour *ret_detour);

#endif
