/*
 * Folded stacks: one line for each path, "outermost;...;innermost WEIGHT", as flame graph tools
 * read them.
 */
#ifndef PROFTOP_CORE_FORMATS_FOLDED_H
#define PROFTOP_CORE_FORMATS_FOLDED_H

#include "core/model/calltree.h"

/* Where text goes: takes `size` bytes, false with an error. */
struct text_sink {
    bool (*write)(void *arg, const char *text, size_t size, GError **error);
    void *arg;
};

/*
 * Writes the tree's paths with what they weigh themselves, in the tree's metric (bytes or blocks of
 * a tree of the heap); those of an inverted tree begin with the innermost function. What separates
 * frames and lines in names is replaced. Time and size O(paths x depth). Context: holder of the
 * profile's lock.
 */
bool folded_write(const struct calltree *tree, const struct text_sink *sink, GError **error);

#endif
