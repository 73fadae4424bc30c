/*
 * See calls_filter.h. A filter is taken apart once; what a pattern has matched is remembered in it,
 * so that names that do not exist can be told of.
 */
#include "core/session/calls_filter.h"

#include <fnmatch.h>
#include <string.h>

#include "core/base/error.h"

struct pattern {
    char *text;   /* as it was written */
    char *shown;  /* the same for messages: a long one is cut */
    char *glob;   /* of the name or of the file; NULL: all functions, or a regular expression */
    char *module; /* glob; NULL: all */
    GRegex *regex;
    bool is_whole;   /* `glob` is for the name with its parameters */
    bool is_file;    /* `glob` is for the source file */
    bool is_not;     /* not these */
    int has_matched; /* atomic */
};

struct calls_filter {
    GPtrArray *patterns; /* struct pattern */
    int has_excluded;    /* atomic; a function that was named, but by a "!" as well */
    int has_meant;       /* atomic */
};

char *calls_filter_shorten(const char *text)
{
    enum { SHOWN_BYTES = 60 };
    size_t n = SHOWN_BYTES;
    if (strlen(text) <= n)
        return g_strdup(text);
    while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--; /* within a character */
    return g_strdup_printf("%.*s...", (int)n, text);
}

static void pattern_free(void *data)
{
    struct pattern *pattern = data;
    if (pattern->regex)
        g_regex_unref(pattern->regex);
    g_free(pattern->module);
    g_free(pattern->glob);
    g_free(pattern->shown);
    g_free(pattern->text);
    g_free(pattern);
}

/* The slash that ends the regular expression which begins behind `text`; NULL: none does. */
static const char *regex_end(const char *text)
{
    for (const char *at = text + 1; (at = strchr(at, '/')); at++)
        if (at[-1] != '\\' && (at[1] == '\0' || at[1] == ',' || at[1] == '@'))
            return at;
    return NULL;
}

/* Behind the signs of an operator's name, when `at` is behind its word: those of operator<< are no
 * brackets. Else `at`. */
static const char *skip_operator(const char *body, const char *at)
{
    static const char word[] = "operator";
    size_t before = (size_t)(at - body), length = strlen(word);
    if (before < length || memcmp(at - length, word, length) != 0)
        return at;
    char other = before > length ? at[-(ptrdiff_t)length - 1] : ':';
    return g_ascii_isalnum(other) || other == '_' ? at : at + strspn(at, "<>=-*");
}

/* Where the pattern that begins at `text` ends: at a comma that is neither within brackets nor in a
 * regular expression. */
static size_t pattern_length(const char *text)
{
    const char *body = text + (text[0] == '!');
    const char *at = body[0] == '/' ? regex_end(body) : body;
    int depth = 0;
    for (at = at ? at : body; *at && (*at != ',' || depth > 0); at = skip_operator(body, at + 1)) {
        depth += *at == '(' || *at == '<';
        depth -= depth > 0 && (*at == ')' || *at == '>');
    }
    return (size_t)(at - text);
}

/* Whether a name has its parameters; those of operator() belong to its name. */
static bool has_parameters(const char *glob)
{
    const char *call = strstr(glob, "operator()");
    return strchr(call ? call + strlen("operator()") : glob, '(');
}

/* What GLib says behind the expression itself and the place in it. */
static const char *regex_trouble(const char *message, const char *text)
{
    const char *found = strstr(message, text);
    const char *colon = found ? strstr(found + strlen(text), ": ") : NULL;
    return colon ? colon + 2 : message;
}

static bool compile_regex(struct pattern *pattern, const char *body, size_t length, GError **error)
{
    GError *trouble = NULL;
    char *text = g_strndup(body + 1, length - 2);
    pattern->regex = g_regex_new(text, G_REGEX_OPTIMIZE, 0, &trouble);
    if (!pattern->regex)
        proftop_error_set(error, PROFTOP_ERROR_USAGE, "the regular expression %s is wrong: %s",
                          pattern->shown, regex_trouble(trouble->message, text));
    g_clear_error(&trouble);
    g_free(text);
    return pattern->regex != NULL;
}

