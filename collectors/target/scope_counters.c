/*
 * See scope_counters.h. Counters are few, so they are searched from the first one on. A new one is
 * only made behind others that all have their names: so no name is there twice.
 */
#include "collectors/target/scope_counters.h"

#include <string.h>

enum { NAME_BYTES = sizeof((struct wire_calls_counter *)0)->name - 1, PATIENCE = 10000 };

static void begin(struct scopes *scopes, uint32_t i, const char *name, int64_t value)
{
    struct wire_calls_counter *counter = &scopes->calls->counters[i];
    memcpy(counter->name, name, strnlen(name, NAME_BYTES));
    counter->value = counter->min = counter->max = value;
    __atomic_store_n(&scopes->calls->wire->n_counters, i + 1, __ATOMIC_RELEASE);
    __atomic_store_n(&scopes->counter_states[i], SCOPES_COUNTER, __ATOMIC_RELEASE);
}

/* Whether the counter gets its name soon: the thread that gives it may be the one that this signal
 * handler has interrupted. */
static bool gets_named(const uint32_t *state)
{
    for (int i = 0; i < PATIENCE; i++) {
        if (__atomic_load_n(state, __ATOMIC_ACQUIRE) == SCOPES_COUNTER)
            return true;
        __builtin_ia32_pause();
    }
    return false;
}

static struct wire_calls_counter *find(struct scopes *scopes, const char *name, int64_t value)
{
    for (uint32_t i = 0; i < WIRE_CALLS_COUNTERS; i++) {
        uint32_t *state = &scopes->counter_states[i], none = SCOPES_NO_COUNTER;
        if (__atomic_compare_exchange_n(state, &none, SCOPES_NAMING_COUNTER, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
            begin(scopes, i, name, value);
        else if (!gets_named(state))
            return NULL;
        if (strncmp(scopes->calls->counters[i].name, name, NAME_BYTES) == 0)
            return &scopes->calls->counters[i];
    }
    calls_note_trouble(scopes->calls, WIRE_CALLS_NO_ROOM);
    return NULL;
}

static void lower(int64_t *least, int64_t value)
{
    int64_t seen = __atomic_load_n(least, __ATOMIC_RELAXED);
    while (value < seen && !__atomic_compare_exchange_n(least, &seen, value, true, __ATOMIC_RELAXED,
                                                        __ATOMIC_RELAXED))
        ;
}

static void raise_to(int64_t *greatest, int64_t value)
{
    int64_t seen = __atomic_load_n(greatest, __ATOMIC_RELAXED);
    while (value > seen && !__atomic_compare_exchange_n(greatest, &seen, value, true,
                                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}

void scope_counters_set(struct scopes *scopes, const char *name, int64_t value)
{
    struct wire_calls_counter *counter = find(scopes, name ? name : "", value);
    if (!counter)
        return;
    __atomic_store_n(&counter->value, value, __ATOMIC_RELAXED);
    lower(&counter->min, value);
    raise_to(&counter->max, value);
    __atomic_fetch_add(&counter->updates, 1, __ATOMIC_RELAXED);
}
