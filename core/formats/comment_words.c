/*
 * Words and numbers of a comment.
 */
#include "core/formats/comment_words.h"

#include <glib.h>
#include <string.h>

const char *comment_value(const char *text, const char *key)
{
    size_t size = strlen(key);
    return strncmp(text, key, size) == 0 ? text + size : NULL;
}

bool comment_take_number(const char **text, int64_t low, int64_t high, int64_t *ret_number)
{
    char *end;
    int64_t number = g_ascii_strtoll(*text, &end, 10);
    if (end == *text || (*end && *end != ' ') || number < low || number > high)
        return false;
    *ret_number = number;
    *text = *end ? end + 1 : end;
    return true;
}

bool comment_take_word(const char **text, const char *const *words, unsigned n, unsigned *ret_word)
{
    for (unsigned i = 0; i < n; i++) {
        const char *rest = comment_value(*text, words[i]);
        if (rest && *rest == ' ') {
            *text = rest + 1;
            *ret_word = i;
            return true;
        }
    }
    return false;
}