static bool take_regex(struct pattern *pattern, const char *body, size_t length, GError **error)
{
    const char *wrong = NULL;
    if (!regex_end(body))
        wrong = strchr(body + 1, '/') ? "has something behind its end: its second slash must be "
                                        "the last sign (options stand within, as in /(?i)fib/)"
                                      : "has no end: it must stand between two slashes";
    else if (length < 2 || body[length - 1] != '/')
        wrong = "has no end: it must stand between two slashes";
    else if (length == 2)
        wrong = "is empty: write what to find between its slashes";
    if (!wrong)
        return compile_regex(pattern, body, length, error);
    return proftop_error_set(error, PROFTOP_ERROR_USAGE, "the regular expression %s %s",
                             pattern->shown, wrong);
}

/* Whether no bracket is left open; "[]", as in operator[], is none. */
static bool check_brackets(const struct pattern *pattern, const char *glob, GError **error)
{
    for (const char *at = glob; glob && (at = strpbrk(at, "\\[")); at++)
        if (*at == '\\' ? !*++at : !strchr(at, ']'))
            return proftop_error_set(error, PROFTOP_ERROR_USAGE,
                                     *at ? "\"%s\" has a [ without its ]: add it, or write \\["
                                         : "\"%s\" ends in a \\: write \\\\ for the sign itself",
                                     pattern->shown);
    return true;
}

/* What stands before a module. */
static bool take_body(struct pattern *pattern, const char *body, size_t length, GError **error)
{
    if (body[0] == '/')
        return take_regex(pattern, body, length, error);
    pattern->is_file = g_str_has_prefix(body, "file:");
    size_t skip = pattern->is_file ? strlen("file:") : 0;
    if (length == skip)
        return pattern->module && !pattern->is_file
                   ? true
                   : proftop_error_set(error, PROFTOP_ERROR_USAGE,
                                       "\"%s\" names no function: write a name there, or leave "
                                       "out the comma; e.g. 'main,parse_*,/^ns::/,@libfoo*'",
                                       pattern->shown);
    pattern->glob = g_strndup(body + skip, length - skip);
    pattern->is_whole = !pattern->is_file && has_parameters(pattern->glob);
    return check_brackets(pattern, pattern->glob, error);
}

static bool take_pattern(struct pattern *pattern, GError **error)
{
    pattern->is_not = pattern->text[0] == '!';
    const char *body = pattern->text + pattern->is_not;
    const char *end = body[0] == '/' ? regex_end(body) : body;
    const char *at = strrchr(end ? end : body, '@');
    size_t length = at ? (size_t)(at - body) : strlen(body);
    if (at && at[1] == '\0')
        return proftop_error_set(error, PROFTOP_ERROR_USAGE,
                                 "\"%s\" names no module behind its @: add it, or leave out the @",
                                 pattern->shown);
    if (at)
        pattern->module = g_strdup(at + 1);
    return check_brackets(pattern, pattern->module, error) &&
           take_body(pattern, body, length, error);
}

/* Takes a list apart. */
static bool take_patterns(struct calls_filter *filter, const char *text, GError **error)
{
    do {
        size_t length = pattern_length(text);
        struct pattern *pattern = g_new0(struct pattern, 1);
        pattern->text = g_strstrip(g_strndup(text, length));
        pattern->shown = calls_filter_shorten(pattern->text);
        g_ptr_array_add(filter->patterns, pattern);
        text += length + (text[length] == ',');
        if (!take_pattern(pattern, error))
            return false;
    } while (*text);
    return true;
}

static bool takes_any(const struct calls_filter *filter)
{
    for (guint i = 0; i < filter->patterns->len; i++)
        if (!((const struct pattern *)g_ptr_array_index(filter->patterns, i))->is_not)
            return true;
    return false;
}

struct calls_filter *calls_filter_new_all(char *const *texts, GError **error)
{
    struct calls_filter *filter = g_new0(struct calls_filter, 1);
    bool ok = true;
    filter->patterns = g_ptr_array_new_with_free_func(pattern_free);
    for (; ok && *texts; texts++)
        ok = take_patterns(filter, *texts, error);
    if (ok && takes_any(filter))
        return filter;
    if (ok)
        proftop_error_set(error, PROFTOP_ERROR_USAGE,
                          "the filter names no function to count; e.g. "
                          "'main,parse_*,/^ns::/,@libfoo*'");
    calls_filter_free(filter);
    return NULL;
}

