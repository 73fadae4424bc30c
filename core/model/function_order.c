/*
 * Functions by their texts.
 */
#include "core/model/function_order.h"

#include <string.h>

bool function_order_matches(const struct profile *p, uint32_t function, const GRegex *filter)
{
    if (!filter)
        return true;
    const struct function *f = profile_get_function(p, function);
    return g_regex_match(filter, f->name, 0, NULL) || g_regex_match(filter, f->file, 0, NULL) ||
           g_regex_match(filter, profile_get_module(p, f->module)->name, 0, NULL);
}

static int compare_sources(const struct function *a, const struct function *b)
{
    if ((*a->file == 0) != (*b->file == 0))
        return *a->file == 0 ? 1 : -1;
    int order = strcmp(a->file, b->file);
    return order ? order : (a->decl_line > b->decl_line) - (a->decl_line < b->decl_line);
}

int function_order_compare(const struct profile *p, uint32_t a, uint32_t b, enum function_text text)
{
    const struct function *fa = profile_get_function(p, a), *fb = profile_get_function(p, b);
    switch (text) {
    case FUNCTION_TEXT_NAME:
        return strcmp(fa->name, fb->name);
    case FUNCTION_TEXT_MODULE:
        return strcmp(profile_get_module(p, fa->module)->name,
                      profile_get_module(p, fb->module)->name);
    case FUNCTION_TEXT_SOURCE:
        return compare_sources(fa, fb);
    }
    return 0;
}
