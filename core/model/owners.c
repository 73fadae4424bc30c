/*
 * Owners as frames: each entry gets a stack of its own, longer by one mark or two.
 */
#include "core/model/owners.h"

#include <string.h>

enum { OWNERS_MAX = 2 };

/* The marks of a thread's stacks, innermost first; returns how many. */
static size_t owners_of(struct profile *p, uint32_t thread, bool threads,
                        uint32_t owners[OWNERS_MAX])
{
    const struct thread *t = profile_get_thread(p, thread);
    const char *process = profile_get_process(p, t->process)->name;
    size_t n = 0;
    if (threads) {
        char *name = g_strdup_printf("[%s tid=%d]", t->name, t->tid);
        owners[n++] = profile_mark(p, name);
        g_free(name);
    }
    owners[n++] = profile_mark(p, *process ? process : "[process]");
    return n;
}

static uint32_t owned_stack(struct profile *p, uint32_t stack, const uint32_t *owners, size_t n)
{
    uint32_t frames[PROFILE_DEPTH_MAX];
    uint32_t outermost = profile_get_stack(p, stack)->n_frames - 1;
    if (profile_stack_frames(p, stack)[outermost] == owners[n - 1])
        return stack; /* a mark that has a process of its own, named like it */
    size_t kept = MIN(profile_get_stack(p, stack)->n_frames, PROFILE_DEPTH_MAX - n);
    memcpy(frames, profile_stack_frames(p, stack), kept * sizeof *frames);
    memcpy(frames + kept, owners, n * sizeof *frames);
    return profile_stack(p, frames, kept + n);
}

void owners_add(struct profile *p, bool threads)
{
    for (uint32_t i = 0; i < p->entries->len; i++) {
        struct entry *entry = profile_get_entry(p, i);
        uint32_t owners[OWNERS_MAX];
        size_t n = owners_of(p, entry->thread, threads, owners);
        entry->stack = owned_stack(p, entry->stack, owners, n);
    }
}
