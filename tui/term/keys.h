/*
 * Every key of the interface in one table: it feeds the key map, the help screen, the hints on the
 * last line and the man page, so that they cannot disagree.
 *
 * KEY(request, context, keys, hint, help): `keys` are names separated by blanks (key_code_parse);
 * `hint` is the short form for the last line, "" for none. A key of a view's context wins over one
 * of ALL; within a context and ALL no key stands twice (tested). Memory is a table like Functions
 * and has its keys as well.
 */
#ifndef PROFTOP_TUI_TERM_KEYS_H
#define PROFTOP_TUI_TERM_KEYS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* clang-format off */
#define KEY_TABLE(KEY) \
    KEY(HELP,          ALL,       "? h F1",        "help",    "show or leave the help") \
    KEY(QUIT,          ALL,       "q F10 C-c",     "quit",    "quit; asks what to do with a target that still runs") \
    KEY(VIEW,          ALL,       "0 1 2 3 4 5 6 7 8 9", "",  "go to the view of that number") \
    KEY(NEXT_VIEW,     ALL,       "Tab",           "",        "next view") \
    KEY(PREVIOUS_VIEW, ALL,       "S-Tab",         "",        "previous view") \
    KEY(UP,            ALL,       "Up k",          "",        "up a row (Flame: to the frame above)") \
    KEY(DOWN,          ALL,       "Down j",        "",        "down a row (Flame: to the frame below)") \
    KEY(LEFT,          ALL,       "Left",          "",        "scroll names left (Flame: to the box on the left)") \
    KEY(RIGHT,         ALL,       "Right",         "",        "scroll names right (Flame: to the box on the right)") \
    KEY(PAGE_UP,       ALL,       "PgUp C-b",      "",        "up a page") \
    KEY(PAGE_DOWN,     ALL,       "PgDn C-f",      "",        "down a page") \
    KEY(HALF_UP,       ALL,       "C-u",           "",        "up half a page") \
    KEY(HALF_DOWN,     ALL,       "C-d",           "",        "down half a page") \
    KEY(HOME,          ALL,       "Home g",        "",        "to the first row; the cursor then stays on top") \
    KEY(END,           ALL,       "End G",         "",        "to the last row") \
    KEY(SEARCH,        ALL,       "/ F3",          "search",  "search names as you type (regular expression)") \
    KEY(SEARCH_NEXT,   ALL,       "n",             "",        "next match") \
    KEY(SEARCH_BACK,   ALL,       "N",             "",        "previous match") \
    KEY(PAUSE,         ALL,       "p",             "pause",   "freeze the display; sampling goes on") \
    KEY(SAMPLING,      ALL,       "z",             "",        "switch sampling off or on") \
    KEY(RATE_DOWN,     ALL,       "{",             "",        "sample less often (49 ... 3999 Hz)") \
    KEY(RATE_UP,       ALL,       "}",             "",        "sample more often") \
    KEY(WINDOW,        ALL,       "m",             "window",  "time shown: whole run, last 10 s, 30 s, 60 s, since the mark") \
    KEY(RESET,         ALL,       "R",             "",        "set the mark here and show only what comes from now on") \
    KEY(UNIT,          ALL,       "u",             "unit",    "show time, samples, or shares only") \
    KEY(NAMES,         ALL,       "V",             "",        "short or full names (parameters, template arguments)") \
    KEY(SAVE,          ALL,       "W",             "save",    "write a snapshot and say its name") \
    KEY(FASTER,        ALL,       "+",             "",        "refresh the screen more often (down to 50 ms)") \
    KEY(SLOWER,        ALL,       "-",             "",        "refresh the screen less often (up to 2 s)") \
    KEY(REDRAW,        ALL,       "C-l",           "",        "draw the whole screen anew") \
    KEY(SUSPEND,       ALL,       "C-z",           "",        "suspend proftop; fg brings it back") \
    KEY(HEAP_POLICY,   ALL,       "M",             "",        "measure the heap: auto, exact, sampled, off, in turn") \
    KEY(COUNT_CALLS,   ALL,       "x",             "count calls", "count the calls of the selected function exactly from now on, or no longer") \
    KEY(CALLS_POLICY,  ALL,       "X",             "",        "count calls: of what calls proftop by itself, of all functions compiled for it, of none, in turn") \
    KEY(OPEN_FLAME,    FUNCTIONS, "Enter",         "flame",   "show the function in Flame, weighed by what the table is sorted by") \
    KEY(DETAILS,       FUNCTIONS, "e",             "details", "all about the row (Functions: its calls; Memory: call paths, sizes and lifetimes); again: the table") \
    KEY(SORT_LEFT,     FUNCTIONS, "<",             "",        "sort by the column to the left") \
    KEY(SORT_RIGHT,    FUNCTIONS, ">",             "",        "sort by the column to the right") \
    KEY(SORT_NEXT,     FUNCTIONS, "s F6",          "sort",    "sort by the next column, in turn") \
    KEY(SORT_INVERT,   FUNCTIONS, "I",             "",        "invert the order") \
    KEY(FILTER,        FUNCTIONS, "\\ F4",         "filter",  "keep only matching functions or modules") \
    KEY(FILTER_CLEAR,  FUNCTIONS, "c",             "",        "clear the filter") \
    KEY(ZOOM_IN,       FLAME,     "Enter",         "zoom",    "zoom into the frame under the cursor") \
    KEY(ZOOM_OUT,      FLAME,     "Backspace Esc", "out",     "zoom out") \
    KEY(WEIGHT,        FLAME,     "w",             "weight",  "weigh by CPU time, live bytes, bytes at the peak, bytes allocated, allocations, temporary blocks, call time, calls") \
    KEY(BOTTOM_UP,     FLAME,     "b",             "bottom-up", "callers below (bottom-up) or callees below (top-down)") \
    KEY(FOLD,          FLAME,     "y",             "fold",    "fold direct recursion into one frame") \
    KEY(HIGHLIGHT,     FLAME,     "#",             "same",    "highlight every occurrence of this function") \
    KEY(EXPORT,        FLAME,     "E",             "svg",     "write the picture as SVG, for browsers, and say its name") \
    KEY(SELECT,        THREADS,   "Enter Space",   "only this", "show only this thread or process in all views; again: all") \
    KEY(BY_TIME,       THREADS,   "s F6",          "sort",    "most time first among siblings, or oldest first") \
    KEY(TYPE,          OUTPUT,    "i",             "type",    "type into the target") \
    KEY(TYPE_END,      TYPING,    "C-]",           "stop typing", "stop typing (also Esc twice); all other keys go to the target") \
    KEY(PROMPT_ACCEPT, PROMPT,    "Enter",         "keep",    "keep the pattern") \
    KEY(PROMPT_CANCEL, PROMPT,    "Esc C-c C-g",   "cancel",  "go back to how it was") \
    KEY(PROMPT_ERASE,  PROMPT,    "Backspace",     "",        "erase a character") \
    KEY(PROMPT_CLEAR,  PROMPT,    "C-u",           "",        "erase all") \
    KEY(QUIT_LEAVE,    QUIT,      "l Enter",       "leave it running", "quit and leave the target running") \
    KEY(QUIT_STOP,     QUIT,      "s",             "stop it (SIGTERM)", "quit and stop the target (SIGTERM)") \
    KEY(QUIT_CANCEL,   QUIT,      "c Esc",         "cancel",  "do not quit")
