/* See calls_section.h: the guard of calls_fast.h does it. Where another one has it set already,
 * that is not over before this is. */
#include "collectors/target/calls_section.h"

#include <stddef.h>
#include <stdint.h>

#include "collectors/target/calls_fast.h"
#include "collectors/target/calls_threads.h"

bool calls_section_begin(struct calls_section *section)
{
    struct calls *calls = calls_get();
    struct calls_thread *thread = calls_thread_own;
    if (!calls)
        return false;
    if (!thread || !thread->top)
        thread = calls_may_call(calls) ? calls_thread_claim() : NULL;
    *section = (struct calls_section){.calls = calls, .thread = thread};
    section->is_within = thread && thread->guard != 0;
    return !thread || section->is_within ||
           calls_guard(thread, (uintptr_t)__builtin_frame_address(0));
}

void calls_section_end(const struct calls_section *section)
{
    if (section->thread && !section->is_within)
        calls_unguard(section->thread);
}
