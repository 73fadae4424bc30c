/*
 * Rules about leaks: the built-in ones, reading more of them, and what a pattern means.
 */
#include "core/analysis/leak_rules.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/text.h"

enum { FILE_BYTES_MAX = 1 << 24 };

/*
 * Our own rules. Those that name files of the C library fit the innermost frames alone: these files
 * stand on many stacks (what starts a thread, what calls a constructor), so that a rule on any
 * frame would take the program's blocks as well.
 */
static const struct leak_rule built_in_rules[] = {
    {.pattern = "/ld-linux-",
     .why = "the loader's records of libraries and of thread-local memory: kept for the whole run",
     .innermost = true},
    {.pattern = "/libstdc++.so",
     .why = "memory that the C++ library sets aside at its start, to throw when there is no more",
     .innermost = true,
     .caller = "/ld-linux-"},
    {.pattern = "^__new_exitfn$", .why = "the list of what to call at exit: needed until then"},
    {.pattern = "^__cxa_atexit$", .why = "the list of what to call at exit: needed until then"},
    {.pattern = "^on_exit$", .why = "the list of what to call at exit: needed until then"},
    {.pattern = "^_IO_file_doallocate$",
     .why = "buffers of stdout and stdin; a file that was not closed shows by its own block"},
    {.pattern = "^tzset$", .why = "rules of the time zone: kept until TZ changes"},
    {.pattern = "^tzset_internal$", .why = "rules of the time zone: kept until TZ changes"},
    {.pattern = "^__tz_convert$", .why = "rules of the time zone: kept until TZ changes"},
    {.pattern = "^localtime$", .why = "rules of the time zone: kept until TZ changes"},
    {.pattern = "^localtime_r$", .why = "rules of the time zone: kept until TZ changes"},
    {.pattern = "^mktime$", .why = "rules of the time zone: kept until TZ changes"},
    {.pattern = "^setlocale$", .why = "data of the current locale: kept for whoever asks next"},
    {.pattern = "^textdomain$", .why = "name of the current message catalogue"},
    {.pattern = "^bindtextdomain$", .why = "where message catalogues are"},
    {.pattern = "^__dcigettext$",
     .why = "message catalogues and what was looked up in them: kept for the next time"},
    {.pattern = "^dcgettext$",
     .why = "message catalogues and what was looked up in them: kept for the next time"},
    {.pattern = "^__gconv_read_conf$", .why = "list of character sets: read once"},
    {.pattern = "^__gconv_load_cache$", .why = "list of character sets: read once"},
    {.pattern = "^__wcsmbs_load_conv$", .why = "how to convert the current locale's characters"},
    {.pattern = "^__nss_module_allocate$", .why = "a record of each name service that was used"},
    {.pattern = "^__nss_module_load$", .why = "a record of each name service that was used"},
    {.pattern = "^__nss_database_get$", .why = "what nsswitch.conf says: read once"},
    {.pattern = "^__nss_action_parse$", .why = "what nsswitch.conf says: read once"},
    {.pattern = "^getpwnam$", .why = "one answer that the next call overwrites"},
    {.pattern = "^getpwuid$", .why = "one answer that the next call overwrites"},
    {.pattern = "^getgrnam$", .why = "one answer that the next call overwrites"},
    {.pattern = "^getgrgid$", .why = "one answer that the next call overwrites"},
    {.pattern = "^gethostbyname$", .why = "one answer that the next call overwrites"},
    {.pattern = "^getservbyname$", .why = "one answer that the next call overwrites"},
    {.pattern = "^__res_maybe_init$", .why = "what resolv.conf says: read once for each thread"},
    {.pattern = "^__libc_unwind_link_get$",
     .why = "the unwinder: loaded once, for pthread_cancel()"},
    {.pattern = "^g_quark_", .why = "GLib's texts that have a number: for the whole run"},
    {.pattern = "^g_intern_", .why = "GLib's texts that have a number: for the whole run"},
    {.pattern = "^g_type_register_", .why = "GLib's types: for the whole run"},
    {.pattern = "^g_thread_self$", .why = "GLib's record of a thread that it did not start"},
    {.pattern = "^g_main_context_default$", .why = "GLib's one default context"},
};

struct leak_rules {
    GArray *rules;      /* struct leak_rule */
    GStringChunk *text; /* of rules that were read */
    unsigned n_built_in;
};

/* --- patterns --- */

/* Where `part` (of `size` bytes) stands in `text` first, or NULL. */
static const char *find_part(const char *text, const char *part, size_t size)
{
    return memmem(text, strlen(text), part, size);
}

/* Takes the parts between asterisks one after the other, each as early as can be; the last one of a
 * pattern that ends in $ must be at the end. */
static bool match_parts(const char *pattern, const char *end, const char *text, bool at_start)
{
    bool at_end = end > pattern && end[-1] == '$';
    end -= at_end;
    for (;;) {
        const char *star = memchr(pattern, '*', (size_t)(end - pattern));
        size_t size = (size_t)((star ? star : end) - pattern), left = strlen(text);
        const char *found = find_part(text, pattern, size);
        if (!star && at_end)
            found = left >= size && memcmp(text + left - size, pattern, size) == 0
                        ? text + left - size
                        : NULL;
        if (!found || (at_start && found != text))
            return false;
        if (!star)
            return true;
        text = found + size;
        pattern = star + 1;
        at_start = false;
    }
}

