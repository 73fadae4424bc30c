/*
 * Keys: the table of keys.h as data, look-up, and its print-outs.
 */
#include "tui/term/keys.h"

#include <string.h>

static const struct key_entry table[] = {
#define KEY(request, context, keys, hint, help)                                                    \
    {REQUEST_##request, KEYS_##context, keys, hint, help},
    KEY_TABLE(KEY)
#undef KEY
};

static const char *const context_names[KEY_CONTEXTS] = {
    [KEYS_ALL] = "Everywhere",  [KEYS_FUNCTIONS] = "Functions and Memory",
    [KEYS_FLAME] = "Flame",     [KEYS_THREADS] = "Threads",
    [KEYS_OUTPUT] = "Output",   [KEYS_TYPING] = "Typing into the target",
    [KEYS_PROMPT] = "Patterns", [KEYS_QUIT] = "Quitting while the target runs",
};

static const struct {
    const char *name;
    uint32_t code;
    const char *bytes; /* what a terminal sends */
} special_keys[] = {
    {"Up", KEY_CODE_UP, "\033[A"},
    {"Down", KEY_CODE_DOWN, "\033[B"},
    {"Left", KEY_CODE_LEFT, "\033[D"},
    {"Right", KEY_CODE_RIGHT, "\033[C"},
    {"PgUp", KEY_CODE_PAGE_UP, "\033[5~"},
    {"PgDn", KEY_CODE_PAGE_DOWN, "\033[6~"},
    {"Home", KEY_CODE_HOME, "\033[H"},
    {"End", KEY_CODE_END, "\033[F"},
    {"Ins", KEY_CODE_INSERT, "\033[2~"},
    {"Del", KEY_CODE_DELETE, "\033[3~"},
    {"Tab", '\t', "\t"},
    {"S-Tab", KEY_CODE_BACK_TAB, "\033[Z"},
    {"Enter", KEY_CODE_ENTER, "\r"},
    {"Esc", KEY_CODE_ESC, "\033"},
    {"Backspace", KEY_CODE_BACKSPACE, "\177"},
    {"Space", ' ', " "},
};

static const char *const function_key_bytes[13] = {
    "",         "\033OP",   "\033OQ",   "\033OR",   "\033OS",   "\033[15~", "\033[17~",
    "\033[18~", "\033[19~", "\033[20~", "\033[21~", "\033[23~", "\033[24~",
};

const struct key_entry *keys_table(size_t *ret_n)
{
    *ret_n = G_N_ELEMENTS(table);
    return table;
}

const char *keys_context_name(enum key_context context)
{
    return context_names[context];
}

enum key_context keys_context_base(enum key_context context)
{
    return keys_context_is_modal(context) ? context : KEYS_ALL;
}

bool keys_context_is_modal(enum key_context context)
{
    return context >= KEYS_TYPING;
}

static uint32_t parse_function_key(const char *name, size_t length)
{
    uint32_t number = 0;
    for (size_t i = 1; i < length; i++) {
        if (!g_ascii_isdigit(name[i]))
            return KEY_CODE_NONE;
        number = number * 10 + (uint32_t)(name[i] - '0');
    }
    return number >= 1 && number <= 12 ? KEY_CODE_F0 + number : KEY_CODE_NONE;
}

uint32_t key_code_parse(const char *name, size_t length)
{
    if (length == 1)
        return (uint8_t)name[0];
    if (length == 3 && strncmp(name, "C-", 2) == 0)
        return (uint32_t)name[2] & 0x1f;
    for (size_t i = 0; i < G_N_ELEMENTS(special_keys); i++)
        if (strlen(special_keys[i].name) == length &&
            strncmp(special_keys[i].name, name, length) == 0)
            return special_keys[i].code;
    if (name[0] == 'F' && length <= 3)
        return parse_function_key(name, length);
    return KEY_CODE_NONE;
}

size_t keys_of_entry(const struct key_entry *entry, uint32_t *codes, size_t max)
{
    size_t n = 0;
    for (const char *p = entry->keys; *p && n < max;) {
        size_t length = strcspn(p, " ");
        codes[n++] = key_code_parse(p, length);
        p += length;
        p += strspn(p, " ");
    }
    return n;
}

static bool entry_has(const struct key_entry *entry, uint32_t code)
{
    uint32_t codes[16];
    size_t n = keys_of_entry(entry, codes, G_N_ELEMENTS(codes));
    for (size_t i = 0; i < n; i++)
        if (codes[i] == code)
            return true;
    return false;
}

static enum request lookup_in(enum key_context context, uint32_t code)
{
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++)
        if (table[i].context == context && entry_has(&table[i], code))
            return table[i].request;
    return REQUEST_NONE;
}

enum request keys_lookup(enum key_context context, uint32_t code)
{
    enum request request = lookup_in(context, code);
    enum key_context base = keys_context_base(context);
    if (request == REQUEST_NONE && base != context)
        request = keys_lookup(base, code);
    return request;
}

static size_t copy_bytes(const char *from, char *bytes)
{
    size_t n = strlen(from);
    memcpy(bytes, from, n);
    return n;
}

size_t key_code_bytes(uint32_t code, char *bytes)
{
    for (size_t i = 0; i < G_N_ELEMENTS(special_keys); i++)
        if (special_keys[i].code == code)
            return copy_bytes(special_keys[i].bytes, bytes);
    if (code > KEY_CODE_F0 && code <= KEY_CODE_F12)
        return copy_bytes(function_key_bytes[code - KEY_CODE_F0], bytes);
    if (code >= KEY_CODE_UP)
        return 0;
    return (size_t)g_unichar_to_utf8(code, bytes);
}

void keys_print_list(FILE *out)
{
    for (int context = 0; context < KEY_CONTEXTS; context++) {
        fprintf(out, "%s%s:\n", context ? "\n" : "", context_names[context]);
        for (size_t i = 0; i < G_N_ELEMENTS(table); i++)
            if ((int)table[i].context == context)
                fprintf(out, "  %s\t%s\n", table[i].keys, table[i].help);
    }
}

/* In mdoc a backslash is written \e; the other keys need no escape behind \&. */
static void print_mdoc_keys(FILE *out, const char *keys)
{
    fputs(".It Ic \\&", out);
    for (; *keys; keys++) {
        if (*keys == '\\')
            fputs("\\e", out);
        else if (*keys == ' ')
            fputs(" \\&", out);
        else
            fputc(*keys, out);
    }
    fputc('\n', out);
}

void keys_print_mdoc(FILE *out)
{
    for (int context = 0; context < KEY_CONTEXTS; context++) {
        fprintf(out, ".Ss %s\n.Bl -tag -width Backspace\n", context_names[context]);
        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
            if ((int)table[i].context != context)
                continue;
            print_mdoc_keys(out, table[i].keys);
            fprintf(out, "%s.\n", table[i].help);
        }
        fputs(".El\n", out);
    }
}
