/* See heap_policy.h. */
#include "core/session/heap_policy.h"

#include <glib.h>
#include <string.h>

static const char *const names[] = {
    [HEAP_POLICY_AUTO] = "auto",
    [HEAP_POLICY_EXACT] = "exact",
    [HEAP_POLICY_SAMPLED] = "sampled",
    [HEAP_POLICY_OFF] = "off",
};

bool heap_policy_find(const char *name, enum heap_policy *ret_policy)
{
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(name, names[i]) != 0)
            continue;
        *ret_policy = (enum heap_policy)i;
        return true;
    }
    return false;
}

const char *heap_policy_name(enum heap_policy policy)
{
    return names[policy];
}
