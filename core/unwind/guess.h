/*
 * Steps where there is no unwind information: what can be told from the stack and the code, with
 * every check there is.
 */
#ifndef PROFTOP_CORE_UNWIND_GUESS_H
#define PROFTOP_CORE_UNWIND_GUESS_H

#include "core/base/address_map.h"
#include "core/unwind/frame.h"

enum guess {
    GUESS_NONE,    /* nothing checks out */
    GUESS_STEPPED, /* by a return address that checks out: `frame` is the caller now */
    GUESS_SIGNAL, /* the code is a signal trampoline: certain; `frame` is the interrupted one now */
    GUESS_ROOT,   /* the code is where a program or thread starts, or the return address is 0 */
    GUESS_BEYOND, /* the frame pointer points not far above the copy */
};

/*
 * Tries to find the caller of `frame`. Leaves it when not stepped. The view's floor must be the
 * frame's rsp. Context: any thread, one at a time per view.
 */
enum guess guess_step(const struct address_map *map, struct stack_view *view, struct frame *frame);

/* Whether an address can be a return address: it follows a call, or is in code that cannot be read.
 * Context: any thread. */
bool guess_is_return(const struct address_map *map, uint64_t address);

/* Whether it follows a call that names `function` itself. Context: any thread. */
bool guess_is_call_of(const struct address_map *map, uint64_t return_address, uint64_t function);

#endif
