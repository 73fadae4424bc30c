/*
 * The weight of Flame.
 */
#include "tui/views/lens_flame.h"

#include "core/base/text.h"
#include "tui/views/lens_calls.h"
#include "tui/views/lens_heap.h"

static const struct lens_weight weights[] = {
    {.of = CALLTREE_OF_SAMPLES},
    {.of = CALLTREE_OF_HEAP, .column = HEAP_LIVE_BYTES},
    {.of = CALLTREE_OF_HEAP, .column = HEAP_PEAK_BYTES},
    {.of = CALLTREE_OF_HEAP, .column = HEAP_ALLOC_BYTES},
    {.of = CALLTREE_OF_HEAP, .column = HEAP_ALLOCS},
    {.of = CALLTREE_OF_HEAP, .column = HEAP_TEMPORARY},
    {.of = CALLTREE_OF_CALLS, .call_weight = CALL_WEIGHT_TIME},
    {.of = CALLTREE_OF_CALLS, .call_weight = CALL_WEIGHT_CALLS},
};

static bool is_measured(const struct lens *lens, enum calltree_subject of)
{
    switch (of) {
    case CALLTREE_OF_HEAP:
        return lens_heap_is_measured(lens);
    case CALLTREE_OF_CALLS:
        return lens_has_calls(lens);
    default:
        return true;
    }
}

bool lens_flame_has_choice(const struct lens *lens)
{
    return !lens_flame_is_of_samples(lens) || is_measured(lens, CALLTREE_OF_HEAP) ||
           is_measured(lens, CALLTREE_OF_CALLS);
}

/* Where the weight of now stands in the list; a column that is not there is taken for the heap's
 * last. */
static size_t place_of_weight(const struct lens *lens)
{
    size_t place = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(weights); i++) {
        bool of_same = weights[i].of == lens->weight.of;
        if (of_same && weights[i].column == lens->weight.column &&
            weights[i].call_weight == lens->weight.call_weight)
            return i;
        place = of_same ? i : place;
    }
    return place;
}

bool lens_next_flame_weight(struct lens *lens)
{
    if (!lens_flame_has_choice(lens))
        return false;
    size_t next = place_of_weight(lens);
    do
        next = (next + 1) % G_N_ELEMENTS(weights);
    while (!is_measured(lens, weights[next].of));
    lens_weigh_flame(lens, weights[next]);
    return true;
}

void lens_append_flame_value(const struct lens *lens, GString *out, int64_t value)
{
    if (lens_flame_is_of_samples(lens))
        lens_append_value(lens, out, value);
    else
        text_append_value(out, value, calltree_metric(lens->flame).unit);
}

void lens_append_flame_weight(const struct lens *lens, GString *out, struct weight weight)
{
    if (lens_flame_is_of_samples(lens)) {
        lens_append_weight(lens, out, weight);
        return;
    }
    if (lens->unit != LENS_SHARE) {
        lens_append_flame_value(lens, out, weight.value);
        return;
    }
    lens_append_share(out, weight.value, lens_flame_total(lens).value);
    g_string_append(out, " %");
}

void lens_append_flame_scope(const struct lens *lens, GString *out)
{
    bool windowed = lens->window != LENS_WHOLE, one_thread = lens->thread != PROFILE_NONE;
    if (lens->weight.of == CALLTREE_OF_HEAP && (windowed || one_thread))
        g_string_append(out, " (all threads, whole run)");
    if (lens->weight.of == CALLTREE_OF_CALLS && windowed)
        g_string_append(out, " (whole run)");
}

/* Each stack passes one node where the function comes first, whichever way the tree grows. */
int64_t lens_flame_of_function(const struct lens *lens, uint32_t function)
{
    int64_t sum = 0;
    for (guint i = 0; i < lens->flame->nodes->len; i++) {
        const struct calltree_node *node = calltree_node(lens->flame, i);
        if (node->function == function && !node->recursive)
            sum += node->total.value;
    }
    return sum;
}
