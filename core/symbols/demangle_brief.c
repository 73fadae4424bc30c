/*
 * The short form of a demangled name.
 *
 * One pass from left to right, no grammar: C++ and Rust names are told apart by their brackets
 * alone. The traps are names in which brackets do not pair (operator<, operator->, "->" in Rust's
 * function types), so those are copied or skipped as whole tokens first.
 */
#include "core/symbols/demangle.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

enum { BRACKET_DEPTH_MAX = 512 };

struct brief {
    const char *next; /* what is left of the full name */
    GString *out;
    size_t base;     /* `out` is never cut below this: a kept prefix ends here */
    int qualified;   /* open `<` of Rust's <Type as Trait> */
    bool has_params; /* a C++ signature: what stands before a space is its return type */
};

/* Every operator whose name holds a bracket; longer ones first. */
static const char *const bracket_operators[] = {
    "()", "[]", "<=>", "<<=", ">>=", "->*", "->", "<<", ">>", "<=", ">=", "<", ">",
};

/* These precede a function's whole name and say what the symbol is: they stay. */
static const char *const kept_prefixes[] = {
    "non-virtual thunk to ", "virtual thunk to ",         "covariant return thunk to ",
    "guard variable for ",   "TLS wrapper function for ", "TLS init function for ",
};

static const char *const trailing_qualifiers[] = {" const", " volatile", " restrict",
                                                  " &&",    " &",        " noexcept"};

static bool is_name_char(char c)
{
    return g_ascii_isalnum(c) || c == '_' || c == '$' || (c & 0x80);
}

/* Length of the operator's symbol when `p` (after the word "operator") starts with one that holds a
 * bracket. */
static size_t operator_symbol_length(const char *p)
{
    for (size_t i = 0; i < G_N_ELEMENTS(bracket_operators); i++) {
        if (g_str_has_prefix(p, bracket_operators[i]))
            return strlen(bracket_operators[i]);
    }
    return 0;
}

/* Length of the word "operator" at `p`, or 0; `start` bounds the look back. */
static size_t operator_word_length(const char *start, const char *p)
{
    static const char word[] = "operator";
    const size_t length = sizeof(word) - 1;
    if (p[0] != 'o' || strncmp(p, word, length) != 0 || is_name_char(p[length]))
        return 0;
    return p > start && is_name_char(p[-1]) ? 0 : length;
}

static void close_bracket(char *stack, size_t *depth, char open)
{
    while (*depth > 0 && stack[*depth - 1] == '<' && open != '<')
        (*depth)--;
    if (*depth > 0 && stack[*depth - 1] == open)
        (*depth)--;
}

static void step_bracket(char *stack, size_t *depth, const char *p)
{
    switch (*p) {
    case '(':
    case '[':
    case '{':
    case '<':
        stack[(*depth)++] = *p;
        break;
    case ')':
        close_bracket(stack, depth, '(');
        break;
    case ']':
        close_bracket(stack, depth, '[');
        break;
    case '}':
        close_bracket(stack, depth, '{');
        break;
    case '>':
        if (p[-1] != '-')
            close_bracket(stack, depth, '<');
        break;
    }
}

/* The end of the bracket that opens at `open`; the end of the text when it never closes. */
static const char *skip_bracket(const char *open)
{
    char stack[BRACKET_DEPTH_MAX];
    size_t depth = 0;
    const char *p = open;
    while (*p && depth < BRACKET_DEPTH_MAX) {
        size_t word = operator_word_length(open, p);
        if (word > 0) {
            p += word + operator_symbol_length(p + word);
            continue;
        }
        step_bracket(stack, &depth, p++);
        if (depth == 0)
            return p;
    }
    return p + strlen(p);
}

static char last_char(const struct brief *b)
{
    return b->out->len > b->base ? b->out->str[b->out->len - 1] : '\0';
}

static void copy_until(struct brief *b, const char *end)
{
    g_string_append_len(b->out, b->next, end - b->next);
    b->next = end;
}

