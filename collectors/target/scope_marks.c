/* See scope_marks.h. Marks are published in order, by whoever sees that the next one is written. */
#include "collectors/target/scope_marks.h"

#include <string.h>

static bool is_written(const struct calls *calls, uint32_t i)
{
    return i >= calls->n_marks_max ||
           __atomic_load_n(&calls->marks[i].ticks, __ATOMIC_SEQ_CST) != 0;
}

static void publish(struct scopes *scopes)
{
    struct calls *calls = scopes->calls;
    uint32_t *published = &calls->wire->n_marks;
    uint32_t n = __atomic_load_n(published, __ATOMIC_ACQUIRE);
    while (n < __atomic_load_n(&scopes->n_marks, __ATOMIC_RELAXED) && is_written(calls, n))
        if (__atomic_compare_exchange_n(published, &n, n + 1, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_ACQUIRE))
            n++;
}

/* `ticks` comes last: a mark with it is written. */
void scope_marks_add(struct scopes *scopes, int32_t tid, const char *text)
{
    struct calls *calls = scopes->calls;
    uint64_t ticks = calls_ticks();
    uint32_t i = __atomic_fetch_add(&scopes->n_marks, 1, __ATOMIC_RELAXED);
    if (i < calls->n_marks_max) {
        struct wire_calls_mark *mark = &calls->marks[i];
        mark->tid = tid;
        if (text)
            memcpy(mark->text, text, strnlen(text, sizeof mark->text));
        __atomic_store_n(&mark->ticks, ticks ? ticks : 1, __ATOMIC_SEQ_CST);
    }
    publish(scopes);
}