bool leak_pattern_matches(const char *pattern, const char *text)
{
    bool at_start = *pattern == '^';
    return *text && match_parts(pattern + at_start, pattern + strlen(pattern), text, at_start);
}

/* --- rules --- */

static void add_built_in(struct leak_rules *rules)
{
    for (size_t i = 0; i < G_N_ELEMENTS(built_in_rules); i++) {
        struct leak_rule rule = built_in_rules[i];
        rule.origin = "built in";
        g_array_append_val(rules->rules, rule);
    }
    rules->n_built_in = rules->rules->len;
}

struct leak_rules *leak_rules_new(bool with_built_in)
{
    struct leak_rules *rules = g_new0(struct leak_rules, 1);
    rules->rules = g_array_new(FALSE, FALSE, sizeof(struct leak_rule));
    rules->text = g_string_chunk_new(1 << 10);
    if (with_built_in)
        add_built_in(rules);
    return rules;
}

void leak_rules_free(struct leak_rules *rules)
{
    if (!rules)
        return;
    g_array_unref(rules->rules);
    g_string_chunk_free(rules->text);
    g_free(rules);
}

unsigned leak_rules_count(const struct leak_rules *rules)
{
    return rules->rules->len;
}

const struct leak_rule *leak_rules_get(const struct leak_rules *rules, unsigned number)
{
    g_assert(number < rules->rules->len);
    return &g_array_index(rules->rules, struct leak_rule, number);
}

/* --- reading --- */

/* What is wrong with a line that has no comment and is not empty; NULL: nothing. */
static const char *fault_of(const char *line)
{
    if (strncmp(line, "leak:", 5) != 0)
        return "is no \"leak:PATTERN\"";
    const char *pattern = line + 5;
    if (strspn(pattern, "^$") == strlen(pattern))
        return "has no pattern, and would hide every leak; write \"leak:*\" if that is meant";
    const char *dollar = strchr(pattern, '$');
    return dollar && dollar[1] ? "has a $ before its end; it stands for the end of a name" : NULL;
}

static bool set_fault(GError **error, const char *name, unsigned number, const char *line,
                      const char *fault)
{
    char *clean = text_clean(line);
    g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_CORRUPT, "%s: line %u: \"%.60s\" %s", name,
                number, clean, fault);
    g_free(clean);
    return false;
}

static void add_rule(struct leak_rules *rules, const char *name, unsigned number,
                     const char *pattern)
{
    char *origin = g_strdup_printf("%s:%u", name, number);
    struct leak_rule rule = {.pattern = g_string_chunk_insert(rules->text, pattern),
                             .origin = g_string_chunk_insert(rules->text, origin),
                             .why = ""};
    g_array_append_val(rules->rules, rule);
    g_free(origin);
}

static bool parse_line(struct leak_rules *rules, const char *name, unsigned number, char *line,
                       GError **error)
{
    g_strstrip(line);
    if (!*line || *line == '#')
        return true;
    const char *fault = fault_of(line);
    if (!fault && rules->rules->len - rules->n_built_in >= LEAK_RULES_MAX)
        fault = "is one rule too many";
    if (fault)
        return set_fault(error, name, number, line, fault);
    add_rule(rules, name, number, line + 5);
    return true;
}

bool leak_rules_parse(struct leak_rules *rules, const char *text, size_t size, const char *name,
                      GError **error)
{
    guint before = rules->rules->len;
    char *cleaned_name = text_clean(name);
    const char *end = text + size;
    bool ok = true;
    for (unsigned number = 1; ok && text < end; number++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *line_end = newline ? newline : end;
        char *line = g_strndup(text, (size_t)(line_end - text));
        ok = memchr(text, 0, (size_t)(line_end - text))
                 ? set_fault(error, cleaned_name, number, line, "goes on with a NUL byte: no text")
                 : parse_line(rules, cleaned_name, number, line, error);
        g_free(line);
        text = line_end + 1;
    }
    if (!ok)
        g_array_set_size(rules->rules, before);
    g_free(cleaned_name);
    return ok;
}

/* All of a file; NULL with an error. Free with g_byte_array_unref. */
static GByteArray *read_file(const char *path, GError **error)
{
    GByteArray *bytes = g_byte_array_new();
    guint8 buffer[1 << 14];
    FILE *file = fopen(path, "re");
    size_t n = 1;
    while (file && n > 0 && bytes->len <= FILE_BYTES_MAX) {
        n = fread(buffer, 1, sizeof buffer, file);
        g_byte_array_append(bytes, buffer, (guint)n);
    }
    bool ok = file && !ferror(file);
    if (!ok)
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED,
                    "%s: cannot be read: %s; give a file of lines \"leak:PATTERN\"", path,
                    g_strerror(errno));
    else if (bytes->len > FILE_BYTES_MAX)
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_CORRUPT,
                    "%s: is larger than 16 MiB: no list of suppressions", path);
    if (file)
        fclose(file);
    if (ok && bytes->len <= FILE_BYTES_MAX)
        return bytes;
    g_byte_array_unref(bytes);
    return NULL;
}

bool leak_rules_load(struct leak_rules *rules, const char *path, GError **error)
{
    GByteArray *bytes = read_file(path, error);
    if (!bytes)
        return false;
    bool ok = leak_rules_parse(rules, (const char *)bytes->data, bytes->len, path, error);
    g_byte_array_unref(bytes);
    return ok;
}
