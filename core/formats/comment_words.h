/*
 * Taking comments of a snapshot apart.
 *
 * Context of all: any thread.
 */
#ifndef PROFTOP_CORE_FORMATS_COMMENT_WORDS_H
#define PROFTOP_CORE_FORMATS_COMMENT_WORDS_H

#include <stdbool.h>
#include <stdint.h>

/* The rest of `text` after `key`, or NULL when it begins otherwise. */
const char *comment_value(const char *text, const char *key);

/* A decimal number in [low, high] that ends at a blank or at the end; moves `*text` past both. */
bool comment_take_number(const char **text, int64_t low, int64_t high, int64_t *ret_number);

/* One of the `n` words, then a blank; moves `*text` past both. */
bool comment_take_word(const char **text, const char *const *words, unsigned n, unsigned *ret_word);

#endif