struct calls_filter *calls_filter_new(const char *text, GError **error)
{
    char *const texts[] = {(char *)text, NULL}; /* is not changed */
    return calls_filter_new_all(texts, error);
}

void calls_filter_free(struct calls_filter *filter)
{
    if (!filter)
        return;
    g_ptr_array_unref(filter->patterns);
    g_free(filter);
}

static bool module_matches(const struct pattern *pattern, const char *module)
{
    const char *slash = strrchr(module, '/');
    return !pattern->module || fnmatch(pattern->module, slash ? slash + 1 : module, 0) == 0 ||
           fnmatch(pattern->module, module, 0) == 0;
}

/* The path, or its end behind any of its slashes. */
static bool file_matches(const char *glob, const char *file)
{
    bool is_found = file[0] != '\0' && fnmatch(glob, file, 0) == 0;
    for (const char *at = file; !is_found && (at = strchr(at, '/'));)
        is_found = fnmatch(glob, ++at, 0) == 0;
    return is_found;
}

/* The short name without the marks that stand for template arguments. */
static bool plain_name_matches(const char *glob, const char *brief)
{
    static const char mark[] = "<\u2026>";
    if (!strstr(brief, mark))
        return false;
    char **parts = g_strsplit(brief, mark, -1);
    char *plain = g_strjoinv("", parts);
    bool matches = fnmatch(glob, plain, 0) == 0;
    g_free(plain);
    g_strfreev(parts);
    return matches;
}

static bool name_matches(const struct pattern *pattern, const struct calls_candidate *candidate)
{
    if (pattern->regex)
        return g_regex_match(pattern->regex, candidate->name, 0, NULL);
    if (!pattern->glob)
        return true;
    if (pattern->is_file)
        return file_matches(pattern->glob, candidate->file);
    if (pattern->is_whole)
        return fnmatch(pattern->glob, candidate->name, 0) == 0;
    return fnmatch(pattern->glob, candidate->brief, 0) == 0 ||
           fnmatch(pattern->glob, candidate->linkage, 0) == 0 ||
           plain_name_matches(pattern->glob, candidate->brief);
}

bool calls_filter_matches(const struct calls_filter *filter,
                          const struct calls_candidate *candidate)
{
    struct calls_filter *found = (struct calls_filter *)filter; /* what it remembers */
    bool is_meant = false, is_not = false;
    for (guint i = 0; i < filter->patterns->len; i++) {
        struct pattern *pattern = g_ptr_array_index(filter->patterns, i);
        if (!module_matches(pattern, candidate->module) || !name_matches(pattern, candidate))
            continue;
        g_atomic_int_set(&pattern->has_matched, 1);
        *(pattern->is_not ? &is_not : &is_meant) = true;
    }
    if (is_meant)
        g_atomic_int_set(is_not ? &found->has_excluded : &found->has_meant, 1);
    return is_meant && !is_not;
}

bool calls_filter_wants_module(const struct calls_filter *filter, const char *module)
{
    for (guint i = 0; i < filter->patterns->len; i++) {
        const struct pattern *pattern = g_ptr_array_index(filter->patterns, i);
        if (!pattern->is_not && module_matches(pattern, module))
            return true;
    }
    return false;
}

bool calls_filter_wants_files(const struct calls_filter *filter)
{
    for (guint i = 0; i < filter->patterns->len; i++)
        if (((const struct pattern *)g_ptr_array_index(filter->patterns, i))->is_file)
            return true;
    return false;
}

bool calls_filter_excludes_all(const struct calls_filter *filter)
{
    return g_atomic_int_get(&filter->has_excluded) && !g_atomic_int_get(&filter->has_meant);
}

GPtrArray *calls_filter_unmatched(const struct calls_filter *filter)
{
    GPtrArray *unmatched = g_ptr_array_new();
    for (guint i = 0; i < filter->patterns->len; i++) {
        struct pattern *pattern = g_ptr_array_index(filter->patterns, i);
        if (!g_atomic_int_get(&pattern->has_matched))
            g_ptr_array_add(unmatched, pattern->shown);
    }
    return unmatched;
}
