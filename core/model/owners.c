/*
 * Owners as frames: each entry and each record of calls gets a stack of its own, longer by one mark
 * or two; each site of the heap, whose threads nobody knows, by one.
 */
#include "core/model/owners.h"

#include <string.h>

enum { OWNERS_MAX = 2 };

static uint32_t process_mark(struct profile *p, uint32_t process)
{
    const char *name = profile_get_process(p, process)->name;
    return profile_mark(p, *name ? name : "[process]");
}

/* The marks of a thread's stacks, innermost first; returns how many. */
static size_t owners_of(struct profile *p, uint32_t thread, bool threads,
                        uint32_t owners[OWNERS_MAX])
{
    const struct thread *t = profile_get_thread(p, thread);
    uint32_t process = t->process;
    size_t n = 0;
    if (threads) {
        char *name = g_strdup_printf("[%s tid=%d]", t->name, t->tid);
        owners[n++] = profile_mark(p, name);
        g_free(name);
    }
    owners[n++] = process_mark(p, process);
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

/* The stack with those whose thread it is. */
static uint32_t threads_stack(struct profile *p, uint32_t stack, uint32_t thread, bool threads)
{
    uint32_t owners[OWNERS_MAX];
    size_t n = owners_of(p, thread, threads, owners);
    return owned_stack(p, stack, owners, n);
}

void owners_add(struct profile *p, bool threads)
{
    for (uint32_t i = 0; i < p->entries->len; i++) {
        struct entry *entry = profile_get_entry(p, i);
        entry->stack = threads_stack(p, entry->stack, entry->thread, threads);
    }
    for (uint32_t i = 0; i < p->calls->records->len; i++) {
        struct call_record *record = &g_array_index(p->calls->records, struct call_record, i);
        record->stack = threads_stack(p, record->stack, record->thread, threads);
    }
    for (uint32_t i = 0; i < p->heap->sites->len; i++) {
        struct heap_site *site = &g_array_index(p->heap->sites, struct heap_site, i);
        uint32_t owner = process_mark(p, site->process);
        site->stack = owned_stack(p, site->stack, &owner, 1);
    }
}