/* clang-format on */

enum request {
    REQUEST_NONE,
#define KEY(request, context, keys, hint, help) REQUEST_##request,
    KEY_TABLE(KEY)
#undef KEY
        REQUESTS,
};

enum key_context {
    KEYS_ALL,
    KEYS_FUNCTIONS, /* of Memory too */
    KEYS_FLAME,
    KEYS_THREADS,
    KEYS_OUTPUT,
    KEYS_TYPING, /* modal: without the keys of ALL, as are those below */
    KEYS_PROMPT,
    KEYS_QUIT,
    KEY_CONTEXTS,
};

/* Keys are Unicode characters (control keys 1-31, Enter '\r', Backspace 127) or one of these. */
enum key_code {
    KEY_CODE_NONE = 0,
    KEY_CODE_ENTER = '\r',
    KEY_CODE_ESC = 27,
    KEY_CODE_BACKSPACE = 127,
    KEY_CODE_UP = 0x110000,
    KEY_CODE_DOWN,
    KEY_CODE_LEFT,
    KEY_CODE_RIGHT,
    KEY_CODE_PAGE_UP,
    KEY_CODE_PAGE_DOWN,
    KEY_CODE_HOME,
    KEY_CODE_END,
    KEY_CODE_INSERT,
    KEY_CODE_DELETE,
    KEY_CODE_BACK_TAB,
    KEY_CODE_F0, /* F1 is KEY_CODE_F0 + 1, up to F12 */
    KEY_CODE_F12 = KEY_CODE_F0 + 12,
};

struct key_entry {
    enum request request;
    enum key_context context;
    const char *keys, *hint, *help;
};

/* The table, in the order of help; `ret_n` entries. Context: any thread. */
const struct key_entry *keys_table(size_t *ret_n);

/* Name of a context as help and man page head it. Context: any thread. */
const char *keys_context_name(enum key_context context);

/* Where a key is looked up that a context does not have: KEYS_ALL, or the context itself when there
 * is nothing more. Context: any thread. */
enum key_context keys_context_base(enum key_context context);

/* Whether the keys of ALL do nothing in this context. Context: any thread. */
bool keys_context_is_modal(enum key_context context);

/* Code of a key name of `length` bytes: "a", "C-l", "F4", "Up", "Space". KEY_CODE_NONE: no such
 * name. Context: any thread. */
uint32_t key_code_parse(const char *name, size_t length);

/* Codes of an entry's keys; at most `max` are stored, their number returned. Context: any thread.
 */
size_t keys_of_entry(const struct key_entry *entry, uint32_t *codes, size_t max);

/* What a key asks for in a context, REQUEST_NONE for nothing. Context: any thread. */
enum request keys_lookup(enum key_context context, uint32_t code);

/* The bytes that a terminal sends for a key, written to `bytes` (at least 8); returns how many.
 * Context: any thread. */
size_t key_code_bytes(uint32_t code, char *bytes);

/* Lists all keys by context, one a line: keys, tab, what they do. Context: any thread. */
void keys_print_list(FILE *out);

/* The same as mdoc(7) lists, one for each context: the man page's section. Context: any thread. */
void keys_print_mdoc(FILE *out);

#endif
