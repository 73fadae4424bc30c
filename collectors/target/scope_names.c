/*
 * See scope_names.h. Names are never changed or taken away. One that is not wanted any more,
 * because another thread has made the same one, stays behind unused.
 */
#include "collectors/target/scope_names.h"

#include <string.h>

enum { NUMBER_BITS = 16 };

_Static_assert(SCOPES_NAMES_MAX <= 1 << NUMBER_BITS, "a number fits beside an address");

static bool is_text_of(const struct scopes *scopes, uint32_t number, const char *text)
{
    return number && strncmp(scopes->names[number], text, WIRE_CALLS_NAME_MAX) == 0;
}

/* Moves the count on; names are looked up by their number alone, so those before it may be late. */
static void publish(uint32_t *n_names, uint32_t n)
{
    uint32_t seen = __atomic_load_n(n_names, __ATOMIC_RELAXED);
    while (seen < n && !__atomic_compare_exchange_n(n_names, &seen, n, false, __ATOMIC_RELEASE,
                                                    __ATOMIC_RELAXED))
        ;
}

static uint32_t make(struct scopes *scopes, const char *text)
{
    struct calls *calls = scopes->calls;
    uint32_t number = __atomic_load_n(&scopes->n_names, __ATOMIC_RELAXED);
    if (number < SCOPES_NAMES_MAX)
        number = __atomic_fetch_add(&scopes->n_names, 1, __ATOMIC_RELAXED);
    struct wire_calls_name *name =
        number < SCOPES_NAMES_MAX ? segment_area_need(&calls->names, number) : NULL;
    if (!name) {
        calls_note_trouble(calls, WIRE_CALLS_NO_ROOM);
        return 0;
    }
    size_t length = strnlen(text, WIRE_CALLS_NAME_MAX);
    memcpy(scopes->names[number], text, length);
    memcpy(name->text, text, length);
    name->length = (uint32_t)length;
    publish(&calls->wire->n_names, number + 1);
    return number;
}

static uint32_t hash_of(const char *text)
{
    uint32_t hash = UINT32_C(0x811c9dc5);
    for (int i = 0; i < WIRE_CALLS_NAME_MAX && text[i]; i++)
        hash = (hash ^ (uint8_t)text[i]) * UINT32_C(0x01000193);
    return hash;
}

/* At most half of the places are ever used. */
static uint32_t number_of_text(struct scopes *scopes, const char *text)
{
    uint32_t own = 0;
    for (uint32_t i = hash_of(text);; i++) {
        uint32_t *place = &scopes->texts[i % SCOPES_TEXTS];
        uint32_t number = __atomic_load_n(place, __ATOMIC_ACQUIRE);
        if (number == 0) {
            own = own ? own : make(scopes, text);
            if (own == 0 || __atomic_compare_exchange_n(place, &number, own, false,
                                                        __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
                return own;
        }
        if (is_text_of(scopes, number, text))
            return number;
    }
}

static uint64_t *recent_of(struct scopes *scopes, uint64_t address)
{
    uint64_t hash = address * UINT64_C(0x9e3779b97f4a7c15) >> 32;
    return &scopes->recent[hash % SCOPES_RECENT];
}

uint32_t scope_names_known(struct scopes *scopes, const char *text)
{
    uint64_t address = (uintptr_t)text;
    uint64_t known = __atomic_load_n(recent_of(scopes, address), __ATOMIC_RELAXED);
    uint32_t number = known & ((1 << NUMBER_BITS) - 1);
    return known >> NUMBER_BITS == address && is_text_of(scopes, number, text) ? number : 0;
}

uint32_t scope_names_make(struct scopes *scopes, const char *text)
{
    uint64_t address = (uintptr_t)text;
    uint32_t number = number_of_text(scopes, text);
    if (number)
        __atomic_store_n(recent_of(scopes, address), address << NUMBER_BITS | number,
                         __ATOMIC_RELAXED);
    return number;
}