static void collapse_arguments(struct brief *b)
{
    if (b->out->len > b->base + 2 && g_str_has_suffix(b->out->str, "::"))
        g_string_truncate(b->out, b->out->len - 2);
    g_string_append(b->out, "<…>");
    b->next = skip_bracket(b->next);
}

/* `<` after a name holds arguments; anywhere else it opens Rust's <Type as Trait>, whose names
 * matter. */
static void take_angle(struct brief *b)
{
    char last = last_char(b);
    if (last != '\0' && !strchr(" <&(,[*", last)) {
        collapse_arguments(b);
        return;
    }
    b->qualified++;
    copy_until(b, b->next + 1);
}

/* "operator" and its symbol, or the type that a conversion operator names. */
static void take_operator(struct brief *b, size_t word)
{
    copy_until(b, b->next + word);
    copy_until(b, b->next + operator_symbol_length(b->next));
    if (g_str_has_prefix(b->next, " <")) {
        b->next++;
        collapse_arguments(b);
        return;
    }
    while (*b->next && *b->next != '(') {
        if (*b->next == '<')
            collapse_arguments(b);
        else
            copy_until(b, b->next + 1);
    }
}

static bool skip_one_qualifier(struct brief *b)
{
    for (size_t i = 0; i < G_N_ELEMENTS(trailing_qualifiers); i++) {
        if (g_str_has_prefix(b->next, trailing_qualifiers[i])) {
            b->next += strlen(trailing_qualifiers[i]);
            return true;
        }
    }
    if (!g_str_has_prefix(b->next, " [clone "))
        return false;
    b->next = skip_bracket(b->next + 1);
    return true;
}

static void take_paren(struct brief *b)
{
    static const char anonymous[] = "(anonymous namespace)";
    char last = last_char(b);
    if (g_str_has_prefix(b->next, anonymous)) {
        copy_until(b, b->next + sizeof(anonymous) - 1);
        return;
    }
    if (b->qualified > 0 || last == '\0' || last == ' ') {
        copy_until(b, b->qualified > 0 ? b->next + 1 : skip_bracket(b->next));
        return;
    }
    b->next = skip_bracket(b->next);
    while (skip_one_qualifier(b))
        ;
}

static void take_char(struct brief *b)
{
    if (*b->next == ' ' && b->qualified == 0 && b->has_params) {
        g_string_truncate(b->out, b->base);
        b->next++;
        return;
    }
    if (*b->next == '>' && b->qualified > 0 && b->next[-1] != '-')
        b->qualified--;
    copy_until(b, b->next + 1);
}

static void drop_rust_hash(GString *out)
{
    const size_t length = strlen("::h") + 16;
    const char *tail = out->len > length ? out->str + out->len - length : NULL;
    if (!tail || !g_str_has_prefix(tail, "::h"))
        return;
    if (strspn(tail + 3, "0123456789abcdef") == 16)
        g_string_truncate(out, out->len - length);
}

static void take_prefix(struct brief *b)
{
    for (size_t i = 0; i < G_N_ELEMENTS(kept_prefixes); i++) {
        if (g_str_has_prefix(b->next, kept_prefixes[i]))
            copy_until(b, b->next + strlen(kept_prefixes[i]));
    }
    b->base = b->out->len;
}

/* Go: package.(*Type).Method. The brackets are no parameters, and nothing else is there to shorten.
 */
static bool is_go_method(const char *full)
{
    return strstr(full, ".(") != NULL;
}

char *demangle_brief(const char *full)
{
    if (is_go_method(full))
        return g_strdup(full);
    struct brief b = {
        .next = full, .out = g_string_new(NULL), .has_params = strchr(full, '(') != NULL};
    take_prefix(&b);
    while (*b.next) {
        size_t word = operator_word_length(full, b.next);
        if (word > 0)
            take_operator(&b, word);
        else if (*b.next == '<')
            take_angle(&b);
        else if (*b.next == '(')
            take_paren(&b);
        else if (*b.next == '{')
            copy_until(&b, skip_bracket(b.next));
        else
            take_char(&b);
    }
    drop_rust_hash(b.out);
    return g_string_free(b.out, FALSE);
}
